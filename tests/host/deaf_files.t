#!/usr/bin/python3
# timeout: 100
"""A file whose server never answers close(2): as standard input of jobs and commands, with messages that ask for nothing, in
sockets in sockets. It keeps its user's own job, and nobody else."""
import ctypes, mmap, os, signal, socket, struct, sys, tempfile, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vm"))
from mscg_client import *

libc = ctypes.CDLL(None, use_errno=True)
place = tempfile.mkdtemp(prefix="mscg-deaf.", dir="/tmp")
INIT, LOOKUP, GETATTR, SETATTR, OPEN, READ, WRITE, FLUSH, RELEASE = 26, 1, 3, 4, 14, 15, 16, 25, 18
silent = mmap.mmap(-1, 1)  # the second server's switch


def serve(device, cached):
    """FUSE, as linux/fuse.h has it: a directory with a file of 4 KiB. FLUSH is not answered. `cached`: with a writeback cache, and
    it is answered, and so are writes, until the switch is set."""
    def attr(node):
        return struct.pack("<QQQQQQIIIIIIIIII", node, 4096, 8, 0, 0, 0, 0, 0, 0, 0o40755 if node == 1 else 0o100666, 1, 0, 0, 0, 4096, 0)

    while True:
        request = os.read(device, 1 << 17)
        _, kind, unique, node = struct.unpack_from("<IIQQ", request)
        error, body = 0, b""
        if kind == INIT:
            body = struct.pack("<IIIIHHIIHHI28x", 7, 31, 65536, cached << 16, 16, 16, 65536, 1, 16, 0, 0)
        elif kind == LOOKUP:
            body = struct.pack("<QQQQII", 2, 0, 100, 100, 0, 0) + attr(2)
        elif kind in (FLUSH, WRITE, SETATTR) and (silent[0] or not cached):
            continue
        elif kind in (GETATTR, SETATTR):
            body = struct.pack("<QII", 100, 0, 0) + attr(node)
        elif kind == OPEN:
            body = struct.pack("<QII", 0, 0, 0)
        elif kind == WRITE:
            body = struct.pack("<II", struct.unpack_from("<QQI", request, 40)[2], 0)
        elif kind not in (READ, FLUSH, RELEASE):
            error = -38  # ENOSYS
        try:
            os.write(device, struct.pack("<IiQ", 16 + len(body), error, unique) + body)
        except OSError:
            pass  # who asked is gone


libc.unshare(0x20000)  # CLONE_NEWNS: a mount that goes with the last of us
libc.mount(b"none", b"/", None, 0x44000, None)  # MS_REC | MS_PRIVATE
devices, servers = [], []
for name in "/closed", "/written":
    os.mkdir(place + name)
    try:
        devices.append(os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC))
    except OSError:
        pass
    if not devices or libc.mount(b"fuse", (place + name).encode(), b"fuse", 0, b"fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other" % devices[-1]) < 0:
        print("1..1\nok 1 this machine has no FUSE, and so no file whose server does not answer")
        sys.exit()
    servers.append(os.fork())
    if servers[-1] == 0:
        serve(devices[-1], name == "/written")
d = Daemon("--missing-controllers=warn", "--shared-cpus", "1")
few = {"cpus": 0.1, "cpu_mode": "quota"}
attached = {"argv": ["sleep", "1000"], "workdir": "/", "attached": True, "mem_bytes": 32 << 20, "grace": 0, **few}
stuck = []


def answers(seconds=5):
    c = d.connect()
    c.socket.settimeout(seconds)
    try:
        c.call("Ping")
        return True
    except OSError:
        return False


def as_user(passes):
    """A process whose own end of the files waits for their server, too."""
    done, say = os.pipe()
    pid = os.fork()
    if pid == 0:
        for device in devices:
            os.close(device)
        try:
            passes([os.open(place + "/closed/file", os.O_RDONLY) for _ in range(3)])
            os.write(say, b"x")
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    stuck.append(pid)
    os.read(done, 1)
    os.close(done)
    os.close(say)
    until(lambda: open("/proc/%d/stat" % pid).read().rsplit(")", 1)[1].split()[0] == "D")


def until(done, seconds=20):
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.01)


def leave(c):
    c.socket.shutdown(socket.SHUT_RDWR)  # its sender has it too
    c.socket.close()


def passed(c):
    as_user(lambda files: c.pass_stdio(*files))
    return c


def error_of(c, method, **parameters):
    try:
        return c.call(method, **parameters)
    except RuntimeError as e:
        return str(e)


def target(link):
    try:
        return os.readlink(link)
    except OSError:  # closed meanwhile
        return ""


def files():
    """Of mscgd: no file of that server among them."""
    fds = "/proc/%d/fd/" % d.process.pid
    return [f for f in (target(fds + n) for n in os.listdir(fds)) if f.startswith(place)]


def closing():
    """Processes of mscgd's that wait for the server in its place."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            stat = open("/proc/%s/stat" % pid).read()
        except OSError:
            continue
        if "(mscg-close)" in stat and stat.rsplit(")", 1)[1].split()[1] == str(d.process.pid):
            found.append(pid)
    return found


def opened():
    return len(os.listdir("/proc/%d/fd" % d.process.pid))


def works(name):
    ok(answers() and not files() and [j["state"] for j in d.wait(*[d.submit("true", **few) for _ in range(3)]).values()] == ["COMPLETED"] * 3,
       name + ": mscgd answers, and runs jobs")


try:
    before = d.submit("sleep 1000", **few)
    d.started(before)
    at_rest = opened()
    client = passed(d.connect())
    job = client.call("Submit", jobs=[attached])["jobs"][0]["id"]
    ok(d.started(job)["pid"] > 0, "a job with such files runs")
    works("standard input, output and error of a job")
    command = passed(d.connect())
    command.call("Exec", id=before, argv=["sleep", "1000"])
    works("of a command")
    c = passed(d.connect())
    ok("mem_bytes" in str(error_of(c, "Submit", jobs=[{**attached, "mem_bytes": -1}])), "a job is refused that has them")
    leave(c)
    c = passed(d.connect())
    waits = c.call("Submit", jobs=[{**attached, "dependency": "afterany:%s" % before}])["jobs"][0]["id"]
    d.call("Cancel", ids=[waits])
    ok(d.show(waits)["state"] == "CANCELLED", "one is cancelled that has not begun")
    leave(c)
    for i in range(20):
        leave(passed(d.connect()))
    works("20 clients that passed them and are gone")

    def nested(files):
        a, b = socket.socketpair()
        socket.send_fds(a, [b"x"], files)
        socket.send_fds(inside, [b"\0"], [b.fileno()] * 3)

    c = d.connect()
    inside = c.stdio_socket()
    as_user(nested)
    inside.close()
    wrong = c.call("Submit", jobs=[{**attached, "isolate": "default"}])["jobs"][0]["id"]
    d.wait(*[j for j in [wrong] if d.call("Cancel", ids=[j])])
    leave(c)
    c = d.connect()
    with c.stdio_socket() as s:
        socket.send_fds(s, [b"\0"], [devices[0]])
    one = c.call("Submit", jobs=[attached])["jobs"][0]["id"]
    ok("FAILED" == d.wait(one)[one]["state"] and "standard input" in d.show(one)["reason_text"], "a job with one descriptor fails", d.show(one)["reason_text"])
    ok("are to be passed before" in str(error_of(d.connect(), "Submit", jobs=[attached])), "with none it is refused")
    works("in a socket in a socket")

    message = json.dumps({"method": "io.mscg.Ping", "parameters": {}}).encode() + b"\0"
    for i in range(40):
        c = d.connect()
        as_user(lambda files: socket.send_fds(c.socket, [message], files))
        try:
            text = str(c.receive())
        except (RuntimeError, ConnectionError) as e:
            text = str(e)
        leave(c)
    ok("takes no descriptors" in text, "with a message that asks for nothing: refused", text)
    c = d.connect()
    c.send("Wait", {"ids": [before]}, more=True)
    as_user(lambda files: socket.send_fds(c.socket, [message], files))
    leave(c)
    works("40 such messages, and one behind a call that goes on")
    # Supervisors and connections that are there now take some.
    until(lambda: opened() <= at_rest + 20)
    ok(opened() <= at_rest + 20, "nothing of it stays open", opened(), at_rest)

    operator = Connection(d.socket)
    ok(isinstance(error_of(operator, "Upgrade"), dict) and answers(), "mscgd is replaced meanwhile")
    d.process.terminate()
    d.process.wait(10)
    d.start()
    works("mscgd ended, and the next one")
    d.process.kill()
    d.process.wait(10)
    d.start()
    works("mscgd killed, and the next one")
    ok(d.show(before)["state"] == "RUNNING" and d.show(job)["state"] == "RUNNING", "jobs run on")
    c = passed(d.connect())
    waits = c.call("Submit", jobs=[{**attached, "dependency": "afterany:%s" % before}])["jobs"][0]["id"]
    d.process.kill()
    d.process.wait(10)
    leave(c)
    d.start()
    c = passed(d.connect())
    c.send("Wait", {"ids": [waits], "attached": True}, more=True)
    until(lambda: "already" in str(error_of(d.connect(), "Wait", ids=[waits], attached=True)))
    works("passed again after that")
    d.call("Cancel", ids=[waits])
    ok(c.receive()["state"] == "CANCELLED", "and not needed")
    leave(c)
    # In a queue, the last one, and something of the file is not written yet.
    clients = [d.connect() for _ in range(60)]
    sockets = [c.stdio_socket() for c in clients[:45]]
    os.kill(d.process.pid, signal.SIGSTOP)

    def written(_):
        for c in clients + sockets:
            files = [os.open(place + "/written/file", os.O_RDWR) for _ in range(3)]
            socket.send_fds(c.socket if hasattr(c, "rest") else c, [message], files)
            for f in files:
                os.close(f)
        for c in clients:
            c.socket.close()
        for s in sockets:
            s.close()
        os.pwrite(os.open(place + "/written/file", os.O_RDWR), b"written", 0)
        silent[0] = 1

    as_user(written)
    for s in sockets:
        s.close()
    for c in clients:
        c.socket.close()
    os.kill(d.process.pid, signal.SIGCONT)
    works("105 sockets with files in them that are written to their server when they are let go of")
    until(closing)
    ok(0 < len(closing()) <= 32, "other processes wait for that, and not many", len(closing()))
    ok(isinstance(error_of(Connection(d.socket), "Upgrade"), dict) and answers(), "mscgd is replaced meanwhile")
    d.process.terminate()
    d.process.wait(10)
    d.start()
    works("mscgd ended, and the next one, in spite of that")
    d.call("Cancel", ids=[job, before])
    works("two jobs cancelled, of which such files keep processes in their exit")
finally:
    for server, device in zip(servers, devices):  # with it the connection to the kernel ends, and every wait
        os.kill(server, signal.SIGKILL)
        os.waitpid(server, 0)
        os.close(device)
    for pid in stuck:
        os.waitpid(pid, 0)
    ok([j["state"] for j in d.wait(job, before).values()] == ["CANCELLED"] * 2, "which end when the server is gone")
    d.stop()
    for name in "/closed", "/written", "":
        libc.umount2((place + name).encode(), 2)
        os.rmdir(place + name)
done()
