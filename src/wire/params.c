/* Strict access to parameters. Every text names the key, the value, and what would be right. */
#include "src/base/base.h"
#include "src/base/buf.h"
#include "src/wire/wire.h"

#include <inttypes.h>
#include <time.h>

/* The value, for a text: whole when short. */
static const char *show(const json_t *value, char text[64])
{
	size_t n;

	if (json_is_object(value))
		return "an object";
	if (json_is_array(value))
		return "a list";
	if (json_is_string(value)) {
		n = json_string_length(value);
		snprintf(text, 64, "\"%.50s%s\"", json_string_value(value), n > 50 ? "..." : "");
	} else {
		n = json_dumpb(value, text, 63, JSON_ENCODE_ANY | WIRE_DUMP_FLAGS);
		text[MIN_OF(n, (size_t)63)] = '\0';
	}
	return text;
}

__attribute__((format(printf, 4, 5))) static int wrong(struct mscg_error *error, const char *key, const json_t *value,
                                                        const char *format, ...)
{
	char shown[64], expected[128];
	va_list ap;

	va_start(ap, format);
	vsnprintf(expected, sizeof expected, format, ap);
	va_end(ap);
	return mscg_error_set(error, -EINVAL, "%s is %s: expected %s", key, show(value, shown), expected);
}

int wire_need(int found, const char *key, struct mscg_error *error)
{
	return found == 0 ? mscg_error_set(error, -EINVAL, "%s is missing", key) : found;
}

static bool is_known(const char *key, const char *const *keys)
{
	for (; *keys; keys++)
		if (streq(key, *keys))
			return true;
	return false;
}

int wire_check_keys(const json_t *object, const char *const *keys, struct mscg_error *error)
{
	_cleanup_buf_ struct buf list = {0};
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value) {
		if (is_known(key, keys))
			continue;
		for (size_t i = 0; keys[i]; i++)
			buf_addf(&list, "%s%s", i ? ", " : "", keys[i]);
		if (!list.data)
			return mscg_error_set(error, -EINVAL, "unknown parameter '%.60s': expected none", key);
		/* Of a long list the beginning: whole names. */
		if (list.size > 140) {
			list.size = 136;
			while (list.data[list.size] != ',')
				list.size--;
			list.data[list.size] = '\0';
			buf_adds(&list, ", ...");
		}
		return mscg_error_set(error, -EINVAL, "unknown parameter '%.60s': expected one of %s", key, list.data);
	}
	return 0;
}

static bool is_absent(const json_t *value)
{
	return !value || json_is_null(value);
}

int wire_read_string(const json_t *value, const char *key, const char **ret, struct mscg_error *error)
{
	if (is_absent(value))
		return 0;
	if (!json_is_string(value))
		return wrong(error, key, value, "a string");
	*ret = json_string_value(value);
	return 1;
}

int wire_get_string(const json_t *object, const char *key, const char **ret, struct mscg_error *error)
{
	return wire_read_string(json_object_get(object, key), key, ret, error);
}

int wire_read_bool(const json_t *value, const char *key, bool *ret, struct mscg_error *error)
{
	if (is_absent(value))
		return 0;
	if (!json_is_boolean(value))
		return wrong(error, key, value, "true or false");
	*ret = json_is_true(value);
	return 1;
}

int wire_get_bool(const json_t *object, const char *key, bool *ret, struct mscg_error *error)
{
	return wire_read_bool(json_object_get(object, key), key, ret, error);
}

int wire_read_int(const json_t *value, const char *key, int64_t min, int64_t max, int64_t *ret, struct mscg_error *error)
{
	if (is_absent(value))
		return 0;
	if (!json_is_integer(value) || json_integer_value(value) < min || json_integer_value(value) > max)
		return wrong(error, key, value, "a whole number from %" PRId64 " to %" PRId64, min, max);
	*ret = json_integer_value(value);
	return 1;
}

int wire_get_int(const json_t *object, const char *key, int64_t min, int64_t max, int64_t *ret, struct mscg_error *error)
{
	return wire_read_int(json_object_get(object, key), key, min, max, ret, error);
}

int wire_read_milli(const json_t *value, const char *key, uint32_t *ret, struct mscg_error *error)
{
	double milli, rest;
	uint32_t whole;

	if (is_absent(value))
		return 0;
	milli = json_number_value(value) * 1000;
	if (!json_is_number(value) || milli < 0 || milli > MSCG_CPUS_MAX * 1000.0)
		return wrong(error, key, value, "a number of CPUs such as 2 or 0.5, %d at most", MSCG_CPUS_MAX);
	whole = (uint32_t)(milli + 0.5);
	rest = milli - whole;
	if (rest > 1e-6 || rest < -1e-6)
		return wrong(error, key, value, "a number of CPUs with at most three decimals");
	*ret = whole;
	return 1;
}

int wire_get_milli(const json_t *object, const char *key, uint32_t *ret, struct mscg_error *error)
{
	return wire_read_milli(json_object_get(object, key), key, ret, error);
}

int wire_read_strv(const json_t *value, const char *key, char ***ret, struct mscg_error *error)
{
	const json_t *item;
	size_t i, n;
	char **v;

	if (is_absent(value))
		return 0;
	if (!json_is_array(value))
		return wrong(error, key, value, "a list of strings");
	n = json_array_size(value);
	for (i = 0; i < n; i++) {
		item = json_array_get(value, i);
		if (!json_is_string(item)) {
			char name[96];

			snprintf(name, sizeof name, "%.64s[%zu]", key, i);
			return wrong(error, name, item, "a string");
		}
	}
	v = xreallocarray(NULL, n + 1, sizeof *v);
	for (i = 0; i < n; i++)
		v[i] = xstrdup(json_string_value(json_array_get(value, i)));
	v[n] = NULL;
	*ret = v;
	return 1;
}

int wire_get_strv(const json_t *object, const char *key, char ***ret, struct mscg_error *error)
{
	return wire_read_strv(json_object_get(object, key), key, ret, error);
}

int wire_get_id(const json_t *object, const char *key, struct mscg_id *ret, struct mscg_error *error)
{
	const char *text = NULL;
	int r = wire_get_string(object, key, &text, error);

	if (r <= 0)
		return r;
	r = mscg_id_parse(text, ret, error);
	if (r < 0) {
		mscg_error_prefix(error, r, "%s: ", key);
		if (error)
			error->code = -EINVAL;
		return -EINVAL;
	}
	return 1;
}

/* -- points in time --------------------------------------------------------------------------------------------- */

/* Exactly n digits. */
static bool digits(const char **p, int n, int *ret)
{
	int v = 0;

	for (; n > 0; n--, (*p)++) {
		if (**p < '0' || **p > '9')
			return false;
		v = v * 10 + (**p - '0');
	}
	*ret = v;
	return true;
}

static bool skip(const char **p, const char *any_of)
{
	if (**p == '\0' || !strchr(any_of, **p))
		return false;
	(*p)++;
	return true;
}

/* ".123456789": what is finer than a microsecond is cut off. */
static bool fraction(const char **p, int64_t *ret_usec)
{
	int64_t unit = 100000, usec = 0;

	*ret_usec = 0;
	if (**p != '.')
		return true;
	(*p)++;
	if (**p < '0' || **p > '9')
		return false;
	for (; **p >= '0' && **p <= '9'; (*p)++, unit /= 10)
		usec += (**p - '0') * unit;
	*ret_usec = usec;
	return true;
}

/* "Z" or "+01:30". */
static bool zone(const char **p, int *ret_seconds)
{
	int sign = **p == '-' ? -1 : 1, hours, minutes;

	if (skip(p, "Zz")) {
		*ret_seconds = 0;
		return true;
	}
	if (!skip(p, "+-") || !digits(p, 2, &hours) || !skip(p, ":") || !digits(p, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*ret_seconds = sign * (hours * 3600 + minutes * 60);
	return true;
}

static bool parse_rfc3339(const char *p, int64_t *ret_usec)
{
	struct tm tm = {0}, day;
	int64_t usec;
	int offset;
	time_t t;

	if (!digits(&p, 4, &tm.tm_year) || !skip(&p, "-") || !digits(&p, 2, &tm.tm_mon) || !skip(&p, "-") ||
	    !digits(&p, 2, &tm.tm_mday) || !skip(&p, "Tt ") || !digits(&p, 2, &tm.tm_hour) || !skip(&p, ":") ||
	    !digits(&p, 2, &tm.tm_min) || !skip(&p, ":") || !digits(&p, 2, &tm.tm_sec) || !fraction(&p, &usec) ||
	    !zone(&p, &offset) || *p)
		return false;
	if (tm.tm_year < 1970 || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	day = (struct tm){.tm_year = tm.tm_year, .tm_mon = tm.tm_mon, .tm_mday = tm.tm_mday};
	t = timegm(&day);
	if (day.tm_mon != tm.tm_mon) /* there is no 31 February */
		return false;
	t += tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec - offset;
	*ret_usec = (int64_t)t * 1000000 + usec;
	return true;
}

int wire_read_time(const json_t *value, const char *key, int64_t *ret_usec, struct mscg_error *error)
{
	if (is_absent(value))
		return 0;
	if (!json_is_string(value) || !parse_rfc3339(json_string_value(value), ret_usec))
		return wrong(error, key, value, "a time such as 2026-01-31T12:00:00.5Z");
	return 1;
}

int wire_get_time(const json_t *object, const char *key, int64_t *ret_usec, struct mscg_error *error)
{
	return wire_read_time(json_object_get(object, key), key, ret_usec, error);
}
