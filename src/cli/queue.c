/* mscg queue: the jobs that wait and run, and the last that ended. */
#include "job_text.h"
#include "list.h"
#include "screen.h"
#include "src/base/clock.h"

enum { ENDED_SHOWN = 20 };

struct queue_options {
	uint32_t    states, limit;
	const char *user, *format;
	bool        all, me, noheader, watch;
	int64_t     watch_ms;
};

static const uint32_t final_states = 0
#define X(name, abbr, final, text) | (final ? UINT32_C(1) << MSCG_STATE_##name : 0)
	MSCG_STATES(X)
#undef X
	;

/* -- one line a job --------------------------------------------------------------------------------------------- */

/* Mini-SLURM's widths. */
static const struct { const char *title; int width; } columns[] = {
	{"ID", 4}, {"STAT", 8}, {"CPU", 3}, {"MEM(MB)", 7}, {"PRI", 3}, {"WAIT(s)", 8}, {"RUN(s)", 8}, {"ELASTIC", 8}, {"SUBMIT", 19},
	{"COMMAND", 0},
};
enum { COLUMNS = ARRAY_SIZE(columns) };
typedef char cells[COLUMNS - 1][JOB_TEXT];

/* Each cell ends where its column does; one that is too long pushes the next ones no further than it must. */
static void print_row(char (*cell)[JOB_TEXT], const char *command)
{
	int at = 0, end = 0;

	for (int i = 0; i < COLUMNS - 1; i++) {
		int length = (int)strlen(cell[i]);

		end += columns[i].width + (i > 0);
		at += printf("%*s%s", MAX_OF(end - at - length, i > 0), "", cell[i]);
	}
	putchar(' ');
	print_plain(stdout, command);
	putchar('\n');
}

static void print_titles(void)
{
	cells cell;

	for (int i = 0; i < COLUMNS - 1; i++)
		snprintf(cell[i], JOB_TEXT, "%s", columns[i].title);
	print_row(cell, columns[COLUMNS - 1].title);
}

static void print_line(const json_t *job)
{
	char text[JOB_TEXT], max[32];
	double held = jreal(job, "current_cpus", 0);
	cells cell = {0};
	int i = 0;

	snprintf(cell[i++], JOB_TEXT, "%s", job_text_id(job, text));
	snprintf(cell[i++], JOB_TEXT, "%s", jtext(job, "state", "?"));
	text_cpus(jreal(job, "cpus", 0), cell[i++], JOB_TEXT);
	text_mib((uint64_t)jint(job, "mem_bytes", 0), cell[i++], JOB_TEXT);
	snprintf(cell[i++], JOB_TEXT, "%lld", (long long)jint(job, "priority", 0));
	snprintf(cell[i++], JOB_TEXT, "%.1f", jreal(job, "wait_seconds", 0));
	snprintf(cell[i++], JOB_TEXT, "%.1f", jreal(job, "run_seconds", 0));
	if (jbool(job, "elastic", false))
		snprintf(cell[i], JOB_TEXT, "%s/%s", text_cpus(held > 0 ? held : jreal(job, "cpus", 0), text, sizeof text),
		         text_cpus(jreal(job, "max_cpus", 0), max, sizeof max));
	text_time(jtime(job, "submit_time"), cell[++i], JOB_TEXT);
	print_row(cell, job_text_command(job, text));
}

/* -- squeue's format: %[[.]size]letter and text between ---------------------------------------------------------- */

/* One piece of it: moves *format behind it. 0 and what it is (field NULL: a character, *ret_width), or -EINVAL. */
static int next_piece(const char **format, const struct job_field **ret_field, int *ret_width, bool *ret_right, struct mscg_error *error)
{
	const char *f = *format;
	char *end;

	*ret_field = NULL;
	*ret_width = *f;
	if (f[0] != '%' || f[1] == '%') {
		*format = f + 1 + (f[0] == '%');
		return 0;
	}
	f++;
	*ret_right = *f == '.';
	*ret_width = (int)MIN_OF(strtol(f + *ret_right, &end, 10), 1000L);
	*ret_field = *end ? job_field_by_letter(*end) : NULL;
	if (!*ret_field || *ret_width < 0 || end[-1] == ' ')
		return mscg_error_set(error, -EINVAL, "'%.20s' in the format: expected %% and one of i j u t T M D C R P l p ... (see man mscg-queue)",
		                      *format);
	*format = end + 1;
	return 0;
}

static int value_format(void *target, const char *value, const struct option_spec *option, struct mscg_error *error)
{
	const struct job_field *field;
	const char *at = value;
	int width, r = 0;
	bool right;

	while (r == 0 && *at)
		r = next_piece(&at, &field, &width, &right, error);
	return r < 0 ? r : value_text(target, value, option, error);
}

/* job NULL: the header */
static void print_format(const char *format, const json_t *job)
{
	const struct job_field *field;
	char text[JOB_TEXT];
	int width;
	bool right;

	while (*format && next_piece(&format, &field, &width, &right, NULL) == 0) {
		if (field)
			print_column(job ? field->text(job, text) : field->title, width, right);
		else
			putchar(width);
	}
	putchar('\n');
}

/* -- the list --------------------------------------------------------------------------------------------------- */

struct queue {
	const struct cli *cli;
	const struct queue_options *o;
	struct json_list json;
	uint64_t printed;
	json_t  *ended;  /* newest first; they are printed where their numbers belong */
	size_t   next;   /* how many of them are not printed yet */
	uint64_t *seen;  /* active jobs that were printed, in order */
	size_t   seen_n, seen_cap;
};

static bool print_job(struct queue *q, const json_t *job)
{
	if (q->o->limit && q->printed >= q->o->limit)
		return false;
	if (job_is_spent_array(job))
		return true;
	q->printed++;
	if (q->cli->json) {
		json_list_add(&q->json, job);
	} else if (q->o->format) {
		if (q->printed == 1 && !q->o->noheader)
			print_format(q->o->format, NULL);
		print_format(q->o->format, job);
	} else {
		if (q->printed == 1 && !q->o->noheader)
			print_titles();
		print_line(job);
	}
	return true;
}

/* The record of an array stands before its tasks. */
static uint64_t order(const json_t *job)
{
	return (uint64_t)jint(job, "job_id", 0) << 33 | (uint64_t)(jint(job, "array_task_id", -1) + 1);
}

static bool on_active(json_t *job, void *ctx)
{
	struct queue *q = ctx;

	if (q->seen_n && order(job) <= q->seen[q->seen_n - 1])
		return true;
	for (; q->next && order(json_array_get(q->ended, q->next - 1)) < order(job); q->next--)
		if (!print_job(q, json_array_get(q->ended, q->next - 1)))
			return false;
	GROW(q->seen, q->seen_n, q->seen_cap);
	q->seen[q->seen_n++] = order(job);
	return print_job(q, job);
}

static int by_order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static bool is_printed(const struct queue *q, const json_t *job)
{
	uint64_t key = order(job);
	const json_t *known;
	size_t i;

	json_array_foreach(q->ended, i, known)
		if (order(known) == key)
			return true;
	return q->seen_n && bsearch(&key, q->seen, q->seen_n, sizeof key, by_order);
}

/* One that ran at the first look and had ended at the second. */
static bool on_missed(json_t *job, void *ctx)
{
	struct queue *q = ctx;

	return is_printed(q, job) || print_job(q, job);
}

static bool on_ended(json_t *job, void *ctx)
{
	struct queue *q = ctx;

	if (!job_is_spent_array(job))
		json_array_append(q->ended, job);
	return json_array_size(q->ended) < ENDED_SHOWN;
}

/* Of a long queue no more is asked for than will be printed: each job of an answer is work for mscgd. Records of arrays
 * that are not printed may have made it too few. */
static int list_active(struct queue *q, struct mscg *m, struct list_filter *filter, struct mscg_error *error)
{
	uint32_t limit = q->o->limit;

	filter->limit = limit;
	int r = list_jobs(m, filter, on_active, q, error);
	filter->limit = 0;
	if (r < 0 || !limit || q->printed >= limit || q->seen_n < limit)
		return r;
	return list_jobs(m, filter, on_active, q, error);
}

/* Jobs that have not ended, between the last that have. */
static int list_default(struct queue *q, struct mscg *m, struct list_filter *filter, struct mscg_error *error)
{
	struct list_filter last = *filter;
	int r;

	last.states = final_states;
	last.newest_first = true;
	last.limit = ENDED_SHOWN;
	q->ended = json_array();
	r = list_jobs(m, &last, on_ended, q, error);
	filter->active = true;
	q->next = json_array_size(q->ended);
	if (r == 0)
		r = list_active(q, m, filter, error);
	while (r == 0 && q->next && print_job(q, json_array_get(q->ended, q->next - 1)))
		q->next--;
	if (r == 0)
		r = list_jobs(m, &last, on_missed, q, error);
	free(q->seen);
	json_decref(q->ended);
	return r;
}

static bool on_job(json_t *job, void *ctx)
{
	return print_job(ctx, job);
}

static int print_queue(const struct cli *cli, const struct queue_options *o, struct mscg *m, struct mscg_error *error)
{
	struct list_filter filter = {.states = o->states, .user = o->me ? own_user_name() : o->user};
	struct queue q = {.cli = cli, .o = o};
	int r;

	r = o->all || o->states ? list_jobs(m, &filter, on_job, &q, error) : list_default(&q, m, &filter, error);
	if (r < 0)
		return r;
	if (cli->json)
		json_list_end(&q.json);
	else if (!q.printed && !o->noheader && o->format)
		print_format(o->format, NULL);
	else if (!q.printed && !o->noheader)
		puts("No jobs found.");
	return 0;
}

static int watch_queue(const struct cli *cli, const struct queue_options *o, struct mscg *m)
{
	enum screen_event event = SCREEN_TIME;
	struct mscg_error error = {0};
	struct screen s;
	int r = 0;

	screen_start(&s);
	while (r == 0 && event != SCREEN_QUIT) {
		int64_t until = clock_boot_usec() + o->watch_ms * USEC_PER_MSEC;

		screen_begin(&s);
		r = print_queue(cli, o, m, &error);
		/* It may be restarted: the next look connects anew. */
		if (cli_is_away(r)) {
			printf("mscg: %s\n", error.text);
			r = 0;
		}
		screen_draw(&s);
		for (event = SCREEN_KEY; r == 0 && event != SCREEN_TIME && event != SCREEN_QUIT;) {
			event = screen_wait(&s, (int)MAX_OF((until - clock_boot_usec()) / USEC_PER_MSEC, (int64_t)0));
			if (event == SCREEN_RESIZED)
				screen_redraw(&s);
		}
	}
	screen_end(&s);
	return r < 0 ? cli_fail(&error) : CLI_OK;
}

static int queue_run(struct cli *cli, void *options, char **words)
{
	struct queue_options *o = options;
	struct mscg_error error = {0};
	struct mscg *m;
	int r;

	if (words[0] && !o->watch)
		return cli_usage(cli, "queue: one word too many, '%.60s': expected options only", words[0]);
	if (words[0] && value_seconds(&o->watch_ms, words[0], NULL, &error) < 0)
		return cli_usage(cli, "queue: --watch: %s", error.text);
	if (o->me && o->user)
		return cli_usage(cli, "queue: --user beside --me: expected one of them");
	if (o->watch && o->watch_ms < 100)
		return cli_usage(cli, "queue: --watch: expected 0.1 seconds or more");
	r = cli_connect(cli, o->watch ? 0 : CONNECT_ONCE, &m);
	if (r)
		return r;
	if (o->watch)
		r = watch_queue(cli, o, m);
	else if (print_queue(cli, o, m, &error) < 0)
		r = cli_fail(&error);
	mscg_close(m);
	return r;
}

static int value_watch(void *target, const char *value, const struct option_spec *option, struct mscg_error *error)
{
	struct queue_options *o = target;

	o->watch = true;
	return value ? value_seconds(&o->watch_ms, value, option, error) : 0;
}

#define QUEUE(field) offsetof(struct queue_options, field)
static const struct option_spec queue_options[] = {
	{0, "status", "STATES", "all jobs in these states: PENDING, RUNNING, COMPLETED, ... or PD,R,CD", value_state, QUEUE(states),
	 .values = VALUES_STATE},
	{'t', "states", "STATES", "the same, as squeue spells it", value_state, QUEUE(states), OPTION_HIDDEN, .values = VALUES_STATE},
	{'a', "all", NULL, "all jobs that are remembered", value_true, QUEUE(all)},
	{0, "me", NULL, "one's own jobs", value_true, QUEUE(me)},
	{'u', "user", "NAME", "jobs of this user", value_text, QUEUE(user)},
	{'n', "limit", "N", "the first N of them", value_count, QUEUE(limit)},
	{'o', "format", "FORMAT", "columns as squeue -o writes them: \"%.8i %.9j %.8u %.2t %.10M %R\"", value_format, QUEUE(format)},
	{'h', "noheader", NULL, "no line of titles", value_true, QUEUE(noheader)},
	{0, "watch", "SEC", "print anew every SEC seconds (default: 2); q ends it", value_watch, 0, OPTION_OPTIONAL},
	{0},
};

const struct verb verb_queue = {
	.name = "queue",
	.summary = "Show job queue",
	.about = "Lists all jobs that have not ended, and the 20 newest of those that have, by their numbers. Tasks of an array that\n"
	         "wait are one line, 12_[5-15]; a task that has begun is a line of its own, 12_3. WAIT and RUN are seconds, ELASTIC\n"
	         "says what an elastic job holds of what it may hold. With --status or --all, nothing is left out.",
	.examples = "  mscg queue\n  mscg queue --status PENDING\n  mscg queue --me --watch\n  mscg queue --all --json\n"
	            "  mscg queue -h -o \"%i %T %R\"",
	.run = queue_run,
	.options = queue_options,
	.defaults = &(const struct queue_options){.watch_ms = 2000},
	.size = sizeof(struct queue_options),
	.words_max = 1,
};
