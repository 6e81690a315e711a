/* libFuzzer: the slot file, where supervisors leave exit records. The first byte says what of it the rest is: 0 the whole
 * file; otherwise its slots, behind a header that is whole, and from 2 with sums that are right, so that what is
 * behind them is reached. */
#include "src/base/base.h"
#include "src/runner/slot.h"
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <sys/mman.h>

static void look(struct slot_file *file)
{
	for (uint32_t i = 0; i < file->n; i++) {
		struct runner_slot_info info;
		struct slot *slot = &file->slots[i];
		bool free_slot = slot_state(slot) == RUNNER_FREE;

		slot_info(slot, i, &info);
		MUST(info.state <= RUNNER_DAMAGED && info.stage < RUNNER_STAGE_COUNT && info.slot == i);
		/* Nothing is said of an end that is not sealed. */
		MUST(info.state == RUNNER_EXITED || info.state == RUNNER_FAILED || (info.wait_code == 0 && info.end_usec == 0));
		if (info.state == RUNNER_EXITED)
			MUST(slot->ended_sum == slot_ended_sum(slot, slot_generation(slot)));
		MUST((slot_arm(slot, (struct mscg_id){7, MSCG_NO_TASK}, 1, 1000, 5, false, false) != 0) == free_slot);
		if (free_slot) {
			slot_info(slot, i, &info);
			MUST(info.state == RUNNER_ARMED && info.id.job == 7);
			MUST(slot_swap(slot, slot_generation(slot), RUNNER_ARMED, RUNNER_REVOKED));
		}
	}
}

static void seal(struct slot_file *file)
{
	for (uint32_t i = 0; i < file->n; i++) {
		struct slot *slot = &file->slots[i];
		uint64_t word = slot_load(slot), generation = word >> 24;

		atomic_store(&slot->word, slot_word(generation, (enum runner_slot_state)(word & 7)));
		slot->armed_sum   = slot_armed_sum(slot, generation);
		slot->started_sum = slot_started_sum(slot, generation);
		slot->ended_sum   = slot_ended_sum(slot, generation);
	}
}

static char path[64];

static void clean(void)
{
	rmdir(path);
}

static int place(void)
{
	static int dir = -1;

	if (dir < 0) {
		snprintf(path, sizeof path, "%s", "/dev/shm/mscg-fuzz-slots.XXXXXX");
		MUST(mkdtemp(path) && (dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0);
		atexit(clean);
	}
	return dir;
}

static void whole(const uint8_t *data, size_t size)
{
	struct slot_file file = SLOT_FILE_NONE;
	struct mscg_error e = {0};
	_cleanup_close_ int fd = memfd_create("slots", MFD_CLOEXEC);

	MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	if (slot_file_map(&file, fd, &e) < 0) {
		MUST(e.text[0]);
		return;
	}
	look(&file);
	file.fd = -1;
	slot_file_close(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	if (data[0] == 0) {
		whole(data + 1, size - 1);
		return 0;
	}
	_cleanup_free_ uint8_t *bytes = NULL;
	uint32_t n = (uint32_t)MIN_OF((size - 1 + SLOT_SIZE - 1) / SLOT_SIZE + 1, (size_t)64);
	struct slot_file file = SLOT_FILE_NONE;
	struct mscg_error e;

	MUST(slot_file_make(&file, place(), n, "00000000-0000-0000-0000-000000000000", &e) == 0);
	unlinkat(place(), SLOT_FILE, 0);
	memcpy(file.slots, data + 1, MIN_OF(size - 1, (size_t)n * SLOT_SIZE));
	if (data[0] > 1)
		seal(&file);
	look(&file);
	slot_file_close(&file);
	return 0;
}
