/* mscg attach: beside a job that was submitted and runs, as if it had been started here: its output from now on, its exit status, and
 * signals where that is asked for. */
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>

#include "logs.h"
#include "pty.h"
#include "src/base/clock.h"
#include "src/base/parse.h"
#include "watch.h"

struct attach_options {
	bool    sig_proxy, quiet;
	int64_t lines;
};

struct attached_to {
	const struct cli *cli;
	const struct attach_options *o;
	const char *id;
	int64_t     interrupted_usec;
	int         left_by; /* the signal that ended it; 0: none */
};

static int value_lines(void *target, const char *value, const struct option_spec *option, struct mscg_error *error)
{
	(void)option;
	return parse_i64(value, 0, INT64_MAX, target, error);
}

static void pass_signal(const struct attached_to *a, int signal)
{
	json_t *reply;

	if (cli_ask(a->cli, 0, "Cancel", json_pack("{s:[s], s:i}", "ids", a->id, "signal", signal), &reply))
		return;
	const json_t *refused = json_array_get(json_object_get(reply, "errors"), 0);
	if (refused)
		cli_error("%s was not sent: %s", signal_name(signal), jtext(refused, "message", "refused"));
	json_decref(reply);
}

/* A hang-up is about the terminal, and Ctrl-C twice is for us in any case: nobody has to stay. */
static void take_signal(struct attached_to *a, int signal)
{
	int64_t now = clock_boot_usec();
	bool twice = signal == SIGINT && a->interrupted_usec && now - a->interrupted_usec <= USEC_PER_SEC;

	if (signal == SIGWINCH)
		return;
	if (!a->o->sig_proxy || signal == SIGHUP || twice) {
		a->left_by = signal;
		return;
	}
	if (signal == SIGINT) {
		a->interrupted_usec = now;
		if (!a->o->quiet)
			cli_error("SIGINT is sent to job %s: interrupt again within 1 s to leave it", a->id);
	}
	pass_signal(a, signal);
}

static void take_signals(struct attached_to *a, int signals)
{
	struct signalfd_siginfo info;

	while (!a->left_by && read(signals, &info, sizeof info) == (ssize_t)sizeof info)
		take_signal(a, (int)info.ssi_signo);
}

/* 0: it has ended, *ret_ended says how, or it was left. */
static int stay(struct attached_to *a, struct logs *l, struct watch *w, json_t **ret_ended, struct mscg_error *error)
{
	enum { FILES, WATCH, SIGNALS, FDS };
	_cleanup_close_ int inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), signals = forward_open();
	int r;

	logs_watch(l, inotify);
	while ((r = logs_copy(l, error)) == 0 && !watch_is_done(w) && !a->left_by) {
		struct pollfd fds[FDS] = {
			[FILES] = {.fd = inotify, .events = POLLIN}, [WATCH] = {.fd = watch_fd(w), .events = POLLIN}, [SIGNALS] = {.fd = signals, .events = POLLIN},
		};

		poll(fds, FDS, watch_timeout(w, -1));
		logs_rung(inotify);
		take_signals(a, signals);
		r = watch_next(w, ret_ended, error);
		if (r < 0)
			break;
	}
	return MIN_OF(r, 0);
}

static int tell_end(const struct attached_to *a, const json_t *ended)
{
	char text[OUTCOME_TEXT];

	if (!ended) {
		if (!a->o->quiet)
			cli_error("detached from job %s, which goes on", a->id);
		return 128 + a->left_by;
	}
	if (!a->o->quiet && !streq(jtext(ended, "state", ""), "COMPLETED"))
		cli_error("job %s %s", a->id, outcome_text(ended, text, sizeof text));
	return outcome_status(ended);
}

static int attach(struct attached_to *a, const json_t *job)
{
	struct mscg_error error = {0};
	json_t *ended = NULL;
	struct watch w;
	struct mscg *m;
	struct logs l;
	int r = logs_start(&l, job, false, false, a->o->lines);

	if (!r)
		r = cli_connect(a->cli, 0, &m);
	if (r)
		return r;
	if (!a->o->quiet && streq(jtext(job, "state", ""), "PENDING"))
		cli_error("job %s waits: %s", a->id, jtext(job, "reason_text", jtext(job, "reason", "no reason is known")));
	watch_start(&w, a->cli, m, json_pack("[s]", a->id));
	r = stay(a, &l, &w, &ended, &error);
	watch_end(&w);
	logs_end(&l);
	if (r < 0)
		r = logs_fail(&error);
	else
		r = tell_end(a, ended);
	json_decref(ended);
	return r;
}

static bool is_ones_own(const json_t *job)
{
	return geteuid() == 0 || jint(job, "uid", -1) == (json_int_t)geteuid();
}

static int attach_run(struct cli *cli, void *options, char **words)
{
	struct attached_to a = {.cli = cli, .o = options};
	json_t *ids = cli_job_ids(cli, words), *reply;

	if (!ids)
		return CLI_USAGE;
	int r = cli_ask(cli, 0, "Show", json_pack("{s:O}", "id", json_array_get(ids, 0)), &reply);
	json_decref(ids);
	if (r)
		return r;
	const json_t *job = json_object_get(reply, "job");
	a.id = jtext(job, "id", "?");
	if (!is_ones_own(job)) {
		cli_error("job %s is %s%s's: only they, and root, may attach to it", a.id, jhas(job, "uid") ? "user " : "somebody else",
		          jtext(job, "user", "?"));
		r = CLI_NOT_PERMITTED;
	} else if (jhas(job, "end_time")) {
		cli_error("job %s has ended (%s): mscg logs %s shows what it wrote", a.id, jtext(job, "state", "?"), a.id);
		r = CLI_FAILED;
	} else {
		r = attach(&a, job);
	}
	json_decref(reply);
	return r;
}

#define ATTACH(field) offsetof(struct attach_options, field)
static const struct option_spec attach_options[] = {
	{'n', "lines", "N", "begin with the last N lines of what is there (default: 10)", value_lines, ATTACH(lines)},
	{0, "sig-proxy", NULL, "pass signals on to the job; Ctrl-C twice within a second leaves it", value_true, ATTACH(sig_proxy)},
	{'Q', "quiet", NULL, "say nothing of waiting, leaving and how it ended", value_true, ATTACH(quiet)},
	{0},
};

const struct verb verb_attach = {
	.name = "attach",
	.summary = "Stay with a job that runs: its output, its exit status",
	.words = "JOB",
	.about =
		"Copies what the job writes from now on, its standard output to standard output and its standard error to standard error,\n"
		"until it has ended, and exits with its status, 128 + n by signal n. A job that waits is waited for. A restart of the\n"
		"scheduler is waited out.\n"
		"\n"
		"Ctrl-C, and any other signal, ends mscg attach and not the job; with --sig-proxy signals are the job's main process's,\n"
		"but for a hang-up. It has no input: that of a job is a file (mscg submit -i), or /dev/null; a terminal in a running job is what\n"
		"mscg exec gives.\n"
		"\n"
		"It is for jobs that were submitted, and whose output goes to files. A job of mscg run has that one's descriptors, or its\n"
		"terminal, which nobody else can have, and ends with it. One's own jobs; root may attach to all.",
	.examples = "  mscg attach 12\n  mscg attach -n 100 12_3\n  mscg attach --sig-proxy 12 | tee log",
	.run = attach_run,
	.options = attach_options,
	.defaults = &(const struct attach_options){.lines = 10},
	.size = sizeof(struct attach_options),
	.flags = VERB_AS_IS,
	.words_min = 1,
	.words_max = 1,
	.values = VALUES_JOB,
};
