#!/usr/bin/python3
# timeout: 400
"""Clients that hang, lie, flood or do not read: each is refused or let wait, with words, and nobody else notices."""
import array, json, os, signal, socket, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vm"))
os.environ.setdefault("MSCG_TEST_CGROUP", "/nonexistent")  # the fake engine needs none
from mscg_client import *

d = Daemon("--engine=fake", "--total-cpus", "4", "--total-mem", "8GB", "--allow-root-jobs")


def raw():
    return d.connect()


def exchange(c, data):
    """Sends bytes; what comes back until the daemon has no more to say or hangs up."""
    c.socket.sendall(data)
    return answer(c)


def answer(c):
    while b"\0" not in c.rest:
        part = c.socket.recv(1 << 20)
        if not part:
            return None
        c.rest += part
    message, c.rest = c.rest.split(b"\0", 1)
    return json.loads(message)


def closed(c):
    try:
        return c.socket.recv(1) == b""
    except ConnectionResetError:
        return True


def well(name):
    """The positive control: another client is served at once, and what was there is there."""
    t = time.monotonic()
    alive = d.process.poll() is None and raw().call("Ping")["pid"] == d.process.pid
    ok(alive and time.monotonic() - t < 5 and d.show(witness)["state"] == "RUNNING", name + ": others are served, nothing is lost")


def refused(name, data, error, *texts, hangs_up=False):
    c = raw()
    r = exchange(c, data)
    good = r and r.get("error", "").endswith(error) and all(t in r["parameters"]["message"] for t in texts)
    ok(good, "%s: %s" % (name, r["parameters"]["message"] if r and "error" in r else r), *([] if good else [texts]))
    if hangs_up:
        ok(closed(c), name + ": and the connection ends")
    else:
        r = exchange(c, b'{"method": "io.mscg.Ping"}\0')
        ok(r and r["parameters"]["pid"] == d.process.pid, name + ": the connection is of use still")


def call(method, parameters, **more):
    return json.dumps({"method": "io.mscg." + method, "parameters": parameters, **more}).encode() + b"\0"


def submit(**spec):
    return call("Submit", {"jobs": [{"argv": ["sleep", "600"], "workdir": "/", **spec}]})


witness = d.submit("sleep", "600", cpus=1)
d.until(witness, state="RUNNING")
before = d.call("Stats")["stats"]["jobs_total"]

# -- those who hang
silent = [raw() for _ in range(20)]
half = raw()
half.socket.sendall(b'{"method": "io.mscg.Sub')
well("20 clients that say nothing, and one that stops in the middle of a word")
rest = exchange(half, b'mit", "parameters": {"jobs": [{"argv": ["true"], "workdir": "/"}]}}\0')
ok(rest and rest.get("parameters", {}).get("jobs"), "the word is finished a while later, and understood", rest)
before += 1
for c in silent:
    c.socket.close()
half.socket.sendall(b'{"method": "io.mscg.Ping')
half.socket.close()
well("a client that goes in the middle of a word")

# -- what is no message
refused("not JSON", b"GET / HTTP/1.1\r\n\r\n\0", "InvalidArgument", hangs_up=True)
refused("no object", b"[1, 2]\0", "InvalidArgument", hangs_up=True)
refused("no text", b'{"method": "\xff\xfe"}\0', "InvalidArgument", hangs_up=True)
refused("too deep", b'{"method": "io.mscg.Ping", "parameters": {"a": %s1%s}}\0' % (b"[" * 5000, b"]" * 5000), "InvalidArgument", hangs_up=True)
refused("a key twice", b'{"method": "io.mscg.Ping", "method": "io.mscg.Shutdown"}\0', "InvalidArgument", hangs_up=True)
refused("more than 1 MiB", submit(comment="x" * (1 << 20)), "InvalidArgument", "1048576", hangs_up=True)
refused("more than 1 MiB and no end", b"x" * ((1 << 20) + 1), "InvalidArgument", "1048576", hangs_up=True)
well("no messages")

# -- what is a message, and wrong
refused("no method", b"{}\0", "InvalidArgument", "method")
refused("a method that there is not", call("Destroy", {}), "InvalidArgument", "io.mscg.Destroy")
refused("a method of another kind", b'{"method": 7}\0', "InvalidArgument", "method")
refused("parameters of another kind", b'{"method": "io.mscg.Ping", "parameters": "x"}\0', "InvalidArgument", "parameters")
refused("an unknown key", call("Ping", {}, sudo=True), "InvalidArgument", "'sudo'")
refused("an unknown parameter", call("Show", {"id": "1", "as": "root"}), "InvalidArgument", "'as'")
refused("a number for a text", call("Show", {"id": 1}), "InvalidArgument", "id")
refused("a job of that name", call("Show", {"id": "1; drop"}), "InvalidArgument")
refused("no such job", call("Show", {"id": "999"}), "NoSuchJob", "999")
refused("another uid", submit(uid=0), "InvalidArgument", "'uid'")
refused("another user", submit(user="root"), "InvalidArgument", "'user'")
for key, value in (("cpus", "2"), ("cpus", -1), ("cpus", 0), ("cpus", 1e9), ("cpus", True), ("mem_bytes", -5), ("mem_bytes", 1.5),
                   ("mem_bytes", 1e30), ("priority", 1 << 40), ("argv", "true"), ("argv", []), ("argv", [1]), ("argv", [""]),
                   ("array", "5-1"), ("array", "0-99999999999"), ("time_limit", -1), ("umask", 0o1000), ("env", 0), ("env", -1),
                   ("workdir", "relative"), ("cpu_mode", "half"), ("elastic", "yes"), ("script", 3), ("attached", True)):
    refused("%s: %s" % (key, json.dumps(value)), submit(**{key: value}), "InvalidArgument")
for method in ("Cancel", "Wait", "Requeue", "Hold"):
    refused("%s of 20000 jobs" % method, call(method, {"ids": ["2"] * 20000}), "InvalidArgument", "20000 jobs", "at most 16384")
r = d.call("Requeue", ids=["999"] * 16384)
ok(r["requeued"] == [] and 0 < len(r["errors"]) and len(r["errors"]) + r.get("omitted", 0) == 16384,
   "16384 jobs that are not there: each is an error, or counted", len(r["errors"]))
refused("min above max", submit(elastic=True, cpus=2, min_cpus=3, max_cpus=2), "InvalidArgument")
refused("NUL in an argument", submit(argv=["echo", "a\0b"]), "InvalidArgument", hangs_up=True)
refused("NUL in the environment", call("Submit", {"jobs": [{"argv": ["true"], "env": 0}], "environments": [["A=1\0B=2"]]}),
        "InvalidArgument", hangs_up=True)
refused("one of two is wrong", call("Submit", {"jobs": [{"argv": ["true"]}, {"argv": ["true"], "cpus": 0}]}), "InvalidArgument", "jobs[1]")
refused("a line that is no variable", call("Submit", {"jobs": [{"argv": ["true"], "env": 0}], "environments": [["nonsense"]]}),
        "InvalidArgument")
now = d.call("Stats")["stats"]["jobs_total"]
ok(now == before, "none of that was submitted", before, now)
job = raw().call("Submit", jobs=[{"argv": ["printf", "two\nlines"], "workdir": "/"}])["jobs"][0]["id"]
ok(d.show(job)["argv"] == ["printf", "two\nlines"], "a newline in an argument is a character like any other")
big = [str(i).zfill(1023) for i in range(200)]
job = raw().call("Submit", jobs=[{"argv": ["echo", *big], "workdir": "/"}])["jobs"][0]["id"]
ok(d.show(job)["argv"][1:] == big, "200 KB of arguments arrive")

# -- who is asking is asked of the kernel
if os.geteuid() == 0:
    other = Connection(d.socket, 65534 if d.uid != 65534 else 1)
    r = exchange(other, call("Cancel", {"ids": [witness]}))
    errors = r["parameters"].get("errors") or [{}]
    ok(errors[0].get("error", "").endswith("NotPermitted"), "another user's job is not cancelled", r)
    r = exchange(other, call("Resize", {"id": witness, "cpus": 2}))
    ok(r.get("error", "").endswith("NotPermitted"), "nor resized", r)
    for method in ("Drain", "Shutdown"):
        r = exchange(other, call(method, {}))
        ok(r.get("error", "").endswith("NotPermitted"), "%s is not for everybody" % method, r)
    mine = exchange(other, call("Submit", {"jobs": [{"argv": ["sleep", "600"], "workdir": "/"}]}))["parameters"]["jobs"][0]["id"]
    ok(d.show(mine)["uid"] == (65534 if d.uid != 65534 else 1), "a job is whose connection it came by")
    r = exchange(other, call("Cancel", {"ids": [mine]}))
    ok(r["parameters"]["cancelled"] == [mine], "one's own is cancelled", r)
    well("somebody else")

# -- descriptors that nobody asked for
def files():
    return len(os.listdir("/proc/%d/fd" % d.process.pid))


c = raw()
c.call("Ping")
had, refused = files(), 0
for _ in range(20):
    r, w = os.pipe()
    fds = array.array("i", [r, w] * 50)
    sender = raw()
    sender.socket.sendmsg([call("Ping", {})], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
    refused += "takes no descriptors" in answer(sender)["parameters"]["message"]
    os.close(w)
    sender.socket.close()
    refused += os.read(r, 1) == b""
    os.close(r)
c.call("Ping")
ok(refused == 40 and files() <= had, "2,000 descriptors that came unasked are not taken, and not kept", refused, had, files())

# -- those who do not wait, or do not read
def memory():
    """MiB"""
    for line in open("/proc/%d/status" % d.process.pid):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) // 1024


c = raw()
t = time.monotonic()
n, sent, seen = 10000, 0, 0
messages = call("Show", {"id": witness}) * n
c.socket.setblocking(False)
while seen < n and time.monotonic() - t < 120:
    try:
        sent += c.socket.send(messages[sent:sent + (1 << 18)]) if sent < len(messages) else 0
    except BlockingIOError:
        pass
    try:
        c.rest += c.socket.recv(1 << 20)
    except BlockingIOError:
        time.sleep(0.001)
        continue
    seen += c.rest.count(b"\0")
    c.rest = c.rest[c.rest.rfind(b"\0") + 1:] if b"\0" in c.rest else c.rest
ok(seen == n, "10,000 requests in one go are answered, each once (%.1f s)" % (time.monotonic() - t), seen)
well("10,000 requests in one go")


def flood(c, message, limit):
    """Sends and never reads, until nothing more is taken for a second or the limit is reached. Bytes that were taken."""
    c.socket.setblocking(False)
    data, taken, last = message * (65536 // len(message) + 1), 0, time.monotonic()
    at = 0
    while taken < limit and time.monotonic() - last < 1:
        try:
            k = c.socket.send(data[at:])
            at = (at + k) % len(data)
            taken += k
            last = time.monotonic()
        except BlockingIOError:
            time.sleep(0.01)
    return taken


start = memory()
c = raw()
taken = flood(c, call("Config", {}), 64 << 20)
ok(taken < 64 << 20, "who asks and does not read is let wait: %d KiB were taken" % (taken >> 10))
grown = memory() - start
ok(grown < 64, "and costs little memory: %d MiB" % grown)
well("who asks and does not read")
c.socket.setblocking(True)
end, whole = time.monotonic() + 60, 0
c.socket.settimeout(1)
try:
    while time.monotonic() < end:
        whole += len(c.socket.recv(1 << 20))
except TimeoutError:
    pass
ok(whole > 0, "it is answered once it reads: %d KiB" % (whole >> 10))
c.socket.close()

# A list that is larger than any buffer, read by one that sleeps.
ids = []
for _ in range(3):
    spec = {"argv": ["sleep", "600"], "workdir": "/", "cpus": 4, "comment": "c" * 180}
    ids += [j["id"] for j in d.call("Submit", jobs=[spec] * 2000)["jobs"]]
slow = raw()
slow.send("List", {"active": True}, more=True)
events = raw()
events.send("Events", {"since": 0}, more=True)
slow.socket.recv(1000)
start = memory()
time.sleep(0.5)
t = time.monotonic()
for i in range(20):
    d.call("Submit", jobs=[{"argv": ["true"], "workdir": "/"}])
ok(time.monotonic() - t < 20, "20 jobs are submitted beside two who do not read what they asked for (%.1f s)" % (time.monotonic() - t))
ok(memory() - start < 64, "which costs little memory: %d MiB" % (memory() - start))
well("a reader that sleeps")
full = raw()
full.send("List", {"active": True}, more=True)
listed = set()
while True:
    r = json.loads(b"{}")
    message = answer(full)
    listed |= {j["id"] for j in message["parameters"]["jobs"]}
    if not message.get("continues"):
        break
ok(set(ids) <= listed, "one that reads has all of them: %d" % len(listed))
for c in (slow, events):
    c.socket.close()
well("a reader that goes away")
d.call("Cancel", ids=ids)
d.stop()

# -- more connections than there are descriptors
class Poor(Daemon):
    def start(self):
        self.command = ["prlimit", "--nofile=64:64", *self.command]
        super().start()


d = Poor("--engine=fake", "--total-cpus", "4", "--total-mem", "8GB", "--allow-root-jobs")
crowd = [Connection(d.socket, d.uid) for _ in range(100)]


def busy():
    fields = open("/proc/%d/stat" % d.process.pid).read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


time.sleep(0.3)
if os.geteuid() == 0:
    ok(Connection(d.socket).call("Ping")["pid"] == d.process.pid, "a user who takes all connections does not keep root out")
spent = busy()
time.sleep(2)
spent = busy() - spent
ok(spent < 0.5, "out of descriptors: it does not spin (%.2f s of CPU in 2 s)" % spent)
served = 0
for c in crowd:
    c.socket.settimeout(5)
    try:
        served += c.call("Ping")["pid"] == d.process.pid
    except (OSError, EOFError):
        pass
ok(10 < served < 40, "as many as there is room for are served: %d" % served)
for c in crowd:
    c.socket.close()
end, pid = time.monotonic() + 10, None
while pid is None and time.monotonic() < end:
    try:
        pid = Connection(d.socket, d.uid).call("Ping")["pid"]
    except (OSError, EOFError):
        time.sleep(0.05)
ok(pid == d.process.pid, "and all, once the others have gone")

# -- who attached a job, and has gone before it starts
null = os.open("/dev/null", os.O_RDWR)
c = raw()
c.pass_stdio(null, null, null)
os.kill(d.process.pid, signal.SIGSTOP)
c.socket.sendall(submit(argv=["sleep 600"], shell=True, attached=True, name="nobody's"))
c.socket.close()
os.kill(d.process.pid, signal.SIGCONT)
alone = lambda: [j["state"] for j in d.call("List", name="nobody's")["jobs"]]
end = time.monotonic() + 20
while alone() not in ([], ["FAILED"], ["CANCELLED"]) and time.monotonic() < end:
    time.sleep(0.05)
time.sleep(0.2)
ok(alone() in ([], ["FAILED"], ["CANCELLED"]), "an attached job whose client has gone does not run for nobody", alone())
d.stop()
done()
