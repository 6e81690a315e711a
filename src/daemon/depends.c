/* Dependencies of a Submit: jobs that have ended are in the store only, and what they ended as is looked up there before
 * the core sees the submission. What the core knows may end meanwhile, so that after a look everything is gone through
 * again. */
#include "daemon.h"
#include "src/base/depend.h"

struct found {
	struct mscg_id  id;
	enum mscg_state state;
	int64_t         start_usec;
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
	int  result;
	bool looked;
	struct mscg_error error;
};

static void lookup_free(struct lookup *l)
{
	for (uint32_t i = 0; i < l->n; i++)
		free(l->named[i].id);
	free(l->named);
	free(l->asked);
	free(l->found);
	free(l);
}

/* -- in the committer's thread ------------------------------------------------------------------------------------ */

static int look_at(struct lookup *l, struct store *store, struct mscg_id id)
{
	struct store_record record;
	char text[MSCG_ID_TEXT];
	int r = list_read_one(store, id, &record, &l->error);

	if (r == -ENOENT)
		return mscg_error_set(&l->error, -EINVAL, "a dependency on job %s: there is no such job", mscg_id_format(id, text));
	if (r < 0)
		return r;
	GROW(l->found, l->found_n, l->found_cap);
	l->found[l->found_n++] = (struct found){ id, (enum mscg_state)record.row.job.state, record.row.job.start_usec };
	store_record_clear(&record);
	return 0;
}

static bool is_singleton(const struct mscg_spec *spec)
{
	return spec->dependency && strstr(spec->dependency, "singleton");
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
	return n <= DEPEND_MAX ? 0 : mscg_error_set(&l->error, -E2BIG, "singleton: more than %d jobs of the name '%.60s' have not ended",
	                                            DEPEND_MAX, spec->name);
}

static void lookup_run(struct work *work, struct store *store)
{
	struct lookup *l = container_of(work, struct lookup, work);

	l->found_n = 0;
	for (uint32_t i = 0; i < l->asked_n && l->result == 0; i++)
		l->result = look_at(l, store, l->asked[i]);
	for (uint32_t i = 0; i < l->n && l->result == 0; i++)
		if (is_singleton(l->specs[i]))
			l->result = look_for_name(l, store, l->specs[i], &l->named[i]);
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

static void add_named(struct lookup *l, const struct named *named, struct depends *d)
{
	for (uint32_t i = 0; i < named->n; i++)
		if (is_active(l, named->id[i])) {
			d->on = xreallocarray(d->on, d->n + 1, sizeof *d->on);
			d->on[d->n++] = (struct depend){ .kind = DEPEND_SINGLETON, .id = named->id[i] };
		}
}

/* What is left of one specification's dependency; jobs that have to be looked up are added to `asked`. */
static void settle(struct lookup *l, struct mscg_spec *spec, const struct named *named)
{
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
		} else if (mscg_depend_ended(one, found->state, found->start_usec, now)) {
			mscg_depends_drop(&d, i);
			done = true;
		} else {
			i++;
		}
	}
	if (single)
		add_named(l, named, &d);
	if (done && d.any)
		d.n = 0;
	free(spec->dependency_left);
	spec->dependency_left = mscg_depends_format(&d);
	mscg_depends_clear(&d);
}

static void lookup_go_on(struct lookup *l);

static void lookup_done(struct work *work, void *ctx)
{
	struct lookup *l = container_of(work, struct lookup, work);

	(void)ctx;
	if (l->result == 0) {
		lookup_go_on(l);
		return;
	}
	for (uint32_t i = 0; i < l->n; i++)
		mscg_spec_free(l->specs[i]);
	free(l->specs);
	request_fail(l->request, l->result, &l->error);
	lookup_free(l);
}

static void lookup_go_on(struct lookup *l)
{
	bool singles = false;

	if (l->n > 1) /* their ids follow upon each other from the next one on, with nobody else's between */
		turn_now(l->request->d);
	l->asked_n = 0;
	for (uint32_t i = 0; i < l->n; i++) {
		settle(l, l->specs[i], &l->named[i]);
		singles |= is_singleton(l->specs[i]);
	}
	if (l->asked_n || (singles && !l->looked)) {
		committer_submit(l->request->d->committer, &l->work);
		return;
	}
	l->go_on(l->request, l->specs, l->n);
	lookup_free(l);
}

void depends_settle(struct request *r, struct mscg_spec **specs, uint32_t n,
                    void (*go_on)(struct request *r, struct mscg_spec **specs, uint32_t n))
{
	struct lookup *l = xcalloc(1, sizeof *l);

	*l = (struct lookup){ .work = { .run = lookup_run, .done = lookup_done }, .request = r, .specs = specs, .n = n, .go_on = go_on };
	l->named = xcalloc(n, sizeof *l->named);
	lookup_go_on(l);
}
