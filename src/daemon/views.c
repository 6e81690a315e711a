/* Job and Stats objects: what the store remembers, with what the core and the kernel say now. */
#include "daemon.h"
#include "src/base/parse.h"
#include "src/base/gres.h"
#include "src/base/jobfile.h"

static void overlay_live(struct daemon *d, struct mscg_id id, struct mscg_usage *usage, json_t *job)
{
	struct engine_live live;

	if (!d->engine || d->engine->ops->live(d->engine, id, &live) < 0)
		return;
	uint64_t held = usage->cpu_held_usec;
	*usage               = live.usage;
	usage->cpu_held_usec = held;
#define NUMBER(v) ((v) == MSCG_UNKNOWN ? json_null() : json_integer((json_int_t)(v)))
#define PERCENT(v) ((v) < 0 ? json_null() : json_real(v))
	json_object_set_new(job, "live",
	                    json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:i}", "memory_current_bytes",
	                              NUMBER(live.memory_current_bytes), "memory_max_bytes", NUMBER(live.memory_max_bytes),
	                              "cpu_pressure", PERCENT(live.cpu_pressure), "memory_pressure", PERCENT(live.memory_pressure),
	                              "io_pressure", PERCENT(live.io_pressure), "pids_current", NUMBER(live.pids_current),
	                              "cpuset_effective", live.cpuset_effective, "pinned_threads", (int)live.pinned_threads));
#undef NUMBER
#undef PERCENT
}

/* A row is as old as its last event; what a running job holds by the clock is counted up to now. */
static void overlay_held(const struct mscg_job *job, struct mscg_usage *usage)
{
	int64_t now = clock_boot_usec();

	if (job->run && job->run->grant && job->current_cpus_milli && job->run->held_since_usec &&
	    now > job->run->held_since_usec)
		usage->cpu_held_usec += (uint64_t)(now - job->run->held_since_usec) * job->current_cpus_milli / 1000;
}

static void set_nodes(const struct daemon *d, const struct mscg_job *job, struct wire_job_extra *extra)
{
	const struct mscg_grant *grant = job->run ? job->run->grant : NULL;

	if (!d->machine.topology || !grant || !grant->n)
		return;
	extra->nodes = topology_nodes(d->machine.topology, &grant->share[0].cpus);
	extra->switches = topology_leaves(d->machine.topology, &grant->share[0].cpus, &extra->common_switch);
}

/* By its partition, its QOS, or those of all. */
static struct cost_rates rates_of(const struct daemon *d, const struct mscg_job *job)
{
	const struct partition_config *p = partition_of_key(&d->config.partitions, job->partition);
	const struct qos_config *q = qos_of_key(&d->config.qos, job->qos);
	const char *text = p && p->cost_rates ? p->cost_rates : q && q->cost_rates ? q->cost_rates : d->config.cost_rates;
	struct cost_rates rates = { 0 };

	if (text)
		cost_rates_parse(text, &rates, NULL); /* checked when it was read */
	return rates;
}

/* As it is now; NULL: none. */
const char *partition_name(const struct daemon *d, const struct mscg_job *job, const struct mscg_spec *spec)
{
	const struct partition_config *p = partition_of_key(&d->config.partitions, job->partition);

	if (p)
		return p->name;
	return name_key(spec->partition) == job->partition ? spec->partition : NULL;
}

json_t *view_job(struct daemon *d, const struct mscg_row *row, const struct mscg_spec *spec, bool live, bool brief)
{
	const struct mscg_job *known = core_find(d->core, row->job.id);
	char cgroup[512] = "", control[512] = "", why[160] = "", small[160];
	struct mscg_row shown = *row;
	struct mscg_run run;
	bool here = known && mscg_id_equal(known->id, row->job.id) && known->state == row->job.state;
	_cleanup_free_ char *in = jobfile_input(spec, row->job.id, d->machine.node);
	_cleanup_free_ char *out = jobfile_output(spec, row->job.id, d->machine.node, 1);
	_cleanup_free_ char *err = jobfile_output(spec, row->job.id, d->machine.node, 2);
	struct core_now now = { clock_real_usec(), clock_boot_usec() };

	if (here && row->job.state == MSCG_STATE_PENDING) {
		shown.job.reason = (uint8_t)core_why(d->core, row->job.id, now, why);
		if (why_here(d, (enum mscg_reason)shown.job.reason, why))
			shown.job.reason = MSCG_REASON_NONE;
	}
	if (d->engine && row->job.current_cpus_milli)
		d->engine->ops->paths(d->engine, row->job.id, cgroup, control);
	if (shown.job.run) {
		run           = *shown.job.run;
		shown.job.run = &run;
		if (why[0] == 0 && run.fail_text[0])
			snprintf(why, sizeof why, "%s", run.fail_text);
		if (here)
			overlay_held(&row->job, &run.usage);
	}
	json_t *extras = json_object();
	if (live && shown.job.run && row->job.state == MSCG_STATE_RUNNING)
		overlay_live(d, row->job.id, &run.usage, extras);
	struct cost_rates rates = rates_of(d, &shown.job);
	struct wire_job_extra extra = {
		.reason_text  = why[0] ? why : NULL,
		.cgroup       = cgroup[0] ? cgroup : NULL,
		.control_file = control[0] ? control : NULL,
		.need         = here ? core_need(d->core, row->job.id) : NULL,
		.why_small    = here && core_why_small(d->core, row->job.id, small) ? small : NULL,
		.mem_need     = here ? core_mem_need(d->core, row->job.id) : NULL,
		.stdin_path   = in,
		.stdout_path  = spec->attached ? NULL : out,
		.stderr_path  = spec->attached ? NULL : err,
		.max_cpus_machine_milli = d->machine.core.ncpus * 1000,
		.now_usec     = now.real_usec,
		.rates        = &rates,
		.currency     = d->config.cost_currency,
		.brief        = brief,
	};
	const struct qos_config *qos = qos_of_key(&d->config.qos, shown.job.qos);
	extra.qos = qos ? qos->name : name_key(spec->qos) == shown.job.qos ? spec->qos : NULL;
	extra.partition = partition_name(d, &shown.job, spec);
	set_nodes(d, &shown.job, &extra);
	if (here || row->job.start_usec >= now.real_usec - (now.boot_usec - d->started_boot_usec))
		extra.not_enforced = d->engine ? d->engine->not_enforced : NULL;
	json_t *job = wire_job_json(&shown, spec, &extra);
	free(extra.nodes);
	strv_free(extra.switches);
	json_object_update(job, extras);
	json_decref(extras);
	return job;
}

void view_hide(json_t *job)
{
	static const char *const empty[] = { "user", "command" };
	static const char *const unknown[] = { "uid", "name", "account", "partition", "reservation", "comment", "submit_line", "workdir", "reason_text",
		                               "dependency", "depends_on", "pid", "cgroup", "stdin_path", "stdout_path", "stderr_path", "control_file", "cut" };

	for (size_t i = 0; i < ARRAY_SIZE(empty); i++)
		json_object_set_new(job, empty[i], json_string(""));
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
		json_object_set_new(job, unknown[i], json_null());
	json_object_set_new(job, "argv", json_array());
}

struct stuck_view {
	const struct core *core;
	json_t *list;
};

static void add_stuck(struct mscg_id id, const char *processes, void *ctx)
{
	struct stuck_view *v = ctx;
	const struct mscg_job *job = core_find(v->core, id);
	char text[MSCG_ID_TEXT], cpus[1024] = "";

	if (!job || !job->run || !job->run->grant)
		return;
	mscg_cpuset_format(&job->run->grant->share[0].cpus, cpus, sizeof cpus);
	json_array_append_new(v->list, json_pack("{s:s, s:f, s:s, s:I, s:s}", "id", mscg_id_format(id, text), "cpus",
	                                         job->current_cpus_milli / 1000.0, "cpu_list", cpus, "mem_bytes",
	                                         (json_int_t)job->run->grant->share[0].mem_bytes, "processes", processes));
}

static json_t *view_stuck(struct daemon *d)
{
	struct stuck_view v = { d->core, json_array() };

	if (d->engine)
		d->engine->ops->each_stuck(d->engine, add_stuck, &v);
	return v.list;
}

static json_t *view_gres(const struct daemon *d)
{
	json_t *list = json_array();
	struct core_gres_use use;
	char ids[256];

	for (uint32_t i = 0; core_get_gres(d->core, i, &use); i++)
		if (!streq(use.name, GRES_LICENSE) || *use.type) /* what all licenses are together says nothing */
			json_array_append_new(list, json_pack("{s:s, s:s?, s:I, s:I, s:s?}", "name", use.name, "type", *use.type ? use.type : NULL,
			                                      "total", (json_int_t)use.total, "held", (json_int_t)use.held, "free_ids",
			                                      use.devices ? gres_list_units(use.free_units, ids, sizeof ids) : NULL));
	return list;
}

json_t *view_stats(struct daemon *d, const struct store_totals *totals)
{
	struct core_stats s;
	_cleanup_free_ char *cpus = xmalloc(65536);
	json_t *states = json_object(), *warnings = json_array();
	uint64_t total = 0;

	core_get_stats(d->core, &s);
	mscg_cpuset_format(core_free_cpus(d->core), cpus, 65536);
	for (int i = 0; i < MSCG_STATE_COUNT; i++) {
		total += totals->by_state[i];
		if (totals->by_state[i])
			json_object_set_new(states, mscg_state_name((enum mscg_state)i), json_integer((json_int_t)totals->by_state[i]));
	}
	_cleanup_free_ char *topology = d->machine.topology ? topology_describe(d->machine.topology) : NULL;
	for (char **w = d->warnings; w && *w; w++)
		json_array_append_new(warnings, json_string(*w));
	json_t *j = json_pack("{s:s, s:s?, s:I, s:I, s:I, s:I, s:s}", "node", d->machine.node, "topology", topology, "cpus_total", (json_int_t)s.cpus_total,
	                      "cpus_held", (json_int_t)s.cpus_held, "cpus_lent", (json_int_t)s.cpus_lent, "cpus_reserved",
	                      (json_int_t)d->machine.cpus_reserved, "cpus_free", cpus);
	json_t *more = json_pack("{s:f, s:f, s:I, s:I, s:I, s:I, s:b, s:I, s:I, s:I, s:I, s:I, s:o, s:f, s:f, s:o, s:s, s:s, s:s?, s:o, s:o}",
	                         "shared_cpus_total", s.shared_total_milli / 1000.0, "shared_cpus_held", s.shared_held_milli / 1000.0,
	                         "mem_total", (json_int_t)s.mem_total, "mem_held", (json_int_t)s.mem_held, "mem_reserved",
	                         (json_int_t)d->machine.mem_reserved, "utilisation_percent", (json_int_t)s.utilisation_percent,
	                         "drained", s.drained, "pending", (json_int_t)s.pending, "running", (json_int_t)s.running,
	                         "suspended", (json_int_t)s.suspended,
	                         "completing", (json_int_t)s.completing, "jobs_total", (json_int_t)total, "by_state", states,
	                         "mean_wait_seconds", totals->mean_wait_s, "mean_run_seconds", totals->mean_run_s, "warnings", warnings,
	                         "mode", geteuid() == 0 ? "root" : "user", "engine", d->engine ? d->engine->ops->name : "none",
	                         "degraded", d->degraded ? d->degraded_why.text : NULL, "gres", view_gres(d),
	                         "unkillable", view_stuck(d));
	json_object_update(j, more);
	json_decref(more);
	return j;
}
