#!/usr/bin/python3
# timeout: 120
# plain: the sanitizers' library has to come before one that is preloaded
"""A job is made ready while its grant is on the way to the disk, and its program runs when that is there: never before, and
once, whoever dies or fails in between."""
import glob, os, shutil, signal, subprocess, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vm"))
from mscg_client import *

here = os.path.dirname(os.path.abspath(__file__))
work = subprocess.check_output(["mktemp", "-d", "/tmp/mscg-held.XXXXXX"], text=True).strip()
os.chmod(work, 0o777)
library, disk = work + "/slow-sync.so", work + "/disk"
subprocess.check_call(["gcc", "-O2", "-shared", "-fPIC", "-o", library, here + "/../fault/slow-sync.c"])
os.environ.update(LD_PRELOAD=library, SLOW_SYNC=disk)
d = Daemon("--missing-controllers=warn", "--total-cpus", "1", "--total-mem", "1G")
del os.environ["LD_PRELOAD"]


def set(what, yes):
    if yes:
        open(disk + "." + what, "w").close()
    elif os.path.exists(disk + "." + what):
        os.unlink(disk + "." + what)


def processes(but=()):
    """What is in jobs' cgroups, by name: a supervisor's child has its name until exec."""
    names = []
    for path in glob.glob(d.jobs + "/job_*/cgroup.procs"):
        if os.path.basename(os.path.dirname(path)) in but:
            continue
        try:
            for pid in open(path).read().split():
                names.append(open("/proc/%s/comm" % pid).read().strip())
        except OSError:
            pass # gone meanwhile
    return names


def until(true, seconds=20):
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.005)
    return true()


def ran(name):
    return open(work + "/" + name).read().count("\n") if os.path.exists(work + "/" + name) else 0


def job(name, isolate):
    return {"argv": ["echo >> %s/%s; exit 3" % (work, name)], "shell": True, "workdir": work, "mem_bytes": 32 << 20, "cpus": 1,
            "stdout_path": work + "/%j.out", "isolate": isolate}


def ready(seconds=20):
    return until(lambda: "mscg-supervise" in processes(), seconds) and time.sleep(0.1) is None


def restart():
    d.process.send_signal(signal.SIGKILL)
    d.process.wait()
    set("hold", False)
    os.environ["LD_PRELOAD"] = library
    d.start()
    del os.environ["LD_PRELOAD"]


def behind_another(name, isolate):
    """A job whose submission is committed, and whose grant is on the way: the one before it has ended."""
    gate = work + "/" + name + ".gate"
    first = d.submit("until [ -e %s ]; do sleep 0.01; done" % gate, cpus=1, isolate="none")
    d.started(first)
    c = d.connect()
    second = c.call("Submit", jobs=[job(name, isolate)])["jobs"][0]["id"]
    set("hold", True)
    open(gate, "w").close()
    return second


d.wait(d.submit("exit 0", isolate="none"))
time.sleep(0.5) # nothing is on the way to the disk by then
for isolate in "none", "default":
    set("hold", True)
    c = d.connect()
    c.send("Submit", {"jobs": [job(isolate + "1", isolate)]})
    ok(ready() and ran(isolate + "1") == 0, "%s: made ready while its submission is written, and not run" % isolate, processes())
    set("hold", False)
    number = c.receive()["jobs"][0]["id"]
    ok(d.wait(number)[number]["exit_code"] == 3 and ran(isolate + "1") == 1, "%s: run when it is" % isolate)

    set("hold", True)
    c = d.connect()
    c.send("Submit", {"jobs": [job(isolate + "2", isolate)]})
    ok(ready(), "%s: another is ready" % isolate, processes())
    restart()
    ok(until(lambda: not glob.glob(d.jobs + "/job_*")), "%s: mscgd is killed: what nobody was told of leaves nothing" % isolate, glob.glob(d.jobs + "/job_*"), open(d.dir + "/log").read()[-900:])
    known = len(d.call("List")["jobs"])
    ok(ran(isolate + "2") == 0 or known, "%s: and has not run" % isolate)

    number = behind_another(isolate + "3", isolate)
    ok(ready() and ran(isolate + "3") == 0, "%s: one that waited is made ready while its grant is written" % isolate, processes())
    restart()
    ok(d.wait(number)[number]["exit_code"] == 3 and ran(isolate + "3") == 1, "%s: mscgd is killed: it runs, once" % isolate, ran(isolate + "3"))

    number = behind_another(isolate + "4", isolate)
    ok(ready() and ran(isolate + "4") == 0, "%s: again" % isolate, processes())
    set("fail", True)
    set("hold", False)
    ok(until(lambda: d.call("Ping")["degraded"]) and until(lambda: not processes()) and ran(isolate + "4") == 0,
       "%s: the disk fails: it does not run" % isolate, processes())
    set("fail", False)
    ok(d.wait(number)[number]["exit_code"] == 3 and ran(isolate + "4") == 1, "%s: and does when the disk is well, once" % isolate, ran(isolate + "4"))

    until(lambda: not d.call("Ping")["degraded"], 60)
    number = behind_another(isolate + "5", isolate)
    ok(ready(), "%s: again" % isolate, processes())
    for path in glob.glob(d.jobs + "/job_%s/cgroup.procs" % number):
        for pid in open(path).read().split():
            os.kill(int(pid), signal.SIGKILL)
    set("hold", False)
    o = d.wait(number)[number]
    ok(o["state"] == "FAILED" and o["reason"] == "JobLaunchFailure" and ran(isolate + "5") == 0,
       "%s: killed there: a launch that failed" % isolate, o["state"], o["reason"])

# A child that does not come on: it is the same launch for each mscgd that comes meanwhile.
number = behind_another("stopped", "none")
ok(ready(), "another is ready", processes())
pids = [int(p) for p in open(d.jobs + "/job_%s/cgroup.procs" % number).read().split()]
for pid in pids:
    os.kill(pid, signal.SIGSTOP)
restart()
restart()
time.sleep(0.2)
for pid in pids:
    os.kill(pid, signal.SIGCONT)
ok(d.wait(number)[number]["exit_code"] == 3 and ran("stopped") == 1, "it stands still while two mscgd are killed: it never begins, and runs once after that",
   d.show(number)["reason_text"])
ok(until(lambda: not glob.glob(d.jobs + "/job_*")), "and leaves nothing", glob.glob(d.jobs + "/job_*"))
d.stop()
shutil.rmtree(d.dir, ignore_errors=True)

# What its launch needs may be given back by the very commit that grants it.
d = Daemon("--missing-controllers=warn", "--total-cpus", "2", "--total-mem", "1G", "--max-jobs", "1")
time.sleep(0.5)
numbers = [d.submit("sleep 0.2", isolate="none") for n in range(5)]
d.wait(*numbers)
kinds = [e["kind"] for e in d.events()]
ok("deferred" not in kinds and kinds.count("started") == 5, "one slot for all: nobody is put off", kinds)
d.stop()
shutil.rmtree(d.dir, ignore_errors=True)
shutil.rmtree(work, ignore_errors=True)
done()
