/* slot.h: the slot file, `<runtime>/slots`. One slot is one launch at a time, from being armed to the moment when its
 * end is committed. It is mapped by mscgd and by the supervisor of each slot, and outlives both, but not the boot.
 *
 * Invariant: `word` holds the state in its low byte and above it the generation, which goes up by one with each
 * arming. It changes by compare-and-swap only, after (release) everything that the new state promises was written.
 * So a START that was sent for an earlier generation can start nothing, however late it is read.
 * Between the two are check bits of both, and what is written before a state has a sum: a word or a record that nobody
 * wrote is DAMAGED, and nothing is launched, adopted or recorded by it.
 *
 *   who      from                           to
 *   mscgd    FREE                           ARMED      generation + 1
 *   mscgd    ARMED                          REVOKED    the supervisor loses the race from then on
 *   mscgd    EXITED FAILED REVOKED          FREE       (CLONING, RUNNING too, once their supervisor is known dead)
 *   superv.  ARMED                          CLONING
 *   superv.  CLONING                        RUNNING or FAILED
 *   superv.  RUNNING                        EXITED
 *
 * A launch may be held: its child goes as far as exec, and waits there for `gate` to be opened. By compare-and-swap too:
 *
 *   mscgd    HELD                           OPEN       it may run its program
 *   mscgd    HELD                           SHUT       it never will; the child itself, when nobody has said anything for long
 */
#ifndef RUNNER_SLOT_H
#define RUNNER_SLOT_H

#include <stdatomic.h>

#include "src/base/base.h"
#include "src/runner/runner.h"

#define SLOT_MAGIC   0x746f6c73u /* "slot" */
#define SLOT_VERSION 2u
#define SLOT_SIZE    256
#define SLOTS_MAX    65536u
#define SLOT_FILE    "slots"
#define SLOT_GENERATIONS (UINT64_C(1) << 40) /* what a word has room for; then it begins again */
#define BOOT_ID_SIZE 40

/* Magic, version and boot_id keep their places in every version. */
struct slot_header {
	uint32_t magic, version;
	char     boot_id[BOOT_ID_SIZE];
	uint32_t slot_size, slots;
	uint64_t sum; /* of everything before it */
	uint8_t  reserved[SLOT_SIZE - 2 * sizeof(uint32_t) - BOOT_ID_SIZE - 2 * sizeof(uint32_t) - sizeof(uint64_t)];
};

/* Whether there is a file with the count of this launch's log writer. Zero was left by an mscgd that did not say; it
 * left no file of an earlier launch either. No two are one bit from each other: what is none of them is damaged. */
enum slot_log { SLOT_LOG_MAYBE = 0, SLOT_LOG_NONE = 0x656e6f6e, SLOT_LOG_FILE = 0x656c6966 };

/* As unlike each other as those above. Zero was left by an mscgd that held nothing, and is what a command beside the job has. */
enum slot_gate { SLOT_GATE_NONE = 0, SLOT_GATE_OPEN = 0x6e65706f, SLOT_GATE_HELD = 0x646c6568, SLOT_GATE_SHUT = 0x74756873 };

struct slot {
	_Atomic uint64_t word;
	/* Written by mscgd before ARMED. */
	uint32_t job, task, attempt, uid;
	uint64_t cgroup_id;
	int64_t  armed_usec;
	/* Noted by the child as it goes, also when its supervisor is killed: a failed launch says how far it got. */
	_Atomic int32_t stage, errno_value;
	/* Written by the supervisor before RUNNING. */
	int32_t supervisor_pid, pid;
	int64_t start_usec, start_boot_usec;
	/* Written by the supervisor before EXITED, and before FAILED for a child that was killed on its way. */
	int64_t end_usec, end_boot_usec;
	int32_t wait_code, wait_status;
	uint64_t armed_sum, started_sum, ended_sum; /* of what is written before ARMED, RUNNING, EXITED */
	uint32_t init; /* written by the supervisor before RUNNING: pid is the job's init */
	uint32_t log;  /* written by mscgd before ARMED: enum slot_log */
	_Atomic uint32_t gate; /* enum slot_gate; a futex */
	uint8_t reserved[SLOT_SIZE - 132];
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct slot_header) == SLOT_SIZE, "the header takes the place of one slot");
_Static_assert(sizeof(struct slot) == SLOT_SIZE, "slots are cache-line aligned and of the size that the file says");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "slots are shared between processes");

struct slot_file {
	int                 fd; /* -1: not open */
	struct slot_header *header;
	struct slot        *slots;
	uint32_t            n;
};
#define SLOT_FILE_NONE ((struct slot_file){ .fd = -1 })

/* This boot's id as text. */
int slot_boot_id(char ret[BOOT_ID_SIZE], struct mscg_error *error);
/* Makes an empty file of n slots below dirfd, in place of the one that is there, and maps it. The blocks are allocated:
 * a full tmpfs is an error now and not a SIGBUS later. */
int slot_file_make(struct slot_file *ret, int dirfd, uint32_t n, const char *boot_id, struct mscg_error *error);
/* Maps the file below dirfd. -ENOENT; -EPROTONOSUPPORT for another version, with both named; -ESTALE for one of
 * another boot and another version (nothing in it can be read or matters); -EBADMSG for anything else. */
int slot_file_open(struct slot_file *ret, int dirfd, const char *boot_id, struct mscg_error *error);
/* Maps an open one: what a supervisor is given. The fd stays the caller's. */
int  slot_file_map(struct slot_file *ret, int fd, struct mscg_error *error);
void slot_file_close(struct slot_file *file);

static inline uint64_t slot_word(uint64_t generation, enum runner_slot_state state)
{
	uint64_t said = generation << 8 | (uint64_t)state;
	uint64_t check = said * UINT64_C(0x9e3779b97f4a7c15) >> 48; /* 0 of 0: a new file is all free */
	return generation << 24 | check << 8 | (uint64_t)state;
}

static inline enum runner_slot_state slot_word_state(uint64_t word)
{
	uint64_t state = word & 0xff;
	return state < RUNNER_DAMAGED && word == slot_word(word >> 24, (enum runner_slot_state)state) ? (enum runner_slot_state)state
	                                                                                              : RUNNER_DAMAGED;
}

static inline uint64_t slot_load(const struct slot *slot)
{
	return atomic_load_explicit(&slot->word, memory_order_acquire);
}

static inline enum runner_slot_state slot_state(const struct slot *slot)
{
	return slot_word_state(slot_load(slot));
}

static inline uint64_t slot_generation(const struct slot *slot)
{
	return slot_load(slot) >> 24;
}

/* From one state of this generation to another; false when it was not (any more) in it. */
static inline bool slot_swap(struct slot *slot, uint64_t generation, enum runner_slot_state from,
                             enum runner_slot_state to)
{
	uint64_t expected = slot_word(generation, from);
	return atomic_compare_exchange_strong_explicit(&slot->word, &expected, slot_word(generation, to),
	                                               memory_order_acq_rel, memory_order_acquire);
}

/* FREE -> ARMED with a new generation, which is returned; 0 when it is not free. */
uint64_t slot_arm(struct slot *slot, struct mscg_id id, uint32_t attempt, uint32_t uid, uint64_t cgroup_id, bool log, bool held);
/* HELD -> OPEN or SHUT. False when it was not (any more) held. Whoever waits is woken in any case (futex(2)): whoever opened it may have
 * been killed before it did so. */
bool slot_set_gate(struct slot *slot, enum slot_gate to);
/* The sums of what the slot holds, of this generation. */
uint64_t slot_armed_sum(const struct slot *slot, uint64_t generation);
uint64_t slot_started_sum(const struct slot *slot, uint64_t generation);
uint64_t slot_ended_sum(const struct slot *slot, uint64_t generation);
/* What it says now. `supervised` and `other_boot` are left false. */
void slot_info(const struct slot *slot, uint32_t index, struct runner_slot_info *ret);

#endif
