/* Attached jobs and commands: stdin, stdout and stderr of a client. They are never received here, since to close a file one
 * asks its server (FUSE, NFS), which may not answer, and everybody would wait for it. A client puts them into a socket that
 * it is given (PassStdio), and the other end of that, with them in it, goes on to the supervisor: the job itself takes them out
 * (src/runner/child.c). Until then that end waits here. */
#include <sys/resource.h>
#include <sys/socket.h>

#include "daemon.h"

struct attached {
	struct mscg_id   id;
	uint32_t         uid;
	int              fd;
	struct attached *next;
};

/* Each takes a descriptor of ours: half of a quarter of what there is, for one user, all of it for root. */
static bool has_room(const struct client *c)
{
	struct rlimit files = { .rlim_cur = 1024 };
	uint32_t n = 0, own = 0, max;

	getrlimit(RLIMIT_NOFILE, &files);
	max = (uint32_t)MIN_OF(files.rlim_cur / 4, (rlim_t)INT32_MAX);
	for (const struct attached *a = c->d->attached; a; a = a->next, n++)
		own += a->uid == c->peer.uid;
	own += drop_count(c->d, c->peer.uid);
	return n < max && (own < max / 2 || c->peer.uid == 0 || c->peer.uid == geteuid());
}

void stdio_start(struct request *r)
{
	int pair[2];

	if (!has_room(r->client)) {
		request_failf(r, -EUSERS, "too many attached jobs wait to be started: submit without a terminal (mscg submit), or later");
		return;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
		request_failf(r, -errno, "cannot make a socket for descriptors: %s", strerror(errno));
		return;
	}
	drop_socket(r->d, r->client->stdio_fd, r->client->peer.uid);
	r->client->stdio_fd = pair[0];
	request_reply_fd(r, json_object(), pair[1]);
	close(pair[1]);
}

/* That something is in there is seen without taking it. */
int stdio_take(struct request *r, struct mscg_error *error)
{
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fd = r->client->stdio_fd;

	if (fd < 0 || recvmsg(fd, &msg, MSG_DONTWAIT | MSG_PEEK) < 0 || !(msg.msg_flags & MSG_CTRUNC))
		return mscg_error_set(error, -EINVAL, "standard input, output and error are to be passed before (PassStdio)");
	r->stdio_fd  = steal_fd(&r->client->stdio_fd);
	r->stdio_uid = r->client->peer.uid;
	return 0;
}

static struct attached *unlink_one(struct daemon *d, struct mscg_id id)
{
	struct attached **p = &d->attached, *a;

	while (*p && !mscg_id_equal((*p)->id, id))
		p = &(*p)->next;
	a = *p;
	if (a)
		*p = a->next;
	return a;
}

int attached_take(struct daemon *d, struct mscg_id id)
{
	_cleanup_free_ struct attached *a = unlink_one(d, id);

	return a ? a->fd : -1;
}

void attached_keep(struct request *r, struct mscg_id id)
{
	struct client *c = r->client;

	if (!c || r->stdio_fd < 0)
		return;
	struct attached *a = xmalloc(sizeof *a);

	*a = (struct attached){ .id = id, .uid = c->peer.uid, .fd = steal_fd(&r->stdio_fd), .next = c->d->attached };
	c->d->attached = a;
	GROW(c->attached, c->attached_n, c->attached_cap);
	c->attached[c->attached_n++] = id;
}

void attached_drop(struct daemon *d, struct mscg_id id)
{
	_cleanup_free_ struct attached *a = unlink_one(d, id);

	if (a)
		drop_socket(d, a->fd, a->uid);
}

void attached_close(struct daemon *d)
{
	while (d->attached)
		attached_drop(d, d->attached->id);
}
