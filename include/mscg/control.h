/* mscg/control.h: for programs that run as elastic jobs. Needs no connection and no daemon: it reads the file that
 * MSCG_CONTROL_FILE (or MINI_SLURM_CONTROL_FILE) names, which the daemon replaces atomically on every change.
 *
 *     struct mscg_control *c;
 *     if (mscg_control_open(&c, NULL) == 0)
 *             while (work_left) { int n = mscg_control_cpus(c); ... one step with n threads ... }
 *
 * Not thread safe: one thread looks, and tells the others.
 */
#ifndef MSCG_CONTROL_H
#define MSCG_CONTROL_H

#include <mscg/error.h>
#include <stdbool.h>
#include <stdint.h>

struct mscg_control;

/* What the file says (CPUS= MEM_MB= MIN_CPUS= MAX_CPUS= STATUS= SCALE_EVENT=). */
struct mscg_control_state {
	uint32_t cpus, min_cpus, max_cpus;
	uint64_t mem_mb;
	char     status[24];   /* "RUNNING", at the end the final state */
	double   scale_event;  /* seconds since the epoch of the last resize; 0: none yet */
};

/* Opens the control file of this job. `path` NULL: as the environment says. -ENOENT outside of a job. The caller closes. */
MSCG_PUBLIC int  mscg_control_open(struct mscg_control **ret, const char *path);
MSCG_PUBLIC void mscg_control_close(struct mscg_control *control);
/* Reads the file if it changed since the last look (one stat(2) otherwise). Returns 1 and fills *state when something
 * changed (the first look counts as a change), 0 when nothing did (and *state is filled all the same), -errno;
 * -EBADMSG for a file that is not understood. */
MSCG_PUBLIC int mscg_control_read(struct mscg_control *control, struct mscg_control_state *state);
/* CPUs of this job now, at least 1; outside of a job, the CPUs that the process may use. `control` may be NULL. */
MSCG_PUBLIC int mscg_control_cpus(struct mscg_control *control);
/* A descriptor that polls readable when the file was replaced (inotify(7)); owned by `control`. After it fires call
 * mscg_control_read, and once after this call too: what changed before it does not ring. */
MSCG_PUBLIC int mscg_control_fd(struct mscg_control *control);

#endif
