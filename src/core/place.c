/* Choosing CPUs for a start or a grow. What a job has already (`near`) is counted by node and cache, so that a grow is
 * the same walk with another order. */
#include "src/base/base.h"
#include "src/core/place.h"

struct pick {
	struct place       *p;
	struct mscg_cpuset *cpus; /* what the job has, growing */
};

static void note_near(struct place *p, uint32_t rank, bool add)
{
	uint32_t cache = p->core[p->core_of[rank]].cache;

	p->near_cache[cache] = add ? p->near_cache[cache] + 1 : 0;
	p->near_node[p->cache[cache].node] = add ? p->near_node[p->cache[cache].node] + 1 : 0;
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

static bool package_is_near(const struct place *p, uint32_t package)
{
	for (uint32_t i = 0; i < p->nnodes; i++)
		if (p->node[i].package == package && p->near_node[i])
			return true;
	return false;
}

/* Which of two caches of a node to take whole cores from, for a job that wants n more: the one it is in already, else
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

static uint32_t take_whole(struct pick *k, const struct place_node *node, uint32_t n)
{
	struct place *p = k->p;
	uint32_t taken = 0;

	while (taken < n) {
		uint32_t best = PLACE_NONE, before = taken;

		for (uint32_t c = node->first; c < node->first + node->n; c++)
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
static uint32_t take_broken(struct pick *k, const struct place_node *node, uint32_t n, bool near)
{
	struct place *p = k->p;
	uint32_t taken = 0;

	for (uint32_t size = 1; size < p->smt && taken < n; size++)
		for (uint32_t c = node->first; c < node->first + node->n && taken < n; c++) {
			if (p->cache[c].free == p->cache[c].whole || (p->near_cache[c] > 0) != near)
				continue;
			for (uint32_t i = p->cache[c].first; i < p->cache[c].first + p->cache[c].n && taken < n; i++)
				if (p->core[i].free == size && p->core[i].n > size)
					taken += take_core(k, i, n - taken);
		}
	return taken;
}

static uint32_t break_core(struct pick *k, const struct place_node *node, uint32_t n)
{
	struct place *p = k->p;
	uint32_t best = PLACE_NONE;

	for (uint32_t i = p->cache[node->first].first; i < p->ncores; i++) {
		uint32_t c = p->core[i].cache, b;

		if (c >= node->first + node->n)
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

static uint32_t take_from_node(struct pick *k, uint32_t node, uint32_t want)
{
	const struct place_node *at = &k->p->node[node];
	uint32_t n = MIN_OF(want, at->free);
	uint32_t taken = take_whole(k, at, MIN_OF(n - n % k->p->smt, at->whole));

	if (taken < n)
		taken += take_broken(k, at, n - taken, true);
	if (taken < n)
		taken += take_broken(k, at, n - taken, false);
	while (taken < n) {
		uint32_t more = break_core(k, at, n - taken);

		if (!more)
			break;
		taken += more;
	}
	return taken;
}

/* Among nodes that can give all n: near, then with whole cores, then the tightest. */
static bool better_node(const struct place *p, uint32_t a, uint32_t b, uint32_t n)
{
	const struct place_node *x = &p->node[a], *y = &p->node[b];
	uint32_t cores = n - n % p->smt;
	bool near_x = package_is_near(p, x->package), near_y = package_is_near(p, y->package);

	if (near_x != near_y)
		return near_x;
	if ((x->whole >= cores) != (y->whole >= cores))
		return x->whole >= cores;
	return x->free < y->free;
}

static uint32_t sufficient_node(const struct place *p, uint32_t n)
{
	uint32_t best = PLACE_NONE;

	for (uint32_t i = 0; i < p->nnodes; i++)
		if (p->node[i].free >= n && (best == PLACE_NONE || better_node(p, i, best, n)))
			best = i;
	return best;
}

/* No node has n. The package to begin in: the job's own, else the tightest that has n, else the one with most. */
static uint32_t package_for(const struct place *p, uint32_t n)
{
	uint32_t best = PLACE_NONE, best_sum = 0;
	bool best_near = false;

	for (uint32_t i = 0, j; i < p->nnodes; i = j) {
		uint32_t sum = 0;
		bool near = false, better;

		for (j = i; j < p->nnodes && p->node[j].package == p->node[i].package; j++) {
			sum += p->node[j].free;
			near |= p->near_node[j] > 0;
		}
		if (!sum)
			continue;
		if (best == PLACE_NONE || near != best_near)
			better = best == PLACE_NONE || near;
		else if ((sum >= n) != (best_sum >= n))
			better = sum >= n;
		else
			better = sum >= n ? sum < best_sum : sum > best_sum;
		if (better) {
			best = p->node[i].package;
			best_sum = sum;
			best_near = near;
		}
	}
	return best;
}

static uint32_t choose_node(const struct place *p, uint32_t n)
{
	uint32_t best = sufficient_node(p, n), package;

	if (best != PLACE_NONE)
		return best;
	package = package_for(p, n);
	for (uint32_t i = 0; i < p->nnodes; i++)
		if (p->node[i].package == package && (best == PLACE_NONE || p->node[i].free > p->node[best].free))
			best = i;
	return best;
}

/* The node where the job has most and something is free; PLACE_NONE when there is none. */
static uint32_t own_node(const struct place *p)
{
	uint32_t best = PLACE_NONE;

	for (uint32_t i = 0; i < p->nnodes; i++)
		if (p->node[i].free && p->near_node[i] && (best == PLACE_NONE || p->near_node[i] > p->near_node[best]))
			best = i;
	return best;
}

int place_pick(struct place *p, uint32_t n, struct mscg_cpuset *cpus)
{
	struct pick k = {p, cpus};

	if (n > p->nfree)
		return -ENOSPC;
	if (!mscg_cpuset_empty(cpus)) {
		note_all(p, cpus, true);
		n -= complete_cores(&k, n);
		for (uint32_t node = own_node(p); n && node != PLACE_NONE; node = own_node(p))
			n -= take_from_node(&k, node, n);
	}
	while (n)
		n -= take_from_node(&k, choose_node(p, n), n);
	note_all(p, cpus, false);
	return 0;
}
