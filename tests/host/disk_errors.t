#!/usr/bin/python3
# timeout: 120
"""The state directory's disk fails, for a while or for good, and the directory of the output is full: jobs run on, their
ends are kept and recorded when it can be written again, and new jobs are refused with the reason."""
import fcntl, os, shutil, signal, struct, subprocess, sys, time

if not os.environ.get("DISK_ERRORS_MOUNTS"):
    # File systems of its own, that go away with the test.
    os.environ["DISK_ERRORS_MOUNTS"] = "private"
    os.execvp("unshare", ["unshare", "--mount", sys.argv[0]])

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vm"))
from mscg_client import *

SET_FD, SET_STATUS, GET_STATUS, GET_FREE = 0x4C00, 0x4C04, 0x4C05, 0x4C82
SIZE_LIMIT, FLAGS, AUTOCLEAR = 32, 52, 4
room = subprocess.check_output(["mktemp", "-d", "/tmp/mscg-disk.XXXXXX"], text=True).strip()
subprocess.check_call(["mount", "-t", "tmpfs", "-o", "size=200m,mode=0755", "tmpfs", room])


class Disk:
    """An ext4 file system on a loop device. Beyond a limit that is moved, the device answers with EIO."""

    def __init__(self, name, errors, *features):
        self.image, self.path = room + "/" + name + ".img", room + "/" + name
        with open(self.image, "wb") as f:
            f.truncate(64 << 20)
        os.mkdir(self.path)
        subprocess.check_call(["mkfs.ext4", "-q", "-F", *features, self.image])
        control = os.open("/dev/loop-control", os.O_RDWR)
        back = os.open(self.image, os.O_RDWR)
        while True:
            number = fcntl.ioctl(control, GET_FREE)
            self.device = "/dev/loop%d" % number
            if not os.path.exists(self.device):
                os.mknod(self.device, 0o60600, os.makedev(7, number))
            self.loop = os.open(self.device, os.O_RDWR)
            try:
                fcntl.ioctl(self.loop, SET_FD, back)
                break
            except OSError:
                os.close(self.loop)  # somebody else was quicker
        os.close(back)
        os.close(control)
        self.set("I", FLAGS, AUTOCLEAR)
        self.mount(errors)

    def set(self, form, offset, value):
        info = bytearray(232)
        fcntl.ioctl(self.loop, GET_STATUS, info)
        struct.pack_into(form, info, offset, value)
        fcntl.ioctl(self.loop, SET_STATUS, bytes(info))

    def mount(self, errors="remount-ro"):
        subprocess.check_call(["mount", "-t", "ext4", "-o", "nodelalloc,errors=" + errors, self.device, self.path])

    def unmount(self, for_good=False):
        subprocess.check_call(["umount", self.path])
        if for_good:
            os.close(self.loop)  # and the device is free

    def fails(self, yes):
        self.set("Q", SIZE_LIMIT, 4096 if yes else 0)


pids = {}


def daemon(disk):
    return Daemon("--missing-controllers=warn", "--total-cpus", "2", "--allow-root-jobs", "--state-dir", disk.path + "/state")


def refused():
    try:
        return "accepted: job " + d.submit("exit 0")
    except RuntimeError as e:
        return str(e)


def refused_at_last():
    """Jobs that were taken, and what was said to the first that was not."""
    taken, end = [], time.monotonic() + 30
    while time.monotonic() < end:
        answer = refused()
        if not answer.startswith("accepted"):
            break
        taken.append(answer.split()[-1])
    return taken, answer


def gated(name):
    """Two jobs that write a line all the time, and end with code 10 and 11 when the gate is there."""
    gate = d.out + "/" + name
    jobs = [d.submit("until [ -e %s ]; do echo; sleep 0.05; done; exit %d" % (gate, 10 + i)) for i in range(2)]
    for j in jobs:
        pids[j] = d.started(j)["pid"]
    return gate, jobs


def run_on(jobs):
    before = [os.path.getsize("%s/%s.out" % (d.out, j)) for j in jobs]
    end = time.monotonic() + 20
    while time.monotonic() < end:
        time.sleep(0.05)
        if all(os.path.getsize("%s/%s.out" % (d.out, j)) > b for j, b in zip(jobs, before)):
            return True
    return False


def open_gate(gate, jobs):
    """And waits until their main processes have ended, whatever mscgd knows of it."""
    open(gate, "w").close()
    end = time.monotonic() + 20
    while any(os.path.exists("/proc/%d" % p) for p in map(pids.get, jobs)) and time.monotonic() < end:
        time.sleep(0.02)


def taken_again(seconds=70):
    end = time.monotonic() + seconds
    while d.call("Ping")["degraded"] and time.monotonic() < end:
        time.sleep(0.02)
    job = d.submit("exit 3")
    return d.wait(job)[job]["exit_code"] == 3


def journal(job):
    return [e["kind"] for e in d.events() if e["id"] == job]


# -- errors that pass
disk = Disk("passing", "continue", "-O", "^has_journal")
d = daemon(disk)
gate, jobs = gated("passing")
disk.fails(True)
taken, answer = refused_at_last()
ok("Input/output error" in answer, "an error of the disk: new jobs are refused with the reason", answer)
ok(run_on(jobs), "jobs that run do so")
open_gate(gate, jobs)
time.sleep(0.5)


def state(job):
    """Where the disk does not even give what was written before, mscgd says that."""
    try:
        return d.show(job)["state"]
    except RuntimeError as e:
        return "unknown" if "io.mscg.StoreFailed" in str(e) else str(e)


ok(all(state(j) in ("RUNNING", "COMPLETING", "unknown") for j in jobs), "no end is recorded that could not be kept", [state(j) for j in jobs])
disk.fails(False)
o = d.wait(*jobs)
ok([o[j]["exit_code"] for j in jobs] == [10, 11], "recorded when the disk is well again", o)
ok(taken_again() and all(journal(j).count("ended") == 1 for j in jobs), "jobs are taken again, and each end is there once")

gate, jobs = gated("killed")
disk.fails(True)
taken, answer = refused_at_last()
ok("Input/output error" in answer, "again", answer)
open_gate(gate, jobs)
d.process.send_signal(signal.SIGKILL)
d.process.wait()
disk.fails(False)
d.start()
o = d.wait(*jobs, *taken)
ok([o[j]["exit_code"] for j in jobs] == [10, 11] and all(journal(j).count("ended") == 1 for j in jobs),
   "mscgd is killed meanwhile: the next one knows the ends", o)
d.stop()
shutil.rmtree(d.dir, ignore_errors=True)
disk.unmount(True)

# -- errors after which the kernel makes the file system read-only
disk = Disk("lasting", "remount-ro")
d = daemon(disk)
gate, jobs = gated("lasting")
disk.fails(True)
taken, answer = refused_at_last()
end = time.monotonic() + 30
while "Read-only file system" not in answer and time.monotonic() < end:
    time.sleep(0.2)
    answer = refused()
ok("Read-only file system" in answer, "the file system becomes read-only: that is what is said", answer)
ok(run_on(jobs), "jobs that run do so")
open_gate(gate, jobs)
disk.fails(False)
time.sleep(0.5)
ok(not refused().startswith("accepted"), "it stays so although the disk is well")
d.process.send_signal(signal.SIGTERM)
d.process.wait(60)
start = subprocess.run(d.command, capture_output=True, text=True, timeout=60)
ok(start.returncode == 1 and "Read-only file system" in start.stderr, "a mscgd that cannot write says so and ends", start.stderr)
disk.unmount()
disk.mount()
d.start()
o = d.wait(*jobs, *taken)
ok([o[j]["exit_code"] for j in jobs] == [10, 11] and all(journal(j).count("ended") == 1 for j in jobs),
   "mounted anew: the ends that the slots kept are recorded, once", o)
ok(taken_again(), "and jobs are taken")

# -- no room where a job writes
small = room + "/small"
os.mkdir(small)
subprocess.check_call(["mount", "-t", "tmpfs", "-o", "size=64k,nr_inodes=3,mode=1777", "tmpfs", small])
for n in range(2):
    open("%s/%d" % (small, n), "w").close()
job = d.submit("echo here", stdout_path=small + "/%j.out")
j = d.show(job)
end = time.monotonic() + 20
while "No space left" not in str(j["reason_text"]) and time.monotonic() < end:
    time.sleep(0.02)
    j = d.show(job)
ok(j["state"] == "PENDING" and "No space left" in j["reason_text"], "a directory of output without inodes: the job waits, and says for what",
   j["state"], j["reason"], j["reason_text"])
os.unlink(small + "/0")
ok(d.wait(job)[job]["exit_code"] == 0 and open("%s/%s.out" % (small, job)).read() == "here\n", "and runs when there is one")
os.unlink(small + "/1")
job = d.submit("head -c 1000000 /dev/zero; echo $? >&2", stdout_path=small + "/%j.out", stderr_path=d.out + "/%j.err")
o = d.wait(job)[job]
ok(o["state"] == "COMPLETED" and open("%s/%s.err" % (d.out, job)).read().endswith("1\n"), "without room: its program is told, and decides", o)

d.stop()
subprocess.check_call(["umount", small])
disk.unmount(True)
subprocess.check_call(["umount", "--lazy", room])  # the devices let go of their files in their own time
os.rmdir(room)
shutil.rmtree(d.dir, ignore_errors=True)
done()
