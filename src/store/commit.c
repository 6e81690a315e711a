/* One transaction. What costs here is paid by every job: an fsync for all of it, then a few microseconds a row. */
#include "src/store/internal.h"

static int write_counters(struct store *store, const struct store_batch *batch, struct mscg_error *error)
{
	struct kept *kept = &store->kept;
	int r = 0;

	if (batch->next_job_id && batch->next_job_id != kept->next_job_id) {
		r = meta_set_int(store, "next_job_id", batch->next_job_id, error);
		kept->next_job_id = batch->next_job_id;
	}
	if (r == 0 && batch->drained >= 0 && (batch->drained != 0) != kept->drained) {
		r = meta_set_int(store, "drained", batch->drained != 0, error);
		kept->drained = batch->drained != 0;
	}
	if (r == 0 && batch->boot_id && !streq(batch->boot_id, store->boot_id))
		r = meta_set_text(store, "boot_id", batch->boot_id, error);
	return r;
}

/* ---- a job may have gone through several states since the last commit: only its last row is written ---- */

static struct batch_key *find_key(struct store *store, int64_t key)
{
	uint64_t marked = (uint64_t)key | UINT64_C(1) << 63; /* never 0, which is a free place */
	uint32_t at = (uint32_t)sum_mix(marked, 1) & store->keys_mask;

	while (store->keys[at].marked != 0 && store->keys[at].marked != marked)
		at = (at + 1) & store->keys_mask;
	store->keys[at].marked = marked;
	return &store->keys[at];
}

static void find_last_rows(struct store *store, const struct mscg_row *rows, uint32_t n)
{
	uint32_t size = 16;

	while (size / 2 < n)
		size *= 2;
	if (store->keys_size < size) {
		store->keys = xreallocarray(store->keys, size, sizeof(*store->keys));
		store->keys_size = size;
	}
	memset(store->keys, 0, size * sizeof(*store->keys));
	store->keys_mask = size - 1;
	for (uint32_t i = 0; i < n; i++)
		find_key(store, key_of(rows[i].job.id))->last = i;
}

/* In the order that they came in: ids that grow fill pages from the left. */
static int write_rows(struct store *store, const struct mscg_row *rows, uint32_t n, struct mscg_error *error)
{
	int r = 0;

	find_last_rows(store, rows, n);
	for (uint32_t i = 0; i < n && r == 0; i++)
		if (find_key(store, key_of(rows[i].job.id))->last == i)
			r = row_write(store, &rows[i], error);
	return r;
}

static int write_batch(struct store *store, const struct store_batch *batch, struct mscg_error *error)
{
	int r = 0;

	for (uint32_t i = 0; i < batch->specs_n && r == 0; i++)
		r = spec_write(store, batch->specs[i].job, batch->specs[i].spec, error);
	if (r == 0)
		r = write_rows(store, batch->rows, batch->rows_n, error);
	for (uint32_t i = 0; i < batch->events_n && r == 0; i++)
		r = event_write(store, &batch->events[i], error);
	for (uint32_t i = 0; i < batch->usages_n && r == 0; i++)
		r = usage_write(store, &batch->usages[i], error);
	for (uint32_t i = 0; i < batch->reservations_n && r == 0; i++)
		r = reservation_write(store, &batch->reservations[i], error);
	if (r == 0)
		r = write_counters(store, batch, error);
	if (r == 0)
		r = text_flush(store, error);
	if (r == 0)
		r = total_flush(store, error);
	return r;
}

static int commit_once(struct store *store, const struct store_batch *batch, struct mscg_error *error)
{
	struct kept before = store->kept;
	int r;

	if ((r = sql_begin(store, error)) < 0)
		return r;
	r = sql_end(store, write_batch(store, batch, error), error);
	if (r < 0) {
		store->kept = before;
		text_forget(store);
		memset(store->old, 0, sizeof(store->old));
		return r;
	}
	if (batch->boot_id)
		snprintf(store->boot_id, sizeof(store->boot_id), "%s", batch->boot_id);
	store_mark(store);
	return 0;
}

/* Where the disk is full the log cannot grow, but once it is all in the database it can be written from its beginning,
 * over what it has of the disk. */
static bool log_is_free_again(struct store *store)
{
	int pages = 0, moved = 0;
	return store->db && sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &moved) == SQLITE_OK &&
	       pages > 0 && pages == moved;
}

int store_commit(struct store *store, const struct store_batch *batch, struct mscg_error *error)
{
	struct mscg_error first = {0};
	int r;

	if ((r = store_ready(store, error)) < 0)
		return r;
	if (batch->events_n == 0 && batch->rows_n == 0 && batch->specs_n == 0 && batch->usages_n == 0 && batch->reservations_n == 0 && batch->next_job_id == 0 &&
	    batch->drained < 0 && !batch->boot_id)
		return 0;
	r = commit_once(store, batch, &first);
	if (r == -ENOSPC && log_is_free_again(store))
		return commit_once(store, batch, error);
	if (r < 0 && error)
		*error = first;
	return r;
}
