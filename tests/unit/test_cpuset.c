/* CPU sets: text form and set algebra, against the obvious slow model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/base/base.h"

#include <mscg/cpuset.h>

/* xorshift: the same sets on every run. */
static uint64_t seed = 88172645463325252u;

static uint64_t random_u64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

struct model {
	bool has[MSCG_CPUS_MAX];
};

/* Sparse, dense and made of runs, by turns; also the ends of the range. */
static void random_pair(struct mscg_cpuset *set, struct model *model)
{
	unsigned shape = (unsigned)(random_u64() % 4), top = (unsigned)(1 + random_u64() % MSCG_CPUS_MAX);

	mscg_cpuset_zero(set);
	memset(model, 0, sizeof *model);
	for (unsigned c = 0; c < top; c++) {
		bool in = false;

		switch (shape) {
		case 0: in = random_u64() % 64 == 0; break;
		case 1: in = random_u64() % 64 != 0; break;
		case 2: in = c / (1 + top / 7) % 2; break;
		case 3: in = random_u64() % 2; break;
		}
		if (in) {
			mscg_cpuset_add(set, c);
			model->has[c] = true;
		}
	}
	if (random_u64() % 4 == 0) {
		mscg_cpuset_add(set, MSCG_CPUS_MAX - 1);
		model->has[MSCG_CPUS_MAX - 1] = true;
	}
}

static void assert_same(const struct mscg_cpuset *set, const struct model *model)
{
	unsigned n = 0, at = 0;

	for (unsigned c = 0; c < MSCG_CPUS_MAX; c++) {
		assert_int_equal(mscg_cpuset_has(set, c), model->has[c]);
		if (!model->has[c])
			continue;
		n++;
		at = mscg_cpuset_next(set, at);
		assert_int_equal(at, c);
		at++;
	}
	assert_int_equal(mscg_cpuset_next(set, at), MSCG_CPUS_MAX);
	assert_int_equal(mscg_cpuset_count(set), n);
	assert_int_equal(mscg_cpuset_empty(set), n == 0);
}

/* The list form, made one CPU at a time. */
static char *naive_format(const struct model *m)
{
	char *text = xstrdup("");

	for (unsigned c = 0; c < MSCG_CPUS_MAX; c++) {
		unsigned end = c;
		char *longer;

		if (!m->has[c])
			continue;
		while (end + 1 < MSCG_CPUS_MAX && m->has[end + 1])
			end++;
		if (end > c)
			longer = xasprintf("%s%s%u-%u", text, *text ? "," : "", c, end);
		else
			longer = xasprintf("%s%s%u", text, *text ? "," : "", c);
		free(text);
		text = longer;
		c = end;
	}
	return text;
}

static void test_text_round_trip(void **state)
{
	static struct model m;
	static char text[64 * 1024];

	(void)state;
	for (int i = 0; i < 120; i++) {
		_cleanup_free_ char *want = NULL;
		struct mscg_cpuset a, b;
		size_t n;

		random_pair(&a, &m);
		assert_same(&a, &m);
		n = mscg_cpuset_format(&a, text, sizeof text);
		assert_int_equal(n, strlen(text));
		want = naive_format(&m);
		assert_string_equal(text, want);
		mscg_cpuset_zero(&b);
		assert_int_equal(mscg_cpuset_parse(text, &b, NULL), 0);
		assert_true(mscg_cpuset_equal(&a, &b));
	}
}

static void test_algebra(void **state)
{
	static struct model ma, mb, mr;

	(void)state;
	for (int i = 0; i < 120; i++) {
		struct mscg_cpuset a, b, r;
		bool subset = true, meets = false;

		random_pair(&a, &ma);
		random_pair(&b, &mb);
		if (i % 5 == 0) {
			mscg_cpuset_and(&b, &a);
			for (unsigned c = 0; c < MSCG_CPUS_MAX; c++)
				mb.has[c] = mb.has[c] && ma.has[c];
		}
		for (unsigned c = 0; c < MSCG_CPUS_MAX; c++) {
			subset = subset && (!mb.has[c] || ma.has[c]);
			meets = meets || (mb.has[c] && ma.has[c]);
		}
		assert_int_equal(mscg_cpuset_subset(&b, &a), subset);
		assert_int_equal(mscg_cpuset_intersects(&a, &b), meets);

		r = a;
		mscg_cpuset_or(&r, &b);
		for (unsigned c = 0; c < MSCG_CPUS_MAX; c++)
			mr.has[c] = ma.has[c] || mb.has[c];
		assert_same(&r, &mr);
		r = a;
		mscg_cpuset_and(&r, &b);
		for (unsigned c = 0; c < MSCG_CPUS_MAX; c++)
			mr.has[c] = ma.has[c] && mb.has[c];
		assert_same(&r, &mr);
		r = a;
		mscg_cpuset_subtract(&r, &b);
		for (unsigned c = 0; c < MSCG_CPUS_MAX; c++)
			mr.has[c] = ma.has[c] && !mb.has[c];
		assert_same(&r, &mr);
	}
}

static void test_add_range(void **state)
{
	static struct model m;

	(void)state;
	for (int i = 0; i < 300; i++) {
		struct mscg_cpuset set = {0};
		unsigned first = (unsigned)(random_u64() % (MSCG_CPUS_MAX + 70));
		unsigned last = i % 3 ? first + (unsigned)(random_u64() % 130) : (unsigned)(random_u64() % MSCG_CPUS_MAX);

		for (unsigned c = 0; c < MSCG_CPUS_MAX; c++)
			m.has[c] = c >= first && c <= last;
		mscg_cpuset_add_range(&set, first, last);
		assert_same(&set, &m);
	}
}

static void test_out_of_range_is_ignored(void **state)
{
	struct mscg_cpuset set = {0};

	(void)state;
	mscg_cpuset_add(&set, MSCG_CPUS_MAX);
	mscg_cpuset_add(&set, UINT32_MAX);
	assert_true(mscg_cpuset_empty(&set));
	mscg_cpuset_add(&set, 3);
	mscg_cpuset_remove(&set, MSCG_CPUS_MAX + 3);
	assert_true(mscg_cpuset_has(&set, 3));
	assert_false(mscg_cpuset_has(&set, MSCG_CPUS_MAX + 3));
	assert_int_equal(mscg_cpuset_next(&set, UINT32_MAX), MSCG_CPUS_MAX);
	mscg_cpuset_remove(&set, 3);
	assert_true(mscg_cpuset_empty(&set));
}

static void test_parse_good(void **state)
{
	static const struct {
		const char *text, *canonical;
	} cases[] = {
		{"", ""}, {"\n", ""}, {"  ", ""}, {" \t\n", ""}, {"0", "0"}, {"0\n", "0"}, {"0-3,8,10-11\n", "0-3,8,10-11"},
		{"8191", "8191"}, {"0-8191", "0-8191"}, {"5-5", "5"}, {"1,0", "0-1"}, {"0-4,2-9", "0-9"}, {"3,3,3", "3"},
		{"1, 2", "1-2"}, {" 1 , 2 \n", "1-2"}, {"007", "7"}, {"63,64", "63-64"}, {"0-63,65-127", "0-63,65-127"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mscg_cpuset set;
		char text[64];

		memset(&set, 0x55, sizeof set);
		assert_int_equal(mscg_cpuset_parse(cases[i].text, &set, NULL), 0);
		mscg_cpuset_format(&set, text, sizeof text);
		assert_string_equal(text, cases[i].canonical);
	}
}

static void test_parse_bad(void **state)
{
	static const struct {
		const char *text;
		int code;
	} cases[] = {
		{"3-1", -EINVAL}, {"1,,2", -EINVAL}, {"a", -EINVAL}, {"-1", -EINVAL}, {"1-", -EINVAL}, {" 1 - 2", -EINVAL},
		{"1,", -EINVAL}, {",1", -EINVAL}, {",", -EINVAL}, {"1-2-3", -EINVAL}, {"1 2", -EINVAL}, {"+1", -EINVAL},
		{"0x1", -EINVAL}, {"1\n\n", -EINVAL}, {"1\n2", -EINVAL}, {"1;", -EINVAL}, {"1-3:2", -EINVAL}, {"all", -EINVAL},
		{"1.5", -EINVAL}, {"\n1", -EINVAL}, {"1\r\n", -EINVAL},
		{"8192", -ERANGE}, {"0-8192", -ERANGE}, {"8192-8193", -ERANGE}, {"4294967296", -ERANGE},
		{"18446744073709551616", -ERANGE}, {"99999999999999999999999999999999", -ERANGE}, {"1,2,8192", -ERANGE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mscg_cpuset set, before;
		struct mscg_error e = {0};

		memset(&set, 0xa5, sizeof set);
		before = set;
		assert_int_equal(mscg_cpuset_parse(cases[i].text, &set, &e), cases[i].code);
		assert_int_equal(e.code, cases[i].code);
		assert_non_null(strstr(e.text, "CPU list"));
		assert_true(mscg_cpuset_equal(&set, &before));
		assert_int_equal(mscg_cpuset_parse(cases[i].text, &set, NULL), cases[i].code);
	}
}

static void test_longest_text(void **state)
{
	static char text[64 * 1024], again[64 * 1024];
	struct mscg_cpuset set = {0}, back;
	size_t want = 0, n;

	(void)state;
	for (unsigned c = 0; c < MSCG_CPUS_MAX; c += 2) {
		mscg_cpuset_add(&set, c);
		want += (size_t)snprintf(NULL, 0, "%u,", c);
	}
	n = mscg_cpuset_format(&set, text, sizeof text);
	assert_int_equal(n, want - 1);
	assert_int_equal(strlen(text), n);
	assert_int_equal(mscg_cpuset_parse(text, &back, NULL), 0);
	assert_true(mscg_cpuset_equal(&set, &back));
	assert_int_equal(mscg_cpuset_format(&set, NULL, 0), n);

	/* Exactly enough, and one byte less. */
	memset(again, 'x', sizeof again);
	assert_int_equal(mscg_cpuset_format(&set, again, n + 1), n);
	assert_string_equal(again, text);
	assert_int_equal(again[n + 1], 'x');
	memset(again, 'x', sizeof again);
	assert_int_equal(mscg_cpuset_format(&set, again, n), n);
	assert_int_equal(strlen(again), n - 1);
	assert_memory_equal(again, text, n - 1);
	assert_int_equal(again[n], 'x');
}

static void test_truncated_output(void **state)
{
	struct mscg_cpuset set = {0};
	char text[16];

	(void)state;
	mscg_cpuset_add_range(&set, 0, 3);
	mscg_cpuset_add(&set, 8);
	for (size_t size = 0; size <= 8; size++) {
		memset(text, 'x', sizeof text);
		assert_int_equal(mscg_cpuset_format(&set, text, size), strlen("0-3,8"));
		if (size == 0) {
			assert_int_equal(text[0], 'x');
			continue;
		}
		assert_int_equal(strlen(text), MIN_OF(size - 1, strlen("0-3,8")));
		assert_memory_equal(text, "0-3,8", strlen(text));
		assert_int_equal(text[size], 'x');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_round_trip),
		cmocka_unit_test(test_algebra),
		cmocka_unit_test(test_add_range),
		cmocka_unit_test(test_out_of_range_is_ignored),
		cmocka_unit_test(test_parse_good),
		cmocka_unit_test(test_parse_bad),
		cmocka_unit_test(test_longest_text),
		cmocka_unit_test(test_truncated_output),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("cpuset", tests, NULL, NULL);
}
