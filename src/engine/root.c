/* The jobs root: the cgroup under which jobs live, found or made, with the controllers that are needed, stamped with
 * this instance and locked against a second mscgd. */
#include <fcntl.h>
#include <libgen.h>
#include <sys/stat.h>

#include "internal.h"
#include "src/base/fd.h"

static const enum mscg_cgroup_controller wanted[] = {
	MSCG_CGROUP_CONTROLLER_CPUSET, MSCG_CGROUP_CONTROLLER_CPU, MSCG_CGROUP_CONTROLLER_MEMORY, MSCG_CGROUP_CONTROLLER_PIDS,
};

/* What a user loses without it, for people. */
static const char *not_enforced(enum mscg_cgroup_controller controller)
{
	switch (controller) {
	case MSCG_CGROUP_CONTROLLER_CPUSET: return "jobs are not kept on their own CPUs";
	case MSCG_CGROUP_CONTROLLER_CPU: return "shares of a CPU are not enforced";
	case MSCG_CGROUP_CONTROLLER_MEMORY: return "memory limits are not enforced and memory is not accounted";
	case MSCG_CGROUP_CONTROLLER_PIDS: return "the number of processes is not limited";
	default: return "";
	}
}

static uint32_t wanted_bits(void)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		bits |= 1u << wanted[i];
	return bits;
}

/* How to mend it, a line each, in the place of warnings. */
static void add_mend(char ***warnings, const struct mscg_cgroup_finding *finding)
{
	for (const char *line = finding->mend; *line;) {
		size_t n = strcspn(line, "\n");
		_cleanup_free_ char *copy = xstrndup(line, n);

		strv_add(warnings, copy);
		line += n + (line[n] == '\n');
	}
}

/* Which of the wanted controllers children of `cgroup` can have; for the others a line each. */
static int find_controllers(struct local *l, const struct mscg_cgroup *cgroup, bool warn_only, uint32_t *ret, char ***warnings,
                            struct mscg_error *error)
{
	uint32_t have = 0;

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		struct mscg_cgroup_finding finding;
		int r = mscg_cgroup_explain(l->host, cgroup, wanted[i], &finding, error);

		if (r < 0)
			return r;
		if (finding.lack == MSCG_CGROUP_LACK_NONE) {
			have |= 1u << wanted[i];
			continue;
		}
		if (!warn_only) {
			add_mend(warnings, &finding);
			return mscg_error_set(error, -EOPNOTSUPP, "%.180s; --missing-controllers=warn runs without; to mend it:", finding.text);
		}
		_cleanup_free_ char *line = xasprintf("%s: %s", finding.text, not_enforced(wanted[i])), *before = l->engine.not_enforced;
		strv_add(warnings, line);
		l->engine.not_enforced = xasprintf("%s%s%s", before ? before : "", before ? "; " : "", not_enforced(wanted[i]));
	}
	*ret = have;
	return 0;
}

/* systemd: mscg-jobs.service holds jobs and supervisors, so that a restart of mscgd.service does not touch them. */
static const char *const system_roots[] = { "system.slice/mscg-jobs.service", "mscg.slice/mscg-jobs.service" };

static int open_system_root(struct local *l, uint32_t *controllers, bool warn_only, char ***warnings, struct mscg_error *error)
{
	struct mscg_cgroup top = MSCG_CGROUP_NONE;
	int r = mscg_cgroup_open_top(l->host, &top, error);

	if (r < 0)
		return r;
	for (size_t i = 0; l->host->systemd && i < ARRAY_SIZE(system_roots) && l->root.fd < 0; i++)
		mscg_cgroup_open(&top, system_roots[i], &l->root, NULL);
	if (l->root.fd >= 0)
		r = find_controllers(l, &l->root, warn_only, controllers, warnings, error);
	else if ((r = find_controllers(l, &top, warn_only, controllers, warnings, error)) >= 0)
		r = mscg_cgroup_prepare(&top, "mscg", *controllers, &l->root, error);
	mscg_cgroup_close(&top);
	return r;
}

static int open_given_root(struct local *l, const char *path, uint32_t *controllers, bool warn_only, char ***warnings,
                           struct mscg_error *error)
{
	int r = mscg_cgroup_open_path(path, &l->root, NULL);

	if (r == -ENOENT) {
		_cleanup_free_ char *copy = xstrdup(path), *name = xstrdup(path);
		struct mscg_cgroup parent = MSCG_CGROUP_NONE;

		if ((r = mscg_cgroup_open_path(dirname(copy), &parent, error)) < 0)
			return mscg_error_prefix(error, r, "cgroup-root %s: ", path);
		if ((r = find_controllers(l, &parent, warn_only, controllers, warnings, error)) >= 0)
			r = mscg_cgroup_prepare(&parent, basename(name), *controllers, &l->root, error);
		mscg_cgroup_close(&parent);
		return r;
	}
	if (r < 0 && (r = mscg_cgroup_open_path(path, &l->root, error)) < 0)
		return mscg_error_prefix(error, r, "cgroup-root: ");
	return find_controllers(l, &l->root, warn_only, controllers, warnings, error);
}

/* Where this instance had its jobs before it was restarted; they may be there still. */
static bool open_former_root(struct local *l, const char *instance)
{
	_cleanup_free_ char *file = xasprintf("%s/jobs-root", l->runtime_dir), *path = NULL, *stamp = NULL;

	if (fd_read_file_at(AT_FDCWD, file, 4096, &path, NULL) < 0 || mscg_cgroup_open_path(path, &l->root, NULL) < 0)
		return false;
	if (mscg_cgroup_stamp_get(&l->root, &stamp, NULL) == 0 && streq(stamp, instance))
		return true;
	mscg_cgroup_close(&l->root);
	return false;
}

static void remember_root(struct local *l)
{
	char path[4096];
	_cleanup_close_ int dir = open(l->runtime_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir >= 0)
		fd_replace_file_at(dir, "jobs-root", path, mscg_cgroup_path(&l->root, path, sizeof path), 0600);
}

/* A user's: the one it had before; else the cgroup that we are in, if it is delegated to us; its parent, if we were
 * moved to its daemon/ before. */
static int open_user_root(struct local *l, const char *instance, uint32_t *controllers, bool warn_only, char ***warnings,
                          struct mscg_error *error)
{
	struct mscg_cgroup own = MSCG_CGROUP_NONE;
	char path[4096];

	if (open_former_root(l, instance))
		return find_controllers(l, &l->root, warn_only, controllers, warnings, error);
	int r = mscg_cgroup_open_own(l->host, &own, error);
	if (r < 0)
		return r;
	mscg_cgroup_path(&own, path, sizeof path);
	char *name = strrchr(path, '/');
	if (name && streq(name, "/daemon")) {
		*name = 0;
		r     = mscg_cgroup_open_path(path, &l->root, error);
		mscg_cgroup_close(&own);
	} else {
		l->root = own;
	}
	return r < 0 ? r : find_controllers(l, &l->root, warn_only, controllers, warnings, error);
}

/* With controllers the kernel sees to it that a root has no processes of its own. Without, somebody's cgroup (a job's,
 * even) would do as well as one that is meant for it. Only the top of all has no cgroup.events. */
static int refuse_busy(const struct local *l, struct mscg_error *error)
{
	_cleanup_close_ int fd = openat(l->root.fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	char pid[32] = "", path[512];

	if (fd < 0 || faccessat(l->root.fd, "cgroup.events", F_OK, 0) < 0 || read(fd, pid, sizeof pid - 1) <= 0)
		return 0;
	pid[strspn(pid, "0123456789")] = 0;
	return mscg_error_set(error, -EBUSY, "%.140s has processes of its own (pid %s): give another --cgroup-root",
	                      mscg_cgroup_path(&l->root, path, sizeof path) > 0 ? path : "?", pid);
}

/* Our own process must not stand in the root: a cgroup with processes hands no controllers down. */
static int leave_root(struct local *l, uint32_t controllers, struct mscg_error *error)
{
	struct mscg_cgroup own = MSCG_CGROUP_NONE, daemon = MSCG_CGROUP_NONE;
	int r = mscg_cgroup_open_own(l->host, &own, NULL);
	bool inside = r >= 0 && own.id == l->root.id;

	mscg_cgroup_close(&own);
	if (!inside)
		return controllers ? mscg_cgroup_enable(&l->root, controllers, error) : refuse_busy(l, error);
	r = mscg_cgroup_settle(&l->root, "daemon", controllers, &daemon, error);
	mscg_cgroup_close(&daemon);
	return r;
}

static int find_live(void *ctx, const char *name, const struct mscg_cgroup *child)
{
	struct mscg_cgroup_events events;
	bool *live = ctx;

	if (strncmp(name, "job_", 4) == 0 && mscg_cgroup_events_get(child, &events, NULL) == 0)
		*live |= events.populated;
	return 0;
}

static int claim(struct local *l, const char *instance, struct mscg_error *error)
{
	bool live = false;
	_cleanup_free_ char *stamp = NULL;
	char path[512];
	int r = mscg_cgroup_lock(&l->root, &l->lock_fd, error);

	mscg_cgroup_path(&l->root, path, sizeof path);
	if (r == -EWOULDBLOCK)
		return mscg_error_set(error, -EBUSY, "another mscgd runs jobs in %.120s: give another --cgroup-root", path);
	if (r < 0)
		return r;
	r = mscg_cgroup_stamp_get(&l->root, &stamp, error);
	if (r == -ENODATA)
		return mscg_cgroup_stamp_set(&l->root, instance, error);
	if (r < 0)
		return r == -EOPNOTSUPP ? 0 : r;
	if (streq(stamp, instance))
		return 0;
	/* Another's, as after a backup was restored elsewhere. Its running jobs are not ours to touch; without any, it is
	 * only a directory. */
	if ((r = mscg_cgroup_children(&l->root, find_live, &live, error)) < 0)
		return r;
	if (live)
		return mscg_error_set(error, -EPERM,
		                      "jobs of another state directory (instance %.36s) run in %.90s: give another --cgroup-root",
		                      stamp, path);
	return mscg_cgroup_stamp_set(&l->root, instance, error);
}

/* An empty one that is there already is made anew: what is cloned from a cgroup that was killed once (by cgroup.kill of
 * its own, or of a former root above it) into a job's fresh one would be killed. One with supervisors in it is kept. */
static int open_supervisors(struct local *l, struct mscg_error *error)
{
	int r = mscg_cgroup_create(&l->root, "supervisors", &l->supervisors, error);

	if (r == -EEXIST && mscg_cgroup_remove(&l->root, "supervisors", NULL) >= 0)
		r = mscg_cgroup_create(&l->root, "supervisors", &l->supervisors, error);
	if (r == -EEXIST)
		r = mscg_cgroup_open(&l->root, "supervisors", &l->supervisors, error);
	/* On a machine that is full of busy jobs, who starts and reaps them goes first. */
	if (r >= 0 && l->controllers & MSCG_CGROUP_BIT(CPU))
		mscg_cgroup_set(&l->supervisors, MSCG_CGROUP_CPU_WEIGHT, 10000, NULL);
	return r;
}

/* What is not counted here has no files: looking for each of them, at the end of every job, costs more than reading them. */
static unsigned counters_of(const struct mscg_cgroup *root)
{
	unsigned groups = MSCG_CGROUP_STAT_CPU | MSCG_CGROUP_STAT_TOTALS;
	uint32_t enabled = 0;

	if (mscg_cgroup_controllers(root, NULL, &enabled, NULL) < 0)
		return MSCG_CGROUP_STAT_ALL | MSCG_CGROUP_STAT_TOTALS;
	if (enabled & MSCG_CGROUP_BIT(MEMORY))
		groups |= MSCG_CGROUP_STAT_MEMORY | MSCG_CGROUP_STAT_DETAIL | MSCG_CGROUP_STAT_EVENTS;
	if (enabled & MSCG_CGROUP_BIT(IO))
		groups |= MSCG_CGROUP_STAT_IO;
	if (enabled & MSCG_CGROUP_BIT(PIDS))
		groups |= MSCG_CGROUP_STAT_PIDS;
	return groups;
}

int root_open(struct local *l, const struct local_config *config, struct mscg_cpuset *ret_allowed, char ***ret_warnings,
              struct mscg_error *error)
{
	bool warn = config->warn_only;
	uint32_t controllers = 0;
	int r = mscg_cgroup_discover(&l->host, error);

	if (r < 0)
		return r;
	if (config->cgroup_root)
		r = open_given_root(l, config->cgroup_root, &controllers, warn, ret_warnings, error);
	else if (geteuid() == 0)
		r = open_system_root(l, &controllers, warn, ret_warnings, error);
	else
		r = open_user_root(l, config->instance, &controllers, warn, ret_warnings, error);
	if (r < 0 || (r = leave_root(l, controllers, error)) < 0 || (r = claim(l, config->instance, error)) < 0)
		return r;
	if (geteuid() != 0)
		remember_root(l);
	l->controllers = controllers & wanted_bits();
	l->counters    = counters_of(&l->root);
	if ((r = open_supervisors(l, error)) < 0)
		return r;
	if (l->controllers & MSCG_CGROUP_BIT(CPUSET))
		r = mscg_cgroup_get_list(&l->root, MSCG_CGROUP_CPUS_EFFECTIVE, ret_allowed, error);
	return r;
}
