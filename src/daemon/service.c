/* What concerns the daemon as a whole: drain, shutdown, its settings, and what it says of itself. */
#include <syslog.h>

#include "daemon.h"
#include "src/base/parse.h"

static void drain_answer(struct request *r, const struct core_answer *answer)
{
	(void)answer;
	request_reply(r, json_pack("{s:b}", "drained", core_drained(r->d->core)));
}

void drain_start(struct request *r)
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

void shutdown_start(struct request *r)
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

void ping_start(struct request *r)
{
	struct daemon *d = r->d;

	request_reply(r, json_pack("{s:s, s:i, s:s, s:s, s:f, s:b, s:s?}", "version", MSCG_VERSION, "pid", (int)getpid(), "instance",
	                           d->info.instance, "state_dir", d->config.state_dir, "uptime_seconds",
	                           (double)(clock_boot_usec() - d->started_boot_usec) / 1e6, "scheduling", d->engine != NULL,
	                           "degraded", d->degraded ? d->degraded_why.text : NULL));
}

static json_t *limit_json(uint64_t value)
{
	return value ? json_integer((json_int_t)value) : json_null();
}

static json_t *names_json(const char *names)
{
	_cleanup_free_ char *copy = xstrdup(names);
	char *rest = NULL;
	json_t *list = copy ? json_array() : json_null();

	for (char *one = copy ? strtok_r(copy, ", \t", &rest) : NULL; one; one = strtok_r(NULL, ", \t", &rest))
		json_array_append_new(list, json_string(one));
	return list;
}

void qos_start(struct request *r)
{
	const struct config *c = &r->d->config;
	json_t *list = json_array();

	for (uint32_t i = 0; i < c->qos.n; i++) {
		const struct qos_config *q = &c->qos.qos[i];

		json_array_append_new(list, json_pack("{s:o, s:s, s:o, s:o, s:s, s:b, s:b, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s?}", "preempts", names_json(q->preempts), "preempt_mode",
		                                      qos_mode_name(q), "grace_time", q->grace_time < 0 ? json_null() : json_integer(q->grace_time),
		                                      "preempt_exempt_time", limit_json(q->preempt_exempt_time), "name", q->name,
		                                      "default", streq(q->name, c->default_qos), "allowed", client_may_have(r->client, q),
		                                      "priority", (json_int_t)q->priority, "max_cpus_per_job", limit_json(q->job_cpus),
		                                      "max_mem_per_job", limit_json(q->job_mem), "max_time", limit_json(q->job_time),
		                                      "max_submit_per_user", limit_json(q->user_submit), "max_jobs_per_user",
		                                      limit_json(q->user_jobs), "max_cpus_per_user", limit_json(q->user_cpus),
		                                      "max_mem_per_user", limit_json(q->user_mem), "grp_jobs", limit_json(q->grp_jobs), "grp_cpus",
		                                      limit_json(q->grp_cpus), "grp_mem", limit_json(q->grp_mem), "users", names_json(q->users), "groups",
		                                      names_json(q->groups), "cost_rates", q->cost_rates));
	}
	request_reply(r, json_pack("{s:o}", "qos", list));
}

void partitions_start(struct request *r)
{
	const struct config *c = &r->d->config;
	json_t *list = json_array();

	for (uint32_t i = 0; i < c->partitions.n; i++) {
		const struct partition_config *p = &c->partitions.partition[i];
		struct core_use use = core_partition_use(r->d->core, name_key(p->name));

		json_array_append_new(list, json_pack("{s:s, s:b, s:b, s:s, s:I, s:o, s:f, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:s?, s:s?}", "name", p->name,
		                                      "default", c->default_partition && streq(p->name, c->default_partition), "allowed",
		                                      client_may_use(r->client, p), "state", partition_state_name(p), "priority",
		                                      (json_int_t)p->priority, "max_cpus", limit_json(p->cpus), "cpus_held", (double)use.cpus_milli / 1000,
		                                      "jobs_running", (json_int_t)use.jobs, "max_cpus_per_job", limit_json(p->job_cpus),
		                                      "max_mem_per_job", limit_json(p->job_mem), "max_time", limit_json(p->job_time), "default_time",
		                                      limit_json(p->default_time), "allow_groups", names_json(p->allow_groups), "allow_qos",
		                                      names_json(p->allow_qos), "default_qos", p->default_qos, "cost_rates", p->cost_rates));
	}
	request_reply(r, json_pack("{s:o}", "partitions", list));
}

void config_start(struct request *r)
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

void describe_start(struct request *r)
{
	const char *name = NULL;
	struct mscg_error error;

	if (wire_get_string(r->parameters, "interface", &name, &error) < 0)
		request_fail(r, -EINVAL, &error);
	else if (!streq(name, "io.mscg"))
		request_failf(r, -EINVAL, "no interface '%s' here: expected io.mscg", name ? name : "");
	else
		request_reply(r, json_pack("{s:s}", "description", wire_interface_description));
}

void info_start(struct request *r)
{
	request_reply(r, json_pack("{s:s, s:s, s:s, s:s, s:[s, s]}", "vendor", "mscg", "product", "mscgd", "version", MSCG_VERSION,
	                           "url", "https://github.com/mscg/mscg", "interfaces", "org.varlink.service", "io.mscg"));
}
