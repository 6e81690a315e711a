#!/usr/bin/python3
# timeout: 200
"""Who may do what: every verb by every identity is a cell, and every cell is tried, with privacy none, users and jobs. The
log has one line for each refused and each privileged act, and no other."""
import ctypes, re

from sys import path
from os.path import dirname

path.insert(0, dirname(__file__) + "/../vm")
from mscg_client import *

import array, collections, grp, signal

GROUP = "video"  # stands for mscg: it is on every machine
libc = ctypes.CDLL(None, use_errno=True)


def uid_of(name):
    return pwd.getpwnam(name).pw_uid


def become(uid, groups):
    os.setgroups(groups)
    os.setresgid(pwd.getpwuid(uid).pw_gid, *[pwd.getpwuid(uid).pw_gid] * 2)
    os.setresuid(uid, uid, uid)


def own_user_namespace():
    uid = os.getuid()
    libc.prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: who has changed its uid may not write its own maps
    if libc.unshare(0x10000000) != 0:  # CLONE_NEWUSER
        raise OSError(ctypes.get_errno(), "unshare")
    with open("/proc/self/setgroups", "w") as f:
        f.write("deny")
    with open("/proc/self/uid_map", "w") as f:
        f.write("0 %d 1" % uid)
    assert os.getuid() == 0


children = []


class Peer(Connection):
    """Connected by a process of that identity; the socket is handed to this one, which is root's."""

    def __init__(self, socket_path, uid, groups=(), namespace=False, dies=False):
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            try:
                ours.close()
                become(uid, list(groups))
                if namespace:
                    own_user_namespace()
                s = socket.socket(socket.AF_UNIX)
                s.connect(socket_path)
                theirs.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [s.fileno()]))])
                if not dies:
                    theirs.recv(1)  # until the other end is closed
            finally:
                os._exit(0)
        theirs.close()
        data, ancillary, *_ = ours.recvmsg(1, socket.CMSG_SPACE(4))
        if not ancillary:
            raise RuntimeError("no connection as uid %d" % uid)
        self.socket = socket.socket(fileno=array.array("i", ancillary[0][2])[0])
        self.socket.settimeout(60)
        self.rest = b""
        self.alive = ours
        if dies:
            os.waitpid(pid, 0)
        else:
            children.append(pid)

    def name_of(self, method, parameters, more=False):
        """"ok", or the name of the error; the reply in .reply."""
        self.send(method, parameters, more)
        message = b""
        self.replies = []
        while True:
            while b"\0" not in self.rest:
                part = self.socket.recv(1 << 20)
                if not part:
                    return "closed"
                self.rest += part
            message, self.rest = self.rest.split(b"\0", 1)
            reply = json.loads(message)
            if "error" in reply:
                return reply["error"].rsplit(".", 1)[1]
            self.replies.append(reply["parameters"])
            if reply.get("continues"):
                continue
            errors = reply["parameters"].get("errors")
            return errors[0]["error"].rsplit(".", 1)[-1] if errors else "ok"


OWNER, OTHER, MEMBER, NOBODY = (uid_of(n) for n in ("games", "man", "mail", "nobody"))
IDENTITIES = {
    "owner": dict(uid=OWNER),
    "other": dict(uid=OTHER),
    "member": dict(uid=MEMBER, groups=[1, 2, grp.getgrnam(GROUP).gr_gid]),
    "root": dict(uid=0),
    "namespace": dict(uid=OTHER, namespace=True),  # root there
    "nobody": dict(uid=NOBODY),
    "died": dict(uid=OTHER, dies=True),
}
OPERATORS = ("member", "root")
# What each verb needs. VIEW: shows jobs, as far as privacy lets it.
TABLE = {
    "Ping": "anyone", "Config": "anyone", "Stats": "anyone", "PassStdio": "anyone", "Submit": "submit",
    "List": "view", "Show": "view", "Top": "view", "Wait": "view", "Events": "view",
    "Cancel": "owner", "Resize": "owner", "Hold": "owner", "Release": "owner", "Update": "owner",
    "Suspend": "owner", "Resume": "owner", "Exec": "user",
    "Drain": "operator", "Shutdown": "operator", "ListReservations": "anyone", "Reserve": "operator", "Unreserve": "operator",
}
STATE = {"Unreserve": "InvalidArgument", "Suspend": "Refused", "Resume": "Refused", "Exec": "Refused"}  # of who may: the job does not run, there is none


def expected(need, who, privacy):
    if need == "submit":
        return "NotPermitted" if who == "root" else "ok"  # no jobs of root, unless the configuration allows them
    if need == "user" and who == "member":  # an operator sees it, and does not become its user
        return "NotPermitted"
    if need == "operator":
        return "ok" if who in OPERATORS else "NotPermitted"
    if need in ("owner", "user"):
        return "ok" if who in ("owner", *OPERATORS) else "NoSuchJob" if privacy == "jobs" else "NotPermitted"
    return "ok"


def seen(who, privacy):
    """all, shape, nothing: of the owner's jobs"""
    return "all" if who in ("owner", *OPERATORS) else {"none": "all", "users": "shape", "jobs": "nothing"}[privacy]


held = {"argv": ["true"], "workdir": "/", "mem_bytes": 32 << 20, "hold": True, "name": "secret", "comment": "secret"}


def parameters(verb, job, ended):
    return {
        "Submit": {"jobs": [held]}, "Show": {"id": job}, "Wait": {"ids": [ended]}, "Events": {"since": 0, "follow": False},
        "Cancel": {"ids": [job]}, "Resize": {"id": job, "cpus": 2}, "Hold": {"ids": [job]}, "Release": {"ids": [job]},
        "Suspend": {"ids": [job]}, "Resume": {"ids": [job]}, "Exec": {"id": job},
        "Update": {"id": job, "priority": -1}, "Drain": {"undo": True},
        "Reserve": {"name": "r" + job, "start": "2099-01-01T00:00:00Z", "duration": 60, "cpus": 1, "users": ["games"]}, "Unreserve": {"name": "none"},
    }.get(verb, {})


def look(verb, who, privacy, peer, job, ended):
    """What a viewer was shown is what it may see."""
    want = seen(who, privacy)
    if verb == "List":
        mine = [j for r in peer.replies for j in r["jobs"] if j["id"] in (job, ended)]
        found = "nothing" if not mine else "shape" if all(j["uid"] is None and j["user"] == j["command"] == "" and j["name"] is None for j in mine) else "all"
        whole = "secret" in json.dumps(mine)
        return found == want and whole == (want == "all") and len(mine) == (0 if want == "nothing" else 2)
    if verb == "Show":
        return ("secret" in json.dumps(peer.replies)) == (want == "all")
    if verb == "Events":
        ids = {r["event"]["id"] for r in peer.replies if r["event"]}
        return (job in ids) == (ended in ids) == (want != "nothing")
    return True


def expect_view(verb, who, privacy):
    hidden = seen(who, privacy) == "nothing" and verb in ("Show", "Wait")
    return "NoSuchJob" if hidden else "ok"


PATTERN = re.compile(r"^\[mscg\] (?:job=(?P<job>\S+) )?audit=(?P<result>\w+) verb=(?P<verb>\w+) uid=(?P<uid>\d+) gid=\d+ pid=\d+(?: owner=(?P<owner>\d+))?$")


def audit_lines(d):
    lines = [l for l in open(d.dir + "/log", errors="replace").read().splitlines() if "audit=" in l]
    parsed = [PATTERN.match(l) for l in lines]
    return collections.Counter((m["result"], m["verb"], int(m["uid"]), m["job"]) for m in parsed if m), [l for l, m in zip(lines, parsed) if not m]


for privacy in ("none", "users", "jobs"):
    d = Daemon("--missing-controllers=warn", "--total-cpus", "2", "--operator-group", GROUP, "--privacy", privacy)
    noted = collections.Counter()  # what the log should say
    owner = Peer(d.socket, OWNER)
    owner.call("Submit", jobs=[dict(held, hold=False, argv=["true"], stdout_path="/dev/null")])
    ended = "1"
    owner.call("Wait", ids=[ended])
    wrong = {}
    for verb, need in TABLE.items():
        if verb == "Shutdown":
            continue
        for who, identity in IDENTITIES.items():
            job = owner.call("Submit", jobs=[held])["jobs"][0]["id"]
            if verb == "Release":
                pass  # held by its owner: who may act may release it
            peer = Peer(d.socket, **identity)
            got = peer.name_of(verb, parameters(verb, job, ended), more=verb in ("List", "Events"))
            want = expect_view(verb, who, privacy) if need == "view" else expected(need, who, privacy)
            if got != (STATE.get(verb, "ok") if want == "ok" else want) or (need == "view" and got == "ok" and not look(verb, who, privacy, peer, job, ended)):
                wrong[verb, who] = (got, want, str(peer.replies)[:200])
            uid = identity["uid"]
            if need == "owner" and who != "owner":
                noted["allowed" if want == "ok" else "refused", verb, uid, job] += 1
            elif need == "user" and want != "ok":
                noted["refused", verb, uid, job] += 1
            elif need == "operator" or (need == "submit" and who == "root"):
                noted["allowed" if want == "ok" else "refused", verb, uid, None] += 1
            if verb == "Submit" and got == "ok":
                mine = peer.replies[0]["jobs"][0]["id"]
                if d.call("Show", id=mine)["job"]["uid"] not in (uid, None) if privacy != "jobs" else False:
                    wrong[verb, who] = "its job is somebody else's"
            peer.socket.close()
            peer.alive.close()
            if got == "ok" and verb == "Cancel":
                continue
            owner.call("Cancel", ids=[job])
    ok(not wrong, "privacy %s: %d cells, %d verbs by %d identities" % (privacy, (len(TABLE) - 1) * len(IDENTITIES), len(TABLE) - 1, len(IDENTITIES)),
       *["%s by %s: %s" % (*k, v) for k, v in wrong.items()])
    got, odd = audit_lines(d)
    ok(got == noted and not odd, "privacy %s: %d lines of the log, one for each refused and each privileged act" % (privacy, sum(noted.values())),
       "missing: %s" % (noted - got) if noted - got else "", "too many: %s" % (got - noted) if got - noted else "", *odd)
    if privacy == "none":
        wrong = {}
        for who, identity in IDENTITIES.items():
            peer = Peer(d.socket, **identity)
            result = peer.name_of("Shutdown", {})
            want = expected("operator", who, privacy)
            if result != want or (result == "ok") != (want == "ok"):
                wrong[who] = (result, want)
            if want == "ok":
                d.process.wait(60)
                d.start()
            elif d.process.poll() is not None:
                wrong[who] = "mscgd is gone"
                d.start()
        ok(not wrong, "Shutdown by %d identities" % len(IDENTITIES), *["%s: %s" % i for i in wrong.items()])
    runs = Peer(d.socket, OWNER).call("Submit", jobs=[held])["jobs"][0]["id"]
    got = {who: [Peer(d.socket, uid).name_of("Submit", {"jobs": [dict(held, dependency="afterany:" + id)]}) for id in (ended, runs)]
           for who, uid in (("owner", OWNER), ("other", OTHER))}
    ok(got == {"owner": ["ok"] * 2, "other": ["InvalidArgument" if privacy == "jobs" else "ok"] * 2},
       "privacy %s: a dependency on a job that is hidden, ended or not, is one on a job that is not there" % privacy, got)
    d.stop()

# -- how often
d = Daemon("--missing-controllers=warn", "--total-cpus", "2", "--operator-group", GROUP, "--user-request-rate", "20")
often = {}
for who in ("owner", "member", "root"):
    peer = Peer(d.socket, **IDENTITIES[who])
    often[who] = collections.Counter(peer.name_of("Ping", {}) for _ in range(300))
other = Peer(d.socket, OTHER).name_of("Ping", {})
ok(often["owner"]["ok"] >= 200 and often["owner"]["Refused"] > 0 and sum(often["owner"].values()) == 300,
   "one user, 300 requests, 20 a second: some are refused, after 200 at once", often["owner"])
ok(other == "ok" and all(often[who] == {"ok": 300} for who in OPERATORS), "another user and operators are not", other, often)
time.sleep(1)
again = Peer(d.socket, OWNER).name_of("Ping", {})
ok(again == "ok", "and after a second it may ask again", again)
d.stop()

# -- how much
d = Daemon("--missing-controllers=warn", "--total-cpus", "4", "--user-max-jobs", "1", "--user-max-submit", "3")


def sleeps(peer, number=1):
    job = {"argv": ["sleep", "600"], "workdir": "/", "stdout_path": "/dev/null", "mem_bytes": 32 << 20, "env": 0}
    try:
        return [j["id"] for j in peer.call("Submit", jobs=[job] * number, environments=[["PATH=/usr/bin:/bin"]])["jobs"]]
    except RuntimeError as e:
        return str(e)


first, second = Peer(d.socket, OWNER), Peer(d.socket, OTHER)
runs, waits = sleeps(first, 2)
neighbour, = sleeps(second)
d.started(runs)
d.started(neighbour)
shown = d.show(waits)
ok(shown["state"] == "PENDING" and shown["reason"] == "QOSMaxJobsPerUserLimit" and "may run 1 at a time" in shown["reason_text"],
   "a user at the limit of running jobs waits, another user's job runs", shown["reason_text"])
refused = sleeps(first, 2)
ok("1 job more than the 3" in refused, "two more jobs, of which one is above what a user may have: none is taken", refused)
d.process.kill()
d.process.wait()
d.start()
Peer(d.socket, OWNER).call("Cancel", ids=[runs])
d.started(waits)
ok(d.show(runs)["state"] == "CANCELLED" and d.show(neighbour)["state"] == "RUNNING", "after a restart the limit holds, until one ends",
   d.show(runs)["state"], d.show(neighbour)["state"])
more = sleeps(Peer(d.socket, OWNER), 2)
r = Peer(d.socket, OWNER).call("Requeue", ids=[runs])
ok(r["requeued"] == [] and "1 job more than the 3" in r["errors"][0]["message"], "what is run again counts too", r)
Peer(d.socket, 0).call("Cancel", ids=[waits, neighbour, *more])
d.wait(waits, neighbour, *more)
d.stop()

for pid in children:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    os.waitpid(pid, 0)
done()
