#!/usr/bin/python3
"""Attempts of a job with a cgroup of its own (--delegate) to get out of it, as attempts.py makes them.

usage: delegated.py PLACES: "own", the top of what it may change; "above", the cgroup with its limits, and "neighbour", another job's, as
the machine names them; "below", the latter from the top of the machine's tree, which is "first"; "inodes", by their names"""
import ctypes, errno, json, os, struct, sys, tempfile

from attempt import *

places = json.loads(sys.argv[1])
own, above, neighbour = places["own"], places["above"], places["neighbour"]
FILES = ("cgroup.procs", "cgroup.threads", "cgroup.freeze", "cgroup.kill", "cgroup.max.depth", "cgroup.max.descendants", "cgroup.subtree_control",
         "memory.max", "memory.high", "memory.swap.max", "memory.oom.group", "cpu.max", "cpu.weight", "cpuset.cpus", "pids.max", "io.max")

# -- what is above it: its limits
for f in FILES:
    opens("above a delegated cgroup", above + "/" + f, name="write %s by its name" % f)
    opens("above a delegated cgroup", own + "/../" + f, name="write %s by .." % f)


def writes_by_descriptor(top, f):
    fd = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    try:
        up = os.open("..", os.O_PATH | os.O_DIRECTORY, dir_fd=fd)
        os.close(os.open(f, os.O_WRONLY, dir_fd=up))
        os.close(up)
    finally:
        os.close(fd)


def by_working_directory(f):
    os.chdir(own)
    os.chdir("..")
    os.close(os.open(f, os.O_WRONLY))


for f in FILES[:7]:
    attempt("above a delegated cgroup", "write %s by a descriptor and .." % f)(lambda f=f: writes_by_descriptor(own, f))
    attempt("above a delegated cgroup", "write %s by the working directory" % f, alone=True)(lambda f=f: by_working_directory(f))
    opens("above a delegated cgroup", "/proc/1/root" + above + "/" + f, name="write %s by the init's root" % f)


@attempt("above a delegated cgroup", "make one beside", alone=True)
def beside():
    path = own + "/../escape"
    os.mkdir(path)
    os.rmdir(path)


@attempt("above a delegated cgroup", "rename its own")
def rename():
    os.rename(own, own + ".other")
    os.rename(own + ".other", own)


# -- what limits it, in its own files: of its user in its own mscgd, who has the limits above all the same
for f in FILES[2:6] + tuple(f for f in FILES[7:] if f != "memory.oom.group"): # that one is given with it, and is no limit
    opens("a delegated cgroup's own limits (root)", own + "/" + f, name="write its own " + f)
@attempt("a delegated cgroup's own limits (root)", "give it to others")
def gives():
    st = os.stat(own + "/cgroup.procs")
    os.chmod(own + "/cgroup.freeze", 0o666)
    os.chmod(own + "/cgroup.freeze", 0o644)


# -- out of it
def is_it(path):
    """The machine's, not one of the job's own that is called the same in there."""
    if os.stat(path).st_ino != places["inodes"].get(path, os.stat(path).st_ino):
        raise OSError(errno.EPERM, "it is another")


def move(path):
    is_it(path)
    with open(path + "/cgroup.procs", "w") as f:
        f.write("0")


def clone_into(path):
    is_it(path)
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    pid = call(435, struct.pack("<11Q", 0x200000000, 0, 0, 0, 17, 0, 0, 0, 0, 0, fd), 88)
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


targets = {"a neighbour": neighbour, "what another job was given": neighbour + "/own", "the cgroup of its limits, by ..": own + "/..", "one beside, by ..": own + "/../../" + os.path.basename(neighbour),
           "the machine's first": places["first"]}
for name, path in targets.items():
    attempt("out of a delegated cgroup", "go to " + name, alone=True)(lambda path=path: move(path))
    attempt("out of a delegated cgroup", "a child in " + name, alone=True)(lambda path=path: clone_into(path))
    attempt("out of a delegated cgroup", "see " + name)(lambda path=path: (is_it(path), os.close(os.open(path + "/cgroup.procs", os.O_RDONLY))))


# -- more than it may
def deep(n):
    made, path = [], own
    try:
        for _ in range(n):
            path += "/deep"
            os.mkdir(path)
            made.append(path)
    finally:
        for path in reversed(made):
            os.rmdir(path)


def wide(n):
    made = []
    try:
        for i in range(n):
            os.mkdir("%s/wide%d" % (own, i))
            made.append(i)
    finally:
        for i in made:
            os.rmdir("%s/wide%d" % (own, i))


def check_bound(function, n):
    try:
        function(n)
    except OSError as e:
        raise OSError(errno.EPERM, "bounded") if e.errno == errno.EAGAIN else e


attempt("more than a delegated cgroup may", "nine deep")(lambda: check_bound(deep, 9))
attempt("more than a delegated cgroup may", "300 in number")(lambda: check_bound(wide, 300))


@attempt("more than a delegated cgroup may", "nine deep, with the bound in its own file raised", alone=True)
def raised():
    try:
        with open(own + "/cgroup.max.depth", "w") as f:
            f.write("max")
    except OSError:
        pass
    check_bound(deep, 9)


# -- a tree that is mounted anew; --allow=userns is what it takes to try
def mounts(unshare):
    if unshare:
        uid, gid = os.geteuid(), os.getegid()
        call(272, unshare)
        if unshare & 0x10000000:
            for f, text in (("setgroups", "deny"), ("uid_map", "0 %d 1" % uid), ("gid_map", "0 %d 1" % gid)):
                with open("/proc/self/" + f, "w") as file:
                    file.write(text)
    d = tempfile.mkdtemp()
    call(165, b"none", d.encode(), b"cgroup2", 0, None)
    try:
        if not os.path.isdir(d + "/" + places["below"]):
            raise OSError(errno.EPERM, "its top is the job's own")
    finally:
        call(166, d.encode(), 2)


for name, flags in (("as it is", 0), ("with mounts of its own", 0x20000), ("with a user namespace", 0x10020000), ("with cgroup and user namespaces", 0x12020000)):
    attempt("a tree that is mounted anew", name, alone=True)(lambda flags=flags: mounts(flags))

make_all()
