/* Finding the daemon. */
#include "src/base/base.h"
#include "src/lib/handle.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

/* A daemon that hangs has a full backlog: connect(2) would wait for ever. */
#define CONNECT_TIMEOUT_S 10

int mscg_no_daemon(const char *socket, struct mscg_error *error)
{
	return mscg_error_set(error, -ECONNREFUSED,
	                      "no daemon answers on %s (start one with: mscg scheduler, or systemctl start mscgd)", socket);
}

static int refuse(const char *path, int code, struct mscg_error *error)
{
	switch (code) {
	case -ENOENT:
	case -ECONNREFUSED:
	case -ENOTDIR:
		return mscg_no_daemon(path, error);
	case -EACCES:
	case -EPERM:
		return mscg_error_set(error, -EPERM, "not permitted to connect to %s: ask for access to that socket", path);
	case -EAGAIN:
		return mscg_error_set(error, -ETIMEDOUT, "the daemon on %s does not accept connections: it hangs or is overloaded",
		                      path);
	default:
		return mscg_error_set(error, code, "cannot connect to %s: %s", path, strerrordesc_np(-code));
	}
}

int mscg_socket_open(const char *path, int *ret_fd, struct mscg_error *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval limit = {.tv_sec = CONNECT_TIMEOUT_S};
	_cleanup_close_ int fd = -1;
	size_t n = strlen(path);
	int r;

	if (n == 0 || n >= sizeof address.sun_path)
		return mscg_error_set(error, -ENAMETOOLONG, "socket path '%.120s' has %zu bytes: expected 1 to %zu", path, n,
		                      sizeof address.sun_path - 1);
	memcpy(address.sun_path, path, n);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return mscg_error_set(error, -errno, "cannot make a socket: %m");
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	do
		r = connect(fd, (struct sockaddr *)&address, sizeof address);
	while (r < 0 && errno == EINTR);
	if (r < 0 && errno != EISCONN)
		return refuse(path, -errno, error);
	*ret_fd = steal_fd(&fd);
	return 0;
}

/* -- where to look ---------------------------------------------------------------------------------------------- */

static const char *environment(const char *name)
{
	const char *value = secure_getenv(name);

	return value && *value ? value : NULL;
}

/* NULL: nobody named one. */
static const char *named(const char *socket)
{
	return socket && *socket ? socket : environment("MSCG_SOCKET");
}

/* Of a user's own mscgd; NULL: it has none. */
static char *own_socket(void)
{
	const char *runtime = environment("XDG_RUNTIME_DIR");

	if (geteuid() == 0)
		return xstrdup(MSCG_SYSTEM_SOCKET);
	return runtime ? xasprintf("%s/mscg/mscg.sock", runtime) : NULL;
}

/* Sockets to try in this order, malloc'ed, NULL-ended. */
static char **candidates(const char *socket)
{
	_cleanup_free_ char *own = own_socket();
	char **list = NULL;

	socket = named(socket);
	if (socket) {
		strv_add(&list, socket);
		return list;
	}
	if (own)
		strv_add(&list, own);
	if (geteuid() != 0)
		strv_add(&list, MSCG_SYSTEM_SOCKET);
	return list;
}

/* The daemon of another socket has another queue, and which one is not known here. */
static bool has_usual_queue(const char *socket)
{
	_cleanup_free_ char *own = own_socket();

	socket = named(socket);
	return !socket || (own && streq(own, socket));
}

static struct mscg *handle_new(const char *socket)
{
	struct mscg *m = xcalloc(1, sizeof *m);

	m->fd = -1;
	m->socket = xstrdup(socket);
	m->timeout_ms = -1;
	return m;
}

/* -ECONNREFUSED: nobody answers anywhere. */
static int try_all(char *const *list, struct mscg **ret, struct mscg_error *error)
{
	int r = -ECONNREFUSED;

	for (; r == -ECONNREFUSED && *list; list++) {
		int fd;

		r = mscg_socket_open(*list, &fd, error);
		if (r == 0) {
			*ret = handle_new(*list);
			(*ret)->conn = wire_conn_new(fd);
			wire_conn_expect_fds((*ret)->conn);
		}
	}
	return r;
}

int mscg_connect(struct mscg **ret, const char *socket, struct mscg_error *error)
{
	_cleanup_strv_ char **list = candidates(socket);

	return try_all(list, ret, error);
}

int mscg_connect_or_once(struct mscg **ret, const char *socket, const char *state_dir, struct mscg_error *error)
{
	static const char *const signs[] = {MSCG_SYSTEM_STATE, MSCG_SYSTEM_CONFIG, MSCG_SYSTEM_CONFIG ".d", NULL};
	_cleanup_strv_ char **list = candidates(socket);
	struct mscg_error why = {0};
	struct mscg *m;
	int r = try_all(list, ret, error);

	if (!state_dir || !*state_dir)
		state_dir = environment("MSCG_STATE_DIR");
	if (r != -ECONNREFUSED || (!state_dir && !has_usual_queue(socket)))
		return r;
	m = handle_new(list[0]);
	r = mscg_once_prepare(m, state_dir, signs, &why);
	if (r == 0) {
		*ret = m;
		return 0;
	}
	mscg_close(m);
	/* The refusal of try_all stands unless there is something better to say. */
	return why.code ? mscg_error_set(error, r, "%s", why.text) : r;
}
