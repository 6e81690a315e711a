/* The few facts of the state directory as a whole. */
#include "src/store/internal.h"

static int meta_set(struct store *store, struct mscg_error *error)
{
	int rc = sql_run(store->st[ST_META_SET]);
	return rc == SQLITE_OK ? 0 : sql_error(store, rc, error, "cannot write");
}

int meta_set_text(struct store *store, const char *name, const char *value, struct mscg_error *error)
{
	sqlite3_bind_text(store->st[ST_META_SET], 1, name, -1, SQLITE_STATIC);
	sqlite3_bind_text(store->st[ST_META_SET], 2, value, -1, SQLITE_TRANSIENT);
	return meta_set(store, error);
}

int meta_set_int(struct store *store, const char *name, int64_t value, struct mscg_error *error)
{
	sqlite3_bind_text(store->st[ST_META_SET], 1, name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(store->st[ST_META_SET], 2, value);
	return meta_set(store, error);
}

/* 1 and the value, 0 where there is none. */
static int meta_get(struct store *store, const char *name, int64_t *ret, char *text, size_t size, struct mscg_error *error)
{
	_cleanup_reset_ sqlite3_stmt *st = store->st[ST_META_GET];
	sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
	int rc = sqlite3_step(st);
	if (rc == SQLITE_DONE)
		return 0;
	if (rc != SQLITE_ROW)
		return sql_error(store, rc, error, "cannot read");
	if (ret)
		*ret = sqlite3_column_int64(st, 0);
	if (text) {
		const char *value = (const char *)sqlite3_column_text(st, 0);
		snprintf(text, size, "%s", value ? value : "");
	}
	return 1;
}

static int one_int(struct store *store, enum statement id, int64_t *ret, struct mscg_error *error)
{
	_cleanup_reset_ sqlite3_stmt *st = store->st[id];
	int rc = sqlite3_step(st);
	if (rc != SQLITE_ROW)
		return sql_error(store, rc, error, "cannot read");
	*ret = sqlite3_column_int64(st, 0);
	return 0;
}

int meta_load(struct store *store, struct mscg_error *error)
{
	int64_t next_job = 0, next_seq = 0, drained = 0, last_job = 0, last_seq = 0;
	int r;

	if ((r = meta_get(store, "instance", NULL, store->instance, sizeof(store->instance), error)) < 0 ||
	    (r = meta_get(store, "boot_id", NULL, store->boot_id, sizeof(store->boot_id), error)) < 0 ||
	    (r = meta_get(store, "next_job_id", &next_job, NULL, 0, error)) < 0 ||
	    (r = meta_get(store, "next_seq", &next_seq, NULL, 0, error)) < 0 ||
	    (r = meta_get(store, "drained", &drained, NULL, 0, error)) < 0 ||
	    (r = one_int(store, ST_SPEC_LAST, &last_job, error)) < 0 ||
	    (r = one_int(store, ST_EVENT_LAST, &last_seq, error)) < 0)
		return r;
	if (store->instance[0] == '\0')
		return mscg_error_set(error, -EBADMSG, "%s/mscg.db is damaged (it names no instance); restore a backup", store->dir);
	/* A number once used is not used again, whatever the counters say: next_seq is only written when events are
	 * deleted, and the last of them may have been. */
	next_job = MAX_OF(MAX_OF(next_job, last_job + 1), 1);
	next_seq = MAX_OF(MAX_OF(next_seq, last_seq + 1), 1);
	if (next_job > (int64_t)KEY_JOB_MAX + 1)
		return mscg_error_set(error, -EBADMSG, "%s/mscg.db is damaged (job %lld); restore a backup", store->dir,
		                      (long long)last_job);
	store->kept.next_job_id = (uint32_t)next_job;
	store->kept.next_seq = (uint64_t)next_seq;
	store->kept.drained = drained != 0;
	return 0;
}
