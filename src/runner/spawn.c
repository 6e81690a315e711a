#include "src/runner/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "src/runner/supervise.h"
#include "src/runner/sys.h"

#define GUARD_SIZE 65536 /* a page, whatever its size is */

void *child_stack_make(size_t size)
{
	char *map = mmap(NULL, GUARD_SIZE + size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (map == MAP_FAILED)
		return NULL;
	if (mprotect(map + GUARD_SIZE, size, PROT_READ | PROT_WRITE) < 0) {
		munmap(map, GUARD_SIZE + size);
		return NULL;
	}
	return map + GUARD_SIZE;
}

void child_stack_free(void *stack, size_t size)
{
	if (stack)
		munmap((char *)stack - GUARD_SIZE, GUARD_SIZE + size);
}

/* Read by the child, on our memory; `result` is written by it: 1 on its way into exec, -errno. */
struct plan {
	const struct spawn *spawn;
	char *const        *argv, *const *env;
	bool                migrate; /* into the cgroup by a write */
	_Atomic int         result;
};

/* Never returns. Moves the descriptors out of the way of their final places before it puts them there. */
CHILD_CODE static void spawn_child(void *arg)
{
	struct plan *p = arg;
	const struct spawn *s = p->spawn;
	const int from[] = { s->socket_fd, s->listen_fd, s->slots_fd, s->null_fd, s->program_fd };
	const int to[]   = { SUPERVISOR_DAEMON_FD, SUPERVISOR_LISTEN_FD, SUPERVISOR_SLOTS_FD, STDIN_FILENO, SUPERVISOR_PROGRAM_FD };
	uint64_t  none   = 0;
	long      fd[5], r = 0;

	if (p->migrate) {
		r = sys(openat, s->cgroup_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
		if (r >= 0)
			r = sys(write, r, "0", 1);
	}
	for (int i = 0; i < 5 && r >= 0; i++)
		r = fd[i] = sys(fcntl, from[i], F_DUPFD, SUPERVISOR_PROGRAM_FD + 1);
	for (int i = 0; i < 5 && r >= 0; i++)
		r = sys(dup3, fd[i], to[i], to[i] == SUPERVISOR_PROGRAM_FD ? O_CLOEXEC : 0);
	if (r >= 0) /* stderr stays: it says why, should it not come up */
		r = sys(dup3, STDIN_FILENO, STDOUT_FILENO, 0);
	if (r >= 0)
		r = sys(close_range, SUPERVISOR_PROGRAM_FD + 1, ~0U, 0);
	if (r >= 0) {
		sys(rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
		atomic_store_explicit(&p->result, 1, memory_order_relaxed);
		r = sys(execveat, SUPERVISOR_PROGRAM_FD, "", p->argv, p->env, AT_EMPTY_PATH);
	}
	atomic_store_explicit(&p->result, (int)r, memory_order_relaxed);
	for (;;)
		sys(exit_group, 127);
}

/* One clone. 1: its program runs; 0: it was killed on the way, by *ret_signal; -errno. */
static int spawn_once(const struct spawn *spawn, struct plan *plan, int *ret_pidfd, int *ret_signal)
{
	int      pidfd = -1;
	sigset_t all, before;
	struct clone_args args = {
		.flags       = CLONE_PIDFD | CLONE_VM | CLONE_VFORK | CLONE_CLEAR_SIGHAND,
		.pidfd       = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
		.stack       = (uint64_t)(uintptr_t)spawn->stack,
		.stack_size  = spawn->stack_size,
	};

	if (spawn->cgroup_fd >= 0 && !plan->migrate) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)spawn->cgroup_fd;
	}
	atomic_store_explicit(&plan->result, 0, memory_order_relaxed);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before); /* no handler of ours may run in the child, on our memory */
	long pid = sys_clone3(&args, sizeof args, spawn_child, plan);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (pid < 0)
		return (int)pid;
	int r = atomic_load_explicit(&plan->result, memory_order_relaxed);
	if (r <= 0) {
		siginfo_t si = { 0 };
		waitid(P_PIDFD, (id_t)pidfd, &si, WEXITED);
		close(pidfd);
		*ret_signal = si.si_status;
		return r;
	}
	*ret_pidfd = pidfd;
	return 1;
}

int spawn_supervisor(const struct spawn *spawn, int *ret_pidfd, struct mscg_error *error)
{
	char  slot[16];
	char *argv[] = { (char *)"mscg-supervise", slot, NULL };
	char *env[]  = { NULL };
	struct plan plan = { .spawn = spawn, .argv = argv, .env = env };

	snprintf(slot, sizeof slot, "%u", spawn->slot);
	int sig = 0;
	int r = spawn_once(spawn, &plan, ret_pidfd, &sig);
	if (r == 0 && sig == SIGKILL && spawn->cgroup_fd >= 0) {
		/* Kernels of today (6.1.192, 6.12, 6.18) count the writes to cgroup.kill of every cgroup, and kill what is
		 * cloned from one cgroup into another where the counts differ. The count cannot be read. A service manager
		 * that had to kill our predecessor may have left us such a cgroup: then a supervisor is moved, which costs
		 * 5 ms, once, and is alike otherwise. Jobs are never moved. */
		plan.migrate = true;
		r = spawn_once(spawn, &plan, ret_pidfd, &sig);
	}
	if (r < 0)
		return mscg_error_set(error, r, "cannot start mscg-supervise: %s", strerror(-r));
	return r > 0 ? 0 : mscg_error_set(error, -ECHILD, "mscg-supervise was killed by signal %d before it ran", sig);
}
