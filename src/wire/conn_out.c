/* Connections: what goes out. */
#include "src/wire/conn.h"

#include "src/base/base.h"

#include <fcntl.h>
#include <sys/socket.h>

struct dump {
	struct buf *out;
	size_t      begin;
	bool        over;
};

static int append(const char *data, size_t size, void *ctx)
{
	struct dump *d = ctx;

	if (d->out->size - d->begin + size > WIRE_MESSAGE_MAX) {
		d->over = true;
		return -1;
	}
	buf_add(d->out, data, size);
	return 0;
}

/* Offset in the stream of the next byte to be queued. */
static uint64_t queue_end(const struct wire_conn *conn)
{
	return conn->out_total + (conn->out.size - conn->out_start);
}

static int pass_fds(struct wire_conn *conn, uint64_t at, uint64_t end, const int *fds, int nfds, struct mscg_error *error)
{
	struct wire_passing passing = {.at = at, .end = end};

	if (nfds > WIRE_FDS_MAX)
		return mscg_error_set(error, -EINVAL, "%d descriptors with a message: expected %d at most", nfds, WIRE_FDS_MAX);
	for (int i = 0; i < nfds; i++) {
		int fd = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);

		if (fd < 0) {
			int r = -errno;

			wire_close_fds(passing.fds, &passing.nfds);
			return mscg_error_set(error, r, "cannot pass descriptor %d: %m", fds[i]);
		}
		passing.fds[passing.nfds++] = fd;
	}
	GROW(conn->passing, conn->passing_n, conn->passing_cap);
	conn->passing[conn->passing_n++] = passing;
	return 0;
}

static void forget_from(struct wire_conn *conn, size_t begin)
{
	conn->out.size = begin;
	if (conn->out.data)
		conn->out.data[begin] = '\0';
}

int wire_conn_send(struct wire_conn *conn, const json_t *message, const int *fds, int nfds, struct mscg_error *error)
{
	struct dump d = {.out = &conn->out, .begin = conn->out.size};
	uint64_t at = queue_end(conn);
	int r = 0;

	if (json_dump_callback(message, append, &d, WIRE_DUMP_FLAGS) < 0)
		r = d.over ? mscg_error_set(error, -EMSGSIZE, "message has more than %d bytes", WIRE_MESSAGE_MAX)
		           : mscg_error_set(error, -EINVAL, "message cannot be written as JSON");
	else if (nfds > 0)
		r = pass_fds(conn, at, queue_end(conn) + 1, fds, nfds, error);
	if (r < 0) {
		forget_from(conn, d.begin);
		return r;
	}
	buf_addc(&conn->out, '\0');
	return 0;
}

int wire_conn_send_text(struct wire_conn *conn, const char *text, size_t size, struct mscg_error *error)
{
	if (size > WIRE_MESSAGE_MAX)
		return mscg_error_set(error, -EMSGSIZE, "message has more than %d bytes", WIRE_MESSAGE_MAX);
	buf_add(&conn->out, text, size);
	buf_addc(&conn->out, '\0');
	return 0;
}

void wire_add_string(struct buf *into, const char *text)
{
	json_t *json = json_string(text);
	_cleanup_free_ char *dumped = json ? json_dumps(json, JSON_ENCODE_ANY | WIRE_DUMP_FLAGS) : NULL;

	buf_adds(into, dumped ? dumped : "null");
	json_decref(json);
}

size_t wire_conn_queued(const struct wire_conn *conn)
{
	return conn->out.size - conn->out_start;
}

/* One write: up to the next message that descriptors go with, or that message alone: the reader goes by that. */
static ssize_t write_some(struct wire_conn *conn)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * WIRE_FDS_MAX)];
	} control = {0};
	struct iovec iov = {.iov_base = conn->out.data + conn->out_start, .iov_len = wire_conn_queued(conn)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	const struct wire_passing *p = conn->passing, *end = p ? p + conn->passing_n : p;

	if (!conn->is_socket)
		return write(conn->out_fd, iov.iov_base, iov.iov_len);
	if (p < end && p->at == conn->out_total) {
		size_t bytes = sizeof(int) * (size_t)p->nfds;
		struct cmsghdr *c;

		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(bytes);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(bytes);
		memcpy(CMSG_DATA(c), p->fds, bytes);
		iov.iov_len = (size_t)(p->end - p->at);
	} else if (p < end) {
		iov.iov_len = (size_t)(p->at - conn->out_total);
	}
	return sendmsg(conn->out_fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void written(struct wire_conn *conn, size_t n)
{
	if (conn->passing_n && conn->passing[0].at == conn->out_total) {
		wire_close_fds(conn->passing[0].fds, &conn->passing[0].nfds);
		memmove(conn->passing, conn->passing + 1, --conn->passing_n * sizeof *conn->passing);
	}
	conn->out_start += n;
	conn->out_total += n;
	/* Moving costs no more than went out since the last move. */
	if (conn->out_start * 2 >= conn->out.size) {
		buf_drop(&conn->out, conn->out_start);
		conn->out_start = 0;
	}
	if (conn->out.size == 0 && conn->out.cap > WIRE_KEEP_BUFFER)
		buf_free(&conn->out);
}

int wire_conn_flush(struct wire_conn *conn)
{
	while (wire_conn_queued(conn)) {
		ssize_t n = write_some(conn);

		if (n > 0)
			written(conn, (size_t)n);
		else if (n == 0)
			return -EIO;
		else if (errno == EWOULDBLOCK)
			return -EAGAIN;
		else if (errno != EINTR)
			return -errno;
	}
	return 0;
}
