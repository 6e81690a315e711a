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

static int set_quota(const struct mscg_cgroup *cgroup, const struct mscg_grant *grant, bool fresh, struct mscg_error *error)
{
	bool exclusive = grant->cpu_mode == MSCG_CPUS_EXCLUSIVE;
	uint32_t milli = grant->share[0].cpu_milli;
	/* The kernel refuses a quota below the burst: it goes first and comes back last. */
	int r = exclusive && !fresh ? set_burst(cgroup, 0, error) : 0;

	if (r >= 0)
		r = mscg_cgroup_set_cpu_milli(cgroup, milli, error);
	if (r >= 0 && exclusive)
		r = set_burst(cgroup, (uint64_t)milli * PERIOD_USEC / 1000, error);
	return r;
}

int limits_cpus(uint32_t controllers, const struct mscg_cgroup *cgroup, const struct mscg_grant *grant, bool fresh,
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
		r = set_quota(cgroup, grant, fresh, error);
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
