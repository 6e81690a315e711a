/* A job's /dev is read-only, so that those who need nothing but what every job has share one directory: root's mscgd makes it
 * (nodes.c), and each of them has a mount of it. Who has devices or a terminal of its own, or whose mscgd makes no nodes, has
 * a directory of its own, and the machine's nodes are mounted into that. */
#include "src/runner/dev.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "src/runner/child_code.h"
#include "src/runner/cover.h"
#include "src/runner/enclose.h"

#define DEV_SIZE 5 /* of "/dev/" */
#define NODE_SIZE 32

/* The terminal that it was given, as its own /dev/console: it has a name then. -1: it is none of this machine's that we see. */
CHILD_CODE static long hold_terminal(const struct child_plan *p)
{
	char path[32] = "/dev/pts/";
	struct stat given, found;
	size_t at = length(path);

	long in = must(p, child_peek_stdin(p));
	must(p, sys(fstat, in, &given));
	sys(close, in);
	/* As the kernel writes a device's numbers: 12 bits of major from bit 8 on, the minor around them. */
	unsigned minor = (unsigned)(given.st_rdev & 0xff) | ((unsigned)(given.st_rdev >> 12) & ~0xffU);
	at += put_number(path + at, minor);
	path[at] = 0;
	long fd = hold(path);
	if (fd < 0)
		return -1;
	must(p, sys(fstat, fd, &found));
	if (found.st_dev == given.st_dev && found.st_ino == given.st_ino && found.st_rdev == given.st_rdev)
		return fd;
	sys(close, fd);
	return -1;
}

CHILD_CODE static void make_file(const struct child_plan *p, const char *name)
{
	long r = sys(mknodat, AT_FDCWD, name, S_IFREG | 0666, 0);
	if (r < 0 && r != -EEXIST) /* what every job has may be given too */
		fail(p, r);
}

/* `path` of the machine, unless it has none. */
CHILD_CODE static void put_node(const struct child_plan *p, const char *path)
{
	make_file(p, path + DEV_SIZE);
	long r = bind_mount(path, path + DEV_SIZE);
	if (r == -ENOENT || r == -ENOTDIR || r == -EACCES)
		must(p, sys(unlinkat, AT_FDCWD, path + DEV_SIZE, 0));
	else
		must(p, r);
}

CHILD_CODE static void put_common(const struct child_plan *p)
{
	char path[NODE_SIZE] = "/dev/";

	for (const char *const *node = dev_nodes; *node; node++) {
		copy(path + DEV_SIZE, *node, length(*node) + 1);
		put_node(p, path);
	}
}

/* Those that were given to this job alone. */
CHILD_CODE static void put_given(const struct child_plan *p)
{
	char path[CHILD_PATH_SIZE];
	int n = 0;

	for (const char *at = p->devices; at && *at; n++) {
		at = take_place(p, at, path, 0);
		if (n == RUNNER_DEVICES_MAX || !below(path, "/dev"))
			fail(p, -EINVAL);
		size_t slash = length(path);
		while (path[slash] != '/')
			slash--;
		path[slash] = 0;
		if (slash >= DEV_SIZE)
			make_way(p, path + DEV_SIZE); /* as /dev/dri */
		path[slash] = '/';
		put_node(p, path);
	}
}

/* In the working directory, from where the machine's are still found. */
CHILD_CODE static void fill(const struct child_plan *p)
{
	must(p, sys(mkdirat, AT_FDCWD, "dev", 0755));
	must(p, bind_mount("dev", "dev")); /* to be moved with what is mounted in it */
	must(p, sys(chdir, "dev"));
	must(p, dev_fill(AT_FDCWD));
	put_common(p);
	put_given(p);
	long terminal = p->pty ? hold_terminal(p) : -1;
	if (terminal >= 0) {
		make_file(p, "console");
		put(p, terminal, "console");
	}
	must(p, sys(chdir, ".."));
	must(p, sys(mount, "dev", "/dev", NULL, MS_MOVE, NULL));
}

CHILD_CODE void make_dev(const struct child_plan *p)
{
	note(p, RUNNER_STAGE_DEV);
	bool shared = p->dev && !p->devices && !p->pty && bind_mount(p->dev, "/dev") >= 0;
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, .attr_clr = shared ? MOUNT_ATTR_NODEV : 0 };

	if (!shared)
		fill(p);
	must(p, sys(mount_setattr, AT_FDCWD, "/dev", 0, &attr, sizeof attr));
	must(p, sys(faccessat, AT_FDCWD, "/dev/null", F_OK)); /* what is masked is covered with it */
	must(p, sys(mount, "devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620"));
	if (p->own_ipc)
		must(p, sys(mount, "mqueue", "/dev/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
	must(p, bind_mount("shm", "/dev/shm"));
}
