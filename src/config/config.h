/* config.h: what the admin may set. One table (config.c) is the command line, the configuration file, `mscg config`
 * and the manual's list at once. Later sources win: default, file, drop-ins in order of name, command line.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "qos.h"
#include "partition.h"
#include "accounts.h"
#include "src/base/base.h"

enum config_missing { MISSING_FAIL, MISSING_WARN };
enum config_scheduler { SCHEDULER_EASY, SCHEDULER_CONSERVATIVE, SCHEDULER_FIRSTFIT, SCHEDULER_FCFS };
enum config_priority { PRIORITY_BASIC, PRIORITY_MULTIFACTOR };
enum config_detect { CONFIG_DETECT_NVML, CONFIG_DETECT_OFF };
enum config_period { PERIOD_DAY, PERIOD_WEEK, PERIOD_MONTH, PERIOD_YEAR };
enum config_preempt { PREEMPT_BY_QOS, PREEMPT_BY_PRIORITY };
enum config_infeasible { INFEASIBLE_QUEUE, INFEASIBLE_REJECT };
enum config_privacy { PRIVACY_NONE, PRIVACY_USERS, PRIVACY_JOBS };

struct config {
	uint64_t total_cpus; /* 0: what there is */
	uint64_t total_mem;  /* bytes, 0: what there is */
	char    *reserve_cpus; /* a list ("0,32") or a count of CPUs that jobs never get; NULL: none */
	uint64_t reserve_mem;  /* bytes; UINT64_MAX: 5 %, at most 2 GiB */
	char    *shared_cpus;  /* a list or a count, set aside for --cpu-mode=quota */
	char    *topology_config; /* a file, or "default"; NULL: the machine's own NUMA nodes and packages */
	char    *gres;         /* NAME[:TYPE]:N,... */
	char    *gres_config;  /* a file; NULL: none */
	int      gpu_detect;   /* enum config_detect */
	char    *nvml_library; /* NULL: NVIDIA's, if it is there */
	char    *licenses;     /* NAME:N,... */
	int      scheduler; /* enum config_scheduler */
	uint64_t backfill_depth;
	uint64_t starvation_guard; /* seconds, 0: none */
	char    *default_qos;
	int      preempt_type; /* enum config_preempt */
	struct qos_table qos; /* sections of the files, QOS_NORMAL at least */
	char    *default_partition; /* NULL: each job says its own */
	struct partition_table partitions; /* sections of the files; none: what jobs say of it is recorded */
	int      priority_type; /* enum config_priority */
	uint64_t weight_age, weight_fairshare, weight_job_size, weight_qos;
	uint64_t max_age, half_life, calc_period; /* seconds */
	struct accounts accounts;
	double   budget_user;   /* 0: none */
	int      budget_period; /* enum config_period */
	uint64_t elastic_threshold;
	bool     disable_elastic;
	char    *cgroup_root, *state_dir, *runtime_dir, *socket;
	bool     allow_root_jobs;
	int      missing_controllers; /* enum config_missing */
	int      infeasible;          /* enum config_infeasible */
	uint64_t default_mem_per_cpu; /* bytes, 0: memory / CPUs */
	uint64_t default_time_limit;  /* seconds, 0: none */
	uint64_t max_jobs;            /* that run at once: slots */
	uint64_t spare_supervisors;
	uint64_t max_launch_retries;
	uint64_t unkillable_timeout; /* seconds */
	uint64_t keep_events;         /* seconds of journal, 0: for ever */
	uint64_t log_max;             /* bytes in each output file, 0: no limit */
	char    *isolate;             /* of jobs that do not say */
	char    *cost_rates, *cost_currency; /* NULL: not given */
	char    *images;              /* directories of images that are mounted, "/a,/b"; NULL: none */
	char    *devices;             /* nodes that jobs with mounts of their own have; NULL: none */
	char    *isolate_min;         /* of all jobs; NULL: nothing */
	char    *operator_group;
	int      privacy;             /* enum config_privacy */
	uint64_t user_max_submit, user_max_jobs, user_max_cpus, user_max_mem; /* 0: no limit */
	uint64_t user_request_rate;   /* a second, 0: no limit */
	char    *poll_interval;       /* accepted, without effect */
	char    *engine;              /* local; fake in tests */
	/* only on the command line */
	char    *config_file;
	char    *can_follow; /* versions of what is to be taken over */
	bool     once;

	const char *origin[64]; /* by index in the table: where the value came from; owned */
};

struct config_setting {
	const char *section, *name, *argument; /* argument: as in the usage, NULL for a switch */
	const char *help;
};
const struct config_setting *config_settings(size_t *ret_n);

/* Defaults for root or a user (by geteuid), the file and its drop-ins, then argv. 0; 1: --help or --version was
 * answered on stdout; -errno with text that names file and line. */
int  config_load(struct config *ret, int argc, char *const *argv, struct mscg_error *error);
void config_clear(struct config *config);
/* The value as text, as it would stand in the file. Returns text. */
char *config_value(const struct config *config, size_t index, char *text, size_t size);
const char *config_origin(const struct config *config, size_t index);
bool config_is_given(const struct config *config, const char *name); /* it is not the default that is in force */

#endif
