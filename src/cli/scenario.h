/* scenario.h: what `mscg simulate` decides by: a configuration of mscgd, and the machine that it is for. */
#ifndef CLI_SCENARIO_H
#define CLI_SCENARIO_H

#include "src/config/policy.h"
#include "src/sim/sim.h"

struct scenario {
	struct config        config;
	struct accounts_view accounts;
	struct core_policy   policy;
	struct sim_site      site; /* points to all of it: it stays where it is */
	const struct sim_workload *w;
	uint64_t mem_per_cpu;
};

/* The configuration of that file and its drop-ins, as mscgd reads it, and of `settings`: "--NAME=VALUE", '\n' between them;
 * NULL: none. -errno with text that names file and line. */
int  scenario_load(struct scenario *s, const char *path, const char *settings, struct mscg_error *error);
/* "gpu:2,license:matlab:4": what it has of generic resources, where it says nothing of devices or of licences those of the workload (NULL:
 * none); the caller frees it. NULL: none. */
char *scenario_gres(const struct scenario *s, const char *workload);
/* Lets *o decide by it, over that workload, on the machine that *o says. Both are borrowed. */
void scenario_apply(struct scenario *s, const struct sim_workload *w, struct sim_options *o);
void scenario_clear(struct scenario *s);

#endif
