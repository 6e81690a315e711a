/* Backfill: the worked examples of the literature, a plain scheduler beside the core that has to decide the same, and what is
 * promised of it: EASY never makes the head later, conservative nobody.
 *
 * The plain one knows rigid jobs on one kind of CPU, so many at a time, and looks at every job and every second anew. */
#include "tests/unit/core_support.h"

#include <inttypes.h>

enum { JOBS = 60, CPUS = 16, HORIZON = 2600, ROUNDS = 15 };

static uint64_t rng;

static uint32_t below(uint32_t n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (uint32_t)((rng * UINT64_C(0x2545f4914f6cdd1d) >> 16) % n);
}

struct job {
	uint32_t submit, cpus, limit, run; /* seconds; limit 0: none */
	uint32_t least, given; /* --time-min, 0: none; the limit that it started with */
	int32_t  priority;
	int64_t  start, end, promised; /* seconds; -1: not yet */
	bool     head;                 /* it was the head, and promised a time as such */
};

struct world {
	struct rig rig;
	struct job job[JOBS];
	uint32_t n, cpus, jobs; /* jobs: that run at once at most */
	enum core_scheduler scheduler;
	uint32_t depth;
	int64_t  now;
	uint64_t passed; /* starts before somebody who came first */
	uint64_t cut;    /* with less time than asked */
};

/* -- the plain scheduler ------------------------------------------------------------------------------------------ */

struct profile {
	int32_t free[HORIZON], jobs[HORIZON]; /* second by second from now on; what comes behind is as the last */
};

static void take(struct profile *p, int64_t from, int64_t span, int32_t cpus)
{
	for (int64_t t = from; t < HORIZON && (span == 0 || t < from + span); t++) {
		p->free[t] -= cpus;
		p->jobs[t]--;
	}
}

static bool has_room(const struct profile *p, int64_t t, const struct job *j)
{
	return p->free[t] >= (int32_t)j->cpus && p->jobs[t] > 0;
}

static int64_t earliest(const struct profile *p, const struct job *j)
{
	for (int64_t t = 0; t < HORIZON; t++) {
		int64_t u = t;

		while (u < HORIZON && (j->limit == 0 || u < t + j->limit) && has_room(p, u, j))
			u++;
		if (u == HORIZON || (j->limit && u >= t + j->limit))
			return t;
		t = u;
	}
	return -1;
}

/* So long it fits from now on. */
static uint32_t room(const struct profile *p, const struct job *j)
{
	uint32_t t = 0;

	while (t < HORIZON && has_room(p, t, j))
		t++;
	return t;
}

static bool before(const struct world *w, uint32_t a, uint32_t b)
{
	if (w->job[a].priority != w->job[b].priority)
		return w->job[a].priority > w->job[b].priority;
	return a < b;
}

/* Those that wait, in their order. */
static uint32_t waiting(const struct world *w, uint32_t list[JOBS])
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->n; i++)
		if (w->job[i].submit <= w->now && w->job[i].start < 0) {
			uint32_t k = n++;

			for (; k && before(w, i, list[k - 1]); k--)
				list[k] = list[k - 1];
			list[k] = i;
		}
	return n;
}

/* What should run after this second's step, by the books of the test; notes what is promised. */
static void plan(struct world *w, bool start[JOBS])
{
	struct profile p;
	uint32_t list[JOBS], n = waiting(w, list), promises = 0;
	bool blocked = false;

	for (int t = 0; t < HORIZON; t++) {
		p.free[t] = (int32_t)w->cpus;
		p.jobs[t] = (int32_t)w->jobs;
	}
	for (uint32_t i = 0; i < w->n; i++)
		if (w->job[i].start >= 0 && w->job[i].end < 0)
			take(&p, 0, w->job[i].limit ? MAX_OF(w->job[i].start + w->job[i].given - w->now, 1) : 0, (int32_t)w->job[i].cpus);
	for (uint32_t k = 0; k < n; k++) {
		struct job *j = &w->job[list[k]];
		int64_t at = earliest(&p, j);

		j->given = j->limit;
		if (at != 0 && j->least && w->scheduler != CORE_FCFS && room(&p, j) >= j->least) {
			j->given = room(&p, j);
			at = 0;
			w->cut++;
		}
		start[list[k]] = at == 0;
		if (at == 0) {
			take(&p, 0, j->given, (int32_t)j->cpus);
			w->passed += blocked;
			continue;
		}
		if (w->scheduler == CORE_FCFS)
			return;
		if (w->scheduler == CORE_EASY && promises)
			continue;
		if (w->scheduler == CORE_EASY && blocked)
			continue;
		if (w->scheduler == CORE_CONSERVATIVE && promises >= w->depth)
			continue;
		if (at > 0 && w->scheduler != CORE_FIRSTFIT) {
			take(&p, at, j->limit, (int32_t)j->cpus);
			promises++;
			if (j->promised < 0 && (w->scheduler == CORE_CONSERVATIVE || !blocked))
				j->promised = w->now + at;
		}
		blocked = true;
	}
}

/* -- the core over the same jobs ---------------------------------------------------------------------------------- */

static void open_world(struct world *w, enum core_scheduler scheduler, uint32_t cpus)
{
	w->cpus = cpus;
	w->scheduler = scheduler;
	w->depth = 100;
	w->jobs = JOBS;
	build_machine(&w->rig.machine, 1, 1, 1, cpus, 1);
	w->rig.policy = test_policy();
	w->rig.policy.scheduler = scheduler;
	rig_open(&w->rig);
}

static void limit_jobs(struct world *w, uint32_t jobs)
{
	w->rig.policy.max_jobs = w->jobs = jobs;
	rig_close(&w->rig);
	rig_open(&w->rig);
}

static void add_job(struct world *w, uint32_t submit, uint32_t cpus, uint32_t limit, uint32_t run)
{
	w->job[w->n++] = (struct job){.submit = submit, .cpus = cpus, .limit = limit, .run = run, .start = -1, .end = -1, .promised = -1};
}

/* Several inputs in one step, as one turn of the daemon has them. */
struct inputs {
	struct core_input  in[2 * JOBS];
	struct mscg_spec   spec[JOBS];
	struct mscg_report report[JOBS];
	uint32_t n;
};

static void collect(struct world *w, struct inputs *x)
{
	x->n = 0;
	for (uint32_t i = 0; i < w->n; i++) {
		struct job *j = &w->job[i];

		if (j->start >= 0 && j->end < 0 && w->now >= j->start + (j->limit ? MIN_OF(j->run, j->given) : j->run)) {
			j->end = w->now;
			x->report[i] = (struct mscg_report){.kind = MSCG_REPORT_ENDED, .id = id_of(i + 1), .attempt = 1, .time_usec = w->rig.now.real_usec};
			mscg_usage_init(&x->report[i].usage);
			x->in[x->n++] = (struct core_input){.kind = CORE_REPORT, .id = id_of(i + 1), .report = &x->report[i]};
		}
	}
	for (uint32_t i = 0; i < w->n; i++)
		if (w->job[i].submit == w->now) {
			x->spec[i] = job_spec(w->job[i].cpus, 4 * MIB, w->job[i].priority);
			x->spec[i].time_limit_s = w->job[i].limit;
			x->spec[i].time_min_s = w->job[i].least;
			x->spec[i].grace_s = 0;
			x->in[x->n++] = (struct core_input){.kind = CORE_SUBMIT, .token = i + 1, .spec = &x->spec[i]};
		}
}

static void second(struct world *w)
{
	static struct inputs x;
	bool expected[JOBS] = {false};
	uint32_t started[JOBS], n = 0;

	collect(w, &x);
	plan(w, expected);
	rig_step(&w->rig, x.in, x.n);
	for (uint32_t i = 0; i < w->rig.out.actions_n; i++)
		if (w->rig.out.actions[i].kind == MSCG_ACTION_START) {
			started[n] = w->rig.out.actions[i].id.job - 1;
			assert_int_equal(w->rig.out.actions[i].time_limit_s, w->job[started[n]].given);
			n++;
		}
	for (uint32_t i = 0; i < n; i++) {
		if (!expected[started[i]])
			fail_msg("second %" PRId64 ": job %u was started, the plain scheduler does not", w->now, started[i] + 1);
		expected[started[i]] = false;
		w->job[started[i]].start = w->now;
	}
	for (uint32_t i = 0; i < w->n; i++)
		if (expected[i])
			fail_msg("second %" PRId64 ": job %u was not started, the plain scheduler does", w->now, i + 1);
	for (uint32_t i = 0; i < n; i++)
		rig_started(&w->rig, id_of(started[i] + 1));
	w->now++;
	rig_pass(&w->rig, USEC_PER_SEC);
}

static bool all_over(const struct world *w)
{
	for (uint32_t i = 0; i < w->n; i++)
		if (w->job[i].end < 0)
			return false;
	return true;
}

static void run_world(struct world *w)
{
	while (!all_over(w)) {
		second(w);
		assert_true(w->now < HORIZON);
	}
	rig_close(&w->rig);
}

static void starts(const struct world *w, uint32_t job, int64_t at)
{
	if (w->job[job - 1].start != at)
		fail_msg("job %u started at %" PRId64 ": expected %" PRId64, job, w->job[job - 1].start, at);
}

/* -- worked examples ---------------------------------------------------------------------------------------------- */

/* Mu'alem and Feitelson, "Utilization, Predictability, Workloads, and User Runtime Estimates in Scheduling the IBM SP2 with
 * Backfilling", 2001. Job 1 holds part of the machine; the head, job 2, needs more than is left and gets its time from the
 * end of job 1. What is over by then passes; what is not passes on the processors that the head leaves. */
static void easy_example(void **state)
{
	(void)state;
	struct world w = {0};

	open_world(&w, CORE_EASY, 10);
	add_job(&w, 0, 6, 100, 100); /* runs */
	add_job(&w, 1, 8, 50, 50);   /* the head: at 100, leaves 2 */
	add_job(&w, 2, 4, 99, 99);   /* would be over at 101: does not pass */
	add_job(&w, 3, 4, 97, 97);   /* is over at 100: passes */
	run_world(&w);
	starts(&w, 2, 100);
	starts(&w, 4, 3);
	starts(&w, 3, 150);

	w = (struct world){0};
	open_world(&w, CORE_EASY, 10);
	add_job(&w, 0, 6, 100, 100);
	add_job(&w, 1, 8, 50, 50);
	add_job(&w, 2, 3, 500, 500); /* one more than the head leaves */
	add_job(&w, 3, 2, 500, 500); /* long, and on what the head leaves: passes */
	add_job(&w, 4, 2, 500, 500); /* that is used now */
	run_world(&w);
	starts(&w, 2, 100);
	starts(&w, 4, 3);
	starts(&w, 3, 150);
	starts(&w, 5, 150);
}

/* The same paper's point against EASY: who is second in the queue can be made later by what passes; not so where all have
 * a time. Job 3 would run at 100 beside nobody; job 4, on what the head leaves, holds one of its processors until 600. */
static void conservative_example(void **state)
{
	(void)state;
	for (int conservative = 0; conservative < 2; conservative++) {
		struct world w = {0};

		open_world(&w, conservative ? CORE_CONSERVATIVE : CORE_EASY, 10);
		add_job(&w, 0, 6, 100, 100);
		add_job(&w, 1, 8, 50, 50);   /* at 100 */
		add_job(&w, 2, 10, 50, 50);  /* at 150 */
		add_job(&w, 3, 2, 500, 500); /* passes the head and would hold what job 3 needs */
		run_world(&w);
		starts(&w, 2, 100);
		starts(&w, 3, conservative ? 150 : 503);
		starts(&w, 4, conservative ? 200 : 3);
	}
}

/* Jobs that end before their limits make everything earlier. */
static void early_ends(void **state)
{
	(void)state;
	struct world w = {0};

	open_world(&w, CORE_EASY, 10);
	add_job(&w, 0, 6, 100, 20);
	add_job(&w, 1, 8, 50, 10);
	add_job(&w, 2, 4, 90, 90);
	run_world(&w);
	starts(&w, 3, 2);
	starts(&w, 2, 92); /* which was promised 100 */
	assert_int_equal(w.job[1].promised, 100);
}

static void only_to_the_depth(void **state)
{
	(void)state;
	struct world w = {0};

	open_world(&w, CORE_CONSERVATIVE, 10);
	w.depth = w.rig.policy.backfill_depth = 1; /* as EASY */
	rig_close(&w.rig);
	rig_open(&w.rig);
	add_job(&w, 0, 6, 100, 100);
	add_job(&w, 1, 8, 50, 50);
	add_job(&w, 2, 10, 50, 50);
	add_job(&w, 3, 2, 500, 500);
	run_world(&w);
	starts(&w, 4, 3);
}

/* Three at a time: jobs 3 and 4 have their time from the end of job 1 on, and with job 2 that is as many as may run. Job 5 would
 * hold one of their places. */
static void places_are_promised(void **state)
{
	(void)state;
	struct world w = {0};

	open_world(&w, CORE_CONSERVATIVE, 10);
	limit_jobs(&w, 3);
	add_job(&w, 0, 7, 100, 100);
	add_job(&w, 1, 1, 300, 300);
	add_job(&w, 2, 3, 50, 50);
	add_job(&w, 3, 3, 50, 50);
	add_job(&w, 4, 1, 500, 500);
	add_job(&w, 5, 1, 90, 90); /* is over by then: passes */
	run_world(&w);
	starts(&w, 3, 100);
	starts(&w, 4, 100);
	starts(&w, 5, 150);
	starts(&w, 6, 5);
}

/* -- by chance ---------------------------------------------------------------------------------------------------- */

static void draw_jobs(struct world *w, bool exact, bool limits)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < JOBS; i++) {
		uint32_t limit = 1 + below(40), run = exact ? limit : 1 + below(limit);

		at += below(6);
		add_job(w, at, 1 + below(below(3) ? 5 : CPUS), limits || below(4) ? limit : 0, run);
	}
}

static void never_later(const struct world *w)
{
	for (uint32_t i = 0; i < w->n; i++)
		if (w->job[i].promised >= 0 && w->job[i].start > w->job[i].promised)
			fail_msg("job %u was promised %" PRId64 " and started at %" PRId64, i + 1, w->job[i].promised, w->job[i].start);
}

/* In every other world no more than a few run at a time. less: half of those with a limit may be given less; counts these then. */
static uint64_t many_with(enum core_scheduler scheduler, bool exact, bool limits, bool promises, bool less)
{
	uint64_t passed = 0, cut = 0;

	for (uint32_t round = 0; round < 2 * ROUNDS; round++) {
		struct world w = {0};

		rng = 88172645463325252u + round * 7919 + scheduler;
		open_world(&w, scheduler, CPUS);
		if (round % 2)
			limit_jobs(&w, 2 + below(4));
		draw_jobs(&w, exact, limits);
		for (uint32_t i = 0; less && i < w.n; i++)
			w.job[i].least = w.job[i].limit && below(2) ? 1 + below(w.job[i].limit) : 0;
		run_world(&w);
		if (promises)
			never_later(&w);
		passed += w.passed;
		cut += w.cut;
	}
	return less ? cut : passed;
}

static uint64_t many(enum core_scheduler scheduler, bool exact, bool limits, bool promises)
{
	return many_with(scheduler, exact, limits, promises, false);
}

/* The head gets its promise also where others end early, or have no limits at all. */
static void easy_never_delays_the_head(void **state)
{
	(void)state;
	assert_true(many(CORE_EASY, true, true, true) > 100);
	assert_true(many(CORE_EASY, false, true, true) > 100);
	assert_true(many(CORE_EASY, false, false, true) > 100);
	assert_true(many_with(CORE_EASY, false, true, true, true) > 50);
	assert_true(many_with(CORE_EASY, false, false, true, true) > 50);
}

/* What was promised when it came, it gets, if jobs take the time that they said. */
static void conservative_never_delays_anyone(void **state)
{
	(void)state;
	assert_true(many(CORE_CONSERVATIVE, true, true, true) > 100);
	assert_true(many(CORE_CONSERVATIVE, false, true, false) > 100);
	assert_true(many(CORE_CONSERVATIVE, false, false, false) > 100);
	assert_true(many_with(CORE_CONSERVATIVE, false, true, false, true) > 50);
	assert_int_equal(many_with(CORE_FIRSTFIT, false, true, false, true), 0);
}

static void the_others(void **state)
{
	(void)state;
	assert_true(many(CORE_FIRSTFIT, false, false, false) > 100);
	assert_int_equal(many(CORE_FCFS, false, false, false), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(easy_example),
		cmocka_unit_test(conservative_example),
		cmocka_unit_test(early_ends),
		cmocka_unit_test(only_to_the_depth),
		cmocka_unit_test(places_are_promised),
		cmocka_unit_test(easy_never_delays_the_head),
		cmocka_unit_test(conservative_never_delays_anyone),
		cmocka_unit_test(the_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
