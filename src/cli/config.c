/* mscg config: what mscgd was told, and by whom. */
#include "cli.h"

static void print_settings(const json_t *settings)
{
	const char *section = "";
	const json_t *one;
	size_t i;

	json_array_foreach(settings, i, one) {
		const char *name = jtext(one, "section", ""), *value = jtext(one, "value", "");
		int n;

		if (!streq(name, section)) {
			printf("%s[%s]\n", i ? "\n" : "", name);
			section = name;
		}
		n = printf("%s = ", jtext(one, "name", "?"));
		print_plain(stdout, value);
		printf("%*s # ", MAX_OF(42 - n - (int)strlen(value), 0), "");
		print_plain(stdout, jtext(one, "origin", "?"));
		putchar('\n');
	}
}

static int config_run(struct cli *cli, void *options, char **words)
{
	json_t *reply;
	int r = cli_ask(cli, 0, "Config", NULL, &reply);

	(void)options, (void)words;
	if (r)
		return r;
	if (cli->json)
		print_json(json_object_get(reply, "settings"));
	else
		print_settings(json_object_get(reply, "settings"));
	json_decref(reply);
	return CLI_OK;
}

const struct verb verb_config = {
	.name = "config",
	.summary = "Show the scheduler's configuration, and where each value comes from",
	.about = "Prints what mscgd runs with, and behind each value who set it: default, a file and its line, or the command line.\n"
	         "The settings are described in mscg.conf(5).",
	.examples = "  mscg config\n  mscg config --json",
	.run = config_run,
};
