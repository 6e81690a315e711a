/* bind.h: what a job has at other places too (--bind). See child.h for what may be called there. */
#ifndef RUNNER_BIND_H
#define RUNNER_BIND_H

#include "src/base/bind.h"
#include "src/runner/child.h"

/* What the job's user finds there: a copy of it and of all that is mounted in it, or -errno. -EPERM: it is the kernel's, or has what
 * the job is not to reach. And what all that is brought into a job is: nosuid, nodev, and nothing is mounted in it later. */
long hold_source(const struct child_plan *p, const char *path);
long set_brought(long fd, bool read_only);
bool is_directory(long fd);

/* The sources, as the job's user finds them on the machine: before the job's own mounts are made, and after what is to be covered is. */
void hold_binds(const struct child_plan *p, long ret[BINDS_MAX]);
/* Puts them to their targets in what the job sees: when all else is in its place. own_tmp: as cover_places has it. */
void put_binds(const struct child_plan *p, const long held[BINDS_MAX], bool own_tmp);

#endif
