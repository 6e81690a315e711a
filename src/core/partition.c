/* Partitions: who may start at all, what one job may ask for, and the priority that jobs have by where they are; what all of one
 * have together is in totals.c. The policy has the table, a job the key of a name in it. Without a table what jobs say of it
 * means nothing; where it has no such name any more, the job waits until it is given another. */
#include "src/core/internal.h"

const struct core_partition *core_partition_find(const struct core_policy *policy, uint32_t key)
{
	for (uint32_t i = 0; i < policy->partition_n; i++)
		if (policy->partition[i].key == key)
			return &policy->partition[i];
	return NULL;
}

uint32_t partition_of(const struct core_policy *policy, const struct mscg_job *job)
{
	return policy->partition_n ? job->partition : 0;
}

bool partition_starts(const struct core *core, uint32_t partition)
{
	const struct core_partition *p = core_partition_find(&core->policy, partition);

	return !partition || !core->policy.partition_n || (p && p->starts);
}

bool partition_takes(const struct core *core, uint32_t partition, char text[160])
{
	const struct core_partition *p = core_partition_find(&core->policy, partition);

	if (!partition || !core->policy.partition_n || (p && p->takes))
		return true;
	if (p)
		snprintf(text, 160, "partition %s takes no new jobs: it is %s", p->name, p->starts ? "drained" : "inactive");
	else
		snprintf(text, 160, "that partition is not in the configuration any more");
	return false;
}

int partition_admits(const struct core *core, const struct mscg_job *job, char text[160])
{
	const struct core_partition *p = core_partition_find(&core->policy, job->partition);
	const struct core_qos *q = core_qos_find(&core->policy, job->qos);

	if (!p)
		return 0;
	if (p->qos && q && !(p->qos >> (q - core->policy.qos) & 1)) {
		snprintf(text, 160, "partition %s is not for QOS %s: see mscg partition", p->name, q->name);
		return -ENOSPC;
	}
	return job_limits_admit(&(struct job_limits){p->job_cpus_milli, p->job_time_s, p->job_mem_bytes, "partition", p->name}, job, text);
}

enum mscg_reason partition_why(const struct core *core, const struct entry *e, char text[160])
{
	const struct core_partition *p = core_partition_find(&core->policy, e->job.partition);

	if (partition_starts(core, e->job.partition))
		return MSCG_REASON_NONE;
	if (p)
		snprintf(text, 160, "partition %s starts nothing: it is %s", p->name, p->takes ? "down" : "inactive");
	else
		snprintf(text, 160, "its partition is not in the configuration any more: give it another with mscg update --partition");
	return MSCG_REASON_PARTITION_DOWN;
}
