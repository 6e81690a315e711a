/* Whose a reservation is, and what is said of it. */
#include "src/core/reserve.h"

/* -- whose it is, and what is said ------------------------------------------------------------------------------------ */

static bool lists(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
		if (strncmp(p, word, n) == 0 && (p[n] == ',' || !p[n]))
			return true;
	return false;
}

int reserve_admits(const struct core *core, const struct mscg_job *job, const struct mscg_spec *spec, char text[160])
{
	const struct reservation *r = reserve_find(core, job->reservation);
	const char *account = spec->account;
	char uid[16], a[32], b[32];

	snprintf(uid, sizeof uid, "%u", job->uid);
	int code = -ENOSPC;

	if (!r) {
		code = -EINVAL;
		snprintf(text, 160, "there is no reservation '%.60s': expected one that mscg reserve lists", spec->reservation);
	} else if (!lists(r->is.users, uid) && !(account && share_knows(core, account) && lists(r->is.accounts, account))) {
		code = -EPERM;
		snprintf(text, 160, "reservation %s is for others%s", r->is.name, r->is.accounts ? ": expected one of its accounts" : "");
	} else if (pool_of(job) == POOL_SHARED)
		snprintf(text, 160, "reservation %s has CPUs that are given out one by one: expected no --cpu-mode=quota", r->is.name);
	else if (job->cpus_milli > r->is.cpus_milli)
		snprintf(text, 160, "needs %s CPUs: expected at most the %s of reservation %s", format_cpus(job->cpus_milli, a, sizeof a),
		         format_cpus(r->is.cpus_milli, b, sizeof b), r->is.name);
	else if (job->mem_bytes > r->is.mem_bytes)
		snprintf(text, 160, "needs %s of memory: expected at most the %s of reservation %s", format_size(job->mem_bytes, a, sizeof a),
		         format_size(r->is.mem_bytes, b, sizeof b), r->is.name);
	else
		return 0;
	return code;
}

static char *span_text(int64_t usec, char *text, size_t size)
{
	return format_elapsed((uint64_t)(MAX_OF(usec, 0) + USEC_PER_SEC - 1) / USEC_PER_SEC, text, size);
}

static bool why_own(const struct core *core, const struct mscg_job *job, struct core_now now, char text[160])
{
	const struct reservation *r = reserve_find(core, job->reservation);
	char a[64], b[64];

	if (!r)
		snprintf(text, 160, "its reservation is over, or was deleted: it does not start any more");
	else if (!r->begun)
		snprintf(text, 160, "reservation %s begins in %s", r->is.name, span_text(r->is.start_usec - now.real_usec, a, sizeof a));
	else if (now.real_usec > too_late(r, job->time_min_s, job->grace_s))
		snprintf(text, 160, "reservation %s ends in %s, which is too little for it", r->is.name,
		         span_text(r->is.end_usec - now.real_usec, a, sizeof a));
	else if (job->cpus_milli > left_cpus(r))
		snprintf(text, 160, "needs %s CPUs, %s free in reservation %s", format_cpus(job->cpus_milli, a, sizeof a),
		         count_text(left_cpus(r), b, sizeof b), r->is.name);
	else if (job->mem_bytes > left_mem(r))
		snprintf(text, 160, "needs %s of memory, %s is free in reservation %s", format_size(job->mem_bytes, a, sizeof a),
		         format_size(left_mem(r), b, sizeof b), r->is.name);
	else
		return false;
	return true;
}

/* It could start, were it not for one that begins before it would be over, or has begun. */
static bool why_other(const struct core *core, const struct mscg_job *job, struct core_now now, char text[160])
{
	const struct plan *plan = &core->reserve.plan;
	uint32_t limit = job->time_limit_s;
	const struct reservation *r;
	struct plan_need need;
	char a[64];

	if (!core->reserve.n || !plan->n || queue_available(core, pool_of(job), job->priority, true) < queue_least(core, job) ||
	    mem_needed(job) > book_mem_free(core))
		return false;
	need = need_of(core, job, limit);
	if (reserve_lets(core, job, &limit) && reserve_available(core, job, true) >= queue_least(core, job) &&
	    mem_needed(job) <= reserve_mem_free(core, job))
		return false;
	r = reserve_at(core, plan_obstacle(plan, &need) == USEC_NEVER ? now.boot_usec : plan_obstacle(plan, &need));
	if (!r)
		return false;
	if (r->is.start_usec > now.real_usec)
		snprintf(text, 160, "would not be over when reservation %s begins, in %s", r->is.name,
		         span_text(r->is.start_usec - now.real_usec, a, sizeof a));
	else
		snprintf(text, 160, "reservation %s has what it needs, for %s yet", r->is.name, span_text(r->is.end_usec - now.real_usec, a, sizeof a));
	return true;
}

enum mscg_reason reserve_why(const struct core *core, const struct entry *e, struct core_now now, char text[160])
{
	bool waits = e->job.reservation ? why_own(core, &e->job, now, text) : why_other(core, &e->job, now, text);

	return waits ? MSCG_REASON_RESERVATION : MSCG_REASON_NONE;
}

/* For checks: what its jobs have is what is counted, and no more than there is. */
int reserve_check(const struct core *core, struct mscg_error *error)
{
	uint64_t kept = 0;

	for (uint32_t i = 0; i < core->reserve.n; i++) {
		const struct reservation *r = &core->reserve.all[i];
		uint64_t cpus = 0, mem = 0;
		uint32_t n = 0;

		for (const struct live *l = core->granted; l; l = l->granted_next)
			if (l->entry->job.reservation == r->key) {
				n++;
				cpus += user_cpus(l->entry);
				mem += share_of(l->entry)->mem_bytes;
			}
		if (n != r->running || cpus != r->used_cpus || mem != r->used_mem)
			return mscg_error_set(error, -EBADMSG, "reservation %s: %u jobs have %" PRIu64 " CPUs of it, counted %u and %" PRIu64, r->is.name, n,
			                      cpus, r->running, r->used_cpus);
		if (cpus > r->is.cpus_milli || mem > r->is.mem_bytes || (n && !r->begun && core->reserve.plan.n))
			return mscg_error_set(error, -EBADMSG, "reservation %s: its jobs have more than there is of it", r->is.name);
		kept += r->begun ? left_cpus(r) : 0;
	}
	if (kept != core->reserve.kept_cpus)
		return mscg_error_set(error, -EBADMSG, "%" PRIu64 " thousandths of CPUs are kept, counted %" PRIu64, kept, core->reserve.kept_cpus);
	return 0;
}

bool core_get_reservation(const struct core *core, uint32_t index, struct core_reservation_use *ret)
{
	const struct reservation *r = index < core->reserve.n ? &core->reserve.all[index] : NULL;

	if (r)
		*ret = (struct core_reservation_use){&r->is, r->begun, r->running, r->used_cpus, r->used_mem};
	return r;
}
