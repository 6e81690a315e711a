#!/usr/bin/python3
# timeout: 200
# plain: its malloc takes the place of the sanitizers'
"""One allocation of mscgd fails, from its start until a job has ended: an abort at worst, which the journal makes safe; never
a crash by a bad address, and nothing lost."""
import os, sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from paths import *

suite = Suite("allocations", short=24, first=dict(type=int, default=None, help="one after the other from this one on (default: at random)"))
ROUND = 25


class Failing(Path):
    def __init__(self, rng):
        super().__init__("serve", rng)
        self.count = self.world.dir + "/count"

    def life(self, at):
        """One daemon, from its start until a job has ended. (exit status, allocations)"""
        w = self.world
        w.crash()
        before = os.path.getsize(w.dir + "/log")
        w.env = dict(os.environ, LD_PRELOAD=library, MSCG_FAIL_AT=str(at), MSCG_FAIL_COUNT=self.count)
        w.spawn()
        w.env = None
        end = time.monotonic() + 5
        job = None
        while job is None and w.process.poll() is None and time.monotonic() < end:
            job = self.submit(0)
            time.sleep(0.005)
        self.over(None, 5)
        if w.process.poll() is None:
            w.process.terminate()
        status = w.process.wait()
        self.life_said = open(w.dir + "/log", errors="replace").read()[before:]
        w.start()
        return status, int(open(self.count).read()) if os.path.exists(self.count) else 0


work = tempfile.mkdtemp(prefix="mscg-alloc.", dir="/tmp")
atexit.register(shutil.rmtree, work, True)
library = work + "/fail-alloc.so"
subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", library, os.path.join(top, "tests/fault/fail-alloc.c")], check=True)
rng = random.Random(suite.seed)
path = Failing(rng)
status, total = path.life(-1)
ok(status == 0 and total > 100, "allocations are counted (%d)" % total, "status %d" % status)
at, done = suite.arguments.first, 0
while done < suite.target and not suite.time_is_up() and (at is None or at <= total):
    n = at if at is not None else rng.randrange(1, total + 1)
    status, _ = path.life(n)
    suite.counts["ended by themselves"] += status != 0
    if status == -signal.SIGSEGV and "Starting scheduler" not in path.life_said:
        suite.counts["crashes in hwloc"] += 1 # which does not look at what it is given; nothing is served by then
    elif status < 0 and -status != signal.SIGABRT:
        suite.problems.append("allocation %d: mscgd died by signal %d: %s" % (n, -status, path.world.said(3)))
        suite.counts["broken"] += 1
    done += 1
    at = at + 1 if at is not None else None
    if done % ROUND == 0:
        suite.take(path.verdict(), ROUND, "failed allocations")
        path = Failing(rng)
if done % ROUND:
    suite.take(path.verdict(), done % ROUND, "failed allocations")
    path = Failing(rng)
if not suite.arguments.no_control:
    # The library does what it says: the very first one cannot fail unnoticed.
    status, _ = path.life(1)
    v = path.verdict()
    w = Failing(random.Random(1))
    w.submit(0)
    w.world.settle()
    old = w.world.submissions
    old["n0"] = "999"
    ok(w.verdict().counts["lost"] == 1, "control: a job that was acknowledged and is not there is found")
suite.finish("failed allocations")
