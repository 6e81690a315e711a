/* The calls of mscg/mscg.h: typed faces of the methods of io.mscg. */
#include "src/base/base.h"
#include "src/base/clock.h"
#include "src/lib/handle.h"

static int no_sense(struct mscg_error *error, const char *method, const struct mscg_error *why)
{
	return mscg_error_set(error, -EIO, "the daemon's answer to %s makes no sense: %s", method, why->text);
}

static json_t *id_json(struct mscg_id id)
{
	char text[MSCG_ID_TEXT];

	return json_string(mscg_id_format(id, text));
}

static json_t *one(const char *key, json_t *value)
{
	json_t *o = json_object();

	json_object_set_new(o, key, value);
	return o;
}

/* -- what the wire knows, for those who do not see it ------------------------------------------------------------ */

json_t *mscg_submit_parameters(struct mscg_spec *const *specs, uint32_t n, struct mscg_error *error)
{
	return wire_submit_build(specs, n, error);
}

char *mscg_command_line(const struct mscg_spec *spec)
{
	return wire_command_line(spec);
}

int mscg_exit_status(int code)
{
	return wire_error_by_code(code)->exit_status;
}

int mscg_exit_status_named(const char *error_name)
{
	return wire_error_by_name(error_name)->exit_status;
}

/* -- submit ----------------------------------------------------------------------------------------------------- */

int mscg_submit_json(struct mscg *m, struct mscg_spec *const *specs, uint32_t n, const int *stdio, json_t **ret,
                     struct mscg_error *error)
{
	struct mscg_error why = {0};
	json_t *parameters, *reply, *jobs;
	int r;

	for (uint32_t i = 0; i < n; i++) {
		r = mscg_spec_check(specs[i], error);
		if (r < 0)
			return n > 1 ? (mscg_error_prefix(error, r, "jobs[%u]: ", i), r) : r;
	}
	parameters = wire_submit_build(specs, n, error);
	if (!parameters)
		return -EINVAL;
	r = mscg_call_stdio(m, "Submit", parameters, stdio, &reply, error);
	if (r < 0)
		return r;
	jobs = json_object_get(reply, "jobs");
	if (!json_is_array(jobs) || json_array_size(jobs) != n) {
		mscg_error_set(&why, -EIO, "%u jobs were submitted, it names %zu", n, json_array_size(jobs));
		json_decref(reply);
		return no_sense(error, "Submit", &why);
	}
	*ret = reply;
	return 0;
}

int mscg_submit(struct mscg *m, struct mscg_spec *const *specs, uint32_t n, struct mscg_id *ids, struct mscg_error *error)
{
	_cleanup_free_ struct mscg_id *got = xcalloc(n, sizeof *got);
	struct mscg_error why = {0};
	json_t *reply;
	int r = mscg_submit_json(m, specs, n, NULL, &reply, error);

	if (r < 0)
		return r;
	for (uint32_t i = 0; r >= 0 && i < n; i++)
		r = wire_need(wire_get_id(json_array_get(json_object_get(reply, "jobs"), i), "id", &got[i], &why), "id", &why);
	json_decref(reply);
	if (r < 0)
		return no_sense(error, "Submit", &why);
	memcpy(ids, got, n * sizeof *ids);
	return 0;
}

/* -- wait ------------------------------------------------------------------------------------------------------- */

int mscg_outcome_status(const struct mscg_outcome *outcome)
{
	if (outcome->signal > 0)
		return 128 + outcome->signal;
	if (outcome->exit_code > 0)
		return outcome->exit_code;
	return outcome->state == MSCG_STATE_COMPLETED ? 0 : 1;
}

struct waiting {
	const struct mscg_id *ids;
	struct mscg_outcome  *outcomes;
	uint32_t *order; /* indices into ids, sorted by id */
	bool     *done;
	uint32_t  n, left;
	int       r;
	struct mscg_error why;
};

static int compare_ids(struct mscg_id a, struct mscg_id b)
{
	if (a.job != b.job)
		return a.job < b.job ? -1 : 1;
	return (a.task > b.task) - (a.task < b.task);
}

static int by_id(const void *a, const void *b, void *ctx)
{
	const struct mscg_id *ids = ctx;

	return compare_ids(ids[*(const uint32_t *)a], ids[*(const uint32_t *)b]);
}

/* The first of those that are named `id`; n when none is. */
static uint32_t first_named(const struct waiting *w, struct mscg_id id)
{
	uint32_t low = 0, high = w->n;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (compare_ids(w->ids[w->order[middle]], id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int read_outcome(const json_t *reply, struct mscg_outcome *ret, struct mscg_error *error)
{
	struct mscg_outcome o = {.exit_code = -1};
	const char *state, *reason;
	int64_t code = -1, signal = 0;
	int r = wire_need(wire_get_id(reply, "id", &o.id, error), "id", error);

	if (r >= 0)
		r = wire_need(wire_get_string(reply, "state", &state, error), "state", error);
	if (r >= 0)
		r = mscg_state_parse(state, &o.state, error);
	if (r >= 0)
		r = wire_get_int(reply, "exit_code", -1, INT32_MAX, &code, error);
	if (r >= 0)
		r = wire_get_int(reply, "signal", 0, 127, &signal, error);
	if (r >= 0)
		r = wire_get_string(reply, "reason", &reason, error);
	if (r > 0)
		mscg_reason_parse(reason, &o.reason);
	o.exit_code = (int)code;
	o.signal = (int)signal;
	if (r >= 0)
		*ret = o;
	return r;
}

static bool ended(json_t *reply, void *ctx)
{
	struct waiting *w = ctx;
	struct mscg_outcome o;

	w->r = read_outcome(reply, &o, &w->why);
	if (w->r < 0)
		return false;
	for (uint32_t i = first_named(w, o.id); i < w->n && mscg_id_equal(w->ids[w->order[i]], o.id); i++) {
		uint32_t k = w->order[i];

		w->outcomes[k] = o;
		w->left -= !w->done[k];
		w->done[k] = true;
	}
	return true;
}

int mscg_wait(struct mscg *m, const struct mscg_id *ids, uint32_t n, int timeout_ms, struct mscg_outcome *outcomes, struct mscg_error *error)
{
	int64_t deadline = timeout_ms < 0 ? USEC_NEVER : clock_boot_usec() + timeout_ms * USEC_PER_MSEC;
	_cleanup_free_ uint32_t *order = xcalloc(n, sizeof *order);
	_cleanup_free_ bool *done = xcalloc(n, sizeof *done);
	struct waiting w = {.ids = ids, .outcomes = outcomes, .order = order, .done = done, .n = n, .left = n};
	json_t *list;
	int r;

	if (n == 0)
		return 0;
	list = json_array();
	for (uint32_t i = 0; i < n; i++) {
		order[i] = i;
		json_array_append_new(list, id_json(ids[i]));
	}
	qsort_r(order, n, sizeof *order, by_id, (void *)(uintptr_t)ids);
	r = mscg_call_until(m, "Wait", one("ids", list), deadline, ended, &w, error);
	if (r == -ETIMEDOUT && timeout_ms >= 0)
		return mscg_error_set(error, r, "%u of %u jobs had not ended after %d ms", w.left, n, timeout_ms);
	if (r < 0)
		return r;
	if (w.r >= 0 && w.left)
		w.r = mscg_error_set(&w.why, -EIO, "it ends without a word on %u of %u jobs", w.left, n);
	return w.r < 0 ? no_sense(error, "Wait", &w.why) : 0;
}

/* -- cancel, resize --------------------------------------------------------------------------------------------- */

/* A method that takes jobs and answers for each: here with one. */
static int call_for_one(struct mscg *m, const char *method, struct mscg_id id, int signal, struct mscg_error *error)
{
	json_t *parameters = json_object(), *ids = json_array(), *reply;
	const char *name = NULL, *text = NULL;
	const json_t *errors;
	int r;

	json_array_append_new(ids, id_json(id));
	json_object_set_new(parameters, "ids", ids);
	if (signal)
		json_object_set_new(parameters, "signal", json_integer(signal));
	r = mscg_call_json(m, method, parameters, &reply, error);
	if (r < 0)
		return r;
	errors = json_object_get(reply, "errors");
	if (json_array_size(errors)) {
		const json_t *first = json_array_get(errors, 0);

		wire_get_string(first, "error", &name, NULL);
		wire_get_string(first, "message", &text, NULL);
		r = mscg_error_set(error, wire_error_by_name(name ? name : "")->code, "%s", text ? text : "it could not be done");
	}
	json_decref(reply);
	return r;
}

int mscg_cancel(struct mscg *m, struct mscg_id id, int signal, struct mscg_error *error)
{
	return call_for_one(m, "Cancel", id, signal, error);
}

int mscg_hold(struct mscg *m, struct mscg_id id, struct mscg_error *error)
{
	return call_for_one(m, "Hold", id, 0, error);
}

int mscg_release(struct mscg *m, struct mscg_id id, struct mscg_error *error)
{
	return call_for_one(m, "Release", id, 0, error);
}

int mscg_suspend(struct mscg *m, struct mscg_id id, struct mscg_error *error)
{
	return call_for_one(m, "Suspend", id, 0, error);
}

int mscg_resume(struct mscg *m, struct mscg_id id, struct mscg_error *error)
{
	return call_for_one(m, "Resume", id, 0, error);
}

int mscg_resize(struct mscg *m, struct mscg_id id, uint32_t cpus_milli, uint64_t mem_bytes, struct mscg_error *error)
{
	static const struct {
		const char *answer;
		int         code;
	} answers[] = {{"Done", 0}, {"Deferred", -EAGAIN}, {"Infeasible", -ERANGE}};
	json_t *parameters = one("id", id_json(id)), *reply;
	const char *answer = "", *text = NULL;
	struct mscg_error why = {0};
	int r;

	if (cpus_milli)
		json_object_set_new(parameters, "cpus", wire_cpus_json(cpus_milli));
	if (mem_bytes)
		json_object_set_new(parameters, "mem_bytes", json_integer((json_int_t)mem_bytes));
	r = mscg_call_json(m, "Resize", parameters, &reply, error);
	if (r < 0)
		return r;
	r = -EIO;
	wire_get_string(reply, "answer", &answer, NULL);
	wire_get_string(reply, "why", &text, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
		if (streq(answer, answers[i].answer))
			r = answers[i].code;
	if (r == -EIO) {
		mscg_error_set(&why, r, "'%.40s' is none of Done, Deferred, Infeasible", answer);
		no_sense(error, "Resize", &why);
	} else if (r < 0) {
		mscg_error_set(error, r, "%s%s%s", answer, text ? ": " : "", text ? text : "");
	}
	json_decref(reply);
	return r;
}

/* -- looking ---------------------------------------------------------------------------------------------------- */

int mscg_show(struct mscg *m, struct mscg_id id, struct mscg_info **ret, struct mscg_error *error)
{
	json_t *reply;
	int r = mscg_call_json(m, "Show", one("id", id_json(id)), &reply, error);

	if (r < 0)
		return r;
	r = mscg_info_from_json(json_object_get(reply, "job"), ret, error);
	json_decref(reply);
	return r;
}

/* Hands what comes to the caller's function. */
struct giving {
	bool (*each_info)(const struct mscg_info *info, void *ctx);
	bool (*each_event)(const struct mscg_event *event, void *ctx);
	void *ctx;
	int   r;
	struct mscg_error why;
};

static bool give_jobs(json_t *reply, void *ctx)
{
	struct giving *g = ctx;
	json_t *jobs = json_object_get(reply, "jobs"), *job;
	size_t i;

	if (!json_is_array(jobs))
		g->r = mscg_error_set(&g->why, -EIO, "jobs is no list");
	json_array_foreach(jobs, i, job) {
		struct mscg_info *info;
		bool go_on;

		g->r = mscg_info_from_json(job, &info, &g->why);
		if (g->r < 0)
			break;
		go_on = g->each_info(info, g->ctx);
		mscg_info_free(info);
		if (!go_on)
			return false;
	}
	return g->r == 0;
}

int mscg_list(struct mscg *m, bool all, bool (*each)(const struct mscg_info *info, void *ctx), void *ctx, struct mscg_error *error)
{
	struct giving g = {.each_info = each, .ctx = ctx};
	int r = mscg_call_more(m, "List", one("active", json_boolean(!all)), give_jobs, &g, error);

	if (r < 0)
		return r;
	return g.r < 0 ? no_sense(error, "List", &g.why) : 0;
}

static bool give_event(json_t *reply, void *ctx)
{
	const json_t *o = json_object_get(reply, "event");
	struct giving *g = ctx;
	struct mscg_event event;
	bool go_on;

	if (json_is_null(o)) /* the present is reached */
		return true;
	g->r = wire_event_parse(o, &event, &g->why);
	if (g->r < 0)
		return false;
	go_on = g->each_event(&event, g->ctx);
	mscg_event_clear(&event);
	return go_on;
}

int mscg_events(struct mscg *m, uint64_t since, bool (*each)(const struct mscg_event *event, void *ctx), void *ctx, struct mscg_error *error)
{
	struct giving g = {.each_event = each, .ctx = ctx};
	int r = mscg_call_until(m, "Events", one("since", json_integer((json_int_t)since)), USEC_NEVER, give_event, &g, error);

	if (r < 0)
		return r;
	return g.r < 0 ? no_sense(error, "Events", &g.why) : 0;
}

int mscg_call(struct mscg *m, const char *method, const char *parameters_json, char **ret_json, struct mscg_error *error)
{
	const char *text = parameters_json && *parameters_json ? parameters_json : "{}";
	json_t *parameters, *reply;
	int r = wire_parse(text, strlen(text), &parameters, error);

	if (r < 0) {
		mscg_error_prefix(error, r, "parameters: ");
		return mscg_error_set(error, -EINVAL, "%s", error ? error->text : "");
	}
	r = mscg_call_json(m, method, parameters, &reply, error);
	if (r < 0)
		return r;
	*ret_json = json_dumps(reply, WIRE_DUMP_FLAGS);
	json_decref(reply);
	return *ret_json ? 0 : mscg_error_set(error, -EIO, "the daemon's answer to %.60s cannot be written as JSON", method);
}
