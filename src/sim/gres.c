/* Generic resources of the simulated machine. */
#include <errno.h>

#include "sim.h"
#include "src/base/gres.h"
#include "src/base/intern.h"

/* Devices are numbered in the order of their kinds. */
static int add(const struct gres_part *part, struct core_gres *kinds, uint32_t *n, uint32_t *gpus, struct mscg_error *error)
{
	bool gpu = streq(part->name, GRES_GPU);

	if (*n == CORE_GRES_MAX)
		return mscg_error_set(error, -EINVAL, "generic resources of more than %d kinds: expected fewer", CORE_GRES_MAX);
	if (gpu && *gpus + part->n > GRES_UNITS_MAX)
		return mscg_error_set(error, -EINVAL, "more than %d GPUs: expected that at most", GRES_UNITS_MAX);
	kinds[*n] = (struct core_gres){.name = intern(part->name), .type = *part->type ? intern(part->type) : NULL, .n = part->n};
	if (gpu) {
		kinds[*n].units = (UINT64_MAX >> (64 - part->n)) << *gpus;
		*gpus += part->n;
	}
	++*n;
	return 0;
}

int sim_gres_parse(const char *text, struct core_gres ret[CORE_GRES_MAX], uint32_t *ret_n, struct mscg_error *error)
{
	_cleanup_free_ char *copy = xstrdup(text);
	char *rest = copy, *item;
	uint32_t n = 0, gpus = 0;
	int r = 0;

	while (r >= 0 && (item = strsep(&rest, ","))) {
		struct gres gres;

		r = gres_parse(item + strspn(item, " "), &gres, error);
		if (r >= 0)
			r = add(&gres.part[0], ret, &n, &gpus, error);
	}
	if (r < 0)
		return r;
	*ret_n = n;
	return 0;
}
