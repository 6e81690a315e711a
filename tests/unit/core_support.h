/* What the tests of the core share: machines, specifications, steps by hand, and an engine with a kernel of its own
 * that checks what no core may get wrong: two jobs on one CPU at any moment. */
#ifndef TESTS_CORE_SUPPORT_H
#define TESTS_CORE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/base/base.h"
#include "src/base/clock.h"
#include "src/core/core.h"

#define GIB (UINT64_C(1) << 30)
#define MIB (UINT64_C(1) << 20)

#define UNUSED __attribute__((unused))

/* -- machines ----------------------------------------------------------------------------------------------------- */

struct test_machine {
	struct core_cpu     cpu[MSCG_CPUS_MAX];
	struct core_machine m;
};

/* CPUs are numbered as Linux does it: first one thread of every core, then the second ones. */
UNUSED static void build_machine(struct test_machine *t, unsigned packages, unsigned nodes, unsigned caches, unsigned cores,
                                 unsigned threads)
{
	unsigned ncores = packages * nodes * caches * cores, n = 0;

	memset(t, 0, sizeof *t);
	for (unsigned thread = 0; thread < threads; thread++)
		for (unsigned core = 0; core < ncores; core++)
			t->cpu[n++] = (struct core_cpu){
				.cpu = (uint16_t)(thread * ncores + core),
				.core = (uint16_t)core,
				.cache = (uint16_t)(core / cores),
				.numa = (uint16_t)(core / cores / caches),
				.package = (uint16_t)(core / cores / caches / nodes),
			};
	t->m = (struct core_machine){.node = "here", .cpus = t->cpu, .ncpus = n, .mem_bytes = 16 * GIB};
}

UNUSED static struct core_policy test_policy(void)
{
	return (struct core_policy){
		.elastic = true,
		.elastic_threshold = 50,
		.default_mem_per_cpu = 64 * MIB,
		.max_launch_retries = 3,
		.backfill_depth = 100,
	};
}

UNUSED static struct mscg_cpuset set_of(const char *text)
{
	struct mscg_cpuset set;

	assert_int_equal(mscg_cpuset_parse(text, &set, NULL), 0);
	return set;
}

#define assert_set(set, expected)                                         \
	do {                                                              \
		char _text[4096];                                         \
		mscg_cpuset_format((set), _text, sizeof _text);           \
		assert_string_equal(_text, (expected));                   \
	} while (0)

/* -- one core, stepped by hand ------------------------------------------------------------------------------------ */

struct rig {
	struct test_machine machine;
	struct core_policy  policy;
	struct core        *core;
	struct core_now     now;
	struct core_output  out; /* of the last step */
};

UNUSED static void rig_open(struct rig *r)
{
	r->core = core_new(&r->machine.m, &r->policy);
	r->now = (struct core_now){.real_usec = 1700000000 * USEC_PER_SEC, .boot_usec = 1000 * USEC_PER_SEC};
}

UNUSED static void rig_close(struct rig *r)
{
	core_output_free(&r->out);
	core_free(r->core);
}

UNUSED static void rig_check(struct rig *r)
{
	struct mscg_error error = {0};

	if (core_check(r->core, &error) < 0)
		fail_msg("core_check: %s", error.text);
}

UNUSED static void rig_pass(struct rig *r, int64_t usec)
{
	r->now.real_usec += usec;
	r->now.boot_usec += usec;
}

UNUSED static void rig_step(struct rig *r, const struct core_input *in, uint32_t n)
{
	core_output_clear(&r->out);
	core_step(r->core, in, n, r->now, &r->out);
	rig_check(r);
}

UNUSED static void rig_tick(struct rig *r, int64_t usec)
{
	struct core_input in = {.kind = CORE_TICK};

	rig_pass(r, usec);
	rig_step(r, &in, 1);
}

/* A specification on the stack: only what the core reads. */
UNUSED static struct mscg_spec job_spec(uint32_t cpus, uint64_t mem, int32_t priority)
{
	return (struct mscg_spec){
		.cpus_milli = cpus * 1000, .min_cpus_milli = cpus * 1000, .max_cpus_milli = cpus * 1000,
		.mem_bytes = mem, .priority = priority, .grace_s = 30,
	};
}

UNUSED static struct mscg_spec elastic_spec(uint32_t min, uint32_t cpus, uint32_t max, uint64_t mem, int32_t priority)
{
	struct mscg_spec spec = job_spec(cpus, mem, priority);

	spec.elastic = true;
	spec.min_cpus_milli = min * 1000;
	spec.max_cpus_milli = max * 1000;
	return spec;
}

UNUSED static struct mscg_id id_of(uint32_t job)
{
	return (struct mscg_id){job, MSCG_NO_TASK};
}

UNUSED static struct mscg_id rig_submit(struct rig *r, const struct mscg_spec *spec)
{
	struct core_input in = {.kind = CORE_SUBMIT, .token = 7, .spec = spec};

	rig_step(r, &in, 1);
	assert_int_equal(r->out.answers_n, 1);
	assert_int_equal(r->out.answers[0].code, 0);
	assert_true(r->out.answers[0].last);
	return r->out.answers[0].id;
}

UNUSED static int rig_cancel(struct rig *r, struct mscg_id id)
{
	struct core_input in = {.kind = CORE_CANCEL, .token = 7, .id = id};

	rig_step(r, &in, 1);
	assert_int_equal(r->out.answers_n, 1);
	return r->out.answers[0].code;
}

UNUSED static void rig_report(struct rig *r, struct mscg_report report)
{
	struct core_input in = {.kind = CORE_REPORT, .id = report.id, .report = &report};
	const struct mscg_job *job = core_find(r->core, report.id);

	if (!report.attempt)
		report.attempt = job ? job->attempt : 1;
	if (!report.time_usec)
		report.time_usec = r->now.real_usec;
	if (report.kind == MSCG_REPORT_ENDED && report.usage.cpu_usec == 0) {
		uint64_t oom = report.usage.oom_kills;

		mscg_usage_init(&report.usage);
		report.usage.oom_kills = oom ? oom : MSCG_UNKNOWN;
	}
	rig_step(r, &in, 1);
}

#define REPORT(r, what, who, ...) rig_report((r), (struct mscg_report){.kind = MSCG_REPORT_##what, .id = (who), __VA_ARGS__})

UNUSED static const struct mscg_action *find_action(const struct core_output *out, enum mscg_action_kind kind, struct mscg_id id)
{
	for (uint32_t i = 0; i < out->actions_n; i++)
		if (out->actions[i].kind == kind && mscg_id_equal(out->actions[i].id, id))
			return &out->actions[i];
	return NULL;
}

UNUSED static const struct mscg_event *find_event(const struct core_output *out, enum mscg_event_kind kind, struct mscg_id id)
{
	for (uint32_t i = 0; i < out->events_n; i++)
		if (out->events[i].kind == kind && mscg_id_equal(out->events[i].id, id))
			return &out->events[i];
	return NULL;
}

UNUSED static const struct mscg_row *find_row(const struct core_output *out, struct mscg_id id)
{
	for (uint32_t i = 0; i < out->rows_n; i++)
		if (mscg_id_equal(out->rows[i].job.id, id))
			return &out->rows[i];
	return NULL;
}

/* Its exec was seen: what every job passes through. */
UNUSED static void rig_started(struct rig *r, struct mscg_id id)
{
	REPORT(r, STARTED, id, .pid = 100, .cgroup_id = 5);
}

UNUSED static const struct mscg_job *rig_job(struct rig *r, struct mscg_id id)
{
	const struct mscg_job *job = core_find(r->core, id);

	assert_non_null(job);
	return job;
}

UNUSED static enum mscg_state rig_state(struct rig *r, struct mscg_id id)
{
	return (enum mscg_state)rig_job(r, id)->state;
}

UNUSED static const struct mscg_cpuset *rig_cpus(struct rig *r, struct mscg_id id)
{
	const struct mscg_job *job = rig_job(r, id);

	assert_non_null(job->run);
	assert_non_null(job->run->grant);
	return &job->run->grant->share[0].cpus;
}

#endif
