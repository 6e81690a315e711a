#include "src/runner/slot.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/fd.h"

const char *runner_stage_text(enum runner_stage stage)
{
	static const char *const text[] = {
#define X(name, words) [RUNNER_STAGE_##name] = words,
		RUNNER_STAGES(X)
#undef X
	};
	return (unsigned)stage < RUNNER_STAGE_COUNT ? text[stage] : "?";
}

int slot_boot_id(char ret[BOOT_ID_SIZE], struct mscg_error *error)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	int r = fd_read_file_at(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 256, &text, &size);
	if (r < 0)
		return mscg_error_set(error, r, "cannot read this boot's id from /proc: %s", strerror(-r));
	while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == ' '))
		text[--size] = 0;
	if (size == 0 || size >= BOOT_ID_SIZE)
		return mscg_error_set(error, -EBADMSG, "boot id \"%.64s\" is not a UUID", text);
	memset(ret, 0, BOOT_ID_SIZE);
	memcpy(ret, text, size);
	return 0;
}

static uint64_t mix(uint64_t sum, uint64_t value)
{
	sum = (sum ^ value) * UINT64_C(0xd6e8feb86659fd93);
	return sum ^ sum >> 32;
}

static uint64_t header_sum(const struct slot_header *header)
{
	uint64_t words[offsetof(struct slot_header, sum) / sizeof(uint64_t)], sum = SLOT_MAGIC;

	memcpy(words, header, sizeof words);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		sum = mix(sum, words[i]);
	return sum;
}

uint64_t slot_armed_sum(const struct slot *slot, uint64_t generation)
{
	uint64_t sum = mix(generation, (uint64_t)slot->job << 32 | slot->task);

	sum = mix(sum, (uint64_t)slot->attempt << 32 | slot->uid);
	sum = mix(sum, slot->cgroup_id);
	return mix(sum, (uint64_t)slot->armed_usec);
}

uint64_t slot_started_sum(const struct slot *slot, uint64_t generation)
{
	uint64_t sum = mix(generation, (uint64_t)slot->init << 32 | (uint32_t)slot->pid);

	sum = mix(sum, (uint64_t)slot->start_usec);
	return mix(sum, (uint64_t)slot->start_boot_usec);
}

uint64_t slot_ended_sum(const struct slot *slot, uint64_t generation)
{
	uint64_t sum = mix(generation, (uint64_t)(uint32_t)slot->wait_code << 32 | (uint32_t)slot->wait_status);

	sum = mix(sum, (uint64_t)slot->end_usec);
	return mix(sum, (uint64_t)slot->end_boot_usec);
}

static size_t file_size(uint32_t n)
{
	return (size_t)SLOT_SIZE * ((size_t)n + 1);
}

uint32_t runner_slot_version(void)
{
	return SLOT_VERSION;
}

int slot_file_map(struct slot_file *ret, int fd, struct mscg_error *error)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return mscg_error_set(error, -errno, "cannot stat the slot file: %m");
	if (st.st_size < (off_t)sizeof(struct slot_header) || st.st_size > (off_t)file_size(SLOTS_MAX))
		return mscg_error_set(error, -EBADMSG, "the slot file has %lld bytes and is none of ours",
		                      (long long)st.st_size);
	size_t size = (size_t)st.st_size;
	void  *map  = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return mscg_error_set(error, -errno, "cannot map the slot file: %m");
	struct slot_header *header = map;
	int r = 0;
	if (header->magic != SLOT_MAGIC)
		r = mscg_error_set(error, -EBADMSG, "the slot file begins with %#x, not with %#x", header->magic,
		                   SLOT_MAGIC);
	else if (header->version != SLOT_VERSION)
		r = mscg_error_set(error, -EPROTONOSUPPORT,
		                   "the slot file is of version %u, this program knows version %u", header->version,
		                   SLOT_VERSION);
	else if (header->slot_size != SLOT_SIZE || header->slots == 0 || header->slots > SLOTS_MAX ||
	         size != file_size(header->slots))
		r = mscg_error_set(error, -EBADMSG, "the slot file says %u slots of %u bytes, but has %zu bytes",
		                   header->slots, header->slot_size, size);
	else if (header->sum != header_sum(header))
		r = mscg_error_set(error, -EBADMSG, "the slot file's first %zu bytes are damaged", offsetof(struct slot_header, reserved));
	if (r < 0) {
		munmap(map, size);
		return r;
	}
	*ret = (struct slot_file){ .fd = fd, .header = header, .slots = (struct slot *)map + 1, .n = header->slots };
	return 0;
}

/* Whether the file says that it is of another boot; that is readable in every version. */
static bool is_of_other_boot(int fd, const char *boot_id)
{
	struct slot_header header;
	return pread(fd, &header, sizeof header, 0) == (ssize_t)sizeof header && header.magic == SLOT_MAGIC &&
	       strncmp(header.boot_id, boot_id, BOOT_ID_SIZE) != 0;
}

int slot_file_open(struct slot_file *ret, int dirfd, const char *boot_id, struct mscg_error *error)
{
	_cleanup_close_ int fd = openat(dirfd, SLOT_FILE, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return mscg_error_set(error, -errno, "cannot open the slot file: %m");
	int r = slot_file_map(ret, fd, error);
	if (r == -EPROTONOSUPPORT && is_of_other_boot(fd, boot_id))
		return -ESTALE;
	if (r < 0)
		return r;
	steal_fd(&fd);
	return 0;
}

int slot_file_make(struct slot_file *ret, int dirfd, uint32_t n, const char *boot_id, struct mscg_error *error)
{
	static const char temporary[] = SLOT_FILE ".new";
	if (n == 0 || n > SLOTS_MAX)
		return mscg_error_set(error, -EINVAL, "%u slots: must be 1 to %u", n, SLOTS_MAX);
	if (unlinkat(dirfd, temporary, 0) < 0 && errno != ENOENT)
		return mscg_error_set(error, -errno, "cannot remove an old %s: %m", temporary);
	_cleanup_close_ int fd = openat(dirfd, temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return mscg_error_set(error, -errno, "cannot make the slot file: %m");
	struct slot_header header = {
		.magic = SLOT_MAGIC, .version = SLOT_VERSION, .slot_size = SLOT_SIZE, .slots = n,
	};
	memcpy(header.boot_id, boot_id, strnlen(boot_id, BOOT_ID_SIZE - 1));
	header.sum = header_sum(&header);
	int r = posix_fallocate(fd, 0, (off_t)file_size(n));
	if (r != 0)
		r = mscg_error_set(error, -r, "no room for %u slots: %s", n, strerror(r));
	else if ((r = fd_write_all(fd, &header, sizeof header)) < 0)
		mscg_error_set(error, r, "cannot write the slot file: %s", strerror(-r));
	else if ((r = slot_file_map(ret, fd, error)) == 0 && renameat(dirfd, temporary, dirfd, SLOT_FILE) < 0) {
		r       = mscg_error_set(error, -errno, "cannot name the slot file: %m");
		ret->fd = -1;
		slot_file_close(ret);
	}
	if (r < 0) {
		unlinkat(dirfd, temporary, 0);
		return r;
	}
	steal_fd(&fd);
	return 0;
}

void slot_file_close(struct slot_file *file)
{
	if (file->header)
		munmap(file->header, file_size(file->n));
	if (file->fd >= 0)
		close(file->fd);
	*file = SLOT_FILE_NONE;
}

uint64_t slot_arm(struct slot *slot, struct mscg_id id, uint32_t attempt, uint32_t uid, uint64_t cgroup_id, bool log, bool held)
{
	uint64_t word = slot_load(slot);
	if (slot_word_state(word) != RUNNER_FREE)
		return 0;
	uint64_t generation = ((word >> 24) + 1) % SLOT_GENERATIONS;

	generation += generation == 0; /* 0 is no generation */
	slot->job            = id.job;
	slot->task           = id.task;
	slot->attempt        = attempt;
	slot->uid            = uid;
	slot->cgroup_id      = cgroup_id;
	slot->armed_usec     = clock_real_usec();
	slot->log            = log ? SLOT_LOG_FILE : SLOT_LOG_NONE;
	slot->supervisor_pid = slot->pid = 0;
	slot->start_usec = slot->start_boot_usec = slot->end_usec = slot->end_boot_usec = 0;
	slot->wait_code = slot->wait_status = 0;
	atomic_store_explicit(&slot->stage, RUNNER_STAGE_CLONE, memory_order_relaxed);
	atomic_store_explicit(&slot->errno_value, 0, memory_order_relaxed);
	atomic_store_explicit(&slot->gate, held ? SLOT_GATE_HELD : SLOT_GATE_OPEN, memory_order_relaxed);
	slot->armed_sum = slot_armed_sum(slot, generation);
	/* No other process changes a free slot. */
	atomic_store_explicit(&slot->word, slot_word(generation, RUNNER_ARMED), memory_order_release);
	return generation;
}

bool slot_set_gate(struct slot *slot, enum slot_gate to)
{
	uint32_t held = SLOT_GATE_HELD;

	bool was_held = atomic_compare_exchange_strong(&slot->gate, &held, (uint32_t)to);

	syscall(SYS_futex, &slot->gate, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
	return was_held;
}

void slot_info(const struct slot *slot, uint32_t index, struct runner_slot_info *ret)
{
	uint64_t word       = slot_load(slot); /* acquires: what it promises is there to be read */
	uint64_t generation = word >> 24;
	enum runner_slot_state state = slot_word_state(word);
	int32_t stage = atomic_load_explicit(&slot->stage, memory_order_relaxed);

	uint32_t gate = atomic_load_explicit(&slot->gate, memory_order_relaxed);
	bool known = (slot->log == SLOT_LOG_MAYBE || slot->log == SLOT_LOG_NONE || slot->log == SLOT_LOG_FILE) &&
	             (gate == SLOT_GATE_NONE || gate == SLOT_GATE_OPEN || gate == SLOT_GATE_HELD || gate == SLOT_GATE_SHUT);

	if (state != RUNNER_FREE && (!known || slot->armed_sum != slot_armed_sum(slot, generation)))
		state = RUNNER_DAMAGED;
	if ((state == RUNNER_RUNNING || state == RUNNER_EXITED) && slot->started_sum != slot_started_sum(slot, generation))
		state = RUNNER_DAMAGED;
	if (state == RUNNER_EXITED && slot->ended_sum != slot_ended_sum(slot, generation))
		state = RUNNER_DAMAGED;
	*ret = (struct runner_slot_info){
		.slot        = index,
		.state       = state,
		.id          = { .job = slot->job, .task = slot->task },
		.attempt     = slot->attempt,
		.uid         = slot->uid,
		.withdrawn   = state == RUNNER_CLONING && gate == SLOT_GATE_SHUT,
		.cgroup_id   = slot->cgroup_id,
		.stage       = stage >= 0 && stage < RUNNER_STAGE_COUNT ? (enum runner_stage)stage : RUNNER_STAGE_CLONE,
		.errno_value = atomic_load_explicit(&slot->errno_value, memory_order_relaxed),
	};
	/* The rest may be half written until the state says that it is whole. */
	if (state == RUNNER_RUNNING || state == RUNNER_EXITED) {
		ret->pid             = slot->pid;
		ret->init            = slot->init;
		ret->start_usec      = slot->start_usec;
		ret->start_boot_usec = slot->start_boot_usec;
	}
	if (state == RUNNER_EXITED || state == RUNNER_FAILED) {
		ret->end_usec      = slot->end_usec;
		ret->end_boot_usec = slot->end_boot_usec;
		ret->wait_code     = slot->wait_code;
		ret->wait_status   = slot->wait_status;
	}
}
