/* Jobs that stand still. Suspending is a resize to no CPUs: they are free, or their claimant's, as soon as the kernel has
 * frozen the job; its memory stays its own. Resuming is a resize back, to whatever CPUs there are then, taken as for a
 * start: what is free, what is lent, what those of lower priority yield. Time limits do not count meanwhile. */
#include "src/core/internal.h"

/* -- suspend ------------------------------------------------------------------------------------------------------- */

static void say_suspended(struct core *core, struct entry *e, bool admin)
{
	struct mscg_event event = out_new(core, e, MSCG_EVENT_SUSPENDED);

	event.reason = admin ? MSCG_REASON_HELD_ADMIN : MSCG_REASON_HELD_USER;
	out_event(core, e, &event);
}

static struct flight *freeze(struct core *core, struct entry *e)
{
	const struct mscg_cpuset none = {0};
	struct flight *f = resize_begin(core, e, 0, &none, share_of(e)->mem_bytes, NULL); /* what it holds: after a restart that may be more */

	f->suspends = true;
	core->out->actions[f->action].freeze = true;
	return f;
}

void suspend_preempt(struct core *core, struct entry *e, uint32_t for_job, char *text)
{
	struct mscg_event event = out_new(core, e, MSCG_EVENT_SUSPENDED);

	event.reason = MSCG_REASON_PREEMPTED;
	event.value = for_job;
	event.text = text;
	e->live->suspended_boot = core->now.boot_usec;
	out_event(core, e, &event);
	freeze(core, e);
	life_set_deadline(core, e);
}

void suspend_go_on(struct core *core, struct entry *e)
{
	struct live *l = e->live;

	if (!l->suspends || !runs(e) || l->flight || l->unsure)
		return;
	l->suspends = false;
	l->suspended_boot = core->now.boot_usec;
	say_suspended(core, e, l->suspend.admin);
	freeze(core, e)->token = l->suspend.token;
	life_set_deadline(core, e);
}

void suspend_drop(struct core *core, struct entry *e, const char *why)
{
	struct live *l = e->live;

	if (l->suspends)
		out_answer(core, l->suspend.token, e->job.id, -EALREADY, CORE_RESIZE_NONE, true, "%s", why);
	l->suspends = false;
}

void suspend_settle(struct core *core, struct entry *e)
{
	struct flight *f = freeze(core, e);

	f->before = share_of(e)->cpu_milli;
	f->mem_before = f->mem;
	f->settles = true;
}

static bool is_ending(const struct entry *e)
{
	return e->job.state == MSCG_STATE_COMPLETING || e->job.flags & (JOB_ENDING | MSCG_JOB_KILLED);
}

/* 0: the answer comes later. */
static int suspend_one(struct core *core, struct entry *e, const struct core_input *in, uint64_t token)
{
	struct live *l = e->live;

	if (e->job.state == MSCG_STATE_PENDING || is_ending(e))
		return -EBUSY;
	if (e->job.state == MSCG_STATE_SUSPENDED && !(e->job.flags & MSCG_JOB_RESUMING) && !preempt_suspended(e) &&
	    (!in->admin || e->job.flags & MSCG_JOB_SUSPENDED_ADMIN))
		return -EBUSY;
	if (e->job.state == MSCG_STATE_SUSPENDED && !(l->flight && l->flight->resumes)) {
		say_suspended(core, e, in->admin || e->job.flags & MSCG_JOB_SUSPENDED_ADMIN);
		out_answer(core, token, e->job.id, 0, CORE_RESIZE_NONE, true, "%s", "");
		return 0;
	}
	suspend_drop(core, e, "a later request took its place");
	l->suspends = true;
	l->suspend.token = token;
	l->suspend.admin = in->admin;
	suspend_go_on(core, e);
	return 0;
}

/* -- resume -------------------------------------------------------------------------------------------------------- */

bool suspend_waits(const struct entry *e)
{
	return (preempt_suspended(e) || (e->job.state == MSCG_STATE_SUSPENDED && e->job.flags & MSCG_JOB_RESUMING)) && !is_ending(e) && !e->live->flight &&
	       !e->live->unsure && e->live->backoff.at == USEC_NEVER;
}

struct entry *suspend_first(const struct core *core)
{
	struct entry *first = NULL;

	if (!core->count[MSCG_STATE_SUSPENDED])
		return NULL;
	for (const struct live *l = core->granted; l; l = l->granted_next)
		if (suspend_waits(l->entry) && (!first || queue_before(&l->entry->job, &first->job)))
			first = l->entry;
	return first;
}

void suspend_resume(struct core *core, struct entry *e, uint32_t cpus)
{
	struct mscg_cpuset set;
	struct mscg_action *action;
	struct flight *f;

	e->live->after_n = 0;
	life_find_cpus(core, e, cpus, share_of(e)->gres, &set);
	f = resize_begin(core, e, cpus, &set, e->job.mem_bytes, xstrdup("goes on"));
	f->resumes = true;
	action = &core->out->actions[f->action];
	action->thaw = true;
	life_await(e, action);
	reserve_started(core, &e->job);
}

static int resume_one(struct core *core, struct entry *e, const struct core_input *in, uint64_t token)
{
	struct mscg_event event;
	struct live *l = e->live;

	if (l && l->suspends && e->job.state != MSCG_STATE_SUSPENDED) { /* not yet */
		suspend_drop(core, e, "it was resumed before it was suspended");
		out_answer(core, token, e->job.id, 0, CORE_RESIZE_NONE, true, "%s", "");
		return 0;
	}
	if (e->job.state != MSCG_STATE_SUSPENDED || is_ending(e))
		return -EBUSY;
	if (e->job.flags & MSCG_JOB_SUSPENDED_ADMIN && !in->admin)
		return -EPERM;
	suspend_drop(core, e, "it was resumed before it was suspended");
	if (preempt_suspended(e)) {
		out_answer(core, token, e->job.id, 0, CORE_RESIZE_NONE, true, "it was preempted, and goes on by itself as soon as there are CPUs for it");
		return 0;
	}
	if (!(e->job.flags & MSCG_JOB_RESUMING)) {
		event = out_new(core, e, MSCG_EVENT_RESUME);
		event.reason = MSCG_REASON_RESOURCES;
		out_event(core, e, &event);
	}
	out_answer(core, token, e->job.id, 0, CORE_RESIZE_NONE, true, "%s",
	           reserve_available(core, &e->job, false) < queue_least(core, &e->job) ?
	                   "it goes on as soon as there are CPUs for it" : "");
	return 0;
}

/* -- what came of it ----------------------------------------------------------------------------------------------- */

/* It runs, and its time limit with it. */
static void say_resumed(struct core *core, struct entry *e, const char *why)
{
	int64_t stood = MAX_OF(core->now.boot_usec - e->live->suspended_boot, INT64_C(0));
	struct mscg_event event = out_new(core, e, MSCG_EVENT_RESUMED);

	event.reason = MSCG_REASON_NONE;
	event.value = e->job.suspended_usec + stood;
	event.text = why ? xasprintf("could not be suspended: %s", why) : NULL;
	out_event(core, e, &event);
	e->live->started_boot += stood;
	life_set_deadline(core, e);
	change_note_hurt(core, e);
}

void suspend_landed(struct core *core, struct entry *e, bool taken, const char *why)
{
	const struct flight *f = e->live->flight;

	if (e->job.state != MSCG_STATE_SUSPENDED) {
		if (f->suspends)
			out_answer(core, f->token, e->job.id, -EALREADY, CORE_RESIZE_NONE, true, "%s", "the job has ended");
	} else if (f->suspends && taken) {
		out_answer(core, f->token, e->job.id, 0, CORE_RESIZE_NONE, true, "%s", "");
	} else if (f->suspends && !f->settles) {
		say_resumed(core, e, why);
		out_answer(core, f->token, e->job.id, -EAGAIN, CORE_RESIZE_NONE, true, "job could not be suspended: %s", why);
	} else if (f->resumes && taken) {
		say_resumed(core, e, NULL);
	} else if (f->resumes) {
		if (pool_of(&e->job) == POOL_SHARED)
			book_give_up_awaited(core, e);
		e->live->after_n = 0;
	}
}

/* -- both ---------------------------------------------------------------------------------------------------------- */

static int one(struct core *core, struct entry *e, const struct core_input *in, uint64_t token)
{
	if (e->node.bits & ENTRY_ENDED) /* in this very step */
		return -EBUSY;
	return in->kind == CORE_SUSPEND ? suspend_one(core, e, in, token) : resume_one(core, e, in, token);
}

/* Of an array each task that can be. */
static void all(struct core *core, struct entry *record, const struct core_input *in)
{
	bool suspend = in->kind == CORE_SUSPEND;
	struct entry *task;
	uint32_t n = 0;
	int r = -EBUSY;

	IDS_EACH(&record->array->tasks, index, task) {
		int code = one(core, task, in, 0);

		n += code == 0;
		r = code == -EPERM ? code : r;
	}
	if (n)
		out_say(core, in, 0, "%s", "");
	else if (r == -EPERM)
		out_say(core, in, r, "array %u was suspended by an operator, who alone can resume it", in->id.job);
	else
		out_say(core, in, r, "no task of array %u %s", in->id.job,
		        suspend ? "runs: only what runs can be suspended" : "is suspended");
}

void suspend_input(struct core *core, const struct core_input *in)
{
	struct entry *e = entry_find(core, in->id);
	char id[MSCG_ID_TEXT];
	const char *state;
	int r;

	mscg_id_format(in->id, id);
	if (!e && core_task_waits(core, in->id)) {
		out_say(core, in, -EBUSY, "task %s waits in the queue: it does not run", id);
	} else if (!e || e->node.bits & ENTRY_ENDED) {
		bool was = in->id.job && in->id.job < core->next_job_id;

		out_say(core, in, was ? -EALREADY : -ESRCH, was ? "job %s has ended" : "no job %s", id);
	} else if (is_record(e)) {
		all(core, e, in);
	} else if ((r = one(core, e, in, in->token)) == -EPERM) {
		out_say(core, in, r, "job %s was suspended by an operator, who alone can resume it", id);
	} else if (r < 0) {
		state = is_ending(e) ? "being ended" : mscg_state_name((enum mscg_state)e->job.state);
		out_say(core, in, r, in->kind == CORE_SUSPEND ? "job %s is %s: only what runs can be suspended" :
		                                                 "job %s is %s: only what is suspended can be resumed", id, state);
	}
}

const struct entry *suspend_promise(const struct core *core, struct core_now now, struct plan *plan)
{
	const struct entry *unsaid = NULL;

	for (const struct live *l = core->count[MSCG_STATE_SUSPENDED] ? core->granted : NULL; l; l = l->granted_next) {
		struct plan_need need;
		int64_t at;

		if (!suspend_waits(l->entry))
			continue;
		need = plan_need(core, plan, &l->entry->job, true);
		at = plan_earliest(plan, &need, now.boot_usec);
		if (at == USEC_NEVER)
			unsaid = l->entry;
		else
			plan_promise(plan, at, &need);
	}
	return unsaid;
}
