/* What becomes of a launch: exit codes, signals, and every way in which it can fail. */
#include "test_runner.h"

#include <sched.h>

static int setup(void **state)
{
	int r = world_make(state);
	if (r == 0)
		start_runner(16, 2);
	return r;
}

static void exit_codes(void **state)
{
	(void)state;
	_cleanup_free_ char *program = probe("exit_with");
	for (int code = 0; code < 256; code++) {
		char text[8];
		struct job j;
		snprintf(text, sizeof text, "%d", code);
		job_make(&j);
		j.launch.exec_path = program;
		j.launch.argv      = (char *[]){ (char *)"exit_with", text, NULL };
		job_run(&j);
		assert_exit(&j, code);
		assert_int_equal(j.started, 1);
		assert_int_equal(j.exited, 1);
		assert_true(j.last.pid > 0);
		assert_true(j.last.start_usec > 0 && j.last.end_usec >= j.last.start_usec);
		assert_true(j.last.start_boot_usec > 0 && j.last.end_boot_usec >= j.last.start_boot_usec);
		assert_int_equal(j.last.cgroup_id, j.launch.cgroup_id);
		assert_int_equal(j.last.uid, JOB_UID);
	}
}

static void deaths(void **state)
{
	(void)state;
	static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGKILL, SIGUSR1,
		                       SIGSEGV, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGXCPU, SIGSYS };
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		char text[64];
		struct job j;
		snprintf(text, sizeof text, "ulimit -c 0; kill -%d $$; exit 99", signals[i]);
		job_make(&j);
		job_shell(&j, text);
		job_run(&j);
		assert_int_equal(j.last.state, RUNNER_EXITED);
		assert_int_equal(j.last.wait_code, CLD_KILLED);
		assert_int_equal(j.last.wait_status, signals[i]);
	}
}

static void signals_from_us(void **state)
{
	(void)state;
	struct job j;
	job_make(&j);
	job_shell(&j, "exec sleep 1000");
	job_launch(&j);
	TURN_UNTIL(j.started);
	struct runner_slot_info look;
	assert_int_equal(runner_look(w.runner, j.slot, &look), 0);
	assert_int_equal(look.state, RUNNER_RUNNING);
	assert_true(look.supervised);
	runner_free_slot(w.runner, j.slot); /* refused: it runs */
	assert_int_equal(runner_look(w.runner, j.slot, &look), 0);
	assert_int_equal(look.state, RUNNER_RUNNING);
	assert_int_equal(runner_revoke(w.runner, j.slot), -EBUSY);
	assert_int_equal(runner_signal(w.runner, j.slot, SIGTERM), 0);
	job_wait(&j);
	assert_int_equal(j.last.wait_status, SIGTERM);
	assert_int_equal(runner_signal(w.runner, j.slot, SIGTERM), -ESRCH);
	job_free(&j);
	assert_int_equal(runner_look(w.runner, j.slot, &look), -ENOENT);
	assert_int_equal(runner_signal(w.runner, 9999, SIGTERM), -ESRCH);
}

static void one_argument(struct job *j, const char *path)
{
	static char *argv[2];
	argv[0]             = (char *)path;
	j->launch.exec_path = path;
	j->launch.argv      = argv;
}

static void exec_failures(void **state)
{
	(void)state;
	struct job j;
	_cleanup_free_ char *plain = file_in("plain"), *broken = file_in("broken"), *below = file_in("plain/x");
	write_text(plain, "not a program\n");

	job_make(&j);
	one_argument(&j, "/nonexistent/program");
	job_run(&j);
	assert_failed(&j, RUNNER_STAGE_EXEC, ENOENT);

	job_make(&j);
	one_argument(&j, plain);
	job_run(&j);
	assert_failed(&j, RUNNER_STAGE_EXEC, EACCES);

	job_make(&j);
	one_argument(&j, below);
	job_run(&j);
	assert_failed(&j, RUNNER_STAGE_EXEC, ENOTDIR);

	job_make(&j);
	one_argument(&j, "/tmp");
	job_run(&j);
	assert_failed(&j, RUNNER_STAGE_EXEC, EACCES);

	/* Named interpreter that is not there. */
	write_text(broken, "#!/nonexistent/interpreter\n");
	assert_int_equal(chmod(broken, 0755), 0);
	job_make(&j);
	one_argument(&j, broken);
	job_run(&j);
	assert_failed(&j, RUNNER_STAGE_INTERPRETER, ENOENT);

	/* A bare name that is nowhere in PATH, and one that is there but may not be run. */
	job_make(&j);
	one_argument(&j, "no-such-command-anywhere");
	job_run(&j);
	assert_failed(&j, RUNNER_STAGE_EXEC, ENOENT);
	job_make(&j);
	one_argument(&j, "plain");
	j.launch.path = w.dir;
	job_run(&j);
	assert_failed(&j, RUNNER_STAGE_EXEC, EACCES);

	/* Positive control: the same one, once it may be. No #! line: a shell runs it, as shells do. */
	write_text(plain, "exit $(($# + 40))\n");
	assert_int_equal(chmod(plain, 0755), 0);
	job_make(&j);
	j.launch.exec_path = "plain";
	j.launch.path      = w.dir;
	j.launch.argv      = (char *[]){ (char *)"plain", (char *)"a", (char *)"b", NULL };
	job_run(&j);
	assert_exit(&j, 42);
}

static void workdirs(void **state)
{
	(void)state;
	struct job j;
	_cleanup_free_ char *secret = file_in("secret"), *out = file_in("cwd"), *text = NULL;
	assert_int_equal(mkdir(secret, 0700), 0);

	job_make(&j);
	job_shell(&j, "exit 0");
	j.launch.workdir = "/nonexistent";
	job_run(&j);
	assert_failed(&j, RUNNER_STAGE_WORKDIR, ENOENT);

	job_make(&j);
	job_shell(&j, "exit 0");
	j.launch.workdir = secret;
	job_run(&j);
	assert_failed(&j, RUNNER_STAGE_WORKDIR, EACCES);

	job_make(&j);
	job_shell(&j, "pwd -P");
	j.launch.workdir     = w.dir;
	j.launch.stdout_path = out;
	job_run(&j);
	assert_exit(&j, 0);
	text = text_of(out);
	text[strlen(text) - 1] = 0;
	assert_string_equal(text, w.dir);
}

static void fail_output(const char *path, enum runner_stage stage, int errno_value)
{
	struct job j;
	job_make(&j);
	job_shell(&j, "exit 0");
	*(stage == RUNNER_STAGE_STDIN    ? &j.launch.stdin_path
	  : stage == RUNNER_STAGE_STDOUT ? &j.launch.stdout_path
	                                 : &j.launch.stderr_path) = path;
	job_run(&j);
	assert_failed(&j, stage, errno_value);
}

static void outputs_refused(void **state)
{
	(void)state;
	_cleanup_free_ char *roots = file_in("roots"), *their = file_in("their"), *new = file_in("their/new"), *fifo = file_in("fifo"), *link = file_in("link"),
			    *socket_path = file_in("missing/out");
	write_text(roots, "of root\n");
	assert_int_equal(mkdir(their, 0755), 0);
	assert_int_equal(mkfifo(fifo, 0666), 0);
	assert_int_equal(chmod(fifo, 0666), 0);
	assert_int_equal(symlink("/dev/null", link), 0);

	fail_output("/nonexistent/in", RUNNER_STAGE_STDIN, ENOENT);
	fail_output("/etc/shadow", RUNNER_STAGE_STDIN, EACCES);
	fail_output(w.dir, RUNNER_STAGE_STDIN, EISDIR);
	fail_output(roots, RUNNER_STAGE_STDOUT, EACCES);
	fail_output(new, RUNNER_STAGE_STDOUT, EACCES);
	fail_output(w.dir, RUNNER_STAGE_STDOUT, EISDIR);
	fail_output(socket_path, RUNNER_STAGE_STDERR, ENOENT);
	fail_output(fifo, RUNNER_STAGE_STDOUT, ENXIO); /* nobody reads: it does not wait for one */
	fail_output(link, RUNNER_STAGE_STDOUT, ELOOP);
	fail_output("/proc/self/fd/1", RUNNER_STAGE_STDOUT, ELOOP);
	fail_output("/proc/1/fd/1", RUNNER_STAGE_STDERR, EACCES);
	_cleanup_free_ char *text = text_of(roots);
	assert_string_equal(text, "of root\n");
}

static void outputs_written(void **state)
{
	(void)state;
	struct job j;
	struct stat st;
	_cleanup_free_ char *out = file_in("out"), *both = file_in("both"), *in = file_in("in"), *fifo = file_in("read");
	char got[64];

	write_text(in, "from a file\n");
	job_make(&j);
	job_shell(&j, "cat; echo error >&2");
	j.launch.stdin_path  = in;
	j.launch.stdout_path = j.launch.stderr_path = out;
	j.launch.umask_      = 027;
	job_run(&j);
	assert_exit(&j, 0);
	_cleanup_free_ char *first = text_of(out);
	assert_string_equal(first, "from a file\nerror\n");
	assert_int_equal(stat(out, &st), 0);
	assert_int_equal(st.st_uid, JOB_UID);
	assert_int_equal(st.st_gid, JOB_UID);
	assert_int_equal(st.st_mode & 07777, 0640);

	/* Added to; then emptied. */
	job_make(&j);
	job_shell(&j, "echo more");
	j.launch.stdout_path = out;
	j.launch.append      = true;
	job_run(&j);
	_cleanup_free_ char *second = text_of(out);
	assert_string_equal(second, "from a file\nerror\nmore\n");
	job_make(&j);
	job_shell(&j, "echo new");
	j.launch.stdout_path = out;
	job_run(&j);
	_cleanup_free_ char *third = text_of(out);
	assert_string_equal(third, "new\n");

	/* More than 2 GiB is no end. */
	job_make(&j);
	job_shell(&j, "exec dd if=/dev/zero bs=1 count=1 seek=3G status=none");
	j.launch.stdout_path = both;
	job_run(&j);
	assert_exit(&j, 0);
	assert_int_equal(stat(both, &st), 0);
	assert_int_equal(st.st_size, 3LL * 1024 * 1024 * 1024 + 1);

	/* A FIFO that somebody reads is fine, and blocks as usual afterwards. */
	assert_int_equal(mkfifo(fifo, 0666), 0);
	assert_int_equal(chmod(fifo, 0666), 0);
	_cleanup_close_ int reader = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	job_make(&j);
	job_shell(&j, "echo through");
	j.launch.stdout_path = fifo;
	job_run(&j);
	assert_exit(&j, 0);
	assert_int_equal(read(reader, got, sizeof got), 8);
}

static void places(void **state)
{
	(void)state;
	struct job j;
	struct stat st;
	char target[256];
	_cleanup_free_ char *home = file_in("home"), *logs = file_in("home/.mscg_logs"), *out = file_in("home/.mscg_logs/o"),
			    *link = file_in("home/.mscg_logs/control"), *precious = file_in("precious");
	assert_int_equal(mkdir(home, 0755), 0);
	assert_int_equal(chown(home, JOB_UID, JOB_UID), 0);
	write_text(precious, "keep\n");

	for (int round = 0; round < 2; round++) { /* the second time everything is there */
		job_make(&j);
		job_shell(&j, "echo x");
		j.launch.make_dir    = logs;
		j.launch.link_path   = link;
		j.launch.link_target = round == 0 ? precious : "/run/control";
		j.launch.stdout_path = out;
		job_run(&j);
		assert_exit(&j, 0);
		assert_int_equal(lstat(logs, &st), 0);
		assert_int_equal(st.st_uid, JOB_UID);
		assert_int_equal(st.st_mode & 07777, 0755);
		assert_int_equal(lstat(link, &st), 0);
		assert_true(S_ISLNK(st.st_mode));
		ssize_t n = readlink(link, target, sizeof target - 1);
		assert_true(n > 0);
		target[n] = 0;
		assert_string_equal(target, round == 0 ? precious : "/run/control");
	}
	_cleanup_free_ char *text = text_of(precious);
	assert_string_equal(text, "keep\n"); /* the old link was replaced, not followed */

	/* Somebody without a home. */
	job_make(&j);
	job_shell(&j, "echo x");
	j.launch.make_dir = "/nonexistent/logs";
	job_run(&j);
	assert_failed(&j, RUNNER_STAGE_HOME, ENOENT);
	job_make(&j);
	job_shell(&j, "echo x");
	j.launch.link_path   = "/nonexistent/control";
	j.launch.link_target = "/run/control";
	job_run(&j);
	assert_failed(&j, RUNNER_STAGE_LINK, ENOENT);
	job_make(&j);
	job_shell(&j, "echo x");
	j.launch.make_dir      = "/nonexistent/logs";
	j.launch.link_path     = "/nonexistent/control";
	j.launch.link_target   = "/run/control";
	j.launch.link_optional = true;
	job_run(&j);
	assert_exit(&j, 0);
}

static void refused_at_once(void **state)
{
	(void)state;
	struct mscg_error error = { 0 };
	uint32_t slot;
	struct job j;
	job_make(&j);
	assert_int_equal(runner_launch(w.runner, &j.launch, &slot, &error), -EINVAL);
	job_shell(&j, "exit 0");
	j.launch.workdir = "relative";
	assert_int_equal(runner_launch(w.runner, &j.launch, &slot, &error), -EINVAL);
	assert_non_null(strstr(error.text, "relative"));
	j.launch.workdir = NULL;
	j.launch.uid     = UINT32_MAX;
	assert_int_equal(runner_launch(w.runner, &j.launch, &slot, &error), -EINVAL);
	j.launch.uid = JOB_UID;
	/* No identity of its own, and asked not to take one. */
	j.launch.drop = false;
	job_launch(&j);
	job_wait(&j);
	assert_failed(&j, RUNNER_STAGE_GID, EPERM);
	job_free(&j);
}

/* A removed cgroup, and one that is no cgroup. */
static void cgroups_refused(void **state)
{
	(void)state;
	struct job j;
	job_make(&j);
	job_shell(&j, "exit 0");
	assert_int_equal(rmdir(j.cgroup), 0);
	job_launch(&j);
	job_wait(&j);
	assert_failed(&j, RUNNER_STAGE_CLONE, ENOENT);
	runner_free_slot(w.runner, j.slot);

	close(j.launch.cgroup_fd);
	j.launch.cgroup_fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	j.failed = 0;
	job_launch(&j);
	job_wait(&j);
	assert_failed(&j, RUNNER_STAGE_CLONE, EBADF);
	runner_free_slot(w.runner, j.slot);
	close(j.launch.cgroup_fd);
}

/* Frozen before it could exec, then killed: a failed launch and no job that ended. */
static void killed_on_its_way(void **state)
{
	(void)state;
	struct job j;
	job_make(&j);
	job_shell(&j, "exit 0");
	write_control(j.cgroup, "cgroup.freeze", "1");
	job_launch(&j);
	wait_populated(j.cgroup);
	struct runner_slot_info look;
	assert_int_equal(runner_look(w.runner, j.slot, &look), 0);
	assert_int_equal(look.state, RUNNER_CLONING);
	kill_cgroup(j.cgroup);
	job_wait(&j);
	assert_int_equal(j.last.state, RUNNER_FAILED);
	assert_int_equal(j.last.errno_value, 0);
	assert_int_equal(j.last.wait_code, CLD_KILLED);
	assert_int_equal(j.last.wait_status, SIGKILL);
	assert_true(j.last.stage < RUNNER_STAGE_EXEC);
	job_free(&j);
}

/* As far as exec, and no further: the state and the stage say so, and its output is there already. */
static void launch_held(struct job *j, uint64_t namespaces, const char *script)
{
	struct runner_slot_info look;

	job_make(j);
	job_shell(j, script);
	j->launch.held       = true;
	j->launch.workdir    = w.dir; /* is kept, where it has a /tmp of its own */
	j->launch.namespaces = namespaces;
	job_launch(j);
	wait_populated(j->cgroup);
	do
		assert_int_equal(runner_look(w.runner, j->slot, &look), 0);
	while (look.stage != RUNNER_STAGE_GATE);
	assert_int_equal(look.state, RUNNER_CLONING);
}

static const uint64_t kinds[] = { 0, CLONE_NEWPID, CLONE_NEWPID | CLONE_NEWNS };

static void held_and_let_go(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		_cleanup_free_ char *mark = file_in("mark"), *script = xasprintf("echo > %s; exit 7", mark);
		struct pollfd p = { .fd = runner_fd(w.runner), .events = POLLIN };
		struct job j;

		launch_held(&j, kinds[i], script);
		while (poll(&p, 1, 100) > 0) /* supervisors that are ready say so */
			runner_dispatch(w.runner, on_event, NULL);
		assert_int_equal(j.started + j.failed, 0);
		assert_true(access(mark, F_OK) < 0);
		runner_let_go(w.runner, j.slot);
		job_wait(&j);
		assert_exit(&j, 7);
		assert_int_equal(access(mark, F_OK), 0);
		assert_int_equal(unlink(mark), 0);
		assert_false(runner_withdraw(w.runner, j.slot)); /* too late */
		job_free(&j);
	}
}

static void held_and_withdrawn(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		_cleanup_free_ char *mark = file_in("mark"), *script = xasprintf("echo > %s", mark);
		struct job j;

		launch_held(&j, kinds[i], script);
		assert_true(runner_withdraw(w.runner, j.slot));
		runner_let_go(w.runner, j.slot); /* too late */
		job_wait(&j);
		assert_failed(&j, RUNNER_STAGE_GATE, EAGAIN);
		wait_empty(j.cgroup);
		assert_true(access(mark, F_OK) < 0);
		job_free(&j);
	}
}

/* Signals that it does not die from change nothing; one that it dies from is a failed launch. */
static void held_and_signalled(void **state)
{
	(void)state;
	struct job j;
	char text[32] = "";

	launch_held(&j, 0, "exit 0");
	_cleanup_close_ int fd = open_control(j.cgroup, "cgroup.procs", O_RDONLY);
	assert_true(read(fd, text, sizeof text - 1) > 0);
	pid_t pid = (pid_t)strtol(text, NULL, 10);
	assert_int_equal(kill(pid, SIGSTOP) | kill(pid, SIGCONT) | kill(pid, SIGWINCH), 0);
	assert_int_equal(kill(pid, SIGTERM), 0);
	job_wait(&j);
	assert_int_equal(j.last.state, RUNNER_FAILED);
	assert_int_equal(j.last.wait_status, SIGTERM);
	runner_let_go(w.runner, j.slot);
	job_free(&j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exit_codes),
		cmocka_unit_test(deaths),
		cmocka_unit_test(signals_from_us),
		cmocka_unit_test(exec_failures),
		cmocka_unit_test(workdirs),
		cmocka_unit_test(outputs_refused),
		cmocka_unit_test(outputs_written),
		cmocka_unit_test(places),
		cmocka_unit_test(refused_at_once),
		cmocka_unit_test(cgroups_refused),
		cmocka_unit_test(killed_on_its_way),
		cmocka_unit_test(held_and_let_go),
		cmocka_unit_test(held_and_withdrawn),
		cmocka_unit_test(held_and_signalled),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, world_clear);
}
