/* --rootfs: what the job's user has in a directory becomes the job's root. All that is found in it afterwards is found from there, so
 * that no link in it leads out. */
#include "src/runner/rootfs.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sys/mount.h>

#include "src/runner/bind.h"
#include "src/runner/child_code.h"
#include "src/runner/enclose.h"

/* Of the job's own. A root without a place for what is optional does without. In the order of RUNNER_ROOT_PLACES. */
static const struct {
	const char *path;
	bool        tmp, optional;
} own[] = {
	{ "/proc", false, false }, { "/dev", false, false }, { "/tmp", true, false }, { "/var/tmp", true, true }, { "/sys", false, true },
};
enum { OWN = sizeof own / sizeof own[0] };

CHILD_CODE long hold_root(const struct child_plan *p)
{
	note(p, RUNNER_STAGE_ROOT);
	long fd = p->root_fd >= 0 ? p->root_fd : must(p, hold_source(p, p->root));
	if (!is_directory(fd))
		fail(p, -ENOTDIR);
	must(p, set_brought(fd, p->root_read_only || p->strict));
	return fd;
}

/* Something but "." and ".." is in it, or it cannot be told. */
CHILD_CODE static bool is_empty(const char *path)
{
	_Alignas(8) char entries[512];
	long fd = sys(openat, AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), n = -1;

	for (bool more = fd >= 0; more;) {
		n = sys(getdents64, fd, entries, sizeof entries);
		more = n > 0;
		for (long at = 0; at < n; at += ((const struct dirent64 *)(const void *)(entries + at))->d_reclen) {
			const char *name = ((const struct dirent64 *)(const void *)(entries + at))->d_name;
			if (!same(name, ".") && !same(name, ".."))
				more = false;
		}
	}
	if (fd >= 0)
		sys(close, fd);
	return n == 0;
}

CHILD_CODE void make_place(const struct child_plan *p, const char *path)
{
	char part[CHILD_PATH_SIZE];
	size_t n = length(path);

	if (sys(faccessat, AT_FDCWD, path, F_OK) == 0)
		return;
	if (n >= sizeof part)
		fail(p, -ENAMETOOLONG);
	copy(part, path, n + 1);
	do {
		while (n > 0 && part[n] != '/')
			n--;
		part[n] = 0;
	} while (n > 0 && sys(faccessat, AT_FDCWD, part, F_OK) < 0 && n--);
	if (n > 0 && is_empty(part))
		make_tmpfs(p, part, "mode=0755,size=64k,nr_inodes=64", 0);
	make_way(p, path);
}

CHILD_CODE void enter_root(const struct child_plan *p, long held, bool own_tmp)
{
	long fd[OWN];

	note(p, RUNNER_STAGE_ROOT);
	for (int i = 0; i < OWN; i++)
		fd[i] = own[i].tmp && !own_tmp ? -1 : hold(own[i].path);
	replace_root(p, held);
	note(p, RUNNER_STAGE_ROOT_PLACE);
	for (int i = 0; i < OWN; i++) {
		if (fd[i] < 0)
			continue;
		if (!own[i].optional)
			sys(mkdirat, AT_FDCWD, own[i].path, 0755); /* the user's own to make, if at all */
		long r = sys(move_mount, fd[i], "", AT_FDCWD, own[i].path, MOVE_MOUNT_F_EMPTY_PATH);
		if (r < 0 && !(own[i].optional && r == -ENOENT))
			fail_at(p, r, i);
		sys(close, fd[i]);
	}
}
