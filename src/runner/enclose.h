/* enclose.h: a job's own view of the file system. */
#ifndef RUNNER_ENCLOSE_H
#define RUNNER_ENCLOSE_H

#include "src/runner/child.h"

/* In a mount namespace of its own, with CAP_SYS_ADMIN permitted. `cwd` is the working directory, as getcwd says. Ends the
 * launch when something cannot be made. */
void enclose(const struct child_plan *p, const char *cwd);
/* What is at `path`, and all that is mounted in it, as a copy: a descriptor or -errno. */
long hold(const char *path);
/* `fd`, of hold, comes to `path`, and is closed. */
void put(const struct child_plan *p, long fd, const char *path);
/* What is at `from` is at `to` too, without what is mounted in it. -errno */
long bind_mount(const char *from, const char *to);
void make_tmpfs(const struct child_plan *p, const char *path, const char *options, unsigned long flags);
/* The directories that lead to `path`, where they can be made. */
void make_way(const struct child_plan *p, const char *path);
/* `fd`, a mount that is nowhere yet, becomes the root; the one before it is gone. */
void replace_root(const struct child_plan *p, long fd);
/* Nothing but CAP_SYS_ADMIN, or nothing at all. */
void set_capabilities(const struct child_plan *p, bool admin, bool effective);

#endif
