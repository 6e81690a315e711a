/* The mounts of a job: made in its own mount namespace by its own process, as its user with nothing but CAP_SYS_ADMIN,
 * before it gives that up too. Paths of the user are opened with the user's rights. Everything is held by descriptors
 * before something is put over it; nobody else is in this namespace yet. See child.h for what may be called here. */
#include "src/runner/enclose.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "src/runner/bind.h"
#include "src/runner/child_code.h"
#include "src/runner/cover.h"
#include "src/runner/dev.h"
#include "src/runner/rootfs.h"

#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif
#define AT_RECURSIVE_ 0x8000
#define PATH_SIZE 4096
#define THROTTLE_SIZE 64

/* One tmpfs has all that the job gets in memory, and what it finds in place of what is masked. It lies where the job's own tree of
 * cgroups comes over it, and is the working directory while the parts of it are put to their places. */
#define BOX "/sys/fs/cgroup"
static const struct {
	const char *name;
	int         mode;
} parts[] = { { "shm", 01777 }, { "tmp", 01777 }, { "var-tmp", 01777 }, { "empty", 0555 } };

/* Of the job's own /proc: what tells of the machine and its kernel to who should not know, and what changes it. */
static const char *const masked_files[] = { "/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug", "/proc/kallsyms",
	                                    "/proc/kmsg", "/proc/latency_stats", "/proc/interrupts" };
static const char *const masked_dirs[]  = { "/proc/acpi", "/proc/scsi", "/proc/asound", "/sys/firmware", "/sys/kernel/security",
	                                    "/sys/kernel/debug", "/sys/kernel/tracing", "/sys/devices/virtual/powercap", "/sys/fs/bpf" };
static const char *const read_only[]    = { "/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs" };

CHILD_CODE void set_capabilities(const struct child_plan *p, bool admin, bool effective)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3, .pid = 0 };
	struct __user_cap_data_struct   caps[_LINUX_CAPABILITY_U32S_3] = { { 0, 0, 0 }, { 0, 0, 0 } };
	if (admin)
		caps[CAP_TO_INDEX(CAP_SYS_ADMIN)].permitted = CAP_TO_MASK(CAP_SYS_ADMIN);
	if (effective)
		caps[CAP_TO_INDEX(CAP_SYS_ADMIN)].effective = CAP_TO_MASK(CAP_SYS_ADMIN);
	must(p, sys(capset, &header, caps));
}

CHILD_CODE static long set_attributes(long dir, const char *path, unsigned flags, uint64_t attributes)
{
	struct mount_attr attr = { .attr_set = attributes };
	return sys(mount_setattr, dir, path, flags, &attr, sizeof attr);
}

CHILD_CODE long bind_mount(const char *from, const char *to)
{
	return sys(mount, from, to, NULL, MS_BIND, NULL);
}

CHILD_CODE long hold(const char *path)
{
	return sys(open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | O_CLOEXEC | AT_RECURSIVE_);
}

CHILD_CODE void put(const struct child_plan *p, long fd, const char *path)
{
	must(p, sys(move_mount, fd, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH));
	sys(close, fd);
}

CHILD_CODE void make_tmpfs(const struct child_plan *p, const char *path, const char *options, unsigned long flags)
{
	must(p, sys(mount, "tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV | flags, options));
}

CHILD_CODE void make_way(const struct child_plan *p, const char *path)
{
	char part[PATH_SIZE];
	size_t n = length(path);
	if (n >= sizeof part)
		fail(p, -ENAMETOOLONG);
	for (size_t i = 1; i <= n; i++) {
		if (i < n && path[i] != '/')
			continue;
		copy(part, path, i);
		part[i] = 0;
		long r = sys(mkdirat, AT_FDCWD, part, 0755);
		if (r < 0 && r != -EEXIST && r != -EROFS && r != -EACCES)
			fail(p, r);
	}
}

CHILD_CODE static void make_box(const struct child_plan *p)
{
	make_tmpfs(p, BOX, p->tmpfs_options, 0);
	must(p, sys(chdir, BOX));
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		must(p, sys(mkdirat, AT_FDCWD, parts[i].name, parts[i].mode));
}

CHILD_CODE static void make_tmp(const struct child_plan *p)
{
	must(p, bind_mount("tmp", "/tmp"));
	if (sys(faccessat, AT_FDCWD, "/var/tmp", F_OK) == 0) /* small systems have none */
		must(p, bind_mount("var-tmp", "/var/tmp"));
}

/* What a kernel has not got needs no cover. */
CHILD_CODE static void cover_file(const struct child_plan *p, const char *path)
{
	long r = bind_mount("/dev/null", path);
	if (r < 0 && r != -ENOENT)
		fail(p, r);
}

CHILD_CODE static void cover_dir(const struct child_plan *p, const char *path)
{
	long r = bind_mount("empty", path);
	if (r < 0 && r != -ENOENT && r != -ENOTDIR && r != -EACCES)
		fail(p, r);
}

CHILD_CODE static void name_throttling(char path[THROTTLE_SIZE], unsigned cpu)
{
	static const char before[] = "/sys/devices/system/cpu/cpu", after[] = "/thermal_throttle";
	copy(path, before, sizeof before - 1);
	size_t at = sizeof before - 1;
	at += put_number(path + at, cpu);
	copy(path + at, after, sizeof after);
}

/* How hot each CPU got, which tells what others run. Present CPUs have it, all or none, and are numbered with gaps at most. */
CHILD_CODE static void cover_throttling(const struct child_plan *p)
{
	char path[THROTTLE_SIZE];

	name_throttling(path, 0);
	if (sys(faccessat, AT_FDCWD, path, F_OK) < 0)
		return;
	for (unsigned cpu = 0, missing = 0; missing < 64; cpu++) {
		name_throttling(path, cpu);
		long r = bind_mount("empty", path);
		missing = r == -ENOENT ? missing + 1 : 0;
		if (r < 0 && r != -ENOENT)
			fail(p, r);
	}
}

CHILD_CODE static void make_proc(const struct child_plan *p)
{
	note(p, RUNNER_STAGE_PROC);
	must(p, set_attributes(AT_FDCWD, ".", 0, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC)); /* and so is what covers */
	if (p->own_pid)
		must(p, sys(mount, "proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
	for (size_t i = 0; i < sizeof read_only / sizeof read_only[0]; i++) {
		long r = sys(mount, read_only[i], read_only[i], NULL, MS_BIND | MS_REC, NULL);
		if (r == -ENOENT)
			continue;
		must(p, r);
		must(p, set_attributes(AT_FDCWD, read_only[i], AT_RECURSIVE_, MOUNT_ATTR_RDONLY));
	}
	for (size_t i = 0; i < sizeof masked_files / sizeof masked_files[0]; i++)
		cover_file(p, masked_files[i]);
	for (size_t i = 0; i < sizeof masked_dirs / sizeof masked_dirs[0]; i++)
		cover_dir(p, masked_dirs[i]);
	cover_throttling(p);
}

/* The tree of cgroups as the job sees it from its own downwards, in place of the machine's, which stays writable for
 * who owns the files. */
CHILD_CODE static void make_cgroup(const struct child_plan *p)
{
	note(p, RUNNER_STAGE_CGROUP);
	must(p, sys(mount, "none", BOX, "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
	if (!p->cgroup_writable) /* this mount, not what others have mounted too */
		must(p, set_attributes(AT_FDCWD, BOX, 0, MOUNT_ATTR_RDONLY));
}

CHILD_CODE static void put_back(const struct child_plan *p, long fd, const char *path)
{
	note(p, RUNNER_STAGE_KEEP);
	if (fd >= 0) {
		if (p->root)
			make_place(p, path);
		else
			make_way(p, path);
		put(p, fd, path);
	}
}

CHILD_CODE void replace_root(const struct child_plan *p, long fd)
{
	must(p, sys(move_mount, fd, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH));
	must(p, sys(fchdir, fd));
	must(p, sys(pivot_root, ".", "."));
	must(p, sys(umount2, ".", MNT_DETACH));
	sys(close, fd);
}

/* The whole of it becomes read-only as a copy: the job's output is open in this one, and would keep it writable. */
CHILD_CODE static void change_root(const struct child_plan *p)
{
	long fd = must(p, hold("/"));

	must(p, set_attributes(fd, "", AT_EMPTY_PATH | AT_RECURSIVE_, MOUNT_ATTR_RDONLY));
	replace_root(p, fd);
}

CHILD_CODE void enclose(const struct child_plan *p, const char *cwd)
{
	long work = -1, keep = -1, root = -1, binds[BINDS_MAX];
	bool own_tmp = !same(cwd, "/tmp") && !same(cwd, "/var/tmp");

	note(p, RUNNER_STAGE_MOUNTS);
	sys(umask, 0); /* what is made here has the mode that is said */
	set_capabilities(p, true, true);
	must(p, sys(mount, NULL, "/", NULL, MS_REC | (p->strict ? MS_PRIVATE : MS_SLAVE), NULL));
	if (p->cover)
		cover_places(p, cwd, own_tmp);
	note(p, RUNNER_STAGE_KEEP);
	if (!is_kernels(cwd) && !same(cwd, "/") && (p->root || is_hidden(cwd) || is_among_services(p, cwd) || p->strict))
		work = must(p, hold("."));
	if (p->keep && (p->root || is_hidden(p->keep) || is_among_services(p, p->keep)))
		keep = must(p, hold(p->keep));
	hold_binds(p, binds);
	if (p->root)
		root = hold_root(p);
	note(p, RUNNER_STAGE_MOUNTS);
	if (p->strict && !p->root)
		change_root(p);
	make_box(p);
	make_dev(p);
	note(p, RUNNER_STAGE_MOUNTS);
	if (own_tmp)
		make_tmp(p);
	make_proc(p);
	note(p, RUNNER_STAGE_MOUNTS);
	must(p, set_attributes(AT_FDCWD, "/sys", AT_RECURSIVE_, MOUNT_ATTR_RDONLY));
	make_cgroup(p);
	note(p, RUNNER_STAGE_MOUNTS);
	if (p->root)
		enter_root(p, root, own_tmp);
	else
		cover_services(p, cwd, false);
	put_back(p, work, cwd);
	cover_services(p, cwd, true);
	put_back(p, keep, p->keep);
	finish_services(p);
	put_binds(p, binds, own_tmp);
	sys(umask, p->umask_);
}
