/* A batch: made by a step, written by the committer. */
#include "batch.h"

struct batch *batch_new(struct daemon *d)
{
	struct batch *b = xcalloc(1, sizeof *b);

	b->d          = d;
	b->drained    = -1;
	b->behind_end = &b->behind;
	return b;
}

void batch_free(struct batch *b)
{
	if (!b)
		return;
	for (uint32_t i = 0; i < b->events_n; i++)
		mscg_event_clear(&b->events[i]);
	for (uint32_t i = 0; i < b->rows_n; i++)
		mscg_row_clear(&b->rows[i]);
	for (uint32_t i = 0; i < b->specs_n; i++)
		spec_ref_put(b->specs[i].ref);
	for (uint32_t i = 0; i < b->actions_n; i++) {
		mscg_action_clear(&b->actions[i].action);
		spec_ref_put(b->actions[i].spec);
	}
	for (uint32_t i = 0; i < b->usages_n; i++)
		free(b->usages[i].account);
	free(b->usages);
	for (uint32_t i = 0; i < b->reservations_n; i++)
		core_reservation_clear(&b->reservations[i]);
	free(b->reservations);
	free(b->events);
	free(b->rows);
	free(b->specs);
	free(b->actions);
	free(b->answers);
	free(b);
}

void batch_submit_behind(struct batch *b)
{
	for (struct work *work = steal(&b->behind), *next; work; work = next) {
		next = work->next;
		committer_submit(b->d->committer, work);
	}
	b->behind_end = &b->behind;
}

bool batch_is_empty(const struct batch *b)
{
	return !b->events_n && !b->usages_n && !b->reservations_n && !b->rows_n && !b->specs_n && !b->actions_n && !b->answers_n && b->drained < 0 && !b->stamp_boot;
}

/* -- commit: in the committer's thread, or where it has nothing to do --------------------------------------------- */

static int write_batch(struct batch *b, struct store *store)
{
	_cleanup_free_ struct store_new_spec *specs = xcalloc(b->specs_n + 1, sizeof *specs);
	_cleanup_free_ struct store_usage *usages = xcalloc(b->usages_n + 1, sizeof *usages);
	_cleanup_free_ struct store_reservation *reservations = xcalloc(b->reservations_n + 1, sizeof *reservations);

	for (uint32_t i = 0; i < b->usages_n; i++)
		usages[i] = (struct store_usage){ b->usages[i].account, b->usages[i].uid, b->usages[i].cpu_s, b->usages[i].at_usec,
		                                   b->usages[i].spent, b->usages[i].spent_from_usec };
	for (uint32_t i = 0; i < b->reservations_n; i++) {
		const struct core_reservation *r = &b->reservations[i];

		reservations[i] = (struct store_reservation){ r->name, r->users, r->accounts, r->start_usec, r->end_usec, r->cpus_milli, r->flags, r->mem_bytes };
	}
	for (uint32_t i = 0; i < b->specs_n; i++)
		specs[i] = (struct store_new_spec){ b->specs[i].job, b->specs[i].ref->spec };
	struct store_batch batch = {
		.events = b->events, .events_n = b->events_n, .rows = b->rows, .rows_n = b->rows_n,
		.specs = specs, .specs_n = b->specs_n, .usages = usages, .usages_n = b->usages_n,
		.reservations = reservations, .reservations_n = b->reservations_n, .next_job_id = b->next_job_id, .drained = b->drained,
		.boot_id = b->stamp_boot ? b->d->boot_id : NULL,
	};
	return store_commit(store, &batch, &b->error);
}

/* A job that waited long is no more in memory: what it is to run is read back with the commit that grants it. */
static int read_specs(struct batch *b, struct store *store)
{
	for (uint32_t i = 0; i < b->actions_n; i++) {
		struct planned *p = &b->actions[i];
		struct mscg_spec *spec;

		if (p->action.kind != MSCG_ACTION_START || p->spec)
			continue;
		int r = store_get_spec(store, p->action.id.job, true, &spec, &b->error);
		if (r < 0)
			return r;
		p->spec = spec_ref_new(spec);
	}
	return 0;
}

/* What has been decided and what has ended is worth the room that was kept for it. */
static int write_with_ballast(struct batch *b, struct store *store)
{
	int r = write_batch(b, store);

	while ((r == -ENOSPC || r == -EDQUOT) && store_ballast_drop(store)) {
		struct mscg_error why = b->error;

		b->ballast_dropped = true;
		r = write_batch(b, store);
		if (r == 0)
			b->error = why;
	}
	return r;
}

void batch_run(struct work *work, struct store *store)
{
	struct batch *b = container_of(work, struct batch, work);

	int64_t begin = clock_boot_usec();

	b->result = 0;
	if (b->events_n || b->usages_n || b->reservations_n || b->rows_n || b->specs_n || b->drained >= 0 || b->stamp_boot)
		b->result = write_with_ballast(b, store);
	if (b->result == 0)
		b->result = read_specs(b, store);
	b->took_usec = clock_boot_usec() - begin;
}
