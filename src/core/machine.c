/* The life of a job as a table, and what each event does to the record of a job. */
#include "src/base/base.h"
#include "src/base/moving.h"
#include "src/core/machine.h"

#include <mscg/job.h>

/* State by event. NEW is a job that nobody submitted yet. A final state is taken from the event itself: which one it
 * is was decided by what happened, and stands in the journal.
 *
 * RESIZED and RESIZE_DEFERRED may come when the main process is gone already: the kernel has taken the CPUs from the
 * cgroup all the same, and the next job may be waiting for them. */
#define TRANSITIONS(X)                               \
	X(NEW,        SUBMITTED,       PENDING)    \
	X(PENDING,    GRANTED,         RUNNING)    \
	X(PENDING,    ENDED,           FINAL)      \
	X(PENDING,    CANCEL,          PENDING)    \
	X(PENDING,    UPDATED,         PENDING)    \
	X(PENDING,    HELD,            PENDING)    \
	X(PENDING,    RELEASED,        PENDING)    \
	X(RUNNING,    STARTED,         RUNNING)    \
	X(RUNNING,    DEFERRED,        PENDING)    \
	X(RUNNING,    EXITED,          COMPLETING) \
	X(RUNNING,    ENDED,           FINAL)      \
	X(RUNNING,    CANCEL,          RUNNING)    \
	X(RUNNING,    TIMELIMIT,       RUNNING)    \
	X(RUNNING,    KILL,            RUNNING)    \
	X(RUNNING,    RESIZING,        RUNNING)    \
	X(RUNNING,    RESIZED,         RUNNING)    \
	X(RUNNING,    RESIZE_DEFERRED, RUNNING)    \
	X(RUNNING,    REQUEUED,        PENDING)    \
	X(RUNNING,    UPDATED,         RUNNING)    \
	X(SUSPENDED,  EXITED,          COMPLETING) \
	X(SUSPENDED,  ENDED,           FINAL)      \
	X(SUSPENDED,  CANCEL,          SUSPENDED)  \
	X(SUSPENDED,  TIMELIMIT,       SUSPENDED)  \
	X(SUSPENDED,  KILL,            SUSPENDED)  \
	X(SUSPENDED,  RESIZED,         SUSPENDED)  \
	X(SUSPENDED,  RESIZE_DEFERRED, SUSPENDED)  \
	X(SUSPENDED,  REQUEUED,        PENDING)    \
	X(SUSPENDED,  UPDATED,         SUSPENDED)  \
	X(RUNNING,    SUSPENDED,       SUSPENDED)  \
	X(SUSPENDED,  SUSPENDED,       SUSPENDED)  \
	X(SUSPENDED,  RESIZING,        SUSPENDED)  \
	X(SUSPENDED,  RESUME,          SUSPENDED)  \
	X(SUSPENDED,  RESUMED,         RUNNING)    \
	X(RUNNING,    WARNED,          RUNNING)    \
	X(SUSPENDED,  WARNED,          SUSPENDED)  \
	X(RUNNING,    PREEMPTED,       RUNNING)    \
	X(COMPLETING, ENDED,           FINAL)      \
	X(COMPLETING, CANCEL,          COMPLETING) \
	X(COMPLETING, KILL,            COMPLETING) \
	X(COMPLETING, RESIZED,         COMPLETING) \
	X(COMPLETING, RESIZE_DEFERRED, COMPLETING) \
	X(COMPLETING, REQUEUED,        PENDING)    \
	X(COMPLETING, UPDATED,         COMPLETING) \
	X(RUNNING,    REQUEUE,         RUNNING)    \
	X(SUSPENDED,  REQUEUE,         SUSPENDED)  \
	X(COMPLETING, REQUEUE,         COMPLETING) \
	X(COMPLETED,  REQUEUED,        PENDING)    \
	X(FAILED,     REQUEUED,        PENDING)    \
	X(CANCELLED,  REQUEUED,        PENDING)    \
	X(TIMEOUT,    REQUEUED,        PENDING)    \
	X(OUT_OF_MEMORY, REQUEUED,     PENDING)    \
	X(PREEMPTED,  REQUEUED,        PENDING)    \
	X(DEADLINE,   REQUEUED,        PENDING)    \
	X(NODE_FAIL,  REQUEUED,        PENDING)    \
	X(LOST,       REQUEUED,        PENDING)

enum {
	STATE_NEW = MSCG_STATE_COUNT,
	STATES,
	CELL_FINAL,
#define X(name, abbr, final, text) CELL_##name,
	MSCG_STATES(X)
#undef X
};
#define MSCG_STATE_NEW STATE_NEW

/* 0 is an empty cell. */
static const uint8_t table[STATES][MSCG_EVENT_COUNT] = {
#define X(from, event, to) [MSCG_STATE_##from][MSCG_EVENT_##event] = CELL_##to,
	TRANSITIONS(X)
#undef X
};

static const uint8_t state_of_cell[] = {
#define X(name, abbr, final, text) [CELL_##name] = MSCG_STATE_##name,
	MSCG_STATES(X)
#undef X
};

static unsigned row_of(const struct mscg_job *job)
{
	return job->submit_usec == 0 && job->state == MSCG_STATE_PENDING ? (unsigned)STATE_NEW : job->state;
}

static int next_state(const struct mscg_job *job, const struct mscg_event *event, uint8_t *ret, struct mscg_error *error)
{
	unsigned row = row_of(job);
	const char *now = row == STATE_NEW ? "new" : mscg_state_name(job->state);
	char id[MSCG_ID_TEXT];
	uint8_t cell;

	if (row >= STATES || event->kind >= MSCG_EVENT_COUNT)
		return mscg_error_set(error, -EBADMSG, "job %s: state %u, event %u: expected numbers of this version",
		                      mscg_id_format(job->id, id), row, event->kind);
	cell = table[row][event->kind];
	if (!cell)
		return mscg_error_set(error, -EBADMSG, "job %s is %s: event '%s' can not happen there", mscg_id_format(job->id, id),
		                      now, mscg_event_name(event->kind));
	if (cell == CELL_FINAL && !mscg_state_is_final(event->state))
		return mscg_error_set(error, -EBADMSG, "job %s: event 'ended' with state %s: expected a final one",
		                      mscg_id_format(job->id, id), mscg_state_name(event->state));
	*ret = cell == CELL_FINAL ? event->state : state_of_cell[cell];
	return 0;
}

static void release(struct mscg_job *job)
{
	job->current_cpus_milli = 0;
	if (job->run) {
		mscg_grant_free(job->run->grant);
		job->run->grant = NULL;
	}
}

#define SUSPEND_FLAGS (MSCG_JOB_RESUMING | MSCG_JOB_SUSPENDED_ADMIN)
#define ATTEMPT_FLAGS (MSCG_JOB_STARTED | MSCG_JOB_CANCELLING | MSCG_JOB_TIMED_OUT | MSCG_JOB_KILLED | MSCG_JOB_BY_HAND | \
                       MSCG_JOB_REQUEUING | MSCG_JOB_WARNED | MSCG_JOB_PREEMPTING | SUSPEND_FLAGS)

static uint32_t without(uint32_t flags, uint32_t bits)
{
	return flags & ~bits;
}

/* The limit as it was asked for. */
static void restore_limit(struct mscg_job *job)
{
	if (job->time_max_s)
		job->time_limit_s = job->time_max_s;
	job->time_max_s = 0;
}

static void submitted(struct mscg_job *job, const struct mscg_event *event)
{
	job->id = event->id;
	job->submit_usec = event->time_usec;
	job->reason = event->reason;
	job->cpus_milli = event->cpus_milli;
	job->mem_bytes = event->mem_bytes;
	if (event->reason == MSCG_REASON_INFEASIBLE)
		job->flags |= MSCG_JOB_INFEASIBLE;
}

static int granted(struct mscg_job *job, const struct mscg_event *event, struct mscg_error *error)
{
	struct mscg_cpuset cpus;
	struct mscg_share *share;
	int r;

	if (event->attempt != job->attempt + 1)
		return mscg_error_set(error, -EBADMSG, "attempt %u is granted after attempt %u: expected the next one", event->attempt,
		                      job->attempt);
	r = mscg_cpuset_parse(event->cpus ? event->cpus : "", &cpus, error);
	if (r < 0)
		return r;
	if (!job->run)
		job->run = xcalloc(1, sizeof *job->run);
	release(job);
	*job->run = (struct mscg_run){.grant = mscg_grant_new(1), .past = job->run->past};
	mscg_usage_init(&job->run->usage);
	job->run->grant->cpu_mode = job->flags & MSCG_JOB_QUOTA ? MSCG_CPUS_QUOTA : MSCG_CPUS_EXCLUSIVE;
	share = &job->run->grant->share[0];
	share->cpus = cpus;
	share->cpu_milli = event->cpus_milli;
	share->mem_bytes = event->mem_bytes;
	share->gres = xstrdup(event->gres);
	job->attempt = event->attempt;
	job->flags = without(job->flags, ATTEMPT_FLAGS | MSCG_JOB_INFEASIBLE);
	job->reason = MSCG_REASON_NONE;
	job->current_cpus_milli = event->cpus_milli;
	job->mem_bytes = event->mem_bytes;
	job->run->mem_asked_bytes = mem_moves(job) ? event->mem_bytes : 0;
	job->start_usec = job->suspended_usec = 0;
	job->exit_code = job->exit_signal = 0;
	if (event->value) {
		job->time_max_s = job->time_limit_s;
		job->time_limit_s = (uint32_t)event->value;
	}
	return 0;
}

/* While a resize is under way a job may count on the smaller of both sizes, and holds the larger: nobody else gets
 * what the kernel may have given it already, or not yet taken. */
static int resizing(struct mscg_job *job, const struct mscg_event *event, struct mscg_error *error)
{
	struct mscg_share *share = job->run && job->run->grant ? &job->run->grant->share[0] : NULL;
	struct mscg_cpuset cpus;
	int r;

	if (!share)
		return mscg_error_set(error, -EBADMSG, "event 'resizing' for a job that holds nothing");
	r = mscg_cpuset_parse(event->cpus ? event->cpus : "", &cpus, error);
	if (r < 0)
		return r;
	mscg_cpuset_or(&share->cpus, &cpus);
	share->cpu_milli = MAX_OF(share->cpu_milli, event->cpus_milli);
	share->mem_bytes = MAX_OF(share->mem_bytes, event->mem_bytes);
	if (event->mem_bytes != job->mem_bytes && !mem_moves(job))
		job->flags = without(job->flags, MSCG_JOB_MEM_DEFAULT);
	job->current_cpus_milli = MIN_OF(job->current_cpus_milli, event->cpus_milli);
	job->mem_bytes = MIN_OF(job->mem_bytes, event->mem_bytes);
	return 0;
}

/* RESIZED and RESIZE_DEFERRED both say what the job has from now on. */
static int resized(struct mscg_job *job, const struct mscg_event *event, struct mscg_error *error)
{
	struct mscg_share *share = job->run && job->run->grant ? &job->run->grant->share[0] : NULL;
	struct mscg_cpuset cpus;
	int r;

	if (!share)
		return mscg_error_set(error, -EBADMSG, "event '%s' for a job that holds nothing", mscg_event_name(event->kind));
	r = mscg_cpuset_parse(event->cpus ? event->cpus : "", &cpus, error);
	if (r < 0)
		return r;
	share->cpus = cpus;
	share->cpu_milli = event->cpus_milli;
	share->mem_bytes = event->mem_bytes;
	job->current_cpus_milli = event->cpus_milli;
	job->mem_bytes = event->mem_bytes;
	return 0;
}

/* Memory that moves begins anew with what was asked. */
static void restore_mem(struct mscg_job *job)
{
	job->mem_bytes = mem_asked(job);
	if (job->run)
		job->run->mem_asked_bytes = 0;
}

static void back_to_queue(struct mscg_job *job, const struct mscg_event *event)
{
	release(job);
	restore_mem(job);
	job->flags = without(job->flags, ATTEMPT_FLAGS);
	job->reason = event->reason;
	job->start_usec = job->end_usec = job->suspended_usec = 0;
	job->exit_code = job->exit_signal = 0;
	restore_limit(job);
}

static void requeued(struct mscg_job *job, const struct mscg_event *event)
{
	job->restarts += job->attempt > 0;
	back_to_queue(job, event);
}

static void ended(struct mscg_job *job, const struct mscg_event *event)
{
	release(job);
	job->reason = event->reason;
	job->exit_code = event->exit_code;
	job->exit_signal = event->exit_signal;
	job->end_usec = event->time_usec;
}

static void set_field(struct mscg_job *job, const struct mscg_event *event)
{
	switch ((enum mscg_field)event->field) {
	case MSCG_FIELD_PRIORITY:
		job->priority = (int32_t)event->value;
		break;
	case MSCG_FIELD_TIME_LIMIT:
		job->time_limit_s = (uint32_t)event->value;
		job->time_max_s = 0;
		job->flags = without(job->flags, MSCG_JOB_WARNED);
		break;
	case MSCG_FIELD_TIME_EXTENDED:
		if (!job->time_max_s)
			job->time_max_s = job->time_limit_s;
		job->time_limit_s = (uint32_t)event->value;
		break;
	case MSCG_FIELD_BEGIN:
		job->begin_usec = event->value;
		break;
	case MSCG_FIELD_DEADLINE:
		job->deadline_usec = event->value;
		job->flags = without(job->flags, MSCG_JOB_WARNED);
		break;
	case MSCG_FIELD_QOS:
		job->qos = (uint32_t)event->value;
		break;
	case MSCG_FIELD_PARTITION:
		job->partition = (uint32_t)event->value;
		break;
	case MSCG_FIELD_ARRAY_THROTTLE: /* stands in the row of the array */
	case MSCG_FIELD_NONE:
	case MSCG_FIELD_COUNT:
		break;
	}
}

/* What was asked changes: what a resize by hand leaves behind, or an update. 0: as it was. */
static void updated(struct mscg_job *job, const struct mscg_event *event)
{
	if (event->cpus_milli) {
		job->cpus_milli = event->cpus_milli;
		if (!(job->flags & MSCG_JOB_ELASTIC))
			job->min_cpus_milli = job->max_cpus_milli = event->cpus_milli;
		else if (job->state != MSCG_STATE_PENDING)
			job->flags |= MSCG_JOB_BY_HAND;
	}
	if (event->mem_bytes && job->run && job->run->mem_asked_bytes)
		job->run->mem_asked_bytes = event->mem_bytes;
	else if (event->mem_bytes)
		job->mem_bytes = event->mem_bytes;
	if (event->mem_bytes && !event->cpus_milli) /* with CPUs it is what goes with them */
		job->flags = without(job->flags, MSCG_JOB_MEM_DEFAULT);
	set_field(job, event);
	if (job->state == MSCG_STATE_PENDING) {
		job->reason = event->reason;
		job->flags = without(job->flags, MSCG_JOB_INFEASIBLE);
		if (event->reason == MSCG_REASON_INFEASIBLE)
			job->flags |= MSCG_JOB_INFEASIBLE;
	}
}

/* Also of one that is suspended already, or to be resumed: then it stays. */
static void suspended(struct mscg_job *job, const struct mscg_event *event)
{
	job->flags = without(job->flags, SUSPEND_FLAGS);
	if (event->reason == MSCG_REASON_HELD_ADMIN)
		job->flags |= MSCG_JOB_SUSPENDED_ADMIN;
	job->reason = event->reason;
	if (!job->suspend_usec)
		job->suspend_usec = event->time_usec;
}

static void resumed(struct mscg_job *job, const struct mscg_event *event)
{
	job->flags = without(job->flags, SUSPEND_FLAGS);
	job->reason = MSCG_REASON_NONE;
	job->suspended_usec = event->value;
}

/* However it ends. RESUMED says better how long it was: by the boot clock. */
static void leave_suspended(struct mscg_job *job, const struct mscg_event *event)
{
	job->suspended_usec += MAX_OF(event->time_usec - job->suspend_usec, INT64_C(0));
	job->suspend_usec = 0;
}

static int payload(struct mscg_job *job, const struct mscg_event *event, struct mscg_error *error)
{
	switch ((enum mscg_event_kind)event->kind) {
	case MSCG_EVENT_SUBMITTED:
		submitted(job, event);
		return 0;
	case MSCG_EVENT_GRANTED:
		return granted(job, event, error);
	case MSCG_EVENT_STARTED:
		job->flags |= MSCG_JOB_STARTED;
		job->start_usec = event->time_usec;
		return 0;
	case MSCG_EVENT_DEFERRED:
		back_to_queue(job, event);
		return 0;
	case MSCG_EVENT_REQUEUED:
		requeued(job, event);
		return 0;
	case MSCG_EVENT_REQUEUE:
		job->flags |= MSCG_JOB_REQUEUING;
		return 0;
	case MSCG_EVENT_EXITED:
		job->exit_code = event->exit_code;
		job->exit_signal = event->exit_signal;
		return 0;
	case MSCG_EVENT_ENDED:
		ended(job, event);
		return 0;
	case MSCG_EVENT_CANCEL:
		job->flags |= MSCG_JOB_CANCELLING;
		if (event->reason == MSCG_REASON_MAX_FAILS)
			job->reason = event->reason;
		return 0;
	case MSCG_EVENT_TIMELIMIT:
		job->flags |= MSCG_JOB_TIMED_OUT;
		if (event->reason == MSCG_REASON_DEADLINE)
			job->reason = event->reason;
		return 0;
	case MSCG_EVENT_PREEMPTED:
		job->flags |= MSCG_JOB_PREEMPTING;
		job->reason = event->reason;
		return 0;
	case MSCG_EVENT_KILL:
		job->flags |= MSCG_JOB_KILLED;
		return 0;
	case MSCG_EVENT_RESIZING:
		return resizing(job, event, error);
	case MSCG_EVENT_RESIZED:
	case MSCG_EVENT_RESIZE_DEFERRED:
		return resized(job, event, error);
	case MSCG_EVENT_UPDATED:
		updated(job, event);
		return 0;
	case MSCG_EVENT_HELD:
		job->flags |= event->reason == MSCG_REASON_HELD_ADMIN ? MSCG_JOB_HELD_ADMIN : MSCG_JOB_HELD_USER;
		job->reason = event->reason;
		return 0;
	case MSCG_EVENT_RELEASED:
		job->flags = without(job->flags, MSCG_JOB_HELD);
		job->reason = event->reason;
		return 0;
	case MSCG_EVENT_SUSPENDED:
		suspended(job, event);
		return 0;
	case MSCG_EVENT_RESUME:
		job->flags |= MSCG_JOB_RESUMING;
		job->reason = event->reason;
		return 0;
	case MSCG_EVENT_RESUMED:
		resumed(job, event);
		return 0;
	case MSCG_EVENT_WARNED:
		job->flags |= MSCG_JOB_WARNED;
		return 0;
	case MSCG_EVENT_COUNT:
		break;
	}
	return 0;
}

int core_job_apply(struct mscg_job *job, const struct mscg_event *event, struct mscg_error *error)
{
	uint8_t state = job->state;
	int r = next_state(job, event, &state, error);

	if (r == 0 && job->suspend_usec && state != MSCG_STATE_SUSPENDED)
		leave_suspended(job, event);
	if (r == 0)
		r = payload(job, event, error);
	if (r < 0)
		return r;
	job->state = state;
	return 0;
}

int core_transition(enum mscg_state from, bool is_new, enum mscg_event_kind event, enum mscg_state *ret)
{
	uint8_t cell = table[is_new ? (unsigned)STATE_NEW : (unsigned)from][event];

	if (!cell)
		return -EBADMSG;
	if (cell == CELL_FINAL)
		return 1;
	*ret = state_of_cell[cell];
	return 0;
}
