/* rootfs.h: a directory of the machine as a job's root (--rootfs). See child.h for what may be called there. */
#ifndef RUNNER_ROOTFS_H
#define RUNNER_ROOTFS_H

#include "src/runner/child.h"

/* It, as the job's user finds it; read-only where the plan says so, or is strict. */
long hold_root(const struct child_plan *p);
/* Makes it the root, with what the job has of its own in the one before it, which is gone then. own_tmp: of /tmp and /var/tmp too. */
void enter_root(const struct child_plan *p, long held, bool own_tmp);
/* A directory for what is put to `path`: where there is none, and the user may make none, in a tmpfs over an empty one on the way. */
void make_place(const struct child_plan *p, const char *path);

#endif
