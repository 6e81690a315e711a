/* enclose.h: a job's own view of the file system. */
#ifndef RUNNER_ENCLOSE_H
#define RUNNER_ENCLOSE_H

#include "src/runner/child.h"

/* In a mount namespace of its own, with CAP_SYS_ADMIN permitted. `cwd` is the working directory, as getcwd says. Ends the
 * launch when something cannot be made. */
void enclose(const struct child_plan *p, const char *cwd);
/* Nothing but CAP_SYS_ADMIN, or nothing at all. */
void set_capabilities(const struct child_plan *p, bool admin, bool effective);

#endif
