/* sim.h: the scheduler's core in virtual time over a workload. The decisions are the core's own, those of mscgd; what is
 * simulated is the machine and what jobs do: a job takes its run time at the CPUs that it asked for, and longer or
 * shorter as it holds fewer or more (Amdahl's law with a serial share). While it is suspended its work stands still; requeued,
 * it begins again. It ends at once when it is told to.
 *
 * Pure like the core: text comes in, numbers and text go out.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <mscg/error.h>

#include "src/base/base.h"
#include "src/core/core.h"

struct sim_job {
	int64_t  submit_usec; /* since the workload's begin */
	double   run_seconds; /* at `cpus` */
	uint64_t mem_bytes;
	uint32_t cpus, min_cpus, max_cpus; /* min = max = cpus: not elastic */
	uint32_t time_limit_s;             /* 0: none */
	uint32_t user;
	int32_t  priority;
	bool     requeue; /* may run again from its beginning */
	/* Kept for good (src/base/intern.h); NULL: it names none. */
	const char *qos, *partition, *account;
	const char *gres; /* "gpu:2,license:matlab:1" */
	int32_t  priority_asked; /* without what its QOS and its partition gave it where it was recorded */
	/* What came of it. start -1: it never ran. */
	int64_t  start_usec, end_usec; /* the first of all attempts, and the end of the last */
	int64_t  run_usec;    /* of the last attempt, as long as it did not stand still */
	double   cpu_seconds; /* held */
	uint32_t resizes;
	bool     cancelled;   /* for good, for one that may preempt it */
};

struct sim_workload {
	struct sim_job *jobs; /* in order of submission; owned */
	uint32_t n, cap;
	uint32_t cpus; /* of the machine it was recorded on ("; MaxProcs:"); 0: not said */
	uint64_t mem_bytes; /* of it; 0: not said */
	const char *gres;   /* of it, as jobs ask for it; kept for good, NULL: not said */
	int64_t  begin_usec; /* wall clock; 0: not said */
	char   **users;     /* their names, by number from 1 on; owned, NULL: they have none */
};
void sim_workload_free(struct sim_workload *w);
/* Puts jobs that are in no order into that of their submission. */
void sim_workload_sort(struct sim_workload *w);

/* Standard Workload Format: one job a line, 18 fields, ';' begins a comment. Jobs without a run time or processors
 * (cancelled before they started) are left out and counted in *skipped; no run is longer than 1e11 s. -EINVAL with line and field. */
int sim_read_swf(const char *text, struct sim_workload *ret, uint32_t *skipped, struct mscg_error *error);
/* The same format, as text that the caller frees. */
char *sim_write_swf(const struct sim_workload *w);

/* A workload by the model of Lublin and Feitelson (The workload on parallel supercomputers, JPDC 63, 2003): sizes,
 * run times that depend on sizes, arrivals with a daily cycle, for a machine of `cpus`. The model knows no estimates:
 * limits are the run time times 1 to 5, rounded up to what people type. `load` stretches arrivals until the work
 * offered is that share of the machine; 0: as the model has it. Same seed, same workload. */
void sim_generate(struct sim_workload *ret, uint32_t n, uint32_t cpus, uint64_t seed, double load);

/* Makes that share of the jobs elastic, drawn by `seed`: from `shrink` of their CPUs (0.5: half) to `grow` times as many, at
 * most `cpus`. */
void sim_make_elastic(struct sim_workload *w, double share, double shrink, double grow, uint32_t cpus, uint64_t seed);

/* Generic resources of a machine, "gpu:a100:4,fpga:2,license:matlab:8": GPUs are devices, all else is counted. -EINVAL with text. */
int sim_gres_parse(const char *text, struct core_gres ret[CORE_GRES_MAX], uint32_t *ret_n, struct mscg_error *error);

/* The core's number of a workload's user: nobody is root, whom no limit is for. */
static inline uint32_t sim_uid(uint32_t user)
{
	return user + 1;
}

/* What an admin made of mscgd, where that is more than the options below say. */
struct sim_site {
	/* Of that time (wall clock); asked again when a budget's period has ended. Borrowed until then. */
	const struct core_policy *(*policy)(void *ctx, int64_t now_usec);
	/* As mscgd does with a submission before the core has it: names the QOS and so on that it does not name (borrowed), or
	 * refuses it with text. */
	int (*admit)(void *ctx, const struct sim_job *job, struct mscg_spec *spec, struct mscg_error *error);
	void *ctx;
};

#define SIM_MEM_ENDLESS (UINT64_C(1) << 60) /* of a machine that is never short of it */

struct sim_options {
	const struct sim_site *site; /* NULL: there are no QOS, partitions and so on; what jobs say of them means nothing. Else its
	                              * policy is what counts, and not what follows up to `elastic_threshold` */
	enum core_scheduler scheduler;
	uint32_t backfill_depth;     /* 0: 100, as mscgd */
	int64_t  starvation_guard_s; /* 0: none */
	bool     elastic;           /* false: elastic jobs stay as they asked */
	uint32_t elastic_threshold; /* percent, as mscgd's */
	uint32_t cpus;
	uint64_t mem_bytes;
	const struct core_gres *gres; uint32_t gres_n;
	double   serial;            /* share of a job's work that more CPUs do not shorten */
};

struct sim_result {
	uint32_t jobs;             /* that ran */
	uint32_t refused, waiting; /* when they were submitted; in the end still, or suspended */
	uint32_t first_refused;    /* by place */
	char     refusal[256];     /* of that one */
	uint64_t shrunk, suspended, requeued, cancelled; /* how often a job made room so for one that may preempt it */
	double   makespan_s, utilisation; /* 0..1: CPU time held by jobs over CPUs * makespan */
	double   lost_cpu_s; /* of that: by attempts that were cancelled, or had to begin again */
	/* Of those that were not cancelled so: */
	double   wait_mean_s, wait_p95_s, wait_max_s; /* from submission to end, but for the last attempt's run */
	double   slowdown_mean; /* bounded: (wait + run) / max(run, 10 s), at least 1 */
	double   fairness;      /* Jain's index over the users' mean slowdowns: 1 is even */
	uint64_t resizes, steps;
};
/* Runs it: fills in what came of each job, and the result. -EINVAL when the options make no sense. */
int sim_run(struct sim_workload *w, const struct sim_options *options, struct sim_result *ret, struct mscg_error *error);

/* The figures of a run that is done; used by sim_run. */
void sim_measure(const struct sim_workload *w, const struct sim_options *options, struct sim_result *ret);

/* A picture of one run as SVG, which the caller frees: each job a bar over the CPUs it would have stacked, above it the
 * CPUs in use. At most `most` jobs are drawn as bars. */
char *sim_svg(const struct sim_workload *w, const struct sim_options *options, const char *title, uint32_t most);

#endif
