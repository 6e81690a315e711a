/* Generic resources of the machine, by the configuration. */
#include "daemon.h"
#include "src/base/gres.h"
#include "src/base/intern.h"

struct devices {
	struct core_gres *kind;
	uint32_t n;
};

/* The next device of a name. */
static uint32_t next_of(const struct devices *d, const char *name)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < d->n; i++)
		n += streq(d->kind[i].name, name) ? d->kind[i].n : 0;
	return n;
}

static int add(struct devices *d, const struct gres_part *part, struct mscg_error *error)
{
	bool gpu = streq(part->name, GRES_GPU);
	uint32_t first = next_of(d, part->name);
	struct core_gres *k;

	if (d->n == CORE_GRES_MAX)
		return mscg_error_set(error, -EINVAL, "more than %d kinds: expected fewer", CORE_GRES_MAX);
	if (first + part->n > (gpu ? GRES_UNITS_MAX : GRES_COUNT_MAX))
		return mscg_error_set(error, -EINVAL, "%u of %s: expected %d at most", first + part->n, part->name,
		                      gpu ? GRES_UNITS_MAX : GRES_COUNT_MAX);
	k = &d->kind[d->n++];
	*k = (struct core_gres){ .name = intern(part->name), .type = *part->type ? intern(part->type) : NULL, .n = part->n };
	if (gpu)
		k->units = (UINT64_MAX >> (64 - part->n)) << first;
	return 0;
}

/* Items in the order of the setting, which is that of the numbers; as jobs ask for them, of a name that may be given once for all. */
static int add_list(struct devices *d, const char *setting, const char *prefix, const char *list, struct mscg_error *error)
{
	_cleanup_free_ char *copy = xstrdup(list);
	char *rest = copy, *item;
	int r = 0;

	while (r >= 0 && (item = strsep(&rest, ","))) {
		_cleanup_free_ char *whole = xasprintf("%s%s", prefix, item + strspn(item, " "));
		struct gres gres;

		r = gres_parse(whole, &gres, error);
		if (r >= 0 && !*prefix && streq(gres.part[0].name, GRES_LICENSE))
			r = mscg_error_set(error, -EINVAL, "'%.60s': expected licenses in the setting licenses", whole);
		if (r >= 0)
			r = add(d, &gres.part[0], error);
	}
	return r < 0 ? mscg_error_prefix(error, r, "%s: ", setting) : 0;
}

int devices_read(struct core_gres ret[CORE_GRES_MAX], uint32_t *ret_n, const struct config *config, struct mscg_error *error)
{
	struct devices d = { .kind = ret };
	int r = 0;

	if (config->gres)
		r = add_list(&d, "gres", "", config->gres, error);
	if (r >= 0 && config->licenses)
		r = add_list(&d, "licenses", GRES_LICENSE ":", config->licenses, error);
	*ret_n = d.n;
	return r;
}
