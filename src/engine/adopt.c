/* After a restart: what the store believes is held against what the slots and cgroups say. */
#include <syslog.h>

#include "internal.h"
#include "src/base/jobfile.h"
#include "src/base/moving.h"

void adopt_slot(const struct runner_slot_info *info, void *ctx)
{
	struct local *l = ctx;

	GROW(l->slots, l->slots_n, l->slots_cap);
	l->slots[l->slots_n++] = *info;
}

static const struct runner_slot_info *slot_of(const struct local *l, struct mscg_id id, uint32_t attempt)
{
	for (uint32_t i = 0; i < l->slots_n; i++)
		if (l->slots[i].state != RUNNER_FREE && l->slots[i].state != RUNNER_DAMAGED && mscg_id_equal(l->slots[i].id, id) && l->slots[i].attempt == attempt)
			return &l->slots[i];
	return NULL;
}

/* The store was rebuilt under us: say again what was said since the last commit. */
static void say_again(struct local *l, const struct task *t)
{
	struct mscg_report report = task_report(t, MSCG_REPORT_STARTED);

	report.time_usec = t->start_usec;
	report.boot_usec = t->start_boot_usec;
	if (t->phase == TASK_RUNNING || t->phase == TASK_EMPTYING || (t->phase == TASK_ENDED && t->start_usec))
		local_report(l, &report);
	if (t->phase == TASK_EMPTYING || t->phase == TASK_ENDED) {
		bool launched = t->reason != MSCG_REASON_LAUNCH_FAILED;

		report           = task_report(t, t->phase == TASK_EMPTYING ? MSCG_REPORT_EXITED : launched ? task_end_kind(t) : MSCG_REPORT_START_FAILED);
		report.time_usec = t->end_usec ? t->end_usec : clock_real_usec();
		report.usage     = t->usage;
		finish_say_end(t, &report);
		local_report(l, &report);
	}
}

static void report_lost(struct local *l, struct task *t, enum mscg_reason reason, const char *text)
{
	struct mscg_report report;

	t->phase  = TASK_ENDED;
	t->reason = (uint8_t)reason;
	report    = task_report(t, MSCG_REPORT_LOST);
	snprintf(report.text, sizeof report.text, "%s", text);
	local_report(l, &report);
}

/* Opens the job's cgroup if it is the very one; false: gone, or another's. */
static bool open_cgroup(struct local *l, struct task *t, uint64_t id)
{
	if (mscg_cgroup_open(&l->root, t->name, &t->cgroup, NULL) < 0)
		return false;
	if (id && t->cgroup.id != id) {
		mscg_cgroup_close(&t->cgroup);
		return false;
	}
	return true;
}

/* A resize of memory that was not carried out, or not whole: what is booked for it, the job has. Never less: that is for a resize. */
static void raise_memory(struct local *l, const struct task *t)
{
	uint64_t booked = t->grant ? t->grant->share[0].mem_bytes : 0, limit;
	struct mscg_error error;

	if (mscg_cgroup_get(&t->cgroup, MSCG_CGROUP_MEMORY_MAX, &limit, NULL) == 0 && limit < booked / 4096 * 4096 &&
	    mscg_cgroup_set(&t->cgroup, MSCG_CGROUP_MEMORY_MAX, booked, &error) < 0)
		local_log(l, LOG_WARNING, "job=%s %s", t->name + 4, error.text);
}

/* Whoever was killed in the middle of a notification or of a shrink of memory left it frozen, or held below
 * memory.high: it goes on as it was granted. */
static void release_cgroup(struct local *l, const struct task *t, const struct mscg_job *job)
{
	uint64_t high = memory_high(t->grant ? t->grant->share[0].mem_bytes : MSCG_CGROUP_MAX, t->max_mem);
	struct mscg_error error;

	if (job->state != MSCG_STATE_SUSPENDED && mscg_cgroup_thaw(&t->cgroup, &error) < 0)
		local_log(l, LOG_WARNING, "job=%s %s", t->name + 4, error.text);
	if (l->controllers & MSCG_CGROUP_BIT(MEMORY))
		raise_memory(l, t);
	if (l->controllers & MSCG_CGROUP_BIT(MEMORY) &&
	    mscg_cgroup_set(&t->cgroup, MSCG_CGROUP_MEMORY_HIGH, high, &error) < 0)
		local_log(l, LOG_WARNING, "job=%s %s", t->name + 4, error.text);
}

static bool populated(const struct task *t)
{
	struct mscg_cgroup_events events;

	return t->cgroup.fd >= 0 && mscg_cgroup_events_get(&t->cgroup, &events, NULL) == 0 && events.populated;
}

/* No slot tells of it. By what the store says it began; or the slots are not whole, and then it may have begun. Running
 * it (again) could be the second time. Of what was granted since we are here we know that we did not start it. */
static bool may_have_begun(const struct local *l, const struct mscg_job *job)
{
	return !l->adopted && (job->flags & MSCG_JOB_STARTED || job->state != MSCG_STATE_RUNNING || !runner_is_complete(l->runner));
}

/* What is left of it is killed, if that is known to be its own. */
static void adopt_unknown(struct local *l, struct task *t, const struct mscg_job *job)
{
	bool own = job->run && job->run->cgroup_id && job->run->cgroup_id == t->cgroup.id;

	if (t->cgroup.fd >= 0 && !own && populated(t)) {
		local_log(l, LOG_ERR, "job=%s there are processes in its cgroup, and no record that they are its own: left alone", t->name + 4);
		mscg_cgroup_close(&t->cgroup);
	}
	local_log(l, LOG_ERR, "job=%s " OUTCOME_UNKNOWN_TEXT, t->name + 4);
	t->reason = MSCG_REASON_OUTCOME_UNKNOWN;
	finish_emptying(l, t);
}

/* The core counts its grace time, and will kill it. */
static bool has_grace(const struct mscg_job *job)
{
	return job->flags & (MSCG_JOB_CANCELLING | MSCG_JOB_TIMED_OUT | MSCG_JOB_REQUEUING) && !(job->flags & MSCG_JOB_KILLED);
}

void adopt_job(struct engine *e, const struct mscg_job *job, const struct mscg_spec *spec)
{
	struct local *l = local_of(e);
	struct task *t = task_find(l, job->id);

	if (t)
		t->known = true;
	if (t && t->attempt == job->attempt && t->withdrawn) {
		t->withdrawn = false; /* its grant is in the store after all: it is put off, when it has ended */
		if (t->phase == TASK_ENDED)
			launch_give_up(l, t, EAGAIN, "its grant could not be recorded at first");
		return;
	}
	if (t && t->attempt == job->attempt) {
		say_again(l, t);
		t->has_grace = has_grace(job);
		if (t->phase == TASK_EMPTYING && !t->has_grace && !t->killed)
			finish_rest(l, t); /* that it was asked to end is not in the store that was rebuilt */
		return;
	}
	const struct runner_slot_info *slot = slot_of(l, job->id, job->attempt);
	t            = task_new(l, job->id, job->attempt);
	task_take_spec(l, t, spec);
	t->max_mem   = mem_moves(job) ? mem_most(job) : 0;
	t->grant     = job->run ? mscg_grant_copy(job->run->grant) : NULL;
	t->frozen    = job->state == MSCG_STATE_SUSPENDED;
	t->phase     = TASK_LAUNCHED;
	if (slot && slot->other_boot) {
		report_lost(l, t, MSCG_REASON_NODE_DOWN, "the machine was restarted while the job was granted");
		return;
	}
	bool here = open_cgroup(l, t, slot ? slot->cgroup_id : 0);
	if (here && slot)
		release_cgroup(l, t, job);
	if (!slot || slot->state == RUNNER_REVOKED) {
		/* Never armed, or not any more: it has not begun. A cgroup made ahead for it is empty, or not its own. */
		if (slot) {
			t->slot     = slot->slot;
			t->has_slot = true;
		}
		if (may_have_begun(l, job)) {
			adopt_unknown(l, t, job);
			return;
		}
		if (here && populated(t)) {
			local_log(l, LOG_ERR, "job=%s there are processes in its cgroup that no supervisor started: left alone", t->name + 4);
			mscg_cgroup_close(&t->cgroup);
		}
		launch_give_up(l, t, EAGAIN, "mscgd was restarted before it began");
		return;
	}
	t->slot     = slot->slot;
	t->has_slot = true;
	if (t->grant)
		last_word_keep(t, spec, jobfile_output(spec, t->id, t->grant->share[0].node, 2));
	t->pid      = slot->pid;
	t->has_init = slot->init;
	t->has_grace = has_grace(job);
	switch (slot->state) {
	case RUNNER_CLONING:
		launch_set_deadline(l, t);
		if (slot->supervised)
			break; /* its supervisor will say */
		if (!populated(t) && slot->withdrawn)
			launch_give_up(l, t, EAGAIN, "mscgd was restarted before it began");
		else if (!populated(t))
			report_lost(l, t, MSCG_REASON_OUTCOME_UNKNOWN, "it was being started when mscgd and its supervisor died");
		else
			finish_event(slot, l);
		break;
	case RUNNER_RUNNING:
	case RUNNER_EXITED:
	case RUNNER_FAILED:
		finish_event(slot, l);
		break;
	case RUNNER_FREE:
	case RUNNER_ARMED:
	case RUNNER_REVOKED: break;
	case RUNNER_DAMAGED: break;
	}
}

/* -- what is left over -------------------------------------------------------------------------------------------- */

static int look_at_child(void *ctx, const char *name, const struct mscg_cgroup *child)
{
	struct local *l = ctx;
	struct mscg_cgroup_events events;
	struct mscg_id id;

	if (strncmp(name, "job_", 4) != 0)
		return 0;
	if (mscg_id_parse(name + 4, &id, NULL) == 0 && task_find(l, id))
		return 0;
	if (mscg_cgroup_events_get(child, &events, NULL) == 0 && !events.populated) {
		delegate_end(child); /* if it has one */
		mscg_cgroup_remove_tree(&l->root, name, NULL);
		return 0;
	}
	local_log(l, LOG_WARNING, "cgroup %s has processes and is of no job that is known here: left alone", name);
	return 0;
}

/* It was held when mscgd died, or had failed, and its grant is not in the store: it never began, and leaves without a word. */
static void adopt_withdrawn(struct local *l, const struct runner_slot_info *s)
{
	struct task *t = task_new(l, s->id, s->attempt);

	t->slot      = s->slot;
	t->has_slot  = t->withdrawn = true;
	t->elastic   = t->delegate = true; /* it may have been: what such a one has is taken away too */
	t->phase     = TASK_LAUNCHED;
	launch_set_deadline(l, t);
	open_cgroup(l, t, s->cgroup_id);
	if (!s->supervised || s->state == RUNNER_FAILED)
		finish_orphan(l, t);
}

/* The store was rebuilt under us, and has ends that could not be said to be in it: what is known here and not there is over. */
static void forget_unknown(struct local *l)
{
	for (size_t i = 0; i < TASK_BUCKETS; i++)
		for (struct task *t = l->tasks[i], *next; t; t = next) {
			bool well = t->exit_code == 0 && t->exit_signal == 0;
			struct mscg_action over = { .id = t->id, .attempt = t->attempt, .state = well ? MSCG_STATE_COMPLETED : MSCG_STATE_FAILED };

			next = t->next;
			if (!t->known && !t->withdrawn)
				finish_remove(&l->engine, &over);
			else
				t->known = false;
		}
}

void adopt_done(struct engine *e)
{
	struct local *l = local_of(e);
	struct mscg_error error;

	if (l->adopted) {
		forget_unknown(l);
		return;
	}
	l->adopted = true;
	for (uint32_t i = 0; i < l->slots_n; i++) {
		const struct runner_slot_info *s = &l->slots[i];
		struct task *t = task_find(l, s->id);

		if (s->state == RUNNER_DAMAGED)
			local_log(l, LOG_ERR, "slot %u is damaged: it is not used again before the machine is restarted", s->slot);
		if (!t && !s->other_boot && (s->withdrawn || s->state == RUNNER_FAILED)) {
			adopt_withdrawn(l, s);
			continue;
		}
		/* Its end is committed; only the tidying up was cut short. */
		if (!s->other_boot && s->state != RUNNER_FREE && (!t || t->attempt != s->attempt) && !(s->state == RUNNER_RUNNING && s->supervised))
			runner_free_slot(l->runner, s->slot);
	}
	free(steal(&l->slots));
	l->slots_n = l->slots_cap = 0;
	if (mscg_cgroup_children(&l->root, look_at_child, l, &error) < 0)
		local_log(l, LOG_WARNING, "cannot look for left-over cgroups: %s", error.text);
	launch_sweep(l);
}
