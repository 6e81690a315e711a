/* delegate.c: handing controllers down, handing a cgroup to a user, and marking it as ours. */
#include "cgroup/internal.h"

#include <fcntl.h>
#include <src/base/fd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define STAMP     "user.mscg.instance"
#define STAMP_MAX 255

static int read_controllers(const struct mscg_cgroup *cgroup, const char *file, uint32_t *ret, struct mscg_error *error)
{
	char text[512];
	ssize_t n = ret ? cg_read(cgroup, file, text, sizeof text, error) : 0;

	if (n < 0)
		return (int)n;
	if (ret)
		*ret = mscg_cgroup_controllers_parse(text);
	return 0;
}

int mscg_cgroup_controllers(const struct mscg_cgroup *cgroup, uint32_t *ret_available, uint32_t *ret_enabled,
                            struct mscg_error *error)
{
	uint32_t available = 0, enabled = 0;
	int r = read_controllers(cgroup, "cgroup.controllers", ret_available ? &available : NULL, error);

	if (r == 0)
		r = read_controllers(cgroup, "cgroup.subtree_control", ret_enabled ? &enabled : NULL, error);
	if (r < 0)
		return r;
	if (ret_available)
		*ret_available = available;
	if (ret_enabled)
		*ret_enabled = enabled;
	return 0;
}

/* "+cpu +memory" */
static void switch_text(uint32_t controllers, char sign, char *text, size_t size)
{
	size_t n = 0;

	text[0] = '\0';
	for (enum mscg_cgroup_controller c = 0; c < MSCG_CGROUP_CONTROLLER_COUNT; c++)
		if (controllers & (1u << c) && n < size)
			n += (size_t)snprintf(text + n, size - n, "%s%c%s", n ? " " : "", sign, mscg_cgroup_controller_name(c));
}

/* Who sits in the cgroup itself: "12, 15, 16 and 4 more". */
static void tenants(const struct mscg_cgroup *cgroup, char *text, size_t size)
{
	_cleanup_free_ char *procs = NULL;
	_cleanup_free_ pid_t *pids = NULL;
	size_t n = 0, cap = 0, used = 0;

	snprintf(text, size, "some");
	if (cg_read_all(cgroup, "cgroup.procs", &procs, NULL) < 0)
		return;
	cg_parse_pids(procs, &pids, &n, &cap);
	for (size_t i = 0; i < MIN_OF(n, 5u) && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%d", i ? ", " : "", (int)pids[i]);
	if (n > 5 && used < size)
		snprintf(text + used, size - used, " and %zu more", n - 5);
}

static int explain_enable(const struct mscg_cgroup *cgroup, const char *value, int code, const struct mscg_error *e,
                          struct mscg_error *error)
{
	char who[96];

	if (code != -EBUSY)
		return mscg_error_set(error, code, "%s", e->text);
	tenants(cgroup, who, sizeof who);
	return cg_error(cgroup, -EBUSY, error,
	                "cannot enable %s for its children while it has processes of its own (%s): move them into a child first",
	                value, who);
}

int mscg_cgroup_enable(const struct mscg_cgroup *cgroup, uint32_t controllers, struct mscg_error *error)
{
	uint32_t available, enabled;
	struct mscg_error e;
	char text[128];
	int r = mscg_cgroup_controllers(cgroup, &available, &enabled, error);

	if (r < 0)
		return r;
	if (controllers & ~available) {
		mscg_cgroup_controllers_format(controllers & ~available, text, sizeof text);
		return cg_error(cgroup, -ENOENT, error, "not available here: %s (see cgroup.controllers)", text);
	}
	if (!(controllers & ~enabled))
		return 0;
	switch_text(controllers & ~enabled, '+', text, sizeof text);
	r = cg_write(cgroup, "cgroup.subtree_control", text, &e);
	return r < 0 ? explain_enable(cgroup, text, r, &e, error) : 0;
}

int mscg_cgroup_disable(const struct mscg_cgroup *cgroup, uint32_t controllers, struct mscg_error *error)
{
	uint32_t enabled;
	struct mscg_error e;
	char text[128];
	int r = mscg_cgroup_controllers(cgroup, NULL, &enabled, error);

	if (r < 0 || !(controllers & enabled))
		return r;
	switch_text(controllers & enabled, '-', text, sizeof text);
	r = cg_write(cgroup, "cgroup.subtree_control", text, &e);
	if (r == -EBUSY)
		return cg_error(cgroup, r, error, "cannot disable %s: a child hands it further down", text);
	return r < 0 ? mscg_error_set(error, r, "%s", e.text) : 0;
}

int mscg_cgroup_move(const struct mscg_cgroup *cgroup, pid_t pid, struct mscg_error *error)
{
	struct mscg_error e;
	char text[24];

	snprintf(text, sizeof text, "%d", (int)pid);
	int r = cg_write(cgroup, "cgroup.procs", text, &e);
	if (r == -EBUSY)
		return cg_error(cgroup, r, error, "cannot take process %d: its children have controllers, so it can have no processes",
		                (int)(pid ? pid : getpid()));
	if (r == -EACCES)
		return cg_error(cgroup, r, error, "cannot take process %d: needs write permission on cgroup.procs here, and in the "
		                "nearest common ancestor of here and where the process is", (int)(pid ? pid : getpid()));
	if (r == -ENOENT)
		return cg_error(cgroup, r, error, "cannot take process %d: it would leave its cgroup namespace (mount option nsdelegate)",
		                (int)(pid ? pid : getpid()));
	return r < 0 ? mscg_error_set(error, r, "%s", e.text) : 0;
}

/* ---- jobs roots ---- */

/* Opens or makes one level, and takes it back on failure when it was made. */
static int descend(const struct mscg_cgroup *from, const char *name, uint32_t controllers, const char *rest,
                   struct mscg_cgroup *ret, struct mscg_error *error)
{
	_cleanup_cgroup_ struct mscg_cgroup here = MSCG_CGROUP_NONE;
	int r = mscg_cgroup_enable(from, controllers, error);

	if (r < 0)
		return r;
	r = mscg_cgroup_create(from, name, &here, NULL);
	bool made = r == 0;
	if (r == -EEXIST)
		r = mscg_cgroup_open(from, name, &here, error);
	else if (r < 0)
		r = mscg_cgroup_create(from, name, &here, error);
	if (r < 0)
		return r;
	r = mscg_cgroup_prepare(&here, rest, controllers, ret, error);
	if (r < 0 && made)
		mscg_cgroup_remove(from, name, NULL);
	return r;
}

int mscg_cgroup_prepare(const struct mscg_cgroup *top, const char *path, uint32_t controllers, struct mscg_cgroup *ret,
                        struct mscg_error *error)
{
	path += strspn(path, "/");
	if (!*path) {
		int r = mscg_cgroup_enable(top, controllers, error);
		return r < 0 ? r : mscg_cgroup_dup(top, ret, error);
	}
	_cleanup_free_ char *name = xstrndup(path, strcspn(path, "/"));
	return descend(top, name, controllers, path + strlen(name), ret, error);
}

int mscg_cgroup_settle(const struct mscg_cgroup *cgroup, const char *name, uint32_t controllers, struct mscg_cgroup *ret,
                       struct mscg_error *error)
{
	_cleanup_cgroup_ struct mscg_cgroup child = MSCG_CGROUP_NONE;
	struct mscg_error e;
	int r = mscg_cgroup_create(cgroup, name, &child, &e);

	if (r == -EEXIST)
		r = mscg_cgroup_open(cgroup, name, &child, &e);
	if (r < 0)
		return mscg_error_set(error, r, "%s", e.text);
	r = mscg_cgroup_move(&child, 0, error);
	if (r == 0)
		r = mscg_cgroup_enable(cgroup, controllers, error);
	if (r < 0)
		return r;
	*ret = child;
	child = (struct mscg_cgroup)MSCG_CGROUP_NONE;
	return 0;
}

#define DELEGATE "/sys/kernel/cgroup/delegate"

int mscg_cgroup_delegate(const struct mscg_cgroup *cgroup, uid_t uid, gid_t gid, struct mscg_error *error)
{
	_cleanup_free_ char *files = NULL;
	char *save = NULL;

	if (fd_read_file_at(AT_FDCWD, DELEGATE, 1u << 16, &files, NULL) < 0) /* before 4.15 */
		files = xstrdup("cgroup.procs\ncgroup.threads\ncgroup.subtree_control\n");
	for (char *f = strtok_r(files, "\n", &save); f; f = strtok_r(NULL, "\n", &save))
		if (fchownat(cgroup->fd, f, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
			return cg_error(cgroup, -errno, error, "cannot give %s to uid %u: %s", f, (unsigned)uid, strerror(errno));
	if (fchown(cgroup->fd, uid, gid) < 0)
		return cg_error(cgroup, -errno, error, "cannot give it to uid %u: %s", (unsigned)uid, strerror(errno));
	return 0;
}

/* ---- mark and lock ---- */

int mscg_cgroup_stamp_set(const struct mscg_cgroup *cgroup, const char *text, struct mscg_error *error)
{
	if (!*text || strlen(text) > STAMP_MAX)
		return mscg_error_set(error, -EINVAL, "a stamp has 1 to %d bytes", STAMP_MAX);
	if (fsetxattr(cgroup->fd, STAMP, text, strlen(text), 0) < 0)
		return cg_error(cgroup, -errno, error, "cannot set the attribute " STAMP ": %s", strerror(errno));
	return 0;
}

int mscg_cgroup_stamp_get(const struct mscg_cgroup *cgroup, char **ret, struct mscg_error *error)
{
	char text[STAMP_MAX + 1];
	ssize_t n = fgetxattr(cgroup->fd, STAMP, text, STAMP_MAX);

	if (n < 0 && errno == ENODATA)
		return cg_error(cgroup, -ENODATA, error, "has no attribute " STAMP);
	if (n < 0)
		return cg_error(cgroup, -errno, error, "cannot read the attribute " STAMP ": %s", strerror(errno));
	*ret = xstrndup(text, (size_t)n);
	return 0;
}

int mscg_cgroup_lock(const struct mscg_cgroup *cgroup, int *ret_fd, struct mscg_error *error)
{
	_cleanup_close_ int fd = openat(cgroup->fd, "cgroup.kill", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		fd = openat(cgroup->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return cg_fail(cgroup, NULL, NULL, errno, error);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? cg_error(cgroup, -EWOULDBLOCK, error, "another process holds its lock") :
		                              cg_error(cgroup, -errno, error, "cannot lock it: %s", strerror(errno));
	*ret_fd = steal_fd(&fd);
	return 0;
}
