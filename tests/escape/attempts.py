#!/usr/bin/python3
"""Attempts to leave a sandbox, one line of JSON for each: [class, name, what came of it]. "worked" is what must not be said
inside. The same program is the control outside: there it must say "worked", or the attempt proves nothing. Everything
that works is harmless: files are opened and not written, calls are given arguments that the kernel's code refuses after
its checks of who may call it.

usage: attempts.py PLACES, a JSON object of what the harness has made: see escape.t"""
import ctypes, errno, json, os, signal, socket, struct, sys, tempfile

from attempt import *

places = json.loads(sys.argv[1])

# -- 1: what changes the machine, by proc and sys
sys_files = """kernel/core_pattern kernel/core_uses_pid kernel/modprobe kernel/panic kernel/panic_on_oops kernel/hostname kernel/domainname
 kernel/sysrq kernel/printk kernel/pid_max kernel/threads-max kernel/randomize_va_space kernel/kptr_restrict kernel/dmesg_restrict
 kernel/perf_event_paranoid kernel/cad_pid kernel/ctrl-alt-del kernel/poweroff_cmd kernel/modules_disabled
 kernel/unprivileged_bpf_disabled kernel/keys/maxkeys kernel/shmmax kernel/shmall kernel/msgmax kernel/sem kernel/hung_task_timeout_secs
 kernel/watchdog kernel/ngroups_max kernel/tainted kernel/usermodehelper/bset fs/suid_dumpable fs/file-max fs/nr_open
 fs/protected_hardlinks fs/protected_symlinks fs/protected_fifos fs/protected_regular fs/pipe-max-size fs/inotify/max_user_watches
 fs/aio-max-nr fs/mqueue/msg_max vm/drop_caches vm/overcommit_memory vm/overcommit_ratio vm/panic_on_oom vm/swappiness vm/mmap_min_addr
 vm/nr_hugepages vm/oom_kill_allocating_task vm/min_free_kbytes vm/dirty_ratio vm/max_map_count vm/legacy_va_layout vm/vfs_cache_pressure
 user/max_user_namespaces user/max_mnt_namespaces user/max_pid_namespaces debug/exception-trace dev/tty/ldisc_autoload"""
for f in sys_files.split():
    opens("proc and sys", "/proc/sys/" + f)
for f in ("/proc/sysrq-trigger", "/proc/irq/default_smp_affinity", "/sys/kernel/mm/transparent_hugepage/enabled",
          "/sys/kernel/mm/ksm/run", "/sys/kernel/uevent_helper", "/sys/kernel/profiling", "/sys/kernel/kexec_crash_size", "/sys/power/state",
          "/sys/power/mem_sleep", "/sys/power/pm_test", "/sys/module/kernel/parameters/panic", "/sys/module/printk/parameters/time",
          "/sys/devices/system/cpu/cpu1/online", "/sys/devices/system/cpu/smt/control", "/sys/devices/virtual/block/loop0/queue/scheduler",
          "/sys/class/net/lo/mtu", "/sys/bus/pci/rescan", "/sys/bus/cpu/drivers_autoprobe", "/sys/block/loop0/uevent",
          "/sys/devices/system/memory/auto_online_blocks", "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"):
    opens("proc and sys", f)

# -- 2: masked places, straight and around
masked = ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/kallsyms", "/proc/kmsg", "/proc/sched_debug", "/proc/latency_stats", "/proc/interrupts"]


def says_something(path):
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        if not os.read(fd, 64):
            raise OSError(errno.EACCES, "it is empty")
    finally:
        os.close(fd)


def by_link(path):
    d = tempfile.mkdtemp()
    os.symlink(path, d + "/link")
    try:
        says_something(d + "/link")
    finally:
        os.unlink(d + "/link")
        os.rmdir(d)


def by_descriptor(path):
    fd = os.open(os.path.dirname(path), os.O_PATH)
    try:
        says_something("/proc/self/fd/%d/%s" % (fd, os.path.basename(path)))
    finally:
        os.close(fd)


for path in masked:
    for how, function in (("straight", says_something), ("by a link", by_link), ("by a descriptor", by_descriptor),
                          ("by /proc/self/root", lambda p: says_something("/proc/self/root" + p)),
                          ("by ..", lambda p: says_something("/proc/self/task/../.." + p[len("/proc"):])),
                          ("by a thread", lambda p: says_something("/proc/thread-self/root" + p))):
        attempt("masked places", "%s %s" % (path, how))(lambda path=path, function=function: function(path))
for path in ("/sys/firmware", "/sys/kernel/debug", "/sys/kernel/security", "/sys/kernel/tracing", "/proc/acpi", "/proc/scsi"):
    @attempt("masked places", "list " + path)
    def lists(path=path):
        if not os.listdir(path):
            raise OSError(errno.EACCES, "it is empty")

# -- 3: descriptors that were left open
@attempt("descriptors", "one beyond the three")
def leaked():
    more = [f for f in os.listdir("/proc/self/fd") if int(f) > 2 and os.path.lexists("/proc/self/fd/" + f)]
    if not more:
        raise OSError(errno.EPERM, "there are none")


# -- 4: the process that stands above, and what it is made of. Inside: the job's init; outside: one like it.
above = places["above"]
for f in ("mem", "maps", "environ", "exe", "root", "cwd", "fd", "auxv", "io", "stack", "syscall", "personality", "pagemap", "ns/pid", "ns/mnt"):
    @attempt("the process above", "read /proc/%d/%s" % (1, f))
    def reads(f=f):
        path = "/proc/%d/%s" % (above, f)
        if f in ("exe", "root", "cwd") or f.startswith("ns/"):
            os.readlink(path)
        elif f == "fd":
            os.listdir(path)
        else:
            fd = os.open(path, os.O_RDONLY)
            try:
                if f not in ("mem", "pagemap"):
                    os.read(fd, 1)
            finally:
                os.close(fd)
for f in ("mem", "oom_score_adj", "clear_refs", "coredump_filter", "comm", "autogroup", "loginuid", "uid_map", "sched"):
    opens("the process above", "/proc/%d/%s" % (above, f), name="write /proc/1/" + f)
vector = struct.pack("<2Q", 4096, 8)
reaches_above = {"ptrace attach": (101, 16, above, 0, 0), "ptrace seize": (101, 0x4206, above, 0, 0),
                 "process_vm_readv": (310, above, vector, 1, vector, 1, 0), "process_vm_writev": (311, above, vector, 1, vector, 1, 0),
                 "kcmp": (312, above, os.getpid(), 0, 0, 0), "get_robust_list": (274, above, 0, 0)}
for name, arguments in reaches_above.items():
    @attempt("the process above", name, alone=True)
    def touches(arguments=arguments):
        try:
            call(*arguments)
        except OSError as e:
            if e.errno in refusals:
                raise


@attempt("the process above", "kill, and it is gone", alone=True)
def kills():
    victim = places.get("victim", above)
    os.kill(victim, signal.SIGKILL)
    for _ in range(100):
        try:
            if open("/proc/%d/stat" % victim).read().rsplit(")", 1)[1].split()[0] in "ZX":
                return
        except OSError:
            return
        import time
        time.sleep(0.005)
    raise OSError(errno.EPERM, "it lives")


# -- 5, 6, 7: cgroups
tree = places.get("own", "/sys/fs/cgroup")
for base, label in ((places["cgroup"], "a sibling's"), (places["cgroup"] + "/..", "the root's"), (tree, "its own")):
    for f in ("cgroup.procs", "cgroup.threads", "cgroup.freeze", "cgroup.kill", "cgroup.max.depth", "cgroup.max.descendants",
              "cgroup.subtree_control", "cgroup.type", "memory.max", "memory.high", "memory.min", "memory.low", "memory.swap.max",
              "memory.oom.group", "cpu.max", "cpu.weight", "cpuset.cpus", "cpuset.mems", "cpuset.cpus.partition", "pids.max", "io.max",
              "hugetlb.2MB.max"):
        if label == "its own":
            opens("cgroup limits", base + "/" + f, name="write its own " + f)
        else:
            opens("other cgroups", base + "/" + f, name="write %s %s" % (label, f))
for base, label in ((places["cgroup"], "beside"), (tree, "below")):
    @attempt("other cgroups", "make one " + label)
    def make(base=base):
        os.mkdir(base + "/escape")
        os.rmdir(base + "/escape")
MS_BIND, MS_REMOUNT, MS_RDONLY = 4096, 32, 1
for kind in ("cgroup", "cgroup2"):
    @attempt("other cgroups", "mount %s afresh" % kind, alone=True)
    def mounts_cgroup(kind=kind):
        d = tempfile.mkdtemp()
        call(165, b"none", d.encode(), kind.encode(), 0, b"none,name=mscg-escape" if kind == "cgroup" else None)

# -- 8: user namespaces, and what they would bring
for name, flag in (("user", 0x10000000), ("mount", 0x20000), ("pid", 0x20000000), ("network", 0x40000000), ("ipc", 0x8000000), ("uts", 0x4000000),
                   ("cgroup", 0x2000000), ("time", 0x80)):
    attempt("namespaces", "unshare the %s namespace" % name, alone=True)(lambda flag=flag: call(272, flag))
    attempt("namespaces", "clone into a new %s namespace" % name, alone=True)(
        lambda flag=flag: call(56, flag | signal.SIGCHLD, 0, 0, 0, 0) or os._exit(0) if flag != 0x80 else call(435, struct.pack("<11Q", flag, *[0] * 10), 88) or os._exit(0))
for kind in ("mnt", "pid", "net", "ipc", "uts", "cgroup", "user"):
    @attempt("namespaces", "enter the %s namespace of the process above" % kind, alone=True)
    def enters(kind=kind):
        fd = os.open("/proc/%d/ns/%s" % (above, kind), os.O_RDONLY)
        try:
            call(308, fd, 0)
        except OSError as e:
            if e.errno in refusals:
                raise


@attempt("namespaces", "setgroups in a user namespace", alone=True)
def setgroups():
    call(272, 0x10000000)
    open("/proc/self/setgroups", "w").write("deny")


# -- 9: other ABIs. Machine code: mov eax, N; int 0x80 or syscall; ret
def machine_code(code):
    import mmap
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    return ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()


if os.uname().machine == "x86_64":
    for name, number in (("getpid", 20), ("getuid", 24), ("times", 43), ("gettimeofday", 78), ("sysinfo", 116), ("getppid", 64), ("sync", 36)):
        @attempt("other ABIs", "i386 " + name, alone=True)
        def i386(number=number):
            # push rbx; xor ebx, ebx; mov eax, number; int 0x80; pop rbx; ret
            r = machine_code(b"\x53\x31\xdb\xb8" + struct.pack("<I", number) + b"\xcd\x80\x5b\xc3")
            if r == -errno.ENOSYS:
                raise OSError(errno.ENOSYS, "not of this kernel")
    for name, number in (("getpid", 39), ("getuid", 102), ("ioctl", 514), ("ptrace", 521)):
        @attempt("other ABIs", "x32 " + name, alone=True)
        def x32(number=number):
            r = machine_code(b"\x48\x31\xff\xb8" + struct.pack("<I", 0x40000000 | number) + b"\x0f\x05\xc3")
            if r in (-errno.ENOSYS, -errno.EPERM) or r == 0xffffffff - errno.ENOSYS + 1:
                raise OSError(errno.ENOSYS, "not of this kernel")

# -- 10: words put into a terminal
for name, request in (("TIOCSTI", 0x5412), ("TIOCSTI with a high bit", 1 << 32 | 0x5412), ("TIOCSTI with all high bits", -1 << 32 | 0x5412),
                      ("TIOCLINUX", 0x541C), ("TIOCLINUX with a high bit", 1 << 40 | 0x541C)):
    @attempt("terminals", name, alone=True)
    def types(request=request):
        import fcntl
        _, slave = os.openpty()
        os.setsid()
        fcntl.ioctl(slave, 0x540E, 0)
        try:
            call(16, slave, request, b"x")
        except OSError as e:
            if e.errno in (errno.EPERM, errno.EIO, errno.ENOSYS):
                raise

# -- 11: parts of the kernel that a job has no business with
params = ctypes.create_string_buffer(256)
for name, arguments in {
    "io_uring_setup": (425, 1, params), "io_uring_enter": (426, -1, 0, 0, 0, 0, 0), "io_uring_register": (427, -1, 0, 0, 0),
    "bpf map": (321, 0, 0, 0), "bpf program": (321, 5, 0, 0), "userfaultfd": (323, 0), "perf_event_open": (298, params, 0, -1, -1, 0),
    "init_module": (175, 0, 0, 0), "finit_module": (313, -1, 0, 0), "delete_module": (176, 0, 0),
    "kexec_load": (246, 0, 0, 0, -1), "kexec_file_load": (320, -1, -1, 0, 0, -1), "reboot": (169, 0, 0, 0, 0), "swapon": (167, 0, 0), "swapoff": (168, 0),
    "acct": (163, b"/nowhere/acct"), "quotactl": (179, -1, 0, 0, 0), "settimeofday": (164, 0, 1), "clock_settime": (227, 99, 0),
    "adjtimex": (159, ctypes.create_string_buffer(struct.pack("<I", 0x4000), 256)), "sethostname": (170, 0, 64), "setdomainname": (171, 0, 64), "iopl": (172, 4), "ioperm": (173, -1, 1, 1), "syslog": (103, 10, 0, 0),
    "vhangup": (153,), "lookup_dcookie": (212, 0, 0, 0), "open_by_handle_at": (304, -1, 0, 0), "fanotify_init": (300, 0, 0),
    "pivot_root": (155, 0, 0), "chroot": (161, b"/nowhere"), "mount_setattr": (442, -1, 0, 0, 0, 0), "nfsservctl": (180,),
    "fsopen": (430, 0, 0), "fspick": (433, -1, 0, 0), "move_mount": (429, -1, 0, -1, 0, 0), "open_tree": (428, -1, b"", 1), "umount2": (166, b"/nowhere", 0),
    "mount": (165, 0, b"/nowhere", 0, 0, 0), "setns": (308, -1, 0),
}.items():
    reaches("kernel calls", name, *arguments)
for name, command in (("new session keyring", 1), ("update", 2), ("revoke", 3), ("describe", 6), ("link", 8), ("search", 10), ("read", 11),
                      ("instantiate", 12), ("set reqkey", 14), ("get persistent", 22)):
    reaches("keyrings", "keyctl " + name, 250, command, -1 if command not in (14,) else 99, 0, 0, 0)
reaches("keyrings", "add_key", 248, b"user", b"escape", 0, 1, -1)
reaches("keyrings", "request_key", 249, b"user", b"escape", 0, -1)
for name, family, kind in (("packet", 17, 2), ("vsock", 40, 1), ("algorithms", 38, 5), ("bluetooth", 31, 3), ("can", 29, 3), ("tipc", 30, 2), ("key", 15, 3),
                           ("rds", 21, 5), ("kcm", 41, 2), ("xdp", 44, 3), ("ax25", 3, 2), ("qipcrtr", 42, 2)):
    attempt("sockets", name)(lambda family=family, kind=kind: socket.socket(family, kind, 0).close())

# -- 12: services of the machine by sockets
if places.get("abstract"):
    @attempt("sockets outside (strict)", "an abstract one")
    def abstract():
        s = socket.socket(socket.AF_UNIX)
        s.connect("\0" + places["abstract"])
    @attempt("sockets outside (strict)", "the machine's loopback")
    def loopback():
        s = socket.socket()
        s.settimeout(5)
        s.connect(("127.0.0.1", places["port"]))
for name, path in places.get("services", {}).items():
    @attempt("sockets outside (strict)", name)
    def service(path=path):
        socket.socket(socket.AF_UNIX).connect(path)

# -- 13: processes outside
for who, pid in places["pids"].items():
    attempt("processes outside", "signal %s" % who)(lambda pid=pid: os.kill(pid, 0))
    attempt("processes outside", "a pidfd of %s" % who)(lambda pid=pid: os.close(os.pidfd_open(pid)))
    attempt("processes outside", "see %s" % who)(lambda pid=pid: os.stat("/proc/%d" % pid))
    attempt("processes outside", "niceness of %s" % who)(lambda pid=pid: os.getpriority(os.PRIO_PROCESS, pid))
    attempt("processes outside", "affinity of %s" % who)(lambda pid=pid: os.sched_getaffinity(pid))
    attempt("processes outside", "session of %s" % who)(lambda pid=pid: os.getsid(pid))

# -- 14: devices
for f in ("mem", "kmsg", "port", "kvm", "fuse", "loop-control", "net/tun", "sda", "vda", "loop0", "vhost-net", "cpu_dma_latency", "rtc0", "hpet", "snapshot",
          "uinput", "autofs", "btrfs-control", "nvram", "mapper/control", "vcs", "tty0", "tty1", "console", "cpu/0/msr", "vhost-vsock", "vfio/vfio", "userfaultfd",
          "ptp0", "watchdog", "mcelog", "rfkill", "random", "urandom") + tuple(places.get("devices", ())):
    if f not in ("random", "urandom"):
        opens("devices", "/dev/" + f, os.O_RDONLY)
for f in places.get("nodes", ()): # of a mode that lets everybody, in a file system that has devices
    opens("devices", f, os.O_RDONLY, name="read %s, which lies elsewhere" % os.path.basename(f))
for name, kind, major, minor in (("mem", "c", 1, 1), ("kmem", "c", 1, 2), ("kmsg", "c", 1, 11), ("port", "c", 1, 4), ("a disk", "b", 8, 0), ("a virtual disk", "b", 254, 0),
                                 ("a loop", "b", 7, 0), ("tun", "c", 10, 200), ("fuse", "c", 10, 229), ("kvm", "c", 10, 232)):
    @attempt("devices", "make a node for " + name)
    def makes(kind=kind, major=major, minor=minor):
        path = tempfile.mktemp()
        os.mknod(path, 0o600 | (0o020000 if kind == "c" else 0o060000), os.makedev(major, minor))
        os.unlink(path)

# -- 15: mounts
for name, arguments in {
    "a tmpfs": (b"none", b"%s", b"tmpfs", 0, 0), "a proc": (b"none", b"%s", b"proc", 0, 0), "a sysfs": (b"none", b"%s", b"sysfs", 0, 0),
    "a devpts": (b"none", b"%s", b"devpts", 0, 0), "a binding of /": (b"/", b"%s", 0, MS_BIND, 0), "a binding of /proc": (b"/proc", b"%s", 0, MS_BIND | 16384, 0),
    "/proc/sys written again": (b"none", b"/proc/sys", 0, MS_REMOUNT | MS_BIND, 0), "/ shared": (b"none", b"/", 0, 1 << 20, 0),
    "a binding over /etc/passwd": (b"/dev/null", b"/etc/passwd", 0, MS_BIND, 0),
}.items():
    @attempt("mounts", "mount " + name, alone=True)
    def mounts(arguments=arguments):
        d = tempfile.mkdtemp()
        source, target, kind, flags, data = arguments
        if target == b"/proc/sys":
            try:
                call(165, source, target, kind, flags, data)
            except OSError as e:
                if e.errno in refusals:
                    raise
            return
        call(165, source, d.encode() if target == b"%s" else target, kind, flags, data)
for path in ("/proc/kcore", "/proc/sys", "/sys/fs/cgroup", "/tmp", "/dev", "/proc", "/dev/shm"):
    @attempt("mounts", "unmount " + path, alone=True)
    def unmounts(path=path):
        try:
            call(166, path.encode(), 2)
        except OSError as e:
            if e.errno in refusals:
                raise

# -- 16: places of others
for name, path in places["secrets"].items():
    attempt("places outside", "read " + name)(lambda path=path: os.close(os.open(path, os.O_RDONLY)))
    attempt("places outside", "see " + name)(lambda path=path: os.lstat(path))
for kind, (path, what) in places.get("elsewhere", {}).items():
    attempt("kernel file systems elsewhere", "%s at %s" % (kind, path))(lambda path=path, what=what: os.stat(path + "/" + what))
@attempt("places outside", "System V memory")
def shared_memory():
    if call(29, places["shm_key"], 0, 0) < 0:
        raise OSError(errno.EPERM, "")


# -- 17: what is bound, read-only
bound = places["bound"]
opens("binds", bound + "/file", name="write a file")
if os.path.lexists(bound + "/node"):
    opens("binds", bound + "/node", os.O_RDONLY, name="a device's node")
@attempt("binds", "make a file")
def makes_bound():
    fd, path = tempfile.mkstemp(dir=bound)
    os.close(fd)
    os.unlink(path)
@attempt("binds", "change a mode")
def changes_bound():
    os.chmod(bound + "/mine", 0o644)
for name, flags in (("written again", MS_REMOUNT | MS_BIND), ("shared", 1 << 20)):
    reaches("binds", name, 165, b"none", bound.encode(), 0, flags, 0)

make_all()
