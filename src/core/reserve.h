/* reserve.h: for the files of the core that deal in reservations. */
#ifndef CORE_RESERVE_H
#define CORE_RESERVE_H

#include "src/core/internal.h"

#define NEAR_USEC (60 * USEC_PER_SEC) /* what begins so soon is not lent to anybody any more */

static inline int64_t boot_of(struct core_now now, int64_t real_usec)
{
	return now.boot_usec + (real_usec - now.real_usec);
}

/* What none of its jobs has. */
static inline uint64_t left_cpus(const struct reservation *r)
{
	return r->is.cpus_milli - MIN_OF(r->is.cpus_milli, r->used_cpus);
}

static inline uint64_t left_mem(const struct reservation *r)
{
	return r->is.mem_bytes - MIN_OF(r->is.mem_bytes, r->used_mem);
}

/* Wall clock: from then on too little is left of it for who needs so long, and so long to end. */
static inline int64_t too_late(const struct reservation *r, uint32_t time_min_s, uint32_t grace_s)
{
	return r->is.end_usec - ((int64_t)MAX_OF(time_min_s, 1u) + grace_s) * USEC_PER_SEC;
}

/* In the plan of reservations, for so long. */
static inline struct plan_need need_of(const struct core *core, const struct mscg_job *job, uint32_t limit_s)
{
	return (struct plan_need){
		.cpus = pool_of(job) == POOL_EXCLUSIVE ? queue_least(core, job) : 0,
		.mem = mem_needed(job),
		.pool = POOL_EXCLUSIVE,
		.span = plan_span(limit_s, job->grace_s),
	};
}

void reserve_sum_up(struct core *core); /* what is kept, anew */
void reserve_reconsider(struct core *core, uint32_t key); /* may its waiting jobs start? */
const struct reservation *reserve_at(const struct core *core, int64_t boot_usec); /* which has something then; the first of several */

#endif
