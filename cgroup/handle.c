/* handle.c: opening, making, walking and removing cgroups. A name is looked up once; afterwards only descriptors count. */
#include "cgroup/internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

static int check_name(const char *name, struct mscg_error *error)
{
	if (!*name || strchr(name, '/') || strchr(name, '\n') || streq(name, ".") || streq(name, ".."))
		return mscg_error_set(error, -EINVAL, "\"%s\" is no name for a cgroup: one level, not empty", name);
	return 0;
}

/* Takes fd in every case. */
static int adopt_fd(int fd, const char *path, struct mscg_cgroup *ret, struct mscg_error *error)
{
	_cleanup_close_ int own = fd;
	struct statfs fs;
	struct stat st;

	if (fstatfs(own, &fs) < 0 || fstat(own, &st) < 0)
		return mscg_error_set(error, -errno, "cannot look at %s: %s", path, strerror(errno));
	if (fs.f_type != CGROUP2_SUPER_MAGIC)
		return mscg_error_set(error, -ENOTTY, "%s is not in a cgroup2 file system", path);
	*ret = (struct mscg_cgroup){ .fd = steal_fd(&own), .id = st.st_ino };
	return 0;
}

int mscg_cgroup_open_path(const char *path, struct mscg_cgroup *ret, struct mscg_error *error)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return mscg_error_set(error, -errno, "cannot open cgroup %s: %s", path, strerror(errno));
	return adopt_fd(fd, path, ret, error);
}

static int open_below(int dirfd, const char *name)
{
	struct open_how how = {
		.flags   = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};
	long fd;

	do
		fd = syscall(SYS_openat2, dirfd, name, &how, sizeof how);
	while (fd < 0 && (errno == EINTR || errno == EAGAIN));
	return (int)fd;
}

int mscg_cgroup_open(const struct mscg_cgroup *parent, const char *name, struct mscg_cgroup *ret, struct mscg_error *error)
{
	int fd = open_below(parent->fd, name);
	struct stat st;

	if (fd < 0) {
		int code = -errno;
		if (code == -ENOENT && !mscg_cgroup_exists(parent))
			return cg_fail(parent, NULL, NULL, ENODEV, error);
		return mscg_error_set(error, code, "cannot open cgroup %s/%s: %s", cg_path(parent).text, name, strerror(-code));
	}
	if (fstat(fd, &st) < 0) {
		int code = -errno;
		close(fd);
		return mscg_error_set(error, code, "cannot look at cgroup %s/%s: %s", cg_path(parent).text, name, strerror(-code));
	}
	*ret = (struct mscg_cgroup){ .fd = fd, .id = st.st_ino };
	return 0;
}

int mscg_cgroup_dup(const struct mscg_cgroup *cgroup, struct mscg_cgroup *ret, struct mscg_error *error)
{
	int fd = fcntl(cgroup->fd, F_DUPFD_CLOEXEC, 3);

	if (fd < 0)
		return mscg_error_set(error, -errno, "cannot duplicate a descriptor: %s", strerror(errno));
	*ret = (struct mscg_cgroup){ .fd = fd, .id = cgroup->id };
	return 0;
}

static int explain_create(const struct mscg_cgroup *parent, const char *name, int err, struct mscg_error *error)
{
	switch (err) {
	case EEXIST:
		return cg_error(parent, -EEXIST, error, "there is a cgroup \"%s\" already", name);
	case EAGAIN:
		return cg_error(parent, -EAGAIN, error,
		                "cannot make cgroup \"%s\": cgroup.max.descendants or cgroup.max.depth is reached", name);
	case EACCES:
	case EPERM:
		return cg_error(parent, -err, error, "cannot make cgroup \"%s\": it is not delegated to this user", name);
	case ENOENT:
	case ENODEV:
		return cg_fail(parent, NULL, NULL, ENODEV, error);
	default:
		return cg_error(parent, -err, error, "cannot make cgroup \"%s\": %s", name, strerror(err));
	}
}

int mscg_cgroup_create(const struct mscg_cgroup *parent, const char *name, struct mscg_cgroup *ret,
                       struct mscg_error *error)
{
	int r = check_name(name, error);

	if (r < 0)
		return r;
	if (mkdirat(parent->fd, name, 0755) < 0)
		return explain_create(parent, name, errno, error);
	r = mscg_cgroup_open(parent, name, ret, error);
	if (r < 0)
		unlinkat(parent->fd, name, AT_REMOVEDIR);
	return r;
}

static int count_child(void *ctx, const char *name, const struct mscg_cgroup *child)
{
	(void)child;
	if (!*(char *)ctx)
		snprintf(ctx, NAME_MAX + 1, "%s", name);
	return 0;
}

/* EBUSY on rmdir: children, or processes. */
static int explain_busy(const struct mscg_cgroup *parent, const char *name, struct mscg_error *error)
{
	_cleanup_cgroup_ struct mscg_cgroup c = MSCG_CGROUP_NONE;
	_cleanup_free_ pid_t *pids = NULL;
	char child[NAME_MAX + 1] = "";
	size_t n = 0;

	if (mscg_cgroup_open(parent, name, &c, NULL) == 0) {
		mscg_cgroup_children(&c, count_child, child, NULL);
		mscg_cgroup_processes(&c, &pids, &n, NULL);
	}
	if (n > 0)
		return cg_error(parent, -EBUSY, error, "cannot remove cgroup \"%s\": it has %zu process%s, such as %d", name, n,
		                n == 1 ? "" : "es", (int)pids[0]);
	if (*child)
		return cg_error(parent, -EBUSY, error, "cannot remove cgroup \"%s\": it has a child \"%s\"", name, child);
	return cg_error(parent, -EBUSY, error, "cannot remove cgroup \"%s\": it is in use", name);
}

int mscg_cgroup_remove(const struct mscg_cgroup *parent, const char *name, struct mscg_error *error)
{
	int r = check_name(name, error);

	if (r < 0)
		return r;
	if (unlinkat(parent->fd, name, AT_REMOVEDIR) == 0)
		return 0;
	r = -errno;
	if (r == -EBUSY)
		return explain_busy(parent, name, error);
	if (r == -ENOENT && !mscg_cgroup_exists(parent))
		return cg_fail(parent, NULL, NULL, ENODEV, error);
	return cg_error(parent, r, error, "cannot remove cgroup \"%s\": %s", name, strerror(-r));
}

void mscg_cgroup_close(struct mscg_cgroup *cgroup)
{
	cleanup_close(&cgroup->fd);
	*cgroup = (struct mscg_cgroup)MSCG_CGROUP_NONE;
}

size_t mscg_cgroup_path(const struct mscg_cgroup *cgroup, char *text, size_t size)
{
	char link[32], path[PATH_MAX];

	snprintf(link, sizeof link, "/proc/self/fd/%d", cgroup->fd);
	ssize_t n = cgroup->fd < 0 ? -1 : readlink(link, path, sizeof path);
	return (size_t)snprintf(text, size, "%.*s", n < 0 ? 1 : (int)n, n < 0 ? "?" : path);
}

bool mscg_cgroup_exists(const struct mscg_cgroup *cgroup)
{
	return cg_has(cgroup, "cgroup.procs");
}

int mscg_cgroup_children(const struct mscg_cgroup *cgroup,
                         int (*each)(void *ctx, const char *name, const struct mscg_cgroup *child), void *ctx,
                         struct mscg_error *error)
{
	int r = 0, fd = open_below(cgroup->fd, ".");
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir) {
		r = cg_fail(cgroup, NULL, NULL, errno, error);
		if (fd >= 0)
			close(fd);
		return r;
	}
	for (struct dirent *d; r >= 0 && (d = readdir(dir));) {
		_cleanup_cgroup_ struct mscg_cgroup child = MSCG_CGROUP_NONE;
		struct mscg_error e;
		if (d->d_type != DT_DIR || streq(d->d_name, ".") || streq(d->d_name, ".."))
			continue;
		r = mscg_cgroup_open(cgroup, d->d_name, &child, &e);
		if (r == 0)
			r = each(ctx, d->d_name, &child);
		else
			r = r == -ENOENT || r == -ENODEV ? 0 : mscg_error_set(error, r, "%s", e.text);
	}
	closedir(dir);
	return MIN_OF(r, 0);
}

struct walk {
	int (*each)(void *ctx, const struct mscg_cgroup *cgroup);
	void *ctx;
	int   depth;
	struct mscg_error *error;
};

/* The links of a directory of cgroups are counted as anywhere: its own two, and one of each directory in it. */
static bool is_leaf(const struct mscg_cgroup *cgroup)
{
	struct stat st;

	return fstat(cgroup->fd, &st) == 0 && st.st_nlink == 2;
}

static int walk_down(void *ctx, const char *name, const struct mscg_cgroup *cgroup)
{
	struct walk *w = ctx;
	int r = w->each(w->ctx, cgroup);

	(void)name;
	if (r < 0 || is_leaf(cgroup))
		return MIN_OF(r, 0);
	if (w->depth >= CG_DEPTH)
		return cg_error(cgroup, -ELOOP, w->error, "nested more than %d levels deep", CG_DEPTH);
	w->depth++;
	r = mscg_cgroup_children(cgroup, walk_down, w, w->error);
	w->depth--;
	return r == -ENODEV && w->depth > 0 ? 0 : r;
}

int cg_walk(const struct mscg_cgroup *cgroup, int (*each)(void *ctx, const struct mscg_cgroup *cgroup), void *ctx,
            struct mscg_error *error)
{
	struct walk w = { each, ctx, 0, error };

	return walk_down(&w, "", cgroup);
}

struct removal {
	const struct mscg_cgroup *parent;
	int depth;
	struct mscg_error *error;
};

static int remove_below(void *ctx, const char *name, const struct mscg_cgroup *cgroup)
{
	struct removal *up = ctx, down = { cgroup, up->depth + 1, up->error };

	if (down.depth > CG_DEPTH)
		return cg_error(cgroup, -ELOOP, up->error, "nested more than %d levels deep", CG_DEPTH);
	int r = mscg_cgroup_children(cgroup, remove_below, &down, up->error);
	if (r < 0 && r != -ENODEV)
		return r;
	r = mscg_cgroup_remove(up->parent, name, up->error);
	return up->depth > 0 && (r == -ENOENT || r == -ENODEV) ? 0 : r;
}

int mscg_cgroup_remove_tree(const struct mscg_cgroup *parent, const char *name, struct mscg_error *error)
{
	_cleanup_cgroup_ struct mscg_cgroup top = MSCG_CGROUP_NONE;
	struct removal start = { parent, 0, error };
	int r = check_name(name, error);

	if (r == 0)
		r = mscg_cgroup_open(parent, name, &top, error);
	return r < 0 ? r : remove_below(&start, name, &top);
}
