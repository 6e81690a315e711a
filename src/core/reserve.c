/* Reservations: CPUs and memory that are set aside for some for a time. Counted, not chosen: while one lasts, as much as none of
 * its jobs has is left free by all others.
 *
 * So that it is there when one begins, whoever starts, grows, or is given more time before is asked whether it would be over by
 * then: there is a plan of what is free when everybody takes all of his time and elastic jobs have their least, less what is
 * reserved (plan_make_least), and what does not fit into it from now until its end does not start. It is worked out from what
 * runs and from the reservations, once in a step, and only where there are any; what starts in the step is taken out of it.
 *
 * When one begins, elastic jobs that have more than that give it up. Its own jobs have limits that end with it, and stay at what
 * they asked for: nobody takes from them, and they take from nobody. */
#include "src/core/reserve.h"

static const struct core_reservation nothing;

void core_reservation_clear(struct core_reservation *r)
{
	free(r->name);
	free(r->users);
	free(r->accounts);
	*r = nothing;
}

void core_reservation_copy(const struct core_reservation *r, struct core_reservation *ret)
{
	struct core_reservation copy = *r;

	copy.name = xstrdup(r->name);
	copy.users = xstrdup(r->users);
	copy.accounts = xstrdup(r->accounts);
	*ret = copy;
}

struct reservation *reserve_find(const struct core *core, uint32_t key)
{
	for (uint32_t i = 0; key && i < core->reserve.n; i++)
		if (core->reserve.all[i].key == key)
			return &core->reserve.all[i];
	return NULL;
}

void reserve_clear(struct core *core)
{
	for (uint32_t i = 0; i < core->reserve.n; i++)
		core_reservation_clear(&core->reserve.all[i].is);
	free(core->reserve.all);
	plan_clear(&core->reserve.plan);
}

/* -- what is kept --------------------------------------------------------------------------------------------------- */

void reserve_sum_up(struct core *core)
{
	struct reserve *s = &core->reserve;

	s->kept_cpus = s->kept_mem = s->near_cpus = 0;
	for (uint32_t i = 0; i < s->n; i++) {
		const struct reservation *r = &s->all[i];

		if (r->begun) {
			s->kept_cpus += left_cpus(r);
			s->kept_mem += left_mem(r);
		} else if (r->is.start_usec <= core->now.real_usec + NEAR_USEC) {
			s->near_cpus += r->is.cpus_milli;
		}
	}
}

uint64_t reserve_free(const struct core *core, const struct mscg_job *job)
{
	uint64_t all = book_free(core, pool_of(job));
	const struct reservation *r = reserve_find(core, job->reservation);

	if (r && job->state == MSCG_STATE_SUSPENDED) /* what it asked for is its own still */
		return all;
	if (r)
		return r->begun ? MIN_OF(all, left_cpus(r)) : 0;
	return pool_of(job) == POOL_SHARED ? all : all - MIN_OF(all, core->reserve.kept_cpus);
}

uint64_t reserve_available(const struct core *core, const struct mscg_job *job, bool later)
{
	const struct reservation *r = reserve_find(core, job->reservation);
	uint64_t all;

	if (r && !later)
		return reserve_free(core, job);
	if (r) /* it is made free */
		return !r->begun ? 0 : job->state == MSCG_STATE_SUSPENDED ? r->is.cpus_milli : left_cpus(r);
	all = queue_available(core, pool_of(job), job->priority, later);
	return pool_of(job) == POOL_SHARED ? all : all - MIN_OF(all, core->reserve.kept_cpus);
}

uint64_t reserve_mem_free(const struct core *core, const struct mscg_job *job)
{
	uint64_t all = book_mem_free(core);
	const struct reservation *r = reserve_find(core, job->reservation);

	if (r)
		return r->begun ? MIN_OF(all, left_mem(r)) : 0;
	return all - MIN_OF(all, core->reserve.kept_mem);
}

/* -- whose jobs wait for it ------------------------------------------------------------------------------------------ */

void reserve_join(struct core *core, struct shape *s)
{
	s->reserve_next = core->reserve.shapes;
	s->reserve_link = &core->reserve.shapes;
	if (s->reserve_next)
		s->reserve_next->reserve_link = &s->reserve_next;
	core->reserve.shapes = s;
}

void reserve_leave(struct shape *s)
{
	*s->reserve_link = s->reserve_next;
	if (s->reserve_next)
		s->reserve_next->reserve_link = s->reserve_link;
}

void reserve_reconsider(struct core *core, uint32_t key)
{
	for (struct shape *s = core->reserve.shapes; s; s = s->reserve_next)
		if (s->reservation == key)
			queue_allow(core, s);
}

bool reserve_allows(const struct core *core, const struct shape *s)
{
	const struct reservation *r = reserve_find(core, s->reservation);

	return r && r->begun && s->cpus <= left_cpus(r) && s->mem <= left_mem(r) &&
	       core->now.real_usec <= too_late(r, s->time_min_s, s->grace_s);
}

void reserve_listed(struct core *core, const struct shape *s)
{
	const struct reservation *r = reserve_find(core, s->reservation);
	int64_t late = too_late(r, s->time_min_s, s->grace_s) + 1;

	core->reserve.recheck = MIN_OF(core->reserve.recheck, boot_of(core->now, late));
}

void reserve_count(struct core *core, const struct mscg_job *job, int running, uint64_t cpus, uint64_t mem)
{
	struct reservation *r = reserve_find(core, job->reservation);

	if (!r)
		return;
	r->running += (uint32_t)running;
	r->used_cpus += cpus;
	r->used_mem += mem;
	reserve_sum_up(core);
	reserve_reconsider(core, r->key);
}

/* -- the plan -------------------------------------------------------------------------------------------------------- */

void reserve_block(const struct core *core, struct core_now now, struct plan *plan, bool used_is_there)
{
	for (uint32_t i = 0; i < core->reserve.n; i++) {
		const struct reservation *r = &core->reserve.all[i];

		plan_block(plan, &(struct plan_block){
			.from = boot_of(now, r->is.start_usec), .until = boot_of(now, r->is.end_usec),
			.cpus = r->is.cpus_milli, .mem = r->is.mem_bytes,
			.used_cpus = used_is_there ? 0 : MIN_OF(r->used_cpus, r->is.cpus_milli),
			.used_mem = used_is_there ? 0 : MIN_OF(r->used_mem, r->is.mem_bytes),
		});
	}
}

void reserve_plan(struct core *core)
{
	if (core->reserve.n)
		plan_make_least(core, core->now, &core->reserve.plan);
}

/* A job of one: as long as it lasts. */
static bool lets_own(const struct core *core, const struct mscg_job *job, uint32_t *limit_s)
{
	const struct reservation *r = reserve_find(core, job->reservation);
	int64_t left;

	if (job->state == MSCG_STATE_SUSPENDED)
		return true;
	if (!r || !r->begun || core->now.real_usec > too_late(r, job->time_min_s, job->grace_s))
		return false;
	left = (r->is.end_usec - core->now.real_usec) / USEC_PER_SEC - job->grace_s;
	if (!*limit_s || *limit_s > left)
		*limit_s = (uint32_t)left;
	return true;
}

bool reserve_lets(const struct core *core, const struct mscg_job *job, uint32_t *limit_s)
{
	const struct plan *plan = &core->reserve.plan;
	struct plan_need need;
	int64_t at, room;

	if (job->reservation)
		return lets_own(core, job, limit_s);
	if (!core->reserve.n)
		return true;
	need = need_of(core, job, *limit_s);
	at = plan_obstacle(plan, &need);
	if (at == USEC_NEVER)
		return true;
	room = (at - plan->point[0].at) / USEC_PER_SEC - job->grace_s;
	if (!job->time_min_s || job->state == MSCG_STATE_SUSPENDED || room < job->time_min_s || room >= *limit_s)
		return false;
	*limit_s = (uint32_t)room;
	return true;
}

bool reserve_overlaps(const struct core *core, const struct mscg_job *job)
{
	int64_t span = plan_span(job->time_limit_s, job->grace_s);
	bool overlaps = job->reservation;

	for (uint32_t i = 0; i < core->reserve.n; i++)
		overlaps |= !core->reserve.all[i].begun &&
		            (span == USEC_NEVER || core->reserve.all[i].is.start_usec < core->now.real_usec + span);
	return overlaps;
}

void reserve_started(struct core *core, const struct mscg_job *job)
{
	struct plan_need need;

	if (!core->reserve.n || job->reservation)
		return;
	need = need_of(core, job, job->time_limit_s);
	plan_promise(&core->reserve.plan, core->reserve.plan.point[0].at, &need);
}

const struct reservation *reserve_at(const struct core *core, int64_t boot_usec)
{
	const struct reservation *first = NULL;

	for (uint32_t i = 0; i < core->reserve.n; i++) {
		const struct reservation *r = &core->reserve.all[i];

		if (boot_of(core->now, r->is.end_usec) > boot_usec && (!first || r->is.start_usec < first->is.start_usec))
			first = r;
	}
	return first;
}

static const struct reservation *in_the_way(const struct core *core, const struct plan_need *need, int64_t from, int64_t until)
{
	const struct reservation *found = NULL;
	struct plan plan = {0};
	struct plan_need before = {.span = 0};

	plan_make_least(core, core->now, &plan);
	plan_promise(&plan, MAX_OF(from, plan.point[0].at), &before); /* a point there */
	for (uint32_t i = 0; i < plan.n && !found; i++) {
		const struct plan_point *p = &plan.point[i];

		if (p->at >= from && p->at < until && (p->cpus[POOL_EXCLUSIVE] < (int64_t)need->cpus || p->mem < (int64_t)need->mem))
			found = reserve_at(core, p->at);
	}
	plan_clear(&plan);
	return found;
}

const struct reservation *reserve_longer(const struct core *core, const struct entry *e, uint32_t limit_s)
{
	const struct reservation *r = reserve_find(core, e->job.reservation);
	int64_t end, more = limit_s ? (int64_t)limit_s - e->job.time_limit_s : USEC_NEVER;
	struct plan_need need;

	if (!core->reserve.n || !holds(e) || !e->job.time_limit_s || more <= 0)
		return NULL;
	end = plan_latest_end(e, core->now);
	if (end == USEC_NEVER)
		return NULL;
	if (r)
		return more == USEC_NEVER || end + more * USEC_PER_SEC > boot_of(core->now, r->is.end_usec) ? r : NULL;
	need = need_of(core, &e->job, 0);
	need.mem = e->job.mem_bytes;
	return in_the_way(core, &need, end, more == USEC_NEVER ? more : end + more * USEC_PER_SEC);
}

uint64_t reserve_mem_room(const struct core *core, const struct entry *e)
{
	int64_t room = INT64_MAX, end;
	struct plan plan = {0};

	if (!core->reserve.n || reserve_find(core, e->job.reservation))
		return UINT64_MAX;
	end = plan_latest_end(e, core->now);
	plan_make_least(core, core->now, &plan);
	for (uint32_t i = 0; i < plan.n && plan.point[i].at < end; i++)
		room = MIN_OF(room, plan.point[i].mem);
	plan_clear(&plan);
	return room > 0 ? (uint64_t)room : 0;
}

const struct reservation *reserve_larger(const struct core *core, const struct entry *e, uint64_t more_cpus, uint64_t more_mem)
{
	bool elastic = e->job.flags & MSCG_JOB_ELASTIC && core->policy.elastic;
	struct plan_need need = {.cpus = elastic || pool_of(&e->job) == POOL_SHARED ? 0 : more_cpus, .mem = more_mem};

	if (!core->reserve.n || reserve_find(core, e->job.reservation))
		return NULL;
	return in_the_way(core, &need, core->now.boot_usec, plan_latest_end(e, core->now));
}
