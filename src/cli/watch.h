/* watch.h: waiting for jobs to end, over restarts of the daemon. Never blocks: poll(2) its descriptor beside others.
 *
 *     watch_start(&w, cli, m, ids);
 *     while (!watch_is_done(&w)) {
 *             struct pollfd fd = {watch_fd(&w), POLLIN, 0};
 *             poll(&fd, 1, watch_timeout(&w, -1));
 *             while ((r = watch_next(&w, &reply, &error)) > 0) ...
 *     }
 */
#ifndef CLI_WATCH_H
#define CLI_WATCH_H

#include "cli.h"

struct watch {
	const struct cli *cli;
	struct mscg *m;         /* NULL: the daemon went away */
	json_t      *ids;       /* that have not ended yet */
	int64_t      lost_usec, retry_usec, delay_usec; /* boot clock */
	bool         told;
	const int   *stdio;     /* of an attached job that has not started: the next daemon is given them again. NULL: none */
};
/* Takes `m` and the reference to `ids`, an array of strings. */
void watch_start(struct watch *w, const struct cli *cli, struct mscg *m, json_t *ids);
bool watch_is_done(const struct watch *w);
int  watch_fd(const struct watch *w); /* -1 while there is no daemon */
/* For poll: `wanted` milliseconds (-1: for ever), or less where it is time to try again before. */
int watch_timeout(const struct watch *w, int wanted);
/* 1 and a new reference to {id, state, exit_code, signal, reason} of a job that ended; 0: nothing now; -errno with text:
 * this will not come to an end (no such job, not permitted). */
int  watch_next(struct watch *w, json_t **ret, struct mscg_error *error);
void watch_end(struct watch *w);

/* The exit status that stands for how a job ended: its code, 128 + signal, 1 for what is no success without either. */
int outcome_status(const json_t *ended);
/* "FAILED, exit code 3", "CANCELLED by signal SIGTERM", "TIMEOUT by signal SIGTERM: reached its time limit": returns buf. */
enum { OUTCOME_TEXT = 256 };
char *outcome_text(const json_t *ended, char *buf, size_t size);
/* Whether the job's own output says nothing of it: a limit, a launch that failed, a signal. */
bool outcome_is_explained(const json_t *ended);
/* The same on stderr then. */
void outcome_explain(const json_t *ended);

#endif
