#!/usr/bin/python3
# plain: what users get is measured
# timeout: 200
"""What a job costs mscgd in units that do not depend on the machine or on how busy it is: system calls, by name, and
allocations; for jobs one after the other, so that nothing is shared between them."""
import os, re, subprocess, sys, tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vm"))
from mscg_client import *

JOBS = 40
# The most of each for one job: its cgroup made, opened, looked at and removed; a launch and two wake-ups; the request and
# its answer, and those of Wait; submission with grant, start and end each in a commit at most.
MOST = {"mkdirat": 1, "unlinkat": 1, "openat2": 1, "openat": 2, "sendmsg": 3, "fdatasync": 3, "clone3": 0, "pread64": 0, "stat": 0}
MOST_OF_ALL = 140
MOST_ALLOCATIONS = 400

work = tempfile.mkdtemp(prefix="mscg-costs.")
library = work + "/count.so"
top = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", library, top + "/tests/fault/fail-alloc.c"], check=True)


def start():
    return Daemon(*([] if os.environ.get("MSCG_VM") else ["--missing-controllers=warn"]), "--isolate=none", "--spare-supervisors=2")


def run(d, n):
    c = d.connect()
    for _ in range(n):
        i = c.call("Submit", jobs=[{"argv": [probe + "/exit_with"], "workdir": "/tmp", "mem_bytes": 8 << 20, "stdout_path": "/dev/null"}])
        assert c.call("Wait", ids=[i["jobs"][0]["id"]])["state"] == "COMPLETED"


def allocations(n):
    """Of a daemon's whole life, with n jobs in it."""
    os.environ.update(LD_PRELOAD=library, MSCG_FAIL_COUNT=work + "/count")
    d = start()
    del os.environ["LD_PRELOAD"]
    run(d, n)
    d.stop()
    subprocess.call(["rm", "-rf", d.dir])
    return int(open(work + "/count").read())


d = start()
run(d, 5)
tracer = subprocess.Popen(["strace", "-f", "-qq", "-c", "-U", "name,calls", "-o", work + "/calls", "-p", str(d.process.pid)])
# Only once it counts, do jobs count.
while "TracerPid:\t0" in open("/proc/%d/status" % d.process.pid).read():
    time.sleep(0.02)
run(d, JOBS)
tracer.send_signal(2)
tracer.wait()
d.stop()
calls = {name: int(n) for name, n in re.findall(r"^(\w+)\s+(\d+)$", open(work + "/calls").read(), re.M) if name != "total"}
each = {name: n / JOBS for name, n in calls.items()}
diag("for a job: " + ", ".join("%s %.2f" % x for x in sorted(each.items(), key=lambda x: -x[1]) if x[1] >= 0.05))
ok(each.get("mkdirat", 0) >= 1 and each.get("fdatasync", 0) >= 1, "system calls are seen: each job has a cgroup, and is committed")
for name, most in MOST.items():
    ok(each.get(name, 0) < most + 0.5, "%s: at most %d for a job" % (name, most), "%.2f" % each.get(name, 0))
ok(sum(each.values()) < MOST_OF_ALL, "all system calls: less than %d for a job" % MOST_OF_ALL, "%.1f" % sum(each.values()))

few, many = allocations(5), allocations(5 + JOBS)
ok((many - few) / JOBS < MOST_ALLOCATIONS, "allocations: less than %d for a job" % MOST_ALLOCATIONS, "%.1f" % ((many - few) / JOBS))
subprocess.call(["rm", "-rf", work, d.dir])
done()
