/* floor: what the kernel, its file system and SQLite take for the parts of a job, with nothing of mscg in it, so that
 * everything else is a ratio to it. One thread.
 *
 *     floor spawn   N PROGRAM              us: clone3, exec, wait                                          F_spawn
 *     floor fresh   N PROGRAM CGROUP       us: with a cgroup of its own: mkdir, the four limits, clone3
 *                                              into it, exec, wait, its statistics, rmdir                  F_fresh
 *     floor idle    N PROGRAM CGROUP       us: the same, each after 100 ms of idleness                     F_idle
 *     floor durable N PROGRAM CGROUP DIR   jobs/s: the same with 8 in flight, submission, grant and result in
 *                                              SQLite, WAL, synchronous=FULL, a commit for 128 jobs        F_dur
 *     floor sql     N DIR                  inserts/s, 100 in a commit                                      F_sql
 *     floor sync    N DIR                  us: 4 KiB written and fdatasync                                 F_sync
 *     floor rtt     N                      us: 64 bytes to another process and back, unix socket           F_rtt
 *     floor write   N CGROUP FILE TEXT     us: one file of a cgroup: open, write, close                    F_write
 *     floor scan    N DATABASE             s: every column of every row of mscgd's job and spec tables
 *     floor command N PROGRAM [ARG]...     us: any command, clone3 to its end, without output
 *
 * Prints {"mean", "p50", "p99", "min", "max"}; where it is a rate, only the mean is of use. Limits and statistics that
 * this kernel's cgroups lack are left out: "floor limits CGROUP" says which there are.
 */
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"

enum { IN_FLIGHT = 8, GROUP = 128, ROWS = 100, STACK = 65536 };

static const char *const limits[][2] = {
	{ "cpuset.cpus", "0" }, { "cpu.max", "100000 100000" }, { "memory.max", "33554432" }, { "pids.max", "1000" },
};
static const char *const statistics[] = { "cpu.stat", "memory.peak", "memory.events", "memory.stat", "io.stat", "pids.peak" };

/* -- a process ---------------------------------------------------------------------------------------------------- */

struct child {
	char *const *argv;
	int quiet; /* standard output to here; -1 */
};

static char *const no_environment[] = { NULL };

static void child_main(void *arg)
{
	const struct child *c = arg;

	if (c->quiet >= 0)
		dup2(c->quiet, STDOUT_FILENO);
	execve(c->argv[0], c->argv, no_environment);
	_exit(127);
}

/* Memory is shared until exec: a copy of the page tables would be a cost of this program's size. */
static long clone_child(struct clone_args *args, struct child *child)
{
#if defined(__x86_64__)
	static char stack[STACK] __attribute__((aligned(16)));
	register void (*function)(void *) __asm__("r12") = child_main;
	register void *argument __asm__("r13") = child;
	long r = SYS_clone3;

	args->flags |= CLONE_VM | CLONE_VFORK;
	args->stack      = (uint64_t)(uintptr_t)stack;
	args->stack_size = sizeof stack;
	__asm__ volatile("syscall\n\ttest %%rax, %%rax\n\tjnz 1f\n\txor %%ebp, %%ebp\n\tmov %[argument], %%rdi\n\tcall *%[function]\n\thlt\n1:"
	                 : "+a"(r)
	                 : "D"(args), "S"(sizeof *args), [function] "r"(function), [argument] "r"(argument)
	                 : "rcx", "r11", "memory");
	errno = r < 0 ? (int)-r : 0;
	return r;
#else
	long pid = syscall(SYS_clone3, args, sizeof *args);

	if (pid == 0)
		child_main(child);
	return pid;
#endif
}

static pid_t start(char *const *argv, int cgroup, int quiet)
{
	struct clone_args args = { .exit_signal = SIGCHLD };
	struct child child = { argv, quiet };

	if (cgroup >= 0) {
		args.flags  = CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)cgroup;
	}
	long pid = clone_child(&args, &child);
	if (pid < 0)
		fail("clone3");
	return (pid_t)pid;
}

static void finish(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			fail("waitpid");
	if (!WIFEXITED(status) || WEXITSTATUS(status) == 127) {
		fprintf(stderr, "floor: the program did not run\n");
		exit(1);
	}
}

/* -- a cgroup ----------------------------------------------------------------------------------------------------- */

static void write_file(int dir, const char *name, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return;
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fail(name);
	close(fd);
}

static int make_cgroup(int parent, const char *name)
{
	if (mkdirat(parent, name, 0755) < 0)
		fail("mkdir");
	int cgroup = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cgroup < 0)
		fail(name);
	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
		write_file(cgroup, limits[i][0], limits[i][1]);
	return cgroup;
}

/* Returns the CPU time, microseconds. */
static long remove_cgroup(int parent, const char *name, int cgroup)
{
	char text[8192];
	long usage = 0;

	for (size_t i = 0; i < sizeof statistics / sizeof *statistics; i++) {
		int fd = openat(cgroup, statistics[i], O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		ssize_t n = read(fd, text, sizeof text - 1);
		if (n < 0)
			fail(statistics[i]);
		text[n] = 0;
		if (i == 0)
			sscanf(text, "usage_usec %ld", &usage);
		close(fd);
	}
	close(cgroup);
	if (unlinkat(parent, name, AT_REMOVEDIR) < 0)
		fail("rmdir");
	return usage;
}

static int open_cgroup(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		fail(path);
	return fd;
}

/* -- figures ------------------------------------------------------------------------------------------------------ */

static double *took;
static long took_n;

static void note(double value)
{
	took[took_n++] = value;
}

static void say(void)
{
	double sum = 0;

	qsort(took, (size_t)took_n, sizeof *took, by_value);
	for (long i = 0; i < took_n; i++)
		sum += took[i];
	printf("{\"mean\": %.3f, \"p50\": %.3f, \"p99\": %.3f, \"min\": %.3f, \"max\": %.3f}\n", sum / (double)took_n, took[took_n / 2],
	       took[took_n * 99 / 100], took[0], took[took_n - 1]);
}

/* -- SQLite ------------------------------------------------------------------------------------------------------- */

static sqlite3 *db;

static void sql(const char *text)
{
	char *error = NULL;

	if (sqlite3_exec(db, text, NULL, NULL, &error) != SQLITE_OK) {
		fprintf(stderr, "floor: %s: %s\n", text, error);
		exit(1);
	}
}

static void open_database(const char *dir)
{
	char path[4096];

	snprintf(path, sizeof path, "%s/floor.%d.db", dir, (int)getpid());
	if (sqlite3_open(path, &db) != SQLITE_OK) {
		fprintf(stderr, "floor: %s: %s\n", path, sqlite3_errmsg(db));
		exit(1);
	}
	sql("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA locking_mode = EXCLUSIVE;"
	    "CREATE TABLE job(id INTEGER PRIMARY KEY, state INTEGER, submit INTEGER, start INTEGER, end INTEGER, status INTEGER,"
	    " cpu INTEGER, spec TEXT)");
}

static void close_database(const char *dir)
{
	char path[4096];
	static const char *const suffix[] = { "", "-wal", "-shm" };

	sqlite3_close(db);
	for (size_t i = 0; i < sizeof suffix / sizeof *suffix; i++) {
		snprintf(path, sizeof path, "%s/floor.%d.db%s", dir, (int)getpid(), suffix[i]);
		unlink(path);
	}
}

static sqlite3_stmt *prepare(const char *text)
{
	sqlite3_stmt *st = NULL;

	if (sqlite3_prepare_v2(db, text, -1, &st, NULL) != SQLITE_OK) {
		fprintf(stderr, "floor: %s: %s\n", text, sqlite3_errmsg(db));
		exit(1);
	}
	return st;
}

static void step(sqlite3_stmt *st, const sqlite3_int64 *value, int n)
{
	for (int i = 0; i < n; i++)
		sqlite3_bind_int64(st, i + 1, value[i]);
	if (sqlite3_step(st) != SQLITE_DONE) {
		fprintf(stderr, "floor: %s\n", sqlite3_errmsg(db));
		exit(1);
	}
	sqlite3_reset(st);
}

#define SPEC "'{\"argv\":[\"/home/alice/bin/program\",\"--epochs\",\"100\"],\"workdir\":\"/home/alice\",\"mem\":33554432}'"

static void run_sql(long n, const char *dir)
{
	open_database(dir);
	sqlite3_stmt *insert = prepare("INSERT INTO job VALUES(?1, 0, ?2, 0, 0, 0, 0, " SPEC ")");

	for (long i = 0; i < n; i += ROWS) {
		double begin = now_usec();
		sql("BEGIN IMMEDIATE");
		for (long k = i; k < i + ROWS; k++)
			step(insert, (sqlite3_int64[]){ k + 1, k }, 2);
		sql("COMMIT");
		note(ROWS * 1e6 / (now_usec() - begin));
	}
	sqlite3_finalize(insert);
	close_database(dir);
}

/* -- the whole of it ---------------------------------------------------------------------------------------------- */

struct flight {
	pid_t pid;
	int   cgroup;
	char  name[32];
	struct result { sqlite3_int64 id, status, cpu; } result;
};

static void land(struct flight *f, int parent, struct result *results, long *ended)
{
	int status, i = 0;
	pid_t pid = waitpid(-1, &status, 0);

	while (i < IN_FLIGHT && f[i].pid != pid)
		i++;
	if (pid < 0 || i == IN_FLIGHT)
		fail("waitpid");
	f[i].result.status = status;
	f[i].result.cpu    = remove_cgroup(parent, f[i].name, f[i].cgroup);
	f[i].pid           = 0;
	results[(*ended)++] = f[i].result;
}

/* One group: the results of the last one, submission and grant of this one in a commit; then they run. */
static void run_durable(long n, char *const *argv, int parent, const char *dir)
{
	static struct flight flight[IN_FLIGHT];
	static struct result results[GROUP];
	long ended = 0;

	open_database(dir);
	sqlite3_stmt *insert = prepare("INSERT INTO job VALUES(?1, 0, ?2, 0, 0, 0, 0, " SPEC ")");
	sqlite3_stmt *grant  = prepare("UPDATE job SET state = 1, start = ?2 WHERE id = ?1");
	sqlite3_stmt *end    = prepare("UPDATE job SET state = 2, status = ?2, cpu = ?3, end = ?4 WHERE id = ?1");

	double begin = now_usec();
	for (long i = 0;; i += GROUP) {
		sql("BEGIN IMMEDIATE");
		for (long k = 0; k < ended; k++)
			step(end, (sqlite3_int64[]){ results[k].id, results[k].status, results[k].cpu, (sqlite3_int64)now_usec() }, 4);
		for (long k = i; k < i + GROUP && k < n; k++)
			step(insert, (sqlite3_int64[]){ k + 1, (sqlite3_int64)now_usec() }, 2);
		for (long k = i; k < i + GROUP && k < n; k++)
			step(grant, (sqlite3_int64[]){ k + 1, (sqlite3_int64)now_usec() }, 2);
		sql("COMMIT");
		if (i >= n)
			break;
		ended = 0;
		for (long started = 0, all = n - i < GROUP ? n - i : GROUP; ended < all;) {
			int free_one = 0;
			while (free_one < IN_FLIGHT && flight[free_one].pid)
				free_one++;
			if (free_one == IN_FLIGHT || started == all) {
				land(flight, parent, results, &ended);
				continue;
			}
			struct flight *f = &flight[free_one];
			snprintf(f->name, sizeof f->name, "floor_%ld", i + started);
			f->cgroup = make_cgroup(parent, f->name);
			f->pid    = start(argv, f->cgroup, -1);
			f->result = (struct result){ .id = i + started + 1 };
			started++;
		}
	}
	note((double)n * 1e6 / (now_usec() - begin));
	sqlite3_finalize(insert);
	sqlite3_finalize(grant);
	sqlite3_finalize(end);
	close_database(dir);
}

static void run_fresh(long n, char *const *argv, int parent, long pause_usec)
{
	char name[32];

	for (long i = 0; i < n; i++) {
		if (pause_usec)
			nanosleep(&(struct timespec){ .tv_nsec = pause_usec * 1000 }, NULL);
		double begin = now_usec();
		snprintf(name, sizeof name, "floor_%ld", i);
		int cgroup = make_cgroup(parent, name);
		finish(start(argv, cgroup, -1));
		remove_cgroup(parent, name, cgroup);
		note(now_usec() - begin);
	}
}

static void run_command(long n, char *const *argv)
{
	int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);

	for (long i = 0; i < n; i++) {
		double begin = now_usec();
		finish(start(argv, -1, quiet));
		note(now_usec() - begin);
	}
}

static void run_sync(long n, const char *dir)
{
	static char page[4096];
	char path[4096];

	snprintf(path, sizeof path, "%s/floor.%d.sync", dir, (int)getpid());
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		fail(path);
	for (long i = 0; i < n; i++) {
		double begin = now_usec();
		memset(page, (int)i, sizeof page);
		if (pwrite(fd, page, sizeof page, (i % 64) * (off_t)sizeof page) < 0 || fdatasync(fd) < 0)
			fail(path);
		note(now_usec() - begin);
	}
	unlink(path);
	close(fd);
}

static void scan_table(const char *text)
{
	sqlite3_stmt *st = prepare(text);

	while (sqlite3_step(st) == SQLITE_ROW)
		for (int i = 0; i < sqlite3_column_count(st); i++)
			sqlite3_column_bytes(st, i);
	sqlite3_finalize(st);
}

static void run_scan(long n, const char *path)
{
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) {
		fprintf(stderr, "floor: %s: %s\n", path, sqlite3_errmsg(db));
		exit(1);
	}
	for (long i = 0; i < n; i++) {
		double begin = now_usec();
		scan_table("SELECT * FROM job");
		scan_table("SELECT * FROM spec");
		note((now_usec() - begin) / 1e6);
	}
	sqlite3_close(db);
}

static void run_rtt(long n)
{
	char text[64] = "";
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		fail("socketpair");
	pid_t pid = fork();
	if (pid < 0)
		fail("fork");
	if (pid == 0) {
		close(pair[0]);
		for (ssize_t got; (got = read(pair[1], text, sizeof text)) > 0;)
			if (write(pair[1], text, (size_t)got) < 0)
				break;
		_exit(0);
	}
	close(pair[1]);
	for (long i = 0; i < n; i++) {
		double begin = now_usec();
		if (write(pair[0], text, sizeof text) < 0 || read(pair[0], text, sizeof text) <= 0)
			fail("rtt");
		note(now_usec() - begin);
	}
	close(pair[0]);
	finish(pid);
}

static void run_write(long n, int cgroup, const char *file, const char *text)
{
	for (long i = 0; i < n; i++) {
		double begin = now_usec();
		write_file(cgroup, file, text);
		note(now_usec() - begin);
	}
}

static void say_limits(int cgroup)
{
	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
		if (faccessat(cgroup, limits[i][0], F_OK, 0) == 0)
			printf("%s ", limits[i][0]);
	putchar('\n');
}

static _Noreturn void usage(void)
{
	fprintf(stderr, "floor: spawn|fresh|idle|durable|sql|sync|rtt|write|scan|command N ..., or limits CGROUP\n");
	exit(2);
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";
	long n = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
	char *program[] = { argc > 3 ? argv[3] : NULL, NULL };

	if (strcmp(what, "limits") == 0) {
		say_limits(open_cgroup(argv[2]));
		return 0;
	}
	if (n < 1 || !(took = calloc((size_t)n, sizeof *took)))
		usage();
	if (strcmp(what, "spawn") == 0 && argc == 4)
		run_command(n, program);
	else if (strcmp(what, "fresh") == 0 && argc == 5)
		run_fresh(n, program, open_cgroup(argv[4]), 0);
	else if (strcmp(what, "idle") == 0 && argc == 5)
		run_fresh(n, program, open_cgroup(argv[4]), 100000);
	else if (strcmp(what, "durable") == 0 && argc == 6)
		run_durable(n, program, open_cgroup(argv[4]), argv[5]);
	else if (strcmp(what, "sql") == 0 && argc == 4)
		run_sql(n, argv[3]);
	else if (strcmp(what, "sync") == 0 && argc == 4)
		run_sync(n, argv[3]);
	else if (strcmp(what, "scan") == 0 && argc == 4)
		run_scan(n, argv[3]);
	else if (strcmp(what, "rtt") == 0 && argc == 3)
		run_rtt(n);
	else if (strcmp(what, "write") == 0 && argc == 6)
		run_write(n, open_cgroup(argv[3]), argv[4], argv[5]);
	else if (strcmp(what, "command") == 0 && argc > 3)
		run_command(n, argv + 3);
	else
		usage();
	say();
	return 0;
}
