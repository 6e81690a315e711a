/* local.h: the engine that runs jobs on this machine: a cgroup for each under the jobs root, launched by a supervisor
 * of the pool, resized by a thread of its own, accounted when its cgroup is empty. */
#ifndef ENGINE_LOCAL_H
#define ENGINE_LOCAL_H

#include "engine.h"

struct local_config {
	const char *runtime_dir; /* <runtime_dir>/slots, supervisor.N, jobs/<id>/control */
	const char *cgroup_root; /* NULL: found (root: <top>/mscg.slice or systemd's mscg-jobs.service; user: delegated one) */
	int         supervisor_fd; /* from runner_open_supervisor, borrowed; 0: opened here */
	const char *instance;    /* stamp of the jobs root */
	const char *socket;      /* where clients connect: out of reach of a sandbox without the machine's network; NULL: nowhere */
	uint32_t    slots, spare;
	const char *isolate;     /* of jobs that do not say; mscg_isolate_parse */
	const char *images;      /* directories of images that root vouches for, "/a,/b"; NULL: none. Borrowed, as long as the engine is */
	const char *devices;     /* nodes that jobs with mounts of their own have, "/dev/a,/dev/b"; NULL: none */
	uint64_t    log_max;     /* bytes in each output file of any job; 0: no limit */
	bool        warn_only;   /* a missing controller is a warning */
	uint32_t    unkillable_timeout_s; /* after a kill, until it is said that what is left cannot be killed */
};

/* *ret_allowed: CPUs that the jobs root may use. *ret_warnings: what is not enforced here; the caller frees the vector.
 * -EBUSY another mscgd has the jobs root; -EPERM it is of another instance; -EOPNOTSUPP a controller is missing, text
 * names it and what mends it. */
int local_open(struct engine **ret, const struct local_config *config, struct mscg_cpuset *ret_allowed,
               char ***ret_warnings, struct mscg_error *error);

#endif
