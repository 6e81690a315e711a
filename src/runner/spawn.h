/* spawn.h: mscgd starts a supervisor: one clone3 into the supervisors' cgroup, and exec. */
#ifndef RUNNER_SPAWN_H
#define RUNNER_SPAWN_H

#include "src/base/base.h"

struct spawn {
	int         program_fd; /* mscg-supervise */
	uint32_t    slot;
	int         cgroup_fd;  /* -1: ours */
	int         socket_fd, listen_fd, slots_fd, null_fd; /* become the supervisor's */
	void       *stack; /* from child_stack_make */
	size_t      stack_size;
};

/* Returns once the supervisor's program runs: 0 and its pidfd, or -errno with text. Borrows everything. */
int spawn_supervisor(const struct spawn *spawn, int *ret_pidfd, struct mscg_error *error);

/* A stack with a guard page below it, for clone3 with CLONE_VM; NULL: no memory. */
void *child_stack_make(size_t size);
void  child_stack_free(void *stack, size_t size);

#endif
