/* What a topology file means for this machine: a tree of switches with each node below one of them. */
#include <fcntl.h>
#include <strings.h>

#include "topology_syntax.h"
#include "src/base/buf.h"
#include "src/base/fd.h"

static const struct span *name_of(const struct syntax *p, uint32_t line)
{
	return &p->lines[line].value[KEY_SWITCH];
}

/* For "%.*s". */
#define NAME(p, line) (int)name_of(p, line)->n, (p)->text + name_of(p, line)->at

/* 1 for "node1" and "node01"; 0 for what is none. */
static uint32_t node_number(const char *name)
{
	uint32_t v = 0;
	size_t digits;

	if (strncmp(name, "node", 4) != 0)
		return 0;
	name += 4;
	digits = strspn(name, "0123456789");
	if (digits == 0 || digits > 9 || name[digits])
		return 0;
	for (; *name; name++)
		v = v * 10 + (uint32_t)(*name - '0');
	return v;
}

static int add_node(struct syntax *p, uint32_t line, const char *name, uint32_t at)
{
	struct topology *t = p->topology;
	uint32_t node = node_number(name);

	if (node == 0 || node > t->nodes)
		return syntax_bad(p, at, "this machine has no %s: expected node1 to node%u, one for each of its cores", name, t->nodes);
	if (t->leaf[node - 1] != UINT16_MAX)
		return syntax_bad(p, at, "%s is below '%.*s' already, on line %u", name, NAME(p, t->leaf[node - 1]),
		                  syntax_line(p, name_of(p, t->leaf[node - 1])->at, NULL));
	t->leaf[node - 1] = (uint16_t)line;
	return 0;
}

static int add_switch(struct syntax *p, uint32_t line, const char *name, uint32_t at)
{
	struct topology *t = p->topology;
	uint32_t below = syntax_find(p, name);

	if (below == UINT32_MAX)
		return syntax_bad(p, at, "no switch is named '%s': expected a SwitchName of another line", name);
	if (t->switches[below].up != below)
		return syntax_bad(p, at, "switch '%s' is below '%.*s' already, on line %u", name, NAME(p, t->switches[below].up),
		                  syntax_line(p, name_of(p, t->switches[below].up)->at, NULL));
	if (below == line)
		return syntax_bad(p, at, "switch '%s' is below itself", name);
	t->switches[below].up = (uint16_t)line;
	return 0;
}

/* From each switch up: who comes back to where it was is in a circle. */
static int check_circles(const struct syntax *p)
{
	const struct core_switch *s = p->topology->switches;
	_cleanup_free_ uint32_t *seen = xcalloc(p->lines_n, sizeof *seen); /* in the walk of this number */

	for (uint32_t i = 0; i < p->lines_n; i++)
		for (uint32_t at = i; !seen[at] || seen[at] == i + 1; at = s[at].up) {
			if (s[at].up == at) {
				seen[at] = i + 1;
				break;
			}
			if (seen[at])
				return syntax_bad(p, p->lines[s[at].up].value[KEY_SWITCHES].at,
				                  "a circle: '%.*s' is below '%.*s', and that below it", NAME(p, at), NAME(p, s[at].up));
			seen[at] = i + 1;
		}
	return 0;
}

static int check_tree(const struct syntax *p)
{
	const struct core_switch *s = p->topology->switches;
	uint32_t top = UINT32_MAX;
	int r = check_circles(p);

	if (r < 0)
		return r;
	for (uint32_t i = 0; i < p->lines_n; i++) {
		uint32_t levels = 1;

		if (s[i].up == i && top != UINT32_MAX)
			return syntax_bad(p, name_of(p, i)->at, "switch '%.*s' is below no other, like '%.*s' on line %u: expected one at the top",
			                  NAME(p, i), NAME(p, top), syntax_line(p, name_of(p, top)->at, NULL));
		if (s[i].up == i)
			top = i;
		for (uint32_t at = i; s[at].up != at && levels <= TOPOLOGY_LEVELS_MAX; at = s[at].up)
			levels++;
		if (levels > TOPOLOGY_LEVELS_MAX)
			return syntax_bad(p, name_of(p, i)->at, "more than %d switches above each other: expected a tree with fewer levels",
			                  TOPOLOGY_LEVELS_MAX);
	}
	return 0;
}

static int check_nodes(const struct syntax *p)
{
	const struct topology *t = p->topology;
	uint32_t first = 0, last, at = 0;

	while (first < t->nodes && t->leaf[first] != UINT16_MAX)
		first++;
	if (first == t->nodes)
		return 0;
	for (last = first; last + 1 < t->nodes && t->leaf[last + 1] == UINT16_MAX;)
		last++;
	for (uint32_t i = 0; i < p->lines_n; i++)
		at = MAX_OF(at, p->lines[i].value[KEY_NODES].at);
	if (first == last)
		return syntax_bad(p, at, "node%u is below no switch: expected each of node1 to node%u in the Nodes of one", first + 1, t->nodes);
	return syntax_bad(p, at, "node%u to node%u are below no switch: expected each of node1 to node%u in the Nodes of one", first + 1,
	                  last + 1, t->nodes);
}

static int check_all(struct syntax *p)
{
	int r = 0;

	for (uint32_t i = 0; i < p->lines_n && r >= 0; i++)
		if (p->lines[i].value[KEY_NODES].at)
			r = syntax_expand(p, i, &p->lines[i].value[KEY_NODES], add_node);
	for (uint32_t i = 0; i < p->lines_n && r >= 0; i++)
		if (p->lines[i].value[KEY_SWITCHES].at)
			r = syntax_expand(p, i, &p->lines[i].value[KEY_SWITCHES], add_switch);
	if (r >= 0)
		r = check_tree(p);
	return r < 0 ? r : check_nodes(p);
}

static struct topology *begin(const struct syntax *p, uint32_t nodes)
{
	struct topology *t = xcalloc(1, sizeof *t);

	t->path = xstrdup(p->path);
	t->n = p->lines_n;
	t->nodes = nodes;
	t->switches = xcalloc(t->n, sizeof *t->switches);
	t->names = xcalloc(t->n, sizeof *t->names);
	t->leaf = xcalloc(nodes, sizeof *t->leaf);
	memset(t->leaf, 0xff, nodes * sizeof *t->leaf);
	for (uint32_t i = 0; i < t->n; i++) {
		t->switches[i].up = (uint16_t)i;
		t->names[i] = xasprintf("%.*s", NAME(p, i));
	}
	return t;
}

int topology_parse(const char *path, const char *text, size_t size, uint32_t nodes, struct topology **ret, struct mscg_error *error)
{
	struct syntax p;
	int r = syntax_read(&p, path, text, size, error);

	*ret = NULL;
	if (r >= 0 && p.lines_n == 0 && !p.plugin.at)
		r = syntax_bad(&p, 0, "nothing is said here: expected TopologyPlugin and SwitchName lines");
	else if (r >= 0 && p.plugin.at && strncasecmp(p.text + p.plugin.at, "topology/tree", p.plugin.n) != 0)
		goto out; /* the machine's own, whatever else is said */
	else if (r >= 0 && p.lines_n == 0)
		r = syntax_bad(&p, p.plugin.at, "a tree without switches: expected SwitchName lines");
	if (r < 0)
		goto out;
	p.topology = begin(&p, nodes);
	r = check_all(&p);
	if (r < 0)
		topology_free(p.topology);
	else
		*ret = p.topology;
out:
	syntax_clear(&p);
	return r;
}

/* Mini-SLURM's: four nodes a leaf. */
static char *default_text(uint32_t nodes)
{
	struct buf b = {0};
	uint32_t leaves = (nodes + 3) / 4;

	for (uint32_t i = 0; i < leaves; i++)
		buf_addf(&b, "SwitchName=leaf%u Nodes=node[%u-%u]\n", i + 1, i * 4 + 1, MIN_OF(i * 4 + 4, nodes));
	buf_addf(&b, "SwitchName=spine Switches=leaf[1-%u]\n", leaves);
	return buf_steal(&b);
}

int topology_load(const char *path, uint32_t nodes, struct topology **ret, struct mscg_error *error)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	int r;

	if (streq(path, "default")) {
		text = default_text(nodes);
		return topology_parse(path, text, strlen(text), nodes, ret, error);
	}
	r = fd_read_file_at(AT_FDCWD, path, TOPOLOGY_FILE_MAX, &text, &size);
	if (r == -EFBIG)
		return mscg_error_set(error, -EINVAL, "topology %s has more than %d bytes", path, TOPOLOGY_FILE_MAX);
	if (r < 0)
		return mscg_error_set(error, r, "cannot read topology %s: %s", path, strerror(-r));
	return topology_parse(path, text, size, nodes, ret, error);
}

void topology_free(struct topology *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; t->names && i < t->n; i++)
		free(t->names[i]);
	free(t->names);
	free(t->switches);
	free(t->leaf);
	free(t->path);
	free(t);
}
