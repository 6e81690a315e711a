"""What tests in Python share: a mscgd of their own, a connection to it, and TAP."""
import json, os, pwd, socket, subprocess, sys, time

build = os.environ.get("MSCG_BUILD", "build")
probe = os.path.join(os.path.abspath(build), "tests/probe")
root = os.environ["MSCG_TEST_CGROUP"]


def ordinary_user():
    """The first one, or nobody where there is none (uid 1000 is not everywhere)."""
    try:
        return pwd.getpwuid(1000).pw_uid
    except KeyError:
        return pwd.getpwnam("nobody").pw_uid


class Connection:
    """Speaks varlink. As root it becomes the first ordinary user for a moment to connect, so that jobs are theirs."""

    def __init__(self, path, uid=None):
        self.socket = socket.socket(socket.AF_UNIX)
        if uid is not None and os.geteuid() == 0:
            gid = pwd.getpwuid(uid).pw_gid
            os.setegid(gid)
            os.seteuid(uid)
        try:
            self.socket.connect(path)
        finally:
            if uid is not None and os.getuid() == 0:
                os.seteuid(0)
                os.setegid(0)
        self.socket.settimeout(120)
        self.rest = b""

    def send(self, method, parameters=None, more=False):
        message = {"method": "io.mscg." + method, "parameters": parameters or {}, "more": more}
        self.socket.sendall(json.dumps(message).encode() + b"\0")

    def receive(self):
        while b"\0" not in self.rest:
            part = self.socket.recv(1 << 20)
            if not part:
                raise EOFError("mscgd closed the connection")
            self.rest += part
        message, self.rest = self.rest.split(b"\0", 1)
        reply = json.loads(message)
        if "error" in reply:
            raise RuntimeError("%s: %s" % (reply["error"], reply["parameters"].get("message")))
        return reply["parameters"]

    def call(self, method, **parameters):
        self.send(method, parameters)
        return self.receive()

    def stdio_socket(self):
        """Into which the descriptors of the next Submit or Exec are to be put."""
        self.send("PassStdio")
        self.rest, fds, _, _ = socket.recv_fds(self.socket, 1 << 20, 1)
        self.receive()
        return socket.socket(fileno=fds[0])

    def pass_stdio(self, *fds):
        with self.stdio_socket() as s:
            socket.send_fds(s, [b"\0"], fds)


class Daemon:
    jobs = root + "/jobs"

    def __init__(self, *options):
        self.dir = subprocess.check_output(["mktemp", "-d", "/tmp/mscg-t.XXXXXX"], text=True).strip()
        os.chmod(self.dir, 0o755)
        self.out = self.dir + "/out"
        os.mkdir(self.out)
        self.uid = ordinary_user() if os.geteuid() == 0 else os.geteuid()
        os.chown(self.out, self.uid, -1)
        self.socket = self.dir + "/sock"
        self.command = [os.path.join(build, "mscgd"), "--cgroup-root", self.jobs, "--state-dir", self.dir + "/state",
                        "--runtime-dir", self.dir + "/run", "--socket", self.socket, *options]
        self.log = open(self.dir + "/log", "wb")
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stderr=self.log, stdout=self.log, stdin=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while True:
            try:
                self.connection = Connection(self.socket, self.uid)
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    sys.stderr.write(open(self.dir + "/log").read())
                    raise
                time.sleep(0.02)

    def connect(self):
        return Connection(self.socket, self.uid)

    def call(self, method, **parameters):
        return self.connection.call(method, **parameters)

    def submit(self, *argv, **spec):
        """One word is for the shell. Returns the id."""
        job = {"argv": list(argv), "shell": len(argv) == 1, "workdir": "/tmp", "mem_bytes": 32 << 20,
               "stdout_path": self.out + "/%j.out", "env": 0}
        job.update(spec)
        environment = ["PATH=/usr/bin:/bin"]
        return self.call("Submit", jobs=[job], environments=[environment])["jobs"][0]["id"]

    def show(self, job):
        return self.call("Show", id=job)["job"]

    def wait(self, *jobs):
        """{id: outcome} once all have ended."""
        c = self.connect()
        c.send("Wait", {"ids": list(jobs)}, more=True)
        outcomes = {}
        while len(outcomes) < len(set(jobs)):
            r = c.receive()
            outcomes[r["id"]] = r
        return outcomes

    def until(self, job, seconds=60, **want):
        """Shows the job until its keys are as wanted."""
        end = time.monotonic() + seconds
        while True:
            j = self.show(job)
            if all(j[k] == v for k, v in want.items()):
                return j
            if time.monotonic() > end:
                raise TimeoutError("job %s: %s" % (job, {k: j[k] for k in [*want, "state", "reason", "reason_text"]}))
            time.sleep(0.02)

    def started(self, job, seconds=60):
        """Shows it once its main process runs."""
        end = time.monotonic() + seconds
        while True:
            j = self.show(job)
            if j["pid"] or time.monotonic() > end:
                return j
            time.sleep(0.02)

    def events(self, since=0, follow=False):
        c = self.connect()
        c.send("Events", {"since": since, "follow": follow}, more=True)
        while True:
            event = c.receive()["event"]
            if event is None:
                return
            yield event

    def output(self, job):
        """What it has printed; nothing yet where it is only being started."""
        try:
            return open("%s/%s.out" % (self.out, job)).read()
        except FileNotFoundError:
            return ""

    def stop(self, cancel=True):
        if cancel and self.process.poll() is None:
            try:
                operator = Connection(self.socket)
                operator.call("Shutdown", cancel_jobs=True)
            except (EOFError, RuntimeError) as e:
                diag("shutdown: %s" % e)
        self.process.wait(90)


class UsersDaemon(Daemon):
    """Of an ordinary user, in a cgroup that is delegated to it. To be made by root."""
    cgroup = root + "/users"
    jobs = cgroup + "/jobs"

    def __init__(self, *options):
        self.gid = pwd.getpwuid(ordinary_user()).pw_gid
        for d in ("", "/daemon"):
            os.mkdir(self.cgroup + d)
            for f in ("", "/cgroup.procs", "/cgroup.threads", "/cgroup.subtree_control"):
                os.chown(self.cgroup + d + f, ordinary_user(), self.gid)
        super().__init__(*options, "--spare-supervisors=1")

    def start(self):
        os.chown(self.dir, self.uid, self.gid)
        if self.command[0] != "sh":
            moves = 'echo $$ >"$0/daemon/cgroup.procs" && exec setpriv --reuid %d --regid %d --clear-groups -- env HOME=/ "$@"' % (self.uid, self.gid)
            self.command = ["sh", "-c", moves, self.cgroup, *self.command]
        super().start()


count = failed = 0


def diag(text):
    for line in str(text).splitlines():
        print("# " + line, flush=True)


def ok(passed, name, *detail):
    global count, failed
    count += 1
    failed += not passed
    print("%sok %d - %s" % ("" if passed else "not ", count, name), flush=True)
    if not passed or detail:
        for d in detail:
            diag(d)
    return passed


def done():
    print("1..%d" % count, flush=True)
    sys.exit(1 if failed else 0)


def cgroup_file(job, name):
    with open("%s/jobs/job_%s/%s" % (root, job, name)) as f:
        return f.read().strip()


def cpus(text):
    """The kernel's list form as a set."""
    found = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


def job_cgroups():
    try:
        return sorted(d for d in os.listdir(root + "/jobs") if d.startswith("job_"))
    except FileNotFoundError:
        return []
