/* What somebody may have meant by a verb that there is not: the name of another system, or a slip of the keys. */
#include "cli.h"

static const struct {
	const char *name, *verb;
} elsewhere[] = {
	{"sbatch", "submit"},   {"qsub", "submit"},     {"srun", "run"},         {"squeue", "queue"},     {"qstat", "queue"},
	{"status", "queue"},    {"ps", "queue"},        {"ls", "queue"},         {"scancel", "cancel"},   {"kill", "cancel"},
	{"qdel", "cancel"},     {"sacct", "history"},   {"sinfo", "stats"},      {"sstat", "top"},        {"scontrol", "show"},
	{"info", "show"},       {"log", "logs"},        {"tail", "logs"},        {"unhold", "release"},   {"modify", "update"},
	{"salloc", "run"},      {"restart", "requeue"}, {"stop", "cancel"},      {"daemon", "scheduler"}, {"start", "scheduler"},
	{"sprio", "why"},       {"sdiag", "stats"},     {"slurmctld", "scheduler"}, {"list", "queue"},
};

enum { SLIPS = 2, LONGEST = 16 };

/* Insertions, deletions, replacements and swaps of neighbours from one to the other. */
static size_t distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b), d[LONGEST + 1][LONGEST + 1];

	if (n > LONGEST || m > LONGEST)
		return SIZE_MAX;
	for (size_t i = 0; i <= n; i++)
		for (size_t k = 0; k <= m; k++) {
			if (!i || !k) {
				d[i][k] = i + k;
				continue;
			}
			d[i][k] = MIN_OF(MIN_OF(d[i - 1][k], d[i][k - 1]) + 1, d[i - 1][k - 1] + (a[i - 1] != b[k - 1]));
			if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
				d[i][k] = MIN_OF(d[i][k], d[i - 2][k - 2] + 1);
		}
	return d[n][m];
}

const char *cli_guess_verb(const char *name)
{
	const char *best = NULL;
	size_t least = MIN_OF((size_t)SLIPS, strlen(name) / 2) + 1;

	for (size_t i = 0; i < ARRAY_SIZE(elsewhere); i++)
		if (streq(elsewhere[i].name, name))
			return elsewhere[i].verb;
	for (const struct verb *const *v = cli_verbs; *v; v++) {
		size_t d = strncmp((*v)->name, name, strlen(name)) == 0 ? 0 : distance(name, (*v)->name);

		if (d < least) {
			least = d;
			best  = (*v)->name;
		}
	}
	return best;
}
