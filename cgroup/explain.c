/* explain.c: why a controller cannot be had here, and what mends it. The judgement is a function of facts, so that every
 * kind of machine can be tested on any. */
#include "cgroup/internal.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>

/* ---- features ---- */

static const struct {
	const char *file, *since;
} features[] = {
#define X(name, file, since) { file, since },
	MSCG_CGROUP_FEATURES(X)
#undef X
};

const char *mscg_cgroup_feature_file(enum mscg_cgroup_feature feature)
{
	return feature < ARRAY_SIZE(features) ? features[feature].file : "?";
}

const char *mscg_cgroup_feature_since(enum mscg_cgroup_feature feature)
{
	return feature < ARRAY_SIZE(features) ? features[feature].since : "?";
}

int mscg_cgroup_features(const struct mscg_cgroup *cgroup, uint32_t *ret, struct mscg_error *error)
{
	uint32_t set = 0;
	struct stat st;

	if (!mscg_cgroup_exists(cgroup))
		return cg_fail(cgroup, NULL, NULL, ENODEV, error);
	for (enum mscg_cgroup_feature f = 0; f < ARRAY_SIZE(features); f++)
		if (fstatat(cgroup->fd, features[f].file, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    (f != MSCG_CGROUP_FEATURE_MEMORY_PEAK_RESET || st.st_mode & S_IWUSR))
			set |= 1u << f;
	*ret = set;
	return 0;
}

/* ---- judgement ---- */

__attribute__((format(printf, 2, 3))) static void say(struct mscg_cgroup_finding *f, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(f->text, sizeof f->text, format, ap);
	va_end(ap);
}

__attribute__((format(printf, 2, 3))) static void mend(struct mscg_cgroup_finding *f, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(f->mend, sizeof f->mend, format, ap);
	va_end(ap);
}

static void bound_v1(const struct cg_facts *facts, const char *name, struct mscg_cgroup_finding *f)
{
	say(f, "controller %s is bound to a cgroup v1 hierarchy, so cgroup v2 cannot have it", name);
	mend(f, "add %s to the kernel's command line and reboot",
	     facts->host->systemd ? "systemd.unified_cgroup_hierarchy=1" : "cgroup_no_v1=all");
}

/* Where the mend is a drop-in of systemd: the unit whose cgroup `path` is in. */
static const char *last_unit(const char *path, size_t *ret_length)
{
	static const char *const kinds[] = { ".service", ".scope" };
	const char *found = NULL;

	for (const char *p = path; *p;) {
		size_t n = strcspn(p, "/");
		for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
			size_t kind = strlen(kinds[k]);
			if (n > kind && strncmp(p + n - kind, kinds[k], kind) == 0) {
				found       = p;
				*ret_length = n;
			}
		}
		p += n;
		p += strspn(p, "/");
	}
	return found;
}

#define WANTED "cpuset cpu io memory pids"

#define USER_MANAGER                                                                                                      \
	"as root:\n"                                                                                                      \
	"mkdir -p /etc/systemd/system/user@.service.d\n"                                                                  \
	"printf '[Service]\\nDelegate=" WANTED "\\n' > /etc/systemd/system/user@.service.d/mscg.conf\n"                     \
	"systemctl daemon-reload\n"                                                                                       \
	"then end all sessions of this user and log in again"
#define OWN_SCOPE "systemd-run --user --scope --property=Delegate=yes COMMAND"

static bool starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static void mend_unit(struct mscg_cgroup_finding *f, const char *unit, size_t n, const struct cg_facts *facts)
{
	bool scope = strncmp(unit + n - strlen(".scope"), ".scope", strlen(".scope")) == 0;

	if (strstr(facts->path, "/user@"))
		mend(f, "%s", USER_MANAGER);
	else if (scope && facts->host->uid == 0)
		mend(f, "start it in a scope of its own:\nsystemd-run --scope --property='Delegate=" WANTED "' COMMAND");
	else if (scope && starts(unit, "session-"))
		mend(f, "the cgroup of a login session is not a user's: start it in a scope of your own:\n" OWN_SCOPE
		        "\nand before that, once, %s", USER_MANAGER);
	else
		mend(f, "as root: systemctl edit %.*s, add\n[%s]\nDelegate=" WANTED "\nand restart it", (int)n, unit,
		     scope ? "Scope" : "Service");
}

static void lacking_above(const struct cg_facts *facts, const char *name, struct mscg_cgroup_finding *f)
{
	const char *path = facts->path, *mount = facts->host->mount;
	size_t n = 0;
	const char *unit = facts->host->systemd ? last_unit(path, &n) : NULL;

	say(f, "controller %s is not handed down to %s: a cgroup above it lacks it in cgroup.subtree_control", name, path);
	if (unit)
		mend_unit(f, unit, n, facts);
	else /* every level from the top of the mount to the parent */
		mend(f, "as root: c=%s; for d in $(echo '%s' | tr / ' '); do echo +%s > $c/cgroup.subtree_control; c=$c/$d; done",
		     mount, starts(path, mount) ? path + strlen(mount) : path, name);
}

static void not_permitted(const struct cg_facts *facts, struct mscg_cgroup_finding *f)
{
	const char *path = facts->path;

	if (facts->host->readonly) {
		say(f, "%s is mounted read-only", facts->host->mount);
		mend(f, "give the container a cgroup of its own that it may write (podman run --cgroups=split, "
		        "docker run --privileged --cgroupns=private), or: mount -o remount,rw %s", facts->host->mount);
		return;
	}
	say(f, "%s is not delegated to uid %u: its directory, cgroup.procs and cgroup.subtree_control are not all writable", path,
	    facts->host->uid);
	if (facts->host->systemd)
		mend(f, "start it in a scope of your own:\n" OWN_SCOPE);
	else
		mend(f, "as root: chown %u %s %s/cgroup.procs %s/cgroup.threads %s/cgroup.subtree_control", facts->host->uid, path,
		     path, path, path);
}

static const char *const configs[MSCG_CGROUP_CONTROLLER_COUNT] = {
	[MSCG_CGROUP_CONTROLLER_CPUSET]  = "CONFIG_CPUSETS",
	[MSCG_CGROUP_CONTROLLER_CPU]     = "CONFIG_CGROUP_SCHED, CONFIG_CFS_BANDWIDTH",
	[MSCG_CGROUP_CONTROLLER_IO]      = "CONFIG_BLK_CGROUP",
	[MSCG_CGROUP_CONTROLLER_MEMORY]  = "CONFIG_MEMCG",
	[MSCG_CGROUP_CONTROLLER_HUGETLB] = "CONFIG_CGROUP_HUGETLB",
	[MSCG_CGROUP_CONTROLLER_PIDS]    = "CONFIG_CGROUP_PIDS",
	[MSCG_CGROUP_CONTROLLER_RDMA]    = "CONFIG_CGROUP_RDMA",
	[MSCG_CGROUP_CONTROLLER_MISC]    = "CONFIG_CGROUP_MISC",
	[MSCG_CGROUP_CONTROLLER_DMEM]    = "CONFIG_CGROUP_DMEM, Linux 6.14",
};

static void not_at_top(const struct cg_facts *facts, enum mscg_cgroup_controller c, struct mscg_cgroup_finding *f)
{
	const char *name = mscg_cgroup_controller_name(c);
	uint32_t bit = 1u << c;

	if (facts->host->v1 & bit) {
		f->lack = MSCG_CGROUP_LACK_BOUND_V1;
		bound_v1(facts, name, f);
	} else if (facts->host->disabled & bit) {
		f->lack = MSCG_CGROUP_LACK_DISABLED;
		say(f, "controller %s is switched off on the kernel's command line", name);
		mend(f, "remove cgroup_disable=%s from the kernel's command line and reboot", name);
	} else if (facts->host->namespaced) {
		f->lack = MSCG_CGROUP_LACK_CONTAINER;
		say(f, "controller %s was not handed into this container or cgroup namespace", name);
		mend(f, "have whoever started the container enable it for %s (systemd: Delegate=" WANTED " in its unit)",
		    facts->host->mount);
	} else {
		f->lack = MSCG_CGROUP_LACK_KERNEL;
		say(f, "this kernel has no controller %s", name);
		mend(f, "boot a kernel that has it (%s)", configs[c]);
	}
}

void cg_explain(const struct cg_facts *facts, enum mscg_cgroup_controller controller, struct mscg_cgroup_finding *ret)
{
	const struct mscg_cgroup_host *host = facts->host;
	uint32_t bit = 1u << controller;
	struct mscg_cgroup_finding f = { .lack = MSCG_CGROUP_LACK_NONE };

	if (!host->mount && (host->v1 & bit)) {
		f.lack = MSCG_CGROUP_LACK_BOUND_V1;
		bound_v1(facts, mscg_cgroup_controller_name(controller), &f);
	} else if (!host->mount) {
		f.lack = MSCG_CGROUP_LACK_NO_V2;
		say(&f, "no cgroup2 file system is mounted here");
		mend(&f, "as root: mount -t cgroup2 -o nsdelegate,memory_recursiveprot cgroup2 /sys/fs/cgroup");
	} else if (!facts->path) {
		f.lack = MSCG_CGROUP_LACK_CONTAINER;
		say(&f, "our own cgroup lies outside of what is mounted on %s", host->mount);
		mend(&f, "mount cgroup2 inside the container, or start it with a cgroup namespace of its own");
	} else if (!(host->top & bit)) {
		not_at_top(facts, controller, &f);
	} else if (!(facts->available & bit)) {
		f.lack = MSCG_CGROUP_LACK_ABOVE;
		lacking_above(facts, mscg_cgroup_controller_name(controller), &f);
	} else if (!facts->writable) {
		f.lack = MSCG_CGROUP_LACK_PERMISSION;
		not_permitted(facts, &f);
	}
	*ret = f;
}

static bool is_writable(const struct mscg_cgroup *cgroup)
{
	static const char *const files[] = { ".", "cgroup.procs", "cgroup.subtree_control" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (faccessat(cgroup->fd, files[i], W_OK, AT_EACCESS) < 0)
			return false;
	return true;
}

int mscg_cgroup_explain(const struct mscg_cgroup_host *host, const struct mscg_cgroup *cgroup,
                        enum mscg_cgroup_controller controller, struct mscg_cgroup_finding *ret, struct mscg_error *error)
{
	struct cg_facts facts = { .host = host };
	struct cg_path path;

	if (controller >= MSCG_CGROUP_CONTROLLER_COUNT)
		return mscg_error_set(error, -EINVAL, "there is no controller number %d", (int)controller);
	if (cgroup) {
		int r = mscg_cgroup_controllers(cgroup, &facts.available, NULL, error);
		if (r < 0)
			return r;
		path           = cg_path(cgroup);
		facts.path     = path.text;
		facts.writable = is_writable(cgroup);
	}
	cg_explain(&facts, controller, ret);
	return 0;
}
