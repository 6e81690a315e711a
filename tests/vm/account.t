#!/usr/bin/python3
# as: both
# timeout: 400
"""What a job is said to have used is what it used; what goes over its limit is told apart; nothing is left behind."""
import os, re, sys, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from mscg_client import *

d = Daemon()

# -- CPU time against the program's own getrusage, which does not see the start and the end of its process: on a crowded
# machine those alone can be more than 2 % of an emulated CPU, so the best of three counts
for _ in range(3):
    job = d.submit(probe + "/burn", "5", "2", cpus=2)
    d.wait(job)
    j, text = d.show(job), d.output(job)
    own = sum(int(x) for x in re.findall(r"\d+", text))
    told = j["accounting"]["cpu_usec"]
    diag("cpu.stat %d us, getrusage %d us: %+.2f %%" % (told, own, (told - own) / own * 100))
    if abs(told - own) <= own * 0.02:
        break
ok(abs(told - own) <= own * 0.02, "CPU time within 2 %% of getrusage: %d and %d us" % (told, own), text)
ok(j["accounting"]["cpu_user_usec"] + j["accounting"]["cpu_system_usec"] <= told * 1.01, "user and system make up the whole")

# -- memory
job = d.submit(probe + "/touch_mib", "300", mem_bytes=400 << 20)
d.wait(job)
peak = d.show(job)["accounting"]["memory_peak_bytes"]
ok(abs(peak - (300 << 20)) <= (300 << 20) * 0.05, "memory.peak within 5 %% of 300 MiB: %.1f MiB" % (peak / 2**20))

# -- over the limit, with a neighbour
neighbour = d.submit(probe + "/sleep_s", "600", mem_bytes=64 << 20)
d.until(neighbour, state="RUNNING")
job = d.submit(probe + "/touch_mib", "200", mem_bytes=64 << 20)
o = d.wait(job)[job]
j = d.show(job)
ok(o["state"] == "OUT_OF_MEMORY" and j["reason"] == "OutOfMemory", "over memory.max is OUT_OF_MEMORY", o)
ok(j["accounting"]["oom_kills"] == 2 and j["accounting"]["memory_peak_bytes"] == 64 << 20, "with the kills, of its init too, and the peak", j["accounting"])
ok(d.show(neighbour)["state"] == "RUNNING", "the neighbour runs on")
last = r"\[mscg: [^]]*: job %s was killed: out of memory; its limit was 64M, its peak 64M\]\n$" % job
for _ in range(100):
    if re.search(last, d.output(job)):
        break
    time.sleep(0.1)
ok(re.search(last, d.output(job)), "and its own file says so", d.output(job)[-300:])
d.call("Cancel", ids=[neighbour])
d.wait(neighbour)

# -- what a job left behind, time limits
job = d.submit("sleep 600 & sleep 0.2")
ok(d.wait(job)[job]["state"] == "COMPLETED", "a job ends with its main process")
job = d.submit(probe + "/sleep_s", "600", time_limit=1, grace=1)
ok(d.wait(job)[job]["state"] == "TIMEOUT", "the time limit ends it")
job = d.submit("trap '' TERM; while :; do sleep 1; done", time_limit=1, grace=1)
t = time.monotonic()
ok(d.wait(job)[job]["state"] == "TIMEOUT", "also one that ignores SIGTERM")
job = d.submit("no-such-command-here", "x")
j = (d.wait(job), d.show(job))[1]
ok((j["state"], j["exit_code"]) == ("FAILED", 127) and "No such file" in j["reason_text"], "a command that does not exist", j["reason_text"])
job = d.submit("true", workdir="/no/such/place")
j = (d.wait(job), d.show(job))[1]
ok(j["state"] == "FAILED" and "working directory" in j["reason_text"], "a working directory that is gone", j["reason_text"])

# -- dying takes CPU time: what a hundredth of a CPU throttles is killed at full speed all the same
job = d.submit("for i in $(seq 60); do sleep 600 & done; wait", mem_bytes=400 << 20, grace=0)
d.started(job)
while len(cgroup_file(job, "cgroup.procs").split()) < 61:
    time.sleep(0.2)
for name, value in (("cpu.max.burst", "0"), ("cpu.max", "1000 100000")):
    with open("%s/jobs/job_%s/%s" % (root, job, name), "w") as f:
        f.write(value)
t = time.monotonic()
d.call("Cancel", ids=[job])
o = d.wait(job)[job]
ok(time.monotonic() - t < 10, "a throttled job of 61 processes is gone at once: %.1f s" % (time.monotonic() - t), o)

# -- many; their namespaces would take minutes under emulation
n = 1000
codes, t = {}, time.monotonic()
for i in range(0, n, 100):
    specs = [{"argv": [probe + "/exit_with", str(k % 256)], "workdir": "/tmp", "mem_bytes": 8 << 20, "stdout_path": "/dev/null", "isolate": "none"} for k in range(i, i + 100)]
    for k, s in enumerate(d.call("Submit", jobs=specs)["jobs"]):
        codes[s["id"]] = (i + k) % 256
outcomes = d.wait(*codes)
wrong = [(k, codes[k], o) for k, o in outcomes.items() if o["exit_code"] != codes[k]]
ok(not wrong, "%d jobs end with their right codes (%.0f s)" % (n, time.monotonic() - t), wrong[:3])
end = time.monotonic() + 10
while job_cgroups() and time.monotonic() < end:
    time.sleep(0.1)
ok(job_cgroups() == [], "and leave no cgroup behind", job_cgroups())

# -- idle: it sleeps
def switches():
    total = 0
    for task in os.listdir("/proc/%d/task" % d.process.pid):
        status = open("/proc/%d/task/%s/status" % (d.process.pid, task)).read()
        total += sum(int(x) for x in re.findall(r"ctxt_switches:\s+(\d+)", status))
    return total
time.sleep(2)
before = switches()
time.sleep(60)
ok(switches() == before, "the idle daemon wakes 0 times in 60 s: %d" % (switches() - before))
d.stop()
done()
