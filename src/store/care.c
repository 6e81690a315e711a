/* Backup, check, and letting go of what is old. */
#include "src/store/internal.h"
#include <fcntl.h>
#include <sys/stat.h>

/* ---- backup ---- */

struct store_copy {
	struct store   *store;
	sqlite3        *to;
	sqlite3_backup *backup;
	char           *path, *temporary;
};

static int copy_error(struct store_copy *copy, int rc, struct mscg_error *error)
{
	int code = (rc & 0xff) == SQLITE_FULL ? -ENOSPC : (rc & 0xff) == SQLITE_NOMEM ? -ENOMEM : -EIO;
	int saved = copy->to ? sqlite3_system_errno(copy->to) : 0;
	if (code == -EIO && (saved == ENOSPC || saved == EDQUOT || saved == EROFS || saved == EACCES))
		code = -saved;
	return mscg_error_set(error, code, "cannot write the backup %s: %s (%s)", copy->path, strerror(-code),
	                      sqlite3_errstr(rc));
}

void copy_lost(struct store_copy *copy)
{
	if (copy->backup)
		sqlite3_backup_finish(copy->backup);
	copy->backup = NULL;
	copy->store->copy = NULL;
	copy->store = NULL;
}

void store_copy_free(struct store_copy *copy)
{
	if (!copy)
		return;
	if (copy->store)
		copy_lost(copy);
	sqlite3_close(copy->to);
	if (copy->temporary)
		unlink(copy->temporary);
	free(copy->temporary);
	free(copy->path);
	free(copy);
}

static void cleanup_copy(struct store_copy **copy)
{
	store_copy_free(*copy);
}

int store_copy_start(struct store *store, const char *path, struct store_copy **ret, struct mscg_error *error)
{
	_cleanup_(cleanup_copy) struct store_copy *copy = NULL;
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r, rc;

	if ((r = store_ready(store, error)) < 0)
		return r;
	if (store->copy)
		return mscg_error_set(error, -EBUSY, "a backup is being written already (%s)", store->copy->path);
	if (lstat(path, &st) == 0)
		return mscg_error_set(error, -EEXIST, "%s is there already: a backup replaces nothing", path);
	copy = xcalloc(1, sizeof(*copy));
	copy->path = xstrdup(path);
	char *temporary = xasprintf("%s.%d.tmp", path, (int)getpid());
	fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		int code = -errno;
		free(temporary);
		return mscg_error_set(error, code, "cannot make the backup %s: %s", path, strerror(-code));
	}
	copy->temporary = temporary; /* ours from here on */
	rc = sqlite3_open_v2(temporary, &copy->to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
	if (rc == SQLITE_OK)
		copy->backup = sqlite3_backup_init(copy->to, "main", store->db, "main");
	if (!copy->backup)
		return copy_error(copy, rc != SQLITE_OK ? rc : sqlite3_errcode(copy->to), error);
	copy->store = store;
	store->copy = copy;
	*ret = steal(&copy);
	return 0;
}

/* Rollback journal instead of WAL, so that the copy is one file; then its name, which says that it is whole. */
static int finish(struct store_copy *copy, struct mscg_error *error)
{
	int rc = sqlite3_backup_finish(copy->backup);
	copy->backup = NULL;
	copy_lost(copy);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(copy->to, "PRAGMA synchronous = FULL; PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		return copy_error(copy, rc, error);
	sqlite3_close(copy->to);
	copy->to = NULL;

	_cleanup_close_ int fd = open(copy->temporary, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *dir = xstrdup(copy->path);
	char *slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir] = '\0';
	_cleanup_close_ int dir_fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* link, not rename: it replaces nothing */
	if (fd < 0 || dir_fd < 0 || fsync(fd) < 0 || link(copy->temporary, copy->path) < 0 || fsync(dir_fd) < 0) {
		int code = -errno;
		return mscg_error_set(error, code, "cannot write the backup %s: %s", copy->path, strerror(-code));
	}
	return 0;
}

int store_copy_step(struct store_copy *copy, uint32_t pages, bool *ret_done, struct mscg_error *error)
{
	/* Lost in between (EIO): its pages are not to be had any more. */
	if (!copy->store)
		return mscg_error_set(error, -EIO, "cannot write the backup %s: the database had to be opened anew", copy->path);
	int rc = sqlite3_backup_step(copy->backup, (int)MIN_OF(pages, (uint32_t)INT32_MAX));
	if (rc != SQLITE_OK && rc != SQLITE_DONE)
		return copy_error(copy, rc, error);
	*ret_done = rc == SQLITE_DONE;
	return rc == SQLITE_DONE ? finish(copy, error) : 0;
}

int store_backup(struct store *store, const char *path, struct mscg_error *error)
{
	_cleanup_(cleanup_copy) struct store_copy *copy = NULL;
	bool done;
	int r = store_copy_start(store, path, &copy, error);
	return copy ? store_copy_step(copy, INT32_MAX, &done, error) : r;
}

/* ---- check ---- */

static int check_pages(struct store *store, struct mscg_error *error)
{
	sqlite3_stmt *st = NULL;
	int r = 0, rc = sqlite3_prepare_v2(store->db, "PRAGMA integrity_check(1)", -1, &st, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	const char *says = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(st, 0) : NULL;
	if (rc != SQLITE_ROW)
		r = sql_error(store, rc, error, "cannot check");
	else if (!streq(says, "ok"))
		r = mscg_error_set(error, -EBADMSG, "%s/mscg.db is damaged: %s", store->dir, says ? says : "?");
	sqlite3_finalize(st);
	return r;
}

static int check_specs(struct store *store, struct mscg_error *error)
{
	_cleanup_reset_ sqlite3_stmt *st = store->st[ST_SPEC_ALL];
	int rc, r;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct mscg_spec *spec;
		if ((r = spec_read_row(store, st, false, &spec, error)) < 0)
			return r;
		mscg_spec_free(spec);
	}
	return rc == SQLITE_DONE ? 0 : sql_error(store, rc, error, "cannot read");
}

static int check_events(struct store *store, struct mscg_error *error)
{
	_cleanup_reset_ sqlite3_stmt *st = store->st[ST_EVENT_ALL];
	int rc, r;
	sqlite3_bind_int64(st, 1, 0);
	sqlite3_bind_int64(st, 2, -1);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct mscg_event event;
		if ((r = event_read(store, st, &event, error)) < 0)
			return r;
		mscg_event_clear(&event);
	}
	return rc == SQLITE_DONE ? 0 : sql_error(store, rc, error, "cannot read");
}

int store_integrity(struct store *store, struct mscg_error *error)
{
	int r;
	if ((r = store_ready(store, error)) < 0 || (r = check_pages(store, error)) < 0 ||
	    (r = total_check(store, error)) < 0 || (r = check_specs(store, error)) < 0 || (r = text_check(store, error)) < 0)
		return r;
	return check_events(store, error);
}

/* ---- pruning ---- */

static int delete_events(struct store *store, int64_t first, int64_t last, struct mscg_error *error)
{
	sqlite3_stmt *st = store->st[ST_EVENT_DELETE];
	sqlite3_bind_int64(st, 1, first);
	sqlite3_bind_int64(st, 2, last);
	int rc = sql_run(st);
	return rc == SQLITE_OK ? 0 : sql_error(store, rc, error, "cannot delete events");
}

/* The oldest come first. Some may carry a time from a clock that was wrong and stay for now; those behind them are reached
 * all the same, within reason. */
static int old_events(struct store *store, int64_t before_usec, uint32_t limit, int64_t *seq, uint32_t *ret_n,
                      struct mscg_error *error)
{
	_cleanup_reset_ sqlite3_stmt *st = store->st[ST_EVENT_AGES];
	int rc = SQLITE_DONE;
	*ret_n = 0;
	sqlite3_bind_int64(st, 1, (int64_t)limit * 4);
	while (*ret_n < limit && (rc = sqlite3_step(st)) == SQLITE_ROW)
		if (sqlite3_column_int64(st, 1) < before_usec)
			seq[(*ret_n)++] = sqlite3_column_int64(st, 0);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : sql_error(store, rc, error, "cannot read the journal");
}

int store_prune_events(struct store *store, int64_t before_usec, uint32_t limit, struct mscg_error *error)
{
	limit = MIN_OF(limit, 100000u);
	_cleanup_free_ int64_t *seq = xreallocarray(NULL, (size_t)limit + 1, sizeof(*seq));
	uint32_t n;
	int r;

	if ((r = store_ready(store, error)) < 0 || (r = old_events(store, before_usec, limit, seq, &n, error)) < 0)
		return r;
	if (n == 0)
		return 0;
	if ((r = sql_begin(store, error)) < 0)
		return r;
	for (uint32_t i = 0, first = 0; i < n && r == 0; i++)
		if (i + 1 == n || seq[i + 1] != seq[i] + 1) {
			r = delete_events(store, seq[first], seq[i], error);
			first = i + 1;
		}
	/* The newest may be among them. */
	if (r == 0)
		r = meta_set_int(store, "next_seq", (int64_t)store->kept.next_seq, error);
	r = sql_end(store, r, error);
	return r < 0 ? r : (int)n;
}

static int yes(struct store *store, sqlite3_stmt *borrowed, int64_t *ret, struct mscg_error *error)
{
	_cleanup_reset_ sqlite3_stmt *st = borrowed;
	int rc = sqlite3_step(st);
	*ret = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? rc == SQLITE_ROW : sql_error(store, rc, error, "cannot read the jobs");
}

static int delete_spec(struct store *store, uint32_t job, struct mscg_error *error)
{
	int64_t text[3] = {0};
	int rc, r = 0;
	{
		_cleanup_reset_ sqlite3_stmt *st = store->st[ST_SPEC_DELETE];
		sqlite3_bind_int64(st, 1, job);
		while ((rc = sqlite3_step(st)) == SQLITE_ROW)
			for (int i = 0; i < (int)ARRAY_SIZE(text); i++)
				text[i] = sqlite3_column_int64(st, i);
		if (rc != SQLITE_DONE)
			return sql_error(store, rc, error, "cannot delete a job");
	}
	for (int i = 0; i < (int)ARRAY_SIZE(text) && r == 0; i++)
		if (text[i])
			r = text_drop(store, text[i], error);
	return r;
}

/* Takes the job out of the totals too: they say what the rows say. */
static int delete_job(struct store *store, int64_t key, struct mscg_error *error)
{
	struct mscg_row row = {0};
	int64_t waiting = 0, others = 0;
	int r;
	{
		_cleanup_reset_ sqlite3_stmt *st = store->st[ST_JOB_GET];
		sqlite3_bind_int64(st, 1, key);
		int rc = sqlite3_step(st);
		if (rc != SQLITE_ROW)
			return sql_error(store, rc, error, "cannot read the jobs");
		if ((r = row_read(store, st, &row, error)) < 0)
			return r;
		waiting = sqlite3_column_int64(st, JOB_waiting);
	}
	const struct sums_of old = sums_of_row(&row, (uint64_t)waiting), none = {.state = -1};
	mscg_row_clear(&row);
	sums_change(&store->kept, &old, &none);

	sqlite3_bind_int64(store->st[ST_JOB_DELETE], 1, key);
	int rc = sql_run(store->st[ST_JOB_DELETE]);
	if (rc != SQLITE_OK)
		return sql_error(store, rc, error, "cannot delete a job");
	uint32_t job = key_id(key).job;
	sqlite3_bind_int64(store->st[ST_JOB_OTHERS], 1, key_first(job));
	sqlite3_bind_int64(store->st[ST_JOB_OTHERS], 2, key_last(job));
	if ((r = yes(store, store->st[ST_JOB_OTHERS], &others, error)) < 0)
		return r;
	return others ? 0 : delete_spec(store, job, error);
}

/* A task goes only once its array has ended, or the array could never say how it went. */
static int may_go(struct store *store, int64_t key, struct mscg_error *error)
{
	struct mscg_id id = key_id(key);
	int64_t outcome;
	if (id.task == MSCG_NO_TASK)
		return 1;
	sqlite3_bind_int64(store->st[ST_JOB_RECORD], 1, key_first(id.job));
	int r = yes(store, store->st[ST_JOB_RECORD], &outcome, error);
	return r < 0 ? r : r == 0 || outcome != OUTCOME_NONE;
}

static int old_jobs(struct store *store, int64_t before_usec, uint32_t limit, int64_t *key, uint32_t *ret_n,
                    struct mscg_error *error)
{
	_cleanup_reset_ sqlite3_stmt *st = store->st[ST_JOB_ENDED];
	int rc = SQLITE_DONE;
	*ret_n = 0;
	sqlite3_bind_int64(st, 1, before_usec);
	sqlite3_bind_int64(st, 2, (int64_t)limit * 4);
	while (*ret_n < limit && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		int r = may_go(store, sqlite3_column_int64(st, 0), error);
		if (r < 0)
			return r;
		if (r > 0)
			key[(*ret_n)++] = sqlite3_column_int64(st, 0);
	}
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : sql_error(store, rc, error, "cannot read the jobs");
}

int store_prune_jobs(struct store *store, int64_t before_usec, uint32_t limit, struct mscg_error *error)
{
	limit = MIN_OF(limit, 100000u);
	_cleanup_free_ int64_t *key = xreallocarray(NULL, (size_t)limit + 1, sizeof(*key));
	uint32_t n;
	int r;

	if ((r = store_ready(store, error)) < 0 || (r = old_jobs(store, before_usec, limit, key, &n, error)) < 0)
		return r;
	if (n == 0)
		return 0;
	struct kept before = store->kept;
	if ((r = sql_begin(store, error)) < 0)
		return r;
	for (uint32_t i = 0; i < n && r == 0; i++)
		r = delete_job(store, key[i], error);
	/* The newest job may be among them. */
	if (r == 0)
		r = meta_set_int(store, "next_job_id", store->kept.next_job_id, error);
	if (r == 0)
		r = total_flush(store, error);
	r = sql_end(store, r, error);
	text_forget(store); /* some are no more */
	memset(store->old, 0, sizeof(store->old));
	if (r < 0) {
		store->kept = before;
		return r;
	}
	return (int)n;
}
