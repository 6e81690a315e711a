/* landlock.h: a second wall about what namespaces keep from a job. See child.h for what may be called there. */
#ifndef RUNNER_LANDLOCK_H
#define RUNNER_LANDLOCK_H

#include "src/runner/child.h"

/* From here on no signal and no ptrace of this process, and of all that come of it, reaches another, if it has its own processes; nor an
 * abstract socket, if it has its own network. Under no_new_privs. Kernels before 6.12, and those without Landlock, go without. */
void enter_landlock(const struct child_plan *p);

#endif
