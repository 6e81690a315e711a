/* The write-ahead log's file is kept longer than what is in it: to lengthen a file is a change of its inode as well, which
 * fdatasync(2) would have to write, and wait for, with each commit. What follows the last commit in the log is nothing to SQLite,
 * which leaves old commits there itself (https://www.sqlite.org/fileformat2.html#walformat). */
#include <fcntl.h>
#include <sys/stat.h>

#include "internal.h"

enum { HEADER = 32, FRAME = 24 + 4096, CHECKPOINT_PAGES = 4000, AHEAD = 256 * 1024 };

/* Fails where the disk is full, for one: then the log grows by itself, or says so. */
static void lengthen(struct store *store, int64_t to)
{
	static const char zeros[AHEAD];
	_cleanup_close_ int fd = openat(store->dir_fd, "mscg.db-wal", O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	store->log_bytes = MAX_OF(to, (int64_t)st.st_size);
	for (int64_t at = st.st_size; at < to;) {
		ssize_t n = pwrite(fd, zeros, (size_t)MIN_OF(to - at, (int64_t)sizeof zeros), at);
		if (n <= 0)
			return;
		at += n;
	}
}

/* After each commit; `pages` are in the log. It is begun anew when what is in it is in the database. */
static int committed(void *ctx, sqlite3 *db, const char *name, int pages)
{
	struct store *store = ctx;
	int64_t used = HEADER + (int64_t)pages * FRAME;

	if (pages >= CHECKPOINT_PAGES)
		sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	else if (used + AHEAD / 4 > store->log_bytes)
		lengthen(store, used + AHEAD);
	return SQLITE_OK;
}

void log_watch(struct store *store)
{
	store->log_bytes = 0;
	sqlite3_wal_hook(store->db, committed, store);
}
