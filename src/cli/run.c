/* mscg run: a job in the foreground. It gets this process's stdin, stdout and stderr themselves; signals are passed on;
 * its exit status is ours. */
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

#include "job_options.h"
#include "pty.h"
#include "src/base/clock.h"
#include "src/base/parse.h"
#include "watch.h"

struct run_options {
	struct job_options job; /* first: its rows count from here */
	bool pty, quiet;
};

enum { LOOK_MS = 500 }; /* until it is said why it waits; and whether a daemon is there again */

struct run {
	struct cli *cli;
	char        id[MSCG_ID_TEXT];
	struct watch watch;
	struct mscg *events;  /* until it is known to have started */
	bool        started, told_pending;
	int64_t     submitted_usec, interrupted_usec;
	int         sent;     /* the last signal that was passed on */
	int         held;     /* a signal for when it has started; 0: none */
	bool        cancelled; /* by us */
	int         signals;  /* signalfd */
	struct pty *pty;      /* NULL: none */
	int         stdio[3]; /* the job's */
};

/* -- signals ------------------------------------------------------------------------------------------------------ */

/* Sends a signal, or (0) cancels. A connection of its own: the other one is waiting. False: that did not work. */
static bool cancel(struct run *r, int signal)
{
	json_t *parameters = json_pack("{s:[s]}", "ids", r->id), *reply;
	struct mscg_error error = {0};
	struct mscg *m;
	bool done = false;

	r->sent = signal ? signal : r->sent;
	r->cancelled |= !signal;
	if (signal)
		json_object_set_new(parameters, "signal", json_integer(signal));
	if (cli_try_connect(r->cli, 0, &m, &error) < 0) {
		json_decref(parameters);
		cli_error("%s", error.text);
		return false;
	}
	mscg_set_timeout(m, 5000);
	if (mscg_call_json(m, "Cancel", parameters, &reply, &error) == 0) {
		done = json_array_size(json_object_get(reply, "errors")) == 0;
		json_decref(reply);
	} else {
		cli_error("%s", error.text);
	}
	mscg_close(m);
	return done;
}

/* The job as the daemon sees it, or NULL: it said why not. */
static json_t *show(const struct run *r)
{
	json_t *reply, *job;

	if (cli_ask(r->cli, 0, "Show", json_pack("{s:s}", "id", r->id), &reply))
		return NULL;
	job = json_incref(json_object_get(reply, "job"));
	json_decref(reply);
	return job;
}

static bool is_pending(const json_t *job)
{
	return streq(jtext(job, "state", ""), "PENDING");
}

/* Its first output may be here before the news that it has started: what is not pending is on its way. */
static void interrupt(struct run *r)
{
	int64_t now = clock_boot_usec();
	bool twice = r->interrupted_usec && now - r->interrupted_usec <= USEC_PER_SEC;
	json_t *job = r->started || twice ? NULL : show(r);

	r->interrupted_usec = now;
	if (twice || is_pending(job)) {
		cli_error("cancelling job %s%s", r->id, twice ? "" : ", which has not started");
		cancel(r, 0);
	} else {
		if (r->started)
			cancel(r, SIGINT);
		else
			r->held = SIGINT;
		cli_error("interrupt again within 1 s to cancel job %s", r->id);
	}
	json_decref(job);
}

static void take_signals(struct run *r)
{
	struct signalfd_siginfo info;

	while (read(r->signals, &info, sizeof info) == (ssize_t)sizeof info) {
		int signal = (int)info.ssi_signo;

		if (signal == SIGWINCH) {
			if (r->pty)
				pty_resize(r->pty);
		} else if (signal == SIGINT) {
			interrupt(r);
		} else if (!r->started && (signal == SIGTERM || signal == SIGHUP || signal == SIGQUIT)) {
			cancel(r, 0);
		} else {
			cancel(r, signal);
		}
	}
}

/* -- from pending to running -------------------------------------------------------------------------------------- */

static void set_started(struct run *r)
{
	r->started = true;
	r->watch.stdio = NULL;
	mscg_close(r->events);
	r->events = NULL;
	if (r->pty) {
		pty_close_slave(r->pty);
		pty_raw(r->pty);
	}
	if (r->held)
		cancel(r, r->held);
	r->held = 0;
}

/* Without an end to the stream: while the daemon is away, another is opened when it is back. */
static void lose_events(struct run *r, int code)
{
	if (cli_is_away(code)) {
		mscg_close(r->events);
		r->events = NULL;
	} else {
		set_started(r); /* cannot be known: better too early than never */
	}
}

static void open_events(struct run *r)
{
	struct mscg_error error;
	int code;

	if (r->started || r->events || watch_fd(&r->watch) < 0)
		return;
	code = cli_try_connect(r->cli, 0, &r->events, &error);
	if (code < 0)
		r->events = NULL;
	else
		code = mscg_send_call(r->events, "Events", json_pack("{s:s, s:i}", "id", r->id, "since", 0), true, &error);
	if (code < 0)
		lose_events(r, code);
}

static void take_events(struct run *r)
{
	struct mscg_error error;
	bool continues;
	json_t *reply;
	int n;

	while (r->events && (n = mscg_next_reply(r->events, &reply, &continues, &error)) != 0) {
		const char *kind = n > 0 ? jtext(json_object_get(reply, "event"), "kind", "") : "";

		if (n < 0)
			lose_events(r, n);
		else if (streq(kind, mscg_event_name(MSCG_EVENT_STARTED)))
			set_started(r);
		if (n > 0)
			json_decref(reply);
	}
}

/* A terminal that stays empty asks for an explanation. */
static void tell_pending(struct run *r)
{
	json_t *job;

	if (r->started || r->told_pending || clock_boot_usec() - r->submitted_usec < LOOK_MS * USEC_PER_MSEC)
		return;
	r->told_pending = true;
	job = show(r);
	if (is_pending(job))
		cli_error("job %s waits: %s (%s)", r->id, jtext(job, "reason", "None"), jtext(job, "reason_text", "no reason is known"));
	json_decref(job);
}

/* -- the loop ------------------------------------------------------------------------------------------------------ */

static int loop(struct run *r, json_t **ret_ended, struct mscg_error *error)
{
	enum { WATCH, EVENTS, SIGNALS, PTY, FDS = PTY + 2 };

	for (;;) {
		struct pollfd fds[FDS];
		int n;

		for (int i = 0; i < FDS; i++)
			fds[i] = (struct pollfd){.fd = -1, .events = POLLIN};
		fds[WATCH].fd = watch_fd(&r->watch);
		fds[EVENTS].fd = r->events ? mscg_handle_fd(r->events) : -1;
		fds[SIGNALS].fd = r->signals;
		if (r->pty)
			pty_poll(r->pty, &fds[PTY]);
		poll(fds, FDS, watch_timeout(&r->watch, r->started || (r->told_pending && r->events) ? -1 : LOOK_MS));
		take_events(r); /* first: what a signal means depends on whether the job has started */
		take_signals(r);
		if (r->pty)
			pty_relay(r->pty, &fds[PTY]);
		n = watch_next(&r->watch, ret_ended, error);
		if (n != 0)
			return n;
		open_events(r);
		tell_pending(r);
	}
}

/* An end that neither the job's own output nor what was done to it explains. */
static void tell_end(const struct run *r, const json_t *ended)
{
	const char *state = jtext(ended, "state", ""), *reason = jtext(ended, "reason", "");
	int signal = (int)jint(ended, "signal", 0);
	char text[OUTCOME_TEXT];
	json_t *job;

	if (streq(state, "COMPLETED") || (r->cancelled && streq(state, "CANCELLED")) || (signal && signal == r->sent))
		return;
	if (streq(state, "FAILED") && !signal && (streq(reason, "NonZeroExitCode") || streq(reason, "None")))
		return;
	job = show(r);
	if (job)
		cli_error("job %s %s", r->id, outcome_text(job, text, sizeof text));
	json_decref(job);
}

static int run_attached(struct run *r, struct mscg *m, const struct mscg_spec *spec, bool quiet)
{
	struct mscg_error error = {0};
	json_t *job, *ended;
	int status;

	for (int i = 0; i < 3; i++)
		r->stdio[i] = r->pty ? r->pty->slave : i;
	if (job_submit(m, spec, r->stdio, &job, &error) < 0) {
		mscg_close(m);
		return cli_fail(&error);
	}
	snprintf(r->id, sizeof r->id, "%s", jtext(job, "id", "?"));
	if (jhas(job, "warning"))
		cli_error("warning: job %s: %s", r->id, jtext(job, "warning", ""));
	json_decref(job);
	r->submitted_usec = clock_boot_usec();
	r->told_pending = quiet || !isatty(STDERR_FILENO);
	watch_start(&r->watch, r->cli, m, json_pack("[s]", r->id));
	r->watch.stdio = r->stdio;
	open_events(r);
	status = loop(r, &ended, &error);
	if (r->pty) {
		pty_close_slave(r->pty);
		pty_drain(r->pty);
		pty_cooked(r->pty);
	}
	if (status > 0) {
		status = outcome_status(ended);
		if (!quiet)
			tell_end(r, ended);
		json_decref(ended);
	} else {
		status = cli_fail(&error);
	}
	mscg_close(r->events);
	watch_end(&r->watch);
	return status;
}

static int run_run(struct cli *cli, void *options, char **words)
{
	struct run_options *o = options;
	struct job_program program = {.words = words};
	struct run run = {.cli = cli, .signals = -1};
	struct mscg_error error = {0};
	struct mscg_spec *spec;
	struct mscg *m;
	struct pty pty;
	int r = job_spec(cli, &o->job, &program, &spec, &error);

	if (r < 0) {
		cli_error("run: %s", error.text);
		return cli_exit_status(r);
	}
	spec->attached = true;
	spec->pty = o->pty;
	job_warn_places(spec);
	r = cli_connect(cli, 0, &m);
	if (r == 0 && o->pty) {
		if (pty_open(&pty, &error) < 0) {
			mscg_close(m);
			r = cli_fail(&error);
		}
		run.pty = &pty;
	}
	if (r == 0) {
		run.signals = forward_open();
		r = run_attached(&run, m, spec, o->quiet);
		cleanup_close(&run.signals);
	}
	if (run.pty)
		pty_close(run.pty);
	mscg_spec_free(spec);
	return r;
}

static const struct option_spec run_options[] = {
	JOB_OPTIONS_BOTH,
	{0, "pty", NULL, "give the job a terminal of its own, and pass this one's keys on", value_true, offsetof(struct run_options, pty)},
	{'Q', "quiet", NULL, "say nothing of waiting and of how it ended", value_true, offsetof(struct run_options, quiet)},
	JOB_OPTIONS_IGNORED,
	JOB_OPTIONS_LATER,
	{0},
};

const struct verb verb_run = {
	.name = "run",
	.summary = "Run a job in the foreground",
	.words = "COMMAND...",
	.about =
		"Submits a job that has this process's standard input, output and error, waits for its end, and exits with its status.\n"
		"Options end at the first other word. One word is given to sh -c; several are a program and its arguments.\n"
		"\n"
		"Signals are passed on to the job. Ctrl-C interrupts it; twice within a second cancels it, and once is enough while\n"
		"it waits. When mscg run is killed, the job is cancelled; when the scheduler is restarted, the job goes on, or waits on.",
	.examples = "  mscg run -c 4 --mem 2GB make -j4\n  mscg run --pty bash",
	.run = run_run,
	.options = run_options,
	.defaults = &(const struct run_options){.job = JOB_OPTIONS_DEFAULT},
	.size = sizeof(struct run_options),
	.flags = VERB_COMMAND | VERB_AS_IS,
	.words_min = 1,
	.words_max = -1,
	.values = VALUES_COMMAND,
};
