/* mscg share: who has used how much of what is his share. */
#include "cli.h"

static void print_row(struct table *table, const json_t *s)
{
	const char *account = jtext(s, "account", "root"), *user = jtext(s, "user", NULL);
	int level = (int)jint(s, "level", 0);

	table_cell(table, "%*s%s", level, "", account);
	table_text(table, user ? user : "");
	table_cell(table, "%lld", (long long)jint(s, "shares", 0));
	table_cell(table, "%.6f", jreal(s, "norm_shares", 0));
	table_cell(table, "%.0f", jreal(s, "cpu_seconds", 0));
	table_cell(table, "%.6f", jreal(s, "norm_usage", 0));
	table_cell(table, "%.6f", jreal(s, "effective_usage", 0));
	if (user)
		table_cell(table, "%.6f", jreal(s, "fairshare", 0));
	else
		table_text(table, "");
}

static void print_shares(const json_t *reply)
{
	static const struct table_column columns[] = {{"ACCOUNT", 16, 0, false}, {"USER", 8, 0, false}, {"SHARES", 6, 0, true},
	                                              {"NORM-SHARES", 11, 0, true}, {"CPU-SECONDS", 11, 0, true}, {"NORM-USAGE", 10, 0, true},
	                                              {"EFFECTIVE", 9, 0, true}, {"FAIRSHARE", 9, 0, true}, {0}};
	struct table *table = table_new(columns, true);
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(reply, "shares"), i, one)
		print_row(table, one);
	table_end(table);
}

static int share_run(struct cli *cli, void *options, char **words)
{
	(void)options, (void)words;
	return cli_ask_print(cli, "Shares", NULL, "shares", print_shares);
}

const struct verb verb_share = {
	.name = "share",
	.summary = "Show shares, usage and fair-share of accounts and users (sshare)",
	.about = "Where priority-type is multifactor (mscg.conf(5)): what part of the machine is whose (normalised shares), the CPU-seconds that\n"
	         "they held, of which half is forgotten in every priority-decay-half-life, what part of all usage that is (normalised), what of it\n"
	         "counts for a user once that of the account does too (effective), and the fair-share factor, 2 ^ (-effective / normalised\n"
	         "shares): 1 for who has used nothing, 0.5 for who has used just his share.",
	.examples = "  mscg share\n  mscg share --json",
	.run = share_run,
};
