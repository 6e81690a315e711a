/* From a grant to a running process: cgroup, limits, control file, supervisor. */
#include <grp.h>
#include <syslog.h>
#include <sys/stat.h>

#include "internal.h"
#include "src/base/jobfile.h"

static const int64_t launch_deadline_usec = 60 * USEC_PER_SEC;
static const int64_t groups_usec          = 60 * USEC_PER_SEC;

void launch_set_deadline(struct local *l, struct task *t)
{
	task_set_deadline(l, t, clock_boot_usec() + launch_deadline_usec);
}

/* Nothing of it is there any more, nor what was made for it. */
static void put_away(struct local *l, struct task *t)
{
	struct mscg_error why;
	int r = t->cgroup.fd >= 0 ? task_remove_cgroup(l, t, &why) : 0;

	if (r < 0 && r != -ENOENT)
		local_log(l, LOG_ERR, "job=%s its cgroup stays: %s", t->name + 4, why.text);
	if (t->has_slot)
		runner_free_slot(l->runner, t->slot);
	if (t->elastic)
		control_remove(l, t);
	task_free(l, t);
}

void launch_give_up(struct local *l, struct task *t, int error, const char *text)
{
	struct mscg_report report = task_report(t, MSCG_REPORT_START_DEFERRED);
	bool told = !t->withdrawn;

	report.errno_value = error;
	snprintf(report.text, sizeof report.text, "%s", text);
	put_away(l, t);
	if (told)
		local_report(l, &report);
}

/* What will never come right: the job fails. Its end is committed before the cgroup goes, as with any other end. */
static void fail_for_good(struct local *l, struct task *t, const char *text)
{
	struct mscg_report report;

	t->phase     = TASK_ENDED;
	if (t->withdrawn)
		return;
	t->exit_code = 126;
	t->reason    = MSCG_REASON_LAUNCH_FAILED;
	report       = task_report(t, MSCG_REPORT_START_FAILED);
	snprintf(report.text, sizeof report.text, "%.*s", (int)sizeof report.text - 1, text);
	local_report(l, &report);
}

/* Groups of the user, from the account database. Kept for the last user and a short while: bursts are of one. */
uint32_t launch_groups(const struct mscg_spec *spec, const uint32_t **ret)
{
	static gid_t groups[1024];
	static int n;
	static uint32_t uid = UINT32_MAX;
	static int64_t read_usec;
	int64_t now = clock_boot_usec();

	if (uid != spec->uid || now - read_usec > groups_usec) {
		n = ARRAY_SIZE(groups);
		if (!spec->user || getgrouplist(spec->user, spec->gid, groups, &n) < 0) {
			groups[0] = spec->gid;
			n         = 1;
		}
		uid       = spec->uid;
		read_usec = now;
	}
	*ret = groups;
	return (uint32_t)n;
}

/* Should it fail, it can be said with what. */
static void note_paths(struct task *t, const struct runner_launch *launch)
{
	const char *const path[RUNNER_STAGE_COUNT] = {
		[RUNNER_STAGE_WORKDIR] = launch->workdir, [RUNNER_STAGE_STDIN] = launch->stdin_path, [RUNNER_STAGE_STDOUT] = launch->stdout_path,
		[RUNNER_STAGE_STDERR] = launch->stderr_path, [RUNNER_STAGE_EXEC] = launch->exec_path,
		[RUNNER_STAGE_COVER] = launch->cover, [RUNNER_STAGE_SERVICES] = launch->services,
		[RUNNER_STAGE_BIND] = launch->binds, [RUNNER_STAGE_BIND_TARGET] = launch->binds,
		[RUNNER_STAGE_ROOT] = launch->root_path, [RUNNER_STAGE_IMAGE] = launch->root_path, [RUNNER_STAGE_ROOT_PLACE] = RUNNER_ROOT_PLACES,
	};

	for (int i = 0; i < RUNNER_STAGE_COUNT; i++)
		t->path[i] = path[i] ? xstrdup(path[i]) : NULL;
	t->path[RUNNER_STAGE_INTERPRETER] = launch->script && strncmp(launch->script, "#!", 2) == 0
	                                            ? xstrndup(launch->script, strcspn(launch->script, "\n")) : xstrdup(launch->exec_path);
}

/* The smaller of what the job and the machine allow; 0: no limit. */
static uint64_t log_max(const struct local *l, const struct mscg_spec *spec)
{
	if (spec->attached)
		return 0;
	return spec->log_max && l->log_max ? MIN_OF(spec->log_max, l->log_max) : MAX_OF(spec->log_max, l->log_max);
}

static int hand_over(struct local *l, struct task *t, const struct mscg_spec *spec, struct mscg_error *error)
{
	const char *node = t->grant->share[0].node;
	_cleanup_strv_ char **words = line_words(spec, t->id.task);
	char **argv = words ? words : spec->argv;
	char *shell[] = { (char *)"/bin/sh", (char *)"-c", argv[0], NULL };
	_cleanup_(environment_free) struct environment env;
	_cleanup_free_ char *in = jobfile_input(spec, t->id, node);
	_cleanup_free_ char *out = jobfile_output(spec, t->id, node, 1);
	_cleanup_free_ char *err = jobfile_output(spec, t->id, node, 2);
	_cleanup_free_ char *dir = jobfile_log_dir(spec);
	_cleanup_free_ char *link = t->elastic ? jobfile_control_link(spec, t->id) : NULL;
	_cleanup_free_ char *control = t->elastic ? control_path(l, t->id) : NULL;
	struct runner_launch launch = {
		.id = t->id, .attempt = t->attempt, .cgroup_fd = t->cgroup.fd, .cgroup_id = t->cgroup.id,
		.exec_path = spec->shell ? "/bin/sh" : argv[0],
		.argv = spec->shell && !spec->script ? shell : argv,
		.workdir = spec->workdir ? spec->workdir : spec->home,
		.stdin_path = in, .stdout_path = out, .stderr_path = err,
		.make_dir = spec->attached && !link ? NULL : dir, .link_optional = true, .link_path = link, .link_target = control,
		.seccomp_fd = -1, .log_max = log_max(l, spec), .script = spec->script, .stdio_fd = t->stdio_fd,
		.append = spec->append || (t->restarts && !spec->truncate), .pty = spec->pty, .uid = spec->uid, .gid = spec->gid, .drop = geteuid() == 0,
		.umask_ = spec->umask, .deadline_usec = t->deadline_usec, .held = t->held,
	};
	struct mscg_cgroup own = MSCG_CGROUP_NONE;
	job_environ(l, t, spec, &env);
	launch.env     = env.list;
	launch.ngroups = launch_groups(spec, &launch.groups);
	int r = isolate_launch(l, t, spec, &launch, error);
	note_paths(t, &launch);
	if (r >= 0 && t->delegate && (r = delegate_open(&t->cgroup, &own, error)) >= 0)
		launch.cgroup_fd = own.fd;
	if (r >= 0)
		r = runner_launch(l->runner, &launch, &t->slot, error);
	mscg_cgroup_close(&own);
	task_drop_stdio(l, t);
	t->has_slot = r >= 0;
	if (r >= 0)
		last_word_keep(t, spec, steal(&err));
	return r;
}

/* All that can be done before its CPUs are its own. False: the task is gone, or has failed. */
static bool prepare(struct local *l, struct task *t, const struct mscg_spec *spec)
{
	struct mscg_error error = { .text = "" };
	int r = mscg_cgroup_create(&l->root, t->name, &t->cgroup, &error);

	if (r == -EEXIST) {
		/* Never taken over and never cleared away: somebody's processes may be in it. */
		local_log(l, LOG_ERR, "job=%s there is a cgroup %s already that is not of this job", t->name + 4, t->name);
		fail_for_good(l, t, "a cgroup of its name exists already and is not its own");
		return false;
	}
	if (r >= 0)
		r = limits_rest(l->controllers, &t->cgroup, t->grant, t->max_mem, &error);
	if (r >= 0 && t->delegate)
		r = delegate_make(&t->cgroup, spec->uid, &error);
	if (r >= 0 && t->elastic && (r = control_write(l, t, "RUNNING")) < 0)
		mscg_error_set(&error, r, "cannot write the control file: %s", strerror(-r));
	if (r < 0)
		launch_give_up(l, t, -r, error.text);
	return r >= 0;
}

static void launch(struct local *l, struct task *t, const struct mscg_spec *spec)
{
	struct mscg_error error = { .text = "" };
	int r = limits_cpus(l->controllers, &t->cgroup, t->grant, NULL, &error);

	if (r >= 0) {
		launch_set_deadline(l, t);
		r = hand_over(l, t, spec, &error);
		if (r == -EINVAL) { /* and always will be */
			task_set_deadline(l, t, 0);
			fail_for_good(l, t, error.text);
			return;
		}
	}
	if (r < 0)
		launch_give_up(l, t, -r, error.text);
	else
		t->phase = TASK_LAUNCHED;
}

static void begin(struct local *l, const struct mscg_action *a, const struct mscg_spec *spec, int stdio_fd, bool held)
{
	struct task *t = task_new(l, a->id, a->attempt);

	t->held      = t->withdrawn = held;
	t->restarts  = a->restarts;
	t->time_limit_s = a->time_limit_s;
	t->grant     = mscg_grant_copy(a->grant);
	task_take_spec(l, t, spec);
	t->stdio_fd  = stdio_fd;
	t->uid       = spec->uid;
	t->phase = TASK_WAITING;
	t->wants_stdio = spec->attached && stdio_fd < 0;
	if (!prepare(l, t, spec))
		return;
	if (!a->after_n && !t->wants_stdio) {
		launch(l, t, spec);
		return;
	}
	if (t->wants_stdio)
		task_set_deadline(l, t, clock_boot_usec() + ENGINE_ATTACH_USEC);
	t->spec           = mscg_spec_copy(spec);
	t->action         = (struct mscg_action){ .kind = MSCG_ACTION_START, .after_n = a->after_n };
	t->action.after   = xreallocarray(NULL, a->after_n, sizeof *a->after);
	if (a->after_n)
		memcpy(t->action.after, a->after, a->after_n * sizeof *a->after);
}

/* What was waiting, if nothing is left that it waits for. */
static void go_on(struct local *l, struct task *t)
{
	if (t->action.after_n || t->wants_stdio)
		return;
	struct mscg_spec *spec = steal(&t->spec);

	launch(l, t, spec);
	mscg_spec_free(spec);
}

bool launch_attach(struct engine *e, struct mscg_id id, int stdio_fd)
{
	struct local *l = local_of(e);
	struct task *t = task_find(l, id);

	if (!t || t->phase != TASK_WAITING || !t->wants_stdio)
		return false;
	t->stdio_fd    = stdio_fd;
	t->wants_stdio = false;
	task_set_deadline(l, t, 0);
	go_on(l, t);
	return true;
}

void launch_late(struct local *l, struct task *t)
{
	fail_for_good(l, t, "cannot start: whoever ran it did not come back when mscgd was restarted");
}

/* What was made for it when it was withdrawn is not gone yet. */
static void put_off(struct local *l, const struct mscg_action *a, const struct mscg_spec *spec, int stdio_fd)
{
	struct mscg_report report = { .kind = MSCG_REPORT_START_DEFERRED, .id = a->id, .attempt = a->attempt, .time_usec = clock_real_usec(),
	                              .errno_value = EAGAIN, .text = "it was withdrawn a moment ago" };

	mscg_usage_init(&report.usage);
	local_drop_stdio(l, stdio_fd, spec->uid);
	local_report(l, &report);
}

void launch_start(struct engine *e, const struct mscg_action *a, const struct mscg_spec *spec, int stdio_fd)
{
	struct local *l = local_of(e);
	struct task *t = task_find(l, a->id);

	if (t && t->withdrawn) {
		put_off(l, a, spec, stdio_fd);
		return;
	}
	if (t && t->attempt == a->attempt)
		return; /* once is enough */
	if (t)
		task_free(l, t);
	begin(l, a, spec, stdio_fd, false);
}

bool launch_prepare(struct engine *e, const struct mscg_action *a, const struct mscg_spec *spec)
{
	struct local *l = local_of(e);

	if (a->after_n || task_find(l, a->id))
		return false;
	/* What fails at once says nothing, and leaves nothing: what is in its way may be what the same commit takes away. */
	begin(l, a, spec, -1, true);
	struct task *t = task_find(l, a->id);
	if (t && t->phase == TASK_LAUNCHED) {
		t->withdrawn = false;
		return true;
	}
	if (t)
		put_away(l, t);
	return false;
}

static struct task *find_held(struct local *l, const struct mscg_action *a)
{
	struct task *t = task_find(l, a->id);

	return t && t->attempt == a->attempt && t->held ? t : NULL;
}

void launch_let_go(struct engine *e, const struct mscg_action *a)
{
	struct local *l = local_of(e);
	struct task *t = find_held(l, a);

	if (!t)
		return;
	t->held = false;
	if (t->has_slot)
		runner_let_go(l->runner, t->slot);
}

void launch_withdraw(struct engine *e, const struct mscg_action *a)
{
	struct local *l = local_of(e);
	struct task *t = find_held(l, a);

	if (!t)
		return;
	t->withdrawn = true;
	if (t->phase == TASK_LAUNCHED)
		runner_withdraw(l->runner, t->slot); /* its supervisor says when it has ended */
	else if (t->phase == TASK_ENDED)
		put_away(l, t);
}

void launch_sweep(struct local *l)
{
	l->sweep = false;
	for (size_t i = 0; i < TASK_BUCKETS; i++)
		for (struct task *t = l->tasks[i], *next; t; t = next) {
			next = t->next;
			if (t->withdrawn && t->phase == TASK_ENDED)
				put_away(l, t);
		}
}

void launch_resized(struct local *l, uint64_t seq, bool taken)
{
	resize_awaited(l, seq, taken);
	for (size_t i = 0; i < TASK_BUCKETS; i++)
		for (struct task *t = l->tasks[i], *next; t; t = next) {
			uint32_t left = 0;
			bool mine = false;

			next = t->next;
			if (t->phase != TASK_WAITING)
				continue;
			for (uint32_t k = 0; k < t->action.after_n; k++) {
				mine |= t->action.after[k] == seq;
				if (t->action.after[k] != seq)
					t->action.after[left++] = t->action.after[k];
			}
			t->action.after_n = left;
			if (mine && !taken) {
				launch_give_up(l, t, EAGAIN, NOT_FREED);
			} else if (mine) {
				go_on(l, t);
			}
		}
}
