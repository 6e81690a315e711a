/* mscg cancel: ends jobs, or sends them a signal. */
#include "cli.h"

#include "src/base/parse.h"

struct cancel_options {
	bool        me, all;
	const char *user, *name;
	uint32_t    states;
	int         signal;
};

static json_t *state_names(uint32_t states)
{
	json_t *list = json_array();

	for (int s = 0; s < MSCG_STATE_COUNT; s++)
		if (states & UINT32_C(1) << s)
			json_array_append_new(list, json_string(mscg_state_name((enum mscg_state)s)));
	return list;
}

/* The call's parameters, or NULL with a usage error printed. */
static json_t *selection(const struct cli *cli, const struct cancel_options *o, char **words)
{
	bool filter = o->me || o->all || o->user || o->name || o->states;
	json_t *parameters = json_object();

	if (words[0] && filter) {
		cli_usage(cli, "cancel: jobs by number and by filter: expected one of both");
	} else if (!words[0] && !filter) {
		cli_usage(cli, "cancel: which jobs? expected JOB..., --me, --all, --user, --name or --state");
	} else if (o->all && (o->me || o->user)) {
		cli_usage(cli, "cancel: --all beside --me or --user: expected one of them");
	} else {
		json_t *ids = words[0] ? cli_task_ids(cli, words) : NULL;

		if (words[0] && !ids) {
			json_decref(parameters);
			return NULL;
		}
		if (ids)
			json_object_set_new(parameters, "ids", ids);
		/* A state or a name alone means one's own: an operator has to say --all to mean everybody. */
		if (filter && !o->all && !o->user)
			json_object_set_new(parameters, "mine", json_true());
		if (o->user)
			json_object_set_new(parameters, "user", json_string(o->user));
		if (o->states)
			json_object_set_new(parameters, "states", state_names(o->states));
		if (o->signal)
			json_object_set_new(parameters, "signal", json_integer(o->signal));
		return parameters;
	}
	json_decref(parameters);
	return NULL;
}

/* Names are not what mscgd keeps its queue by: the jobs of that name are looked up first, and cancelled by number. */
struct named {
	bool    mine;
	json_t *ids;
};

static bool on_slice(json_t *reply, void *ctx)
{
	struct named *named = ctx;
	json_t *job;
	size_t i;

	json_array_foreach(json_object_get(reply, "jobs"), i, job)
		if (!named->mine || jint(job, "uid", -1) == (int64_t)geteuid())
			json_array_append(named->ids, json_object_get(job, "id"));
	return true;
}

static int select_by_name(const struct cli *cli, const char *name, json_t *parameters)
{
	json_t *filter = json_pack("{s:s, s:b, s:O*, s:O*}", "name", name, "active", true, "user", json_object_get(parameters, "user"),
	                           "states", json_object_get(parameters, "states"));
	struct named named = {.mine = jbool(parameters, "mine", false), .ids = json_array()};
	struct mscg_error error = {0};
	struct mscg *m;
	int r = cli_connect(cli, CONNECT_ONCE, &m);

	if (r == 0) {
		r = mscg_call_more(m, "List", filter, on_slice, &named, &error) < 0 ? cli_fail(&error) : 0;
		mscg_close(m);
	} else {
		json_decref(filter);
	}
	json_object_del(parameters, "mine");
	json_object_del(parameters, "user");
	json_object_del(parameters, "states");
	json_object_set_new(parameters, "ids", named.ids);
	return r;
}

static int print_result(const struct cli *cli, const struct cancel_options *o, const json_t *reply)
{
	char word[32] = "Cancelled";

	if (o->signal)
		snprintf(word, sizeof word, "Sent %s to", signal_name(o->signal));
	if (!json_array_size(json_object_get(reply, "cancelled")) && !json_array_size(json_object_get(reply, "errors")) && !cli->json)
		cli_error("no job matches");
	return cli_print_acted(cli, reply, "cancelled", word);
}

static int cancel_run(struct cli *cli, void *options, char **words)
{
	const struct cancel_options *o = options;
	json_t *parameters = selection(cli, o, words), *reply;
	int r;

	if (!parameters)
		return CLI_USAGE;
	r = o->name ? select_by_name(cli, o->name, parameters) : 0;
	if (r) {
		json_decref(parameters);
		return r;
	}
	r = cli_ask(cli, CONNECT_ONCE, "Cancel", parameters, &reply);
	if (r)
		return r;
	r = print_result(cli, o, reply);
	json_decref(reply);
	return r;
}

#define CANCEL(field) offsetof(struct cancel_options, field)
static const struct option_spec cancel_options[] = {
	{0, "me", NULL, "all jobs of one's own", value_true, CANCEL(me)},
	{0, "all", NULL, "all jobs that one may cancel", value_true, CANCEL(all)},
	{'t', "state", "STATES", "jobs in these states, of one's own unless --all or --user says otherwise", value_state, CANCEL(states),
	 .values = VALUES_STATE},
	{'u', "user", "NAME", "jobs of this user", value_text, CANCEL(user)},
	{'n', "name", "NAME", "jobs of this name", value_text, CANCEL(name)},
	{0, "jobname", "NAME", "jobs of this name", value_text, CANCEL(name), OPTION_HIDDEN},
	{'s', "signal", "SIGNAL", "send this signal instead of cancelling", value_signal, CANCEL(signal)},
	{0},
};

const struct verb verb_cancel = {
	.name = "cancel",
	.summary = "Cancel a pending or running job",
	.words = "JOB...",
	.about = "Cancels jobs: what waits is taken from the queue; what runs gets SIGTERM and, after its grace time, is killed with\n"
	         "everything that it started. Cancelling a second time kills at once. A job is 12, a task of an array 12_3, several of\n"
	         "them '12_[3-7,9]' (quoted for the shell; those of them that have not ended), and 12 all of it.",
	.examples = "  mscg cancel 12\n  mscg cancel '12_[100-199]'\n  mscg cancel --me --state PENDING\n  mscg cancel --signal USR1 12",
	.run = cancel_run,
	.options = cancel_options,
	.size = sizeof(struct cancel_options),
	.words_max = -1,
	.values = VALUES_JOB,
};
