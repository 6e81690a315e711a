/* What people change of jobs that are there: hold, release, and what was asked for. All of a request or nothing. */
#include "src/core/internal.h"

#define TIME_LIMIT_MAX (INT64_C(10) * 366 * 86400)

/* The job that is named; a task that is only an index of its array is no job of its own yet. NULL: refused. */
static struct entry *find(struct core *core, const struct core_input *in)
{
	struct entry *e = entry_find(core, in->id);
	char id[MSCG_ID_TEXT];

	if (e && !(e->node.bits & ENTRY_ENDED))
		return e;
	mscg_id_format(in->id, id);
	if (!e && core_task_waits(core, in->id))
		out_say(core, in, -EBUSY, "task %s waits with its array: expected the whole of it, %u", id, in->id.job);
	else if (in->id.job && in->id.job < core->next_job_id)
		out_say(core, in, -EALREADY, "job %s has ended", id);
	else
		out_say(core, in, -ESRCH, "no job %s", id);
	return NULL;
}

static bool waits(const struct entry *e)
{
	return e->job.state == MSCG_STATE_PENDING && !(e->node.bits & ENTRY_ENDED) && (!is_record(e) || array_left(e->array));
}

/* -- hold and release ---------------------------------------------------------------------------------------------- */

static uint32_t hold_one(struct core *core, struct entry *e, bool admin)
{
	struct mscg_event event;

	if (!waits(e))
		return 0;
	if (!(e->job.flags & (admin ? MSCG_JOB_HELD_ADMIN : MSCG_JOB_HELD))) {
		event = out_new(core, e, MSCG_EVENT_HELD);
		event.reason = admin ? MSCG_REASON_HELD_ADMIN : MSCG_REASON_HELD_USER;
		out_event(core, e, &event);
		gate_consider(core, e);
	}
	return 1;
}

static uint32_t release_one(struct core *core, struct entry *e)
{
	struct mscg_event event;

	if (!(e->job.flags & MSCG_JOB_HELD) || e->node.bits & ENTRY_ENDED)
		return 0;
	event = out_new(core, e, MSCG_EVENT_RELEASED);
	event.reason = MSCG_REASON_NONE;
	out_event(core, e, &event);
	gate_consider(core, e);
	return 1;
}

/* One that is still only an index of its array. */
static void hold_index(struct core *core, const struct core_input *in)
{
	struct entry *e = ids_get(&core->jobs, in->id.job);
	bool hold = in->kind == CORE_HOLD, held = array_holds(e->array, in->id.task);
	char id[MSCG_ID_TEXT];

	mscg_id_format(in->id, id);
	if (hold && depend_corr(e))
		out_say(core, in, -EOPNOTSUPP, "task %s waits for a task of another array (aftercorr): expected the whole of it, %u", id, in->id.job);
	else if (!hold && !held && e->job.flags & MSCG_JOB_HELD)
		out_say(core, in, -EBUSY, "job %s is held with its array: `mscg release %u` releases the whole of it", id, in->id.job);
	else if (!hold && !held)
		out_say(core, in, -EBUSY, "job %s is not held", id);
	else {
		if (hold && !held)
			array_hold_index(core, e, in->id.task);
		else if (!hold)
			array_release_index(core, e, in->id.task);
		out_say(core, in, 0, "%s", "");
	}
}

void update_hold(struct core *core, const struct core_input *in)
{
	struct entry *e, *task;
	char id[MSCG_ID_TEXT];
	uint32_t n;

	if (core_task_waits(core, in->id)) {
		hold_index(core, in);
		return;
	}
	e = find(core, in);
	if (!e)
		return;
	n = hold_one(core, e, in->admin);
	if (is_record(e))
		IDS_EACH(&e->array->tasks, index, task)
			n += hold_one(core, task, in->admin);
	mscg_id_format(in->id, id);
	if (n)
		out_say(core, in, 0, "%s", "");
	else if (is_record(e))
		out_say(core, in, -EBUSY, "no task of array %s waits: only what waits can be held", id);
	else
		out_say(core, in, -EBUSY, "job %s is %s: only what waits can be held", id, mscg_state_name((enum mscg_state)e->job.state));
}

static bool is_admins(const struct entry *e)
{
	return e->job.flags & MSCG_JOB_HELD_ADMIN;
}

void update_release(struct core *core, const struct core_input *in)
{
	struct entry *e, *task;
	char id[MSCG_ID_TEXT];
	uint32_t n;

	if (core_task_waits(core, in->id)) {
		hold_index(core, in);
		return;
	}
	e = find(core, in);
	if (!e)
		return;
	mscg_id_format(in->id, id);
	if (is_admins(e) && !in->admin) {
		out_say(core, in, -EPERM, "job %s is held by an operator, who alone can release it", id);
		return;
	}
	n = release_one(core, e);
	if (is_record(e))
		n += array_release_all(core, e);
	if (is_record(e))
		IDS_EACH(&e->array->tasks, index, task)
			if (in->admin || !is_admins(task))
				n += release_one(core, task);
	out_say(core, in, n ? 0 : -EBUSY, n ? "%.0s" : "job %s is not held", id);
}

/* -- update -------------------------------------------------------------------------------------------------------- */

/* Enough for it to be served before the other waiting jobs of its user. */
static int64_t top_priority(const struct core *core, const struct entry *e)
{
	int64_t top = e->job.priority;
	const struct entry *other;

	IDS_EACH(&core->jobs, id, other) {
		if (other == e || other->job.uid != e->job.uid || !waits(other) || other->job.id.job == e->job.id.job)
			continue;
		if (other->job.priority >= top)
			top = (int64_t)other->job.priority +
			      (core->policy.priority.multifactor || queue_before(&other->job, &e->job) || other->job.priority > top ? 1 : 0);
	}
	return top;
}

static int64_t present(const struct entry *e, enum mscg_field field)
{
	switch (field) {
	case MSCG_FIELD_PRIORITY:
		return e->job.priority;
	case MSCG_FIELD_TIME_LIMIT:
		return e->job.time_limit_s;
	case MSCG_FIELD_BEGIN:
		return e->job.begin_usec;
	case MSCG_FIELD_DEADLINE:
		return e->job.deadline_usec;
	case MSCG_FIELD_ARRAY_THROTTLE:
		return is_record(e) ? e->array->throttle : 0;
	case MSCG_FIELD_QOS:
		return e->job.qos;
	case MSCG_FIELD_PARTITION:
		return e->job.partition;
	case MSCG_FIELD_TIME_EXTENDED: /* by itself only */
	case MSCG_FIELD_NONE:
	case MSCG_FIELD_COUNT:
		break;
	}
	return 0;
}

/* NULL, or what is wrong with it. */
static const char *check_field(const struct core *core, const struct entry *e, const struct core_update *u, enum mscg_field field,
                               int64_t v, char text[160])
{
	const char *state = mscg_state_name((enum mscg_state)e->job.state);

	const struct reservation *r;
	char time[64];

	text[0] = '\0';
	switch (field) {
	case MSCG_FIELD_PRIORITY:
		if (v < INT32_MIN || v > INT32_MAX)
			snprintf(text, 160, "priority %" PRId64 ": expected %d to %d", v, INT32_MIN, INT32_MAX);
		break;
	case MSCG_FIELD_TIME_LIMIT:
		if (u->field[field].relative && !e->job.time_limit_s)
			snprintf(text, 160, "it has no time limit that could be made longer or shorter: expected a limit");
		else if (v < 0 || (u->field[field].relative && v == 0))
			snprintf(text, 160, "its time limit is %u s: nothing would be left of it", e->job.time_limit_s);
		else if ((r = reserve_longer(core, e, (uint32_t)MIN_OF(v, TIME_LIMIT_MAX))))
			snprintf(text, 160, "reservation %s %s at %s, before it would be over", r->is.name, e->job.reservation ? "ends" : "begins",
			         format_rfc3339(e->job.reservation ? r->is.end_usec : r->is.start_usec, time, sizeof time));
		else if (v > TIME_LIMIT_MAX)
			snprintf(text, 160, "time limit of %" PRId64 " s is too long: expected ten years at most, or UNLIMITED", v);
		break;
	case MSCG_FIELD_BEGIN:
		if (e->job.state != MSCG_STATE_PENDING)
			snprintf(text, 160, "it is %s: a time to begin is for what waits", state);
		break;
	case MSCG_FIELD_DEADLINE:
		if (v && v <= core->now.real_usec)
			snprintf(text, 160, "the deadline has passed: expected a time to come");
		break;
	case MSCG_FIELD_ARRAY_THROTTLE:
		if (!is_record(e))
			snprintf(text, 160, "it is no array: a number of tasks at a time is for arrays");
		break;
	case MSCG_FIELD_QOS:
		if (e->job.state != MSCG_STATE_PENDING)
			snprintf(text, 160, "it is %s: only what waits can be given another QOS", state);
		else if (!qos_there(core, (uint32_t)v))
			snprintf(text, 160, "that QOS is not in the configuration any more");
		break;
	case MSCG_FIELD_PARTITION:
		if (e->job.state != MSCG_STATE_PENDING)
			snprintf(text, 160, "it is %s: only what waits can be given another partition", state);
		else if (v != e->job.partition)
			partition_takes(core, (uint32_t)v, text);
		break;
	case MSCG_FIELD_TIME_EXTENDED: /* by itself only */
	case MSCG_FIELD_NONE:
	case MSCG_FIELD_COUNT:
		break;
	}
	return text[0] ? text : NULL;
}

/* Of a job that waits. */
static const char *check_size(const struct core *core, const struct entry *e, const struct core_update *u, char text[160])
{
	struct mscg_job job = e->job;
	char a[32], b[32], c[32];

	text[0] = '\0';
	if (!u->cpus_milli && !u->mem_bytes)
		return NULL;
	job.cpus_milli = u->cpus_milli ? u->cpus_milli : job.cpus_milli;
	job.mem_bytes = u->mem_bytes ? u->mem_bytes : submit_mem_for(core, &job, u->cpus_milli);
	if (!(job.flags & MSCG_JOB_ELASTIC))
		job.min_cpus_milli = job.max_cpus_milli = job.cpus_milli;
	format_cpus(job.cpus_milli, a, sizeof a);
	if (job.state != MSCG_STATE_PENDING)
		snprintf(text, 160, "it is %s: expected `mscg resize` for CPUs and memory of what runs",
		         mscg_state_name((enum mscg_state)job.state));
	else if (pool_of(&job) == POOL_EXCLUSIVE && job.cpus_milli % CPU)
		snprintf(text, 160, "%s CPUs: the job has CPUs of its own, expected a whole number", a);
	else if (job.cpus_milli < job.min_cpus_milli || job.cpus_milli > job.max_cpus_milli)
		snprintf(text, 160, "%s CPUs are outside of what the job can be: %s to %s", a, format_cpus(job.min_cpus_milli, b, sizeof b),
		         format_cpus(job.max_cpus_milli, c, sizeof c));
	else if (job.mem_bytes < MEM_MIN)
		snprintf(text, 160, "%s of memory is too small: expected 4M at least", format_size(job.mem_bytes, b, sizeof b));
	else if (!u->mem_bytes || !mem_outside(&e->job, u->mem_bytes, text))
		queue_feasible(core, &job, text);
	return text[0] ? text : NULL;
}

/* Its limits are those of the QOS and the partition that it has then. */
static const char *check_limits(const struct core *core, const struct entry *e, const struct core_update *u, const int64_t value[MSCG_FIELD_COUNT],
                             char text[160])
{
	bool other = u->field[MSCG_FIELD_QOS].given && value[MSCG_FIELD_QOS] != e->job.qos;
	bool moves = u->field[MSCG_FIELD_PARTITION].given && value[MSCG_FIELD_PARTITION] != e->job.partition;
	struct mscg_job job = e->job;

	if (!other && !moves && !u->field[MSCG_FIELD_TIME_LIMIT].given && !u->cpus_milli && !u->mem_bytes)
		return NULL;
	if (u->field[MSCG_FIELD_QOS].given)
		job.qos = (uint32_t)value[MSCG_FIELD_QOS];
	if (moves)
		job.partition = (uint32_t)value[MSCG_FIELD_PARTITION];
	if (u->field[MSCG_FIELD_TIME_LIMIT].given)
		job.time_limit_s = (uint32_t)value[MSCG_FIELD_TIME_LIMIT];
	job.cpus_milli = u->cpus_milli ? u->cpus_milli : job.cpus_milli;
	job.mem_bytes = u->mem_bytes ? u->mem_bytes : submit_mem_for(core, &job, u->cpus_milli);
	text[0] = '\0';
	if (job_admits(core, &job, text) == 0 && other)
		user_admits(core, &job, is_record(e) ? array_left(e->array) : 1, text);
	return text[0] ? text : NULL;
}

/* By factors everybody would put himself before all of them. */
static const char *check_rank(const struct core *core, const struct entry *e, int64_t v, char text[160])
{
	if (!core->policy.priority.multifactor || v <= 0 || v <= e->job.priority)
		return NULL;
	snprintf(text, 160, "priority %" PRId64 ": expected 0 or less; with priority-type=multifactor only operators give more", v);
	return text;
}

/* Relative ones made absolute; false: refused. */
static bool resolve(struct core *core, const struct core_input *in, const struct entry *e, int64_t value[MSCG_FIELD_COUNT])
{
	const struct core_update *u = in->update;
	const char *wrong = check_size(core, e, u, (char[160]){""});
	const struct entry *task;
	char id[MSCG_ID_TEXT], text[160];

	for (enum mscg_field f = 0; !wrong && f < MSCG_FIELD_COUNT; f++) {
		value[f] = u->field[f].value + (u->field[f].relative ? present(e, f) : 0);
		if (u->top && f == MSCG_FIELD_PRIORITY)
			value[f] = top_priority(core, e);
		if (u->field[f].given)
			wrong = check_field(core, e, u, f, value[f], text);
		if (!wrong && f == MSCG_FIELD_PRIORITY && u->field[f].given && !in->admin)
			wrong = check_rank(core, e, value[f], text);
	}
	if (!wrong && is_record(e) && u->field[MSCG_FIELD_TIME_LIMIT].given)
		IDS_EACH(&e->array->tasks, index, task)
			if (!wrong)
				wrong = check_field(core, task, u, MSCG_FIELD_TIME_LIMIT, value[MSCG_FIELD_TIME_LIMIT], text);
	if (!wrong)
		wrong = check_limits(core, e, u, value, text);
	if (wrong)
		out_say(core, in, -EBUSY, "job %s: %.130s", mscg_id_format(in->id, id), wrong);
	return !wrong;
}

static const char *qos_name(const struct core *core, uint32_t key)
{
	const struct core_qos *q = core_qos_find(&core->policy, key);

	return q ? q->name : key ? "one that is gone" : "none";
}

static const char *partition_name(const struct core *core, uint32_t key)
{
	const struct core_partition *p = core_partition_find(&core->policy, key);

	return p ? p->name : key ? "one that is gone" : "none";
}

static char *field_text(const struct core *core, enum mscg_field field, int64_t from, int64_t to)
{
	char a[64], b[64];

	switch (field) {
	case MSCG_FIELD_BEGIN:
	case MSCG_FIELD_DEADLINE:
		return xasprintf("%s: %s, was %s", mscg_field_name(field), to ? format_rfc3339(to, a, sizeof a) : "none",
		                 from ? format_rfc3339(from, b, sizeof b) : "none");
	case MSCG_FIELD_TIME_LIMIT:
		return xasprintf("%s: %s, was %s", mscg_field_name(field), to ? format_elapsed((uint64_t)to, a, sizeof a) : "none",
		                 from ? format_elapsed((uint64_t)from, b, sizeof b) : "none");
	case MSCG_FIELD_QOS:
		return xasprintf("qos: %s, was %s", qos_name(core, (uint32_t)to), qos_name(core, (uint32_t)from));
	case MSCG_FIELD_PARTITION:
		return xasprintf("partition: %s, was %s", partition_name(core, (uint32_t)to), partition_name(core, (uint32_t)from));
	default:
		return xasprintf("%s: %" PRId64 ", was %" PRId64, mscg_field_name(field), to, from);
	}
}

static void say_field(struct core *core, struct entry *e, enum mscg_field field, int64_t value)
{
	struct mscg_event event = out_new(core, e, MSCG_EVENT_UPDATED);

	event.field = (uint8_t)field;
	event.value = value;
	event.text = field_text(core, field, present(e, field), value);
	if (field == MSCG_FIELD_PRIORITY) /* the tree of those who could give is in its order */
		elastic_leave(core, e);
	if (field == MSCG_FIELD_ARRAY_THROTTLE)
		array_set_throttle(e->array, (uint32_t)value);
	out_event(core, e, &event);
}

static void say_size(struct core *core, struct entry *e, uint32_t cpus, uint64_t mem, enum mscg_reason reason)
{
	struct mscg_event event = out_new(core, e, MSCG_EVENT_UPDATED);

	event.cpus_milli = cpus;
	event.mem_bytes = mem;
	event.reason = (uint8_t)reason;
	out_event(core, e, &event);
}

/* Memory that nobody asked for goes with the CPUs, in one event; what was asked for is one of its own. */
void update_size(struct core *core, struct entry *e, uint32_t cpus, uint64_t mem, enum mscg_reason reason)
{
	uint64_t with_cpus = submit_mem_for(core, &e->job, cpus);

	if (cpus)
		say_size(core, e, cpus, mem || with_cpus == e->job.mem_bytes ? 0 : with_cpus, reason);
	if (mem)
		say_size(core, e, 0, mem, reason);
}

/* It is counted there from now on, and has the priority that QOS and partition bring, unless it is told one. */
static void change_place(struct core *core, struct entry *e, enum mscg_field field, uint32_t key, bool priority_too)
{
	int64_t jobs = is_record(e) ? (int64_t)array_left(e->array) : 1;
	int64_t asked = (int64_t)e->job.priority - job_priority(core, e->job.qos, e->job.partition, 0);
	int32_t priority;

	user_count(core, &e->job, -jobs);
	say_field(core, e, field, key);
	user_count(core, &e->job, jobs);
	priority = job_priority(core, e->job.qos, e->job.partition, asked);
	if (priority_too && priority != e->job.priority)
		say_field(core, e, MSCG_FIELD_PRIORITY, priority);
}

static bool is_place(enum mscg_field field)
{
	return field == MSCG_FIELD_QOS || field == MSCG_FIELD_PARTITION;
}

/* Order and shape may be others afterwards: what waits is out of the queue meanwhile. */
static void change(struct core *core, struct entry *e, const struct core_update *u, const int64_t value[MSCG_FIELD_COUNT])
{
	bool pending = e->job.state == MSCG_STATE_PENDING;

	if (e->node.bits & ENTRY_ENDED)
		return;
	if (pending)
		queue_remove(core, e);
	for (enum mscg_field f = 0; f < MSCG_FIELD_COUNT && pending; f++)
		if (is_place(f) && u->field[f].given && value[f] != present(e, f))
			change_place(core, e, f, (uint32_t)value[f], !u->field[MSCG_FIELD_PRIORITY].given);
	for (enum mscg_field f = 0; f < MSCG_FIELD_COUNT; f++)
		if (u->field[f].given && !is_place(f) && f != MSCG_FIELD_TIME_EXTENDED && value[f] != present(e, f) && (is_record(e) || f != MSCG_FIELD_ARRAY_THROTTLE) &&
		    (pending || f != MSCG_FIELD_BEGIN))
			say_field(core, e, f, value[f]);
	if (pending && (u->cpus_milli || u->mem_bytes))
		update_size(core, e, u->cpus_milli, u->mem_bytes, e->job.reason == MSCG_REASON_INFEASIBLE ? MSCG_REASON_NONE : e->job.reason);
	if (pending) {
		gate_arm(core, e);
		gate_consider(core, e);
	} else if (runs(e) || e->job.state == MSCG_STATE_SUSPENDED) {
		life_set_deadline(core, e);
	}
}

void update_job(struct core *core, const struct core_input *in)
{
	int64_t value[MSCG_FIELD_COUNT];
	struct entry *e = find(core, in), *task;

	if (!e || !resolve(core, in, e, value))
		return;
	change(core, e, in->update, value);
	if (is_record(e))
		IDS_EACH(&e->array->tasks, index, task)
			change(core, task, in->update, value);
	out_say(core, in, 0, "%s", "");
}
