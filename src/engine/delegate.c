/* The sub-cgroup of a job that is to have its own (--delegate): job_N/own, given to its user, with the job in it. What limits the job
 * stays in job_N, which is ours; so are the bounds of what may be made below it. */
#include <sys/stat.h>

#include "internal.h"

#define OWN "own"

enum { DEPTH_MAX = 8, DESCENDANTS_MAX = 256 }; /* below job_N, OWN among them */

static int bound(const struct mscg_cgroup *cgroup, struct mscg_error *error)
{
	int r = mscg_cgroup_set(cgroup, MSCG_CGROUP_MAX_DEPTH, DEPTH_MAX, error);

	return r < 0 ? r : mscg_cgroup_set(cgroup, MSCG_CGROUP_MAX_DESCENDANTS, DESCENDANTS_MAX, error);
}

/* A supervisor, which clones into it, is root without the right to pass over modes: by its group. */
static int give(const struct mscg_cgroup *own, uint32_t uid, struct mscg_error *error)
{
	int r = mscg_cgroup_delegate(own, uid, getegid(), error);

	if (r < 0 || fchmodat(own->fd, "cgroup.procs", 0664, 0) == 0)
		return r;
	return mscg_error_set(error, -errno, "cannot let supervisors into a job's own cgroup: %s", strerror(errno));
}

int delegate_make(const struct mscg_cgroup *job, uint32_t uid, struct mscg_error *error)
{
	struct mscg_cgroup own = MSCG_CGROUP_NONE;
	uint32_t available = 0;
	int r = bound(job, error);

	if (r >= 0)
		r = mscg_cgroup_controllers(job, &available, NULL, error);
	if (r >= 0 && available)
		r = mscg_cgroup_enable(job, available, error);
	if (r >= 0)
		r = mscg_cgroup_create(job, OWN, &own, error);
	if (r >= 0 && geteuid() == 0)
		r = give(&own, uid, error);
	mscg_cgroup_close(&own);
	return MIN_OF(r, 0);
}

int delegate_open(const struct mscg_cgroup *job, struct mscg_cgroup *ret, struct mscg_error *error)
{
	return mscg_cgroup_open(job, OWN, ret, error);
}

void delegate_end(const struct mscg_cgroup *job)
{
	/* Its user, who may have other processes on this machine, makes none while they are removed. */
	mscg_cgroup_set(job, MSCG_CGROUP_MAX_DESCENDANTS, 0, NULL);
}
