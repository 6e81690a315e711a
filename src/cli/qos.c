/* mscg qos: the qualities of service that there are. */
#include "job_text.h"

static void print_row(struct table *table, const json_t *qos)
{
	table_cell(table, "%s%s", jtext(qos, "name", "?"), jbool(qos, "default", false) ? "*" : "");
	table_cell(table, "%lld", (long long)jint(qos, "priority", 0));
	cell_time(table, qos, "max_time");
	cell_count(table, qos, "max_cpus_per_job");
	cell_size(table, qos, "max_mem_per_job");
	cell_count(table, qos, "max_submit_per_user");
	cell_count(table, qos, "max_jobs_per_user");
	cell_count(table, qos, "max_cpus_per_user");
	cell_size(table, qos, "max_mem_per_user");
	cell_count(table, qos, "grp_jobs");
	cell_count(table, qos, "grp_cpus");
	cell_size(table, qos, "grp_mem");
	cell_names(table, qos, "preempts");
	table_text(table, jtext(qos, "preempt_mode", "?"));
	table_text(table, jbool(qos, "allowed", false) ? "yes" : "no");
}

static int qos_run(struct cli *cli, void *options, char **words)
{
	static const struct table_column columns[] = {
		{"NAME", 10, 0, false}, {"PRIORITY", 8, 0, true}, {"MAX-TIME", 10, 0, true}, {"CPUS/JOB", 8, 0, true},
		{"MEM/JOB", 8, 0, true}, {"SUBMIT/USER", 11, 0, true}, {"JOBS/USER", 9, 0, true}, {"CPUS/USER", 9, 0, true},
		{"MEM/USER", 8, 0, true}, {"GRP-JOBS", 8, 0, true}, {"GRP-CPUS", 8, 0, true}, {"GRP-MEM", 7, 0, true},
		{"PREEMPTS", 8, 0, false}, {"BY", 7, 0, false}, {"MINE", 4, 0, false}, {0},
	};
	struct table *table;
	json_t *reply, *one;
	size_t i;
	int r = cli_ask(cli, CONNECT_ONCE, "ListQos", NULL, &reply);

	(void)options, (void)words;
	if (r)
		return r;
	if (cli->json) {
		print_json(json_object_get(reply, "qos"));
	} else {
		table = table_new(columns, true);
		json_array_foreach(json_object_get(reply, "qos"), i, one)
			print_row(table, one);
		table_end(table);
	}
	json_decref(reply);
	return CLI_OK;
}

const struct verb verb_qos = {
	.name = "qos",
	.summary = "List the qualities of service that jobs may ask for",
	.about = "Prints each QOS of mscgd's configuration: the priority that its jobs have by it, what one job may ask for, what the jobs of\n"
	         "one user may have in it, what all of its jobs may have together (GRP), whose jobs they may preempt, how its own make\n"
	         "room (BY), and whether the caller may use it. * is the one of jobs that ask for none.",
	.examples = "  mscg qos\n  mscg submit --qos high -t 1h ./deadline.sh\n  mscg update 12 --qos low",
	.run = qos_run,
};
