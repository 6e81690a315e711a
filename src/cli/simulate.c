/* mscg simulate: the scheduler in virtual time over a workload. */
#include "cli.h"

#include <fcntl.h>

#include "outcome.h"
#include "scenario.h"
#include "src/base/fd.h"
#include "src/base/gres.h"
#include "workload.h"

#define POLICIES "fcfs, easy, conservative, elastic, firstfit or firstfit-elastic"
#define COMPARED POLICIES ", or a configuration (FILE.conf, or a path with a /)"
#define DEFAULT_POLICIES "fcfs,easy,conservative,elastic"
#define NOT_SAID UINT32_MAX

enum { MOST_BARS = 5000, MOST_POLICIES = 8, MOST_JOBS = 10000000, WORKLOAD_MAX = 1 << 30 };

struct simulate_options {
	uint32_t jobs, cpus, threshold, depth, guard;
	int32_t  seed;
	uint64_t mem;
	double   load, share, shrink, grow, serial;
	const char *policy, *policies, *svg, *config, *settings, *gres;
	bool     print;
};

/* What --compare may name, each as it differs from the others. */
static const struct policy {
	const char *name, *about;
	enum config_scheduler scheduler;
	bool elastic;
} policies[] = {
	{"fcfs", "first come first served: nothing passes a job that waits", SCHEDULER_FCFS, false},
	{"easy", "EASY backfill: nothing makes the first of the queue later", SCHEDULER_EASY, false},
	{"conservative", "conservative backfill: nothing makes anybody later", SCHEDULER_CONSERVATIVE, false},
	{"firstfit", "whatever fits starts, by priority and then first come; elastic jobs stay as they asked", SCHEDULER_FIRSTFIT, false},
	{"elastic", "EASY backfill, and elastic jobs grow and shrink", SCHEDULER_EASY, true},
	{"firstfit-elastic", "whatever fits starts, and elastic jobs grow and shrink", SCHEDULER_FIRSTFIT, true},
};

/* One line of the result. */
struct run {
	const char *name; /* of the policy, or of the file without its directory */
	const struct policy *policy; /* NULL: as the configuration says */
	char       *config;   /* a file; NULL: none */
	const char *settings; /* beside it */
	struct scenario scenario; /* of both */
	struct outcome outcome;
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

/* The whole path where another is called the same without it. */
static const char *name_of(const struct run *run, const struct run *runs, int n)
{
	const char *name = run->name;

	for (int i = 0; i < n && !run->policy; i++)
		if (streq(runs[i].name, run->name) && (runs[i].policy || !streq(runs[i].config, run->config)))
			name = run->config;
	return run->settings && !run->policy ? cli_keep(xasprintf("%s+set", name)) : name;
}

/* "--NAME=VALUE", as on mscgd's own command line. */
static int value_setting(void *target, const char *value, const struct option_spec *option, struct mscg_error *error)
{
	const char **list = target;

	(void)option;
	if (!strchr(value, '=') || value[0] == '-' || strchr(value, '\n'))
		return mscg_error_set(error, -EINVAL, "'%.60s': expected NAME=VALUE, as scheduler=conservative", value);
	if (strncmp(value, "config=", 7) == 0)
		return mscg_error_set(error, -EINVAL, "'%.60s': expected a setting within the configuration; --config names its file", value);
	*list = cli_keep(*list ? xasprintf("%s\n--%s", *list, value) : xasprintf("--%s", value));
	return 0;
}

static int value_gres(void *target, const char *value, const struct option_spec *option, struct mscg_error *error)
{
	struct core_gres kinds[CORE_GRES_MAX];
	uint32_t n;
	int r = sim_gres_parse(value, kinds, &n, error);

	(void)option;
	if (r == 0)
		*(const char **)target = value;
	return r;
}

static int value_double(void *target, const char *value, const struct option_spec *option, struct mscg_error *error)
{
	char *end;
	double d = strtod(value, &end);

	(void)option;
	if (!*value || *end || !(d >= 0) || d > 1e6)
		return mscg_error_set(error, -EINVAL, "'%s' is no number: expected one such as 0.5", value);
	*(double *)target = d;
	return 0;
}

static int value_share(void *target, const char *value, const struct option_spec *option, struct mscg_error *error)
{
	if (value_double(target, value, option, error) < 0)
		return -EINVAL;
	if (*(double *)target > 1)
		return mscg_error_set(error, -EINVAL, "%s is above 1: expected a share, 0 to 1", value);
	return 0;
}

static const struct policy *policy_named(const char *name, size_t length)
{
	for (size_t i = 0; i < ARRAY_SIZE(policies); i++)
		if (strlen(policies[i].name) == length && strncmp(policies[i].name, name, length) == 0)
			return &policies[i];
	return NULL;
}

static bool is_config(const char *word)
{
	size_t n = strlen(word);

	return strchr(word, '/') || (n > 5 && streq(word + n - 5, ".conf"));
}

/* How many, or an exit status below 0. */
static int choose_named(const struct cli *cli, const struct simulate_options *o, const char *option, const char *words, struct run *runs)
{
	int n = 0;

	for (const char *at = words; *at; at += strcspn(at, ",") + (at[strcspn(at, ",")] == ',')) {
		size_t length = strcspn(at, ",");
		const struct policy *policy = policy_named(at, length);
		_cleanup_free_ char *word = xstrndup(at, length);

		if (n == MOST_POLICIES)
			return -cli_usage(cli, "simulate: --%s names more than %d", option, MOST_POLICIES);
		if (!policy && !is_config(word))
			return -cli_usage(cli, "simulate: --%s: there is no policy '%s': expected " COMPARED, option, word);
		if (!policy && o->config)
			return -cli_usage(cli, "simulate: --%s: '%s' is a configuration, as is %s of --config: expected policies beside that, or both in --compare",
			                  option, word, o->config);
		runs[n++] = policy ? (struct run){.name = policy->name, .policy = policy, .config = xstrdup(o->config), .settings = o->settings}
		                   : (struct run){.name = cli_keep(xstrdup(base_name(word))), .config = xstrdup(word)};
	}
	return n ? n : -cli_usage(cli, "simulate: --%s names no policy: expected " COMPARED, option);
}

/* Where nothing is named, the configuration is, and beside it what it would be with other settings. */
static int choose(const struct cli *cli, const struct simulate_options *o, struct run *runs)
{
	int n = 0;

	if (o->settings && !o->config)
		return -cli_usage(cli, "simulate: --set without --config: expected the configuration that it changes");
	if (o->policy && o->policies)
		return -cli_usage(cli, "simulate: --policy and --compare: expected one of them");
	if (o->policy || o->policies)
		return choose_named(cli, o, o->policy ? "policy" : "compare", o->policy ? o->policy : o->policies, runs);
	if (!o->config)
		return choose_named(cli, o, "compare", DEFAULT_POLICIES, runs);
	runs[n++] = (struct run){.name = base_name(o->config), .config = xstrdup(o->config)};
	if (o->settings)
		runs[n++] = (struct run){.name = base_name(o->config), .config = xstrdup(o->config), .settings = o->settings};
	return n;
}

static int load(struct run *runs, int n)
{
	struct mscg_error error = {0};

	for (int i = 0; i < n; i++)
		runs[i].outcome.name = name_of(&runs[i], runs, n);
	for (int i = 0; i < n; i++)
		if (runs[i].config && scenario_load(&runs[i].scenario, runs[i].config, runs[i].settings, &error) < 0) {
			cli_error("simulate: %s", error.text);
			return CLI_FAILED;
		}
	return 0;
}

/* What the command line says is before the configuration, and that before the workload. */
static uint32_t machine_cpus(const struct simulate_options *o, const struct config *c, const struct sim_workload *w)
{
	uint64_t cpus = o->cpus ? o->cpus : c->total_cpus ? c->total_cpus : w->cpus ? w->cpus : 128;

	return (uint32_t)MIN_OF(cpus, (uint64_t)UINT32_MAX);
}

static uint64_t machine_mem(const struct simulate_options *o, const struct config *c, const struct sim_workload *w)
{
	return o->mem ? o->mem : c->total_mem ? c->total_mem : w->mem_bytes ? w->mem_bytes : SIM_MEM_ENDLESS;
}

static char *machine_gres(const struct simulate_options *o, const struct run *run, const struct sim_workload *w)
{
	return o->gres ? xstrdup(o->gres) : scenario_gres(&run->scenario, w->gres);
}

/* Whose machine a workload is made for. */
static const struct config *first_config(const struct run *runs, int n)
{
	for (int i = 0; i < n; i++)
		if (runs[i].config)
			return &runs[i].scenario.config;
	return &runs[0].scenario.config;
}

/* *ret_elastic: it says itself which jobs are. */
static int get_workload(const struct simulate_options *o, const char *path, const struct config *c, struct sim_workload *ret, bool *ret_elastic)
{
	struct mscg_error error = {0};
	_cleanup_free_ char *text = NULL;
	uint32_t skipped = 0;
	size_t size;
	int r;

	if (!path) {
		sim_generate(ret, o->jobs ? o->jobs : 5000, machine_cpus(o, c, ret), (uint64_t)o->seed, o->load);
		return 0;
	}
	r = fd_read_file_at(AT_FDCWD, path, WORKLOAD_MAX, &text, &size);
	if (r < 0) {
		cli_error("simulate: cannot read %s: %s", path, strerror(-r));
		return CLI_FAILED;
	}
	if (strlen(text) != size) {
		cli_error("simulate: %s: contains a NUL byte", path);
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

static int write_svg(const struct simulate_options *o, const struct run *run, const struct sim_workload *w, const struct sim_options *options)
{
	_cleanup_free_ char *path = xasprintf("%s-%s.svg", o->svg, run->outcome.name);
	_cleanup_free_ char *svg = sim_svg(w, options, run->policy ? run->policy->about : run->outcome.name, MOST_BARS);
	_cleanup_fclose_ FILE *f = NULL;

	for (char *c = path + strlen(o->svg); *c; c++)
		*c = *c == '/' ? '_' : *c;
	f = fopen(path, "we");
	if (!f || fputs(svg, f) < 0 || fclose(steal(&f)) != 0) {
		cli_error("simulate: cannot write %s: %s", path, strerror(errno));
		return CLI_FAILED;
	}
	if (w->n > MOST_BARS)
		cli_error("simulate: %s shows the first %d jobs of %u", path, MOST_BARS, w->n);
	return 0;
}

static void fill_config(const struct simulate_options *o, const struct policy *policy, struct config *c)
{
	if (policy) {
		c->scheduler = policy->scheduler;
		c->disable_elastic = !policy->elastic;
	}
	c->backfill_depth = o->depth ? o->depth : c->backfill_depth;
	c->starvation_guard = o->guard != NOT_SAID ? o->guard : c->starvation_guard;
	c->elastic_threshold = o->threshold ? o->threshold : c->elastic_threshold;
}

static int simulate_one(const struct simulate_options *o, struct sim_workload *w, struct run *run)
{
	struct config *c = &run->scenario.config;
	struct core_gres kinds[CORE_GRES_MAX];
	struct sim_options options = {
		.serial = o->serial, .cpus = machine_cpus(o, c, w), .mem_bytes = machine_mem(o, c, w), .gres = kinds,
	};
	_cleanup_free_ char *gres = machine_gres(o, run, w);
	struct mscg_error error = {0};
	int r = gres ? sim_gres_parse(gres, kinds, &options.gres_n, &error) : 0;

	if (r < 0) {
		cli_error("simulate: %s: %s", run->config, error.text); /* others' were looked at when they were read */
		return CLI_FAILED;
	}
	if (run->config) {
		fill_config(o, run->policy, c);
		scenario_apply(&run->scenario, w, &options);
	} else {
		options.scheduler = policy_scheduler(run->policy->scheduler);
		options.elastic = run->policy->elastic;
		options.backfill_depth = o->depth;
		options.starvation_guard_s = o->guard != NOT_SAID ? o->guard : 3600;
		options.elastic_threshold = o->threshold ? o->threshold : 50;
	}
	r = sim_run(w, &options, &run->outcome.result, &error);
	if (r < 0)
		cli_error("simulate: %s", error.text);
	else if (o->svg)
		r = write_svg(o, run, w, &options);
	return r ? CLI_FAILED : 0;
}

static int simulate_all(const struct cli *cli, const struct simulate_options *o, struct sim_workload *w, struct run *runs, int n)
{
	struct outcome outcomes[MOST_POLICIES];
	bool preempts = false;

	for (int i = 0; i < n; i++) {
		if (simulate_one(o, w, &runs[i]))
			return CLI_FAILED;
		preempts |= runs[i].config != NULL;
		outcomes[i] = runs[i].outcome;
	}
	outcomes_print(outcomes, n, cli->json, preempts);
	return CLI_OK;
}

static int simulate_workload(const struct cli *cli, const struct simulate_options *o, const char *path, struct run *runs, int n)
{
	const struct config *c = first_config(runs, n);
	struct sim_workload w = {0};
	bool says_elastic = false;
	int r = get_workload(o, path, c, &w, &says_elastic);

	if (r == 0 && o->print) {
		_cleanup_free_ char *text = sim_write_swf(&w);
		fputs(text, stdout);
	} else if (r == 0) {
		if (o->share >= 0 || !says_elastic)
			sim_make_elastic(&w, o->share >= 0 ? o->share : 0.5, o->shrink, MAX_OF(o->grow, 1.0), machine_cpus(o, c, &w), (uint64_t)o->seed);
		r = simulate_all(cli, o, &w, runs, n);
	}
	sim_workload_free(&w);
	return r;
}

static int simulate_run(struct cli *cli, void *options, char **words)
{
	const struct simulate_options *o = options;
	struct run runs[MOST_POLICIES] = {0};
	int n, r;

	if (o->cpus > MSCG_CPUS_MAX)
		return cli_usage(cli, "simulate: --cpus: %u is more than can be simulated: expected 1 to %u", o->cpus, MSCG_CPUS_MAX);
	if (o->jobs > MOST_JOBS)
		return cli_usage(cli, "simulate: --jobs: %u is more than can be generated: expected 1 to %d", o->jobs, MOST_JOBS);
	if (o->shrink > 1)
		return cli_usage(cli, "simulate: --shrink: %g is above 1: an elastic job cannot shrink to more than it asked", o->shrink);
	n = choose(cli, o, runs);
	r = n < 0 ? -n : load(runs, n);
	if (r == 0)
		r = simulate_workload(cli, o, words[0], runs, n);
	for (int i = 0; i < MOST_POLICIES; i++) {
		scenario_clear(&runs[i].scenario);
		free(runs[i].config);
	}
	return r;
}

#define AT(field) offsetof(struct simulate_options, field)
static const struct option_spec simulate_options[] = {
	{0, "config", "FILE", "decide as mscgd would with this configuration (mscg.conf(5))", value_text, AT(config), .values = VALUES_FILE},
	{0, "set", "NAME=VALUE", "and, for comparison, with this setting of it changed; several times: all in one second run", value_setting, AT(settings)},
	{0, "policy", "NAME", POLICIES ", or a configuration as below", value_text, AT(policy)},
	{0, "compare", "NAMES", "several, with commas (default: " DEFAULT_POLICIES "); configurations too: FILE.conf, or with a /", value_text, AT(policies)},
	{0, "backfill-depth", "N", "conservative: so many waiting jobs have a time to start (default: 100)", value_count, AT(depth)},
	{0, "cpus", "N", "CPUs of the machine (default: what the workload says, or 128)", value_count, AT(cpus)},
	{0, "mem", "SIZE", "memory of the machine (default: what the workload says, or never short of it)", value_size, AT(mem)},
	{0, "gres", "LIST", "generic resources of the machine, as gpu:4,license:matlab:2", value_gres, AT(gres)},
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
	.seed = 1, .load = 0.9, .share = -1, .shrink = 0.5, .grow = 2, .serial = 0.05, .guard = NOT_SAID,
};

const struct verb verb_simulate = {
	.name = "simulate",
	.summary = "Run a workload through the scheduler in virtual time",
	.words = "[WORKLOAD]",
	.about = "Reads a workload in the Standard Workload Format or as mscg export writes it, or generates one by the\n"
	         "model of Lublin and Feitelson, and lets the scheduler of mscgd decide over it in virtual time: no daemon is asked, and\n"
	         "nothing runs. Prints makespan, share of the CPUs used, mean and 95 % wait, mean bounded slowdown\n"
	         "(bound 10 s), Jain's fairness over users, and how often a job was resized.\n"
	         "With --config it decides by all that a configuration of mscgd says of scheduling, QOS, partitions, accounts, priorities and\n"
	         "budgets, and prints too how often a job made room for one that may preempt it, and how. A wait is all the time from\n"
	         "submission to end in which a job did not run, or ran in vain; jobs that were cancelled to make room are in no mean.\n"
	         "The machine is that of the command line, else of the configuration (total-cpus, total-mem, gres, licenses), else of the\n"
	         "workload.",
	.examples = "  mscg simulate --jobs 10000 --cpus 64\n"
	            "  mscg simulate --policy easy --jobs 10000\n"
	            "  mscg simulate week.jsonl --config mscg.conf --set scheduler=conservative\n"
	            "  mscg simulate week.jsonl --compare /etc/mscg/mscg.conf,with-gpu-qos.conf\n"
	            "  mscg simulate CTC-SP2-1996-3.1-cln.swf --elastic-share 0.3 --svg picture\n"
	            "  mscg simulate --jobs 1000 --seed 7 --print-workload > workload.swf",
	.run = simulate_run,
	.options = simulate_options,
	.defaults = &defaults,
	.size = sizeof(struct simulate_options),
	.words_max = 1,
	.values = VALUES_FILE,
};
