/* After a restart: what the slots say, and who is still there. */
#include <sys/socket.h>

#include "src/runner/pool.h"

/* To the named socket of a slot's supervisor. Never waits: a unix socket accepts at once or refuses. */
static int connect_supervisor(struct runner *r, uint32_t index)
{
	struct sockaddr_un address = pool_address(r, index, "");
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
		return -errno;
	int ret = pool_watch(r, index, steal_fd(&fd), -1, NULL);
	r->members[index].last = geteuid() != 0; /* it may be in a user namespace */
	return ret;
}

static void adopt_slot(struct runner *r, uint32_t index, runner_event *each, void *ctx)
{
	struct slot   *slot = &r->file.slots[index];
	struct member *m    = &r->members[index];
	struct runner_slot_info info;

	runner_revoke(r, index);
	runner_withdraw(r, index);
	enum runner_slot_state state = slot_state(slot);
	if (state == RUNNER_FREE)
		return;
	slot_info(slot, index, &info);
	if (info.state == RUNNER_DAMAGED) { /* stays taken until the next boot: somebody may be at work by it */
		r->incomplete = true;
		m->told       = TOLD_START | TOLD_END | TOLD_LOST;
		each(&info, ctx);
		return;
	}
	if (state == RUNNER_CLONING || state == RUNNER_RUNNING)
		connect_supervisor(r, index);
	/* Looked at after connecting: whoever refused had written down the end before. */
	slot_info(slot, index, &info);
	info.supervised = member_alive(m);
	if (info.state == RUNNER_EXITED || info.state == RUNNER_FAILED || info.state == RUNNER_REVOKED)
		m->told = TOLD_START | TOLD_END;
	else if (info.state == RUNNER_RUNNING)
		m->told = TOLD_START;
	if (!info.supervised)
		m->told |= TOLD_LOST;
	each(&info, ctx);
}

/* Nothing of another boot runs. What it says is told once, then the file is made anew. */
static int adopt_other_boot(struct runner *r, runner_event *each, void *ctx)
{
	struct slot_file fresh;
	for (uint32_t i = 0; i < r->file.n; i++) {
		struct runner_slot_info info;
		runner_revoke(r, i);
		slot_info(&r->file.slots[i], i, &info);
		info.other_boot = true;
		if (info.state != RUNNER_FREE)
			each(&info, ctx);
	}
	int ret = slot_file_make(&fresh, r->dir_fd, r->config_slots, r->boot_id, NULL);
	if (ret < 0)
		return ret;
	slot_file_close(&r->file);
	r->file       = fresh;
	r->other_boot = false;
	r->incomplete = true;
	pool_make(r);
	return 0;
}

int runner_adopt(struct runner *r, runner_event *each, void *ctx)
{
	if (r->other_boot) {
		int ret = adopt_other_boot(r, each, ctx);
		if (ret < 0)
			return ret;
	} else {
		for (uint32_t i = 0; i < r->file.n; i++)
			adopt_slot(r, i, each, ctx);
	}
	pool_top_up(r, r->spare);
	return 0;
}
