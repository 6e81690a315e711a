/* moving.h: memory that moves between a job's least and its most while it runs.
 */
#ifndef BASE_MOVING_H
#define BASE_MOVING_H

#include <mscg/job.h>

static inline bool mem_moves(const struct mscg_job *job)
{
	return job->min_mem_mib || job->max_mem_mib;
}

/* What is above it is lent. */
static inline uint64_t mem_asked(const struct mscg_job *job)
{
	return job->run && job->run->mem_asked_bytes ? job->run->mem_asked_bytes : job->mem_bytes;
}

static inline uint64_t mem_least(const struct mscg_job *job)
{
	return job->min_mem_mib ? (uint64_t)job->min_mem_mib << 20 : mem_asked(job);
}

static inline uint64_t mem_most(const struct mscg_job *job)
{
	return job->max_mem_mib ? (uint64_t)job->max_mem_mib << 20 : mem_asked(job);
}

#endif
