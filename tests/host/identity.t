#!/usr/bin/python3
# timeout: 100
"""A job is its user: uid, gid and the groups of the account, umask; no capability, no way to another identity. Seen by the
job itself, started by a root daemon for a user who asked for nothing of that."""
import os, sys

if "MSCG_IDENTITY_INSIDE" not in os.environ:  # accounts of its own, in a mount namespace of its own
    os.environ["MSCG_IDENTITY_INSIDE"] = "1"
    os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, os.path.abspath(__file__)])

import shutil, subprocess, tempfile

USER, MAIN, MORE = 4242, 4250, (4251, 4252)
top = tempfile.mkdtemp(prefix="mscg-t.", dir="/tmp")
os.chmod(top, 0o755)


def account_file(name, lines):
    path = "%s/%s" % (top, name)
    with open("/etc/" + name) as f, open(path, "w") as g:
        g.write(f.read() + lines)
    os.chmod(path, 0o644)
    subprocess.check_call(["mount", "--bind", path, "/etc/" + name])


account_file("passwd", "person:x:%d:%d::%s/home:/bin/sh\n" % (USER, MAIN, top))
account_file("group", "main:x:%d:\nmore:x:%d:person\nmost:x:%d:somebody,person\nother:x:4253:somebody\n" % (MAIN, *MORE))
os.mkdir(top + "/home")
os.chown(top + "/home", USER, MAIN)
shutil.copy(os.path.join(os.path.abspath(os.environ.get("MSCG_BUILD", "build")), "tests/probe/inspect"), top + "/home/inspect")

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vm"))
from mscg_client import *

d = Daemon("--missing-controllers=warn", "--total-cpus", "2")
os.chown(d.out, USER, MAIN)
d.uid = USER
# Connected with other groups than the account has: what counts is the account.
os.setgroups([4253])
d.connection = d.connect()
os.setgroups([])
job = d.submit(top + "/home/inspect", "x", umask=0o027, workdir=top + "/home")
state = d.wait(job)[job]
lines = d.output(job).splitlines()
said = {l.split(" ")[0].rstrip(":"): " ".join(l.split(" ")[1:]).strip() for l in lines}
ok(state["state"] == "COMPLETED", "the job ran", state, *lines)
for key, want in (("Uid", " ".join([str(USER)] * 4)), ("Gid", " ".join([str(MAIN)] * 4)), ("Umask", "0027"), ("NoNewPrivs", "1"),
                  *[(c, "0" * 16) for c in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")],
                  ("setuid0", "no"), ("setgroups", "no"), ("fds", "0 1 2"), ("oom_lower", "no"), ("oom_score_adj", "0"), ("tty", "no"),
                  ("session", "own"), ("cwd", top + "/home"), ("SigBlk", "0" * 16), ("SigIgn", "0" * 16)):
    ok(said.get(key) == want, "%s is %s" % (key, want), "it is " + str(said.get(key)))
groups = {int(g) for g in said["Groups"].split()}
ok(groups == {MAIN, *MORE}, "groups are those of the account, and not those of who connected", groups)
st = os.stat("%s/%s.out" % (d.out, job))
ok((st.st_uid, st.st_gid, st.st_mode & 0o777) == (USER, MAIN, 0o640), "its output is its own, by its umask", oct(st.st_mode), st.st_uid, st.st_gid)

# A program that would make it root, if it could be one.
shutil.copy(probe + "/inspect", top + "/set-id")
os.chmod(top + "/set-id", 0o4755)
control = subprocess.run([top + "/set-id"], user=USER, group=MAIN, extra_groups=[], stdout=subprocess.PIPE, text=True).stdout
job = d.submit(top + "/set-id", "x")
d.wait(job)
if "setuid0 yes" not in control:
    diag("this file system ignores set-id bits: no control")
ok("setuid0 no" in d.output(job) and "Uid: %d %d" % (USER, USER) in d.output(job), "a set-uid program gives it nothing", d.output(job))
d.stop()
for name in ("group", "passwd"):
    subprocess.call(["umount", "/etc/" + name])
shutil.rmtree(top)
done()
