/* The machine or the configuration is another one than before. */
#include "src/core/internal.h"

void change_set_machine(struct core *core, const struct core_machine *machine)
{
	free(core->node);
	core->node = xstrdup(machine->node ? machine->node : "localhost");
	place_init(&core->place, machine);
	core->shared = (struct mscg_cpuset){0};
	core->shared_mems = (struct mscg_cpuset){0};
	for (uint32_t i = 0; i < machine->ncpus; i++)
		if (mscg_cpuset_has(&machine->shared, machine->cpus[i].cpu)) {
			mscg_cpuset_add(&core->shared, machine->cpus[i].cpu);
			mscg_cpuset_add(&core->shared_mems, machine->cpus[i].numa);
		}
	core->shared_free -= (int64_t)core->shared_total;
	core->shared_total = (uint64_t)mscg_cpuset_count(&core->shared) * CPU;
	core->shared_free += (int64_t)core->shared_total;
	core->mem_total = machine->mem_bytes;
	gres_set_machine(core, machine);
	core->cpu_limit = core->place.nrank;
	core->holder = xcalloc(core->cpu_limit, sizeof(struct entry *));
	core->claim = xcalloc(core->cpu_limit, sizeof(struct entry *));
}

/* Of its CPUs, those that are still there. */
static struct mscg_cpuset present(const struct core *core, const struct mscg_cpuset *set)
{
	struct mscg_cpuset left = *set;

	for (unsigned c = mscg_cpuset_next(set, 0); c < MSCG_CPUS_MAX; c = mscg_cpuset_next(set, c + 1))
		if (!place_has(&core->place, c))
			mscg_cpuset_remove(&left, c);
	return left;
}

static void say(struct core *core, struct entry *e, char *text)
{
	struct mscg_event event = out_new(core, e, MSCG_EVENT_UPDATED);

	event.text = text;
	out_event(core, e, &event);
}

/* The shared pool is another one: everybody in it moves along. */
static void move_shared(struct core *core, struct entry *e)
{
	if (!mscg_cpuset_equal(&share_of(e)->cpus, &core->shared))
		resize_begin(core, e, e->job.current_cpus_milli, &core->shared, e->job.mem_bytes,
		             xstrdup("the CPUs set aside for sharing changed"));
}

void change_repair(struct core *core, struct entry *e)
{
	struct mscg_cpuset set, gone;
	uint32_t had, have, want;
	_cleanup_free_ char *was = NULL;

	if (!runs(e) || !holds(e) || e->live->flight || e->live->unsure)
		return;
	if (pool_of(&e->job) == POOL_SHARED) {
		move_shared(core, e);
		return;
	}
	gone = share_of(e)->cpus;
	set = present(core, &gone);
	mscg_cpuset_subtract(&gone, &set);
	if (mscg_cpuset_empty(&gone) && !e->live->hurt)
		return;
	/* As many as it had; one that went on with less than its least gets that back too. */
	had = mscg_cpuset_count(&set);
	want = MAX_OF(e->job.current_cpus_milli, e->job.min_cpus_milli) / CPU;
	place_pick(&core->place, MIN_OF(want > had ? want - had : 0, (uint32_t)(reserve_free(core, &e->job) / CPU)), &set);
	have = mscg_cpuset_count(&set);
	was = out_set(&gone);
	if (!have)
		say(core, e, xasprintf("CPUs %s are gone from the machine, and none is left for it", was));
	else if (!mscg_cpuset_empty(&gone))
		resize_begin(core, e, have * CPU, &set, e->job.mem_bytes,
		             xasprintf("CPUs %s are gone from the machine, %u of them replaced", was, have - had));
	else if (have > had)
		resize_begin(core, e, have * CPU, &set, e->job.mem_bytes, xstrdup("CPUs that it had lost are replaced"));
	change_note_hurt(core, e);
}

static void set_hurt(struct core *core, struct live *l, bool hurt)
{
	if (hurt == l->hurt)
		return;
	l->hurt = hurt;
	if (hurt) {
		l->hurt_next = core->hurt;
		l->hurt_link = &core->hurt;
		if (l->hurt_next)
			l->hurt_next->hurt_link = &l->hurt_next;
		core->hurt = l;
	} else {
		*l->hurt_link = l->hurt_next;
		if (l->hurt_next)
			l->hurt_next->hurt_link = l->hurt_link;
	}
}

void change_note_hurt(struct core *core, struct entry *e)
{
	struct live *l = e->live;
	bool has = holds(e) && e->job.state != MSCG_STATE_SUSPENDED && share_of(e)->cpu_milli; /* what stands still gave up its CPUs */
	struct mscg_cpuset left;

	l->stranded = false;
	if (has && pool_of(&e->job) == POOL_EXCLUSIVE) {
		left = present(core, &share_of(e)->cpus);
		l->stranded = mscg_cpuset_empty(&left);
	}
	set_hurt(core, l, has && (l->stranded || e->job.current_cpus_milli < e->job.min_cpus_milli));
	elastic_update(core, e);
}

void change_heal(struct core *core)
{
	for (struct live *l = core->hurt, *next; l && core->place.nfree; l = next) {
		next = l->hurt_next;
		change_repair(core, l->entry);
	}
}

/* Those who hold what is still there go on holding it. */
static void carry_over(struct core *core, struct entry **holder, struct entry **claim, uint32_t limit)
{
	for (uint32_t c = 0; c < limit; c++) {
		if (!holder[c] || !place_has(&core->place, c))
			continue;
		core->holder[c] = holder[c];
		core->claim[c] = claim[c];
		place_set_free(&core->place, core->place.rank[c], false);
	}
}

/* A CPU that came back may still be in somebody's grant: then it is that job's, as the kernel will have it. */
static void take_back(struct core *core, struct entry *e)
{
	if (!holds(e))
		return;
	gres_hold(core, share_of(e)->gres);
	if (pool_of(&e->job) == POOL_EXCLUSIVE)
		book_enter(core, e);
}

static void each_granted(struct core *core, void (*each)(struct core *core, struct entry *e))
{
	struct entry *e, *task;

	IDS_EACH(&core->jobs, id, e) {
		if (!is_record(e))
			each(core, e);
		else
			IDS_EACH(&e->array->tasks, index, task)
				each(core, task);
	}
}

void change_machine(struct core *core, const struct core_machine *machine)
{
	_cleanup_free_ struct entry **holder = core->holder, **claim = core->claim;
	uint32_t limit = core->cpu_limit;

	place_clear(&core->place);
	change_set_machine(core, machine);
	carry_over(core, holder, claim, limit);
	each_granted(core, take_back);
	each_granted(core, change_repair);
	queue_reconsider(core);
	core->squeezed = core->mem_held > core->mem_total || core->shared_free < 0 || gres_over(core);
}

void change_policy(struct core *core, const struct core_policy *policy)
{
	bool multifactor = core->policy.priority.multifactor;

	core->policy = *policy;
	core->policy.priority.multifactor = multifactor;
	if (core->shares.on)
		share_configure(core);
	elastic_update_all(core);
	queue_reconsider(core);
	core->exceeded = users_over(core) || totals_over(core);
}
