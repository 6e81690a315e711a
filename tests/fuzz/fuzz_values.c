/* libFuzzer: sizes, times, points in time, numbers of CPUs, signals, ids, arrays, dependencies. What is accepted keeps
 * to the bounds that its header promises, and where it has a written form, that is read again to the same value. */
#include "src/base/base.h"
#include "src/base/depend.h"
#include "src/base/gres.h"
#include "src/base/parse.h"
#include "tests/fuzz/fuzz.h"

#include <mscg/job.h>

static const int64_t now_usec = INT64_C(1767268800000000); /* 2026-01-01T12:00:00Z */

static void sizes_and_times(const char *text)
{
	uint64_t bytes, seconds, again;
	uint32_t milli, milli_again;
	int64_t usec, usec_again;
	char shown[64];

	if (parse_size(text, &bytes, NULL) == 0) {
		MUST(bytes <= INT64_MAX);
		format_size(bytes, shown, sizeof shown);
		/* Rounded to a tenth, which at the end of the scale is past it. */
		MUST(parse_size(shown, &again, NULL) == 0 || bytes > (UINT64_C(7) << 60));
	}
	if (parse_time_limit(text, &seconds, NULL) == 0) {
		MUST(seconds <= UINT32_MAX);
		format_elapsed(seconds, shown, sizeof shown);
		MUST(parse_time_limit(shown, &again, NULL) == 0 && again == seconds);
	}
	if (parse_cpus(text, &milli, NULL) == 0) {
		MUST(milli > 0 && milli <= 8192 * 1000);
		format_cpus(milli, shown, sizeof shown);
		MUST(parse_cpus(shown, &milli_again, NULL) == 0 && milli_again == milli);
	}
	if (parse_time_point(text, now_usec, &usec, NULL) == 0) {
		format_local(usec, shown, sizeof shown);
		format_rfc3339(usec, shown, sizeof shown);
		MUST(parse_time_point(text, now_usec, &usec_again, NULL) == 0 && usec_again == usec);
	}
}

static void resources(const char *text)
{
	struct gres g, again;

	if (gres_parse(text, &g, NULL) == 0) {
		_cleanup_free_ char *shown = gres_format(&g);

		MUST(g.n >= 1 && g.n <= GRES_PARTS_MAX);
		for (uint32_t i = 0; i < g.n; i++)
			MUST(g.part[i].n >= 1 && g.part[i].n <= GRES_COUNT_MAX && *g.part[i].name);
		MUST(gres_parse(shown, &again, NULL) == 0);
		_cleanup_free_ char *twice = gres_format(&again);

		MUST(streq(shown, twice));
	}
	if (gres_granted_parse(text, &g) == 0) {
		_cleanup_free_ char *shown = gres_granted_format(&g);

		MUST(!g.n == !shown);
		MUST(gres_granted_parse(shown, &again) == 0 && again.n == g.n);
		for (uint32_t i = 0; i < g.n; i++)
			MUST(g.part[i].units == again.part[i].units && g.part[i].n == again.part[i].n);
	}
}

static void numbers(const char *text)
{
	struct mscg_error e;
	uint64_t u;
	int64_t i;
	int sig;
	bool b;

	if (parse_u64(text, 3, 1000000, &u, &e) == 0)
		MUST(u >= 3 && u <= 1000000);
	if (parse_i64(text, -500, 500, &i, &e) == 0)
		MUST(i >= -500 && i <= 500);
	parse_u64(text, 0, UINT64_MAX, &u, &e);
	parse_i64(text, INT64_MIN, INT64_MAX, &i, &e);
	parse_bool(text, &b, &e);
	if (parse_signal(text, &sig, &e) == 0)
		MUST(sig > 0 && sig <= 64 && signal_name(sig));
}

static void ids_and_ranges(const char *text)
{
	struct mscg_range *ranges, *again;
	char shown[MSCG_ID_TEXT];
	struct mscg_id id, id_again;
	struct mscg_error e;
	uint32_t n, m;

	if (mscg_id_parse(text, &id, &e) == 0) {
		mscg_id_format(id, shown);
		MUST(id.job > 0 && mscg_id_parse(shown, &id_again, NULL) == 0 && mscg_id_equal(id, id_again));
	}
	if (mscg_ranges_parse(text, &ranges, &n, &e) == 0) {
		_cleanup_free_ char *line = mscg_ranges_format(ranges, n);

		for (uint32_t i = 0; i < n; i++)
			MUST(ranges[i].step > 0 && ranges[i].first <= ranges[i].last && ranges[i].last <= MSCG_ARRAY_INDEX_MAX);
		MUST(mscg_ranges_parse(line, &again, &m, NULL) == 0);
		MUST(mscg_ranges_count(ranges, n) == mscg_ranges_count(again, m));
		free(again);
		free(ranges);
	}
	struct mscg_spec *spec = mscg_spec_new();
	if (mscg_array_parse(text, spec, &e) == 0)
		MUST(spec->array && mscg_ranges_count(spec->array, spec->array_n) <= MSCG_ARRAY_TASKS_MAX);
	mscg_spec_free(spec);
}

static void dependencies(const char *text)
{
	struct depends depends, again;
	struct mscg_error e;

	if (mscg_depends_parse(text, &depends, &e) < 0)
		return;
	MUST(depends.n <= DEPEND_MAX);
	_cleanup_free_ char *line = mscg_depends_format(&depends);
	if (line) {
		MUST(mscg_depends_parse(line, &again, &e) == 0 && again.n == depends.n);
		mscg_depends_clear(&again);
	}
	for (uint32_t i = 0; i < depends.n; i++)
		mscg_depend_ended(&depends.on[i], MSCG_STATE_COMPLETED, now_usec, now_usec + 1);
	while (depends.n)
		mscg_depends_drop(&depends, depends.n / 2);
	mscg_depends_clear(&depends);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_text(data, size);

	setenv("TZ", "Europe/Berlin", 1);
	sizes_and_times(text);
	numbers(text);
	resources(text);
	ids_and_ranges(text);
	dependencies(text);
	return 0;
}
