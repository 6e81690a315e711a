"""Rows of the table that are about size: how costs grow with what waits and what runs, and what restarting costs."""
import json, os, shutil, statistics, subprocess, time

from measure import Measure, Ratio, abandon, start, stop
from mscg_client import Connection


def command(bed, n, *argv):
    return bed.floor("command", n, *argv)


def client(bed, *words):
    return [os.path.join(os.environ["MSCG_BUILD"], "mscg"), *words]


def plain(bed, **more):
    return dict({"argv": [bed.nothing], "workdir": "/tmp", "mem_bytes": 8 << 20, "stdout_path": "/dev/null", "isolate": "none"}, **more)


def submit_many(bed, d, n, job):
    """A thousand in a message."""
    message = {"method": "io.mscg.Submit", "parameters": {"jobs": [dict(job, name="job%d" % i) for i in range(1000)]}}
    subprocess.run([bed.bench + "/load", d.socket, "1", str(max(1, n // 1000))], input=json.dumps(message).encode(), check=True,
                   stdout=subprocess.DEVNULL, user=d.uid if os.geteuid() == 0 else None)


def pss(pid):
    """Kilobytes."""
    with open("/proc/%d/smaps_rollup" % pid) as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))


def supervisors(bed):
    with open(bed.group + "/jobs/supervisors/cgroup.procs") as file:
        return [int(line) for line in file]


def wakeups(pid, seconds):
    def count():
        total = 0
        for task in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/status" % (pid, task)) as file:
                total += sum(int(line.split()[1]) for line in file if "voluntary_ctxt" in line and not line.startswith("nonv"))
        return total
    time.sleep(2)
    before = count()
    time.sleep(seconds)
    return count() - before


# -- 6: the client

def submit_process(bed):
    d = start("--total-mem", "4G", "--allow-root-jobs")
    Connection(d.socket).call("Drain")
    bed.note("mscg submit, whole process", "us", command(bed, bed.less(400), *client(
        bed, "submit", "--socket", d.socket, "--isolate", "none", "--mem", "8M", "-D", "/tmp", bed.nothing))["p50"])
    stop(d)


# -- 7: urgent

def urgent(bed):
    """A machine whose CPUs an elastic job holds gives one back; against one that has it free."""
    d = start("--total-cpus", "2", "--total-mem", "4G", "--spare-supervisors", "4", "--elastic-threshold", "100")

    def first(n, before_each):
        found = []
        for i in range(n):
            before_each()
            path = "%s/first.%d" % (d.out, i)
            begin = time.time_ns()
            job = d.call("Submit", jobs=[plain(bed, argv=[bed.first], stdout_path=path, priority=10, cpus=1)])["jobs"][0]["id"]
            d.call("Wait", ids=[job])
            with open(path, "rb") as file:
                stamp = file.read()
            os.unlink(path)
            found.append((int.from_bytes(stamp[:8], "little") * 10**9 + int.from_bytes(stamp[8:16], "little") - begin) / 1e3)
        return statistics.median(found)

    n = bed.less(40)
    bed.note("urgent submission to first instruction, idle machine", "us", first(n, lambda: time.sleep(0.05)))
    greedy = d.submit("/bin/sleep", "1000", elastic=True, cpus=2, min_cpus=1, max_cpus=2, isolate="none")
    bed.note("urgent submission to first instruction, full machine", "us",
             first(n, lambda: d.until(greedy, seconds=30, current_cpus=2)))
    d.call("Cancel", ids=[greedy])
    stop(d)


# -- 8 to 10: what waits

def decisions(bed):
    for n in (1000, 1000000):
        said = subprocess.check_output([bed.bench + "/core_scale", str(n), str(bed.less(40000))], text=True)
        bed.note("a decision, p99, %s waiting" % "{:,}".format(n), "us", float(said.split("p99 ")[1].split(",")[0]))


def flow(bed, d, running=0):
    """Jobs a second past those that wait, and beside those that run, each with a thousandth of a CPU; 8 in flight."""
    n = bed.less(4000)
    job = plain(bed, cpu_mode="quota", cpus=(1000 - running) // 8 / 1000, priority=10)

    def work(n):
        ids = []
        for at in range(0, n, 100):
            ids += [j["id"] for j in d.call("Submit", jobs=[job] * min(100, n - at))["jobs"]]
        d.call("Wait", ids=ids)
    work(100)
    begin = time.monotonic()
    work(n)
    return n / (time.monotonic() - begin)


def waiting(bed, n, name):
    """n jobs that wait for a CPU which another holds."""
    options = ["--total-cpus", "2", "--shared-cpus", "1", "--spare-supervisors", "8", "--total-mem", "8G"]
    d = start(*options)
    if n > 10000:
        # as many that have ended
        Connection(d.socket).call("Drain")
        submit_many(bed, d, n // 2, plain(bed)) # fills the caches, whose size is fixed
        before = pss(d.process.pid)
        submit_many(bed, d, n // 2, plain(bed))
        bed.note("memory of a waiting job (%s wait)" % name, "bytes", (pss(d.process.pid) - before) * 1024 / (n // 2))
        ids = [1 + i for i in range(n)]
        for at in range(0, n, 1000):
            d.call("Cancel", ids=[str(i) for i in ids[at:at + 1000]])
        Connection(d.socket).call("Drain", undo=True)
    d.started(d.submit("/bin/sleep", "100000", isolate="none"))
    submit_many(bed, d, n, plain(bed, priority=-10))
    bed.note("jobs/s past %s that wait" % name, "jobs/s", flow(bed, d))
    bed.note("mscg queue -n 50, %s wait" % name, "us",
             command(bed, 20, *client(bed, "queue", "-n", "50", "--socket", d.socket))["p50"])
    if n > 10000:
        seconds = 10 if bed.quick else 60
        bed.note("wakeups in %d s, %s wait" % (seconds, name), "", wakeups(d.process.pid, seconds))
        d.process.terminate()
        d.process.wait()
        raw = bed.floor("scan", 2, d.dir + "/state/mscg.db")["min"]
        begin = time.monotonic()
        d.start()
        d.call("Ping")
        bed.note("restart with %s waiting and as many ended" % name, "s", time.monotonic() - begin)
        bed.note("SELECT of the same rows", "s", raw)
    abandon(bed, d)


# -- 9, 11, 12: what runs

def running(bed):
    counts = (10, 100, 300) if bed.quick else (10, 100, 900)
    d = start("--total-cpus", "2", "--shared-cpus", "1", "--spare-supervisors", "8", "--total-mem", "16G")
    bed.note("wakeups in 10 s, idle", "", wakeups(d.process.pid, 10))
    before = pss(d.process.pid) + sum(map(pss, supervisors(bed)))
    sleeper = plain(bed, argv=["/bin/sleep", "100000"], cpu_mode="quota", cpus=0.001, mem_bytes=4 << 20)
    there = 0
    for n in counts:
        ids = [j["id"] for j in d.call("Submit", jobs=[sleeper] * (n - there))["jobs"]]
        there = n
        for i in ids:
            d.started(i)
        if shutil.which("strace"):
            bed.note("system calls of mscgd a job, %d running" % n, "", system_calls(bed, d))
        bed.note("jobs/s, %d running" % n, "jobs/s", flow(bed, d, n))
    after = pss(d.process.pid) + sum(map(pss, supervisors(bed)))
    bed.note("memory of a running job", "KB", (after - before) / counts[-1])
    bed.note("wakeups in 10 s, %d sleeping jobs" % counts[-1], "", wakeups(d.process.pid, 10))
    stop(d)


def system_calls(bed, d):
    out = bed.scratch + "/strace"
    tracer = subprocess.Popen(["strace", "-f", "-qq", "-c", "-o", out, "-p", str(d.process.pid)], stderr=subprocess.DEVNULL)
    time.sleep(1)
    n = 200
    ids = [j["id"] for j in d.call("Submit", jobs=[plain(bed, cpu_mode="quota", cpus=0.001)] * n)["jobs"]]
    d.call("Wait", ids=ids)
    tracer.send_signal(2)
    tracer.wait()
    with open(out) as file:
        total = file.read().strip().split("\n")[-1].split()
    return int(total[3 if len(total) > 4 else 2]) / n


def on_cores(bed):
    rates = {}
    for cores in sorted(os.sched_getaffinity(0))[:1], sorted(os.sched_getaffinity(0))[:2]:
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, cores)
        d = start("--total-cpus", "2", "--shared-cpus", "1", "--spare-supervisors", "8", "--total-mem", "4G")
        bed.note("jobs/s on %d processor%s" % (len(cores), "" if len(cores) == 1 else "s"), "jobs/s", flow(bed, d))
        stop(d)
        os.sched_setaffinity(0, before)


def measures(bed):
    big = 100000 if bed.quick else 1000000
    bed.big = "{:,}".format(big)
    return [
        Measure([6], lambda: submit_process(bed)),
        Measure([7], lambda: urgent(bed)),
        Measure([8], lambda: decisions(bed), once=bed.quick),
        Measure([8], lambda: waiting(bed, 1000, "1,000"), once=True),
        Measure([8, 9, 10, 11], lambda: waiting(bed, big, bed.big), once=True),
        Measure([9, 11, 12], lambda: running(bed), once=True),
        Measure([12], lambda: on_cores(bed)),
    ]


def ratios(bed):
    big, of = bed.big, bed.of
    calls = {k: v[1] for k, v in bed.figures.items() if k.startswith("system calls")}
    few, many = (list(calls.values())[0], list(calls.values())[-1]) if calls else ([], [])
    idle = [v for k, (_, v) in bed.figures.items() if k.startswith("wakeups") and k.endswith("idle")]
    busy = [v for k, (_, v) in bed.figures.items() if k.startswith("wakeups") and not k.endswith("idle")]
    return [
        bed.ratio(6, "mscg submit as a process ÷ /bin/true", ("≤", 3), "mscg submit, whole process", "/bin/true, whole process"),
        bed.ratio(7, "urgent submission to first instruction: full machine ÷ idle one", ("≤", 2),
                  "urgent submission to first instruction, full machine", "urgent submission to first instruction, idle machine"),
        bed.ratio(8, "a decision, p99: 1,000,000 waiting ÷ 1,000", ("≤", 3), "a decision, p99, 1,000,000 waiting", "a decision, p99, 1,000 waiting"),
        bed.ratio(8, "jobs/s: %s waiting ÷ 1,000" % big, ("≥", 0.9), "jobs/s past %s that wait" % big, "jobs/s past 1,000 that wait"),
        bed.ratio(8, "mscg queue -n 50: %s waiting ÷ 1,000" % big, ("≤", 2), "mscg queue -n 50, %s wait" % big, "mscg queue -n 50, 1,000 wait"),
        Ratio(9, "memory of a waiting job, bytes (PSS, %s wait)" % big, ("≤", 256), of("memory of a waiting job (%s wait)" % big)),
        Ratio(9, "memory of a running job, daemon and supervisor, KB (PSS)", ("≤", 200), of("memory of a running job")),
        bed.ratio(10, "restart with %s waiting and as many ended ÷ SELECT of the rows" % big, ("≤", 2),
                  "restart with %s waiting and as many ended" % big, "SELECT of the same rows"),
        Ratio(11, "wakeups, idle", ("≤", 0), sum(idle, [])),
        Ratio(11, "wakeups, with sleeping jobs, and with %s that wait" % big, ("≤", 0), sum(busy, [])),
        Ratio(12, "system calls of mscgd a job: most running ÷ 10 running", ("≤", 1.1), [a / b for a, b in zip(many, few)], "strace is not here"),
        bed.ratio(12, "jobs/s on 2 processors ÷ 1", ("≥", 1.4), "jobs/s on 2 processors", "jobs/s on 1 processor"),
    ]
