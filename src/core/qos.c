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

uint32_t core_time_limit(const struct core_policy *policy, uint32_t qos, uint32_t asked_s)
{
	const struct core_qos *q = core_qos_find(policy, qos);
	uint32_t most = q ? q->job_time_s : 0, limit = policy->default_time_limit_s;

	if (asked_s)
		return asked_s;
	return most && (!limit || limit > most) ? most : limit;
}

int32_t qos_priority(const struct core *core, uint32_t qos, int64_t asked)
{
	const struct core_qos *q = core_qos_find(&core->policy, qos);
	int64_t priority = asked + (q ? q->priority : 0);

	return (int32_t)MAX_OF(MIN_OF(priority, INT32_MAX), INT32_MIN);
}

bool qos_there(const struct core *core, uint32_t qos)
{
	return !qos || !core->policy.qos_n || core_qos_find(&core->policy, qos);
}

int qos_admits(const struct core *core, const struct mscg_job *job, char text[160])
{
	const struct core_qos *q = core_qos_find(&core->policy, job->qos);
	char a[64], b[64];

	if (!q)
		return 0;
	if (q->job_cpus_milli && job->cpus_milli > q->job_cpus_milli)
		snprintf(text, 160, "%s CPUs are more than the %s that a job may have in QOS %s", format_cpus(job->cpus_milli, a, sizeof a),
		         format_cpus(q->job_cpus_milli, b, sizeof b), q->name);
	else if (q->job_mem_bytes && job->mem_bytes > q->job_mem_bytes)
		snprintf(text, 160, "%s of memory is more than the %s that a job may have in QOS %s", format_size(job->mem_bytes, a, sizeof a),
		         format_size(q->job_mem_bytes, b, sizeof b), q->name);
	else if (q->job_time_s && !job->time_limit_s)
		snprintf(text, 160, "no time limit is more than the %s that a job may have in QOS %s",
		         format_elapsed(q->job_time_s, b, sizeof b), q->name);
	else if (q->job_time_s && job->time_limit_s > q->job_time_s)
		snprintf(text, 160, "a time limit of %s is more than the %s that a job may have in QOS %s",
		         format_elapsed(job->time_limit_s, a, sizeof a), format_elapsed(q->job_time_s, b, sizeof b), q->name);
	else
		return 0;
	return -ENOSPC;
}

enum mscg_reason qos_why(const struct core *core, const struct entry *e, char text[160])
{
	if (qos_there(core, e->job.qos))
		return MSCG_REASON_NONE;
	snprintf(text, 160, "%s: give it another with mscg update --qos", mscg_reason_text(MSCG_REASON_INVALID_QOS));
	return MSCG_REASON_INVALID_QOS;
}
