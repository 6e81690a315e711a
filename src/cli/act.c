/* Verbs that do one thing to the jobs they are given, each of which may be refused by itself. */
#include "cli.h"

int cli_print_acted(const struct cli *cli, const json_t *reply, const char *done, const char *word)
{
	const json_t *one;
	int status = CLI_OK;
	size_t i;

	if (cli->json)
		print_json(reply);
	else
		json_array_foreach(json_object_get(reply, done), i, one)
			printf("%s job %s\n", word, json_string_value(one));
	if (!cli->json && jhas(reply, "omitted"))
		printf("... and %lld more\n", (long long)jint(reply, "omitted", 0));
	json_array_foreach(json_object_get(reply, "errors"), i, one) {
		cli_error("%s", jtext(one, "message", "?"));
		if (!status)
			status = cli_exit_status_named(jtext(one, "error", ""));
	}
	return status;
}

int cli_act(const struct cli *cli, unsigned flags, const char *method, const char *done, const char *word, char *const *words)
{
	json_t *ids = cli_task_ids(cli, words), *reply;
	int r;

	if (!ids)
		return CLI_USAGE;
	r = cli_ask(cli, flags, method, json_pack("{s:o}", "ids", ids), &reply);
	if (r)
		return r;
	r = cli_print_acted(cli, reply, done, word);
	json_decref(reply);
	return r;
}
