/* Who starts. In the order of the queue whatever can start does; what passes the first that can not, the head, depends
 * on the scheduler:
 *   fcfs          nothing
 *   firstfit      whatever fits
 *   easy          what does not make the head later than it could start by the time limits of what runs: it is over by
 *                 then, or uses what the head leaves
 *   conservative  the same for each of the first `backfill_depth` that wait
 * A job with --time-min is given less time than it asked for where it can pass only so.
 * Where no time can be given, as what the head waits for has no time limits, whatever fits passes it, until it has waited
 * for `starvation_guard_s`: nothing passes it then. */
#include "src/core/internal.h"

#include <math.h>

struct backfill {
	struct core *core;
	const struct entry *head;
	bool limits;  /* core->plan is made */
	bool planned; /* and holds promises */
	bool guarded;
};

/* The size that the very first of the queue can start with; 0: it cannot. If it is elastic and --cpus will not be there
 * even when what is under way has come back, it begins with what it can have. Nobody else may do so: those behind it
 * would take in crumbs what the first waits for. */
static uint32_t size_for_first(const struct core *core, const struct mscg_job *job, uint32_t *ret_limit)
{
	uint64_t now = reserve_available(core, job, false);

	*ret_limit = job->time_limit_s;
	if (!queue_has_rest(core, job) || !reserve_lets(core, job, ret_limit))
		return 0;
	if (now >= job->cpus_milli)
		return job->cpus_milli;
	if (now < queue_least(core, job) || reserve_available(core, job, true) >= job->cpus_milli)
		return 0;
	return (uint32_t)now;
}

/* Nothing that waits may start, whatever is free. */
static bool is_shut(const struct core *core)
{
	return core->drained || is_full(core);
}

static bool fits(const struct core *core, const struct mscg_job *job, bool later)
{
	return queue_has_rest(core, job) && reserve_available(core, job, later) >= job->cpus_milli;
}

/* What any job behind the one at this place is not before. */
static struct mark behind(struct mark next)
{
	if (next.id.task == MSCG_NO_TASK)
		next.id = (struct mscg_id){next.id.job + 1, 0};
	else
		next.id.task++;
	return next;
}

static bool has_starved(const struct core *core, const struct entry *e)
{
	int64_t guard = core->policy.starvation_guard_s * USEC_PER_SEC;
	int64_t since = suspend_waits(e) ? e->job.suspend_usec : MAX_OF(e->job.submit_usec, e->job.begin_usec);

	return guard && core->now.real_usec - since >= guard;
}

/* Those who pass take nothing that the head waits for. */
static bool leaves_head_alone(const struct backfill *b, const struct mscg_job *job)
{
	return pool_of(job) != pool_of(&b->head->job) && job->mem_bytes + mem_needed(&b->head->job) <= reserve_mem_free(b->core, job) &&
	       gres_apart(b->core, gres_choice(b->core, job), gres_need_of(b->core, &b->head->job));
}

/* Its limit, or as much of it as there is before it would be in the way, --time-min at least. */
static bool may_pass(const struct backfill *b, const struct mscg_job *job, uint32_t *ret_limit)
{
	const struct plan *plan = &b->core->plan;
	struct plan_need need;
	int64_t room;

	*ret_limit = job->time_limit_s;
	if (!reserve_lets(b->core, job, ret_limit))
		return false;
	if (job->reservation) /* what it takes is nobody else's */
		return true;
	if (b->guarded && !leaves_head_alone(b, job))
		return false;
	if (!b->planned)
		return true;
	need = plan_need(b->core, plan, job, false);
	need.span = plan_span(*ret_limit, job->grace_s);
	need.gres = gres_choice(b->core, job);
	if (plan_fits_now(plan, &need))
		return true;
	room = (plan_obstacle(plan, &need) - plan->point[0].at) / USEC_PER_SEC - job->grace_s;
	if (!job->time_min_s || room < job->time_min_s || room >= *ret_limit)
		return false;
	*ret_limit = (uint32_t)room;
	return true;
}

/* Notes whether it could as soon as what is under way has come back. */
static bool may_start(struct backfill *b, const struct mscg_job *job, uint32_t *ret_limit)
{
	if (!fits(b->core, job, true) || !may_pass(b, job, ret_limit))
		return false;
	if (fits(b->core, job, false))
		return true;
	b->core->wanted = true;
	return false;
}

static void start(struct backfill *b, struct entry *e, uint32_t limit_s)
{
	struct core *core = b->core;
	struct mscg_job given = e->job;
	struct plan_need need;

	if (b->limits && !given.reservation) {
		given.time_limit_s = limit_s;
		need = plan_need(core, &core->plan, &given, false);
		need.gres = gres_choice(core, &given);
		plan_promise(&core->plan, core->now.boot_usec, &need);
	}
	life_start(core, e, e->job.cpus_milli, limit_s);
}

/* -- promises ----------------------------------------------------------------------------------------------------- */

/* Boot clock; USEC_NEVER: no time can be given. */
static int64_t promise(struct backfill *b, const struct mscg_job *job, bool first)
{
	struct plan *plan = &b->core->plan;
	struct plan_need need = plan_need(b->core, plan, job, first);
	int64_t at = plan_earliest(plan, &need, b->core->now.boot_usec);

	if (at == USEC_NEVER)
		return at;
	plan_promise(plan, at, &need);
	b->planned = true;
	return at;
}

/* Each of those in front gets its time; whose time is now starts. Returns what is behind them. */
static struct mark promise_all(struct backfill *b)
{
	struct core *core = b->core;
	uint32_t n = MAX_OF(core->policy.backfill_depth, 1u);
	_cleanup_free_ struct entry **first = xcalloc(n, sizeof *first);
	struct mark next;
	uint32_t limit;

	n = queue_front(core, first, n); /* the head is one of them, if it is one that waits to start */
	next = behind(queue_mark(core, first[n - 1]));
	for (uint32_t i = 0; i < n; i++) {
		if (first[i] == b->head && i == 0)
			continue;
		/* An array may have no more tasks at a time, or its user no more jobs. */
		if (!first[i]->shape || !first[i]->shape->listed)
			continue;
		if (!is_full(core) && may_start(b, &first[i]->job, &limit))
			start(b, first[i], limit);
		else if (!first[i]->job.reservation)
			promise(b, &first[i]->job, false);
	}
	return next;
}

/* -- what passes -------------------------------------------------------------------------------------------------- */

/* Whatever fits and may. What can be had only shrinks while this goes on, so that nobody is asked twice; of those with
 * the same needs the first is asked for all. So many are looked at in vain as the depth says. */
static void pass(struct backfill *b, struct mark from)
{
	uint32_t looks = b->planned || b->guarded || b->core->reserve.n ? b->core->policy.backfill_depth : UINT32_MAX;
	struct shape *s;
	uint32_t limit;

	while (looks && !is_full(b->core) && (s = queue_next(b->core, &from, !b->core->wanted))) {
		from = s->mark;
		if (may_start(b, &s->head->job, &limit)) {
			start(b, s->head, limit);
		} else {
			looks--;
			from = behind(from);
		}
	}
}

static void let_pass(struct core *core, const struct entry *head, struct mark from, bool guarded)
{
	struct backfill b = {.core = core, .head = head, .guarded = guarded};
	int64_t at = USEC_NEVER;

	/* One that has its reservation takes nothing that could be another's. */
	b.limits = !head->job.reservation && (core->policy.scheduler == CORE_EASY || core->policy.scheduler == CORE_CONSERVATIVE);
	if (b.limits) {
		plan_make(core, core->now, &head->job, &core->plan);
		at = promise(&b, &head->job, true);
		b.guarded |= at == USEC_NEVER && has_starved(core, head);
	}
	core->head = b.planned || b.guarded ? head : NULL;
	core->head_at = at;
	gres_want(core, gres_need_of(core, &head->job));
	if (b.limits && core->policy.scheduler == CORE_CONSERVATIVE)
		from = promise_all(&b);
	pass(&b, from);
}

static void let_others_pass(struct core *core, const struct entry *head, struct mark from, bool guarded)
{
	if (core->policy.scheduler != CORE_FCFS)
		let_pass(core, head, from, guarded);
}

/* What is to go on comes before what waits: it began first, and it keeps its memory from others; not what was preempted before
 * who may preempt it. Returns the first that cannot go on, or *ret_head that cannot start. */
static struct entry *start_first(struct core *core, struct entry **ret_head)
{
	struct entry *e, *head;
	struct shape *s;
	uint32_t cpus, limit;

	for (;;) {
		e = suspend_first(core);
		s = is_shut(core) ? NULL : queue_first(core);
		head = s ? s->head : NULL;
		if (e && head && preempt_yields(core, e, head))
			e = NULL;
		if (e && (e->live->restored || (cpus = size_for_first(core, &e->job, &limit)) == 0))
			break;
		if (!e && (!head || (cpus = size_for_first(core, &head->job, &limit)) == 0))
			break;
		if (e)
			suspend_resume(core, e, cpus);
		else
			life_start(core, head, cpus, limit);
	}
	*ret_head = e ? NULL : head;
	return e;
}

void backfill(struct core *core)
{
	const struct mark everybody = {.priority = INT32_MAX, .score = HUGE_VAL, .since = INT64_MIN};
	struct entry *e, *head;
	bool guarded;

	factor_calculate(core);
	core->head = NULL;
	core->wanted = false;
	gres_want(core, NULL);
	core->preempt_at = USEC_NEVER;
	reserve_plan(core);
	e = start_first(core, &head);
	core->wanted = e && fits(core, &e->job, true);
	if (is_shut(core))
		return;
	guarded = head && mem_shed_for(core, head);
	guarded |= head && preempt_for(core, head);
	if (!queue_next(core, &everybody, true))
		return;
	if (e) {
		let_others_pass(core, e, everybody, false);
	} else {
		core->wanted |= fits(core, &head->job, true);
		let_others_pass(core, head, behind(queue_mark(core, head)), guarded);
	}
}

/* Where nobody could pass, nothing was planned yet. */
const struct entry *backfill_head(struct core *core, bool *ret_planned)
{
	enum core_scheduler scheduler = core->policy.scheduler;
	const struct shape *s = core->drained ? NULL : queue_first(core);
	uint32_t n = scheduler == CORE_CONSERVATIVE ? MAX_OF(core->policy.backfill_depth, 1u) : 1;
	struct backfill b = {.core = core};

	*ret_planned = core->head && core->head_at != USEC_NEVER;
	if (core->head || !s)
		return core->head;
	if (scheduler == CORE_FCFS || scheduler == CORE_FIRSTFIT)
		return scheduler == CORE_FCFS || core->wanted ? s->head : NULL;
	_cleanup_free_ struct entry **first = xcalloc(n, sizeof *first);
	n = queue_front(core, first, n);
	plan_make(core, core->now, &s->head->job, &core->plan);
	for (uint32_t i = 0; i < n; i++)
		promise(&b, &first[i]->job, i == 0);
	*ret_planned = b.planned;
	return b.planned || core->wanted || has_starved(core, s->head) ? s->head : NULL;
}

/* -- why ---------------------------------------------------------------------------------------------------------- */

enum mscg_reason backfill_why(const struct core *core, const struct entry *e, struct core_now now, char text[160])
{
	const struct shape *first = queue_first(core);
	const struct entry *head = first ? first->head : NULL;
	char id[MSCG_ID_TEXT], time[64];
	int64_t at;
	const struct entry *stopped = suspend_first(core);

	if (stopped && core->policy.scheduler != CORE_FIRSTFIT && fits(core, &e->job, true)) {
		snprintf(text, 160, "job %s, which is to be resumed, is before it", mscg_id_format(stopped->job.id, id));
		return MSCG_REASON_PRIORITY;
	}
	if (!head || head == e || core->policy.scheduler == CORE_FIRSTFIT || !fits(core, &e->job, true))
		return MSCG_REASON_NONE;
	mscg_id_format(head->job.id, id);
	if (core->policy.scheduler == CORE_FCFS) {
		snprintf(text, 160, "job %s is before it, and nothing passes", id);
		return MSCG_REASON_PRIORITY;
	}
	if (!core->head)
		return MSCG_REASON_NONE;
	at = core->head_at;
	if (at == USEC_NEVER)
		snprintf(text, 160, "job %s has waited for %s: nothing passes it any more", id,
		         format_elapsed((uint64_t)((now.real_usec - head->job.submit_usec) / USEC_PER_SEC), time, sizeof time));
	else
		snprintf(text, 160, "would not be over when jobs before it are expected to start, the first of them (%s) in %s", id,
		         format_elapsed((uint64_t)((at - now.boot_usec + USEC_PER_SEC - 1) / USEC_PER_SEC), time, sizeof time));
	return MSCG_REASON_PRIORITY;
}
