/* depend.h: what a job waits for, as text and in parts.
 *
 * As asked: "afterok:20:21,afterany:23", "after:20+5" (minutes), "singleton"; ',' between: all of them, '?': any.
 * As kept in the row of a job that waits: what is left of it, a job that can not do it any more with "(failed)" behind
 * it, a delay that runs as "@" and its end in microseconds since the epoch, and behind aftercorr those tasks of the
 * waiting array that may start as "(ready 0-3,7)".
 *
 * Jobs that are submitted together have no ids yet: "afterok:#0" is the first of their list, "#2_5" a task of an array. With
 * ids they are named in place of it (mscg_depends_name). */
#ifndef BASE_DEPEND_H
#define BASE_DEPEND_H

#include <mscg/job.h>

#define DEPEND_MAX 1000 /* jobs that one may wait for */

#define DEPEND_KINDS(X) \
	X(AFTER,      "after")      /* it has started, or ended without */ \
	X(AFTERANY,   "afterany")   /* it has ended */ \
	X(AFTEROK,    "afterok")    /* with COMPLETED */ \
	X(AFTERNOTOK, "afternotok") /* with anything else */ \
	X(AFTERCORR,  "aftercorr")  /* of an array each task for that of the same index there, as afterok; otherwise as afterok */ \
	X(SINGLETON,  "singleton")  /* those of the same name and user that are there have ended */

enum depend_kind {
#define X(name, label) DEPEND_##name,
	DEPEND_KINDS(X)
#undef X
	DEPEND_KIND_COUNT
};

struct depend {
	enum depend_kind kind;
	struct mscg_id   id;        /* job 0: singleton that is not looked up yet, or beside `listed` */
	uint32_t         listed;    /* index + 1 into the list of those submitted together; 0: has its id */
	uint32_t         delay_min; /* after */
	bool             failed;
	int64_t          due_usec;  /* it has started, and the delay is over then; 0: it has not */
	/* aftercorr: of the waiting array, sorted, step 1. Owned */
	struct mscg_range *ready;
	uint32_t         ready_n, ready_cap;
	uint64_t         ready_count; /* tasks in it */
};

struct depends {
	struct depend *on; /* owned */
	uint32_t       n;
	bool           any;
};

int   mscg_depends_parse(const char *text, struct depends *ret, struct mscg_error *error);
char *mscg_depends_format(const struct depends *depends); /* NULL when nothing is left; the caller frees it */
void  mscg_depends_clear(struct depends *depends);
void  mscg_depends_drop(struct depends *depends, uint32_t i);
void  mscg_depend_add_ready(struct depend *depend, uint32_t index);
void  mscg_depend_take_ready(struct depend *depend, uint32_t index); /* if it is there */
/* "#N" in `*text` (malloc'ed, may be NULL) becomes first + N. */
void  mscg_depends_name(char **text, uint32_t first);
/* What is known of a job that has ended is worked into it: done, failed, or a delay that runs. True: this one is done. */
bool  mscg_depend_ended(struct depend *depend, enum mscg_state state, int64_t start_usec, int64_t now_usec);

#endif
