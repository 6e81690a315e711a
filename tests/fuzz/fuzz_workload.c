/* libFuzzer: workloads, as JSON lines and in the Standard Workload Format. What is accepted keeps to what its header says, and can
 * be simulated. */
#include "src/cli/workload.h"
#include "tests/fuzz/fuzz.h"

static bool is_small(const struct sim_workload *w)
{
	for (uint32_t i = 0; i < w->n; i++)
		if (w->jobs[i].min_cpus > 64)
			return false;
	return w->n <= 64;
}

static void simulate(struct sim_workload *w)
{
	struct sim_options o = {.scheduler = CORE_EASY, .elastic = true, .elastic_threshold = 100, .cpus = 64, .mem_bytes = (uint64_t)1 << 62};
	struct core_gres gres[CORE_GRES_MAX];
	struct mscg_error e = {0};
	struct sim_result r;

	o.gres = gres;
	if (w->gres && sim_gres_parse(w->gres, gres, &o.gres_n, &e) < 0)
		__builtin_trap();
	if (sim_run(w, &o, &r, &e) < 0)
		__builtin_trap();
	MUST(r.jobs + r.refused + r.waiting == w->n && r.utilisation < 1 + 1e-6);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct sim_workload w = {0};
	struct mscg_error e = {0};
	uint32_t skipped;

	if ((workload_is_json(text) ? workload_read_json(text, &w, &e) : sim_read_swf(text, &w, &skipped, &e)) < 0) {
		MUST(e.text[0] && strlen(e.text) < sizeof e.text);
	} else {
		for (uint32_t i = 0; i < w.n; i++) {
			const struct sim_job *j = &w.jobs[i];

			MUST(1 <= j->min_cpus && j->min_cpus <= j->cpus && j->cpus <= j->max_cpus && j->run_seconds >= 0);
			MUST(!i || w.jobs[i - 1].submit_usec <= j->submit_usec);
		}
		if (is_small(&w))
			simulate(&w);
		sim_workload_free(&w);
	}
	free(text);
	return 0;
}
