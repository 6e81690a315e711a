/* message.h: what mscgd and a supervisor say to each other, over SOCK_SEQPACKET: one message a packet.
 *
 *   START   mscgd -> supervisor  launch this. Descriptors: the job's cgroup, then those that `flags` name, in its order
 *   EXEC    mscgd -> supervisor  run this beside the main process of that generation: a START of which only EXEC, argv, TERM and
 *           START_PTY count. Descriptors: cgroup, stdio, channel (src/base/exec.h). -> init  without the cgroup
 *   NOTE    mscgd -> supervisor  a line behind what its last job has written: a START of which only the identity, STDERR and argv
 *           count, which is one text
 *   SIGNAL  mscgd -> supervisor  to the main process of that generation, if it still runs
 *   WAKE    supervisor -> mscgd  look at the slot (also sent when it is ready, and when it accepted a connection)
 *
 * A START carries its groups and strings behind the header; what does not fit is in a sealed memfd instead. The
 * strings, each ended by NUL, are those of START_STRINGS that `present` names, then argv, then the environment.
 * The header and SIGNAL and WAKE are the same in every version: after an upgrade a supervisor of before goes on with its
 * job. A START, EXEC or NOTE of another version is an error, not a negotiation.
 */
#ifndef RUNNER_MESSAGE_H
#define RUNNER_MESSAGE_H

#include "src/base/base.h"
#include "src/runner/runner.h"

#define MESSAGE_MAGIC   0x6763736du /* "mscg" */
#define MESSAGE_VERSION 11u
#define MESSAGE_MAX     65536u            /* one packet */
#define PAYLOAD_MAX     (16u * 1024 * 1024) /* in a memfd */
#define NOTE_MAX        400               /* of its text, the rest is cut */
#define START_FDS_MAX   6                 /* cgroup, payload, script, stdio, filter, log */

enum message_kind { MESSAGE_START = 1, MESSAGE_SIGNAL, MESSAGE_WAKE, MESSAGE_EXEC, MESSAGE_NOTE };

struct message_header {
	uint32_t magic;
	uint16_t version, kind;
	uint32_t size; /* of the packet */
	uint32_t slot;
	uint64_t generation;
};

struct message_signal {
	struct message_header h;
	int32_t  sig;
	uint32_t reserved;
};

enum start_flag {
	START_DROP          = 1 << 0,
	START_APPEND        = 1 << 1,
	START_PTY           = 1 << 2,
	START_SHARE_STDERR  = 1 << 3, /* stderr is stdout's descriptor */
	START_LINK_OPTIONAL = 1 << 4,
	START_STRICT        = 1 << 5,
	START_ROOT_READ_ONLY = 1 << 6,
	START_CGROUP_WRITABLE = 1 << 7,
	START_ROOT_IMAGE    = 1 << 11,
	/* Descriptors that follow the cgroup's, in this order. */
	START_FD_PAYLOAD    = 1 << 8,
	START_FD_SCRIPT     = 1 << 9,
	START_FD_STDIO      = 1 << 10, /* a socket, in which all three are */
	START_FD_SECCOMP    = 1 << 13,
	START_FD_LOG        = 1 << 14, /* for a struct runner_log */
	START_FD_CHANNEL    = 1 << 15, /* of an EXEC */
};

/* Optional strings of a START: bit number in `present`, and place in start_view.text. */
#define START_STRINGS(X) \
	X(EXEC) X(PATH) X(WORKDIR) X(STDIN) X(STDOUT) X(STDERR) X(MAKE_DIR) X(LINK) X(LINK_TARGET) X(INTERPRETER_ARG) \
	X(KEEP) X(COVER) X(SERVICES) X(TMPFS) X(BINDS) X(ROOT) X(DEVICES) X(DEV)
enum start_string {
#define X(name) START_STRING_##name,
	START_STRINGS(X)
#undef X
	START_STRING_COUNT
};

struct message_start {
	struct message_header h;
	uint32_t flags;   /* enum start_flag */
	uint32_t present; /* bits of enum start_string */
	uint32_t uid, gid, umask_;
	int32_t  nice_;
	uint32_t groups, argc, envc;
	uint32_t payload; /* bytes of groups and strings */
	uint64_t namespaces; /* flags of clone3 */
	uint64_t log_max;    /* bytes in each output file; 0: no limit */
};

/* A START taken apart; everything points into the payload that it was read from. `argv` and `env` are the first of
 * their strings: the rest follow, each after the NUL of the one before. */
struct start_view {
	const struct message_start *start;
	const uint32_t *groups;
	const char     *text[START_STRING_COUNT]; /* NULL: not given */
	const char     *argv, *env;
};

/* Packed by mscgd: the packet, and the descriptors that it makes and closes. */
struct start_pack {
	size_t size; /* of packet[] */
	int    payload_fd, script_fd;
	_Alignas(8) char packet[MESSAGE_MAX];
};

/* Packs `launch`. On success release it with start_pack_clear; on failure nothing is left. -E2BIG with text when it is
 * more than PAYLOAD_MAX, -EINVAL when something is missing or cannot be. */
int  start_pack(struct start_pack *pack, const struct runner_launch *launch, uint32_t slot, uint64_t generation,
                struct mscg_error *error);
void start_pack_clear(struct start_pack *pack);

/* Takes apart `payload` (the bytes behind the header, or the mapped memfd) of a START whose header was checked.
 * -EBADMSG unless it is consumed exactly. Allocates nothing. */
int start_read(struct start_view *ret, const struct message_start *start, const void *payload, size_t size);

/* A whole header, of that size; a START, an EXEC and a NOTE are of this version. */
bool message_valid(const void *packet, size_t size);
struct message_header message_make(enum message_kind kind, size_t size, uint32_t slot, uint64_t generation);

/* One packet with n descriptors (n may be 0). 0 or -errno; never blocks, never raises SIGPIPE. */
int message_send(int fd, const void *packet, size_t size, const int *fds, size_t n);
/* One packet. Its size, 0 at the end of the connection, -EAGAIN when there is none, -EMSGSIZE when it or its
 * descriptors were cut (they are closed then). fds[] must hold START_FDS_MAX; they are close-on-exec. */
ssize_t message_receive(int fd, void *packet, size_t size, int *fds, size_t *ret_n);

#endif
