#!/usr/bin/python3
# timeout: 150
# also: 6.12 slow
"""--delegate: a job makes cgroups below its own, and what is done to the job reaches them: in a daemon of root's, and in a user's own.
Beside it a job without, which makes none."""
import os, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vm"))
from mscg_client import *

uid = ordinary_user()
gid = pwd.getpwuid(uid).pw_gid
# The kernel itself lets nobody write the limits of the cgroup that is the top in his namespace.
NSDELEGATE = any(" cgroup2 " in line and "nsdelegate" in line for line in open("/proc/mounts"))

# Everybody in there goes to a leaf, pid 1 too; one goes deeper, and burns some time; one has a handler.
NEST = """
cd /sys/fs/cgroup || exit 9
mkdir init init/none 2>/dev/null; rmdir init/none
for p in $(cat cgroup.procs); do echo $p >init/cgroup.procs 2>/dev/null; done # cat is gone
mkdir -p work/deep || exit 7
c=$(sed "s/[a-z][a-z]*/+&/g" cgroup.controllers)
[ -z "$c" ] || echo "$c" >cgroup.subtree_control || exit 6
sh -c 'echo $$ >work/deep/cgroup.procs; trap "echo heard" USR1; echo up; while :; do :; done' &
sh -c 'echo $$ >work/deep/cgroup.procs; exec sleep 1000' &
cat /proc/self/cgroup | grep ^0:
wait; wait; wait
"""
MORE = """
cd /sys/fs/cgroup
n=0; while mkdir many$n 2>/dev/null && [ $n -lt 400 ]; do n=$((n+1)); done; echo wide $n
rmdir many*
n=0; d=.; while d=$d/d; mkdir $d 2>/dev/null && [ $n -lt 40 ]; do n=$((n+1)); done; echo deep $n
echo 0 >cgroup.max.depth 2>/dev/null && [ -w . ] && echo own file
ls ..>/dev/null; cat ../job_*/pids.max ../cgroup.subtree_control 2>/dev/null | wc -l
"""


class Roots(Daemon):
    kind = "root's"

    def __init__(self):
        super().__init__("--total-cpus=2", "--total-mem=512MB", "--missing-controllers=warn")


class Own(UsersDaemon):
    kind = "a user's"

    def __init__(self):
        super().__init__("--total-cpus=2", "--total-mem=512MB", "--missing-controllers=warn")


def said(d, job, text, seconds=30):
    end = time.monotonic() + seconds
    while text not in d.output(job) and time.monotonic() < end and d.show(job)["state"] == "RUNNING":
        time.sleep(0.02)
    return text in d.output(job)


def events(path):
    with open(path + "/cgroup.events") as f:
        return dict(line.split() for line in f)


def all_below(path):
    return sum(len(open(p + "/cgroup.procs").read().split()) for p, _, _ in os.walk(path))


def cpu_usec(path):
    return int(dict(line.split() for line in open(path + "/cpu.stat"))["usage_usec"])


def stands(path):
    return "".join("%s %s\n" % (p, [open(p + "/cgroup." + f).read() for f in ("freeze", "events", "procs")]) for p, _, _ in os.walk(path))


for make in (Roots, Own):
    d = make()

    def start(text=NEST, **more):
        job = d.submit(text, **dict(dict(isolate="default", workdir=d.out, delegate=True), **more))
        d.started(job)
        return job, "%s/job_%s" % (d.jobs, job)

    kind = d.kind
    job = d.submit("mkdir /sys/fs/cgroup/x", isolate="default", workdir=d.out)
    ok(d.wait(job)[job]["state"] == "FAILED", "%s: without it a job makes none" % kind, d.output(job))
    job, path = start(elastic=True, max_cpus=2, cpus=1)
    ok(said(d, job, "up") and said(d, job, "0::/init"), "%s: it makes cgroups, and sees its own as the top" % kind, d.output(job))
    ok(os.path.isdir(path + "/own/work/deep") and open(path + "/cgroup.procs").read() == "", "%s: below the one that has its limits" % kind)
    owner = [os.path.exists(path + f) and os.stat(path + f).st_uid for f in ("", "/cgroup.procs", "/own/cgroup.procs", "/own", "/own/work")]
    ok(owner == ([0, 0, uid, uid, uid] if kind == "root's" else [uid] * 5), "%s: which is not its user's, if mscgd is not" % kind, owner)
    command = ["mscg", "exec", "--socket", d.socket, job, "sh", "-c", "exit 6"]
    p = subprocess.run(command, user=uid, group=gid, extra_groups=[], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    ok(p.returncode == 6, "%s: a command in it runs" % kind, p.stderr)
    for cpus in (1, 2, 1, 2): # by itself it has grown already, perhaps
        d.call("Resize", id=job, cpus=cpus)
        if said(d, job, "heard", 3):
            break
    ok(said(d, job, "heard", 0), "%s: a resize is heard of" % kind, d.output(job))
    d.call("Suspend", ids=[job])
    end = time.monotonic() + 20
    while (events(path)["frozen"] != "1" or d.show(job)["state"] != "SUSPENDED") and time.monotonic() < end:
        time.sleep(0.02)
    ok(events(path + "/own/work/deep")["frozen"] == "1", "%s: suspended, all of it stands still" % kind)
    d.call("Resume", ids=[job])
    end = time.monotonic() + 20
    while events(path + "/own/work/deep")["frozen"] != "0" and time.monotonic() < end:
        time.sleep(0.02)
    goes_on = events(path + "/own/work/deep")["frozen"] == "0"
    ok(goes_on, "%s: and goes on" % kind, *([] if goes_on else [d.show(job), stands(path), open(d.dir + "/log").read()[-2000:]]))
    d.until(job, state="RUNNING")
    d.process.kill()
    d.process.wait()
    d.start()
    ok(all_below(path) >= 4 and d.show(job)["state"] == "RUNNING", "%s: it outlives its daemon" % kind)
    burns = time.monotonic() + 20
    while cpu_usec(path) < 60000 and time.monotonic() < burns:
        time.sleep(0.02)
    d.call("Cancel", ids=[job])
    outcome = d.wait(job)[job]
    gone = time.monotonic() + 10
    while os.path.exists(path) and time.monotonic() < gone:
        time.sleep(0.02)
    ok(outcome["state"] == "CANCELLED" and not os.path.exists(path), "%s: cancelled by the next one, nothing of it is left" % kind, outcome)
    used = d.show(job)["accounting"]["cpu_usec"]
    ok(used and used >= 60000, "%s: what it used there is counted" % kind, used)

    # It ends while nobody looks.
    job, path = start()
    said(d, job, "up")
    d.process.kill()
    d.process.wait()
    with open(path + "/cgroup.kill", "w") as f:
        f.write("1")
    d.start()
    d.wait(job)
    gone = time.monotonic() + 10
    while os.path.exists(path) and time.monotonic() < gone:
        time.sleep(0.02)
    ok(not os.path.exists(path), "%s: one that ended meanwhile leaves nothing" % kind)

    job = d.submit(MORE, isolate="default", workdir=d.out, delegate=True)
    d.wait(job)
    lines = d.output(job).split("\n")
    ok("wide 255" in lines and "deep 7" in lines, "%s: how many and how deep is bounded" % kind, lines)
    ok(("own file" in lines) == (kind != "root's" and not NSDELEGATE) and "0" in lines, "%s: limits above are out of reach" % kind, lines)
    job = d.submit("true; cat /proc/self/cgroup", isolate="none", workdir=d.out, delegate=True)
    ok(d.wait(job)[job]["state"] == "COMPLETED" and "/job_%s/own" % job in d.output(job), "%s: without a sandbox too" % kind, d.output(job))
    d.stop()
done()
