#!/usr/bin/python3
"""State that a program of an older version left behind (version1.sql is such a database, whole) is taken over, with a copy of
it beside; state of a newer version is refused, and a migration that fails changes nothing."""
import os, signal, sqlite3, subprocess, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vm"))
from mscg_client import *

dump = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "version1.sql")).read()


def database(path):
    return sqlite3.connect("file:%s?mode=ro" % path, uri=True)


def contents(db):
    """What there is of jobs and events, but for what a migration may change."""
    return {table: db.execute("SELECT %s FROM %s ORDER BY 1" % (columns, table)).fetchall()
            for table, columns in (("job", "key, outcome, state, attempt, detail"), ("event", "seq, key, kind, state, detail"),
                                   ("spec", "*"), ("body", "*"))}


d = Daemon("--missing-controllers=warn", "--total-cpus", "2", "--allow-root-jobs=yes")
d.stop()
state = d.dir + "/state"
path = state + "/mscg.db"


def restore(sql):
    for name in os.listdir(state):
        os.unlink(state + "/" + name)
    db = sqlite3.connect(path)
    db.executescript(sql)
    db.close()
    os.chmod(path, 0o600)


def refused():
    r = subprocess.run(d.command, capture_output=True, text=True, timeout=60)
    return r.returncode, r.stderr


def version(file):
    db = database(file)
    try:
        return db.execute("PRAGMA user_version").fetchone()[0]
    finally:
        db.close()


# -- of a newer one: refused, untouched
restore(dump.replace("user_version = 1;", "user_version = 99;"))
before = open(path, "rb").read()
status, text = refused()
ok(status == 1 and "has version 99" in text and "knows versions up to 7" in text, "a newer version is refused, both are named", text)
ok(open(path, "rb").read() == before, "and the database is as it was")

# -- what cannot be migrated is as it was
restore(dump + "CREATE TABLE accounting_2(x); DROP VIEW accounting; CREATE TABLE accounting(x);")
before = contents(database(path))
status, text = refused()
ok(status == 1 and "accounting" in text, "a migration that fails says at what", text)
ok(version(path) == 1 and contents(database(path)) == before, "and has changed nothing")

# -- of an older one, by a program that does not come up
restore(dump)
old = contents(database(path))
whole = d.command
d.command = [*whole, "--cgroup-root", "/sys/fs/cgroup/none/none"]
status, text = refused()
db = database(path)
ok(status == 1 and "cgroup-root" in text and version(path) == 1 and contents(db) == old,
   "a program that cannot run jobs leaves it to the one before", status, text, version(path))
db.close()
d.command = whole

# -- of an older one
d.start()
d.connection = Connection(d.socket)
copy = path + ".v1"
ok(version(copy) == 1 and os.stat(copy).st_mode & 0o777 == 0o600, "the database as it was is beside it, for its owner only")
db = database(copy)
ok(db.execute("PRAGMA integrity_check").fetchone() == ("ok",) and contents(db) == old, "whole")
db.close()
states = {j: d.show(j)["state"] for j in "1 2 3 3_0 3_1 3_2 4 6 7 8 9 10".split()}
ok([states[j] for j in ("1", "2", "3", "3_0", "3_1", "3_2")] == ["COMPLETED", "FAILED", "FAILED", "COMPLETED", "FAILED", "FAILED"],
   "what has ended has", states)
ok(states["4"] == "NODE_FAIL", "what ran on a boot that is over is NODE_FAIL", states)
j = d.until("5", restart_count=1)
ok(j["requeue"] and j["state"] in ("RUNNING", "PENDING"), "or runs again, as it was asked", j["state"])
waits = [d.show(j)["reason"] for j in "6 7 8 9 10".split()]
ok(waits == ["JobHeldUser", "BeginTime", "Dependency", "JobHeldUser", "JobHeldUser"], "what waits waits for the same", waits)
j = d.show("1")
ok((j["name"], j["comment"], j["max_retries"], j["restart_count"]) == ("done", "was once", 0, 0), "what was not known then is 0", j["comment"])
d.call("Release", ids=["6"])
ok(d.wait("6", "8")["8"]["state"] == "COMPLETED", "and they go on from there")
new = d.submit("true")
ok(new == "11", "numbers go on", new)
d.process.send_signal(signal.SIGKILL)
d.process.wait()
os.unlink(copy)
d.start()
ok(not os.path.exists(copy), "it is done once")
d.stop()
ok(version(path) == 7, "the version is the new one")
done()
