"""The three paths that kill-index and syscall-errors walk, with tests/probe/inject at one process:
serve (mscgd from a submission to the removed cgroup), recover (mscgd from its lock until it has taken everything over, with
a job that runs and one that ended meanwhile), supervise (the supervisor of one job, from START to its end)."""
import subprocess

from oracle import *

FLOCK = 73


class Path:
    def __init__(self, kind, rng):
        self.kind, self.rng = kind, rng
        self.world = World(*(["--spare-supervisors", "1"] if kind == "supervise" else []))
        self.world.start()
        self.clean = True  # what ends may end as usual only
        self.said = ""
        self.unwell = self.hangs = False

    def nonce(self):
        return "n%016x" % self.rng.getrandbits(64)

    def submit(self, ms):
        """Through libmscg; what is not acknowledged need not be there."""
        try:
            c = Client(self.world.socket, self.world.uid, 5)
        except Refused:
            return None
        try:
            return self.world.submit(c, ms, self.nonce())
        except Refused as e:
            self.said = str(e)
            return None
        finally:
            c.close()

    def attach(self, pid, options):
        p = subprocess.Popen([os.path.join(probe, "inject"), *options, "-p", str(pid)], stdout=subprocess.PIPE, text=True)
        if p.stdout.readline() != "attached\n":
            p.wait()
            return None
        return p

    def over(self, injector, seconds):
        """Waits until nothing is active, the daemon is gone, or (with something injected for good) time is up."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.world.process.poll() is None:
            try:
                if not self.world.list(active=True):
                    return True
            except (OSError, EOFError, Refused):
                pass
            time.sleep(0.004)
        return False

    def detach(self, injector):
        """What inject says: did it do its work, and the calls that it counted."""
        if injector is None:
            return False, {}
        if injector.poll() is None:
            injector.terminate()
        out = injector.communicate()[0]
        return injector.returncode == 3, {int(l.split()[0]): int(l.split()[1]) for l in out.splitlines() if l[0].isdigit()}

    def walk(self, options, seconds=8):
        """One time along the path. (did inject do it, what it counted, exit status of a daemon that ended)"""
        return getattr(self, self.kind)(options, seconds)

    def revive(self):
        status = self.world.process.poll()
        if status is not None:
            self.world.spawn()
        self.world.client().close()
        return status

    def serve(self, options, seconds):
        if self.unwell: # its store was to fail: it would wait before it tries again
            self.world.crash()
            self.world.start()
        injector = self.attach(self.world.process.pid, options)
        job = self.submit(0)
        over = self.over(injector, seconds)
        self.unwell = job is None or not over
        self.hangs = job is not None and not over and self.world.process.poll() is None
        fired, counted = self.detach(injector)
        if fired and "-k" in options:
            self.world.process.wait()
        return fired, counted, self.revive()

    def supervise(self, options, seconds):
        # A new daemon has one spare supervisor, which gets the next launch; those before are on their way out.
        self.world.crash()
        self.world.start()
        pids, end = [], time.monotonic() + 20
        while len(pids) != 1:
            if time.monotonic() > end:
                raise TimeoutError("supervisors: %s" % pids)
            time.sleep(0.005)
            pids = [int(l) for l in open(self.world.cgroup + "/supervisors/cgroup.procs")]
        injector = self.attach(pids[0], [*options, "-f"])
        job = self.submit(20)
        over = self.over(injector, seconds)
        self.hangs = job is not None and not over
        fired, counted = self.detach(injector)
        return fired, counted, self.revive()

    def recover(self, options, seconds):
        w = self.world
        self.submit(0)
        self.submit(150)
        w.crash()
        w.prefix = [os.path.join(probe, "inject"), "-b", str(FLOCK), "-c", *options, "--"]
        out = w.log
        w.log = open(w.dir + "/counted", "w+b")
        w.spawn()
        w.log.close()
        w.log, w.prefix = out, []
        self.over(None, seconds)
        if w.process.poll() is None: # it serves: all was taken over
            time.sleep(0.02)
            w.process.terminate()
        w.process.wait()
        text = open(w.dir + "/counted", errors="replace").read()
        w.log.write(text.encode())
        w.log.flush()
        counted = {int(l.split()[0]): int(l.split()[1]) for l in text.splitlines() if len(l.split()) == 2 and l.replace(" ", "").isdigit()}
        status = w.process.returncode
        self.revive()
        return status == 3, counted, status

    def verdict(self, expect=None, may_be_lost=False):
        left = self.world.settle(30)
        v = judge(self.world, expect, may_be_lost)
        for job in left.values():
            v.add("lost", "job %s is %s for ever: %s" % (job["id"], job["state"], job["reason_text"]))
        if v.problems:
            diag(self.world.said(30))
        if not self.world.destroy():
            v.add("broken", "cgroups are left")
        return v
