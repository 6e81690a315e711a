/* What was asked, and the names: tables, ids, arrays, grants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/base/base.h"
#include "src/base/depend.h"

#include <mscg/action.h>
#include <mscg/job.h>

static void cleanup_spec(struct mscg_spec **s)
{
	mscg_spec_free(*s);
}
#define _cleanup_spec_ _cleanup_(cleanup_spec)

static struct mscg_spec *good_spec(void)
{
	struct mscg_spec *s = mscg_spec_new();

	strv_add(&s->argv, "/usr/bin/true");
	s->workdir = xstrdup("/tmp");
	return s;
}

static void test_tables(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MSCG_STATE_COUNT; i++) {
		enum mscg_state v = MSCG_STATE_COUNT;

		assert_int_equal(mscg_state_parse(mscg_state_name(i), &v, NULL), 0);
		assert_int_equal(v, i);
		v = MSCG_STATE_COUNT;
		assert_int_equal(mscg_state_parse(mscg_state_short(i), &v, NULL), 0);
		assert_int_equal(v, i);
	}
	for (unsigned i = 0; i < MSCG_REASON_COUNT; i++) {
		enum mscg_reason v = MSCG_REASON_COUNT;

		assert_int_equal(mscg_reason_parse(mscg_reason_name(i), &v), 0);
		assert_int_equal(v, i);
		assert_non_null(mscg_reason_text(i));
	}
	for (unsigned i = 0; i < MSCG_EVENT_COUNT; i++) {
		enum mscg_event_kind v = MSCG_EVENT_COUNT;

		assert_int_equal(mscg_event_parse(mscg_event_name(i), &v), 0);
		assert_int_equal(v, i);
	}
}

static void test_table_edges(void **state)
{
	enum mscg_state v = MSCG_STATE_LOST;
	enum mscg_reason reason = MSCG_REASON_LICENSES;
	enum mscg_event_kind kind = MSCG_EVENT_KILL;
	struct mscg_error e = {0};

	(void)state;
	assert_string_equal(mscg_state_name(MSCG_STATE_COUNT), "?");
	assert_string_equal(mscg_state_short((enum mscg_state)-1), "?");
	assert_string_equal(mscg_reason_name(MSCG_REASON_COUNT), "?");
	assert_string_equal(mscg_event_name(MSCG_EVENT_COUNT), "?");
	assert_false(mscg_state_is_final(MSCG_STATE_COUNT));
	assert_false(mscg_state_is_final(MSCG_STATE_COMPLETING));
	assert_true(mscg_state_is_final(MSCG_STATE_COMPLETED));
	assert_true(mscg_state_is_final(MSCG_STATE_LOST));
	assert_int_equal(mscg_state_parse("running", &v, NULL), 0);
	assert_int_equal(v, MSCG_STATE_RUNNING);
	assert_int_equal(mscg_state_parse("oom", &v, NULL), 0);
	assert_int_equal(v, MSCG_STATE_OUT_OF_MEMORY);
	assert_int_equal(mscg_state_parse("RUN", &v, &e), -EINVAL);
	assert_int_equal(v, MSCG_STATE_OUT_OF_MEMORY);
	assert_int_equal(e.code, -EINVAL);
	assert_int_equal(mscg_state_parse("", &v, NULL), -EINVAL);
	assert_int_equal(mscg_reason_parse("resources", &reason), -EINVAL);
	assert_int_equal(reason, MSCG_REASON_LICENSES);
	assert_int_equal(mscg_event_parse("", &kind), -EINVAL);
	assert_int_equal(kind, MSCG_EVENT_KILL);
}

static void test_ids(void **state)
{
	static const struct {
		const char *text;
		uint32_t job, task;
		int code;
	} cases[] = {
		{"12", 12, MSCG_NO_TASK, 0}, {"12_3", 12, 3, 0}, {"12_0", 12, 0, 0},
		{"4294967295_4000000000", UINT32_MAX, 4000000000u, 0},
		{"0", 0, 0, -EINVAL}, {"0_1", 0, 0, -EINVAL}, {"", 0, 0, -EINVAL}, {"_", 0, 0, -EINVAL}, {"12_", 0, 0, -EINVAL},
		{"_3", 0, 0, -EINVAL}, {"12_3_4", 0, 0, -EINVAL}, {"12 ", 0, 0, -EINVAL}, {"-1", 0, 0, -EINVAL},
		{"12_x", 0, 0, -EINVAL}, {"12.3", 0, 0, -EINVAL}, {"all", 0, 0, -EINVAL},
		{"4294967296", 0, 0, -ERANGE}, {"1_4000000001", 0, 0, -ERANGE}, {"1_4294967295", 0, 0, -ERANGE},
		{"99999999999999999999", 0, 0, -ERANGE}, {"1_99999999999999999999", 0, 0, -ERANGE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct mscg_id before = {7, 8};
		struct mscg_id id = before;
		struct mscg_error e = {0};
		char text[MSCG_ID_TEXT];

		assert_int_equal(mscg_id_parse(cases[i].text, &id, &e), cases[i].code);
		assert_int_equal(e.code, cases[i].code);
		if (cases[i].code) {
			assert_true(mscg_id_equal(id, before));
			continue;
		}
		assert_int_equal(id.job, cases[i].job);
		assert_int_equal(id.task, cases[i].task);
		assert_string_equal(mscg_id_format(id, text), cases[i].text);
	}
	assert_false(mscg_id_equal((struct mscg_id){1, 2}, (struct mscg_id){1, 3}));
	assert_false(mscg_id_equal((struct mscg_id){1, 2}, (struct mscg_id){2, 2}));
}

static void test_defaults(void **state)
{
	_cleanup_spec_ struct mscg_spec *s = mscg_spec_new();

	(void)state;
	assert_int_equal(s->cpus_milli, 1000);
	assert_int_equal(s->grace_s, 30);
	assert_true(s->slurm_env);
	assert_int_equal(s->umask, 022);
	assert_int_equal(s->cpu_mode, MSCG_CPUS_EXCLUSIVE);
	mscg_spec_free(NULL);
}

static void test_array_good(void **state)
{
	static const struct {
		const char *text, *canonical;
		uint32_t throttle;
		uint64_t count;
	} cases[] = {
		{"0-15", "0-15", 0, 16}, {"0-15:4%4", "0-12:4", 4, 4}, {"1,3,5-7", "1,3,5-7", 0, 5}, {"7", "7", 0, 1},
		{"5-5:3", "5", 0, 1}, {"3,1,2", "1-3", 0, 3}, {"1-4,3-9", "1-9", 0, 9}, {"1,1,1", "1", 0, 1},
		{"0-9:3,1-9:3", "0-1,3-4,6-7,9", 0, 7}, {"0-8:2,1-9:2", "0-9", 0, 10}, {"1,3,5,7", "1-7:2", 0, 4},
		{"0-4:2,6-10:2", "0-10:2", 0, 6}, {"0-6:2,8-20:4", "0-6:2,8-20:4", 0, 8}, {"1-3,4", "1-4", 0, 4},
		{"0-10000000:2", "0-10000000:2", 0, 5000001}, {"4000000000", "4000000000", 0, 1},
		{"0-4000000000:4000000000", "0-4000000000:4000000000", 0, 2}, {"0-9999999%1", "0-9999999", 1, 10000000},
		{"1-2%99999999999", "1-2", MSCG_ARRAY_TASKS_MAX, 2},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_spec_ struct mscg_spec *s = good_spec();
		_cleanup_free_ char *text = NULL;

		assert_int_equal(mscg_array_parse(cases[i].text, s, NULL), 0);
		text = mscg_ranges_format(s->array, s->array_n);
		assert_string_equal(text, cases[i].canonical);
		assert_int_equal(s->array_throttle, cases[i].throttle);
		assert_true(mscg_ranges_count(s->array, s->array_n) == cases[i].count);
		assert_int_equal(mscg_spec_check(s, NULL), 0);
	}
}

static void test_array_bad(void **state)
{
	static const struct {
		const char *text;
		int code;
	} cases[] = {
		{"", -EINVAL}, {",", -EINVAL}, {"1,", -EINVAL}, {",1", -EINVAL}, {"3-1", -EINVAL}, {"1-", -EINVAL}, {"-1", -EINVAL},
		{"1-5:", -EINVAL}, {"1-5:0", -EINVAL}, {"5:2", -EINVAL}, {"1-5%", -EINVAL}, {"1-5%0", -EINVAL}, {"1-5%2%3", -EINVAL},
		{"%4", -EINVAL}, {"1 ,2", -EINVAL}, {"a", -EINVAL}, {"1-5x", -EINVAL}, {"1-5%2x", -EINVAL},
		{"4000000001", -ERANGE}, {"0-4294967295", -ERANGE}, {"99999999999999999999", -ERANGE},
		{"1-99999999999999999999", -ERANGE}, {"0-10000000", -ERANGE}, {"0-9999999,20000000", -ERANGE},
		{"0-2000000:2,1-2000001:2", -ERANGE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_spec_ struct mscg_spec *s = good_spec();
		struct mscg_range *before;
		struct mscg_error e = {0};

		assert_int_equal(mscg_array_parse("1-3%2", s, NULL), 0);
		before = s->array;
		assert_int_equal(mscg_array_parse(cases[i].text, s, &e), cases[i].code);
		assert_int_equal(e.code, cases[i].code);
		assert_ptr_equal(s->array, before);
		assert_int_equal(s->array_n, 1);
		assert_int_equal(s->array_throttle, 2);
	}
}

/* Random lists against a plain table of indices: the same tasks, sorted, disjoint, and stable through text. */
static void test_array_model(void **state)
{
	enum { TOP = 200 };
	unsigned seed = 12345;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		_cleanup_free_ char *text = xstrdup(""), *canonical = NULL, *again = NULL;
		_cleanup_free_ struct mscg_range *r = NULL, *r2 = NULL;
		bool want[TOP] = {false}, got[TOP] = {false};
		uint32_t n = 0, n2 = 0;
		uint64_t count = 0;

		for (int item = 0; item < 1 + round % 6; item++) {
			unsigned first = (unsigned)rand_r(&seed) % TOP, last = first + (unsigned)rand_r(&seed) % (TOP - first);
			unsigned step = 1 + (unsigned)rand_r(&seed) % 9;
			char *longer;

			if (rand_r(&seed) % 3 == 0)
				last = first;
			for (unsigned v = first; v <= last; v += step)
				want[v] = true;
			longer = first == last ? xasprintf("%s%s%u", text, *text ? "," : "", first)
			                       : xasprintf("%s%s%u-%u:%u", text, *text ? "," : "", first, last, step);
			free(text);
			text = longer;
		}
		assert_int_equal(mscg_ranges_parse(text, &r, &n, NULL), 0);
		for (uint32_t i = 0; i < n; i++) {
			assert_true(r[i].step >= 1 && r[i].first <= r[i].last);
			assert_true((r[i].last - r[i].first) % r[i].step == 0);
			assert_true(i == 0 || r[i].first > r[i - 1].last);
			for (uint32_t v = r[i].first; v <= r[i].last; v += r[i].step) {
				got[v] = true;
				count++;
			}
		}
		assert_memory_equal(want, got, sizeof want);
		assert_true(mscg_ranges_count(r, n) == count);
		canonical = mscg_ranges_format(r, n);
		assert_int_equal(mscg_ranges_parse(canonical, &r2, &n2, NULL), 0);
		again = mscg_ranges_format(r2, n2);
		assert_string_equal(again, canonical);
	}
}

static void test_ranges_empty(void **state)
{
	struct mscg_range *r = (struct mscg_range *)1;
	_cleanup_free_ char *text = mscg_ranges_format(NULL, 0);
	uint32_t n = 5;

	(void)state;
	assert_string_equal(text, "");
	assert_int_equal(mscg_ranges_parse("", &r, &n, NULL), 0);
	assert_null(r);
	assert_int_equal(n, 0);
	n = 5;
	assert_int_equal(mscg_ranges_parse("1-2%3", &r, &n, NULL), -EINVAL);
	assert_int_equal(n, 5);
}

static void refused(struct mscg_spec *s, int code, const char *words)
{
	struct mscg_error e = {0};

	assert_int_equal(mscg_spec_check(s, NULL), code);
	assert_int_equal(mscg_spec_check(s, &e), code);
	assert_int_equal(e.code, code);
	if (!strstr(e.text, words))
		print_message("# got: %s\n", e.text);
	assert_non_null(strstr(e.text, words));
	assert_null(strchr(e.text, '\n'));
}

static void test_tasks(void **state)
{
	static const struct { const char *text; int result; uint32_t job, task; const char *ranges; } cases[] = {
		{"12_[3-7,9]", 0, 12, MSCG_NO_TASK, "3-7,9"}, {"1_[0]", 0, 1, MSCG_NO_TASK, "0"}, {"7_[9,1-3:2,2]", 0, 7, MSCG_NO_TASK, "1-3,9"},
		{"12", 0, 12, MSCG_NO_TASK, ""}, {"12_3", 0, 12, 3, ""},
		{"12_[]", -EINVAL}, {"12_[", -EINVAL}, {"12_[1", -EINVAL}, {"12_[1]2", -EINVAL}, {"12_[2-1]", -EINVAL}, {"0_[1]", -EINVAL},
		{"_[1]", -EINVAL}, {"12[1]", -EINVAL}, {"12_[1%2]", -EINVAL}, {"-1_[1]", -EINVAL}, {"", -EINVAL},
		{"12_[0-4000000001]", -ERANGE}, {"12_[0-99999999]", -ERANGE}, {"99999999999_[1]", -ERANGE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mscg_range *range = NULL;
		struct mscg_error error = {0};
		struct mscg_id id = {0};
		uint32_t n = 9;
		char *text;

		assert_int_equal(mscg_tasks_parse(cases[i].text, &id, &range, &n, &error), cases[i].result);
		text = mscg_ranges_format(range, n);
		if (cases[i].result == 0) {
			assert_int_equal(id.job, cases[i].job);
			assert_int_equal(id.task, cases[i].task);
			assert_string_equal(text, cases[i].ranges);
		} else {
			assert_null(range);
			assert_non_null(strstr(error.text, "expected"));
		}
		free(text);
		free(range);
	}
}

static void test_check_good(void **state)
{
	_cleanup_spec_ struct mscg_spec *s = good_spec();

	(void)state;
	s->cpus_milli = 4000;
	s->min_cpus_milli = 1; /* means nothing unless elastic */
	assert_int_equal(mscg_spec_check(s, NULL), 0);
	assert_int_equal(s->min_cpus_milli, 4000);
	assert_int_equal(s->max_cpus_milli, 4000);
	assert_string_equal(s->name, "true");
	/* The daemon checks again what a client has checked. */
	assert_int_equal(mscg_spec_check(s, NULL), 0);
	assert_int_equal(s->max_cpus_milli, 4000);
}

static void test_check_elastic(void **state)
{
	_cleanup_spec_ struct mscg_spec *s = good_spec();

	(void)state;
	s->elastic = true;
	s->cpus_milli = 2000;
	assert_int_equal(mscg_spec_check(s, NULL), 0);
	assert_int_equal(s->min_cpus_milli, 2000);
	assert_int_equal(s->max_cpus_milli, 0);
	s->min_cpus_milli = 1000;
	s->max_cpus_milli = 8000;
	assert_int_equal(mscg_spec_check(s, NULL), 0);
	s->min_cpus_milli = 3000;
	refused(s, -EINVAL, "--min-cpus 3, --cpus 2, --max-cpus 8 are out of order");
	s->min_cpus_milli = 1000;
	s->max_cpus_milli = 1000;
	refused(s, -EINVAL, "--min-cpus 1, --cpus 2, --max-cpus 1 are out of order");
	s->min_cpus_milli = 3000;
	s->max_cpus_milli = 0;
	refused(s, -EINVAL, "--max-cpus (the machine's)");
}

static void test_check_cpus(void **state)
{
	_cleanup_spec_ struct mscg_spec *s = good_spec();

	(void)state;
	s->cpus_milli = 0;
	refused(s, -EINVAL, "--cpus 0");
	s->cpus_milli = 1500;
	refused(s, -EINVAL, "--cpus 1.5 is not a whole number of CPUs: use --cpu-mode=quota");
	s->cpu_mode = MSCG_CPUS_QUOTA;
	assert_int_equal(mscg_spec_check(s, NULL), 0);
	s->cpus_milli = 8192001;
	refused(s, -ERANGE, "--cpus 8192.001 is too large");
	s->cpus_milli = UINT32_MAX;
	refused(s, -ERANGE, "too large");
	s->cpus_milli = 8192000;
	assert_int_equal(mscg_spec_check(s, NULL), 0);
	s->cpus_milli = 1000;
	s->cpu_mode = (enum mscg_cpu_mode)7;
	refused(s, -EINVAL, "CPU mode 7");
	s->cpu_mode = MSCG_CPUS_EXCLUSIVE;
	s->elastic = true;
	s->max_cpus_milli = 2500;
	refused(s, -EINVAL, "--max-cpus 2.5 is not a whole number");
}

static void test_check_limits(void **state)
{
	_cleanup_spec_ struct mscg_spec *s = good_spec();

	(void)state;
	s->mem_bytes = 1 << 20;
	refused(s, -EINVAL, "--mem 1M is too small: a cgroup below 4M cannot start a program");
	s->mem_bytes = 4 << 20;
	assert_int_equal(mscg_spec_check(s, NULL), 0);
	s->mem_bytes = UINT64_MAX;
	refused(s, -ERANGE, "too large");
	s->mem_bytes = INT64_MAX;
	assert_int_equal(mscg_spec_check(s, NULL), 0);
	s->time_limit_s = UINT32_MAX;
	refused(s, -ERANGE, "time limit");
	s->time_limit_s = 10 * 365 * 86400;
	assert_int_equal(mscg_spec_check(s, NULL), 0);
	s->grace_s = 86401;
	refused(s, -ERANGE, "grace time");
	s->grace_s = 86400;
	s->umask = 01000;
	refused(s, -EINVAL, "umask");
	s->umask = 0777;
	assert_int_equal(mscg_spec_check(s, NULL), 0);
	s->pty = true;
	refused(s, -EINVAL, "not attached");
	s->attached = true;
	assert_int_equal(mscg_spec_check(s, NULL), 0);
	assert_int_equal(mscg_array_parse("1-2", s, NULL), 0);
	refused(s, -EINVAL, "array cannot be attached");
}

static void test_check_command(void **state)
{
	_cleanup_spec_ struct mscg_spec *s = mscg_spec_new();

	(void)state;
	refused(s, -EINVAL, "no command");
	s->argv = xcalloc(1, sizeof *s->argv);
	refused(s, -EINVAL, "no command");
	strv_add(&s->argv, "");
	refused(s, -EINVAL, "empty");
	strv_free(steal(&s->argv));
	strv_add(&s->argv, "echo a; echo b");
	s->shell = true;
	assert_int_equal(mscg_spec_check(s, NULL), 0);
	assert_string_equal(s->name, "echo");
	strv_add(&s->argv, "b");
	refused(s, -EINVAL, "a shell command of 2 words");
	s->script = xstrdup("echo\n");
	refused(s, -EINVAL, "both a shell command and a script");
	s->shell = false;
	refused(s, -EINVAL, "the script begins with 'echo?'");
	free(s->script);
	s->script = xstrdup("#!/bin/sh\n");
	assert_int_equal(mscg_spec_check(s, NULL), 0);
	strv_add(&s->env, "A=1");
	strv_add(&s->env, "B=");
	assert_int_equal(mscg_spec_check(s, NULL), 0);
	strv_add(&s->env, "=1");
	refused(s, -EINVAL, "'=1'");
	env_set(&s->env, "", NULL);
	assert_int_equal(mscg_spec_check(s, NULL), 0);
	strv_add(&s->env, "C");
	refused(s, -EINVAL, "'C'");
}

static char *filled(size_t n, const char *start)
{
	char *text = xmalloc(n + 1);

	memset(text, 'x', n);
	memcpy(text, start, strlen(start));
	text[n] = '\0';
	return text;
}

static void test_check_sizes(void **state)
{
	_cleanup_spec_ struct mscg_spec *s = good_spec();
	_cleanup_free_ char *most = filled(128 * 1024 - 1, ""), *more = filled(128 * 1024, "");
	size_t used = strlen("/usr/bin/true") + 1;

	(void)state;
	strv_add(&s->argv, most);
	assert_int_equal(mscg_spec_check(s, NULL), 0);
	strv_add(&s->argv, more);
	refused(s, -E2BIG, "argument 2 ('xxx");
	free(s->argv[2]);
	s->argv[2] = NULL;
	used += strlen(most) + 1;
	s->script = filled(900 * 1024 - used, "#!");
	assert_int_equal(mscg_spec_check(s, NULL), 0);
	strv_add(&s->env, "A=");
	refused(s, -E2BIG, "expected 921600 at most");
}

static void test_check_texts(void **state)
{
	static const struct {
		const char *name, *words;
	} bad[] = {
		{"", "job name is empty"}, {"a\nb", "job name 'a?b' has a control character at byte 1"}, {"\x7f", "control"},
		{"a\xff", "not UTF-8"}, {"\xc2\x9b", "control"},
	};
	static const char *const good[] = {"a", "a/b", "a b", "\xc3\xa9t\xc3\xa9", "..", "%j"};
	_cleanup_spec_ struct mscg_spec *s = good_spec();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		free(s->name);
		s->name = xstrdup(bad[i].name);
		refused(s, -EINVAL, bad[i].words);
	}
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		free(s->name);
		s->name = xstrdup(good[i]);
		assert_int_equal(mscg_spec_check(s, NULL), 0);
	}
	free(s->name);
	s->name = filled(201, "");
	refused(s, -EINVAL, "has 201 bytes: expected 200 at most");
	s->name[200] = '\0';
	assert_int_equal(mscg_spec_check(s, NULL), 0);
	s->comment = xstrdup("a\tb");
	refused(s, -EINVAL, "comment");
	s->comment[1] = ' ';
	free(s->workdir);
	s->workdir = xstrdup("tmp");
	refused(s, -EINVAL, "working directory 'tmp' is relative");
	free(s->workdir);
	s->workdir = filled(4096, "/");
	refused(s, -ENAMETOOLONG, "working directory");
	free(s->workdir);
	s->workdir = NULL;
	s->home = xstrdup("/home/ada");
	assert_int_equal(mscg_spec_check(s, NULL), 0);
	assert_string_equal(s->workdir, "/home/ada");
	s->stdout_path = xstrdup("");
	refused(s, -EINVAL, "output file is empty");
}

static void test_check_submit_line(void **state)
{
	_cleanup_spec_ struct mscg_spec *s = good_spec();

	(void)state;
	s->submit_line = filled(10000, "");
	/* A character that lies over the cut. */
	memcpy(s->submit_line + 4091, "\xc3\xa9", 2);
	assert_int_equal(mscg_spec_check(s, NULL), 0);
	assert_int_equal(strlen(s->submit_line), 4091 + 3);
	assert_string_equal(s->submit_line + 4090, "x...");
}

static void test_check_array(void **state)
{
	_cleanup_spec_ struct mscg_spec *s = good_spec();

	(void)state;
	s->array_throttle = 2;
	refused(s, -EINVAL, "without an array");
	s->array = xcalloc(2, sizeof *s->array);
	refused(s, -EINVAL, "the array is empty");
	s->array_n = 2;
	refused(s, -EINVAL, "invalid array range 0-0:0");
	s->array[0] = (struct mscg_range){1, 5, 1};
	s->array[1] = (struct mscg_range){5, 9, 1};
	refused(s, -EINVAL, "invalid array range 5-9:1: expected sorted");
	s->array[1].first = 6;
	assert_int_equal(mscg_spec_check(s, NULL), 0);
	s->array[1].last = 4000000001u;
	refused(s, -ERANGE, "array index 4000000001");
	s->array[1].last = 4000000000u;
	refused(s, -ERANGE, "an array of 4000000000 tasks");
	s->array[1].step = 500;
	assert_int_equal(mscg_spec_check(s, NULL), 0);
	s->array[0] = (struct mscg_range){5, 1, 1};
	refused(s, -EINVAL, "invalid array range 5-1:1");
}

static void test_owned(void **state)
{
	struct mscg_grant *g = mscg_grant_new(2), *copy;
	struct mscg_run *run = xcalloc(1, sizeof *run), *run2;
	struct mscg_row row = {0};
	struct mscg_event event = {.cpus = xstrdup("0-1"), .text = xstrdup("x"), .seq = 4};
	struct mscg_action action = {.grant = mscg_grant_new(1), .after = xcalloc(2, sizeof(uint64_t)), .after_n = 2};
	struct mscg_report report = {.grant = mscg_grant_new(0), .pid = 3};
	struct mscg_usage usage;

	(void)state;
	g->cpu_mode = MSCG_CPUS_QUOTA;
	g->share[1].node = xstrdup("n1");
	g->share[1].gres = xstrdup("gpu:0");
	mscg_cpuset_add_range(&g->share[1].cpus, 3, 9);
	g->share[1].mem_bytes = 99;
	copy = mscg_grant_copy(g);
	assert_int_equal(copy->n, 2);
	assert_int_equal(copy->cpu_mode, MSCG_CPUS_QUOTA);
	assert_null(copy->share[0].node);
	assert_string_equal(copy->share[1].node, "n1");
	assert_ptr_not_equal(copy->share[1].node, g->share[1].node);
	assert_string_equal(copy->share[1].gres, "gpu:0");
	assert_true(mscg_cpuset_equal(&copy->share[1].cpus, &g->share[1].cpus));
	assert_true(copy->share[1].mem_bytes == 99);
	mscg_grant_free(g);

	run->grant = copy;
	run->slot = 5;
	run2 = mscg_run_copy(run);
	assert_int_equal(run2->slot, 5);
	assert_ptr_not_equal(run2->grant, copy);
	assert_string_equal(run2->grant->share[1].node, "n1");
	mscg_run_free(run);
	row.job.run = run2;
	row.pending = xstrdup("1-5");
	mscg_row_clear(&row);
	assert_null(row.job.run);
	assert_null(row.pending);
	mscg_row_clear(&row);

	mscg_event_clear(&event);
	assert_null(event.cpus);
	assert_true(event.seq == 0);
	mscg_action_clear(&action);
	assert_null(action.grant);
	assert_null(action.after);
	mscg_report_clear(&report);
	assert_null(report.grant);

	mscg_usage_init(&usage);
	assert_true(usage.cpu_usec == MSCG_UNKNOWN && usage.io_write_bytes == MSCG_UNKNOWN);
	assert_true(usage.cpu_held_usec == 0);

	assert_null(mscg_grant_copy(NULL));
	assert_null(mscg_run_copy(NULL));
	mscg_grant_free(NULL);
	mscg_run_free(NULL);
}

/* Jobs that are submitted together are named by their place until they have ids. */
static void test_listed_dependencies(void **state)
{
	static const struct {
		const char *asked, *named;
	} cases[] = {
		{"afterok:#0", "afterok:7"},
		{"afterok:#0:#12,afterany:3", "afterok:7,afterok:19,afterany:3"},
		{"after:#1+5?afternotok:#2_4", "after:8+5?afternotok:9_4"},
		{"afterany:3,singleton", "afterany:3,singleton"},
		{"singleton,afterok:#3", "singleton,afterok:10"},
	};
	char *none = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *text = xstrdup(cases[i].asked);
		struct depends d;

		assert_int_equal(mscg_depends_parse(text, &d, NULL), 0);
		free(text);
		text = mscg_depends_format(&d);
		mscg_depends_clear(&d);
		mscg_depends_name(&text, 7);
		assert_string_equal(text, cases[i].named);
		mscg_depends_name(&text, 100); /* nothing is left to name */
		assert_string_equal(text, cases[i].named);
		free(text);
	}
	mscg_depends_name(&none, 1);
	assert_null(none);
}

static void test_ready_tasks(void **state)
{
	static const struct {
		const char *do_; uint32_t index;
		const char *text;
	} steps[] = {
		{"add", 5, "5"}, {"add", 5, "5"}, {"add", 3, "3,5"}, {"add", 4, "3-5"}, {"add", 0, "0,3-5"}, {"add", 6, "0,3-6"}, {"add", 2, "0,2-6"},
		{"add", 9, "0,2-6,9"}, {"take", 7, "0,2-6,9"}, {"take", 4, "0,2-3,5-6,9"}, {"take", 2, "0,3,5-6,9"}, {"take", 6, "0,3,5,9"},
		{"take", 9, "0,3,5"}, {"take", 0, "3,5"}, {"take", 3, "5"}, {"add", 1048575, "5,1048575"}, {"take", 5, "1048575"},
		{"add", 2, "2,1048575"}, {"add", 4, "2,4,1048575"}, {"add", 6, "2,4,6,1048575"}, {"add", 8, "2,4,6,8,1048575"}, {"add", 5, "2,4-6,8,1048575"},
		{"take", 5, "2,4,6,8,1048575"}, {"take", 4, "2,6,8,1048575"}, {"take", 2, "6,8,1048575"}, {"take", 8, "6,1048575"}, {"take", 6, "1048575"},
	};
	static const char *const wrong[] = {"aftercorr:12(ready )", "aftercorr:12(ready 0-4:2)x", "aftercorr:12(ready 1", "afterok:12(ready 1)",
		                            "aftercorr:12_3(ready 1)", "aftercorr:12(ready 3,1x)"};
	struct depends d;

	(void)state;
	assert_int_equal(mscg_depends_parse("afterany:1,aftercorr:12", &d, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		_cleanup_free_ char *want = xasprintf("afterany:1,aftercorr:12(ready %s)", steps[i].text), *got = NULL;

		(*steps[i].do_ == 'a' ? mscg_depend_add_ready : mscg_depend_take_ready)(&d.on[1], steps[i].index);
		got = mscg_depends_format(&d);
		assert_string_equal(got, want);
		assert_int_equal(d.on[1].ready_count, mscg_ranges_count(d.on[1].ready, d.on[1].ready_n));
		mscg_depends_clear(&d);
		assert_int_equal(mscg_depends_parse(got, &d, NULL), 0);
	}
	mscg_depend_take_ready(&d.on[1], 1048575);
	assert_int_equal(d.on[1].ready_count, 0);
	mscg_depends_clear(&d);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(mscg_depends_parse(wrong[i], &d, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_listed_dependencies),
		cmocka_unit_test(test_ready_tasks),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_table_edges),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_array_good),
		cmocka_unit_test(test_array_bad),
		cmocka_unit_test(test_array_model),
		cmocka_unit_test(test_ranges_empty),
		cmocka_unit_test(test_tasks),
		cmocka_unit_test(test_check_good),
		cmocka_unit_test(test_check_elastic),
		cmocka_unit_test(test_check_cpus),
		cmocka_unit_test(test_check_limits),
		cmocka_unit_test(test_check_command),
		cmocka_unit_test(test_check_sizes),
		cmocka_unit_test(test_check_texts),
		cmocka_unit_test(test_check_submit_line),
		cmocka_unit_test(test_check_array),
		cmocka_unit_test(test_owned),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("spec", tests, NULL, NULL);
}
