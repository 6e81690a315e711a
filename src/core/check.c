/* The invariants, by a walk of everything. For tests. */
#include "src/core/internal.h"

struct census {
	const struct core *core;
	struct mscg_error *error;
	struct ids users; /* what is counted here for each */
	uint64_t count[MSCG_STATE_COUNT], mem, indexed, timers, elastic, granted, room[POOL_COUNT], deficit[POOL_COUNT], owed[POOL_COUNT];
	int64_t  shared;
	uint64_t gres[CORE_GRES_MAX]; /* devices held, of each kind */
	int64_t  gres_held[GRES_ACCOUNTS];
	uint64_t gres_jobs; /* that have asked for some */
	uint64_t totals; /* jobs of each QOS and of each partition that hold something */
	uint32_t mem_moving, mem_short;
	bool     waits; /* some job waits for a shrink to be started */
};

#define BAD(c, ...) mscg_error_set((c)->error, -EBADMSG, __VA_ARGS__)

static const char *name(const struct entry *e)
{
	static char text[4][MSCG_ID_TEXT];
	static unsigned i;

	return mscg_id_format(e->job.id, text[i++ % 4]);
}

static int check_cpus(struct census *c, const struct entry *e)
{
	const struct core *core = c->core;
	const struct mscg_cpuset *set = &share_of(e)->cpus;
	bool settled = !e->live->flight && !e->live->unsure;

	for (unsigned cpu = mscg_cpuset_next(set, 0); cpu < MSCG_CPUS_MAX; cpu = mscg_cpuset_next(set, cpu + 1)) {
		if (!place_has(&core->place, cpu)) {
			settled = false;
			continue;
		}
		if (core->holder[cpu] != e && core->claim[cpu] != e)
			return BAD(c, "CPU %u is in the grant of job %s and not in its name", cpu, name(e));
	}
	if (settled && mscg_cpuset_count(set) * CPU != share_of(e)->cpu_milli)
		return BAD(c, "job %s holds %u CPUs, its grant says %u", name(e), mscg_cpuset_count(set), share_of(e)->cpu_milli);
	return 0;
}

static int check_size(struct census *c, const struct entry *e)
{
	const struct mscg_job *job = &e->job;

	if (e->live->flight || e->live->unsure || e->live->hurt)
		return 0;
	if (job->state == MSCG_STATE_SUSPENDED && share_of(e)->cpu_milli)
		return BAD(c, "job %s stands still and holds %u", name(e), share_of(e)->cpu_milli);
	if (share_of(e)->cpu_milli != job->current_cpus_milli || share_of(e)->mem_bytes != job->mem_bytes)
		return BAD(c, "job %s has %u, its grant says %u", name(e), job->current_cpus_milli, share_of(e)->cpu_milli);
	if (mem_moves(job) && (job->mem_bytes < mem_least(job) || job->mem_bytes > mem_most(job)))
		return BAD(c, "job %s has %" PRIu64 " of memory: expected %" PRIu64 " to %" PRIu64, name(e), job->mem_bytes, mem_least(job), mem_most(job));
	if (job->state == MSCG_STATE_SUSPENDED || (job->state == MSCG_STATE_COMPLETING && !job->current_cpus_milli))
		return 0;
	if (job->current_cpus_milli < job->min_cpus_milli || job->current_cpus_milli > job->max_cpus_milli)
		return BAD(c, "job %s has %u: expected %u to %u", name(e), job->current_cpus_milli, job->min_cpus_milli,
		           job->max_cpus_milli);
	return 0;
}

static struct user *user_of(struct census *c, const struct entry *e)
{
	struct user *u = ids_get(&c->users, e->job.uid);

	if (!u) {
		u = xcalloc(1, sizeof *u);
		ids_set(&c->users, e->job.uid, u);
	}
	return u;
}

/* Devices of one name that a job has: of the machine's, nobody else's, and not free. */
static int check_units(struct census *c, const struct entry *e, const struct gres_part *part)
{
	const struct gres_books *b = &c->core->gres;

	for (uint32_t i = 0; i < b->kinds; i++) {
		const struct gres_kind *k = &b->kind[i];
		uint64_t units = streq(k->name, part->name) ? part->units & k->units : 0;

		if (units & (c->gres[i] | k->free))
			return BAD(c, "job %s has %s, some of which is free or somebody else's", name(e), share_of(e)->gres);
		c->gres[i] |= units;
	}
	return 0;
}

static int check_gres(struct census *c, const struct entry *e)
{
	const struct gres_need *need = gres_request(c->core, e->job.gres);
	struct gres granted;
	uint32_t asked = 0, given = 0, held[GRES_ACCOUNTS];
	int r = 0;

	if (!share_of(e)->gres != !e->job.gres || gres_granted_parse(share_of(e)->gres, &granted) < 0)
		return BAD(c, "job %s asked for %s and has %s", name(e), e->job.gres, share_of(e)->gres);
	for (uint32_t i = 0; need && i < need->gres.n; i++)
		asked += need->gres.part[i].n;
	for (uint32_t i = 0; i < granted.n && r == 0; i++) {
		given += granted.part[i].n;
		if (granted.part[i].units && (uint32_t)__builtin_popcountll(granted.part[i].units) != granted.part[i].n)
			return BAD(c, "job %s has %s: that is another number", name(e), share_of(e)->gres);
		r = check_units(c, e, &granted.part[i]);
	}
	if (given != asked)
		return BAD(c, "job %s asked for %s and has %s", name(e), e->job.gres, share_of(e)->gres);
	gres_held(c->core, share_of(e)->gres, held);
	for (uint32_t a = 0; a < c->core->gres.accounts; a++)
		c->gres_held[a] += held[a];
	return r;
}

/* What nobody has is free, and counted so. */
static int check_free_gres(struct census *c)
{
	const struct gres_books *b = &c->core->gres;
	uint64_t jobs = 0;

	for (uint32_t i = 0; i < b->kinds; i++)
		if ((c->gres[i] | b->kind[i].free) != b->kind[i].units)
			return BAD(c, "some of %s is lost", b->kind[i].name);
	for (uint32_t i = 0; i < b->accounts; i++) {
		const struct gres_account *a = &b->account[i];

		if (a->free != (int64_t)a->total - c->gres_held[i] || (!c->core->squeezed && a->free < 0))
			return BAD(c, "%" PRId64 " of %s:%s are counted as free, of %u, %" PRId64 " are held", a->free, a->name, a->type, a->total,
			           c->gres_held[i]);
		if (!(b->gone >> i & 1) != (a->free > 0))
			return BAD(c, "%s:%s is %s", a->name, a->type, a->free > 0 ? "said to be gone" : "gone and nobody says so");
	}
	for (uint32_t i = 0; i < b->needs; i++)
		jobs += b->need[i]->jobs;
	return jobs == c->gres_jobs ? 0 : BAD(c, "%" PRIu64 " jobs ask for generic resources, counted %" PRIu64, c->gres_jobs, jobs);
}

static int check_granted(struct census *c, const struct entry *e)
{
	int r = 0;

	if (!holds(e) || !e->live)
		return BAD(c, "job %s is %s and holds nothing", name(e), mscg_state_name(e->job.state));
	c->mem += share_of(e)->mem_bytes;
	user_add(user_of(c, e), e->job.qos, &(struct have){.running = 1, .cpus = user_cpus(e), .mem = share_of(e)->mem_bytes});
	r = check_gres(c, e);
	if (r < 0)
		return r;
	c->granted++;
	c->mem_moving += mem_moves(&e->job);
	c->mem_short += e->live->mem_short;
	if (!e->job.run->mem_asked_bytes != !mem_moves(&e->job) || mem_asked(&e->job) < mem_least(&e->job) || mem_asked(&e->job) > mem_most(&e->job))
		return BAD(c, "job %s asked for %" PRIu64 " of memory, between %" PRIu64 " and %" PRIu64, name(e), mem_asked(&e->job), mem_least(&e->job),
		           mem_most(&e->job));
	c->waits |= e->live->after_n > 0;
	if (pool_of(&e->job) == POOL_SHARED)
		c->shared += share_of(e)->cpu_milli - (e->live->flight ? e->live->flight->pledged : 0);
	else
		r = check_cpus(c, e);
	if (!elastic_is_current(c->core, e))
		return BAD(c, "job %s: what it could give is out of date", name(e));
	if (e->live->listed) {
		c->elastic++;
		c->room[pool_of(&e->job)] += e->live->room;
		c->deficit[pool_of(&e->job)] += e->live->deficit;
		c->owed[pool_of(&e->job)] += e->live->owed;
	}
	return r < 0 ? r : check_size(c, e);
}

static int check_pending(struct census *c, const struct entry *e)
{
	if (holds(e) || e->job.current_cpus_milli)
		return BAD(c, "job %s waits and holds something", name(e));
	if (gate_check(c->core, e) < 0)
		return BAD(c, "job %s waits, %s the index", name(e), e->shape ? "in" : "not in");
	return 0;
}

static int check_job(struct census *c, const struct entry *e)
{
	if (e->node.bits & (ENTRY_DIRTY | ENTRY_ENDED))
		return BAD(c, "job %s was left dirty", name(e));
	c->count[e->job.state]++;
	user_add(user_of(c, e), e->job.qos, &(struct have){.submitted = 1});
	c->gres_jobs += e->job.gres != NULL;
	c->indexed += e->shape != NULL;
	if (e->live)
		c->timers += (e->live->deadline.at != USEC_NEVER) + (e->live->backoff.at != USEC_NEVER);
	if (mscg_state_is_final(e->job.state))
		return BAD(c, "job %s is final and still here", name(e));
	if (e->job.state == MSCG_STATE_PENDING)
		return check_pending(c, e);
	if (e->shape)
		return BAD(c, "job %s is %s and in the index", name(e), mscg_state_name(e->job.state));
	return check_granted(c, e);
}

static int check_record(struct census *c, const struct entry *e)
{
	const struct array *a = e->array;
	uint64_t active = 0;
	struct entry *task;
	int r;

	IDS_EACH(&a->tasks, index, task) {
		active++;
		if (task->array != a || task->job.id.task != index || task->job.id.job != e->job.id.job)
			return BAD(c, "task %s is in the wrong place", name(task));
		r = check_job(c, task);
		if (r < 0)
			return r;
	}
	c->gres_jobs += e->job.gres != NULL;
	if (active != a->active || mscg_ranges_count(a->range + a->first, a->n - a->first) != a->waiting)
		return BAD(c, "array %s counts %" PRIu64 " tasks as active", name(e), a->active);
	for (uint32_t i = a->first + 1; i < a->n; i++)
		if (a->range[i].first <= a->range[i - 1].last)
			return BAD(c, "array %s: its ranges are out of order", name(e));
	for (uint32_t i = 1; i < a->held_n; i++)
		if (a->held[i] <= a->held[i - 1])
			return BAD(c, "array %s: what is held of it is out of order", name(e));
	if (a->throttle && active > MAX_OF(a->throttle, a->excess))
		return BAD(c, "array %s: %" PRIu64 " tasks run, of %u that may", name(e), active, a->throttle);
	if (!(e->node.bits & ENTRY_EMPTY) && (gate_check(c->core, e) < 0 || (!array_left(a) && !a->active)))
		return BAD(c, "array %s: %s the index", name(e), e->shape ? "in" : "not in");
	if (e->live)
		c->timers += (e->live->deadline.at != USEC_NEVER) + (e->live->backoff.at != USEC_NEVER);
	c->count[MSCG_STATE_PENDING] += array_left(a);
	if (array_left(a))
		user_add(user_of(c, e), e->job.qos, &(struct have){.submitted = array_left(a)});
	c->indexed += e->shape != NULL;
	return 0;
}

/* In order, and heavier above lighter? */
static int check_jobs(struct census *c, const struct shape *s, const struct tnode *node, const struct mscg_job **last)
{
	const struct entry *e;
	int r;

	if (!node)
		return 0;
	r = check_jobs(c, s, node->left, last);
	if (r < 0)
		return r;
	e = container_of(node, struct entry, node);
	if (e->shape != s || (*last && !queue_in_order(c->core, *last, &e->job)))
		return BAD(c, "job %s is out of order", name(e));
	if (!*last && s->head != e)
		return BAD(c, "job %s is the first of its shape and not its head", name(e));
	*last = &e->job;
	c->indexed--;
	return check_jobs(c, s, node->right, last);
}

static int check_queue(struct census *c)
{
	const struct queue *q = &c->core->queue;

	for (uint32_t i = 0; i < q->buckets; i++)
		for (const struct shape *s = q->bucket[i]; s; s = s->next) {
			const struct mscg_job *last = NULL;
			int r = check_jobs(c, s, s->jobs, &last);

			if (r < 0)
				return r;
			if (s->partition != (s->head ? partition_of(&c->core->policy, &s->head->job) : 0))
				return BAD(c, "a shape of %u CPUs is of another partition than its first job", s->cpus);
			if (!s->user != !(users_limited(&c->core->policy) && s->head && s->head->job.uid))
				return BAD(c, "a shape of %u CPUs is %s of one user", s->cpus, s->user ? "" : "not");
			if (!s->head || s->listed != (s->feasible && (!s->reservation || reserve_allows(c->core, s)) && !(s->assoc && s->assoc->over) &&
			                             qos_there(c->core, s->qos) && partition_starts(c->core, s->partition) && totals_may_start(c->core, s) &&
			                             (!s->user || user_may_start(c->core, s->user, s->qos, s->cpus, s->mem))))
				return BAD(c, "a shape of %u CPUs is empty or not listed", s->cpus);
		}
	return c->indexed ? BAD(c, "%" PRIu64 " jobs think that they are in the index", c->indexed) : 0;
}

static int check_holders(struct census *c)
{
	const struct core *core = c->core;

	for (unsigned cpu = 0; cpu < core->cpu_limit; cpu++) {
		const struct entry *h = core->holder[cpu], *w = core->claim[cpu];

		if (!place_has(&core->place, cpu) && !h && !w)
			continue;
		if (mscg_cpuset_has(&core->place.free, cpu) != !h)
			return BAD(c, "CPU %u is %s free and held by %s", cpu, h ? "" : "not", h ? name(h) : "nobody");
		if (h && (!holds(h) || !mscg_cpuset_has(&share_of(h)->cpus, cpu)))
			return BAD(c, "CPU %u is held by job %s, which does not know", cpu, name(h));
		if (w && (!h || w == h || !holds(w) || !mscg_cpuset_has(&share_of(w)->cpus, cpu)))
			return BAD(c, "CPU %u is claimed by job %s in vain", cpu, name(w));
	}
	return mscg_cpuset_count(&core->place.free) == core->place.nfree ? 0 : BAD(c, "free CPUs are miscounted");
}

static uint64_t count_nodes(const struct tnode *node)
{
	return node ? 1 + count_nodes(node->left) + count_nodes(node->right) : 0;
}

static bool has_same(const struct have *a, const struct have *b)
{
	return a->submitted == b->submitted && a->running == b->running && a->cpus == b->cpus && a->mem == b->mem;
}

/* What `a` has in each QOS, `b` has too. */
static bool has_same_in(const struct user *a, const struct user *b)
{
	static const struct have nothing;

	for (uint32_t i = 0; i < a->in_n; i++) {
		const struct have *same = &nothing;

		for (uint32_t j = 0; j < b->in_n; j++)
			same = b->in[j].qos == a->in[i].qos ? &b->in[j] : same;
		if (!has_same(&a->in[i], same))
			return false;
	}
	return true;
}

static int check_users(struct census *c)
{
	struct user *u, *mine;
	uint64_t n = 0, counted = 0;

	IDS_EACH(&c->core->users, uid, u)
		n++;
	IDS_EACH(&c->users, uid, mine) {
		u = ids_get(&c->core->users, (uint32_t)uid);
		counted++;
		if (!u || !has_same(&u->all, &mine->all))
			return BAD(c, "user %" PRIu64 ": %" PRIu64 " jobs of which %" PRIu64 " run, counted %" PRIu64 " and %" PRIu64, uid,
			           mine->all.submitted, mine->all.running, u ? u->all.submitted : 0, u ? u->all.running : 0);
		if (!has_same_in(u, mine) || !has_same_in(mine, u))
			return BAD(c, "user %" PRIu64 ": jobs in a QOS are miscounted", uid);
	}
	if (users_over(c->core) && !c->core->exceeded)
		return BAD(c, "a user has more than a user may have");
	return n == counted ? 0 : BAD(c, "%" PRIu64 " users have jobs, counted %" PRIu64, counted, n);
}

static int check_total(struct census *c, const struct total *t)
{
	uint64_t running = 0, cpus = 0, mem = 0;

	for (const struct live *l = c->core->granted; l; l = l->granted_next) {
		const struct mscg_job *job = &l->entry->job;

		if (!holds(l->entry) || (t->kind == TOTAL_QOS ? job->qos : job->partition) != t->key)
			continue;
		running++;
		cpus += user_cpus(l->entry);
		mem += share_of(l->entry)->mem_bytes;
	}
	if (running != t->running || cpus != t->cpus || mem != t->mem)
		return BAD(c, "%s %u: %" PRIu64 " jobs have %" PRIu64 " CPUs, counted %" PRIu64 " with %" PRIu64,
		           t->kind == TOTAL_QOS ? "QOS" : "partition", t->key, t->running, t->cpus, running, cpus);
	c->totals += running;
	return 0;
}

/* What all jobs of a QOS or partition have. */
static int check_aggregates(struct census *c)
{
	const struct core *core = c->core;
	struct total *t;
	int r = 0;

	for (enum total_kind kind = 0; kind < TOTAL_KINDS; kind++)
		IDS_EACH(&core->totals[kind], key, t)
			r = r == 0 ? check_total(c, t) : r;
	for (const struct live *l = core->granted; l; l = l->granted_next)
		if (holds(l->entry))
			c->totals -= (uint64_t)(l->entry->job.qos != 0) + (l->entry->job.partition != 0);
	if (r == 0 && c->totals)
		return BAD(c, "jobs of a QOS or partition are miscounted");
	return r == 0 && totals_over(core) && !core->exceeded ? BAD(c, "a QOS or partition has more than it may have") : r;
}

static int check_totals(struct census *c)
{
	const struct core *core = c->core;

	if (c->mem != core->mem_held || (!core->squeezed && core->mem_held > core->mem_total))
		return BAD(c, "memory: %" PRIu64 " granted, %" PRIu64 " booked of %" PRIu64, c->mem, core->mem_held, core->mem_total);
	if (c->mem_moving != core->mem_moving || c->mem_short != core->mem_short)
		return BAD(c, "%u jobs have memory that moves, %u of them are short: counted %u and %u", c->mem_moving, c->mem_short,
		           core->mem_moving, core->mem_short);
	if ((int64_t)core->shared_total - c->shared != core->shared_free || (core->shared_free < 0 && !c->waits && !core->squeezed))
		return BAD(c, "shared CPUs: %" PRId64 " granted, %" PRId64 " free of %" PRIu64, c->shared, core->shared_free,
		           core->shared_total);
	for (const struct live *l = core->granted; l; l = l->granted_next)
		c->granted -= holds(l->entry);
	if (c->granted)
		return BAD(c, "those that hold something are miscounted");
	for (int s = 0; s < MSCG_STATE_COUNT; s++)
		if (!mscg_state_is_final((enum mscg_state)s) && c->count[s] != core->count[s])
			return BAD(c, "%" PRIu64 " jobs are %s, counted %" PRIu64, c->count[s], mscg_state_name((enum mscg_state)s),
			           core->count[s]);
	if (count_nodes(core->timers) != c->timers)
		return BAD(c, "%" PRIu64 " timers are set, %" PRIu64 " in the tree", c->timers, count_nodes(core->timers));
	if (count_nodes(core->elastic[0]) + count_nodes(core->elastic[1]) != c->elastic)
		return BAD(c, "elastic jobs are miscounted");
	for (int p = 0; p < POOL_COUNT; p++)
		if (c->room[p] != core->room[p] || c->deficit[p] != core->deficit[p] || c->owed[p] != core->owed[p])
			return BAD(c, "room to grow is miscounted");
	return 0;
}

int core_check(const struct core *core, struct mscg_error *error)
{
	struct census c = {.core = core, .error = error};
	struct entry *e;
	struct user *u;
	int r = 0;

	if (core->broken)
		return BAD(&c, "%s", core->broken_text);
	IDS_EACH(&core->jobs, id, e) {
		if (r == 0)
			r = e->job.id.job != id ? BAD(&c, "job %s is in the wrong place", name(e)) :
			    is_record(e) ? check_record(&c, e) : check_job(&c, e);
	}
	if (r == 0)
		r = check_holders(&c);
	if (r == 0)
		r = check_queue(&c);
	if (r == 0)
		r = check_users(&c);
	if (r == 0)
		r = check_aggregates(&c);
	if (r == 0)
		r = check_totals(&c);
	if (r == 0)
		r = check_free_gres(&c);
	if (r == 0)
		r = reserve_check(core, error);
	IDS_EACH(&c.users, uid, u)
		user_free(u);
	ids_free(&c.users);
	return r;
}
