#!/usr/bin/python3
# timeout: 150
# also: 6.1
"""Which device nodes a job of root's mscgd opens, wherever they lie and whatever their mode. With mounts of its own: null and the like, what
was granted to it, and what `devices` names. Without: all but what is given out and not its own. Beside each refusal one for whom it works."""
import os, shutil, stat, subprocess, sys, tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vm"))
from mscg_client import *

OPEN = r"""
import os, sys, errno
for path in sys.argv[1:]:
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY))
        print("opened", flush=True)
    except OSError as e:
        print(errno.errorcode[e.errno], flush=True)
"""
NEST = "mkdir /sys/fs/cgroup/x && echo $$ >/sys/fs/cgroup/x/cgroup.procs && "


def start(*options):
    d = Daemon("--missing-controllers=warn", "--total-cpus=2", "--total-mem=512MB", "--allow-root-jobs", *options)
    with open(d.out + "/try.py", "w") as f:
        f.write(OPEN)
    return d


def tries(d, isolate, paths, uid=None, before="", **spec):
    uid = d.uid if uid is None else uid
    c = Connection(d.socket, uid)
    words = "%sexec %s %s/try.py %s" % (before, sys.executable, d.out, " ".join(paths))
    out = d.out if uid else d.dir # root writes nothing where users do
    spec = {"argv": [words], "shell": True, "workdir": d.out, "stdout_path": out + "/%j.out", "isolate": isolate, "mem_bytes": 64 << 20, **spec}
    job = c.call("Submit", jobs=[spec])["jobs"][0]["id"]
    state = d.wait(job)[job]["state"]
    with open("%s/%s.out" % (out, job)) as f:
        return f.read().split() if state == "COMPLETED" else [state, d.show(job)["reason_text"]]


def node(path, kind, major, minor):
    os.mknod(path, kind | 0o666, os.makedev(major, minor))
    os.chmod(path, 0o666)
    return path


# -- all but a few: of a job with mounts of its own
d = start()
zero = node(d.out + "/zero", stat.S_IFCHR, 1, 5)
numbers = [(10, int(line.split()[0])) for line in open("/proc/misc") if "watchdog" not in line] + [(1, 11), (7, 0), (5, 1)]
others = {node("%s/%d-%d" % (d.out, *n), stat.S_IFCHR, *n): n for n in numbers}
without = dict(zip(others, tries(d, "none", others)))
can = [path for path in others if without[path] == "opened"]
diag("opened without a sandbox: %s" % " ".join(os.path.basename(p) for p in can))
ok(len(can) >= 2, "without a sandbox a node's mode is enough", without)
for isolate, uid in (("default", d.uid), ("strict", d.uid), ("mount", d.uid), ("default", 0)):
    results = tries(d, isolate, [zero] + can, uid)
    ok(results == ["opened"] + ["EPERM"] * len(can), "uid %d, %s: they are refused, and /dev/zero by another name is not" % (uid, isolate), results)
same = tries(d, "default", ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/ptmx", "/dev/tty"])
ok(same == ["opened"] * 6 + ["ENXIO"], "what every job has can be opened", same)

# -- one /dev for all who need no more
CHANGE = r"""
import os, sys, errno
st = os.stat("/dev")
print("%d:%d" % (st.st_dev, st.st_ino))
for change in (lambda: os.mkdir("/dev/x"), lambda: os.chmod("/dev/null", 0o600), lambda: os.unlink("/dev/fd"), lambda: os.utime("/dev/zero")):
    try:
        change()
        print("done")
    except OSError as e:
        print(errno.errorcode[e.errno])
"""
with open(d.out + "/change.py", "w") as f:
    f.write(CHANGE)
shared = d.dir + "/run/dev"
st = os.stat(shared)
ok(st.st_uid == 0 and stat.S_IMODE(st.st_mode) == 0o755, "it is root's", st)
known = "%d:%d" % (st.st_dev, st.st_ino)


def changes(**spec):
    return tries(d, "default", [], before="exec %s %s/change.py; " % (sys.executable, d.out), **spec)


for uid in (d.uid, 0):
    said = changes(uid=uid)
    ok(said == [known] + ["EROFS"] * 4, "uid %d has it, and changes nothing in it" % uid, said)
subprocess.check_call(["mount", "--bind", shared, shared])
try:
    subprocess.check_call(["mount", "-o", "remount,bind,nodev", shared])
    same = tries(d, "default", ["/dev/null", "/dev/zero", "/dev/tty"])
    ok(same == ["opened", "opened", "ENXIO"], "its nodes work also where it lies on a file system without devices", same)
    try:
        os.close(os.open(shared + "/null", os.O_WRONLY))
        ok(False, "and only there")
    except PermissionError:
        ok(True, "and only there")
finally:
    subprocess.check_call(["umount", shared])
os.rename(shared, shared + ".gone")
said = changes()
ok(said[0] != known and said[1] == said[3] == "EROFS", "without it each makes one of its own", said)
os.mkdir(shared)
said = changes()
ok(said[0] == "FAILED", "one without a null, which covers what is masked, is none", said)
os.rmdir(shared)
os.rename(shared + ".gone", shared)
d.stop()

# -- what is given out. What anybody may open stands for GPUs.
gpus = [others[path] for path in can[:2]]
dev = ["/dev/mscg-test-%d-%d" % (os.getpid(), i) for i in range(2)]
for path, n in zip(dev, gpus):
    node(path, stat.S_IFCHR, *n)
there = tempfile.mkdtemp(prefix="mscg-t.", dir="/tmp")
with open(there + "/gres", "w") as f:
    f.write("".join("Name=gpu File=%s\n" % path for path in dev))
try:
    d = start("--gres-config", there + "/gres")
    copies = [node("%s/gpu%d" % (d.out, i), stat.S_IFCHR, *n) for i, n in enumerate(gpus)]
    other = [node(d.out + "/other", stat.S_IFCHR, *others[path]) for path in can[2:3]] # that is nobody's
    keeper = d.submit("exec sleep 300", gres="gpu:1", isolate="none")
    d.started(keeper)
    for uid in (d.uid, 0):
        results = tries(d, "none", dev + copies + other, uid, gres="gpu:1")
        ok(results == ["EPERM", "opened"] * 2 + ["opened"] * len(other), "uid %d, no sandbox: its own is opened, another's is not, by its name and elsewhere" % uid, results)
    for isolate in ("default", "strict"):
        results = tries(d, isolate, dev + copies + other, gres="gpu:1")
        ok(results == ["ENOENT", "opened", "EPERM", "opened"] + ["EPERM"] * len(other), "%s: so it is, and others are not in its /dev" % isolate, results)
    for isolate, first in (("none", "EPERM"), ("pid", "EPERM"), ("default", "ENOENT")):
        results = tries(d, isolate, dev + copies)
        ok(results == [first] * 2 + ["EPERM"] * 2, "%s: who was given none opens none" % isolate, results)
    results = tries(d, "default", copies, before=NEST, delegate=True, gres="gpu:1")
    ok(results == ["EPERM", "opened"], "in a cgroup of its own making it is the same", results)
    results = tries(d, "none", ["/dev/null", "/dev/zero"])
    ok(results == ["opened"] * 2, "what every job has is there", results)

    command = ["mscg", "exec", "--socket", d.socket, keeper, sys.executable, d.out + "/try.py", *copies]
    def by_exec():
        p = subprocess.run(command, user=d.uid, group=pwd.getpwuid(d.uid).pw_gid, extra_groups=[], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=60)
        return p.stdout.split()
    results = by_exec()
    ok(results == ["opened", "EPERM"], "a command in a job gets at what the job does", results)
    d.process.kill()
    d.process.wait()
    d.start()
    results = by_exec()
    ok(results == ["opened", "EPERM"], "after a restart of mscgd too", results)

    # Nodes that go while it runs, and come again as others.
    before = tries(d, "none", copies)
    os.unlink(dev[1])
    gone = tries(d, "none", copies)
    ok(before == gone == ["EPERM"] * 2, "a device whose node is gone stays one that is given out", before, gone)
    if other:
        node(dev[1], stat.S_IFCHR, *others[can[2]])
        results = tries(d, "none", copies + other)
        ok(results == ["EPERM", "opened", "EPERM"], "one that has come again with another number is the one", results)
    d.stop()
finally:
    for path in dev:
        if os.path.lexists(path):
            os.unlink(path)

# -- what all have
named = [p for p in ("/dev/fuse", "/dev/loop-control", "/dev/kmsg", "/dev/mem", "/dev/vda") if os.path.exists(p)][0]
d = start("--devices=/dev/full," + named)
st = os.stat(named)
elsewhere = node(d.out + "/elsewhere", stat.S_IFMT(st.st_mode), os.major(st.st_rdev), os.minor(st.st_rdev))
results = tries(d, "default", [named, elsewhere], 0)
ok(results == tries(d, "none", [named, elsewhere], 0) and "ENOENT" not in results, "%s is there where it is configured" % named, results)
d.stop()
for wrong, text in (("/etc/passwd", "expected a node below /dev"), ("/dev/none-such", "cannot look at /dev/none-such"), ("/dev/pts/0", "expected a node below /dev"),
                    ("null", "is relative"), (",".join(["/dev/null"] * 33), "expected so many at most")):
    command = [os.path.join(build, "mscgd"), "--missing-controllers=warn", "--cgroup-root", root + "/other", "--devices=" + wrong]
    command += ["--%s=%s/%s" % (name, there, name) for name in ("state-dir", "runtime-dir", "socket")]
    p = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    ok(p.returncode != 0 and text in p.stdout, "devices=%.20s is refused" % wrong, p.stdout)
shutil.rmtree(there)
done()
