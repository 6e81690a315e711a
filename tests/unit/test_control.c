/* The control file as an elastic program reads it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/base/base.h"
#include "src/base/fd.h"

#include <fcntl.h>
#include <mscg/control.h>
#include <poll.h>
#include <sched.h>

static int setup(void **state)
{
	char *dir = xstrdup("/tmp/mscg-unit-XXXXXX");

	unsetenv("MSCG_CONTROL_FILE");
	unsetenv("MINI_SLURM_CONTROL_FILE");
	if (!mkdtemp(dir))
		return -1;
	*state = dir;
	return 0;
}

static int teardown(void **state)
{
	_cleanup_free_ char *command = xasprintf("rm -rf %s", (char *)*state);

	free(*state);
	return system(command);
}

static char *control_path(void **state)
{
	return xasprintf("%s/control", (char *)*state);
}

static void put(const char *path, const char *text)
{
	assert_int_equal(fd_replace_file_at(AT_FDCWD, path, text, strlen(text), 0644), 0);
}

static void cleanup_control(struct mscg_control **c)
{
	mscg_control_close(*c);
}
#define _cleanup_control_ _cleanup_(cleanup_control)

#define FIRST "CPUS=4\nMEM_MB=4096\nMIN_CPUS=2\nMAX_CPUS=8\nSTATUS=RUNNING\nSCALE_EVENT=1704110400.5\n"

static void test_read(void **state)
{
	_cleanup_free_ char *path = control_path(state);
	_cleanup_control_ struct mscg_control *c = NULL;
	struct mscg_control_state s;

	put(path, FIRST);
	assert_int_equal(mscg_control_open(&c, path), 0);
	assert_int_equal(mscg_control_read(c, &s), 1);
	assert_int_equal(s.cpus, 4);
	assert_int_equal(s.min_cpus, 2);
	assert_int_equal(s.max_cpus, 8);
	assert_true(s.mem_mb == 4096);
	assert_string_equal(s.status, "RUNNING");
	assert_true(s.scale_event > 1704110400.49 && s.scale_event < 1704110400.51);
	memset(&s, 0, sizeof s);
	assert_int_equal(mscg_control_read(c, &s), 0);
	assert_int_equal(s.cpus, 4);
	assert_int_equal(mscg_control_cpus(c), 4);

	put(path, "CPUS=6\nSTATUS=RUNNING\n");
	assert_int_equal(mscg_control_read(c, &s), 1);
	assert_int_equal(s.cpus, 6);
	assert_int_equal(s.max_cpus, 0);
	/* Replaced by the same: nothing changed. */
	put(path, "CPUS=6\nSTATUS=RUNNING\n");
	assert_int_equal(mscg_control_read(c, &s), 0);
	put(path, "CPUS=6\nSTATUS=COMPLETED\n");
	assert_int_equal(mscg_control_read(c, &s), 1);
	assert_string_equal(s.status, "COMPLETED");
}

/* Many replacements within one tick of the file system's clock: each is another inode, and each is seen. */
static void test_every_replacement_is_seen(void **state)
{
	_cleanup_free_ char *path = control_path(state);
	_cleanup_control_ struct mscg_control *c = NULL;
	struct mscg_control_state s;

	put(path, "CPUS=1\n");
	assert_int_equal(mscg_control_open(&c, path), 0);
	for (unsigned i = 1; i < 1000; i++) {
		char text[32];

		snprintf(text, sizeof text, "CPUS=%u\n", 1 + i % 9);
		put(path, text);
		assert_int_equal(mscg_control_read(c, &s), 1);
		assert_int_equal(s.cpus, 1 + i % 9);
	}
}

static void test_tolerant_and_strict(void **state)
{
	static const struct {
		const char *text;
		int code;
		uint32_t cpus;
	} cases[] = {
		{"CPUS=3", 1, 3}, {"# hello\nCPUS=3\nGPUS=all\n\n=\nX\n", 1, 3}, {"CPUS=0.5\n", 1, 1}, {"CPUS=2.5\n", 1, 3},
		{"CPUS=3\nSCALE_EVENT=0\n", 1, 3}, {"CPUS=3\r\n", -EBADMSG, 0}, {"", -EBADMSG, 0}, {"MEM_MB=1\n", -EBADMSG, 0},
		{"CPUS=0\n", -EBADMSG, 0}, {"CPUS=-1\n", -EBADMSG, 0}, {"CPUS=\n", -EBADMSG, 0}, {"CPUS=4x\n", -EBADMSG, 0},
		{"CPUS=4\nMEM_MB=1.5\n", -EBADMSG, 0}, {"CPUS=4\nMEM_MB=99999999999999999999\n", -EBADMSG, 0},
		{"CPUS=99999999999\n", -EBADMSG, 0}, {"CPUS=4\nSCALE_EVENT=1.\n", -EBADMSG, 0},
		{"CPUS=4\nSCALE_EVENT=nan\n", -EBADMSG, 0}, {"CPUS=4\nSTATUS=A_VERY_LONG_WORD_FOR_A_STATUS\n", -EBADMSG, 0},
	};
	_cleanup_free_ char *path = control_path(state);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_control_ struct mscg_control *c = NULL;
		struct mscg_control_state s;

		put(path, cases[i].text);
		assert_int_equal(mscg_control_open(&c, path), 0);
		assert_int_equal(mscg_control_read(c, &s), cases[i].code);
		if (cases[i].code > 0)
			assert_int_equal(s.cpus, cases[i].cpus);
	}
}

static void test_last_state_outlives_the_file(void **state)
{
	_cleanup_free_ char *path = control_path(state);
	_cleanup_control_ struct mscg_control *c = NULL;
	struct mscg_control_state s;

	put(path, "CPUS=5\n");
	assert_int_equal(mscg_control_open(&c, path), 0);
	assert_int_equal(mscg_control_cpus(c), 5);
	put(path, "CPUS=broken\n");
	assert_int_equal(mscg_control_read(c, &s), -EBADMSG);
	assert_int_equal(mscg_control_cpus(c), 5);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mscg_control_read(c, &s), -ENOENT);
	assert_int_equal(mscg_control_cpus(c), 5);
	put(path, "CPUS=7\n");
	assert_int_equal(mscg_control_cpus(c), 7);
}

static void test_open_by_environment(void **state)
{
	_cleanup_free_ char *path = control_path(state), *other = xasprintf("%s/other", (char *)*state);
	struct mscg_control *c = NULL;

	assert_int_equal(mscg_control_open(&c, NULL), -ENOENT);
	assert_null(c);
	put(path, "CPUS=2\n");
	put(other, "CPUS=3\n");
	setenv("MINI_SLURM_CONTROL_FILE", other, 1);
	assert_int_equal(mscg_control_open(&c, NULL), 0);
	assert_int_equal(mscg_control_cpus(c), 3);
	mscg_control_close(c);
	setenv("MSCG_CONTROL_FILE", path, 1);
	assert_int_equal(mscg_control_open(&c, NULL), 0);
	assert_int_equal(mscg_control_cpus(c), 2);
	mscg_control_close(c);
	c = NULL;
	assert_int_equal(mscg_control_open(&c, *state), -EISDIR);
	assert_int_equal(mscg_control_open(&c, "/nowhere/control"), -ENOENT);
	assert_null(c);
}

static bool rings(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static void test_notification(void **state)
{
	_cleanup_free_ char *path = control_path(state);
	_cleanup_control_ struct mscg_control *c = NULL;
	struct mscg_control_state s;
	int fd;

	put(path, "CPUS=1\n");
	assert_int_equal(mscg_control_open(&c, path), 0);
	fd = mscg_control_fd(c);
	assert_true(fd >= 0);
	assert_int_equal(mscg_control_fd(c), fd);
	assert_int_equal(mscg_control_read(c, &s), 1);
	assert_false(rings(fd));
	for (unsigned i = 2; i < 6; i++) {
		char text[32];

		snprintf(text, sizeof text, "CPUS=%u\n", i);
		put(path, text);
		assert_true(rings(fd));
		assert_int_equal(mscg_control_read(c, &s), 1);
		assert_int_equal(s.cpus, i);
		assert_false(rings(fd));
	}
}

/* ~/.mscg_logs/job_7.control is a link: what is watched is the directory of the file behind it. */
static void test_through_link(void **state)
{
	_cleanup_free_ char *dir = xasprintf("%s/run", (char *)*state), *path = xasprintf("%s/control", dir);
	_cleanup_free_ char *link = xasprintf("%s/job_7.control", (char *)*state);
	_cleanup_control_ struct mscg_control *c = NULL;
	struct mscg_control_state s;
	int fd;

	assert_int_equal(fd_make_dirs(dir, 0700), 0);
	put(path, "CPUS=1\n");
	assert_int_equal(symlink("run/control", link), 0);
	assert_int_equal(mscg_control_open(&c, link), 0);
	fd = mscg_control_fd(c);
	assert_int_equal(mscg_control_read(c, &s), 1);
	put(path, "CPUS=2\n");
	assert_true(rings(fd));
	assert_int_equal(mscg_control_read(c, &s), 1);
	assert_int_equal(s.cpus, 2);
}

static void test_outside_of_a_job(void **state)
{
	struct mscg_control_state s;
	cpu_set_t set;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
	assert_int_equal(mscg_control_cpus(NULL), CPU_COUNT(&set));
	assert_int_equal(mscg_control_fd(NULL), -EINVAL);
	assert_int_equal(mscg_control_read(NULL, &s), -EINVAL);
	mscg_control_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_replacement_is_seen, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tolerant_and_strict, setup, teardown),
		cmocka_unit_test_setup_teardown(test_last_state_outlives_the_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_open_by_environment, setup, teardown),
		cmocka_unit_test_setup_teardown(test_notification, setup, teardown),
		cmocka_unit_test_setup_teardown(test_through_link, setup, teardown),
		cmocka_unit_test_setup_teardown(test_outside_of_a_job, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
