"""The oracle of the fault suites: a daemon that is killed and started again, jobs that keep a ledger, and the judgement
whether ledger, database, journal and exit codes agree. README.md beside it says what each suite does."""
import argparse, atexit, collections, ctypes, glob, hashlib, json, os, pwd, random, shutil, signal, sqlite3, subprocess, sys, tempfile, \
    threading, time

top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
build = os.path.abspath(os.environ.get("MSCG_BUILD", os.path.join(top, "build")))
# What users get, also where the daemon under test is the one with sanitizers: Python can load only that.
plain = os.path.dirname(build) if os.path.basename(build) == "check" else build
probe = os.path.join(build, "tests/probe")
boot_id = open("/proc/sys/kernel/random/boot_id").read().strip()
FINAL = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY", "LOST", "NODE_FAIL", "PREEMPTED", "DEADLINE"}


# -- what a job of the ledger ends with: as tests/probe/ledger.c

def ledger_end(job):
    """(exit code, signal)"""
    h = 2166136261
    for byte in job.encode():
        h = (h ^ byte) * 16777619 & 0xffffffff
    if h % 8 < 4:
        return 0, 0
    if h % 8 < 6:
        return 1 + (h >> 8) % 123, 0
    signals = [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGABRT, signal.SIGUSR1, signal.SIGHUP]
    return 0, int(signals[(h >> 8) % len(signals)])


# -- libmscg

libc = ctypes.CDLL(None, use_errno=True)


class Error(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int), ("text", ctypes.c_char * 256)]


class Refused(Exception):
    def __init__(self, code, text):
        super().__init__("%s (%d)" % (text, code))
        self.code = code


def load_library():
    lib = ctypes.CDLL(os.path.join(plain, "libmscg.so"))
    lib.mscg_call.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(Error)]
    lib.mscg_connect.argtypes = [ctypes.POINTER(ctypes.c_void_p), ctypes.c_char_p, ctypes.POINTER(Error)]
    lib.mscg_close.argtypes = [ctypes.c_void_p]
    lib.mscg_set_timeout.argtypes = [ctypes.c_void_p, ctypes.c_int]
    return lib


def become(uid):
    """This thread only, which is what the kernel counts in."""
    SETRESUID = 117
    if os.getuid() == 0:
        libc.syscall(SETRESUID, -1, uid, -1)


def ordinary_user():
    if os.geteuid() != 0:
        return os.geteuid()
    try:
        return pwd.getpwuid(1000).pw_uid
    except KeyError:
        return pwd.getpwnam("nobody").pw_uid


class Client:
    """One handle of libmscg. Not for several threads at a time."""
    lib = None

    def __init__(self, socket, uid=None, timeout=20):
        Client.lib = Client.lib or load_library()
        self.handle, error = ctypes.c_void_p(), Error()
        if uid is not None:
            become(uid)
        try:
            r = self.lib.mscg_connect(ctypes.byref(self.handle), socket.encode(), ctypes.byref(error))
        finally:
            if uid is not None:
                become(os.getuid())
        if r < 0:
            raise Refused(r, error.text.decode(errors="replace"))
        self.lib.mscg_set_timeout(self.handle, int(timeout * 1000))

    def call(self, method, **parameters):
        reply, error = ctypes.c_void_p(), Error()
        r = self.lib.mscg_call(self.handle, method.encode(), json.dumps(parameters).encode(), ctypes.byref(reply), ctypes.byref(error))
        if r < 0:
            raise Refused(r, error.text.decode(errors="replace"))
        try:
            return json.loads(ctypes.string_at(reply))
        finally:
            libc.free(reply)

    def close(self):
        if self.handle:
            self.lib.mscg_close(self.handle)
            self.handle = None


# -- a cgroup to run in: the test's, or one of our own

_made = []


def cgroup_parent():
    given = os.environ.get("MSCG_TEST_CGROUP")
    if given:
        return given
    if not _made:
        mount = next(l.split()[1] for l in open("/proc/mounts") if l.split()[2] == "cgroup2")
        path = "%s/mscg-fault.%d" % (mount, os.getpid())
        os.mkdir(path)
        _made.append(path)
    return _made[0]


def remove_cgroups(path):
    """Kills and removes all below and itself; the daemons are gone."""
    try:
        with open(path + "/cgroup.kill", "w") as f:
            f.write("1")
    except OSError:
        pass
    end = time.monotonic() + 10
    while os.path.isdir(path):
        for d, _, _ in os.walk(path, topdown=False):
            try:
                os.rmdir(d)
            except OSError:
                pass
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def processes(path):
    found = []
    for d, _, _ in os.walk(path):
        try:
            found += [int(line) for line in open(d + "/cgroup.procs")]
        except (OSError, ValueError):
            pass
    return found


# -- one state directory and the daemons that serve it, one after the other

worlds = set()


signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


@atexit.register
def clean_up():
    for world in list(worlds):
        world.destroy()
    for path in _made:
        remove_cgroups(path)


class World:
    def __init__(self, *options, prefix=(), env=None):
        base = "/dev/shm" if os.environ.get("MSCG_VM") is None else None
        self.dir = tempfile.mkdtemp(prefix="mscg-f.", dir="/tmp")
        os.chmod(self.dir, 0o755)
        self.ledger_dir = tempfile.mkdtemp(prefix="mscg-ledger.", dir=base)
        os.chmod(self.ledger_dir, 0o777)
        self.cgroup = "%s/w%d" % (cgroup_parent(), random.SystemRandom().randrange(1 << 30))
        self.state, self.runtime, self.socket = self.dir + "/state", self.dir + "/run", self.dir + "/sock"
        self.uid = ordinary_user()
        options = list(options)
        if not any(o.startswith("--missing") for o in options) and not os.environ.get("MSCG_VM"):
            options.append("--missing-controllers=warn")
        if not any(o.startswith("--isolate") for o in options):
            # The ledger lies in /dev/shm, of which a sandboxed job has its own; and pids in it are looked for outside.
            options.append("--isolate=" + os.environ.get("MSCG_ISOLATE", "none"))
        self.prefix, self.env = list(prefix), env
        self.command = [os.path.join(build, "mscgd"), "--cgroup-root", self.cgroup, "--state-dir", self.state, "--runtime-dir",
                        self.runtime, "--socket", self.socket, "--shared-cpus", "1", *options]
        self.log = open(self.dir + "/log", "ab")
        self.process, self.kills, self.taken = None, 0, []
        self.submissions = {}  # nonce: id once acknowledged, None before
        self.lock = threading.Lock()
        worlds.add(self)

    def spawn(self):
        self.process = subprocess.Popen(self.prefix + self.command, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL,
                                        env=self.env)

    def client(self, uid=None, wait=30, timeout=20):
        """Connected once it answers."""
        end = time.monotonic() + wait
        while True:
            try:
                c = Client(self.socket, uid, timeout)
                c.call("Ping")
                return c
            except Refused as e:
                if self.process.poll() is not None or time.monotonic() > end:
                    raise Refused(e.code, "no daemon: %s\n%s" % (e, self.said()))
                time.sleep(0.01)

    def said(self, lines=12):
        return "".join(open(self.dir + "/log", errors="replace").readlines()[-lines:])

    def start(self):
        self.spawn()
        self.client().close()

    def crash(self):
        self.process.kill()
        self.process.wait()
        self.kills += 1

    def specs(self, nonces, ms, **more):
        jobs = []
        for nonce in nonces:
            job = {"argv": [os.path.join(probe, "ledger"), self.ledger_dir, nonce, str(ms)], "name": nonce, "workdir": "/tmp",
                   "cpu_mode": "quota", "cpus": 0.005, "mem_bytes": 4 << 20, "stdout_path": "/dev/null", "stderr_path": "/dev/null"}
            job.update(more)
            jobs.append(job)
        return jobs

    def submit(self, client, ms=0, nonce=None, **more):
        """Returns the id; what was submitted and not acknowledged is remembered as that."""
        nonce = nonce or "n%016x" % random.getrandbits(64)
        with self.lock:
            self.submissions[nonce] = None
        job = client.call("Submit", jobs=self.specs([nonce], ms, **more))["jobs"][0]["id"]
        with self.lock:
            self.submissions[nonce] = job
        return job

    def ledger(self):
        """[(twice, job, attempt, boot, nonce, pid)]"""
        try:
            lines = open(self.ledger_dir + "/ledger").read().splitlines()
        except FileNotFoundError:
            return []
        entries = []
        for line in lines:
            words = line.split()
            twice = words[0] == "TWICE"
            entries.append((twice, *words[twice:]))
        return entries

    def list(self, client=None, **filters):
        """All jobs that the daemon knows, {id: job}. Over the wire: a list comes in several replies."""
        from socket import socket, AF_UNIX
        s = socket(AF_UNIX)
        s.settimeout(60)
        s.connect(self.socket)
        s.sendall(json.dumps({"method": "io.mscg.List", "parameters": filters, "more": True}).encode() + b"\0")
        jobs, rest = {}, b""
        while True:
            while b"\0" not in rest:
                part = s.recv(1 << 20)
                if not part:
                    raise EOFError("the daemon hung up")
                rest += part
            message, rest = rest.split(b"\0", 1)
            reply = json.loads(message)
            if "error" in reply:
                raise Refused(-1, str(reply))
            jobs.update((j["id"], j) for j in reply["parameters"]["jobs"])
            if not reply.get("continues"):
                s.close()
                return jobs

    def settle(self, seconds=120):
        """Waits until nothing is pending or running; what is left then."""
        end = time.monotonic() + seconds
        while True:
            left = self.list(active=True)
            if not left or time.monotonic() > end:
                return left
            time.sleep(0.05)

    def copy_database(self):
        """As a crash left it: a copy, so that looking changes nothing."""
        to = tempfile.mkdtemp(prefix="db.", dir=self.dir)
        for f in glob.glob(self.state + "/mscg.db*"):
            shutil.copy(f, to)
        return to + "/mscg.db"

    def destroy(self):
        worlds.discard(self)
        if self.process and self.process.poll() is None:
            self.crash()
        clean = remove_cgroups(self.cgroup)
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)
        shutil.rmtree(self.ledger_dir, ignore_errors=True)
        return clean


# -- the judgement

class Verdict:
    def __init__(self):
        self.problems, self.counts = [], collections.Counter()

    def add(self, kind, text):
        """kind: lost, twice, wrong, broken"""
        self.counts[kind] += 1
        self.problems.append("%s: %s" % (kind, text))


def read_database(path):
    """{id: row}, {id: [(kind, attempt)]}, what integrity_check says"""
    db = sqlite3.connect(path)
    integrity = db.execute("PRAGMA integrity_check").fetchone()[0]

    def name(key):
        return str(key >> 32) if key & 0xffffffff == 0 else "%d_%d" % (key >> 32, (key & 0xffffffff) - 1)

    rows = {}
    for key, state, reason, code, sig, attempt, nonce, begin, end in db.execute(
            "SELECT job.key, state.name, reason.name, exit_code, exit_signal, attempt, spec.name, start_usec, end_usec FROM job"
            " JOIN spec ON spec.job = job.key >> 32 JOIN state ON state.id = job.state JOIN reason ON reason.id = job.reason"):
        rows[name(key)] = dict(state=state, reason=reason, exit_code=code, signal=sig, attempt=attempt, nonce=nonce, start=begin, end=end)
    events = collections.defaultdict(list)
    for key, kind, attempt in db.execute("SELECT key, kind.name, attempt FROM event JOIN kind ON kind.id = event.kind ORDER BY seq"):
        events[name(key)].append((kind, attempt))
    totals = sum(n for n, in db.execute("SELECT jobs FROM total"))
    db.close()
    return rows, events, integrity, totals


def judge(world, expect=None, may_be_lost=False, killed=()):
    """Holds what was acknowledged against the ledger, the daemon's answers, its database and its journal. The daemon runs
    and everything is over. `expect(id, row)` gives (state, code, signal) for jobs that do not end as their id says."""
    v = Verdict()
    answers = world.list()
    world.crash()
    world.kills -= 1
    try:
        rows, events, integrity, totals = read_database(world.copy_database())
    except sqlite3.DatabaseError as e:
        v.add("broken", "the database cannot be read: %s" % e)
        return v
    if integrity != "ok":
        v.add("broken", "integrity_check: " + integrity)
    if totals != len(rows):
        v.add("broken", "totals count %d jobs, there are %d" % (totals, len(rows)))
    nonces = {r["nonce"]: i for i, r in rows.items()}
    if len(nonces) != len(rows):
        v.add("twice", "%d jobs from %d submissions" % (len(rows), len(nonces)))
    for nonce, job in world.submissions.items():
        if job is not None and rows.get(job, {}).get("nonce") != nonce:
            v.add("lost", "job %s (%s) was acknowledged and is not there" % (job, nonce))
    runs = collections.Counter()
    for twice, job, attempt, boot, nonce, pid in world.ledger():
        runs[nonce] += 1
        if twice or runs[nonce] > 1:
            v.add("twice", "job %s (%s) ran again" % (job, nonce))
        if nonces.get(nonce) != job:
            v.add("lost", "job %s (%s) ran and the database knows it as %s" % (job, nonce, nonces.get(nonce)))
    for job, row in rows.items():
        judge_job(v, job, row, answers.get(job), events[job], runs[row["nonce"]], expect, may_be_lost)
    v.counts["jobs"] = len(rows)
    v.counts["runs"] = sum(runs.values())
    return v


def judge_job(v, job, row, answer, events, runs, expect, may_be_lost):
    got = (row["state"], row["exit_code"], row["signal"])
    code, sig = ledger_end(job)
    want = ("COMPLETED" if (code, sig) == (0, 0) else "FAILED", code, sig)
    want = (expect and expect(job, row)) or want
    v.counts[row["state"]] += 1
    if row["state"] == "LOST":
        v.counts["LOST"] += 0
        if not may_be_lost:
            v.add("wrong", "job %s is LOST" % job)
    elif got != want:
        v.add("wrong", "job %s (%s): %s %s, expected %s, reason %s" % (job, row["nonce"], got, events, want, row["reason"]))
    elif runs == 0 and want[0] in ("COMPLETED", "FAILED") and row["reason"] not in ("JobLaunchFailure", "SupervisorDied"):
        v.add("wrong", "job %s is %s and never ran" % (job, got))
    ends = sum(kind == "ended" for kind, _ in events)
    if ends != 1 or sum(kind == "submitted" for kind, _ in events) != 1:
        v.add("twice", "job %s: journal %s" % (job, events))
    if answer is None:
        v.add("lost", "job %s is in the database and not in the list" % job)
    elif (answer["state"], answer["exit_code"] or 0, answer["signal"] or 0) != (got[0], max(got[1], 0), got[2]):
        v.add("wrong", "job %s: the daemon says %s %s %s, the database %s" % (job, answer["state"], answer["exit_code"], answer["signal"], got))


# -- TAP, arguments, results

count = failed = 0


def diag(text):
    for line in str(text).splitlines():
        print("# " + line, flush=True)


def ok(passed, name, *detail):
    global count, failed
    count += 1
    failed += not passed
    print("%sok %d - %s" % ("" if passed else "not ", count, name), flush=True)
    if not passed:
        for d in detail:
            diag(d)
    return passed


def done():
    print("1..%d" % count, flush=True)
    sys.exit(1 if failed else 0)


def fingerprint():
    """Of what launch and recovery are made of: counts of runs add up while it stays the same."""
    h = hashlib.sha256()
    sources = ["src/runner/*", "src/engine/*", "src/store/*", "cgroup/*"] + ["src/daemon/%s.c" % f for f in ("turn", "recover", "committer", "main")]
    for pattern in sources:
        for f in sorted(glob.glob(os.path.join(top, pattern))):
            h.update(open(f, "rb").read())
    return h.hexdigest()[:12]


class Suite:
    """Arguments, and the line in BUILD/fault/results.tsv."""

    def __init__(self, name, short, **more):
        self.name = name
        parser = argparse.ArgumentParser(description="the fault suite " + name)
        parser.add_argument("--count", type=int, help="how many (without: the short form)")
        parser.add_argument("--seconds", type=float, help="stop after so long")
        parser.add_argument("--seed", type=int, default=None)
        parser.add_argument("--no-control", action="store_true", help="leave the negative control out")
        for option, settings in more.items():
            parser.add_argument("--" + option.replace("_", "-"), **settings)
        self.arguments = parser.parse_args()
        self.long = self.arguments.count is not None or self.arguments.seconds is not None
        self.target = self.arguments.count if self.arguments.count is not None else (1 << 60 if self.long else short)
        self.seed = self.arguments.seed if self.arguments.seed is not None else (random.SystemRandom().randrange(1 << 31) if self.long else 1)
        self.begin = time.monotonic()
        self.counts = collections.Counter()
        self.problems = []
        self.fingerprint = fingerprint()
        self.commit = subprocess.run(["git", "-C", top, "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
        random.seed(self.seed)

    def time_is_up(self):
        return self.arguments.seconds is not None and time.monotonic() - self.begin > self.arguments.seconds

    def take(self, verdict, n, what):
        """A round's verdict."""
        verdict.counts[what] += n
        self.counts.update(verdict.counts)
        self.problems += verdict.problems
        for p in verdict.problems[:10]:
            diag(p)
        if self.long:
            self.record(what, verdict.counts, bool(verdict.problems))
            diag("%s: %s" % (time.strftime("%H:%M:%S"), dict(self.counts)))

    def bad(self):
        return sum(self.counts[k] for k in ("lost", "twice", "wrong", "broken"))

    def finish(self, what):
        ok(self.bad() == 0 and not self.problems, "%d %s: nothing lost, nothing twice, nothing wrong" % (self.counts[what], what),
           *self.problems[:20])
        diag("seed %d, %.0f s: %s" % (self.seed, time.monotonic() - self.begin, dict(self.counts)))
        done()

    def record(self, what, counts, bad):
        """A line a round, so that what was interrupted counts as far as it came."""
        directory = os.environ.get("MSCG_FAULT_RESULTS", os.path.join(plain, "fault"))
        os.makedirs(directory, exist_ok=True)
        fields = [self.name, self.fingerprint, self.commit, str(self.seed), what, str(counts[what]), str(counts["lost"]),
                  str(counts["twice"]), str(counts["wrong"] + counts["broken"]), str(counts["LOST"]),
                  "failed" if bad else "ok", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                  "%s %d cores" % (os.environ.get("MSCG_VM") or os.uname().release, os.cpu_count()),
                  json.dumps({k: n for k, n in counts.items() if n}, sort_keys=True)]
        with open(os.path.join(directory, "results.tsv"), "a") as f:
            f.write("\t".join(fields) + "\n")
