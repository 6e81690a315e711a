/* Limits, cpusets, memory of a running cgroup, counters and pressure: on the real kernel. Needs a block device at
 * /mnt/disk (tests/vm/run --disk 256M): for io, and for page cache that belongs to nobody yet.
 *
 * also: 6.12
 * alone: it measures
 * timeout: 900
 * machine: --disk 256M
 */
#include "tests/vm/test_cgroup.h"

#include <poll.h>
#include <sys/sysmacros.h>

#define MIB   (UINT64_C(1) << 20)
#define CACHE "/mnt/disk/mscg-cache"
#define CACHE_MIB 96

/* ---- limits ---- */

static void every_limit(void)
{
	static const struct {
		enum mscg_cgroup_limit limit;
		uint64_t value, reads;
		unsigned feature; /* may be missing */
	} cases[] = {
		{ MSCG_CGROUP_CPU_WEIGHT, 50, 50, 0 },
		{ MSCG_CGROUP_CPU_BURST, 5000, 5000, MSCG_CGROUP_HAS(CPU_BURST) },
		{ MSCG_CGROUP_MEMORY_MIN, 4096, 4096, 0 },
		{ MSCG_CGROUP_MEMORY_LOW, 8192, 8192, 0 },
		{ MSCG_CGROUP_MEMORY_HIGH, 64 * MIB + 1, 64 * MIB, 0 }, /* whole pages */
		{ MSCG_CGROUP_MEMORY_MAX, 128 * MIB + 4095, 128 * MIB, 0 },
		{ MSCG_CGROUP_MEMORY_MAX, MSCG_CGROUP_MAX, MSCG_CGROUP_MAX, 0 },
		{ MSCG_CGROUP_MEMORY_SWAP_MAX, 0, 0, MSCG_CGROUP_HAS(MEMORY_SWAP) },
		{ MSCG_CGROUP_MEMORY_ZSWAP_MAX, 0, 0, MSCG_CGROUP_HAS(MEMORY_ZSWAP) },
		{ MSCG_CGROUP_MEMORY_OOM_GROUP, 1, 1, 0 },
		{ MSCG_CGROUP_PIDS_MAX, 4194304, 4194304, 0 },
		{ MSCG_CGROUP_PIDS_MAX, 7, 7, 0 },
		{ MSCG_CGROUP_IO_WEIGHT, 200, 200, MSCG_CGROUP_HAS(IO_WEIGHT) },
		{ MSCG_CGROUP_MAX_DEPTH, 3, 3, 0 },
		{ MSCG_CGROUP_MAX_DESCENDANTS, 1000, 1000, 0 },
		{ MSCG_CGROUP_CPU_IDLE, 1, 1, MSCG_CGROUP_HAS(CPU_IDLE) },
	};
	struct mscg_cgroup j = job("j");
	uint32_t features;
	uint64_t v, period;

	OK(mscg_cgroup_features(&j, &features, &err));
	OK(mscg_cgroup_set_cpu_max(&j, 20000, 50000, &err));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (cases[i].feature & ~features) {
			FAILS(mscg_cgroup_set(&j, cases[i].limit, cases[i].value, &err), -EOPNOTSUPP, "this kernel has none");
			continue;
		}
		OK(mscg_cgroup_set(&j, cases[i].limit, cases[i].value, &err));
		OK(mscg_cgroup_get(&j, cases[i].limit, &v, &err));
		if (v != cases[i].reads)
			give_up(__FILE__, __LINE__, "%s reads %" PRIu64, mscg_cgroup_limit_file(cases[i].limit), v);
	}
	OK(mscg_cgroup_get_cpu_max(&j, &v, &period, &err));
	CHECK(v == 20000 && period == 50000);
	OK(mscg_cgroup_set_cpu_max(&j, MSCG_CGROUP_MAX, 100000, &err));
	OK(mscg_cgroup_get_cpu_max(&j, &v, &period, &err));
	CHECK(v == MSCG_CGROUP_MAX && period == 100000);
	OK(mscg_cgroup_set_cpu_milli(&j, 5, &err));
	OK(mscg_cgroup_get_cpu_max(&j, &v, &period, &err));
	CHECK(v == 5000 && period == 1000000);
	if (features & MSCG_CGROUP_HAS(CPU_BURST)) /* what only the kernel knows: not above the quota */
		FAILS(mscg_cgroup_set(&j, MSCG_CGROUP_CPU_BURST, 500000, &err), -EINVAL, "cannot write \"500000\" to cpu.max.burst");
	end_job(&j, "j");
}

static void no_more_processes(void)
{
	struct mscg_cgroup j = job("j");
	struct clone_args a = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)j.fd };
	struct mscg_cgroup_stat st;

	OK(mscg_cgroup_set(&j, MSCG_CGROUP_PIDS_MAX, 2, &err));
	spawn(&j, sleeper, NULL);
	spawn(&j, sleeper, NULL);
	long pid = syscall(SYS_clone3, &a, sizeof a);
	if (pid == 0)
		_exit(0);
	CHECK(pid == -1 && errno == EAGAIN);
	OK(mscg_cgroup_read_stat(&j, MSCG_CGROUP_STAT_PIDS, &st, &err));
	CHECK_IS(st.pids_current, 2);
	CHECK(st.pids_peak == 2 || st.pids_peak == MSCG_CGROUP_UNKNOWN);
	CHECK_IS(st.pids_max_events, 1);
	end_job(&j, "j");
}

static void half_a_cpu(void)
{
	struct mscg_cgroup j = job("j");
	struct mscg_cgroup_stat a, b;
	int64_t from, span;

	OK(mscg_cgroup_set_cpu_milli(&j, 500, &err));
	spawn(&j, burner, NULL);
	spawn(&j, burner, NULL);
	WAIT_FOR(shared->ready == 2);
	from = clock_boot_usec();
	OK(mscg_cgroup_read_stat(&j, MSCG_CGROUP_STAT_CPU, &a, &err));
	usleep(1500000);
	OK(mscg_cgroup_read_stat(&j, MSCG_CGROUP_STAT_CPU, &b, &err));
	span = clock_boot_usec() - from;
	NOTE("%.3f CPUs of 0.5", (double)(b.cpu_usage_usec - a.cpu_usage_usec) / (double)span);
	CHECK((double)(b.cpu_usage_usec - a.cpu_usage_usec) < 0.65 * (double)span);
	CHECK(b.cpu_nr_throttled > 0 && b.cpu_throttled_usec > 0 && b.cpu_nr_periods > b.cpu_nr_throttled / 2);
	end_job(&j, "j");
}

/* ---- cpuset ---- */

static struct mscg_cpuset cpus(const char *text)
{
	struct mscg_cpuset set;

	OK(mscg_cpuset_parse(text, &set, &err));
	return set;
}

static void cpusets(void)
{
	struct mscg_cgroup j = job("j"), sub = MSCG_CGROUP_NONE;
	struct mscg_cpuset got, all, none = { 0 }, s;

	OK(mscg_cgroup_get_list(&base, MSCG_CGROUP_CPUS_EFFECTIVE, &all, &err));
	CHECK(mscg_cpuset_count(&all) >= 4); /* tests/vm/run --cpus 4 */
	s = cpus("1-2");
	OK(mscg_cgroup_set_cpus(&j, &s, &got, &err));
	CHECK(mscg_cpuset_equal(&got, &s));
	OK(mscg_cgroup_get_list(&j, MSCG_CGROUP_CPUS, &got, &err));
	CHECK(mscg_cpuset_equal(&got, &s));
	/* Partly and wholly outside of the parent: accepted by the kernel without a word. */
	OK(mscg_cgroup_enable(&j, MSCG_CGROUP_BIT(CPUSET), &err));
	OK(mscg_cgroup_create(&j, "sub", &sub, &err));
	s = cpus("2-3");
	FAILS(mscg_cgroup_set_cpus(&sub, &s, &got, &err), -ESTALE, "cpuset.cpus was set to 2-3, but cpuset.cpus.effective is 2:");
	s = cpus("2");
	CHECK(mscg_cpuset_equal(&got, &s));
	s = cpus("0");
	FAILS(mscg_cgroup_set_cpus(&sub, &s, &got, &err), -ESTALE, "cpuset.cpus.effective is 1-2:");
	OK(mscg_cgroup_set_cpus(&sub, &none, &got, &err));
	s = cpus("1-2");
	CHECK(mscg_cpuset_equal(&got, &s));
	OK(mscg_cgroup_get_list(&sub, MSCG_CGROUP_CPUS, &got, &err));
	CHECK(mscg_cpuset_empty(&got));
	mscg_cgroup_close(&sub);
	s = cpus("8191");
	FAILS(mscg_cgroup_set_cpus(&j, &s, &got, &err), -ERANGE, "cannot write \"8191\" to cpuset.cpus");
	s = cpus("0");
	OK(mscg_cgroup_set_mems(&j, &s, &got, &err));
	CHECK(mscg_cpuset_equal(&got, &s));
	OK(mscg_cgroup_set_mems(&j, &none, NULL, &err));
	OK(mscg_cgroup_set_cpus(&j, &none, &got, &err));
	CHECK(mscg_cpuset_equal(&got, &all));
	end_job(&j, "j");
}

/* Directly below the top of the mount, where a partition may be. */
static void partitions(void)
{
	struct mscg_cgroup p = MSCG_CGROUP_NONE, j = job("j");
	enum mscg_cgroup_partition kind;
	struct mscg_cpuset one = cpus("3"), got;
	bool valid;

	OK(mscg_cgroup_create(&top, "mscg-test-partition", &p, &err));
	OK(mscg_cgroup_set_cpus(&p, &one, NULL, &err));
	OK(mscg_cgroup_set_partition(&p, MSCG_CGROUP_ROOT, &err));
	OK(mscg_cgroup_get_partition(&p, &kind, &valid, &err));
	CHECK(kind == MSCG_CGROUP_ROOT && valid);
	OK(mscg_cgroup_get_list(&j, MSCG_CGROUP_CPUS_EFFECTIVE, &got, &err));
	CHECK(!mscg_cpuset_has(&got, 3));
	FAILS(mscg_cgroup_set_cpus(&j, &one, &got, &err), -ESTALE, "cpuset.cpus was set to 3");
	OK(mscg_cgroup_set_partition(&p, MSCG_CGROUP_MEMBER, &err));
	/* Taken and not meant: the parent is no partition. */
	int r = mscg_cgroup_set_partition(&j, MSCG_CGROUP_ROOT, &err);
	NOTE("below a member: %d, %s", r, r < 0 ? err.text : "it works");
	CHECK(r == -EADDRINUSE || r == 0); /* 6.7 and later allow remote partitions */
	OK(mscg_cgroup_get_partition(&j, &kind, &valid, &err));
	CHECK(valid && kind == (r == 0 ? MSCG_CGROUP_ROOT : MSCG_CGROUP_MEMBER));
	mscg_cgroup_close(&p);
	OK(mscg_cgroup_remove(&top, "mscg-test-partition", &err));
	end_job(&j, "j");
}

/* ---- counters ---- */

static void burn_and_touch(void *arg)
{
	struct timespec t;
	volatile unsigned long n = 0;

	do {
		for (int i = 0; i < 100000; i++)
			n = n + 1;
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	} while (t.tv_sec < 1);
	hoarder(arg);
}

static void counters(void)
{
	struct mscg_cgroup j = job("j");
	struct mscg_cgroup_stat st;
	struct rusage u;
	uint64_t used;

	pid_t pid = spawn(&j, burn_and_touch, (void *)64);
	WAIT_FOR(shared->ready == 1);
	OK(mscg_cgroup_read_stat(&j, MSCG_CGROUP_STAT_ALL, &st, &err));
	CHECK(st.memory_anon >= 64 * MIB && st.memory_anon < 80 * MIB);
	CHECK(st.memory_current >= 64 * MIB && st.memory_swap_current != 1);
	CHECK(st.memory_file != MSCG_CGROUP_UNKNOWN && st.memory_shmem != MSCG_CGROUP_UNKNOWN && st.memory_pgfault > 0);
	OK(mscg_cgroup_kill(&j, &err));
	OK(mscg_cgroup_wait_empty(&j, in_ms(10000), &err));
	reap(pid);
	getrusage(RUSAGE_CHILDREN, &u);
	used = (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000u + (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
	OK(mscg_cgroup_read_stat(&j, MSCG_CGROUP_STAT_ALL, &st, &err));
	NOTE("cpu.stat %" PRIu64 " us, getrusage %" PRIu64 " us; memory.peak %" PRIu64, st.cpu_usage_usec, used, st.memory_peak);
	CHECK(st.cpu_usage_usec > used - used / 50 - 5000 && st.cpu_usage_usec < used + used / 50 + 5000);
	CHECK(st.cpu_user_usec + st.cpu_system_usec <= st.cpu_usage_usec + 2 &&
	      st.cpu_user_usec + st.cpu_system_usec + 2 >= st.cpu_usage_usec);
	CHECK(st.memory_peak >= 64 * MIB && st.memory_peak < 80 * MIB);
	CHECK(st.pids_peak == 1 && st.pids_current == 0 && st.memory_oom_kills == 0 && st.io_write_bytes == 0);
	end_job(&j, "j");
}

static void out_of_memory(void)
{
	struct mscg_cgroup j = job("j");
	struct mscg_cgroup_stat st;
	pid_t a, b;

	OK(mscg_cgroup_set(&j, MSCG_CGROUP_MEMORY_MAX, 32 * MIB, &err));
	OK(mscg_cgroup_set(&j, MSCG_CGROUP_MEMORY_SWAP_MAX, 0, &err));
	b = spawn(&j, sleeper, NULL);
	a = spawn(&j, hoarder, (void *)64);
	CHECK(killed_by(reap(a), SIGKILL));
	CHECK(waitpid(b, NULL, WNOHANG) == 0);
	OK(mscg_cgroup_read_stat(&j, MSCG_CGROUP_STAT_EVENTS, &st, &err));
	CHECK_IS(st.memory_oom_kills, 1);
	CHECK(st.memory_oom_events >= 1);
	OK(mscg_cgroup_set(&j, MSCG_CGROUP_MEMORY_OOM_GROUP, 1, &err));
	a = spawn(&j, hoarder, (void *)64);
	CHECK(killed_by(reap(a), SIGKILL) && killed_by(reap(b), SIGKILL));
	OK(mscg_cgroup_read_stat(&j, MSCG_CGROUP_STAT_EVENTS, &st, &err));
	NOTE("with memory.oom.group: oom %" PRIu64 ", oom_kill %" PRIu64 ", oom_group_kill %" PRIu64, st.memory_oom_events,
	     st.memory_oom_kills, st.memory_oom_group_kills);
	CHECK(st.memory_oom_kills == 3 || st.memory_oom_kills == 4); /* processes, and on some kernels one more */
	CHECK_IS(st.memory_oom_group_kills, 1);
	end_job(&j, "j");
}

/* ---- io ---- */

static void write_8_mib(void *arg)
{
	int fd = open("/mnt/disk/mscg-io", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	char *block = xcalloc(1, MIB);

	(void)arg;
	for (int i = 0; i < 8; i++)
		if (write(fd, block, MIB) != (ssize_t)MIB)
			_exit(1);
	_exit(fsync(fd) < 0);
}

static void io(void)
{
	struct mscg_cgroup j = job("j");
	struct mscg_cgroup_io_max m = { MSCG_CGROUP_MAX, 4 * MIB, MSCG_CGROUP_MAX, 1000 }, got;
	struct mscg_cgroup_stat st;
	unsigned major_n = major(disk()), minor_n = minor(disk());
	int64_t from = clock_boot_usec();

	OK(mscg_cgroup_set_io_max(&j, major_n, minor_n, &m, &err));
	OK(mscg_cgroup_get_io_max(&j, major_n, minor_n, &got, &err));
	CHECK(got.rbps == MSCG_CGROUP_MAX && got.wbps == 4 * MIB && got.riops == MSCG_CGROUP_MAX && got.wiops == 1000);
	FAILS(mscg_cgroup_set_io_max(&j, 240, 99, &m, &err), -ENXIO, "240:99 is no whole disk");
	pid_t pid = spawn(&j, write_8_mib, NULL);
	CHECK_IS(reap(pid), 0);
	OK(mscg_cgroup_read_stat(&j, MSCG_CGROUP_STAT_IO, &st, &err));
	NOTE("8 MiB at 4 MiB/s: %.2f s, wbytes %" PRIu64 ", wios %" PRIu64, (double)(clock_boot_usec() - from) / 1e6,
	     st.io_write_bytes, st.io_writes);
	CHECK(st.io_write_bytes >= 8 * MIB && st.io_write_bytes < 12 * MIB && st.io_writes > 0);
	CHECK(clock_boot_usec() - from > 1000000);
	unlink("/mnt/disk/mscg-io");
	end_job(&j, "j");
}

/* ---- memory of a running cgroup ---- */

/* The file is made by the frame's root before anything else; its pages are dropped, and become those of who reads it. */
static void make_cache(void)
{
	int fd = open(CACHE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	disk();
	if (fd < 0)
		return;
	char *block = xcalloc(1, MIB);
	for (int i = 0; i < CACHE_MIB; i++)
		CHECK(write(fd, block, MIB) == (ssize_t)MIB);
	free(block);
	fsync(fd);
	close(fd);
}

static void cache_reader(void *arg)
{
	int fd = open(CACHE, O_RDONLY | O_CLOEXEC);
	char *block = xcalloc(1, MIB);

	if (fd < 0)
		_exit(1);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	while (read(fd, block, MIB) > 0)
		;
	hoarder(arg);
}

static void unchanged(const struct mscg_cgroup *j, uint64_t max)
{
	uint64_t v;

	OK(mscg_cgroup_get(j, MSCG_CGROUP_MEMORY_MAX, &v, &err));
	CHECK_IS(v, max);
	OK(mscg_cgroup_get(j, MSCG_CGROUP_MEMORY_HIGH, &v, &err));
	CHECK(v == MSCG_CGROUP_MAX);
	char text[8];
	CHECK(cg_read(j, "cgroup.freeze", text, sizeof text, &err) > 0 && text[0] == '0');
}

static void shrink_cache(void)
{
	struct mscg_cgroup j = job("j");
	struct mscg_cgroup_resized got;
	struct mscg_cgroup_stat st;

	make_cache();
	OK(mscg_cgroup_resize_memory(&j, 256 * MIB, in_ms(1000), &got, &err));
	CHECK(got.done);
	pid_t pid = spawn(&j, cache_reader, (void *)16);
	WAIT_FOR(shared->ready == 1);
	OK(mscg_cgroup_read_stat(&j, MSCG_CGROUP_STAT_DETAIL | MSCG_CGROUP_STAT_MEMORY, &st, &err));
	CHECK(st.memory_file > (CACHE_MIB - 8) * MIB && st.memory_anon >= 16 * MIB);
	int64_t from = clock_boot_usec();
	OK(mscg_cgroup_resize_memory(&j, 40 * MIB, in_ms(20000), &got, &err));
	NOTE("%.1f MiB to 40 MiB in %.1f ms: %s %s", (double)st.memory_current / (double)MIB,
	     (double)(clock_boot_usec() - from) / 1000, got.done ? "done" : "deferred", got.why);
	CHECK(got.done && got.current_bytes <= 40 * MIB && got.current_bytes >= 16 * MIB && !*got.why);
	unchanged(&j, 40 * MIB);
	CHECK(waitpid(pid, NULL, WNOHANG) == 0);
	/* What is not cache stays, and so does the limit. */
	from = clock_boot_usec();
	OK(mscg_cgroup_resize_memory(&j, 8 * MIB, in_ms(20000), &got, &err));
	NOTE("to 8 MiB in %.1f ms: %s", (double)(clock_boot_usec() - from) / 1000, got.why);
	CHECK(!got.done && got.anon_bytes >= 16 * MIB && strstr(got.why, "do not fit into 8.0 MiB"));
	unchanged(&j, 40 * MIB);
	/* Back up. */
	OK(mscg_cgroup_resize_memory(&j, MSCG_CGROUP_MAX, in_ms(0), &got, &err));
	CHECK(got.done);
	unchanged(&j, MSCG_CGROUP_MAX);
	FAILS(mscg_cgroup_resize_memory(&j, 0, 0, &got, &err), -ERANGE, "0 is no memory limit");
	OK(mscg_cgroup_read_stat(&j, MSCG_CGROUP_STAT_EVENTS, &st, &err));
	CHECK_IS(st.memory_oom_kills, 0);
	CHECK(waitpid(pid, NULL, WNOHANG) == 0);
	end_job(&j, "j");
}

/* Whether cgroup.events changed since it was read: it stood still, or goes on. */
static bool stood_still(int events)
{
	struct pollfd p = { .fd = events, .events = POLLPRI };
	struct mscg_cgroup_events e;
	bool changed = poll(&p, 1, 200) == 1;

	OK(mscg_cgroup_events_read(events, &e));
	return changed;
}

/* Nobody is made to stand still where much room is left, and those that nearly fill it are. */
static void shrink_roomy(void)
{
	struct mscg_cgroup j = job("j");
	struct mscg_cgroup_resized got;
	int events;

	make_cache();
	pid_t pid = spawn(&j, cache_reader, (void *)16);
	WAIT_FOR(shared->ready == 1);
	OK(mscg_cgroup_events_open(&j, &events, &err));
	stood_still(events);
	OK(mscg_cgroup_resize_memory(&j, 300 * MIB, in_ms(1000), &got, &err));
	CHECK(got.done && got.current_bytes <= 150 * MIB);
	unchanged(&j, 300 * MIB);
	CHECK(!stood_still(events));
	OK(mscg_cgroup_resize_memory(&j, 32 * MIB, in_ms(20000), &got, &err));
	CHECK(got.done && got.current_bytes > 16 * MIB);
	unchanged(&j, 32 * MIB);
	CHECK(stood_still(events));
	CHECK(waitpid(pid, NULL, WNOHANG) == 0);
	close(events);
	end_job(&j, "j");
}

static void shrink_frozen(void)
{
	struct mscg_cgroup j = job("j");
	struct mscg_cgroup_resized got;
	struct mscg_cgroup_events e;

	make_cache();
	pid_t pid = spawn(&j, cache_reader, (void *)8);
	WAIT_FOR(shared->ready == 1);
	OK(mscg_cgroup_freeze(&j, in_ms(10000), &err));
	OK(mscg_cgroup_resize_memory(&j, 32 * MIB, in_ms(20000), &got, &err));
	CHECK(got.done);
	OK(mscg_cgroup_events_get(&j, &e, &err));
	CHECK(e.frozen);
	CHECK(waitpid(pid, NULL, WNOHANG) == 0);
	OK(mscg_cgroup_thaw(&j, &err));
	end_job(&j, "j");
}

/* Breathes between 4 and 28 MiB of anonymous memory, as fast as it can. */
static void breather(void *arg)
{
	(void)arg;
	for (;;) {
		size_t size = 24 * MIB;
		char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		for (size_t i = 0; p != MAP_FAILED && i < size; i += 4096)
			p[i] = 1;
		munmap(p, size);
		atomic_fetch_add(&shared->hits, 1);
	}
}

static void shrink_under_fire(void)
{
	struct mscg_cgroup j = job("j");
	struct mscg_cgroup_resized got;
	struct mscg_cgroup_stat st;
	unsigned done = 0, low_done = 0;
	int hits;

	make_cache();
	OK(mscg_cgroup_set(&j, MSCG_CGROUP_MEMORY_MAX, 300 * MIB, &err));
	spawn(&j, cache_reader, (void *)2);
	pid_t pid = spawn(&j, breather, NULL);
	WAIT_FOR(shared->ready == 1 && shared->hits > 3);
	for (int i = 0; i < 30; i++) {
		hits = shared->hits;
		/* 48 always has room for what it breathes; 24 only has when it breathes out: it may be refused, never kill. */
		OK(mscg_cgroup_resize_memory(&j, 48 * MIB, in_ms(5000), &got, &err));
		done += got.done;
		WAIT_FOR(shared->hits > hits + 1);
		CHECK(waitpid(pid, NULL, WNOHANG) == 0);
		OK(mscg_cgroup_resize_memory(&j, (200 + (uint64_t)i) * MIB, in_ms(5000), &got, &err));
		CHECK(got.done);
	}
	OK(mscg_cgroup_read_stat(&j, MSCG_CGROUP_STAT_EVENTS, &st, &err));
	CHECK_IS(st.memory_oom_kills, 0);
	for (int i = 0; i < 10 && !low_done; i++) {
		OK(mscg_cgroup_resize_memory(&j, 12 * MIB, in_ms(2000), &got, &err));
		low_done += got.done;
		OK(mscg_cgroup_read_stat(&j, MSCG_CGROUP_STAT_EVENTS, &st, &err));
		/* Deferred: nothing happened to it. Done: it fitted at that moment, and grew above its new limit afterwards. */
		CHECK(got.done || (st.memory_oom_kills == 0 && waitpid(pid, NULL, WNOHANG) == 0));
	}
	NOTE("%u of 30 shrinks to 48 MiB done; to 12 MiB %s", done, low_done ? "once done" : "always deferred");
	CHECK(done > 0);
	end_job(&j, "j");
}

static void reclaim(void)
{
	struct mscg_cgroup j = job("j");
	uint64_t current;
	char text[32];

	make_cache();
	spawn(&j, cache_reader, (void *)4);
	WAIT_FOR(shared->ready == 1);
	OK(mscg_cgroup_reclaim(&j, 16 * MIB, &err));
	FAILS(mscg_cgroup_reclaim(&j, 1024 * MIB, &err), -EAGAIN, "less than 1073741824 bytes");
	CHECK(cg_read(&j, "memory.current", text, sizeof text, &err) > 0 && cg_parse_number(text, &current) == 0);
	CHECK(current < 24 * MIB);
	end_job(&j, "j");
}

/* ---- pressure ---- */

static void pressure(void)
{
	struct mscg_cgroup j = job("j");
	struct mscg_cgroup_pressure p;
	struct mscg_cpuset one = cpus("1");
	struct pollfd t = { .events = POLLPRI };
	int fd;

	OK(mscg_cgroup_set_cpus(&j, &one, NULL, &err));
	for (int i = 0; i < 3; i++)
		OK(mscg_cgroup_read_pressure(&j, (enum mscg_cgroup_resource)i, &p, &err));
	CHECK(p.some.total_usec == 0 && p.full.avg10 >= 0);
	OK(mscg_cgroup_pressure_trigger(&j, MSCG_CGROUP_PRESSURE_CPU, false, 200000, 2000000, &t.fd, &err));
	OK(mscg_cgroup_pressure_trigger(&j, MSCG_CGROUP_PRESSURE_MEMORY, true, 100000, 4000000, &fd, &err));
	close(fd);
	FAILS(mscg_cgroup_pressure_trigger(&j, MSCG_CGROUP_PRESSURE_IO, false, 200000, 20000000, &fd, &err), -EINVAL, "io.pressure");
	int r = mscg_cgroup_pressure_trigger(&j, MSCG_CGROUP_PRESSURE_CPU, false, 100000, 1000000, &fd, &err);
	NOTE("a window of 1 s: %d", r);
	CHECK(r == 0 || (user_mode && r == -EINVAL));
	if (r == 0)
		close(fd);
	for (int i = 0; i < 3; i++)
		spawn(&j, burner, NULL);
	CHECK(poll(&t, 1, 30000) == 1 && (t.revents & POLLPRI) && !(t.revents & POLLERR));
	OK(mscg_cgroup_read_pressure(&j, MSCG_CGROUP_PRESSURE_CPU, &p, &err));
	NOTE("cpu some total %" PRIu64 " us", p.some.total_usec);
	CHECK(p.some.total_usec > 100000);
	close(t.fd);
	end_job(&j, "j");
}

int main(void)
{
	static const struct test_case cases[] = {
		{ "every limit", every_limit, AS_BOTH },
		{ "pids.max", no_more_processes, AS_BOTH },
		{ "half a CPU", half_a_cpu, AS_BOTH },
		{ "cpuset", cpusets, AS_BOTH },
		{ "cpuset partitions", partitions, AS_ROOT },
		{ "counters", counters, AS_BOTH },
		{ "out of memory", out_of_memory, AS_BOTH },
		{ "io", io, AS_ROOT },
		{ "memory shrinks by its cache", shrink_cache, AS_BOTH },
		{ "memory shrinks while frozen", shrink_frozen, AS_BOTH },
		{ "memory shrinks, and nobody stands still for it where half of it is free", shrink_roomy, AS_BOTH },
		{ "memory shrinks under fire", shrink_under_fire, AS_BOTH },
		{ "memory.reclaim", reclaim, AS_BOTH },
		{ "pressure", pressure, AS_BOTH },
	};

	return run_cases("cgroup limits", cases, ARRAY_SIZE(cases));
}
