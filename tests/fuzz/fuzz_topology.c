/* libFuzzer: topology files. What is accepted is a tree, with each node below one of its leaves, and jobs can be placed on
 * it; what is not says where and why. */
#include "src/base/base.h"
#include "src/core/place.h"
#include "src/daemon/topology.h"
#include "tests/fuzz/fuzz.h"

enum { NODES = 12 };

static void check_tree(const struct topology *t)
{
	unsigned tops = 0;

	for (uint32_t s = 0; s < t->n; s++) {
		uint32_t at = s, levels = 1;

		MUST(t->switches[s].up < t->n && t->names[s][0]);
		for (; t->switches[at].up != at; at = t->switches[at].up)
			MUST(++levels <= TOPOLOGY_LEVELS_MAX);
		tops += at == s;
	}
	MUST(tops == 1);
	for (uint32_t i = 0; i < t->nodes; i++)
		MUST(t->leaf[i] < t->n);
}

static void check_place(struct topology *t)
{
	struct core_cpu cpus[NODES];
	struct mscg_cpuset set = {0};
	const char *common = NULL;
	struct place p;
	char **leaves, *text;

	for (unsigned i = 0; i < NODES; i++)
		cpus[i] = (struct core_cpu){.cpu = (uint16_t)i, .core = (uint16_t)i};
	MUST(topology_place(t, cpus, NODES, true, &set) == 0);
	place_init(&p, &(struct core_machine){.cpus = cpus, .ncpus = NODES, .switches = t->switches, .nswitches = t->n});
	MUST(place_pick(&p, NODES / 2, &set) == 0 && mscg_cpuset_count(&set) == NODES / 2);
	MUST((text = topology_nodes(t, &set)) && (leaves = topology_leaves(t, &set, &common)) && common);
	MUST(place_pick(&p, NODES / 2, &set) == 0 && mscg_cpuset_count(&set) == NODES);
	place_clear(&p);
	strv_free(leaves);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mscg_error e = {0};
	struct topology *t;

	if (topology_parse("FILE", (const char *)data, size, NODES, &t, &e) < 0) {
		MUST(!t && strncmp(e.text, "FILE:", 5) == 0 && strlen(e.text) < sizeof e.text && !strchr(e.text, '\n'));
		return 0;
	}
	if (!t)
		return 0;
	check_tree(t);
	check_place(t);
	topology_free(t);
	return 0;
}
