/* A job that asked for it (--time-extend) goes on past its time limit as long as nobody who waits starts later for it: by the
 * plan that backfill uses, in which each of the first of the queue has its time, and by what only its end can open: jobs that
 * depend on it, tasks of its array and jobs of its user, QOS or partition that wait for a place. Little at a time, so that who comes later
 * does not wait for long. Who was sent its signal before the end was told that this is the end, and is not extended. */
#include "src/core/internal.h"

#define STEP_S 60u

static bool opens_a_place(const struct core *core, const struct entry *e)
{
	const struct user *u = ids_get(&core->users, e->job.uid);
	const struct array *a = e->array;

	if (a && a->throttle && a->waiting && !array_room(a))
		return true;
	for (const struct shape *s = u ? u->shapes : NULL; s; s = s->user_next)
		if (s->head && s->feasible && !s->listed && !s->reservation)
			return true;
	return depend_awaited(core, e) || suspend_first(core) || totals_awaited(core, &e->job);
}

/* Somebody at the front of the queue starts later with the second plan. */
static bool starts_later(const struct core *core, struct plan plan[2], struct entry *const *first, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		int64_t at[2];

		if (first[i]->job.reservation)
			continue;
		for (int p = 0; p < 2; p++) {
			struct plan_need need = plan_need(core, &plan[p], &first[i]->job, i == 0);

			at[p] = plan_earliest(&plan[p], &need, core->now.boot_usec);
			if (at[p] != USEC_NEVER)
				plan_promise(&plan[p], at[p], &need);
		}
		if (at[1] > at[0])
			return true;
	}
	return false;
}

static bool delays(struct core *core, struct entry *e, uint32_t by_s)
{
	uint32_t depth = MAX_OF(core->policy.backfill_depth, 1u);
	_cleanup_free_ struct entry **first = xcalloc(depth, sizeof *first);
	uint32_t n = queue_front(core, first, depth);
	struct plan plan[2] = {0};
	bool later;

	if (opens_a_place(core, e))
		return true;
	if (!n)
		return false;
	plan_make(core, core->now, &first[0]->job, &plan[0]);
	e->job.time_limit_s += by_s;
	plan_make(core, core->now, &first[0]->job, &plan[1]);
	e->job.time_limit_s -= by_s;
	later = starts_later(core, plan, first, n);
	plan_clear(&plan[0]);
	plan_clear(&plan[1]);
	return later;
}

bool extend(struct core *core, struct entry *e)
{
	const struct mscg_job *job = &e->job;
	uint32_t by_s = job->time_extend_s > job->time_limit_s ? MIN_OF(job->time_extend_s - job->time_limit_s, STEP_S) : 0;
	struct mscg_event event;
	char to[32], was[32];

	if (!by_s || core->drained || !runs(e) || job->flags & MSCG_JOB_WARNED || reserve_longer(core, e, job->time_limit_s + by_s) || delays(core, e, by_s))
		return false;
	event = out_new(core, e, MSCG_EVENT_UPDATED);
	event.field = MSCG_FIELD_TIME_EXTENDED;
	event.value = job->time_limit_s + by_s;
	event.text = xasprintf("time_limit: %s, was %s: nobody who waits starts later for it", format_elapsed(job->time_limit_s + by_s, to, sizeof to),
	                       format_elapsed(job->time_limit_s, was, sizeof was));
	out_event(core, e, &event);
	return true;
}
