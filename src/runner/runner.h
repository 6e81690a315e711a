/* runner.h: the daemon's side of launching. A pool of mscg-supervise processes, each the parent of one job at a time;
 * and the slot file, which says what became of every launch and outlives every process (not the boot).
 *
 * The slot is the truth: ARMED -> CLONING -> RUNNING -> EXITED, or FAILED (died before exec), by compare-and-swap.
 * Messages over the socket are only wake-ups. A supervisor listens on a named socket of its own
 * (<dir>/supervisor.<slot>), so that a daemon that starts later can find it; one whose daemon went away finishes its
 * job, records it in the slot, and exits.
 *
 * Ownership: the runner owns its supervisors' connections; cgroup fds given to runner_launch are borrowed.
 * Nothing here blocks, but for runner_open and runner_adopt at start.
 */
#ifndef RUNNER_RUNNER_H
#define RUNNER_RUNNER_H

#include <mscg/job.h>

struct runner;

struct runner_config {
	const char *runtime_dir;     /* holds the slot file and the sockets; ours alone (0700), on tmpfs */
	const char *supervisor_path; /* mscg-supervise; NULL: beside our own executable, then libexec */
	int         supervisor_fd;   /* it, from runner_open_supervisor, borrowed for runner_open; 0: by its path */
	/* Where supervisors are cloned into; -1: our own cgroup. It must be one that cgroup.kill was never written to, nor
	 * to any above it since it was made: the kernel (6.1.192, 6.12, 6.18) kills what is cloned from a cgroup into
	 * another that was killed more or less often, and jobs' are fresh. So: removed and made anew when it is empty at
	 * start, and emptied otherwise than by cgroup.kill. */
	int         supervisors_cgroup_fd;
	uint32_t    slots;           /* most jobs that run at once; fixed when the file is made */
	uint32_t    spare;           /* idle supervisors kept ready */
};

enum runner_slot_state { RUNNER_FREE, RUNNER_ARMED, RUNNER_CLONING, RUNNER_RUNNING, RUNNER_EXITED, RUNNER_FAILED, RUNNER_REVOKED,
                         RUNNER_DAMAGED /* what stands there cannot be: nothing of it is to be believed */ };

/* Where a launch got to: noted by the child in memory that it shares with its supervisor. */
#define RUNNER_STAGES(X) \
	X(CLONE,    "clone3")  X(SESSION, "setsid")   X(LIMITS,  "resource limits") X(GROUPS, "supplementary groups") \
	X(GID,      "group")   X(UID,     "user")     X(PROVE,   "giving up root")  X(HOME,   "log directory") \
	X(LINK,     "control link") X(WORKDIR, "working directory") X(STDIN, "standard input") X(STDOUT, "standard output") \
	X(STDERR,   "standard error") X(TTY, "terminal") X(SIGNALS, "signals") X(EXEC, "exec") \
	X(SECCOMP, "system call filter") X(NAMESPACES, "namespaces") \
	X(MOUNTS, "mounts") X(KEEP, "directory to keep") X(DEV, "/dev") X(PROC, "/proc") X(CGROUP, "/sys/fs/cgroup") X(INIT, "job init") \
	X(SETGROUPS, "setgroups of its user namespace") X(UID_MAP, "uid_map of its user namespace") \
	X(GID_MAP, "gid_map of its user namespace") X(COVER, "other places of kernel file systems") \
	X(SERVICES, "sockets that a job with net and mount does not reach") \
	X(BIND, "source of a bind") X(BIND_TARGET, "target of a bind") \
	X(ROOT, "root file system") X(ROOT_PLACE, "place in the root file system for the job's own") \
	X(LANDLOCK, "Landlock") X(IMAGE, "image (root's alone to change, with its whole path)") \
	X(GATE, "waiting for its grant to be recorded") X(INTERPRETER, "interpreter of")
enum runner_stage {
#define X(name, text) RUNNER_STAGE_##name,
	RUNNER_STAGES(X)
#undef X
	RUNNER_STAGE_COUNT
};
const char *runner_stage_text(enum runner_stage stage);

/* What ROOT_PLACE is about, by the exit status, as struct runner_launch has places. */
#define RUNNER_ROOT_PLACES "/proc//dev//tmp//var/tmp//sys"

struct runner_slot_info {
	uint32_t       slot;
	enum runner_slot_state state;
	struct mscg_id id;
	uint32_t       attempt;
	uint64_t       cgroup_id;
	int32_t        pid;
	uint32_t       uid;
	int64_t        start_usec, end_usec; /* wall clock: exec seen, main process reaped */
	int64_t        start_boot_usec, end_boot_usec; /* the same by the boot clock: what time limits count from */
	int            wait_code;            /* CLD_EXITED, CLD_KILLED, CLD_DUMPED */
	int            wait_status;          /* exit code or signal */
	enum runner_stage stage;             /* FAILED: how far it got */
	int            errno_value;
	bool           init;                 /* `pid` is the job's init, pid 1 of its own namespace, and not its main process */
	bool           supervised;           /* a supervisor is there for it */
	bool           withdrawn;            /* CLONING: it was held, and is not going to run */
	bool           other_boot;           /* adoption: it is of another boot; nothing of it runs any more */
};

/* Everything that a child needs, worked out beforehand. Borrowed for the call. Start from RUNNER_LAUNCH_INIT: zero is
 * a valid descriptor. */
#define RUNNER_LAUNCH_INIT { .cgroup_fd = -1, .stdio_fd = -1, .seccomp_fd = -1, .umask_ = 022 }
#define RUNNER_NAMESPACES ((uint64_t)(0x08000000 | 0x04000000 | 0x02000000 | 0x40000000 | 0x20000000 | 0x00020000)) /* ipc, uts, cgroup, net, pid, mnt */
#define RUNNER_DEVICES_MAX 104
struct runner_launch {
	struct mscg_id id;
	uint32_t    attempt;
	int         cgroup_fd; /* directory fd of the job's cgroup, O_RDONLY */
	uint64_t    cgroup_id;
	const char *exec_path; /* absolute, or a bare name to look up in `path`; one with a slash is relative to workdir */
	char *const *argv;     /* NULL ended; a program that no format is known for is given to /bin/sh, as shells do */
	char *const *env;
	const char *path;      /* PATH to search, NULL: from env, else /usr/local/bin:/usr/bin:/bin */
	const char *workdir;   /* absolute; NULL: / */
	/* Absolute, expanded; NULL: /dev/null; stderr equal to stdout: shared. Opened as the user and without ever waiting.
	 * Regular files, FIFOs and character devices: a FIFO for output needs a reader by then (ENXIO otherwise), one for
	 * input is at its end until somebody writes. For output a symbolic link in the last place is refused (ELOOP), as
	 * are links of /proc everywhere. */
	const char *stdin_path, *stdout_path, *stderr_path;
	const char *make_dir;  /* made as the user (0755) before output is opened; NULL: none */
	const char *link_path, *link_target; /* symlink made (replaced) as the user; NULL: none */
	bool        link_optional; /* neither make_dir nor the link fails the launch */
	/* Text of a script, passed as a sealed memfd; NULL: none. It is run as `INTERPRETER [ARGUMENT] /dev/fd/N
	 * argv[1]...` by what its #! line names, else by /bin/sh. exec_path and argv[0] are not used then. */
	const char *script;
	/* Attached: a SOCK_SEQPACKET socket, from which the job takes stdin, stdout and stderr, in one packet, instead of the paths. Nobody
	 * else takes them: closing one asks its server (FUSE, NFS), which may not answer. -1: not attached */
	int         stdio_fd;
	uint64_t    namespaces; /* CLONE_NEWIPC, NEWUTS, NEWCGROUP, NEWNET, NEWPID, NEWNS: of its own. A supervisor without CAP_SYS_ADMIN enters
	                         * a user namespace first, in which only its own user exists, and has no job after this */
	/* With NEWNS: */
	bool        strict;        /* everything is read-only but what is kept and the job's own tmpfs */
	const char *keep_path;     /* a directory that stays reachable, beside the working directory; NULL: none */
	const char *cover;         /* places of kernel file systems beside /proc, /sys and /dev, to be covered: absolute, and joined by a '/',
	                            * so that "//" is between two; NULL: none */
	const char *services;      /* in the same way: directories of sockets, in which only what is kept of the job's own is left. -EBUSY where one
	                            * is its working directory; NULL: none */
	const char *binds;         /* in the same way, three for each: the source, the target, "/ro" or "/rw"; NULL: none. BINDS_MAX at most */
	const char *root_path;     /* a directory that is to be the job's root, in place of the machine's; NULL: none */
	bool        root_read_only;
	bool        root_image;    /* root_path is an image: see src/runner/image.h. For a daemon of root */
	const char *devices;       /* in the same way: device nodes below /dev that it sees too, where the machine has them; NULL: none.
	                            * RUNNER_DEVICES_MAX at most */
	const char *dev;           /* a directory of runner_make_dev, for jobs without devices and terminal; NULL: each makes its own /dev */
	bool        cgroup_writable; /* its tree of cgroups is, as far as the files' owner is its user */
	const char *tmpfs_options; /* for mount(2), of the tmpfs in which it has /tmp, /var/tmp and /dev/shm */
	int         seccomp_fd; /* memfd, sealed, with a program for seccomp(2) that is loaded just before exec; -1: none */
	/* Bytes in each output file that is given by path. What is more is dropped and counted by the log writer, a process
	 * of the job's user beside the supervisors that the output goes through; 0: no limit, straight into the file. */
	uint64_t    log_max;
	bool        append;    /* output files are added to; otherwise emptied first */
	bool        pty;       /* stdin is a terminal: it becomes the controlling one */
	bool        held;      /* it gets as far as exec, and waits there for runner_let_go */
	uint32_t    uid, gid;
	const uint32_t *groups;
	uint32_t    ngroups;
	bool        drop;      /* change user (daemon is root); false: already the user, else EPERM */
	uint32_t    umask_;
	int32_t     nice_;
	int64_t     deadline_usec; /* boot clock: not at exec by then: the daemon kills the cgroup; informational for the supervisor */
};

/* The supervisors' program, which stays the same when another is installed. `path`: as in runner_config. A descriptor, or -errno
 * with text. */
int  runner_open_supervisor(const char *path, struct mscg_error *error);
/* Opens the runtime directory (made if missing): makes the slot file or maps the one that is there (a file of another boot is discarded
 * after `adopt` was asked; of another version it is -EPROTONOSUPPORT with both named), takes its lock (-EBUSY). A file
 * that has another number of slots keeps it while one of them is in use. Call runner_adopt next, always. */
int  runner_open(struct runner **ret, const struct runner_config *config, struct mscg_error *error);
/* Idle supervisors are told to exit, and waited for (a second at most); busy ones go on without us. */
void runner_close(struct runner *runner);

/* Restart: what every slot says. ARMED slots are revoked first (swapped so that they cannot start any more) and are
 * reported as REVOKED; what is held is withdrawn; RUNNING and CLONING ones are connected to (supervised says whether that worked). The caller
 * decides, and frees what needs no more, there and then or later. FREE slots are not reported. Slots of another boot
 * are reported with other_boot, once, and are gone afterwards: there is nothing to free. Ends by spawning the spare
 * supervisors. -errno when the new slot file cannot be made. */
int runner_adopt(struct runner *runner, void (*each)(const struct runner_slot_info *info, void *ctx), void *ctx);

/* Of the slot file: who knows another one cannot take over from this program. */
uint32_t runner_slot_version(void);

/* An epoll fd that becomes readable when there is something for runner_dispatch. */
int runner_fd(const struct runner *runner);
/* Calls `event` for every slot whose state changed: RUNNING (exec seen), EXITED, FAILED; and, with supervised = false,
 * for one (CLONING or RUNNING) whose supervisor died while its job was not known to have ended. Each comes once, and
 * RUNNING always before EXITED. `event` may call anything below. A START that its supervisor died with, unread, is
 * FAILED at stage CLONE with EAGAIN. */
void runner_dispatch(struct runner *runner, void (*event)(const struct runner_slot_info *info, void *ctx), void *ctx);

/* Makes a directory, or makes it complete, that jobs have a read-only mount of as their /dev (struct runner_launch): nodes, which takes
 * CAP_MKNOD (mknod(2)), and links. Users have to get to it, and must not get to change it. -errno: jobs do without. */
int  runner_make_dev(const char *path);
/* Arms a slot and hands the launch to an idle supervisor, or spawns one (clone3 into supervisors_cgroup_fd, vfork).
 * 0 and the slot; -EAGAIN when all slots are taken or its socket is full; -E2BIG, -EINVAL for a launch that cannot be;
 * else -errno with text. Waits for nobody (a spawn takes as long as the exec of mscg-supervise). */
int runner_launch(struct runner *runner, const struct runner_launch *launch, uint32_t *ret_slot, struct mscg_error *error);
/* A launch that is held: runs its program. Nothing happens to one that was withdrawn, or has failed. */
void runner_let_go(struct runner *runner, uint32_t slot);
/* One that is held: its program is never run, and it is FAILED with EAGAIN soon. False: it was let go, or never held. One that
 * hears nothing for half a minute withdraws itself. */
bool runner_withdraw(struct runner *runner, uint32_t slot);
/* Signal to the main process, by the supervisor's pidfd. -ESRCH when the slot is not RUNNING, -ENOTCONN when its
 * supervisor is gone. */
int runner_signal(struct runner *runner, uint32_t slot, int sig);
/* A command beside the main process of a slot that is RUNNING, with all that the job was started with: user, environment, directory,
 * namespaces, filter. Handed to its supervisor; what becomes of it is said over the channel (src/base/exec.h). All is borrowed. -EBUSY
 * not RUNNING, -ENOTCONN, -EOPNOTSUPP its supervisor is of another version, -E2BIG; with text. */
struct runner_exec {
	int          cgroup_fd; /* of the job */
	char *const *argv;
	char *const *env;       /* NULL, or one entry that takes the place of the job's */
	int          stdio_fd, channel_fd; /* as of a launch; to its client */
	bool         pty;
};
int runner_exec(struct runner *runner, uint32_t slot, const struct runner_exec *exec, struct mscg_error *error);
/* A line of mscg's own, "[mscg: text]", behind what the job of a slot has written in its file for errors, if that is a regular one:
 * opened as its user, and added by a process of its own. The slot's job has ended, and its slot is not free yet. Whether it was
 * written is not told; all is borrowed. */
struct runner_note {
	const char *path;
	uint32_t    uid, gid, umask_, ngroups;
	const uint32_t *groups;
	bool        drop; /* as of a launch */
	const char *text;
};
void runner_note(struct runner *runner, uint32_t slot, const struct runner_note *note);
/* An ARMED launch: 0, and it will never start (the slot is REVOKED, to be freed); -EBUSY when it has begun. */
int runner_revoke(struct runner *runner, uint32_t slot);
/* What a slot says now; -ENOENT for a free one. */
int runner_look(const struct runner *runner, uint32_t slot, struct runner_slot_info *ret);
/* The end is committed: the slot may be used again. An ARMED one is revoked. Nothing happens to one that is CLONING or
 * RUNNING under a living supervisor: kill the job's cgroup first. */
void runner_free_slot(struct runner *runner, uint32_t slot);

/* What the log writer of a slot's last launch has counted; -ENOENT: it had none. The descriptor, the caller's, is of a
 * file that changes (inotify) when the count does, and is closed for good when the writer ends. */
struct runner_log {
	uint64_t cut;  /* bytes beyond the limit */
	uint64_t done; /* everything is written that will be */
	uint64_t lost; /* bytes that could not be written */
	uint64_t errno_value; /* why, when the last of them could not; 0: none is lost */
};
int  runner_log_open(const struct runner *runner, uint32_t slot);
int  runner_log_read(int fd, struct runner_log *ret);

struct runner_stats {
	uint32_t slots, used, idle, busy;
};
/* Whether the slots tell of every launch of this boot: false when their file had to be made anew, or one was found
 * damaged. Then a launch that no slot tells of may have happened all the same. Valid after runner_adopt. */
bool runner_is_complete(const struct runner *runner);
void runner_get_stats(const struct runner *runner, struct runner_stats *ret);

#endif
