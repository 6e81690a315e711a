/* Dependencies of a Submit: jobs that have ended are in the store only, and what they ended as is looked up there before
 * the core sees the submission. What the core knows may end meanwhile, so that after a look everything is gone through
 * again. */
#include "daemon.h"
#include "src/base/depend.h"

struct found {
	struct mscg_id  id;
	uint32_t        uid;
	enum mscg_state state;
	int64_t         start_usec;
	bool            array;
};

/* aftercorr of an array: what its tasks wait for one by one. */
struct corr {
	uint32_t  job; /* whose tasks are to be looked at; 0: none are */
	struct corr_task { uint32_t index; enum mscg_state state; } *task; uint32_t task_n, task_cap; /* found there, sorted */
	uint32_t *unknown, unknown_n, unknown_cap; /* when they were looked for, sorted */
};

struct lookup {
	struct work work; /* first */
	struct request *request;
	struct mscg_spec **specs;
	uint32_t n;
	void (*go_on)(struct request *r, struct mscg_spec **specs, uint32_t n);
	struct mscg_id *asked; uint32_t asked_n, asked_cap;
	struct found *found; uint32_t found_n, found_cap;
	struct named { struct mscg_id *id; uint32_t n, cap; } *named; /* by spec: those of its name and user, for singleton */
	struct corr *corr; /* by spec */
	int  result;
	bool looked, again;
	struct mscg_error error;
};

static void lookup_free(struct lookup *l)
{
	for (uint32_t i = 0; i < l->n; i++) {
		free(l->named[i].id);
		free(l->corr[i].task);
		free(l->corr[i].unknown);
	}
	free(l->named);
	free(l->corr);
	free(l->asked);
	free(l->found);
	free(l);
}

/* -- in the committer's thread ------------------------------------------------------------------------------------ */

static int no_such_job(struct lookup *l, struct mscg_id id)
{
	char text[MSCG_ID_TEXT];

	return mscg_error_set(&l->error, -EINVAL, "a dependency on job %s: there is no such job", mscg_id_format(id, text));
}

static int look_at(struct lookup *l, struct store *store, struct mscg_id id)
{
	struct store_record record;
	int r = list_read_one(store, id, &record, &l->error);

	if (r == -ENOENT)
		return no_such_job(l, id);
	if (r < 0)
		return r;
	GROW(l->found, l->found_n, l->found_cap);
	l->found[l->found_n++] = (struct found){ id, record.row.job.uid, (enum mscg_state)record.row.job.state, record.row.job.start_usec,
		                                 record.row.job.flags & MSCG_JOB_ARRAY };
	store_record_clear(&record);
	return 0;
}

static bool is_singleton(const struct mscg_spec *spec)
{
	return spec->dependency && strstr(spec->dependency, "singleton");
}

static int too_many(struct lookup *l, const struct mscg_spec *spec)
{
	return mscg_error_set(&l->error, -E2BIG, "singleton: more than %d jobs of the name '%.60s' have not ended", DEPEND_MAX, spec->name);
}

static int look_for_name(struct lookup *l, struct store *store, const struct mscg_spec *spec, struct named *named)
{
	struct store_filter filter = { .uid = spec->uid, .name = spec->name, .limit = DEPEND_MAX + 1 };
	struct store_record *records;
	uint32_t n;
	int r;

	for (int s = 0; s < MSCG_STATE_COUNT; s++)
		filter.states |= mscg_state_is_final((enum mscg_state)s) ? 0 : 1u << s;
	r = store_list(store, &filter, &records, &n, &l->error);
	if (r < 0)
		return r;
	named->n = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct mscg_id id = records[i].row.job.id;

		if (id.task != MSCG_NO_TASK) /* its array says it */
			continue;
		GROW(named->id, named->n, named->cap);
		named->id[named->n++] = id;
	}
	store_records_free(records, n);
	return n <= DEPEND_MAX ? 0 : too_many(l, spec);
}

static int look_for_tasks(struct lookup *l, struct store *store, struct corr *c)
{
	struct store_filter filter = { .uid = UINT32_MAX, .job = c->job, .limit = 1000 };
	struct store_record *records;
	uint32_t n;

	c->task_n = 0;
	do {
		int r = store_list(store, &filter, &records, &n, &l->error);

		if (r < 0)
			return r;
		for (uint32_t i = 0; i < n; i++) {
			const struct mscg_job *job = &records[i].row.job;

			filter.after = job->id;
			if (job->id.task == MSCG_NO_TASK)
				continue;
			GROW(c->task, c->task_n, c->task_cap);
			c->task[c->task_n++] = (struct corr_task){ job->id.task, (enum mscg_state)job->state };
		}
		store_records_free(records, n);
	} while (n == filter.limit);
	return 0;
}

static void lookup_run(struct work *work, struct store *store)
{
	struct lookup *l = container_of(work, struct lookup, work);

	if (l->asked_n)
		l->found_n = 0;
	for (uint32_t i = 0; i < l->asked_n && l->result == 0; i++)
		l->result = look_at(l, store, l->asked[i]);
	for (uint32_t i = 0; i < l->n && l->result == 0; i++)
		if (is_singleton(l->specs[i]))
			l->result = look_for_name(l, store, l->specs[i], &l->named[i]);
	for (uint32_t i = 0; i < l->n && l->result == 0; i++)
		if (l->corr[i].job)
			l->result = look_for_tasks(l, store, &l->corr[i]);
	l->looked = true;
}

/* -- deciding ----------------------------------------------------------------------------------------------------- */

static bool is_active(const struct lookup *l, struct mscg_id id)
{
	const struct mscg_job *job = core_find(l->request->d->core, id);

	return job && (mscg_id_equal(job->id, id) || core_task_waits(l->request->d->core, id));
}

static const struct found *ended(const struct lookup *l, struct mscg_id id)
{
	for (uint32_t i = 0; i < l->found_n; i++)
		if (mscg_id_equal(l->found[i].id, id) && mscg_state_is_final(l->found[i].state))
			return &l->found[i];
	return NULL;
}

static void add_single(struct depends *d, struct depend one)
{
	one.kind = DEPEND_SINGLETON;
	d->on = xreallocarray(d->on, d->n + 1, sizeof *d->on);
	d->on[d->n++] = one;
}

static bool have_one_name(const struct mscg_spec *a, const struct mscg_spec *b)
{
	return a->uid == b->uid && streq(a->name, b->name);
}

struct fresh {
	const struct lookup    *l;
	const struct mscg_spec *spec;
	const struct named     *named;
	struct depends         *d;
};

static void add_fresh(void *ctx, uint32_t job, const struct mscg_spec *spec)
{
	struct fresh *f = ctx;
	struct mscg_id id = { job, MSCG_NO_TASK };

	if (!have_one_name(spec, f->spec) || !is_active(f->l, id))
		return;
	for (uint32_t i = 0; i < f->named->n; i++)
		if (mscg_id_equal(f->named->id[i], id))
			return;
	add_single(f->d, (struct depend){ .id = id });
}

/* Those of the name: in the store, on the way there, and before `which` in this very message. */
static void add_named(struct lookup *l, uint32_t which, struct depends *d)
{
	const struct named *named = &l->named[which];
	struct fresh fresh = { l, l->specs[which], named, d };

	for (uint32_t i = 0; i < named->n; i++)
		if (is_active(l, named->id[i]))
			add_single(d, (struct depend){ .id = named->id[i] });
	turn_uncommitted(l->request->d, add_fresh, &fresh);
	for (uint32_t i = 0; i < which; i++)
		if (have_one_name(l->specs[i], l->specs[which]))
			add_single(d, (struct depend){ .id = { 0, MSCG_NO_TASK }, .listed = i + 1 });
	if (d->n > DEPEND_MAX)
		l->result = too_many(l, l->specs[which]);
}

static int by_index(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b; /* the index is first in both */

	return (*x > *y) - (*x < *y);
}

static const struct corr_task *found_task(const struct corr *c, uint32_t index)
{
	return c->task_n ? bsearch(&index, c->task, c->task_n, sizeof *c->task, by_index) : NULL;
}

/* What was looked for, and is not there, never was: cancelled while it waited, or of no such index. */
static bool was_looked_for(const struct corr *c, uint32_t index)
{
	return c->unknown_n && bsearch(&index, c->unknown, c->unknown_n, sizeof *c->unknown, by_index);
}

/* Which tasks of `spec` may start, by those that `one` names and that have ended; the core says it of the others. Which it
 * does not know, and the store has not said, are looked for. */
static void settle_tasks(struct lookup *l, const struct mscg_spec *spec, struct corr *c, struct depend *one)
{
	struct corr next = { .job = 0 };

	for (uint32_t i = 0; i < spec->array_n; i++)
		for (uint32_t index = spec->array[i].first; index <= spec->array[i].last; index += spec->array[i].step) {
			const struct corr_task *task = found_task(c, index);

			if (is_active(l, (struct mscg_id){ one->id.job, index }))
				continue;
			if (task && task->state == MSCG_STATE_COMPLETED) {
				mscg_depend_add_ready(one, index);
			} else if (task ? !mscg_state_is_final(task->state) : !was_looked_for(c, index)) {
				GROW(next.unknown, next.unknown_n, next.unknown_cap);
				next.unknown[next.unknown_n++] = index;
			}
		}
	free(c->unknown);
	c->unknown = next.unknown;
	c->unknown_n = next.unknown_n;
	c->unknown_cap = next.unknown_cap;
	c->job = c->unknown_n ? one->id.job : 0;
	l->again |= c->job != 0;
}

static bool is_corr(const struct mscg_spec *spec, const struct depend *one)
{
	return one->kind == DEPEND_AFTERCORR && spec->array && one->id.task == MSCG_NO_TASK;
}

/* True: it has ended, and nothing is left to wait for. */
static bool has_happened(const struct mscg_spec *spec, struct depend *one, const struct found *found, int64_t now)
{
	if (!is_corr(spec, one) || !found->array)
		return mscg_depend_ended(one, found->state, found->start_usec, now);
	one->failed = one->ready_count < mscg_ranges_count(spec->array, spec->array_n);
	return !one->failed;
}

static bool is_array(const struct lookup *l, uint32_t number)
{
	const struct mscg_job *job = core_find(l->request->d->core, (struct mscg_id){ number, MSCG_NO_TASK });
	const struct found *found = job ? NULL : ended(l, (struct mscg_id){ number, MSCG_NO_TASK });

	return job ? job->flags & MSCG_JOB_ARRAY : found && found->array;
}

/* By `privacy`: it may not be learnt from a dependency what became of it, nor that there is one. */
static bool is_hidden(const struct lookup *l, struct mscg_id id)
{
	const struct client *client = l->request->client;
	const struct mscg_job *job = core_find(l->request->d->core, id);
	const struct found *found = job ? NULL : ended(l, id);

	return client && (job || found) && !client_sees(client, job ? job->uid : found->uid);
}

/* What is left of one specification's dependency; jobs that have to be looked up are added to `asked`. */
static void settle(struct lookup *l, uint32_t which)
{
	struct mscg_spec *spec = l->specs[which];
	int64_t now = clock_real_usec();
	struct depends d;
	bool done = false, single = false;

	if (!spec->dependency || mscg_depends_parse(spec->dependency, &d, NULL) < 0)
		return;
	for (uint32_t i = 0; i < d.n;) {
		struct depend *one = &d.on[i];

		if (one->listed) { /* not there yet */
			i++;
			continue;
		}
		if (one->id.job && is_hidden(l, one->id)) {
			l->result = no_such_job(l, one->id);
			break;
		}
		if (is_corr(spec, one) && is_array(l, one->id.job))
			settle_tasks(l, spec, &l->corr[which], one);
		const struct found *found = one->id.job && !is_active(l, one->id) ? ended(l, one->id) : NULL;

		if (!one->id.job) {
			single = true;
			mscg_depends_drop(&d, i);
		} else if (is_active(l, one->id)) {
			i++;
		} else if (!found) {
			GROW(l->asked, l->asked_n, l->asked_cap);
			l->asked[l->asked_n++] = one->id;
			i++;
		} else if (has_happened(spec, one, found, now)) {
			mscg_depends_drop(&d, i);
			done = true;
		} else {
			i++;
		}
	}
	if (single)
		add_named(l, which, &d);
	if (done && d.any)
		d.n = 0;
	free(spec->dependency_left);
	spec->dependency_left = mscg_depends_format(&d);
	mscg_depends_clear(&d);
}

static void lookup_fail(struct lookup *l)
{
	for (uint32_t i = 0; i < l->n; i++)
		mscg_spec_free(l->specs[i]);
	free(l->specs);
	request_fail(l->request, l->result, &l->error);
	lookup_free(l);
}

static void lookup_go_on(struct lookup *l)
{
	struct daemon *d = l->request->d;
	bool singles = false;

	for (uint32_t i = 0; i < l->n; i++)
		singles |= is_singleton(l->specs[i]);
	/* The ids of several follow upon each other from the next one on; and of one name each waits for those before it. */
	if (l->n > 1 || singles)
		turn_now(d);
	l->asked_n = 0;
	l->again = false;
	for (uint32_t i = 0; i < l->n && l->result == 0; i++)
		settle(l, i);
	if (l->result < 0) {
		lookup_fail(l);
	} else if (l->asked_n || l->again || (singles && !l->looked)) {
		turn_after_commit(d, &l->work);
	} else {
		l->go_on(l->request, l->specs, l->n);
		lookup_free(l);
	}
}

static void lookup_done(struct work *work, void *ctx)
{
	struct lookup *l = container_of(work, struct lookup, work);

	if (l->result == 0 && turn_store_is_failing(ctx, &l->error))
		l->result = mscg_error_prefix(&l->error, -EIO, "the state directory cannot be written: ");
	if (l->result < 0)
		lookup_fail(l);
	else
		lookup_go_on(l);
}

void depends_settle(struct request *r, struct mscg_spec **specs, uint32_t n,
                    void (*go_on)(struct request *r, struct mscg_spec **specs, uint32_t n))
{
	struct lookup *l = xcalloc(1, sizeof *l);

	*l = (struct lookup){ .work = { .run = lookup_run, .done = lookup_done }, .request = r, .specs = specs, .n = n, .go_on = go_on };
	l->named = xcalloc(n, sizeof *l->named);
	l->corr = xcalloc(n, sizeof *l->corr);
	lookup_go_on(l);
}
