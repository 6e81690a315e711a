/* `mscg __complete -- WORDS...`: what could stand in the place of the last word, one a line. A first line of the form
 * ":files" or ":directories" leaves the rest to the shell. Made from the tables that the parser reads. */
#include "cli.h"

static void offer(const char *prefix, const char *word, const char *tail)
{
	if (strncmp(word, prefix, strlen(prefix)) == 0)
		printf("%s%s\n", word, tail);
}

static void offer_words(const char *prefix, const char *words)
{
	_cleanup_free_ char *copy = xstrdup(words);
	char *save = NULL;

	for (char *word = strtok_r(copy, "|", &save); word; word = strtok_r(NULL, "|", &save))
		offer(prefix, word, "");
}

/* What the daemon has to offer; nothing where there is none. */
static void offer_listed(const struct cli *cli, const char *prefix, const char *method, json_t *parameters, const char *list, const char *key)
{
	struct mscg_error error;
	struct mscg *m;
	json_t *reply, *one;
	size_t i;

	if (cli_try_connect(cli, 0, &m, &error) < 0) {
		json_decref(parameters);
		return;
	}
	mscg_set_timeout(m, 1000);
	if (mscg_call_json(m, method, parameters, &reply, &error) == 0) {
		json_array_foreach(json_object_get(reply, list), i, one)
			offer(prefix, jtext(one, key, ""), "");
		json_decref(reply);
	}
	mscg_close(m);
}

static void offer_values(const struct cli *cli, const char *prefix, enum option_values values, const char *words)
{
	if (words)
		offer_words(prefix, words);
	switch (values) {
	case VALUES_ANY:
		break;
	case VALUES_FILE:
		puts(":files");
		break;
	case VALUES_DIRECTORY:
		puts(":directories");
		break;
	case VALUES_COMMAND:
		puts(":commands");
		break;
	case VALUES_JOB:
		offer_listed(cli, prefix, "List", json_pack("{s:b, s:i}", "active", true, "limit", 200), "jobs", "id");
		break;
	case VALUES_QOS:
		offer_listed(cli, prefix, "ListQos", NULL, "qos", "name");
		break;
	case VALUES_PARTITION:
		offer_listed(cli, prefix, "ListPartitions", NULL, "partitions", "name");
		break;
	case VALUES_RESERVATION:
		offer_listed(cli, prefix, "ListReservations", NULL, "reservations", "name");
		break;
	case VALUES_STATE:
		for (int s = 0; s < MSCG_STATE_COUNT; s++)
			offer(prefix, mscg_state_name((enum mscg_state)s), "");
		break;
	}
}

static const struct option_spec *find_option(const struct option_spec *table, const char *word)
{
	for (const struct option_spec *o = table; o && o->name; o++)
		if ((word[0] == '-' && word[1] == '-' && streq(o->name, word + 2)) ||
		    (word[0] == '-' && o->short_name && word[1] == o->short_name && !word[2]))
			return o;
	return NULL;
}

static const struct option_spec *find_any(const struct verb *verb, const char *word)
{
	const struct option_spec *o = verb ? find_option(verb->options, word) : NULL;

	return o ? o : find_option(cli_common(verb), word);
}

static void offer_options(const char *prefix, const struct option_spec *table)
{
	char name[80];

	for (const struct option_spec *o = table; o && o->name; o++) {
		if (o->flags & (OPTION_HIDDEN | OPTION_LATER | OPTION_IGNORED))
			continue;
		snprintf(name, sizeof name, "--%s", o->name);
		offer(prefix, name, o->arg && !(o->flags & OPTION_OPTIONAL) ? "=" : "");
	}
}

static bool takes_next(const struct option_spec *o, const char *word)
{
	return o && o->arg && !(o->flags & OPTION_OPTIONAL) && !strchr(word, '=');
}

int complete_main(struct cli *cli, int argc, char **argv)
{
	const struct verb *verb = NULL;
	const char *last, *eq;
	bool in_command = false;
	int i = argc > 0 && streq(argv[0], "--");

	if (argc <= i)
		return CLI_OK;
	for (; i < argc - 1; i++) {
		if (argv[i][0] == '-') {
			if (takes_next(find_any(verb, argv[i]), argv[i]) && ++i == argc - 1) {
				const struct option_spec *o = find_any(verb, argv[i - 1]);

				offer_values(cli, argv[i], o->values, o->words);
				return CLI_OK;
			}
		} else if (!verb) {
			verb = cli_find_verb(argv[i]);
			if (!verb)
				return CLI_OK;
		} else {
			in_command |= (verb->flags & VERB_COMMAND) != 0;
		}
	}
	last = argv[argc - 1];
	eq = strchr(last, '=');
	if (in_command) {
		puts(":files");
	} else if (last[0] == '-' && eq) {
		_cleanup_free_ char *name = xstrndup(last, (size_t)(eq - last));
		const struct option_spec *o = find_any(verb, name);

		if (o)
			offer_values(cli, eq + 1, o->values, o->words);
	} else if (last[0] == '-') {
		if (verb)
			offer_options(last, verb->options);
		offer_options(last, cli_common(verb));
	} else if (!verb) {
		for (const struct verb *const *v = cli_verbs; *v; v++)
			if (!((*v)->flags & VERB_HIDDEN))
				offer(last, (*v)->name, "");
	} else {
		offer_values(cli, last, verb->values, NULL);
	}
	return CLI_OK;
}
