/* mscg/cgroup.h: control groups of Linux (cgroup v2) over directory descriptors.
 *
 * libmscg-cgroup knows no jobs and needs no daemon: link libmscg-cgroup.a. It writes and reads the kernel's files
 * itself, with openat(2) below a descriptor that was opened once, so that a cgroup that is removed and made anew
 * under the same name is never taken for the old one. The kernel's own description of every file is
 * Documentation/admin-guide/cgroup-v2.rst ("the guide" below); see also cgroups(7), clone(2), cpuset(7).
 *
 *     struct mscg_cgroup_host *host;
 *     struct mscg_cgroup own = MSCG_CGROUP_NONE, job = MSCG_CGROUP_NONE, keep = MSCG_CGROUP_NONE;
 *     struct mscg_cgroup_stat st;
 *     struct mscg_error e;
 *
 *     if (mscg_cgroup_discover(&host, &e) < 0 || mscg_cgroup_open_own(host, &own, &e) < 0)
 *             die(e.text);
 *     // Delegated to us (as root: mscg_cgroup_prepare). We leave it for a child, then hand the controllers down.
 *     if (mscg_cgroup_settle(&own, "daemon", MSCG_CGROUP_BIT(CPU) | MSCG_CGROUP_BIT(MEMORY), &keep, &e) < 0)
 *             die(e.text);
 *     if (mscg_cgroup_create(&own, "job", &job, &e) < 0 ||
 *         mscg_cgroup_set(&job, MSCG_CGROUP_MEMORY_MAX, 512u << 20, &e) < 0 ||
 *         mscg_cgroup_set_cpu_milli(&job, 1500, &e) < 0)
 *             die(e.text);
 *
 *     struct clone_args args = { .flags = CLONE_INTO_CGROUP | CLONE_PIDFD, .cgroup = (uint64_t)job.fd, ... };
 *     ... clone3, exec in the child, wait for the pidfd ...
 *
 *     mscg_cgroup_kill(&job, NULL);                         // what it left behind
 *     mscg_cgroup_wait_empty(&job, deadline, &e);           // read before removal: later it is ENODEV
 *     mscg_cgroup_read_stat(&job, MSCG_CGROUP_STAT_ALL, &st, &e);
 *     mscg_cgroup_close(&job);
 *     mscg_cgroup_remove(&own, "job", &e);
 *
 * Conventions. Functions return 0 or -errno, and text for people in *error (NULL is allowed); `ret` is untouched on
 * failure. Sizes are bytes, times microseconds. A `deadline_usec` is a point on CLOCK_BOOTTIME in microseconds: in the past
 * means "one look, no waiting", INT64_MAX means without end. Nothing here sleeps, logs, keeps state between calls, or
 * starts threads; different threads may use one cgroup at once. Linux 5.7 or later (clone3 into a cgroup); what a
 * function needs beyond that it says.
 *
 * Errors that many functions share:
 *     -ENODEV      the cgroup was removed
 *     -EOPNOTSUPP  the file is not there: its controller is not enabled for this cgroup, or this kernel is too old for
 *                  it (the text says which)
 *     -EACCES, -EPERM  not delegated to this user
 *     -EINVAL, -ERANGE  the kernel refuses the value
 *     -ETIMEDOUT   the deadline passed
 */
#ifndef MSCG_CGROUP_H
#define MSCG_CGROUP_H

#include <mscg/cpuset.h>
#include <mscg/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MSCG_CGROUP_UNKNOWN UINT64_MAX /* in statistics: this kernel or cgroup does not tell */
#define MSCG_CGROUP_MAX     UINT64_MAX /* in limits: "max", no limit */

/* ---- handles ---- */

/* An open cgroup. Plain data: copy it to lend it, close one copy. `fd` is the directory, O_RDONLY|O_DIRECTORY|O_CLOEXEC
 * (not O_PATH, which bpf(2) refuses for device filters): it is what clone3(2) takes as `cgroup` with CLONE_INTO_CGROUP,
 * and the caller may use it, but not close it. clone3 answers EBUSY where subtree_control is set, EACCES without write
 * permission on cgroup.procs of the target and of the common ancestor, ENODEV once removed, EAGAIN at pids.max.
 * `id` is the inode number, which the kernel never uses again before the next boot. */
struct mscg_cgroup {
	int      fd;
	uint64_t id;
};
#define MSCG_CGROUP_NONE { .fd = -1 }

/* Opens an absolute path. -ENOTTY: the path is not on a cgroup2 file system. The caller closes *ret. */
MSCG_PUBLIC int mscg_cgroup_open_path(const char *path, struct mscg_cgroup *ret, struct mscg_error *error);
/* Opens `name` below `parent`; may be several levels ("a/b"), never leads outside of it and follows no symbolic link
 * (openat2(2), RESOLVE_BENEATH). -ENOENT: there is none. The caller closes *ret. */
MSCG_PUBLIC int mscg_cgroup_open(const struct mscg_cgroup *parent, const char *name, struct mscg_cgroup *ret,
                                 struct mscg_error *error);
/* Another handle for the same cgroup, with a descriptor of its own. */
MSCG_PUBLIC int mscg_cgroup_dup(const struct mscg_cgroup *cgroup, struct mscg_cgroup *ret, struct mscg_error *error);
/* Makes it, mode 0755, and opens it. `name` is one level. -EEXIST: there is one already, whosever it is.
 * -EAGAIN: cgroup.max.descendants or cgroup.max.depth of an ancestor is reached. On failure nothing is left behind. */
MSCG_PUBLIC int mscg_cgroup_create(const struct mscg_cgroup *parent, const char *name, struct mscg_cgroup *ret,
                                   struct mscg_error *error);
/* Removes an empty one (rmdir(2)). Zombies do not keep it; open descriptors of it do not either. -EBUSY: it has
 * processes or children, the text says which. -ENOENT: there is none. */
MSCG_PUBLIC int mscg_cgroup_remove(const struct mscg_cgroup *parent, const char *name, struct mscg_error *error);
/* The same with everything below, deepest first. Kills nothing: the first cgroup that is not empty is -EBUSY with its
 * path, and what was removed before it stays removed. At most 64 levels (-ELOOP). */
MSCG_PUBLIC int mscg_cgroup_remove_tree(const struct mscg_cgroup *parent, const char *name, struct mscg_error *error);
/* Closes and sets to MSCG_CGROUP_NONE. Closing none is fine; so is closing one that was removed. */
MSCG_PUBLIC void mscg_cgroup_close(struct mscg_cgroup *cgroup);
/* The absolute path, for people: never open it again. As snprintf(3) does, returns the length of the whole text and
 * writes at most `size` bytes, NUL ended. A removed cgroup has " (deleted)" at its end; "?" when it cannot be told. */
MSCG_PUBLIC size_t mscg_cgroup_path(const struct mscg_cgroup *cgroup, char *text, size_t size);
/* False once it was removed. */
MSCG_PUBLIC bool mscg_cgroup_exists(const struct mscg_cgroup *cgroup);
/* Calls `each` for every direct child, in no order. `name` and `child` are borrowed for the call. It may remove the
 * child. A negative answer ends the walk and is returned; children that vanish meanwhile are passed over. */
MSCG_PUBLIC int mscg_cgroup_children(const struct mscg_cgroup *cgroup,
                                     int (*each)(void *ctx, const char *name, const struct mscg_cgroup *child),
                                     void *ctx, struct mscg_error *error);

/* ---- what this machine has ---- */

/* Controllers of cgroup v2: constant, name. */
#define MSCG_CGROUP_CONTROLLERS(X) \
	X(CPUSET, "cpuset") X(CPU, "cpu") X(IO, "io") X(MEMORY, "memory") X(HUGETLB, "hugetlb") X(PIDS, "pids") \
	X(RDMA, "rdma") X(MISC, "misc") X(DMEM, "dmem")
enum mscg_cgroup_controller {
#define X(name, label) MSCG_CGROUP_CONTROLLER_##name,
	MSCG_CGROUP_CONTROLLERS(X)
#undef X
	MSCG_CGROUP_CONTROLLER_COUNT
};
/* Sets of controllers are bits: MSCG_CGROUP_BIT(CPU) | MSCG_CGROUP_BIT(MEMORY). */
#define MSCG_CGROUP_BIT(name) (1u << MSCG_CGROUP_CONTROLLER_##name)
MSCG_PUBLIC const char *mscg_cgroup_controller_name(enum mscg_cgroup_controller controller); /* "cpu"; "?" */
/* "cpuset cpu memory": as snprintf(3). */
MSCG_PUBLIC size_t mscg_cgroup_controllers_format(uint32_t controllers, char *text, size_t size);
/* The kernel's form, blanks or commas between. Names that are not known here are passed over. */
MSCG_PUBLIC uint32_t mscg_cgroup_controllers_parse(const char *text);

enum mscg_cgroup_mode {
	MSCG_CGROUP_ABSENT,  /* no cgroup2 mount is to be seen, and no v1 hierarchy */
	MSCG_CGROUP_V1,      /* v1 hierarchies, no cgroup2 */
	MSCG_CGROUP_HYBRID,  /* cgroup2 is mounted, and controllers are bound to v1 hierarchies */
	MSCG_CGROUP_UNIFIED, /* cgroup2 has all that the kernel has */
};
MSCG_PUBLIC const char *mscg_cgroup_mode_name(enum mscg_cgroup_mode mode);

/* What /proc/self/mountinfo, /proc/self/cgroup and /proc/cgroups say. Freed with mscg_cgroup_host_free. */
struct mscg_cgroup_host {
	enum mscg_cgroup_mode mode;
	char    *mount;     /* where cgroup2 is mounted; NULL when it is not */
	char    *own;       /* our cgroup below `mount`, "/" for the top; NULL when it is not to be seen from here */
	bool     nsdelegate, memory_recursiveprot, memory_localevents, favordynmods; /* mount options */
	bool     readonly;  /* mounted read-only, as in most containers */
	bool     namespaced;/* the top of the mount is not the machine's root cgroup */
	uint32_t top;       /* controllers in cgroup.controllers at the top of the mount */
	uint32_t v1;        /* bound to a v1 hierarchy */
	uint32_t disabled;  /* in the kernel, switched off on its command line (cgroup_disable=) */
	uint32_t listed;    /* known to the kernel in some way: any of these, or in /proc/cgroups */
	bool     systemd;   /* systemd runs this machine (sd_booted(3)) */
	uint32_t uid;       /* effective, of the caller */
};
/* Looks. A machine without cgroup2 is a result (mode), not an error. The caller frees *ret. */
MSCG_PUBLIC int  mscg_cgroup_discover(struct mscg_cgroup_host **ret, struct mscg_error *error);
MSCG_PUBLIC void mscg_cgroup_host_free(struct mscg_cgroup_host *host);
/* Opens the top of the mount, and our own cgroup. -ENOENT with text where there is none. The caller closes *ret. */
MSCG_PUBLIC int mscg_cgroup_open_top(const struct mscg_cgroup_host *host, struct mscg_cgroup *ret, struct mscg_error *error);
MSCG_PUBLIC int mscg_cgroup_open_own(const struct mscg_cgroup_host *host, struct mscg_cgroup *ret, struct mscg_error *error);

/* Why the children of a cgroup cannot have a controller. */
enum mscg_cgroup_lack {
	MSCG_CGROUP_LACK_NONE,      /* they have it, or it can be enabled from here */
	MSCG_CGROUP_LACK_NO_V2,     /* no cgroup2 mount */
	MSCG_CGROUP_LACK_BOUND_V1,  /* a v1 hierarchy holds it */
	MSCG_CGROUP_LACK_DISABLED,  /* cgroup_disable= on the kernel's command line */
	MSCG_CGROUP_LACK_KERNEL,    /* not in this kernel */
	MSCG_CGROUP_LACK_CONTAINER, /* whoever made this container or cgroup namespace did not hand it in */
	MSCG_CGROUP_LACK_ABOVE,     /* an ancestor does not enable it in its cgroup.subtree_control */
	MSCG_CGROUP_LACK_PERMISSION,/* it is there, but this cgroup is not delegated to this user */
};
struct mscg_cgroup_finding {
	enum mscg_cgroup_lack lack;
	char text[256]; /* one line: what is wrong */
	char mend[512]; /* the command or the drop-in that mends it; may have several lines; "" where nothing is wrong */
};
/* Says of one controller whether children of `cgroup` can have it, and if not why, and what mends it. `cgroup` may be
 * NULL where there is none (NO_V2). Changes nothing. Returns -errno only when the cgroup cannot be read. */
MSCG_PUBLIC int mscg_cgroup_explain(const struct mscg_cgroup_host *host, const struct mscg_cgroup *cgroup,
                                    enum mscg_cgroup_controller controller, struct mscg_cgroup_finding *ret,
                                    struct mscg_error *error);

/* Files that not every kernel has: constant, file, since. */
#define MSCG_CGROUP_FEATURES(X) \
	X(FREEZE,            "cgroup.freeze",         "5.2") \
	X(KILL,              "cgroup.kill",           "5.14") \
	X(PRESSURE,          "cpu.pressure",          "4.20, CONFIG_PSI, psi=1") \
	X(CPU_BURST,         "cpu.max.burst",         "5.14") \
	X(CPU_IDLE,          "cpu.idle",              "5.15") \
	X(CPU_STAT_LOCAL,    "cpu.stat.local",        "6.7") \
	X(MEMORY_PEAK,       "memory.peak",           "5.19") \
	X(MEMORY_PEAK_RESET, "memory.peak",           "6.12, writable") \
	X(MEMORY_RECLAIM,    "memory.reclaim",        "5.19") \
	X(MEMORY_SWAP,       "memory.swap.max",       "4.5, CONFIG_SWAP") \
	X(MEMORY_SWAP_PEAK,  "memory.swap.peak",      "6.5") \
	X(MEMORY_ZSWAP,      "memory.zswap.max",      "5.19, CONFIG_ZSWAP") \
	X(PIDS_PEAK,         "pids.peak",             "6.1") \
	X(CPUSET_PARTITION,  "cpuset.cpus.partition", "5.0") \
	X(CPUSET_EXCLUSIVE,  "cpuset.cpus.exclusive", "6.7") \
	X(IO_WEIGHT,         "io.weight",             "5.4, CONFIG_BLK_CGROUP_IOCOST")
enum mscg_cgroup_feature {
#define X(name, file, since) MSCG_CGROUP_FEATURE_##name,
	MSCG_CGROUP_FEATURES(X)
#undef X
	MSCG_CGROUP_FEATURE_COUNT
};
#define MSCG_CGROUP_HAS(name) (1u << MSCG_CGROUP_FEATURE_##name)
/* Which of them this cgroup has. Look at one that is not the top (which has few of them) and that has its controllers;
 * without its controller a file is not there either. */
MSCG_PUBLIC int mscg_cgroup_features(const struct mscg_cgroup *cgroup, uint32_t *ret, struct mscg_error *error);
MSCG_PUBLIC const char *mscg_cgroup_feature_file(enum mscg_cgroup_feature feature);
MSCG_PUBLIC const char *mscg_cgroup_feature_since(enum mscg_cgroup_feature feature);

/* ---- delegation (the guide, "Delegation") ---- */

/* cgroup.controllers (what it may hand down) and cgroup.subtree_control (what its children have). Either may be NULL. */
MSCG_PUBLIC int mscg_cgroup_controllers(const struct mscg_cgroup *cgroup, uint32_t *ret_available, uint32_t *ret_enabled,
                                        struct mscg_error *error);
/* Gives controllers to the children, all in one write; those they have already are no error. -ENOENT: some are not
 * available in this cgroup, the text names them. -EBUSY: the cgroup has processes of its own, which only the top may
 * have beside controllers ("no internal processes" in the guide); the text names some. */
MSCG_PUBLIC int mscg_cgroup_enable(const struct mscg_cgroup *cgroup, uint32_t controllers, struct mscg_error *error);
/* Takes them back. -EBUSY: a child hands them further down. */
MSCG_PUBLIC int mscg_cgroup_disable(const struct mscg_cgroup *cgroup, uint32_t controllers, struct mscg_error *error);
/* Moves a process (0: the caller) with all its threads: a write to cgroup.procs. Slow (an RCU grace period): clone into
 * the cgroup instead, wherever the process is one's own to make. */
MSCG_PUBLIC int mscg_cgroup_move(const struct mscg_cgroup *cgroup, pid_t pid, struct mscg_error *error);

/* For root: walks from `top` down `path` ("mscg/jobs", "mscg.slice/jobs"), makes what is missing, and enables `controllers` on
 * every level, the last one too, so that children of *ret have them. It moves no process: a level with processes is
 * -EBUSY as in mscg_cgroup_enable. Levels that it made are removed again on failure. The caller closes *ret. */
MSCG_PUBLIC int mscg_cgroup_prepare(const struct mscg_cgroup *top, const char *path, uint32_t controllers,
                                    struct mscg_cgroup *ret, struct mscg_error *error);
/* For the owner of a delegated cgroup in which it runs itself: makes (or finds) the child `name`, moves the calling
 * process into it, and enables `controllers` for all children of `cgroup` in one write. Other processes in `cgroup` are
 * -EBUSY, with their pids in the text; then the caller has moved, which is harmless, and calling again is fine. Where
 * the caller is elsewhere it is moved all the same. The caller closes *ret, which is the child. */
MSCG_PUBLIC int mscg_cgroup_settle(const struct mscg_cgroup *cgroup, const char *name, uint32_t controllers,
                                   struct mscg_cgroup *ret, struct mscg_error *error);
/* For root: gives a cgroup to a user: the directory and in it the files that /sys/kernel/cgroup/delegate lists, and no
 * other: its limits stay ours. Files that this cgroup lacks are passed over. */
MSCG_PUBLIC int mscg_cgroup_delegate(const struct mscg_cgroup *cgroup, uid_t uid, gid_t gid, struct mscg_error *error);

/* A mark on the cgroup: the extended attribute "user.mscg.instance" (xattr(7); cgroupfs has user. attributes since
 * 5.7). It goes with the cgroup. `text` at most 255 bytes. */
MSCG_PUBLIC int mscg_cgroup_stamp_set(const struct mscg_cgroup *cgroup, const char *text, struct mscg_error *error);
/* -ENODATA: it has none. *ret is the caller's to free. */
MSCG_PUBLIC int mscg_cgroup_stamp_get(const struct mscg_cgroup *cgroup, char **ret, struct mscg_error *error);
/* Locks the cgroup for as long as *ret_fd (and what it was duplicated to) stays open, by flock(2). The lock is on
 * cgroup.kill, which only its owner can open, so that nobody else can hold it; where that is not ours (the root of a
 * delegated sub-tree) or not there, on the directory. -EWOULDBLOCK: another process holds it. The caller closes. */
MSCG_PUBLIC int mscg_cgroup_lock(const struct mscg_cgroup *cgroup, int *ret_fd, struct mscg_error *error);

/* ---- limits ---- */

/* Files that hold one number: constant, file, controller, unit, what the kernel takes. */
#define MSCG_CGROUP_LIMITS(X) \
	X(CPU_WEIGHT,       "cpu.weight",             CPU,    "",      1, 10000,      WEIGHT) \
	X(CPU_IDLE,         "cpu.idle",               CPU,    "",      0, 1,          PLAIN) \
	X(CPU_BURST,        "cpu.max.burst",          CPU,    "usec",  0, INT64_MAX,  PLAIN) \
	X(MEMORY_MIN,       "memory.min",             MEMORY, "bytes", 0, INT64_MAX,  OR_MAX) \
	X(MEMORY_LOW,       "memory.low",             MEMORY, "bytes", 0, INT64_MAX,  OR_MAX) \
	X(MEMORY_HIGH,      "memory.high",            MEMORY, "bytes", 0, INT64_MAX,  OR_MAX) \
	X(MEMORY_MAX,       "memory.max",             MEMORY, "bytes", 0, INT64_MAX,  OR_MAX) \
	X(MEMORY_SWAP_MAX,  "memory.swap.max",        MEMORY, "bytes", 0, INT64_MAX,  OR_MAX) \
	X(MEMORY_ZSWAP_MAX, "memory.zswap.max",       MEMORY, "bytes", 0, INT64_MAX,  OR_MAX) \
	X(MEMORY_OOM_GROUP, "memory.oom.group",       MEMORY, "",      0, 1,          PLAIN) \
	X(PIDS_MAX,         "pids.max",               PIDS,   "",      0, 4194304,    OR_MAX) \
	X(IO_WEIGHT,        "io.weight",              IO,     "",      1, 10000,      DEFAULT) \
	X(MAX_DEPTH,        "cgroup.max.depth",       COUNT,  "",      0, INT32_MAX,  OR_MAX) \
	X(MAX_DESCENDANTS,  "cgroup.max.descendants", COUNT,  "",      0, INT32_MAX,  OR_MAX)
enum mscg_cgroup_limit {
#define X(name, file, controller, unit, min, max, form) MSCG_CGROUP_##name,
	MSCG_CGROUP_LIMITS(X)
#undef X
	MSCG_CGROUP_LIMIT_COUNT
};
/* Writes one. MSCG_CGROUP_MAX is "max" where the file knows it. -ERANGE with the right range before the kernel is asked.
 * The kernel rounds memory down to pages. memory.max and memory.high below what is in use reclaim within the write
 * (they can take long, and memory.max then kills): use mscg_cgroup_resize_memory to lower memory.max under a running
 * process. A memory.max below about 4 MiB hangs an exec rather than failing it. */
MSCG_PUBLIC int mscg_cgroup_set(const struct mscg_cgroup *cgroup, enum mscg_cgroup_limit limit, uint64_t value,
                                struct mscg_error *error);
MSCG_PUBLIC int mscg_cgroup_get(const struct mscg_cgroup *cgroup, enum mscg_cgroup_limit limit, uint64_t *ret,
                                struct mscg_error *error);
MSCG_PUBLIC const char *mscg_cgroup_limit_file(enum mscg_cgroup_limit limit); /* "memory.max" */
/* The controller that the file belongs to; MSCG_CGROUP_CONTROLLER_COUNT: to none, every cgroup has it. */
MSCG_PUBLIC enum mscg_cgroup_controller mscg_cgroup_limit_controller(enum mscg_cgroup_limit limit);

/* cpu.max: `quota_usec` of CPU time in each period, over all CPUs; MSCG_CGROUP_MAX: no limit. Both are always written (a
 * lone quota would keep the old period). Quota 1000 at least, period 1000 to 1000000. */
MSCG_PUBLIC int mscg_cgroup_set_cpu_max(const struct mscg_cgroup *cgroup, uint64_t quota_usec, uint64_t period_usec,
                                        struct mscg_error *error);
MSCG_PUBLIC int mscg_cgroup_get_cpu_max(const struct mscg_cgroup *cgroup, uint64_t *ret_quota_usec,
                                        uint64_t *ret_period_usec, struct mscg_error *error);
/* The same in thousandths of a CPU (1500: one and a half), with the kernel's default period of 100 ms, or 1 s below
 * 0.01 CPU. UINT32_MAX: no limit. 0 is -ERANGE. */
MSCG_PUBLIC int mscg_cgroup_set_cpu_milli(const struct mscg_cgroup *cgroup, uint32_t milli, struct mscg_error *error);

/* io.max of one device, in bytes and operations a second; MSCG_CGROUP_MAX: no limit. */
struct mscg_cgroup_io_max {
	uint64_t rbps, wbps, riops, wiops;
};
/* All four are written. The device is a whole disk, not a partition: -ENODEV from the kernel otherwise (here -ENXIO, to
 * be told from a removed cgroup). */
MSCG_PUBLIC int mscg_cgroup_set_io_max(const struct mscg_cgroup *cgroup, unsigned major, unsigned minor,
                                       const struct mscg_cgroup_io_max *value, struct mscg_error *error);
MSCG_PUBLIC int mscg_cgroup_get_io_max(const struct mscg_cgroup *cgroup, unsigned major, unsigned minor,
                                       struct mscg_cgroup_io_max *ret, struct mscg_error *error);
/* io.weight of one device, 1 to 10000; 0 takes it back to the cgroup's own (MSCG_CGROUP_IO_WEIGHT). */
MSCG_PUBLIC int mscg_cgroup_set_io_weight(const struct mscg_cgroup *cgroup, unsigned major, unsigned minor,
                                          uint64_t weight, struct mscg_error *error);

/* ---- cpuset (the guide, "Cpuset") ---- */

enum mscg_cgroup_list {
	MSCG_CGROUP_CPUS,           /* cpuset.cpus: what was asked; empty: as the parent */
	MSCG_CGROUP_MEMS,           /* cpuset.mems */
	MSCG_CGROUP_CPUS_EFFECTIVE, /* cpuset.cpus.effective: what it has */
	MSCG_CGROUP_MEMS_EFFECTIVE, /* cpuset.mems.effective */
	MSCG_CGROUP_CPUS_EXCLUSIVE, /* cpuset.cpus.exclusive, 6.7 */
	MSCG_CGROUP_LIST_COUNT
};
MSCG_PUBLIC int mscg_cgroup_get_list(const struct mscg_cgroup *cgroup, enum mscg_cgroup_list which, struct mscg_cpuset *ret,
                                    struct mscg_error *error);
/* Writes cpuset.cpus and reads back what came of it. An empty set clears it (the parent's then). Threads that run
 * outside a smaller set have left when this returns; it can take some milliseconds. *ret_effective (may be NULL) is
 * what the cgroup has now.
 * -ESTALE: the kernel took the text and gave something else, as it does without a word where the parent lacks some of
 * the CPUs or they are offline; the text names both sets, the file keeps what was written, and *ret_effective is set
 * in this case too. -ERANGE: a CPU that this kernel cannot have. */
MSCG_PUBLIC int mscg_cgroup_set_cpus(const struct mscg_cgroup *cgroup, const struct mscg_cpuset *cpus,
                                     struct mscg_cpuset *ret_effective, struct mscg_error *error);
/* The same for cpuset.mems. The kernel moves the pages that are there already. */
MSCG_PUBLIC int mscg_cgroup_set_mems(const struct mscg_cgroup *cgroup, const struct mscg_cpuset *mems,
                                     struct mscg_cpuset *ret_effective, struct mscg_error *error);

enum mscg_cgroup_partition { MSCG_CGROUP_MEMBER, MSCG_CGROUP_ROOT, MSCG_CGROUP_ISOLATED };
/* cpuset.cpus.partition: ROOT takes the cgroup's CPUs away from its siblings and its parent (exclusive), ISOLATED takes
 * them out of load balancing too. Root only: not delegated. It is read back, since the kernel may accept it and say
 * "root invalid (why)": that is -EADDRINUSE with the kernel's words, and it is set back to MEMBER. */
MSCG_PUBLIC int mscg_cgroup_set_partition(const struct mscg_cgroup *cgroup, enum mscg_cgroup_partition partition,
                                          struct mscg_error *error);
/* *ret_valid false: it is what was asked, but has no effect now. */
MSCG_PUBLIC int mscg_cgroup_get_partition(const struct mscg_cgroup *cgroup, enum mscg_cgroup_partition *ret,
                                          bool *ret_valid, struct mscg_error *error);

/* ---- life: events, freeze, kill ---- */

struct mscg_cgroup_events {
	bool populated; /* a live process in it or below it; zombies do not count */
	bool frozen;    /* every process in it stands still; those below it count only where it has none of its own */
};
/* Opens cgroup.events, for poll(2) with POLLPRI or epoll(7) with EPOLLPRI. It is ready at once until it was read the first
 * time, and then after every change until it is read again: read after every wake-up. A wake-up may bring no change. The
 * kernel lets at least 10 ms (plus a tick or two) pass between two wake-ups of one cgroup: who knows already that
 * something ended (a pidfd, a message) reads at once instead of waiting to be woken. The removal of the cgroup wakes
 * it too (reads are -ENODEV then). Take it out of an epoll before closing it. The caller closes *ret_fd. */
MSCG_PUBLIC int mscg_cgroup_events_open(const struct mscg_cgroup *cgroup, int *ret_fd, struct mscg_error *error);
/* Reads that descriptor. */
MSCG_PUBLIC int mscg_cgroup_events_read(int fd, struct mscg_cgroup_events *ret);
/* One look without a descriptor to keep. */
MSCG_PUBLIC int mscg_cgroup_events_get(const struct mscg_cgroup *cgroup, struct mscg_cgroup_events *ret,
                                       struct mscg_error *error);
/* Waits until no live process is in it or below it: 0, or -ETIMEDOUT. A removed cgroup is empty. */
MSCG_PUBLIC int mscg_cgroup_wait_empty(const struct mscg_cgroup *cgroup, int64_t deadline_usec, struct mscg_error *error);

/* cgroup.freeze. Freezing waits until every process stands (events: frozen 1); what waits in the kernel without being
 * interruptible, or is throttled by cpu.max, may not come in time: -ETIMEDOUT, and the order to freeze stays (thaw to
 * take it back). An empty cgroup freezes at once. Kill works on a frozen one. Do not freeze a process before its exec
 * when its parent waits in vfork. Thawing does not wait. */
MSCG_PUBLIC int mscg_cgroup_freeze(const struct mscg_cgroup *cgroup, int64_t deadline_usec, struct mscg_error *error);
MSCG_PUBLIC int mscg_cgroup_thaw(const struct mscg_cgroup *cgroup, struct mscg_error *error);

/* SIGKILL to every process in it and below it (cgroup.kill). Returns before they are gone: mscg_cgroup_wait_empty. A child whose
 * parent was in the middle of fork(2) can escape it (seen on 6.18, twice in 20000): call again until it is empty. Never kill a cgroup (or one above it) from which processes are still to be cloned into others: since
 * early 2025 (stable kernels too: seen on 6.1.176, 6.12.95, 6.18) a child is born with a SIGKILL when its parent's cgroup and
 * the one that it is cloned into were killed a different number of times, however long ago and however empty they were. A
 * cgroup that is made anew counts from 0. Dying takes CPU time: what cpu.max throttles hard dies at that pace (minutes were
 * seen), so lift cpu.max first. On kernels before 5.14 by freezing, a signal to each by pidfd, and thawing, some rounds of
 * it; what could not be caught then is -EAGAIN: call again. The children of a threaded domain are -EOPNOTSUPP. */
MSCG_PUBLIC int mscg_cgroup_kill(const struct mscg_cgroup *cgroup, struct mscg_error *error);

/* Processes in it and in all below it, as this pid namespace numbers them (those that it does not see are left out).
 * *ret is the caller's to free(3); NULL when there are none. Between a look and an act a pid may become a stranger's:
 * open a pidfd, then look again. */
MSCG_PUBLIC int mscg_cgroup_processes(const struct mscg_cgroup *cgroup, pid_t **ret, size_t *ret_n, struct mscg_error *error);

/* What mscg_cgroup_notify did. */
struct mscg_cgroup_notified {
	uint32_t processes;       /* that it found */
	uint32_t signalled;
	uint32_t without_handler; /* would have died of it, or ignore it */
	uint32_t blocking;        /* have a handler, and every thread blocks the signal */
};
/* Sends `sig` to those processes in it and below it that have a handler for it (SigCgt in /proc/PID/status) and do not
 * block it in every thread; to no other, since the default action of most signals kills. The cgroup stands frozen
 * meanwhile, for between a look and a signal a process may exec and lose its handler. Freezing may take until `deadline_usec`
 * (10 ms from now is a good one; a tenth of it is usual), looking and signalling then takes about 50 us a process; more than 64
 * are done in portions, each with as much time, thawed in between: what is born in between hears nothing, for it was born
 * after whatever there is to tell.
 * -ETIMEDOUT: it could not be frozen in time (a process waits in the kernel, or cpu.max throttles it), and nobody, or
 * only earlier portions, were signalled; call again later. It is thawed in every case, but for one that was frozen
 * before the call: that stays frozen, and gets its signals when it is thawed. A caller that is killed in between leaves it
 * frozen: who adopts it thaws. *ret may be NULL. */
MSCG_PUBLIC int mscg_cgroup_notify(const struct mscg_cgroup *cgroup, int sig, int64_t deadline_usec,
                                   struct mscg_cgroup_notified *ret, struct mscg_error *error);

/* Number of threads in it and below it that may not run on all of `effective` (NULL: its cpuset.cpus.effective), because
 * they pinned themselves by sched_setaffinity(2). After a grow such a thread has all of the cpuset up to Linux 6.1, and
 * in later ones (seen on 6.12) only what it had. */
MSCG_PUBLIC int mscg_cgroup_pinned(const struct mscg_cgroup *cgroup, const struct mscg_cpuset *effective, uint32_t *ret,
                                   struct mscg_error *error);

/* ---- memory of a running cgroup ---- */

struct mscg_cgroup_resized {
	bool     done;          /* memory.max is the target now; false: deferred, nothing has changed */
	uint64_t current_bytes; /* memory.current at the last look; 0: there was none, it was raised */
	uint64_t anon_bytes;    /* deferred: of which anonymous and shared memory: what cannot be reclaimed without swap */
	char     why[160];      /* deferred: the reason, with the figures; "" when done */
};
/* Sets memory.max without killing. Upwards it is one write. Downwards: memory.reclaim in steps of at most 32 MiB, then, at or
 * below the target, memory.high at the target for the moment of a last look, and only if it still fits memory.max. Where
 * more than half of the target is in use the cgroup is frozen for that moment (10 ms at most; where it will not freeze a
 * margin is asked for instead). memory.high and freezer are put back. Otherwise it is deferred, which is no error: 0 is
 * returned with done = false and `why` filled.
 * Blocks the calling thread, up to the deadline and one step more (0.2 s): not for an event loop's. A caller that is killed
 * in between may leave memory.high at the target and the cgroup frozen: who adopts it writes memory.high and thaws. Without
 * memory.reclaim (before 5.19) it is done when it fits by itself. Two callers on one cgroup at once are not allowed. */
MSCG_PUBLIC int mscg_cgroup_resize_memory(const struct mscg_cgroup *cgroup, uint64_t target_bytes, int64_t deadline_usec,
                                          struct mscg_cgroup_resized *ret, struct mscg_error *error);
/* memory.reclaim: asks for `bytes` to be given back. -EAGAIN: less was found. Blocks. */
MSCG_PUBLIC int mscg_cgroup_reclaim(const struct mscg_cgroup *cgroup, uint64_t bytes, struct mscg_error *error);

/* ---- statistics ---- */

/* Everything counts the cgroup with all below it, since it was made. Constant, file, key in it ("": the file is one
 * number). UNKNOWN: not told here. */
#define MSCG_CGROUP_STATS(X) \
	X(cpu_usage_usec,         CPU,    "cpu.stat",            "usage_usec") \
	X(cpu_user_usec,          CPU,    "cpu.stat",            "user_usec") \
	X(cpu_system_usec,        CPU,    "cpu.stat",            "system_usec") \
	X(cpu_nr_periods,         CPU,    "cpu.stat",            "nr_periods") \
	X(cpu_nr_throttled,       CPU,    "cpu.stat",            "nr_throttled") \
	X(cpu_throttled_usec,     CPU,    "cpu.stat",            "throttled_usec") \
	X(memory_current,         MEMORY, "memory.current",      "") \
	X(memory_peak,            MEMORY, "memory.peak",         "") \
	X(memory_swap_current,    MEMORY, "memory.swap.current", "") \
	X(memory_swap_peak,       MEMORY, "memory.swap.peak",    "") \
	X(memory_anon,            DETAIL, "memory.stat",         "anon") \
	X(memory_file,            DETAIL, "memory.stat",         "file") \
	X(memory_shmem,           DETAIL, "memory.stat",         "shmem") \
	X(memory_kernel,          DETAIL, "memory.stat",         "kernel") \
	X(memory_file_dirty,      DETAIL, "memory.stat",         "file_dirty") \
	X(memory_pgfault,         DETAIL, "memory.stat",         "pgfault") \
	X(memory_pgmajfault,      DETAIL, "memory.stat",         "pgmajfault") \
	X(memory_low_events,      EVENTS, "memory.events",       "low") \
	X(memory_high_events,     EVENTS, "memory.events",       "high") \
	X(memory_max_events,      EVENTS, "memory.events",       "max") \
	X(memory_oom_events,      EVENTS, "memory.events",       "oom") \
	X(memory_oom_kills,       EVENTS, "memory.events",       "oom_kill") \
	X(memory_oom_group_kills, EVENTS, "memory.events",       "oom_group_kill") \
	X(io_read_bytes,          IO,     "io.stat",             "rbytes") \
	X(io_write_bytes,         IO,     "io.stat",             "wbytes") \
	X(io_reads,               IO,     "io.stat",             "rios") \
	X(io_writes,              IO,     "io.stat",             "wios") \
	X(io_discard_bytes,       IO,     "io.stat",             "dbytes") \
	X(pids_current,           PIDS,   "pids.current",        "") \
	X(pids_peak,              PIDS,   "pids.peak",           "") \
	X(pids_max_events,        PIDS,   "pids.events",         "max")
/* io_*: summed over devices, 0 where nothing was read or written yet. memory_oom_kills is the number of processes that
 * the OOM killer ended (with memory.oom.group one more than that); memory_oom_events counts attempts, also in
 * cgroups that got on well. memory_swap_*: unknown without swap in the kernel. cpu_user and cpu_system are an estimate
 * that sums up to cpu_usage. */
struct mscg_cgroup_stat {
#define X(name, group, file, key) uint64_t name;
	MSCG_CGROUP_STATS(X)
#undef X
};
enum mscg_cgroup_stat_group {
	MSCG_CGROUP_STAT_CPU    = 1 << 0,
	MSCG_CGROUP_STAT_MEMORY = 1 << 1,
	MSCG_CGROUP_STAT_DETAIL = 1 << 2, /* memory.stat: the dearest of them, the kernel sums per-CPU counters for it */
	MSCG_CGROUP_STAT_EVENTS = 1 << 3,
	MSCG_CGROUP_STAT_IO     = 1 << 4,
	MSCG_CGROUP_STAT_PIDS   = 1 << 5,
	MSCG_CGROUP_STAT_ALL    = (1 << 6) - 1,
	MSCG_CGROUP_STAT_TOTALS = 1 << 6, /* of the others only what has added up: no *.current */
};
/* Reads the files of those groups, each opened, read, and closed once; everything else in *ret is UNKNOWN. A file that
 * is not there is no error. -ENODEV: the cgroup was removed: read before rmdir. */
MSCG_PUBLIC int mscg_cgroup_read_stat(const struct mscg_cgroup *cgroup, unsigned groups, struct mscg_cgroup_stat *ret,
                                      struct mscg_error *error);

/* Pressure stall information (Documentation/accounting/psi.rst). */
enum mscg_cgroup_resource { MSCG_CGROUP_PRESSURE_CPU, MSCG_CGROUP_PRESSURE_MEMORY, MSCG_CGROUP_PRESSURE_IO };
struct mscg_cgroup_pressure {
	struct mscg_cgroup_stall {
		double   avg10, avg60, avg300; /* percent of the last seconds; < 0: not told */
		uint64_t total_usec;           /* UNKNOWN: not told */
	} some, full; /* at least one task waited; all did */
};
/* -EOPNOTSUPP: a kernel without PSI, or booted with psi=0, or switched off for this cgroup (cgroup.pressure). */
MSCG_PUBLIC int mscg_cgroup_read_pressure(const struct mscg_cgroup *cgroup, enum mscg_cgroup_resource resource,
                                          struct mscg_cgroup_pressure *ret, struct mscg_error *error);
/* A descriptor that polls POLLPRI when tasks waited `stall_usec` within `window_usec` (at most once a window), and POLLERR
 * once the cgroup was removed. The window is at most 10000000 (and at least 500000 before 6.5); without CAP_SYS_RESOURCE a
 * multiple of 2000000: -EINVAL. The caller closes *ret_fd, which ends the trigger. */
MSCG_PUBLIC int mscg_cgroup_pressure_trigger(const struct mscg_cgroup *cgroup, enum mscg_cgroup_resource resource,
                                             bool full, uint64_t stall_usec, uint64_t window_usec, int *ret_fd,
                                             struct mscg_error *error);

#endif
