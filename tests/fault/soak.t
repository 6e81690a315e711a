#!/usr/bin/python3
# timeout: 200
# plain: it asks the C library for its heap
"""Jobs, resizes and cancels at random, for long: descriptors and live heap of mscgd and of supervisors at the end are what
they were half-way, and no cgroup is left."""
import os, sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from oracle import *

suite = Suite("soak", short=400)
LIVE = 60


class Driver:
    def __init__(self, rng):
        self.rng, self.world = rng, World()
        self.world.start()
        self.client = self.world.client(self.world.uid)
        self.cancelled, self.resized, self.live = set(), 0, []

    def submit(self, n):
        for _ in range(n):
            # Elastic ones have a control file to clean up; what is killed leaves a child behind.
            more = self.rng.choice([{}, {}, {"elastic": True, "min_cpus": 0.001, "max_cpus": 0.01}])
            self.live.append(self.world.submit(self.client, self.rng.choice([0, 0, 30, 200, 400]), **more))

    def meddle(self):
        job = self.rng.choice(self.live[-LIVE:])
        try:
            if self.rng.random() < 0.5:
                self.client.call("Resize", id=job, cpus=self.rng.randrange(2, 12) / 1000)
                self.resized += 1
            else:
                self.client.call("Cancel", ids=[job])
                self.cancelled.add(job)
        except Refused:
            pass # it is over

    def run(self, jobs):
        done = 0
        while done < jobs:
            n = min(20, jobs - done)
            self.submit(n)
            done += n
            for _ in range(self.rng.randrange(8)):
                self.meddle()
            while len(self.world_active()) > LIVE:
                time.sleep(0.02)

    def world_active(self):
        return self.world.list(active=True)

    def quiet(self):
        """Nothing active, and what is cleared away at leisure is cleared away."""
        left = self.world.settle(60)
        time.sleep(1)
        return left

    def measure(self):
        """Descriptors and heap of mscgd, live: gdb asks its allocator."""
        pid = self.world.process.pid
        fds = len(os.listdir("/proc/%d/fd" % pid))
        asked = "print (unsigned long)((struct mallinfo2 (*)(void))mallinfo2)().uordblks"
        # The short form has too few jobs for caches to have their size.
        out = "" if not suite.long else subprocess.run(["gdb", "-batch", "-p", str(pid), "-ex", asked], capture_output=True, text=True).stdout
        heap = next((int(l.split()[-1]) for l in out.splitlines() if l.startswith("$1 = ")), None)
        db = sqlite3.connect(self.world.copy_database())
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        db.close()
        smaps = sum(int(l.split()[1]) for l in open("/proc/%d/smaps" % pid) if l.startswith("Private_Dirty:"))
        supervisors = [int(l) for l in open(self.world.cgroup + "/supervisors/cgroup.procs")]
        return {"fds": fds, "heap": heap, "pages": pages, "private_kb": smaps, "supervisors": len(supervisors),
                "supervisor_fds": max(len(os.listdir("/proc/%d/fd" % p)) for p in supervisors)}


rng = random.Random(suite.seed)
random.seed(suite.seed)
d = Driver(rng)
total = min(suite.target, 1 << 40)
measures = []
v = Verdict()
# Twice to warm up: pools and caches have their size then.
for part in (0.25, 0.25, 0.5):
    d.run(max(20, int(total * part)))
    left = d.quiet()
    for job in left.values():
        v.add("lost", "job %s is %s for ever: %s" % (job["id"], job["state"], job["reason_text"]))
    measures.append(d.measure())
    diag(measures[-1])
half, end = measures[1], measures[2]
if end["fds"] != half["fds"]:
    v.add("broken", "descriptors: %d half-way, %d at the end" % (half["fds"], end["fds"]))
if end["supervisor_fds"] != half["supervisor_fds"]:
    v.add("broken", "descriptors of a supervisor: %d half-way, %d at the end" % (half["supervisor_fds"], end["supervisor_fds"]))
# SQLite keeps the pages of the file that it has seen, up to 32 MiB; each with a header. What is not freed costs at least 32
# bytes a job.
PAGE = 4096 + 300
allowed = (end["pages"] - half["pages"]) * PAGE + 32 * total // 2
if half["heap"] and end["heap"]:
    diag("live heap grew by %d bytes, by what the pages of the file explain and 32 bytes a job: %d" % (end["heap"] - half["heap"], allowed))
if half["heap"] is not None and end["heap"] - half["heap"] >= allowed:
    v.add("broken", "live heap: %d bytes half-way, %d at the end" % (half["heap"], end["heap"]))
left = [x for x in os.listdir(d.world.cgroup) if x.startswith("job_")]
if left:
    v.add("broken", "cgroups are left: %s" % left)


def expect(job, row):
    return (row["state"], row["exit_code"], row["signal"]) if row["state"] == "CANCELLED" and job in d.cancelled else None


j = judge(d.world, expect)
j.counts.update(v.counts)
j.problems += v.problems
j.counts["resizes"], j.counts["cancels"] = d.resized, len(d.cancelled)
if j.problems:
    diag(d.world.said(20))
if suite.long:
    ok(half["heap"] and end["heap"], "the heap can be measured (with gdb)", measures)
suite.take(j, j.counts["jobs"], "jobs of soak")
d.world.destroy()
suite.finish("jobs of soak")
