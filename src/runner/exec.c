#include "src/runner/exec.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "src/base/exec.h"
#include "src/runner/child_code.h"

#define HEARD_MAX 4096 /* signals that one client may send */

enum { STDIO, CHANNEL };

static const uint32_t descriptors = START_FD_STDIO | START_FD_CHANNEL;

int execs_open(struct execs *e)
{
	e->notes = mmap(NULL, EXECS_MAX * sizeof *e->notes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return e->notes == MAP_FAILED ? -errno : 0;
}

CHILD_CODE static void say(int channel, struct exec_end *end, enum runner_stage stage)
{
	const char *about = !end->error ? "" : stage == RUNNER_STAGE_INTERPRETER ? "its interpreter" : runner_stage_text(stage);
	size_t n = length(about);

	if (n >= sizeof end->about)
		n = sizeof end->about - 1;
	copy(end->about, about, n);
	end->about[n] = 0;
	sys(sendto, channel, end, sizeof *end, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0);
}

CHILD_CODE void execs_refuse(int channel, enum runner_stage stage, int error)
{
	struct exec_end end = { .error = error };
	say(channel, &end, stage);
}

/* In the memory of the command itself. There is room for one more than the job had (make_vectors). */
CHILD_CODE static void set_variable(char **env, const char *entry)
{
	size_t n = 0;
	while (entry[n] && entry[n] != '=')
		n++;
	for (; *env; env++) {
		size_t i = 0;
		while (i < n && (*env)[i] == entry[i])
			i++;
		if (i == n && (*env)[n] == '=')
			break;
	}
	bool last = !*env;
	*env = (char *)entry;
	if (last)
		env[1] = NULL;
}

struct command {
	struct child_plan plan;
	const char *variable; /* NULL: none */
};

CHILD_CODE static void become_command(void *arg)
{
	struct command *c = arg;

	if (c->variable)
		set_variable(c->plan.env, c->variable);
	if (c->plan.own_pid)
		child_join(&c->plan);
	else
		child_main(&c->plan);
}

/* The job's plan, with what a command has of its own. */
CHILD_CODE static int plan_command(struct execs *e, const struct child_plan *job, const void *packet, size_t size, const int *fds,
                                   struct command *ret)
{
	const struct message_start *start = packet;
	struct start_view view;
	int r = start_read(&view, start, start + 1, size - sizeof *start);

	if (r < 0)
		return r;
	if ((start->flags & ~(uint32_t)START_PTY) != descriptors || start->argc == 0 || start->argc > EXEC_WORDS_MAX || start->envc > 1 ||
	    !view.text[START_STRING_EXEC])
		return -EBADMSG;
	*ret = (struct command){ .plan = *job, .variable = start->envc ? view.env : NULL };
	struct child_plan *p = &ret->plan;
	p->exec_path = view.text[START_STRING_EXEC];
	p->argv      = e->pointers + 1;
	p->pty       = start->flags & START_PTY;
	p->script_fd = -1;
	p->make_dir  = NULL;
	p->link_path = NULL;
	p->copied    = true;
	if (p->own_pid)
		p->workdir = p->entered;
	p->stdio_fd = fds[STDIO];
	const char *word = view.argv;
	for (uint32_t i = 0; i < start->argc; i++) {
		p->argv[i] = (char *)word;
		word += length(word) + 1;
	}
	p->argv[start->argc] = NULL;
	return 0;
}

CHILD_CODE static long clone_command(struct command *c, int cgroup)
{
	struct clone_args args = {
		.flags       = CLONE_CLEAR_SIGHAND | (cgroup >= 0 ? CLONE_INTO_CGROUP : 0),
		.exit_signal = SIGCHLD,
		.stack       = (uint64_t)(uintptr_t)c->plan.main_stack,
		.stack_size  = c->plan.main_stack_size,
		.cgroup      = cgroup >= 0 ? (uint64_t)cgroup : 0,
	};
	return sys_clone3(&args, sizeof args, become_command, c);
}

CHILD_CODE void execs_start(struct execs *e, const struct child_plan *job, int cgroup, const void *packet, size_t size, int fds[EXEC_FDS])
{
	struct command command;
	size_t i = 0;

	while (i < EXECS_MAX && e->all[i].pid)
		i++;
	if (e->over || i == EXECS_MAX) {
		execs_refuse(fds[CHANNEL], RUNNER_STAGE_CLONE, e->over ? ESRCH : EUSERS);
		return;
	}
	atomic_store_explicit(&e->notes[i].stage, RUNNER_STAGE_CLONE, memory_order_relaxed);
	atomic_store_explicit(&e->notes[i].errno_value, 0, memory_order_relaxed);
	long r = plan_command(e, job, packet, size, fds, &command);
	if (r == 0) {
		command.plan.slot = &e->notes[i];
		r = clone_command(&command, cgroup);
	}
	if (r < 0) {
		execs_refuse(fds[CHANNEL], RUNNER_STAGE_CLONE, (int)-r);
		return;
	}
	e->all[i] = (struct exec){ .pid = (int)r, .channel = fds[CHANNEL] };
	fds[CHANNEL] = -1;
}

void execs_poll(const struct execs *e, struct pollfd *fds)
{
	for (size_t i = 0; i < EXECS_MAX; i++) {
		const struct exec *x = &e->all[i];

		fds[i] = (struct pollfd){ .fd = x->pid ? x->channel : -1, .events = x->heard < HEARD_MAX ? POLLIN : 0 };
	}
}

/* It leads a process group as soon as it has made its session; nobody has its number before it is reaped here. */
CHILD_CODE static void signal_command(const struct exec *x, int sig)
{
	if (sys(kill, -x->pid, sig) < 0)
		sys(kill, x->pid, sig);
}

CHILD_CODE void execs_hear(struct execs *e, const struct pollfd *fds)
{
	for (size_t i = 0; i < EXECS_MAX; i++) {
		struct exec *x = &e->all[i];
		int32_t sig = 0;

		if (!x->pid || x->channel < 0 || fds[i].fd != x->channel || !fds[i].revents)
			continue;
		long n = fds[i].revents & POLLIN ? sys(recvfrom, x->channel, &sig, sizeof sig, MSG_DONTWAIT, NULL, NULL) : 0;
		x->heard++;
		if (n == (long)sizeof sig && sig > 0 && sig < NSIG) {
			signal_command(x, sig);
		} else if (n <= 0 && n != -EAGAIN) {
			signal_command(x, SIGHUP);
			sys(close, x->channel);
			x->channel = -1;
		}
	}
}

CHILD_CODE bool execs_reap(struct execs *e, int pid, int status)
{
	size_t i = 0;

	while (i < EXECS_MAX && e->all[i].pid != pid)
		i++;
	if (pid <= 0 || i == EXECS_MAX)
		return false;
	struct exec *x = &e->all[i];
	struct exec_end end = {
		.status = status, .error = atomic_load_explicit(&e->notes[i].errno_value, memory_order_relaxed), .with_job = x->over,
	};
	if (x->channel >= 0) {
		say(x->channel, &end, (enum runner_stage)atomic_load_explicit(&e->notes[i].stage, memory_order_relaxed));
		sys(close, x->channel);
	}
	*x = (struct exec){ .pid = 0 };
	return true;
}

CHILD_CODE void execs_end(struct execs *e)
{
	e->over = true;
	for (size_t i = 0; i < EXECS_MAX; i++)
		if (e->all[i].pid) {
			e->all[i].over = true;
			signal_command(&e->all[i], SIGKILL);
		}
}
