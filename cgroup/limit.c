/* limit.c: one table of writable numbers, and the three files that hold more than a number. */
#include "cgroup/internal.h"

#include <inttypes.h>

enum form {
	FORM_PLAIN,   /* "5" */
	FORM_WEIGHT,  /* the same; reads 0 where the kernel does not weigh (cpu.idle) */
	FORM_OR_MAX,  /* "5" or "max" */
	FORM_DEFAULT, /* "default 5", lines for single devices below it */
};

static const struct limit {
	const char *file;
	enum mscg_cgroup_controller controller;
	const char *unit;
	uint64_t    min, max;
	enum form   form;
} limits[] = {
#define X(name, file_, controller_, unit_, min_, max_, form_) \
	[MSCG_CGROUP_##name] = { file_, MSCG_CGROUP_CONTROLLER_##controller_, unit_, min_, max_, FORM_##form_ },
	MSCG_CGROUP_LIMITS(X)
#undef X
};

const char *mscg_cgroup_limit_file(enum mscg_cgroup_limit limit)
{
	return limit < ARRAY_SIZE(limits) ? limits[limit].file : "?";
}

enum mscg_cgroup_controller mscg_cgroup_limit_controller(enum mscg_cgroup_limit limit)
{
	return limit < ARRAY_SIZE(limits) ? limits[limit].controller : MSCG_CGROUP_CONTROLLER_COUNT;
}

static int out_of_range(const struct limit *l, uint64_t value, struct mscg_error *error)
{
	return mscg_error_set(error, -ERANGE, "%" PRIu64 " is no value for %s: %" PRIu64 " to %" PRIu64 "%s%s%s", value, l->file,
	                      l->min, l->max, *l->unit ? " " : "", l->unit, l->form == FORM_OR_MAX ? ", or max" : "");
}

int mscg_cgroup_set(const struct mscg_cgroup *cgroup, enum mscg_cgroup_limit limit, uint64_t value,
                    struct mscg_error *error)
{
	char text[48];

	if (limit >= ARRAY_SIZE(limits))
		return mscg_error_set(error, -EINVAL, "there is no limit number %d", (int)limit);
	const struct limit *l = &limits[limit];
	if (value == MSCG_CGROUP_MAX && l->form == FORM_OR_MAX)
		return cg_write(cgroup, l->file, "max", error);
	if (value < l->min || value > l->max)
		return out_of_range(l, value, error);
	snprintf(text, sizeof text, "%s%" PRIu64, l->form == FORM_DEFAULT ? "default " : "", value);
	return cg_write(cgroup, l->file, text, error);
}

int mscg_cgroup_get(const struct mscg_cgroup *cgroup, enum mscg_cgroup_limit limit, uint64_t *ret,
                    struct mscg_error *error)
{
	_cleanup_free_ char *lines = NULL;
	char line[64], *text = line;
	uint64_t value;
	int r;

	if (limit >= ARRAY_SIZE(limits))
		return mscg_error_set(error, -EINVAL, "there is no limit number %d", (int)limit);
	const struct limit *l = &limits[limit];
	if (l->form == FORM_DEFAULT) {
		r = cg_read_all(cgroup, l->file, &lines, error);
		text = lines;
	} else {
		r = (int)cg_read(cgroup, l->file, line, sizeof line, error);
	}
	if (r < 0)
		return r;
	if (l->form == FORM_DEFAULT)
		r = cg_flat_get(text, "default", &value) ? 0 : -EBADMSG;
	else
		r = cg_parse_number(text, &value);
	if (r < 0)
		return cg_error(cgroup, r, error, "%s reads \"%.60s\", which is no number", l->file, text);
	*ret = value;
	return 0;
}

#define PERIOD_MIN 1000u
#define PERIOD_MAX 1000000u
#define QUOTA_MIN  1000u
#define PERIOD_USUAL 100000u

int mscg_cgroup_set_cpu_max(const struct mscg_cgroup *cgroup, uint64_t quota_usec, uint64_t period_usec,
                            struct mscg_error *error)
{
	char text[64];

	if (period_usec < PERIOD_MIN || period_usec > PERIOD_MAX)
		return mscg_error_set(error, -ERANGE, "%" PRIu64 " is no period for cpu.max: %u to %u microseconds", period_usec,
		                      PERIOD_MIN, PERIOD_MAX);
	if (quota_usec < QUOTA_MIN)
		return mscg_error_set(error, -ERANGE, "%" PRIu64 " is no quota for cpu.max: at least %u microseconds, or max",
		                      quota_usec, QUOTA_MIN);
	if (quota_usec == MSCG_CGROUP_MAX)
		snprintf(text, sizeof text, "max %" PRIu64, period_usec);
	else
		snprintf(text, sizeof text, "%" PRIu64 " %" PRIu64, quota_usec, period_usec);
	return cg_write(cgroup, "cpu.max", text, error);
}

int mscg_cgroup_set_cpu_milli(const struct mscg_cgroup *cgroup, uint32_t milli, struct mscg_error *error)
{
	uint64_t period = PERIOD_USUAL;

	if (milli == UINT32_MAX)
		return mscg_cgroup_set_cpu_max(cgroup, MSCG_CGROUP_MAX, period, error);
	if (milli == 0)
		return mscg_error_set(error, -ERANGE, "0 is no share of a CPU: at least 0.001");
	if (milli * period / 1000 < QUOTA_MIN)
		period = PERIOD_MAX;
	return mscg_cgroup_set_cpu_max(cgroup, milli * period / 1000, period, error);
}

int mscg_cgroup_get_cpu_max(const struct mscg_cgroup *cgroup, uint64_t *ret_quota_usec, uint64_t *ret_period_usec,
                            struct mscg_error *error)
{
	char text[64];
	ssize_t n = cg_read(cgroup, "cpu.max", text, sizeof text, error);

	if (n < 0)
		return (int)n;
	if (cg_parse_cpu_max(text, ret_quota_usec, ret_period_usec) < 0)
		return cg_error(cgroup, -EBADMSG, error, "cpu.max reads \"%s\", which is no quota and period", text);
	return 0;
}

/* ENODEV means the device here, unless the cgroup is gone. */
static int write_device(const struct mscg_cgroup *cgroup, const char *file, const char *text, unsigned major,
                        unsigned minor, struct mscg_error *error)
{
	int r = cg_write(cgroup, file, text, error);

	if (r == -ENODEV && mscg_cgroup_exists(cgroup))
		return cg_error(cgroup, -ENXIO, error, "cannot write to %s: %u:%u is no whole disk", file, major, minor);
	return r;
}

int mscg_cgroup_set_io_max(const struct mscg_cgroup *cgroup, unsigned major, unsigned minor,
                           const struct mscg_cgroup_io_max *value, struct mscg_error *error)
{
	const struct {
		const char *key;
		uint64_t    value;
	} fields[] = { { "rbps", value->rbps }, { "wbps", value->wbps }, { "riops", value->riops }, { "wiops", value->wiops } };
	char text[160], number[24];
	int n = snprintf(text, sizeof text, "%u:%u", major, minor);

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (fields[i].value == 0)
			return mscg_error_set(error, -ERANGE, "0 is no value for %s in io.max: at least 1, or max", fields[i].key);
		snprintf(number, sizeof number, "%" PRIu64, fields[i].value);
		n += snprintf(text + n, sizeof text - (size_t)n, " %s=%s", fields[i].key,
		              fields[i].value == MSCG_CGROUP_MAX ? "max" : number);
	}
	return write_device(cgroup, "io.max", text, major, minor, error);
}

int mscg_cgroup_get_io_max(const struct mscg_cgroup *cgroup, unsigned major, unsigned minor,
                           struct mscg_cgroup_io_max *ret, struct mscg_error *error)
{
	_cleanup_free_ char *text = NULL;
	int r = cg_read_all(cgroup, "io.max", &text, error);

	return r < 0 ? r : cg_parse_io_max(text, major, minor, ret);
}

int mscg_cgroup_set_io_weight(const struct mscg_cgroup *cgroup, unsigned major, unsigned minor, uint64_t weight,
                              struct mscg_error *error)
{
	char text[64];

	if (weight > limits[MSCG_CGROUP_IO_WEIGHT].max)
		return out_of_range(&limits[MSCG_CGROUP_IO_WEIGHT], weight, error);
	if (weight == 0)
		snprintf(text, sizeof text, "%u:%u default", major, minor);
	else
		snprintf(text, sizeof text, "%u:%u %" PRIu64, major, minor, weight);
	return write_device(cgroup, "io.weight", text, major, minor, error);
}
