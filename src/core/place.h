/* place.h: which CPUs of the machine a job gets. Knows the topology and what is free, and nothing of jobs.
 *
 * What is close is a tree of groups: NUMA nodes in packages in the machine, or the switches of a topology file. The
 * distance of two CPUs is the level of the lowest group that has both: 0 within a leaf, and a group is one level above
 * the highest below it. A pick has the least greatest distance that there is: the lowest group that has enough (of
 * these the tightest), in it the leaves with most, and one cache before two, whole cores before single hyperthreads.
 * A growing job keeps what it has and gets the closest; a shrinking one gives back what is farthest from the rest.
 * All of it is deterministic: equal choices are decided by the lower number.
 *
 * Costs: taking and giving CPUs is counted as it happens, so that a pick looks at groups and caches, and at cores only
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
	uint32_t leaf;     /* its group */
	uint32_t free, whole; /* CPUs free; of them, in cores that are free as a whole */
};

/* Groups stand in the order of a walk from the top: those below one follow it, up to `end`. */
struct place_group {
	uint32_t up;  /* the top: PLACE_NONE */
	uint32_t end;
	uint32_t level; /* 0: a leaf, the only kind that has caches */
	uint32_t first, n; /* its caches */
	uint32_t free, whole; /* whole: of a leaf */
	uint32_t near; /* while picking: of a leaf, CPUs that the job has there; of others, whether it has any. Otherwise zero */
};

/* CPUs are numbered by rank, in the order leaf, package, cache, core, thread: neighbours are close. */
struct place {
	uint32_t  ncpus, ncores, ncaches, ngroups;
	uint32_t  smt; /* threads of the largest core */
	uint32_t  nfree;
	uint16_t *cpu;     /* rank to CPU */
	uint16_t *numa;    /* rank to memory node */
	uint32_t *core_of; /* rank to core */
	uint32_t *rank;    /* CPU to rank; PLACE_NONE for what is not ours */
	uint32_t  nrank;
	struct mscg_cpuset free; /* by CPU number */
	struct place_core  *core;
	struct place_cache *cache;
	struct place_group *group;
	uint32_t *near_cache; /* while picking: CPUs that the job has there; otherwise zero */
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

/* The same, of these first. */
int place_pick_close(struct place *place, uint32_t n, const struct mscg_cpuset *close, struct mscg_cpuset *cpus);

/* Which n of `cpus` to give back. Nothing is marked free. n is less than there are. */
void place_shed(const struct place *place, const struct mscg_cpuset *cpus, uint32_t n, struct mscg_cpuset *ret);

/* For place_init: group[], and the leaf of each CPU as its place in that. */
void place_make_groups(struct place *place, const struct core_machine *machine, struct core_cpu *cpus, uint32_t n);
/* The level of the lowest group that has both of these groups. */
uint32_t place_distance(const struct place *place, uint32_t a, uint32_t b);

/* The NUMA nodes of a set. */
void place_mems(const struct place *place, const struct mscg_cpuset *cpus, struct mscg_cpuset *ret);

#endif
