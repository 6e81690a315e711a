/* Arrays: one record that waits, tasks that are split off it when they are granted. A million tasks cost a few ranges
 * until then. A task holds its place in the throttle from its first grant to its end, also while a launch that failed
 * waits for the next attempt. */
#include "src/core/internal.h"

static void set_ranges(struct array *a, const struct mscg_range *range, uint32_t n)
{
	a->range = xcalloc(n ? n : 1, sizeof *a->range);
	if (n)
		memcpy(a->range, range, n * sizeof *range);
	a->n = a->cap = n;
	a->waiting = mscg_ranges_count(range, n);
}

struct array *array_new(struct entry *record, const struct mscg_spec *spec)
{
	struct array *a = xcalloc(1, sizeof *a);

	a->record = record;
	if (spec) {
		a->throttle = spec->array_throttle;
		a->max_fails = spec->max_fails;
		set_ranges(a, spec->array, spec->array_n);
	}
	return a;
}

static uint32_t range_with(const struct array *a, uint32_t index);
static void hold(struct array *a, uint32_t index);

/* Those that are held are among those that wait. */
static int load_held(struct array *a, const struct mscg_row *row, struct mscg_error *error)
{
	struct mscg_range *range = NULL;
	uint32_t n = 0;
	int r = row->held && *row->held ? mscg_ranges_parse(row->held, &range, &n, error) : 0;

	for (uint32_t i = 0; i < n && r == 0; i++)
		for (uint64_t index = range[i].first; index <= range[i].last && r == 0; index += range[i].step)
			if (range_with(a, (uint32_t)index) != UINT32_MAX)
				hold(a, (uint32_t)index);
			else
				r = mscg_error_set(error, -EBADMSG, "task %" PRIu64 " is held and does not wait", index);
	free(range);
	return r;
}

int array_load(struct array *a, const struct mscg_row *row, struct mscg_error *error)
{
	struct mscg_range *range;
	uint32_t n;
	int r = mscg_ranges_parse(row->pending ? row->pending : "", &range, &n, error);

	if (r < 0)
		return r;
	set_ranges(a, range, n);
	free(range);
	r = load_held(a, row, error);
	a->throttle = row->array_throttle;
	a->ended = row->array_ended;
	a->worst = row->array_worst;
	a->failed = row->array_failed;
	a->max_fails = row->array_max_fails;
	a->fails = row->array_fails;
	a->unstarted = xstrdup(row->unstarted);
	a->unstarted_n = row->unstarted_n;
	a->unstarted_reason = row->unstarted_reason;
	a->unstarted_usec = row->unstarted_usec;
	return r;
}

void array_free(struct array *a)
{
	ids_free(&a->tasks);
	free(a->range);
	free(a->held);
	free(a->unstarted);
	free(a);
}

static uint32_t range_with(const struct array *a, uint32_t index)
{
	uint32_t low = a->first, high = a->n;

	/* The first range that ends at or behind it. */
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (a->range[middle].last < index)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == a->n || a->range[low].first > index || (index - a->range[low].first) % a->range[low].step)
		return UINT32_MAX;
	return low;
}

/* Where it is among what is held, or belongs. */
static uint32_t held_place(const struct array *a, uint32_t index)
{
	uint32_t low = 0, high = a->held_n;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (a->held[middle] < index)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool array_holds(const struct array *a, uint32_t index)
{
	uint32_t at = held_place(a, index);

	return at < a->held_n && a->held[at] == index;
}

bool array_waits(const struct array *a, uint32_t index)
{
	return range_with(a, index) != UINT32_MAX || array_holds(a, index);
}

uint64_t array_left(const struct array *a)
{
	return a->waiting + a->held_n;
}

/* Takes an index out of a range, which may break it in two. */
static void take_index(struct array *a, uint32_t at, uint32_t index)
{
	struct mscg_range *r = &a->range[at], tail;

	a->waiting--;
	if (r->first == r->last) {
		if (at == a->first) {
			a->first++;
			return;
		}
		memmove(r, r + 1, (a->n - at - 1) * sizeof *r);
		a->n--;
	} else if (index == r->first) {
		r->first += r->step;
	} else if (index == r->last) {
		r->last -= r->step;
	} else {
		tail = (struct mscg_range){index + r->step, r->last, r->step};
		r->last = index - r->step;
		GROW(a->range, a->n, a->cap);
		r = &a->range[at];
		memmove(r + 2, r + 1, (a->n - at - 1) * sizeof *r);
		r[1] = tail;
		a->n++;
	}
}

static bool is_dense(const struct mscg_range *r)
{
	return r->step == 1 || r->first == r->last;
}

/* Nothing is between them: what is held there would have no place to come back to. */
static bool touch(const struct mscg_range *x, const struct mscg_range *y)
{
	return y->first - x->last == 1 && is_dense(x) && is_dense(y);
}

/* Where nothing comes back any more. */
static bool is_in_step(const struct mscg_range *x, const struct mscg_range *y)
{
	uint32_t gap = y->first - x->last;
	bool one = x->first == x->last, other = y->first == y->last;

	return one && other ? gap == 1 : (one || x->step == gap) && (other || y->step == gap);
}

/* Two that stand behind one another become one. */
static bool join(struct array *a, uint32_t at, bool (*may)(const struct mscg_range *x, const struct mscg_range *y))
{
	struct mscg_range *r = &a->range[at];

	if (at + 1 >= a->n || !may(r, r + 1))
		return false;
	r->step = r[1].first - r->last;
	r->last = r[1].last;
	memmove(r + 1, r + 2, (a->n - at - 2) * sizeof *r);
	a->n--;
	return true;
}

/* Puts it back, and joins what then touches. */
static void put_index(struct array *a, uint32_t index)
{
	uint32_t at = a->first;

	while (at < a->n && a->range[at].first < index)
		at++;
	a->waiting++;
	if (at == a->first && a->first > 0) {
		at = --a->first;
	} else {
		GROW(a->range, a->n, a->cap);
		memmove(a->range + at + 1, a->range + at, (a->n - at) * sizeof *a->range);
		a->n++;
	}
	a->range[at] = (struct mscg_range){index, index, 1};
	join(a, at, touch);
	if (at > a->first)
		at--;
	while (join(a, at, touch))
		;
}

static void hold(struct array *a, uint32_t index)
{
	uint32_t at = held_place(a, index);

	take_index(a, range_with(a, index), index);
	GROW(a->held, a->held_n, a->held_cap);
	memmove(a->held + at + 1, a->held + at, (a->held_n - at) * sizeof *a->held);
	a->held[at] = index;
	a->held_n++;
}

static void let_go(struct array *a, uint32_t index)
{
	uint32_t at = held_place(a, index);

	a->held_n--;
	memmove(a->held + at, a->held + at + 1, (a->held_n - at) * sizeof *a->held);
	put_index(a, index);
}

/* The ranges that may start, taken apart where something held was taken out, and that. */
char *array_waiting(const struct array *a, bool held)
{
	struct array all = {.cap = a->n - a->first + a->held_n};
	char *text;

	all.range = xcalloc(all.cap ? all.cap : 1, sizeof *all.range);
	if (!held && a->n > a->first) {
		all.n = a->n - a->first;
		memcpy(all.range, a->range + a->first, all.n * sizeof *all.range);
	}
	for (uint32_t i = 0; i < a->held_n; i++)
		put_index(&all, a->held[i]);
	for (uint32_t at = 0; a->held_n && at + 1 < all.n;)
		at += !join(&all, at, is_in_step);
	text = mscg_ranges_format(all.range, all.n);
	free(all.range);
	return text;
}

static void say_hold(struct core *core, struct entry *record, const char *what)
{
	struct mscg_event event = out_new(core, record, MSCG_EVENT_UPDATED);

	event.text = xstrdup(what);
	out_event(core, record, &event);
	array_consider(core, record->array);
}

void array_hold_index(struct core *core, struct entry *record, uint32_t index)
{
	char text[64];

	hold(record->array, index);
	snprintf(text, sizeof text, "task %u is held", index);
	say_hold(core, record, text);
}

void array_release_index(struct core *core, struct entry *record, uint32_t index)
{
	char text[64];

	let_go(record->array, index);
	snprintf(text, sizeof text, "task %u is released", index);
	say_hold(core, record, text);
}

uint32_t array_release_all(struct core *core, struct entry *record)
{
	struct array *a = record->array;
	uint32_t n = a->held_n;
	char text[64];

	while (a->held_n)
		let_go(a, a->held[a->held_n - 1]);
	snprintf(text, sizeof text, "%u held tasks are released", n);
	if (n)
		say_hold(core, record, text);
	return n;
}

static struct entry *split(struct core *core, struct entry *record, uint32_t at, uint32_t index)
{
	struct array *a = record->array;
	struct entry *e = entry_new(core);

	take_index(a, at, index);
	depend_task_taken(core, record, index);
	a->active++;
	core_job_split(&record->job, index, &e->job);
	gres_learn(core, e->job.gres);
	e->array = a;
	share_join(core, e, record->assoc ? record->assoc->account : NULL);
	entry_index(core, e);
	out_touch(core, record);
	array_consider(core, a);
	return e;
}

struct entry *array_split(struct core *core, struct entry *record)
{
	const struct array *a = record->array;
	const struct depend *corr = depend_corr(record);

	if (corr)
		return split(core, record, range_with(a, corr->ready->first), corr->ready->first);
	return split(core, record, a->first, a->range[a->first].first);
}

uint64_t array_room(const struct array *a)
{
	const struct depend *corr = depend_corr(a->record);
	uint64_t may = corr ? corr->ready_count : a->waiting;

	if (!a->throttle)
		return may;
	return a->active < a->throttle ? MIN_OF(may, a->throttle - a->active) : 0;
}

bool array_wants(const struct array *a)
{
	return array_room(a) > 0;
}

void array_set_throttle(struct array *a, uint32_t throttle)
{
	a->throttle = throttle;
	a->excess = a->active;
}

void array_consider(struct core *core, struct array *a)
{
	a->excess = MIN_OF(a->excess, a->active);
	gate_consider(core, a->record);
}

/* So many have failed that the rest is not to run. */
static bool gave_up(const struct array *a)
{
	return a->max_fails && a->fails >= a->max_fails;
}

/* The whole is over when its last task is. */
static void end_record(struct core *core, struct array *a)
{
	struct ending ending = {.state = MSCG_STATE_COMPLETED, .time_usec = core->now.real_usec};

	if (array_left(a) || a->active || a->record->node.bits & ENTRY_ENDED)
		return;
	if (a->record->job.reason == MSCG_REASON_DEADLINE) {
		ending.state = MSCG_STATE_DEADLINE;
		ending.reason = MSCG_REASON_DEADLINE;
		ending.code = (int32_t)a->worst;
	} else if (a->failed && !a->worst) {
		ending.state = MSCG_STATE_CANCELLED;
		ending.reason = MSCG_REASON_CANCELLED;
	} else if (a->failed) {
		ending.state = MSCG_STATE_FAILED;
		ending.reason = gave_up(a) ? MSCG_REASON_MAX_FAILS : MSCG_REASON_NONZERO_EXIT;
		ending.code = (int32_t)a->worst;
	}
	life_end(core, a->record, &ending);
}

/* What a task adds to the exit status of the whole: as a shell would say it. A cancelled one adds nothing, so that an
 * array that was only cancelled is told from one that failed. */
static uint32_t status_of(const struct mscg_job *job)
{
	if (job->state == MSCG_STATE_COMPLETED || job->state == MSCG_STATE_CANCELLED)
		return 0;
	if (job->exit_signal)
		return 128 + (uint32_t)job->exit_signal;
	return job->exit_code > 0 ? (uint32_t)job->exit_code : 1;
}

void array_task_ended(struct core *core, struct entry *task)
{
	struct array *a = task->array;

	a->active--;
	a->ended++;
	a->failed += task->job.state != MSCG_STATE_COMPLETED;
	a->fails += task->job.state != MSCG_STATE_COMPLETED && task->job.state != MSCG_STATE_CANCELLED;
	a->worst = MAX_OF(a->worst, status_of(&task->job));
	out_touch(core, a->record);
	array_consider(core, a);
	if (gave_up(a) && !(a->record->job.flags & MSCG_JOB_CANCELLING) && (array_left(a) || a->active))
		array_cancel(core, a->record, MSCG_REASON_MAX_FAILS);
	end_record(core, a);
}

bool array_cancel_index(struct core *core, struct entry *record, uint32_t index)
{
	if (!array_waits(record->array, index))
		return false;
	if (array_holds(record->array, index))
		let_go(record->array, index);
	life_cancel(core, split(core, record, range_with(record->array, index), index));
	return true;
}

/* Tasks that wait never start. None becomes a job of its own: the record says which they were. */
static void give_up(struct core *core, struct entry *record, enum mscg_reason why, const char *how)
{
	struct array *a = record->array;
	struct mscg_event event = out_new(core, record, MSCG_EVENT_UPDATED);
	struct depend *corr = depend_corr(record);
	uint64_t left = array_left(a);

	if (corr)
		corr->ready_n = 0, corr->ready_count = 0;
	if (why != MSCG_REASON_CANCELLED)
		event.reason = (uint8_t)why;
	event.text = xasprintf("%" PRIu64 " waiting tasks %s", left, how);
	core->count[MSCG_STATE_PENDING] -= left;
	user_count(core, &record->job, -(int64_t)left);
	a->ended += (uint32_t)left;
	a->failed += (uint32_t)left;
	a->unstarted = array_waiting(a, false);
	a->unstarted_n = (uint32_t)left;
	a->unstarted_reason = (uint8_t)why;
	a->unstarted_usec = core->now.real_usec;
	a->waiting = 0;
	a->held_n = 0;
	a->first = a->n = 0;
	out_event(core, record, &event);
	array_consider(core, a);
}

void array_expire(struct core *core, struct entry *record)
{
	if (array_left(record->array))
		give_up(core, record, MSCG_REASON_DEADLINE, "could not end by their deadline");
	end_record(core, record->array);
}

/* Of those that run, too. */
void array_cancel(struct core *core, struct entry *record, enum mscg_reason reason)
{
	struct array *a = record->array;
	bool fails = reason == MSCG_REASON_MAX_FAILS;
	struct mscg_event event;
	struct entry *task;

	if (!(record->job.flags & MSCG_JOB_CANCELLING)) {
		event = out_new(core, record, MSCG_EVENT_CANCEL);
		event.reason = (uint8_t)(fails ? reason : MSCG_REASON_NONE);
		event.text = fails ? xasprintf("%u tasks have failed, of %u that may", a->fails, a->max_fails) : NULL;
		out_event(core, record, &event);
	}
	if (array_left(a))
		give_up(core, record, reason, "cancelled");
	IDS_EACH(&a->tasks, key, task)
		if (!(task->node.bits & ENTRY_ENDED) && !(fails && task->job.flags & (MSCG_JOB_CANCELLING | MSCG_JOB_TIMED_OUT)))
			life_cancel_for(core, task, reason);
	end_record(core, a);
}
