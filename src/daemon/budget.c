/* Budgets: the end of their period, and what is spent in it. */
#include "daemon.h"
#include "src/base/parse.h"

static int on_period(sd_event_source *source, uint64_t usec, void *ctx)
{
	(void)source, (void)usec;
	daemon_set_policy(ctx);
	return 0;
}

void budget_arm(struct daemon *d)
{
	uint64_t until = (uint64_t)d->policy.priority.budget.until_usec;

	if (!d->policy.priority.charges || !d->loop)
		return;
	if (!d->period_source)
		sd_event_add_time(d->loop, &d->period_source, CLOCK_REALTIME, until, USEC_PER_SEC, on_period, d);
	sd_event_source_set_time(d->period_source, until);
	sd_event_source_set_enabled(d->period_source, SD_EVENT_ONESHOT);
}

/* -- Budgets ------------------------------------------------------------------------------------------------------ */

struct budget_list {
	const struct request *r;
	json_t *list;
};

static void add_budget(const struct core_spent *s, void *ctx)
{
	const struct budget_list *l = ctx;
	char name[32];

	if (!s->account && !client_knows(l->r->client, s->uid))
		return;
	json_array_append_new(l->list, json_pack("{s:s?, s:s?, s:f, s:f, s:f}", "account", s->account, "user", s->account ? NULL : users_label(s->uid, name),
	                                         "budget", s->budget, "spent", s->spent, "left", MAX_OF(s->budget - s->spent, 0.0)));
}

void budgets_start(struct request *r)
{
	const struct core_budget *b = &r->d->policy.priority.budget;
	struct core_now now = {clock_real_usec(), clock_boot_usec()};
	struct budget_list l = {r, json_array()};
	char from[64], until[64];

	core_each_spent(r->d->core, now, add_budget, &l);
	request_reply(r, json_pack("{s:o, s:s, s:s?, s:s, s:s}", "budgets", l.list, "unit", budget_is_priced(&r->d->config) ? "cost" : "cpu_hours", "currency",
	                           budget_is_priced(&r->d->config) ? r->d->config.cost_currency : NULL, "from", format_rfc3339(b->from_usec, from, sizeof from), "until",
	                           format_rfc3339(b->until_usec, until, sizeof until)));
}
