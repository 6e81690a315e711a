/* mscg-supervise: what a supervisor does once, before it is ready. See supervise.h. */
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "src/base/fd.h"
#include "src/base/parse.h"
#include "src/runner/supervise.h"

#define OOM_SCORE  "-999" /* not -1000: something must go when nothing else is left */
#define STACK_SIZE (64 * 1024)
#define NOFILE     1024 /* soft: select(2) breaks above; a program that wants more raises it */

static struct supervisor supervisor;

/* What a supervisor keeps where it is root: to become the job's user, to set its limits and niceness, to signal it, to
 * make its namespaces. */
static const int kept_capabilities[] = { CAP_KILL, CAP_SETGID, CAP_SETUID, CAP_SYS_ADMIN, CAP_SYS_NICE, CAP_SYS_RESOURCE };

static int fail(const char *what)
{
	fprintf(stderr, "mscg-supervise: %s: %s\n", what, strerror(errno));
	return -1;
}

static void on_child(int sig)
{
	(void)sig; /* it ends the wait, that is all */
}

/* Every disposition default, so that a job inherits no ignored signal; everything blocked, so that none sent to a
 * group or by a stopping service manager ends us; SIGCHLD looked at while waiting. */
static int set_signals(struct supervisor *s)
{
	static const unsigned long dfl[4]; /* the kernel's struct sigaction: SIG_DFL, no flag, nothing blocked */
	struct sigaction child = { .sa_handler = on_child, .sa_flags = SA_NOCLDSTOP };
	sigset_t all;

	for (int sig = 1; sig < NSIG; sig++)
		syscall(SYS_rt_sigaction, sig, dfl, NULL, 8L); /* libc's own refuses 32 and 33, which some parents ignore */
	sigfillset(&all);
	s->while_waiting = all;
	sigdelset(&s->while_waiting, SIGCHLD);
	if (sigprocmask(SIG_SETMASK, &all, NULL) < 0 || sigaction(SIGCHLD, &child, NULL) < 0)
		return fail("signals");
	return 0;
}

static bool lower_oom_score(void)
{
	_cleanup_close_ int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, OOM_SCORE, strlen(OOM_SCORE)) > 0;
}

/* fs.suid_dumpable 1 would let a job's user read our memory while its process still runs on it. */
static bool memory_is_safe(void)
{
	_cleanup_free_ char *text = NULL;
	return fd_read_file_at(AT_FDCWD, "/proc/sys/fs/suid_dumpable", 64, &text, NULL) == 0 && text[0] != '1';
}

static int shed_privileges(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct   caps[_LINUX_CAPABILITY_U32S_3] = { { 0, 0, 0 }, { 0, 0, 0 } };

	/* The bounding set is for the jobs, who inherit it: nothing. It takes CAP_SETPCAP, which an ordinary user's
	 * supervisor has not got; its jobs have nothing that it would bound but what set-id programs give, and those are
	 * without effect under no_new_privs. */
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EPERM)
			return fail("capability bounding set");
	if (syscall(SYS_capget, &header, caps) < 0)
		return fail("capget");
	uint32_t keep[_LINUX_CAPABILITY_U32S_3] = { 0 };
	for (size_t i = 0; i < ARRAY_SIZE(kept_capabilities); i++)
		keep[CAP_TO_INDEX(kept_capabilities[i])] |= CAP_TO_MASK(kept_capabilities[i]);
	for (size_t i = 0; i < ARRAY_SIZE(caps); i++) {
		caps[i].permitted &= keep[i];
		caps[i].effective   = caps[i].permitted;
		caps[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &header, caps) < 0)
		return fail("capset");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail("no_new_privs");
	return 0;
}

/* The descriptors of a supervisor, and no others. */
static int set_descriptors(struct supervisor *s, uint32_t index)
{
	struct mscg_error error;
	struct slot_file file = SLOT_FILE_NONE;
	int r = slot_file_map(&file, SUPERVISOR_SLOTS_FD, &error);
	if (r < 0) {
		fprintf(stderr, "mscg-supervise: %s\n", error.text);
		return -1;
	}
	if (index >= file.n) {
		errno = ERANGE;
		return fail("slot");
	}
	s->file  = file;
	s->index = index;
	s->slot  = &file.slots[index];
	s->daemon_fd = SUPERVISOR_DAEMON_FD;
	s->listen_fd = SUPERVISOR_LISTEN_FD;
	if (fcntl(s->daemon_fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(s->listen_fd, F_SETFD, FD_CLOEXEC) < 0 ||
	    chdir("/") < 0)
		return fail("descriptors");
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return fail("/dev/null");
	for (int i = 0; i < 3; i++)
		if (dup2(null, i) < 0)
			return fail("descriptors");
	return close_range(SUPERVISOR_LISTEN_FD + 1, ~0U, 0) < 0 ? fail("close_range") : 0;
}

static int set_limits(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return fail("getrlimit");
	limit.rlim_cur = MIN_OF(limit.rlim_max, (rlim_t)NOFILE);
	return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? fail("setrlimit") : 0;
}

int main(int argc, char **argv)
{
	struct supervisor *s = &supervisor;
	uint64_t index;

	/* For mscgd: closes what it was given when its standard input ends, and waits for it in its place. */
	if (argc == 2 && streq(argv[1], "close")) {
		prctl(PR_SET_NAME, "mscg-close", 0, 0, 0);
		while (read(STDIN_FILENO, &index, 1) > 0)
			;
		_exit(0);
	}
	if (argc != 2 || parse_u64(argv[1], 0, SLOTS_MAX - 1, &index, NULL) < 0) {
		fprintf(stderr, "mscg-supervise is started by mscgd, and by nobody else\n");
		return 2;
	}
	prctl(PR_SET_NAME, "mscg-supervise", 0, 0, 0); /* who is executed by a descriptor is called by its number */
	setsid(); /* fails only where it is done already */
	s->pid          = getpid();
	s->reset_oom    = lower_oom_score(); /* while /proc/self is ours: that ends with dumpable */
	s->may_isolate  = geteuid() == 0;
	s->share_memory = memory_is_safe();
	s->report_fd    = -1;
	s->door_fd      = -1;
	s->stack        = child_stack_make(s->stack_size = STACK_SIZE);
	s->main_stack   = child_stack_make(STACK_SIZE);
	if (!s->stack || !s->main_stack || execs_open(&s->execs) < 0 || set_limits() < 0 || set_signals(s) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 ||
	    set_descriptors(s, (uint32_t)index) < 0 || shed_privileges() < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return 1;
	supervise(s);
	_exit(0); /* nothing of ours wants to be told */
}
