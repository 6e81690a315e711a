/* What the replay scripts do not show: accounting to the microsecond, answers, restart from bad rows, walks, stats, a
 * machine that changes. */
#include "tests/unit/core_support.h"

#include <limits.h>

static void open_rig(struct rig *r, unsigned cores)
{
	memset(r, 0, sizeof *r);
	build_machine(&r->machine, 1, 1, 1, cores, 1);
	r->policy = test_policy();
	rig_open(r);
}

/* -- accounting --------------------------------------------------------------------------------------------------- */

static void test_held_time_is_exact(void **state)
{
	struct rig r;
	struct mscg_spec spec = elastic_spec(1, 2, 4, GIB, 0);
	struct mscg_id id;

	(void)state;
	open_rig(&r, 4);
	id = rig_submit(&r, &spec);
	rig_pass(&r, 1000003); /* being started: two CPUs are held */
	rig_started(&r, id);
	assert_non_null(find_action(&r.out, MSCG_ACTION_RESIZE, id));
	rig_pass(&r, 500); /* nobody else can have the four from now on */
	REPORT(&r, RESIZED, id, .resize_seq = find_action(&r.out, MSCG_ACTION_RESIZE, id)->resize_seq);
	assert_int_equal(rig_job(&r, id)->current_cpus_milli, 4000);
	rig_pass(&r, 7);
	REPORT(&r, EXITED, id, .exit_code = 0);
	rig_pass(&r, 11);
	REPORT(&r, ENDED, id, .usage = {.cpu_usec = 42, .cpu_held_usec = 99});
	assert_int_equal(find_row(&r.out, id)->job.run->usage.cpu_held_usec, 2 * 1000003 + 4 * (500 + 7 + 11));
	assert_int_equal(find_row(&r.out, id)->job.run->usage.cpu_usec, 42);
	assert_null(find_row(&r.out, id)->job.run->grant);
	rig_close(&r);
}

static void test_held_time_of_a_share(void **state)
{
	struct rig r;
	struct mscg_spec spec = job_spec(1, GIB, 0);
	struct mscg_id id;

	(void)state;
	memset(&r, 0, sizeof r);
	build_machine(&r.machine, 1, 1, 1, 2, 1);
	mscg_cpuset_add(&r.machine.m.shared, 0);
	r.policy = test_policy();
	rig_open(&r);
	spec.cpu_mode = MSCG_CPUS_QUOTA;
	spec.cpus_milli = spec.min_cpus_milli = spec.max_cpus_milli = 250;
	id = rig_submit(&r, &spec);
	rig_started(&r, id);
	assert_int_equal(find_action(&r.out, MSCG_ACTION_RESIZE, id) != NULL, 0);
	rig_pass(&r, 4000002);
	REPORT(&r, ENDED, id, .exit_code = 0);
	assert_int_equal(find_row(&r.out, id)->job.run->usage.cpu_held_usec, 1000000);
	rig_close(&r);
}

/* What attempts held is added up, each that began once. */
static void test_held_by_attempts(void **state)
{
	struct rig r;
	struct mscg_spec spec = job_spec(2, GIB, 0);
	const struct mscg_past *past;
	struct core_input requeue = {.kind = CORE_REQUEUE};
	struct mscg_row row;

	(void)state;
	open_rig(&r, 2);
	spec.max_retries = 1;
	requeue.id = rig_submit(&r, &spec);
	REPORT(&r, START_DEFERRED, requeue.id, .text = "no memory");
	rig_tick(&r, USEC_PER_SEC);
	assert_int_equal(rig_state(&r, requeue.id), MSCG_STATE_RUNNING);
	rig_started(&r, requeue.id);
	assert_true(rig_job(&r, requeue.id)->start_usec > 0);
	rig_pass(&r, 5 * USEC_PER_SEC);
	REPORT(&r, ENDED, requeue.id, .exit_code = 3);
	assert_int_equal(rig_job(&r, requeue.id)->attempt, 3);
	past = &rig_job(&r, requeue.id)->run->past;
	assert_int_equal(past->cpu_usec, 2 * 5 * USEC_PER_SEC);
	assert_int_equal(past->mem_mib_msec, 1024 * 5000);
	rig_started(&r, requeue.id);
	rig_pass(&r, 3 * USEC_PER_SEC);
	REPORT(&r, ENDED, requeue.id, .exit_code = 4);
	row = *find_row(&r.out, requeue.id);
	assert_int_equal(row.job.state, MSCG_STATE_FAILED);
	assert_int_equal(row.job.run->past.cpu_usec, 2 * 5 * USEC_PER_SEC);
	assert_int_equal(row.job.run->usage.cpu_held_usec, 2 * 3 * USEC_PER_SEC);

	/* what had ended, and then never began again */
	row.job.run = mscg_run_copy(row.job.run);
	requeue.row = &row;
	rig_pass(&r, 60 * USEC_PER_SEC);
	rig_step(&r, &(struct core_input){.kind = CORE_DRAIN, .on = true}, 1);
	rig_step(&r, &requeue, 1);
	past = &rig_job(&r, requeue.id)->run->past;
	assert_int_equal(past->cpu_usec, 2 * 8 * USEC_PER_SEC);
	assert_int_equal(past->mem_mib_msec, 1024 * 8000);
	mscg_run_free(row.job.run);
	assert_int_equal(rig_cancel(&r, requeue.id), 0);
	row = *find_row(&r.out, requeue.id);
	row.job.run = mscg_run_copy(row.job.run);
	rig_step(&r, &requeue, 1);
	assert_int_equal(rig_job(&r, requeue.id)->run->past.cpu_usec, 2 * 8 * USEC_PER_SEC);
	mscg_run_free(row.job.run);
	rig_close(&r);
}

/* The wall clock jumps, limits do not. */
static void test_wall_clock_jumps(void **state)
{
	struct rig r;
	struct mscg_spec spec = job_spec(1, GIB, 0);
	struct mscg_id id;

	(void)state;
	open_rig(&r, 1);
	spec.time_limit_s = 100;
	id = rig_submit(&r, &spec);
	rig_started(&r, id);
	assert_int_equal(r.out.wake_boot_usec, r.now.boot_usec + 100 * USEC_PER_SEC);
	r.now.real_usec += 86400 * USEC_PER_SEC;
	rig_tick(&r, 99 * USEC_PER_SEC);
	assert_int_equal(r.out.events_n, 0);
	r.now.real_usec -= 10 * 86400 * USEC_PER_SEC;
	rig_tick(&r, 1 * USEC_PER_SEC);
	assert_non_null(find_event(&r.out, MSCG_EVENT_TIMELIMIT, id));
	assert_int_equal(find_action(&r.out, MSCG_ACTION_SIGNAL, id)->signal, 15);
	rig_close(&r);
}

/* The limit counts from the exec, even if the report of it came late. */
static void test_limit_counts_from_exec(void **state)
{
	struct rig r;
	struct mscg_spec spec = job_spec(1, GIB, 0);
	struct mscg_id id;

	(void)state;
	open_rig(&r, 1);
	spec.time_limit_s = 10;
	id = rig_submit(&r, &spec);
	rig_pass(&r, 5 * USEC_PER_SEC);
	REPORT(&r, STARTED, id, .time_usec = r.now.real_usec - 4 * USEC_PER_SEC);
	assert_int_equal(rig_job(&r, id)->start_usec, r.now.real_usec - 4 * USEC_PER_SEC);
	assert_int_equal(r.out.wake_boot_usec, r.now.boot_usec + 6 * USEC_PER_SEC);
	rig_close(&r);
}

/* -- submission --------------------------------------------------------------------------------------------------- */

static void test_defaults(void **state)
{
	struct rig r;
	struct mscg_spec spec = elastic_spec(1, 2, 0, 0, 0);
	struct mscg_id id;

	(void)state;
	open_rig(&r, 4);
	r.policy.default_time_limit_s = 77;
	rig_step(&r, &(struct core_input){.kind = CORE_POLICY, .policy = &r.policy}, 1);
	id = rig_submit(&r, &spec);
	assert_int_equal(id.job, 1);
	assert_int_equal(rig_job(&r, id)->mem_bytes, 2 * 64 * MIB);
	assert_int_equal(rig_job(&r, id)->max_cpus_milli, 4000);
	assert_int_equal(rig_job(&r, id)->time_limit_s, 77);
	/* However little is configured, a cgroup must be able to exec. */
	r.policy.default_mem_per_cpu = 5;
	rig_step(&r, &(struct core_input){.kind = CORE_POLICY, .policy = &r.policy}, 1);
	id = rig_submit(&r, &spec);
	assert_int_equal(rig_job(&r, id)->mem_bytes, 4 * MIB);
	rig_close(&r);
}

static void test_answers(void **state)
{
	struct rig r;
	struct mscg_spec huge = job_spec(9, GIB, 0);
	struct core_input in = {.kind = CORE_SUBMIT, .token = 5, .spec = &huge};
	struct mscg_error error;

	(void)state;
	open_rig(&r, 4);
	rig_step(&r, &in, 1);
	assert_int_equal(r.out.answers[0].code, 0);
	assert_int_equal(r.out.answers[0].reason, MSCG_REASON_INFEASIBLE);
	assert_int_equal(r.out.answers[0].token, 5);
	assert_true(rig_job(&r, id_of(1))->flags & MSCG_JOB_INFEASIBLE);
	assert_int_equal(core_admits(r.core, &(struct mscg_spec *){&huge}, 1, &error), 0);
	huge.attached = true;
	assert_int_equal(core_admits(r.core, &(struct mscg_spec *){&huge}, 1, &error), -ENOSPC);
	rig_step(&r, &in, 1);
	assert_int_equal(r.out.answers[0].code, -ENOSPC);
	assert_string_equal(error.text, r.out.answers[0].text);
	huge.attached = false;
	r.policy.infeasible_reject = true;
	rig_step(&r, &(struct core_input){.kind = CORE_POLICY, .policy = &r.policy}, 1);
	rig_step(&r, &in, 1);
	assert_int_equal(r.out.answers[0].code, -ENOSPC);
	assert_int_equal(r.out.events_n, 0);
	assert_int_equal(core_admits(r.core, &(struct mscg_spec *){&huge}, 1, &error), -ENOSPC);
	assert_string_equal(error.text, r.out.answers[0].text);
	in.token = 0; /* nobody asks */
	rig_step(&r, &in, 1);
	assert_int_equal(r.out.answers_n, 0);
	rig_close(&r);
}

static void test_ids_run_out(void **state)
{
	struct rig r;
	struct mscg_spec spec = job_spec(1, GIB, 0);
	struct core_input in = {.kind = CORE_SUBMIT, .token = 5, .spec = &spec};

	(void)state;
	open_rig(&r, 4);
	core_restore(r.core, INT32_MAX, 10, false);
	assert_int_equal(rig_submit(&r, &spec).job, INT32_MAX);
	rig_step(&r, &in, 1);
	assert_int_equal(r.out.answers[0].code, -ENOSPC);
	assert_int_equal(core_admits(r.core, &(struct mscg_spec *){&spec}, 1, NULL), -ENOSPC);
	rig_close(&r);
}

/* -- restart ------------------------------------------------------------------------------------------------------ */

static struct mscg_row running_row(uint32_t job, const char *cpus, bool started)
{
	struct mscg_row row = {.job = {.id = id_of(job), .state = MSCG_STATE_RUNNING, .attempt = 1, .mem_bytes = GIB,
	                               .flags = started ? MSCG_JOB_STARTED : 0, .submit_usec = 1, .start_usec = 2}};
	struct mscg_cpuset set = set_of(cpus);

	row.job.cpus_milli = row.job.min_cpus_milli = row.job.max_cpus_milli = mscg_cpuset_count(&set) * 1000;
	row.job.current_cpus_milli = row.job.cpus_milli;
	row.job.run = xcalloc(1, sizeof *row.job.run);
	row.job.run->grant = mscg_grant_new(1);
	row.job.run->grant->share[0] = (struct mscg_share){.node = xstrdup("here"), .cpus = set, .cpu_milli = row.job.cpus_milli,
	                                                   .mem_bytes = GIB};
	return row;
}

static int load(struct rig *r, struct mscg_row row, struct mscg_error *error)
{
	int code = core_load(r->core, &row, r->now, error);

	mscg_row_clear(&row);
	rig_check(r);
	return code;
}

static void test_rows_that_contradict(void **state)
{
	struct rig r;
	struct mscg_error error = {0};
	struct mscg_row row;

	(void)state;
	open_rig(&r, 4);
	assert_int_equal(load(&r, running_row(5, "0-1", true), &error), 0);
	assert_int_equal(load(&r, running_row(6, "1-2", true), &error), -EBADMSG);
	assert_string_equal(error.text, "CPU 1 is held by job 5 and by job 6: expected one of them");
	assert_int_equal(load(&r, running_row(5, "3", true), &error), -EBADMSG); /* twice */
	/* Waits to be started on what the other was told to give up: that may be. */
	assert_int_equal(load(&r, running_row(7, "1-2", false), &error), 0);
	/* But nobody waits behind it. */
	assert_int_equal(load(&r, running_row(8, "1", false), &error), -EBADMSG);
	row = running_row(9, "3", true);
	row.job.state = MSCG_STATE_COMPLETED;
	assert_int_equal(load(&r, row, &error), -EBADMSG);
	row = running_row(9, "3", true);
	mscg_grant_free(row.job.run->grant);
	row.job.run->grant = NULL;
	assert_int_equal(load(&r, row, &error), -EBADMSG);
	row = (struct mscg_row){.job = {.id = {10, MSCG_NO_TASK}, .flags = MSCG_JOB_ARRAY, .submit_usec = 1}, .pending = xstrdup("3-1")};
	assert_int_equal(load(&r, row, &error), -EINVAL);
	row = (struct mscg_row){.job = {.id = {0, MSCG_NO_TASK}, .submit_usec = 1}};
	assert_int_equal(load(&r, row, &error), -EBADMSG);
	assert_int_equal(core_next_job_id(r.core), 11);
	rig_close(&r);
}

static void test_limit_goes_on_after_a_restart(void **state)
{
	struct rig r;
	struct mscg_row row = running_row(3, "0", true);

	(void)state;
	open_rig(&r, 1);
	row.job.time_limit_s = 60;
	row.job.start_usec = r.now.real_usec - 50 * USEC_PER_SEC;
	assert_int_equal(load(&r, row, NULL), 0);
	rig_started(&r, id_of(3)); /* adopted */
	assert_int_equal(r.out.events_n, 0);
	assert_int_equal(r.out.wake_boot_usec, r.now.boot_usec + 10 * USEC_PER_SEC);
	rig_tick(&r, 10 * USEC_PER_SEC);
	assert_non_null(find_event(&r.out, MSCG_EVENT_TIMELIMIT, id_of(3)));
	rig_close(&r);
}

/* The wall clock was set a year ahead since its start: nobody is told of a limit before the engine says when that was. */
static void test_limit_waits_for_the_engine(void **state)
{
	struct rig r;
	struct mscg_row row = running_row(3, "0", true);

	(void)state;
	open_rig(&r, 1);
	row.job.time_limit_s = 60;
	row.job.start_usec = r.now.real_usec - INT64_C(365) * 86400 * USEC_PER_SEC;
	assert_int_equal(load(&r, row, NULL), 0);
	rig_tick(&r, 0);
	assert_int_equal(r.out.events_n, 0);
	REPORT(&r, STARTED, id_of(3), .boot_usec = r.now.boot_usec - 50 * USEC_PER_SEC);
	assert_int_equal(r.out.events_n, 0);
	assert_int_equal(r.out.wake_boot_usec, r.now.boot_usec + 10 * USEC_PER_SEC);
	rig_tick(&r, 10 * USEC_PER_SEC);
	assert_non_null(find_event(&r.out, MSCG_EVENT_TIMELIMIT, id_of(3)));
	rig_close(&r);
}

/* Another boot: its clock is worth nothing. */
static void test_node_fail(void **state)
{
	struct rig r;
	struct mscg_row row = running_row(3, "0", true);

	(void)state;
	open_rig(&r, 1);
	row.job.run->held_since_usec = 5;
	row.job.run->usage.cpu_held_usec = 1234;
	assert_int_equal(load(&r, row, NULL), 0);
	REPORT(&r, LOST, id_of(3), .reason = MSCG_REASON_NODE_DOWN);
	assert_int_equal(find_row(&r.out, id_of(3))->job.state, MSCG_STATE_NODE_FAIL);
	assert_int_equal(find_row(&r.out, id_of(3))->job.run->usage.cpu_held_usec, 1234);
	assert_int_equal(find_row(&r.out, id_of(3))->job.exit_code, -1);
	rig_close(&r);
}

/* -- looking ------------------------------------------------------------------------------------------------------ */

static bool collect(const struct mscg_job *job, void *ctx)
{
	char *text = ctx, id[MSCG_ID_TEXT];

	snprintf(text + strlen(text), 200 - strlen(text), "%s ", mscg_id_format(job->id, id));
	return strlen(text) < 100;
}

static void test_walks_and_stats(void **state)
{
	struct rig r;
	struct mscg_spec one = job_spec(1, GIB, 0), array = one;
	struct core_stats stats;
	char text[200] = "";

	(void)state;
	open_rig(&r, 4);
	assert_int_equal(mscg_array_parse("0-9", &array, NULL), 0);
	rig_submit(&r, &one);
	rig_submit(&r, &array);
	rig_submit(&r, &one);
	core_each(r.core, collect, text);
	assert_string_equal(text, "1 2_0 2_1 2_2 2 3 ");
	text[0] = '\0';
	core_each_from(r.core, (struct mscg_id){2, 1}, collect, text);
	assert_string_equal(text, "2_2 2 3 ");
	text[0] = '\0';
	core_each_from(r.core, id_of(2), collect, text);
	assert_string_equal(text, "3 ");
	core_get_stats(r.core, &stats);
	assert_int_equal(stats.running, 4);
	assert_int_equal(stats.pending, 8);
	assert_int_equal(stats.cpus_held, 4);
	assert_int_equal(stats.mem_held, 4 * GIB);
	assert_int_equal(stats.utilisation_percent, 62);
	assert_true(core_task_waits(r.core, (struct mscg_id){2, 5}));
	assert_false(core_task_waits(r.core, (struct mscg_id){2, 1}));
	assert_int_equal(core_find(r.core, (struct mscg_id){2, 5})->id.task, MSCG_NO_TASK);
	assert_null(core_find(r.core, (struct mscg_id){2, 10}));
	assert_null(core_find(r.core, id_of(9)));
	assert_true(mscg_cpuset_empty(core_free_cpus(r.core)));
	free(array.array);
	rig_close(&r);
}

static void test_why_says_values(void **state)
{
	struct rig r;
	struct mscg_spec wall = job_spec(1, GIB, 0), lender = elastic_spec(1, 1, 3, GIB, 0), four = job_spec(4, GIB, 0);
	struct mscg_id id;
	char text[160];

	(void)state;
	open_rig(&r, 5);
	rig_submit(&r, &wall);
	id = rig_submit(&r, &lender);
	rig_started(&r, id);
	REPORT(&r, RESIZED, id, .resize_seq = find_action(&r.out, MSCG_ACTION_RESIZE, id)->resize_seq);
	rig_submit(&r, &wall);
	four.cpus_milli = four.min_cpus_milli = four.max_cpus_milli = 4000;
	id = rig_submit(&r, &four);
	assert_int_equal(core_why(r.core, id, r.now, text), MSCG_REASON_RESOURCES);
	assert_string_equal(text, "needs 4 CPUs, none is free and 2 are lent to others");
	id = rig_submit(&r, &four);
	assert_int_equal(core_why(r.core, id, r.now, text), MSCG_REASON_PRIORITY);
	assert_string_equal(text, "job 4 (priority 0) waits before it");
	assert_int_equal(core_why(r.core, id, r.now, NULL), MSCG_REASON_PRIORITY);
	assert_int_equal(core_why(r.core, id_of(1), r.now, text), MSCG_REASON_NONE);
	assert_int_equal(core_why(r.core, id_of(99), r.now, text), MSCG_REASON_NONE);
	assert_string_equal(text, "");
	rig_close(&r);
}

/* -- a machine that changes --------------------------------------------------------------------------------------- */

static void plug(struct rig *r, unsigned from, unsigned to)
{
	struct test_machine *t = xcalloc(1, sizeof *t);
	struct core_input in = {.kind = CORE_MACHINE, .machine = &t->m};

	*t = r->machine;
	t->m.cpus = t->cpu + from;
	t->m.ncpus = to - from;
	rig_step(r, &in, 1);
	free(t);
}

static void test_cpus_go_and_come(void **state)
{
	struct rig r;
	struct mscg_spec two = job_spec(2, GIB, 0), five = job_spec(5, GIB, 0);
	struct mscg_id a, b, big;
	const struct mscg_action *action;

	(void)state;
	open_rig(&r, 6);
	a = rig_submit(&r, &two);
	b = rig_submit(&r, &two);
	rig_started(&r, a);
	rig_started(&r, b);
	assert_set(rig_cpus(&r, a), "0-1");
	/* 0 and 1 go: a moves to what is free. */
	plug(&r, 2, 6);
	action = find_action(&r.out, MSCG_ACTION_RESIZE, a);
	assert_non_null(action);
	assert_set(&action->grant->share[0].cpus, "4-5");
	assert_non_null(strstr(find_event(&r.out, MSCG_EVENT_RESIZING, a)->text, "0-1"));
	REPORT(&r, RESIZED, a, .resize_seq = action->resize_seq);
	assert_set(rig_cpus(&r, a), "4-5");
	/* 5 goes too, and nothing is free: it goes on with one. */
	plug(&r, 2, 5);
	action = find_action(&r.out, MSCG_ACTION_RESIZE, a);
	assert_set(&action->grant->share[0].cpus, "4");
	REPORT(&r, RESIZED, a, .resize_seq = action->resize_seq);
	/* What needs five cannot be for now. */
	big = rig_submit(&r, &five);
	assert_int_equal(core_why(r.core, big, r.now, NULL), MSCG_REASON_INFEASIBLE);
	/* All are back: it gets its second one, and five can be. */
	plug(&r, 0, 6);
	action = find_action(&r.out, MSCG_ACTION_RESIZE, a);
	assert_int_equal(action->grant->share[0].cpu_milli, 2000);
	REPORT(&r, RESIZED, a, .resize_seq = action->resize_seq);
	assert_int_equal(core_why(r.core, big, r.now, NULL), MSCG_REASON_RESOURCES);
	REPORT(&r, ENDED, a, .exit_code = 0);
	REPORT(&r, ENDED, b, .exit_code = 0);
	assert_int_equal(rig_state(&r, big), MSCG_STATE_RUNNING);
	rig_close(&r);
}

static void test_all_cpus_of_a_job_go(void **state)
{
	struct rig r;
	struct mscg_spec one = job_spec(1, GIB, 0);
	struct mscg_id a, b;

	(void)state;
	open_rig(&r, 2);
	a = rig_submit(&r, &one);
	b = rig_submit(&r, &one);
	rig_started(&r, a);
	rig_started(&r, b);
	plug(&r, 1, 2);
	assert_null(find_action(&r.out, MSCG_ACTION_RESIZE, a));
	assert_non_null(find_event(&r.out, MSCG_EVENT_UPDATED, a));
	assert_int_equal(rig_state(&r, a), MSCG_STATE_RUNNING);
	/* The next CPU that comes free is its own. */
	REPORT(&r, ENDED, b, .exit_code = 0);
	assert_set(&find_action(&r.out, MSCG_ACTION_RESIZE, a)->grant->share[0].cpus, "1");
	rig_close(&r);
}

/* -- arrays ------------------------------------------------------------------------------------------------------- */

static void test_large_array_is_one_record(void **state)
{
	struct rig r;
	struct mscg_spec spec = job_spec(1, MIB * 16, 0);
	struct mscg_id id;

	(void)state;
	open_rig(&r, 4);
	assert_int_equal(mscg_array_parse("0-9999999", &spec, NULL), 0);
	id = rig_submit(&r, &spec);
	assert_int_equal(r.out.events_n, 5); /* submitted, and four granted */
	assert_int_equal(r.out.rows_n, 5);
	assert_string_equal(find_row(&r.out, id)->pending, "4-9999999");
	assert_int_equal(rig_cancel(&r, (struct mscg_id){id.job, 5000}), 0);
	assert_string_equal(find_row(&r.out, id)->pending, "4-4999,5001-9999999");
	assert_int_equal(find_row(&r.out, id)->array_ended, 1);
	assert_int_equal(find_row(&r.out, (struct mscg_id){id.job, 5000})->job.state, MSCG_STATE_CANCELLED);
	assert_int_equal(rig_cancel(&r, (struct mscg_id){id.job, 5000}), -EALREADY);
	/* and its end too: cancelled, three of the four that run asked to end */
	assert_int_equal(rig_cancel(&r, id), 0);
	assert_true(r.out.rows_n <= 5 && r.out.events_n <= 2 + 2 * 4);
	assert_string_equal(find_row(&r.out, id)->unstarted, "4-4999,5001-9999999");
	assert_int_equal(find_row(&r.out, id)->unstarted_n, 9999995);
	assert_int_equal(find_row(&r.out, id)->unstarted_reason, MSCG_REASON_CANCELLED);
	assert_int_equal(find_row(&r.out, id)->unstarted_usec, r.now.real_usec);
	free(spec.array);
	rig_close(&r);
}

static void array_row(struct rig *r, struct mscg_id id, const char *pending, const char *held)
{
	const struct mscg_row *row = find_row(&r->out, id);

	assert_string_equal(row->pending, pending);
	assert_string_equal(row->held ? row->held : "", held);
}

static void change_task(struct rig *r, enum core_input_kind kind, uint32_t job, uint32_t task)
{
	rig_step(r, &(struct core_input){.kind = kind, .token = 7, .id = {job, task}}, 1);
	assert_int_equal(r->out.answers[0].code, 0);
}

/* What was held and is let go stands in a range again. */
static void test_ranges_join(void **state)
{
	struct rig r;
	struct mscg_spec spec = job_spec(1, MIB * 16, 0);
	struct mscg_id id;

	(void)state;
	open_rig(&r, 1);
	rig_step(&r, &(struct core_input){.kind = CORE_DRAIN, .on = true}, 1);
	assert_int_equal(mscg_array_parse("0-9,20-28:2", &spec, NULL), 0);
	id = rig_submit(&r, &spec);
	change_task(&r, CORE_HOLD, id.job, 2);
	array_row(&r, id, "0-9,20-28:2", "2");
	change_task(&r, CORE_HOLD, id.job, 3);
	change_task(&r, CORE_HOLD, id.job, 0);
	array_row(&r, id, "0-9,20-28:2", "0,2-3");
	change_task(&r, CORE_RELEASE, id.job, 3);
	change_task(&r, CORE_RELEASE, id.job, 2);
	array_row(&r, id, "0-9,20-28:2", "0");
	change_task(&r, CORE_RELEASE, id.job, 0);
	array_row(&r, id, "0-9,20-28:2", "");
	assert_int_equal(core_check(r.core, NULL), 0);
	free(spec.array);
	rig_close(&r);
}

/* What is between two that are let go has a place to come back to. */
static void test_ranges_of_steps_stay_apart(void **state)
{
	struct rig r;
	struct mscg_spec spec = job_spec(1, MIB * 16, 0);
	struct mscg_id id;

	(void)state;
	open_rig(&r, 1);
	rig_step(&r, &(struct core_input){.kind = CORE_DRAIN, .on = true}, 1);
	assert_int_equal(mscg_array_parse("0-10:2,3", &spec, NULL), 0);
	id = rig_submit(&r, &spec);
	change_task(&r, CORE_HOLD, id.job, 3);
	change_task(&r, CORE_HOLD, id.job, 4);
	change_task(&r, CORE_RELEASE, id.job, 4);
	array_row(&r, id, "0,2-4,6-10:2", "3");
	change_task(&r, CORE_CANCEL, id.job, 3);
	array_row(&r, id, "0,2,4,6-10:2", "");
	for (uint32_t task = 0; task <= 10; task += 2)
		change_task(&r, CORE_HOLD, id.job, task);
	for (uint32_t task = 10; task != 4; task -= 2)
		change_task(&r, CORE_RELEASE, id.job, task);
	rig_step(&r, &(struct core_input){.kind = CORE_RELEASE, .token = 7, .id = {id.job, MSCG_NO_TASK}}, 1);
	assert_int_equal(core_check(r.core, NULL), 0);
	for (uint32_t task = 0; task <= 10; task += 2)
		change_task(&r, CORE_CANCEL, id.job, task);
	free(spec.array);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_held_time_is_exact),
		cmocka_unit_test(test_held_time_of_a_share),
		cmocka_unit_test(test_held_by_attempts),
		cmocka_unit_test(test_wall_clock_jumps),
		cmocka_unit_test(test_limit_counts_from_exec),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_ids_run_out),
		cmocka_unit_test(test_rows_that_contradict),
		cmocka_unit_test(test_limit_goes_on_after_a_restart),
		cmocka_unit_test(test_limit_waits_for_the_engine),
		cmocka_unit_test(test_node_fail),
		cmocka_unit_test(test_walks_and_stats),
		cmocka_unit_test(test_why_says_values),
		cmocka_unit_test(test_cpus_go_and_come),
		cmocka_unit_test(test_all_cpus_of_a_job_go),
		cmocka_unit_test(test_large_array_is_one_record),
		cmocka_unit_test(test_ranges_join),
		cmocka_unit_test(test_ranges_of_steps_stay_apart),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("core_job", tests, NULL, NULL);
}
