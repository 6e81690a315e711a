/* mscg queue: the jobs that wait and run, and the last that ended. */
#include "list.h"
#include "queue_rows.h"
#include "screen.h"
#include "src/base/clock.h"

enum { ENDED_SHOWN = 20, STARTS_SHOWN = 100 };

struct queue_options {
	uint32_t    states, limit;
	const char *user, *format, *sort, *jobs, *partition;
	bool        all, me, noheader, watch, full, start;
	int64_t     watch_ms;
};

static const uint32_t final_states = 0
#define X(name, abbr, final, text) | (final ? UINT32_C(1) << MSCG_STATE_##name : 0)
	MSCG_STATES(X)
#undef X
	;

/* -- the list --------------------------------------------------------------------------------------------------- */

struct queue {
	const struct cli *cli;
	const struct queue_options *o;
	struct json_list json;
	struct queue_rows *rows;
	json_t  *kept;   /* NULL: jobs are printed as they come */
	json_t  *ended;  /* newest first; they are printed where their numbers belong */
	size_t   next;   /* how many of them are not printed yet */
	uint64_t *seen;  /* active jobs that were printed, in order */
	size_t   seen_n, seen_cap;
	uint32_t wanted; /* of kept, 0: all */
	bool     any;
};

static void print_job(struct queue *q, json_t *job)
{
	if (job_is_spent_array(job))
		return;
	q->any = true;
	if (q->kept)
		json_array_append(q->kept, job);
	else if (q->cli->json)
		json_list_add(&q->json, job);
	else
		queue_rows_add(q->rows, job);
}

static void print_kept(struct queue *q, uint32_t limit)
{
	json_t *kept = steal(&q->kept), *job;
	size_t i;

	json_array_foreach(kept, i, job)
		if (!limit || i < limit)
			print_job(q, job);
	json_decref(kept);
}

static bool on_job(json_t *job, void *ctx)
{
	struct queue *q = ctx;

	print_job(q, job);
	return !q->wanted || json_array_size(q->kept) < q->wanted;
}

/* -- what has not ended, between the last that have --------------------------------------------------------------- */

static bool on_active(json_t *job, void *ctx)
{
	struct queue *q = ctx;

	if (q->seen_n && queue_order(job) <= q->seen[q->seen_n - 1])
		return true;
	for (; q->next && queue_order(json_array_get(q->ended, q->next - 1)) < queue_order(job); q->next--)
		print_job(q, json_array_get(q->ended, q->next - 1));
	GROW(q->seen, q->seen_n, q->seen_cap);
	q->seen[q->seen_n++] = queue_order(job);
	print_job(q, job);
	return true;
}

static int by_order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static bool is_printed(const struct queue *q, const json_t *job)
{
	uint64_t key = queue_order(job);
	const json_t *known;
	size_t i;

	json_array_foreach(q->ended, i, known)
		if (queue_order(known) == key)
			return true;
	return q->seen_n && bsearch(&key, q->seen, q->seen_n, sizeof key, by_order);
}

/* One that ran at the first look and had ended at the second. */
static bool on_missed(json_t *job, void *ctx)
{
	if (!is_printed(ctx, job))
		print_job(ctx, job);
	return true;
}

static bool on_ended(json_t *job, void *ctx)
{
	struct queue *q = ctx;

	if (!job_is_spent_array(job))
		json_array_append(q->ended, job);
	return json_array_size(q->ended) < ENDED_SHOWN;
}

static struct list_filter last_ended(const struct list_filter *filter)
{
	struct list_filter last = *filter;

	last.states = final_states;
	last.newest_first = true;
	last.limit = ENDED_SHOWN;
	return last;
}

static int list_default(struct queue *q, struct mscg *m, struct list_filter *filter, struct mscg_error *error)
{
	struct list_filter last = last_ended(filter);
	int r;

	q->ended = json_array();
	r = list_jobs(m, &last, on_ended, q, error);
	filter->active = true;
	q->next = json_array_size(q->ended);
	if (r == 0)
		r = list_jobs(m, filter, on_active, q, error);
	while (r == 0 && q->next)
		print_job(q, json_array_get(q->ended, --q->next));
	if (r == 0)
		r = list_jobs(m, &last, on_missed, q, error);
	free(q->seen);
	json_decref(q->ended);
	return r;
}

/* -- the newest of them (--limit) --------------------------------------------------------------------------------- */

/* Of a long queue no more is asked for than will be printed: each job of an answer is work for mscgd. Records of arrays
 * that are not printed may have made it too few. */
static int take_newest(struct queue *q, struct mscg *m, struct list_filter *filter, uint32_t n, struct mscg_error *error)
{
	size_t before = json_array_size(q->kept);
	int r;

	filter->newest_first = true;
	filter->limit = n;
	q->wanted = (uint32_t)before + n;
	r = list_jobs(m, filter, on_job, q, error);
	if (r < 0 || json_array_size(q->kept) == before || json_array_size(q->kept) >= q->wanted)
		return r;
	while (json_array_size(q->kept) > before)
		json_array_remove(q->kept, json_array_size(q->kept) - 1);
	filter->limit = 0;
	return list_jobs(m, filter, on_job, q, error);
}

static int newest_first(const void *a, const void *b)
{
	uint64_t x = queue_order(*(json_t *const *)a), y = queue_order(*(json_t *const *)b);

	return (x < y) - (x > y);
}

/* The newest of what is kept, each once, oldest first: one may have ended between two looks. */
static void keep_newest(struct queue *q)
{
	size_t n = json_array_size(q->kept), i, taken = 0;
	_cleanup_free_ json_t **list = xcalloc(n + 1, sizeof *list);
	json_t *job, *kept = json_array();

	json_array_foreach(q->kept, i, job)
		list[i] = job;
	qsort(list, n, sizeof *list, newest_first);
	for (i = 0; i < n; i++)
		if (i == 0 || queue_order(list[i]) != queue_order(list[taken - 1]))
			list[taken++] = list[i];
	for (i = MIN_OF(taken, (size_t)q->o->limit); i > 0; i--)
		json_array_append(kept, list[i - 1]);
	json_decref(q->kept);
	q->kept = kept;
}

static int list_newest(struct queue *q, struct mscg *m, struct list_filter *filter, struct mscg_error *error)
{
	struct list_filter last = last_ended(filter);
	int r;

	q->kept = json_array();
	filter->active = !q->o->all && !q->o->states;
	r = take_newest(q, m, filter, q->o->limit, error);
	if (r == 0 && filter->active)
		r = take_newest(q, m, &last, MIN_OF(q->o->limit, (uint32_t)ENDED_SHOWN), error);
	q->wanted = 0;
	if (r == 0)
		keep_newest(q);
	return r;
}

/* -- by their numbers (--jobs) ------------------------------------------------------------------------------------ */

/* "12,13_4" */
static int read_ids(const char *list, json_t **ret, struct mscg_error *error)
{
	_cleanup_free_ char *copy = xstrdup(list);
	json_t *ids = json_array();
	char *save = NULL, text[MSCG_ID_TEXT];
	struct mscg_id id;
	int r = 0;

	for (char *word = strtok_r(copy, ",", &save); word && r == 0; word = strtok_r(NULL, ",", &save)) {
		r = mscg_id_parse(word, &id, error);
		if (r == 0)
			json_array_append_new(ids, json_string(mscg_id_format(id, text)));
	}
	if (r == 0 && !json_array_size(ids))
		r = mscg_error_set(error, -EINVAL, "'%.60s': expected numbers of jobs as 12,13_4", list);
	if (r == 0 && ret)
		*ret = json_incref(ids);
	json_decref(ids);
	return r;
}

static int value_jobs(void *target, const char *value, const struct option_spec *option, struct mscg_error *error)
{
	int r = read_ids(value, NULL, error);

	return r < 0 ? r : value_text(target, value, option, error);
}

static bool on_named(json_t *job, void *ctx)
{
	print_job(ctx, job);
	return true;
}

/* A number of an array is all of its tasks that have not ended. */
static int list_named(struct queue *q, struct mscg *m, struct list_filter *filter, struct mscg_error *error)
{
	int r = read_ids(q->o->jobs, &filter->ids, error);

	if (r < 0)
		return r;
	filter->tasks = filter->active = true;
	r = list_jobs(m, filter, on_named, q, error);
	json_decref(steal(&filter->ids));
	return r;
}

/* -- when they would start (--start) ------------------------------------------------------------------------------ */

static void find_starts(struct queue *q, struct mscg *m)
{
	uint32_t limit = q->o->limit ? q->o->limit : STARTS_SHOWN;
	json_t *job, *reply;
	size_t i;

	while (json_array_size(q->kept) > limit)
		json_array_remove(q->kept, json_array_size(q->kept) - 1);
	json_array_foreach(q->kept, i, job) {
		if (mscg_call_json(m, "Why", json_pack("{s:s}", "id", jtext(job, "id", "")), &reply, NULL) < 0)
			continue; /* it has started meanwhile */
		json_object_set(job, "start_time", json_object_get(reply, "expected_start"));
		json_decref(reply);
	}
}

/* -- all of it ---------------------------------------------------------------------------------------------------- */

static int list_queue(struct queue *q, struct mscg *m, struct list_filter *filter, struct mscg_error *error)
{
	const struct queue_options *o = q->o;

	if (o->jobs)
		return list_named(q, m, filter, error);
	if (o->limit && !q->kept)
		return list_newest(q, m, filter, error);
	return o->all || filter->states ? list_jobs(m, filter, on_job, q, error) : list_default(q, m, filter, error);
}

static int print_queue(const struct cli *cli, const struct queue_options *o, struct mscg *m, struct mscg_error *error)
{
	struct list_filter filter = {.states = o->start ? UINT32_C(1) << MSCG_STATE_PENDING : o->states, .user = o->me ? own_user_name() : o->user,
	                             .partition = o->partition};
	const char *format = o->format ? o->format : o->start ? QUEUE_FORMAT_START : o->full ? QUEUE_FORMAT_LONG : NULL;
	struct queue q = {.cli = cli, .o = o, .rows = queue_rows_new(format, !o->noheader && !cli->json)};
	int r;

	if (o->sort || o->start)
		q.kept = json_array();
	r = list_queue(&q, m, &filter, error);
	if (r == 0 && !q.any)
		r = list_of_nobody(filter.user, error);
	if (r == 0 && o->start)
		find_starts(&q, m);
	if (r == 0 && q.kept && (o->sort || o->start))
		queue_sort(q.kept, o->sort ? o->sort : "S");
	if (q.kept)
		print_kept(&q, r == 0 ? o->limit : 0);
	if (r == 0 && cli->json)
		json_list_end(&q.json);
	queue_rows_end(q.rows, r == 0);
	return r;
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
	if (o->jobs && (o->states || o->all || o->start))
		return cli_usage(cli, "queue: --jobs beside --states, --all or --start: expected one of them");
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
	{'p', "partition", "NAME", "jobs of this partition", value_text, QUEUE(partition), .values = VALUES_PARTITION},
	{'j', "jobs", "LIST", "these jobs: 12,13_4; of an array, what has not ended", value_jobs, QUEUE(jobs), .values = VALUES_JOB},
	{'n', "limit", "N", "the newest N of them; with --sort the first N", value_count, QUEUE(limit)},
	{'S', "sort", "LETTERS", "by these columns of --format, '-' before one for downwards: p,-i; M the shortest run first", value_sort, QUEUE(sort)},
	{'l', "long", NULL, "squeue -l's columns: partition, name, user, time limit, node or reason", value_true, QUEUE(full)},
	{0, "start", NULL, "when what waits would start at the latest, as far as time limits tell (the first 100, or --limit)", value_true,
	 QUEUE(start)},
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
	         "says what an elastic job holds of what it may hold. Before the command of what waits stands why. USER is a column\n"
	         "where there are jobs of others. With --status or --all, nothing is left out.",
	.examples = "  mscg queue\n  mscg queue --status PENDING\n  mscg queue --me --watch\n  mscg queue --all --json\n"
	            "  mscg queue -h -o \"%i %T %R\"",
	.run = queue_run,
	.options = queue_options,
	.defaults = &(const struct queue_options){.watch_ms = 2000},
	.size = sizeof(struct queue_options),
	.words_max = 1,
};
