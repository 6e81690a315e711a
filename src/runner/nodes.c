/* What is in every job's /dev, and the one that they share. */
#include <fcntl.h>
#include <sys/stat.h>

#include "src/base/base.h"
#include "src/runner/dev.h"
#include "src/runner/sys.h"

const char *const dev_nodes[] = { "null", "zero", "full", "random", "urandom", "tty", NULL };

static const struct {
	const char *name;
	int         mode;
} places[] = { { "pts", 0755 }, { "shm", 0755 }, { "mqueue", 0755 } };

static const struct {
	const char *target, *name;
} links[] = {
	{ "/proc/self/fd", "fd" }, { "/proc/self/fd/0", "stdin" }, { "/proc/self/fd/1", "stdout" }, { "/proc/self/fd/2", "stderr" }, { "pts/ptmx", "ptmx" },
};

CHILD_CODE long dev_fill(long dir)
{
	long r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(places) && (r >= 0 || r == -EEXIST); i++)
		r = sys(mkdirat, dir, places[i].name, places[i].mode);
	for (size_t i = 0; i < ARRAY_SIZE(links) && (r >= 0 || r == -EEXIST); i++)
		r = sys(symlinkat, links[i].target, dir, links[i].name);
	return r == -EEXIST ? 0 : r;
}

/* As the machine's is, whatever the umask. -ENOENT: it has none. */
static int make_node(int dir, const char *name)
{
	char path[64];
	struct stat of, st;

	snprintf(path, sizeof path, "/dev/%s", name);
	if (stat(path, &of) < 0)
		return -errno;
	if (!S_ISCHR(of.st_mode))
		return -EINVAL;
	if ((mknodat(dir, name, of.st_mode, of.st_rdev) < 0 && errno != EEXIST) || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISCHR(st.st_mode) || st.st_rdev != of.st_rdev)
		return -EEXIST;
	return fchmodat(dir, name, of.st_mode & 0777, 0) < 0 ? -errno : 0;
}

int runner_make_dev(const char *path)
{
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return -errno;
	_cleanup_close_ int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r = dir < 0 || fchmod(dir, 0755) < 0 ? -errno : (int)dev_fill(dir);

	for (const char *const *node = dev_nodes; *node && r == 0; node++) {
		r = make_node(dir, *node);
		if (r == -ENOENT && node != dev_nodes)
			r = 0;
	}
	return r;
}
