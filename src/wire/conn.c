/* Connections: who is there, and what comes in. */
#include "src/wire/conn.h"

#include "src/base/base.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define READ_MIN 4096u

void wire_close_fds(int *fds, int *nfds)
{
	for (int i = 0; i < *nfds; i++)
		close(fds[i]);
	*nfds = 0;
}

/* 1: a unix socket, and *ret is who is at the other end. 0: no socket at all. */
static int read_peer(int fd, struct wire_peer *ret)
{
	struct ucred cred;
	socklen_t len = sizeof(int);
	int domain;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0)
		return errno == ENOTSOCK ? 0 : -errno;
	len = sizeof cred;
	if (domain != AF_UNIX)
		return -EAFNOSUPPORT;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	/* Ids that this user namespace has no number for, or none at all: nobody to hold an owner against. */
	if (cred.uid == (uid_t)-1 || cred.gid == (gid_t)-1)
		return -EACCES;
	*ret = (struct wire_peer){.uid = cred.uid, .gid = cred.gid, .pid = cred.pid};
	return 1;
}

static void set_flags(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0)
		fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	flags = fcntl(fd, F_GETFD);
	if (flags >= 0)
		fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
}

struct wire_conn *wire_conn_new(int fd)
{
	struct wire_conn *conn = xcalloc(1, sizeof *conn);
	struct stat st;
	int r = read_peer(fd, &conn->peer);

	conn->fd = conn->out_fd = fd;
	conn->is_socket = r != 0;
	/* Whoever holds our end of a pipe was given it by us or by our parent: it speaks with our own rights. */
	if (r == 0 && fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode))
		conn->peer = (struct wire_peer){.uid = geteuid(), .gid = getegid(), .pid = getpid()};
	else if (r <= 0)
		conn->peer_error = r < 0 ? r : -ENOTSOCK;
	set_flags(fd);
	return conn;
}

struct wire_conn *wire_conn_new_pipes(int in, int out)
{
	struct wire_conn *conn = wire_conn_new(in);

	if (out != in) {
		conn->out_fd = out;
		set_flags(out);
	}
	return conn;
}

void wire_conn_free(struct wire_conn *conn)
{
	if (!conn)
		return;
	for (int i = 0; i < conn->received_n; i++)
		wire_close_fds(conn->received[i].fds, &conn->received[i].nfds);
	for (uint32_t i = 0; i < conn->passing_n; i++)
		wire_close_fds(conn->passing[i].fds, &conn->passing[i].nfds);
	free(conn->passing);
	free(conn->in);
	buf_free(&conn->out);
	if (conn->out_fd != conn->fd)
		cleanup_close(&conn->out_fd);
	cleanup_close(&conn->fd);
	free(conn);
}

void wire_conn_expect_fds(struct wire_conn *conn)
{
	conn->expects_fds = true;
}

int wire_conn_fd(const struct wire_conn *conn)
{
	return conn->fd;
}

int wire_conn_take_fd(struct wire_conn *conn)
{
	if (conn->out_fd == conn->fd)
		conn->out_fd = -1;
	return steal_fd(&conn->fd);
}

int wire_conn_peer(const struct wire_conn *conn, struct wire_peer *ret)
{
	if (conn->peer_error < 0)
		return conn->peer_error;
	*ret = conn->peer;
	return 0;
}

/* -- reading ---------------------------------------------------------------------------------------------------- */

/* At least READ_MIN bytes after in_end. Moving costs no more than was taken since the last move. */
static void make_room(struct wire_conn *conn)
{
	size_t used = conn->in_end - conn->in_start;

	if (used == 0)
		conn->in_start = conn->in_scan = conn->in_end = 0;
	if (conn->in_cap - conn->in_end >= READ_MIN)
		return;
	if (conn->in_start > conn->in_cap / 2) {
		memmove(conn->in, conn->in + conn->in_start, used);
		conn->in_scan -= conn->in_start;
		conn->in_start = 0;
		conn->in_end = used;
	}
	while (conn->in_cap - conn->in_end < READ_MIN)
		conn->in_cap = conn->in_cap ? conn->in_cap * 2 : READ_MIN;
	conn->in = xrealloc(conn->in, conn->in_cap);
}

/* Offset in the stream of the first byte that is not taken yet. */
static uint64_t taken_until(const struct wire_conn *conn)
{
	return conn->in_total - (conn->in_end - conn->in_start);
}

static void drop_first(struct wire_conn *conn)
{
	wire_close_fds(conn->received[0].fds, &conn->received[0].nfds);
	conn->received[0] = conn->received[1];
	conn->received_n--;
	conn->due = false;
}

/* Nobody took the descriptors of a message that began before `offset`. */
static void drop_before(struct wire_conn *conn, uint64_t offset)
{
	while (conn->received_n && conn->received[0].at < offset)
		drop_first(conn);
}

/* Takes descriptors out of a control message: the first few are kept, all others are closed at once. */
static void take_control(struct msghdr *msg, struct wire_received *ret)
{
	ret->nfds = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof fd);
			if (ret->nfds < WIRE_FDS_MAX)
				ret->fds[ret->nfds++] = fd;
			else
				close(fd);
		}
	}
	/* Cut off with room left: this process is out of descriptors. Half of stdin, stdout and stderr is of no use. */
	if ((msg->msg_flags & MSG_CTRUNC) && ret->nfds < WIRE_FDS_MAX)
		wire_close_fds(ret->fds, &ret->nfds);
}

/* Descriptors came with the n bytes at `data`. The kernel ends a read with the write that brought some, and a write that
 * brings some begins with their message: so that is the last one which begins in here. */
static void keep_fds(struct wire_conn *conn, struct msghdr *msg, const char *data, size_t n)
{
	const char *nul = n > 1 ? memrchr(data, '\0', n - 1) : NULL;
	struct wire_received received = {.at = conn->in_total + (nul ? (size_t)(nul + 1 - data) : 0)};

	drop_before(conn, taken_until(conn));
	take_control(msg, &received);
	if (conn->received_n < (int)ARRAY_SIZE(conn->received) && received.nfds)
		conn->received[conn->received_n++] = received;
	else
		wire_close_fds(received.fds, &received.nfds);
}

/* What comes without descriptors. A read ends with what has some: so they are in sight before any is taken. */
static ssize_t receive_bytes(struct wire_conn *conn, char *data, size_t size)
{
	struct iovec iov = {.iov_base = data, .iov_len = size};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n = recvmsg(conn->fd, &msg, MSG_DONTWAIT | MSG_PEEK);

	if (n >= 0 && msg.msg_flags & MSG_CTRUNC) {
		errno = EPERM;
		return -1;
	}
	return n > 0 ? recv(conn->fd, data, (size_t)n, MSG_DONTWAIT) : n;
}

static ssize_t receive(struct wire_conn *conn, char *data, size_t size)
{
	/* The union aligns it; room for what is kept, so that the kernel itself drops most of what is not. */
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * WIRE_FDS_MAX)];
	} control;
	struct iovec iov = {.iov_base = data, .iov_len = size};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
	ssize_t n;

	if (!conn->is_socket)
		return read(conn->fd, data, size);
	if (!conn->expects_fds)
		return receive_bytes(conn, data, size);
	n = recvmsg(conn->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n >= 0 && msg.msg_controllen)
		keep_fds(conn, &msg, data, (size_t)n);
	return n;
}

/* A whole message is in there, or one that is too long: wire_conn_next says which. No need for more memory. */
bool wire_conn_full(const struct wire_conn *conn)
{
	return conn->in_end - conn->in_start > WIRE_MESSAGE_MAX;
}

bool wire_conn_is_between(const struct wire_conn *conn)
{
	return conn->is_socket && !conn->broken && conn->in_start == conn->in_end && conn->received_n <= conn->due;
}

bool wire_conn_has_more(const struct wire_conn *conn)
{
	return conn->has_more;
}

int wire_conn_read(struct wire_conn *conn)
{
	ssize_t n;

	conn->has_more = false;
	if (wire_conn_full(conn))
		return -EAGAIN;
	make_room(conn);
	do
		n = receive(conn, conn->in + conn->in_end, conn->in_cap - conn->in_end);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	conn->in_end += (size_t)n;
	conn->in_total += (uint64_t)n;
	conn->has_more = n > 0 && conn->in_end == conn->in_cap;
	return n > 0;
}

int wire_conn_take_fds(struct wire_conn *conn, int fds[WIRE_FDS_MAX])
{
	int n = conn->due ? conn->received[0].nfds : 0;

	for (int i = 0; i < n; i++)
		fds[i] = conn->received[0].fds[i];
	if (conn->due) {
		conn->received[0].nfds = 0;
		drop_first(conn);
	}
	return n;
}

/* -- messages --------------------------------------------------------------------------------------------------- */

static int broken(struct wire_conn *conn, int code)
{
	conn->broken = code;
	return code;
}

static int too_long(struct wire_conn *conn, struct mscg_error *error)
{
	return mscg_error_set(error, broken(conn, -EMSGSIZE), "message has more than %d bytes", WIRE_MESSAGE_MAX);
}

int wire_conn_next(struct wire_conn *conn, json_t **ret, struct mscg_error *error)
{
	size_t start = conn->in_start, size;
	uint64_t began = taken_until(conn);
	const char *nul;
	int r;

	if (conn->broken < 0)
		return mscg_error_set(error, conn->broken, "an earlier message made no sense");
	nul = conn->in_scan < conn->in_end ? memchr(conn->in + conn->in_scan, '\0', conn->in_end - conn->in_scan) : NULL;
	if (!nul) {
		conn->in_scan = conn->in_end;
		if (conn->in_end - start > WIRE_MESSAGE_MAX)
			return too_long(conn, error);
		if (start == conn->in_end && conn->in_cap > WIRE_KEEP_BUFFER) {
			free(steal(&conn->in));
			conn->in_cap = conn->in_start = conn->in_scan = conn->in_end = 0;
		}
		return 0;
	}
	size = (size_t)(nul - conn->in) - start;
	if (size > WIRE_MESSAGE_MAX)
		return too_long(conn, error);
	drop_before(conn, began);
	conn->due = conn->received_n && conn->received[0].at <= began + size;
	conn->in_start = conn->in_scan = start + size + 1;
	r = wire_parse(conn->in + start, size, ret, error);
	return r < 0 ? broken(conn, r) : 1;
}
