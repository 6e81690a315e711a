/* cover.h: what of the machine is covered in a job's mount namespace. See child.h for what may be called there. */
#ifndef RUNNER_COVER_H
#define RUNNER_COVER_H

#include "src/runner/child.h"

/* What is the kernel's: as the job has it, never as the machine has it. */
bool is_kernels(const char *path);
/* The next of the places at `at`, as struct runner_launch has them; where the one after it begins. */
const char *take_place(const struct child_plan *p, const char *at, char place[CHILD_PATH_SIZE], int index);
/* What the job's own directories would hide. */
bool is_hidden(const char *path);
/* Second mounts of kernel file systems. Before anything is held: what is kept for the job is kept with its covers. Enters
 * `cwd` again. own_tmp: the job has /tmp and /var/tmp of its own. */
void cover_places(const struct child_plan *p, const char *cwd, bool own_tmp);
/* Whether something of the job's own is in a directory of sockets, and goes on being there. */
bool is_among_services(const struct child_plan *p, const char *path);
/* Directories of sockets: those in the working directory (inside), once that is in its place, or the others, before it is;
 * and, when all that is kept is in its place, nothing else can be put into them. */
void cover_services(const struct child_plan *p, const char *cwd, bool inside);
void finish_services(const struct child_plan *p);

#endif
