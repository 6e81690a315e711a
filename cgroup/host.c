/* host.c: what this machine's cgroups are: mounts, our own place, controllers. The texts of /proc are parsed apart from
 * being read, so that machines of every kind can be tested on any. */
#include "cgroup/internal.h"

#include <fcntl.h>
#include <src/base/fd.h>

#define TEXT_MAX (16u << 20)

static const char *const controller_names[] = {
#define X(name, label) label,
	MSCG_CGROUP_CONTROLLERS(X)
#undef X
};

const char *mscg_cgroup_controller_name(enum mscg_cgroup_controller controller)
{
	return controller < ARRAY_SIZE(controller_names) ? controller_names[controller] : "?";
}

size_t mscg_cgroup_controllers_format(uint32_t controllers, char *text, size_t size)
{
	size_t n = 0;

	if (size)
		text[0] = '\0';
	for (enum mscg_cgroup_controller c = 0; c < ARRAY_SIZE(controller_names); c++)
		if (controllers & (1u << c))
			n += (size_t)snprintf(n < size ? text + n : NULL, n < size ? size - n : 0, "%s%s", n ? " " : "",
			                      controller_names[c]);
	return n;
}

static uint32_t controller_bit(const char *name, size_t length)
{
	/* v1 has another name for it. */
	if (length == strlen("blkio") && strncmp(name, "blkio", length) == 0)
		return MSCG_CGROUP_BIT(IO);
	for (enum mscg_cgroup_controller c = 0; c < ARRAY_SIZE(controller_names); c++)
		if (strlen(controller_names[c]) == length && strncmp(name, controller_names[c], length) == 0)
			return 1u << c;
	return 0;
}

uint32_t mscg_cgroup_controllers_parse(const char *text)
{
	uint32_t set = 0;

	for (const char *p = text; *p;) {
		size_t length = strcspn(p, " ,\n\t");
		set |= controller_bit(p, length);
		p += length;
		p += strspn(p, " ,\n\t");
	}
	return set;
}

const char *mscg_cgroup_mode_name(enum mscg_cgroup_mode mode)
{
	static const char *const names[] = {
		[MSCG_CGROUP_ABSENT]  = "absent",
		[MSCG_CGROUP_V1]      = "v1",
		[MSCG_CGROUP_HYBRID]  = "hybrid",
		[MSCG_CGROUP_UNIFIED] = "unified",
	};

	return mode < ARRAY_SIZE(names) ? names[mode] : "?";
}

/* ---- /proc/self/mountinfo ---- */

/* Blank, tab, newline and backslash are written as \ooo. */
static char *unescape(const char *p, size_t length)
{
	char *text = xmalloc(length + 1), *to = text;

	for (const char *end = p + length; p < end;) {
		if (*p == '\\' && end - p >= 4 && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' && p[3] >= '0' &&
		    p[3] <= '7') {
			*to++ = (char)((p[1] - '0') * 64 + (p[2] - '0') * 8 + (p[3] - '0'));
			p += 4;
		} else {
			*to++ = *p++;
		}
	}
	*to = '\0';
	return text;
}

/* The n-th word of a line (from 0); its length in *ret. */
static const char *word(const char *line, unsigned n, size_t *ret)
{
	for (;; n--) {
		*ret = strcspn(line, " \n");
		if (n == 0 || line[*ret] != ' ')
			return n == 0 ? line : NULL;
		line += *ret + 1;
	}
}

static bool has_option(const char *options, size_t length, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = options, *end = options + length; p < end;) {
		size_t one = strcspn(p, ", \n");
		if (one == n && strncmp(p, name, n) == 0)
			return true;
		p += one + 1;
	}
	return false;
}

static void take_mount(const char *line, const char *fs, struct mscg_cgroup_host *host, char **root)
{
	size_t root_n, point_n, vfs_n, super_n = 0;
	const char *root_at = word(line, 3, &root_n), *point = word(line, 4, &point_n), *vfs = word(line, 5, &vfs_n);
	const char *super = word(fs, 2, &super_n);

	if (!root_at || !point || !vfs)
		return;
	_cleanup_free_ char *new_root = unescape(root_at, root_n), *new_point = unescape(point, point_n);
	/* The mount that shows most; a later one on the same place covers the earlier. */
	if (*root && !streq(host->mount, new_point) && strlen(new_root) >= strlen(*root))
		return;
	free(host->mount);
	free(*root);
	host->mount    = steal(&new_point);
	*root          = steal(&new_root);
	host->readonly = has_option(vfs, vfs_n, "ro") || (super && has_option(super, super_n, "ro"));
	host->nsdelegate           = super && has_option(super, super_n, "nsdelegate");
	host->memory_recursiveprot = super && has_option(super, super_n, "memory_recursiveprot");
	host->memory_localevents   = super && has_option(super, super_n, "memory_localevents");
	host->favordynmods         = super && has_option(super, super_n, "favordynmods");
}

void cg_parse_mountinfo(const char *text, struct mscg_cgroup_host *host, char **ret_root)
{
	char *root = NULL;

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		_cleanup_free_ char *one = xstrndup(line, strcspn(line, "\n"));
		const char *fs = strstr(one, " - ");
		if (fs && strncmp(fs + 3, "cgroup2 ", 8) == 0)
			take_mount(one, fs + 3, host, &root);
	}
	*ret_root = root;
}

/* ---- /proc/self/cgroup, /proc/cgroups ---- */

void cg_parse_proc_cgroup(const char *text, uint32_t *v1, char **ret_own)
{
	char *own = NULL;

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t length = strcspn(line, "\n");
		const char *first = memchr(line, ':', length);
		const char *second = first ? memchr(first + 1, ':', length - (size_t)(first + 1 - line)) : NULL;
		if (!second)
			continue;
		if (strncmp(line, "0::", 3) == 0) {
			free(own);
			own = xstrndup(second + 1, length - (size_t)(second + 1 - line));
			continue;
		}
		_cleanup_free_ char *names = xstrndup(first + 1, (size_t)(second - first - 1));
		*v1 |= mscg_cgroup_controllers_parse(names);
	}
	*ret_own = own;
}

void cg_parse_proc_cgroups(const char *text, struct mscg_cgroup_host *host)
{
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		char name[64];
		unsigned hierarchy, groups, enabled;
		if (*line == '#' || sscanf(line, "%63s %u %u %u", name, &hierarchy, &groups, &enabled) != 4)
			continue;
		uint32_t bit = controller_bit(name, strlen(name));
		host->listed |= bit;
		if (hierarchy != 0)
			host->v1 |= bit;
		if (!enabled)
			host->disabled |= bit;
	}
}

char *cg_below_mount(const char *own, const char *root)
{
	size_t n = streq(root, "/") ? 0 : strlen(root);

	if (!own || strncmp(own, "/..", 3) == 0 || strncmp(own, root, n) != 0 || (own[n] && own[n] != '/'))
		return NULL;
	return xstrdup(own[n] ? own + n : "/");
}

/* ---- all together ---- */

static enum mscg_cgroup_mode mode_of(const struct mscg_cgroup_host *host)
{
	if (!host->mount)
		return host->v1 ? MSCG_CGROUP_V1 : MSCG_CGROUP_ABSENT;
	return host->v1 ? MSCG_CGROUP_HYBRID : MSCG_CGROUP_UNIFIED;
}

static void look_at_top(struct mscg_cgroup_host *host)
{
	_cleanup_cgroup_ struct mscg_cgroup top = MSCG_CGROUP_NONE;

	if (mscg_cgroup_open_path(host->mount, &top, NULL) < 0)
		return;
	mscg_cgroup_controllers(&top, &host->top, NULL, NULL);
	host->namespaced = cg_has(&top, "cgroup.type"); /* the one file that every cgroup has but the root */
}

int mscg_cgroup_discover(struct mscg_cgroup_host **ret, struct mscg_error *error)
{
	_cleanup_free_ char *mounts = NULL, *own = NULL, *all = NULL, *root = NULL, *own_path = NULL;
	int r = fd_read_file_at(AT_FDCWD, "/proc/self/mountinfo", TEXT_MAX, &mounts, NULL);

	if (r == 0)
		r = fd_read_file_at(AT_FDCWD, "/proc/self/cgroup", TEXT_MAX, &own, NULL);
	if (r < 0)
		return mscg_error_set(error, r, "cannot read /proc/self/mountinfo and /proc/self/cgroup: %s", strerror(-r));
	struct mscg_cgroup_host *host = xcalloc(1, sizeof *host);
	cg_parse_mountinfo(mounts, host, &root);
	cg_parse_proc_cgroup(own, &host->v1, &own_path);
	if (fd_read_file_at(AT_FDCWD, "/proc/cgroups", TEXT_MAX, &all, NULL) == 0)
		cg_parse_proc_cgroups(all, host);
	if (host->mount) {
		host->own = cg_below_mount(own_path, root);
		look_at_top(host);
	}
	host->listed |= host->top | host->v1;
	host->disabled &= ~host->top;
	host->mode    = mode_of(host);
	host->systemd = faccessat(AT_FDCWD, "/run/systemd/system", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	host->uid     = geteuid();
	*ret = host;
	return 0;
}

void mscg_cgroup_host_free(struct mscg_cgroup_host *host)
{
	if (!host)
		return;
	free(host->mount);
	free(host->own);
	free(host);
}

int mscg_cgroup_open_top(const struct mscg_cgroup_host *host, struct mscg_cgroup *ret, struct mscg_error *error)
{
	if (!host->mount)
		return mscg_error_set(error, -ENOENT, "no cgroup2 file system is mounted here");
	return mscg_cgroup_open_path(host->mount, ret, error);
}

int mscg_cgroup_open_own(const struct mscg_cgroup_host *host, struct mscg_cgroup *ret, struct mscg_error *error)
{
	_cleanup_cgroup_ struct mscg_cgroup top = MSCG_CGROUP_NONE;
	int r = mscg_cgroup_open_top(host, &top, error);

	if (r < 0)
		return r;
	if (!host->own)
		return mscg_error_set(error, -ENOENT, "our own cgroup lies outside of what is mounted on %s", host->mount);
	return streq(host->own, "/") ? mscg_cgroup_dup(&top, ret, error) : mscg_cgroup_open(&top, host->own + 1, ret, error);
}
