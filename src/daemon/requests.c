/* What clients may ask, as a table: one function a method. A request that needs a decision becomes an input and is
 * answered after the commit; one that needs to look is carried to the store and back (lists.c). */
#include <syslog.h>

#include "daemon.h"

struct method {
	const char *name; /* "io.mscg.Submit" */
	void (*start)(struct request *r);
	const char *const *keys; /* of its parameters, NULL ended */
	enum access access;
	bool needs_scheduler;    /* makes no sense with --once */
};

/* -- a request's life --------------------------------------------------------------------------------------------- */

void request_free(struct request *r)
{
	if (r->client && r->client->current == r) {
		r->client->current = NULL;
		client_kick(r->client);
	}
	*r->prev = r->next;
	if (r->next)
		r->next->prev = r->prev;
	json_decref(r->parameters);
	json_decref(r->result);
	for (int i = 0; i < 3; i++)
		cleanup_close(&r->fds[i]);
	free(r);
}

static void send(struct request *r, json_t *message)
{
	struct mscg_error error;

	if (r->client && wire_conn_send(r->client->conn, message, NULL, 0, &error) < 0) {
		json_t *instead = wire_error_reply("Failed", &error, NULL);
		wire_conn_send(r->client->conn, instead, NULL, 0, NULL);
		json_decref(instead);
	}
	json_decref(message);
	if (r->client)
		client_kick(r->client);
}

void request_reply(struct request *r, json_t *parameters)
{
	send(r, wire_reply(parameters, false));
	request_free(r);
}

void request_stream(struct request *r, json_t *parameters)
{
	send(r, wire_reply(parameters, true));
}

void request_fail(struct request *r, int code, const struct mscg_error *error)
{
	char id[MSCG_ID_TEXT];
	json_t *extra = r->id.job ? json_pack("{s:s}", "id", mscg_id_format(r->id, id)) : NULL;

	send(r, wire_error_reply(wire_error_by_code(code)->name, error, extra));
	request_free(r);
}

void request_abandon(struct request *r)
{
	r->client = NULL;
	if (r->abandon)
		r->abandon(r);
}

void request_answer(struct request *r, const struct core_answer *answer)
{
	if (answer->last)
		r->awaiting--;
	r->answer(r, answer);
}

__attribute__((format(printf, 3, 4))) static void fail(struct request *r, int code, const char *format, ...)
{
	struct mscg_error error = { .code = code };
	va_list args;

	va_start(args, format);
	vsnprintf(error.text, sizeof error.text, format, args);
	va_end(args);
	request_fail(r, code, &error);
}

/* Decisions cannot be kept at the moment: say so before anybody relies on one. */
bool request_store_is_well(struct request *r)
{
	struct mscg_error error;

	if (!turn_store_is_failing(r->d, &error))
		return true;
	fail(r, -EIO, "the state directory cannot be written: %s", error.text);
	return false;
}

/* -- attached jobs: descriptors wait here between submission and start -------------------------------------------- */

struct attached {
	struct mscg_id   id;
	int              fds[3];
	struct attached *next;
};

static void attached_add(struct daemon *d, struct mscg_id id, int fds[3])
{
	struct attached *a = xmalloc(sizeof *a);

	*a = (struct attached){ .id = id, .next = d->attached };
	for (int i = 0; i < 3; i++)
		a->fds[i] = steal_fd(&fds[i]);
	d->attached = a;
}

bool attached_take(struct daemon *d, struct mscg_id id, int fds[3])
{
	for (struct attached **p = &d->attached; *p; p = &(*p)->next) {
		struct attached *a = *p;

		if (!mscg_id_equal(a->id, id))
			continue;
		memcpy(fds, a->fds, sizeof a->fds);
		*p = a->next;
		free(a);
		return true;
	}
	return false;
}

void attached_keep(struct request *r, struct mscg_id id)
{
	struct client *c = r->client;

	if (!c || r->fds[0] < 0)
		return;
	attached_add(r->d, id, r->fds);
	GROW(c->attached, c->attached_n, c->attached_cap);
	c->attached[c->attached_n++] = id;
}

void attached_drop(struct daemon *d, struct mscg_id id)
{
	int fds[3];

	if (attached_take(d, id, fds))
		for (int i = 0; i < 3; i++)
			close(fds[i]);
}

/* -- Submit ------------------------------------------------------------------------------------------------------- */

static void submit_answer(struct request *r, const struct core_answer *answer)
{
	struct mscg_error error = { .code = answer->code };
	char id[MSCG_ID_TEXT];

	if (answer->code < 0) {
		/* All or none is checked before the step, so this is the only job of the message. */
		memcpy(error.text, answer->text, sizeof answer->text);
		r->failed_code = answer->code;
		r->failure     = error;
	} else {
		struct spec_ref *spec = spec_cache_find(r->d, answer->id.job);
		json_t *job = json_pack("{s:s, s:I}", "id", mscg_id_format(answer->id, id), "job_id", (json_int_t)answer->id.job);

		if (answer->reason == MSCG_REASON_INFEASIBLE)
			json_object_set_new(job, "warning", json_string(answer->text));
		if (spec) {
			json_object_set_new(job, "cpus", wire_cpus_json(spec->spec->cpus_milli));
			json_object_set_new(job, "mem_bytes", json_integer((json_int_t)spec->spec->mem_bytes));
			json_object_set_new(job, "priority", json_integer(spec->spec->priority));
		}
		spec_ref_put(spec);
		json_array_append_new(r->result, job);
	}
	if (r->awaiting)
		return;
	if (r->failed_code)
		request_fail(r, r->failed_code, &r->failure);
	else
		request_reply(r, json_pack("{s:O}", "jobs", r->result));
}

static int submit_in_time(struct mscg_spec *spec, struct mscg_error *error)
{
	int64_t now = clock_real_usec(), begin = MAX_OF(now, spec->begin_usec);

	if (spec->deadline_usec && spec->deadline_usec <= now)
		return mscg_error_set(error, -EINVAL, "the deadline has passed: expected a time to come");
	if (spec->deadline_usec && begin + spec->time_limit_s * USEC_PER_SEC > spec->deadline_usec)
		return mscg_error_set(error, -EINVAL, "a job of %u s could not end by its deadline: expected a shorter --time or a later --deadline",
		                      spec->time_limit_s);
	return users_fill(spec, error);
}

static int submit_admit(struct request *r, struct mscg_spec *spec, struct mscg_error *error)
{
	spec->uid = r->client->peer.uid;
	spec->gid = r->client->peer.gid;
	if (spec->uid == 0 && geteuid() == 0 && !r->d->config.allow_root_jobs) {
		access_refuse(r->client, request_verb(r), error);
		return mscg_error_set(error, -EPERM,
		                      "root may not submit jobs here: submit as an ordinary user, or set allow-root-jobs");
	}
	if (geteuid() != 0 && spec->uid != geteuid()) {
		access_refuse(r->client, request_verb(r), error);
		return mscg_error_set(error, -EPERM, "this mscgd runs jobs of its own user (uid %u) only", geteuid());
	}
	if (!spec->mem_bytes) {
		uint64_t cpus = MAX_OF(1, (spec->cpus_milli + 999) / 1000);
		spec->mem_bytes = r->d->policy.default_mem_per_cpu * cpus;
	}
	if (!spec->time_limit_s)
		spec->time_limit_s = r->d->policy.default_time_limit_s;
	return submit_in_time(spec, error);
}

static void submit_all(struct request *r, struct mscg_spec **specs, uint32_t n)
{
	r->answer = submit_answer;
	r->result = json_array();
	for (uint32_t i = 0; i < n; i++) {
		struct core_input input = { .kind = CORE_SUBMIT };
		turn_add(r->d, &input, spec_ref_new(specs[i]), r);
	}
	free(specs);
}

static void submit_start(struct request *r)
{
	struct mscg_spec **specs = NULL;
	struct mscg_error error;
	uint32_t n = 0, admitted = 0;

	if (!request_store_is_well(r))
		return;
	if (r->d->degraded) {
		fail(r, -EIO, "no new jobs are taken until the state directory can be written: %s", r->d->degraded_why.text);
		return;
	}
	int code = wire_submit_parse(r->parameters, &specs, &n, &error);
	if (code < 0) {
		request_fail(r, code, &error);
		return;
	}
	for (; code >= 0 && admitted < n; admitted++) {
		code = submit_admit(r, specs[admitted], &error);
		if (code >= 0 && specs[admitted]->attached &&
		    (n != 1 || specs[admitted]->array || wire_conn_take_fds(r->client->conn, r->fds) != 3))
			code = mscg_error_set(&error, -EINVAL, "an attached job comes alone, with three descriptors");
	}
	if (code >= 0)
		code = core_admits(r->d->core, specs, n, &error);
	if (code < 0) {
		for (uint32_t i = 0; i < n; i++)
			mscg_spec_free(specs[i]);
		free(specs);
		request_fail(r, code, &error);
		return;
	}
	if (geteuid() == 0 && r->client->peer.uid == 0)
		access_used(r->client, request_verb(r));
	depends_settle(r, specs, n, submit_all);
}

/* -- Cancel ------------------------------------------------------------------------------------------------------- */

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

static void cancel_answer(struct request *r, const struct core_answer *answer)
{
	char id[MSCG_ID_TEXT];
	const char *list = answer->code < 0 ? "errors" : "cancelled";

	mscg_id_format(answer->id, id);
	json_t *item = answer->code < 0 ? json_pack("{s:s, s:s, s:s}", "id", id, "error", wire_error_by_code(answer->code)->name,
	                                            "message", answer->text)
	                                : json_string(id);
	json_array_append_new(json_object_get(r->result, list), item);
	if (!r->awaiting)
		request_reply(r, json_incref(r->result));
}

static void cancel_error(struct request *r, struct mscg_id id, int code, const char *text)
{
	struct core_answer answer = { .code = code, .id = id };

	snprintf(answer.text, sizeof answer.text, "%.159s", text);
	r->awaiting++; /* so that the answer is not taken for the last */
	cancel_answer(r, &answer);
	r->awaiting--;
}

static void cancel_one(struct request *r, struct mscg_id id, int signal)
{
	const struct mscg_job *job = core_find(r->d->core, id);
	char text[MSCG_ID_TEXT], message[160];
	struct mscg_error error;

	if (!job) {
		/* Ended jobs are in the store only; whether there was one is worth a look, not a guess. */
		snprintf(message, sizeof message, "no job %s that is pending or running", mscg_id_format(id, text));
		cancel_error(r, id, -ESRCH, message);
		return;
	}
	int code = access_act(r->client, request_verb(r), id, job, &error);
	if (code < 0) {
		cancel_error(r, id, code, error.text);
		return;
	}
	struct core_input input = { .kind = signal ? CORE_SIGNAL : CORE_CANCEL, .id = id, .signal = signal };
	turn_add(r->d, &input, NULL, r);
}

static int cancel_by_filter(struct request *r, struct selection *s, struct mscg_error *error)
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

static void cancel_start(struct request *r)
{
	struct selection s = { .r = r, .uid = UINT32_MAX };
	_cleanup_strv_ char **ids = NULL;
	struct mscg_error error;
	int64_t signal = 0;
	int code;

	if (!request_store_is_well(r))
		return;
	r->answer = cancel_answer;
	r->result = json_pack("{s:[], s:[]}", "cancelled", "errors");
	if ((code = wire_get_int(r->parameters, "signal", 1, 64, &signal, &error)) < 0 ||
	    (code = wire_get_strv(r->parameters, "ids", &ids, &error)) < 0 ||
	    (code = ids ? 0 : cancel_by_filter(r, &s, &error)) < 0) {
		request_fail(r, code, &error);
		return;
	}
	for (char **p = ids; p && *p; p++) {
		struct mscg_id id;

		if ((code = mscg_id_parse(*p, &id, &error)) < 0) {
			if (r->awaiting) /* some are on their way: this one is an error of its own */
				cancel_error(r, (struct mscg_id){ 0, MSCG_NO_TASK }, code, error.text);
			else {
				request_fail(r, code, &error);
				return;
			}
			continue;
		}
		cancel_one(r, id, (int)signal);
	}
	for (uint32_t i = 0; i < s.n; i++)
		cancel_one(r, s.ids[i], (int)signal);
	free(s.ids);
	if (!r->awaiting)
		request_reply(r, json_incref(r->result));
}

/* -- Resize ------------------------------------------------------------------------------------------------------- */

static const char *const resize_names[] = {
	[CORE_RESIZE_NONE] = "Proposed",         [CORE_RESIZE_PROPOSED] = "Proposed",
	[CORE_RESIZE_INPROGRESS] = "InProgress", [CORE_RESIZE_DONE] = "Done",
	[CORE_RESIZE_DEFERRED] = "Deferred",     [CORE_RESIZE_INFEASIBLE] = "Infeasible",
};

static void resize_answer(struct request *r, const struct core_answer *answer)
{
	json_t *why = answer->text[0] ? json_string(answer->text) : json_null();

	if (answer->code < 0 && answer->resize == CORE_RESIZE_NONE) {
		json_decref(why);
		fail(r, answer->code, "%s", answer->text);
		return;
	}
	json_t *reply = json_pack("{s:s, s:o}", "answer", resize_names[answer->resize], "why", why);
	if (answer->last)
		request_reply(r, reply);
	else if (r->more)
		request_stream(r, reply);
	else
		json_decref(reply);
}

/* The job that a request names, if it is there and the client may touch it. Answers otherwise. */
const struct mscg_job *request_job(struct request *r)
{
	struct mscg_error error;
	char text[MSCG_ID_TEXT];
	int code = wire_get_id(r->parameters, "id", &r->id, &error);

	if (code == 0)
		code = mscg_error_set(&error, -EINVAL, "parameter 'id' is missing: which job?");
	if (code < 0) {
		request_fail(r, code, &error);
		return NULL;
	}
	const struct mscg_job *job = core_find(r->d->core, r->id);
	if (!job) {
		fail(r, -ESRCH, "no job %s that is pending or running", mscg_id_format(r->id, text));
		return NULL;
	}
	code = access_act(r->client, request_verb(r), r->id, job, &error);
	if (code < 0) {
		request_fail(r, code, &error);
		return NULL;
	}
	return job;
}

static void resize_start(struct request *r)
{
	struct core_input input = { .kind = CORE_RESIZE };
	struct mscg_error error;
	int64_t mem = 0;
	int code;

	if (!request_store_is_well(r))
		return;
	if ((code = wire_get_milli(r->parameters, "cpus", &input.cpus_milli, &error)) < 0 ||
	    (code = wire_get_int(r->parameters, "mem_bytes", 4 << 20, INT64_MAX, &mem, &error)) < 0) {
		request_fail(r, code, &error);
		return;
	}
	if (!input.cpus_milli && !mem) {
		fail(r, -EINVAL, "nothing to resize: give cpus, mem_bytes or both");
		return;
	}
	if (!request_job(r))
		return;
	input.id        = r->id;
	input.mem_bytes = (uint64_t)mem;
	r->answer       = resize_answer;
	turn_add(r->d, &input, NULL, r);
}

/* -- the machine as a whole --------------------------------------------------------------------------------------- */

static void drain_answer(struct request *r, const struct core_answer *answer)
{
	(void)answer;
	request_reply(r, json_pack("{s:b}", "drained", core_drained(r->d->core)));
}

static void drain_start(struct request *r)
{
	struct core_input input = { .kind = CORE_DRAIN, .on = true };
	struct mscg_error error;
	bool undo = false;
	int code = wire_get_bool(r->parameters, "undo", &undo, &error);

	if (code < 0) {
		request_fail(r, code, &error);
		return;
	}
	if (!request_store_is_well(r))
		return;
	log_line(LOG_NOTICE, "%s", undo ? "drain ended" : "drained");
	input.on  = !undo;
	r->answer = drain_answer;
	turn_add(r->d, &input, NULL, r);
}

static void shutdown_answer(struct request *r, const struct core_answer *answer)
{
	(void)answer;
	daemon_shutdown(r->d, true);
	request_reply(r, json_object());
}

static void shutdown_start(struct request *r)
{
	struct core_input input = { .kind = CORE_SHUTDOWN };
	struct mscg_error error;
	bool cancel = false;
	int code = wire_get_bool(r->parameters, "cancel_jobs", &cancel, &error);

	if (code < 0) {
		request_fail(r, code, &error);
		return;
	}
	log_line(LOG_NOTICE, "shutdown%s", cancel ? " with all jobs" : "");
	if (cancel) {
		r->answer = shutdown_answer;
		turn_add(r->d, &input, NULL, r);
		return;
	}
	daemon_shutdown(r->d, false);
	request_reply(r, json_object());
}

static void ping_start(struct request *r)
{
	struct daemon *d = r->d;

	request_reply(r, json_pack("{s:s, s:i, s:s, s:s, s:f, s:b, s:s?}", "version", MSCG_VERSION, "pid", (int)getpid(), "instance",
	                           d->info.instance, "state_dir", d->config.state_dir, "uptime_seconds",
	                           (double)(clock_boot_usec() - d->started_boot_usec) / 1e6, "scheduling", d->engine != NULL,
	                           "degraded", d->degraded ? d->degraded_why.text : NULL));
}

static void config_start(struct request *r)
{
	size_t n;
	const struct config_setting *s = config_settings(&n);
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		char value[4200];

		config_value(&r->d->config, i, value, sizeof value);
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s}", "section", s[i].section, "name", s[i].name,
		                                      "value", value, "origin", config_origin(&r->d->config, i), "help", s[i].help));
	}
	request_reply(r, json_pack("{s:o}", "settings", list));
}

static void describe_start(struct request *r)
{
	const char *name = NULL;
	struct mscg_error error;

	if (wire_get_string(r->parameters, "interface", &name, &error) < 0)
		request_fail(r, -EINVAL, &error);
	else if (!streq(name, "io.mscg"))
		fail(r, -EINVAL, "no interface '%s' here: expected io.mscg", name ? name : "");
	else
		request_reply(r, json_pack("{s:s}", "description", wire_interface_description));
}

static void info_start(struct request *r)
{
	request_reply(r, json_pack("{s:s, s:s, s:s, s:s, s:[s, s]}", "vendor", "mscg", "product", "mscgd", "version", MSCG_VERSION,
	                           "url", "https://github.com/mscg/mscg", "interfaces", "org.varlink.service", "io.mscg"));
}

#define KEYS(...) (const char *const[]){ __VA_ARGS__ __VA_OPT__(,) NULL }

static const struct method methods[] = {
	{ "io.mscg.Submit", submit_start, KEYS("jobs", "environments", "scripts"), ACCESS_ANYONE, false },
	{ "io.mscg.List", list_start, KEYS("ids", "states", "user", "name", "account", "since", "until", "active", "newest_first", "limit"), ACCESS_VIEWER, false },
	{ "io.mscg.Show", show_start, KEYS("id"), ACCESS_VIEWER, false },
	{ "io.mscg.Why", why_start, KEYS("id"), ACCESS_VIEWER, false },
	{ "io.mscg.Top", stats_start, KEYS(), ACCESS_VIEWER, false },
	{ "io.mscg.Stats", stats_start, KEYS(), ACCESS_ANYONE, false },
	{ "io.mscg.Cancel", cancel_start, KEYS("ids", "mine", "user", "states", "signal"), ACCESS_OWNER, false },
	{ "io.mscg.Wait", wait_start, KEYS("ids"), ACCESS_VIEWER, true },
	{ "io.mscg.Requeue", requeue_start, KEYS("ids"), ACCESS_OWNER, true },
	{ "io.mscg.Resize", resize_start, KEYS("id", "cpus", "mem_bytes"), ACCESS_OWNER, true },
	{ "io.mscg.Hold", hold_start, KEYS("ids"), ACCESS_OWNER, false },
	{ "io.mscg.Release", hold_start, KEYS("ids"), ACCESS_OWNER, false },
	{ "io.mscg.Update", update_start, KEYS("id", "priority", "priority_add", "top", "time_limit", "time_limit_add", "begin", "deadline", "array_throttle", "cpus", "mem_bytes"), ACCESS_OWNER, false },
	{ "io.mscg.Events", events_start, KEYS("since", "id", "follow"), ACCESS_VIEWER, false },
	{ "io.mscg.Config", config_start, KEYS(), ACCESS_ANYONE, false },
	{ "io.mscg.Drain", drain_start, KEYS("undo"), ACCESS_OPERATOR, true },
	{ "io.mscg.Shutdown", shutdown_start, KEYS("cancel_jobs"), ACCESS_OPERATOR, true },
	{ "io.mscg.Upgrade", upgrade_start, KEYS(), ACCESS_OPERATOR, true },
	{ "io.mscg.Backup", backup_start, KEYS(), ACCESS_OPERATOR, false },
	{ "io.mscg.Fsck", fsck_start, KEYS(), ACCESS_OPERATOR, false },
	{ "io.mscg.Ping", ping_start, KEYS(), ACCESS_ANYONE, false },
	{ "org.varlink.service.GetInfo", info_start, KEYS(), ACCESS_ANYONE, false },
	{ "org.varlink.service.GetInterfaceDescription", describe_start, KEYS("interface"), ACCESS_ANYONE, false },
};

const char *request_verb(const struct request *r)
{
	return strrchr(r->method->name, '.') + 1;
}

bool request_is(const struct request *r, const char *name)
{
	return streq(request_verb(r), name);
}

static const struct method *find_method(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		if (streq(methods[i].name, name))
			return &methods[i];
	return NULL;
}

void requests_handle(struct client *client, json_t *message)
{
	struct request *r = xcalloc(1, sizeof *r);
	struct daemon *d = client->d;
	struct mscg_error error;
	const char *name = NULL;
	int code;

	*r = (struct request){ .d = d, .client = client, .fds = { -1, -1, -1 }, .next = d->requests, .prev = &d->requests };
	if (r->next)
		r->next->prev = &r->next;
	d->requests     = r;
	client->current = r;
	json_t *parameters = json_object_get(message, "parameters");
	r->parameters      = json_is_object(parameters) ? json_incref(parameters) : json_object();
	if ((code = rate_take(client, &error)) < 0) {
		request_fail(r, code, &error);
		return;
	}
	if ((code = wire_check_keys(message, KEYS("method", "parameters", "more", "oneway", "upgrade"), &error)) < 0 ||
	    (code = wire_get_string(message, "method", &name, &error)) < 0 ||
	    (code = wire_get_bool(message, "more", &r->more, &error)) < 0) {
		request_fail(r, code, &error);
		return;
	}
	r->method = name ? find_method(name) : NULL;
	if (!r->method)
		fail(r, -EINVAL, "no method '%.60s' here (see io.mscg.varlink)", name ? name : "");
	else if (parameters && !json_is_object(parameters) && !json_is_null(parameters))
		fail(r, -EINVAL, "parameters must be an object");
	else if ((code = wire_check_keys(r->parameters, r->method->keys, &error)) < 0)
		request_fail(r, code, &error);
	else if (r->method->access == ACCESS_OPERATOR && !client_is_operator(client))
		request_fail(r, access_refuse(client, request_verb(r), &error), &error);
	else if (r->method->needs_scheduler && d->config.once)
		fail(r, -ECONNREFUSED, "no daemon runs, and this request needs one (start it with: mscg scheduler)");
	else {
		if (r->method->access == ACCESS_OPERATOR)
			access_used(client, request_verb(r));
		r->method->start(r);
	}
}
