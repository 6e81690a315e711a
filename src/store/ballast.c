/* Room that is kept for when there is none left. */
#include "src/base/fd.h"
#include "src/store/internal.h"
#include <fcntl.h>
#include <sys/stat.h>

/* Ends of a few thousand jobs: each is a row, a few events, and their indices. */
#define BALLAST_SIZE ((off_t)4 << 20)
/* What fills the disk may take what is given up before the database does: it is not given up all at once. */
#define BALLAST_STEP ((off_t)256 << 10)
#define PROBE_SIZE   4096

static const char name[] = "ballast";

/* Written and not only allocated: a file system that refuses to be written says so here. */
static int fill(int fd)
{
	char page[PROBE_SIZE] = {0};

	if (fallocate(fd, 0, 0, BALLAST_SIZE) < 0) {
		int r = errno == EOPNOTSUPP ? posix_fallocate(fd, 0, BALLAST_SIZE) : errno;
		if (r)
			return -r;
	}
	if (pwrite(fd, page, sizeof(page), 0) < 0 || fdatasync(fd) < 0)
		return -errno;
	return 0;
}

int store_ballast_fill(struct store *store, struct mscg_error *error)
{
	int fd = openat(store->dir_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	int r = fd < 0 ? -errno : fill(fd);

	if (fd >= 0)
		close(fd);
	if (r == 0)
		return 0;
	/* Half of it is not kept: who frees the disk for others frees it for the database first. */
	if (r == -ENOSPC || r == -EDQUOT)
		unlinkat(store->dir_fd, name, 0);
	return mscg_error_set(error, r, "%s: %s", store->dir, strerror(-r));
}

bool store_ballast_drop(struct store *store)
{
	_cleanup_close_ int fd = openat(store->dir_fd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > BALLAST_STEP && ftruncate(fd, st.st_size - BALLAST_STEP) == 0)
		return true;
	return unlinkat(store->dir_fd, name, 0) == 0;
}
