#!/usr/bin/python3
# timeout: 200
# alone: it measures how its neighbours fare
"""Jobs that take what they can get: processes, zombies, descriptors, files, output. Each ends with its job, nothing of it
is left, its neighbour runs on and the next job is started and ended in a moment."""
import os, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vm"))
from mscg_client import *

d = Daemon("--missing-controllers=warn", "--total-cpus", "2", "--shared-cpus", "1")
small = dict(cpu_mode="quota", cpus=0.1)
witness = d.submit(probe + "/sleep_s", "600", **small)
pid = d.started(witness)["pid"]
supervisors = lambda: set(open(root + "/jobs/supervisors/cgroup.procs").read().split())
before = supervisors()

PYTHON = sys.executable
ZOMBIES = "import os, time\nfor i in range(400):\n  if os.fork() == 0: os._exit(0)\nprint('there', flush=True)\ntime.sleep(600)"
FILES = """import os, resource, time
a, b = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (b, b))
held = []
try:
    while len(held) < 20000: held.append(os.dup(0))
except OSError: pass
print('there', flush=True)
time.sleep(600)"""
INODES = """import os, time
for i in range(5000): open('%s/many/%%d' %% i, 'w').close()
print('there', flush=True)
time.sleep(600)""" % d.out
SIGNALS = "import os, signal, time\nfor s in range(1, 65):\n  try: signal.signal(s, signal.SIG_IGN)\n  except (OSError, ValueError): pass\nprint('there', flush=True)\nwhile True: time.sleep(1)"
os.mkdir(d.out + "/many")
os.chown(d.out + "/many", d.uid, -1)

BOMBS = {
    "a fork bomb": [probe + "/fork_bomb", "300", "600"],
    "a farm of zombies": [PYTHON, "-c", ZOMBIES],
    "a hog of descriptors": [PYTHON, "-c", FILES],
    "a hog of inodes": [PYTHON, "-c", INODES],
    "a flood of output": ["sh", "-c", "head -c 50000000 /dev/zero; echo there; exec yes > /dev/null"],
    "one that ignores all signals": [PYTHON, "-c", SIGNALS],
    "daemons of its own": ["sh", "-c", "for i in 1 2 3 4 5 6 7 8; do setsid sh -c 'sleep 600 & sleep 600' & done; echo there; sleep 600"],
}


def processes(job):
    try:
        return len(cgroup_file(job, "cgroup.procs").split())
    except FileNotFoundError:
        return 0


def is_there(job):
    if "fork_bomb" in d.show(job)["command"]:
        return processes(job) >= 250
    path = "%s/%s.out" % (d.out, job)
    if not os.path.exists(path):
        return False
    with open(path, "rb") as f:
        f.seek(max(0, os.path.getsize(path) - 16))
        return b"there" in f.read()


def moment():
    t = time.monotonic()
    job = d.submit(probe + "/exit_with", "0", **small)
    o = d.wait(job)[job]
    return o["state"], time.monotonic() - t


calm = min(moment()[1] for _ in range(3))
for name, argv in BOMBS.items():
    job = d.submit(*argv, grace=1)
    end = time.monotonic() + 60
    while not is_there(job) and time.monotonic() < end:
        time.sleep(0.05)
    there, count = is_there(job), processes(job)
    state, beside = moment()
    ok(there and state == "COMPLETED", "%s: a job beside it runs (%d processes; %.0f ms, without %.0f)" % (name, count, beside * 1000, calm * 1000), state)
    d.call("Cancel", ids=[job])
    o = d.wait(job)[job]
    end = time.monotonic() + 20
    while "job_" + job in job_cgroups() and time.monotonic() < end:
        time.sleep(0.05)
    w = d.show(witness)
    ok(o["state"] == "CANCELLED" and "job_" + job not in job_cgroups() and (w["state"], w["pid"]) == ("RUNNING", pid),
       "%s: ends with its job, nothing is left, its neighbour runs on" % name, o, job_cgroups(), w["state"])
    try:
        os.unlink("%s/%s.out" % (d.out, job))
    except FileNotFoundError:
        pass
ok(before <= supervisors(), "no supervisor was lost", before - supervisors())
ok(d.process.poll() is None, "mscgd runs on")
d.stop()
import shutil

shutil.rmtree(d.dir)
done()
