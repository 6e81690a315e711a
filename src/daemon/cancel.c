/* Cancel: of jobs by number or by what they have in common, or a signal to them. */
#include "daemon.h"

enum {
	STARTED  = 1 << MSCG_STATE_RUNNING | 1 << MSCG_STATE_SUSPENDED,
	NOT_OVER = STARTED | 1 << MSCG_STATE_PENDING | 1 << MSCG_STATE_COMPLETING,
};

struct selection {
	struct request *r;
	uint32_t uid;         /* UINT32_MAX: any */
	uint32_t states;      /* bits */
	struct mscg_id *ids;
	uint32_t n, cap;
};

static bool select_job(const struct mscg_job *job, void *ctx)
{
	struct selection *s = ctx;

	if ((s->uid == UINT32_MAX || job->uid == s->uid) && (!s->states || s->states & 1u << job->state) &&
	    client_may_act(s->r->client, job->uid)) {
		GROW(s->ids, s->n, s->cap);
		s->ids[s->n++] = job->id;
	}
	return true;
}

static void cancel_one(struct request *r, struct mscg_id id, int signal)
{
	const struct mscg_job *job = core_find(r->d->core, id);
	struct mscg_error error;
	char text[MSCG_ID_TEXT];

	if (!job) {
		many_refuse(r, id, -ESRCH, "no job %s that is pending or running", mscg_id_format(id, text));
		return;
	}
	int code = access_act(r->client, request_verb(r), id, job, &error);
	if (code < 0) {
		many_refuse(r, id, code, "%s", error.text);
		return;
	}
	struct core_input input = { .kind = signal ? CORE_SIGNAL : CORE_CANCEL, .id = id, .signal = signal };
	turn_add(r->d, &input, NULL, r);
}

static int select_by_filter(struct request *r, struct selection *s, struct mscg_error *error)
{
	_cleanup_strv_ char **states = NULL;
	const char *user = NULL;
	bool mine = false;
	int code;

	if ((code = wire_get_bool(r->parameters, "mine", &mine, error)) < 0 ||
	    (code = wire_get_string(r->parameters, "user", &user, error)) < 0 ||
	    (code = wire_get_strv(r->parameters, "states", &states, error)) < 0)
		return code;
	for (char **p = states; p && *p; p++) {
		enum mscg_state state;

		if ((code = mscg_state_parse(*p, &state, error)) < 0)
			return code;
		s->states |= 1u << state;
	}
	if (user && users_uid(user, &s->uid) < 0)
		return mscg_error_set(error, -EINVAL, "no user '%s' on this machine", user);
	if (mine)
		s->uid = r->client->peer.uid;
	core_each(r->d->core, select_job, s);
	return 0;
}

void cancel_start(struct request *r)
{
	struct selection s = { .r = r, .uid = UINT32_MAX };
	const json_t *ids = json_object_get(r->parameters, "ids");
	struct mscg_error error;
	int64_t signal = 0;
	int code;

	if (!request_store_is_well(r))
		return;
	if ((code = wire_get_int(r->parameters, "signal", 1, 64, &signal, &error)) < 0 ||
	    (code = ids && !json_is_null(ids) ? many_ids(r, signal ? STARTED : NOT_OVER, &s.ids, &s.n, &error) : select_by_filter(r, &s, &error)) < 0) {
		request_fail(r, code, &error);
		return;
	}
	many_begin(r, "cancelled");
	for (uint32_t i = 0; i < s.n; i++)
		cancel_one(r, s.ids[i], (int)signal);
	free(s.ids);
	many_end(r);
}
