/* Opening: what is made, what is refused and how it is said, and that what is refused is left as it was. */
#include "tests/unit/test_store.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>

/* A check in a process of its own: says what failed and exits, since cmocka belongs to the parent. */
#define expect(condition)                                                                  \
	do {                                                                               \
		if (!(condition)) {                                                        \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);     \
			_exit(1);                                                          \
		}                                                                          \
	} while (0)
#define expect_fails(call, code_wanted, text_wanted)                                                       \
	do {                                                                                               \
		struct mscg_error _e = {0};                                                                \
		int _r = (call);                                                                           \
		if (_r != (code_wanted) || _e.code != _r || !strstr(_e.text, (text_wanted))) {             \
			fprintf(stderr, "%s:%d: %s: %d \"%s\"\n", __FILE__, __LINE__, #call, _r, _e.text); \
			_exit(1);                                                                          \
		}                                                                                          \
	} while (0)

#define TEXT_OF_(n) #n
#define TEXT_OF(n)  TEXT_OF_(n)

static void in_child(void (*check)(const char *dir), const char *dir)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		check(dir);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static int try_open(const char *dir, struct mscg_error *error)
{
	struct store *store = NULL;
	struct store_info info;
	int r = store_open(&store, dir, &info, error);

	if (r == 0)
		store_close(store);
	else
		assert_null(store);
	return r;
}

/* Jobs 1 to n. Returns 0 or what the first commit that failed gave. */
static int fill(struct store *store, uint32_t first, uint32_t n, struct mscg_error *error)
{
	for (uint32_t job = first; job < first + n; job++) {
		struct mscg_row row = {.job = {.id = {job, MSCG_NO_TASK}, .priority = (int32_t)job}};
		struct mscg_event event = {.seq = job, .id = row.job.id, .time_usec = 1};
		struct mscg_spec *spec = mscg_spec_new();

		spec->comment = xasprintf("%0500u", job);
		struct store_new_spec new = {job, spec};
		struct store_batch batch = {.rows = &row, .rows_n = 1, .events = &event, .events_n = 1, .specs = &new, .specs_n = 1,
		                            .next_job_id = job + 1, .drained = -1};
		int r = store_commit(store, &batch, error);

		mscg_spec_free(spec);
		if (r < 0)
			return r;
	}
	return 0;
}

static void *read_file(const char *path, size_t *ret_size)
{
	FILE *f = fopen(path, "r");
	char *data = xmalloc(64 << 20);

	assert_non_null(f);
	*ret_size = fread(data, 1, 64 << 20, f);
	fclose(f);
	return xrealloc(data, *ret_size + 1);
}

static void write_file(const char *path, const void *data, size_t size)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
}

static char *below(const char *dir, const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

/* ---- what is made ---- */

static void test_makes_directories(void **state)
{
	_cleanup_free_ char *dir = below(*state, "a/b/state"), *parent = below(*state, "a"), *db = below(dir, "mscg.db");
	mode_t old = umask(0);
	struct store_info info, again;
	struct store *store = open_store(dir, &info);
	struct stat st;

	umask(old);
	assert_true(info.created);
	assert_int_equal(strlen(info.instance), 36);
	assert_string_equal(info.boot_id, "");
	assert_int_equal(info.next_job_id, 1);
	assert_int_equal(info.next_seq, 1);
	assert_false(info.drained);
	const char *const paths[] = {parent, dir, db};

	for (unsigned i = 0; i < ARRAY_SIZE(paths); i++) {
		assert_int_equal(stat(paths[i], &st), 0);
		assert_int_equal(st.st_mode & 0777, i < 2 ? 0700 : 0600);
	}
	_cleanup_free_ char *wal = below(dir, "mscg.db-wal"), *shm = below(dir, "mscg.db-shm"), *lock = below(dir, "lock");

	assert_int_equal(stat(wal, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat(lock, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(stat(shm, &st) < 0);
	store_close(store);
	store = open_store(dir, &again);
	assert_false(again.created);
	assert_string_equal(again.instance, info.instance);
	store_close(store);

	_cleanup_free_ char *other = below(*state, "other");

	store = open_store(other, &again);
	assert_string_not_equal(again.instance, info.instance);
	store_close(store);
}

static void test_settings(void **state)
{
	struct store *store = open_store(*state, NULL);

	assert_int_equal(query_int(store, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
	assert_int_equal(query_int(store, "PRAGMA synchronous"), 2);
	assert_int_equal(query_int(store, "PRAGMA user_version"), STORE_VERSION);
	assert_int_equal(query_int(store, "PRAGMA application_id"), 0x6d736367);
	store_close(store);
}

/* A commit finds room in the log as a rule, and what was added to it is nothing to whoever reads it. */
static void test_log_is_longer(void **state)
{
	_cleanup_free_ char *wal = below(*state, "mscg.db-wal"), *copy = below(*state, "copy"), *command = NULL;
	struct store *store = open_store(*state, NULL);
	struct store_info info;
	unsigned longer = 0, commits = 300;
	off_t size = 0;

	for (unsigned i = 1; i <= commits; i++) {
		struct store_batch batch = {.next_job_id = i + 1, .drained = -1};
		struct stat st;

		assert_int_equal(store_commit(store, &batch, NULL), 0);
		assert_int_equal(stat(wal, &st), 0);
		assert_true(st.st_size >= size);
		longer += st.st_size > size;
		size = st.st_size;
	}
	assert_true(size > (off_t)commits * 4096);
	assert_in_range(longer, 2, commits / 30);

	/* As it lies there when the machine stops. */
	command = xasprintf("mkdir %s && cp %s/mscg.db* %s", copy, (char *)*state, copy);
	assert_int_equal(system(command), 0);
	store_close(store);
	store = open_store(copy, &info);
	assert_int_equal(info.next_job_id, commits + 1);
	store_close(store);
}

/* ---- who else is there ---- */

static void opens_as_second(const char *dir)
{
	_cleanup_free_ char *pid = xasprintf("(pid %d)", (int)getppid());

	expect_fails(try_open(dir, &_e), -EBUSY, pid);
	expect_fails(try_open(dir, &_e), -EBUSY, dir);
}

static void reads_as_second(const char *dir)
{
	_cleanup_free_ char *path = below(dir, "mscg.db");
	sqlite3 *db;

	expect(sqlite3_open(path, &db) == SQLITE_OK);
	expect(sqlite3_exec(db, "SELECT count(*) FROM job", NULL, NULL, NULL) == SQLITE_BUSY);
}

static void test_only_one(void **state)
{
	struct mscg_error error = {0};
	struct store *store = open_store(*state, NULL);
	int ready[2], status;
	char c;

	in_child(opens_as_second, *state);
	in_child(reads_as_second, *state);
	assert_fails(try_open(*state, &error), -EBUSY, "in use");
	assert_ok(fill(store, 1, 3, &error));
	store_close(store);
	assert_ok(try_open(*state, &error));

	/* The lock of a process that was killed is no lock. */
	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();

	if (pid == 0) {
		struct store_info info;

		expect(store_open(&store, *state, &info, NULL) == 0);
		expect(write(ready[1], "", 1) == 1);
		pause();
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_fails(try_open(*state, &error), -EBUSY, "in use");
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	assert_ok(try_open(*state, &error));
	close(ready[0]);
	close(ready[1]);
}

/* Someone reads the file with sqlite3 while mscgd starts. */
static void test_reader_in_the_way(void **state)
{
	struct mscg_error error = {0};
	_cleanup_free_ char *path = below(*state, "mscg.db");
	int ready[2], status;
	char c;

	assert_ok(try_open(*state, &error));
	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();

	if (pid == 0) {
		sqlite3 *db;

		expect(sqlite3_open(path, &db) == SQLITE_OK);
		expect(sqlite3_exec(db, "BEGIN; SELECT count(*) FROM job", NULL, NULL, NULL) == SQLITE_OK);
		expect(write(ready[1], "", 1) == 1);
		pause();
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_fails(try_open(*state, &error), -EBUSY, "another program has");
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	assert_ok(try_open(*state, &error));
	close(ready[0]);
	close(ready[1]);
}

/* ---- what is refused ---- */

static void with_sql(const char *dir, const char *sql)
{
	_cleanup_free_ char *path = below(dir, "mscg.db");
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
}

/* Refused with that text, and the file is as it was. */
static void assert_refused(const char *dir, int code, const char *text)
{
	_cleanup_free_ char *path = below(dir, "mscg.db");
	struct mscg_error error = {0};
	size_t size_before, size_after;
	_cleanup_free_ char *before = read_file(path, &size_before);

	assert_fails(try_open(dir, &error), code, text);
	_cleanup_free_ char *after = read_file(path, &size_after);

	assert_int_equal(size_before, size_after);
	assert_memory_equal(before, after, size_before);
}

static void test_newer_version(void **state)
{
	struct mscg_error error = {0};
	struct store *store = open_store(*state, NULL);

	assert_ok(fill(store, 1, 5, &error));
	store_close(store);
	with_sql(*state, "PRAGMA user_version = 99");
	assert_refused(*state, -EPROTONOSUPPORT, "version 99");
	assert_refused(*state, -EPROTONOSUPPORT, "versions up to " TEXT_OF(STORE_VERSION));
	assert_refused(*state, -EPROTONOSUPPORT, MSCG_VERSION);
	with_sql(*state, "PRAGMA user_version = " TEXT_OF(STORE_VERSION));
	assert_ok(try_open(*state, &error));
	/* The same version from a program with more states, or others. */
	with_sql(*state, "INSERT INTO state VALUES(200, 'DREAMING', 'DR', 0)");
	assert_refused(*state, -EPROTONOSUPPORT, "DREAMING");
	with_sql(*state, "DELETE FROM state WHERE id = 200; UPDATE reason SET name = 'Whim' WHERE id = 2");
	assert_refused(*state, -EPROTONOSUPPORT, "Whim");
	/* From one with fewer: the rest is added. */
	with_sql(*state, "UPDATE reason SET name = 'Priority' WHERE id = 2; DELETE FROM kind WHERE id > 5");
	store = open_store(*state, NULL);
	assert_int_equal(query_int(store, "SELECT count(*) FROM kind"), MSCG_EVENT_COUNT);
	store_close(store);
}

static void test_not_a_database(void **state)
{
	struct mscg_error error = {0};
	_cleanup_free_ char *path = below(*state, "mscg.db"), *lock = below(*state, "lock"), *elsewhere = below(*state, "x");
	char garbage[10000];
	size_t size;

	for (size_t i = 0; i < sizeof garbage; i++)
		garbage[i] = (char)rnd();
	write_file(path, garbage, sizeof garbage);
	assert_refused(*state, -EBADMSG, path);
	write_file(path, "short", 5);
	assert_refused(*state, -EBADMSG, path);
	assert_int_equal(unlink(path), 0);
	with_sql(*state, "CREATE TABLE recipes(name)");
	assert_refused(*state, -EBADMSG, "another program");
	assert_int_equal(unlink(path), 0);

	struct store *store = open_store(*state, NULL);

	assert_ok(fill(store, 1, 200, &error));
	store_close(store);
	_cleanup_free_ char *whole = read_file(path, &size);

	for (size_t cut = 1; cut < size; cut = cut * 3 / 2 + 1) {
		write_file(path, whole, size - cut);
		int r = store_open(&store, *state, &(struct store_info){0}, &error);

		if (r == 0) {
			r = store_integrity(store, &error);
			store_close(store);
		}
		if (r != -EBADMSG || !strstr(error.text, "mscg.db"))
			fail_msg("cut by %zu of %zu: %d %s", cut, size, r, error.text);
	}
	/* Emptied or gone where there was one: not a new one. */
	write_file(path, "", 0);
	assert_refused(*state, -EBADMSG, "restore a backup");
	assert_int_equal(unlink(path), 0);
	assert_fails(try_open(*state, &error), -EBADMSG, "restore a backup");
	write_file(path, whole, size);
	store = open_store(*state, NULL);
	assert_ok(store_integrity(store, &error));
	store_close(store);
	/* A copy of another directory's, or an old one of this. */
	write_file(elsewhere, whole, size);
	store = open_store(*state, NULL);
	assert_ok(fill(store, 201, 10, &error));
	store_close(store);
	assert_int_equal(rename(elsewhere, path), 0);
	assert_refused(*state, -EBADMSG, "lacks events 201 to 210");
	with_sql(*state, "UPDATE meta SET value = '00000000-0000-0000-0000-000000000000' WHERE name = 'instance'");
	assert_refused(*state, -EBADMSG, "another instance");
	assert_int_equal(unlink(lock), 0);
	assert_ok(try_open(*state, &error));
	/* Things that are no files. */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(unlink(lock), 0);
	assert_int_equal(symlink("elsewhere", path), 0);
	assert_fails(try_open(*state, &error), -ELOOP, path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_fails(try_open(*state, &error), -EBADMSG, "regular");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_fails(try_open(*state, &error), -EISDIR, path);
}

static void test_directories_that_do_not_do(void **state)
{
	struct mscg_error error = {0};
	_cleanup_free_ char *file = below(*state, "file"), *under = below(file, "dir"), *wide = below(*state, "wide");

	write_file(file, "", 0);
	assert_fails(try_open(file, &error), -ENOTDIR, file);
	assert_fails(try_open(under, &error), -ENOTDIR, under);
	assert_int_equal(mkdir(wide, 0700), 0);
	assert_int_equal(chmod(wide, 0777), 0);
	assert_fails(try_open(wide, &error), -EPERM, "chmod 0700");
	assert_int_equal(chmod(wide, 0755), 0);
	assert_ok(try_open(wide, &error));
	if (geteuid() == 0) {
		assert_int_equal(chown(wide, 65534, 65534), 0);
		assert_fails(try_open(wide, &error), -EPERM, "uid 65534");
	}
}

static void as_nobody(void)
{
	if (geteuid() == 0)
		expect(setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0);
}

static void unwritable(const char *dir)
{
	_cleanup_free_ char *state = below(dir, "state"), *db = below(state, "mscg.db"), *fresh = below(dir, "fresh");

	if (geteuid() == 0)
		expect(chown(dir, 65534, 65534) == 0);
	as_nobody();
	expect(try_open(state, NULL) == 0);
	expect(chmod(db, 0400) == 0);
	expect_fails(try_open(state, &_e), -EACCES, "Permission denied");
	expect(chmod(db, 0600) == 0);
	expect(try_open(state, NULL) == 0);
	expect(chmod(state, 0500) == 0);
	/* the lock file and the database are writable, the log beside them cannot be made */
	expect_fails(try_open(state, &_e), -EACCES, state);
	expect(chmod(state, 0000) == 0);
	expect_fails(try_open(state, &_e), -EACCES, state);
	expect(chmod(state, 0700) == 0);
	expect(try_open(state, NULL) == 0);
	expect(chmod(dir, 0500) == 0);
	expect_fails(try_open(fresh, &_e), -EACCES, fresh);
	expect(chmod(dir, 0700) == 0);
	expect(try_open(fresh, NULL) == 0);
}

static void test_not_writable(void **state)
{
	in_child(unwritable, *state);
}

/* ---- file systems ---- */

static void private_mount(const char *dir, const char *options)
{
	/* an ordinary user is root in a user namespace of its own */
	expect(unshare(geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) == 0);
	expect(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	expect(mount("tmpfs", dir, "tmpfs", 0, options) == 0);
}

static void full_disk(const char *dir)
{
	_cleanup_free_ char *filler = below(dir, "filler"), *state = below(dir, "state"), *fresh = below(dir, "fresh");
	struct mscg_error error = {0};
	struct store_info info;
	struct store_record record;
	struct store *store;
	char page[4096] = {1};
	uint32_t jobs = 0;

	private_mount(dir, "size=20m,mode=0700");
	expect(store_open(&store, state, &info, &error) == 0);
	expect(fill(store, 1, 20, &error) == 0);
	int fd = open(filler, O_CREAT | O_WRONLY, 0600);

	while (write(fd, page, sizeof page) > 0)
		;
	expect(errno == ENOSPC);
	/* What the log has of the disk may do for some commits yet; then it is said, again and again, and nothing breaks. */
	int r;

	for (jobs = 20; (r = fill(store, jobs + 1, 1, &error)) == 0; jobs++)
		expect(jobs < 10000);
	expect(r == -ENOSPC && strstr(error.text, "No space left on device") && strstr(error.text, state));
	for (int i = 0; i < 5; i++)
		expect(fill(store, jobs + 1, 1, &error) == -ENOSPC);
	expect(store_get(store, (struct mscg_id){jobs, MSCG_NO_TASK}, &record, &error) == 0);
	store_record_clear(&record);
	expect(store_get(store, (struct mscg_id){jobs + 1, MSCG_NO_TASK}, &record, &error) == -ENOENT);
	expect_fails(try_open(fresh, &_e), -ENOSPC, "No space left on device");
	/* There is room again. */
	expect(ftruncate(fd, 0) == 0);
	expect(fill(store, jobs + 1, 100, &error) == 0);
	expect(store_integrity(store, &error) == 0);
	/* And full when it is closed, and when it is opened. */
	expect(lseek(fd, 0, SEEK_SET) == 0);
	while (write(fd, page, sizeof page) > 0)
		;
	store_close(store);
	r = store_open(&store, state, &info, &error);
	expect(r == 0 || r == -ENOSPC);
	if (r == 0)
		store_close(store);
	expect(ftruncate(fd, 0) == 0);
	expect(store_open(&store, state, &info, &error) == 0);
	expect(info.next_job_id == jobs + 101);
	expect(store_integrity(store, &error) == 0);
	store_close(store);
}

static void test_full_disk(void **state)
{
	in_child(full_disk, *state);
}

/* What is written over what was there before needs no more room than the log has. */
static void full_disk_at_work(const char *dir)
{
	_cleanup_free_ char *filler = below(dir, "filler"), *state = below(dir, "state");
	struct mscg_error error = {0};
	struct store_info info;
	struct store *store;
	char page[4096] = {1};

	private_mount(dir, "size=4m,mode=0700");
	expect(store_open(&store, state, &info, &error) == 0);
	expect(fill(store, 1, 50, &error) == 0);
	store_close(store);
	expect(store_open(&store, state, &info, &error) == 0);
	for (uint32_t job = 1; job <= 10; job++) {
		struct mscg_row row = {.job = {.id = {job, MSCG_NO_TASK}}};

		expect(commit_row(store, &row, NULL, &error) == 0);
	}
	int fd = open(filler, O_CREAT | O_WRONLY, 0600);

	while (write(fd, page, sizeof page) > 0)
		;
	for (int round = 1; round <= 500; round++)
		for (uint32_t job = 1; job <= 10; job++) {
			struct mscg_row row = {.job = {.id = {job, MSCG_NO_TASK}, .priority = round}};

			expect(commit_row(store, &row, NULL, &error) == 0);
			expect(error.text[0] == '\0');
		}
	expect(store_integrity(store, &error) == 0);
	expect(write(fd, page, sizeof page) < 0 && errno == ENOSPC);
	store_close(store);
}

static void test_full_disk_at_work(void **state)
{
	in_child(full_disk_at_work, *state);
}

static void read_only(const char *dir)
{
	_cleanup_free_ char *state = below(dir, "state");

	private_mount(dir, "size=2m,mode=0700");
	expect(try_open(state, NULL) == 0);
	expect(mount(NULL, dir, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
	expect_fails(try_open(state, &_e), -EROFS, "Read-only file system");
	expect(mount(NULL, dir, NULL, MS_REMOUNT, NULL) == 0);
	expect(try_open(state, NULL) == 0);
}

static void test_read_only(void **state)
{
	in_child(read_only, *state);
}

/* ---- migration ---- */

static int open_as(const char *dir, int version, const char *step, struct mscg_error *error)
{
	const char *const steps[] = {[STORE_VERSION] = step};
	const struct schema schema = {version, steps};
	struct store *store = NULL;
	struct store_info info;
	int r = store_open_schema(&store, dir, &schema, false, &info, error);

	if (r == 0) {
		assert_int_equal(query_int(store, "PRAGMA user_version"), version);
		assert_int_equal(info.next_job_id, 31);
		assert_int_equal(store_integrity(store, error), 0);
		store_close(store);
	}
	return r;
}

/* Opened on trial by the program of the next version, which settles or does not. */
static void try_next(const char *dir, bool settles)
{
	const char *const steps[] = {[STORE_VERSION] = "CREATE TABLE note(text); INSERT INTO note VALUES('moved')"};
	const struct schema schema = {STORE_VERSION + 1, steps};
	struct mscg_error error = {0};
	struct store *store = NULL;
	struct store_info info;

	assert_ok(store_open_schema(&store, dir, &schema, true, &info, &error));
	assert_int_equal(info.next_job_id, 31);
	assert_int_equal(query_int(store, "PRAGMA user_version"), STORE_VERSION + 1);
	assert_int_equal(query_int(store, "SELECT count(*) FROM job"), 30);
	if (settles) {
		assert_ok(store_settle(store, &error));
		assert_ok(fill(store, 31, 2, &error));
	}
	store_close(store);
}

static void test_trial(void **state)
{
	struct mscg_error error = {0};
	struct store *store = open_store(*state, NULL);

	assert_ok(fill(store, 1, 30, &error));
	store_close(store);
	try_next(*state, false);
	store = open_store(*state, NULL);
	assert_int_equal(query_int(store, "PRAGMA user_version"), STORE_VERSION);
	assert_int_equal(query_int(store, "SELECT count(*) FROM sqlite_schema WHERE name = 'note'"), 0);
	assert_int_equal(query_int(store, "SELECT count(*) FROM job"), 30);
	store_close(store);
	try_next(*state, true);
	assert_fails(try_open(*state, &error), -EPROTONOSUPPORT, "has version");
}

static void keep_name(const struct store_reservation *r, void *ctx)
{
	char *names = ctx;

	snprintf(names + strlen(names), 512 - strlen(names), "%s for %s at %s with %u and %llu from %lld to %lld; ", r->name, r->users ? r->users : "-",
	         r->accounts ? r->accounts : "-", r->cpus_milli, (unsigned long long)r->mem_bytes, (long long)r->start_usec, (long long)r->end_usec);
}

static const char *reservations(struct store *store)
{
	static char names[512];
	struct mscg_error error = {0};

	names[0] = '\0';
	assert_ok(store_load_reservations(store, keep_name, names, &error));
	return names;
}

/* A database of a version without them gets the table; what is written is there after that, until it is taken back. */
static void test_reservations(void **state)
{
	struct store_reservation two[] = {{"night", NULL, "lab", 5, 9, 2000, 0, 77}, {"class", "1,2", NULL, 1, 2, 1000, 1, UINT64_C(1) << 40}};
	struct store_batch batch = {.reservations = two, .reservations_n = 2, .drained = -1};
	struct mscg_error error = {0};
	struct store *store = open_store(*state, NULL);

	assert_ok(fill(store, 1, 30, &error));
	store_close(store);
	with_sql(*state, "DROP TABLE reservation; PRAGMA user_version = 5");
	store = open_store(*state, NULL);
	assert_int_equal(query_int(store, "PRAGMA user_version"), STORE_VERSION);
	assert_int_equal(query_int(store, "SELECT count(*) FROM job"), 30);
	assert_string_equal(reservations(store), "");
	assert_ok(store_commit(store, &batch, &error));
	store_close(store);
	store = open_store(*state, NULL);
	assert_string_equal(reservations(store), "class for 1,2 at - with 1000 and 1099511627776 from 1 to 2; night for - at lab with 2000 and 77 from 5 to 9; ");
	two[0] = (struct store_reservation){"class", NULL, NULL, 1, 0, 0, 0, 0};
	batch.reservations_n = 1;
	assert_ok(store_commit(store, &batch, &error));
	assert_string_equal(reservations(store), "night for - at lab with 2000 and 77 from 5 to 9; ");
	store_close(store);
	with_sql(*state, "UPDATE reservation SET end_usec = 3");
	store = open_store(*state, NULL);
	assert_fails(store_load_reservations(store, keep_name, (char[512]){""}, &error), -EBADMSG, "reservation 'night'");
	store_close(store);
}

static void test_migration(void **state)
{
	struct mscg_error error = {0};
	struct store *store = open_store(*state, NULL);
	_cleanup_free_ char *copy = below(*state, "mscg.db.v" TEXT_OF(STORE_VERSION)), *old = below(*state, "old"), *db = below(*state, "old/mscg.db");

	assert_ok(fill(store, 1, 30, &error));
	store_close(store);
	/* A step that fails half-way: nothing has changed. */
	assert_fails(open_as(*state, STORE_VERSION + 1, "CREATE TABLE note(text); INSERT INTO none VALUES(1)", &error), -EIO, "none");
	assert_ok(try_open(*state, &error));
	store = open_store(*state, NULL);
	assert_int_equal(query_int(store, "SELECT count(*) FROM sqlite_schema WHERE name = 'note'"), 0);
	assert_int_equal(query_int(store, "SELECT count(*) FROM job"), 30);
	store_close(store);
	assert_int_equal(access(copy, F_OK), 0);

	assert_ok(open_as(*state, STORE_VERSION + 1, "CREATE TABLE note(text); INSERT INTO note VALUES('moved')", &error));
	with_sql(*state, "UPDATE note SET text = 'still here'");
	assert_ok(open_as(*state, STORE_VERSION + 1, "this is not run again", &error));
	assert_fails(try_open(*state, &error), -EPROTONOSUPPORT, "has version");
	/* The copy is what was there before, and is one file. */
	assert_int_equal(mkdir(old, 0700), 0);
	assert_int_equal(rename(copy, db), 0);
	store = open_store(old, NULL);
	assert_int_equal(query_int(store, "SELECT count(*) FROM job"), 30);
	assert_ok(store_integrity(store, &error));
	store_close(store);
}

/* ---- damage ---- */

struct seen {
	uint64_t sum;
	uint32_t rows;
};

static int see_row(struct mscg_row *row, void *ctx)
{
	struct seen *seen = ctx;

	seen->rows++;
	seen->sum = sum_mix(seen->sum, row->job.id.job * 1000 + (uint64_t)row->job.priority);
	mscg_row_clear(row);
	return 0;
}

/* Everything that a daemon reads, as one number. */
static int see_all(const char *dir, struct seen *ret, bool check, struct mscg_error *error)
{
	struct store_filter filter = {.uid = UINT32_MAX, .limit = UINT32_MAX};
	struct store *store;
	struct store_info info;
	struct store_record *record = NULL;
	struct mscg_event *event = NULL;
	uint32_t n = 0, events = 0;
	int r;

	*ret = (struct seen){0};
	if ((r = store_open(&store, dir, &info, error)) < 0)
		return r;
	if ((r = store_load_active(store, see_row, ret, error)) == 0 && (r = store_list(store, &filter, &record, &n, error)) == 0 &&
	    (r = store_events(store, 0, (struct mscg_id){0, 0}, UINT32_MAX, &event, &events, error)) == 0) {
		for (uint32_t i = 0; i < n; i++)
			ret->sum = sum_mix(ret->sum, sum_bytes(record[i].spec->comment, strlen(record[i].spec->comment)));
		for (uint32_t i = 0; i < n && r == 0; i++) {
			struct mscg_spec *spec = NULL;

			r = store_get_spec(store, record[i].row.job.id.job, true, &spec, error);
			for (char **e = r == 0 ? spec->env : NULL; e && *e; e++)
				ret->sum = sum_mix(ret->sum, sum_bytes(*e, strlen(*e)));
			mscg_spec_free(spec);
		}
		ret->sum = sum_mix(sum_mix(sum_mix(ret->sum, n), events), info.next_seq);
	}
	store_records_free(record, n);
	store_events_free(event, events);
	if (r == 0 && check)
		r = store_integrity(store, error);
	store_close(store);
	return r;
}

/* A child that is killed leaves its commits in the log. */
static void make_damageable(const char *dir)
{
	struct store *store;
	struct store_info info;
	struct mscg_error error = {0};
	struct mscg_spec *spec = mscg_spec_new();

	expect(store_open(&store, dir, &info, &error) == 0);
	expect(fill(store, 1, 100, &error) == 0);
	for (uint32_t job = 101; job <= 110; job++) {
		struct mscg_row row = {.job = {.id = {job, MSCG_NO_TASK}, .state = MSCG_STATE_COMPLETED}};
		struct mscg_event event = {.seq = job, .id = row.job.id};

		free(spec->comment);
		spec->comment = xasprintf("%u", job);
		strv_add(&spec->env, "A=long environment, so that there is something to damage there as well");
		struct store_new_spec new = {job, spec};
		struct store_batch batch = {.rows = &row, .rows_n = 1, .events = &event, .events_n = 1, .specs = &new, .specs_n = 1,
		                            .drained = -1};
		expect(store_commit(store, &batch, &error) == 0);
	}
	_exit(0);
}

static void test_damage(void **state)
{
	struct mscg_error error = {0};
	char *path[] = {below(*state, "mscg.db"), below(*state, "mscg.db-wal"), below(*state, "lock")};
	struct seen truth, seen;
	char *whole[3];
	size_t size[3];
	unsigned found = 0, harmless = 0;

	in_child(make_damageable, *state);
	for (int i = 0; i < 3; i++)
		whole[i] = read_file(path[i], &size[i]);
	assert_true(size[1] > 100000);
	assert_ok(see_all(*state, &truth, true, &error));
	/* Half of the rounds on a database that has it all, and no log. */
	char *settled;
	size_t settled_size;

	settled = read_file(path[0], &settled_size);
	for (int round = 0; round < 400; round++) {
		bool log = round % 2;
		char *data = log ? whole[1] : settled;
		size_t data_size = log ? size[1] : settled_size, at = rnd() % data_size;
		char *bad = xmalloc(data_size);
		int kind = round % 10 / 2;

		memcpy(bad, data, data_size);
		if (kind == 0) {
			size_t end = MIN_OF(data_size, at / 512 * 512 + 512);

			memset(bad + at / 512 * 512, 0, end - at / 512 * 512);
		} else if (kind == 1) {
			data_size = at;
		} else {
			bad[at] = (char)(bad[at] ^ (1 << rnd_below(8)));
		}
		write_file(path[2], whole[2], size[2]);
		if (log) {
			write_file(path[0], whole[0], size[0]);
			write_file(path[1], bad, data_size);
		} else {
			unlink(path[1]);
			write_file(path[0], bad, data_size);
		}
		int r = see_all(*state, &seen, true, &error);

		if (r == 0) {
			/* it was where nobody looks, or it says the same */
			assert_int_equal(seen.rows, truth.rows);
			assert_true(seen.sum == truth.sum);
			harmless++;
		} else {
			if (!strstr(error.text, *state))
				print_message("# round %d: %s\n", round, error.text);
			assert_true(r == -EBADMSG || r == -EPROTONOSUPPORT || r == -EIO);
			found++;
		}
		free(bad);
	}
	print_message("# damage: %u found, %u without consequence\n", found, harmless);
	assert_true(found > 100);
	free(settled);
	for (int i = 0; i < 3; i++) {
		free(whole[i]);
		free(path[i]);

	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, temp_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		T(test_makes_directories),
		T(test_settings),
		T(test_log_is_longer),
		T(test_only_one),
		T(test_reader_in_the_way),
		T(test_newer_version),
		T(test_reservations),
		T(test_not_a_database),
		T(test_directories_that_do_not_do),
		T(test_not_writable),
		T(test_full_disk),
		T(test_full_disk_at_work),
		T(test_read_only),
		T(test_migration),
		T(test_trial),
		T(test_damage),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("store_open", tests, NULL, NULL);
}
