#!/usr/bin/python3
# also: 6.1
# timeout: 200
"""A daemon that dies, and one that takes its place: jobs run on, their ends are recorded, nothing runs twice."""
import os, signal, subprocess, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vm"))
from mscg_client import *

d = Daemon(*([] if os.environ.get("MSCG_VM") else ["--missing-controllers=warn"]), "--total-cpus", "2")
ledger = d.out + "/ledger"


def noted(job):
    return sum(line == job + "\n" for line in open(ledger)) if os.path.exists(ledger) else 0


def note(command, **spec):
    return d.submit("echo $MSCG_JOB_ID >> %s; %s" % (ledger, command), **spec)


def crash():
    d.process.send_signal(signal.SIGKILL)
    d.process.wait()


def supervisors():
    with open(root + "/jobs/supervisors/cgroup.procs") as f:
        return {int(line) for line in f}


# -- SIGKILL while jobs run, one ends meanwhile, one waits
go = d.out + "/go"
long = note("until [ -e %s ]; do sleep 0.1; done; exit 5" % go)
short = note("sleep 1; exit 6")
waits = note("exit 7")
for j in (long, short):
    d.started(j)
pid = d.started(long)["pid"]
crash()
time.sleep(1.5)
d.start()
ok(d.until(long, state="RUNNING")["pid"] == pid, "the job that runs is taken over: the same process")
open(go, "w").close()
o = d.wait(long, short, waits)
codes = [o[j]["exit_code"] for j in (long, short, waits)]
ok(codes == [5, 6, 7], "exit codes: of one that ran on, one that ended meanwhile, one that waited", codes)
ok([noted(j) for j in (long, short, waits)] == [1, 1, 1], "each ran once", open(ledger).read().split())

# -- SIGTERM is a restart like any other
job = note("sleep 2; exit 9")
d.started(job)
d.process.send_signal(signal.SIGTERM)
ok(d.process.wait(20) == 0, "SIGTERM ends the daemon and not the job")
d.start()
ok(d.wait(job)[job]["exit_code"] == 9 and noted(job) == 1, "and the next one records its end")

# -- the time limit goes on
job = note("sleep 600", time_limit=4, grace=1)
d.started(job)
t = time.monotonic()
crash()
time.sleep(1)
d.start()
o = d.wait(job)[job]
ok(o["state"] == "TIMEOUT" and time.monotonic() - t < 30, "a time limit that began before goes on", o, time.monotonic() - t)

# -- a supervisor is killed: its job is ended, and only that
other = note("sleep 3; exit 4")
d.until(other, state="RUNNING")
before = supervisors()
victim = note("sleep 600 & sleep 600")
j = d.started(victim)
with open("/proc/%d/stat" % j["pid"]) as f:
    parent = int(f.read().rsplit(")", 1)[1].split()[1])
ok(parent in supervisors(), "the job's parent is a supervisor", parent)
os.kill(parent, signal.SIGKILL)
o = d.wait(victim)[victim]
ok((o["state"], o["reason"]) == ("FAILED", "SupervisorDied"), "a killed supervisor fails its job, with that reason", o)
ok(not os.path.exists(root + "/jobs/job_" + victim) or not cgroup_file(victim, "cgroup.procs"), "and no process of it survives")
ok(d.wait(other)[other]["exit_code"] == 4, "others run on")

# -- a daemon that dies in the middle of a notification, or of a shrink of memory, leaves the job frozen or held back
job = note("sleep 2; exit 8")
d.started(job)
crash()
directory = root + "/jobs/job_" + job + "/"
with open(directory + "cgroup.freeze", "w") as f:
    f.write("1")
if os.environ.get("MSCG_VM"):
    with open(directory + "memory.high", "w") as f:
        f.write("8M")
d.start()
ok(cgroup_file(job, "cgroup.freeze").strip() == "0", "a job that was left frozen is thawed")
if os.environ.get("MSCG_VM"):
    ok(cgroup_file(job, "memory.high").strip() == "max", "memory.high is taken back")
ok(d.wait(job)[job]["exit_code"] == 8, "and ends by itself")

# -- the kernel kills what is cloned from a cgroup that was killed into one that was not
crash()
with open(root + "/jobs/supervisors/cgroup.kill", "w") as f:
    f.write("1")
while supervisors():
    time.sleep(0.05)
d.start()
job = note("exit 3")
ok(d.wait(job)[job]["exit_code"] == 3 and noted(job) == 1, "supervisors in a cgroup that was killed once start jobs again")

# -- the runtime directory is swept while the daemon is down: nothing says any more how jobs went
runs, over, fresh = note("sleep 600"), note("sleep 1"), note("exit 2")
for j in (runs, over):
    d.started(j)
crash()
time.sleep(2)
os.unlink(d.dir + "/run/runner/slots")
d.start()
o = d.wait(runs, over, fresh)
ok((o[runs]["state"], o[runs]["reason"]) == ("LOST", "OutcomeUnknown"), "without its slot: a job that runs is LOST", o[runs])
ok(not os.path.exists(root + "/jobs/job_" + runs) or not cgroup_file(runs, "cgroup.procs"), "and no process of it survives")
ok((o[over]["state"], o[over]["reason"]) == ("LOST", "OutcomeUnknown"), "one that has ended too", o[over])
ok([noted(j) for j in (runs, over, fresh)] == [1, 1, 1] and o[fresh]["exit_code"] == 2, "neither runs again, and what waited runs")

# -- daemon and supervisor together
job = note("sleep 600")
j = d.started(job)
with open("/proc/%d/stat" % j["pid"]) as f:
    parent = int(f.read().rsplit(")", 1)[1].split()[1])
crash()
os.kill(parent, signal.SIGKILL)
d.start()
o = d.wait(job)[job]
ok((o["state"], o["reason"]) == ("FAILED", "SupervisorDied") and noted(job) == 1, "both killed: recorded, and not run again", o)
ok(d.wait(note("exit 3"))  and True, "and jobs are started as before")
d.stop()
end = time.monotonic() + 5
while job_cgroups() and time.monotonic() < end:
    time.sleep(0.1)
ok(job_cgroups() == [], "no cgroup is left", job_cgroups())
done()
