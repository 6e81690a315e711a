/* Qualities of service: a priority that jobs have by it, and limits, those of one job here, those of a user in users.c. The
 * policy has the table, a job the key of a name in it; where the table has no such name any more, the job waits until it is
 * given another. */
#include "src/core/internal.h"

const struct core_qos *core_qos_find(const struct core_policy *policy, uint32_t key)
{
	for (uint32_t i = 0; i < policy->qos_n; i++)
		if (policy->qos[i].key == key)
			return &policy->qos[i];
	return NULL;
}

/* The shorter one, where 0 is none. */
static uint32_t shorter(uint32_t a, uint32_t b)
{
	return a && b ? MIN_OF(a, b) : MAX_OF(a, b);
}

uint32_t core_time_limit(const struct core_policy *policy, uint32_t qos, uint32_t partition, uint32_t asked_s)
{
	const struct core_qos *q = core_qos_find(policy, qos);
	const struct core_partition *p = core_partition_find(policy, partition);
	uint32_t most = shorter(q ? q->job_time_s : 0, p ? p->job_time_s : 0);

	if (asked_s)
		return asked_s;
	return shorter(most, p && p->default_time_s ? p->default_time_s : policy->default_time_limit_s);
}

int32_t job_priority(const struct core *core, uint32_t qos, uint32_t partition, int64_t asked)
{
	const struct core_qos *q = core_qos_find(&core->policy, qos);
	const struct core_partition *p = core_partition_find(&core->policy, partition);
	int64_t priority = asked + (q ? q->priority : 0) + (p ? p->priority : 0);

	return (int32_t)MAX_OF(MIN_OF(priority, INT32_MAX), INT32_MIN);
}

bool qos_there(const struct core *core, uint32_t qos)
{
	return !qos || !core->policy.qos_n || core_qos_find(&core->policy, qos);
}

int job_limits_admit(const struct job_limits *most, const struct mscg_job *job, char text[160])
{
	char a[64], b[64];

	if (most->cpus_milli && job->cpus_milli > most->cpus_milli)
		snprintf(text, 160, "%s CPUs are more than the %s that a job may have in %s %s", format_cpus(job->cpus_milli, a, sizeof a),
		         format_cpus(most->cpus_milli, b, sizeof b), most->of, most->name);
	else if (most->mem_bytes && job->mem_bytes > most->mem_bytes)
		snprintf(text, 160, "%s of memory is more than the %s that a job may have in %s %s", format_size(job->mem_bytes, a, sizeof a),
		         format_size(most->mem_bytes, b, sizeof b), most->of, most->name);
	else if (most->time_s && !job->time_limit_s)
		snprintf(text, 160, "no time limit is more than the %s that a job may have in %s %s", format_elapsed(most->time_s, b, sizeof b),
		         most->of, most->name);
	else if (most->time_s && job->time_limit_s > most->time_s)
		snprintf(text, 160, "a time limit of %s is more than the %s that a job may have in %s %s",
		         format_elapsed(job->time_limit_s, a, sizeof a), format_elapsed(most->time_s, b, sizeof b), most->of, most->name);
	else
		return 0;
	return -ENOSPC;
}

int job_admits(const struct core *core, const struct mscg_job *job, char text[160])
{
	const struct core_qos *q = core_qos_find(&core->policy, job->qos);
	int r = q ? job_limits_admit(&(struct job_limits){q->job_cpus_milli, q->job_time_s, q->job_mem_bytes, "QOS", q->name}, job, text) : 0;

	return r < 0 ? r : partition_admits(core, job, text);
}

enum mscg_reason qos_why(const struct core *core, const struct entry *e, char text[160])
{
	if (qos_there(core, e->job.qos))
		return MSCG_REASON_NONE;
	snprintf(text, 160, "%s: give it another with mscg update --qos", mscg_reason_text(MSCG_REASON_INVALID_QOS));
	return MSCG_REASON_INVALID_QOS;
}
