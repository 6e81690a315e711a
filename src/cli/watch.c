/* Waiting for jobs to end. */
#include "watch.h"

#include "src/base/clock.h"
#include "src/base/parse.h"

static void lose(struct watch *w)
{
	mscg_close(w->m);
	w->m = NULL;
	w->told = false;
	w->lost_usec = clock_boot_usec();
	w->delay_usec = 10 * USEC_PER_MSEC;
	w->retry_usec = w->lost_usec;
}

static int ask(struct watch *w, struct mscg_error *error)
{
	int r = w->stdio ? mscg_pass_stdio(w->m, w->stdio, error) : 0;
	json_t *parameters;

	if (r < 0)
		return r;
	parameters = json_pack("{s:O}", "ids", w->ids);
	if (w->stdio)
		json_object_set_new(parameters, "attached", json_true());
	return mscg_send_call(w->m, "Wait", parameters, true, error);
}

void watch_start(struct watch *w, const struct cli *cli, struct mscg *m, json_t *ids)
{
	*w = (struct watch){.cli = cli, .m = m, .ids = ids};
	if (!watch_is_done(w) && ask(w, NULL) < 0)
		lose(w);
}

bool watch_is_done(const struct watch *w)
{
	return json_array_size(w->ids) == 0;
}

int watch_fd(const struct watch *w)
{
	return w->m ? mscg_handle_fd(w->m) : -1;
}

int watch_timeout(const struct watch *w, int wanted)
{
	int64_t left;

	if (w->m)
		return wanted;
	left = (MAX_OF(w->retry_usec - clock_boot_usec(), INT64_C(0)) + 999) / USEC_PER_MSEC;
	return wanted < 0 || left < wanted ? (int)left : wanted;
}

/* 0: connected and asked again, or not yet; -errno: it makes no sense to go on. */
static int try_again(struct watch *w, struct mscg_error *error)
{
	int64_t now = clock_boot_usec();
	int r;

	if (now < w->retry_usec)
		return 0;
	r = cli_try_connect(w->cli, 0, &w->m, error);
	if (r < 0) {
		w->m = NULL;
		if (!cli_is_lost(r) && r != -ENOENT)
			return r;
		if (!w->told && now - w->lost_usec > USEC_PER_SEC) {
			cli_error("mscgd went away; waiting until it is back (jobs go on)");
			w->told = true;
		}
		w->retry_usec = now + w->delay_usec;
		w->delay_usec = MIN_OF(w->delay_usec * 2, USEC_PER_SEC);
		return 0;
	}
	if (w->told)
		cli_error("mscgd is back");
	r = ask(w, error);
	if (r < 0 && !cli_is_lost(r))
		return r;
	if (r < 0)
		lose(w);
	return 0;
}

static void forget(struct watch *w, const char *id)
{
	json_t *one;
	size_t i;

	json_array_foreach(w->ids, i, one)
		if (streq(json_string_value(one), id)) {
			json_array_remove(w->ids, i);
			return;
		}
}

int watch_next(struct watch *w, json_t **ret, struct mscg_error *error)
{
	bool continues;
	int r;

	if (watch_is_done(w))
		return 0;
	if (!w->m) {
		r = try_again(w, error);
		if (r < 0 || !w->m)
			return r;
	}
	r = mscg_next_reply(w->m, ret, &continues, error);
	if (r > 0) {
		forget(w, jtext(*ret, "id", ""));
		return 1;
	}
	if (r == 0 || !cli_is_lost(r))
		return r;
	lose(w);
	return 0;
}

void watch_end(struct watch *w)
{
	mscg_close(w->m);
	json_decref(w->ids);
	*w = (struct watch){0};
}

static enum mscg_state state_of(const json_t *ended)
{
	enum mscg_state state = MSCG_STATE_LOST;

	mscg_state_parse(jtext(ended, "state", ""), &state, NULL);
	return state;
}

int outcome_status(const json_t *ended)
{
	struct mscg_outcome o = {
		.state = state_of(ended),
		.exit_code = (int)jint(ended, "exit_code", 0),
		.signal = (int)jint(ended, "signal", 0),
	};

	return mscg_outcome_status(&o);
}

/* Of those that neither the job's own words nor what was done to it would tell. */
static const char *reason_of(const json_t *ended)
{
	enum mscg_reason reason;

	if (!mscg_state_is_final(state_of(ended)) || mscg_reason_parse(jtext(ended, "reason", ""), &reason) < 0)
		return NULL;
	switch (reason) {
	case MSCG_REASON_NONE:
	case MSCG_REASON_NONZERO_EXIT:
	case MSCG_REASON_SIGNALED: /* which one outcome_text says */
	case MSCG_REASON_CANCELLED:
		return NULL;
	default:
		return jtext(ended, "reason_text", mscg_reason_text(reason));
	}
}

char *outcome_text(const json_t *ended, char *buf, size_t size)
{
	int code = (int)jint(ended, "exit_code", 0), signal = (int)jint(ended, "signal", 0);
	const char *reason = reason_of(ended);
	char how[40] = "";

	if (signal)
		snprintf(how, sizeof how, " by signal %s", signal_name(signal));
	else if (code > 0)
		snprintf(how, sizeof how, ", exit code %d", code);
	snprintf(buf, size, "%s%s%s%s", mscg_state_name(state_of(ended)), how, reason ? ": " : "", reason ? reason : "");
	return buf;
}

bool outcome_is_explained(const json_t *ended)
{
	return reason_of(ended) || streq(jtext(ended, "reason", ""), mscg_reason_name(MSCG_REASON_SIGNALED));
}

void outcome_explain(const json_t *ended)
{
	char text[OUTCOME_TEXT];

	if (outcome_is_explained(ended))
		cli_error("job %s %s", jtext(ended, "id", "?"), outcome_text(ended, text, sizeof text));
}
