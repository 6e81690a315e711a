/* The job init: pid 1 of the job's pid namespace. It starts the main process, passes signals on to it, reaps whatever
 * becomes its child, and tells the supervisor how the main process ended. It is the supervisor's image without an exec,
 * on memory of its own; nobody can look into it, and from within the namespace nobody can kill it. It stays until its
 * last child is gone: with it the kernel would kill them all, and some may have a grace time left. */
#include "src/runner/init.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/wait.h>
#include <signal.h>

#include "src/runner/child_code.h"

#define MAIN_PID 2 /* the first process that pid 1 starts */

CHILD_CODE static long start_main(struct child_plan *p)
{
	struct clone_args args = {
		.flags       = CLONE_VM | CLONE_VFORK,
		.exit_signal = SIGCHLD,
		.stack       = (uint64_t)(uintptr_t)p->main_stack,
		.stack_size  = p->main_stack_size,
	};
	return sys_clone3(&args, sizeof args, child_become, p);
}

/* Everybody who ended; false: there is nobody left. */
CHILD_CODE static bool reap(const struct child_plan *p)
{
	for (;;) {
		int  status = 0;
		long pid = sys(wait4, -1, &status, WNOHANG | __WALL, NULL);
		if (pid < 0)
			return false;
		if (pid == 0)
			return true;
		if (pid == MAIN_PID)
			sys(write, p->report_fd, &status, sizeof status);
	}
}

CHILD_CODE void child_init(void *plan)
{
	struct child_plan *p = plan;
	uint64_t  all = ~UINT64_C(0); /* all are blocked already: the supervisor's mask */
	siginfo_t info;

	child_prepare(p);
	note(p, RUNNER_STAGE_INIT);
	long pid = must(p, start_main(p));
	if (atomic_load_explicit(&p->slot->stage, memory_order_relaxed) != RUNNER_STAGE_EXEC ||
	    atomic_load_explicit(&p->slot->errno_value, memory_order_relaxed) != 0 || pid != MAIN_PID)
		for (;;)
			sys(exit_group, 127);
	/* It runs. Nothing is held on to but the way to the supervisor, which is told by four bytes, twice. */
	int started = INIT_STARTED;
	sys(write, p->report_fd, &started, sizeof started);
	if (p->report_fd > 0)
		sys(close_range, 0, p->report_fd - 1, 0);
	sys(close_range, p->report_fd + 1, ~0U, 0);
	sys(chdir, "/");
	while (reap(p)) {
		long sig = sys(rt_sigtimedwait, &all, &info, NULL, sizeof all);
		if (sig > 0 && sig != SIGCHLD && info.si_pid == 0) /* from outside: the job's own processes are not its operator */
			sys(kill, MAIN_PID, sig);
	}
	for (;;)
		sys(exit_group, 0);
}
