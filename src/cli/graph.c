/* mscg graph: a pipeline as text, for Graphviz, and as JSON. */
#include <inttypes.h>

#include "graph.h"
#include "src/base/buf.h"

enum { INDENT_MAX = 20 };

struct graph_options {
	bool dot;
};

static const char *const kinds[] = {
#define X(name, label) [DEPEND_##name] = label,
	DEPEND_KINDS(X)
#undef X
};

static char *on_text(const struct depend *on)
{
	char id[MSCG_ID_TEXT];
	_cleanup_buf_ struct buf b = {0};

	buf_addf(&b, "%s:%s", kinds[on->kind], mscg_id_format(on->id, id));
	if (on->delay_min)
		buf_addf(&b, "+%" PRIu32, on->delay_min);
	if (on->failed)
		buf_adds(&b, "(failed)");
	return buf_steal(&b);
}

/* -- text -------------------------------------------------------------------------------------------------------- */

static void add_state(struct table *table, const struct graph_node *node)
{
	const char *state = jtext(node->job, "state", "?"), *reason = jtext(node->job, "reason", NULL);
	int64_t tasks = jint(node->job, "array_tasks", 0), ended = jint(node->job, "array_ended", 0);

	if (tasks && ended && ended < tasks)
		table_cell(table, "%s, %lld of %lld tasks ended", state, (long long)ended, (long long)tasks);
	else if (streq(state, "PENDING") && reason)
		table_cell(table, "%s (%s)", state, reason);
	else
		table_text(table, state);
}

static void add_waits(struct table *table, const struct graph_node *node)
{
	_cleanup_buf_ struct buf b = {0};

	for (uint32_t i = 0; i < node->edges; i++) {
		_cleanup_free_ char *text = on_text(&node->edge[i].on);

		buf_addf(&b, "%s%s", i ? node->edge[i].any ? " ? " : ", " : "", text);
	}
	table_text(table, b.data ? b.data : "");
}

/* Below the last of those that it waits for. */
static uint32_t parent_of(const struct graph *g, const struct graph_node *node)
{
	uint32_t parent = 0;

	for (uint32_t i = 0; i < node->edges; i++)
		if (node->edge[i].on.id.job < node->id && graph_node(g, node->edge[i].on.id.job))
			parent = MAX_OF(parent, node->edge[i].on.id.job);
	return parent;
}

struct tree {
	const struct graph *g;
	uint32_t *first, *next; /* child, sibling: index + 1 */
	struct table *table;
};

static void print_node(struct tree *t, uint32_t at, int depth)
{
	const struct graph_node *node = &t->g->node[at];

	table_cell(t->table, "%*s%" PRIu32, MIN_OF(depth, INDENT_MAX) * 2, "", node->id);
	table_text(t->table, jtext(node->job, "name", "?"));
	add_state(t->table, node);
	add_waits(t->table, node);
	for (uint32_t child = t->first[at]; child; child = t->next[child - 1])
		print_node(t, child - 1, depth + 1);
}

static void print_text(const struct graph *g)
{
	static const struct table_column columns[] = {{"JOB", 3, 0, false}, {"NAME", 4, 40, false}, {"STATE", 5, 0, false}, {"WAITS FOR", 0, 0, false}, {0}};
	_cleanup_free_ uint32_t *first = xcalloc(g->n, sizeof *first), *next = xcalloc(g->n, sizeof *next);
	struct tree t = {.g = g, .first = first, .next = next, .table = table_new(columns, true)};

	for (uint32_t i = g->n; i-- > 0;) {
		uint32_t parent = parent_of(g, &g->node[i]);

		if (!parent)
			continue;
		parent = (uint32_t)(graph_node(g, parent) - g->node);
		next[i] = first[parent];
		first[parent] = i + 1;
	}
	for (uint32_t i = 0; i < g->n; i++)
		if (!parent_of(g, &g->node[i]))
			print_node(&t, i, 0);
	table_end(t.table);
}

/* -- DOT --------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *state, *color;
} colors[] = {{"PENDING", "white"}, {"RUNNING", "lightblue"}, {"COMPLETING", "lightblue"}, {"SUSPENDED", "lightblue"}, {"COMPLETED", "palegreen"}};

static const char *color_of(const char *state)
{
	for (size_t i = 0; i < ARRAY_SIZE(colors); i++)
		if (streq(state, colors[i].state))
			return colors[i].color;
	return "lightpink"; /* it has ended, and not well */
}

/* In quotes: only these two mean something there. */
static void print_quoted(const char *text)
{
	char copy[256];

	for (const char *c = plain(text, copy, sizeof copy); *c; c++)
		printf("%s%c", *c == '"' || *c == '\\' ? "\\" : "", *c);
}

static void print_dot_edge(const struct graph_node *node, const struct graph_edge *e)
{
	printf("  \"%" PRIu32 "\" -> \"%" PRIu32 "\" [label=\"%s", e->on.id.job, node->id, kinds[e->on.kind]);
	if (e->on.id.task != MSCG_NO_TASK)
		printf(" _%" PRIu32, e->on.id.task);
	if (e->on.delay_min)
		printf(" +%" PRIu32, e->on.delay_min);
	printf("\"%s%s];\n", e->any ? ", style=dashed" : "", e->on.failed ? ", color=red" : e->waits ? "" : ", color=gray");
}

static void print_dot(const struct graph *g)
{
	puts("digraph jobs {\n  rankdir=LR;\n  node [shape=box, style=filled];");
	for (uint32_t i = 0; i < g->n; i++) {
		const struct graph_node *node = &g->node[i];
		const char *state = jtext(node->job, "state", "?");

		printf("  \"%" PRIu32 "\" [label=\"%" PRIu32 " ", node->id, node->id);
		print_quoted(jtext(node->job, "name", ""));
		printf("\\n%s\", fillcolor=%s];\n", state, streq(state, "?") ? "gray" : color_of(state));
	}
	for (uint32_t i = 0; i < g->n; i++)
		for (uint32_t k = 0; k < g->node[i].edges; k++)
			print_dot_edge(&g->node[i], &g->node[i].edge[k]);
	puts("}");
}

/* -- JSON -------------------------------------------------------------------------------------------------------- */

static json_t *edge_json(const struct graph_node *node, const struct graph_edge *e)
{
	char job[16], on[MSCG_ID_TEXT];

	snprintf(job, sizeof job, "%" PRIu32, node->id);
	return json_pack("{s:s, s:s, s:s, s:i, s:b, s:b, s:b}", "job", job, "on", mscg_id_format(e->on.id, on), "kind", kinds[e->on.kind],
	                 "delay_minutes", (int)e->on.delay_min, "any", e->any, "waits", e->waits, "failed", e->on.failed);
}

static json_t *node_json(const struct graph_node *node)
{
	static const char *const keys[] = {"name", "user", "state", "reason", "exit_code", "array_tasks", "array_ended", "depends_on", "dependency",
	                                   "submit_time", "start_time", "end_time"};
	json_t *o = json_object();

	json_object_set_new(o, "id", json_sprintf("%" PRIu32, node->id));
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		json_t *value = json_object_get(node->job, keys[i]);

		json_object_set_new(o, keys[i], value ? json_incref(value) : json_null());
	}
	return o;
}

static void print_graph_json(const struct graph *g)
{
	json_t *jobs = json_array(), *edges = json_array(), *o;

	for (uint32_t i = 0; i < g->n; i++) {
		json_array_append_new(jobs, node_json(&g->node[i]));
		for (uint32_t k = 0; k < g->node[i].edges; k++)
			json_array_append_new(edges, edge_json(&g->node[i], &g->node[i].edge[k]));
	}
	o = json_pack("{s:o, s:o}", "jobs", jobs, "dependencies", edges);
	print_json(o);
	json_decref(o);
}

static int graph_run(struct cli *cli, void *options, char **words)
{
	const struct graph_options *o = options;
	json_t *ids = words[0] ? cli_job_ids(cli, words) : NULL;
	struct mscg_error error = {0};
	struct graph g = {0};
	struct mscg *m;
	int r;

	if (words[0] && !ids)
		return CLI_USAGE;
	if (o->dot && cli->json) {
		json_decref(ids);
		return cli_usage(cli, "graph: --dot beside --json: expected one of them");
	}
	r = cli_connect(cli, CONNECT_ONCE, &m);
	if (r == 0) {
		r = graph_find(m, ids, &g, &error) < 0 ? cli_fail(&error) : 0;
		mscg_close(m);
	}
	json_decref(ids);
	if (r)
		return r;
	if (cli->json)
		print_graph_json(&g);
	else if (o->dot)
		print_dot(&g);
	else
		print_text(&g);
	graph_clear(&g);
	return CLI_OK;
}

static const struct option_spec graph_options[] = {
	{0, "dot", NULL, "print it for Graphviz (dot -Tsvg)", value_true, offsetof(struct graph_options, dot)},
	{0},
};

const struct verb verb_graph = {
	.name = "graph",
	.summary = "Print jobs and what they wait for",
	.words = "[JOB...]",
	.about = "Prints the pipelines that the jobs belong to: whom they wait for (--dependency), who waits for those, and so on; ended\n"
	         "ones too. Without jobs, all that have not ended and were told to wait for something, with whom they wait for. A job\n"
	         "stands below the last of those that it waits for; an array is one job.",
	.examples = "  mscg graph\n  mscg graph 12\n  mscg graph --dot 12 | dot -Tsvg > pipeline.svg\n"
	            "  mscg graph --json | jq '.dependencies[] | select(.waits)'",
	.run = graph_run,
	.options = graph_options,
	.size = sizeof(struct graph_options),
	.words_max = -1,
	.values = VALUES_JOB,
};
