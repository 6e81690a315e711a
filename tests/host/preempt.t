#!/usr/bin/python3
# also: 6.12 slow
# timeout: 200
"""Jobs that make room for those whose QOS may preempt them: elastic ones shrink, others stand still and go on by themselves, begin
again, or end as PREEMPTED after their grace time; over crashes of the daemon; and none in vain."""
import os, signal, sys, tempfile, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vm"))
from mscg_client import *

config = tempfile.NamedTemporaryFile("w", suffix=".conf")
config.write("""
[qos urgent]
priority = 100
preempts = still again gone spared
[qos still]
[qos again]
preempt-mode = requeue
[qos gone]
preempt-mode = cancel
grace-time = 2s
preempt-exempt-time = 2s
[qos spared]
preempt-mode = off
""")
config.flush()
d = Daemon(*([] if os.environ.get("MSCG_VM") else ["--missing-controllers=warn"]), "--total-cpus", "2", "--config", config.name)
count_up = "while :; do echo x; sleep 0.05; done"


def urgent(cpus=1):
    """Ends when its file is there."""
    job = d.submit("while [ ! -e %s/free ]; do sleep 0.05; done" % d.out, cpus=cpus, qos="urgent")
    return job


def free(job):
    open(d.out + "/free", "w").close()
    outcome = d.wait(job)[job]["state"]
    os.unlink(d.out + "/free")
    return outcome


def crash():
    d.process.send_signal(signal.SIGKILL)
    d.process.wait()
    d.start()


def goes(job, seconds=30):
    before, end = len(d.output(job)), time.monotonic() + seconds
    while len(d.output(job)) <= before and time.monotonic() < end:
        time.sleep(0.02)
    return len(d.output(job)) > before


def said(job, kind):
    return [e["text"] for e in d.events() if e["id"] == job and e["kind"] == kind and e["text"]]


# stands still
a = d.submit(count_up, cpus=2, qos="still")
ok(goes(a), "one has all CPUs")
u = urgent()
d.until(u, state="RUNNING")
j = d.show(a)
ok((j["state"], j["reason"], j["current_cpus"]) == ("SUSPENDED", "Preempted", 0), "it stands still for one that may preempt it", j["state"], j["reason"])
ok(said(a, "suspended") == ["makes room for job %s of QOS urgent" % u], "its events say for whom", said(a, "suspended"))
before = len(d.output(a))
time.sleep(0.6)
ok("frozen 1" in cgroup_file(a, "cgroup.events") and len(d.output(a)) == before, "the kernel has it frozen")
crash()
ok((d.show(a)["state"], d.show(u)["state"]) == ("SUSPENDED", "RUNNING"), "over a crash of mscgd")
ok(free(u) == "COMPLETED", "the other ends")
d.until(a, state="RUNNING")
ok(goes(a), "and it goes on by itself")
d.call("Cancel", ids=[a])
d.wait(a)

# shrinks
e = d.submit(count_up, cpus=2, min_cpus=1, max_cpus=2, elastic=True, qos="gone")
d.started(e)
time.sleep(2.1)
u = urgent()
d.until(u, state="RUNNING")
j = d.show(e)
ok((j["state"], j["current_cpus"]) == ("RUNNING", 1), "an elastic one shrinks, though it might be ended", j["state"], j["current_cpus"])
free(u)
d.call("Cancel", ids=[e])
d.wait(e)

# begins again
r = d.submit("trap 'echo asked; exit 3' TERM; echo begun; while :; do sleep 0.05; done", cpus=2, qos="again", requeue=True)
s = d.started(r)
while "begun" not in d.output(r):
    time.sleep(0.02)
u = urgent(2)
d.until(u, state="RUNNING")
j = d.show(r)
ok((j["state"], j["restart_count"]) == ("PENDING", 1) and "asked" in d.output(r), "one that is to be requeued was asked to end, and waits", j["state"])
free(u)
d.until(r, state="RUNNING")
ok(d.show(r)["attempt"] == 2, "and runs again")
d.call("Cancel", ids=[r])
d.wait(r)

# ends
g = d.submit("trap 'echo asked' TERM; echo begun; kill -STOP $$; while :; do sleep 0.05; done", cpus=2, qos="gone")
d.started(g)
start = time.monotonic()
u = urgent(2)
ok(d.show(u)["state"] == "PENDING" and d.show(g)["reason"] is None, "one that has just begun is spared")
end = start + 30
while d.show(g)["reason"] != "Preempted" and time.monotonic() < end:
    time.sleep(0.02)
ok(time.monotonic() - start > 1.5, "for its exempt time", time.monotonic() - start)
crash()
j = d.wait(g)[g]
ok((j["state"], j["reason"]) == ("PREEMPTED", "Preempted"), "then it ends as PREEMPTED, over a crash of mscgd in its grace time", j)
ok("asked" in d.output(g), "asked before, though it had stopped itself", d.output(g))
ok(said(g, "preempted") == ["makes room for job %s of QOS urgent" % u], "its events say for whom, once", said(g, "preempted"))
d.until(u, state="RUNNING")
free(u)

# in vain
keep = d.submit(count_up, cpus=1, qos="spared")
g = d.submit(count_up, cpus=1, qos="gone")
d.started(keep)
d.started(g)
time.sleep(2.5)
u = urgent(2)
time.sleep(1)
ok([d.show(x)["state"] for x in (keep, g, u)] == ["RUNNING", "RUNNING", "PENDING"], "nobody is preempted where it would not be enough")
d.call("Cancel", ids=[keep])
d.until(u, state="RUNNING")
ok(d.wait(g)[g]["state"] == "PREEMPTED", "and is when it is")
free(u)
d.stop()
done()
