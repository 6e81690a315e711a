#!/usr/bin/python3
# timeout: 200
# plain: LeakSanitizer does not work under ptrace
"""SIGKILL before and after every system call, one after the other: of mscgd from a submission to the end of its job, of mscgd
from its lock until it has taken over, of a supervisor from START to the exit it records."""
import os, sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from paths import *

suite = Suite("kill-index", short=36, only=dict(help="only of: serve recover supervise"))
ROUND = 60
what = "stops"


def expect(job, row):
    return ("FAILED", -1, 0) if row["reason"] == "SupervisorDied" else None


def along(kind, rng):
    """Every stop of the path, until it is over before the next; the short form takes some."""
    n, beyond, path, done, last = 0, 0, None, 0, 0
    while beyond < 4 and done < suite.target and not suite.time_is_up():
        path = path or Path(kind, rng)
        fired, counted, status = path.walk(["-k", str(n)])
        beyond = 0 if fired else beyond + 1
        last = n if fired else last
        done += 1
        n += 1 if suite.long else rng.randrange(1, 60)
        if done % ROUND == 0 or not (beyond < 4 and done < suite.target):
            suite.take(path.verdict(expect if kind == "supervise" else None), done - suite.counts["stops of " + kind], "stops of " + kind)
            path = None
    if path:
        suite.take(path.verdict(expect if kind == "supervise" else None), done - suite.counts["stops of " + kind], "stops of " + kind)
    diag("%s: the last stop of the path was %d" % (kind, last))
    suite.counts[what] += done


def control():
    """A daemon whose database is put back before it is started again."""
    path = Path("serve", random.Random(1))
    w = path.world
    path.submit(0)
    path.over(None, 10)
    w.process.terminate()
    w.process.wait()
    old = w.copy_database()
    w.start()
    path.walk(["-k", "100000"])
    w.crash()
    for f in glob.glob(w.state + "/*"):
        os.unlink(f)
    shutil.copy(old, w.state)
    w.start()
    v = path.verdict()
    ok(v.counts["lost"] > 0, "control: a database that is put back is found", dict(v.counts))


rng = random.Random(suite.seed)
if not suite.long:
    suite.target //= 3
for kind in [suite.arguments.only] if suite.arguments.only else ["serve", "recover", "supervise"]:
    along(kind, rng)
if not suite.arguments.no_control:
    control()
suite.finish(what)
