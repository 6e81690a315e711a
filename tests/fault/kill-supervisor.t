#!/usr/bin/python3
# timeout: 200
# alone: it measures how long things take
"""SIGKILL of supervisors, and with --both of the daemon and a supervisor together: the job's end is recorded in 2 s with the
reason, no process of it survives, nothing runs again."""
import os, sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from oracle import *

suite = Suite("kill-supervisor", short=24, both=dict(action="store_true", help="the daemon too, each time"),
              round=dict(type=int, default=50, help="kills between two judgements"))
LIVE, LIMIT = 24, 2.0


def parent_of(pid):
    with open("/proc/%s/stat" % pid) as f:
        return int(f.read().rsplit(")", 1)[1].split()[1])


def supervisors(world):
    return [int(line) for line in open(world.cgroup + "/supervisors/cgroup.procs")]


def members(world, job):
    try:
        return [int(line) for line in open("%s/job_%s/cgroup.procs" % (world.cgroup, job))]
    except OSError:
        return []


def alive(pid):
    try:
        return open("/proc/%d/stat" % pid).read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


class Round:
    def __init__(self, rng, both):
        self.rng, self.both, self.v = rng, both, Verdict()
        self.world = World()
        self.world.start()
        self.client = self.world.client(self.world.uid)
        self.died, self.cancelled = set(), set()
        self.kills, self.slowest = 0, 0.0

    def submit(self, n, ms=600000):
        """Each leaves another process beside the one that ends."""
        w = self.world
        for _ in range(n):
            nonce = "n%016x" % self.rng.getrandbits(64)
            w.submit(self.client, ms, nonce, shell=True,
                     argv=["sleep 600 & exec %s %s %s %d" % (os.path.join(probe, "ledger"), w.ledger_dir, nonce, ms)])

    def running(self):
        """[(job, pid)] of those that have not been judged yet"""
        found = []
        for twice, job, attempt, boot, nonce, pid in self.world.ledger():
            if not twice and job not in self.died and alive(int(pid)):
                found.append((job, int(pid)))
        return found

    def kill(self, pid):
        w = self.world
        if self.both and self.rng.random() < 0.5:
            w.crash()
            os.kill(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)
            if self.both:
                time.sleep(self.rng.choice([0, 0, 0.002, 0.02]))
                w.crash()
        self.kills += 1
        if self.both:
            self.client.close()
            w.spawn()
            self.client = w.client(w.uid)

    def one(self):
        """A job that runs loses its supervisor."""
        job, pid = self.rng.choice(self.running())
        pids = members(self.world, job)
        self.died.add(job)
        try:
            supervisor = parent_of(pid)
        except OSError:
            return # gone meanwhile
        if supervisor not in supervisors(self.world):
            self.orphan(job, pid)
            return
        self.kill(supervisor)
        begin = time.monotonic()
        while True:
            state = self.client.call("Show", id=job)["job"]
            took = time.monotonic() - begin
            if state["state"] in FINAL or took > LIMIT + 8:
                break
            time.sleep(0.005)
        self.slowest = max(self.slowest, took)
        if (state["state"], state["reason"]) != ("FAILED", "SupervisorDied"):
            self.v.add("wrong", "job %s: %s %s" % (job, state["state"], state["reason"]))
        if took > LIMIT:
            self.v.add("broken", "job %s: recorded after %.1f s" % (job, took))
        left = [p for p in pids if alive(p)]
        if left or members(self.world, job):
            self.v.add("broken", "job %s: processes survive: %s" % (job, left))

    def orphan(self, job, pid):
        """Its supervisor is one that early() killed a moment ago."""
        end = time.monotonic() + LIMIT
        while alive(pid) and time.monotonic() < end:
            time.sleep(0.005)
        if alive(pid):
            self.v.add("broken", "job %s runs on without its supervisor" % job)

    def early(self):
        """Any supervisor, while jobs are being started."""
        self.submit(3, self.rng.randrange(300))
        time.sleep(self.rng.uniform(0, 0.012))
        self.kill(self.rng.choice(supervisors(self.world)))

    def expect(self, job, row):
        if row["reason"] == "SupervisorDied":
            self.seen += 1
            return ("FAILED", -1, 0)
        return (row["state"], row["exit_code"], row["signal"]) if row["state"] == "CANCELLED" and job in self.cancelled else None

    def run(self, kills):
        self.submit(LIVE)
        end = time.monotonic() + 60
        while len(self.running()) < LIVE and time.monotonic() < end:
            time.sleep(0.02)
        while self.kills < kills:
            if len(self.running()) > LIVE // 2 and self.rng.random() < 0.7:
                self.one()
            else:
                self.early()
                self.submit(1)
            if len(self.running()) < LIVE:
                self.submit(1)
        return self.end()

    def end(self):
        w = self.world
        time.sleep(0.5)
        for job in w.list(active=True):
            self.cancelled.add(job)
            try:
                self.client.call("Cancel", ids=[job])
            except Refused:
                pass
        left = w.settle(60)
        for job in left.values():
            self.v.add("lost", "job %s is %s for ever: %s" % (job["id"], job["state"], job["reason_text"]))
        self.seen = 0
        v = judge(w, self.expect, may_be_lost=self.both)
        v.counts["SupervisorDied"] = self.seen
        if self.seen > self.kills:
            v.add("wrong", "%d supervisors were killed, %d jobs say so" % (self.kills, self.seen))
        v.counts.update(self.v.counts)
        v.problems += self.v.problems
        if v.problems:
            diag(w.said(30))
        if not w.destroy():
            v.add("broken", "cgroups are left")
        return v


def control():
    r = Round(random.Random(5), False)
    r.submit(4)
    while len(r.running()) < 4:
        time.sleep(0.02)
    job, pid = r.running()[0]
    nonce = next(n for n, j in r.world.submissions.items() if j == job)
    subprocess.run([os.path.join(probe, "ledger"), r.world.ledger_dir, nonce, "0"], env={"MSCG_JOB_ID": job})
    os.kill(r.world.process.pid, signal.SIGSTOP)
    threading.Timer(LIMIT + 0.5, os.kill, (r.world.process.pid, signal.SIGCONT)).start()
    r.died.add(job)
    r.one()
    v = r.end()
    ok(v.counts["twice"] > 0, "control: a job that is run again is found", v.problems)
    ok(any("recorded after" in p for p in v.problems), "control: a daemon that records late is found", v.problems)


rng = random.Random(suite.seed)
what = "kills of both" if suite.arguments.both else "kills"
slowest = 0
while suite.counts["kills"] + suite.counts["kills of both"] < suite.target and not suite.time_is_up():
    # The short form does both kinds.
    both = suite.arguments.both or (not suite.long and suite.counts["kills"] >= suite.target // 2)
    n = min(suite.arguments.round, suite.target if suite.long else suite.target // 2)
    r = Round(rng, both)
    suite.take(r.run(n), n, "kills of both" if both else "kills")
    slowest = max(slowest, r.slowest)
    if len(suite.problems) > 50:
        break
diag("recorded after %.3f s at most" % slowest)
if not suite.arguments.no_control:
    control()
suite.finish(what)
