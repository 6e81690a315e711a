/* Backup: SQLite's own copy, some pages between two commits, into a file of the state directory that has no name any more
 * when it is whole; and that is what the client is given, to read. So nothing is ever opened by a name that the client
 * chose, nor written to a file of a server (FUSE, NFS) that does not answer. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <syslog.h>

#include "daemon.h"
#include "src/base/fd.h"

enum { PAGES_A_STEP = 256 };
#define COPY_NAME "backup.copy"
static const uint64_t room_to_leave = 16 << 20;

struct backup {
	struct work work; /* first */
	struct daemon  *d;
	struct request *request;
	struct store_copy *copy;
	char    *path;
	int      from; /* the copy, when it is whole */
	bool     give_up;
	int      result;
	struct mscg_error error;
};

/* Of a mscgd that was killed in the middle of one. */
static void remove_old(const char *dir)
{
	DIR *d = opendir(dir);
	const struct dirent *entry;

	while (d && (entry = readdir(d)))
		if (strncmp(entry->d_name, COPY_NAME, strlen(COPY_NAME)) == 0)
			unlinkat(dirfd(d), entry->d_name, 0);
	if (d)
		closedir(d);
}

static uint64_t size_of(const char *dir, const char *name)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, name);
	struct stat st;

	return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* What fills the disk would keep jobs from being submitted. */
static int check_room(const char *dir, struct mscg_error *error)
{
	uint64_t need = size_of(dir, "mscg.db") + size_of(dir, "mscg.db-wal") + room_to_leave;
	struct statvfs fs;

	if (statvfs(dir, &fs) < 0)
		return mscg_error_set(error, -errno, "cannot look at %s: %s", dir, strerror(errno));
	if ((uint64_t)fs.f_bavail * fs.f_frsize < need)
		return mscg_error_set(error, -ENOSPC, "a backup takes %llu MiB in %s while it is made, and %llu are free",
		                      (unsigned long long)(need >> 20), dir, (unsigned long long)((uint64_t)fs.f_bavail * fs.f_frsize >> 20));
	return 0;
}

static int start_copy(struct backup *b, struct store *store)
{
	const char *dir = b->d->config.state_dir;
	int r = check_room(dir, &b->error);

	if (r < 0)
		return r;
	remove_old(dir);
	b->path = xasprintf("%s/" COPY_NAME, dir);
	return store_copy_start(store, b->path, &b->copy, &b->error);
}

static int step_copy(struct backup *b)
{
	bool done;
	int r = store_copy_step(b->copy, PAGES_A_STEP, &done, &b->error);

	if (r < 0 || !done)
		return r;
	store_copy_free(steal(&b->copy));
	b->from = open(b->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	r = b->from < 0 ? mscg_error_set(&b->error, -errno, "cannot open %s: %s", b->path, strerror(errno)) : 0;
	unlink(b->path);
	return r;
}

static void backup_run(struct work *work, struct store *store)
{
	struct backup *b = container_of(work, struct backup, work);

	if (b->give_up)
		b->result = -ECANCELED;
	else if (b->copy)
		b->result = step_copy(b);
	else
		b->result = start_copy(b, store);
	if (b->result < 0 && b->copy)
		store_copy_free(steal(&b->copy)); /* uses the connection: here, not in done */
}

static void backup_free(struct backup *b)
{
	store_copy_free(b->copy);
	cleanup_close(&b->from);
	free(b->path);
	free(b);
}

static void backup_done(struct work *work, void *ctx)
{
	struct backup *b = container_of(work, struct backup, work);
	struct request *r = b->request;

	(void)ctx;
	if (b->result == 0 && b->from < 0 && !committer_is_stopping(b->d->committer)) {
		b->give_up = !r->client;
		committer_submit(b->d->committer, &b->work);
		return;
	}
	if (b->result == 0 && b->from < 0)
		b->result = mscg_error_set(&b->error, -ECONNREFUSED, "mscgd is leaving");
	if (b->result < 0 && r->client)
		log_line(LOG_WARNING, "no backup: %s", b->error.text);
	if (b->result < 0)
		request_fail(r, b->result, &b->error);
	else
		request_reply_fd(r, json_object(), b->from);
	backup_free(b);
}

void backup_start(struct request *r)
{
	struct backup *b = xcalloc(1, sizeof *b);

	*b = (struct backup){ .work = { .run = backup_run, .done = backup_done }, .d = r->d, .request = r, .from = -1 };
	committer_submit(r->d->committer, &b->work);
}
