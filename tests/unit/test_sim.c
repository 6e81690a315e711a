/* The simulator against schedules worked out by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "src/base/parse.h"
#include "src/sim/sim.h"

#define SECONDS(x) ((double)(x) / 1e6)

static struct sim_workload workload(const char *text)
{
	struct sim_workload w;
	struct mscg_error error = {0};
	uint32_t skipped;

	if (sim_read_swf(text, &w, &skipped, &error) < 0)
		fail_msg("%s", error.text);
	assert_int_equal(skipped, 0);
	return w;
}

static struct sim_result run(struct sim_workload *w, struct sim_options o)
{
	struct mscg_error error = {0};
	struct sim_result r;

	o.mem_bytes = (uint64_t)1 << 60;
	o.elastic_threshold = o.elastic_threshold ? o.elastic_threshold : 100;
	if (sim_run(w, &o, &r, &error) < 0)
		fail_msg("%s", error.text);
	return r;
}

static void expect(const struct sim_job *j, double start, double end)
{
	assert_true(fabs(SECONDS(j->start_usec) - start) < 1e-3);
	assert_true(fabs(SECONDS(j->end_usec) - end) < 1e-3);
}

/*   CPU 1 AAAA BBBB
 *   CPU 0 CCCC BBBB   B wants both; C came after B and fits beside A */
static void who_fits_passes(void **state)
{
	(void)state;
	struct sim_workload w = workload("; MaxProcs: 2\n"
	                                 "1 0 -1 10 1 -1 -1 1 20 -1 1 1 1 -1 -1 -1 -1 -1\n"
	                                 "2 0 -1 10 2 -1 -1 2 20 -1 1 2 1 -1 -1 -1 -1 -1\n"
	                                 "3 0 -1 10 1 -1 -1 1 20 -1 1 1 1 -1 -1 -1 -1 -1\n");
	struct sim_result r = run(&w, (struct sim_options){.cpus = 2});

	assert_int_equal(w.cpus, 2);
	expect(&w.jobs[0], 0, 10);
	expect(&w.jobs[1], 10, 20);
	expect(&w.jobs[2], 0, 10);
	assert_int_equal(r.jobs, 3);
	assert_true(fabs(r.makespan_s - 20) < 1e-6 && fabs(r.utilisation - 1) < 1e-6);
	assert_true(fabs(r.wait_mean_s - 10.0 / 3) < 1e-6 && fabs(r.wait_max_s - 10) < 1e-6);
	assert_true(fabs(r.slowdown_mean - 4.0 / 3) < 1e-6);
	/* Users' means 1 and 2: (1 + 2)^2 / (2 * (1 + 4)) */
	assert_true(fabs(r.fairness - 0.9) < 1e-6);
	sim_workload_free(&w);
}

static void elastic_pair(struct sim_workload *w)
{
	*w = workload("1 0 -1 100 2 -1 -1 2 -1 -1 1 1 1 -1 -1 -1 -1 -1\n"
	              "2 10 -1 10 2 -1 -1 2 -1 -1 1 2 1 -1 -1 -1 -1 -1\n");
	w->jobs[0].min_cpus = 1;
	w->jobs[0].max_cpus = 4;
}

/* 100 s of work at 2 CPUs: 10 s at double speed, 10 s at its own beside job 2, the other 70 at double speed. */
static void grows_and_shrinks(void **state)
{
	(void)state;
	struct sim_workload w;
	struct sim_result r;

	elastic_pair(&w);
	r = run(&w, (struct sim_options){.cpus = 4, .elastic = true});
	expect(&w.jobs[0], 0, 55);
	expect(&w.jobs[1], 10, 20);
	assert_int_equal(w.jobs[0].resizes, 3);
	assert_int_equal(r.resizes, 3);
	assert_true(fabs(w.jobs[0].cpu_seconds - 200) < 1e-3);
	assert_true(fabs(r.utilisation - 1) < 1e-6);

	/* The same, where elastic jobs are not resized. */
	r = run(&w, (struct sim_options){.cpus = 4});
	expect(&w.jobs[0], 0, 100);
	assert_int_equal(r.resizes, 0);

	/* And where more CPUs are of no use: held, and not faster. */
	r = run(&w, (struct sim_options){.cpus = 4, .elastic = true, .serial = 1});
	expect(&w.jobs[0], 0, 100);
	assert_true(fabs(w.jobs[0].cpu_seconds - 380) < 1e-3);
	sim_workload_free(&w);
}

static void time_limits_end_jobs(void **state)
{
	(void)state;
	struct sim_workload w = workload("1 5 -1 100 1 -1 -1 1 60 -1 1 1 1 -1 -1 -1 -1 -1\n");

	run(&w, (struct sim_options){.cpus = 1});
	expect(&w.jobs[0], 5, 65);
	sim_workload_free(&w);
}

/* One after the other they would end beyond all time. */
static void ends_are_not_beyond_all_time(void **state)
{
	(void)state;
	struct sim_job jobs[10];
	struct sim_workload w = {.jobs = jobs, .n = ARRAY_SIZE(jobs)};
	struct sim_result r;

	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
		jobs[i] = (struct sim_job){.run_seconds = 1e300, .cpus = 4, .min_cpus = 4, .max_cpus = 4};
	r = run(&w, (struct sim_options){.cpus = 4});
	assert_int_equal(r.jobs, w.n);
	for (size_t i = 1; i < ARRAY_SIZE(jobs); i++)
		assert_true(0 < jobs[i - 1].end_usec && jobs[i - 1].end_usec <= jobs[i].end_usec);
}

static void what_is_no_workload(void **state)
{
	(void)state;
	static const struct { const char *text, *says; } cases[] = {
		{"1 0 -1 ten 1 -1 -1 1 20 -1 1 1 1 -1 -1 -1 -1 -1\n", "line 1: field 4 (run time) is 'ten'"},
		{"; a comment\n\n1 0 -1 10\n", "line 3: field 5 (allocated processors) is ''"},
		{"1 0 -1 10 1 -1 -1 1 20 -1 1 1 1 -1 -1 -1 -1 -1 7\n", "line 1: more than 18 fields"},
		{"1 0 -1 nan 1 -1 -1 1 20 -1 1 1 1 -1 -1 -1 -1 -1\n", "line 1: field 4 (run time) is 'nan'"},
		{"1 0 -1 10 1 -1 -1 inf 20 -1 1 1 1 -1 -1 -1 -1 -1\n", "line 1: field 8 (requested processors) is 'inf'"},
	};
	struct sim_workload w;
	struct mscg_error error;
	struct sim_result r;
	uint32_t skipped;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(sim_read_swf(cases[i].text, &w, &skipped, &error), -EINVAL);
		if (!strstr(error.text, cases[i].says))
			fail_msg("%s", error.text);
	}
	/* A job that was cancelled before it ran; one that comes before its predecessor. */
	assert_int_equal(sim_read_swf("1 9 -1 -1 1 -1 -1 1 20 -1 5 1 1 -1 -1 -1 -1 -1\n"
	                              "2 8 -1 10 1 -1 -1 1 20 -1 1 1 1 -1 -1 -1 -1 -1\n"
	                              "3 7 -1 20 1 -1 -1 1 20 -1 1 1 1 -1 -1 -1 -1 -1\n", &w, &skipped, &error), 0);
	assert_int_equal(skipped, 1);
	assert_int_equal(w.n, 2);
	assert_true(w.jobs[0].run_seconds == 20);
	w.jobs[0].cpus = w.jobs[0].min_cpus = w.jobs[0].max_cpus = 9;
	assert_int_equal(sim_run(&w, &(struct sim_options){.cpus = 8, .mem_bytes = 1 << 20}, &r, &error), -EINVAL);
	assert_non_null(strstr(error.text, "job 1 by submission wants 9 CPUs"));
	assert_int_equal(sim_run(&w, &(struct sim_options){.cpus = 0}, &r, &error), -EINVAL);
	sim_workload_free(&w);
}

static void generated(void **state)
{
	(void)state;
	struct sim_workload a, b;
	uint32_t serial = 0, skipped, powers = 0;
	double work = 0;

	sim_generate(&a, 20000, 128, 3, 0.7);
	sim_generate(&b, 20000, 128, 3, 0.7);
	assert_memory_equal(a.jobs, b.jobs, a.n * sizeof *a.jobs);
	for (uint32_t i = 0; i < a.n; i++) {
		const struct sim_job *j = &a.jobs[i];

		assert_in_range(j->cpus, 1, 128);
		assert_true(j->run_seconds >= 1 && j->run_seconds <= exp(12) + 1 && j->time_limit_s >= j->run_seconds);
		assert_true(!i || a.jobs[i - 1].submit_usec <= j->submit_usec);
		serial += j->cpus == 1;
		powers += j->cpus > 1 && !(j->cpus & (j->cpus - 1));
		work += j->run_seconds * j->cpus;
	}
	/* 24.4 % by the model, and what its sizes round down to 1; powers of two beyond what chance gives. */
	assert_in_range(serial, 4400, 7400);
	assert_true(powers > 10000);
	assert_true(fabs(work / 128 / SECONDS(a.jobs[a.n - 1].submit_usec) - 0.7) < 0.01);
	sim_workload_free(&b);

	/* Written and read it is the same, to the second. */
	char *text = sim_write_swf(&a);
	struct mscg_error error;
	assert_int_equal(sim_read_swf(text, &b, &skipped, &error), 0);
	assert_int_equal(b.n, a.n);
	for (uint32_t i = 0; i < a.n; i++)
		assert_true(a.jobs[i].cpus == b.jobs[i].cpus && a.jobs[i].run_seconds == b.jobs[i].run_seconds &&
		            a.jobs[i].submit_usec / 1000000 == b.jobs[i].submit_usec / 1000000);
	free(text);
	sim_workload_free(&a);
	sim_workload_free(&b);
}

/* Nobody holds more than there is, nobody less than its minimum or for less than its work. */
static void books_balance(void **state)
{
	(void)state;
	struct sim_workload w;
	double work = 0, held = 0;

	sim_generate(&w, 2000, 64, 11, 1.2);
	sim_make_elastic(&w, 0.5, 0.5, 2, 64, 11);
	struct sim_result r = run(&w, (struct sim_options){.cpus = 64, .elastic = true, .elastic_threshold = 100});
	assert_int_equal(r.jobs, 2000);
	assert_int_equal(r.refused + r.waiting, 0);
	assert_true(r.resizes > 100);
	for (uint32_t i = 0; i < w.n; i++) {
		const struct sim_job *j = &w.jobs[i];
		double took = SECONDS(j->end_usec - j->start_usec);

		assert_true(j->start_usec >= j->submit_usec);
		assert_true(j->cpu_seconds <= took * j->max_cpus + 1e-3 && j->cpu_seconds >= took * j->min_cpus - 1e-3);
		work += j->run_seconds * j->cpus;
		held += j->cpu_seconds;
	}
	/* Without a serial share CPU time is work, but for what a time limit cut off. */
	assert_true(held <= work * (1 + 1e-6) && held > work * 0.95);
	assert_true(r.utilisation <= 1 + 1e-9);

	char *svg = sim_svg(&w, &(struct sim_options){.cpus = 64}, "a < b & c", 100);
	assert_non_null(strstr(svg, "a &lt; b &amp; c"));
	assert_non_null(strstr(svg, "</svg>"));
	free(svg);
	sim_workload_free(&w);
}

/* -- what takes a configuration ----------------------------------------------------------------------------------- */

enum { LOW, HIGH, QOS };
static const char *const qos_names[QOS] = {"low", "high"};

/* High preempts low. */
static struct core_policy two_qos(enum core_preempt mode)
{
	struct core_policy p = {.scheduler = CORE_EASY, .max_launch_retries = 1, .qos_n = QOS};

	for (int i = 0; i < QOS; i++) {
		snprintf(p.qos[i].name, sizeof p.qos[i].name, "%s", qos_names[i]);
		p.qos[i].key = name_key(qos_names[i]);
		p.qos[i].preempt_mode = mode;
	}
	p.qos[HIGH].preempts = 1 << LOW;
	return p;
}

static const struct core_policy *same_policy(void *ctx, int64_t now_usec)
{
	(void)now_usec;
	return ctx;
}

static int admit_all(void *ctx, const struct sim_job *job, struct mscg_spec *spec, struct mscg_error *error)
{
	(void)ctx;
	if (job->qos && streq(job->qos, "gone"))
		return mscg_error_set(error, -EINVAL, "no QOS of that name");
	spec->qos = (char *)job->qos;
	spec->partition = (char *)job->partition;
	spec->account = (char *)job->account;
	return 0;
}

static struct sim_result run_by(struct sim_workload *w, struct core_policy *policy, struct sim_options o)
{
	o.site = &(struct sim_site){same_policy, admit_all, policy};
	return run(w, o);
}

static struct sim_job job(double submit, double run, uint32_t cpus, const char *qos)
{
	return (struct sim_job){
		.submit_usec = (int64_t)(submit * 1e6), .run_seconds = run, .cpus = cpus, .min_cpus = cpus, .max_cpus = cpus, .qos = qos,
		.requeue = true, .user = 1,
	};
}

#define WORKLOAD(...) (struct sim_workload){.jobs = (struct sim_job[]){__VA_ARGS__}, .n = ARRAY_SIZE(((struct sim_job[]){__VA_ARGS__}))}

/* 100 s on all CPUs; at 10 s somebody comes who may preempt it, for 20 s. */
static void who_is_preempted(void **state)
{
	(void)state;
	static const struct {
		enum core_preempt mode;
		double end, ran, lost, wait; /* of the first; wait: mean of both, but for a cancelled one */
		uint64_t suspended, requeued, cancelled;
	} cases[] = {
		{CORE_PREEMPT_SUSPEND, 120, 100, 0, 10, .suspended = 1},
		{CORE_PREEMPT_REQUEUE, 130, 100, 40, 15, .requeued = 1},
		{CORE_PREEMPT_CANCEL, 10, 10, 40, 0, .cancelled = 1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sim_workload w = WORKLOAD(job(0, 100, 4, "low"), job(10, 20, 4, "high"));
		struct core_policy p = two_qos(cases[i].mode);
		struct sim_result r;

		w.jobs[1].priority = 1; /* what is requeued is not to begin again in its place */
		r = run_by(&w, &p, (struct sim_options){.cpus = 4});
		expect(&w.jobs[0], 0, cases[i].end);
		expect(&w.jobs[1], 10, 30);
		assert_true(fabs(SECONDS(w.jobs[0].run_usec) - cases[i].ran) < 1e-3);
		assert_true(fabs(r.lost_cpu_s - cases[i].lost) < 1e-3 && fabs(r.wait_mean_s - cases[i].wait) < 1e-3);
		assert_int_equal(r.suspended, cases[i].suspended);
		assert_int_equal(r.requeued, cases[i].requeued);
		assert_int_equal(r.cancelled, cases[i].cancelled);
		assert_int_equal(r.shrunk + r.resizes + r.refused + r.waiting, 0);
		assert_true(fabs(r.utilisation - 1) < 1e-6);
	}
}

/* It gives 2 of its 4 CPUs at 10 s, and goes on at half its speed. */
static void who_can_shrink_does(void **state)
{
	(void)state;
	struct sim_workload w = WORKLOAD(job(0, 100, 4, "low"), job(10, 500, 2, "high"));
	struct core_policy p = two_qos(CORE_PREEMPT_CANCEL);
	struct sim_result r;

	p.elastic = true;
	w.jobs[0].min_cpus = 1;
	w.jobs[0].priority = 5; /* by priority alone it would not yield */
	r = run_by(&w, &p, (struct sim_options){.cpus = 4});
	expect(&w.jobs[0], 0, 190);
	expect(&w.jobs[1], 10, 510);
	assert_int_equal(r.shrunk, 1);
	assert_int_equal(r.resizes, 1);
	assert_int_equal(r.cancelled, 0);

	/* One that may not begin again is left alone. */
	p = two_qos(CORE_PREEMPT_REQUEUE);
	w.jobs[0].min_cpus = 4;
	w.jobs[0].priority = 0;
	w.jobs[0].requeue = false;
	r = run_by(&w, &p, (struct sim_options){.cpus = 4});
	expect(&w.jobs[1], 100, 600);
	assert_int_equal(r.requeued, 0);
}

/* low has 4 CPUs at once. While its job 1 runs, its job 2 is not in the queue, whose first is job 3 then, for which job 1 makes
 * room; then job 2 is the first, cannot start (job 0 has the licence), and job 3, not being the first, not with less than 8. */
static void who_makes_room_in_vain_waits(void **state)
{
	(void)state;
	struct sim_workload w = WORKLOAD(job(0, 1000, 1, NULL), job(0, 100, 4, "low"), job(1, 100, 4, "low"), job(2, 100, 8, "high"));
	struct core_gres licence = {.name = "license", .type = "x", .n = 1};
	struct core_policy p = two_qos(CORE_PREEMPT_REQUEUE);
	struct sim_result r;

	p.elastic = true;
	p.qos[LOW].cpus_milli = 4000;
	w.jobs[0].gres = w.jobs[2].gres = "license:x:1";
	w.jobs[2].priority = 5;
	w.jobs[3].priority = 1;
	w.jobs[3].min_cpus = 4;
	r = run_by(&w, &p, (struct sim_options){.cpus = 8, .gres = &licence, .gres_n = 1});
	assert_int_equal(r.jobs, 4);
	assert_in_range(r.requeued, 1, 40);
	expect(&w.jobs[2], 1000, 1100);
}

/* What is not lost is what was asked for, whoever is preempted, and how. */
static void work_is_done_once(void **state)
{
	(void)state;
	static const enum core_preempt modes[] = {CORE_PREEMPT_SUSPEND, CORE_PREEMPT_REQUEUE, CORE_PREEMPT_SHRINK};

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		struct core_policy p = two_qos(modes[i]);
		struct sim_workload w;
		struct sim_result r;
		double work = 0, held = 0;

		sim_generate(&w, 2000, 64, 5, 1.2);
		sim_make_elastic(&w, 0.3, 0.5, 2, 64, 5);
		for (uint32_t k = 0; k < w.n; k++) {
			w.jobs[k].qos = qos_names[k % 3 ? LOW : HIGH];
			w.jobs[k].priority = k % 3 ? 0 : 1;
			w.jobs[k].requeue = true;
			w.jobs[k].time_limit_s = 0;
		}
		p.elastic = true;
		p.elastic_threshold = 100;
		r = run_by(&w, &p, (struct sim_options){.cpus = 64});
		for (uint32_t k = 0; k < w.n; k++) {
			work += w.jobs[k].run_seconds * w.jobs[k].cpus;
			held += w.jobs[k].cpu_seconds;
		}
		assert_int_equal(r.jobs, w.n);
		assert_true(fabs(held - r.lost_cpu_s - work) < work * 1e-6 && r.utilisation <= 1 + 1e-9);
		assert_true((r.suspended > 20) == (modes[i] == CORE_PREEMPT_SUSPEND) && (r.requeued > 20) == (modes[i] == CORE_PREEMPT_REQUEUE));
		assert_true((r.lost_cpu_s > 0) == (modes[i] == CORE_PREEMPT_REQUEUE));
		sim_workload_free(&w);
	}
}

static void what_is_counted(void **state)
{
	(void)state;
	struct sim_workload w = WORKLOAD(job(0, 10, 1, NULL), job(0, 10, 1, NULL), job(0, 10, 1, NULL), job(0, 10, 1, NULL), job(0, 10, 1, NULL));
	static const char *const asks[] = {"gpu:2", "gpu:a100:1", "license:x:1", "license:x:2", "gpu:4"};
	struct core_gres gres[CORE_GRES_MAX];
	struct mscg_error error;
	struct sim_options o = {.cpus = 8, .gres = gres};
	struct sim_result r;

	assert_int_equal(sim_gres_parse("gpu:2,gpu:a100:1, license:x:2", gres, &o.gres_n, &error), 0);
	assert_int_equal(o.gres_n, 3);
	assert_true(gres[0].units == 3 && gres[1].units == 4 && !gres[2].units);
	for (uint32_t i = 0; i < w.n; i++)
		w.jobs[i].gres = asks[i];
	r = run(&w, o);
	expect(&w.jobs[0], 0, 10);
	expect(&w.jobs[1], 0, 10);
	expect(&w.jobs[2], 0, 10);
	expect(&w.jobs[3], 10, 20); /* both licences */
	assert_int_equal(w.jobs[4].start_usec, -1);
	assert_int_equal(r.refused, 1);
	assert_int_equal(r.first_refused, 4);
	assert_int_equal(r.jobs, 4);

	/* Of what there is nothing of at all, nobody may ask. */
	o.gres_n = 0;
	r = run(&w, o);
	assert_int_equal(r.refused, 5);
	assert_int_equal(r.first_refused, 0);
	assert_non_null(strstr(r.refusal, "gpu"));
	assert_int_equal(r.jobs, 0);

	assert_int_equal(sim_gres_parse("gpu:65", gres, &o.gres_n, &error), -EINVAL);
	assert_non_null(strstr(error.text, "more than 64 GPUs"));
	assert_int_equal(sim_gres_parse("gpu:0", gres, &o.gres_n, &error), -EINVAL);
	assert_int_equal(sim_gres_parse("", gres, &o.gres_n, &error), -EINVAL);
}

/* User 1 has had the machine for an hour when one of theirs waits before one of user 2's. */
static void who_had_less_goes_first(void **state)
{
	(void)state;
	struct sim_workload w = WORKLOAD(job(0, 3600, 4, NULL), job(10, 10, 4, NULL), job(20, 10, 4, NULL));
	struct core_policy p = {
		.scheduler = CORE_EASY, .max_launch_retries = 1,
		.priority = {.multifactor = true, .weight_fairshare = 1000, .max_age_s = 86400, .half_life_s = 86400, .calc_period_s = 10},
	};
	struct sim_result r;

	w.jobs[2].user = 2;
	run_by(&w, &p, (struct sim_options){.cpus = 4});
	expect(&w.jobs[2], 3600, 3610);
	expect(&w.jobs[1], 3610, 3620);

	/* By age alone it is the other way round; and who is refused is counted. */
	p.priority.weight_fairshare = 0;
	p.priority.weight_age = 1000;
	w.jobs[2].qos = "gone";
	r = run_by(&w, &p, (struct sim_options){.cpus = 4});
	expect(&w.jobs[1], 3600, 3610);
	assert_int_equal(r.refused, 1);
	assert_int_equal(r.first_refused, 2);
	assert_string_equal(r.refusal, "no QOS of that name");
	assert_int_equal(r.jobs, 2);
}

/* In "small" jobs have 2 CPUs together, in "shut" nothing starts; a user may have 1 job of QOS low at once. */
static void limits_and_partitions(void **state)
{
	(void)state;
	struct sim_workload w = WORKLOAD(job(0, 10, 2, "high"), job(0, 10, 2, "high"), job(0, 10, 1, "high"), job(0, 10, 1, "low"), job(0, 10, 1, "low"));
	struct core_policy p = two_qos(CORE_PREEMPT_OFF);
	struct sim_result r;

	p.qos[LOW].user_running = 1;
	p.qos[LOW].job_time_s = 60;
	p.partition_n = 2;
	p.partition[0] = (struct core_partition){.name = "shut", .key = name_key("shut"), .takes = true};
	p.partition[1] = (struct core_partition){.name = "small", .key = name_key("small"), .takes = true, .starts = true, .cpus_milli = 2000};
	for (uint32_t i = 0; i < w.n; i++)
		w.jobs[i].partition = i == 2 ? "shut" : "small";
	w.jobs[3].partition = w.jobs[4].partition = NULL;
	r = run_by(&w, &p, (struct sim_options){.cpus = 16});
	expect(&w.jobs[0], 0, 10);
	expect(&w.jobs[1], 10, 20);
	expect(&w.jobs[3], 0, 10);
	expect(&w.jobs[4], 10, 20);
	assert_int_equal(w.jobs[2].start_usec, -1);
	assert_int_equal(r.waiting, 1);

	w.jobs[4].time_limit_s = 61;
	r = run_by(&w, &p, (struct sim_options){.cpus = 16});
	assert_int_equal(r.refused, 1);
	assert_non_null(strstr(r.refusal, "QOS low"));
}

/* A CPU-hour a day each: who has spent it goes on at the next. */
#define DAY INT64_C(86400000000)
static const struct core_policy *by_day(void *ctx, int64_t now_usec)
{
	struct core_policy *p = ctx;

	p->priority.budget.from_usec = now_usec / DAY * DAY;
	p->priority.budget.until_usec = p->priority.budget.from_usec + DAY;
	return p;
}

static void budgets_begin_anew(void **state)
{
	(void)state;
	struct sim_workload w = WORKLOAD(job(0, 3600, 1, NULL), job(10, 60, 1, NULL), job(10, 60, 1, NULL));
	struct core_policy p = {
		.scheduler = CORE_EASY, .max_launch_retries = 1,
		.priority = {.charges = true, .calc_period_s = 10, .budget = {.user = 1, .rates = {.given = true, .cpu_hour = 1}}},
	};
	struct mscg_error error = {0};
	struct sim_result r;

	w.begin_usec = 20000 * DAY + DAY / 2;
	w.jobs[1].submit_usec = 3700 * INT64_C(1000000);
	w.jobs[2].submit_usec = 3700 * INT64_C(1000000);
	w.jobs[2].user = 2;
	assert_int_equal(sim_run(&w, &(struct sim_options){.cpus = 4, .mem_bytes = 1 << 30, .site = &(struct sim_site){by_day, admit_all, &p}}, &r, &error), 0);
	expect(&w.jobs[0], 0, 3600);
	expect(&w.jobs[2], 3700, 3760);
	assert_true(SECONDS(w.jobs[1].start_usec) >= 43200 && SECONDS(w.jobs[1].start_usec) < 43220);
	assert_int_equal(r.waiting, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_fits_passes), cmocka_unit_test(grows_and_shrinks), cmocka_unit_test(time_limits_end_jobs),
		cmocka_unit_test(ends_are_not_beyond_all_time), cmocka_unit_test(what_is_no_workload), cmocka_unit_test(generated), cmocka_unit_test(books_balance),
		cmocka_unit_test(who_is_preempted), cmocka_unit_test(who_can_shrink_does),
		cmocka_unit_test(who_makes_room_in_vain_waits), cmocka_unit_test(work_is_done_once), cmocka_unit_test(what_is_counted),
		cmocka_unit_test(who_had_less_goes_first), cmocka_unit_test(limits_and_partitions), cmocka_unit_test(budgets_begin_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
