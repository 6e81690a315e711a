#include "internal.h"

enum { PIDS_MAX = 32768, PERIOD_USEC = 100000 };

/* A job that keeps its own CPUs busy uses all of its quota; the clock ticks of the quota and of the CPUs do not quite
 * meet, and without some burst it would be throttled for milliseconds every few seconds (seen: 0 to 7 % of the time).
 * Over time it still gets no more than the quota. Kernels before 5.14 have no burst. */
static int set_burst(const struct mscg_cgroup *cgroup, uint64_t usec, struct mscg_error *error)
{
	int r = mscg_cgroup_set(cgroup, MSCG_CGROUP_CPU_BURST, usec, error);

	return r == -EOPNOTSUPP ? 0 : r;
}

/* The kernel refuses a quota below the burst: what becomes less goes first. */
static int set_both(const struct mscg_cgroup *cgroup, uint32_t milli, bool burst_first, struct mscg_error *error)
{
	uint64_t burst = (uint64_t)milli * PERIOD_USEC / 1000;
	int r = burst_first ? set_burst(cgroup, burst, error) : 0;

	if (r >= 0)
		r = mscg_cgroup_set_cpu_milli(cgroup, milli, error);
	return r >= 0 && !burst_first ? set_burst(cgroup, burst, error) : r;
}

static int set_quota(const struct mscg_cgroup *cgroup, const struct mscg_grant *grant, const struct mscg_grant *before, struct mscg_error *error)
{
	uint32_t milli = grant->share[0].cpu_milli;
	int r;

	if (grant->cpu_mode != MSCG_CPUS_EXCLUSIVE)
		return mscg_cgroup_set_cpu_milli(cgroup, milli, error);
	r = set_both(cgroup, milli, before && before->share[0].cpu_milli > milli, error);
	/* It has something else than was thought: a resize was broken off. */
	if (r == -EINVAL && before && (r = set_burst(cgroup, 0, error)) >= 0)
		r = set_both(cgroup, milli, false, error);
	return r;
}

int limits_cpus(uint32_t controllers, const struct mscg_cgroup *cgroup, const struct mscg_grant *grant, const struct mscg_grant *before,
                struct mscg_error *error)
{
	const struct mscg_share *s = &grant->share[0];
	int r = 0;

	if (controllers & MSCG_CGROUP_BIT(CPUSET)) {
		r = mscg_cgroup_set_cpus(cgroup, &s->cpus, NULL, error);
		if (r >= 0 && !mscg_cpuset_empty(&s->mems))
			r = mscg_cgroup_set_mems(cgroup, &s->mems, NULL, error);
	}
	if (r >= 0 && controllers & MSCG_CGROUP_BIT(CPU))
		r = set_quota(cgroup, grant, before, error);
	return r;
}

int limits_rest(uint32_t controllers, const struct mscg_cgroup *cgroup, const struct mscg_grant *grant, uint64_t max_mem,
                struct mscg_error *error)
{
	uint64_t high = memory_high(grant->share[0].mem_bytes, max_mem);
	int r = 0;

	if (controllers & MSCG_CGROUP_BIT(MEMORY)) {
		r = mscg_cgroup_set(cgroup, MSCG_CGROUP_MEMORY_MAX, grant->share[0].mem_bytes, error);
		if (r >= 0 && high != MSCG_CGROUP_MAX)
			r = mscg_cgroup_set(cgroup, MSCG_CGROUP_MEMORY_HIGH, high, error);
		if (r >= 0)
			r = mscg_cgroup_set(cgroup, MSCG_CGROUP_MEMORY_OOM_GROUP, 1, error);
		/* Memory is memory: what would go to swap is over the limit. Kernels without swap lack the file. */
		if (r >= 0 && (r = mscg_cgroup_set(cgroup, MSCG_CGROUP_MEMORY_SWAP_MAX, 0, error)) == -EOPNOTSUPP)
			r = 0;
	}
	if (r >= 0 && controllers & MSCG_CGROUP_BIT(PIDS))
		r = mscg_cgroup_set(cgroup, MSCG_CGROUP_PIDS_MAX, PIDS_MAX, error);
	return r;
}
