/* Environments, scripts and lines of arrays, once each.
 *
 * A text is found by its hash and then compared whole, so two that collide are two texts. Someone who makes many that
 * collide is compared with the first few and after that merely shares with nobody.
 */
#include "src/store/internal.h"

void text_forget(struct store *store)
{
	for (unsigned i = 0; i < TEXT_CACHE; i++) {
		free(store->text[i].content);
		store->text[i] = (struct text_cached){0};
	}
}

static int add_refs(struct store *store, int64_t id, int64_t refs, struct mscg_error *error)
{
	sqlite3_stmt *st = store->st[ST_TEXT_REFS];
	sqlite3_bind_int64(st, 1, id);
	sqlite3_bind_int64(st, 2, refs);
	int rc = sql_run(st);
	return rc == SQLITE_OK ? 0 : sql_error(store, rc, error, "cannot write");
}

static int flush_one(struct store *store, struct text_cached *c, struct mscg_error *error)
{
	if (c->refs == 0)
		return 0;
	int64_t refs = c->refs;
	c->refs = 0;
	return add_refs(store, c->id, refs, error);
}

int text_flush(struct store *store, struct mscg_error *error)
{
	int r = 0;
	for (unsigned i = 0; i < TEXT_CACHE && r == 0; i++)
		r = flush_one(store, &store->text[i], error);
	return r;
}

static struct text_cached *cached(struct store *store, uint64_t hash, const char *content, size_t size)
{
	for (unsigned i = 0; i < TEXT_CACHE; i++) {
		struct text_cached *c = &store->text[i];
		if (c->id && c->hash == hash && c->size == size && c->content && memcmp(c->content, content, size) == 0)
			return c;
	}
	return NULL;
}

static int find(struct store *store, uint64_t hash, const char *content, size_t size, int64_t *ret_id,
                struct mscg_error *error)
{
	_cleanup_reset_ sqlite3_stmt *st = store->st[ST_TEXT_FIND];
	int rc;
	sqlite3_bind_int64(st, 1, (int64_t)hash);
	sqlite3_bind_int64(st, 2, (int64_t)size);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		if ((size_t)sqlite3_column_bytes(st, 1) != size)
			continue;
		if (size == 0 || memcmp(sqlite3_column_blob(st, 1), content, size) == 0) {
			*ret_id = sqlite3_column_int64(st, 0);
			return 1;
		}
	}
	return rc == SQLITE_DONE ? 0 : sql_error(store, rc, error, "cannot read");
}

static int insert(struct store *store, uint64_t hash, const char *content, size_t size, int64_t *ret_id,
                  struct mscg_error *error)
{
	sqlite3_stmt *text = store->st[ST_TEXT_INSERT], *body = store->st[ST_BODY_INSERT];
	sqlite3_bind_int64(text, 1, (int64_t)hash);
	sqlite3_bind_int64(text, 2, (int64_t)size);
	int rc = sql_run(text);
	if (rc == SQLITE_OK) {
		*ret_id = sqlite3_last_insert_rowid(store->db);
		sqlite3_bind_int64(body, 1, *ret_id);
		rc = sqlite3_bind_blob64(body, 2, size ? content : "", size, SQLITE_STATIC);
		if (rc == SQLITE_OK)
			rc = sql_run(body);
		sqlite3_clear_bindings(body);
	}
	return rc == SQLITE_OK ? 0 : sql_error(store, rc, error, "cannot write an environment, a script or lines");
}

int text_put(struct store *store, const char *content, size_t size, int64_t *ret_id, struct mscg_error *error)
{
	uint64_t hash = sum_bytes(content, size);
	struct text_cached *c = cached(store, hash, content, size);
	int r;

	if (!c) {
		int64_t id = 0;
		if ((r = find(store, hash, content, size, &id, error)) < 0)
			return r;
		if (r == 0 && (r = insert(store, hash, content, size, &id, error)) < 0)
			return r;
		c = &store->text[store->text_next++ % TEXT_CACHE];
		if ((r = flush_one(store, c, error)) < 0)
			return r;
		free(c->content);
		*c = (struct text_cached){.id = id, .hash = hash, .size = size};
		if (size <= TEXT_CACHED_SIZE) {
			c->content = xmalloc(size + 1);
			if (size)
				memcpy(c->content, content, size);
		}
	}
	c->refs++;
	*ret_id = c->id;
	return 0;
}

int text_get(struct store *store, int64_t id, struct buf *into, struct mscg_error *error)
{
	_cleanup_reset_ sqlite3_stmt *st = store->st[ST_TEXT_GET];
	sqlite3_bind_int64(st, 1, id);
	int rc = sqlite3_step(st);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return sql_error(store, rc, error, "cannot read");
	const void *content = rc == SQLITE_ROW ? sqlite3_column_blob(st, 1) : NULL;
	size_t size = rc == SQLITE_ROW ? (size_t)sqlite3_column_bytes(st, 1) : 0;
	if (rc == SQLITE_DONE || (uint64_t)sqlite3_column_int64(st, 0) != sum_bytes(content, size))
		return mscg_error_set(error, -EBADMSG, "%s/mscg.db is damaged (text %lld); restore a backup", store->dir,
		                      (long long)id);
	buf_drop(into, into->size);
	buf_add(into, content, size);
	return 0;
}

int text_drop(struct store *store, int64_t id, struct mscg_error *error)
{
	sqlite3_stmt *unused[] = {store->st[ST_TEXT_UNUSED], store->st[ST_BODY_UNUSED]};
	int r, rc = SQLITE_OK;

	if ((r = add_refs(store, id, -1, error)) < 0)
		return r;
	for (unsigned i = 0; i < ARRAY_SIZE(unused) && rc == SQLITE_OK; i++) {
		sqlite3_bind_int64(unused[i], 1, id);
		rc = sql_run(unused[i]);
	}
	return rc == SQLITE_OK ? 0 : sql_error(store, rc, error, "cannot delete a text");
}

int text_check(struct store *store, struct mscg_error *error)
{
	_cleanup_reset_ sqlite3_stmt *st = store->st[ST_TEXT_ALL];
	int rc;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		uint64_t sum = sum_bytes(sqlite3_column_blob(st, 2), (size_t)sqlite3_column_bytes(st, 2));
		if (sqlite3_column_type(st, 2) == SQLITE_NULL || sum != (uint64_t)sqlite3_column_int64(st, 1))
			return mscg_error_set(error, -EBADMSG, "%s/mscg.db is damaged (text %lld); restore a backup", store->dir,
			                      (long long)sqlite3_column_int64(st, 0));
	}
	return rc == SQLITE_DONE ? 0 : sql_error(store, rc, error, "cannot read");
}
