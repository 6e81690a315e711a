/* Submit: specs to JSON and back. This file reads. */
#include "src/wire/submit.h"

#include "src/base/base.h"
#include "src/base/depend.h"

#include <inttypes.h>

const struct spec_field wire_spec_fields[] = {
#define FIELD(key, kind, ...)         {#key, SPEC_##kind, offsetof(struct mscg_spec, key), __VA_ARGS__}
#define NAMED(key, kind, member, ...) {#key, SPEC_##kind, offsetof(struct mscg_spec, member), __VA_ARGS__}
	FIELD(name, TEXT, 0),
	FIELD(workdir, TEXT, 0),
	FIELD(stdin_path, TEXT, 0),
	FIELD(stdout_path, TEXT, 0),
	FIELD(stderr_path, TEXT, 0),
	FIELD(account, TEXT, 0),
	FIELD(comment, TEXT, 0),
	FIELD(partition, TEXT, 0),
	FIELD(qos, TEXT, 0),
	FIELD(submit_line, TEXT, 0),
	FIELD(dependency, TEXT, 0),
	FIELD(isolate, TEXT, 0),
	FIELD(allow, TEXT, 0),
	FIELD(signal, TEXT, 0),
	FIELD(lines, TEXT, 0),
	FIELD(gres, TEXT, 0),
	FIELD(shell, BOOL, 0),
	FIELD(append, BOOL, 0),
	FIELD(truncate, BOOL, 0),
	FIELD(elastic, BOOL, 0),
	FIELD(by_pressure, BOOL, 0),
	FIELD(slurm_env, BOOL, 0),
	FIELD(requeue, BOOL, 0),
	FIELD(attached, BOOL, 0),
	FIELD(pty, BOOL, 0),
	NAMED(cpus, MILLI, cpus_milli, 0),
	NAMED(min_cpus, MILLI, min_cpus_milli, 0),
	NAMED(max_cpus, MILLI, max_cpus_milli, 0),
	FIELD(mem_bytes, U64, 0, INT64_MAX),
	NAMED(time_limit, U32, time_limit_s, 0, UINT32_MAX),
	NAMED(time_min, U32, time_min_s, 0, UINT32_MAX),
	NAMED(grace, U32, grace_s, 0, UINT32_MAX),
	FIELD(priority, I32, INT32_MIN, INT32_MAX),
	FIELD(umask, U32, 0, 0777),
	FIELD(hold, BOOL, 0),
	NAMED(begin, TIME, begin_usec, 0),
	NAMED(deadline, TIME, deadline_usec, 0),
	FIELD(max_retries, U32, 0, MSCG_RETRIES_MAX),
	FIELD(log_max, U64, 0, INT64_MAX),
	FIELD(max_fails, U32, 0, MSCG_ARRAY_TASKS_MAX),
	FIELD(binds, TEXT, 0),
	FIELD(rootfs, TEXT, 0),
	NAMED(time_extend, U32, time_extend_s, 0, UINT32_MAX),
	FIELD(delegate, BOOL, 0),
	FIELD(min_mem_bytes, U64, 0, INT64_MAX),
	FIELD(max_mem_bytes, U64, 0, INT64_MAX),
	FIELD(reservation, TEXT, 0),
};
_Static_assert(ARRAY_SIZE(wire_spec_fields) == SPEC_FIELDS_N, "SPEC_FIELDS_N counts the rows");

const char *const wire_cpu_modes[] = {[MSCG_CPUS_EXCLUSIVE] = "exclusive", [MSCG_CPUS_QUOTA] = "quota"};

/* -- reading ---------------------------------------------------------------------------------------------------- */

/* What all specs of one message share. */
struct shared {
	char       ***envs;
	size_t       *env_bytes;
	size_t        envs_n;
	const json_t *scripts;
	size_t        copied;      /* bytes of environments and scripts given out so far */
	uint64_t      tasks;       /* of all arrays */
	uint32_t      with_ranges; /* arrays of more than one range */
};

static int read_field(const json_t *value, const struct spec_field *f, struct mscg_spec *spec, struct mscg_error *error)
{
	void *p = spec_member(spec, f);
	const char *text;
	int64_t v;
	int r;

	switch (f->kind) {
	case SPEC_TEXT:
		r = wire_read_string(value, f->key, &text, error);
		if (r > 0)
			*(char **)p = xstrdup(text);
		return r;
	case SPEC_BOOL:
		return wire_read_bool(value, f->key, p, error);
	case SPEC_MILLI:
		return wire_read_milli(value, f->key, p, error);
	case SPEC_TIME:
		return wire_read_time(value, f->key, p, error);
	default:
		r = wire_read_int(value, f->key, f->min, f->max, &v, error);
		if (r <= 0)
			return r;
		if (f->kind == SPEC_U64)
			*(uint64_t *)p = (uint64_t)v;
		else if (f->kind == SPEC_I32)
			*(int32_t *)p = (int32_t)v;
		else
			*(uint32_t *)p = (uint32_t)v;
		return r;
	}
}

/* A few large texts and many jobs are a small message and a large memory. */
static int count_copy(struct shared *s, size_t bytes, struct mscg_error *error)
{
	s->copied += bytes;
	if (s->copied > WIRE_SHARED_MAX)
		return mscg_error_set(error, -E2BIG,
		                      "environments and scripts of all jobs have more than %u MiB: submit fewer jobs at once",
		                      WIRE_SHARED_MAX >> 20);
	return 0;
}

static int read_index(const json_t *value, const char *key, const char *list, size_t n, int64_t *ret, struct mscg_error *error)
{
	int64_t i;
	int r = wire_read_int(value, key, 0, UINT32_MAX, &i, error);

	if (r <= 0)
		return r;
	if ((uint64_t)i >= n)
		return mscg_error_set(error, -EINVAL, "%s is %" PRId64 ": expected an index into %s, which has %zu", key, i,
		                      list, n);
	*ret = i;
	return 1;
}

static int read_env(const json_t *value, struct shared *s, struct mscg_spec *spec, struct mscg_error *error)
{
	int64_t i;
	int r = read_index(value, "env", "environments", s->envs_n, &i, error);

	if (r <= 0)
		return r;
	r = count_copy(s, s->env_bytes[i], error);
	if (r == 0)
		spec->env = strv_copy(s->envs[i]);
	return r;
}

static int read_script(const json_t *value, struct shared *s, struct mscg_spec *spec, struct mscg_error *error)
{
	const json_t *script;
	int64_t i;
	int r = read_index(value, "script", "scripts", json_array_size(s->scripts), &i, error);

	if (r <= 0)
		return r;
	script = json_array_get(s->scripts, (size_t)i);
	r = count_copy(s, json_string_length(script), error);
	if (r == 0)
		spec->script = xstrdup(json_string_value(script));
	return r;
}

static int read_array(const json_t *value, struct shared *s, struct mscg_spec *spec, struct mscg_error *error)
{
	const char *text;
	int r = wire_read_string(value, "array", &text, error);

	if (r <= 0)
		return r;
	if (strchr(text, ',') && ++s->with_ranges > WIRE_LISTED_ARRAYS_MAX)
		return mscg_error_set(error, -EINVAL, "more than %d arrays with several ranges: submit fewer jobs at once",
		                      WIRE_LISTED_ARRAYS_MAX);
	r = mscg_array_parse(text, spec, error);
	if (r < 0)
		return r;
	s->tasks += mscg_ranges_count(spec->array, spec->array_n);
	if (s->tasks > MSCG_ARRAY_TASKS_MAX)
		return mscg_error_set(error, -ERANGE, "arrays have more than %u tasks in all: submit fewer at once", MSCG_ARRAY_TASKS_MAX);
	return 0;
}

static int read_cpu_mode(const json_t *value, struct shared *s, struct mscg_spec *spec, struct mscg_error *error)
{
	const char *text;
	int r = wire_read_string(value, "cpu_mode", &text, error);

	(void)s;
	if (r <= 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(wire_cpu_modes); i++)
		if (streq(text, wire_cpu_modes[i])) {
			spec->cpu_mode = (enum mscg_cpu_mode)i;
			return 0;
		}
	return mscg_error_set(error, -EINVAL, "cpu_mode is '%.60s': expected exclusive or quota", text);
}

static int read_argv(const json_t *value, struct shared *s, struct mscg_spec *spec, struct mscg_error *error)
{
	(void)s;
	return wire_read_strv(value, "argv", &spec->argv, error);
}

/* The members that need more than a row. */
static const struct {
	const char *key;
	int (*read)(const json_t *value, struct shared *s, struct mscg_spec *spec, struct mscg_error *error);
} special[] = {{"argv", read_argv}, {"env", read_env}, {"script", read_script}, {"array", read_array}, {"cpu_mode", read_cpu_mode}};

static int unknown_key(const json_t *o, struct mscg_error *error)
{
	const char *keys[ARRAY_SIZE(special) + SPEC_FIELDS_N + 1], **end = keys;

	for (size_t i = 0; i < ARRAY_SIZE(special); i++)
		*end++ = special[i].key;
	for (size_t i = 0; i < SPEC_FIELDS_N; i++)
		*end++ = wire_spec_fields[i].key;
	*end = NULL;
	return wire_check_keys(o, keys, error);
}

static int read_member(const json_t *o, const char *key, const json_t *value, struct shared *s, struct mscg_spec *spec,
                       struct mscg_error *error)
{
	for (size_t i = 0; i < ARRAY_SIZE(special); i++)
		if (streq(key, special[i].key))
			return special[i].read(value, s, spec, error);
	for (size_t i = 0; i < SPEC_FIELDS_N; i++)
		if (*key == *wire_spec_fields[i].key && streq(key, wire_spec_fields[i].key))
			return read_field(value, &wire_spec_fields[i], spec, error);
	return unknown_key(o, error);
}

static int read_spec(const json_t *o, struct shared *s, struct mscg_spec *spec, struct mscg_error *error)
{
	const char *key;
	json_t *value;
	int r = 0;

	if (!json_is_object(o))
		return mscg_error_set(error, -EINVAL, "a job is no object");
	json_object_foreach((json_t *)o, key, value)
		if ((r = read_member(o, key, value, s, spec, error)) < 0)
			return r;
	r = wire_need(spec->argv != NULL, "argv", error);
	return r < 0 ? r : mscg_spec_check(spec, error);
}

static void shared_clear(struct shared *s)
{
	for (size_t i = 0; i < s->envs_n; i++)
		strv_free(s->envs[i]);
	free(s->envs);
	free(s->env_bytes);
}

static int read_environments(const json_t *parameters, struct shared *s, struct mscg_error *error)
{
	const json_t *list = json_object_get(parameters, "environments");
	size_t n = json_array_size(list);

	if (list && !json_is_null(list) && !json_is_array(list))
		return mscg_error_set(error, -EINVAL, "environments is no list: expected a list of lists of NAME=value");
	s->envs = xcalloc(n, sizeof *s->envs);
	s->env_bytes = xcalloc(n, sizeof *s->env_bytes);
	for (size_t i = 0; i < n; i++) {
		/* An object around it, so that the text names it. */
		json_t *o = json_pack("{s:O}", "environments", json_array_get(list, i));
		int r = wire_need(wire_get_strv(o, "environments", &s->envs[i], error), "environments", error);

		json_decref(o);
		if (r < 0)
			return r;
		s->envs_n++;
		for (char **e = s->envs[i]; *e; e++)
			s->env_bytes[i] += strlen(*e) + 1 + sizeof *e;
	}
	return 0;
}

static int read_shared(const json_t *parameters, struct shared *s, struct mscg_error *error)
{
	int r = read_environments(parameters, s, error);

	if (r < 0)
		return r;
	s->scripts = json_object_get(parameters, "scripts");
	if (s->scripts && !json_is_null(s->scripts) && !json_is_array(s->scripts))
		return mscg_error_set(error, -EINVAL, "scripts is no list: expected a list of strings");
	for (size_t i = 0; i < json_array_size(s->scripts); i++)
		if (!json_is_string(json_array_get(s->scripts, i)))
			return mscg_error_set(error, -EINVAL, "scripts[%zu] is no string", i);
	return 0;
}

void wire_specs_free(struct mscg_spec **specs, uint32_t n)
{
	for (uint32_t i = 0; specs && i < n; i++)
		mscg_spec_free(specs[i]);
	free(specs);
}

static bool has_task(const struct mscg_spec *spec, uint32_t task)
{
	for (uint32_t i = 0; i < spec->array_n; i++)
		if (task >= spec->array[i].first && task <= spec->array[i].last)
			return (task - spec->array[i].first) % spec->array[i].step == 0;
	return false;
}

/* Only those before it may be named by "#N", so that no cycle can be. */
static int check_listed(struct mscg_spec *const *specs, uint32_t at, struct mscg_error *error)
{
	struct depends d;
	int r = 0;

	if (!specs[at]->dependency || mscg_depends_parse(specs[at]->dependency, &d, NULL) < 0)
		return 0;
	for (uint32_t i = 0; r == 0 && i < d.n; i++) {
		const struct depend *one = &d.on[i];

		if (!one->listed)
			continue;
		if (one->listed > at)
			r = mscg_error_set(error, -EINVAL, "a dependency on #%u: expected a job before it in the same list, from #0 on", one->listed - 1);
		else if (one->id.task != MSCG_NO_TASK && !has_task(specs[one->listed - 1], one->id.task))
			r = mscg_error_set(error, -EINVAL, "a dependency on #%u_%u: that job has no such task", one->listed - 1, one->id.task);
	}
	mscg_depends_clear(&d);
	return r;
}

static int read_jobs(const json_t *jobs, struct shared *s, struct mscg_spec **specs, uint32_t n, struct mscg_error *error)
{
	for (uint32_t i = 0; i < n; i++) {
		int r;

		specs[i] = mscg_spec_new();
		r = read_spec(json_array_get(jobs, i), s, specs[i], error);
		if (r >= 0)
			r = check_listed(specs, i, error);
		if (r < 0)
			return n > 1 ? (mscg_error_prefix(error, r, "jobs[%u]: ", i), r) : r;
	}
	return 0;
}

int wire_submit_parse(const json_t *parameters, struct mscg_spec ***ret_specs, uint32_t *ret_n, struct mscg_error *error)
{
	static const char *const keys[] = {"jobs", "environments", "scripts", NULL};
	const json_t *jobs = json_object_get(parameters, "jobs");
	size_t n = json_array_size(jobs);
	struct mscg_spec **specs;
	struct shared s = {0};
	int r = wire_check_keys(parameters, keys, error);

	if (r < 0)
		return r;
	if (!json_is_array(jobs) || n == 0 || n > WIRE_JOBS_MAX)
		return mscg_error_set(error, -EINVAL, json_is_array(jobs) ? "jobs has %zu: expected 1 to %d jobs" :
		                      "jobs is missing or no list (%zu): expected a list of 1 to %d jobs", n, WIRE_JOBS_MAX);
	specs = xcalloc(n, sizeof *specs);
	r = read_shared(parameters, &s, error);
	if (r == 0)
		r = read_jobs(jobs, &s, specs, (uint32_t)n, error);
	shared_clear(&s);
	if (r < 0) {
		wire_specs_free(specs, (uint32_t)n);
		return r;
	}
	*ret_specs = specs;
	*ret_n = (uint32_t)n;
	return 0;
}
