/* Growing and shrinking by the core's own decision.
 *
 * What a job holds above its --cpus is lent: whoever waits gets it back at once. Between --min-cpus and --cpus it
 * yields only to a higher priority. The elastic jobs of a pool hang in a tree, lowest priority first, that sums up what
 * they could give: how much a waiting job could have is one walk down, however many run. */
#include "src/core/internal.h"

static struct live *live_at(const struct tnode *node)
{
	return container_of(node, struct live, elastic);
}

/* Lowest priority first, and of equal ones the youngest. */
static int by_weakness(const struct tnode *a, const struct tnode *b)
{
	return queue_before(&live_at(a)->entry->job, &live_at(b)->entry->job) ? 1 : -1;
}

static void add(struct sums *to, const struct sums *s)
{
	to->lent += s->lent;
	to->yield += s->yield;
	to->lent_later += s->lent_later;
	to->yield_later += s->yield_later;
}

static void sum_up(struct tnode *node)
{
	struct live *l = live_at(node);

	l->all = l->own;
	if (node->left)
		add(&l->all, &live_at(node->left)->all);
	if (node->right)
		add(&l->all, &live_at(node->right)->all);
}

static const struct treap_type by_victim = {by_weakness, sum_up};

/* -- the tree ----------------------------------------------------------------------------------------------------- */

/* It could be asked for CPUs now or soon. */
static bool is_elastic(const struct entry *e)
{
	return e->job.flags & MSCG_JOB_ELASTIC && e->job.state == MSCG_STATE_RUNNING && holds(e) &&
	       !(e->job.flags & (JOB_ENDING | MSCG_JOB_KILLED));
}

/* A shrink that this very step decided can still be made larger. Where others claim CPUs and none is under way, it was refused,
 * and they have not heard of it or still settle after a restart: nobody else is promised these. */
static bool can_shrink(const struct core *core, const struct entry *e)
{
	const struct flight *f = e->live->flight;

	if (f && f->step == core->step && f->for_others)
		return true;
	return resize_possible(e) && !book_is_claimed(core, e);
}

/* Whoever sets the size by hand finds it so afterwards; who asked to grow by need is not grown without. */
static uint32_t grows_to(const struct entry *e)
{
	const struct mscg_job *job = &e->job;

	if (job->flags & MSCG_JOB_BY_HAND)
		return job->cpus_milli;
	if (job->flags & MSCG_JOB_BY_PRESSURE)
		return MIN_OF(job->max_cpus_milli, MAX_OF(job->cpus_milli, e->live->wants));
	return job->max_cpus_milli;
}

static void measure(const struct core *core, const struct entry *e, struct live *l)
{
	uint64_t size = l->flight ? l->flight->cpus : e->job.current_cpus_milli;
	uint64_t lent = size > e->job.cpus_milli ? size - e->job.cpus_milli : 0;
	uint64_t kept = size - lent;
	uint64_t yield = core->policy.elastic && kept > e->job.min_cpus_milli ? kept - e->job.min_cpus_milli : 0;
	bool now = can_shrink(core, e), refused = l->backoff.at != USEC_NEVER;

	l->own = (struct sums){
		.lent = now ? lent : 0,
		.yield = now ? yield : 0,
		.lent_later = refused ? 0 : lent,
		.yield_later = refused ? 0 : yield,
	};
	l->room = resize_possible(e) && grows_to(e) > size ? grows_to(e) - size : 0;
	l->owed = e->job.cpus_milli > size ? e->job.cpus_milli - size : 0;
	l->deficit = resize_possible(e) ? l->owed : 0;
	if (e->job.reservation) { /* what it has is its reservation's, and no less than it asked for */
		l->own = (struct sums){0};
		l->room = l->owed = l->deficit = 0;
	}
}

void elastic_update(struct core *core, struct entry *e)
{
	struct live *l = e->live;
	enum pool pool = pool_of(&e->job);
	struct tnode **root = &core->elastic[pool];

	if (!l || !is_elastic(e)) {
		elastic_leave(core, e);
		return;
	}
	core->room[pool] -= l->room;
	core->deficit[pool] -= l->deficit;
	core->owed[pool] -= l->owed;
	measure(core, e, l);
	core->room[pool] += l->room;
	core->deficit[pool] += l->deficit;
	core->owed[pool] += l->owed;
	if (l->listed) {
		treap_refresh(&by_victim, *root, &l->elastic);
	} else {
		treap_insert(&by_victim, root, &l->elastic);
		l->listed = true;
	}
}

void elastic_leave(struct core *core, struct entry *e)
{
	struct live *l = e->live;
	enum pool pool = pool_of(&e->job);

	if (!l || !l->listed)
		return;
	core->room[pool] -= l->room;
	core->deficit[pool] -= l->deficit;
	core->owed[pool] -= l->owed;
	l->room = l->deficit = l->owed = 0;
	treap_remove(&by_victim, &core->elastic[pool], &l->elastic);
	l->listed = false;
}

bool elastic_is_current(const struct core *core, const struct entry *e)
{
	struct live l = *e->live;

	if (!l.listed)
		return !is_elastic(e);
	measure(core, e, &l);
	return memcmp(&l.own, &e->live->own, sizeof l.own) == 0 && l.room == e->live->room && l.deficit == e->live->deficit &&
	       l.owed == e->live->owed;
}

/* The policy changed. */
void elastic_update_all(struct core *core)
{
	for (enum pool p = 0; p < POOL_COUNT; p++)
		for (struct tnode *node = treap_first(core->elastic[p]), *next; node; node = next) {
			next = treap_after(&by_victim, core->elastic[p], node);
			elastic_update(core, live_at(node)->entry);
		}
}

/* What those below a priority would yield, and everybody's lent. */
uint64_t elastic_takeable(const struct core *core, enum pool pool, int32_t priority, bool later)
{
	const struct tnode *node = core->elastic[pool];
	uint64_t sum = 0;

	if (node)
		sum = later ? live_at(node)->all.lent_later : live_at(node)->all.lent;
	while (node) {
		const struct live *l = live_at(node);
		const struct live *left = node->left ? live_at(node->left) : NULL;

		if (l->entry->job.priority >= priority) {
			node = node->left;
			continue;
		}
		sum += later ? l->own.yield_later : l->own.yield;
		if (left)
			sum += later ? left->all.yield_later : left->all.yield;
		node = node->right;
	}
	return sum;
}

/* -- taking ------------------------------------------------------------------------------------------------------- */

struct victim {
	struct entry *e;
	uint64_t lent, yield; /* that it still could give */
	uint64_t take;
};

struct victims {
	struct victim *v;
	uint64_t *height, *share;
	uint32_t n, cap;
};

static void collect_victims(const struct core *core, enum pool pool, struct victims *vs)
{
	for (struct tnode *node = treap_first(core->elastic[pool]); node; node = treap_after(&by_victim, core->elastic[pool], node)) {
		struct live *l = live_at(node);

		if (!l->own.lent && !l->own.yield)
			continue;
		GROW(vs->v, vs->n, vs->cap);
		vs->v[vs->n++] = (struct victim){.e = l->entry, .lent = l->own.lent, .yield = l->own.yield};
	}
	vs->height = xcalloc(vs->n + 1, sizeof *vs->height);
	vs->share = xcalloc(vs->n + 1, sizeof *vs->share);
}

/* From the lowest priority up; within one, the ones with most give first. Returns what is still missing. */
static uint64_t take_from(struct victims *vs, uint64_t amount, uint64_t unit, bool lent, int32_t below)
{
	for (uint32_t i = 0, j; i < vs->n && amount; i = j) {
		int32_t priority = vs->v[i].e->job.priority;

		if (!lent && priority >= below)
			break;
		for (j = i; j < vs->n && vs->v[j].e->job.priority == priority; j++)
			vs->height[j] = lent ? vs->v[j].lent : vs->v[j].yield;
		water_lower(vs->height + i, vs->share + i, j - i, amount, unit);
		for (uint32_t k = i; k < j; k++) {
			vs->v[k].take += vs->share[k];
			amount -= vs->share[k];
		}
	}
	return amount;
}

static void add_starter(struct entry *victim, struct entry *starter, uint32_t cpus)
{
	struct flight *f = victim->live->flight;
	struct live *l = starter->live;

	GROW(f->starters, f->starters_n, f->starters_cap);
	f->starters[f->starters_n++] = starter->job.id;
	l->after = xreallocarray(l->after, l->after_n + 1, sizeof *l->after);
	l->after[l->after_n++] = (struct awaited){f->seq, victim->job.id, cpus};
}

static void shrink(struct core *core, struct entry *e, struct entry *starter, uint64_t amount, struct mscg_cpuset *set)
{
	struct flight *f = e->live->flight;
	struct mscg_cpuset left = f ? f->set : share_of(e)->cpus, out = {0};
	uint32_t cpus = (uint32_t)((f ? f->cpus : e->job.current_cpus_milli) - amount);
	char id[MSCG_ID_TEXT];

	if (pool_of(&e->job) == POOL_EXCLUSIVE) {
		place_shed(&core->place, &left, (uint32_t)(amount / CPU), &out);
		mscg_cpuset_subtract(&left, &out);
		mscg_cpuset_or(set, &out);
	}
	if (f)
		resize_enlarge(core, e, cpus, &left);
	else
		f = resize_begin(core, e, cpus, &left, e->job.mem_bytes,
		                 xasprintf("makes room for job %s", mscg_id_format(starter->job.id, id)));
	f->for_others = true;
	e->live->calm_until = core->now.boot_usec + core->policy.elastic_calm_ms * USEC_PER_MSEC;
	elastic_update(core, e);
	if (pool_of(&e->job) == POOL_SHARED) {
		f->pledged += (uint32_t)amount;
		core->shared_free += (int64_t)amount;
	}
	book_claim(core, starter, &out);
	add_starter(e, starter, (uint32_t)amount);
}

void elastic_take(struct core *core, struct entry *starter, uint64_t amount, struct mscg_cpuset *set)
{
	enum pool pool = pool_of(&starter->job);
	uint64_t unit = pool == POOL_EXCLUSIVE ? CPU : 1;
	struct victims vs = {0};

	collect_victims(core, pool, &vs);
	amount = take_from(&vs, amount, unit, true, 0);
	take_from(&vs, amount, unit, false, starter->job.priority);
	for (uint32_t i = 0; i < vs.n; i++)
		if (vs.v[i].take)
			shrink(core, vs.v[i].e, starter, vs.v[i].take, set);
	free(vs.v);
	free(vs.height);
	free(vs.share);
}

/* For nobody in particular: what begins has its CPUs before its jobs start. */
void elastic_clear(struct core *core, uint64_t amount, const char *reservation)
{
	struct victims vs = {0};

	collect_victims(core, POOL_EXCLUSIVE, &vs);
	amount = take_from(&vs, amount, CPU, true, 0);
	take_from(&vs, amount, CPU, false, INT32_MAX);
	for (uint32_t i = 0; i < vs.n; i++) {
		struct entry *e = vs.v[i].e;
		struct mscg_cpuset left = share_of(e)->cpus, out = {0};

		if (!vs.v[i].take || e->live->flight)
			continue;
		place_shed(&core->place, &left, (uint32_t)(vs.v[i].take / CPU), &out);
		mscg_cpuset_subtract(&left, &out);
		resize_begin(core, e, e->job.current_cpus_milli - (uint32_t)vs.v[i].take, &left, e->job.mem_bytes,
		             xasprintf("makes room for reservation %s", reservation))->reserves = true;
		elastic_update(core, e);
	}
	free(vs.v);
	free(vs.height);
	free(vs.share);
}

/* -- growing ------------------------------------------------------------------------------------------------------ */

double elastic_utilisation(const struct core *core)
{
	double total = (double)core->place.ncpus * CPU + (double)core->shared_total;
	double held = (double)(core->place.ncpus - core->place.nfree) * CPU + (double)core->shared_total - (double)core->shared_free;
	double cpus = total > 0 ? held / total : 0;
	double mem = core->mem_total ? (double)core->mem_held / (double)core->mem_total : 0;

	return (cpus + mem) / 2;
}

static int by_rank(const void *a, const void *b)
{
	return queue_before(&(*(struct entry *const *)a)->job, &(*(struct entry *const *)b)->job) ? -1 : 1;
}

/* What it gets up to its --cpus is not given back to the one that waits. */
static bool would_delay_head(const struct core *core, const struct entry *e)
{
	return core->head && e->live->deficit && queue_before(&core->head->job, &e->job) && e->job.priority >= core->head->job.priority;
}

/* Those that may be resized and are not at their maximum, in the order of the queue. */
static struct entry **growable(struct core *core, enum pool pool, uint32_t *ret_n)
{
	struct entry **list = NULL;
	uint32_t n = 0, cap = 0;

	for (struct tnode *node = treap_first(core->elastic[pool]); node; node = treap_after(&by_victim, core->elastic[pool], node)) {
		struct live *l = live_at(node);

		if ((!l->room && !l->deficit) || would_delay_head(core, l->entry))
			continue;
		if (l->calm_until > core->now.boot_usec) {
			core->grow_at = MIN_OF(core->grow_at, l->calm_until);
			continue;
		}
		GROW(list, n, cap);
		list[n++] = l->entry;
	}
	if (n)
		qsort(list, n, sizeof(struct entry *), by_rank);
	*ret_n = n;
	return list;
}

static void grow(struct core *core, struct entry *e, uint64_t by, const char *why)
{
	struct mscg_cpuset set = share_of(e)->cpus;

	if (pool_of(&e->job) == POOL_EXCLUSIVE)
		place_pick(&core->place, (uint32_t)(by / CPU), &set);
	else
		core->shared_free -= (int64_t)by;
	resize_begin(core, e, e->job.current_cpus_milli + (uint32_t)by, &set, e->job.mem_bytes, xstrdup(why));
}

static const char *why_grown(const struct entry *e, uint64_t size)
{
	if (size <= e->job.cpus_milli)
		return "gets back what it asked for";
	return e->job.flags & MSCG_JOB_BY_PRESSURE ? e->live->need : "nobody waits for these CPUs";
}

/* But for what is reserved, or will be in a moment. */
static uint64_t free_to_grow(const struct core *core, enum pool pool)
{
	uint64_t all = book_free(core, pool), kept = pool == POOL_EXCLUSIVE ? core->reserve.kept_cpus + core->reserve.near_cpus : 0;

	return all - MIN_OF(all, kept);
}

/* First everybody gets what was asked; then, if the machine is idle enough, what is left over is lent, but for what is
 * owed to those who can not be grown at this moment. One resize for each job, straight to its size. */
static void grow_pool(struct core *core, enum pool pool, bool lend)
{
	uint64_t unit = pool == POOL_EXCLUSIVE ? CPU : 1, free_cpus = free_to_grow(core, pool), owed = core->owed[pool];
	uint32_t n;
	_cleanup_free_ struct entry **list = growable(core, pool, &n);
	_cleanup_free_ uint64_t *size = xcalloc(n + 1, sizeof *size), *limit = xcalloc(n + 1, sizeof *limit);
	_cleanup_free_ uint64_t *more = xcalloc(n + 1, sizeof *more);

	for (int phase = 0; phase < 1 + lend; phase++) {
		for (uint32_t i = 0; i < n; i++) {
			if (phase == 0)
				size[i] = list[i]->job.current_cpus_milli;
			limit[i] = MAX_OF(size[i], phase ? grows_to(list[i]) : list[i]->job.cpus_milli);
		}
		water_raise(size, limit, more, n, free_cpus, unit);
		for (uint32_t i = 0; i < n; i++) {
			size[i] += more[i];
			free_cpus -= more[i];
			owed -= phase ? 0 : more[i];
		}
		free_cpus -= MIN_OF(free_cpus, owed);
	}
	for (uint32_t i = 0; i < n; i++)
		if (size[i] > list[i]->job.current_cpus_milli)
			grow(core, list[i], size[i] - list[i]->job.current_cpus_milli, why_grown(list[i], size[i]));
}

void elastic_grow(struct core *core)
{
	bool lend = core->policy.elastic && elastic_utilisation(core) * 100 < core->policy.elastic_threshold;

	core->grow_at = USEC_NEVER;
	if (core->wanted)
		return;
	for (enum pool p = 0; p < POOL_COUNT; p++) {
		bool wanted = lend ? core->room[p] > 0 : core->deficit[p] > 0;

		if (!wanted || free_to_grow(core, p) < (p == POOL_EXCLUSIVE ? CPU : 1))
			continue;
		grow_pool(core, p, lend);
	}
}

/* -- by need ------------------------------------------------------------------------------------------------------ */

/* Of what was lent to it, what it does not use. */
static void give_back(struct core *core, struct entry *e)
{
	struct mscg_cpuset left = share_of(e)->cpus, out = {0};
	uint32_t size = e->job.current_cpus_milli, keep = grows_to(e);

	if (keep >= size || !resize_possible(e))
		return;
	if (pool_of(&e->job) == POOL_EXCLUSIVE) {
		place_shed(&core->place, &left, (size - keep) / CPU, &out);
		mscg_cpuset_subtract(&left, &out);
	}
	resize_begin(core, e, keep, &left, e->job.mem_bytes, xstrdup(e->live->need));
}

/* One that is short gets half as much again, and is looked at anew; one that is not keeps what it has, or what it uses. */
void elastic_need(struct core *core, struct entry *e, const struct mscg_report *r)
{
	uint32_t size = e->job.current_cpus_milli;
	uint64_t wants = r->need == MSCG_NEED_SHORT ? size + MAX_OF(CPU, size / 2) :
	                 r->need == MSCG_NEED_IDLE ? r->used_milli + r->used_milli / 4 : size;

	if (!e->live || !(e->job.flags & MSCG_JOB_BY_PRESSURE))
		return;
	e->live->wants = (uint32_t)((wants + CPU - 1) / CPU * CPU);
	snprintf(e->live->need, sizeof e->live->need, "%.63s", r->text);
	if (r->need == MSCG_NEED_IDLE)
		give_back(core, e);
	elastic_update(core, e);
}

/* As elastic_grow decides, but for what comes right in a moment. */
bool core_why_small(const struct core *core, struct mscg_id id, char text[160])
{
	const struct entry *e = entry_find(core, id);
	uint64_t unit;

	if (!e || !e->live || !e->live->listed || !e->live->room)
		return false;
	unit = pool_of(&e->job) == POOL_EXCLUSIVE ? CPU : 1;
	/* What it has given up it is given back in any case. */
	if (!core->policy.elastic && !e->live->deficit)
		snprintf(text, 160, "elastic jobs keep what they asked for here (disable-elastic)");
	else if (!e->live->deficit && elastic_utilisation(core) * 100 >= core->policy.elastic_threshold)
		snprintf(text, 160, "jobs hold %.0f %% of this machine (mean of CPUs and memory), and elastic jobs grow below %u %% (elastic-threshold)",
		         elastic_utilisation(core) * 100, core->policy.elastic_threshold);
	else if (core->wanted)
		snprintf(text, 160, "others wait for CPUs that are free");
	else if (free_to_grow(core, pool_of(&e->job)) < unit)
		snprintf(text, 160, "no CPUs are free");
	else
		return false;
	return true;
}

const char *core_need(const struct core *core, struct mscg_id id)
{
	const struct entry *e = entry_find(core, id);

	return e && e->live && e->job.flags & MSCG_JOB_BY_PRESSURE && e->live->need[0] ? e->live->need : NULL;
}
