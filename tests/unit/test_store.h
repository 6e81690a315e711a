/* test_store.h: directories, random rows, specs and events, and comparing them, for the tests of the store.
 *
 * Members are named one by one, on purpose not from the lists that the store itself works by: a member that those
 * forget is found here, and the sizes below make a new one known.
 */
#ifndef TESTS_TEST_STORE_H
#define TESTS_TEST_STORE_H

#include "src/base/base.h"
#include "src/base/intern.h"
#include "src/store/internal.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

static uint64_t rnd_state = UINT64_C(0x9e3779b97f4a7c15);

static inline uint64_t rnd(void)
{
	uint64_t z = rnd_state += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static inline uint32_t rnd_below(uint32_t n)
{
	return (uint32_t)(rnd() % n);
}

static inline bool rnd_one_in(uint32_t n)
{
	return rnd_below(n) == 0;
}

/* Also the ends of the range. */
static inline uint32_t rnd_u32(void)
{
	return rnd_one_in(4) ? (rnd_one_in(2) ? UINT32_MAX : 0) : (uint32_t)rnd();
}

static inline uint64_t rnd_u64(void)
{
	return rnd_one_in(4) ? (rnd_one_in(2) ? UINT64_MAX : 0) : rnd();
}

/* Anything that a C string may hold: control characters, what JSON escapes, UTF-8, and what is not UTF-8. */
static inline char *rnd_text(uint32_t max)
{
	static const char *const odd[] = {
		"\"", "\\", "'", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x8c\x8d", "{", "\xff", "\x01", "\\u0041",
	};
	uint32_t n = rnd_below(max + 1);
	char *text = xcalloc(1, (size_t)n * 8 + 8);
	size_t used = 0;

	for (uint32_t i = 0; i < n; i++) {
		const char *s = odd[rnd_below(ARRAY_SIZE(odd))];
		char plain[2] = {(char)('a' + rnd_below(26))};

		s = rnd_one_in(6) ? s : plain;
		memcpy(text + used, s, strlen(s));
		used += strlen(s);
	}
	return text;
}

static inline char *rnd_maybe(uint32_t max)
{
	return rnd_one_in(3) ? NULL : rnd_text(max);
}

static inline char **rnd_strv(uint32_t max)
{
	uint32_t n = rnd_below(max + 1);
	char **v = xcalloc(n + 1, sizeof *v);

	for (uint32_t i = 0; i < n; i++)
		v[i] = rnd_text(20);
	return v;
}

/* ---- directories ---- */

static inline int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static inline void remove_tree(const char *path)
{
	nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static inline int temp_dir(void **state)
{
	/* Nothing here cuts the power: where a sync costs nothing, the same is tested sooner. */
	const char *base = getenv("TMPDIR") ? getenv("TMPDIR") : access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	char *dir = xasprintf("%s/mscg-store.XXXXXX", base);

	*state = mkdtemp(dir);
	return *state ? 0 : -1;
}

static inline int remove_dir(void **state)
{
	remove_tree(*state);
	free(*state);
	return 0;
}

#define assert_ok(call)                                                       \
	do {                                                                  \
		int _r = (call);                                              \
		if (_r < 0)                                                   \
			fail_msg("%s: %s: %s", #call, strerror(-_r), error.text); \
	} while (0)

#define assert_fails(call, code_wanted, text_wanted)                                              \
	do {                                                                                      \
		int _r = (call);                                                                  \
		if (_r != (code_wanted) || error.code != (code_wanted) || !strstr(error.text, (text_wanted))) \
			fail_msg("%s: %d, \"%s\"; wanted %d and \"%s\"", #call, _r, error.text, code_wanted, text_wanted); \
		error = (struct mscg_error){0};                                                   \
	} while (0)

static inline struct store *open_store(const char *dir, struct store_info *ret_info)
{
	struct store *store = NULL;
	struct store_info info;
	struct mscg_error error = {0};

	assert_ok(store_open(&store, dir, ret_info ? ret_info : &info, &error));
	return store;
}

static inline int64_t query_int(struct store *store, const char *sql)
{
	sqlite3_stmt *st = NULL;
	int64_t value;

	if (sqlite3_prepare_v2(store->db, sql, -1, &st, NULL) != SQLITE_OK || sqlite3_step(st) != SQLITE_ROW)
		fail_msg("%s: %s", sql, sqlite3_errmsg(store->db));
	value = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return value;
}

/* ---- specs ---- */

static inline struct mscg_spec *rnd_spec(void)
{
	struct mscg_spec *s = mscg_spec_new();

	/* A new member? It wants a line in src/store/table.h and two here. */
	assert_int_equal(sizeof *s, 0x160);
	free(s->name), s->name = rnd_maybe(20);
	strv_free(s->argv), s->argv = rnd_strv(4);
	strv_free(s->env), s->env = rnd_one_in(3) ? NULL : rnd_strv(10);
	free(s->script), s->script = rnd_maybe(200);
	free(s->workdir), s->workdir = rnd_maybe(40);
	free(s->stdin_path), s->stdin_path = rnd_maybe(20);
	free(s->stdout_path), s->stdout_path = rnd_maybe(20);
	free(s->stderr_path), s->stderr_path = rnd_maybe(20);
	free(s->account), s->account = rnd_maybe(8);
	free(s->comment), s->comment = rnd_maybe(80);
	free(s->partition), s->partition = rnd_maybe(8);
	free(s->submit_line), s->submit_line = rnd_maybe(200);
	s->shell = rnd_one_in(2);
	s->append = rnd_one_in(2);
	s->elastic = rnd_one_in(2);
	s->by_pressure = s->elastic && rnd_one_in(2);
	s->slurm_env = rnd_one_in(2);
	s->requeue = rnd_one_in(2);
	s->truncate = rnd_one_in(2);
	s->max_retries = rnd_u32();
	s->log_max = rnd_u32();
	free(s->signal), s->signal = rnd_maybe(20);
	free(s->lines), s->lines = rnd_maybe(200);
	free(s->gres), s->gres = rnd_maybe(20);
	s->time_min_s = rnd_u32();
	s->time_extend_s = rnd_u32();
	s->max_fails = rnd_u32();
	s->attached = rnd_one_in(2);
	s->pty = rnd_one_in(2);
	s->cpu_mode = rnd_one_in(2) ? MSCG_CPUS_QUOTA : MSCG_CPUS_EXCLUSIVE;
	s->cpus_milli = rnd_u32();
	s->min_cpus_milli = rnd_u32();
	s->max_cpus_milli = rnd_u32();
	s->mem_bytes = rnd_u64();
	s->min_mem_bytes = rnd_u64();
	s->max_mem_bytes = rnd_u64();
	s->time_limit_s = rnd_u32();
	s->grace_s = rnd_u32();
	s->priority = (int32_t)rnd_u32();
	s->umask = rnd_u32();
	s->array_n = rnd_below(4);
	if (s->array_n || rnd_one_in(4))
		s->array = xcalloc(s->array_n + 1, sizeof *s->array);
	for (uint32_t i = 0; i < s->array_n; i++) {
		s->array[i].first = rnd_below(1000000);
		s->array[i].last = s->array[i].first + rnd_below(1000000);
		s->array[i].step = 1 + rnd_below(1000);
	}
	s->array_throttle = rnd_u32();
	free(s->dependency), s->dependency = rnd_maybe(40);
	free(s->isolate), s->isolate = rnd_maybe(20);
	free(s->allow), s->allow = rnd_maybe(20);
	free(s->binds), s->binds = rnd_maybe(40);
	free(s->qos), s->qos = rnd_maybe(20);
	free(s->reservation), s->reservation = rnd_maybe(20);
	free(s->rootfs), s->rootfs = rnd_maybe(40);
	s->hold = rnd_one_in(2);
	s->delegate = rnd_one_in(2);
	s->begin_usec = (int64_t)(rnd() >> 12);
	s->deadline_usec = (int64_t)(rnd() >> 12);
	free(s->user), s->user = rnd_maybe(8);
	free(s->home), s->home = rnd_maybe(20);
	s->uid = rnd_u32();
	s->gid = rnd_u32();
	return s;
}

static inline void assert_text_equal(const char *a, const char *b, const char *what)
{
	if (!streq(a, b))
		fail_msg("%s: \"%s\" is not \"%s\"", what, a ? a : "(NULL)", b ? b : "(NULL)");
}

static inline void assert_strv_equal(char *const *a, char *const *b, const char *what)
{
	if (!a != !b || (a && strv_length(a) != strv_length(b)))
		fail_msg("%s differs in length", what);
	for (size_t i = 0; a && a[i]; i++)
		assert_text_equal(a[i], b[i], what);
}

#define SAME(member)                                                                            \
	do {                                                                                    \
		if (a->member != b->member)                                                     \
			fail_msg("%s: %lld is not %lld", #member, (long long)a->member, (long long)b->member); \
	} while (0)
#define SAME_TEXT(member) assert_text_equal(a->member, b->member, #member)

static inline void assert_spec_equal(const struct mscg_spec *a, const struct mscg_spec *b, bool with_texts)
{
	SAME_TEXT(name);
	assert_strv_equal(a->argv, b->argv, "argv");
	if (with_texts) {
		assert_strv_equal(a->env, b->env, "env");
		SAME_TEXT(script);
		SAME_TEXT(lines);
	} else {
		assert_null(b->env);
		assert_null(b->script);
		assert_null(b->lines);
	}
	SAME_TEXT(workdir);
	SAME_TEXT(stdin_path);
	SAME_TEXT(stdout_path);
	SAME_TEXT(stderr_path);
	SAME_TEXT(account);
	SAME_TEXT(comment);
	SAME_TEXT(partition);
	SAME_TEXT(submit_line);
	SAME(shell);
	SAME(append);
	SAME(elastic);
	SAME(by_pressure);
	SAME(slurm_env);
	SAME(requeue);
	SAME(truncate);
	SAME(max_retries);
	SAME(log_max);
	SAME_TEXT(signal);
	SAME_TEXT(gres);
	SAME(time_min_s);
	SAME(time_extend_s);
	SAME(max_fails);
	SAME(attached);
	SAME(pty);
	SAME(cpu_mode);
	SAME(cpus_milli);
	SAME(min_cpus_milli);
	SAME(max_cpus_milli);
	SAME(mem_bytes);
	SAME(min_mem_bytes);
	SAME(max_mem_bytes);
	SAME(time_limit_s);
	SAME(grace_s);
	SAME(priority);
	SAME(umask);
	SAME(array_n);
	assert_int_equal(!a->array, !b->array);
	for (uint32_t i = 0; i < a->array_n; i++) {
		SAME(array[i].first);
		SAME(array[i].last);
		SAME(array[i].step);
	}
	SAME(array_throttle);
	SAME_TEXT(dependency);
	SAME_TEXT(isolate);
	SAME_TEXT(allow);
	SAME_TEXT(binds);
	SAME_TEXT(rootfs);
	SAME_TEXT(reservation);
	SAME(hold);
	SAME(delegate);
	SAME(begin_usec);
	SAME(deadline_usec);
	SAME_TEXT(user);
	SAME_TEXT(home);
	SAME(uid);
	SAME(gid);
}

/* ---- rows ---- */

static inline void rnd_cpuset(struct mscg_cpuset *set)
{
	uint32_t kind = rnd_below(4);

	mscg_cpuset_zero(set);
	if (kind == 1)
		mscg_cpuset_add_range(set, rnd_below(100), 100 + rnd_below(MSCG_CPUS_MAX - 100));
	else if (kind > 1)
		for (uint32_t i = 0, n = kind == 2 ? 3 : 3000; i < n; i++)
			mscg_cpuset_add(set, rnd_below(MSCG_CPUS_MAX));
}

static inline struct mscg_run *rnd_run(void)
{
	struct mscg_run *run = xcalloc(1, sizeof *run);
	uint64_t *usage = (uint64_t *)(void *)&run->usage;

	assert_int_equal(sizeof *run, 344);
	assert_int_equal(sizeof run->usage, 15 * 8);
	assert_int_equal(sizeof run->grant->share[0], 2080);
	run->cgroup_id = rnd_u64();
	run->slot = rnd_u32();
	run->pid = (int32_t)rnd_u32();
	run->held_since_usec = (int64_t)rnd_u64();
	run->mem_asked_bytes = rnd_u64();
	run->past = (struct mscg_past){rnd_u64(), rnd_u64(), rnd_u64()};
	if (rnd_one_in(2)) {
		_cleanup_free_ char *text = rnd_text(80);

		snprintf(run->fail_text, sizeof run->fail_text, "%s", text);
	}
	mscg_usage_init(&run->usage);
	if (!rnd_one_in(4))
		for (size_t i = 0; i < sizeof run->usage / 8; i++)
			usage[i] = rnd_u64();
	if (rnd_one_in(3))
		return run;
	run->grant = mscg_grant_new(rnd_below(4));
	run->grant->cpu_mode = rnd_one_in(2) ? MSCG_CPUS_QUOTA : MSCG_CPUS_EXCLUSIVE;
	for (uint32_t i = 0; i < run->grant->n; i++) {
		struct mscg_share *s = &run->grant->share[i];

		s->node = rnd_maybe(10);
		s->gres = rnd_maybe(20);
		s->cpu_milli = rnd_u32();
		s->mem_bytes = rnd_u64();
		rnd_cpuset(&s->cpus);
		rnd_cpuset(&s->mems);
	}
	return run;
}

static inline struct mscg_row rnd_row(struct mscg_id id)
{
	struct mscg_row row = {.job = {.id = id}};

	assert_int_equal(sizeof row, 0x110);
	row.job.uid = 1000 + rnd_below(5);
	row.job.flags = rnd_u32() & ~(uint32_t)MSCG_JOB_ARRAY;
	row.job.state = (uint8_t)rnd_below(MSCG_STATE_COUNT);
	row.job.reason = (uint8_t)rnd_below(MSCG_REASON_COUNT);
	row.job.priority = (int32_t)rnd_u32();
	row.job.attempt = rnd_u32();
	row.job.cpus_milli = rnd_u32();
	row.job.min_cpus_milli = rnd_u32();
	row.job.max_cpus_milli = rnd_u32();
	row.job.current_cpus_milli = rnd_u32();
	row.job.time_limit_s = rnd_u32();
	row.job.grace_s = rnd_u32();
	row.job.exit_code = (int32_t)rnd_u32();
	row.job.exit_signal = (int32_t)rnd_u32();
	row.job.mem_bytes = rnd_u64();
	row.job.submit_usec = (int64_t)(rnd() >> 12);
	row.job.start_usec = rnd_one_in(3) ? 0 : (int64_t)(rnd() >> 12);
	row.job.end_usec = rnd_one_in(3) ? 0 : (int64_t)(rnd() >> 12);
	row.job.begin_usec = (int64_t)(rnd() >> 12);
	row.job.deadline_usec = (int64_t)(rnd() >> 12);
	row.array_throttle = rnd_u32();
	row.job.restarts = rnd_u32();
	row.job.suspend_usec = rnd_u32();
	row.job.suspended_usec = rnd_u32();
	row.job.max_retries = rnd_u32();
	row.job.warn_signal = rnd_below(65);
	row.job.warn_s = (uint16_t)rnd_u32();
	row.job.time_min_s = rnd_u32();
	row.job.time_extend_s = rnd_u32();
	row.job.min_mem_mib = rnd_u32();
	row.job.reservation = rnd_u32();
	row.job.max_mem_mib = rnd_u32();
	row.job.time_max_s = rnd_u32();
	row.job.gres = rnd_one_in(2) ? NULL : intern(rnd_one_in(2) ? "gpu:2" : "gpu:a100:1,license:matlab:2");
	row.array_max_fails = rnd_u32();
	row.account = rnd_maybe(20);
	row.array_fails = rnd_u32();
	row.job.qos = rnd_u32();
	row.job.partition = rnd_u32();
	row.array_ended = rnd_u32();
	row.array_worst = rnd_u32();
	row.array_failed = rnd_u32();
	if (!rnd_one_in(3))
		row.job.run = rnd_run();
	if (rnd_one_in(3)) {
		row.job.flags |= MSCG_JOB_ARRAY;
		row.pending = xasprintf(rnd_one_in(4) ? "" : "%u-%u:%u,9000000", rnd_below(1000), 1000 + rnd_below(1000),
		                        1 + rnd_below(7));
		row.held = rnd_one_in(2) ? xasprintf("%u-%u", rnd_below(1000), 1000 + rnd_below(1000)) : NULL;
		row.unstarted = rnd_one_in(2) ? xasprintf("%u-%u", rnd_below(1000), 1000 + rnd_below(1000)) : NULL;
		row.unstarted_n = rnd_u32();
		row.unstarted_reason = (uint8_t)rnd_below(MSCG_REASON_COUNT);
		row.unstarted_usec = (int64_t)(rnd() >> 12);
	}
	return row;
}

static inline void assert_row_equal(const struct mscg_row *x, const struct mscg_row *y)
{
	{
		const struct mscg_job *a = &x->job, *b = &y->job;

		SAME(id.job);
		SAME(id.task);
		SAME(uid);
		SAME(flags);
		SAME(state);
		SAME(reason);
		SAME(priority);
		SAME(attempt);
		SAME(cpus_milli);
		SAME(min_cpus_milli);
		SAME(max_cpus_milli);
		SAME(current_cpus_milli);
		SAME(time_limit_s);
		SAME(grace_s);
		SAME(exit_code);
		SAME(exit_signal);
		SAME(mem_bytes);
		SAME(submit_usec);
		SAME(start_usec);
		SAME(end_usec);
		SAME(begin_usec);
		SAME(deadline_usec);
	}
	{
		const struct mscg_row *a = x, *b = y;

		SAME_TEXT(pending);
		SAME_TEXT(held);
		SAME_TEXT(unstarted);
		SAME(unstarted_n);
		SAME(unstarted_reason);
		SAME(unstarted_usec);
		SAME_TEXT(dependency);
		SAME_TEXT(account);
		SAME(job.restarts);
		SAME(job.suspend_usec);
		SAME(job.suspended_usec);
		SAME(job.max_retries);
		SAME(job.warn_signal);
		SAME(job.warn_s);
		SAME(job.qos);
		SAME(job.partition);
		SAME(job.time_min_s);
		SAME(job.time_extend_s);
	SAME(job.min_mem_mib);
	SAME(job.reservation);
	SAME(job.max_mem_mib);
		SAME(job.time_max_s);
		assert_ptr_equal(a->job.gres, b->job.gres);
		SAME(array_max_fails);
		SAME(array_fails);
		SAME(array_throttle);
		SAME(array_ended);
		SAME(array_worst);
		SAME(array_failed);
	}
	const struct mscg_run *a = x->job.run, *b = y->job.run;

	assert_int_equal(!a, !b);
	if (!a)
		return;
	SAME(cgroup_id);
	SAME(slot);
	SAME(pid);
	SAME(held_since_usec);
	SAME(mem_asked_bytes);
	SAME_TEXT(fail_text);
	assert_memory_equal(&a->past, &b->past, sizeof a->past);
	assert_memory_equal(&a->usage, &b->usage, sizeof a->usage);
	assert_int_equal(!a->grant, !b->grant);
	if (!a->grant)
		return;
	SAME(grant->n);
	SAME(grant->cpu_mode);
	for (uint32_t i = 0; i < a->grant->n; i++) {
		SAME_TEXT(grant->share[i].node);
		SAME_TEXT(grant->share[i].gres);
		SAME(grant->share[i].cpu_milli);
		SAME(grant->share[i].mem_bytes);
		assert_true(mscg_cpuset_equal(&a->grant->share[i].cpus, &b->grant->share[i].cpus));
		assert_true(mscg_cpuset_equal(&a->grant->share[i].mems, &b->grant->share[i].mems));
	}
}

/* ---- events ---- */

static inline struct mscg_event rnd_event(uint64_t seq, struct mscg_id id)
{
	struct mscg_event e = {.seq = seq, .id = id};

	assert_int_equal(sizeof e, 0x60);
	e.time_usec = (int64_t)(rnd() >> 12);
	e.kind = (uint8_t)rnd_below(MSCG_EVENT_COUNT);
	e.state = (uint8_t)rnd_below(MSCG_STATE_COUNT);
	e.reason = (uint8_t)rnd_below(MSCG_REASON_COUNT);
	e.attempt = rnd_u32();
	e.exit_code = (int32_t)rnd_u32();
	e.exit_signal = (int32_t)rnd_u32();
	e.cpus_milli = rnd_u32();
	e.mem_bytes = rnd_u64();
	e.cpus = rnd_maybe(20);
	e.text = rnd_maybe(60);
	e.gres = rnd_maybe(20);
	e.field = (uint8_t)rnd_below(MSCG_FIELD_COUNT);
	e.value = (int64_t)rnd_u64();
	return e;
}

static inline void assert_event_equal(const struct mscg_event *a, const struct mscg_event *b)
{
	SAME(seq);
	SAME(id.job);
	SAME(id.task);
	SAME(time_usec);
	SAME(kind);
	SAME(state);
	SAME(reason);
	SAME(attempt);
	SAME(exit_code);
	SAME(exit_signal);
	SAME(cpus_milli);
	SAME(mem_bytes);
	SAME_TEXT(cpus);
	SAME_TEXT(text);
	SAME_TEXT(gres);
	SAME(field);
	SAME(value);
}

/* ---- committing one thing ---- */

static inline int commit_row(struct store *store, const struct mscg_row *row, const struct mscg_spec *spec,
                             struct mscg_error *error)
{
	struct store_new_spec new = {row->job.id.job, spec};
	struct store_batch batch = {.rows = row, .rows_n = 1, .specs = &new, .specs_n = spec ? 1 : 0, .drained = -1};

	return store_commit(store, &batch, error);
}

static inline int commit_event(struct store *store, const struct mscg_event *event, struct mscg_error *error)
{
	struct store_batch batch = {.events = event, .events_n = 1, .drained = -1};

	return store_commit(store, &batch, error);
}

#endif
