"""What is measured, and which row of the table it is for."""
import json, os, pwd, shutil, statistics, subprocess, time

import peers
from mscg_client import Connection, Daemon
from report import Ratio

FLOOR, MSCG, OTHERS = "#8a8a8a", "#2b6cb0", "#c9a227"
daemons = []


class Bed:
    """What all measures share, and what they found: figures[name] = (unit, one value a round)."""

    def __init__(self, bench, group, scratch, quick):
        self.bench, self.group, self.scratch, self.quick = bench, group, scratch, quick
        self.figures, self.samples = {}, {}
        self.nothing, self.first, self.floor_program = bench + "/nothing", bench + "/first", bench + "/floor"
        self.limits = subprocess.check_output([self.floor_program, "limits", group], text=True).strip()
        self.filesystem = subprocess.check_output(["stat", "-f", "-c", "%T", scratch], text=True).strip()
        # Jobs are an ordinary user's, who may not see into this tree.
        for name in "nothing", "first":
            path = scratch + "/" + name
            with open(getattr(self, name), "rb") as source, open(path, "wb") as copy:
                copy.write(source.read())
            os.chmod(path, 0o755)
            setattr(self, name, path)

    def note(self, name, unit, value):
        self.figures.setdefault(name, (unit, []))[1].append(value)

    def floor(self, *words):
        return json.loads(subprocess.check_output([self.floor_program, *map(str, words)]))

    def less(self, n):
        return n // 4 if self.quick else n

    def of(self, name):
        return self.figures.get(name, ("", []))[1]

    def ratio(self, row, what, target, above, below, note="not measured"):
        """Round by round; `below` may be a sum."""
        names = below if isinstance(below, list) else [below]
        values = [a / sum(b) for a, b in zip(self.of(above), zip(*map(self.of, names)))]
        if not values and self.of(above) and all(map(self.of, names)):
            values = [statistics.median(self.of(above)) / sum(statistics.median(self.of(n)) for n in names)]
        return Ratio(row, what, target, values, note)


class Measure:
    def __init__(self, rows, function, once=False):
        self.rows, self.function, self.once = set(rows), function, once

    def round(self, r):
        if r == 0 or not self.once:
            self.function()


def start(*more):
    d = Daemon("--missing-controllers=warn", "--isolate=none", *more)
    daemons.append(d)
    return d


def stop(d):
    d.stop()
    daemons.remove(d)
    subprocess.call(["rm", "-rf", d.dir])


def end_group(path):
    """Whatever is in a cgroup and below it is killed, and they are removed."""
    if not os.path.isdir(path):
        return
    with open(path + "/cgroup.kill", "w") as file:
        file.write("1")
    end = time.monotonic() + 10
    while "populated 1" in open(path + "/cgroup.events").read() and time.monotonic() < end:
        time.sleep(0.01)
    for base, dirs, _ in os.walk(path, topdown=False):
        for name in dirs:
            os.rmdir(os.path.join(base, name))
    os.rmdir(path)


def abandon(bed, d):
    """Without cancelling what waits, which takes long where that is much."""
    daemons.remove(d)
    d.process.kill()
    d.process.wait()
    end_group(bed.group + "/jobs")
    subprocess.call(["rm", "-rf", d.dir])


def close():
    for d in list(daemons):
        d.process.kill()
        d.process.wait()
        subprocess.call(["rm", "-rf", d.dir])
        daemons.remove(d)


# -- the floor

def floors(bed):
    f, n = bed.floor, bed.less
    return [
        Measure([3], lambda: bed.note("F_spawn", "us", f("spawn", n(2000), bed.nothing)["p50"])),
        Measure([3, 6], lambda: bed.note("/bin/true, whole process", "us", f("command", n(400), "/bin/true")["p50"])),
        Measure([1, 4], lambda: bed.note("F_fresh", "us", f("fresh", n(2000), bed.nothing, bed.group)["mean"])),
        Measure([4], lambda: bed.note("F_idle", "us", f("idle", n(80), bed.nothing, bed.group)["p50"])),
        Measure([1], lambda: bed.note("F_dur", "jobs/s", f("durable", n(16000), bed.nothing, bed.group, bed.scratch)["mean"])),
        Measure([5], lambda: bed.note("F_sql", "inserts/s", f("sql", n(100000), bed.scratch)["mean"])),
        Measure([4], lambda: bed.note("F_sync", "us", f("sync", n(800), bed.scratch)["p50"])),
        Measure([4], lambda: bed.note("F_rtt", "us", f("rtt", n(8000))["p50"])),
        Measure([7], lambda: bed.note("F_write", "us", f("write", n(4000), bed.group, "cgroup.max.depth", "max")["p50"])),
    ]


# -- mscg

def throughput(bed, name, isolate, array=False):
    """Submitted 100 in a message, or as tasks of an array, durable, accounted; 8 in flight (shares of a CPU)."""
    n = bed.less(8000)
    d = start("--total-cpus", str(os.cpu_count()), "--shared-cpus", "1", "--spare-supervisors", "8", "--total-mem", "4G")
    # Its working directory is what a job with a /tmp of its own still sees below it.
    job = {"argv": [bed.nothing], "workdir": bed.scratch, "mem_bytes": 8 << 20, "stdout_path": "/dev/null", "cpu_mode": "quota",
           "cpus": 0.125, "isolate": isolate}

    def work(n):
        """At most 500 are outstanding. A Wait has one reply, when all have ended: nobody is woken for each of them."""
        groups = []
        if array:
            groups.append([d.call("Submit", jobs=[dict(job, array="0-%d" % (n - 1))])["jobs"][0]["id"]])
        for at in range(0, 0 if array else n, 100):
            groups.append([j["id"] for j in d.call("Submit", jobs=[dict(job, name="job%d" % i) for i in range(at, min(at + 100, n))])["jobs"]])
            if len(groups) > 4:
                d.call("Wait", ids=groups.pop(0))
        d.call("Wait", ids=sum(groups, []))
        ended = d.show(groups[-1][-1])
        if ended["state"] != "COMPLETED":
            raise RuntimeError("a job is %s: %s" % (ended["state"], ended["reason_text"]))

    work(100)
    begin = time.monotonic()
    work(n)
    bed.note(name, "jobs/s", n / (time.monotonic() - begin))
    stop(d)


def idle_latency(bed):
    """From before the message is sent until the job's first instruction, after 100 ms of idleness."""
    d = start("--spare-supervisors", "8", "--total-mem", "4G")
    found = []
    for i in range(bed.less(100)):
        path = "%s/first.%d" % (d.out, i)
        message = json.dumps({"method": "io.mscg.Submit", "parameters": {"jobs": [
            {"argv": [bed.first], "workdir": "/tmp", "mem_bytes": 8 << 20, "stdout_path": path, "isolate": "none"}]}}).encode() + b"\0"
        time.sleep(0.1)
        begin = time.time_ns()
        d.connection.socket.sendall(message)
        d.call("Wait", ids=[d.connection.receive()["jobs"][0]["id"]])
        with open(path, "rb") as file:
            stamp = file.read()
        found.append((int.from_bytes(stamp[:8], "little") * 10**9 + int.from_bytes(stamp[8:16], "little") - begin) / 1e3)
    stop(d)
    found.sort()
    bed.note("idle: submission to first instruction, p50", "us", found[len(found) // 2])
    bed.samples.setdefault("idle", []).extend(found)


def submissions(bed):
    d = start("--total-mem", "4G")
    Connection(d.socket).call("Drain")
    job = {"argv": [bed.nothing], "workdir": "/tmp", "mem_bytes": 8 << 20, "stdout_path": "/dev/null"}

    def load(clients, n, jobs):
        message = json.dumps({"method": "io.mscg.Submit", "parameters": {"jobs": jobs}})
        return json.loads(subprocess.check_output([bed.bench + "/load", d.socket, str(clients), str(n)], input=message.encode(),
                                                  user=d.uid if os.geteuid() == 0 else None))["rate"]

    many = [dict(job, argv=[bed.nothing, "--seed=%d" % i], name="job%d" % i) for i in range(100)]
    bed.note("submissions, 100 in a message", "jobs/s", load(1, bed.less(400), many) * 100)
    bed.note("submissions, 1 client", "jobs/s", load(1, bed.less(4000), many[:1]))
    bed.note("submissions, 64 clients", "jobs/s", load(64, bed.less(40000), many[:1]))
    begin = time.monotonic()
    d.call("Submit", jobs=[dict(job, array="0-999999")])
    bed.note("an array of 1,000,000 tasks", "ms", (time.monotonic() - begin) * 1e3)
    stop(d)


def launches(bed, name, isolate):
    """One after the other, the engine alone."""
    directory = "%s/launch.%s" % (bed.scratch, isolate)
    uid = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else os.geteuid()
    said = subprocess.check_output([bed.bench + "/launch", str(bed.less(800)), isolate, bed.nothing, bed.group + "/launch", directory, str(uid)])
    bed.note(name, "us", json.loads(said)["p50"])


def resizes(bed):
    said = json.loads(subprocess.check_output([bed.bench + "/resize", str(bed.less(400)), "/bin/sleep", bed.group + "/resize", bed.scratch + "/resize"]))
    bed.note("a resize of CPUs and memory", "us", said["resize"])
    bed.note("raw writes of the same files", "us", said["raw"])


# -- others

def other_starts(bed):
    found = []
    bundle = bed.scratch + "/bundle"
    if peers.have("crun"):
        peers.crun_bundle(bundle, bed.nothing)
        argv = ["/bin/sh", "-c", "exec crun --root=%s/crun run --bundle=%s bench.$$" % (bed.scratch, bundle)]
        found.append(Measure([3], lambda: bed.note("crun run", "us", bed.floor("command", bed.less(100), *argv)["p50"])))
    if peers.have("bwrap"):
        argv = [shutil.which("bwrap"), "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--unshare-pid",
                "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--die-with-parent", "/bin/true"]
        found.append(Measure([3], lambda: bed.note("bubblewrap", "us", bed.floor("command", bed.less(200), *argv)["p50"])))
    if peers.have("systemd-run") and os.path.isdir("/run/systemd/system"):
        argv = [shutil.which("systemd-run"), "--quiet", "--scope", bed.nothing]
        found.append(Measure([3], lambda: bed.note("systemd-run --scope", "us", bed.floor("command", bed.less(100), *argv)["p50"])))
    return found


def other_rates(bed):
    def slurm(tuned, n):
        s = peers.Slurm(bed.scratch + ("/slurm-tuned" if tuned else "/slurm"), tuned)
        try:
            bed.note("Slurm, tuned" if tuned else "Slurm, default", "jobs/s", s.rate(bed.nothing, n))
        finally:
            s.stop()
            time.sleep(1)

    found = [Measure([2], lambda: bed.note("xargs -P2", "jobs/s", peers.xargs(bed.nothing, bed.less(8000))))]
    if peers.have("parallel"):
        found.append(Measure([2], lambda: bed.note("GNU parallel -j8", "jobs/s", peers.parallel(bed.nothing, bed.less(400)))))
    if peers.have("tsp"):
        found.append(Measure([2], lambda: bed.note("task-spooler", "jobs/s", peers.task_spooler(bed.nothing, bed.less(400), bed.scratch))))
    if peers.have("slurmctld", "slurmd", "munged") and os.geteuid() == 0:
        found.append(Measure([2], lambda: slurm(False, bed.less(24)), once=True))
        found.append(Measure([2], lambda: slurm(True, bed.less(400)), once=True))
    return found


def all_of(bed):
    import scale
    return floors(bed) + [
        Measure([3], lambda: launches(bed, "a launch, --isolate=none", "none")),
        Measure([3], lambda: launches(bed, "a launch, default sandbox", "default")),
        Measure([1, 2], lambda: throughput(bed, "mscg, --isolate=none", "none")),
        Measure([1], lambda: throughput(bed, "mscg, default sandbox", "default")),
        Measure([2], lambda: throughput(bed, "mscg, --isolate=none, an array", "none", array=True)),
        Measure([4], lambda: idle_latency(bed)),
        Measure([5], lambda: submissions(bed)),
    ] + [Measure([7], lambda: resizes(bed))] * ("cpuset.cpus" in bed.limits and "memory.max" in bed.limits) + other_starts(bed) + other_rates(bed) + scale.measures(bed)


def added(bed, row, what, target, above, below, note):
    """Launch costs beyond a bare clone3, exec and wait."""
    values = [(a - f) / (b - f) for a, b, f in zip(bed.of(above), bed.of(below), bed.of("F_spawn"))]
    return Ratio(row, what, target, values, note)


def ratios(bed):
    import scale
    none, idle = "mscg, --isolate=none", ["F_rtt", "F_sync", "F_idle"]
    samples = sorted(bed.samples.get("idle", []))
    below = sum(statistics.median(bed.of(n)) for n in idle) if samples else 0
    return [
        bed.ratio(1, "jobs/s, durable, own cgroup, accounted, isolate=none ÷ F_dur, 8 in flight", ("≥", 1.0), none, "F_dur"),
        bed.ratio(1, "the same with the default sandbox ÷ F_dur", ("≥", 0.4), "mscg, default sandbox", "F_dur"),
        bed.ratio(2, "jobs/s ÷ Slurm, tuned", ("≥", 150), none, "Slurm, tuned", "slurm-wlm is not here"),
        bed.ratio(2, "jobs/s ÷ Slurm, default", ("≥", 5000), none, "Slurm, default", "slurm-wlm is not here"),
        bed.ratio(2, "jobs/s ÷ GNU parallel", ("≥", 15), none, "GNU parallel -j8", "parallel is not here"),
        bed.ratio(2, "jobs/s ÷ xargs -P2", ("≥", 1.3), none, "xargs -P2"),
        added(bed, 3, "added cost of a launch: mscg, isolate=none ÷ crun run", ("≤", 1 / 25), "a launch, --isolate=none", "crun run", "crun is not here"),
        added(bed, 3, "added cost of a launch: mscg, default sandbox ÷ bubblewrap", ("≤", 1), "a launch, default sandbox", "bubblewrap",
              "bubblewrap is not here"),
        added(bed, 3, "added cost of a launch: mscg, isolate=none ÷ systemd-run --scope", ("≤", 1 / 40), "a launch, --isolate=none",
              "systemd-run --scope", "systemd does not run here"),
        bed.ratio(4, "idle, submission to first instruction ÷ (F_rtt + F_sync + F_idle): p50", ("≤", 2),
                  "idle: submission to first instruction, p50", idle),
        Ratio(4, "the same: p99 (of all rounds)", ("≤", 5), [samples[len(samples) * 99 // 100] / below] if samples else []),
        bed.ratio(5, "durable submissions/s, 100 in a message ÷ F_sql", ("≥", 0.15), "submissions, 100 in a message", "F_sql"),
        bed.ratio(5, "submissions/s: 64 clients ÷ 1 client", ("≥", 8), "submissions, 64 clients", "submissions, 1 client"),
        Ratio(5, "an array of 1,000,000 tasks, ms", ("≤", 10), bed.of("an array of 1,000,000 tasks")),
        bed.ratio(7, "resize: all files of one job ÷ raw writes", ("≤", 3), "a resize of CPUs and memory", "raw writes of the same files",
                  "needs the cpuset and memory controllers"),
    ] + scale.ratios(bed)


def bars(bed):
    colours = [("F_dur", FLOOR), ("mscg, --isolate=none", MSCG), ("mscg, default sandbox", MSCG),
               ("mscg, --isolate=none, an array", MSCG), ("xargs -P2", OTHERS),
               ("GNU parallel -j8", OTHERS), ("task-spooler", OTHERS), ("Slurm, tuned", OTHERS), ("Slurm, default", OTHERS)]
    return [(name, bed.of(name), colour) for name, colour in colours if bed.of(name)]
