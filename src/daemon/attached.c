/* Attached jobs and commands: stdin, stdout and stderr of a client. They are never received here, since to close a file one
 * asks its server (FUSE, NFS), which may not answer, and everybody would wait for it. A client puts them into a socket that
 * it is given (PassStdio), and the other end of that, with them in it, goes on to the supervisor: the job itself takes them out
 * (src/runner/child.c). Until then that end waits here. It ends with this program; a client that is there still passes them again to the
 * next one, and what is to start before that waits in the engine, for a while. */
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

static struct attached **find(struct daemon *d, struct mscg_id id)
{
	struct attached **p = &d->attached;

	while (*p && !mscg_id_equal((*p)->id, id))
		p = &(*p)->next;
	return p;
}

static struct attached *unlink_one(struct daemon *d, struct mscg_id id)
{
	struct attached **p = find(d, id), *a = *p;

	if (a)
		*p = a->next;
	return a;
}

int attached_take(struct daemon *d, struct mscg_id id)
{
	_cleanup_free_ struct attached *a = unlink_one(d, id);

	return a ? a->fd : -1;
}

bool attached_may_come(const struct daemon *d)
{
	return d->engine->ops->attach && clock_boot_usec() < d->started_boot_usec + ENGINE_ATTACH_USEC;
}

static void keep(struct request *r, struct mscg_id id)
{
	struct attached *a = xmalloc(sizeof *a);

	*a = (struct attached){ .id = id, .uid = r->stdio_uid, .fd = steal_fd(&r->stdio_fd), .next = r->d->attached };
	r->d->attached = a;
}

static void end_with(struct client *c, struct mscg_id id)
{
	GROW(c->attached, c->attached_n, c->attached_cap);
	c->attached[c->attached_n++] = id;
}

void attached_keep(struct request *r, struct mscg_id id)
{
	if (!r->client || r->stdio_fd < 0)
		return;
	keep(r, id);
	end_with(r->client, id);
}

static int check_again(const struct request *r, struct mscg_id id, const struct mscg_job *job, struct mscg_error *error)
{
	int code = access_own(r->client, request_verb(r), id, job, error);
	char text[MSCG_ID_TEXT];

	mscg_id_format(id, text);
	if (code == 0 && !(job->flags & MSCG_JOB_ATTACHED))
		return mscg_error_set(error, -EINVAL, "job %s is not attached: expected one of mscg run", text);
	if (code == 0 && *find(r->d, id))
		return mscg_error_set(error, -EBUSY, "job %s has its standard input, output and error already", text);
	return code;
}

/* One that has begun has taken its own, or never will. */
static void give(struct request *r, struct mscg_id id, const struct mscg_job *job)
{
	const struct engine_ops *ops = r->d->engine ? r->d->engine->ops : NULL;

	if (ops && ops->attach && ops->attach(r->d->engine, id, r->stdio_fd))
		r->stdio_fd = -1;
	else if (!(job->flags & MSCG_JOB_STARTED))
		keep(r, id);
}

int attached_again(struct request *r, struct mscg_id id, struct mscg_error *error)
{
	const struct mscg_job *job = core_find(r->d->core, id);
	int code;

	if (job && !client_sees(r->client, job->uid))
		job = NULL; /* to this client there is none */
	code = job ? check_again(r, id, job, error) : 0;
	if (code == 0)
		code = stdio_take(r, error);
	if (code < 0)
		return code;
	if (job) {
		give(r, id, job);
		end_with(r->client, id);
	}
	drop_socket(r->d, steal_fd(&r->stdio_fd), r->stdio_uid);
	return 0;
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
