#include "src/base/cost.h"

#include "src/base/base.h"

#include <strings.h>

#define EXPECTED "expected for example CPU=0.04,Mem=0.005G,GPU=1.2, the price of a CPU, of a G of memory and of a GPU for an hour"
#define RATE_MAX 1e9

/* "0.04", behind *p. */
static int scan_price(const char **p, double *ret)
{
	size_t n = strspn(*p, "0123456789.");
	char *end;

	if (n == 0 || n > 30)
		return -EINVAL;
	*ret = strtod(*p, &end);
	if (end != *p + n || !(*ret <= RATE_MAX))
		return -EINVAL;
	*p = end;
	return 0;
}

/* How many of the unit are in a GiB; 0: it is none. */
static double units_in_gib(char unit)
{
	switch (unit) {
	case 'K': case 'k': return 1 << 20;
	case 'M': case 'm': return 1 << 10;
	case 'G': case 'g': return 1;
	case 'T': case 't': return 1.0 / (1 << 10);
	default: return 0;
	}
}

static bool is_named(const char *name, size_t n, const char *known)
{
	return n == strlen(known) && strncasecmp(name, known, n) == 0;
}

static int scan_rate(const char **p, struct cost_rates *rates, struct mscg_error *error)
{
	size_t n = strcspn(*p, "=,");
	const char *name = *p;
	bool memory = is_named(name, n, "Mem"), gpu = is_named(name, n, "GPU") || is_named(name, n, "GRES/gpu");
	double price, units;

	if (!memory && !gpu && !is_named(name, n, "CPU"))
		return mscg_error_set(error, -EINVAL, "a price of '%.*s': expected CPU, Mem or GPU", (int)MIN_OF(n, (size_t)60), name);
	*p += n;
	if (*(*p)++ != '=' || scan_price(p, &price) < 0)
		return mscg_error_set(error, -EINVAL, "the price of %.*s is none: " EXPECTED, (int)n, name);
	if (!memory) {
		*(gpu ? &rates->gpu_hour : &rates->cpu_hour) = price;
		return 0;
	}
	units = units_in_gib(**p);
	if (units == 0)
		return mscg_error_set(error, -EINVAL, "the price of Mem has no unit: expected K, M, G or T behind it, for example Mem=0.005G for each G");
	(*p)++;
	rates->gib_hour = price * units;
	return 0;
}

int cost_rates_parse(const char *text, struct cost_rates *ret, struct mscg_error *error)
{
	struct cost_rates rates = {.given = *text != '\0'};

	for (const char *p = text; *p;) {
		int r = scan_rate(&p, &rates, error);

		if (r < 0)
			return r;
		if (*p == ',' && p[1])
			p++;
		else if (*p)
			return mscg_error_set(error, -EINVAL, "'%.60s' behind a price: " EXPECTED, p);
	}
	*ret = rates;
	return 0;
}

double cost_amount(const struct cost_rates *rates, double cpu_hours, double gib_hours, double gpu_hours)
{
	double amount = rates->cpu_hour * cpu_hours + rates->gib_hour * gib_hours + rates->gpu_hour * gpu_hours;

	return (double)(int64_t)(amount * 1e6 + 0.5) / 1e6;
}
