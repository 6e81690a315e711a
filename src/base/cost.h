/* cost.h: what an hour costs. */
#ifndef BASE_COST_H
#define BASE_COST_H

#include <mscg/error.h>
#include <stdbool.h>

struct cost_rates {
	bool   given;
	double cpu_hour; /* one CPU for an hour */
	double gib_hour; /* one GiB of memory for an hour */
	double gpu_hour; /* one GPU for an hour */
};

/* "CPU=0.04,Mem=0.005G,GPU=1.2": of one CPU, of memory for each G (K, M, T), of one GPU (also GRES/gpu), for an hour. What is not named costs nothing. "" gives
 * no rates. 0, or -EINVAL with text. */
int    cost_rates_parse(const char *text, struct cost_rates *ret, struct mscg_error *error);
/* To a millionth. */
double cost_amount(const struct cost_rates *rates, double cpu_hours, double gib_hours, double gpu_hours);

#endif
