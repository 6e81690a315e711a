/* conn.h: inside of a connection. conn.c reads, conn_out.c writes; nobody else looks in here. */
#ifndef WIRE_CONN_H
#define WIRE_CONN_H

#include "src/base/buf.h"
#include "src/wire/wire.h"

/* Descriptors that leave with a message, which is [at, end) in the stream. */
struct wire_passing {
	uint64_t at, end;
	int      fds[WIRE_FDS_MAX];
	int      nfds;
};

struct wire_conn {
	int  fd, out_fd; /* the same but for pipes */
	bool is_socket, expects_fds, has_more;
	int  peer_error; /* -errno when `peer` is not known */
	struct wire_peer peer;

	/* Input: [in_start, in_end) is not yet taken; what lies before in_scan holds no NUL, so that a message which
	 * comes byte by byte is scanned once. */
	char  *in;
	size_t in_cap, in_start, in_scan, in_end;
	uint64_t in_total; /* bytes read so far */
	int  broken;       /* -errno: a message made no sense, the stream has no next one */
	/* Descriptors received, oldest first. Two sets: those of a message that is not whole yet, and those of the one
	 * behind it, which may come with the read that makes it whole. */
	struct wire_received {
		uint64_t at; /* offset in the stream of the byte that they belong to */
		int      fds[WIRE_FDS_MAX];
		int      nfds;
	} received[2];
	int  received_n;
	bool due; /* the first set belongs to the message last returned */

	/* Output: [out_start, out.size) is not yet gone. */
	struct buf out;
	size_t   out_start;
	uint64_t out_total; /* bytes written so far */
	struct wire_passing *passing;
	uint32_t passing_n, passing_cap;
};

/* A buffer that one large message made is given back above this. */
#define WIRE_KEEP_BUFFER (64u * 1024)

void wire_close_fds(int *fds, int *nfds);

#endif
