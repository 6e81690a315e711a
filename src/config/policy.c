#include "policy.h"

#include <time.h>

#include "src/base/clock.h"

/* -- budgets ------------------------------------------------------------------------------------------------------ */

/* Local time, as people count days: the begin of the period that `now` is in, or of one after it. */
static int64_t period_begin(enum config_period period, int64_t now, int after)
{
	time_t seconds = (time_t)(now / USEC_PER_SEC);
	struct tm tm;

	localtime_r(&seconds, &tm);
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_isdst = -1;
	switch (period) {
	case PERIOD_DAY: tm.tm_mday += after; break;
	case PERIOD_WEEK: tm.tm_mday += 7 * after - (tm.tm_wday + 6) % 7; break; /* of Monday */
	case PERIOD_YEAR: tm.tm_mon = 0, tm.tm_year += after, tm.tm_mday = 1; break;
	case PERIOD_MONTH: tm.tm_mon += after, tm.tm_mday = 1; break;
	}
	return (int64_t)mktime(&tm) * USEC_PER_SEC;
}

bool budget_is_set(const struct config *config)
{
	bool set = config->budget_user > 0;

	for (uint32_t i = 0; i < config->accounts.n; i++)
		set |= config->accounts.list[i].budget > 0;
	return set;
}

bool budget_is_priced(const struct config *config)
{
	bool priced = config->cost_rates;

	for (uint32_t i = 0; i < config->qos.n; i++)
		priced |= config->qos.qos[i].cost_rates != NULL;
	for (uint32_t i = 0; i < config->partitions.n; i++)
		priced |= config->partitions.partition[i].cost_rates != NULL;
	return priced;
}

static struct core_budget budget_of(const struct config *c, int64_t now)
{
	enum config_period period = (enum config_period)c->budget_period;

	return (struct core_budget){
		.user       = c->budget_user,
		.rates      = budget_is_priced(c) ? qos_rates(c->cost_rates) : (struct core_rates){ .cpu_hour = 1 }, /* without prices CPU-hours are what is spent */
		.from_usec  = period_begin(period, now, 0),
		.until_usec = period_begin(period, now, 1),
	};
}

/* -- the whole ---------------------------------------------------------------------------------------------------- */

static struct core_priority priority_of(const struct config *c, const struct accounts_view *accounts, int64_t now)
{
	return (struct core_priority){
		.multifactor      = c->priority_type == PRIORITY_MULTIFACTOR,
		.weight_age       = (double)c->weight_age,
		.weight_fairshare = (double)c->weight_fairshare,
		.weight_job_size  = (double)c->weight_job_size,
		.weight_qos       = (double)c->weight_qos,
		.max_age_s        = (int64_t)c->max_age,
		.half_life_s      = (int64_t)c->half_life,
		.charges          = budget_is_set(c),
		.budget           = budget_of(c, now),
		.calc_period_s    = (int64_t)c->calc_period,
		.account          = accounts->account,
		.accounts         = accounts->accounts,
		.member           = accounts->member,
		.members          = accounts->members,
	};
}

enum core_scheduler policy_scheduler(enum config_scheduler scheduler)
{
	static const enum core_scheduler schedulers[] = {
		[SCHEDULER_EASY] = CORE_EASY, [SCHEDULER_CONSERVATIVE] = CORE_CONSERVATIVE,
		[SCHEDULER_FIRSTFIT] = CORE_FIRSTFIT, [SCHEDULER_FCFS] = CORE_FCFS,
	};

	return schedulers[scheduler];
}

void policy_fill(const struct config *c, const struct accounts_view *accounts, uint64_t mem_per_cpu, int64_t now_usec, struct core_policy *ret)
{
	*ret = (struct core_policy){
		.priority             = priority_of(c, accounts, now_usec),
		.scheduler            = policy_scheduler((enum config_scheduler)c->scheduler),
		.backfill_depth       = (uint32_t)c->backfill_depth,
		.starvation_guard_s   = (int64_t)c->starvation_guard,
		.elastic              = !c->disable_elastic,
		.elastic_threshold    = (uint32_t)c->elastic_threshold,
		.infeasible_reject    = c->infeasible == INFEASIBLE_REJECT,
		.default_mem_per_cpu  = c->default_mem_per_cpu ? c->default_mem_per_cpu : MAX_OF(mem_per_cpu, UINT64_C(4) << 20),
		.default_time_limit_s = (uint32_t)c->default_time_limit,
		.max_launch_retries   = (uint32_t)c->max_launch_retries,
		.user_submitted       = c->user_max_submit,
		.max_jobs             = c->max_jobs,
		.user_running         = c->user_max_jobs,
		.user_cpus_milli      = c->user_max_cpus * 1000,
		.user_mem_bytes       = c->user_max_mem,
		.preempt_by_priority  = c->preempt_type == PREEMPT_BY_PRIORITY,
	};
	qos_fill_policy(&c->qos, ret);
	partition_fill_policy(&c->partitions, &c->qos, ret);
}
