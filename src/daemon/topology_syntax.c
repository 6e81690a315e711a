/* The syntax of a topology file: lines of KEY=VALUE, # up to the end of a line, and a backslash at its end joins the next. */
#include "topology_syntax.h"

#include <stdarg.h>
#include <strings.h>

static const char *const key_names[KEYS] = {
	[KEY_PLUGIN] = "TopologyPlugin", [KEY_SWITCH] = "SwitchName", [KEY_NODES] = "Nodes", [KEY_SWITCHES] = "Switches",
	[KEY_SPEED] = "LinkSpeed",
};

uint32_t syntax_line(const struct syntax *p, uint32_t at, uint32_t *ret_column)
{
	uint32_t line = 1, begin = 0;

	for (uint32_t i = 0; i < p->origin[at]; i++)
		if (p->raw[i] == '\n') {
			line++;
			begin = i + 1;
		}
	if (ret_column)
		*ret_column = p->origin[at] - begin + 1;
	return line;
}

int syntax_bad(const struct syntax *p, uint32_t at, const char *format, ...)
{
	char text[256];
	uint32_t line, column;
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	line = syntax_line(p, at, &column);
	return mscg_error_set(p->error, -EINVAL, "%s:%u:%u: %s", p->path, line, column, text);
}

/* -- text to lines ------------------------------------------------------------------------------------------------ */

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

/* Comments and joins go, and for each byte that stays it is kept where it was. */
static void join_lines(struct syntax *p, size_t size)
{
	p->text = xmalloc(size + 2);
	p->origin = xcalloc(size + 2, sizeof *p->origin);
	p->text[p->n++] = '\n'; /* no value is at 0 */
	for (size_t i = 0; i < size;) {
		size_t end = i + 1;

		if (p->raw[i] == '#') {
			while (i < size && p->raw[i] != '\n')
				i++;
			continue;
		}
		if (p->raw[i] == '\\') {
			end += end < size && p->raw[end] == '\r';
			if (end < size && p->raw[end] == '\n') {
				i = end + 1;
				continue;
			}
		}
		p->origin[p->n] = (uint32_t)i;
		p->text[p->n++] = p->raw[i++];
	}
	p->origin[p->n] = (uint32_t)size;
	p->text[p->n] = '\0';
}

/* Where a name ends, a value that is not quoted, ... : the first byte from `at` on that is none of it. */
static uint32_t skip(const struct syntax *p, uint32_t at, bool (*is)(char c))
{
	while (at < p->n && is(p->text[at]))
		at++;
	return at;
}

static bool is_plain(char c)
{
	return !is_space(c) && c != '\n';
}

static int read_value(struct syntax *p, uint32_t *at, enum key key, struct span *ret)
{
	uint32_t begin = skip(p, *at, is_space), end;

	if (p->text[begin] == '"') {
		const char *close = memchr(p->text + begin + 1, '"', p->n - begin - 1);
		const char *line = memchr(p->text + begin, '\n', p->n - begin);

		if (!close || (line && line < close))
			return syntax_bad(p, begin, "'\"' without an end: expected another '\"' on the line");
		end = (uint32_t)(close - p->text);
		begin++;
		*at = end + 1;
	} else {
		*at = end = skip(p, begin, is_plain);
	}
	if (begin == end)
		return syntax_bad(p, begin, "'%s' has no value", key_names[key]);
	*ret = (struct span){begin, end - begin};
	return 0;
}

static int read_key(struct syntax *p, uint32_t *at, enum key *ret)
{
	uint32_t begin = *at, end = skip(p, begin, is_name), equals = skip(p, end, is_space);

	if (begin == end)
		return syntax_bad(p, begin, "expected KEY=VALUE here");
	for (int k = 0; k < KEYS; k++) {
		if (end - begin != strlen(key_names[k]) || strncasecmp(p->text + begin, key_names[k], end - begin) != 0)
			continue;
		if (p->text[equals] != '=')
			return syntax_bad(p, end, "expected '=' behind '%s'", key_names[k]);
		*at = equals + 1;
		*ret = (enum key)k;
		return 0;
	}
	return syntax_bad(p, begin, "unknown key '%.*s': expected TopologyPlugin, SwitchName, Nodes, Switches or LinkSpeed",
	           (int)MIN_OF(end - begin, 40u), p->text + begin);
}

static int read_plugin(struct syntax *p, const struct span *value)
{
	static const char *const known[] = {"topology/tree", "topology/flat", "topology/none", "topology/default"};

	if (p->plugin.at)
		return syntax_bad(p, value->at, "TopologyPlugin is said already, on line %u", syntax_line(p, p->plugin.at, NULL));
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strlen(known[i]) == value->n && strncasecmp(known[i], p->text + value->at, value->n) == 0) {
			p->plugin = *value;
			return 0;
		}
	return syntax_bad(p, value->at, "TopologyPlugin '%.*s': expected topology/tree, or topology/flat for the machine's own",
	           (int)MIN_OF(value->n, 40u), p->text + value->at);
}

static int check_switch(struct syntax *p, uint32_t begin, const struct line *line)
{
	const struct span *name = &line->value[KEY_SWITCH], *nodes = &line->value[KEY_NODES], *below = &line->value[KEY_SWITCHES];
	uint32_t wrong = skip(p, name->at, is_name);

	if (!name->at)
		return syntax_bad(p, begin, "a line without SwitchName: expected SwitchName=NAME and Nodes=... or Switches=...");
	if (wrong < name->at + name->n || name->n > 64)
		return syntax_bad(p, MIN_OF(wrong, name->at + 64), "'%.*s' can not be a name: expected up to 64 letters, digits, '-', '_', '.'",
		           (int)MIN_OF(name->n, 40u), p->text + name->at);
	if (!nodes->at && !below->at)
		return syntax_bad(p, name->at, "switch '%.*s' has nothing below it: expected Nodes=... or Switches=...", (int)name->n,
		           p->text + name->at);
	if (nodes->at && below->at)
		return syntax_bad(p, MAX_OF(nodes->at, below->at), "switch '%.*s' has Nodes and Switches: expected one of them", (int)name->n,
		           p->text + name->at);
	if (p->lines_n == TOPOLOGY_SWITCHES_MAX)
		return syntax_bad(p, name->at, "too many switches: expected at most %d", TOPOLOGY_SWITCHES_MAX);
	return 0;
}

static int read_line(struct syntax *p, uint32_t *at)
{
	struct line line = {0};
	uint32_t begin = *at;
	enum key key = KEYS;
	int r;

	while (p->text[*at] != '\n' && *at < p->n) {
		uint32_t here = *at;

		if ((r = read_key(p, at, &key)) < 0)
			return r;
		if (line.value[key].at)
			return syntax_bad(p, here, "'%s' stands twice on this line", key_names[key]);
		if ((r = read_value(p, at, key, &line.value[key])) < 0)
			return r;
		*at = skip(p, *at, is_space);
	}
	if (line.value[KEY_PLUGIN].at) {
		for (int k = KEY_PLUGIN + 1; k < KEYS; k++)
			if (line.value[k].at)
				return syntax_bad(p, line.value[k].at, "'%s' behind TopologyPlugin: expected it on a line of its own", key_names[k]);
		return read_plugin(p, &line.value[KEY_PLUGIN]);
	}
	if ((r = check_switch(p, begin, &line)) < 0)
		return r;
	GROW(p->lines, p->lines_n, p->lines_cap);
	p->lines[p->lines_n++] = line;
	return 0;
}

static int read_lines(struct syntax *p)
{
	const char *nul = memchr(p->text, '\0', p->n);
	int r = 0;

	if (nul)
		return syntax_bad(p, (uint32_t)(nul - p->text), "a NUL byte: expected text");
	for (uint32_t at = 0; at < p->n && r >= 0;) {
		at = skip(p, at, is_space);
		if (p->text[at] == '\n')
			at++;
		else if (at < p->n)
			r = read_line(p, &at);
	}
	return r;
}

/* -- names -------------------------------------------------------------------------------------------------------- */

static int compare_names(const struct syntax *p, const struct span *a, const char *b, uint32_t n)
{
	int d = memcmp(p->text + a->at, b, MIN_OF(a->n, n));

	return d ? d : a->n < n ? -1 : a->n > n;
}

static int by_name(const void *a, const void *b, void *ctx)
{
	const struct syntax *p = ctx;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	const struct span *other = &p->lines[y].value[KEY_SWITCH];
	int d = compare_names(p, &p->lines[x].value[KEY_SWITCH], p->text + other->at, other->n);

	return d ? d : x < y ? -1 : x > y;
}

uint32_t syntax_find(const struct syntax *p, const char *name)
{
	uint32_t low = 0, high = p->lines_n, n = (uint32_t)strlen(name);

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		int d = compare_names(p, &p->lines[p->by_name[mid]].value[KEY_SWITCH], name, n);

		if (d == 0)
			return p->by_name[mid];
		if (d < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return UINT32_MAX;
}

static int sort_names(struct syntax *p)
{
	p->by_name = xcalloc(p->lines_n + 1, sizeof *p->by_name);
	for (uint32_t i = 0; i < p->lines_n; i++)
		p->by_name[i] = i;
	qsort_r(p->by_name, p->lines_n, sizeof *p->by_name, by_name, p);
	for (uint32_t i = 1; i < p->lines_n; i++) {
		const struct span *a = &p->lines[p->by_name[i - 1]].value[KEY_SWITCH], *b = &p->lines[p->by_name[i]].value[KEY_SWITCH];

		if (compare_names(p, a, p->text + b->at, b->n) == 0)
			return syntax_bad(p, b->at, "switch '%.*s' is there already, on line %u", (int)b->n, p->text + b->at, syntax_line(p, a->at, NULL));
	}
	return 0;
}

/* "7" or "09-12" at *at, up to `end`; the width is that of the first. */
static int read_range(struct syntax *p, uint32_t *at, uint32_t end, uint32_t range[2], int *ret_width)
{
	for (int i = 0; i < 2; i++) {
		uint32_t begin = *at, v = 0;

		for (; *at < end && p->text[*at] >= '0' && p->text[*at] <= '9' && *at - begin < 9; (*at)++)
			v = v * 10 + (uint32_t)(p->text[*at] - '0');
		if (*at == begin)
			return syntax_bad(p, begin, "expected a number here, as in node[1-4,7]");
		range[i] = v;
		if (i == 0) {
			*ret_width = (int)(*at - begin);
			range[1] = v;
			if (*at == end || p->text[*at] != '-')
				break;
			(*at)++;
		} else if (range[1] < range[0]) {
			return syntax_bad(p, begin, "%u-%u runs backwards: expected the lower number first", range[0], range[1]);
		}
	}
	if (*at < end && p->text[*at] != ',')
		return syntax_bad(p, *at, "expected ',' or ']' behind a number of at most 9 digits");
	return 0;
}

/* One name, or prefix[ranges]suffix; *at is behind it then. */
static int expand_one(struct syntax *p, uint32_t line, uint32_t *at, uint32_t end, syntax_each *each)
{
	uint32_t begin = *at, open = skip(p, begin, is_name), close, after, range[2];
	char name[256];
	int width = 0, r = 0;

	if (open - begin > 64)
		return syntax_bad(p, begin, "a name of more than 64 characters");
	if (open == end || p->text[open] != '[') {
		*at = open;
		if (open == begin)
			return syntax_bad(p, begin, "expected a name here");
		snprintf(name, sizeof name, "%.*s", (int)(open - begin), p->text + begin);
		return each(p, line, name, begin);
	}
	for (close = open; close < end && p->text[close] != ']'; close++)
		;
	if (close == end)
		return syntax_bad(p, open, "'[' without an end: expected ']' behind the numbers");
	after = skip(p, close + 1, is_name);
	if (after - close > 64)
		return syntax_bad(p, close + 1, "a name of more than 64 characters");
	*at = open + 1;
	do {
		uint32_t here = *at;

		if ((r = read_range(p, at, close, range, &width)) < 0)
			return r;
		for (uint32_t v = range[0]; v <= range[1] && r >= 0; v++) {
			snprintf(name, sizeof name, "%.*s%0*u%.*s", (int)(open - begin), p->text + begin, width, v,
			         (int)(after - close - 1), p->text + close + 1);
			r = each(p, line, name, here);
		}
	} while (r >= 0 && (*at)++ < close);
	*at = after;
	return r;
}

int syntax_expand(struct syntax *p, uint32_t line, const struct span *list, syntax_each *each)
{
	uint32_t at = list->at, end = list->at + list->n;

	for (;;) {
		int r = expand_one(p, line, &at, end, each);

		if (r < 0)
			return r;
		if (at == end)
			return 0;
		if (p->text[at] != ',')
			return syntax_bad(p, at, "'%c' can not stand here: expected ',' between names of letters, digits, '-', '_', '.'",
			           p->text[at] > ' ' && p->text[at] < 127 ? p->text[at] : '?');
		at++;
	}
}

int syntax_read(struct syntax *p, const char *path, const char *text, size_t size, struct mscg_error *error)
{
	int r;

	*p = (struct syntax){.path = path, .raw = text, .error = error};
	join_lines(p, size);
	r = read_lines(p);
	return r < 0 ? r : sort_names(p);
}

void syntax_clear(struct syntax *p)
{
	free(p->text);
	free(p->origin);
	free(p->lines);
	free(p->by_name);
	*p = (struct syntax){0};
}
