/* The system call filter: the program is run here over every call and argument that matter, and then by the kernel on
 * real calls, each with the same call without a filter beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/base/base.h"
#include "src/sandbox/compact.h"
#include "src/sandbox/sandbox.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#else
#define NATIVE AUDIT_ARCH_AARCH64
#endif

enum { EPERM_RET = SECCOMP_RET_ERRNO | EPERM, ENOSYS_RET = SECCOMP_RET_ERRNO | ENOSYS };

struct program {
	struct sock_filter *code;
	size_t n;
};

static struct program make(uint32_t allow)
{
	struct program p = {0};
	struct mscg_error error = {.text = ""};
	int r = sandbox_filter(allow, &p.code, &p.n, &error);

	if (r < 0)
		fail_msg("%s", error.text);
	return p;
}

/* What the kernel does with it. */
static uint32_t run(const struct program *p, const struct seccomp_data *data)
{
	uint32_t a = 0, x = 0, memory[BPF_MEMWORDS] = {0};

	for (size_t pc = 0; pc < p->n; pc++) {
		const struct sock_filter *f = &p->code[pc];
		bool taken = false;

		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS: memcpy(&a, (const char *)data + f->k, 4); break;
		case BPF_LD | BPF_MEM: a = memory[f->k]; break;
		case BPF_ST: memory[f->k] = a; break;
		case BPF_MISC | BPF_TAX: x = a; break;
		case BPF_MISC | BPF_TXA: a = x; break;
		case BPF_ALU | BPF_AND | BPF_K: a &= f->k; break;
		case BPF_JMP | BPF_JA: pc += f->k; break;
		case BPF_JMP | BPF_JEQ | BPF_K: taken = a == f->k; goto jump;
		case BPF_JMP | BPF_JGT | BPF_K: taken = a > f->k; goto jump;
		case BPF_JMP | BPF_JGE | BPF_K: taken = a >= f->k; goto jump;
		case BPF_JMP | BPF_JSET | BPF_K: taken = a & f->k; goto jump;
		jump: pc += taken ? f->jt : f->jf; break;
		case BPF_RET | BPF_K: return f->k;
		default: fail_msg("instruction %zu has code %x", pc, f->code);
		}
	}
	fail_msg("the program has no end");
	return 0;
}

static uint32_t ask(const struct program *p, int nr, unsigned index, uint64_t value)
{
	struct seccomp_data data = {.nr = nr, .arch = NATIVE};

	data.args[index] = value;
	return run(p, &data);
}

static bool says(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = words; (at = strstr(at, word)); at += n)
		if ((at == words || at[-1] == ' ') && (at[n] == ' ' || !at[n]))
			return true;
	return false;
}

static const struct sandbox_group *group_of(const char *call, int *ret_times)
{
	const struct sandbox_group *found = NULL;

	for (const struct sandbox_group *g = sandbox_groups; g->name; g++)
		if (says(g->calls, call)) {
			found = g;
			(*ret_times)++;
		}
	return found;
}

static bool has_arguments(const char *call, bool only)
{
	for (const struct sandbox_argument *a = sandbox_arguments; a->call; a++)
		if (streq(a->call, call) && a->only == only)
			return true;
	return false;
}

static void every_call_is_answered_as_the_table_says(void **state)
{
	int known = 0;

	(void)state;
	for (uint32_t allow = 0; allow < 1u << MSCG_ALLOW_COUNT; allow++) {
		struct program p = make(allow);

		for (int nr = 0; nr < 600; nr++) {
			char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, nr);
			int times = 0;
			const struct sandbox_group *g = name ? group_of(name, &times) : NULL;
			uint32_t expected = ENOSYS_RET;

			if (name && !g && nr <= 450)
				fail_msg("%s (%d) stands in no row", name, nr);
			if (!name && nr > 450 && nr < 470) /* younger than the library: the table names some */
				expected = 0;
			if (g && (g->answer == SANDBOX_ALLOW || g->allow & allow))
				expected = SECCOMP_RET_ALLOW;
			else if (g && g->answer == SANDBOX_EPERM)
				expected = EPERM_RET;
			if (name && streq(name, "socket")) /* family 0 is none of them */
				expected = ENOSYS_RET;
			if (times > 1)
				fail_msg("%s stands in %d rows", name, times);
			if (expected && ask(&p, nr, 0, 0) != expected)
				fail_msg("%s (%d) with %x: %x, expected %x", name, nr, allow, ask(&p, nr, 0, 0), expected);
			known += g != NULL;
			free(name);
		}
		free(p.code);
	}
	assert_true(known / (1 << MSCG_ALLOW_COUNT) > 250);
}

static void young_calls_are_allowed_by_number(void **state)
{
	struct program p = make(0);

	(void)state;
	assert_int_equal(ask(&p, 452, 0, 0), SECCOMP_RET_ALLOW); /* fchmodat2: chmod of new C libraries */
	assert_int_equal(ask(&p, 462, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&p, 467, 0, 0), EPERM_RET);
	assert_int_equal(ask(&p, 457, 0, 0), ENOSYS_RET);
	assert_int_equal(ask(&p, 9999, 0, 0), ENOSYS_RET);
	free(p.code);
}

/* The kernel looks at 32 bits of these: high bits must not matter (CVE-2019-7303). */
static void arguments_are_compared_as_the_kernel_cuts_them(void **state)
{
	static const uint64_t high[] = {0, UINT64_C(1) << 32, UINT64_C(0xffffffff00000000), UINT64_C(1) << 63};
	struct program p = make(0), with = make(MSCG_ALLOW_USERNS);

	(void)state;
	for (size_t h = 0; h < ARRAY_SIZE(high); h++) {
		for (const struct sandbox_argument *a = sandbox_arguments; a->call; a++) {
			int nr = seccomp_syscall_resolve_name(a->call);
			uint32_t refused = a->only ? SECCOMP_RET_ALLOW : (uint32_t)EPERM_RET;

			assert_int_equal(ask(&p, nr, a->index, a->value | high[h]), refused);
			assert_int_equal(ask(&with, nr, a->index, a->value | high[h]), a->allow ? SECCOMP_RET_ALLOW : refused);
		}
		assert_int_equal(ask(&p, SYS_ioctl, 1, TIOCGWINSZ | high[h]), SECCOMP_RET_ALLOW);
		assert_int_equal(ask(&p, SYS_clone, 0, (CLONE_NEWUSER | CLONE_VM | SIGCHLD) | high[h]), EPERM_RET);
		assert_int_equal(ask(&p, SYS_clone, 0, (CLONE_VM | CLONE_THREAD | CLONE_SIGHAND) | high[h]), SECCOMP_RET_ALLOW);
		assert_int_equal(ask(&p, SYS_socket, 0, AF_ALG | high[h]), ENOSYS_RET);
		assert_int_equal(ask(&p, SYS_socket, 0, AF_VSOCK | high[h]), ENOSYS_RET);
		assert_int_equal(ask(&p, SYS_personality, 0, READ_IMPLIES_EXEC | high[h]), ENOSYS_RET);
	}
	assert_true(has_arguments("ioctl", false) && has_arguments("personality", true));
	free(p.code);
	free(with.code);
}

static uint32_t random_state = 1;

static uint32_t any(uint32_t n)
{
	random_state = random_state * 1664525 + 1013904223;
	return (random_state >> 8) % n;
}

/* Jumps go forward, and the last instructions are answers. */
static struct program make_any(void)
{
	static const uint16_t jumps[] = {BPF_JEQ, BPF_JGT, BPF_JGE};
	struct program p = {.n = 8 + any(60)};

	p.code    = xcalloc(p.n, sizeof *p.code);
	p.code[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	p.code[1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 1, 0);
	p.code[2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, any(3));
	p.code[3] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (size_t i = 4; i < p.n; i++) {
		uint32_t rest = (uint32_t)(p.n - i - 1), kind = rest < 2 ? 9 : any(10);

		if (kind < 5)
			p.code[i] = (struct sock_filter)BPF_JUMP(BPF_JMP | jumps[any(3)] | BPF_K, any(40), (uint8_t)any(rest), (uint8_t)any(rest));
		else if (kind < 6)
			p.code[i] = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, any(rest));
		else if (kind < 8)
			p.code[i] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 4 * any(6));
		else
			p.code[i] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, any(3));
	}
	return p;
}

static void a_compact_program_answers_as_the_one_it_was_made_of(void **state)
{
	size_t smaller = 0;

	(void)state;
	for (int round = 0; round < 5000; round++) {
		struct program p = make_any(), q = {.n = p.n};

		q.code = xcalloc(p.n, sizeof *q.code);
		memcpy(q.code, p.code, p.n * sizeof *p.code);
		sandbox_compact(NATIVE, &q.code, &q.n);
		smaller += q.n < p.n;
		for (int i = 0; i < 300; i++) {
			struct seccomp_data data = {.nr = (int)any(45), .arch = any(8) ? NATIVE : any(45), .args = {any(45), any(45)}};

			data.instruction_pointer = any(45);
			if (run(&q, &data) != run(&p, &data))
				fail_msg("round %d: call %d of %x: %x, not %x", round, data.nr, data.arch, run(&q, &data), run(&p, &data));
		}
		free(p.code);
		free(q.code);
	}
	assert_true(smaller > 500);
}

static void another_abi_is_killed(void **state)
{
	static const uint32_t other[] = {AUDIT_ARCH_I386, AUDIT_ARCH_ARM, AUDIT_ARCH_MIPS, 0};

	(void)state;
	for (uint32_t allow = 0; allow < 1u << MSCG_ALLOW_COUNT; allow++) {
		struct program p = make(allow);

		for (int nr = 0; nr < 500; nr++) {
			struct seccomp_data data = {.nr = nr};

			for (size_t i = 0; i < ARRAY_SIZE(other); i++) {
				data.arch = other[i];
				assert_int_equal(run(&p, &data), SECCOMP_RET_KILL_PROCESS);
			}
#if defined(__x86_64__)
			data = (struct seccomp_data){.nr = nr | 0x40000000, .arch = NATIVE};
			assert_int_equal(run(&p, &data), SECCOMP_RET_KILL_PROCESS);
#endif
		}
		free(p.code);
	}
}

/* -- by the kernel ------------------------------------------------------------------------------------------------ */

enum { DIED = 1000 }; /* + signal */

/* 0 or the errno that `attempt` gives in a process of its own, with the filter for `allow`, or without (-1). */
static int in_child(int allow, long (*attempt)(void))
{
	struct program p = allow < 0 ? (struct program){0} : make((uint32_t)allow);
	struct sock_fprog program = {.len = (unsigned short)p.n, .filter = p.code};
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		prctl(PR_SET_DUMPABLE, 0);
		if (p.code && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0))
			_exit(255);
		errno = 0;
		_exit(attempt() < 0 ? errno : 0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	free(p.code);
	return WIFSIGNALED(status) ? DIED + WTERMSIG(status) : WEXITSTATUS(status);
}

static long try_unshare(void) { return unshare(CLONE_NEWUSER); }
static long try_clone_user(void)
{
	long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0)
		_exit(0);
	return pid;
}
static long try_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid < 0 ? -1 : waitpid(pid, NULL, 0);
}
static long try_clone3(void)
{
	struct clone_args args = {.exit_signal = SIGCHLD};
	long pid = syscall(SYS_clone3, &args, sizeof args);

	if (pid == 0)
		_exit(0);
	return pid;
}
static long try_keyctl(void) { return syscall(SYS_keyctl, 0L, -3L, 1L); }
static long try_tiocsti(void) { return syscall(SYS_ioctl, 0, (unsigned long)TIOCSTI, "x"); }
static long try_tiocsti_high(void) { return syscall(SYS_ioctl, 0, TIOCSTI | 1ul << 32, "x"); }
static long try_personality(void) { return syscall(SYS_personality, (long)READ_IMPLIES_EXEC); }
static long try_no_randomize(void) { return syscall(SYS_personality, (long)ADDR_NO_RANDOMIZE); }
static long try_unix(void) { return socket(AF_UNIX, SOCK_STREAM, 0); }
static long try_inet(void) { return socket(AF_INET, SOCK_DGRAM, 0); }
static long try_io_uring(void) { return syscall(SYS_io_uring_setup, 1, NULL); }
static long try_userfaultfd(void) { return syscall(SYS_userfaultfd, 1 | O_CLOEXEC); }
static long try_bpf(void) { return syscall(SYS_bpf, 999, NULL, 0); }
static long try_mbind(void)
{
	void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return syscall(SYS_mbind, page, 4096ul, 0, NULL, 0ul, 0u);
}
static long try_filter(void)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = {.len = 1, .filter = &allow};

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}
#if defined(__x86_64__)
static long try_x32(void) { return syscall(SYS_getpid | 0x40000000); }
static long try_i386(void)
{
	long r = 20; /* getpid there */

	__asm__ volatile("int $0x80" : "+a"(r) : : "memory", "r8", "r9", "r10", "r11");
	return r;
}
#endif

static void the_kernel_refuses(void **state)
{
	static const struct {
		const char *name;
		long (*attempt)(void);
		int result;      /* with the filter */
		int without;     /* must not be this without it, or -1: must be 0 */
	} table[] = {
		{"unshare", try_unshare, EPERM, -1},
		{"clone with a user namespace", try_clone_user, EPERM, -1},
		{"clone3", try_clone3, ENOSYS, -1},
		{"keyctl", try_keyctl, EPERM, EPERM},
		{"TIOCSTI", try_tiocsti, EPERM, EPERM},
		{"TIOCSTI with high bits", try_tiocsti_high, EPERM, EPERM},
		{"personality", try_personality, ENOSYS, -1},
		{"io_uring", try_io_uring, EPERM, EPERM},
		{"userfaultfd", try_userfaultfd, EPERM, ENOENT},
		{"bpf", try_bpf, EPERM, ENOENT},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		int without = in_child(-1, table[i].attempt), with = in_child(0, table[i].attempt);

		if (with != table[i].result)
			fail_msg("%s: %d with the filter, expected %d", table[i].name, with, table[i].result);
		if (table[i].without < 0 ? without != 0 : without == table[i].without)
			fail_msg("%s: %d without a filter", table[i].name, without);
	}
}

static void the_kernel_lets_pass(void **state)
{
	static const struct {
		const char *name;
		uint32_t allow;
		long (*attempt)(void);
	} table[] = {
		{"fork", 0, try_fork}, {"unix sockets", 0, try_unix}, {"inet sockets", 0, try_inet}, {"mbind", 0, try_mbind},
		{"a filter of its own", 0, try_filter}, {"personality(ADDR_NO_RANDOMIZE)", 0, try_no_randomize},
		{"unshare, if asked for", MSCG_ALLOW_USERNS, try_unshare}, {"clone3, if asked for", MSCG_ALLOW_USERNS, try_clone3},
		{"clone with a user namespace, if asked for", MSCG_ALLOW_USERNS, try_clone_user},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		int r = in_child((int)table[i].allow, table[i].attempt);

		if (r != 0)
			fail_msg("%s: %s", table[i].name, strerror(r));
	}
	/* With the option it is the kernel again that answers: EFAULT of a NULL pointer. */
	assert_int_equal(in_child(MSCG_ALLOW_IO_URING, try_io_uring), in_child(-1, try_io_uring));
}

static void the_kernel_kills_other_abis(void **state)
{
	(void)state;
#if defined(__x86_64__)
	assert_int_equal(in_child(0, try_x32), DIED + SIGSYS);
	assert_int_not_equal(in_child(-1, try_x32), DIED + SIGSYS);
	/* A kernel without 32 bit programs has no such call at all: then it is SIGSEGV with and without. */
	int without = in_child(-1, try_i386);
	assert_int_equal(in_child(0, try_i386), without == 0 ? DIED + SIGSYS : without);
#endif
}

static void allow_names(void **state)
{
	struct mscg_error error;
	uint32_t allow = 99;

	(void)state;
	assert_int_equal(mscg_allow_parse("perf,userns", &allow, &error), 0);
	assert_int_equal(allow, MSCG_ALLOW_PERF | MSCG_ALLOW_USERNS);
	assert_int_equal(mscg_allow_parse("", &allow, &error), 0);
	assert_int_equal(allow, 0);
	static const char *const wrong[] = {"perf,", ",perf", "per", "perfs", "perf userns", "all"};
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_int_equal(mscg_allow_parse(wrong[i], &allow, &error), -EINVAL);
		assert_non_null(strstr(error.text, "io_uring, perf, userfaultfd, userns"));
	}
	char *text = mscg_allow_format(MSCG_ALLOW_IO_URING | MSCG_ALLOW_USERFAULTFD);
	assert_string_equal(text, "io_uring,userfaultfd");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_call_is_answered_as_the_table_says),
		cmocka_unit_test(young_calls_are_allowed_by_number),
		cmocka_unit_test(arguments_are_compared_as_the_kernel_cuts_them),
		cmocka_unit_test(a_compact_program_answers_as_the_one_it_was_made_of),
		cmocka_unit_test(another_abi_is_killed),
		cmocka_unit_test(the_kernel_refuses),
		cmocka_unit_test(the_kernel_lets_pass),
		cmocka_unit_test(the_kernel_kills_other_abis),
		cmocka_unit_test(allow_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
