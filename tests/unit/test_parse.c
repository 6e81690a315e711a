/* Text to numbers: what is read, what is refused and with which words, and that nothing is read by half. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/base/base.h"
#include "src/base/clock.h"
#include "src/base/parse.h"

#include <signal.h>
#include <time.h>

/* Never a value that a test expects. */
#define UNTOUCHED 0x5a5a5a5a5a5a5a5aull

static void test_u64(void **state)
{
	static const struct {
		const char *text;
		uint64_t min, max, value;
		int code;
	} cases[] = {
		{"0", 0, 10, 0, 0}, {"10", 0, 10, 10, 0}, {"0010", 0, 10, 10, 0},
		{"18446744073709551615", 0, UINT64_MAX, UINT64_MAX, 0},
		{"18446744073709551616", 0, UINT64_MAX, 0, -ERANGE}, {"99999999999999999999999", 0, UINT64_MAX, 0, -ERANGE},
		{"11", 0, 10, 0, -ERANGE}, {"0", 1, 10, 0, -ERANGE}, {"", 0, 10, 0, -EINVAL}, {" 1", 0, 10, 0, -EINVAL},
		{"1 ", 0, 10, 0, -EINVAL}, {"+1", 0, 10, 0, -EINVAL}, {"-1", 0, 10, 0, -EINVAL}, {"0x1", 0, 10, 0, -EINVAL},
		{"1.0", 0, 10, 0, -EINVAL}, {"1e3", 0, 10, 0, -EINVAL}, {"99999999999999999999999x", 0, 10, 0, -EINVAL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mscg_error e = {0};
		uint64_t v = UNTOUCHED;

		assert_int_equal(parse_u64(cases[i].text, cases[i].min, cases[i].max, &v, &e), cases[i].code);
		assert_int_equal(e.code, cases[i].code);
		assert_true(v == (cases[i].code ? UNTOUCHED : cases[i].value));
	}
}

static void test_i64(void **state)
{
	static const struct {
		const char *text;
		int64_t min, max, value;
		int code;
	} cases[] = {
		{"-9223372036854775808", INT64_MIN, INT64_MAX, INT64_MIN, 0},
		{"9223372036854775807", INT64_MIN, INT64_MAX, INT64_MAX, 0},
		{"9223372036854775808", INT64_MIN, INT64_MAX, 0, -ERANGE},
		{"-9223372036854775809", INT64_MIN, INT64_MAX, 0, -ERANGE}, {"-0", -1, 1, 0, 0}, {"-5", -5, 5, -5, 0},
		{"-6", -5, 5, 0, -ERANGE}, {"6", -5, 5, 0, -ERANGE}, {"-", -5, 5, 0, -EINVAL}, {"--1", -5, 5, 0, -EINVAL},
		{"", -5, 5, 0, -EINVAL}, {"1-", -5, 5, 0, -EINVAL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mscg_error e = {0};
		int64_t v = (int64_t)UNTOUCHED;

		assert_int_equal(parse_i64(cases[i].text, cases[i].min, cases[i].max, &v, &e), cases[i].code);
		assert_true(v == (cases[i].code ? (int64_t)UNTOUCHED : cases[i].value));
	}
}

static void test_size(void **state)
{
	static const struct {
		const char *text;
		uint64_t value;
		int code;
	} cases[] = {
		{"1", 1ull << 20, 0}, {"1024MB", 1ull << 30, 0}, {"8GB", 8ull << 30, 0}, {"2g", 2ull << 30, 0},
		{"512m", 512ull << 20, 0}, {"100K", 100 << 10, 0}, {"1TiB", 1ull << 40, 0}, {"1kib", 1024, 0},
		{"1.5G", 3ull << 29, 0}, {"0.5K", 512, 0}, {".5K", 512, 0}, {"0.001K", 1, 0}, {"0", 0, 0}, {"0G", 0, 0},
		{"512B", 512, 0}, {"1.999999999999999999999999T", (2ull << 40) - 1, 0},
		{"8388607T", 8388607ull << 40, 0}, {"9223372036854775807B", INT64_MAX, 0},
		{"8388608T", 0, -ERANGE}, {"9223372036854775808B", 0, -ERANGE}, {"99999999999999999999G", 0, -ERANGE},
		{"18446744073709551615T", 0, -ERANGE},
		{"", 0, -EINVAL}, {"G", 0, -EINVAL}, {"1XB", 0, -EINVAL}, {"-1G", 0, -EINVAL}, {"+1G", 0, -EINVAL},
		{"1 GB", 0, -EINVAL}, {" 1G", 0, -EINVAL}, {"1G ", 0, -EINVAL}, {"1GG", 0, -EINVAL}, {"1GBB", 0, -EINVAL},
		{"1.G", 0, -EINVAL}, {"1..5G", 0, -EINVAL}, {".", 0, -EINVAL}, {"1,5G", 0, -EINVAL}, {"0x10M", 0, -EINVAL},
		{"1e3M", 0, -EINVAL}, {"nan", 0, -EINVAL}, {"infM", 0, -EINVAL}, {"1Gi B", 0, -EINVAL}, {"1BB", 0, -EINVAL},
		{"99999999999999999999X", 0, -EINVAL},
	};
	struct mscg_error e = {0};
	uint64_t v = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		v = UNTOUCHED;
		assert_int_equal(parse_size(cases[i].text, &v, NULL), cases[i].code);
		assert_true(v == (cases[i].code ? UNTOUCHED : cases[i].value));
	}
	parse_size("1XB", &v, &e);
	assert_string_equal(e.text, "invalid size '1XB': expected a number with K, M, G, T, P or E, for example 512M or 8GB");
}

static void test_cpus(void **state)
{
	static const struct {
		const char *text;
		uint32_t value;
		int code;
	} cases[] = {
		{"1", 1000, 0}, {"2", 2000, 0}, {"0.5", 500, 0}, {".25", 250, 0}, {"1.125", 1125, 0}, {"0.001", 1, 0},
		{"8192", 8192000, 0}, {"8192.000", 8192000, 0}, {"8192.001", 0, -ERANGE}, {"8193", 0, -ERANGE},
		{"1000000", 0, -ERANGE}, {"99999999999999999999", 0, -ERANGE}, {"0", 0, -EINVAL}, {"0.000", 0, -EINVAL},
		{"-1", 0, -EINVAL}, {"", 0, -EINVAL}, {"1.", 0, -EINVAL}, {"1.2345", 0, -EINVAL}, {"0.0001", 0, -EINVAL},
		{"four", 0, -EINVAL}, {"2c", 0, -EINVAL}, {" 2", 0, -EINVAL}, {"2-4", 0, -EINVAL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mscg_error e = {0};
		uint32_t v = 77;

		assert_int_equal(parse_cpus(cases[i].text, &v, &e), cases[i].code);
		assert_int_equal(v, cases[i].code ? 77 : cases[i].value);
		if (cases[i].code)
			assert_non_null(strstr(e.text, cases[i].text));
	}
}

static void test_time_limit(void **state)
{
	static const struct {
		const char *text;
		uint64_t value;
		int code;
	} cases[] = {
		{"90", 5400, 0}, {"1:30", 90, 0}, {"90:00", 5400, 0}, {"1:30:00", 5400, 0}, {"36:00:00", 129600, 0},
		{"00:90:00", 5400, 0}, {"2-0", 172800, 0}, {"1-12", 129600, 0}, {"1-12:30", 131400, 0},
		{"1-12:30:05", 131405, 0}, {"0-00:00:05", 5, 0}, {"UNLIMITED", 0, 0}, {"infinite", 0, 0}, {"0", 0, 0},
		{"90s", 90, 0}, {"10m", 600, 0}, {"2h", 7200, 0}, {"1d", 86400, 0}, {"1h30m", 5400, 0}, {"1D12H", 129600, 0},
		{"71582788", 4294967280, 0},
		{"71582789", 0, -ERANGE}, {"99999999999999999999", 0, -ERANGE}, {"99999999999999999999-0", 0, -ERANGE},
		{"18446744073709551615:0", 0, -ERANGE}, {"50000d", 0, -ERANGE}, {"49710-06:28:16", 0, -ERANGE},
		{"49710-06:28:15", UINT32_MAX, 0},
		{"", 0, -EINVAL}, {"-5", 0, -EINVAL}, {"5-", 0, -EINVAL}, {":30", 0, -EINVAL}, {"1:", 0, -EINVAL},
		{"1:2:3:4", 0, -EINVAL}, {"1-2:3:4:5", 0, -EINVAL}, {"1-2-3", 0, -EINVAL}, {"1.5h", 0, -EINVAL},
		{"10x", 0, -EINVAL}, {"10 m", 0, -EINVAL}, {"30m1h", 0, -EINVAL}, {"1h1h", 0, -EINVAL}, {"1h30", 0, -EINVAL},
		{"1::2", 0, -EINVAL}, {"forever", 0, -EINVAL}, {"1-2h", 0, -EINVAL}, {"+5", 0, -EINVAL}, {"UNLIMITEDx", 0, -EINVAL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mscg_error e = {0};
		uint64_t v = UNTOUCHED;

		assert_int_equal(parse_time_limit(cases[i].text, &v, &e), cases[i].code);
		assert_int_equal(e.code, cases[i].code);
		assert_true(v == (cases[i].code ? UNTOUCHED : cases[i].value));
	}
}

static int64_t utc(int year, int month, int day, int hour, int minute, int second)
{
	struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour, .tm_min = minute,
	                .tm_sec = second};

	return (int64_t)timegm(&tm) * USEC_PER_SEC;
}

static void set_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

static void test_time_point(void **state)
{
	const int64_t now = utc(2026, 1, 31, 15, 30, 20) + 250000;
	const struct {
		const char *text;
		int64_t value;
	} good[] = {
		{"now", now}, {"NOW", now}, {"now-2hours", now - 7200 * USEC_PER_SEC}, {"now+1hour", now + 3600 * USEC_PER_SEC},
		{"now-90", now - 90 * USEC_PER_SEC}, {"now+3days", now + 3 * 86400 * USEC_PER_SEC},
		{"now-1week", now - 7 * 86400 * USEC_PER_SEC}, {"now+5min", now + 300 * USEC_PER_SEC},
		{"now-10s", now - 10 * USEC_PER_SEC},
		{"today", utc(2026, 1, 31, 0, 0, 0)}, {"midnight", utc(2026, 1, 31, 0, 0, 0)},
		{"noon", utc(2026, 1, 31, 12, 0, 0)}, {"Teatime", utc(2026, 1, 31, 16, 0, 0)}, {"fika", utc(2026, 1, 31, 15, 0, 0)}, {"yesterday", utc(2026, 1, 30, 0, 0, 0)},
		{"tomorrow", utc(2026, 2, 1, 0, 0, 0)}, {"2026-01-31", utc(2026, 1, 31, 0, 0, 0)},
		{"2026-01-31T12:00", utc(2026, 1, 31, 12, 0, 0)}, {"2026-01-31T12:00:01", utc(2026, 1, 31, 12, 0, 1)},
		{"2026-01-31 12:00:01", utc(2026, 1, 31, 12, 0, 1)},
		{"2026-01-31T12:00:01.5", utc(2026, 1, 31, 12, 0, 1) + 500000},
		{"2026-01-31T12:00:00.123456Z", utc(2026, 1, 31, 12, 0, 0) + 123456},
		{"2026-01-31T12:00:00.123456789Z", utc(2026, 1, 31, 12, 0, 0) + 123456},
		{"12:00", utc(2026, 1, 31, 12, 0, 0)}, {"23:59:59", utc(2026, 1, 31, 23, 59, 59)}, {"9:05", utc(2026, 1, 31, 9, 5, 0)},
		{"01/31/26", utc(2026, 1, 31, 0, 0, 0)}, {"1/5", utc(2026, 1, 5, 0, 0, 0)}, {"02/28/2027", utc(2027, 2, 28, 0, 0, 0)},
		{"01/31/26-08:15", utc(2026, 1, 31, 8, 15, 0)}, {"2024-02-29", utc(2024, 2, 29, 0, 0, 0)},
		{"1970-01-01", 0}, {"9999-12-31", utc(9999, 12, 31, 0, 0, 0)},
	};
	static const struct {
		const char *text;
		int code;
	} bad[] = {
		{"", -EINVAL}, {"nowish", -EINVAL}, {"now-", -EINVAL}, {"now-2parsecs", -EINVAL}, {"now 2hours", -EINVAL},
		{"now--2", -EINVAL}, {"2026-02-29", -EINVAL}, {"2026-13-01", -EINVAL}, {"2026-00-01", -EINVAL},
		{"2026-01-32", -EINVAL}, {"2026-1", -EINVAL}, {"26-01-31", -EINVAL}, {"2026-01-31T", -EINVAL},
		{"2026-01-31T24:00", -EINVAL}, {"2026-01-31T12", -EINVAL}, {"2026-01-31T12:60", -EINVAL},
		{"2026-01-31T12:00:60", -EINVAL}, {"2026-01-31T12:00:00.", -EINVAL}, {"2026-01-31x", -EINVAL},
		{"2026-01-31-12:00", -EINVAL}, {"12:00Z", -EINVAL}, {"12", -EINVAL}, {"13/01/26", -EINVAL}, {"04/31", -EINVAL},
		{"01/31/126", -EINVAL}, {"01/31/1926", -EINVAL}, {"1969-12-31", -EINVAL}, {"10000-01-01", -EINVAL},
		{"today ", -EINVAL}, {"-5", -EINVAL}, {"now-5000weeks", -ERANGE}, {"now+99999999999999999999", -ERANGE},
		{"now-18446744073709551615weeks", -ERANGE},
	};

	(void)state;
	set_zone("UTC0");
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		int64_t v = -1;

		assert_int_equal(parse_time_point(good[i].text, now, &v, NULL), 0);
		assert_true(v == good[i].value);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct mscg_error e = {0};
		int64_t v = -1;

		assert_int_equal(parse_time_point(bad[i].text, now, &v, &e), bad[i].code);
		assert_int_equal(e.code, bad[i].code);
		assert_true(v == -1);
	}
}

static void test_time_point_local(void **state)
{
	/* Summer time begins on 2026-03-29 in this zone: that day has 23 hours. */
	const int64_t now = utc(2026, 3, 29, 12, 0, 0);
	char text[64];
	int64_t v;

	(void)state;
	set_zone("CET-1CEST,M3.5.0,M10.5.0/3");
	assert_int_equal(parse_time_point("today", now, &v, NULL), 0);
	assert_true(v == utc(2026, 3, 28, 23, 0, 0));
	assert_int_equal(parse_time_point("tomorrow", now, &v, NULL), 0);
	assert_true(v == utc(2026, 3, 29, 22, 0, 0));
	assert_int_equal(parse_time_point("2026-07-01T12:00", now, &v, NULL), 0);
	assert_true(v == utc(2026, 7, 1, 10, 0, 0));
	assert_string_equal(format_local(v, text, sizeof text), "2026-07-01 12:00:00");
	assert_int_equal(parse_time_point("2026-07-01T12:00:00Z", now, &v, NULL), 0);
	assert_true(v == utc(2026, 7, 1, 12, 0, 0));
	set_zone("UTC0");
}

static void test_signal(void **state)
{
	static const struct {
		const char *text;
		int sig;
	} cases[] = {
		{"TERM", SIGTERM}, {"SIGTERM", SIGTERM}, {"15", 15}, {"usr1", SIGUSR1}, {"sigusr2", SIGUSR2}, {"CLD", SIGCHLD},
		{"IOT", SIGABRT}, {"POLL", SIGIO}, {"64", 64}, {"SIG40", 40}, {"SYS", SIGSYS},
	};
	static const char *const bad[] = {"", "SIG", "0", "65", "-1", "TERMX", "TER", "SIGSIGTERM", "99999999999999999999", "15x",
	                                  "RTMIN+99", "RTMIN-1", "RTMAX+1", "RTMIN+", " TERM"};
	int sig;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		sig = 0;
		assert_int_equal(parse_signal(cases[i].text, &sig, NULL), 0);
		assert_int_equal(sig, cases[i].sig);
	}
	assert_int_equal(parse_signal("RTMIN", &sig, NULL), 0);
	assert_int_equal(sig, SIGRTMIN);
	assert_int_equal(parse_signal("SIGRTMIN+2", &sig, NULL), 0);
	assert_int_equal(sig, SIGRTMIN + 2);
	assert_int_equal(parse_signal("rtmax-1", &sig, NULL), 0);
	assert_int_equal(sig, SIGRTMAX - 1);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct mscg_error e = {0};

		sig = 77;
		assert_int_equal(parse_signal(bad[i], &sig, &e), -EINVAL);
		assert_int_equal(sig, 77);
	}
	/* Every signal has a name, and every name leads back. */
	for (int i = 1; i <= 64; i++) {
		sig = 0;
		assert_int_equal(parse_signal(signal_name(i), &sig, NULL), 0);
		assert_int_equal(sig, i);
	}
	assert_string_equal(signal_name(SIGTERM), "SIGTERM");
	assert_string_equal(signal_name(40), "SIG40");
	assert_string_equal(signal_name(0), "SIG?");
	assert_string_equal(signal_name(65), "SIG?");
	assert_string_equal(signal_name(-1), "SIG?");
}

static void test_bool(void **state)
{
	static const struct {
		const char *text;
		bool value;
	} cases[] = {{"yes", true}, {"no", false}, {"TRUE", true}, {"False", false}, {"on", true}, {"off", false}, {"1", true}, {"0", false}};
	static const char *const bad[] = {"", "y", "2", "yes ", "maybe"};
	bool v;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		v = !cases[i].value;
		assert_int_equal(parse_bool(cases[i].text, &v, NULL), 0);
		assert_int_equal(v, cases[i].value);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		v = true;
		assert_int_equal(parse_bool(bad[i], &v, NULL), -EINVAL);
		assert_true(v);
	}
}

static void test_format(void **state)
{
	static const struct {
		uint64_t value;
		const char *text;
	} sizes[] = {
		{0, "0"}, {1, "1B"}, {1023, "1023B"}, {1024, "1K"}, {1536, "1.5K"}, {512ull << 20, "512M"}, {3ull << 29, "1.5G"},
		{8ull << 30, "8G"}, {(1ull << 20) - 1, "1M"}, {(1ull << 40) - 1, "1T"}, {1ull << 40, "1T"}, {UINT64_MAX, "16E"},
		{1000ull << 20, "1000M"},
	}, elapsed[] = {
		{0, "00:00:00"}, {59, "00:00:59"}, {3661, "01:01:01"}, {86399, "23:59:59"}, {86400, "1-00:00:00"},
		{10 * 86400 + 3600, "10-01:00:00"},
	}, cpus[] = {
		{1000, "1"}, {500, "0.5"}, {1250, "1.25"}, {1, "0.001"}, {8192000, "8192"}, {0, "0"}, {1010, "1.01"},
	};
	char text[64], tiny[4];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		assert_string_equal(format_size(sizes[i].value, text, sizeof text), sizes[i].text);
	for (size_t i = 0; i < ARRAY_SIZE(elapsed); i++)
		assert_string_equal(format_elapsed(elapsed[i].value, text, sizeof text), elapsed[i].text);
	for (size_t i = 0; i < ARRAY_SIZE(cpus); i++)
		assert_string_equal(format_cpus((uint32_t)cpus[i].value, text, sizeof text), cpus[i].text);
	assert_string_equal(format_rfc3339(utc(2026, 1, 31, 12, 0, 0) + 123456, text, sizeof text), "2026-01-31T12:00:00.123456Z");
	assert_string_equal(format_rfc3339(0, text, sizeof text), "1970-01-01T00:00:00.000000Z");
	assert_string_equal(format_rfc3339(-1, text, sizeof text), "1969-12-31T23:59:59.999999Z");
	assert_string_equal(format_elapsed(3661, tiny, sizeof tiny), "01:");
}

/* What format_* writes, parse_* reads. */
static void test_format_parse(void **state)
{
	char text[64];

	(void)state;
	for (uint32_t milli = 1; milli <= 20000; milli++) {
		uint32_t v = 0;

		assert_int_equal(parse_cpus(format_cpus(milli, text, sizeof text), &v, NULL), 0);
		assert_int_equal(v, milli);
	}
	for (unsigned bit = 0; bit < 50; bit++) {
		uint64_t v = 0;

		assert_int_equal(parse_size(format_size(UINT64_C(1) << bit, text, sizeof text), &v, NULL), 0);
		assert_true(v == UINT64_C(1) << bit);
	}
	for (int64_t usec = 1; usec < INT64_C(1) << 57; usec = usec * 3 + 7) {
		int64_t v = 0;

		assert_int_equal(parse_time_point(format_rfc3339(usec, text, sizeof text), 0, &v, NULL), 0);
		assert_true(v == usec);
	}
	for (uint64_t s = 1; s <= UINT32_MAX; s = s * 3 + 1) {
		uint64_t v = 0;

		assert_int_equal(parse_time_limit(format_elapsed(s, text, sizeof text), &v, NULL), 0);
		assert_true(v == s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_u64),
		cmocka_unit_test(test_i64),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_cpus),
		cmocka_unit_test(test_time_limit),
		cmocka_unit_test(test_time_point),
		cmocka_unit_test(test_time_point_local),
		cmocka_unit_test(test_signal),
		cmocka_unit_test(test_bool),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_format_parse),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("parse", tests, NULL, NULL);
}
