#!/usr/bin/python3
# also: 6.1 slow
# timeout: 200
"""Elastic by need: a job that is short of CPU grows, one that does not use its CPUs gives back what was lent to it, one
that uses just what it has keeps it; over a restart of the daemon; and it is said why."""
import os, shutil, signal, sys, tempfile, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vm"))
from mscg_client import *

vm = bool(os.environ.get("MSCG_VM"))
options = [] if vm else ["--missing-controllers=warn"]
total = 4 if vm else os.cpu_count()
d = Daemon(*options, "--total-cpus", str(total), "--elastic-threshold", "100")
# As many busy processes as the file says; it is looked at twice a second.
worker = """
have=0
while :; do
    read -r want <want || want=0
    while [ $have -lt $want ]; do sh -c 'while :; do :; done' & have=$((have + 1)); eval pid$have=$!; done
    while [ $have -gt $want ]; do eval kill \\$pid$have; have=$((have - 1)); done
    sleep 0.5
done
"""


def want(n):
    with open("want.new", "w") as f:
        f.write("%d\n" % n)
    os.rename("want.new", "want")


def stays(job, n, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if d.show(job)["current_cpus"] != n:
            return False
        time.sleep(0.2)
    return True


def reason(job, n):
    return [e["text"] for e in d.events() if e["id"] == job and e["kind"] == "resizing" and e["cpus"] == n]


room = tempfile.mkdtemp(prefix="mscg-pressure.")
os.chmod(room, 0o755)
os.chdir(room)
want(0)
a = d.submit(worker, cpus=1, elastic=True, by_pressure=True, min_cpus=1, max_cpus=total, workdir=room)
d.started(a)
ok(stays(a, 1, 3), "one that does nothing is not grown, though nobody else wants the CPUs")
j = d.show(a)
ok((j["elastic"], j["elastic_by"]) == (True, "pressure") and (j["elastic_need"] or "").startswith("uses 0."), "it says by what, and what it uses", j)
want(total * 3)
d.until(a, current_cpus=total)
ok(reason(a, total)[-1].startswith("short of CPU: "), "one that is short of CPU has them all, and it is said why", reason(a, total))
ok(d.show(a)["elastic_need"].startswith("short of CPU: "), "in its description too", d.show(a))
d.process.send_signal(signal.SIGKILL)
d.process.wait()
d.start()
ok(stays(a, total, 3), "it keeps them over a restart of mscgd")
want(0)
d.until(a, current_cpus=1)
ok(reason(a, 1)[-1].startswith("uses 0."), "what it does not use is taken back, and it is said why", reason(a, 1))
if vm:
    want(2)
    d.until(a, current_cpus=2)
    ok(stays(a, 2, 6), "one that uses just what it has keeps that")
b = d.submit("exec sleep 600", cpus=1)
d.until(b, state="RUNNING")
want(total * 3)
d.until(a, current_cpus=total - 1) if total > 2 else None
ok(stays(a, total - 1, 3), "it does not get what others have")
d.call("Cancel", ids=[a, b])
d.wait(a, b)
d.stop()
os.chdir("/")
shutil.rmtree(room)
done()
