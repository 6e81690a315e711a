#!/usr/bin/python3
# also: 6.12
# timeout: 200
"""Limits of all jobs of a QOS together, with real jobs: what is above waits with its reason, holds nobody up, and starts when one
ends;
over a crash of the daemon."""
import os, signal, sys, tempfile, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vm"))
from mscg_client import *

config = tempfile.NamedTemporaryFile("w", suffix=".conf")
config.write("""
[qos batch]
grp-cpus = 1
grp-mem = 1G
[qos few]
grp-jobs = 1
""")
config.flush()
d = Daemon(*([] if os.environ.get("MSCG_VM") else ["--missing-controllers=warn"]), "--total-cpus", "2", "--config", config.name)
wait_for_word = "while [ ! -e %s/end${MSCG_ARRAY_JOB_ID:-$MSCG_JOB_ID} ]; do sleep 0.05; done" % d.out


def submit(qos, **more):
    return d.submit(wait_for_word, qos=qos, **more)


def end(job):
    open("%s/end%s" % (d.out, job), "w").close()
    return d.wait(job)[job]["state"]


def crash():
    d.process.send_signal(signal.SIGKILL)
    d.process.wait()
    d.start()


def why(job):
    j = d.show(job)
    return j["state"], j["reason"]


a = submit("batch")
d.until(a, state="RUNNING")
b = submit("batch", priority=50)
other = submit("normal")
d.until(other, state="RUNNING")
ok(why(b) == ("PENDING", "QOSGrpCpuLimit"), "what is above the limit of its QOS waits, and lower ones of others start", why(b))
ok(end(other) == "COMPLETED" and why(b) == ("PENDING", "QOSGrpCpuLimit"), "a CPU that is free is not for it", why(b))
crash()
time.sleep(0.3)
ok((why(a)[0], why(b)) == ("RUNNING", ("PENDING", "QOSGrpCpuLimit")), "over a crash of mscgd", why(a), why(b))
end(a)
d.until(b, state="RUNNING")
ok(True, "it starts when the other one of its QOS ends")
end(b)

one = submit("few", array="0-1")
d.until(one + "_0", state="RUNNING")
ok(why(one)[1] == "QOSGrpJobsLimit", "so many jobs of a QOS run at a time", why(one))
end(one) # the word of the array is that of its tasks
ok(d.wait(one)[one]["state"] == "COMPLETED", "and one after the other")
d.stop()
done()
