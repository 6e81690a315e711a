#!/usr/bin/python3
# also: 6.12 slow
# timeout: 240
"""What mscgd was told while it ran 200 short jobs, taken from its journal, decided once more in virtual time: the same jobs
are granted the same CPUs, in the same order and at the same steps."""
import os, random, re, subprocess, sys, tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vm"))
from mscg_client import *
from datetime import datetime

JOBS = 200
random.seed(4)
d = Daemon("--missing-controllers=warn", "--total-cpus", "2", "--total-mem", "2GB", "--reserve-mem", "1M")
specs = {}
for i in range(1, JOBS + 1):
    spec = {"cpus": random.choice((1, 1, 2)), "mem_bytes": random.choice((32, 64, 900)) << 20, "priority": random.choice((0, 0, 0, 5)),
            "time_limit": random.choice((60, 120, 3600)), "grace": 30}
    if i > 3 and random.random() < 0.1:
        spec["dependency"] = "%s:%d" % (random.choice(("afterany", "afterok", "after")), random.randint(1, i - 1))
    job = d.submit("exec sleep 0.%03d" % random.randint(0, 30) if random.random() < 0.9 else "exit 3", **spec)
    specs[job] = spec
# What depends on a job that failed waits for ever: those are left.
end = time.monotonic() + 150
while time.monotonic() < end:
    left = [j for j in d.call("List", active=True)["jobs"] if j["reason"] not in ("DependencyNeverSatisfied", "Dependency")]
    if not left:
        break
    time.sleep(0.1)
journal = list(d.events())
machine = d.call("Stats")["stats"]
d.stop()


def usec(text):
    t = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return int(t.timestamp()) * 1000000 + t.microsecond


INPUTS = {"submitted": "submit", "started": "started", "exited": "exited", "ended": "ended"}

# A step takes what has come in, and then decides: a grant ends one. What came before it and led to none may as well have come with it.
# What the engine reports has the time at which it happened; submissions and grants have that of the step.
steps, open_step = [], []
for event in journal:
    if event["kind"] in INPUTS and any(e["kind"] == "granted" for e in open_step):
        steps.append(open_step)
        open_step = []
    open_step.append(event)
steps.append(open_step)


ends = {e["id"]: e for e in journal if e["kind"] == "ended"}


def left_of(dependency, seq):
    """What the core is told of it: of what has ended, mscgd looks up what became of it."""
    if not dependency:
        return ""
    kind, on = dependency.split(":")
    if on in ends and ends[on]["seq"] < seq:
        return " after=%s(failed)" % dependency if kind == "afterok" and ends[on]["state"] != "COMPLETED" else ""
    return " after=" + dependency


def words(event, now):
    kind, job = event["kind"], event["id"]
    if kind == "submitted":
        s = specs[job]
        text = "submit j%s cpus=%d mem=%dM priority=%d time=%d grace=30 uid=1000" % (job, s["cpus"], s["mem_bytes"] >> 20, s["priority"], s["time_limit"])
        return text + left_of(s.get("dependency"), event["seq"])
    if kind == "ended" and event["attempt"] == 0:
        return None
    code = " %d" % (event["exit_code"] or 0) if kind in ("exited", "ended") else ""
    return "%s j%s%s ago=%.6f" % (kind, job, code, (now - usec(event["time"])) / 1e6)


script = ["machine cores=%d threads=1 caches=1 nodes=1 packages=1 mem=%dM" % (machine["cpus_total"], machine["mem_total"] >> 20)]
granted, was = [], None
for number, events in enumerate(steps):
    now = max(usec(e["time"]) for e in events)
    now = max(now, was or now)
    if was is not None:
        script.append("pass %.6f" % ((now - was) / 1e6))
    was = now
    script += ["# step %d" % number, "{", *filter(None, (words(e, now) for e in events if e["kind"] in INPUTS)), "}"]
    granted += [(number, e["id"], e["cpus"]) for e in events if e["kind"] == "granted"]

with tempfile.TemporaryDirectory() as room:
    path = room + "/recorded.events"
    with open(path, "w") as f:
        f.write("\n".join(script) + "\n")
    replay = subprocess.run([os.path.join(build, "tests/replay/test_replay")], env={**os.environ, "REPLAY_DIR": room, "REPLAY_UPDATE": "1"},
                            capture_output=True, text=True)
    ok(replay.returncode == 0, "the core takes what the daemon was told", replay.stdout[-2000:] + replay.stderr[-2000:] if replay.returncode else "")
    decided, number, before = [], 0, 0
    for line in open(path):
        if line.startswith("# step "):
            number = int(line.split()[2])
        found = re.match(r"> j(\d+) granted (\d+) CPUs", line)
        if found:
            decided.append((number, found[1], int(found[2])))

ok(len(granted) >= JOBS * 0.7, "most of %d jobs ran: %d, in %d steps" % (JOBS, len(granted), len(steps)))
difference = next(((a, b) for a, b in zip(granted, decided) if a != b), None)
ok(granted == decided, "each is granted the same CPUs at the same step", "" if granted == decided else
   "%d and %d grants; first difference (step, job, CPUs): %s" % (len(granted), len(decided), difference))
# And the other way round: with another machine the decisions are others.
with tempfile.TemporaryDirectory() as room:
    path = room + "/recorded.events"
    script[0] = script[0].replace("cores=%d" % machine["cpus_total"], "cores=%d" % (machine["cpus_total"] + 1))
    with open(path, "w") as f:
        f.write("\n".join(script) + "\n")
    subprocess.run([os.path.join(build, "tests/replay/test_replay")], env={**os.environ, "REPLAY_DIR": room, "REPLAY_UPDATE": "1"}, capture_output=True)
    other = [m[1] for m in (re.match(r"> j(\d+) granted", line) for line in open(path)) if m]
ok(other != [g[1] for g in granted], "a machine with one more CPU decides otherwise")
done()
