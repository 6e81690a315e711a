/* Who is in a cgroup, whom a notification reaches, who pinned itself: on the real kernel. Needs a disk that it can stop at
 * /mnt/disk (tests/vm/run --disk 256M).
 *
 * also: 6.12
 * alone: it measures
 * timeout: 900
 * machine: --disk 256M
 */
#include "tests/vm/test_cgroup.h"

#include <pthread.h>
#include <src/base/fd.h>
#include <sys/utsname.h>

static void note_hit(int sig)
{
	(void)sig;
	atomic_fetch_add(&shared->hits, 1);
}

static void catch_it(void)
{
	struct sigaction sa = { .sa_handler = note_hit };

	sigaction(SIGUSR1, &sa, NULL);
}

static void block_it(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(how, &set, NULL);
}

static void catcher(void *arg)
{
	catch_it();
	sleeper(arg);
}

static void blocker(void *arg)
{
	catch_it();
	block_it(SIG_BLOCK);
	sleeper(arg);
}

static void ignorer(void *arg)
{
	signal(SIGUSR1, SIG_IGN);
	sleeper(arg);
}

static void *open_thread(void *arg)
{
	block_it(SIG_UNBLOCK);
	sleeper(arg);
	return NULL;
}

/* Its leader blocks the signal, another thread does not. */
static void threaded(void *arg)
{
	pthread_t t;

	catch_it();
	block_it(SIG_BLOCK);
	if (pthread_create(&t, NULL, open_thread, NULL) != 0)
		_exit(1);
	for (;;)
		pause();
	(void)arg;
}

static void notify(void)
{
	static void (*const kinds[])(void *) = { catcher, catcher, sleeper, ignorer, blocker, threaded };
	struct mscg_cgroup j = job("j"), sub = MSCG_CGROUP_NONE;
	struct mscg_cgroup_notified n;
	struct mscg_cgroup_events e;
	pid_t pids[ARRAY_SIZE(kinds)];

	OK(mscg_cgroup_notify(&j, SIGUSR1, in_ms(1000), &n, &err)); /* nobody */
	CHECK(n.processes == 0 && n.signalled == 0);
	OK(mscg_cgroup_create(&j, "sub", &sub, &err));
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		pids[i] = spawn(i == 1 ? &sub : &j, kinds[i], NULL);
	WAIT_FOR(shared->ready == (int)ARRAY_SIZE(kinds));
	int64_t from = clock_boot_usec();
	OK(mscg_cgroup_notify(&j, SIGUSR1, in_ms(5000), &n, &err));
	NOTE("notified %u in %.2f ms", n.signalled, (double)(clock_boot_usec() - from) / 1000);
	CHECK_IS(n.processes, ARRAY_SIZE(kinds));
	CHECK_IS(n.signalled, 3);
	CHECK_IS(n.without_handler, 2);
	CHECK_IS(n.blocking, 1);
	WAIT_FOR(shared->hits == 3);
	OK(mscg_cgroup_events_get(&j, &e, &err));
	CHECK(!e.frozen);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		CHECK(waitpid(pids[i], NULL, WNOHANG) == 0);
	FAILS(mscg_cgroup_notify(&j, 0, 0, &n, &err), -EINVAL, "no signal");
	FAILS(mscg_cgroup_notify(&j, 65, 0, &n, &err), -EINVAL, "no signal");
	/* Frozen by somebody else: it stays so, and hears of it later. */
	OK(mscg_cgroup_freeze(&j, in_ms(10000), &err));
	OK(mscg_cgroup_notify(&j, SIGUSR1, in_ms(1000), &n, &err));
	CHECK_IS(n.signalled, 3);
	OK(mscg_cgroup_events_get(&j, &e, &err));
	CHECK(e.frozen);
	CHECK_IS(shared->hits, 3);
	OK(mscg_cgroup_thaw(&j, &err));
	WAIT_FOR(shared->hits == 6);
	mscg_cgroup_close(&sub);
	end_job(&j, "j");
}

/* Executes itself for ever: now it has a handler, now the new program has none yet. */
static void shifter(void *arg)
{
	static char script[] = "trap : USR1; i=0; while [ $i -lt 500 ]; do i=$((i + 1)); done; exec /bin/sh -c \"$0\" \"$0\"";

	(void)arg;
	atomic_fetch_add(&shared->ready, 1);
	execl("/bin/sh", "sh", "-c", script, script, (char *)NULL);
	_exit(127);
}

static void notify_while_exec(void)
{
	struct mscg_cgroup j = job("j");
	struct mscg_cgroup_notified n;
	unsigned signalled = 0, without = 0, late = 0;
	pid_t pid = spawn(&j, shifter, NULL);

	WAIT_FOR(shared->ready == 1);
	for (int i = 0; i < 300; i++) {
		int r = mscg_cgroup_notify(&j, SIGUSR1, in_ms(200), &n, &err);
		late += r == -ETIMEDOUT;
		if (r != -ETIMEDOUT) {
			OK(r);
			signalled += n.signalled;
			without += n.without_handler;
		}
		usleep((useconds_t)(i * 37 % 5000));
		CHECK(waitpid(pid, NULL, WNOHANG) == 0);
	}
	NOTE("300 notifications: %u signalled, %u had no handler, %u could not be frozen", signalled, without, late);
	CHECK(signalled > 0 && without > 0);
	/* The control: signals without a look do kill it. */
	WAIT_FOR(kill(pid, SIGUSR1) == 0 && waitpid(pid, NULL, WNOHANG) == pid);
	end_job(&j, "j");
}

/* Waits in the kernel, where nothing reaches it, once the disk stands still. */
static void stuck_writer(void *arg)
{
	int fd = open("/mnt/disk/mscg-stuck", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	(void)arg;
	catch_it();
	atomic_fetch_add(&shared->ready, 1);
	while (!shared->go)
		usleep(1000);
	if (write(fd, "x", 1) == 1)
		atomic_fetch_add(&shared->value, 1);
	sleeper(NULL);
}

static bool is_stuck(pid_t pid)
{
	_cleanup_free_ char *stat = NULL;
	char path[32];

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	return fd_read_file_at(AT_FDCWD, path, 4096, &stat, NULL) == 0 && strstr(stat, ") D ");
}

static void not_to_be_frozen(void)
{
	struct mscg_cgroup j = job("j"), sub = MSCG_CGROUP_NONE;
	struct mscg_cgroup_notified n;
	struct mscg_cgroup_events e;
	char text[8];
	pid_t pid;

	disk();
	OK(mscg_cgroup_create(&j, "sub", &sub, &err));
	spawn(&j, catcher, NULL);
	pid = spawn(&sub, stuck_writer, NULL);
	WAIT_FOR(shared->ready == 2);
	CHECK(stop_disk(true) == 0);
	shared->go = 1;
	WAIT_FOR(is_stuck(pid));
	FAILS(mscg_cgroup_notify(&j, SIGUSR1, in_ms(10), &n, &err), -ETIMEDOUT, "it is not frozen in time");
	CHECK(cg_read(&j, "cgroup.freeze", text, sizeof text, &err) > 0 && text[0] == '0');
	CHECK_IS(shared->hits, 0);
	/* The parent says frozen for its own processes alone; mscg_cgroup_freeze does not. */
	FAILS(mscg_cgroup_freeze(&j, in_ms(5000), &err), -ETIMEDOUT, "/j/sub: it is not frozen in time");
	OK(mscg_cgroup_events_get(&j, &e, &err));
	CHECK(e.frozen);
	OK(mscg_cgroup_events_get(&sub, &e, &err));
	CHECK(!e.frozen);
	OK(mscg_cgroup_thaw(&j, &err));
	CHECK(stop_disk(false) == 0);
	OK(mscg_cgroup_freeze(&j, in_ms(20000), &err));
	OK(mscg_cgroup_events_get(&sub, &e, &err));
	CHECK(e.frozen);
	OK(mscg_cgroup_thaw(&j, &err));
	WAIT_FOR(shared->value == 1);
	OK(mscg_cgroup_notify(&j, SIGUSR1, in_ms(5000), &n, &err));
	CHECK_IS(n.signalled, 2);
	/* Without cgroup.kill what is stuck gets its signal once, and dies when it can. */
	shared->go = shared->ready = 0;
	pid = spawn(&sub, stuck_writer, NULL);
	WAIT_FOR(shared->ready == 1);
	CHECK(stop_disk(true) == 0);
	shared->go = 1;
	WAIT_FOR(is_stuck(pid));
	OK(cg_kill_by_signal(&j, &err));
	FAILS(mscg_cgroup_wait_empty(&j, in_ms(100), &err), -ETIMEDOUT, "not empty in time");
	CHECK(stop_disk(false) == 0);
	OK(mscg_cgroup_wait_empty(&j, in_ms(20000), &err));
	mscg_cgroup_close(&sub);
	unlink("/mnt/disk/mscg-stuck");
	end_job(&j, "j");
}

static void many_processes(void)
{
	struct mscg_cgroup j = job("j");
	struct mscg_cgroup_notified n;

	for (int i = 0; i < 140; i++) /* several portions */
		spawn(&j, catcher, NULL);
	WAIT_FOR(shared->ready == 140);
	int64_t from = clock_boot_usec();
	OK(mscg_cgroup_notify(&j, SIGUSR1, in_ms(10000), &n, &err));
	NOTE("notified %u of %u in %.1f ms", n.signalled, n.processes, (double)(clock_boot_usec() - from) / 1000);
	CHECK_IS(n.signalled, 140);
	WAIT_FOR(shared->hits == 140);
	end_job(&j, "j");
}

/* ---- affinity ---- */

static struct mscg_cpuset cpus(const char *text)
{
	struct mscg_cpuset set;

	OK(mscg_cpuset_parse(text, &set, &err));
	return set;
}

static void pin_to_0(void *arg)
{
	uint64_t mask[16] = { 1 };

	if (syscall(SYS_sched_setaffinity, 0, sizeof mask, mask) < 0)
		_exit(1);
	sleeper(arg);
}

static void pinned(void)
{
	struct mscg_cgroup j = job("j"), sub = MSCG_CGROUP_NONE;
	struct mscg_cpuset two = cpus("0-1"), three = cpus("0-2");
	struct utsname u;
	uint32_t n;

	uname(&u);
	OK(mscg_cgroup_create(&j, "sub", &sub, &err));
	OK(mscg_cgroup_set_cpus(&j, &two, NULL, &err));
	spawn(&j, sleeper, NULL);
	WAIT_FOR(shared->ready == 1);
	OK(mscg_cgroup_pinned(&j, NULL, &n, &err));
	CHECK_IS(n, 0);
	spawn(&sub, pin_to_0, NULL);
	spawn(&j, threaded, NULL);
	WAIT_FOR(shared->ready == 3);
	OK(mscg_cgroup_pinned(&j, NULL, &n, &err));
	CHECK_IS(n, 1);
	OK(mscg_cgroup_pinned(&j, &two, &n, &err));
	CHECK_IS(n, 1);
	OK(mscg_cgroup_set_cpus(&j, &three, NULL, &err));
	OK(mscg_cgroup_pinned(&j, &three, &n, &err));
	NOTE("after a grow %u thread is pinned on %s", n, u.release);
	CHECK_IS(n, strncmp(u.release, "6.1.", 4) == 0 ? 0 : 1);
	mscg_cgroup_close(&sub);
	end_job(&j, "j");
}

/* Records every CPU that it finds itself on. */
static void roamer(void *arg)
{
	(void)arg;
	for (;;) {
		atomic_fetch_or(&shared->value, 1 << sched_getcpu());
		atomic_fetch_add(&shared->hits, 1);
		atomic_fetch_or(&shared->ready, 1);
	}
}

static void shrink_is_synchronous(void)
{
	struct mscg_cgroup j = job("j");
	struct mscg_cpuset sets[] = { cpus("0-3"), cpus("2"), cpus("1,3"), cpus("0") };
	static const int masks[]  = { 0xf, 1 << 2, 1 << 1 | 1 << 3, 1 };

	OK(mscg_cgroup_set_cpus(&j, &sets[0], NULL, &err));
	for (int i = 0; i < 3; i++)
		spawn(&j, roamer, NULL);
	WAIT_FOR(shared->ready);
	for (size_t i = 0; i < 24; i++) {
		size_t k = i % ARRAY_SIZE(sets);
		OK(mscg_cgroup_set_cpus(&j, &sets[k], NULL, &err));
		/* What was read before the write may be noted after it: one round of everybody first. */
		int hits = shared->hits;
		WAIT_FOR(shared->hits > hits + 300000 || shared->hits < hits);
		atomic_store(&shared->value, 0);
		hits = shared->hits;
		WAIT_FOR(shared->hits > hits + 10000 || shared->hits < hits);
		CHECK_IS(shared->value & ~masks[k], 0);
	}
	end_job(&j, "j");
}

int main(void)
{
	static const struct test_case cases[] = {
		{ "notification by handler and mask", notify, AS_BOTH | BARE },
		{ "notification of what executes", notify_while_exec, AS_BOTH | BARE },
		{ "what cannot be frozen", not_to_be_frozen, AS_ROOT },
		{ "notification of many", many_processes, AS_BOTH | BARE },
		{ "pinned threads", pinned, AS_BOTH },
		{ "a cpuset shrink is done when it returns", shrink_is_synchronous, AS_BOTH },
	};

	return run_cases("cgroup processes", cases, ARRAY_SIZE(cases));
}
