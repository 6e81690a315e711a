/* Multifactor priority: shares and usage against figures worked out by hand, and the order that they make. */
#include "tests/unit/core_support.h"

#include <math.h>

#define HOUR (INT64_C(3600) * USEC_PER_SEC)
#define NEAR(a, b) assert_true(fabs((a) - (b)) < 5e-7)

/*      shares
 * root
 *   lab    3: alice 2, bob 1
 *   guests 1: carol 1, dave 1 */
static const struct core_account accounts[] = {{"lab", CORE_NO_ACCOUNT, 3}, {"guests", CORE_NO_ACCOUNT, 1}};
enum { ALICE = 1, BOB, CAROL, DAVE };
static const struct core_member members[] = {{0, ALICE, 2}};

static void open_rig(struct rig *r, struct core_priority priority)
{
	build_machine(&r->machine, 1, 1, 1, 4, 1);
	r->policy = test_policy();
	priority.multifactor = true;
	priority.max_age_s = priority.max_age_s ? priority.max_age_s : 1000;
	priority.account = accounts;
	priority.accounts = ARRAY_SIZE(accounts);
	priority.member = members;
	priority.members = ARRAY_SIZE(members);
	r->policy.priority = priority;
	rig_open(r);
}

static struct mscg_spec spec_of(const char *account, uint32_t uid, uint32_t cpus)
{
	struct mscg_spec spec = job_spec(cpus, 0, 0);

	spec.account = (char *)(uintptr_t)account;
	spec.uid = uid;
	return spec;
}

static struct mscg_id submit(struct rig *r, const char *account, uint32_t uid, uint32_t cpus)
{
	struct mscg_spec spec = spec_of(account, uid, cpus);

	return rig_submit(r, &spec);
}

struct seen {
	struct core_share share[16];
	uint32_t n;
};

static void see(const struct core_share *share, void *ctx)
{
	struct seen *s = ctx;

	s->share[s->n++] = *share;
}

static const struct core_share *share_of(struct seen *s, const char *account, uint32_t uid)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (streq(s->share[i].account, account) && s->share[i].is_user == (uid > 0) && s->share[i].uid == uid)
			return &s->share[i];
	fail_msg("no share of %u in %s", uid, account);
	return NULL;
}

static void load(struct rig *r, const char *account, uint32_t uid, double cpu_s)
{
	core_load_usage(r->core, &(struct core_usage){(char *)(uintptr_t)account, uid, cpu_s, r->now.real_usec});
}

/* Usage: alice 3000, bob 1000, carol 500, dave 500; all: 5000.
 *
 *          S               U     E                                   F = 2 ^ (-E / S)
 * lab      3/4             0.8   0.8 (at the top: U)
 *  alice   3/4 * 2/3 = 0.5 0.6   0.6 + (0.8 - 0.6) * 2/3 = 0.733333  2 ^ -1.466667 = 0.361817
 *  bob     3/4 * 1/3 =0.25 0.2   0.2 + (0.8 - 0.2) * 1/3 = 0.4       2 ^ -1.6      = 0.329877
 * guests   1/4             0.2   0.2
 *  carol   1/4 * 1/2=0.125 0.1   0.1 + (0.2 - 0.1) * 1/2 = 0.15      2 ^ -1.2      = 0.435275
 *  dave    the same */
static void test_by_hand(void **state)
{
	static const struct { const char *account; uint32_t uid; double s, u, e, f; } by_hand[] = {
		{"", 0, 1, 1, 1, 0}, {"lab", 0, 0.75, 0.8, 0.8, 0}, {"guests", 0, 0.25, 0.2, 0.2, 0},
		{"lab", ALICE, 0.5, 0.6, 0.733333333, 0.361817}, {"lab", BOB, 0.25, 0.2, 0.4, 0.329877},
		{"guests", CAROL, 0.125, 0.1, 0.15, 0.435275}, {"guests", DAVE, 0.125, 0.1, 0.15, 0.435275},
	};
	struct rig r = {0};
	struct seen seen = {0};

	(void)state;
	open_rig(&r, (struct core_priority){.half_life_s = 7 * 86400});
	load(&r, "lab", ALICE, 3000);
	load(&r, "lab", BOB, 1000);
	load(&r, "guests", CAROL, 500);
	load(&r, "guests", DAVE, 500);
	core_each_share(r.core, r.now, see, &seen);
	assert_int_equal(seen.n, ARRAY_SIZE(by_hand));
	for (size_t i = 0; i < ARRAY_SIZE(by_hand); i++) {
		const struct core_share *s = share_of(&seen, by_hand[i].account, by_hand[i].uid);

		NEAR(s->norm_shares, by_hand[i].s);
		NEAR(s->norm_usage, by_hand[i].u);
		NEAR(s->effective_usage, by_hand[i].e);
		NEAR(s->factor, by_hand[i].f);
	}
	rig_close(&r);
}

static double usage_of(struct rig *r, const char *account, uint32_t uid)
{
	struct seen seen = {0};

	core_each_share(r->core, r->now, see, &seen);
	return share_of(&seen, account, uid)->cpu_s;
}

/* One half-life leaves half, exactly; without one nothing is forgotten. */
static void test_decay(void **state)
{
	static const int64_t half_lives[] = {1, 3600, 7 * 86400};
	struct rig r = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(half_lives); i++) {
		open_rig(&r, (struct core_priority){.half_life_s = half_lives[i]});
		load(&r, "lab", ALICE, 3000);
		rig_tick(&r, half_lives[i] * USEC_PER_SEC);
		assert_true(usage_of(&r, "lab", ALICE) == 1500);
		rig_tick(&r, half_lives[i] * USEC_PER_SEC);
		assert_true(usage_of(&r, "lab", ALICE) == 750);
		rig_close(&r);
	}
	open_rig(&r, (struct core_priority){0});
	load(&r, "lab", ALICE, 3000);
	rig_tick(&r, 1000 * HOUR);
	assert_true(usage_of(&r, "lab", ALICE) == 3000);
	rig_close(&r);
}

/* Two CPUs for 100 s are 200 CPU-seconds, as it runs and when it has ended. With a half-life of 100 s what was held in that
 * time is worth 2 * 100 / ln 2 * (1 - 1/2) = 144.269504 at its end, and half of it 100 s later. */
static void test_charge(void **state)
{
	struct rig r = {0};
	struct mscg_id id;

	(void)state;
	for (int64_t half = 0; half <= 100; half += 100) {
		double expected = half ? 144.269504 : 200;

		open_rig(&r, (struct core_priority){.half_life_s = half});
		id = submit(&r, "lab", BOB, 2);
		rig_started(&r, id);
		rig_tick(&r, 100 * USEC_PER_SEC);
		NEAR(usage_of(&r, "lab", BOB), expected);
		assert_int_equal(r.out.usages_n, 0);
		REPORT(&r, ENDED, id, .exit_code = 0);
		assert_int_equal(r.out.usages_n, 1);
		assert_string_equal(r.out.usages[0].account, "lab");
		assert_int_equal(r.out.usages[0].uid, BOB);
		NEAR(r.out.usages[0].cpu_s, expected);
		assert_int_equal(r.out.usages[0].at_usec, r.now.real_usec);
		assert_string_equal(find_row(&r.out, id)->account, "lab");
		NEAR(usage_of(&r, "lab", BOB), expected);
		rig_tick(&r, 100 * USEC_PER_SEC);
		NEAR(usage_of(&r, "lab", BOB), half ? expected / 2 : expected);
		rig_close(&r);
	}
}

static void assert_order(struct rig *r, const struct mscg_id *order, uint32_t n)
{
	struct mscg_id ids[16];

	assert_int_equal(core_front(r->core, ids, 16), n);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(ids[i].job, order[i].job);
}

static struct core_factors factors_of(struct rig *r, struct mscg_id id)
{
	struct core_factors f;

	assert_true(core_get_factors(r->core, id, &f, NULL));
	return f;
}

/* Who has used more comes later; --priority comes before all of it. */
static void test_order(void **state)
{
	struct rig r = {0};
	struct mscg_id alice, bob, carol, late, runs;
	struct mscg_spec first;

	(void)state;
	open_rig(&r, (struct core_priority){.weight_fairshare = 10000, .half_life_s = 7 * 86400});
	load(&r, "lab", ALICE, 3000);
	load(&r, "lab", BOB, 1000);
	load(&r, "guests", CAROL, 500);
	load(&r, "guests", DAVE, 500);
	runs = submit(&r, "guests", DAVE, 4);
	bob = submit(&r, "lab", BOB, 1);
	alice = submit(&r, "lab", ALICE, 1);
	carol = submit(&r, "guests", CAROL, 2);
	assert_order(&r, (struct mscg_id[]){carol, alice, bob}, 3);
	NEAR(factors_of(&r, alice).fairshare, 0.361817);
	assert_true(fabs(factors_of(&r, carol).sum - 4352.75) < 0.01);
	first = spec_of("lab", BOB, 4);
	first.priority = 1;
	late = rig_submit(&r, &first);
	assert_order(&r, (struct mscg_id[]){late, carol, alice, bob}, 4);
	/* what ends lets them start in that order */
	rig_started(&r, runs);
	REPORT(&r, ENDED, runs, .exit_code = 0);
	assert_int_equal(rig_state(&r, late), MSCG_STATE_RUNNING);
	assert_int_equal(rig_state(&r, carol), MSCG_STATE_PENDING);
	rig_close(&r);
}

/* Age: 0 when it is submitted, half at half of the cap, all from the cap on, where the order is that of submission still.
 * A job that may not begin before a time has no age until then. */
static void test_age(void **state)
{
	struct rig r = {0};
	struct mscg_id old, young, later, runs;
	struct mscg_spec spec = spec_of("lab", BOB, 1);

	(void)state;
	open_rig(&r, (struct core_priority){.weight_age = 1000, .max_age_s = 1000});
	runs = submit(&r, "guests", DAVE, 4);
	rig_started(&r, runs);
	old = submit(&r, "lab", ALICE, 1);
	rig_tick(&r, 500 * USEC_PER_SEC);
	young = submit(&r, "guests", CAROL, 1);
	spec.begin_usec = r.now.real_usec + 100 * USEC_PER_SEC;
	later = rig_submit(&r, &spec);
	NEAR(factors_of(&r, old).age, 0.5);
	NEAR(factors_of(&r, young).age, 0);
	rig_tick(&r, 300 * USEC_PER_SEC);
	NEAR(factors_of(&r, old).weighted_age, 800);
	NEAR(factors_of(&r, young).weighted_age, 300);
	NEAR(factors_of(&r, later).weighted_age, 200);
	assert_order(&r, (struct mscg_id[]){old, young, later}, 3);
	rig_tick(&r, 5000 * USEC_PER_SEC);
	NEAR(factors_of(&r, old).age, 1);
	NEAR(factors_of(&r, later).age, 1);
	assert_order(&r, (struct mscg_id[]){old, young, later}, 3);
	rig_close(&r);
}

/* A quarter of the machine is a quarter of the weight. Two of one user are in their order all the same. */
static void test_job_size(void **state)
{
	struct rig r = {0};
	struct mscg_id small, large, next, runs;

	(void)state;
	open_rig(&r, (struct core_priority){.weight_job_size = 100});
	runs = submit(&r, "guests", DAVE, 4);
	rig_started(&r, runs);
	small = submit(&r, "lab", ALICE, 1);
	large = submit(&r, "lab", ALICE, 3);
	next = submit(&r, "lab", ALICE, 1);
	NEAR(factors_of(&r, small).weighted_job_size, 25);
	NEAR(factors_of(&r, large).weighted_job_size, 75);
	assert_order(&r, (struct mscg_id[]){large, small, next}, 3);
	rig_close(&r);
}

/* Two who take turns, with equal jobs, come to where their factors are the same: with U of alice, 1 - U of bob and 1 of their
 * account,  (U + (1 - U) * 2/3) / (2/3) = (1 - U + U * 1/3) / (1/3),  so U = 0.8: 128 of 160 jobs. */
static void test_turns(void **state)
{
	struct rig r = {0};
	uint32_t started[5] = {0};
	struct mscg_id running[4];

	(void)state;
	open_rig(&r, (struct core_priority){.weight_fairshare = 10000, .half_life_s = 3600});
	for (uint32_t i = 0; i < 400; i++)
		submit(&r, "lab", i < 200 ? ALICE : BOB, 1);
	for (uint32_t round = 0; round < 40; round++) {
		uint32_t n = 0;

		for (uint32_t id = 1; id <= 400; id++) {
			const struct mscg_job *job = core_find(r.core, id_of(id));

			if (job && job->state == MSCG_STATE_RUNNING)
				running[n++] = job->id;
		}
		assert_int_equal(n, 4);
		for (uint32_t i = 0; i < n; i++)
			if (!(rig_job(&r, running[i])->flags & MSCG_JOB_STARTED))
				rig_started(&r, running[i]);
		rig_pass(&r, 10 * USEC_PER_SEC);
		for (uint32_t i = 0; i < n; i++) {
			started[rig_job(&r, running[i])->uid]++;
			REPORT(&r, ENDED, running[i], .exit_code = 0);
		}
	}
	assert_int_equal(started[ALICE] + started[BOB], 160);
	assert_in_range(started[ALICE], 126, 130);
	rig_close(&r);
}

/* An account that is not configured any more: its jobs are in none, its usage is kept for when it is again. */
static void test_reload(void **state)
{
	struct rig r = {0};
	struct core_input in = {.kind = CORE_POLICY, .policy = &r.policy};
	struct mscg_id runs, waits;

	(void)state;
	open_rig(&r, (struct core_priority){.weight_fairshare = 10000});
	load(&r, "guests", CAROL, 500);
	runs = submit(&r, "lab", ALICE, 4);
	rig_started(&r, runs);
	waits = submit(&r, "guests", CAROL, 1);
	r.policy.priority.accounts = 1;
	rig_step(&r, &in, 1);
	NEAR(usage_of(&r, "", CAROL), 0);
	assert_null(find_row(&r.out, waits)->account);
	r.policy.priority.accounts = 2;
	rig_step(&r, &in, 1);
	NEAR(usage_of(&r, "guests", CAROL), 500);
	rig_close(&r);
}

static double spent;

static void see_spent(const struct core_spent *s, void *ctx)
{
	if (streq(s->account, ctx ? (const char *)ctx : "") || (!ctx && !s->account))
		spent = s->spent;
}

static double spent_of(struct rig *r, const char *account)
{
	spent = -1;
	core_each_spent(r->core, r->now, see_spent, (void *)(uintptr_t)account);
	return spent;
}

/* One CPU for half an hour and 2 GiB, at 1 and 0.25: 0.5 + 0.25 of a budget of 1; with another half hour it is spent. What runs goes
 * on, what waits stays, also over a restart, until the next period or a larger budget. Order is by priority here. */
static void test_budget(void **state)
{
	struct core_account priced[] = {{"lab", CORE_NO_ACCOUNT, 1, 1.0}, {"guests", CORE_NO_ACCOUNT, 1, 0}};
	struct rig r = {0};
	struct core_input in = {.kind = CORE_POLICY, .policy = &r.policy};
	struct core_usage kept;
	struct mscg_spec spec = spec_of("lab", ALICE, 1);
	struct mscg_id runs, waits, guest;
	char text[160];

	(void)state;
	build_machine(&r.machine, 1, 1, 1, 4, 1);
	r.policy = test_policy();
	r.policy.priority = (struct core_priority){
		.charges = true, .max_age_s = 1, .account = priced, .accounts = 2,
		.budget = {.rates = {.cpu_hour = 1, .gib_hour = 0.25}, .from_usec = 1699999000 * USEC_PER_SEC, .until_usec = 1700100000 * USEC_PER_SEC},
	};
	rig_open(&r);
	spec.mem_bytes = 2 * GIB;
	runs = rig_submit(&r, &spec);
	rig_started(&r, runs);
	rig_tick(&r, HOUR / 2);
	NEAR(spent_of(&r, "lab"), 0.75);
	waits = submit(&r, "lab", BOB, 1);
	assert_int_equal(rig_state(&r, waits), MSCG_STATE_RUNNING);
	rig_tick(&r, HOUR / 2);
	waits = submit(&r, "lab", BOB, 1);
	guest = submit(&r, "guests", BOB, 1);
	assert_int_equal(rig_state(&r, waits), MSCG_STATE_PENDING);
	assert_int_equal(rig_state(&r, guest), MSCG_STATE_RUNNING);
	assert_int_equal(core_why(r.core, waits, r.now, text), MSCG_REASON_BUDGET);
	assert_non_null(strstr(text, "account lab has spent 2.01 of the 1.00 that it may until 2023-11-16T"));
	REPORT(&r, ENDED, runs, .exit_code = 0);
	assert_int_equal(r.out.usages_n, 1);
	NEAR(r.out.usages[0].spent, 1.5);
	kept = r.out.usages[0];
	kept.account = (char *)(uintptr_t)"lab";
	assert_int_equal(rig_state(&r, waits), MSCG_STATE_PENDING);
	/* more of it */
	priced[0].budget = 5;
	r.policy.priority.account = priced;
	rig_step(&r, &in, 1);
	assert_int_equal(rig_state(&r, waits), MSCG_STATE_RUNNING);
	rig_close(&r);
	/* another core, with what was kept; then another period */
	priced[0].budget = 1;
	rig_open(&r);
	rig_pass(&r, HOUR);
	core_load_usage(r.core, &kept);
	NEAR(spent_of(&r, "lab"), 1.5);
	waits = submit(&r, "lab", BOB, 1);
	assert_int_equal(rig_state(&r, waits), MSCG_STATE_PENDING);
	r.policy.priority.budget.from_usec = r.now.real_usec;
	rig_step(&r, &in, 1);
	NEAR(spent_of(&r, "lab"), 0);
	assert_int_equal(rig_state(&r, waits), MSCG_STATE_RUNNING);
	rig_close(&r);
}

/* A user's is for all of his accounts together. */
static void test_budget_of_user(void **state)
{
	struct rig r = {0};
	struct mscg_id one, two, other;
	char text[160];

	(void)state;
	open_rig(&r, (struct core_priority){.budget = {.user = 1, .rates = {.cpu_hour = 1}, .from_usec = 1699999000 * USEC_PER_SEC, .until_usec = 1700100000 * USEC_PER_SEC}});
	one = submit(&r, "lab", BOB, 1);
	two = submit(&r, "guests", BOB, 1);
	rig_started(&r, one);
	rig_started(&r, two);
	rig_tick(&r, HOUR / 2);
	NEAR(spent_of(&r, NULL), 1);
	one = submit(&r, "lab", BOB, 1);
	other = submit(&r, "lab", ALICE, 1);
	assert_int_equal(rig_state(&r, one), MSCG_STATE_PENDING);
	assert_int_equal(rig_state(&r, other), MSCG_STATE_RUNNING);
	assert_int_equal(core_why(r.core, one, r.now, text), MSCG_REASON_BUDGET);
	assert_non_null(strstr(text, "its user has spent 1.00 of the 1.00 that a user may until"));
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_hand), cmocka_unit_test(test_decay), cmocka_unit_test(test_charge), cmocka_unit_test(test_order),
		cmocka_unit_test(test_age), cmocka_unit_test(test_job_size), cmocka_unit_test(test_turns), cmocka_unit_test(test_reload),
		cmocka_unit_test(test_budget), cmocka_unit_test(test_budget_of_user),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("core_share", tests, NULL, NULL);
}
