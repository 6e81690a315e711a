/* Resizes: the kernel takes its time over them (it moves running threads, it looks for memory to take back), so they are
 * made in threads of their own; one for CPUs, one for those that change memory or freeze, which can take long. Order of a
 * resize: kernel, read back, control file, notification; only then is it reported, and only then may others use what it
 * freed. A suspended job keeps its limits as they were: what stands still uses no CPU. */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <syslog.h>

#include "internal.h"
#include "src/base/parse.h"

/* How long a job may stand still for its notification, and how often that is tried where it does not come to stand. */
static const int64_t notify_usec = 10 * USEC_PER_MSEC;
enum { NOTIFY_TRIES = 20 };
static const int64_t memory_usec = 5 * USEC_PER_SEC, freeze_usec = 5 * USEC_PER_SEC, put_away_usec = USEC_PER_SEC;

enum lane { LANE_CPU, LANE_MEMORY, LANES };

/* All that a thread needs, copied: it never looks at a task. */
struct order {
	enum lane lane;
	struct mscg_id id;
	uint32_t attempt;
	uint64_t seq;
	struct mscg_cgroup cgroup; /* a descriptor of its own */
	struct mscg_grant *before, *target;
	uint32_t controllers;
	bool     memory, elastic, freeze, thaw, warns;
	bool     puts_away, more; /* memory of what stands still; there is more to be had */
	uint64_t *after; uint32_t after_n; /* resizes to be taken first */
	uint32_t min_milli, max_milli;
	uint64_t max_mem;
	int      jobs_dir_fd;
	int      notify_only; /* tries that are left; 0: a whole resize */
	int      signal; /* of the notification: SIGUSR1, or the one before the end of the job */
	/* result */
	int      result;
	int      notify_result;
	uint64_t used; /* memory.current, where that did not fit */
	double   scale_event;
	struct mscg_cgroup_notified notified;
	char     text[160];
	struct order *next;
};

struct queue {
	struct order *first, **last;
};

struct resizer {
	pthread_mutex_t lock;
	sem_t           orders[LANES]; /* as many as lie in todo; one more: stop */
	pthread_t       thread[LANES];
	bool            started[LANES];
	struct queue    todo[LANES], done; /* under lock */
	struct order   *waiting; /* for other resizes, or for those of the same job to be over */
	int             event_fd; /* the engine's */
};

struct lane_arg {
	struct resizer *resizer;
	enum lane       lane;
};

static void put(struct queue *q, struct order *o)
{
	o->next  = NULL;
	*q->last = o;
	q->last  = &o->next;
}

static struct order *take(struct queue *q)
{
	struct order *o = q->first;

	if (o && !(q->first = o->next))
		q->last = &q->first;
	return o;
}

/* -- in a thread -------------------------------------------------------------------------------------------------- */

static int set_memory(struct order *o, uint64_t bytes, struct mscg_error *error)
{
	if (!o->memory || !(o->controllers & MSCG_CGROUP_BIT(MEMORY)))
		return 0;
	return memory_resize(&o->cgroup, bytes, o->max_mem, clock_boot_usec() + memory_usec, &o->used, error);
}

static void notify(struct order *o)
{
	o->notify_result = mscg_cgroup_notify(&o->cgroup, o->signal, clock_boot_usec() + notify_usec, &o->notified, NULL);
}

/* What sits in the kernel and does not come to stand goes on: half of a job frozen is no use to anybody. */
static int freeze(const struct order *o, struct mscg_error *error)
{
	int r = mscg_cgroup_freeze(&o->cgroup, clock_boot_usec() + freeze_usec, error);

	if (r < 0)
		mscg_cgroup_thaw(&o->cgroup, NULL);
	return r;
}

static void carry_out(struct order *o)
{
	const struct mscg_share *from = &o->before->share[0], *to = &o->target->share[0];
	struct mscg_error error = { .text = "" };

	if (o->freeze) {
		o->result = freeze(o, &error);
		snprintf(o->text, sizeof o->text, "%.159s", error.text);
		return;
	}
	/* Memory first: it is the one that may not come, and then nothing has changed. */
	o->result = set_memory(o, to->mem_bytes, &error);
	if (o->result >= 0 && (o->result = limits_cpus(o->controllers, &o->cgroup, o->target, o->before, &error)) < 0) {
		limits_cpus(o->controllers, &o->cgroup, o->before, o->target, NULL);
		set_memory(o, from->mem_bytes, NULL);
	}
	if (o->result >= 0 && o->thaw)
		o->result = mscg_cgroup_thaw(&o->cgroup, &error);
	if (o->result < 0) {
		snprintf(o->text, sizeof o->text, "%.159s", error.text);
		return;
	}
	o->scale_event = (double)clock_real_usec() / 1e6;
	if (o->elastic)
		control_write_values(o->jobs_dir_fd, o->id, to->cpu_milli, o->min_milli, o->max_milli, to->mem_bytes, "RUNNING",
		                     o->scale_event);
	notify(o);
}

static struct order *next_order(struct resizer *z, enum lane lane)
{
	while (sem_wait(&z->orders[lane]) < 0)
		;
	pthread_mutex_lock(&z->lock);
	struct order *o = take(&z->todo[lane]);
	pthread_mutex_unlock(&z->lock);
	return o;
}

static void *lane_main(void *arg)
{
	struct lane_arg a = *(struct lane_arg *)arg;
	struct resizer *z = a.resizer;
	struct order *o;

	free(arg);
	while ((o = next_order(z, a.lane))) {
		if (o->puts_away)
			o->more = memory_put_away(&o->cgroup, clock_boot_usec() + put_away_usec);
		else if (o->notify_only)
			notify(o);
		else
			carry_out(o);
		pthread_mutex_lock(&z->lock);
		put(&z->done, o);
		pthread_mutex_unlock(&z->lock);
		eventfd_write(z->event_fd, 1);
	}
	return NULL;
}

/* -- in the deciding thread --------------------------------------------------------------------------------------- */

static void order_free(struct order *o)
{
	mscg_cgroup_close(&o->cgroup);
	mscg_grant_free(o->before);
	mscg_grant_free(o->target);
	free(o->after);
	free(o);
}

static struct resizer *resizer_of(struct local *l)
{
	if (l->resizer)
		return l->resizer;
	struct resizer *z = xcalloc(1, sizeof *z);

	pthread_mutex_init(&z->lock, NULL);
	for (int i = 0; i < LANES; i++) {
		sem_init(&z->orders[i], 0, 0);
		z->todo[i].last = &z->todo[i].first;
	}
	z->done.last = &z->done.first;
	z->event_fd  = l->event_fd;
	return l->resizer = z;
}

static int start_lane(struct resizer *z, enum lane lane)
{
	sigset_t all, old;

	if (z->started[lane])
		return 0;
	struct lane_arg *arg = xmalloc(sizeof *arg);
	*arg = (struct lane_arg){ z, lane };
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int r = pthread_create(&z->thread[lane], NULL, lane_main, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r) {
		free(arg);
		return -r;
	}
	z->started[lane] = true;
	return 0;
}

static void submit(struct resizer *z, struct task *t, struct order *o)
{
	enum lane lane = o->lane; /* once it lies there it is the thread's */

	t->orders++;
	pthread_mutex_lock(&z->lock);
	put(&z->todo[lane], o);
	pthread_mutex_unlock(&z->lock);
	sem_post(&z->orders[lane]);
}

static void refuse(struct local *l, struct mscg_id id, uint32_t attempt, uint64_t seq, const char *text)
{
	struct mscg_report report = { .kind = MSCG_REPORT_RESIZE_DEFERRED, .id = id, .attempt = attempt,
		                      .time_usec = clock_real_usec(), .resize_seq = seq };

	snprintf(report.text, sizeof report.text, "%s", text);
	local_report(l, &report);
	GROW(l->refused, l->refused_n, l->refused_cap);
	l->refused[l->refused_n++] = seq;
}

/* -- those that wait ---------------------------------------------------------------------------------------------- */

static struct task *task_of(struct local *l, const struct order *o)
{
	struct task *t = task_find(l, o->id);

	return t && t->attempt == o->attempt ? t : NULL;
}

static void give_up(struct local *l, struct order *o, const char *text)
{
	struct task *t = task_of(l, o);

	if (t && o->freeze)
		t->frozen = false;
	refuse(l, o->id, o->attempt, o->seq, text);
	order_free(o);
}

/* A job is frozen when nothing else is under way with it that would thaw it. */
static bool is_ready(const struct task *t, const struct order *o)
{
	return !o->after_n && !(o->freeze && t->orders);
}

/* One that need not wait any more, or whose job is gone; NULL: there is none. */
static struct order *take_ready(struct local *l)
{
	for (struct order **p = &l->resizer->waiting; *p; p = &(*p)->next) {
		struct order *o = *p;
		struct task *t = task_of(l, o);

		if (t && t->phase == TASK_RUNNING && !is_ready(t, o))
			continue;
		*p = o->next;
		return o;
	}
	return NULL;
}

static void go_on(struct local *l)
{
	struct order *o;

	while (l->resizer && (o = take_ready(l))) {
		struct task *t = task_of(l, o);

		if (t && t->phase == TASK_RUNNING)
			submit(l->resizer, t, o);
		else
			give_up(l, o, "the job is not running any more");
	}
}

/* The first that waited for what was refused; it waits for nothing any more. */
static struct order *note_awaited(struct resizer *z, uint64_t seq, bool taken)
{
	for (struct order **p = &z->waiting; *p; p = &(*p)->next) {
		struct order *o = *p;
		uint32_t left = 0, had = o->after_n;

		for (uint32_t i = 0; i < o->after_n; i++)
			if (o->after[i] != seq)
				o->after[left++] = o->after[i];
		o->after_n = left;
		if (left < had && !taken) {
			*p = o->next;
			return o;
		}
	}
	return NULL;
}

void resize_awaited(struct local *l, uint64_t seq, bool taken)
{
	struct order *o;

	if (!l->resizer || !l->resizer->waiting)
		return;
	while ((o = note_awaited(l->resizer, seq, taken)))
		give_up(l, o, NOT_FREED);
	go_on(l);
}

void resize_start(struct engine *e, const struct mscg_action *a)
{
	struct local *l = local_of(e);
	struct task *t = task_find(l, a->id);
	struct mscg_cgroup cgroup;

	if (!t || t->attempt != a->attempt || t->phase != TASK_RUNNING) {
		refuse(l, a->id, a->attempt, a->resize_seq, "the job is not running any more");
		return;
	}
	bool more = a->memory && t->grant && a->grant->share[0].mem_bytes > t->grant->share[0].mem_bytes; /* one write, and urgent */
	enum lane lane = (a->memory && !more) || a->freeze ? LANE_MEMORY : LANE_CPU;
	struct resizer *z = resizer_of(l);
	struct mscg_error error;
	if (start_lane(z, lane) < 0 || mscg_cgroup_dup(&t->cgroup, &cgroup, &error) < 0) {
		refuse(l, a->id, a->attempt, a->resize_seq, "no thread or descriptor left to do it with");
		return;
	}
	struct order *o = xcalloc(1, sizeof *o);
	*o = (struct order){
		.lane = lane, .id = a->id, .attempt = a->attempt, .seq = a->resize_seq, .cgroup = cgroup,
		.before = mscg_grant_copy(t->grant), .target = mscg_grant_copy(a->grant), .controllers = l->controllers,
		.memory = a->memory, .elastic = t->elastic, .min_milli = t->min_milli, .max_milli = t->max_milli, .max_mem = t->max_mem,
		.signal = SIGUSR1, .jobs_dir_fd = l->jobs_dir_fd, .freeze = a->freeze, .thaw = a->thaw, .after_n = a->after_n,
	};
	o->after = xcalloc(a->after_n + 1, sizeof *o->after);
	for (uint32_t i = 0; i < a->after_n; i++)
		o->after[i] = a->after[i];
	t->frozen |= a->freeze;
	if (is_ready(t, o)) {
		submit(z, t, o);
	} else {
		o->next    = z->waiting;
		z->waiting = o;
	}
}

void resize_warn(struct local *l, struct task *t, int sig)
{
	struct resizer *z = resizer_of(l);
	struct mscg_cgroup cgroup;
	struct mscg_error error;

	if (start_lane(z, LANE_CPU) < 0 || mscg_cgroup_dup(&t->cgroup, &cgroup, &error) < 0) {
		finish_signal_all(l, t, sig);
		return;
	}
	struct order *o = xcalloc(1, sizeof *o);
	*o = (struct order){ .lane = LANE_CPU, .id = t->id, .attempt = t->attempt, .cgroup = cgroup, .notify_only = NOTIFY_TRIES,
	                     .signal = sig, .warns = true };
	submit(z, t, o);
}

/* A job that stands still needs no memory: what it has stays booked for it, and what of it can be is free for others' cache meanwhile. */
static void put_away(struct local *l, struct task *t)
{
	struct mscg_cgroup cgroup;
	struct order *o;

	if (!(l->controllers & MSCG_CGROUP_BIT(MEMORY)) || start_lane(l->resizer, LANE_MEMORY) < 0 || mscg_cgroup_dup(&t->cgroup, &cgroup, NULL) < 0)
		return;
	o  = xcalloc(1, sizeof *o);
	*o = (struct order){ .lane = LANE_MEMORY, .id = t->id, .attempt = t->attempt, .cgroup = cgroup, .puts_away = true };
	submit(l->resizer, t, o);
}

/* Nobody has a handler for it: whatever it does to those without, it was asked for. */
static void warned(struct local *l, const struct order *o)
{
	struct task *t = task_of(l, o);

	if (o->notify_result == 0 && !o->notified.signalled && !o->notified.blocking && t && t->phase == TASK_RUNNING)
		finish_signal_all(l, t, o->signal);
}

/* It would not stand still in time: nobody was told. Others go first, then it is tried again. */
static bool notify_again(struct local *l, struct order *o)
{
	struct task *t = task_of(l, o);

	if (o->notify_result != -ETIMEDOUT || !t || t->phase != TASK_RUNNING || t->frozen)
		return false;
	if (o->notify_only == 1) {
		local_log(l, LOG_WARNING, "job=%s could not be told of its %s by %s: it does not come to stand", t->name + 4,
		          o->warns ? "end" : "resize", signal_name(o->signal));
		return false;
	}
	o->notify_only   = o->notify_only ? o->notify_only - 1 : NOTIFY_TRIES;
	o->notify_result = 0;
	submit(l->resizer, t, o);
	return true;
}

static void finished(struct local *l, struct order *o)
{
	struct task *t = task_find(l, o->id);
	struct mscg_report report = {
		.kind = o->result < 0 ? MSCG_REPORT_RESIZE_DEFERRED : MSCG_REPORT_RESIZED, .id = o->id, .attempt = o->attempt,
		.time_usec = clock_real_usec(), .resize_seq = o->seq, .errno_value = -o->result, .used_bytes = o->used,
	};

	snprintf(report.text, sizeof report.text, "%s", o->text);
	if (o->result >= 0) {
		report.grant = mscg_grant_copy(o->target);
		if (t && t->attempt == o->attempt && !o->freeze) {
			mscg_grant_free(t->grant);
			t->grant       = steal(&o->target);
			t->scale_event = o->scale_event;
		}
	} else if (o->result != -EAGAIN && t && t->phase == TASK_RUNNING) {
		local_log(l, LOG_WARNING, "job=%s resize put off: %s", t->name + 4, o->text);
	}
	if (t && t->attempt == o->attempt && (o->result >= 0 ? o->thaw : o->freeze))
		t->frozen = false;
	if (t && t->attempt == o->attempt && o->freeze && o->result >= 0 && t->phase == TASK_RUNNING)
		put_away(l, t);
	local_report(l, &report);
	launch_resized(l, o->seq, o->result >= 0);
}

void resize_dispatch(struct local *l)
{
	struct resizer *z = l->resizer;

	if (!z)
		return;
	for (;;) {
		pthread_mutex_lock(&z->lock);
		struct order *o = take(&z->done);
		pthread_mutex_unlock(&z->lock);
		if (!o)
			break;
		struct task *t = task_of(l, o);
		if (t)
			t->orders--;
		if (o->warns)
			warned(l, o);
		else if (o->puts_away && o->more && t && t->frozen)
			put_away(l, t); /* a part at a time: others wait for this thread too */
		else if (!o->notify_only && !o->puts_away)
			finished(l, o);
		if (t && !t->orders)
			memory_rearm(l, t);
		if (!notify_again(l, o))
			order_free(o);
	}
	go_on(l);
}

void resizer_close(struct local *l)
{
	struct resizer *z = l->resizer;

	if (!z)
		return;
	for (int i = 0; i < LANES; i++)
		sem_post(&z->orders[i]);
	for (int i = 0; i < LANES; i++)
		if (z->started[i])
			pthread_join(z->thread[i], NULL);
	for (struct order *o; (o = take(&z->done));)
		order_free(o);
	for (struct order *o; (o = z->waiting);) {
		z->waiting = o->next;
		order_free(o);
	}
	pthread_mutex_destroy(&z->lock);
	for (int i = 0; i < LANES; i++)
		sem_destroy(&z->orders[i]);
	free(z);
	l->resizer = NULL;
}
