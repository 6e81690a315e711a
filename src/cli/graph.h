/* graph.h: jobs and what they wait for. */
#ifndef CLI_GRAPH_H
#define CLI_GRAPH_H

#include "cli.h"
#include "src/base/depend.h"

struct graph_edge {
	struct depend on; /* as asked, or found for singleton */
	bool any;         /* one of those of its job is enough */
	bool waits;       /* it is still waited for */
};

struct graph_node {
	uint32_t      id;  /* an array is one node, with its tasks */
	const json_t *job; /* null: not there any more, or not to be seen */
	struct graph_edge *edge; /* what it waits for */
	uint32_t      edges, edges_cap;
};

struct graph {
	struct graph_node *node; /* by number */
	uint32_t n;
	json_t  *jobs; /* owns what the nodes point to */
};

/* graph_find.c: the pipelines of `ids` (json array of texts), or without them of all that have not ended. 0, or -errno with text. */
int  graph_find(struct mscg *m, json_t *ids, struct graph *ret, struct mscg_error *error);
void graph_clear(struct graph *g);
const struct graph_node *graph_node(const struct graph *g, uint32_t id); /* NULL: not in it */

#endif
