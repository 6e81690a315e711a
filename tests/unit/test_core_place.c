/* Which CPUs a job gets, on machines of several shapes. */
#include "tests/unit/core_support.h"

#include <time.h>

#include "src/core/place.h"

static struct test_machine machine;

static void open_place(struct place *p, unsigned packages, unsigned nodes, unsigned caches, unsigned cores, unsigned threads)
{
	build_machine(&machine, packages, nodes, caches, cores, threads);
	place_init(p, &machine.m);
}

static struct mscg_cpuset pick(struct place *p, uint32_t n)
{
	struct mscg_cpuset set = {0};

	assert_int_equal(place_pick(p, n, &set), 0);
	assert_int_equal(mscg_cpuset_count(&set), n);
	return set;
}

static void take(struct place *p, const char *cpus)
{
	struct mscg_cpuset set = set_of(cpus);

	place_take(p, &set);
}

static void grow(struct place *p, struct mscg_cpuset *set, uint32_t by)
{
	uint32_t had = mscg_cpuset_count(set);
	struct mscg_cpuset before = *set;

	assert_int_equal(place_pick(p, by, set), 0);
	assert_int_equal(mscg_cpuset_count(set), had + by);
	assert_true(mscg_cpuset_subset(&before, set)); /* keeps what it has */
}

#define assert_pick(p, n, expected)                 \
	do {                                        \
		struct mscg_cpuset _s = pick((p), (n)); \
		assert_set(&_s, (expected));        \
	} while (0)

#define assert_shed(p, has, n, expected)                             \
	do {                                                         \
		struct mscg_cpuset _h = set_of(has), _out;           \
		place_shed((p), &_h, (n), &_out);                    \
		assert_set(&_out, (expected));                       \
	} while (0)

/* One socket, four cores, no SMT. */
static void test_plain(void **state)
{
	struct place p;
	struct mscg_cpuset set = {0};

	(void)state;
	open_place(&p, 1, 1, 1, 4, 1);
	assert_int_equal(p.nfree, 4);
	assert_pick(&p, 1, "0");
	assert_pick(&p, 2, "1-2");
	assert_int_equal(place_pick(&p, 2, &set), -ENOSPC);
	assert_true(mscg_cpuset_empty(&set));
	assert_int_equal(p.nfree, 1);
	assert_pick(&p, 1, "3");
	set = set_of("1-2");
	place_give(&p, &set);
	place_give(&p, &set); /* what is free stays free */
	assert_int_equal(p.nfree, 2);
	assert_pick(&p, 2, "1-2");
	place_clear(&p);
}

/* Two cores of two threads: CPUs 0 and 2 are one core, 1 and 3 the other. */
static void test_whole_cores_first(void **state)
{
	struct place p;

	(void)state;
	open_place(&p, 1, 1, 1, 2, 2);
	assert_pick(&p, 2, "0,2");
	assert_pick(&p, 2, "1,3");
	place_clear(&p);

	/* A single one goes to a broken core if there is one. */
	open_place(&p, 1, 1, 1, 2, 2);
	take(&p, "3");
	assert_pick(&p, 1, "1");
	assert_pick(&p, 1, "0");
	assert_pick(&p, 1, "2");
	place_clear(&p);

	/* The odd rest of three too, and the whole core is taken whole. */
	open_place(&p, 1, 1, 1, 4, 2);
	take(&p, "7");
	assert_pick(&p, 3, "0,3-4");
	place_clear(&p);

	/* No whole core is left: hyperthreads it is. */
	open_place(&p, 1, 1, 1, 2, 2);
	take(&p, "2-3");
	assert_pick(&p, 2, "0-1");
	place_clear(&p);
}

/* Two nodes of four cores with SMT: node 0 has 0-3 and 8-11, node 1 has 4-7 and 12-15. */
static void test_one_node_before_two(void **state)
{
	struct place p;

	(void)state;
	open_place(&p, 1, 2, 1, 4, 2);
	take(&p, "0,8"); /* six left here, eight there */
	assert_pick(&p, 6, "1-3,9-11"); /* the tightest that is enough */
	assert_pick(&p, 8, "4-7,12-15");
	place_clear(&p);

	open_place(&p, 1, 2, 1, 4, 2);
	take(&p, "0,8");
	assert_pick(&p, 7, "4-7,12-14"); /* does not fit in six */
	place_clear(&p);

	/* One node with single hyperthreads before two with whole cores. */
	open_place(&p, 1, 2, 1, 4, 2);
	take(&p, "0-3,5-7,12-15"); /* left: 8-11 as singles, 4 */
	assert_pick(&p, 4, "8-11");
	place_clear(&p);

	/* Equal nodes: the one where whole cores are. */
	open_place(&p, 1, 2, 1, 4, 2);
	take(&p, "0-1,8,10"); /* node 0: 9 and 2 single, 3 and 11 whole */
	take(&p, "4,12,5,13");  /* node 1: two whole cores */
	assert_pick(&p, 4, "6-7,14-15");
	place_clear(&p);

	/* Nobody has enough: all of the larger one, the rest from the other. */
	open_place(&p, 1, 2, 1, 4, 2);
	take(&p, "0-1,8-9");
	assert_pick(&p, 10, "2,4-7,10,12-15");
	place_clear(&p);
}

/* Two packages of two nodes of four cores: a job of six stays in one package. */
static void test_one_package_before_two(void **state)
{
	struct place p;
	struct mscg_cpuset mems, set;

	(void)state;
	open_place(&p, 2, 2, 1, 4, 1);
	take(&p, "0-2");
	set = pick(&p, 6);
	assert_set(&set, "8-13");
	place_mems(&p, &set, &mems);
	assert_set(&mems, "2-3");
	place_clear(&p);
}

/* One node, four caches of four cores. */
static void test_one_cache_before_two(void **state)
{
	struct place p;

	(void)state;
	open_place(&p, 1, 1, 4, 4, 1);
	take(&p, "0,4-5");
	assert_pick(&p, 2, "6-7"); /* the tightest cache that is enough */
	assert_pick(&p, 4, "8-11");
	assert_pick(&p, 3, "1-3");
	place_clear(&p);
}

static void test_grow(void **state)
{
	struct place p;
	struct mscg_cpuset set;

	(void)state;
	/* The other half of its own core first. */
	open_place(&p, 1, 2, 2, 2, 2); /* node 0: cores 0-3, node 1: cores 4-7; threads + 8 */
	set = pick(&p, 1);
	assert_set(&set, "0");
	grow(&p, &set, 1);
	assert_set(&set, "0,8");
	/* Then its cache, then its node, then the other. */
	grow(&p, &set, 2);
	assert_set(&set, "0-1,8-9");
	grow(&p, &set, 4);
	assert_set(&set, "0-3,8-11");
	grow(&p, &set, 3);
	assert_set(&set, "0-5,8-12");
	place_clear(&p);
}

static void test_grow_around_others(void **state)
{
	struct place p;
	struct mscg_cpuset set;

	(void)state;
	open_place(&p, 1, 2, 1, 4, 1);
	set = set_of("1");
	take(&p, "1");
	take(&p, "0,2");
	grow(&p, &set, 2);
	assert_set(&set, "1,3-4");
	place_clear(&p);
}

static void test_shed(void **state)
{
	struct place p;

	(void)state;
	open_place(&p, 1, 2, 1, 4, 2); /* node 0: 0-3,8-11; node 1: 4-7,12-15 */
	assert_shed(&p, "0-3,8-11", 2, "3,11");        /* a whole core */
	assert_shed(&p, "0-3,8-11", 4, "2-3,10-11");
	assert_shed(&p, "0-3,8-11", 1, "11");          /* one must break */
	assert_shed(&p, "0-3,8-10", 1, "3");           /* the odd one */
	assert_shed(&p, "0-3,8-10", 2, "2,10");        /* a whole core rather than breaking another */
	assert_shed(&p, "0-3,8-10", 3, "2-3,10");
	assert_shed(&p, "0-3,8-9", 2, "2-3");          /* both halves: whole cores stay */
	assert_shed(&p, "0-4,8-12", 2, "4,12");        /* the far node is left */
	assert_shed(&p, "0-4,8-12", 3, "4,11-12");
	assert_shed(&p, "0,4-7,8,12-15", 4, "0,7-8,15");
	place_clear(&p);

	open_place(&p, 2, 1, 1, 2, 1); /* two packages of two */
	assert_shed(&p, "0-3", 2, "2-3");
	assert_shed(&p, "1-3", 1, "1");
	place_clear(&p);

	open_place(&p, 1, 1, 3, 2, 1); /* three caches of two */
	assert_shed(&p, "0-2,4-5", 1, "2"); /* the cache with least */
	assert_shed(&p, "0-5", 2, "4-5");
	place_clear(&p);
}

/* What is set aside for sharing is nobody's own. */
static void test_shared_is_left_out(void **state)
{
	struct place p;

	(void)state;
	build_machine(&machine, 1, 1, 1, 4, 1);
	mscg_cpuset_add_range(&machine.m.shared, 0, 1);
	place_init(&p, &machine.m);
	assert_int_equal(p.nfree, 2);
	assert_false(place_has(&p, 1));
	take(&p, "0-1");
	assert_int_equal(p.nfree, 2);
	assert_pick(&p, 2, "2-3");
	place_clear(&p);
}

/* Cores of one thread beside cores of two, as in many laptops: 0-3 are two cores of two, 4-7 four of one. */
static void test_mixed_cores(void **state)
{
	struct place p;

	(void)state;
	build_machine(&machine, 1, 1, 1, 8, 1);
	for (unsigned i = 0; i < 4; i++)
		machine.cpu[i].core = (uint16_t)(i / 2);
	place_init(&p, &machine.m);
	assert_int_equal(p.smt, 2);
	assert_pick(&p, 1, "4"); /* breaks nothing */
	assert_pick(&p, 3, "0-1,5");
	assert_pick(&p, 4, "2-3,6-7");
	place_clear(&p);
}

static void test_nothing_to_give(void **state)
{
	struct place p;
	struct mscg_cpuset set = {0};

	(void)state;
	build_machine(&machine, 1, 1, 1, 2, 1);
	mscg_cpuset_add_range(&machine.m.shared, 0, 1);
	place_init(&p, &machine.m);
	assert_int_equal(place_pick(&p, 1, &set), -ENOSPC);
	assert_int_equal(place_pick(&p, 0, &set), 0);
	place_clear(&p);
}

/* Any sequence of picks and sheds keeps the counts right, and the same sequence gives the same sets. */
static uint64_t churn(struct place *p, uint64_t seed)
{
	struct mscg_cpuset job[12] = {{{0}}};
	uint64_t hash = 0;

	for (int i = 0; i < 3000; i++) {
		struct mscg_cpuset *set, out;
		uint32_t n;

		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
		set = &job[seed >> 60 & 7];
		n = (uint32_t)(seed >> 40) % 9;
		if (seed >> 35 & 1) {
			uint32_t had = mscg_cpuset_count(set);

			if (place_pick(p, n, set) == 0)
				assert_int_equal(mscg_cpuset_count(set), had + n);
		} else if (mscg_cpuset_count(set) > n) {
			place_shed(p, set, n, &out);
			assert_int_equal(mscg_cpuset_count(&out), n);
			assert_true(mscg_cpuset_subset(&out, set));
			mscg_cpuset_subtract(set, &out);
			place_give(p, &out);
		}
		for (unsigned c = mscg_cpuset_next(set, 0); c < MSCG_CPUS_MAX; c = mscg_cpuset_next(set, c + 1))
			hash = hash * 31 + c;
	}
	for (int i = 0; i < 12; i++) {
		for (int j = 0; j < i; j++)
			assert_false(mscg_cpuset_intersects(&job[i], &job[j]));
		place_give(p, &job[i]);
	}
	return hash;
}

static void test_churn(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 24; i++) {
		struct place p, q;

		open_place(&p, 1 + i % 2, 1 + i / 2 % 2, 1 + i / 4 % 2, 3, 1 + i % 3);
		place_init(&q, &machine.m);
		assert_int_equal(churn(&p, i), churn(&q, i));
		assert_int_equal(p.nfree, machine.m.ncpus);
		for (uint32_t c = 0; c < p.ncaches; c++)
			assert_int_equal(p.cache[c].whole, p.cache[c].free);
		for (uint32_t c = 0; c < p.ncaches; c++)
			assert_int_equal(p.near_cache[c], 0);
		for (uint32_t g = 0; g < p.ngroups; g++) {
			assert_int_equal(p.group[g].near, 0);
			assert_int_equal(p.group[g].whole, p.group[g].n ? p.group[g].free : 0);
		}
		place_clear(&p);
		place_clear(&q);
	}
}

/* The largest machine there can be: 8 packages of 4 nodes of 16 caches of 8 cores of 2 threads. */
static void test_large_machine(void **state)
{
	struct place p;
	struct mscg_cpuset all, one;
	clock_t begin;
	double each;

	(void)state;
	open_place(&p, 8, 4, 16, 8, 2);
	assert_int_equal(p.nfree, MSCG_CPUS_MAX);
	all = pick(&p, MSCG_CPUS_MAX);
	place_shed(&p, &all, MSCG_CPUS_MAX / 2, &one);
	assert_int_equal(mscg_cpuset_count(&one), MSCG_CPUS_MAX / 2);
	place_give(&p, &all);
	begin = clock();
	for (int i = 0; i < 2000; i++) {
		one = pick(&p, 1 + (uint32_t)i % 8);
		place_give(&p, &one);
	}
	each = (double)(clock() - begin) / CLOCKS_PER_SEC / 2000 * 1e6;
	print_message("# %.1f us for a pick of 1 to 8 CPUs of %u\n", each, MSCG_CPUS_MAX);
	assert_true(each < 2000); /* far off what it is: only a walk over everything gets there */
	place_clear(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_whole_cores_first),
		cmocka_unit_test(test_one_node_before_two),
		cmocka_unit_test(test_one_package_before_two),
		cmocka_unit_test(test_one_cache_before_two),
		cmocka_unit_test(test_grow),
		cmocka_unit_test(test_grow_around_others),
		cmocka_unit_test(test_shed),
		cmocka_unit_test(test_shared_is_left_out),
		cmocka_unit_test(test_mixed_cores),
		cmocka_unit_test(test_nothing_to_give),
		cmocka_unit_test(test_churn),
		cmocka_unit_test(test_large_machine),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("core_place", tests, NULL, NULL);
}
