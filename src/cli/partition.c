/* mscg partition: the partitions that there are. */
#include "job_text.h"
#include "src/base/parse.h"

static const char *count_or_dash(const json_t *p, const char *key, char *buf, size_t size)
{
	if (!jhas(p, key))
		return "-";
	snprintf(buf, size, "%lld", (long long)jint(p, key, 0));
	return buf;
}

static const char *size_or_dash(const json_t *p, const char *key, char *buf, size_t size)
{
	return jhas(p, key) ? format_size((uint64_t)jint(p, key, 0), buf, size) : "-";
}

static const char *time_or_dash(const json_t *p, const char *key, char *buf, size_t size)
{
	return jhas(p, key) ? format_elapsed((uint64_t)jint(p, key, 0), buf, size) : "-";
}

static const char *names(const json_t *p, const char *key, char *buf, size_t size)
{
	const json_t *list = json_object_get(p, key), *name;
	size_t i, n = 0;

	json_array_foreach(list, i, name)
		if (n < size)
			n += (size_t)snprintf(buf + n, size - n, "%s%s", i ? "," : "", json_string_value(name) ? json_string_value(name) : "?");
	return n ? buf : "-";
}

static void print_row(struct table *table, const json_t *p)
{
	char buf[128], held[32];

	table_cell(table, "%s%s", jtext(p, "name", "?"), jbool(p, "default", false) ? "*" : "");
	table_text(table, jtext(p, "state", "?"));
	table_cell(table, "%lld", (long long)jint(p, "priority", 0));
	table_cell(table, "%lld", (long long)jint(p, "jobs_running", 0));
	table_cell(table, "%s/%s", format_cpus((uint32_t)(jreal(p, "cpus_held", 0) * 1000 + 0.5), held, sizeof held),
	           count_or_dash(p, "max_cpus", buf, sizeof buf));
	table_text(table, time_or_dash(p, "max_time", buf, sizeof buf));
	table_text(table, time_or_dash(p, "default_time", buf, sizeof buf));
	table_text(table, count_or_dash(p, "max_cpus_per_job", buf, sizeof buf));
	table_text(table, size_or_dash(p, "max_mem_per_job", buf, sizeof buf));
	table_text(table, jtext(p, "default_qos", "-"));
	table_text(table, names(p, "allow_qos", buf, sizeof buf));
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
