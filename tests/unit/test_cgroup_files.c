/* What is written and read, byte by byte: a plain directory stands for the cgroup, since only its descriptor counts. */
#include "cgroup/internal.h"

#include <fcntl.h>
#include <setjmp.h>
#include <src/base/fd.h>
#include <stdarg.h>
/* after stdarg.h, setjmp.h */
#include <cmocka.h>

static char dir[] = "/tmp/mscg-cgroup-XXXXXX";
static struct mscg_cgroup cg = MSCG_CGROUP_NONE;

static void put(const char *file, const char *text)
{
	_cleanup_close_ int fd = openat(cg.fd, file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
}

static void expect(const char *file, const char *text)
{
	_cleanup_free_ char *got = NULL;

	assert_int_equal(cg_read_all(&cg, file, &got, NULL), 0);
	assert_string_equal(got, text);
	put(file, "");
}

static int make(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	cg.fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	put("cgroup.procs", "");
	return 0;
}

static int clear(void **state)
{
	char command[128];
	(void)state;
	mscg_cgroup_close(&cg);
	snprintf(command, sizeof command, "rm -r '%s'", dir);
	return system(command);
}

static void limits(void **state)
{
	struct mscg_error e;
	uint64_t v;
	(void)state;
	put("memory.max", "");
	assert_int_equal(mscg_cgroup_set(&cg, MSCG_CGROUP_MEMORY_MAX, 1u << 20, &e), 0);
	expect("memory.max", "1048576");
	assert_int_equal(mscg_cgroup_set(&cg, MSCG_CGROUP_MEMORY_MAX, MSCG_CGROUP_MAX, &e), 0);
	expect("memory.max", "max");
	put("io.weight", "");
	assert_int_equal(mscg_cgroup_set(&cg, MSCG_CGROUP_IO_WEIGHT, 200, &e), 0);
	expect("io.weight", "default 200");
	put("io.weight", "default 100\n8:0 50\n");
	assert_int_equal(mscg_cgroup_get(&cg, MSCG_CGROUP_IO_WEIGHT, &v, &e), 0);
	assert_int_equal(v, 100);
	put("pids.max", "max\n");
	assert_int_equal(mscg_cgroup_get(&cg, MSCG_CGROUP_PIDS_MAX, &v, &e), 0);
	assert_true(v == MSCG_CGROUP_MAX);
	put("cpu.weight", "");
	assert_int_equal(mscg_cgroup_set(&cg, MSCG_CGROUP_CPU_WEIGHT, 0, &e), -ERANGE);
	assert_string_equal(e.text, "0 is no value for cpu.weight: 1 to 10000");
	assert_int_equal(mscg_cgroup_set(&cg, MSCG_CGROUP_CPU_WEIGHT, MSCG_CGROUP_MAX, &e), -ERANGE);
	assert_int_equal(mscg_cgroup_set(&cg, MSCG_CGROUP_PIDS_MAX, 4194305, &e), -ERANGE);
	assert_string_equal(e.text, "4194305 is no value for pids.max: 0 to 4194304, or max");
	expect("cpu.weight", "");
	for (enum mscg_cgroup_limit l = 0; l < MSCG_CGROUP_LIMIT_COUNT; l++)
		assert_non_null(strchr(mscg_cgroup_limit_file(l), '.'));
	assert_int_equal(mscg_cgroup_limit_controller(MSCG_CGROUP_MAX_DEPTH), MSCG_CGROUP_CONTROLLER_COUNT);
	assert_int_equal(mscg_cgroup_limit_controller(MSCG_CGROUP_PIDS_MAX), MSCG_CGROUP_CONTROLLER_PIDS);
}

static void cpu_max(void **state)
{
	static const struct {
		uint32_t    milli;
		const char *text;
	} shares[] = { { 1, "1000 1000000" }, { 9, "9000 1000000" }, { 10, "1000 100000" }, { 500, "50000 100000" },
		       { 1500, "150000 100000" }, { 8192000, "819200000 100000" }, { UINT32_MAX, "max 100000" } };
	struct mscg_error e;
	(void)state;
	put("cpu.max", "");
	for (size_t i = 0; i < ARRAY_SIZE(shares); i++) {
		assert_int_equal(mscg_cgroup_set_cpu_milli(&cg, shares[i].milli, &e), 0);
		expect("cpu.max", shares[i].text);
	}
	assert_int_equal(mscg_cgroup_set_cpu_milli(&cg, 0, &e), -ERANGE);
	assert_int_equal(mscg_cgroup_set_cpu_max(&cg, 999, 100000, &e), -ERANGE);
	assert_int_equal(mscg_cgroup_set_cpu_max(&cg, 5000, 1000001, &e), -ERANGE);
	assert_int_equal(mscg_cgroup_set_cpu_max(&cg, 5000, 999, &e), -ERANGE);
	expect("cpu.max", "");
}

static void io_max(void **state)
{
	struct mscg_cgroup_io_max m = { 1000, MSCG_CGROUP_MAX, 5, MSCG_CGROUP_MAX };
	struct mscg_error e;
	(void)state;
	put("io.max", "");
	put("io.weight", "");
	assert_int_equal(mscg_cgroup_set_io_max(&cg, 8, 16, &m, &e), 0);
	expect("io.max", "8:16 rbps=1000 wbps=max riops=5 wiops=max");
	m.wbps = 0;
	assert_int_equal(mscg_cgroup_set_io_max(&cg, 8, 16, &m, &e), -ERANGE);
	assert_int_equal(mscg_cgroup_set_io_weight(&cg, 8, 0, 70, &e), 0);
	expect("io.weight", "8:0 70");
	assert_int_equal(mscg_cgroup_set_io_weight(&cg, 8, 0, 0, &e), 0);
	expect("io.weight", "8:0 default");
	assert_int_equal(mscg_cgroup_set_io_weight(&cg, 8, 0, 10001, &e), -ERANGE);
}

static void cpusets(void **state)
{
	struct mscg_cpuset want, got;
	struct mscg_error e;
	(void)state;
	assert_int_equal(mscg_cpuset_parse("1-3,8", &want, NULL), 0);
	put("cpuset.cpus", "");
	put("cpuset.cpus.effective", "1-3,8\n");
	assert_int_equal(mscg_cgroup_set_cpus(&cg, &want, &got, &e), 0);
	assert_true(mscg_cpuset_equal(&want, &got));
	expect("cpuset.cpus", "1-3,8");
	put("cpuset.cpus.effective", "0-7\n");
	assert_int_equal(mscg_cgroup_set_cpus(&cg, &want, &got, &e), -ESTALE);
	assert_non_null(strstr(e.text, "cpuset.cpus was set to 1-3,8, but cpuset.cpus.effective is 0-7"));
	assert_int_equal(mscg_cpuset_count(&got), 8);
	mscg_cpuset_zero(&want);
	assert_int_equal(mscg_cgroup_set_cpus(&cg, &want, NULL, &e), 0);
	expect("cpuset.cpus", "\n-3,8"); /* a newline clears; a plain file keeps the rest */
}

static void stats(void **state)
{
	struct mscg_cgroup_stat st;
	struct mscg_error e;
	(void)state;
	put("cpu.stat", "usage_usec 30\nuser_usec 20\nsystem_usec 10\nnr_periods 4\nnr_throttled 2\nthrottled_usec 9\n");
	put("memory.current", "4096\n");
	put("memory.stat", "anon 1\nfile 2\nkernel 3\nshmem 4\nfile_mapped 5\nfile_dirty 6\npgfault 7\npgmajfault 8\n");
	put("memory.events", "low 0\nhigh 1\nmax 2\noom 3\noom_kill 4\noom_group_kill 5\n");
	put("io.stat", "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n8:16 rbytes=10 wbytes=20 rios=30 wios=40 dbytes=50\n");
	put("pids.peak", "12\n");
	assert_int_equal(mscg_cgroup_read_stat(&cg, MSCG_CGROUP_STAT_ALL, &st, &e), 0);
	assert_true(st.cpu_usage_usec == 30 && st.cpu_user_usec == 20 && st.cpu_system_usec == 10);
	assert_true(st.cpu_nr_throttled == 2 && st.cpu_throttled_usec == 9);
	assert_true(st.memory_current == 4096 && st.memory_peak == MSCG_CGROUP_UNKNOWN);
	assert_true(st.memory_anon == 1 && st.memory_file == 2 && st.memory_shmem == 4 && st.memory_pgmajfault == 8);
	assert_true(st.memory_oom_events == 3 && st.memory_oom_kills == 4 && st.memory_oom_group_kills == 5);
	assert_true(st.io_read_bytes == 11 && st.io_writes == 44 && st.io_discard_bytes == 55);
	assert_true(st.pids_peak == 12 && st.pids_current == MSCG_CGROUP_UNKNOWN);
	assert_int_equal(mscg_cgroup_read_stat(&cg, MSCG_CGROUP_STAT_CPU, &st, &e), 0);
	assert_true(st.cpu_usage_usec == 30 && st.memory_current == MSCG_CGROUP_UNKNOWN);
	put("pids.current", "3\n");
	assert_int_equal(mscg_cgroup_read_stat(&cg, MSCG_CGROUP_STAT_ALL | MSCG_CGROUP_STAT_TOTALS, &st, &e), 0);
	assert_true(st.cpu_usage_usec == 30 && st.memory_anon == 1 && st.pids_peak == 12);
	assert_true(st.memory_current == MSCG_CGROUP_UNKNOWN && st.pids_current == MSCG_CGROUP_UNKNOWN);
	put("io.stat", "");
	assert_int_equal(mscg_cgroup_read_stat(&cg, MSCG_CGROUP_STAT_IO, &st, &e), 0);
	assert_true(st.io_read_bytes == 0);
}

/* More disks than fit into the small buffer. */
static void long_io_stat(void **state)
{
	struct mscg_cgroup_stat st;
	_cleanup_free_ char *text = xcalloc(2000, 64);
	size_t n = 0;
	(void)state;
	for (int i = 0; i < 2000; i++)
		n += (size_t)snprintf(text + n, 2000 * 64 - n, "8:%d rbytes=2 wbytes=1 rios=1 wios=1 dbytes=0 dios=0\n", i);
	put("io.stat", text);
	assert_int_equal(mscg_cgroup_read_stat(&cg, MSCG_CGROUP_STAT_IO, &st, NULL), 0);
	assert_int_equal(st.io_read_bytes, 4000);
}

static void missing_files(void **state)
{
	struct mscg_cgroup_resized got;
	struct mscg_error e;
	uint64_t v;
	(void)state;
	put("cgroup.controllers", "cpu pids\n");
	put("cgroup.subtree_control", "");
	assert_int_equal(mscg_cgroup_set(&cg, MSCG_CGROUP_MEMORY_HIGH, 1, &e), -EOPNOTSUPP);
	assert_non_null(strstr(e.text, "no memory.high: controller memory is not enabled here"));
	put("cgroup.controllers", "cpu memory\n");
	assert_int_equal(mscg_cgroup_reclaim(&cg, 1, &e), -EOPNOTSUPP);
	assert_non_null(strstr(e.text, "this kernel has none (since Linux 5.19)"));
	unlinkat(cg.fd, "memory.max", 0);
	assert_int_equal(mscg_cgroup_resize_memory(&cg, 1u << 20, 0, &got, &e), -EOPNOTSUPP);
	assert_int_equal(mscg_cgroup_get(&cg, MSCG_CGROUP_CPU_IDLE, &v, &e), -EOPNOTSUPP);
	assert_int_equal(mscg_cgroup_enable(&cg, MSCG_CGROUP_BIT(CPUSET) | MSCG_CGROUP_BIT(CPU), &e), -ENOENT);
	assert_non_null(strstr(e.text, "not available here: cpuset"));
	assert_int_equal(mscg_cgroup_enable(&cg, MSCG_CGROUP_BIT(CPU) | MSCG_CGROUP_BIT(MEMORY), &e), 0);
	expect("cgroup.subtree_control", "+cpu +memory");
}

static void names(void **state)
{
	struct mscg_cgroup c = MSCG_CGROUP_NONE;
	struct mscg_error e;
	(void)state;
	static const char *const bad[] = { "", ".", "..", "a/b", "/", "x\ny" };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(mscg_cgroup_create(&cg, bad[i], &c, &e), -EINVAL);
		assert_int_equal(mscg_cgroup_remove(&cg, bad[i], &e), -EINVAL);
		assert_int_equal(mscg_cgroup_remove_tree(&cg, bad[i], &e), -EINVAL);
	}
	assert_int_equal(symlinkat("/", cg.fd, "link"), 0);
	assert_int_equal(mscg_cgroup_open(&cg, "link", &c, &e), -ELOOP);
	assert_int_equal(mscg_cgroup_open(&cg, "..", &c, &e), -EXDEV);
	assert_int_equal(mscg_cgroup_open(&cg, "/", &c, &e), -EXDEV);
	assert_int_equal(mscg_cgroup_open_path(dir, &c, &e), -ENOTTY);
	assert_int_equal(c.fd, -1);
	mscg_cgroup_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits), cmocka_unit_test(cpu_max),      cmocka_unit_test(io_max),        cmocka_unit_test(cpusets),
		cmocka_unit_test(stats),  cmocka_unit_test(long_io_stat), cmocka_unit_test(missing_files), cmocka_unit_test(names),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("cgroup files", tests, make, clear);
}
