/* What each user has, in all and in each QOS: jobs that are not over, and of what runs jobs, CPUs and memory. Where there are
 * limits for a user, the waiting have a shape for each user, and a shape of which its user may have no more is not listed: such
 * a job is nobody's head, holds nothing back, and is not looked at until something of its user ends. CPUs count as asked for:
 * what elastic jobs are lent on top of it is given back at once, and is nobody's.
 *
 * Root has no limits. */
#include "src/core/internal.h"

/* Of one user: in all, or in a QOS. 0: no limit. */
struct most {
	uint64_t submitted, running, cpus, mem;
	const char *in, *qos; /* for people: " in QOS ", and which; "" in all */
};

static struct most most_of(const struct core_policy *p, uint32_t qos)
{
	const struct core_qos *q = qos ? core_qos_find(p, qos) : NULL;

	if (!qos)
		return (struct most){p->user_submitted, p->user_running, p->user_cpus_milli, p->user_mem_bytes, "", ""};
	if (!q)
		return (struct most){.in = "", .qos = ""};
	return (struct most){q->user_submitted, q->user_running, q->user_cpus_milli, q->user_mem_bytes, " in QOS ", q->name};
}

bool users_limited(const struct core_policy *policy)
{
	bool limited = policy->user_running || policy->user_cpus_milli || policy->user_mem_bytes;

	for (uint32_t i = 0; i < policy->qos_n; i++)
		limited |= policy->qos[i].user_running || policy->qos[i].user_cpus_milli || policy->qos[i].user_mem_bytes;
	return limited;
}

/* -- what they have ------------------------------------------------------------------------------------------------ */

struct user *user_get(struct core *core, uint32_t uid)
{
	struct user *u = ids_get(&core->users, uid);

	if (!u) {
		u = xcalloc(1, sizeof *u);
		u->uid = uid;
		ids_set(&core->users, uid, u);
	}
	return u;
}

void user_free(struct user *u)
{
	free(u->in);
	free(u);
}

void user_put(struct core *core, struct user *u)
{
	if (u->all.submitted || u->all.running || u->shapes)
		return;
	ids_set(&core->users, u->uid, NULL);
	user_free(u);
}

void users_clear(struct core *core)
{
	struct user *u;

	IDS_EACH(&core->users, uid, u)
		user_free(u);
	ids_free(&core->users);
}

/* Nothing yet: all zeros. qos 0: in all. */
static struct have have_in(const struct user *u, uint32_t qos)
{
	if (!u || !qos)
		return u ? u->all : (struct have){0};
	for (uint32_t i = 0; i < u->in_n; i++)
		if (u->in[i].qos == qos)
			return u->in[i];
	return (struct have){.qos = qos};
}

static struct have *have_for(struct user *u, uint32_t qos)
{
	for (uint32_t i = 0; i < u->in_n; i++)
		if (u->in[i].qos == qos)
			return &u->in[i];
	u->in = xreallocarray(u->in, u->in_n + 1, sizeof *u->in);
	u->in[u->in_n] = (struct have){.qos = qos};
	return &u->in[u->in_n++];
}

void user_add(struct user *u, uint32_t qos, const struct have *more)
{
	struct have *have[] = {&u->all, qos ? have_for(u, qos) : NULL};

	for (size_t i = 0; i < ARRAY_SIZE(have); i++) {
		if (!have[i])
			continue;
		have[i]->submitted += more->submitted;
		have[i]->running += more->running;
		have[i]->cpus += more->cpus;
		have[i]->mem += more->mem;
	}
}

void user_count(struct core *core, const struct mscg_job *job, int64_t jobs)
{
	struct user *u = user_get(core, job->uid);

	user_add(u, job->qos, &(struct have){.submitted = (uint64_t)jobs});
	user_put(core, u);
}

/* -- what may start ------------------------------------------------------------------------------------------------ */

static bool is_within(uint64_t has, uint64_t more, uint64_t limit)
{
	return !limit || has + more <= limit;
}

static bool is_over(const struct core_policy *p, const struct have *have)
{
	struct most most = most_of(p, have->qos);

	return !is_within(have->running, 0, most.running) || !is_within(have->cpus, 0, most.cpus) || !is_within(have->mem, 0, most.mem);
}

bool users_over(const struct core *core)
{
	const struct user *u;
	bool over = false;

	IDS_EACH(&core->users, uid, u) {
		over |= u->uid && is_over(&core->policy, &u->all);
		for (uint32_t i = 0; i < u->in_n; i++)
			over |= u->uid && is_over(&core->policy, &u->in[i]);
	}
	return over;
}

static bool may_start_in(const struct core *core, const struct user *u, uint32_t qos, uint32_t cpus, uint64_t mem)
{
	struct most most = most_of(&core->policy, qos);
	struct have have = have_in(u, qos);

	return is_within(have.running, 1, most.running) && is_within(have.cpus, cpus, most.cpus) && is_within(have.mem, mem, most.mem);
}

bool user_may_start(const struct core *core, const struct user *u, uint32_t qos, uint32_t cpus, uint64_t mem)
{
	return may_start_in(core, u, 0, cpus, mem) && (!qos || may_start_in(core, u, qos, cpus, mem));
}

static bool feasible_in(const struct core *core, uint32_t qos, uint32_t cpus, uint64_t mem, char *text)
{
	struct most most = most_of(&core->policy, qos);
	char a[32], b[32];

	if (!is_within(0, cpus, most.cpus)) {
		if (text)
			snprintf(text, 160, "needs %s CPUs, a user may have %s at a time here%s%s", format_cpus(cpus, a, sizeof a),
			         format_cpus((uint32_t)most.cpus, b, sizeof b), most.in, most.qos);
		return false;
	}
	if (!is_within(0, mem, most.mem)) {
		if (text)
			snprintf(text, 160, "needs %s of memory, a user may have %s at a time here%s%s", format_size(mem, a, sizeof a),
			         format_size(most.mem, b, sizeof b), most.in, most.qos);
		return false;
	}
	return true;
}

/* Does it ever fit below what one user may have? */
bool user_feasible(const struct core *core, uint32_t uid, uint32_t qos, uint32_t cpus, uint64_t mem, char *text)
{
	return uid == 0 || (feasible_in(core, 0, cpus, mem, text) && (!qos || feasible_in(core, qos, cpus, mem, text)));
}

/* Costs what the user has of different needs, not of jobs. */
static void reconsider(struct core *core, struct user *u)
{
	for (struct shape *s = u->shapes; s; s = s->user_next)
		queue_allow(core, s);
}

uint32_t user_cpus(const struct entry *e)
{
	const struct flight *f = e->live->flight;

	return f && f->by_hand && f->cpus_asked ? MAX_OF(e->job.cpus_milli, f->cpus) : e->job.cpus_milli;
}

void user_update(struct core *core, struct entry *e)
{
	struct live *l = e->live;
	bool has = l->granted_link && holds(e);
	uint32_t cpus = has ? user_cpus(e) : 0;
	uint64_t mem = has ? share_of(e)->mem_bytes : 0;
	struct user *u;

	if (has == l->counted && cpus == l->counted_cpus && mem == l->counted_mem)
		return;
	u = user_get(core, e->job.uid);
	user_add(u, e->job.qos, &(struct have){.running = (uint64_t)has - (uint64_t)l->counted, .cpus = (uint64_t)cpus - l->counted_cpus,
	                                      .mem = mem - l->counted_mem});
	totals_add(core, &e->job, (uint64_t)has - (uint64_t)l->counted, (uint64_t)cpus - l->counted_cpus, mem - l->counted_mem);
	if (e->job.reservation)
		reserve_count(core, &e->job, (int)has - (int)l->counted, (uint64_t)cpus - l->counted_cpus, mem - l->counted_mem);
	l->counted = has;
	l->counted_cpus = cpus;
	l->counted_mem = mem;
	reconsider(core, u);
	user_put(core, u);
}

/* -- what is said -------------------------------------------------------------------------------------------------- */

static int admits_in(const struct core *core, const struct mscg_job *job, uint32_t qos, uint64_t more, char text[160])
{
	struct most most = most_of(&core->policy, qos);
	uint64_t has = have_in(ids_get(&core->users, job->uid), qos).submitted, limit = most.submitted;

	if (is_within(has, more, limit))
		return 0;
	snprintf(text, 160, "%" PRIu64 " job%s more than the %" PRIu64 " that a user may have here%s%s: %" PRIu64 " of yours %s not over",
	         has + more - limit, has + more - limit == 1 ? "" : "s", limit, most.in, most.qos, has, has == 1 ? "is" : "are");
	return -ENOSPC;
}

int user_admits(const struct core *core, const struct mscg_job *job, uint64_t more, char text[160])
{
	int r = job->uid ? admits_in(core, job, 0, more, text) : 0;

	return r == 0 && job->uid && job->qos ? admits_in(core, job, job->qos, more, text) : r;
}

static enum mscg_reason why_in(const struct core *core, const struct entry *e, uint32_t qos, char text[160])
{
	struct most most = most_of(&core->policy, qos);
	struct have have = have_in(ids_get(&core->users, e->job.uid), qos);
	char has[32], may[32], need[32];

	if (!is_within(have.running, 1, most.running)) {
		snprintf(text, 160, "its user runs %" PRIu64 " job%s%s%s, and may run %" PRIu64 " at a time", have.running,
		         have.running == 1 ? "" : "s", most.in, most.qos, most.running);
		return MSCG_REASON_USER_JOBS;
	}
	if (!is_within(have.cpus, e->job.cpus_milli, most.cpus)) {
		snprintf(text, 160, "needs %s CPUs, its user has %s of the %s that a user may have%s%s",
		         format_cpus(e->job.cpus_milli, need, sizeof need), format_cpus((uint32_t)have.cpus, has, sizeof has),
		         format_cpus((uint32_t)most.cpus, may, sizeof may), most.in, most.qos);
		return MSCG_REASON_USER_CPUS;
	}
	if (!is_within(have.mem, e->job.mem_bytes, most.mem)) {
		snprintf(text, 160, "needs %s of memory, its user has %s of the %s that a user may have%s%s",
		         format_size(e->job.mem_bytes, need, sizeof need), format_size(have.mem, has, sizeof has),
		         format_size(most.mem, may, sizeof may), most.in, most.qos);
		return MSCG_REASON_USER_MEMORY;
	}
	return MSCG_REASON_NONE;
}

enum mscg_reason user_why(const struct core *core, const struct entry *e, char text[160])
{
	enum mscg_reason why = e->job.uid ? why_in(core, e, 0, text) : MSCG_REASON_NONE;

	return why == MSCG_REASON_NONE && e->job.uid && e->job.qos ? why_in(core, e, e->job.qos, text) : why;
}

static bool affords_in(const struct core *core, const struct entry *e, uint32_t qos, uint64_t more_cpus, uint64_t more_mem,
                       char *text, size_t size)
{
	struct most most = most_of(&core->policy, qos);
	struct have have = have_in(ids_get(&core->users, e->job.uid), qos);
	char has[32], may[32], need[32];

	if (more_cpus && !is_within(have.cpus, more_cpus, most.cpus))
		snprintf(text, size, "needs %s more CPUs, its user has %s of the %s that a user may have%s%s",
		         format_cpus((uint32_t)more_cpus, need, sizeof need), format_cpus((uint32_t)have.cpus, has, sizeof has),
		         format_cpus((uint32_t)most.cpus, may, sizeof may), most.in, most.qos);
	else if (more_mem && !is_within(have.mem, more_mem, most.mem))
		snprintf(text, size, "needs %s more memory, its user has %s of the %s that a user may have%s%s",
		         format_size(more_mem, need, sizeof need), format_size(have.mem, has, sizeof has),
		         format_size(most.mem, may, sizeof may), most.in, most.qos);
	else
		return true;
	return false;
}

/* What a resize by hand would add. */
bool user_affords(const struct core *core, const struct entry *e, uint64_t more_cpus, uint64_t more_mem, char *text, size_t size)
{
	return e->job.uid == 0 || (affords_in(core, e, 0, more_cpus, more_mem, text, size) &&
	                           (!e->job.qos || affords_in(core, e, e->job.qos, more_cpus, more_mem, text, size)));
}
