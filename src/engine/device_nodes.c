/* Device nodes that go with what a job was granted. */
#include "internal.h"
#include "src/base/gres.h"

/* What belongs to all devices of a driver, and goes with each of them. */
static const struct {
	const char *prefix, *path;
} common[] = {
	{ "/dev/nvidia", "/dev/nvidiactl" }, { "/dev/nvidia", "/dev/nvidia-uvm" }, { "/dev/nvidia", "/dev/nvidia-uvm-tools" },
	{ "/dev/nvidia", "/dev/nvidia-modeset" }, { "/dev/dri/", "/dev/kfd" },
};

static bool begins(const char *path, const char *prefix)
{
	return strncmp(path, prefix, strlen(prefix)) == 0;
}

static void add(char **list, uint32_t *n, const char *path)
{
	for (uint32_t i = 0; i < *n; i++)
		if (streq(list[i], path))
			return;
	list[(*n)++] = xstrdup(path);
}

char **device_nodes(const struct local *l, const char *granted)
{
	const struct engine *e = &l->engine;
	char **list = xcalloc(e->devices_n + ARRAY_SIZE(common) + 1, sizeof *list);
	uint32_t n = 0;

	for (uint32_t i = 0; granted && i < e->devices_n; i++) {
		const struct engine_device *d = &e->devices[i];

		if (!d->path || d->number >= GRES_UNITS_MAX || !(gres_granted_units(granted, d->name) >> d->number & 1))
			continue;
		add(list, &n, d->path);
		for (size_t c = 0; c < ARRAY_SIZE(common); c++)
			if (begins(d->path, common[c].prefix))
				add(list, &n, common[c].path);
	}
	return list;
}

bool device_all_known(const struct local *l, const char *granted, const char *name)
{
	uint64_t units = gres_granted_units(granted, name);

	for (uint32_t i = 0; i < l->engine.devices_n; i++) {
		const struct engine_device *d = &l->engine.devices[i];

		if (d->path && d->number < GRES_UNITS_MAX && streq(d->name, name))
			units &= ~(UINT64_C(1) << d->number);
	}
	return !units;
}
