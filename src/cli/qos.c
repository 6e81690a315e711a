/* mscg qos: the qualities of service that there are. */
#include "job_text.h"
#include "src/base/parse.h"

static const char *count_or_dash(const json_t *qos, const char *key, char *buf, size_t size)
{
	if (!jhas(qos, key))
		return "-";
	snprintf(buf, size, "%lld", (long long)jint(qos, key, 0));
	return buf;
}

static const char *size_or_dash(const json_t *qos, const char *key, char *buf, size_t size)
{
	return jhas(qos, key) ? format_size((uint64_t)jint(qos, key, 0), buf, size) : "-";
}

static const char *time_or_dash(const json_t *qos, const char *key, char *buf, size_t size)
{
	return jhas(qos, key) ? format_elapsed((uint64_t)jint(qos, key, 0), buf, size) : "-";
}

static const char *preempts(const json_t *qos, char *buf, size_t size)
{
	const json_t *list = json_object_get(qos, "preempts"), *name;
	size_t i, n = 0;

	json_array_foreach(list, i, name)
		if (n < size)
			n += (size_t)snprintf(buf + n, size - n, "%s%s", i ? "," : "", json_string_value(name) ? json_string_value(name) : "?");
	return n ? buf : "-";
}

static void print_row(struct table *table, const json_t *qos)
{
	char buf[64];

	table_cell(table, "%s%s", jtext(qos, "name", "?"), jbool(qos, "default", false) ? "*" : "");
	table_cell(table, "%lld", (long long)jint(qos, "priority", 0));
	table_text(table, time_or_dash(qos, "max_time", buf, sizeof buf));
	table_text(table, count_or_dash(qos, "max_cpus_per_job", buf, sizeof buf));
	table_text(table, size_or_dash(qos, "max_mem_per_job", buf, sizeof buf));
	table_text(table, count_or_dash(qos, "max_submit_per_user", buf, sizeof buf));
	table_text(table, count_or_dash(qos, "max_jobs_per_user", buf, sizeof buf));
	table_text(table, count_or_dash(qos, "max_cpus_per_user", buf, sizeof buf));
	table_text(table, size_or_dash(qos, "max_mem_per_user", buf, sizeof buf));
	table_text(table, count_or_dash(qos, "grp_jobs", buf, sizeof buf));
	table_text(table, count_or_dash(qos, "grp_cpus", buf, sizeof buf));
	table_text(table, size_or_dash(qos, "grp_mem", buf, sizeof buf));
	table_text(table, preempts(qos, buf, sizeof buf));
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
