/* Workloads as JSON lines: reading. */
#include "workload.h"

#include "src/base/buf.h"
#include "src/base/clock.h"
#include "src/base/gres.h"
#include "src/base/intern.h"
#include "src/base/parse.h"

enum kind { KIND_SECONDS, KIND_CPUS, KIND_BYTES, KIND_LIMIT, KIND_USER, KIND_PRIORITY, KIND_BOOL, KIND_TEXT, KIND_GRES };

/* What a line may say, of a job. */
static const struct key {
	const char *name;
	enum kind   kind;
	size_t      offset; /* in struct sim_job */
	bool        needed;
} keys[] = {
	{"submit", KIND_SECONDS, offsetof(struct sim_job, submit_usec), true},
	{"run", KIND_SECONDS, offsetof(struct sim_job, run_seconds), true},
	{"cpus", KIND_CPUS, offsetof(struct sim_job, cpus), true},
	{"min_cpus", KIND_CPUS, offsetof(struct sim_job, min_cpus), false},
	{"max_cpus", KIND_CPUS, offsetof(struct sim_job, max_cpus), false},
	{"mem_bytes", KIND_BYTES, offsetof(struct sim_job, mem_bytes), false},
	{"time_limit", KIND_LIMIT, offsetof(struct sim_job, time_limit_s), false},
	{"user", KIND_USER, offsetof(struct sim_job, user), false},
	{"priority", KIND_PRIORITY, offsetof(struct sim_job, priority), false},
	{"priority_asked", KIND_PRIORITY, offsetof(struct sim_job, priority_asked), false},
	{"qos", KIND_TEXT, offsetof(struct sim_job, qos), false},
	{"partition", KIND_TEXT, offsetof(struct sim_job, partition), false},
	{"account", KIND_TEXT, offsetof(struct sim_job, account), false},
	{"gres", KIND_GRES, offsetof(struct sim_job, gres), false},
	{"requeue", KIND_BOOL, offsetof(struct sim_job, requeue), false},
};

static const char *const notes[] = {"id", "name", "state", "wait"}; /* for people */

_Static_assert(MSCG_CPUS_MAX == 8192, "what is said to be expected");
static const struct range {
	double min, max;
	bool   whole;
	const char *expected;
} ranges[] = {
	[KIND_SECONDS] = {0, 1e11, false, "seconds, 0 or more"},
	[KIND_CPUS] = {1, MSCG_CPUS_MAX, true, "a whole number of CPUs, 1 to 8192"},
	[KIND_BYTES] = {0, 1e18, true, "a whole number of bytes"},
	[KIND_LIMIT] = {0, 1e9, true, "whole seconds, or 0 for none"},
	[KIND_USER] = {0, 1e9, true, "a number for each user, or in all lines a name"},
	[KIND_PRIORITY] = {INT32_MIN, INT32_MAX, true, "a whole number"},
};

struct reader {
	struct sim_workload w;
	json_t *users; /* by name, their numbers */
	char  **names; /* in order */
	uint32_t names_n, names_cap;
	bool    numbers; /* users have numbers */
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

static bool is_note(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(notes); i++)
		if (streq(notes[i], name))
			return true;
	return false;
}

static int unknown_key(const char *name, struct mscg_error *error)
{
	_cleanup_buf_ struct buf all = {0};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		buf_addf(&all, "%s, ", keys[i].name);
	return mscg_error_set(error, -EINVAL, "unknown key '%.40s': expected %sand as notes id, name, state, wait", name, all.data);
}

static int read_text(const struct key *key, const json_t *value, struct sim_job *job, struct mscg_error *error)
{
	const char *text = json_string_value(value);
	struct gres gres;

	if (!text || !*text)
		return mscg_error_set(error, -EINVAL, "%s: expected a text, that is not empty", key->name);
	if (key->kind == KIND_GRES && gres_parse(text, &gres, error) < 0)
		return mscg_error_prefix(error, -EINVAL, "%s: ", key->name);
	*(const char **)(void *)((char *)job + key->offset) = intern(text);
	return 0;
}

/* Users by name are numbered from 1 on. */
static int read_user(struct reader *r, const char *name, struct sim_job *job, struct mscg_error *error)
{
	if (r->numbers || !*name)
		return mscg_error_set(error, -EINVAL, "user: expected %s", ranges[KIND_USER].expected);
	if (!r->users)
		r->users = json_object();
	if (!json_object_get(r->users, name)) {
		GROW(r->names, r->names_n, r->names_cap);
		r->names[r->names_n++] = xstrdup(name);
		json_object_set_new(r->users, name, json_integer(r->names_n));
	}
	job->user = (uint32_t)jint(r->users, name, 0);
	return 0;
}

static int read_value(struct reader *r, const char *name, const json_t *value, struct sim_job *job, struct mscg_error *error)
{
	const struct key *key = key_named(name);
	const struct range *range;
	double v;

	if (!key && !is_note(name))
		return unknown_key(name, error);
	if (!key || json_is_null(value))
		return 0;
	if (key->kind == KIND_BOOL && json_is_boolean(value)) {
		*(bool *)((char *)job + key->offset) = json_is_true(value);
		return 0;
	}
	if (key->kind == KIND_BOOL)
		return mscg_error_set(error, -EINVAL, "%s: expected true or false", name);
	if (key->kind > KIND_BOOL)
		return read_text(key, value, job, error);
	if (key->kind == KIND_USER && json_is_string(value))
		return read_user(r, json_string_value(value), job, error);
	range = &ranges[key->kind];
	v = json_number_value(value);
	if (!json_is_number(value) || !(v >= range->min && v <= range->max) || (range->whole && !json_is_integer(value)) ||
	    (key->kind == KIND_USER && r->users))
		return mscg_error_set(error, -EINVAL, "%s: expected %s", name, range->expected);
	r->numbers |= key->kind == KIND_USER;
	put(job, key, v);
	return 0;
}

static int read_job(struct reader *reader, json_t *line, struct sim_job *ret, struct mscg_error *error)
{
	struct sim_job job = {0};
	const char *name;
	json_t *value;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i].needed && !jhas(line, keys[i].name))
			return mscg_error_set(error, -EINVAL, "%s is missing: expected %s", keys[i].name, ranges[keys[i].kind].expected);
	json_object_foreach(line, name, value) {
		int r = read_value(reader, name, value, &job, error);

		if (r < 0)
			return r;
	}
	if (!jhas(line, "priority_asked"))
		job.priority_asked = job.priority;
	job.min_cpus = job.min_cpus ? job.min_cpus : job.cpus;
	job.max_cpus = job.max_cpus ? job.max_cpus : job.cpus;
	if (job.min_cpus > job.cpus || job.max_cpus < job.cpus)
		return mscg_error_set(error, -EINVAL, "min_cpus %u, cpus %u, max_cpus %u: expected them in this order", job.min_cpus, job.cpus, job.max_cpus);
	*ret = job;
	return 0;
}

/* Absent or null: 0. */
static int read_total(const json_t *line, const char *name, enum kind kind, uint64_t *ret, struct mscg_error *error)
{
	const json_t *value = json_object_get(line, name);
	json_int_t v = json_integer_value(value);

	if (value && !json_is_null(value) && !(json_is_integer(value) && v >= 0 && (double)v <= ranges[kind].max))
		return mscg_error_set(error, -EINVAL, "%s: expected %s", name, ranges[kind].expected);
	*ret = (uint64_t)v;
	return 0;
}

/* Absent or null: NULL. */
static int read_words(const json_t *line, const char *name, const char **ret, struct mscg_error *error)
{
	const json_t *value = json_object_get(line, name);

	*ret = json_string_value(value);
	if (value && !json_is_null(value) && !*ret)
		return mscg_error_set(error, -EINVAL, "%s: expected a text", name);
	return 0;
}

static int read_machine(const json_t *line, struct sim_workload *w, struct mscg_error *error)
{
	int64_t version = jint(line, "mscg_workload", 0);
	struct core_gres kinds[CORE_GRES_MAX];
	const char *begin, *gres;
	uint64_t cpus;
	uint32_t n;
	int r;

	if (version != 1)
		return mscg_error_set(error, -EINVAL, "mscg_workload %lld: expected 1, or another version of mscg", (long long)version);
	r = read_total(line, "cpus", KIND_CPUS, &cpus, error);
	if (r == 0)
		r = read_total(line, "mem_bytes", KIND_BYTES, &w->mem_bytes, error);
	if (r == 0)
		r = read_words(line, "begin", &begin, error);
	if (r == 0)
		r = read_words(line, "gres", &gres, error);
	if (r < 0)
		return r;
	if (begin && parse_time_point(begin, 0, &w->begin_usec, error) < 0)
		return mscg_error_prefix(error, -EINVAL, "begin: ");
	if (gres && sim_gres_parse(gres, kinds, &n, error) < 0)
		return mscg_error_prefix(error, -EINVAL, "gres: ");
	w->cpus = (uint32_t)cpus;
	w->gres = intern(gres);
	return 0;
}

static int read_line(struct reader *reader, const char *text, size_t size, struct mscg_error *error)
{
	struct sim_workload *w = &reader->w;
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
		r = read_job(reader, line, &job, error);
		if (r == 0) {
			GROW(w->jobs, w->n, w->cap);
			w->jobs[w->n++] = job;
		}
	}
	json_decref(line);
	return r;
}

bool workload_is_json(const char *text)
{
	return text[strspn(text, " \t\r\n")] == '{';
}

static int read_lines(struct reader *r, const char *text, struct mscg_error *error)
{
	unsigned number = 1;

	for (const char *line = text; *line; number++) {
		size_t n = strcspn(line, "\n");
		int code = strspn(line, " \t\r") < n ? read_line(r, line, n, error) : 0;

		if (code < 0)
			return mscg_error_prefix(error, code, "line %u: ", number);
		line += n + (line[n] == '\n');
	}
	return 0;
}

int workload_read_json(const char *text, struct sim_workload *ret, struct mscg_error *error)
{
	struct reader reader = {0};
	struct sim_workload *w = &reader.w;
	int r = read_lines(&reader, text, error);

	if (reader.users) {
		GROW(reader.names, reader.names_n, reader.names_cap);
		reader.names[reader.names_n] = NULL;
		w->users = reader.names;
	}
	json_decref(reader.users);
	if (r < 0) {
		sim_workload_free(w);
		return r;
	}
	sim_workload_sort(w);
	*ret = *w;
	return 0;
}
