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
	char    *gres; /* NULL: it does not say */
};

/* The configuration of that file and its drop-ins, as mscgd reads it, and of `settings`: "--NAME=VALUE", '\n' between them;
 * NULL: none. -errno with text that names file and line. */
int  scenario_load(struct scenario *s, const char *path, const char *settings, struct mscg_error *error);
/* Lets *o decide by it, over that workload, on the machine that *o says. Both are borrowed. */
void scenario_apply(struct scenario *s, const struct sim_workload *w, struct sim_options *o);
void scenario_clear(struct scenario *s);

#endif
