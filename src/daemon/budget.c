/* Budgets: which period is now, and what is spent in it. */
#include <syslog.h>
#include <time.h>

#include "daemon.h"
#include "src/base/parse.h"

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

static bool budget_is_priced(const struct config *config)
{
	bool priced = config->cost_rates;

	for (uint32_t i = 0; i < config->qos.n; i++)
		priced |= config->qos.qos[i].cost_rates != NULL;
	for (uint32_t i = 0; i < config->partitions.n; i++)
		priced |= config->partitions.partition[i].cost_rates != NULL;
	return priced;
}

struct core_budget budget_of(const struct daemon *d)
{
	enum config_period period = (enum config_period)d->config.budget_period;
	int64_t now = clock_real_usec();
	bool priced = budget_is_priced(&d->config);

	return (struct core_budget){
		.user       = d->config.budget_user,
		.rates      = priced ? qos_rates(d->config.cost_rates) : (struct core_rates){ .cpu_hour = 1 }, /* without prices CPU-hours are what is spent */
		.from_usec  = period_begin(period, now, 0),
		.until_usec = period_begin(period, now, 1),
	};
}

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
