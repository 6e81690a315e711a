#!/usr/bin/python3
# timeout: 200
"""Bit flips and truncations of the database, its WAL, the slots (exit records) and the configuration: what matters is found
and named, and never is a wrong job run, a job run twice, or a wrong end believed."""
import os, sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from oracle import *

suite = Suite("corruption", short=48, round=dict(type=int, default=50, help="trials between two lines of results"),
              only=dict(help="only of: database wal slots config"), show=dict(action="store_true", help="what each trial came to"))
FIELDS = ("name", "command", "workdir", "submit_time", "mem_bytes", "priority", "uid", "stdout_path")


class Base:
    """A state directory to damage: jobs that ended, jobs that wait (drained), a database with or without a WAL behind it."""

    def __init__(self, rng):
        w = self.world = World()
        w.start()
        c = w.client(w.uid)
        root = w.client()
        for i in range(8):
            w.submit(c, 0, "e%016x" % rng.getrandbits(64), comment="text " * (i + 1))
        w.settle()
        w.process.terminate()
        w.process.wait()
        w.start()
        c, root = w.client(w.uid), w.client()
        root.call("Drain")
        for i in range(8):
            w.submit(c, 0, "p%016x" % rng.getrandbits(64), comment="other " * (i + 1))
        self.before = w.list()
        w.crash()
        self.with_wal = w.dir + "/with-wal"
        shutil.copytree(w.state, self.with_wal)
        w.start()
        w.process.terminate() # everything is in the database then
        w.process.wait()
        self.whole = w.dir + "/whole"
        shutil.copytree(w.state, self.whole)
        self.ledger = open(w.ledger_dir + "/ledger").read()

    def trial(self, source):
        """A world of its own, with the ledger as it was."""
        w = World()
        shutil.copytree(source, w.state)
        shutil.rmtree(w.ledger_dir)
        w.ledger_dir = self.world.ledger_dir
        with open(w.ledger_dir + "/ledger", "w") as f:
            f.write(self.ledger)
        w.submissions = dict(self.world.submissions)
        return w


def damage(path, rng, start=0, end=None):
    """Says what it did."""
    data = bytearray(open(path, "rb").read())
    end = min(end or len(data.rstrip(b"\0")), len(data)) # the log is kept longer than what is in it
    if rng.random() < 0.2:
        size = rng.randrange(start, end)
        os.truncate(path, size)
        return "%s cut to %d of %d bytes" % (os.path.basename(path), size, len(data))
    at = rng.randrange(start, end)
    for _ in range(20 if rng.random() < 0.7 else 0): # rather where something is written
        at = at if data[at] else rng.randrange(start, end)
    # In place: the slots are mapped by living supervisors.
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(bytes([data[at] ^ 1 << rng.randrange(8)]))
    return "%s byte %d of %d" % (os.path.basename(path), at, len(data))


def drop(world):
    """Only what is the trial's own."""
    keep, world.ledger_dir = world.ledger_dir, world.dir
    clean = world.destroy()
    return clean


def named(text):
    return any(word in text for word in ("damaged", "malformed", "lacks", "not a database", "corrupt", "is it", "another program",
                                         "written by", "version", "begins with", "cannot be read", "disk I/O", "gone or", "the slot file", "another instance", "is there twice"))


class Ended(Exception):
    pass


def compare(v, what, before, now):
    for job, b in before.items():
        n = now.get(job)
        if n is None:
            v.add("lost", "%s: job %s is not listed, and nothing was said" % (what, job))
        elif any(b[f] != n[f] for f in FIELDS):
            v.add("wrong", "%s: job %s is listed as %s, was %s" % (what, job, [n[f] for f in FIELDS], [b[f] for f in FIELDS]))


def no_wrong_run(v, what, w):
    """Whatever else: nothing ran that should not, as something else, or again."""
    runs = collections.Counter()
    for twice, job, attempt, boot, nonce, pid in w.ledger():
        runs[nonce] += 1
        if w.submissions.get(nonce) != job:
            v.add("wrong", "%s: %s ran as job %s" % (what, nonce, job))
        if twice or runs[nonce] > 1:
            v.add("twice", "%s: job %s ran again" % (what, job))


def serve(v, what, w, base):
    """Lets it do what it can; True: it was served whole. Raises Refused or Ended where it is not."""
    w.spawn()
    c = w.client(wait=15)
    before = w.list()
    compare(v, what, base.before, before)
    c.call("Drain", undo=True)
    end = time.monotonic() + 10
    while w.list(active=True):
        if time.monotonic() > end or (time.monotonic() > end - 9 and named(w.said(200))):
            raise Ended("it does not go on: " + w.said(3))
        if w.process.poll() is not None:
            raise Ended("mscgd ended with %d" % w.process.returncode)
        time.sleep(0.01)
    return True


def stored(base, rng, kind, mutate=damage):
    v = Verdict()
    w = base.trial(base.with_wal if kind == "wal" else base.whole)
    what = mutate(w.state + ("/mscg.db-wal" if kind == "wal" else "/mscg.db"), rng)
    result = "named"
    try:
        serve(v, what, w, base)
        result = "harmless"
    except (Refused, Ended, OSError) as e:
        if w.process.poll() is not None and w.process.returncode < 0:
            v.add("broken", "%s: mscgd died by signal %d: %s" % (what, -w.process.returncode, w.said()))
        if not named(str(e) + w.said(200)):
            v.add("broken", "%s: not named: %s" % (what, e))
    no_wrong_run(v, what, w)
    if result == "harmless":
        j = judge(w)
        if j.problems and named(w.said(200)):
            result = "named"
        elif j.problems and all(p.startswith("broken: ") or ": journal " in p for p in j.problems) and j.counts["broken"]:
            # In what this daemon had no reason to read (journal, an index, a total); a look at the whole file names it.
            result = "found by a check"
        else:
            v.problems += ["%s: %s" % (what, p) for p in j.problems]
            v.counts.update({k: n for k, n in j.counts.items() if k in ("lost", "twice", "wrong", "broken")})
    if suite.arguments.show:
        diag("%s: %s %s" % (what, result, w.said(1) if result == "named" else ""))
    v.counts[result] += 1
    if not drop(w):
        v.add("broken", "%s: cgroups are left" % what)
    return v


def slots(base, rng, kind, mutate=damage):
    """Four jobs run, four ended while no daemon was there; then a bit of what the slots say of them."""
    v = Verdict()
    w = World()
    w.start()
    c = w.client(w.uid)
    for i in range(4):
        w.submit(c, 1200, "l%016x" % rng.getrandbits(64))
        w.submit(c, 150, "s%016x" % rng.getrandbits(64))
    while len(w.ledger()) < 8:
        time.sleep(0.01)
    c.close()
    w.crash()
    time.sleep(0.25)
    path = w.runtime + "/runner/slots"
    # Those eight were armed first, beside a few that are spare.
    what = mutate(path, rng, 0, 256 * 12)
    result = "harmless"
    try:
        w.spawn()
        w.client(wait=15).close()
    except Refused as e:
        result = "named"
        if w.process.poll() is None or w.process.returncode < 0 or not named(str(e)):
            v.add("broken", "%s: not named: %s" % (what, e))
        # What the message says to do.
        os.unlink(path)
        w.spawn()
        w.client(wait=15).close()
    left = w.settle(20)
    for job in left.values():
        v.add("lost", "%s: job %s is %s for ever" % (what, job["id"], job["state"]))
    if named(w.said(200)):
        result = "named"

    def expect(job, row):
        return ("FAILED", -1, 0) if row["reason"] == "SupervisorDied" else None

    j = judge(w, expect, may_be_lost=result == "named")
    no_wrong_run(v, what, w)
    if j.counts["LOST"] and result != "named":
        v.add("broken", "%s: LOST and not named" % what)
    v.problems += ["%s: %s" % (what, p) for p in j.problems]
    v.counts.update({k: n for k, n in j.counts.items() if k in ("lost", "twice", "wrong", "broken", "LOST")})
    v.counts[result] += 1
    if suite.arguments.show:
        diag("%s: %s %s" % (what, result, dict(j.counts)))
    if not w.destroy():
        v.add("broken", "%s: cgroups are left" % what)
    return v


def config(base, rng, kind):
    v = Verdict()
    w = base.trial(base.whole)
    path = w.dir + "/mscg.conf"
    with open(path, "w") as f:
        f.write("[resources]\nmax-jobs = 40\n\n[elastic]\nelastic-threshold = 70\ndisable-elastic = no\n\n[jobs]\n"
                "default-time-limit = 2:00:00\ninfeasible = queue\nmax-launch-retries = 5\n\n[daemon]\nspare-supervisors = 3\nkeep-events = 30-0\n")
    w.command += ["--config", path]
    what = damage(path, rng)
    try:
        serve(v, what, w, base)
        result = "harmless" # another value that is as good as the one that was there
    except (Refused, Ended) as e:
        result = "named"
        if w.process.poll() is None or w.process.returncode < 0 or "mscg.conf" not in w.said():
            v.add("broken", "%s: not named: %s" % (what, e))
    no_wrong_run(v, what, w)
    v.counts[result] += 1
    if suite.arguments.show:
        diag("%s: %s %s" % (what, result, w.said(1) if result == "named" else ""))
    drop(w)
    return v


KINDS = {"database": stored, "wal": stored, "slots": slots, "config": config}


def control(base):
    """A database that is another's and whole, and a slot that says another code with the right sum, go unnoticed by any
    check of theirs: the oracle must see them."""

    def rename(path, rng, *_):
        db = sqlite3.connect(path)
        db.execute("DELETE FROM job WHERE key = (SELECT max(key) FROM job)")
        db.execute("UPDATE total SET jobs = jobs - 1 WHERE state = 0")
        db.commit()
        db.close()
        return "control"

    v = stored(base, random.Random(1), "database", rename)
    ok(v.problems, "control: a database without a job that was acknowledged is found", dict(v.counts))
    w = base.trial(base.whole)
    nonce, job = next((n, j) for n, j in base.world.submissions.items() if n.startswith("e"))
    subprocess.run([os.path.join(probe, "ledger"), w.ledger_dir, nonce, "0"], env={"MSCG_JOB_ID": job})
    v = Verdict()
    no_wrong_run(v, "control", w)
    ok(v.counts["twice"] == 1, "control: a job that ended and is run again is found")
    drop(w)


rng = random.Random(suite.seed)
base = Base(rng)
kinds = [suite.arguments.only] if suite.arguments.only else ["database"] * 4 + ["wal"] * 3 + ["slots"] * 2 + ["config"]
while suite.counts["trials"] < suite.target and not suite.time_is_up():
    v = Verdict()
    n = min(suite.arguments.round, suite.target - suite.counts["trials"])
    for _ in range(n):
        kind = rng.choice(kinds)
        one = KINDS[kind](base, rng, kind)
        one.counts["of " + kind] += 1
        v.problems += one.problems
        v.counts.update(one.counts)
    suite.take(v, n, "trials")
    if len(suite.problems) > 50:
        break
if not suite.arguments.no_control:
    control(base)
suite.finish("trials")
