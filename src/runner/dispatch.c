/* What came of launches: slots are looked at when their supervisors say so, or are no more. */
#include <sys/epoll.h>

#include "src/runner/pool.h"

void pool_tell(struct runner *r, uint32_t index, bool lost, runner_event *event, void *ctx)
{
	struct member *m = &r->members[index];
	struct runner_slot_info info;

	slot_info(&r->file.slots[index], index, &info);
	info.supervised = member_alive(m) && !lost;
	if ((info.state == RUNNER_RUNNING || info.state == RUNNER_EXITED) && !(m->told & TOLD_START)) {
		/* One that ended before we looked is told as two events: callers see every launch take the same way. */
		struct runner_slot_info started = info;
		started.state         = RUNNER_RUNNING;
		started.end_usec      = 0;
		started.end_boot_usec = 0;
		started.wait_code     = 0;
		started.wait_status   = 0;
		started.supervised    = info.supervised || info.state == RUNNER_EXITED;
		m->told |= TOLD_START | (started.supervised ? 0 : TOLD_LOST);
		event(&started, ctx);
	}
	/* Nothing of m may be touched after these: the callee may free the slot and launch into it. */
	if (info.state == RUNNER_EXITED || info.state == RUNNER_FAILED) {
		if (!(m->told & TOLD_END)) {
			m->told |= TOLD_END;
			event(&info, ctx);
		}
	} else if (lost && (info.state == RUNNER_RUNNING || info.state == RUNNER_CLONING) && !(m->told & TOLD_LOST)) {
		m->told |= TOLD_LOST;
		event(&info, ctx);
	}
}

void pool_conclude(struct runner *r, uint32_t index, runner_event *event, void *ctx)
{
	struct slot *slot = &r->file.slots[index];
	uint64_t     generation = slot_generation(slot);

	if (slot_state(slot) == RUNNER_FREE) {
		pool_put(r, index);
		return;
	}
	/* A START that nobody read: nothing was cloned, and trying again is right. Nobody but us changes it any more, but
	 * for a supervisor that took it and then died, which the swap finds out. */
	if (slot_state(slot) == RUNNER_ARMED) {
		atomic_store_explicit(&slot->errno_value, EAGAIN, memory_order_relaxed);
		if (!slot_swap(slot, generation, RUNNER_ARMED, RUNNER_FAILED))
			atomic_store_explicit(&slot->errno_value, 0, memory_order_relaxed);
	}
	pool_tell(r, index, true, event, ctx);
}

static void on_socket(struct runner *r, uint32_t index, runner_event *event, void *ctx)
{
	union {
		struct message_header h;
		char room[sizeof(struct message_start)];
	} packet;
	int    fds[START_FDS_MAX];
	size_t nfds = 0;
	ssize_t got = message_receive(r->members[index].socket, &packet, sizeof packet, fds, &nfds);

	if (got == -EAGAIN)
		return;
	while (nfds > 0) /* a supervisor sends none */
		close(fds[--nfds]);
	if (got > 0 && message_valid(&packet, (size_t)got) && packet.h.kind == MESSAGE_WAKE && packet.h.slot == index) {
		r->members[index].version = packet.h.version;
		r->members[index].last |= packet.h.version != MESSAGE_VERSION;
		pool_tell(r, index, false, event, ctx);
	} else if (pool_hang_up(r, index)) {
		pool_conclude(r, index, event, ctx);
	}
}

void runner_dispatch(struct runner *r, runner_event *event, void *ctx)
{
	struct epoll_event events[64];
	int n = epoll_wait(r->epoll_fd, events, ARRAY_SIZE(events), 0);

	for (int i = 0; i < n; i++) {
		uint64_t     key   = events[i].data.u64;
		uint32_t     index = (uint32_t)(key & 0xffffff);
		enum watched what  = (enum watched)(key >> 24 & 0xff);
		struct member *m   = &r->members[index];
		if (m->epoch != (uint32_t)(key >> 32))
			continue;
		/* Callbacks may have changed anything: what is gone is not looked at. */
		if (what == WATCHED_SOCKET && m->socket >= 0)
			on_socket(r, index, event, ctx);
		else if (what == WATCHED_PIDFD && m->pidfd >= 0 && pool_reap(r, index))
			pool_conclude(r, index, event, ctx);
	}
	pool_top_up(r, 1);
}
