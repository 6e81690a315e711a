/* Rows one by one: all that are active, or the one that is asked for. */
#include "src/store/internal.h"

/* An index that lost a row would lose a job without a word; the totals were written apart from it. */
int store_load_active(struct store *store, int (*each)(struct mscg_row *row, void *ctx), void *ctx, struct mscg_error *error)
{
	const struct sums_of none = {.state = -1};
	struct kept found = {0};
	int rc, r;

	if ((r = store_ready(store, error)) < 0)
		return r;
	_cleanup_reset_ sqlite3_stmt *st = store->st[ST_JOB_ACTIVE];
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct mscg_row row;
		if ((r = row_read(store, st, &row, error)) < 0)
			return r;
		struct sums_of of = sums_of_row(&row, (uint64_t)sqlite3_column_int64(st, JOB_waiting));
		sums_change(&found, &none, &of);
		if ((r = each(&row, ctx)) < 0)
			return r;
	}
	if (rc != SQLITE_DONE)
		return sql_error(store, rc, error, "cannot read the jobs");
	return sums_compare(store, &found, OUTCOME_NONE, error);
}

void store_record_clear(struct store_record *record)
{
	mscg_row_clear(&record->row);
	mscg_spec_free(record->spec);
	record->spec = NULL;
}

void store_records_free(struct store_record *records, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		store_record_clear(&records[i]);
	free(records);
}

int store_get(struct store *store, struct mscg_id id, struct store_record *ret, struct mscg_error *error)
{
	struct store_record record = {0};
	char text[MSCG_ID_TEXT];
	int r;

	if ((r = store_ready(store, error)) < 0)
		return r;
	_cleanup_reset_ sqlite3_stmt *st = store->st[ST_JOB_GET];
	sqlite3_bind_int64(st, 1, id.job <= KEY_JOB_MAX ? key_of(id) : -1);
	int rc = sqlite3_step(st);
	if (rc == SQLITE_DONE)
		return mscg_error_set(error, -ENOENT, "no job %s", mscg_id_format(id, text));
	if (rc != SQLITE_ROW)
		return sql_error(store, rc, error, "cannot read");
	r = row_read(store, st, &record.row, error);
	if (r == 0)
		r = spec_read(store, id.job, false, &record.spec, error);
	if (r < 0) {
		store_record_clear(&record);
		return r;
	}
	*ret = record;
	return 0;
}
