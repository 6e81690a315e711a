/* engine.h: what a grant is carried out by. The daemon talks to one engine through this table; `local` runs jobs on
 * this machine, `fake` pretends (tests of everything above). A cluster engine has the same face.
 *
 * start, resize, signal, kill and remove never block and never fail: what came of them is a report, delivered through
 * `report` from within dispatch (never from within the call itself). They are idempotent for (id, attempt).
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <mscg/action.h>

struct engine;

/* What the kernel says of a running job now. MSCG_UNKNOWN where it does not tell. */
struct engine_live {
	struct mscg_usage usage;       /* cpu_held_usec is not filled */
	uint64_t memory_current_bytes, memory_max_bytes;
	double   cpu_pressure, memory_pressure, io_pressure; /* "some", avg10, percent; < 0: unknown */
	uint64_t pids_current;
	char     cpuset_effective[256]; /* cut with "..." when longer */
	uint32_t pinned_threads;        /* that pinned themselves to less than the job has */
};

/* A command to run in a job beside its main process, with all that the job was started with. All is borrowed. */
struct engine_exec {
	char *const *argv;
	char *const *env;       /* NULL, or one entry that takes the place of the job's */
	int          stdio_fd;   /* a socket in which its standard input, output and error are */
	int          channel_fd; /* to its client (src/base/exec.h) */
	bool         pty;        /* stdin is a terminal: it becomes the controlling one */
};

#define ENGINE_ATTACH_USEC (30 * USEC_PER_SEC)

struct engine_ops {
	const char *name;
	/* `action` and `spec` are borrowed; the engine copies what it needs later. stdio_fd: of an attached job, a
	 * socket in which its standard input, output and error are, now the engine's; -1: none. One that is attached and has
	 * none waits for `attach` for ENGINE_ATTACH_USEC, and then fails. */
	void (*start)(struct engine *e, const struct mscg_action *action, const struct mscg_spec *spec, int stdio_fd);
	/* What such a one waits for, the engine's if true. False: no such job waits for it. NULL: there is no use for it. */
	bool (*attach)(struct engine *e, struct mscg_id id, int stdio_fd);
	/* A start ahead of its commit: everything but the first instruction of the job's own program. False: not now, and nothing was
	 * done; it is started when it is committed. Otherwise one of the other two follows: let_go, or withdraw, after which it has never
	 * begun (and is refused for a moment, until what was made is gone). NULL: there is nothing to gain. */
	bool (*prepare)(struct engine *e, const struct mscg_action *action, const struct mscg_spec *spec);
	void (*let_go)(struct engine *e, const struct mscg_action *action);
	void (*withdraw)(struct engine *e, const struct mscg_action *action);
	void (*resize)(struct engine *e, const struct mscg_action *action);
	void (*signal)(struct engine *e, const struct mscg_action *action);
	void (*kill)(struct engine *e, const struct mscg_action *action);
	void (*remove)(struct engine *e, const struct mscg_action *action);
	/* Restart: the store says that this job was granted. Answers with a report: STARTED (it runs), ENDED (it ended
	 * meanwhile), START_DEFERRED (it never began), LOST. */
	void (*adopt)(struct engine *e, const struct mscg_job *job, const struct mscg_spec *spec);
	/* After all adopts: what is left over on the machine and belongs to no job is quarantined and named. */
	void (*adopt_done)(struct engine *e);
	int  (*live)(struct engine *e, struct mscg_id id, struct engine_live *ret);
	/* Absolute path of the job's cgroup and control file while it has them; -ENOENT. */
	int  (*paths)(struct engine *e, struct mscg_id id, char cgroup[512], char control[512]);
	/* In a job that runs. 0: what becomes of it is said over the channel; -errno with text. NULL: there are no processes. */
	int  (*exec)(struct engine *e, struct mscg_id id, const struct engine_exec *exec, struct mscg_error *error);
	/* Jobs that were killed and are not gone: they hold what they were granted. `processes` says which, for people. */
	void (*each_stuck)(struct engine *e, void (*each)(struct mscg_id id, const char *processes, void *ctx), void *ctx);
	/* What is on the machine against what is known of it: `differs` is called for each thing that does not agree. where: slot,
	 * cgroup. id.job 0: of no job. NULL: there is nothing to look at. */
	void (*check)(struct engine *e, void (*differs)(void *ctx, const char *where, struct mscg_id id, const char *text), void *ctx);
	int  (*fd)(struct engine *e);       /* poll this */
	void (*dispatch)(struct engine *e); /* delivers reports */
	/* Jobs go on (local). */
	void (*close)(struct engine *e);
};

/* A device that is one job's at a time: jobs see its node, or not. */
struct engine_device {
	const char *name;   /* "gpu": of generic resources (src/base/gres.h) */
	uint32_t    number; /* within its name */
	const char *path;   /* its node; NULL: none is known */
};

struct engine {
	const struct engine_ops *ops;
	void (*report)(void *ctx, struct mscg_report *report); /* the callee takes what the report owns */
	void (*log)(void *ctx, int priority, const char *text); /* syslog(3) priority; for quarantines and the like */
	/* Closes a stdio_fd: not by close(2), as it may have files in it whose server does not answer. NULL: by close(2) */
	void (*drop)(void *ctx, int stdio_fd, uint32_t uid);
	void *ctx;
	char *not_enforced; /* what of any job is not, for people; NULL: all is */
	uint32_t machine_gpus; /* that are given out */
	const struct engine_device *devices; /* all of the machine; borrowed, and another when it changes */
	uint32_t devices_n;
	uint32_t machine_cpus; /* what MAX_CPUS of an elastic job without a maximum says */
};

#endif
