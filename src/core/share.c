/* Who has used how much of what is his share. Accounts are a tree; a user in an account, as Slurm calls it an association,
 * is a leaf of it. Usage is the CPU-seconds that were held, of which half is forgotten in every half-life; it is charged
 * where a job's own account of them is (book_accrue), given out with the same step's rows, and so is as durable as they
 * are. What running jobs hold since then is added when figures are worked out, which costs what runs and what accounts and
 * users there are, whatever waits.
 *
 *     S  normalised shares   the account's part of its siblings' shares, times S of the one above it
 *     U  normalised usage    its part of all usage
 *     E  effective usage     U + (E of the one above - U) * its part of its siblings' shares; at the top U
 *     F  factor of a user    2 ^ (-E / S)
 *
 * A user counts among the siblings as long as he has jobs that are not over, or has used anything. */
#include "src/core/internal.h"

#include <math.h>

/* -- what is configured -------------------------------------------------------------------------------------------- */

static uint32_t find_account(const struct core *core, const char *name)
{
	for (uint32_t i = 0; i < core->shares.accounts; i++)
		if (streq(core->shares.account[i].name, name))
			return i;
	return NOWHERE;
}

bool share_knows(const struct core *core, const char *account)
{
	const struct core_priority *p = &core->policy.priority;

	if (core->shares.on)
		return *account && find_account(core, account) != NOWHERE;
	for (uint32_t i = 0; i < p->accounts; i++)
		if (streq(p->account[i].name, account))
			return true;
	return false;
}

static uint32_t shares_of(const struct core_priority *p, uint32_t account, uint32_t uid)
{
	for (uint32_t i = 0; account && i < p->members; i++)
		if (p->member[i].account + 1 == account && p->member[i].uid == uid)
			return p->member[i].shares;
	return 1;
}

static void free_accounts(struct core *core)
{
	for (uint32_t i = 0; i < core->shares.accounts; i++)
		free(core->shares.account[i].name);
	free(core->shares.account);
}

/* Whose account is gone is in none. */
static void move_home(struct core *core, struct entry *e)
{
	bool queued = e->shape;

	if (!e->assoc || e->assoc->at != NOWHERE)
		return;
	queue_remove(core, e);
	share_leave(core, e);
	share_join(core, e, NULL);
	if (queued)
		queue_add(core, e);
	out_touch(core, e);
}

static void move_all_home(struct core *core)
{
	struct entry *e, *task;

	IDS_EACH(&core->jobs, id, e) {
		move_home(core, e);
		if (is_record(e))
			IDS_EACH(&e->array->tasks, index, task)
				move_home(core, task);
	}
}

void share_configure(struct core *core)
{
	struct core_priority *p = &core->policy.priority;

	free_accounts(core);
	core->shares.accounts = p->accounts + 1;
	core->shares.account = xcalloc(core->shares.accounts, sizeof *core->shares.account);
	core->shares.account[0] = (struct account){.name = xstrdup(""), .up = NOWHERE, .shares = 1};
	for (uint32_t i = 0; i < p->accounts; i++)
		core->shares.account[i + 1] = (struct account){.name = xstrdup(p->account[i].name), .up = p->account[i].up + 1,
		                                               .shares = p->account[i].shares, .budget = p->account[i].budget}; /* CORE_NO_ACCOUNT + 1 is the root */
	for (struct assoc *a = core->shares.assocs; a; a = a->next) {
		a->at = find_account(core, a->account);
		a->shares = a->at == NOWHERE ? 0 : shares_of(p, a->at, a->uid);
	}
	free(core->shares.member);
	core->shares.member = xcalloc(p->members + 1, sizeof *core->shares.member);
	if (p->members)
		memcpy(core->shares.member, p->member, p->members * sizeof *core->shares.member);
	p->account = NULL;
	p->member = core->shares.member;
	core->shares.calculated = false;
	move_all_home(core);
}

void share_clear(struct core *core)
{
	for (struct assoc *a = core->shares.assocs, *next; a; a = next) {
		next = a->next;
		free(a->account);
		free(a);
	}
	ids_free(&core->shares.users);
	free_accounts(core);
	free(core->shares.member);
	core->shares = (struct shares){.on = core->shares.on};
}

/* -- associations -------------------------------------------------------------------------------------------------- */

static struct assoc *assoc_of(struct core *core, const char *account, uint32_t uid)
{
	struct assoc *first = ids_get(&core->shares.users, uid), *a;

	for (a = first; a; a = a->same_user)
		if (streq(a->account, account))
			return a;
	a = xcalloc(1, sizeof *a);
	a->account = xstrdup(account);
	a->uid = uid;
	a->at = find_account(core, account);
	a->shares = a->at == NOWHERE ? 0 : shares_of(&core->policy.priority, a->at, uid);
	a->next = core->shares.assocs;
	core->shares.assocs = a;
	a->same_user = first;
	ids_set(&core->shares.users, uid, a);
	return a;
}

static bool counts(const struct assoc *a)
{
	return a->at != NOWHERE && (a->entries || a->cpu_s > 0);
}

static bool is_over(const struct entry *e)
{
	return mscg_state_is_final((enum mscg_state)e->job.state);
}

void share_count(struct core *core, struct entry *e, int32_t jobs)
{
	struct assoc *a = e->assoc;
	bool is_new = a && !counts(a);

	if (!a)
		return;
	a->entries += (uint64_t)jobs;
	if (!is_new || !core->shares.calculated)
		return;
	share_work_out(core, core->now); /* those of the others at the next calculation */
	a->factor = share_factor(&a->figures);
	a->over = budget_is_spent(core, a);
}

void share_join(struct core *core, struct entry *e, const char *account)
{
	if (!core->shares.on)
		return;
	e->assoc = assoc_of(core, account && find_account(core, account) != NOWHERE ? account : "", e->job.uid);
	share_count(core, e, !is_over(e));
}

void share_leave(struct core *core, struct entry *e)
{
	share_count(core, e, is_over(e) ? 0 : -1);
	e->assoc = NULL;
}

/* -- usage --------------------------------------------------------------------------------------------------------- */

/* What is left after so long. */
static double decayed(const struct core *core, double cpu_s, int64_t usec)
{
	double half = (double)core->policy.priority.half_life_s * USEC_PER_SEC;

	return half > 0 && usec > 0 ? cpu_s * exp2(-(double)usec / half) : cpu_s;
}

/* What is left at its end of what was held evenly for so long. */
static double held(const struct core *core, uint32_t cpu_milli, int64_t usec)
{
	double seconds = (double)usec / USEC_PER_SEC, half = (double)core->policy.priority.half_life_s;
	double cpus = cpu_milli / 1000.0;

	if (usec <= 0)
		return 0;
	return half > 0 ? cpus * half / M_LN2 * -expm1(-seconds / half * M_LN2) : cpus * seconds;
}

void share_charge(struct core *core, struct entry *e, int64_t usec)
{
	struct assoc *a = e->assoc;

	if (!a || usec <= 0)
		return;
	a->spent = budget_before(core, a) + budget_spending(core, e, core->now, usec);
	a->spent_from = core->policy.priority.budget.from_usec;
	a->cpu_s = decayed(core, a->cpu_s, core->now.real_usec - a->at_usec) + held(core, share_of(e)->cpu_milli, usec);
	a->at_usec = core->now.real_usec;
	a->dirty = true;
	core->shares.dirty = true;
}

void share_give_out(struct core *core)
{
	struct core_output *out = core->out;

	if (!core->shares.dirty)
		return;
	core->shares.dirty = false;
	for (struct assoc *a = core->shares.assocs; a; a = a->next) {
		if (!a->dirty)
			continue;
		a->dirty = false;
		GROW(out->usages, out->usages_n, out->usages_cap);
		out->usages[out->usages_n++] = (struct core_usage){xstrdup(a->account), a->uid, a->cpu_s, a->at_usec, a->spent, a->spent_from};
	}
}

void core_load_usage(struct core *core, const struct core_usage *usage)
{
	struct assoc *a;

	if (!core->shares.on)
		return;
	a = assoc_of(core, usage->account, usage->uid);
	a->cpu_s = usage->cpu_s;
	a->at_usec = usage->at_usec;
	a->spent = usage->spent;
	a->spent_from = usage->spent_from_usec;
}

/* -- figures ------------------------------------------------------------------------------------------------------- */

static void add_up(const struct core *core, struct core_now now)
{
	struct account *account = core->shares.account;

	for (uint32_t i = 0; i < core->shares.accounts; i++)
		account[i].cpu_s = account[i].siblings = account[i].spent = 0;
	for (struct assoc *a = core->shares.assocs; a; a = a->next) {
		a->now_s = decayed(core, a->cpu_s, now.real_usec - a->at_usec);
		a->spent_now = budget_before(core, a);
	}
	for (const struct live *l = core->granted; l; l = l->granted_next) {
		struct assoc *a = l->entry->assoc;

		if (!a || !holds(l->entry))
			continue;
		a->now_s += held(core, share_of(l->entry)->cpu_milli, now.boot_usec - l->entry->job.run->held_since_usec);
		a->spent_now += budget_spending(core, l->entry, now, now.boot_usec - l->entry->job.run->held_since_usec);
	}
	for (const struct assoc *a = core->shares.assocs; a; a = a->next) {
		if (!counts(a))
			continue;
		account[a->at].siblings += a->shares;
		account[a->at].cpu_s += a->now_s;
		account[a->at].spent += a->spent_now;
	}
	for (uint32_t i = core->shares.accounts; i-- > 1;) {
		account[account[i].up].siblings += account[i].shares;
		account[account[i].up].cpu_s += account[i].cpu_s;
		account[account[i].up].spent += account[i].spent;
	}
}

/* What stands below `up`. */
static struct figures figures_of(const struct account *root, const struct account *up, uint32_t shares, double cpu_s)
{
	double part = up->siblings > 0 ? shares / up->siblings : 0;
	double usage = root->cpu_s > 0 ? cpu_s / root->cpu_s : 0;

	return (struct figures){
		.norm = up->figures.norm * part,
		.usage = usage,
		.effective = up == root ? usage : usage + (up->figures.effective - usage) * part,
	};
}

void share_work_out(const struct core *core, struct core_now now)
{
	struct account *account = core->shares.account;

	add_up(core, now);
	account[0].figures = (struct figures){1, account[0].cpu_s > 0, account[0].cpu_s > 0};
	for (uint32_t i = 1; i < core->shares.accounts; i++)
		account[i].figures = figures_of(account, &account[account[i].up], account[i].shares, account[i].cpu_s);
	for (struct assoc *a = core->shares.assocs; a; a = a->next)
		if (counts(a))
			a->figures = figures_of(account, &account[a->at], a->shares, a->now_s);
}

double share_factor(const struct figures *f)
{
	return f->norm > 0 ? exp2(-f->effective / f->norm) : 0;
}

bool share_decide(struct core *core)
{
	bool changed = false;

	for (struct assoc *a = core->shares.assocs; a; a = a->next) {
		bool over = budget_is_spent(core, a);

		changed |= over != a->over;
		a->over = over;
		a->factor = share_factor(&a->figures);
	}
	return changed;
}

struct each_share {
	const struct core *core;
	void (*each)(const struct core_share *share, void *ctx);
	void *ctx;
};

static void give_users(const struct each_share *w, uint32_t at, uint32_t level)
{
	for (const struct assoc *a = w->core->shares.assocs; a; a = a->next)
		if (a->at == at && counts(a))
			w->each(&(struct core_share){a->account, a->account, true, a->uid, a->shares, level, a->figures.norm, a->now_s,
			                             a->figures.usage, a->figures.effective, share_factor(&a->figures)}, w->ctx);
}

static void give_account(const struct each_share *w, uint32_t at, uint32_t level)
{
	const struct account *all = w->core->shares.account, *a = &all[at];

	w->each(&(struct core_share){a->name, at ? all[a->up].name : NULL, false, 0, a->shares, level, a->figures.norm, a->cpu_s,
	                             a->figures.usage, a->figures.effective, 0}, w->ctx);
	give_users(w, at, level + 1);
	for (uint32_t i = 1; i < w->core->shares.accounts; i++)
		if (all[i].up == at)
			give_account(w, i, level + 1);
}

void core_each_share(const struct core *core, struct core_now now, void (*each)(const struct core_share *share, void *ctx), void *ctx)
{
	struct each_share w = {core, each, ctx};

	if (!core->policy.priority.multifactor)
		return;
	share_work_out(core, now);
	give_account(&w, 0, 0);
}
