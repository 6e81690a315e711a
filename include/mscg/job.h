/* mscg/job.h: what a job is. The types here are plain data that the client library, the daemon and its core share.
 *
 *   mscg_spec   what was asked; immutable once accepted
 *   mscg_event  one thing that happened: the only truth, kept in the journal
 *   mscg_job    the fold of a job's events: small, one for every job that the scheduler knows
 *   mscg_run    what a job has only while it is granted, and its accounting
 *
 * Units: CPUs in thousandths (`_milli`), memory in bytes, points in time in microseconds since the epoch (`_usec`;
 * 0 = not yet), limits in seconds. Tables below are the single source of every name: enums, tables of text, parsers
 * and printers are made from them.
 */
#ifndef MSCG_JOB_H
#define MSCG_JOB_H

#include <mscg/cpuset.h>
#include <mscg/error.h>
#include <stdbool.h>
#include <stdint.h>

/* A job or one task of an array. `task` is MSCG_NO_TASK for a plain job and for an array as a whole.
 * Text form: "12" or "12_3". */
#define MSCG_NO_TASK UINT32_MAX
struct mscg_id {
	uint32_t job;
	uint32_t task;
};
#define MSCG_ID_TEXT 24
MSCG_PUBLIC bool  mscg_id_equal(struct mscg_id a, struct mscg_id b);
MSCG_PUBLIC char *mscg_id_format(struct mscg_id id, char text[MSCG_ID_TEXT]);
MSCG_PUBLIC int   mscg_id_parse(const char *text, struct mscg_id *ret, struct mscg_error *error);

/*      name           short  final  what it means */
#define MSCG_STATES(X) \
	X(PENDING,       "PD",  0, "waits in the queue") \
	X(RUNNING,       "R",   0, "holds its grant and runs (or is about to be started)") \
	X(SUSPENDED,     "S",   0, "frozen: keeps its memory, its CPUs are for others") \
	X(COMPLETING,    "CG",  0, "its main process ended; what it left behind is being cleared away") \
	X(COMPLETED,     "CD",  1, "ended with exit code 0") \
	X(FAILED,        "F",   1, "ended with another exit code or a signal, or could not be started") \
	X(CANCELLED,     "CA",  1, "cancelled by its user or an operator") \
	X(TIMEOUT,       "TO",  1, "reached its time limit") \
	X(OUT_OF_MEMORY, "OOM", 1, "the kernel's OOM killer ended it") \
	X(PREEMPTED,     "PR",  1, "ended to make room for another job") \
	X(DEADLINE,      "DL",  1, "its deadline passed") \
	X(NODE_FAIL,     "NF",  1, "the machine went down under it") \
	X(LOST,          "LO",  1, "was granted, and its outcome cannot be known")

enum mscg_state {
#define X(name, abbr, final, text) MSCG_STATE_##name,
	MSCG_STATES(X)
#undef X
	MSCG_STATE_COUNT
};
MSCG_PUBLIC const char *mscg_state_name(enum mscg_state state);  /* "RUNNING"; "?" out of range */
MSCG_PUBLIC const char *mscg_state_short(enum mscg_state state); /* "R" */
MSCG_PUBLIC bool        mscg_state_is_final(enum mscg_state state);
/* Long or short name, any case. */
MSCG_PUBLIC int mscg_state_parse(const char *text, enum mscg_state *ret, struct mscg_error *error);

/* Why a job waits, or why it ended as it did. Spelled as Slurm spells them. */
#define MSCG_REASONS(X) \
	X(NONE,             "None",            "") \
	X(RESOURCES,        "Resources",       "waits for CPUs or memory to become free") \
	X(PRIORITY,         "Priority",        "jobs of higher priority wait before it") \
	X(INFEASIBLE,       "Infeasible",      "asks for more than this machine has") \
	X(LAUNCH_RETRY,     "LaunchRetry",     "could not be started for want of a kernel resource; will be tried again") \
	X(DRAINED,          "Drained",         "the machine is drained: nothing new is started") \
	X(ARRAY_LIMIT,      "JobArrayTaskLimit", "the array's own limit of running tasks is reached") \
	X(BEGIN_TIME,       "BeginTime",       "its begin time has not come") \
	X(DEPENDENCY,       "Dependency",      "waits for another job") \
	X(DEPENDENCY_NEVER, "DependencyNeverSatisfied", "what it waits for can not happen any more") \
	X(HELD_USER,        "JobHeldUser",     "held by its user") \
	X(HELD_ADMIN,       "JobHeldAdmin",    "held by an operator") \
	X(LICENSES,         "Licenses",        "waits for a licence") \
	X(RESERVATION,      "Reservation",     "waits for its reservation") \
	X(NONZERO_EXIT,     "NonZeroExitCode", "ended with an exit code other than 0") \
	X(SIGNALED,         "RaisedSignal",    "was ended by a signal") \
	X(TIME_LIMIT,       "TimeLimit",       "reached its time limit") \
	X(OUT_OF_MEMORY,    "OutOfMemory",     "went over its memory limit") \
	X(LAUNCH_FAILED,    "JobLaunchFailure", "could not be started") \
	X(CANCELLED,        "Cancelled",       "cancelled on request") \
	X(SUPERVISOR_DIED,  "SupervisorDied",  "its supervisor was killed; the job was ended with it") \
	X(NODE_DOWN,        "NodeDown",        "the machine was restarted under it") \
	X(OUTCOME_UNKNOWN,  "OutcomeUnknown",  "was granted when mscgd stopped, and nothing shows how it ended") \
	X(DEADLINE,         "DeadLine",        "could not end by its deadline") \
	X(USER_JOBS,        "QOSMaxJobsPerUserLimit", "its user runs as many jobs as a user may") \
	X(USER_CPUS,        "QOSMaxCpuPerUserLimit", "its user has as many CPUs as a user may") \
	X(USER_MEMORY,      "QOSMaxMemoryPerUser", "its user has as much memory as a user may") \
	X(MAX_FAILS,        "JobArrayMaxFails", "so many tasks of its array have failed that the rest was cancelled") \
	X(INVALID_QOS,      "InvalidQOS",      "its QOS is not in the configuration any more") \
	X(QOS_JOBS,         "QOSGrpJobsLimit", "its QOS has as many jobs that run as it may") \
	X(QOS_CPUS,         "QOSGrpCpuLimit",  "its QOS has as many CPUs as it may") \
	X(QOS_MEMORY,       "QOSGrpMemLimit",  "its QOS has as much memory as it may") \
	X(PREEMPTED,        "Preempted",       "made room for a job that may preempt it") \
	X(PARTITION_DOWN,   "PartitionDown",   "its partition is not in the configuration any more, or starts nothing") \
	X(PARTITION_CPUS,   "PartitionCpuLimit", "its partition has as many CPUs as it may") \
	X(BUDGET,           "AssocGrpBillingMinutes", "what its account or user may spend in this period is spent") \
	X(MAX_JOBS,         "MaxJobs",         "as many jobs run as may")

enum mscg_reason {
#define X(name, label, text) MSCG_REASON_##name,
	MSCG_REASONS(X)
#undef X
	MSCG_REASON_COUNT
};
MSCG_PUBLIC const char *mscg_reason_name(enum mscg_reason reason); /* "Resources" */
MSCG_PUBLIC const char *mscg_reason_text(enum mscg_reason reason); /* a sentence for people */
MSCG_PUBLIC int         mscg_reason_parse(const char *label, enum mscg_reason *ret);

/* What stands between a job and the rest: parts of --isolate, each a namespace of its own but seccomp, and
 * readonly, which goes with mount. */
#define MSCG_PARTS(X) \
	X(PID,     "pid") \
	X(MOUNT,   "mount") \
	X(READONLY, "readonly") \
	X(IPC,     "ipc") \
	X(UTS,     "uts") \
	X(CGROUP,  "cgroup") \
	X(NET,     "net") \
	X(SECCOMP, "seccomp")

enum mscg_part_bit {
#define X(name, label) MSCG_PART_BIT_##name,
	MSCG_PARTS(X)
#undef X
	MSCG_PART_COUNT
};
enum mscg_part {
#define X(name, label) MSCG_PART_##name = 1 << MSCG_PART_BIT_##name,
	MSCG_PARTS(X)
#undef X
	MSCG_ISOLATE_NONE    = 0,
	MSCG_ISOLATE_STRICT  = (1 << MSCG_PART_COUNT) - 1,
	MSCG_ISOLATE_DEFAULT = MSCG_ISOLATE_STRICT & ~(MSCG_PART_NET | MSCG_PART_READONLY),
};
/* "default", "strict", "none", or parts: "ipc,seccomp"; as bits of enum mscg_part. readonly brings mount with it, and mount
 * cgroup, whose tree is mounted, which an ordinary user may do only in a namespace of its own. */
MSCG_PUBLIC int mscg_isolate_parse(const char *text, uint32_t *ret, struct mscg_error *error);

/* What a job's system call filter lets through only when the job asks for it. */
#define MSCG_ALLOWS(X) \
	X(IO_URING,    "io_uring") \
	X(PERF,        "perf") \
	X(USERFAULTFD, "userfaultfd") \
	X(USERNS,      "userns")

enum mscg_allow_bit {
#define X(name, label) MSCG_ALLOW_BIT_##name,
	MSCG_ALLOWS(X)
#undef X
	MSCG_ALLOW_COUNT
};
enum mscg_allow {
#define X(name, label) MSCG_ALLOW_##name = 1 << MSCG_ALLOW_BIT_##name,
	MSCG_ALLOWS(X)
#undef X
};
MSCG_PUBLIC const char *mscg_allow_name(enum mscg_allow_bit bit); /* "perf" */
/* "perf,userns" as bits of enum mscg_allow; "" is none. */
MSCG_PUBLIC int   mscg_allow_parse(const char *text, uint32_t *ret, struct mscg_error *error);
MSCG_PUBLIC char *mscg_allow_format(uint32_t allow); /* the caller frees it */

/* A signal before the end of a job: "[B:]SIGNAL[@SECONDS]", as Slurm has it. */
#define MSCG_WARN_MAX_S 65535u
struct mscg_warn {
	int      signal;
	uint32_t before_s; /* so long before the end; 60 where it is not said */
	bool     main_only; /* B: to the main process */
};
MSCG_PUBLIC int mscg_warn_parse(const char *text, struct mscg_warn *ret, struct mscg_error *error);

/* How a job gets its CPUs: cores of its own, or a share (cpu.max) of the cores set aside for sharing. */
enum mscg_cpu_mode { MSCG_CPUS_EXCLUSIVE, MSCG_CPUS_QUOTA };

/* Indices of an array: sorted, disjoint, {first, first+step, ..., <= last}. */
struct mscg_range {
	uint32_t first, last, step;
};
#define MSCG_ARRAY_TASKS_MAX  10000000u /* tasks in one array */
#define MSCG_RETRIES_MAX      1000u     /* of one job by itself (--max-retries) */
#define MSCG_ARRAY_INDEX_MAX  4000000000u

/* What was asked. All pointers are owned by the spec; NULL means "not given". */
struct mscg_spec {
	char  *name;
	char **argv;        /* never empty; with `shell` exactly one, given to sh -c; with `script` the arguments */
	char **env;         /* "NAME=value"; NULL: none but what mscg sets */
	char  *script;      /* text of a batch script, first line "#!..." */
	char  *workdir;     /* absolute */
	char  *stdin_path;  /* patterns (%j ...) not yet expanded; relative to workdir */
	char  *stdout_path; /* NULL: ~/.mscg_logs/job_<id>.out */
	char  *stderr_path;
	char  *account, *comment, *partition;
	char  *qos;         /* NULL: the default */
	char  *reservation; /* that it runs in; NULL: none */
	char  *dependency;  /* "afterok:12,afterany:13": what it waits for */
	char  *isolate;     /* "default", "strict", "none" or parts; NULL: as mscgd is configured */
	char  *binds;       /* "SOURCE:TARGET[:ro]", '\n' between them: where else in the job's file system SOURCE is; NULL: none */
	char  *rootfs;      /* "DIRECTORY" or "DIRECTORY:ro", absolute: the job's root; NULL: the machine's */
	char  *allow;       /* "perf,userns": what its system call filter lets through all the same */
	char  *lines;       /* of an array: the first for its task 0, and so on; '\n' between them. NULL: none */
	char  *signal;      /* "B:USR1@60": sent before its end (mscg_warn_parse) */
	char  *gres;        /* "gpu:2,license:matlab:1": generic resources, NAME[:TYPE]:N */
	char  *submit_line; /* the command line as typed, for `history` */
	bool   shell;
	bool   append;    /* open output files for appending instead of truncating */
	bool   truncate;  /* empty them for each attempt; neither: at the first, and add to them from then on */
	bool   elastic;
	bool   slurm_env; /* set SLURM_* beside MSCG_* (default true) */
	bool   hold;      /* waits until it is released */
	bool   requeue;   /* run again after NODE_FAIL or LOST */
	uint32_t max_retries; /* run again so often after FAILED, OUT_OF_MEMORY */
	uint64_t log_max;     /* bytes in each output file; what is more is cut; 0: no limit */
	bool   attached;  /* stdio are descriptors of the submitting client (`mscg run`), not files */
	bool   delegate;  /* a cgroup of its user's own is made for it, in which it may make more */
	bool   pty;       /* attached stdin is a terminal of its own: make it the controlling one */
	enum mscg_cpu_mode cpu_mode;
	uint32_t cpus_milli, min_cpus_milli, max_cpus_milli; /* min = max = cpus unless elastic; max 0: the machine's */
	uint64_t mem_bytes;    /* 0: the configured default */
	uint64_t min_mem_bytes, max_mem_bytes; /* its memory moves between these while it runs, whole MiB; both 0: it does not; one 0: as mem */
	uint32_t time_limit_s; /* 0: none */
	uint32_t time_min_s;   /* its limit may be made as short as that for it to start before others; 0: it may not */
	uint32_t time_extend_s; /* its limit comes to that at most by itself, as long as that delays nobody; 0: it does not */
	int64_t  begin_usec;    /* not started before; 0: at once */
	int64_t  deadline_usec; /* over by then, or not started at all; 0: none */
	uint32_t grace_s;      /* between SIGTERM and kill */
	int32_t  priority;
	uint32_t umask;
	struct mscg_range *array; /* NULL: not an array */
	uint32_t array_n;
	uint32_t array_throttle; /* 0: none */
	bool     by_pressure; /* elastic: grows by need, not by what is free */
	uint32_t max_fails; /* after so many failed tasks the rest is cancelled; 0: never */
	/* Set by the daemon from the kernel and the account database, never by a client. */
	char    *user, *home;
	char    *dependency_left; /* of `dependency`, when it is accepted; not kept */
	uint32_t uid, gid;
};
#define MSCG_LINE_MAX  65536u    /* bytes in one of its lines */
#define MSCG_LINES_MAX (768u << 10) /* and in all */
/* The line of that task, which the caller frees; NULL: it has none. */
MSCG_PUBLIC char *mscg_spec_line(const struct mscg_spec *spec, uint32_t task);
MSCG_PUBLIC struct mscg_spec *mscg_spec_new(void); /* with defaults; the caller frees it */
MSCG_PUBLIC void              mscg_spec_free(struct mscg_spec *spec);
/* The option for which it needs mounts of its own; NULL: none. */
MSCG_PUBLIC const char       *mscg_spec_needs_mounts(const struct mscg_spec *spec);
MSCG_PUBLIC struct mscg_spec *mscg_spec_copy(const struct mscg_spec *spec); /* the caller frees it */
/* Parses "0-15:4%4" or "1,3,5-7" into spec->array and array_throttle. */
MSCG_PUBLIC int mscg_array_parse(const char *text, struct mscg_spec *spec, struct mscg_error *error);
/* "12_[3-7,9]", tasks of array 12 by index: *ret is the array, and the caller frees *ret_range. "12" and "12_3" are read too,
 * with *ret_n 0. -EINVAL, -ERANGE with text. */
MSCG_PUBLIC int mscg_tasks_parse(const char *text, struct mscg_id *ret, struct mscg_range **ret_range, uint32_t *ret_n,
                                 struct mscg_error *error);
MSCG_PUBLIC uint64_t mscg_ranges_count(const struct mscg_range *r, uint32_t n);
/* Any order and overlaps are read; what comes out is sorted, disjoint and short. The caller frees *ret (NULL for ""). */
MSCG_PUBLIC int   mscg_ranges_parse(const char *text, struct mscg_range **ret, uint32_t *ret_n, struct mscg_error *error);
MSCG_PUBLIC char *mscg_ranges_format(const struct mscg_range *r, uint32_t n); /* "5-15:2,20-30"; the caller frees it */
/* Checks everything that needs no machine to check: counts, bounds, NULs, sizes. The daemon calls it on every request;
 * a client may, to save the trip. Fills what is derived (min, max). */
MSCG_PUBLIC int mscg_spec_check(struct mscg_spec *spec, struct mscg_error *error);

/* Read from the kernel's own counters when the job's cgroup is empty (cpu.stat, memory.peak, memory.stat,
 * memory.events, pids.peak, io.stat). UINT64_MAX: this kernel or machine does not tell. */
#define MSCG_UNKNOWN UINT64_MAX
struct mscg_usage {
	uint64_t cpu_usec, cpu_user_usec, cpu_system_usec;
	uint64_t cpu_held_usec; /* integral of held CPUs over time: what cpu_usec is measured against */
	uint64_t nr_throttled, throttled_usec;
	uint64_t memory_peak_bytes, memory_anon_bytes, memory_file_bytes, memory_shmem_bytes;
	uint64_t oom_kills;
	uint64_t pids_peak;
	uint64_t io_read_bytes, io_write_bytes;
	uint64_t log_cut_bytes; /* of output, by log_max; unknown without it */
};
MSCG_PUBLIC void mscg_usage_init(struct mscg_usage *usage); /* everything MSCG_UNKNOWN, cpu_held_usec 0 */

/* What one node gives to a job. A grant is a list of them, of length one on a single machine. */
struct mscg_share {
	char              *node; /* host name; owned */
	struct mscg_cpuset cpus; /* exclusive: its own; quota: the shared pool */
	struct mscg_cpuset mems; /* memory nodes that follow the CPUs; empty: all */
	uint32_t           cpu_milli;
	uint64_t           mem_bytes;
	char              *gres; /* generic resources, devices by number: "gpu:2(IDX:0,2) license:matlab:1"; owned, NULL: none */
};
struct mscg_grant {
	uint32_t           n;
	enum mscg_cpu_mode cpu_mode;
	struct mscg_share  share[];
};
MSCG_PUBLIC struct mscg_grant *mscg_grant_new(uint32_t n);
MSCG_PUBLIC struct mscg_grant *mscg_grant_copy(const struct mscg_grant *grant);
MSCG_PUBLIC void               mscg_grant_free(struct mscg_grant *grant);

/* What attempts that began held, all but the present one: CPUs, memory (MiB) and GPUs, times time. */
struct mscg_past {
	uint64_t cpu_usec, mem_mib_msec, gpu_usec;
};

/* A job's life beyond the queue: allocated with its first grant, kept until its row is final. */
struct mscg_run {
	struct mscg_grant *grant; /* owned; what it holds now; NULL once released */
	uint64_t cgroup_id;       /* inode of its cgroup; 0: none yet */
	uint32_t slot;            /* of its supervisor */
	int32_t  pid;             /* of its main process: informational, never used to signal */
	uint64_t mem_asked_bytes; /* what was asked of memory that moves, while it is granted; else 0 */
	int64_t  held_since_usec; /* boot clock: cpu_held_usec is exact up to here */
	char     fail_text[160];  /* why a launch failed, for people */
	struct mscg_usage usage;  /* of the present attempt; while it waits for another, of the last */
	struct mscg_past  past;   /* while it waits for another attempt, of the last too */
};

/* The fold of a job's events. */
enum mscg_job_flag {
	MSCG_JOB_ELASTIC     = 1 << 0,
	MSCG_JOB_QUOTA       = 1 << 1, /* cpu_mode quota */
	MSCG_JOB_STARTED     = 1 << 2, /* exec was seen in this attempt */
	MSCG_JOB_CANCELLING  = 1 << 3,
	MSCG_JOB_TIMED_OUT   = 1 << 4,
	MSCG_JOB_REQUEUE     = 1 << 5,
	MSCG_JOB_ARRAY       = 1 << 6, /* the record of a whole array, not a task */
	MSCG_JOB_INFEASIBLE  = 1 << 7,
	MSCG_JOB_ATTACHED    = 1 << 8, /* meaningless without its client: cancelled when that goes away */
	MSCG_JOB_KILLED      = 1 << 9, /* cgroup.kill was ordered */
	MSCG_JOB_BY_HAND     = 1 << 10, /* elastic, resized by hand in this attempt: not grown by itself above --cpus */
	MSCG_JOB_REQUEUING   = 1 << 11, /* is being ended to run again, on request */
	MSCG_JOB_RESUMING    = 1 << 12, /* suspended, and to go on as soon as there are CPUs for it */
	MSCG_JOB_SUSPENDED_ADMIN = 1 << 13, /* by an operator, who alone can resume it */
	MSCG_JOB_HELD_ADMIN  = 1 << 14, /* held by an operator, who alone can release it */
	MSCG_JOB_HELD_USER   = 1 << 15,
	MSCG_JOB_HELD        = MSCG_JOB_HELD_ADMIN | MSCG_JOB_HELD_USER,
	MSCG_JOB_WARN_MAIN   = 1 << 16, /* the signal before its end is for its main process alone */
	MSCG_JOB_BY_PRESSURE = 1 << 24, /* elastic: grown only when it is short of CPUs, and what it does not use is taken back */
	MSCG_JOB_WARNED      = 1 << 17, /* it was sent, in this attempt, before the end that it has now */
	MSCG_JOB_PREEMPTING  = 1 << 18, /* is being ended to make room for another */
	MSCG_JOB_MEM_DEFAULT = 1 << 25, /* its memory is the default for its CPUs, which it follows while it waits */
};
struct mscg_job {
	struct mscg_id id;
	uint32_t uid;
	uint32_t flags;  /* enum mscg_job_flag */
	uint8_t  state;  /* enum mscg_state */
	uint8_t  reason; /* enum mscg_reason */
	uint16_t warn_s; /* so long before its end ... */
	uint32_t warn_signal; /* ... this is sent; 0: none */
	int32_t  priority;
	uint32_t attempt; /* 0 before the first grant */
	uint32_t restarts, max_retries; /* how often it was requeued after it had begun; how often it may be by itself */
	uint32_t cpus_milli, min_cpus_milli, max_cpus_milli;
	uint32_t current_cpus_milli; /* held now; 0 when nothing is */
	uint32_t time_limit_s, grace_s;
	uint32_t time_min_s; /* as asked; 0: none */
	uint32_t time_max_s; /* the limit as asked, where this attempt was given a shorter one or came to a longer; 0: it has that */
	uint32_t time_extend_s; /* as asked; 0: none */
	uint32_t qos, partition; /* name_key() of their names; 0: none */
	uint32_t reservation;    /* likewise */
	int32_t  exit_code, exit_signal; /* of the main process, once it ended; code -1: unknown */
	uint32_t min_mem_mib, max_mem_mib; /* its memory moves between these while it runs; both 0: it does not; one 0: as asked */
	uint64_t mem_bytes;              /* asked; while it runs: held */
	int64_t  submit_usec, start_usec, end_usec;
	int64_t  begin_usec, deadline_usec; /* as asked; 0: none */
	int64_t  suspend_usec;   /* since when it is suspended; 0: it is not */
	int64_t  suspended_usec; /* length: how long it was before, in this attempt */
	const char *gres; /* generic resources as asked, "gpu:2"; kept for good, equal texts are one pointer; NULL: none */
	struct mscg_run *run; /* owned; NULL before the first grant */
};

/* What the store keeps of a job: the fold, with its run, and for an array which of its tasks still wait. Owned whole:
 * job.run is a copy that belongs to the row. */
struct mscg_row {
	struct mscg_job job;
	char    *pending;    /* array record: index ranges that wait, as "5-15:2,20-30"; NULL for others */
	uint32_t array_throttle, array_ended, array_worst; /* array record: tasks ended, highest exit status of them */
	char    *dependency;   /* what it still waits for; NULL: nothing */
	uint32_t array_failed; /* array record: tasks that ended in another state than COMPLETED */
	char    *account;      /* what it is charged to, where that counts for anything; NULL: nothing */
	uint32_t array_max_fails, array_fails; /* array record: how many may fail, and have: neither COMPLETED nor CANCELLED */
	char    *held;         /* array record: those of `pending` that are held by themselves, as ranges; NULL: none */
	/* Array record: those that waited when the rest was given up, as ranges (NULL: none), how many, why and when. */
	char    *unstarted;
	uint32_t unstarted_n;
	uint8_t  unstarted_reason;
	int64_t  unstarted_usec;
};
/* What these came to: DEADLINE or CANCELLED. */
MSCG_PUBLIC enum mscg_state mscg_row_unstarted_state(const struct mscg_row *row);
MSCG_PUBLIC void mscg_row_clear(struct mscg_row *row);
MSCG_PUBLIC struct mscg_run *mscg_run_copy(const struct mscg_run *run);
MSCG_PUBLIC void             mscg_run_free(struct mscg_run *run);

/* What happened. Payload text is owned by the event. */
#define MSCG_EVENTS(X) \
	X(SUBMITTED, "submitted")   /* accepted; for an array, the whole of it */ \
	X(GRANTED,   "granted")     /* resources are its own; it will be started; value: its time limit in this attempt, if shorter */ \
	X(STARTED,   "started")     /* exec was seen */ \
	X(DEFERRED,  "deferred")    /* the launch failed for want of something that may come: back to the queue */ \
	X(EXITED,    "exited")      /* the main process ended; its cgroup is not empty yet */ \
	X(ENDED,     "ended")       /* final state, with accounting */ \
	X(CANCEL,    "cancel")      /* cancelling began */ \
	X(TIMELIMIT, "timelimit")   /* the time limit was reached, SIGTERM is sent */ \
	X(KILL,      "kill")        /* cgroup.kill was ordered */ \
	X(RESIZING,  "resizing")    /* a resize was decided: InProgress */ \
	X(RESIZED,   "resized")     /* the kernel took it */ \
	X(RESIZE_DEFERRED, "resize-deferred") /* it did not, nothing changed */ \
	X(REQUEUED,  "requeued")    /* back to the queue for another attempt */ \
	X(UPDATED,   "updated")     /* what was asked changed: CPUs, memory, or `field`; array tasks removed */ \
	X(HELD,      "held")        /* waits until it is released; reason: by whom */ \
	X(RELEASED,  "released")    /* by its user, or an operator */ \
	X(REQUEUE,   "requeue")     /* its user wants it to run again: it is being ended for that */ \
	X(SUSPENDED, "suspended")   /* it is being frozen; resized to 0 CPUs: it is, and they are free; reason: by whom; value: as in preempted */ \
	X(RESUME,    "resume")      /* it is to go on as soon as there are CPUs for it */ \
	X(RESUMED,   "resumed")     /* it goes on; value: microseconds that it was suspended, in this attempt */ \
	X(WARNED,    "warned")      /* the signal before its end was sent; value: which */ \
	X(PREEMPTED, "preempted")   /* it is being ended to make room for another; value: the number of that job */

enum mscg_event_kind {
#define X(name, label) MSCG_EVENT_##name,
	MSCG_EVENTS(X)
#undef X
	MSCG_EVENT_COUNT
};
MSCG_PUBLIC const char *mscg_event_name(enum mscg_event_kind kind);
MSCG_PUBLIC int         mscg_event_parse(const char *label, enum mscg_event_kind *ret);

/* What an UPDATED event changes beside CPUs and memory, to `value`. */
#define MSCG_FIELDS(X) \
	X(NONE,           NULL) \
	X(PRIORITY,       "priority") \
	X(TIME_LIMIT,     "time_limit")     /* seconds; 0: none */ \
	X(BEGIN,          "begin")          /* microseconds since the epoch; 0: at once */ \
	X(DEADLINE,       "deadline")       /* likewise; 0: none */ \
	X(ARRAY_THROTTLE, "array_throttle") /* 0: none */ \
	X(QOS,            "qos")            /* name_key() of its name */ \
	X(TIME_EXTENDED,  "time_extended")  /* seconds: its limit, by itself (--time-extend) */ \
	X(PARTITION,      "partition")      /* name_key() of its name */

enum mscg_field {
#define X(name, label) MSCG_FIELD_##name,
	MSCG_FIELDS(X)
#undef X
	MSCG_FIELD_COUNT
};
MSCG_PUBLIC const char *mscg_field_name(enum mscg_field field); /* "priority"; NULL for NONE */

struct mscg_event {
	uint64_t       seq; /* 1, 2, 3 ... over the life of the state directory */
	struct mscg_id id;
	int64_t        time_usec;
	uint8_t        kind;   /* enum mscg_event_kind */
	uint8_t        state;  /* enum mscg_state after this event */
	uint8_t        reason; /* enum mscg_reason */
	uint32_t       attempt;
	int32_t        exit_code, exit_signal;
	uint32_t       cpus_milli; /* granted, resizing, resized: CPUs after it */
	uint64_t       mem_bytes;
	uint8_t        field; /* updated: enum mscg_field */
	int64_t        value; /* updated: of that field from now on; resumed: see there */
	char          *gres; /* granted: generic resources, as in a share */
	char          *cpus; /* granted, resizing, resized: the set, as text */
	char          *text; /* for people: why it failed, why it was deferred */
};
MSCG_PUBLIC void mscg_event_clear(struct mscg_event *event);

#endif
