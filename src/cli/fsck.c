/* mscg fsck: holds what is stored against itself and against what runs. */
#include "cli.h"

static void print_difference(const json_t *one)
{
	const char *id = jtext(one, "id", NULL);

	printf("%s%s%s: ", jtext(one, "where", "?"), id ? " of job " : "", id ? id : "");
	print_plain(stdout, jtext(one, "text", "?"));
	putchar('\n');
}

static int fsck_run(struct cli *cli, void *options, char **words)
{
	const json_t *one, *list;
	json_t *reply;
	size_t i;
	int r = cli_ask(cli, CONNECT_ONCE, "Fsck", NULL, &reply);

	(void)options;
	(void)words;
	if (r)
		return r;
	list = json_object_get(reply, "differences");
	if (cli->json) {
		print_json(reply);
	} else {
		json_array_foreach(list, i, one)
			print_difference(one);
		printf("Checked");
		json_array_foreach(json_object_get(reply, "checked"), i, one)
			printf("%s %s", i ? "," : "", json_string_value(one));
		printf(": %lld jobs, %lld events, %zu differences\n", (long long)jint(reply, "jobs", 0), (long long)jint(reply, "events", 0),
		       json_array_size(list));
	}
	r = json_array_size(list) ? CLI_FAILED : CLI_OK;
	json_decref(reply);
	return r;
}

const struct verb verb_fsck = {
	.name = "fsck",
	.summary = "Check what is stored, and what runs against it",
	.about = "Reads the whole database with its checksums, follows the journal event by event and holds what each job should be by\n"
	         "it against what it is. Where the scheduler runs, jobs are also held against the supervisors' slots and the cgroups.\n"
	         "Prints a line for each thing that does not agree, and changes nothing. Exit status 1 if there is any, or where the\n"
	         "database cannot be read at all. Submissions wait meanwhile: seconds with a million jobs. For operators.",
	.examples = "  mscg fsck\n  mscg fsck --json | jq -r '.differences[].text'",
	.run = fsck_run,
};
