/* The table of states by events, every cell of it. The table here is written out by hand and apart from the core's, so
 * that a change of either shows. */
#include "tests/unit/core_support.h"

#include "src/core/machine.h"

enum { NO = -1, FINAL = -2 };
#define P  MSCG_STATE_PENDING
#define R  MSCG_STATE_RUNNING
#define S  MSCG_STATE_SUSPENDED
#define CG MSCG_STATE_COMPLETING

static const struct row {
	enum mscg_event_kind event;
	int fresh, pending, running, suspended, completing, final;
} rows[] = {
	{MSCG_EVENT_SUBMITTED,       P,  NO,    NO,    NO,    NO, NO},
	{MSCG_EVENT_GRANTED,         NO, R,     NO,    NO,    NO, NO},
	{MSCG_EVENT_STARTED,         NO, NO,    R,     NO,    NO, NO},
	{MSCG_EVENT_DEFERRED,        NO, NO,    P,     NO,    NO, NO},
	{MSCG_EVENT_EXITED,          NO, NO,    CG,    CG,    NO, NO},
	{MSCG_EVENT_ENDED,           NO, FINAL, FINAL, FINAL, FINAL, NO},
	{MSCG_EVENT_CANCEL,          NO, P,     R,     S,     CG, NO},
	{MSCG_EVENT_TIMELIMIT,       NO, NO,    R,     S,     NO, NO},
	{MSCG_EVENT_KILL,            NO, NO,    R,     S,     CG, NO},
	{MSCG_EVENT_RESIZING,        NO, NO,    R,     S,     NO, NO},
	{MSCG_EVENT_RESIZED,         NO, NO,    R,     S,     CG, NO},
	{MSCG_EVENT_RESIZE_DEFERRED, NO, NO,    R,     S,     CG, NO},
	{MSCG_EVENT_REQUEUED,        NO, NO,    P,     P,     P,  P},
	{MSCG_EVENT_UPDATED,         NO, P,     R,     S,     CG, NO},
	{MSCG_EVENT_HELD,            NO, P,     NO,    NO,    NO, NO},
	{MSCG_EVENT_RELEASED,        NO, P,     NO,    NO,    NO, NO},
	{MSCG_EVENT_REQUEUE,         NO, NO,    R,     S,     CG, NO},
	{MSCG_EVENT_SUSPENDED,       NO, NO,    S,     S,     NO, NO},
	{MSCG_EVENT_RESUME,          NO, NO,    NO,    S,     NO, NO},
	{MSCG_EVENT_RESUMED,         NO, NO,    NO,    R,     NO, NO},
	{MSCG_EVENT_WARNED,          NO, NO,    R,     S,     NO, NO},
	{MSCG_EVENT_PREEMPTED,       NO, NO,    R,     NO,    NO, NO},
};
_Static_assert(ARRAY_SIZE(rows) == MSCG_EVENT_COUNT, "a row for every event");

static int cell(const struct row *row, int state, bool fresh)
{
	if (fresh)
		return row->fresh;
	switch (state) {
	case P:
		return row->pending;
	case R:
		return row->running;
	case S:
		return row->suspended;
	case CG:
		return row->completing;
	default:
		return row->final;
	}
}

static struct mscg_job job_in(int state, bool fresh)
{
	struct mscg_job job = {.id = {7, MSCG_NO_TASK}, .state = (uint8_t)state, .cpus_milli = 2000, .min_cpus_milli = 2000,
	                       .max_cpus_milli = 2000, .mem_bytes = GIB, .submit_usec = fresh ? 0 : 5};

	if (!fresh && state != P) {
		job.attempt = 1;
		job.current_cpus_milli = 2000;
		job.run = xcalloc(1, sizeof *job.run);
		job.run->grant = mscg_grant_new(1);
		job.run->grant->share[0].cpus = set_of("0-1");
		job.run->grant->share[0].cpu_milli = 2000;
		job.run->grant->share[0].mem_bytes = GIB;
	}
	return job;
}

static struct mscg_event event_for(const struct mscg_job *job, enum mscg_event_kind kind)
{
	return (struct mscg_event){
		.id = job->id, .time_usec = 9, .kind = (uint8_t)kind, .state = MSCG_STATE_FAILED, .attempt = job->attempt + 1,
		.cpus_milli = 2000, .mem_bytes = GIB, .cpus = (char *)(uintptr_t)"0-1",
	};
}

static bool same(const struct mscg_job *a, const struct mscg_job *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

static void test_every_cell(void **unused)
{
	unsigned listed = 0, empty = 0;

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (int state = -1; state < MSCG_STATE_COUNT; state++) {
			bool fresh = state < 0;
			int expected = cell(&rows[i], state, fresh);
			struct mscg_job job = job_in(fresh ? P : state, fresh), before = job;
			struct mscg_event event = event_for(&job, rows[i].event);
			struct mscg_error error = {0};
			int r = core_job_apply(&job, &event, &error);

			if (expected == NO) {
				assert_int_equal(r, -EBADMSG);
				assert_int_equal(error.code, -EBADMSG);
				assert_non_null(strstr(error.text, mscg_event_name(rows[i].event)));
				assert_true(same(&job, &before));
				empty++;
			} else {
				assert_int_equal(r, 0);
				assert_int_equal(job.state, expected == FINAL ? MSCG_STATE_FAILED : expected);
				listed++;
			}
			mscg_run_free(job.run);
		}
	assert_int_equal(listed, 36 + 3 + 10 + 5 + 1);
	assert_int_equal(listed + empty, MSCG_EVENT_COUNT * (MSCG_STATE_COUNT + 1));
}

/* The same by the core's own word for it. */
static void test_transition_agrees(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (int state = -1; state < MSCG_STATE_COUNT; state++) {
			enum mscg_state to = MSCG_STATE_COUNT;
			int expected = cell(&rows[i], state, state < 0);
			int r = core_transition(state < 0 ? P : (enum mscg_state)state, state < 0, rows[i].event, &to);

			assert_int_equal(r, expected == NO ? -EBADMSG : expected == FINAL ? 1 : 0);
			if (expected >= 0)
				assert_int_equal(to, expected);
		}
}

static void test_ended_names_a_final_state(void **unused)
{
	(void)unused;
	for (int state = 0; state < MSCG_STATE_COUNT; state++) {
		struct mscg_job job = job_in(CG, false);
		struct mscg_event event = event_for(&job, MSCG_EVENT_ENDED);
		int r;

		event.state = (uint8_t)state;
		r = core_job_apply(&job, &event, NULL);
		assert_int_equal(r, mscg_state_is_final((enum mscg_state)state) ? 0 : -EBADMSG);
		if (r == 0)
			assert_null(job.run->grant);
		mscg_run_free(job.run);
	}
}

static void test_numbers_out_of_range(void **unused)
{
	struct mscg_job job = job_in(R, false);
	struct mscg_event event = event_for(&job, MSCG_EVENT_STARTED);

	(void)unused;
	event.kind = MSCG_EVENT_COUNT;
	assert_int_equal(core_job_apply(&job, &event, NULL), -EBADMSG);
	event.kind = MSCG_EVENT_STARTED;
	job.state = MSCG_STATE_COUNT;
	assert_int_equal(core_job_apply(&job, &event, NULL), -EBADMSG);
	job.state = 200;
	assert_int_equal(core_job_apply(&job, &event, NULL), -EBADMSG);
	mscg_run_free(job.run);
}

/* What a payload that makes no sense leaves behind: nothing. */
static void test_bad_payload_changes_nothing(void **unused)
{
	static const struct { enum mscg_event_kind kind; int state; } cases[] = {
		{MSCG_EVENT_GRANTED, P}, {MSCG_EVENT_RESIZING, R}, {MSCG_EVENT_RESIZED, R}, {MSCG_EVENT_RESIZE_DEFERRED, CG},
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mscg_job job = job_in(cases[i].state, false), before = job;
		struct mscg_event event = event_for(&job, cases[i].kind);

		event.cpus = (char *)(uintptr_t)"3-1";
		assert_int_equal(core_job_apply(&job, &event, NULL), -EINVAL);
		assert_true(same(&job, &before));
		event.cpus = (char *)(uintptr_t)"0-1";
		if (cases[i].kind == MSCG_EVENT_GRANTED) {
			event.attempt = 3;
			assert_int_equal(core_job_apply(&job, &event, NULL), -EBADMSG);
			assert_true(same(&job, &before));
		}
		mscg_run_free(job.run);
	}
}

static void apply(struct mscg_job *job, enum mscg_event_kind kind, uint32_t cpus, const char *set, uint64_t mem)
{
	struct mscg_event event = event_for(job, kind);
	struct mscg_error error;

	event.cpus_milli = cpus;
	event.cpus = (char *)(uintptr_t)set;
	event.mem_bytes = mem;
	if (core_job_apply(job, &event, &error) < 0)
		fail_msg("%s", error.text);
}

/* While a resize is under way a job counts on the smaller size and holds the larger. */
static void test_resize_holds_both(void **unused)
{
	struct mscg_job job = job_in(R, false);
	struct mscg_share *share = &job.run->grant->share[0];

	(void)unused;
	apply(&job, MSCG_EVENT_RESIZING, 4000, "0-3", GIB);
	assert_int_equal(job.current_cpus_milli, 2000);
	assert_int_equal(share->cpu_milli, 4000);
	assert_set(&share->cpus, "0-3");
	apply(&job, MSCG_EVENT_RESIZED, 4000, "0-3", GIB);
	assert_int_equal(job.current_cpus_milli, 4000);
	apply(&job, MSCG_EVENT_RESIZING, 1000, "2", GIB / 2);
	assert_int_equal(job.current_cpus_milli, 1000);
	assert_int_equal(job.mem_bytes, GIB / 2);
	assert_int_equal(share->mem_bytes, GIB);
	assert_set(&share->cpus, "0-3");
	apply(&job, MSCG_EVENT_RESIZE_DEFERRED, 4000, "0-3", GIB);
	assert_int_equal(job.current_cpus_milli, 4000);
	assert_int_equal(job.mem_bytes, GIB);
	apply(&job, MSCG_EVENT_RESIZING, 1000, "2", GIB);
	apply(&job, MSCG_EVENT_RESIZED, 1000, "2", GIB);
	assert_set(&share->cpus, "2");
	assert_int_equal(job.current_cpus_milli, 1000);
	mscg_run_free(job.run);
}

static void test_flags_and_times(void **unused)
{
	struct mscg_job job = job_in(P, true);

	(void)unused;
	apply(&job, MSCG_EVENT_SUBMITTED, 2000, "", GIB);
	assert_int_equal(job.submit_usec, 9);
	apply(&job, MSCG_EVENT_GRANTED, 2000, "4-5", GIB);
	assert_int_equal(job.attempt, 1);
	assert_int_equal(job.start_usec, 0);
	apply(&job, MSCG_EVENT_STARTED, 0, NULL, 0);
	assert_int_equal(job.start_usec, 9);
	apply(&job, MSCG_EVENT_CANCEL, 0, NULL, 0);
	apply(&job, MSCG_EVENT_TIMELIMIT, 0, NULL, 0);
	apply(&job, MSCG_EVENT_KILL, 0, NULL, 0);
	assert_int_equal(job.flags, MSCG_JOB_STARTED | MSCG_JOB_CANCELLING | MSCG_JOB_TIMED_OUT | MSCG_JOB_KILLED);
	apply(&job, MSCG_EVENT_REQUEUED, 0, NULL, 0);
	assert_int_equal(job.flags, 0);
	assert_int_equal(job.start_usec, 0);
	assert_int_equal(job.attempt, 1);
	assert_null(job.run->grant);
	apply(&job, MSCG_EVENT_UPDATED, 3000, NULL, 0);
	assert_int_equal(job.max_cpus_milli, 3000); /* not elastic: it is all three */
	apply(&job, MSCG_EVENT_GRANTED, 3000, "4-6", GIB);
	assert_int_equal(job.attempt, 2);
	apply(&job, MSCG_EVENT_ENDED, 0, NULL, 0);
	assert_int_equal(job.end_usec, 9);
	assert_int_equal(job.current_cpus_milli, 0);
	assert_int_equal(job.restarts, 1);
	apply(&job, MSCG_EVENT_REQUEUED, 0, NULL, 0);
	assert_int_equal(job.end_usec, 0);
	assert_int_equal(job.restarts, 2);
	mscg_run_free(job.run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_cell),
		cmocka_unit_test(test_transition_agrees),
		cmocka_unit_test(test_ended_names_a_final_state),
		cmocka_unit_test(test_numbers_out_of_range),
		cmocka_unit_test(test_bad_payload_changes_nothing),
		cmocka_unit_test(test_resize_holds_both),
		cmocka_unit_test(test_flags_and_times),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("core_machine", tests, NULL, NULL);
}
