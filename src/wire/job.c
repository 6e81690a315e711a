/* What is told of jobs: Job, Accounting and Event objects, with exactly the keys of io.mscg.varlink. */
#include "src/base/base.h"
#include "src/base/moving.h"
#include "src/base/clock.h"
#include "src/base/cost.h"
#include "src/base/gres.h"
#include "src/base/parse.h"
#include "src/base/utf8.h"
#include "src/wire/submit.h"

/* -- single values: null is what is not known -------------------------------------------------------------------- */

/* What the kernel or an account database gave need not be text. */
static json_t *text_or_null(const char *text)
{
	json_t *json = text ? json_string(text) : json_null();
	struct mscg_error one_line;

	if (json)
		return json;
	mscg_error_set(&one_line, -EINVAL, "%s", text);
	return json_string(one_line.text);
}

static json_t *known_or_null(uint64_t v)
{
	return v > INT64_MAX ? json_null() : json_integer((json_int_t)v);
}

static json_t *positive_or_null(uint64_t v)
{
	return v ? known_or_null(v) : json_null();
}

static json_t *ratio_or_null(uint64_t a, uint64_t b)
{
	return a == MSCG_UNKNOWN || b == MSCG_UNKNOWN || b == 0 ? json_null() : json_real((double)a / (double)b);
}

static json_t *cpuset_or_null(const struct mscg_cpuset *set)
{
	_cleanup_free_ char *text = NULL;
	size_t n;

	if (mscg_cpuset_empty(set))
		return json_null();
	n = mscg_cpuset_format(set, NULL, 0);
	text = xmalloc(n + 1);
	mscg_cpuset_format(set, text, n + 1);
	return json_string(text);
}

static json_t *seconds_json(int64_t usec)
{
	/* The wall clock may have been set back. */
	return json_real((double)MAX_OF(usec, 0) / (double)USEC_PER_SEC);
}

json_t *wire_time_json(int64_t usec)
{
	char text[64];

	return usec ? json_string(format_rfc3339(usec, text, sizeof text)) : json_null();
}

json_t *wire_cpus_json(uint32_t milli)
{
	return milli % 1000 ? json_real(milli / 1000.0) : json_integer(milli / 1000);
}

static json_t *id_json(struct mscg_id id)
{
	char text[MSCG_ID_TEXT];

	return json_string(mscg_id_format(id, text));
}

static json_t *reason_json(uint8_t reason)
{
	return reason == MSCG_REASON_NONE ? json_null() : json_string(mscg_reason_name(reason));
}

/* Keys are literals: no need to look at them as text. */
static void set(json_t *o, const char *key, json_t *value)
{
	json_object_set_new_nocheck(o, key, value);
}

static void set_text(json_t *o, const char *key, const char *text)
{
	set(o, key, text_or_null(text));
}

/* -- Accounting ------------------------------------------------------------------------------------------------- */

static const struct {
	const char *key;
	size_t      offset;
} counters[] = {
#define COUNTER(name) {#name, offsetof(struct mscg_usage, name)}
	COUNTER(cpu_usec),
	COUNTER(cpu_held_usec),
	COUNTER(cpu_user_usec),
	COUNTER(cpu_system_usec),
	COUNTER(nr_throttled),
	COUNTER(throttled_usec),
	COUNTER(memory_peak_bytes),
	COUNTER(memory_anon_bytes),
	COUNTER(memory_file_bytes),
	COUNTER(memory_shmem_bytes),
	COUNTER(oom_kills),
	COUNTER(pids_peak),
	COUNTER(io_read_bytes),
	COUNTER(io_write_bytes),
	COUNTER(log_cut_bytes),
};
_Static_assert(sizeof(struct mscg_usage) == ARRAY_SIZE(counters) * sizeof(uint64_t), "every counter has its key");

json_t *wire_usage_json(const struct mscg_usage *usage, uint64_t mem_bytes)
{
	json_t *o = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(counters); i++)
		set(o, counters[i].key, known_or_null(*(const uint64_t *)((const char *)usage + counters[i].offset)));
	set(o, "cpu_efficiency", ratio_or_null(usage->cpu_usec, usage->cpu_held_usec));
	set(o, "memory_efficiency", ratio_or_null(usage->memory_peak_bytes, mem_bytes));
	return o;
}

int wire_usage_parse(const json_t *accounting, struct mscg_usage *ret, struct mscg_error *error)
{
	struct mscg_usage usage;

	mscg_usage_init(&usage);
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++) {
		int64_t v;
		int r = wire_get_int(accounting, counters[i].key, 0, INT64_MAX, &v, error);

		if (r < 0)
			return r;
		if (r > 0)
			*(uint64_t *)(void *)((char *)&usage + counters[i].offset) = (uint64_t)v;
	}
	*ret = usage;
	return 0;
}

/* -- Job -------------------------------------------------------------------------------------------------------- */

static json_t *unstarted_json(const struct mscg_row *row)
{
	if (!row->unstarted)
		return json_null();
	return json_pack("{s:s, s:I, s:s, s:o, s:o}", "tasks", "", "count", (json_int_t)row->unstarted_n, "state",
	                 mscg_state_name(mscg_row_unstarted_state(row)), "reason", reason_json(row->unstarted_reason), "time",
	                 wire_time_json(row->unstarted_usec));
}

static void set_identity(json_t *o, const struct mscg_row *row, const struct mscg_spec *spec, const struct wire_job_extra *extra)
{
	const struct mscg_job *job = &row->job;
	bool array = job->flags & MSCG_JOB_ARRAY;

	set(o, "id", id_json(job->id));
	set(o, "job_id", json_integer(job->id.job));
	set(o, "array_task_id", job->id.task == MSCG_NO_TASK ? json_null() : json_integer(job->id.task));
	set(o, "array_pending", json_null());
	set(o, "array_held", json_null());
	set(o, "array_unstarted", unstarted_json(row));
	set(o, "array_tasks", array ? known_or_null(mscg_ranges_count(spec->array, spec->array_n)) : json_null());
	set(o, "array_ended", array ? json_integer(row->array_ended) : json_null());
	set(o, "array_failed", array ? json_integer(row->array_failed) : json_null());
	set(o, "array_throttle", array ? positive_or_null(row->array_throttle) : json_null());
	set(o, "array_max_fails", array ? positive_or_null(row->array_max_fails) : json_null());
	set(o, "array_fails", array ? json_integer(row->array_fails) : json_null());
	set_text(o, "name", spec->name);
	set_text(o, "user", spec->user ? spec->user : "");
	set(o, "uid", json_integer(job->uid));
	set_text(o, "account", spec->account);
	set_text(o, "partition", extra->partition);
	set_text(o, "qos", extra->qos);
	set_text(o, "reservation", spec->reservation);
	set(o, "comment", json_null());
}

static void set_command(json_t *o, const struct mscg_spec *spec)
{
	set(o, "command", json_null());
	set(o, "argv", json_null());
	set(o, "submit_line", json_null());
	set(o, "workdir", json_null());
	set(o, "log_max", spec->log_max ? json_integer((json_int_t)spec->log_max) : json_null());
}

/* Of the main process. For an array as a whole the highest of its tasks. */
static json_t *exit_code_json(const struct mscg_row *row)
{
	const struct mscg_job *job = &row->job;

	if (job->flags & MSCG_JOB_ARRAY)
		return mscg_state_is_final(job->state) ? json_integer(row->array_worst) : json_null();
	if (job->attempt == 0 || job->exit_code < 0)
		return json_null();
	return mscg_state_is_final(job->state) || job->state == MSCG_STATE_COMPLETING ? json_integer(job->exit_code) : json_null();
}

static void set_state(json_t *o, const struct mscg_row *row, const struct wire_job_extra *extra)
{
	const struct mscg_job *job = &row->job;

	set_text(o, "state", mscg_state_name(job->state));
	set(o, "reason", reason_json(job->reason));
	set_text(o, "reason_text", extra->reason_text);
	set(o, "attempt", json_integer(job->attempt));
	set(o, "restart_count", json_integer(job->restarts));
	set(o, "max_retries", json_integer(job->max_retries));
	set(o, "requeue", json_boolean(job->flags & MSCG_JOB_REQUEUE));
	set(o, "priority", json_integer(job->priority));
	set(o, "exit_code", exit_code_json(row));
	set(o, "signal", job->exit_signal > 0 ? json_integer(job->exit_signal) : json_null());
}

static json_t *strings_json(char *const *strings)
{
	json_t *list = json_array();

	for (; *strings; strings++)
		json_array_append_new(list, text_or_null(*strings));
	return list;
}

static json_t *gpu_ids_json(const char *granted)
{
	uint64_t gpus = gres_granted_units(granted, GRES_GPU);
	json_t *ids = json_array();

	for (unsigned g = 0; g < GRES_UNITS_MAX; g++)
		if (gpus >> g & 1)
			json_array_append_new(ids, json_integer(g));
	return ids;
}

static void set_resources(json_t *o, const struct mscg_job *job, const struct wire_job_extra *extra)
{
	const struct mscg_grant *grant = job->run ? job->run->grant : NULL;
	const struct mscg_share *share = grant && grant->n ? &grant->share[0] : NULL;
	uint32_t max = job->max_cpus_milli ? job->max_cpus_milli : extra->max_cpus_machine_milli;

	set_text(o, "cpu_mode", wire_cpu_modes[job->flags & MSCG_JOB_QUOTA ? MSCG_CPUS_QUOTA : MSCG_CPUS_EXCLUSIVE]);
	set(o, "cpus", wire_cpus_json(job->cpus_milli));
	set(o, "min_cpus", wire_cpus_json(job->min_cpus_milli));
	set(o, "max_cpus", wire_cpus_json(max));
	set(o, "current_cpus", wire_cpus_json(job->current_cpus_milli));
	set(o, "cpuset", share ? cpuset_or_null(&share->cpus) : json_null());
	set(o, "mems", share ? cpuset_or_null(&share->mems) : json_null());
	set_text(o, "node", share ? share->node : NULL);
	set_text(o, "nodes", extra->nodes);
	set(o, "switches", extra->switches ? strings_json(extra->switches) : json_null());
	set_text(o, "common_switch", extra->common_switch);
	set(o, "mem_bytes", known_or_null(job->mem_bytes));
	set_text(o, "gres", job->gres);
	set_text(o, "gres_granted", share ? share->gres : NULL);
	set(o, "gpus", json_integer(gres_count(job->gres, GRES_GPU)));
	set(o, "gpu_ids", share && share->gres ? gpu_ids_json(share->gres) : json_null());
	set(o, "elastic", json_boolean(job->flags & MSCG_JOB_ELASTIC));
	set_text(o, "elastic_by", !(job->flags & MSCG_JOB_ELASTIC) ? NULL : job->flags & MSCG_JOB_BY_PRESSURE ? "pressure" : "share");
	set_text(o, "elastic_need", extra->need);
	set_text(o, "elastic_why", extra->why_small);
	set(o, "min_mem_bytes", positive_or_null(mem_moves(job) ? mem_least(job) : 0));
	set(o, "max_mem_bytes", positive_or_null(mem_moves(job) ? mem_most(job) : 0));
	set(o, "mem_asked_bytes", positive_or_null(mem_moves(job) ? mem_asked(job) : 0));
	set_text(o, "elastic_mem_need", extra->mem_need);
	set(o, "time_limit", positive_or_null(job->time_limit_s));
	set(o, "time_limit_asked", positive_or_null(job->time_max_s));
	set(o, "time_min", positive_or_null(job->time_min_s));
	set(o, "time_extend", positive_or_null(job->time_extend_s));
	set(o, "signal_before_end", job->warn_signal ? json_sprintf("%s%s@%u", job->flags & MSCG_JOB_WARN_MAIN ? "B:" : "",
	                                                            signal_name((int)job->warn_signal), job->warn_s) : json_null());
	set(o, "grace", json_integer(job->grace_s));
}

static void set_times(json_t *o, const struct mscg_row *row, int64_t now)
{
	const struct mscg_job *job = &row->job;
	int64_t end = job->end_usec ? job->end_usec : now;
	/* A requeued job waits again. */
	int64_t suspended = job->suspended_usec + (job->suspend_usec ? MAX_OF(now - job->suspend_usec, 0) : 0);
	int64_t started = job->start_usec && job->state != MSCG_STATE_PENDING ? job->start_usec : end;

	set(o, "submit_time", wire_time_json(job->submit_usec));
	set(o, "start_time", wire_time_json(job->start_usec));
	set(o, "end_time", wire_time_json(job->end_usec));
	set(o, "dependency", json_null());
	set(o, "depends_on", json_null());
	set(o, "begin_time", wire_time_json(job->begin_usec));
	set(o, "deadline", wire_time_json(job->deadline_usec));
	set(o, "wait_seconds", seconds_json(started - job->submit_usec));
	set(o, "run_seconds", seconds_json(end - started - suspended));
	/* Kept while it is suspended. */
	set(o, "gpu_seconds", json_real((double)MAX_OF(end - started, INT64_C(0)) / (double)USEC_PER_SEC * gres_count(job->gres, GRES_GPU)));
	set(o, "suspended_seconds", seconds_json(suspended));
	set(o, "suspend_time", wire_time_json(job->suspend_usec));
}

static void set_places(json_t *o, const struct mscg_job *job, const struct wire_job_extra *extra)
{
	bool active = !mscg_state_is_final(job->state) && job->state != MSCG_STATE_PENDING;

	set(o, "pid", active && job->run && job->run->pid > 0 ? json_integer(job->run->pid) : json_null());
	set_text(o, "cgroup", extra->cgroup);
	set(o, "stdin_path", json_null());
	set(o, "stdout_path", json_null());
	set(o, "stderr_path", json_null());
	set_text(o, "control_file", extra->control_file);
	set_text(o, "not_enforced", extra->not_enforced);
}

/* Of all attempts that began. Memory counts as it is now for as long as this one ran. An array as a whole has none of its own. */
static json_t *cost_json(const struct mscg_row *row, const struct wire_job_extra *extra)
{
	const struct mscg_job *job = &row->job;
	int64_t end = job->end_usec ? job->end_usec : extra->now_usec;
	bool begun = job->start_usec && job->state != MSCG_STATE_PENDING;
	const double usec_per_hour = 3600.0 * USEC_PER_SEC;
	double cpu_hours, gib_hours, gpu_hours, ran;

	if (job->flags & MSCG_JOB_ARRAY || !job->run || (!begun && !job->run->past.cpu_usec))
		return json_null();
	ran = begun ? (double)MAX_OF(end - job->start_usec, INT64_C(0)) : 0;
	cpu_hours = (double)(job->run->past.cpu_usec + (begun ? job->run->usage.cpu_held_usec : 0)) / usec_per_hour;
	gib_hours = ((double)job->run->past.mem_mib_msec * 1000 / 1024 + (double)job->mem_bytes / (1 << 30) * ran) / usec_per_hour;
	gpu_hours = ((double)job->run->past.gpu_usec + gres_count(job->gres, GRES_GPU) * ran) / usec_per_hour;
	return json_pack("{s:f, s:f, s:f, s:o, s:s?}", "cpu_hours", cpu_hours, "gib_hours", gib_hours, "gpu_hours", gpu_hours, "amount",
	                 extra->rates && extra->rates->given ? json_real(cost_amount(extra->rates, cpu_hours, gib_hours, gpu_hours)) : json_null(),
	                 "currency", extra->currency);
}

/* -- long members: what users chose the length of. They have their places already ------------------------------------ */

/* For all of them together; the rest of an object is bounded, and has what is left of a message. */
#define LONG_MAX_BYTES (WIRE_MESSAGE_MAX - 128u * 1024)

struct room {
	bool    brief;
	size_t  left; /* bytes of JSON */
	json_t *cut;  /* names */
};

/* Bytes of the beginning of `s` that take no more than *left bytes as JSON, quotes not counted; what they take is taken off. */
static size_t fit(const char *s, size_t *left)
{
	size_t n = 0;

	while (s[n]) {
		unsigned char c = (unsigned char)s[n];
		size_t bytes = MAX_OF(utf8_char(s + n, strnlen(s + n, 4)), (size_t)1), takes = bytes;

		if (c == '"' || c == '\\' || (c >= '\b' && c <= '\r' && c != '\v'))
			takes = 2;
		else if (c < ' ')
			takes = 6;
		if (takes > *left)
			break;
		*left -= takes;
		n += bytes;
	}
	return n;
}

static void set_long(json_t *o, const char *key, const char *name, const char *text, size_t max, struct room *room)
{
	size_t limit = MIN_OF(max, room->left), left = limit;
	size_t n = text ? fit(text, &left) : 0;
	_cleanup_free_ char *begin = text && text[n] ? xstrndup(text, n) : NULL;

	if (begin)
		json_array_append_new(room->cut, json_string(name));
	room->left -= limit - left;
	set_text(o, key, begin ? begin : text);
}

static void set_argv(json_t *o, char *const *argv, struct room *room)
{
	size_t limit = room->brief ? WIRE_BRIEF_MAX : room->left - room->left / 64, left = limit;
	json_t *list = json_array();

	for (; argv && *argv && left > 3; argv++) {
		left -= 3; /* quotes and a comma */
		if ((*argv)[fit(*argv, &left)])
			break;
		json_array_append_new(list, text_or_null(*argv));
	}
	if (argv && *argv)
		json_array_append_new(room->cut, json_string("argv"));
	room->left -= limit - left;
	set(o, "argv", list);
}

/* What is more than fits is cut. The command last: argv has it too. */
static void set_long_members(json_t *o, const struct mscg_row *row, const struct mscg_spec *spec, const struct wire_job_extra *extra)
{
	struct room room = {extra->brief, LONG_MAX_BYTES, json_array()};
	bool array = row->job.flags & MSCG_JOB_ARRAY;
	const struct {
		const char *key, *text;
		size_t brief_max;
	} texts[] = {
		{"stdin_path", extra->stdin_path, WIRE_BRIEF_LIST_MAX},
		{"stdout_path", extra->stdout_path, WIRE_BRIEF_LIST_MAX},
		{"stderr_path", extra->stderr_path, WIRE_BRIEF_LIST_MAX},
		{"workdir", spec->workdir, WIRE_BRIEF_LIST_MAX},
		{"comment", spec->comment, WIRE_BRIEF_MAX},
		{"submit_line", spec->submit_line, WIRE_BRIEF_MAX},
		{"array_pending", array ? (row->pending ? row->pending : "") : NULL, WIRE_BRIEF_MAX},
		{"array_held", array ? row->held : NULL, WIRE_BRIEF_MAX},
		{"dependency", row->dependency, WIRE_BRIEF_LIST_MAX},
		{"depends_on", spec->dependency, WIRE_BRIEF_LIST_MAX},
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		set_long(o, texts[i].key, texts[i].key, texts[i].text, room.brief ? texts[i].brief_max : room.left / 2, &room);
	if (row->unstarted)
		set_long(json_object_get(o, "array_unstarted"), "tasks", "array_unstarted", row->unstarted, room.brief ? WIRE_BRIEF_MAX : room.left / 2, &room);
	set_argv(o, spec->argv, &room);
	size_t max = room.brief ? WIRE_BRIEF_MAX : room.left;
	_cleanup_free_ char *line = wire_command_begin(spec, max);
	set_long(o, "command", "command", line, max, &room);
	set(o, "cut", json_array_size(room.cut) ? json_incref(room.cut) : json_null());
	json_decref(room.cut);
}

json_t *wire_job_json(const struct mscg_row *row, const struct mscg_spec *spec, const struct wire_job_extra *extra)
{
	struct mscg_usage unknown;
	json_t *o = json_object();

	mscg_usage_init(&unknown);
	set_identity(o, row, spec, extra);
	set_state(o, row, extra);
	set_command(o, spec);
	set_resources(o, &row->job, extra);
	set_times(o, row, extra->now_usec);
	set_places(o, &row->job, extra);
	set(o, "accounting", wire_usage_json(row->job.run ? &row->job.run->usage : &unknown, row->job.mem_bytes));
	set(o, "cost", cost_json(row, extra));
	set(o, "live", json_null());
	set_long_members(o, row, spec, extra);
	return o;
}

/* -- Event ------------------------------------------------------------------------------------------------------ */

json_t *wire_event_json(const struct mscg_event *event)
{
	bool ended = event->kind == MSCG_EVENT_EXITED || event->kind == MSCG_EVENT_ENDED;
	size_t left = LONG_MAX_BYTES;
	_cleanup_free_ char *text = event->text ? xstrndup(event->text, fit(event->text, &left)) : NULL;
	json_t *o = json_object();

	set(o, "seq", known_or_null(event->seq));
	set(o, "time", wire_time_json(event->time_usec));
	set(o, "id", id_json(event->id));
	set_text(o, "kind", mscg_event_name(event->kind));
	set_text(o, "state", mscg_state_name(event->state));
	set(o, "reason", reason_json(event->reason));
	set(o, "attempt", json_integer(event->attempt));
	set(o, "exit_code", ended && event->attempt && event->exit_code >= 0 ? json_integer(event->exit_code) : json_null());
	set(o, "signal", event->exit_signal > 0 ? json_integer(event->exit_signal) : json_null());
	set(o, "cpus", event->cpus_milli ? wire_cpus_json(event->cpus_milli) : json_null());
	set_text(o, "cpuset", event->cpus);
	set_text(o, "gres", event->gres);
	set(o, "mem_bytes", positive_or_null(event->mem_bytes));
	set_text(o, "text", text);
	return o;
}

/* Names that this version does not know are not an error of the sender. */
static int parse_names(const json_t *o, struct mscg_event *event, struct mscg_error *error)
{
	const char *text;
	enum mscg_event_kind kind;
	enum mscg_state state;
	enum mscg_reason reason;
	int r = wire_need(wire_get_string(o, "kind", &text, error), "kind", error);

	if (r > 0)
		event->kind = mscg_event_parse(text, &kind) == 0 ? (uint8_t)kind : MSCG_EVENT_COUNT;
	if (r >= 0)
		r = wire_need(wire_get_string(o, "state", &text, error), "state", error);
	if (r > 0)
		event->state = mscg_state_parse(text, &state, NULL) == 0 ? (uint8_t)state : MSCG_STATE_COUNT;
	if (r >= 0)
		r = wire_get_string(o, "reason", &text, error);
	if (r > 0)
		event->reason = mscg_reason_parse(text, &reason) == 0 ? (uint8_t)reason : MSCG_REASON_COUNT;
	return r < 0 ? r : 0;
}

int wire_event_parse(const json_t *o, struct mscg_event *ret, struct mscg_error *error)
{
	struct mscg_event event = {.exit_code = -1};
	int64_t seq = 0, attempt = 0, code = -1, signal = 0, mem = 0;
	const char *cpus = NULL, *text = NULL, *gres = NULL;
	int r = parse_names(o, &event, error);

	if (r >= 0)
		r = wire_need(wire_get_int(o, "seq", 0, INT64_MAX, &seq, error), "seq", error);
	if (r >= 0)
		r = wire_need(wire_get_id(o, "id", &event.id, error), "id", error);
	if (r >= 0)
		r = wire_get_time(o, "time", &event.time_usec, error);
	if (r >= 0)
		r = wire_get_int(o, "attempt", 0, UINT32_MAX, &attempt, error);
	if (r >= 0)
		r = wire_get_int(o, "exit_code", -1, INT32_MAX, &code, error);
	if (r >= 0)
		r = wire_get_int(o, "signal", 0, 128, &signal, error);
	if (r >= 0)
		r = wire_get_milli(o, "cpus", &event.cpus_milli, error);
	if (r >= 0)
		r = wire_get_int(o, "mem_bytes", 0, INT64_MAX, &mem, error);
	if (r >= 0)
		r = wire_get_string(o, "cpuset", &cpus, error);
	if (r >= 0)
		r = wire_get_string(o, "gres", &gres, error);
	if (r >= 0)
		r = wire_get_string(o, "text", &text, error);
	if (r < 0)
		return r;
	event.seq = (uint64_t)seq;
	event.attempt = (uint32_t)attempt;
	event.exit_code = (int32_t)code;
	event.exit_signal = (int32_t)signal;
	event.mem_bytes = (uint64_t)mem;
	event.cpus = xstrdup(cpus);
	event.gres = xstrdup(gres);
	event.text = xstrdup(text);
	*ret = event;
	return 0;
}
