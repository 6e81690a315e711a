/* Limits of all jobs of a QOS together, and partitions: who starts, who is passed over, what is said, and that nobody else is held up. */
#include "src/base/parse.h"
#include "tests/unit/core_support.h"

static struct core_qos *add_qos(struct rig *r, const char *name)
{
	struct core_qos *q = &r->policy.qos[r->policy.qos_n++];

	*q = (struct core_qos){.key = name_key(name)};
	snprintf(q->name, sizeof q->name, "%s", name);
	return q;
}

static struct mscg_id submit(struct rig *r, const char *qos, uint32_t uid, uint32_t cpus, uint64_t mem)
{
	struct mscg_spec spec = job_spec(cpus, mem, 0);

	spec.qos = (char *)(uintptr_t)qos;
	spec.uid = uid;
	return rig_submit(r, &spec);
}

static bool runs(struct rig *r, struct mscg_id id)
{
	return rig_state(r, id) == MSCG_STATE_RUNNING;
}

static void end(struct rig *r, struct mscg_id id)
{
	rig_started(r, id);
	REPORT(r, ENDED, id);
}

#define assert_waits(r, id, expected_reason, expected_text)                                              \
	do {                                                                                             \
		char _text[160];                                                                         \
		assert_int_equal(core_why((r)->core, (id), (r)->now, _text), MSCG_REASON_##expected_reason); \
		assert_string_equal(_text, (expected_text));                                             \
	} while (0)

static void set_policy(struct rig *r)
{
	struct core_input in = {.kind = CORE_POLICY, .policy = &r->policy};

	rig_step(r, &in, 1);
}

/* Of whichever user, root too. */
static void cpus_of_a_qos(void **state)
{
	struct rig r = {.policy = test_policy()};
	struct mscg_id a, b, c, small, other;

	(void)state;
	build_machine(&r.machine, 1, 1, 1, 8, 1);
	add_qos(&r, "normal");
	add_qos(&r, "batch")->cpus_milli = 4000;
	rig_open(&r);
	a = submit(&r, "batch", 0, 3, GIB);
	b = submit(&r, "batch", 7, 2, GIB);
	c = submit(&r, "batch", 8, 4, GIB);
	small = submit(&r, "batch", 8, 1, GIB);
	other = submit(&r, "normal", 9, 4, GIB);
	assert_true(runs(&r, a) && runs(&r, small) && runs(&r, other));
	assert_waits(&r, b, QOS_CPUS, "needs 2 CPUs, jobs of QOS batch have 4 of the 4 that they may have");
	assert_waits(&r, c, QOS_CPUS, "needs 4 CPUs, jobs of QOS batch have 4 of the 4 that they may have");
	end(&r, other); /* what is free is not for them */
	assert_false(runs(&r, b) || runs(&r, c));
	end(&r, a);
	assert_true(runs(&r, b) && !runs(&r, c));
	end(&r, b);
	end(&r, small);
	assert_true(runs(&r, c));
	rig_close(&r);
}

static void jobs_of_a_qos(void **state)
{
	struct rig r = {.policy = test_policy()};
	struct mscg_spec array = job_spec(1, GIB, 0);
	struct mscg_range range = {0, 4, 1};
	struct mscg_id a;

	(void)state;
	build_machine(&r.machine, 1, 1, 1, 8, 1);
	add_qos(&r, "batch")->running = 2;
	rig_open(&r);
	array.qos = (char *)(uintptr_t)"batch";
	array.array = &range;
	array.array_n = 1;
	a = rig_submit(&r, &array);
	assert_true(runs(&r, (struct mscg_id){a.job, 0}) && runs(&r, (struct mscg_id){a.job, 1}));
	assert_waits(&r, a, QOS_JOBS, "2 jobs of QOS batch run, and 2 may at a time");
	r.policy.qos[0].running = 3; /* a reload */
	set_policy(&r);
	assert_true(runs(&r, (struct mscg_id){a.job, 2}) && core_task_waits(r.core, (struct mscg_id){a.job, 3}));
	r.policy.qos[0].running = 1;
	set_policy(&r);
	end(&r, (struct mscg_id){a.job, 0});
	end(&r, (struct mscg_id){a.job, 1});
	assert_waits(&r, a, QOS_JOBS, "1 job of QOS batch runs, and 1 may at a time");
	end(&r, (struct mscg_id){a.job, 2});
	assert_true(runs(&r, (struct mscg_id){a.job, 3}));
	rig_close(&r);
}

static void memory_of_a_qos(void **state)
{
	struct rig r = {.policy = test_policy()};
	struct mscg_id a, b;
	struct core_input in = {.kind = CORE_RESIZE, .token = 7};

	(void)state;
	build_machine(&r.machine, 1, 1, 1, 8, 1);
	add_qos(&r, "batch")->mem_bytes = 4 * GIB;
	r.policy.qos[0].cpus_milli = 3000;
	rig_open(&r);
	a = submit(&r, "batch", 7, 1, 2 * GIB);
	b = submit(&r, "batch", 8, 1, 3 * GIB);
	assert_true(runs(&r, a));
	assert_waits(&r, b, QOS_MEMORY, "needs 3G of memory, jobs of QOS batch have 2G of the 4G that they may have");
	rig_started(&r, a);
	in.id = a;
	in.mem_bytes = 5 * GIB;
	rig_step(&r, &in, 1);
	assert_int_equal(r.out.answers[0].resize, CORE_RESIZE_DEFERRED);
	assert_string_equal(r.out.answers[0].text, "needs 3G more memory, jobs of QOS batch have 2G of the 4G that they may have");
	in.mem_bytes = 0;
	in.cpus_milli = 4000;
	rig_step(&r, &in, 1);
	assert_string_equal(r.out.answers[0].text, "needs 3 more CPUs, jobs of QOS batch have 1 of the 3 that they may have");
	REPORT(&r, ENDED, a);
	assert_true(runs(&r, b));
	rig_close(&r);
}

/* What never fits is said at once, and a job that waits in vain holds nobody up. */
static void more_than_a_qos_has(void **state)
{
	struct rig r = {.policy = test_policy()};
	struct mscg_spec spec = job_spec(5, GIB, 100);
	struct core_input in = {.kind = CORE_SUBMIT, .token = 7, .spec = &spec};
	struct mscg_id never, a;

	(void)state;
	build_machine(&r.machine, 1, 1, 1, 8, 1);
	add_qos(&r, "batch")->cpus_milli = 4000;
	rig_open(&r);
	spec.qos = (char *)(uintptr_t)"batch";
	never = rig_submit(&r, &spec);
	assert_int_equal(r.out.answers[0].reason, MSCG_REASON_INFEASIBLE);
	assert_waits(&r, never, INFEASIBLE, "needs 5 CPUs, all jobs of QOS batch may have 4 at a time");
	a = submit(&r, "batch", 7, 4, GIB);
	assert_true(runs(&r, a));
	r.policy.infeasible_reject = true;
	set_policy(&r);
	rig_step(&r, &in, 1);
	assert_int_equal(r.out.answers[0].code, -ENOSPC);
	assert_string_equal(r.out.answers[0].text, "needs 5 CPUs, all jobs of QOS batch may have 4 at a time");
	rig_close(&r);
}

/* Elastic jobs count as asked for, whatever they have been lent. */
static void what_is_lent_does_not_count(void **state)
{
	struct rig r = {.policy = test_policy()};
	struct mscg_spec spec = elastic_spec(1, 2, 8, GIB, 0);
	const struct mscg_action *grow;
	struct mscg_id a, b, c;

	(void)state;
	build_machine(&r.machine, 1, 1, 1, 8, 1);
	r.policy.elastic_threshold = 101;
	add_qos(&r, "batch")->cpus_milli = 4000;
	rig_open(&r);
	spec.qos = (char *)(uintptr_t)"batch";
	a = rig_submit(&r, &spec);
	rig_started(&r, a);
	grow = find_action(&r.out, MSCG_ACTION_RESIZE, a);
	assert_non_null(grow);
	REPORT(&r, RESIZED, a, .resize_seq = grow->resize_seq);
	assert_int_equal(rig_job(&r, a)->current_cpus_milli, 8000);
	b = submit(&r, "batch", 7, 2, GIB);
	assert_true(runs(&r, b));
	c = submit(&r, "batch", 7, 1, GIB);
	assert_waits(&r, c, QOS_CPUS, "needs 1 CPU, jobs of QOS batch have 4 of the 4 that they may have");
	rig_close(&r);
}

static struct core_partition *add_partition(struct rig *r, const char *name)
{
	struct core_partition *p = &r->policy.partition[r->policy.partition_n++];

	*p = (struct core_partition){.key = name_key(name), .takes = true, .starts = true};
	snprintf(p->name, sizeof p->name, "%s", name);
	return p;
}

static struct mscg_spec spec_in(const char *partition, uint32_t cpus)
{
	struct mscg_spec spec = job_spec(cpus, GIB, 0);

	spec.partition = (char *)(uintptr_t)partition;
	return spec;
}

static struct mscg_id submit_in(struct rig *r, const char *partition, uint32_t cpus)
{
	struct mscg_spec spec = spec_in(partition, cpus);

	return rig_submit(r, &spec);
}

static const char *refused(struct rig *r, const struct mscg_spec *spec)
{
	struct core_input in = {.kind = CORE_SUBMIT, .token = 7, .spec = spec};

	rig_step(r, &in, 1);
	assert_int_equal(r->out.answers[0].code, -ENOSPC);
	return r->out.answers[0].text;
}

static const struct core_answer *move(struct rig *r, struct mscg_id id, const char *partition)
{
	struct core_update update = {0};
	struct core_input in = {.kind = CORE_UPDATE, .token = 7, .id = id, .update = &update, .admin = true};

	update.field[MSCG_FIELD_PARTITION].given = true;
	update.field[MSCG_FIELD_PARTITION].value = name_key(partition);
	rig_step(r, &in, 1);
	return &r->out.answers[0];
}

/* In a partition there is so much, and what is there for one is not for another; a job can be moved. */
static void cpus_of_a_partition(void **state)
{
	struct rig r = {.policy = test_policy()};
	struct mscg_id a, b, c;

	(void)state;
	build_machine(&r.machine, 1, 1, 1, 8, 1);
	add_partition(&r, "main")->cpus_milli = 6000;
	add_partition(&r, "fast")->priority = 10;
	rig_open(&r);
	a = submit_in(&r, "main", 5);
	b = submit_in(&r, "main", 2);
	assert_true(runs(&r, a) && !runs(&r, b));
	assert_waits(&r, b, PARTITION_CPUS, "needs 2 CPUs, jobs of partition main have 5 of the 6 that they may have");
	assert_int_equal(core_partition_use(r.core, name_key("main")).cpus_milli, 5000);
	c = submit_in(&r, "fast", 1);
	assert_true(runs(&r, c));
	assert_int_equal(rig_job(&r, c)->priority, 10);
	assert_int_equal(move(&r, b, "fast")->code, 0);
	assert_true(runs(&r, b));
	assert_int_equal(rig_job(&r, b)->priority, 10);
	assert_string_equal(find_event(&r.out, MSCG_EVENT_UPDATED, b)->text, "partition: fast, was main");
	assert_int_equal(move(&r, b, "main")->code, -EBUSY);
	assert_string_equal(r.out.answers[0].text, "job 2: it is RUNNING: only what waits can be given another partition");
	rig_close(&r);
}

static void states_of_a_partition(void **state)
{
	struct rig r = {.policy = test_policy()};
	struct core_partition *p;
	struct mscg_spec spec;
	struct mscg_id a, b;

	(void)state;
	build_machine(&r.machine, 1, 1, 1, 8, 1);
	p = add_partition(&r, "main");
	add_partition(&r, "other");
	p->starts = false;
	rig_open(&r);
	a = submit_in(&r, "main", 1);
	assert_waits(&r, a, PARTITION_DOWN, "partition main starts nothing: it is down");
	assert_true(runs(&r, submit_in(&r, "other", 8)) && rig_state(&r, a) == MSCG_STATE_PENDING);
	p->takes = false;
	set_policy(&r);
	assert_waits(&r, a, PARTITION_DOWN, "partition main starts nothing: it is inactive");
	spec = spec_in("main", 1);
	assert_string_equal(refused(&r, &spec), "partition main takes no new jobs: it is inactive");
	p->starts = true; /* drained: what waits starts */
	set_policy(&r);
	assert_string_equal(refused(&r, &spec), "partition main takes no new jobs: it is drained");
	b = submit_in(&r, "other", 1);
	assert_int_equal(move(&r, b, "main")->code, -EBUSY);
	assert_string_equal(r.out.answers[0].text, "job 3: partition main takes no new jobs: it is drained");
	end(&r, id_of(2));
	assert_true(runs(&r, a));
	r.policy.partition_n = 1; /* the other is gone: what runs goes on */
	set_policy(&r);
	assert_true(runs(&r, b));
	rig_close(&r);
}

/* Gone from the configuration; and without any, what jobs say of one means nothing. */
static void no_such_partition(void **state)
{
	struct rig r = {.policy = test_policy()};
	struct mscg_spec spec = spec_in("gone", 1);
	struct mscg_id all, a;

	(void)state;
	build_machine(&r.machine, 1, 1, 1, 8, 1);
	rig_open(&r);
	all = submit_in(&r, "any", 8);
	a = submit_in(&r, "gone", 1);
	assert_true(runs(&r, all));
	add_partition(&r, "main");
	set_policy(&r);
	end(&r, all);
	assert_waits(&r, a, PARTITION_DOWN, "its partition is not in the configuration any more: give it another with mscg update --partition");
	assert_string_equal(refused(&r, &spec), "that partition is not in the configuration any more");
	r.policy.partition_n = 0;
	set_policy(&r);
	assert_true(runs(&r, a));
	rig_close(&r);
}

static void one_job_of_a_partition(void **state)
{
	struct rig r = {.policy = test_policy()};
	struct core_partition *p;
	struct mscg_spec spec = spec_in("main", 3);
	struct mscg_id a;

	(void)state;
	build_machine(&r.machine, 1, 1, 1, 8, 1);
	add_qos(&r, "normal");
	add_qos(&r, "high")->job_time_s = 300;
	p = add_partition(&r, "main");
	p->job_cpus_milli = 2000;
	p->job_mem_bytes = 2 * GIB;
	p->job_time_s = 600;
	p->default_time_s = 400;
	p->qos = 1 << 1;
	rig_open(&r);
	spec.qos = (char *)(uintptr_t)"normal";
	assert_string_equal(refused(&r, &spec), "partition main is not for QOS normal: see mscg partition");
	spec.qos = (char *)(uintptr_t)"high";
	assert_string_equal(refused(&r, &spec), "3 CPUs are more than the 2 that a job may have in partition main");
	spec = spec_in("main", 1);
	spec.qos = (char *)(uintptr_t)"high";
	spec.mem_bytes = 3 * GIB;
	assert_string_equal(refused(&r, &spec), "3G of memory is more than the 2G that a job may have in partition main");
	spec.mem_bytes = GIB;
	a = rig_submit(&r, &spec);
	assert_int_equal(rig_job(&r, a)->time_limit_s, 300); /* the shortest */
	spec.qos = NULL;
	a = rig_submit(&r, &spec);
	assert_int_equal(rig_job(&r, a)->time_limit_s, 400);
	spec.time_limit_s = 601;
	assert_string_equal(refused(&r, &spec), "a time limit of 00:10:01 is more than the 00:10:00 that a job may have in partition main");
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cpus_of_a_qos), cmocka_unit_test(jobs_of_a_qos), cmocka_unit_test(memory_of_a_qos),
		cmocka_unit_test(more_than_a_qos_has), cmocka_unit_test(what_is_lent_does_not_count), cmocka_unit_test(cpus_of_a_partition),
		cmocka_unit_test(states_of_a_partition), cmocka_unit_test(no_such_partition), cmocka_unit_test(one_job_of_a_partition),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("core_totals", tests, NULL, NULL);
}
