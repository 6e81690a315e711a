/* Order by factors, each from 0 to 1 and times its weight, as in Slurm's multifactor priority. --priority comes before all of
 * it: what can be had from others falls with it, and the tree of shapes is in that order.
 *
 * Never is more worked out than the first of each shape: shapes are of one user in one account, so that within one the factors
 * are the same but for age, and age is in the order of the times since when it counts. Where these are at the cap alike, that
 * time still says who is first. Factors are calculated anew when a decision is due and they are older than calc_period_s: in
 * between, two that wait change places no more than their ages do, which grow alike. */
#include "src/core/internal.h"

#define CALC_PER_SHAPE 100 /* usec: with very many shapes the calculation comes less often */

int64_t factor_since(const struct mscg_job *job)
{
	return MAX_OF(job->submit_usec, job->begin_usec);
}

static double age(const struct core *core, const struct mscg_job *job)
{
	double most = (double)core->policy.priority.max_age_s * USEC_PER_SEC, is = (double)(core->shares.calc_real - factor_since(job));

	return is <= 0 ? 0 : is >= most ? 1 : is / most;
}

static double job_size(const struct core *core, const struct mscg_job *job)
{
	uint64_t total = book_total(core, pool_of(job));

	return total ? MIN_OF((double)job->cpus_milli / (double)total, 1) : 0;
}

static struct core_factors factors(const struct core *core, const struct entry *e)
{
	const struct core_priority *p = &core->policy.priority;
	struct core_factors f = {
		.priority = e->job.priority,
		.age = age(core, &e->job),
		.fairshare = e->assoc ? e->assoc->factor : 0,
		.job_size = job_size(core, &e->job),
	};

	f.weighted_age = p->weight_age * f.age;
	f.weighted_fairshare = p->weight_fairshare * f.fairshare;
	f.weighted_job_size = p->weight_job_size * f.job_size;
	f.weighted_qos = p->weight_qos * f.qos;
	f.sum = f.weighted_age + f.weighted_fairshare + f.weighted_job_size + f.weighted_qos;
	return f;
}

double factor_score(const struct core *core, const struct entry *e)
{
	return factors(core, e).sum;
}

bool core_get_factors(const struct core *core, struct mscg_id id, struct core_factors *ret, const char **account)
{
	const struct entry *e = entry_find(core, id);

	if (!e && core_task_waits(core, id))
		e = ids_get(&core->jobs, id.job);
	if (!core->policy.priority.multifactor || !e || e->job.state != MSCG_STATE_PENDING)
		return false;
	*ret = factors(core, e);
	if (account)
		*account = e->assoc ? e->assoc->account : "";
	return true;
}

uint32_t core_front(const struct core *core, struct mscg_id *ids, uint32_t most)
{
	_cleanup_free_ struct entry **first = xcalloc(most + 1, sizeof *first);
	uint32_t found = queue_front(core, first, most), n = 0;

	for (uint32_t i = 0; i < found; i++)
		if (!i || first[i] != first[i - 1])
			ids[n++] = first[i]->job.id;
	return n;
}

void factor_calculate(struct core *core)
{
	const struct core_priority *p = &core->policy.priority;
	int64_t period = MAX_OF(p->calc_period_s * USEC_PER_SEC, (int64_t)core->queue.count * CALC_PER_SHAPE);

	if (!core->shares.on || (core->shares.calculated && core->now.boot_usec - core->shares.calc_boot < period))
		return;
	core->shares.calculated = true;
	core->shares.calc_boot = core->now.boot_usec;
	core->shares.calc_real = core->now.real_usec;
	share_work_out(core, core->now);
	if (share_decide(core) || p->multifactor)
		queue_rescore(core);
}
