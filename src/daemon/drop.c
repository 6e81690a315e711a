/* Sockets in whose queue others may have left files. With the last descriptor of such a socket the kernel lets go of them, and it may ask
 * their server (FUSE with its writeback cache, NFS) and wait for it, where no signal ends that. So one that has some is not closed
 * here but by a process of its own, which is given all that there are by then; a bounded number of these. One that a job has
 * taken its own out of by then is closed like any other. */
#include <fcntl.h>
#include <linux/sockios.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <syslog.h>

#include "daemon.h"
#include "src/base/clock.h"

enum { CLOSERS_MAX = 32, AT_ONCE = 1024, KEPT_MAX = 2048, FIRST_LOOK_MS = 100, LOOK_MS = 1000 };

struct drops {
	struct dropped {
		int      fd;
		uint32_t uid;
	} *entry;
	uint32_t n, cap;
	pid_t    closer[CLOSERS_MAX];
	uint32_t closers_n;
	bool     told; /* that they all wait */
	sd_event_source *timer;
};

/* Bytes alone are thrown away; nobody can add to it any more. */
static bool is_empty(int fd)
{
	char bytes[4096];
	struct iovec iov = { .iov_base = bytes, .iov_len = sizeof bytes };
	int left;

	while (ioctl(fd, SIOCINQ, &left) == 0 && left > 0) {
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
		ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_PEEK);

		if (n <= 0 || msg.msg_flags & MSG_CTRUNC || recv(fd, bytes, (size_t)n, MSG_DONTWAIT) < 0)
			return false;
	}
	return true;
}

static void close_the_empty(struct drops *s)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < s->n; i++) {
		if (is_empty(s->entry[i].fd))
			close(s->entry[i].fd);
		else
			s->entry[kept++] = s->entry[i];
	}
	s->n = kept;
}

static void reap(struct drops *s)
{
	for (uint32_t i = 0; i < s->closers_n;)
		if (waitpid(s->closer[i], NULL, WNOHANG) != 0)
			s->closer[i] = s->closer[--s->closers_n];
		else
			i++;
}

/* mscg-supervise, as a program that ends when its standard input does. */
static pid_t spawn(const struct drops *s, uint32_t n, int program, int in)
{
	_cleanup_free_ char *path = xasprintf("/proc/self/fd/%d", program);
	char *argv[] = { (char *)"mscg-close", (char *)"close", NULL }, *env[] = { NULL };
	posix_spawn_file_actions_t actions;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	posix_spawn_file_actions_addclose(&actions, STDOUT_FILENO);
	posix_spawn_file_actions_addclose(&actions, STDERR_FILENO);
	for (uint32_t i = 0; i < n; i++) /* one that is itself is inherited */
		posix_spawn_file_actions_adddup2(&actions, s->entry[i].fd, s->entry[i].fd);
	int r = posix_spawn(&pid, path, &actions, NULL, argv, env);
	posix_spawn_file_actions_destroy(&actions);
	if (r != 0)
		log_line(LOG_WARNING, "cannot start a process that closes sockets: %s", strerror(r));
	return r == 0 ? pid : -1;
}

/* It has them all before ours are closed, and ends after that: so ours are never the last. */
static pid_t give_away(struct drops *s, int program)
{
	uint32_t n = MIN_OF(s->n, (uint32_t)AT_ONCE);
	int go[2];

	if (pipe2(go, O_CLOEXEC) < 0)
		return -1;
	pid_t pid = spawn(s, n, program, go[0]);
	if (pid > 0) {
		for (uint32_t i = 0; i < n; i++)
			close(s->entry[i].fd);
		s->n -= n;
		memmove(s->entry, s->entry + n, s->n * sizeof *s->entry);
	}
	close(go[0]);
	close(go[1]);
	return pid;
}

static int look(sd_event_source *source, uint64_t usec, void *ctx)
{
	struct daemon *d = ctx;
	struct drops *s = d->drops;
	pid_t pid;

	(void)source;
	(void)usec;
	reap(s);
	close_the_empty(s);
	while (s->n > 0 && s->closers_n < CLOSERS_MAX && (pid = give_away(s, d->supervisor_fd)) > 0)
		s->closer[s->closers_n++] = pid;
	if (s->closers_n == CLOSERS_MAX && !s->told)
		log_line(LOG_WARNING, "files that users passed are not closed: their server (FUSE, NFS) does not answer");
	s->told = s->closers_n == CLOSERS_MAX;
	if (!drop_is_full(d) && d->listen_source && !d->upgrading)
		sd_event_source_set_enabled(d->listen_source, SD_EVENT_ON);
	if (s->n > 0 || s->closers_n > 0) {
		sd_event_source_set_time(s->timer, (uint64_t)clock_boot_usec() + LOOK_MS * 1000u);
		sd_event_source_set_enabled(s->timer, SD_EVENT_ONESHOT);
	}
	return 0;
}

static void keep(struct daemon *d, int fd, uint32_t uid)
{
	if (!d->drops)
		d->drops = xcalloc(1, sizeof *d->drops);
	struct drops *s = d->drops;

	GROW(s->entry, s->n, s->cap);
	s->entry[s->n++] = (struct dropped){ fd, uid };
	if (!s->timer && sd_event_add_time(d->loop, &s->timer, CLOCK_BOOTTIME, 0, 1, look, d) < 0)
		return;
	if (s->n == 1) {
		sd_event_source_set_time(s->timer, (uint64_t)clock_boot_usec() + FIRST_LOOK_MS * 1000u);
		sd_event_source_set_enabled(s->timer, SD_EVENT_ONESHOT);
	}
}

void drop_socket(struct daemon *d, int fd, uint32_t uid)
{
	if (fd < 0)
		return;
	bool is_socket = shutdown(fd, SHUT_RD) == 0 || errno != ENOTSOCK;

	if (!is_socket || d->supervisor_fd < 0 || is_empty(fd))
		close(fd);
	else
		keep(d, fd, uid);
}

uint32_t drop_count(const struct daemon *d, uint32_t uid)
{
	uint32_t n = 0;

	for (uint32_t i = 0; d->drops && i < d->drops->n; i++)
		n += d->drops->entry[i].uid == uid;
	return n;
}

bool drop_is_full(const struct daemon *d)
{
	return d->drops && d->drops->n >= KEPT_MAX;
}

void drop_rest(struct daemon *d)
{
	struct drops *s = d->drops;

	if (!s)
		return;
	close_the_empty(s);
	while (s->n > 0 && give_away(s, d->supervisor_fd) > 0)
		;
	sd_event_source_unref(s->timer);
	free(s->entry);
	free(steal(&d->drops));
}
