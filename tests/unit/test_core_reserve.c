/* Reservations, in virtual time: who starts beside them and who waits, what elastic jobs give up, what is refused. */
#include "tests/unit/core_support.h"

#define NOW (1700000000 * USEC_PER_SEC)
#define MINUTE (60 * USEC_PER_SEC)

static int open_rig(void **state)
{
	struct rig *r = xcalloc(1, sizeof *r);

	build_machine(&r->machine, 1, 1, 1, 8, 1);
	r->policy = test_policy();
	r->policy.elastic_threshold = 101;
	rig_open(r);
	*state = r;
	return 0;
}

static int close_rig(void **state)
{
	rig_close(*state);
	free(*state);
	return 0;
}

/* From `from` minutes from now, for so many minutes. */
static struct core_reservation window(struct rig *r, int from, int minutes, uint32_t cpus)
{
	return (struct core_reservation){
		.name = (char *)(uintptr_t)"class", .users = (char *)(uintptr_t)"1000,1001", .cpus_milli = cpus * 1000,
		.start_usec = r->now.real_usec + from * MINUTE, .end_usec = r->now.real_usec + (from + minutes) * MINUTE,
	};
}

static const struct core_answer *ask(struct rig *r, enum core_input_kind kind, const struct core_reservation *what)
{
	struct core_input in = {.kind = kind, .token = 7, .reservation = what};

	rig_step(r, &in, 1);
	assert_int_equal(r->out.answers_n, 1);
	return &r->out.answers[0];
}

static void reserve(struct rig *r, int from, int minutes, uint32_t cpus)
{
	struct core_reservation w = window(r, from, minutes, cpus);
	const struct core_answer *a = ask(r, CORE_RESERVE, &w);

	if (a->code)
		fail_msg("%s", a->text);
	assert_int_equal(r->out.reservations_n, 1);
}

static struct mscg_spec limited(uint32_t cpus, uint32_t minutes)
{
	struct mscg_spec spec = job_spec(cpus, 64 * MIB, 0);

	spec.time_limit_s = minutes * 60;
	spec.grace_s = 0;
	spec.uid = 5;
	return spec;
}

static struct mscg_spec in_class(uint32_t cpus, uint32_t minutes)
{
	struct mscg_spec spec = limited(cpus, minutes);

	spec.uid = 1000;
	spec.reservation = (char *)(uintptr_t)"class";
	return spec;
}

static struct mscg_id started(struct rig *r, const struct mscg_spec *spec)
{
	struct mscg_id id = rig_submit(r, spec);

	assert_int_equal(rig_state(r, id), MSCG_STATE_RUNNING);
	rig_started(r, id);
	return id;
}

static void assert_waits(struct rig *r, struct mscg_id id, enum mscg_reason reason, const char *part)
{
	char text[160];

	assert_int_equal(rig_state(r, id), MSCG_STATE_PENDING);
	assert_string_equal(mscg_reason_name(core_why(r->core, id, r->now, text)), mscg_reason_name(reason));
	if (!strstr(text, part))
		fail_msg("'%s': expected '%s' in it", text, part);
}

static void land(struct rig *r, struct mscg_id id)
{
	const struct mscg_action *a = find_action(&r->out, MSCG_ACTION_RESIZE, id);

	assert_non_null(a);
	REPORT(r, RESIZED, id, .resize_seq = a->resize_seq);
}

/* -- others --------------------------------------------------------------------------------------------------------- */

static void test_who_would_not_be_over(void **state)
{
	struct rig *r = *state;
	struct mscg_spec longer = limited(4, 61), shorter = limited(4, 60), endless = limited(4, 0), beside = limited(2, 0);
	struct mscg_id waits;

	reserve(r, 60, 30, 6);
	waits = rig_submit(r, &longer);
	assert_waits(r, waits, MSCG_REASON_RESERVATION, "would not be over when reservation class begins, in 01:00:00");
	started(r, &beside);  /* there are 2 beside it */
	started(r, &shorter); /* it passes, and is over by then */
	assert_waits(r, rig_submit(r, &endless), MSCG_REASON_PRIORITY, "waits before it");
	assert_waits(r, waits, MSCG_REASON_RESOURCES, "");
}

static void test_window_is_kept(void **state)
{
	struct rig *r = *state;
	struct mscg_spec three = limited(3, 10), two = limited(2, 10), mine = in_class(6, 10);
	struct mscg_id other, own;
	struct core_reservation_use use;

	reserve(r, 1, 30, 6);
	own = rig_submit(r, &mine);
	assert_waits(r, own, MSCG_REASON_RESERVATION, "reservation class begins in 00:01:00");
	assert_true(r->out.wake_boot_usec == r->now.boot_usec + MINUTE);
	mine = in_class(1, 10);
	mine.uid = 6;
	mine.hold = true;
	rig_tick(r, MINUTE);
	assert_int_equal(rig_state(r, own), MSCG_STATE_RUNNING);
	other = rig_submit(r, &three);
	assert_waits(r, other, MSCG_REASON_RESOURCES, "needs 3 CPUs, 2 are free");
	started(r, &two);
	assert_true(core_get_reservation(r->core, 0, &use));
	assert_true(use.begun && use.running == 1 && use.cpus_held == 6000);
	assert_false(core_get_reservation(r->core, 1, &use));
	rig_started(r, own);
	REPORT(r, EXITED, own, .exit_code = 0);
	REPORT(r, ENDED, own, .exit_code = 0);
	assert_waits(r, other, MSCG_REASON_RESERVATION, "reservation class has what it needs, for 00:30:00 yet");
	rig_tick(r, 30 * MINUTE);
	assert_int_equal(r->out.reservations_n, 1);
	assert_int_equal(r->out.reservations[0].end_usec, 0);
	assert_int_equal(rig_state(r, other), MSCG_STATE_RUNNING);
}

static void test_backfill_goes_on_around_it(void **state)
{
	struct rig *r = *state;
	struct mscg_spec head = limited(8, 120), filler = limited(8, 30), second = limited(8, 31);
	struct core_forecast forecast;
	struct mscg_id id;

	reserve(r, 60, 30, 1);
	id = rig_submit(r, &head);
	assert_waits(r, id, MSCG_REASON_RESERVATION, "class");
	assert_true(core_foresee(r->core, id, r->now, &forecast));
	assert_true(forecast.start_usec == r->now.real_usec + 90 * MINUTE);
	started(r, &filler);
	assert_int_equal(rig_state(r, rig_submit(r, &second)), MSCG_STATE_PENDING);
}

static void test_shorter_limit(void **state)
{
	struct rig *r = *state;
	struct mscg_spec spec = limited(8, 120);
	struct mscg_id id;

	spec.time_min_s = 600;
	reserve(r, 60, 30, 1);
	id = started(r, &spec);
	assert_int_equal(rig_job(r, id)->time_limit_s, 3600);
}

static void test_memory(void **state)
{
	struct rig *r = *state;
	struct core_reservation w = window(r, 60, 30, 1);
	struct mscg_spec spec = limited(1, 0), small = limited(1, 0);

	w.mem_bytes = 12 * GIB;
	assert_int_equal(ask(r, CORE_RESERVE, &w)->code, 0);
	spec.mem_bytes = 5 * GIB;
	small.mem_bytes = 4 * GIB;
	assert_waits(r, rig_submit(r, &spec), MSCG_REASON_RESERVATION, "class");
	started(r, &small);
}

/* -- elastic jobs --------------------------------------------------------------------------------------------------- */

static void test_elastic_job_shrinks(void **state)
{
	struct rig *r = *state;
	struct mscg_spec spec = elastic_spec(2, 4, 8, 64 * MIB, 9);
	struct mscg_spec mine = in_class(6, 10);
	struct mscg_id id, own;

	id = started(r, &spec);
	land(r, id); /* to 8 */
	assert_int_equal(rig_job(r, id)->current_cpus_milli, 8000);
	reserve(r, 10, 30, 6);
	own = rig_submit(r, &mine);
	rig_tick(r, 9 * MINUTE);
	assert_int_equal(r->out.actions_n, 0);
	rig_tick(r, MINUTE);
	assert_int_equal(rig_state(r, own), MSCG_STATE_PENDING);
	assert_string_equal(find_event(&r->out, MSCG_EVENT_RESIZING, id)->text, "makes room for reservation class");
	land(r, id);
	assert_int_equal(rig_job(r, id)->current_cpus_milli, 2000);
	assert_int_equal(rig_state(r, own), MSCG_STATE_RUNNING);
	rig_tick(r, 29 * MINUTE);
	rig_started(r, own);
	rig_tick(r, MINUTE);
	assert_true(rig_job(r, own)->flags & MSCG_JOB_TIMED_OUT);
	REPORT(r, ENDED, own, .exit_signal = 9);
	assert_int_equal(find_row(&r->out, own)->job.state, MSCG_STATE_TIMEOUT);
	land(r, id);
	assert_int_equal(rig_job(r, id)->current_cpus_milli, 8000);
}

static void test_elastic_job_does_not_grow_into_it(void **state)
{
	struct rig *r = *state;
	struct mscg_spec spec = elastic_spec(1, 2, 8, 64 * MIB, 0), filler = limited(6, 5);
	struct mscg_id id, other;

	r->policy.elastic_calm_ms = 0;
	reserve(r, 10, 30, 4);
	other = started(r, &filler);
	id = started(r, &spec);
	rig_tick(r, 9 * MINUTE); /* it begins in a minute */
	REPORT(r, ENDED, other, .exit_code = 0);
	land(r, id);
	assert_int_equal(rig_job(r, id)->current_cpus_milli, 4000);
	rig_tick(r, MINUTE);
	assert_int_equal(r->out.actions_n, 0);
	rig_tick(r, 30 * MINUTE);
	land(r, id);
	assert_int_equal(rig_job(r, id)->current_cpus_milli, 8000);
}

/* -- its own jobs --------------------------------------------------------------------------------------------------- */

static void test_limit_ends_with_it(void **state)
{
	struct rig *r = *state;
	struct mscg_spec endless = in_class(1, 0), late = in_class(1, 5);
	struct mscg_id id;

	reserve(r, 0, 30, 6);
	endless.grace_s = 60;
	id = started(r, &endless);
	assert_int_equal(rig_job(r, id)->time_limit_s, 29 * 60);
	late.grace_s = 60;
	rig_tick(r, 29 * MINUTE);
	assert_true(rig_job(r, id)->flags & MSCG_JOB_TIMED_OUT);
	assert_waits(r, rig_submit(r, &late), MSCG_REASON_RESERVATION, "ends in 00:01:00, which is too little for it");
	rig_tick(r, MINUTE);
	assert_true(rig_job(r, id)->flags & MSCG_JOB_KILLED);
}

static void test_no_more_than_it_has(void **state)
{
	struct rig *r = *state;
	struct mscg_spec four = in_class(4, 10), three = in_class(3, 10), two = in_class(2, 10), big = limited(2, 5);

	reserve(r, 0, 30, 6);
	started(r, &four);
	assert_waits(r, rig_submit(r, &three), MSCG_REASON_RESERVATION, "needs 3 CPUs, 2 are free in reservation class");
	started(r, &two); /* the first of its jobs that fits */
	started(r, &big);
}

static void test_rights(void **state)
{
	static const struct core_account accounts[] = {{"biology", CORE_NO_ACCOUNT, 1, 0}, {"geology", CORE_NO_ACCOUNT, 1, 0}};
	static const struct { uint32_t uid, cpus; const char *name, *account, *text; bool quota; int code; } cases[] = {
		{5, 1, "class", NULL, "reservation class is for others", false, -EPERM},
		{5, 1, "class", "geology", "is for others: expected one of its accounts", false, -EPERM},
		{5, 1, "class", "physics", "is for others", false, -EPERM}, /* no such account: anybody could say that */
		{10, 1, "class", NULL, "reservation class is for others", false, -EPERM}, /* 1000 begins with it */
		{1001, 1, "glass", NULL, "there is no reservation 'glass'", false, -EINVAL},
		{1001, 7, "class", NULL, "needs 7 CPUs: expected at most the 6 of reservation class", false, -ENOSPC},
		{1001, 1, "class", NULL, "expected no --cpu-mode=quota", true, -ENOSPC},
	};
	struct rig *r = *state;
	struct core_reservation w = window(r, 0, 30, 6);
	struct mscg_spec spec;

	w.accounts = (char *)(uintptr_t)"physics,biology";
	r->policy.priority.account = accounts;
	r->policy.priority.accounts = ARRAY_SIZE(accounts);
	rig_step(r, &(struct core_input){.kind = CORE_POLICY, .policy = &r->policy}, 1);
	assert_int_equal(ask(r, CORE_RESERVE, &w)->code, 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct core_input in = {.kind = CORE_SUBMIT, .token = 7, .spec = &spec};

		spec = in_class(cases[i].cpus, 5);
		spec.uid = cases[i].uid;
		spec.reservation = (char *)(uintptr_t)cases[i].name;
		spec.account = (char *)(uintptr_t)cases[i].account;
		spec.cpu_mode = cases[i].quota ? MSCG_CPUS_QUOTA : MSCG_CPUS_EXCLUSIVE;
		rig_step(r, &in, 1);
		assert_int_equal(r->out.answers[0].code, cases[i].code);
		if (!cases[i].quota && !strstr(r->out.answers[0].text, cases[i].text))
			fail_msg("'%s': expected '%s' in it", r->out.answers[0].text, cases[i].text);
	}
	spec = in_class(1, 5);
	spec.uid = 5;
	spec.account = (char *)(uintptr_t)"biology";
	started(r, &spec);
}

/* -- what is refused -------------------------------------------------------------------------------------------------- */

static void refused(struct rig *r, const struct core_reservation *w, int code, const char *part)
{
	const struct core_answer *a = ask(r, CORE_RESERVE, w);

	assert_int_equal(a->code, code);
	if (!strstr(a->text, part))
		fail_msg("'%s': expected '%s' in it", a->text, part);
	assert_int_equal(r->out.reservations_n, 0);
}

static void test_refusals(void **state)
{
	struct rig *r = *state;
	struct core_reservation w = window(r, -10, 30, 6);
	struct mscg_spec spec = limited(4, 60), endless = limited(2, 0);

	refused(r, &w, -EINVAL, "reservation class: it would begin at 2023-11-14T22:03:20");
	w = window(r, 10, 0, 6);
	refused(r, &w, -EINVAL, "expected an end after that");
	w = window(r, 10, 10, 9);
	refused(r, &w, -ENOSPC, "9 CPUs: expected at most the 8 that this machine gives out");
	w = window(r, 10, 10, 1);
	w.cpus_milli = 500;
	refused(r, &w, -ENOSPC, "expected a whole number");
	w = window(r, 10, 10, 1);
	w.mem_bytes = 17 * GIB;
	refused(r, &w, -ENOSPC, "17G of memory: expected at most the 16G");
	w = window(r, 10, 10, 1);
	w.users = NULL;
	refused(r, &w, -EINVAL, "it is for nobody");
	w.flags = CORE_RESERVATION_MAINT;
	w.users = (char *)(uintptr_t)"7";
	refused(r, &w, -EINVAL, "expected no users");

	started(r, &spec);
	w = window(r, 10, 10, 6);
	refused(r, &w, -ENOSPC, "expected a start at 2023-11-14T23:13:20");
	w = window(r, 60, 10, 6);
	assert_int_equal(ask(r, CORE_RESERVE, &w)->code, 0);
	refused(r, &w, -EINVAL, "there is one of that name");
	w.name = (char *)(uintptr_t)"other";
	refused(r, &w, -ENOSPC, "expected a start at 2023-11-14T23:23:20");
	started(r, &endless);
	w = window(r, 600, 10, 7);
	w.name = (char *)(uintptr_t)"other";
	refused(r, &w, -ENOSPC, "no time limit: expected fewer than 7 CPUs, or an end of those jobs");
}

static void test_more_time_and_more_cpus(void **state)
{
	struct rig *r = *state;
	struct mscg_spec spec = limited(4, 30);
	struct core_update longer = {.field[MSCG_FIELD_TIME_LIMIT] = {.given = true, .value = 3600}};
	struct core_input in = {.kind = CORE_UPDATE, .token = 7, .update = &longer};

	in.id = started(r, &spec);
	reserve(r, 50, 30, 6);
	rig_step(r, &in, 1);
	assert_int_equal(r->out.answers[0].code, -EBUSY);
	assert_non_null(strstr(r->out.answers[0].text, "reservation class begins at 2023-11-14T23:03:20"));
	longer.field[MSCG_FIELD_TIME_LIMIT].value = 3000;
	rig_step(r, &in, 1);
	assert_int_equal(r->out.answers[0].code, 0);
	spec = limited(2, 0);
	in = (struct core_input){.kind = CORE_RESIZE, .token = 7, .id = started(r, &spec), .cpus_milli = 3000};
	rig_step(r, &in, 1);
	assert_int_equal(r->out.answers[0].resize, CORE_RESIZE_DEFERRED);
	assert_non_null(strstr(r->out.answers[0].text, "reservation class has that from 2023-11-14T23:03:20"));
	in.cpus_milli = 1000;
	rig_step(r, &in, 1);
	assert_int_equal(r->out.answers[0].resize, CORE_RESIZE_INPROGRESS);
}

static void test_delete(void **state)
{
	struct rig *r = *state;
	struct core_reservation w = window(r, 0, 30, 6);
	struct mscg_spec mine = in_class(2, 10), second = in_class(6, 10), other = limited(6, 0);
	const struct core_answer *a;
	struct mscg_id id, left;

	assert_int_equal(ask(r, CORE_UNRESERVE, &w)->code, -ESRCH);
	reserve(r, 0, 30, 6);
	id = started(r, &mine);
	left = rig_submit(r, &second);
	a = ask(r, CORE_UNRESERVE, &w);
	assert_int_equal(a->code, -EBUSY);
	assert_non_null(strstr(a->text, "reservation class has 1 job that run"));
	REPORT(r, ENDED, id, .exit_code = 0);
	/* what waits in it starts, and ends */
	rig_started(r, left);
	REPORT(r, ENDED, left, .exit_code = 0);
	left = rig_submit(r, &(struct mscg_spec){.cpus_milli = 1000, .min_cpus_milli = 1000, .max_cpus_milli = 1000, .mem_bytes = 64 * MIB,
	                                         .uid = 1000, .reservation = (char *)(uintptr_t)"class", .hold = true});
	assert_int_equal(ask(r, CORE_UNRESERVE, &w)->code, 0);
	assert_int_equal(r->out.reservations_n, 1);
	started(r, &other);
	w = window(r, 0, 10, 1);
	w.users = (char *)(uintptr_t)"7";
	refused(r, &w, -EINVAL, "was for an earlier one of that name");
	assert_int_equal(rig_cancel(r, left), 0);
	assert_int_equal(ask(r, CORE_RESERVE, &w)->code, 0);
}

/* -- restart ---------------------------------------------------------------------------------------------------------- */

static void test_restart_keeps_it(void **state)
{
	struct rig *r = *state;
	struct mscg_spec two = limited(2, 120), three = limited(3, 120);
	struct core_reservation kept;
	struct mscg_row row;

	reserve(r, 60, 30, 6);
	core_reservation_copy(&r->out.reservations[0], &kept);
	rig_submit(r, &two);
	row = r->out.rows[0];
	r->out.rows_n = 0;
	core_free(r->core);
	r->core = core_new(&r->machine.m, &r->policy);
	core_load_reservation(r->core, &kept);
	assert_int_equal(core_load(r->core, &row, r->now, NULL), 0);
	rig_started(r, row.job.id);
	assert_waits(r, rig_submit(r, &three), MSCG_REASON_RESERVATION, "class");
	core_reservation_clear(&kept);
	mscg_row_clear(&row);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rig, close_rig)
	const struct CMUnitTest tests[] = {
		TEST(test_who_would_not_be_over), TEST(test_window_is_kept), TEST(test_backfill_goes_on_around_it), TEST(test_shorter_limit),
		TEST(test_memory), TEST(test_elastic_job_shrinks), TEST(test_elastic_job_does_not_grow_into_it), TEST(test_limit_ends_with_it),
		TEST(test_no_more_than_it_has), TEST(test_rights), TEST(test_refusals), TEST(test_more_time_and_more_cpus), TEST(test_delete),
		TEST(test_restart_keeps_it),
	};

	return cmocka_run_group_tests_name("core_reserve", tests, NULL, NULL);
}
