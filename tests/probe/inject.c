/* inject [OPTION…] -p PID | -- COMMAND…: follows all threads of a process from system call to system call (with -f its
 * children too, until they exec), and does to it
 *   -k N      SIGKILL at the N-th stop; each call has two, before and after it
 *   -e ERRNO  instead of the W-th call of number -s: it is not made, and fails
 *   -l        the W-th call of number -s is asked for half of its third argument: a short read or write
 *   -w W      which (1)
 *   -b NR     counts from the first call of this number on
 * Ends with 3 once it is done (the process runs on, unless killed); with 0 when the process ended before; SIGTERM ends it
 * too. Prints "NR COUNT" for each call that it saw with -c. With COMMAND its own death takes the process along. */
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 64

static long kill_at = -1, error = 0, nr = -1, which = 1, begin = -1, stops, calls;
static int halve, family, count, fired, counting = 1;
static long seen[1024];
static volatile sig_atomic_t stop;
static pid_t target;
static struct thread { pid_t tid; int fail; } threads[THREADS];

static void on_term(int sig)
{
	(void)sig;
	stop = 1;
}

static struct thread *thread_of(pid_t tid)
{
	struct thread *free_one = NULL;

	for (int i = 0; i < THREADS; i++) {
		if (threads[i].tid == tid)
			return &threads[i];
		if (!threads[i].tid && !free_one)
			free_one = &threads[i];
	}
	if (!free_one)
		exit(124);
	*free_one = (struct thread){ .tid = tid };
	return free_one;
}

/* An eventfd counts in memory: it fails with none of what a file may say, and nobody asks it. */
static int is_eventfd(pid_t tid, const struct __ptrace_syscall_info *info)
{
	char path[64], text[64] = "";

	if (info->entry.nr != 0 && info->entry.nr != 1)
		return 0;
	snprintf(path, sizeof path, "/proc/%d/fd/%llu", (int)tid, (unsigned long long)info->entry.args[0]);
	return readlink(path, text, sizeof text - 1) > 0 && strstr(text, "[eventfd]");
}

static void at_entry(pid_t tid, struct thread *t, const struct __ptrace_syscall_info *info)
{
	long now = (long)info->entry.nr;

	if (now == begin)
		counting = 1;
	if (!counting || now < 0 || now >= 1024 || is_eventfd(tid, info))
		return;
	seen[now]++;
	if (now != nr || ++calls != which)
		return;
	if (error) {
		t->fail = 1;
		ptrace(PTRACE_POKEUSER, tid, offsetof(struct user_regs_struct, orig_rax), -1L);
	} else if (halve && info->entry.args[2] > 1) {
		ptrace(PTRACE_POKEUSER, tid, offsetof(struct user_regs_struct, rdx), (long)(info->entry.args[2] / 2));
		fired = 1;
	}
}

static void at_stop(pid_t tid)
{
	struct thread *t = thread_of(tid);
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof info, &info) < 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
		at_entry(tid, t, &info);
	} else if (info.op == PTRACE_SYSCALL_INFO_EXIT && t->fail) {
		t->fail = 0;
		ptrace(PTRACE_POKEUSER, tid, offsetof(struct user_regs_struct, rax), -error);
		fired = 1;
	}
	if (counting && kill_at >= 0 && stops++ == kill_at) {
		kill(target, SIGKILL);
		fired = 1;
	}
}

/* Whose code it was: "SIGSEGV in /usr/lib/…". */
static void say_where(pid_t tid)
{
	struct user_regs_struct regs;
	unsigned long from, to;
	char path[64], line[512], name[300];

	snprintf(path, sizeof path, "/proc/%d/maps", (int)tid);
	FILE *f = fopen(path, "r");
	if (!f || ptrace(PTRACE_GETREGS, tid, 0, &regs) < 0)
		return;
	while (fgets(line, sizeof line, f))
		if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %299s", &from, &to, name) == 3 && regs.rip >= from && regs.rip < to)
			fprintf(stderr, "SIGSEGV in %s\n", name);
	fclose(f);
}

static void follow(pid_t tid, int status)
{
	int sig = WSTOPSIG(status), event = status >> 16;

	if (event == PTRACE_EVENT_EXEC && tid != target) {
		thread_of(tid)->tid = 0;
		ptrace(PTRACE_DETACH, tid, 0, 0);
		return;
	}
	if (event == PTRACE_EVENT_STOP) {
		int group = sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU;
		thread_of(tid);
		ptrace(group ? PTRACE_LISTEN : PTRACE_SYSCALL, tid, 0, 0);
		return;
	}
	if (sig == (SIGTRAP | 0x80)) {
		at_stop(tid);
		sig = 0;
	} else if (event) {
		sig = 0;
	} else if (sig == SIGSEGV) {
		say_where(tid);
	}
	ptrace(PTRACE_SYSCALL, tid, 0, (long)sig);
}

static int seize(pid_t tid, int options)
{
	if (family)
		options |= PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC;
	if (ptrace(PTRACE_SEIZE, tid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | options) < 0)
		return -1;
	thread_of(tid);
	return ptrace(PTRACE_INTERRUPT, tid, 0, 0) < 0 ? -1 : 0;
}

static int seize_all(void)
{
	char path[64];
	int found = 0;

	snprintf(path, sizeof path, "/proc/%d/task", (int)target);
	DIR *dir = opendir(path);
	if (!dir)
		return -1;
	for (struct dirent *e; (e = readdir(dir));)
		if (e->d_name[0] != '.' && seize((pid_t)atol(e->d_name), 0) == 0)
			found++;
	closedir(dir);
	return found ? 0 : -1;
}

static int launch(char **argv)
{
	int status;

	target = fork();
	if (target == 0) {
		raise(SIGSTOP);
		execvp(argv[0], argv);
		_exit(127);
	}
	if (waitpid(target, &status, WUNTRACED) < 0 ||
	    ptrace(PTRACE_SEIZE, target, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL) < 0)
		return -1;
	thread_of(target);
	/* Its death by a stop signal's default is over with the next one. */
	kill(target, SIGCONT);
	return ptrace(PTRACE_INTERRUPT, target, 0, 0) < 0 ? -1 : 0;
}

static int report(int code)
{
	for (int i = 0; count && i < 1024; i++)
		if (seen[i])
			printf("%d %ld\n", i, seen[i]);
	fflush(stdout);
	return code;
}

int main(int argc, char **argv)
{
	int c, status, dead = 0;

	while ((c = getopt(argc, argv, "+p:k:e:s:w:b:lcf")) != -1)
		switch (c) {
		case 'p': target = (pid_t)atol(optarg); break;
		case 'k': kill_at = atol(optarg); break;
		case 'e': error = atol(optarg); break;
		case 's': nr = atol(optarg); break;
		case 'w': which = atol(optarg); break;
		case 'b': begin = atol(optarg); counting = 0; break;
		case 'l': halve = 1; break;
		case 'c': count = 1; break;
		case 'f': family = 1; break;
		default: return 2;
		}
	struct sigaction act = { .sa_handler = on_term };
	sigaction(SIGTERM, &act, NULL);
	int launched = !target;
	if (launched ? launch(argv + optind) < 0 : seize_all() < 0) {
		perror("inject");
		return 2;
	}
	if (!launched) {
		printf("attached\n");
		fflush(stdout);
	}
	while (!stop) {
		pid_t tid = waitpid(-1, &status, __WALL);
		if (tid < 0 && errno == EINTR)
			continue;
		if (tid < 0)
			break;
		if (WIFSTOPPED(status)) {
			follow(tid, status);
			if (fired && !launched && kill_at < 0)
				return report(3); /* who is traced is let go */
		} else {
			thread_of(tid)->tid = 0;
			if (tid == target) {
				dead = 1;
				if (launched)
					break;
			}
		}
	}
	if (launched && !dead) {
		kill(target, SIGKILL);
		/* Its threads must be seen to end before it is. */
		for (pid_t tid; (tid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR;)
			if (tid == target && !WIFSTOPPED(status))
				break;
		return report(fired ? 3 : 0);
	}
	if (launched && (!fired || (WIFSIGNALED(status) && kill_at < 0)))
		return report(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return report(fired ? 3 : 0);
}
