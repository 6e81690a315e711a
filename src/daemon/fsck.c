/* Fsck: what is stored is read whole, the journal is folded and held against the rows, and what runs against the engine's
 * view. The committer does nothing else meanwhile, so that all of it is of one moment. */
#include <stdarg.h>
#include <syslog.h>

#include "daemon.h"
#include "src/core/core.h"

enum { SLICE = 1000, SLICE_BYTES = 4 << 20, DIFFERENCES_MAX = 1000, BUCKETS = 65536 };

struct folded {
	struct mscg_job job;
	bool whole; /* the journal has it from the beginning */
	bool broken, seen;
	struct folded *next; /* of its bucket */
};

struct fsck {
	struct work work; /* first */
	struct daemon  *d;
	struct request *request;
	struct folded **bucket;
	uint64_t events, jobs;
	bool     from_the_beginning; /* nothing was pruned */
	json_t  *differences;
	int      result;
	struct mscg_error error;
};

__attribute__((format(printf, 4, 5)))
static void differs(json_t *list, const char *where, const struct mscg_id *id, const char *format, ...)
{
	char text[512], name[MSCG_ID_TEXT];
	va_list args;

	if (json_array_size(list) >= DIFFERENCES_MAX)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	json_array_append_new(list, json_pack("{s:s, s:s?, s:s}", "where", where, "id", id ? mscg_id_format(*id, name) : NULL,
	                                      "text", text));
}

/* -- the journal, folded ------------------------------------------------------------------------------------------ */

static struct folded **bucket_of(struct fsck *f, struct mscg_id id)
{
	return &f->bucket[(id.job * 2654435761u ^ id.task) % BUCKETS];
}

static struct folded *find(struct fsck *f, struct mscg_id id)
{
	struct folded *one = *bucket_of(f, id);

	while (one && !mscg_id_equal(one->job.id, id))
		one = one->next;
	return one;
}

/* The first event of it. A task begins as its array's record is then. */
static struct folded *begin(struct fsck *f, const struct mscg_event *e)
{
	struct folded *one = xcalloc(1, sizeof *one), **b = bucket_of(f, e->id);
	const struct folded *record = e->id.task == MSCG_NO_TASK ? NULL : find(f, (struct mscg_id){ e->id.job, MSCG_NO_TASK });

	one->job.id = e->id;
	one->whole  = e->kind == MSCG_EVENT_SUBMITTED;
	if (record) {
		core_job_split(&record->job, e->id.task, &one->job);
		one->whole = record->whole && e->kind != MSCG_EVENT_SUBMITTED;
	}
	one->next = *b;
	*b = one;
	return one;
}

static void fold(struct fsck *f, const struct mscg_event *e)
{
	struct folded *one = find(f, e->id);
	struct mscg_error error;

	if (!one)
		one = begin(f, e);
	if (one->broken)
		return;
	if (!one->whole) {
		one->job.state = e->state;
		return;
	}
	if (core_job_apply(&one->job, e, &error) < 0) {
		differs(f->differences, "journal", &e->id, "event %llu: %s", (unsigned long long)e->seq, error.text);
		one->broken = true;
	} else if (one->job.state != e->state) {
		differs(f->differences, "journal", &e->id, "event %llu says %s, and by those before it is %s", (unsigned long long)e->seq,
		        mscg_state_name(e->state), mscg_state_name((enum mscg_state)one->job.state));
		one->broken = true;
	}
}

static int read_journal(struct fsck *f, struct store *store)
{
	uint64_t seq = 0;

	for (uint32_t n = SLICE; n == SLICE;) {
		struct mscg_event *events;
		int r = store_events(store, seq, (struct mscg_id){ 0, 0 }, SLICE, &events, &n, &f->error);

		if (r < 0)
			return r;
		for (uint32_t i = 0; i < n; i++) {
			if (!f->events++)
				f->from_the_beginning = events[i].seq == 1;
			fold(f, &events[i]);
			seq = events[i].seq;
		}
		store_events_free(events, n);
	}
	return 0;
}

/* -- the rows ----------------------------------------------------------------------------------------------------- */

static void compare(struct fsck *f, const struct mscg_job *row)
{
	struct folded *one = find(f, row->id);
	const struct mscg_job *job = one ? &one->job : NULL;
	const struct { const char *name; int64_t row, journal; bool of_state; } fields[] = {
		{ "attempt", row->attempt, job ? job->attempt : 0, false },
		{ "restart_count", row->restarts, job ? job->restarts : 0, false },
		{ "suspended since", row->suspend_usec, job ? job->suspend_usec : 0, false },
		{ "suspended_usec", row->suspended_usec, job ? job->suspended_usec : 0, false },
		{ "exit_code", row->exit_code, job ? job->exit_code : 0, false },
		{ "signal", row->exit_signal, job ? job->exit_signal : 0, false },
		{ "start_time", row->start_usec, job ? job->start_usec : 0, false },
		{ "end_time", row->end_usec, job ? job->end_usec : 0, false },
		{ "current_cpus", row->current_cpus_milli, job ? job->current_cpus_milli : 0, false },
	};

	if (!one) {
		if (f->from_the_beginning)
			differs(f->differences, "job", &row->id, "it is %s, and the journal does not know it",
			        mscg_state_name((enum mscg_state)row->state));
		return;
	}
	one->seen = true;
	if (one->broken)
		return;
	if (row->state != job->state)
		differs(f->differences, "job", &row->id, "its state is %s, and by the journal %s", mscg_state_name((enum mscg_state)row->state),
		        mscg_state_name((enum mscg_state)job->state));
	for (size_t i = 0; one->whole && i < ARRAY_SIZE(fields); i++)
		if (fields[i].row != fields[i].journal)
			differs(f->differences, "job", &row->id, "its %s is %lld, and by the journal %lld", fields[i].name,
			        (long long)fields[i].row, (long long)fields[i].journal);
}

static int read_rows(struct fsck *f, struct store *store)
{
	struct store_filter filter = { .uid = UINT32_MAX, .limit = SLICE, .bytes_max = SLICE_BYTES };
	bool more = true;

	while (more) {
		struct store_record *records;
		struct mscg_id last;
		uint32_t n;
		int r = store_list_next(store, &filter, &records, &n, &last, &more, &f->error);

		if (r < 0)
			return r;
		for (uint32_t i = 0; i < n; i++)
			compare(f, &records[i].row.job);
		f->jobs += n;
		store_records_free(records, n);
		filter.after = last;
	}
	return 0;
}

/* Rows of what has ended may have been pruned. */
static void look_for_lost_rows(struct fsck *f)
{
	for (size_t i = 0; i < BUCKETS; i++)
		for (const struct folded *one = f->bucket[i]; one; one = one->next)
			if (!one->seen && !one->broken && !mscg_state_is_final((enum mscg_state)one->job.state))
				differs(f->differences, "job", &one->job.id, "by the journal it is %s, and there is no such job",
				        mscg_state_name((enum mscg_state)one->job.state));
}

static void fsck_run(struct work *work, struct store *store)
{
	struct fsck *f = container_of(work, struct fsck, work);

	f->result = store_integrity(store, &f->error);
	if (f->result == -EBADMSG) {
		differs(f->differences, "database", NULL, "%s", f->error.text);
		f->result = 0;
		return;
	}
	if (f->result == 0)
		f->result = read_journal(f, store);
	if (f->result == 0)
		f->result = read_rows(f, store);
	if (f->result == 0)
		look_for_lost_rows(f);
}

/* -- what runs ---------------------------------------------------------------------------------------------------- */

static void engine_differs(void *ctx, const char *where, struct mscg_id id, const char *text)
{
	differs(ctx, where, id.job ? &id : NULL, "%s", text);
}

struct live {
	struct engine *engine;
	json_t *differences;
};

static bool look_at_job(const struct mscg_job *job, void *ctx)
{
	struct live *live = ctx;
	char cgroup[512], control[512];

	/* What was granted in this moment is not the engine's yet. */
	if (job->state == MSCG_STATE_RUNNING && job->flags & MSCG_JOB_STARTED &&
	    live->engine->ops->paths(live->engine, job->id, cgroup, control) < 0)
		differs(live->differences, "job", &job->id, "it is RUNNING, and nothing of it is on this machine");
	return true;
}

static bool check_engine(struct daemon *d, json_t *differences)
{
	struct live live = { d->engine, differences };

	if (!d->engine || !d->engine->ops->check)
		return false;
	core_each(d->core, look_at_job, &live);
	d->engine->ops->check(d->engine, engine_differs, differences);
	return true;
}

static void fsck_done(struct work *work, void *ctx)
{
	struct fsck *f = container_of(work, struct fsck, work);
	struct daemon *d = ctx;
	json_t *checked = json_pack("[s, s]", "database", "journal");

	if (f->result < 0) {
		request_fail(f->request, f->result, &f->error);
	} else {
		if (check_engine(d, f->differences))
			{
			json_array_append_new(checked, json_string("slots"));
			json_array_append_new(checked, json_string("cgroups"));
		}
		if (json_array_size(f->differences))
			log_line(LOG_ERR, "fsck found %zu differences", json_array_size(f->differences));
		request_reply(f->request, json_pack("{s:O, s:I, s:I, s:O}", "checked", checked, "jobs", (json_int_t)f->jobs,
		                                    "events", (json_int_t)f->events, "differences", f->differences));
	}
	json_decref(checked);
	json_decref(f->differences);
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct folded *one = f->bucket[i], *next; one; one = next) {
			next = one->next;
			mscg_run_free(one->job.run);
			free(one);
		}
	free(f->bucket);
	free(f);
}

void fsck_start(struct request *r)
{
	struct fsck *f = xcalloc(1, sizeof *f);

	*f = (struct fsck){ .work = { .run = fsck_run, .done = fsck_done }, .d = r->d, .request = r };
	f->bucket      = xcalloc(BUCKETS, sizeof *f->bucket);
	f->differences = json_array();
	committer_submit(r->d->committer, &f->work);
}
