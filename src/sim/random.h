/* random.h: numbers that are the same everywhere for one seed. */
#ifndef SIM_RANDOM_H
#define SIM_RANDOM_H

#include <math.h>
#include <stdint.h>

/* splitmix64 (Steele, Lea, Flood 2014) */
static inline uint64_t random_u64(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* In [0, 1) */
static inline double random_unit(uint64_t *state)
{
	return (double)(random_u64(state) >> 11) * 0x1p-53;
}

static inline double random_normal(uint64_t *state)
{
	double u = 1 - random_unit(state), v = random_unit(state);

	return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

/* Marsaglia and Tsang, 2000; shape >= 1 */
static inline double random_gamma(uint64_t *state, double shape, double scale)
{
	double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);

	for (;;) {
		double x = random_normal(state), v = 1 + c * x;

		if (v <= 0)
			continue;
		v = v * v * v;
		if (log(1 - random_unit(state)) < 0.5 * x * x + d - d * v + d * log(v))
			return d * v * scale;
	}
}

#endif
