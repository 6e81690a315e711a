/* From options to a specification. */
#include "job_options.h"
#include "script.h"

#include <inttypes.h>
#include <limits.h>
#include <sys/stat.h>

#include "src/base/bind.h"
#include "src/base/clock.h"
#include "src/base/gres.h"
#include "src/base/parse.h"
#include "src/base/utf8.h"

int value_memory(void *target, const char *value, const struct option_spec *option, struct mscg_error *error)
{
	struct job_memory memory = {0};
	int r = value_size(&memory.total, value, option, error);

	if (r == 0)
		*(struct job_memory *)target = memory;
	return r;
}

int value_memory_per_cpu(void *target, const char *value, const struct option_spec *option, struct mscg_error *error)
{
	struct job_memory memory = {0};
	int r = value_size(&memory.per_cpu, value, option, error);

	if (r == 0)
		*(struct job_memory *)target = memory;
	return r;
}

int value_one_node(void *target, const char *value, const struct option_spec *option, struct mscg_error *error)
{
	(void)target, (void)option;
	if (streq(value, "1") || streq(value, "1-1"))
		return 0;
	return mscg_error_set(error, -EINVAL, "'%.60s' nodes: expected 1, this is a single machine", value);
}

int value_warn(void *target, const char *value, const struct option_spec *option, struct mscg_error *error)
{
	struct mscg_warn warn;
	int r = mscg_warn_parse(value, &warn, error);

	(void)option;
	if (r == 0)
		*(const char **)target = value;
	return r;
}

int value_bind(void *target, const char *value, const struct option_spec *option, struct mscg_error *error)
{
	const char **list = target;
	struct bind b = {0};
	int r = bind_parse(value, "/-", &b, error); /* whatever it will be relative to */

	(void)option;
	if (r < 0)
		return r;
	bind_clear(&b);
	*list = *list ? cli_keep(xasprintf("%s\n%s", *list, value)) : value;
	return 0;
}

int value_nice(void *target, const char *value, const struct option_spec *option, struct mscg_error *error)
{
	if (value)
		return value_int32(target, value, option, error);
	*(int32_t *)target = 100;
	return 0;
}

/* Of any day, as Slurm's words for some of them. */
static bool is_time_of_day(const char *text)
{
	return text[strspn(text, "0123456789:.")] == '\0' || parse_is_hour_word(text);
}

int value_future(void *target, const char *value, const struct option_spec *option, struct mscg_error *error)
{
	int64_t now = clock_real_usec(), day = INT64_C(86400) * USEC_PER_SEC, at;
	int r = parse_time_point(value, now, &at, error);

	(void)option;
	if (r == 0 && at < now && is_time_of_day(value))
		r = parse_time_point(value, now + day, &at, error);
	if (r < 0)
		return r;
	if (at < now - 60 * USEC_PER_SEC)
		return mscg_error_set(error, -EINVAL, "time '%.60s' has passed: expected one to come, for example now+2hours", value);
	*(int64_t *)target = at;
	return 0;
}

static char *current_directory(struct mscg_error *error)
{
	char *cwd = getcwd(NULL, 0);

	if (cwd && cwd[0] == '/')
		return cwd;
	mscg_error_set(error, cwd ? -ENOENT : -errno, "the working directory cannot be named: %s; cd elsewhere, or give --chdir",
	               cwd || errno == ENOENT ? "it is gone" : strerror(errno));
	free(cwd);
	return NULL;
}

static int set_workdir(struct mscg_spec *spec, const char *chdir, struct mscg_error *error)
{
	_cleanup_free_ char *cwd = NULL;

	if (chdir && chdir[0] == '/') {
		spec->workdir = xstrdup(chdir);
		return 0;
	}
	cwd = current_directory(error);
	if (!cwd)
		return error ? error->code : -ENOENT;
	spec->workdir = chdir ? xasprintf("%s/%s", streq(cwd, "/") ? "" : cwd, chdir) : steal(&cwd);
	return 0;
}

/* CPUs of a task times tasks. */
static int set_cpus(struct mscg_spec *spec, const struct job_options *o, struct mscg_error *error)
{
	uint32_t tasks = o->tasks ? o->tasks : o->tasks_per_node ? o->tasks_per_node : 1;
	uint64_t cpus = o->cpus ? o->cpus : o->elastic && o->min_cpus ? o->min_cpus : 1000;

	if (!o->elastic && (o->min_cpus || o->max_cpus || o->elastic_by))
		return mscg_error_set(error, -EINVAL, "--min-cpus, --max-cpus and --elastic-by are for elastic jobs: expected --elastic too");
	cpus *= tasks;
	if (cpus > MSCG_CPUS_MAX * 1000u)
		return mscg_error_set(error, -ERANGE, "%" PRIu64 " CPUs are too many: expected %d at most", cpus / 1000, MSCG_CPUS_MAX);
	spec->cpus_milli = (uint32_t)cpus;
	spec->elastic = o->elastic;
	spec->by_pressure = streq(o->elastic_by, "pressure");
	spec->min_cpus_milli = o->min_cpus;
	spec->max_cpus_milli = o->max_cpus;
	spec->cpu_mode = streq(o->cpu_mode, "quota") ? MSCG_CPUS_QUOTA : MSCG_CPUS_EXCLUSIVE;
	return 0;
}

static int set_limits(struct mscg_spec *spec, const struct job_options *o, struct mscg_error *error)
{
	int64_t priority = (int64_t)o->priority - o->nice;

	spec->mem_bytes = o->memory.total;
	if (o->memory.per_cpu &&
	    __builtin_mul_overflow(o->memory.per_cpu, (uint64_t)(spec->cpus_milli + 999) / 1000, &spec->mem_bytes))
		return mscg_error_set(error, -ERANGE, "--mem-per-cpu times CPUs is too large: expected less than 8388608T");
	spec->min_mem_bytes = o->min_mem;
	spec->max_mem_bytes = o->max_mem;
	if (!spec->mem_bytes)
		spec->mem_bytes = o->min_mem;
	if (priority < INT32_MIN || priority > INT32_MAX)
		return mscg_error_set(error, -ERANGE, "--priority less --nice is %" PRId64 ": expected %d to %d", priority, INT32_MIN, INT32_MAX);
	spec->priority = (int32_t)priority;
	spec->time_limit_s = o->time_limit;
	spec->time_min_s = o->time_min;
	spec->time_extend_s = o->time_extend;
	if (o->grace_ms > INT64_C(1000) * UINT32_MAX)
		return mscg_error_set(error, -ERANGE, "--grace is too long: expected a day at most");
	if (o->grace_ms >= 0)
		spec->grace_s = (uint32_t)((o->grace_ms + 999) / 1000);
	return 0;
}

static bool is_blank_text(const char *text)
{
	return text[strspn(text, " \t\r\n")] == '\0';
}

/* One word is given to a shell, several are a program and its arguments. */
static int set_program(struct mscg_spec *spec, const struct job_program *program, struct mscg_error *error)
{
	char *wrapped[] = {(char *)program->wrap, NULL};
	char **words = program->wrap ? wrapped : program->words;

	spec->script = xstrdup(program->script);
	spec->argv = strv_copy(words);
	spec->shell = !spec->script && words[0] && !words[1];
	if (words[0] && is_blank_text(words[0]) && !spec->script)
		return mscg_error_set(error, -EINVAL, "the command is empty: expected a program and its arguments");
	for (size_t i = 0; words[i]; i++)
		if (!utf8_valid(words[i], strlen(words[i])))
			return mscg_error_set(error, -EINVAL, "argument %zu, '%.60s', is not UTF-8: put it in a file, or in a script", i, words[i]);
	return 0;
}

static void add_gres(char **list, const char *prefix, const char *items)
{
	_cleanup_free_ char *copy = xstrdup(items);
	char *rest = copy, *item;

	while (rest && (item = strsep(&rest, ","))) {
		char *was = *list;

		*list = xasprintf("%s%s%s%s", was ? was : "", was ? "," : "", prefix, item);
		free(was);
	}
}

/* --gpus and --licenses are --gres of these names. */
static int set_gres(struct mscg_spec *spec, const struct job_options *o, struct mscg_error *error)
{
	if (o->gpus && o->gres && gres_count(o->gres, GRES_GPU))
		return mscg_error_set(error, -EINVAL, "--gpus %.40s beside --gres %.60s: expected GPUs in one of them", o->gpus, o->gres);
	if (o->gpus)
		add_gres(&spec->gres, GRES_GPU ":", o->gpus);
	if (o->gres && !streq(o->gres, "none"))
		add_gres(&spec->gres, "", o->gres);
	if (o->licenses)
		add_gres(&spec->gres, GRES_LICENSE ":", o->licenses);
	return 0;
}

static void set_texts(struct mscg_spec *spec, const struct job_options *o)
{
	spec->name = xstrdup(o->name);
	spec->account = xstrdup(o->account);
	spec->qos = xstrdup(o->qos);
	spec->reservation = xstrdup(o->reservation);
	spec->comment = xstrdup(o->comment);
	spec->partition = xstrdup(o->partition);
	spec->stdin_path = xstrdup(o->input);
	spec->stdout_path = xstrdup(o->output);
	spec->stderr_path = xstrdup(o->error_file);
	spec->append = streq(o->open_mode, "append");
	spec->hold = o->hold;
	spec->delegate = o->delegate;
	spec->dependency = xstrdup(o->dependency);
	spec->isolate = xstrdup(o->isolate);
	spec->allow = xstrdup(o->allow);
	spec->signal = xstrdup(o->signal);
	spec->begin_usec = o->begin;
	spec->deadline_usec = o->deadline;
	spec->truncate = streq(o->open_mode, "truncate");
	spec->max_retries = o->max_retries;
	spec->max_fails = o->max_fails;
	spec->log_max = o->log_max;
	spec->requeue = (o->requeue || o->max_retries) && !o->no_requeue;
	spec->slurm_env = o->slurm_env;
	spec->umask = umask(0);
	umask(spec->umask);
}

/* One task for each line, unless it is said which. */
static int set_lines(struct mscg_spec *spec, const char *path, struct mscg_error *error)
{
	size_t size;
	int r = script_read_text(path, "the file of lines", &spec->lines, error);

	if (r < 0)
		return r;
	size = strlen(spec->lines);
	if (size && spec->lines[size - 1] == '\n')
		spec->lines[--size] = '\0';
	if (!size)
		return mscg_error_set(error, -EINVAL, "'%.60s' has no lines: expected one for each task", path);
	if (!utf8_valid(spec->lines, size))
		return mscg_error_set(error, -EINVAL, "'%.60s' is not UTF-8: give the tasks the names of files", path);
	if (!spec->array) {
		spec->array = xcalloc(1, sizeof *spec->array);
		spec->array_n = 1;
		spec->array->step = 1;
		for (const char *p = spec->lines; (p = strchr(p, '\n')); p++)
			spec->array->last++;
	}
	return 0;
}

static int set_array(struct mscg_spec *spec, const struct job_options *o, struct mscg_error *error)
{
	int r = o->array ? mscg_array_parse(o->array, spec, error) : 0;

	if (r == 0 && o->each_line)
		r = set_lines(spec, o->each_line, error);
	if (r == 0 && o->throttle && spec->array_throttle)
		return mscg_error_set(error, -EINVAL, "--throttle %u beside %%%u in --array: expected one of them", o->throttle, spec->array_throttle);
	if (o->throttle)
		spec->array_throttle = o->throttle;
	return r;
}

static void free_spec(struct mscg_spec **spec)
{
	mscg_spec_free(*spec);
}

int job_spec(const struct cli *cli, const struct job_options *o, const struct job_program *program, struct mscg_spec **ret,
             struct mscg_error *error)
{
	_cleanup_(free_spec) struct mscg_spec *spec = mscg_spec_new();
	int r = set_program(spec, program, error);

	if (r == 0)
		r = set_cpus(spec, o, error);
	if (r == 0)
		r = set_limits(spec, o, error);
	if (r == 0)
		r = set_array(spec, o, error);
	if (r == 0)
		r = set_gres(spec, o, error);
	if (r == 0)
		r = set_workdir(spec, o->chdir, error);
	if (r == 0 && o->binds)
		r = binds_plain(o->binds, spec->workdir, &spec->binds, error);
	if (r == 0 && o->rootfs)
		r = root_plain(o->rootfs, spec->workdir, &spec->rootfs, error);
	if (r < 0)
		return r;
	set_texts(spec, o);
	spec->env = job_environment(o->export_list);
	job_environment_tasks(&spec->env, o);
	job_environment_submit_dir(&spec->env, o);
	spec->submit_line = job_command_line(cli->argv);
	r = mscg_spec_check(spec, error);
	if (r < 0)
		return r;
	*ret = steal(&spec);
	return 0;
}

char *job_command_line(char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	char *program = argv[0], *line;
	struct mscg_spec typed = {.argv = argv};

	if (slash)
		argv[0] = (char *)(slash + 1);
	line = mscg_command_line(&typed);
	argv[0] = program;
	return line;
}

int job_submit(struct mscg *m, const struct mscg_spec *spec, const int *fds, json_t **ret, struct mscg_error *error)
{
	struct mscg_spec *const specs[] = {(struct mscg_spec *)spec};
	json_t *reply;
	int r = mscg_submit_json(m, specs, 1, fds, &reply, error);

	if (r < 0)
		return r;
	*ret = json_incref(json_array_get(json_object_get(reply, "jobs"), 0));
	if (jhas(reply, "not_enforced"))
		json_object_set(*ret, "not_enforced", json_object_get(reply, "not_enforced"));
	json_decref(reply);
	return 0;
}
