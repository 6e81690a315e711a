/* What a job is when it begins: who it is, what it may, what it holds, what it is told. */
#include "test_runner.h"

#include <grp.h>
#include <pty.h>
#include <sys/resource.h>
#include <sys/mman.h>

static int only_us(void **state)
{
	(void)state;
	if (getpid() != w.pid)
		_exit(97);
	return 0;
}

static int setup(void **state)
{
	int r = world_make(state);
	if (r == 0)
		start_runner(16, 2);
	return r;
}

/* What tests/probe/inspect printed: the value of the line that begins with `name`. */
static const char *value(const char *text, const char *name)
{
	static char found[8][4096];
	static unsigned next;
	char *to = found[next++ % 8];
	size_t n = strlen(name);
	for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		if (strncmp(line, name, n) == 0 && line[n] == ' ') {
			const char *v = line + n + strspn(line + n, " ");
			snprintf(to, sizeof found[0], "%.*s", (int)strcspn(v, "\n"), v);
			for (size_t i = strlen(to); i > 0 && to[i - 1] == ' '; i--)
				to[i - 1] = 0;
			return to;
		}
	fail_msg("no \"%s\" in:\n%s", name, text);
	return NULL;
}

static char *inspect(struct job *j, char **argv)
{
	static unsigned run;
	char name[32];
	snprintf(name, sizeof name, "inspect%u", run++);
	_cleanup_free_ char *out = file_in(name), *program = probe("inspect");
	j->launch.exec_path   = program;
	j->launch.argv        = argv;
	j->launch.stdout_path = j->launch.stderr_path = out;
	job_run(j);
	if (j->last.state != RUNNER_EXITED)
		fail_msg("inspect did not start: %s, errno %d", runner_stage_text(j->last.stage), j->last.errno_value);
	assert_exit(j, 0);
	return text_of(out);
}

static void who(void **state)
{
	(void)state;
	static const struct {
		uint32_t uid, gid, groups[4], n;
		const char *expect_uid, *expect_gid, *expect_groups;
	} cases[] = {
		{ JOB_UID, JOB_UID, { 0 }, 0, "54321 54321 54321 54321", "54321 54321 54321 54321", "" },
		{ NOBODY, NOBODY, { NOBODY }, 1, "65534 65534 65534 65534", "65534 65534 65534 65534", "65534" },
		{ 1000, 100, { 100, 27, 4000000000u }, 3, "1000 1000 1000 1000", "100 100 100 100", "27 100 4000000000" },
		{ 2147483648u, 5, { 5, 6 }, 2, "2147483648 2147483648 2147483648 2147483648", "5 5 5 5", "5 6" },
	};
	char *argv[] = { (char *)"inspect", NULL };
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct job j;
		job_make(&j);
		j.launch.uid     = cases[i].uid;
		j.launch.gid     = cases[i].gid;
		j.launch.groups  = cases[i].groups;
		j.launch.ngroups = cases[i].n;
		_cleanup_free_ char *text = inspect(&j, argv);
		assert_string_equal(value(text, "Uid:"), cases[i].expect_uid);
		assert_string_equal(value(text, "Gid:"), cases[i].expect_gid);
		assert_string_equal(value(text, "Groups:"), cases[i].expect_groups);
		assert_string_equal(value(text, "setuid0"), "no");
		assert_string_equal(value(text, "setgroups"), "no");
	}
}

static void assert_no_capabilities(const char *text)
{
	static const char *const sets[] = { "CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:" };
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		assert_string_equal(value(text, sets[i]), "0000000000000000");
	assert_string_equal(value(text, "NoNewPrivs:"), "1");
}

static void what_it_may(void **state)
{
	(void)state;
	struct job j;
	char *argv[] = { (char *)"inspect", NULL };
	job_make(&j);
	_cleanup_free_ char *text = inspect(&j, argv);
	assert_no_capabilities(text);
	assert_string_equal(value(text, "session"), "own");
	assert_string_equal(value(text, "tty"), "no");
	assert_string_equal(value(text, "oom_score_adj"), "0");
	assert_string_equal(value(text, "oom_lower"), "no");
	assert_string_equal(value(text, "nice"), "0");
	static const char *const signals[] = { "SigPnd:", "SigBlk:", "SigIgn:", "SigCgt:" };
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		assert_string_equal(value(text, signals[i]), "0000000000000000");
	assert_true(strtoul(value(text, "nofile"), NULL, 10) <= 1024);

	/* Root's own job, where that is allowed, has no more. */
	job_make(&j);
	j.launch.uid = j.launch.gid = 0;
	j.launch.nice_ = 5;
	_cleanup_free_ char *root = inspect(&j, argv);
	assert_string_equal(value(root, "Uid:"), "0 0 0 0");
	assert_no_capabilities(root);
	assert_string_equal(value(root, "nice"), "5");

	/* Where nothing is dropped (a user's own daemon) the rest is the same. */
	job_make(&j);
	j.launch.uid = j.launch.gid = 0;
	j.launch.drop = false;
	_cleanup_free_ char *same = inspect(&j, argv);
	assert_no_capabilities(same);
}

/* Open flags of a descriptor, but for those that only say how it was opened. */
static int flags_of(const char *text, const char *fd)
{
	const char *flags = strstr(value(text, fd), " flags ");
	assert_non_null(flags);
	return (int)strtol(flags + 7, NULL, 8) & ~(O_NOFOLLOW | 0100000 /* large file */);
}

static void what_it_holds(void **state)
{
	(void)state;
	struct job j;
	char *argv[] = { (char *)"inspect", NULL };
	/* Of ours, and none of them is to reach a job: without CLOEXEC, high and low. */
	int leaky = open("/etc/shadow", O_RDONLY);
	assert_true(leaky >= 0 && dup2(leaky, 100) == 100);
	struct runner *first = steal(&w.runner); /* supervisors spawned while they were open */
	runner_close(first);
	start_runner(16, 2);
	job_make(&j);
	_cleanup_free_ char *text = inspect(&j, argv);
	close(leaky);
	close(100);
	assert_string_equal(value(text, "fds"), "0 1 2");
	assert_string_equal(value(text, "fd0"), "/dev/null flags 0100000");
	assert_int_equal(flags_of(text, "fd1"), O_WRONLY);
	assert_string_equal(value(text, "cwd"), "/");

	job_make(&j);
	j.launch.append  = true;
	j.launch.workdir = "/usr/../tmp";
	_cleanup_free_ char *appended = inspect(&j, argv);
	assert_int_equal(flags_of(appended, "fd2"), O_WRONLY | O_APPEND);
	assert_string_equal(value(appended, "cwd"), "/tmp");
}

static void arguments(void **state)
{
	(void)state;
	struct job j;
	char *argv[] = { (char *)"inspect", (char *)"", (char *)"two words", (char *)"-x", (char *)"\xff\x01", NULL };
	job_make(&j);
	_cleanup_free_ char *text = inspect(&j, argv);
	assert_string_equal(value(text, "arg0"), "inspect");
	assert_string_equal(value(text, "arg1"), "");
	assert_string_equal(value(text, "arg2"), "two words");
	assert_string_equal(value(text, "arg3"), "-x");
	assert_string_equal(value(text, "arg4"), "\xff\x01");
	assert_null(strstr(text, "arg5"));
}

/* More than a packet, more pointers than are at hand: by memfd, and nothing is lost or changed. */
static void many_arguments(void **state)
{
	(void)state;
	enum { ARGS = 5000, ENVS = 300 };
	struct job j;
	static char *argv[ARGS + 5], *env[ENVS + 1];
	static char texts[ARGS][44], values[ENVS][700];
	_cleanup_free_ char *out = file_in("many");
	argv[0] = (char *)"sh";
	argv[1] = (char *)"-c";
	argv[2] = (char *)"echo $#; for a; do echo $a; done; env";
	argv[3] = (char *)"sh";
	for (int i = 0; i < ARGS; i++) {
		snprintf(texts[i], sizeof texts[i], "argument_%d_%.*s", i, 25, "xxxxxxxxxxxxxxxxxxxxxxxxx");
		argv[4 + i] = texts[i];
	}
	for (int i = 0; i < ENVS; i++) {
		snprintf(values[i], sizeof values[i], "NAME_%d=%.*d", i, 600, i);
		env[i] = values[i];
	}
	job_make(&j);
	j.launch.exec_path   = "sh"; /* PATH is not in env: the default one */
	j.launch.argv        = argv;
	j.launch.env         = env;
	j.launch.stdout_path = out;
	job_run(&j);
	assert_exit(&j, 0);
	_cleanup_free_ char *text = text_of(out);
	assert_int_equal(strtol(text, NULL, 10), ARGS);
	const char *at = strchr(text, '\n') + 1;
	for (int i = 0; i < ARGS; i++) {
		size_t n = strlen(texts[i]);
		assert_memory_equal(at, texts[i], n);
		assert_int_equal(at[n], '\n');
		at += n + 1;
	}
	for (int i = 0; i < ENVS; i++)
		assert_non_null(strstr(text, values[i]));

	/* One argument longer than the kernel takes: a failed launch, and the next one is fine. */
	_cleanup_free_ char *long_one = xcalloc(1, 200 * 1024);
	memset(long_one, 'x', 200 * 1024 - 1);
	argv[4] = long_one;
	argv[5] = NULL;
	job_make(&j);
	j.launch.exec_path = "sh";
	j.launch.argv      = argv;
	job_run(&j);
	assert_failed(&j, RUNNER_STAGE_EXEC, E2BIG);
	argv[4] = (char *)"short";
	job_make(&j);
	j.launch.exec_path = "sh";
	j.launch.argv      = argv;
	job_run(&j);
	assert_exit(&j, 0);
}

static void environment(void **state)
{
	(void)state;
	struct job j;
	char *env[] = { (char *)"B=2", (char *)"A=", (char *)"PATH=/nowhere", (char *)"C=x y=z", NULL };
	_cleanup_free_ char *out = file_in("environment"), *program = probe("print_env");
	job_make(&j);
	j.launch.exec_path   = program;
	j.launch.argv        = (char *[]){ (char *)"print_env", NULL };
	j.launch.env         = env;
	j.launch.stdout_path = out;
	job_run(&j);
	_cleanup_free_ char *text = text_of(out);
	assert_string_equal(text, "B=2\nA=\nPATH=/nowhere\nC=x y=z\n");
}

/* PATH of the job's environment unless another is given; elements that are not there are passed over. */
static void path_search(void **state)
{
	(void)state;
	struct job j;
	_cleanup_free_ char *bin = file_in("bin"), *tool = file_in("bin/tool"), *here = file_in("here"),
			    *env_path = xasprintf("PATH=/nonexistent:%s/plain/x:%s/bin", w.dir, w.dir),
			    *with_empty = xasprintf("/nonexistent:");
	char *env[] = { env_path, NULL };
	char *argv[] = { (char *)"tool", NULL };
	assert_int_equal(mkdir(bin, 0755), 0);
	write_text(tool, "#!/bin/sh\nexit 7\n");
	assert_int_equal(chmod(tool, 0755), 0);
	write_text(here, "#!/bin/sh\nexit 8\n");
	assert_int_equal(chmod(here, 0755), 0);

	job_make(&j);
	j.launch.exec_path = "tool";
	j.launch.argv      = argv;
	j.launch.env       = env;
	job_run(&j);
	assert_exit(&j, 7);

	job_make(&j);
	j.launch.exec_path = "here";
	j.launch.argv      = argv;
	j.launch.path      = with_empty;
	j.launch.workdir   = w.dir;
	job_run(&j);
	assert_exit(&j, 8);

	job_make(&j);
	j.launch.exec_path = "./here";
	j.launch.argv      = argv;
	j.launch.workdir   = w.dir;
	job_run(&j);
	assert_exit(&j, 8);
}

static char *run_script(const char *script, char **argv, int code)
{
	static unsigned run;
	char name[32];
	struct job j;
	snprintf(name, sizeof name, "script%u", run++);
	_cleanup_free_ char *out = file_in(name);
	job_make(&j);
	j.launch.script      = script;
	j.launch.argv        = argv;
	j.launch.stdout_path = j.launch.stderr_path = out;
	job_run(&j);
	if (j.last.state == RUNNER_EXITED)
		assert_exit(&j, code);
	else
		assert_int_equal(code, -j.last.errno_value);
	return text_of(out);
}

static void scripts(void **state)
{
	(void)state;
	char *argv[] = { (char *)"job.sh", (char *)"one", (char *)"two words", NULL };
	_cleanup_free_ char *sh = run_script("#!/bin/sh\necho \"$#:$1:$2\"\nexit 3\n", argv, 3);
	assert_string_equal(sh, "2:one:two words\n");
	_cleanup_free_ char *bare = run_script("echo \"$#:$2\"; exit 4", argv, 4);
	assert_string_equal(bare, "2:two words\n");
	_cleanup_free_ char *argument = run_script("#! /bin/sh  -e \t\nfalse\nexit 9\n", argv, 1);
	assert_string_equal(argument, "");
	_cleanup_free_ char *env = run_script("#!/usr/bin/env sh\necho $0\n", argv, 0);
	assert_string_equal(env, "/dev/fd/60\n");
	_cleanup_free_ char *missing = run_script("#!/nonexistent/sh\n", argv, -ENOENT);
	/* Its text is sealed, and the only thing that it holds beyond its three. */
	_cleanup_free_ char *sealed =
	    run_script("#!/bin/sh\nls -l /proc/$$/fd | grep -c memfd:script\n(echo x >/proc/$$/fd/60) 2>/dev/null || echo no\n",
	               argv, 0);
	assert_non_null(strstr(sealed, "no\n"));
	/* Longer than a packet. */
	struct buf b = { 0 };
	buf_adds(&b, "#!/bin/sh\n");
	for (int i = 0; i < 20000; i++)
		buf_adds(&b, ": line of text\n");
	buf_adds(&b, "exit 5\n");
	_cleanup_free_ char *big = run_script(b.data, argv, 5);
	buf_free(&b);
	/* A first line that is too long names no program. */
	struct job j;
	struct mscg_error error;
	uint32_t slot;
	_cleanup_free_ char *first = xasprintf("#!/bin/%0*d\n", 600, 1);
	job_make(&j);
	j.launch.script = first;
	j.launch.argv   = argv;
	assert_int_equal(runner_launch(w.runner, &j.launch, &slot, &error), -EINVAL);
	job_clear(&j);
}

static void attached(void **state)
{
	(void)state;
	struct job j;
	int in[2], out[2];
	char got[64] = "";
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	job_make(&j);
	job_shell(&j, "read x; echo got $x; echo and >&2");
	job_attach(&j, in[0], out[1], out[1]);
	job_launch(&j);
	assert_int_equal(write(in[1], "this\n", 5), 5);
	job_wait(&j);
	assert_exit(&j, 0);
	job_free(&j);
	close(out[1]);
	assert_int_equal(fd_read_all(out[0], got, sizeof got), 13); /* the end comes: nobody else holds it */
	assert_string_equal(got, "got this\nand\n");
	close(in[0]);
	close(in[1]);
	close(out[0]);
}

static void terminal(void **state)
{
	(void)state;
	struct job j;
	int master, slave;
	char got[256] = "";
	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	assert_int_equal(fcntl(master, F_SETFD, FD_CLOEXEC), 0);
	assert_int_equal(fcntl(slave, F_SETFD, FD_CLOEXEC), 0);
	job_make(&j);
	job_shell(&j, "test -t 0 && test -t 1 && echo here >/dev/tty && kill -INT $$; exit 1");
	job_attach(&j, slave, slave, slave);
	j.launch.pty = true;
	job_launch(&j);
	job_wait(&j);
	assert_int_equal(j.last.wait_status, SIGINT);
	job_free(&j);
	assert_true(read(master, got, sizeof got - 1) >= 4);
	assert_memory_equal(got, "here", 4);

	/* Hanging up, typed ^C: to the job. */
	job_make(&j);
	job_shell(&j, "echo ready; exec sleep 1000");
	job_attach(&j, slave, slave, slave);
	j.launch.pty = true;
	job_launch(&j);
	assert_true(read(master, got, sizeof got - 1) > 0);
	assert_int_equal(write(master, "\x03", 1), 1);
	job_wait(&j);
	assert_int_equal(j.last.wait_status, SIGINT);
	job_free(&j);

	/* Not a terminal. */
	job_make(&j);
	job_shell(&j, "exit 0");
	j.launch.pty = true;
	job_run(&j);
	assert_failed(&j, RUNNER_STAGE_TTY, ENOTTY);
	close(master);
	close(slave);
}

/* The supervisor itself: what a job's user may see and do of it. */
static void supervisor(void **state)
{
	(void)state;
	struct job j;
	char path[64], text[256], said[4096] = "";
	size_t heard = 0;
	int out[2];
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	job_make(&j);
	job_shell(&j, "echo $PPID; kill -0 $PPID 2>/dev/null && echo can signal; cat /proc/$PPID/maps /proc/$PPID/environ 2>/dev/null;"
	              "ls /proc/$PPID/fd /proc/$PPID/exe/ 2>/dev/null; echo end; exec sleep 1000");
	job_attach(&j, -1, out[1], -1);
	job_launch(&j);
	TURN_UNTIL(j.started);
	while (!strstr(said, "end\n") && heard < sizeof said - 1) {
		ssize_t n = read(out[0], said + heard, sizeof said - 1 - heard);
		assert_true(n > 0);
		heard += (size_t)n;
	}
	close(out[0]);
	close(out[1]);
	struct runner_slot_info info;
	assert_int_equal(runner_look(w.runner, j.slot, &info), 0);

	snprintf(path, sizeof path, "/proc/%d/status", info.pid);
	_cleanup_free_ char *status = text_of(path);
	int parent = 0;
	assert_int_equal(sscanf(strstr(status, "PPid:"), "PPid: %d", &parent), 1);
	snprintf(path, sizeof path, "/proc/%d/status", parent);
	_cleanup_free_ char *its = text_of(path);
	assert_non_null(strstr(its, "Name:\tmscg-supervise\n"));
	assert_non_null(strstr(its, "NoNewPrivs:\t1\n"));
	assert_non_null(strstr(its, "CapBnd:\t0000000000000000\n"));
	/* KILL SETGID SETUID SYS_ADMIN SYS_NICE SYS_RESOURCE, as far as we have them (a container may not have the last). */
	_cleanup_free_ char *ours = text_of("/proc/self/status");
	unsigned long long had = strtoull(strstr(ours, "CapEff:") + 8, NULL, 16);
	assert_int_equal(strtoull(strstr(its, "CapEff:") + 8, NULL, 16), had & 0x1a000e0);
	snprintf(path, sizeof path, "/proc/%d/oom_score_adj", parent);
	_cleanup_free_ char *score = text_of(path);
	assert_string_equal(score, had & 1 << 24 ? "-999\n" : "0\n");
	snprintf(path, sizeof path, "/proc/%d/cgroup", parent);
	_cleanup_free_ char *cgroup = text_of(path);
	assert_non_null(strstr(cgroup, "/supervisors\n"));
	snprintf(path, sizeof path, "/proc/%d/cgroup", info.pid);
	_cleanup_free_ char *job_cgroup = text_of(path);
	snprintf(text, sizeof text, "/job_%u\n", j.launch.id.job);
	assert_non_null(strstr(job_cgroup, text));
	/* Stray signals of a service manager or a terminal do not end it. */
	static const int stray[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM };
	for (size_t i = 0; i < ARRAY_SIZE(stray); i++)
		assert_int_equal(kill(parent, stray[i]), 0);
	assert_int_equal(runner_signal(w.runner, j.slot, SIGKILL), 0);
	job_wait(&j);
	assert_int_equal(j.last.wait_status, SIGKILL);
	job_free(&j);
	snprintf(text, sizeof text, "%d\nend\n", parent);
	assert_string_equal(said, text);
}

/* A user's own daemon, in a sub-tree that was delegated to it. Whoever it is: root's powers are gone for good here. */
static int run_as_user(void)
{
	char *argv[] = { (char *)"inspect", NULL };
	struct job j;
	if (setgroups(0, NULL) < 0 || setgid(JOB_UID) < 0 || setuid(JOB_UID) < 0)
		return 90;
	start_runner(4, 1);
	job_make(&j);
	j.launch.drop = false;
	_cleanup_free_ char *text = inspect(&j, argv);
	assert_string_equal(value(text, "Uid:"), "54321 54321 54321 54321");
	assert_string_equal(value(text, "NoNewPrivs:"), "1");
	assert_string_equal(value(text, "CapEff:"), "0000000000000000");
	assert_string_equal(value(text, "fds"), "0 1 2");
	assert_string_equal(value(text, "session"), "own");

	job_make(&j); /* somebody else: asked to become it, and not asked to */
	job_shell(&j, "exit 0");
	j.launch.uid = j.launch.gid = NOBODY;
	job_run(&j);
	assert_failed(&j, RUNNER_STAGE_GROUPS, EPERM);
	job_make(&j);
	job_shell(&j, "exit 0");
	j.launch.drop = false;
	j.launch.uid  = NOBODY;
	job_run(&j);
	assert_failed(&j, RUNNER_STAGE_UID, EPERM);

	char *args[] = { (char *)"s", (char *)"a", NULL };
	job_make(&j);
	j.launch.drop   = false;
	j.launch.script = "#!/bin/sh\ntest $# = 1 && exit 73\n";
	j.launch.argv   = args;
	job_run(&j);
	assert_exit(&j, 73);
	runner_close(steal(&w.runner));
	return 0;
}

static void ordinary_user(void **state)
{
	(void)state;
	static const char *const delegated[] = { ".", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control" };
	static const char *const below[] = { "daemon", "supervisors" };
	int status;
	_cleanup_free_ char *old = xasprintf("%s", w.cgroup);
	snprintf(w.cgroup, sizeof w.cgroup, "%s/user", old);
	assert_int_equal(mkdir(w.cgroup, 0755), 0);
	for (size_t b = 0; b < ARRAY_SIZE(below); b++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", w.cgroup, below[b]);
		assert_int_equal(mkdir(path, 0755), 0);
		assert_int_equal(chown(path, JOB_UID, JOB_UID), 0);
		for (size_t i = 1; i < ARRAY_SIZE(delegated); i++) {
			_cleanup_free_ char *file = xasprintf("%s/%s", path, delegated[i]);
			assert_int_equal(chown(file, JOB_UID, JOB_UID), 0);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(delegated); i++) {
		_cleanup_free_ char *file = xasprintf("%s/%s", w.cgroup, delegated[i]);
		assert_int_equal(chown(file, JOB_UID, JOB_UID), 0);
	}
	pid_t child = fork();
	if (child == 0) {
		_cleanup_free_ char *home = xasprintf("%s/daemon", w.cgroup), *sup = xasprintf("%s/supervisors", w.cgroup);
		write_control(home, "cgroup.procs", "0");
		w.supervisors_fd = open(sup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		w.runner         = NULL;
		assert_int_equal(setpriority(PRIO_PROCESS, 0, 10), 0); /* which no user could take back for a job */
		snprintf(w.runtime, sizeof w.runtime, "%s/user-runtime", w.dir);
		_exit(run_as_user());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	for (size_t b = 0; b < ARRAY_SIZE(below); b++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", w.cgroup, below[b]);
		wait_empty(path);
		assert_int_equal(rmdir(path), 0);
	}
	assert_int_equal(rmdir(w.cgroup), 0);
	snprintf(w.cgroup, sizeof w.cgroup, "%s", old);
	assert_int_equal(status, 0);
}

static void orphans(void **state)
{
	(void)state;
	struct job j;
	int parent, adopter;
	char path[64];
	_cleanup_free_ char *out = file_in("orphans"), *program = probe("orphans");
	job_make(&j);
	j.launch.exec_path   = program;
	j.launch.argv        = (char *[]){ (char *)"orphans", (char *)"20", NULL };
	j.launch.stdout_path = out;
	job_launch(&j);
	job_wait(&j);
	assert_exit(&j, 0);
	job_free(&j); /* its cgroup could be removed: all are gone */
	_cleanup_free_ char *text = text_of(out);
	assert_int_equal(sscanf(text, "parent %d orphans %d", &parent, &adopter), 2);
	assert_int_equal(parent, adopter);

	/* One more launch by it, and its orphans' zombies are reaped by then. */
	job_make(&j);
	job_shell(&j, "exit 0");
	job_run(&j);
	snprintf(path, sizeof path, "/proc/%d/task/%d/children", parent, parent);
	_cleanup_free_ char *children = text_of(path);
	assert_string_equal(children, "");

	/* Main ends and leaves one behind: the end is known at once, the rest goes with the cgroup. */
	job_make(&j);
	job_shell(&j, "sleep 1000 & exit 6");
	job_run(&j);
	assert_exit(&j, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who),
		cmocka_unit_test(what_it_may),
		cmocka_unit_test(what_it_holds),
		cmocka_unit_test(arguments),
		cmocka_unit_test(many_arguments),
		cmocka_unit_test(environment),
		cmocka_unit_test(path_search),
		cmocka_unit_test(scripts),
		cmocka_unit_test(attached),
		cmocka_unit_test(terminal),
		cmocka_unit_test(supervisor),
		cmocka_unit_test(orphans),
		cmocka_unit_test_teardown(ordinary_user, only_us),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, world_clear);
}
