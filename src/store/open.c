/* The state directory: its lock, its file, its connection. */
#include "src/base/fd.h"
#include "src/store/internal.h"
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>

#define LOCK_TEXT 96

/* One connection, no mmap (a torn page would be a signal), FULL: a commit is on the disk when it returns. EXCLUSIVE: no
 * other process can open the database while mscgd has it, and there is no shared memory file. The WAL is kept at its
 * size: what it has of the disk is there for the next commits also when others have filled the rest. */
static const char settings[] =
	"PRAGMA locking_mode = EXCLUSIVE;"
	"PRAGMA mmap_size = 0;"
	"PRAGMA temp_store = MEMORY;"
	"PRAGMA cache_size = -32768;"
	"PRAGMA cell_size_check = ON;"
	"PRAGMA trusted_schema = OFF;"
	"PRAGMA foreign_keys = OFF;"
	"PRAGMA secure_delete = FAST;" /* environments hold secrets; what costs no extra write is wiped */
	"PRAGMA synchronous = FULL;";

/* ---- the directory ---- */

/* A directory that was just made is itself a change of its parent that must be on the disk. */
static void sync_parents(int dir_fd)
{
	int fd = openat(dir_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int depth = 0; fd >= 0 && depth < 8; depth++) {
		fsync(fd);
		int up = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		fd = up;
	}
	if (fd >= 0)
		close(fd);
}

static int dir_error(struct mscg_error *error, int code, const char *dir)
{
	if (code == -ENOTDIR)
		return mscg_error_set(error, code, "the state directory %s is not a directory", dir);
	return mscg_error_set(error, code, "cannot use the state directory %s: %s", dir, strerror(-code));
}

static int open_dir(struct store *store, const char *dir, struct mscg_error *error)
{
	char absolute[PATH_MAX];
	struct stat st;
	bool made = false;

	if (stat(dir, &st) < 0 && errno == ENOENT) {
		int r = fd_make_dirs(dir, 0700);
		if (r < 0)
			return dir_error(error, r, dir);
		made = true;
	}
	store->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->dir_fd < 0)
		return dir_error(error, -errno, dir);
	if (made)
		sync_parents(store->dir_fd);
	/* Whoever may write there could put another file in the database's place. */
	if (fstat(store->dir_fd, &st) < 0)
		return dir_error(error, -errno, dir);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return mscg_error_set(error, -EPERM, "the state directory %s belongs to uid %u, not to uid %u who runs mscgd", dir,
		                      (unsigned)st.st_uid, (unsigned)geteuid());
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return mscg_error_set(error, -EPERM, "the state directory %s may be written by others (mode %03o): chmod 0700 it", dir,
		                      (unsigned)(st.st_mode & 0777));
	if (faccessat(store->dir_fd, ".", W_OK | X_OK, AT_EACCESS) < 0) {
		int code = -errno;
		return mscg_error_set(error, code, "cannot write in the state directory %s: %s", dir, strerror(-code));
	}
	if (!realpath(dir, absolute))
		return dir_error(error, -errno, dir);
	if (strlen(absolute) >= sizeof(store->dir) - 64)
		return dir_error(error, -ENAMETOOLONG, dir);
	snprintf(store->dir, sizeof(store->dir), "%s", absolute);
	return 0;
}

/* ---- the lock ----
 *
 * "<pid>\n<instance>\n<next seq>\n". The last is written after every commit and never synced: after a power cut it may
 * be old, but it is never ahead of the database. A database that is behind it has lost commits: a damaged write-ahead log
 * ends at the damage, and SQLite says nothing about what came after.
 */

struct lock {
	int                pid;
	char               instance[40];
	unsigned long long next_seq;
};

static void read_lock(struct store *store, struct lock *lock)
{
	char text[LOCK_TEXT];
	ssize_t n = pread(store->lock_fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	*lock = (struct lock){.pid = (int)strtol(text, NULL, 10)};
	const char *line = strchr(text, '\n');
	if (!line)
		return;
	snprintf(lock->instance, sizeof(lock->instance), "%.*s", (int)strcspn(line + 1, " \n"), line + 1);
	if (streq(lock->instance, "-"))
		lock->instance[0] = '\0';
	line = strchr(line + 1, '\n');
	lock->next_seq = line ? strtoull(line, NULL, 10) : 0;
}

static int write_lock(struct store *store, const char *instance, uint64_t next_seq)
{
	char text[LOCK_TEXT];
	/* of one length, so that a write is never a shorter one over a longer */
	int size = snprintf(text, sizeof(text), "%d\n%-36s\n%020llu\n", (int)getpid(),
	                    *instance ? instance : "-", (unsigned long long)next_seq);

	errno = ENOSPC;
	if (pwrite(store->lock_fd, text, (size_t)size, 0) != size)
		return -errno;
	return 0;
}

void store_mark(struct store *store)
{
	if (store->kept.next_seq == store->marked_seq)
		return;
	/* Of no use to nobody when it fails: it only has to be no more than what is there. */
	if (write_lock(store, store->instance, store->kept.next_seq) == 0)
		store->marked_seq = store->kept.next_seq;
}

/* A mscgd that was killed may leave a child that has not come to its exec yet: the lock is its too until then. */
static bool holder_is_dead(const struct lock *lock)
{
	return lock->pid > 0 && kill(lock->pid, 0) < 0 && errno == ESRCH;
}

static int take_lock(struct store *store, struct lock *lock, struct mscg_error *error)
{
	store->lock_fd = openat(store->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (store->lock_fd < 0) {
		int code = -errno;
		return mscg_error_set(error, code, "cannot write in the state directory %s: %s", store->dir, strerror(-code));
	}
	if (flock(store->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		int code = -errno;
		if (code != -EWOULDBLOCK)
			return mscg_error_set(error, code, "cannot lock %s/lock: %s", store->dir, strerror(-code));
		read_lock(store, lock);
		if (lock->pid > 0)
			return mscg_error_set(error, holder_is_dead(lock) ? -EAGAIN : -EBUSY, "the state directory %s is in use by another mscgd (pid %d)",
			                      store->dir, lock->pid);
		return mscg_error_set(error, -EBUSY, "the state directory %s is in use by another mscgd", store->dir);
	}
	read_lock(store, lock);
	return 0;
}

static int sign_lock(struct store *store, const char *instance, uint64_t next_seq, struct mscg_error *error)
{
	int code = write_lock(store, instance, next_seq);
	return code == 0 ? 0 : mscg_error_set(error, code, "cannot write %s/lock: %s", store->dir, strerror(-code));
}

/* Does the database have what was last said to be in it? */
static int check_lock(struct store *store, const struct lock *lock, struct mscg_error *error)
{
	if (lock->instance[0] && !streq(lock->instance, store->instance))
		return mscg_error_set(error, -EBADMSG,
		                      "%s/mscg.db is of another instance (%s, not %s): to go on from it, remove %s/lock", store->dir,
		                      store->instance, lock->instance, store->dir);
	if (lock->next_seq > store->kept.next_seq)
		return mscg_error_set(error, -EBADMSG,
		                      "%s/mscg.db lacks events %llu to %llu: it is damaged, or an old copy. To go on from it, remove "
		                      "%s/lock", store->dir, (unsigned long long)store->kept.next_seq, lock->next_seq - 1, store->dir);
	return 0;
}

/* ---- the file ---- */

/* Makes it before SQLite would, so that it is nobody else's to read. Before the connection: closing any descriptor of
 * the file would drop SQLite's locks. */
static int touch_file(struct store *store, const char *instance, struct mscg_error *error)
{
	_cleanup_close_ int fd = openat(store->dir_fd, "mscg.db", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		int code = -errno;
		return mscg_error_set(error, code, "cannot open %s/mscg.db: %s", store->dir, strerror(-code));
	}
	if (!S_ISREG(st.st_mode))
		return mscg_error_set(error, -EBADMSG, "%s/mscg.db is not a regular file", store->dir);
	/* An empty one is new, but not where there was another before. */
	if (st.st_size == 0 && instance[0])
		return mscg_error_set(error, -EBADMSG,
		                      "%s/mscg.db is gone or empty, and there was one (%s): restore a backup, or remove %s/lock to "
		                      "begin anew", store->dir, instance, store->dir);
	if (st.st_size == 0 && fsync(store->dir_fd) < 0) {
		int code = -errno;
		return mscg_error_set(error, code, "cannot write the state directory %s: %s", store->dir, strerror(-code));
	}
	return 0;
}

static int use_wal(struct store *store, struct mscg_error *error)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(store->db, "PRAGMA journal_mode = WAL", -1, &st, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	/* The answer is the mode that it is in now. */
	bool wal = rc == SQLITE_ROW && streq((const char *)sqlite3_column_text(st, 0), "wal");
	int r = 0;
	if (rc != SQLITE_ROW)
		r = sql_error(store, rc, error, "cannot open the database");
	else if (!wal)
		r = mscg_error_set(error, -EIO, "cannot open %s/mscg.db: its file system does not do for a write-ahead log",
		                   store->dir);
	sqlite3_finalize(st);
	return r;
}

static int connect_db(struct store *store, struct mscg_error *error)
{
	_cleanup_free_ char *path = xasprintf("%s/mscg.db", store->dir);
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	int on, version, r, rc = sqlite3_open_v2(path, &store->db, flags, NULL);

	if (rc != SQLITE_OK)
		return sql_error(store, rc, error, "cannot open the database");
	sqlite3_busy_timeout(store->db, 2000);
	sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, &on);
	if (sqlite3_db_readonly(store->db, "main")) {
		int code = faccessat(store->dir_fd, "mscg.db", W_OK, AT_EACCESS) < 0 ? -errno : -EROFS;
		return mscg_error_set(error, code, "cannot write %s: %s", path, strerror(-code));
	}
	if ((r = sql_exec(store, settings, error)) < 0)
		return r;
	/* What is refused is left as it was found. */
	sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, &on);
	if ((r = schema_check(store, &version, error)) < 0 ||
	    (r = use_wal(store, error)) < 0 ||
	    (r = schema_prepare(store, version, error)) < 0 ||
	    (r = sql_prepare_all(store, error)) < 0 ||
	    (r = meta_load(store, error)) < 0 ||
	    (r = total_load(store, error)) < 0)
		return r;
	sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, &on);
	log_watch(store);
	return 0;
}

void store_disconnect(struct store *store)
{
	if (store->copy)
		copy_lost(store->copy);
	sql_finalize_all(store);
	text_forget(store);
	memset(store->old, 0, sizeof(store->old));
	sqlite3_close(store->db);
	store->db = NULL;
}

int store_ready(struct store *store, struct mscg_error *error)
{
	if (store->db)
		return 0;
	store->kept = (struct kept){0};
	store->since_usec = 0;
	store->ended_high = INT64_MAX;
	int r = connect_db(store, error);
	if (r == 0 && store->kept.next_seq < store->marked_seq)
		r = mscg_error_set(error, -EBADMSG, "%s/mscg.db is damaged (opened anew, it lacks commits)", store->dir);
	if (r < 0)
		store_disconnect(store);
	return r;
}

/* ---- opening and closing ---- */

/* The log has to be made, and that needs an inode and some room. */
static int ready_with_ballast(struct store *store, struct mscg_error *error)
{
	int r = store_ready(store, error);

	while ((r == -ENOSPC || r == -EDQUOT) && store_ballast_drop(store))
		r = store_ready(store, error);
	return r;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	store_disconnect(store);
	if (store->lock_fd >= 0)
		close(store->lock_fd);
	if (store->dir_fd >= 0)
		close(store->dir_fd);
	buf_free(&store->pack);
	free(store->keys);
	buf_free(&store->pack_run);
	free(store);
}

static void cleanup_store(struct store **store)
{
	store_close(*store);
}

int store_open_schema(struct store **ret, const char *dir, const struct schema *schema, bool on_trial, struct store_info *ret_info,
                      struct mscg_error *error)
{
	_cleanup_(cleanup_store) struct store *store = xcalloc(1, sizeof(*store));
	struct lock lock;
	int r;

	/* Counting its memory costs SQLite two locks an allocation. Too late (and no harm) where it is in use already. */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	store->dir_fd = store->lock_fd = -1;
	store->schema = schema;
	store->on_trial = on_trial;
	if ((r = open_dir(store, dir, error)) < 0 ||
	    (r = take_lock(store, &lock, error)) < 0 ||
	    (r = sign_lock(store, lock.instance, lock.next_seq, error)) < 0 ||
	    (r = touch_file(store, lock.instance, error)) < 0 ||
	    (r = ready_with_ballast(store, error)) < 0 ||
	    (r = check_lock(store, &lock, error)) < 0 ||
	    (r = sign_lock(store, store->instance, store->kept.next_seq, error)) < 0)
		return r;

	if ((r = store_get_info(store, ret_info, error)) < 0)
		return r;
	*ret = steal(&store);
	return 0;
}

int store_get_info(struct store *store, struct store_info *ret, struct mscg_error *error)
{
	int r = store_ready(store, error);
	if (r < 0)
		return r;
	struct store_info info = {
		.next_job_id = store->kept.next_job_id,
		.next_seq    = store->kept.next_seq,
		.drained     = store->kept.drained,
		.created     = store->created,
	};
	snprintf(info.instance, sizeof(info.instance), "%s", store->instance);
	snprintf(info.boot_id, sizeof(info.boot_id), "%s", store->boot_id);
	*ret = info;
	return 0;
}

int store_open(struct store **ret, const char *dir, struct store_info *ret_info, struct mscg_error *error)
{
	return store_open_schema(ret, dir, &schema_now, false, ret_info, error);
}

int store_open_trial(struct store **ret, const char *dir, struct store_info *ret_info, struct mscg_error *error)
{
	return store_open_schema(ret, dir, &schema_now, true, ret_info, error);
}

int store_settle(struct store *store, struct mscg_error *error)
{
	store->on_trial = false;
	if (store->db && (sqlite3_get_autocommit(store->db) || sql_exec(store, "COMMIT", error) == 0))
		return 0;
	/* Made anew, in the room of the ballast where the disk is full. */
	store_disconnect(store);
	return ready_with_ballast(store, error);
}
