/* What each user has: jobs that are not over, and of what runs jobs, CPUs and memory. Where there are limits for a user,
 * the waiting have a shape for each user, and a shape of which its user may have no more is not listed: such a job is
 * nobody's head, holds nothing back, and is not looked at until something of its user ends. CPUs count as asked for:
 * what elastic jobs are lent on top of it is given back at once, and is nobody's.
 *
 * Root has no limits. */
#include "src/core/internal.h"

bool users_limited(const struct core_policy *policy)
{
	return policy->user_running || policy->user_cpus_milli || policy->user_mem_bytes;
}

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

static void put(struct core *core, struct user *u)
{
	if (u->submitted || u->running || u->shapes)
		return;
	ids_set(&core->users, u->uid, NULL);
	free(u);
}

void users_clear(struct core *core)
{
	struct user *u;

	IDS_EACH(&core->users, uid, u)
		free(u);
	ids_free(&core->users);
}

void user_count(struct core *core, uint32_t uid, int64_t jobs)
{
	struct user *u = user_get(core, uid);

	u->submitted += (uint64_t)jobs;
	put(core, u);
}

/* -- what may start ------------------------------------------------------------------------------------------------ */

static bool is_within(uint64_t has, uint64_t more, uint64_t limit)
{
	return !limit || has + more <= limit;
}

static bool is_over(const struct core_policy *p, const struct user *u)
{
	return u->uid && (!is_within(u->running, 0, p->user_running) || !is_within(u->cpus, 0, p->user_cpus_milli) ||
	                  !is_within(u->mem, 0, p->user_mem_bytes));
}

bool users_over(const struct core *core)
{
	const struct user *u;

	IDS_EACH(&core->users, uid, u)
		if (is_over(&core->policy, u))
			return true;
	return false;
}

bool user_may_start(const struct core *core, const struct user *u, uint32_t cpus, uint64_t mem)
{
	const struct core_policy *p = &core->policy;

	return is_within(u->running, 1, p->user_running) && is_within(u->cpus, cpus, p->user_cpus_milli) &&
	       is_within(u->mem, mem, p->user_mem_bytes);
}

/* Does it ever fit below what one user may have? */
bool user_feasible(const struct core *core, uint32_t uid, uint32_t cpus, uint64_t mem, char *text)
{
	const struct core_policy *p = &core->policy;
	char a[32], b[32];

	if (uid == 0)
		return true;
	if (!is_within(0, cpus, p->user_cpus_milli)) {
		if (text)
			snprintf(text, 160, "needs %s CPUs, a user may have %s at a time here", format_cpus(cpus, a, sizeof a),
			         format_cpus((uint32_t)p->user_cpus_milli, b, sizeof b));
		return false;
	}
	if (!is_within(0, mem, p->user_mem_bytes)) {
		if (text)
			snprintf(text, 160, "needs %s of memory, a user may have %s at a time here", format_size(mem, a, sizeof a),
			         format_size(p->user_mem_bytes, b, sizeof b));
		return false;
	}
	return true;
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
	u->running += (uint64_t)has - (uint64_t)l->counted;
	u->cpus += (uint64_t)cpus - l->counted_cpus;
	u->mem += mem - l->counted_mem;
	l->counted = has;
	l->counted_cpus = cpus;
	l->counted_mem = mem;
	reconsider(core, u);
	put(core, u);
}

/* -- what is said -------------------------------------------------------------------------------------------------- */

int user_admits(const struct core *core, uint32_t uid, uint64_t more, char text[160])
{
	const struct user *u = ids_get(&core->users, uid);
	uint64_t has = u ? u->submitted : 0, limit = core->policy.user_submitted;

	if (uid == 0 || is_within(has, more, limit))
		return 0;
	snprintf(text, 160, "%" PRIu64 " job%s more than the %" PRIu64 " that a user may have here: %" PRIu64 " of yours %s not over",
	         has + more - limit, has + more - limit == 1 ? "" : "s", limit, has, has == 1 ? "is" : "are");
	return -ENOSPC;
}

enum mscg_reason user_why(const struct core *core, const struct entry *e, char text[160])
{
	const struct user *u = ids_get(&core->users, e->job.uid);
	const struct core_policy *p = &core->policy;
	char has[32], most[32], need[32];

	if (e->job.uid == 0 || !u)
		return MSCG_REASON_NONE;
	if (!is_within(u->running, 1, p->user_running)) {
		snprintf(text, 160, "its user runs %" PRIu64 " job%s, and may run %" PRIu64 " at a time", u->running,
		         u->running == 1 ? "" : "s", p->user_running);
		return MSCG_REASON_USER_JOBS;
	}
	if (!is_within(u->cpus, e->job.cpus_milli, p->user_cpus_milli)) {
		snprintf(text, 160, "needs %s CPUs, its user has %s of the %s that a user may have",
		         format_cpus(e->job.cpus_milli, need, sizeof need), format_cpus((uint32_t)u->cpus, has, sizeof has),
		         format_cpus((uint32_t)p->user_cpus_milli, most, sizeof most));
		return MSCG_REASON_USER_CPUS;
	}
	if (!is_within(u->mem, e->job.mem_bytes, p->user_mem_bytes)) {
		snprintf(text, 160, "needs %s of memory, its user has %s of the %s that a user may have",
		         format_size(e->job.mem_bytes, need, sizeof need), format_size(u->mem, has, sizeof has),
		         format_size(p->user_mem_bytes, most, sizeof most));
		return MSCG_REASON_USER_MEMORY;
	}
	return MSCG_REASON_NONE;
}

/* What a resize by hand would add. */
bool user_affords(const struct core *core, const struct entry *e, uint64_t more_cpus, uint64_t more_mem, char *text, size_t size)
{
	const struct user *u = ids_get(&core->users, e->job.uid);
	const struct core_policy *p = &core->policy;
	char has[32], most[32], need[32];

	if (e->job.uid == 0 || !u)
		return true;
	if (more_cpus && !is_within(u->cpus, more_cpus, p->user_cpus_milli))
		snprintf(text, size, "needs %s more CPUs, its user has %s of the %s that a user may have",
		         format_cpus((uint32_t)more_cpus, need, sizeof need), format_cpus((uint32_t)u->cpus, has, sizeof has),
		         format_cpus((uint32_t)p->user_cpus_milli, most, sizeof most));
	else if (more_mem && !is_within(u->mem, more_mem, p->user_mem_bytes))
		snprintf(text, size, "needs %s more memory, its user has %s of the %s that a user may have",
		         format_size(more_mem, need, sizeof need), format_size(u->mem, has, sizeof has),
		         format_size(p->user_mem_bytes, most, sizeof most));
	else
		return true;
	return false;
}
