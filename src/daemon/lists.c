/* What is read from the store: in slices, between commits, in the committer's thread. A slow reader is given the next
 * slice when it has taken the one before. */
#include "daemon.h"
#include "src/base/parse.h"

/* Rows of an answer, and about the bytes of their texts; rows looked at for one: then others have their turn at the store; ids
 * that a request may name. */
enum { SLICE = 256, SLICE_BYTES = WIRE_MESSAGE_MAX, SCAN = 4096, IDS_MAX = 16384 };

struct list_work {
	struct work work; /* first */
	struct request *request;
	struct store_filter filter;
	char *user, *name, *account; /* what filter points to */
	struct mscg_id *ids;         /* one by one instead of by filter */
	uint32_t ids_n, ids_at;
	bool     tasks;              /* of an array that is one of the ids, its tasks as the filter wants them too; and an array stands for those that never started */
	bool     live, more; /* more: there may be others behind those of the slice */
	bool     top;        /* with totals at its end */
	uint64_t left; /* rows still wanted */
	/* result of one slice */
	struct store_record *records;
	uint32_t n;
	size_t   bytes;
	struct store_totals totals;
	int      result;
	struct mscg_error error;
};

static void clear_slice(struct list_work *l)
{
	for (uint32_t i = 0; i < l->n; i++)
		store_record_clear(&l->records[i]);
	free(l->records);
	l->records = NULL;
	l->n       = 0;
	l->bytes   = 0;
}

static void list_free(struct list_work *l)
{
	clear_slice(l);
	free(l->user);
	free(l->name);
	free(l->account);
	free(l->ids);
	free(l);
}

static bool is_among(const char *tasks, uint32_t task)
{
	struct mscg_range *ranges = NULL;
	uint32_t n = 0;
	bool found = false;

	if (!tasks || mscg_ranges_parse(tasks, &ranges, &n, NULL) < 0)
		return false;
	for (uint32_t i = 0; i < n && !found; i++)
		found = task >= ranges[i].first && task <= ranges[i].last && (task - ranges[i].first) % ranges[i].step == 0;
	free(ranges);
	return found;
}

/* The record of an array as one of those of its tasks that never started. */
static void become_unstarted(struct mscg_row *row)
{
	row->job.state     = (uint8_t)mscg_row_unstarted_state(row);
	row->job.reason    = row->unstarted_reason;
	row->job.end_usec  = row->unstarted_usec;
	row->job.exit_code = row->job.exit_signal = 0;
	row->array_worst   = 0;
}

/* A task that was never split off has no row: it is its array's, waiting or given up. */
int list_read_one(struct store *store, struct mscg_id id, struct store_record *ret, struct mscg_error *error)
{
	int r = store_get(store, id, ret, error);

	if (r != -ENOENT || id.task == MSCG_NO_TASK)
		return r;
	r = store_get(store, (struct mscg_id){ id.job, MSCG_NO_TASK }, ret, error);
	if (r < 0)
		return r;
	if (is_among(ret->row.unstarted, id.task)) {
		become_unstarted(&ret->row);
	} else if (!is_among(ret->row.pending, id.task)) {
		store_record_clear(ret);
		return -ENOENT;
	}
	ret->row.job.id = id;
	ret->row.job.flags &= ~(uint32_t)MSCG_JOB_ARRAY;
	free(steal(&ret->row.pending));
	free(steal(&ret->row.unstarted));
	return 0;
}

static void add_record(struct list_work *l, struct store_record record)
{
	l->bytes += store_record_bytes(&record);
	l->records[l->n++] = record;
}

/* What matches the filter behind filter.after, until the slice is full or SCAN rows were seen. */
static int scan(struct list_work *l, struct store *store, uint32_t room)
{
	struct store_record *found = NULL;
	uint32_t n = 0;
	int r;

	l->filter.limit     = room - l->n;
	l->filter.scan_max  = SCAN;
	l->filter.bytes_max = SLICE_BYTES - l->bytes;
	r = store_list_next(store, &l->filter, &found, &n, &l->filter.after, &l->more, &l->error);
	for (uint32_t i = 0; i < n; i++)
		add_record(l, found[i]);
	free(found);
	return r;
}

/* Tasks of the array that l->ids_at names, behind the record or those that were read before. */
static int read_tasks(struct list_work *l, struct store *store, uint32_t room)
{
	int r;

	l->filter.job = l->ids[l->ids_at].job;
	r = scan(l, store, room);
	if (r == 0 && !l->more) {
		l->ids_at++;
		l->filter.after = (struct mscg_id){ 0 };
	}
	return r;
}

static int read_named(struct list_work *l, struct store *store)
{
	struct mscg_id id = l->ids[l->ids_at];
	char text[MSCG_ID_TEXT];
	struct store_record record;
	int r = list_read_one(store, id, &record, &l->error);

	if (r == -ENOENT) {
		l->ids_at++;
		return request_is(l->request, "Show") ? mscg_error_set(&l->error, -ESRCH, "no job %s", mscg_id_format(id, text)) : 0;
	}
	if (r < 0)
		return r;
	if (l->tasks && record.row.job.flags & MSCG_JOB_ARRAY)
		l->filter.after = id; /* read_tasks goes on from there */
	else
		l->ids_at++;
	add_record(l, record);
	return 0;
}

static void list_run(struct work *work, struct store *store)
{
	struct list_work *l = container_of(work, struct list_work, work);
	uint32_t room = (uint32_t)MIN_OF(l->left, SLICE);
	bool scanned = false;

	l->records = xcalloc(SLICE, sizeof *l->records);
	if (!l->ids_n) {
		l->result = scan(l, store, room);
		if (l->result == 0 && l->top)
			l->result = store_get_totals(store, &l->totals, &l->error);
		return;
	}
	while (l->ids_at < l->ids_n && l->n < room && l->bytes < SLICE_BYTES && !scanned && l->result >= 0) {
		scanned   = l->filter.after.job;
		l->result = scanned ? read_tasks(l, store, room) : read_named(l, store);
	}
	l->more = l->ids_at < l->ids_n;
}

/* As much of it as the client may see; NULL: nothing. */
static json_t *job_json(const struct request *r, const struct store_record *record)
{
	json_t *job;

	if (!client_sees(r->client, record->row.job.uid))
		return NULL;
	job = view_job(r->d, &record->row, record->spec, r->list->live, !request_is(r, "Show"));
	if (!client_knows(r->client, record->row.job.uid))
		view_hide(job);
	return job;
}

/* False: there is no room for all of it. */
static bool add_slice(struct request *r)
{
	struct list_work *l = r->list;
	bool fits = true;

	for (uint32_t i = 0; i < l->n && fits; i++) {
		struct mscg_row *row = &l->records[i].row;

		if (l->tasks && row->unstarted)
			become_unstarted(row);
		json_t *job = job_json(r, &l->records[i]);

		fits = !job || parts_add(r, "jobs", job);
	}
	return fits;
}

static void next_slice(struct request *r)
{
	struct list_work *l = r->list;

	if (!r->client || r->reading || wire_conn_queued(r->client->conn) > WIRE_MESSAGE_MAX)
		return;
	r->reading = true;
	committer_submit(r->d->committer, &l->work);
}

static void list_abandon(struct request *r)
{
	if (r->reading)
		return; /* the slice that is under way ends it */
	list_free(r->list);
	request_free(r);
}

static void show_done(struct request *r)
{
	json_t *job = job_json(r, &r->list->records[0]);
	char text[MSCG_ID_TEXT];

	list_free(r->list);
	if (job)
		request_reply(r, json_pack("{s:o}", "job", job));
	else /* somebody else's, and nobody is to know of it */
		request_failf(r, -ESRCH, "no job %s", mscg_id_format(r->id, text));
}

static void list_done(struct work *work, void *ctx)
{
	struct list_work *l = container_of(work, struct list_work, work);
	struct request *r = l->request;

	(void)ctx;
	r->reading = false;
	if (!r->client) {
		list_free(l);
		request_free(r);
		return;
	}
	if (l->result < 0) {
		int code = l->result;
		struct mscg_error error = l->error;

		list_free(l);
		request_fail(r, code, &error);
		return;
	}
	if (request_is(r, "Show")) {
		show_done(r);
		return;
	}
	l->left -= MIN_OF(l->left, l->n);
	bool more = l->left > 0 && l->more, fits = add_slice(r);
	clear_slice(l);
	if (fits && more) {
		if (r->more)
			parts_send(r);
		next_slice(r);
		return;
	}
	json_t *rest = fits && l->top ? json_pack("{s:o}", "stats", view_stats(r->d, &l->totals)) : NULL;
	list_free(l);
	if (fits)
		parts_end(r, "jobs", rest);
	else
		parts_refuse(r);
}

static struct list_work *list_new(struct request *r)
{
	struct list_work *l = xcalloc(1, sizeof *l);

	l->work    = (struct work){ .run = list_run, .done = list_done };
	l->request = r;
	l->left    = UINT64_MAX;
	l->filter  = (struct store_filter){ .uid = UINT32_MAX };
	r->list    = l;
	r->abandon = list_abandon;
	r->drained = next_slice;
	return l;
}

static int add_ids(struct list_work *l, char *const *ids, struct mscg_error *error)
{
	for (uint32_t cap = 0; ids && *ids; ids++) {
		if (l->ids_n == IDS_MAX)
			return mscg_error_set(error, -E2BIG, "%zu jobs in one request: expected at most %d", strv_length(ids) + IDS_MAX, IDS_MAX);
		if (l->ids_n == cap)
			l->ids = xreallocarray(l->ids, cap = cap ? cap * 2 : 8, sizeof *l->ids);
		int r = mscg_id_parse(*ids, &l->ids[l->ids_n], error);
		if (r < 0)
			return r;
		l->ids_n++;
	}
	return 0;
}

static const uint32_t active_states = 1u << MSCG_STATE_PENDING | 1u << MSCG_STATE_RUNNING | 1u << MSCG_STATE_SUSPENDED |
                                      1u << MSCG_STATE_COMPLETING;

static int read_filter(struct request *r, struct list_work *l, struct mscg_error *error)
{
	const json_t *p = r->parameters;
	_cleanup_strv_ char **ids = NULL, **states = NULL;
	const char *user = NULL, *name = NULL, *account = NULL, *partition = NULL;
	int64_t limit = INT64_MAX;
	bool active = false;
	int code;

	if ((code = wire_get_strv(p, "ids", &ids, error)) < 0 || (code = wire_get_strv(p, "states", &states, error)) < 0 ||
	    (code = wire_get_string(p, "user", &user, error)) < 0 || (code = wire_get_string(p, "name", &name, error)) < 0 ||
	    (code = wire_get_string(p, "account", &account, error)) < 0 || (code = wire_get_string(p, "partition", &partition, error)) < 0 ||
	    (code = wire_get_time(p, "since", &l->filter.since_usec, error)) < 0 ||
	    (code = wire_get_time(p, "until", &l->filter.until_usec, error)) < 0 ||
	    (code = wire_get_bool(p, "active", &active, error)) < 0 ||
	    (code = wire_get_bool(p, "newest_first", &l->filter.newest_first, error)) < 0 || (code = wire_get_bool(p, "tasks", &l->tasks, error)) < 0 ||
	    (code = wire_get_int(p, "limit", 1, INT64_MAX, &limit, error)) < 0 || (code = add_ids(l, ids, error)) < 0)
		return code;
	for (char **s = states; s && *s; s++) {
		enum mscg_state state;

		if ((code = mscg_state_parse(*s, &state, error)) < 0)
			return code;
		l->filter.states |= 1u << state;
	}
	if (active)
		l->filter.states = l->filter.states ? l->filter.states & active_states : active_states;
	if (r->d->config.privacy == PRIVACY_JOBS && !client_is_operator(r->client))
		l->filter.uid = r->client->peer.uid;
	/* Nobody finds out whose or what by asking for it. */
	if (r->d->config.privacy == PRIVACY_USERS && (user || name || account || partition) && !client_is_operator(r->client))
		l->filter.uid = r->client->peer.uid;
	l->filter.newest_first &= !l->ids_n; /* as they are named */
	l->filter.unstarted = l->tasks;
	l->filter.user = l->user = xstrdup(user);
	l->filter.name = l->name = xstrdup(name);
	l->filter.account = l->account = xstrdup(account);
	l->filter.partition = name_key(partition);
	l->left = (uint64_t)limit;
	return 0;
}

void list_start(struct request *r)
{
	struct list_work *l = list_new(r);
	struct mscg_error error;
	int code = read_filter(r, l, &error);

	if (code < 0) {
		list_free(l);
		request_fail(r, code, &error);
		return;
	}
	next_slice(r);
}

void show_start(struct request *r)
{
	struct list_work *l = list_new(r);
	struct mscg_error error;
	int code = wire_get_id(r->parameters, "id", &r->id, &error);

	if (code == 0)
		code = mscg_error_set(&error, -EINVAL, "parameter 'id' is missing: which job?");
	if (code < 0) {
		list_free(l);
		request_fail(r, code, &error);
		return;
	}
	l->ids    = xcalloc(1, sizeof *l->ids);
	l->ids[0] = r->id;
	l->ids_n  = 1;
	l->live   = true;
	next_slice(r);
}

void top_start(struct request *r)
{
	struct list_work *l = list_new(r);

	l->filter.states = active_states & ~(1u << MSCG_STATE_PENDING);
	l->left = SLICE;
	l->live = true;
	l->top  = true;
	next_slice(r);
}

/* -- Stats -------------------------------------------------------------------------------------------------------- */

struct stats_work {
	struct work work; /* first */
	struct request *request;
	struct store_totals totals;
	int      result;
	struct mscg_error error;
};

static void stats_run(struct work *work, struct store *store)
{
	struct stats_work *s = container_of(work, struct stats_work, work);

	s->result = store_get_totals(store, &s->totals, &s->error);
}

static void stats_done(struct work *work, void *ctx)
{
	struct stats_work *s = container_of(work, struct stats_work, work);

	(void)ctx;
	if (s->result < 0)
		request_fail(s->request, s->result, &s->error);
	else
		request_reply(s->request, json_pack("{s:o}", "stats", view_stats(s->request->d, &s->totals)));
	free(s);
}

void stats_start(struct request *r)
{
	struct stats_work *s = xcalloc(1, sizeof *s);

	s->work    = (struct work){ .run = stats_run, .done = stats_done };
	s->request = r;
	committer_submit(r->d->committer, &s->work);
}
