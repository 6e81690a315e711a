/* mscg upgrade: this program gives its place to the one that is installed now, in the same process, so that whoever
 * watches it sees nothing end, and jobs notice nothing at all.
 *
 *   the new program is asked, in a process of its own, whether it could (--can-follow)
 *   what is under way is finished, nothing new is read
 *   everything is closed, as at a stop; execve (handover.c) */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "daemon.h"
#include "src/runner/runner.h"

#define CHECK_TIMEOUT  (30 * USEC_PER_SEC)
#define FINISH_TIMEOUT (2 * USEC_PER_SEC) /* who does not read answers by then loses the connection */

struct upgrade {
	struct daemon   *d;
	struct request  *request; /* lives until the new program has answered it */
	int              output;  /* what the new program says when asked */
	sd_event_source *check, *timeout, *after;
};

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
	if (d->shutting_down) {
		request_failf(r, -EBUSY, "mscgd is shutting down: no upgrade");
		return;
	}
	d->upgrade  = xmalloc(sizeof *d->upgrade);
	*d->upgrade = (struct upgrade){ .d = d, .request = r, .output = -1 };
	log_line(LOG_NOTICE, "upgrade to %s: jobs go on", d->argv[0]);
	int code = start_check(d->upgrade);
	if (code < 0)
		refuse(d->upgrade, code, strerror(-code));
}

bool upgrade_asked(const struct daemon *d, const struct client *c)
{
	return c->current && c->current == d->upgrade->request;
}

void upgrade_close(struct daemon *d)
{
	if (d->upgrade)
		upgrade_free(d);
}
