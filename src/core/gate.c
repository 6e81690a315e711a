/* What keeps a waiting job out of the queue: a hold, a time that has not come, a launch that is put off, its array's
 * limit. Whoever changes one of these asks gate_consider() where the job belongs now.
 *
 * Begin and deadline are of the wall clock, timers of the boot clock: they look again now and then, as the first may be
 * set meanwhile. */
#include "src/core/internal.h"

#define LOOK_AGAIN (600 * USEC_PER_SEC)

int64_t gate_boot_of(const struct core *core, int64_t real_usec)
{
	int64_t in = real_usec - core->now.real_usec;

	return core->now.boot_usec + MAX_OF(MIN_OF(in, LOOK_AGAIN), 0);
}

/* Boot clock; 0: it is not a time that it waits for. */
static int64_t opens_at(const struct core *core, const struct entry *e)
{
	int64_t at = e->live ? e->live->retry_at : 0;

	int64_t begin = MAX_OF(e->job.begin_usec, depend_opens(core, e));

	if (begin > core->now.real_usec)
		at = MAX_OF(at, gate_boot_of(core, begin));
	return at > core->now.boot_usec ? at : 0;
}

static bool is_wanted(const struct core *core, const struct entry *e)
{
	return !(e->job.flags & MSCG_JOB_HELD) && depend_opens(core, e) != USEC_NEVER && (!is_record(e) || array_wants(e->array));
}

void gate_consider(struct core *core, struct entry *e)
{
	bool wanted = is_wanted(core, e);
	int64_t at = wanted ? opens_at(core, e) : 0;

	if (at || e->live)
		timer_set(core, &entry_live(core, e)->deadline, at ? at : USEC_NEVER);
	if (!wanted || at)
		queue_remove(core, e);
	else if (!e->shape)
		queue_add(core, e);
}

int gate_check(const struct core *core, const struct entry *e)
{
	bool timed = e->live && e->live->deadline.at != USEC_NEVER;

	if (e->shape)
		return is_wanted(core, e) && !timed ? 0 : -EBADMSG;
	return !is_wanted(core, e) || timed ? 0 : -EBADMSG;
}

/* From when on it could not end by its deadline any more. */
static int64_t latest_start(const struct mscg_job *job)
{
	return job->deadline_usec - job->time_limit_s * USEC_PER_SEC;
}

void gate_arm(struct core *core, struct entry *e)
{
	if (e->job.deadline_usec)
		timer_set(core, &entry_live(core, e)->backoff, gate_boot_of(core, latest_start(&e->job)));
	else if (e->live)
		timer_set(core, &e->live->backoff, USEC_NEVER);
}

void gate_deadline(struct core *core, struct entry *e)
{
	struct ending ending = {MSCG_STATE_DEADLINE, MSCG_REASON_DEADLINE, 0, 0, core->now.real_usec, NULL};

	if (core->now.real_usec < latest_start(&e->job)) {
		gate_arm(core, e);
		return;
	}
	timer_set(core, &e->live->backoff, USEC_NEVER);
	if (is_record(e))
		array_expire(core, e);
	else
		life_end(core, e, &ending);
}

enum mscg_reason gate_why(const struct core *core, const struct entry *e, struct core_now now, char text[160])
{
	char size[32];
	int64_t in;

	if (e->job.flags & MSCG_JOB_HELD_ADMIN) {
		snprintf(text, 160, "%s, who alone can release it", mscg_reason_text(MSCG_REASON_HELD_ADMIN));
		return MSCG_REASON_HELD_ADMIN;
	}
	if (e->job.flags & MSCG_JOB_HELD_USER) {
		snprintf(text, 160, "%s, until it is released", mscg_reason_text(MSCG_REASON_HELD_USER));
		return MSCG_REASON_HELD_USER;
	}
	if (depend_why(core, e, now, text) != MSCG_REASON_NONE)
		return depend_why(core, e, now, text);
	if (e->job.begin_usec > now.real_usec) {
		in = (e->job.begin_usec - now.real_usec + USEC_PER_SEC - 1) / USEC_PER_SEC;
		snprintf(text, 160, "begins in %s at the earliest", format_elapsed((uint64_t)in, size, sizeof size));
		return MSCG_REASON_BEGIN_TIME;
	}
	if (e->live && e->live->retry_at > now.boot_usec) {
		in = (e->live->retry_at - now.boot_usec + USEC_PER_SEC - 1) / USEC_PER_SEC;
		if (e->job.reason != MSCG_REASON_LAUNCH_RETRY) {
			snprintf(text, 160, "begins again in %" PRId64 " s: %.100s", in, e->job.run->fail_text);
			return (enum mscg_reason)e->job.reason;
		}
		snprintf(text, 160, "could not be started%s%.80s (%u of %u attempts): the next in %" PRId64 " s",
		         *e->job.run->fail_text ? ": " : "", e->job.run->fail_text, e->live->retries, core->policy.max_launch_retries + 1, in);
		return MSCG_REASON_LAUNCH_RETRY;
	}
	if (is_record(e) && !e->array->waiting && e->array->held_n) {
		snprintf(text, 160, "%u tasks of it are held, until they are released", e->array->held_n);
		return MSCG_REASON_HELD_USER;
	}
	if (is_record(e) && !array_wants(e->array)) {
		snprintf(text, 160, "%" PRIu64 " tasks of the array run, of %u that may at a time", e->array->active, e->array->throttle);
		return MSCG_REASON_ARRAY_LIMIT;
	}
	return MSCG_REASON_NONE;
}
