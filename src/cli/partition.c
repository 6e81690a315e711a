/* mscg partition: the partitions that there are. */
#include "job_text.h"
#include "src/base/parse.h"

static void print_row(struct table *table, const json_t *p)
{
	char held[32];

	table_cell(table, "%s%s", jtext(p, "name", "?"), jbool(p, "default", false) ? "*" : "");
	table_text(table, jtext(p, "state", "?"));
	table_cell(table, "%lld", (long long)jint(p, "priority", 0));
	table_cell(table, "%lld", (long long)jint(p, "jobs_running", 0));
	format_cpus((uint32_t)(jreal(p, "cpus_held", 0) * 1000 + 0.5), held, sizeof held);
	if (jhas(p, "max_cpus"))
		table_cell(table, "%s/%lld", held, (long long)jint(p, "max_cpus", 0));
	else
		table_cell(table, "%s/-", held);
	cell_time(table, p, "max_time");
	cell_time(table, p, "default_time");
	cell_count(table, p, "max_cpus_per_job");
	cell_size(table, p, "max_mem_per_job");
	table_text(table, jtext(p, "default_qos", "-"));
	cell_names(table, p, "allow_qos");
	table_text(table, jbool(p, "allowed", false) ? "yes" : "no");
}

static int partition_run(struct cli *cli, void *options, char **words)
{
	static const struct table_column columns[] = {
		{"PARTITION", 10, 0, false}, {"STATE", 8, 0, false}, {"PRIORITY", 8, 0, true}, {"JOBS", 5, 0, true}, {"CPUS", 7, 0, true},
		{"MAX-TIME", 10, 0, true}, {"TIME", 10, 0, true}, {"CPUS/JOB", 8, 0, true}, {"MEM/JOB", 8, 0, true}, {"QOS", 8, 0, false},
		{"ALLOW-QOS", 9, 0, false}, {"MINE", 4, 0, false}, {0},
	};
	struct table *table;
	json_t *reply, *list, *one;
	size_t i;
	int r = cli_ask(cli, CONNECT_ONCE, "ListPartitions", NULL, &reply);

	(void)options, (void)words;
	if (r)
		return r;
	list = json_object_get(reply, "partitions");
	if (cli->json) {
		print_json(list);
	} else if (!json_array_size(list)) {
		puts("There are no partitions: mscg.conf(5) says how to make some");
	} else {
		table = table_new(columns, true);
		json_array_foreach(list, i, one)
			print_row(table, one);
		table_end(table);
	}
	json_decref(reply);
	return CLI_OK;
}

const struct verb verb_partition = {
	.name = "partition",
	.summary = "List the partitions that jobs may ask for",
	.about = "Prints each partition of mscgd's configuration, as sinfo does: whether it takes jobs and starts them (STATE: up, down\n"
	         "starts none, drain takes no new ones, inactive neither), the priority that its jobs have by it, those that run, the\n"
	         "CPUs that they asked for of those that all of them may have, the longest time limit and that of jobs that give none\n"
	         "(TIME), what one job may ask for, the QOS of jobs that ask for none and whose jobs it takes, and whether the caller may\n"
	         "use it. * is the one of jobs that ask for none.",
	.examples = "  mscg partition\n  mscg submit --partition fast -t 10m ./quick.sh\n  mscg update 12 --partition main",
	.run = partition_run,
};
