/* Resizes under way. One at a time for each job: the next waits until the engine has answered. What a grow adds is
 * booked when it is decided; what a shrink takes is free, or its claimant's, when the kernel has taken it. */
#include "src/core/internal.h"

#define BACKOFF_MAX_S 60

bool resize_possible(const struct entry *e)
{
	const struct live *l = e->live;

	return runs(e) && holds(e) && !l->flight && !l->unsure && !l->stranded && !l->wishes && l->backoff.at == USEC_NEVER;
}

static void fill(struct core *core, struct entry *e, const struct flight *f, struct mscg_event *event, struct mscg_action *action)
{
	struct mscg_share *share;

	event->cpus_milli = f->cpus;
	event->mem_bytes = f->mem;
	free(event->cpus);
	event->cpus = out_set(&f->set);
	mscg_grant_free(action->grant);
	action->grant = mscg_grant_copy(e->job.run->grant);
	share = &action->grant->share[0];
	share->cpus = f->set;
	share->cpu_milli = f->cpus;
	share->mem_bytes = f->mem;
	if (pool_of(&e->job) == POOL_EXCLUSIVE)
		place_mems(&core->place, &f->set, &share->mems);
}

struct flight *resize_begin(struct core *core, struct entry *e, uint32_t cpus, const struct mscg_cpuset *set, uint64_t mem, char *text)
{
	struct flight *f = xcalloc(1, sizeof *f);
	const struct mscg_share *share = share_of(e);
	struct mscg_event event = out_new(core, e, MSCG_EVENT_RESIZING);
	struct mscg_action *action = out_action(core, e, MSCG_ACTION_RESIZE);

	*f = (struct flight){
		.seq = core->next_seq,
		.cpus = cpus, .before = e->job.current_cpus_milli,
		.mem = mem, .mem_before = e->job.mem_bytes,
		.set = *set, .set_before = share->cpus,
		.step = core->step,
		.event = core->out->events_n, .action = core->out->actions_n - 1,
	};
	book_accrue(core, e);
	if (mem > share->mem_bytes)
		core->mem_held += mem - share->mem_bytes;
	if (pool_of(&e->job) == POOL_EXCLUSIVE && e->job.state != MSCG_STATE_SUSPENDED) /* what goes on has them already */
		book_hold(core, e, set);
	fill(core, e, f, &event, action);
	action->resize_seq = f->seq;
	action->memory = mem != e->job.mem_bytes || mem != share->mem_bytes;
	event.text = text;
	out_event(core, e, &event);
	if (pool_of(&e->job) == POOL_EXCLUSIVE)
		place_mems(&core->place, &share->cpus, &share_of(e)->mems);
	e->live->flight = f;
	e->live->unsure = false;
	elastic_update(core, e);
	return f;
}

/* The event and the action are still in the output of this step, unseen: they are made to say more. */
void resize_enlarge(struct core *core, struct entry *e, uint32_t cpus, const struct mscg_cpuset *set)
{
	struct flight *f = e->live->flight;
	struct mscg_event *event = &core->out->events[f->event];

	f->cpus = cpus;
	f->set = *set;
	fill(core, e, f, event, &core->out->actions[f->action]);
	core_job_apply(&e->job, event, NULL);
	elastic_update(core, e);
}

/* -- answers of the engine ---------------------------------------------------------------------------------------- */

static void forget_after(struct live *l, uint64_t seq)
{
	for (uint32_t i = 0; i < l->after_n; i++)
		if (l->after[i].seq == seq) {
			l->after[i] = l->after[--l->after_n];
			return;
		}
}

static void land(struct core *core, struct entry *e)
{
	struct flight *f = steal(&e->live->flight);

	free(f->starters);
	free(f);
	elastic_update(core, e);
	user_update(core, e);
}

static void landed_event(struct core *core, struct entry *e, enum mscg_event_kind kind, bool taken, const char *text)
{
	const struct flight *f = e->live->flight;
	struct mscg_event event = out_new(core, e, kind);

	event.cpus_milli = taken ? f->cpus : f->before;
	event.mem_bytes = taken ? f->mem : f->mem_before;
	event.cpus = out_set(taken ? &f->set : &f->set_before);
	event.text = text && *text ? xstrdup(text) : NULL;
	book_accrue(core, e);
	out_event(core, e, &event);
	if (pool_of(&e->job) == POOL_EXCLUSIVE)
		book_dress(core, e);
	change_note_hurt(core, e);
}

/* By hand: what was asked becomes what the job is, so that it is not taken back as lent. */
static void adopt_size(struct core *core, struct entry *e, uint32_t cpus)
{
	struct mscg_event event;

	if (cpus == e->job.cpus_milli && (e->job.flags & MSCG_JOB_BY_HAND || !(e->job.flags & MSCG_JOB_ELASTIC)))
		return;
	event = out_new(core, e, MSCG_EVENT_UPDATED);
	event.cpus_milli = cpus;
	event.mem_bytes = 0;
	out_event(core, e, &event);
	elastic_update(core, e);
}

static void adopt_mem(struct core *core, struct entry *e, uint64_t mem)
{
	struct mscg_event event;

	if (!mem_moves(&e->job) || mem == mem_asked(&e->job))
		return;
	event = out_new(core, e, MSCG_EVENT_UPDATED);
	event.cpus_milli = 0;
	event.mem_bytes = mem;
	out_event(core, e, &event);
}

static void taken(struct core *core, struct entry *e)
{
	struct flight *f = e->live->flight;
	struct mscg_cpuset gone = f->set_before;
	uint64_t mem = share_of(e)->mem_bytes;
	int64_t held = share_of(e)->cpu_milli;
	char cpus[32], size[32];

	mscg_cpuset_subtract(&gone, &f->set);
	landed_event(core, e, MSCG_EVENT_RESIZED, true, NULL);
	core->mem_held -= mem - f->mem;
	if (pool_of(&e->job) == POOL_EXCLUSIVE)
		book_let_go(core, e, &gone);
	else
		core->shared_free += held - f->cpus - f->pledged;
	for (uint32_t i = 0; i < f->starters_n; i++) {
		struct entry *starter = entry_find(core, f->starters[i]);

		if (starter && starter->live)
			forget_after(starter->live, f->seq);
	}
	e->live->refusals = 0;
	suspend_landed(core, e, true, NULL);
	if (f->by_hand) {
		if (f->cpus_asked)
			adopt_size(core, e, f->cpus);
		if (f->mem != f->mem_before)
			adopt_mem(core, e, f->mem);
		out_answer(core, f->token, e->job.id, 0, CORE_RESIZE_DONE, true, "job has %s CPUs and %s of memory",
		       format_cpus(f->cpus, cpus, sizeof cpus), format_size(f->mem, size, sizeof size));
	}
}

static void refused(struct core *core, struct entry *e, uint64_t used, const char *why)
{
	struct flight *f = e->live->flight;
	struct mscg_cpuset added = f->set;
	uint64_t mem = share_of(e)->mem_bytes;
	int64_t held = share_of(e)->cpu_milli;
	uint32_t delay = e->live->refusals < 6 ? 1u << e->live->refusals : BACKOFF_MAX_S;

	mscg_cpuset_subtract(&added, &f->set_before);
	landed_event(core, e, MSCG_EVENT_RESIZE_DEFERRED, false, why);
	core->mem_held -= mem - f->mem_before;
	if (pool_of(&e->job) == POOL_EXCLUSIVE)
		book_let_go(core, e, &added);
	else
		core->shared_free += held - f->before - f->pledged;
	e->live->unsure = f->settles;
	suspend_landed(core, e, false, why);
	if (f->sheds)
		mem_refused(core, e, used, why);
	if (f->by_hand) {
		out_answer(core, f->token, e->job.id, -EAGAIN, CORE_RESIZE_DEFERRED, true, "%s", why);
		return;
	}
	e->live->refusals++;
	timer_set(core, &e->live->backoff, core->now.boot_usec + delay * USEC_PER_SEC);
}

static void next_wish(struct core *core, struct entry *e);

void resize_report(struct core *core, struct entry *e, const struct mscg_report *r)
{
	if (!e->live || !e->live->flight || e->live->flight->seq != r->resize_seq || !holds(e))
		return;
	if (r->kind == MSCG_REPORT_RESIZED)
		taken(core, e);
	else
		refused(core, e, r->used_bytes, r->text);
	land(core, e);
	next_wish(core, e);
	suspend_go_on(core, e);
	change_repair(core, e);
}

void resize_drop(struct core *core, struct entry *e, const char *why)
{
	struct live *l = e->live;

	if (!l)
		return;
	if (l->wishes)
		out_answer(core, l->wish.token, e->job.id, -EALREADY, CORE_RESIZE_INFEASIBLE, true, "%s", why);
	l->wishes = false;
	suspend_drop(core, e, why);
	if (!l->flight)
		return;
	if (l->flight->by_hand || l->flight->suspends)
		out_answer(core, l->flight->token, e->job.id, -EALREADY, CORE_RESIZE_INFEASIBLE, true, "%s", why);
	land(core, e);
}

/* Memory is settled at the larger: it is booked, and nothing has to be taken from the job for that. */
static void settle(struct core *core, struct entry *e, uint32_t cpus, const struct mscg_cpuset *set)
{
	uint64_t mem = share_of(e)->mem_bytes;
	struct flight *f = resize_begin(core, e, cpus, set, mem, xstrdup("settled after a restart"));

	f->settles = true;
	f->mem_before = mem;
	core->out->actions[f->action].memory = true;
}

/* A restart met the job in the middle of a resize: the books say what it holds at most, its record what it can count
 * on. Whatever the kernel has of that, it is told the latter. CPUs that a job waits for to be started on are given. */
void resize_settle(struct core *core, struct entry *e)
{
	struct mscg_cpuset set = share_of(e)->cpus, out = {0};
	uint32_t keep = e->job.current_cpus_milli / CPU, have;

	if (e->job.state == MSCG_STATE_SUSPENDED) {
		suspend_settle(core, e);
		return;
	}
	if (pool_of(&e->job) == POOL_SHARED) {
		settle(core, e, e->job.current_cpus_milli, &set);
		return;
	}
	for (unsigned c = mscg_cpuset_next(&set, 0); c < MSCG_CPUS_MAX; c = mscg_cpuset_next(&set, c + 1))
		if (c < core->cpu_limit && core->claim[c])
			mscg_cpuset_remove(&set, c);
	have = mscg_cpuset_count(&set);
	if (have > keep && keep) {
		place_shed(&core->place, &set, have - keep, &out);
		mscg_cpuset_subtract(&set, &out);
		have = keep;
	}
	if (have)
		settle(core, e, have * CPU, &set);
}

/* -- by hand ------------------------------------------------------------------------------------------------------ */

/* 0: not asked for. */
static bool bounds(const struct core *core, const struct entry *e, uint32_t cpus, uint64_t mem, char *text, size_t size)
{
	bool elastic = e->job.flags & MSCG_JOB_ELASTIC, shared = pool_of(&e->job) == POOL_SHARED;
	uint64_t total = book_total(core, pool_of(&e->job));
	char a[32], b[32], c[32], outside[160];

	if (cpus && elastic && (cpus < e->job.min_cpus_milli || cpus > e->job.max_cpus_milli))
		snprintf(text, size, "%s CPUs are outside of what the job can be: %s to %s", format_cpus(cpus, a, sizeof a),
		         format_cpus(e->job.min_cpus_milli, b, sizeof b), format_cpus(e->job.max_cpus_milli, c, sizeof c));
	else if (cpus > total)
		snprintf(text, size, "%s CPUs are more than this machine has%s: %s", format_cpus(cpus, a, sizeof a),
		         shared ? " for sharing (shared-cpus)" : "", format_cpus((uint32_t)total, b, sizeof b));
	else if (!shared && cpus % CPU)
		snprintf(text, size, "%s CPUs: the job has CPUs of its own, expected a whole number", format_cpus(cpus, a, sizeof a));
	else if (mem && mem < MEM_MIN)
		snprintf(text, size, "%s of memory is too small: expected 4M at least", format_size(mem, a, sizeof a));
	else if (mem > core->mem_total)
		snprintf(text, size, "%s of memory is more than this machine has: %s", format_size(mem, a, sizeof a),
		         format_size(core->mem_total, b, sizeof b));
	else if (mem && mem_outside(&e->job, mem, outside))
		snprintf(text, size, "%s", outside);
	else if (!cpus && !mem)
		snprintf(text, size, "nothing to change: expected a number of CPUs or a size of memory");
	else
		return true;
	return false;
}

/* Is there enough for it? */
static bool affordable(const struct core *core, const struct entry *e, uint32_t cpus, uint64_t mem, char *text, size_t size)
{
	enum pool pool = pool_of(&e->job);
	uint32_t more = cpus > e->job.current_cpus_milli ? cpus - e->job.current_cpus_milli : 0;
	uint64_t more_mem = mem > e->job.mem_bytes ? mem - e->job.mem_bytes : 0, more_asked = cpus > e->job.cpus_milli ? cpus - e->job.cpus_milli : 0;
	struct mscg_job job = e->job;
	const struct reservation *r;
	char a[32], b[32], c[64], why[160];

	job.cpus_milli = MAX_OF(cpus, job.cpus_milli);
	job.mem_bytes = MAX_OF(mem, job.mem_bytes);
	if ((more || more_mem) && job_admits(core, &job, why) < 0)
		snprintf(text, size, "%s", why);
	else if (more > reserve_free(core, &e->job))
		snprintf(text, size, "needs %s more CPUs, %s free and %s lent to others", format_cpus(more, a, sizeof a),
		         count_text(reserve_free(core, &e->job), b, sizeof b),
		         count_text(elastic_takeable(core, pool, INT32_MIN, true) - e->live->own.lent_later, c, sizeof c));
	else if (more_mem > reserve_mem_free(core, &e->job))
		snprintf(text, size, "needs %s more memory, %s is free", format_size(more_mem, a, sizeof a),
		         format_size(reserve_mem_free(core, &e->job), b, sizeof b));
	else if ((more || more_mem) && (r = reserve_larger(core, e, more, more_mem)))
		snprintf(text, size, "reservation %s has that from %s on, before the job is over", r->is.name, format_rfc3339(r->is.start_usec, c, sizeof c));
	else
		return user_affords(core, e, more_asked, more_mem, text, size) && totals_afford(core, e, more_asked, more_mem, text, size);
	return false;
}

static void begin_by_hand(struct core *core, struct entry *e, uint64_t token, uint32_t cpus, uint64_t mem, bool cpus_asked)
{
	struct mscg_cpuset set = share_of(e)->cpus, out = {0};
	uint32_t now = e->job.current_cpus_milli;
	char a[32], b[32];
	struct flight *f;

	if (pool_of(&e->job) == POOL_SHARED) {
		if (cpus > now)
			core->shared_free -= cpus - now;
	} else if (cpus > now) {
		place_pick(&core->place, (cpus - now) / CPU, &set);
	} else if (cpus < now) {
		place_shed(&core->place, &set, (now - cpus) / CPU, &out);
		mscg_cpuset_subtract(&set, &out);
	}
	f = resize_begin(core, e, cpus, &set, mem, xstrdup("asked for by hand"));
	f->by_hand = true;
	f->cpus_asked = cpus_asked;
	f->token = token;
	elastic_update(core, e);
	user_update(core, e);
	out_answer(core, token, e->job.id, 0, CORE_RESIZE_INPROGRESS, false, "to %s CPUs and %s of memory",
	       format_cpus(cpus, a, sizeof a), format_size(mem, b, sizeof b));
}

/* Nothing is under way: do it, or say why not. 0 keeps what there is. */
static void try_by_hand(struct core *core, struct entry *e, uint64_t token, uint32_t want, uint64_t want_mem)
{
	uint32_t cpus = want ? want : e->job.current_cpus_milli;
	uint64_t mem = want_mem ? want_mem : e->job.mem_bytes;
	char text[160];

	if (!bounds(core, e, want, want_mem, text, sizeof text)) {
		out_answer(core, token, e->job.id, -ERANGE, CORE_RESIZE_INFEASIBLE, true, "%s", text);
	} else if (!runs(e)) {
		out_answer(core, token, e->job.id, -EAGAIN, CORE_RESIZE_DEFERRED, true, "the job is %s",
		           e->job.state == MSCG_STATE_SUSPENDED ? "suspended: resume it first" :
		           e->job.flags & MSCG_JOB_STARTED      ? "ending" : "being started");
	} else if (e->live->stranded) {
		out_answer(core, token, e->job.id, -EAGAIN, CORE_RESIZE_DEFERRED, true, "its CPUs are gone from the machine, and none is free");
	} else if (!affordable(core, e, cpus, mem, text, sizeof text)) {
		out_answer(core, token, e->job.id, -EAGAIN, CORE_RESIZE_DEFERRED, true, "%s", text);
	} else if (cpus == e->job.current_cpus_milli && mem == e->job.mem_bytes) {
		if (want)
			adopt_size(core, e, want);
		if (want_mem)
			adopt_mem(core, e, want_mem);
		out_answer(core, token, e->job.id, 0, CORE_RESIZE_DONE, true, "it has that already");
	} else {
		begin_by_hand(core, e, token, cpus, mem, want != 0);
	}
}

static void next_wish(struct core *core, struct entry *e)
{
	struct live *l = e->live;

	if (!l->wishes || l->flight || l->unsure)
		return;
	l->wishes = false;
	try_by_hand(core, e, l->wish.token, l->wish.cpus, l->wish.mem);
	elastic_update(core, e);
}

/* What waits has only a request to change. */
static void update_pending(struct core *core, struct entry *e, const struct core_input *in)
{
	uint32_t cpus = in->cpus_milli ? in->cpus_milli : e->job.cpus_milli;
	uint64_t mem = in->mem_bytes ? in->mem_bytes : submit_mem_for(core, &e->job, in->cpus_milli);
	enum mscg_reason reason = e->job.reason;
	bool queued = e->shape;
	char text[160];

	if (is_record(e) && e->array->active) {
		out_answer(core, in->token, in->id, -EINVAL, CORE_RESIZE_INFEASIBLE, true, "tasks of this array run already: resize them one by one");
		return;
	}
	if (!bounds(core, e, in->cpus_milli, in->mem_bytes, text, sizeof text)) {
		out_answer(core, in->token, in->id, -ERANGE, CORE_RESIZE_INFEASIBLE, true, "%s", text);
		return;
	}
	if (reason == MSCG_REASON_INFEASIBLE && cpus <= book_total(core, pool_of(&e->job)) && mem <= core->mem_total)
		reason = MSCG_REASON_NONE;
	queue_remove(core, e);
	update_size(core, e, in->cpus_milli, in->mem_bytes, reason);
	if (queued)
		queue_add(core, e);
	out_answer(core, in->token, in->id, 0, CORE_RESIZE_DONE, true, "it will start with that");
}

static void wish(struct core *core, struct entry *e, const struct core_input *in)
{
	struct live *l = e->live;

	if (l->wishes)
		out_answer(core, l->wish.token, e->job.id, -EAGAIN, CORE_RESIZE_DEFERRED, true, "a later resize took its place");
	l->wishes = true;
	l->wish.token = in->token;
	l->wish.cpus = in->cpus_milli;
	l->wish.mem = in->mem_bytes;
	elastic_update(core, e);
	out_answer(core, in->token, e->job.id, 0, CORE_RESIZE_PROPOSED, false, "another resize of the job is under way");
}

void resize_by_hand(struct core *core, const struct core_input *in)
{
	struct entry *e = entry_find(core, in->id);

	if (!e || e->node.bits & ENTRY_ENDED) {
		out_answer(core, in->token, in->id, core_task_waits(core, in->id) ? -EINVAL : -ESRCH, CORE_RESIZE_INFEASIBLE, true,
		       "no such job runs or waits");
		return;
	}
	if (e->job.state == MSCG_STATE_PENDING) {
		update_pending(core, e, in);
	} else if (!holds(e)) {
		out_answer(core, in->token, in->id, -EALREADY, CORE_RESIZE_INFEASIBLE, true, "the job has ended");
	} else if (e->live->flight || e->live->unsure) {
		wish(core, e, in);
	} else {
		try_by_hand(core, e, in->token, in->cpus_milli, in->mem_bytes);
	}
}
