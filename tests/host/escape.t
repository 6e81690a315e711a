#!/usr/bin/python3
# timeout: 200
"""What tests/escape/attempts.py tries is refused inside the sandbox, default and strict, to an ordinary user's job and to one of
root. An attempt counts if it works outside: as it is here, or as a job with --isolate=none."""
import collections, ctypes, os, shutil, signal, socket, sys, tempfile

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, here + "/../vm")
from mscg_client import *

FEWEST = 200 if os.geteuid() == 0 else 60  # attempts that count
# Of root's own, in the sandbox too: files of the init that root owns, which say nothing and change only the job.
ROOTS_OWN = {"write /proc/1/" + f for f in ("oom_score_adj", "clear_refs", "coredump_filter", "comm", "autogroup", "loginuid", "uid_map", "sched")} | {"read /proc/1/fd"}
is_root = os.geteuid() == 0
libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS = 0x20000

if is_root:
    libc.unshare(CLONE_NEWNS)
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
d = Daemon("--missing-controllers=warn", "--total-cpus", "4", "--total-mem", "1GB", "--allow-root-jobs", "--isolate=default")
program = d.out + "/attempts.py"  # the tree may lie where an ordinary user does not get
shutil.copy(here + "/../escape/attempts.py", program)

# What there is to reach: a neighbour, its supervisor, the daemon; files and memory of this machine; its sockets.
neighbour = d.submit("sleep", "300")
pid = d.started(neighbour)["pid"]


def parent(pid):
    with open("/proc/%d/stat" % pid) as f:
        return int(f.read().rsplit(")", 1)[1].split()[1])


secret = tempfile.NamedTemporaryFile(prefix="mscg-secret.", dir="/tmp")
os.chmod(secret.name, 0o644)
shared = tempfile.NamedTemporaryFile(prefix="mscg-secret.", dir="/dev/shm")
os.chmod(shared.name, 0o644)
key = 0x6d730000 | os.getpid() & 0xffff
segment = libc.shmget(key, 4096, 0o1000 | 0o644)
name = "mscg-escape-%d" % os.getpid()
abstract, tcp = socket.socket(socket.AF_UNIX), socket.socket()
abstract.bind("\0" + name)
abstract.listen(64)
tcp.bind(("127.0.0.1", 0))
tcp.listen(64)
if is_root:
    d.wait(d.submit("true"))
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/mnt"], check=True)
places = {"services": {"mscgd": d.socket}, "cgroup": os.path.realpath("%s/jobs/job_%s" % (root, neighbour)), "abstract": name, "port": tcp.getsockname()[1], "shm_key": key,
          "pids": {"a neighbour": pid, "its supervisor": parent(pid), "mscgd": d.process.pid},
          "secrets": {"a file in /tmp": secret.name, "a file in /dev/shm": shared.name}}


def mount_elsewhere():
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


# A directory that jobs have bound, read-only: with a file that anybody may write, one of the user's own, and a device.
bound = tempfile.mkdtemp(prefix="mscg-bound.", dir="/tmp")
os.chmod(bound, 0o777)
for f in ("file", "mine"):
    open(bound + "/" + f, "w").close()
    os.chmod(bound + "/" + f, 0o666)
os.chown(bound + "/mine", d.uid, -1)
if is_root:
    os.mknod(bound + "/node", 0o020666, os.makedev(1, 5))
    os.chmod(bound + "/node", 0o666)
places["bound"] = bound


def read(text):
    return {(group, attempt): result for group, attempt, result in map(json.loads, text.splitlines())}


if is_root:
    places["elsewhere"] = mount_elsewhere()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    for user in (0, d.uid):
        os.makedirs("/run/user/%d" % user)
    service = socket.socket(socket.AF_UNIX)
    service.bind("/run/user/%d/bus" % d.uid)
    service.listen(64)
    os.chmod("/run/user/%d/bus" % d.uid, 0o666)
    places["services"]["one of the user's"] = "/run/user/%d/bus" % d.uid


def outside():
    victims = [subprocess.Popen(["sleep", "300"]) for _ in range(2)]
    command = [sys.executable, program, json.dumps(dict(places, own=root, above=victims[0].pid, victim=victims[1].pid))]
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


def inside(isolate, uid, **more):
    c = Connection(d.socket, uid) if uid else Connection(d.socket)
    binds = {"binds": bound + ":/tmp/bound:ro"} if isolate != "none" else {}
    spec = {**binds, "argv": [sys.executable, program, json.dumps(dict(places, **more, **({"bound": "/tmp/bound"} if binds else {})))], "workdir": d.out, "mem_bytes": 128 << 20,
            "stdout_path": "%s/%%j.out" % (d.out if uid else d.dir), "env": 0, "isolate": isolate}
    job = c.call("Submit", jobs=[spec], environments=[["PATH=/usr/bin:/bin"]])["jobs"][0]["id"]
    state = d.wait(job)[job]
    with open("%s/%s.out" % (d.out if uid else d.dir, job)) as f:
        text = f.read()
    ok(state["state"] == "COMPLETED", "%s, uid %d: the attempts were made" % (isolate, uid), d.show(job)["reason_text"]) if state["state"] != "COMPLETED" else None
    return read(text)


def by_exec(isolate):
    """As a command in a job of the ordinary user, with a descriptor of the machine's file system beside the three."""
    job = d.submit("exec sleep 300", isolate=isolate, workdir=d.out, mem_bytes=128 << 20, binds=bound + ":/tmp/bound:ro")
    d.started(job)
    leak = os.open("/", os.O_PATH)
    os.set_inheritable(leak, True)
    p = subprocess.run([os.path.join(build, "mscg"), "exec", "--socket", d.socket, job, sys.executable, program, json.dumps(dict(places, above=1, victim=1, bound="/tmp/bound"))],
                       user=d.uid, group=pwd.getpwuid(d.uid).pw_gid, extra_groups=[], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=80, close_fds=False)
    os.close(leak)
    d.call("Cancel", ids=[job])
    d.wait(job)
    return read(p.stdout)


victim = subprocess.Popen(["sleep", "300"], user=d.uid)
controls = [outside(), inside("none", d.uid, above=pid, victim=victim.pid)]
victim.wait()
works = {attempt for control in controls for attempt, result in control.items() if result == "worked"}
everything = set(controls[0])
groups = collections.Counter(group for group, _ in works)
for group in sorted({g for g, _ in everything}):
    ok(groups[group] > 0, "outside work, of %s: %d of %d" % (group, groups[group], sum(g == group for g, _ in everything)))
without = sorted("%s: %s: %s" % (*a, controls[0][a]) for a in everything - works)
diag("without a control here: %d" % len(without))
if "-v" in sys.argv:
    diag("\n".join(without))
ok(len(works) >= FEWEST, "attempts that count: %d, at least %d" % (len(works), FEWEST))

for isolate, uid in [("default", d.uid), ("strict", d.uid)] + ([("default", 0), ("strict", 0)] if is_root else []):
    results = inside(isolate, uid, above=1, victim=1)
    ok(set(results) == everything, "%s, uid %d: all were made" % (isolate, uid), sorted(everything - set(results))[:5])
    escaped = sorted("%s: %s" % a for a, result in results.items() if result in ("worked", "") and
                     not (a[0].endswith("(strict)") and isolate != "strict") and not (uid == 0 and a[1] in ROOTS_OWN))
    ok(not escaped, "%s, uid %d: none works" % (isolate, uid), *escaped)
    if "-v" in sys.argv:
        diag("\n".join("%s: %s: %s" % (*a, r) for a, r in sorted(results.items())))
for isolate in ("default", "strict") if is_root else ():
    results = by_exec(isolate)
    ok(set(results) == everything, "%s, by mscg exec: all were made" % isolate, sorted(everything - set(results))[:5])
    escaped = sorted("%s: %s" % a for a, result in results.items() if result in ("worked", "") and not (a[0].endswith("(strict)") and isolate != "strict"))
    ok(not escaped, "%s, by mscg exec: none works" % isolate, *escaped)
j = d.show(neighbour)
ok(j["state"] == "RUNNING" and d.process.poll() is None, "the neighbour and mscgd are still there", j["state"])

# A place that cannot be covered, since its name is longer than any call takes.
if is_root:
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

libc.shmctl(segment, 0, None)
d.stop()
for path, _ in places.get("elsewhere", {}).values():
    subprocess.run(["umount", path], check=True)
shutil.rmtree(d.dir)
shutil.rmtree(bound)
done()
