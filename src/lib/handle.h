/* handle.h: inside of a client handle. connect.c finds the daemon, once.c does without one, client.c speaks. */
#ifndef LIB_HANDLE_H
#define LIB_HANDLE_H

#include "src/lib/client.h"
#include "src/wire/wire.h"

#define MSCG_SYSTEM_SOCKET "/run/mscg/mscg.sock"
#define MSCG_SYSTEM_STATE  "/var/lib/mscg" /* unless its configuration says otherwise */
#define MSCG_SYSTEM_CONFIG "/etc/mscg/mscg.conf"

struct mscg {
	struct wire_conn *conn; /* NULL: the next call makes it */
	char *socket;
	int   timeout_ms;
	bool  busy; /* replies to a call are still to come */
	bool  passed; /* descriptors for the next call are with this connection */
	int   fd;   /* that came with the last reply; -1: none */

	/* Without a daemon: a child for each request. */
	bool  once;
	char *state_dir; /* NULL: mscgd's own default, or what its configuration says */
	char *program; /* path of mscgd */
	int   child;   /* pid, 0: none. Not reaped by us yet, so nobody else's */
};

/* A connected socket, or -ECONNREFUSED where nobody listens. */
int mscg_socket_open(const char *path, int *ret_fd, struct mscg_error *error);
/* The refusal that names the socket and what to do. */
int mscg_no_daemon(const char *socket, struct mscg_error *error);

/* 0: the state directory is the caller's own, or can become it, and mscgd is found: *m is set up. -ECONNREFUSED: it is
 * somebody else's business. Other -errno with text. `signs`, NULL-ended: one of these paths is there where the machine has a daemon
 * for all users, in whose place no other queue is taken that was not asked for (`state_dir`; NULL: the default). */
int mscg_once_prepare(struct mscg *m, const char *state_dir, const char *const *signs, struct mscg_error *error);
/* Starts mscgd with one end of a socket pair as its stdin and stdout. */
int mscg_once_start(struct mscg *m, int *ret_fd, struct mscg_error *error);
/* After the connection is closed: reaps it. Its wait status, -1 when that is not known. */
int mscg_once_end(struct mscg *m);

#endif
