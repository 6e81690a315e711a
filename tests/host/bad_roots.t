#!/usr/bin/python3
# also: 6.1
# as: both
# timeout: 300
"""Where mscgd does not run its jobs: somebody else's cgroups, cgroups with processes in them, cgroups that are not
delegated, or without controllers. It says so and touches nothing."""
import os, signal, subprocess, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vm"))
from mscg_client import *

in_vm = bool(os.environ.get("MSCG_VM"))
common = ["--total-cpus", "2", "--total-mem", "512MB", *([] if in_vm else ["--missing-controllers=warn"])]
d = Daemon(*common)
rooms = 0


def other(*options, uid=None, cgroup_root=root + "/jobs", state=None):
    """A daemon with places of its own, in the foreground, that is not expected to come up: (status, what it said)."""
    global rooms
    rooms += 1
    room = "%s/other%d" % (d.dir, rooms)
    os.mkdir(room)
    env = dict(os.environ, HOME=room)
    who = {}
    if uid is not None:
        os.chown(room, uid, -1)
        who = {"user": uid, "group": uid, "extra_groups": []}
    command = [os.path.join(build, "mscgd"), "--state-dir", state or room + "/state", "--runtime-dir", room + "/run", "--socket",
               room + "/sock", *(["--cgroup-root", cgroup_root] if cgroup_root else []), *options]
    r = subprocess.run(["timeout", "20", *command], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=env, **who)
    return r.returncode, r.stderr


def refused(name, result, *texts):
    status, said = result
    good = status == 1 and "mscgd: " in said and all(t in said for t in texts)
    ok(good, "%s: %s" % (name, said.strip().split("mscgd: ")[-1].replace("\n", " / ")), *([] if good else [status, said, texts]))


def stranger(cgroup):
    """Somebody's process in a cgroup of its own."""
    os.makedirs(cgroup, exist_ok=True)
    p = subprocess.Popen([probe + "/sleep_s", "600"], stdin=subprocess.DEVNULL,
                         preexec_fn=lambda: open(cgroup + "/cgroup.procs", "w").write("0"))
    return p


def pid_of(job):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        j = d.until(job, state="RUNNING")
        if j["pid"]:
            return j["pid"]
        time.sleep(0.02)


# -- a root that another daemon has, or had
job = d.submit(probe + "/sleep_s", "600")
pid = pid_of(job)
refused("another daemon's root", other(*common), root + "/jobs", "another mscgd runs jobs in", "--cgroup-root")
refused("a job's cgroup for a root", other(*common, cgroup_root=root + "/jobs/job_" + job), root + "/jobs/job_" + job, str(pid) if not in_vm else "")
ok(d.show(job)["pid"] == pid and os.path.exists("/proc/%d" % pid), "its daemon and its job go on")
d.process.send_signal(signal.SIGKILL)
d.process.wait()
refused("the root of another instance", other(*common), root + "/jobs", "jobs of another state directory", "--cgroup-root")
ok(os.path.exists("/proc/%d" % pid), "whose job runs on")
refused("with its runtime directory, and another state", other(*common, "--runtime-dir", d.dir + "/run"), "another state directory")
d.start()
ok(pid_of(job) == pid, "until its own daemon is back and takes it over")
d.call("Cancel", ids=[job])
ok(d.wait(job)[job]["state"] == "CANCELLED", "and can end it")

# -- strangers' cgroups in the root
d.stop()
foreign = stranger(root + "/jobs/job_777")
homonym = stranger(root + "/jobs/job_2")
d.start()
log = lambda: open(d.dir + "/log").read()
ok("job_777" in log(), "a cgroup that is not known is named in the log", log()[-600:])
first = d.submit(probe + "/exit_with", "0")
o = d.wait(first)[first]
ok(first != "2" or (o["state"] == "FAILED" and "job_2" in log()), "a job whose cgroup's name is taken fails, and nothing is taken over",
   o, d.show(first)["reason_text"])
second = d.submit(probe + "/exit_with", "7")
ok(d.wait(second)[second]["exit_code"] == 7, "the next one runs")
ok(foreign.poll() is None and homonym.poll() is None, "the strangers' processes are alive")
for p in (foreign, homonym):
    p.kill()
    p.wait()
d.stop()
for name in ("job_777", "job_2"):
    if os.path.isdir(root + "/jobs/" + name):
        os.rmdir(root + "/jobs/" + name)

# -- what is no place for a root
refused("not in cgroupfs", other(*common, cgroup_root=d.dir), d.dir, "cgroup")
refused("nowhere", other(*common, cgroup_root=root + "/none/jobs"), root + "/none")
refused("a file", other(*common, cgroup_root=root + "/cgroup.procs"), "cgroup.procs")
p = stranger(root + "/busy")
refused("a cgroup that has processes", other(*common, cgroup_root=root + "/busy"), root + "/busy", str(p.pid))
ok(p.poll() is None and open(root + "/busy/cgroup.procs").read().split() == [str(p.pid)], "which stay where they are")
p.kill()
p.wait()
os.rmdir(root + "/busy")

# -- controllers
if not in_vm:
    status, said = other("--total-cpus", "2")
    ok(status == 1 and "controller cpuset" in said and "--missing-controllers=warn" in said and "to mend it:\n  " in said,
       "a missing controller is named, with what mends it", said)
    d.start()
    warnings = d.call("Stats")["stats"]["warnings"]
    ok(all(any(c in w for w in warnings) for c in ("cpuset", "cpu ", "memory", "pids")), "with =warn it runs, and says what is not enforced", *warnings)
    job = d.submit(probe + "/exit_with", "5")
    ok(d.wait(job)[job]["exit_code"] == 5, "and jobs run")
    lacks = "jobs are not kept on their own CPUs; shares of a CPU are not enforced; memory limits are not enforced and memory is not accounted; "
    mscg = lambda *words: subprocess.run([os.path.join(build, "mscg"), words[0], "--socket", d.socket, *words[1:]], capture_output=True, text=True, cwd="/", user=d.uid)
    said, quiet, shown = mscg("submit", "-o", "/dev/null", "true"), mscg("submit", "--parsable", "-o", "/dev/null", "true"), mscg("show", job)
    ok(lacks in said.stderr and lacks not in said.stdout and said.stderr.count("\n") == 1 and quiet.stderr == "" and lacks in d.show(job)["not_enforced"] and
       lacks in shown.stdout, "each submission and each job says what it is not kept to", said, quiet, shown)
    d.stop()

# -- delegation
if os.geteuid() == 0:
    uid = d.uid
    os.makedirs(root + "/apart")
    os.chmod(d.dir, 0o777)
    refused("a user's daemon in a cgroup of root's", other("--total-cpus", "2", cgroup_root=root + "/apart", uid=uid), "to mend it:\n  ",
            root + "/apart is not delegated to uid %d" % uid if in_vm else "controller cpuset")
    refused("a user's daemon where it stands", other("--total-cpus", "2", cgroup_root=None, uid=uid), "to mend it:\n  ")
    refused("with =warn, too", other("--total-cpus", "2", "--missing-controllers=warn", cgroup_root=root + "/apart", uid=uid), root + "/apart")
    os.rmdir(root + "/apart")
done()
