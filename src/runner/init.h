/* init.h: pid 1 of a job. */
#ifndef RUNNER_INIT_H
#define RUNNER_INIT_H

#include "src/runner/child.h"

#define INIT_STARTED (-1)      /* no status of wait4: the main process is past its exec */
#define INIT_LAST    (1 << 24) /* in a status: nobody else is left, the init itself ends now */

/* Entry point for sys_clone3 into a new pid namespace, without CLONE_VM; `plan` is a struct child_plan. Writes to
 * report_fd INIT_STARTED, and then the main process's status; its end before that says that the launch failed. */
void child_init(void *plan);

#endif
