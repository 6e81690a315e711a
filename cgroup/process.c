/* process.c: who is in a cgroup. A pid is only a number: a pidfd is opened first, and then the number has to be in the
 * cgroup still, before anything is done to it. */
#include "cgroup/internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <src/base/fd.h>
#include <sys/syscall.h>

#define BATCH 64 /* pidfds that are open at once, and processes for which a cgroup is held frozen */
#define STATUS_MAX (1u << 20) /* /proc/PID/status: groups and CPU masks make it long */

struct pids {
	pid_t *v;
	size_t n, cap;
	const char *file;
	struct mscg_error *error;
};

static int add_pids(void *ctx, const struct mscg_cgroup *cgroup)
{
	struct pids *p = ctx;
	_cleanup_free_ char *text = NULL;
	struct mscg_error e;
	int r = cg_read_all(cgroup, p->file, &text, &e);

	/* A threaded cgroup lists no processes: its domain above does, for all of them. */
	if (r == -EOPNOTSUPP || r == -ENODEV)
		return 0;
	if (r < 0)
		return mscg_error_set(p->error, r, "%s", e.text);
	cg_parse_pids(text, &p->v, &p->n, &p->cap);
	return 0;
}

static int by_number(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

/* Sorted, each once: the kernel's list is neither. */
static int list(const struct mscg_cgroup *cgroup, const char *file, pid_t **ret, size_t *ret_n, struct mscg_error *error)
{
	struct pids p = { .file = file, .error = error };
	size_t n = 0;
	int r = cg_walk(cgroup, add_pids, &p, error);

	if (r == 0 && p.n == 0 && !mscg_cgroup_exists(cgroup))
		r = cg_fail(cgroup, NULL, NULL, ENODEV, error);
	if (r < 0) {
		free(p.v);
		return r;
	}
	if (p.n > 0)
		qsort(p.v, p.n, sizeof *p.v, by_number);
	for (size_t i = 0; i < p.n; i++)
		if (i == 0 || p.v[i] != p.v[n - 1])
			p.v[n++] = p.v[i];
	*ret   = p.v;
	*ret_n = n;
	return 0;
}

int mscg_cgroup_processes(const struct mscg_cgroup *cgroup, pid_t **ret, size_t *ret_n, struct mscg_error *error)
{
	return list(cgroup, "cgroup.procs", ret, ret_n, error);
}

/* One batch: a pidfd for each, and then only those that are in the cgroup still are told of. */
static int each_of_batch(const struct mscg_cgroup *cgroup, const pid_t *pids, size_t n,
                         int (*each)(void *ctx, pid_t pid, int pidfd), void *ctx, struct mscg_error *error)
{
	_cleanup_free_ pid_t *now = NULL;
	size_t now_n = 0;
	int fds[BATCH], r = 0;

	for (size_t i = 0; i < n; i++) {
		fds[i] = (int)syscall(SYS_pidfd_open, pids[i], 0);
		if (fds[i] < 0 && errno != ESRCH && r == 0)
			r = cg_error(cgroup, -errno, error, "cannot open a pidfd of process %d: %s", (int)pids[i], strerror(errno));
	}
	if (r == 0)
		r = mscg_cgroup_processes(cgroup, &now, &now_n, error);
	for (size_t i = 0; r >= 0 && i < n; i++)
		if (fds[i] >= 0 && now_n > 0 && bsearch(&pids[i], now, now_n, sizeof *now, by_number))
			r = each(ctx, pids[i], fds[i]);
	for (size_t i = 0; i < n; i++)
		cleanup_close(&fds[i]);
	return MIN_OF(r, 0);
}

static int64_t deadline(int64_t span_usec)
{
	int64_t at;

	return __builtin_add_overflow(clock_boot_usec(), span_usec, &at) ? USEC_NEVER : at;
}

int cg_each_pidfd(const struct mscg_cgroup *cgroup, int (*each)(void *ctx, pid_t pid, int pidfd), void *ctx, struct mscg_error *error)
{
	_cleanup_free_ pid_t *pids = NULL;
	size_t n = 0;
	int r = mscg_cgroup_processes(cgroup, &pids, &n, error);

	for (size_t from = 0; r >= 0 && from < n; from += BATCH)
		r = each_of_batch(cgroup, pids + from, MIN_OF(n - from, (size_t)BATCH), each, ctx, error);
	return r;
}

/* ---- notification ---- */

struct masks {
	uint64_t caught, blocked;
};

/* Of a process (its leader's) or of one thread, by its status file below /proc. False when it is gone. */
static bool read_masks(const char *status, struct masks *ret)
{
	_cleanup_free_ char *text = NULL;

	return fd_read_file_at(AT_FDCWD, status, STATUS_MAX, &text, NULL) == 0 &&
	       cg_parse_sigmask(text, "SigCgt", &ret->caught) && cg_parse_sigmask(text, "SigBlk", &ret->blocked);
}

/* A signal to a process is taken by any thread that does not block it. */
static bool some_thread_takes(pid_t pid, uint64_t bit)
{
	char path[64];
	bool takes = false;

	snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	DIR *dir = opendir(path);
	if (!dir)
		return false;
	for (struct dirent *d; !takes && (d = readdir(dir));) {
		struct masks m;
		snprintf(path, sizeof path, "/proc/%d/task/%.16s/status", (int)pid, d->d_name);
		takes = *d->d_name != '.' && read_masks(path, &m) && !(m.blocked & bit);
	}
	closedir(dir);
	return takes;
}

struct notification {
	int sig;
	struct mscg_cgroup_notified count;
};

/* pidfd -1: counts only. */
static int notify_one(void *ctx, pid_t pid, int pidfd)
{
	struct notification *n = ctx;
	uint64_t bit = UINT64_C(1) << (n->sig - 1);
	char path[32];
	struct masks m;

	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	if (!read_masks(path, &m))
		return 0;
	n->count.processes++;
	if (!(m.caught & bit))
		n->count.without_handler++;
	else if ((m.blocked & bit) && !some_thread_takes(pid, bit))
		n->count.blocking++;
	else if (pidfd < 0 || syscall(SYS_pidfd_send_signal, pidfd, n->sig, NULL, 0) == 0)
		n->count.signalled++;
	return 0;
}

/* A batch at a time stands still, and gets so much time to come to it. */
static int notify_held(const struct mscg_cgroup *cgroup, const pid_t *pids, size_t count, int64_t hold_usec, struct notification *n,
                       struct mscg_error *error)
{
	struct cg_number freezer;
	int r = 0;

	for (size_t from = 0; r >= 0 && from < count; from += BATCH) {
		r = cg_hold(cgroup, deadline(hold_usec), &freezer, error);
		if (r < 0)
			break;
		r = each_of_batch(cgroup, pids + from, MIN_OF(count - from, (size_t)BATCH), notify_one, n, error);
		cg_unhold(&freezer);
	}
	return r;
}

int mscg_cgroup_notify(const struct mscg_cgroup *cgroup, int sig, int64_t deadline_usec,
                       struct mscg_cgroup_notified *ret, struct mscg_error *error)
{
	struct notification n = { .sig = sig };
	int64_t now = clock_boot_usec(), hold = deadline_usec - now;
	_cleanup_free_ pid_t *pids = NULL;
	size_t count = 0;

	if (sig < 1 || sig > 64)
		return mscg_error_set(error, -EINVAL, "%d is no signal", sig);
	int r = mscg_cgroup_processes(cgroup, &pids, &count, error);
	/* Most programs have no handler: nobody is made to stand still for them. Nothing is done to anybody here: whether a number
	 * is still whose it was is asked of those that a signal goes to. */
	for (size_t i = 0; r >= 0 && i < count; i++)
		notify_one(&n, pids[i], -1);
	if (r >= 0 && n.count.signalled) {
		n = (struct notification){ .sig = sig };
		r = notify_held(cgroup, pids, count, MAX_OF(hold, INT64_C(0)), &n, error);
	}
	if (r < 0)
		return r;
	if (ret)
		*ret = n.count;
	return 0;
}

/* ---- affinity ---- */

/* False when the thread is gone. */
static bool thread_covers(pid_t tid, const struct mscg_cpuset *effective, bool *ret)
{
	struct mscg_cpuset mask;

	mscg_cpuset_zero(&mask);
	/* Not sched_getaffinity(3): cpu_set_t ends at 1024 CPUs. The words are the kernel's own form. */
	if (syscall(SYS_sched_getaffinity, tid, sizeof mask.word, mask.word) < 0)
		return false;
	*ret = mscg_cpuset_subset(effective, &mask);
	return true;
}

int mscg_cgroup_pinned(const struct mscg_cgroup *cgroup, const struct mscg_cpuset *effective, uint32_t *ret,
                       struct mscg_error *error)
{
	_cleanup_free_ pid_t *tids = NULL;
	struct mscg_cpuset own;
	uint32_t pinned = 0;
	size_t n = 0;
	int r = 0;

	if (!effective) {
		r = mscg_cgroup_get_list(cgroup, MSCG_CGROUP_CPUS_EFFECTIVE, &own, error);
		effective = &own;
	}
	if (r == 0)
		r = list(cgroup, "cgroup.threads", &tids, &n, error);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		bool covers;
		pinned += thread_covers(tids[i], effective, &covers) && !covers;
	}
	*ret = pinned;
	return 0;
}
