/* mscg history: what sacct shows, from a journal that forgets nothing. Streams: a year of jobs takes no memory. */
#include "job_text.h"
#include "list.h"
#include "src/base/clock.h"
#include "src/base/parse.h"

#define DEFAULT_FORMAT "JobID,JobName,User,Account,AllocCPUS,State,ExitCode,Elapsed,MaxRSS"

struct history_options {
	int64_t     since, until;
	const char *user, *name, *account, *jobs, *format;
	uint32_t    states, limit;
	bool        me, noheader, parsable, parsable2, help_format;
};

enum { FIELDS_MAX = 64 };

struct history {
	const struct cli *cli;
	const struct history_options *o;
	struct { const struct job_field *field; int width; } field[FIELDS_MAX];
	int      n;
	bool     titles; /* are printed: not before the first answer, which may be a refusal */
	uint32_t left;
	struct json_list json;
};

/* "JobID%20,State,User%-8": *ret_n fields, or -EINVAL with text. `h` NULL: a check. */
static int read_format(const char *format, struct history *h, struct mscg_error *error)
{
	int n = 0;

	for (const char *word = format, *end; *word; word = *end ? end + 1 : end) {
		size_t length = strcspn(word, ",%");
		const struct job_field *field = job_field_by_name(word, length);
		long width = 0;
		char *rest;

		end = word + strcspn(word, ",");
		if (!field)
			return mscg_error_set(error, -EINVAL, "unknown field '%.*s': --helpformat lists them", (int)MIN_OF(length, (size_t)60), word);
		if (word[length] == '%') {
			width = strtol(word + length + 1, &rest, 10);
			if (rest != end || width == 0 || width < -1000 || width > 1000)
				return mscg_error_set(error, -EINVAL, "width '%.*s': expected a number from 1 to 1000, negative to align to the left",
				                      (int)MIN_OF(end - word, (ssize_t)60), word);
		}
		if (n == FIELDS_MAX)
			return mscg_error_set(error, -EINVAL, "more than %d fields", FIELDS_MAX);
		if (h) {
			h->field[n].field = field;
			h->field[n].width = width ? (int)width : field->width;
		}
		n++;
	}
	if (h)
		h->n = n;
	return 0;
}

static void print_cell(const struct history *h, int i, const char *text)
{
	int width = h->field[i].width;

	if (h->o->parsable2 || h->o->parsable) {
		print_plain(stdout, text);
		if (h->o->parsable || i + 1 < h->n)
			putchar('|');
		return;
	}
	print_column(text, width < 0 ? -width : width, width > 0);
	if (i + 1 < h->n)
		putchar(' ');
}

static void print_header(struct history *h)
{
	static const char dashes[] = "----------------------------------------------------------------";

	if (h->o->noheader || h->cli->json || h->titles)
		return;
	h->titles = true;
	for (int i = 0; i < h->n; i++)
		print_cell(h, i, h->field[i].field->name);
	putchar('\n');
	if (h->o->parsable2 || h->o->parsable)
		return;
	for (int i = 0; i < h->n; i++)
		for (int left = abs(h->field[i].width); left; left -= MIN_OF(left, (int)sizeof dashes - 1))
			printf("%.*s%s", left, dashes, left < (int)sizeof dashes ? i + 1 < h->n ? " " : "\n" : "");
}

static bool on_job(json_t *job, void *ctx)
{
	struct history *h = ctx;
	char text[JOB_TEXT];

	if (job_is_spent_array(job))
		return true;
	if (h->o->limit && !h->left--)
		return false;
	if (h->cli->json) {
		json_list_add(&h->json, job);
		return true;
	}
	print_header(h);
	for (int i = 0; i < h->n; i++)
		print_cell(h, i, h->field[i].field->text(job, text));
	putchar('\n');
	return true;
}

/* Words, and "12,13_4" of -j. NULL with a usage error printed. */
static json_t *job_list(const struct cli *cli, const struct history_options *o, char **words)
{
	_cleanup_strv_ char **list = NULL;
	_cleanup_free_ char *copy = xstrdup(o->jobs);
	char *save = NULL;

	for (char **w = words; *w; w++)
		strv_add(&list, *w);
	for (char *word = copy ? strtok_r(copy, ",", &save) : NULL; word; word = strtok_r(NULL, ",", &save))
		strv_add(&list, word);
	return list ? cli_job_ids(cli, list) : json_array();
}

static int print_fields(void)
{
	for (const struct job_field *f = job_fields; f->text; f++)
		if (f->name)
			printf("%-14s %s\n", f->name, f->help);
	return CLI_OK;
}

static int today(int64_t *ret, struct mscg_error *error)
{
	return parse_time_point("today", clock_real_usec(), ret, error);
}

static int history_run(struct cli *cli, void *options, char **words)
{
	const struct history_options *o = options;
	struct history h = {.cli = cli, .o = o, .left = o->limit};
	struct list_filter filter = {.states = o->states, .user = o->me ? own_user_name() : o->user, .name = o->name, .account = o->account,
	                             .since_usec = o->since, .until_usec = o->until};
	struct mscg_error error = {0};
	struct mscg *m;
	int r;

	if (o->help_format)
		return print_fields();
	if (o->me && o->user)
		return cli_usage(cli, "history: --user beside --me: expected one of them");
	if (o->since && o->until && o->until < o->since)
		return cli_usage(cli, "history: --until lies before --since");
	read_format(o->format, &h, NULL);
	filter.ids = job_list(cli, o, words);
	filter.tasks = true;
	if (!filter.ids)
		return CLI_USAGE;
	if (!json_array_size(filter.ids))
		json_decref(steal(&filter.ids));
	/* As sacct: today, unless jobs are named. */
	if (!filter.since_usec && !filter.ids && today(&filter.since_usec, &error) < 0)
		return cli_fail(&error);
	r = cli_connect(cli, CONNECT_ONCE, &m);
	if (r == 0) {
		r = list_jobs(m, &filter, on_job, &h, &error);
		if (r == 0 && !h.titles && !h.json.begun)
			r = list_of_nobody(filter.user, &error);
		r = r < 0 ? cli_fail(&error) : 0;
		if (r == 0)
			print_header(&h);
		if (r == 0 && cli->json)
			json_list_end(&h.json);
		mscg_close(m);
	}
	json_decref(filter.ids);
	return r;
}

static int value_fields(void *target, const char *value, const struct option_spec *option, struct mscg_error *error)
{
	int r = read_format(value, NULL, error);

	return r < 0 ? r : value_text(target, value, option, error);
}

static int value_ignored(void *target, const char *value, const struct option_spec *option, struct mscg_error *error)
{
	(void)target, (void)value, (void)option, (void)error;
	return 0;
}

#define HISTORY(field) offsetof(struct history_options, field)
static const struct option_spec history_options[] = {
	{'S', "since", "TIME", "jobs that waited or ran at this time or later (default: today, at midnight)", value_time, HISTORY(since)},
	{0, "starttime", "TIME", "the same, as sacct spells it", value_time, HISTORY(since), OPTION_HIDDEN},
	{'E', "until", "TIME", "jobs that waited or ran at this time or before", value_time, HISTORY(until)},
	{0, "endtime", "TIME", "the same, as sacct spells it", value_time, HISTORY(until), OPTION_HIDDEN},
	{'s', "state", "STATES", "jobs in these states", value_state, HISTORY(states), .values = VALUES_STATE},
	{'u', "user", "NAME", "jobs of this user", value_text, HISTORY(user)},
	{0, "me", NULL, "one's own jobs", value_true, HISTORY(me)},
	{0, "name", "NAME", "jobs of this name", value_text, HISTORY(name)},
	{'A', "account", "NAME", "jobs of this account", value_text, HISTORY(account)},
	{'j', "jobs", "LIST", "these jobs: 12,13_4", value_text, HISTORY(jobs)},
	{0, "limit", "N", "the first N of them", value_count, HISTORY(limit)},
	{'o', "format", "FIELDS", "fields, each with a width if wanted: JobID,State%12,Elapsed,TotalCPU,MaxRSS%-8", value_fields, HISTORY(format)},
	{'e', "helpformat", NULL, "list the fields that there are, and exit", value_true, HISTORY(help_format)},
	{'P', "parsable2", NULL, "'|' between the fields", value_true, HISTORY(parsable2)},
	{'p', "parsable", NULL, "'|' behind each field", value_true, HISTORY(parsable)},
	{'n', "noheader", NULL, "no lines of titles", value_true, HISTORY(noheader)},
	{'X', "allocations", NULL, "sacct's: without meaning here, there are no steps", value_ignored, 0, OPTION_HIDDEN},
	{'a', "allusers", NULL, "sacct's: everybody's jobs are shown anyway", value_ignored, 0, OPTION_HIDDEN},
	{0},
};

const struct verb verb_history = {
	.name = "history",
	.summary = "Show what became of jobs, as sacct does",
	.words = "[JOB...]",
	.about =
		"Lists jobs with what they used, from the kernel's own counters, the newest last. Without jobs and without --since,\n"
		"those of today. Of a job that was requeued it is what its last attempt used, but Cost is of all of them. Tasks of an\n"
		"array that never started, as the rest of it was given up, are one line, 12_[5-9]. Times are 2026-01-31,\n"
		"2026-01-31T12:00, 12:00, today, yesterday, now-2hours.",
	.examples = "  mscg history\n  mscg history --since yesterday --state FAILED,OUT_OF_MEMORY --me\n"
	            "  mscg history -S 2026-01-01 -n -P -o JobID,State,Elapsed,TotalCPU,MaxRSS > january.txt\n"
	            "  mscg history -j 12,13 -o JobID,CPUEff,MemEff",
	.run = history_run,
	.options = history_options,
	.defaults = &(const struct history_options){.format = DEFAULT_FORMAT},
	.size = sizeof(struct history_options),
	.words_max = -1,
	.values = VALUES_JOB,
};
