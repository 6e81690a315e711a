#include "src/base/fd.h"

#include "src/base/base.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>

int fd_write_all(int fd, const void *data, size_t size)
{
	const char *p = data;

	while (size > 0) {
		ssize_t n = write(fd, p, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		p += n;
		size -= (size_t)n;
	}
	return 0;
}

ssize_t fd_read_all(int fd, void *data, size_t size)
{
	char *p = data;
	size_t used = 0;

	while (used < size) {
		ssize_t n = read(fd, p + used, size - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		used += (size_t)n;
	}
	return (ssize_t)used;
}

int fd_read_file_at(int dirfd, const char *name, size_t max, char **ret_text, size_t *ret_size)
{
	_cleanup_close_ int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *text = NULL;
	size_t cap = 0, used = 0;

	if (fd < 0)
		return -errno;
	/* The size is not asked for: files of the kernel say 0. One byte more than `max` tells too much from enough. */
	do {
		ssize_t n;

		cap = MIN_OF(cap ? cap * 2 : 4096, max + 1);
		text = xrealloc(text, cap + 1);
		n = fd_read_all(fd, text + used, cap - used);
		if (n < 0)
			return (int)n;
		used += (size_t)n;
	} while (used == cap && used <= max);
	if (used > max)
		return -EFBIG;
	text[used] = '\0';
	if (ret_size)
		*ret_size = used;
	*ret_text = steal(&text);
	return 0;
}

/* Makes a new file beside `name`, whose name is left in temp. */
static int create_beside(int dirfd, const char *name, char *temp, size_t size)
{
	static atomic_uint counter;
	const char *slash = strrchr(name, '/');
	int dir = slash ? (int)(slash + 1 - name) : 0;

	/* What a process of the same pid left behind is stepped over, not reused. */
	for (int tries = 0; tries < 1000; tries++) {
		int n = snprintf(temp, size, "%.*s.mscg-%d-%u.tmp", dir, name, (int)getpid(), atomic_fetch_add(&counter, 1));
		int fd;

		if (n < 0 || (size_t)n >= size)
			return -ENAMETOOLONG;
		fd = openat(dirfd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd >= 0)
			return fd;
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

int fd_replace_file_at(int dirfd, const char *name, const void *data, size_t size, mode_t mode)
{
	char temp[4096];
	_cleanup_close_ int fd = create_beside(dirfd, name, temp, sizeof temp);
	int r;

	if (fd < 0)
		return fd;
	r = fd_write_all(fd, data, size);
	/* The mode that was asked for, not what the umask leaves of it. */
	if (r == 0 && fchmod(fd, mode) < 0)
		r = -errno;
	if (r == 0 && renameat(dirfd, temp, dirfd, name) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(dirfd, temp, 0);
	return r;
}

static int make_dir(const char *path, mode_t mode)
{
	struct stat st;
	int err;

	if (mkdir(path, mode) == 0)
		return 0;
	/* A read-only file system may say EROFS of a directory that is there. */
	err = errno;
	if (stat(path, &st) == 0)
		return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
	return -err;
}

int fd_make_dirs(const char *path, mode_t mode)
{
	_cleanup_free_ char *copy = xstrdup(path);
	int r;

	if (*path == '\0')
		return -ENOENT;
	for (char *p = copy + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		r = make_dir(copy, mode);
		*p = '/';
		if (r < 0)
			return r;
	}
	return make_dir(copy, mode);
}
