/* mscg cost: what jobs held and what that costs, summed up. */
#include <time.h>

#include "job_text.h"
#include "list.h"
#include "src/base/clock.h"

struct cost_options {
	int64_t     since, until;
	const char *user, *account, *by;
	bool        me, csv;
};

struct sum {
	char    *key; /* owned */
	uint64_t jobs;
	double   cpu_hours, gib_hours, gpu_hours, amount;
};

struct cost {
	const struct cost_options *o;
	int64_t  now, since;
	char    *currency; /* NULL: none is known */
	bool     priced;   /* there are rates */
	struct sum *sum; uint32_t n, cap;
	struct sum total;
	json_t  *index; /* key: place in `sum` */
};

/* -- adding up --------------------------------------------------------------------------------------------------- */

static const char *day_of(const struct cost *c, const json_t *job, char *buf)
{
	text_time(jhas(job, "end_time") ? jtime(job, "end_time") : c->now, buf, JOB_TEXT);
	buf[strlen("2026-01-31")] = '\0';
	return buf;
}

static const char *key_of(const struct cost *c, const json_t *job, char *buf)
{
	const char *by = c->o->by, *key = streq(by, "day") ? day_of(c, job, buf) : jtext(job, streq(by, "job") ? "id" : by, "");

	return *key ? key : "-";
}

static struct sum *sum_of(struct cost *c, const char *key)
{
	const json_t *place = json_object_get(c->index, key);

	if (place)
		return &c->sum[json_integer_value(place)];
	json_object_set_new(c->index, key, json_integer(c->n));
	GROW(c->sum, c->n, c->cap);
	c->sum[c->n] = (struct sum){.key = xstrdup(key)};
	return &c->sum[c->n++];
}

static void add(struct sum *sum, const json_t *cost)
{
	sum->jobs++;
	sum->cpu_hours += jreal(cost, "cpu_hours", 0);
	sum->gib_hours += jreal(cost, "gib_hours", 0);
	sum->gpu_hours += jreal(cost, "gpu_hours", 0);
	sum->amount += jreal(cost, "amount", 0);
}

/* All of a job counts when it ended; of one that runs, until now. */
static bool on_job(json_t *job, void *ctx)
{
	struct cost *c = ctx;
	const json_t *cost = json_object_get(job, "cost");
	int64_t at = jhas(job, "end_time") ? jtime(job, "end_time") : c->now;
	char buf[JOB_TEXT];

	if (!json_is_object(cost) || at < c->since || (c->o->until && at >= c->o->until))
		return true;
	c->priced |= jhas(cost, "amount");
	if (!c->currency && jhas(cost, "currency"))
		c->currency = xstrdup(jtext(cost, "currency", ""));
	add(sum_of(c, key_of(c, job, buf)), cost);
	add(&c->total, cost);
	return true;
}

static int dearest_first(const void *a, const void *b)
{
	const struct sum *x = a, *y = b;

	if (x->amount != y->amount)
		return x->amount < y->amount ? 1 : -1;
	if (x->cpu_hours != y->cpu_hours)
		return x->cpu_hours < y->cpu_hours ? 1 : -1;
	return strcmp(x->key, y->key);
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct sum *)a)->key, ((const struct sum *)b)->key);
}

/* Jobs stay in the order of their numbers. */
static void sort(struct cost *c)
{
	if (!streq(c->o->by, "job") && c->n)
		qsort(c->sum, c->n, sizeof *c->sum, streq(c->o->by, "day") ? by_key : dearest_first);
}

/* -- printing ---------------------------------------------------------------------------------------------------- */

static void print_row(struct table *table, const struct cost *c, const struct sum *s)
{
	table_text(table, s->key);
	table_cell(table, "%llu", (unsigned long long)s->jobs);
	table_cell(table, "%.2f", s->cpu_hours);
	table_cell(table, "%.2f", s->gib_hours);
	if (c->total.gpu_hours > 0)
		table_cell(table, "%.2f", s->gpu_hours);
	if (c->priced)
		table_cell(table, "%.*f", streq(c->o->by, "job") ? 4 : 2, s->amount);
	else
		table_text(table, "-");
}

static void print_table(const struct cost *c)
{
	char title[64] = "COST", by[16], *p = by;
	const struct table_column cost = {title, 10, 0, true}, gpus = {"GPU-HOURS", 10, 0, true};
	bool some = c->total.gpu_hours > 0; /* GPUs are shown where there were any */
	const struct table_column columns[] = {{by, 10, 0, false}, {"JOBS", 8, 0, true}, {"CPU-HOURS", 10, 0, true}, {"GIB-HOURS", 10, 0, true},
	                                       some ? gpus : cost, some ? cost : (struct table_column){0}, {0}};
	struct table *table;

	for (const char *b = c->o->by; *b; b++)
		*p++ = (char)(*b - 'a' + 'A');
	*p = '\0';
	if (c->currency)
		snprintf(title, sizeof title, "COST (%.40s)", c->currency);
	table = table_new(columns, true);
	for (uint32_t i = 0; i < c->n; i++)
		print_row(table, c, &c->sum[i]);
	print_row(table, c, &c->total);
	table_end(table);
	cli_flush();
	if (!c->priced && c->n)
		cli_error("no cost-rates are set, so there are hours only: see mscg.conf(5)");
}

static void print_csv_text(const char *text)
{
	bool quote = text[strcspn(text, ",\"\n\r")] != '\0';

	if (quote)
		putchar('"');
	for (; *text; text++)
		printf("%s%c", *text == '"' ? "\"" : "", *text);
	if (quote)
		putchar('"');
}

static void print_csv(const struct cost *c)
{
	printf("%s,jobs,cpu_hours,gib_hours,cost,currency,gpu_hours\r\n", c->o->by);
	for (uint32_t i = 0; i < c->n; i++) {
		const struct sum *s = &c->sum[i];

		print_csv_text(s->key);
		printf(",%llu,%.6f,%.6f,", (unsigned long long)s->jobs, s->cpu_hours, s->gib_hours);
		if (c->priced)
			printf("%.6f", s->amount);
		putchar(',');
		print_csv_text(c->currency ? c->currency : "");
		printf(",%.6f\r\n", s->gpu_hours);
	}
}

static json_t *sum_json(const struct cost *c, const struct sum *s)
{
	return json_pack("{s:I, s:f, s:f, s:f, s:o}", "jobs", (json_int_t)s->jobs, "cpu_hours", s->cpu_hours, "gib_hours", s->gib_hours, "gpu_hours",
	                 s->gpu_hours, "amount", c->priced ? json_real(s->amount) : json_null());
}

static void print_cost_json(const struct cost *c, json_t *budgets)
{
	json_t *rows = json_array(), *o;

	for (uint32_t i = 0; i < c->n; i++) {
		json_t *row = sum_json(c, &c->sum[i]);

		json_object_set_new(row, c->o->by, json_string(c->sum[i].key));
		json_array_append_new(rows, row);
	}
	o = json_pack("{s:s, s:s?, s:o, s:o, s:O}", "by", c->o->by, "currency", c->currency, "rows", rows, "total", sum_json(c, &c->total),
	              "budgets", json_object_get(budgets, "budgets"));
	print_json(o);
	json_decref(o);
}

/* -- budgets ------------------------------------------------------------------------------------------------------ */

static void print_budgets(const json_t *reply)
{
	const json_t *budgets = json_object_get(reply, "budgets"), *b;
	const char *unit = streq(jtext(reply, "unit", ""), "cpu_hours") ? "CPU-hours" : jtext(reply, "currency", "");
	char until[64];
	size_t i;

	text_time(jtime(reply, "until"), until, sizeof until);
	json_array_foreach(budgets, i, b) {
		const char *account = jtext(b, "account", NULL);

		printf("%sBudget of %s %s: %.2f of %.2f%s%s spent, %.2f left until %s\n", i ? "" : "\n", account ? "account" : "user",
		       account ? account : jtext(b, "user", "?"), jreal(b, "spent", 0), jreal(b, "budget", 0), *unit ? " " : "", unit, jreal(b, "left", 0), until);
	}
}

/* Local time, as days are. */
static int64_t first_of_month(int64_t now)
{
	time_t seconds = (time_t)(now / USEC_PER_SEC);
	struct tm tm;

	localtime_r(&seconds, &tm);
	tm = (struct tm){.tm_year = tm.tm_year, .tm_mon = tm.tm_mon, .tm_mday = 1, .tm_isdst = -1};
	return (int64_t)mktime(&tm) * USEC_PER_SEC;
}

static void cost_free(struct cost *c)
{
	for (uint32_t i = 0; i < c->n; i++)
		free(c->sum[i].key);
	free(c->sum);
	free(c->currency);
	json_decref(c->index);
}

static int cost_run(struct cli *cli, void *options, char **words)
{
	const struct cost_options *o = options;
	int64_t now = clock_real_usec();
	struct cost c = {.o = o, .now = now, .since = o->since ? o->since : first_of_month(now), .total = {.key = (char *)"total"}, .index = json_object()};
	struct list_filter filter = {.user = o->me ? own_user_name() : o->user, .account = o->account, .since_usec = c.since, .until_usec = o->until};
	json_t *budgets = NULL;
	struct mscg_error error = {0};
	struct mscg *m;
	int r = 0;

	(void)words;
	if (o->me && o->user)
		r = cli_usage(cli, "cost: --user beside --me: expected one of them");
	else if (o->csv && cli->json)
		r = cli_usage(cli, "cost: --csv beside --json: expected one of them");
	else if (o->until && o->until < c.since)
		r = cli_usage(cli, "cost: --until lies before --since%s", o->since ? "" : ", by default the first of this month");
	if (r == 0)
		r = cli_ask(cli, CONNECT_ONCE, "Budgets", NULL, &budgets);
	if (r == 0)
		r = cli_connect(cli, CONNECT_ONCE, &m);
	if (r == 0) {
		r = list_jobs(m, &filter, on_job, &c, &error) < 0 ? cli_fail(&error) : 0;
		mscg_close(m);
		sort(&c);
		if (r == 0 && cli->json)
			print_cost_json(&c, budgets);
		else if (r == 0)
			(o->csv ? print_csv : print_table)(&c);
		if (r == 0 && !cli->json && !o->csv)
			print_budgets(budgets);
	}
	json_decref(budgets);
	cost_free(&c);
	return r;
}

#define COST(field) offsetof(struct cost_options, field)
static const struct option_spec cost_options[] = {
	{'S', "since", "TIME", "jobs that ended at this time or later, and those that run (default: the first of this month)", value_time, COST(since)},
	{'E', "until", "TIME", "jobs that ended before this time", value_time, COST(until)},
	{'u', "user", "NAME", "jobs of this user", value_text, COST(user)},
	{0, "me", NULL, "one's own jobs", value_true, COST(me)},
	{'A', "account", "NAME", "jobs of this account", value_text, COST(account)},
	{0, "by", "WHAT", "a line for each (default: user)", value_word, COST(by), .words = "user|account|partition|qos|day|job"},
	{0, "csv", NULL, "comma separated, for a spreadsheet", value_true, COST(csv)},
	{0},
};

const struct verb verb_cost = {
	.name = "cost",
	.summary = "Sum up what jobs held, and what that costs",
	.about = "Sums up CPU-hours (CPUs held times time, elastic ones exactly), GiB-hours (memory times time) and, where mscgd has rates\n"
	         "(cost-rates in mscg.conf(5), of a partition or QOS too), what they cost. A job counts whole when it ended, and one that\n"
	         "runs until now, with all of its attempts where it was requeued. Reckoned from what is stored, by the rates of today.\n"
	         "Behind it stand the budgets that there are, what of them is spent and what is left ([budget] in mscg.conf(5)). Times are\n"
	         "2026-01-31, 2026-01-31T12:00, today, yesterday, now-2hours.",
	.examples = "  mscg cost\n  mscg cost --by account --since 2026-01-01 --until 2026-02-01 --csv > january.csv\n"
	            "  mscg cost --me --by job --since today",
	.run = cost_run,
	.options = cost_options,
	.defaults = &(const struct cost_options){.by = "user"},
	.size = sizeof(struct cost_options),
};
