/* What came of a run, in the figures that papers on scheduling use. */
#include "sim.h"

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double run_of(const struct sim_job *j)
{
	return (double)j->run_usec / 1e6;
}

/* In the queue, suspended, or in an attempt that came to nothing. */
static double wait_of(const struct sim_job *j)
{
	return (double)(j->end_usec - j->submit_usec - j->run_usec) / 1e6;
}

static double slowdown(const struct sim_job *j)
{
	return MAX_OF((wait_of(j) + run_of(j)) / MAX_OF(run_of(j), 10.0), 1.0);
}

/* Jain's index over the users' mean slowdowns. */
static double fairness(const struct sim_workload *w)
{
	uint32_t users = 0, n = 0;
	double *sum, *count, all = 0, squares = 0;

	for (uint32_t i = 0; i < w->n; i++)
		users = MAX_OF(users, MIN_OF(w->jobs[i].user, 1u << 20) + 1);
	sum = xcalloc(users + 1, sizeof *sum);
	count = xcalloc(users + 1, sizeof *count);
	for (uint32_t i = 0; i < w->n; i++) {
		const struct sim_job *j = &w->jobs[i];

		if (j->end_usec >= 0 && !j->cancelled) {
			sum[j->user % users] += slowdown(j);
			count[j->user % users]++;
		}
	}
	for (uint32_t u = 0; u < users; u++)
		if (count[u] > 0) {
			all += sum[u] / count[u];
			squares += sum[u] / count[u] * (sum[u] / count[u]);
			n++;
		}
	free(sum);
	free(count);
	return n ? all * all / (n * squares) : 1;
}

void sim_measure(const struct sim_workload *w, const struct sim_options *o, struct sim_result *r)
{
	double *waits = xcalloc(w->n + 1, sizeof *waits), wait = 0, slow = 0, held = 0;
	int64_t first = w->n ? w->jobs[0].submit_usec : 0, last = first;
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->n; i++) {
		const struct sim_job *j = &w->jobs[i];

		if (j->end_usec < 0)
			continue;
		held += j->cpu_seconds;
		last = MAX_OF(last, j->end_usec);
		r->jobs++;
		if (j->cancelled)
			continue;
		waits[n] = wait_of(j);
		wait += waits[n++];
		slow += slowdown(j);
	}
	r->waiting = w->n - r->jobs - r->refused;
	qsort(waits, n, sizeof *waits, by_value);
	r->makespan_s = (double)(last - first) / 1e6;
	r->utilisation = r->makespan_s > 0 ? held / (o->cpus * r->makespan_s) : 0;
	if (n) {
		r->wait_mean_s = wait / n;
		r->wait_p95_s = waits[((uint64_t)n * 95 + 99) / 100 - 1]; /* nearest rank */
		r->wait_max_s = waits[n - 1];
		r->slowdown_mean = slow / n;
	}
	r->fairness = fairness(w);
	free(waits);
}
