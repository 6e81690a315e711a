#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <strings.h>

#include "src/base/cost.h"
#include "src/base/fd.h"
#include "src/base/parse.h"

#include <mscg/job.h>

enum type { TYPE_BOOL, TYPE_COUNT, TYPE_SIZE, TYPE_TIME, TYPE_TEXT, TYPE_PERCENT, TYPE_CHOICE, TYPE_ISOLATE, TYPE_RATES, TYPE_WEIGHT, TYPE_AMOUNT };
enum { CLI_ONLY = 1, HIDDEN = 2 };

#define FIELD(type, name) TYPE_##type, offsetof(struct config, name)

static const struct setting {
	struct config_setting pub;
	enum type type;
	size_t    offset;
	unsigned  flags;
} settings[] = {
	{ { "resources", "total-cpus", "N", "CPUs to manage (default: all that the machine has)" }, FIELD(COUNT, total_cpus), 0 },
	{ { "resources", "total-mem", "SIZE", "memory to manage, e.g. 16GB (default: all that the machine has)" }, FIELD(SIZE, total_mem), 0 },
	{ { "resources", "reserve-cpus", "LIST|N", "CPUs that jobs never get: a list like 0,32 or how many" }, FIELD(TEXT, reserve_cpus), 0 },
	{ { "resources", "reserve-mem", "SIZE", "memory that jobs never get (default: 5 %, at most 2G)" }, FIELD(SIZE, reserve_mem), 0 },
	{ { "resources", "shared-cpus", "LIST|N", "CPUs set aside for --cpu-mode=quota: a list or how many" }, FIELD(TEXT, shared_cpus), 0 },
	{ { "resources", "topology-config", "FILE|default", "what is close, as in Slurm's topology.conf; default: 4 cores a switch" }, FIELD(TEXT, topology_config), 0 },
	{ { "resources", "max-jobs", "N", "jobs that may run at once" }, FIELD(COUNT, max_jobs), 0 },
	{ { "gres", "gres", "NAME[:TYPE]:N,...", "what jobs ask for with --gres, as gpu:a100:4,fpga:2 (default: nothing)" }, FIELD(TEXT, gres), 0 },
	{ { "gres", "gres-config", "FILE", "the same with files, as in Slurm's gres.conf: Name= Type= File= Cores=" }, FIELD(TEXT, gres_config), 0 },
	{ { "gres", "gpu-detect", "nvml|off", "where neither says which GPUs there are, ask NVIDIA's library" }, FIELD(CHOICE, gpu_detect), 0 },
	{ { "gres", "nvml-library", "PATH", "that library (default: libnvidia-ml.so.1, where there is one)" }, FIELD(TEXT, nvml_library), 0 },
	{ { "gres", "licenses", "NAME:N,...", "what jobs ask for with --licenses, as matlab:4 (default: nothing)" }, FIELD(TEXT, licenses), 0 },
	{ { "scheduler", "scheduler", "easy|conservative|firstfit|fcfs", "what may pass a job that waits" }, FIELD(CHOICE, scheduler), 0 },
	{ { "scheduler", "backfill-depth", "N", "conservative: so many waiting jobs have a time to start (100)" }, FIELD(COUNT, backfill_depth), 0 },
	{ { "scheduler", "starvation-guard", "TIME", "nothing passes a job without expected start after so long (1h)" }, FIELD(TIME, starvation_guard), 0 },
	{ { "scheduler", "default-qos", "NAME", "the quality of service of jobs that ask for none (normal)" }, FIELD(TEXT, default_qos), 0 },
	{ { "scheduler", "default-partition", "NAME", "the partition of jobs that ask for none, where there are some (none)" }, FIELD(TEXT, default_partition), 0 },
	{ { "priority", "priority-type", "basic|multifactor", "order: --priority, then by submission (basic); or by factors" }, FIELD(CHOICE, priority_type), 0 },
	{ { "priority", "priority-weight-age", "N", "multifactor: what the age of a job counts at most (1000)" }, FIELD(WEIGHT, weight_age), 0 },
	{ { "priority", "priority-weight-fairshare", "N", "multifactor: what its user's share counts at most (10000)" }, FIELD(WEIGHT, weight_fairshare), 0 },
	{ { "priority", "priority-weight-job-size", "N", "multifactor: what its CPUs count at most (0)" }, FIELD(WEIGHT, weight_job_size), 0 },
	{ { "priority", "priority-weight-qos", "N", "multifactor: what its QOS counts at most (0)" }, FIELD(WEIGHT, weight_qos), 0 },
	{ { "priority", "priority-max-age", "TIME", "multifactor: an older job has no more of it (7 days)" }, FIELD(TIME, max_age), 0 },
	{ { "priority", "priority-decay-half-life", "TIME", "multifactor: after so long half of a usage is forgotten (7 days)" }, FIELD(TIME, half_life), 0 },
	{ { "priority", "priority-calc-period", "TIME", "multifactor: factors are worked out so often (10 s)" }, FIELD(TIME, calc_period), 0 },
	{ { "scheduler", "preempt-type", "qos|priority", "whom a job may preempt: as its QOS says, or whoever has a lower priority" }, FIELD(CHOICE, preempt_type), 0 },
	{ { "users", "user-max-submit", "N", "jobs of one user that are not over, each task of an array (no limit)" }, FIELD(COUNT, user_max_submit), 0 },
	{ { "users", "user-max-jobs", "N", "jobs of one user that run at once (no limit)" }, FIELD(COUNT, user_max_jobs), 0 },
	{ { "users", "user-max-cpus", "N", "CPUs that one user's jobs asked for at once (no limit)" }, FIELD(COUNT, user_max_cpus), 0 },
	{ { "users", "user-max-mem", "SIZE", "memory that one user's jobs have at once (no limit)" }, FIELD(SIZE, user_max_mem), 0 },
	{ { "elastic", "elastic-threshold", "PERCENT", "elastic jobs grow while utilisation is below this" }, FIELD(PERCENT, elastic_threshold), 0 },
	{ { "elastic", "disable-elastic", NULL, "elastic jobs stay at the CPUs they asked for" }, FIELD(BOOL, disable_elastic), 0 },
	{ { "jobs", "default-mem-per-cpu", "SIZE", "for jobs that ask for no memory (default: memory / CPUs)" }, FIELD(SIZE, default_mem_per_cpu), 0 },
	{ { "jobs", "default-time-limit", "TIME", "for jobs that give none (default: no limit)" }, FIELD(TIME, default_time_limit), 0 },
	{ { "jobs", "infeasible", "queue|reject", "what to do with a request that this machine can never satisfy" }, FIELD(CHOICE, infeasible), 0 },
	{ { "jobs", "max-launch-retries", "N", "launches put off in a row before a job fails" }, FIELD(COUNT, max_launch_retries), 0 },
	{ { "jobs", "unkillable-timeout", "TIME", "after a kill, until a job is said to be unkillable" }, FIELD(TIME, unkillable_timeout), 0 },
	{ { "jobs", "isolate", "HOW", "for jobs that do not say: default (what it is), strict, none, or parts" }, FIELD(ISOLATE, isolate), 0 },
	{ { "jobs", "isolate-min", "HOW", "jobs have at least this (default: none): default, strict, or parts" }, FIELD(ISOLATE, isolate_min), 0 },
	{ { "jobs", "devices", "NODES", "that jobs with mounts of their own have beside null and the like: /dev/fuse,/dev/kvm" }, FIELD(TEXT, devices), 0 },
	{ { "jobs", "images", "DIR,...", "directories of root's with images (squashfs, erofs) that jobs may have as their root" }, FIELD(TEXT, images), 0 },
	{ { "jobs", "log-max", "SIZE", "at most so much in each output file of a job (default: no limit)" }, FIELD(SIZE, log_max), 0 },
	{ { "jobs", "allow-root-jobs", NULL, "let root submit jobs (they run as root)" }, FIELD(BOOL, allow_root_jobs), 0 },
	{ { "cost", "cost-rates", "RATES", "what an hour costs, CPU=0.04,Mem=0.005G,GPU=1.2 (default: nothing is reckoned)" }, FIELD(RATES, cost_rates), 0 },
	{ { "cost", "cost-currency", "NAME", "what the rates are in, as EUR" }, FIELD(TEXT, cost_currency), 0 },
	{ { "budget", "budget-period", "day|week|month|year", "what budgets are for; they begin anew with each (month)" }, FIELD(CHOICE, budget_period), 0 },
	{ { "budget", "budget-user", "AMOUNT", "what a user may spend: by cost-rates, or CPU-hours without (default: no limit)" }, FIELD(AMOUNT, budget_user), 0 },
	{ { "daemon", "cgroup-root", "PATH", "cgroup under which jobs live" }, FIELD(TEXT, cgroup_root), 0 },
	{ { "daemon", "missing-controllers", "fail|warn", "start without a controller of cpuset, cpu, memory, pids?" }, FIELD(CHOICE, missing_controllers), 0 },
	{ { "daemon", "state-dir", "DIR", "the database" }, FIELD(TEXT, state_dir), 0 },
	{ { "daemon", "runtime-dir", "DIR", "slots, control files (a tmpfs)" }, FIELD(TEXT, runtime_dir), 0 },
	{ { "daemon", "socket", "PATH", "where clients connect" }, FIELD(TEXT, socket), 0 },
	{ { "daemon", "spare-supervisors", "N", "idle supervisors kept ready" }, FIELD(COUNT, spare_supervisors), 0 },
	{ { "daemon", "keep-events", "TIME", "how long the journal is kept (default: for ever)" }, FIELD(TIME, keep_events), 0 },
	{ { "daemon", "operator-group", "GROUP", "its members may act on all jobs" }, FIELD(TEXT, operator_group), 0 },
	{ { "daemon", "privacy", "none|users|jobs", "of others' jobs ordinary users see: all, not whose and what, nothing" }, FIELD(CHOICE, privacy), 0 },
	{ { "daemon", "user-request-rate", "N", "requests a second of one user, operators apart (default: no limit)" }, FIELD(COUNT, user_request_rate), 0 },
	{ { "daemon", "poll-interval", "SECONDS", "accepted for Mini-SLURM's sake; without effect, nothing polls" }, FIELD(TEXT, poll_interval), 0 },
	{ { "daemon", "engine", "local|fake", "fake: run nothing (for tests)" }, FIELD(TEXT, engine), HIDDEN },
	{ { NULL, "config", "FILE", "configuration file" }, FIELD(TEXT, config_file), CLI_ONLY },
	{ { NULL, "can-follow", "STORE.SLOTS", "say whether this program could take over, and exit" }, FIELD(TEXT, can_follow), CLI_ONLY | HIDDEN },
	{ { NULL, "once", NULL, "carry out one request from standard input and exit" }, FIELD(BOOL, once), CLI_ONLY },
};
_Static_assert(ARRAY_SIZE(settings) <= 64, "origin[] in struct config is too small");

const struct config_setting *config_settings(size_t *ret_n)
{
	static struct config_setting list[ARRAY_SIZE(settings)];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		if (!settings[i].flags)
			list[n++] = settings[i].pub;
	*ret_n = n;
	return list;
}

/* The words of a choice are its argument, "queue|reject"; its value is the place of one of them. */
static int set_choice(const char *value, const char *words, int *ret, struct mscg_error *error)
{
	const char *word = words;

	for (int i = 0;; i++) {
		size_t n = strcspn(word, "|");

		if (strlen(value) == n && strncasecmp(value, word, n) == 0) {
			*ret = i;
			return 0;
		}
		if (!word[n])
			return mscg_error_set(error, -EINVAL, "invalid value '%.60s': expected one of %s", value, words);
		word += n + 1;
	}
}

static void show_choice(const char *words, int value, char *text, size_t size)
{
	for (; value > 0; value--)
		words += strcspn(words, "|") + 1;
	snprintf(text, size, "%.*s", (int)strcspn(words, "|"), words);
}

static int set_text(char **field, const char *value)
{
	char *copy = value[0] ? xstrdup(value) : NULL;

	free(*field);
	*field = copy;
	return 0;
}

static int set_value(struct config *config, size_t i, const char *value, struct mscg_error *error)
{
	void *field = (char *)config + settings[i].offset;

	switch (settings[i].type) {
	case TYPE_BOOL: return parse_bool(value, field, error);
	case TYPE_COUNT: return parse_u64(value, 1, 1000000, field, error);
	case TYPE_PERCENT: {
		/* Mini-SLURM gives it as a float: 40.0 */
		size_t whole = strspn(value, "0123456789");
		_cleanup_free_ char *number = xstrndup(value, whole);
		const char *rest = value + whole;

		if (whole && rest[0] == '.' && rest[1 + strspn(rest + 1, "0123456789")] == 0)
			return parse_u64(number, 0, 100, field, error);
		return parse_u64(value, 0, 100, field, error);
	}
	case TYPE_AMOUNT: return accounts_amount(value, field, error);
	case TYPE_WEIGHT: return parse_u64(value, 0, 1000000000, field, error);
	case TYPE_SIZE: return parse_size(value, field, error);
	case TYPE_TIME: return parse_time_limit(value, field, error);
	case TYPE_TEXT: return set_text(field, value);
	case TYPE_CHOICE: return set_choice(value, settings[i].pub.argument, field, error);
	case TYPE_ISOLATE: {
		uint32_t parts;
		int r = mscg_isolate_parse(value, &parts, error);

		return r < 0 ? r : set_text(field, value);
	}
	case TYPE_RATES: {
		struct cost_rates rates;
		int r = cost_rates_parse(value, &rates, error);

		return r < 0 ? r : set_text(field, value);
	}
	}
	return -EINVAL;
}

static int set_from(struct config *config, size_t i, const char *value, const char *origin, struct mscg_error *error)
{
	int r = set_value(config, i, value, error);

	if (r < 0)
		return mscg_error_prefix(error, r, "%s: %s: ", origin, settings[i].pub.name);
	free((void *)config->origin[i]);
	config->origin[i] = xstrdup(origin);
	return 0;
}

static ssize_t find_setting(const char *name, size_t length)
{
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		if (strncasecmp(settings[i].pub.name, name, length) == 0 && settings[i].pub.name[length] == 0)
			return (ssize_t)i;
	return -1;
}

static char *trim(char *s)
{
	s += strspn(s, " \t\r");
	size_t n = strlen(s);
	while (n && strchr(" \t\r", s[n - 1]))
		s[--n] = 0;
	return s;
}

/* "[qos high]": the name of it; NULL: another section. */
static const char *named_section(const char *section, const char *kind)
{
	size_t n = strcspn(section, " \t");

	return n == strlen(kind) && strncasecmp(section, kind, n) == 0 ? section + n + strspn(section + n, " \t") : NULL;
}

/* Opens it, and where there is a name sets that. */
static int parse_qos(struct config *config, const char *qos, const char *name, const char *value, const char *origin, struct mscg_error *error)
{
	struct qos_config *one;
	int r = qos_open(&config->qos, qos, &one, error);

	if (r == 0 && name)
		r = qos_set(one, name, value, error);
	return r < 0 ? mscg_error_prefix(error, r, "%s: ", origin) : 0;
}

static int parse_partition(struct config *config, const char *partition, const char *name, const char *value, const char *origin,
                           struct mscg_error *error)
{
	struct partition_config *one;
	int r = partition_open(&config->partitions, partition, &one, error);

	if (r == 0 && name)
		r = partition_set(one, name, value, error);
	return r < 0 ? mscg_error_prefix(error, r, "%s: ", origin) : 0;
}

/* A line of a section that has a name, or its head (name NULL). 1: it is another section. */
static int parse_named(struct config *config, const char *section, const char *name, const char *value, const char *origin, struct mscg_error *error)
{
	if (named_section(section, "qos"))
		return parse_qos(config, named_section(section, "qos"), name, value, origin, error);
	if (named_section(section, "partition"))
		return parse_partition(config, named_section(section, "partition"), name, value, origin, error);
	return 1;
}

/* [account NAME] */
static int parse_account(struct config *config, const char *account, const char *name, const char *value, const char *origin, struct mscg_error *error)
{
	struct account_config *a = accounts_section(&config->accounts, account, origin, error);
	int r = a ? accounts_set(a, name, value, error) : -EINVAL;

	return r < 0 ? mscg_error_prefix(error, r, "%s: ", origin) : 0;
}

static int parse_line(struct config *config, char *line, const char *section, const char *origin, struct mscg_error *error)
{
	char *equals = strchr(line, '=');

	if (!equals)
		return mscg_error_set(error, -EINVAL, "%s: '%s': expected name = value", origin, line);
	*equals = 0;
	const char *name = trim(line), *value = trim(equals + 1);
	if (strncasecmp(section, "account ", 8) == 0)
		return parse_account(config, section + 8, name, value, origin, error);
	ssize_t i = find_setting(name, strlen(name));

	int r = parse_named(config, section, name, value, origin, error);
	if (r <= 0)
		return r;
	if (i < 0 || settings[i].flags & CLI_ONLY)
		return mscg_error_set(error, -EINVAL, "%s: unknown setting '%s' (see: mscgd --help)", origin, name);
	if (section[0] && settings[i].pub.section && strcasecmp(section, settings[i].pub.section) != 0)
		return mscg_error_set(error, -EINVAL, "%s: '%s' belongs in section [%s], not [%s]", origin, name,
		                      settings[i].pub.section, section);
	return set_from(config, (size_t)i, value, origin, error);
}

static int parse_file(struct config *config, const char *path, bool must_exist, struct mscg_error *error)
{
	_cleanup_free_ char *text = NULL;
	char section[64] = "";
	size_t size;
	unsigned number = 0;
	int r = fd_read_file_at(AT_FDCWD, path, 1 << 20, &text, &size);

	if (r == -ENOENT && !must_exist)
		return 0;
	if (r < 0)
		return mscg_error_set(error, r, "cannot read configuration %s: %s", path, strerror(-r));
	if (strlen(text) != size)
		return mscg_error_set(error, -EINVAL, "%s: contains a NUL byte", path);
	for (char *line = text, *next; line; line = next) {
		char origin[4200];

		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		snprintf(origin, sizeof origin, "%s:%u", path, ++number);
		line = trim(line);
		if (line[0] == 0 || line[0] == '#' || line[0] == ';')
			continue;
		if (line[0] == '[') {
			size_t n = strlen(line);

			if (n < 3 || line[n - 1] != ']' || n - 2 >= sizeof section)
				return mscg_error_set(error, -EINVAL, "%s: '%s': expected [section]", origin, line);
			memcpy(section, line + 1, n - 2);
			section[n - 2] = 0;
			r = parse_named(config, section, NULL, NULL, origin, error);
			if (r < 0)
				return r;
			if (strncasecmp(section, "account ", 8) == 0 && !accounts_section(&config->accounts, section + 8, origin, error))
				return mscg_error_prefix(error, -EINVAL, "%s: ", origin);
			continue;
		}
		r = parse_line(config, line, section, origin, error);
		if (r < 0)
			return r;
	}
	return 0;
}

static int is_dropin(const struct dirent *d)
{
	size_t n = strlen(d->d_name);
	return d->d_name[0] != '.' && n > 5 && strcmp(d->d_name + n - 5, ".conf") == 0;
}

static int parse_files(struct config *config, struct mscg_error *error)
{
	bool given = config->config_file != NULL;
	_cleanup_free_ char *path = NULL;

	if (given)
		path = xstrdup(config->config_file);
	else if (geteuid() == 0)
		path = xstrdup("/etc/mscg/mscg.conf");
	else if (getenv("XDG_CONFIG_HOME"))
		path = xasprintf("%s/mscg/mscg.conf", getenv("XDG_CONFIG_HOME"));
	else
		path = xasprintf("%s/.config/mscg/mscg.conf", getenv("HOME") ? getenv("HOME") : "");
	int r = parse_file(config, path, given, error);

	_cleanup_free_ char *dir = xasprintf("%s.d", path);
	struct dirent **names = NULL;
	int n = r < 0 ? 0 : scandir(dir, &names, is_dropin, alphasort);

	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *file = xasprintf("%s/%s", dir, names[i]->d_name);

		if (r >= 0)
			r = parse_file(config, file, true, error);
		free(names[i]);
	}
	free(names);
	return r;
}

static void usage(void)
{
	puts("Usage: mscgd [OPTION]...\n"
	     "Runs batch jobs on this machine, each in its own cgroup. As root for everybody, or as a user in a delegated cgroup.\n");
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		char left[64];

		if (settings[i].flags & HIDDEN)
			continue;
		snprintf(left, sizeof left, "--%s%s%s", settings[i].pub.name, settings[i].pub.argument ? " " : "",
		         settings[i].pub.argument ? settings[i].pub.argument : "");
		printf("  %-36s %s\n", left, settings[i].pub.help);
	}
	printf("  %-36s %s\n  %-36s %s\n", "--help", "this text", "--version", "the version");
	puts("\nThe same names, without dashes, stand in the configuration file (see mscg.conf(5)).");
}

/* Walks argv twice: once to find --config, once to set everything after the files. */
static int parse_arguments(struct config *config, int argc, char *const *argv, bool only_config, struct mscg_error *error)
{
	for (int a = 1; a < argc; a++) {
		const char *arg = argv[a];

		if (streq(arg, "--help") || streq(arg, "-h")) {
			usage();
			return 1;
		}
		if (streq(arg, "--version")) {
			puts("mscgd " MSCG_VERSION);
			return 1;
		}
		if (strncmp(arg, "--", 2) != 0)
			return mscg_error_set(error, -EINVAL, "unexpected argument '%s' (see: mscgd --help)", arg);
		const char *name = arg + 2, *equals = strchr(name, '=');
		size_t length = equals ? (size_t)(equals - name) : strlen(name);
		ssize_t i = find_setting(name, length);

		if (i < 0)
			return mscg_error_set(error, -EINVAL, "unknown option '%s' (see: mscgd --help)", arg);
		const char *value = equals ? equals + 1 : NULL;
		if (!value && !settings[i].pub.argument)
			value = "yes";
		if (!value) {
			if (++a >= argc)
				return mscg_error_set(error, -EINVAL, "option '%s' needs a value: %s", arg, settings[i].pub.argument);
			value = argv[a];
		}
		if (only_config != streq(settings[i].pub.name, "config"))
			continue;
		int r = set_from(config, (size_t)i, value, "command line", error);
		if (r < 0)
			return r;
	}
	return 0;
}

/* As it is from here: what is told to clients and jobs must not depend on where they are. */
static void make_absolute(char **path)
{
	_cleanup_free_ char *here = **path == '/' ? NULL : getcwd(NULL, 0);

	if (!here)
		return;
	char *absolute = xasprintf("%s/%s", streq(here, "/") ? "" : here, *path);
	free(*path);
	*path = absolute;
}

/* What jobs have that do not say is not below what all must have. */
static int fill_isolate(struct config *config, struct mscg_error *error)
{
	uint32_t parts = 0, least = 0;
	bool said = config->isolate;

	if (!said)
		config->isolate = xstrdup("default");
	mscg_isolate_parse(config->isolate, &parts, NULL);
	if (config->isolate_min)
		mscg_isolate_parse(config->isolate_min, &least, NULL);
	if ((parts & least) != least && !said) {
		free(config->isolate);
		config->isolate = xstrdup(config->isolate_min);
		parts           = least;
	}
	if ((parts & least) == least)
		return 0;
	return mscg_error_set(error, -EINVAL, "isolate=%.60s is less than isolate-min=%.60s: expected at least that", config->isolate, config->isolate_min);
}

static void fill_paths(struct config *config)
{
	bool root = geteuid() == 0;
	const char *run = getenv("XDG_RUNTIME_DIR"), *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	if (!config->runtime_dir)
		config->runtime_dir = root  ? xstrdup("/run/mscg")
		                      : run ? xasprintf("%s/mscg", run)
		                            : xasprintf("/tmp/mscg-%u", geteuid());
	if (!config->state_dir && getenv("MSCG_STATE_DIR"))
		config->state_dir = xstrdup(getenv("MSCG_STATE_DIR"));
	if (!config->state_dir)
		config->state_dir = root    ? xstrdup("/var/lib/mscg")
		                    : state ? xasprintf("%s/mscg", state)
		                            : xasprintf("%s/.local/state/mscg", home ? home : "");
	if (!config->socket && getenv("MSCG_SOCKET"))
		config->socket = xstrdup(getenv("MSCG_SOCKET"));
	if (!config->socket)
		config->socket = xasprintf("%s/mscg.sock", config->runtime_dir);
	make_absolute(&config->state_dir);
	make_absolute(&config->runtime_dir);
	make_absolute(&config->socket);
	if (config->gres_config)
		make_absolute(&config->gres_config);
	if (config->topology_config && !streq(config->topology_config, "default"))
		make_absolute(&config->topology_config);
}

int config_load(struct config *ret, int argc, char *const *argv, struct mscg_error *error)
{
	struct config config = {
		.elastic_threshold  = 50,
		.backfill_depth     = 100,
		.weight_age         = 1000,
		.weight_fairshare   = 10000,
		.max_age            = 7 * 86400,
		.half_life          = 7 * 86400,
		.calc_period        = 10,
		.budget_period      = PERIOD_MONTH,
		.starvation_guard   = 3600,
		.max_jobs           = 4096,
		.spare_supervisors  = 2,
		.max_launch_retries = 10,
		.unkillable_timeout = 60,
		.reserve_mem        = UINT64_MAX,
		.operator_group     = xstrdup("mscg"),
		.engine             = xstrdup("local"),
		.default_qos        = xstrdup(QOS_NORMAL),
	};
	int r = parse_arguments(&config, argc, argv, true, error);

	if (r == 0)
		r = parse_files(&config, error);
	if (r == 0)
		r = parse_arguments(&config, argc, argv, false, error);
	if (r == 0 && !streq(config.engine, "local") && !streq(config.engine, "fake"))
		r = mscg_error_set(error, -EINVAL, "unknown engine '%s': expected local or fake", config.engine);
	if (r == 0 && !config.default_qos)
		config.default_qos = xstrdup(QOS_NORMAL);
	if (r == 0)
		r = qos_finish(&config.qos, config.default_qos, error);
	if (r == 0)
		r = partition_finish(&config.partitions, config.default_partition, &config.qos, error);
	if (r == 0)
		r = fill_isolate(&config, error);
	if (r == 0)
		r = accounts_check(&config.accounts, error);
	if (r == 0 && config.priority_type == PRIORITY_MULTIFACTOR && !config.max_age)
		r = mscg_error_set(error, -EINVAL, "priority-max-age: expected a time, as 7-00:00:00");
	if (r != 0) {
		config_clear(&config);
		return r;
	}
	fill_paths(&config);
	*ret = config;
	return 0;
}

void config_clear(struct config *config)
{
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		free((void *)config->origin[i]);
		if (settings[i].type == TYPE_TEXT || settings[i].type == TYPE_ISOLATE || settings[i].type == TYPE_RATES)
			free(*(char **)(void *)((char *)config + settings[i].offset));
	}
	qos_clear(&config->qos);
	partition_clear(&config->partitions);
	accounts_clear(&config->accounts);
	memset(config, 0, sizeof *config);
}

const char *config_origin(const struct config *config, size_t index)
{
	return config->origin[index] ? config->origin[index] : "default";
}

bool config_is_given(const struct config *config, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		if (streq(settings[i].pub.name, name))
			return config->origin[i] != NULL;
	return false;
}

char *config_value(const struct config *config, size_t index, char *text, size_t size)
{
	const char *field = (const char *)config + settings[index].offset;
	uint64_t number;

	switch (settings[index].type) {
	case TYPE_BOOL: snprintf(text, size, "%s", *(const bool *)field ? "yes" : "no"); break;
	case TYPE_AMOUNT: /* 0: not given */
		snprintf(text, size, *(const double *)(const void *)field > 0 ? "%.15g" : "", *(const double *)(const void *)field);
		break;
	case TYPE_WEIGHT:
	case TYPE_COUNT:
	case TYPE_PERCENT:
		memcpy(&number, field, sizeof number);
		if (number == 0 && settings[index].type == TYPE_COUNT)
			snprintf(text, size, "auto");
		else
			snprintf(text, size, "%llu", (unsigned long long)number);
		break;
	case TYPE_SIZE:
		memcpy(&number, field, sizeof number);
		if (number == 0 || number == UINT64_MAX)
			snprintf(text, size, "auto");
		else
			format_size_whole(number, text, size);
		break;
	case TYPE_TIME:
		memcpy(&number, field, sizeof number);
		if (number == 0)
			snprintf(text, size, "UNLIMITED");
		else
			format_elapsed(number, text, size);
		break;
	case TYPE_ISOLATE:
	case TYPE_RATES:
	case TYPE_TEXT: {
		const char *s = *(char *const *)(const void *)field;
		snprintf(text, size, "%s", s ? s : "");
		break;
	}
	case TYPE_CHOICE: show_choice(settings[index].pub.argument, *(const int *)(const void *)field, text, size); break;
	}
	return text;
}
