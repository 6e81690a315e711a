#!/usr/bin/python3
# timeout: 200
"""An attached job that waits while mscgd is restarted, however that happens and how often: it starts with the descriptors of its client,
which has waited with it. Without its client it does not, and keeps nobody else."""
import os, pty, pwd, shutil, signal, subprocess, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vm"))
from mscg_client import *

d = Daemon("--missing-controllers=warn", "--total-cpus", "2", "--total-mem", "1G")
user = pwd.getpwuid(d.uid)


def run(*words, **more):
    more = dict(dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE), **more)
    return subprocess.Popen([os.path.join(build, "mscg"), "run", "--socket", d.socket, "-D", "/", *words], user=user.pw_uid, group=user.pw_gid,
                            extra_groups=[], **more)


def blocker():
    """Has all CPUs, until the file that it returns is there."""
    gate = d.out + "/gate%d" % time.monotonic_ns()
    d.started(d.submit("until [ -e %s ]; do sleep 0.02; done" % gate, cpus=2))
    return gate


def open_gate(gate):
    open(gate, "w").close()


def waiting():
    """The job of the mscg run that was started last."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        found = d.call("List", states=["PENDING"])["jobs"]
        if found:
            return found[-1]["id"]
        time.sleep(0.02)
    raise TimeoutError


def term():
    d.process.terminate()
    d.process.wait(60)


def kill():
    d.process.kill()
    d.process.wait()


def upgrade():
    r = subprocess.run([os.path.join(build, "mscg"), "upgrade", "--socket", d.socket], capture_output=True, text=True, timeout=60)
    d.connection = Connection(d.socket, d.uid)
    if r.returncode:
        diag(r.stderr)


def restart(end, between=None):
    end()
    if between:
        between()
        time.sleep(0.5)
    if end != upgrade:
        d.start()


def until(true, seconds=20):
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    return true()


def told(p, text=b"from here"):
    """Status, output, and the last line of errors: before that it may say that mscgd is away."""
    out, err = p.communicate(text, timeout=60)
    return p.returncode, out, err.splitlines()[-1:]


def error_of(c, **parameters):
    try:
        return str(c.call("Wait", **parameters))
    except RuntimeError as e:
        return str(e)


def again(job, c=None):
    """What is said to somebody who would be the client of that job."""
    return error_of(c or d.connect(), ids=[job], attached=True)


good = (4, b"from here, and on", [b"err"])
script = "printf '%s, and on' \"$(cat)\"; echo err >&2; exit 4"
for name, ends in (("SIGTERM", [term]), ("SIGKILL", [kill]), ("mscg upgrade", [upgrade]), ("three in a row", [kill, term, upgrade]),
                   ("upgrades in a row", [upgrade] * 4)):
    gate = blocker()
    p = run("-Q", script)
    job = waiting()
    for end in ends:
        restart(end)
    ok(d.show(job)["state"] == "PENDING", "%s: it waits on" % name, d.show(job)["state"])
    open_gate(gate)
    said = told(p)
    ok(said == good and d.show(job)["attempt"] == 1, "%s: and runs, with what its client has" % name, said, d.show(job)["reason_text"])

for name, end in (("SIGTERM", term), ("SIGKILL", kill)):
    gate = blocker()
    p = run("-Q", script)
    waiting()
    behind = d.submit("true", cpus=2)
    restart(end, lambda: open_gate(gate))
    said = told(p)
    ok(said == good, "%s: its turn came while nobody was there" % name, said)
    ok(d.wait(behind)[behind]["state"] == "COMPLETED", "%s: and who is behind it comes after it" % name)

# Its turn is there before its client is, and mscgd ends again meanwhile.
gate = blocker()
p = run("-Q", script)
job = waiting()
p.send_signal(signal.SIGSTOP)
restart(kill, lambda: open_gate(gate))
ok(until(lambda: d.show(job)["state"] == "RUNNING") and d.show(job)["pid"] is None, "its client is late: it is not begun without", d.show(job)["state"])
restart(kill)
restart(upgrade)
restart(term)
p.send_signal(signal.SIGCONT)
said = told(p)
ok(said == good, "it begins when that is back, over any number of restarts", said)

# -- without its client
gate = blocker()
p = run("-Q", "echo never > %s/never" % d.out)
job = waiting()
p.send_signal(signal.SIGSTOP)
restart(kill, lambda: open_gate(gate))
until(lambda: d.show(job)["state"] == "RUNNING")
p.kill()
p.wait()
d.call("Cancel", ids=[job])
o = d.wait(job)[job]
ok(o["state"] == "CANCELLED", "its client was killed meanwhile: it can be cancelled", o)

gate = blocker()
p = run("-Q", "echo never > %s/never" % d.out)
job = waiting()
restart(term, p.kill)
p.wait()
began = time.monotonic()
open_gate(gate)
other = d.submit("true", cpus=2)
o = d.wait(job)[job]
took = time.monotonic() - began
ok(o["state"] == "FAILED" and 15 < took < 60 and "did not come back" in d.show(job)["reason_text"], "or fails when it was waited for long enough, and says why", o, took,
   d.show(job)["reason_text"])
ok(d.wait(other)[other]["state"] == "COMPLETED" and not os.path.exists(d.out + "/never"), "and others have what it had")

gate = blocker()
p = run("-Q", "sleep 1000")
job = waiting()
restart(kill)
ok(until(lambda: "already" in again(job)), "its descriptors are there again, and nobody passes others", again(job))
stranger = Connection(d.socket)  # root, where root runs this
if os.geteuid() == 0:
    ok("belongs to" in again(job, stranger) and "belongs to" in again(job, Connection(d.socket, 65534)), "they are its own user's to pass", again(job, stranger))
plain = d.submit("true", cpus=2)
c = d.connect()
c.pass_stdio(0, 1, 2)
ok("not attached" in again(plain, c), "and not for what has files", again(plain, c))
ok("comes alone" in error_of(d.connect(), ids=[job, plain], attached=True), "one at a time")
p.kill()
p.wait()
o = d.wait(job)[job]
ok(o["state"] == "CANCELLED", "killed after it was back: the job is cancelled as ever", o)
open_gate(gate)

# -- a terminal
for name, end in (("SIGKILL", kill), ("mscg upgrade", upgrade)):
    gate = blocker()
    master, slave = pty.openpty()
    p = run("-Q", "--pty", "[ -t 0 ] && [ -t 2 ] && read x && echo got $x; exit 6", stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    job = waiting()
    restart(end)
    restart(end)
    open_gate(gate)
    d.started(job)
    os.write(master, b"typed\n")
    text = b""
    try:
        while part := os.read(master, 4096):
            text += part
    except OSError:
        pass  # its other side is closed
    os.close(master)
    ok(p.wait(60) == 6 and b"got typed" in text, "%s: a terminal of its own" % name, p.returncode, text)

ok(not [f for f in os.listdir("/proc/%d/fd" % d.process.pid) if d.out in os.readlink("/proc/%d/fd/%s" % (d.process.pid, f))], "nothing of theirs is open in mscgd")
d.stop()
shutil.rmtree(d.dir, ignore_errors=True)
done()
