#!/usr/bin/python3
"""Attempts to leave a root file system (--rootfs) or a directory that was bound (--bind) by what its maker put into it, and to write where it is
read-only, as attempts.py makes them.

usage: brought.py PLACES: "root" and "bound", where they are, "outside", what they are called on the machine, "secret", a file of the
machine, "text", what is in it, "uid", who runs set-user-id programs"""
import ctypes, errno, json, mmap, os, socket, subprocess, sys, tempfile

from attempt import *

places = json.loads(sys.argv[1])
secret, text = places["secret"], places["text"]
root, bound = places["root"], places["bound"]


def reads(path, dir_fd=None):
    fd = os.open(path, os.O_RDONLY, dir_fd=dir_fd)
    try:
        if os.read(fd, 100).decode(errors="replace") != text:
            raise OSError(errno.EPERM, "it is another")
    finally:
        os.close(fd)


def by_descriptor(path, up):
    fd = os.open(path, os.O_PATH | os.O_DIRECTORY)
    try:
        reads("../" * up + secret[1:], fd)
    finally:
        os.close(fd)


def by_working_directory(path, up):
    os.chdir(path)
    for _ in range(up):
        os.chdir("..")
    reads(secret[1:])


def by_chroot(path):
    os.chroot(path) # and the working directory is beyond it
    reads("../" * 20 + secret[1:])


# -- what is found from it by name
LINKS = ("straight", "by_dots", "by_proc", "by_init", "by_thread", "by_descriptor", "twice")
for where, label in ((root, "a root"), (bound, "a bound directory")):
    for name in LINKS:
        attempt("links in " + label, name)(lambda where=where, name=name: reads(where + "/" + name))
    attempt("links in " + label, "a directory's")(lambda where=where: reads(where + "/directory/" + os.path.basename(secret)))
    attempt("links in " + label, "the machine's top")(lambda where=where: reads(where + "/top" + secret))
    attempt("links in " + label, "..")(lambda where=where: reads(where + "/.." * 20 + secret))
    attempt("links in " + label, ".. once")(lambda where=where: reads(where + "/../" + os.path.basename(secret)))
    attempt("links in " + label, ".. of a descriptor")(lambda where=where: by_descriptor(where or "/", 20))
    attempt("links in " + label, ".. of a working directory", alone=True)(lambda where=where: by_working_directory(where or "/", 20))
    attempt("links in " + label, ".. of a root in it", alone=True)(lambda where=where: by_chroot(where + "/empty"))
for name, path in {"its name": secret, "the process's root": "/proc/self/root" + secret, "the process's directory": "/proc/self/cwd/" + "../" * 20 + secret[1:], "the init's root": "/proc/1/root" + secret,
                   "the init's directory": "/proc/1/cwd/" + "../" * 20 + secret[1:], "a thread's root": "/proc/thread-self/root" + secret}.items():
    attempt("links in a root", "by " + name)(lambda path=path: reads(path))


# -- programs with more rights than who runs them
def runs(path):
    if os.geteuid() == 0 and places["uid"]:
        os.setgroups([])
        os.setresgid(places["uid"], places["uid"], places["uid"])
        os.setresuid(places["uid"], places["uid"], places["uid"])
    try:
        status = subprocess.run([path, "/proc/self/status"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    except OSError as e:
        raise OSError(errno.EACCES, "it does not run: %s" % e)
    found = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    mine = (str(os.geteuid()), str(os.getegid()), "0" * 16)
    now = (found["Uid"].split("\t")[1], found["Gid"].split("\t")[1], found["CapEff"])
    if now == mine:
        raise OSError(errno.EPERM, "as anybody")


for where, label in ((root, "a root"), (bound, "a bound directory")):
    for name in ("setuid", "setgid", "capabilities", "setuid_other"):
        attempt("set-user-id programs of " + label, name, alone=True)(lambda where=where, name=name: runs(where + "/" + name))

# -- device nodes
for where, label in ((root, "a root"), (bound, "a bound directory")):
    for name in places["nodes"]:
        opens("devices in " + label, "%s/%s" % (where, name), os.O_RDONLY, name=name)


# -- writing what is read-only
def makes(path):
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    os.unlink(path)


def puts_back(function, *back):
    function()
    for b in back:
        b()


def maps(path):
    fd = os.open(path, os.O_RDWR)
    try:
        with mmap.mmap(fd, 4) as m:
            m[0] = m[0]
    finally:
        os.close(fd)


def listens(path):
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
    os.unlink(path)


def opens_again(path):
    """By a descriptor that was opened for reading."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.close(os.open("/proc/self/fd/%d" % fd, os.O_WRONLY))
    finally:
        os.close(fd)


def changes_mount(path, clear):
    """The kernel's answer to who may not: EPERM."""
    import struct
    top = path or "/"
    if clear:
        call(442, -100, top.encode(), 0, struct.pack("<4Q", 0, clear, 0, 0), 32)
    else:
        try:
            call(165, b"none", top.encode(), 0, 4096 | 32, 0)
        except OSError as e:
            if e.errno in refusals:
                raise


for where, label in ((root, "a root"), (bound, "a bound directory")):
    group = "writing to %s that is read-only" % label
    f, new = where + "/file", where + "/new"
    for name, function in {
        "write": lambda f=f: os.close(os.open(f, os.O_WRONLY)),
        "append": lambda f=f: os.close(os.open(f, os.O_WRONLY | os.O_APPEND)),
        "empty": lambda f=where + "/nothing": os.close(os.open(f, os.O_WRONLY | os.O_TRUNC)),
        "truncate": lambda f=where + "/nothing": os.truncate(f, 0),
        "write by a map": lambda f=f: maps(f),
        "write by /proc/self/fd": lambda f=f: opens_again(f),
        "make a file": lambda new=new: makes(new),
        "make a directory": lambda new=new: puts_back(lambda: os.mkdir(new), lambda: os.rmdir(new)),
        "make a link": lambda new=new: puts_back(lambda: os.symlink("x", new), lambda: os.unlink(new)),
        "make a second name": lambda f=f, new=new: puts_back(lambda: os.link(f, new), lambda: os.unlink(new)),
        "make a fifo": lambda new=new: puts_back(lambda: os.mkfifo(new), lambda: os.unlink(new)),
        "make a socket": lambda new=new: listens(new),
        "make a file without a name": lambda where=where: os.close(os.open(where or "/", os.O_TMPFILE | os.O_WRONLY, 0o600)),
        "rename": lambda f=f, new=new: puts_back(lambda: os.rename(f, new), lambda: os.rename(new, f)),
        "remove": lambda f=where + "/nothing": puts_back(lambda: os.unlink(f), lambda: os.close(os.open(f, os.O_CREAT, 0o666)), lambda: os.chmod(f, 0o666)),
        "remove a directory": lambda f=where + "/empty": puts_back(lambda: os.rmdir(f), lambda: os.mkdir(f)),
        "change a mode": lambda f=where + "/mine": os.chmod(f, 0o666),
        "change a time": lambda f=where + "/mine": os.utime(f),
        "change an attribute": lambda f=where + "/mine": os.setxattr(f, "user.escape", b"x"),
    }.items():
        attempt(group, name)(function)
    attempt(group, "mount it again", alone=True)(lambda where=where: changes_mount(where, 0))
    for name, clear in (("read-only", 1), ("nosuid", 2), ("nodev", 4)):
        attempt(group, "take away " + name, alone=True)(lambda where=where, clear=clear: changes_mount(where, clear))

make_all()
