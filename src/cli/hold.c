/* mscg hold, mscg release: jobs that wait until somebody says so. */
#include "cli.h"

static int hold_run(struct cli *cli, void *options, char **words)
{
	(void)options;
	return cli_act(cli, CONNECT_ONCE, "Hold", "held", "Held", words);
}

static int release_run(struct cli *cli, void *options, char **words)
{
	(void)options;
	return cli_act(cli, CONNECT_ONCE, "Release", "released", "Released", words);
}

const struct verb verb_hold = {
	.name = "hold",
	.summary = "Keep pending jobs from starting",
	.words = "JOB...",
	.about = "What is held waits, with the reason JobHeldUser, until `mscg release`. Of an array all that waits is held, or the\n"
	         "tasks that are named; tasks that run go on. What an operator holds of somebody else's (JobHeldAdmin) is released by\n"
	         "operators only. A job is held from the beginning with `mscg submit --hold`.",
	.examples = "  mscg hold 12\n  mscg hold '12_[3-7,9]'\n  mscg release 12",
	.run = hold_run,
	.words_min = 1,
	.words_max = -1,
	.values = VALUES_JOB,
};

const struct verb verb_release = {
	.name = "release",
	.summary = "Let held jobs start",
	.words = "JOB...",
	.about = "Ends what `mscg hold` or `mscg submit --hold` began: the job takes its place in the queue, by its priority and its\n"
	         "number. With an array those of its tasks that are held by themselves are released too.",
	.examples = "  mscg release 12 13\n  mscg release '12_[3-7]'",
	.run = release_run,
	.words_min = 1,
	.words_max = -1,
	.values = VALUES_JOB,
};
