/* When a waiting job would start, who is before it, and what would make it start now: worked out on the books as they are,
 * by the plan that backfill uses. Looks at the front of the queue only, so that asking costs the same however many wait. */
#include "src/core/internal.h"

#define FRONT_MAX 1000u

struct forecast {
	const struct core *core;
	const struct entry *e;
	struct core_now now;
	struct core_forecast *ret;
	struct entry **front;
	uint32_t front_n, at; /* at: its own place; front_n: it is not among them */
	struct plan plan;     /* with what those before it are promised */
	struct plan_need need;
};

static int64_t wall_of(const struct forecast *f, int64_t boot_usec)
{
	return f->now.real_usec + (boot_usec - f->now.boot_usec);
}

__attribute__((format(printf, 2, 3))) static struct core_change *suggest(struct forecast *f, const char *format, ...)
{
	struct core_change *c;
	va_list ap;

	if (f->ret->changes == CORE_CHANGES_MAX)
		return NULL;
	c = &f->ret->change[f->ret->changes++];
	*c = (struct core_change){0};
	va_start(ap, format);
	vsnprintf(c->text, sizeof c->text, format, ap);
	va_end(ap);
	return c;
}

/* -- who is before it ---------------------------------------------------------------------------------------------- */

static void find_place(struct forecast *f)
{
	struct core_forecast *ret = f->ret;

	f->front = xcalloc(FRONT_MAX, sizeof *f->front);
	f->front_n = queue_front(f->core, f->front, FRONT_MAX);
	while (f->at < f->front_n && f->front[f->at] != f->e)
		f->at++;
	ret->ahead = f->at;
	ret->ahead_more = f->at == f->front_n && f->front_n == FRONT_MAX;
	for (uint32_t i = 0; i < f->at && ret->first_n < CORE_AHEAD_MAX; i++)
		if (!i || f->front[i] != f->front[i - 1])
			ret->first[ret->first_n++] = f->front[i]->job.id;
}

/* -- when --------------------------------------------------------------------------------------------------------- */

/* Those before it get their times. Returns who of them has none; NULL: all have. */
static const struct entry *promise_those_before(struct forecast *f)
{
	bool fcfs = f->core->policy.scheduler == CORE_FCFS;
	int64_t last = f->now.boot_usec;

	const struct entry *stopped;

	plan_make(f->core, f->now, &f->front[0]->job, &f->plan);
	stopped = suspend_promise(f->core, f->now, &f->plan);
	if (stopped)
		return stopped;
	for (uint32_t i = 0; i < f->at; i++) {
		if (f->front[i]->job.reservation)
			continue;
		struct plan_need need = plan_need(f->core, &f->plan, &f->front[i]->job, i == 0);
		int64_t at = plan_earliest(&f->plan, &need, last);

		if (at == USEC_NEVER)
			return f->front[i];
		plan_promise(&f->plan, at, &need);
		last = fcfs ? at : last;
	}
	f->need = plan_need(f->core, &f->plan, &f->e->job, f->at == 0);
	f->ret->start_usec = plan_earliest(&f->plan, &f->need, last);
	return NULL;
}

/* It waits for one that runs to end, whatever else is free by then. */
static bool lacks_a_place(const struct plan *p)
{
	return p->point[p->n - 1].jobs <= 0;
}

static void when(struct forecast *f)
{
	struct core_forecast *ret = f->ret;
	const struct entry *unsaid = promise_those_before(f);
	char id[MSCG_ID_TEXT];

	if (unsaid)
		snprintf(ret->unsaid, sizeof ret->unsaid, "job %s is before it, and waits for what has no time limit", mscg_id_format(unsaid->job.id, id));
	else if (ret->start_usec == USEC_NEVER && lacks_a_place(&f->plan))
		snprintf(ret->unsaid, sizeof ret->unsaid, "no more than %llu jobs run at a time (max-jobs), and those whose end it waits for have no time limit, or are suspended",
		         (unsigned long long)f->core->policy.max_jobs);
	else if (ret->start_usec == USEC_NEVER)
		snprintf(ret->unsaid, sizeof ret->unsaid, "it waits for what has no time limit");
	else
		ret->start_usec = wall_of(f, ret->start_usec);
}

/* -- what would make it start now ----------------------------------------------------------------------------------- */

/* Behind those whose times this scheduler keeps. */
static void plan_for_passing(struct forecast *f)
{
	uint32_t keeps = f->core->policy.scheduler == CORE_EASY ? 1 : f->core->policy.scheduler == CORE_CONSERVATIVE ? f->core->policy.backfill_depth : 0;

	plan_make(f->core, f->now, &f->front[0]->job, &f->plan);
	suspend_promise(f->core, f->now, &f->plan);
	for (uint32_t i = 0; i < MIN_OF(keeps, f->at); i++) {
		if (f->front[i]->job.reservation)
			continue;
		struct plan_need need = plan_need(f->core, &f->plan, &f->front[i]->job, i == 0);
		int64_t at = plan_earliest(&f->plan, &need, f->now.boot_usec);

		if (at != USEC_NEVER)
			plan_promise(&f->plan, at, &need);
	}
	f->need = plan_need(f->core, &f->plan, &f->e->job, false);
}

static bool is_there(const struct forecast *f, uint64_t cpus, uint64_t mem, int32_t priority)
{
	struct mscg_job job = f->e->job;

	job.priority = priority;
	return reserve_available(f->core, &job, true) >= cpus && reserve_mem_free(f->core, &job) >= mem &&
	       gres_fits(f->core, gres_need_of(f->core, &f->e->job));
}

static bool would_pass(const struct forecast *f, struct plan_need need)
{
	return is_there(f, need.cpus, need.mem, f->e->job.priority) && plan_fits_now(&f->plan, &need);
}

static void try_priority(struct forecast *f)
{
	const struct mscg_job *job = &f->e->job;
	struct core_change *c;
	char id[MSCG_ID_TEXT];
	int32_t top = f->front[0]->job.priority;
	uint32_t limit = job->time_limit_s;

	if (f->at == 0 || !reserve_lets(f->core, job, &limit) || top == INT32_MAX || !is_there(f, queue_least(f->core, job), job->mem_bytes, top + 1))
		return;
	c = suggest(f, "a priority above %d, that of job %s: it would be the first", top, mscg_id_format(f->front[0]->job.id, id));
	if (c) {
		c->has_priority = true;
		c->priority = top + 1;
	}
}

static void try_cpus(struct forecast *f)
{
	const struct mscg_job *job = &f->e->job;
	uint32_t unit = pool_of(job) == POOL_EXCLUSIVE ? CPU : CPU / 10;
	uint32_t low = job->flags & MSCG_JOB_ELASTIC ? job->min_cpus_milli : unit;
	struct plan_need need = f->need;
	struct core_change *c;
	char n[32];

	for (uint32_t most = (uint32_t)MIN_OF(queue_available(f->core, pool_of(job), job->priority, true), job->cpus_milli - 1); most >= low;
	     most -= unit) {
		need.cpus = most - most % unit;
		if (need.cpus && would_pass(f, need)) {
			c = suggest(f, "%s CPU%s instead of %s", format_cpus((uint32_t)need.cpus, n, sizeof n), need.cpus == CPU ? "" : "s",
			            format_cpus(job->cpus_milli, (char[32]){0}, 32));
			if (c)
				c->cpus_milli = (uint32_t)need.cpus;
			return;
		}
		if (most < low + unit)
			return;
	}
}

static void try_memory(struct forecast *f)
{
	struct plan_need need = f->need;
	uint64_t free_mem = reserve_mem_free(f->core, &f->e->job);
	struct core_change *c;
	char a[32], b[32];

	if (free_mem >= need.mem || free_mem < MEM_MIN)
		return;
	need.mem = free_mem >> 20 << 20;
	if (!would_pass(f, need))
		return;
	c = suggest(f, "%s of memory instead of %s", format_size(need.mem, a, sizeof a), format_size(f->e->job.mem_bytes, b, sizeof b));
	if (c)
		c->mem_bytes = need.mem;
}

/* What is asked for is a little less than the most: until it is asked for, time goes on. */
static int64_t time_to_type(int64_t limit)
{
	return limit > 600 ? 60 : limit > 60 ? 10 : limit / 10;
}

/* It is there, and promised to others from some time on. */
static void try_limit(struct forecast *f)
{
	const struct mscg_job *job = &f->e->job;
	int64_t until = plan_obstacle(&f->plan, &f->need), limit;
	struct core_change *c;
	char a[64];

	if (until == USEC_NEVER || !is_there(f, f->need.cpus, f->need.mem, job->priority))
		return;
	limit = (until - f->now.boot_usec) / USEC_PER_SEC - job->grace_s;
	if (limit <= 0)
		return;
	c = suggest(f, "a time limit of %s at most (and %u s of grace): it would be over when those before it start",
	            format_elapsed((uint64_t)limit, a, sizeof a), job->grace_s);
	if (c)
		c->time_limit_s = (uint32_t)MIN_OF(limit - time_to_type(limit), (int64_t)UINT32_MAX);
}

static void what_would_help(struct forecast *f)
{
	if (is_full(f->core))
		return;
	plan_for_passing(f);
	try_priority(f);
	if (f->core->policy.scheduler == CORE_FCFS && f->at)
		return;
	try_limit(f);
	try_cpus(f);
	try_memory(f);
}

/* What keeps it out of the queue is ended by one thing each. */
static void what_would_open(struct forecast *f)
{
	struct core_change *c = NULL;

	switch (f->ret->reason) {
	case MSCG_REASON_HELD_USER:
	case MSCG_REASON_HELD_ADMIN:
		c = suggest(f, "its release");
		if (c)
			c->release = true;
		break;
	case MSCG_REASON_BEGIN_TIME:
		if (f->e->job.begin_usec > f->now.real_usec) {
			f->ret->start_usec = f->e->job.begin_usec;
			c = suggest(f, "no time to begin");
			if (c)
				c->begin = true;
		}
		break;
	case MSCG_REASON_ARRAY_LIMIT:
		c = suggest(f, "more tasks of the array at a time than %u", f->e->array ? f->e->array->throttle : 0);
		if (c)
			c->throttle = f->e->array ? f->e->array->throttle + 1 : 0;
		break;
	case MSCG_REASON_DRAINED:
		suggest(f, "an operator's `mscg drain --undo`");
		break;
	case MSCG_REASON_RESERVATION:
		if (reserve_find(f->core, f->e->job.reservation))
			f->ret->start_usec = MAX_OF(reserve_find(f->core, f->e->job.reservation)->is.start_usec, f->now.real_usec);
		break;
	default:
		break;
	}
}

/* Said of what is not considered, beside its reason. */
static const char *const until_when[MSCG_REASON_COUNT] = {
	[MSCG_REASON_INFEASIBLE] = "it does not start while it asks for more than there is",
	[MSCG_REASON_HELD_USER] = "it takes its place when it is released",
	[MSCG_REASON_HELD_ADMIN] = "it takes its place when it is released",
	[MSCG_REASON_DEPENDENCY] = "it takes its place when that has happened",
	[MSCG_REASON_DEPENDENCY_NEVER] = "it does not start, unless its dependency is changed",
	[MSCG_REASON_DRAINED] = "nothing is started before that is undone",
};

bool core_foresee(const struct core *core, struct mscg_id id, struct core_now now, struct core_forecast *ret)
{
	struct forecast f = {.core = core, .now = now, .ret = ret, .e = entry_find(core, id)};

	*ret = (struct core_forecast){.start_usec = USEC_NEVER};
	ret->reason = core_why(core, id, now, ret->text);
	if (!f.e && core_task_waits(core, id))
		f.e = ids_get(&core->jobs, id.job);
	if (!f.e || f.e->job.state != MSCG_STATE_PENDING)
		return false;
	if (f.e->shape && f.e->shape->listed && !core->drained) {
		find_place(&f);
		if (f.at < f.front_n) {
			when(&f);
			what_would_help(&f);
		} else {
			snprintf(ret->unsaid, sizeof ret->unsaid, "more than %u are before it", FRONT_MAX);
		}
	} else {
		what_would_open(&f);
		if (ret->start_usec == USEC_NEVER)
			snprintf(ret->unsaid, sizeof ret->unsaid, "%s", until_when[ret->reason] ? until_when[ret->reason] : "it takes its place when that is over");
	}
	free(f.front);
	plan_clear(&f.plan);
	return true;
}
