/* Who makes room, against all the choices that there are: over random sets of eight at most.
 *
 * timeout: 300 */
#include "src/core/preempt.h"
#include "tests/unit/core_support.h"

enum { MOST = 8, ROUNDS = 40000 };

static uint64_t rng = 88172645463325252u;

static uint32_t below(uint32_t n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (uint32_t)(rng >> 20) % n;
}

static struct preempt_victim random_victim(uint32_t i)
{
	struct preempt_victim v = {.priority = (int32_t)below(3) * 10, .started = below(4), .id = {1 + i, MSCG_NO_TASK}, .unit = 1000};

	v.mode = (enum core_preempt)below(CORE_PREEMPT_OFF);
	v.shrink = below(2) ? 1000 * below(4) : 0;
	if (v.mode != CORE_PREEMPT_SHRINK)
		v.cpus = v.shrink + 1000 * below(5); /* all of it: never less than it could shrink by */
	if (v.mode == CORE_PREEMPT_REQUEUE || v.mode == CORE_PREEMPT_CANCEL)
		v.mem = below(5);
	return v;
}

/* With those of `ends` (bits) ended, and all others shrunk as far as they go. */
static bool is_enough(const struct preempt_victim *v, uint32_t n, uint32_t ends, const struct preempt_need *need)
{
	uint64_t cpus = 0, mem = 0;

	for (uint32_t i = 0; i < n; i++) {
		cpus += ends >> i & 1 ? v[i].cpus : v[i].shrink;
		mem += ends >> i & 1 ? v[i].mem : 0;
	}
	return cpus >= need->cpus && mem >= need->mem;
}

static bool any_is_enough(const struct preempt_victim *v, uint32_t n, const struct preempt_need *need)
{
	for (uint32_t ends = 0; ends < 1u << n; ends++)
		if (is_enough(v, n, ends, need))
			return true;
	return false;
}

static void check_choice(const struct preempt_victim *v, uint32_t n, const struct preempt_need *need)
{
	uint64_t cpus = 0, mem = 0, shrunk = 0;
	uint32_t ends = 0;

	for (uint32_t i = 0; i < n; i++) {
		ends |= (uint32_t)v[i].ends << i;
		cpus += v[i].ends ? v[i].cpus : 0;
		mem += v[i].ends ? v[i].mem : 0;
		shrunk += v[i].takes;
		assert_true(v[i].takes <= v[i].shrink && v[i].takes % v[i].unit == 0);
		assert_false(v[i].ends && v[i].takes);
		assert_false(v[i].ends && v[i].mode == CORE_PREEMPT_SHRINK);
	}
	assert_true(cpus + shrunk >= need->cpus && mem >= need->mem);       /* not in vain */
	assert_true(shrunk == 0 || cpus + shrunk < need->cpus + 1000);      /* no more shrinks than it takes */
	if (is_enough(v, n, 0, need))
		assert_int_equal(ends, 0);                                  /* nobody ends where shrinking does */
	for (uint32_t i = 0; i < n; i++)
		if (v[i].ends)
			assert_false(is_enough(v, n, ends & ~(1u << i), need)); /* without any one it would not be enough */
}

static void test_all_choices(void **state)
{
	uint32_t chosen = 0, ended = 0, shrunk = 0, refused = 0;

	(void)state;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		struct preempt_need need = {.cpus = 1000 * below(12), .mem = below(2) ? below(9) : 0};
		struct preempt_victim v[MOST];
		uint32_t n = below(MOST + 1);
		bool made;

		for (uint32_t i = 0; i < n; i++)
			v[i] = random_victim(i);
		made = preempt_choose(v, n, &need);
		for (uint32_t i = 0; i < n; i++) {
			ended += v[i].ends;
			shrunk += v[i].takes > 0;
			if (!made)
				assert_false(v[i].ends || v[i].takes);
		}
		assert_int_equal(made, n && (need.cpus || need.mem) && any_is_enough(v, n, &need));
		if (made)
			check_choice(v, n, &need);
		chosen += made;
		refused += !made;
	}
	print_message("# %u choices, %u for nobody; %u ended, %u shrank\n", chosen, refused, ended, shrunk);
	assert_true(chosen > 1000 && refused > 1000 && ended > 1000 && shrunk > 1000);
}

static void test_the_least_and_youngest_first(void **state)
{
	struct preempt_need need = {.cpus = 2000};
	struct preempt_victim v[] = {
		{.priority = 5, .started = 9, .id = {1, MSCG_NO_TASK}, .mode = CORE_PREEMPT_CANCEL, .cpus = 2000, .unit = 1000},
		{.priority = 0, .started = 1, .id = {2, MSCG_NO_TASK}, .mode = CORE_PREEMPT_CANCEL, .cpus = 2000, .unit = 1000},
		{.priority = 0, .started = 7, .id = {3, MSCG_NO_TASK}, .mode = CORE_PREEMPT_CANCEL, .cpus = 2000, .unit = 1000},
	};

	(void)state;
	assert_true(preempt_choose(v, 3, &need));
	for (int i = 0; i < 3; i++)
		assert_int_equal(v[i].ends, v[i].id.job == 3);
	/* The small ones were enough only together with the large one, which is so alone. */
	need.cpus = 3000;
	v[0].cpus = v[1].cpus = 1000;
	v[2].cpus = 3000;
	for (int i = 0; i < 3; i++)
		v[i].ends = false, v[i].priority = i;
	assert_true(preempt_choose(v, 3, &need));
	for (int i = 0; i < 3; i++)
		assert_int_equal(v[i].ends, v[i].cpus == 3000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_choices), cmocka_unit_test(test_the_least_and_youngest_first)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("core_preempt", tests, NULL, NULL);
}
