/* Many launches: how the pool grows, is used again and shrinks; that nothing leaks; what it costs. */
#include "test_runner.h"

#include <sys/resource.h>

#include "src/runner/spawn.h"
#include "src/runner/sys.h"

static int setup(void **state)
{
	return world_make(state);
}

/* The smallest program: ends with the number that is its argument's first byte, or 0. No libc: what remains of its cost
 * is the kernel's. Written as bytes, since what a compiler links is not ours to say. */
static char *make_tiny(void)
{
#if defined(__x86_64__)
	static const uint8_t code[] = {
		0x31, 0xff,                   /* xor edi, edi */
		0x48, 0x83, 0x3c, 0x24, 0x02, /* cmp qword [rsp], 2 */
		0x72, 0x09,                   /* jb end */
		0x48, 0x8b, 0x44, 0x24, 0x10, /* mov rax, [rsp + 16] */
		0x0f, 0xb6, 0x38, 0x90,       /* movzx edi, byte [rax] */
		0xb8, 0x3c, 0, 0, 0,          /* end: mov eax, exit */
		0x0f, 0x05,                   /* syscall */
	};
	enum { MACHINE = 62 };
#elif defined(__aarch64__)
	static const uint32_t code[] = {
		0xf94003e1, /* ldr x1, [sp] */
		0xd2800000, /* mov x0, 0 */
		0xf100083f, /* cmp x1, 2 */
		0x54000063, /* b.lo end */
		0xf9400be1, /* ldr x1, [sp, 16] */
		0x39400020, /* ldrb w0, [x1] */
		0xd2800ba8, /* end: mov x8, exit */
		0xd4000001, /* svc 0 */
	};
	enum { MACHINE = 183 };
#endif
	struct {
		uint8_t  ident[16];
		uint16_t type, machine;
		uint32_t version;
		uint64_t entry, phoff, shoff;
		uint32_t flags;
		uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
		uint32_t p_type, p_flags;
		uint64_t p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align;
		uint8_t  text[sizeof code];
	} elf = {
		.ident = { 0x7f, 'E', 'L', 'F', 2, 1, 1 }, .type = 2, .machine = MACHINE, .version = 1,
		.entry = 0x400000 + 120, .phoff = 64, .ehsize = 64, .phentsize = 56, .phnum = 1,
		.p_type = 1, .p_flags = 5, .p_vaddr = 0x400000, .p_filesz = 120 + sizeof code,
		.p_memsz = 120 + sizeof code, .p_align = 4096,
	};
	memcpy(elf.text, code, sizeof code);
	char *path = file_in("tiny");
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, &elf, 120 + sizeof code), 0);
	close(fd);
	return path;
}

static void many(void **state)
{
	(void)state;
	enum { LAUNCHES = 1000, FLIGHT = 8 };
	struct job j[FLIGHT];
	bool busy[FLIGHT] = { false };
	char code[FLIGHT][2] = { "" };
	char *argv[FLIGHT][3];
	unsigned launched = 0, ended = 0, fds = 0;
	_cleanup_free_ char *tiny = make_tiny();
	start_runner(32, 2);
	while (ended < LAUNCHES) {
		for (int i = 0; i < FLIGHT; i++) {
			if (busy[i] && (j[i].exited || j[i].failed || j[i].lost)) {
				assert_exit(&j[i], (unsigned char)code[i][0]);
				assert_int_equal(j[i].started, 1);
				job_free(&j[i]);
				busy[i] = false;
				ended++;
			}
			if (!busy[i] && launched < LAUNCHES) {
				job_make(&j[i]);
				code[i][0] = (char)(1 + launched % 255);
				argv[i][0] = (char *)"tiny";
				argv[i][1] = code[i];
				argv[i][2] = NULL;
				j[i].launch.exec_path = tiny;
				j[i].launch.argv      = argv[i];
				job_launch(&j[i]);
				busy[i] = true;
				launched++;
			}
		}
		if (fds == 0 && ended >= LAUNCHES / 2)
			fds = count_fds();
		if (ended < LAUNCHES)
			turn();
	}
	/* Half-way FLIGHT of them hold a cgroup, and the pool had grown to its size. */
	assert_true(count_fds() <= fds);
	struct runner_stats stats;
	runner_get_stats(w.runner, &stats);
	assert_int_equal(stats.slots, 32);
	assert_int_equal(stats.used, 0);
	assert_int_equal(stats.busy, 0);
	assert_true(stats.idle >= 2 && stats.idle <= 2 + FLIGHT);
	runner_close(steal(&w.runner));
}

/* All slots, and one more; then the pool goes back to a reasonable size. */
static void full(void **state)
{
	(void)state;
	enum { SLOTS = 64 };
	static struct job j[SLOTS];
	struct job more;
	struct mscg_error error = { 0 };
	struct runner_stats stats;
	start_runner(SLOTS, 2);
	for (int i = 0; i < SLOTS; i++) {
		job_make(&j[i]);
		job_shell(&j[i], "exec sleep 1000");
		job_launch(&j[i]);
	}
	job_make(&more);
	job_shell(&more, "exit 9");
	assert_int_equal(runner_launch(w.runner, &more.launch, &more.slot, &error), -EAGAIN);
	assert_non_null(strstr(error.text, "all 64 slots"));
	for (int i = 0; i < SLOTS; i++)
		TURN_UNTIL(j[i].started);
	runner_get_stats(w.runner, &stats);
	assert_int_equal(stats.used, SLOTS);
	assert_int_equal(stats.busy, SLOTS);
	assert_int_equal(stats.idle, 0);
	for (int i = 0; i < SLOTS; i++)
		assert_int_equal(runner_signal(w.runner, j[i].slot, SIGKILL), 0);
	for (int i = 0; i < SLOTS; i++) {
		job_wait(&j[i]);
		assert_int_equal(j[i].last.wait_status, SIGKILL);
		job_free(&j[i]);
	}
	runner_get_stats(w.runner, &stats);
	assert_int_equal(stats.used, 0);
	assert_true(stats.idle < SLOTS / 2);
	job_run(&more);
	assert_exit(&more, 9);
	runner_close(steal(&w.runner));
}

static void warmed_up(void **state)
{
	(void)state;
	struct runner_stats stats;
	start_runner(16, 5);
	runner_get_stats(w.runner, &stats);
	assert_int_equal(stats.idle, 5);
	/* One is used: another one takes its place in time. */
	struct job j;
	job_make(&j);
	job_shell(&j, "exec sleep 1000");
	job_launch(&j);
	TURN_UNTIL(j.started);
	for (runner_get_stats(w.runner, &stats); stats.idle < 5; runner_get_stats(w.runner, &stats))
		turn();
	assert_int_equal(stats.busy, 1);
	assert_int_equal(runner_signal(w.runner, j.slot, SIGTERM), 0);
	job_wait(&j);
	job_free(&j);
	runner_close(steal(&w.runner));
}

/* -- cost ---------------------------------------------------------------------------------------------------------- */

/* Wall time, and what all processors spent on it: ours, and that of everything in the tests' cgroup. The latter means
 * something on a busy machine too. */
struct cost {
	double wall, cpu; /* microseconds */
};

static struct cost cost_now(void)
{
	struct timespec t;
	struct rusage   u;
	unsigned long long usage = 0;
	_cleanup_free_ char *path = xasprintf("%s/cpu.stat", w.cgroup), *text = text_of(path);
	assert_int_equal(sscanf(text, "usage_usec %llu", &usage), 1);
	clock_gettime(CLOCK_MONOTONIC, &t);
	getrusage(RUSAGE_SELF, &u);
	return (struct cost){
		.wall = (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3,
		.cpu  = (double)usage + (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
		       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec),
	};
}

/* Since `from`, for each of n; the better of it and *best in each. */
static void cost_since(struct cost from, int n, struct cost *best)
{
	struct cost now = cost_now();
	best->wall = MIN_OF(best->wall, (now.wall - from.wall) / n);
	best->cpu  = MIN_OF(best->cpu, (now.cpu - from.cpu) / n);
}

struct bare {
	const char *path;
	char      **argv, **env;
};

CHILD_CODE static void bare_child(void *arg)
{
	const struct bare *b = arg;
	sys(execve, b->path, b->argv, b->env);
	for (;;)
		sys(exit_group, 127);
}

/* The bare thing: clone3 into a cgroup as cheaply as it can be had, exec, wait. */
static void run_bare(const char *tiny, int cgroup_fd, int rounds, struct cost *best)
{
	char *argv[] = { (char *)"tiny", NULL }, *env[] = { NULL };
	struct bare bare = { tiny, argv, env };
	void *stack = child_stack_make(65536);
	struct cost start = cost_now();
	for (int i = 0; i < rounds; i++) {
		struct clone_args args = {
			.flags = CLONE_INTO_CGROUP | CLONE_VM | CLONE_VFORK, .exit_signal = SIGCHLD,
			.cgroup = (uint64_t)cgroup_fd, .stack = (uint64_t)(uintptr_t)stack, .stack_size = 65536,
		};
		long pid = sys_clone3(&args, sizeof args, bare_child, &bare);
		assert_true(pid > 0);
		assert_int_equal(waitpid((pid_t)pid, NULL, 0), pid);
	}
	cost_since(start, rounds, best);
	child_stack_free(stack, 65536);
}

/* Through the runner, into one cgroup too: the difference is what supervisors cost. */
static void run_runner(struct job *j, int n, int rounds, struct cost *best)
{
	int launched = 0, ended = 0;
	struct cost start = cost_now();
	while (ended < rounds) {
		for (int i = 0; i < n; i++) {
			if (j[i].exited) {
				j[i].started = j[i].exited = 0;
				by_slot[j[i].slot] = NULL;
				runner_free_slot(w.runner, j[i].slot);
				ended++;
				j[i].launch.attempt = 0;
			}
			if (!j[i].launch.attempt && launched < rounds) {
				j[i].launch.attempt = 1;
				job_launch(&j[i]);
				launched++;
			}
		}
		if (ended < rounds)
			turn();
	}
	cost_since(start, rounds, best);
}

/* Not a promise (that is a benchmark's), but a look: a launch that costs ten times the bare one is a mistake. */
static void cost(void **state)
{
	(void)state;
	enum { FLIGHT = 8 };
	static struct job j[FLIGHT];
	char *argv[] = { (char *)"tiny", NULL };
	char *env[]  = { (char *)"PATH=/usr/bin", (char *)"HOME=/tmp", NULL };
	struct cost bare = { 1e9, 1e9 }, one = bare, many_ = bare;
	_cleanup_free_ char *tiny = make_tiny();
	start_runner(32, 8);
	for (int i = 0; i < FLIGHT; i++) {
		job_make(&j[i]);
		j[i].launch.exec_path = tiny;
		j[i].launch.argv      = argv;
		j[i].launch.env       = env;
		j[i].launch.attempt   = 0;
	}
	run_bare(tiny, j[0].launch.cgroup_fd, 20, &bare);
	int rounds = (int)(2e5 / bare.wall) + 20; /* a fifth of a second each, or on an emulated machine as long as it takes */
	for (int round = 0; round < 5; round++) {
		run_bare(tiny, j[0].launch.cgroup_fd, rounds, &bare);
		run_runner(j, 1, rounds, &one);
		run_runner(j, FLIGHT, rounds, &many_);
	}
	print_message("# bare clone3+exec+wait: %.1f us, of CPU %.1f us\n", bare.wall, bare.cpu);
	print_message("# runner, 1 in flight: %.1f us (%.2f x), of CPU %.1f us (%.2f x)\n", one.wall, one.wall / bare.wall,
	              one.cpu, one.cpu / bare.cpu);
	print_message("# runner, 8 in flight: %.1f us (%.2f x), of CPU %.1f us (%.2f x), %.0f/s\n", many_.wall,
	              many_.wall / bare.wall, many_.cpu, many_.cpu / bare.cpu, 1e6 / many_.wall);
	for (int i = 0; i < FLIGHT; i++)
		job_clear(&j[i]);
	assert_true(many_.cpu < bare.cpu * 10);
	runner_close(steal(&w.runner));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many),
		cmocka_unit_test(full),
		cmocka_unit_test(warmed_up),
		cmocka_unit_test(cost),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, world_clear);
}
