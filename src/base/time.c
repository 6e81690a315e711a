#include "src/base/base.h"
#include "src/base/clock.h"
#include "src/base/parse.h"
#include "src/base/scan.h"

#include <strings.h>
#include <time.h>

#define MINUTE UINT64_C(60)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define WEEK   (7 * DAY)

/* *sum += n * unit; what does not fit 32 bits of seconds (136 years) is out of range. */
static int add_seconds(uint64_t *sum, uint64_t n, uint64_t unit)
{
	uint64_t v;

	if (__builtin_mul_overflow(n, unit, &v) || __builtin_add_overflow(*sum, v, &v) || v > UINT32_MAX)
		return -ERANGE;
	*sum = v;
	return 0;
}

static uint64_t unit_letter(char c)
{
	switch (c) {
	case 's': case 'S': return 1;
	case 'm': case 'M': return MINUTE;
	case 'h': case 'H': return HOUR;
	case 'd': case 'D': return DAY;
	default: return 0;
	}
}

/* "90s", "1h30m": units get smaller. `n` was read already, *p is at its unit. */
static int scan_units(const char *p, uint64_t n, uint64_t *ret)
{
	uint64_t sum = 0, last = UINT64_MAX;
	int r;

	for (;;) {
		uint64_t unit = unit_letter(*p);

		if (unit == 0 || unit >= last)
			return -EINVAL;
		r = add_seconds(&sum, n, unit);
		if (r < 0)
			return r;
		if (*++p == '\0')
			break;
		last = unit;
		r = scan_u64(&p, &n);
		if (r < 0)
			return r;
	}
	*ret = sum;
	return 0;
}

/* Numbers between colons, three at most. Returns how many. */
static int scan_colons(const char *p, uint64_t part[3])
{
	int n = 0, r;

	for (;;) {
		r = scan_u64(&p, &part[n]);
		if (r < 0)
			return r;
		n++;
		if (*p == '\0')
			return n;
		if (*p != ':' || n == 3)
			return -EINVAL;
		p++;
	}
}

static int scan_time_limit(const char *text, uint64_t *ret)
{
	/* What the parts mean, by how many there are, after days and without. */
	static const uint64_t units[2][4][3] = {
		{{0}, {MINUTE}, {MINUTE, 1}, {HOUR, MINUTE, 1}},
		{{0}, {HOUR}, {HOUR, MINUTE}, {HOUR, MINUTE, 1}},
	};
	const char *p = text;
	uint64_t first, sum = 0, part[3] = {0};
	bool days;
	int n, r = scan_u64(&p, &first);

	if (r < 0)
		return r;
	if (unit_letter(*p))
		return scan_units(p, first, ret);
	days = *p == '-';
	if (days) {
		r = add_seconds(&sum, first, DAY);
		if (r < 0)
			return r;
		text = p + 1;
	}
	n = scan_colons(text, part);
	if (n < 0)
		return n;
	for (int i = 0; i < n; i++) {
		r = add_seconds(&sum, part[i], units[days][n][i]);
		if (r < 0)
			return r;
	}
	*ret = sum;
	return 0;
}

int parse_time_limit(const char *text, uint64_t *ret_seconds, struct mscg_error *error)
{
	int r;

	if (strcasecmp(text, "UNLIMITED") == 0 || strcasecmp(text, "INFINITE") == 0) {
		*ret_seconds = 0;
		return 0;
	}
	r = scan_time_limit(text, ret_seconds);
	if (r == -ERANGE)
		return mscg_error_set(error, r, "time limit '%.60s' is too long: expected UNLIMITED for no limit", text);
	if (r < 0)
		return mscg_error_set(error, r,
		                      "invalid time limit '%.60s': expected minutes, MM:SS, HH:MM:SS, D-HH:MM:SS, 90s, 2h or UNLIMITED",
		                      text);
	return 0;
}

/* Between 1 and `max` digits, value in [low, high]. */
static int scan_field(const char **p, int max, int low, int high, int *ret)
{
	const char *start = *p;
	uint64_t v;
	int r = scan_u64(p, &v);

	if (r < 0 || *p - start > max || v < (uint64_t)low || v > (uint64_t)high)
		return -EINVAL;
	*ret = (int)v;
	return 0;
}

static int days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[month] + (month == 1 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
}

/* "HH:MM[:SS[.fraction]]" at *p. */
static int scan_clock(const char **p, struct tm *tm, int64_t *usec)
{
	int r = scan_field(p, 2, 0, 23, &tm->tm_hour);

	if (r < 0 || *(*p)++ != ':')
		return -EINVAL;
	if (scan_field(p, 2, 0, 59, &tm->tm_min) < 0)
		return -EINVAL;
	if (**p != ':')
		return 0;
	(*p)++;
	if (scan_field(p, 2, 0, 59, &tm->tm_sec) < 0)
		return -EINVAL;
	if (**p != '.')
		return 0;
	(*p)++;
	if (!is_digit(**p))
		return -EINVAL;
	for (int64_t unit = USEC_PER_SEC / 10; is_digit(**p); unit /= 10)
		*usec += (*(*p)++ - '0') * unit;
	return 0;
}

/* "YYYY-MM-DD" or "MM/DD[/YY[YY]]" at *p; the year is in tm already. */
static int scan_date(const char **p, struct tm *tm)
{
	const char *digits = *p;
	int month, day, year = tm->tm_year + 1900;

	while (is_digit(*digits))
		digits++;
	if (*digits == '-') {
		if (digits - *p != 4 || scan_field(p, 4, 1970, 9999, &year) < 0 || *(*p)++ != '-' ||
		    scan_field(p, 2, 1, 12, &month) < 0 || *(*p)++ != '-' || scan_field(p, 2, 1, 31, &day) < 0)
			return -EINVAL;
	} else {
		if (scan_field(p, 2, 1, 12, &month) < 0 || *(*p)++ != '/' || scan_field(p, 2, 1, 31, &day) < 0)
			return -EINVAL;
		if (**p == '/') {
			const char *start = ++*p;

			if (scan_field(p, 4, 0, 9999, &year) < 0)
				return -EINVAL;
			if (*p - start == 2)
				year += 2000;
			else if (*p - start != 4 || year < 1970)
				return -EINVAL;
		}
	}
	if (day > days_in_month(year, month - 1))
		return -EINVAL;
	tm->tm_year = year - 1900;
	tm->tm_mon = month - 1;
	tm->tm_mday = day;
	return 0;
}

static int from_tm(struct tm *tm, bool utc, int64_t usec, int64_t *ret)
{
	time_t t;

	tm->tm_isdst = -1;
	t = utc ? timegm(tm) : mktime(tm);
	if (t < 0)
		return -ERANGE;
	*ret = (int64_t)t * USEC_PER_SEC + usec;
	return 0;
}

/* A date, a time of day, or both with T, a blank or (after MM/DD, as Slurm has it) '-' between. */
static int scan_point(const char *p, struct tm *tm, int64_t *ret)
{
	const char *digits = p;
	int64_t usec = 0;
	bool utc = false;
	int r;

	while (is_digit(*digits))
		digits++;
	if (*digits == ':') {
		r = scan_clock(&p, tm, &usec);
	} else {
		bool slash = *digits == '/';

		r = scan_date(&p, tm);
		if (r == 0 && (*p == 'T' || *p == 't' || *p == ' ' || (slash && *p == '-'))) {
			p++;
			r = scan_clock(&p, tm, &usec);
			if (r == 0 && (*p == 'Z' || *p == 'z')) {
				utc = true;
				p++;
			}
		}
	}
	if (r < 0)
		return r;
	return *p ? -EINVAL : from_tm(tm, utc, usec, ret);
}

static uint64_t unit_word(const char *word)
{
	static const struct {
		const char *word;
		uint64_t seconds;
	} units[] = {
		{"", 1}, {"s", 1}, {"sec", 1}, {"second", 1}, {"m", MINUTE}, {"min", MINUTE}, {"minute", MINUTE},
		{"h", HOUR}, {"hour", HOUR}, {"d", DAY}, {"day", DAY}, {"w", WEEK}, {"week", WEEK},
	};
	size_t n = strlen(word);

	if (n > 2 && (word[n - 1] == 's' || word[n - 1] == 'S'))
		n--;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (strlen(units[i].word) == n && strncasecmp(units[i].word, word, n) == 0)
			return units[i].seconds;
	return 0;
}

/* What follows "now": nothing, or "+2hours", "-90". */
static int scan_offset(const char *p, int64_t now, int64_t *ret)
{
	bool minus = *p == '-';
	uint64_t n, unit;
	int64_t usec;
	int r;

	if (*p == '\0') {
		*ret = now;
		return 0;
	}
	if (*p != '-' && *p != '+')
		return -EINVAL;
	p++;
	r = scan_u64(&p, &n);
	if (r < 0)
		return r;
	unit = unit_word(p);
	if (unit == 0)
		return -EINVAL;
	if (n > UINT32_MAX || __builtin_mul_overflow(n * unit, USEC_PER_SEC, &usec) ||
	    __builtin_add_overflow(now, minus ? -usec : usec, &usec) || usec < 0)
		return -ERANGE;
	*ret = usec;
	return 0;
}

static const struct day_word {
	const char *word;
	int  days, hour;
	bool any_day; /* an hour of whichever day */
} day_words[] = {
	{"today", 0, 0, false}, {"yesterday", -1, 0, false}, {"tomorrow", 1, 0, false},
	{"midnight", 0, 0, true}, {"noon", 0, 12, true}, {"fika", 0, 15, true}, {"teatime", 0, 16, true},
};

static const struct day_word *find_day_word(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(day_words); i++)
		if (strcasecmp(text, day_words[i].word) == 0)
			return &day_words[i];
	return NULL;
}

bool parse_is_hour_word(const char *text)
{
	const struct day_word *word = find_day_word(text);

	return word && word->any_day;
}

static int scan_time_point(const char *text, int64_t now, int64_t *ret)
{
	const struct day_word *word = find_day_word(text);
	time_t seconds = now / USEC_PER_SEC;
	struct tm tm;

	if (strncasecmp(text, "now", 3) == 0)
		return scan_offset(text + 3, now, ret);
	tzset();
	if (!localtime_r(&seconds, &tm))
		return -ERANGE;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	if (word) {
		tm.tm_mday += word->days;
		tm.tm_hour = word->hour;
		return from_tm(&tm, false, 0, ret);
	}
	return scan_point(text, &tm, ret);
}

int parse_time_point(const char *text, int64_t now_usec, int64_t *ret_usec, struct mscg_error *error)
{
	int r = scan_time_point(text, now_usec, ret_usec);

	if (r == -ERANGE)
		return mscg_error_set(error, r, "time '%.60s' is out of range: expected one since 1970", text);
	if (r < 0)
		return mscg_error_set(error, r,
		                      "invalid time '%.60s': expected now-2hours, today, 2026-01-31, 2026-01-31T12:00 or 12:00",
		                      text);
	return 0;
}
