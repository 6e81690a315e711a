/* outcome.h: what came of simulations, printed. */
#ifndef CLI_OUTCOME_H
#define CLI_OUTCOME_H

#include "cli.h"
#include "src/sim/sim.h"

struct outcome {
	const char *name; /* of its policy; borrowed */
	struct sim_result result;
};

/* A table, or JSON; on stderr what jobs were refused, or never ran. `preempts`: the table has who made room too. */
void outcomes_print(const struct outcome *outcomes, int n, bool json, bool preempts);

#endif
