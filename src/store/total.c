/* Totals over all rows, kept up to date by every commit, so that asking costs nothing.
 *
 * A task counts as a job. The record of an array is not one: it counts as those of its tasks that still wait, and those that
 * never started, which have no rows.
 */
#include "src/store/internal.h"

#define USEC_PER_MSEC_OF(a, b) ((b) > (a) ? ((b) - (a)) / 1000 : 0) /* a clock that was set back gives 0, never less */

struct sums_of sums_of_row(const struct mscg_row *row, uint64_t waiting)
{
	const struct mscg_job *job = &row->job;

	if (job->flags & MSCG_JOB_ARRAY)
		return (struct sums_of){.state = MSCG_STATE_PENDING, .sums.jobs = (int64_t)waiting,
		                        .unstarted_state = mscg_row_unstarted_state(row), .unstarted = row->unstarted_n};
	struct sums_of of = {.state = job->state, .sums.jobs = 1};
	if (job->start_usec) {
		of.sums.started = 1;
		of.sums.wait_msec = USEC_PER_MSEC_OF(job->submit_usec, job->start_usec);
		if (job->end_usec && mscg_state_is_final(job->state)) {
			of.sums.ended = 1;
			of.sums.run_msec = USEC_PER_MSEC_OF(job->start_usec, job->end_usec);
		}
	}
	return of;
}

static void add(struct kept *kept, const struct sums_of *of, int sign)
{
	if (of->state < 0)
		return;
	struct sums *s = &kept->sums[of->state];
	s->jobs += sign * of->sums.jobs;
	s->started += sign * of->sums.started;
	s->wait_msec += sign * of->sums.wait_msec;
	s->ended += sign * of->sums.ended;
	s->run_msec += sign * of->sums.run_msec;
	kept->changed |= 1u << of->state;
	if (of->unstarted) {
		kept->sums[of->unstarted_state].jobs += sign * of->unstarted;
		kept->changed |= 1u << of->unstarted_state;
	}
}

void sums_change(struct kept *kept, const struct sums_of *old, const struct sums_of *new)
{
	add(kept, old, -1);
	add(kept, new, 1);
}

int total_load(struct store *store, struct mscg_error *error)
{
	_cleanup_reset_ sqlite3_stmt *st = store->st[ST_TOTAL_ALL];
	int rc;

	memset(store->kept.sums, 0, sizeof(store->kept.sums));
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		int state = sqlite3_column_int(st, 0);
		if (state < 0 || state >= MSCG_STATE_COUNT)
			return mscg_error_set(error, -EBADMSG, "%s/mscg.db is damaged (total of state %d); restore a backup",
			                      store->dir, state);
		store->kept.sums[state] = (struct sums){
			.jobs      = sqlite3_column_int64(st, 1),
			.started   = sqlite3_column_int64(st, 2),
			.wait_msec = sqlite3_column_int64(st, 3),
			.ended     = sqlite3_column_int64(st, 4),
			.run_msec  = sqlite3_column_int64(st, 5),
		};
	}
	return rc == SQLITE_DONE ? 0 : sql_error(store, rc, error, "cannot read the totals");
}

int total_flush(struct store *store, struct mscg_error *error)
{
	sqlite3_stmt *st = store->st[ST_TOTAL_SET];

	for (int state = 0; state < MSCG_STATE_COUNT; state++) {
		if (!(store->kept.changed & 1u << state))
			continue;
		const struct sums *s = &store->kept.sums[state];
		sqlite3_bind_int(st, 1, state);
		sqlite3_bind_int64(st, 2, s->jobs);
		sqlite3_bind_int64(st, 3, s->started);
		sqlite3_bind_int64(st, 4, s->wait_msec);
		sqlite3_bind_int64(st, 5, s->ended);
		sqlite3_bind_int64(st, 6, s->run_msec);
		int rc = sql_run(st);
		if (rc != SQLITE_OK)
			return sql_error(store, rc, error, "cannot write the totals");
	}
	store->kept.changed = 0;
	return 0;
}

int store_get_totals(struct store *store, struct store_totals *ret, struct mscg_error *error)
{
	struct store_totals totals = {0};
	double wait = 0, run = 0;
	int r;

	if ((r = store_ready(store, error)) < 0)
		return r;
	for (int state = 0; state < MSCG_STATE_COUNT; state++) {
		const struct sums *s = &store->kept.sums[state];
		totals.by_state[state] = (uint64_t)s->jobs;
		totals.started += (uint64_t)s->started;
		totals.ended += (uint64_t)s->ended;
		wait += (double)s->wait_msec / 1000;
		run += (double)s->run_msec / 1000;
	}
	totals.mean_wait_s = totals.started ? wait / (double)totals.started : 0;
	totals.mean_run_s = totals.ended ? run / (double)totals.ended : 0;
	*ret = totals;
	return 0;
}

int sums_compare(struct store *store, const struct kept *found, enum outcome of, struct mscg_error *error)
{
	for (int state = 0; state < MSCG_STATE_COUNT; state++) {
		const struct sums *f = &found->sums[state], *k = &store->kept.sums[state];
		if (of != OUTCOME_COUNT && outcome_of((enum mscg_state)state) != of)
			continue;
		if (memcmp(f, k, sizeof(*f)) != 0)
			return mscg_error_set(error, -EBADMSG,
			                      "%s/mscg.db is damaged (%lld jobs are %s, %lld should be); restore a backup", store->dir,
			                      (long long)f->jobs, mscg_state_name((enum mscg_state)state), (long long)k->jobs);
	}
	return 0;
}

int total_check(struct store *store, struct mscg_error *error)
{
	_cleanup_reset_ sqlite3_stmt *st = store->st[ST_JOB_ALL];
	struct kept found = {0};
	const struct sums_of none = {.state = -1};
	int rc, r;

	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct mscg_row row = {0};
		if ((r = row_read(store, st, &row, error)) < 0)
			return r;
		struct sums_of of = sums_of_row(&row, (uint64_t)sqlite3_column_int64(st, JOB_waiting));
		sums_change(&found, &none, &of);
		mscg_row_clear(&row);
	}
	if (rc != SQLITE_DONE)
		return sql_error(store, rc, error, "cannot read");
	return sums_compare(store, &found, OUTCOME_COUNT, error);
}
