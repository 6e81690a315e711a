/* Sharing out by water-filling: the highest give first, the lowest get first, so that nobody moves more than needed.
 * Everything is counted in units; equal heights are decided by the order of the arrays. */
#include "src/core/internal.h"

/* What comes off when nothing may stand higher than `level`. */
static uint64_t above(const uint64_t *height, uint32_t n, uint64_t level, uint64_t unit)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += height[i] / unit > level ? height[i] / unit - level : 0;
	return sum;
}

void water_lower(const uint64_t *height, uint64_t *take, uint32_t n, uint64_t amount, uint64_t unit)
{
	uint64_t want = amount / unit, low = 0, high = 0, rest;

	for (uint32_t i = 0; i < n; i++)
		high = MAX_OF(high, height[i] / unit);
	want = MIN_OF(want, above(height, n, 0, unit));
	/* The lowest level that takes no more than is wanted. */
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (above(height, n, middle, unit) <= want)
			high = middle;
		else
			low = middle + 1;
	}
	rest = want - above(height, n, low, unit);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t h = height[i] / unit;

		take[i] = h > low ? h - low : 0;
		if (rest && low && h >= low) {
			take[i]++;
			rest--;
		}
		take[i] *= unit;
	}
}

/* What goes in to bring everything up to `level`, as far as limits allow. */
static uint64_t below(const uint64_t *height, const uint64_t *limit, uint32_t n, uint64_t level, uint64_t unit)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t to = MIN_OF(level, limit[i] / unit);

		sum += to > height[i] / unit ? to - height[i] / unit : 0;
	}
	return sum;
}

void water_raise(const uint64_t *height, const uint64_t *limit, uint64_t *give, uint32_t n, uint64_t amount, uint64_t unit)
{
	uint64_t have = amount / unit, low = 0, high = 0, rest;

	for (uint32_t i = 0; i < n; i++)
		high = MAX_OF(high, limit[i] / unit);
	/* The highest level that needs no more than there is. */
	while (low < high) {
		uint64_t middle = low + (high - low + 1) / 2;

		if (below(height, limit, n, middle, unit) <= have)
			low = middle;
		else
			high = middle - 1;
	}
	rest = have - below(height, limit, n, low, unit);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t h = height[i] / unit, to = MAX_OF(h, MIN_OF(low, limit[i] / unit));

		if (rest && h <= low && limit[i] / unit > low) {
			to++;
			rest--;
		}
		give[i] = (to - h) * unit;
	}
}
