#!/usr/bin/python3
# timeout: 200
"""Every path of a job that a process with root's rights has to do with, exchanged for a link to somebody else's place, as
fast as the kernel does it, while jobs are launched: output, errors, input, working directory, script, log directory with
the link to the control file, what is bound and where to, the root file system. What is behind the links stays as it is, nothing of root's
appears in a user's directory, and no job is in another root than its own.

swaps.t [--count SWAPS] [--seconds S]: until both are reached; without, a short form."""
import os, sys

if "MSCG_SWAPS_INSIDE" not in os.environ:  # accounts of its own, in a mount namespace of its own
    os.environ["MSCG_SWAPS_INSIDE"] = "1"
    os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, os.path.abspath(__file__), *sys.argv[1:]])

import argparse, random, shutil, subprocess, tempfile, time

USER, VICTIM = 4242, 4243
top = tempfile.mkdtemp(prefix="mscg-t.", dir="/tmp")
os.chmod(top, 0o755)
home, victim, canary = top + "/home", top + "/victim", top + "/root"
accounts = top + "/passwd"
with open("/etc/passwd") as f, open(accounts, "w") as g:
    g.write(f.read() + "racer:x:%d:%d::%s:/bin/sh\nvictim:x:%d:%d::%s:/bin/sh\n" % (USER, USER, home, VICTIM, VICTIM, victim))
os.chmod(accounts, 0o644)
subprocess.check_call(["mount", "--bind", accounts, "/etc/passwd"])
if "MSCG_TEST_CGROUP" not in os.environ:  # make fault: a place as tests/suite makes one
    base = "/sys/fs/cgroup/unified" if os.path.isdir("/sys/fs/cgroup/unified") else "/sys/fs/cgroup"
    os.environ["MSCG_TEST_CGROUP"] = tempfile.mkdtemp(prefix="mscg-swaps.", dir=base)

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vm"))
import mscg_client
from mscg_client import *

options = argparse.ArgumentParser()
options.add_argument("--count", type=int, default=20000)
options.add_argument("--seconds", type=int, default=0)
options.add_argument("--seed", type=int, default=1)
options = options.parse_args()
random.seed(options.seed)


def make(path, text=None, mode=0o644, uid=0):
    if text is None:
        os.mkdir(path)
    else:
        with open(path, "w") as f:
            f.write(text)
    os.chmod(path, mode)
    os.chown(path, uid, uid)
    return path


# -- canaries: places of root and of another user, as they are left lying about, and as they are shut
for where, uid in ((canary, 0), (victim, VICTIM)):
    make(where, mode=0o755, uid=uid)
    make(where + "/open", mode=0o777, uid=uid)  # a stranger may write here: what root makes in it would be root's
    make(where + "/shut", mode=0o700, uid=uid)
    for name, mode in (("file", 0o644), ("secret", 0o600)):
        make(where + "/" + name, "canary of %d: %s\n" % (uid, name), mode, uid)
    make(where + "/shut/job.out", "canary in a shut directory\n", 0o600, uid)


def census(where):
    found = {}
    for path, dirs, files in os.walk(where):
        for name in dirs + files:
            p = os.path.join(path, name)
            st = os.lstat(p)
            text = open(p).read() if os.path.isfile(p) and not os.path.islink(p) else ""
            found[p] = (st.st_mode, st.st_uid, st.st_gid, text)
    return found


make(home, mode=0o755, uid=USER)


def pair(name, directory, target):
    """home/NAME, the user's own, and home/NAME.link, a link to TARGET, to be exchanged."""
    a, b = home + "/" + name, home + "/" + name + ".link"
    make(a, None if directory else "", 0o755 if directory else 0o644, USER)
    os.symlink(target, b)
    os.lchown(b, USER, USER)
    return [a, b]


pairs = [
    pair("outdir", True, canary + "/shut"), pair("out", False, canary + "/file"), pair("err", False, victim + "/file"),
    pair("in", False, canary + "/secret"), pair("place", True, victim + "/shut"), pair(".mscg_logs", True, canary + "/open"),
    pair("script", False, canary + "/secret"), pair("outfile", False, victim + "/secret"),
    pair("source", True, victim + "/shut"), pair("bound", False, canary + "/secret"), pair("target", True, "/etc"), pair("tree", True, "/"),
]
for place in ("usr", "proc", "dev", "tmp", "sys"):
    make(home + "/tree/" + place, mode=0o755, uid=USER)
for link in ("bin", "lib", "lib64"):
    os.symlink("usr/" + link, home + "/tree/" + link)
    os.lchown(home + "/tree/" + link, USER, USER)
make(home + "/tree/mine", "", uid=USER)
BOUND = "ls -A $0; cat $0 $0/*; : >$0/new; :"
INSIDE = "[ -e /mine ] && [ ! -e /etc ] && echo its own root || echo canary: another root"
before = {**census(canary), **census(victim)}
d = Daemon("--missing-controllers=warn", "--total-cpus", "4", "--max-jobs", "64")
d.uid = USER
d.connection = d.connect()

# -- a control: what a root that opens such a path by itself would do
bait = make(top + "/bait", "bait\n")
trap = pair("trap", False, bait)
as_user = dict(user=USER, group=USER, extra_groups=[])
p = subprocess.Popen([probe + "/swap", "60", *trap], stdout=subprocess.PIPE, start_new_session=True, **as_user)
end = time.monotonic() + 30
while open(bait).read() == "bait\n" and time.monotonic() < end:
    with open(trap[0], "w") as f:
        f.write("written by root\n")
p.terminate()
p.communicate()
ok(open(bait).read() != "bait\n", "control: a root that opens the path by itself writes behind the link")
for path in trap:
    os.unlink(path)

# -- the race
swapper = subprocess.Popen([probe + "/swap", "100000", *sum(pairs, [])], stdout=subprocess.PIPE, text=True, start_new_session=True, **as_user)


def foreign():
    """Files in the user's directory that are not the user's. Links are not followed, also not those that come meanwhile."""
    found = []
    for path, dirs, files, fd in os.fwalk(home, follow_symlinks=False):
        for name in dirs + files:
            try:
                st = os.stat(name, dir_fd=fd, follow_symlinks=False)
            except FileNotFoundError:
                continue
            if st.st_uid != USER:
                found.append((path + "/" + name, st.st_uid))
    return found


def launch():
    """One job that has to do with some of the pairs. It copies its input, so that what it could read is seen."""
    job = {"argv": ["sh", "-c", "cat; echo out; echo err >&2; echo here > mark.$MSCG_JOB_ID"], "workdir": home, "stdin_path": "/dev/null"}
    paths = random.choice((
        dict(stdout_path=home + "/outdir/job.out"), dict(stdout_path=home + "/out"), dict(stdout_path=home + "/out", append=True),
        dict(stdout_path=home + "/o.%j", stderr_path=home + "/err"), dict(stdin_path=home + "/in", stdout_path=home + "/o.%j"),
        dict(workdir=home + "/place", stdout_path=home + "/o.%j"), dict(workdir=home + "/outdir"), dict(),
        dict(stdout_path=home + "/outfile"), dict(stdout_path=home + "/outdir/%j.new", stderr_path=home + "/place/%j.err"),
        dict(argv=[home + "/script"], stdout_path=home + "/o.%j", stderr_path=home + "/e.%j"),
        dict(argv=["sh", "-c", BOUND, "/tmp/there"], binds=home + "/source:/tmp/there", isolate="mount", stdout_path=home + "/o.%j"),
        dict(argv=["sh", "-c", BOUND, "/tmp/there"], binds=home + "/bound:/tmp/there", isolate="mount", stdout_path=home + "/o.%j"),
        dict(argv=["sh", "-c", BOUND, "/etc"], binds=home + "/place:" + home + "/target", isolate="mount", stdout_path=home + "/o.%j"),
        dict(argv=["sh", "-c", INSIDE], rootfs=home + "/tree", binds="/usr:/usr:ro", workdir="/", isolate="mount", stdout_path=home + "/o.%j"),
    ))
    job.update(paths)
    return d.submit(*job.pop("argv"), **{"stdout_path": None, **job})


outcomes, strangers, jobs, started = {}, [], 0, time.monotonic()
most = time.monotonic() + (options.seconds or 8)
enough = 40 if options.count <= 20000 else 400
while time.monotonic() < most or (options.count > 20000 and jobs < enough):
    batch = [launch() for _ in range(8)]
    jobs += len(batch)
    for o in d.wait(*batch).values():
        outcomes[o["state"], o["exit_code"]] = outcomes.get((o["state"], o["exit_code"]), 0) + 1
    strangers += foreign()
swapper.terminate()
swaps = int(swapper.communicate(timeout=60)[0])
strangers += foreign()
after = {**census(canary), **census(victim)}
diag("%d swaps, %d launches in %.0f s: %s" % (swaps, jobs, time.monotonic() - started, ", ".join("%s/%s %d" % (*k, v) for k, v in sorted(outcomes.items()))))
ok(swaps >= options.count, "%d swaps at least" % options.count, swaps)
ok(outcomes.get(("COMPLETED", 0), 0) > 0 and outcomes.get(("FAILED", 126), 0) > 0, "launches found both: jobs ran, and jobs were refused a place")
changed = ["%s: %s, was %s" % (p, after.get(p), before.get(p)) for p in sorted({*before, *after}) if before.get(p) != after.get(p)]
# What a stranger may write to, the job's user may write to as well: its own files in it are its own affair.
changed = [c for p, c in ((c.split(":")[0], c) for c in changed) if not (p.startswith(canary + "/open/") and os.lstat(p).st_uid == USER)]
ok(not changed, "no canary changed", *changed)
ok(not strangers, "nothing that is not the user's is in its directory", *sorted(set(strangers)))
leaked, roots = [], 0
for path, dirs, files in os.walk(home):
    for name in files:
        p = os.path.join(path, name)
        text = "" if os.path.islink(p) else open(p, errors="replace").read()
        roots += text == "its own root\n"
        if "canary" in text:
            leaked.append(p)
ok(not leaked, "nothing secret was read, and no other root was seen", *leaked)
ok(roots > 0, "jobs ran in a root of their own: %d" % roots)
ok(d.process.poll() is None, "mscgd runs on")
d.stop()
os.chdir("/")
shutil.rmtree(d.dir, ignore_errors=True)
subprocess.call(["umount", "/etc/passwd"])
shutil.rmtree(top)
done()
