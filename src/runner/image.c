#include "src/runner/image.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "src/base/base.h"
#include "src/base/fd.h"

#ifndef LOOP_CONFIGURE
#error "headers of Linux 5.8 or later"
#endif

enum { ATTEMPTS = 64 }; /* at a free loop device, which another may take first */

static const struct {
	const char *type;
	off_t       at;
	uint8_t     magic[4];
} known[] = {
	{ "squashfs", 0, { 'h', 's', 'q', 's' } }, { "erofs", 1024, { 0xe2, 0xe1, 0xf5, 0xe0 } },
};

/* Root's own to change, and anybody's to look at. */
static bool is_roots(const struct stat *st)
{
	mode_t seen = S_ISDIR(st->st_mode) ? S_IXOTH : S_IROTH;

	return st->st_uid == 0 && !(st->st_mode & (S_IWGRP | S_IWOTH)) && st->st_mode & seen;
}

static int step_into(int dir, const char *name, uint64_t flags)
{
	struct open_how how = { .flags = flags | O_CLOEXEC | O_NOFOLLOW, .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
	struct stat st;

	_cleanup_close_ int fd = (int)syscall(SYS_openat2, dir, name, &how, sizeof how);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!is_roots(&st))
		return -EPERM;
	return S_ISDIR(st.st_mode) || S_ISREG(st.st_mode) ? steal_fd(&fd) : -EPERM;
}

/* Directory by directory: who may rename one of them could put another in its place. */
static int open_image(const char *path)
{
	char name[256];
	int dir = step_into(AT_FDCWD, "/", O_PATH | O_DIRECTORY);

	while (dir >= 0) {
		path += strspn(path, "/");
		size_t n = strcspn(path, "/");
		bool last = !path[n];
		if (n == 0 || n >= sizeof name) {
			close(dir);
			return -ENAMETOOLONG;
		}
		memcpy(name, path, n);
		name[n] = 0;
		int fd = step_into(dir, name, last ? O_RDONLY | O_NONBLOCK : O_PATH | O_DIRECTORY);
		close(dir);
		if (last)
			return fd;
		dir = fd;
		path += n;
	}
	return dir;
}

static const char *type_of(int image)
{
	uint8_t found[4];

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (pread(image, found, sizeof found, known[i].at) == (ssize_t)sizeof found && memcmp(found, known[i].magic, sizeof found) == 0)
			return known[i].type;
	return NULL;
}

/* A loop device that is gone when nobody has it open or mounted any more. Returns it. */
static int set_up_loop(int image, char name[32])
{
	struct loop_config config = { .fd = (uint32_t)image, .info = { .lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR } };
	_cleanup_close_ int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

	if (control < 0)
		return -errno;
	for (int i = 0; i < ATTEMPTS; i++) {
		int n = ioctl(control, LOOP_CTL_GET_FREE);
		if (n < 0)
			return -errno;
		snprintf(name, 32, "/dev/loop%d", n);
		_cleanup_close_ int fd = open(name, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		if (ioctl(fd, LOOP_CONFIGURE, &config) == 0)
			return steal_fd(&fd);
		if (errno != EBUSY)
			return -errno;
	}
	return -EBUSY;
}

static int mount_device(const char *type, const char *device)
{
	_cleanup_close_ int fs = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);

	if (fs < 0)
		return -errno;
	if (syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "source", device, 0) < 0 || syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, "ro", NULL, 0) < 0 ||
	    syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	int fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	return fd < 0 ? -errno : fd;
}

int image_mount(const char *path)
{
	char name[32];
	_cleanup_close_ int image = open_image(path);

	if (image < 0)
		return image;
	const char *type = type_of(image);
	if (!type)
		return -ENOTSUP;
	_cleanup_close_ int loop = set_up_loop(image, name);
	return loop < 0 ? loop : mount_device(type, name);
}
