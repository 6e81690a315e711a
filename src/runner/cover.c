/* What of the machine a job is not to find where it would look for it: kernel file systems that are mounted a second time,
 * and directories of sockets. Called in the job's own mount namespace (enclose.c), as its user: what that user cannot get
 * to is out of the job's reach as well, and what is under another mount is out of everybody's. */
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mount.h>

#include "src/runner/child_code.h"
#include "src/runner/cover.h"

/* Of the job's own, sized to it. */
static const char *const own_dirs[] = { "/tmp", "/var/tmp", "/dev/shm" };

CHILD_CODE bool is_kernels(const char *path)
{
	return is_in(path, "/proc") || is_in(path, "/sys") || (is_in(path, "/dev") && !below(path, "/dev/shm"));
}

CHILD_CODE bool is_hidden(const char *path)
{
	for (size_t i = 0; i < sizeof own_dirs / sizeof own_dirs[0]; i++)
		if (below(path, own_dirs[i]))
			return true;
	return false;
}

CHILD_CODE const char *take_place(const struct child_plan *p, const char *at, char place[CHILD_PATH_SIZE], int index)
{
	size_t n = 0;
	while (at[n] && !(at[n] == '/' && at[n + 1] == '/'))
		n++;
	if (n >= CHILD_PATH_SIZE)
		fail_at(p, -ENAMETOOLONG, index);
	copy(place, at, n);
	place[n] = 0;
	return at + n + (at[n] != 0);
}

CHILD_CODE static long cover_place(const char *path)
{
	long r = sys(mount, "tmpfs", path, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k,nr_inodes=2,mode=0555");
	if (r == -ENOTDIR)
		r = sys(mount, "/dev/null", path, NULL, MS_BIND, NULL);
	return r == -ENOENT || r == -EACCES ? 0 : r;
}

CHILD_CODE void cover_places(const struct child_plan *p, const char *cwd, bool own_tmp)
{
	char place[CHILD_PATH_SIZE];
	int index = 0;
	bool brought = p->binds || p->root; /* from anywhere */

	note(p, RUNNER_STAGE_COVER);
	for (const char *at = p->cover; *at; index++) {
		at = take_place(p, at, place, index);
		bool hidden = !brought && (below(place, "/dev/shm") || (own_tmp && is_hidden(place)));
		bool kept   = is_in(place, cwd) || is_in(cwd, place) || (p->keep && is_in(place, p->keep));
		long r      = hidden && !kept ? 0 : cover_place(place);
		if (r < 0)
			fail_at(p, r, index);
	}
	note(p, RUNNER_STAGE_WORKDIR);
	must(p, sys(chdir, cwd));
}

CHILD_CODE bool is_among_services(const struct child_plan *p, const char *path)
{
	char place[CHILD_PATH_SIZE];
	for (const char *at = p->services; at && *at;) {
		at = take_place(p, at, place, 0);
		if (below(path, place))
			return true;
	}
	return false;
}

CHILD_CODE void cover_services(const struct child_plan *p, const char *cwd, bool inside)
{
	char place[CHILD_PATH_SIZE];
	int index = 0;

	note(p, RUNNER_STAGE_SERVICES);
	for (const char *at = p->services; at && *at; index++) {
		at = take_place(p, at, place, index);
		if (same(place, cwd) || same(place, "/"))
			fail_at(p, -EBUSY, index);
		if (below(place, cwd) != inside)
			continue;
		long r = sys(mount, "tmpfs", place, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=64k,nr_inodes=64,mode=0755");
		if (r < 0 && r != -ENOENT && r != -EACCES) /* hidden already, or out of the user's reach */
			fail_at(p, r, index);
	}
}

CHILD_CODE void finish_services(const struct child_plan *p)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	char place[CHILD_PATH_SIZE];
	int index = 0;

	note(p, RUNNER_STAGE_SERVICES);
	for (const char *at = p->services; at && *at; index++) {
		at = take_place(p, at, place, index);
		long r = sys(mount_setattr, AT_FDCWD, place, 0, &attr, sizeof attr);
		if (r < 0 && r != -ENOENT && r != -EACCES && r != -EINVAL) /* there was nothing to cover */
			fail_at(p, r, index);
	}
}
