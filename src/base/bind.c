#include "src/base/bind.h"

#include <limits.h>

#include "src/base/buf.h"
#include "src/base/utf8.h"

void bind_clear(struct bind *b)
{
	free(steal(&b->source));
	free(steal(&b->target));
}

int path_plain(const char *what, const char *path, bool dots, char **ret, struct mscg_error *error)
{
	_cleanup_buf_ struct buf plain = {0};

	if (*path != '/')
		return mscg_error_set(error, -EINVAL, "%s '%.100s' is relative: expected a path that begins with /", what, path);
	for (size_t i = 0, n = strlen(path); i < n;) {
		size_t k = utf8_char(path + i, n - i);

		if (k == 0 || utf8_is_control(path + i))
			return mscg_error_set(error, -EINVAL, "%s '%.100s' is no line of UTF-8: expected a path of such", what, path);
		i += k;
	}
	for (const char *at = path; *at;) {
		size_t n = strcspn(at += strspn(at, "/"), "/");

		if (!dots && n == 2 && strncmp(at, "..", 2) == 0)
			return mscg_error_set(error, -EINVAL, "%s '%.100s' has '..': expected a path without", what, path);
		if (n > 0 && !(n == 1 && *at == '.'))
			buf_addf(&plain, "/%.*s", (int)n, at);
		at += n;
	}
	if (plain.size == 0)
		buf_adds(&plain, "/");
	if (plain.size >= PATH_MAX)
		return mscg_error_set(error, -ENAMETOOLONG, "%s '%.40s...' has %zu bytes: expected less than %d", what, path, plain.size, PATH_MAX);
	*ret = buf_steal(&plain);
	return 0;
}

static bool is_in(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* What the job has of its own there, and what the kernel shows of the machine, is as it is. */
static int check_place(const char *what, const char *path, struct mscg_error *error)
{
	static const char *const kernels[] = {"/proc", "/sys", "/dev"};

	if (streq(path, "/"))
		return mscg_error_set(error, -EINVAL, "%s '/': expected a file or directory below it", what);
	for (size_t i = 0; i < ARRAY_SIZE(kernels); i++)
		if (is_in(path, kernels[i]))
			return mscg_error_set(error, -EINVAL, "%s '%.100s': /proc, /sys and /dev are the job's own; expected a place elsewhere", what, path);
	return 0;
}

static int set_paths(struct bind *b, const char *source, const char *target, const char *dir, struct mscg_error *error)
{
	_cleanup_free_ char *whole = *source != '/' && dir ? xasprintf("%s/%s", dir, source) : xstrdup(source);
	int r = path_plain("source", whole, true, &b->source, error);

	if (r == 0)
		r = path_plain("target", *target ? target : b->source, false, &b->target, error);
	if (r == 0 && !is_in(b->source, "/dev/shm"))
		r = check_place("source", b->source, error);
	if (r == 0)
		r = check_place("target", b->target, error);
	return r;
}

int bind_parse(const char *text, const char *dir, struct bind *ret, struct mscg_error *error)
{
	size_t first = strcspn(text, ":"), second = text[first] ? strcspn(text + first + 1, ":") : 0;
	_cleanup_free_ char *source = xstrndup(text, first), *target = xstrndup(text + first + (text[first] != 0), second);
	const char *mode = text + first + (text[first] != 0) + second;
	bool has_mode = *mode == ':', is_mode = !has_mode && (streq(target, "ro") || streq(target, "rw"));
	struct bind b = {0};

	mode = is_mode ? target : mode + has_mode;
	if (first == 0 || (text[first] && !second) || (has_mode && !streq(mode, "ro") && !streq(mode, "rw")))
		return mscg_error_set(error, -EINVAL, "invalid bind '%.100s': expected SOURCE[:TARGET][:ro], without ':' in a path", text);
	int r = set_paths(&b, source, is_mode ? "" : target, dir, error);
	if (r < 0) {
		bind_clear(&b);
		return r;
	}
	b.read_only = streq(mode, "ro");
	*ret = b;
	return 0;
}

int bind_root_parse(const char *text, const char *dir, struct bind *ret, struct mscg_error *error)
{
	size_t n = strcspn(text, ":");
	const char *mode = text[n] ? text + n + 1 : "rw";
	_cleanup_free_ char *given = xstrndup(text, n), *path = *given != '/' && dir ? xasprintf("%s/%s", dir, given) : xstrdup(given);
	struct bind b = {.read_only = streq(mode, "ro")};

	if (n == 0 || (!b.read_only && !streq(mode, "rw")))
		return mscg_error_set(error, -EINVAL, "invalid root '%.100s': expected DIRECTORY[:ro], without ':' in its path", text);
	int r = path_plain("root", path, true, &b.source, error);
	if (r == 0)
		r = check_place("root", b.source, error);
	if (r < 0) {
		bind_clear(&b);
		return r;
	}
	*ret = b;
	return 0;
}

int root_plain(const char *text, const char *dir, char **ret, struct mscg_error *error)
{
	struct bind b;
	int r = bind_root_parse(text, dir, &b, error);

	if (r < 0)
		return r;
	*ret = xasprintf("%s%s", b.source, b.read_only ? ":ro" : "");
	bind_clear(&b);
	return 0;
}

char *bind_format(const struct bind *b)
{
	return xasprintf("%s:%s%s", b->source, b->target, b->read_only ? ":ro" : "");
}

int bind_next(const char **at, const char *dir, struct bind *ret, struct mscg_error *error)
{
	size_t n = strcspn(*at, "\n");
	_cleanup_free_ char *one = xstrndup(*at, n);

	if (!**at)
		return 0;
	int r = bind_parse(one, dir, ret, error);
	if (r < 0)
		return r;
	*at += n + ((*at)[n] != '\0');
	return 1;
}

int binds_plain(const char *list, const char *dir, char **ret, struct mscg_error *error)
{
	_cleanup_buf_ struct buf plain = {0};
	struct bind b;
	unsigned n = 0;
	int r;

	while ((r = bind_next(&list, dir, &b, error)) > 0) {
		_cleanup_free_ char *one = bind_format(&b);

		bind_clear(&b);
		if (++n > BINDS_MAX)
			return mscg_error_set(error, -E2BIG, "more than %u binds of a job: expected %u at most", BINDS_MAX, BINDS_MAX);
		buf_addf(&plain, "%s%s", plain.size ? "\n" : "", one);
	}
	if (r < 0)
		return r;
	if (!plain.size)
		return mscg_error_set(error, -EINVAL, "no bind: expected SOURCE[:TARGET][:ro], or none given");
	*ret = buf_steal(&plain);
	return 0;
}
