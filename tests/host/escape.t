#!/usr/bin/python3
# timeout: 500
# also: 6.12 slow
"""What tests/escape/attempts.py tries is refused inside the sandbox, default and strict: to jobs of root's mscgd, of an ordinary user and of
root, and to jobs of a user's own. An attempt counts if it works outside: as it is here, or as a job with --isolate=none."""
import collections, ctypes, os, shutil, signal, socket, sys, tempfile

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, here + "/../vm")
from mscg_client import *

is_root = os.geteuid() == 0
FEWEST = 200 if is_root else 60  # attempts that count
# Of root's own, in the sandbox too: files of the init that root owns, which say nothing and change only the job.
ROOTS_OWN = {"write /proc/1/" + f for f in ("oom_score_adj", "clear_refs", "coredump_filter", "comm", "autogroup", "loginuid", "uid_map", "sched")} | {"read /proc/1/fd"}
libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS = 0x20000

if is_root:
    libc.unshare(CLONE_NEWNS)
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    for path in ("/mnt", "/run"):
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", path], check=True)

# What there is to reach, whoever's mscgd it is: files and memory of this machine; its sockets.
secret = tempfile.NamedTemporaryFile(prefix="mscg-secret.", dir="/tmp")
shared = tempfile.NamedTemporaryFile(prefix="mscg-secret.", dir="/dev/shm")
for f in (secret, shared):
    os.chmod(f.name, 0o644)
key = 0x6d730000 | os.getpid() & 0xffff
segment = libc.shmget(key, 4096, 0o1000 | 0o644)
abstract, tcp = socket.socket(socket.AF_UNIX), socket.socket()
abstract.bind("\0mscg-escape-%d" % os.getpid())
abstract.listen(64)
tcp.bind(("127.0.0.1", 0))
tcp.listen(64)
# A directory that jobs have bound, read-only: with a file that anybody may write, one of the user's own, and a device.
bound = tempfile.mkdtemp(prefix="mscg-bound.", dir="/tmp")
os.chmod(bound, 0o777)
for f in ("file", "mine"):
    open(bound + "/" + f, "w").close()
    os.chmod(bound + "/" + f, 0o666)
os.chown(bound + "/mine", ordinary_user() if is_root else os.geteuid(), -1)
if is_root:
    os.mknod(bound + "/node", 0o020666, os.makedev(1, 5))
    os.chmod(bound + "/node", 0o666)
    for user in (0, ordinary_user()):
        os.makedirs("/run/user/%d" % user)
    service = socket.socket(socket.AF_UNIX)
    service.bind("/run/user/%d/bus" % ordinary_user())
    service.listen(64)
    os.chmod("/run/user/%d/bus" % ordinary_user(), 0o666)


def parent(pid):
    with open("/proc/%d/stat" % pid) as f:
        return int(f.read().rsplit(")", 1)[1].split()[1])


def mount_elsewhere(d):
    """Kernel file systems as a chroot has them, with the names of what is in them: after a first job in a sandbox, and
    in a directory that its job keeps."""
    found = {}
    for parent in ("/mnt/a chroot", d.out + "/chroot"):
        for kind, what in (("proc", "%d" % d.process.pid), ("sysfs", "kernel"), ("cgroup2", "cgroup.procs")):
            path = "%s/%s" % (parent, kind)
            os.makedirs(path)
            subprocess.run(["mount", "-t", kind, kind, path], check=True)
            found["%s %s" % (kind, parent)] = (path, what)
    return found


def devices_of_nobody(d):
    """In the working directory, which any mode lets open."""
    for line in open("/proc/misc"):
        path = "%s/misc%d" % (d.out, int(line.split()[0]))
        if "watchdog" not in line:
            os.mknod(path, 0o020666, os.makedev(10, int(line.split()[0])))
            os.chmod(path, 0o666)
            yield path


def read(text):
    return {(group, attempt): result for group, attempt, result in map(json.loads, text.splitlines())}


class Walk:
    """All attempts, in the jobs of one mscgd."""

    def __init__(self, d, kind, uids):
        self.d, self.kind, self.uids = d, kind, uids
        self.program = d.out + "/attempts.py"  # the tree may lie where an ordinary user does not get
        for name in ("attempt", "attempts"):
            shutil.copy(here + "/../escape/%s.py" % name, d.out)
        self.neighbour = d.submit("sleep", "300")
        self.pid = d.started(self.neighbour)["pid"]
        if is_root:
            d.wait(d.submit("true"))
        self.places = {
            "services": {"mscgd": d.socket}, "cgroup": os.path.realpath("%s/job_%s" % (d.jobs, self.neighbour)), "abstract": "mscg-escape-%d" % os.getpid(),
            "port": tcp.getsockname()[1], "shm_key": key, "bound": bound,
            "pids": {"a neighbour": self.pid, "its supervisor": parent(self.pid), "mscgd": d.process.pid},
            "secrets": {"a file in /tmp": secret.name, "a file in /dev/shm": shared.name},
        }
        if is_root:
            self.places["elsewhere"] = mount_elsewhere(d)
            self.places["services"]["one of the user's"] = "/run/user/%d/bus" % d.uid
        if is_root and 0 in uids: # a user's mscgd has the modes only
            self.places["nodes"] = list(devices_of_nobody(d))

    def words(self, **more):
        return [sys.executable, self.program, json.dumps(dict(self.places, **more))]

    def outside(self):
        victims = [subprocess.Popen(["sleep", "300"]) for _ in range(2)]
        command = self.words(own=root, above=victims[0].pid, victim=victims[1].pid)
        leak = os.open("/", os.O_PATH)
        os.set_inheritable(leak, True)
        if is_root:
            command = ["unshare", "--mount", "--propagation", "private"] + command
        text = subprocess.run(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, timeout=80, close_fds=False).stdout
        os.close(leak)
        for v in victims:
            v.kill()
            v.wait()
        return read(text)

    def inside(self, isolate, uid, **more):
        d = self.d
        c = Connection(d.socket, uid)
        out = d.out if uid else d.dir
        binds = {"binds": bound + ":/tmp/bound:ro"} if isolate != "none" else {}
        spec = {**binds, "argv": self.words(**more, **({"bound": "/tmp/bound"} if binds else {})), "workdir": d.out, "mem_bytes": 128 << 20,
                "stdout_path": out + "/%j.out", "env": 0, "isolate": isolate}
        job = c.call("Submit", jobs=[spec], environments=[["PATH=/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE=1"]])["jobs"][0]["id"]
        state = d.wait(job)[job]
        with open("%s/%s.out" % (out, job)) as f:
            text = f.read()
        if state["state"] != "COMPLETED":
            ok(False, "%s, %s, uid %d: the attempts were made" % (self.kind, isolate, uid), d.show(job)["reason_text"])
        return read(text)

    def by_exec(self, isolate):
        """As a command in a job of the ordinary user, with a descriptor of the machine's file system beside the three."""
        d = self.d
        job = d.submit("exec sleep 300", isolate=isolate, workdir=d.out, mem_bytes=128 << 20, binds=bound + ":/tmp/bound:ro")
        d.started(job)
        leak = os.open("/", os.O_PATH)
        os.set_inheritable(leak, True)
        p = subprocess.run([os.path.join(build, "mscg"), "exec", "--socket", d.socket, job, *self.words(above=1, victim=1, bound="/tmp/bound")],
                           user=d.uid, group=pwd.getpwuid(d.uid).pw_gid, extra_groups=[], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=80, close_fds=False)
        os.close(leak)
        d.call("Cancel", ids=[job])
        d.wait(job)
        return read(p.stdout)

    def controls(self):
        victim = subprocess.Popen(["sleep", "300"], user=self.d.uid)
        controls = [self.outside(), self.inside("none", self.d.uid, above=self.pid, victim=victim.pid)]
        victim.wait()
        worked = [{attempt for attempt, result in c.items() if result == "worked"} for c in controls]
        works = set.union(*worked)
        self.everything = set(controls[0])
        groups = collections.Counter(group for group, _ in works)
        for group in sorted({g for g, _ in self.everything}):
            ok(groups[group] > 0, "%s: outside work, of %s: %d of %d" % (self.kind, group, groups[group], sum(g == group for g, _ in self.everything)))
        without = sorted("%s: %s: %s" % (*a, controls[0][a]) for a in self.everything - works)
        diag("%s: %d count, %d of them work as a job of the same user without a sandbox; without a control here: %d" % (self.kind, len(works), len(worked[1]), len(without)))
        if "-v" in sys.argv:
            diag("\n".join(without))
        ok(len(works) >= FEWEST and (len(groups) >= 14 or not is_root), "%s: attempts that count: %d in %d classes, at least %d" % (self.kind, len(works), len(groups), FEWEST))

    def judge(self, who, results, isolate, uid):
        ok(set(results) == self.everything, "%s, %s: all were made" % (self.kind, who), sorted(self.everything - set(results))[:5])
        escaped = sorted("%s: %s" % a for a, result in results.items() if result in ("worked", "") and
                         not (a[0].endswith("(strict)") and isolate != "strict") and not (uid == 0 and a[1] in ROOTS_OWN))
        ok(not escaped, "%s, %s: none works" % (self.kind, who), *escaped)
        if "-v" in sys.argv:
            diag("\n".join("%s: %s: %s" % (*a, r) for a, r in sorted(results.items())))

    def all(self):
        self.controls()
        for uid in self.uids:
            for isolate in ("default", "strict"):
                self.judge("%s, uid %d" % (isolate, uid), self.inside(isolate, uid, above=1, victim=1), isolate, uid)
        for isolate in ("default", "strict") if is_root else ():
            self.judge("%s, by mscg exec" % isolate, self.by_exec(isolate), isolate, self.d.uid)
        j = self.d.show(self.neighbour)
        ok(j["state"] == "RUNNING" and self.d.process.poll() is None, "%s: the neighbour and mscgd are still there" % self.kind, j["state"])

    def end(self):
        self.d.stop()
        for path, _ in self.places.get("elsewhere", {}).values():
            subprocess.run(["umount", path], check=True)
        shutil.rmtree("/mnt/a chroot", ignore_errors=True)
        shutil.rmtree(self.d.dir)


def name_too_long(d):
    """A place that cannot be covered, since its name is longer than any call takes."""
    top = os.getcwd()
    os.chdir("/mnt")
    for i in range(22):
        os.mkdir("long" * 50)
        os.chdir("long" * 50)
    os.mkdir("proc")
    ok(libc.mount(b"proc", b"proc", b"proc", 0, None) == 0, "proc is mounted at a long name")
    j = d.submit("true")
    d.wait(j)
    j = d.show(j)
    ok(j["state"] == "FAILED" and "other places of kernel file systems '/mnt/longlong" in j["reason_text"] and "File name too long" in j["reason_text"],
       "what cannot be covered fails the launch, by name", j["state"], j["reason_text"])
    j = d.submit("true", isolate="none")
    ok(d.wait(j)[j]["state"] == "COMPLETED", "and no launch without a sandbox")
    libc.umount2(b"proc", 0)
    j = d.submit("true")
    ok(d.wait(j)[j]["state"] == "COMPLETED", "nor one after it is gone")
    os.chdir(top)


OPTIONS = ("--missing-controllers=warn", "--total-cpus", "4", "--total-mem", "1GB", "--isolate=default")
if is_root:
    walk = Walk(UsersDaemon(*OPTIONS), "a user's", [ordinary_user()])
    walk.all()
    walk.end()
    d = Daemon(*OPTIONS, "--allow-root-jobs")
    walk = Walk(d, "root's", [d.uid, 0])
else:
    d = Daemon(*OPTIONS)
    walk = Walk(d, "its own", [d.uid])
walk.all()
if is_root:
    name_too_long(walk.d)
walk.end()
libc.shmctl(segment, 0, None)
shutil.rmtree(bound)
done()
