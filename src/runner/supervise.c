#include "src/runner/supervise.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "src/base/clock.h"
#include "src/runner/init.h"

/* An init that takes longer to end hangs: in a mount's file server, for one. mscgd sees to it from then on. */
#define INIT_END_MSEC 1000

static void lose_daemon(struct supervisor *s)
{
	if (s->daemon_fd >= 0)
		close(s->daemon_fd);
	s->daemon_fd = -1;
}

/* What cannot be sent now, for want of room or memory, is sent as soon as there is some. */
static void wake_daemon(struct supervisor *s)
{
	struct message_header wake = message_make(MESSAGE_WAKE, sizeof wake, s->index, s->generation);
	int r = s->daemon_fd >= 0 ? message_send(s->daemon_fd, &wake, sizeof wake, NULL, 0) : 0;

	s->wake_due = r < 0;
	if (r == -EPIPE || r == -ECONNRESET)
		lose_daemon(s);
}

/* The job's init is the last and ends by itself. Its mounts end with it, and until then its cgroup is not empty: told of the end
 * before that, mscgd would have to wait for the cgroup's own word, which the kernel gives 10 ms late. */
static void await_init(const struct supervisor *s)
{
	struct pollfd p = { .fd = s->main_pidfd, .events = POLLIN };

	poll(&p, 1, INIT_END_MSEC);
}

static void finish_main(struct supervisor *s, const siginfo_t *si, bool init_ends)
{
	s->slot->end_usec      = clock_real_usec();
	s->slot->end_boot_usec = clock_boot_usec();
	s->slot->wait_code     = si->si_code;
	s->slot->wait_status   = si->si_status;
	s->slot->ended_sum     = slot_ended_sum(s->slot, s->generation);
	if (init_ends)
		await_init(s);
	slot_swap(s->slot, s->generation, RUNNER_RUNNING, RUNNER_EXITED);
	wake_daemon(s);
	close(s->main_pidfd);
	if (s->report_fd >= 0)
		close(steal_fd(&s->report_fd));
	if (s->door_fd >= 0)
		close(steal_fd(&s->door_fd));
	s->main_pid = 0;
	execs_end(&s->execs);
	supervise_forget(s);
}

bool supervise_read_report(struct supervisor *s, int *ret)
{
	ssize_t n;
	do
		n = read(s->report_fd, ret, sizeof *ret);
	while (n < 0 && errno == EINTR);
	return n == sizeof *ret;
}

/* The init of the job speaks, or is dead: then its own end is the job's. */
static void hear_init(struct supervisor *s, const siginfo_t *own_end)
{
	int status;
	siginfo_t si = own_end ? *own_end : (siginfo_t){ 0 };
	if (supervise_read_report(s, &status)) {
		bool last = status & INIT_LAST;
		status &= ~INIT_LAST;
		si.si_code   = WIFEXITED(status) ? CLD_EXITED : WCOREDUMP(status) ? CLD_DUMPED : CLD_KILLED;
		si.si_status = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
		finish_main(s, &si, last && !own_end);
	} else if (own_end) {
		finish_main(s, own_end, false);
	} else {
		close(steal_fd(&s->report_fd));
	}
}

/* As wait4 has it. */
static int wait_status(const siginfo_t *si)
{
	return si->si_code == CLD_EXITED ? W_EXITCODE(si->si_status, 0)
	                                 : W_EXITCODE(0, si->si_status) | (si->si_code == CLD_DUMPED ? WCOREFLAG : 0);
}

/* Everything that ended: the main process, and orphans of the job that became ours (we are their subreaper). */
static void reap(struct supervisor *s)
{
	for (;;) {
		siginfo_t si = { 0 };
		if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | __WALL) < 0) {
			if (errno == EINTR)
				continue;
			return;
		}
		if (si.si_pid == 0)
			return;
		if (si.si_pid == s->note_pid)
			s->note_pid = 0;
		if (execs_reap(&s->execs, si.si_pid, wait_status(&si)) || s->main_pid == 0 || si.si_pid != s->main_pid)
			continue;
		if (s->report_fd >= 0)
			hear_init(s, &si);
		else
			finish_main(s, &si, false);
	}
}

static void signal_main(struct supervisor *s, const struct message_signal *m)
{
	if (s->main_pid != 0 && m->h.generation == s->generation)
		pidfd_send_signal(s->main_pidfd, m->sig, NULL, 0);
}

static void close_all(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* A command beside the main process: the init's to start, where there is one. */
static void hand_on(struct supervisor *s, const void *packet, size_t size, int *fds, size_t nfds)
{
	const struct message_header *h = packet;
	int r;

	if (nfds != 1 + EXEC_FDS)
		return;
	if (s->main_pid == 0 || h->generation != s->generation)
		execs_refuse(fds[EXEC_FDS], RUNNER_STAGE_CLONE, ESRCH);
	else if (s->door_fd >= 0 && (r = message_send(s->door_fd, packet, size, fds + 1, EXEC_FDS)) < 0)
		execs_refuse(fds[EXEC_FDS], RUNNER_STAGE_INIT, r == -EPIPE || r == -ECONNRESET ? ESRCH : -r);
	else if (s->door_fd < 0 && s->namespaces)
		execs_refuse(fds[EXEC_FDS], RUNNER_STAGE_NAMESPACES, EOPNOTSUPP);
	else if (s->door_fd < 0)
		execs_start(&s->execs, &s->plan, fds[0], packet, size, fds + 1);
}

static void read_daemon(struct supervisor *s)
{
	int    fds[START_FDS_MAX];
	size_t nfds = 0;
	char  *packet = s->main_pid ? s->execs.packet : s->packet; /* the job's own is kept */
	ssize_t got = message_receive(s->daemon_fd, packet, MESSAGE_MAX, fds, &nfds);

	if (got == -EAGAIN)
		return;
	const struct message_header *h = (const struct message_header *)(const void *)packet;
	if (got <= 0 || !message_valid(packet, (size_t)got) || h->slot != s->index) {
		/* Its end, or not the daemon that we belong to. */
		close_all(fds, nfds);
		lose_daemon(s);
		return;
	}
	switch (h->kind) {
	case MESSAGE_START:
		if (s->main_pid != 0) { /* cannot be: its slot is not free */
			close_all(fds, nfds);
			lose_daemon(s);
			return;
		}
		supervise_start(s, (size_t)got, fds, nfds);
		wake_daemon(s);
		return;
	case MESSAGE_SIGNAL:
		signal_main(s, (const struct message_signal *)(const void *)packet);
		break;
	case MESSAGE_EXEC:
		hand_on(s, packet, (size_t)got, fds, nfds);
		break;
	case MESSAGE_NOTE:
		if (s->main_pid == 0)
			note_start(s, packet, (size_t)got);
		break;
	default:
		break;
	}
	close_all(fds, nfds);
}

/* The next daemon. It takes the place of one that is still connected: only one of them holds the directory's lock. */
static void accept_daemon(struct supervisor *s)
{
	struct ucred peer = { .pid = 0 };
	socklen_t size = sizeof peer;
	int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.uid != geteuid()) {
		close(fd);
		return;
	}
	lose_daemon(s);
	if (fd != SUPERVISOR_DAEMON_FD) {
		int moved = dup3(fd, SUPERVISOR_DAEMON_FD, O_CLOEXEC);
		close(fd);
		fd = moved;
	}
	s->daemon_fd = fd;
	wake_daemon(s);
}

void supervise(struct supervisor *s)
{
	wake_daemon(s); /* ready */
	while (s->daemon_fd >= 0 || s->main_pid != 0) {
		struct pollfd p[3 + EXECS_MAX] = {
			{ .fd = s->daemon_fd, .events = (short)(s->wake_due ? POLLIN | POLLOUT : POLLIN) },
			{ .fd = s->listen_fd, .events = POLLIN },
			{ .fd = s->report_fd, .events = POLLIN },
		};
		execs_poll(&s->execs, p + 3);
		/* SIGCHLD is let in here only: it cannot slip in between a look and the wait. */
		int n = ppoll(p, ARRAY_SIZE(p), NULL, &s->while_waiting);
		if (n < 0) {
			reap(s);
			continue;
		}
		if (p[2].revents)
			hear_init(s, NULL);
		if (p[0].revents & POLLOUT)
			wake_daemon(s);
		if (p[0].revents & ~POLLOUT)
			read_daemon(s);
		if (p[1].revents)
			accept_daemon(s);
		execs_hear(&s->execs, p + 3);
	}
}
