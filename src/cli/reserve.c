/* mscg reserve: what is set aside for some for a time. */
#include "cli.h"
#include "src/base/parse.h"

struct reserve_options {
	int64_t     start, end;
	uint32_t    duration_s, cpus;
	uint64_t    mem;
	const char *users, *accounts, *flags, *delete;
	bool        list;
};

static void names_text(const json_t *one, const char *key, char *text, size_t size)
{
	const json_t *list = json_object_get(one, key), *name;
	size_t i, n = 0;

	text[0] = '\0';
	json_array_foreach(list, i, name)
		if (n < size)
			n += (size_t)snprintf(text + n, size - n, "%s%s", i ? "," : "", json_string_value(name) ? json_string_value(name) : "?");
	if (!n)
		snprintf(text, size, "-");
}

static void print_row(struct table *table, const json_t *one)
{
	char buf[400];

	table_text(table, jtext(one, "name", "?"));
	table_text(table, jbool(one, "active", false) ? "ACTIVE" : "INACTIVE");
	table_text(table, text_time(jtime(one, "start"), buf, sizeof buf));
	table_text(table, text_time(jtime(one, "end"), buf, sizeof buf));
	table_text(table, text_cpus(jreal(one, "cpus", 0), buf, sizeof buf));
	table_text(table, text_cpus(jreal(one, "cpus_held", 0), buf, sizeof buf));
	table_text(table, format_size((uint64_t)jint(one, "mem_bytes", 0), buf, sizeof buf));
	names_text(one, "users", buf, sizeof buf);
	table_text(table, buf);
	names_text(one, "accounts", buf, sizeof buf);
	table_text(table, buf);
	names_text(one, "flags", buf, sizeof buf);
	table_text(table, buf);
}

static void print_table(const json_t *list)
{
	static const struct table_column columns[] = {
		{"NAME", 10, 0, false}, {"STATE", 8, 0, false}, {"START", 19, 0, false}, {"END", 19, 0, false}, {"CPUS", 4, 0, true},
		{"HELD", 4, 0, true}, {"MEM", 6, 0, true}, {"USERS", 8, 0, false}, {"ACCOUNTS", 8, 0, false}, {"FLAGS", 5, 0, false}, {0},
	};
	struct table *table = table_new(columns, true);
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
		print_row(table, one);
	table_end(table);
}

static int list(const struct cli *cli)
{
	json_t *reply;
	int r = cli_ask(cli, CONNECT_ONCE, "ListReservations", NULL, &reply);

	if (r)
		return r;
	if (cli->json)
		print_json(json_object_get(reply, "reservations"));
	else
		print_table(json_object_get(reply, "reservations"));
	json_decref(reply);
	return CLI_OK;
}

static int ask(const struct cli *cli, const char *method, json_t *parameters, const char *done)
{
	json_t *reply;
	int r = cli_ask(cli, 0, method, parameters, &reply);

	if (r)
		return r;
	if (cli->json)
		print_json(reply);
	else
		printf("%s reservation %s\n", done, jtext(reply, "name", "?"));
	json_decref(reply);
	return CLI_OK;
}

static void put_names(json_t *parameters, const char *key, const char *names)
{
	_cleanup_free_ char *copy = xstrdup(names);
	json_t *list = copy ? json_array() : NULL;
	char *rest = NULL;

	for (char *one = copy ? strtok_r(copy, ",", &rest) : NULL; one; one = strtok_r(NULL, ",", &rest))
		json_array_append_new(list, json_string(one));
	if (list)
		json_object_set_new(parameters, key, list);
}

static void put_time(json_t *parameters, const char *key, int64_t usec)
{
	char text[64];

	if (usec)
		json_object_set_new(parameters, key, json_string(format_rfc3339(usec, text, sizeof text)));
}

static json_t *request(const struct reserve_options *o, const char *name)
{
	json_t *parameters = json_pack("{s:s, s:f}", "name", name, "cpus", o->cpus / 1000.0);

	put_time(parameters, "start", o->start);
	put_time(parameters, "end", o->end);
	if (o->duration_s)
		json_object_set_new(parameters, "duration", json_integer(o->duration_s));
	if (o->mem)
		json_object_set_new(parameters, "mem_bytes", json_integer((json_int_t)o->mem));
	put_names(parameters, "users", o->users);
	put_names(parameters, "accounts", o->accounts);
	put_names(parameters, "flags", o->flags);
	return parameters;
}

static bool describes(const struct reserve_options *o)
{
	return o->start || o->end || o->duration_s || o->cpus || o->mem || o->users || o->accounts || o->flags;
}

static int reserve_run(struct cli *cli, void *options, char **words)
{
	const struct reserve_options *o = options;

	if ((o->delete != NULL) + o->list + (words[0] || describes(o)) > 1)
		return cli_usage(cli, "reserve: --list, --delete and a new one: expected one of them");
	if (o->delete)
		return ask(cli, "Unreserve", json_pack("{s:s}", "name", o->delete), "Deleted");
	if (!words[0] && !describes(o))
		return list(cli);
	if (!words[0])
		return cli_usage(cli, "reserve: no name: expected one, as in mscg reserve class --start 16:00 --duration 2h --cpus 8 --users alice");
	if (!o->cpus)
		return cli_usage(cli, "reserve: how many CPUs? expected --cpus");
	if (!o->end == !o->duration_s)
		return cli_usage(cli, o->end ? "reserve: --end beside --duration: expected one of them" : "reserve: until when? expected --duration or --end");
	return ask(cli, "Reserve", request(o, words[0]), "Made");
}

#define RESERVE(field) offsetof(struct reserve_options, field)
static const struct option_spec reserve_options[] = {
	{0, "start", "TIME", "when it begins: 16:00, now+2hours, 2026-01-31T12:00 (default: now)", value_time, RESERVE(start)},
	{0, "end", "TIME", "when it ends", value_time, RESERVE(end)},
	{0, "duration", "TIME", "or how long it lasts: 2h, 90 (minutes), 1-00:00:00", value_limit, RESERVE(duration_s)},
	{'c', "cpus", "N", "so many CPUs", value_cpus, RESERVE(cpus)},
	{0, "mem", "SIZE", "so much memory (default: default-mem-per-cpu for each CPU)", value_size, RESERVE(mem)},
	{0, "users", "NAMES", "for jobs of these users: alice,bob", value_text, RESERVE(users)},
	{0, "accounts", "NAMES", "for jobs of these accounts of the configuration", value_text, RESERVE(accounts)},
	{0, "flags", "FLAGS", "maint: for nobody, as nothing is to run then", value_text, RESERVE(flags), .words = "maint"},
	{0, "list", NULL, "list those that there are, as mscg reserve alone does", value_true, RESERVE(list)},
	{0, "delete", "NAME", "give it up; refused while jobs of it run", value_text, RESERVE(delete), .values = VALUES_RESERVATION},
	{0},
};

const struct verb verb_reserve = {
	.name = "reserve",
	.summary = "Set CPUs and memory aside for some for a time (scontrol create reservation)",
	.words = "[NAME]",
	.about = "From its start to its end CPUs and memory of a reservation are for jobs of its users and accounts that ask for it by name\n"
	         "(mscg submit --reservation NAME). Jobs of others start beside it only where they are over before it begins, by their time\n"
	         "limits, or do not need what it has; elastic jobs shrink towards --min-cpus when it begins. Jobs of it start while it lasts,\n"
	         "and what still runs at its end is ended as by its time limit. Refused where running jobs or other reservations have some\n"
	         "of it then: the message says from when on it could be. To make one and to give it up is for operators.",
	.examples = "  mscg reserve class --start 16:00 --duration 2h --cpus 8 --users alice,bob\n"
	            "  mscg reserve repair --start 2026-01-31T12:00 --end 2026-01-31T18:00 --cpus 64 --mem 200G --flags maint\n"
	            "  mscg reserve --list\n  mscg reserve --delete class",
	.run = reserve_run,
	.options = reserve_options,
	.size = sizeof(struct reserve_options),
	.words_max = 1,
};
