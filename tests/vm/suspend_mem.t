#!/usr/bin/python3
# also: 6.12
# machine: --disk 256M
# timeout: 200
"""Memory of a job that stands still: its cache is dropped, what is left goes to swap and comes back; it stays booked for it. A job that runs
has no swap."""
import os, subprocess, sys, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from mscg_client import *

MIB = 1 << 20
swap = "/mnt/disk/swap.%d" % os.getpid()
subprocess.check_call("dd if=/dev/zero of=%s bs=1M count=96 status=none && chmod 600 %s && mkswap -q %s && swapon %s" % ((swap,) * 4), shell=True)
d = Daemon("--total-mem", "512M")


def memory(job, name="memory.current"):
    return int(cgroup_file(job, name))


def until(what, seconds=60):
    end = time.monotonic() + seconds
    while not what() and time.monotonic() < end:
        time.sleep(0.1)
    return what()


# Keeps 32 MiB, reads a file of 24 MiB, and counts on; when it is resumed it looks at all that it kept.
program = """
import sys, time
kept = bytearray(b"x" * (32 << 20))
open(sys.argv[1], "rb").read()
n = 0
while True:
    print(n, kept.count(b"x") >> 20, flush=True)
    n += 1
    time.sleep(0.2)
"""
data = d.out + "/data"
with open(data, "wb") as f:
    for _ in range(24):
        f.write(b"y" * MIB)
os.chmod(data, 0o644)
job = d.submit("/usr/bin/python3", "-c", program, data, mem_bytes=160 * MIB)
ok(until(lambda: len(d.output(job).split("\n")) > 3), "it runs", d.output(job))
before = memory(job)
ok(before > 32 * MIB and memory(job, "memory.swap.current") == 0 and cgroup_file(job, "memory.swap.max") == "0", "one that runs has no swap",
   "memory.current %d MiB" % (before // MIB))
d.call("Suspend", ids=[job])
ok(until(lambda: memory(job) < 16 * MIB), "one that stands still has no memory to speak of",
   "memory.current %d MiB, was %d" % (memory(job) // MIB, before // MIB))
ok(until(lambda: cgroup_file(job, "memory.swap.max") == "0") and memory(job, "memory.swap.current") > 24 * MIB, "it is in swap", memory(job, "memory.swap.current"))
j, held = d.show(job), d.call("Stats")["stats"]["mem_held"]
ok((j["state"], j["mem_bytes"], held, memory(job, "memory.max")) == ("SUSPENDED", 160 * MIB, 160 * MIB, 160 * MIB), "and is booked for it still", j["mem_bytes"], held)
lines = d.output(job).count("\n")
time.sleep(1)
ok(d.output(job).count("\n") == lines, "it stands still meanwhile")
d.call("Resume", ids=[job])
ok(until(lambda: d.output(job).count("\n") > lines + 3), "it goes on", d.output(job)[-200:])
ok(set(l.split()[1] for l in d.output(job).splitlines() if len(l.split()) == 2) == {"32"}, "with all that it kept")
ok(memory(job) > 32 * MIB, "which has come back", memory(job) // MIB)
# Again and again: nothing of it may thaw what stands still, or keep it from going on.
for i in range(5):
    d.call("Suspend", ids=[job])
    d.call("Resume", ids=[job])
    d.until(job, state="RUNNING")
lines = d.output(job).count("\n")
ok(until(lambda: d.output(job).count("\n") > lines + 2), "suspended and resumed five times it goes on")
d.call("Suspend", ids=[job])
d.call("Cancel", ids=[job])
ok(d.wait(job)[job]["state"] == "CANCELLED", "and is cancelled while its memory is put away")
d.stop()
subprocess.check_call(["swapoff", swap])
os.unlink(swap)
ok(job_cgroups() == [], "no cgroup is left", job_cgroups())
done()
