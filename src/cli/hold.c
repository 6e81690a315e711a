/* mscg hold, mscg release: jobs that wait until somebody says so. mscg suspend, mscg resume: jobs that stand still. */
#include "cli.h"

/* The exit status of the first that was refused. */
static int print_result(const struct cli *cli, const json_t *reply, const char *key, const char *word)
{
	const json_t *one;
	int status = CLI_OK;
	size_t i;

	if (cli->json)
		print_json(reply);
	else
		json_array_foreach(json_object_get(reply, key), i, one)
			printf("%s job %s\n", word, json_string_value(one));
	json_array_foreach(json_object_get(reply, "errors"), i, one) {
		cli_error("%s", jtext(one, "message", "?"));
		if (!status)
			status = cli_exit_status_named(jtext(one, "error", ""));
	}
	return status;
}

static int ask(const struct cli *cli, unsigned connect, const char *method, const char *key, const char *word, char **words)
{
	json_t *ids = cli_job_ids(cli, words), *reply;
	int r;

	if (!ids)
		return CLI_USAGE;
	r = cli_ask(cli, connect, method, json_pack("{s:o}", "ids", ids), &reply);
	if (r)
		return r;
	r = print_result(cli, reply, key, word);
	json_decref(reply);
	return r;
}

static int hold_run(struct cli *cli, void *options, char **words)
{
	(void)options;
	return ask(cli, CONNECT_ONCE, "Hold", "held", "Held", words);
}

static int release_run(struct cli *cli, void *options, char **words)
{
	(void)options;
	return ask(cli, CONNECT_ONCE, "Release", "released", "Released", words);
}

static int suspend_run(struct cli *cli, void *options, char **words)
{
	(void)options;
	return ask(cli, 0, "Suspend", "suspended", "Suspended", words);
}

static int resume_run(struct cli *cli, void *options, char **words)
{
	(void)options;
	return ask(cli, 0, "Resume", "resumed", "Resuming", words);
}

const struct verb verb_suspend = {
	.name = "suspend",
	.summary = "Let running jobs stand still, and others have their CPUs",
	.words = "JOB...",
	.about = "All processes of the job are frozen (cgroup.freeze); nothing is told to them, and they notice nothing but the clock. It\n"
	         "keeps its memory, and gives up its CPUs: they are for others until `mscg resume`. Its time limit does not count\n"
	         "meanwhile, its deadline does. Cancelled, it is killed at once, without grace time. Of an array all tasks that run are\n"
	         "suspended. What an operator suspends of somebody else's is resumed by operators only.",
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

const struct verb verb_hold = {
	.name = "hold",
	.summary = "Keep pending jobs from starting",
	.words = "JOB...",
	.about = "What is held waits, with the reason JobHeldUser, until `mscg release`. Of an array all that waits is held; tasks that\n"
	         "run go on. What an operator holds of somebody else's (JobHeldAdmin) is released by operators only. A job is held\n"
	         "from the beginning with `mscg submit --hold`.",
	.examples = "  mscg hold 12\n  mscg release 12",
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
	         "number.",
	.examples = "  mscg release 12 13",
	.run = release_run,
	.words_min = 1,
	.words_max = -1,
	.values = VALUES_JOB,
};
