/* What may be spent in a period, by an account with all that is below it, and by each user. Spent is what CPUs, GPUs and memory were
 * held, by their prices; it is charged with usage, and worked out with it (share.c). What is spent already keeps jobs from
 * starting, and what runs goes on: their shapes are not listed, as where a user has reached his limits. */
#include "src/base/gres.h"
#include "src/core/internal.h"

static const struct core_rates *rates_of(const struct core *core, const struct mscg_job *job)
{
	const struct core_partition *p = core_partition_find(&core->policy, job->partition);
	const struct core_qos *q = core_qos_find(&core->policy, job->qos);

	return p && p->rates.given ? &p->rates : q && q->rates.given ? &q->rates : &core->policy.priority.budget.rates;
}

double budget_spending(const struct core *core, const struct entry *e, struct core_now now, int64_t usec)
{
	const struct core_budget *b = &core->policy.priority.budget;
	const struct core_rates *rates = rates_of(core, &e->job);
	const struct mscg_share *s = share_of(e);
	double hours = (double)MAX_OF(MIN_OF(usec, now.real_usec - b->from_usec), 0) / 3600 / USEC_PER_SEC;

	return hours * (rates->cpu_hour * s->cpu_milli / 1000 + rates->gib_hour * (double)s->mem_bytes / (1 << 30) +
	                rates->gpu_hour * gres_count(e->job.gres, GRES_GPU));
}

double budget_before(const struct core *core, const struct assoc *a)
{
	return a->spent_from == core->policy.priority.budget.from_usec ? a->spent : 0;
}

static double spent_by(const struct core *core, uint32_t uid)
{
	double sum = 0;

	for (const struct assoc *a = ids_get(&core->shares.users, uid); a; a = a->same_user)
		sum += a->spent_now;
	return sum;
}

/* The account, at or above `at`, whose budget is spent; NULL: none. */
static const struct account *overdrawn(const struct core *core, uint32_t at)
{
	const struct account *all = core->shares.account;

	for (; at != NOWHERE; at = all[at].up)
		if (all[at].budget > 0 && all[at].spent >= all[at].budget)
			return &all[at];
	return NULL;
}

static bool user_is_over(const struct core *core, uint32_t uid)
{
	double budget = core->policy.priority.budget.user;

	return budget > 0 && spent_by(core, uid) >= budget;
}

bool budget_is_spent(const struct core *core, const struct assoc *a)
{
	return overdrawn(core, a->at) || user_is_over(core, a->uid);
}

enum mscg_reason budget_why(const struct core *core, const struct entry *e, char text[160])
{
	const struct core_budget *b = &core->policy.priority.budget;
	const struct account *account;
	char until[64];

	if (!e->assoc || !e->assoc->over)
		return MSCG_REASON_NONE;
	format_rfc3339(b->until_usec, until, sizeof until);
	account = overdrawn(core, e->assoc->at);
	if (account)
		snprintf(text, 160, "account %.40s has spent %.2f of the %.2f that it may until %s", account->name, account->spent, account->budget, until);
	else
		snprintf(text, 160, "its user has spent %.2f of the %.2f that a user may until %s", spent_by(core, e->assoc->uid), b->user, until);
	return MSCG_REASON_BUDGET;
}

void core_each_spent(const struct core *core, struct core_now now, void (*each)(const struct core_spent *spent, void *ctx), void *ctx)
{
	const struct assoc *a;

	if (!core->shares.on)
		return;
	share_work_out(core, now);
	for (uint32_t i = 1; i < core->shares.accounts; i++)
		if (core->shares.account[i].budget > 0)
			each(&(struct core_spent){core->shares.account[i].name, 0, core->shares.account[i].budget, core->shares.account[i].spent}, ctx);
	if (core->policy.priority.budget.user > 0)
		IDS_EACH(&core->shares.users, uid, a)
			each(&(struct core_spent){NULL, a->uid, core->policy.priority.budget.user, spent_by(core, a->uid)}, ctx);
}
