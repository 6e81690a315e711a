/* internal.h: shared by the files of the local engine.
 *
 * A task is the live handle of a job: its cgroup as a descriptor, its slot. It is never stored. It goes through these
 * phases, and nothing else changes them:
 *
 *     WAITING -> LAUNCHED -> RUNNING -> EMPTYING -> ENDED -> (removed)
 *
 * WAITING: resizes that free its cores are under way, or descriptors of its client are to come. EMPTYING: the main process has ended, its cgroup is not empty yet.
 * ENDED: accounted and reported; cgroup and slot are kept until the end is committed (REMOVE).
 */
#ifndef ENGINE_INTERNAL_H
#define ENGINE_INTERNAL_H

#include <mscg/cgroup.h>

#include "local.h"
#include "src/base/base.h"
#include "src/base/clock.h"
#include "src/runner/runner.h"

enum phase { TASK_WAITING, TASK_LAUNCHED, TASK_RUNNING, TASK_EMPTYING, TASK_ENDED };

struct task {
	struct mscg_id id;
	uint32_t attempt, restarts, time_limit_s;
	enum phase phase;
	char     name[40]; /* of the cgroup: "job_12", "job_12_3" */
	struct mscg_cgroup cgroup;
	uint32_t slot;
	bool     has_slot;
	bool     has_grace;       /* asked to end: what is left after the main process has until KILL, which the core sends */
	bool     held;            /* LAUNCHED: until its grant is committed */
	bool     withdrawn;       /* its grant was not: nothing of it is told, and what was made for it goes */
	bool     known;           /* to the store that was rebuilt, while it is held against what is here */
	bool     killed;
	int64_t  killed_usec, kill_pause_usec; /* boot clock; until it is killed again */
	bool     stuck;
	bool     frozen;          /* or to be: nothing may thaw it but the order to */
	uint32_t orders;          /* of resize.c, in its threads */
	int      events_fd;       /* cgroup.events, polled while EMPTYING; -1 */
	int      log_fd, log_watch_fd; /* what its log writer counts, and that it changed, after its cgroup is empty; -1 */
	bool     log_late;        /* not waited for any more */
	int64_t  deadline_usec;   /* boot clock; WAITING: to have its descriptors; LAUNCHED: to be at exec; killed: to be killed again; 0: none */
	int      log_error;       /* why log_lost bytes of output could not be written */
	uint64_t log_lost;
	struct mscg_grant *grant; /* what it was given last */
	bool     elastic, by_pressure, delegate;
	struct need *need;        /* while it runs, by pressure */
	int      memory_fd;       /* memory.events, while it runs and its memory moves; -1 */
	int64_t  memory_look_usec; uint64_t memory_stalled_usec; /* its memory.pressure, when that was read last */
	uint32_t min_milli, max_milli;
	uint64_t max_mem;         /* up to which its memory moves; 0: it does not */
	double   scale_event;
	/* WAITING: the rest of its start */
	struct mscg_action action;
	struct mscg_spec  *spec;  /* a copy */
	int      stdio_fd;
	bool     wants_stdio;     /* which is still to come */
	uint32_t uid;
	struct last_word *last_word; /* NULL: it has no file of its own for errors */
	char    *path[RUNNER_STAGE_COUNT]; /* what a stage of its launch is about, until it has started */
	/* how it ended, kept until it is removed */
	int32_t  pid;
	bool     has_init;        /* pid is its init, which takes signals for its main process */
	int64_t  start_usec, start_boot_usec, end_usec;
	int32_t  exit_code, exit_signal;
	uint8_t  reason;
	struct mscg_usage usage;
	struct task *next, **prev; /* of its bucket */
	struct task *timed_next, **timed_prev; /* of those with a deadline */
};

enum { TASK_BUCKETS = 1024 };

struct local {
	struct engine engine; /* first */
	char    *runtime_dir, *jobs_dir;
	int      jobs_dir_fd;
	struct mscg_cgroup root, supervisors;
	struct mscg_cgroup_host *host;
	int      lock_fd;
	uint32_t controllers; /* enforced here */
	unsigned counters;    /* enum mscg_cgroup_stat_group: what the kernel counts in a job's cgroup, when it has ended */
	struct runner *runner;
	int      epoll_fd, timer_fd, event_fd, need_fd;
	int      memory_fd; /* an epoll of its own, of the tasks' memory_fd */
	struct need *needs; /* need_fd ticks while there is one */
	struct task *tasks[TASK_BUCKETS];
	/* Resizes that were refused: what was to wait for one may come behind it, and is told by the next dispatch. */
	uint64_t *refused; uint32_t refused_n, refused_cap;
	struct task *timed; /* unordered: few at a time */
	int64_t  timer_usec; /* what timer_fd is set to, no later than the first deadline; 0: off */
	struct mscg_report *reports; uint32_t reports_n, reports_cap; /* delivered by dispatch; event_fd asks for one */
	struct runner_slot_info *slots; uint32_t slots_n, slots_cap;  /* found at start, until adopt_done */
	bool     dispatching;
	bool     sweep;   /* there are withdrawn launches of which nothing is left but what was made for them */
	bool     adopted;
	struct resizer *resizer;
	uint32_t isolate; /* enum mscg_part, of jobs that do not say */
	int      mounts_fd; /* says when mounts changed; -1: not read yet */
	char    *cover;     /* where else kernel file systems are mounted, as struct runner_launch has it; NULL: nowhere */
	char    *keep, *services, *binds, *rootfs, *devices, tmpfs_options[64]; /* of the launch under way */
	char    *dev;       /* which jobs share, as struct runner_launch has it; NULL: none */
	bool     dev_tried;
	char    *socket;    /* where clients connect */
	const char *images; /* as struct local_config has it */
	char    *more_devices; /* nodes that jobs with mounts of their own have, as struct runner_launch has them; NULL: none */
	struct device_filter *device_filter; /* NULL: the kernel takes none of us */
	int      filters[1 << MSCG_ALLOW_COUNT]; /* system call filters, sealed, by what they allow; -1: not made yet */
	uint64_t log_max; /* bytes in each output file of any job; 0: no limit */
	int64_t  unkillable_usec; /* after a kill, until what is left counts as stuck */
};

static inline struct local *local_of(struct engine *e)
{
	return (struct local *)e;
}

/* local.c */
struct task *task_new(struct local *l, struct mscg_id id, uint32_t attempt);
struct task *task_find(struct local *l, struct mscg_id id);
struct task *task_of_slot(struct local *l, uint32_t slot);
void task_take_spec(const struct local *l, struct task *t, const struct mscg_spec *spec); /* what it has for good */
void task_free(struct local *l, struct task *t);
void task_drop_stdio(struct local *l, struct task *t); /* if it has one still */
void local_drop_stdio(struct local *l, int fd, uint32_t uid); /* a socket with somebody's files in it; -1: none */
void task_forget_paths(struct task *t);
void task_set_deadline(struct local *l, struct task *t, int64_t boot_usec); /* 0: none */
/* Queues a report (its contents are taken) for the next dispatch, and makes sure that there is one. */
void local_report(struct local *l, struct mscg_report *report);
__attribute__((format(printf, 3, 4))) void local_log(struct local *l, int priority, const char *format, ...);
struct mscg_report task_report(const struct task *t, enum mscg_report_kind kind);

void usage_from_stat(struct mscg_usage *u, const struct mscg_cgroup_stat *s); /* cpu_held_usec is kept */

/* root.c: the jobs root */
int  root_open(struct local *l, const struct local_config *config, struct mscg_cpuset *ret_allowed, char ***ret_warnings,
               struct mscg_error *error);

/* device_nodes.c */
/* Paths of the device nodes that go with what was granted (NULL: nothing), and what their drivers need beside: NULL ended; the
 * caller frees it with strv_free. The machine may not have all of the latter. */
char **device_nodes(const struct local *l, const char *granted);
bool   device_all_known(const struct local *l, const char *granted, const char *name); /* the nodes of all of this name */

/* device_filter.c: what else of devices a job of root's mscgd gets at */
/* `more`: nodes that all jobs with mounts of their own have, "/dev/a,/dev/b". -errno with text where one is none; where the kernel takes
 * no filter it goes on, with a warning. */
int  device_filter_open(struct local *l, const char *more, char ***ret_warnings, struct mscg_error *error);
/* Before there are processes in its cgroup. own_dev: it has mounts of its own. */
int  device_filter_attach(struct local *l, const struct task *t, bool own_dev, struct mscg_error *error);
void device_filter_close(struct local *l);

/* environ.c: what a job finds in its environment: strings of the specification, which must stay, and its own. */
struct environment {
	char **list;
	char  *own;
};
void job_environ(const struct local *l, const struct task *t, const struct mscg_spec *spec, struct environment *ret);
void environment_free(struct environment *e);

/* words.c: the command of a task that has a line, with the line for each {}; for a shell quoted as need be. NULL: as it is. The
 * caller frees. */
char **line_words(const struct mscg_spec *spec, uint32_t task);

/* isolate.c: what stands between a job and the rest */
/* What jobs have that do not say: -errno with text where this kernel does not permit it. */
int  isolate_open(struct local *l, const char *isolate, struct mscg_error *error);
bool isolate_has_mounts(const struct local *l, const struct mscg_spec *spec); /* what jobs like this see of /dev is made for them */
/* Namespaces, mounts and filter of a launch, which borrows what is the engine's until the next. 0, or -errno with text. */
int  isolate_launch(struct local *l, const struct task *t, const struct mscg_spec *spec, struct runner_launch *launch, struct mscg_error *error);
void isolate_close(struct local *l);

/* control.c: the control file of an elastic job */
int  control_write(struct local *l, const struct task *t, const char *status);
int  control_write_values(int jobs_dir_fd, struct mscg_id id, uint32_t cpus_milli, uint32_t min_milli, uint32_t max_milli,
                          uint64_t mem_bytes, const char *status, double scale_event);
void control_remove(struct local *l, const struct task *t);
char *control_path(const struct local *l, struct mscg_id id);

/* limits.c: a grant as the kernel's files say it. `controllers`: those that are enforced here */
/* cpuset.cpus, cpuset.mems and cpu.max; of a running one that may take milliseconds. `before`: what it has; NULL:
 * nothing was written yet. */
int  limits_cpus(uint32_t controllers, const struct mscg_cgroup *cgroup, const struct mscg_grant *grant, const struct mscg_grant *before,
                 struct mscg_error *error);
/* Memory and processes. */
int  limits_rest(uint32_t controllers, const struct mscg_cgroup *cgroup, const struct mscg_grant *grant, uint64_t max_mem,
                 struct mscg_error *error);

/* delegate.c: a sub-cgroup that is the user's, for a job whose cgroup is made and has no processes */
int  delegate_make(const struct mscg_cgroup *job, uint32_t uid, struct mscg_error *error);
/* Where the job's processes are started; the caller closes *ret. */
int  delegate_open(const struct mscg_cgroup *job, struct mscg_cgroup *ret, struct mscg_error *error);
void delegate_end(const struct mscg_cgroup *job); /* before it is removed: nothing more can be made in it */

/* launch.c */
void launch_start(struct engine *e, const struct mscg_action *action, const struct mscg_spec *spec, int stdio_fd);
bool launch_attach(struct engine *e, struct mscg_id id, int stdio_fd);
void launch_late(struct local *l, struct task *t); /* what it waits for has not come */
bool launch_prepare(struct engine *e, const struct mscg_action *action, const struct mscg_spec *spec);
void launch_let_go(struct engine *e, const struct mscg_action *action);
void launch_withdraw(struct engine *e, const struct mscg_action *action);
uint32_t launch_groups(const struct mscg_spec *spec, const uint32_t **ret); /* of its user; borrowed until the next */
void launch_sweep(struct local *l);
void launch_set_deadline(struct local *l, struct task *t); /* to be at exec */
/* Resizes are done or failed: starts that waited for them go on or are given up. */
void launch_resized(struct local *l, uint64_t seq, bool taken);
void launch_give_up(struct local *l, struct task *t, int error, const char *text); /* START_DEFERRED, if not withdrawn */
#define NOT_FREED "the CPUs that were to be freed for it were not"

/* finish.c: from the end of the main process to the removed cgroup */
void finish_event(const struct runner_slot_info *info, void *ctx);
void finish_emptying(struct local *l, struct task *t);  /* the main process is gone */
void finish_rest(struct local *l, struct task *t);      /* killed, and again until nothing is left */
void finish_say_end(const struct task *t, struct mscg_report *report); /* fills its text where there is something to say */
void finish_say_failed(const struct task *t, const struct runner_slot_info *info, char *text, size_t size); /* why it was not started */
void finish_orphan(struct local *l, struct task *t);    /* its supervisor is gone: it is ended */
void finish_look(struct local *l, struct task *t);      /* cgroup.events fired */
int  task_remove_cgroup(struct local *l, struct task *t, struct mscg_error *error); /* which it has, and with all that is in it */
void finish_late(struct local *l, struct task *t);      /* its deadline passed */
void finish_forget_log(struct local *l, struct task *t);
void finish_kill(struct engine *e, const struct mscg_action *action);
void finish_signal(struct engine *e, const struct mscg_action *action);
void finish_signal_all(struct local *l, struct task *t, int sig);
void finish_remove(struct engine *e, const struct mscg_action *action);
void finish_each_stuck(struct engine *e, void (*each)(struct mscg_id id, const char *processes, void *ctx), void *ctx);

/* last_word.c: what became of a job that mscgd has ended, or could not start, in its own file for errors */
void last_word_keep(struct task *t, const struct mscg_spec *spec, char *path); /* whose that is; takes the path */
void last_word_forget(struct task *t);
void last_word(struct local *l, struct task *t, enum mscg_state state); /* its end is committed, and its slot not free yet */

/* need.c: whether jobs that are elastic by pressure use what they have */
void need_watch(struct local *l, struct task *t);  /* it runs */
void need_forget(struct local *l, struct task *t); /* it does not any more */
void need_dispatch(struct local *l);

/* memory.c: memory that moves (--max-mem) */
uint64_t memory_high(uint64_t limit, uint64_t max_mem); /* memory.high that goes with a memory.max; MSCG_CGROUP_MAX: none */
/* memory.max and memory.high of what runs. -EAGAIN, with *ret_used: it uses more than fits and can not be reclaimed. May take
 * until the deadline, if it is less than before. */
int  memory_resize(const struct mscg_cgroup *cgroup, uint64_t bytes, uint64_t max_mem, int64_t deadline_usec, uint64_t *ret_used,
                   struct mscg_error *error);
/* Of what stands still: cache is dropped, and what is left goes to swap, if there is some; a part of it, so long. True: there may be more. */
bool memory_put_away(const struct mscg_cgroup *cgroup, int64_t deadline_usec);
void memory_watch(struct local *l, struct task *t);  /* it runs */
void memory_rearm(struct local *l, struct task *t);  /* whatever was done for it is done: it may be short again */
void memory_forget(struct local *l, struct task *t); /* it does not run any more */
void memory_dispatch(struct local *l);

/* adopt.c */
#define OUTCOME_UNKNOWN_TEXT "it may have begun, and the record of its launch is gone or damaged"
/* How the end of a task whose cgroup is empty is reported. */
static inline enum mscg_report_kind task_end_kind(const struct task *t)
{
	return t->reason == MSCG_REASON_OUTCOME_UNKNOWN ? MSCG_REPORT_LOST : MSCG_REPORT_ENDED;
}
void adopt_job(struct engine *e, const struct mscg_job *job, const struct mscg_spec *spec);
void adopt_done(struct engine *e);
void adopt_slot(const struct runner_slot_info *info, void *ctx);

/* exec.c */
int  exec_in(struct engine *e, struct mscg_id id, const struct engine_exec *exec, struct mscg_error *error);

/* check.c */
void check_all(struct engine *e, void (*differs)(void *ctx, const char *where, struct mscg_id id, const char *text), void *ctx);

/* resize.c: kernel writes that may take long, in threads of their own */
/* A resize is done or failed: what goes on with its CPUs does so now, or is given up. */
void resize_awaited(struct local *l, uint64_t seq, bool taken);
void resize_start(struct engine *e, const struct mscg_action *action);
/* A signal to those processes of the job that have a handler for it; to all of it where nobody has. In a thread. */
void resize_warn(struct local *l, struct task *t, int sig);
void resize_dispatch(struct local *l);
void resizer_close(struct local *l);

#endif
