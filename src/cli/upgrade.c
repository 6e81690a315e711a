/* mscg upgrade: the scheduler becomes the program that is installed now. */
#include "cli.h"

static int upgrade_run(struct cli *cli, void *options, char **words)
{
	struct mscg_error error = {0};
	json_t *reply;
	struct mscg *m;
	int r = cli_connect(cli, 0, &m);

	(void)options;
	(void)words;
	if (r)
		return r;
	/* The new program answers, or the old one if that stays. */
	r = mscg_call_json(m, "Upgrade", NULL, &reply, &error);
	mscg_close(m);
	if (cli_is_lost(r))
		mscg_error_prefix(&error, r, "mscgd is gone (its log says why; jobs run on, start it again): ");
	if (r < 0)
		return cli_fail(&error);
	if (cli->json)
		print_json(reply);
	else
		printf("mscgd %s was replaced by %s\n", jtext(reply, "before", "?"), jtext(reply, "version", "?"));
	json_decref(reply);
	return CLI_OK;
}

const struct verb verb_upgrade = {
	.name = "upgrade",
	.summary = "Replace the scheduler by the program that is installed now",
	.about = "For after a new version was installed: mscgd asks the program that now lies where it was started from whether it\n"
	         "could take over, finishes what is under way, and becomes it. Jobs run on, and it is the same process for whoever\n"
	         "watches it. Nobody is refused meanwhile: who connects or asks waits for the new one. A program that cannot be\n"
	         "executed, or does not know the state or the configuration, is not taken, and one that does not come up gives the\n"
	         "place back: then the old one goes on, and this says why. State of an older version is migrated, with a copy beside\n"
	         "it. Supervisors of jobs that run stay what they are until these have ended. For operators.",
	.examples = "  mscg upgrade",
	.run = upgrade_run,
};
