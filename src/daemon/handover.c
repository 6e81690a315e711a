/* mscg upgrade: this program gives its place to the one that is installed now, in the same process, so that whoever
 * watches it sees nothing end, and jobs notice nothing at all.
 *
 *   the new program is asked, in a process of its own, whether it could (--can-follow)
 *   what is under way is finished, nothing new is read
 *   everything is closed, as at a stop; execve
 *
 * What stays open is named in the environment: the socket, connections on which nothing is under way, the one that asked,
 * and this program itself: a new one that does not come up executes it again, and says why. */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "daemon.h"
#include "src/base/fd.h"
#include "src/runner/runner.h"

#define FDS_VARIABLE    "MSCG_HANDOVER"         /* numbers: socket, who asked, program before, connections; -1: none */
#define BEFORE_VARIABLE "MSCG_HANDOVER_BEFORE"  /* its version */
#define ARGUMENT_VARIABLE "MSCG_HANDOVER_ARG%zu" /* how it was executed */
#define FAILED_VARIABLE "MSCG_HANDOVER_FAILED"  /* why the new program did not come up */

#define CHECK_TIMEOUT  (30 * USEC_PER_SEC)
#define FINISH_TIMEOUT (2 * USEC_PER_SEC) /* who does not read answers by then loses the connection */

struct upgrade {
	struct daemon   *d;
	struct request  *request; /* lives until the new program has answered it */
	int              output;  /* what the new program says when asked */
	sd_event_source *check, *timeout, *after;
};

void handover_init(struct handover *h)
{
	*h = (struct handover){ .listen_fd = -1, .asker_fd = -1, .previous_fd = -1 };
}

void handover_clear(struct handover *h)
{
	cleanup_close(&h->listen_fd);
	cleanup_close(&h->asker_fd);
	cleanup_close(&h->previous_fd);
	for (uint32_t i = 0; i < h->clients_n; i++)
		close(h->clients[i]);
	free(h->clients);
	strv_free(h->argv);
	free(h->before);
	free(h->failed);
	handover_init(h);
}

/* -- the program that leaves -------------------------------------------------------------------------------------- */

static void upgrade_free(struct daemon *d)
{
	struct upgrade *u = steal(&d->upgrade);

	sd_event_source_unref(u->check);
	sd_event_source_unref(u->timeout);
	sd_event_source_unref(u->after);
	cleanup_close(&u->output);
	free(u);
}

static void refuse(struct upgrade *u, int code, const char *why)
{
	struct daemon *d = u->d;
	struct request *r = u->request;
	struct mscg_error error;

	mscg_error_set(&error, code, "%s cannot take over, mscgd %s goes on: %s", d->argv[0], MSCG_VERSION, why);
	log_line(LOG_ERR, "%s", error.text);
	upgrade_free(d);
	request_fail(r, code, &error);
}

static bool is_finished(const struct daemon *d)
{
	if (turn_is_open(d) || committer_pending(d->committer))
		return false;
	for (const struct client *c = d->clients; c; c = c->next)
		if (wire_conn_queued(c->conn) || (!c->current && !wire_conn_is_between(c->conn)))
			return false;
	return true;
}

static int on_finished(sd_event_source *source, void *ctx)
{
	struct upgrade *u = ctx;

	(void)source;
	if (is_finished(u->d))
		sd_event_exit(u->d->loop, 0);
	return 0;
}

static int on_late(sd_event_source *source, uint64_t usec, void *ctx)
{
	struct upgrade *u = ctx;

	(void)source;
	(void)usec;
	if (u->d->upgrading)
		sd_event_exit(u->d->loop, 0);
	else
		refuse(u, -ETIMEDOUT, "it did not say in 30 s whether it could");
	return 0;
}

static int set_timeout(struct upgrade *u, int64_t usec)
{
	u->timeout = sd_event_source_unref(u->timeout);
	return sd_event_add_time_relative(u->d->loop, &u->timeout, CLOCK_MONOTONIC, (uint64_t)usec, 1000, on_late, u);
}

static void finish(struct upgrade *u)
{
	struct daemon *d = u->d;
	int r = set_timeout(u, FINISH_TIMEOUT);

	if (r >= 0)
		r = sd_event_add_post(d->loop, &u->after, on_finished, u);
	if (r < 0) {
		refuse(u, r, strerror(-r));
		return;
	}
	d->upgrading = true;
	sd_notify(0, "RELOADING=1");
	server_pause(d);
}

static int on_checked(sd_event_source *source, const siginfo_t *si, void *ctx)
{
	struct upgrade *u = ctx;
	char text[200];
	ssize_t n = read(u->output, text, sizeof text - 1);

	(void)source;
	if (si->si_code == CLD_EXITED && si->si_status == 0) {
		finish(u);
		return 0;
	}
	text[MAX_OF(n, 0)] = 0;
	text[strcspn(text, "\n")] = 0;
	if (!*text)
		snprintf(text, sizeof text, si->si_code == CLD_EXITED ? "it ended with exit status %d" : "it was ended by signal %d",
		         si->si_status);
	refuse(u, -ENOEXEC, strncmp(text, "mscgd: ", 7) == 0 ? text + 7 : text);
	return 0;
}

/* As it would be executed, and asked a question only. */
static int spawn_check(struct upgrade *u, pid_t *ret)
{
	_cleanup_free_ char *versions = xasprintf("%d.%u", STORE_VERSION, runner_slot_version());
	_cleanup_strv_ char **argv = NULL;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	u->output = ends[0];
	for (char **a = u->d->argv; *a; a++)
		strv_add(&argv, *a);
	strv_add(&argv, "--can-follow");
	strv_add(&argv, versions);
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	int r = posix_spawnp(ret, argv[0], &actions, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	return -r;
}

static int start_check(struct upgrade *u)
{
	pid_t pid;
	int r = spawn_check(u, &pid);

	if (r < 0)
		return r;
	int fd = pidfd_open(pid, 0);
	r = fd < 0 ? -errno : sd_event_add_child_pidfd(u->d->loop, &u->check, fd, WEXITED, on_checked, u);
	if (r < 0) {
		cleanup_close(&fd);
		kill(pid, SIGKILL); /* our child, not reaped: its number is nobody else's */
		waitpid(pid, NULL, 0);
		return r;
	}
	sd_event_source_set_child_pidfd_own(u->check, true);
	sd_event_source_set_child_process_own(u->check, true);
	return set_timeout(u, CHECK_TIMEOUT);
}

void upgrade_start(struct request *r)
{
	struct daemon *d = r->d;
	struct mscg_error error;

	if (d->upgrade) {
		request_fail(r, -EBUSY, (mscg_error_set(&error, -EBUSY, "an upgrade is under way already"), &error));
		return;
	}
	d->upgrade  = xmalloc(sizeof *d->upgrade);
	*d->upgrade = (struct upgrade){ .d = d, .request = r, .output = -1 };
	log_line(LOG_NOTICE, "upgrade to %s: jobs go on", d->argv[0]);
	int code = start_check(d->upgrade);
	if (code < 0)
		refuse(d->upgrade, code, strerror(-code));
}

static void keep(int *to, int fd)
{
	*to = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

void handover_keep(struct daemon *d, const struct client *c)
{
	struct handover *h = &d->handover;
	int fd;

	if (c->current && c->current == d->upgrade->request) {
		keep(&h->asker_fd, wire_conn_fd(c->conn));
	} else if (!c->current && !c->attached_n && !c->hangup && wire_conn_is_between(c->conn) && !wire_conn_queued(c->conn)) {
		keep(&fd, wire_conn_fd(c->conn));
		if (fd < 0)
			return;
		GROW(h->clients, h->clients_n, h->clients_cap);
		h->clients[h->clients_n++] = fd;
	}
}

void handover_close(struct daemon *d)
{
	if (d->upgrade)
		upgrade_free(d);
}

static void pass_on(const struct handover *h)
{
	_cleanup_free_ char *list = xasprintf("%d %d %d", h->listen_fd, h->asker_fd, h->previous_fd);
	const int first[] = { h->listen_fd, h->asker_fd, h->previous_fd };

	for (size_t i = 0; i < ARRAY_SIZE(first); i++)
		if (first[i] >= 0)
			fcntl(first[i], F_SETFD, 0);
	for (uint32_t i = 0; i < h->clients_n; i++) {
		char *longer = xasprintf("%s %d", list, h->clients[i]);

		free(list);
		list = longer;
		fcntl(h->clients[i], F_SETFD, 0);
	}
	setenv(FDS_VARIABLE, list, 1);
	for (size_t i = 0; h->argv && h->argv[i]; i++) {
		_cleanup_free_ char *name = xasprintf(ARGUMENT_VARIABLE, i);

		setenv(name, h->argv[i], 1);
	}
	setenv(BEFORE_VARIABLE, h->before, 1);
	if (h->failed)
		setenv(FAILED_VARIABLE, h->failed, 1);
}

void handover_execute(struct daemon *d)
{
	struct handover *h = &d->handover;

	h->previous_fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	h->before      = xstrdup(MSCG_VERSION);
	for (char **a = d->argv; *a; a++)
		strv_add(&h->argv, *a);
	pass_on(h);
	execvp(d->argv[0], d->argv);
	struct mscg_error error;
	mscg_error_set(&error, -errno, "cannot execute %s: %s", d->argv[0], strerror(errno));
	handover_return(d, &error);
}

void handover_return(struct daemon *d, const struct mscg_error *why)
{
	struct handover *h = &d->handover;
	_cleanup_close_ int program = steal_fd(&h->previous_fd); /* it has none before it: it stays, or ends */
	_cleanup_strv_ char **argv = steal(&h->argv);

	if (program < 0 || !argv)
		return;
	log_line(LOG_ERR, "going back to the program before (%s): %s", h->before, why->text);
	free(h->failed);
	h->failed = xstrdup(why->text);
	pass_on(h);
	execveat(program, "", argv, environ, AT_EMPTY_PATH);
	log_line(LOG_ERR, "cannot go back to the program before: %s", strerror(errno));
}

/* -- the program that comes --------------------------------------------------------------------------------------- */

int handover_check(const struct config *config, struct mscg_error *error)
{
	int store;
	unsigned slots;

	if (sscanf(config->can_follow, "%d.%u", &store, &slots) != 2)
		return mscg_error_set(error, -EINVAL, "--can-follow '%s': expected STORE.SLOTS, as in 2.2", config->can_follow);
	if (store > STORE_VERSION)
		return mscg_error_set(error, -EPROTONOSUPPORT, "the state is of version %d, mscgd %s knows versions to %d", store,
		                      MSCG_VERSION, STORE_VERSION);
	if (slots != runner_slot_version())
		return mscg_error_set(error, -EPROTONOSUPPORT,
		                      "the slots of jobs that run are of version %u, mscgd %s knows version %u: it can take over after the "
		                      "next boot", slots, MSCG_VERSION, runner_slot_version());
	return 0;
}

static int take_fd(const char **text)
{
	char *end;
	long fd = strtol(*text, &end, 10);

	if (end == *text || fd <= STDERR_FILENO || fd > INT32_MAX || fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0)
		fd = -1;
	*text = end;
	return (int)fd;
}

static char *take_text(const char *name)
{
	const char *text = getenv(name);
	char *copy = text ? xstrdup(text) : NULL;

	unsetenv(name);
	return copy;
}

void handover_take(struct daemon *d)
{
	_cleanup_free_ char *list = take_text(FDS_VARIABLE);
	struct handover *h = &d->handover;
	const char *next = list;

	h->before = take_text(BEFORE_VARIABLE);
	h->failed = take_text(FAILED_VARIABLE);
	for (size_t i = 0;; i++) {
		_cleanup_free_ char *name = xasprintf(ARGUMENT_VARIABLE, i), *argument = take_text(name);

		if (!argument)
			break;
		strv_add(&h->argv, argument);
	}
	if (!list)
		return;
	h->taken       = true;
	h->listen_fd   = take_fd(&next);
	h->asker_fd    = take_fd(&next);
	h->previous_fd = take_fd(&next);
	while (*next == ' ') {
		int fd = take_fd(&next);

		if (fd < 0)
			break;
		GROW(h->clients, h->clients_n, h->clients_cap);
		h->clients[h->clients_n++] = fd;
	}
}

static void answer(struct daemon *d, struct client *c)
{
	const struct handover *h = &d->handover;
	struct mscg_error error;
	json_t *reply;

	if (h->failed) {
		mscg_error_set(&error, -ENOEXEC, "the new mscgd did not come up, mscgd %s goes on: %s", MSCG_VERSION, h->failed);
		reply = wire_error_reply(wire_error_by_code(error.code)->name, &error, NULL);
	} else {
		reply = wire_reply(json_pack("{s:s, s:s}", "before", h->before ? h->before : "", "version", MSCG_VERSION), false);
	}
	wire_conn_send(c->conn, reply, NULL, 0, NULL);
	json_decref(reply);
	client_kick(c);
}

/* Children of the program before are children of this process. Those that this program watches itself are reaped there. */
static int on_child(sd_event_source *source, const struct signalfd_siginfo *info, void *ctx)
{
	const struct daemon *d = ctx;
	siginfo_t si;

	(void)source;
	(void)info;
	while (!d->upgrade) {
		si.si_pid = 0;
		if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG) < 0 || !si.si_pid)
			break;
	}
	return 0;
}

void handover_finish(struct daemon *d)
{
	struct handover *h = &d->handover;
	struct mscg_error error;

	if (!h->taken)
		return;
	sd_event_add_signal(d->loop, NULL, SIGCHLD, on_child, d);
	for (uint32_t i = 0; i < h->clients_n; i++)
		server_adopt(d, h->clients[i], &error);
	h->clients_n = 0;
	struct client *c = h->asker_fd >= 0 ? server_adopt(d, steal_fd(&h->asker_fd), &error) : NULL;
	if (c)
		answer(d, c);
	log_line(LOG_NOTICE, "mscgd %s took the place of %s", MSCG_VERSION, h->before ? h->before : "another");
	handover_clear(h);
}
