/* place.h: which CPUs of the machine a job gets. Knows the topology and what is free, and nothing of jobs.
 *
 * Whole cores before single hyperthreads, one NUMA node before two, then one package and one cache: close together.
 * A growing job keeps what it has and gets the closest; a shrinking one gives back what is farthest from the rest.
 * All of it is deterministic: equal choices are decided by the lower number.
 *
 * Costs: taking and giving CPUs is counted as it happens, so that a pick looks at nodes and caches, and at cores only
 * within the cache it chose.
 */
#ifndef CORE_PLACE_H
#define CORE_PLACE_H

#include "src/core/core.h"

struct place_core {
	uint32_t first, n; /* its CPUs, as ranks */
	uint32_t cache;
	uint32_t free;
};

struct place_cache {
	uint32_t first, n; /* its cores */
	uint32_t node, package;
	uint32_t free, whole; /* CPUs free; of them, in cores that are free as a whole */
};

struct place_node {
	uint32_t first, n; /* its caches */
	uint32_t numa, package;
	uint32_t free, whole;
};

/* CPUs are numbered by rank, in the order node, package, cache, core, thread: neighbours are close. */
struct place {
	uint32_t  ncpus, ncores, ncaches, nnodes;
	uint32_t  smt; /* threads of the largest core */
	uint32_t  nfree;
	uint16_t *cpu;     /* rank to CPU */
	uint32_t *core_of; /* rank to core */
	uint32_t *rank;    /* CPU to rank; PLACE_NONE for what is not ours */
	uint32_t  nrank;
	struct mscg_cpuset free; /* by CPU number */
	struct place_core  *core;
	struct place_cache *cache;
	struct place_node  *node;
	uint32_t *near_cache, *near_node; /* while picking: CPUs that the job has there; otherwise zero */
};
#define PLACE_NONE UINT32_MAX

/* Exclusive CPUs of the machine: all but the shared ones. Everything is free. */
void place_init(struct place *place, const struct core_machine *machine);
void place_clear(struct place *place);
bool place_has(const struct place *place, unsigned cpu); /* is it one of ours? */

/* Sets that are not free, or free already, are left as they are, CPU by CPU. */
void place_take(struct place *place, const struct mscg_cpuset *cpus);
void place_give(struct place *place, const struct mscg_cpuset *cpus);
void place_set_free(struct place *place, uint32_t rank, bool free); /* one CPU, which is not so yet */

/* Takes n free CPUs and adds them to *cpus, which says where the job is already (empty for a start). -ENOSPC, and
 * nothing changed, when fewer are free. */
int place_pick(struct place *place, uint32_t n, struct mscg_cpuset *cpus);

/* Which n of `cpus` to give back. Nothing is marked free. n is less than there are. */
void place_shed(const struct place *place, const struct mscg_cpuset *cpus, uint32_t n, struct mscg_cpuset *ret);

/* The NUMA nodes of a set. */
void place_mems(const struct place *place, const struct mscg_cpuset *cpus, struct mscg_cpuset *ret);

#endif
