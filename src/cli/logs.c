/* mscg logs: what a job has written. The files are read as the user who asks; mscgd only says where they are. */
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>

#include "logs.h"
#include "src/base/parse.h"
#include "watch.h"

struct logs_options {
	bool    follow, out, err;
	int64_t lines; /* -1: all */
};

static int value_lines(void *target, const char *value, const struct option_spec *option, struct mscg_error *error)
{
	(void)option;
	return parse_i64(value, 0, INT64_MAX, target, error);
}

static int value_both(void *target, const char *value, const struct option_spec *option, struct mscg_error *error)
{
	struct logs_options *o = target;

	(void)value, (void)option, (void)error;
	o->out = o->err = true;
	return 0;
}

int logs_copy(struct logs *l, struct mscg_error *error)
{
	int r = 0;

	fflush(stdout);
	for (size_t i = 0; i < l->n && r >= 0; i++) {
		r = follow_open(&l->files[i], error);
		if (r > 0 && !l->seeked[i] && l->lines >= 0)
			r = follow_seek_lines(&l->files[i], (uint64_t)l->lines, error) < 0 ? -EIO : 1;
		if (r > 0) {
			l->seeked[i] = true;
			r = follow_copy(&l->files[i], error);
		}
	}
	return r < 0 ? r : 0;
}

int logs_fail(const struct mscg_error *error)
{
	if (error->code == -EPIPE) {
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	return cli_fail(error) == CLI_NOT_PERMITTED ? CLI_NOT_PERMITTED : CLI_FAILED;
}

/* What is behind the output, or in its place, where mscgd has not said it there. */
static int tell_end(const struct logs *l, const json_t *job)
{
	const char *id = jtext(job, "id", "?"), *state = jtext(job, "state", "?");
	char text[OUTCOME_TEXT];
	bool any = false, told = false;

	for (size_t i = 0; i < l->n; i++) {
		any |= l->files[i].fd >= 0;
		told |= l->files[i].fd >= 0 && follow_ends_with_word(&l->files[i]);
	}
	if (any && !told)
		outcome_explain(job);
	if (any)
		return CLI_OK;
	if (streq(state, "PENDING"))
		cli_error("job %s has not started: %s", id, jtext(job, "reason_text", jtext(job, "reason", "it waits")));
	else if (outcome_is_explained(job))
		cli_error("job %s has no output: %s", id, outcome_text(job, text, sizeof text));
	else
		cli_error("job %s has no output: %s is not there (%s)", id, l->files[0].path, state);
	return CLI_FAILED;
}

void logs_watch(struct logs *l, int inotify)
{
	for (size_t i = 0; i < l->n; i++)
		l->files[i].inotify = inotify;
}

void logs_rung(int inotify)
{
	char events[4096];

	while (read(inotify, events, sizeof events) > 0)
		;
}

static int follow_to_end(const struct cli *cli, struct logs *l, const char *id)
{
	_cleanup_close_ int inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	struct mscg_error error = {0};
	json_t *ended = NULL, *reply;
	struct watch w;
	struct mscg *m;
	int r = cli_connect(cli, 0, &m);

	if (r)
		return r;
	logs_watch(l, inotify);
	watch_start(&w, cli, m, json_pack("[s]", id));
	while ((r = logs_copy(l, &error)) == 0 && !watch_is_done(&w)) {
		struct pollfd fds[] = {{.fd = inotify, .events = POLLIN}, {.fd = watch_fd(&w), .events = POLLIN}};

		poll(fds, ARRAY_SIZE(fds), watch_timeout(&w, -1));
		logs_rung(inotify);
		r = watch_next(&w, &ended, &error);
		if (r < 0)
			break;
	}
	watch_end(&w);
	json_decref(ended);
	if (r < 0)
		return logs_fail(&error);
	/* All of it was shown by now, and mscgd may be gone for a moment. */
	if (cli_try_connect(cli, 0, &m, &error) < 0)
		return CLI_OK;
	r = mscg_call_json(m, "Show", json_pack("{s:s}", "id", id), &reply, &error);
	mscg_close(m);
	if (r < 0)
		return CLI_OK;
	r = tell_end(l, json_object_get(reply, "job"));
	json_decref(reply);
	return r;
}

static void add_file(struct logs *l, const json_t *job, const char *key, int to)
{
	const char *path = jtext(job, key, NULL);

	if (!path || (l->n && streq(l->files[0].path, path)))
		return;
	follow_start(&l->files[l->n++], path, to, -1);
}

int logs_start(struct logs *l, const json_t *job, bool out, bool err, int64_t lines)
{
	const char *id = jtext(job, "id", "?");
	bool both = out == err;

	*l = (struct logs){.lines = lines};
	if (jhas(job, "array_tasks") && !jhas(job, "array_task_id")) {
		cli_error("job %s is an array: expected one of its tasks, for example %s_0", id, id);
		return CLI_USAGE;
	}
	if (both || out)
		add_file(l, job, "stdout_path", STDOUT_FILENO);
	/* Beside the other it goes where it came from; alone it is what was asked for. */
	if (both || err)
		add_file(l, job, "stderr_path", both ? STDERR_FILENO : STDOUT_FILENO);
	if (!l->n && !jhas(job, "uid")) {
		cli_error("job %s is somebody else's: where it writes is not for you to know", id);
		return CLI_NOT_PERMITTED;
	}
	if (!l->n) {
		cli_error("job %s writes to the terminal of its mscg run: nothing is kept", id);
		return CLI_FAILED;
	}
	return 0;
}

void logs_end(struct logs *l)
{
	for (size_t i = 0; i < l->n; i++)
		follow_end(&l->files[i]);
}

static int logs_of(const struct cli *cli, const struct logs_options *o, const json_t *job)
{
	struct mscg_error error = {0};
	struct logs l;
	int r = logs_start(&l, job, o->out, o->err, o->lines);

	if (r)
		return r;
	if (o->follow) {
		r = follow_to_end(cli, &l, jtext(job, "id", "?"));
	} else {
		r = logs_copy(&l, &error);
		r = r < 0 ? logs_fail(&error) : tell_end(&l, job);
	}
	logs_end(&l);
	return r;
}

static int logs_run(struct cli *cli, void *options, char **words)
{
	json_t *ids = cli_job_ids(cli, words), *reply;
	int r;

	if (!ids)
		return CLI_USAGE;
	r = cli_ask(cli, CONNECT_ONCE, "Show", json_pack("{s:O}", "id", json_array_get(ids, 0)), &reply);
	json_decref(ids);
	if (r)
		return r;
	r = logs_of(cli, options, json_object_get(reply, "job"));
	json_decref(reply);
	return r;
}

#define LOGS(field) offsetof(struct logs_options, field)
static const struct option_spec logs_options[] = {
	{'f', "follow", NULL, "go on until the job has ended; waits for one that has not started", value_true, LOGS(follow)},
	{'n', "lines", "N", "begin with the last N lines (default: with the first)", value_lines, LOGS(lines)},
	{0, "stdout", NULL, "standard output only", value_true, LOGS(out)},
	{0, "stderr", NULL, "standard error only, to standard output", value_true, LOGS(err)},
	{0, "both", NULL, "both, each to its own (default)", value_both, 0},
	{0},
};

const struct verb verb_logs = {
	.name = "logs",
	.summary = "Show what a job has written",
	.words = "JOB",
	.about = "Copies the job's standard output to standard output and its standard error to standard error. The files are read\n"
	         "as the user who asks; where they are, `mscg show` says. What ended a job without a word of its own (a limit, a\n"
	         "signal, a launch that failed) is said behind it, on standard error, unless mscgd has put it at the end of the file.",
	.examples = "  mscg logs 12\n  mscg logs -f -n 20 12\n  mscg logs --stderr 12_3 | less",
	.run = logs_run,
	.options = logs_options,
	.defaults = &(const struct logs_options){.lines = -1},
	.size = sizeof(struct logs_options),
	.flags = VERB_AS_IS,
	.words_min = 1,
	.words_max = 1,
	.values = VALUES_JOB,
};
