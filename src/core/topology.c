/* The machine as ranges of ranks: groups of caches of cores of threads; and how much of each is free. */
#include "src/base/base.h"
#include "src/core/place.h"

static int by_place(const void *a, const void *b)
{
	const struct core_cpu *x = a, *y = b;
	int d;

	if ((d = x->leaf - y->leaf) != 0)
		return d;
	if ((d = x->numa - y->numa) != 0)
		return d;
	if ((d = x->package - y->package) != 0)
		return d;
	if ((d = x->cache - y->cache) != 0)
		return d;
	if ((d = x->core - y->core) != 0)
		return d;
	return x->cpu - y->cpu;
}

static void add_cpu(struct place *p, const struct core_cpu *cpu, const struct core_cpu *before)
{
	bool leaf = !before || before->leaf != cpu->leaf;
	bool cache = leaf || before->numa != cpu->numa || before->package != cpu->package || before->cache != cpu->cache;
	bool core = cache || before->core != cpu->core;

	if (leaf)
		p->group[cpu->leaf].first = p->ncaches;
	if (cache) {
		p->cache[p->ncaches++] = (struct place_cache){.first = p->ncores, .leaf = cpu->leaf};
		p->group[cpu->leaf].n++;
	}
	if (core) {
		p->core[p->ncores++] = (struct place_core){.first = p->ncpus, .cache = p->ncaches - 1};
		p->cache[p->ncaches - 1].n++;
	}
	p->core[p->ncores - 1].n++;
	p->core_of[p->ncpus] = p->ncores - 1;
	p->cpu[p->ncpus] = cpu->cpu;
	p->numa[p->ncpus] = cpu->numa;
	p->rank[cpu->cpu] = p->ncpus;
	p->ncpus++;
}

void place_set_free(struct place *p, uint32_t rank, bool free)
{
	struct place_core *core = &p->core[p->core_of[rank]];
	struct place_cache *cache = &p->cache[core->cache];
	struct place_group *leaf = &p->group[cache->leaf];
	bool was_whole = core->free == core->n;
	uint32_t one = free ? 1 : UINT32_MAX; /* + 1 or - 1 */

	core->free += one;
	cache->free += one;
	p->nfree += one;
	for (uint32_t g = cache->leaf; g != PLACE_NONE; g = p->group[g].up)
		p->group[g].free += one;
	if (was_whole) {
		cache->whole -= core->n;
		leaf->whole -= core->n;
	} else if (core->free == core->n) {
		cache->whole += core->n;
		leaf->whole += core->n;
	}
	if (free)
		mscg_cpuset_add(&p->free, p->cpu[rank]);
	else
		mscg_cpuset_remove(&p->free, p->cpu[rank]);
}

void place_init(struct place *p, const struct core_machine *machine)
{
	_cleanup_free_ struct core_cpu *cpus = xcalloc(machine->ncpus ? machine->ncpus : 1, sizeof *cpus);
	uint32_t n = 0, last = 0;

	*p = (struct place){0};
	for (uint32_t i = 0; i < machine->ncpus; i++) {
		if (machine->cpus[i].cpu >= MSCG_CPUS_MAX || mscg_cpuset_has(&machine->shared, machine->cpus[i].cpu))
			continue;
		cpus[n++] = machine->cpus[i];
		last = MAX_OF(last, (uint32_t)machine->cpus[i].cpu);
	}
	place_make_groups(p, machine, cpus, n);
	qsort(cpus, n, sizeof *cpus, by_place);
	p->nrank = last + 1;
	p->rank = xcalloc(p->nrank, sizeof *p->rank);
	memset(p->rank, 0xff, p->nrank * sizeof *p->rank);
	p->cpu = xcalloc(n + 1, sizeof *p->cpu);
	p->numa = xcalloc(n + 1, sizeof *p->numa);
	p->core_of = xcalloc(n + 1, sizeof *p->core_of);
	p->core = xcalloc(n + 1, sizeof *p->core);
	p->cache = xcalloc(n + 1, sizeof *p->cache);
	for (uint32_t i = 0; i < n; i++)
		add_cpu(p, &cpus[i], i ? &cpus[i - 1] : NULL);
	p->core = xreallocarray(p->core, p->ncores + 1, sizeof *p->core);
	p->cache = xreallocarray(p->cache, p->ncaches + 1, sizeof *p->cache);
	p->near_cache = xcalloc(p->ncaches + 1, sizeof *p->near_cache);
	for (uint32_t i = 0; i < p->ncores; i++)
		p->smt = MAX_OF(p->smt, p->core[i].n);
	for (uint32_t rank = 0; rank < p->ncpus; rank++)
		place_set_free(p, rank, true);
}

void place_clear(struct place *p)
{
	free(p->cpu);
	free(p->numa);
	free(p->core_of);
	free(p->rank);
	free(p->core);
	free(p->cache);
	free(p->group);
	free(p->near_cache);
	*p = (struct place){0};
}

bool place_has(const struct place *p, unsigned cpu)
{
	return cpu < p->nrank && p->rank[cpu] != PLACE_NONE;
}

void place_take(struct place *p, const struct mscg_cpuset *cpus)
{
	for (unsigned c = mscg_cpuset_next(cpus, 0); c < MSCG_CPUS_MAX; c = mscg_cpuset_next(cpus, c + 1))
		if (place_has(p, c) && mscg_cpuset_has(&p->free, c))
			place_set_free(p, p->rank[c], false);
}

void place_give(struct place *p, const struct mscg_cpuset *cpus)
{
	for (unsigned c = mscg_cpuset_next(cpus, 0); c < MSCG_CPUS_MAX; c = mscg_cpuset_next(cpus, c + 1))
		if (place_has(p, c) && !mscg_cpuset_has(&p->free, c))
			place_set_free(p, p->rank[c], true);
}

void place_mems(const struct place *p, const struct mscg_cpuset *cpus, struct mscg_cpuset *ret)
{
	struct mscg_cpuset mems = {0};

	for (unsigned c = mscg_cpuset_next(cpus, 0); c < MSCG_CPUS_MAX; c = mscg_cpuset_next(cpus, c + 1))
		if (place_has(p, c))
			mscg_cpuset_add(&mems, p->numa[p->rank[c]]);
	*ret = mems;
}
