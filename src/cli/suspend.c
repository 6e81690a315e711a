/* mscg suspend, mscg resume: jobs that stand still. */
#include "cli.h"

static int suspend_run(struct cli *cli, void *options, char **words)
{
	(void)options;
	return cli_act(cli, 0, "Suspend", "suspended", "Suspended", words);
}

static int resume_run(struct cli *cli, void *options, char **words)
{
	(void)options;
	return cli_act(cli, 0, "Resume", "resumed", "Resuming", words);
}

const struct verb verb_suspend = {
	.name = "suspend",
	.summary = "Let running jobs stand still, and others have their CPUs",
	.words = "JOB...",
	.about = "All processes of the job are frozen (cgroup.freeze); nothing is told to them, and they notice nothing but the clock.\n"
	         "It keeps its memory, of which what can be goes to swap, and gives up its CPUs: they are for others until `mscg\n"
	         "resume`. Its time limit does not count meanwhile, its deadline does. Cancelled, it is killed at once, without grace\n"
	         "time. Of an array all tasks that run are suspended, or those of '12_[3-7]'. What an operator suspends of somebody\n"
	         "else's is resumed by operators only.",
	.examples = "  mscg suspend 12\n  mscg resume 12",
	.run = suspend_run,
	.words_min = 1,
	.words_max = -1,
	.values = VALUES_JOB,
};

const struct verb verb_resume = {
	.name = "resume",
	.summary = "Let suspended jobs go on",
	.words = "JOB...",
	.about = "The job goes on as soon as there are CPUs for it, not always those that it had: at once if they are free or lent to\n"
	         "others, otherwise before whatever waits to start (SUSPENDED with the reason Resources until then). An elastic job may\n"
	         "go on with less than it had, and grows later.",
	.examples = "  mscg resume 12 13",
	.run = resume_run,
	.words_min = 1,
	.words_max = -1,
	.values = VALUES_JOB,
};
