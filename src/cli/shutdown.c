/* mscg shutdown: stops the scheduler. */
#include "cli.h"

#include <poll.h>
#include <sys/syscall.h>

struct shutdown_options {
	bool cancel_jobs;
};

/* Waits for the end of the daemon that answered: whoever starts the next one right away must find its lock free.
 * The process is only looked at; where it cannot be seen, the end of the connection has to do. */
static void wait_for_end(struct mscg *m, int64_t pid)
{
	_cleanup_close_ int pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, (pid_t)pid, 0) : -1;
	struct pollfd fd = {.fd = pidfd, .events = POLLIN};
	struct mscg_error error;
	bool continues;
	json_t *reply;
	int r = 0;

	if (pidfd >= 0) {
		while (poll(&fd, 1, -1) < 0 && errno == EINTR)
			;
		return;
	}
	while (r == 0) {
		fd.fd = mscg_handle_fd(m);
		if (fd.fd < 0 || (poll(&fd, 1, -1) < 0 && errno != EINTR))
			return;
		r = mscg_next_reply(m, &reply, &continues, &error);
		if (r > 0)
			json_decref(reply);
	}
}

static int shutdown_run(struct cli *cli, void *options, char **words)
{
	const struct shutdown_options *o = options;
	struct mscg_error error = {0};
	json_t *ping = NULL, *reply;
	struct mscg *m;
	int r = cli_connect(cli, 0, &m);

	(void)words;
	if (r)
		return r;
	r = mscg_call_json(m, "Ping", NULL, &ping, &error);
	if (r >= 0)
		r = mscg_call_json(m, "Shutdown", json_pack("{s:b}", "cancel_jobs", o->cancel_jobs), &reply, &error);
	if (r >= 0) {
		json_decref(reply);
		wait_for_end(m, jint(ping, "pid", 0));
		if (cli->json)
			print_json(ping);
		else
			puts(o->cancel_jobs ? "The scheduler has stopped, and its jobs have ended" : "The scheduler has stopped; running jobs go on");
	}
	json_decref(ping);
	mscg_close(m);
	return r < 0 ? cli_fail(&error) : CLI_OK;
}

static const struct option_spec shutdown_options[] = {
	{0, "cancel-jobs", NULL, "cancel all jobs first, and wait for their end", value_true, offsetof(struct shutdown_options, cancel_jobs)},
	{0},
};

const struct verb verb_shutdown = {
	.name = "shutdown",
	.summary = "Stop the scheduler",
	.about = "Stops mscgd and waits until it has ended. Running jobs go on, and the next mscgd finds them again. For operators.",
	.examples = "  mscg shutdown\n  mscg shutdown --cancel-jobs",
	.run = shutdown_run,
	.options = shutdown_options,
	.size = sizeof(struct shutdown_options),
};
