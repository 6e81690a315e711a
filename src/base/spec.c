/* What was asked: defaults, and every check that needs no machine. */
#include "src/base/bind.h"
#include "src/base/base.h"
#include "src/base/depend.h"
#include "src/base/gres.h"
#include "src/base/parse.h"
#include "src/base/utf8.h"

#include <inttypes.h>
#include <limits.h>
#include <mscg/job.h>

/* A request is one message of at most 1 MiB; the rest is for what JSON adds. */
#define TEXT_MAX        (900u * 1024)
/* MAX_ARG_STRLEN of the kernel: execve(2) takes no longer string. */
#define STRING_MAX      (128u * 1024 - 1)
#define NAME_BYTES_MAX  200u
#define SUBMIT_LINE_MAX 4096u
#define MEM_MIN         (UINT64_C(4) << 20)
#define TIME_LIMIT_MAX  (10u * 366 * 86400)
#define GRACE_MAX       86400u

struct mscg_spec *mscg_spec_new(void)
{
	struct mscg_spec *spec = xcalloc(1, sizeof *spec);

	spec->cpus_milli = 1000;
	spec->grace_s = 30;
	spec->slurm_env = true;
	spec->umask = 022;
	return spec;
}

void mscg_spec_free(struct mscg_spec *spec)
{
	if (!spec)
		return;
	free(spec->name);
	strv_free(spec->argv);
	strv_free(spec->env);
	free(spec->script);
	free(spec->workdir);
	free(spec->stdin_path);
	free(spec->stdout_path);
	free(spec->stderr_path);
	free(spec->account);
	free(spec->qos);
	free(spec->reservation);
	free(spec->comment);
	free(spec->partition);
	free(spec->submit_line);
	free(spec->isolate);
	free(spec->allow);
	free(spec->rootfs);
	free(spec->binds);
	free(spec->signal);
	free(spec->lines);
	free(spec->gres);
	free(spec->dependency);
	free(spec->dependency_left);
	free(spec->array);
	free(spec->user);
	free(spec->home);
	free(spec);
}

struct mscg_spec *mscg_spec_copy(const struct mscg_spec *spec)
{
	struct mscg_spec *copy = xmalloc(sizeof *copy);

	*copy = *spec;
	copy->name        = xstrdup(spec->name);
	copy->argv        = strv_copy(spec->argv);
	copy->env         = strv_copy(spec->env);
	copy->script      = xstrdup(spec->script);
	copy->workdir     = xstrdup(spec->workdir);
	copy->stdin_path  = xstrdup(spec->stdin_path);
	copy->stdout_path = xstrdup(spec->stdout_path);
	copy->stderr_path = xstrdup(spec->stderr_path);
	copy->account     = xstrdup(spec->account);
	copy->qos         = xstrdup(spec->qos);
	copy->reservation = xstrdup(spec->reservation);
	copy->comment     = xstrdup(spec->comment);
	copy->partition   = xstrdup(spec->partition);
	copy->submit_line = xstrdup(spec->submit_line);
	copy->isolate     = xstrdup(spec->isolate);
	copy->allow       = xstrdup(spec->allow);
	copy->binds       = xstrdup(spec->binds);
	copy->rootfs      = xstrdup(spec->rootfs);
	copy->signal      = xstrdup(spec->signal);
	copy->lines       = xstrdup(spec->lines);
	copy->gres        = xstrdup(spec->gres);
	copy->dependency  = xstrdup(spec->dependency);
	copy->dependency_left = xstrdup(spec->dependency_left);
	copy->user        = xstrdup(spec->user);
	copy->home        = xstrdup(spec->home);
	if (spec->array) {
		copy->array = xreallocarray(NULL, spec->array_n, sizeof *copy->array);
		memcpy(copy->array, spec->array, spec->array_n * sizeof *copy->array);
	}
	return copy;
}

/* A label: one line of text. */
static int check_label(const char *what, const char *text, size_t max, struct mscg_error *error)
{
	size_t n;

	if (!text)
		return 0;
	n = strlen(text);
	if (n == 0)
		return mscg_error_set(error, -EINVAL, "%s is empty: expected text, or none given", what);
	if (n > max)
		return mscg_error_set(error, -EINVAL, "%s '%.40s...' has %zu bytes: expected %zu at most", what, text, n, max);
	for (size_t i = 0; i < n;) {
		size_t k = utf8_char(text + i, n - i);

		if (k == 0)
			return mscg_error_set(error, -EINVAL, "%s '%.60s' is not UTF-8: expected text", what, text);
		if (utf8_is_control(text + i))
			return mscg_error_set(error, -EINVAL, "%s '%.60s' has a control character at byte %zu: expected one line of text",
			                      what, text, i);
		i += k;
	}
	return 0;
}

static int check_path(const char *what, const char *path, bool absolute, struct mscg_error *error)
{
	if (!path)
		return 0;
	if (*path == '\0')
		return mscg_error_set(error, -EINVAL, "%s is empty: expected a path", what);
	if (absolute && *path != '/')
		return mscg_error_set(error, -EINVAL, "%s '%.100s' is relative: expected a path that begins with /", what, path);
	if (strlen(path) >= PATH_MAX)
		return mscg_error_set(error, -ENAMETOOLONG, "%s '%.40s...' has %zu bytes: expected less than %d", what, path,
		                      strlen(path), PATH_MAX);
	return 0;
}

/* Adds the sizes of the strings of `v` to *total. */
static int check_strings(const char *what, char *const *v, size_t *total, struct mscg_error *error)
{
	for (size_t i = 0; v && v[i]; i++) {
		size_t n = strlen(v[i]);

		if (n > STRING_MAX)
			return mscg_error_set(error, -E2BIG,
			                      "%s %zu ('%.30s...') has %zu bytes: the kernel takes %u at most; put it in a file",
			                      what, i, v[i], n, STRING_MAX);
		*total += n + 1;
	}
	return 0;
}

static int check_env(char *const *env, struct mscg_error *error)
{
	for (size_t i = 0; env && env[i]; i++) {
		const char *eq = strchr(env[i], '=');

		if (!eq || eq == env[i])
			return mscg_error_set(error, -EINVAL, "invalid environment entry '%.60s': expected NAME=value", env[i]);
	}
	return 0;
}

static int check_command(const struct mscg_spec *spec, struct mscg_error *error)
{
	size_t total = 0;
	int r;

	if (!spec->argv || !spec->argv[0])
		return mscg_error_set(error, -EINVAL, "no command: expected a program and its arguments");
	if (!*spec->argv[0])
		return mscg_error_set(error, -EINVAL, "the command is empty: expected a program and its arguments");
	if (spec->shell && spec->script)
		return mscg_error_set(error, -EINVAL, "both a shell command and a script: expected one of them");
	if (spec->shell && spec->argv[1])
		return mscg_error_set(error, -EINVAL, "a shell command of %zu words: expected one, quoted as a whole",
		                      strv_length(spec->argv));
	if (spec->script && strncmp(spec->script, "#!", 2) != 0)
		return mscg_error_set(error, -EINVAL, "the script begins with '%.20s': expected #! and its interpreter, for example #!/bin/sh",
		                      spec->script);
	r = check_strings("argument", spec->argv, &total, error);
	if (r == 0)
		r = check_env(spec->env, error);
	if (r == 0)
		r = check_strings("environment entry", spec->env, &total, error);
	if (r < 0)
		return r;
	if (spec->script)
		total += strlen(spec->script);
	if (total > TEXT_MAX)
		return mscg_error_set(error, -E2BIG, "arguments, environment and script have %zu bytes: expected %u at most; put data in files",
		                      total, TEXT_MAX);
	return 0;
}

static int check_texts(const struct mscg_spec *spec, struct mscg_error *error)
{
	const struct {
		const char *what, *text;
		size_t max;
	} labels[] = {
		{"job name", spec->name, NAME_BYTES_MAX},
		{"account", spec->account, NAME_BYTES_MAX},
		{"qos", spec->qos, NAME_BYTES_MAX},
		{"reservation", spec->reservation, NAME_BYTES_MAX},
		{"partition", spec->partition, NAME_BYTES_MAX},
		{"comment", spec->comment, 1024},
	};
	const struct {
		const char *what, *path;
		bool absolute;
	} paths[] = {
		{"working directory", spec->workdir, true},
		{"input file", spec->stdin_path, false},
		{"output file", spec->stdout_path, false},
		{"error file", spec->stderr_path, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(labels); i++) {
		int r = check_label(labels[i].what, labels[i].text, labels[i].max, error);

		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		int r = check_path(paths[i].what, paths[i].path, paths[i].absolute, error);

		if (r < 0)
			return r;
	}
	return 0;
}

static int check_cpu_count(const struct mscg_spec *spec, const char *flag, uint32_t milli, struct mscg_error *error)
{
	char text[32];

	format_cpus(milli, text, sizeof text);
	if (milli > MSCG_CPUS_MAX * 1000u)
		return mscg_error_set(error, -ERANGE, "%s %s is too large: expected %d at most", flag, text, MSCG_CPUS_MAX);
	if (spec->cpu_mode == MSCG_CPUS_EXCLUSIVE && milli % 1000)
		return mscg_error_set(error, -EINVAL, "%s %s is not a whole number of CPUs: use --cpu-mode=quota for fractions",
		                      flag, text);
	return 0;
}

static int check_cpus(struct mscg_spec *spec, struct mscg_error *error)
{
	uint32_t cpus = spec->cpus_milli, min = spec->min_cpus_milli, max = spec->max_cpus_milli;
	char a[32], b[32], c[32];
	int r;

	if (spec->cpu_mode != MSCG_CPUS_EXCLUSIVE && spec->cpu_mode != MSCG_CPUS_QUOTA)
		return mscg_error_set(error, -EINVAL, "unknown CPU mode %d: expected exclusive or quota", (int)spec->cpu_mode);
	if (cpus == 0)
		return mscg_error_set(error, -EINVAL, "--cpus 0: expected more than 0");
	if (!spec->elastic)
		min = max = cpus;
	else if (min == 0)
		min = cpus;
	r = check_cpu_count(spec, "--cpus", cpus, error);
	if (r == 0)
		r = check_cpu_count(spec, "--min-cpus", min, error);
	if (r == 0)
		r = check_cpu_count(spec, "--max-cpus", max, error);
	if (r < 0)
		return r;
	if (min > cpus || (max && cpus > max))
		return mscg_error_set(error, -EINVAL,
		                      "--min-cpus %s, --cpus %s, --max-cpus %s are out of order: expected min <= cpus <= max",
		                      format_cpus(min, a, sizeof a), format_cpus(cpus, b, sizeof b),
		                      max ? format_cpus(max, c, sizeof c) : "(the machine's)");
	spec->min_cpus_milli = min;
	spec->max_cpus_milli = max;
	return 0;
}

/* --mem, where it is left to the machine, is made to fit between them. */
static int check_moving_memory(const struct mscg_spec *spec, struct mscg_error *error)
{
	uint64_t min = spec->min_mem_bytes, mem = spec->mem_bytes, max = spec->max_mem_bytes;
	char a[32], b[32], c[32];

	if (min && min < MEM_MIN)
		return mscg_error_set(error, -EINVAL, "--min-mem %s is too small: a cgroup below 4M cannot start a program", format_size(min, a, sizeof a));
	if (max && max < MEM_MIN)
		return mscg_error_set(error, -EINVAL, "--max-mem %s is too small: a cgroup below 4M cannot start a program", format_size(max, a, sizeof a));
	if (min % (1 << 20) || max % (1 << 20))
		return mscg_error_set(error, -EINVAL, "--%s-mem of %" PRIu64 " bytes: expected whole MiB, as 512M", min % (1 << 20) ? "min" : "max",
		                      min % (1 << 20) ? min : max);
	if (max >> 52 || min >> 52)
		return mscg_error_set(error, -ERANGE, "--%s-mem of %" PRIu64 " bytes is too large: expected less than 4096T", max >> 52 ? "max" : "min",
		                      max >> 52 ? max : min);
	if ((mem && min > mem) || (mem && max && mem > max) || (max && min > max))
		return mscg_error_set(error, -EINVAL, "--min-mem %s, --mem %s, --max-mem %s are out of order: expected min <= mem <= max",
		                      min ? format_size(min, a, sizeof a) : "(as --mem)", mem ? format_size(mem, b, sizeof b) : "(the default)",
		                      max ? format_size(max, c, sizeof c) : "(as --mem)");
	return 0;
}

static int check_limits(const struct mscg_spec *spec, struct mscg_error *error)
{
	char text[32];

	if (spec->mem_bytes && spec->mem_bytes < MEM_MIN)
		return mscg_error_set(error, -EINVAL, "--mem %s is too small: a cgroup below 4M cannot start a program",
		                      format_size(spec->mem_bytes, text, sizeof text));
	if (spec->mem_bytes > INT64_MAX)
		return mscg_error_set(error, -ERANGE, "--mem %" PRIu64 " bytes is too large: expected less than 8388608T",
		                      spec->mem_bytes);
	if (spec->time_limit_s > TIME_LIMIT_MAX)
		return mscg_error_set(error, -ERANGE, "time limit of %" PRIu32 " s is too long: expected ten years at most, or UNLIMITED",
		                      spec->time_limit_s);
	if (spec->time_min_s && !spec->time_limit_s)
		return mscg_error_set(error, -EINVAL, "--time-min of %" PRIu32 " s without a time limit: expected --time too", spec->time_min_s);
	if (spec->time_min_s > spec->time_limit_s)
		return mscg_error_set(error, -EINVAL, "--time-min of %" PRIu32 " s is above --time of %" PRIu32 " s: expected that at most",
		                      spec->time_min_s, spec->time_limit_s);
	if (spec->time_extend_s && !spec->time_limit_s)
		return mscg_error_set(error, -EINVAL, "--time-extend to %" PRIu32 " s without a time limit: expected --time too", spec->time_extend_s);
	if (spec->time_extend_s && spec->time_extend_s <= spec->time_limit_s)
		return mscg_error_set(error, -EINVAL, "--time-extend to %" PRIu32 " s is not above --time of %" PRIu32 " s: expected more than that",
		                      spec->time_extend_s, spec->time_limit_s);
	if (spec->time_extend_s > TIME_LIMIT_MAX)
		return mscg_error_set(error, -ERANGE, "--time-extend to %" PRIu32 " s is too long: expected ten years at most", spec->time_extend_s);
	if (spec->grace_s > GRACE_MAX)
		return mscg_error_set(error, -ERANGE, "grace time of %" PRIu32 " s is too long: expected %u at most", spec->grace_s,
		                      GRACE_MAX);
	if (spec->begin_usec < 0 || spec->deadline_usec < 0)
		return mscg_error_set(error, -EINVAL, "a time before 1970: expected one to come");
	if (spec->deadline_usec && spec->deadline_usec <= spec->begin_usec)
		return mscg_error_set(error, -EINVAL, "the deadline is not after the time to begin: expected --begin before --deadline");
	if (spec->umask > 0777)
		return mscg_error_set(error, -EINVAL, "umask %#" PRIo32 " is invalid: expected 0 to 0777", spec->umask);
	return 0;
}

static int check_dependency(const struct mscg_spec *spec, struct mscg_error *error)
{
	struct depends d;
	uint32_t corr = 0;
	int r;

	if (!spec->dependency)
		return 0;
	r = mscg_depends_parse(spec->dependency, &d, error);
	if (r < 0)
		return r;
	for (uint32_t i = 0; r == 0 && i < d.n; i++) {
		corr += spec->array && d.on[i].kind == DEPEND_AFTERCORR && d.on[i].id.task == MSCG_NO_TASK;
		if (d.on[i].failed || d.on[i].ready_n || d.on[i].due_usec || (d.on[i].kind == DEPEND_SINGLETON && d.on[i].id.job))
			r = mscg_error_set(error, -EINVAL, "invalid dependency '%.60s': expected for example afterok:12, or singleton alone",
			                   spec->dependency);
	}
	if (r == 0 && corr && (d.any || corr > 1))
		r = mscg_error_set(error, -EINVAL, "invalid dependency '%.60s' of an array: expected aftercorr once, with ',' between it and others",
		                   spec->dependency);
	mscg_depends_clear(&d);
	return r;
}

static int check_isolation(const struct mscg_spec *spec, struct mscg_error *error)
{
	uint32_t bits;
	int r = spec->isolate ? mscg_isolate_parse(spec->isolate, &bits, error) : 0;

	return r == 0 && spec->allow ? mscg_allow_parse(spec->allow, &bits, error) : r;
}

const char *mscg_spec_needs_mounts(const struct mscg_spec *spec)
{
	return spec->binds ? "--bind" : spec->rootfs ? "--rootfs" : NULL;
}

/* What needs mounts of the job's own; as mscgd is configured is its business. */
static int check_mounts(struct mscg_spec *spec, struct mscg_error *error)
{
	uint32_t parts = MSCG_PART_MOUNT;
	char *plain;
	int r = 0;

	if (spec->binds && (r = binds_plain(spec->binds, NULL, &plain, error)) == 0) {
		free(spec->binds);
		spec->binds = plain;
	}
	if (r == 0 && spec->rootfs && (r = root_plain(spec->rootfs, NULL, &plain, error)) == 0) {
		free(spec->rootfs);
		spec->rootfs = plain;
	}
	if (r < 0 || !spec->isolate || !mscg_spec_needs_mounts(spec))
		return r;
	mscg_isolate_parse(spec->isolate, &parts, NULL);
	if (!(parts & MSCG_PART_MOUNT))
		return mscg_error_set(error, -EINVAL, "%s with isolation '%.60s', which has no mounts of the job's own: expected default, strict, or parts with mount",
		                      mscg_spec_needs_mounts(spec), spec->isolate);
	return 0;
}

static int check_signal(const struct mscg_spec *spec, struct mscg_error *error)
{
	struct mscg_warn warn;

	return spec->signal ? mscg_warn_parse(spec->signal, &warn, error) : 0;
}

static int check_log(const struct mscg_spec *spec, struct mscg_error *error)
{
	if (spec->log_max && spec->attached)
		return mscg_error_set(error, -EINVAL, "--log-max is for output files: an attached job has none");
	return 0;
}

static uint64_t count_lines(const char *lines)
{
	uint64_t n = 1;

	for (const char *p = lines; (p = strchr(p, '\n')); p++)
		n++;
	return n;
}

char *mscg_spec_line(const struct mscg_spec *spec, uint32_t task)
{
	const char *line = spec->lines;

	for (; line && task; task--)
		line = (line = strchr(line, '\n')) ? line + 1 : NULL;
	return line ? xstrndup(line, strcspn(line, "\n")) : NULL;
}

/* A line for each task. */
static int check_lines(const struct mscg_spec *spec, struct mscg_error *error)
{
	uint64_t n = 0;
	uint32_t last = 0;

	if (!spec->lines)
		return 0;
	if (!spec->array_n)
		return mscg_error_set(error, -EINVAL, "lines without an array: expected one with a task for each line");
	if (strlen(spec->lines) > MSCG_LINES_MAX)
		return mscg_error_set(error, -E2BIG, "lines have %zu bytes: expected %u in all at most; give the tasks the names of files with the rest",
		                      strlen(spec->lines), MSCG_LINES_MAX);
	for (const char *p = spec->lines, *end; *p; p = *end ? end + 1 : end) {
		n++;
		end = p + strcspn(p, "\n");
		if (end - p > (ptrdiff_t)MSCG_LINE_MAX)
			return mscg_error_set(error, -E2BIG, "line %" PRIu64 ", '%.20s...', has %td bytes: expected %u at most", n, p, end - p, MSCG_LINE_MAX);
	}
	n = count_lines(spec->lines);
	last = spec->array[spec->array_n - 1].last;
	if (last >= n)
		return mscg_error_set(error, -EINVAL, "task %" PRIu32 " of %" PRIu64 " lines: expected indices from 0 to %" PRIu64, last, n, n - 1);
	return 0;
}

/* In one form, so that equal requests are equal texts. */
static int check_gres(struct mscg_spec *spec, struct mscg_error *error)
{
	struct gres gres;
	int r = spec->gres ? gres_parse(spec->gres, &gres, error) : 0;

	if (r == 0 && spec->gres) {
		free(spec->gres);
		spec->gres = gres_format(&gres);
	}
	return r;
}

static int check_array(const struct mscg_spec *spec, struct mscg_error *error)
{
	uint64_t count;

	if (!spec->array) {
		if (spec->max_fails)
			return mscg_error_set(error, -EINVAL, "--max-fails %" PRIu32 " without an array: expected --array too", spec->max_fails);
		if (spec->array_n || spec->array_throttle)
			return mscg_error_set(error, -EINVAL, "a limit of running tasks without an array: expected --array too");
		return 0;
	}
	if (spec->array_n == 0)
		return mscg_error_set(error, -EINVAL, "the array is empty: expected one index at least");
	if (spec->attached)
		return mscg_error_set(error, -EINVAL, "an array cannot be attached to a terminal: submit it instead");
	for (uint32_t i = 0; i < spec->array_n; i++) {
		const struct mscg_range *r = &spec->array[i];

		if (r->step == 0 || r->last < r->first || (i && r->first <= r[-1].last))
			return mscg_error_set(error, -EINVAL,
			                      "invalid array range %" PRIu32 "-%" PRIu32 ":%" PRIu32 ": expected sorted ranges that do not overlap",
			                      r->first, r->last, r->step);
		if (r->last > MSCG_ARRAY_INDEX_MAX)
			return mscg_error_set(error, -ERANGE, "array index %" PRIu32 " is too large: expected %u at most", r->last,
			                      MSCG_ARRAY_INDEX_MAX);
	}
	count = mscg_ranges_count(spec->array, spec->array_n);
	if (count > MSCG_ARRAY_TASKS_MAX)
		return mscg_error_set(error, -ERANGE, "an array of %" PRIu64 " tasks is too large: expected %u at most", count,
		                      MSCG_ARRAY_TASKS_MAX);
	return 0;
}

/* The program's name, without what a label may not have. */
static char *derive_name(const struct mscg_spec *spec)
{
	const char *word = spec->argv[0], *end = word + (spec->shell ? strcspn(word, " \t\n;|&") : strlen(word));
	char *name;

	for (const char *p = word; p < end; p++)
		if (*p == '/' && p + 1 < end)
			word = p + 1;
	name = xstrndup(word, (size_t)MIN_OF(end - word, (ptrdiff_t)NAME_BYTES_MAX));
	for (char *p = name; *p; p++)
		if (*p < 0x20 || *p == 0x7f)
			*p = '?';
	if (*name == '\0') {
		free(name);
		name = xstrdup("job");
	}
	return name;
}

/* The line as typed is for people who look back: the end of a very long one is not worth refusing a job. */
static void cut_submit_line(char *line)
{
	static const char dots[] = "...";
	size_t n = SUBMIT_LINE_MAX - sizeof dots;

	if (!line || strlen(line) <= SUBMIT_LINE_MAX)
		return;
	while (n > 0 && ((unsigned char)line[n] & 0xc0) == 0x80)
		n--;
	memcpy(line + n, dots, sizeof dots);
}

int mscg_spec_check(struct mscg_spec *spec, struct mscg_error *error)
{
	int r = check_command(spec, error);

	if (r == 0)
		r = check_texts(spec, error);
	if (r == 0)
		r = check_limits(spec, error);
	if (r == 0)
		r = check_moving_memory(spec, error);
	if (r == 0)
		r = check_array(spec, error);
	if (r == 0)
		r = check_lines(spec, error);
	if (r == 0)
		r = check_dependency(spec, error);
	if (r == 0)
		r = check_isolation(spec, error);
	if (r == 0)
		r = check_mounts(spec, error);
	if (r == 0)
		r = check_signal(spec, error);
	if (r == 0)
		r = check_log(spec, error);
	if (r == 0)
		r = check_gres(spec, error);
	if (r == 0 && spec->attached && spec->hold)
		r = mscg_error_set(error, -EINVAL, "a held job cannot be attached to a terminal: submit it instead");
	if (r == 0 && spec->pty && !spec->attached)
		r = mscg_error_set(error, -EINVAL, "a terminal for a job that is not attached: expected `mscg run`");
	if (r == 0)
		r = check_cpus(spec, error);
	if (r < 0)
		return r;
	if (!spec->name)
		spec->name = derive_name(spec);
	if (!spec->workdir)
		spec->workdir = xstrdup(spec->home);
	cut_submit_line(spec->submit_line);
	return 0;
}
