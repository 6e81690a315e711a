/* mscg update: what a job asks for from now on. */
#include "job_options.h"

#include "src/base/parse.h"

/* A value that may be left out of the request. */
struct change {
	bool    given, relative;
	int64_t value;
};

struct update_options {
	struct change priority, time_limit, begin, deadline, throttle;
	int32_t  nice;
	bool     top;
	uint32_t cpus;
	uint64_t mem;
	const char *qos, *partition;
};

static int change_priority(void *target, const char *value, const struct option_spec *option, struct mscg_error *error)
{
	int32_t v;
	int r = value_int32(&v, value, option, error);

	if (r == 0)
		*(struct change *)target = (struct change){.given = true, .value = v};
	return r;
}

/* "2h" sets it, "+10m" and "-5m" change what there is. */
static int change_limit(void *target, const char *value, const struct option_spec *option, struct mscg_error *error)
{
	bool relative = *value == '+' || *value == '-';
	uint32_t seconds;
	int r = value_limit(&seconds, value + relative, option, error);

	if (r < 0)
		return r;
	if (relative && !seconds)
		return mscg_error_set(error, -EINVAL, "'%.60s' changes nothing: expected for example +10m", value);
	*(struct change *)target = (struct change){true, relative, *value == '-' ? -(int64_t)seconds : seconds};
	return 0;
}

static int change_time(void *target, const char *value, const struct option_spec *option, struct mscg_error *error)
{
	struct change change = {.given = true};
	int r = streq(value, "none") ? 0 : value_future(&change.value, value, option, error);

	if (r == 0)
		*(struct change *)target = change;
	return r;
}

static int change_throttle(void *target, const char *value, const struct option_spec *option, struct mscg_error *error)
{
	uint64_t n;
	int r = parse_u64(value, 0, MSCG_ARRAY_TASKS_MAX, &n, error);

	(void)option;
	if (r == 0)
		*(struct change *)target = (struct change){.given = true, .value = (int64_t)n};
	return r;
}

static void put(json_t *parameters, const char *key, const char *key_add, const struct change *change)
{
	if (change->given)
		json_object_set_new(parameters, change->relative ? key_add : key, json_integer(change->value));
}

static void put_time(json_t *parameters, const char *key, const struct change *change)
{
	char text[64];

	if (change->given)
		json_object_set_new(parameters, key, json_string(format_rfc3339(change->value, text, sizeof text)));
}

static json_t *request(const struct update_options *o, json_t *id)
{
	json_t *parameters = json_pack("{s:O}", "id", id);

	put(parameters, "priority", NULL, &o->priority);
	put(parameters, "time_limit", "time_limit_add", &o->time_limit);
	put(parameters, "array_throttle", NULL, &o->throttle);
	put_time(parameters, "begin", &o->begin);
	put_time(parameters, "deadline", &o->deadline);
	if (o->nice)
		json_object_set_new(parameters, "priority_add", json_integer(-(int64_t)o->nice));
	if (o->top)
		json_object_set_new(parameters, "top", json_true());
	if (o->cpus)
		json_object_set_new(parameters, "cpus", o->cpus % 1000 ? json_real(o->cpus / 1000.0) : json_integer(o->cpus / 1000));
	if (o->mem)
		json_object_set_new(parameters, "mem_bytes", json_integer((json_int_t)o->mem));
	if (o->qos)
		json_object_set_new(parameters, "qos", json_string(o->qos));
	if (o->partition)
		json_object_set_new(parameters, "partition", json_string(o->partition));
	return parameters;
}

static int update_one(const struct cli *cli, const struct update_options *o, json_t *id)
{
	json_t *reply;
	int r = cli_ask(cli, CONNECT_ONCE, "Update", request(o, id), &reply);

	if (r)
		return r;
	if (cli->json)
		print_json(reply);
	else
		printf("Updated job %s\n", jtext(reply, "id", "?"));
	json_decref(reply);
	return CLI_OK;
}

static int update_run(struct cli *cli, void *options, char **words)
{
	const struct update_options *o = options;
	int status = CLI_OK;
	json_t *ids, *id;
	size_t i;

	if (!o->priority.given && !o->time_limit.given && !o->begin.given && !o->deadline.given && !o->throttle.given && !o->nice &&
	    !o->top && !o->cpus && !o->mem && !o->qos && !o->partition)
		return cli_usage(cli, "update: what of it? expected an option such as --time +10m or --priority 5");
	if (o->priority.given + (o->nice != 0) + o->top > 1)
		return cli_usage(cli, "update: --priority, --nice and --top: expected one of them");
	ids = cli_job_ids(cli, words);
	if (!ids)
		return CLI_USAGE;
	json_array_foreach(ids, i, id) {
		int r = update_one(cli, o, id);

		status = status ? status : r;
	}
	json_decref(ids);
	return status;
}

#define UPDATE(field) offsetof(struct update_options, field)
static const struct option_spec update_options[] = {
	{0, "priority", "N", "higher is sooner; of a running elastic job: asked later for CPUs", change_priority, UPDATE(priority)},
	{0, "nice", "N", "lowers the priority by N from what it is (100 if N is left out)", value_nice, UPDATE(nice), OPTION_OPTIONAL},
	{0, "top", NULL, "before all other waiting jobs of its user, as `scontrol top` does; mscg top is the live table", value_true,
	 UPDATE(top)},
	{'t', "time", "[+-]TIME", "time limit: 2h sets it, +10m and -10m change it, also while the job runs; UNLIMITED: none", change_limit,
	 UPDATE(time_limit)},
	{'b', "begin", "TIME", "start at that time at the earliest; none: at once", change_time, UPDATE(begin)},
	{0, "deadline", "TIME", "be over by then; none: whenever", change_time, UPDATE(deadline)},
	{0, "throttle", "N", "so many tasks of the array at a time; 0: as many as there is room for", change_throttle, UPDATE(throttle)},
	{'q', "qos", "NAME", "quality of service, of what waits; its priority changes by what the two of them bring", value_text, UPDATE(qos), .values = VALUES_QOS},
	{'p', "partition", "NAME", "partition, of what waits; its priority changes by what the two of them bring", value_text, UPDATE(partition), .values = VALUES_PARTITION},
	{0, "array-throttle", "N", "so many tasks of the array at a time", change_throttle, UPDATE(throttle), OPTION_HIDDEN},
	{'c', "cpus", "N", "CPUs, of a job that waits", value_cpus, UPDATE(cpus)},
	{0, "mem", "SIZE", "memory, of a job that waits", value_size, UPDATE(mem)},
	{0},
};

const struct verb verb_update = {
	.name = "update",
	.summary = "Change what a job asks for",
	.words = "JOB...",
	.about = "Changes a job that waits and, where it makes sense (priority, time limit, deadline, tasks at a time), one that runs.\n"
	         "All that is asked of one job is done, or nothing of it. An array's number means all its tasks that have not ended.\n"
	         "CPUs and memory of what runs are changed by `mscg resize`.",
	.examples = "  mscg update 12 --time +10m\n  mscg update 12 --priority 5\n  mscg update 13 --throttle 8\n  mscg update 14 --top",
	.run = update_run,
	.options = update_options,
	.size = sizeof(struct update_options),
	.words_min = 1,
	.words_max = -1,
	.values = VALUES_JOB,
};
