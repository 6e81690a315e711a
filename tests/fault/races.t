#!/usr/bin/python3
# timeout: 240
"""Process numbers that come round within moments, under cancels and resizes; and cgroups that are removed while what is in
them forks as fast as it can. No signal reaches a stranger, no job ends by another's, nothing is left."""
import fcntl, os, sys

SMALL = "600"


def enter_namespace():
    """Where process numbers can be few for us alone (Linux 6.14)."""
    if os.environ.get("MSCG_RACES"):
        return
    os.environ["MSCG_RACES"] = "inside"
    if os.geteuid() != 0 or tuple(map(int, os.uname().release.split("-")[0].split(".")[:2])) < (6, 14):
        return
    # The shell is the namespace's first process, and reaps what nobody else does.
    os.execvp("unshare", ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "bash", "-c", '"$@"; exit $?', "bash", *sys.argv])


enter_namespace()
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from oracle import *

suite = Suite("races", short=300, removals=dict(type=int, default=None, help="jobs whose remains fork (half as many as --count)"))
PID_MAX = "/proc/sys/kernel/pid_max"
before = open(PID_MAX).read().strip()
few = os.getpid() < 100


def limit_pids(value):
    if few:
        with open(PID_MAX, "w") as f:
            f.write(value)


class Strangers:
    def __init__(self, live=40):
        self.process = subprocess.Popen([os.path.join(probe, "strangers"), str(live)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def stop(self):
        """(lines of hits, forks, rounds)"""
        out = self.process.communicate()[0].splitlines()
        words = out[-1].split()
        return out[:-1], int(words[1]), int(words[3])


class Cancels:
    """Submits, cancels and resizes, each at a moment when the job may have ended just now."""

    def __init__(self, rng):
        self.rng, self.world, self.cancelled = rng, World(), set()
        self.world.start()
        self.client = self.world.client(self.world.uid)
        self.cancels, self.signals = 0, 0

    def meddle(self, job):
        try:
            if self.rng.random() < 0.3:
                self.client.call("Resize", id=job, cpus=self.rng.randrange(2, 12) / 1000)
                self.signals += 1
            else:
                self.cancelled.add(job)
                self.client.call("Cancel", ids=[job])
                self.cancels += 1
        except Refused:
            pass  # it is over

    def run(self, cancels):
        live = []
        while self.cancels < cancels and not suite.time_is_up():
            for _ in range(6):
                ms = self.rng.choice([0, 5, 20, 50, 100])
                live.append(self.world.submit(self.client, ms, elastic=True, min_cpus=0.001, max_cpus=0.01))
            for job in self.rng.sample(live[-12:], min(5, len(live))):
                self.meddle(job)
            if len(live) % 60 == 0:
                self.world.settle(60)

    def judge(self):
        def expect(job, row):
            return (row["state"], row["exit_code"], row["signal"]) if row["state"] == "CANCELLED" and job in self.cancelled else None

        left = self.world.settle(60)
        v = judge(self.world, expect)
        for job in left.values():
            v.add("lost", "job %s is %s for ever" % (job["id"], job["state"]))
        v.counts["resizes"] = self.signals
        return v


def chased(path):
    """Is any left? They share a lock of this file."""
    with open(path, "a") as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return False
        except BlockingIOError:
            return True


def removals(rng, number):
    """Jobs that leave chains of forking processes behind."""
    world, codes = World(), {}
    world.start()
    client = world.client(world.uid)
    lock = world.ledger_dir + "/chase"
    v = Verdict()
    while len(codes) < number and not suite.time_is_up():
        batch = []
        for _ in range(min(10, number - len(codes))):
            code = rng.randrange(2)
            job = client.call("Submit", jobs=world.specs(["chase"], 0, argv=[os.path.join(probe, "chase"), str(rng.randrange(1, 4)), str(code), lock]))
            batch.append(job["jobs"][0]["id"])
            codes[batch[-1]] = code
        world.settle(120)
    left = world.settle(60)
    jobs = world.list()
    for job, code in codes.items():
        if job in left or (jobs[job]["state"], jobs[job]["exit_code"]) != (("FAILED" if code else "COMPLETED"), code):
            v.add("wrong", "job %s: %s %s, expected code %d" % (job, jobs[job]["state"], jobs[job]["exit_code"], code))
    end = time.monotonic() + 10
    while time.monotonic() < end and any(x.startswith("job_") for x in os.listdir(world.cgroup)):
        time.sleep(0.02)
    for name in os.listdir(world.cgroup):
        if name.startswith("job_"):
            v.add("broken", "cgroup %s is left" % name)
    if chased(lock):
        v.add("broken", "processes survive")
    world.destroy()
    v.counts["removals"] = len(codes)
    return v


def control():
    """A signal to the number of a process that is gone finds a stranger; a process that escapes is seen."""
    strangers = Strangers()
    end = time.monotonic() + 1
    while few and time.monotonic() < end:
        try:
            os.kill(rng.randrange(strangers.process.pid + 1, int(SMALL)), signal.SIGTERM)
        except OSError:
            pass
    hits, _, _ = strangers.stop()
    left = subprocess.Popen(["flock", "--shared", "--no-fork", "/dev/shm/mscg-chase.%d" % os.getpid(), "sleep", "60"])
    while left.poll() is None and not chased(left.args[3]) and time.monotonic() < end + 20:
        time.sleep(0.01)
    seen = chased(left.args[3])
    left.kill()
    os.remove(left.args[3])
    ok((hits or not few) and seen, "control: a stray signal and a process that is left are noticed", hits, seen)


rng = random.Random(suite.seed)
if not suite.arguments.no_control:
    limit_pids(SMALL)
    control()
diag("pid_max %s" % open(PID_MAX).read().strip())
target = min(suite.target, 1 << 40)
limit_pids(SMALL)
strangers = Strangers()
c = Cancels(rng)
c.run(target)
hits, forks, rounds = strangers.stop()
limit_pids(before)
v = c.judge()
for line in hits:
    v.add("wrong", "a stranger was signalled: " + line)
v.counts["strangers"], v.counts["rounds"] = forks, rounds
if v.problems:
    diag(c.world.said(20))
c.world.destroy()
suite.take(v, c.cancels, "cancels")
if few:
    ok(rounds > 3, "process numbers came round while jobs were cancelled", rounds)
v = removals(rng, suite.arguments.removals if suite.arguments.removals is not None else target // 2)
suite.take(v, v.counts["removals"], "removals of forking cgroups")
suite.finish("cancels")
