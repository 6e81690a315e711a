/* child.h: what happens between clone3 and execve, in the job's own process.
 *
 * The child runs on its supervisor's memory while that waits (CLONE_VM, CLONE_VFORK): it may read everything in its
 * plan, and writes only its own stack, the slot's stage and errno, and the plan's argv and opened. It allocates nothing and calls
 * nothing of libc. A job with a pid namespace has an init before it, on memory of its own (init.h). It never returns: it becomes the job, or exits after noting where and why.
 */
#ifndef RUNNER_CHILD_H
#define RUNNER_CHILD_H

#include <linux/filter.h>

#include "src/runner/slot.h"

/* Descriptors of a supervisor with fixed numbers, which a child closes first: while it holds the connection, mscgd
 * would not see that the supervisor died. 0 to 2 are /dev/null. */
#define SUPERVISOR_DAEMON_FD 3
#define SUPERVISOR_LISTEN_FD 4
/* Where a script is for its interpreter: below 64, so that no larger table is made, and out of the way of what shells
 * (10 and up, bash 255 and 63 downwards) and people (3 to 9) use. */
#define SCRIPT_FD 60
#define SCRIPT_FD_PATH "/dev/fd/60"

#define CHILD_PATH_SIZE 4096

struct execs;

struct child_plan {
	struct slot *slot;
	const char  *exec_path, *path, *workdir;
	char       **argv; /* argv[-1] is writable room: a file without a known format is given to a shell */
	char       **env;
	const char  *file[3];  /* of stdin, stdout, stderr; NULL: /dev/null */
	int          output[3]; /* pipes instead of stdout and stderr, to the log writer; -1: none */
	int          stdio_fd;  /* a socket, in which all three are, instead; -1: not attached */
	int          script_fd; /* -1: none */
	int          opened[3]; /* by the child itself: stdin, stdout, stderr */
	/* A mount namespace of its own (enclose.c): what stays reachable beside its working directory, what is covered (runner.h), and
	 * how the job's tmpfs are mounted. */
	bool         mounts, strict, own_ipc, own_net, root_read_only, cgroup_writable;
	const char  *root; /* a directory that is to be the root; NULL: the machine's is */
	int          root_fd; /* it, mounted nowhere yet; -1: to be looked up */
	const char  *keep, *cover, *services, *binds, *devices, *dev, *tmpfs_options;
	/* A pid namespace of its own (init.c) */
	bool         own_pid;
	int          report_fd, door_fd; /* what the init says; where it is handed commands (exec.h) */
	struct execs *execs;
	char        *entered; /* CHILD_PATH_SIZE bytes: what the working directory is called, noted by the init */
	void        *main_stack;
	size_t       main_stack_size;
	struct sock_fprog filter; /* of system calls; len 0: none */
	const char  *make_dir, *link_path, *link_temporary, *link_target;
	const uint32_t *groups;
	uint32_t     ngroups, uid, gid, umask_;
	int32_t      nice_;
	int         own_nice; /* of the supervisor: mscgd goes before the jobs it looks after */
	bool         drop, append, pty, share_stderr, link_optional;
	bool         copied;    /* on memory of its own: nobody shall look into it */
	bool         reset_oom; /* the supervisor lowered its own oom_score_adj: the job's is 0 */
};

/* The first half of it, in a process of its own: takes the plan's niceness, becomes the user and opens the output files that are
 * no descriptors yet (-1: none, or stderr shared). Exits after noting where and why it failed. */
void child_open_output(const struct child_plan *plan, int ret_fd[3]);
/* Entry point for sys_clone3; `plan` is a struct child_plan. */
void child_main(void *plan);
/* Its two halves: what needs privileges, or the machine's own view of the file system; and what makes it the job. */
void child_prepare(struct child_plan *plan);
void child_become(void *plan);
/* A copy of what is going to be standard input, to look at; -errno. To close it may take as long as a server likes: for a terminal only. */
long child_peek_stdin(const struct child_plan *plan);
/* A command, started by the job's init and with all that it has: from there to exec. `plan` is a struct child_plan. */
void child_join(void *plan);

#endif
