/* Exec: a command in a job that runs. It runs as the job's user, so that it is for that user and root: operators may end
 * and change others' jobs, but not become them. Once it is handed over, it is between its client and who started it:
 * nothing of it is kept here, and it outlives this program. */
#include <sys/socket.h>

#include "daemon.h"

static const struct mscg_job *find_job(struct request *r)
{
	const struct mscg_job *job = core_find(r->d->core, r->id);
	struct mscg_error error;
	char text[MSCG_ID_TEXT];
	int code;

	mscg_id_format(r->id, text);
	if (!job)
		request_failf(r, -ESRCH, "no job %s that is pending or running", text);
	else if ((code = access_enter(r->client, request_verb(r), r->id, job, &error)) < 0)
		request_fail(r, code, &error);
	else if (!mscg_id_equal(job->id, r->id))
		request_failf(r, -EBUSY, "job %s %s: expected one that is RUNNING", text,
		              core_task_waits(r->d->core, r->id) ? "is PENDING" : "has ended");
	else if (job->flags & MSCG_JOB_ARRAY)
		request_failf(r, -EBUSY, "job %s is an array: expected one of its tasks that is RUNNING, as %u_3", text, r->id.job);
	else if (job->state == MSCG_STATE_SUSPENDED)
		request_failf(r, -EBUSY, "job %s is SUSPENDED: expected one that is RUNNING (mscg resume %s)", text, text);
	else if (job->state != MSCG_STATE_RUNNING)
		request_failf(r, -EBUSY, "job %s is %s: expected one that is RUNNING", text, mscg_state_name((enum mscg_state)job->state));
	else
		return job;
	return NULL;
}

static void hand_over(struct request *r, const struct mscg_job *job, struct engine_exec *exec)
{
	char *shell[] = { NULL, NULL }, text[MSCG_ID_TEXT];
	_cleanup_free_ char *found = NULL;
	struct mscg_error error = { .text = "" };
	int pair[2], code;

	if (!exec->argv || !exec->argv[0]) {
		shell[0]   = found = users_shell(job->uid);
		exec->argv = shell;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
		request_failf(r, -errno, "cannot make a connection to the command: %s", strerror(errno));
		return;
	}
	exec->channel_fd = pair[1];
	code = r->d->engine->ops->exec(r->d->engine, r->id, exec, &error);
	close(pair[1]);
	if (code < 0) {
		request_failf(r, code, "nothing can be run in job %s: %s", mscg_id_format(r->id, text), error.text);
	} else {
		access_entered(r->client, request_verb(r), job);
		request_reply_fd(r, json_object(), pair[0]);
	}
	close(pair[0]);
}

void exec_start(struct request *r)
{
	_cleanup_strv_ char **argv = NULL;
	_cleanup_free_ char *term = NULL;
	char *env[] = { NULL, NULL };
	struct engine_exec exec = { .stdio_fd = -1, .channel_fd = -1 };
	const char *text = NULL;
	struct mscg_error error;
	int code;

	if ((code = wire_need(wire_get_id(r->parameters, "id", &r->id, &error), "id", &error)) < 0 ||
	    (code = wire_get_strv(r->parameters, "argv", &argv, &error)) < 0 ||
	    (code = wire_get_bool(r->parameters, "pty", &exec.pty, &error)) < 0 ||
	    (code = wire_get_string(r->parameters, "term", &text, &error)) < 0) {
		request_fail(r, code, &error);
		return;
	}
	const struct mscg_job *job = find_job(r);
	if (!job)
		return;
	if ((code = stdio_take(r, &error)) < 0) {
		request_fail(r, code, &error);
		return;
	}
	if (!r->d->engine->ops->exec) {
		request_failf(r, -EOPNOTSUPP, "the %s engine runs no commands", r->d->engine->ops->name);
		return;
	}
	env[0] = term = text && *text ? xasprintf("TERM=%s", text) : NULL;
	exec.argv = argv;
	exec.env  = env;
	exec.stdio_fd = r->stdio_fd;
	hand_over(r, job, &exec);
}
