/* Choosing CPUs for a start or a grow. What a job has already (`near`) is counted by leaf and cache: a grow begins
 * there, and goes up from leaf to leaf's group until there is enough. */
#include "src/base/base.h"
#include "src/core/place.h"

struct pick {
	struct place       *p;
	struct mscg_cpuset *cpus; /* what the job has, growing */
};

static void note_near(struct place *p, uint32_t rank, bool add)
{
	uint32_t cache = p->core[p->core_of[rank]].cache;
	struct place_group *leaf = &p->group[p->cache[cache].leaf];

	p->near_cache[cache] = add ? p->near_cache[cache] + 1 : 0;
	leaf->near = add ? leaf->near + 1 : 0;
	for (uint32_t g = leaf->up; g != PLACE_NONE && !p->group[g].near == add; g = p->group[g].up)
		p->group[g].near = add;
}

static void note_all(struct place *p, const struct mscg_cpuset *cpus, bool add)
{
	for (unsigned c = mscg_cpuset_next(cpus, 0); c < MSCG_CPUS_MAX; c = mscg_cpuset_next(cpus, c + 1))
		if (place_has(p, c))
			note_near(p, p->rank[c], add);
}

/* Up to n of the free CPUs of a core; returns how many. */
static uint32_t take_core(struct pick *k, uint32_t core, uint32_t n)
{
	struct place *p = k->p;
	uint32_t taken = 0;

	for (uint32_t rank = p->core[core].first; rank < p->core[core].first + p->core[core].n && taken < n; rank++) {
		if (!mscg_cpuset_has(&p->free, p->cpu[rank]))
			continue;
		place_set_free(p, rank, false);
		mscg_cpuset_add(k->cpus, p->cpu[rank]);
		note_near(p, rank, true);
		taken++;
	}
	return taken;
}

/* Free hyperthreads of cores that the job has a part of. */
static uint32_t complete_cores(struct pick *k, uint32_t n)
{
	struct place *p = k->p;
	struct mscg_cpuset had = *k->cpus;
	uint32_t taken = 0;

	for (unsigned c = mscg_cpuset_next(&had, 0); c < MSCG_CPUS_MAX && taken < n; c = mscg_cpuset_next(&had, c + 1))
		if (place_has(p, c))
			taken += take_core(k, p->core_of[p->rank[c]], n - taken);
	return taken;
}

/* Which of two caches of a leaf to take whole cores from, for a job that wants n more: the one it is in already, else
 * the tightest that is enough, else the largest. */
static bool better_cache(const struct place *p, uint32_t a, uint32_t b, uint32_t n)
{
	const struct place_cache *x = &p->cache[a], *y = &p->cache[b];
	bool enough_x = x->whole >= n, enough_y = y->whole >= n;

	if (p->near_cache[a] != p->near_cache[b])
		return p->near_cache[a] > p->near_cache[b];
	if (enough_x != enough_y)
		return enough_x;
	if (x->whole != y->whole)
		return enough_x ? x->whole < y->whole : x->whole > y->whole;
	return x->free < y->free;
}

static uint32_t take_whole(struct pick *k, const struct place_group *leaf, uint32_t n)
{
	struct place *p = k->p;
	uint32_t taken = 0;

	while (taken < n) {
		uint32_t best = PLACE_NONE, before = taken;

		for (uint32_t c = leaf->first; c < leaf->first + leaf->n; c++)
			if (p->cache[c].whole && (best == PLACE_NONE || better_cache(p, c, best, n - taken)))
				best = c;
		if (best == PLACE_NONE)
			break;
		for (uint32_t i = p->cache[best].first; i < p->cache[best].first + p->cache[best].n && taken < n; i++)
			if (p->core[i].free == p->core[i].n && p->core[i].n <= n - taken)
				taken += take_core(k, i, n - taken);
		if (taken == before) /* only cores that are larger than what is left to take */
			break;
	}
	return taken;
}

/* Hyperthreads of cores that are broken already, those with least left first. */
static uint32_t take_broken(struct pick *k, const struct place_group *leaf, uint32_t n, bool near)
{
	struct place *p = k->p;
	uint32_t taken = 0;

	for (uint32_t size = 1; size < p->smt && taken < n; size++)
		for (uint32_t c = leaf->first; c < leaf->first + leaf->n && taken < n; c++) {
			if (p->cache[c].free == p->cache[c].whole || (p->near_cache[c] > 0) != near)
				continue;
			for (uint32_t i = p->cache[c].first; i < p->cache[c].first + p->cache[c].n && taken < n; i++)
				if (p->core[i].free == size && p->core[i].n > size)
					taken += take_core(k, i, n - taken);
		}
	return taken;
}

static uint32_t break_core(struct pick *k, const struct place_group *leaf, uint32_t n)
{
	struct place *p = k->p;
	uint32_t best = PLACE_NONE;

	for (uint32_t i = p->cache[leaf->first].first; i < p->ncores; i++) {
		uint32_t c = p->core[i].cache, b;

		if (c >= leaf->first + leaf->n)
			break;
		if (p->core[i].free == 0)
			continue;
		if (best == PLACE_NONE) {
			best = i;
			continue;
		}
		b = p->core[best].cache;
		if (p->near_cache[c] != p->near_cache[b] ? p->near_cache[c] > p->near_cache[b]
		    : p->core[i].n != p->core[best].n    ? p->core[i].n < p->core[best].n
		                                         : p->cache[c].whole < p->cache[b].whole)
			best = i;
	}
	return best == PLACE_NONE ? 0 : take_core(k, best, n);
}

static uint32_t take_from_leaf(struct pick *k, uint32_t group, uint32_t want)
{
	const struct place_group *leaf = &k->p->group[group];
	uint32_t n = MIN_OF(want, leaf->free);
	uint32_t taken = take_whole(k, leaf, MIN_OF(n - n % k->p->smt, leaf->whole));

	if (taken < n)
		taken += take_broken(k, leaf, n - taken, true);
	if (taken < n)
		taken += take_broken(k, leaf, n - taken, false);
	while (taken < n) {
		uint32_t more = break_core(k, leaf, n - taken);

		if (!more)
			break;
		taken += more;
	}
	return taken;
}

static uint32_t take_all(struct pick *k, uint32_t group)
{
	struct place *p = k->p;
	uint32_t taken = 0;

	for (uint32_t g = group; g < p->group[group].end;) {
		if (!p->group[g].free) {
			g = p->group[g].end;
			continue;
		}
		if (p->group[g].n)
			taken += take_from_leaf(k, g, p->group[g].free);
		g++;
	}
	return taken;
}

/* The level at which a group meets what the job has; nothing is nearer than anything else while it has nothing. */
static uint32_t distance_to_near(const struct place *p, uint32_t group)
{
	while (p->group[0].near && !p->group[group].near)
		group = p->group[group].up;
	return p->group[group].near ? p->group[group].level : 0;
}

/* Among groups that can give all n: the lowest, then near, then with whole cores, then the tightest. */
static bool better_group(const struct place *p, uint32_t a, uint32_t b, uint32_t n)
{
	const struct place_group *x = &p->group[a], *y = &p->group[b];
	uint32_t cores = n - n % p->smt, far_x, far_y;

	if (x->level != y->level)
		return x->level < y->level;
	far_x = distance_to_near(p, a);
	far_y = distance_to_near(p, b);
	if (far_x != far_y)
		return far_x < far_y;
	if ((x->whole >= cores) != (y->whole >= cores))
		return x->whole >= cores;
	return x->free < y->free;
}

/* There is one: `in` has n. */
static uint32_t sufficient_group(const struct place *p, uint32_t in, uint32_t n)
{
	uint32_t best = in;

	for (uint32_t g = in + 1; g < p->group[in].end;) {
		if (p->group[g].free < n) {
			g = p->group[g].end;
			continue;
		}
		if (better_group(p, g, best, n))
			best = g;
		g++;
	}
	return best;
}

static uint32_t richest_below(const struct place *p, uint32_t group)
{
	uint32_t best = group + 1;

	for (uint32_t g = group + 1; g < p->group[group].end; g = p->group[g].end)
		if (p->group[g].free > p->group[best].free)
			best = g;
	return best;
}

/* Takes n, which the group has: out of the lowest group in it that has all of what is left to take. */
static void take_within(struct pick *k, uint32_t group, uint32_t n)
{
	struct place *p = k->p;

	while (n) {
		group = sufficient_group(p, group, n);
		if (p->group[group].n)
			n -= take_from_leaf(k, group, n);
		else
			n -= take_all(k, p->group[group].free == n ? group : richest_below(p, group));
	}
}

/* The leaf where the job has most, of those (free) where something is free; PLACE_NONE when there is none. */
static uint32_t own_leaf(const struct place *p, bool free)
{
	uint32_t best = PLACE_NONE;

	for (uint32_t g = 0; g < p->ngroups;) {
		if (!p->group[g].near || (free && !p->group[g].free)) {
			g = p->group[g].end;
			continue;
		}
		if (p->group[g].n && (best == PLACE_NONE || p->group[g].near > p->group[best].near))
			best = g;
		g++;
	}
	return best;
}

/* Its own cores and leaves, then ever larger groups around the leaf where it has most. Returns how many are left to take
 * when the job has nothing here. */
static uint32_t take_near(struct pick *k, uint32_t n)
{
	struct place *p = k->p;

	n -= complete_cores(k, n);
	for (uint32_t leaf = own_leaf(p, true); n && leaf != PLACE_NONE; leaf = own_leaf(p, true))
		n -= take_from_leaf(k, leaf, n);
	for (uint32_t g = n ? own_leaf(p, false) : PLACE_NONE; n && g != PLACE_NONE; g = p->group[g].up) {
		if (p->group[g].free >= n) {
			take_within(k, g, n);
			return 0;
		}
		n -= take_all(k, g);
	}
	return n;
}

int place_pick(struct place *p, uint32_t n, struct mscg_cpuset *cpus)
{
	struct pick k = {p, cpus};

	if (n > p->nfree)
		return -ENOSPC;
	if (!mscg_cpuset_empty(cpus)) {
		note_all(p, cpus, true);
		n = take_near(&k, n);
	}
	take_within(&k, 0, n);
	note_all(p, cpus, false);
	return 0;
}

static void set_all_free(struct place *p, const struct mscg_cpuset *cpus, bool free)
{
	for (unsigned c = mscg_cpuset_next(cpus, 0); c < MSCG_CPUS_MAX; c = mscg_cpuset_next(cpus, c + 1))
		place_set_free(p, p->rank[c], free);
}

/* The others are out of sight while it takes of these. */
int place_pick_close(struct place *p, uint32_t n, const struct mscg_cpuset *close, struct mscg_cpuset *cpus)
{
	struct mscg_cpuset others = p->free;
	uint32_t first;

	if (n > p->nfree)
		return -ENOSPC;
	mscg_cpuset_subtract(&others, close);
	set_all_free(p, &others, false);
	first = MIN_OF(n, p->nfree);
	if (first)
		place_pick(p, first, cpus);
	set_all_free(p, &others, true);
	return n > first ? place_pick(p, n - first, cpus) : 0;
}
