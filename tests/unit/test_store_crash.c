/* What was acknowledged is there after a SIGKILL at any moment and after any call of the file system that fails, and
 * nothing is there by halves.
 *
 * A history is made of numbered commits. Commit k is the same in every run: it sets the rows of some jobs to k, adds events,
 * and every third adds a job; so a database can be asked which commit was its last, and then be compared whole.
 *
 * timeout: 400
 */
#include "tests/unit/test_store.h"

#include <signal.h>
#include <sys/mman.h>

#define EVENTS 3 /* of each commit: seq tells the commit */
#define BASE   9 /* jobs that are there from the first commit on */

static uint32_t jobs_after(uint64_t k)
{
	return k ? BASE + (uint32_t)(k / 3) : 0;
}

/* The last commit up to k that set this job's row; 0: none did. */
static uint64_t last_set(uint32_t job, uint64_t k)
{
	for (uint64_t i = k; i > 0; i--) {
		uint32_t before = jobs_after(i - 1), after = jobs_after(i);

		if (job > after)
			return 0;
		if (job > before || (before && sum_mix(i, job) % 4 == 0 && job > before - MIN_OF(before, 12u)))
			return i;
	}
	return 0;
}

static int commit(struct store *store, uint64_t k, struct mscg_error *error)
{
	struct mscg_row row[BASE + 16];
	struct mscg_event event[EVENTS];
	struct store_new_spec new[BASE + 1];
	struct mscg_spec *spec = mscg_spec_new();
	uint32_t before = jobs_after(k - 1), after = jobs_after(k), rows = 0, specs = 0;
	_cleanup_free_ char *value = xasprintf("COMMIT=%0300llu", (unsigned long long)k / 10);

	strv_add(&spec->env, value);
	for (uint32_t job = before + 1; job <= after; job++)
		new[specs++] = (struct store_new_spec){job, spec};
	for (uint32_t job = before > 12 ? before - 12 : 1; job <= after; job++)
		if (last_set(job, k) == k) {
			/* every state in turn, so that every index and total is written */
			row[rows] = (struct mscg_row){.job = {.id = {job, MSCG_NO_TASK}, .priority = (int32_t)k, .submit_usec = 1}};
			row[rows].job.state = (uint8_t)(k % MSCG_STATE_COUNT);
			row[rows].job.end_usec = mscg_state_is_final(k % MSCG_STATE_COUNT) ? (int64_t)k : 0;
			rows++;
		}
	for (uint32_t i = 0; i < EVENTS; i++)
		event[i] = (struct mscg_event){.seq = (k - 1) * EVENTS + i + 1, .id = {1 + i, MSCG_NO_TASK}, .time_usec = (int64_t)k};
	struct store_batch batch = {.rows = row, .rows_n = rows, .events = event, .events_n = EVENTS, .specs = new, .specs_n = specs,
	                            .next_job_id = after + 1, .drained = k % 2};
	int r = store_commit(store, &batch, error);

	mscg_spec_free(spec);
	return r;
}

/* The database is what commits 1 to k make, and nothing else. Returns k, or dies. */
static uint64_t check_history(const char *dir)
{
	struct mscg_error error = {0};
	struct store_info info;
	struct store *store = open_store(dir, &info);
	struct store_filter filter = {.uid = UINT32_MAX, .limit = UINT32_MAX};
	struct store_record *record;
	uint64_t k = (info.next_seq - 1) / EVENTS;
	uint32_t n;

	assert_int_equal((info.next_seq - 1) % EVENTS, 0);
	assert_ok(store_integrity(store, &error));
	assert_ok(store_list(store, &filter, &record, &n, &error));
	assert_int_equal(n, jobs_after(k));
	assert_int_equal(info.next_job_id, jobs_after(k) + 1);
	assert_int_equal(info.drained, k % 2);
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(record[i].row.job.id.job, i + 1);
		assert_int_equal(record[i].row.job.priority, last_set(i + 1, k));
	}
	store_records_free(record, n);
	assert_int_equal(query_int(store, "SELECT count(*) FROM event"), k * EVENTS);
	assert_int_equal(query_int(store, "SELECT count(*) FROM spec"), jobs_after(k));
	assert_int_equal(query_int(store, "SELECT coalesce(sum(refs), 0) FROM text"), jobs_after(k));
	store_close(store);
	return k;
}

/* ---- SIGKILL ---- */

struct shared {
	uint64_t acknowledged; /* the last commit that returned */
	int      ready[2];     /* a byte, once it is open */
};

/* Goes on with the history until it is killed. `too_early`: says that a commit is done before it is. */
static void run_until_killed(const char *dir, struct shared *shared, bool too_early)
{
	struct store *store;
	struct store_info info;
	struct mscg_error error;

	if (store_open(&store, dir, &info, &error) < 0) {
		fprintf(stderr, "%s\n", error.text);
		_exit(1);
	}
	if (write(shared->ready[1], "", 1) != 1)
		_exit(1);
	for (uint64_t k = (info.next_seq - 1) / EVENTS + 1;; k++) {
		if (too_early)
			__atomic_store_n(&shared->acknowledged, k, __ATOMIC_SEQ_CST);
		if (commit(store, k, &error) < 0) {
			fprintf(stderr, "%s\n", error.text);
			_exit(1);
		}
		__atomic_store_n(&shared->acknowledged, k, __ATOMIC_SEQ_CST);
	}
}

/* Rounds in which something acknowledged was lost. */
static unsigned kill_rounds(const char *dir, unsigned rounds, bool too_early)
{
	struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned lost = 0;
	uint64_t last = 0;

	assert_true(shared != MAP_FAILED);
	for (unsigned round = 0; round < rounds; round++) {
		int status;
		char c;

		assert_int_equal(pipe(shared->ready), 0);
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0)
			run_until_killed(dir, shared, too_early);
		/* Some die while they open, which after a kill is a recovery. */
		close(shared->ready[1]);
		if (round % 4)
			assert_int_equal(read(shared->ready[0], &c, 1), 1);
		usleep(rnd_below(20000));
		close(shared->ready[0]);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));

		uint64_t said = __atomic_load_n(&shared->acknowledged, __ATOMIC_SEQ_CST), k = check_history(dir);

		lost += k < said;
		/* One more may be there than was said: it was killed in between. */
		assert_true(k >= last && k <= said + 1);
		shared->acknowledged = last = k;
	}
	assert_true(last > rounds);
	munmap(shared, sizeof *shared);
	return lost;
}

static void test_kill(void **state)
{
	assert_int_equal(kill_rounds(*state, 60, false), 0);
}

/* The same with a child that lies must find losses, or the test above is worth nothing. */
static void test_kill_finds_losses(void **state)
{
	assert_true(kill_rounds(*state, 40, true) > 0);
}

static void test_kill_while_it_is_made(void **state)
{
	for (unsigned round = 0; round < 40; round++) {
		_cleanup_free_ char *dir = xasprintf("%s/%u", (char *)*state, round);
		struct shared nobody;

		assert_int_equal(pipe(nobody.ready), 0);
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0)
			run_until_killed(dir, &nobody, false);
		usleep(rnd_below(round % 2 ? 15000 : 4000));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		close(nobody.ready[0]);
		close(nobody.ready[1]);
		assert_int_equal(check_history(dir), check_history(dir));
	}
}

/* ---- calls that fail ----
 *
 * A VFS between SQLite and the system lets the n-th call that changes something (or reads) fail, once or from then on.
 */

struct faulty_file {
	sqlite3_file  base;
	sqlite3_file *real;
};

static struct {
	sqlite3_vfs *real;
	int64_t      countdown; /* 1: the next call fails; 0: none does */
	bool         stays;     /* and all after it */
	bool         full;      /* no space rather than EIO */
	bool         reads;     /* reads count too */
	bool         partly;    /* a write that fails has written half */
	uint64_t     calls, failed;
} fault;

static bool fails(void)
{
	fault.calls++;
	if (fault.countdown == 0 || --fault.countdown > 0)
		return false;
	fault.countdown = fault.stays;
	fault.failed++;
	return true;
}

#define REAL(f) (((struct faulty_file *)(f))->real)

static int faulty_close(sqlite3_file *f)
{
	int rc = REAL(f)->pMethods->xClose(REAL(f));

	free(REAL(f));
	return rc;
}

static int faulty_read(sqlite3_file *f, void *data, int n, sqlite3_int64 at)
{
	if (fault.reads && fails())
		return SQLITE_IOERR_READ;
	return REAL(f)->pMethods->xRead(REAL(f), data, n, at);
}

static int faulty_write(sqlite3_file *f, const void *data, int n, sqlite3_int64 at)
{
	if (!fails())
		return REAL(f)->pMethods->xWrite(REAL(f), data, n, at);
	if (fault.partly)
		REAL(f)->pMethods->xWrite(REAL(f), data, n / 2, at);
	return fault.full ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int faulty_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	return fails() ? SQLITE_IOERR_TRUNCATE : REAL(f)->pMethods->xTruncate(REAL(f), size);
}

static int faulty_sync(sqlite3_file *f, int flags)
{
	return fails() ? SQLITE_IOERR_FSYNC : REAL(f)->pMethods->xSync(REAL(f), flags);
}

static int faulty_file_size(sqlite3_file *f, sqlite3_int64 *ret)
{
	return REAL(f)->pMethods->xFileSize(REAL(f), ret);
}

static int faulty_lock(sqlite3_file *f, int level)
{
	return REAL(f)->pMethods->xLock(REAL(f), level);
}

static int faulty_unlock(sqlite3_file *f, int level)
{
	return REAL(f)->pMethods->xUnlock(REAL(f), level);
}

static int faulty_check_lock(sqlite3_file *f, int *ret)
{
	return REAL(f)->pMethods->xCheckReservedLock(REAL(f), ret);
}

static int faulty_control(sqlite3_file *f, int op, void *arg)
{
	return REAL(f)->pMethods->xFileControl(REAL(f), op, arg);
}

static int faulty_sector(sqlite3_file *f)
{
	return REAL(f)->pMethods->xSectorSize(REAL(f));
}

static int faulty_device(sqlite3_file *f)
{
	return REAL(f)->pMethods->xDeviceCharacteristics(REAL(f));
}

/* Version 1: no shared memory, which one connection alone does not need. */
static const sqlite3_io_methods faulty_methods = {
	.iVersion = 1, .xClose = faulty_close, .xRead = faulty_read, .xWrite = faulty_write, .xTruncate = faulty_truncate,
	.xSync = faulty_sync, .xFileSize = faulty_file_size, .xLock = faulty_lock, .xUnlock = faulty_unlock,
	.xCheckReservedLock = faulty_check_lock, .xFileControl = faulty_control, .xSectorSize = faulty_sector,
	.xDeviceCharacteristics = faulty_device,
};

static int faulty_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *f, int flags, int *ret_flags)
{
	(void)vfs;
	f->pMethods = NULL;
	if (fails())
		return SQLITE_CANTOPEN;
	REAL(f) = xcalloc(1, (size_t)fault.real->szOsFile);
	int rc = fault.real->xOpen(fault.real, name, REAL(f), flags, ret_flags);

	if (rc == SQLITE_OK)
		f->pMethods = &faulty_methods;
	else
		free(REAL(f));
	return rc;
}

static int faulty_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	(void)vfs;
	return fails() ? SQLITE_IOERR_DELETE : fault.real->xDelete(fault.real, name, sync);
}

static sqlite3_vfs faulty_vfs;

/* The first commits and a close, then more on what is there; with the fault somewhere in it. What it is told is noted. */
static void run_with_fault(const char *dir, bool *ret_said, uint64_t commits)
{
	struct store *store = NULL;
	struct store_info info;
	struct mscg_error error = {0};

	memset(ret_said, 0, commits + 1);
	for (uint64_t k = 1; k <= commits; k++) {
		if (!store) {
			int r = store_open(&store, dir, &info, &error);

			if (r < 0) {
				assert_int_equal(error.code, r);
				assert_true(r == -EIO || r == -ENOSPC || r == -EBADMSG);
				/* it passes */
				if (fault.stays)
					fault.countdown = 0;
				assert_ok(store_open(&store, dir, &info, &error));
			}
		}
		int r = commit(store, k, &error);

		if (r < 0) {
			assert_int_equal(error.code, r);
			assert_true(r == -ENOSPC || r == -EIO);
			/* Reading works, or says why it does not. */
			struct store_record record;
			int get = store_get(store, (struct mscg_id){1, MSCG_NO_TASK}, &record, &error);

			if (get == 0)
				store_record_clear(&record);
			if (fault.stays)
				fault.countdown = 0;
			assert_true(get == 0 || get == -ENOENT || get == -EIO || get == -ENOSPC);
			/* The same connection, or one opened anew: what is there is asked, then it goes on. */
			assert_ok(store_get_info(store, &info, &error));
			uint64_t there = (info.next_seq - 1) / EVENTS;

			assert_true(there == k - 1 || (there == k && r == -EIO));
			if (there == k - 1)
				assert_ok(commit(store, k, &error));
		}
		ret_said[k] = true;
		if (k == commits / 2 || k == commits) {
			store_close(store);
			store = NULL;
		}
	}
}

/* Each call once, or every third. */
static void try_calls(const char *base, const char *name, unsigned stride)
{
	enum { COMMITS = 8 };
	bool said[COMMITS + 1];
	uint64_t n = 1, runs = 0;

	do {
		_cleanup_free_ char *dir = xasprintf("%s/%s-%llu", base, name, (unsigned long long)n);
		bool stays = fault.stays;

		fault.countdown = (int64_t)n;
		n += stride;
		fault.calls = fault.failed = 0;
		run_with_fault(dir, said, COMMITS);
		runs += fault.failed > 0;
		fault.countdown = 0;
		fault.stays = false;
		assert_int_equal(check_history(dir), COMMITS);
		fault.stays = stays;
		remove_tree(dir);
	} while (fault.failed);
	print_message("# %s: %llu calls failed, each in a run of its own\n", name, (unsigned long long)runs);
	assert_true(runs > 60);
}

static void with_faults(void **state, const char *name, bool full, bool stays, bool partly, bool reads, unsigned stride)
{
	fault.real = sqlite3_vfs_find(NULL);
	faulty_vfs = *fault.real;
	faulty_vfs.zName = "faulty";
	faulty_vfs.szOsFile = sizeof(struct faulty_file);
	faulty_vfs.xOpen = faulty_open;
	faulty_vfs.xDelete = faulty_delete;
	fault.full = full;
	fault.stays = stays;
	fault.partly = partly;
	fault.reads = reads;
	fault.countdown = 0;
	assert_int_equal(sqlite3_vfs_register(&faulty_vfs, 1), SQLITE_OK);
	try_calls(*state, name, stride);
	sqlite3_vfs_unregister(&faulty_vfs);
	sqlite3_vfs_register(fault.real, 1);
}

static void test_eio_once(void **state)
{
	with_faults(state, "EIO", false, false, false, true, 1);
}

static void test_eio_for_a_while(void **state)
{
	with_faults(state, "EIO that stays", false, true, true, false, 3);
}

static void test_enospc_once(void **state)
{
	with_faults(state, "ENOSPC", true, false, true, false, 3);
}

static void test_enospc_for_a_while(void **state)
{
	with_faults(state, "ENOSPC that stays", true, true, false, false, 3);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, temp_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		T(test_kill),
		T(test_kill_finds_losses),
		T(test_kill_while_it_is_made),
		T(test_eio_once),
		T(test_eio_for_a_while),
		T(test_enospc_once),
		T(test_enospc_for_a_while),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("store_crash", tests, NULL, NULL);
}
