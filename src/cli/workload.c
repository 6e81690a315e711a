/* Workloads as JSON lines: reading. */
#include "workload.h"

#include "src/base/clock.h"

enum kind { KIND_SECONDS, KIND_CPUS, KIND_BYTES, KIND_LIMIT, KIND_USER, KIND_PRIORITY, KIND_NOTE };

/* What a line may say. Notes are for people. */
static const struct key {
	const char *name;
	enum kind   kind;
	size_t      offset; /* in struct sim_job */
	bool        needed;
} keys[] = {
	{"id", KIND_NOTE, 0, false},
	{"name", KIND_NOTE, 0, false},
	{"state", KIND_NOTE, 0, false},
	{"wait", KIND_NOTE, 0, false},
	{"submit", KIND_SECONDS, offsetof(struct sim_job, submit_usec), true},
	{"run", KIND_SECONDS, offsetof(struct sim_job, run_seconds), true},
	{"cpus", KIND_CPUS, offsetof(struct sim_job, cpus), true},
	{"min_cpus", KIND_CPUS, offsetof(struct sim_job, min_cpus), false},
	{"max_cpus", KIND_CPUS, offsetof(struct sim_job, max_cpus), false},
	{"mem_bytes", KIND_BYTES, offsetof(struct sim_job, mem_bytes), false},
	{"time_limit", KIND_LIMIT, offsetof(struct sim_job, time_limit_s), false},
	{"user", KIND_USER, offsetof(struct sim_job, user), false},
	{"priority", KIND_PRIORITY, offsetof(struct sim_job, priority), false},
};

static const struct range {
	double min, max;
	bool   whole;
	const char *expected;
} ranges[] = {
	[KIND_SECONDS] = {0, 1e11, false, "seconds, 0 or more"},
	[KIND_CPUS] = {1, MSCG_CPUS_MAX, true, "a whole number of CPUs, 1 or more"},
	[KIND_BYTES] = {0, 1e18, true, "a whole number of bytes"},
	[KIND_LIMIT] = {0, 1e9, true, "whole seconds, or 0 for none"},
	[KIND_USER] = {0, 1e9, true, "a number for each user"},
	[KIND_PRIORITY] = {INT32_MIN, INT32_MAX, true, "a whole number"},
};

static const struct key *key_named(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (streq(keys[i].name, name))
			return &keys[i];
	return NULL;
}

static void put(struct sim_job *job, const struct key *key, double value)
{
	void *p = (char *)job + key->offset;

	if (key->offset == offsetof(struct sim_job, submit_usec))
		*(int64_t *)p = (int64_t)(value * USEC_PER_SEC + 0.5);
	else if (key->kind == KIND_SECONDS)
		*(double *)p = value;
	else if (key->kind == KIND_BYTES)
		*(uint64_t *)p = (uint64_t)value;
	else if (key->kind == KIND_PRIORITY)
		*(int32_t *)p = (int32_t)value;
	else
		*(uint32_t *)p = (uint32_t)value;
}

static int read_value(const char *name, const json_t *value, struct sim_job *job, struct mscg_error *error)
{
	const struct key *key = key_named(name);
	const struct range *range;
	double v;

	if (!key)
		return mscg_error_set(error, -EINVAL, "unknown key '%.60s': expected submit, run, cpus, min_cpus, max_cpus, mem_bytes, time_limit, user, priority, and as notes id, name, state, wait",
		                      name);
	if (key->kind == KIND_NOTE || json_is_null(value))
		return 0;
	range = &ranges[key->kind];
	v = json_number_value(value);
	if (!json_is_number(value) || !(v >= range->min && v <= range->max) || (range->whole && !json_is_integer(value)))
		return mscg_error_set(error, -EINVAL, "%s: expected %s", name, range->expected);
	put(job, key, v);
	return 0;
}

static int read_job(json_t *line, struct sim_job *ret, struct mscg_error *error)
{
	struct sim_job job = {0};
	const char *name;
	json_t *value;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i].needed && !jhas(line, keys[i].name))
			return mscg_error_set(error, -EINVAL, "%s is missing: expected %s", keys[i].name, ranges[keys[i].kind].expected);
	json_object_foreach(line, name, value) {
		int r = read_value(name, value, &job, error);

		if (r < 0)
			return r;
	}
	job.min_cpus = job.min_cpus ? job.min_cpus : job.cpus;
	job.max_cpus = job.max_cpus ? job.max_cpus : job.cpus;
	if (job.min_cpus > job.cpus || job.max_cpus < job.cpus)
		return mscg_error_set(error, -EINVAL, "min_cpus %u, cpus %u, max_cpus %u: expected them in this order", job.min_cpus, job.cpus, job.max_cpus);
	*ret = job;
	return 0;
}

static int read_machine(const json_t *line, struct sim_workload *w, struct mscg_error *error)
{
	int64_t version = jint(line, "mscg_workload", 0);

	if (version != 1)
		return mscg_error_set(error, -EINVAL, "mscg_workload %lld: expected 1, or another version of mscg", (long long)version);
	w->cpus = (uint32_t)MAX_OF(jint(line, "cpus", 0), INT64_C(0));
	w->mem_bytes = (uint64_t)MAX_OF(jint(line, "mem_bytes", 0), INT64_C(0));
	return 0;
}

static int read_line(const char *text, size_t size, struct sim_workload *w, struct mscg_error *error)
{
	json_error_t je;
	json_t *line = json_loadb(text, size, JSON_REJECT_DUPLICATES, &je);
	struct sim_job job;
	int r;

	if (!json_is_object(line)) {
		r = line ? mscg_error_set(error, -EINVAL, "expected an object, {...}")
		         : mscg_error_set(error, -EINVAL, "column %d: %s: expected a JSON object", je.column, je.text);
	} else if (json_object_get(line, "mscg_workload")) {
		r = read_machine(line, w, error);
	} else {
		r = read_job(line, &job, error);
		if (r == 0) {
			GROW(w->jobs, w->n, w->cap);
			w->jobs[w->n++] = job;
		}
	}
	json_decref(line);
	return r;
}

static int by_submission(const void *a, const void *b)
{
	const struct sim_job *x = a, *y = b;

	return x->submit_usec < y->submit_usec ? -1 : x->submit_usec > y->submit_usec;
}

bool workload_is_json(const char *text)
{
	return text[strspn(text, " \t\r\n")] == '{';
}

int workload_read_json(const char *text, struct sim_workload *ret, struct mscg_error *error)
{
	struct sim_workload w = {0};
	unsigned number = 1;
	bool sorted = true;

	for (const char *line = text; *line; number++) {
		size_t n = strcspn(line, "\n");

		if (strspn(line, " \t\r") < n) {
			int r = read_line(line, n, &w, error);

			if (r < 0) {
				sim_workload_free(&w);
				return mscg_error_prefix(error, r, "line %u: ", number);
			}
			sorted = sorted && (w.n < 2 || w.jobs[w.n - 2].submit_usec <= w.jobs[w.n - 1].submit_usec);
		}
		line += n + (line[n] == '\n');
	}
	if (!sorted)
		qsort(w.jobs, w.n, sizeof *w.jobs, by_submission);
	*ret = w;
	return 0;
}
