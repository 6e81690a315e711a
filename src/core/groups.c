/* The tree of groups: what is close to what. Made of switches, or of the machine's own packages and NUMA nodes. */
#include "src/base/base.h"
#include "src/core/place.h"

/* While it is made: the first switch below each, and the next below the same one. */
struct tree {
	uint32_t *first, *next;
	uint16_t *group; /* of each switch */
};

static int by_node(const void *a, const void *b)
{
	const struct core_cpu *x = a, *y = b;

	return x->numa != y->numa ? x->numa - y->numa : x->package - y->package;
}

static int by_package(const void *a, const void *b)
{
	const struct core_cpu *x = a, *y = b;

	return x->package != y->package ? x->package - y->package : x->numa - y->numa;
}

/* The top, packages below it, and NUMA nodes below these. A node counts as of the package of its first CPU. Returns how
 * many; what may be needed at most is 1 + 2 n. */
static uint32_t own_switches(struct core_cpu *cpus, uint32_t n, struct core_switch *switches)
{
	_cleanup_free_ struct core_cpu *nodes = xcalloc(n + 1, sizeof *nodes); /* the first CPU of each */
	uint32_t count = 1, nnodes = 0, at = 0;

	qsort(cpus, n, sizeof *cpus, by_node);
	for (uint32_t i = 0; i < n; i++)
		if (i == 0 || cpus[i].numa != cpus[i - 1].numa)
			nodes[nnodes++] = cpus[i];
	qsort(nodes, nnodes, sizeof *nodes, by_package);
	for (uint32_t i = 0, package = 0; i < nnodes; i++) {
		if (i == 0 || nodes[i].package != nodes[i - 1].package)
			package = count++;
		switches[count].up = (uint16_t)package;
		nodes[i].leaf = (uint16_t)count++;
	}
	qsort(nodes, nnodes, sizeof *nodes, by_node);
	for (uint32_t i = 0; i < n; i++) {
		at += i > 0 && cpus[i].numa != cpus[i - 1].numa;
		cpus[i].leaf = nodes[at].leaf;
	}
	return count;
}

static uint32_t add_group(struct place *p, const struct tree *tree, uint32_t s, uint32_t up)
{
	uint32_t g = p->ngroups++;

	p->group[g] = (struct place_group){.up = up};
	tree->group[s] = (uint16_t)g;
	for (uint32_t below = tree->first[s]; below != PLACE_NONE; below = tree->next[below]) {
		uint32_t level = p->group[add_group(p, tree, below, g)].level + 1;

		p->group[g].level = MAX_OF(p->group[g].level, level);
	}
	p->group[g].end = p->ngroups;
	return g;
}

void place_make_groups(struct place *p, const struct core_machine *machine, struct core_cpu *cpus, uint32_t n)
{
	uint32_t count = machine->nswitches ? machine->nswitches : 2 * n + 1, top = 0;
	_cleanup_free_ struct core_switch *own = xcalloc(count, sizeof *own);
	const struct core_switch *switches = machine->nswitches ? machine->switches : own;

	if (!machine->nswitches)
		count = own_switches(cpus, n, own);
	_cleanup_free_ uint32_t *first = xcalloc(count, sizeof *first), *next = xcalloc(count, sizeof *next);
	_cleanup_free_ uint16_t *group = xcalloc(count, sizeof *group);
	struct tree tree = {first, next, group};

	memset(first, 0xff, count * sizeof *first);
	memset(next, 0xff, count * sizeof *next);
	for (uint32_t s = count; s-- > 0;) {
		if (switches[s].up == s) {
			top = s;
			continue;
		}
		next[s] = first[switches[s].up];
		first[switches[s].up] = s;
	}
	p->group = xcalloc(count, sizeof *p->group);
	add_group(p, &tree, top, PLACE_NONE);
	for (uint32_t i = 0; i < n; i++)
		cpus[i].leaf = group[cpus[i].leaf];
}

uint32_t place_distance(const struct place *p, uint32_t a, uint32_t b)
{
	while (b < a || b >= p->group[a].end)
		a = p->group[a].up;
	return p->group[a].level;
}
