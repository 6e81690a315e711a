/* What a decision costs with N jobs waiting. Fills a machine, lets N jobs of 20 (or more) shapes wait, and then runs cycles: a
 * running job ends, the next one starts and is seen to run, a new one is submitted.
 *
 *     core_scale N [CYCLES [SHAPES [elastic|rigid [easy|conservative|firstfit|fcfs]]]]
 *
 * prints the time of each cycle and the bytes of a waiting job. Instructions: valgrind --tool=callgrind
 * --toggle-collect=cycle core_scale N 2000 counts the cycles alone. */
#include "common.h"
#include "src/base/base.h"
#include "src/core/core.h"

#include <inttypes.h>
#include <malloc.h>

enum { CPUS = 64 };

static uint32_t shapes = 20;
static bool limits; /* jobs have time limits */

struct bench {
	struct core *core;
	struct core_now now;
	struct core_output out;
	struct mscg_id running[4096];
	uint32_t running_n, next;
	bool elastic;
	uint64_t starts;
};

static void step(struct bench *b, const struct core_input *in, uint32_t n)
{
	core_output_clear(&b->out);
	core_step(b->core, in, n, b->now, &b->out);
}

/* What the engine would say to what was decided. */
static void act(struct bench *b)
{
	struct core_input in[256];
	struct mscg_report report[256];
	uint32_t n = 0;

	for (uint32_t i = 0; i < b->out.actions_n && n < 256; i++) {
		const struct mscg_action *a = &b->out.actions[i];

		if (a->kind != MSCG_ACTION_START && a->kind != MSCG_ACTION_RESIZE)
			continue;
		if (a->kind == MSCG_ACTION_START) {
			b->running[b->running_n++ % 4096] = a->id;
			b->starts++;
		}
		report[n] = (struct mscg_report){
			.kind = a->kind == MSCG_ACTION_START ? MSCG_REPORT_STARTED : MSCG_REPORT_RESIZED,
			.id = a->id, .attempt = a->attempt, .time_usec = b->now.real_usec, .resize_seq = a->resize_seq,
		};
		in[n] = (struct core_input){.kind = CORE_REPORT, .id = a->id, .report = &report[n]};
		n++;
	}
	if (n)
		step(b, in, n);
}

static void submit(struct bench *b)
{
	uint32_t shape = b->next++ % shapes;
	struct mscg_spec spec = {
		.cpus_milli = 1000 * (1 + shape % 4), .mem_bytes = ((uint64_t)64 << 20) + shape / 4 * 4096, .grace_s = 30,
		.priority = (int32_t)(b->next * 2654435761u >> 30),
	};
	struct core_input in = {.kind = CORE_SUBMIT, .token = 1, .spec = &spec};

	spec.min_cpus_milli = spec.max_cpus_milli = spec.cpus_milli;
	spec.time_limit_s = limits ? 60 * (1 + shape % 7) : 0;
	if (b->elastic && shape % 5 == 0) {
		spec.elastic = true;
		spec.min_cpus_milli = 1000;
		spec.max_cpus_milli = 8000;
	}
	step(b, &in, 1);
}

/* One of those that run ends; whoever fits starts. */
__attribute__((noinline)) void cycle(struct bench *b);
void cycle(struct bench *b)
{
	static uint32_t at;
	struct mscg_report report = {.kind = MSCG_REPORT_ENDED, .time_usec = b->now.real_usec};
	struct core_input in = {.kind = CORE_REPORT, .report = &report};
	const struct mscg_job *job = NULL;

	while (!job)
		job = core_find(b->core, b->running[at++ % MIN_OF(b->running_n, 4096u)]);
	report.id = in.id = job->id;
	report.attempt = job->attempt;
	mscg_usage_init(&report.usage);
	b->now.real_usec += 1000;
	b->now.boot_usec += 1000;
	step(b, &in, 1);
	act(b);
	submit(b);
	act(b);
}

int main(int argc, char **argv)
{
	uint32_t waiting = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000, cycles = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 20000;
	static struct core_cpu cpus[CPUS];
	struct core_machine machine = {.node = "here", .cpus = cpus, .ncpus = CPUS, .mem_bytes = UINT64_C(1) << 40};
	struct core_policy policy = {.scheduler = CORE_FIRSTFIT, .elastic = true, .elastic_threshold = 50, .backfill_depth = 100};
	static const char *const names[] = {
		[CORE_EASY] = "easy", [CORE_CONSERVATIVE] = "conservative", [CORE_FIRSTFIT] = "firstfit", [CORE_FCFS] = "fcfs",
	};
	struct bench *b = xcalloc(1, sizeof *b);
	double *took = xcalloc(cycles + 1, sizeof *took), begin, sum = 0;
	size_t before, after;

	for (unsigned i = 0; i < CPUS; i++)
		cpus[i] = (struct core_cpu){
			.cpu = (uint16_t)i, .core = (uint16_t)(i % (CPUS / 2)), .cache = (uint16_t)(i % (CPUS / 2) / 8),
			.numa = (uint16_t)(i % (CPUS / 2) / 16),
		};
	if (argc > 3)
		shapes = (uint32_t)strtoul(argv[3], NULL, 10);
	b->elastic = argc > 4 && streq(argv[4], "elastic");
	limits = argc > 5;
	for (size_t i = 0; limits && i < ARRAY_SIZE(names); i++)
		if (streq(names[i], argv[5]))
			policy.scheduler = (enum core_scheduler)i;
	b->core = core_new(&machine, &policy);
	b->now = (struct core_now){1700000000000000, 1000000000};
	for (uint32_t i = 0; i < CPUS; i++) {
		submit(b);
		act(b);
	}
	before = mallinfo2().uordblks;
	begin = now_usec();
	for (uint32_t i = 0; i < waiting; i++)
		submit(b);
	printf("%u waiting: %.2f us a submission", waiting, (now_usec() - begin) / waiting);
	after = mallinfo2().uordblks;
	b->starts = 0;
	for (uint32_t i = 0; i < cycles; i++) {
		begin = now_usec();
		cycle(b);
		took[i] = now_usec() - begin;
		sum += took[i];
	}
	qsort(took, cycles, sizeof *took, by_value);
	printf(", %.0f bytes a waiting job; %u cycles: mean %.2f us, p50 %.2f, p99 %.2f, max %.1f; %.2f starts a cycle\n",
	       (double)(after - before) / waiting, cycles, sum / cycles, took[cycles / 2], took[cycles / 100 * 99], took[cycles - 1],
	       (double)b->starts / cycles);
	core_output_free(&b->out);
	core_free(b->core);
	free(took);
	free(b);
	return 0;
}
