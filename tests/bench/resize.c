/* resize: a running job is made larger and smaller, CPUs and memory, through the local engine alone; and in turn the same
 * files of the same cgroup are written to by hand. Needs the cpuset and memory controllers, and two CPUs.
 *
 *     resize N PROGRAM CGROUP DIR
 *
 * Prints {"resize", "raw"}: microseconds, medians. A resize is from the order to its report: written, read back, told. */
#include <fcntl.h>
#include <poll.h>

#include "common.h"
#include "src/base/base.h"
#include "src/engine/local.h"

enum { SIZES = 2 };

static const char *const cpus[SIZES] = { "0-1", "0" }, *const memory[SIZES] = { "134217728", "67108864" };
static struct engine *engine;
static enum mscg_report_kind said;
static char why[160];

static void on_report(void *ctx, struct mscg_report *report)
{
	(void)ctx;
	said = report->kind;
	snprintf(why, sizeof why, "%s", report->text);
	mscg_report_clear(report);
}

static void on_log(void *ctx, int priority, const char *text)
{
	(void)ctx;
	(void)priority;
	fprintf(stderr, "resize: %s\n", text);
}

static void until(enum mscg_report_kind kind)
{
	for (said = MSCG_REPORT_COUNT; said != kind;) {
		struct pollfd p = { .fd = engine->ops->fd(engine), .events = POLLIN };
		poll(&p, 1, -1);
		engine->ops->dispatch(engine);
		if (said != MSCG_REPORT_COUNT && said != kind && said != MSCG_REPORT_STARTED) {
			fprintf(stderr, "resize: not what was asked for: %s\n", why);
			exit(1);
		}
	}
}

static void write_raw(const char *cgroup, const char *file, const char *text)
{
	char path[512];

	snprintf(path, sizeof path, "%s/job_1/%s", cgroup, file);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fail(path);
	close(fd);
}

/* Of all that a resize of CPUs and memory changes; the kernel refuses a quota below the burst. */
static void write_all(const char *cgroup, int size)
{
	write_raw(cgroup, "memory.max", memory[size]);
	write_raw(cgroup, "cpuset.cpus", cpus[size]);
	write_raw(cgroup, "cpu.max.burst", "0");
	write_raw(cgroup, "cpu.max", size ? "100000 100000" : "200000 100000");
	write_raw(cgroup, "cpu.max.burst", size ? "100000" : "200000");
}

int main(int argc, char **argv)
{
	long n = argc == 5 ? strtol(argv[1], NULL, 10) : 0;
	struct mscg_error error;
	struct mscg_cpuset allowed;
	char **warnings = NULL, *job[] = { argv[2], "100000", NULL };
	struct mscg_grant *grant[SIZES];

	if (n < 1) {
		fprintf(stderr, "usage: resize N PROGRAM CGROUP DIR\n");
		return 2;
	}
	struct local_config config = {
		.runtime_dir = argv[4], .cgroup_root = argv[3], .instance = "00000000-0000-0000-0000-000000000001", .slots = 64, .spare = 1,
		.isolate = "none", .unkillable_timeout_s = 60,
	};
	if (local_open(&engine, &config, &allowed, &warnings, &error) < 0) {
		fprintf(stderr, "resize: %s\n", error.text);
		return 1;
	}
	engine->report = on_report;
	engine->log    = on_log;
	engine->ops->adopt_done(engine);
	for (int i = 0; i < SIZES; i++) {
		grant[i] = mscg_grant_new(1);
		grant[i]->cpu_mode           = MSCG_CPUS_EXCLUSIVE;
		grant[i]->share[0].node      = xstrdup("here");
		grant[i]->share[0].cpu_milli = i ? 1000 : 2000;
		grant[i]->share[0].mem_bytes = strtoull(memory[i], NULL, 10);
		mscg_cpuset_parse(cpus[i], &grant[i]->share[0].cpus, NULL);
	}
	struct mscg_spec *spec = mscg_spec_new();
	spec->argv        = strv_copy(job);
	spec->workdir     = xstrdup("/");
	spec->stdout_path = xstrdup("/dev/null");
	spec->uid = spec->gid = (uint32_t)getuid();
	struct mscg_action action = { .kind = MSCG_ACTION_START, .id = { 1, MSCG_NO_TASK }, .attempt = 1 };
	action.grant = mscg_grant_copy(grant[0]);
	engine->ops->start(engine, &action, spec, -1);
	until(MSCG_REPORT_STARTED);

	double *resize = xcalloc((size_t)n, sizeof *resize), *raw = xcalloc((size_t)n, sizeof *raw);
	for (long i = 0; i < n; i++) {
		int to = (int)((i + 1) % SIZES);
		mscg_grant_free(action.grant);
		action.kind       = MSCG_ACTION_RESIZE;
		action.memory     = true;
		action.resize_seq = (uint64_t)i + 1;
		action.grant      = mscg_grant_copy(grant[to]);
		double begin = now_usec();
		engine->ops->resize(engine, &action);
		until(MSCG_REPORT_RESIZED);
		resize[i] = now_usec() - begin;

		double written = now_usec();
		write_all(argv[3], !to);
		raw[i] = now_usec() - written;
		write_all(argv[3], to);
	}
	qsort(resize, (size_t)n, sizeof *resize, by_value);
	qsort(raw, (size_t)n, sizeof *raw, by_value);
	printf("{\"resize\": %.1f, \"raw\": %.1f}\n", resize[n / 2], raw[n / 2]);
	action.kind = MSCG_ACTION_KILL;
	engine->ops->kill(engine, &action);
	until(MSCG_REPORT_ENDED);
	action.kind  = MSCG_ACTION_REMOVE;
	action.state = MSCG_STATE_CANCELLED;
	engine->ops->remove(engine, &action);
	engine->ops->close(engine);
	return 0;
}
