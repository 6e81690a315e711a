/* From the start to the end: what people ask for, and the clock. What the engine reports is in report.c. */
#include "src/core/internal.h"

#include <signal.h>

/* -- start -------------------------------------------------------------------------------------------------------- */

/* CPUs for a job that may have them (queue.c saw to that): first what is free, then from those who lend or yield. */
void life_find_cpus(struct core *core, struct entry *e, uint32_t cpus, const char *gres, struct mscg_cpuset *set)
{
	struct mscg_cpuset near;
	enum pool pool = pool_of(&e->job);
	uint64_t now = MIN_OF(reserve_free(core, &e->job), cpus);

	*set = (struct mscg_cpuset){0};
	if (pool == POOL_EXCLUSIVE) {
		if (gres_near(core, gres, &near))
			place_pick_close(&core->place, (uint32_t)(now / CPU), &near, set);
		else
			place_pick(&core->place, (uint32_t)(now / CPU), set);
		book_hold(core, e, set);
	}
	if (now < cpus)
		elastic_take(core, e, cpus - now, set);
	if (pool == POOL_SHARED) {
		core->shared_free -= cpus;
		*set = core->shared;
	}
}

void life_await(const struct entry *e, struct mscg_action *action)
{
	const struct live *l = e->live;

	if (!l->after_n)
		return;
	action->after_n = l->after_n;
	action->after = xcalloc(l->after_n, sizeof *action->after);
	for (uint32_t i = 0; i < l->after_n; i++)
		action->after[i] = l->after[i].seq;
}

static char *limit_text(const struct mscg_job *job, uint32_t given_s)
{
	uint32_t asked_s = job->time_limit_s;
	char a[32], b[32];

	if (job->reservation)
		return xasprintf("for %s, until its reservation ends", format_elapsed(given_s, a, sizeof a));
	return xasprintf("for %s of %s, so that it starts now", format_elapsed(given_s, a, sizeof a), format_elapsed(asked_s, b, sizeof b));
}

void life_start(struct core *core, struct entry *e, uint32_t cpus, uint32_t limit_s)
{
	struct mscg_action *action;
	struct mscg_event event;
	struct mscg_cpuset set;
	struct live *l;
	char *gres;

	if (is_record(e))
		e = array_split(core, e);
	else
		queue_remove(core, e);
	l = entry_live(core, e);
	timer_set(core, &l->deadline, USEC_NEVER);
	timer_set(core, &l->backoff, USEC_NEVER);
	l->unsure = l->restored = false;
	l->after_n = 0;
	gres = gres_take(core, &e->job);
	life_find_cpus(core, e, cpus, gres, &set);
	core->mem_held += e->job.mem_bytes;
	book_list(core, l);
	event = out_new(core, e, MSCG_EVENT_GRANTED);
	event.reason = MSCG_REASON_NONE;
	event.attempt = e->job.attempt + 1;
	event.cpus_milli = cpus;
	event.mem_bytes = e->job.mem_bytes;
	event.gres = gres;
	event.cpus = out_set(&set);
	if (limit_s != e->job.time_limit_s) {
		event.value = limit_s;
		event.text = limit_text(&e->job, limit_s);
	}
	out_event(core, e, &event);
	e->job.run->held_since_usec = core->now.boot_usec;
	book_dress(core, e);
	action = out_action(core, e, MSCG_ACTION_START);
	action->restarts = e->job.restarts;
	action->time_limit_s = e->job.time_limit_s;
	action->grant = mscg_grant_copy(e->job.run->grant);
	life_await(e, action);
	reserve_started(core, &e->job);
}

/* -- ending ------------------------------------------------------------------------------------------------------- */

void life_ask_to_end(struct core *core, struct entry *e)
{
	struct mscg_action *a = out_action(core, e, MSCG_ACTION_SIGNAL);

	a->signal = SIGTERM;
	a->grace = true;
}

void life_kill(struct core *core, struct entry *e)
{
	if (!(e->job.flags & MSCG_JOB_KILLED)) {
		struct mscg_event event = out_new(core, e, MSCG_EVENT_KILL);

		out_event(core, e, &event);
	}
	timer_set(core, &e->live->deadline, USEC_NEVER);
	out_action(core, e, MSCG_ACTION_KILL);
}

static uint32_t grace_of(const struct core *core, const struct entry *e)
{
	const struct core_qos *qos = e->job.flags & MSCG_JOB_PREEMPTING ? core_qos_find(&core->policy, e->job.qos) : NULL;

	return qos && qos->has_grace ? qos->grace_s : e->job.grace_s;
}

/* SIGTERM, and the kill when the grace time is over. What was not seen to run yet is killed at once, and so is what is
 * suspended: it could do nothing with its grace time but use CPUs that are others' now. */
static void terminate(struct core *core, struct entry *e)
{
	uint32_t grace_s = grace_of(core, e);

	if (!(e->job.flags & MSCG_JOB_STARTED) || grace_s == 0 || e->job.state == MSCG_STATE_SUSPENDED) {
		life_kill(core, e);
		return;
	}
	life_ask_to_end(core, e);
	timer_set(core, &e->live->deadline, core->now.boot_usec + grace_s * USEC_PER_SEC);
}

void life_preempt(struct core *core, struct entry *e, bool requeue, uint32_t for_job, char *text)
{
	struct mscg_event event = out_new(core, e, MSCG_EVENT_PREEMPTED);

	event.reason = MSCG_REASON_PREEMPTED;
	event.value = for_job;
	event.text = text;
	out_event(core, e, &event);
	if (requeue) {
		event = out_new(core, e, MSCG_EVENT_REQUEUE);
		out_event(core, e, &event);
	}
	out_action(core, e, MSCG_ACTION_SIGNAL)->signal = SIGCONT; /* what stopped itself could not end well */
	terminate(core, e);
}

void life_cancel_for(struct core *core, struct entry *e, enum mscg_reason reason)
{
	struct mscg_event event;
	bool again = e->job.flags & JOB_ENDING, completing = e->job.state == MSCG_STATE_COMPLETING;

	if (e->job.state == MSCG_STATE_PENDING) {
		life_end(core, e, &(struct ending){MSCG_STATE_CANCELLED, reason, 0, 0, core->now.real_usec, NULL});
		return;
	}
	/* It ends by itself, and how is known already; but it may be for another attempt. */
	if (completing && !again &&
	    (!e->job.max_retries || (!e->job.exit_code && !e->job.exit_signal)))
		return;
	if (!(e->job.flags & MSCG_JOB_CANCELLING)) {
		event = out_new(core, e, MSCG_EVENT_CANCEL);
		event.reason = (uint8_t)(reason == MSCG_REASON_CANCELLED ? MSCG_REASON_NONE : reason);
		out_event(core, e, &event);
	}
	if (again)
		life_kill(core, e);
	else if (!completing)
		terminate(core, e);
}

void life_cancel(struct core *core, struct entry *e)
{
	if (is_record(e))
		array_cancel(core, e, MSCG_REASON_CANCELLED);
	else
		life_cancel_for(core, e, MSCG_REASON_CANCELLED);
}

/* -- the time that it has ----------------------------------------------------------------------------------------- */

/* By the boot clock, when its time limit is less than `before_s` away; USEC_NEVER: it has none that counts now. */
static int64_t limit_in(const struct entry *e, uint32_t before_s)
{
	if (!e->job.time_limit_s || e->job.state == MSCG_STATE_SUSPENDED)
		return USEC_NEVER;
	return e->live->started_boot + ((int64_t)e->job.time_limit_s - before_s) * USEC_PER_SEC;
}

/* The same of the deadline, by the wall clock. */
static int64_t deadline_in(const struct entry *e, uint32_t before_s)
{
	return e->job.deadline_usec ? e->job.deadline_usec - before_s * USEC_PER_SEC : USEC_NEVER;
}

static bool will_warn(const struct entry *e)
{
	return e->job.warn_signal && !(e->job.flags & MSCG_JOB_WARNED);
}

static int64_t next_look(const struct core *core, const struct entry *e, uint32_t before_s)
{
	int64_t deadline = deadline_in(e, before_s);

	return MIN_OF(limit_in(e, before_s), deadline == USEC_NEVER ? USEC_NEVER : gate_boot_of(core, deadline));
}

void life_set_deadline(struct core *core, struct entry *e)
{
	struct live *l = e->live;
	int64_t at = USEC_NEVER;

	if (e->job.flags & MSCG_JOB_KILLED)
		at = USEC_NEVER;
	else if (e->job.flags & JOB_ENDING)
		at = core->now.boot_usec + grace_of(core, e) * USEC_PER_SEC;
	else if (e->job.flags & MSCG_JOB_STARTED && !l->restored)
		at = next_look(core, e, will_warn(e) ? e->job.warn_s : 0);
	timer_set(core, &l->deadline, at);
}

/* Which of its limits is less than `before_s` away; NONE: it was only time to look. */
static enum mscg_reason limit_reached(const struct core *core, const struct entry *e, uint32_t before_s)
{
	if (limit_in(e, before_s) <= core->now.boot_usec)
		return MSCG_REASON_TIME_LIMIT;
	if (deadline_in(e, before_s) <= core->now.real_usec)
		return MSCG_REASON_DEADLINE;
	return MSCG_REASON_NONE;
}

void life_send_warning(struct core *core, const struct entry *e)
{
	struct mscg_action *a = out_action(core, e, MSCG_ACTION_SIGNAL);

	a->signal = (int)e->job.warn_signal;
	a->warn = !(e->job.flags & MSCG_JOB_WARN_MAIN);
	a->main_only = !a->warn;
}

static void warn(struct core *core, struct entry *e)
{
	struct mscg_event event = out_new(core, e, MSCG_EVENT_WARNED);

	event.value = e->job.warn_signal;
	event.text = xasprintf("%s, %u s before its end", signal_name((int)e->job.warn_signal), e->job.warn_s);
	out_event(core, e, &event);
	life_send_warning(core, e);
}

void life_time_out(struct core *core, struct entry *e, enum mscg_reason reason)
{
	struct mscg_event event = out_new(core, e, MSCG_EVENT_TIMELIMIT);

	event.reason = (uint8_t)reason;
	out_event(core, e, &event);
	terminate(core, e);
}

void life_deadline(struct core *core, struct entry *e)
{
	enum mscg_reason reason;

	timer_set(core, &e->live->deadline, USEC_NEVER);
	if (e->job.state == MSCG_STATE_PENDING) {
		gate_consider(core, e);
	} else if (e->job.flags & JOB_ENDING) {
		life_kill(core, e);
	} else if (e->job.state != MSCG_STATE_RUNNING && e->job.state != MSCG_STATE_SUSPENDED) {
		return;
	} else if ((reason = limit_reached(core, e, 0)) == MSCG_REASON_TIME_LIMIT && extend(core, e)) {
		life_set_deadline(core, e);
	} else if (reason != MSCG_REASON_NONE) {
		life_time_out(core, e, reason);
	} else {
		reason = will_warn(e) ? limit_reached(core, e, e->job.warn_s) : MSCG_REASON_NONE;
		if (reason != MSCG_REASON_NONE && !(reason == MSCG_REASON_TIME_LIMIT && extend(core, e)))
			warn(core, e);
		life_set_deadline(core, e);
	}
}

void life_end(struct core *core, struct entry *e, const struct ending *ending)
{
	bool granted = holds(e);
	struct mscg_event event;

	queue_remove(core, e);
	book_release(core, e);
	resize_drop(core, e, "the job has ended");
	event = out_new(core, e, MSCG_EVENT_ENDED);
	event.state = (uint8_t)ending->state;
	event.reason = (uint8_t)ending->reason;
	event.exit_code = ending->code;
	event.exit_signal = ending->signal;
	event.time_usec = ending->time_usec ? ending->time_usec : core->now.real_usec;
	event.text = ending->text && *ending->text ? xstrdup(ending->text) : NULL;
	if (e->job.run && ending->text && *ending->text)
		snprintf(e->job.run->fail_text, sizeof e->job.run->fail_text, "%s", ending->text);
	out_event(core, e, &event);
	e->node.bits |= ENTRY_ENDED;
	if (e->live) {
		timer_set(core, &e->live->deadline, USEC_NEVER);
		timer_set(core, &e->live->backoff, USEC_NEVER);
		change_note_hurt(core, e);
	}
	if (granted)
		out_action(core, e, MSCG_ACTION_REMOVE)->state = (uint8_t)ending->state;
	depend_ended(core, e);
	if (!is_record(e) && e->array)
		array_task_ended(core, e);
}

void life_back(struct core *core, struct entry *e, enum mscg_event_kind kind, enum mscg_reason reason, int64_t delay_usec,
              const char *text)
{
	struct mscg_event event = out_new(core, e, kind);
	struct live *l = e->live;

	book_release(core, e);
	book_close_attempt(&e->job, e->job.end_usec ? e->job.end_usec : core->now.real_usec);
	resize_drop(core, e, "the job is back in the queue");
	event.reason = (uint8_t)reason;
	event.text = text && *text ? xstrdup(text) : NULL;
	if (e->job.run)
		snprintf(e->job.run->fail_text, sizeof e->job.run->fail_text, "%s", text ? text : "");
	out_event(core, e, &event);
	l->after_n = 0;
	l->unsure = false;
	change_note_hurt(core, e);
	l->retry_at = delay_usec ? core->now.boot_usec + delay_usec : 0;
	gate_arm(core, e);
	gate_consider(core, e);
}

/* -- once more ---------------------------------------------------------------------------------------------------- */

static bool wants_another(const struct mscg_job *job, enum mscg_state state)
{
	if (job->flags & (MSCG_JOB_CANCELLING | MSCG_JOB_REQUEUING))
		return !(job->flags & MSCG_JOB_CANCELLING);
	switch (state) {
	case MSCG_STATE_NODE_FAIL:
	case MSCG_STATE_LOST:
		return job->flags & MSCG_JOB_REQUEUE;
	case MSCG_STATE_FAILED:
	case MSCG_STATE_OUT_OF_MEMORY:
		return job->restarts < job->max_retries;
	default:
		return false;
	}
}

/* What this attempt came to, for the journal: the record of the job goes on to the next one. */
static char *attempt_text(const struct mscg_job *job, const struct ending *ending)
{
	const struct mscg_usage *u = &job->run->usage;
	char cpu[64] = "", memory[64] = "", exit[32] = "", number[32];

	if (ending->code >= 0)
		snprintf(exit, sizeof exit, ", %d:%d", ending->code, ending->signal);
	if (u->cpu_usec != MSCG_UNKNOWN)
		snprintf(cpu, sizeof cpu, ", %.3f s of CPU", (double)u->cpu_usec / (double)USEC_PER_SEC);
	if (u->memory_peak_bytes != MSCG_UNKNOWN)
		snprintf(memory, sizeof memory, ", %s of memory", format_size(u->memory_peak_bytes, number, sizeof number));
	return xasprintf("attempt %u was %s%s%s%s%s%s", job->attempt, mscg_state_name(ending->state), exit, cpu, memory,
	                 ending->text && *ending->text ? ": " : "", ending->text ? ending->text : "");
}

/* The first few at once; what fails again and again, or makes room, is given more and more time, a minute at most. */
static int64_t pause_usec(const struct mscg_job *job)
{
	enum { AT_ONCE = 4, LONGEST_S = 60 };
	bool asked = job->flags & MSCG_JOB_REQUEUING && !(job->flags & MSCG_JOB_PREEMPTING);
	uint32_t more = asked || job->restarts < AT_ONCE ? 0 : 1 + MIN_OF(job->restarts - AT_ONCE, 8);

	return more ? MIN_OF(INT64_C(1) << (more - 1), LONGEST_S) * USEC_PER_SEC : 0;
}

void life_conclude(struct core *core, struct entry *e, const struct ending *ending)
{
	_cleanup_free_ char *text = NULL;

	if (!wants_another(&e->job, ending->state)) {
		life_end(core, e, ending);
		return;
	}
	text = attempt_text(&e->job, ending);
	out_action(core, e, MSCG_ACTION_REMOVE)->state = (uint8_t)ending->state;
	life_back(core, e, MSCG_EVENT_REQUEUED, ending->reason, pause_usec(&e->job), text);
}

static const char requeued_text[] = "requeued on request";

static void requeue_running(struct core *core, struct entry *e)
{
	struct mscg_event event = out_new(core, e, MSCG_EVENT_REQUEUE);
	bool again = e->job.flags & JOB_ENDING;

	out_event(core, e, &event);
	if (e->job.state == MSCG_STATE_COMPLETING)
		return; /* it ends by itself */
	if (again)
		life_kill(core, e);
	else
		terminate(core, e);
}

/* It had ended, and is known to the store only. */
static void requeue_ended(struct core *core, const struct mscg_row *row)
{
	const struct mscg_job *job = &row->job;
	struct entry *e = entry_new(core);

	e->job = *job;
	gres_learn(core, e->job.gres);
	e->job.run = mscg_run_copy(job->run);
	share_join(core, e, row->account);
	entry_index(core, e);
	entry_live(core, e);
	core->count[e->job.state]++;
	life_back(core, e, MSCG_EVENT_REQUEUED, MSCG_REASON_NONE, 0, requeued_text);
}

static int may_requeue(const struct mscg_job *job, char text[160])
{
	char id[MSCG_ID_TEXT];
	mscg_id_format(job->id, id);
	if (mscg_state_is_final((enum mscg_state)job->state) && job->id.task != MSCG_NO_TASK) {
		snprintf(text, 160, "job %s is a task that has ended: submit it again with --array=%u and the rest of its command line", id,
		         job->id.task);
		return -EBUSY;
	}
	const char *why = job->state == MSCG_STATE_PENDING     ? "waits in the queue already" :
	                  !mscg_state_is_final((enum mscg_state)job->state) && job->flags & MSCG_JOB_CANCELLING ? "is being cancelled" :
	                  job->flags & MSCG_JOB_ATTACHED       ? "was attached to a terminal: run it again" :
	                  job->flags & MSCG_JOB_ARRAY          ? "is an array that has ended: submit it again" : NULL;

	if (why)
		snprintf(text, 160, "job %s %s", id, why);
	return why ? -EBUSY : 0;
}

/* Its tasks that run; the others wait. */
static int requeue_array(struct core *core, struct entry *record, char text[160])
{
	struct entry *task;
	uint32_t n = 0;

	IDS_EACH(&record->array->tasks, index, task) {
		if (task->node.bits & ENTRY_ENDED || may_requeue(&task->job, text) < 0)
			continue;
		requeue_running(core, task);
		n++;
	}
	snprintf(text, 160, "no task of array %u runs: what waits is in the queue already", record->job.id.job);
	return n ? 0 : -EBUSY;
}

void life_requeue(struct core *core, const struct core_input *in)
{
	struct entry *e = entry_find(core, in->id);
	const struct mscg_job *job = e ? &e->job : in->row ? &in->row->job : NULL;
	char text[160] = "", id[MSCG_ID_TEXT];
	int r;

	if (!job || (e && e->node.bits & ENTRY_ENDED) || (!e && !mscg_state_is_final((enum mscg_state)job->state))) {
		r = -ESRCH;
		snprintf(text, sizeof text, "job %s has just ended: try again", mscg_id_format(in->id, id));
	} else if (e && is_record(e)) {
		r = requeue_array(core, e, text);
	} else if ((r = may_requeue(job, text)) == 0 && e) {
		requeue_running(core, e);
	} else if (r == 0 && (r = user_admits(core, job, 1, text)) == 0) {
		requeue_ended(core, in->row);
	}
	out_answer(core, in->token, in->id, r, CORE_RESIZE_NONE, true, "%s", r < 0 ? text : "");
}
