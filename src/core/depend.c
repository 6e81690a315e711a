/* Jobs that wait for others. Who is waited for knows by its number who waits (core->waited), so that its start and its end
 * cost what hangs on it. What of a dependency is done is taken out of it, and the row keeps the rest: a restart needs
 * nothing of jobs that have ended. */
#include "src/core/internal.h"

struct waiters {
	struct mscg_id *id;
	uint32_t n, cap;
	bool unsorted;
};

static int by_id(const void *a, const void *b)
{
	const struct mscg_id *x = a, *y = b;

	if (x->job != y->job)
		return x->job < y->job ? -1 : 1;
	return x->task < y->task ? -1 : x->task > y->task;
}

static void wait_for(struct core *core, struct entry *e, uint32_t job)
{
	struct waiters *w = ids_get(&core->waited, job);

	if (!w) {
		w = xcalloc(1, sizeof *w);
		ids_set(&core->waited, job, w);
	}
	if (w->n && mscg_id_equal(w->id[w->n - 1], e->job.id))
		return;
	GROW(w->id, w->n, w->cap);
	w->unsorted |= w->n && by_id(&w->id[w->n - 1], &e->job.id) > 0;
	w->id[w->n++] = e->job.id;
}

static void waiters_free(struct waiters *w)
{
	free(w->id);
	free(w);
}

bool depend_awaited(const struct core *core, const struct entry *e)
{
	const struct waiters *w = ids_get(&core->waited, e->job.id.job);
	const struct entry *other;

	for (uint32_t i = 0; w && i < w->n; i++)
		if ((other = entry_find(core, w->id[i])) && other->depends && other->job.state == MSCG_STATE_PENDING)
			return true;
	return false;
}

void depend_clear(struct core *core)
{
	struct waiters *w;

	IDS_EACH(&core->waited, job, w)
		waiters_free(w);
	ids_free(&core->waited);
}

void depend_forget(struct entry *e)
{
	if (e->depends)
		mscg_depends_clear(e->depends);
	free(e->depends);
	e->depends = NULL;
}

static bool is_corr(const struct entry *e, const struct depend *d)
{
	return d->kind == DEPEND_AFTERCORR && d->id.task == MSCG_NO_TASK && is_record(e);
}

struct depend *depend_corr(const struct entry *e)
{
	for (uint32_t i = 0; e->depends && i < e->depends->n; i++)
		if (is_corr(e, &e->depends->on[i]))
			return &e->depends->on[i];
	return NULL;
}

/* What may start is some of what waits. */
static int check_ready(const struct entry *e, const char *text, struct mscg_error *error)
{
	const struct depend *d = depend_corr(e);

	for (uint32_t i = 0; d && i < d->ready_n; i++)
		for (uint32_t index = d->ready[i].first; index <= d->ready[i].last; index++)
			if (!array_waits(e->array, index))
				return mscg_error_set(error, -EBADMSG, "array %u has '%.60s' for a dependency, and its task %u does not wait",
				                      e->job.id.job, text, index);
	return 0;
}

int depend_set(struct core *core, struct entry *e, const char *text, struct mscg_error *error)
{
	struct depends d;
	int r = mscg_depends_parse(text, &d, error);

	if (r < 0)
		return r;
	e->depends = xmalloc(sizeof *e->depends);
	*e->depends = d;
	r = check_ready(e, text, error);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < d.n; i++)
		if (d.on[i].id.job && !d.on[i].due_usec && !d.on[i].failed)
			wait_for(core, e, d.on[i].id.job);
	return 0;
}

static bool is_due(const struct core *core, const struct depend *d)
{
	return d->due_usec && d->due_usec <= core->now.real_usec;
}

bool depend_never(const struct entry *e)
{
	uint32_t failed = 0;

	if (!e->depends)
		return false;
	for (uint32_t i = 0; i < e->depends->n; i++)
		failed += e->depends->on[i].failed && !e->depends->on[i].ready_n;
	return e->depends->any ? failed && failed == e->depends->n : failed > 0;
}

/* Wall clock: 0 open, USEC_NEVER not a matter of time. */
int64_t depend_opens(const struct core *core, const struct entry *e)
{
	const struct depends *d = e->depends;
	int64_t at = d && d->any ? USEC_NEVER : 0;

	if (!d || !d->n)
		return 0;
	for (uint32_t i = 0; i < d->n; i++) {
		int64_t one = is_due(core, &d->on[i]) || d->on[i].ready_n ? 0 : d->on[i].due_usec ? d->on[i].due_usec : USEC_NEVER;

		at = d->any ? MIN_OF(at, one) : MAX_OF(at, one);
	}
	return at;
}

/* `depend` is what `e` still waits for; what it waited for has happened. */
static void say_never(struct core *core, struct entry *e, const struct mscg_job *on)
{
	struct mscg_event event = out_new(core, e, MSCG_EVENT_UPDATED);
	char id[MSCG_ID_TEXT];

	event.reason = MSCG_REASON_DEPENDENCY_NEVER;
	event.text = xasprintf("job %s ended as %s", mscg_id_format(on->id, id), mscg_state_name((enum mscg_state)on->state));
	out_event(core, e, &event);
}

static void say_task_never(struct core *core, struct entry *e, const struct mscg_job *on)
{
	struct mscg_event event = out_new(core, e, MSCG_EVENT_UPDATED);
	char id[MSCG_ID_TEXT];

	event.reason = e->job.reason;
	event.text = xasprintf("task %u can not start any more: job %s ended as %s", on->id.task, mscg_id_format(on->id, id),
	                       mscg_state_name((enum mscg_state)on->state));
	out_event(core, e, &event);
}

void depend_task_taken(struct core *core, struct entry *record, uint32_t index)
{
	struct depend *d = depend_corr(record);
	struct mscg_event event;

	if (!d)
		return;
	mscg_depend_take_ready(d, index);
	if (!depend_never(record) || !record->array->waiting || record->job.reason == MSCG_REASON_DEPENDENCY_NEVER)
		return;
	event = out_new(core, record, MSCG_EVENT_UPDATED);
	event.reason = MSCG_REASON_DEPENDENCY_NEVER;
	event.text = xasprintf("none of the waiting tasks (%" PRIu64 ") has one in job %u that ended well", record->array->waiting, d->id.job);
	out_event(core, record, &event);
}

/* What each task waits for on its own. True: nothing is left to wait for. */
static bool tell_corr(struct core *core, struct entry *e, struct depend *d, const struct mscg_job *on)
{
	if (on->id.task == MSCG_NO_TASK && !(on->flags & MSCG_JOB_ARRAY))
		return mscg_depend_ended(d, (enum mscg_state)on->state, on->start_usec, core->now.real_usec);
	if (on->id.task == MSCG_NO_TASK) { /* those without a task of their index there, or one that never was */
		d->failed = d->ready_count < e->array->waiting;
		return !d->failed;
	}
	if (!array_waits(e->array, on->id.task))
		return false;
	if (on->state == MSCG_STATE_COMPLETED)
		mscg_depend_add_ready(d, on->id.task);
	else
		say_task_never(core, e, on);
	return false;
}

/* With the end of an array it is over for tasks that never were: cancelled while they waited. */
static bool concerns(const struct depend *d, struct mscg_id id, bool ended)
{
	bool whole = ended && id.task == MSCG_NO_TASK;

	return d->id.job == id.job && (whole || d->id.task == id.task) && !d->failed && !d->due_usec;
}

static bool is_done(struct core *core, struct entry *e, struct depend *d, const struct mscg_job *on)
{
	return is_corr(e, d) ? tell_corr(core, e, d, on)
	                     : mscg_depend_ended(d, (enum mscg_state)on->state, on->start_usec, core->now.real_usec);
}

static void tell(struct core *core, struct entry *e, const struct mscg_job *on, bool ended)
{
	struct depends *d = e->depends;
	bool never = depend_never(e), changed = false, done = false;

	for (uint32_t i = 0; i < d->n;) {
		struct depend *one = &d->on[i];

		bool corr = ended && is_corr(e, one) && one->id.job == on->id.job && !one->failed;

		if (!corr && (!concerns(one, on->id, ended) || (!ended && one->kind != DEPEND_AFTER))) {
			i++;
			continue;
		}
		changed = true;
		if (is_done(core, e, one, on)) {
			mscg_depends_drop(d, i);
			done = true;
		} else {
			i++;
		}
	}
	if (done && d->any)
		d->n = 0;
	if (!changed)
		return;
	out_touch(core, e);
	if (depend_never(e) && !never)
		say_never(core, e, on);
	gate_consider(core, e);
}

/* In the order of their numbers: after a restart they stand in another one here. */
static void tell_all(struct core *core, const struct mscg_job *on, bool ended)
{
	struct waiters *w = ids_get(&core->waited, on->id.job);

	if (w && w->unsorted)
		qsort(w->id, w->n, sizeof *w->id, by_id);
	if (w)
		w->unsorted = false;
	for (uint32_t i = 0; w && i < w->n; i++) {
		struct entry *e = entry_find(core, w->id[i]);

		if (e && e->depends && e->job.state == MSCG_STATE_PENDING && !(e->node.bits & ENTRY_ENDED))
			tell(core, e, on, ended);
	}
}

void depend_started(struct core *core, const struct entry *e)
{
	if (!core->waited.root)
		return;
	tell_all(core, &e->job, false);
	if (!is_record(e) && e->array && !array_left(e->array)) {
		struct mscg_job whole = e->array->record->job;

		whole.start_usec = e->job.start_usec;
		tell_all(core, &whole, false);
	}
}

void depend_ended(struct core *core, const struct entry *e)
{
	struct waiters *w;

	if (!core->waited.root)
		return;
	tell_all(core, &e->job, true);
	if (e->job.id.task != MSCG_NO_TASK)
		return;
	w = ids_get(&core->waited, e->job.id.job);
	if (w)
		waiters_free(w);
	ids_set(&core->waited, e->job.id.job, NULL);
}

/* Of an array: all of its tasks were granted. */
static bool has_started(const struct entry *e)
{
	return is_record(e) ? !array_left(e->array) : (e->job.flags & MSCG_JOB_STARTED) != 0;
}

static void tell_of_ended_tasks(struct core *core, struct entry *e, const struct entry *on)
{
	struct entry *task;

	if (on && is_record(on))
		IDS_EACH(&on->array->tasks, key, task)
			if (task->node.bits & ENTRY_ENDED)
				tell(core, e, &task->job, true);
}

/* Who asked looked up what had ended; what ended in this very step is still there. */
void depend_submitted(struct core *core, struct entry *e, const char *text)
{
	struct mscg_event event;
	struct depend *corr;

	if (depend_set(core, e, text, NULL) < 0)
		return;
	corr = depend_corr(e);
	if (corr)
		tell_of_ended_tasks(core, e, entry_find(core, corr->id));
	for (uint32_t i = 0, n; i < e->depends->n; i += n == e->depends->n) {
		const struct entry *on = entry_find(core, e->depends->on[i].id);
		struct mscg_job job;

		n = e->depends->n;
		if (on && on->node.bits & ENTRY_ENDED) {
			tell(core, e, &on->job, true);
		} else if (on && has_started(on)) {
			job = on->job;
			job.start_usec = job.start_usec ? job.start_usec : core->now.real_usec;
			tell(core, e, &job, false);
		}
	}
	if (depend_never(e) && e->job.reason != MSCG_REASON_DEPENDENCY_NEVER) {
		event = out_new(core, e, MSCG_EVENT_UPDATED);
		event.reason = MSCG_REASON_DEPENDENCY_NEVER;
		event.text = mscg_depends_format(e->depends);
		out_event(core, e, &event);
	}
}

enum mscg_reason depend_why(const struct core *core, const struct entry *e, struct core_now now, char text[160])
{
	int64_t at = depend_opens(core, e);
	_cleanup_free_ char *left = NULL;

	if (!at || (at != USEC_NEVER && at <= now.real_usec))
		return MSCG_REASON_NONE;
	left = mscg_depends_format(e->depends);
	if (depend_never(e)) {
		snprintf(text, 160, "%s: %.100s", mscg_reason_text(MSCG_REASON_DEPENDENCY_NEVER), left);
		return MSCG_REASON_DEPENDENCY_NEVER;
	}
	snprintf(text, 160, "%s: %.120s", mscg_reason_text(MSCG_REASON_DEPENDENCY), left);
	return MSCG_REASON_DEPENDENCY;
}
