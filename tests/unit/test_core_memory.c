/* Memory that moves, in virtual time: more for who is short, from what is free and nobody waits for; less for who waits. */
#include "tests/unit/core_support.h"
#include "src/base/moving.h"

static struct mscg_spec moving(uint64_t min, uint64_t mem, uint64_t max, int32_t priority)
{
	struct mscg_spec s = job_spec(1, mem * MIB, priority);

	s.min_mem_bytes = min * MIB;
	s.max_mem_bytes = max * MIB;
	return s;
}

static void open_world(struct rig *r, uint64_t mem)
{
	memset(r, 0, sizeof *r);
	build_machine(&r->machine, 1, 1, 1, 8, 1);
	r->machine.m.mem_bytes = mem * MIB;
	r->policy = test_policy();
	r->policy.infeasible_reject = true;
	rig_open(r);
}

static struct mscg_id started(struct rig *r, const struct mscg_spec *spec)
{
	struct mscg_id id = rig_submit(r, spec);

	assert_non_null(find_action(&r->out, MSCG_ACTION_START, id));
	REPORT(r, STARTED, id, .pid = 1);
	return id;
}

static uint64_t mem_of(const struct rig *r, struct mscg_id id)
{
	return core_find(r->core, id)->mem_bytes / MIB;
}

static uint64_t free_mem(const struct rig *r)
{
	struct core_stats s;

	core_get_stats(r->core, &s);
	return (s.mem_total - s.mem_held) / MIB;
}

static void is_short(struct rig *r, struct mscg_id id, uint64_t used)
{
	REPORT(r, MEMORY, id, .used_bytes = used * MIB, .text = "short of memory: all of it in use");
}

/* The resize that this step decided; 0: none. */
static uint64_t asked_for(const struct rig *r, struct mscg_id id)
{
	const struct mscg_action *a = find_action(&r->out, MSCG_ACTION_RESIZE, id);

	assert_true(!a || a->memory);
	return a ? a->grant->share[0].mem_bytes / MIB : 0;
}

static void taken(struct rig *r, struct mscg_id id)
{
	uint64_t seq = find_action(&r->out, MSCG_ACTION_RESIZE, id)->resize_seq;

	REPORT(r, RESIZED, id, .resize_seq = seq);
}

static void refused(struct rig *r, struct mscg_id id, uint64_t used)
{
	uint64_t seq = find_action(&r->out, MSCG_ACTION_RESIZE, id)->resize_seq;

	REPORT(r, RESIZE_DEFERRED, id, .resize_seq = seq, .used_bytes = used * MIB, .text = "it is in use");
}

static void end(struct rig *r, struct mscg_id id)
{
	REPORT(r, ENDED, id, .exit_code = 0);
}

static bool says(const struct rig *r, struct mscg_id id, const char *what)
{
	const char *text = core_mem_need(r->core, id);

	return text && strstr(text, what);
}

static void test_grows_in_steps_to_its_most(void **state)
{
	static const uint64_t steps[] = {192, 288, 400};
	struct mscg_spec s = moving(64, 128, 400, 0);
	struct rig r;

	(void)state;
	open_world(&r, 1024);
	struct mscg_id id = started(&r, &s);

	assert_null(core_mem_need(r.core, id));
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		is_short(&r, id, 120);
		assert_int_equal(asked_for(&r, id), steps[i]);
		assert_int_equal(free_mem(&r), 1024 - steps[i]); /* booked before the kernel has it */
		assert_true(says(&r, id, "short of memory: all of it in use; grown from "));
		taken(&r, id);
		assert_int_equal(mem_of(&r, id), steps[i]);
	}
	is_short(&r, id, 399);
	assert_int_equal(asked_for(&r, id), 0);
	assert_int_equal(mem_asked(core_find(r.core, id)), 128 * MIB);
	rig_close(&r);
}

/* One resize at a time: what is said meanwhile is done when that has come back. */
static void test_one_at_a_time(void **state)
{
	struct mscg_spec s = moving(0, 128, 400, 0);
	struct mscg_action first;
	struct rig r;

	(void)state;
	open_world(&r, 1024);
	struct mscg_id id = started(&r, &s);

	is_short(&r, id, 120);
	first = *find_action(&r.out, MSCG_ACTION_RESIZE, id);
	is_short(&r, id, 120);
	assert_int_equal(asked_for(&r, id), 0);
	REPORT(&r, RESIZED, id, .resize_seq = first.resize_seq);
	assert_int_equal(asked_for(&r, id), 288);
	rig_close(&r);
}

/* What is not free is waited for: the next that ends gives it. Where two are short, the first of the queue's order comes first. */
static void test_waits_for_what_is_free(void **state)
{
	struct mscg_spec s = moving(0, 128, 1024, 0), better = moving(0, 128, 1024, 5), other = job_spec(1, 256 * MIB, 0);
	struct rig r;

	(void)state;
	open_world(&r, 512);
	struct mscg_id a = started(&r, &other), b, c;

	s.max_mem_bytes = better.max_mem_bytes = 512 * MIB;
	b = started(&r, &s);
	c = started(&r, &better);
	is_short(&r, b, 120);
	is_short(&r, c, 120);
	assert_int_equal(asked_for(&r, b) + asked_for(&r, c), 0);
	assert_true(says(&r, b, "; nothing is free"));
	end(&r, a);
	assert_int_equal(asked_for(&r, c), 192);
	assert_int_equal(asked_for(&r, b), 192);
	rig_close(&r);
}

/* Nobody who waits starts later for it: the head of the queue has its memory promised. */
static void test_does_not_delay_the_head(void **state)
{
	struct mscg_spec s = moving(0, 128, 512, 0), with_end = job_spec(1, 256 * MIB, 0), head = job_spec(1, 640 * MIB, 0);
	struct rig r;

	(void)state;
	open_world(&r, 1024);
	with_end.time_limit_s = 100;
	head.time_limit_s = 100;
	struct mscg_id a = started(&r, &with_end), b = started(&r, &s), c = started(&r, &with_end), h;

	(void)a, (void)c;
	h = rig_submit(&r, &head); /* 384 are free; 896 when those with a limit have ended: 256 are left over then */
	is_short(&r, b, 120);
	assert_int_equal(asked_for(&r, b), 192);
	taken(&r, b);
	for (int i = 0; i < 6; i++) {
		is_short(&r, b, 120);
		if (asked_for(&r, b))
			taken(&r, b);
	}
	assert_int_equal(mem_of(&r, b), 384);
	assert_true(says(&r, b, "which waits"));
	assert_int_equal(core_find(r.core, h)->state, MSCG_STATE_PENDING);
	rig_close(&r);
}

/* What is lent goes back to who waits, whoever that is; what was asked only to a higher priority, and down to the least. */
static void test_gives_back_for_who_waits(void **state)
{
	struct mscg_spec s = moving(64, 128, 512, 0), equal = job_spec(1, 384 * MIB, 0), urgent = job_spec(1, 448 * MIB, 5);
	struct rig r;

	(void)state;
	open_world(&r, 512);
	struct mscg_id a = started(&r, &s), b;

	for (int i = 0; i < 4; i++) {
		is_short(&r, a, 32);
		taken(&r, a);
	}
	assert_int_equal(mem_of(&r, a), 512);
	rig_tick(&r, 61 * USEC_PER_SEC); /* what it said it uses is not known any more */
	b = rig_submit(&r, &equal);
	assert_null(find_action(&r.out, MSCG_ACTION_START, b)); /* not on what may not come */
	assert_int_equal(asked_for(&r, a), 128);
	assert_int_equal(free_mem(&r), 0); /* its own until the kernel says */
	assert_true(says(&r, a, "gives 384M back for job 2"));
	taken(&r, a);
	assert_non_null(find_action(&r.out, MSCG_ACTION_START, b));
	REPORT(&r, STARTED, b, .pid = 1);
	end(&r, b);

	b = rig_submit(&r, &urgent);
	assert_int_equal(asked_for(&r, a), 64);
	taken(&r, a);
	assert_non_null(find_action(&r.out, MSCG_ACTION_START, b));
	rig_close(&r);
}

static void test_equal_gets_nothing_of_what_was_asked(void **state)
{
	struct mscg_spec s = moving(64, 256, 512, 0), equal = job_spec(1, 384 * MIB, 0);
	struct rig r;

	(void)state;
	open_world(&r, 512);
	struct mscg_id a = started(&r, &s), b = rig_submit(&r, &equal);

	assert_int_equal(asked_for(&r, a), 0);
	assert_int_equal(core_find(r.core, b)->state, MSCG_STATE_PENDING);
	rig_close(&r);
}

/* What it uses it keeps: less is asked for then, where that is enough, and nothing where it is not, for a minute. */
static void test_keeps_what_it_uses(void **state)
{
	struct mscg_spec s = moving(32, 384, 512, 0), urgent = job_spec(1, 448 * MIB, 5), modest = job_spec(1, 256 * MIB, 5);
	struct rig r;

	(void)state;
	open_world(&r, 512);
	struct mscg_id a = started(&r, &s), b = rig_submit(&r, &urgent);

	assert_int_equal(asked_for(&r, a), 64);
	refused(&r, a, 160);
	assert_int_equal(mem_of(&r, a), 384);
	assert_true(says(&r, a, "would not shrink for others: it is in use"));
	rig_tick(&r, 2 * USEC_PER_SEC);
	assert_int_equal(asked_for(&r, a), 0);
	rig_cancel(&r, b);
	b = rig_submit(&r, &modest);
	assert_int_equal(asked_for(&r, a), 256);
	taken(&r, a);
	assert_non_null(find_action(&r.out, MSCG_ACTION_START, b));
	REPORT(&r, STARTED, b, .pid = 1);
	end(&r, b);

	b = rig_submit(&r, &urgent);
	assert_int_equal(asked_for(&r, a), 0);
	assert_true(r.out.wake_boot_usec <= r.now.boot_usec + 60 * USEC_PER_SEC); /* asked again then */
	rig_tick(&r, 60 * USEC_PER_SEC);
	assert_int_equal(asked_for(&r, a), 64);
	rig_close(&r);
}

/* It begins again with what was asked. */
static void test_requeue_begins_anew(void **state)
{
	struct mscg_spec s = moving(0, 128, 512, 0);
	struct core_input in = {.kind = CORE_REQUEUE, .token = 1};
	struct rig r;

	(void)state;
	open_world(&r, 1024);
	s.requeue = true;
	struct mscg_id id = in.id = started(&r, &s);

	is_short(&r, id, 120);
	taken(&r, id);
	assert_int_equal(mem_of(&r, id), 192);
	rig_step(&r, &in, 1);
	REPORT(&r, ENDED, id, .exit_signal = 15);
	assert_int_equal(mem_of(&r, id), 128);
	rig_close(&r);
}

/* A restart in the middle: what is booked is the larger, and that it is brought to. */
static void test_restart(void **state)
{
	struct mscg_spec s = moving(0, 128, 512, 0);
	struct mscg_error error = {0};
	struct rig r;
	struct core *again;

	(void)state;
	open_world(&r, 1024);
	struct mscg_id id = started(&r, &s);

	is_short(&r, id, 120);
	assert_int_equal(r.out.rows_n, 1);
	again = core_new(&r.machine.m, &r.policy);
	core_restore(again, 2, 100, false);
	assert_int_equal(core_load(again, &r.out.rows[0], r.now, &error), 0);
	core_free(r.core);
	r.core = again;
	rig_check(&r);
	assert_int_equal(free_mem(&r), 1024 - 192);
	REPORT(&r, STARTED, id, .pid = 1);
	assert_int_equal(asked_for(&r, id), 192);
	taken(&r, id);
	assert_int_equal(mem_of(&r, id), 192);
	assert_int_equal(mem_asked(core_find(r.core, id)), 128 * MIB);
	rig_close(&r);
}

static void test_by_hand_and_what_is_refused(void **state)
{
	struct mscg_spec s = moving(64, 128, 512, 0), large = moving(64, 128, 2048, 0), by_default = moving(0, 0, 32, 0);
	struct core_input in = {.kind = CORE_RESIZE, .token = 1, .mem_bytes = 32 * MIB};
	struct core_input submit = {.kind = CORE_SUBMIT, .token = 1, .spec = &large};
	struct rig r;

	(void)state;
	open_world(&r, 1024);
	struct mscg_id id = in.id = started(&r, &s);

	rig_step(&r, &in, 1);
	assert_int_equal(r.out.answers[0].resize, CORE_RESIZE_INFEASIBLE);
	assert_string_equal(r.out.answers[0].text, "32M of memory is outside of what the job can have: 64M to 512M");
	in.mem_bytes = 256 * MIB;
	rig_step(&r, &in, 1);
	taken(&r, id);
	assert_int_equal(mem_asked(core_find(r.core, id)), 256 * MIB); /* it is not lent */
	rig_step(&r, &submit, 1);
	assert_int_equal(r.out.answers[0].code, -ENOSPC);
	assert_string_equal(r.out.answers[0].text, "--max-mem 2G is more than this machine has: 1G");
	id = started(&r, &by_default);
	assert_int_equal(mem_of(&r, id), 32); /* the default is 64 */
	rig_close(&r);
}

/* Limits of a user hold for it too. */
static void test_limits(void **state)
{
	struct mscg_spec s = moving(0, 128, 512, 0);
	struct rig r;

	(void)state;
	open_world(&r, 1024);
	r.policy.user_mem_bytes = 160 * MIB;
	core_free(r.core);
	rig_open(&r);
	s.uid = 7;
	struct mscg_id id = started(&r, &s);

	is_short(&r, id, 120);
	assert_int_equal(asked_for(&r, id), 0);
	assert_true(says(&r, id, "its user has 128M of the 160M"));
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grows_in_steps_to_its_most), cmocka_unit_test(test_one_at_a_time),
		cmocka_unit_test(test_waits_for_what_is_free),     cmocka_unit_test(test_does_not_delay_the_head),
		cmocka_unit_test(test_gives_back_for_who_waits),   cmocka_unit_test(test_equal_gets_nothing_of_what_was_asked),
		cmocka_unit_test(test_keeps_what_it_uses),         cmocka_unit_test(test_requeue_begins_anew),
		cmocka_unit_test(test_restart),                    cmocka_unit_test(test_by_hand_and_what_is_refused),
		cmocka_unit_test(test_limits),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("core_memory", tests, NULL, NULL);
}
