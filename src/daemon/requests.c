/* What clients may ask, as a table: one function a method. A request that needs a decision becomes an input and is
 * answered after the commit; one that needs to look is carried to the store and back (lists.c). */
#include <syslog.h>

#include "daemon.h"
#include "src/base/parse.h"
#include "src/base/depend.h"

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
	buf_free(&r->text);
	strv_free(r->vain);
	drop_socket(r->d, r->stdio_fd, r->stdio_uid);
	free(r);
}

static void send_with(struct request *r, json_t *message, const int *fds, int n)
{
	struct mscg_error error;

	if (r->client && wire_conn_send(r->client->conn, message, fds, n, &error) < 0) {
		json_t *instead = wire_error_reply("Failed", &error, NULL);
		wire_conn_send(r->client->conn, instead, NULL, 0, NULL);
		json_decref(instead);
	}
	json_decref(message);
	if (r->client)
		client_kick(r->client);
}

static void send(struct request *r, json_t *message)
{
	send_with(r, message, NULL, 0);
}

void request_stream_text(struct request *r)
{
	struct mscg_error error;

	if (r->client && wire_conn_send_text(r->client->conn, r->text.data, r->text.size, &error) < 0)
		send(r, wire_error_reply("Failed", &error, NULL));
	else if (r->client)
		client_kick(r->client);
	buf_drop(&r->text, r->text.size);
}

void request_reply_text(struct request *r)
{
	request_stream_text(r);
	request_free(r);
}

void request_reply_fd(struct request *r, json_t *parameters, int fd)
{
	send_with(r, wire_reply(parameters, false), &fd, 1);
	request_free(r);
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

void request_failf(struct request *r, int code, const char *format, ...)
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
	request_failf(r, -EIO, "the state directory cannot be written: %s", error.text);
	return false;
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
		request_failf(r, -ESRCH, "no job %s that is pending or running", mscg_id_format(r->id, text));
		return NULL;
	}
	code = access_act(r->client, request_verb(r), r->id, job, &error);
	if (code < 0) {
		request_fail(r, code, &error);
		return NULL;
	}
	return job;
}

/* -- Submit ------------------------------------------------------------------------------------------------------- */

/* None asked for is the default, and goes with its CPUs. */
static uint64_t submit_mem(const struct daemon *d, const struct mscg_spec *spec)
{
	return spec->mem_bytes ? spec->mem_bytes : core_mem_default(&d->policy, spec);
}

/* Written at once: as a tree, it was a third of what a submission costs here. */
static void submit_say(struct request *r, const struct core_answer *answer)
{
	struct spec_ref *spec = spec_cache_find(r->d, answer->id.job);
	const struct mscg_job *known = core_find(r->d->core, answer->id);
	char text[MSCG_ID_TEXT];

	buf_adds(&r->text, r->text.size ? ",{\"id\":\"" : "{\"parameters\":{\"jobs\":[{\"id\":\"");
	buf_adds(&r->text, mscg_id_format(answer->id, text));
	buf_adds(&r->text, "\",\"job_id\":");
	buf_addi(&r->text, answer->id.job);
	if (answer->reason != MSCG_REASON_NONE) {
		buf_adds(&r->text, ",\"warning\":");
		wire_add_string(&r->text, answer->text);
	}
	if (spec) {
		buf_adds(&r->text, ",\"cpus\":");
		buf_adds(&r->text, format_cpus(spec->spec->cpus_milli, text, sizeof text));
		buf_adds(&r->text, ",\"mem_bytes\":");
		buf_addi(&r->text, (int64_t)submit_mem(r->d, spec->spec));
		buf_adds(&r->text, ",\"priority\":");
		buf_addi(&r->text, known ? known->priority : spec->spec->priority);
	}
	buf_addc(&r->text, '}');
	spec_ref_put(spec);
}

static void submit_answer(struct request *r, const struct core_answer *answer)
{
	if (answer->code < 0) {
		/* All or none is checked right before the step, so this is the only job of the message. */
		r->failed_code = answer->code;
		mscg_error_set(&r->failure, answer->code, "%s", answer->text);
	} else {
		submit_say(r, answer);
	}
	if (r->awaiting)
		return;
	if (r->failed_code) {
		request_fail(r, r->failed_code, &r->failure);
		return;
	}
	buf_addc(&r->text, ']');
	if (r->d->engine && r->d->engine->not_enforced) {
		buf_adds(&r->text, ",\"not_enforced\":");
		wire_add_string(&r->text, r->d->engine->not_enforced);
	}
	buf_adds(&r->text, "}}");
	request_reply_text(r);
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

/* By factors everybody would put himself before all of them. */
static int submit_priority(const struct request *r, const struct mscg_spec *spec, struct mscg_error *error)
{
	if (r->d->policy.priority.multifactor && spec->priority > 0 && !client_is_operator(r->client))
		return mscg_error_set(error, -EPERM, "priority %d: expected 0 or less; with priority-type=multifactor only operators give more", spec->priority);
	return 0;
}

static int submit_may(struct request *r, struct mscg_error *error)
{
	uint32_t uid = r->client->peer.uid, own = geteuid();

	if (uid == 0 && own == 0 && !r->d->config.allow_root_jobs) {
		access_refuse(r->client, request_verb(r), error);
		return mscg_error_set(error, -EPERM,
		                      "root may not submit jobs here: submit as an ordinary user, or set allow-root-jobs");
	}
	if (own != 0 && uid != own) {
		access_refuse(r->client, request_verb(r), error);
		return mscg_error_set(error, -EPERM, "this mscgd runs jobs of its own user (uid %u) only", own);
	}
	return 0;
}

static int submit_admit(struct request *r, struct mscg_spec *spec, struct mscg_error *error)
{
	spec->uid = r->client->peer.uid;
	spec->gid = r->client->peer.gid;
	const struct partition_config *partition;
	const struct qos_config *qos;
	int code = access_isolation(r->client, request_verb(r), spec, error);
	if (code == 0)
		code = access_partition(r->client, request_verb(r), spec->partition, &partition, error);
	if (code == 0)
		code = access_qos(r->client, request_verb(r), spec->qos || !partition ? spec->qos : partition->default_qos, &qos, error);
	if (code < 0)
		return code;
	if (!spec->qos)
		spec->qos = xstrdup(qos->name);
	if (!spec->partition && partition)
		spec->partition = xstrdup(partition->name);
	spec->time_limit_s = core_time_limit(&r->d->policy, name_key(spec->qos), name_key(spec->partition), spec->time_limit_s);
	if ((code = submit_priority(r, spec, error)) < 0 || (code = submit_in_time(spec, error)) < 0)
		return code;
	return accounts_fill(&r->d->config.accounts, spec, error);
}

static void submit_refuse(struct request *r, struct mscg_spec **specs, uint32_t n, int code, const struct mscg_error *error)
{
	wire_specs_free(specs, n);
	request_fail(r, code, error);
}

/* What several are refused for begins with the one that it is: "jobs[3]: ". */
static int submit_admits(struct request *r, struct mscg_spec **specs, uint32_t n, struct mscg_error *error)
{
	int code = core_admits(r->d->core, specs, n, error);
	uint32_t good = 0, bad = n;

	if (code >= 0 || n == 1)
		return code;
	while (bad - good > 1) {
		uint32_t half = good + (bad - good) / 2;

		*(core_admits(r->d->core, specs, half, NULL) < 0 ? &bad : &good) = half;
	}
	return mscg_error_prefix(error, code, "jobs[%u]: ", bad - 1);
}

/* All or none: nothing is between this look and the step that takes them (turn_now). */
static int submit_together(struct request *r, struct mscg_spec **specs, uint32_t n, struct mscg_error *error)
{
	uint32_t first = core_next_job_id(r->d->core);
	int code;

	if (turn_store_is_failing(r->d, error))
		return mscg_error_prefix(error, -EIO, "the state directory cannot be written: ");
	if (first > INT32_MAX - n)
		return mscg_error_set(error, -ENOSPC, "job ids are used up");
	code = submit_admits(r, specs, n, error);
	for (uint32_t i = 0; code >= 0 && i < n; i++) {
		mscg_depends_name(&specs[i]->dependency, first);
		mscg_depends_name(&specs[i]->dependency_left, first);
	}
	return code;
}

static void submit_all(struct request *r, struct mscg_spec **specs, uint32_t n)
{
	struct mscg_error error;
	int code = n > 1 ? submit_together(r, specs, n, &error) : 0;

	if (code < 0) {
		submit_refuse(r, specs, n, code, &error);
		return;
	}
	r->answer = submit_answer;
	for (uint32_t i = 0; i < n; i++) {
		struct core_input input = { .kind = CORE_SUBMIT };

		turn_add(r->d, &input, spec_ref_new(specs[i]), r);
	}
	free(specs);
}

/* The core's word on whose a reservation is. */
static int refused_by_right(const struct request *r, int code)
{
	struct mscg_error error;

	return code == -EPERM ? access_refuse(r->client, request_verb(r), &error) : code;
}

static void submit_start(struct request *r)
{
	struct mscg_spec **specs = NULL;
	struct mscg_error error;
	uint32_t n = 0, admitted = 0;

	if (!request_store_is_well(r))
		return;
	if (r->d->degraded) {
		request_failf(r, -EIO, "no new jobs are taken until the state directory can be written: %s", r->d->degraded_why.text);
		return;
	}
	int code = wire_submit_parse(r->parameters, &specs, &n, &error);
	if (code < 0) {
		request_fail(r, code, &error);
		return;
	}
	code = submit_may(r, &error);
	for (; code >= 0 && admitted < n; admitted++) {
		code = submit_admit(r, specs[admitted], &error);
		if (code >= 0 && specs[admitted]->attached)
			code = n != 1 || specs[admitted]->array ? mscg_error_set(&error, -EINVAL, "an attached job comes alone") : stdio_take(r, &error);
		if (code < 0 && n > 1)
			mscg_error_prefix(&error, code, "jobs[%u]: ", admitted);
	}
	if (code >= 0)
		code = refused_by_right(r, submit_admits(r, specs, n, &error));
	if (code < 0) {
		submit_refuse(r, specs, n, code, &error);
		return;
	}
	if (r->client->peer.uid == 0 && geteuid() == 0)
		access_used(r->client, request_verb(r));
	depends_settle(r, specs, n, submit_all);
}

#define KEYS(...) (const char *const[]){ __VA_ARGS__ __VA_OPT__(,) NULL }

static const struct method methods[] = {
	{ "io.mscg.Submit", submit_start, KEYS("jobs", "environments", "scripts"), ACCESS_ANYONE, false },
	{ "io.mscg.List", list_start, KEYS("ids", "tasks", "states", "user", "name", "account", "partition", "since", "until", "active", "newest_first", "limit"), ACCESS_VIEWER, false },
	{ "io.mscg.Show", show_start, KEYS("id"), ACCESS_VIEWER, false },
	{ "io.mscg.Why", why_start, KEYS("id"), ACCESS_VIEWER, false },
	{ "io.mscg.Priorities", priorities_start, KEYS("ids"), ACCESS_VIEWER, false },
	{ "io.mscg.Budgets", budgets_start, KEYS(), ACCESS_VIEWER, false },
	{ "io.mscg.Shares", shares_start, KEYS(), ACCESS_VIEWER, false },
	{ "io.mscg.Top", top_start, KEYS(), ACCESS_VIEWER, false },
	{ "io.mscg.Stats", stats_start, KEYS(), ACCESS_ANYONE, false },
	{ "io.mscg.Cancel", cancel_start, KEYS("ids", "mine", "user", "states", "signal"), ACCESS_OWNER, false },
	{ "io.mscg.Wait", wait_start, KEYS("ids", "attached"), ACCESS_VIEWER, true },
	{ "io.mscg.Requeue", requeue_start, KEYS("ids"), ACCESS_OWNER, true },
	{ "io.mscg.PassStdio", stdio_start, KEYS(), ACCESS_ANYONE, true },
	{ "io.mscg.Exec", exec_start, KEYS("id", "argv", "pty", "term"), ACCESS_USER, true },
	{ "io.mscg.Resize", resize_by_hand_start, KEYS("id", "cpus", "mem_bytes"), ACCESS_OWNER, true },
	{ "io.mscg.Suspend", list_change_start, KEYS("ids"), ACCESS_OWNER, true },
	{ "io.mscg.Resume", list_change_start, KEYS("ids"), ACCESS_OWNER, true },
	{ "io.mscg.Hold", list_change_start, KEYS("ids"), ACCESS_OWNER, false },
	{ "io.mscg.Release", list_change_start, KEYS("ids"), ACCESS_OWNER, false },
	{ "io.mscg.Update", update_start, KEYS("id", "priority", "priority_add", "top", "time_limit", "time_limit_add", "begin", "deadline", "array_throttle", "cpus", "mem_bytes", "qos", "partition"), ACCESS_OWNER, false },
	{ "io.mscg.Events", events_start, KEYS("since", "id", "follow"), ACCESS_VIEWER, false },
	{ "io.mscg.Config", config_start, KEYS(), ACCESS_ANYONE, false },
	{ "io.mscg.ListQos", qos_start, KEYS(), ACCESS_ANYONE, false },
	{ "io.mscg.ListPartitions", partitions_start, KEYS(), ACCESS_ANYONE, false },
	{ "io.mscg.ListReservations", reservations_start, KEYS(), ACCESS_ANYONE, false },
	{ "io.mscg.Reserve", reserve_start, KEYS("name", "start", "end", "duration", "cpus", "mem_bytes", "users", "accounts", "flags"), ACCESS_OPERATOR, true },
	{ "io.mscg.Unreserve", unreserve_start, KEYS("name"), ACCESS_OPERATOR, true },
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

	*r = (struct request){ .d = d, .client = client, .stdio_fd = -1, .next = d->requests, .prev = &d->requests };
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
		request_failf(r, -EINVAL, "no method '%.60s' here (see io.mscg.varlink)", name ? name : "");
	else if (parameters && !json_is_object(parameters) && !json_is_null(parameters))
		request_failf(r, -EINVAL, "parameters must be an object");
	else if ((code = wire_check_keys(r->parameters, r->method->keys, &error)) < 0)
		request_fail(r, code, &error);
	else if (r->method->access == ACCESS_OPERATOR && !client_is_operator(client))
		request_fail(r, access_refuse(client, request_verb(r), &error), &error);
	else if (r->method->needs_scheduler && d->config.once)
		request_failf(r, -ECONNREFUSED, "no daemon runs, and this request needs one (start it with: mscg scheduler)");
	else {
		if (r->method->access == ACCESS_OPERATOR)
			access_used(client, request_verb(r));
		r->method->start(r);
	}
}
