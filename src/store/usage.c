/* What users held in accounts, as the core gives it out: written in the transaction of what it was charged for. */
#include "src/store/internal.h"
#include <math.h>

int usage_write(struct store *store, const struct store_usage *usage, struct mscg_error *error)
{
	sqlite3_stmt *st = store->st[ST_USAGE_SET];
	int rc;

	sqlite3_bind_text(st, 1, usage->account, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, usage->uid);
	sqlite3_bind_double(st, 3, usage->cpu_s);
	sqlite3_bind_int64(st, 4, usage->at_usec);
	sqlite3_bind_double(st, 5, usage->spent);
	sqlite3_bind_int64(st, 6, usage->spent_from_usec);
	rc = sql_run(st);
	return rc == SQLITE_OK ? 0 : sql_error(store, rc, error, "cannot write the usage of a user");
}

int store_load_usages(struct store *store, void (*each)(const struct store_usage *usage, void *ctx), void *ctx, struct mscg_error *error)
{
	int rc, r;

	if ((r = store_ready(store, error)) < 0)
		return r;
	_cleanup_reset_ sqlite3_stmt *st = store->st[ST_USAGE_ALL];
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct store_usage usage = {(const char *)sqlite3_column_text(st, 0), (uint32_t)sqlite3_column_int64(st, 1),
		                            sqlite3_column_double(st, 2), sqlite3_column_int64(st, 3), sqlite3_column_double(st, 4),
		                            sqlite3_column_int64(st, 5)};

		if (!usage.account || !isfinite(usage.cpu_s) || usage.cpu_s < 0 || !isfinite(usage.spent) || usage.spent < 0)
			return mscg_error_set(error, -EBADMSG, "%s/mscg.db is damaged (usage of user %u in account '%.60s'); restore a backup",
			                      store->dir, usage.uid, usage.account ? usage.account : "");
		each(&usage, ctx);
	}
	return rc == SQLITE_DONE ? 0 : sql_error(store, rc, error, "cannot read the usage of users");
}
