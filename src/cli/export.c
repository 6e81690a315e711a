/* mscg export: what ran, as a workload for `mscg simulate`. */
#include <math.h>

#include "job_text.h"
#include "list.h"
#include "src/base/buf.h"
#include "src/base/clock.h"
#include "src/base/parse.h"
#include "workload.h"

struct export_options {
	int64_t     since, until;
	const char *user, *account;
	bool        me, swf, names;
};

struct export {
	const struct export_options *o;
	json_t  *machine;    /* Totals */
	json_t  *extra;      /* "qos NAME", "partition NAME": the priority that its jobs have by it */
	json_t  *users;      /* name: number, from 1 on */
	int64_t  begin_usec; /* 0: no job yet */
	struct sim_workload w; /* with --swf */
};

/* Nobody needs to know whose they were. */
static uint32_t user_number(struct export *e, const json_t *job)
{
	const char *user = jtext(job, "user", "");

	if (!json_object_get(e->users, user))
		json_object_set_new(e->users, user, json_integer((json_int_t)json_object_size(e->users) + 1));
	return (uint32_t)jint(e->users, user, 0);
}

/* An elastic job's work at what it asked for: CPU time held, by these CPUs. */
static double run_seconds(const json_t *job)
{
	int64_t held = job_usage(job, "cpu_held_usec");

	return jbool(job, "elastic", false) && held > 0 ? (double)held / 1e6 / jreal(job, "cpus", 1) : jreal(job, "run_seconds", 0);
}

/* Whole ones: the model knows no shares. */
static uint32_t whole_cpus(const json_t *job, const char *key)
{
	return (uint32_t)MAX_OF(ceil(jreal(job, key, 1)), 1.0);
}

static struct sim_job job_of(struct export *e, const json_t *job)
{
	struct sim_job j = {
		.submit_usec = MAX_OF(jtime(job, "submit_time") - e->begin_usec, INT64_C(0)), .run_seconds = run_seconds(job),
		.mem_bytes = (uint64_t)jint(job, "mem_bytes", 0), .cpus = whole_cpus(job, "cpus"), .time_limit_s = (uint32_t)jint(job, "time_limit", 0),
		.user = user_number(e, job), .priority = (int32_t)jint(job, "priority", 0),
	};

	j.min_cpus = jbool(job, "elastic", false) ? MIN_OF(whole_cpus(job, "min_cpus"), j.cpus) : j.cpus;
	j.max_cpus = jbool(job, "elastic", false) ? MAX_OF(whole_cpus(job, "max_cpus"), j.cpus) : j.cpus;
	return j;
}

/* Those of a name that are of no type. */
static int64_t untyped(const json_t *all, const json_t *of)
{
	int64_t n = jint(of, "total", 0);
	const json_t *one;
	size_t i;

	json_array_foreach(all, i, one)
		if (jhas(one, "type") && streq(jtext(one, "name", ""), jtext(of, "name", "")))
			n -= jint(one, "total", 0);
	return n;
}

/* "gpu:a100:4,license:matlab:2"; NULL: it has none. */
static char *machine_gres(const json_t *all)
{
	_cleanup_buf_ struct buf text = {0};
	const json_t *one;
	size_t i;

	json_array_foreach(all, i, one) {
		bool typed = jhas(one, "type");
		int64_t n = typed ? jint(one, "total", 0) : untyped(all, one);

		if (n > 0)
			buf_addf(&text, "%s%s%s%s:%lld", text.size ? "," : "", jtext(one, "name", "?"), typed ? ":" : "", jtext(one, "type", ""), (long long)n);
	}
	return text.size ? buf_steal(&text) : NULL;
}

static void print_machine(const struct export *e)
{
	char begin[64];
	_cleanup_free_ char *gres = machine_gres(json_object_get(e->machine, "gres"));
	json_t *line = json_pack("{s:i, s:s, s:I, s:I, s:s?}", "mscg_workload", 1, "begin", format_rfc3339(e->begin_usec, begin, sizeof begin), "cpus",
	                         (json_int_t)jint(e->machine, "cpus_total", 0), "mem_bytes", (json_int_t)jint(e->machine, "mem_total", 0), "gres", gres);

	print_json_line(line);
	json_decref(line);
}

/* As far as what there is now says what there was. */
static int64_t priority_asked(const struct export *e, const json_t *job)
{
	_cleanup_free_ char *qos = xasprintf("qos %s", jtext(job, "qos", "")), *partition = xasprintf("partition %s", jtext(job, "partition", ""));

	return jint(job, "priority", 0) - jint(e->extra, qos, 0) - jint(e->extra, partition, 0);
}

static void print_job(const struct export *e, const json_t *job, const struct sim_job *j)
{
	json_t *user = e->o->names ? json_string(jtext(job, "user", "?")) : json_integer(j->user);
	json_t *line = json_pack("{s:s, s:f, s:f, s:f, s:i, s:i, s:i, s:I, s:I, s:o, s:i, s:I, s:s?, s:s?, s:s?, s:s?, s:b, s:s}", "id", jtext(job, "id", "?"),
	                         "submit", (double)j->submit_usec / 1e6, "wait", jreal(job, "wait_seconds", 0), "run", j->run_seconds, "cpus",
	                         (int)j->cpus, "min_cpus", (int)j->min_cpus, "max_cpus", (int)j->max_cpus, "mem_bytes", (json_int_t)j->mem_bytes,
	                         "time_limit", (json_int_t)j->time_limit_s, "user", user, "priority", (int)j->priority, "priority_asked",
	                         (json_int_t)priority_asked(e, job), "qos", jtext(job, "qos", NULL), "partition", jtext(job, "partition", NULL),
	                         "account", jtext(job, "account", NULL), "gres", jtext(job, "gres", NULL), "requeue", jbool(job, "requeue", false),
	                         "state", jtext(job, "state", "?"));

	print_json_line(line);
	json_decref(line);
}

static bool on_job(json_t *job, void *ctx)
{
	struct export *e = ctx;
	struct sim_job j;

	if (jhas(job, "array_tasks") || !job_has_ended(job) || !jhas(job, "start_time"))
		return true;
	if (!e->begin_usec) {
		e->begin_usec = jtime(job, "submit_time");
		if (!e->o->swf)
			print_machine(e);
	}
	j = job_of(e, job);
	if (e->o->swf) {
		GROW(e->w.jobs, e->w.n, e->w.cap);
		e->w.jobs[e->w.n++] = j;
	} else {
		print_job(e, job, &j);
	}
	return true;
}

static void print_swf(struct export *e)
{
	_cleanup_free_ char *text = NULL;

	e->w.cpus = (uint32_t)jint(e->machine, "cpus_total", 0);
	text = sim_write_swf(&e->w);
	fputs(text, stdout);
	sim_workload_free(&e->w);
}

static int ask_extra(struct mscg *m, struct export *e, const char *method, const char *list, const char *kind, struct mscg_error *error)
{
	json_t *reply, *one;
	size_t i;
	int r = mscg_call_json(m, method, json_object(), &reply, error);

	if (r < 0)
		return r;
	json_array_foreach(json_object_get(reply, list), i, one) {
		_cleanup_free_ char *key = xasprintf("%s %s", kind, jtext(one, "name", "?"));

		json_object_set(e->extra, key, json_object_get(one, "priority"));
	}
	json_decref(reply);
	return 0;
}

static int export_jobs(struct mscg *m, struct export *e)
{
	const struct export_options *o = e->o;
	struct list_filter filter = {.user = o->me ? own_user_name() : o->user, .account = o->account, .since_usec = o->since, .until_usec = o->until};
	struct mscg_error error = {0};
	json_t *reply;
	int r;

	if (mscg_call_json(m, "Stats", json_object(), &reply, &error) < 0)
		return cli_fail(&error);
	e->machine = json_object_get(reply, "stats");
	e->users = json_object();
	e->extra = json_object();
	r = ask_extra(m, e, "ListQos", "qos", "qos", &error);
	if (r == 0)
		r = ask_extra(m, e, "ListPartitions", "partitions", "partition", &error);
	if (r == 0)
		r = list_jobs(m, &filter, on_job, e, &error);
	r = r < 0 ? cli_fail(&error) : 0;
	if (r == 0 && e->begin_usec && o->swf)
		print_swf(e);
	else if (r == 0 && !e->begin_usec) {
		cli_error("no job that ran and has ended");
		r = CLI_FAILED;
	}
	json_decref(e->users);
	json_decref(e->extra);
	json_decref(reply);
	return r;
}

static int export_run(struct cli *cli, void *options, char **words)
{
	const struct export_options *o = options;
	struct export e = {.o = o};
	struct mscg *m;
	int r;

	(void)words;
	if (o->me && o->user)
		return cli_usage(cli, "export: --user beside --me: expected one of them");
	if (o->swf && cli->json)
		return cli_usage(cli, "export: --swf beside --json: expected one of them");
	if (o->swf && o->names)
		return cli_usage(cli, "export: --names beside --swf, which has numbers only: expected one of them");
	if (o->since && o->until && o->until < o->since)
		return cli_usage(cli, "export: --until lies before --since");
	r = cli_connect(cli, CONNECT_ONCE, &m);
	if (r)
		return r;
	r = export_jobs(m, &e);
	mscg_close(m);
	return r;
}

#define EXPORT(field) offsetof(struct export_options, field)
static const struct option_spec export_options[] = {
	{'S', "since", "TIME", "jobs that waited or ran at this time or later (default: all)", value_time, EXPORT(since)},
	{'E', "until", "TIME", "jobs that waited or ran at this time or before", value_time, EXPORT(until)},
	{'u', "user", "NAME", "jobs of this user", value_text, EXPORT(user)},
	{0, "me", NULL, "one's own jobs", value_true, EXPORT(me)},
	{'A', "account", "NAME", "jobs of this account", value_text, EXPORT(account)},
	{0, "names", NULL, "users by name: what a configuration says of some of them counts then", value_true, EXPORT(names)},
	{0, "swf", NULL, "in the Standard Workload Format: whole seconds, nothing elastic, no priorities, QOS and so on", value_true, EXPORT(swf)},
	{0},
};

const struct verb verb_export = {
	.name = "export",
	.summary = "Write what ran as a workload for mscg simulate",
	.about = "Writes the jobs that ran and have ended as JSON lines: the machine first, then a job a line with when it was submitted (in\n"
	         "seconds since the first), how long it waited and ran, and what it asked for. mscg simulate reads it: what would another\n"
	         "scheduler, another configuration or a larger machine have made of it? Users are numbered, not named. priority_asked is\n"
	         "what is left of a priority without what QOS and partition have now. What is not in it: why a job waited (dependencies,\n"
	         "holds, --begin). An elastic job's run time is that at the CPUs it asked for: CPU time held, by these.",
	.examples = "  mscg export --since now-7days --names > week.jsonl && mscg simulate --config /etc/mscg/mscg.conf week.jsonl\n"
	            "  mscg export | mscg simulate --cpus 128 --policy easy /dev/stdin\n"
	            "  mscg export --swf > all.swf",
	.run = export_run,
	.options = export_options,
	.size = sizeof(struct export_options),
};
