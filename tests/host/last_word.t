#!/usr/bin/python3
# timeout: 120
"""What mscgd did to a job stands in its own file for errors, written as its user; and nothing where it ended by itself."""
import os, re, shutil, signal, subprocess, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vm"))
from mscg_client import *

d = Daemon("--missing-controllers=warn", "--total-cpus", "2", "--total-mem", "1G")
work = subprocess.check_output(["mktemp", "-d", "/tmp/mscg-word.XXXXXX"], text=True).strip()
os.chmod(work, 0o777)
NOTE = r"\[mscg: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d: job %s %s\]\n"


def submit(command, **more):
    return d.submit(command, **dict(dict(workdir=work, stdout_path=work + "/%j.out", stderr_path=work + "/%j.err", cpus=1), **more))


def text(name):
    try:
        return open("%s/%s" % (work, name)).read()
    except FileNotFoundError:
        return None


def until(true, seconds=10):
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    return true()


def says(name, job, what, before="", after=""):
    return until(lambda: re.fullmatch(re.escape(before) + NOTE % (job, what) + re.escape(after), text(name) or ""))


def cancelled(command, **more):
    job = submit(command, **more)
    d.started(job)
    time.sleep(0.1)
    return job


def cancel(job):
    d.call("Cancel", ids=[job])
    d.wait(job)


def writers():
    return [p for p in filter(str.isdigit, os.listdir("/proc")) if comm(p) == "mscg-note\n"]


def comm(pid):
    try:
        return open("/proc/%s/comm" % pid).read()
    except OSError:
        return ""


job = submit("echo -n half a line >&2; sleep 100", time_limit=1, grace=0)
d.wait(job)
ok(says(job + ".err", job, "was ended: its time limit was reached", "half a line\n"), "a time limit, on a line of its own", text(job + ".err"))
ok(text(job + ".out") == "", "nothing in the other file", text(job + ".out"))

job = cancelled("echo whole >&2; sleep 100")
cancel(job)
ok(says(job + ".err", job, "was cancelled", "whole\n"), "cancelled", text(job + ".err"))
owner = os.stat("%s/%s.err" % (work, job))
ok(owner.st_uid == d.uid and os.stat("%s/%s.out" % (work, job)).st_uid == d.uid, "the file is its user's", owner.st_uid)

job = cancelled("echo one file; sleep 100", stderr_path=None)
cancel(job)
ok(says(job + ".out", job, "was cancelled", "one file\n"), "the only file where there is one", text(job + ".out"))

job = d.call("Submit", jobs=[{"argv": ["/no/such/program"], "workdir": work, "stdout_path": work + "/%j.out", "stderr_path": work + "/%j.err",
                              "mem_bytes": 32 << 20}])["jobs"][0]["id"]
d.wait(job)
ok(says(job + ".err", job, "cannot start: exec '/no/such/program': No such file or directory"), "a program that is not there", text(job + ".err"))

job = d.call("Submit", scripts=["#!/nonexistent/python -x\nprint(1)\n"], jobs=[{"argv": ["batch"], "script": 0, "workdir": work, "stdout_path": work + "/%j.out",
                              "stderr_path": work + "/%j.err", "mem_bytes": 32 << 20}])["jobs"][0]["id"]
o = d.wait(job)[job]
ok(o["exit_code"] == 127 and says(job + ".err", job, "cannot start: interpreter of '#!/nonexistent/python -x': No such file or directory"),
   "a script whose interpreter is not there", text(job + ".err"), o)

quiet = [submit("echo fails >&2; exit 3"), submit("echo dies >&2; kill -9 $$"), submit("echo ends >&2")]
d.wait(*quiet)

# Others may change what the path leads to, as long as it is theirs to change.
job = cancelled("rm %s/$MSCG_JOB_ID.err; sleep 100" % work)
cancel(job)
ok(says(job + ".err", job, "was cancelled"), "a file that was removed is there again", text(job + ".err"))

other = work + "/other"
open(other, "w").close()
os.chown(other, d.uid, d.uid)
job = cancelled("sleep 100")
os.unlink("%s/%s.err" % (work, job))
os.symlink(other, "%s/%s.err" % (work, job))
cancel(job)
fifo = cancelled("sleep 100")
os.unlink("%s/%s.err" % (work, fifo))
os.mkfifo("%s/%s.err" % (work, fifo), 0o666)
reader = os.open("%s/%s.err" % (work, fifo), os.O_RDONLY | os.O_NONBLOCK)
cancel(fifo)
last = cancelled("sleep 100")
cancel(last) # written after those before it
ok(says(last + ".err", last, "was cancelled") and until(lambda: not writers()), "nobody who writes is left", writers())
time.sleep(0.2)
ok(text("other") == "", "a link that took its place is not followed", text("other"))
ok(os.read(reader, 100) == b"", "nothing goes to one that reads")
for job, said in zip(quiet, ("fails\n", "dies\n", "ends\n")):
    ok(text(job + ".err") == said, "nothing is added where it %s by itself" % said.strip(), text(job + ".err"))

# Others that stand between.
job = cancelled("yes | head -c 20000 >&2; sleep 100", log_max=10000)
cancel(job)
ok(until(lambda: (text(job + ".err") or "").endswith("job %s was cancelled]\n" % job)) and "bytes of output were cut here" in text(job + ".err"),
   "behind what was cut", (text(job + ".err") or "")[-300:])

job = cancelled("echo stays >&2; sleep 100", isolate="strict")
d.process.send_signal(signal.SIGKILL)
d.process.wait()
d.start()
cancel(job)
ok(says(job + ".err", job, "was cancelled", "stays\n"), "also by the next mscgd", text(job + ".err"))

job = submit("echo try $MSCG_RESTART_COUNT >&2; sleep 100", time_limit=60)
d.started(job)
time.sleep(0.1)
d.call("Requeue", ids=[job])
d.until(job, restart_count=1, state="RUNNING")
time.sleep(0.1)
cancel(job)
ok(says(job + ".err", job, "was cancelled", "try 0\ntry 1\n"), "behind the last of two attempts, of which the first was asked to end", text(job + ".err"))
d.stop()
shutil.rmtree(work)
shutil.rmtree(d.dir, ignore_errors=True)
done()
