/* floor: what the kernel itself takes for a job, with nothing of mscg in it, so that everything else is a ratio to it.
 *
 *     floor spawn N PROGRAM         clone3, exec, wait                          F_spawn
 *     floor fresh N PROGRAM CGROUP  with a cgroup of its own: mkdir, clone3 into it, exec, wait, cpu.stat, rmdir    F_fresh
 *
 * Prints microseconds for one, the mean over N.
 */
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static double now_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void run(const char *program, int cgroup)
{
	char *argv[] = { (char *)program, NULL };
	char *none[] = { NULL };
	struct clone_args args = { .flags = cgroup >= 0 ? CLONE_INTO_CGROUP : 0, .exit_signal = SIGCHLD,
		                   .cgroup = cgroup >= 0 ? (uint64_t)cgroup : 0 };
	long pid = syscall(SYS_clone3, &args, sizeof args);

	if (pid == 0) {
		execve(program, argv, none);
		_exit(127);
	}
	int status;
	if (pid < 0 || waitpid((pid_t)pid, &status, 0) < 0)
		fail("clone3");
	if (status)
		fail(program);
}

static void run_fresh(const char *program, int parent)
{
	char text[4096];

	if (mkdirat(parent, "floor", 0755) < 0)
		fail("mkdir");
	int cgroup = openat(parent, "floor", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	run(program, cgroup);
	int stat = openat(cgroup, "cpu.stat", O_RDONLY | O_CLOEXEC);
	if (read(stat, text, sizeof text) <= 0)
		fail("cpu.stat");
	close(stat);
	close(cgroup);
	if (unlinkat(parent, "floor", AT_REMOVEDIR) < 0)
		fail("rmdir");
}

int main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	int fresh = strcmp(argv[1], "fresh") == 0;
	long n = strtol(argv[2], NULL, 10);
	int parent = fresh && argc > 4 ? open(argv[4], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fresh && parent < 0)
		fail("cgroup");
	double start = now_usec();
	for (long i = 0; i < n; i++)
		fresh ? run_fresh(argv[3], parent) : run(argv[3], -1);
	printf("%.1f\n", (now_usec() - start) / (double)n);
	return 0;
}
