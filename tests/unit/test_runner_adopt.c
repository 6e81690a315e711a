/* Who dies, when, and what is known afterwards. A daemon that dies is a forked process of this test. */
#include "test_runner.h"

#include <sched.h>
#include <sys/socket.h>
#include <sys/un.h>

static int setup(void **state)
{
	return world_make(state);
}

/* A failure in a forked daemon ends that process, and not this program's tests a second time. */
static int only_us(void **state)
{
	(void)state;
	if (getpid() != w.pid)
		_exit(97);
	return 0;
}

static pid_t parent_of(pid_t pid)
{
	char path[64];
	int  parent = -1;
	snprintf(path, sizeof path, "/proc/%d/status", pid);
	_cleanup_free_ char *text = text_of(path);
	assert_non_null(text);
	assert_int_equal(sscanf(strstr(text, "PPid:"), "PPid: %d", &parent), 1);
	return parent;
}

/* The supervisors in their cgroup; how many. */
static unsigned supervisors(pid_t *ret, unsigned most)
{
	unsigned n = 0;
	_cleanup_free_ char *path = xasprintf("%s/supervisors/cgroup.procs", w.cgroup), *text = text_of(path);
	for (char *at = text; *at && n < most; at++)
		ret[n++] = (pid_t)strtol(at, &at, 10);
	return n;
}

static void wait_no_supervisors(void)
{
	_cleanup_free_ char *path = xasprintf("%s/supervisors", w.cgroup);
	wait_empty(path);
}

/* One by one: a cgroup that cgroup.kill was once written to kills whatever is cloned into it later. Also one that its daemon was
 * just starting when it died. */
static void kill_supervisors(void)
{
	pid_t    pid[16];
	unsigned n;

	while ((n = supervisors(pid, 16)) > 0) {
		for (unsigned i = 0; i < n; i++)
			kill(pid[i], SIGKILL);
		usleep(1000);
	}
	wait_no_supervisors();
}

/* -- a daemon that dies -------------------------------------------------------------------------------------------- */

struct daemon {
	pid_t pid;
	int   said; /* it writes one byte for each event, or what its body wants to say */
};

/* Runs body(job, pipe) in a process with a runner of its own; the body does not return. */
static void daemon_start(struct daemon *d, struct job *j, void (*body)(struct job *j, int say))
{
	int p[2];
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	d->pid = fork();
	assert_true(d->pid >= 0);
	if (d->pid == 0) {
		close(p[0]);
		if (w.home)
			write_control(w.home, "cgroup.procs", "0");
		start_runner(8, 1);
		body(j, p[1]);
		_exit(99);
	}
	close(p[1]);
	d->said = p[0];
}

static char daemon_hear(struct daemon *d)
{
	char c = 0;
	assert_int_equal(read(d->said, &c, 1), 1);
	return c;
}

static void daemon_kill(struct daemon *d)
{
	assert_int_equal(kill(d->pid, SIGKILL), 0);
	assert_int_equal(waitpid(d->pid, NULL, 0), d->pid);
	close(d->said);
}

static void say_and_wait(int say, char c)
{
	if (write(say, &c, 1) != 1)
		_exit(98);
	for (;;)
		pause();
}

static void body_running(struct job *j, int say)
{
	job_launch(j);
	TURN_UNTIL(j->started);
	say_and_wait(say, 'r');
}

static void body_launched(struct job *j, int say)
{
	job_launch(j);
	say_and_wait(say, 'l');
}

static void body_exited(struct job *j, int say)
{
	job_launch(j);
	job_wait(j);
	say_and_wait(say, 'e');
}

/* -- and the one after it ------------------------------------------------------------------------------------------ */

struct found {
	unsigned n;
	struct runner_slot_info info[8];
};

static void on_found(const struct runner_slot_info *info, void *ctx)
{
	struct found *f = ctx;
	assert_true(f->n < ARRAY_SIZE(f->info));
	f->info[f->n++] = *info;
}

/* A new daemon: us. The only slot in use is that of `j`. */
static struct runner_slot_info adopt_one(struct job *j)
{
	struct mscg_error error = { 0 };
	struct found found = { 0 };
	if (open_runner(&w.runner, 8, 1, &error) < 0)
		fail_msg("runner_open: %s", error.text);
	assert_int_equal(runner_adopt(w.runner, on_found, &found), 0);
	assert_int_equal(found.n, 1);
	assert_int_equal(found.info[0].id.job, j->launch.id.job);
	assert_int_equal(found.info[0].attempt, j->launch.attempt);
	assert_int_equal(found.info[0].cgroup_id, j->launch.cgroup_id);
	j->slot          = found.info[0].slot;
	by_slot[j->slot] = j;
	return found.info[0];
}

/* The slot can be used again, and the runner works. */
static void end_daemon(struct job *j)
{
	struct runner_stats stats;
	struct job after;
	job_free(j);
	runner_get_stats(w.runner, &stats);
	assert_int_equal(stats.used, 0);
	job_make(&after);
	job_shell(&after, "exit 11");
	job_run(&after);
	assert_exit(&after, 11);
	runner_close(steal(&w.runner));
	wait_no_supervisors();
}

static void daemon_killed_running(void **state)
{
	(void)state;
	struct daemon d;
	struct job j;
	int out[2];
	char got[8];
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	job_make(&j);
	job_shell(&j, "trap 'exit 17' TERM; echo ready; while :; do sleep 0.1; done");
	job_attach(&j, -1, out[1], -1);
	daemon_start(&d, &j, body_running);
	daemon_hear(&d);
	daemon_kill(&d);
	assert_int_equal(read(out[0], got, sizeof got), 6);
	close(out[0]);
	close(out[1]);
	/* Twice: the next daemon dies too. */
	for (int round = 0; round < 2; round++) {
		struct runner_slot_info info = adopt_one(&j);
		assert_int_equal(info.state, RUNNER_RUNNING);
		assert_true(info.supervised);
		assert_true(info.pid > 0 && info.start_usec > 0);
		j.started = 1;
		if (round == 0)
			runner_close(steal(&w.runner));
	}
	assert_int_equal(runner_signal(w.runner, j.slot, SIGTERM), 0);
	job_wait(&j);
	assert_exit(&j, 17);
	end_daemon(&j);
}

static void daemon_killed_job_ends_alone(void **state)
{
	(void)state;
	struct daemon d;
	struct job j;
	char c;
	int go[2];
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	job_make(&j);
	job_shell(&j, "read x; exit 23");
	job_attach(&j, go[0], -1, -1);
	daemon_start(&d, &j, body_running);
	close(go[0]);
	daemon_hear(&d);
	daemon_kill(&d);
	c = '\n';
	assert_int_equal(write(go[1], &c, 1), 1);
	close(go[1]);
	wait_no_supervisors(); /* it had nobody to tell, and went: the slot knows */
	struct runner_slot_info info = adopt_one(&j);
	assert_int_equal(info.state, RUNNER_EXITED);
	assert_int_equal(info.wait_code, CLD_EXITED);
	assert_int_equal(info.wait_status, 23);
	assert_true(info.end_usec >= info.start_usec && info.start_usec > 0);
	end_daemon(&j);
}

/* The end was told, but not committed and freed. */
static void daemon_killed_after_exit(void **state)
{
	(void)state;
	struct daemon d;
	struct job j;
	job_make(&j);
	job_shell(&j, "exit 29");
	daemon_start(&d, &j, body_exited);
	daemon_hear(&d);
	daemon_kill(&d);
	struct runner_slot_info info = adopt_one(&j);
	assert_int_equal(info.state, RUNNER_EXITED);
	assert_int_equal(info.wait_status, 29);
	end_daemon(&j);
}

/* The START is in its supervisor's queue, unread, when the daemon dies. It must never start then. */
static void armed_is_revoked(void **state)
{
	(void)state;
	struct job j;
	pid_t pid[8];
	_cleanup_free_ char *ran = file_in("ran"), *text = xasprintf("echo ran >%s", ran);
	job_make(&j);
	job_shell(&j, text);
	start_runner(8, 1);
	turn(); /* the spare one is ready */
	assert_int_equal(supervisors(pid, 8), 1);
	assert_int_equal(kill(pid[0], SIGSTOP), 0);
	job_launch(&j);
	struct runner_slot_info info;
	assert_int_equal(runner_look(w.runner, j.slot, &info), 0);
	assert_int_equal(info.state, RUNNER_ARMED);
	/* We are the daemon that dies; nothing of ours is told to the supervisor. */
	runner_close(steal(&w.runner));
	info = adopt_one(&j);
	assert_int_equal(info.state, RUNNER_REVOKED);
	assert_false(info.supervised);
	assert_int_equal(kill(pid[0], SIGCONT), 0);
	job_free(&j);

	/* The slot's next launch is not disturbed by the old supervisor, who reads the old START now or never. */
	job_make(&j);
	job_shell(&j, "exit 31");
	job_run(&j);
	assert_exit(&j, 31);
	runner_close(steal(&w.runner));
	wait_no_supervisors();
	assert_int_equal(access(ran, F_OK), -1);
}

/* Revoked by the daemon that armed it. */
static void revoke_armed(void **state)
{
	(void)state;
	struct job j;
	pid_t pid[8];
	struct runner_slot_info info;
	_cleanup_free_ char *ran = file_in("ran"), *text = xasprintf("echo ran >%s", ran);
	start_runner(8, 1);
	turn();
	assert_int_equal(supervisors(pid, 8), 1);
	assert_int_equal(kill(pid[0], SIGSTOP), 0);
	job_make(&j);
	job_shell(&j, text);
	job_launch(&j);
	assert_int_equal(runner_revoke(w.runner, j.slot), 0);
	assert_int_equal(runner_revoke(w.runner, j.slot), 0);
	assert_int_equal(runner_look(w.runner, j.slot, &info), 0);
	assert_int_equal(info.state, RUNNER_REVOKED);
	uint32_t slot = j.slot;
	job_free(&j);
	job_make(&j);
	job_shell(&j, "exit 37");
	job_launch(&j); /* behind the other in the same queue */
	assert_int_equal(j.slot, slot);
	assert_int_equal(kill(pid[0], SIGCONT), 0);
	job_wait(&j);
	assert_exit(&j, 37);
	assert_int_equal(parent_of(getpid()), getppid());
	job_free(&j);
	assert_int_equal(access(ran, F_OK), -1);
	runner_close(steal(&w.runner));
	wait_no_supervisors();
}

/* Between clone3 and exec: held there by a frozen cgroup. */
static void start_frozen(struct daemon *d, struct job *j, const char *text)
{
	job_make(j);
	job_shell(j, text);
	write_control(j->cgroup, "cgroup.freeze", "1");
	daemon_start(d, j, body_launched);
	daemon_hear(d);
	wait_populated(j->cgroup);
	daemon_kill(d);
}

static void daemon_killed_cloning(void **state)
{
	(void)state;
	struct daemon d;
	struct job j;
	start_frozen(&d, &j, "exit 41");
	struct runner_slot_info info = adopt_one(&j);
	assert_int_equal(info.state, RUNNER_CLONING);
	assert_true(info.supervised);
	write_control(j.cgroup, "cgroup.freeze", "0");
	job_wait(&j);
	assert_int_equal(j.started, 1);
	assert_exit(&j, 41);
	end_daemon(&j);
}

static void both_killed_cloning(void **state)
{
	(void)state;
	struct daemon d;
	struct job j;
	start_frozen(&d, &j, "exit 43");
	kill_supervisors();
	/* The child that hangs there has its supervisor's descriptors, so that connecting may work. What is promised: its
	 * state is CLONING, and when its cgroup is killed it is told lost, unless it was at once. */
	struct runner_slot_info info = adopt_one(&j);
	assert_int_equal(info.state, RUNNER_CLONING);
	kill_cgroup(j.cgroup);
	if (info.supervised) {
		job_wait(&j);
		assert_int_equal(j.lost, 1);
		assert_int_equal(j.last.state, RUNNER_CLONING);
	}
	end_daemon(&j);
}

/* Held, and the daemon that would have let it go is no more: it never runs its program. */
static void held_daemon_killed(void **state)
{
	(void)state;
	for (int both = 0; both < 2; both++) {
		_cleanup_free_ char *mark = file_in("mark"), *script = xasprintf("echo > %s", mark);
		struct daemon d;
		struct job j;

		job_make(&j);
		job_shell(&j, script);
		j.launch.held = true;
		daemon_start(&d, &j, body_launched);
		daemon_hear(&d);
		wait_populated(j.cgroup);
		daemon_kill(&d);
		if (both)
			kill_supervisors();
		struct runner_slot_info info = adopt_one(&j);
		bool over = info.state == RUNNER_FAILED; /* by the time it was looked at */
		assert_true(info.withdrawn || (over && info.errno_value == EAGAIN));
		wait_empty(j.cgroup);
		if (info.supervised && !over) {
			job_wait(&j);
			assert_int_equal(j.failed + j.lost, 1);
			assert_true(j.lost || j.last.errno_value == EAGAIN);
		}
		assert_true(access(mark, F_OK) < 0);
		end_daemon(&j);
	}
}

static void both_killed_running(void **state)
{
	(void)state;
	struct daemon d;
	struct job j;
	job_make(&j);
	job_shell(&j, "exec sleep 1000");
	daemon_start(&d, &j, body_running);
	daemon_hear(&d);
	daemon_kill(&d);
	kill_supervisors();
	struct runner_slot_info info = adopt_one(&j);
	assert_int_equal(info.state, RUNNER_RUNNING);
	assert_false(info.supervised);
	assert_int_equal(runner_signal(w.runner, j.slot, SIGTERM), -ENOTCONN);
	wait_populated(j.cgroup); /* the job itself lives on until its cgroup is killed */
	end_daemon(&j);
}

/* The daemon is there, the supervisor dies. */
static void supervisor_killed(void **state)
{
	(void)state;
	struct job j, after;
	start_runner(8, 1);
	for (int adopted = 0; adopted < 2; adopted++) {
		job_make(&j);
		job_shell(&j, "exec sleep 1000");
		job_launch(&j);
		TURN_UNTIL(j.started);
		pid_t parent = parent_of(j.last.pid);
		if (adopted) {
			runner_close(steal(&w.runner));
			assert_true(adopt_one(&j).supervised);
		}
		assert_int_equal(kill(parent, SIGKILL), 0);
		job_wait(&j);
		assert_int_equal(j.lost, 1);
		assert_int_equal(j.last.state, RUNNER_RUNNING);
		assert_false(j.last.supervised);
		wait_populated(j.cgroup);
		/* Others are not touched by it, and the event comes once. */
		job_make(&after);
		job_shell(&after, "exit 47");
		job_run(&after);
		assert_exit(&after, 47);
		assert_int_equal(j.lost, 1);
		uint32_t slot = j.slot;
		job_free(&j);
		/* The slot works again, with a new supervisor, whenever its turn comes. */
		struct job all[8];
		bool seen = false;
		for (int i = 0; i < 8; i++) {
			job_make(&all[i]);
			job_shell(&all[i], "exit 48");
			job_launch(&all[i]);
			seen |= all[i].slot == slot;
		}
		assert_true(seen);
		for (int i = 0; i < 8; i++) {
			job_wait(&all[i]);
			assert_exit(&all[i], 48);
		}
		for (int i = 0; i < 8; i++)
			job_free(&all[i]);
	}
	runner_close(steal(&w.runner));
	wait_no_supervisors();
}

static void launch_shell(struct job *j, const char *text)
{
	job_make(j);
	job_shell(j, text);
	job_launch(j);
}

static void supervisor_killed_otherwise(void **state)
{
	(void)state;
	struct job j;
	pid_t pid[8];
	start_runner(8, 0); /* one supervisor, when it is needed */

	/* While it is idle: the next launch takes another, and nobody notices. */
	launch_shell(&j, "exit 52");
	job_wait(&j);
	job_free(&j);
	kill_supervisors();
	launch_shell(&j, "exit 53");
	job_wait(&j);
	assert_exit(&j, 53);
	job_free(&j);

	/* With a START that it did not read. */
	assert_int_equal(supervisors(pid, 8), 1);
	assert_int_equal(kill(pid[0], SIGSTOP), 0);
	launch_shell(&j, "exit 59");
	assert_int_equal(kill(pid[0], SIGKILL), 0);
	job_wait(&j);
	assert_failed(&j, RUNNER_STAGE_CLONE, EAGAIN);
	job_free(&j);

	/* After it wrote the end down, before we looked. */
	launch_shell(&j, "exit 61");
	struct runner_slot_info info;
	do { /* what would tell us is what we are not to read */
		sched_yield();
		assert_int_equal(runner_look(w.runner, j.slot, &info), 0);
	} while (info.state != RUNNER_EXITED);
	kill_supervisors();
	job_wait(&j);
	assert_int_equal(j.started, 1);
	assert_exit(&j, 61);
	job_free(&j);

	/* In the middle of a launch. */
	job_make(&j);
	job_shell(&j, "exit 67");
	write_control(j.cgroup, "cgroup.freeze", "1");
	job_launch(&j);
	wait_populated(j.cgroup);
	kill_supervisors();
	job_wait(&j);
	assert_int_equal(j.lost, 1);
	assert_int_equal(j.last.state, RUNNER_CLONING);
	job_free(&j);
	runner_close(steal(&w.runner));
	wait_no_supervisors();
}

/* Its socket is nobody else's business, and rubbish from the daemon's own user ends the connection only. */
static void strangers(void **state)
{
	(void)state;
	struct job j;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct daemon d;
	job_make(&j);
	job_shell(&j, "exec sleep 1000");
	daemon_start(&d, &j, body_running);
	daemon_hear(&d);
	daemon_kill(&d);
	struct runner_slot_info info = adopt_one(&j);
	snprintf(address.sun_path, sizeof address.sun_path, "%.80s/supervisor.%u", w.runtime, j.slot);

	pid_t child = fork();
	if (child == 0) {
		int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
		bool refused = setgid(NOBODY) == 0 && setuid(NOBODY) == 0 &&
		               connect(fd, (struct sockaddr *)&address, sizeof address) < 0 && errno == EACCES;
		_exit(refused ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);

	/* Where the directory lets it through, who it is counts. */
	assert_int_equal(chmod(w.runtime, 0711), 0);
	assert_int_equal(chmod(address.sun_path, 0666), 0);
	child = fork();
	if (child == 0) {
		int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
		char byte;
		bool hung_up = setgid(NOBODY) == 0 && setuid(NOBODY) == 0 &&
		               connect(fd, (struct sockaddr *)&address, sizeof address) == 0 && recv(fd, &byte, 1, 0) == 0;
		_exit(hung_up ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(chmod(w.runtime, 0700), 0);

	/* The daemon's user takes the connection over (so would a new daemon), and talks nonsense. */
	assert_true(info.supervised);
	j.started = 1;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	char wake[256];
	assert_true(recv(fd, wake, sizeof wake, 0) > 0);
	assert_int_equal(send(fd, "nonsense", 8, 0), 8);
	assert_int_equal(recv(fd, wake, sizeof wake, 0), 0);
	close(fd);
	assert_int_equal(kill(j.last.pid ? j.last.pid : info.pid, 0), 0); /* the job runs on */
	runner_close(steal(&w.runner));
	assert_true(adopt_one(&j).supervised);
	assert_int_equal(runner_signal(w.runner, j.slot, SIGKILL), 0);
	job_wait(&j);
	assert_int_equal(j.last.wait_status, SIGKILL);
	end_daemon(&j);
}

static void body_second(struct job *j, int say)
{
	(void)j;
	say_and_wait(say, 's');
}

static void one_daemon_at_a_time(void **state)
{
	(void)state;
	struct mscg_error error = { 0 };
	struct runner *second = NULL;
	struct daemon d;
	daemon_start(&d, NULL, body_second);
	assert_int_equal(daemon_hear(&d), 's');
	assert_int_equal(open_runner(&second, 8, 0, &error), -EBUSY);
	char expect[64];
	snprintf(expect, sizeof expect, "another mscgd, pid %d", d.pid);
	assert_non_null(strstr(error.text, expect));
	assert_null(second);
	daemon_kill(&d);
	start_runner(8, 0);
	runner_close(steal(&w.runner));
}

static void body_one(struct job *j, int say)
{
	job_launch(j);
	job_wait(j);
	say_and_wait(say, j->last.state == RUNNER_EXITED && j->last.wait_status == 71 ? 'y' : 'n');
}

/* A daemon whose own cgroup was killed once, as after a service manager's last resort: the kernel then kills what it
 * clones into another one. */
static void daemon_in_a_killed_cgroup(void **state)
{
	(void)state;
	struct daemon d;
	struct job j;
	_cleanup_free_ char *killed = xasprintf("%s/killed", w.cgroup);
	assert_int_equal(mkdir(killed, 0755), 0);
	write_control(killed, "cgroup.kill", "1");
	job_make(&j);
	job_shell(&j, "exit 71");
	w.home = killed;
	daemon_start(&d, &j, body_one);
	w.home = NULL;
	assert_int_equal(daemon_hear(&d), 'y');
	daemon_kill(&d);
	assert_int_equal(adopt_one(&j).state, RUNNER_EXITED);
	end_daemon(&j);
	assert_int_equal(rmdir(killed), 0);
}

/* -- at random ----------------------------------------------------------------------------------------------------- */

#define RANDOM_JOBS 6
static int ledger_of(uint32_t job)
{
	char name[32];
	snprintf(name, sizeof name, "ledger%u", job);
	_cleanup_free_ char *path = file_in(name), *text = text_of(path);
	int n = 0;
	for (const char *at = text; at && *at; at++)
		n += *at == '\n';
	return n;
}

static void body_many(struct job *j, int say)
{
	char c = 'm';
	if (write(say, &c, 1) != 1)
		_exit(98);
	for (int i = 0; i < RANDOM_JOBS; i++)
		job_launch(&j[i]);
	for (int i = 0; i < RANDOM_JOBS; i++)
		job_wait(&j[i]);
	say_and_wait(say, 'e');
}

/* Killed at any moment: what ran says so in the slot, once, with its exit code; what is revoked did not run. */
static void daemon_killed_at_random(void **state)
{
	(void)state;
	unsigned seen[RUNNER_REVOKED + 1] = { 0 };
	const char *rounds = getenv("MSCG_TEST_ROUNDS");
	long n = rounds ? strtol(rounds, NULL, 10) : 60;
	int64_t whole = 0; /* how long all of it takes, undisturbed: the first round */
	srandom(1);
	for (long round = 0; round <= n; round++) {
		struct job j[RANDOM_JOBS];
		struct daemon d;
		char *text[RANDOM_JOBS];
		char *argv[RANDOM_JOBS][4];
		for (int i = 0; i < RANDOM_JOBS; i++) {
			job_make(&j[i]);
			text[i] = xasprintf("echo $$ >>%s/ledger%u; exit %u", w.dir, j[i].launch.id.job, j[i].launch.id.job % 256);
			char *a[4] = { (char *)"sh", (char *)"-c", text[i], NULL };
			memcpy(argv[i], a, sizeof a);
			j[i].launch.exec_path = "/bin/sh";
			j[i].launch.argv      = argv[i];
		}
		daemon_start(&d, j, body_many);
		daemon_hear(&d);
		int64_t start = clock_boot_usec();
		if (round == 0) {
			assert_int_equal(daemon_hear(&d), 'e');
			whole = MIN_OF(clock_boot_usec() - start, INT64_C(900000));
		} else {
			struct timespec t = { .tv_nsec = random() % (whole * 1000) };
			nanosleep(&t, NULL);
		}
		daemon_kill(&d);

		struct found found = { 0 };
		assert_int_equal(open_runner(&w.runner, 8, 0, NULL), 0);
		assert_int_equal(runner_adopt(w.runner, on_found, &found), 0);
		for (unsigned i = 0; i < found.n; i++) {
			struct runner_slot_info *info = &found.info[i];
			struct job *one = &j[info->id.job - j[0].launch.id.job];
			seen[info->state]++;
			one->slot           = info->slot;
			by_slot[info->slot] = one;
			one->last           = *info;
			one->started        = info->state == RUNNER_RUNNING;
		}
		for (unsigned i = 0; i < found.n; i++) {
			struct runner_slot_info *info = &found.info[i];
			struct job *one = by_slot[info->slot];
			if (info->state == RUNNER_RUNNING || info->state == RUNNER_CLONING) {
				assert_true(info->supervised);
				job_wait(one);
			}
			if (one->last.state == RUNNER_REVOKED) {
				assert_int_equal(ledger_of(info->id.job), 0);
			} else {
				assert_exit(one, (int)(info->id.job % 256));
				assert_int_equal(ledger_of(info->id.job), 1);
			}
			runner_free_slot(w.runner, info->slot);
		}
		runner_close(steal(&w.runner));
		wait_no_supervisors();
		while (waitpid(-1, NULL, WNOHANG) > 0) /* those of the dead daemon became ours */
			;
		for (int i = 0; i < RANDOM_JOBS; i++) {
			assert_true(ledger_of(j[i].launch.id.job) <= 1);
			job_clear(&j[i]);
			free(text[i]);
		}
	}
	print_message("# %ld kills: found %u revoked, %u cloning, %u running, %u exited\n", n, seen[RUNNER_REVOKED],
	              seen[RUNNER_CLONING], seen[RUNNER_RUNNING], seen[RUNNER_EXITED]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(daemon_killed_running, only_us),
		cmocka_unit_test_teardown(daemon_killed_job_ends_alone, only_us),
		cmocka_unit_test_teardown(daemon_killed_after_exit, only_us),
		cmocka_unit_test_teardown(armed_is_revoked, only_us),
		cmocka_unit_test_teardown(revoke_armed, only_us),
		cmocka_unit_test_teardown(daemon_killed_cloning, only_us),
		cmocka_unit_test_teardown(both_killed_cloning, only_us),
		cmocka_unit_test_teardown(held_daemon_killed, only_us),
		cmocka_unit_test_teardown(both_killed_running, only_us),
		cmocka_unit_test_teardown(supervisor_killed, only_us),
		cmocka_unit_test_teardown(supervisor_killed_otherwise, only_us),
		cmocka_unit_test_teardown(strangers, only_us),
		cmocka_unit_test_teardown(one_daemon_at_a_time, only_us),
		cmocka_unit_test_teardown(daemon_in_a_killed_cgroup, only_us),
		cmocka_unit_test_teardown(daemon_killed_at_random, only_us),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, world_clear);
}
