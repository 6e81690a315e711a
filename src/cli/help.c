/* --help, made from the tables. */
#include "cli.h"

enum { HELP_COLUMN = 24 };

static void print_entry(FILE *f, const char *left, const char *help)
{
	int n = fprintf(f, "  %s", left);

	if (n >= HELP_COLUMN)
		fprintf(f, "\n%*s%s\n", HELP_COLUMN, "", help);
	else
		fprintf(f, "%*s%s\n", HELP_COLUMN - n, "", help);
}

static bool is_taken(const struct option_spec *options, char letter)
{
	for (const struct option_spec *o = options; o && o->name; o++)
		if (letter && o->short_name == letter)
			return true;
	return false;
}

/* `first`: a table whose letters win over those of this one. */
static void print_options(FILE *f, const struct option_spec *options, const struct option_spec *first)
{
	char left[120];

	for (const struct option_spec *o = options; o && o->name; o++) {
		const char *eq = !o->arg ? "" : o->flags & OPTION_OPTIONAL ? "[=" : " ";
		const char *end = o->flags & OPTION_OPTIONAL ? "]" : "";
		const char *arg = o->arg ? o->arg : "";

		if (o->flags & (OPTION_HIDDEN | OPTION_LATER | OPTION_IGNORED))
			continue;
		if (o->short_name && !is_taken(first, o->short_name))
			snprintf(left, sizeof left, "-%c, --%s%s%s%s", o->short_name, o->name, eq, arg, end);
		else
			snprintf(left, sizeof left, "--%s%s%s%s", o->name, eq, arg, end);
		print_entry(f, left, o->help);
	}
}

void help_print_verb(FILE *f, const struct verb *verb)
{
	fprintf(f, "usage: mscg %s [OPTIONS]%s%s\n\n%s\n", verb->name, verb->words ? " " : "", verb->words ? verb->words : "",
	        verb->about ? verb->about : verb->summary);
	fprintf(f, "\noptions:\n");
	print_options(f, verb->options, NULL);
	print_options(f, cli_common(verb), verb->options);
	if (verb->examples)
		fprintf(f, "\nexamples:\n%s\n", verb->examples);
}

void help_print_all(FILE *f)
{
	const char *comma = "";

	fprintf(f, "usage: mscg [-h] {");
	for (const struct verb *const *v = cli_verbs; *v; v++) {
		if ((*v)->flags & VERB_HIDDEN)
			continue;
		fprintf(f, "%s%s", comma, (*v)->name);
		comma = ",";
	}
	fprintf(f, "} ...\n\nmscg: runs batch jobs, each in a control group of its own, and resizes them while they run\n\n"
	           "positional arguments:\n");
	for (const struct verb *const *v = cli_verbs; *v; v++) {
		if ((*v)->flags & VERB_HIDDEN)
			continue;
		fprintf(f, "    %-20s%s\n", (*v)->name, (*v)->summary);
	}
	fprintf(f, "\noptions:\n  -h, --help            show this help message and exit\n"
	           "  -V, --version         show the version and exit\n"
	           "\nEach verb has a --help of its own. Exit status: 0 done, 1 refused or failed, 2 usage, 3 no such job,\n"
	           "4 no daemon, 5 not permitted; run, wait and submit --wait give the job's own.\n");
}
