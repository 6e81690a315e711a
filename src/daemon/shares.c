/* Priorities, Shares: what the order of the queue is made of. Worked out by the core alone. */
#include "daemon.h"

enum { FRONT = 1000, PRIORITIES_MAX = 16384 };

static bool by_factors(struct request *r)
{
	if (r->d->policy.priority.multifactor)
		return true;
	request_failf(r, -EINVAL, "priority-type is basic: the order is that of --priority, then of submission; expected multifactor in mscg.conf");
	return false;
}

static json_t *factors_json(double age, double fairshare, double job_size, double qos)
{
	return json_pack("{s:f, s:f, s:f, s:f}", "age", age, "fairshare", fairshare, "job_size", job_size, "qos", qos);
}

/* "": it is not said */
static json_t *text_or_null(const char *text)
{
	return text && *text ? json_string(text) : json_null();
}

static json_t *priority_json(const struct request *r, const struct mscg_job *job, struct mscg_id id)
{
	struct core_factors f;
	const char *account;
	char text[MSCG_ID_TEXT], name[32];
	bool known = client_knows(r->client, job->uid);

	if (!core_get_factors(r->d->core, id, &f, &account))
		return NULL;
	return json_pack("{s:s, s:o, s:o, s:i, s:o, s:o, s:f}", "id", mscg_id_format(id, text), "user",
	                 text_or_null(known ? users_label(job->uid, name) : NULL), "account", text_or_null(known ? account : NULL), "priority", f.priority,
	                 "factors", factors_json(f.age, f.fairshare, f.job_size, f.qos), "weighted",
	                 factors_json(f.weighted_age, f.weighted_fairshare, f.weighted_job_size, f.weighted_qos), "sum", f.sum);
}

static void reply_priorities(struct request *r, bool more)
{
	const struct core_priority *p = &r->d->policy.priority;

	parts_end(r, "priorities", json_pack("{s:o, s:b}", "weights",
	                                     factors_json(p->weight_age, p->weight_fairshare, p->weight_job_size, p->weight_qos), "more", more));
}

static void give_front(struct request *r)
{
	struct mscg_id ids[FRONT + 1];
	uint32_t n = core_front(r->d->core, ids, FRONT + 1);
	bool fits = true;

	for (uint32_t i = 0; i < MIN_OF(n, (uint32_t)FRONT) && fits; i++) {
		const struct mscg_job *job = core_find(r->d->core, ids[i]);
		json_t *one = job && client_sees(r->client, job->uid) ? priority_json(r, job, ids[i]) : NULL;

		fits = !one || parts_add(r, "priorities", one);
	}
	if (fits)
		reply_priorities(r, n > FRONT);
	else
		parts_refuse(r);
}

static int add_one(struct request *r, const char *text, struct mscg_error *error)
{
	const struct mscg_job *job;
	struct mscg_id id;
	int code = mscg_id_parse(text, &id, error);
	json_t *one;

	if (code < 0)
		return code;
	job = core_find(r->d->core, id);
	if (!job || !client_sees(r->client, job->uid))
		return mscg_error_set(error, -ESRCH, "no job %.60s that waits", text);
	one = priority_json(r, job, id);
	if (!one)
		return mscg_error_set(error, -EBUSY, "job %.60s is %s: only what waits has a place in the queue", text,
		                      mscg_state_name((enum mscg_state)job->state));
	return parts_add(r, "priorities", one) ? 0 : -EMSGSIZE;
}

void priorities_start(struct request *r)
{
	_cleanup_strv_ char **texts = NULL;
	struct mscg_error error;
	int code = wire_get_strv(r->parameters, "ids", &texts, &error);

	if (code < 0) {
		request_fail(r, code, &error);
		return;
	}
	if (!by_factors(r))
		return;
	if (!texts || !texts[0]) {
		give_front(r);
		return;
	}
	if (strv_length(texts) > PRIORITIES_MAX) {
		request_failf(r, -E2BIG, "%zu jobs in one request: expected at most %d", strv_length(texts), PRIORITIES_MAX);
		return;
	}
	for (char **t = texts; *t && code >= 0; t++)
		code = add_one(r, *t, &error);
	if (code >= 0)
		reply_priorities(r, false);
	else if (code == -EMSGSIZE)
		parts_refuse(r);
	else
		request_fail(r, code, &error);
}

struct share_list {
	struct request *r;
	bool full;
};

static void add_share(const struct core_share *s, void *ctx)
{
	struct share_list *l = ctx;
	bool hidden = s->is_user && !client_knows(l->r->client, s->uid);
	char name[32];

	if (l->full)
		return;
	json_t *one = json_pack("{s:o, s:o, s:o, s:i, s:i, s:f, s:f, s:f, s:f, s:o}", "account", text_or_null(s->account), "parent",
	                        text_or_null(s->up), "user", s->is_user ? json_string(hidden ? "" : users_label(s->uid, name)) : json_null(),
	                        "level", (int)s->level, "shares", (int)s->shares, "norm_shares", s->norm_shares, "cpu_seconds", s->cpu_s,
	                        "norm_usage", s->norm_usage, "effective_usage", s->effective_usage, "fairshare",
	                        s->is_user ? json_real(s->factor) : json_null());
	l->full = !parts_add(l->r, "shares", one);
}

void shares_start(struct request *r)
{
	struct core_now now = {clock_real_usec(), clock_boot_usec()};
	struct share_list l = {r, false};

	if (!by_factors(r))
		return;
	core_each_share(r->d->core, now, add_share, &l);
	if (l.full)
		parts_refuse(r);
	else
		parts_end(r, "shares", json_pack("{s:I}", "half_life_seconds", (json_int_t)r->d->policy.priority.half_life_s));
}
