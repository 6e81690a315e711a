#!/usr/bin/python3
# also: 6.12
# timeout: 200
"""A reservation on real jobs: nobody starts who would not be over when it begins, an elastic job shrinks for it then, its own job runs
in it over a crash of the daemon and is ended with it, and those who waited go on."""
import datetime, os, signal, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vm"))
from mscg_client import *

d = Daemon(*([] if os.environ.get("MSCG_VM") else ["--missing-controllers=warn"]), "--total-cpus", "2")
operator = Connection(d.socket)
count_up = "while :; do echo x; sleep 0.1; done"
BEFORE, LASTS = 12, 14


def when(seconds):
    return datetime.datetime.fromtimestamp(time.time() + seconds, datetime.timezone.utc).isoformat()


def listed():
    return {r["name"]: r for r in d.call("ListReservations")["reservations"]}


def refusal(f, *args, **kw):
    try:
        f(*args, **kw)
        return "taken"
    except RuntimeError as e:
        return str(e)


def until(what, seconds=60):
    end = time.monotonic() + seconds
    while not what() and time.monotonic() < end:
        time.sleep(0.05)
    return what()


elastic = d.submit(count_up, cpus=2, min_cpus=1, max_cpus=2, elastic=True)
d.until(elastic, state="RUNNING", current_cpus=2)
d.started(elastic)
start = time.monotonic()
operator.call("Reserve", name="class", start=when(BEFORE), duration=LASTS, cpus=1, mem_bytes=64 << 20, users=[pwd.getpwuid(d.uid).pw_name])
ok(listed()["class"]["cpus"] == 1 and not listed()["class"]["active"], "it is made", listed())
endless = d.submit(count_up, priority=10)
j = d.show(endless)
ok((j["state"], j["reason"]) == ("PENDING", "Reservation") and "would not be over when reservation class begins" in j["reason_text"],
   "a job without a time limit waits, although one could shrink for it now", j["reason"], j["reason_text"])
mine = d.submit(count_up, reservation="class", grace=1)
j = d.show(mine)
ok((j["state"], j["reason"], j["reservation"]) == ("PENDING", "Reservation", "class"), "its own job waits until it begins", j["reason_text"])
text = refusal(operator.call, "Reserve", name="other", start=when(BEFORE + 1), duration=5, cpus=1, mem_bytes=64 << 20, users=["root"])
ok("io.mscg.Refused" in text and ("expected a start at" in text or "no time limit" in text), "another at that time is refused", text)

d.started(mine)
waited = time.monotonic() - start
j = d.until(elastic, current_cpus=1)
ok(BEFORE - 1 <= waited, "its job starts when it begins", "after %.1f s of %d" % (waited, BEFORE))
ok(j["state"] == "RUNNING" and len(cpus(cgroup_file(elastic, "cpuset.cpus") if os.environ.get("MSCG_VM") else "0")) == 1,
   "the elastic job runs on, with its least")
ok([e["text"] for e in d.events() if e["id"] == elastic and e["text"] and "reservation" in e["text"]] == ["makes room for reservation class"],
   "and is told for what")
ok(d.show(endless)["state"] == "PENDING", "who has no part in it waits", d.show(endless)["reason_text"])
text = refusal(operator.call, "Unreserve", name="class")
ok("has 1 job that run" in text, "it is not given up under its job", text)

d.process.send_signal(signal.SIGKILL)
d.process.wait()
d.start()
operator = Connection(d.socket)
r = until(lambda: listed().get("class", {}).get("running") == 1 and listed()["class"])
ok(bool(r) and r["active"] and r["cpus_held"] == 1 and d.show(mine)["state"] == "RUNNING", "after a crash of mscgd it is there, and its job in it", r)
ok(d.show(endless)["state"] == "PENDING", "and others are not")

outcome = d.wait(mine)[mine]
over = time.monotonic() - start
ok(outcome["state"] == "TIMEOUT" and over <= BEFORE + LASTS + 15, "its job is ended with it", outcome["state"], "after %.1f s of %d" % (over, BEFORE + LASTS))
d.until(endless, state="RUNNING")
ok(until(lambda: not listed()), "it is gone, and who waited runs")
text = refusal(d.submit, "true", reservation="class")
ok("there is no reservation '" in text, "nothing is submitted to it any more", text)
d.stop()
done()
