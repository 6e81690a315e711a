/* exec.h: commands that run in a job beside its main process (`mscg exec`).
 *
 * Nobody enters a job's namespaces for them: its init is there, has no privileges left, and starts them itself, from what the
 * supervisor hands it. A job without namespaces has no init: its supervisor starts them as it started the job, into its
 * cgroup. Both have kept the job's plan, so that a command is with all that the job was. What mscgd sends says only which,
 * with which descriptors, and TERM.
 *
 * Who starts them never waits for one (no vfork): the job's end is not held up by a program that hangs on its way to exec.
 * They end with the main process. See child.h for what may be called here: this runs in the init, too.
 */
#ifndef RUNNER_EXEC_H
#define RUNNER_EXEC_H

#include <poll.h>

#include "src/runner/child.h"
#include "src/runner/message.h"

#define EXECS_MAX       16   /* at once, in one job */
#define EXEC_WORDS_MAX  1024 /* of a command */
#define EXEC_FDS        2    /* of an EXEC, behind the cgroup's: stdio, channel */

struct execs {
	struct slot *notes; /* EXECS_MAX, shared with the commands until their exec: how far they came */
	bool over;          /* the main process has ended */
	struct exec {
		int      pid;     /* 0: free */
		int      channel; /* -1: its client is gone */
		uint32_t heard;
		bool     over;    /* killed since the main process has ended */
	} all[EXECS_MAX];
	char *pointers[EXEC_WORDS_MAX + 2];
	_Alignas(8) char packet[MESSAGE_MAX];
};

int  execs_open(struct execs *e);
/* An EXEC of `size` bytes, whose header was checked, with EXEC_FDS descriptors: what stays open of them is -1 afterwards.
 * cgroup: to be cloned into; -1: where we are. What goes wrong is said over the channel. */
void execs_start(struct execs *e, const struct child_plan *job, int cgroup, const void *packet, size_t size, int fds[EXEC_FDS]);
void execs_refuse(int channel, enum runner_stage stage, int error);
/* What to poll for: EXECS_MAX entries. And what came of it: clients that send signals, or are gone. */
void execs_poll(const struct execs *e, struct pollfd *fds);
void execs_hear(struct execs *e, const struct pollfd *fds);
/* A child was reaped: true when it was one of these. Its client is told. */
bool execs_reap(struct execs *e, int pid, int status);
/* The main process has ended: they are killed, and no more are started. */
void execs_end(struct execs *e);

#endif
