/* Handles, life and death, delegation, marks, and what is said of the machine: on the real kernel.
 *
 * also: 6.12
 * alone: it measures
 * timeout: 900
 */
#include "tests/vm/test_cgroup.h"

#include <poll.h>
#include <sys/file.h>

/* ---- handles ---- */

static int count(void *ctx, const char *name, const struct mscg_cgroup *child)
{
	CHECK(child->fd >= 0 && *name);
	++*(int *)ctx;
	return 0;
}

static int stop_at_first(void *ctx, const char *name, const struct mscg_cgroup *child)
{
	(void)name;
	(void)child;
	++*(int *)ctx;
	return -ECANCELED;
}

static void handles(void)
{
	struct mscg_cgroup a = job("a"), b = MSCG_CGROUP_NONE, c = MSCG_CGROUP_NONE;
	char text[256], again[256];
	struct stat st;
	int n = 0;

	CHECK(fstat(a.fd, &st) == 0 && st.st_ino == a.id && a.id != 0);
	CHECK((fcntl(a.fd, F_GETFD) & FD_CLOEXEC) && !(fcntl(a.fd, F_GETFL) & O_PATH));
	FAILS(mscg_cgroup_create(&base, "a", &b, &err), -EEXIST, "there is a cgroup \"a\" already");
	CHECK(b.fd == -1);
	OK(mscg_cgroup_open(&base, "a", &b, &err));
	CHECK(b.id == a.id && b.fd != a.fd);
	mscg_cgroup_close(&b);
	OK(mscg_cgroup_dup(&a, &b, &err));
	CHECK(b.id == a.id);
	mscg_cgroup_close(&b);
	CHECK(mscg_cgroup_path(&a, text, sizeof text) == strlen(text));
	CHECK(text[0] == '/' && streq(text + strlen(text) - 2, "/a"));
	CHECK(mscg_cgroup_path(&a, again, 5) == strlen(text) && strlen(again) == 4);
	OK(mscg_cgroup_open_path(text, &b, &err));
	CHECK(b.id == a.id);
	mscg_cgroup_close(&b);
	FAILS(mscg_cgroup_open(&base, "nobody", &b, &err), -ENOENT, "nobody");
	OK(mscg_cgroup_create(&a, "x", &b, &err));
	OK(mscg_cgroup_open(&base, "a/x", &c, &err));
	CHECK(c.id == b.id);
	OK(mscg_cgroup_children(&base, count, &n, &err));
	CHECK_IS(n, user_mode ? 2 : 1); /* and daemon/ */
	n = 0;
	CHECK_IS(mscg_cgroup_children(&base, stop_at_first, &n, &err), -ECANCELED);
	CHECK_IS(n, 1);
	FAILS(mscg_cgroup_remove(&base, "a", &err), -EBUSY, "it has a child \"x\"");
	OK(mscg_cgroup_remove(&a, "x", &err));
	CHECK(!mscg_cgroup_exists(&b) && mscg_cgroup_exists(&a));
	mscg_cgroup_close(&b);
	mscg_cgroup_close(&c);
	OK(mscg_cgroup_remove(&base, "a", &err));
	FAILS(mscg_cgroup_remove(&base, "a", &err), -ENOENT, "a");
	mscg_cgroup_close(&a);
	CHECK(a.fd == -1);
}

/* A handle of a removed cgroup never reaches the new one of the same name. */
static void removed(void)
{
	struct mscg_cgroup old = job("r"), new = MSCG_CGROUP_NONE, sub = MSCG_CGROUP_NONE;
	struct mscg_cgroup_stat stat;
	struct mscg_cgroup_events e;
	char text[256];
	pid_t *pids;
	size_t n;
	uint32_t features;
	int events;

	OK(mscg_cgroup_events_open(&old, &events, &err));
	OK(mscg_cgroup_events_read(events, &e));
	OK(mscg_cgroup_remove(&base, "r", &err));
	new = job("r");
	CHECK(new.id != old.id);
	FAILS(mscg_cgroup_set(&old, MSCG_CGROUP_MAX_DEPTH, 3, &err), -ENODEV, "was removed");
	FAILS(mscg_cgroup_read_stat(&old, MSCG_CGROUP_STAT_ALL, &stat, &err), -ENODEV, "was removed");
	FAILS(mscg_cgroup_processes(&old, &pids, &n, &err), -ENODEV, "was removed");
	FAILS(mscg_cgroup_kill(&old, &err), -ENODEV, "was removed");
	FAILS(mscg_cgroup_freeze(&old, 0, &err), -ENODEV, "was removed");
	FAILS(mscg_cgroup_create(&old, "sub", &sub, &err), -ENODEV, "was removed");
	FAILS(mscg_cgroup_open(&old, "sub", &sub, &err), -ENODEV, "was removed");
	FAILS(mscg_cgroup_remove(&old, "sub", &err), -ENODEV, "was removed");
	FAILS(mscg_cgroup_features(&old, &features, &err), -ENODEV, "was removed");
	FAILS(mscg_cgroup_events_get(&old, &e, &err), -ENODEV, "was removed");
	CHECK_IS(mscg_cgroup_events_read(events, &e), -ENODEV);
	OK(mscg_cgroup_wait_empty(&old, 0, &err)); /* gone is empty */
	mscg_cgroup_path(&old, text, sizeof text);
	CHECK(strstr(text, "/r (deleted)") != NULL);
	close(events);
	mscg_cgroup_close(&old);
	end_job(&new, "r");
}

static void remove_busy(void)
{
	struct mscg_cgroup j = job("j"), sub = MSCG_CGROUP_NONE, deep = MSCG_CGROUP_NONE;
	pid_t pid;

	OK(mscg_cgroup_create(&j, "sub", &sub, &err));
	OK(mscg_cgroup_create(&sub, "deep", &deep, &err));
	pid = spawn(&deep, sleeper, NULL);
	FAILS(mscg_cgroup_remove(&sub, "deep", &err), -EBUSY, "it has 1 process, such as ");
	FAILS(mscg_cgroup_remove_tree(&base, "j", &err), -EBUSY, "it has 1 process");
	CHECK(mscg_cgroup_exists(&deep));
	kill(pid, SIGKILL);
	OK(mscg_cgroup_wait_empty(&j, in_ms(10000), &err));
	OK(mscg_cgroup_remove(&sub, "deep", &err)); /* with its zombie */
	CHECK(killed_by(reap(pid), SIGKILL));
	mscg_cgroup_close(&deep);
	mscg_cgroup_close(&sub);
	mscg_cgroup_close(&j);
	OK(mscg_cgroup_remove_tree(&base, "j", &err));
	FAILS(mscg_cgroup_remove_tree(&base, "j", &err), -ENOENT, "j");
}

static void room_for_children(void)
{
	struct mscg_cgroup j = job("j"), a = MSCG_CGROUP_NONE, b = MSCG_CGROUP_NONE;
	uint64_t v;

	OK(mscg_cgroup_set(&j, MSCG_CGROUP_MAX_DESCENDANTS, 1, &err));
	OK(mscg_cgroup_get(&j, MSCG_CGROUP_MAX_DESCENDANTS, &v, &err));
	CHECK_IS(v, 1);
	OK(mscg_cgroup_create(&j, "a", &a, &err));
	FAILS(mscg_cgroup_create(&j, "b", &b, &err), -EAGAIN, "cgroup.max.descendants");
	mscg_cgroup_close(&a);
	OK(mscg_cgroup_set(&j, MSCG_CGROUP_MAX_DESCENDANTS, MSCG_CGROUP_MAX, &err));
	OK(mscg_cgroup_set(&j, MSCG_CGROUP_MAX_DEPTH, 0, &err));
	FAILS(mscg_cgroup_create(&j, "b", &b, &err), -EAGAIN, "cgroup.max.depth");
	end_job(&j, "j");
}

/* ---- life and death ---- */

static void events(void)
{
	struct mscg_cgroup j = job("j");
	struct mscg_cgroup_events e;
	struct pollfd p = { .events = POLLPRI };
	pid_t pid;

	OK(mscg_cgroup_events_get(&j, &e, &err));
	CHECK(!e.populated && !e.frozen);
	OK(mscg_cgroup_events_open(&j, &p.fd, &err));
	CHECK(poll(&p, 1, 0) == 1); /* until read the first time */
	OK(mscg_cgroup_events_read(p.fd, &e));
	CHECK(poll(&p, 1, 0) == 0);
	pid = spawn(&j, sleeper, NULL);
	CHECK(poll(&p, 1, 10000) == 1 && (p.revents & POLLPRI));
	OK(mscg_cgroup_events_read(p.fd, &e));
	CHECK(e.populated);
	FAILS(mscg_cgroup_wait_empty(&j, in_ms(5), &err), -ETIMEDOUT, "not empty in time");
	kill(pid, SIGKILL);
	CHECK(poll(&p, 1, 10000) == 1);
	OK(mscg_cgroup_events_read(p.fd, &e));
	CHECK(!e.populated); /* though its zombie is there */
	reap(pid);
	close(p.fd);
	end_job(&j, "j");
}

static void freeze_and_kill(void)
{
	struct mscg_cgroup j = job("j"), sub = MSCG_CGROUP_NONE;
	struct mscg_cgroup_events e;
	int before;
	pid_t a, b;

	OK(mscg_cgroup_freeze(&j, in_ms(1000), &err)); /* empty */
	OK(mscg_cgroup_thaw(&j, &err));
	OK(mscg_cgroup_create(&j, "sub", &sub, &err));
	a = spawn(&j, sleeper, NULL);
	b = spawn(&sub, burner, NULL);
	WAIT_FOR(shared->ready == 2 && shared->hits > 0);
	OK(mscg_cgroup_freeze(&j, in_ms(10000), &err));
	before = shared->hits;
	usleep(50000);
	CHECK_IS(shared->hits, before);
	OK(mscg_cgroup_events_get(&sub, &e, &err));
	CHECK(e.frozen && e.populated);
	OK(mscg_cgroup_thaw(&j, &err));
	WAIT_FOR(shared->hits > before);
	OK(mscg_cgroup_freeze(&j, in_ms(10000), &err));
	OK(mscg_cgroup_kill(&j, &err)); /* frozen, and below it too */
	OK(mscg_cgroup_wait_empty(&j, in_ms(20000), &err));
	CHECK(killed_by(reap(a), SIGKILL) && killed_by(reap(b), SIGKILL));
	mscg_cgroup_close(&sub);
	end_job(&j, "j");
}

static void bomb(void *arg)
{
	(void)arg;
	for (;;) {
		if (fork() >= 0)
			atomic_fetch_add(&shared->ready, 1);
		else
			sched_yield();
	}
}

/* A fork bomb, kept small by its user's limit where there is no pids controller. */
static void kill_bomb(int (*kill_it)(const struct mscg_cgroup *, struct mscg_error *))
{
	struct mscg_cgroup j = job("j"), sub = MSCG_CGROUP_NONE;
	_cleanup_free_ pid_t *pids = NULL;
	size_t n = 0;
	int64_t from;
	int r;

	OK(mscg_cgroup_create(&j, "sub", &sub, &err));
	if (!bare())
		OK(mscg_cgroup_set(&j, MSCG_CGROUP_PIDS_MAX, 150, &err));
	spawn(&sub, bare() ? sleeper : bomb, NULL);
	spawn(&j, bare() ? sleeper : bomb, NULL);
	WAIT_FOR(shared->ready > (bare() ? 1 : 200));
	OK(mscg_cgroup_processes(&j, &pids, &n, &err));
	CHECK(n > (bare() ? 1 : 20));
	for (size_t i = 1; i < n; i++)
		CHECK(pids[i - 1] < pids[i]);
	from = clock_boot_usec();
	do
		r = kill_it(&j, &err);
	while (r == -EAGAIN);
	OK(r);
	OK(mscg_cgroup_wait_empty(&j, in_ms(60000), &err));
	NOTE("%zu processes gone in %.1f ms", n, (double)(clock_boot_usec() - from) / 1000);
	mscg_cgroup_close(&sub);
	end_job(&j, "j");
}

static void kill_at_once(void)
{
	kill_bomb(mscg_cgroup_kill);
}

static void kill_one_by_one(void)
{
	kill_bomb(cg_kill_by_signal);
}

/* Clones into the cgroup; whether the child lives long enough to run. */
static bool can_clone_into(const struct mscg_cgroup *cg)
{
	bool dead = false;

	shared->ready = 0;
	pid_t pid = spawn(cg, sleeper, NULL);
	WAIT_FOR(shared->ready || (dead = waitpid(pid, NULL, WNOHANG) == pid));
	if (!dead) {
		kill(pid, SIGKILL);
		reap(pid);
	}
	return !dead;
}

/* The kernel compares how often the parent's cgroup was killed with how often the child's was: why what is cloned from is
 * never killed. */
static void clone_after_kill(void)
{
	struct mscg_cgroup from = job("from"), to = job("to"), d = MSCG_CGROUP_NONE;

	OK(mscg_cgroup_move(&from, 0, &err));
	CHECK(can_clone_into(&to));
	OK(user_mode ? mscg_cgroup_settle(&base, "daemon", 0, &d, &err) : mscg_cgroup_move(&top, 0, &err));
	OK(mscg_cgroup_kill(&from, &err));
	OK(mscg_cgroup_move(&from, 0, &err));
	NOTE("a clone from a cgroup that was killed, while empty, into a fresh one %s", can_clone_into(&to) ? "lives" : "dies");
	OK(mscg_cgroup_kill(&to, &err));
	CHECK(can_clone_into(&to));
	mscg_cgroup_close(&d);
	OK(user_mode ? mscg_cgroup_settle(&base, "daemon", 0, &d, &err) : mscg_cgroup_move(&top, 0, &err));
	mscg_cgroup_close(&d);
	end_job(&from, "from");
	end_job(&to, "to");
}

/* ---- delegation ---- */

static void enable(void)
{
	struct mscg_cgroup j = job("j"), sub = MSCG_CGROUP_NONE;
	uint32_t available, enabled;
	pid_t pid;

	OK(mscg_cgroup_controllers(&j, &available, &enabled, &err));
	CHECK((available & CONTROLLERS) == CONTROLLERS && enabled == 0);
	pid = spawn(&j, sleeper, NULL);
	FAILS(mscg_cgroup_enable(&j, MSCG_CGROUP_BIT(MEMORY) | MSCG_CGROUP_BIT(PIDS), &err), -EBUSY,
	      "cannot enable +memory +pids for its children while it has processes of its own");
	kill(pid, SIGKILL);
	reap(pid);
	OK(mscg_cgroup_enable(&j, MSCG_CGROUP_BIT(MEMORY), &err));
	OK(mscg_cgroup_enable(&j, MSCG_CGROUP_BIT(MEMORY) | MSCG_CGROUP_BIT(CPU), &err));
	OK(mscg_cgroup_create(&j, "sub", &sub, &err));
	OK(mscg_cgroup_controllers(&sub, &available, NULL, &err));
	CHECK_IS(available, MSCG_CGROUP_BIT(MEMORY) | MSCG_CGROUP_BIT(CPU));
	FAILS(mscg_cgroup_enable(&sub, MSCG_CGROUP_BIT(MEMORY) | MSCG_CGROUP_BIT(CPUSET), &err), -ENOENT,
	      "not available here: cpuset");
	FAILS(mscg_cgroup_set(&sub, MSCG_CGROUP_PIDS_MAX, 5, &err), -EOPNOTSUPP, "controller pids is not enabled here");
	FAILS(mscg_cgroup_move(&j, 0, &err), -EBUSY, "so it can have no processes");
	OK(mscg_cgroup_enable(&sub, MSCG_CGROUP_BIT(CPU), &err));
	FAILS(mscg_cgroup_disable(&j, MSCG_CGROUP_BIT(CPU), &err), -EBUSY, "hands it further down");
	OK(mscg_cgroup_disable(&sub, MSCG_CGROUP_BIT(CPU), &err));
	OK(mscg_cgroup_disable(&j, CONTROLLERS, &err));
	OK(mscg_cgroup_controllers(&j, NULL, &enabled, &err));
	CHECK_IS(enabled, 0);
	mscg_cgroup_close(&sub);
	end_job(&j, "j");
}

static void prepare(void)
{
	struct mscg_cgroup r = MSCG_CGROUP_NONE, again = MSCG_CGROUP_NONE, level = MSCG_CGROUP_NONE, in = MSCG_CGROUP_NONE;
	uint32_t enabled;
	pid_t pid;

	OK(mscg_cgroup_prepare(&base, "/one//two/three/", CONTROLLERS, &r, &err));
	OK(mscg_cgroup_controllers(&r, NULL, &enabled, &err));
	CHECK_IS(enabled & CONTROLLERS, CONTROLLERS);
	OK(mscg_cgroup_prepare(&base, "one/two/three", CONTROLLERS, &again, &err));
	CHECK(again.id == r.id);
	mscg_cgroup_close(&again);
	mscg_cgroup_close(&r);
	OK(mscg_cgroup_remove_tree(&base, "one", &err));
	/* A level with a process: nothing that was made stays. */
	OK(mscg_cgroup_create(&base, "one", &level, &err));
	OK(mscg_cgroup_create(&level, "in", &in, &err));
	pid = spawn(&in, sleeper, NULL);
	FAILS(mscg_cgroup_prepare(&base, "one/in/x/y", CONTROLLERS, &r, &err), -EBUSY, "has processes of its own");
	CHECK(r.fd == -1);
	FAILS(mscg_cgroup_open(&in, "x", &r, &err), -ENOENT, "x");
	kill(pid, SIGKILL);
	reap(pid);
	mscg_cgroup_close(&in);
	end_job(&level, "one");
}

/* A user in a delegated cgroup: what it may and may not. The frame has settled it in daemon/ already. */
static void delegated(void)
{
	struct mscg_cgroup j = job("j"), d = MSCG_CGROUP_NONE;
	uint32_t available, enabled;
	pid_t stranger;

	OK(mscg_cgroup_controllers(&base, &available, &enabled, &err));
	CHECK_IS(enabled & CONTROLLERS, CONTROLLERS);
	FAILS(mscg_cgroup_set(&base, MSCG_CGROUP_MEMORY_MAX, 1u << 30, &err), -EACCES, "not delegated to this user");
	FAILS(mscg_cgroup_set(&base, MSCG_CGROUP_PIDS_MAX, 10, &err), -EACCES, "not delegated");
	FAILS(mscg_cgroup_kill(&base, &err), -EACCES, "not delegated");
	FAILS(mscg_cgroup_create(&place, "mine", &d, &err), -EACCES, "not delegated");
	FAILS(mscg_cgroup_enable(&place, MSCG_CGROUP_BIT(HUGETLB), &err), -EACCES, "not delegated");
	FAILS(mscg_cgroup_move(&place, 0, &err), -EACCES, "nearest common ancestor");
	OK(mscg_cgroup_set(&j, MSCG_CGROUP_MEMORY_MAX, 1u << 30, &err));
	/* Into the job, and back home. */
	OK(mscg_cgroup_move(&j, 0, &err));
	OK(mscg_cgroup_settle(&base, "daemon", CONTROLLERS, &d, &err));
	mscg_cgroup_close(&d);
	stranger = getppid(); /* root's, outside */
	FAILS(mscg_cgroup_move(&j, stranger, &err), -EACCES, "cannot take process");
	end_job(&j, "j");
}

static void settle(void)
{
	struct mscg_cgroup j = job("j"), d = MSCG_CGROUP_NONE;
	_cleanup_free_ pid_t *pids = NULL;
	size_t n;
	uint32_t enabled;
	pid_t other = spawn(&j, sleeper, NULL);
	char who[24];

	OK(mscg_cgroup_move(&j, 0, &err));
	snprintf(who, sizeof who, "(%d)", (int)other);
	FAILS(mscg_cgroup_settle(&j, "daemon", CONTROLLERS, &d, &err), -EBUSY, who);
	kill(other, SIGKILL);
	reap(other);
	OK(mscg_cgroup_settle(&j, "daemon", CONTROLLERS, &d, &err));
	OK(mscg_cgroup_processes(&d, &pids, &n, &err));
	CHECK(n == 1 && pids[0] == getpid());
	OK(mscg_cgroup_controllers(&j, NULL, &enabled, &err));
	CHECK_IS(enabled & CONTROLLERS, CONTROLLERS);
	mscg_cgroup_close(&d);
	if (user_mode)
		OK(mscg_cgroup_settle(&base, "daemon", 0, &d, &err));
	else
		OK(mscg_cgroup_move(&top, 0, &err));
	mscg_cgroup_close(&d);
	end_job(&j, "j");
}

static void delegate(void)
{
	struct mscg_cgroup j = job("j");
	struct stat st;

	OK(mscg_cgroup_delegate(&j, USER_UID, USER_UID, &err));
	CHECK(fstat(j.fd, &st) == 0 && st.st_uid == USER_UID);
	CHECK(fstatat(j.fd, "cgroup.procs", &st, 0) == 0 && st.st_uid == USER_UID && st.st_gid == USER_UID);
	CHECK(fstatat(j.fd, "cgroup.subtree_control", &st, 0) == 0 && st.st_uid == USER_UID);
	CHECK(fstatat(j.fd, "cgroup.freeze", &st, 0) == 0 && st.st_uid == 0);
	end_job(&j, "j");
}

static void stamp(void)
{
	struct mscg_cgroup j = job("j");
	char *text = NULL;

	FAILS(mscg_cgroup_stamp_get(&j, &text, &err), -ENODATA, "has no attribute");
	OK(mscg_cgroup_stamp_set(&j, "instance 1", &err));
	OK(mscg_cgroup_stamp_set(&j, "instance 22", &err));
	OK(mscg_cgroup_stamp_get(&j, &text, &err));
	CHECK(streq(text, "instance 22"));
	free(text);
	FAILS(mscg_cgroup_stamp_set(&j, "", &err), -EINVAL, "1 to 255");
	end_job(&j, "j");
}

static void lock(void)
{
	struct mscg_cgroup j = job("j");
	int a, b;

	OK(mscg_cgroup_lock(&j, &a, &err));
	FAILS(mscg_cgroup_lock(&j, &b, &err), -EWOULDBLOCK, "another process holds its lock");
	close(a);
	OK(mscg_cgroup_lock(&j, &b, &err));
	close(b);
	OK(mscg_cgroup_lock(&base, &a, &err)); /* the user's has no cgroup.kill of its own */
	FAILS(mscg_cgroup_lock(&base, &b, &err), -EWOULDBLOCK, "holds");
	close(a);
	/* What anybody can lock, the directory, keeps nobody out of a cgroup of his own. */
	a = openat(j.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(flock(a, LOCK_EX | LOCK_NB) == 0);
	OK(mscg_cgroup_lock(&j, &b, &err));
	close(a);
	close(b);
	end_job(&j, "j");
}

/* ---- the machine ---- */

static void machine(void)
{
	struct mscg_cgroup_host *h;
	struct mscg_cgroup own = MSCG_CGROUP_NONE, j = job("j");
	_cleanup_free_ pid_t *pids = NULL;
	uint32_t features;
	size_t n;
	bool found = false;

	OK(mscg_cgroup_discover(&h, &err));
	CHECK_IS(h->mode, bare() ? MSCG_CGROUP_HYBRID : MSCG_CGROUP_UNIFIED);
	CHECK(h->mount && h->own && !h->readonly && !h->namespaced);
	CHECK(bare() || (h->nsdelegate && (h->top & CONTROLLERS) == CONTROLLERS));
	OK(mscg_cgroup_open_own(h, &own, &err));
	OK(mscg_cgroup_processes(&own, &pids, &n, &err));
	for (size_t i = 0; i < n; i++)
		found |= pids[i] == getpid();
	CHECK(found);
	OK(mscg_cgroup_features(&j, &features, &err));
	for (enum mscg_cgroup_feature f = 0; f < MSCG_CGROUP_FEATURE_COUNT; f++)
		NOTE("%s %s (%s)", features & (1u << f) ? "has" : "lacks", mscg_cgroup_feature_file(f), mscg_cgroup_feature_since(f));
	CHECK(features & MSCG_CGROUP_HAS(KILL) && features & MSCG_CGROUP_HAS(FREEZE));
	CHECK(bare() || features & MSCG_CGROUP_HAS(MEMORY_PEAK));
	mscg_cgroup_close(&own);
	mscg_cgroup_host_free(h);
	end_job(&j, "j");
}

/* The command that is printed does mend it. */
static void mend_from_above(void)
{
	struct mscg_cgroup j = job("j"), a = MSCG_CGROUP_NONE, b = MSCG_CGROUP_NONE;
	struct mscg_cgroup_finding f;
	struct mscg_cgroup_host *h;
	char *command;

	OK(mscg_cgroup_discover(&h, &err));
	h->systemd = false; /* the guest runs none */
	OK(mscg_cgroup_create(&j, "a", &a, &err));
	OK(mscg_cgroup_create(&a, "b", &b, &err));
	OK(mscg_cgroup_explain(h, &b, MSCG_CGROUP_CONTROLLER_CPUSET, &f, &err));
	CHECK_IS(f.lack, MSCG_CGROUP_LACK_ABOVE);
	NOTE("%s; %s", f.text, f.mend);
	command = strchr(f.mend, ':') + 1;
	CHECK(system(command) == 0);
	OK(mscg_cgroup_explain(h, &b, MSCG_CGROUP_CONTROLLER_CPUSET, &f, &err));
	CHECK_IS(f.lack, MSCG_CGROUP_LACK_NONE);
	mscg_cgroup_host_free(h);
	mscg_cgroup_close(&a);
	mscg_cgroup_close(&b);
	end_job(&j, "j");
}

static void not_mine(void)
{
	struct mscg_cgroup root = MSCG_CGROUP_NONE;
	struct mscg_cgroup_finding f;
	struct mscg_cgroup_host *h;

	OK(mscg_cgroup_discover(&h, &err));
	OK(mscg_cgroup_open(&place, "root", &root, &err));
	OK(mscg_cgroup_explain(h, &base, MSCG_CGROUP_CONTROLLER_CPUSET, &f, &err));
	CHECK_IS(f.lack, MSCG_CGROUP_LACK_NONE);
	OK(mscg_cgroup_explain(h, &root, MSCG_CGROUP_CONTROLLER_CPUSET, &f, &err));
	CHECK_IS(f.lack, MSCG_CGROUP_LACK_PERMISSION);
	OK(mscg_cgroup_explain(h, &root, MSCG_CGROUP_CONTROLLER_DMEM, &f, &err));
	CHECK_IS(f.lack, MSCG_CGROUP_LACK_KERNEL);
	mscg_cgroup_close(&root);
	mscg_cgroup_host_free(h);
}

/* As root, but on a host whose controllers sit in v1. */
static void on_hybrid(void)
{
	struct mscg_cgroup_finding f;
	struct mscg_cgroup_host *h;

	if (!bare())
		return;
	OK(mscg_cgroup_discover(&h, &err));
	OK(mscg_cgroup_explain(h, &base, MSCG_CGROUP_CONTROLLER_CPUSET, &f, &err));
	CHECK_IS(f.lack, MSCG_CGROUP_LACK_BOUND_V1);
	mscg_cgroup_host_free(h);
}

int main(void)
{
	static const struct test_case cases[] = {
		{ "handles", handles, AS_BOTH | BARE },
		{ "a removed cgroup is gone for good", removed, AS_BOTH | BARE },
		{ "removal of what is not empty", remove_busy, AS_BOTH | BARE },
		{ "cgroup.max.descendants and depth", room_for_children, AS_BOTH | BARE },
		{ "cgroup.events", events, AS_BOTH | BARE },
		{ "freeze, thaw, kill", freeze_and_kill, AS_BOTH | BARE },
		{ "cgroup.kill on a fork bomb", kill_at_once, AS_BOTH | BARE },
		{ "a fork bomb without cgroup.kill", kill_one_by_one, AS_BOTH | BARE },
		{ "cloning from what was killed", clone_after_kill, AS_BOTH | BARE },
		{ "controllers for children", enable, AS_BOTH },
		{ "a jobs root from above", prepare, AS_BOTH },
		{ "a delegated user's bounds", delegated, AS_USER },
		{ "settling in a delegated cgroup", settle, AS_BOTH },
		{ "handing over to a user", delegate, AS_ROOT | BARE },
		{ "stamp", stamp, AS_BOTH | BARE },
		{ "lock", lock, AS_BOTH | BARE },
		{ "what the machine has", machine, AS_BOTH | BARE },
		{ "the command that mends", mend_from_above, AS_ROOT },
		{ "what is not delegated", not_mine, AS_USER },
		{ "controllers on v1", on_hybrid, AS_ROOT | BARE },
	};

	return run_cases("cgroup", cases, ARRAY_SIZE(cases));
}
