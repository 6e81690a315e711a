/* Restart: what the store kept becomes what the core knows. */
#include "src/core/internal.h"

void core_restore(struct core *core, uint32_t next_job_id, uint64_t next_seq, bool drained)
{
	core->next_job_id = MAX_OF(core->next_job_id, next_job_id);
	core->next_seq = MAX_OF(core->next_seq, next_seq);
	core->drained = drained;
}

static int check_row(const struct mscg_row *row, struct mscg_error *error)
{
	const struct mscg_job *job = &row->job;
	bool granted = job->run && job->run->grant && job->run->grant->n == 1;
	bool record = job->flags & MSCG_JOB_ARRAY;
	char id[MSCG_ID_TEXT];

	mscg_id_format(job->id, id);
	if (job->id.job == 0 || job->id.job > INT32_MAX)
		return mscg_error_set(error, -EBADMSG, "job id %u: expected 1 to %d", job->id.job, INT32_MAX);
	if (job->state >= MSCG_STATE_COUNT || mscg_state_is_final(job->state))
		return mscg_error_set(error, -EBADMSG, "job %s is %s: expected one that has not ended", id, mscg_state_name(job->state));
	if (record && (job->id.task != MSCG_NO_TASK || job->state != MSCG_STATE_PENDING))
		return mscg_error_set(error, -EBADMSG, "array %s is %s: expected it to wait for its tasks", id, mscg_state_name(job->state));
	if (job->state != MSCG_STATE_PENDING && (!granted || job->attempt == 0))
		return mscg_error_set(error, -EBADMSG, "job %s is %s but holds nothing", id, mscg_state_name(job->state));
	return 0;
}

bool is_firm_beside(const struct entry *e, const struct entry *other)
{
	return is_firm(e) && !(preempt_suspended(e) && is_firm(other) && !preempt_suspended(other));
}

/* Two rows may name one CPU in one case only: the second waits to be started on what the first was told to give up. */
static int check_cpus(const struct core *core, const struct entry *e, struct mscg_error *error)
{
	const struct mscg_cpuset *set = &share_of(e)->cpus;
	char a[MSCG_ID_TEXT], b[MSCG_ID_TEXT];

	for (unsigned c = mscg_cpuset_next(set, 0); c < MSCG_CPUS_MAX; c = mscg_cpuset_next(set, c + 1)) {
		const struct entry *other = c < core->cpu_limit ? core->holder[c] : NULL;

		if (other && (core->claim[c] || is_firm_beside(other, e) == is_firm_beside(e, other)))
			return mscg_error_set(error, -EBADMSG, "CPU %u is held by job %s and by job %s: expected one of them", c,
			                      mscg_id_format(other->job.id, a), mscg_id_format(e->job.id, b));
	}
	return 0;
}

/* A resize was under way when the rows were written: the grant is the larger of both sizes, the job the smaller. */
static bool is_unsure(const struct core *core, const struct entry *e)
{
	const struct mscg_share *share = share_of(e);

	if (e->job.state == MSCG_STATE_SUSPENDED)
		return share->cpu_milli != 0;
	if (share->mem_bytes != e->job.mem_bytes || share->cpu_milli != e->job.current_cpus_milli)
		return true;
	return pool_of(&e->job) == POOL_SHARED ? !mscg_cpuset_equal(&share->cpus, &core->shared) :
	                                         mscg_cpuset_count(&share->cpus) * CPU != e->job.current_cpus_milli;
}

static int load_granted(struct core *core, struct entry *e, struct mscg_error *error)
{
	const struct mscg_share *share = share_of(e);
	char id[MSCG_ID_TEXT];
	struct live *l;
	int64_t ago;
	int r = 0;

	if (pool_of(&e->job) == POOL_EXCLUSIVE)
		r = check_cpus(core, e, error);
	if (r == 0 && gres_hold(core, share->gres) < 0)
		r = mscg_error_set(error, -EBADMSG, "job %s holds %s, of which another job holds some: expected one of them",
		                   mscg_id_format(e->job.id, id), share->gres);
	if (r < 0)
		return r;
	if (pool_of(&e->job) == POOL_EXCLUSIVE)
		book_enter(core, e);
	else
		core->shared_free -= share->cpu_milli;
	core->mem_held += share->mem_bytes;
	l = entry_live(core, e);
	book_list(core, l);
	user_update(core, e);
	l->restored = true;
	l->unsure = is_unsure(core, e);
	change_note_hurt(core, e);
	/* By the wall clock, which may have been set since then: no limit is due before the engine says it by the boot clock. */
	ago = e->job.flags & MSCG_JOB_STARTED ? core->now.real_usec - e->job.start_usec - e->job.suspended_usec : 0;
	l->started_boot = core->now.boot_usec - (ago > 0 ? ago : 0);
	ago = e->job.suspend_usec ? core->now.real_usec - e->job.suspend_usec : 0;
	l->suspended_boot = core->now.boot_usec - (ago > 0 ? ago : 0);
	life_set_deadline(core, e);
	elastic_update(core, e);
	core->exceeded |= users_over(core) || totals_over(core);
	core->squeezed |= core->mem_held > core->mem_total || core->shared_free < 0 || gres_over(core);
	return 0;
}

static struct entry *record_for(struct core *core, uint32_t job)
{
	struct entry *e = ids_get(&core->jobs, job);

	if (e)
		return is_record(e) ? e : NULL;
	e = entry_new(core);
	e->job.id = (struct mscg_id){job, MSCG_NO_TASK};
	e->node.bits = ENTRY_RECORD | ENTRY_EMPTY;
	e->array = array_new(e, NULL);
	entry_index(core, e);
	return e;
}

static int load_record(struct core *core, const struct mscg_row *row, struct mscg_error *error)
{
	struct entry *e = record_for(core, row->job.id.job);
	int r;

	if (!e || !(e->node.bits & ENTRY_EMPTY))
		return mscg_error_set(error, -EBADMSG, "job %u is there twice", row->job.id.job);
	r = array_load(e->array, row, error);
	if (r < 0)
		return r;
	e->node.bits &= ~(uint32_t)ENTRY_EMPTY;
	e->job = row->job;
	gres_learn(core, e->job.gres);
	e->job.run = NULL;
	share_join(core, e, row->account);
	core->count[MSCG_STATE_PENDING] += array_left(e->array);
	user_count(core, &e->job, (int64_t)array_left(e->array));
	r = row->dependency ? depend_set(core, e, row->dependency, error) : 0;
	if (r < 0)
		return r;
	gate_arm(core, e);
	array_consider(core, e->array);
	return 0;
}

static int load_job(struct core *core, const struct mscg_row *row, struct mscg_error *error)
{
	struct entry *record = NULL, *e;
	char id[MSCG_ID_TEXT];
	int r = 0;

	if (row->job.id.task != MSCG_NO_TASK)
		record = record_for(core, row->job.id.job);
	if ((row->job.id.task != MSCG_NO_TASK && !record) || entry_find(core, row->job.id))
		return mscg_error_set(error, -EBADMSG, "job %s is there twice", mscg_id_format(row->job.id, id));
	e = entry_new(core);
	e->job = row->job;
	gres_learn(core, e->job.gres);
	e->job.run = mscg_run_copy(row->job.run);
	share_join(core, e, row->account);
	if (record)
		e->array = record->array;
	entry_index(core, e);
	if (e->job.state != MSCG_STATE_PENDING)
		r = load_granted(core, e, error);
	else if (row->dependency)
		r = depend_set(core, e, row->dependency, error);
	if (r < 0) {
		entry_free(core, e);
		return r;
	}
	core->count[e->job.state]++;
	user_count(core, &e->job, 1);
	if (e->job.state == MSCG_STATE_PENDING) {
		gate_arm(core, e);
		gate_consider(core, e);
	}
	if (record) {
		record->array->excess = ++record->array->active;
		if (!(record->node.bits & ENTRY_EMPTY))
			array_consider(core, record->array);
	}
	return 0;
}

int core_load(struct core *core, const struct mscg_row *row, struct core_now now, struct mscg_error *error)
{
	int r = check_row(row, error);

	if (r < 0)
		return r;
	core->now = now;
	if (row->job.id.job >= core->next_job_id)
		core->next_job_id = row->job.id.job + 1;
	return row->job.flags & MSCG_JOB_ARRAY ? load_record(core, row, error) : load_job(core, row, error);
}
