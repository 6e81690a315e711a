/* mscg drain: nothing new is started. */
#include "cli.h"

struct drain_options {
	bool undo;
};

static int drain_run(struct cli *cli, void *options, char **words)
{
	const struct drain_options *o = options;
	json_t *reply;
	int r = cli_ask(cli, 0, "Drain", json_pack("{s:b}", "undo", o->undo), &reply);

	(void)words;
	if (r)
		return r;
	if (cli->json)
		print_json(reply);
	else
		puts(jbool(reply, "drained", !o->undo) ? "Drained: running jobs go on, nothing new is started" : "Not drained: jobs are started");
	json_decref(reply);
	return CLI_OK;
}

static const struct option_spec drain_options[] = {
	{0, "undo", NULL, "start jobs again", value_true, offsetof(struct drain_options, undo)},
	{0},
};

const struct verb verb_drain = {
	.name = "drain",
	.summary = "Start no more jobs, or start them again",
	.about = "Running jobs go on, and jobs may be submitted; none is started until --undo. For operators.",
	.examples = "  mscg drain\n  mscg drain --undo",
	.run = drain_run,
	.options = drain_options,
	.size = sizeof(struct drain_options),
};
