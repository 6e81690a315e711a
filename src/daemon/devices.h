/* devices.h: what the machine has a number of, and where that is known from: settings, a file like Slurm's gres.conf, NVML. */
#ifndef DAEMON_DEVICES_H
#define DAEMON_DEVICES_H

#include "src/base/gres.h"
#include "src/core/core.h"
#include "src/engine/engine.h"

/* One device, or so many of what is only counted. */
struct device {
	char     name[GRES_NAME_MAX], type[GRES_NAME_MAX]; /* type "": none */
	uint32_t n;
	uint32_t number;  /* of a device, within its name */
	char    *path;    /* its node; owned, NULL: none is known */
	struct mscg_cpuset cpus; /* close to it; empty: all alike */
};
struct devices {
	struct device *at;
	uint32_t n, cap;
	struct engine_device *nodes; /* the same for an engine */
};

struct device *devices_add(struct devices *devices, const char *name, const char *type, uint32_t n);
bool           devices_have(const struct devices *devices, const char *name);
void           devices_free(struct devices *devices);

struct config;
/* All of them, numbered, and what the core has to know: `kinds` (CORE_GRES_MAX) points into *ret. */
int devices_read(const struct config *config, struct devices *ret, struct core_gres *kinds, uint32_t *ret_kinds, struct mscg_error *error);

/* gres_file.c: a file in the syntax of gres.conf(5). -EINVAL with path and line. */
int gres_file_read(const char *path, struct devices *devices, struct mscg_error *error);
/* nvml.c: GPUs, in the order of the bus. `library` NULL: NVIDIA's. -ENOENT: there is no such library here. */
int nvml_read(const char *library, struct devices *devices, struct mscg_error *error);

#endif
