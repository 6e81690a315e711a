/* sim.h: the scheduler's core in virtual time over a workload. The decisions are the core's own, those of mscgd; what is
 * simulated is the machine and what jobs do: a job takes its run time at the CPUs that it asked for, and longer or
 * shorter as it holds fewer or more (Amdahl's law with a serial share).
 *
 * Pure like the core: text comes in, numbers and text go out.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <mscg/error.h>

#include "src/base/base.h"

struct sim_job {
	int64_t  submit_usec; /* since the workload's begin */
	double   run_seconds; /* at `cpus` */
	uint64_t mem_bytes;
	uint32_t cpus, min_cpus, max_cpus; /* min = max = cpus: not elastic */
	uint32_t time_limit_s;             /* 0: none */
	uint32_t user;
	int32_t  priority;
	/* What came of it. start -1: it never ran. */
	int64_t  start_usec, end_usec;
	double   cpu_seconds; /* held */
	uint32_t resizes;
};

struct sim_workload {
	struct sim_job *jobs; /* in order of submission; owned */
	uint32_t n, cap;
	uint32_t cpus; /* of the machine it was recorded on ("; MaxProcs:"); 0: not said */
	uint64_t mem_bytes; /* of it; 0: not said */
};
void sim_workload_free(struct sim_workload *w);

/* Standard Workload Format: one job a line, 18 fields, ';' begins a comment. Jobs without a run time or processors
 * (cancelled before they started) are left out and counted in *skipped. -EINVAL with line and field. */
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

enum sim_scheduler { SIM_EASY, SIM_CONSERVATIVE, SIM_FIRSTFIT, SIM_FCFS };

struct sim_options {
	enum sim_scheduler scheduler;
	uint32_t backfill_depth;     /* 0: 100, as mscgd */
	int64_t  starvation_guard_s; /* 0: none */
	uint32_t cpus;
	uint64_t mem_bytes;
	bool     elastic;           /* false: elastic jobs stay as they asked */
	uint32_t elastic_threshold; /* percent, as mscgd's */
	double   serial;            /* share of a job's work that more CPUs do not shorten */
};

struct sim_result {
	uint32_t jobs, rejected; /* rejected: the machine can never satisfy them */
	double   makespan_s, utilisation; /* 0..1: CPU time held by jobs over CPUs * makespan */
	double   wait_mean_s, wait_p95_s, wait_max_s;
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
