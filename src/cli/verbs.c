/* The verbs, and how one is found and run. */
#include "cli.h"

#include "verbs.h"

const struct verb *const cli_verbs[] = {
#define X(name) &verb_##name,
	CLI_VERBS(X)
#undef X
	NULL,
};

/* What every verb has. */
#define PLACES                                                                                                                               \
	{0, "socket", "PATH", "socket of mscgd (default: $MSCG_SOCKET, or where a daemon is)", value_text, offsetof(struct cli, socket),     \
	 .values = VALUES_FILE},                                                                                                             \
	{0, "state-dir", "DIR", "state directory, for requests without a daemon (default: $MSCG_STATE_DIR)", value_text,                     \
	 offsetof(struct cli, state_dir), .values = VALUES_DIRECTORY}
#define HELP {'h', "help", NULL, "show this help message and exit", value_true, offsetof(struct cli, help), OPTION_STOP}

const struct option_spec cli_common_options[] = {PLACES, {0, "json", NULL, "print JSON", value_true, offsetof(struct cli, json)}, HELP, {0}};
static const struct option_spec as_is_options[] = {PLACES, HELP, {0}};

const struct option_spec *cli_common(const struct verb *verb)
{
	return verb && verb->flags & VERB_AS_IS ? as_is_options : cli_common_options;
}

const struct verb *cli_find_verb(const char *name)
{
	for (const struct verb *const *v = cli_verbs; *v; v++)
		if (streq((*v)->name, name))
			return *v;
	return NULL;
}

static struct kept {
	void *p;
	struct kept *next;
} *all_kept;

void *cli_keep(void *p)
{
	struct kept *k = xmalloc(sizeof *k);

	*k = (struct kept){p, all_kept};
	all_kept = k;
	return p;
}

void cli_drop_kept(void)
{
	while (all_kept) {
		struct kept *k = all_kept;

		all_kept = k->next;
		free(k->p);
		free(k);
	}
}

static int check_words(const struct cli *cli, char *const *words)
{
	const struct verb *verb = cli->verb;
	int n = (int)strv_length(words);

	if (n < verb->words_min)
		return cli_usage(cli, "%s: expected %s", verb->name, verb->words ? verb->words : "no words");
	if (verb->words_max >= 0 && n > verb->words_max)
		return cli_usage(cli, "%s: one word too many, '%.60s': expected %s", verb->name, words[verb->words_max],
		                 verb->words ? verb->words : "options only");
	return 0;
}

static int run_verb(struct cli *cli)
{
	const struct verb *verb = cli->verb;
	_cleanup_free_ void *options = xcalloc(1, verb->size ? verb->size : 1);
	_cleanup_free_ char **words = NULL;
	struct option_set sets[OPTION_SETS] = {{verb->options, options}, {cli_common_options, cli}};
	struct mscg_error error;
	int r;

	if (verb->flags & VERB_RAW)
		return verb->run(cli, NULL, cli->argv + cli->first);
	if (verb->defaults)
		memcpy(options, verb->defaults, verb->size);
	if (!verb->options) {
		sets[0] = sets[1];
		sets[1] = (struct option_set){0};
	}
	r = options_parse(sets, cli->argc - cli->first, cli->argv + cli->first, verb->flags & VERB_COMMAND ? PARSE_COMMAND : 0, NULL,
	                  &words, &error);
	if (r < 0)
		return cli_usage(cli, "%s: %s", verb->name, error.text);
	if (cli->help) {
		help_print_verb(stdout, verb);
		return CLI_OK;
	}
	if (cli->json && verb->flags & VERB_AS_IS)
		return cli_usage(cli, "%s: --json: what a job writes is passed on as it is", verb->name);
	r = check_words(cli, words);
	return r ? r : verb->run(cli, options, words);
}

static int no_verb(const struct cli *cli, const char *name)
{
	const char *guess = cli_guess_verb(name);

	if (guess)
		return cli_usage(cli, "no verb '%.60s': is it mscg %s?", name, guess);
	return cli_usage(cli, "no verb '%.60s'", name);
}

static int run_help(struct cli *cli, const char *name)
{
	const struct verb *verb = name ? cli_find_verb(name) : NULL;

	if (name && !verb)
		return no_verb(cli, name);
	if (verb && verb->flags & VERB_RAW) {
		char *words[] = {(char *)"--help", NULL};

		cli->verb = verb;
		return verb->run(cli, NULL, words);
	}
	if (verb)
		help_print_verb(stdout, verb);
	else
		help_print_all(stdout);
	return CLI_OK;
}

int cli_main(int argc, char **argv)
{
	struct cli cli = {.argc = argc, .argv = argv};
	bool version = false;
	const struct option_spec top[] = {{'V', "version", NULL, "", value_true, 0, OPTION_STOP}, {0}};
	struct option_set sets[OPTION_SETS] = {{top, &version}, {cli_common_options, &cli}};
	_cleanup_free_ char **words = NULL;
	struct mscg_error error;

	if (options_parse(sets, argc > 0 ? argc - 1 : 0, argv + 1, PARSE_COMMAND, NULL, &words, &error) < 0)
		return cli_usage(&cli, "%s", error.text);
	if (version) {
		puts("mscg " MSCG_VERSION);
		return CLI_OK;
	}
	if (cli.help)
		return run_help(&cli, NULL);
	if (!words[0])
		return cli_usage(&cli, "no verb: expected submit, queue, show, cancel, ...");
	cli.first = argc - (int)strv_length(words) + 1;
	if (streq(words[0], "help"))
		return run_help(&cli, words[1]);
	if (streq(words[0], "__complete"))
		return complete_main(&cli, argc - cli.first, argv + cli.first);
	if (streq(words[0], "__man"))
		return manual_main(words[1]);
	cli.verb = cli_find_verb(words[0]);
	if (!cli.verb)
		return no_verb(&cli, words[0]);
	return run_verb(&cli);
}
