/* stat.c: counters. A file is opened, read once, and closed; a struct is filled by the table of the public header. */
#include "cgroup/internal.h"

#include <fcntl.h>
#include <inttypes.h>

static const struct field {
	enum mscg_cgroup_stat_group group;
	const char *file, *key;
	size_t      offset;
} fields[] = {
#define X(name, group, file, key) { MSCG_CGROUP_STAT_##group, file, key, offsetof(struct mscg_cgroup_stat, name) },
	MSCG_CGROUP_STATS(X)
#undef X
};

/* The fields [from, to) are those of one file. */
struct filling {
	struct mscg_cgroup_stat *stat;
	size_t from, to;
};

static uint64_t *slot(struct mscg_cgroup_stat *stat, size_t i)
{
	return (uint64_t *)(void *)((char *)stat + fields[i].offset);
}

static void fill(void *ctx, const char *key, size_t length, uint64_t value)
{
	struct filling *f = ctx;

	for (size_t i = f->from; i < f->to; i++)
		if (strlen(fields[i].key) == length && strncmp(fields[i].key, key, length) == 0)
			*slot(f->stat, i) = value;
}

static void add(void *ctx, const char *key, size_t length, uint64_t value)
{
	struct filling *f = ctx;

	for (size_t i = f->from; i < f->to; i++)
		if (strlen(fields[i].key) == length && strncmp(fields[i].key, key, length) == 0)
			*slot(f->stat, i) += value;
}

static void take(struct filling *f, const char *text)
{
	const struct field *first = &fields[f->from];

	if (!*first->key) {
		cg_parse_number(text, slot(f->stat, f->from));
	} else if (first->group == MSCG_CGROUP_STAT_IO) {
		for (size_t i = f->from; i < f->to; i++)
			*slot(f->stat, i) = 0;
		cg_parse_nested(text, add, f);
	} else {
		cg_parse_flat(text, fill, f);
	}
}

/* 1: read, 0: there is no such file. */
static int read_file(const struct mscg_cgroup *cgroup, struct filling *f, struct mscg_error *error)
{
	const char *file = fields[f->from].file;
	_cleanup_free_ char *long_text = NULL;
	char text[CG_SMALL];
	int r = (int)cg_read_raw(cgroup, file, text, sizeof text);

	if (r == -ENOENT)
		return 0;
	if (r == -EFBIG) /* io.stat of a machine with many disks */
		r = cg_read_all(cgroup, file, &long_text, NULL);
	if (r == -EOPNOTSUPP)
		return 0;
	if (r < 0)
		return cg_fail(cgroup, file, NULL, -r, error);
	take(f, long_text ? long_text : text);
	return 1;
}

static bool is_current(const char *file)
{
	const char *dot = strrchr(file, '.');

	return dot && streq(dot, ".current");
}

int mscg_cgroup_read_stat(const struct mscg_cgroup *cgroup, unsigned groups, struct mscg_cgroup_stat *ret,
                          struct mscg_error *error)
{
	struct mscg_cgroup_stat stat;
	struct filling f = { .stat = &stat };
	int found = 0;

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		*slot(&stat, i) = MSCG_CGROUP_UNKNOWN;
	for (; f.from < ARRAY_SIZE(fields); f.from = f.to) {
		for (f.to = f.from + 1; f.to < ARRAY_SIZE(fields) && streq(fields[f.to].file, fields[f.from].file);)
			f.to++;
		bool wanted = fields[f.from].group & groups && !(groups & MSCG_CGROUP_STAT_TOTALS && is_current(fields[f.from].file));
		int r = wanted ? read_file(cgroup, &f, error) : 0;
		if (r < 0)
			return r;
		found += r;
	}
	/* A removed cgroup has no file at all. */
	if (!found && !mscg_cgroup_exists(cgroup))
		return cg_fail(cgroup, NULL, NULL, ENODEV, error);
	*ret = stat;
	return 0;
}

static const char *const pressure_files[] = {
	[MSCG_CGROUP_PRESSURE_CPU]    = "cpu.pressure",
	[MSCG_CGROUP_PRESSURE_MEMORY] = "memory.pressure",
	[MSCG_CGROUP_PRESSURE_IO]     = "io.pressure",
};

int mscg_cgroup_read_pressure(const struct mscg_cgroup *cgroup, enum mscg_cgroup_resource resource,
                              struct mscg_cgroup_pressure *ret, struct mscg_error *error)
{
	char text[256];
	ssize_t n;

	if (resource >= ARRAY_SIZE(pressure_files))
		return mscg_error_set(error, -EINVAL, "there is no pressure file number %d", (int)resource);
	n = cg_read(cgroup, pressure_files[resource], text, sizeof text, error);
	if (n < 0)
		return (int)n;
	if (cg_parse_pressure(text, ret) < 0)
		return cg_error(cgroup, -EBADMSG, error, "%s reads \"%.60s\"", pressure_files[resource], text);
	return 0;
}

int mscg_cgroup_pressure_trigger(const struct mscg_cgroup *cgroup, enum mscg_cgroup_resource resource, bool full,
                                 uint64_t stall_usec, uint64_t window_usec, int *ret_fd, struct mscg_error *error)
{
	char text[64];

	if (resource >= ARRAY_SIZE(pressure_files))
		return mscg_error_set(error, -EINVAL, "there is no pressure file number %d", (int)resource);
	const char *file = pressure_files[resource];
	_cleanup_close_ int fd = openat(cgroup->fd, file, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	snprintf(text, sizeof text, "%s %" PRIu64 " %" PRIu64, full ? "full" : "some", stall_usec, window_usec);
	if (fd < 0)
		return cg_fail(cgroup, file, text, errno, error);
	if (write(fd, text, strlen(text) + 1) < 0)
		return cg_fail(cgroup, file, text, errno, error);
	*ret_fd = steal_fd(&fd);
	return 0;
}
