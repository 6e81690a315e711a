/* qos.h: qualities of service, a section [qos NAME] of the configuration each: what it says, who may have it, and what the
 * core is told of it.
 */
#ifndef CONFIG_QOS_H
#define CONFIG_QOS_H

#include "src/base/base.h"
#include "src/core/core.h"

#define QOS_NORMAL "normal" /* is always there */

struct qos_config {
	char    *name;
	int64_t  priority;
	uint64_t job_cpus, job_mem, job_time; /* CPUs, bytes, seconds; 0: no limit, and so below */
	uint64_t user_submit, user_jobs, user_cpus, user_mem;
	uint64_t grp_jobs, grp_cpus, grp_mem; /* of all its jobs that run */
	char    *preempts;     /* names, with ',' or spaces between */
	int      preempt_mode; /* enum core_preempt, how its own jobs make room */
	int64_t  grace_time;   /* seconds; -1: that of the job */
	uint64_t preempt_exempt_time;
	char    *users, *groups; /* who may have it, with ',' between; both NULL: everybody */
	char    *cost_rates; /* of its jobs; NULL: as elsewhere */
};
struct qos_table {
	struct qos_config *qos;
	uint32_t n, cap;
};

struct core_rates qos_rates(const char *text); /* of cost-rates; NULL: not given */
/* Makes it if it is not there. -EINVAL with text: no such name can be, or there are too many. */
int  qos_open(struct qos_table *table, const char *name, struct qos_config **ret, struct mscg_error *error);
/* One line of its section. -EINVAL with text that begins with the name of the setting. */
int  qos_set(struct qos_config *qos, const char *name, const char *value, struct mscg_error *error);
/* All is read: adds QOS_NORMAL, and looks whether the default is there, and those that may be preempted, by nobody who in the
 * end is preempted by them. */
int  qos_finish(struct qos_table *table, const char *default_qos, struct mscg_error *error);
void qos_clear(struct qos_table *table);
const struct qos_config *qos_find(const struct qos_table *table, const char *name); /* NULL: there is none */
const struct qos_config *qos_of_key(const struct qos_table *table, uint32_t key);
/* The QOS that `names` (',' or spaces between, may be NULL) has in it, as bits by place. -EINVAL with text that begins with `where`. */
int  qos_bits(const struct qos_table *table, const char *where, const char *names, uint32_t *ret, struct mscg_error *error);
void qos_fill_policy(const struct qos_table *table, struct core_policy *policy);
const char *qos_mode_name(const struct qos_config *qos); /* "suspend" */
char *qos_names(const struct qos_table *table); /* "high, low, normal"; malloc'ed */

#endif
