"""What programs of attempts share: a table of them, and how each is made."""
import ctypes, errno, json, os, signal, sys

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
refusals = (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EROFS)
table = []


def call(number, *arguments):
    """A system call, or OSError."""
    arguments = [a if isinstance(a, (bytes, ctypes.Array)) or a is None or hasattr(a, "_obj") else ctypes.c_long(a) for a in arguments]
    result = libc.syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        e = ctypes.get_errno()
        raise OSError(e, os.strerror(e))
    return result


def attempt(group, name, alone=False):
    """A function that returns if it worked, and raises OSError if not. alone: in a process of its own."""
    def add(function):
        table.append((group, name, function, alone))
        return function
    return add


def opens(group, path, flags=os.O_WRONLY, name=None):
    attempt(group, name or "%s %s" % ({os.O_RDONLY: "read", os.O_WRONLY: "write"}[flags], path))(
        lambda: os.close(os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)))


def reaches(group, name, number, *arguments):
    """Worked: the kernel looked at the arguments, and found fault with them only."""
    @attempt(group, name, alone=True)
    def function():
        try:
            call(number, *arguments)
        except OSError as e:
            if e.errno in refusals:
                raise


def what_came_of(function):
    try:
        function()
        return "worked"
    except OSError as e:
        return errno.errorcode.get(e.errno, str(e.errno)) + (" (%s)" % e.strerror if e.errno in (errno.EPERM, errno.EACCES) and e.strerror != os.strerror(e.errno) else "")


def in_a_process(function):
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(w, what_came_of(function).encode())
        finally:
            os._exit(0)
    os.close(w)
    said = os.read(r, 4096).decode()
    os.close(r)
    _, status = os.waitpid(pid, 0)
    return said or signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else said


def make_all():
    for group, name, function, alone in table:
        print(json.dumps([group, name, in_a_process(function) if alone else what_came_of(function)]), flush=True)
