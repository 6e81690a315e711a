/* The supervisors of a runner: spawned, kept ready, sent away, lost. */
#include "src/runner/pool.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "src/runner/spawn.h"

#define SEND_BUFFER    (4 * (int)MESSAGE_MAX) /* one START and then some, whatever net.core.wmem_default is */
#define IDLE_AT_LEAST  16 /* more than spare + as many as slots are used (or this) are sent home */

void pool_make(struct runner *r)
{
	r->members = xcalloc(r->file.n, sizeof *r->members);
	r->idle    = xcalloc(r->file.n, sizeof *r->idle);
	r->bare    = xcalloc(r->file.n, sizeof *r->bare);
	r->n_idle = r->n_bare = 0;
	for (uint32_t i = 0; i < r->file.n; i++)
		r->members[i] = (struct member){ .socket = -1, .pidfd = -1 };
	for (uint32_t i = r->file.n; i-- > 0;) /* low numbers first */
		if (slot_state(&r->file.slots[i]) == RUNNER_FREE)
			r->bare[r->n_bare++] = i;
	r->n_used = r->file.n - r->n_bare;
}

void pool_close(struct runner *r)
{
	free(steal(&r->members));
	free(steal(&r->idle));
	free(steal(&r->bare));
	r->n_idle = r->n_bare = 0;
}

static void unwatch(struct runner *r, int *fd)
{
	if (*fd < 0)
		return;
	/* Always before close: another process may hold a copy, and events would go on coming. */
	epoll_ctl(r->epoll_fd, EPOLL_CTL_DEL, *fd, NULL);
	close(steal_fd(fd));
}

static int watch(struct runner *r, uint32_t index, enum watched what, int fd, struct mscg_error *error)
{
	struct epoll_event e = {
		.events = EPOLLIN, .data.u64 = watch_key(index, what, r->members[index].epoch),
	};
	if (epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0)
		return mscg_error_set(error, -errno, "cannot watch a supervisor: %m");
	return 0;
}

int pool_watch(struct runner *r, uint32_t index, int socket, int pidfd, struct mscg_error *error)
{
	struct member *m = &r->members[index];
	m->epoch++;
	m->socket = socket;
	m->pidfd  = pidfd;
	m->last   = false;
	m->version = 0;
	int ret = watch(r, index, WATCHED_SOCKET, socket, error);
	if (ret == 0 && pidfd >= 0)
		ret = watch(r, index, WATCHED_PIDFD, pidfd, error);
	if (ret < 0) { /* without a connection it ends by itself; it stays unreaped, which is the lesser evil here */
		unwatch(r, &m->socket);
		unwatch(r, &m->pidfd);
	}
	return ret;
}

struct sockaddr_un pool_address(const struct runner *r, uint32_t index, const char *suffix)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" SUPERVISOR_SOCKET "%s", r->dir_fd, index,
	         suffix);
	return address;
}

/* Made by us, since we hold the directory's lock: a supervisor that an earlier mscgd spawned, and that is late, can not
 * take the name from the one that has the slot now. Made under another name and renamed, so that it never leads to
 * nobody in between. */
static int listen_for(struct runner *r, uint32_t index)
{
	struct sockaddr_un fresh = pool_address(r, index, ".new"), name = pool_address(r, index, "");
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || (unlink(fresh.sun_path) < 0 && errno != ENOENT) || fchmod(fd, 0600) < 0 ||
	    bind(fd, (struct sockaddr *)&fresh, sizeof fresh) < 0 || listen(fd, 4) < 0 ||
	    rename(fresh.sun_path, name.sun_path) < 0)
		return -errno;
	return steal_fd(&fd);
}

static int spawn(struct runner *r, uint32_t index, struct mscg_error *error)
{
	_cleanup_close_ int ours = -1, theirs = -1, listening = listen_for(r, index);
	int pair[2], pidfd, size = SEND_BUFFER;

	if (listening < 0)
		return mscg_error_set(error, listening, "cannot make a supervisor's socket: %s", strerror(-listening));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return mscg_error_set(error, -errno, "cannot make a supervisor's connection: %m");
	ours   = pair[0];
	theirs = pair[1];
	setsockopt(ours, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	int ret = spawn_supervisor(&(struct spawn){
		.program_fd = r->supervisor_fd, .slot = index, .cgroup_fd = r->supervisors_cgroup_fd,
		.socket_fd = theirs, .listen_fd = listening, .slots_fd = r->file.fd, .null_fd = r->null_fd,
		.stack = r->spawn_stack, .stack_size = SPAWN_STACK_SIZE,
	}, &pidfd, error);
	return ret < 0 ? ret : pool_watch(r, index, steal_fd(&ours), pidfd, error);
}

static void remove_idle(struct runner *r, uint32_t index)
{
	for (uint32_t i = 0; i < r->n_idle; i++)
		if (r->idle[i] == index) {
			r->n_idle--;
			memmove(&r->idle[i], &r->idle[i + 1], (r->n_idle - i) * sizeof *r->idle);
			return;
		}
}

/* An idle one. It sees the end of the connection and exits; reaped when it has. */
static void send_home(struct runner *r, uint32_t index)
{
	remove_idle(r, index);
	unwatch(r, &r->members[index].socket);
	if (r->members[index].pidfd < 0)
		r->bare[r->n_bare++] = index;
}

void pool_put(struct runner *r, uint32_t index)
{
	struct member *m = &r->members[index];
	if (m->last)
		unwatch(r, &m->socket);
	if (!member_alive(m)) {
		if (m->pidfd < 0)
			r->bare[r->n_bare++] = index;
		return;
	}
	r->idle[r->n_idle++] = index;
	while (r->n_idle > r->spare + MAX_OF(r->n_used, IDLE_AT_LEAST))
		send_home(r, r->idle[0]); /* used longest ago */
}

int pool_take(struct runner *r, uint32_t *ret, struct mscg_error *error)
{
	while (r->n_idle > 0) {
		*ret = r->idle[r->n_idle - 1];
		if (!r->members[*ret].last) {
			r->n_idle--;
			return 0;
		}
		send_home(r, *ret);
	}
	if (r->n_bare == 0)
		return mscg_error_set(error, -EAGAIN, "all %u slots are taken", r->file.n);
	uint32_t index = r->bare[r->n_bare - 1];
	int ret_spawn  = spawn(r, index, error);
	if (ret_spawn < 0)
		return ret_spawn;
	r->n_bare--;
	*ret = index;
	return 0;
}

void pool_top_up(struct runner *r, uint32_t most)
{
	for (; most > 0 && r->n_idle < r->spare && r->n_bare > 0; most--) {
		uint32_t index = r->bare[r->n_bare - 1];
		if (spawn(r, index, NULL) < 0)
			return; /* who needs one will hear why */
		r->n_bare--;
		/* Below those that have run already: they are warm. */
		memmove(&r->idle[1], &r->idle[0], r->n_idle * sizeof *r->idle);
		r->idle[0] = index;
		r->n_idle++;
	}
}

bool pool_hang_up(struct runner *r, uint32_t index)
{
	struct member *m = &r->members[index];
	remove_idle(r, index);
	unwatch(r, &m->socket);
	if (m->pidfd < 0)
		return true;
	/* Dead or dying as a rule. One that only broke its connection would have its job unwatched: it goes too. */
	pidfd_send_signal(m->pidfd, SIGKILL, NULL, 0);
	return false;
}

bool pool_reap(struct runner *r, uint32_t index)
{
	struct member *m = &r->members[index];
	siginfo_t si = { 0 };
	if (waitid(P_PIDFD, (id_t)m->pidfd, &si, WEXITED | WNOHANG) == 0 && si.si_pid == 0)
		return false;
	remove_idle(r, index);
	unwatch(r, &m->pidfd);
	unwatch(r, &m->socket);
	return true;
}
