/* mscg doctor: the directories. */
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include "doctor.h"

enum suits { NETWORK, MEMORY, FOREIGN };
static const struct { long magic; const char *name; enum suits suits; } systems[] = {
	{NFS_SUPER_MAGIC, "NFS", NETWORK},      {0xff534d42, "CIFS", NETWORK},           {0xfe534d42, "SMB", NETWORK},
	{SMB_SUPER_MAGIC, "SMB", NETWORK},      {AFS_SUPER_MAGIC, "AFS", NETWORK},       {0x00c36400, "Ceph", NETWORK},
	{0x0bd00bd0, "Lustre", NETWORK},        {0x47504653, "GPFS", NETWORK},           {V9FS_MAGIC, "9p", FOREIGN},
	{FUSE_SUPER_MAGIC, "FUSE", FOREIGN},    {TMPFS_MAGIC, "tmpfs", MEMORY},          {RAMFS_MAGIC, "ramfs", MEMORY},
};

/* The directory, or the nearest above that exists. malloc'ed */
static char *existing(const char *path)
{
	char *p = xstrdup(path);

	for (char *slash; access(p, F_OK) < 0 && (slash = strrchr(p, '/')) && p[1];)
		slash[slash == p] = '\0';
	return p;
}

static int find_system(const char *path)
{
	struct statfs fs;

	if (statfs(path, &fs) == 0)
		for (size_t i = 0; i < ARRAY_SIZE(systems); i++)
			if ((uint32_t)fs.f_type == (uint32_t)systems[i].magic)
				return (int)i;
	return -1;
}

static void check_state_system(struct doctor *d, const char *at)
{
	int fs = find_system(at);

	if (fs >= 0 && systems[fs].suits == NETWORK)
		doctor_add(d, "state-dir", CHECK_FAIL, "give mscgd a directory on a local disk with --state-dir",
		           "the state directory %s is on %s: the database needs a local file system", d->state_dir, systems[fs].name);
	else if (fs >= 0 && systems[fs].suits == MEMORY)
		doctor_add(d, "state-dir", CHECK_WARN, "give mscgd a directory on a disk with --state-dir",
		           "the state directory %s is on %s: jobs do not outlive a reboot", d->state_dir, systems[fs].name);
	else if (fs >= 0)
		doctor_add(d, "state-dir", CHECK_WARN, "give mscgd a directory on a local disk with --state-dir",
		           "the state directory %s is on %s: a commit may not be durable there", d->state_dir, systems[fs].name);
	else
		doctor_add(d, "state-dir", CHECK_OK, NULL, "state directory %s", d->state_dir);
}

static void check_space(struct doctor *d, const char *at)
{
	struct statvfs fs;
	char text[32];
	uint64_t free;

	if (statvfs(at, &fs) < 0)
		return;
	free = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (free < UINT64_C(256) << 20)
		doctor_add(d, "space", CHECK_WARN, "make room: without it nothing can be submitted", "%s has %s left", at,
		           text_bytes(free, text, sizeof text));
}

static void check_state(struct doctor *d)
{
	_cleanup_free_ char *at = d->state_dir ? existing(d->state_dir) : NULL, *mend = NULL;

	if (!at) {
		doctor_add(d, "state-dir", CHECK_FAIL, "set HOME, or give --state-dir", "no state directory: HOME is not set");
		return;
	}
	/* Another user's daemon has a directory that we may not see: it answers, so it has it. */
	if (!d->daemon && access(at, W_OK | X_OK) < 0) {
		mend = xasprintf("as root: install -d -m 700 -o %u %s", geteuid(), d->state_dir);
		doctor_add(d, "state-dir", CHECK_FAIL, mend, "the state directory %s cannot be written: %s: %s", d->state_dir, at, strerror(errno));
		return;
	}
	check_state_system(d, at);
	check_space(d, at);
}

static void check_runtime(struct doctor *d)
{
	_cleanup_free_ char *at = existing(d->runtime_dir);
	int fs = find_system(at);

	if (!d->daemon && access(at, W_OK | X_OK) < 0)
		doctor_add(d, "runtime-dir", CHECK_FAIL, "give mscgd a directory of yours on a tmpfs with --runtime-dir",
		           "the runtime directory %s cannot be written: %s: %s", d->runtime_dir, at, strerror(errno));
	else if (fs >= 0 && systems[fs].suits == MEMORY)
		doctor_add(d, "runtime-dir", CHECK_OK, NULL, "runtime directory %s", d->runtime_dir);
	else
		doctor_add(d, "runtime-dir", CHECK_WARN, "give mscgd a directory on a tmpfs with --runtime-dir",
		           "the runtime directory %s is not on a tmpfs: it outlives a reboot, and each launch costs disk writes", d->runtime_dir);
}

void doctor_places(struct doctor *d)
{
	/* What a daemon does not tell is its own business. */
	if (d->state_dir || !d->daemon)
		check_state(d);
	if (d->runtime_dir)
		check_runtime(d);
}
