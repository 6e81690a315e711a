/* What is set aside for some, as the core gives it out. */
#include "src/store/internal.h"

int reservation_write(struct store *store, const struct store_reservation *r, struct mscg_error *error)
{
	sqlite3_stmt *st = store->st[r->end_usec ? ST_RESERVATION_SET : ST_RESERVATION_DROP];
	int rc;

	sqlite3_bind_text(st, 1, r->name, -1, SQLITE_STATIC);
	if (r->end_usec) {
		sqlite3_bind_text(st, 2, r->users, -1, SQLITE_STATIC);
		sqlite3_bind_text(st, 3, r->accounts, -1, SQLITE_STATIC);
		sqlite3_bind_int64(st, 4, r->start_usec);
		sqlite3_bind_int64(st, 5, r->end_usec);
		sqlite3_bind_int64(st, 6, r->cpus_milli);
		sqlite3_bind_int64(st, 7, (int64_t)r->mem_bytes);
		sqlite3_bind_int64(st, 8, r->flags);
	}
	rc = sql_run(st);
	return rc == SQLITE_OK ? 0 : sql_error(store, rc, error, "cannot write a reservation");
}

int store_load_reservations(struct store *store, void (*each)(const struct store_reservation *reservation, void *ctx), void *ctx,
                            struct mscg_error *error)
{
	int rc, r;

	if ((r = store_ready(store, error)) < 0)
		return r;
	_cleanup_reset_ sqlite3_stmt *st = store->st[ST_RESERVATION_ALL];
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct store_reservation one = {
			.name = (const char *)sqlite3_column_text(st, 0), .users = (const char *)sqlite3_column_text(st, 1),
			.accounts = (const char *)sqlite3_column_text(st, 2), .start_usec = sqlite3_column_int64(st, 3),
			.end_usec = sqlite3_column_int64(st, 4), .cpus_milli = (uint32_t)sqlite3_column_int64(st, 5),
			.mem_bytes = (uint64_t)sqlite3_column_int64(st, 6), .flags = (uint32_t)sqlite3_column_int64(st, 7),
		};

		if (!one.name || one.end_usec <= one.start_usec || !one.cpus_milli)
			return mscg_error_set(error, -EBADMSG, "%s/mscg.db is damaged (reservation '%.60s'); restore a backup", store->dir,
			                      one.name ? one.name : "");
		each(&one, ctx);
	}
	return rc == SQLITE_DONE ? 0 : sql_error(store, rc, error, "cannot read the reservations");
}
