/* What stands between a job and the rest of the machine: its namespaces, and its system call filter. */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "internal.h"
#include "src/base/bind.h"
#include "src/base/buf.h"
#include "src/base/fd.h"
#include "src/sandbox/sandbox.h"

static const struct {
	enum mscg_part part;
	uint64_t       flag;
} namespaces[] = {
	{ MSCG_PART_PID, CLONE_NEWPID }, { MSCG_PART_MOUNT, CLONE_NEWNS }, { MSCG_PART_IPC, CLONE_NEWIPC },
	{ MSCG_PART_UTS, CLONE_NEWUTS }, { MSCG_PART_CGROUP, CLONE_NEWCGROUP }, { MSCG_PART_NET, CLONE_NEWNET },
};

/* Made when the first job needs it; every launch passes the same descriptor, which nobody can write to. */
static int make_filter(uint32_t allow, struct mscg_error *error)
{
	_cleanup_free_ struct sock_filter *program = NULL;
	size_t n = 0;
	int r = sandbox_filter(allow, &program, &n, error);

	if (r < 0)
		return r;
	_cleanup_close_ int fd = memfd_create("seccomp", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return mscg_error_set(error, -errno, "cannot keep the system call filter: %s", strerror(errno));
	r = fd_write_all(fd, program, n * sizeof *program);
	if (r == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		r = -errno;
	return r < 0 ? mscg_error_set(error, r, "cannot keep the system call filter: %s", strerror(-r)) : steal_fd(&fd);
}

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && path[n] == '/';
}

static bool is_in(const char *path, const char *dir)
{
	return streq(path, dir) || is_below(path, dir);
}

/* In place: a space and the like stand there as backslash and three octal digits. */
static void unescape(char *s)
{
	char *to = s;

	for (unsigned a, b, c; *s; to++)
		if (*s == '\\' && (a = (unsigned)(s[1] - '0')) < 4 && (b = (unsigned)(s[2] - '0')) < 8 && (c = (unsigned)(s[3] - '0')) < 8) {
			*to = (char)(a << 6 | b << 3 | c);
			s += 4;
		} else {
			*to = *s++;
		}
	*to = 0;
}

/* Of a line "ID PARENT DEVICE ROOT PLACE ... - TYPE ...": the place, if a job is to find nothing there. What is in /proc,
 * /sys and /dev is the job's own or goes with them. */
static const char *place_to_cover(char *line)
{
	static const char *const kernels[] = { "proc", "sysfs", "cgroup", "cgroup2", "devtmpfs", "tracefs", "debugfs", "securityfs", "bpf" };
	char *type = strstr(line, " - "), *place = line;
	bool is_kernels = false;

	if (!type)
		return NULL;
	type += 3;
	type[strcspn(type, " ")] = 0;
	for (size_t i = 0; i < ARRAY_SIZE(kernels); i++)
		is_kernels |= streq(type, kernels[i]);
	for (int i = 0; i < 4 && place; i++)
		place = strchr(place, ' ') ? strchr(place, ' ') + 1 : NULL;
	if (!is_kernels || !place)
		return NULL;
	place[strcspn(place, " ")] = 0;
	unescape(place);
	if (is_in(place, "/proc") || is_in(place, "/sys") || (is_in(place, "/dev") && !is_below(place, "/dev/shm")))
		return NULL;
	return place;
}

/* mountinfo is read when there was none yet, and when the kernel says that mounts have changed since. */
static int find_cover(struct local *l, struct mscg_error *error)
{
	static const char mountinfo[] = "/proc/self/mountinfo";
	_cleanup_free_ char *text = NULL;
	bool known = l->mounts_fd >= 0;

	if (!known && (l->mounts_fd = open(mountinfo, O_RDONLY | O_CLOEXEC)) < 0)
		return mscg_error_set(error, -errno, "cannot open %s: %s", mountinfo, strerror(errno));
	struct pollfd changed = { .fd = l->mounts_fd, .events = POLLPRI };
	if (known && poll(&changed, 1, 0) == 0)
		return 0;
	int r = fd_read_file_at(AT_FDCWD, mountinfo, 16 << 20, &text, NULL);
	if (r < 0) {
		cleanup_close(&l->mounts_fd);
		l->mounts_fd = -1;
		return mscg_error_set(error, r, "cannot read %s: %s", mountinfo, strerror(-r));
	}
	free(steal(&l->cover));
	for (char *line, *at = text; (line = strsep(&at, "\n")) && *line;) {
		const char *place = place_to_cover(line);
		char *longer = place ? xasprintf("%s%s%s", l->cover ? l->cover : "", l->cover ? "/" : "", place) : NULL;

		if (longer) {
			free(l->cover);
			l->cover = longer;
		}
	}
	return 0;
}

/* The directories of the user's own services, and of mscgd's socket, which another one may take the place of. */
static int find_services(struct local *l, const struct mscg_spec *spec, struct mscg_error *error)
{
	_cleanup_free_ char *user = xasprintf("/run/user/%u", spec->uid);
	_cleanup_free_ char *dir = l->socket ? xstrdup(l->socket) : NULL;
	char real[PATH_MAX];

	free(steal(&l->services));
	if (dir) {
		*(strrchr(dir, '/') == dir ? dir + 1 : strrchr(dir, '/')) = 0;
		if (!realpath(dir, real))
			return mscg_error_set(error, -errno, "cannot find the directory of mscgd's socket, %.80s: %s", dir, strerror(errno));
	}
	/* Root gets to others' too. */
	l->services = xasprintf("%s//run/user%s%s", user, dir ? "/" : "", dir ? real : "");
	return 0;
}

/* As struct runner_launch has them. */
static int find_binds(struct local *l, const struct mscg_spec *spec, struct mscg_error *error)
{
	const char *at = spec->binds;
	_cleanup_buf_ struct buf list = {0};
	struct bind b;
	int r;

	while ((r = bind_next(&at, NULL, &b, error)) > 0) {
		buf_addf(&list, "%s%s/%s//%s", list.size ? "/" : "", b.source, b.target, b.read_only ? "ro" : "rw");
		bind_clear(&b);
	}
	free(l->binds);
	l->binds = buf_steal(&list);
	return r;
}

/* As struct runner_launch has them. */
static void find_devices(struct local *l, const struct task *t)
{
	_cleanup_strv_ char **nodes = device_nodes(l, t->grant->share[0].gres);
	_cleanup_buf_ struct buf list = {0};

	for (char **node = nodes; *node; node++)
		buf_addf(&list, "%s%s", list.size ? "/" : "", *node);
	if (l->more_devices)
		buf_addf(&list, "%s%s", list.size ? "/" : "", l->more_devices);
	free(l->devices);
	l->devices = list.size ? buf_steal(&list) : NULL;
}

/* Below one of the directories that are given for it. */
static bool is_image(const struct local *l, const char *path)
{
	for (const char *at = l->images; at && *at; at += strspn(at, ",")) {
		size_t n = strcspn(at, ",");
		_cleanup_free_ char *dir = xstrndup(at, n);

		if (is_below(path, dir))
			return true;
		at += n;
	}
	return false;
}

static int find_root(struct local *l, const struct mscg_spec *spec, struct runner_launch *launch, struct mscg_error *error)
{
	struct bind b;
	int r = bind_root_parse(spec->rootfs, NULL, &b, error);

	if (r < 0)
		return r;
	launch->root_read_only = b.read_only;
	free(l->rootfs);
	launch->root_path  = l->rootfs = steal(&b.source);
	launch->root_image = is_image(l, launch->root_path);
	bind_clear(&b);
	if (launch->root_image && geteuid() != 0)
		return mscg_error_set(error, -EINVAL, "image '%.100s': only root's mscgd mounts one. Expected a directory: unpack it, or mount it with squashfuse", launch->root_path);
	return 0;
}

/* Where no node can be made, as in many containers, there is none. */
static void find_dev(struct local *l)
{
	_cleanup_free_ char *path = xasprintf("%s/dev", l->runtime_dir);

	if (!l->dev_tried && geteuid() == 0 && runner_make_dev(path) == 0)
		l->dev = steal(&path);
	l->dev_tried = true;
}

static int set_mounts(struct local *l, const struct task *t, const struct mscg_spec *spec, uint32_t parts, struct runner_launch *launch, struct mscg_error *error)
{
	uint64_t mem = t->grant->share[0].mem_bytes;
	char id[MSCG_ID_TEXT];

	int r = find_cover(l, error);

	if (r < 0)
		return r;
	launch->strict  = parts & MSCG_PART_READONLY;
	launch->cgroup_writable = spec->delegate;
	if (mem)
		snprintf(l->tmpfs_options, sizeof l->tmpfs_options, "mode=1777,size=%llu", (unsigned long long)mem);
	else
		snprintf(l->tmpfs_options, sizeof l->tmpfs_options, "mode=1777");
	launch->tmpfs_options = l->tmpfs_options;
	launch->cover = l->cover;
	if (parts & MSCG_PART_NET) {
		if ((r = find_services(l, spec, error)) < 0)
			return r;
		launch->services = l->services;
	}
	if (spec->binds) {
		if ((r = find_binds(l, spec, error)) < 0)
			return r;
		launch->binds = l->binds;
	}
	if (spec->rootfs && (r = find_root(l, spec, launch, error)) < 0)
		return r;
	find_devices(l, t);
	launch->devices = l->devices;
	find_dev(l);
	launch->dev = l->dev;
	if (t->elastic) {
		free(l->keep);
		l->keep = xasprintf("%s/%s", l->jobs_dir, mscg_id_format(t->id, id));
		launch->keep_path = l->keep;
	}
	return 0;
}

static uint64_t namespaces_of(uint32_t parts)
{
	uint64_t flags = 0;

	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++)
		flags |= parts & namespaces[i].part ? namespaces[i].flag : 0;
	return flags;
}

/* By a process that ends with it. */
static int try_namespaces(uint64_t flags)
{
	int status = 0;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		if (geteuid() != 0 && unshare(CLONE_NEWUSER) < 0)
			_exit(errno);
		_exit(unshare((int)flags) < 0 ? errno : 0);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

int isolate_open(struct local *l, const char *isolate, struct mscg_error *error)
{
	uint64_t flags;
	int r;

	if (!isolate || mscg_isolate_parse(isolate, &l->isolate, NULL) < 0)
		return 0;
	flags = namespaces_of(l->isolate);
	r = flags ? try_namespaces(flags) : 0;
	if (r < 0)
		return mscg_error_set(error, r, "jobs cannot have isolate=%.40s here, the kernel makes no namespaces%s: %s. isolate=seccomp in mscgd's configuration "
		                      "does without them, isolate=none without anything%s", isolate, geteuid() ? " for ordinary users" : "", strerror(-r),
		                      geteuid() ? "; see sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone" : "");
	return 0;
}

bool isolate_has_mounts(const struct local *l, const struct mscg_spec *spec)
{
	uint32_t parts = l->isolate;

	return (!spec->isolate || mscg_isolate_parse(spec->isolate, &parts, NULL) == 0) && parts & MSCG_PART_MOUNT;
}

int isolate_launch(struct local *l, const struct task *t, const struct mscg_spec *spec, struct runner_launch *launch, struct mscg_error *error)
{
	uint32_t parts = l->isolate, allow = 0;
	int r = spec->isolate ? mscg_isolate_parse(spec->isolate, &parts, error) : 0;

	if (r == 0 && spec->allow)
		r = mscg_allow_parse(spec->allow, &allow, error);
	if (r < 0)
		return r;
	if (mscg_spec_needs_mounts(spec) && !(parts & MSCG_PART_MOUNT)) /* mscgd is configured otherwise since it was taken */
		return mscg_error_set(error, -EINVAL, "%s, and jobs have no mounts of their own here: expected --isolate with mount", mscg_spec_needs_mounts(spec));
	if (parts & MSCG_PART_MOUNT && (r = set_mounts(l, t, spec, parts, launch, error)) < 0)
		return r;
	if ((r = device_filter_attach(l, t, parts & MSCG_PART_MOUNT, error)) < 0)
		return r;
	launch->namespaces |= namespaces_of(parts);
	if (!(parts & MSCG_PART_SECCOMP))
		return 0;
	if (l->filters[allow] < 0 && (l->filters[allow] = r = make_filter(allow, error)) < 0)
		return r;
	launch->seccomp_fd = l->filters[allow];
	return 0;
}

void isolate_close(struct local *l)
{
	for (size_t i = 0; i < ARRAY_SIZE(l->filters); i++)
		cleanup_close(&l->filters[i]);
	cleanup_close(&l->mounts_fd);
	free(l->cover);
	free(l->keep);
	free(l->services);
	free(l->binds);
	free(l->rootfs);
	free(l->devices);
	free(l->dev);
	free(l->socket);
}
