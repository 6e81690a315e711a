/* What running jobs that are elastic by pressure use of their CPUs. Read once a second while there is such a job, and
 * reported when it changes: whether the job is short of CPU, and otherwise how much it uses. */
#include <sys/timerfd.h>

#include "internal.h"

enum { IDLE_ROUNDS = 5 }; /* so long it must leave CPUs unused before that counts */
static const double short_from = 0.8, stall_from = 0.1, spare = 1.25;

struct need {
	struct task *task;
	struct need *next, **prev;
	int64_t  at; /* boot clock, of the last reading; 0: none since it had this many CPUs */
	uint64_t used_usec, stalled_usec, periods, throttled;
	uint32_t held_milli; /* at that reading */
	uint32_t idle_rounds;
	/* what was said last */
	enum mscg_need said;
	uint32_t said_held, said_cpus;
};

static void set_timer(struct local *l, int64_t usec)
{
	struct itimerspec every = { .it_interval.tv_sec = usec / USEC_PER_SEC, .it_value.tv_sec = usec / USEC_PER_SEC };

	timerfd_settime(l->need_fd, 0, &every, NULL);
}

void need_watch(struct local *l, struct task *t)
{
	struct need *n;

	if (!t->by_pressure || t->need)
		return;
	n = xcalloc(1, sizeof *n);
	if (!l->needs)
		set_timer(l, USEC_PER_SEC);
	*n = (struct need){ .task = t, .next = l->needs, .prev = &l->needs };
	if (n->next)
		n->next->prev = &n->next;
	l->needs = n;
	t->need  = n;
}

void need_forget(struct local *l, struct task *t)
{
	struct need *n = t->need;

	if (!n)
		return;
	*n->prev = n->next;
	if (n->next)
		n->next->prev = n->prev;
	free(n);
	t->need = NULL;
	if (!l->needs)
		set_timer(l, 0);
}

/* What happened since the last reading. */
struct window {
	double used;    /* CPUs, on average */
	double stalled; /* share of the time in which somebody waited for one; 0: not told */
	uint64_t throttled, periods; /* 0: not told, or not limited */
};

static uint64_t grown(uint64_t now, uint64_t before)
{
	return now == MSCG_CGROUP_UNKNOWN || before == MSCG_CGROUP_UNKNOWN || now < before ? 0 : now - before;
}

/* False: there is no reading to compare with, but there will be. */
static bool read_window(struct need *n, struct window *ret)
{
	const struct task *t = n->task;
	struct mscg_cgroup_pressure pressure;
	struct mscg_cgroup_stat stat;
	struct need before = *n;

	if (mscg_cgroup_read_stat(&t->cgroup, MSCG_CGROUP_STAT_CPU, &stat, NULL) < 0)
		return false;
	if (mscg_cgroup_read_pressure(&t->cgroup, MSCG_CGROUP_PRESSURE_CPU, &pressure, NULL) < 0)
		pressure.some.total_usec = MSCG_CGROUP_UNKNOWN;
	n->at           = clock_boot_usec();
	n->used_usec    = stat.cpu_usage_usec;
	n->stalled_usec = pressure.some.total_usec;
	n->periods      = stat.cpu_nr_periods;
	n->throttled    = stat.cpu_nr_throttled;
	n->held_milli   = t->grant->share[0].cpu_milli;
	if (!before.at || before.held_milli != n->held_milli || n->at <= before.at)
		return false;
	double usec = (double)(n->at - before.at);
	*ret = (struct window){
		.used = (double)grown(n->used_usec, before.used_usec) / usec,
		.stalled = (double)grown(n->stalled_usec, before.stalled_usec) / usec,
		.throttled = grown(n->throttled, before.throttled), .periods = grown(n->periods, before.periods),
	};
	return true;
}

/* The limit is looked at first: a job that is throttled waits for nobody else. */
static enum mscg_need judge(struct need *n, const struct window *w, char *text, size_t size)
{
	double held = n->held_milli / 1000.0;
	bool busy = w->used >= held * short_from;

	n->idle_rounds = w->used * spare < held - 1 ? n->idle_rounds + 1 : 0;
	if (busy && w->throttled) {
		snprintf(text, size, "short of CPU: at its limit in %llu of %llu periods", (unsigned long long)w->throttled,
		         (unsigned long long)w->periods);
		return MSCG_NEED_SHORT;
	}
	if (busy && w->stalled >= stall_from) {
		snprintf(text, size, "short of CPU: waited for one %.0f%% of the time", MIN_OF(w->stalled, 1.0) * 100);
		return MSCG_NEED_SHORT;
	}
	snprintf(text, size, "uses %.1f of %g CPUs", w->used, held);
	return n->idle_rounds >= IDLE_ROUNDS ? MSCG_NEED_IDLE : MSCG_NEED_FITS;
}

static void look(struct local *l, struct need *n)
{
	struct mscg_report report = task_report(n->task, MSCG_REPORT_NEED);
	struct window w;

	if (!read_window(n, &w)) {
		n->idle_rounds = 0;
		return;
	}
	enum mscg_need verdict = judge(n, &w, report.text, sizeof report.text);
	uint32_t cpus = verdict == MSCG_NEED_IDLE ? (uint32_t)(w.used * spare) + 1 : 0;
	if (verdict == n->said && n->held_milli == n->said_held && cpus >= n->said_cpus)
		return;
	n->said      = verdict;
	n->said_held = n->held_milli;
	n->said_cpus = cpus;
	report.need       = verdict;
	report.used_milli = (uint32_t)(w.used * 1000);
	local_report(l, &report);
}

void need_dispatch(struct local *l)
{
	uint64_t ticks;

	if (read(l->need_fd, &ticks, sizeof ticks) < 0)
		return;
	for (struct need *n = l->needs; n; n = n->next)
		if (n->task->phase == TASK_RUNNING && !n->task->frozen && !n->task->orders)
			look(l, n);
		else
			n->at = 0;
}
