/* preempt.h: who makes room for another, as numbers: the choice knows nothing of jobs.
 */
#ifndef CORE_PREEMPT_H
#define CORE_PREEMPT_H

#include "src/core/core.h"

struct entry;

struct preempt_need {
	uint64_t cpus, mem; /* that are missing; thousandths, bytes */
};

struct preempt_victim {
	struct entry *entry;
	int32_t       priority;
	int64_t       started;
	struct mscg_id id;
	enum core_preempt mode;
	uint64_t cpus, mem; /* that it gives if it ends, or stands still: CPUs not less than by shrinking. 0: it does neither */
	uint64_t shrink;    /* that it gives if it does neither, in multiples of `unit` */
	uint64_t unit;
	/* What is chosen. */
	bool     ends;
	uint64_t takes; /* of `shrink` */
};

/* Sorts them, lowest priority and youngest first, and says who makes room. Shrinking is enough if it can be; those that end
 * are none too many: without any one of them it would not be enough. False, and nobody chosen: nothing is missing, or all
 * of them together are not enough. */
bool preempt_choose(struct preempt_victim *v, uint32_t n, const struct preempt_need *need);

#endif
