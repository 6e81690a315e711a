#include "src/base/parse.h"

#include "src/base/base.h"
#include "src/base/scan.h"

#include <inttypes.h>
#include <mscg/cpuset.h>
#include <strings.h>

static int bad_u64(struct mscg_error *error, int code, const char *text, uint64_t min, uint64_t max)
{
	if (max == UINT64_MAX)
		return mscg_error_set(error, code, "%s '%.60s': expected a whole number of at least %" PRIu64,
		                      code == -ERANGE ? "out of range" : "invalid number", text, min);
	return mscg_error_set(error, code, "%s '%.60s': expected a whole number from %" PRIu64 " to %" PRIu64,
	                      code == -ERANGE ? "out of range" : "invalid number", text, min, max);
}

int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret, struct mscg_error *error)
{
	const char *p = text;
	uint64_t v;
	int r = scan_u64(&p, &v);

	if (r == -EINVAL || *p)
		return bad_u64(error, -EINVAL, text, min, max);
	if (r < 0 || v < min || v > max)
		return bad_u64(error, -ERANGE, text, min, max);
	*ret = v;
	return 0;
}

/* FNV-1a. */
uint32_t name_key(const char *name)
{
	uint32_t key = 2166136261u;

	if (!name || !*name)
		return 0;
	for (const char *p = name; *p; p++)
		key = (key ^ (uint8_t)*p) * 16777619u;
	return key ? key : 1;
}

int parse_i64(const char *text, int64_t min, int64_t max, int64_t *ret, struct mscg_error *error)
{
	bool minus = *text == '-';
	const char *p = text + minus;
	uint64_t v = 0;
	int r = scan_u64(&p, &v);
	int64_t value = 0;

	if (r == -EINVAL || *p)
		return mscg_error_set(error, -EINVAL,
		                      "invalid number '%.60s': expected a whole number from %" PRId64 " to %" PRId64, text,
		                      min, max);
	if (r == 0 && v > (uint64_t)INT64_MAX + minus)
		r = -ERANGE;
	if (r == 0)
		value = minus ? (int64_t)(0 - v) : (int64_t)v;
	if (r < 0 || value < min || value > max)
		return mscg_error_set(error, -ERANGE,
		                      "out of range '%.60s': expected a whole number from %" PRId64 " to %" PRId64, text,
		                      min, max);
	*ret = value;
	return 0;
}

/* "12", "12.5", ".5": the fraction in thousandths of 10^-15, so that sizes are exact to the byte. */
#define FRACTION_DIGITS 18
#define FRACTION_ONE    UINT64_C(1000000000000000000)

static int scan_decimal(const char **p, uint64_t *whole, uint64_t *fraction, unsigned *digits)
{
	uint64_t w = 0, f = 0;
	unsigned n = 0;
	int r = scan_u64(p, &w);

	if (r == -EINVAL && **p != '.')
		return r;
	if (**p == '.') {
		(*p)++;
		if (!is_digit(**p))
			return -EINVAL;
		for (; is_digit(**p); (*p)++, n++)
			if (n < FRACTION_DIGITS)
				f = f * 10 + (uint64_t)(**p - '0');
		for (unsigned i = n; i < FRACTION_DIGITS; i++)
			f *= 10;
	}
	if (r == -ERANGE)
		return r;
	*whole = w;
	*fraction = f;
	*digits = n;
	return 0;
}

/* The power of 1024 that a suffix means, -1 for an unknown one. */
static int size_suffix(const char *suffix)
{
	static const char units[] = "KMGTPE";
	const char *unit;

	if (*suffix == '\0')
		return 2;
	if (strcasecmp(suffix, "B") == 0)
		return 0;
	unit = strchr(units, *suffix >= 'a' && *suffix <= 'z' ? *suffix - 'a' + 'A' : *suffix);
	if (!unit)
		return -1;
	suffix++;
	if (*suffix && strcasecmp(suffix, "B") != 0 && strcasecmp(suffix, "iB") != 0)
		return -1;
	return (int)(unit - units) + 1;
}

int parse_size(const char *text, uint64_t *ret_bytes, struct mscg_error *error)
{
	const char *p = text;
	uint64_t whole, fraction;
	unsigned digits;
	int r = scan_decimal(&p, &whole, &fraction, &digits);
	int power = r == -EINVAL ? -1 : size_suffix(p);
	unsigned __int128 bytes = 0;

	if (power < 0)
		return mscg_error_set(error, -EINVAL,
		                      "invalid size '%.60s': expected a number with K, M, G, T, P or E, for example 512M or 8GB",
		                      text);
	if (r == 0) {
		unsigned __int128 unit = (unsigned __int128)1 << (10 * power);

		bytes = whole * unit + fraction * unit / FRACTION_ONE;
	}
	/* Databases and JSON have signed 64 bits. */
	if (r < 0 || bytes > INT64_MAX)
		return mscg_error_set(error, -ERANGE, "size '%.60s' is too large: expected less than 8388608T", text);
	*ret_bytes = (uint64_t)bytes;
	return 0;
}

int parse_cpus(const char *text, uint32_t *ret_milli, struct mscg_error *error)
{
	const char *p = text;
	uint64_t whole, fraction, milli;
	unsigned digits = 0;
	int r = scan_decimal(&p, &whole, &fraction, &digits);

	if (r == -EINVAL || *p || digits > 3)
		return mscg_error_set(error, -EINVAL,
		                      "invalid number of CPUs '%.60s': expected a number such as 4 or 0.5, with three decimals at most",
		                      text);
	if (r < 0 || whole > MSCG_CPUS_MAX || (whole == MSCG_CPUS_MAX && fraction))
		return mscg_error_set(error, -ERANGE, "too many CPUs '%.60s': expected %d at most", text, MSCG_CPUS_MAX);
	milli = whole * 1000 + fraction / (FRACTION_ONE / 1000);
	if (milli == 0)
		return mscg_error_set(error, -EINVAL, "invalid number of CPUs '%.60s': expected more than 0", text);
	*ret_milli = (uint32_t)milli;
	return 0;
}

int parse_bool(const char *text, bool *ret, struct mscg_error *error)
{
	static const char *const words[][2] = {{"no", "yes"}, {"false", "true"}, {"off", "on"}, {"0", "1"}};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		for (int v = 0; v < 2; v++)
			if (strcasecmp(text, words[i][v]) == 0) {
				*ret = v;
				return 0;
			}
	return mscg_error_set(error, -EINVAL, "invalid value '%.60s': expected yes or no", text);
}
