/* Why: what a waiting job waits for, and what would make it start. Worked out by the core alone. */
#include "daemon.h"
#include "src/base/parse.h"

static json_t *change_json(const struct core_change *c, struct mscg_id id)
{
	char job[MSCG_ID_TEXT], value[64] = "";
	_cleanup_free_ char *command = NULL;

	mscg_id_format(id, job);
	if (c->release)
		command = xasprintf("mscg release %s", job);
	else if (c->begin)
		command = xasprintf("mscg update %s --begin none", job);
	else if (c->throttle)
		command = xasprintf("mscg update %s --throttle %u", job, c->throttle);
	else if (c->has_priority)
		command = xasprintf("mscg update %s --priority %d", job, c->priority);
	else if (c->cpus_milli)
		command = xasprintf("mscg update %s --cpus %s", job, format_cpus(c->cpus_milli, value, sizeof value));
	else if (c->mem_bytes)
		command = xasprintf("mscg update %s --mem %s", job, format_size(c->mem_bytes, value, sizeof value));
	else if (c->time_limit_s)
		command = xasprintf("mscg update %s --time %s", job, format_elapsed(c->time_limit_s, value, sizeof value));
	return json_pack("{s:s, s:s?}", "change", c->text, "command", command);
}

static json_t *time_json(int64_t usec)
{
	char text[64];

	return usec == USEC_NEVER ? json_null() : json_string(format_rfc3339(usec, text, sizeof text));
}

/* Of those before it, the ones that the client may know of. */
static json_t *forecast_json(const struct request *r, const struct core_forecast *f, struct mscg_id id)
{
	json_t *before = json_array(), *changes = json_array();
	char text[MSCG_ID_TEXT];

	for (uint32_t i = 0; i < f->first_n; i++) {
		const struct mscg_job *job = core_find(r->d->core, f->first[i]);

		if (job && client_sees(r->client, job->uid))
			json_array_append_new(before, json_string(mscg_id_format(f->first[i], text)));
	}
	for (uint32_t i = 0; i < f->changes; i++)
		json_array_append_new(changes, change_json(&f->change[i], id));
	return json_pack("{s:s, s:s, s:s, s:s, s:i, s:b, s:o, s:o, s:s?, s:o}", "id", mscg_id_format(id, text), "state",
	                 mscg_state_name(MSCG_STATE_PENDING), "reason", mscg_reason_name(f->reason), "reason_text", f->text, "ahead",
	                 (int)f->ahead, "ahead_more", f->ahead_more, "before", before, "expected_start", time_json(f->start_usec),
	                 "unknown_because", *f->unsaid ? f->unsaid : NULL, "starts_now_with", changes);
}

bool why_here(const struct daemon *d, enum mscg_reason reason, char text[160])
{
	if (!d->config.once || d->info.drained || reason != MSCG_REASON_DRAINED)
		return false;
	snprintf(text, 160, "no scheduler runs: nothing is started before one does");
	return true;
}

static void foresee_here(const struct daemon *d, struct core_forecast *f)
{
	if (!why_here(d, f->reason, f->text))
		return;
	snprintf(f->unsaid, sizeof f->unsaid, "no scheduler runs");
	f->changes = 1;
	f->change[0] = (struct core_change){.text = "a scheduler (mscg scheduler)"};
}

void why_start(struct request *r)
{
	struct core_now now = {clock_real_usec(), clock_boot_usec()};
	const struct mscg_job *job;
	struct core_forecast f;
	struct mscg_error error;
	char id[MSCG_ID_TEXT];
	int code = wire_get_id(r->parameters, "id", &r->id, &error);

	if (code == 0)
		code = mscg_error_set(&error, -EINVAL, "parameter 'id' is missing: which job?");
	if (code < 0) {
		request_fail(r, code, &error);
		return;
	}
	mscg_id_format(r->id, id);
	job = core_find(r->d->core, r->id);
	if (!client_sees(r->client, job ? job->uid : UINT32_MAX)) {
		code = mscg_error_set(&error, -ESRCH, "no job %s", id);
	} else if (core_foresee(r->d->core, r->id, now, &f)) {
		foresee_here(r->d, &f);
		request_reply(r, forecast_json(r, &f, r->id));
		return;
	} else if (job) {
		code = mscg_error_set(&error, -EBUSY, "job %s is %s: only what waits has something to wait for", id,
		                      mscg_state_name((enum mscg_state)job->state));
	} else if (r->id.job && r->id.job < core_next_job_id(r->d->core)) {
		code = mscg_error_set(&error, -EALREADY, "job %s has ended", id);
	} else {
		code = mscg_error_set(&error, -ESRCH, "no job %s", id);
	}
	request_fail(r, code, &error);
}
