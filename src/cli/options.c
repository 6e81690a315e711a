/* The one parser of options: command lines, and the lines of batch scripts. */
#include "cli.h"

struct parser {
	const struct option_set *sets;
	unsigned flags;
	const char *where;
	int argc, at;
	char *const *argv;
	struct mscg_error *error;
};

static int set_of(const struct option_set *sets, const struct option_spec *option, void **ret_base)
{
	for (int i = 0; sets[i].table; i++)
		for (const struct option_spec *o = sets[i].table; o->name; o++)
			if (o == option) {
				*ret_base = sets[i].base;
				return i;
			}
	return -ENOENT;
}

/* The option of that name; a beginning that only one option has will do, as it does for getopt_long(3). */
static int find_long(struct parser *p, const char *name, size_t n, const struct option_spec **ret)
{
	const struct option_spec *found = NULL, *second = NULL;

	for (const struct option_set *set = p->sets; set->table; set++)
		for (const struct option_spec *o = set->table; o->name; o++) {
			if (strncmp(o->name, name, n) != 0)
				continue;
			if (!o->name[n]) {
				*ret = o;
				return 0;
			}
			if (o->flags & (OPTION_HIDDEN | OPTION_LATER | OPTION_IGNORED))
				continue;
			*(found ? &second : &found) = o;
		}
	if (!found || n < 3)
		return mscg_error_set(p->error, -EINVAL, "unknown option --%.*s", (int)MIN_OF(n, (size_t)60), name);
	if (second)
		return mscg_error_set(p->error, -EINVAL, "--%.*s may be --%s or --%s: write more of it", (int)MIN_OF(n, (size_t)60),
		                      name, found->name, second->name);
	*ret = found;
	return 0;
}

static int find_short(struct parser *p, char c, const struct option_spec **ret)
{
	for (const struct option_set *set = p->sets; set->table; set++)
		for (const struct option_spec *o = set->table; o->name; o++)
			if (o->short_name == c) {
				*ret = o;
				return 0;
			}
	return mscg_error_set(p->error, -EINVAL, "unknown option -%c", c);
}

/* "--cpus", "-c": as it was typed. */
static char *spelled(const struct option_spec *o, bool by_letter, char buf[64])
{
	if (by_letter)
		snprintf(buf, 64, "-%c", o->short_name);
	else
		snprintf(buf, 64, "--%.60s", o->name);
	return buf;
}

static int apply(struct parser *p, const struct option_spec *o, bool by_letter, const char *value)
{
	char name[64];
	void *base;
	int r;

	spelled(o, by_letter, name);
	if (o->flags & OPTION_LATER)
		return mscg_error_set(p->error, -EINVAL, "%s (%s) is not in this version of mscg", name, o->help);
	if (o->flags & OPTION_IGNORED) {
		if (!(p->flags & PARSE_AGAIN))
			cli_error("warning: %s%s%s%s%.60s is ignored: %s", p->where ? p->where : "", p->where ? ": " : "", name,
			          value ? "=" : "", value ? value : "", o->help);
		return 0;
	}
	r = set_of(p->sets, o, &base);
	if (r >= 0)
		r = o->set((char *)base + o->offset, value, o, p->error);
	return r < 0 ? mscg_error_prefix(p->error, r, "%s: ", name) : 0;
}

/* The value behind an option: glued to it, or the next word. */
static int take_value(struct parser *p, const struct option_spec *o, bool by_letter, const char *glued, const char **ret)
{
	char name[64];

	if (glued || !o->arg || o->flags & OPTION_OPTIONAL) {
		*ret = glued;
		return 0;
	}
	if (p->at >= p->argc)
		return mscg_error_set(p->error, -EINVAL, "%s: expected a value, %s", spelled(o, by_letter, name), o->arg);
	*ret = p->argv[p->at++];
	return 0;
}

static int parse_long(struct parser *p, const char *word)
{
	const char *eq = strchr(word, '='), *value;
	const struct option_spec *o = NULL;
	int r = find_long(p, word, eq ? (size_t)(eq - word) : strlen(word), &o);

	if (r < 0)
		return r;
	if (eq && !o->arg)
		return mscg_error_set(p->error, -EINVAL, "--%s takes no value, '%.60s' was given", o->name, eq + 1);
	r = take_value(p, o, false, eq ? eq + 1 : NULL, &value);
	if (r == 0)
		r = apply(p, o, false, value);
	return r < 0 ? r : (o->flags & OPTION_STOP) != 0;
}

static int parse_short(struct parser *p, const char *word)
{
	while (*word) {
		const struct option_spec *o = NULL;
		const char *value = NULL;
		int r = find_short(p, *word++, &o);

		if (r < 0)
			return r;
		if (o->arg) {
			r = take_value(p, o, true, *word ? word : NULL, &value);
			word = "";
		}
		if (r == 0)
			r = apply(p, o, true, value);
		if (r < 0)
			return r;
		if (o->flags & OPTION_STOP)
			return 1;
	}
	return 0;
}

int options_parse(const struct option_set *sets, int argc, char *const *argv, unsigned flags, const char *where, char ***ret_words,
                  struct mscg_error *error)
{
	struct parser p = {.sets = sets, .flags = flags, .where = where, .argc = argc, .argv = argv, .error = error};
	_cleanup_free_ char **words = xcalloc((size_t)argc + 1, sizeof *words);
	bool options_over = false;
	size_t n = 0;

	while (p.at < argc) {
		char *word = argv[p.at++];
		int r = 0;

		if (options_over || word[0] != '-' || !word[1]) {
			words[n++] = word;
			options_over |= (flags & PARSE_COMMAND) != 0;
		} else if (streq(word, "--")) {
			options_over = true;
		} else {
			r = word[1] == '-' ? parse_long(&p, word + 2) : parse_short(&p, word + 1);
		}
		if (r < 0)
			return r;
		if (r > 0)
			break;
	}
	if (ret_words)
		*ret_words = steal(&words);
	return 0;
}
