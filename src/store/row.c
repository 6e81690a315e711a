/* Job rows. */
#include "src/store/internal.h"

/* Checksum places of what is not a member as it stands. */
enum { SALT_KEY = 1, SALT_OUTCOME, SALT_GRANT, SALT_WAITING };

struct old_row {
	bool           found;
	enum outcome   outcome;
	int64_t        end_usec;
	struct sums_of sums;
};

static int read_old(struct store *store, int64_t key, struct old_row *ret, struct mscg_error *error)
{
	_cleanup_reset_ sqlite3_stmt *st = store->st[ST_JOB_OLD];
	sqlite3_bind_int64(st, 1, key);
	int rc = sqlite3_step(st);
	if (rc == SQLITE_DONE) {
		*ret = (struct old_row){.sums.state = -1};
		return 0;
	}
	if (rc != SQLITE_ROW)
		return sql_error(store, rc, error, "cannot read");

	bool array = sqlite3_column_type(st, 2) != SQLITE_NULL;
	struct mscg_job job = {
		.state       = (uint8_t)sqlite3_column_int(st, 1),
		.flags       = array ? MSCG_JOB_ARRAY : 0,
		.submit_usec = sqlite3_column_int64(st, 3),
		.start_usec  = sqlite3_column_int64(st, 4),
		.end_usec    = sqlite3_column_int64(st, 5),
	};
	if (job.state >= MSCG_STATE_COUNT)
		return mscg_error_set(error, -EBADMSG, "%s/mscg.db is damaged (state %u); restore a backup", store->dir, job.state);
	*ret = (struct old_row){
		.found    = true,
		.outcome  = (enum outcome)sqlite3_column_int(st, 0),
		.end_usec = job.end_usec,
		.sums     = sums_of_row(&job, (uint64_t)sqlite3_column_int64(st, 2)),
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
	if (run && run->grant && (r = grant_format(run->grant, &store->grant, error)) < 0)
		return r;

	enum statement id = !old.found ? ST_JOB_INSERT
	                  : old.outcome == outcome && old.end_usec == job->end_usec ? ST_JOB_UPDATE : ST_JOB_END;
	struct out out = {.stmt = store->st[id]};
	out_int(&out, SALT_KEY, key);
	out_int(&out, SALT_OUTCOME, outcome);
	out_columns(&out, &table_job, row);
	out_columns(&out, &table_run, run);
	if (run && run->grant)
		out_text(&out, SALT_GRANT, store->grant.data);
	else
		out_null(&out);
	if (job->flags & MSCG_JOB_ARRAY)
		out_int(&out, SALT_WAITING, (int64_t)waiting);
	else
		out_null(&out);
	out_sum(&out);
	int rc = out.rc == SQLITE_OK ? sql_run(out.stmt) : out.rc;
	if (rc != SQLITE_OK) {
		char text[MSCG_ID_TEXT + 24] = "cannot write job ";
		mscg_id_format(job->id, text + strlen(text));
		return sql_error(store, rc, error, text);
	}
	if (old.found && old.outcome != OUTCOME_NONE && outcome == OUTCOME_NONE)
		store->since_usec = 0; /* requeued: a list's lower bound may be above it */
	struct sums_of new = sums_of_row(job, waiting);
	sums_change(&store->kept, &old.sums, &new);
	return 0;
}

static int damaged(struct store *store, int64_t key, struct mscg_error *error)
{
	char id[MSCG_ID_TEXT];
	return mscg_error_set(error, -EBADMSG, "%s/mscg.db is damaged (row of job %s); restore a backup", store->dir,
	                      mscg_id_format(key_id(key), id));
}

int row_read(struct store *store, sqlite3_stmt *st, struct mscg_row *ret, struct mscg_error *error)
{
	_cleanup_(mscg_row_clear) struct mscg_row row = {0};
	struct in in = {.stmt = st};
	size_t size;
	int r;

	int64_t key = in_int(&in, SALT_KEY, 0);
	in_int(&in, SALT_OUTCOME, 0);
	in_columns(&in, &table_job, &row);
	row.job.id = key_id(key);
	if (in_null(&in)) {
		in_columns_skip(&in, &table_run);
	} else {
		row.job.run = xcalloc(1, sizeof(*row.job.run));
		in_columns(&in, &table_run, row.job.run);
	}
	const char *grant = in_text(&in, SALT_GRANT, &size);
	in_int(&in, SALT_WAITING, 0);
	if (!in_sum_matches(&in) || row.job.state >= MSCG_STATE_COUNT || row.job.reason >= MSCG_REASON_COUNT ||
	    (grant && !row.job.run))
		return damaged(store, key, error);
	if (grant && (r = grant_parse(grant, size, &row.job.run->grant, error)) < 0)
		return r == -EBADMSG ? damaged(store, key, error) : r;
	*ret = row;
	row = (struct mscg_row){0};
	return 0;
}
