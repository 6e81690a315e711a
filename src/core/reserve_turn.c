/* Reservations that are made, begin, end and are given up. */
#include "src/core/reserve.h"

/* -- what begins and ends -------------------------------------------------------------------------------------------- */

static void say(struct core *core, const struct reservation *r, bool gone)
{
	struct core_output *out = core->out;
	struct core_reservation *to;

	GROW(out->reservations, out->reservations_n, out->reservations_cap);
	to = &out->reservations[out->reservations_n++];
	core_reservation_copy(&r->is, to);
	if (gone)
		to->end_usec = 0;
}

/* What still holds something of it has been told to end for a while, or stood still: it is over now. */
static void end_jobs(struct core *core, const struct reservation *r)
{
	for (struct live *l = core->granted, *next; l; l = next) {
		next = l->granted_next;
		if (l->entry->job.reservation == r->key && l->entry->job.state != MSCG_STATE_COMPLETING &&
		    !(l->entry->job.flags & (JOB_ENDING | MSCG_JOB_KILLED)))
			life_time_out(core, l->entry, MSCG_REASON_TIME_LIMIT);
	}
}

static void drop(struct core *core, uint32_t at)
{
	struct reservation r = core->reserve.all[at];

	say(core, &r, true);
	core->reserve.all[at] = core->reserve.all[--core->reserve.n];
	reserve_reconsider(core, r.key);
	core_reservation_clear(&r.is);
}

static void begin(struct core *core, struct reservation *r)
{
	r->begun = true;
	reserve_reconsider(core, r->key);
}

/* CPUs that elastic jobs have been told to give up for it. */
static uint64_t coming(const struct core *core)
{
	uint64_t cpus = 0;

	for (const struct live *l = core->granted; l; l = l->granted_next)
		if (l->flight && l->flight->reserves && share_of(l->entry)->cpu_milli > l->flight->cpus)
			cpus += share_of(l->entry)->cpu_milli - l->flight->cpus;
	return cpus;
}

static void make_room(struct core *core)
{
	uint64_t has = book_free(core, POOL_EXCLUSIVE);
	const struct reservation *r;

	if (core->reserve.kept_cpus <= has)
		return;
	has += coming(core);
	r = reserve_at(core, core->now.boot_usec);
	if (r && core->reserve.kept_cpus > has)
		elastic_clear(core, core->reserve.kept_cpus - has, r->is.name);
}

static void set_wake(struct core *core)
{
	struct reserve *s = &core->reserve;

	s->wake = s->recheck;
	for (uint32_t i = 0; i < s->n; i++) {
		const struct core_reservation *r = &s->all[i].is;

		s->wake = MIN_OF(s->wake, gate_boot_of(core, s->all[i].begun ? r->end_usec : r->start_usec));
	}
}

void reserve_turn(struct core *core)
{
	struct reserve *s = &core->reserve;

	s->wake = USEC_NEVER;
	if (!s->n)
		return;
	for (uint32_t i = 0; i < s->n;) {
		if (s->all[i].is.end_usec <= core->now.real_usec) {
			end_jobs(core, &s->all[i]);
			drop(core, i);
			continue;
		}
		if (!s->all[i].begun && s->all[i].is.start_usec <= core->now.real_usec)
			begin(core, &s->all[i]);
		i++;
	}
	if (s->recheck <= core->now.boot_usec) {
		s->recheck = USEC_NEVER;
		for (uint32_t i = 0; i < s->n; i++)
			reserve_reconsider(core, s->all[i].key);
		for (const struct shape *shape = s->shapes; shape; shape = shape->reserve_next)
			if (shape->listed)
				reserve_listed(core, shape);
	}
	reserve_sum_up(core);
	make_room(core);
	set_wake(core);
}

/* -- what operators ask for ------------------------------------------------------------------------------------------- */

static uint64_t default_mem(const struct core *core, uint32_t cpus_milli)
{
	return MIN_OF(core->policy.default_mem_per_cpu * (cpus_milli / CPU), core->mem_total);
}

/* The first time from its start on at which there is enough for as long as it lasts; USEC_NEVER: that can not be said. */
static int64_t first_time(const struct core *core, const struct core_reservation *r)
{
	struct plan plan = {0};
	struct plan_need need = {.span = 0};
	int64_t start = boot_of(core->now, r->start_usec), at;

	plan_make_least(core, core->now, &plan);
	plan_promise(&plan, start, &need); /* a point there */
	need = (struct plan_need){.cpus = r->cpus_milli, .mem = r->mem_bytes, .pool = POOL_EXCLUSIVE, .span = r->end_usec - r->start_usec};
	at = plan_earliest(&plan, &need, start);
	plan_clear(&plan);
	return at == USEC_NEVER ? at : core->now.real_usec + (at - core->now.boot_usec);
}

static int check_window(const struct core *core, const struct core_reservation *r, char text[160])
{
	char a[64], b[64];

	if (r->start_usec < core->now.real_usec)
		snprintf(text, 160, "it would begin at %s, which is past: expected a time to come, or now", format_rfc3339(r->start_usec, a, sizeof a));
	else if (r->end_usec <= r->start_usec)
		snprintf(text, 160, "it would end at %s, and begin at %s: expected an end after that", format_rfc3339(r->end_usec, a, sizeof a),
		         format_rfc3339(r->start_usec, b, sizeof b));
	else
		return 0;
	return -EINVAL;
}

static int check_size(const struct core *core, const struct core_reservation *r, char text[160])
{
	uint64_t all = book_total(core, POOL_EXCLUSIVE);
	char a[64], b[64];

	if (!r->cpus_milli || r->cpus_milli % CPU)
		snprintf(text, 160, "%s CPUs: expected a whole number, 1 at least", format_cpus(r->cpus_milli, a, sizeof a));
	else if (r->cpus_milli > all)
		snprintf(text, 160, "%s CPUs: expected at most the %s that this machine gives out", format_cpus(r->cpus_milli, a, sizeof a),
		         format_cpus((uint32_t)all, b, sizeof b));
	else if (r->mem_bytes > core->mem_total)
		snprintf(text, 160, "%s of memory: expected at most the %s that this machine has", format_size(r->mem_bytes, a, sizeof a),
		         format_size(core->mem_total, b, sizeof b));
	else
		return 0;
	return -ENOSPC;
}

static int check_conflict(const struct core *core, const struct core_reservation *r, char text[160])
{
	int64_t at = first_time(core, r);
	char cpus[32], start[64], first[64];

	if (at == r->start_usec)
		return 0;
	format_cpus(r->cpus_milli, cpus, sizeof cpus);
	format_rfc3339(r->start_usec, start, sizeof start);
	if (at == USEC_NEVER)
		snprintf(text, 160, "what runs has CPUs or memory of it, and no time limit: expected fewer than %s CPUs, or an end of those jobs", cpus);
	else
		snprintf(text, 160, "jobs or other reservations have some of it then: expected a start at %s at the earliest",
		         format_rfc3339(at, first, sizeof first));
	return -ENOSPC;
}

/* Of one that had this name before: who may use this one was not asked of it. */
static const struct entry *left_over(const struct core *core, uint32_t key)
{
	struct entry *e, *task;

	IDS_EACH(&core->jobs, id, e) {
		if (e->job.reservation == key)
			return e;
		if (is_record(e))
			IDS_EACH(&e->array->tasks, index, task)
				if (task->job.reservation == key)
					return task;
	}
	return NULL;
}

static int check(const struct core *core, const struct core_reservation *r, char text[160])
{
	bool maint = r->flags & CORE_RESERVATION_MAINT;
	const struct entry *old = left_over(core, name_key(r->name));
	char id[MSCG_ID_TEXT];
	int code;

	if (reserve_find(core, name_key(r->name)))
		snprintf(text, 160, "there is one of that name: expected another name, or that one to be deleted first");
	else if (old)
		snprintf(text, 160, "job %s was for an earlier one of that name: expected another name, or an end of that job",
		         mscg_id_format(old->job.id, id));
	else if (core->reserve.n >= CORE_RESERVATIONS_MAX)
		snprintf(text, 160, "there are %u, as many as there can be: expected one to be deleted first", core->reserve.n);
	else if (!maint && !r->users && !r->accounts)
		snprintf(text, 160, "it is for nobody: expected users or accounts, or the flag maint");
	else if (maint && (r->users || r->accounts))
		snprintf(text, 160, "with the flag maint it is for nobody: expected no users and no accounts");
	else if ((code = check_window(core, r, text)) < 0 || (code = check_size(core, r, text)) < 0)
		return code;
	else
		return check_conflict(core, r, text);
	return -EINVAL;
}

static struct reservation *add(struct core *core, const struct core_reservation *is)
{
	struct reserve *s = &core->reserve;
	struct reservation *r;

	GROW(s->all, s->n, s->cap);
	r = &s->all[s->n++];
	*r = (struct reservation){.key = name_key(is->name)};
	core_reservation_copy(is, &r->is);
	return r;
}

static void reserve(struct core *core, const struct core_input *in)
{
	struct core_reservation r = *in->reservation;
	char text[160];
	int code;

	if (r.start_usec < core->now.real_usec && r.start_usec > core->now.real_usec - NEAR_USEC)
		r.start_usec = core->now.real_usec;
	if (!r.mem_bytes)
		r.mem_bytes = default_mem(core, r.cpus_milli);
	code = check(core, &r, text);
	if (code < 0) {
		out_say(core, in, code, "reservation %.31s: %.115s", r.name, text);
		return;
	}
	say(core, add(core, &r), false);
	out_say(core, in, 0, "%s", "");
}

static void unreserve(struct core *core, const struct core_input *in)
{
	const char *name = in->reservation->name;
	struct reservation *r = reserve_find(core, name_key(name));

	if (!r) {
		out_say(core, in, -ESRCH, "no reservation %.40s", name);
	} else if (r->running) {
		out_say(core, in, -EBUSY, "reservation %.40s has %u job%s that run: expected them to end, or to be cancelled, first", name, r->running,
		        r->running == 1 ? "" : "s");
	} else {
		drop(core, (uint32_t)(r - core->reserve.all));
		reserve_sum_up(core);
		out_say(core, in, 0, "%s", "");
	}
}

void reserve_input(struct core *core, const struct core_input *in)
{
	if (in->kind == CORE_RESERVE)
		reserve(core, in);
	else
		unreserve(core, in);
}

void core_load_reservation(struct core *core, const struct core_reservation *is)
{
	struct reservation *r = reserve_find(core, name_key(is->name));

	if (is->end_usec && !r) {
		add(core, is);
	} else if (!is->end_usec && r) {
		core_reservation_clear(&r->is);
		*r = core->reserve.all[--core->reserve.n];
	}
}
