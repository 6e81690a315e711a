/* One step: inputs in their order, then what is due, then what can start, then what can grow. */
#include "src/core/internal.h"

struct core *core_new(const struct core_machine *machine, const struct core_policy *policy)
{
	struct core *core = xcalloc(1, sizeof *core);

	core->policy = *policy;
	core->next_job_id = 1;
	core->next_seq = 1;
	queue_key(core);
	core->reserve.wake = core->reserve.recheck = USEC_NEVER;
	change_set_machine(core, machine);
	core->shares.on = policy->priority.multifactor || policy->priority.charges;
	if (core->shares.on)
		share_configure(core);
	return core;
}

void core_free(struct core *core)
{
	struct entry *e, *task;

	if (!core)
		return;
	queue_clear(core);
	core->timers = NULL;
	IDS_EACH(&core->jobs, id, e) {
		if (is_record(e)) {
			IDS_EACH(&e->array->tasks, index, task) {
				entry_forget_live(task);
				mscg_run_free(task->job.run);
			}
			array_free(e->array);
		}
		entry_forget_live(e);
		depend_forget(e);
		mscg_run_free(e->job.run);
	}
	depend_clear(core);
	users_clear(core);
	totals_clear(core);
	share_clear(core);
	ids_free(&core->jobs);
	for (uint32_t i = 0; i < core->chunks; i++)
		free(core->chunk[i]);
	free(core->chunk);
	plan_clear(&core->plan);
	reserve_clear(core);
	place_clear(&core->place);
	gres_clear(core);
	free(core->holder);
	free(core->claim);
	free(core->dirty);
	free(core->node);
	free(core);
}

/* -- what is asked ------------------------------------------------------------------------------------------------ */

static int missing(const struct core *core, struct mscg_id id)
{
	return id.job && id.job < core->next_job_id ? -EALREADY : -ESRCH;
}

static void say_missing(struct core *core, const struct core_input *in)
{
	char id[MSCG_ID_TEXT];
	int code = missing(core, in->id);

	out_answer(core, in->token, in->id, code, CORE_RESIZE_NONE, true, code == -ESRCH ? "no job %s" : "job %s has ended",
	       mscg_id_format(in->id, id));
}

static struct entry *find_active(const struct core *core, struct mscg_id id)
{
	struct entry *e = entry_find(core, id);

	return e && !(e->node.bits & ENTRY_ENDED) ? e : NULL;
}

static void do_cancel(struct core *core, const struct core_input *in)
{
	struct entry *e = find_active(core, in->id);
	struct entry *record = ids_get(&core->jobs, in->id.job);

	if (e) {
		life_cancel(core, e);
	} else if (in->id.task == MSCG_NO_TASK || !record || !is_record(record) ||
	           !array_cancel_index(core, record, in->id.task)) {
		say_missing(core, in);
		return;
	}
	out_answer(core, in->token, in->id, 0, CORE_RESIZE_NONE, true, "%s", "");
}

static uint32_t signal_one(struct core *core, struct entry *e, int sig)
{
	/* What is suspended gets it when it goes on. */
	if ((e->job.state != MSCG_STATE_RUNNING && e->job.state != MSCG_STATE_SUSPENDED) || !(e->job.flags & MSCG_JOB_STARTED))
		return 0;
	out_action(core, e, MSCG_ACTION_SIGNAL)->signal = sig;
	return 1;
}

static void do_signal(struct core *core, const struct core_input *in)
{
	struct entry *e = find_active(core, in->id), *task;
	char id[MSCG_ID_TEXT];
	uint32_t n = 0;

	if (!e && !core_task_waits(core, in->id)) {
		say_missing(core, in);
		return;
	}
	if (e && is_record(e))
		IDS_EACH(&e->array->tasks, index, task)
			n += signal_one(core, task, in->signal);
	else if (e)
		n = signal_one(core, e, in->signal);
	if (n)
		out_answer(core, in->token, in->id, 0, CORE_RESIZE_NONE, true, "%s", "");
	else
		out_answer(core, in->token, in->id, -EINVAL, CORE_RESIZE_NONE, true, "job %s does not run", mscg_id_format(in->id, id));
}

static void cancel_all(struct core *core)
{
	struct entry *e;

	IDS_EACH(&core->jobs, id, e)
		if (!(e->node.bits & ENTRY_ENDED))
			life_cancel(core, e);
}

static void done(struct core *core, const struct core_input *in)
{
	out_answer(core, in->token, in->id, 0, CORE_RESIZE_NONE, true, "%s", "");
}

static void take_input(struct core *core, const struct core_input *in)
{
	switch (in->kind) {
	case CORE_SUBMIT:
		life_submit(core, in);
		break;
	case CORE_CANCEL:
		do_cancel(core, in);
		break;
	case CORE_SIGNAL:
		do_signal(core, in);
		break;
	case CORE_RESIZE:
		resize_by_hand(core, in);
		break;
	case CORE_HOLD:
		update_hold(core, in);
		break;
	case CORE_RELEASE:
		update_release(core, in);
		break;
	case CORE_UPDATE:
		update_job(core, in);
		break;
	case CORE_DRAIN:
		core->drained = in->on;
		done(core, in);
		break;
	case CORE_SHUTDOWN:
		cancel_all(core);
		done(core, in);
		break;
	case CORE_REPORT:
		life_report(core, in->report);
		break;
	case CORE_MACHINE:
		change_machine(core, in->machine);
		done(core, in);
		break;
	case CORE_POLICY:
		change_policy(core, in->policy);
		done(core, in);
		break;
	case CORE_REQUEUE:
		life_requeue(core, in);
		break;
	case CORE_SUSPEND:
	case CORE_RESUME:
		suspend_input(core, in);
		break;
	case CORE_RESERVE:
	case CORE_UNRESERVE:
		reserve_input(core, in);
		break;
	case CORE_TICK:
	case CORE_INPUT_COUNT:
		break;
	}
}

/* -- what is due -------------------------------------------------------------------------------------------------- */

static void backoff_over(struct core *core, struct entry *e)
{
	timer_set(core, &e->live->backoff, USEC_NEVER);
	if (e->live->unsure && (runs(e) || e->job.state == MSCG_STATE_SUSPENDED))
		resize_settle(core, e);
	change_repair(core, e);
	elastic_update(core, e);
}

static void run_timers(struct core *core)
{
	struct timer *timer;

	while ((timer = timer_due(core))) {
		if (timer->kind == TIMER_DEADLINE)
			life_deadline(core, timer->entry);
		else if (timer->entry->job.state == MSCG_STATE_PENDING)
			gate_deadline(core, timer->entry);
		else
			backoff_over(core, timer->entry);
	}
}

/* From here on a shrink that was decided is on its way and can not be made larger. */
static void close_step(struct core *core)
{
	core->step++;
	for (uint32_t i = 0; i < core->dirty_n; i++)
		if (core->dirty[i]->live && core->dirty[i]->live->flight)
			elastic_update(core, core->dirty[i]);
}

void core_step(struct core *core, const struct core_input *inputs, uint32_t n, struct core_now now, struct core_output *out)
{
	core->out = out;
	core->now = now;
	for (uint32_t i = 0; i < n; i++)
		take_input(core, &inputs[i]);
	run_timers(core);
	reserve_turn(core);
	change_heal(core);
	backfill(core);
	elastic_grow(core);
	mem_grow(core);
	close_step(core);
	share_give_out(core);
	out_rows(core);
	out->wake_boot_usec = MIN_OF(MIN_OF(timer_next(core), core->reserve.wake), MIN_OF(core->grow_at, core->preempt_at));
	core->out = NULL;
}
