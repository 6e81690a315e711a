#!/usr/bin/python3
# timeout: 120
"""mscgd is replaced while jobs run: they do not notice, who connects meanwhile waits, and who watches goes on."""
import os, shutil, signal, socket, subprocess, sys, threading, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vm"))
from mscg_client import *

d = Daemon("--missing-controllers=warn", "--total-cpus", "2")
d.stop()
programs = d.dir + "/bin"
os.mkdir(programs)
for name in ("mscgd", "mscg-supervise"):
    shutil.copy2(os.path.join(build, name), programs)
d.command[0] = programs + "/mscgd"
d.start()
pid = d.process.pid


def mscg(*words):
    return subprocess.run([os.path.join(build, "mscg"), words[0], "--socket", d.socket, *words[1:]], capture_output=True, text=True, timeout=60)


def upgraded():
    r = mscg("upgrade")
    d.connection = Connection(d.socket, d.uid)
    return r


def install(text=None):
    """mscgd as built, or a program of this text, comes into its place as an installation does it."""
    new = programs + "/new"
    if text is None:
        shutil.copy2(os.path.join(build, "mscgd"), new)
    else:
        with open(new, "w") as f:
            f.write(text)
        os.chmod(new, 0o755)
    os.rename(new, programs + "/mscgd")


def descriptors():
    """What it has open beside connections."""
    found = []
    for f in os.listdir("/proc/%d/fd" % pid):
        try:
            found.append(os.readlink("/proc/%d/fd/%s" % (pid, f)))
        except FileNotFoundError:
            pass  # a connection that has ended meanwhile
    return sorted(f for f in found if not f.startswith("socket:"))


def zombies():
    found = []
    for p in filter(str.isdigit, os.listdir("/proc")):
        try:
            state, parent = open("/proc/%s/stat" % p).read().rsplit(")", 1)[1].split()[:2]
        except OSError:
            continue
        if int(parent) == pid and state == "Z":
            found.append(p)
    return found


job = d.submit("i=0; while true; do i=$((i + 1)); echo $i; sleep 0.05; done")
j = d.started(job)
watchers = {name: subprocess.Popen([os.path.join(build, "mscg"), *words, "--socket", d.socket], stdout=open(d.dir + "/" + name, "w"),
                                   stderr=subprocess.STDOUT)
            for name, words in (("queue", ["queue", "--watch=0.2", "-h", "-o", "%i %T"]), ("logs", ["logs", "-f", job]),
                                ("top", ["top", "--json", "--count", "100000", "--interval", "0.2"]), ("wait", ["wait", job]),
                                ("events", ["events", "-f"]))}


def seen(name):
    return open(d.dir + "/" + name).read()


end = time.monotonic() + 30
while time.monotonic() < end and not (seen("queue") and seen("logs") and seen("top")):
    time.sleep(0.05)

kept = d.connect()  # asks before and after
kept.call("Ping")
refused, asked, stop = [], [0], threading.Event()


def keep_asking():
    while not stop.is_set():
        try:
            Connection(d.socket).call("Ping")
            asked[0] += 1
        except (OSError, EOFError) as e:
            refused.append(repr(e))
        time.sleep(0.002)


thread = threading.Thread(target=keep_asking, daemon=True)
thread.start()
r = upgraded()
ok(r.returncode == 0 and "was replaced by" in r.stdout, "mscg upgrade", r.stdout, r.stderr)
d.call("Ping")  # it has taken the connection
before = descriptors()
submitted = []
for k in range(4):
    install()
    r = upgraded()
    submitted.append(d.submit("exit %d" % k))
    if r.returncode:
        diag(r.stderr)
stop.set()
thread.join(60)
ok(os.stat("/proc/%d/exe" % pid).st_ino == os.stat(programs + "/mscgd").st_ino, "it is the program that lies there now, in the same process")
ok(not refused and asked[0] > 20, "nobody was refused, and nobody lost an answer", "%d asked" % asked[0], refused[:3])
ok("version" in kept.call("Ping"), "a connection on which nothing is under way is the next program's")
now = d.show(job)
ok((now["state"], now["pid"], now["attempt"]) == ("RUNNING", j["pid"], 1), "the job is the same", now["state"])
o = d.wait(*submitted)
ok([o[s]["exit_code"] for s in submitted] == [0, 1, 2, 3], "what was submitted between ran once each", o)

for name in ("queue", "logs", "top"):
    size, end = len(seen(name)), time.monotonic() + 20
    while len(seen(name)) == size and time.monotonic() < end:
        time.sleep(0.05)
    ok(watchers[name].poll() is None and len(seen(name)) > size, "%s goes on" % name, seen(name)[-200:] if watchers[name].poll() is not None else "")
lines = seen("logs").split()
ok(lines[:-1] == [str(n + 1) for n in range(len(lines) - 1)], "with every line of the job once")

# -- what cannot take over does not come in its place
version = d.call("Ping")["version"]
with open(programs + "/new", "w") as f:
    f.write("#!/bin/sh\nexit 1\n")
os.chmod(programs + "/new", 0o755)
os.rename(programs + "/new", programs + "/mscg-supervise")  # of a version that understands nothing of this one's
first = """#!/bin/sh
for a; do flag=$value value=$a; done
"""
for name, text, why in (
    ("is no program", "ELF it is not\n", "Exec format error"),
    ("ends with an error when it is asked", first + "echo 'mscgd: library not found' >&2; exit 127\n", "library not found"),
    ("is killed when it is asked", first + "kill -9 $$\n", "signal 9"),
    ("knows an older state only", first + "exec %s/mscgd \"--can-follow=99.${value#*.}\"\n" % os.path.abspath(build), "of version 99"),
    ("does not come up", first + "[ $flag = --can-follow ] || exec %s/mscgd --state-dir /proc/none --config /dev/null --runtime-dir /tmp/none "
     "--socket %s\nexit 0\n" % (os.path.abspath(build), d.socket), "state directory"),
    ("knows a version of the configuration that this is not", first + "[ $flag = --can-follow ] || exec %s/mscgd --unheard-of\nexit 0\n"
     % os.path.abspath(build), "unheard-of"),
):
    install(text)
    started = d.call("Ping")["uptime_seconds"]
    r = upgraded()
    said = d.call("Ping")
    ok(r.returncode == 1 and why in r.stderr and "mscgd %s goes on" % version in r.stderr and said["pid"] == pid
       and d.show(job)["pid"] == j["pid"], "a program that %s: the one before goes on, and says why" % name, r.stderr, said)
os.unlink(programs + "/mscgd")
r = upgraded()
ok(r.returncode == 1 and "No such file" in r.stderr and d.show(job)["pid"] == j["pid"], "one that is gone too", r.stderr)
ok(d.wait(d.submit("exit 7")).popitem()[1]["exit_code"] == 7, "and jobs start and end there, with its own supervisors")
asleep = d.submit("sleep 60")
supervisor = int(open("/proc/%d/stat" % d.started(asleep)["pid"]).read().rsplit(")", 1)[1].split()[1])
shown = [open("/proc/%d/%s" % (supervisor, f)).read() for f in ("comm", "cmdline")]
ok(shown[0] == "mscg-supervise\n" and shown[1].startswith("mscg-supervise\0"), "they are called as ever", shown)
d.call("Cancel", ids=[asleep])
d.wait(asleep)
shutil.copy2(os.path.join(build, "mscg-supervise"), programs + "/new")
os.rename(programs + "/new", programs + "/mscg-supervise")
install()
r = upgraded()
ok(r.returncode == 0, "a good one comes", r.stderr)
r = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", os.path.join(build, "mscg"), "upgrade", "--socket", d.socket],
                   capture_output=True, text=True) if os.geteuid() == 0 else None
ok(r is None or r.returncode == 5, "who is no operator is refused", r and r.stderr)
d.call("Ping")
after = descriptors()
ok(len(after) <= len(before), "no descriptor is left over", before, after)

# -- a restart is the same to those who watch
for name in ("queue", "top"):
    d.process.send_signal(signal.SIGTERM)
    d.process.wait(60)
    time.sleep(0.5)
    d.start()
    size, end = len(seen(name)), time.monotonic() + 20
    while len(seen(name)) == size and time.monotonic() < end:
        time.sleep(0.05)
    ok(watchers[name].poll() is None and len(seen(name)) > size, "%s outlives a restart" % name, seen(name)[-200:] if watchers[name].poll() is not None else "")
pid = d.process.pid
install()
r = upgraded()  # what follows has children of the program before
ok(r.returncode == 0, "an upgrade again", r.stderr)

d.call("Cancel", ids=[job])
d.wait(job)
ok(watchers["wait"].wait(20) == 128 + 15 and watchers["logs"].wait(20) == 0, "wait and logs -f end with the job")
for w in watchers.values():
    w.kill()
    w.wait()
ok(job in seen("events") and "cancel" in seen("events"), "events -f went on to the end")
end = time.monotonic() + 20
while zombies() and time.monotonic() < end:
    time.sleep(0.05)
ok(not zombies(), "no child of the program before is left unreaped", zombies())

# -- who is told to stop does not go on as another
half = d.connect()
half.socket.sendall(b'{"method":')  # which the program that leaves waits for, for 2 s
asker = subprocess.Popen([os.path.join(build, "mscg"), "upgrade", "--socket", d.socket], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
time.sleep(0.7)
d.process.send_signal(signal.SIGTERM)
try:
    ok(d.process.wait(20) == 0, "SIGTERM while an upgrade is under way ends it", d.process.returncode)
except subprocess.TimeoutExpired:
    ok(False, "SIGTERM while an upgrade is under way ends it")
asker.wait(20)
d.start()
d.stop()
done()
