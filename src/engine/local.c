#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <syslog.h>

#include "internal.h"
#include "src/base/fd.h"

#include <fcntl.h>

/* -- tasks -------------------------------------------------------------------------------------------------------- */

static struct task **bucket(struct local *l, struct mscg_id id)
{
	return &l->tasks[(id.job * 2654435761u ^ id.task) % TASK_BUCKETS];
}

void local_drop_stdio(struct local *l, int fd, uint32_t uid)
{
	if (fd >= 0 && l->engine.drop)
		l->engine.drop(l->engine.ctx, steal_fd(&fd), uid);
	cleanup_close(&fd);
}

void task_drop_stdio(struct local *l, struct task *t)
{
	local_drop_stdio(l, steal_fd(&t->stdio_fd), t->uid);
}

struct task *task_new(struct local *l, struct mscg_id id, uint32_t attempt)
{
	struct task *t = xcalloc(1, sizeof *t), **b = bucket(l, id);
	char text[MSCG_ID_TEXT];

	*t = (struct task){ .id = id, .attempt = attempt, .cgroup = MSCG_CGROUP_NONE, .events_fd = -1, .memory_fd = -1, .log_fd = -1, .log_watch_fd = -1,
		            .stdio_fd = -1, .exit_code = -1 };
	mscg_usage_init(&t->usage);
	snprintf(t->name, sizeof t->name, "job_%s", mscg_id_format(id, text));
	t->next = *b;
	t->prev = b;
	if (t->next)
		t->next->prev = &t->next;
	*b = t;
	return t;
}

struct task *task_find(struct local *l, struct mscg_id id)
{
	struct task *t = *bucket(l, id);

	while (t && !mscg_id_equal(t->id, id))
		t = t->next;
	return t;
}

static void set_timer(struct local *l, int64_t boot_usec)
{
	struct itimerspec spec = { .it_value = { boot_usec / USEC_PER_SEC, boot_usec % USEC_PER_SEC * 1000 } };

	timerfd_settime(l->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
	l->timer_usec = boot_usec;
}

void task_set_deadline(struct local *l, struct task *t, int64_t boot_usec)
{
	if (!t->deadline_usec && boot_usec) {
		t->timed_next = l->timed;
		t->timed_prev = &l->timed;
		if (t->timed_next)
			t->timed_next->timed_prev = &t->timed_next;
		l->timed = t;
	} else if (t->deadline_usec && !boot_usec) {
		*t->timed_prev = t->timed_next;
		if (t->timed_next)
			t->timed_next->timed_prev = t->timed_prev;
	}
	t->deadline_usec = boot_usec;
	/* One that comes too early is a look. To put it off for each task that is no longer timed costs a call for each. */
	if (boot_usec && (!l->timer_usec || boot_usec < l->timer_usec))
		set_timer(l, boot_usec);
}

void task_forget_paths(struct task *t)
{
	for (int i = 0; i < RUNNER_STAGE_COUNT; i++) {
		free(t->path[i]);
		t->path[i] = NULL;
	}
}

void task_take_spec(const struct local *l, struct task *t, const struct mscg_spec *spec)
{
	t->max_mem     = spec->max_mem_bytes ? spec->max_mem_bytes : !spec->min_mem_bytes ? 0 :
	                 t->grant ? t->grant->share[0].mem_bytes : spec->mem_bytes;
	t->elastic     = spec->elastic || t->max_mem;
	t->by_pressure = spec->elastic && spec->by_pressure;
	t->delegate    = spec->delegate;
	t->min_milli   = spec->min_cpus_milli;
	t->max_milli   = spec->max_cpus_milli ? spec->max_cpus_milli : l->engine.machine_cpus * 1000;
}

void task_free(struct local *l, struct task *t)
{
	need_forget(l, t);
	memory_forget(l, t);
	task_forget_paths(t);
	task_set_deadline(l, t, 0);
	if (t->events_fd >= 0) {
		epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, t->events_fd, NULL);
		close(t->events_fd);
	}
	*t->prev = t->next;
	if (t->next)
		t->next->prev = t->prev;
	finish_forget_log(l, t);
	last_word_forget(t);
	task_drop_stdio(l, t);
	mscg_cgroup_close(&t->cgroup);
	mscg_grant_free(t->grant);
	mscg_action_clear(&t->action);
	mscg_spec_free(t->spec);
	free(t);
}

struct task *task_of_slot(struct local *l, uint32_t slot)
{
	for (size_t i = 0; i < TASK_BUCKETS; i++)
		for (struct task *t = l->tasks[i]; t; t = t->next)
			if (t->has_slot && t->slot == slot)
				return t;
	return NULL;
}

/* -- reports ------------------------------------------------------------------------------------------------------ */

struct mscg_report task_report(const struct task *t, enum mscg_report_kind kind)
{
	return (struct mscg_report){
		.kind = kind, .id = t->id, .attempt = t->attempt, .time_usec = clock_real_usec(), .exit_code = t->exit_code,
		.exit_signal = t->exit_signal, .reason = t->reason, .cgroup_id = t->cgroup.id, .slot = t->slot, .pid = t->pid,
	};
}

void local_report(struct local *l, struct mscg_report *report)
{
	GROW(l->reports, l->reports_n, l->reports_cap);
	l->reports[l->reports_n++] = *report;
	*report = (struct mscg_report){ 0 };
	if (l->reports_n == 1 && !l->dispatching)
		eventfd_write(l->event_fd, 1);
}

void local_log(struct local *l, int priority, const char *format, ...)
{
	char text[600];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (l->engine.log)
		l->engine.log(l->engine.ctx, priority, text);
}

static void deliver(struct local *l)
{
	while (l->reports_n) {
		struct mscg_report *reports = steal(&l->reports);
		uint32_t n = l->reports_n;

		l->reports_n = l->reports_cap = 0;
		for (uint32_t i = 0; i < n; i++)
			l->engine.report(l->engine.ctx, &reports[i]);
		free(reports);
	}
}

/* -- the loop's side ---------------------------------------------------------------------------------------------- */

static int local_fd(struct engine *e)
{
	return local_of(e)->epoll_fd;
}

static void check_deadlines(struct local *l)
{
	int64_t now = clock_boot_usec(), first = 0;
	uint64_t ticks;

	if (read(l->timer_fd, &ticks, sizeof ticks) < 0)
		return;
	l->timer_usec = 0;
	for (struct task *t = l->timed, *next; t; t = next) {
		next = t->timed_next;
		if (t->deadline_usec <= now)
			finish_late(l, t);
	}
	for (const struct task *t = l->timed; t; t = t->timed_next)
		if (!first || t->deadline_usec < first)
			first = t->deadline_usec;
	if (first)
		set_timer(l, first);
}

static void local_dispatch(struct engine *e)
{
	struct local *l = local_of(e);
	struct epoll_event events[64];
	eventfd_t count;
	int n = epoll_wait(l->epoll_fd, events, ARRAY_SIZE(events), 0);

	l->dispatching = true;
	for (int i = 0; i < n; i++) {
		void *who = events[i].data.ptr;

		if (who == &l->runner)
			runner_dispatch(l->runner, finish_event, l);
		else if (who == &l->timer_fd)
			check_deadlines(l);
		else if (who == &l->need_fd)
			need_dispatch(l);
		else if (who == &l->memory_fd)
			memory_dispatch(l);
		else if (who == &l->event_fd)
			eventfd_read(l->event_fd, &count);
		else
			finish_look(l, who);
	}
	resize_dispatch(l);
	for (uint32_t i = 0; i < l->refused_n; i++) /* each may refuse others */
		launch_resized(l, l->refused[i], false);
	l->refused_n = 0;
	if (l->sweep)
		launch_sweep(l);
	deliver(l);
	if (!l->timed && l->timer_usec) /* who is idle sleeps */
		set_timer(l, 0);
	l->dispatching = false;
}

static int add_to_epoll(struct local *l, int fd, void *who)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = who };

	return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* -- looking ------------------------------------------------------------------------------------------------------ */

static double pressure_of(const struct mscg_cgroup *cgroup, enum mscg_cgroup_resource resource)
{
	struct mscg_cgroup_pressure p;

	return mscg_cgroup_read_pressure(cgroup, resource, &p, NULL) < 0 ? -1 : p.some.avg10;
}

static void format_cut(const struct mscg_cpuset *set, char *text, size_t size)
{
	if (mscg_cpuset_format(set, text, size) >= size)
		memcpy(text + size - 4, "...", 4);
}

/* Processes. The kernel counts the one that it chose twice when memory.oom.group makes the others follow. */
static uint64_t oom_kills(const struct mscg_cgroup_stat *s)
{
	if (s->memory_oom_kills == MSCG_CGROUP_UNKNOWN || s->memory_oom_group_kills == MSCG_CGROUP_UNKNOWN)
		return s->memory_oom_kills;
	return s->memory_oom_kills - MIN_OF(s->memory_oom_group_kills, s->memory_oom_kills);
}

void usage_from_stat(struct mscg_usage *u, const struct mscg_cgroup_stat *s)
{
	*u = (struct mscg_usage){
		.cpu_usec = s->cpu_usage_usec, .cpu_user_usec = s->cpu_user_usec, .cpu_system_usec = s->cpu_system_usec,
		.cpu_held_usec = u->cpu_held_usec, .nr_throttled = s->cpu_nr_throttled, .throttled_usec = s->cpu_throttled_usec,
		.memory_peak_bytes = s->memory_peak, .memory_anon_bytes = s->memory_anon, .memory_file_bytes = s->memory_file,
		.memory_shmem_bytes = s->memory_shmem, .oom_kills = oom_kills(s), .pids_peak = s->pids_peak,
		.io_read_bytes = s->io_read_bytes, .io_write_bytes = s->io_write_bytes,
		.log_cut_bytes = u->log_cut_bytes,
	};
}

static int local_live(struct engine *e, struct mscg_id id, struct engine_live *ret)
{
	struct task *t = task_find(local_of(e), id);
	struct mscg_cgroup_stat stat;
	struct mscg_cpuset effective;

	if (!t || t->cgroup.fd < 0)
		return -ENOENT;
	int r = mscg_cgroup_read_stat(&t->cgroup, MSCG_CGROUP_STAT_ALL, &stat, NULL);
	if (r < 0)
		return r;
	*ret = (struct engine_live){
		.memory_current_bytes = stat.memory_current, .memory_max_bytes = MSCG_UNKNOWN, .pids_current = stat.pids_current,
		.cpu_pressure = pressure_of(&t->cgroup, MSCG_CGROUP_PRESSURE_CPU),
		.memory_pressure = pressure_of(&t->cgroup, MSCG_CGROUP_PRESSURE_MEMORY),
		.io_pressure = pressure_of(&t->cgroup, MSCG_CGROUP_PRESSURE_IO),
	};
	usage_from_stat(&ret->usage, &stat);
	mscg_cgroup_get(&t->cgroup, MSCG_CGROUP_MEMORY_MAX, &ret->memory_max_bytes, NULL);
	if (mscg_cgroup_get_list(&t->cgroup, MSCG_CGROUP_CPUS_EFFECTIVE, &effective, NULL) == 0) {
		format_cut(&effective, ret->cpuset_effective, sizeof ret->cpuset_effective);
		mscg_cgroup_pinned(&t->cgroup, &effective, &ret->pinned_threads, NULL);
	}
	return 0;
}

static int local_paths(struct engine *e, struct mscg_id id, char cgroup[512], char control[512])
{
	struct task *t = task_find(local_of(e), id);

	if (!t || t->cgroup.fd < 0 || t->phase == TASK_WAITING)
		return -ENOENT;
	mscg_cgroup_path(&t->cgroup, cgroup, 512);
	control[0] = 0;
	if (t->elastic) {
		_cleanup_free_ char *path = control_path(local_of(e), id);
		snprintf(control, 512, "%s", path);
	}
	return 0;
}

/* -- life --------------------------------------------------------------------------------------------------------- */

static void local_close(struct engine *e)
{
	struct local *l = local_of(e);

	resizer_close(l);
	free(l->refused);
	isolate_close(l);
	device_filter_close(l);
	free(l->more_devices);
	for (size_t i = 0; i < TASK_BUCKETS; i++)
		while (l->tasks[i])
			task_free(l, l->tasks[i]);
	if (l->runner)
		runner_close(l->runner);
	for (uint32_t i = 0; i < l->reports_n; i++)
		mscg_report_clear(&l->reports[i]);
	free(l->reports);
	free(l->slots);
	mscg_cgroup_close(&l->supervisors);
	mscg_cgroup_close(&l->root);
	mscg_cgroup_host_free(l->host);
	cleanup_close(&l->lock_fd);
	cleanup_close(&l->jobs_dir_fd);
	cleanup_close(&l->epoll_fd);
	cleanup_close(&l->timer_fd);
	cleanup_close(&l->event_fd);
	cleanup_close(&l->need_fd);
	cleanup_close(&l->memory_fd);
	free(l->engine.not_enforced);
	free(l->runtime_dir);
	free(l->jobs_dir);
	free(l);
}

static const struct engine_ops local_ops = {
	.name = "local", .start = launch_start, .attach = launch_attach, .prepare = launch_prepare, .let_go = launch_let_go,
	.withdraw = launch_withdraw, .resize = resize_start, .signal = finish_signal, .kill = finish_kill,
	.remove = finish_remove, .adopt = adopt_job, .adopt_done = adopt_done, .live = local_live, .paths = local_paths,
	.exec = exec_in, .each_stuck = finish_each_stuck, .check = check_all,
	.fd = local_fd, .dispatch = local_dispatch, .close = local_close,
};

static int make_directories(struct local *l, struct mscg_error *error)
{
	l->jobs_dir = xasprintf("%s/jobs", l->runtime_dir);
	int r = fd_make_dirs(l->jobs_dir, 0755);
	if (r >= 0)
		r = l->jobs_dir_fd = open(l->jobs_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (r < 0)
		return mscg_error_set(error, r < -1 ? r : -errno, "cannot make the runtime directory %s: %s", l->jobs_dir,
		                      strerror(r < -1 ? -r : errno));
	return 0;
}

static int open_runner(struct local *l, const struct local_config *config, struct mscg_error *error)
{
	_cleanup_free_ char *dir = xasprintf("%s/runner", l->runtime_dir);
	struct runner_config rc = {
		.runtime_dir = dir, .supervisor_fd = config->supervisor_fd, .supervisors_cgroup_fd = l->supervisors.fd, .slots = config->slots, .spare = config->spare,
	};
	int r = fd_make_dirs(dir, 0700);

	if (r < 0)
		return mscg_error_set(error, r, "cannot make %s: %s", dir, strerror(-r));
	if ((r = runner_open(&l->runner, &rc, error)) < 0)
		return r;
	return runner_adopt(l->runner, adopt_slot, l);
}

int local_open(struct engine **ret, const struct local_config *config, struct mscg_cpuset *ret_allowed, char ***ret_warnings,
               struct mscg_error *error)
{
	struct local *l = xcalloc(1, sizeof *l);
	int r;

	*l = (struct local){ .engine = { .ops = &local_ops }, .jobs_dir_fd = -1, .lock_fd = -1, .mounts_fd = -1, .epoll_fd = -1, .timer_fd = -1,
		             .event_fd = -1, .need_fd = -1, .memory_fd = -1, .root = MSCG_CGROUP_NONE, .supervisors = MSCG_CGROUP_NONE };
	l->runtime_dir = xstrdup(config->runtime_dir);
	l->socket = config->socket ? xstrdup(config->socket) : NULL;
	l->log_max = config->log_max;
	l->images  = config->images;
	l->unkillable_usec = config->unkillable_timeout_s * USEC_PER_SEC;
	memset(l->filters, 0xff, sizeof l->filters);
	l->epoll_fd    = epoll_create1(EPOLL_CLOEXEC);
	l->timer_fd    = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	l->event_fd    = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	l->need_fd     = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	l->memory_fd   = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0 || l->timer_fd < 0 || l->event_fd < 0 || l->need_fd < 0 || l->memory_fd < 0)
		r = mscg_error_set(error, -errno, "cannot make descriptors: %s", strerror(errno));
	else
		r = isolate_open(l, config->isolate, error);
	if (r >= 0)
		r = make_directories(l, error);
	if (r >= 0)
		r = root_open(l, config, ret_allowed, ret_warnings, error);
	if (r >= 0)
		r = device_filter_open(l, config->devices, ret_warnings, error);
	if (r >= 0)
		r = open_runner(l, config, error);
	if (r >= 0 && ((r = add_to_epoll(l, runner_fd(l->runner), &l->runner)) < 0 ||
	               (r = add_to_epoll(l, l->timer_fd, &l->timer_fd)) < 0 || (r = add_to_epoll(l, l->event_fd, &l->event_fd)) < 0 ||
	               (r = add_to_epoll(l, l->need_fd, &l->need_fd)) < 0 ||
	               (r = add_to_epoll(l, l->memory_fd, &l->memory_fd)) < 0))
		mscg_error_set(error, r, "cannot watch descriptors: %s", strerror(-r));
	if (r < 0) {
		local_close(&l->engine);
		return r;
	}
	*ret = &l->engine;
	return 0;
}
