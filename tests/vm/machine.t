#!/usr/bin/python3
# machine: --disk 256M
# alone: CPUs, the clock and the disk are everybody's
# timeout: 240
"""What the machine does to its jobs: a process that cannot be killed, CPUs that go and come, a clock that is set."""
import os, signal, subprocess, sys, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from mscg_client import *

d = Daemon("--unkillable-timeout", "1s", "--elastic-threshold", "100")
disk = "/mnt/disk"
all_cpus = cpus(open("/sys/devices/system/cpu/online").read().strip())


def stats():
    return d.call("Stats")["stats"]


def stats_until(what, seconds=30):
    end = time.monotonic() + seconds
    while not what(stats()) and time.monotonic() < end:
        time.sleep(0.05)
    return stats()


def restart():
    d.process.send_signal(signal.SIGKILL)
    d.process.wait()
    d.start()


# -- a process in uninterruptible sleep: it writes to a file system that is frozen
os.chmod(disk, 0o1777)
stuck = d.submit("exec dd if=/dev/zero of=%s/stuck bs=4k count=100000 oflag=sync" % disk, cpus=3)
d.started(stuck)
subprocess.check_call(["fsfreeze", "-f", disk])
pid = next(int(p) for p in cgroup_file(stuck, "cgroup.procs").split() if open("/proc/%s/comm" % p).read() == "dd\n")
end = time.monotonic() + 20
while " D " not in open("/proc/%d/stat" % pid).read() and time.monotonic() < end:
    time.sleep(0.05)
d.call("Cancel", ids=[stuck])
d.call("Cancel", ids=[stuck])
s = stats_until(lambda s: s["unkillable"])
one = s["unkillable"][0] if s["unkillable"] else {}
ok(one.get("id") == stuck and one.get("cpus") == 3 and "pid %d (dd, state D)" % pid in one.get("processes", ""),
   "what cannot be killed is named in the statistics, with its process", s["unkillable"])
text = subprocess.run([os.path.join(build, "mscg"), "--socket", d.socket, "stats"], capture_output=True, text=True).stdout
ok("Unkillable" in text and "job %s: 3 CPUs" % stuck in text and "state D" in text, "mscg stats says it too", text)
ok(d.show(stuck)["state"] in ("RUNNING", "COMPLETING") and "cannot be killed" in (d.show(stuck)["reason_text"] or ""),
   "the job has not ended, and says why", d.show(stuck)["state"], d.show(stuck)["reason_text"])
waits = d.submit("true", cpus=2)
fits = d.submit("cat /sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)/cpuset.cpus.effective", cpus=1)
d.wait(fits)
ok(d.show(waits)["state"] == "PENDING" and not cpus(d.output(fits).strip()) & cpus(one.get("cpu_list", "")),
   "its CPUs are given to nobody", d.output(fits), one)
restart()
s = stats_until(lambda s: s["unkillable"])
ok([u["id"] for u in s["unkillable"]] == [stuck] and d.show(waits)["state"] == "PENDING", "after a restart of mscgd likewise",
   s["unkillable"])
subprocess.check_call(["fsfreeze", "-u", disk])
o = d.wait(stuck, waits)
ok(o[stuck]["state"] == "CANCELLED" and o[waits]["state"] == "COMPLETED" and not stats()["unkillable"],
   "once it is gone, its end is recorded and others get its CPUs", o)
os.remove(disk + "/stuck")


# -- CPUs go and come
def online(cpu, yes):
    with open("/sys/devices/system/cpu/cpu%d/online" % cpu, "w") as f:
        f.write("%d" % yes)


def is_on(job, number):
    """Its grant and the kernel's word agree, on so many CPUs."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        granted = cpus(cgroup_file(job, "cpuset.cpus"))
        if granted == cpus(cgroup_file(job, "cpuset.cpus.effective")) and len(granted) == number:
            return granted
        time.sleep(0.05)
    return None


def texts(job):
    return [e.get("text") or "" for e in d.events() if e["id"] == job]


rigid = d.submit("exec sleep 600", cpus=1)
d.started(rigid)
mine = is_on(rigid, 1)
gone = max(mine)
if gone == 0:  # CPU 0 stays
    other = d.submit("exec sleep 600", cpus=1)
    d.started(other)
    d.call("Cancel", ids=[rigid])
    d.wait(rigid)
    rigid, mine = other, is_on(other, 1)
    gone = max(mine)
online(gone, False)
stats_until(lambda s: s["cpus_total"] == len(all_cpus) - 1)
moved = is_on(rigid, 1)
ok(moved and gone not in moved, "a job whose CPU goes away moves to a free one", mine, moved)
ok(any("CPUs %d are gone" % gone in t for t in texts(rigid)), "and its journal says so", texts(rigid))
online(gone, True)
s = stats_until(lambda s: s["cpus_total"] == len(all_cpus))
ok(s["cpus_total"] == len(all_cpus), "a CPU that comes back is used again", s["cpus_total"])
d.call("Cancel", ids=[rigid])
d.wait(rigid)

elastic = d.submit("exec sleep 600", cpus=2, elastic=True, min_cpus=1, max_cpus=4)
d.started(elastic)
full = is_on(elastic, 4)
online(3, False)
shrunk = is_on(elastic, 3)
ok(full and shrunk and 3 not in shrunk, "an elastic job on all CPUs shrinks", full, shrunk)
online(3, True)
ok(is_on(elastic, 4), "and grows when it is back", cgroup_file(elastic, "cpuset.cpus"))
online(2, False)
stats_until(lambda s: s["cpus_total"] == 3)
restart()
ok(is_on(elastic, 3) and stats()["cpus_total"] == 3, "a mscgd that comes later finds the same", cgroup_file(elastic, "cpuset.cpus"))
online(2, True)
ok(is_on(elastic, 4), "and what comes back after its start", cgroup_file(elastic, "cpuset.cpus"))
d.call("Cancel", ids=[elastic])
d.wait(elastic)

# -- the clock is set
year = 365 * 86400
now = time.time()
begun = time.monotonic()
limited = d.submit("exec sleep 600", time_limit=6, grace=1)
long = d.submit("exec sleep 600", time_limit=120, grace=1)
d.started(limited)
d.started(long)
time.clock_settime(time.CLOCK_REALTIME, now + year)
time.sleep(1)
ok(d.show(long)["state"] == "RUNNING" and d.show(limited)["state"] == "RUNNING", "a year ahead: no time limit is reached")
restart()
ok(d.until(long, state="RUNNING") and d.show(limited)["state"] == "RUNNING", "nor for a mscgd that starts then")
time.clock_settime(time.CLOCK_REALTIME, now - year)
o = d.wait(limited)
took = time.monotonic() - begun
ok(o[limited]["state"] == "TIMEOUT" and 5.5 < took < 15, "a year back: the limit comes when it is due", "%.1f s" % took, o)
time.clock_settime(time.CLOCK_REALTIME, now + time.monotonic() - begun)
ok(d.show(long)["state"] == "RUNNING", "the other one runs on")
d.stop()
done()
