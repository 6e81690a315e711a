#!/usr/bin/python3
# also: 6.1
# timeout: 200
"""Jobs that stand still: they do nothing, their CPUs are others', their time limit does not count; over a restart of the
daemon; cancelled; resumed when there are CPUs for them, those that were lent included."""
import os, signal, subprocess, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vm"))
from mscg_client import *

vm = bool(os.environ.get("MSCG_VM"))
options = [] if vm else ["--missing-controllers=warn"]
d = Daemon(*options, "--total-cpus", "2", "--elastic-threshold", "100")
count_up = "while :; do echo x; sleep 0.05; done"


def mscg(*words):
    return subprocess.run([os.path.join(build, "mscg"), "--socket", d.socket, *words], capture_output=True, text=True)


def crash():
    d.process.send_signal(signal.SIGKILL)
    d.process.wait()


def size(job):
    return len(d.output(job))


def frozen(job):
    return "frozen 1" in cgroup_file(job, "cgroup.events")


def stands(job):
    before = size(job)
    time.sleep(0.6)
    return frozen(job) and size(job) == before


def goes(job, seconds=30):
    before, end = size(job), time.monotonic() + seconds
    while size(job) <= before and time.monotonic() < end:
        time.sleep(0.02)
    return size(job) > before


a = d.submit(count_up, cpus=2, time_limit=600)
d.started(a)
b = d.submit(count_up, cpus=2)
ok(goes(a) and d.show(b)["state"] == "PENDING", "one runs, another waits for its CPUs")
r = mscg("suspend", a)
ok((r.returncode, r.stdout) == (0, "Suspended job %s\n" % a), "mscg suspend", r)
ok(stands(a), "it stands still when that is said", cgroup_file(a, "cgroup.events"))
j = d.show(a)
ok((j["state"], j["current_cpus"], j["cpuset"], j["mem_bytes"]) == ("SUSPENDED", 0, None, 32 << 20), "SUSPENDED: no CPUs, its memory", j)
d.until(b, state="RUNNING")
ok(goes(b), "the other has them")
r = mscg("queue")
ok([l.split()[0] for l in r.stdout.splitlines() if "SUSPENDED" in l] == [a], "mscg queue", r.stdout)
r = mscg("stats")
ok("Suspended:      1" in r.stdout, "mscg stats", r.stdout)

# -- wrong
for words, status, text in ((("suspend", a), 1, "job %s is SUSPENDED: only what runs can be suspended" % a),
                            (("resume", b), 1, "job %s is RUNNING: only what is suspended can be resumed" % b),
                            (("suspend", "99999"), 3, "no job 99999"), (("resume", "x"), 2, "'x'"), (("suspend",), 2, "JOB"),
                            (("resize", a, "--cpus", "1"), 1, "suspended: resume it first")):
    r = mscg(*words)
    ok(r.returncode == status and text in r.stdout + r.stderr, "mscg " + " ".join(words), r)

# -- to be resumed when there are CPUs
r = mscg("resume", a)
ok(r.returncode == 0 and d.show(a)["reason"] == "Resources" and stands(a), "resumed where none are free: it waits for them", r, d.show(a)["reason_text"])
c = d.submit("true", cpus=2)
ok("which is to be resumed" in d.show(c)["reason_text"] or d.show(c)["reason"] == "Resources", "before what waits to start", d.show(c)["reason_text"])
mscg("cancel", b)
d.wait(b)
d.until(a, state="RUNNING")
ok(goes(a) and d.show(c)["state"] == "PENDING", "and goes on with them")
j = d.show(a)
ok(j["suspended_seconds"] > 1 and j["suspend_time"] is None and j["current_cpus"] == 2, "the time is counted", j["suspended_seconds"])

# -- over a restart, and a crash before it is carried out
mscg("suspend", a)
d.wait(c)
ok(d.show(c)["state"] == "COMPLETED", "suspended again: who waited ran")
crash()
time.sleep(0.3)
before = d.output(a)
d.start()
ok(d.show(a)["state"] == "SUSPENDED" and stands(a) and d.output(a) == before, "over a crash of mscgd it stands still")
ok(d.show(a)["current_cpus"] == 0, "and has no CPUs")
mscg("resume", a)
d.until(a, state="RUNNING")
ok(goes(a), "and goes on when it is resumed")

# -- cancelled while it stands still
mscg("suspend", a)
r = mscg("cancel", a)
o = d.wait(a)[a]
ok((o["state"], o["signal"]) == ("CANCELLED", 9), "cancelled while suspended: killed at once", o)
history = mscg("history", "--format", "JobID,State,Suspended,Elapsed", "--parsable2")
ok(any(l.split("|")[0] == a and l.split("|")[2] > "00:00:01" for l in history.stdout.splitlines()), "history has the time", history.stdout)

# -- signals: what can be caught arrives when it goes on, SIGKILL ends it as it stands
s = d.submit("trap 'echo told' USR2; " + count_up)
d.started(s)
goes(s)
mscg("suspend", s)
r = mscg("cancel", "--signal", "USR2", s)
ok(r.returncode == 0 and stands(s) and "told" not in d.output(s), "a signal waits", r, cgroup_file(s, "cgroup.events"))
r = mscg("fsck")
ok(r.returncode == 0, "fsck finds nothing odd about a job that is suspended", r)
mscg("resume", s)
d.until(s, state="RUNNING")
end = time.monotonic() + 30
while "told" not in d.output(s) and time.monotonic() < end:
    time.sleep(0.05)
ok("told" in d.output(s), "until it is resumed", d.output(s)[-40:])
mscg("suspend", s)
os.kill(d.show(s)["pid"], signal.SIGKILL)
o, j = d.wait(s)[s], d.show(s)
ok((o["state"], o["signal"]) == ("FAILED", 9) and j["suspended_seconds"] > 0 and j["suspend_time"] is None, "killed as it stands: its end is its own", o, j["suspended_seconds"])

# -- a time limit does not count meanwhile
t = d.submit(count_up, cpus=1, time_limit=4, grace=0)
d.started(t)
d.call("Suspend", ids=[t])
time.sleep(5)
ok(d.show(t)["state"] == "SUSPENDED", "longer than its limit")
d.call("Resume", ids=[t])
d.until(t, state="RUNNING")
ok(goes(t), "it runs on")
o, j = d.wait(t)[t], d.show(t)
ok(o["state"] == "TIMEOUT" and 3.5 <= j["run_seconds"] < 60 and j["suspended_seconds"] >= 5, "to its limit", j["run_seconds"], j["suspended_seconds"])

# -- arrays; what is lent comes back
array = d.submit(count_up, cpus=1, array="0-1", stdout_path=d.out + "/%A_%a.out")
tasks = [array + "_0", array + "_1"]
for task in tasks:
    d.started(task)
r = mscg("suspend", array)
for task in tasks:
    d.until(task, state="SUSPENDED", current_cpus=0)
ok(r.returncode == 0 and all(stands(task) for task in tasks), "an array: all its tasks", r)
e = d.submit(count_up, cpus=1, elastic=True, min_cpus=1, max_cpus=2)
d.until(e, current_cpus=2)
r = mscg("resume", tasks[0])
d.until(tasks[0], state="RUNNING")
d.until(e, current_cpus=1)
ok(goes(tasks[0]) and stands(tasks[1]), "one of them resumed: it gets what was lent to an elastic job", r)
if vm:
    one, other = cpus(cgroup_file(tasks[0], "cpuset.cpus.effective")), cpus(cgroup_file(e, "cpuset.cpus.effective"))
    ok(len(one) == 1 and not one & other, "by the kernel too", one, other)
mscg("cancel", e)
d.wait(e)
mscg("resume", array)
d.until(tasks[1], state="RUNNING")
d.call("Cancel", ids=[array])
d.wait(array)

# -- whose
if os.geteuid() == 0:
    job = d.submit(count_up)
    d.started(job)
    r = Connection(d.socket, 65534).call("Suspend", ids=[job])
    ok(r["errors"][0]["error"] == "NotPermitted" and goes(job), "another's job is not for suspending", r)
    ok(mscg("suspend", job).returncode == 0 and d.show(job)["reason"] == "JobHeldAdmin", "an operator may")
    r = d.call("Resume", ids=[job])
    ok(r["errors"][0]["error"] == "NotPermitted" and stands(job), "and alone resumes it then", r)
    mscg("resume", job)
    d.until(job, state="RUNNING")
    ok(goes(job), "which goes on")
    d.call("Cancel", ids=[job])
    d.wait(job)

r = mscg("fsck")
ok(r.returncode == 0, "fsck finds nothing", r)
d.stop()
done()
