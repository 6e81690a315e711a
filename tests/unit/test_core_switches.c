/* Placement below switches: the greatest distance between the CPUs of a job is the least that there is, whatever tree it is
 * and whatever is taken. Held against all choices there are, on small machines. */
#include "tests/unit/core_support.h"

#include "src/core/place.h"

enum { CPUS = 10, SWITCHES = 9, ROUNDS = 4000 };

struct world {
	struct core_cpu    cpu[CPUS];
	struct core_switch up[SWITCHES];
	uint32_t switches;
	uint32_t distance[CPUS][CPUS];
	struct place place;
};

static uint64_t seed = 1;

static uint32_t below(uint32_t n)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

static bool is_leaf(const struct world *w, uint32_t s)
{
	for (uint32_t i = 0; i < w->switches; i++)
		if (i != s && w->up[i].up == s)
			return false;
	return true;
}

static uint32_t height(const struct world *w, uint32_t s)
{
	uint32_t h = 0;

	for (uint32_t i = 0; i < w->switches; i++)
		if (i != s && w->up[i].up == s)
			h = MAX_OF(h, height(w, i) + 1);
	return h;
}

static bool is_above(const struct world *w, uint32_t above, uint32_t s)
{
	return above == s || (w->up[s].up != s && is_above(w, above, w->up[s].up));
}

static uint32_t distance(const struct world *w, uint32_t a, uint32_t b)
{
	while (!is_above(w, a, b))
		a = w->up[a].up;
	return height(w, a);
}

/* Any tree, its switches in any order. */
static void open_world(struct world *w)
{
	uint16_t name[SWITCHES], leaf[SWITCHES];
	uint32_t leaves = 0;

	memset(w, 0, sizeof *w);
	w->switches = 1 + below(SWITCHES);
	for (uint32_t i = 0; i < w->switches; i++) {
		uint32_t j = below(i + 1);

		name[i] = name[j];
		name[j] = (uint16_t)i;
	}
	for (uint32_t i = 0; i < w->switches; i++)
		w->up[name[i]].up = i ? name[below(i)] : name[0];
	for (uint32_t i = 0; i < w->switches; i++)
		if (is_leaf(w, i))
			leaf[leaves++] = (uint16_t)i;
	for (uint32_t i = 0; i < CPUS; i++) /* two nodes of memory, that go their own way */
		w->cpu[i] = (struct core_cpu){.cpu = (uint16_t)i, .core = (uint16_t)i, .numa = (uint16_t)(i % 2), .leaf = leaf[below(leaves)]};
	for (uint32_t i = 0; i < CPUS; i++)
		for (uint32_t j = 0; j < CPUS; j++)
			w->distance[i][j] = distance(w, w->cpu[i].leaf, w->cpu[j].leaf);
	place_init(&w->place, &(struct core_machine){.cpus = w->cpu, .ncpus = CPUS, .switches = w->up, .nswitches = w->switches});
}

static uint32_t greatest(const struct world *w, uint32_t set)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < CPUS; i++)
		for (uint32_t j = 0; j < i; j++)
			if (set >> i & 1 && set >> j & 1)
				most = MAX_OF(most, w->distance[i][j]);
	return most;
}

/* Of `with` and n more of `from`. */
static uint32_t least(const struct world *w, uint32_t with, uint32_t from, uint32_t n)
{
	uint32_t best = UINT32_MAX;

	for (uint32_t set = 0; set < 1u << CPUS; set++)
		if (!(set & ~from) && (uint32_t)__builtin_popcount(set) == n)
			best = MIN_OF(best, greatest(w, set | with));
	return best;
}

static uint32_t bits(const struct mscg_cpuset *set)
{
	return (uint32_t)set->word[0];
}

static struct mscg_cpuset any(uint32_t of)
{
	return (struct mscg_cpuset){.word = {of & below(1u << CPUS)}};
}

static void test_distance(void **state)
{
	uint32_t starts = 0, grows = 0, sheds = 0;

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		struct mscg_cpuset others, held, out, mems;
		struct world w;
		uint32_t n, had, free;

		open_world(&w);
		others = any((1u << CPUS) - 1);
		others.word[0] &= below(1u << CPUS);
		held = any(below(3) ? ~bits(&others) : 0);
		had = bits(&held);
		place_take(&w.place, &others);
		place_take(&w.place, &held);
		free = ~(had | bits(&others)) & ((1u << CPUS) - 1);
		n = (uint32_t)__builtin_popcount(free);
		n = n ? 1 + below(n) : 0;
		assert_int_equal(place_pick(&w.place, n, &held), 0);
		assert_int_equal(mscg_cpuset_count(&held), (unsigned)__builtin_popcount(had) + n);
		assert_int_equal(bits(&held) & ~(had | free), 0);
		if (n)
			assert_int_equal(greatest(&w, bits(&held)), least(&w, had, free, n));
		starts += n && !had;
		grows += n && had;
		place_mems(&w.place, &held, &mems);
		assert_int_equal(bits(&mems), (bits(&held) & 0x155 ? 1 : 0) | (bits(&held) & 0x2aa ? 2 : 0));

		n = mscg_cpuset_count(&held) > 1 ? 1 + below(mscg_cpuset_count(&held) - 1) : 0;
		if (n) {
			had = bits(&held);
			place_shed(&w.place, &held, n, &out);
			assert_int_equal(mscg_cpuset_count(&out), n);
			assert_int_equal(bits(&out) & ~had, 0);
			assert_int_equal(greatest(&w, had & ~bits(&out)), least(&w, 0, had, (uint32_t)__builtin_popcount(had) - n));
			sheds++;
		}
		for (uint32_t g = 0; g < w.place.ngroups; g++)
			assert_int_equal(w.place.group[g].near, 0);
		place_clear(&w.place);
	}
	print_message("# %u starts, %u grows, %u shrinks\n", starts, grows, sheds);
	assert_true(starts > ROUNDS / 5 && grows > ROUNDS / 5 && sheds > ROUNDS / 5);
}

/* Four leaves of four, two racks of two leaves, one switch above. */
static void open_racks(struct place *p)
{
	static struct test_machine machine;
	static const struct core_switch up[] = {{4}, {4}, {5}, {5}, {6}, {6}, {6}};

	build_machine(&machine, 1, 1, 1, 16, 1);
	for (unsigned i = 0; i < 16; i++)
		machine.cpu[i].leaf = (uint16_t)(i / 4);
	machine.m.switches = up;
	machine.m.nswitches = ARRAY_SIZE(up);
	place_init(p, &machine.m);
}

static void assert_pick(const char *taken, const char *held, uint32_t n, const char *expected)
{
	struct mscg_cpuset others = set_of(taken), set = set_of(held);
	struct place p;

	open_racks(&p);
	place_take(&p, &others);
	place_take(&p, &set);
	assert_int_equal(place_pick(&p, n, &set), 0);
	assert_set(&set, expected);
	place_clear(&p);
}

static void assert_shed(const char *held, uint32_t n, const char *expected)
{
	struct mscg_cpuset set = set_of(held), out;
	struct place p;

	open_racks(&p);
	place_shed(&p, &set, n, &out);
	assert_set(&out, expected);
	place_clear(&p);
}

static void test_racks(void **state)
{
	(void)state;
	assert_pick("", "", 4, "0-3");
	assert_pick("0", "", 3, "1-3");          /* the tightest leaf */
	assert_pick("0,4-5,8-10", "", 2, "6-7");
	assert_pick("0,4-5,8-10", "", 5, "1-3,6-7"); /* the tightest rack that is enough: 5 and 5, the lower number */
	assert_pick("0,4,8-10", "", 5, "11-15");  /* 6 there, 5 here */
	assert_pick("0-1", "", 6, "2-7");         /* all of the fuller leaf, the rest beside it */
	assert_pick("0,4,8,12", "", 7, "1-3,5-7,9"); /* no rack has it: all of one, and few leaves of the other */
	assert_pick("", "5", 3, "4-7");           /* its own leaf */
	assert_pick("0-1", "5", 5, "2-7");        /* then the one beside it */
	assert_pick("0-1", "5", 7, "2-9");        /* then what there is */
	assert_pick("0-1,4,6-7,12-13", "5", 4, "2-3,5,14-15"); /* the closest first */
	assert_pick("2-3,8,10-11", "0-1,9", 4, "0-1,4-7,9");   /* around where it has most */

	assert_shed("0-3,8-9", 2, "8-9");   /* the far leaf is left */
	assert_shed("0-3,4,8-9", 2, "8-9"); /* and the near one, where it has less, is kept */
	assert_shed("0-3,4,8-9", 3, "4,8-9");
	assert_shed("0-1,8-11,12", 3, "0-1,12");
	assert_shed("0-3,4-5,8-11", 1, "5"); /* none can be left, none is far: where it has least */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_distance),
		cmocka_unit_test(test_racks),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("core_switches", tests, NULL, NULL);
}
