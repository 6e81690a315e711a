/* A Job object as a C program sees it. One table; what this version does not know is left alone, what has the wrong type
 * is not believed. */
#include "src/base/base.h"
#include "src/lib/handle.h"

enum kind { TEXT, U32, I32, U64, MILLI, TIME, FLAG };

static const struct field {
	const char *key;
	enum kind   kind;
	size_t      offset; /* in struct mscg_info */
	int64_t     arg;    /* FLAG: the bit */
} fields[] = {
#define FIELD(key, kind, member, ...) {#key, kind, offsetof(struct mscg_info, member), __VA_ARGS__}
	FIELD(user, TEXT, user, 0),
	FIELD(name, TEXT, name, 0),
	FIELD(command, TEXT, command, 0),
	FIELD(reason_text, TEXT, reason_text, 0),
	FIELD(cgroup, TEXT, cgroup, 0),
	FIELD(stdout_path, TEXT, stdout_path, 0),
	FIELD(stderr_path, TEXT, stderr_path, 0),
	FIELD(control_file, TEXT, control_file, 0),
	FIELD(cpuset, TEXT, cpuset, 0),
	FIELD(uid, U32, job.uid, 0),
	FIELD(attempt, U32, job.attempt, 0),
	FIELD(time_limit, U32, job.time_limit_s, 0),
	FIELD(grace, U32, job.grace_s, 0),
	FIELD(priority, I32, job.priority, 0),
	FIELD(exit_code, I32, job.exit_code, 0),
	FIELD(signal, I32, job.exit_signal, 0),
	FIELD(mem_bytes, U64, job.mem_bytes, 0),
	FIELD(cpus, MILLI, job.cpus_milli, 0),
	FIELD(min_cpus, MILLI, job.min_cpus_milli, 0),
	FIELD(max_cpus, MILLI, job.max_cpus_milli, 0),
	FIELD(current_cpus, MILLI, job.current_cpus_milli, 0),
	FIELD(submit_time, TIME, job.submit_usec, 0),
	FIELD(start_time, TIME, job.start_usec, 0),
	FIELD(end_time, TIME, job.end_usec, 0),
	FIELD(begin_time, TIME, job.begin_usec, 0),
	FIELD(deadline, TIME, job.deadline_usec, 0),
	FIELD(elastic, FLAG, job.flags, MSCG_JOB_ELASTIC),
};

static int read_field(const json_t *o, const struct field *f, struct mscg_info *info, struct mscg_error *error)
{
	void *p = (char *)info + f->offset;
	const char *text;
	bool on = false;
	int64_t v;
	int r;

	switch (f->kind) {
	case TEXT:
		r = wire_get_string(o, f->key, &text, error);
		if (r > 0)
			*(char **)p = xstrdup(text);
		return r;
	case MILLI:
		return wire_get_milli(o, f->key, p, error);
	case TIME:
		return wire_get_time(o, f->key, p, error);
	case FLAG:
		r = wire_get_bool(o, f->key, &on, error);
		if (on)
			*(uint16_t *)p |= (uint16_t)f->arg;
		return r;
	case U32:
		r = wire_get_int(o, f->key, 0, UINT32_MAX, &v, error);
		if (r > 0)
			*(uint32_t *)p = (uint32_t)v;
		return r;
	case I32:
		r = wire_get_int(o, f->key, INT32_MIN, INT32_MAX, &v, error);
		if (r > 0)
			*(int32_t *)p = (int32_t)v;
		return r;
	case U64:
		r = wire_get_int(o, f->key, 0, INT64_MAX, &v, error);
		if (r > 0)
			*(uint64_t *)p = (uint64_t)v;
		return r;
	}
	return 0;
}

static int read_state(const json_t *o, struct mscg_info *info, struct mscg_error *error)
{
	const char *text;
	enum mscg_state state;
	enum mscg_reason reason;
	int r = wire_need(wire_get_string(o, "state", &text, error), "state", error);

	if (r >= 0)
		r = mscg_state_parse(text, &state, error);
	if (r < 0)
		return r;
	info->job.state = (uint8_t)state;
	r = wire_get_string(o, "reason", &text, error);
	/* A reason of a newer daemon has its sentence all the same. */
	if (r > 0 && mscg_reason_parse(text, &reason) == 0)
		info->job.reason = (uint8_t)reason;
	return r;
}

static int read_set(const json_t *o, const char *key, struct mscg_cpuset *ret, struct mscg_error *error)
{
	const char *text;
	int r = wire_get_string(o, key, &text, error);

	return r > 0 ? mscg_cpuset_parse(text, ret, error) : r;
}

/* What it holds, as a grant of one share. */
static int read_run(const json_t *o, struct mscg_info *info, struct mscg_error *error)
{
	struct mscg_job *job = &info->job;
	struct mscg_run *run = xcalloc(1, sizeof *run);
	struct mscg_share *share;
	const char *text = NULL;
	int64_t pid = 0;
	int r = wire_get_int(o, "pid", 0, INT32_MAX, &pid, error);

	job->run = run;
	run->pid = (int32_t)pid;
	if (r >= 0)
		r = wire_get_string(o, "cpu_mode", &text, error);
	if (streq(text, "quota"))
		job->flags |= MSCG_JOB_QUOTA;
	if (r >= 0 && info->cpuset) {
		run->grant = mscg_grant_new(1);
		run->grant->cpu_mode = job->flags & MSCG_JOB_QUOTA ? MSCG_CPUS_QUOTA : MSCG_CPUS_EXCLUSIVE;
		share = &run->grant->share[0];
		share->cpu_milli = job->current_cpus_milli;
		share->mem_bytes = job->mem_bytes;
		text = NULL;
		r = read_set(o, "cpuset", &share->cpus, error);
		if (r >= 0)
			r = read_set(o, "mems", &share->mems, error);
		if (r >= 0)
			r = wire_get_string(o, "node", &text, error);
		share->node = xstrdup(text);
	}
	if (r >= 0)
		r = wire_usage_parse(json_object_get(o, "accounting"), &run->usage, error);
	info->usage = run->usage;
	return r;
}

int mscg_info_from_json(const json_t *o, struct mscg_info **ret, struct mscg_error *error)
{
	struct mscg_info *info = xcalloc(1, sizeof *info);
	struct mscg_error why = {0};
	int r = wire_need(wire_get_id(o, "id", &info->job.id, &why), "id", &why);

	info->job.exit_code = -1;
	if (r >= 0)
		r = read_state(o, info, &why);
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(fields); i++)
		r = read_field(o, &fields[i], info, &why);
	if (r >= 0 && json_is_string(json_object_get(o, "array_pending")))
		info->job.flags |= MSCG_JOB_ARRAY;
	if (r >= 0)
		r = read_run(o, info, &why);
	if (r < 0) {
		mscg_info_free(info);
		return mscg_error_set(error, -EIO, "a job that the daemon tells of makes no sense: %s", why.text);
	}
	*ret = info;
	return 0;
}

void mscg_info_free(struct mscg_info *info)
{
	if (!info)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (fields[i].kind == TEXT)
			free(*(char **)(void *)((char *)info + fields[i].offset));
	mscg_run_free(info->job.run);
	free(info);
}
