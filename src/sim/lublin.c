/* The workload model of Lublin and Feitelson, with its published parameters for all jobs together. */
#include "random.h"
#include "sim.h"

enum { BUCKETS = 48 }; /* half hours of a day */

#define SERIAL      0.244 /* share of jobs with one processor */
#define POWER_OF_2  0.576 /* share of those with a power of two */
#define SIZE_LOW    0.8   /* log2 of sizes: two stages, each uniform */
#define SIZE_FIRST  0.86  /* share of the lower stage */
#define MOST_RUN    12.0  /* exp() of it: two days */
#define MOST_GAP    13.0  /* five */
#define DAY_START   11    /* the model's day begins with this half hour */

struct arrivals {
	double weight[BUCKETS]; /* relative rate of each half hour; mean 1 */
	double at;              /* seconds */
};

static double gamma_density(double x, double shape, double scale)
{
	return exp((shape - 1) * log(x) - x / scale - lgamma(shape) - shape * log(scale));
}

static void arrivals_begin(struct arrivals *a)
{
	double sum = 0;

	*a = (struct arrivals){0};
	for (int i = DAY_START; i < BUCKETS + DAY_START; i++)
		sum += a->weight[(i - 1) % BUCKETS] = gamma_density(i, 8.1737, 3.9631);
	for (int i = 0; i < BUCKETS; i++)
		a->weight[i] = MAX_OF(a->weight[i] * BUCKETS / sum, 0.01);
}

/* The gap is drawn for the mean rate, and passes faster in the busy hours of the day. */
static double arrivals_next(struct arrivals *a, uint64_t *random)
{
	double g;

	do
		g = random_gamma(random, 10.2303 * 1.0225, 0.4871);
	while (g > MOST_GAP);
	for (double left = exp(g); left > 0;) {
		double rate = a->weight[(int)(fmod(a->at, 86400) / 1800) % BUCKETS];
		double until = 1800 - fmod(a->at, 1800), take = MIN_OF(left / rate, until);

		a->at += take;
		left -= take * rate;
		if (take < until)
			break;
	}
	return a->at;
}

static uint32_t draw_size(uint64_t *random, uint32_t cpus)
{
	double high = log2(cpus), middle = MAX_OF(high - 2.5, SIZE_LOW), kind = random_unit(random), size;

	if (kind < SERIAL || cpus < 2)
		return 1;
	if (random_unit(random) < SIZE_FIRST)
		size = SIZE_LOW + random_unit(random) * (middle - SIZE_LOW);
	else
		size = middle + random_unit(random) * (high - middle);
	if (kind < SERIAL + POWER_OF_2)
		size = round(size);
	return MIN_OF(MAX_OF((uint32_t)lround(exp2(size)), 1u), cpus);
}

static double draw_run(uint64_t *random, uint32_t cpus)
{
	double p = MIN_OF(MAX_OF(-0.0054 * cpus + 0.78, 0.0), 1.0), g;

	do
		g = random_unit(random) < p ? random_gamma(random, 4.2, 0.94) : random_gamma(random, 312, 0.03);
	while (g > MOST_RUN);
	return MAX_OF(exp(g), 1.0);
}

/* What people type: round figures, and too much. */
static uint32_t draw_limit(uint64_t *random, double run)
{
	static const uint32_t minutes[] = {1, 5, 10, 15, 30, 60, 120, 240, 480, 720, 1440, 2880, 4320, 10080};
	double want = run * (1 + 4 * random_unit(random));

	for (size_t i = 0; i < ARRAY_SIZE(minutes); i++)
		if (minutes[i] * 60 >= want)
			return minutes[i] * 60;
	return 30 * 86400;
}

void sim_generate(struct sim_workload *ret, uint32_t n, uint32_t cpus, uint64_t seed, double load)
{
	struct sim_workload w = {.jobs = xcalloc(n ? n : 1, sizeof *w.jobs), .n = n, .cap = n, .cpus = cpus};
	struct arrivals arrivals;
	double work = 0;

	arrivals_begin(&arrivals);
	for (uint32_t i = 0; i < n; i++) {
		struct sim_job *j = &w.jobs[i];

		j->submit_usec = (int64_t)(arrivals_next(&arrivals, &seed) * 1e6);
		j->cpus = j->min_cpus = j->max_cpus = draw_size(&seed, cpus);
		j->run_seconds = round(draw_run(&seed, j->cpus));
		j->time_limit_s = draw_limit(&seed, j->run_seconds);
		j->user = (uint32_t)(64 * random_unit(&seed) * random_unit(&seed)); /* a few submit most */
		work += j->run_seconds * j->cpus;
	}
	if (load > 0 && n > 1) {
		double stretch = work / cpus / load / ((double)w.jobs[n - 1].submit_usec / 1e6);

		for (uint32_t i = 0; i < n; i++)
			w.jobs[i].submit_usec = (int64_t)((double)w.jobs[i].submit_usec * stretch);
	}
	*ret = w;
}
