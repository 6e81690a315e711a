/* mscg seccomp: the system calls that jobs have, and why. Asks nobody: the profile is compiled in. */
#include "cli.h"

#include "src/sandbox/sandbox.h"

struct seccomp_options {
	bool     print; /* what it does anyway */
	uint32_t allow;
};

static enum sandbox_answer answer_of(const struct sandbox_group *g, uint32_t allow)
{
	return g->allow & allow ? SANDBOX_ALLOW : g->answer;
}

/* A sentence or a list of words, folded and indented. */
static void print_folded(const char *text, const char *indent, int width)
{
	int column = 0;

	for (const char *at = text; *at;) {
		int n = (int)strcspn(at, " ");

		if (column && column + 1 + n > width) {
			putchar('\n');
			column = 0;
		}
		column += printf("%s%.*s", column ? " " : indent, n, at);
		at += n + (at[n] == ' ');
	}
	putchar('\n');
}

static void print_group(const struct sandbox_group *g, uint32_t allow)
{
	_cleanup_free_ char *option = g->allow & ~allow ? mscg_allow_format(g->allow) : NULL;

	printf("%s: %s%s%s\n", g->name, sandbox_answer_text(answer_of(g, allow)), option ? ", unless --allow=" : "", option ? option : "");
	print_folded(g->why, "    # ", 100);
	print_folded(g->calls, "    ", 100);
}

static void print_argument(const struct sandbox_argument *a)
{
	if (a->why)
		print_folded(a->why, "    # ", 100);
	printf("    %s, argument %d: %s %s\n", a->call, a->index + 1, a->only ? "allowed" : "EPERM with", a->text);
}

static void print_text(uint32_t allow)
{
	for (const struct sandbox_group *g = sandbox_groups; g->name; g++)
		print_group(g, allow);
	puts("arguments: of calls that are allowed; one with a list of allowed values is ENOSYS with any other");
	for (const struct sandbox_argument *a = sandbox_arguments; a->call; a++)
		if (!(a->allow & allow))
			print_argument(a);
	puts("anything else: ENOSYS\nby another ABI (i386, x32): the process is killed");
}

static json_t *words_json(const char *words)
{
	json_t *array = json_array();

	for (const char *at = words; *at;) {
		size_t n = strcspn(at, " ");

		json_array_append_new(array, json_stringn(at, n));
		at += n + (at[n] == ' ');
	}
	return array;
}

static void print_machine(uint32_t allow)
{
	json_t *groups = json_array(), *arguments = json_array();

	for (const struct sandbox_group *g = sandbox_groups; g->name; g++) {
		_cleanup_free_ char *option = g->allow ? mscg_allow_format(g->allow) : NULL;

		json_array_append_new(groups, json_pack("{s:s, s:s, s:s?, s:s, s:o}", "name", g->name, "answer",
		                                        sandbox_answer_text(answer_of(g, allow)), "allow", option, "why", g->why,
		                                        "calls", words_json(g->calls)));
	}
	for (const struct sandbox_argument *a = sandbox_arguments; a->call; a++)
		if (!(a->allow & allow))
			json_array_append_new(arguments, json_pack("{s:s, s:i, s:s, s:I, s:I, s:s}", "call", a->call, "argument", a->index,
			                                           "answer", a->only ? "allow" : "EPERM", "mask", (json_int_t)a->mask,
			                                           "value", (json_int_t)a->value, "text", a->text));
	json_t *profile = json_pack("{s:s, s:s, s:o, s:o}", "default", "ENOSYS", "other_abi", "kill", "groups", groups, "arguments",
	                            arguments);
	print_json(profile);
	json_decref(profile);
}

static int seccomp_run(struct cli *cli, void *options, char **words)
{
	const struct seccomp_options *o = options;

	(void)words;
	if (cli->json)
		print_machine(o->allow);
	else
		print_text(o->allow);
	return CLI_OK;
}

static const struct option_spec seccomp_options[] = {
	{0, "print", NULL, "print the profile; this is what it does anyway", value_true, offsetof(struct seccomp_options, print)},
	{0, "allow", "NAMES", "with these: io_uring, perf, userfaultfd, userns", value_allow, offsetof(struct seccomp_options, allow)},
	{0},
};

const struct verb verb_seccomp = {
	.name = "seccomp",
	.summary = "Show the system calls that jobs have",
	.about = "The profile of the system call filter: groups of calls with their answer and its reason, and the\n"
	         "arguments that are refused. EPERM is for what a job has no business with, ENOSYS for what the\n"
	         "profile does not know, so that libc falls back to what it does. No daemon is asked.",
	.examples = "  mscg seccomp --print\n  mscg seccomp --allow=perf --json",
	.run = seccomp_run,
	.options = seccomp_options,
	.size = sizeof(struct seccomp_options),
};
