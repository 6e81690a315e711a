#!/usr/bin/python3
# timeout: 200
"""SIGKILL of mscgd at random moments, while some 100 jobs live and 20 a second are submitted through libmscg."""
import os, sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from oracle import *

suite = Suite("kill-daemon", short=12, round=dict(type=int, default=100, help="kills between two judgements"))
RATE, LIVE, LIVE_MS = 20, 100, 5000 if suite.long else 1500


class Submitter(threading.Thread):
    """20 a second, whatever becomes of the daemon."""

    def __init__(self, world, rng):
        super().__init__(daemon=True)
        self.world, self.rng, self.stop = world, rng, threading.Event()
        self.unexpected = []

    def run(self):
        client, due = None, time.monotonic()
        while not self.stop.is_set():
            due += 1 / RATE
            try:
                client = client or Client(self.world.socket, self.world.uid, 5)
                self.world.submit(client, self.rng.randrange(2 * LIVE_MS) if self.rng.random() < 0.8 else 0,
                                  "n%016x" % self.rng.getrandbits(64))
            except Refused as e:
                if client:
                    client.close()
                client = None
                if "nothing was done" in str(e) or "refused" in str(e).lower() and "connect" not in str(e).lower():
                    self.unexpected.append(str(e))
            self.stop.wait(max(0, due - time.monotonic()))
        if client:
            client.close()


def one_round(rng, kills, between=None):
    """`between`: what the negative control does between a death and the next life."""
    world = World()
    submitter = Submitter(world, rng)
    world.start()
    first = world.client(world.uid)
    for _ in range(LIVE):
        world.submit(first, rng.randrange(2 * LIVE_MS), "n%016x" % rng.getrandbits(64))
    first.close()
    submitter.start()
    for n in range(kills):
        # Some on their way up, in the middle of taking over; most while they serve.
        time.sleep(rng.uniform(0, 0.06) if rng.random() < 0.35 else rng.uniform(0.03, 0.4))
        if world.process.poll() is not None:
            suite.problems.append("mscgd ended by itself with %s: %s" % (world.process.returncode, world.said()))
        world.crash()
        if between:
            between(world, n)
        world.spawn()
    submitter.stop.set()
    submitter.join(30)
    world.client().close()
    left = world.settle()
    v = judge(world)
    for job in left.values():
        v.add("lost", "job %s is %s for ever: %s" % (job["id"], job["state"], job["reason_text"]))
    world.spawn()
    world.client().close() # takes away what the last death left
    if not wait_for(lambda: not [d for d in os.listdir(world.cgroup) if d.startswith("job_")], 5):
        v.add("broken", "cgroups are left: %s" % os.listdir(world.cgroup))
    v.counts["acknowledged"] = sum(j is not None for j in world.submissions.values())
    if v.problems:
        diag(world.said(30))
    if not world.destroy():
        v.add("broken", "processes are left that cannot be killed")
    return v


def wait_for(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def control():
    """Must be found: a database that forgets what was committed (as without commits before answers), and slots that forget
    what was started."""
    import re
    saved = []

    def forget_commits(world, n):
        if n == 3:
            saved.append(world.copy_database())
        if n == 5: # one that is acknowledged meanwhile, however slow the machine is
            world.start()
            client = world.client(world.uid)
            world.submit(client, 0, "control")
            client.close()
            world.crash()
        if n == 6:
            for f in glob.glob(world.state + "/mscg.db*") + [world.state + "/lock"]:
                os.unlink(f) # with the lock it is a database that lacks events, and refused
            for f in glob.glob(os.path.dirname(saved[0]) + "/*"):
                shutil.copy(f, world.state)

    def forget_starts(world, n):
        if n == 5:
            for f in glob.glob(world.runtime + "/runner/slots"):
                os.unlink(f)

    v = one_round(random.Random(7), 9, forget_commits)
    ok(v.counts["lost"] > 0, "control: commits that are undone are found as lost (%d)" % v.counts["lost"], dict(v.counts))
    v = one_round(random.Random(8), 9, forget_starts)
    ok(sum(v.counts[k] for k in ("twice", "wrong", "lost")) > 0, "control: slots that are forgotten are found", dict(v.counts))


rng = random.Random(suite.seed)
while suite.counts["kills"] < suite.target and not suite.time_is_up():
    n = min(suite.arguments.round, suite.target - suite.counts["kills"])
    suite.take(one_round(rng, n), n, "kills")
    if len(suite.problems) > 50:
        break
if not suite.arguments.no_control:
    quiet = list(suite.problems)
    control()
    suite.problems = quiet
suite.finish("kills")
