/* Memory that moves (--max-mem). memory.high stands a little below memory.max: a job that reaches it is slowed down by the
 * kernel instead of being killed, and memory.events says so (polled; no timer). Whether it is short, or only had cache to
 * give up, is looked up then; that it is short is reported once for each limit.
 *
 * Not by a trigger on memory.pressure: polling one takes its event away, and the engine's epoll is polled by another. */
#include <sys/epoll.h>
#include <fcntl.h>
#include <syslog.h>

#include "internal.h"
#include "src/base/fd.h"
#include "src/base/parse.h"

#define MIB (UINT64_C(1) << 20)
#define STEP (32 * MIB)

uint64_t memory_high(uint64_t limit, uint64_t max_mem)
{
	uint64_t spare = MIN_OF(MAX_OF(limit / 8, MIB), 256 * MIB);

	return max_mem && limit < max_mem ? limit - spare : MSCG_CGROUP_MAX;
}

/* What it keeps is to be below memory.high, or it would be slowed down from then on. */
static int lower(const struct mscg_cgroup *cgroup, uint64_t bytes, uint64_t high, int64_t deadline_usec, uint64_t *ret_used,
                 struct mscg_error *error)
{
	struct mscg_cgroup_resized resized;
	int r = mscg_cgroup_resize_memory(cgroup, MIN_OF(bytes, high), deadline_usec, &resized, error);

	if (r < 0)
		return r;
	if (!resized.done) {
		*ret_used = resized.current_bytes;
		return mscg_error_set(error, -EAGAIN, "%s", resized.why);
	}
	return bytes > high ? mscg_cgroup_set(cgroup, MSCG_CGROUP_MEMORY_MAX, bytes, error) : 0;
}

int memory_resize(const struct mscg_cgroup *cgroup, uint64_t bytes, uint64_t max_mem, int64_t deadline_usec, uint64_t *ret_used,
                  struct mscg_error *error)
{
	uint64_t high = memory_high(bytes, max_mem), limit = 0;
	int r;

	if (high == MSCG_CGROUP_MAX && !max_mem)
		return lower(cgroup, bytes, high, deadline_usec, ret_used, error); /* or raised, if that is what it is */
	r = mscg_cgroup_get(cgroup, MSCG_CGROUP_MEMORY_MAX, &limit, error);
	if (r >= 0)
		r = bytes < limit ? lower(cgroup, bytes, high, deadline_usec, ret_used, error) :
		                    mscg_cgroup_set(cgroup, MSCG_CGROUP_MEMORY_MAX, bytes, error);
	if (r >= 0 && max_mem)
		r = mscg_cgroup_set(cgroup, MSCG_CGROUP_MEMORY_HIGH, high, error);
	return r;
}

/* -- of what stands still ----------------------------------------------------------------------------------------- */

static bool is_frozen(const struct mscg_cgroup *cgroup)
{
	struct mscg_cgroup_events events;

	return mscg_cgroup_events_get(cgroup, &events, NULL) == 0 && events.frozen;
}

static uint64_t in_memory(const struct mscg_cgroup *cgroup)
{
	struct mscg_cgroup_stat stat;

	return mscg_cgroup_read_stat(cgroup, MSCG_CGROUP_STAT_MEMORY, &stat, NULL) < 0 || stat.memory_current == MSCG_CGROUP_UNKNOWN ?
	               0 : stat.memory_current;
}

/* A job has no swap (memory.swap.max 0) but for what is put there now, and comes back as it is used: under memory.max, since
 * it came from there. */
bool memory_put_away(const struct mscg_cgroup *cgroup, int64_t deadline_usec)
{
	uint64_t before, now = in_memory(cgroup);
	bool more = true;

	mscg_cgroup_set(cgroup, MSCG_CGROUP_MEMORY_SWAP_MAX, MSCG_CGROUP_MAX, NULL);
	do {
		before = now;
		mscg_cgroup_reclaim(cgroup, MIN_OF(before, STEP), NULL); /* less than asked for may be something */
		now  = in_memory(cgroup);
		more = now && now + STEP / 32 < before;
	} while (more && is_frozen(cgroup) && clock_boot_usec() < deadline_usec);
	mscg_cgroup_set(cgroup, MSCG_CGROUP_MEMORY_SWAP_MAX, 0, NULL);
	return more && is_frozen(cgroup);
}

/* -- watching ----------------------------------------------------------------------------------------------------- */

void memory_watch(struct local *l, struct task *t)
{
	struct epoll_event event = { .data.ptr = t };

	if (!t->max_mem || t->memory_fd >= 0 || !(l->controllers & MSCG_CGROUP_BIT(MEMORY)))
		return;
	t->memory_fd = openat(t->cgroup.fd, "memory.events", O_RDONLY | O_CLOEXEC);
	if (t->memory_fd < 0 || epoll_ctl(l->memory_fd, EPOLL_CTL_ADD, t->memory_fd, &event) < 0)
		local_log(l, LOG_WARNING, "job=%s its memory does not grow: cannot watch memory.events: %s", t->name + 4, strerror(errno));
	memory_rearm(l, t);
}

/* What happened before it was read is not told again. */
void memory_rearm(struct local *l, struct task *t)
{
	struct epoll_event event = { .events = EPOLLPRI | EPOLLONESHOT, .data.ptr = t };
	char text[512];

	if (t->memory_fd < 0 || !t->grant || t->grant->share[0].mem_bytes >= t->max_mem)
		return;
	if (pread(t->memory_fd, text, sizeof text, 0) < 0 || epoll_ctl(l->memory_fd, EPOLL_CTL_MOD, t->memory_fd, &event) < 0)
		local_log(l, LOG_WARNING, "job=%s its memory does not grow: %s", t->name + 4, strerror(errno));
}

void memory_forget(struct local *l, struct task *t)
{
	if (t->memory_fd < 0)
		return;
	epoll_ctl(l->memory_fd, EPOLL_CTL_DEL, t->memory_fd, NULL);
	close(steal_fd(&t->memory_fd));
}

/* The share of the time in which it waited for memory, since it was looked at before; 0: not told, or only a moment ago. */
static double stalled(struct task *t)
{
	struct mscg_cgroup_pressure pressure;
	int64_t now = clock_boot_usec(), since = t->memory_look_usec;
	uint64_t before = t->memory_stalled_usec;

	if (now - since < 100 * USEC_PER_MSEC || mscg_cgroup_read_pressure(&t->cgroup, MSCG_CGROUP_PRESSURE_MEMORY, &pressure, NULL) < 0 ||
	    pressure.some.total_usec == MSCG_CGROUP_UNKNOWN)
		return 0;
	t->memory_look_usec    = now;
	t->memory_stalled_usec = pressure.some.total_usec;
	return since && pressure.some.total_usec > before ? (double)(pressure.some.total_usec - before) / (double)(now - since) : 0;
}

/* At memory.high with what can not be reclaimed, or with cache that it waits for all the time. */
static bool is_short(struct task *t, uint64_t *ret_used)
{
	uint64_t high = memory_high(t->grant->share[0].mem_bytes, t->max_mem);
	struct mscg_cgroup_stat stat;

	if (mscg_cgroup_read_stat(&t->cgroup, MSCG_CGROUP_STAT_MEMORY | MSCG_CGROUP_STAT_DETAIL, &stat, NULL) < 0 ||
	    stat.memory_current == MSCG_CGROUP_UNKNOWN)
		return false;
	*ret_used = stat.memory_current;
	if (stat.memory_current < high - high / 16)
		return false;
	if (stat.memory_anon == MSCG_CGROUP_UNKNOWN || stat.memory_shmem == MSCG_CGROUP_UNKNOWN)
		return true;
	return stat.memory_anon + stat.memory_shmem >= high - high / 4 || stalled(t) >= 0.1;
}

static void look(struct local *l, struct task *t)
{
	char used[32], all[32];
	uint64_t bytes;

	if (t->phase != TASK_RUNNING || t->orders) /* rearmed when they are done */
		return;
	if (!is_short(t, &bytes)) {
		memory_rearm(l, t);
		return;
	}
	struct mscg_report report = task_report(t, MSCG_REPORT_MEMORY);
	report.used_bytes         = bytes;
	snprintf(report.text, sizeof report.text, "short of memory: %s in use of %s", format_size(bytes, used, sizeof used),
	         format_size(t->grant->share[0].mem_bytes, all, sizeof all));
	local_report(l, &report);
}

void memory_dispatch(struct local *l)
{
	struct epoll_event events[16];
	int n = epoll_wait(l->memory_fd, events, ARRAY_SIZE(events), 0);

	for (int i = 0; i < n; i++)
		look(l, events[i].data.ptr);
}
