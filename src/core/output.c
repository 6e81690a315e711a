/* What a step gives: events, rows, actions, answers. Every change of a job goes through out_event(), so that the record of
 * a job is the fold of its events by construction. */
#include "src/core/internal.h"

#include <stdarg.h>

void core_output_clear(struct core_output *out)
{
	for (uint32_t i = 0; i < out->events_n; i++)
		mscg_event_clear(&out->events[i]);
	for (uint32_t i = 0; i < out->rows_n; i++)
		mscg_row_clear(&out->rows[i]);
	for (uint32_t i = 0; i < out->actions_n; i++)
		mscg_action_clear(&out->actions[i]);
	for (uint32_t i = 0; i < out->usages_n; i++)
		free(out->usages[i].account);
	for (uint32_t i = 0; i < out->reservations_n; i++)
		core_reservation_clear(&out->reservations[i]);
	out->reservations_n = 0;
	out->events_n = out->rows_n = out->actions_n = out->answers_n = out->usages_n = 0;
	out->wake_boot_usec = USEC_NEVER;
}

void core_output_free(struct core_output *out)
{
	core_output_clear(out);
	free(out->events);
	free(out->rows);
	free(out->actions);
	free(out->answers);
	free(out->usages);
	free(out->reservations);
	*out = (struct core_output){0};
}

struct mscg_event out_new(const struct core *core, const struct entry *e, enum mscg_event_kind kind)
{
	return (struct mscg_event){
		.id = e->job.id,
		.time_usec = core->now.real_usec,
		.kind = (uint8_t)kind,
		/* An update of what waits says anew why; other events say it where there is something to say. */
		.reason = kind == MSCG_EVENT_UPDATED ? e->job.reason : MSCG_REASON_NONE,
		.attempt = e->job.attempt,
	};
}

void out_touch(struct core *core, struct entry *e)
{
	if (e->node.bits & ENTRY_DIRTY)
		return;
	e->node.bits |= ENTRY_DIRTY;
	GROW(core->dirty, core->dirty_n, core->dirty_cap);
	core->dirty[core->dirty_n++] = e;
}

static void count_for_user(struct core *core, struct entry *e, bool was_over)
{
	bool is_over = mscg_state_is_final((enum mscg_state)e->job.state);

	if (is_over != was_over)
		user_count(core, &e->job, was_over ? 1 : -1);
	if (e->live)
		user_update(core, e);
}

uint32_t out_event(struct core *core, struct entry *e, struct mscg_event *event)
{
	struct core_output *out = core->out;
	uint8_t was = e->job.state;
	bool new = event->kind == MSCG_EVENT_SUBMITTED;
	struct mscg_error error;

	event->seq = core->next_seq++;
	if (core_job_apply(&e->job, event, &error) < 0) {
		/* A fault of the core itself. Tests see it through core_check. */
		core->broken = true;
		snprintf(core->broken_text, sizeof core->broken_text, "%s", error.text);
	}
	event->state = e->job.state;
	if (mscg_state_is_final(was) != mscg_state_is_final((enum mscg_state)e->job.state))
		share_count(core, e, mscg_state_is_final(was) ? 1 : -1);
	if (!is_record(e)) {
		if (!new)
			core->count[was]--;
		core->count[e->job.state]++;
		count_for_user(core, e, new || mscg_state_is_final(was));
	}
	out_touch(core, e);
	elastic_update(core, e);
	GROW(out->events, out->events_n, out->events_cap);
	out->events[out->events_n] = *event;
	*event = (struct mscg_event){0};
	return out->events_n++;
}

struct mscg_action *out_action(struct core *core, const struct entry *e, enum mscg_action_kind kind)
{
	struct core_output *out = core->out;

	GROW(out->actions, out->actions_n, out->actions_cap);
	out->actions[out->actions_n] = (struct mscg_action){.kind = kind, .id = e->job.id, .attempt = e->job.attempt};
	return &out->actions[out->actions_n++];
}

struct core_answer *out_answer(struct core *core, uint64_t token, struct mscg_id id, int code, enum core_resize resize, bool last,
                           const char *format, ...)
{
	struct core_output *out = core->out;
	struct core_answer *a;
	va_list ap;

	if (!token)
		return NULL;
	GROW(out->answers, out->answers_n, out->answers_cap);
	a = &out->answers[out->answers_n++];
	*a = (struct core_answer){.token = token, .code = code, .last = last, .id = id, .resize = resize};
	va_start(ap, format);
	vsnprintf(a->text, sizeof a->text, format, ap);
	va_end(ap);
	return a;
}

char *out_set(const struct mscg_cpuset *set)
{
	size_t size = mscg_cpuset_format(set, NULL, 0) + 1;
	char *text = xmalloc(size);

	mscg_cpuset_format(set, text, size);
	return text;
}

void out_fill_row(const struct entry *e, struct mscg_row *ret)
{
	*ret = (struct mscg_row){.job = e->job};
	ret->job.run = mscg_run_copy(e->job.run);
	ret->dependency = e->depends && !mscg_state_is_final((enum mscg_state)e->job.state) ? mscg_depends_format(e->depends) : NULL;
	ret->account = e->assoc && *e->assoc->account ? xstrdup(e->assoc->account) : NULL;
	if (is_record(e)) {
		const struct array *a = e->array;

		ret->pending = a->held_n ? array_waiting(a, false) : mscg_ranges_format(a->range + a->first, a->n - a->first);
		ret->held = a->held_n ? array_waiting(a, true) : NULL;
		ret->array_throttle = a->throttle;
		ret->array_ended = a->ended;
		ret->array_worst = a->worst;
		ret->array_failed = a->failed;
		ret->array_max_fails = a->max_fails;
		ret->array_fails = a->fails;
		ret->unstarted = xstrdup(a->unstarted);
		ret->unstarted_n = a->unstarted_n;
		ret->unstarted_reason = a->unstarted_reason;
		ret->unstarted_usec = a->unstarted_usec;
	}
}

/* Each job that changed, once. What ended is forgotten here. */
void out_rows(struct core *core)
{
	struct core_output *out = core->out;

	for (uint32_t i = 0; i < core->dirty_n; i++) {
		GROW(out->rows, out->rows_n, out->rows_cap);
		out_fill_row(core->dirty[i], &out->rows[out->rows_n++]);
		core->dirty[i]->node.bits &= ~(uint32_t)ENTRY_DIRTY;
	}
	/* Tasks first: the record of an array is theirs. */
	for (uint32_t i = 0; i < core->dirty_n; i++)
		if (core->dirty[i]->node.bits & ENTRY_ENDED && !is_record(core->dirty[i])) {
			entry_free(core, core->dirty[i]);
			core->dirty[i] = NULL;
		}
	for (uint32_t i = 0; i < core->dirty_n; i++)
		if (core->dirty[i] && core->dirty[i]->node.bits & ENTRY_ENDED)
			entry_free(core, core->dirty[i]);
	core->dirty_n = 0;
}
