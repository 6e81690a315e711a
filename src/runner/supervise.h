/* supervise.h: mscg-supervise, the parent of one job at a time.
 *
 * It is given its slot's number in argv, and three descriptors: the connection to mscgd, a listening socket that mscgd
 * has named for it, the slot file. It reports through its slot; messages are wake-ups. When its daemon is gone it goes
 * on while it has a job, and takes the next daemon that comes to its named socket; without a job it exits.
 *
 * What it has: no memory but its own image, two pages of stack for its children, and the capabilities in main.c. After
 * start it allocates nothing, and it opens nothing at all but what a job is given in its child.
 */
#ifndef RUNNER_SUPERVISE_H
#define RUNNER_SUPERVISE_H

#include <signal.h>

#include "src/runner/child.h"
#include "src/runner/exec.h"
#include "src/runner/message.h"
#include "src/runner/spawn.h"

#define SUPERVISOR_SLOTS_FD   5 /* at start only */
#define SUPERVISOR_PROGRAM_FD 6 /* until exec */

/* Room for argv and env of one START without asking for memory: room[0] stays free for a shell. */
#define POINTERS_MAX 4096

/* What a START brought along. */
struct brought {
	int    cgroup, payload, script, stdio, seccomp, log;
	int    output[3]; /* pipes to the log writer */
	void  *map; /* of payload */
	size_t map_size;
	void  *filter; /* of seccomp */
	size_t filter_size;
	void  *arena; /* pointers that do not fit into supervisor.pointers */
	size_t arena_size;
};

struct supervisor {
	struct slot_file file;
	struct slot *slot;    /* its own */
	uint32_t     index;
	int          pid;
	int          daemon_fd; /* SUPERVISOR_DAEMON_FD, or -1: nobody listens */
	int          listen_fd;
	bool         wake_due;  /* the daemon could not be told what the slot says */
	sigset_t     while_waiting; /* all blocked but SIGCHLD */
	bool         reset_oom;
	bool         share_memory; /* CLONE_VM is safe here (see start.c) */
	bool         may_isolate; /* CAP_SYS_ADMIN, here or in a user namespace of its own */
	bool         used_up;     /* in that user namespace, or on the way into it: no further job */
	void        *stack, *main_stack; /* of a child; of the main process that an init starts */
	size_t       stack_size;
	/* The job; main_pid 0: none. */
	int          main_pid, main_pidfd; /* of the job's init, where it has one */
	int          report_fd, door_fd; /* what the init says; where it is handed commands; -1: there is none */
	uint64_t     generation, namespaces;
	struct brought brought; /* kept for commands, as the plan and the packet are, where there is no init */
	struct child_plan plan;
	int          note_pid; /* writes the last line of the job before (note.c); 0: nobody does */
	int64_t      note_usec; /* since when, boot clock */
	struct execs execs;
	char         entered[CHILD_PATH_SIZE];
	char         link_temporary[4096];
	char        *pointers[POINTERS_MAX];
	_Alignas(8) char packet[MESSAGE_MAX];
};

/* Runs until there is neither a job nor a daemon. */
void supervise(struct supervisor *s);
/* The next word of the job's init; false: it is dead. Waits for it. */
bool supervise_read_report(struct supervisor *s, int *ret);
/* Carries out a START of `size` bytes in s->packet. The descriptors are its to close. What came of it is in the slot;
 * true when a job runs now. */
bool supervise_start(struct supervisor *s, size_t size, int *fds, size_t nfds);
/* The job has ended: what was kept of its START is let go. */
void supervise_forget(struct supervisor *s);
/* Carries out a NOTE, if the one before is done. Who writes it is reaped as a child that nobody waits for. */
void note_start(struct supervisor *s, const void *packet, size_t size);
/* Starts the writer of the plan's output files, which counts into `log_fd`. 0, and output[] has what goes to it (no
 * descriptor for a stderr that is shared); -errno, noted in the slot with the stage when it is about a file. */
int  log_start(struct supervisor *s, const struct child_plan *plan, uint64_t max, int log_fd, int output[3]);
#endif
