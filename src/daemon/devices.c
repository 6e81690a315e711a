/* Generic resources of the machine: gathered, numbered, and put together by kind. */
#include "daemon.h"
#include "devices.h"
#include "src/base/intern.h"

#include <syslog.h>

struct device *devices_add(struct devices *d, const char *name, const char *type, uint32_t n)
{
	struct device *new;

	GROW(d->at, d->n, d->cap);
	new = &d->at[d->n++];
	*new = (struct device){ .n = n };
	snprintf(new->name, sizeof new->name, "%s", name);
	snprintf(new->type, sizeof new->type, "%s", type);
	return new;
}

bool devices_have(const struct devices *d, const char *name)
{
	for (uint32_t i = 0; i < d->n; i++)
		if (streq(d->at[i].name, name))
			return true;
	return false;
}

void devices_free(struct devices *d)
{
	for (uint32_t i = 0; i < d->n; i++)
		free(d->at[i].path);
	free(d->at);
	free(d->nodes);
	*d = (struct devices){ 0 };
}

/* -- settings ----------------------------------------------------------------------------------------------------- */

/* GPUs are devices, one by one; whatever else a setting names is counted. */
static void add_part(struct devices *d, const struct gres_part *part)
{
	bool gpu = streq(part->name, GRES_GPU);

	for (uint32_t i = 0; i < (gpu ? part->n : 1); i++)
		devices_add(d, part->name, part->type, gpu ? 1 : part->n);
}

/* Items as jobs ask for them, of a name that may be given once for all; their order is that of the numbers. */
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
		if (r >= 0 && streq(gres.part[0].name, GRES_GPU) && gres.part[0].n > GRES_UNITS_MAX)
			r = mscg_error_set(error, -EINVAL, "'%.60s': expected %d GPUs at most", whole, GRES_UNITS_MAX);
		if (r >= 0)
			add_part(d, &gres.part[0]);
	}
	return r < 0 ? mscg_error_prefix(error, r, "%s: ", setting) : 0;
}

/* -- together ------------------------------------------------------------------------------------------------------ */

static bool is_device(const struct device *d)
{
	return d->path || streq(d->name, GRES_GPU);
}

static int number_of(const struct devices *d, uint32_t index, uint32_t *ret, struct mscg_error *error)
{
	const struct device *one = &d->at[index];
	uint32_t n = 0, most = is_device(one) ? GRES_UNITS_MAX : GRES_COUNT_MAX;

	for (uint32_t i = 0; i < index; i++)
		if (streq(d->at[i].name, one->name)) {
			n += d->at[i].n;
			if (is_device(&d->at[i]) != is_device(one))
				return mscg_error_set(error, -EINVAL, "%s: some with a file and some without: expected all alike", one->name);
		}
	if (n + one->n > most)
		return mscg_error_set(error, -EINVAL, "more than %u of %s: expected that at most", most, one->name);
	*ret = n;
	return 0;
}

static struct core_gres *kind_of(struct core_gres *kinds, uint32_t *n, const struct device *d)
{
	const char *name = intern(d->name), *type = *d->type ? intern(d->type) : NULL;
	bool close = !mscg_cpuset_empty(&d->cpus);

	for (uint32_t i = 0; i < *n; i++)
		if (kinds[i].name == name && kinds[i].type == type && close == (kinds[i].cpus != NULL) &&
		    (!close || mscg_cpuset_equal(kinds[i].cpus, &d->cpus)))
			return &kinds[i];
	if (*n == CORE_GRES_MAX)
		return NULL;
	kinds[*n] = (struct core_gres){ .name = name, .type = type, .cpus = close ? &d->cpus : NULL };
	return &kinds[(*n)++];
}

static int put_together(struct devices *d, struct core_gres *kinds, uint32_t *ret_n, struct mscg_error *error)
{
	for (uint32_t i = 0; i < d->n; i++) {
		struct device *one = &d->at[i];
		struct core_gres *k;
		int r = number_of(d, i, &one->number, error);

		if (r < 0)
			return r;
		k = kind_of(kinds, ret_n, one);
		if (!k)
			return mscg_error_set(error, -EINVAL, "generic resources of more than %d kinds: expected fewer", CORE_GRES_MAX);
		k->n += one->n;
		if (is_device(one))
			k->units |= UINT64_C(1) << one->number;
	}
	return 0;
}

/* Nobody said what GPUs there are: NVIDIA's own library may know. */
static void detect(const struct config *config, struct devices *d)
{
	struct mscg_error why = { 0 };
	bool told = config->nvml_library;
	int r;

	if (config->gpu_detect == CONFIG_DETECT_OFF || devices_have(d, GRES_GPU) || (streq(config->engine, "fake") && !told))
		return;
	r = nvml_read(config->nvml_library, d, &why);
	if (r < 0 && (r != -ENOENT || told))
		log_line(LOG_WARNING, "no GPUs are given out: %s", why.text);
}

int devices_read(const struct config *config, struct devices *ret, struct core_gres *kinds, uint32_t *ret_kinds, struct mscg_error *error)
{
	struct devices d = { 0 };
	int r = 0;

	*ret_kinds = 0;
	if (config->gres)
		r = add_list(&d, "gres", "", config->gres, error);
	if (r >= 0 && config->gres_config)
		r = gres_file_read(config->gres_config, &d, error);
	if (r >= 0)
		detect(config, &d);
	if (r >= 0 && config->licenses)
		r = add_list(&d, "licenses", GRES_LICENSE ":", config->licenses, error);
	if (r >= 0)
		r = put_together(&d, kinds, ret_kinds, error);
	if (r < 0) {
		devices_free(&d);
		return r;
	}
	d.nodes = xcalloc(d.n + 1, sizeof *d.nodes);
	for (uint32_t i = 0; i < d.n; i++)
		d.nodes[i] = (struct engine_device){ .name = d.at[i].name, .number = d.at[i].number, .path = d.at[i].path };
	*ret = d;
	return 0;
}
