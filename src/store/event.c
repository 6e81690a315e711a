/* The journal. */
#include "src/store/internal.h"
#include "src/store/pack.h"

int event_write(struct store *store, const struct mscg_event *event, struct mscg_error *error)
{
	struct out out = {.stmt = store->st[ST_EVENT_INSERT]};

	if (event->seq == 0 || event->seq > INT64_MAX || event->id.job > KEY_JOB_MAX)
		return mscg_error_set(error, -EINVAL, "event %llu of job %u cannot be stored", (unsigned long long)event->seq,
		                      event->id.job);
	struct buf *detail = &store->pack;
	buf_drop(detail, detail->size);
	pack_open(detail);
	pack_columns(detail, &event_details, event);
	pack_close(detail);

	out_int(&out, (int64_t)event->seq);
	out_int(&out, key_of(event->id));
	out_columns(&out, &event_columns, event);
	out_text(&out, pack_result(detail), detail->size);
	out_sum(&out);
	int rc = out.rc == SQLITE_OK ? sql_run(out.stmt) : out.rc;
	if (rc != SQLITE_OK) {
		char text[64];
		snprintf(text, sizeof(text), "cannot write event %llu", (unsigned long long)event->seq);
		return sql_error(store, rc, error, text);
	}
	store->kept.next_seq = MAX_OF(store->kept.next_seq, event->seq + 1);
	return 0;
}

int event_read(struct store *store, sqlite3_stmt *st, struct mscg_event *ret, struct mscg_error *error)
{
	_cleanup_(mscg_event_clear) struct mscg_event event = {0};
	struct in in = {.stmt = st};

	event.seq = (uint64_t)in_int(&in, 0);
	event.id = key_id(in_int(&in, 0));
	in_columns(&in, &event_columns, &event);
	struct unpack u;
	if (unpack_open(&u, &in)) {
		unpack_columns(&u, &event_details, &event);
		unpack_close(&u);
	}
	if (!in_sum_matches(&in) || !unpack_done(&u))
		return mscg_error_set(error, -EBADMSG, "%s/mscg.db is damaged (event %llu); restore a backup",
		                      store->dir, (unsigned long long)event.seq);
	*ret = event;
	event = (struct mscg_event){0};
	return 0;
}

void store_events_free(struct mscg_event *events, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		mscg_event_clear(&events[i]);
	free(events);
}

static int read_all(struct store *store, sqlite3_stmt *st, struct mscg_event **ret, uint32_t *ret_n,
                    struct mscg_error *error)
{
	struct mscg_event *list = NULL;
	uint32_t n = 0, cap = 0;
	int rc, r = 0;

	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		GROW(list, n, cap);
		if ((r = event_read(store, st, &list[n], error)) < 0)
			break;
		n++;
	}
	if (r == 0 && rc != SQLITE_DONE)
		r = sql_error(store, rc, error, "cannot read the journal");
	if (r < 0) {
		store_events_free(list, n);
		return r;
	}
	*ret = list;
	*ret_n = n;
	return 0;
}

/* A plain job has few events, an array of a million tasks millions: those are best found by walking the journal, where
 * they lie close together. */
#define FEW 10000

static int count_few(struct store *store, uint32_t job, int64_t *ret, struct mscg_error *error)
{
	_cleanup_reset_ sqlite3_stmt *st = store->st[ST_EVENT_COUNT];
	sqlite3_bind_int64(st, 1, key_first(job));
	sqlite3_bind_int64(st, 2, key_last(job));
	sqlite3_bind_int(st, 3, FEW);
	int rc = sqlite3_step(st);
	if (rc != SQLITE_ROW)
		return sql_error(store, rc, error, "cannot read the journal");
	*ret = sqlite3_column_int64(st, 0);
	return 0;
}

/* Nothing of an array is older than its submission, as long as the journal still has that. */
static int first_seq(struct store *store, uint32_t job, int64_t *ret, struct mscg_error *error)
{
	_cleanup_reset_ sqlite3_stmt *st = store->st[ST_EVENT_FIRST];
	sqlite3_bind_int64(st, 1, key_first(job));
	int rc = sqlite3_step(st);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return sql_error(store, rc, error, "cannot read the journal");
	*ret = rc == SQLITE_ROW && sqlite3_column_int(st, 1) == MSCG_EVENT_SUBMITTED ? sqlite3_column_int64(st, 0) : 1;
	return 0;
}

int store_events(struct store *store, uint64_t after_seq, struct mscg_id id, uint32_t limit, struct mscg_event **ret,
                 uint32_t *ret_n, struct mscg_error *error)
{
	int64_t after = (int64_t)MIN_OF(after_seq, (uint64_t)INT64_MAX), few = 0, first = 0;
	enum statement which = ST_EVENT_ALL;
	int r;

	if ((r = store_ready(store, error)) < 0)
		return r;
	if (id.job > KEY_JOB_MAX)
		id.job = KEY_JOB_MAX; /* nobody has it */
	if (id.job && id.task != MSCG_NO_TASK) {
		which = ST_EVENT_JOB;
	} else if (id.job) {
		if ((r = count_few(store, id.job, &few, error)) < 0)
			return r;
		which = few < FEW ? ST_EVENT_FEW : ST_EVENT_MANY;
		if (which == ST_EVENT_MANY && (r = first_seq(store, id.job, &first, error)) < 0)
			return r;
		after = MAX_OF(after, first - 1);
	}
	_cleanup_reset_ sqlite3_stmt *st = store->st[which];
	sqlite3_bind_int64(st, 1, after);
	sqlite3_bind_int64(st, 2, limit);
	if (which == ST_EVENT_JOB) {
		sqlite3_bind_int64(st, 3, key_of(id));
	} else if (which != ST_EVENT_ALL) {
		sqlite3_bind_int64(st, 3, key_first(id.job));
		sqlite3_bind_int64(st, 4, key_last(id.job));
	}
	return read_all(store, st, ret, ret_n, error);
}
