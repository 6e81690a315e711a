#include "fake.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include "src/base/base.h"
#include "src/base/clock.h"

struct fake_job {
	struct mscg_id id;
	uint32_t attempt;
	int      code, signal;
	int64_t  end_boot_usec; /* USEC_NEVER: frozen */
	int64_t  left_usec;     /* when it is thawed */
	struct fake_job *next;
};

struct fake {
	struct engine engine; /* first */
	int timer;
	struct fake_job *jobs;
	struct mscg_report *reports; /* to be delivered at the next dispatch */
	uint32_t reports_n, reports_cap;
};

static void set_timer(struct fake *f)
{
	int64_t next = f->reports_n ? 1 : USEC_NEVER;

	for (const struct fake_job *j = f->jobs; j; j = j->next)
		next = MIN_OF(next, MAX_OF(j->end_boot_usec, 1));
	struct itimerspec t = { .it_value = { next / USEC_PER_SEC, next % USEC_PER_SEC * 1000 } };
	if (next == USEC_NEVER)
		t = (struct itimerspec){ 0 };
	timerfd_settime(f->timer, TFD_TIMER_ABSTIME, &t, NULL);
}

static void add_report(struct fake *f, const struct mscg_report *report)
{
	GROW(f->reports, f->reports_n, f->reports_cap);
	f->reports[f->reports_n] = *report;
	if (!f->reports[f->reports_n].time_usec)
		f->reports[f->reports_n].time_usec = clock_real_usec();
	f->reports_n++;
	set_timer(f);
}

/* What the command says it does. */
static void understand(const struct mscg_spec *spec, struct fake_job *j)
{
	char word[32] = "";
	double number = 0;

	if (!spec->argv || !spec->argv[0])
		return;
	if (spec->shell)
		sscanf(spec->argv[0], "%31s %lf", word, &number);
	else {
		snprintf(word, sizeof word, "%s", spec->argv[0]);
		number = spec->argv[1] ? strtod(spec->argv[1], NULL) : 0;
	}
	if (streq(word, "sleep"))
		j->end_boot_usec += (int64_t)(number * 1e6);
	else if (streq(word, "exit"))
		j->code = (int)number;
	else if (streq(word, "false"))
		j->code = 1;
}

static struct fake_job **find(struct fake *f, struct mscg_id id)
{
	struct fake_job **p = &f->jobs;

	while (*p && !mscg_id_equal((*p)->id, id))
		p = &(*p)->next;
	return p;
}

static void fake_start(struct engine *e, const struct mscg_action *a, const struct mscg_spec *spec, int stdio_fd)
{
	struct fake *f = (struct fake *)e;
	struct fake_job *j = xcalloc(1, sizeof *j);
	struct mscg_report started = { .kind = MSCG_REPORT_STARTED, .id = a->id, .attempt = a->attempt, .pid = 1, .cgroup_id = 1 };

	if (stdio_fd >= 0 && e->drop)
		e->drop(e->ctx, stdio_fd, spec->uid);
	else
		cleanup_close(&stdio_fd);
	*j = (struct fake_job){ .id = a->id, .attempt = a->attempt, .end_boot_usec = clock_boot_usec(), .next = f->jobs };
	understand(spec, j);
	f->jobs = j;
	add_report(f, &started);
}

static void fake_resize(struct engine *e, const struct mscg_action *a)
{
	struct mscg_report done = { .kind = MSCG_REPORT_RESIZED, .id = a->id, .attempt = a->attempt, .resize_seq = a->resize_seq,
		                    .grant = mscg_grant_copy(a->grant) };

	struct fake_job *j = *find((struct fake *)e, a->id);

	if (j && a->freeze && j->end_boot_usec != USEC_NEVER) {
		j->left_usec     = j->end_boot_usec - clock_boot_usec();
		j->end_boot_usec = USEC_NEVER;
	} else if (j && a->thaw) {
		j->end_boot_usec = clock_boot_usec() + j->left_usec;
	}
	add_report((struct fake *)e, &done);
}

static void end_now(struct fake *f, struct mscg_id id, int signal)
{
	struct fake_job *j = *find(f, id);

	if (!j)
		return;
	j->signal        = signal;
	j->end_boot_usec = 0;
	set_timer(f);
}

static void fake_signal(struct engine *e, const struct mscg_action *a)
{
	end_now((struct fake *)e, a->id, a->signal);
}

static void fake_kill(struct engine *e, const struct mscg_action *a)
{
	end_now((struct fake *)e, a->id, 9);
}

static void fake_remove(struct engine *e, const struct mscg_action *a)
{
	struct fake_job **p = find((struct fake *)e, a->id), *j = *p;

	if (j) {
		*p = j->next;
		free(j);
	}
}

static void fake_adopt(struct engine *e, const struct mscg_job *job, const struct mscg_spec *spec)
{
	struct mscg_report lost = { .kind = MSCG_REPORT_LOST, .id = job->id, .attempt = job->attempt, .exit_code = -1,
		                    .reason = MSCG_REASON_OUTCOME_UNKNOWN, .text = "the fake engine forgets" };

	(void)spec;
	if (!*find((struct fake *)e, job->id))
		add_report((struct fake *)e, &lost);
}

static void fake_adopt_done(struct engine *e)
{
	(void)e;
}

static int fake_live(struct engine *e, struct mscg_id id, struct engine_live *ret)
{
	if (!*find((struct fake *)e, id))
		return -ENOENT;
	*ret = (struct engine_live){ .memory_current_bytes = MSCG_UNKNOWN, .memory_max_bytes = MSCG_UNKNOWN, .cpu_pressure = -1,
		                     .memory_pressure = -1, .io_pressure = -1, .pids_current = MSCG_UNKNOWN };
	mscg_usage_init(&ret->usage);
	return 0;
}

static int fake_paths(struct engine *e, struct mscg_id id, char cgroup[512], char control[512])
{
	(void)e;
	(void)id;
	(void)cgroup;
	(void)control;
	return -ENOENT;
}

static int fake_fd(struct engine *e)
{
	return ((struct fake *)e)->timer;
}

static void fake_dispatch(struct engine *e)
{
	struct fake *f = (struct fake *)e;
	int64_t now = clock_boot_usec();
	uint64_t ticks;

	if (read(f->timer, &ticks, sizeof ticks) < 0)
		ticks = 0;
	struct mscg_report *reports = f->reports;
	uint32_t n = f->reports_n;

	f->reports     = NULL;
	f->reports_n   = f->reports_cap = 0;
	for (uint32_t i = 0; i < n; i++)
		e->report(e->ctx, &reports[i]);
	free(reports);
	for (struct fake_job **p = &f->jobs, *j; (j = *p);) {
		if (j->end_boot_usec > now) {
			p = &j->next;
			continue;
		}
		struct mscg_report ended = { .kind = MSCG_REPORT_ENDED, .id = j->id, .attempt = j->attempt, .exit_code = j->code,
			                     .exit_signal = j->signal, .time_usec = clock_real_usec() };
		mscg_usage_init(&ended.usage);
		*p = j->next;
		free(j);
		e->report(e->ctx, &ended);
	}
	set_timer(f);
}

static void fake_each_stuck(struct engine *e, void (*each)(struct mscg_id id, const char *processes, void *ctx), void *ctx)
{
	(void)e;
	(void)each;
	(void)ctx;
}

static void fake_close(struct engine *e)
{
	struct fake *f = (struct fake *)e;

	while (f->jobs) {
		struct fake_job *j = f->jobs;
		f->jobs = j->next;
		free(j);
	}
	for (uint32_t i = 0; i < f->reports_n; i++)
		mscg_report_clear(&f->reports[i]);
	free(f->reports);
	close(f->timer);
	free(f);
}

static const struct engine_ops fake_ops = {
	.name = "fake", .start = fake_start, .resize = fake_resize, .signal = fake_signal, .kill = fake_kill,
	.remove = fake_remove, .adopt = fake_adopt, .adopt_done = fake_adopt_done, .live = fake_live, .paths = fake_paths,
	.each_stuck = fake_each_stuck, .fd = fake_fd, .dispatch = fake_dispatch, .close = fake_close,
};

int fake_open(struct engine **ret, struct mscg_error *error)
{
	int timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);

	if (timer < 0)
		return mscg_error_set(error, -errno, "cannot make a timer: %s", strerror(errno));
	struct fake *f = xcalloc(1, sizeof *f);
	f->engine.ops = &fake_ops;
	f->timer      = timer;
	*ret          = &f->engine;
	return 0;
}
