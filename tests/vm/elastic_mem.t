#!/usr/bin/python3
# as: both
# also: 6.12
# timeout: 300
"""Memory that moves: a job that needs more than its --mem gets it before the OOM killer comes, beside one that may not; what it
has of it and does not use goes back, by reclaim, to who waits; the kernel's files say what `mscg show` says."""
import json, os, signal, subprocess, sys, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from mscg_client import *

MIB = 1 << 20
d = Daemon("--total-mem", "256M")
total = d.call("Stats")["stats"]["mem_total"]


def limits(job):
    return cgroup_file(job, "memory.max"), cgroup_file(job, "memory.high")


def agrees(job):
    """Read between two looks that agree: it may move meanwhile."""
    while True:
        before, max, after = d.show(job), cgroup_file(job, "memory.max"), d.show(job)
        if before["mem_bytes"] == after["mem_bytes"]:
            return int(max) == after["mem_bytes"] == after["live"]["memory_max_bytes"]


def kinds(job):
    return [e["kind"] for e in d.events() if e["id"] == job]


def oom_kills(job):
    return int(dict(l.split() for l in cgroup_file(job, "memory.events").splitlines())["oom_kill"])


# -- it grows, and lives; one without --max-mem does not
fixed = d.submit(probe + "/touch_mib", "48", "1", mem_bytes=32 * MIB)
grows = d.submit(probe + "/touch_mib", "96", "600", mem_bytes=32 * MIB, min_mem_bytes=16 * MIB, max_mem_bytes=192 * MIB)
ok(d.wait(fixed)[fixed]["state"] == "OUT_OF_MEMORY", "48 MiB in 32 MiB: killed, as ever")
end = time.monotonic() + 100
while "touched" not in d.output(grows) and time.monotonic() < end:
    time.sleep(0.1)
j = d.show(grows)
ok("touched" in d.output(grows) and j["state"] == "RUNNING", "96 MiB begun with 32 MiB: lives, since its limit grew", j)
ok(96 * MIB <= j["mem_bytes"] <= 192 * MIB and oom_kills(grows) == 0, "it has what it needs, and nothing of it was killed", j["mem_bytes"])
ok((j["min_mem_bytes"], j["max_mem_bytes"], j["mem_asked_bytes"]) == (16 * MIB, 192 * MIB, 32 * MIB), "show has least, most and what was asked", j)
ok("short of memory: " in j["elastic_mem_need"] and "grown from " in j["elastic_mem_need"], "and why it was resized", j["elastic_mem_need"])
ok(agrees(grows), "memory.max is what show says", limits(grows))
high, full = int(cgroup_file(grows, "memory.high")) if limits(grows)[1] != "max" else None, d.show(grows)["mem_bytes"]
ok(high is None if full == 192 * MIB else full * 3 // 4 <= high < full, "memory.high is a little below it", high, full)
steps = [e for e in d.events() if e["id"] == grows and e["kind"] == "resizing"]
ok(len(steps) >= 2 and all("short of memory" in e["text"] for e in steps), "it was resized in steps", [(e["mem_bytes"], e["text"]) for e in steps])
diag("from 32 MiB to %d MiB in %d steps" % (full // MIB, len(steps)))
control = open(j["control_file"]).read()
ok("MEM_MB=%d\n" % (d.show(grows)["mem_bytes"] // MIB) in control and control.startswith("CPUS=1\n"), "so does its control file", control)

# -- what it uses it keeps: who waits for it waits on, and nobody is killed
big = d.submit("true", mem_bytes=total - 64 * MIB, priority=5)
time.sleep(3)
j = d.show(grows)
ok(d.show(big)["state"] == "PENDING" and j["state"] == "RUNNING" and j["mem_bytes"] >= 96 * MIB and oom_kills(grows) == 0,
   "memory in use is taken from nobody", j["elastic_mem_need"])
d.call("Cancel", ids=[big, grows])
d.call("Cancel", ids=[grows])
d.wait(big, grows)

# -- what is only cache comes back: a job that read a file and grew for it, or was given more, shrinks for who waits
data = d.out + "/data"
subprocess.check_call(["dd", "if=/dev/zero", "of=" + data, "bs=1M", "count=40"], stderr=subprocess.DEVNULL)
os.chmod(data, 0o644)
lender = d.submit("cat %s > /dev/null; echo read; exec sleep 600" % data, mem_bytes=128 * MIB, min_mem_bytes=32 * MIB, max_mem_bytes=192 * MIB)
while "read" not in d.output(lender):
    time.sleep(0.1)
before = int(cgroup_file(lender, "memory.current"))
equal = d.submit("true", mem_bytes=total - 64 * MIB)
time.sleep(1)
ok(d.show(equal)["state"] == "PENDING" and d.show(lender)["mem_bytes"] == 128 * MIB, "one of the same priority gets none of what was asked")
urgent = d.submit("exec sleep 600", mem_bytes=total - 64 * MIB, priority=5)
j = d.until(urgent, state="RUNNING")
l = d.show(lender)
ok(l["state"] == "RUNNING" and l["mem_bytes"] == 64 * MIB, "one of a higher one starts, on what the other gave up", l)
ok(agrees(lender) and agrees(urgent), "memory.max of both as shown", limits(lender), limits(urgent))
ok(sum(d.show(job)["mem_bytes"] for job in (lender, urgent)) <= total, "together no more than there is")
ok("resize-deferred" not in kinds(lender) and oom_kills(lender) == 0 and "for job %s" % urgent in l["elastic_mem_need"], "nobody was killed for it",
   l["elastic_mem_need"], "memory.current %d, was %d" % (int(cgroup_file(lender, "memory.current")), before))

# -- by hand: within its bounds
for size, code in ((16, "outside of what the job can have: 32M to 192M"), (200, "outside of what the job can have: 32M to 192M")):
    r = d.call("Resize", id=lender, mem_bytes=size * MIB)
    ok(r["answer"] == "Infeasible" and code in r["why"], "%d MiB by hand: %s" % (size, r["why"]), r)
d.call("Cancel", ids=[equal, urgent])
d.call("Cancel", ids=[urgent])
d.wait(equal, urgent)

# -- a restart finds it as it was
d.process.send_signal(signal.SIGKILL)
d.process.wait()
d.start()
j = d.until(lender, state="RUNNING")
ok(j["mem_bytes"] == 64 * MIB and agrees(lender) and j["mem_asked_bytes"] == 128 * MIB, "after a restart of mscgd too", j)
again = d.submit(probe + "/touch_mib", "60", "600", mem_bytes=32 * MIB, max_mem_bytes=128 * MIB)
while "touched" not in d.output(again):
    time.sleep(0.1)
d.process.send_signal(signal.SIGKILL)
d.process.wait()
d.start()
j = d.until(again, state="RUNNING")
ok(j["mem_bytes"] >= 60 * MIB and agrees(again) and limits(again)[1] != str(j["mem_bytes"]), "so it does one that has grown", j["mem_bytes"], limits(again))

# -- what is refused
for spec, text in (({"mem_bytes": 64 * MIB, "min_mem_bytes": 128 * MIB}, "--min-mem 128M, --mem 64M, --max-mem (as --mem) are out of order"),
                   ({"mem_bytes": 64 * MIB, "max_mem_bytes": 32 * MIB}, "--mem 64M, --max-mem 32M are out of order"),
                   ({"max_mem_bytes": total + 64 * MIB}, "more than this machine has"),
                   ({"min_mem_bytes": 5 * MIB + 1}, "expected whole MiB")):
    try:
        d.submit("true", **spec)
        ok(False, text)
    except RuntimeError as e:
        ok(text in str(e), text, e)
d.stop()
ok(job_cgroups() == [], "no cgroup is left", job_cgroups())
done()
