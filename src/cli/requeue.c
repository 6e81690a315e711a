/* mscg requeue: jobs are to run again. */
#include "cli.h"

/* The exit status of the first that could not be. */
static int print_result(const struct cli *cli, const json_t *reply)
{
	const json_t *one;
	int status = CLI_OK;
	size_t i;

	if (cli->json)
		print_json(reply);
	else
		json_array_foreach(json_object_get(reply, "requeued"), i, one)
			printf("Requeued job %s\n", json_string_value(one));
	json_array_foreach(json_object_get(reply, "errors"), i, one) {
		cli_error("%s", jtext(one, "message", "?"));
		if (!status)
			status = cli_exit_status_named(jtext(one, "error", ""));
	}
	return status;
}

static int requeue_run(struct cli *cli, void *options, char **words)
{
	json_t *ids = cli_job_ids(cli, words), *reply;
	int r;

	(void)options;
	if (!ids)
		return CLI_USAGE;
	r = cli_ask(cli, 0, "Requeue", json_pack("{s:o}", "ids", ids), &reply);
	if (r)
		return r;
	r = print_result(cli, reply);
	json_decref(reply);
	return r;
}

const struct verb verb_requeue = {
	.name = "requeue",
	.summary = "Put a running or ended job back into the queue",
	.words = "JOB...",
	.about = "Runs jobs again, under the same number: one that runs gets SIGTERM and, after its grace time, is killed, and then waits\n"
	         "for another attempt; one that has ended waits again. The program finds in MSCG_RESTART_COUNT how often that was done\n"
	         "before; its output is added to what there is, unless it was submitted with --open-mode=truncate. What each attempt\n"
	         "came to is in mscg events. Ended tasks of an array and what ran in a terminal are submitted again instead. A job\n"
	         "submitted with --requeue or --max-retries does this by itself.",
	.examples = "  mscg requeue 12\n  mscg requeue 12_3 12_5",
	.run = requeue_run,
	.words_min = 1,
	.words_max = -1,
	.values = VALUES_JOB,
};
