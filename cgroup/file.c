/* file.c: reading and writing the files of one cgroup, and what to say when that fails. */
#include "cgroup/internal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <src/base/buf.h>

struct cg_path cg_path(const struct mscg_cgroup *cgroup)
{
	struct cg_path p;

	mscg_cgroup_path(cgroup, p.text, sizeof p.text);
	return p;
}

int cg_error(const struct mscg_cgroup *cgroup, int code, struct mscg_error *error, const char *format, ...)
{
	char text[256];
	va_list ap;

	if (!error)
		return code;
	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	return mscg_error_set(error, code, "%s: %s", cg_path(cgroup).text, text);
}

bool cg_has(const struct mscg_cgroup *cgroup, const char *file)
{
	return faccessat(cgroup->fd, file, F_OK, 0) == 0;
}

/* The controller of "memory.max"; COUNT for cgroup.* and for cpu.stat and the like, which every cgroup has. */
static enum mscg_cgroup_controller controller_of(const char *file)
{
	size_t length = strcspn(file, ".");

	for (enum mscg_cgroup_controller c = 0; c < MSCG_CGROUP_CONTROLLER_COUNT; c++) {
		const char *name = mscg_cgroup_controller_name(c);
		if (strlen(name) == length && strncmp(name, file, length) == 0)
			return c;
	}
	return MSCG_CGROUP_CONTROLLER_COUNT;
}

static int fail_missing(const struct mscg_cgroup *cgroup, const char *file, struct mscg_error *error)
{
	enum mscg_cgroup_controller c = controller_of(file);
	const char *dot = strrchr(file, '.');
	uint32_t available = 0;

	if (dot && streq(dot, ".pressure"))
		return cg_error(cgroup, -EOPNOTSUPP, error, "no %s: needs a kernel with CONFIG_PSI (psi=1), and 1 in cgroup.pressure",
		                file);
	if (c < MSCG_CGROUP_CONTROLLER_COUNT && mscg_cgroup_controllers(cgroup, &available, NULL, NULL) == 0 &&
	    !(available & (1u << c)))
		return cg_error(cgroup, -EOPNOTSUPP, error,
		                "no %s: controller %s is not enabled here (its parent's cgroup.subtree_control lacks it)", file,
		                mscg_cgroup_controller_name(c));
	for (enum mscg_cgroup_feature f = 0; f < MSCG_CGROUP_FEATURE_COUNT; f++)
		if (streq(mscg_cgroup_feature_file(f), file))
			return cg_error(cgroup, -EOPNOTSUPP, error, "no %s: this kernel has none (since Linux %s)", file,
			                mscg_cgroup_feature_since(f));
	return cg_error(cgroup, -EOPNOTSUPP, error, "no %s: this kernel has none, or the top cgroup none", file);
}

int cg_fail(const struct mscg_cgroup *cgroup, const char *file, const char *value, int err, struct mscg_error *error)
{
	const char *why = strerror(err);

	if ((err == ENOENT || err == ENODEV) && !mscg_cgroup_exists(cgroup))
		return cg_error(cgroup, -ENODEV, error, "the cgroup was removed");
	if (err == ENOENT && file && !cg_has(cgroup, file))
		return !error ? -EOPNOTSUPP : fail_missing(cgroup, file, error);
	if (err == EACCES || err == EPERM)
		why = "not permitted: it is not delegated to this user";
	if (!file)
		return cg_error(cgroup, -err, error, "%s", why);
	if (!value)
		return cg_error(cgroup, -err, error, "cannot read %s: %s", file, why);
	return cg_error(cgroup, -err, error, "cannot write \"%.*s\" to %s: %s", (int)MIN_OF(strcspn(value, "\n"), 80u), value,
	                file, why);
}

static int open_file(const struct mscg_cgroup *cgroup, const char *file, int flags)
{
	int fd;

	do
		fd = openat(cgroup->fd, file, flags | O_CLOEXEC | O_NOFOLLOW);
	while (fd < 0 && errno == EINTR);
	return fd;
}

static ssize_t read_some(int fd, void *data, size_t size)
{
	ssize_t n;

	do
		n = read(fd, data, size);
	while (n < 0 && errno == EINTR);
	return n;
}

ssize_t cg_read_raw(const struct mscg_cgroup *cgroup, const char *file, char *text, size_t size)
{
	_cleanup_close_ int fd = open_file(cgroup, file, O_RDONLY);

	if (fd < 0)
		return -errno;
	ssize_t n = read_some(fd, text, size - 1);
	if (n < 0)
		return -errno;
	if ((size_t)n == size - 1)
		return -EFBIG;
	text[n] = '\0';
	return n;
}

ssize_t cg_read(const struct mscg_cgroup *cgroup, const char *file, char *text, size_t size, struct mscg_error *error)
{
	ssize_t n = cg_read_raw(cgroup, file, text, size);

	return n < 0 ? cg_fail(cgroup, file, NULL, (int)-n, error) : n;
}

int cg_read_all(const struct mscg_cgroup *cgroup, const char *file, char **ret_text, struct mscg_error *error)
{
	_cleanup_buf_ struct buf b = { 0 };
	_cleanup_close_ int fd = open_file(cgroup, file, O_RDONLY);
	char piece[CG_SMALL];

	if (fd < 0)
		return cg_fail(cgroup, file, NULL, errno, error);
	for (;;) {
		ssize_t n = read_some(fd, piece, sizeof piece);
		if (n < 0)
			return cg_fail(cgroup, file, NULL, errno, error);
		if (n == 0)
			break;
		buf_add(&b, piece, (size_t)n);
	}
	*ret_text = buf_steal(&b);
	return 0;
}

int cg_write(const struct mscg_cgroup *cgroup, const char *file, const char *text, struct mscg_error *error)
{
	_cleanup_close_ int fd = open_file(cgroup, file, O_WRONLY);
	ssize_t n;

	if (fd < 0)
		return cg_fail(cgroup, file, text, errno, error);
	do
		n = write(fd, text, strlen(text));
	while (n < 0 && errno == EINTR);
	return n < 0 ? cg_fail(cgroup, file, text, errno, error) : 0;
}

int cg_number_open(const struct mscg_cgroup *cgroup, const char *file, int flags, struct cg_number *ret, struct mscg_error *error)
{
	*ret = (struct cg_number){ cgroup, file, open_file(cgroup, file, flags) };
	return ret->fd < 0 ? cg_fail(cgroup, file, NULL, errno, error) : 0;
}

int cg_number_get(const struct cg_number *number, uint64_t *ret, struct mscg_error *error)
{
	char text[64];
	ssize_t n;

	do
		n = pread(number->fd, text, sizeof text - 1, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return cg_fail(number->cgroup, number->file, NULL, errno, error);
	text[n] = '\0';
	if (cg_parse_number(text, ret) < 0)
		return cg_error(number->cgroup, -EBADMSG, error, "%s reads \"%s\", which is no number", number->file, text);
	return 0;
}

int cg_number_set(const struct cg_number *number, uint64_t value, struct mscg_error *error)
{
	char text[24] = "max";
	ssize_t n;

	if (value != MSCG_CGROUP_MAX)
		snprintf(text, sizeof text, "%" PRIu64, value);
	do
		n = pwrite(number->fd, text, strlen(text), 0);
	while (n < 0 && errno == EINTR);
	return n < 0 ? cg_fail(number->cgroup, number->file, text, errno, error) : 0;
}

void cg_number_close(struct cg_number *number)
{
	cleanup_close(&number->fd);
	number->fd = -1;
}
