/* mscg prio: why jobs stand where they do in the queue. */
#include "cli.h"

static const char *const factors[] = {"age", "fairshare", "job_size", "qos"};

static void print_row(struct table *table, const json_t *p)
{
	const json_t *weighted = json_object_get(p, "weighted");

	table_text(table, jtext(p, "id", "?"));
	table_text(table, jtext(p, "user", "-"));
	table_text(table, jtext(p, "account", "-"));
	table_cell(table, "%lld", (long long)jint(p, "priority", 0));
	table_cell(table, "%.2f", jreal(p, "sum", 0));
	for (size_t i = 0; i < ARRAY_SIZE(factors); i++)
		table_cell(table, "%.2f", jreal(weighted, factors[i], 0));
}

static void print_weights(struct table *table, const json_t *weights)
{
	double sum = 0;

	for (size_t i = 0; i < ARRAY_SIZE(factors); i++)
		sum += jreal(weights, factors[i], 0);
	table_text(table, "weights");
	table_text(table, "-");
	table_text(table, "-");
	table_text(table, "-");
	table_cell(table, "%.2f", sum);
	for (size_t i = 0; i < ARRAY_SIZE(factors); i++)
		table_cell(table, "%.2f", jreal(weights, factors[i], 0));
}

static void print_priorities(const json_t *reply)
{
	static const struct table_column columns[] = {{"JOB", 8, 0, false},   {"USER", 8, 0, false}, {"ACCOUNT", 8, 0, false},
	                                              {"PRIORITY", 8, 0, true}, {"FACTORS", 10, 0, true}, {"AGE", 9, 0, true},
	                                              {"FAIRSHARE", 9, 0, true}, {"JOBSIZE", 9, 0, true}, {"QOS", 9, 0, true}, {0}};
	struct table *table = table_new(columns, true);
	const json_t *one;
	size_t i;

	print_weights(table, json_object_get(reply, "weights"));
	json_array_foreach(json_object_get(reply, "priorities"), i, one)
		print_row(table, one);
	table_end(table);
	cli_flush();
	if (jbool(reply, "more", false))
		cli_error("these are the first %zu of the queue: name others", json_array_size(json_object_get(reply, "priorities")));
}

static int prio_run(struct cli *cli, void *options, char **words)
{
	json_t *ids = json_array();

	(void)options;
	for (char **w = words; *w; w++)
		json_array_append_new(ids, json_string(*w));
	return cli_ask_print(cli, "Priorities", json_pack("{s:o}", "ids", ids), "priorities", print_priorities);
}

const struct verb verb_prio = {
	.name = "prio",
	.summary = "Show why jobs stand where they do in the queue (sprio)",
	.words = "[JOB...]",
	.about = "Where priority-type is multifactor (mscg.conf(5)), the order of the queue is that of --priority, then of the sum of factors,\n"
	         "each times its weight: the age of the job, its user's fair-share (mscg-share(1)), its CPUs. Prints the weights, and the first of\n"
	         "the queue in their order, or the jobs that are named.",
	.examples = "  mscg prio\n  mscg prio 12 13 --json",
	.run = prio_run,
	.words_max = -1,
	.values = VALUES_JOB,
};
