/* test_cgroup.h: what the tests of libmscg-cgroup share. Every case runs in a process of its own, as root in a prepared
 * cgroup and as an ordinary user in a delegated one; `base` is a cgroup whose children have every controller.
 *
 * On a host without controllers MSCG_TEST_CONTROLLERS=none runs those cases that need none. Nothing else is left out.
 */
#ifndef TEST_CGROUP_H
#define TEST_CGROUP_H

#include "cgroup/internal.h"

#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <linux/sched.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
/* after stdarg.h, setjmp.h */
#include <cmocka.h>

#define USER_UID 1000u
#define CONTROLLERS \
	(MSCG_CGROUP_BIT(CPUSET) | MSCG_CGROUP_BIT(CPU) | MSCG_CGROUP_BIT(MEMORY) | MSCG_CGROUP_BIT(PIDS) | MSCG_CGROUP_BIT(IO))

enum { AS_ROOT = 1, AS_USER = 2, AS_BOTH = 3, BARE = 4 /* needs no controllers */ };

struct test_case {
	const char *name;
	void (*run)(void);
	unsigned who;
};

/* Shared between a case and the processes that it spawns. */
struct test_shared {
	_Atomic int ready, go, hits, value;
};

static struct mscg_cgroup top = MSCG_CGROUP_NONE, place = MSCG_CGROUP_NONE, base = MSCG_CGROUP_NONE;
static char place_name[40];
static bool user_mode;
static struct mscg_error err;
static struct test_shared *shared;

/* The program itself is what checks; cmocka's own fail would jump into the parent's stack. */
__attribute__((format(printf, 3, 4), noreturn, unused)) static void give_up(const char *file, int line, const char *format, ...)
{
	va_list ap;

	printf("# %s:%d: ", file, line);
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	_exit(1);
}
#define CHECK(x)                                                     \
	do {                                                         \
		if (!(x))                                            \
			give_up(__FILE__, __LINE__, "not so: %s", #x); \
	} while (0)
#define CHECK_IS(got, want)                                                                              \
	do {                                                                                             \
		long long got_ = (long long)(got), want_ = (long long)(want);                            \
		if (got_ != want_)                                                                       \
			give_up(__FILE__, __LINE__, "%s is %lld, not %lld", #got, got_, want_);          \
	} while (0)
/* The call is given &err. */
#define OK(call)                                                                              \
	do {                                                                                  \
		int r_ = (call);                                                              \
		if (r_ < 0)                                                                   \
			give_up(__FILE__, __LINE__, "%s: %d, %s", #call, r_, err.text);       \
	} while (0)
#define FAILS(call, code, words)                                                                                  \
	do {                                                                                                      \
		int r_ = (call);                                                                                  \
		if (r_ != (code))                                                                                 \
			give_up(__FILE__, __LINE__, "%s: %d instead of %d, %s", #call, r_, (code), r_ < 0 ? err.text : ""); \
		if (!strstr(err.text, words))                                                                     \
			give_up(__FILE__, __LINE__, "%s: says \"%s\", not \"%s\"", #call, err.text, words);       \
	} while (0)
#define NOTE(...)                  \
	do {                       \
		printf("# " __VA_ARGS__); \
		printf("\n");      \
	} while (0)

__attribute__((unused)) static int64_t in_ms(int64_t ms)
{
	return clock_boot_usec() + ms * 1000;
}

#define WAIT_FOR(x)                                                                          \
	do {                                                                                 \
		int64_t end_ = in_ms(30000);                                                 \
		while (!(x)) {                                                               \
			if (clock_boot_usec() > end_)                                        \
				give_up(__FILE__, __LINE__, "never came: %s", #x);           \
			usleep(500);                                                         \
		}                                                                            \
	} while (0)

/* Starts `fn` as a process inside the cgroup. */
__attribute__((unused)) static pid_t spawn(const struct mscg_cgroup *cg, void (*fn)(void *), void *arg)
{
	struct clone_args a = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)cg->fd };
	long pid;

	fflush(stdout);
	pid = syscall(SYS_clone3, &a, sizeof a);
	if (pid < 0)
		give_up(__FILE__, __LINE__, "clone3 into %s: %s", cg_path(cg).text, strerror(errno));
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fn(arg);
		_exit(0);
	}
	return (pid_t)pid;
}

__attribute__((unused)) static int reap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			give_up(__FILE__, __LINE__, "waitpid: %s", strerror(errno));
	return status;
}

__attribute__((unused)) static bool killed_by(int status, int sig)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == sig;
}

__attribute__((unused)) static void sleeper(void *arg)
{
	(void)arg;
	atomic_fetch_add(&shared->ready, 1);
	for (;;)
		pause();
}

__attribute__((unused)) static void burner(void *arg)
{
	(void)arg;
	atomic_fetch_add(&shared->ready, 1);
	for (;;)
		atomic_fetch_add(&shared->hits, 1);
}

/* Touches so many MiB of anonymous memory and keeps it. */
__attribute__((unused)) static void hoarder(void *arg)
{
	size_t size = (size_t)(uintptr_t)arg << 20;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (size_t i = 0; p != MAP_FAILED && i < size; i += 4096)
		p[i] = 1;
	sleeper(NULL);
}

/* The device under /mnt/disk. */
__attribute__((unused)) static dev_t disk(void)
{
	struct stat here, above;

	if (stat("/mnt/disk", &here) < 0 || stat("/mnt", &above) < 0 || here.st_dev == above.st_dev)
		give_up(__FILE__, __LINE__, "nothing is mounted on /mnt/disk: tests/vm/run --disk 256M");
	return here.st_dev;
}

/* A file system that stands still: who writes to it waits, and no signal and no freezer reaches him. */
__attribute__((unused)) static int stop_disk(bool stop)
{
	_cleanup_close_ int fd = open("/mnt/disk", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -1 : ioctl(fd, stop ? FIFREEZE : FITHAW, 0);
}

/* A fresh child of base. */
__attribute__((unused)) static struct mscg_cgroup job(const char *name)
{
	struct mscg_cgroup cg = MSCG_CGROUP_NONE;

	OK(mscg_cgroup_create(&base, name, &cg, &err));
	return cg;
}

/* Ends what is left in it, and removes it. What is throttled takes its time to die. */
__attribute__((unused)) static void end_job(struct mscg_cgroup *cg, const char *name)
{
	if (cg_has(cg, "cpu.max"))
		OK(mscg_cgroup_set_cpu_max(cg, MSCG_CGROUP_MAX, 100000, &err));
	OK(mscg_cgroup_kill(cg, &err));
	OK(mscg_cgroup_wait_empty(cg, in_ms(90000), &err));
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	mscg_cgroup_close(cg);
	OK(mscg_cgroup_remove_tree(&base, name, &err));
}

/* ---- the frame ---- */

static bool bare(void)
{
	const char *v = getenv("MSCG_TEST_CONTROLLERS");

	return v && streq(v, "none");
}

static void become_user(void)
{
	struct mscg_cgroup daemon = MSCG_CGROUP_NONE;

	if (mscg_cgroup_open(&base, "daemon", &daemon, NULL) == 0)
		OK(mscg_cgroup_move(&daemon, 0, &err));
	else
		OK(mscg_cgroup_move(&base, 0, &err));
	mscg_cgroup_close(&daemon);
	CHECK(setgroups(0, NULL) == 0 && setresgid(USER_UID, USER_UID, USER_UID) == 0 &&
	      setresuid(USER_UID, USER_UID, USER_UID) == 0);
	prctl(PR_SET_DUMPABLE, 1);
	OK(mscg_cgroup_settle(&base, "daemon", bare() ? 0 : CONTROLLERS, &daemon, &err));
	mscg_cgroup_close(&daemon);
}

static int sweep(void *ctx, const char *name, const struct mscg_cgroup *child)
{
	(void)ctx;
	if (streq(name, "daemon")) /* never killed: who lives in it clones into others */
		return 0;
	mscg_cgroup_kill(child, NULL);
	mscg_cgroup_wait_empty(child, in_ms(10000), NULL);
	mscg_cgroup_remove_tree(&base, name, NULL);
	return 0;
}

static void run_case(void **state)
{
	const struct test_case *c = *state;
	int status;

	user_mode = c->who & AS_USER;
	OK(mscg_cgroup_open(&place, user_mode ? "user" : "root", &base, &err));
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		alarm(150);
		if (user_mode)
			become_user();
		c->run();
		fflush(stdout);
		exit(0);
	}
	status = reap(pid);
	stop_disk(false);
	mscg_cgroup_children(&base, sweep, NULL, NULL);
	munmap(shared, sizeof *shared);
	mscg_cgroup_close(&base);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("%s ended with wait status 0x%x", c->name, status);
}

static int set_up(void **state)
{
	_cleanup_cgroup_ struct mscg_cgroup user = MSCG_CGROUP_NONE, root = MSCG_CGROUP_NONE;
	struct mscg_cgroup_host *host;
	(void)state;
	setvbuf(stdout, NULL, _IOLBF, 0);
	OK(mscg_cgroup_discover(&host, &err));
	OK(mscg_cgroup_open_top(host, &top, &err));
	mscg_cgroup_host_free(host);
	snprintf(place_name, sizeof place_name, "mscg-test-%d", (int)getpid());
	OK(mscg_cgroup_prepare(&top, place_name, bare() ? 0 : CONTROLLERS, &place, &err));
	OK(mscg_cgroup_prepare(&place, "root", bare() ? 0 : CONTROLLERS, &root, &err));
	OK(mscg_cgroup_create(&place, "user", &user, &err));
	OK(mscg_cgroup_delegate(&user, USER_UID, USER_UID, &err));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	mscg_cgroup_close(&place);
	OK(mscg_cgroup_remove_tree(&top, place_name, &err));
	mscg_cgroup_close(&top);
	return 0;
}

/* Runs the cases, each for everyone that it is for. */
__attribute__((unused)) static int run_cases(const char *name, const struct test_case *cases, size_t n)
{
	struct test_case *all = xcalloc(n * 2, sizeof *all);
	struct CMUnitTest *tests = xcalloc(n * 2, sizeof *tests);
	size_t k = 0;

	for (size_t i = 0; i < n * 2; i++) {
		unsigned who = i % 2 ? AS_USER : AS_ROOT;
		const struct test_case *c = &cases[i / 2];
		if (!(c->who & who) || (bare() && !(c->who & BARE)))
			continue;
		all[k] = (struct test_case){ xasprintf("%s (%s)", c->name, i % 2 ? "user" : "root"), c->run, who };
		tests[k] = (struct CMUnitTest){ .name = all[k].name, .test_func = run_case, .initial_state = &all[k] };
		k++;
	}
	cmocka_set_message_output(CM_OUTPUT_TAP);
	int r = _cmocka_run_group_tests(name, tests, k, set_up, tear_down);
	for (size_t i = 0; i < k; i++)
		free((char *)all[i].name);
	free(all);
	free(tests);
	return r;
}

#endif
