/* pty.h: a pseudo-terminal between the user's terminal and a job. */
#ifndef CLI_PTY_H
#define CLI_PTY_H

#include <poll.h>

#include "cli.h"

struct pty {
	int    master, slave;
	bool   input_over; /* stdin has ended, or nothing is read from it */
	bool   closed;     /* the other side is gone */
	bool   at_terminal; /* stdin is a terminal */
	char   pending[4096]; /* typed, and not yet taken by the job */
	size_t pending_n;
};

/* Signals to us that are for a command elsewhere: blocked from now on, and read from the signalfd(2) that is returned. -1 with errno. */
int  forward_open(void);

int  pty_open(struct pty *p, struct mscg_error *error);
void pty_close_slave(struct pty *p); /* once the job has it */
/* The job has started: keys are its own from now on. The terminal is put back at the end of the process, however it ends. */
void pty_raw(struct pty *p);
void pty_cooked(struct pty *p);
void pty_resize(struct pty *p); /* the user's window has another size */
/* What to poll for: two entries, fd -1 where nothing is wanted. */
void pty_poll(const struct pty *p, struct pollfd fds[2]);
void pty_relay(struct pty *p, const struct pollfd fds[2]);
/* The job has ended: what it wrote last. */
void pty_drain(struct pty *p);
void pty_close(struct pty *p);

#endif
