/* event.c: whether a cgroup lives, and stopping it for a moment or for good. */
#include "cgroup/internal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

#define EVENTS "cgroup.events"
/* The kernel lets 10 ms and more pass between two wake-ups of one cgroup.events. Who waits for something that takes one
 * looks again by itself, soon and then less often, a few times; after that the wake-up has come or will. */
#define LOOK_USEC  1000
#define FIRST_USEC 50
#define LOOKS      24
#define HOLD_USEC  10000
#define KILL_ROUNDS 16

int mscg_cgroup_events_open(const struct mscg_cgroup *cgroup, int *ret_fd, struct mscg_error *error)
{
	int fd = openat(cgroup->fd, EVENTS, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return cg_fail(cgroup, EVENTS, NULL, errno, error);
	*ret_fd = fd;
	return 0;
}

int mscg_cgroup_events_read(int fd, struct mscg_cgroup_events *ret)
{
	char text[128];
	ssize_t n;

	do
		n = pread(fd, text, sizeof text - 1, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	cg_parse_events(text, ret);
	return 0;
}

int mscg_cgroup_events_get(const struct mscg_cgroup *cgroup, struct mscg_cgroup_events *ret, struct mscg_error *error)
{
	char text[128];
	ssize_t n = cg_read(cgroup, EVENTS, text, sizeof text, error);

	if (n < 0)
		return (int)n;
	cg_parse_events(text, ret);
	return 0;
}

/* 0: woken or the time is over; the caller looks in both cases. */
static void poll_event(int fd, int64_t usec)
{
	struct pollfd p = { .fd = fd, .events = POLLPRI };
	struct timespec t = { .tv_sec = usec / USEC_PER_SEC, .tv_nsec = usec % USEC_PER_SEC * 1000 };

	ppoll(&p, 1, usec == USEC_NEVER ? NULL : &t, NULL);
}

int cg_wait(const struct mscg_cgroup *cgroup, bool (*wanted)(const struct mscg_cgroup_events *), int64_t deadline_usec,
            const char *name, struct mscg_error *error)
{
	_cleanup_close_ int fd = -1;
	struct mscg_cgroup_events e;
	int r = mscg_cgroup_events_open(cgroup, &fd, error);

	if (r < 0)
		return r;
	for (unsigned looks = 0;; looks++) {
		r = mscg_cgroup_events_read(fd, &e);
		if (r < 0)
			return cg_fail(cgroup, EVENTS, NULL, -r, error);
		if (wanted(&e))
			return 0;
		int64_t now = clock_boot_usec(), left = USEC_NEVER;
		if (deadline_usec != USEC_NEVER && now >= deadline_usec)
			return cg_error(cgroup, -ETIMEDOUT, error, "it is not %s in time", name);
		if (deadline_usec != USEC_NEVER)
			left = deadline_usec - now;
		poll_event(fd, looks < LOOKS ? MIN_OF(left, MIN_OF((int64_t)FIRST_USEC << looks, LOOK_USEC)) : left);
	}
}

static bool is_empty(const struct mscg_cgroup_events *e)
{
	return !e->populated;
}

static bool is_frozen(const struct mscg_cgroup_events *e)
{
	return e->frozen;
}

int mscg_cgroup_wait_empty(const struct mscg_cgroup *cgroup, int64_t deadline_usec, struct mscg_error *error)
{
	struct mscg_error e;
	int r = cg_wait(cgroup, is_empty, deadline_usec, "empty", &e);

	return r == -ENODEV || r == 0 ? 0 : mscg_error_set(error, r, "%s", e.text);
}

struct freezing {
	int64_t deadline_usec;
	struct mscg_error *error;
};

static int wait_one_frozen(void *ctx, const struct mscg_cgroup *cgroup)
{
	struct freezing *f = ctx;
	struct mscg_error e;
	int r = cg_wait(cgroup, is_frozen, f->deadline_usec, "frozen", &e);

	return r == 0 || (r == -ENODEV && !mscg_cgroup_exists(cgroup)) ? 0 : mscg_error_set(f->error, r, "%s", e.text);
}

/* A cgroup with processes of its own says "frozen 1" when those stand still, and does not wait for what is below it
 * (cgroup_update_frozen() in the kernel): every one is asked. */
static int wait_frozen(const struct mscg_cgroup *cgroup, int64_t deadline_usec, struct mscg_error *error)
{
	struct freezing f = { deadline_usec, error };

	return cg_walk(cgroup, wait_one_frozen, &f, error);
}

int mscg_cgroup_freeze(const struct mscg_cgroup *cgroup, int64_t deadline_usec, struct mscg_error *error)
{
	int r = cg_write(cgroup, "cgroup.freeze", "1", error);

	return r < 0 ? r : wait_frozen(cgroup, deadline_usec, error);
}

int mscg_cgroup_thaw(const struct mscg_cgroup *cgroup, struct mscg_error *error)
{
	return cg_write(cgroup, "cgroup.freeze", "0", error);
}

int cg_hold(const struct mscg_cgroup *cgroup, int64_t deadline_usec, struct cg_number *ret, struct mscg_error *error)
{
	uint64_t stands = 0;
	int r = cg_number_open(cgroup, "cgroup.freeze", O_RDWR, ret, error);

	if (r == 0)
		r = cg_number_get(ret, &stands, error);
	if (r < 0 || stands)
		cg_number_close(ret);
	else
		r = cg_number_set(ret, 1, error);
	if (r == 0)
		r = wait_frozen(cgroup, deadline_usec, error);
	if (r < 0)
		cg_unhold(ret);
	return r;
}

void cg_unhold(struct cg_number *held)
{
	if (held->fd >= 0)
		cg_number_set(held, 0, NULL);
	cg_number_close(held);
}

/* Who got the signal, in this round and in the one before. */
struct killing {
	pid_t *now, *before;
	size_t now_n, now_cap, before_n, before_cap;
	bool   news; /* somebody who was not there before */
};

static int kill_one(void *ctx, pid_t pid, int pidfd)
{
	struct killing *k = ctx;
	size_t i = 0;

	if (syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) < 0)
		return errno == ESRCH ? 0 : -errno;
	while (i < k->before_n && k->before[i] != pid)
		i++;
	k->news |= i == k->before_n;
	GROW(k->now, k->now_n, k->now_cap);
	k->now[k->now_n++] = pid;
	return 0;
}

/* Whoever was there when all stood still got the signal: nobody can have forked since. Where some would not stand still it
 * is enough that a round finds nobody new. */
static int kill_rounds(const struct mscg_cgroup *cgroup, struct killing *k, struct mscg_error *error)
{
	for (int round = 0; round < KILL_ROUNDS; round++) {
		struct cg_number freezer;
		k->news = false;
		k->now_n = 0;
		int held = cg_hold(cgroup, clock_boot_usec() + HOLD_USEC, &freezer, NULL);
		int r = cg_each_pidfd(cgroup, kill_one, k, error);

		if (held == 0)
			cg_unhold(&freezer);
		if (r < 0)
			return cg_error(cgroup, r, error, "cannot kill its processes: %s", strerror(-r));
		if (held == 0 || !k->news)
			return 0;
		struct killing swap = *k;
		*k = (struct killing){ swap.before, swap.now, 0, swap.before_cap, swap.now_n, swap.now_cap, false };
	}
	return cg_error(cgroup, -EAGAIN, error, "processes fork faster than they are killed one by one; call again");
}

int cg_kill_by_signal(const struct mscg_cgroup *cgroup, struct mscg_error *error)
{
	struct killing k = { 0 };
	int r = kill_rounds(cgroup, &k, error);

	free(k.now);
	free(k.before);
	return r;
}

int mscg_cgroup_kill(const struct mscg_cgroup *cgroup, struct mscg_error *error)
{
	struct mscg_error e;
	int r = cg_write(cgroup, "cgroup.kill", "1", &e);

	if (r == -EOPNOTSUPP && !cg_has(cgroup, "cgroup.kill"))
		return cg_kill_by_signal(cgroup, error);
	return r < 0 ? mscg_error_set(error, r, "%s", e.text) : 0;
}
