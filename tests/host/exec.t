#!/usr/bin/python3
# also: 6.12 slow
# timeout: 200
"""mscg exec: a command in a running job has all that the job has and nothing else, ends with it, and changes nothing of how it
ends. Who may, is its user and root."""
import grp, os, pwd, pty, re, select, shutil, signal, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vm"))
from mscg_client import *

mscg = os.path.abspath(os.path.join(build, "mscg"))
GROUP = "video"
# Everything that a process has of its job; said in the same way by the job and by a command in it.
WHO = r"""id; umask; pwd; cat /proc/self/cgroup; for n in pid ipc uts cgroup net mnt user; do readlink /proc/self/ns/$n; done
grep -E '^(Uid|Gid|Groups|NoNewPrivs|Seccomp|Cap...|SigBlk|SigIgn):' /proc/self/status; cat /proc/self/oom_score_adj; nice; ulimit -n
env | grep -vE '^(_|TERM|SHLVL)=' | sort; ls /proc/self/fd | wc -l; ls -d /proc/[0-9]* 2>/dev/null | head -1"""
STAY = WHO + "; echo up; sleep 1000"

d = Daemon("--missing-controllers=warn", "--shared-cpus", "1", "--total-mem", "4GB", "--operator-group", GROUP)
user = pwd.getpwuid(d.uid)


def command(*words):
    return [mscg, "exec", "--socket", d.socket, *words]


def start(*words, uid=None, groups=(), **more):
    who = pwd.getpwuid(d.uid if uid is None else uid)
    more = dict(dict(stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True), **more)
    return subprocess.Popen(command(*words), user=who.pw_uid, group=who.pw_gid, extra_groups=list(groups), **more)


def run(*words, input=None, **more):
    """Exit status, output, errors."""
    p = start(*words, **(dict(more, stdin=subprocess.PIPE) if input is not None else more))
    out, err = p.communicate(input, timeout=60)
    return p.returncode, out.strip() if out else "", err.strip()


def text_of(job):
    try:
        return d.output(job)
    except FileNotFoundError:
        return ""


def up(*argv, **spec):
    job = d.submit(*argv, **dict({"cpus": 0.1, "cpu_mode": "quota"}, **spec))
    end = time.monotonic() + 30
    while "up\n" not in text_of(job) and time.monotonic() < end:
        time.sleep(0.02)
    if "up\n" not in text_of(job):
        diag("job %s: %s" % (job, d.show(job)["reason_text"]))
    return job


def within(seconds, true):
    end = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < end:
        time.sleep(0.02)
    return found


def heeds(pid, number):
    """It waits for this signal, or has a handler."""
    with open("/proc/%d/status" % pid) as f:
        sets = [int(l.split()[1], 16) for l in f if l.startswith(("SigBlk", "SigCgt"))]
    return (sets[0] | sets[1]) >> (number - 1) & 1


def log_lines(pattern):
    return [l for l in open(d.dir + "/log", errors="replace").read().splitlines() if re.search(pattern, l)]


# -- all that the job has
jobs = {}
for isolate in ("none", "default", "strict"):
    jobs[isolate] = job = up(STAY, isolate=isolate, umask=0o27, workdir=d.out)
    want = text_of(job).replace("up\n", "").strip()
    status, out, err = run(job, WHO)
    ok(status == 0 and out == want and "MSCG_JOB_ID=" + job in out and "job_%s" % job in (out if isolate == "none" else "job_%s" % job),
       "%s: a command has user, groups, cgroup, namespaces, filter, limits, environment and directory of the job" % isolate,
       *([] if out == want else ["command: %s" % sorted(set(out.splitlines()) - set(want.splitlines())), "job: %s" % sorted(set(want.splitlines()) - set(out.splitlines())), err, d.show(job)["reason_text"]]))
    before = set(cgroup_file(job, "cgroup.procs").split())
    p = start(job, "sh", "-c", "echo up; exec sleep 1000")
    p.stdout.readline()
    now = set(cgroup_file(job, "cgroup.procs").split()) - before
    ok(len(now) == 1, "%s: it is in the job's cgroup" % isolate, now)
    pid = int(now.pop())
    # By now it may be on its way to be sleep, and have a library open.
    ok(within(20, lambda: sorted(os.listdir("/proc/%d/fd" % pid)) == ["0", "1", "2"]), "%s: it has three descriptors" % isolate, os.listdir("/proc/%d/fd" % pid))
    within(20, lambda: heeds(p.pid, signal.SIGTERM))
    p.send_signal(signal.SIGTERM)
    ok(p.wait(30) == 128 + signal.SIGTERM, "%s: a signal to mscg exec is one to it" % isolate, p.returncode)

sandbox, plain = jobs["default"], jobs["none"]

# -- descriptors and exit status
for job in (sandbox, plain):
    ok(run(job, "sh", "-c", "cat; echo err >&2; exit 7", input="from here\n") == (7, "from here", "err"), "descriptors and exit status, job %s" % job)
    ok(run(job, "kill -SEGV $$")[0] == 139, "a signal is 128 + its number")
    ok(run(job, "--", "echo", "a  b") == (0, "a  b", ""), "words are words")
    status, _, err = run(job, "no-such-program", "x")
    ok(status == 127 and "cannot start no-such-program in job %s: exec: No such file" % job in err, "no such program: 127", status, err)
    script = "/tmp/mscg-interpreter.%d" % os.getpid()
    run(job, "echo '#!/no/such/interpreter' >%s; chmod 755 %s" % (script, script))
    status, _, err = run(job, script, "x")
    ok(status == 127 and "cannot start %s in job %s: its interpreter: No such file" % (script, job) in err, "no such interpreter: 127", status, err)
    run(job, "rm " + script)
    status, _, err = run(job, "/etc/passwd", "x")
    ok(status == 126 and "Permission denied" in err, "not a program: 126", status, err)
    status, out, err = run(job, *["x"] * 2000)
    ok(status == 2 and "at most 1024" in err, "too many words are refused", status, err)
    status, out, err = run(job, "echo", "x" * 70000)
    ok(status == 2 and "too long" in err, "a command that is too long is refused", status, err)
    ok(run(job, "sleep 0; ( sleep 1000 >/dev/null 2>&1 & ) ; exit 4")[0] == 4, "what it leaves behind is the job's, and not waited for")
shell = subprocess.run(command(sandbox), input="echo $MSCG_JOB_ID $0\n", text=True, user=d.uid, group=user.pw_gid, extra_groups=[], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
if user.pw_shell.endswith("sh"):
    ok(shell.stdout.split()[:1] == [sandbox], "without a command it is the user's shell", shell)

# -- not a way out
leak = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
ok(run(plain, "ls", "/dev/fd/0/", stdin=leak)[0] == 0, "a directory as standard input, without a sandbox")
status, _, err = run(sandbox, "ls", "/dev/fd/0/", stdin=leak)
ok(status == 126 and "standard input: Is a directory" in err, "and into a sandbox it is refused", status, err)
os.close(leak)
ok(run(sandbox, "echo 1 >/proc/sys/kernel/panic")[0] != 0 and run(sandbox, "unshare --user true")[0] != 0, "the sandbox holds for a command")
ok(run(sandbox, "ls /proc/1/fd 2>/dev/null | wc -l")[1] == "0", "its init cannot be looked into")
ok(run(sandbox, "kill -KILL 1; kill -TERM 1; sleep 0.1; echo alive")[1] == "alive" and d.show(sandbox)["state"] == "RUNNING", "nor be killed from within")
status, out, _ = run(sandbox, "echo 0 2>/dev/null >/sys/fs/cgroup/cgroup.procs && echo wrote; ls /sys/fs/cgroup/cgroup.procs")
ok("wrote" not in out and "cgroup.procs" in out, "the cgroup tree is the job's own, and read-only", out)
inside = up("echo up; sleep 1000", isolate="ipc,mount")
status, _, err = run(inside, "true")
ok(status == 1 and "expected --isolate with pid" in err, "where nobody is there to start it, it is refused", err)

# -- who may
before = len(log_lines("audit=allowed verb=Exec"))
ok(run(plain, "id -u", uid=0) == (0, str(d.uid), ""), "root may, and the command is the job's user's")
lines = log_lines("^\\[mscg\\] job=%s audit=allowed verb=Exec uid=0 gid=0 pid=\\d+ owner=%d$" % (plain, d.uid))
ok(len(lines) == 1 and len(log_lines("audit=allowed verb=Exec")) == before + 1 and before > 20, "each is in the log, whoever does it", before)
stranger = pwd.getpwnam("games").pw_uid
for name, groups in (("another user", ()), ("a member of the operators' group", (grp.getgrnam(GROUP).gr_gid,))):
    status, out, err = run(plain, "id", uid=stranger, groups=groups)
    ok(status == 5 and out == "" and "belongs to uid %d" % d.uid in err, name + " may not", status, err)
ok(len(log_lines("job=%s audit=refused verb=Exec uid=%d" % (plain, stranger))) == 2, "and that is in the log")

# -- which jobs
waits = d.submit("true", hold=True)
status, _, err = run(waits, "true")
ok(status == 1 and "job %s is PENDING: expected one that is RUNNING" % waits in err, "a job that waits is refused, with its state", err)
many = d.submit("true", hold=True, array="1-3")
for task, want in ((many, "is an array: expected one of its tasks"), (many + "_2", "job %s_2 is PENDING" % many)):
    status, _, err = run(task, "true")
    ok(status == 1 and want in err, "so is %s" % task, err)
over = d.submit("true")
d.wait(over)
status, _, err = run(over, "true")
ok(status == 3 and "no job %s that is pending or running" % over in err, "and one that has ended", status, err)
for job in (plain, sandbox):
    d.call("Suspend", ids=[job])
    status, _, err = run(job, "true")
    ok(status == 1 and "job %s is SUSPENDED" % job in err, "and one that is suspended", err)
    d.call("Resume", ids=[job])
    d.until(job, state="RUNNING")
    ok(run(job, "echo again")[1] == "again", "not one that was resumed")
d.call("Cancel", ids=[waits, many])

# -- so many at once
crowd = [start(plain, "sh", "-c", "echo up; exec sleep 1000") for _ in range(16)]
for p in crowd:
    p.stdout.readline()
status, _, err = run(plain, "true")
ok(status == 1 and "as many commands as may" in err, "the 17th at once is refused", err)
for p in crowd:
    p.send_signal(signal.SIGINT)
ok({p.wait(30) for p in crowd} == {130}, "16 are interrupted")
ok(run(plain, "echo room")[1] == "room", "and there is room again")

# -- its end
for isolate in ("none", "default"):
    job = up("echo up; read x <%s/go%s; exit 3" % (d.out, isolate), isolate=isolate, workdir=d.out)
    os.mkfifo("%s/go%s" % (d.out, isolate))
    d.call("Cancel", ids=[job])
    d.wait(job)
    job = up("echo up; read x <%s/go%s; exit 3" % (d.out, isolate), isolate=isolate, workdir=d.out, grace=60)
    deaf = start(job, "sh", "-c", "trap '' TERM INT HUP; echo up; while :; do sleep 1; done")
    deaf.stdout.readline()
    failed = run(job, "exit 9")[0]
    begun = time.monotonic()
    with open("%s/go%s" % (d.out, isolate), "w") as f:
        f.write("go\n")
    end = d.wait(job)[job]
    _, err = deaf.communicate(timeout=30)
    ok((end["state"], end["exit_code"], failed) == ("FAILED", 3, 9), "%s: the job's exit code is its own" % isolate, end, failed)
    ok(deaf.returncode == 137 and "job %s has ended, and the command was killed with it" % job in err, "%s: a command is killed with the job, and says so" % isolate,
       deaf.returncode, err)
    # Asked to end, what a job leaves has its grace time; a command has not.
    job = up("echo up; exec sleep 1000", isolate=isolate, grace=60)
    deaf = start(job, "sh", "-c", "trap '' TERM INT HUP; echo up; while :; do read x; done", stdin=subprocess.PIPE)
    deaf.stdout.readline()
    begun = time.monotonic()
    d.call("Cancel", ids=[job])
    end = d.wait(job)[job]
    took = time.monotonic() - begun
    deaf.communicate(timeout=30)
    ok(end["state"] == "CANCELLED" and took < 20 and deaf.returncode == 137, "%s: one that ignores all signals does not hold up a cancelled job" % isolate, end, "%.1f s" % took)
    # Of a program that cannot be found out about, one that hangs on its way.
    job = up("echo up; exec sleep 1000", isolate=isolate)
    gone = start(job, "sh", "-c", "trap 'echo hup >%s/hup%s; exit' HUP; echo up; while :; do sleep 0.05; done" % (d.out, isolate))
    gone.stdout.readline()
    gone.kill()
    gone.wait()
    ok(within(20, lambda: os.path.exists("%s/hup%s" % (d.out, isolate))), "%s: the end of mscg exec is SIGHUP" % isolate)
    # The scheduler is none of it.
    p = start(job, "sh", "-c", "echo up; read x; echo $x; exit 5", stdin=subprocess.PIPE)
    p.stdout.readline()
    d.show(job)  # the answer is out
    d.process.kill()
    d.process.wait()
    d.start()
    ok(run(job, "echo new") == (0, "new", ""), "%s: a command in a job that was adopted" % isolate)
    out, _ = p.communicate("old\n", timeout=30)
    ok((p.returncode, out) == (5, "old\n"), "%s: and one of before goes on over the restart" % isolate, p.returncode, out)
    # Its supervisor is killed: so is the job.
    p = start(job, "sh", "-c", "echo up; exec sleep 1000")
    p.stdout.readline()
    with open("/proc/%d/stat" % d.show(job)["pid"]) as f:
        supervisor = int(f.read().rsplit(")", 1)[1].split()[1])
    os.kill(supervisor, signal.SIGKILL)
    _, err = p.communicate(timeout=30)
    ok(p.returncode == 137 and "has ended" in err, "%s: it ends with a job whose supervisor died" % isolate, p.returncode, err)
    d.wait(job)

# -- a terminal
for job in (plain, sandbox):
    pid, master = pty.fork()
    if pid == 0:
        os.setgroups([])
        os.setresgid(*[user.pw_gid] * 3)
        os.setresuid(*[d.uid] * 3)
        os.environ["TERM"] = "mscg-test"
        os.execv(mscg, command(job, "sh", "-c", "stty size; echo $TERM; [ -t 0 ] && [ -t 2 ] && echo controlling >/dev/tty; trap 'echo caught; exit 8' INT; echo up; while :; do sleep 0.05; done"))
    said = b""

    def read_until(what, seconds=30):
        global said
        end = time.monotonic() + seconds
        while what not in said and time.monotonic() < end:
            if select.select([master], [], [], 0.2)[0]:
                try:
                    said += os.read(master, 4096)
                except OSError:
                    break
        return what in said

    ready = read_until(b"up")
    os.write(master, b"\x03")
    caught = read_until(b"caught")
    _, status = os.waitpid(pid, 0)
    os.close(master)
    ok(ready and caught and b"controlling" in said and b"mscg-test" in said and os.waitstatus_to_exitcode(status) == 8,
       "a terminal of its own, with Ctrl-C, job %s" % job, said, status)

ok(all(d.show(j)["state"] == "RUNNING" for j in jobs.values()), "the jobs do not know of it")
d.call("Cancel", ids=list(jobs.values()) + [inside])
d.wait(*jobs.values(), inside)
ok(not [c for c in job_cgroups()], "nothing of them is left", job_cgroups())
d.stop()
shutil.rmtree(d.dir)
done()
