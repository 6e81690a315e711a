/* scan.h: the one loop that reads digits. Inside src/base only; everyone else wants parse.h. */
#ifndef BASE_SCAN_H
#define BASE_SCAN_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Reads the digits at *p and moves *p behind them, all of them even when the number is too large.
 * 0, -EINVAL when there is no digit, -ERANGE above UINT64_MAX; *ret is untouched on failure. */
static inline int scan_u64(const char **p, uint64_t *ret)
{
	uint64_t v = 0;
	bool over = false;

	if (!is_digit(**p))
		return -EINVAL;
	for (; is_digit(**p); (*p)++) {
		over |= __builtin_mul_overflow(v, UINT64_C(10), &v);
		over |= __builtin_add_overflow(v, (uint64_t)(**p - '0'), &v);
	}
	if (over)
		return -ERANGE;
	*ret = v;
	return 0;
}

#endif
