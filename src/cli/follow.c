/* Following a file. */
#include "follow.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "src/base/fd.h"

enum { PART = 64 * 1024 };

void follow_start(struct follow *f, const char *path, int to, int inotify)
{
	*f = (struct follow){.path = path, .to = to, .fd = -1, .inotify = inotify};
}

void follow_end(struct follow *f)
{
	cleanup_close(&f->fd);
	f->fd = -1;
}

static int cannot(struct follow *f, int code, struct mscg_error *error)
{
	return mscg_error_set(error, code, "cannot read %.180s: %s", f->path, strerror(-code));
}

static int try_open(struct follow *f, struct mscg_error *error)
{
	/* Not blocking: somebody may have put a FIFO there. */
	_cleanup_close_ int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : cannot(f, -errno, error);
	if (fstat(fd, &st) < 0)
		return cannot(f, -errno, error);
	if (!S_ISREG(st.st_mode))
		return mscg_error_set(error, -EINVAL, "the output goes to %.180s, which is no regular file: nothing is kept there", f->path);
	follow_end(f);
	f->fd = steal_fd(&fd);
	f->offset = 0;
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	if (f->inotify >= 0)
		inotify_add_watch(f->inotify, f->path, IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF);
	return 1;
}

/* Rings when something appears in the nearest directory above that there is. Returns its length in the path. */
static size_t watch_above(struct follow *f)
{
	_cleanup_free_ char *dir = xstrdup(f->path);

	for (;;) {
		char *slash = strrchr(dir, '/');

		if (!slash)
			return 0;
		slash[slash == dir] = '\0';
		if (inotify_add_watch(f->inotify, dir, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR) >= 0 || streq(dir, "/"))
			return strlen(dir);
	}
}

int follow_open(struct follow *f, struct mscg_error *error)
{
	size_t watched = 0;
	int r = f->fd >= 0 ? 1 : try_open(f, error);

	/* What appears between a look and a watch does not ring: look again after each new watch. */
	while (r == 0 && f->inotify >= 0) {
		size_t n = watch_above(f);

		r = try_open(f, error);
		if (n <= watched)
			break;
		watched = n;
	}
	return r;
}

int follow_seek_lines(struct follow *f, uint64_t lines, struct mscg_error *error)
{
	off_t end = lseek(f->fd, 0, SEEK_END), at = end;
	char part[PART];
	uint64_t seen = 0;

	f->offset = end;
	while (at > 0 && lines) {
		size_t n = (size_t)MIN_OF(at, (off_t)sizeof part);
		ssize_t got = pread(f->fd, part, n, at - (off_t)n);

		if (got != (ssize_t)n)
			return got < 0 ? cannot(f, -errno, error) : 0;
		for (size_t i = n; i-- > 0;) {
			/* The newline that ends the file ends the last line, and begins none. */
			if (part[i] != '\n' || at - (off_t)n + (off_t)i + 1 == end)
				continue;
			if (++seen == lines) {
				f->offset = at - (off_t)n + (off_t)i + 1;
				return 0;
			}
		}
		at -= (off_t)n;
	}
	f->offset = lines ? 0 : end;
	return 0;
}

static int copy_rest(struct follow *f, struct mscg_error *error)
{
	char part[PART];

	for (;;) {
		ssize_t n = pread(f->fd, part, sizeof part, f->offset);
		int r;

		if (n == 0)
			return 0;
		if (n < 0) {
			if (errno == EINTR)
				continue;
			return cannot(f, -errno, error);
		}
		r = fd_write_all(f->to, part, (size_t)n);
		if (r < 0)
			return mscg_error_set(error, r, "cannot write the output: %s", strerror(-r));
		f->offset += n;
	}
}

int follow_copy(struct follow *f, struct mscg_error *error)
{
	struct stat st;
	int r;

	if (fstat(f->fd, &st) == 0 && st.st_size < f->offset) {
		cli_error("%s was truncated", f->path);
		f->offset = 0;
	}
	r = copy_rest(f, error);
	/* Another file of that name: the old one is read to its end by now. */
	if (r == 0 && f->inotify >= 0 && stat(f->path, &st) == 0 && (st.st_dev != f->dev || st.st_ino != f->ino)) {
		r = try_open(f, error);
		if (r > 0)
			r = copy_rest(f, error);
	}
	return r;
}

bool follow_ends_with_word(const struct follow *f)
{
	static const char word[] = "[mscg: ";
	char part[512];
	ssize_t n = pread(f->fd, part, sizeof part, MAX_OF(f->offset - (off_t)sizeof part, (off_t)0));
	const char *newline;

	n = MIN_OF(n, (ssize_t)f->offset);
	if (n < 2 || memcmp(part + n - 2, "]\n", 2) != 0)
		return false;
	newline = memrchr(part, '\n', (size_t)n - 1);
	newline = newline ? newline + 1 : part;
	return part + n - newline > (ssize_t)sizeof word && memcmp(newline, word, sizeof word - 1) == 0;
}
