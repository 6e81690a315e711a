#!/usr/bin/python3
# timeout: 120
"""mscg backup and mscg fsck, while jobs run and without a daemon."""
import grp, json, os, shutil, signal, sqlite3, stat, subprocess, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vm"))
from mscg_client import *

d = Daemon("--missing-controllers=warn", "--total-cpus", "2", "--operator-group", "nogroup")
state = d.dir + "/state"
database = state + "/mscg.db"
mine = d.dir + "/mine"
os.mkdir(mine)
os.chown(mine, d.uid, -1)


def mscg(*words, socket=True, **more):
    place = ["--socket", d.socket] if socket else ["--socket", d.dir + "/none", "--state-dir", state]
    return subprocess.run([os.path.join(build, "mscg"), words[0], *place, *words[1:]], capture_output=True, text=True, timeout=60, **more)


def fsck(socket=True):
    r = mscg("fsck", "--json", socket=socket)
    return r.returncode, json.loads(r.stdout) if r.stdout else {"differences": [], "stderr": r.stderr}


def crash():
    d.process.send_signal(signal.SIGKILL)
    d.process.wait()


over, failed, array = d.submit("true"), d.submit("exit 3", max_retries=1), d.submit("true", array="0-4")
d.wait(over, failed, array)
runs = d.submit("sleep 600")
d.started(runs)
held = d.submit("true", hold=True)

# -- fsck
status, j = fsck()
ok(status == 0 and j["differences"] == [], "nothing differs while a job runs", j)
ok(j["checked"] == ["database", "journal", "slots", "cgroups"] and j["jobs"] >= 8 and j["events"] > 20, "everything was read")
r = mscg("fsck")
ok(r.returncode == 0 and "Checked database, journal, slots, cgroups" in r.stdout and "0 differences" in r.stdout, "and said in words", r.stdout)
os.mkdir(root + "/jobs/job_77")
status, j = fsck()
os.rmdir(root + "/jobs/job_77")
ok(status == 1 and [(x["where"], x["id"]) for x in j["differences"]] == [("cgroup", "77")], "a cgroup that is nobody's", j["differences"])
if os.geteuid() == 0:
    def become(gid):
        os.setgroups([])
        os.setgid(gid)
        os.setuid(d.uid)

    def user():
        become(1)

    r = mscg("fsck", preexec_fn=user)
    ok(r.returncode == 5 and "root" in r.stderr, "fsck is for operators", r.stderr)
    r = mscg("backup", "/tmp/not-for-me.%d" % os.getpid(), preexec_fn=user)
    ok(r.returncode == 5 and not [f for f in os.listdir("/tmp") if f.startswith("not-for-me.%d" % os.getpid())], "so is backup, and nothing is left", r.stderr)

    r = mscg("backup", mine + "/theirs.db", preexec_fn=lambda: become(grp.getgrnam("nogroup").gr_gid))
    ok(r.returncode == 0 and os.stat(mine + "/theirs.db").st_uid == d.uid, "an operator's file is the operator's, not root's", r.stderr)
    os.unlink(mine + "/theirs.db")

# -- backup, while jobs are submitted
copy = mine + "/copy.db"
submitter = subprocess.Popen([sys.executable, "-c", """
import sys
sys.path.insert(0, %r)
from mscg_client import Connection
c = Connection(%r, %d)
while True:
    c.call("Submit", jobs=[{"argv": ["true"], "workdir": "/", "mem_bytes": 33554432, "hold": True, "env": 0}], environments=[["A=b"]])
""" % (os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vm"), d.socket, d.uid)], stderr=subprocess.DEVNULL)
last = held
while int(last) < int(held) + 300:
    last = d.submit("true", hold=True)
r = mscg("backup", copy)
submitter.kill()
submitter.wait()
s = os.stat(copy)
ok(r.returncode == 0 and "Wrote %s" % copy in r.stdout, "a backup while jobs are submitted", r.stdout, r.stderr)
ok(stat.S_IMODE(s.st_mode) == 0o600 and s.st_uid == os.geteuid() and os.listdir(mine) == ["copy.db"], "a file of who asked, and nothing beside it")
db = sqlite3.connect("file:%s?mode=ro" % copy, uri=True)
ok(db.execute("PRAGMA integrity_check").fetchone() == ("ok",), "it is whole")
numbers = [n for (n,) in db.execute("SELECT DISTINCT key >> 32 FROM job")]
db.close()
ok(set(range(1, int(last) + 1)) <= set(numbers), "what was acknowledged before is in it", "%d jobs" % len(numbers))
ok(not [f for f in os.listdir(state) if f.startswith("backup")], "nothing is left in the state directory")
r = mscg("backup", copy)
ok(r.returncode == 1 and "is there already" in r.stderr, "it replaces nothing", r.stderr)
before = os.stat(copy).st_ino
r = mscg("backup", "--force", copy)
ok(r.returncode == 0 and os.stat(copy).st_ino != before and os.listdir(mine) == ["copy.db"], "but by force, and then by its name")
r = mscg("backup", d.dir + "/no/such/place")
ok(r.returncode == 1 and "No such file" in r.stderr, "a place that is not there", r.stderr)
status, j = fsck()
ok(status == 0 and j["jobs"] >= int(last), "and nothing differs", j["differences"])

# -- one that is given up half-way, and one after a crash
for k in range(3):
    p = subprocess.Popen([os.path.join(build, "mscg"), "backup", "--socket", d.socket, mine + "/gone.db"])
    time.sleep(0.01 * k)
    p.kill()
    p.wait()
ok(d.show(runs)["state"] == "RUNNING" and mscg("backup", mine + "/after.db").returncode == 0, "after some that were given up")
open(state + "/backup.copy.1.tmp", "w").close()
crash()

# -- without a daemon
status, j = fsck(socket=False)
ok(status == 0 and j["checked"] == ["database", "journal"] and j["differences"] == [], "fsck without a daemon", j)
r = mscg("backup", mine + "/cold.db", socket=False)
ok(r.returncode == 0 and not [f for f in os.listdir(state) if f.startswith("backup")], "backup without a daemon", r.stderr)

# -- what was backed up is taken up
keep = d.dir + "/keep"
shutil.copytree(state, keep)
for name in ("mscg.db-wal", "lock", "mscg.db"):
    if os.path.exists(state + "/" + name):
        os.unlink(state + "/" + name)
shutil.copy(mine + "/cold.db", database)
status, j = fsck(socket=False)
ok(status == 0 and j["differences"] == [], "a backup in the database's place", j)


# -- damage
def with_sql(sql):
    shutil.rmtree(state)
    os.mkdir(state, 0o700)
    shutil.copy(mine + "/cold.db", database)
    db = sqlite3.connect(database)
    db.execute(sql)
    db.commit()
    db.close()
    return fsck(socket=False)


key = int(over) << 32
status, j = with_sql("DELETE FROM event WHERE key = %d AND kind = 5" % key)
ok(status == 1 and j["differences"][0]["id"] == over and "state is COMPLETED, and by the journal " in j["differences"][0]["text"],
   "an end that the journal does not have", j["differences"][0])
ok({x["id"] for x in j["differences"]} == {over}, "and nothing else")
status, j = with_sql("DELETE FROM event WHERE key = %d AND kind = 1" % key)
ok(status == 1 and [x["where"] for x in j["differences"]] == ["journal"] and "can not happen" in j["differences"][0]["text"],
   "a grant that the journal does not have", j["differences"][0])
status, j = with_sql("UPDATE job SET exit_code = 9 WHERE key = %d" % key)
ok(status == 1 and ("damaged" in json.dumps(j)), "a row that somebody changed", j)

shutil.rmtree(state)
shutil.copytree(keep, state)
d.start()
ok(d.show(runs)["state"] == "RUNNING" and fsck()[0] == 0, "none of which the job has noticed")
d.stop()
done()
