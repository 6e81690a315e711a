/* mscg events: the journal, and what comes into it. */
#include "cli.h"

#include "src/base/clock.h"
#include "src/base/parse.h"

enum { SINCE_UNSAID = -1, SINCE_NOW = -2 };

struct events_options {
	bool        follow;
	int64_t     since; /* a sequence number: those after it */
	const char *job;
};

struct events {
	const struct cli *cli;
	int64_t last; /* sequence number of the last that was printed; SINCE_NOW: none yet */
	bool    flush;
};

static void print_more(const json_t *event)
{
	char text[64];

	if (jhas(event, "cpus"))
		printf(" cpus=%s", text_cpus(jreal(event, "cpus", 0), text, sizeof text));
	if (jhas(event, "cpuset"))
		printf(" cpuset=%s", jtext(event, "cpuset", ""));
	if (jhas(event, "gres"))
		printf(" gres=%s", jtext(event, "gres", ""));
	if (jhas(event, "mem_bytes"))
		printf(" mem=%s", text_bytes((uint64_t)jint(event, "mem_bytes", 0), text, sizeof text));
	if (jhas(event, "exit_code"))
		printf(" exit=%lld", (long long)jint(event, "exit_code", 0));
	if (jhas(event, "signal"))
		printf(" signal=%s", signal_name((int)jint(event, "signal", 0)));
	if (jint(event, "attempt", 0) > 1)
		printf(" attempt=%lld", (long long)jint(event, "attempt", 0));
	if (jhas(event, "reason")) {
		fputs(" reason=", stdout);
		print_plain(stdout, jtext(event, "reason", ""));
	}
	if (jhas(event, "text")) {
		fputs(" ", stdout);
		print_plain(stdout, jtext(event, "text", ""));
	}
}

static void print_event(const json_t *event)
{
	char time[64], fraction[8];
	int64_t usec = jtime(event, "time");

	snprintf(fraction, sizeof fraction, "%03d", (int)(usec / 1000 % 1000));
	printf("%6lld %s.%s %-6s %-15s %-9s", (long long)jint(event, "seq", 0), text_time(usec, time, sizeof time), fraction,
	       jtext(event, "id", "?"), jtext(event, "kind", "?"), jtext(event, "state", "?"));
	print_more(event);
	putchar('\n');
}

static bool on_event(json_t *reply, void *ctx)
{
	struct events *e = ctx;
	const json_t *event = json_object_get(reply, "event");

	if (!json_is_object(event))
		return true;
	e->last = jint(event, "seq", e->last);
	if (e->cli->json)
		print_json_line(event);
	else
		print_event(event);
	if (e->flush)
		cli_flush();
	return true;
}

static json_t *request(const struct events *e, const struct events_options *o)
{
	json_t *p = json_pack("{s:b}", "follow", o->follow);

	if (e->last != SINCE_NOW)
		json_object_set_new(p, "since", json_integer(e->last));
	if (o->job)
		json_object_set_new(p, "id", json_string(o->job));
	return p;
}

/* What the answer is written to is flushed with each event where somebody follows, and in blocks where not. */
static int print_events(const struct cli *cli, struct events *e, const struct events_options *o)
{
	struct mscg_error error = {0};
	struct mscg *m;
	int r = cli_connect(cli, 0, &m);

	while (r == 0) {
		e->flush = o->follow;
		r = mscg_call_more(m, "Events", request(e, o), on_event, e, &error);
		mscg_close(m);
		if (r == 0 || !o->follow || !cli_is_lost(error.code))
			return r < 0 ? cli_fail(&error) : CLI_OK;
		/* The journal outlives the daemon: go on behind the last that was seen. */
		r = cli_await(cli, USEC_NEVER, &m);
	}
	return r;
}

static int events_run(struct cli *cli, void *options, char **words)
{
	struct events_options *o = options;
	struct events e = {.cli = cli, .last = o->since};
	struct mscg_error error = {0};
	char text[MSCG_ID_TEXT];
	struct mscg_id id;

	if (words[0] && o->job)
		return cli_usage(cli, "events: '%.60s' beside --job: expected one job", words[0]);
	if (words[0])
		o->job = words[0];
	if (o->job && mscg_id_parse(o->job, &id, &error) < 0)
		return cli_usage(cli, "events: %s", error.text);
	if (o->job)
		o->job = mscg_id_format(id, text);
	/* Who follows wants what comes; who follows a job, its story. */
	if (e.last == SINCE_UNSAID)
		e.last = o->follow && !o->job ? SINCE_NOW : 0;
	return print_events(cli, &e, o);
}

static int value_since(void *target, const char *value, const struct option_spec *option, struct mscg_error *error)
{
	int64_t v;
	int r;

	(void)option;
	if (streq(value, "all") || streq(value, "now")) {
		*(int64_t *)target = streq(value, "all") ? 0 : SINCE_NOW;
		return 0;
	}
	r = parse_i64(value, 0, INT64_MAX, &v, NULL);
	if (r < 0)
		return mscg_error_set(error, r, "'%.60s': expected the number of an event, all or now", value);
	*(int64_t *)target = v;
	return 0;
}

#define EVENTS(field) offsetof(struct events_options, field)
static const struct option_spec events_options[] = {
	{'f', "follow", NULL, "go on for ever, over restarts of the daemon", value_true, EVENTS(follow)},
	{0, "no-follow", NULL, "end at the present (default)", value_false, EVENTS(follow)},
	{0, "since", "SEQ", "events behind this number; all: from the beginning (default); now: from now on (default with -f)", value_since,
	 EVENTS(since), .words = "all|now"},
	{'j', "job", "ID", "events of this job; with -f from its beginning", value_text, EVENTS(job), .values = VALUES_JOB},
	{0},
};

const struct verb verb_events = {
	.name = "events",
	.summary = "Show what happened, and follow what happens",
	.words = "[JOB]",
	.about = "Prints the journal, one event a line: its number, when, which job, what happened, the job's state after it, and\n"
	         "what belongs to it. An event is printed when it is committed, never before. --json prints one Event object of\n"
	         "mscg-json(5) a line.",
	.examples = "  mscg events --job 12\n  mscg events -f\n  mscg events -f --since 4711 --json",
	.run = events_run,
	.options = events_options,
	.defaults = &(const struct events_options){.since = SINCE_UNSAID},
	.size = sizeof(struct events_options),
	.words_max = 1,
	.values = VALUES_JOB,
};
