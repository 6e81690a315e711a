/* The simulator against schedules worked out by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

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

static void what_is_no_workload(void **state)
{
	(void)state;
	static const struct { const char *text, *says; } cases[] = {
		{"1 0 -1 ten 1 -1 -1 1 20 -1 1 1 1 -1 -1 -1 -1 -1\n", "line 1: field 4 (run time) is 'ten'"},
		{"; a comment\n\n1 0 -1 10\n", "line 3: field 5 (allocated processors) is ''"},
		{"1 0 -1 10 1 -1 -1 1 20 -1 1 1 1 -1 -1 -1 -1 -1 7\n", "line 1: more than 18 fields"},
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
	assert_non_null(strstr(error.text, "job 1 wants 9 CPUs"));
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
	assert_int_equal(r.rejected, 0);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_fits_passes), cmocka_unit_test(grows_and_shrinks), cmocka_unit_test(time_limits_end_jobs),
		cmocka_unit_test(what_is_no_workload), cmocka_unit_test(generated), cmocka_unit_test(books_balance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
