/* Job rows. */
#include "src/store/internal.h"
#include "src/store/pack.h"

/* A job is written several times in its life, mostly soon after one another: what it was before is often known without
 * asking the database. */
static struct old_row *old_slot(struct store *store, int64_t key)
{
	return &store->old[sum_mix((uint64_t)key, 0) % OLD_ROWS];
}

void row_is_new(struct store *store, uint32_t job)
{
	int64_t key = key_first(job);

	*old_slot(store, key) = (struct old_row){.key = key, .sums.state = -1};
}

static int read_old(struct store *store, int64_t key, struct old_row *ret, struct mscg_error *error)
{
	if (old_slot(store, key)->key == key) {
		*ret = *old_slot(store, key);
		return 0;
	}
	_cleanup_reset_ sqlite3_stmt *st = store->st[ST_JOB_OLD];
	sqlite3_bind_int64(st, 1, key);
	int rc = sqlite3_step(st);
	if (rc == SQLITE_DONE) {
		*ret = (struct old_row){.key = key, .sums.state = -1};
		return 0;
	}
	if (rc != SQLITE_ROW)
		return sql_error(store, rc, error, "cannot read");

	bool array = sqlite3_column_type(st, 2) != SQLITE_NULL;
	const struct mscg_row row = {
		.job.state        = (uint8_t)sqlite3_column_int(st, 1),
		.job.flags        = array ? MSCG_JOB_ARRAY : 0,
		.job.submit_usec  = sqlite3_column_int64(st, 3),
		.job.start_usec   = sqlite3_column_int64(st, 4),
		.job.end_usec     = sqlite3_column_int64(st, 5),
		.unstarted_n      = (uint32_t)sqlite3_column_int64(st, 7),
		.unstarted_reason = (uint8_t)sqlite3_column_int(st, 8),
	};
	if (row.job.state >= MSCG_STATE_COUNT)
		return mscg_error_set(error, -EBADMSG, "%s/mscg.db is damaged (state %u); restore a backup", store->dir, row.job.state);
	*ret = (struct old_row){
		.key      = key,
		.found    = true,
		.outcome  = (enum outcome)sqlite3_column_int(st, 0),
		.uid      = (uint32_t)sqlite3_column_int64(st, 6),
		.end_usec = row.job.end_usec,
		.sums     = sums_of_row(&row, (uint64_t)sqlite3_column_int64(st, 2)),
	};
	return 0;
}

static int check_row(const struct mscg_row *row, uint64_t *ret_waiting, struct mscg_error *error)
{
	const struct mscg_job *job = &row->job;
	char id[MSCG_ID_TEXT];

	*ret_waiting = 0;
	if (job->id.job == 0 || job->id.job > KEY_JOB_MAX)
		return mscg_error_set(error, -EINVAL, "job %u cannot be stored: the id must be 1 to %u", job->id.job, KEY_JOB_MAX);
	if (job->state >= MSCG_STATE_COUNT || job->reason >= MSCG_REASON_COUNT)
		return mscg_error_set(error, -EINVAL, "job %s cannot be stored: state %u, reason %u",
		                      mscg_id_format(job->id, id), job->state, job->reason);
	if (row->pending && ranges_parse(row->pending, strlen(row->pending), NULL, NULL, ret_waiting) < 0)
		return mscg_error_set(error, -EINVAL, "job %s cannot be stored: \"%.80s\" is not a list of index ranges",
		                      mscg_id_format(job->id, id), row->pending);
	if (mscg_state_is_final((enum mscg_state)job->state))
		*ret_waiting = 0; /* nothing of it will come any more */
	return 0;
}

int row_write(struct store *store, const struct mscg_row *row, struct mscg_error *error)
{
	const struct mscg_job *job = &row->job;
	const struct mscg_run *run = job->run;
	enum outcome outcome = outcome_of((enum mscg_state)job->state);
	int64_t key = key_of(job->id);
	struct old_row old;
	uint64_t waiting;
	int r;

	if ((r = check_row(row, &waiting, error)) < 0 || (r = read_old(store, key, &old, error)) < 0)
		return r;
	struct buf *detail = &store->pack, *packed = &store->pack_run;
	buf_drop(detail, detail->size);
	pack_open(detail);
	pack_columns(detail, &job_details, row);
	pack_close(detail);
	buf_drop(packed, packed->size);
	if (run)
		pack_run(packed, run);

	bool indexed = old.outcome != outcome || old.end_usec != job->end_usec || old.uid != job->uid;
	enum statement id = !old.found ? ST_JOB_INSERT : indexed ? ST_JOB_END : ST_JOB_UPDATE;
	struct out out = {.stmt = store->st[id]};
	out_int(&out, key);
	out_int(&out, outcome);
	out_columns(&out, &job_columns, row);
	out_text(&out, pack_result(detail), detail->size);
	out_text(&out, run ? packed->data : NULL, packed->size);
	if (job->flags & MSCG_JOB_ARRAY)
		out_int(&out, (int64_t)waiting);
	else
		out_null(&out);
	out_sum(&out);
	int rc = out.rc == SQLITE_OK ? sql_run(out.stmt) : out.rc;
	if (rc != SQLITE_OK) {
		char text[MSCG_ID_TEXT + 24] = "cannot write job ";
		mscg_id_format(job->id, text + strlen(text));
		return sql_error(store, rc, error, text);
	}
	if (old.found && old.outcome != OUTCOME_NONE && (outcome == OUTCOME_NONE || job->end_usec > old.end_usec))
		store->since_usec = 0; /* requeued, and it may be over again by now: a list's lower bound may be above it */
	if (outcome != OUTCOME_NONE)
		store->ended_high = MAX_OF(store->ended_high, key);
	struct old_row new = {
		.key = key, .found = true, .outcome = outcome, .uid = job->uid, .end_usec = job->end_usec,
		.sums = sums_of_row(row, waiting),
	};
	sums_change(&store->kept, &old.sums, &new.sums);
	*old_slot(store, key) = new;
	return 0;
}

int row_read(struct store *store, sqlite3_stmt *st, struct mscg_row *ret, struct mscg_error *error)
{
	_cleanup_(mscg_row_clear) struct mscg_row row = {0};
	struct in in = {.stmt = st};
	size_t size;

	int64_t key = in_int(&in, 0);
	in_int(&in, 0);
	in_columns(&in, &job_columns, &row);
	row.job.id = key_id(key);
	struct unpack u;
	if (unpack_open(&u, &in)) {
		unpack_columns(&u, &job_details, &row);
		unpack_close(&u);
	}
	const char *run = in_text(&in, &size);
	if (run) {
		row.job.run = xcalloc(1, sizeof(*row.job.run));
		u.bad |= !unpack_run(run, size, row.job.run);
	}
	in_int(&in, 0);
	if (!in_sum_matches(&in) || !unpack_done(&u) || row.job.state >= MSCG_STATE_COUNT || row.job.reason >= MSCG_REASON_COUNT || row.unstarted_reason >= MSCG_REASON_COUNT) {
		char id[MSCG_ID_TEXT];
		return mscg_error_set(error, -EBADMSG, "%s/mscg.db is damaged (row of job %s); restore a backup", store->dir,
		                      mscg_id_format(key_id(key), id));
	}
	*ret = row;
	row = (struct mscg_row){0};
	return 0;
}
