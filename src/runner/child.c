#include "src/runner/child.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "src/runner/child_code.h"
#include "src/runner/enclose.h"
#include "src/runner/landlock.h"
#include "src/runner/sys.h"

#define PATH_SIZE CHILD_PATH_SIZE

/* What needs the supervisor's privileges, before they are given up. */
CHILD_CODE static void set_limits(const struct child_plan *p)
{
	note(p, RUNNER_STAGE_LIMITS);
	if (p->reset_oom) {
		/* Only this process: the kernel leaves those who share memory alone while vfork lasts. */
		long fd = must(p, sys(openat, AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
		must(p, sys(write, fd, "0", 1));
		sys(close, fd);
	}
	if (p->nice_ != p->own_nice)
		must(p, sys(setpriority, PRIO_PROCESS, 0, p->nice_));
}

/* Groups, then gid, then uid; look whether it took; and try to undo it. */
CHILD_CODE static void become_user(const struct child_plan *p)
{
	uint32_t id[3] = { 0, 0, 0 };

	if (p->mounts) /* CAP_SYS_ADMIN is needed a little longer: permitted, and effective only while mounting */
		must(p, sys(prctl, PR_SET_KEEPCAPS, 1));
	if (p->drop) {
		note(p, RUNNER_STAGE_GROUPS);
		must(p, sys(setgroups, p->ngroups, p->groups));
		if (must(p, sys(getgroups, 0, NULL)) != (long)p->ngroups)
			fail(p, -EPERM);
		note(p, RUNNER_STAGE_GID);
		must(p, sys(setresgid, p->gid, p->gid, p->gid));
		note(p, RUNNER_STAGE_UID);
		must(p, sys(setresuid, p->uid, p->uid, p->uid));
	}
	note(p, RUNNER_STAGE_GID);
	must(p, sys(getresgid, &id[0], &id[1], &id[2]));
	if (id[0] != p->gid || id[1] != p->gid || id[2] != p->gid)
		fail(p, -EPERM);
	note(p, RUNNER_STAGE_UID);
	must(p, sys(getresuid, &id[0], &id[1], &id[2]));
	if (id[0] != p->uid || id[1] != p->uid || id[2] != p->uid)
		fail(p, -EPERM);
}

/* Permitted, effective, inheritable; ambient ones go with them. An empty bounding set, no_new_privs and the limits are
 * inherited: the supervisor set them for itself. */
CHILD_CODE static void give_up_root(const struct child_plan *p)
{
	note(p, RUNNER_STAGE_PROVE);
	set_capabilities(p, false, false);
	if (p->uid != 0 && sys(setuid, 0) >= 0)
		fail(p, -EPERM);
}

/* The log directory and the link to the control file: a convenience, which the caller may call optional. */
CHILD_CODE static void make_places(const struct child_plan *p)
{
	long r;
	if (p->make_dir) {
		note(p, RUNNER_STAGE_HOME);
		r = sys(mkdirat, AT_FDCWD, p->make_dir, 0755);
		if (r < 0 && r != -EEXIST && !p->link_optional)
			fail(p, r);
	}
	if (p->link_path) {
		/* A new link takes the place of what has the name: nothing is followed, and no reader finds it gone. */
		note(p, RUNNER_STAGE_LINK);
		sys(unlinkat, AT_FDCWD, p->link_temporary, 0);
		r = sys(symlinkat, p->link_target, AT_FDCWD, p->link_temporary);
		if (r >= 0) {
			r = sys(renameat2, AT_FDCWD, p->link_temporary, AT_FDCWD, p->link_path, 0);
			if (r < 0)
				sys(unlinkat, AT_FDCWD, p->link_temporary, 0);
		}
		if (r < 0 && !p->link_optional)
			fail(p, r);
	}
}

/* `cwd` is what it is called without any link. */
CHILD_CODE static void enter_workdir(const struct child_plan *p, const char *path, char cwd[PATH_SIZE])
{
	note(p, RUNNER_STAGE_WORKDIR);
	must(p, sys(chdir, path));
	/* "(unreachable)/..." is a place outside of the root that we think we are in. */
	must(p, sys(getcwd, cwd, PATH_SIZE));
	if (cwd[0] != '/')
		fail(p, -ENOENT);
}

/* Opens one of the three as the user, without ever waiting: a FIFO for output needs a reader by then (ENXIO otherwise),
 * one for input gives what is in it. Directories, block devices and sockets are refused; so are links through /proc
 * (they lead to other processes' files), and for output a link in the last place (someone else may have put it into a
 * shared directory). */
CHILD_CODE static long open_stdio(const struct child_plan *p, int target)
{
	const char *path = p->file[target] ? p->file[target] : "/dev/null";
	uint64_t flags = O_NOCTTY | O_NONBLOCK | O_CLOEXEC;
	flags |= target == 0 ? O_RDONLY : O_WRONLY | O_CREAT | O_NOFOLLOW | (p->append ? O_APPEND : O_TRUNC);
	struct open_how how = {
		.flags = flags, .mode = target == 0 ? 0 : 0666, .resolve = RESOLVE_NO_MAGICLINKS,
	};
	long fd = must(p, sys(openat2, AT_FDCWD, path, &how, sizeof how));
	struct stat st;
	must(p, sys(fstat, fd, &st));
	if (S_ISDIR(st.st_mode))
		fail(p, -EISDIR);
	if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode) && !S_ISFIFO(st.st_mode))
		fail(p, -EINVAL);
	/* What it is left with is what open(2) without O_NONBLOCK gives. */
	must(p, sys(fcntl, fd, F_SETFL, target != 0 && p->append ? O_APPEND : 0));
	return fd;
}

static const enum runner_stage stdio_stage[] = { RUNNER_STAGE_STDIN, RUNNER_STAGE_STDOUT, RUNNER_STAGE_STDERR };

/* Attached, and to go into a sandbox: nothing that leads to other files of the machine, as a directory does. */
CHILD_CODE static void check_stdio(const struct child_plan *p, int fd)
{
	struct stat st;
	if (must(p, sys(fcntl, fd, F_GETFL)) & O_PATH)
		fail(p, -EBADF);
	must(p, sys(fstat, fd, &st));
	if (S_ISDIR(st.st_mode))
		fail(p, -EISDIR);
	if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode) && !S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode))
		fail(p, -EINVAL);
}

CHILD_CODE static void open_files(struct child_plan *p)
{
	for (int i = 0; i < 3 && p->stdio_fd < 0; i++) {
		note(p, stdio_stage[i]);
		p->opened[i] = p->output[i] >= 0 ? p->output[i] : i == 2 && p->share_stderr ? -1 : (int)open_stdio(p, i);
	}
}

/* The first n of the three in the socket: how many came, and in fds[]; -errno. */
CHILD_CODE static long receive_stdio(const struct child_plan *p, int *fds, long n, int flags)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * 3)];
	} control;
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_LEN(sizeof(int) * (size_t)n) };
	const struct cmsghdr *c = &control.align;
	long r = sys(recvmsg, p->stdio_fd, &msg, MSG_DONTWAIT | flags);

	if (r < 0 || msg.msg_controllen < sizeof *c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return -EBADMSG;
	r = (long)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	for (long i = 0; i < r; i++)
		fds[i] = ((const int *)(const void *)CMSG_DATA(c))[i];
	return msg.msg_flags & MSG_CTRUNC && r == 3 ? -EBADMSG : r;
}

CHILD_CODE long child_peek_stdin(const struct child_plan *p)
{
	int fd;
	long r = p->stdio_fd < 0 ? sys(fcntl, p->opened[0], F_DUPFD_CLOEXEC, 3) : receive_stdio(p, &fd, 1, MSG_PEEK | MSG_CMSG_CLOEXEC);

	return p->stdio_fd < 0 || r < 0 ? r : r == 1 ? fd : -EBADMSG;
}

/* Out of the socket and onto their own numbers, which are the lowest that are free: so no other descriptor of them is ever
 * closed, in nobody's process, and nobody waits for their server. */
CHILD_CODE static void take_stdio(const struct child_plan *p)
{
	int fds[3];

	note(p, RUNNER_STAGE_STDIN);
	must(p, sys(close_range, 0, 2, 0));
	if (must(p, receive_stdio(p, fds, 3, 0)) != 3)
		fail(p, -EBADMSG);
	for (int i = 0; i < 3; i++) {
		note(p, stdio_stage[i]);
		if (fds[i] != i)
			fail(p, -EBADF);
		if (p->mounts)
			check_stdio(p, i);
	}
}

CHILD_CODE static void set_stdio(const struct child_plan *p)
{
	if (p->stdio_fd >= 0)
		take_stdio(p);
	for (int i = 0; i < 3 && p->stdio_fd < 0; i++) {
		note(p, stdio_stage[i]);
		must(p, sys(dup3, p->opened[i] >= 0 ? p->opened[i] : 1, i, 0));
	}
	if (p->pty) {
		note(p, RUNNER_STAGE_TTY);
		must(p, sys(ioctl, 0, TIOCSCTTY, 0));
	}
}

CHILD_CODE static void restore_signals(const struct child_plan *p)
{
	uint64_t none = 0;
	note(p, RUNNER_STAGE_SIGNALS);
	/* The dispositions are the default ones since clone3 (and none is ignored in a supervisor). */
	must(p, sys(rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none));
	if (p->script_fd >= 0) {
		if (p->script_fd != SCRIPT_FD)
			must(p, sys(dup3, p->script_fd, SCRIPT_FD, 0));
		else
			must(p, sys(fcntl, SCRIPT_FD, F_SETFD, 0));
		must(p, sys(close_range, 3, SCRIPT_FD - 1, CLOSE_RANGE_CLOEXEC));
		must(p, sys(close_range, SCRIPT_FD + 1, ~0U, CLOSE_RANGE_CLOEXEC));
	} else {
		must(p, sys(close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC));
	}
}

/* Under no_new_privs, which the supervisor has for all its jobs: what follows is exec, and the job. */
CHILD_CODE static void load_filter(const struct child_plan *p)
{
	if (p->filter.len == 0)
		return;
	note(p, RUNNER_STAGE_SECCOMP);
	must(p, sys(seccomp, SECCOMP_SET_MODE_FILTER, 0, &p->filter));
}

/* What was made ready while its grant was being recorded: nothing of the user's runs before that is done. */
CHILD_CODE static void pass_gate(const struct child_plan *p)
{
	const struct timespec long_enough = { .tv_sec = 30 };
	uint32_t gate;

	note(p, RUNNER_STAGE_GATE);
	while ((gate = atomic_load(&p->slot->gate)) == SLOT_GATE_HELD)
		if (sys(futex, &p->slot->gate, FUTEX_WAIT, SLOT_GATE_HELD, &long_enough, NULL, 0) == -ETIMEDOUT)
			atomic_compare_exchange_strong(&p->slot->gate, &gate, SLOT_GATE_SHUT);
	if (gate != SLOT_GATE_OPEN && gate != SLOT_GATE_NONE)
		fail(p, -EAGAIN);
}

/* execve, and what shells do with a file that no format is known for. Comes back with -errno. */
CHILD_CODE static long try_exec(const struct child_plan *p, const char *path)
{
	long r = sys(execve, path, p->argv, p->env);
	if (r != -ENOEXEC)
		return r;
	p->argv[-1] = (char *)"/bin/sh";
	p->argv[0]  = (char *)path;
	return sys(execve, "/bin/sh", p->argv - 1, p->env);
}

/* Each element of PATH in turn, as execvp(3) does; an empty one is the working directory. */
CHILD_CODE static long search(const struct child_plan *p)
{
	char   file[PATH_SIZE];
	size_t name = length(p->exec_path);
	long   result = -ENOENT;

	for (const char *at = p->path;; at++) {
		size_t n = 0;
		while (at[n] && at[n] != ':')
			n++;
		long r = -ENAMETOOLONG;
		if (n + 1 + name + 1 <= sizeof file) {
			copy(file, at, n);
			if (n > 0)
				file[n] = '/';
			copy(file + n + (n > 0), p->exec_path, name + 1);
			r = try_exec(p, file);
		}
		if (r == -EACCES)
			result = r;
		else if (r != -ENOENT && r != -ENOTDIR && r != -ENAMETOOLONG)
			return r;
		at += n;
		if (!*at)
			return result;
	}
}

CHILD_CODE static bool has_slash(const char *s)
{
	while (*s && *s != '/')
		s++;
	return *s == '/';
}

CHILD_CODE void child_prepare(struct child_plan *p)
{
	char cwd[PATH_SIZE], again[PATH_SIZE];

	note(p, RUNNER_STAGE_SESSION);
	must(p, sys(close_range, SUPERVISOR_DAEMON_FD, SUPERVISOR_LISTEN_FD, 0));
	set_limits(p);
	become_user(p);
	if (p->mounts)
		set_capabilities(p, true, false);
	else
		give_up_root(p);
	if (p->own_pid || p->copied) /* memory of its own: the supervisor's has been so since it started */
		must(p, sys(prctl, PR_SET_DUMPABLE, 0));
	sys(umask, p->umask_);
	make_places(p);
	enter_workdir(p, p->workdir, cwd);
	open_files(p);
	if (p->own_pid)
		copy(p->entered, cwd, length(cwd) + 1);
	if (p->mounts) {
		enclose(p, cwd);
		give_up_root(p);
		enter_workdir(p, cwd, again); /* what it is there now */
	}
	enter_landlock(p);
}

CHILD_CODE void child_open_output(const struct child_plan *p, int ret_fd[3])
{
	char cwd[PATH_SIZE];

	note(p, RUNNER_STAGE_SESSION);
	must(p, sys(setsid));
	set_limits(p);
	become_user(p);
	give_up_root(p);
	must(p, sys(prctl, PR_SET_DUMPABLE, 0));
	sys(umask, p->umask_);
	make_places(p);
	enter_workdir(p, p->workdir, cwd);
	for (int i = 0; i < 3; i++) {
		ret_fd[i] = -1;
		if (i == 0 || p->output[i] >= 0 || !p->file[i] || (i == 2 && p->share_stderr))
			continue;
		note(p, stdio_stage[i]);
		ret_fd[i] = (int)open_stdio(p, i);
	}
	must(p, sys(chdir, "/"));
}

CHILD_CODE void child_become(void *plan)
{
	const struct child_plan *p = plan;

	note(p, RUNNER_STAGE_SESSION);
	must(p, sys(setsid));
	set_stdio(p);
	restore_signals(p);
	load_filter(p);
	pass_gate(p);
	note(p, RUNNER_STAGE_EXEC);
	bool is_path = has_slash(p->exec_path);
	long r = is_path ? try_exec(p, p->exec_path) : search(p);
	if (p->script_fd >= 0 || (r == -ENOENT && is_path && sys(faccessat, AT_FDCWD, p->exec_path, F_OK) == 0))
		note(p, RUNNER_STAGE_INTERPRETER); /* it is there itself */
	fail(p, r);
}

CHILD_CODE void child_join(void *plan)
{
	struct child_plan *p = plan;
	char cwd[PATH_SIZE];

	enter_workdir(p, p->workdir, cwd);
	open_files(p);
	child_become(p);
}

CHILD_CODE void child_main(void *plan)
{
	child_prepare(plan);
	child_become(plan);
}
