/* mscg requeue: jobs are to run again. */
#include "cli.h"

static int requeue_run(struct cli *cli, void *options, char **words)
{
	(void)options;
	return cli_act(cli, 0, "Requeue", "requeued", "Requeued", words);
}

const struct verb verb_requeue = {
	.name = "requeue",
	.summary = "Put a running or ended job back into the queue",
	.words = "JOB...",
	.about = "Runs jobs again, under the same number: one that runs gets SIGTERM and, after its grace time, is killed, and then waits\n"
	         "for another attempt; one that has ended waits again. The program finds in MSCG_RESTART_COUNT how often that was done\n"
	         "before; its output is added to what there is, unless it was submitted with --open-mode=truncate. What each attempt\n"
	         "came to is in mscg events. '12_[3-7]' means those of these tasks that run, and 12 all tasks of that array that do. Ended\n"
	         "tasks of an array and what ran in a terminal are submitted again instead. A job submitted with --requeue or\n"
	         "--max-retries does this by itself.",
	.examples = "  mscg requeue 12\n  mscg requeue 12_3 12_5\n  mscg requeue '12_[0-7]'",
	.run = requeue_run,
	.words_min = 1,
	.words_max = -1,
	.values = VALUES_JOB,
};
