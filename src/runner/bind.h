/* bind.h: what a job has at other places too (--bind). See child.h for what may be called there. */
#ifndef RUNNER_BIND_H
#define RUNNER_BIND_H

#include "src/base/bind.h"
#include "src/runner/child.h"

/* The sources, as the job's user finds them on the machine: before the job's own mounts are made, and after what is to be covered is. */
void hold_binds(const struct child_plan *p, long ret[BINDS_MAX]);
/* Puts them to their targets in what the job sees: when all else is in its place. own_tmp: as cover_places has it. */
void put_binds(const struct child_plan *p, const long held[BINDS_MAX], bool own_tmp);

#endif
