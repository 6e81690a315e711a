/* `mscg __man [VERB]`: the manual page of a verb, or of mscg, in man(7), made from the tables that the parser reads. Between
 * the two lines of marks stands what docs/man holds that is written by hand; docs/man/update puts it there. */
#include "cli.h"

#include "job_text.h"

#define MARK_HAND ".\\\" ==== by hand"
#define MARK_MADE ".\\\" ==== made"

/* Text of the tables: no roff in it. */
static void print_roff(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if ((i == 0 || text[i - 1] == '\n') && (text[i] == '.' || text[i] == '\''))
			fputs("\\&", stdout);
		if (text[i] == '\\')
			fputs("\\e", stdout);
		else if (text[i] == '-')
			fputs("\\-", stdout);
		else if (text[i] == '~')
			fputs("\\(ti", stdout);
		else if (text[i] == '^')
			fputs("\\(ha", stdout);
		else
			putchar(text[i]);
	}
}

static void roff(const char *text)
{
	print_roff(text, strlen(text));
}

/* Paragraphs are parted by an empty line. */
static void paragraphs(const char *text)
{
	for (const char *end; *text; text = end + strspn(end, "\n")) {
		end = strstr(text, "\n\n");
		if (!end)
			end = text + strlen(text);
		fputs(".PP\n", stdout);
		print_roff(text, (size_t)(end - text));
		putchar('\n');
	}
}

static bool has_letter(const struct option_spec *table, char letter)
{
	for (const struct option_spec *o = table; o && o->name; o++)
		if (letter && o->short_name == letter)
			return true;
	return false;
}

static void print_option(const struct option_spec *o, bool letter)
{
	fputs(".TP\n", stdout);
	if (letter)
		printf("\\fB\\-%c\\fR, ", o->short_name);
	fputs("\\fB\\-\\-", stdout);
	roff(o->name);
	fputs("\\fR", stdout);
	if (o->arg) {
		fputs(o->flags & OPTION_OPTIONAL ? "[=\\fI" : " \\fI", stdout);
		roff(o->arg);
		fputs(o->flags & OPTION_OPTIONAL ? "\\fR]" : "\\fR", stdout);
	}
	putchar('\n');
	roff(o->help);
	if (o->words)
		for (const char *w = o->words, *end, *sep = " ("; *w; w = *end ? end + 1 : end, sep = ", ") {
			end = w + strcspn(w, "|");
			printf("%s\\fB", sep);
			print_roff(w, (size_t)(end - w));
			printf("\\fR%s", *end ? "" : ")");
		}
	putchar('\n');
}

static void print_options(const struct option_spec *table, const struct option_spec *first)
{
	for (const struct option_spec *o = table; o && o->name; o++)
		if (!(o->flags & (OPTION_HIDDEN | OPTION_LATER | OPTION_IGNORED)))
			print_option(o, o->short_name && !has_letter(first, o->short_name));
}

/* Slurm's that are not there, by name. */
static void print_foreign(const struct option_spec *table, unsigned flag, const char *title, const char *about)
{
	bool begun = false;

	for (const struct option_spec *o = table; o && o->name; o++) {
		if (!(o->flags & flag))
			continue;
		if (!begun)
			printf(".SS %s\n%s\n.PP\n.ad l\n", title, about);
		else
			fputs(",\n", stdout);
		begun = true;
		fputs("\\fB\\-\\-", stdout);
		roff(o->name);
		fputs("\\fR", stdout);
	}
	if (begun)
		puts(".\n.ad b");
}

static void print_title(const char *name, const char *summary)
{
	fputs(".\\\" Made by `make man` from the tables of src/cli, but for what stands between the two lines with ====.\n.TH ", stdout);
	for (const char *c = name; *c; c++)
		putchar(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
	fputs(" 1 \"\" \"mscg " MSCG_VERSION "\" \"mscg\"\n.SH NAME\n", stdout);
	roff(name);
	fputs(" \\- ", stdout);
	roff(summary);
	putchar('\n');
}

static void print_tail(const char *see)
{
	puts(".SH EXIT STATUS\n0 done, 1 refused or failed, 2 usage, 3 no such job, 4 no daemon, 5 not permitted.\n"
	     "\\fBrun\\fR, \\fBwait\\fR and \\fBsubmit \\-\\-wait\\fR give the job's own: the highest of several, 128 + n by signal n, 124 when\n"
	     "waiting timed out.\n.SH SEE ALSO");
	puts(see);
}

/* Of squeue -o, and of sacct --format. */
static void print_letters(void)
{
	puts(".SH FORMAT\n\\fB\\-\\-format\\fR is text in which \\fB%\\fR[[\\fB.\\fR]\\fIwidth\\fR]\\fIletter\\fR stands for a column:\n"
	     "with a dot aligned to the right. \\fB%%\\fR is a percent sign.");
	for (const struct job_field *f = job_fields; f->text; f++)
		if (f->letter) {
			printf(".TP\n\\fB%%%c\\fR ", f->letter);
			roff(f->title);
			putchar('\n');
			roff(f->help);
			putchar('\n');
		}
}

static void print_fields(void)
{
	puts(".SH FIELDS\nOf \\fB\\-\\-format\\fR, in any case; \\fIname\\fB%\\fIwidth\\fR for another width than the usual,\n"
	     "negative to align to the left.");
	for (const struct job_field *f = job_fields; f->text; f++)
		if (f->name) {
			fputs(".TP\n\\fB", stdout);
			roff(f->name);
			printf("\\fR (%d)\n", f->width);
			roff(f->help);
			putchar('\n');
		}
}

static const struct { const char *verb; void (*print)(void); } more[] = {{"queue", print_letters}, {"history", print_fields}};

static int print_verb(const struct verb *v)
{
	_cleanup_free_ char *name = xasprintf("mscg-%s", v->name);

	print_title(name, v->summary);
	printf(".SH SYNOPSIS\n\\fBmscg %s\\fR %s", v->name, v->flags & VERB_RAW ? "" : "[\\fIOPTIONS\\fR] ");
	if (v->words) {
		fputs("\\fI", stdout);
		roff(v->words);
		fputs("\\fR", stdout);
	}
	puts("\n.SH DESCRIPTION");
	paragraphs(v->about ? v->about : v->summary);
	if (!(v->flags & VERB_RAW)) {
		puts(".SH OPTIONS");
		print_options(v->options, NULL);
		print_options(cli_common(v), v->options);
		print_foreign(v->options, OPTION_LATER, "Refused", "Slurm's, and not in this version: refused by name, so that nothing is silently left out.");
		print_foreign(v->options, OPTION_IGNORED, "Ignored", "Slurm's, without meaning on one machine: warned about and ignored.");
	}
	for (size_t i = 0; i < ARRAY_SIZE(more); i++)
		if (streq(more[i].verb, v->name))
			more[i].print();
	puts(MARK_HAND "\n" MARK_MADE);
	if (v->examples) {
		puts(".SH EXAMPLES\n.EX");
		roff(v->examples);
		puts("\n.EE");
	}
	print_tail(v->flags & VERB_RAW ? ".BR mscg (1),\n.BR mscgd (8),\n.BR mscg.conf (5)"
	                               : ".BR mscg (1),\n.BR mscg\\-json (5),\n.BR mscgd (8)");
	return CLI_OK;
}

static void print_states(void)
{
	static const struct { const char *name, *abbr, *text; } states[] = {
#define X(name, abbr, final, text) {#name, abbr, text},
		MSCG_STATES(X)
#undef X
	};

	puts(".SH STATES");
	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		printf(".TP\n\\fB%s\\fR (%s)\n%s\n", states[i].name, states[i].abbr, states[i].text);
}

static int print_all(void)
{
	print_title("mscg", "runs batch jobs, each in a control group of its own, and resizes them while they run");
	puts(".SH SYNOPSIS\n\\fBmscg\\fR \\fIVERB\\fR [\\fIOPTIONS\\fR] [\\fIWORDS\\fR]\n.SH VERBS");
	for (const struct verb *const *v = cli_verbs; *v; v++) {
		if ((*v)->flags & VERB_HIDDEN)
			continue;
		printf(".TP\n\\fB%s\\fR\n", (*v)->name);
		roff((*v)->summary);
		printf(": \\fBmscg\\-%s\\fR(1)\n", (*v)->name);
	}
	puts(".SH OPTIONS\nThese go with every verb, before or behind it.");
	print_options(cli_common_options, NULL);
	print_option(&(const struct option_spec){'V', "version", NULL, "show the version and exit"}, true);
	print_states();
	puts(MARK_HAND "\n" MARK_MADE);
	print_tail(".BR mscg\\-submit (1),\n.BR mscg\\-queue (1),\n.BR mscg\\-json (5),\n.BR mscg.conf (5),\n.BR mscgd (8)");
	return CLI_OK;
}

int manual_main(const char *name)
{
	const struct verb *verb = name ? cli_find_verb(name) : NULL;

	if (!name)
		return print_all();
	return verb ? print_verb(verb) : CLI_USAGE;
}
