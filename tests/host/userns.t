#!/usr/bin/python3
# timeout: 90
"""A user's own daemon, whose supervisors enter a user namespace for jobs in a sandbox: no job without one finds itself there,
and what the kernel refuses is said by name and is over with that job."""
import os, shutil, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vm"))
from mscg_client import *

GROUP = 4  # a supplementary one
uid = ordinary_user()
gid = pwd.getpwuid(uid).pw_gid
outside = os.readlink("/proc/self/ns/user")


class Own(Daemon):
    """Of an ordinary user, in a cgroup that is delegated to it. `before`: a command of root before that."""

    def __init__(self, name, before="true", *options):
        self.cgroup = "%s/%s" % (root, name)
        for d in ("", "/daemon"):
            os.mkdir(self.cgroup + d)
            for f in ("", "/cgroup.procs", "/cgroup.threads", "/cgroup.subtree_control"):
                os.chown(self.cgroup + d + f, uid, gid)
        self.moves = 'echo $$ >"$0/daemon/cgroup.procs" && %s && exec setpriv --reuid %d --regid %d --groups %d,%d -- env HOME=/ "$@"' % (before, uid, gid, gid, GROUP)
        super().__init__("--total-cpus=2", "--total-mem=512MB", "--missing-controllers=warn", "--spare-supervisors=1", *options)

    def start(self):
        os.chown(self.dir, uid, gid)
        if self.command[0] != "unshare":
            mscgd = [self.command[0], "--cgroup-root", self.cgroup + "/jobs", *self.command[3:]]
            self.command = ["unshare", "--mount", "sh", "-c", self.moves, self.cgroup, *mscgd]
        super().start()

    def run(self, text, isolate, **more):
        job = self.submit(text, isolate=isolate, **more)
        outcome = self.wait(job)[job]
        return outcome["state"], self.output(job).strip() if outcome["state"] == "COMPLETED" else self.show(job)["reason_text"]


def by_exec(d, job, *command):
    p = subprocess.run([os.path.join(build, "mscg"), "exec", "--socket", d.socket, job, *command], user=uid, group=gid, extra_groups=[GROUP],
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    return p.returncode, p.stdout.strip()


def is_outside(d, name):
    said = d.run("readlink /proc/self/ns/user; chgrp %d %s && echo may" % (GROUP, d.out), "none")
    ok(said == ("COMPLETED", outside + "\nmay"), name, said)


d = Own("own")
is_outside(d, "a job without a sandbox is in the machine's user namespace, and has its groups")
for i in range(4):
    state, said = d.run("readlink /proc/self/ns/user", ("pid", "default", "uts", "strict")[i])
    ok(state == "COMPLETED" and said != outside, "a sandbox has one of its own", state, said)
    is_outside(d, "the job after it has not")

# Commands in a job: beside its main process, wherever that is.
for isolate in ("none", "pid", "default", "strict"):
    what = "for n in pid user ipc mnt; do readlink /proc/self/ns/$n; done; id; cat /proc/self/cgroup; grep Cap /proc/self/status"
    job = d.submit(what + "; exec sleep 300", isolate=isolate, workdir=d.out)
    d.started(job)
    end = time.monotonic() + 30
    while "CapAmb" not in d.output(job) and time.monotonic() < end:
        time.sleep(0.02)
    status, said = by_exec(d, job, what)
    ok(status == 0 and said == d.output(job).strip() and (isolate == "none") == (outside in said), "%s: a command is where its job is" % isolate, status, said)
    status, said = by_exec(d, job, "exit 6")
    ok(status == 6, "%s: and has a status of its own" % isolate, status, said)
    pids = open("%s/jobs/job_%s/cgroup.procs" % (d.cgroup, job)).read().split()
    deaf = subprocess.Popen([os.path.join(build, "mscg"), "exec", "--socket", d.socket, job, "sh", "-c", "trap '' TERM; echo up; while :; do sleep 1; done"],
                            user=uid, group=gid, extra_groups=[GROUP], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deaf.stdout.readline()
    inside = set(open("%s/jobs/job_%s/cgroup.procs" % (d.cgroup, job)).read().split()) - set(pids)
    d.call("Cancel", ids=[job])
    d.wait(job)
    deaf.communicate(timeout=30)
    ok(len(inside) >= 1 and deaf.returncode == 137, "%s: it is in the job's cgroup, and is killed with the job" % isolate, inside, deaf.returncode)

# Binds: what its user gets to, and no more.
os.makedirs(d.out + "/data/closed/in")
open(d.out + "/data/file", "w").close()
for path, mode in (("/data", 0o777), ("/data/file", 0o666), ("/data/closed", 0o700)):
    os.chmod(d.out + path, mode)
said = d.run("touch /tmp/a/new && ls /tmp/a && touch /tmp/b/no 2>/dev/null || ls /tmp/b", "default", workdir=d.out, binds="%s/data:/tmp/a\n%s/data:/tmp/b:ro" % (d.out, d.out))
ok(said == ("COMPLETED", "closed\nfile\nnew\nclosed\nfile\nnew"), "binds: written where it may be, and not with ro", said)
said = d.run("true", "default", binds=d.out + "/data/closed/in:/tmp/a")
ok(said[0] == "FAILED" and "source of a bind '%s/data/closed/in': Permission denied" % d.out in said[1], "binds: not what its user does not get to", said)

# A root: of its user's.
os.makedirs(d.out + "/root/bin")
shutil.copy("/usr/bin/busybox", d.out + "/root/bin/sh")
for path in ("/root", "/root/bin"):
    os.chown(d.out + path, uid, gid)
said = d.run("", "default", workdir=d.out, rootfs=d.out + "/root", argv=["/bin/sh", "-c", "cd /; echo *; : >/dev/null && : >/tmp/x"], shell=False)
ok(said == ("COMPLETED", "bin dev proc tmp"), "a root of its own", said)
said = d.run("true", "default", rootfs="/none")
ok(said[0] == "FAILED" and "root file system '/none': No such file or directory" in said[1], "a root that is not there", said)

# A supervisor that a later daemon finds.
job = d.submit("while [ ! -e %s/go ]; do sleep 0.05; done" % d.out, isolate="ipc")
d.started(job)
d.process.kill()
d.process.wait()
d.start()
open(d.out + "/go", "w").close()
ok(d.wait(job)[job]["state"] == "COMPLETED", "a job in a sandbox outlives its daemon")
is_outside(d, "and its supervisor takes none after it")
d.stop()

# As where an unprivileged user namespace is given without any rights in it.
d = Own("refused", "mount --bind /proc /proc && mount -o remount,bind,ro /proc")
for isolate in ("pid", "default"):
    state, said = d.run("true", isolate)
    ok(state == "FAILED" and "setgroups of its user namespace: Read-only file system" in said, "what is refused is said: %s" % said, state)
    is_outside(d, "and the job after it does not suffer from it")
d.stop()
done()
