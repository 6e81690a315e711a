/* What was asked. Vectors are blobs of strings that each end with a NUL, as /proc/PID/cmdline and environ have them. */
#include "src/store/internal.h"
#include "src/store/pack.h"

static void pack_vector(char *const *v, struct buf *into)
{
	buf_drop(into, into->size);
	for (; *v; v++)
		buf_add(into, *v, strlen(*v) + 1);
}

static char **unpack_vector(const char *data, size_t size)
{
	size_t n = 0;
	for (size_t i = 0; i < size; i++)
		n += data[i] == '\0';
	char **v = xcalloc(n + 1, sizeof(*v));
	for (size_t i = 0; i < n; i++) {
		size_t length = strlen(data) + 1; /* there are n NULs */
		v[i] = xstrndup(data, length - 1);
		data += length;
	}
	return v;
}

/* The pair is there for lists by user name; mostly it was there already. */
static int note_user(struct store *store, uint32_t uid, const char *name, struct mscg_error *error)
{
	struct kept *kept = &store->kept;

	if (!name || (kept->user_uid == uid && streq(kept->user, name)))
		return 0;
	sqlite3_stmt *st = store->st[ST_USER_ADD];
	sqlite3_bind_int64(st, 1, uid);
	sqlite3_bind_text(st, 2, name, -1, SQLITE_STATIC);
	int rc = sql_run(st);
	if (rc != SQLITE_OK)
		return sql_error(store, rc, error, "cannot write");
	if (strlen(name) < sizeof(kept->user)) {
		kept->user_uid = uid;
		snprintf(kept->user, sizeof(kept->user), "%s", name);
	}
	return 0;
}

/* What is kept once for all who have the same. */
struct texts {
	int64_t env, script, lines;
};

static int put_texts(struct store *store, const struct mscg_spec *spec, struct texts *ret, struct mscg_error *error)
{
	int r = 0;
	if (spec->env) {
		pack_vector(spec->env, &store->pack);
		r = text_put(store, store->pack.data, store->pack.size, &ret->env, error);
	}
	if (r == 0 && spec->script)
		r = text_put(store, spec->script, strlen(spec->script), &ret->script, error);
	if (r == 0 && spec->lines)
		r = text_put(store, spec->lines, strlen(spec->lines), &ret->lines, error);
	return r;
}

static void pack_detail(const struct mscg_spec *spec, int64_t lines, struct buf *into)
{
	buf_drop(into, into->size);
	pack_open(into);
	pack_columns(into, &spec_details, spec);
	if (spec->array) {
		pack_name(into, "array", 5);
		buf_addc(into, '"');
		ranges_format(spec->array, spec->array_n, into);
		buf_addc(into, '"');
	}
	if (lines)
		pack_int(into, "lines", lines);
	pack_close(into);
}

static void out_id(struct out *out, int64_t id)
{
	if (id)
		out_int(out, id);
	else
		out_null(out);
}

int spec_write(struct store *store, uint32_t job, const struct mscg_spec *spec, struct mscg_error *error)
{
	struct texts texts = {0};
	int r;

	if (job == 0 || job > KEY_JOB_MAX)
		return mscg_error_set(error, -EINVAL, "job %u cannot be stored: the id must be 1 to %u", job, KEY_JOB_MAX);
	if ((r = put_texts(store, spec, &texts, error)) < 0 ||
	    (r = note_user(store, spec->uid, spec->user, error)) < 0)
		return r;

	struct out out = {.stmt = store->st[ST_SPEC_INSERT]};
	out_int(&out, job);
	out_columns(&out, &spec_columns, spec);
	if (spec->argv) {
		pack_vector(spec->argv, &store->pack);
		out_blob(&out, store->pack.data, store->pack.size);
	} else {
		out_null(&out);
	}
	pack_detail(spec, texts.lines, &store->pack_run);
	out_text(&out, pack_result(&store->pack_run), store->pack_run.size);
	out_id(&out, texts.env);
	out_id(&out, texts.script);
	out_sum(&out);
	int rc = out.rc == SQLITE_OK ? sql_run(out.stmt) : out.rc;
	if (rc == SQLITE_OK) {
		row_is_new(store, job);
		return 0;
	}
	char text[64];
	snprintf(text, sizeof(text), "cannot write what job %u asked for", job);
	return sql_error(store, rc, error, text);
}

static void free_spec(struct mscg_spec **spec)
{
	mscg_spec_free(*spec);
}

static int damaged(struct store *store, int64_t job, struct mscg_error *error)
{
	return mscg_error_set(error, -EBADMSG, "%s/mscg.db is damaged (what job %lld asked for); restore a backup", store->dir,
	                      (long long)job);
}

static int get_texts(struct store *store, struct mscg_spec *spec, const struct texts *texts, struct mscg_error *error)
{
	_cleanup_buf_ struct buf text = {0};
	int r = 0;
	if (texts->env && (r = text_get(store, texts->env, &text, error)) == 0)
		spec->env = unpack_vector(text.data, text.size);
	if (r == 0 && texts->script && (r = text_get(store, texts->script, &text, error)) == 0)
		spec->script = xstrndup(text.data ? text.data : "", text.size);
	if (r == 0 && texts->lines && (r = text_get(store, texts->lines, &text, error)) == 0)
		spec->lines = xstrndup(text.data ? text.data : "", text.size);
	return r;
}

static void unpack_array(struct unpack *u, struct mscg_spec *spec)
{
	size_t size;
	if (!unpack_name(u, "array", 5))
		return;
	_cleanup_free_ char *text = unpack_text(u, &size);
	if (u->bad || ranges_parse(text, size, &spec->array, &spec->array_n, NULL) < 0)
		u->bad = true;
	else if (!spec->array)
		spec->array = xcalloc(1, sizeof(*spec->array)); /* no ranges at all is still an array */
}

int spec_read_row(struct store *store, sqlite3_stmt *st, bool with_texts, struct mscg_spec **ret, struct mscg_error *error)
{
	_cleanup_(free_spec) struct mscg_spec *spec = xcalloc(1, sizeof(*spec));
	struct in in = {.stmt = st};
	struct texts texts = {0};
	size_t size;
	int r;

	int64_t job = in_int(&in, 0);
	in_columns(&in, &spec_columns, spec);
	const char *argv = in_text(&in, &size);
	spec->argv = argv ? unpack_vector(argv, size) : NULL;
	struct unpack u;
	if (unpack_open(&u, &in)) {
		unpack_columns(&u, &spec_details, spec);
		unpack_array(&u, spec);
		if (unpack_name(&u, "lines", 5))
			texts.lines = unpack_int(&u);
		unpack_close(&u);
	}
	texts.env = in_int(&in, 0);
	texts.script = in_int(&in, 0);
	if (!in_sum_matches(&in) || !unpack_done(&u))
		return damaged(store, job, error);
	if (with_texts && (r = get_texts(store, spec, &texts, error)) < 0)
		return r;
	*ret = steal(&spec);
	return 0;
}

int spec_read(struct store *store, uint32_t job, bool with_texts, struct mscg_spec **ret, struct mscg_error *error)
{
	_cleanup_reset_ sqlite3_stmt *st = store->st[ST_SPEC_GET];
	sqlite3_bind_int64(st, 1, job);
	int rc = sqlite3_step(st);
	if (rc == SQLITE_DONE)
		return mscg_error_set(error, -ENOENT, "no job %u", job);
	if (rc != SQLITE_ROW)
		return sql_error(store, rc, error, "cannot read");
	return spec_read_row(store, st, with_texts, ret, error);
}

int store_get_spec(struct store *store, uint32_t job, bool with_texts, struct mscg_spec **ret, struct mscg_error *error)
{
	int r = store_ready(store, error);
	return r < 0 ? r : spec_read(store, job, with_texts, ret, error);
}
