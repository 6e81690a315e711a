#include "src/base/base.h"
#include "src/base/clock.h"
#include "src/base/parse.h"

#include <inttypes.h>
#include <time.h>

char *format_size(uint64_t bytes, char *text, size_t size)
{
	static const char units[] = "BKMGTPE";
	unsigned u = 0;
	uint64_t tenths;

	/* In tenths, rounded; what rounds up to 1024 of a unit is 1 of the next. */
	for (;; u++) {
		unsigned __int128 unit = (unsigned __int128)1 << (10 * u);

		tenths = (uint64_t)(((unsigned __int128)bytes * 10 + unit / 2) / unit);
		if (tenths < 10240 || units[u + 1] == '\0')
			break;
	}
	if (bytes == 0)
		snprintf(text, size, "0");
	else if (tenths % 10)
		snprintf(text, size, "%" PRIu64 ".%" PRIu64 "%c", tenths / 10, tenths % 10, units[u]);
	else
		snprintf(text, size, "%" PRIu64 "%c", tenths / 10, units[u]);
	return text;
}

char *format_size_whole(uint64_t bytes, char *text, size_t size)
{
	static const char units[] = "BKMGTPE";
	unsigned u = 0;

	while (bytes && bytes % 1024 == 0 && units[u + 1]) {
		bytes /= 1024;
		u++;
	}
	snprintf(text, size, "%" PRIu64 "%c", bytes, bytes ? units[u] : '\0');
	return text;
}

char *format_elapsed(uint64_t seconds, char *text, size_t size)
{
	uint64_t days = seconds / 86400;
	unsigned h = (unsigned)(seconds / 3600 % 24), m = (unsigned)(seconds / 60 % 60), s = (unsigned)(seconds % 60);

	if (days)
		snprintf(text, size, "%" PRIu64 "-%02u:%02u:%02u", days, h, m, s);
	else
		snprintf(text, size, "%02u:%02u:%02u", h, m, s);
	return text;
}

char *format_cpus(uint32_t milli, char *text, size_t size)
{
	unsigned fraction = milli % 1000;
	int digits = 3;

	for (; fraction && fraction % 10 == 0; digits--)
		fraction /= 10;
	if (fraction)
		snprintf(text, size, "%u.%0*u", milli / 1000, digits, fraction);
	else
		snprintf(text, size, "%u", milli / 1000);
	return text;
}

/* Whole seconds, rounded down also before 1970. */
static time_t split_usec(int64_t usec, unsigned *ret_usec)
{
	int64_t seconds = usec / USEC_PER_SEC, rest = usec % USEC_PER_SEC;

	if (rest < 0) {
		seconds--;
		rest += USEC_PER_SEC;
	}
	*ret_usec = (unsigned)rest;
	return (time_t)seconds;
}

char *format_rfc3339(int64_t usec, char *text, size_t size)
{
	unsigned fraction;
	time_t seconds = split_usec(usec, &fraction);
	struct tm tm = {0};

	gmtime_r(&seconds, &tm);
	snprintf(text, size, "%04d-%02d-%02dT%02d:%02d:%02d.%06uZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
	         tm.tm_hour, tm.tm_min, tm.tm_sec, fraction);
	return text;
}

char *format_local(int64_t usec, char *text, size_t size)
{
	unsigned fraction;
	time_t seconds = split_usec(usec, &fraction);
	struct tm tm = {0};

	localtime_r(&seconds, &tm);
	snprintf(text, size, "%04d-%02d-%02d %02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
	         tm.tm_min, tm.tm_sec);
	return text;
}
