/* The store: what goes in comes out, whole or not at all. */
#include "tests/unit/test_store.h"

static const struct mscg_id first_id = {1, MSCG_NO_TASK};

/* ---- round trips ---- */

#define JOBS 150

static struct mscg_id some_id(uint32_t i)
{
	return (struct mscg_id){1 + i / 3, i % 3 == 0 ? MSCG_NO_TASK : i % 3 == 1 ? 0 : 7 + i};
}

struct expected {
	const struct mscg_row *row;
	uint32_t               at, n;
};

static int next_active(struct mscg_row *row, void *ctx)
{
	struct expected *e = ctx;

	while (e->at < e->n && mscg_state_is_final((enum mscg_state)e->row[e->at].job.state))
		e->at++;
	assert_true(e->at < e->n);
	assert_row_equal(&e->row[e->at++], row);
	mscg_row_clear(row);
	return 0;
}

static void check_rows(struct store *store, const struct mscg_row *row, struct mscg_spec *const *spec)
{
	struct mscg_error error = {0};
	struct expected e = {row, 0, JOBS * 3};

	for (uint32_t i = 0; i < JOBS * 3; i++) {
		struct store_record record;
		struct mscg_spec *whole;

		assert_ok(store_get(store, row[i].job.id, &record, &error));
		assert_row_equal(&row[i], &record.row);
		assert_spec_equal(spec[i / 3], record.spec, false);
		store_record_clear(&record);
		assert_ok(store_get_spec(store, row[i].job.id.job, true, &whole, &error));
		assert_spec_equal(spec[i / 3], whole, true);
		mscg_spec_free(whole);
	}
	assert_ok(store_load_active(store, next_active, &e, &error));
	while (e.at < e.n && mscg_state_is_final((enum mscg_state)row[e.at].job.state))
		e.at++;
	assert_int_equal(e.at, e.n);
}

static void test_rows(void **state)
{
	struct mscg_error error = {0};
	struct store_info info;
	struct store *store = open_store(*state, &info);
	struct mscg_row row[JOBS * 3];
	struct mscg_spec *spec[JOBS];
	struct store_new_spec new[JOBS];

	assert_true(info.created);
	for (uint32_t i = 0; i < JOBS; i++) {
		spec[i] = rnd_spec();
		new[i] = (struct store_new_spec){1 + i, spec[i]};
	}
	for (uint32_t i = 0; i < JOBS * 3; i++)
		row[i] = rnd_row(some_id(i));
	for (uint32_t i = 0; i < JOBS; i += 10) {
		struct store_batch batch = {.rows = row + i * 3, .rows_n = 30, .specs = new + i, .specs_n = 10, .drained = -1};

		assert_ok(store_commit(store, &batch, &error));
	}
	check_rows(store, row, spec);
	/* Rows are replaced, also by ones without a run, and what was final is active again. */
	for (int round = 0; round < 5; round++) {
		for (uint32_t i = 0; i < JOBS * 3; i++) {
			mscg_row_clear(&row[i]);
			row[i] = rnd_row(some_id(i));
			if (i % 30 == 29) {
				struct store_batch batch = {.rows = row + i - 29, .rows_n = 30, .drained = -1};

				assert_ok(store_commit(store, &batch, &error));
			}
		}
		check_rows(store, row, spec);
		assert_ok(store_integrity(store, &error));
		store_close(store);
		store = open_store(*state, &info);
		assert_false(info.created);
		assert_int_equal(info.next_job_id, JOBS + 1);
		check_rows(store, row, spec);
		assert_ok(store_integrity(store, &error));
	}
	struct store_record record;
	struct mscg_spec *whole;

	assert_fails(store_get(store, (struct mscg_id){1, 99}, &record, &error), -ENOENT, "no job 1_99");
	assert_fails(store_get(store, (struct mscg_id){UINT32_MAX, MSCG_NO_TASK}, &record, &error), -ENOENT, "no job");
	assert_fails(store_get_spec(store, JOBS + 1, true, &whole, &error), -ENOENT, "no job");
	for (uint32_t i = 0; i < JOBS * 3; i++)
		mscg_row_clear(&row[i]);
	for (uint32_t i = 0; i < JOBS; i++)
		mscg_spec_free(spec[i]);
	store_close(store);
}

/* Of several rows of a job in one commit the last counts, also in the totals. */
static void test_last_row_counts(void **state)
{
	struct mscg_error error = {0};
	struct store *store = open_store(*state, NULL);
	struct store_totals totals;
	struct mscg_spec *spec = mscg_spec_new();
	enum { N = 500, OF = 40 };
	struct mscg_row row[N];
	struct store_new_spec new[OF];
	int32_t last[OF + 1] = {0};

	for (uint32_t i = 0; i < OF; i++)
		new[i] = (struct store_new_spec){i + 1, spec};
	for (int32_t i = 0; i < N; i++) {
		uint32_t job = i < OF ? (uint32_t)i + 1 : 1 + rnd_below(OF);

		row[i] = (struct mscg_row){.job = {.id = {job, MSCG_NO_TASK}, .priority = i, .state = (uint8_t)(i % 3)}};
		last[job] = i;
	}
	struct store_batch batch = {.rows = row, .rows_n = N, .specs = new, .specs_n = OF, .drained = -1};

	assert_ok(store_commit(store, &batch, &error));
	for (uint32_t job = 1; job <= OF; job++) {
		struct store_record record;

		assert_ok(store_get(store, (struct mscg_id){job, MSCG_NO_TASK}, &record, &error));
		assert_int_equal(record.row.job.priority, last[job]);
		store_record_clear(&record);
	}
	assert_ok(store_get_totals(store, &totals, &error));
	assert_int_equal(totals.by_state[0] + totals.by_state[1] + totals.by_state[2], OF);
	assert_ok(store_integrity(store, &error));
	/* One that cannot be is not passed over, wherever it stands. */
	for (uint32_t at = 0; at < 3; at++) {
		struct mscg_row rows[3] = {row[0], row[1], row[2]};

		rows[at].job.id.job = 0;
		struct store_batch bad = {.rows = rows, .rows_n = 3, .drained = -1};

		assert_fails(store_commit(store, &bad, &error), -EINVAL, "job 0");
	}
	mscg_spec_free(spec);
	store_close(store);
}

static void test_row_that_cannot_be(void **state)
{
	struct mscg_error error = {0};
	struct store *store = open_store(*state, NULL);
	struct mscg_row row = {.job.id = {0, MSCG_NO_TASK}};

	assert_fails(commit_row(store, &row, NULL, &error), -EINVAL, "job 0");
	row.job.id.job = UINT32_MAX;
	assert_fails(commit_row(store, &row, NULL, &error), -EINVAL, "4294967295");
	row.job.id.job = INT32_MAX;
	row.job.state = MSCG_STATE_COUNT;
	assert_fails(commit_row(store, &row, NULL, &error), -EINVAL, "state");
	row.job.state = 0;
	row.pending = (char *)"1-2-3";
	assert_fails(commit_row(store, &row, NULL, &error), -EINVAL, "1-2-3");
	row.pending = (char *)"3-1";
	assert_fails(commit_row(store, &row, NULL, &error), -EINVAL, "3-1");
	row.pending = NULL;
	assert_ok(commit_row(store, &row, NULL, &error));
	store_close(store);
}

static char **large_env(size_t bytes)
{
	char **env = NULL;

	for (size_t used = 0; used < bytes; used += 100) {
		char text[101];

		snprintf(text, sizeof text, "V%zu=%090d", used, 7);
		strv_add(&env, text);
	}
	return env;
}

static void put_spec(struct store *store, uint32_t job, const struct mscg_spec *spec)
{
	struct mscg_error error = {0};
	struct store_new_spec new = {job, spec};
	struct store_batch batch = {.specs = &new, .specs_n = 1, .drained = -1};

	assert_ok(store_commit(store, &batch, &error));
}

static void check_spec(struct store *store, uint32_t job, const struct mscg_spec *spec)
{
	struct mscg_error error = {0};
	struct mscg_spec *got;

	assert_ok(store_get_spec(store, job, true, &got, &error));
	assert_spec_equal(spec, got, true);
	mscg_spec_free(got);
}

static void test_texts(void **state)
{
	struct mscg_error error = {0};
	struct store *store = open_store(*state, NULL);
	struct mscg_spec *spec = rnd_spec();
	uint32_t job = 1;

	free(spec->lines);
	spec->lines = xstrdup("one\ntwo");
	/* 200 KB, 40 times, is there once; so is a small one, also after a reopen, and also between others. */
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 20; i++) {
			strv_free(spec->env);
			spec->env = i % 2 ? large_env(200000) : large_env(2000);
			free(spec->script);
			spec->script = xasprintf("#!/bin/sh\necho %d\n", i % 10);
			put_spec(store, job, spec);
			check_spec(store, job++, spec);
		}
		assert_int_equal(query_int(store, "SELECT count(*) FROM text"), 13);
		assert_int_equal(query_int(store, "SELECT sum(refs) FROM text"), (round + 1) * 60);
		assert_int_equal(query_int(store, "SELECT count(*) FROM body"), 13);
		store_close(store);
		store = open_store(*state, NULL);
	}
	/* No environment is not an empty one, and neither is one of an empty string. */
	char *none[] = {NULL}, *empty[] = {(char *)"", NULL}, *two[] = {(char *)"", (char *)"", NULL};
	char **kinds[] = {NULL, none, empty, two};

	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		strv_free(spec->env);
		spec->env = strv_copy(kinds[i]);
		free(spec->script);
		spec->script = i % 2 ? xstrdup("") : NULL;
		put_spec(store, job, spec);
		check_spec(store, job++, spec);
	}
	/* What was not committed is not remembered. */
	strv_free(spec->env);
	spec->env = large_env(500);
	struct store_new_spec twice[] = {{job, spec}, {job, spec}};
	struct store_batch batch = {.specs = twice, .specs_n = 2, .drained = -1};

	assert_fails(store_commit(store, &batch, &error), -EEXIST, "job");
	put_spec(store, job, spec);
	check_spec(store, job++, spec);
	assert_ok(store_integrity(store, &error));
	mscg_spec_free(spec);
	store_close(store);
}

/* Two texts of one hash: both are kept, and each job gets its own. */
static void test_colliding_texts(void **state)
{
	struct mscg_error error = {0};
	struct store *store = open_store(*state, NULL);
	struct mscg_spec *spec = rnd_spec();

	for (uint32_t job = 1; job <= 20; job++) {
		free(spec->script);
		spec->script = xasprintf("script %02u", job);
		put_spec(store, job, spec);
		/* Made alike by hand, behind the store's back: what was written before looks like what comes next. */
		_cleanup_free_ char *next = xasprintf("script %02u", job + 1);
		_cleanup_free_ char *sql = xasprintf("UPDATE text SET hash = %lld WHERE size = 9",
		                                     (long long)sum_bytes(next, strlen(next)));

		assert_ok(sql_exec(store, sql, &error));
		text_forget(store);
	}
	assert_int_equal(query_int(store, "SELECT count(*) FROM text WHERE size = 9"), 20);
	mscg_spec_free(spec);
	store_close(store);
}

static void test_events(void **state)
{
	struct mscg_error error = {0};
	struct store_info info;
	struct store *store = open_store(*state, &info);
	enum { N = 600 };
	struct mscg_event event[N];

	assert_int_equal(info.next_seq, 1);
	for (uint32_t i = 0; i < N; i++)
		event[i] = rnd_event(1 + i * 2, some_id(rnd_below(60)));
	for (uint32_t i = 0; i < N; i += 30) {
		struct store_batch batch = {.events = event + i, .events_n = 30, .drained = -1};

		assert_ok(store_commit(store, &batch, &error));
	}
	for (int round = 0; round < 400; round++) {
		struct mscg_id id = rnd_one_in(3) ? (struct mscg_id){0, 0} : some_id(rnd_below(63));
		uint64_t after = rnd_one_in(5) ? UINT64_MAX : rnd_below(N * 2);
		uint32_t limit = rnd_below(50), n, seen = 0;
		struct mscg_event *got;

		assert_ok(store_events(store, after, id, limit, &got, &n, &error));
		for (uint32_t i = 0; i < N && seen < limit; i++) {
			bool wanted = id.job == 0 || (id.job == event[i].id.job &&
			                              (id.task == MSCG_NO_TASK || id.task == event[i].id.task));

			if (event[i].seq <= after || !wanted)
				continue;
			assert_true(seen < n);
			assert_event_equal(&event[i], &got[seen++]);
		}
		assert_int_equal(seen, n);
		store_events_free(got, n);
	}
	/* The same number twice is refused, and so is a number that cannot be. */
	assert_fails(commit_event(store, &event[5], &error), -EEXIST, "event 11");
	struct mscg_event none = {0};

	assert_fails(commit_event(store, &none, &error), -EINVAL, "event 0");
	store_close(store);
	store = open_store(*state, &info);
	assert_int_equal(info.next_seq, event[N - 1].seq + 1);
	for (uint32_t i = 0; i < N; i++)
		mscg_event_clear(&event[i]);
	store_close(store);
}

/* An array with more events than are looked up one by one. */
static void test_events_of_a_large_array(void **state)
{
	struct mscg_error error = {0};
	struct store *store = open_store(*state, NULL);
	enum { N = 13000 };
	struct mscg_event *event = xcalloc(N, sizeof *event), *got;
	uint32_t n;
	uint64_t last = 0, seen = 0;

	for (uint32_t i = 0; i < N; i++)
		event[i] = (struct mscg_event){
			.seq = i + 1,
			.id = {i < 500 ? 1 : i % 10 ? 2 : 3, i == 500 || i % 10 == 0 ? MSCG_NO_TASK : i},
			.kind = i == 500 ? MSCG_EVENT_SUBMITTED : MSCG_EVENT_STARTED,
		};
	event[500].id.job = 2;
	struct store_batch batch = {.events = event, .events_n = N, .drained = -1};

	assert_ok(store_commit(store, &batch, &error));
	do {
		assert_ok(store_events(store, last, (struct mscg_id){2, MSCG_NO_TASK}, 1000, &got, &n, &error));
		for (uint32_t i = 0; i < n; i++, seen++) {
			assert_int_equal(got[i].id.job, 2);
			assert_true(got[i].seq > last);
			last = got[i].seq;
		}
		store_events_free(got, n);
	} while (n);
	assert_int_equal(seen, (uint64_t)query_int(store, "SELECT count(*) FROM event WHERE key >> 32 = 2"));
	assert_true(seen > 10000);
	free(event);
	store_close(store);
}

/* ---- all or nothing ---- */

struct picture {
	struct store_info   info;
	struct store_totals totals;
	int64_t             jobs, specs, texts, refs, users, events;
};

static struct picture take_picture(struct store *store)
{
	struct mscg_error error = {0};
	struct picture p = {0};

	assert_ok(store_get_info(store, &p.info, &error));
	assert_ok(store_get_totals(store, &p.totals, &error));
	p.jobs = query_int(store, "SELECT total(sum % 1000003) FROM job");
	p.specs = query_int(store, "SELECT count(*) FROM spec");
	p.texts = query_int(store, "SELECT count(*) FROM text");
	p.refs = query_int(store, "SELECT total(refs) FROM text");
	p.users = query_int(store, "SELECT count(*) FROM user");
	p.events = query_int(store, "SELECT count(*) FROM event");
	return p;
}

static void test_all_or_nothing(void **state)
{
	struct mscg_error error = {0};
	struct store *store = open_store(*state, NULL);
	struct mscg_spec *spec[3] = {rnd_spec(), rnd_spec(), rnd_spec()};
	struct mscg_row row[3];
	struct mscg_event event[3];
	struct store_new_spec new[3];

	for (uint32_t i = 0; i < 3; i++) {
		free(spec[i]->user);
		spec[i]->user = xasprintf("user%u", i);
		row[i] = rnd_row((struct mscg_id){1 + i, MSCG_NO_TASK});
		event[i] = rnd_event(1 + i, row[i].job.id);
		new[i] = (struct store_new_spec){1 + i, spec[i]};
	}
	struct store_batch batch = {
		.events = event, .events_n = 1, .rows = row, .rows_n = 1, .specs = new, .specs_n = 1,
		.next_job_id = 2, .drained = 0, .boot_id = "boot-1",
	};

	assert_ok(store_commit(store, &batch, &error));
	struct picture before = take_picture(store);

	/* The second commit replaces the first job's row too; each fault in turn is in its last place. */
	for (int fault = 0; fault < 4; fault++) {
		struct mscg_row again[3] = {row[0], row[1], row[2]};
		struct mscg_event events[3] = {event[1], event[2]};
		struct store_new_spec specs[3] = {new[1], new[2]};

		again[0].job.state = MSCG_STATE_LOST;
		struct store_batch bad = {
			.events = events, .events_n = 2, .rows = again, .rows_n = 3, .specs = specs, .specs_n = 2,
			.next_job_id = 4, .drained = 1, .boot_id = "boot-2",
		};
		if (fault == 0)
			events[1].seq = 1;
		else if (fault == 1)
			again[2].job.id.job = 0;
		else if (fault == 2)
			specs[1].job = 1;
		int r = store_commit(store, &bad, &error);

		if (fault < 3) {
			assert_int_equal(r, fault == 1 ? -EINVAL : -EEXIST);
			assert_int_equal(error.code, r);
			struct picture after = take_picture(store);

			assert_memory_equal(&before, &after, sizeof after);
			assert_ok(store_integrity(store, &error));
		} else {
			/* without the fault it all is */
			assert_int_equal(r, 0);
			struct picture after = take_picture(store);

			assert_int_equal(after.info.next_job_id, 4);
			assert_int_equal(after.info.next_seq, 4);
			assert_true(after.info.drained);
			assert_string_equal(after.info.boot_id, "boot-2");
			assert_int_equal(after.specs, 3);
			assert_int_equal(after.events, 3);
			assert_int_equal(after.users, 3);
			assert_ok(store_integrity(store, &error));
		}
	}
	store_close(store);
	struct store_info info;

	store = open_store(*state, &info);
	assert_true(info.drained);
	assert_string_equal(info.boot_id, "boot-2");
	assert_int_equal(info.next_job_id, 4);
	for (uint32_t i = 0; i < 3; i++) {
		mscg_spec_free(spec[i]);
		mscg_row_clear(&row[i]);
		mscg_event_clear(&event[i]);
	}
	store_close(store);
}

static void test_empty_commit(void **state)
{
	struct mscg_error error = {0};
	struct store *store = open_store(*state, NULL);
	struct store_batch batch = {.drained = -1};
	int64_t before = query_int(store, "SELECT total_changes()");

	assert_ok(store_commit(store, &batch, &error));
	assert_int_equal(query_int(store, "SELECT total_changes()"), before);
	store_close(store);
}

/* ---- backup ---- */

static void test_backup(void **state)
{
	struct mscg_error error = {0};
	struct store *store = open_store(*state, NULL), *other;
	_cleanup_free_ char *path = xasprintf("%s/copy", (char *)*state), *dir = xasprintf("%s/other", (char *)*state);
	_cleanup_free_ char *moved = xasprintf("%s/mscg.db", dir), *missing = xasprintf("%s/none/copy", (char *)*state);
	struct store_copy *copy, *second;
	struct stat st;
	uint32_t job = 1;
	bool done = false;
	int steps = 0;

	for (; job <= 200; job++) {
		struct mscg_row row = rnd_row((struct mscg_id){job, MSCG_NO_TASK});
		struct mscg_spec *spec = rnd_spec();

		assert_ok(commit_row(store, &row, spec, &error));
		mscg_row_clear(&row);
		mscg_spec_free(spec);
	}
	/* In steps, with commits between them, which are in it. */
	assert_ok(store_copy_start(store, path, &copy, &error));
	assert_fails(store_copy_start(store, moved, &second, &error), -EBUSY, "already");
	while (!done) {
		struct mscg_row row = rnd_row(first_id);

		row.job.priority = ++steps;
		assert_ok(commit_row(store, &row, NULL, &error));
		mscg_row_clear(&row);
		assert_true(lstat(path, &st) < 0);
		assert_ok(store_copy_step(copy, 5, &done, &error));
	}
	assert_true(steps > 5);
	store_copy_free(copy);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_nlink, 1);
	assert_fails(store_backup(store, path, &error), -EEXIST, "there already");
	assert_fails(store_backup(store, missing, &error), -ENOENT, "none/copy");

	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(rename(path, moved), 0);
	other = open_store(dir, NULL);
	assert_ok(store_integrity(other, &error));
	for (uint32_t i = 1; i < job; i++) {
		struct store_record a, b;

		assert_ok(store_get(store, (struct mscg_id){i, MSCG_NO_TASK}, &a, &error));
		assert_ok(store_get(other, (struct mscg_id){i, MSCG_NO_TASK}, &b, &error));
		assert_row_equal(&a.row, &b.row);
		assert_spec_equal(a.spec, b.spec, false);
		store_record_clear(&a);
		store_record_clear(&b);
	}
	store_close(other);
	/* Given up: nothing is left of it. */
	assert_ok(store_copy_start(store, path, &copy, &error));
	assert_ok(store_copy_step(copy, 1, &done, &error));
	store_copy_free(copy);
	assert_true(lstat(path, &st) < 0);
	assert_ok(store_backup(store, path, &error));
	store_close(store);
}

/* ---- for people ---- */

static void assert_query_text(struct store *store, const char *sql, const char *wanted)
{
	sqlite3_stmt *st = NULL;

	if (sqlite3_prepare_v2(store->db, sql, -1, &st, NULL) != SQLITE_OK || sqlite3_step(st) != SQLITE_ROW)
		fail_msg("%s: %s", sql, sqlite3_errmsg(store->db));
	assert_text_equal((const char *)sqlite3_column_text(st, 0), wanted, sql);
	sqlite3_finalize(st);
}

static void test_views(void **state)
{
	struct mscg_error error = {0};
	struct store *store = open_store(*state, NULL);
	struct mscg_spec *spec = mscg_spec_new();
	struct mscg_run *run = xcalloc(1, sizeof *run);
	struct mscg_row row = {.job = {.id = {12, MSCG_NO_TASK}, .uid = 1000, .state = MSCG_STATE_FAILED}};

	spec->user = xstrdup("alice");
	spec->home = xstrdup("/home/alice");
	spec->elastic = true;
	strv_add(&spec->argv, "echo");
	strv_add(&spec->argv, "hello world");
	strv_add(&spec->argv, "");
	row.job.cpus_milli = 2000, row.job.min_cpus_milli = 500, row.job.max_cpus_milli = 8000, row.job.current_cpus_milli = 0;
	row.job.mem_bytes = 1024u << 20;
	row.job.submit_usec = 1000500000, row.job.start_usec = 1002000000, row.job.end_usec = 1012000000;
	row.job.exit_code = 3;
	row.job.run = run;
	mscg_usage_init(&run->usage);
	run->usage.cpu_user_usec = 2500000;
	run->usage.memory_peak_bytes = 77;
	assert_ok(commit_row(store, &row, spec, &error));
	row.job.id.task = 4;
	row.job.state = MSCG_STATE_CANCELLED, row.job.exit_code = 0, row.job.exit_signal = 9;
	assert_ok(commit_row(store, &row, NULL, &error));

	/* JSON functions in views: as the sqlite3 shell allows them */
	assert_ok(sql_exec(store, "PRAGMA trusted_schema = ON", &error));
	assert_query_text(store, "SELECT id||'|'||command||'|'||cpus||'|'||mem_mb||'|'||status||'|'||priority||'|'||"
	                         "submit_time||'|'||start_time||'|'||end_time||'|'||wait_time||'|'||runtime||'|'||"
	                         "return_code||'|'||user||'|'||stdout_path||'|'||stderr_path||'|'||cpu_user_time||'|'||"
	                         "is_elastic||'|'||min_cpus||'|'||max_cpus||'|'||current_cpus||'|'||control_file "
	                         "FROM jobs WHERE id = 12",
	                  "12|echo hello world |2|1024|FAILED|0|1000.5|1002.0|1012.0|1.5|10.0|3|alice|"
	                  "/home/alice/.mscg_logs/job_12.out|/home/alice/.mscg_logs/job_12.err|2.5|1|0.5|8|0|"
	                  "/home/alice/.mscg_logs/job_12.control");
	assert_query_text(store, "SELECT cpu_system_time FROM jobs WHERE id = 12", NULL);
	assert_query_text(store, "SELECT status || return_code || stdout_path FROM jobs WHERE id = '12_4'",
	                  "CANCELLED-9/home/alice/.mscg_logs/job_12_4.out");
	assert_query_text(store, "SELECT memory_peak_bytes FROM accounting WHERE id = 12", "77");
	assert_query_text(store, "SELECT cpu_usec FROM accounting WHERE id = 12", NULL);
	struct mscg_event event = {.seq = 1, .id = {12, 4}, .kind = MSCG_EVENT_ENDED, .state = MSCG_STATE_FAILED,
	                           .reason = MSCG_REASON_NONZERO_EXIT, .exit_code = 3};

	assert_ok(commit_event(store, &event, &error));
	assert_query_text(store, "SELECT id || event || state || reason || (detail ->> 'exit_code') FROM events",
	                  "12_4endedFAILEDNonZeroExitCode3");
	mscg_spec_free(spec);
	mscg_row_clear(&row);
	store_close(store);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, temp_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		T(test_rows),
		T(test_last_row_counts),
		T(test_row_that_cannot_be),
		T(test_texts),
		T(test_colliding_texts),
		T(test_events),
		T(test_events_of_a_large_array),
		T(test_all_or_nothing),
		T(test_empty_commit),
		T(test_backup),
		T(test_views),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
