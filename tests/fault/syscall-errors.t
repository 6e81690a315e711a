#!/usr/bin/python3
# timeout: 200
# plain: LeakSanitizer does not work under ptrace
"""Each system call of the three paths (paths.py) fails once with each errno of its manual page, and reads and writes are
short: mscgd and supervisors end cleanly, say no, or go on, but do not crash and do not say that was done what was not."""
import os, sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import errno
from paths import *

suite = Suite("syscall-errors", short=40, only=dict(help="only of: serve recover supervise"),
              times=dict(type=int, default=3, help="the first so many calls of a kind on each path"),
              show=dict(action="store_true", help="what each came to"))
ROUND = 25
HALF = "half"

# brk itself fails without an errno, by what it returns. x86-64. What the manual pages of section 2 name and a kernel may say of arguments that are right.
IO = "EINTR EIO EAGAIN"
TABLE = {
    "read": (0, IO), "write": (1, IO + " ENOSPC EDQUOT EFBIG EPIPE"), "close": (3, "EINTR EIO ENOSPC EDQUOT"),
    "fstat": (5, "ENOMEM EOVERFLOW"), "poll": (7, "EINTR ENOMEM"), "lseek": (8, "EOVERFLOW"), "mmap": (9, "ENOMEM EAGAIN ENODEV ENFILE"),
    "mprotect": (10, "ENOMEM EACCES"), "munmap": (11, "ENOMEM"), "brk": (12, ""), "rt_sigaction": (13, ""),
    "ioctl": (16, "ENOTTY"), "pread64": (17, IO), "pwrite64": (18, IO + " ENOSPC EDQUOT EFBIG"), "access": (21, "EACCES EIO ENOMEM"),
    "getpid": (39, ""), "socket": (41, "EACCES EMFILE ENFILE ENOBUFS ENOMEM"), "connect": (42, "EAGAIN ECONNREFUSED EINTR ENOENT"),
    "accept": (43, "EAGAIN ECONNABORTED EINTR EMFILE ENFILE ENOBUFS ENOMEM"), "sendto": (44, "EAGAIN ECONNRESET EINTR ENOBUFS ENOMEM EPIPE"),
    "recvfrom": (45, "EAGAIN ECONNRESET EINTR ENOMEM"), "sendmsg": (46, "EAGAIN ECONNRESET EINTR ENOBUFS ENOMEM EPIPE ETOOMANYREFS"),
    "recvmsg": (47, "EAGAIN EINTR ENOMEM ECONNRESET"), "bind": (49, "EADDRINUSE EACCES ENOMEM EROFS"), "listen": (50, "EADDRINUSE"),
    "socketpair": (53, "EMFILE ENFILE"), "setsockopt": (54, "ENOMEM"), "getsockopt": (55, "ENOMEM"), "wait4": (61, "EINTR"),
    "fcntl": (72, "EAGAIN EINTR ENOLCK"), "flock": (73, "EINTR ENOLCK EWOULDBLOCK"), "fsync": (74, "EIO ENOSPC EDQUOT EROFS"),
    "fdatasync": (75, "EIO ENOSPC EDQUOT EROFS"), "ftruncate": (77, "EIO EFBIG EINTR EROFS"), "getcwd": (79, "ENOMEM"),
    "rename": (82, "EIO ENOSPC EDQUOT EROFS ENOMEM"), "mkdir": (83, "ENOSPC EDQUOT EMLINK EROFS ENOMEM EEXIST"), "rmdir": (84, "EBUSY EROFS ENOMEM"),
    "unlink": (87, "EIO EROFS EBUSY ENOMEM"), "readlink": (89, "EIO ENOMEM"), "fchmod": (91, "EIO EPERM EROFS"), "getrlimit": (97, ""),
    "prctl": (157, "EPERM"), "setpriority": (141, "EACCES EPERM"), "getdents64": (217, "ENOENT"), "gettid": (186, ""),
    "futex": (202, ""), # none of what it may say can be said of a wake, and the C library makes sure of the rest
    "epoll_create": (213, "EMFILE"), "epoll_wait": (232, "EINTR"), "epoll_ctl": (233, "ENOMEM ENOSPC"),
    "exit_group": (231, ""), "openat": (257, "EACCES EINTR EMFILE ENFILE ENOENT ENOMEM ENOSPC EROFS EIO"),
    "mkdirat": (258, "ENOSPC EDQUOT EMLINK EROFS ENOMEM EEXIST"), "newfstatat": (262, "ENOMEM EACCES"), "unlinkat": (263, "EIO EROFS EBUSY ENOMEM"),
    "renameat": (264, "EIO ENOSPC EROFS ENOMEM"), "readlinkat": (267, "EIO ENOMEM"), "faccessat": (269, "EACCES ENOMEM"), "ppoll": (271, "EINTR ENOMEM"),
    "epoll_pwait": (281, "EINTR"), "timerfd_create": (283, "EMFILE ENFILE ENOMEM ENODEV"), "fallocate": (285, "EINTR EIO ENOSPC EFBIG"),
    "timerfd_settime": (286, "ECANCELED"), "accept4": (288, "EAGAIN ECONNABORTED EINTR EMFILE ENFILE ENOBUFS ENOMEM"),
    "signalfd4": (289, "EMFILE ENFILE ENOMEM ENODEV"), "eventfd2": (290, "EMFILE ENFILE ENOMEM ENODEV"), "epoll_create1": (291, "EMFILE ENFILE ENOMEM"),
    "pipe2": (293, "EMFILE ENFILE"), "waitid": (247, "EINTR"), "prlimit64": (302, "EPERM"), "getrandom": (318, "EAGAIN EINTR"),
    "memfd_create": (319, "EMFILE ENFILE ENOMEM"), "statx": (332, "EACCES ENOMEM"), "pidfd_send_signal": (424, "ESRCH EPERM"),
    "pidfd_open": (434, "EMFILE ENFILE ENODEV ENOMEM ESRCH"), "clone3": (435, "EAGAIN EBUSY ENOMEM ENOSPC EOPNOTSUPP EPERM"),
    "close_range": (436, "EMFILE ENOMEM"), "openat2": (437, "EACCES EAGAIN EMFILE ENFILE ENOENT ENOMEM EINTR"), "faccessat2": (439, "EACCES ENOMEM"),
    "rt_sigreturn": (15, ""), "getpriority": (140, ""), "rt_sigprocmask": (14, ""), "dup2": (33, "EBUSY EINTR EMFILE"), "dup3": (292, "EBUSY EINTR EMFILE"),
    "setpgid": (109, "EPERM"), "umask": (95, ""), "chdir": (80, "EACCES EIO ENOMEM ENOENT"), "fchdir": (81, "EACCES EIO"), "setgroups": (116, "EPERM ENOMEM"),
    "setresuid": (117, "EAGAIN EPERM ENOMEM"), "getresuid": (118, ""), "setresgid": (119, "EPERM"), "getresgid": (120, ""), "setuid": (105, ""),
    "capget": (125, "EPERM"), "capset": (126, "EPERM"), "execve": (59, "E2BIG EACCES EIO ENFILE ENOENT ENOMEM ETXTBSY EAGAIN"), "execveat": (322, "E2BIG EACCES EIO ENFILE ENOENT ENOMEM ETXTBSY"),
    "fchown": (93, "EPERM EROFS EIO"), "fstatfs": (138, "EIO EINTR ENOMEM"), "sched_setaffinity": (203, "EINVAL"), "sched_getaffinity": (204, "EINVAL"),
    "clone": (56, "EAGAIN ENOMEM"), "unshare": (272, "EPERM ENOSPC EUSERS ENOMEM"), "set_robust_list": (273, ""), "rseq": (334, ""),
    "setitimer": (38, ""), "fchmodat": (268, "EIO EROFS"), "symlinkat": (266, "ENOSPC EDQUOT EROFS ENOMEM"), "getgroups": (115, ""), "getegid": (108, ""), "getgid": (104, ""),
    "geteuid": (107, ""), "getuid": (102, ""), "getppid": (110, ""), "uname": (63, ""), "sysinfo": (99, ""),
    "fsetxattr": (190, "ENOSPC EDQUOT EPERM"), "fgetxattr": (193, "ENODATA EOPNOTSUPP"), "setsid": (112, "EPERM"),
}
NAME = {number: name for name, (number, _) in TABLE.items()}
SHORT = {"read", "write", "pread64", "pwrite64"}


def cases(counted):
    """[(name, number, errno name or HALF, which)]"""
    found = []
    for number, n in sorted(counted.items()):
        name = NAME.get(number)
        if name is None:
            unknown.add(number)
            continue
        for which in range(1, min(n, suite.arguments.times) + 1):
            found += [(name, number, e, which) for e in TABLE[name][1].split()]
            found += [(name, number, HALF, which)] if name in SHORT else []
    return found


def expect(job, row):
    """An end that says so: not begun, or begun and its supervisor is no more. Refused is no job at all."""
    if row["reason"] == "SupervisorDied":
        return ("FAILED", -1, 0)
    if row["reason"] == "JobLaunchFailure":
        return ("FAILED", row["exit_code"], row["signal"])
    return None


def one(path, case):
    name, number, error, which = case
    options = ["-s", str(number), "-w", str(which)] + (["-l"] if error == HALF else ["-e", str(getattr(errno, error))])
    v = path.v
    before, from_here = path.world.said(1), os.path.getsize(path.world.dir + "/log")
    fired, counted, status = path.walk(options, 6)
    what = "%s: %s %d %s" % (path.kind, name, which, error)
    with open(path.world.dir + "/log", errors="replace") as log:
        log.seek(from_here)
        in_hwloc = "SIGSEGV in" in (text := log.read()) and "/libhwloc" in text
    if in_hwloc: # which does not look at what it is given; nothing is served by then
        v.counts["crashes in hwloc"] += 1
    elif path.kind != "recover" and status is not None and status < 0 or path.kind == "recover" and status >= 128:
        v.add("broken", "%s: mscgd died by signal %d: %s" % (what, -status if status < 0 else status - 128, path.world.said(4)))
    elif status not in (None, 0, 3) and path.world.said(1) == before:
        v.add("broken", "%s: mscgd ended with %s and said nothing" % (what, status))
    if path.hangs:
        v.add("broken", "%s: its job is not over after 6 s: %s" % (what, {j["id"]: (j["state"], j["reason_text"]) for j in path.world.list(active=True).values()}))
    if fired:
        v.counts["injected"] += 1
    if suite.arguments.show:
        diag("%s: %s, status %s, %s" % (what, "injected" if fired else "not come to", status, path.said))
    path.said = ""


def along(kind, rng):
    path = Path(kind, rng)
    fired, counted, status = path.walk(["-c"], 5)
    fired, counted, status = path.walk(["-c"], 5)
    todo = cases(counted)
    diag("%s: %d kinds of calls, %d cases" % (kind, len(counted), len(todo)))
    path.world.destroy()
    if not suite.long:
        todo = rng.sample(todo, min(len(todo), suite.target // 3))
    todo = todo[:suite.target]
    for i in range(0, len(todo), ROUND):
        if suite.time_is_up():
            break
        path = Path(kind, rng)
        path.v = Verdict()
        for case in todo[i:i + ROUND]:
            try:
                one(path, case)
            except (Refused, TimeoutError, OSError) as e:
                path.v.add("broken", "%s: %s: %s" % (kind, case, e))
                if path.world.process.poll() is not None:
                    path.world.start()
        v = path.verdict(expect, may_be_lost=kind == "recover")
        v.problems = path.v.problems + ["%s, somewhere in %s: %s" % (kind, [" ".join(map(str, (c[0], c[3], c[2]))) for c in todo[i:i + ROUND]], p)
                                        for p in v.problems]
        v.counts.update(path.v.counts)
        n = len(todo[i:i + ROUND])
        suite.take(v, n, "cases")


def control():
    """A write that says it is done and is not: what was acknowledged must be missed."""
    path = Path("serve", random.Random(1))
    w = path.world
    path.submit(0)
    path.over(None, 10)
    w.process.terminate()
    w.process.wait()
    old = w.copy_database()
    w.start()
    path.submit(0)
    path.over(None, 10)
    w.crash()
    for f in glob.glob(w.state + "/*"):
        os.unlink(f)
    shutil.copy(old, w.state)
    w.start()
    v = path.verdict(expect)
    ok(v.counts["lost"] > 0, "control: a write that never came to the disk is found", dict(v.counts))


unknown = set()
rng = random.Random(suite.seed)
for kind in [suite.arguments.only] if suite.arguments.only else ["serve", "recover", "supervise"]:
    along(kind, rng)
if suite.long: # another C library may make others
    ok(not unknown, "every call of the paths is in the table", "numbers without a row: %s" % sorted(unknown))
if not suite.arguments.no_control:
    control()
suite.finish("cases")
