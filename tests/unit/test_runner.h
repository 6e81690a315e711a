/* test_runner.h: what the tests of the runner share. Real processes in a real cgroup of their own, below the host's
 * cgroup2 mount; a runtime directory and files below /tmp. Everything is made by `world_make` and gone after
 * `world_clear`. Needs root (jobs of other users) and a cgroup2 mount: without them a test fails, it does not skip. */
#ifndef TEST_RUNNER_H
#define TEST_RUNNER_H

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "src/base/base.h"
#include "src/base/buf.h"
#include "src/base/clock.h"
#include "src/base/fd.h"
#include "src/runner/message.h"
#include "src/runner/runner.h"
#include "src/runner/slot.h"

#define NOBODY 65534u
#define JOB_UID 54321u /* no account: nothing of anybody's */
#define WAIT_MS 60000
#define TEST_CGROUP "mscg-runner-test-" /* and the pid */

struct world {
	char  build[4096]; /* where this program was built */
	char  dir[64];     /* below /tmp, for everybody */
	char  runtime[96];
	char  cgroup[4096]; /* parent of the jobs' and supervisors' cgroups */
	int   supervisors_fd;
	uint32_t jobs;
	pid_t pid;
	const char *home; /* cgroup that a forked daemon goes into; NULL: ours */
	struct runner *runner;
};

static struct world w;

static inline char *text_of(const char *path)
{
	char *text = NULL;
	return fd_read_file_at(AT_FDCWD, path, 64 << 20, &text, NULL) < 0 ? NULL : text;
}

static inline void find_cgroup2(char *ret, size_t size)
{
	_cleanup_free_ char *mounts = text_of("/proc/self/mountinfo");
	char *save = NULL;
	for (char *line = strtok_r(mounts, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char point[2048];
		if (strstr(line, " - cgroup2 ") && sscanf(line, "%*s %*s %*s %*s %2047s", point) == 1) {
			snprintf(ret, size, "%s", point);
			return;
		}
	}
	fail_msg("no cgroup2 is mounted here");
}

/* "name" below our build directory. */
static inline char *built(const char *name)
{
	return xasprintf("%s/%s", w.build, name);
}

static inline char *probe(const char *name)
{
	return xasprintf("%s/tests/probe/%s", w.build, name);
}

static inline char *file_in(const char *name)
{
	return xasprintf("%s/%s", w.dir, name);
}

static inline int open_runner(struct runner **ret, uint32_t slots, uint32_t spare, struct mscg_error *error)
{
	_cleanup_free_ char *supervise = built("mscg-supervise");
	return runner_open(ret, &(struct runner_config){
		.runtime_dir = w.runtime, .supervisor_path = supervise, .supervisors_cgroup_fd = w.supervisors_fd,
		.slots = slots, .spare = spare,
	}, error);
}

static inline void none_expected(const struct runner_slot_info *info, void *ctx)
{
	(void)ctx;
	fail_msg("slot %u says state %d", info->slot, info->state);
}

static inline void start_runner(uint32_t slots, uint32_t spare)
{
	struct mscg_error error = { 0 };
	if (open_runner(&w.runner, slots, spare, &error) < 0)
		fail_msg("runner_open: %s", error.text);
	assert_int_equal(runner_adopt(w.runner, none_expected, NULL), 0);
}

static inline void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

/* A file of a cgroup; -1. */
static inline int open_control(const char *cgroup, const char *file, int flags)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", cgroup, file);
	return open(path, flags | O_CLOEXEC);
}

static inline void write_control(const char *cgroup, const char *file, const char *text)
{
	_cleanup_close_ int fd = open_control(cgroup, file, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* Waits for "populated 0" or "populated 1" in cgroup.events, which says when it changes; no such cgroup: empty. */
static inline void wait_events(const char *cgroup, const char *wanted)
{
	char text[256];
	_cleanup_close_ int fd = open_control(cgroup, "cgroup.events", O_RDONLY);
	while (fd >= 0) {
		ssize_t n = pread(fd, text, sizeof text - 1, 0);
		text[n > 0 ? n : 0] = 0;
		if (strstr(text, wanted))
			return;
		struct pollfd p = { .fd = fd, .events = POLLPRI };
		if (poll(&p, 1, WAIT_MS) <= 0)
			fail_msg("%s: no \"%s\"", cgroup, wanted);
	}
}
#define wait_empty(cgroup) wait_events(cgroup, "populated 0")
#define wait_populated(cgroup) wait_events(cgroup, "populated 1")

static inline void kill_cgroup(const char *cgroup)
{
	if (access(cgroup, F_OK) < 0)
		return;
	write_control(cgroup, "cgroup.kill", "1");
	wait_empty(cgroup);
}

/* A cgroup, its children, and what runs in them. */
static inline void remove_cgroup(const char *cgroup)
{
	kill_cgroup(cgroup);
	DIR *d = opendir(cgroup);
	for (struct dirent *e; d && (e = readdir(d));)
		if (e->d_type == DT_DIR && e->d_name[0] != '.') {
			_cleanup_free_ char *path = xasprintf("%s/%s", cgroup, e->d_name);
			if (rmdir(path) < 0)
				print_error("%s: %s\n", path, strerror(errno));
		}
	if (d)
		closedir(d);
	if (rmdir(cgroup) < 0)
		print_error("%s: %s\n", cgroup, strerror(errno));
}

/* Of a test that crashed: its name has the pid of a process that is no more. */
static inline void remove_stale(const char *mount)
{
	DIR *d = opendir(mount);
	for (struct dirent *e; d && (e = readdir(d));)
		if (strncmp(e->d_name, TEST_CGROUP, strlen(TEST_CGROUP)) == 0 &&
		    kill((pid_t)strtol(e->d_name + strlen(TEST_CGROUP), NULL, 10), 0) < 0 && errno == ESRCH) {
			_cleanup_free_ char *path = xasprintf("%s/%s", mount, e->d_name);
			remove_cgroup(path);
		}
	if (d)
		closedir(d);
}

static inline int world_make(void **state)
{
	(void)state;
	char path[4200];
	if (geteuid() != 0) {
		print_error("these tests make jobs of other users: they need root\n");
		return -1;
	}
	ssize_t n = readlink("/proc/self/exe", w.build, sizeof w.build - 1);
	w.build[n > 0 ? n : 0] = 0;
	for (int i = 0; i < 3; i++) { /* BUILD/tests/unit/NAME */
		char *slash = strrchr(w.build, '/');
		if (slash)
			*slash = 0;
	}
	umask(022);
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); /* what dead daemons leave behind is ours to reap */
	snprintf(w.dir, sizeof w.dir, "/tmp/mscg-runner.XXXXXX");
	if (!mkdtemp(w.dir) || chmod(w.dir, 01777) < 0)
		return -1;
	snprintf(w.runtime, sizeof w.runtime, "%s/runtime", w.dir);
	find_cgroup2(path, sizeof path);
	snprintf(w.cgroup, sizeof w.cgroup, "%.4000s/" TEST_CGROUP "%d", path, getpid());
	remove_stale(path);
	if (mkdir(w.cgroup, 0755) < 0)
		return -1;
	snprintf(path, sizeof path, "%s/supervisors", w.cgroup);
	if (mkdir(path, 0755) < 0)
		return -1;
	w.supervisors_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	w.jobs   = 0;
	w.pid    = getpid();
	w.runner = NULL;
	return w.supervisors_fd < 0 ? -1 : 0;
}

static inline int world_clear(void **state)
{
	(void)state;
	char path[128];
	runner_close(steal(&w.runner));
	close(w.supervisors_fd);
	remove_cgroup(w.cgroup);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	snprintf(path, sizeof path, "rm -rf %s", w.dir);
	return system(path);
}

/* A job's cgroup, and what a launch needs by default. */
struct job {
	char  cgroup[4200];
	struct runner_launch launch;
	uint32_t slot;
	struct runner_slot_info last; /* the latest event */
	int started, exited, failed, lost;
};

/* The most that any test has in the air. */
static struct job *by_slot[4096];

static inline void job_make(struct job *j)
{
	static char *const no_env[] = { NULL };
	struct stat st;
	*j = (struct job){ .launch = RUNNER_LAUNCH_INIT };
	w.jobs++;
	snprintf(j->cgroup, sizeof j->cgroup, "%.4000s/job_%u", w.cgroup, w.jobs);
	assert_int_equal(mkdir(j->cgroup, 0755), 0);
	j->launch.cgroup_fd = open(j->cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(j->launch.cgroup_fd >= 0);
	assert_int_equal(fstat(j->launch.cgroup_fd, &st), 0);
	j->launch.cgroup_id = st.st_ino;
	j->launch.id        = (struct mscg_id){ .job = w.jobs, .task = MSCG_NO_TASK };
	j->launch.attempt   = 1;
	j->launch.env       = no_env;
	j->launch.drop      = true;
	j->launch.uid = j->launch.gid = JOB_UID;
}

static inline void job_clear(struct job *j)
{
	cleanup_close(&j->launch.stdio_fd);
	kill_cgroup(j->cgroup);
	close(j->launch.cgroup_fd);
	assert_int_equal(rmdir(j->cgroup), 0);
}

static inline void job_launch(struct job *j)
{
	struct mscg_error error = { 0 };
	if (runner_launch(w.runner, &j->launch, &j->slot, &error) < 0)
		fail_msg("runner_launch: %s", error.text);
	by_slot[j->slot] = j;
}

static inline void on_event(const struct runner_slot_info *info, void *ctx)
{
	struct job *j = by_slot[info->slot];
	(void)ctx;
	assert_non_null(j);
	assert_int_equal(info->id.job, j->launch.id.job);
	j->last = *info;
	if (!info->supervised && (info->state == RUNNER_RUNNING || info->state == RUNNER_CLONING)) {
		j->lost++;
	} else if (info->state == RUNNER_RUNNING) {
		assert_int_equal(j->exited, 0);
		j->started++;
	} else if (info->state == RUNNER_EXITED) {
		assert_int_equal(j->started, 1);
		j->exited++;
	} else if (info->state == RUNNER_FAILED) {
		j->failed++;
	} else {
		fail_msg("event of state %d", info->state);
	}
}

static inline void turn(void)
{
	struct pollfd p = { .fd = runner_fd(w.runner), .events = POLLIN };
	if (poll(&p, 1, WAIT_MS) <= 0)
		fail_msg("nothing came");
	runner_dispatch(w.runner, on_event, NULL);
}

#define TURN_UNTIL(condition)       \
	do {                        \
		while (!(condition)) \
			turn();     \
	} while (0)

static inline void job_wait(struct job *j)
{
	TURN_UNTIL(j->exited || j->failed || j->lost);
}

static inline void job_free(struct job *j)
{
	by_slot[j->slot] = NULL;
	runner_free_slot(w.runner, j->slot);
	job_clear(j);
}

/* From nothing to the end. */
static inline void job_run(struct job *j)
{
	job_launch(j);
	job_wait(j);
	job_free(j);
}

static inline void assert_exit(const struct job *j, int code)
{
	if (j->last.state != RUNNER_EXITED)
		fail_msg("state %d, failed at %s: errno %d, status %d", j->last.state, runner_stage_text(j->last.stage),
		         j->last.errno_value, j->last.wait_status);
	assert_int_equal(j->last.wait_code, CLD_EXITED);
	assert_int_equal(j->last.wait_status, code);
}

static inline void assert_failed(const struct job *j, enum runner_stage stage, int errno_value)
{
	assert_int_equal(j->last.state, RUNNER_FAILED);
	assert_string_equal(runner_stage_text(j->last.stage), runner_stage_text(stage));
	assert_int_equal(j->last.errno_value, errno_value);
	assert_int_equal(j->last.pid, 0);
	assert_int_equal(j->started, 0);
}

/* sh -c TEXT */
/* Attached to these, and to /dev/null where one is -1. */
static inline void job_attach(struct job *j, int in, int out, int err)
{
	int pair[2], null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int fds[3] = { in >= 0 ? in : null, out >= 0 ? out : null, err >= 0 ? err : null };
	char byte = 0;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(message_send(pair[1], &byte, 1, fds, 3), 0);
	close(pair[1]);
	close(null);
	j->launch.stdio_fd = pair[0];
}

static inline void job_shell(struct job *j, const char *text)
{
	static char *argv[8][4];
	static unsigned next;
	char **a = argv[next++ % 8];
	a[0] = (char *)"sh";
	a[1] = (char *)"-c";
	a[2] = (char *)text;
	a[3] = NULL;
	j->launch.exec_path = "/bin/sh";
	j->launch.argv      = a;
}

static inline unsigned count_fds(void)
{
	unsigned n = 0;
	DIR *d = opendir("/proc/self/fd");
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

#endif
