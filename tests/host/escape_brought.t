#!/usr/bin/python3
# timeout: 500
# also: 6.12 slow
"""What tests/escape/delegated.py tries in a job with a cgroup of its own, and tests/escape/brought.py in one with a root file system and a
directory of its user's making, is refused: to jobs of root's mscgd, and of a user's own. An attempt counts if it works for root outside."""
import collections, os, shutil, sys, tempfile

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, here + "/../vm")
from mscg_client import *

PYTHON = "/usr/bin/python3"
OPTIONS = ("--missing-controllers=warn", "--total-cpus=4", "--total-mem=1GB", "--isolate=default")
ENVIRONMENT = ["PATH=/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE=1"]
uid = ordinary_user()
gid = pwd.getpwuid(uid).pw_gid
secret = tempfile.NamedTemporaryFile("w", prefix="mscg-secret.", dir="/tmp")
secret.write("of the machine\n")
secret.flush()
os.chmod(secret.name, 0o644)


def read(text):
    return {(group, attempt): result for group, attempt, result in map(json.loads, text.splitlines())}


def run(command, **more):
    return read(subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=80, **more).stdout)


def job(d, program, places, by=uid, **spec):
    out = d.out if by else d.dir
    spec = {"argv": [PYTHON, "%s/%s" % (d.out, program), json.dumps(places)], "workdir": d.out, "mem_bytes": 128 << 20, "stdout_path": out + "/%j.out", "env": 0, **spec}
    id = Connection(d.socket, by).call("Submit", jobs=[spec], environments=[ENVIRONMENT])["jobs"][0]["id"]
    state = d.wait(id)[id]
    if state["state"] != "COMPLETED":
        ok(False, "the attempts were made", state, d.show(id)["reason_text"])
    with open("%s/%s.out" % (out, id)) as f:
        return read(f.read())


def control(kind, results, fewest):
    works = {a for a, r in results.items() if r == "worked"}
    groups = collections.Counter(g for g, _ in works)
    for group in sorted({g for g, _ in results}):
        ok(groups[group] > 0, "%s: outside work, of %s: %d of %d" % (kind, group, groups[group], sum(g == group for g, _ in results)))
    ok(len(works) >= fewest, "%s: attempts that count: %d in %d classes, at least %d" % (kind, len(works), len(groups), fewest))
    if "-v" in sys.argv:
        diag("without a control here: " + "; ".join("%s: %s: %s" % (*a, r) for a, r in results.items() if r != "worked"))
    return works


def judge(who, everything, results, but=lambda group, name: False):
    ok(set(results) == set(everything), "%s: all were made" % who, sorted(set(everything) - set(results))[:5])
    escaped = sorted("%s: %s" % a for a, r in results.items() if r in ("worked", "") and not but(*a))
    ok(not escaped, "%s: none works" % who, *escaped)
    if "-v" in sys.argv:
        diag("\n".join("%s: %s: %s" % (*a, r) for a, r in sorted(results.items())))


# -- a cgroup of its own
def delegated(d, kind):
    neighbour = d.submit("sleep", "300", delegate=True, workdir=d.out)
    d.started(neighbour)
    base = next(p for p in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup") if os.path.exists(p + "/cgroup.procs"))
    path = os.path.realpath("%s/job_%s" % (d.jobs, neighbour))
    # For root outside, a cgroup that is like a job's, and beside it.
    twin = "%s/twin" % os.path.dirname(path)
    os.makedirs(twin)
    with open(twin + "/cgroup.controllers") as f, open(twin + "/cgroup.subtree_control", "w") as g:
        g.write(" ".join("+" + c for c in f.read().split()))
    os.mkdir(twin + "/own")
    places = {"own": twin + "/own", "above": twin, "neighbour": path, "first": base, "inodes": {p: os.stat(p).st_ino for p in (path, path + "/own", base)}, "below": os.path.relpath(path, base)}
    everything = run(["unshare", "--mount", "--propagation", "private", PYTHON, d.out + "/delegated.py", json.dumps(places)])
    for p in (twin + "/own", twin):
        os.rmdir(p)
    control("%s, delegated" % kind, everything, 50)
    users = lambda group, name: kind != "root's" and group.endswith("(root)")
    for n, (isolate, more) in enumerate((("default", {}), ("strict", {}), ("default", {"allow": "userns"}), ("mount,cgroup,pid", {}), ("none", {}))):
        itself = "%s/job_%d" % (os.path.dirname(path), int(neighbour) + 1 + n)
        if isolate == "none" and kind != "root's":
            continue # there nothing keeps it
        results = job(d, "delegated.py", dict(places, own="/sys/fs/cgroup" if isolate != "none" else itself + "/own", above=itself), isolate=isolate, delegate=True, **more)
        judge("%s, delegated, %s%s" % (kind, isolate, ", userns" if more else ""), everything, results,
              lambda group, name: users(group, name) or (isolate == "none" and name.startswith("see ")))
    d.call("Cancel", ids=[neighbour])


# -- a root and a directory of its user's making
def fill(top, nodes):
    """What a user may have got somebody to make, or have made where devices and set-user-id files are his to make."""
    links = {"straight": secret.name, "by_dots": "../" * 20 + secret.name[1:], "by_proc": "/proc/self/root" + secret.name, "by_init": "/proc/1/root" + secret.name,
             "by_thread": "/proc/thread-self/root" + secret.name, "by_descriptor": "/proc/self/cwd/" + "../" * 20 + secret.name[1:], "twice": "straight",
             "directory": os.path.dirname(secret.name), "top": "/"}
    for name, target in links.items():
        os.symlink(target, top + "/" + name)
    os.mkdir(top + "/empty")
    for name in ("file", "nothing", "mine"):
        with open(top + "/" + name, "w") as f:
            f.write("" if name == "nothing" else "text\n")
        os.chmod(top + "/" + name, 0o666)
    for name, owner, mode in (("setuid", 0, 0o4755), ("setgid", 0, 0o2755), ("setuid_other", 65534, 0o4755), ("capabilities", 0, 0o755)):
        shutil.copy("/usr/bin/cat", top + "/" + name)
        os.chown(top + "/" + name, owner, 0)
        os.chmod(top + "/" + name, mode)
    # cap_dac_read_search and cap_net_raw, permitted and effective
    os.setxattr(top + "/capabilities", "security.capability", bytes.fromhex("01000002" "04200000" "00000000" "00000000" "00000000"))
    for name, (kind, major, minor) in nodes.items():
        os.mknod(top + "/" + name, kind | 0o666, os.makedev(major, minor))
        os.chmod(top + "/" + name, 0o666)
    for name in ("file", "nothing", "mine", "empty", ""):
        os.chown(top + "/" + name, uid, gid)
    os.chmod(top, 0o777)


def brought(d, kind):
    CHAR, BLOCK = 0o020000, 0o060000
    nodes = {"null": (CHAR, 1, 3), "zero": (CHAR, 1, 5), "random": (CHAR, 1, 8), "kmsg": (CHAR, 1, 11), "tty": (CHAR, 5, 2), "console": (CHAR, 5, 1), "fuse": (CHAR, 10, 229), "tun": (CHAR, 10, 200),
             "loop-control": (CHAR, 10, 237), "loop": (BLOCK, 7, 0), "disk": (BLOCK, 254, 0)}
    tops = {}
    for name in ("root", "bound"):
        tops[name] = tempfile.mkdtemp(prefix="mscg-%s." % name, dir="/tmp")
        fill(tops[name], nodes)
    for name in ("usr", "proc", "dev", "tmp", "sys"):
        os.mkdir(tops["root"] + "/" + name)
    for name in ("lib", "lib64", "bin"):
        os.symlink("usr/" + name, tops["root"] + "/" + name)
    places = {**tops, "secret": secret.name, "text": "of the machine\n", "uid": uid, "nodes": list(nodes)}
    mounted = 'mount --bind "$1" "$1" && mount --bind "$2" "$2" && shift 2 && exec "$@"'  # as they are inside
    everything = run(["unshare", "--mount", "--propagation", "private", "sh", "-c", mounted, "sh", tops["root"], tops["bound"],
                      PYTHON, d.out + "/brought.py", json.dumps(places)])
    control("%s, brought" % kind, everything, 80)
    binds = "/usr:/usr:ro\n%s:/tmp/bound:ro" % tops["bound"]
    for isolate, root in (("default", tops["root"] + ":ro"), ("strict", tops["root"]), ("mount", tops["root"] + ":ro")):
        results = job(d, "brought.py", dict(places, root="", bound="/tmp/bound"), isolate=isolate, rootfs=root, binds=binds)
        judge("%s, brought, %s" % (kind, isolate), everything, results)
    if kind == "root's":
        results = job(d, "brought.py", dict(places, root="", bound="/tmp/bound"), by=0, isolate="default", rootfs=tops["root"] + ":ro", binds=binds)
        judge("%s, brought, by root" % kind, everything, results)
    for top in tops.values():
        shutil.rmtree(top)


for make, kind in ((UsersDaemon, "a user's"), (Daemon, "root's")):
    d = make(*OPTIONS, *(["--allow-root-jobs"] if make is Daemon else []))
    for name in ("attempt", "delegated", "brought"):
        shutil.copy(here + "/../escape/%s.py" % name, d.out)
    delegated(d, kind)
    brought(d, kind)
    ok(d.process.poll() is None, "%s: mscgd is still there" % kind)
    d.stop()
    shutil.rmtree(d.dir)
done()
