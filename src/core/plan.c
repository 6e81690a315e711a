/* What will be free when, if everybody takes the whole of his time: what runs until its time limit and the grace time
 * after that, what has no limit for ever. CPUs, memory, devices, and places for jobs (max-jobs). A list of points, each good
 * until the next; what is promised is taken out of it. */
#include "src/core/internal.h"

#define SOON USEC_PER_SEC /* what is being killed, or is late */

struct plan_end {
	int64_t   at;
	uint64_t  cpus, mem;
	enum pool pool;
	uint32_t  jobs;
	const char *gres; /* granted */
};

int64_t plan_span(uint32_t time_limit_s, uint32_t grace_s)
{
	return time_limit_s ? ((int64_t)time_limit_s + grace_s) * USEC_PER_SEC : USEC_NEVER;
}

static int64_t after(int64_t at, int64_t span)
{
	return span == USEC_NEVER ? USEC_NEVER : at + span;
}

int64_t plan_latest_end(const struct entry *e, struct core_now now)
{
	const struct live *l = e->live;
	int64_t begin = e->job.flags & MSCG_JOB_STARTED ? l->started_boot : now.boot_usec;
	int64_t at = after(begin, plan_span(e->job.time_limit_s, e->job.grace_s)), over;
	bool dying = e->job.state == MSCG_STATE_COMPLETING || e->job.flags & MSCG_JOB_KILLED;

	if (e->job.state == MSCG_STATE_SUSPENDED && at != USEC_NEVER) /* the time that it was does not count */
		at += now.boot_usec - l->suspended_boot;
	if (dying)
		return *e->job.run->fail_text ? USEC_NEVER : now.boot_usec + SOON; /* one that can not be killed says so there */
	if (e->job.flags & JOB_ENDING && l->deadline.at != USEC_NEVER)
		at = l->deadline.at;
	if (e->job.deadline_usec) {
		over = now.boot_usec + (e->job.deadline_usec - now.real_usec) + e->job.grace_s * USEC_PER_SEC;
		at = MIN_OF(at, over);
	}
	return at == USEC_NEVER ? at : MAX_OF(at, now.boot_usec + SOON);
}

/* CPUs that come free with its end and are not counted as to be had before. */
static uint64_t size_of(const struct entry *e, const struct mscg_job *head)
{
	const struct live *l = e->live;
	uint64_t size = l->flight && l->flight->for_others ? l->flight->cpus : share_of(e)->cpu_milli, gives = 0;

	if (l->listed)
		gives = l->own.lent_later + (e->job.priority < head->priority ? l->own.yield_later : 0);
	return size > gives ? size - gives : 0;
}

/* Up to its --cpus it is before those behind it. */
static uint64_t owed_before(const struct entry *e, const struct mscg_job *head)
{
	return e->live->listed && queue_before(&e->job, head) ? e->live->owed : 0;
}

/* It stands still, for nobody knows how long, or will at once: its memory is not to be had, what it has of CPUs is. */
static bool stands(const struct entry *e)
{
	return e->job.state == MSCG_STATE_SUSPENDED && !(e->job.flags & MSCG_JOB_KILLED) && !(e->live->flight && e->live->flight->resumes);
}

static struct plan_end end_of(const struct entry *e, struct core_now now, const struct mscg_job *head)
{
	struct plan_end end = {plan_latest_end(e, now), size_of(e, head), share_of(e)->mem_bytes, pool_of(&e->job), 1, NULL};

	if (stands(e)) {
		end.at = end.cpus ? now.boot_usec + SOON : USEC_NEVER;
		end.mem = end.jobs = 0;
	} else {
		end.gres = share_of(e)->gres;
	}
	return end;
}

static int by_end(const void *a, const void *b)
{
	const struct plan_end *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

static int64_t *gres_at(const struct plan *p, uint32_t i)
{
	return p->gres + (size_t)i * p->accounts;
}

/* The point at `i` is new, and as the one before it. */
static void insert_gres(struct plan *p, uint32_t i)
{
	size_t row = p->accounts * sizeof *p->gres;

	if (p->gres_cap < p->cap * p->accounts) {
		p->gres_cap = p->cap * p->accounts;
		p->gres = xreallocarray(p->gres, p->gres_cap, sizeof *p->gres);
	}
	memmove(gres_at(p, i + 1), gres_at(p, i), (p->n - 1 - i) * row);
	if (i)
		memcpy(gres_at(p, i), gres_at(p, i - 1), row);
	else
		memset(gres_at(p, i), 0, row);
}

static void give_gres(const struct core *core, const struct plan *p, uint32_t i, const char *granted)
{
	uint32_t held[GRES_ACCOUNTS];

	gres_held(core, granted, held);
	for (uint32_t a = 0; a < p->accounts; a++)
		gres_at(p, i)[a] += held[a];
}

static void take_gres(const struct plan *p, uint32_t i, const struct gres_need *need)
{
	for (uint32_t a = 0; a < p->accounts; a++)
		gres_at(p, i)[a] -= need->n[a];
}

static void add_point(struct plan *p, int64_t at)
{
	struct plan_point *last = p->n ? &p->point[p->n - 1] : NULL;

	if (last && last->at == at)
		return;
	GROW(p->point, p->n, p->cap);
	p->point[p->n] = p->n ? p->point[p->n - 1] : (struct plan_point){0};
	p->point[p->n++].at = at;
	if (p->accounts)
		insert_gres(p, p->n - 1);
}

static void add_ends(const struct core *core, struct plan *p, struct plan_end *ends, uint32_t n)
{
	struct plan_point *last;

	if (n)
		qsort(ends, n, sizeof *ends, by_end);
	for (uint32_t i = 0; i < n; i++) {
		add_point(p, ends[i].at);
		last = &p->point[p->n - 1];
		last->cpus[ends[i].pool] += (int64_t)ends[i].cpus;
		last->mem += (int64_t)ends[i].mem;
		last->jobs += ends[i].jobs;
		if (ends[i].gres)
			give_gres(core, p, p->n - 1, ends[i].gres);
	}
}

void plan_make(const struct core *core, struct core_now now, const struct mscg_job *head, struct plan *p)
{
	struct plan_end *ends = NULL;
	uint32_t n = 0, cap = 0;

	p->n = 0;
	p->accounts = core->gres.accounts;
	p->priority = head->priority;
	add_point(p, now.boot_usec);
	p->point->mem = (int64_t)book_mem_free(core);
	p->point->jobs = jobs_left(core);
	for (uint32_t i = 0; i < p->accounts; i++)
		p->gres[i] = core->gres.account[i].free;
	for (enum pool pool = 0; pool < POOL_COUNT; pool++)
		p->point->cpus[pool] = (int64_t)queue_available(core, pool, head->priority, true);
	for (const struct live *l = core->granted; l; l = l->granted_next) {
		const struct entry *e = l->entry;
		uint64_t owed = owed_before(e, head);
		struct plan_end end = end_of(e, now, head);

		if (e->job.reservation && reserve_find(core, e->job.reservation))
			owed = end.cpus = end.mem = 0; /* that goes back there */
		p->point->cpus[pool_of(&e->job)] -= (int64_t)owed;
		if (end.at == USEC_NEVER)
			continue;
		end.cpus += owed;
		GROW(ends, n, cap);
		ends[n++] = end;
	}
	add_ends(core, p, ends, n);
	free(ends);
	reserve_block(core, now, p, false);
}

/* What it keeps when all others are served; one that is about to go on is elastic again when it does. */
static uint64_t least_held(const struct core *core, const struct entry *e)
{
	uint32_t size = share_of(e)->cpu_milli;
	bool resumes = e->job.state == MSCG_STATE_SUSPENDED && e->job.flags & MSCG_JOB_ELASTIC && !(e->job.flags & (JOB_ENDING | MSCG_JOB_KILLED));

	if (!e->live->listed && !resumes)
		return size;
	return MIN_OF(size, core->policy.elastic ? e->job.min_cpus_milli : e->job.cpus_milli);
}

void plan_make_least(const struct core *core, struct core_now now, struct plan *p)
{
	struct plan_end *ends = NULL;
	uint32_t n = 0, cap = 0;

	p->n = 0;
	p->accounts = 0;
	p->priority = INT32_MIN;
	add_point(p, now.boot_usec);
	p->point->mem = (int64_t)core->mem_total;
	for (enum pool pool = 0; pool < POOL_COUNT; pool++)
		p->point->cpus[pool] = (int64_t)book_total(core, pool);
	for (const struct live *l = core->granted; l; l = l->granted_next) {
		const struct entry *e = l->entry;
		struct plan_end end = {plan_latest_end(e, now), least_held(core, e), share_of(e)->mem_bytes, pool_of(&e->job), 1, NULL};

		if (e->job.reservation && reserve_find(core, e->job.reservation))
			continue;
		if (stands(e)) {
			end.at = USEC_NEVER;
			end.cpus = 0;
		}
		p->point->cpus[end.pool] -= (int64_t)end.cpus;
		p->point->mem -= (int64_t)end.mem;
		if (end.at == USEC_NEVER)
			continue;
		GROW(ends, n, cap);
		ends[n++] = end;
	}
	add_ends(core, p, ends, n);
	free(ends);
	reserve_block(core, now, p, true);
}

void plan_clear(struct plan *p)
{
	free(p->point);
	free(p->gres);
	*p = (struct plan){0};
}

static bool gres_fit(const struct plan *p, uint32_t i, const struct gres_need *need)
{
	for (uint32_t a = 0; a < p->accounts; a++)
		if (need->n[a] && need->n[a] > gres_at(p, i)[a])
			return false;
	return true;
}

static bool fits(const struct plan *p, uint32_t i, const struct plan_need *need)
{
	const struct plan_point *point = &p->point[i];

	return point->cpus[need->pool] >= (int64_t)(need->cpus + need->beyond) && point->mem >= (int64_t)need->mem &&
	       (!need->begins || point->jobs > 0) && (!need->gres || gres_fit(p, i, need->gres));
}

/* The first point from `i` on at which it does not fit before `end`; p->n: there is none. */
static uint32_t obstacle(const struct plan *p, uint32_t i, int64_t end, const struct plan_need *need)
{
	for (; i < p->n && p->point[i].at < end; i++)
		if (!fits(p, i, need))
			return i;
	return p->n;
}

int64_t plan_earliest(const struct plan *p, const struct plan_need *need, int64_t not_before)
{
	uint32_t i = 0;

	while (i < p->n && p->point[i].at < not_before)
		i++;
	while (i < p->n) {
		uint32_t bad = obstacle(p, i, after(p->point[i].at, need->span), need);

		if (bad == p->n)
			return p->point[i].at;
		i = bad + 1;
	}
	return USEC_NEVER;
}

int64_t plan_obstacle(const struct plan *p, const struct plan_need *need)
{
	uint32_t bad = obstacle(p, 0, after(p->point[0].at, need->span), need);

	return bad == p->n ? USEC_NEVER : p->point[bad].at;
}

uint64_t plan_mem_free(const struct plan *p, const struct entry *e, struct core_now now)
{
	int64_t end = plan_latest_end(e, now), least = p->point[0].mem;

	for (uint32_t i = 1; i < p->n && p->point[i].at < end; i++)
		least = MIN_OF(least, p->point[i].mem);
	return least > 0 ? (uint64_t)least : 0;
}

bool plan_fits_now(const struct plan *p, const struct plan_need *need)
{
	return plan_obstacle(p, need) == USEC_NEVER;
}

/* The point at `at`, made if it is not there. The first is never behind it. */
static uint32_t cut(struct plan *p, int64_t at)
{
	uint32_t i = p->n;

	while (i && p->point[i - 1].at > at)
		i--;
	if (p->point[i - 1].at == at)
		return i - 1;
	GROW(p->point, p->n, p->cap);
	memmove(&p->point[i + 1], &p->point[i], (p->n - i) * sizeof *p->point);
	p->n++;
	p->point[i] = p->point[i - 1];
	p->point[i].at = at;
	if (p->accounts)
		insert_gres(p, i);
	return i;
}

void plan_promise(struct plan *p, int64_t at, const struct plan_need *need)
{
	uint32_t from = cut(p, at), to = need->span == USEC_NEVER ? p->n : cut(p, at + need->span);

	for (uint32_t i = from; i < to; i++) {
		p->point[i].cpus[need->pool] -= need->cpus;
		p->point[i].mem -= (int64_t)need->mem;
		p->point[i].jobs -= need->begins;
		if (need->gres)
			take_gres(p, i, need->gres);
	}
}

void plan_block(struct plan *p, const struct plan_block *b)
{
	uint32_t i = cut(p, MAX_OF(b->from, p->point[0].at)), to = cut(p, MAX_OF(b->until, p->point[0].at));

	for (; i < to; i++) {
		p->point[i].cpus[POOL_EXCLUSIVE] -= (int64_t)b->cpus - (int64_t)b->used_cpus;
		p->point[i].mem -= (int64_t)b->mem - (int64_t)b->used_mem;
	}
	for (i = to; i < p->n; i++) {
		p->point[i].cpus[POOL_EXCLUSIVE] += (int64_t)b->used_cpus;
		p->point[i].mem += (int64_t)b->used_mem;
	}
}

struct plan_need plan_need(const struct core *core, const struct plan *p, const struct mscg_job *job, bool least)
{
	enum pool pool = pool_of(job);

	return (struct plan_need){
		.cpus = least ? queue_least(core, job) : job->cpus_milli,
		.mem = mem_needed(job),
		.pool = pool,
		.gres = gres_need_of(core, job),
		.span = plan_span(job->time_limit_s, job->grace_s),
		.begins = job->state == MSCG_STATE_PENDING,
		.beyond = job->priority >= p->priority ? 0 :
		          elastic_takeable(core, pool, p->priority, true) - elastic_takeable(core, pool, job->priority, true),
	};
}
