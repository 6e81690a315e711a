/* What the engine reports. A report of an attempt that is not the job's present one changes nothing: the engine is told
 * to clear away whatever that was. */
#include "src/core/internal.h"

#include <signal.h>

#define RETRY_MAX_S 60

static int64_t time_of(const struct core *core, const struct mscg_report *r)
{
	return r->time_usec ? r->time_usec : core->now.real_usec;
}

/* It runs, and did before a restart. What was ordered last may not have been carried out: it is ordered again. */
static void adopted(struct core *core, struct entry *e)
{
	if (e->job.flags & MSCG_JOB_KILLED)
		out_action(core, e, MSCG_ACTION_KILL);
	else if (e->job.flags & JOB_ENDING)
		life_ask_to_end(core, e);
	else if (e->job.flags & MSCG_JOB_WARNED)
		life_send_warning(core, e);
	if (!(e->job.flags & (MSCG_JOB_KILLED | JOB_ENDING)) && e->live->unsure)
		resize_settle(core, e);
}

static void started(struct core *core, struct entry *e, const struct mscg_report *r)
{
	struct mscg_run *run = e->job.run;
	struct live *l = e->live;
	struct mscg_event event;
	bool restored = l->restored;
	int64_t ago;

	if (e->job.state != MSCG_STATE_RUNNING && e->job.state != MSCG_STATE_SUSPENDED)
		return;
	run->cgroup_id = r->cgroup_id;
	run->slot = r->slot;
	run->pid = r->pid;
	out_touch(core, e);
	l->restored = false;
	if (e->job.flags & MSCG_JOB_STARTED) {
		if (restored) {
			if (r->boot_usec)
				l->started_boot = MIN_OF(r->boot_usec + e->job.suspended_usec, core->now.boot_usec);
			life_set_deadline(core, e);
			adopted(core, e);
			suspend_go_on(core, e);
		}
		return;
	}
	l->retries = 0;
	l->wants = 0;
	l->need[0] = '\0';
	event = out_new(core, e, MSCG_EVENT_STARTED);
	event.time_usec = time_of(core, r);
	ago = core->now.real_usec - event.time_usec;
	l->started_boot = r->boot_usec ? MIN_OF(r->boot_usec, core->now.boot_usec) : core->now.boot_usec - (ago > 0 ? ago : 0);
	out_event(core, e, &event);
	life_set_deadline(core, e);
	depend_started(core, e);
	if (restored)
		adopted(core, e);
	change_repair(core, e);
	suspend_go_on(core, e);
}

/* By whom, or as its array does not go on. */
static enum mscg_reason cancel_reason(const struct mscg_job *job)
{
	return job->reason == MSCG_REASON_MAX_FAILS ? MSCG_REASON_MAX_FAILS : MSCG_REASON_CANCELLED;
}

static void start_deferred(struct core *core, struct entry *e, const struct mscg_report *r)
{
	struct live *l = e->live;
	uint32_t delay;

	if (e->job.state != MSCG_STATE_RUNNING || e->job.flags & MSCG_JOB_STARTED)
		return;
	if (e->job.flags & MSCG_JOB_CANCELLING) {
		life_end(core, e, &(struct ending){MSCG_STATE_CANCELLED, cancel_reason(&e->job), 0, 0, time_of(core, r), NULL});
		return;
	}
	if (e->job.flags & MSCG_JOB_REQUEUING) {
		life_conclude(core, e, &(struct ending){MSCG_STATE_CANCELLED, MSCG_REASON_NONE, 0, 0, time_of(core, r), NULL});
		return;
	}
	/* CPUs that it was to be started on did not come free, or a restart called it back: no fault of its own. */
	if (l->after_n || l->restored) {
		l->restored = false;
		life_back(core, e, MSCG_EVENT_DEFERRED, MSCG_REASON_RESOURCES, 0, r->text);
		return;
	}
	if (l->retries >= core->policy.max_launch_retries) {
		life_end(core, e, &(struct ending){MSCG_STATE_FAILED, MSCG_REASON_LAUNCH_FAILED, r->exit_code ? r->exit_code : 126, 0,
		                                  time_of(core, r), r->text});
		return;
	}
	delay = l->retries < 6 ? 1u << l->retries : RETRY_MAX_S;
	l->retries++;
	life_back(core, e, MSCG_EVENT_DEFERRED, MSCG_REASON_LAUNCH_RETRY, MIN_OF(delay, RETRY_MAX_S) * USEC_PER_SEC, r->text);
}

static void start_failed(struct core *core, struct entry *e, const struct mscg_report *r)
{
	struct ending ending = {MSCG_STATE_FAILED, MSCG_REASON_LAUNCH_FAILED, r->exit_code, r->exit_signal, time_of(core, r), r->text};

	if (e->job.flags & MSCG_JOB_CANCELLING) {
		ending.state = MSCG_STATE_CANCELLED;
		ending.reason = cancel_reason(&e->job);
		ending.code = ending.signal = 0;
	} else if (r->reason) {
		ending.reason = r->reason;
	}
	life_conclude(core, e, &ending);
}

static void exited(struct core *core, struct entry *e, const struct mscg_report *r)
{
	struct mscg_event event;

	if (e->job.state != MSCG_STATE_RUNNING && e->job.state != MSCG_STATE_SUSPENDED)
		return;
	event = out_new(core, e, MSCG_EVENT_EXITED);
	event.time_usec = time_of(core, r);
	event.exit_code = r->exit_code;
	event.exit_signal = r->exit_signal;
	if (!(e->job.flags & JOB_ENDING)) /* else what it left behind has the rest of the grace time */
		timer_set(core, &e->live->deadline, USEC_NEVER);
	out_event(core, e, &event);
}

/* How it ended. The kernel's count of kills is the verdict on memory, and only together with a death by it: a job may
 * lose a child to the OOM killer and go on. */
static void verdict(const struct mscg_job *job, const struct mscg_report *r, struct ending *ret)
{
	bool killed = r->exit_signal == SIGKILL || r->exit_code == 128 + SIGKILL || r->reason == MSCG_REASON_OUT_OF_MEMORY;
	bool oom = r->usage.oom_kills != MSCG_UNKNOWN && r->usage.oom_kills > 0;

	if (job->flags & MSCG_JOB_TIMED_OUT) {
		bool deadline = job->reason == MSCG_REASON_DEADLINE;

		ret->state = deadline ? MSCG_STATE_DEADLINE : MSCG_STATE_TIMEOUT;
		ret->reason = deadline ? MSCG_REASON_DEADLINE : MSCG_REASON_TIME_LIMIT;
	} else if (oom && killed) {
		ret->state = MSCG_STATE_OUT_OF_MEMORY;
		ret->reason = MSCG_REASON_OUT_OF_MEMORY;
	} else if (job->flags & MSCG_JOB_CANCELLING) {
		ret->state = MSCG_STATE_CANCELLED;
		ret->reason = cancel_reason(job);
	} else if (job->flags & MSCG_JOB_PREEMPTING) {
		ret->state = MSCG_STATE_PREEMPTED;
		ret->reason = MSCG_REASON_PREEMPTED;
	} else if (r->reason == MSCG_REASON_SUPERVISOR_DIED || r->reason == MSCG_REASON_LAUNCH_FAILED) {
		ret->state = MSCG_STATE_FAILED;
		ret->reason = r->reason;
	} else if (r->exit_signal) {
		ret->state = MSCG_STATE_FAILED;
		ret->reason = MSCG_REASON_SIGNALED;
	} else if (r->exit_code) {
		ret->state = MSCG_STATE_FAILED;
		ret->reason = MSCG_REASON_NONZERO_EXIT;
	} else {
		ret->state = MSCG_STATE_COMPLETED;
		ret->reason = MSCG_REASON_NONE;
	}
}

static void ended(struct core *core, struct entry *e, const struct mscg_report *r)
{
	struct ending ending = {.code = r->exit_code, .signal = r->exit_signal, .time_usec = time_of(core, r), .text = r->text};
	uint64_t held;

	book_accrue(core, e);
	held = e->job.run->usage.cpu_held_usec;
	e->job.run->usage = r->usage;
	e->job.run->usage.cpu_held_usec = held;
	verdict(&e->job, r, &ending);
	life_conclude(core, e, &ending);
}

static void lost(struct core *core, struct entry *e, const struct mscg_report *r)
{
	enum mscg_reason reason = r->reason ? r->reason : MSCG_REASON_OUTCOME_UNKNOWN;
	bool down = reason == MSCG_REASON_NODE_DOWN;

	if (down) /* another boot: its clock says nothing of when this one ended */
		e->job.run->held_since_usec = core->now.boot_usec;
	life_conclude(core, e, &(struct ending){down ? MSCG_STATE_NODE_FAIL : MSCG_STATE_LOST, reason, -1, 0, time_of(core, r), r->text});
}

/* Cannot be killed: it keeps what it holds, so that nobody else gets it. */
static void stuck(struct core *core, struct entry *e, const struct mscg_report *r)
{
	struct mscg_event event = out_new(core, e, MSCG_EVENT_UPDATED);

	snprintf(e->job.run->fail_text, sizeof e->job.run->fail_text, "%s", r->text);
	event.text = xstrdup(r->text);
	out_event(core, e, &event);
}

static bool is_resize(const struct mscg_report *r)
{
	return r->kind == MSCG_REPORT_RESIZED || r->kind == MSCG_REPORT_RESIZE_DEFERRED;
}

static void stale(struct core *core, const struct mscg_report *r)
{
	const struct entry nobody = {.job = {.id = r->id, .attempt = r->attempt}};

	out_action(core, &nobody, MSCG_ACTION_REMOVE);
}

void life_report(struct core *core, const struct mscg_report *r)
{
	struct entry *e = entry_find(core, r->id);

	if (e && e->node.bits & ENTRY_ENDED && e->job.attempt == r->attempt)
		return; /* ended in this step: it is removed already */
	if (!e || is_record(e) || e->job.attempt != r->attempt || !holds(e)) {
		if (!e || !is_resize(r) || e->job.attempt != r->attempt)
			stale(core, r);
		return;
	}
	switch (r->kind) {
	case MSCG_REPORT_STARTED:
		started(core, e, r);
		break;
	case MSCG_REPORT_START_DEFERRED:
		start_deferred(core, e, r);
		break;
	case MSCG_REPORT_START_FAILED:
		start_failed(core, e, r);
		break;
	case MSCG_REPORT_EXITED:
		exited(core, e, r);
		break;
	case MSCG_REPORT_ENDED:
		ended(core, e, r);
		break;
	case MSCG_REPORT_RESIZED:
	case MSCG_REPORT_RESIZE_DEFERRED:
		resize_report(core, e, r);
		break;
	case MSCG_REPORT_LOST:
		lost(core, e, r);
		break;
	case MSCG_REPORT_STUCK:
		stuck(core, e, r);
		break;
	case MSCG_REPORT_NEED:
		elastic_need(core, e, r);
		break;
	case MSCG_REPORT_MEMORY:
		mem_report(core, e, r);
		break;
	case MSCG_REPORT_COUNT:
		break;
	}
}
