/* topology.h: which cores are close, from a file in the syntax of Slurm's topology.conf. Each core that jobs may have is
 * a node, node1 to nodeN in hwloc's order; switches are above them, as a tree. */
#ifndef DAEMON_TOPOLOGY_H
#define DAEMON_TOPOLOGY_H

#include "src/base/base.h"
#include "src/core/core.h"

enum {
	TOPOLOGY_FILE_MAX = 1 << 20,
	TOPOLOGY_SWITCHES_MAX = 8192,
	TOPOLOGY_LEVELS_MAX = 16, /* of switches, one above the other */
};

struct topology {
	char               *path; /* "default": four nodes a leaf */
	struct core_switch *switches;
	char              **names; /* of these */
	uint32_t            n;
	uint32_t            nodes;
	uint16_t           *leaf; /* by node, node1 first: its switch */
	uint16_t            node_of[MSCG_CPUS_MAX]; /* by CPU: 1 is node1; 0: of none */
};

/* What the text says of a machine with so many nodes. 0 and *ret, which is NULL where it says topology/flat; -EINVAL
 * with text that names path, line and column. */
int  topology_parse(const char *path, const char *text, size_t size, uint32_t nodes, struct topology **ret, struct mscg_error *error);
void topology_free(struct topology *topology);

/* The file at path, or for "default" four nodes a leaf and one switch above them. */
int  topology_load(const char *path, uint32_t nodes, struct topology **ret, struct mscg_error *error);

/* Numbers the nodes of these CPUs and sets the leaf of each. With `fresh` as they come; otherwise those known keep their
 * number, and new ones get none. Returns how many CPUs there are that have none: they are in *ret. */
uint32_t topology_count_nodes(const struct core_cpu *cpus, uint32_t n);
uint32_t topology_place(struct topology *topology, struct core_cpu *cpus, uint32_t n, bool fresh, struct mscg_cpuset *ret);

/* "node[1-2,5]", malloc'ed; NULL when none of the CPUs is of a node. */
char *topology_nodes(const struct topology *topology, const struct mscg_cpuset *cpus);
/* Names of the leaves that these CPUs are below, and the lowest switch above all of them. NULL when there is none. */
char **topology_leaves(const struct topology *topology, const struct mscg_cpuset *cpus, const char **ret_common);
/* "8 nodes below 3 switches in 2 levels, from PATH", malloc'ed */
char *topology_describe(const struct topology *topology);

#endif
