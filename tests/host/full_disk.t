#!/usr/bin/python3
# timeout: 120
"""The state directory's disk is full: jobs run on, their ends are recorded from the ballast's room or kept until there is
some, and new jobs are refused with the reason."""
import os, shutil, signal, subprocess, sys, time

if not os.environ.get("FULL_DISK_MOUNTS"):
    # A file system of its own, that goes away with the test.
    os.environ["FULL_DISK_MOUNTS"] = "private"
    os.execvp("unshare", ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"]), sys.argv[0]])

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vm"))
from mscg_client import *

disk = subprocess.check_output(["mktemp", "-d", "/tmp/mscg-disk.XXXXXX"], text=True).strip()
subprocess.check_call(["mount", "-t", "tmpfs", "-o", "size=24m,nr_inodes=200,mode=0700", "tmpfs", disk])
state, filler = disk + "/state", disk + "/filler"
ballast = state + "/ballast"
d = Daemon("--missing-controllers=warn", "--total-cpus", "2", "--allow-root-jobs", "--state-dir", state)


def occupy():
    """All the room there is."""
    with open(filler, "ab", buffering=0) as f:
        for size in (1 << 16, 4096, 1):
            try:
                while f.write(b"x" * size):
                    pass
            except OSError:
                pass


def degraded(yes, seconds=20):
    end = time.monotonic() + seconds
    while bool(d.call("Ping")["degraded"]) != yes and time.monotonic() < end:
        time.sleep(0.02)
    return bool(d.call("Ping")["degraded"]) == yes


def refused():
    try:
        return "accepted: job " + d.submit("exit 0")
    except RuntimeError as e:
        return str(e)


def gated(name):
    """Two jobs that end with code 10 and 11 when the gate is there."""
    gate = d.out + "/" + name
    jobs = [d.submit("until [ -e %s ]; do sleep 0.05; done; exit %d" % (gate, 10 + i)) for i in range(2)]
    for j in jobs:
        d.until(j, state="RUNNING")
    return gate, jobs


def cli(verb):
    p = subprocess.run([os.path.join(build, "mscg"), "--socket", d.socket, verb], text=True, capture_output=True, timeout=60)
    return p.stdout + p.stderr


ok(os.path.getsize(ballast) == 4 << 20 and not d.call("Ping")["degraded"], "there is ballast, and nothing is degraded")

# -- full: what was submitted before ends, and is recorded
gate, jobs = gated("full")
occupy()
accepted = []
for i in range(2000):
    answer = refused()
    if not answer.startswith("accepted: job "):
        break
    accepted.append(answer.split()[-1])
    occupy()
ok("no new jobs are taken" in answer and "No space left on device" in answer and state in answer,
   "a full disk: new jobs are refused with the reason", answer, "after %d more" % len(accepted))
ok(os.path.getsize(ballast) < 4 << 20, "the ballast gave of its room", os.path.getsize(ballast))
ok("degraded" in cli("ping") and "Degraded" in cli("stats") and "takes no new jobs" in cli("doctor"),
   "ping, stats and doctor say so", cli("ping"))
open(gate, "w").close()
o = d.wait(*jobs, *accepted)
ok([o[j]["exit_code"] for j in jobs] == [10, 11], "jobs that ran are recorded while it is full", [o[j]["exit_code"] for j in jobs])
ok(all(o[j]["exit_code"] == 0 for j in accepted), "and so is each that was accepted")
ok(d.call("Ping")["degraded"], "it is full still")
d.process.send_signal(signal.SIGKILL)
d.process.wait()
d.start()
ok(d.call("Ping")["degraded"] and "no new jobs are taken" in refused(), "and after a restart")
ok([d.show(j)["exit_code"] for j in jobs] == [10, 11], "which knows the ends")
os.unlink(filler)
ok(degraded(False, 70) and os.path.getsize(ballast) == 4 << 20, "room again: noticed without being told, the ballast is back")
job = d.submit("exit 3")
ok(d.wait(job)[job]["exit_code"] == 3, "and jobs are taken")

# -- the control: without the ballast the ends wait
gate, jobs = gated("control")
os.unlink(ballast)
occupy()
while refused().startswith("accepted"):
    occupy()
open(gate, "w").close()
time.sleep(2)
ok(all(d.show(j)["state"] in ("RUNNING", "COMPLETING") for j in jobs), "without ballast no end is recorded while it is full")
os.unlink(filler)
o = d.wait(*jobs)
ok([o[j]["exit_code"] for j in jobs] == [10, 11], "but none is lost: recorded once there is room", o)
ok(degraded(False, 70), "and then jobs are taken again")

# -- no inodes
gate, jobs = gated("inodes")
many = []
try:
    while True:
        many.append("%s/%d" % (disk, len(many)))
        open(many[-1], "w").close()
except OSError:
    many.pop()
open(gate, "w").close()
o = d.wait(*jobs)
ok([o[j]["exit_code"] for j in jobs] == [10, 11], "no inodes: ends are recorded", o)
d.process.send_signal(signal.SIGTERM)
d.process.wait()
d.start()
ok([d.show(j)["exit_code"] for j in jobs] == [10, 11], "and a daemon can be started")
for name in many:
    os.unlink(name)
ok(degraded(False, 70) and d.wait(d.submit("exit 0")), "and goes on when there are some")

d.stop()
subprocess.check_call(["umount", disk])
os.rmdir(disk)
shutil.rmtree(d.dir, ignore_errors=True)
done()
