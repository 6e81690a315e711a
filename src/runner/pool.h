/* pool.h: the inside of struct runner, for the files of this room that make it up: open.c (its life), pool.c
 * (supervisors: spawned, kept, lost), launch.c (what callers do with a slot), dispatch.c (what came of it), adopt.c.
 *
 * A member is a slot as mscgd sees it, with its supervisor if there is one. Every member is in exactly one place:
 *   idle    the slot is free, its supervisor waits     (in idle[], last in first out: the warm one is used again)
 *   bare    the slot is free and has no supervisor     (in bare[])
 *   used    the slot is not free
 *   leaving the slot is free, its supervisor was told to go and has not been reaped
 */
#ifndef RUNNER_POOL_H
#define RUNNER_POOL_H

#include <sys/un.h>

#include "src/runner/message.h"
#include "src/runner/slot.h"

#define SPAWN_STACK_SIZE (64 * 1024)

enum told { TOLD_START = 1, TOLD_END = 2, TOLD_LOST = 4 };

struct member {
	int      socket; /* -1: no connection */
	int      pidfd;  /* of a supervisor that we are the parent of; -1: none, or not ours to reap */
	uint32_t epoch;  /* counts the slot's supervisors: events of an earlier one are stale */
	uint16_t version; /* of what its supervisor speaks; 0: it has said nothing yet */
	uint8_t  told;   /* enum told: what the caller knows of this launch */
	bool     last;   /* its supervisor takes no job after this: it is of another version, or in a user namespace */
};

typedef void runner_event(const struct runner_slot_info *info, void *ctx);

struct runner {
	struct slot_file file;
	char     boot_id[BOOT_ID_SIZE];
	bool     other_boot;    /* `file` is of another boot: kept until runner_adopt */
	int      dir_fd, lock_fd, null_fd, epoll_fd, supervisors_cgroup_fd;
	int      supervisor_fd; /* the program */
	bool     incomplete;    /* see runner_is_complete */
	uint32_t config_slots, spare;
	struct member *members; /* one for each slot */
	uint32_t *idle, *bare, n_idle, n_bare, n_used;
	void    *spawn_stack;
	struct start_pack pack; /* of the launch at hand */
};

/* Maps are in place: members, and every free slot bare. */
void pool_make(struct runner *r);
void pool_close(struct runner *r);

static inline bool member_alive(const struct member *m)
{
	return m->socket >= 0;
}

/* The slot is free: into idle or bare, unless its supervisor is leaving. May send one of too many idle ones away. */
void pool_put(struct runner *r, uint32_t index);
/* Where the supervisor of a slot listens, for a mscgd that starts later. Reached through /proc/self/fd: sun_path is
 * short, and the runtime directory's own path may not be. */
#define SUPERVISOR_SOCKET "supervisor.%u"
struct sockaddr_un pool_address(const struct runner *r, uint32_t index, const char *suffix);
/* A free slot with a live supervisor, idle or spawned; now neither idle nor bare. -EAGAIN: none is left. */
int pool_take(struct runner *r, uint32_t *ret, struct mscg_error *error);
/* Fewer idle ones than wanted: spawns up to `most`. */
void pool_top_up(struct runner *r, uint32_t most);
/* Watches a new connection to the slot's supervisor; takes both descriptors (pidfd may be -1), also on failure. */
int pool_watch(struct runner *r, uint32_t index, int socket, int pidfd, struct mscg_error *error);
/* Ends the connection. True when nothing more will be heard of the supervisor: it is not our child. */
bool pool_hang_up(struct runner *r, uint32_t index);
/* Our child's pidfd fired: reaped. False: not yet. */
bool pool_reap(struct runner *r, uint32_t index);

/* What an epoll event is about. */
enum watched { WATCHED_SOCKET, WATCHED_PIDFD };
static inline uint64_t watch_key(uint32_t index, enum watched what, uint32_t epoch)
{
	return (uint64_t)index | (uint64_t)what << 24 | (uint64_t)epoch << 32;
}
_Static_assert(SLOTS_MAX < 1u << 24, "a slot's number fits into its part of the key");

/* Tells the caller what it does not know yet of this launch. `lost`: its supervisor is gone. */
void pool_tell(struct runner *r, uint32_t index, bool lost, runner_event *event, void *ctx);
/* Its supervisor is gone for good. */
void pool_conclude(struct runner *r, uint32_t index, runner_event *event, void *ctx);

#endif
