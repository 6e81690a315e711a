/* The job init: pid 1 of the job's pid namespace. It starts the main process, passes signals on to it, reaps whatever
 * becomes its child, and tells the supervisor how the main process ended. It is the supervisor's image without an exec,
 * on memory of its own; nobody can look into it, and from within the namespace nobody can kill it. It stays until its
 * last child is gone: with it the kernel would kill them all, and some may have a grace time left. */
#include "src/runner/init.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/wait.h>
#include <signal.h>
#include <sys/signalfd.h>

#include "src/runner/child_code.h"
#include "src/runner/exec.h"

/* Its descriptors. */
#define REPORT_FD  SUPERVISOR_DAEMON_FD
#define DOOR_FD    SUPERVISOR_LISTEN_FD
#define SIGNALS_FD (SUPERVISOR_LISTEN_FD + 1)

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
	bool main_ended = false;
	int  said = 0;

	for (;;) {
		int  status = 0;
		long pid = sys(wait4, -1, &status, WNOHANG | __WALL, NULL);
		if (pid > 0) {
			if (!execs_reap(p->execs, (int)pid, status) && pid == MAIN_PID) {
				main_ended = true;
				said = status;
			}
			continue;
		}
		if (main_ended) {
			said |= pid < 0 ? INIT_LAST : 0;
			sys(write, p->report_fd, &said, sizeof said);
			execs_end(p->execs);
		}
		return pid == 0;
	}
}

/* What is sent to it from outside; the job's own processes are not its operator. */
CHILD_CODE static void pass_on(int signals)
{
	struct signalfd_siginfo info;

	while (sys(read, signals, &info, sizeof info) == (long)sizeof info)
		if (info.ssi_signo != SIGCHLD && info.ssi_pid == 0)
			sys(kill, MAIN_PID, info.ssi_signo);
}

/* A command that the supervisor hands on. False: there is no supervisor any more. */
CHILD_CODE static bool take_command(const struct child_plan *p)
{
	struct execs *e = p->execs;
	int    fds[START_FDS_MAX];
	size_t n = 0;
	ssize_t got = message_receive(DOOR_FD, e->packet, sizeof e->packet, fds, &n);

	if (got > 0 && n == EXEC_FDS)
		execs_start(e, p, -1, e->packet, (size_t)got, fds);
	while (n > 0)
		if (fds[--n] >= 0)
			sys(close, fds[n]);
	return got > 0 || got == -EAGAIN || got == -EMSGSIZE;
}

/* Until its last child is gone. */
CHILD_CODE static void work(const struct child_plan *p)
{
	struct pollfd fds[2 + EXECS_MAX] = { { .fd = SIGNALS_FD, .events = POLLIN }, { .fd = DOOR_FD, .events = POLLIN } };

	while (reap(p)) {
		execs_poll(p->execs, fds + 2);
		sys(ppoll, fds, 2 + EXECS_MAX, NULL, NULL, 0);
		pass_on(SIGNALS_FD);
		if (fds[1].revents && !take_command(p))
			fds[1].fd = -1;
		execs_hear(p->execs, fds + 2);
	}
}

/* All three are behind where the supervisor's own two were, so that none takes another's place before that has moved. */
CHILD_CODE static void move(int *fd, int to)
{
	if (*fd != to)
		sys(dup3, *fd, to, O_CLOEXEC);
	*fd = to;
}

CHILD_CODE void child_init(void *plan)
{
	struct child_plan *p = plan;
	uint64_t  all = ~UINT64_C(0); /* all are blocked already: the supervisor's mask */

	note(p, RUNNER_STAGE_INIT);
	int signals = (int)must(p, sys(signalfd4, -1, &all, sizeof all, SFD_CLOEXEC | SFD_NONBLOCK));
	child_prepare(p);
	note(p, RUNNER_STAGE_INIT);
	long pid = must(p, start_main(p));
	if (atomic_load_explicit(&p->slot->stage, memory_order_relaxed) != RUNNER_STAGE_EXEC ||
	    atomic_load_explicit(&p->slot->errno_value, memory_order_relaxed) != 0 || pid != MAIN_PID)
		for (;;)
			sys(exit_group, 127);
	/* It runs. Nothing is held on to but /dev/null and the ways to the supervisor, which is told by four bytes, twice. */
	int started = INIT_STARTED;
	sys(write, p->report_fd, &started, sizeof started);
	move(&p->report_fd, REPORT_FD);
	move(&p->door_fd, DOOR_FD);
	move(&signals, SIGNALS_FD);
	sys(close_range, SIGNALS_FD + 1, ~0U, 0);
	sys(chdir, "/");
	work(p);
	for (;;)
		sys(exit_group, 0);
}
