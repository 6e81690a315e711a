/* What a decision costs, in units that are the same on every machine: instructions, counted by stepping through them one
 * by one, and bytes. A change that makes the core walk its queue shows here, and nowhere else before a queue is long.
 *
 * plain: instructions of what users get
 * timeout: 300
 */
#include "core_support.h"
#include "src/base/parse.h"

#include <malloc.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

enum { CPUS = 8, GPUS = 4, FEW = 1000, MANY = 1000000, CYCLES = 3, WARM_UP = 200 };

/* Bounds, with room for another compiler: about twice of what was measured. */
enum { MOST_INSTRUCTIONS = 60000, MOST_BY_FACTORS = 600000, MOST_BYTES = 256 };

struct costs {
	uint64_t cycles[CYCLES]; /* instructions */
	double   bytes;          /* of a waiting job */
};

enum order { BY_PRIORITY, BY_FACTORS, ON_GPUS, IN_PARTITIONS, RESERVED };

struct queue {
	enum order          order;
	struct test_machine machine;
	struct core        *core;
	struct core_now     now;
	struct core_output  out;
	struct mscg_id      running[CPUS];
	unsigned            next;
	bool                gpus; /* all ask for one: so many run, and CPUs are left */
};

static void take_step(struct queue *q, const struct core_input *in)
{
	core_output_clear(&q->out);
	core_step(q->core, in, 1, q->now, &q->out);
}

/* What was started is seen to run. */
static void begin_started(struct queue *q, unsigned place)
{
	for (uint32_t i = 0; i < q->out.actions_n; i++) {
		if (q->out.actions[i].kind != MSCG_ACTION_START)
			continue;
		struct mscg_report report = {
			.kind = MSCG_REPORT_STARTED, .id = q->out.actions[i].id, .attempt = 1, .time_usec = q->now.real_usec,
		};
		q->running[place] = report.id;
		take_step(q, &(struct core_input){.kind = CORE_REPORT, .id = report.id, .report = &report});
		return;
	}
}

static const char *const gpu_requests[] = {"gpu:1", "gpu:a:1", "gpu:b:1", "gpu:1,license:x:1"};

static void submit(struct queue *q, unsigned place)
{
	unsigned shape = q->next % 20, user = q->next / 20 % 5;

	q->next++;
	struct mscg_spec spec = {
		.cpus_milli = 1000, .mem_bytes = ((uint64_t)64 << 20) + shape * 4096, .grace_s = 30, .time_limit_s = 60 * (1 + shape % 7),
		.priority = q->order == BY_FACTORS ? 0 : (int32_t)(q->next * 2654435761u >> 30), .uid = q->order == BY_FACTORS ? 1 + user : 0,
		.qos = q->order == IN_PARTITIONS ? (char *)(uintptr_t)(shape % 2 ? "batch" : "normal") : NULL,
		.partition = q->order == IN_PARTITIONS ? (char *)(uintptr_t)(shape % 3 ? "main" : "few") : NULL,
		.gres = (char *)(uintptr_t)(q->gpus ? gpu_requests[q->next % ARRAY_SIZE(gpu_requests)] : NULL),
	};

	spec.min_cpus_milli = spec.max_cpus_milli = spec.cpus_milli;
	take_step(q, &(struct core_input){.kind = CORE_SUBMIT, .token = 1, .spec = &spec});
	begin_started(q, place);
}

/* One of those that run ends, the next one starts, another one comes. */
static void cycle(struct queue *q, unsigned i)
{
	unsigned place = i % (q->gpus ? GPUS : CPUS);
	struct mscg_report report = {
		.kind = MSCG_REPORT_ENDED, .id = q->running[place], .attempt = 1, .time_usec = q->now.real_usec,
	};

	mscg_usage_init(&report.usage);
	q->now.real_usec += q->order == BY_FACTORS ? 1000000 : 1000;
	q->now.boot_usec += q->order == BY_FACTORS ? 1000000 : 1000;
	take_step(q, &(struct core_input){.kind = CORE_REPORT, .id = report.id, .report = &report});
	begin_started(q, place);
	submit(q, place);
}

/* Two QOS and two partitions, one of each at its limit all the time. */
static void limit(struct core_policy *p)
{
	p->qos_n = p->partition_n = 2;
	p->qos[0] = (struct core_qos){.name = "normal", .key = name_key("normal")};
	p->qos[1] = (struct core_qos){.name = "batch", .key = name_key("batch"), .cpus_milli = 2000, .running = 2, .mem_bytes = GIB};
	p->partition[0] = (struct core_partition){.name = "main", .key = name_key("main"), .takes = true, .starts = true};
	p->partition[1] = (struct core_partition){.name = "few", .key = name_key("few"), .takes = true, .starts = true, .cpus_milli = 2000};
}

static struct costs *shared;

/* Stops around each cycle, so that the parent steps through that and nothing else. */
static void __attribute__((noreturn)) child(unsigned waiting, enum order order)
{
	static const struct core_gres gres[] = {{"gpu", "a", 2, 3, NULL}, {"gpu", "b", 2, 12, NULL}, {"license", "x", 100, 0, NULL}};
	struct core_policy policy = {.max_jobs = 4096, .scheduler = CORE_EASY, .elastic = true, .elastic_threshold = 50, .backfill_depth = 100};
	struct queue *q = xcalloc(1, sizeof *q);

	q->order = order;
	if (order == BY_FACTORS) /* which are calculated anew in every cycle */
		policy.priority = (struct core_priority){.multifactor = true, .weight_age = 1000, .weight_fairshare = 10000, .weight_job_size = 100,
		                                         .max_age_s = 604800, .half_life_s = 604800};
	if (order == IN_PARTITIONS)
		limit(&policy);
	build_machine(&q->machine, 1, 1, 1, CPUS, 1);
	bool gpus = order == ON_GPUS;

	q->gpus = gpus;
	q->machine.m.gres = gpus ? gres : NULL;
	q->machine.m.gres_n = gpus ? ARRAY_SIZE(gres) : 0;
	q->core = core_new(&q->machine.m, &policy);
	q->now  = (struct core_now){1700000000000000, 1000000000};
	if (order == RESERVED) { /* the rest is for those with less time than until it begins */
		struct core_reservation half = {.name = (char *)(uintptr_t)"half", .users = (char *)(uintptr_t)"1", .cpus_milli = 1000 * CPUS / 2,
		                                .start_usec = q->now.real_usec + 200000000, .end_usec = q->now.real_usec + 400000000};

		take_step(q, &(struct core_input){.kind = CORE_RESERVE, .reservation = &half});
	}
	for (unsigned i = 0; i < (gpus ? GPUS : CPUS); i++)
		submit(q, i);
	size_t before = mallinfo2().uordblks;
	for (unsigned i = 0; i < waiting; i++)
		submit(q, 0);
	shared->bytes = (double)(mallinfo2().uordblks - before) / waiting;
	for (unsigned i = 0; i < WARM_UP; i++)
		cycle(q, i);
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	for (unsigned i = 0; i < CYCLES; i++) {
		raise(SIGSTOP);
		cycle(q, i);
		raise(SIGSTOP);
	}
	_exit(0);
}

static void await_stop(pid_t pid)
{
	int status = 0;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(WSTOPSIG(status), SIGSTOP);
}

static uint64_t count_until_stop(pid_t pid)
{
	int status = 0;

	for (uint64_t n = 1;; n++) {
		assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSTOPPED(status));
		if (WSTOPSIG(status) == SIGSTOP)
			return n;
		assert_int_equal(WSTOPSIG(status), SIGTRAP);
		assert_true(n < 100 * MOST_INSTRUCTIONS);
	}
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static struct costs measure(unsigned waiting, enum order order)
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		child(waiting, order);
	for (unsigned i = 0; i < CYCLES; i++) {
		await_stop(pid);
		shared->cycles[i] = count_until_stop(pid);
		assert_int_equal(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	qsort(shared->cycles, CYCLES, sizeof *shared->cycles, by_value);
	print_message("# %u waiting%s: %llu instructions for an end, a start and a submission; %.0f bytes for each that waits\n", waiting, order == RESERVED ? " beside a reservation" : order == IN_PARTITIONS ? " in partitions" : order == ON_GPUS ? " for GPUs" : order == BY_FACTORS ? ", by factors" : "",
	              (unsigned long long)shared->cycles[CYCLES / 2], shared->bytes);
	return *shared;
}

static void decisions(void **state)
{
	(void)state;
	struct costs few = measure(FEW, BY_PRIORITY), many = measure(MANY, BY_PRIORITY);

	assert_in_range(few.cycles[CYCLES / 2], 1, MOST_INSTRUCTIONS);
	assert_in_range(many.cycles[CYCLES / 2], 1, 3 * few.cycles[CYCLES / 2]);
	assert_in_range((uint64_t)many.bytes, 1, MOST_BYTES);
}

/* 100 shapes of five users: all of their first jobs get their factors anew. */
static void by_factors(void **state)
{
	(void)state;
	struct costs few = measure(FEW, BY_FACTORS), many = measure(MANY, BY_FACTORS);

	assert_in_range(few.cycles[CYCLES / 2], 1, MOST_BY_FACTORS);
	assert_in_range(many.cycles[CYCLES / 2], 1, 3 * few.cycles[CYCLES / 2]);
	assert_in_range((uint64_t)many.bytes, 1, MOST_BYTES);
}

/* CPUs are free all the time, GPUs never: nobody who waits is looked at one by one. */
static void decisions_on_gpus(void **state)
{
	(void)state;
	struct costs few = measure(FEW, ON_GPUS), many = measure(MANY, ON_GPUS);

	assert_in_range(few.cycles[CYCLES / 2], 1, 3 * MOST_INSTRUCTIONS);
	assert_in_range(many.cycles[CYCLES / 2], 1, 3 * few.cycles[CYCLES / 2]);
	assert_in_range((uint64_t)many.bytes, 1, MOST_BYTES);
}

/* Most of the time some of those who wait may not start, and who may changes with each end. */
static void in_partitions(void **state)
{
	(void)state;
	struct costs few = measure(FEW, IN_PARTITIONS), many = measure(MANY, IN_PARTITIONS);

	assert_in_range(few.cycles[CYCLES - 1], 1, 3 * MOST_INSTRUCTIONS);
	assert_in_range(many.cycles[CYCLES - 1], 1, 3 * few.cycles[CYCLES - 1]);
	assert_in_range((uint64_t)many.bytes, 1, MOST_BYTES);
}

/* Half of the CPUs is reserved from a time on at which many would not be over. */
static void beside_a_reservation(void **state)
{
	(void)state;
	struct costs few = measure(FEW, RESERVED), many = measure(MANY, RESERVED);

	assert_in_range(few.cycles[CYCLES / 2], 1, 5 * MOST_INSTRUCTIONS);
	assert_in_range(many.cycles[CYCLES / 2], 1, 3 * few.cycles[CYCLES / 2]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(decisions), cmocka_unit_test(by_factors), cmocka_unit_test(decisions_on_gpus),
	                                   cmocka_unit_test(in_partitions), cmocka_unit_test(beside_a_reservation)};

	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("costs", tests, NULL, NULL);
}
