/* From the end of the main process to the removed cgroup. What the job left behind is killed, the kernel's counters are
 * read while the cgroup is there, and it is removed only when the end is committed. */
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/pidfd.h>
#include <syslog.h>
#include <sys/wait.h>

#include "internal.h"
#include "src/base/utf8.h"

/* One cgroup.kill is not always enough: the child of a process that was just forking when it was killed can escape it
 * (seen on Linux 6.18, in 2 of 20000 cgroups full of such). What is left is killed again at growing intervals. */
static const int64_t kill_pause_first_usec = 20 * USEC_PER_MSEC, kill_pause_last_usec = 10 * USEC_PER_SEC;

static void account(const struct local *l, struct task *t)
{
	struct mscg_cgroup_stat stat;

	if (t->cgroup.fd >= 0 && mscg_cgroup_read_stat(&t->cgroup, l->counters, &stat, NULL) == 0)
		usage_from_stat(&t->usage, &stat);
}

/* -- its output --------------------------------------------------------------------------------------------------- */

/* What hangs in the writer of its output (a disk, a file server) does not hold up its end for longer. */
static const int64_t log_wait_usec = 5 * USEC_PER_SEC;

void finish_forget_log(struct local *l, struct task *t)
{
	if (t->log_watch_fd >= 0)
		epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, t->log_watch_fd, NULL);
	cleanup_close(&t->log_watch_fd);
	cleanup_close(&t->log_fd);
	t->log_watch_fd = t->log_fd = -1;
}

static void watch_log(struct local *l, struct task *t)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = t };
	char path[32];

	t->log_fd = t->has_slot ? runner_log_open(l->runner, t->slot) : -1;
	if (t->log_fd < 0)
		return;
	snprintf(path, sizeof path, "/proc/self/fd/%d", t->log_fd);
	t->log_watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (t->log_watch_fd < 0 || inotify_add_watch(t->log_watch_fd, path, IN_MODIFY | IN_CLOSE_WRITE) < 0 ||
	    epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, t->log_watch_fd, &event) < 0)
		local_log(l, LOG_ERR, "job=%s cannot watch its log writer: %s", t->name + 4, strerror(errno));
	task_set_deadline(l, t, clock_boot_usec() + log_wait_usec);
}

/* Its writer has gone without a word. */
static bool is_closed(const struct task *t)
{
	_Alignas(struct inotify_event) char room[4096];
	bool closed = false;
	ssize_t n = t->log_watch_fd >= 0 ? read(t->log_watch_fd, room, sizeof room) : 0;

	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *e = (const struct inotify_event *)(const void *)(room + at);

		closed |= (e->mask & IN_CLOSE_WRITE) != 0;
		at += (ssize_t)(sizeof *e + e->len);
	}
	return closed;
}

/* Whoever sees the end sees all of the output, and what was cut of it. False: looked at again when something changes. */
static bool log_is_whole(struct local *l, struct task *t)
{
	struct runner_log log = { 0 };

	if (t->log_fd < 0)
		watch_log(l, t);
	if (t->log_fd < 0)
		return true;
	bool closed = is_closed(t);
	int r = runner_log_read(t->log_fd, &log);
	if (r == 0 && !log.done && !closed && !t->log_late)
		return false;
	if (r == 0)
		t->usage.log_cut_bytes = log.cut;
	t->log_lost  = log.lost;
	t->log_error = (int)log.errno_value;
	if (!log.done)
		local_log(l, LOG_WARNING, "job=%s the writer of its output %s", t->name + 4, closed ? "was killed" : "is not done: not waited for");
	finish_forget_log(l, t);
	return true;
}

void finish_say_end(const struct task *t, struct mscg_report *report)
{
	if (report->kind == MSCG_REPORT_LOST)
		snprintf(report->text, sizeof report->text, "%s", OUTCOME_UNKNOWN_TEXT);
	else if (report->kind == MSCG_REPORT_ENDED && t->log_lost)
		snprintf(report->text, sizeof report->text, "%llu bytes of its output could not be written: %s", (unsigned long long)t->log_lost,
		         strerror(t->log_error));
}

static void ended(struct local *l, struct task *t)
{
	if (!log_is_whole(l, t))
		return;
	task_set_deadline(l, t, 0);
	if (t->events_fd >= 0) {
		epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, t->events_fd, NULL);
		close(steal_fd(&t->events_fd));
	}
	account(l, t);
	if (t->stuck)
		local_log(l, LOG_NOTICE, "job=%s is gone at last", t->name + 4);
	t->phase = TASK_ENDED;
	if (t->withdrawn) { /* nobody asks for it to be removed */
		l->sweep = true;
		return;
	}
	struct mscg_report report = task_report(t, task_end_kind(t));
	report.time_usec          = t->end_usec;
	report.usage              = t->usage;
	finish_say_end(t, &report);
	local_report(l, &report);
}

static bool is_empty(const struct task *t)
{
	struct mscg_cgroup_events events;

	return t->cgroup.fd < 0 || mscg_cgroup_events_get(&t->cgroup, &events, NULL) < 0 || !events.populated;
}

void finish_rest(struct local *l, struct task *t)
{
	struct mscg_error error;

	t->killed          = true;
	t->killed_usec     = clock_boot_usec();
	t->kill_pause_usec = kill_pause_first_usec;
	/* Dying takes CPU time too. */
	if (l->controllers & MSCG_CGROUP_BIT(CPU))
		mscg_cgroup_set_cpu_milli(&t->cgroup, UINT32_MAX, NULL);
	if (mscg_cgroup_kill(&t->cgroup, &error) < 0)
		local_log(l, LOG_ERR, "job=%s %s", t->name + 4, error.text);
	task_set_deadline(l, t, t->killed_usec + t->kill_pause_usec);
}

static void kill_again(struct local *l, struct task *t)
{
	mscg_cgroup_kill(&t->cgroup, NULL);
	t->kill_pause_usec = MIN_OF(t->kill_pause_usec * 2, kill_pause_last_usec);
	task_set_deadline(l, t, clock_boot_usec() + t->kill_pause_usec);
}

/* Its end is not to be told yet: that its main process has ended is, as no time limit is for what is left. */
static void say_exited(struct local *l, const struct task *t)
{
	struct mscg_report report = task_report(t, MSCG_REPORT_EXITED);

	report.time_usec = t->end_usec;
	if (!t->withdrawn)
		local_report(l, &report);
}

void finish_emptying(struct local *l, struct task *t)
{
	struct epoll_event event = { .events = EPOLLPRI, .data.ptr = t };
	struct mscg_error error;

	if (!t->end_usec)
		t->end_usec = clock_real_usec();
	task_set_deadline(l, t, 0);
	t->phase = TASK_EMPTYING;
	if (is_empty(t)) {
		ended(l, t);
		if (t->phase == TASK_EMPTYING)
			say_exited(l, t);
		return;
	}
	/* Asked to end, the rest has as long as the whole. */
	if (!t->has_grace || t->killed)
		finish_rest(l, t);
	if (mscg_cgroup_events_open(&t->cgroup, &t->events_fd, &error) < 0 ||
	    epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, t->events_fd, &event) < 0)
		local_log(l, LOG_ERR, "job=%s cannot watch its cgroup: %s", t->name + 4, t->events_fd < 0 ? error.text : strerror(errno));
	say_exited(l, t);
	finish_look(l, t);
}

void finish_look(struct local *l, struct task *t)
{
	struct mscg_cgroup_events events = { .populated = false };

	if (t->phase == TASK_EMPTYING && t->log_fd >= 0)
		ended(l, t);
	if (t->phase != TASK_EMPTYING || t->events_fd < 0)
		return;
	if (mscg_cgroup_events_read(t->events_fd, &events) < 0 || !events.populated)
		ended(l, t);
}

/* "pid 812 (dd, state D)": state and name as /proc/PID/stat has them, of the first few. */
static void say_processes(const struct task *t, char *text, size_t size)
{
	_cleanup_free_ pid_t *pids = NULL;
	size_t n = 0, at = 0, shown = 0;

	snprintf(text, size, "its processes are not to be seen");
	if (mscg_cgroup_processes(&t->cgroup, &pids, &n, NULL) < 0)
		return;
	for (; shown < n && at + 48 < size; shown++) {
		char path[32], stat[256] = "", name[32] = "?", state = '?';
		snprintf(path, sizeof path, "/proc/%d/stat", (int)pids[shown]);
		_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
		const char *end = fd >= 0 && read(fd, stat, sizeof stat - 1) > 0 ? strrchr(stat, ')') : NULL;

		if (end && end[1]) {
			const char *begin = strchr(stat, '(') + 1;
			snprintf(name, sizeof name, "%.*s", (int)(end - begin), begin);
			state = end[2];
		}
		at += (size_t)snprintf(text + at, size - at, "%spid %d (%s, state %c)", shown ? ", " : "", (int)pids[shown], name, state);
	}
	if (shown < n)
		snprintf(text + at, size - at, " and %zu more", n - shown);
}

void finish_each_stuck(struct engine *e, void (*each)(struct mscg_id id, const char *processes, void *ctx), void *ctx)
{
	struct local *l = local_of(e);
	char processes[512];

	for (size_t i = 0; i < TASK_BUCKETS; i++)
		for (const struct task *t = l->tasks[i]; t; t = t->next) {
			if (!t->stuck || t->phase == TASK_ENDED)
				continue;
			say_processes(t, processes, sizeof processes);
			each(t->id, processes, ctx);
		}
}

static void say_stuck(struct local *l, struct task *t)
{
	char processes[128];
	struct mscg_report report = task_report(t, MSCG_REPORT_STUCK);

	say_processes(t, processes, sizeof processes);
	t->stuck = true;
	local_log(l, LOG_ERR, "job=%s cannot be killed (%s): its CPUs and memory stay taken until it is gone", t->name + 4, processes);
	snprintf(report.text, sizeof report.text, "cannot be killed: %s", processes);
	if (!t->withdrawn)
		local_report(l, &report);
}

void finish_late(struct local *l, struct task *t)
{
	task_set_deadline(l, t, 0);
	if (t->log_fd >= 0) {
		t->log_late = true;
		ended(l, t);
		return;
	}
	if (t->phase == TASK_WAITING) {
		launch_late(l, t);
		return;
	}
	if (t->phase == TASK_LAUNCHED && !t->killed) {
		local_log(l, LOG_ERR, "job=%s was not started within its deadline: killed", t->name + 4);
		t->reason = MSCG_REASON_LAUNCH_FAILED;
		finish_rest(l, t);
		return;
	}
	if (!t->killed)
		return;
	bool empty = is_empty(t);
	if (empty && t->phase == TASK_EMPTYING) {
		ended(l, t);
		return;
	}
	/* Empty before that: its supervisor may yet put a process there. */
	if (!empty && !t->stuck && l->unkillable_usec && clock_boot_usec() >= t->killed_usec + l->unkillable_usec)
		say_stuck(l, t);
	kill_again(l, t);
}

/* -- what supervisors say ----------------------------------------------------------------------------------------- */

static void started(struct local *l, struct task *t, const struct runner_slot_info *info)
{
	if (t->phase != TASK_LAUNCHED)
		return;
	if (t->killed)
		finish_rest(l, t); /* nothing was there yet */
	else
		task_set_deadline(l, t, 0);
	t->phase      = TASK_RUNNING;
	task_forget_paths(t);
	t->pid        = info->pid;
	t->has_init   = info->init;
	t->start_usec = info->start_usec;
	t->start_boot_usec = info->start_boot_usec;
	need_watch(l, t);
	memory_watch(l, t);
	struct mscg_report report = task_report(t, MSCG_REPORT_STARTED);
	report.time_usec          = info->start_usec;
	report.boot_usec          = info->start_boot_usec;
	local_report(l, &report);
}

static void exited(struct local *l, struct task *t, const struct runner_slot_info *info)
{
	if (t->phase == TASK_EMPTYING || t->phase == TASK_ENDED)
		return;
	started(l, t, info); /* both may come at once */
	need_forget(l, t);
	memory_forget(l, t);
	t->end_usec    = info->end_usec;
	t->exit_code   = info->wait_code == CLD_EXITED ? info->wait_status : 0;
	t->exit_signal = info->wait_code == CLD_EXITED ? 0 : info->wait_status;
	finish_emptying(l, t);
}

static bool may_come_right(int error)
{
	return error == EAGAIN || error == ENOMEM || error == ENOSPC || error == EMFILE || error == ENFILE || error == EINTR;
}

/* Of what struct runner_launch has as `cover` or `services`, number `i`; its length. */
static size_t pick_place(const char **places, int i)
{
	const char *end;

	while (i-- > 0 && (end = strstr(*places, "//")))
		*places = end + 1;
	end = strstr(*places, "//");
	return end ? (size_t)(end - *places) : strlen(*places);
}

/* "cannot start: standard output '/x/y': Permission denied"; of a long path its beginning, in whole characters. */
void finish_say_failed(const struct task *t, const struct runner_slot_info *info, char *text, size_t size)
{
	static const bool of_several[RUNNER_STAGE_COUNT] = {
		[RUNNER_STAGE_COVER] = true, [RUNNER_STAGE_SERVICES] = true, [RUNNER_STAGE_BIND] = true, [RUNNER_STAGE_BIND_TARGET] = true,
		[RUNNER_STAGE_ROOT_PLACE] = true,
	};
	const char *why = info->errno_value ? strerror(info->errno_value) : "killed before exec";
	const char *path = info->stage < RUNNER_STAGE_COUNT ? t->path[info->stage] : NULL;
	size_t n = 0, length = path ? strlen(path) : 0;

	if (path && of_several[info->stage]) /* its exit status says which */
		length = pick_place(&path, info->wait_status);

	for (size_t c; n < length && n < 80 && (c = utf8_char(path + n, length - n)) > 0;)
		n += c;
	snprintf(text, size, "cannot start: %s%s%.*s%s%s: %s", runner_stage_text(info->stage), n ? " '" : "", (int)n, n ? path : "",
	         n < length ? "..." : "", n ? "'" : "", why);
}

/* Died before exec: nothing of the user's ran. */
static void failed(struct local *l, struct task *t, const struct runner_slot_info *info)
{
	char text[160];

	if (t->phase != TASK_LAUNCHED)
		return;
	finish_say_failed(t, info, text, sizeof text);
	if (t->withdrawn || may_come_right(info->errno_value)) {
		launch_give_up(l, t, info->errno_value, text);
		return;
	}
	task_set_deadline(l, t, 0);
	t->phase     = TASK_ENDED;
	t->exit_code = (info->stage == RUNNER_STAGE_EXEC || info->stage == RUNNER_STAGE_INTERPRETER) && info->errno_value == ENOENT ? 127 : 126;
	t->reason    = MSCG_REASON_LAUNCH_FAILED;
	account(l, t);
	struct mscg_report report = task_report(t, MSCG_REPORT_START_FAILED);
	report.errno_value        = info->errno_value;
	report.usage              = t->usage;
	snprintf(report.text, sizeof report.text, "%s", text);
	local_report(l, &report);
}

void finish_orphan(struct local *l, struct task *t)
{
	if (t->phase == TASK_EMPTYING || t->phase == TASK_ENDED)
		return;
	if (!t->withdrawn)
		local_log(l, LOG_ERR, "job=%s its supervisor died: the job is ended", t->name + 4);
	t->reason      = MSCG_REASON_SUPERVISOR_DIED;
	t->exit_code   = -1;
	t->exit_signal = 0;
	t->killed      = true;
	finish_emptying(l, t);
}

void finish_event(const struct runner_slot_info *info, void *ctx)
{
	struct local *l = ctx;
	struct task *t = task_find(l, info->id);

	if (!t || t->attempt != info->attempt || !t->has_slot || t->slot != info->slot)
		return;
	switch (info->state) {
	case RUNNER_EXITED: exited(l, t, info); break;
	case RUNNER_FAILED: failed(l, t, info); break;
	case RUNNER_RUNNING:
		if (info->supervised)
			started(l, t, info);
		else
			finish_orphan(l, t);
		break;
	case RUNNER_ARMED:
	case RUNNER_CLONING:
	case RUNNER_FREE:
	case RUNNER_REVOKED:
	case RUNNER_DAMAGED:
		if (!info->supervised)
			finish_orphan(l, t);
		break;
	}
}

int task_remove_cgroup(struct local *l, struct task *t, struct mscg_error *error)
{
	if (t->delegate)
		delegate_end(&t->cgroup);
	mscg_cgroup_close(&t->cgroup);
	int r = mscg_cgroup_remove(&l->root, t->name, error);
	return r == -EBUSY ? mscg_cgroup_remove_tree(&l->root, t->name, error) : r;
}

/* -- orders ------------------------------------------------------------------------------------------------------- */

void finish_kill(struct engine *e, const struct mscg_action *a)
{
	struct local *l = local_of(e);
	struct task *t = task_find(l, a->id);

	if (!t || t->attempt != a->attempt || t->phase == TASK_ENDED)
		return;
	if (t->phase == TASK_WAITING) { /* nothing of it is there yet */
		launch_give_up(l, t, ECANCELED, "cancelled before it was started");
		return;
	}
	if (t->log_fd < 0) /* else nothing but its log writer is left */
		finish_rest(l, t);
}

/* To every process of the job, as a terminal would: a shell that dies alone takes its children's grace with it. Each is
 * held by a pidfd before it is looked at again, so that no stranger is hit. */
void finish_signal_all(struct local *l, struct task *t, int sig)
{
	_cleanup_free_ pid_t *pids = NULL, *again = NULL;
	size_t n = 0, m = 0;
	struct mscg_error error;

	if (mscg_cgroup_processes(&t->cgroup, &pids, &n, &error) < 0) {
		local_log(l, LOG_WARNING, "job=%s cannot signal: %s", t->name + 4, error.text);
		return;
	}
	_cleanup_free_ int *fds = xreallocarray(NULL, n + 1, sizeof *fds);
	for (size_t i = 0; i < n; i++) /* the init would pass on what its main process is sent anyway */
		fds[i] = t->has_init && pids[i] == t->pid ? -1 : pidfd_open(pids[i], 0);
	if (mscg_cgroup_processes(&t->cgroup, &again, &m, NULL) == 0)
		for (size_t i = 0; i < n; i++)
			for (size_t k = 0; k < m; k++)
				if (fds[i] >= 0 && pids[i] == again[k]) {
					pidfd_send_signal(fds[i], sig, NULL, 0);
					break;
				}
	for (size_t i = 0; i < n; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

void finish_signal(struct engine *e, const struct mscg_action *a)
{
	static const uint64_t to_all = 1u << SIGTERM | 1u << SIGINT | 1u << SIGHUP | 1u << SIGQUIT | 1u << SIGCONT | 1u << SIGTSTP |
	                               1u << SIGSTOP | 1u << SIGKILL;
	struct local *l = local_of(e);
	struct task *t = task_find(l, a->id);

	if (!t || t->attempt != a->attempt || (t->phase != TASK_RUNNING && t->phase != TASK_EMPTYING))
		return;
	t->has_grace |= a->grace;
	if (a->warn)
		resize_warn(l, t, a->signal);
	else if (!a->main_only && a->signal < 64 && to_all & UINT64_C(1) << a->signal)
		finish_signal_all(l, t, a->signal);
	else if (t->has_slot)
		runner_signal(l->runner, t->slot, a->signal);
}

void finish_remove(struct engine *e, const struct mscg_action *a)
{
	struct local *l = local_of(e);
	struct task *t = task_find(l, a->id);
	struct mscg_error error;

	if (!t || t->attempt != a->attempt || t->held) /* meant for one of the same number before it */
		return;
	if (t->phase != TASK_ENDED) {
		/* Stale: the core knows it as over. */
		local_log(l, LOG_WARNING, "job=%s is still there and known as ended: killed", t->name + 4);
		finish_rest(l, t);
		return;
	}
	if (t->elastic && t->grant)
		control_write(l, t, mscg_state_name((enum mscg_state)a->state));
	last_word(l, t, (enum mscg_state)a->state);
	if (t->cgroup.fd >= 0) {
		int r = task_remove_cgroup(l, t, &error);
		if (r < 0 && r != -ENOENT)
			local_log(l, LOG_ERR, "job=%s its cgroup stays: %s", t->name + 4, error.text);
	}
	if (t->has_slot)
		runner_free_slot(l->runner, t->slot);
	task_free(l, t);
}
