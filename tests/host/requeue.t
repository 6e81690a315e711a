#!/usr/bin/python3
# also: 6.12 slow
# timeout: 200
"""Jobs that run again: by themselves, on request, and after they were lost; what they find, and their output."""
import os, signal, sqlite3, subprocess, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vm"))
from mscg_client import *

d = Daemon(*([] if os.environ.get("MSCG_VM") else ["--missing-controllers=warn"]), "--total-cpus", "2")
say = "echo run $MSCG_RESTART_COUNT $SLURM_RESTART_COUNT; "


def mscg(*words):
    return subprocess.run([os.path.join(build, "mscg"), "--socket", d.socket, *words], capture_output=True, text=True)


def crash():
    d.process.send_signal(signal.SIGKILL)
    d.process.wait()


def runs(job, restarts):
    """Once it runs, for so manyeth time."""
    d.until(job, restart_count=restarts, state="RUNNING")
    return d.started(job)


# -- by itself
job = d.submit(say + "exit $((3 - MSCG_RESTART_COUNT))", max_retries=5)
o, j = d.wait(job)[job], d.show(job)
ok((o["state"], o["exit_code"]) == ("COMPLETED", 0), "a job that fails is run again until it succeeds", o)
ok((j["restart_count"], j["attempt"], j["max_retries"]) == (3, 4, 5), "restarts are counted", j)
ok(d.output(job) == "run 0 0\nrun 1 1\nrun 2 2\nrun 3 3\n", "it finds their number, and adds to its output", d.output(job))
events = [e for e in d.events() if e["id"] == job and e["kind"] == "requeued"]
ok([(e["attempt"], e["reason"]) for e in events] == [(k, "NonZeroExitCode") for k in (1, 2, 3)], "events say what became of each attempt")
ok("attempt 1 was FAILED, 3:0" in events[0]["text"] and "s of CPU" in events[0]["text"], "with its accounting", events[0]["text"])

job = d.submit(say + "exit 7", max_retries=2, truncate=True)
o = d.wait(job)[job]
ok((o["state"], o["exit_code"], d.show(job)["restart_count"]) == ("FAILED", 7, 2), "no more often than it may", o)
ok(d.output(job) == "run 2 2\n", "open-mode truncate: only the last attempt's output", d.output(job))
job = d.submit(say + "exit 7")
ok(d.wait(job)[job]["exit_code"] == 7 and d.show(job)["restart_count"] == 0, "not at all unless it was asked for")

# -- on request
job = d.submit(say + "sleep 600")
runs(job, 0)
r = mscg("requeue", job)
ok(r.returncode == 0 and r.stdout == "Requeued job %s\n" % job, "mscg requeue of a job that runs", r)
runs(job, 1)
ok(len(d.show(job)["cgroup"]) > 0 and d.output(job) == "run 0 0\nrun 1 1\n", "it is ended and runs again", d.output(job))
ok(mscg("cancel", job).returncode == 0 and d.wait(job)[job]["state"] == "CANCELLED", "and can be cancelled")
r = mscg("requeue", "--json", job)
ok(r.returncode == 0 and '"requeued"' in r.stdout, "mscg requeue of one that has ended", r)
runs(job, 2)
r = mscg("requeue", job, "999999")
ok(r.returncode == 3 and "no job 999999" in r.stderr, "no such job", r)
runs(job, 3)
waits = d.submit("true", cpus=2)
r = mscg("requeue", waits)
ok(r.returncode == 1 and "waits in the queue already" in r.stderr, "one that waits", r)
d.call("Cancel", ids=[job])
d.wait(job, waits)

array = d.submit(say + "sleep 0.2; exit $MSCG_ARRAY_TASK_ID", array="0-1", max_retries=1, stdout_path=d.out + "/%A_%a.out")
o = d.wait(array)[array]
ok(o["state"] == "FAILED" and open("%s/%s_1.out" % (d.out, array)).read() == "run 0 0\nrun 1 1\n", "tasks of an array", o)
ok(open("%s/%s_0.out" % (d.out, array)).read() == "run 0 0\n", "each by its own end")
r = mscg("requeue", array + "_1")
ok(r.returncode == 1 and "submit it again with --array=1 and" in r.stderr, "an ended task is refused", r)

array = d.submit(say + "sleep 600", array="0-2", stdout_path=d.out + "/%A_%a.out")
for task in ("_0", "_1"):
    runs(array + task, 0)
r = mscg("requeue", array)
ok(r.returncode == 0, "mscg requeue of an array: its tasks that run", r)
for task in ("_0", "_1"):
    runs(array + task, 1)
d.call("Cancel", ids=[array])
d.wait(array)

if os.geteuid() == 0:
    nobody = Connection(d.socket, 65534)
    job = d.submit("sleep 600")
    runs(job, 0)
    r = nobody.call("Requeue", ids=[job])
    ok(r["requeued"] == [] and r["errors"][0]["error"] == "NotPermitted", "another's job is not for the taking", r)
    ok(d.show(job)["restart_count"] == 0 and d.show(job)["state"] == "RUNNING", "and runs on")
    d.call("Cancel", ids=[job])
    d.wait(job)

# -- who depends on it waits for the end that is final
job = d.submit("sleep 0.3; exit $((1 - MSCG_RESTART_COUNT))", max_retries=1)
good, bad = [d.submit("true", dependency="%s:%s" % (kind, job)) for kind in ("afterok", "afternotok")]
o = d.wait(job, good)
ok((o[good]["state"], d.show(job)["restart_count"]) == ("COMPLETED", 1), "afterok: an attempt that failed is not its end", o)
ok(d.show(good)["start_time"] >= d.show(job)["end_time"], "and it starts after the last")
ok((d.show(bad)["state"], d.show(bad)["reason"]) == ("PENDING", "DependencyNeverSatisfied"), "afternotok: no attempt that failed counts")
d.call("Cancel", ids=[bad])
d.wait(bad)

# -- a restart in the middle of it
job = d.submit(say + "trap 'echo term; sleep 1; exit 5' TERM; sleep 600 & wait", grace=20)
runs(job, 0)
mscg("requeue", job)
crash()
d.start()
j = runs(job, 1)
ok(j["attempt"] == 2 and d.output(job).startswith("run 0 0\nterm\n"), "mscgd dies while a job is ended to run again", d.output(job))
d.call("Cancel", ids=[job])
d.wait(job)

# -- LOST: as it was asked for
again, not_again = d.submit(say + "sleep 1", requeue=True), d.submit(say + "sleep 1")
for j in (again, not_again):
    runs(j, 0)
crash()
time.sleep(2)
os.unlink(d.dir + "/run/runner/slots")
d.start()
o = d.wait(again, not_again)
ok((o[again]["state"], d.output(again)) == ("COMPLETED", "run 0 0\nrun 1 1\n"), "LOST is run again if that was asked for", o[again], d.output(again))
ok((o[not_again]["state"], d.output(not_again)) == ("LOST", "run 0 0\n"), "and only then", o[not_again])

d.stop()
done()
