/* mscg simulate: the scheduler in virtual time over a workload. */
#include "cli.h"

#include <fcntl.h>

#include "src/base/fd.h"
#include "workload.h"

#define POLICIES "fcfs, easy, conservative, elastic, firstfit or firstfit-elastic"

enum { MOST_BARS = 5000, MOST_POLICIES = 8, WORKLOAD_MAX = 1 << 30 };

struct simulate_options {
	uint32_t jobs, cpus, threshold, depth, guard;
	int32_t  seed;
	uint64_t mem;
	double   load, share, shrink, grow, serial;
	const char *policy, *policies, *svg;
	bool     print;
};

/* What --compare may name, each as it differs from the others. */
static const struct policy {
	const char *name, *about;
	enum sim_scheduler scheduler;
	bool elastic;
} policies[] = {
	{"fcfs", "first come first served: nothing passes a job that waits", SIM_FCFS, false},
	{"easy", "EASY backfill: nothing makes the first of the queue later", SIM_EASY, false},
	{"conservative", "conservative backfill: nothing makes anybody later", SIM_CONSERVATIVE, false},
	{"firstfit", "whatever fits starts, by priority and then first come; elastic jobs stay as they asked", SIM_FIRSTFIT, false},
	{"elastic", "EASY backfill, and elastic jobs grow and shrink", SIM_EASY, true},
	{"firstfit-elastic", "whatever fits starts, and elastic jobs grow and shrink", SIM_FIRSTFIT, true},
};

static int value_double(void *target, const char *value, const struct option_spec *option, struct mscg_error *error)
{
	char *end;
	double d = strtod(value, &end);

	if (!*value || *end || !(d >= 0) || d > 1e6)
		return mscg_error_set(error, -EINVAL, "--%s: '%s' is no number: expected one such as 0.5", option->name, value);
	*(double *)target = d;
	return 0;
}

static int value_share(void *target, const char *value, const struct option_spec *option, struct mscg_error *error)
{
	if (value_double(target, value, option, error) < 0)
		return -EINVAL;
	if (*(double *)target > 1)
		return mscg_error_set(error, -EINVAL, "--%s: %s is above 1: expected a share, 0 to 1", option->name, value);
	return 0;
}

static int choose(const struct cli *cli, const char *option, const char *words, const struct policy *ret[MOST_POLICIES])
{
	int n = 0;

	for (const char *at = words; *at; at += strcspn(at, ",") + (at[strcspn(at, ",")] == ',')) {
		int length = (int)strcspn(at, ",");
		size_t i = 0;

		while (i < ARRAY_SIZE(policies) && !((int)strlen(policies[i].name) == length && strncmp(policies[i].name, at, (size_t)length) == 0))
			i++;
		if (i == ARRAY_SIZE(policies) || n == MOST_POLICIES)
			return cli_usage(cli, "simulate: --%s: there is no policy '%.*s': expected " POLICIES, option, length, at);
		ret[n++] = &policies[i];
	}
	return n ? -n : cli_usage(cli, "simulate: --%s names no policy: expected " POLICIES, option);
}

/* *ret_elastic: it says itself which jobs are. */
static int get_workload(const struct simulate_options *o, const char *path, struct sim_workload *ret, bool *ret_elastic)
{
	struct mscg_error error = {0};
	_cleanup_free_ char *text = NULL;
	uint32_t skipped = 0;

	if (!path) {
		sim_generate(ret, o->jobs ? o->jobs : 5000, o->cpus ? o->cpus : 128, (uint64_t)o->seed, o->load);
		return 0;
	}
	if (fd_read_file_at(AT_FDCWD, path, WORKLOAD_MAX, &text, NULL) < 0) {
		cli_error("simulate: cannot read %s: %s", path, strerror(errno));
		return CLI_FAILED;
	}
	if ((workload_is_json(text) ? workload_read_json(text, ret, &error) : sim_read_swf(text, ret, &skipped, &error)) < 0) {
		cli_error("simulate: %s: %s", path, error.text);
		return CLI_FAILED;
	}
	*ret_elastic = workload_is_json(text);
	if (!ret->n) {
		cli_error("simulate: %s: no job that ran is in it", path);
		return CLI_FAILED;
	}
	if (skipped)
		cli_error("simulate: %s: %u jobs that never ran are left out", path, skipped);
	return 0;
}

static int write_svg(const struct simulate_options *o, const struct policy *policy, const struct sim_workload *w,
                     const struct sim_options *options)
{
	_cleanup_free_ char *path = xasprintf("%s-%s.svg", o->svg, policy->name);
	_cleanup_free_ char *svg = sim_svg(w, options, policy->about, MOST_BARS);
	FILE *f = fopen(path, "we");

	if (!f || fputs(svg, f) < 0 || fclose(f) != 0) {
		cli_error("simulate: cannot write %s: %s", path, strerror(errno));
		return CLI_FAILED;
	}
	if (w->n > MOST_BARS)
		cli_error("simulate: %s shows the first %d jobs of %u", path, MOST_BARS, w->n);
	return 0;
}

static json_t *result_json(const struct policy *policy, const struct sim_result *r)
{
	return json_pack("{s:s, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I}", "policy", policy->name, "jobs", (json_int_t)r->jobs,
	                 "makespan_seconds", r->makespan_s, "utilisation", r->utilisation, "mean_wait_seconds", r->wait_mean_s,
	                 "p95_wait_seconds", r->wait_p95_s, "max_wait_seconds", r->wait_max_s, "mean_bounded_slowdown", r->slowdown_mean,
	                 "fairness", r->fairness, "resizes", (json_int_t)r->resizes, "steps", (json_int_t)r->steps);
}

static void print_results(const struct policy *const *chosen, const struct sim_result *results, int n)
{
	static const struct table_column columns[] = {
		{"POLICY", 8, 0, false}, {"JOBS", 7, 0, true}, {"MAKESPAN", 11, 0, true}, {"USED", 6, 0, true}, {"WAIT", 11, 0, true},
		{"WAIT-95%", 11, 0, true}, {"SLOWDOWN", 8, 0, true}, {"FAIRNESS", 8, 0, true}, {"RESIZES", 8, 0, true}, {0},
	};
	struct table *t = table_new(columns, true);
	char a[64];

	for (int i = 0; i < n; i++) {
		const struct sim_result *r = &results[i];

		table_text(t, chosen[i]->name);
		table_cell(t, "%u", r->jobs);
		table_text(t, text_elapsed(r->makespan_s, a, sizeof a));
		table_cell(t, "%.1f%%", r->utilisation * 100);
		table_text(t, text_elapsed(r->wait_mean_s, a, sizeof a));
		table_text(t, text_elapsed(r->wait_p95_s, a, sizeof a));
		table_cell(t, "%.2f", r->slowdown_mean);
		table_cell(t, "%.3f", r->fairness);
		table_cell(t, "%llu", (unsigned long long)r->resizes);
	}
	table_end(t);
}

static int simulate_all(const struct cli *cli, const struct simulate_options *o, struct sim_workload *w, const struct policy *const *chosen,
                        int n)
{
	struct sim_result results[MOST_POLICIES];
	struct mscg_error error = {0};
	json_t *all = json_array();

	for (int i = 0; i < n; i++) {
		struct sim_options options = {
			.cpus = o->cpus ? o->cpus : w->cpus ? w->cpus : 128, .mem_bytes = o->mem ? o->mem : w->mem_bytes ? w->mem_bytes : (uint64_t)1 << 60,
			.scheduler = chosen[i]->scheduler, .backfill_depth = o->depth, .starvation_guard_s = o->guard,
			.elastic = chosen[i]->elastic, .elastic_threshold = o->threshold, .serial = o->serial,
		};

		if (sim_run(w, &options, &results[i], &error) < 0) {
			cli_error("simulate: %s", error.text);
			json_decref(all);
			return CLI_FAILED;
		}
		json_array_append_new(all, result_json(chosen[i], &results[i]));
		if (o->svg && write_svg(o, chosen[i], w, &options)) {
			json_decref(all);
			return CLI_FAILED;
		}
	}
	if (cli->json) {
		json_t *object = json_pack("{s:O}", "results", all);
		print_json(object);
		json_decref(object);
	} else
		print_results(chosen, results, n);
	json_decref(all);
	return CLI_OK;
}

static int simulate_run(struct cli *cli, void *options, char **words)
{
	const struct simulate_options *o = options;
	const struct policy *chosen[MOST_POLICIES];
	struct sim_workload w = {0};
	bool says_elastic = false;
	int n = choose(cli, o->policy ? "policy" : "compare", o->policy ? o->policy : o->policies, chosen), r;

	if (n > 0)
		return n;
	if (o->cpus > MSCG_CPUS_MAX)
		return cli_usage(cli, "simulate: --cpus: %u is more than can be simulated: expected 1 to %u", o->cpus, MSCG_CPUS_MAX);
	if (o->shrink > 1)
		return cli_usage(cli, "simulate: --shrink: %g is above 1: an elastic job cannot shrink to more than it asked", o->shrink);
	r = get_workload(o, words[0], &w, &says_elastic);
	if (r == 0 && o->print) {
		_cleanup_free_ char *text = sim_write_swf(&w);
		fputs(text, stdout);
	} else if (r == 0) {
		if (o->share >= 0 || !says_elastic)
			sim_make_elastic(&w, o->share >= 0 ? o->share : 0.5, o->shrink, MAX_OF(o->grow, 1.0), o->cpus ? o->cpus : w.cpus ? w.cpus : 128, (uint64_t)o->seed);
		r = simulate_all(cli, o, &w, chosen, -n);
	}
	sim_workload_free(&w);
	return r;
}

#define AT(field) offsetof(struct simulate_options, field)
static const struct option_spec simulate_options[] = {
	{0, "policy", "NAME", POLICIES, value_text, AT(policy)},
	{0, "compare", "NAMES", "several, with commas (default: fcfs,easy,conservative,elastic)", value_text, AT(policies)},
	{0, "backfill-depth", "N", "conservative: so many waiting jobs have a time to start (default: 100)", value_count, AT(depth)},
	{0, "cpus", "N", "CPUs of the machine (default: what the workload says, or 128)", value_count, AT(cpus)},
	{0, "mem", "SIZE", "memory of the machine (default: what the workload says, or never short of it)", value_size, AT(mem)},
	{0, "jobs", "N", "without a file: generate so many jobs (default: 5000)", value_count, AT(jobs)},
	{0, "seed", "N", "of what is drawn by chance (default: 1)", value_int32, AT(seed)},
	{0, "load", "SHARE", "generated work as a share of the machine (default: 0.9; 0: as the model has it)", value_double, AT(load)},
	{0, "starvation-guard", "TIME", "nothing passes a job without expected start after so long (default: 1h)", value_limit, AT(guard)},
	{0, "elastic-share", "SHARE", "so many of the jobs are elastic (default: 0.5; of JSON lines those that say so)", value_share, AT(share)},
	{0, "shrink", "FACTOR", "to this many of their CPUs (default: 0.5)", value_double, AT(shrink)},
	{0, "grow", "FACTOR", "and to so many times as many (default: 2)", value_double, AT(grow)},
	{0, "serial", "SHARE", "share of a job's work that CPUs do not shorten, after Amdahl (default: 0.05)", value_share, AT(serial)},
	{0, "elastic-threshold", "PERCENT", "elastic jobs grow while utilisation is below this (default: 50)", value_count, AT(threshold)},
	{0, "svg", "PREFIX", "draw each run into PREFIX-POLICY.svg", value_text, AT(svg), .values = VALUES_FILE},
	{0, "print-workload", NULL, "print the workload (Standard Workload Format) and do nothing else", value_true, AT(print)},
	{0},
};

static const struct simulate_options defaults = {
	.policies = "fcfs,easy,conservative,elastic", .seed = 1, .load = 0.9, .share = -1, .shrink = 0.5, .grow = 2, .serial = 0.05, .threshold = 50, .guard = 3600,
};

const struct verb verb_simulate = {
	.name = "simulate",
	.summary = "Run a workload through the scheduler in virtual time",
	.words = "[WORKLOAD]",
	.about = "Reads a workload in the Standard Workload Format or as mscg export writes it, or generates one by the\n"
	         "model of Lublin and Feitelson, and lets the scheduler of mscgd decide over it in virtual time: no daemon is asked, and\n"
	         "nothing runs. Prints makespan, share of the CPUs used, mean and 95 % wait, mean bounded slowdown\n"
	         "(bound 10 s), Jain's fairness over users, and how often a job was resized.",
	.examples = "  mscg simulate --jobs 10000 --cpus 64\n"
	            "  mscg simulate --policy easy --jobs 10000\n"
	            "  mscg simulate CTC-SP2-1996-3.1-cln.swf --elastic-share 0.3 --svg picture\n"
	            "  mscg simulate --jobs 1000 --seed 7 --print-workload > workload.swf",
	.run = simulate_run,
	.options = simulate_options,
	.defaults = &defaults,
	.size = sizeof(struct simulate_options),
	.words_max = 1,
	.values = VALUES_FILE,
};
