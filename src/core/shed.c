/* Which CPUs a shrinking job gives back, so that what stays is compact: what is outside of the lowest group that has
 * enough of it, leaves where it has little, then single hyperthreads, then whole cores from the caches where it has
 * least. */
#include "src/base/base.h"
#include "src/core/place.h"

/* What the job has of one core. */
struct unit {
	uint32_t core, held, size;
	uint32_t leaf, leaf_held, cache_held;
	uint32_t far; /* from where most of what stays is */
	bool outside; /* of the group in which it stays */
	bool given;
};

static int by_farness(const void *a, const void *b)
{
	const struct unit *x = a, *y = b;

	if (x->outside != y->outside)
		return x->outside ? -1 : 1;
	if (x->leaf_held != y->leaf_held)
		return x->leaf_held < y->leaf_held ? -1 : 1;
	if (x->far != y->far)
		return x->far > y->far ? -1 : 1;
	if (x->leaf != y->leaf)
		return x->leaf > y->leaf ? -1 : 1;
	if (x->cache_held != y->cache_held)
		return x->cache_held < y->cache_held ? -1 : 1;
	return x->core > y->core ? -1 : x->core < y->core;
}

static void give(const struct place *p, const struct mscg_cpuset *cpus, struct unit *u, uint32_t n, struct mscg_cpuset *ret)
{
	const struct place_core *core = &p->core[u->core];

	for (uint32_t rank = core->first + core->n; n && rank-- > core->first;)
		if (mscg_cpuset_has(cpus, p->cpu[rank])) {
			mscg_cpuset_add(ret, p->cpu[rank]);
			n--;
		}
	u->given = true;
}

/* The lowest group in which the job has `keep`, of these the one where it has most. */
static uint32_t group_to_stay(const struct place *p, const uint32_t *held, uint32_t keep)
{
	uint32_t best = 0;

	for (uint32_t g = 1; g < p->ngroups;) {
		const struct place_group *x = &p->group[g], *y = &p->group[best];

		if (held[g] < keep) {
			g = x->end;
			continue;
		}
		if (x->level < y->level || (x->level == y->level && held[g] > held[best]))
			best = g;
		g++;
	}
	return best;
}

static uint32_t leaf_with_most(const struct place *p, const uint32_t *held, uint32_t in)
{
	uint32_t best = PLACE_NONE;

	for (uint32_t g = in; g < p->group[in].end; g++)
		if (p->group[g].n && (best == PLACE_NONE || held[g] > held[best]))
			best = g;
	return best;
}

static uint32_t collect(const struct place *p, const struct mscg_cpuset *cpus, uint32_t n, struct unit *units)
{
	_cleanup_free_ uint32_t *in_cache = xcalloc(p->ncaches + 1, sizeof *in_cache);
	_cleanup_free_ uint32_t *held = xcalloc(p->ngroups + 1, sizeof *held); /* by group */
	uint32_t count = 0, stay, most;

	for (uint32_t i = 0; i < p->ncores; i++) {
		struct unit u = {.core = i, .size = p->core[i].n, .leaf = p->cache[p->core[i].cache].leaf};

		for (uint32_t rank = p->core[i].first; rank < p->core[i].first + p->core[i].n; rank++)
			u.held += mscg_cpuset_has(cpus, p->cpu[rank]);
		if (!u.held)
			continue;
		in_cache[p->core[i].cache] += u.held;
		for (uint32_t g = u.leaf; g != PLACE_NONE; g = p->group[g].up)
			held[g] += u.held;
		units[count++] = u;
	}
	if (!count)
		return 0;
	stay = group_to_stay(p, held, held[0] - MIN_OF(n, held[0]));
	most = leaf_with_most(p, held, stay);
	for (uint32_t i = 0; i < count; i++) {
		units[i].leaf_held = held[units[i].leaf];
		units[i].cache_held = in_cache[p->core[units[i].core].cache];
		units[i].far = place_distance(p, units[i].leaf, most);
		units[i].outside = units[i].leaf < stay || units[i].leaf >= p->group[stay].end;
	}
	return count;
}

/* Leaves that can be left altogether. Returns the first unit of what remains. */
static uint32_t leave_leaves(const struct place *p, const struct mscg_cpuset *cpus, struct unit *u, uint32_t units, uint32_t *n,
                            struct mscg_cpuset *ret)
{
	uint32_t i = 0;

	while (i < units && u[i].leaf_held <= *n) {
		uint32_t leaf = u[i].leaf;

		*n -= u[i].leaf_held;
		for (; i < units && u[i].leaf == leaf; i++)
			give(p, cpus, &u[i], u[i].held, ret);
	}
	return i;
}

/* How many of the broken cores to give, so that what is left to give is a number of whole cores. */
static uint32_t count_broken(const struct place *p, const struct unit *u, uint32_t units, uint32_t n)
{
	uint32_t sum = 0, whole = 0, count = 0, fits = 0, exact = UINT32_MAX;

	for (uint32_t i = 0; i < units; i++)
		whole += u[i].held == u[i].size ? u[i].held : 0;
	if (n % p->smt == 0 && n <= whole)
		exact = 0;
	for (uint32_t i = 0; i < units; i++) {
		if (u[i].held == u[i].size)
			continue;
		sum += u[i].held;
		count++;
		if (sum > n)
			break;
		fits = count;
		if ((n - sum) % p->smt == 0 && n - sum <= whole)
			exact = count;
	}
	return exact != UINT32_MAX ? exact : fits;
}

void place_shed(const struct place *p, const struct mscg_cpuset *cpus, uint32_t n, struct mscg_cpuset *ret)
{
	_cleanup_free_ struct unit *u = xcalloc(p->ncores + 1, sizeof *u);
	struct mscg_cpuset out = {0};
	uint32_t units = collect(p, cpus, n, u), first, broken;

	qsort(u, units, sizeof *u, by_farness);
	first = leave_leaves(p, cpus, u, units, &n, &out);
	broken = count_broken(p, u + first, units - first, n);
	for (uint32_t i = first; i < units && broken; i++)
		if (u[i].held < u[i].size) {
			n -= u[i].held;
			broken--;
			give(p, cpus, &u[i], u[i].held, &out);
		}
	for (uint32_t i = first; i < units; i++)
		if (!u[i].given && u[i].held == u[i].size && u[i].held <= n) {
			n -= u[i].held;
			give(p, cpus, &u[i], u[i].held, &out);
		}
	/* No core is small enough any more: break one, a broken one rather than a whole one. */
	for (int whole = 0; whole < 2; whole++)
		for (uint32_t i = first; i < units && n; i++)
			if (!u[i].given && (u[i].held == u[i].size) == whole) {
				uint32_t part = MIN_OF(n, u[i].held);

				n -= part;
				give(p, cpus, &u[i], part, &out);
			}
	*ret = out;
}
