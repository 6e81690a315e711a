/* Looking at the core between steps. */
#include "src/core/internal.h"

#include <stdarg.h>

const struct mscg_job *core_find(const struct core *core, struct mscg_id id)
{
	const struct entry *e = entry_find(core, id);

	if (!e && core_task_waits(core, id))
		e = ids_get(&core->jobs, id.job);
	return e ? &e->job : NULL;
}

bool core_task_waits(const struct core *core, struct mscg_id id)
{
	const struct entry *e = ids_get(&core->jobs, id.job);

	return e && is_record(e) && id.task != MSCG_NO_TASK && array_waits(e->array, id.task);
}

/* -- tasks by index ------------------------------------------------------------------------------------------------ */

struct found {
	uint32_t job, n, most;
	struct mscg_id *ids;
};

/* False: that was one too many. */
static bool found_one(struct found *f, uint32_t index)
{
	if (f->n < f->most)
		f->ids[f->n] = (struct mscg_id){f->job, index};
	return f->n++ < f->most;
}

static bool range_has(const struct mscg_range *r, uint64_t index)
{
	return index >= r->first && index <= r->last && (index - r->first) % r->step == 0;
}

/* In both; the one with larger steps is walked. */
static bool found_both(struct found *f, const struct mscg_range *a, const struct mscg_range *b)
{
	const struct mscg_range *walked = a->step >= b->step ? a : b, *other = walked == a ? b : a;
	uint64_t last = MIN_OF(a->last, b->last), index = walked->first;

	if (index < other->first)
		index += ((uint64_t)other->first - index + walked->step - 1) / walked->step * walked->step;
	for (; index <= last; index += walked->step)
		if (range_has(other, index) && !found_one(f, (uint32_t)index))
			return false;
	return true;
}

static void find_waiting(struct found *f, const struct array *a, const struct mscg_range *range, uint32_t n)
{
	for (uint32_t i = a->first, j = 0; i < a->n && j < n;) {
		if (!found_both(f, &a->range[i], &range[j]))
			return;
		if (a->range[i].last < range[j].last)
			i++;
		else
			j++;
	}
}

static void find_held(struct found *f, const struct array *a, const struct mscg_range *range, uint32_t n)
{
	for (uint32_t i = 0; i < a->held_n; i++)
		for (uint32_t j = 0; j < n; j++)
			if (range_has(&range[j], a->held[i]) && !found_one(f, a->held[i]))
				return;
}

static bool is_in(const struct entry *task, uint32_t states)
{
	return states & 1u << task->job.state || (states & CORE_STATE_HELD && task->job.flags & MSCG_JOB_HELD);
}

static void find_split(struct found *f, const struct array *a, const struct mscg_range *range, uint32_t n, uint32_t states)
{
	const struct entry *task;

	for (uint32_t j = 0; j < n; j++)
		for (uint64_t index = range[j].first; (task = ids_next(&a->tasks, &index)) && index <= range[j].last; index++)
			if (range_has(&range[j], index) && is_in(task, states) && !found_one(f, (uint32_t)index))
				return;
}

uint32_t core_tasks(const struct core *core, uint32_t job, const struct mscg_range *range, uint32_t n, uint32_t states,
                    struct mscg_id *ids, uint32_t most)
{
	const struct entry *e = ids_get(&core->jobs, job);
	struct found found = {.job = job, .most = most, .ids = ids};

	if (!e || !is_record(e))
		return 0;
	find_split(&found, e->array, range, n, states);
	if (states & 1u << MSCG_STATE_PENDING && found.n <= most)
		find_waiting(&found, e->array, range, n);
	if (states & (1u << MSCG_STATE_PENDING | CORE_STATE_HELD) && found.n <= most)
		find_held(&found, e->array, range, n);
	return found.n;
}

/* ------------------------------------------------------------------------------------------------------------------ */

uint32_t core_next_job_id(const struct core *core)
{
	return core->next_job_id;
}

bool core_drained(const struct core *core)
{
	return core->drained;
}

void core_each_from(const struct core *core, struct mscg_id after, bool (*each)(const struct mscg_job *job, void *ctx), void *ctx)
{
	uint64_t key = after.job;
	struct entry *e, *task;

	for (; (e = ids_next(&core->jobs, &key)); key++) {
		uint64_t index = key == after.job ? (uint64_t)after.task + 1 : 0;

		if (is_record(e))
			for (; (task = ids_next(&e->array->tasks, &index)); index++)
				if (!each(&task->job, ctx))
					return;
		if (e->node.bits & ENTRY_EMPTY || (key == after.job && after.task == MSCG_NO_TASK))
			continue;
		if (!each(&e->job, ctx))
			return;
	}
}

void core_each(const struct core *core, bool (*each)(const struct mscg_job *job, void *ctx), void *ctx)
{
	core_each_from(core, (struct mscg_id){0, MSCG_NO_TASK}, each, ctx);
}

void core_get_stats(const struct core *core, struct core_stats *ret)
{
	*ret = (struct core_stats){
		.cpus_total = core->place.ncpus,
		.cpus_held = core->place.ncpus - core->place.nfree,
		.cpus_lent = (uint32_t)(elastic_takeable(core, POOL_EXCLUSIVE, INT32_MIN, true) / CPU),
		.shared_total_milli = (uint32_t)core->shared_total,
		.shared_held_milli = (uint32_t)((int64_t)core->shared_total - core->shared_free),
		.mem_total = core->mem_total,
		.mem_held = core->mem_held,
		.pending = core->count[MSCG_STATE_PENDING],
		.running = core->count[MSCG_STATE_RUNNING],
		.suspended = core->count[MSCG_STATE_SUSPENDED],
		.completing = core->count[MSCG_STATE_COMPLETING],
		.utilisation_percent = (uint32_t)(elastic_utilisation(core) * 100),
		.drained = core->drained,
	};
}

const struct mscg_cpuset *core_free_cpus(const struct core *core)
{
	return &core->place.free;
}

/* -- why ---------------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void say(char *text, const char *format, ...)
{
	va_list ap;

	if (!text)
		return;
	va_start(ap, format);
	vsnprintf(text, 160, format, ap);
	va_end(ap);
}

/* "none is", "1 is", "2 are" */
char *count_text(uint64_t milli, char *text, size_t size)
{
	char n[32];

	if (milli == 0)
		snprintf(text, size, "none is");
	else
		snprintf(text, size, "%s %s", format_cpus((uint32_t)milli, n, sizeof n), milli <= CPU ? "is" : "are");
	return text;
}

static enum mscg_reason why_resources(const struct core *core, const struct mscg_job *job, char *text)
{
	enum pool pool = pool_of(job);
	uint32_t least = queue_least(core, job);
	uint64_t free_cpus = reserve_free(core, job), lent = elastic_takeable(core, pool, INT32_MIN, true);
	uint64_t all = reserve_available(core, job, true), yield = all > free_cpus + lent ? all - free_cpus - lent : 0;
	char need[32], have[32], l[32], y[32], more[64] = "";

	enum mscg_reason gres;
	char buf[160];

	gres = gres_why(core, gres_need_of(core, job), buf);
	if (gres != MSCG_REASON_NONE) {
		say(text, "%s", buf);
		return gres;
	}
	format_cpus(least, need, sizeof need);
	count_text(free_cpus, have, sizeof have);
	if (lent)
		snprintf(more, sizeof more, "%s %s lent to others", yield ? "," : " and", count_text(lent, l, sizeof l));
	if (yield)
		snprintf(more + strlen(more), sizeof more - strlen(more), " and %s could be had from lower priorities",
		         format_cpus((uint32_t)yield, y, sizeof y));
	if (least > all)
		say(text, "needs %s CPU%s, %s free%s", need, least == CPU ? "" : "s", have, more);
	else if (mem_needed(job) > reserve_mem_free(core, job))
		say(text, "needs %s of memory, %s is free%s", format_size(job->mem_bytes, need, sizeof need),
		    format_size(reserve_mem_free(core, job), have, sizeof have),
		    mem_comes(core) ? ", some is being taken back from others" : "");
	else
		say(text, "needs %s CPU%s, which are being made free", need, least == CPU ? "" : "s");
	return MSCG_REASON_RESOURCES;
}

static enum mscg_reason why_pending(const struct core *core, const struct entry *e, struct core_now now, char *text)
{
	const struct entry *ahead;
	char id[MSCG_ID_TEXT], buf[160];
	enum mscg_reason closed, why;

	if (!queue_feasible(core, &e->job, buf)) {
		say(text, "%s", buf);
		return MSCG_REASON_INFEASIBLE;
	}
	closed = gate_why(core, e, now, buf);
	if (closed != MSCG_REASON_NONE) {
		say(text, "%s", buf);
		return closed;
	}
	closed = qos_why(core, e, buf);
	if (closed == MSCG_REASON_NONE)
		closed = partition_why(core, e, buf);
	if (closed == MSCG_REASON_NONE)
		closed = user_why(core, e, buf);
	if (closed == MSCG_REASON_NONE)
		closed = totals_why(core, e, buf);
	if (closed == MSCG_REASON_NONE)
		closed = budget_why(core, e, buf);
	if (closed != MSCG_REASON_NONE) {
		say(text, "%s", buf);
		return closed;
	}
	if (core->drained) {
		say(text, "%s", mscg_reason_text(MSCG_REASON_DRAINED));
		return MSCG_REASON_DRAINED;
	}
	if (is_full(core)) {
		say(text, "as many jobs run as may (max-jobs = %llu): one of them has to end first", (unsigned long long)core->policy.max_jobs);
		return MSCG_REASON_MAX_JOBS;
	}
	ahead = e->job.reservation ? NULL : queue_ahead(core, e);
	if (ahead) {
		mscg_id_format(ahead->job.id, id);
		if (core->policy.priority.multifactor && ahead->job.priority == e->job.priority)
			say(text, "job %s waits before it: its factors come to %.2f, those of this one to %.2f", id, factor_score(core, ahead), factor_score(core, e));
		else
			say(text, "job %s (priority %d) waits before it", id, ahead->job.priority);
		return MSCG_REASON_PRIORITY;
	}
	why = reserve_why(core, e, now, buf);
	if (why == MSCG_REASON_NONE)
		why = backfill_why(core, e, now, buf);
	if (why != MSCG_REASON_NONE) {
		say(text, "%s", buf);
		return why;
	}
	return why_resources(core, &e->job, text);
}

enum mscg_reason core_why(const struct core *core, struct mscg_id id, struct core_now now, char text[160])
{
	const struct entry *e = entry_find(core, id);

	say(text, "%s", "");
	if (!e && core_task_waits(core, id))
		e = ids_get(&core->jobs, id.job);
	if (!e)
		return MSCG_REASON_NONE;
	if (is_record(e) && array_holds(e->array, id.task)) {
		say(text, "%s, until it is released", mscg_reason_text(MSCG_REASON_HELD_USER));
		return MSCG_REASON_HELD_USER;
	}
	if (e->job.state == MSCG_STATE_PENDING && (!is_record(e) || array_left(e->array)))
		return why_pending(core, e, now, text);
	if (suspend_waits(e))
		return why_resources(core, &e->job, text);
	say(text, "%s", mscg_reason_text(e->job.reason));
	return e->job.reason;
}
