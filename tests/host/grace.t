#!/usr/bin/python3
# also: 6.12 slow
# timeout: 120
"""What has been asked to end, and what it left behind, are gone when the grace time is over: whichever of cancel, SIGTERM, the
end of the main process, a restart and the kill comes first."""
import os, shutil, signal, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vm"))
from mscg_client import *

d = Daemon("--missing-controllers=warn", "--total-cpus", "2", "--shared-cpus", "1", "--spare-supervisors=1")
small = dict(cpu_mode="quota", cpus=0.1)
GRACE = 2
# Its main process ends upon SIGTERM, and leaves one behind that does not.
LEAVES = "sh -c 'trap \"\" TERM; echo there; while :; do sleep 600; done' & trap 'exit 7' TERM; while :; do sleep 0.1; done"


def leaver(**spec):
    job = d.submit("exec 2>/dev/null; " + LEAVES, **dict(small, grace=GRACE, **spec))
    d.started(job)
    end = time.monotonic() + 30
    while time.monotonic() < end and not (os.path.exists("%s/%s.out" % (d.out, job)) and d.output(job)):
        time.sleep(0.02)
    return job


def end_of(job, seconds=20):
    """(state, exit code, signal) and after how long; None: it did not end."""
    begin = time.monotonic()
    while time.monotonic() - begin < seconds:
        j = d.show(job)
        if j["end_time"] and "job_" + job not in job_cgroups():
            return (j["state"], j["exit_code"], j["signal"]), time.monotonic() - begin
        time.sleep(0.02)
    return None, time.monotonic() - begin


def restart():
    d.process.send_signal(signal.SIGKILL)
    d.process.wait()
    d.start()


job = leaver()
d.call("Cancel", ids=[job])
o, took = end_of(job)
ok(o == ("CANCELLED", 7, None) and took > GRACE * 0.8, "cancel: what its main process left behind is killed, after the grace time", o, took, d.show(job)["state"])

job = leaver()
d.call("Cancel", ids=[job])
d.until(job, state="COMPLETING")
d.call("Cancel", ids=[job])
o, took = end_of(job)
ok(o == ("CANCELLED", 7, None) and took < GRACE, "a second cancel, while what is left has its grace time: it is killed at once", o, took)

job = leaver()
d.call("Cancel", ids=[job])
d.until(job, state="COMPLETING")
restart()
o, took = end_of(job)
ok(o == ("CANCELLED", 7, None) and took > GRACE * 0.5, "mscgd is killed meanwhile: the next one gives it the grace time, and ends it", o, took)

job = leaver(time_limit=1)
o, took = end_of(job)
ok(o == ("TIMEOUT", 7, None) and took > GRACE * 0.8, "the time limit: the same", o, took)

job = leaver()
d.call("Cancel", ids=[job], signal=int(signal.SIGTERM))
o, took = end_of(job)
ok(o == ("FAILED", 7, None) and took < GRACE, "a SIGTERM of the user's asks for no grace time: what is left is killed at once", o, took)

# -- before it runs
supervisors = [int(p) for p in open(root + "/jobs/supervisors/cgroup.procs").read().split()]
for p in supervisors:
    os.kill(p, signal.SIGSTOP)
job = d.submit("echo ran; exec sleep 600", grace=GRACE, **small)
d.until(job, state="RUNNING")
d.call("Cancel", ids=[job])
time.sleep(0.3) # what was killed first is empty yet, and seen to be
for p in supervisors:
    os.kill(p, signal.SIGCONT)
o, took = end_of(job)
ok(o and o[0] == "CANCELLED" and took < 15, "a launch that is slow is cancelled: it does not run on when it comes about", o, took, d.show(job)["state"])

d.stop()
shutil.rmtree(d.dir, ignore_errors=True)
done()
