/* The profile: which system calls a job has, and why. Whatever stands in no row is ENOSYS. */
#include "src/sandbox/sandbox.h"

#include <asm/ioctls.h>
#include <linux/sched.h>
#include <sys/personality.h>
#include <sys/socket.h>

const struct sandbox_group sandbox_groups[] = {
	{ "files", SANDBOX_ALLOW, 0,
	  "open openat openat2 creat close close_range read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek "
	  "stat fstat lstat newfstatat statx access faccessat faccessat2 getdents getdents64 readlink readlinkat getcwd chdir fchdir "
	  "rename renameat renameat2 mkdir mkdirat rmdir link linkat unlink unlinkat symlink symlinkat mknod mknodat chmod fchmod "
	  "fchmodat fchmodat2 chown fchown lchown fchownat umask truncate ftruncate fallocate utime utimes futimesat utimensat dup "
	  "dup2 dup3 fcntl flock ioctl statfs fstatfs ustat sync syncfs fsync fdatasync sync_file_range fadvise64 readahead "
	  "copy_file_range sendfile splice tee vmsplice name_to_handle_at cachestat",
	  "Ordinary work with files. The kernel checks the user's permissions; mknod makes no device without CAP_MKNOD." },
	{ "attributes", SANDBOX_ALLOW, 0,
	  "getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr setxattr lsetxattr fsetxattr removexattr lremovexattr "
	  "fremovexattr getxattrat setxattrat listxattrat removexattrat",
	  "cp -a, tar and parallel file systems keep attributes with these." },
	{ "waiting", SANDBOX_ALLOW, 0,
	  "select pselect6 poll ppoll epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 eventfd eventfd2 "
	  "signalfd signalfd4 timerfd_create timerfd_settime timerfd_gettime inotify_init inotify_init1 inotify_add_watch "
	  "inotify_rm_watch pipe pipe2",
	  "Event loops." },
	{ "aio", SANDBOX_ALLOW, 0,
	  "io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents ioprio_get ioprio_set",
	  "Databases and benchmarks read and write with kernel AIO." },
	{ "memory", SANDBOX_ALLOW, 0,
	  "mmap munmap mprotect mremap msync madvise process_madvise mincore brk remap_file_pages mlock mlock2 mlockall munlock "
	  "munlockall memfd_create memfd_secret pkey_alloc pkey_free pkey_mprotect membarrier map_shadow_stack mseal",
	  "Memory, huge pages and locked pages: GPUs and RDMA pin what they transfer. The cgroup bounds it." },
	{ "numa", SANDBOX_ALLOW, 0,
	  "mbind get_mempolicy set_mempolicy set_mempolicy_home_node migrate_pages move_pages getcpu sched_setaffinity "
	  "sched_getaffinity",
	  "Placing memory and threads is what HPC is about; the cpuset bounds where. Other processes need ptrace rights." },
	{ "processes", SANDBOX_ALLOW, 0,
	  "clone fork vfork execve execveat exit exit_group wait4 waitid kill tkill tgkill getpid getppid gettid getpgid getpgrp "
	  "setpgid getsid setsid pidfd_open pidfd_send_signal pidfd_getfd process_mrelease prctl arch_prctl set_tid_address "
	  "set_robust_list get_robust_list set_thread_area get_thread_area rseq futex futex_waitv futex_wake futex_wait futex_requeue "
	  "restart_syscall personality",
	  "Processes and threads; pids.max bounds how many." },
	{ "signals", SANDBOX_ALLOW, 0,
	  "rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigqueueinfo rt_tgsigqueueinfo rt_sigsuspend "
	  "sigaltstack pause",
	  "Signals, within the job's pid namespace." },
	{ "peers", SANDBOX_ALLOW, 0,
	  "ptrace process_vm_readv process_vm_writev kcmp",
	  "Open MPI and UCX copy between ranks with these, gdb and strace debug with them. The job's pid namespace bounds whom." },
	{ "scheduling", SANDBOX_ALLOW, 0,
	  "sched_yield sched_setparam sched_getparam sched_setscheduler sched_getscheduler sched_setattr sched_getattr "
	  "sched_get_priority_max sched_get_priority_min sched_rr_get_interval getpriority setpriority getrlimit setrlimit prlimit64 "
	  "getrusage times sysinfo uname",
	  "A process may lower its own priority and limits; raising them takes capabilities that a job has not." },
	{ "time", SANDBOX_ALLOW, 0,
	  "time gettimeofday clock_gettime clock_getres clock_nanosleep nanosleep alarm getitimer setitimer timer_create "
	  "timer_settime timer_gettime timer_getoverrun timer_delete adjtimex clock_adjtime",
	  "Clocks and timers; without CAP_SYS_TIME adjtimex only reads." },
	{ "identity", SANDBOX_ALLOW, 0,
	  "getuid geteuid getgid getegid getresuid getresgid getgroups setuid setgid setreuid setregid setresuid setresgid setgroups "
	  "setfsuid setfsgid capget capset getrandom",
	  "Programs drop what they have. A job has no capability, so that these give nothing." },
	{ "sockets", SANDBOX_ALLOW, 0,
	  "socket socketpair connect accept accept4 bind listen getsockname getpeername getsockopt setsockopt sendto sendmsg sendmmsg "
	  "recvfrom recvmsg recvmmsg shutdown",
	  "Distributed training, MPI over TCP, licence servers." },
	{ "ipc", SANDBOX_ALLOW, 0,
	  "shmget shmat shmdt shmctl semget semop semtimedop semctl msgget msgsnd msgrcv msgctl mq_open mq_unlink mq_timedsend "
	  "mq_timedreceive mq_notify mq_getsetattr",
	  "System V and POSIX IPC, in the job's own ipc namespace." },
	{ "self-sandboxing", SANDBOX_ALLOW, 0,
	  "seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self",
	  "A job may take more from itself: filters only add up." },

	{ "io_uring", SANDBOX_EPERM, MSCG_ALLOW_IO_URING,
	  "io_uring_setup io_uring_enter io_uring_register",
	  "Its requests pass seccomp by, and it was the source of most kernel exploits for years." },
	{ "perf", SANDBOX_EPERM, MSCG_ALLOW_PERF,
	  "perf_event_open",
	  "A large piece of kernel that most jobs never need; perf stat and PAPI do." },
	{ "userfaultfd", SANDBOX_EPERM, MSCG_ALLOW_USERFAULTFD,
	  "userfaultfd",
	  "Lets a program stop the kernel in the middle of a copy, which makes races in it easy to win." },
	{ "namespaces", SANDBOX_EPERM, MSCG_ALLOW_USERNS,
	  "unshare setns mount umount2 pivot_root chroot open_tree open_tree_attr move_mount mount_setattr fsopen fsconfig fsmount "
	  "fspick sethostname setdomainname",
	  "In a user namespace of its own a job has every capability, and with them kernel code that is meant for root." },
	{ "namespaces (clone3)", SANDBOX_ENOSYS, MSCG_ALLOW_USERNS,
	  "clone3",
	  "Its flags are in memory, where a filter cannot look: libc falls back to clone, whose flags it sees." },

	{ "keys", SANDBOX_EPERM, 0, "add_key request_key keyctl",
	  "Keyrings are not in any namespace: a job would see those of the user's other jobs and sessions." },
	{ "kernel code", SANDBOX_EPERM, 0,
	  "bpf init_module finit_module delete_module kexec_load kexec_file_load",
	  "Loads code into the kernel." },
	{ "handles", SANDBOX_EPERM, 0, "open_by_handle_at fanotify_init fanotify_mark",
	  "Reach files past the directories that lead to them, and so out of any mount namespace." },
	{ "administration", SANDBOX_EPERM, 0,
	  "reboot swapon swapoff acct quotactl quotactl_fd settimeofday clock_settime syslog vhangup iopl ioperm modify_ldt "
	  "lookup_dcookie",
	  "The machine's, not a job's." },
	{ "obsolete", SANDBOX_ENOSYS, 0,
	  "uselib sysfs _sysctl create_module get_kernel_syms query_module nfsservctl getpmsg putpmsg afs_syscall tuxcall security "
	  "vserver epoll_ctl_old epoll_wait_old",
	  "Gone from the kernel, or kept for programs of another century." },
	{ 0 },
};

#define ALL_BITS 0xffffffffu
#define REFUSE_CLONE(flag, why) { "clone", 0, false, MSCG_ALLOW_USERNS, flag, flag, #flag, why }
#define FAMILY(family, why) { "socket", 0, true, 0, ALL_BITS, family, #family, why }
#define PERSONALITY(value, text, why) { "personality", 0, true, 0, ALL_BITS, value, text, why }

const struct sandbox_argument sandbox_arguments[] = {
	{ "ioctl", 1, false, 0, ALL_BITS, TIOCSTI, "TIOCSTI",
	  "Types into the terminal of whoever runs the job (CVE-2016-10124, CVE-2017-5226, CVE-2019-7303 with high bits set)." },
	{ "ioctl", 1, false, 0, ALL_BITS, TIOCLINUX, "TIOCLINUX",
	  "The same by the console's selection (CVE-2023-1523)." },
	REFUSE_CLONE(CLONE_NEWUSER, "As unshare: a user namespace is asked for by name."),
	REFUSE_CLONE(CLONE_NEWNS, NULL),
	REFUSE_CLONE(CLONE_NEWPID, NULL),
	REFUSE_CLONE(CLONE_NEWNET, NULL),
	REFUSE_CLONE(CLONE_NEWIPC, NULL),
	REFUSE_CLONE(CLONE_NEWUTS, NULL),
	REFUSE_CLONE(CLONE_NEWCGROUP, NULL),
	FAMILY(AF_UNIX, "Every further family is protocol code of the kernel that almost nobody reads (AF_ALG, AF_VSOCK, AF_RDS, AF_CAN, ...)."),
	FAMILY(AF_INET, NULL),
	FAMILY(AF_INET6, NULL),
	FAMILY(AF_NETLINK, NULL),
	PERSONALITY(PER_LINUX, "PER_LINUX", "Others emulate old systems; READ_IMPLIES_EXEC and MMAP_PAGE_ZERO undo protections. gdb wants ADDR_NO_RANDOMIZE."),
	PERSONALITY(PER_LINUX32, "PER_LINUX32", NULL),
	PERSONALITY(UNAME26, "UNAME26", NULL),
	PERSONALITY(UNAME26 | PER_LINUX32, "UNAME26|PER_LINUX32", NULL),
	PERSONALITY(ADDR_NO_RANDOMIZE, "ADDR_NO_RANDOMIZE", NULL),
	PERSONALITY(ALL_BITS, "0xffffffff (asks)", NULL),
	{ 0 },
};

const char *sandbox_answer_text(enum sandbox_answer answer)
{
	static const char *const text[] = {
		[SANDBOX_ALLOW] = "allow", [SANDBOX_EPERM] = "EPERM", [SANDBOX_ENOSYS] = "ENOSYS",
	};
	return text[answer];
}
