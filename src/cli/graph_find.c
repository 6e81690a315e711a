/* The pipelines that jobs belong to: whom they wait for, who waits for those, and so on until nobody is new. */
#include <inttypes.h>

#include "graph.h"
#include "list.h"

/* Objects by number of the job, as text. */
struct finding {
	struct mscg *m;
	json_t *in;     /* in the graph; null: there is no such job to be seen */
	json_t *known;  /* all that wait or waited for something, of those listed */
	int64_t since;  /* the list goes back to here */
	struct mscg_error *error;
};

static const char *const fields[] = {"depends_on", "dependency"};

static char *key_of(uint32_t job, char text[16])
{
	snprintf(text, 16, "%" PRIu32, job);
	return text;
}

/* Calls `each` for every job that it waits or waited for. */
static void each_on(const json_t *job, void (*each)(struct finding *f, const struct depend *on, void *ctx), struct finding *f, void *ctx)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		const char *text = jtext(job, fields[i], NULL);
		struct depends d;

		if (!text || mscg_depends_parse(text, &d, NULL) < 0)
			continue;
		for (uint32_t k = 0; k < d.n; k++)
			if (d.on[k].id.job)
				each(f, &d.on[k], ctx);
		mscg_depends_clear(&d);
	}
}

static bool keep_known(json_t *job, void *ctx)
{
	struct finding *f = ctx;
	char key[16];

	if (!jhas(job, "array_task_id") && (jhas(job, fields[0]) || jhas(job, fields[1])))
		json_object_set(f->known, key_of((uint32_t)jint(job, "job_id", 0), key), job);
	return true;
}

static bool keep_in(json_t *job, void *ctx)
{
	struct finding *f = ctx;
	char key[16];

	json_object_set(f->in, key_of((uint32_t)jint(job, "job_id", 0), key), job);
	return true;
}

static void note_missing(struct finding *f, const struct depend *on, void *ctx)
{
	char key[16];

	key_of(on->id.job, key);
	if (json_object_get(f->in, key))
		return;
	json_object_set_new(f->in, key, json_null());
	json_array_append_new(ctx, json_string(key));
}

/* Whom those in the graph wait for, and whom these do. */
static int add_awaited(struct finding *f)
{
	for (;;) {
		json_t *missing = json_array(), *job, *jobs = json_copy(f->in);
		struct list_filter filter = {.ids = missing};
		const char *key;
		int r = 0;

		json_object_foreach(jobs, key, job)
			each_on(job, note_missing, f, missing);
		json_decref(jobs);
		if (json_array_size(missing))
			r = list_jobs(f->m, &filter, keep_in, f, f->error);
		if (r < 0 || !json_array_size(missing)) {
			json_decref(missing);
			return r;
		}
		json_decref(missing);
	}
}

static void note_in(struct finding *f, const struct depend *on, void *ctx)
{
	char key[16];

	*(bool *)ctx |= json_object_get(f->in, key_of(on->id.job, key)) != NULL;
}

/* Who waits for one in the graph. */
static bool add_waiting(struct finding *f)
{
	bool more = false;
	const char *key;
	json_t *job;

	json_object_foreach(f->known, key, job) {
		bool waits = false;

		if (json_object_get(f->in, key))
			continue;
		each_on(job, note_in, f, &waits);
		if (waits)
			json_object_set(f->in, key, job);
		more |= waits;
	}
	return more;
}

static int64_t first_submitted(const struct finding *f)
{
	int64_t first = INT64_MAX;
	const char *key;
	json_t *job;

	json_object_foreach(f->in, key, job)
		if (jtime(job, "submit_time"))
			first = MIN_OF(first, jtime(job, "submit_time"));
	return first;
}

/* Who waits is submitted after those that it waits for, so the list need not go back further than the first of them. */
static int grow(struct finding *f)
{
	int r = add_awaited(f);

	while (r == 0) {
		struct list_filter filter = {.since_usec = first_submitted(f)};

		if (filter.since_usec < f->since) {
			r = list_jobs(f->m, &filter, keep_known, f, f->error);
			f->since = filter.since_usec;
		}
		if (r < 0 || !add_waiting(f))
			break;
		r = add_awaited(f);
	}
	return r;
}

/* "12_3" is its array. */
static int add_named(struct finding *f, const json_t *ids)
{
	json_t *id, *arrays = json_array();
	struct list_filter filter = {.ids = arrays};
	int r = 0;
	size_t i;

	json_array_foreach(ids, i, id) {
		json_t *reply = NULL;
		char key[16];

		r = mscg_call_json(f->m, "Show", json_pack("{s:O}", "id", id), &reply, f->error);
		if (r < 0)
			break;
		json_array_append_new(arrays, json_string(key_of((uint32_t)jint(json_object_get(reply, "job"), "job_id", 0), key)));
		json_decref(reply);
	}
	if (r == 0)
		r = list_jobs(f->m, &filter, keep_in, f, f->error);
	json_decref(arrays);
	return r;
}

static int add_all(struct finding *f)
{
	struct list_filter filter = {.active = true};
	int r = list_jobs(f->m, &filter, keep_known, f, f->error);

	json_object_update(f->in, f->known);
	return r < 0 ? r : add_awaited(f);
}

/* -- what was found ----------------------------------------------------------------------------------------------- */

static bool same(const struct depend *a, const struct depend *b)
{
	return a->kind == b->kind && mscg_id_equal(a->id, b->id);
}

static void add_edge(struct graph_node *node, const struct depend *on, bool any)
{
	for (uint32_t i = 0; i < node->edges; i++)
		if (same(&node->edge[i].on, on))
			return;
	GROW(node->edge, node->edges, node->edges_cap);
	node->edge[node->edges++] = (struct graph_edge){.on = *on, .any = any};
}

/* What of it is left is in the second. */
static void add_edges(struct graph_node *node)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		const char *text = jtext(node->job, fields[i], NULL);
		struct depends d;

		if (!text || mscg_depends_parse(text, &d, NULL) < 0)
			continue;
		for (uint32_t k = 0; k < d.n; k++) {
			if (d.on[k].id.job)
				add_edge(node, &d.on[k], d.any);
			for (uint32_t e = 0; i == 1 && e < node->edges; e++)
				if (same(&node->edge[e].on, &d.on[k])) {
					node->edge[e].on = d.on[k];
					node->edge[e].waits = true;
				}
		}
		mscg_depends_clear(&d);
	}
}

static int by_number(const void *a, const void *b)
{
	const struct graph_node *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static void make_nodes(struct graph *g)
{
	const char *key;
	json_t *job;

	g->node = xcalloc(json_object_size(g->jobs) + 1, sizeof *g->node);
	json_object_foreach(g->jobs, key, job) {
		struct graph_node *node = &g->node[g->n++];

		node->id = (uint32_t)strtoul(key, NULL, 10);
		node->job = job;
		add_edges(node);
	}
	qsort(g->node, g->n, sizeof *g->node, by_number);
}

const struct graph_node *graph_node(const struct graph *g, uint32_t id)
{
	const struct graph_node key = {.id = id};

	return bsearch(&key, g->node, g->n, sizeof *g->node, by_number);
}

int graph_find(struct mscg *m, json_t *ids, struct graph *ret, struct mscg_error *error)
{
	struct finding f = {.m = m, .in = json_object(), .known = json_object(), .since = INT64_MAX, .error = error};
	int r = ids ? add_named(&f, ids) : add_all(&f);

	if (r == 0 && ids)
		r = grow(&f);
	json_decref(f.known);
	if (r < 0) {
		json_decref(f.in);
		return r;
	}
	*ret = (struct graph){.jobs = f.in};
	make_nodes(ret);
	return 0;
}

void graph_clear(struct graph *g)
{
	for (uint32_t i = 0; i < g->n; i++)
		free(g->node[i].edge);
	free(g->node);
	json_decref(g->jobs);
	*g = (struct graph){0};
}
