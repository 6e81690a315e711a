/* logs.h: a job's output files, copied to where their text belongs. What `logs` and `attach` share. */
#ifndef CLI_LOGS_H
#define CLI_LOGS_H

#include "cli.h"
#include "follow.h"

struct logs {
	struct follow files[2];
	size_t        n;
	bool          seeked[2];
	int64_t       lines; /* begins with so many; -1: with the first */
};

/* Those of a Job that are asked for (`out`, `err`; neither: both), which it has to outlive. 0, or an exit status with the error printed. */
int  logs_start(struct logs *l, const json_t *job, bool out, bool err, int64_t lines);
/* Rings when there may be more to copy; borrowed. */
void logs_watch(struct logs *l, int inotify);
void logs_rung(int inotify);
/* One round: opens what has appeared, copies what has come. 0 or -errno with text; -EPIPE: nobody reads. */
int  logs_copy(struct logs *l, struct mscg_error *error);
/* Exit status for that, printed; where nobody reads it ends as SIGPIPE would. */
int  logs_fail(const struct mscg_error *error);
void logs_end(struct logs *l);

#endif
