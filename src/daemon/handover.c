/* One program takes the place of another in this process: the second half of mscg upgrade (upgrade.c is the first). What
 * stays open is named in the environment: the socket, connections on which nothing is under way, the one that asked, and
 * this program itself: a new one that does not come up executes it again, and says why. */
#include <fcntl.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "daemon.h"
#include "src/runner/runner.h"

#define FDS_VARIABLE    "MSCG_HANDOVER"         /* numbers: socket, who asked, program before, connections; -1: none */
#define BEFORE_VARIABLE "MSCG_HANDOVER_BEFORE"  /* its version */
#define ARGUMENT_VARIABLE "MSCG_HANDOVER_ARG%zu" /* how it was executed */
#define SUPERVISOR_VARIABLE "MSCG_HANDOVER_SUPERVISOR" /* number: its mscg-supervise */
#define FAILED_VARIABLE "MSCG_HANDOVER_FAILED"  /* why the new program did not come up */

void handover_init(struct handover *h)
{
	*h = (struct handover){ .listen_fd = -1, .asker_fd = -1, .previous_fd = -1, .supervisor_fd = -1 };
}

void handover_clear(struct handover *h)
{
	cleanup_close(&h->listen_fd);
	cleanup_close(&h->asker_fd);
	cleanup_close(&h->previous_fd);
	cleanup_close(&h->supervisor_fd);
	for (uint32_t i = 0; i < h->clients_n; i++)
		close(h->clients[i]);
	free(h->clients);
	strv_free(h->argv);
	free(h->before);
	free(h->failed);
	handover_init(h);
}

/* -- the program that leaves -------------------------------------------------------------------------------------- */

void handover_keep(struct daemon *d, const struct client *c)
{
	struct handover *h = &d->handover;

	if (upgrade_asked(d, c)) {
		h->asker_fd = wire_conn_take_fd(c->conn);
	} else if (!c->current && !c->attached_n && c->stdio_fd < 0 && !c->hangup && wire_conn_is_between(c->conn) && !wire_conn_queued(c->conn)) {
		GROW(h->clients, h->clients_n, h->clients_cap);
		h->clients[h->clients_n++] = wire_conn_take_fd(c->conn);
	}
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
	if (h->supervisor_fd >= 0) {
		_cleanup_free_ char *number = xasprintf("%d", h->supervisor_fd);

		fcntl(h->supervisor_fd, F_SETFD, 0);
		setenv(SUPERVISOR_VARIABLE, number, 1);
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
	if (d->supervisor_fd >= 0)
		h->supervisor_fd = fcntl(d->supervisor_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
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
	_cleanup_free_ char *list = take_text(FDS_VARIABLE), *supervisor = take_text(SUPERVISOR_VARIABLE);
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
	if (supervisor)
		h->supervisor_fd = take_fd(&(const char *){ supervisor });
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
