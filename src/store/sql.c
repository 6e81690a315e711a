/* The connection: errors, statements, transactions. */
#include "src/store/internal.h"

/* Codes that say it all by themselves; for the others the system call's own errno is asked first. */
static const struct {
	int  rc, code;
	bool doubt; /* the connection is not to be trusted afterwards */
} codes[] = {
	{SQLITE_FULL, -ENOSPC, false},       {SQLITE_NOMEM, -ENOMEM, true},      {SQLITE_CONSTRAINT, -EEXIST, false},
	{SQLITE_TOOBIG, -E2BIG, false},      {SQLITE_BUSY, -EBUSY, false},       {SQLITE_LOCKED, -EBUSY, false},
	{SQLITE_CORRUPT, -EBADMSG, true},    {SQLITE_NOTADB, -EBADMSG, true},    {SQLITE_READONLY, -EROFS, false},
	{SQLITE_PERM, -EACCES, false},       {SQLITE_AUTH, -EACCES, false},      {SQLITE_IOERR, -EIO, true},
	{SQLITE_CANTOPEN, -EIO, true},       {SQLITE_PROTOCOL, -EIO, true},      {SQLITE_NOLFS, -EFBIG, false},
	{SQLITE_MISMATCH, -EBADMSG, false},  {SQLITE_MISUSE, -EIO, true},        {SQLITE_INTERNAL, -EIO, true},
};

static bool from_system(int primary)
{
	return primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN || primary == SQLITE_READONLY || primary == SQLITE_FULL;
}

static bool in_doubt(int rc)
{
	for (unsigned i = 0; i < ARRAY_SIZE(codes); i++)
		if (codes[i].rc == (rc & 0xff))
			return codes[i].doubt;
	return true;
}

int sql_error(struct store *store, int rc, struct mscg_error *error, const char *what)
{
	int primary = rc & 0xff, code = -EIO, saved = 0;
	const char *says = store->db ? sqlite3_errmsg(store->db) : sqlite3_errstr(rc);

	for (unsigned i = 0; i < ARRAY_SIZE(codes); i++)
		if (codes[i].rc == primary)
			code = codes[i].code;
	if (store->db && from_system(primary))
		saved = sqlite3_system_errno(store->db);
	/* ENOENT and the like are SQLite's way, not the trouble */
	if (saved == ENOSPC || saved == EDQUOT || saved == EIO || saved == EROFS || saved == EACCES || saved == EFBIG ||
	    saved == EMFILE || saved == ENFILE || saved == ESTALE)
		code = -saved;
	if (code == -EBADMSG)
		return mscg_error_set(error, code, "%s: %s/mscg.db is damaged (%s); restore a backup", what, store->dir, says);
	if (code == -EEXIST || code == -ENOMEM)
		return mscg_error_set(error, code, "%s: %s", what, says);
	if (code == -EBUSY)
		return mscg_error_set(error, code, "%s: another program has %s/mscg.db open", what, store->dir);
	return mscg_error_set(error, code, "%s: %s/mscg.db: %s (%s)", what, store->dir, strerror(-code), says);
}

int sql_exec(struct store *store, const char *sql, struct mscg_error *error)
{
	int rc = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
	return rc == SQLITE_OK ? 0 : sql_error(store, rc, error, "cannot use the database");
}

int sql_prepare_all(struct store *store, struct mscg_error *error)
{
	static const char *const template[ST_COUNT] = {
#define X(name, sql) [ST_##name] = sql,
		STATEMENTS(X)
#undef X
	};
	for (unsigned i = 0; i < ST_COUNT; i++) {
		_cleanup_free_ char *sql = table_sql(template[i]);
		int rc = sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &store->st[i], NULL);
		/* A table or column that is missing: not what the version says it is. */
		if (rc == SQLITE_ERROR)
			return mscg_error_set(error, -EBADMSG, "%s/mscg.db is damaged (%s); restore a backup", store->dir,
			                      sqlite3_errmsg(store->db));
		if (rc != SQLITE_OK)
			return sql_error(store, rc, error, "cannot read the database");
	}
	return 0;
}

void sql_finalize_all(struct store *store)
{
	for (unsigned i = 0; i < ST_COUNT; i++) {
		sqlite3_finalize(store->st[i]);
		store->st[i] = NULL;
	}
}

int sql_run(sqlite3_stmt *st)
{
	int rc = sqlite3_step(st);
	/* The reset says again what the step said; the bindings stay, the next run writes over all of them. */
	sqlite3_reset(st);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

int sql_begin(struct store *store, struct mscg_error *error)
{
	int rc = sql_run(store->st[ST_BEGIN]);
	if (rc == SQLITE_OK)
		return 0;
	int r = sql_error(store, rc, error, "cannot write");
	if (in_doubt(rc))
		store_disconnect(store);
	return r;
}

int sql_end(struct store *store, int r, struct mscg_error *error)
{
	int rc = SQLITE_OK;
	if (r == 0) {
		rc = sql_run(store->st[ST_COMMIT]);
		if (rc == SQLITE_OK)
			return 0;
		r = sql_error(store, rc, error, "cannot write");
	} else {
		rc = sqlite3_extended_errcode(store->db);
	}
	bool doubt = rc != SQLITE_OK && rc != SQLITE_ROW && rc != SQLITE_DONE && in_doubt(rc);
	/* SQLite rolls back by itself after some errors; then there is nothing to roll back. */
	if (!sqlite3_get_autocommit(store->db) && sql_run(store->st[ST_ROLLBACK]) != SQLITE_OK)
		doubt = true;
	if (doubt)
		store_disconnect(store);
	return r;
}
