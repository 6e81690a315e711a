#!/usr/bin/python3
# also: 6.12
# timeout: 200
"""Limits of all jobs of a QOS together and of partitions, with real jobs: what is above waits with its reason, holds nobody up, and
starts when one ends; states of partitions; over crashes and reloads of the daemon."""
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
partitions = '''
[scheduler]
default-partition = main
[partition main]
max-cpus = 1
[partition fast]
priority = 10
max-time = 10:00
state = %s
'''


d = Daemon(*([] if os.environ.get("MSCG_VM") else ["--missing-controllers=warn"]), "--total-cpus", "2", "--config", config.name)
wait_for_word = "echo in $MSCG_JOB_PARTITION $SLURM_JOB_PARTITION; while [ ! -e %s/end${MSCG_ARRAY_JOB_ID:-$MSCG_JOB_ID} ]; do sleep 0.05; done" % d.out


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


def said():
    return open(d.dir + "/log").read().count("configuration reloaded")


def refused(method, **parameters):
    try:
        d.call(method, **parameters)
    except Exception as e:
        return str(e)
    return ""


def reload(text):
    config.seek(0)
    config.truncate()
    config.write(text)
    config.flush()
    before = said()
    d.process.send_signal(signal.SIGHUP)
    end = time.monotonic() + 30
    while said() == before and time.monotonic() < end:
        time.sleep(0.02)


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
# partitions
reload(partitions % "down")
a = submit("normal")
b = submit("normal")
c = submit("normal", partition="fast", time_limit=300)
d.until(a, state="RUNNING")
ok((d.show(a)["partition"], why(b)) == ("main", ("PENDING", "PartitionCpuLimit")), "a partition has so many CPUs at a time", why(b))
ok(why(c) == ("PENDING", "PartitionDown"), "one that is down starts nothing", why(c))
crash()
time.sleep(0.3)
ok((why(b)[1], why(c)[1]) == ("PartitionCpuLimit", "PartitionDown"), "over a crash of mscgd", why(b), why(c))
reload(partitions % "up")
d.until(c, state="RUNNING")
ok(d.show(c)["partition"] == "fast" and d.show(c)["priority"] == 10, "it starts when it is up, with the priority that it brings")
end(c)
e = submit("normal", partition="fast", time_limit=300, hold=True)
d.call("Update", id=e, partition="main")
ok(d.show(e)["partition"] == "main", "what waits can be moved")
d.call("Update", id=e, partition="fast")
d.call("Update", id=b, partition="fast", time_limit=300)
d.until(b, state="RUNNING")
end_at = time.monotonic() + 30
while "in" not in d.output(b) and time.monotonic() < end_at:
    time.sleep(0.02)
ok(d.output(b) == "in fast fast\n", "a job is told where it is", d.output(b))
ok([x["id"] for x in d.call("List", partition="fast", active=True)["jobs"]] == sorted([b, e], key=int), "a list of those of one")
reload(partitions % "drain")
text = refused("Submit", jobs=[{"argv": ["true"], "workdir": "/tmp", "mem_bytes": 32 << 20, "partition": "fast", "time_limit": 60, "env": 0}], environments=[[]])
ok("partition fast takes no new jobs: it is drained" in text, "one that is drained takes no new jobs", text)
d.call("Release", ids=[e])
end(b)
d.until(e, state="RUNNING")
ok(True, "and starts what waits")
end(e)
end(a)
d.stop()
done()
