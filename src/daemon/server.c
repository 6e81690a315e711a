/* The socket and its clients. A client is asked by SO_PEERCRED who it is; its requests are taken one after the other. */
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>

#include "daemon.h"
#include "src/base/fd.h"

enum {
	CLIENTS_MAX     = 4096,
	MESSAGES_A_TURN = 64,        /* of one client, before the others have theirs */
	ANSWERS_MAX     = 256 * 1024 /* bytes unread: a client that does not read is not asked what else it wants */
};

static void not_kicked(struct client *c)
{
	if (!c->prev_kicked)
		return;
	*c->prev_kicked = c->next_kicked;
	if (c->next_kicked)
		c->next_kicked->prev_kicked = c->prev_kicked;
	c->prev_kicked = NULL;
}

static void client_free(struct client *c)
{
	struct daemon *d = c->d;

	if (c->current)
		request_abandon(c->current);
	for (uint32_t i = 0; i < c->attached_n; i++) {
		struct core_input cancel = { .kind = CORE_CANCEL, .id = c->attached[i] };
		turn_add(d, &cancel, NULL, NULL);
	}
	*c->prev = c->next;
	if (c->next)
		c->next->prev = c->prev;
	not_kicked(c);
	d->clients_n--;
	sd_event_source_unref(c->io);
	drop_socket(d, c->stdio_fd, c->peer.uid);
	drop_socket(d, wire_conn_take_fd(c->conn), c->peer.uid);
	wire_conn_free(c->conn);
	free(c->attached);
	free(c);
}

/* Takes messages as long as each is answered at once and the answers are read. True: there may be more. */
static bool take_messages(struct client *c)
{
	struct mscg_error error;

	for (int i = 0; !c->current && !c->hangup; i++) {
		json_t *message;

		if (i == MESSAGES_A_TURN)
			return true;
		if (wire_conn_queued(c->conn) > ANSWERS_MAX && wire_conn_flush(c->conn) < 0)
			return false;
		int r = wire_conn_next(c->conn, &message, &error);
		if (r == 0)
			break;
		if (r < 0) {
			log_line(LOG_WARNING, "client uid=%u pid=%d: %s", c->peer.uid, c->peer.pid, error.text);
			json_t *reply = wire_error_reply("InvalidArgument", &error, NULL);
			wire_conn_send(c->conn, reply, NULL, 0, NULL);
			json_decref(reply);
			c->hangup = true;
			break;
		}
		requests_handle(c, message);
		json_decref(message);
	}
	return false;
}

/* What has not begun to come is left for the program that comes. */
static bool is_deaf(const struct client *c)
{
	return c->d->upgrading && wire_conn_is_between(c->conn);
}

/* Writes what is queued and sets what to poll for; `more`: to be called again in any case. False: the client is gone. */
static bool flush_client(struct client *c, bool more)
{
	int r = wire_conn_flush(c->conn);
	bool out = r == -EAGAIN || more;

	if (r < 0 && r != -EAGAIN)
		return false;
	if (r == 0 && c->hangup)
		return false;
	/* Nobody can ask any more: gone when all that was asked is answered. A socket that is at its end is always ready,
	 * and is not looked at while there is nothing to write. */
	if (r == 0 && c->eof && !more && (!c->current || c->current->watching))
		return false;
	/* A client that sends ahead of its answers is read until its buffer is full, and then waits its turn. */
	bool in = !c->eof && !wire_conn_full(c->conn) && !is_deaf(c);
	sd_event_source_set_io_events(c->io, (in ? EPOLLIN | EPOLLRDHUP : 0) | (out ? EPOLLOUT : 0));
	sd_event_source_set_enabled(c->io, c->eof && !out ? SD_EVENT_OFF : SD_EVENT_ON);
	not_kicked(c);
	if (r == 0 && c->current && c->current->drained)
		c->current->drained(c->current);
	return true;
}

static int on_kicked(sd_event_source *source, void *ctx)
{
	struct daemon *d = ctx;
	struct client *now = steal(&d->kicked); /* and who is kicked meanwhile, the next time */

	(void)source;
	if (now)
		now->prev_kicked = &now;
	while (now) {
		struct client *c = now;

		not_kicked(c);
		if (!flush_client(c, take_messages(c)))
			client_free(c);
	}
	return 0;
}

void client_kick(struct client *c)
{
	struct daemon *d = c->d;

	if (c->prev_kicked)
		return;
	c->next_kicked = d->kicked;
	c->prev_kicked = &d->kicked;
	if (c->next_kicked)
		c->next_kicked->prev_kicked = &c->next_kicked;
	d->kicked = c;
	if (d->kick_source)
		sd_event_source_set_enabled(d->kick_source, SD_EVENT_ONESHOT);
	else
		sd_event_add_defer(d->loop, &d->kick_source, on_kicked, d);
}

static void refuse_descriptors(struct client *c)
{
	struct mscg_error error;

	mscg_error_set(&error, -EPERM, "mscgd takes no descriptors with a message (PassStdio instead): is this mscg of another version than mscgd %s?", MSCG_VERSION);
	log_line(LOG_WARNING, "client uid=%u pid=%d: sent descriptors, which nobody asked for", c->peer.uid, c->peer.pid);
	json_t *reply = wire_error_reply("InvalidArgument", &error, NULL);
	wire_conn_send(c->conn, reply, NULL, 0, NULL);
	json_decref(reply);
}

/* False: the client is gone. */
static bool read_client(struct client *c)
{
	int r;

	do
		r = wire_conn_read(c->conn);
	while (wire_conn_has_more(c->conn));
	if (r > 0 || r == -EAGAIN)
		return true;
	if (r == 0 && c->d->config.once) {
		c->eof = true; /* what came before is carried out (mscgd --once < file) */
		return true;
	}
	while (take_messages(c))
		;
	if (r == -EPERM)
		refuse_descriptors(c);
	flush_client(c, false);
	return false;
}

static int on_client(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	struct client *c = ctx;

	(void)source;
	(void)fd;
	uint32_t input = is_deaf(c) ? EPOLLHUP | EPOLLERR : EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP;
	bool there = c->eof || !(events & input) || read_client(c);
	if (!there || !flush_client(c, take_messages(c)))
		client_free(c);
	return 0;
}

struct client *server_adopt(struct daemon *d, int fd, struct mscg_error *error)
{
	struct client *c = xcalloc(1, sizeof *c);

	c->d    = d;
	c->stdio_fd = -1;
	c->conn = wire_conn_new(fd);
	int r = wire_conn_peer(c->conn, &c->peer);
	if (r >= 0)
		r = sd_event_add_io(d->loop, &c->io, wire_conn_fd(c->conn), EPOLLIN | EPOLLRDHUP, on_client, c);
	if (r < 0) {
		drop_socket(d, wire_conn_take_fd(c->conn), c->peer.uid);
		wire_conn_free(c->conn);
		free(c);
		mscg_error_set(error, r, "cannot take a connection: %s", strerror(-r));
		return NULL;
	}
	c->next = d->clients;
	c->prev = &d->clients;
	if (c->next)
		c->next->prev = &c->next;
	d->clients = c;
	d->clients_n++;
	return c;
}

static uint32_t uid_of(int fd)
{
	struct ucred peer = { .uid = UINT32_MAX };
	socklen_t size = sizeof peer;

	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);
	return peer.uid;
}

/* Jobs need descriptors too, and nobody may have all of what is there for clients: root still gets through. */
static bool has_room(const struct daemon *d, int fd)
{
	struct rlimit files = { .rlim_cur = CLIENTS_MAX * 2 };
	uint32_t max, own, uid = uid_of(fd);

	getrlimit(RLIMIT_NOFILE, &files);
	max = (uint32_t)MIN_OF(files.rlim_cur / 2, (rlim_t)CLIENTS_MAX);
	if (d->clients_n >= max || uid == UINT32_MAX)
		return false;
	own = drop_count(d, uid);
	if (uid == 0 || uid == geteuid() || d->clients_n + own < max / 2)
		return true;
	for (const struct client *c = d->clients; c; c = c->next)
		own += c->peer.uid == uid;
	return own < max / 2;
}

/* Without a descriptor to spare, a connection cannot even be refused, and would be announced for ever. */
static int refuse_one(struct daemon *d, int fd)
{
	int client;

	close(steal_fd(&d->spare_fd));
	client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	if (client >= 0)
		drop_socket(d, client, uid_of(client));
	d->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return 0;
}

static int on_connect(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	struct daemon *d = ctx;
	struct mscg_error error;

	(void)events;
	if (drop_is_full(d))
		return sd_event_source_set_enabled(source, SD_EVENT_OFF);
	for (int i = 0; i < 64; i++) {
		int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (client < 0)
			return (errno == EMFILE || errno == ENFILE) && d->spare_fd >= 0 ? refuse_one(d, fd) : 0;
		if (!has_room(d, client))
			drop_socket(d, client, uid_of(client));
		else if (!server_adopt(d, client, &error))
			log_line(LOG_WARNING, "%s", error.text);
	}
	return 0;
}

/* The state directory's lock is ours by now: a socket file that is here is a stale one. But it may belong to a daemon
 * of another state directory, which must not lose its socket. */
static int remove_stale(const char *path, const struct sockaddr_un *address, struct mscg_error *error)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : mscg_error_set(error, -errno, "cannot look at %s: %s", path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return mscg_error_set(error, -EEXIST, "%s exists and is no socket: remove it, or give another --socket", path);
	if (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 || errno == EAGAIN)
		return mscg_error_set(error, -EADDRINUSE,
		                      "another mscgd answers on %s: stop it, or give another --socket and --state-dir", path);
	if (unlink(path) < 0 && errno != ENOENT)
		return mscg_error_set(error, -errno, "cannot remove the stale socket %s: %s", path, strerror(errno));
	return 0;
}

/* The one that clients are waiting on already, if it is of this path still. */
static int take_inherited(struct daemon *d, const char *path)
{
	_cleanup_close_ int fd = steal_fd(&d->handover.listen_fd);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t size = sizeof address - 1, flag = sizeof(int);
	int listens = 0;

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &flag) < 0 || !listens || getsockname(fd, (struct sockaddr *)&address, &size) < 0 || address.sun_family != AF_UNIX)
		return -1;
	if (streq(address.sun_path, path))
		return steal_fd(&fd);
	unlink(address.sun_path);
	return -1;
}

static int listen_at(const char *path, struct mscg_error *error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_free_ char *dir = xstrdup(path);
	char *slash = strrchr(dir, '/');
	_cleanup_close_ int fd = -1;

	if (strlen(path) >= sizeof address.sun_path)
		return mscg_error_set(error, -ENAMETOOLONG, "socket path '%.60s...' is longer than %zu characters", path,
		                      sizeof address.sun_path - 1);
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (slash && slash != dir) {
		*slash = 0;
		int r = fd_make_dirs(dir, 0755);
		if (r < 0)
			return mscg_error_set(error, r, "cannot make the directory of the socket %s: %s", path, strerror(-r));
	}
	int r = remove_stale(path, &address, error);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return mscg_error_set(error, -errno, "cannot make a socket: %s", strerror(errno));
	/* Everybody may connect to a root daemon (who they are is asked of the kernel); only its user to a user's. */
	mode_t old = umask(geteuid() == 0 ? 0111 : 0177);
	r = bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ? -errno : 0;
	umask(old);
	if (r < 0 || listen(fd, 1024) < 0)
		return mscg_error_set(error, r ? r : -errno, "cannot listen on %s: %s", path, strerror(r ? -r : errno));
	return steal_fd(&fd);
}

int server_open(struct daemon *d, struct mscg_error *error)
{
	const char *path = d->config.socket;
	_cleanup_close_ int fd = take_inherited(d, path);
	int r;

	if (fd < 0)
		fd = r = listen_at(path, error);
	if (fd < 0)
		return r;
	r = sd_event_add_io(d->loop, &d->listen_source, fd, EPOLLIN, on_connect, d);
	if (r < 0)
		return mscg_error_set(error, r, "cannot watch %s: %s", path, strerror(-r));
	d->listen_fd = steal_fd(&fd);
	d->spare_fd  = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return 0;
}

void server_pause(struct daemon *d)
{
	sd_event_source_set_enabled(d->listen_source, SD_EVENT_OFF);
	for (struct client *c = d->clients; c; c = c->next)
		client_kick(c);
}

void server_close(struct daemon *d)
{
	d->listen_source = sd_event_source_unref(d->listen_source);
	d->kick_source   = sd_event_source_unref(d->kick_source);
	if (d->listen_fd >= 0) {
		if (d->upgrading) {
			d->handover.listen_fd = steal_fd(&d->listen_fd);
		} else {
			close(steal_fd(&d->listen_fd));
			unlink(d->config.socket);
		}
		cleanup_close(&d->spare_fd);
	}
	while (d->clients) {
		wire_conn_flush(d->clients->conn);
		if (d->upgrading)
			handover_keep(d, d->clients);
		d->clients->attached_n = 0; /* those jobs go on without us */
		client_free(d->clients);
	}
}
