/* memory.c: lowering memory.max under a running process. The kernel never refuses a limit that is too low: it kills. So
 * what does not fit is driven out first, and the limit is written only when a look has shown that it fits, at a moment
 * when nothing can be allocated. */
#include "cgroup/internal.h"

#include <inttypes.h>

#define STEP_BYTES  (UINT64_C(32) << 20)
#define SPARE_BYTES (UINT64_C(256) << 10)
#define HOLD_USEC   10000
#define WRITES_WITHOUT_GAIN 3

/* What may be allocated between a look and the write that follows it: driven out too, and asked for where the cgroup cannot
 * be held. */
static uint64_t spare(uint64_t target)
{
	return MIN_OF(MAX_OF(target / 32, SPARE_BYTES), target / 2);
}

static uint64_t look(const struct mscg_cgroup *cgroup, const char *file)
{
	char text[64];
	uint64_t v;

	if (cg_read(cgroup, file, text, sizeof text, NULL) < 0 || cg_parse_number(text, &v) < 0)
		return MSCG_CGROUP_UNKNOWN;
	return v;
}

int mscg_cgroup_reclaim(const struct mscg_cgroup *cgroup, uint64_t bytes, struct mscg_error *error)
{
	char text[24];
	struct mscg_error e;

	snprintf(text, sizeof text, "%" PRIu64, bytes);
	int r = cg_write(cgroup, "memory.reclaim", text, &e);
	if (r == -EAGAIN)
		return cg_error(cgroup, r, error, "memory.reclaim: less than %" PRIu64 " bytes could be given back", bytes);
	return r < 0 ? mscg_error_set(error, r, "%s", e.text) : 0;
}

/* Brings memory.current down to the goal, or as far as it goes by the deadline: *ret_current is what is left. */
static int drive_out(const struct mscg_cgroup *cgroup, uint64_t goal, int64_t deadline_usec, uint64_t *ret_current, struct mscg_error *error)
{
	uint64_t current = look(cgroup, "memory.current");

	for (int idle = 0; current > goal && idle < WRITES_WITHOUT_GAIN && clock_boot_usec() < deadline_usec;) {
		uint64_t step = MIN_OF(current - goal, STEP_BYTES);
		struct mscg_error e;
		int r = mscg_cgroup_reclaim(cgroup, step, &e);

		if (r == -EOPNOTSUPP)
			break;
		if (r < 0 && r != -EAGAIN)
			return mscg_error_set(error, r, "%s", e.text);
		uint64_t before = current;
		current = look(cgroup, "memory.current");
		/* EAGAIN with a gain is a partial success: the rest may be cache too. */
		if (r == -EAGAIN && (current >= before || before - current < step / 8))
			break;
		idle = current < before ? 0 : idle + 1;
	}
	*ret_current = current;
	return 0;
}

struct moment {
	bool     fits, held;
	uint64_t current;
	int      code; /* of the write to memory.max */
	struct mscg_error error;
};

/* memory.high at the target makes those that allocate reclaim what they add instead of growing; frozen nobody allocates
 * at all. Where it will not freeze in time (a task waits in the kernel) some room has to be left. */
static void try_at_rest(const struct mscg_cgroup *cgroup, uint64_t target, struct moment *m)
{
	uint64_t high = MSCG_CGROUP_UNKNOWN;
	bool thaw = false;

	m->code = mscg_cgroup_get(cgroup, MSCG_CGROUP_MEMORY_HIGH, &high, &m->error);
	if (m->code == 0 && high > target)
		m->code = mscg_cgroup_set(cgroup, MSCG_CGROUP_MEMORY_HIGH, target, &m->error);
	if (m->code < 0)
		return;
	m->held    = cg_hold(cgroup, clock_boot_usec() + HOLD_USEC, &thaw, NULL) == 0;
	m->current = look(cgroup, "memory.current");
	m->fits    = m->current <= target - (m->held ? 0 : spare(target)); /* unknown is more than any target */
	if (m->fits)
		m->code = mscg_cgroup_set(cgroup, MSCG_CGROUP_MEMORY_MAX, target, &m->error);
	if (m->held)
		cg_unhold(cgroup, thaw);
	if (high > target) {
		int r = mscg_cgroup_set(cgroup, MSCG_CGROUP_MEMORY_HIGH, high, m->code < 0 ? NULL : &m->error);
		m->code = m->code < 0 ? m->code : r;
	}
}

static uint64_t anonymous(const struct mscg_cgroup *cgroup)
{
	struct mscg_cgroup_stat st;

	if (mscg_cgroup_read_stat(cgroup, MSCG_CGROUP_STAT_DETAIL, &st, NULL) < 0 ||
	    st.memory_anon == MSCG_CGROUP_UNKNOWN || st.memory_shmem == MSCG_CGROUP_UNKNOWN)
		return MSCG_CGROUP_UNKNOWN;
	return st.memory_anon + st.memory_shmem;
}

#define MIB(bytes) ((double)(bytes) / (1u << 20))

static void say_why(struct mscg_cgroup_resized *got, uint64_t target, bool held, bool late)
{
	const char *more = late ? ": time is over" : held ? "" : ": no room to spare, and it does not freeze for a last look";

	snprintf(got->why, sizeof got->why, "%.1f MiB in use, %.1f of them anonymous, do not fit into %.1f MiB%s",
	         MIB(got->current_bytes), MIB(got->anon_bytes), MIB(target), more);
}

int mscg_cgroup_resize_memory(const struct mscg_cgroup *cgroup, uint64_t target_bytes, int64_t deadline_usec,
                              struct mscg_cgroup_resized *ret, struct mscg_error *error)
{
	/* The kernel counts pages: a target is rounded down as it does, or the look would not see what it will enforce. */
	uint64_t page   = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t target = target_bytes == MSCG_CGROUP_MAX ? target_bytes : target_bytes - target_bytes % page;
	struct mscg_cgroup_resized got = { 0 };
	uint64_t limit = 0, current = 0;
	bool held = true;
	int r = mscg_cgroup_get(cgroup, MSCG_CGROUP_MEMORY_MAX, &limit, error);

	if (r < 0)
		return r;
	if (target == 0)
		return mscg_error_set(error, -ERANGE, "0 is no memory limit for a running process");
	if (target >= limit) {
		r = mscg_cgroup_set(cgroup, MSCG_CGROUP_MEMORY_MAX, target, error);
		got.done = true;
	} else {
		struct moment m = { .held = true };
		r = drive_out(cgroup, target - spare(target), deadline_usec, &current, error);
		if (r < 0)
			return r;
		if (current <= target)
			try_at_rest(cgroup, target, &m);
		if (m.code < 0)
			return mscg_error_set(error, m.code, "%s", m.error.text);
		got.done          = m.fits;
		got.current_bytes = m.current;
		held              = m.held;
	}
	if (r < 0)
		return r;
	if (!got.done) {
		got.current_bytes = look(cgroup, "memory.current");
		got.anon_bytes    = anonymous(cgroup);
		say_why(&got, target, held, clock_boot_usec() >= deadline_usec);
	}
	*ret = got;
	return 0;
}
