/* The table of jobs. Entries come from chunks, so that a waiting job costs its own size and nothing for the allocator. */
#include "src/core/internal.h"

#define CHUNK 256u

struct entry *entry_new(struct core *core)
{
	struct entry *e;

	if (!core->spare) {
		struct entry *chunk = xcalloc(CHUNK, sizeof *chunk);

		GROW(core->chunk, core->chunks, core->chunks_cap);
		core->chunk[core->chunks++] = chunk;
		for (uint32_t i = CHUNK; i-- > 0;) {
			chunk[i].live = (struct live *)(void *)core->spare;
			core->spare = &chunk[i];
		}
	}
	e = core->spare;
	core->spare = (struct entry *)(void *)e->live;
	*e = (struct entry){0};
	return e;
}

void entry_free(struct core *core, struct entry *e)
{
	if (!is_record(e) && e->array)
		ids_set(&e->array->tasks, e->job.id.task, NULL);
	else if (ids_get(&core->jobs, e->job.id.job) == e)
		ids_set(&core->jobs, e->job.id.job, NULL);
	if (is_record(e))
		array_free(e->array);
	entry_drop_live(core, e);
	share_leave(core, e);
	depend_forget(e);
	gres_forget(core, e->job.gres);
	mscg_run_free(e->job.run);
	*e = (struct entry){.live = (struct live *)(void *)core->spare};
	core->spare = e;
}

struct entry *entry_find(const struct core *core, struct mscg_id id)
{
	struct entry *e = ids_get(&core->jobs, id.job);

	if (!e || (e->node.bits & ENTRY_EMPTY && id.task == MSCG_NO_TASK))
		return NULL;
	if (id.task == MSCG_NO_TASK)
		return e;
	return is_record(e) ? ids_get(&e->array->tasks, id.task) : NULL;
}

void entry_index(struct core *core, struct entry *e)
{
	e->node.weight = treap_weight(e->job.id.job, e->job.id.task);
	if (!is_record(e) && e->array)
		ids_set(&e->array->tasks, e->job.id.task, e);
	else
		ids_set(&core->jobs, e->job.id.job, e);
}

struct live *entry_live(struct core *core, struct entry *e)
{
	(void)core;
	if (!e->live) {
		struct live *l = xcalloc(1, sizeof *l);
		uint32_t weight = treap_weight(e->job.id.job, e->job.id.task);

		l->entry = e;
		l->elastic.weight = weight;
		l->deadline = (struct timer){.node = {.weight = weight}, .at = USEC_NEVER, .entry = e, .kind = TIMER_DEADLINE};
		l->backoff = (struct timer){.node = {.weight = ~weight}, .at = USEC_NEVER, .entry = e, .kind = TIMER_BACKOFF};
		e->live = l;
	}
	return e->live;
}

void entry_drop_live(struct core *core, struct entry *e)
{
	if (!e->live)
		return;
	timer_set(core, &e->live->deadline, USEC_NEVER);
	timer_set(core, &e->live->backoff, USEC_NEVER);
	book_unlist(core, e->live);
	entry_forget_live(e);
}

void entry_forget_live(struct entry *e)
{
	struct live *l = e->live;

	if (!l)
		return;
	if (l->flight)
		free(l->flight->starters);
	free(l->flight);
	free(l->after);
	free(l);
	e->live = NULL;
}
