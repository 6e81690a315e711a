/* wait.h: what `wait` and `submit --wait` share. */
#ifndef CLI_WAIT_H
#define CLI_WAIT_H

#include "cli.h"

/* Waits until all have ended. Takes `m` and `ids`. timeout_ms -1: for ever. Returns the exit status: the highest of the
 * jobs', CLI_TIMED_OUT, or that of an error that was printed. */
int wait_for_jobs(const struct cli *cli, struct mscg *m, json_t *ids, int64_t timeout_ms, bool print);

#endif
