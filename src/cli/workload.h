/* workload.h: workloads for `mscg simulate` as JSON lines: the machine first, then a job a line in order of submission.
 *
 *     {"mscg_workload": 1, "begin": "2026-01-31T12:00:00Z", "cpus": 64, "mem_bytes": 274877906944}
 *     {"id": "12", "submit": 0, "wait": 3.5, "run": 120.25, "cpus": 4, "min_cpus": 2, "max_cpus": 8, ...}
 */
#ifndef CLI_WORKLOAD_H
#define CLI_WORKLOAD_H

#include "cli.h"
#include "src/sim/sim.h"

/* Whether the text is JSON lines, and no Standard Workload Format. */
bool workload_is_json(const char *text);
/* -EINVAL with line and key. */
int  workload_read_json(const char *text, struct sim_workload *ret, struct mscg_error *error);

#endif
