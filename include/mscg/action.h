/* mscg/action.h: between the core, which decides, and an engine, which carries out.
 *
 * The core gives actions; an engine answers with reports, which are inputs of a later step. Every action is
 * idempotent and none of them waits. Internal to mscgd, though plain data like everything in include/.
 */
#ifndef MSCG_ACTION_H
#define MSCG_ACTION_H

#include <mscg/job.h>

enum mscg_action_kind {
	MSCG_ACTION_START,  /* make the cgroup, set the limits, launch. grant is set */
	MSCG_ACTION_RESIZE, /* bring limits and cpuset to `grant` */
	MSCG_ACTION_SIGNAL, /* `signal` to the main process; those that end jobs to all of it */
	MSCG_ACTION_KILL,   /* cgroup.kill */
	MSCG_ACTION_REMOVE, /* the end is committed: free the slot, remove the cgroup, write the last STATUS */
	MSCG_ACTION_COUNT
};

struct mscg_action {
	enum mscg_action_kind kind;
	struct mscg_id id;
	uint32_t attempt;
	uint32_t restarts; /* START: how often the job has run before */
	int      signal;
	bool     warn;       /* SIGNAL: before its end, to those that have a handler for it, and to all where nobody has */
	bool     main_only;  /* SIGNAL: to the main process, whatever it is */
	uint32_t time_limit_s; /* START: 0: none */
	bool     grace;      /* SIGNAL: it asks for the end; what the main process leaves behind has until the KILL, which comes */
	uint64_t resize_seq; /* RESIZE: names this one in the report, and what a START waits for */
	bool     memory;     /* RESIZE: the memory limit changes too */
	bool     freeze;     /* RESIZE, to no CPUs: it is done when all of it stands still */
	bool     thaw;       /* RESIZE: it goes on with these */
	uint8_t  state;      /* REMOVE: enum mscg_state, the final one */
	struct mscg_grant *grant; /* START, RESIZE: owned by the action */
	/* START, RESIZE with thaw: resizes that must have been taken by the kernel first. If one of them fails, the engine
	 * reports START_DEFERRED or RESIZE_DEFERRED and has done nothing. Owned. */
	uint64_t *after;
	uint32_t  after_n;
};
void mscg_action_clear(struct mscg_action *action);

enum mscg_report_kind {
	MSCG_REPORT_STARTED,        /* exec seen; pid, cgroup_id, slot, time */
	MSCG_REPORT_START_DEFERRED, /* not started, may succeed later: text, errno_value */
	MSCG_REPORT_START_FAILED,   /* cannot be started: exit_code 126/127, text. Nothing runs, cgroup is gone or going */
	MSCG_REPORT_EXITED,         /* main process ended; what it left behind is being killed: code, signal, time */
	MSCG_REPORT_ENDED,          /* cgroup is empty, usage read: code, signal, time, usage */
	MSCG_REPORT_RESIZED,        /* the kernel took it: grant as it is now */
	MSCG_REPORT_RESIZE_DEFERRED,/* nothing changed: text */
	MSCG_REPORT_LOST,           /* nothing shows how it ended (restart only): reason, text */
	MSCG_REPORT_STUCK,          /* cannot be killed: keeps its resources, text */
	MSCG_REPORT_NEED,           /* of a job that is elastic by pressure: what it uses of its CPUs changed: need, used_milli, text */
	MSCG_REPORT_MEMORY,         /* of a job whose memory moves: it is short of it, and will be throttled or killed: used_bytes, text */
	MSCG_REPORT_COUNT
};

/* What a job does with its CPUs. */
enum mscg_need {
	MSCG_NEED_UNKNOWN,
	MSCG_NEED_FITS,  /* uses them */
	MSCG_NEED_SHORT, /* would use more */
	MSCG_NEED_IDLE,  /* has not used all for a while */
};

struct mscg_report {
	enum mscg_report_kind kind;
	struct mscg_id id;
	uint32_t attempt;
	int64_t  time_usec; /* wall clock, of the thing itself */
	int64_t  boot_usec; /* STARTED: the same by the boot clock, which limits count from; 0: not known */
	int32_t  exit_code, exit_signal;
	uint8_t  reason; /* enum mscg_reason where the engine knows better than the code: SUPERVISOR_DIED, LAUNCH_FAILED, OUT_OF_MEMORY */
	int      errno_value;
	uint64_t cgroup_id;
	uint32_t slot;
	int32_t  pid;
	uint64_t resize_seq;
	struct mscg_grant *grant; /* RESIZED; owned */
	struct mscg_usage  usage; /* ENDED */
	uint32_t used_milli;      /* NEED: thousandths of CPUs, on average of late */
	enum mscg_need need;
	uint64_t used_bytes;      /* MEMORY; RESIZE_DEFERRED of less memory: what it could not give up; 0: not known */
	char     text[160];
};
void mscg_report_clear(struct mscg_report *report);

#endif
