/* What a caller does with slots: launch, signal, revoke, free, look. */
#include <fcntl.h>

#include "src/runner/exec.h"
#include "src/runner/pool.h"

#define LOG_FILE "log.%u"

/* Into the packed START. */
static void address_start(struct start_pack *pack, uint32_t slot, uint64_t generation)
{
	struct message_header *h = (struct message_header *)(void *)pack->packet;
	h->slot       = slot;
	h->generation = generation;
}

static int send_start(const struct start_pack *pack, int socket, const struct runner_launch *launch, int log_fd)
{
	int    fds[START_FDS_MAX];
	size_t n = 0;
	fds[n++] = launch->cgroup_fd;
	if (pack->payload_fd >= 0)
		fds[n++] = pack->payload_fd;
	if (pack->script_fd >= 0)
		fds[n++] = pack->script_fd;
	if (launch->stdio_fd >= 0)
		fds[n++] = launch->stdio_fd;
	if (launch->seccomp_fd >= 0)
		fds[n++] = launch->seccomp_fd;
	if (log_fd >= 0)
		fds[n++] = log_fd;
	return message_send(socket, pack->packet, pack->size, fds, n);
}

/* A file for the count of this launch, and not that of another one. */
static int make_log(const struct runner *r, uint32_t index)
{
	char name[sizeof LOG_FILE + 16];

	snprintf(name, sizeof name, LOG_FILE, index);
	unlinkat(r->dir_fd, name, 0);
	int fd = openat(r->dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? -errno : fd;
}

int runner_log_open(const struct runner *r, uint32_t index)
{
	char name[sizeof LOG_FILE + 16];

	if (r->file.slots[index].log == SLOT_LOG_NONE)
		return -ENOENT;
	snprintf(name, sizeof name, LOG_FILE, index);
	int fd = openat(r->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

int runner_log_read(int fd, struct runner_log *ret)
{
	struct runner_log log = { 0 };

	if (pread(fd, &log, sizeof log, 0) < 0)
		return -errno;
	*ret = log;
	return 0;
}

/* One attempt with one supervisor. -EPIPE: it is no more, another one may do. */
static int try_launch(struct runner *r, const struct runner_launch *launch, uint32_t *ret, struct mscg_error *error)
{
	uint32_t index;
	int ret_take = pool_take(r, &index, error);
	if (ret_take < 0)
		return ret_take;
	struct slot *slot = &r->file.slots[index];
	uint64_t generation = slot_arm(slot, launch->id, launch->attempt, launch->uid, launch->cgroup_id, launch->log_max > 0,
	                               launch->held);
	r->members[index].told = 0;
	address_start(&r->pack, index, generation);
	_cleanup_close_ int log_fd = launch->log_max ? make_log(r, index) : -1;
	int ret_send = launch->log_max && log_fd < 0 ? log_fd : send_start(&r->pack, r->members[index].socket, launch, log_fd);
	if (ret_send == 0) {
		r->members[index].last |= launch->namespaces && geteuid() != 0;
		r->n_used++;
		*ret = index;
		return 0;
	}
	/* It was not sent, so that nobody else looks at it. */
	slot_swap(slot, generation, RUNNER_ARMED, RUNNER_FREE);
	if (ret_send == -EPIPE || ret_send == -ECONNRESET) {
		if (pool_hang_up(r, index))
			pool_put(r, index);
		return -EPIPE;
	}
	pool_put(r, index);
	if (ret_send == -ENOBUFS || ret_send == -ETOOMANYREFS)
		ret_send = -EAGAIN;
	return mscg_error_set(error, ret_send, "cannot hand a launch to its supervisor: %s", strerror(-ret_send));
}

int runner_launch(struct runner *r, const struct runner_launch *launch, uint32_t *ret_slot, struct mscg_error *error)
{
	if (r->other_boot)
		return mscg_error_set(error, -EBUSY, "runner_adopt comes first: the slots are of another boot");
	int ret = start_pack(&r->pack, launch, 0, 0, error);
	if (ret < 0)
		return ret;
	/* Each turn that fails this way takes away a dead supervisor: it ends. */
	do
		ret = try_launch(r, launch, ret_slot, error);
	while (ret == -EPIPE);
	start_pack_clear(&r->pack);
	return ret;
}

void runner_let_go(struct runner *r, uint32_t index)
{
	if (index < r->file.n)
		slot_set_gate(&r->file.slots[index], SLOT_GATE_OPEN);
}

bool runner_withdraw(struct runner *r, uint32_t index)
{
	return index < r->file.n && slot_set_gate(&r->file.slots[index], SLOT_GATE_SHUT);
}

int runner_signal(struct runner *r, uint32_t index, int sig)
{
	if (index >= r->file.n || slot_state(&r->file.slots[index]) != RUNNER_RUNNING)
		return -ESRCH;
	if (!r->members || !member_alive(&r->members[index]))
		return -ENOTCONN;
	struct message_signal m = { .sig = sig };
	m.h = message_make(MESSAGE_SIGNAL, sizeof m, index, slot_generation(&r->file.slots[index]));
	int ret = message_send(r->members[index].socket, &m, sizeof m, NULL, 0);
	return ret == -EPIPE || ret == -ECONNRESET ? -ENOTCONN : ret;
}

int runner_exec(struct runner *r, uint32_t index, const struct runner_exec *x, struct mscg_error *error)
{
	const struct runner_launch launch = {
		.cgroup_fd = x->cgroup_fd, .exec_path = x->argv[0], .argv = x->argv, .env = x->env, .stdio_fd = x->stdio_fd,
		.seccomp_fd = -1, .pty = x->pty,
	};
	if (index >= r->file.n || slot_state(&r->file.slots[index]) != RUNNER_RUNNING)
		return mscg_error_set(error, -EBUSY, "its main process does not run");
	if (!r->members || !member_alive(&r->members[index]))
		return mscg_error_set(error, -ENOTCONN, "its supervisor is gone");
	if (r->members[index].version != MESSAGE_VERSION)
		return mscg_error_set(error, -EOPNOTSUPP, "it was started by another version of mscg, which cannot");
	if (strv_length(x->argv) > EXEC_WORDS_MAX)
		return mscg_error_set(error, -E2BIG, "the command has %zu words: at most %d", strv_length(x->argv), EXEC_WORDS_MAX);
	int ret = start_pack(&r->pack, &launch, index, slot_generation(&r->file.slots[index]), error);
	if (ret < 0)
		return ret;
	struct message_start *start = (struct message_start *)(void *)r->pack.packet;
	start->h.kind = MESSAGE_EXEC;
	start->flags |= START_FD_CHANNEL;
	ret = r->pack.payload_fd >= 0 ? -E2BIG : send_start(&r->pack, r->members[index].socket, &launch, x->channel_fd);
	start_pack_clear(&r->pack);
	if (ret == -E2BIG)
		return mscg_error_set(error, ret, "the command is too long: at most %u bytes", MESSAGE_MAX);
	return ret < 0 ? mscg_error_set(error, ret, "cannot hand it to its supervisor: %s", strerror(-ret)) : 0;
}

void runner_note(struct runner *r, uint32_t index, const struct runner_note *note)
{
	char *argv[] = { (char *)(uintptr_t)note->text, NULL };
	const struct runner_launch launch = {
		.cgroup_fd = r->null_fd, .exec_path = "/", .argv = argv, .stderr_path = note->path, .stdio_fd = -1, .seccomp_fd = -1,
		.uid = note->uid, .gid = note->gid, .groups = note->groups, .ngroups = note->ngroups, .umask_ = note->umask_, .drop = note->drop,
	};
	enum runner_slot_state state = index < r->file.n ? slot_state(&r->file.slots[index]) : RUNNER_FREE;

	if ((state != RUNNER_EXITED && state != RUNNER_FAILED) || !r->members || !member_alive(&r->members[index]) ||
	    r->members[index].version != MESSAGE_VERSION ||
	    start_pack(&r->pack, &launch, index, slot_generation(&r->file.slots[index]), NULL) < 0)
		return;
	struct message_start *start = (struct message_start *)(void *)r->pack.packet;
	start->h.kind = MESSAGE_NOTE;
	if (r->pack.payload_fd < 0) /* longer than a path can be otherwise */
		send_start(&r->pack, r->members[index].socket, &launch, -1);
	start_pack_clear(&r->pack);
}

int runner_revoke(struct runner *r, uint32_t index)
{
	if (index >= r->file.n)
		return -ENOENT;
	struct slot *slot = &r->file.slots[index];
	if (slot_swap(slot, slot_generation(slot), RUNNER_ARMED, RUNNER_REVOKED))
		return 0;
	return slot_state(slot) == RUNNER_REVOKED ? 0 : -EBUSY;
}

void runner_free_slot(struct runner *r, uint32_t index)
{
	if (index >= r->file.n || !r->members)
		return;
	struct slot *slot = &r->file.slots[index];
	runner_revoke(r, index);
	enum runner_slot_state state = slot_state(slot);
	bool unwatched = !member_alive(&r->members[index]) && r->members[index].pidfd < 0;
	if (state == RUNNER_FREE || state == RUNNER_DAMAGED || ((state == RUNNER_CLONING || state == RUNNER_RUNNING) && !unwatched))
		return;
	r->members[index].told = 0;
	slot_swap(slot, slot_generation(slot), state, RUNNER_FREE);
	r->n_used--;
	pool_put(r, index);
}

int runner_look(const struct runner *r, uint32_t index, struct runner_slot_info *ret)
{
	if (index >= r->file.n || slot_state(&r->file.slots[index]) == RUNNER_FREE)
		return -ENOENT;
	slot_info(&r->file.slots[index], index, ret);
	ret->supervised = r->members && member_alive(&r->members[index]);
	return 0;
}

bool runner_is_complete(const struct runner *r)
{
	return !r->incomplete;
}

void runner_get_stats(const struct runner *r, struct runner_stats *ret)
{
	struct runner_stats stats = { .slots = r->file.n, .used = r->n_used, .idle = r->n_idle };
	for (uint32_t i = 0; i < r->file.n && r->members; i++)
		stats.busy += slot_state(&r->file.slots[i]) != RUNNER_FREE && member_alive(&r->members[i]);
	*ret = stats;
}
