/* --bind. Source and target are looked up by the job's own process as its user, once; what was found is checked by its
 * descriptor, and is what is mounted. Nobody else is in this mount namespace. */
#include "src/runner/bind.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "src/runner/child_code.h"
#include "src/runner/cover.h"

#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif
#define AT_RECURSIVE_ 0x8000
enum { PLACES = 3 }; /* of a bind: source, target, mode */

CHILD_CODE static long look_up(long dir, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = { .flags = flags | O_PATH | O_CLOEXEC, .resolve = resolve };
	return sys(openat2, dir, path, &how, sizeof how);
}

/* What an open descriptor is called, without any link. */
CHILD_CODE static long name_of(long fd, char path[CHILD_PATH_SIZE])
{
	char link[32] = "/proc/self/fd/";
	size_t at = length(link);
	at += put_number(link + at, (unsigned)fd);
	link[at] = 0;
	long n = sys(readlinkat, AT_FDCWD, link, path, CHILD_PATH_SIZE - 1);
	if (n >= 0)
		path[n] = 0;
	return n;
}

/* Of the services' places: what is in one, and what one is in. */
CHILD_CODE static bool has_services(const struct child_plan *p, const char *path)
{
	char place[CHILD_PATH_SIZE];
	for (const char *at = p->services; at && *at;) {
		at = take_place(p, at, place, 0);
		if (is_in(path, place) || is_in(place, path))
			return true;
	}
	return false;
}

/* What is the kernel's stays where it is, whatever links lead there; so does what a job with net does not reach. */
CHILD_CODE static long check(const struct child_plan *p, long fd)
{
	char path[CHILD_PATH_SIZE];
	long r = name_of(fd, path);
	if (r < 0)
		return r;
	bool kernels = is_kernels(path) && !same(path, "/dev/shm");
	return path[0] != '/' || same(path, "/") || kernels || has_services(p, path) ? -EPERM : 0;
}

CHILD_CODE long hold_source(const struct child_plan *p, const char *path)
{
	long fd = look_up(AT_FDCWD, path, 0, RESOLVE_NO_MAGICLINKS);
	if (fd < 0)
		return fd;
	long r = check(p, fd);
	if (r == 0)
		r = sys(open_tree, fd, "", OPEN_TREE_CLONE | O_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE_);
	sys(close, fd);
	return r;
}

CHILD_CODE void hold_binds(const struct child_plan *p, long ret[BINDS_MAX])
{
	char place[CHILD_PATH_SIZE];
	int index = 0;

	note(p, RUNNER_STAGE_BIND);
	for (const char *at = p->binds; at && *at; index++) {
		at = take_place(p, at, place, index);
		if (index % PLACES)
			continue;
		if (index / PLACES >= (int)BINDS_MAX)
			fail_at(p, -E2BIG, index);
		long fd = hold_source(p, place);
		if (fd < 0)
			fail_at(p, fd, index);
		ret[index / PLACES] = fd;
	}
}

/* The next directory on the way, in the job's own tmpfs and nowhere else. */
CHILD_CODE static long step_into(long dir, const char *name)
{
	sys(mkdirat, dir, name, 0755);
	long fd = look_up(dir, name, O_DIRECTORY, RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH);
	sys(close, dir);
	return fd == -EXDEV ? -ENOENT : fd;
}

/* `path`, which is below `top`, a tmpfs of the job's own. */
CHILD_CODE static long make_target(const char *top, const char *path, bool directory)
{
	char name[256];
	long dir = look_up(AT_FDCWD, top, O_DIRECTORY, 0);

	for (path += length(top) + 1; dir >= 0;) {
		size_t n = 0;
		while (path[n] && path[n] != '/')
			n++;
		if (n >= sizeof name) {
			sys(close, dir);
			return -ENAMETOOLONG;
		}
		copy(name, path, n);
		name[n] = 0;
		if (!path[n] && !directory)
			break;
		dir = step_into(dir, name);
		if (!path[n])
			return dir;
		path += n + 1;
	}
	if (dir < 0)
		return dir;
	long fd = sys(openat, dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	sys(close, dir);
	return fd;
}

CHILD_CODE static long find_target(const char *path, bool own_tmp, bool directory)
{
	long fd = look_up(AT_FDCWD, path, 0, RESOLVE_NO_MAGICLINKS);

	if (fd != -ENOENT || !own_tmp)
		return fd;
	if (below(path, "/tmp"))
		return make_target("/tmp", path, directory);
	return below(path, "/var/tmp") ? make_target("/var/tmp", path, directory) : fd;
}

CHILD_CODE bool is_directory(long fd)
{
	struct stat st;
	return sys(fstat, fd, &st) == 0 && S_ISDIR(st.st_mode);
}

CHILD_CODE long set_brought(long fd, bool read_only)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (read_only ? MOUNT_ATTR_RDONLY : 0), .propagation = MS_PRIVATE,
	};
	return sys(mount_setattr, fd, "", AT_EMPTY_PATH | AT_RECURSIVE_, &attr, sizeof attr);
}

CHILD_CODE static long put_one(const struct child_plan *p, long fd, const char *target, bool own_tmp, bool read_only)
{
	bool directory = is_directory(fd);
	long to = find_target(target, own_tmp, directory);

	if (to < 0)
		return to;
	long r = check(p, to);
	if (r == 0 && is_directory(to) != directory)
		r = directory ? -ENOTDIR : -EISDIR;
	if (r == 0)
		r = set_brought(fd, read_only);
	if (r == 0)
		r = sys(move_mount, fd, "", to, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
	sys(close, to);
	sys(close, fd);
	return r;
}

CHILD_CODE void put_binds(const struct child_plan *p, const long held[BINDS_MAX], bool own_tmp)
{
	char source[CHILD_PATH_SIZE], target[CHILD_PATH_SIZE], mode[CHILD_PATH_SIZE];
	int index = 0;

	note(p, RUNNER_STAGE_BIND_TARGET);
	for (const char *at = p->binds; at && *at; index += PLACES) {
		at = take_place(p, at, source, index);
		at = take_place(p, at, target, index + 1);
		at = take_place(p, at, mode, index + 2);
		long r = put_one(p, held[index / PLACES], target, own_tmp, same(mode, "/ro"));
		if (r < 0)
			fail_at(p, r, index + 1);
	}
}
