/* Which CPUs a shrinking job gives back, so that what stays is compact: nodes where it has little, then single
 * hyperthreads, then whole cores from the caches where it has least. */
#include "src/base/base.h"
#include "src/core/place.h"

/* What the job has of one core. */
struct unit {
	uint32_t core, held, size;
	uint32_t node, node_held, cache_held;
	bool far; /* in another package than most of the job */
	bool given;
};

static int by_farness(const void *a, const void *b)
{
	const struct unit *x = a, *y = b;

	if (x->node_held != y->node_held)
		return x->node_held < y->node_held ? -1 : 1;
	if (x->far != y->far)
		return x->far ? -1 : 1;
	if (x->node != y->node)
		return x->node > y->node ? -1 : 1;
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

static uint32_t collect(const struct place *p, const struct mscg_cpuset *cpus, struct unit *units)
{
	_cleanup_free_ uint32_t *in_cache = xcalloc(p->ncaches + 1, sizeof *in_cache);
	_cleanup_free_ uint32_t *in_node = xcalloc(p->nnodes + 1, sizeof *in_node);
	uint32_t n = 0, most = 0;

	for (uint32_t i = 0; i < p->ncores; i++) {
		struct unit u = {.core = i, .size = p->core[i].n, .node = p->cache[p->core[i].cache].node};

		for (uint32_t rank = p->core[i].first; rank < p->core[i].first + p->core[i].n; rank++)
			u.held += mscg_cpuset_has(cpus, p->cpu[rank]);
		if (!u.held)
			continue;
		in_cache[p->core[i].cache] += u.held;
		in_node[u.node] += u.held;
		units[n++] = u;
	}
	for (uint32_t i = 1; i < p->nnodes; i++)
		if (in_node[i] > in_node[most])
			most = i;
	for (uint32_t i = 0; i < n; i++) {
		units[i].node_held = in_node[units[i].node];
		units[i].cache_held = in_cache[p->core[units[i].core].cache];
		units[i].far = p->node[units[i].node].package != p->node[most].package;
	}
	return n;
}

/* Nodes that can be left altogether. Returns the first unit of what remains. */
static uint32_t leave_nodes(const struct place *p, const struct mscg_cpuset *cpus, struct unit *u, uint32_t units, uint32_t *n,
                            struct mscg_cpuset *ret)
{
	uint32_t i = 0;

	while (i < units && u[i].node_held <= *n) {
		uint32_t node = u[i].node;

		*n -= u[i].node_held;
		for (; i < units && u[i].node == node; i++)
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
	uint32_t units = collect(p, cpus, u), first, broken;

	qsort(u, units, sizeof *u, by_farness);
	first = leave_nodes(p, cpus, u, units, &n, &out);
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
