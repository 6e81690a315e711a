/* Nodes and switches of a topology, and the CPUs of this machine. */
#include "topology.h"

#include "src/base/buf.h"

uint32_t topology_count_nodes(const struct core_cpu *cpus, uint32_t n)
{
	uint32_t nodes = 0;

	for (uint32_t i = 0; i < n; i++)
		nodes += i == 0 || cpus[i].core != cpus[i - 1].core;
	return nodes;
}

uint32_t topology_place(struct topology *t, struct core_cpu *cpus, uint32_t n, bool fresh, struct mscg_cpuset *ret)
{
	uint32_t node = 0, without = 0;

	mscg_cpuset_zero(ret);
	for (uint32_t i = 0; i < n; i++) {
		uint16_t *known = &t->node_of[cpus[i].cpu];

		node += i == 0 || cpus[i].core != cpus[i - 1].core;
		if (fresh)
			*known = (uint16_t)node;
		if (*known) {
			cpus[i].leaf = t->leaf[*known - 1];
			continue;
		}
		mscg_cpuset_add(ret, cpus[i].cpu);
		without++;
	}
	return without;
}

/* By node, node1 first, whether one of the CPUs is of it. */
static bool *nodes_of(const struct topology *t, const struct mscg_cpuset *cpus)
{
	bool *has = xcalloc(t->nodes + 1, sizeof *has);

	for (unsigned c = mscg_cpuset_next(cpus, 0); c < MSCG_CPUS_MAX; c = mscg_cpuset_next(cpus, c + 1))
		if (t->node_of[c])
			has[t->node_of[c] - 1] = true;
	return has;
}

char *topology_nodes(const struct topology *t, const struct mscg_cpuset *cpus)
{
	_cleanup_free_ bool *has = nodes_of(t, cpus);
	_cleanup_buf_ struct buf b = {0};
	uint32_t ranges = 0, first = 0, last = 0;

	for (uint32_t i = 0; i < t->nodes; i++) {
		if (!has[i])
			continue;
		first = i;
		while (has[i + 1])
			i++;
		last = i;
		buf_addf(&b, last > first ? "%s%u-%u" : "%s%u", ranges++ ? "," : "", first + 1, last + 1);
	}
	if (!ranges)
		return NULL;
	return ranges == 1 && first == last ? xasprintf("node%s", b.data) : xasprintf("node[%s]", b.data);
}

/* Whether one of two switches is the other, or above it. */
static bool covers(const struct topology *t, uint32_t above, uint32_t s)
{
	while (s != above && t->switches[s].up != s)
		s = t->switches[s].up;
	return s == above;
}

char **topology_leaves(const struct topology *t, const struct mscg_cpuset *cpus, const char **ret_common)
{
	_cleanup_free_ bool *has = nodes_of(t, cpus), *below = xcalloc(t->n, sizeof *below);
	uint32_t common = UINT32_MAX, n = 0;
	char **names;

	for (uint32_t i = 0; i < t->nodes; i++)
		if (has[i])
			below[t->leaf[i]] = true;
	for (uint32_t s = 0; s < t->n; s++) {
		if (!below[s])
			continue;
		n++;
		if (common == UINT32_MAX)
			common = s;
		while (!covers(t, common, s))
			common = t->switches[common].up;
	}
	if (!n)
		return NULL;
	*ret_common = t->names[common];
	names = xcalloc(n + 1, sizeof *names);
	n = 0;
	for (uint32_t s = 0; s < t->n; s++)
		if (below[s])
			names[n++] = xstrdup(t->names[s]);
	return names;
}

char *topology_describe(const struct topology *t)
{
	uint32_t levels = 0;

	for (uint32_t s = 0; s < t->n; s++) {
		uint32_t depth = 1;

		for (uint32_t at = s; t->switches[at].up != at; at = t->switches[at].up)
			depth++;
		levels = MAX_OF(levels, depth);
	}
	return xasprintf("%u node%s below %u switch%s in %u level%s, from %s", t->nodes, t->nodes == 1 ? "" : "s", t->n,
	                 t->n == 1 ? "" : "es", levels, levels == 1 ? "" : "s", t->path);
}
