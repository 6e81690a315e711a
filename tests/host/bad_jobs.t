#!/usr/bin/python3
# also: 6.1
# as: both
# timeout: 300
"""Jobs that cannot start or cannot write: each says why, its neighbour runs on, and the next job starts as ever."""
import os, subprocess, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vm"))
from mscg_client import *

in_vm = bool(os.environ.get("MSCG_VM"))
d = Daemon("--total-cpus", "2", "--total-mem", "512MB", *([] if in_vm else ["--missing-controllers=warn"]))
place = d.out  # the user's own


def file(name, text, mode):
    path = place + "/" + name
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)
    return path


witness = d.submit(probe + "/sleep_s", "600")
pid = None
while not pid:  # a moment after RUNNING
    pid = d.until(witness, state="RUNNING")["pid"]


def ends(name, job, state, code, *texts, seconds=30):
    t = time.monotonic()
    o = d.wait(job)[job]
    j = d.show(job)
    why = j["reason_text"] or ""
    ok((o["state"], o["exit_code"]) == (state, code) and all(t in why for t in texts), "%s: %s %s, %s" % (name, o["state"], o["exit_code"], why),
       *([] if (o["state"], o["exit_code"]) == (state, code) and all(t in why for t in texts) else [j, texts]))
    if time.monotonic() - t > seconds:
        ok(False, "%s: within %d s" % (name, seconds), time.monotonic() - t)


def fine(name):
    job = d.submit("echo fine")
    d.wait(job)
    w = d.show(witness)
    ok(d.output(job) == "fine\n" and (w["state"], w["pid"]) == ("RUNNING", pid), name + ": the neighbour runs on, the next job is fine")


# -- the command
ends("no such command", d.submit("no-such-command-here", "x"), "FAILED", 127, "no-such-command-here", "No such file")
ends("no such file", d.submit(place + "/nothing", "x"), "FAILED", 127, "/nothing'", "No such file")
ends("no such command in a shell", d.submit("no-such-command-here"), "FAILED", 127)
ends("not executable", d.submit(file("text", "echo\n", 0o644), "x"), "FAILED", 126, "Permission denied")
ends("a directory", d.submit(place, "x"), "FAILED", 126, "Permission denied")
ends("an interpreter that is not there", d.submit(file("script", "#!/no/such/interpreter\n", 0o755), "x"), "FAILED", 127, "interpreter of '", "No such file")
ends("no program: taken for a shell's, as a shell does", d.submit(file("noise", "exit 9\n", 0o755), "x"), "FAILED", 9)
fine("commands")

# -- the working directory
os.mkdir(place + "/gone")
waits = d.submit(probe + "/exit_with", "0", workdir=place + "/gone", cpus=2)  # waits for the neighbour's core
os.rmdir(place + "/gone")
blocked = file("file", "", 0o644)
os.mkdir(place + "/closed")
os.chown(place + "/closed", d.uid, -1)
os.chmod(place + "/closed", 0)
ends("a directory that is not there", d.submit("true", workdir="/no/such/place"), "FAILED", 126, "working directory '/no/such/place'", "No such file")
ends("a file for a directory", d.submit("true", workdir=blocked), "FAILED", 126, "working directory", "Not a directory")
ends("a directory that is closed", d.submit("true", workdir=place + "/closed"), "FAILED", 126, "working directory", "Permission denied")
fine("directories")

# -- where output goes
for name, path, text in (("no such directory", place + "/none/out", "No such file"), ("a closed directory", place + "/closed/out", "Permission denied"),
                         ("a directory", place, "Is a directory"), ("a name that is too long", place + "/" + "x" * 300, "name too long"),
                         ("somebody else's file", "/etc/passwd", "Permission denied")):
    if path == "/etc/passwd" and os.access(path, os.W_OK) and d.uid == 0:
        continue
    ends("output to " + name, d.submit("true", stdout_path=path), "FAILED", 126, "standard output '" + path[:60], text)
ends("errors to no such directory", d.submit("true", stderr_path=place + "/none/err"), "FAILED", 126, "No such file")
ends("input from nothing", d.submit("true", stdin_path=place + "/none"), "FAILED", 126, "No such file")
os.mkfifo(place + "/fifo", 0o666)
os.chmod(place + "/fifo", 0o666)
ends("input from a pipe that nobody writes to", d.submit("true", stdin_path=place + "/fifo"), "COMPLETED", 0)
job = d.submit("true", stdout_path=place + "/fifo")
o = d.wait(job)[job]
ok(o["state"] in ("FAILED", "COMPLETED"), "output to a pipe that nobody reads does not hang: %s" % o["state"], d.show(job)["reason_text"])
job = d.submit("cat", "/proc/version", stdout_path="/dev/full", stderr_path=place + "/full.err")
ends("output to a full device", job, "FAILED", 1)
ok("No space left" in open(place + "/full.err").read(), "it was told so: No space left on device")
fine("output")

if in_vm and os.geteuid() == 0:
    small = place + "/small"
    os.mkdir(small)
    subprocess.check_call(["mount", "-t", "tmpfs", "-o", "size=64k,mode=777", "tmpfs", small])
    job = d.submit("head -c 1000000 /dev/zero", stdout_path=small + "/out", stderr_path=place + "/small.err")
    ends("a log disk that is full", job, "FAILED", 1)
    ok(os.path.getsize(small + "/out") == 65536 and "No space left" in open(place + "/small.err").read(), "it wrote what there was room for")
    ends("a new log on it", d.submit("cat", "/proc/version", stdout_path=small + "/other", stderr_path="/dev/null"), "FAILED", 1)
    fine("a full log disk")
    subprocess.check_call(["umount", small])

# -- arguments
job = d.submit("printf", "%s|", "two\nlines", "a b", "", "ü", "'\"$HOME`x`\\")
d.wait(job)
ok(d.output(job) == "two\nlines|a b||ü|'\"$HOME`x`\\|", "arguments arrive as they are, newlines too", d.output(job))
words = ["%01023d" % i for i in range(200)]
job = d.submit("sh", "-c", 'printf "%s" "$*" | cksum', "sh", *words)
d.wait(job)
want = subprocess.run(["cksum"], input=" ".join(words).encode(), stdout=subprocess.PIPE).stdout.decode()
ok(d.output(job) == want, "200 KB of arguments arrive", d.output(job), want)
try:
    d.submit("true", "x" * 200000)
    ok(False, "one argument above what the kernel takes is refused")
except RuntimeError as e:
    ok("131071" in str(e), "one argument above what the kernel takes is refused", e)
job = d.call("Submit", jobs=[{"argv": ["sh", "-c", "env | cksum >/dev/null; printf '%s' \"$BIG\" | wc -c"], "workdir": "/tmp", "env": 0,
                              "mem_bytes": 32 << 20, "stdout_path": place + "/%j.out"}],
             environments=[["PATH=/usr/bin:/bin", "BIG=" + "y" * 100000, "LINES=a\nb", "LD_PRELOAD_IS_NOT=x"]])["jobs"][0]["id"]
d.wait(job)
ok(d.output(job).strip() == "100000", "a large environment arrives", d.output(job))
fine("arguments")

# -- what waits for its neighbour's core
d.call("Cancel", ids=[witness])
d.wait(witness)
ends("a directory that goes while the job waits", waits, "FAILED", 126, "working directory", "No such file")
end = time.monotonic() + 10
while job_cgroups() and time.monotonic() < end:
    time.sleep(0.1)
ok(job_cgroups() == [], "no cgroup is left", job_cgroups())
d.stop()
os.chmod(place + "/closed", 0o700)
done()
