/* What came of simulations. */
#include "outcome.h"

static json_t *to_json(const struct outcome *o)
{
	const struct sim_result *r = &o->result;

	return json_pack("{s:s, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:I, s:I, s:I}", "policy", o->name, "jobs",
	                 (json_int_t)r->jobs, "refused", (json_int_t)r->refused, "waiting", (json_int_t)r->waiting, "makespan_seconds", r->makespan_s,
	                 "utilisation", r->utilisation, "lost_cpu_seconds", r->lost_cpu_s, "mean_wait_seconds", r->wait_mean_s,
	                 "p95_wait_seconds", r->wait_p95_s, "max_wait_seconds", r->wait_max_s, "mean_bounded_slowdown", r->slowdown_mean,
	                 "fairness", r->fairness, "resizes", (json_int_t)r->resizes, "shrunk", (json_int_t)r->shrunk, "suspended",
	                 (json_int_t)r->suspended, "requeued", (json_int_t)r->requeued, "cancelled", (json_int_t)r->cancelled, "steps",
	                 (json_int_t)r->steps);
}

static void print_table(const struct outcome *outcomes, int n, bool preempts)
{
	static const struct table_column columns[] = {
		{"POLICY", 8, 0, false}, {"JOBS", 7, 0, true}, {"MAKESPAN", 11, 0, true}, {"USED", 6, 0, true}, {"WAIT", 11, 0, true},
		{"WAIT-95%", 11, 0, true}, {"SLOWDOWN", 8, 0, true}, {"FAIRNESS", 8, 0, true}, {"RESIZES", 8, 0, true},
		{"SHRUNK", 6, 0, true}, {"SUSPENDED", 6, 0, true}, {"REQUEUED", 6, 0, true}, {"CANCELLED", 6, 0, true}, {0},
	};
	struct table_column shown[ARRAY_SIZE(columns)];
	struct table *t;
	char a[64];

	memcpy(shown, columns, sizeof shown);
	if (!preempts)
		shown[ARRAY_SIZE(shown) - 5] = (struct table_column){0};
	t = table_new(shown, true);
	for (int i = 0; i < n; i++) {
		const struct sim_result *r = &outcomes[i].result;

		table_text(t, outcomes[i].name);
		table_cell(t, "%u", r->jobs);
		table_text(t, text_elapsed(r->makespan_s, a, sizeof a));
		table_cell(t, "%.1f%%", r->utilisation * 100);
		table_text(t, text_elapsed(r->wait_mean_s, a, sizeof a));
		table_text(t, text_elapsed(r->wait_p95_s, a, sizeof a));
		table_cell(t, "%.2f", r->slowdown_mean);
		table_cell(t, "%.3f", r->fairness);
		table_cell(t, "%llu", (unsigned long long)r->resizes);
		for (size_t k = 0; preempts && k < 4; k++)
			table_cell(t, "%llu", (unsigned long long)(const uint64_t[]){r->shrunk, r->suspended, r->requeued, r->cancelled}[k]);
	}
	table_end(t);
}

/* What the table does not say. */
static void print_notes(const struct outcome *o)
{
	const struct sim_result *r = &o->result;

	if (r->refused)
		cli_error("simulate: %s: %u of the jobs refused; the first, job %u by submission: %s", o->name, r->refused, r->first_refused + 1, r->refusal);
	if (r->waiting)
		cli_error("simulate: %s: %u of the jobs never start, or never go on", o->name, r->waiting);
}

void outcomes_print(const struct outcome *outcomes, int n, bool json, bool preempts)
{
	json_t *object;

	for (int i = 0; i < n; i++)
		print_notes(&outcomes[i]);
	if (!json) {
		print_table(outcomes, n, preempts);
		return;
	}
	object = json_pack("{s:[]}", "results");
	for (int i = 0; i < n; i++)
		json_array_append_new(json_object_get(object, "results"), to_json(&outcomes[i]));
	print_json(object);
	json_decref(object);
}
