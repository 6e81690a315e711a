/* wait.h: what `wait` and `submit --wait` share. */
#ifndef CLI_WAIT_H
#define CLI_WAIT_H

#include "cli.h"

enum wait_says {
	WAIT_NOTHING,
	WAIT_WHY,   /* on stderr, where it was the system that ended a job */
	WAIT_TELLS, /* how each ended */
};
/* Waits until all have ended. Takes `m` and `ids`. timeout_ms -1: for ever. Returns the exit status: the highest of the
 * jobs', CLI_TIMED_OUT, or that of an error that was printed. */
int wait_for_jobs(const struct cli *cli, struct mscg *m, json_t *ids, int64_t timeout_ms, enum wait_says says);

#endif
