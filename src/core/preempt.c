/* Preemption: what runs makes room for the first of the queue, where its QOS or its priority lets it. Elastic jobs shrink
 * first; what is still missing comes from those that stand still, or end, as their own QOS says how. Who is to make room is
 * chosen from the lowest priority up, the youngest first, and none more than it takes; and nobody, if all of them together
 * would not do. CPUs come free as resizes land and jobs end: the first of the queue takes them then, and nothing passes it
 * meanwhile.
 *
 * Nothing of this is remembered but in the rows of those that make room: a restart sees what is coming, and goes on. */
#include "src/core/preempt.h"

#include "src/core/internal.h"

bool preempt_may(const struct core *core, const struct mscg_job *job, const struct mscg_job *victim)
{
	const struct core_policy *p = &core->policy;
	const struct core_qos *own, *its = core_qos_find(p, victim->qos);

	if (!its || its->preempt_mode == CORE_PREEMPT_OFF)
		return false;
	if (p->preempt_by_priority)
		return victim->priority < job->priority;
	own = core_qos_find(p, job->qos);
	return own && own->preempts >> (its - p->qos) & 1;
}

static bool may_preempt_any(const struct core *core, const struct mscg_job *job)
{
	const struct core_qos *own = core_qos_find(&core->policy, job->qos);

	return core->policy.preempt_by_priority || (own && own->preempts);
}

/* -- who could make room ------------------------------------------------------------------------------------------- */

struct look {
	struct core *core;
	const struct entry *head;
	enum pool pool;
	struct preempt_need need; /* beyond what there is, and is coming */
	struct preempt_victim *v; uint32_t n, cap;
	bool coming; /* something that was preempted */
};

static bool is_dying(const struct entry *e)
{
	return e->job.state == MSCG_STATE_COMPLETING || e->job.flags & (JOB_ENDING | MSCG_JOB_KILLED);
}

/* What it gives, when it ends, that is not counted as to be had already. */
static uint64_t cpus_beyond(const struct entry *e, const struct mscg_job *head)
{
	const struct live *l = e->live;
	uint64_t size = l->flight && l->flight->for_others ? l->flight->cpus : share_of(e)->cpu_milli, gives = 0;

	if (l->listed)
		gives = l->own.lent_later + (e->job.priority < head->priority ? l->own.yield_later : 0);
	return size > gives ? size - gives : 0;
}

/* On its way already; what cannot be killed is not. */
static void count_coming(struct look *s, const struct entry *e)
{
	const struct flight *f = e->live->flight;
	bool same_pool = pool_of(&e->job) == s->pool, preempted = e->job.reason == MSCG_REASON_PREEMPTED;
	uint64_t cpus = 0, mem = 0;

	if (is_dying(e) && !*e->job.run->fail_text) {
		cpus = cpus_beyond(e, &s->head->job);
		mem = share_of(e)->mem_bytes;
	} else if (e->job.state == MSCG_STATE_SUSPENDED && !(f && f->resumes)) {
		cpus = share_of(e)->cpu_milli;
	} else if (f && !f->for_others && f->cpus < share_of(e)->cpu_milli) {
		cpus = share_of(e)->cpu_milli - f->cpus;
		preempted |= f->preempts;
	}
	if (!mem && f && f->mem < share_of(e)->mem_bytes)
		mem = share_of(e)->mem_bytes - f->mem;
	s->need.cpus -= MIN_OF(s->need.cpus, same_pool ? cpus : 0);
	s->need.mem -= MIN_OF(s->need.mem, mem);
	s->coming |= preempted && (mem || (same_pool && cpus));
}

static uint64_t can_shrink_by(const struct core *core, const struct entry *e, const struct mscg_job *head)
{
	if (!core->policy.elastic || !e->live->listed || !resize_possible(e) || e->job.priority < head->priority)
		return 0; /* what lower priorities yield is counted as to be had */
	return e->live->own.yield;
}

static bool is_exempt(struct core *core, const struct entry *e, const struct core_qos *qos)
{
	int64_t until = e->live->started_boot + qos->preempt_exempt_s * USEC_PER_SEC;

	if (!qos->preempt_exempt_s || until <= core->now.boot_usec)
		return false;
	core->preempt_at = MIN_OF(core->preempt_at, until);
	return true;
}

static bool before_head(const struct look *s, const struct entry *e)
{
	struct mark own = queue_mark(s->core, e), head = queue_mark(s->core, s->head);

	return mark_before(&own, &head);
}

static void consider(struct look *s, struct entry *e)
{
	const struct core_qos *qos = core_qos_find(&s->core->policy, e->job.qos);
	bool same_pool = pool_of(&e->job) == s->pool;
	struct preempt_victim v = {.entry = e, .priority = e->job.priority, .started = e->live->started_boot, .id = e->job.id};

	if (e->job.reservation || e->live->backoff.at != USEC_NEVER || !preempt_may(s->core, &s->head->job, &e->job) || is_exempt(s->core, e, qos))
		return;
	v.mode = qos->preempt_mode;
	/* One that would be before it in the queue would only begin again in its place. */
	if (v.mode == CORE_PREEMPT_REQUEUE && (!(e->job.flags & MSCG_JOB_REQUEUE) || before_head(s, e)))
		v.mode = CORE_PREEMPT_SHRINK;
	v.shrink = same_pool ? can_shrink_by(s->core, e, &s->head->job) : 0;
	v.unit = s->pool == POOL_EXCLUSIVE ? CPU : 1;
	if (v.mode != CORE_PREEMPT_SHRINK)
		v.cpus = same_pool ? cpus_beyond(e, &s->head->job) : 0;
	if (v.mode == CORE_PREEMPT_REQUEUE || v.mode == CORE_PREEMPT_CANCEL)
		v.mem = share_of(e)->mem_bytes;
	GROW(s->v, s->n, s->cap);
	s->v[s->n++] = v;
}

/* -- what becomes of them ------------------------------------------------------------------------------------------ */

static char *text_for(const struct look *s)
{
	const struct core_qos *qos = core_qos_find(&s->core->policy, s->head->job.qos);
	char id[MSCG_ID_TEXT];

	return xasprintf("makes room for job %s%s%s", mscg_id_format(s->head->job.id, id), qos ? " of QOS " : "", qos ? qos->name : "");
}

static void shrink(const struct look *s, struct entry *e, uint64_t by)
{
	struct core *core = s->core;
	struct mscg_cpuset set = share_of(e)->cpus, out = {0};
	struct flight *f;

	by += e->live->own.lent; /* which is counted as to be had, and goes first */
	if (s->pool == POOL_EXCLUSIVE) {
		place_shed(&core->place, &set, (uint32_t)(by / CPU), &out);
		mscg_cpuset_subtract(&set, &out);
	}
	f = resize_begin(core, e, e->job.current_cpus_milli - (uint32_t)by, &set, e->job.mem_bytes, text_for(s));
	f->preempts = true;
	core->out->events[f->event].reason = MSCG_REASON_PREEMPTED;
	e->live->calm_until = core->now.boot_usec + core->policy.elastic_calm_ms * USEC_PER_MSEC;
	elastic_update(core, e);
}

static void carry_out(const struct look *s, const struct preempt_victim *v)
{
	if (v->ends && v->mode == CORE_PREEMPT_SUSPEND)
		suspend_preempt(s->core, v->entry, s->head->job.id.job, text_for(s));
	else if (v->ends)
		life_preempt(s->core, v->entry, v->mode == CORE_PREEMPT_REQUEUE, s->head->job.id.job, text_for(s));
	else if (v->takes)
		shrink(s, v->entry, v->takes);
}

bool preempt_for(struct core *core, const struct entry *head)
{
	struct look s = {.core = core, .head = head, .pool = pool_of(&head->job)};
	uint64_t cpus = reserve_available(core, &head->job, true), mem = reserve_mem_free(core, &head->job);
	uint64_t least = queue_least(core, &head->job);
	bool lacks;

	if (!may_preempt_any(core, &head->job) || reserve_overlaps(core, &head->job) || !gres_fits(core, gres_need_of(core, &head->job)))
		return false;
	s.need.cpus = least > cpus ? least - cpus : 0;
	s.need.mem = head->job.mem_bytes > mem ? head->job.mem_bytes - mem : 0;
	lacks = s.need.cpus || s.need.mem;
	for (struct live *l = core->granted; l; l = l->granted_next)
		if (runs(l->entry) && !l->flight && !l->unsure && !l->restored && !l->suspends)
			consider(&s, l->entry);
		else
			count_coming(&s, l->entry);
	if (preempt_choose(s.v, s.n, &s.need))
		for (uint32_t i = 0; i < s.n; i++) {
			carry_out(&s, &s.v[i]);
			s.coming |= s.v[i].ends || s.v[i].takes;
		}
	free(s.v);
	core->wanted |= lacks && s.coming;
	return lacks && s.coming;
}

static bool has_room(const struct core *core, const struct mscg_job *job)
{
	return queue_has_rest(core, job) && queue_least(core, job) <= reserve_available(core, job, true);
}

bool preempt_yields(struct core *core, const struct entry *e, const struct entry *head)
{
	return preempt_suspended(e) && preempt_may(core, &head->job, &e->job) && (has_room(core, &head->job) || preempt_for(core, head));
}
