/* dev.h: the /dev of a job. See child.h for what may be called there. */
#ifndef RUNNER_DEV_H
#define RUNNER_DEV_H

#include "src/runner/child.h"

/* The working directory is the job's own; its `shm` becomes /dev/shm. */
void make_dev(const struct child_plan *p);

/* Nodes of the machine that every job sees, NULL ended; the rest of its /dev is not there. The first is null. */
extern const char *const dev_nodes[];
/* What else is in a /dev: directories to mount to, and links. `dir`: where they are made, a descriptor. What is there stays. -errno */
long dev_fill(long dir);

#endif
