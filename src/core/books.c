/* Who holds which CPU, and how much memory is given away. */
#include "src/core/internal.h"

uint64_t book_free(const struct core *core, enum pool pool)
{
	if (pool == POOL_EXCLUSIVE)
		return (uint64_t)core->place.nfree * CPU;
	return core->shared_free > 0 ? (uint64_t)core->shared_free : 0;
}

uint64_t book_total(const struct core *core, enum pool pool)
{
	return pool == POOL_SHARED ? core->shared_total : (uint64_t)core->place.ncpus * CPU;
}

/* Less than nothing is free when the machine lost memory under its jobs. */
uint64_t book_mem_free(const struct core *core)
{
	return core->mem_total > core->mem_held ? core->mem_total - core->mem_held : 0;
}

#define EACH_CPU(set, c) \
	for (unsigned c = mscg_cpuset_next((set), 0); c < MSCG_CPUS_MAX; c = mscg_cpuset_next((set), c + 1))

void book_hold(struct core *core, struct entry *e, const struct mscg_cpuset *set)
{
	EACH_CPU(set, c)
		if (c < core->cpu_limit)
			core->holder[c] = e;
}

void book_claim(struct core *core, struct entry *e, const struct mscg_cpuset *set)
{
	EACH_CPU(set, c)
		if (c < core->cpu_limit)
			core->claim[c] = e;
}

void book_enter(struct core *core, struct entry *e)
{
	EACH_CPU(&share_of(e)->cpus, c) {
		struct entry *other = place_has(&core->place, c) ? core->holder[c] : e;

		if (other == e || core->claim[c])
			continue;
		if (!other) {
			core->holder[c] = e;
			place_set_free(&core->place, core->place.rank[c], false);
			continue;
		}
		core->holder[c] = is_firm_beside(e, other) ? e : other;
		core->claim[c] = core->holder[c] == e ? other : e;
		elastic_update(core, core->holder[c]);
	}
}

bool book_is_claimed(const struct core *core, const struct entry *e)
{
	if (pool_of(&e->job) == POOL_EXCLUSIVE)
		EACH_CPU(&share_of(e)->cpus, c)
			if (c < core->cpu_limit && core->claim[c] && core->holder[c] == e)
				return true;
	return false;
}

static void let_go(struct core *core, struct entry *e, unsigned c)
{
	if (core->claim[c] == e) {
		core->claim[c] = NULL;
		elastic_update(core, core->holder[c]);
	}
	if (core->holder[c] != e)
		return;
	core->holder[c] = core->claim[c];
	core->claim[c] = NULL;
	if (!core->holder[c] && place_has(&core->place, c))
		place_set_free(&core->place, core->place.rank[c], true);
}

void book_let_go(struct core *core, struct entry *e, const struct mscg_cpuset *set)
{
	EACH_CPU(set, c)
		if (c < core->cpu_limit)
			let_go(core, e, c);
}

/* A shrink of the shared pool that it was to be started with, and that is not taken yet: nobody counts on it now. */
void book_give_up_awaited(struct core *core, struct entry *e)
{
	struct live *l = e->live;

	for (uint32_t i = 0; i < l->after_n; i++) {
		struct entry *victim = entry_find(core, l->after[i].victim);
		struct flight *f = victim && victim->live ? victim->live->flight : NULL;

		if (!f || f->seq != l->after[i].seq)
			continue;
		f->pledged -= l->after[i].cpus;
		core->shared_free -= l->after[i].cpus;
	}
}

void book_list(struct core *core, struct live *l)
{
	l->granted_next = core->granted;
	l->granted_link = &core->granted;
	if (l->granted_next)
		l->granted_next->granted_link = &l->granted_next;
	core->granted = l;
	mem_list(core, l->entry);
}

void book_unlist(struct core *core, struct live *l)
{
	if (!l->granted_link)
		return;
	*l->granted_link = l->granted_next;
	if (l->granted_next)
		l->granted_next->granted_link = l->granted_link;
	l->granted_link = NULL;
	mem_unlist(core, l->entry);
	user_update(core, l->entry);
}

void book_release(struct core *core, struct entry *e)
{
	const struct mscg_share *share;

	if (!holds(e))
		return;
	book_unlist(core, e->live);
	share = share_of(e);
	book_accrue(core, e);
	if (pool_of(&e->job) == POOL_EXCLUSIVE) {
		book_let_go(core, e, &share->cpus);
	} else {
		core->shared_free += share->cpu_milli - (e->live->flight ? e->live->flight->pledged : 0);
		book_give_up_awaited(core, e);
	}
	core->mem_held -= share->mem_bytes;
	gres_give(core, share->gres);
}

void book_accrue(struct core *core, struct entry *e)
{
	struct mscg_run *run = e->job.run;
	int64_t held;

	if (!holds(e))
		return;
	/* The boot clock starts again with the machine: what it said before is worth nothing then. */
	held = core->now.boot_usec - run->held_since_usec;
	if (held > 0)
		run->usage.cpu_held_usec += (uint64_t)held / CPU * share_of(e)->cpu_milli +
		                            (uint64_t)held % CPU * share_of(e)->cpu_milli / CPU;
	share_charge(core, e, held);
	run->held_since_usec = core->now.boot_usec;
}

void book_close_attempt(struct mscg_job *job, int64_t end_usec)
{
	struct mscg_past *past = job->run ? &job->run->past : NULL;
	uint64_t ran = (uint64_t)MAX_OF(end_usec - job->start_usec, INT64_C(0));

	if (!past || !job->start_usec)
		return;
	past->cpu_usec += job->run->usage.cpu_held_usec;
	past->mem_mib_msec += (job->mem_bytes >> 20) * (ran / 1000);
	past->gpu_usec += gres_count(job->gres, GRES_GPU) * ran;
}

void book_dress(struct core *core, struct entry *e)
{
	struct mscg_share *share = share_of(e);

	if (!share->node)
		share->node = xstrdup(core->node);
	if (pool_of(&e->job) == POOL_SHARED) {
		share->cpus = core->shared;
		share->mems = core->shared_mems;
	} else {
		place_mems(&core->place, &share->cpus, &share->mems);
	}
}
