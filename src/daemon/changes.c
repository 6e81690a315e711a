/* Hold, Release, Suspend, Resume, Update: what people change of jobs that have not ended. */
#include "daemon.h"
#include "src/base/parse.h"

static const struct list_verb {
	const char *method, *done;
	enum core_input_kind kind;
	bool undoes; /* what an operator did */
	uint32_t states; /* of tasks in a range */
} list_verbs[] = {
	{ "Hold", "held", CORE_HOLD, false, 1 << MSCG_STATE_PENDING },
	{ "Release", "released", CORE_RELEASE, true, CORE_STATE_HELD },
	{ "Suspend", "suspended", CORE_SUSPEND, false, 1 << MSCG_STATE_RUNNING },
	{ "Resume", "resumed", CORE_RESUME, true, 1 << MSCG_STATE_SUSPENDED },
};

static const struct list_verb *list_verb(const struct request *r)
{
	size_t i = 0;

	while (!request_is(r, list_verbs[i].method))
		i++;
	return &list_verbs[i];
}

static void list_one(struct request *r, struct mscg_id id, const struct list_verb *verb)
{
	const struct mscg_job *job = core_find(r->d->core, id);
	struct core_input input = { .kind = verb->kind, .id = id };
	struct mscg_error error;
	char text[MSCG_ID_TEXT];
	int code;

	if (!job) {
		many_refuse(r, id, -ESRCH, "no job %s that is pending or running", mscg_id_format(id, text));
	} else if ((code = access_act(r->client, request_verb(r), id, job, &error)) < 0) {
		many_refuse(r, id, code, "%s", error.text);
	} else {
		input.admin = client_is_operator(r->client) && (verb->undoes || job->uid != r->client->peer.uid);
		turn_add(r->d, &input, NULL, r);
	}
}

void list_change_start(struct request *r)
{
	const struct list_verb *verb = list_verb(r);
	_cleanup_free_ struct mscg_id *ids = NULL;
	struct mscg_error error;
	uint32_t n = 0;
	int code = many_ids(r, verb->states, &ids, &n, &error);

	if (code < 0) {
		request_fail(r, code, &error);
		return;
	}
	if (!request_store_is_well(r))
		return;
	many_begin(r, verb->done);
	for (uint32_t i = 0; i < n; i++)
		list_one(r, ids[i], verb);
	many_end(r);
}

/* -- Update ------------------------------------------------------------------------------------------------------- */

static const struct field {
	const char     *key;
	enum mscg_field field;
	bool            time, relative;
	int64_t         min, max;
} fields[] = {
	{ "priority", MSCG_FIELD_PRIORITY, false, false, INT32_MIN, INT32_MAX },
	{ "priority_add", MSCG_FIELD_PRIORITY, false, true, -(INT64_C(1) << 32), INT64_C(1) << 32 },
	{ "time_limit", MSCG_FIELD_TIME_LIMIT, false, false, 0, UINT32_MAX },
	{ "time_limit_add", MSCG_FIELD_TIME_LIMIT, false, true, -(INT64_C(1) << 32), INT64_C(1) << 32 },
	{ "begin", MSCG_FIELD_BEGIN, true, false, 0, 0 },
	{ "deadline", MSCG_FIELD_DEADLINE, true, false, 0, 0 },
	{ "array_throttle", MSCG_FIELD_ARRAY_THROTTLE, false, false, 0, MSCG_ARRAY_TASKS_MAX },
};

static int read_fields(const json_t *parameters, struct core_update *u, struct mscg_error *error)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		const struct field *f = &fields[i];
		int64_t value = 0;
		int code = f->time ? wire_get_time(parameters, f->key, &value, error)
		                   : wire_get_int(parameters, f->key, f->min, f->max, &value, error);

		if (code < 0)
			return code;
		if (code == 0)
			continue;
		if (u->field[f->field].given)
			return mscg_error_set(error, -EINVAL, "%s beside another change of the same: expected one of them", f->key);
		u->field[f->field].given    = true;
		u->field[f->field].relative = f->relative;
		u->field[f->field].value    = value;
	}
	return 0;
}

static int read_qos(const struct request *r, struct core_update *u, struct mscg_error *error)
{
	const char *name = NULL;
	const struct qos_config *qos;
	int code = wire_get_string(r->parameters, "qos", &name, error);

	if (code > 0)
		code = access_qos(r->client, request_verb(r), name, &qos, error);
	if (code < 0 || !name)
		return code;
	u->field[MSCG_FIELD_QOS].given = true;
	u->field[MSCG_FIELD_QOS].value = name_key(qos->name);
	return 0;
}

static int read_partition(const struct request *r, struct core_update *u, struct mscg_error *error)
{
	const char *name = NULL;
	const struct partition_config *partition = NULL;
	int code = wire_get_string(r->parameters, "partition", &name, error);

	if (code > 0)
		code = access_partition(r->client, request_verb(r), name, &partition, error);
	if (code < 0 || !name)
		return code;
	if (!partition)
		return mscg_error_set(error, -EINVAL, "no partition '%.40s': there are none in the configuration", name);
	u->field[MSCG_FIELD_PARTITION].given = true;
	u->field[MSCG_FIELD_PARTITION].value = name_key(partition->name);
	return 0;
}

static int read_update(const struct request *r, struct core_update *u, struct mscg_error *error)
{
	const json_t *parameters = r->parameters;
	int64_t mem = 0;
	bool any = false;
	int code = read_fields(parameters, u, error);

	if (code < 0 || (code = read_qos(r, u, error)) < 0 || (code = read_partition(r, u, error)) < 0 || (code = wire_get_bool(parameters, "top", &u->top, error)) < 0 ||
	    (code = wire_get_milli(parameters, "cpus", &u->cpus_milli, error)) < 0 ||
	    (code = wire_get_int(parameters, "mem_bytes", 4 << 20, INT64_MAX, &mem, error)) < 0)
		return code;
	if (u->top && u->field[MSCG_FIELD_PRIORITY].given)
		return mscg_error_set(error, -EINVAL, "top beside a priority: expected one of them");
	u->mem_bytes = (uint64_t)mem;
	u->field[MSCG_FIELD_PRIORITY].given |= u->top;
	for (enum mscg_field f = 0; f < MSCG_FIELD_COUNT; f++)
		any |= u->field[f].given;
	if (!any && !u->cpus_milli && !mem)
		return mscg_error_set(error, -EINVAL, "nothing to update: give one of priority, time_limit, begin, deadline, ...");
	return 0;
}

static void update_answer(struct request *r, const struct core_answer *answer)
{
	struct mscg_error error = { .code = answer->code };
	char id[MSCG_ID_TEXT];

	memcpy(error.text, answer->text, sizeof answer->text);
	if (answer->code < 0)
		request_fail(r, answer->code, &error);
	else
		request_reply(r, json_pack("{s:s}", "id", mscg_id_format(r->id, id)));
}

void update_start(struct request *r)
{
	struct core_input input = { .kind = CORE_UPDATE };
	struct core_update update = { 0 };
	struct mscg_error error;
	int code = read_update(r, &update, &error);

	if (code < 0) {
		request_fail(r, code, &error);
		return;
	}
	if (!request_store_is_well(r) || !request_job(r))
		return;
	input.id     = r->id;
	input.update = &update;
	input.admin  = client_is_operator(r->client);
	r->answer    = update_answer;
	turn_add(r->d, &input, NULL, r);
}
