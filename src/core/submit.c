/* Submission: what a job is made of, and whether it is taken. */
#include "src/base/intern.h"
#include "src/core/internal.h"

static uint64_t default_mem(const struct core_policy *policy, uint32_t cpus, uint64_t least, uint64_t most)
{
	uint64_t mem = policy->default_mem_per_cpu * ((cpus + CPU - 1) / CPU);

	mem = MAX_OF(MAX_OF(mem, MEM_MIN), least);
	return most ? MIN_OF(mem, most) : mem;
}

uint64_t core_mem_default(const struct core_policy *policy, const struct mscg_spec *spec)
{
	return default_mem(policy, spec->cpus_milli, spec->min_mem_bytes, spec->max_mem_bytes);
}

uint64_t submit_mem_for(const struct core *core, const struct mscg_job *job, uint32_t cpus)
{
	if (!cpus || !(job->flags & MSCG_JOB_MEM_DEFAULT))
		return job->mem_bytes;
	return default_mem(&core->policy, cpus, (uint64_t)job->min_mem_mib << 20, (uint64_t)job->max_mem_mib << 20);
}

void core_job_init(const struct core *core, const struct mscg_spec *spec, struct mscg_id id, struct mscg_job *ret)
{
	uint64_t all = book_total(core, spec->cpu_mode == MSCG_CPUS_QUOTA ? POOL_SHARED : POOL_EXCLUSIVE);
	struct mscg_job job = {
		.id = id,
		.uid = spec->uid,
		.priority = job_priority(core, name_key(spec->qos), name_key(spec->partition), spec->priority),
		.qos = name_key(spec->qos),
		.partition = name_key(spec->partition),
		.reservation = name_key(spec->reservation),
		.cpus_milli = spec->cpus_milli,
		.min_cpus_milli = spec->elastic ? spec->min_cpus_milli : spec->cpus_milli,
		.max_cpus_milli = spec->elastic ? spec->max_cpus_milli : spec->cpus_milli,
		.mem_bytes = spec->mem_bytes ? spec->mem_bytes : core_mem_default(&core->policy, spec),
		.time_limit_s = core_time_limit(&core->policy, name_key(spec->qos), name_key(spec->partition), spec->time_limit_s),
		.grace_s = spec->grace_s,
		.begin_usec = spec->begin_usec,
		.deadline_usec = spec->deadline_usec,
		.time_min_s = spec->time_min_s,
		.time_extend_s = spec->time_extend_s,
		.max_retries = spec->attached ? 0 : spec->max_retries,
		.gres = intern(spec->gres),
	};
	struct mscg_warn warn;

	if (spec->signal && mscg_warn_parse(spec->signal, &warn, NULL) == 0) {
		job.warn_signal = (uint32_t)warn.signal;
		job.warn_s = (uint16_t)warn.before_s;
		job.flags |= warn.main_only ? MSCG_JOB_WARN_MAIN : 0;
	}
	if (!job.min_cpus_milli)
		job.min_cpus_milli = job.cpus_milli;
	job.min_mem_mib = (uint32_t)(spec->min_mem_bytes >> 20);
	job.max_mem_mib = (uint32_t)(spec->max_mem_bytes >> 20);
	if (!job.max_cpus_milli)
		job.max_cpus_milli = (uint32_t)MAX_OF(all, job.cpus_milli);
	job.flags |= spec->elastic ? MSCG_JOB_ELASTIC : 0;
	job.flags |= spec->elastic && spec->by_pressure ? MSCG_JOB_BY_PRESSURE : 0;
	job.flags |= spec->cpu_mode == MSCG_CPUS_QUOTA ? MSCG_JOB_QUOTA : 0;
	job.flags |= spec->mem_bytes ? 0 : MSCG_JOB_MEM_DEFAULT;
	job.flags |= spec->hold ? MSCG_JOB_HELD_USER : 0;
	job.flags |= spec->requeue && !spec->attached ? MSCG_JOB_REQUEUE : 0;
	job.flags |= spec->attached ? MSCG_JOB_ATTACHED : 0;
	job.flags |= spec->array ? MSCG_JOB_ARRAY : 0;
	*ret = job;
}

void core_job_split(const struct mscg_job *record, uint32_t task, struct mscg_job *ret)
{
	*ret = *record;
	ret->id.task = task;
	ret->flags &= ~(uint32_t)(MSCG_JOB_ARRAY | MSCG_JOB_CANCELLING);
	ret->run = NULL;
}

/* What would be said to a submission: 0 or the refusal. Who waits at a terminal is not left waiting for what can never be. */
static int admit(const struct core *core, const struct mscg_job *job, const struct mscg_spec *spec, uint64_t tasks, bool *ret_feasible, char text[160])
{
	text[0] = '\0';
	*ret_feasible = queue_feasible(core, job, text);
	if (core->next_job_id > INT32_MAX) {
		snprintf(text, 160, "job ids are used up");
		return -ENOSPC;
	}
	if (!*ret_feasible && (core->policy.infeasible_reject || job->flags & MSCG_JOB_ATTACHED))
		return -ENOSPC;
	if (!partition_takes(core, job->partition, text))
		return -ENOSPC;
	int r = mem_admits(core, job, text);
	if (r == 0)
		r = job_admits(core, job, text);
	if (r == 0 && job->reservation)
		r = reserve_admits(core, job, spec, text);
	return r < 0 ? r : user_admits(core, job, tasks, text);
}

static uint64_t tasks_of(const struct mscg_spec *spec)
{
	return spec->array ? mscg_ranges_count(spec->array, spec->array_n) : 1;
}

int core_admits(const struct core *core, struct mscg_spec *const *specs, uint32_t n, struct mscg_error *error)
{
	struct mscg_job job;
	uint64_t tasks = 0;
	char text[160];
	bool fits;

	for (uint32_t i = 0; i < n; i++) {
		if (!gres_exist(core, specs[i]->gres, text))
			return mscg_error_set(error, -ENOSPC, "%s", text);
		core_job_init(core, specs[i], (struct mscg_id){core->next_job_id, MSCG_NO_TASK}, &job);
		tasks += tasks_of(specs[i]);
		int r = admit(core, &job, specs[i], tasks, &fits, text);
		if (r < 0)
			return mscg_error_set(error, r, "%s", text);
	}
	return 0;
}

void life_submit(struct core *core, const struct core_input *in)
{
	struct mscg_id id = {core->next_job_id, MSCG_NO_TASK};
	struct core_answer *a;
	struct mscg_event event;
	struct entry *e;
	struct mscg_job job;
	enum mscg_reason reason;
	char text[160];
	bool fits = false;
	int r = -ENOSPC;

	/* Asked before anything of it is kept: who makes up names costs nothing. */
	if (gres_exist(core, in->spec->gres, text)) {
		core_job_init(core, in->spec, id, &job);
		r = admit(core, &job, in->spec, tasks_of(in->spec), &fits, text);
	}
	if (r < 0) {
		a = out_answer(core, in->token, (struct mscg_id){0, MSCG_NO_TASK}, r, CORE_RESIZE_NONE, true, "%s", text);
		if (a)
			a->reason = fits ? MSCG_REASON_NONE : MSCG_REASON_INFEASIBLE;
		return;
	}
	core->next_job_id++;
	e = entry_new(core);
	e->job = job;
	gres_learn(core, job.gres);
	if (in->spec->array) {
		e->node.bits = ENTRY_RECORD;
		e->array = array_new(e, in->spec);
		core->count[MSCG_STATE_PENDING] += e->array->waiting;
		user_count(core, &job, (int64_t)e->array->waiting);
	}
	share_join(core, e, in->spec->account);
	entry_index(core, e);
	event = out_new(core, e, MSCG_EVENT_SUBMITTED);
	event.reason = !fits ? MSCG_REASON_INFEASIBLE : job.flags & MSCG_JOB_HELD ? MSCG_REASON_HELD_USER : MSCG_REASON_NONE;
	event.cpus_milli = job.cpus_milli;
	event.mem_bytes = job.mem_bytes;
	out_event(core, e, &event);
	if (in->spec->dependency_left)
		depend_submitted(core, e, in->spec->dependency_left);
	gate_arm(core, e);
	gate_consider(core, e);
	reason = !fits ? MSCG_REASON_INFEASIBLE : depend_never(e) ? depend_why(core, e, core->now, text) : MSCG_REASON_NONE;
	a = out_answer(core, in->token, id, 0, CORE_RESIZE_NONE, true, "%s", text);
	if (a)
		a->reason = reason;
}
