/* partition.h: partitions, a section [partition NAME] of the configuration each: what it says, who may use it, and what the
 * core is told of it. Without any, what jobs say of a partition is recorded and means nothing.
 */
#ifndef CONFIG_PARTITION_H
#define CONFIG_PARTITION_H

#include "src/base/base.h"

struct core_policy;
struct qos_table;

/* As Slurm has them: a drained one takes no new jobs, one that is down starts none, an inactive one neither. */
enum partition_state { PARTITION_UP, PARTITION_DOWN, PARTITION_DRAIN, PARTITION_INACTIVE };

struct partition_config {
	char    *name;
	int      state; /* enum partition_state */
	int64_t  priority;
	uint64_t cpus; /* of all its jobs that run; 0: no limit, and so below */
	uint64_t job_cpus, job_mem, job_time; /* CPUs, bytes, seconds */
	uint64_t default_time; /* seconds; 0: as elsewhere */
	char    *allow_groups, *allow_qos; /* names, with ',' or spaces between; NULL: all */
	char    *default_qos; /* NULL: as elsewhere */
	char    *cost_rates; /* of its jobs; NULL: those of their QOS, or as elsewhere */
};
struct partition_table {
	struct partition_config *partition;
	uint32_t n, cap;
};

/* Makes it if it is not there. -EINVAL with text: no such name can be, or there are too many. */
int  partition_open(struct partition_table *table, const char *name, struct partition_config **ret, struct mscg_error *error);
/* One line of its section. -EINVAL with text that begins with the name of the setting. */
int  partition_set(struct partition_config *partition, const char *name, const char *value, struct mscg_error *error);
/* All is read: looks whether what it names is there. default_name may be NULL. */
int  partition_finish(struct partition_table *table, const char *default_name, const struct qos_table *qos, struct mscg_error *error);
void partition_clear(struct partition_table *table);
const struct partition_config *partition_find(const struct partition_table *table, const char *name); /* NULL: there is none */
const struct partition_config *partition_of_key(const struct partition_table *table, uint32_t key);
void partition_fill_policy(const struct partition_table *table, const struct qos_table *qos, struct core_policy *policy);
const char *partition_state_name(const struct partition_config *partition); /* "up" */
char *partition_names(const struct partition_table *table); /* "fast, main"; malloc'ed */

#endif
