/* Lists, totals and pruning, each held against a plain model in memory. */
#include "tests/unit/test_store.h"

#define JOBS 900

/* A small world: some plain jobs, some arrays with tasks, five users of whom one has two uids. */
struct world {
	struct mscg_row   row[JOBS * 2];
	uint32_t          n;
	struct mscg_spec *spec[JOBS + 1];
};

static const struct {
	const char *name;
	uint32_t    uid;
} users[] = {{"ann", 1000}, {"bob", 1001}, {"cat", 1002}, {"dan", 1003}, {"dan", 1004}};

static uint8_t some_state(void)
{
	/* mostly completed, as it is in life */
	return (uint8_t)(rnd_one_in(2) ? MSCG_STATE_COMPLETED : rnd_below(MSCG_STATE_COUNT));
}

static struct mscg_row some_row(uint32_t job, uint32_t task, uint32_t user)
{
	struct mscg_row row = {.job = {.id = {job, task}, .uid = users[user].uid, .state = some_state()}};

	row.job.submit_usec = 1000000 + (int64_t)job * 1000;
	if (row.job.state != MSCG_STATE_PENDING)
		row.job.start_usec = row.job.submit_usec + rnd_below(100000);
	if (mscg_state_is_final((enum mscg_state)row.job.state))
		row.job.end_usec = row.job.submit_usec + 100000 + rnd_below(400000);
	return row;
}

/* An array of which some never started: cancelled, or by its deadline. */
static void give_up(struct mscg_row *row)
{
	if (row->job.state == MSCG_STATE_COMPLETED || rnd_one_in(2))
		return;
	row->unstarted = xstrdup("100-199:3,300");
	row->unstarted_n = 35;
	row->unstarted_reason = rnd_one_in(2) ? MSCG_REASON_DEADLINE : MSCG_REASON_CANCELLED;
}

static struct world *make_world(struct store *store)
{
	static const char *const names[] = {"train", "test", NULL}, *const accounts[] = {"lab", "ops", NULL};
	struct mscg_error error = {0};
	struct world *w = xcalloc(1, sizeof *w);

	for (uint32_t job = 1; job <= JOBS; job++) {
		uint32_t user = rnd_below(ARRAY_SIZE(users)), first = w->n;
		struct mscg_spec *spec = w->spec[job] = mscg_spec_new();

		spec->user = xstrdup(users[user].name);
		spec->uid = users[user].uid;
		spec->name = xstrdup(names[rnd_below(3)]);
		spec->account = xstrdup(accounts[rnd_below(3)]);
		w->row[w->n++] = some_row(job, MSCG_NO_TASK, user);
		if (rnd_one_in(20)) {
			w->row[first].job.flags |= MSCG_JOB_ARRAY;
			give_up(&w->row[first]);
			w->row[first].pending = xstrdup(!w->row[first].unstarted && rnd_one_in(2) ? "100-199:3,300" : "");
			for (uint32_t task = 0, n = rnd_below(15); task < n; task++)
				w->row[w->n++] = some_row(job, task * 3, user);
		}
		struct store_new_spec new = {job, spec};
		struct store_batch batch = {.rows = w->row + first, .rows_n = w->n - first, .specs = &new, .specs_n = 1,
		                            .next_job_id = job + 1, .drained = -1};

		assert_ok(store_commit(store, &batch, &error));
	}
	return w;
}

static void free_world(struct world *w)
{
	for (uint32_t i = 0; i < w->n; i++)
		mscg_row_clear(&w->row[i]);
	for (uint32_t job = 1; job <= JOBS; job++)
		mscg_spec_free(w->spec[job]);
	free(w);
}

static unsigned state_for(const struct store_filter *f, const struct mscg_row *row)
{
	if (!f->unstarted || !row->unstarted || !mscg_state_is_final((enum mscg_state)row->job.state) || row->job.state == MSCG_STATE_COMPLETED)
		return row->job.state;
	return row->unstarted_reason == MSCG_REASON_DEADLINE ? MSCG_STATE_DEADLINE : MSCG_STATE_CANCELLED;
}

static bool wanted(const struct world *w, const struct store_filter *f, const struct mscg_row *row)
{
	const struct mscg_spec *spec = w->spec[row->job.id.job];

	if (f->states && !(f->states & 1u << state_for(f, row)))
		return false;
	if (f->uid != UINT32_MAX && f->uid != row->job.uid)
		return false;
	if ((f->user && !streq(f->user, spec->user)) || (f->name && !streq(f->name, spec->name)) ||
	    (f->account && !streq(f->account, spec->account)))
		return false;
	if (f->job && f->job != row->job.id.job)
		return false;
	if (f->until_usec && row->job.submit_usec > f->until_usec)
		return false;
	return !f->since_usec || !mscg_state_is_final((enum mscg_state)row->job.state) || row->job.end_usec >= f->since_usec;
}

static struct store_filter some_filter(void)
{
	static const char *const names[] = {"train", "test", "none"}, *const accounts[] = {"lab", "ops"};
	static const char *const people[] = {"ann", "bob", "cat", "dan", "nobody"};
	const uint32_t states[] = {
		1u << MSCG_STATE_PENDING, 1u << MSCG_STATE_RUNNING | 1u << MSCG_STATE_PENDING, 1u << MSCG_STATE_COMPLETED,
		1u << MSCG_STATE_FAILED, 1u << MSCG_STATE_FAILED | 1u << MSCG_STATE_RUNNING, (uint32_t)rnd(),
	};
	struct store_filter f = {.uid = UINT32_MAX, .newest_first = rnd_one_in(2), .unstarted = rnd_one_in(2)};

	if (rnd_one_in(2))
		f.states = states[rnd_below(ARRAY_SIZE(states))];
	if (rnd_one_in(4))
		f.uid = 1000 + rnd_below(6);
	if (rnd_one_in(4))
		f.user = people[rnd_below(ARRAY_SIZE(people))];
	if (rnd_one_in(5))
		f.name = names[rnd_below(ARRAY_SIZE(names))];
	if (rnd_one_in(5))
		f.account = accounts[rnd_below(ARRAY_SIZE(accounts))];
	if (rnd_one_in(6))
		f.job = rnd_one_in(5) ? UINT32_MAX : 1 + rnd_below(JOBS + 10);
	if (rnd_one_in(4))
		f.since_usec = 1000000 + rnd_below(1500000);
	if (rnd_one_in(4))
		f.until_usec = 1000000 + rnd_below(1500000);
	return f;
}

/* Pages through everything and finds the model's rows, each once, in order. */
static void compare_list(struct store *store, const struct world *w, struct store_filter f, bool in_steps)
{
	struct mscg_error error = {0};
	uint32_t i = 0;
	bool more = true;

	f.limit = 1 + rnd_below(200);
	f.scan_max = in_steps ? 1 + rnd_below(100) : 0;
	f.bytes_max = rnd_below(2) ? 1 + rnd_below(2000) : 0; /* store_list gives all the same */
	while (more) {
		struct store_record *record = NULL;
		struct mscg_id last;
		uint32_t n;

		if (in_steps)
			assert_ok(store_list_next(store, &f, &record, &n, &last, &more, &error));
		else
			assert_ok(store_list(store, &f, &record, &n, &error));
		assert_true(n <= f.limit);
		size_t bytes = 0;
		for (uint32_t k = 0; k + 1 < n; k++)
			bytes += store_record_bytes(&record[k]);
		assert_true(!in_steps || !f.bytes_max || bytes < f.bytes_max);
		for (uint32_t k = 0; k < n; k++, i++) {
			while (i < w->n && !wanted(w, &f, &w->row[f.newest_first ? w->n - 1 - i : i]))
				i++;
			assert_true(i < w->n);
			const struct mscg_row *row = &w->row[f.newest_first ? w->n - 1 - i : i];

			assert_row_equal(row, &record[k].row);
			assert_spec_equal(w->spec[row->job.id.job], record[k].spec, false);
		}
		if (!in_steps) {
			more = n == f.limit;
			last = n ? record[n - 1].row.job.id : f.after;
		}
		f.after = last;
		store_records_free(record, n);
	}
	while (i < w->n && !wanted(w, &f, &w->row[f.newest_first ? w->n - 1 - i : i]))
		i++;
	assert_int_equal(i, w->n);
}

static void test_lists(void **state)
{
	struct store *store = open_store(*state, NULL);
	struct world *w = make_world(store);

	compare_list(store, w, (struct store_filter){.uid = UINT32_MAX}, false);
	compare_list(store, w, (struct store_filter){.uid = UINT32_MAX, .newest_first = true}, false);
	for (int round = 0; round < 500; round++)
		compare_list(store, w, some_filter(), rnd_one_in(2));
	free_world(w);
	store_close(store);
}

/* The lower bound of a time window is kept between calls: it must not outlive what it was made of. */
static void test_lists_while_things_change(void **state)
{
	struct mscg_error error = {0};
	struct store *store = open_store(*state, NULL);
	struct world *w = make_world(store);
	struct store_filter f = {.uid = UINT32_MAX, .since_usec = 2000000};

	for (int round = 0; round < 150; round++) {
		struct mscg_row *row = &w->row[rnd_below(w->n)];

		row->job.state = some_state();
		row->job.end_usec = mscg_state_is_final((enum mscg_state)row->job.state) ? 1900000 + rnd_below(300000) : 0;
		if (rnd_one_in(3))
			row->job.uid = 1000 + rnd_below(5);
		assert_ok(commit_row(store, row, NULL, &error));
		if (rnd_one_in(10))
			f.since_usec = 1500000 + rnd_below(1000000);
		f.newest_first = rnd_one_in(2);
		compare_list(store, w, f, rnd_one_in(2));
	}
	assert_ok(store_integrity(store, &error));
	free_world(w);
	store_close(store);
}

/* ---- plans ---- */

/* The plan reads a range of an index or of the table itself, in the order that is asked for. */
static bool good_plan(struct store *store, const char *sql)
{
	_cleanup_free_ char *expanded = table_sql(sql), *explain = xasprintf("EXPLAIN QUERY PLAN %s", expanded);
	sqlite3_stmt *st = NULL;
	bool good = true;

	if (sqlite3_prepare_v2(store->db, explain, -1, &st, NULL) != SQLITE_OK)
		fail_msg("%s: %s", explain, sqlite3_errmsg(store->db));
	while (sqlite3_step(st) == SQLITE_ROW) {
		const char *detail = (const char *)sqlite3_column_text(st, 3);

		good = good && strncmp(detail, "SEARCH job USING ", 17) == 0 && !strstr(detail, "TEMP B-TREE");
	}
	sqlite3_finalize(st);
	return good;
}

static void test_plans(void **state)
{
	static const char *const cursors[] = {
#define X(name, sql) sql,
		CURSORS(X)
#undef X
	};
	struct store *store = open_store(*state, NULL);

	for (unsigned i = 0; i < ARRAY_SIZE(cursors); i++)
		if (!good_plan(store, cursors[i]))
			fail_msg("a full scan or a sort: %s", cursors[i]);
	assert_false(good_plan(store, "SELECT {job} FROM job WHERE state = 0 ORDER BY key"));
	assert_false(good_plan(store, "SELECT {job} FROM job WHERE key > 5 ORDER BY priority"));
	store_close(store);
}

/* What plans promise, counted: rows looked at for a first page do not grow with the table. */
static void test_first_page_of_many(void **state)
{
	struct mscg_error error = {0};
	struct store *store = open_store(*state, NULL);
	struct mscg_spec *spec = mscg_spec_new();
	struct mscg_row row[1000];
	enum { N = 20000 };

	spec->user = xstrdup("ann");
	spec->uid = 1000;
	for (uint32_t job = 1; job <= N;) {
		struct store_new_spec new[1000];

		for (uint32_t i = 0; i < 1000; i++, job++) {
			new[i] = (struct store_new_spec){job, spec};
			row[i] = (struct mscg_row){.job = {.id = {job, MSCG_NO_TASK}, .uid = 1000, .end_usec = job}};
			row[i].job.state = job % 5000 == 0 ? MSCG_STATE_FAILED : job % 5001 == 0 ? MSCG_STATE_RUNNING : MSCG_STATE_COMPLETED;
		}
		struct store_batch batch = {.rows = row, .rows_n = 1000, .specs = new, .specs_n = 1000, .drained = -1};

		assert_ok(store_commit(store, &batch, &error));
	}
	const struct {
		struct store_filter f;
		uint32_t            n;
	} page[] = {
		{{.uid = UINT32_MAX}, 20},
		{{.uid = UINT32_MAX, .states = 1u << MSCG_STATE_FAILED}, 4},
		{{.uid = UINT32_MAX, .states = 1u << MSCG_STATE_RUNNING}, 3},
		{{.uid = 1000, .states = 1u << MSCG_STATE_RUNNING}, 3},
		{{.uid = 7}, 0},
		{{.uid = UINT32_MAX, .user = "ann"}, 20},
		{{.uid = UINT32_MAX, .user = "bob"}, 0},
		{{.uid = UINT32_MAX, .job = 777}, 1},
		{{.uid = UINT32_MAX, .states = 1u << MSCG_STATE_COMPLETED, .since_usec = N - 10}, 10},
	};
	for (unsigned i = 0; i < ARRAY_SIZE(page) * 2; i++) {
		struct store_filter f = page[i / 2].f;
		struct store_record *record;
		struct mscg_id last;
		uint32_t n, seen = 0, slices = 0;
		bool more = true;

		f.newest_first = i % 2;
		f.limit = 20;
		for (f.scan_max = 25; more && seen < f.limit; f.after = last, slices++) {
			f.limit = 20 - seen;
			assert_ok(store_list_next(store, &f, &record, &n, &last, &more, &error));
			seen += n;
			store_records_free(record, n);
		}
		assert_int_equal(seen, page[i / 2].n);
		/* The window's lower bound is the first running job: some rows lie between. */
		if (!f.since_usec)
			assert_true(slices <= 2);
	}
	mscg_spec_free(spec);
	store_close(store);
}

/* ---- totals ---- */

static void compare_totals(struct store *store, const struct world *w)
{
	struct mscg_error error = {0};
	struct store_totals got, want = {0};
	double wait = 0, run = 0;

	for (uint32_t i = 0; i < w->n; i++) {
		const struct mscg_job *job = &w->row[i].job;

		if (job->id.job == 0)
			continue;
		if (job->flags & MSCG_JOB_ARRAY) {
			bool waits = w->row[i].pending && *w->row[i].pending && !mscg_state_is_final((enum mscg_state)job->state);

			want.by_state[MSCG_STATE_PENDING] += waits ? 35 : 0;
			if (w->row[i].unstarted)
				want.by_state[w->row[i].unstarted_reason == MSCG_REASON_DEADLINE ? MSCG_STATE_DEADLINE : MSCG_STATE_CANCELLED] += 35;
			continue;
		}
		want.by_state[job->state]++;
		if (job->start_usec == 0)
			continue;
		want.started++;
		int64_t msec = (job->start_usec - job->submit_usec) / 1000; /* in whole milliseconds, as the store counts */

		wait += (double)msec / 1000;
		if (job->end_usec && mscg_state_is_final((enum mscg_state)job->state)) {
			want.ended++;
			msec = job->end_usec > job->start_usec ? (job->end_usec - job->start_usec) / 1000 : 0;
			run += (double)msec / 1000;
		}
	}
	assert_ok(store_get_totals(store, &got, &error));
	assert_memory_equal(got.by_state, want.by_state, sizeof want.by_state);
	assert_int_equal(got.started, want.started);
	assert_int_equal(got.ended, want.ended);
	assert_true(got.mean_wait_s * (double)want.started - wait < 1e-6 && wait - got.mean_wait_s * (double)want.started < 1e-6);
	assert_true(got.mean_run_s * (double)want.ended - run < 1e-6 && run - got.mean_run_s * (double)want.ended < 1e-6);
}

static void test_totals(void **state)
{
	struct mscg_error error = {0};
	struct store *store = open_store(*state, NULL);
	struct world *w = make_world(store);
	struct mscg_row bad = {0};

	compare_totals(store, w);
	for (int round = 0; round < 1000; round++) {
		struct mscg_row *row = &w->row[rnd_below(w->n)];
		struct mscg_row again = some_row(row->job.id.job, row->job.id.task, rnd_below(ARRAY_SIZE(users)));

		again.job.flags = row->job.flags;
		again.pending = steal(&row->pending);
		mscg_row_clear(row);
		if (again.job.flags & MSCG_JOB_ARRAY)
			give_up(&again);
		*row = again;
		if (rnd_one_in(10)) {
			/* not committed, not counted */
			struct mscg_row rows[] = {again, bad};
			struct store_batch batch = {.rows = rows, .rows_n = 2, .drained = -1};

			rows[0].job.state = MSCG_STATE_LOST;
			assert_int_equal(store_commit(store, &batch, &error), -EINVAL);
		}
		assert_ok(commit_row(store, row, NULL, &error));
		if (rnd_one_in(200)) {
			store_close(store);
			store = open_store(*state, NULL);
		}
		compare_totals(store, w);
	}
	assert_ok(store_integrity(store, &error));
	free_world(w);
	store_close(store);
}

/* ---- pruning ---- */

static void test_prune_events(void **state)
{
	struct mscg_error error = {0};
	struct store_info info;
	struct store *store = open_store(*state, &info);
	struct mscg_event event[300], *got;
	uint32_t n;

	for (uint32_t i = 0; i < 300; i++) {
		event[i] = (struct mscg_event){.seq = i + 1, .id = {1 + i % 7, MSCG_NO_TASK}, .time_usec = 1000 + i};
		/* a clock that was wrong for a while */
		if (i >= 50 && i < 60)
			event[i].time_usec = INT64_MAX / 2;
	}
	struct store_batch batch = {.events = event, .events_n = 300, .drained = -1};

	assert_ok(store_commit(store, &batch, &error));
	assert_int_equal(store_prune_events(store, 1000, 1000, &error), 0);
	assert_int_equal(store_prune_events(store, 1200, 30, &error), 30);
	assert_int_equal(store_prune_events(store, 1200, 1000, &error), 160);
	assert_int_equal(store_prune_events(store, 1200, 1000, &error), 0);
	assert_ok(store_events(store, 0, (struct mscg_id){0, 0}, 1000, &got, &n, &error));
	assert_int_equal(n, 110);
	assert_int_equal(got[0].seq, 51);
	assert_int_equal(got[10].seq, 201);
	store_events_free(got, n);
	/* All of them: numbers go on where they were, also after a restart. */
	assert_int_equal(store_prune_events(store, INT64_MAX, 1000, &error), 110);
	store_close(store);
	store = open_store(*state, &info);
	assert_int_equal(info.next_seq, 301);
	assert_ok(store_integrity(store, &error));
	store_close(store);
}

static void test_prune_jobs(void **state)
{
	struct mscg_error error = {0};
	struct store_info info;
	struct store *store = open_store(*state, NULL);
	struct world *w = make_world(store);
	int64_t before = 1000000 + 900000;
	int pruned;

	/* Texts of their own, some shared by jobs of which one goes and one stays. */
	struct mscg_spec *spec = mscg_spec_new();
	struct mscg_row row = {.job = {.uid = 1, .state = MSCG_STATE_COMPLETED, .start_usec = 1}};

	strv_add(&spec->env, "SHARED=1");
	for (uint32_t i = 0; i < 4; i++) {
		spec->script = xasprintf("script %u", i % 3);
		row.job.id = (struct mscg_id){JOBS + 1 + i, MSCG_NO_TASK};
		row.job.end_usec = i < 3 ? before - 1 : before;
		assert_ok(commit_row(store, &row, spec, &error));
		free(steal(&spec->script));
	}
	assert_int_equal(query_int(store, "SELECT count(*) FROM text"), 4);
	do {
		pruned = store_prune_jobs(store, before, 50, &error);
		assert_true(pruned >= 0 && pruned <= 50);
	} while (pruned);
	/* script 0, and the environment, are still needed by the one that stays */
	assert_int_equal(query_int(store, "SELECT count(*) FROM text"), 2);
	assert_int_equal(query_int(store, "SELECT count(*) FROM body"), 2);
	assert_int_equal(query_int(store, "SELECT sum(refs) FROM text"), 2);
	struct mscg_spec *kept;

	assert_ok(store_get_spec(store, JOBS + 4, true, &kept, &error));
	assert_string_equal(kept->script, "script 0");
	mscg_spec_free(kept);
	assert_int_equal(store_get_spec(store, JOBS + 2, true, &kept, &error), -ENOENT);
	assert_ok(store_integrity(store, &error));

	/* The model: what ended before goes, but tasks only once their array has ended. */
	const struct mscg_row *record = NULL;

	for (uint32_t i = 0; i < w->n; i++) {
		const struct mscg_job *job = &w->row[i].job;
		struct store_record found;
		bool goes = mscg_state_is_final((enum mscg_state)job->state) && job->end_usec < before;

		if (job->id.task == MSCG_NO_TASK)
			record = &w->row[i];
		else
			goes = goes && mscg_state_is_final((enum mscg_state)record->job.state);
		int r = store_get(store, job->id, &found, &error);

		assert_int_equal(r, goes ? -ENOENT : 0);
		if (r == 0)
			store_record_clear(&found);
	}
	for (uint32_t i = 0; i < w->n; i++) {
		struct store_record found;

		if (store_get(store, w->row[i].job.id, &found, &error) == 0)
			store_record_clear(&found);
		else
			w->row[i].job.id.job = 0;
	}
	/* the one that stays */
	struct mscg_row last = {.job = row.job};

	w->row[w->n++] = last;
	compare_totals(store, w);

	/* Without a job left, ids go on. */
	row.job.id.job = JOBS + 5;
	row.job.end_usec = 5;
	assert_ok(commit_row(store, &row, spec, &error));
	while ((pruned = store_prune_jobs(store, INT64_MAX, 1000, &error)) > 0)
		;
	assert_int_equal(pruned, 0);
	assert_int_equal(query_int(store, "SELECT count(*) FROM job WHERE outcome > 0 AND key & 0xffffffff = 0"), 0);
	store_close(store);
	store = open_store(*state, &info);
	assert_true(info.next_job_id >= JOBS + 1);
	assert_ok(store_integrity(store, &error));
	mscg_spec_free(spec);
	free_world(w);
	store_close(store);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, temp_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		T(test_lists),
		T(test_lists_while_things_change),
		T(test_plans),
		T(test_first_page_of_many),
		T(test_totals),
		T(test_prune_events),
		T(test_prune_jobs),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("store_list", tests, NULL, NULL);
}
