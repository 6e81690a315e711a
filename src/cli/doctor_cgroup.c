/* mscg doctor: control groups, and whether this user may use them. */
#include <fcntl.h>
#include <mscg/cgroup.h>
#include <pwd.h>

#include "doctor.h"
#include "src/base/fd.h"

static const struct { enum mscg_cgroup_controller controller; enum verdict lack; const char *without; } wanted[] = {
	{MSCG_CGROUP_CONTROLLER_CPUSET, CHECK_FAIL, "jobs are not kept on cores of their own"},
	{MSCG_CGROUP_CONTROLLER_CPU, CHECK_FAIL, "shares of a core are not enforced"},
	{MSCG_CGROUP_CONTROLLER_MEMORY, CHECK_FAIL, "memory limits are not enforced, and memory is not counted"},
	{MSCG_CGROUP_CONTROLLER_PIDS, CHECK_FAIL, "the number of processes is not limited"},
	{MSCG_CGROUP_CONTROLLER_IO, CHECK_WARN, "what jobs read and write is not counted"},
};

static void check_mount(struct doctor *d, const struct mscg_cgroup_host *host)
{
	const char *mode = mscg_cgroup_mode_name(host->mode);
	const char *mend = host->systemd                        ? "add systemd.unified_cgroup_hierarchy=1 to the kernel's command line and reboot"
	                   : host->mode == MSCG_CGROUP_ABSENT ? "as root: mount -t cgroup2 -o nsdelegate none /sys/fs/cgroup"
	                                                      : "add cgroup_no_v1=all to the kernel's command line and reboot";
	_cleanup_free_ char *remount = xasprintf("as root: mount -o remount,nsdelegate %s", host->mount ? host->mount : "");

	if (!host->mount)
		doctor_add(d, "cgroup2", CHECK_FAIL, mend, "cgroup v2 is not mounted (%s)", mode);
	else if (host->readonly)
		doctor_add(d, "cgroup2", CHECK_FAIL, NULL, "cgroup v2 is mounted read-only on %s, as in a container", host->mount);
	else
		doctor_add(d, "cgroup2", host->mode == MSCG_CGROUP_UNIFIED ? CHECK_OK : CHECK_WARN, mend, "cgroup v2 is mounted on %s (%s)",
		           host->mount, mode);
	if (host->mount && !host->nsdelegate && host->uid != 0)
		doctor_add(d, "nsdelegate", CHECK_WARN, remount, "cgroup v2 is mounted without nsdelegate: a job could "
		           "raise its own limits");
}

/* The cgroup under which jobs live or would live; NULL path: none to be found. */
static int open_jobs_root(const struct doctor *d, const struct mscg_cgroup_host *host, struct mscg_cgroup *ret, struct mscg_error *error)
{
	static const char *const units[] = {"system.slice/mscg-jobs.service", "mscg.slice/mscg-jobs.service"};
	_cleanup_free_ char *noted = d->runtime_dir ? xasprintf("%s/jobs-root", d->runtime_dir) : NULL, *path = NULL;
	struct mscg_cgroup top = MSCG_CGROUP_NONE;
	int r;

	if (noted && fd_read_file_at(AT_FDCWD, noted, 4096, &path, NULL) == 0 && mscg_cgroup_open_path(path, ret, NULL) == 0)
		return 0;
	if (d->cgroup_root && mscg_cgroup_open_path(d->cgroup_root, ret, NULL) == 0)
		return 0;
	r = mscg_cgroup_open_top(host, &top, error);
	if (r < 0)
		return r;
	r = -ENOENT;
	for (size_t i = 0; geteuid() == 0 && host->systemd && r < 0 && i < ARRAY_SIZE(units); i++)
		r = mscg_cgroup_open(&top, units[i], ret, NULL);
	if (r < 0 && geteuid() != 0) {
		_cleanup_free_ char *manager = xasprintf("user.slice/user-%u.slice/user@%u.service", geteuid(), geteuid());

		/* Where a session's mscgd goes by itself. */
		r = mscg_cgroup_open(&top, manager, ret, NULL);
		if (r < 0)
			r = mscg_cgroup_open_own(host, ret, error);
	} else if (r < 0) {
		r = mscg_cgroup_dup(&top, ret, error);
	}
	mscg_cgroup_close(&top);
	return r;
}

static void check_controllers(struct doctor *d, const struct mscg_cgroup_host *host, const struct mscg_cgroup *root)
{
	struct mscg_cgroup_finding denied = {0};
	char path[512] = "", have[256];
	uint32_t bits = 0;

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		struct mscg_cgroup_finding f;

		if (mscg_cgroup_explain(host, root, wanted[i].controller, &f, NULL) < 0)
			continue;
		if (f.lack == MSCG_CGROUP_LACK_PERMISSION)
			denied = f;
		else if (f.lack != MSCG_CGROUP_LACK_NONE)
			doctor_add(d, mscg_cgroup_controller_name(wanted[i].controller), wanted[i].lack, f.mend, "%s: %s", f.text, wanted[i].without);
		if (f.lack == MSCG_CGROUP_LACK_NONE || f.lack == MSCG_CGROUP_LACK_PERMISSION)
			bits |= 1u << wanted[i].controller;
	}
	if (bits) {
		mscg_cgroup_controllers_format(bits, have, sizeof have);
		doctor_add(d, "controllers", CHECK_OK, NULL, "controllers: %s", have);
	}
	if (!root || d->system)
		return;
	mscg_cgroup_path(root, path, sizeof path);
	if (denied.lack != MSCG_CGROUP_LACK_NONE)
		doctor_add(d, "delegation", CHECK_FAIL, denied.mend, "%s", denied.text);
	else if (bits)
		doctor_add(d, "delegation", CHECK_OK, NULL, "jobs can have cgroups below %s", path);
}

/* A user's jobs end with the user's last session, unless the user lingers. */
static void check_linger(struct doctor *d, const struct mscg_cgroup_host *host)
{
	const struct passwd *pw = getpwuid(geteuid());
	const char *run = getenv("XDG_RUNTIME_DIR");
	_cleanup_free_ char *manager = run ? xasprintf("%s/systemd/private", run) : NULL;
	_cleanup_free_ char *linger = pw ? xasprintf("/var/lib/systemd/linger/%s", pw->pw_name) : NULL;

	if (geteuid() == 0 || !host->systemd || d->daemon)
		return;
	if (!manager || access(manager, F_OK) < 0)
		doctor_add(d, "user-manager", CHECK_WARN, "log in anew (ssh, not su), or: loginctl enable-linger",
		           "no user manager of systemd is to be seen (XDG_RUNTIME_DIR): a scope for mscgd cannot be had from it");
	else if (linger && access(linger, F_OK) < 0)
		doctor_add(d, "linger", CHECK_WARN, "loginctl enable-linger", "jobs of this user end with the last session");
	else
		doctor_add(d, "linger", CHECK_OK, NULL, "the user manager stays when sessions end");
}

void doctor_cgroups(struct doctor *d)
{
	struct mscg_cgroup root = MSCG_CGROUP_NONE;
	struct mscg_cgroup_host *host;
	struct mscg_error error = {0};
	int r;

	if (mscg_cgroup_discover(&host, &error) < 0) {
		doctor_add(d, "cgroup2", CHECK_FAIL, NULL, "%s", error.text);
		return;
	}
	check_mount(d, host);
	r = host->mount ? open_jobs_root(d, host, &root, &error) : -ENOENT;
	if (r < 0 && host->mount)
		doctor_add(d, "delegation", CHECK_FAIL, NULL, "%s", error.text);
	check_controllers(d, host, r < 0 ? NULL : &root);
	check_linger(d, host);
	mscg_cgroup_close(&root);
	mscg_cgroup_host_free(host);
}
