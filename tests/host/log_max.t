#!/usr/bin/python3
# timeout: 120
"""--log-max: output is capped, the cut is marked and counted; what dies meanwhile does not break it."""
import os, shutil, signal, subprocess, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vm"))
from mscg_client import *

d = Daemon("--missing-controllers=warn", "--total-cpus", "4")
MARK = b"[mscg: %d bytes of output were cut here (--log-max %s)]\n"


def raw(job, ending="out"):
    return open("%s/%s.%s" % (d.out, job, ending), "rb").read()


def cut(job):
    return d.show(job)["accounting"]["log_cut_bytes"]


def writer_of(job):
    """The pid of its log writer: it has the job's file open, and is not the job."""
    for p in filter(str.isdigit, os.listdir("/proc")):
        try:
            if open("/proc/%s/comm" % p).read() == "mscg-log\n" and any(
                    os.path.realpath("/proc/%s/fd/%s" % (p, f)) == "%s/%s.out" % (d.out, job) for f in os.listdir("/proc/%s/fd" % p)):
                return int(p)
        except OSError:
            pass
    return None


def gone(pid, seconds=20):
    end = time.monotonic() + seconds
    while os.path.exists("/proc/%d" % pid) and open("/proc/%d/stat" % pid).read().rsplit(")", 1)[1].split()[0] != "Z":
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def until_output(job, size):
    end = time.monotonic() + 30
    while time.monotonic() < end and (not os.path.exists("%s/%s.out" % (d.out, job)) or len(raw(job)) < size):
        time.sleep(0.02)


# -- the cap
job = d.submit("head -c 1000000 /dev/zero | tr '\\0' x; exit 3", log_max=100000)
o = d.wait(job)[job]
ok(o["exit_code"] == 3 and raw(job) == b"x" * 100000 + b"\n" + MARK % (900000, b"97.7K") and cut(job) == 900000,
   "cut at the limit, marked, counted; whole when the end is reported", o, len(raw(job)), raw(job)[-80:], cut(job))
said = subprocess.run([os.path.join(build, "mscg"), "show", "--socket", d.socket, job], capture_output=True, text=True).stdout
ok("Output cut:" in said and d.show(job)["log_max"] == 100000, "show says so", said)

job = d.submit("echo short; echo err >&2; echo again > /dev/stdout", log_max=100000)
d.wait(job)
ok(raw(job) == b"short\nerr\nagain\n" and cut(job) == 0, "what is short is as it was, in its order; /dev/stdout may be opened", raw(job), cut(job))
job = d.submit("echo plain")
d.wait(job)
ok(raw(job) == b"plain\n" and cut(job) is None and d.show(job)["log_max"] is None, "without it nothing is counted")

job = d.submit("yes | head -c 5000; yes n | head -c 3000 >&2", log_max=1000, stderr_path=d.out + "/%j.err")
d.wait(job)
ok(raw(job) == b"y\n" * 500 + MARK % (4000, b"1000B") and raw(job, "err") == b"n\n" * 500 + MARK % (2000, b"1000B") and cut(job) == 6000,
   "two files: each has its own", raw(job)[-80:], raw(job, "err")[-80:], cut(job))
with open(d.out + "/add.out", "wb") as f:
    f.write(b"b" * 995)
os.chown(d.out + "/add.out", d.uid, -1)
job = d.submit("echo 12345678", log_max=1000, stdout_path=d.out + "/add.out", append=True)
d.wait(job)
ok(open(d.out + "/add.out", "rb").read() == b"b" * 995 + b"12345\n" + MARK % (4, b"1000B"), "what was in the file before counts", open(d.out + "/add.out", "rb").read()[-70:])
job = d.submit("echo x", log_max=1000, stdout_path="/nowhere/at/all")
o = d.wait(job)[job]
ok(o["state"] == "FAILED" and "/nowhere/at/all" in d.show(job)["reason_text"], "a file that cannot be opened is said as ever", d.show(job)["reason_text"])
job = d.submit("sleep 300 & echo begun; exit 4", log_max=1000)
began = time.monotonic()
o = d.wait(job)[job]
ok(o["exit_code"] == 4 and raw(job) == b"begun\n" and time.monotonic() - began < 4.5, "what a job leaves behind holds nothing up", time.monotonic() - began)

# -- what dies meanwhile
loud = "i=0; while [ ! -e %s ]; do i=$((i + 1)); echo $i; sleep 0.01; done; head -c 50000 /dev/zero; exit 5" % (d.out + "/gate")
job = d.submit(loud, log_max=20000)
until_output(job, 20)
writer = writer_of(job)
status = open("/proc/%d/status" % writer).read()
facts = dict(l.split(":\t", 1) for l in status.splitlines() if ":\t" in l)
ok(facts["Uid"].split() == [str(d.uid)] * 4 and int(facts["CapPrm"], 16) == 0 and int(facts["CapEff"], 16) == 0 and "job_" not in
   open("/proc/%d/cgroup" % writer).read(), "its writer is the user, without a capability, not in the job's cgroup", facts["Uid"], facts["CapEff"])
nice = os.getpriority(os.PRIO_PROCESS, writer)
adjusted = int(open("/proc/%d/oom_score_adj" % writer).read())
ok(nice == 19 and adjusted >= 0, "it goes behind every job on a busy machine, and is no better protected than they are", nice, adjusted)
fds = sorted(os.readlink("/proc/%d/fd/%s" % (writer, f)).split(":")[0] for f in os.listdir("/proc/%d/fd" % writer))
ok(len(fds) <= 6 and not any("slots" in f for f in fds) and "slots" not in open("/proc/%d/maps" % writer).read(), "and has nothing of the supervisor's", fds)
d.process.send_signal(signal.SIGKILL)
d.process.wait()
size = len(raw(job))
until_output(job, size + 20)
d.start()
open(d.out + "/gate", "w").close()
o = d.wait(job)[job]
text = raw(job)
ok(o["exit_code"] == 5 and text.startswith(b"1\n2\n3\n") and cut(job) > 0 and text.endswith(MARK % (cut(job), b"19.5K")),
   "mscgd is killed and another takes over: output, mark and count are whole", o, text[-70:], cut(job))

os.unlink(d.out + "/gate")
stale = lambda: {f for f in os.listdir(d.dir + "/run/runner") if f.startswith("log.")}
slots = stale()
plain = [d.submit("while [ ! -e %s/gate ]; do sleep 0.05; done" % d.out) for _ in range(2)]
for p in plain:
    d.started(p)
d.process.send_signal(signal.SIGKILL)
d.process.wait()
d.start()
open(d.out + "/gate", "w").close()
d.wait(*plain)
ok(slots and stale() == slots and [cut(p) for p in plain] == [None] * 2, "the count of an earlier job in its slot is nobody's, also after a restart", slots, stale(), [cut(p) for p in plain])

os.unlink(d.out + "/gate")
job = d.submit(loud, log_max=20000)
until_output(job, 20)
writer = writer_of(job)
main = d.show(job)["pid"]
supervisor = int(open("/proc/%d/stat" % main).read().rsplit(")", 1)[1].split()[1])
os.kill(supervisor, signal.SIGKILL)
o = d.wait(job)[job]
lines = raw(job).split()
ok(o["state"] == "FAILED" and gone(writer) and lines == [b"%d" % (n + 1) for n in range(len(lines))] and cut(job) == 0,
   "its supervisor is killed: what it wrote is there, and nothing of it is left", o, d.show(job)["reason"], lines[-1:])

job = d.submit(loud, log_max=20000)
until_output(job, 20)
os.kill(writer_of(job), signal.SIGKILL)
o = d.wait(job)[job]
ok(o["state"] == "FAILED" and raw(job).startswith(b"1\n2\n"), "its writer is killed: the job is told when it writes, and ends", o)

job = d.submit("echo begun; while [ ! -e %s/gate ]; do sleep 0.01; done" % d.out, log_max=20000, time_limit=2)
began = time.monotonic()
until_output(job, 6)
writer = writer_of(job)
os.kill(writer, signal.SIGSTOP)
open(d.out + "/gate", "w").close()
time.sleep(max(0, began + 3 - time.monotonic()))
during = d.show(job)["state"]
os.kill(writer, signal.SIGCONT)
o = d.wait(job)[job]
ok((during, o["state"], o["exit_code"]) == ("COMPLETING", "COMPLETED", 0), "its writer hangs past the time limit of a job that has ended: it has ended", during, o)

# -- a full disk under it, and a limit of the machine
small = d.dir + "/small"
os.mkdir(small)
os.chmod(small, 0o1777)
if os.geteuid() == 0:
    subprocess.check_call(["mount", "-t", "tmpfs", "-o", "size=64k,mode=1777", "tmpfs", small])
    job = d.submit("head -c 300000 /dev/zero; exit 6", log_max=200000, stdout_path=small + "/%j.out")
    o = d.wait(job)[job]
    have = os.path.getsize("%s/%s.out" % (small, job))
    said = d.show(job)["reason_text"]
    ok(o["exit_code"] == 6 and have <= 65536 and cut(job) == 0 and said == "%d bytes of its output could not be written: No space left on device" %
       (300000 - have), "a full disk: dropped and counted, and said why; the job goes on", o, have, cut(job), said)
    os.unlink("%s/%s.out" % (small, job))
    with open(small + "/filler", "wb") as f:
        f.write(bytes(32768))
    os.chown(small + "/filler", d.uid, -1)
    job = d.submit("head -c 300000 /dev/zero; sleep 1; rm %s/filler" % small, log_max=1000000, stdout_path=small + "/%j.out")
    d.wait(job)
    text = open("%s/%s.out" % (small, job), "rb").read()
    ok(text.endswith(b"\n[mscg: %d bytes of output could not be written: No space left on device]\n" % (300000 - text.index(b"\n"))),
       "and marked where there is room for that", text[-90:], len(text))
    subprocess.check_call(["umount", small])
d.process.send_signal(signal.SIGTERM)
d.process.wait(60)
d.command += ["--log-max", "1K"]
d.start()
job, lower, higher = d.submit("yes | head -c 2000"), d.submit("yes | head -c 2000", log_max=10), d.submit("yes | head -c 2000", log_max=1 << 30)
d.wait(job, lower, higher)
ok((cut(job), cut(lower), cut(higher)) == (976, 1990, 976), "the machine's limit is for all jobs; a job may ask for less", cut(job), cut(lower), cut(higher))
try:
    d.submit("true", attached=True, log_max=5)
    refused = ""
except RuntimeError as e:
    refused = str(e)
ok("--log-max" in refused, "with a terminal there is no file to limit", refused)
batch = d.dir + "/batch"
open(batch, "w").write("#!/bin/sh\n#MSCG --log-max=1K\nyes | head -c 3000\n")
os.chmod(batch, 0o755)
r = subprocess.run([os.path.join(build, "mscg"), "submit", "--socket", d.socket, "--test-only", "--json", batch], capture_output=True, text=True, cwd=d.dir)
ok('"log_max":1024' in r.stdout.replace(" ", ""), "a line of a batch script says it too", r.stdout, r.stderr)
d.stop()
shutil.rmtree(d.dir, ignore_errors=True)
done()
