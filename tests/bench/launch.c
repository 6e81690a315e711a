/* launch: jobs one after the other through the local engine alone: no client, no scheduler, no database. What a launch by
 * mscg costs, to be compared with that of a container runtime: cgroup, limits, sandbox, supervisor, reaping, accounting,
 * removal.
 *
 *     launch N ISOLATE PROGRAM CGROUP DIR [UID]
 *
 * Prints {"mean", "p50", "p99"}: microseconds for one, from START to the removed cgroup. */
#include <poll.h>

#include "common.h"
#include "src/base/base.h"
#include "src/engine/local.h"

struct bench {
	struct engine *engine;
	enum mscg_report_kind said;
	int32_t exit_code;
	char text[160];
};

static void on_report(void *ctx, struct mscg_report *report)
{
	struct bench *b = ctx;

	if (report->kind != MSCG_REPORT_EXITED) /* what matters comes after */
		b->said = report->kind;
	if (report->kind == MSCG_REPORT_ENDED)
		b->exit_code = report->exit_code;
	snprintf(b->text, sizeof b->text, "%s", report->text);
	mscg_report_clear(report);
}

static void on_log(void *ctx, int priority, const char *text)
{
	(void)ctx;
	(void)priority;
	fprintf(stderr, "launch: %s\n", text);
}

static void run(struct bench *b, uint32_t number, const struct mscg_spec *spec, const struct mscg_grant *grant)
{
	struct mscg_action action = { .kind = MSCG_ACTION_START, .id = { number, MSCG_NO_TASK }, .attempt = 1 };

	action.grant = mscg_grant_copy(grant);
	b->said      = MSCG_REPORT_COUNT;
	b->engine->ops->start(b->engine, &action, spec, -1);
	while (b->said != MSCG_REPORT_ENDED) {
		struct pollfd p = { .fd = b->engine->ops->fd(b->engine), .events = POLLIN };
		poll(&p, 1, -1);
		b->engine->ops->dispatch(b->engine);
		if (b->exit_code || b->said == MSCG_REPORT_START_FAILED || b->said == MSCG_REPORT_START_DEFERRED) {
			fprintf(stderr, "launch: exit code %d: %s\n", b->exit_code, b->text);
			exit(1);
		}
	}
	action.kind  = MSCG_ACTION_REMOVE;
	action.state = MSCG_STATE_COMPLETED;
	b->engine->ops->remove(b->engine, &action);
	mscg_action_clear(&action);
}

int main(int argc, char **argv)
{
	long n = argc > 5 ? strtol(argv[1], NULL, 10) : 0;
	struct bench b = { .engine = NULL };
	struct mscg_error error;
	struct mscg_cpuset allowed;
	char **warnings = NULL;

	if (n < 1 || *argv[3] != '/') {
		fprintf(stderr, "usage: launch N ISOLATE PROGRAM CGROUP DIR [UID]\n");
		return 2;
	}
	struct local_config config = {
		.runtime_dir = argv[5], .cgroup_root = argv[4], .instance = "00000000-0000-0000-0000-000000000001", .slots = 64, .spare = 2,
		.isolate = argv[2], .warn_only = true, .unkillable_timeout_s = 60,
	};
	if (local_open(&b.engine, &config, &allowed, &warnings, &error) < 0) {
		fprintf(stderr, "launch: %s\n", error.text);
		return 1;
	}
	b.engine->report = on_report;
	b.engine->log    = on_log;
	b.engine->ctx    = &b;
	b.engine->ops->adopt_done(b.engine);

	struct mscg_spec *spec = mscg_spec_new();
	char *job[] = { argv[3], NULL };
	spec->argv        = strv_copy(job);
	spec->workdir     = xstrndup(argv[3], (size_t)(strrchr(argv[3], '/') - argv[3]));
	spec->stdout_path = xstrdup("/dev/null");
	spec->uid = spec->gid = argc > 6 ? (uint32_t)strtoul(argv[6], NULL, 10) : (uint32_t)getuid();
	struct mscg_grant *grant = mscg_grant_new(1);
	grant->cpu_mode           = MSCG_CPUS_QUOTA;
	grant->share[0].node      = xstrdup("here");
	grant->share[0].cpu_milli = 1000;
	grant->share[0].mem_bytes = 32 << 20;

	double *took = xcalloc((size_t)n, sizeof *took), sum = 0;
	for (long i = -10; i < n; i++) { /* the first ones make supervisors */
		double begin = now_usec();
		run(&b, (uint32_t)(i + 11), spec, grant);
		if (i >= 0)
			sum += took[i] = now_usec() - begin;
	}
	qsort(took, (size_t)n, sizeof *took, by_value);
	printf("{\"mean\": %.1f, \"p50\": %.1f, \"p99\": %.1f}\n", sum / (double)n, took[n / 2], took[n * 99 / 100]);
	b.engine->ops->close(b.engine);
	mscg_grant_free(grant);
	mscg_spec_free(spec);
	strv_free(warnings);
	free(took);
	return 0;
}
