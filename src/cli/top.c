/* mscg top: running jobs, from the kernel's counters. What a job used is the difference of two readings of its cpu_usec,
 * by the time that passed between them. */
#include "cli.h"

#include "job_text.h"
#include "list.h"
#include "screen.h"
#include "src/base/clock.h"
#include "src/base/parse.h"

struct top_options {
	int64_t  interval_ms;
	uint32_t count;
	bool     once;
};

/* A reading: {"id": [cpu_usec, run_seconds]}, and when. */
struct reading {
	json_t *cpu;
	int64_t usec;
};

static int read_top(struct mscg *m, struct reading *reading, json_t **ret, struct mscg_error *error)
{
	json_t *job;
	size_t i;
	int r = list_call(m, "Top", NULL, "jobs", ret, error);

	if (r < 0)
		return r;
	json_decref(reading->cpu);
	reading->cpu = json_object();
	reading->usec = clock_boot_usec();
	json_array_foreach(json_object_get(*ret, "jobs"), i, job)
		if (job_usage(job, "cpu_usec") >= 0)
			json_object_set_new(reading->cpu, jtext(job, "id", "?"), json_pack("[I, f]", (json_int_t)job_usage(job, "cpu_usec"), jreal(job, "run_seconds", 0)));
	return 0;
}

/* CPUs used between two readings; by a job that the first did not see, since it was started. < 0: not known. The time is
 * the daemon's, which looked: an answer may be long under way. */
static double cpus_used(const json_t *job, const struct reading *before)
{
	const json_t *first = before->cpu ? json_object_get(before->cpu, jtext(job, "id", "?")) : NULL;
	double usec = (double)job_usage(job, "cpu_usec"), passed = jreal(job, "run_seconds", 0);

	if (usec < 0)
		return -1;
	/* Less than before: it was started again. */
	if (first && usec >= json_number_value(json_array_get(first, 0)) && passed > json_number_value(json_array_get(first, 1))) {
		usec -= json_number_value(json_array_get(first, 0));
		passed -= json_number_value(json_array_get(first, 1));
	}
	return passed > 0.001 ? usec / 1e6 / passed : -1;
}

static void add_used(json_t *reply, const struct reading *before)
{
	json_t *job;
	size_t i;

	json_array_foreach(json_object_get(reply, "jobs"), i, job) {
		double used = cpus_used(job, before);

		json_object_set_new(job, "cpus_used", used < 0 ? json_null() : json_real(used));
	}
}

/* -- text ------------------------------------------------------------------------------------------------------- */

static const struct table_column columns[] = {
	{"ID", 6, 0, true},       {"USER", 8, 12, false},  {"NAME", 10, 16, false}, {"CPU", 5, 0, true},    {"HELD", 5, 0, true},
	{"CPU%", 5, 0, true},     {"MEM", 6, 0, true},     {"LIMIT", 6, 0, true},   {"MEM%", 5, 0, true},   {"CPU.P", 5, 0, true},
	{"MEM.P", 5, 0, true},    {"IO.P", 5, 0, true},    {"PIDS", 5, 0, true},    {"RUN", 9, 0, true},    {"COMMAND", 0, 0, false},
	{0},
};

static void add_number(struct table *t, const char *format, double v, bool known)
{
	char text[32];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(text, sizeof text, format, v);
#pragma GCC diagnostic pop
	table_text(t, known ? text : "-");
}

static void add_size(struct table *t, const json_t *live, const char *key)
{
	char text[32];

	table_text(t, jhas(live, key) ? text_bytes((uint64_t)jint(live, key, 0), text, sizeof text) : "-");
}

static void add_row(struct table *t, const json_t *job)
{
	static const char *const pressures[] = {"cpu_pressure", "memory_pressure", "io_pressure"};
	const json_t *live = json_object_get(job, "live");
	double used = jreal(job, "cpus_used", -1), held = jreal(job, "current_cpus", 0);
	double mem = jreal(live, "memory_current_bytes", 0), limit = jreal(live, "memory_max_bytes", 0);
	char text[JOB_TEXT];

	table_text(t, job_text_id(job, text));
	table_text(t, jtext(job, "user", ""));
	table_text(t, jtext(job, "name", ""));
	add_number(t, "%.2f", used, used >= 0);
	table_text(t, text_cpus(held, text, sizeof text));
	add_number(t, "%.0f", held > 0 ? used / held * 100 : 0, used >= 0 && held > 0);
	add_size(t, live, "memory_current_bytes");
	add_size(t, live, "memory_max_bytes");
	add_number(t, "%.0f", limit > 0 ? mem / limit * 100 : 0, limit > 0 && jhas(live, "memory_current_bytes"));
	for (size_t i = 0; i < ARRAY_SIZE(pressures); i++)
		add_number(t, "%.1f", jreal(live, pressures[i], 0), jhas(live, pressures[i]));
	if (jhas(live, "pids_current"))
		table_cell(t, "%lld", (long long)jint(live, "pids_current", 0));
	else
		table_text(t, "-");
	table_text(t, text_elapsed(jreal(job, "run_seconds", 0), text, sizeof text));
	table_text(t, job_text_command(job, text));
}

static void print_machine(const json_t *s, const json_t *jobs)
{
	double used = 0;
	const json_t *job;
	char held[32], total[32], now[32];
	size_t i;

	json_array_foreach(jobs, i, job) {
		used += MAX_OF(jreal(job, "cpus_used", 0), 0.0);
	}
	format_local(clock_real_usec(), now, sizeof now);
	printf("mscg top - %s  ", now + 11);
	print_plain(stdout, jtext(s, "node", "?"));
	printf("  %lld running, %lld pending%s\n", (long long)jint(s, "running", 0), (long long)jint(s, "pending", 0),
	       jbool(s, "drained", false) ? ", drained" : "");
	printf("CPUs   %lld, held %lld, of these lent %lld, used by jobs %.2f\n", (long long)jint(s, "cpus_total", 0),
	       (long long)jint(s, "cpus_held", 0), (long long)jint(s, "cpus_lent", 0), used);
	printf("Memory %s, held %s\n\n", text_bytes((uint64_t)jint(s, "mem_total", 0), total, sizeof total),
	       text_bytes((uint64_t)jint(s, "mem_held", 0), held, sizeof held));
}

static void print_top(const json_t *reply)
{
	const json_t *jobs = json_object_get(reply, "jobs"), *job;
	struct table *t;
	size_t i;

	print_machine(json_object_get(reply, "stats"), jobs);
	t = table_new(columns, true);
	json_array_foreach(jobs, i, job) {
		add_row(t, job);
	}
	table_end(t);
}

static void print_reading(const struct cli *cli, const json_t *reply)
{
	char now[64];
	json_t *o;

	if (!cli->json) {
		print_top(reply);
		return;
	}
	o = json_pack("{s:s, s:O, s:O}", "time", format_rfc3339(clock_real_usec(), now, sizeof now), "stats",
	              json_object_get(reply, "stats"), "jobs", json_object_get(reply, "jobs"));
	print_json_line(o);
	json_decref(o);
}

/* -- again and again -------------------------------------------------------------------------------------------- */

/* False when it is time to end. */
static bool pause_between(struct screen *s, int64_t until)
{
	for (;;) {
		int64_t left = (until - clock_boot_usec() + USEC_PER_MSEC - 1) / USEC_PER_MSEC;

		switch (screen_wait(s, (int)MAX_OF(left, (int64_t)0))) {
		case SCREEN_TIME:
			return true;
		case SCREEN_QUIT:
			return false;
		case SCREEN_RESIZED:
			if (s->text)
				screen_redraw(s);
			break;
		case SCREEN_KEY:
			break;
		}
	}
}

static int watch_top(const struct cli *cli, const struct top_options *o, struct mscg *m)
{
	struct reading before = {0}, now = {0};
	struct mscg_error error = {0};
	struct screen s = {.signals = -1};
	uint32_t left = o->count;
	json_t *reply;
	/* The first reading has none before it: the second follows soon. */
	int64_t wait_ms = MIN_OF(o->interval_ms, (int64_t)500);
	int r = read_top(m, &before, &reply, &error);

	if (r == 0)
		json_decref(reply);
	if (!cli->json && !o->count)
		screen_start(&s);
	while (r == 0 && pause_between(&s, before.usec + wait_ms * USEC_PER_MSEC)) {
		r = read_top(m, &now, &reply, &error);
		if (cli_is_away(r)) { /* it may be restarted: the next reading connects anew */
			before.usec = clock_boot_usec();
			r = 0;
			continue;
		}
		if (r < 0)
			break;
		add_used(reply, &before);
		if (s.terminal)
			screen_begin(&s);
		print_reading(cli, reply);
		if (s.terminal)
			screen_draw(&s);
		else
			cli_flush();
		json_decref(reply);
		json_decref(before.cpu);
		before = now;
		now.cpu = NULL;
		wait_ms = o->interval_ms;
		if (left && !--left)
			break;
		if (!s.terminal && !cli->json)
			putchar('\n');
	}
	screen_end(&s);
	json_decref(before.cpu);
	json_decref(now.cpu);
	return r < 0 ? cli_fail(&error) : CLI_OK;
}

static int top_run(struct cli *cli, void *options, char **words)
{
	struct top_options *o = options;
	struct mscg *m;
	int r;

	(void)words;
	if (o->interval_ms < 100)
		return cli_usage(cli, "top: --interval: expected 0.1 seconds or more");
	if (o->once || (!o->count && !isatty(STDOUT_FILENO)))
		o->count = 1;
	r = cli_connect(cli, 0, &m);
	if (r)
		return r;
	r = watch_top(cli, o, m);
	mscg_close(m);
	return r;
}

#define TOP(field) offsetof(struct top_options, field)
static const struct option_spec top_options[] = {
	{'d', "interval", "SEC", "seconds between two readings (default: 2)", value_seconds, TOP(interval_ms)},
	{'n', "count", "N", "end after N readings, as plain text", value_count, TOP(count)},
	{'1', "once", NULL, "one reading, as plain text (default where standard output is no terminal)", value_true, TOP(once)},
	{0},
};

const struct verb verb_top = {
	.name = "top",
	.summary = "Watch what running jobs use of what they hold",
	.about = "Shows running jobs and what the kernel counts for each: CPUs used of CPUs held, memory of its limit, and pressure,\n"
	         "the share of the last 10 seconds in which something of the job waited for CPU, memory or disk (in percent). On a\n"
	         "terminal the table is drawn anew every 2 seconds; q ends it. --json prints one object a reading, a line each: time,\n"
	         "stats, and jobs with cpus_used beside the keys of mscg-json(5).",
	.examples = "  mscg top\n  mscg top --once\n  mscg top --json --count 10 --interval 1",
	.run = top_run,
	.options = top_options,
	.defaults = &(const struct top_options){.interval_ms = 2000},
	.size = sizeof(struct top_options),
};
