/* advice.h: how well a job used what it held, and what that says about the next time. */
#ifndef CLI_ADVICE_H
#define CLI_ADVICE_H

#include "cli.h"

/* The lines of Slurm's seff, each indented by two blanks; nothing where the job did not run. */
void efficiency_print(const json_t *job);
/* For a job that ended: what to ask for another time, and what ended it. */
void advice_print(const json_t *job);

#endif
