/* memory.c: lowering memory.max under a running process. The kernel never refuses a limit that is too low: it kills. So
 * what does not fit is driven out first, and the limit is written only when a look has shown that it fits, at a moment
 * when nothing can be allocated, or with half of the limit still free. */
#include "cgroup/internal.h"

#include <fcntl.h>
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

static uint64_t look(const struct cg_number *usage)
{
	uint64_t v;

	return cg_number_get(usage, &v, NULL) < 0 ? MSCG_CGROUP_UNKNOWN : v;
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
static int drive_out(const struct cg_number *usage, uint64_t goal, int64_t deadline_usec, uint64_t *ret_current, struct mscg_error *error)
{
	uint64_t current = look(usage);

	for (int idle = 0; current > goal && idle < WRITES_WITHOUT_GAIN && clock_boot_usec() < deadline_usec;) {
		uint64_t step = MIN_OF(current - goal, STEP_BYTES);
		struct mscg_error e;
		int r = mscg_cgroup_reclaim(usage->cgroup, step, &e);

		if (r == -EOPNOTSUPP)
			break;
		if (r < 0 && r != -EAGAIN)
			return mscg_error_set(error, r, "%s", e.text);
		uint64_t before = current;
		current = look(usage);
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

/* With half of the target free nobody is made to stand still: who takes all that between a look and the write would have
 * met the new limit right after a thaw too. */
static uint64_t roomy(uint64_t target)
{
	return target / 2;
}

/* memory.high at the target makes those that allocate reclaim what they add instead of growing; frozen nobody allocates
 * at all. Where it will not freeze in time (a task waits in the kernel) some room has to be left. */
static void try_once(const struct cg_number *limit, const struct cg_number *usage, uint64_t target, bool hold, struct moment *m)
{
	_cleanup_number_ struct cg_number brake;
	struct cg_number freezer;
	uint64_t high, most = roomy(target);

	m->code = cg_number_open(limit->cgroup, "memory.high", O_RDWR, &brake, &m->error);
	if (m->code == 0)
		m->code = cg_number_get(&brake, &high, &m->error);
	if (m->code == 0 && high > target)
		m->code = cg_number_set(&brake, target, &m->error);
	if (m->code < 0)
		return;
	m->held = hold && cg_hold(limit->cgroup, clock_boot_usec() + HOLD_USEC, &freezer, NULL) == 0;
	if (hold)
		most = target - (m->held ? 0 : spare(target));
	m->current = look(usage);
	m->fits    = m->current <= most; /* unknown is more than any target */
	if (m->fits)
		m->code = cg_number_set(limit, target, &m->error);
	if (m->held)
		cg_unhold(&freezer);
	if (high > target) {
		int r = cg_number_set(&brake, high, m->code < 0 ? NULL : &m->error);
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

static int lower(const struct cg_number *limit, uint64_t target, int64_t deadline_usec, struct mscg_cgroup_resized *got, struct mscg_error *error)
{
	_cleanup_number_ struct cg_number usage;
	struct moment m = { .held = true };
	uint64_t current = MSCG_CGROUP_UNKNOWN;

	cg_number_open(limit->cgroup, "memory.current", O_RDONLY, &usage, NULL);
	int r = drive_out(&usage, target - spare(target), deadline_usec, &current, error);
	if (r < 0)
		return r;
	if (current <= roomy(target))
		try_once(limit, &usage, target, false, &m);
	if (m.code == 0 && !m.fits && current <= target)
		try_once(limit, &usage, target, true, &m);
	if (m.code < 0)
		return mscg_error_set(error, m.code, "%s", m.error.text);
	got->done          = m.fits;
	got->current_bytes = m.current;
	if (!m.fits) {
		got->current_bytes = look(&usage);
		got->anon_bytes    = anonymous(limit->cgroup);
		say_why(got, target, m.held, clock_boot_usec() >= deadline_usec);
	}
	return 0;
}

int mscg_cgroup_resize_memory(const struct mscg_cgroup *cgroup, uint64_t target_bytes, int64_t deadline_usec,
                              struct mscg_cgroup_resized *ret, struct mscg_error *error)
{
	/* The kernel counts pages: a target is rounded down as it does, or the look would not see what it will enforce. */
	uint64_t page   = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t target = target_bytes == MSCG_CGROUP_MAX ? target_bytes : target_bytes - target_bytes % page;
	struct mscg_cgroup_resized got = { .done = true };
	_cleanup_number_ struct cg_number limit;
	uint64_t now = 0;
	int r = cg_number_open(cgroup, "memory.max", O_RDWR, &limit, error);

	if (r == 0)
		r = cg_number_get(&limit, &now, error);
	if (r < 0)
		return r;
	if (target == 0)
		return mscg_error_set(error, -ERANGE, "0 is no memory limit for a running process");
	r = target >= now ? cg_number_set(&limit, target, error) : lower(&limit, target, deadline_usec, &got, error);
	if (r == 0)
		*ret = got;
	return r;
}
