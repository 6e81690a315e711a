/* mscg stats: the machine, and all jobs. Mini-SLURM's sections and labels. */
#include "cli.h"

#include "src/base/parse.h"

struct stats_options {
	uint32_t total_cpus;
	uint64_t total_mem;
};

static double of(double part, double whole)
{
	return whole > 0 ? part / whole * 100 : 0;
}

/* "  gpu:a100:       1 of 2 used (free: 1)" */
static void print_gres(const json_t *list)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one) {
		const char *type = jtext(one, "type", "");
		char name[80];
		int n = snprintf(name, sizeof name, "%s%s%s:", jtext(one, "name", "?"), *type ? ":" : "", type);

		printf("  %s%*s%lld of %lld used", name, MAX_OF(1, 16 - n), "", (long long)jint(one, "held", 0), (long long)jint(one, "total", 0));
		if (*jtext(one, "free_ids", ""))
			printf(" (free: %s)", jtext(one, "free_ids", ""));
		putchar('\n');
	}
}

static void print_resources(const json_t *s)
{
	double cpus = jreal(s, "cpus_total", 0), held = jreal(s, "cpus_held", 0);
	double mem = jreal(s, "mem_total", 0) / 1048576, mem_held = jreal(s, "mem_held", 0) / 1048576;
	const char *free = jtext(s, "cpus_free", "");

	puts("System Resources:");
	printf("  Total CPUs:     %.0f\n", cpus);
	printf("  Used CPUs:      %.0f (%.1f%%)", held, of(held, cpus));
	if (jint(s, "cpus_lent", 0))
		printf(", %lld of them lent to elastic jobs", (long long)jint(s, "cpus_lent", 0));
	printf("\n  Available CPUs: %.0f", cpus - held);
	if (*free) {
		fputs(" (", stdout);
		print_plain(stdout, free);
		putchar(')');
	}
	putchar('\n');
	if (jreal(s, "shared_cpus_total", 0) > 0)
		printf("  Shared CPUs:    %.3g of %.3g used\n", jreal(s, "shared_cpus_held", 0), jreal(s, "shared_cpus_total", 0));
	printf("  Total Memory:   %.0f MB (%.1f GB)\n", mem, mem / 1024);
	printf("  Used Memory:    %.0f MB (%.1f%%)\n", mem_held, of(mem_held, mem));
	printf("  Available Mem:  %.0f MB\n", mem - mem_held);
	print_gres(json_object_get(s, "gres"));
	if (*jtext(s, "topology", "")) {
		fputs("  Topology:       ", stdout);
		print_plain(stdout, jtext(s, "topology", ""));
		putchar('\n');
	}
	if (jint(s, "cpus_reserved", 0) || jint(s, "mem_reserved", 0))
		printf("  Reserved:       %lld CPUs, %.0f MB that jobs never get\n", (long long)jint(s, "cpus_reserved", 0),
		       jreal(s, "mem_reserved", 0) / 1048576);
	printf("  Utilisation:    %lld%%\n", (long long)jint(s, "utilisation_percent", 0));
	if (jbool(s, "drained", false))
		puts("  Drained:        nothing new is started (mscg drain --undo)");
	putchar('\n');
}

static void print_counts(const json_t *s)
{
	static const char *const always[] = {"COMPLETED", "FAILED"};
	const json_t *states = json_object_get(s, "by_state");

	puts("Job Statistics:");
	printf("  Total Jobs:     %lld\n", (long long)jint(s, "jobs_total", 0));
	printf("  Running:        %lld\n", (long long)jint(s, "running", 0));
	if (jint(s, "suspended", 0))
		printf("  Suspended:      %lld\n", (long long)jint(s, "suspended", 0));
	printf("  Pending:        %lld\n", (long long)jint(s, "pending", 0));
	if (jint(s, "completing", 0))
		printf("  Completing:     %lld\n", (long long)jint(s, "completing", 0));
	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		printf("  %-15s %lld\n", i ? "Failed:" : "Completed:", (long long)jint(states, always[i], 0));
	putchar('\n');
}

static void print_metrics(const json_t *s)
{
	puts("Performance Metrics (jobs that have ended):");
	printf("  Average Wait Time:  %.2f seconds\n", jreal(s, "mean_wait_seconds", 0));
	printf("  Average Runtime:    %.2f seconds\n\n", jreal(s, "mean_run_seconds", 0));
}

static void print_breakdown(const json_t *s)
{
	const json_t *states = json_object_get(s, "by_state");
	double total = jreal(s, "jobs_total", 0);

	puts("Status Breakdown:");
	for (int i = 0; i < MSCG_STATE_COUNT; i++) {
		const char *name = mscg_state_name((enum mscg_state)i);

		if (jint(states, name, 0))
			printf("  %-13s %4lld (%5.1f%%)\n", name, (long long)jint(states, name, 0), of(jreal(states, name, 0), total));
	}
}

static void print_unkillable(const json_t *list)
{
	const json_t *one;
	size_t i;

	if (json_array_size(list))
		puts("\nUnkillable (their CPUs and memory stay taken until they are gone):");
	json_array_foreach(list, i, one) {
		printf("  job %s: %.3g CPUs", jtext(one, "id", "?"), jreal(one, "cpus", 0));
		if (*jtext(one, "cpu_list", ""))
			printf(" (%s)", jtext(one, "cpu_list", ""));
		printf(", %.0f MB: ", jreal(one, "mem_bytes", 0) / 1048576);
		print_plain(stdout, jtext(one, "processes", "?"));
		putchar('\n');
	}
}

static void print_stats(const json_t *s)
{
	const json_t *warnings = json_object_get(s, "warnings"), *one;
	const char *rule = "============================================================";
	size_t i;

	printf("%s\nmscg Statistics: ", rule);
	print_plain(stdout, jtext(s, "node", "?"));
	printf("\n%s\n\n", rule);
	print_resources(s);
	print_counts(s);
	print_metrics(s);
	print_breakdown(s);
	if (*jtext(s, "degraded", "")) {
		fputs("\nDegraded: no new jobs are taken: ", stdout);
		print_plain(stdout, jtext(s, "degraded", ""));
		putchar('\n');
	}
	print_unkillable(json_object_get(s, "unkillable"));
	if (json_array_size(warnings))
		puts("\nWarnings:");
	json_array_foreach(warnings, i, one) {
		fputs("  ", stdout);
		print_plain(stdout, json_string_value(one) ? json_string_value(one) : "?");
		putchar('\n');
	}
}

/* Mini-SLURM had to be told what the scheduler was told; here the scheduler is asked. */
static void remark(const struct stats_options *o, const json_t *s)
{
	uint64_t mem = (uint64_t)jint(s, "mem_total", 0);
	char a[32], b[32];

	if (o->total_cpus && (int64_t)o->total_cpus != jint(s, "cpus_total", 0))
		cli_error("stats: --total-cpus=%u: mscgd manages %lld, and this is what is shown", o->total_cpus,
		          (long long)jint(s, "cpus_total", 0));
	if (o->total_mem && o->total_mem != mem)
		cli_error("stats: --total-mem=%s: mscgd manages %s, and this is what is shown", text_bytes(o->total_mem, a, sizeof a),
		          text_bytes(mem, b, sizeof b));
}

static int stats_run(struct cli *cli, void *options, char **words)
{
	json_t *reply;
	int r = cli_ask(cli, CONNECT_ONCE, "Stats", NULL, &reply);

	(void)words;
	if (r)
		return r;
	if (cli->json)
		print_json(json_object_get(reply, "stats"));
	else
		print_stats(json_object_get(reply, "stats"));
	remark(options, json_object_get(reply, "stats"));
	json_decref(reply);
	return CLI_OK;
}

#define STATS(field) offsetof(struct stats_options, field)
static const struct option_spec stats_options[] = {
	{0, "total-cpus", "N", "accepted for Mini-SLURM's sake: mscgd knows how many it has", value_count, STATS(total_cpus)},
	{0, "total-mem", "SIZE", "accepted for Mini-SLURM's sake: mscgd knows how much it has", value_size, STATS(total_mem)},
	{0},
};

const struct verb verb_stats = {
	.name = "stats",
	.summary = "Show system statistics and job metrics",
	.about = "Prints what the machine has and what is held of it, how many jobs there were and what became of them, how long they\n"
	         "waited and ran, and warnings: what this machine does not enforce. --json prints the Totals object of mscg-json(5).",
	.examples = "  mscg stats\n  mscg stats --json",
	.run = stats_run,
	.options = stats_options,
	.size = sizeof(struct stats_options),
};
