/* The filter of devices on jobs' cgroups: no job gets at the devices of others, one with mounts of its own at none but those in its /dev.
 * What a job was started with stays with its cgroup; a restart changes nothing of it. */
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "internal.h"
#include "src/base/bind.h"
#include "src/base/buf.h"
#include "src/base/fd.h"
#include "src/sandbox/device_filter.h"

enum { MORE_MAX = 32, RULES_MAX = SANDBOX_DEVICE_RULES_MAX };
_Static_assert(MORE_MAX <= RUNNER_DEVICES_MAX / 2, "jobs may be granted others beside");

/* A device that is given out, and its numbers when it was seen last: a driver may take its nodes away and bring them again. */
struct unit {
	char *path;
	bool  known;
	struct sandbox_device device;
};

struct device_filter {
	struct sandbox_device more[MORE_MAX]; /* of all jobs with mounts of their own */
	size_t more_n;
	struct unit *units;
	uint32_t units_n;
	int shared[2]; /* programs of jobs without devices, by whether they have mounts of their own; -1: not made yet */
};

static int look_at(const char *path, struct sandbox_device *ret)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
		return -ENODEV;
	*ret = (struct sandbox_device){ .block = S_ISBLK(st.st_mode), .major = major(st.st_rdev), .minor = minor(st.st_rdev) };
	return 0;
}

static bool is_same(const struct sandbox_device *a, const struct sandbox_device *b)
{
	return a->block == b->block && a->major == b->major && a->minor == b->minor;
}

/* -- settings ----------------------------------------------------------------------------------------------------- */

static int read_node(const char *item, char **ret, struct sandbox_device *device, struct mscg_error *error)
{
	_cleanup_free_ char *path = NULL;
	int r = path_plain("devices: node", item, false, &path, error);

	if (r < 0)
		return r;
	if (strncmp(path, "/dev/", 5) != 0 || strncmp(path, "/dev/shm/", 9) == 0 || strncmp(path, "/dev/pts/", 9) == 0)
		return mscg_error_set(error, -EINVAL, "devices: '%.80s' is none: expected a node below /dev", path);
	r = look_at(path, device);
	if (r == -ENODEV)
		return mscg_error_set(error, r, "devices: %.80s is no device: expected a node of one", path);
	if (r < 0)
		return mscg_error_set(error, r, "devices: cannot look at %.80s: %s", path, strerror(-r));
	*ret = steal(&path);
	return 0;
}

static int read_list(struct local *l, struct device_filter *f, const char *text, struct mscg_error *error)
{
	_cleanup_buf_ struct buf places = {0};

	for (const char *at = text; at && *at;) {
		size_t length = strcspn(at, ",");
		_cleanup_free_ char *item = xstrndup(at, length), *path = NULL;

		if (f->more_n == MORE_MAX)
			return mscg_error_set(error, -E2BIG, "devices: more than %d: expected so many at most", MORE_MAX);
		int r = read_node(item, &path, &f->more[f->more_n], error);
		if (r < 0)
			return r;
		f->more_n++;
		buf_addf(&places, "%s%s", places.size ? "/" : "", path);
		at += length + (at[length] != '\0');
	}
	l->more_devices = places.size ? buf_steal(&places) : NULL;
	return 0;
}

int device_filter_open(struct local *l, const char *more, char ***ret_warnings, struct mscg_error *error)
{
	struct device_filter *f = l->device_filter = xcalloc(1, sizeof *f);
	struct mscg_error why;

	f->shared[0] = f->shared[1] = -1;
	int r = read_list(l, f, more, error);
	if (r < 0)
		return r;
	if (geteuid() == 0 && sandbox_device_filter_try(l->supervisors.fd, &why) == 0)
		return 0;
	if (geteuid() == 0) {
		_cleanup_free_ char *line = xasprintf("%s: a device's mode alone keeps a job from it, and its own /dev where it has one", why.text);

		strv_add(ret_warnings, line);
	}
	device_filter_close(l);
	return 0;
}

void device_filter_close(struct local *l)
{
	struct device_filter *f = steal(&l->device_filter);

	if (!f)
		return;
	for (uint32_t i = 0; i < f->units_n; i++)
		free(f->units[i].path);
	free(f->units);
	cleanup_close(&f->shared[0]);
	cleanup_close(&f->shared[1]);
	free(f);
}

/* -- devices that are given out ----------------------------------------------------------------------------------- */

static void forget_shared(struct device_filter *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(f->shared); i++) {
		cleanup_close(&f->shared[i]);
		f->shared[i] = -1;
	}
}

/* Those with a node; the machine's list may be another one than before. */
static void take_units(struct device_filter *f, const struct engine *e)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < e->devices_n; i++) {
		const char *path = e->devices[i].path;

		if (!path)
			continue;
		if (n == f->units_n) {
			f->units = xreallocarray(f->units, ++f->units_n, sizeof *f->units);
			f->units[n] = (struct unit){ .path = xstrdup(path) };
		} else if (!streq(f->units[n].path, path)) {
			free(f->units[n].path);
			f->units[n] = (struct unit){ .path = xstrdup(path) };
			forget_shared(f);
		}
		n++;
	}
	if (n < f->units_n)
		forget_shared(f);
	while (f->units_n > n)
		free(f->units[--f->units_n].path);
}

static void look_at_units(struct device_filter *f, const struct engine *e)
{
	struct sandbox_device now;

	take_units(f, e);
	for (struct unit *u = f->units; u < f->units + f->units_n; u++) {
		if (look_at(u->path, &now) < 0 || (u->known && is_same(&now, &u->device)))
			continue;
		u->device = now;
		u->known  = true;
		forget_shared(f);
	}
}

/* -- of a job ------------------------------------------------------------------------------------------------------ */

/* Its own before those of others, which may be nodes of the same device. */
static int make_program(const struct device_filter *f, char *const *granted, bool own_dev, struct mscg_error *error)
{
	struct sandbox_device_rule rules[RULES_MAX];
	size_t n = 0;

	for (; *granted && n < RUNNER_DEVICES_MAX; granted++)
		if (look_at(*granted, &rules[n].device) == 0)
			rules[n++].allow = true;
	for (uint32_t i = 0; i < f->units_n && n < RULES_MAX - MORE_MAX; i++)
		if (f->units[i].known)
			rules[n++] = (struct sandbox_device_rule){ f->units[i].device, false };
	for (size_t i = 0; own_dev && i < f->more_n; i++)
		rules[n++] = (struct sandbox_device_rule){ f->more[i], true };
	return sandbox_device_filter(rules, n, !own_dev, error);
}

int device_filter_attach(struct local *l, const struct task *t, bool own_dev, struct mscg_error *error)
{
	struct device_filter *f = l->device_filter;

	if (!f)
		return 0;
	look_at_units(f, &l->engine);
	if (!own_dev && !f->units_n)
		return 0;
	_cleanup_strv_ char **granted = device_nodes(l, t->grant->share[0].gres);
	_cleanup_close_ int own = -1;
	int *program = *granted ? &own : &f->shared[own_dev];
	if (*program < 0 && (*program = make_program(f, granted, own_dev, error)) < 0)
		return *program;
	return sandbox_device_filter_attach(t->cgroup.fd, *program, error);
}
