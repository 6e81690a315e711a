/* Those who wait for jobs to end, and those who watch what happens. Both are told after the commit, never before. */
#include "daemon.h"

enum { BUCKETS = 4096, SLICE = 256 };

/* -- Wait --------------------------------------------------------------------------------------------------------- */

struct waiter {
	struct mscg_id  id;
	struct request *request;
	struct waiter  *next;            /* in its bucket */
	struct waiter **prev;            /* NULL: not in one */
	struct waiter  *next_of_request, **prev_of_request; /* the request owns them all */
};

static struct waiter **bucket(struct daemon *d, struct mscg_id id)
{
	if (!d->waiters)
		d->waiters = xcalloc(BUCKETS, sizeof(struct waiter *));
	return &d->waiters[id.job * 2654435761u % BUCKETS];
}

static void waiter_unlink(struct waiter *w)
{
	if (!w->prev)
		return;
	*w->prev = w->next;
	if (w->next)
		w->next->prev = w->prev;
	w->prev = NULL;
}

static void waiter_link(struct daemon *d, struct waiter *w)
{
	struct waiter **b = bucket(d, w->id);

	w->next = *b;
	w->prev = b;
	if (w->next)
		w->next->prev = &w->next;
	*b = w;
}

static void waiter_free(struct waiter *w)
{
	waiter_unlink(w);
	*w->prev_of_request = w->next_of_request;
	if (w->next_of_request)
		w->next_of_request->prev_of_request = w->prev_of_request;
	free(w);
}

static void free_waiters(struct request *r)
{
	while (r->waiters)
		waiter_free(r->waiters);
}

static void wait_abandon(struct request *r)
{
	if (r->reading)
		return;
	free_waiters(r);
	request_free(r);
}

/* One of the jobs has ended. May free the request. */
static void wait_tell(struct waiter *w, uint8_t state, uint8_t reason, int32_t code, int32_t signal)
{
	struct request *r = w->request;
	char id[MSCG_ID_TEXT];
	json_t *reply = NULL;

	mscg_id_format(w->id, id);
	waiter_free(w);
	if ((r->waiters || r->reading) && !r->more)
		return;
	reply = json_pack("{s:s, s:s, s:o, s:o, s:s}", "id", id, "state", mscg_state_name((enum mscg_state)state), "exit_code",
	                  code < 0 ? json_null() : json_integer(code), "signal", signal ? json_integer(signal) : json_null(), "reason",
	                  mscg_reason_name((enum mscg_reason)reason));
	if (r->waiters || r->reading)
		request_stream(r, reply);
	else
		request_reply(r, reply);
}

struct wait_work {
	struct work work; /* first */
	struct request *request;
	struct mscg_id *ids;
	uint32_t n;
	struct store_record *records;
	int result;
	struct mscg_error error;
};

static void wait_run(struct work *work, struct store *store)
{
	struct wait_work *w = container_of(work, struct wait_work, work);
	char text[MSCG_ID_TEXT];

	w->records = xcalloc(w->n, sizeof *w->records);
	for (uint32_t i = 0; i < w->n; i++) {
		w->result = list_read_one(store, w->ids[i], &w->records[i], &w->error);
		if (w->result == -ENOENT)
			w->result = mscg_error_set(&w->error, -ESRCH, "no job %s", mscg_id_format(w->ids[i], text));
		if (w->result < 0) {
			w->n = i;
			return;
		}
		mscg_spec_free(steal(&w->records[i].spec)); /* not needed, and may be large */
	}
}

static struct waiter *waiter_add(struct request *r, struct mscg_id id)
{
	struct waiter *w = xcalloc(1, sizeof *w);

	*w = (struct waiter){ .id = id, .request = r, .next_of_request = r->waiters, .prev_of_request = &r->waiters };
	if (w->next_of_request)
		w->next_of_request->prev_of_request = &w->next_of_request;
	r->waiters = w;
	waiter_link(r->d, w);
	return w;
}

static int all_seen(const struct request *r, struct wait_work *w)
{
	char text[MSCG_ID_TEXT];

	for (uint32_t i = 0; i < w->n; i++)
		if (!client_sees(r->client, w->records[i].row.job.uid))
			return mscg_error_set(&w->error, -ESRCH, "no job %s", mscg_id_format(w->ids[i], text));
	return 0;
}

static void wait_done(struct work *work, void *ctx)
{
	struct wait_work *w = container_of(work, struct wait_work, work);
	struct request *r = w->request;

	(void)ctx;
	r->reading = false;
	if (!r->client) {
		free_waiters(r);
		request_free(r);
	} else if (w->result < 0 || (w->result = all_seen(r, w)) < 0) {
		free_waiters(r);
		request_fail(r, w->result, &w->error);
	} else {
		/* All are added before the first is told: telling the last one ends the request. */
		struct waiter **added = xcalloc(w->n, sizeof(struct waiter *));

		for (uint32_t i = 0; i < w->n; i++)
			added[i] = waiter_add(r, w->records[i].row.job.id);
		for (uint32_t i = 0; i < w->n; i++) {
			const struct mscg_job *job = &w->records[i].row.job;

			/* Not final in the store and not in the core: its end is on its way to the store. */
			if (mscg_state_is_final((enum mscg_state)job->state))
				wait_tell(added[i], job->state, job->reason, job->exit_code, job->exit_signal);
		}
		free(added);
	}
	for (uint32_t i = 0; i < w->n; i++)
		store_record_clear(&w->records[i]);
	free(w->records);
	free(w->ids);
	free(w);
}

void wait_start(struct request *r)
{
	_cleanup_free_ struct mscg_id *ids = NULL;
	struct mscg_error error;
	bool attached = false;
	uint32_t n = 0;
	int code = many_ids(r, 0, &ids, &n, &error);

	if (code >= 0 && n == 0)
		code = mscg_error_set(&error, -EINVAL, "parameter 'ids' is empty: wait for which jobs?");
	if (code >= 0)
		code = wire_get_bool(r->parameters, "attached", &attached, &error);
	if (code >= 0 && attached)
		code = n > 1 ? mscg_error_set(&error, -EINVAL, "an attached job comes alone") : attached_again(r, ids[0], &error);
	if (code < 0) {
		request_fail(r, code, &error);
		return;
	}
	struct wait_work *w = xcalloc(1, sizeof *w);

	r->abandon = wait_abandon;
	w->ids     = xcalloc(n, sizeof *w->ids);
	for (uint32_t i = 0; i < n; i++) {
		const struct mscg_job *job = core_find(r->d->core, ids[i]);

		if (job && client_sees(r->client, job->uid) && (mscg_id_equal(job->id, ids[i]) || core_task_waits(r->d->core, ids[i])))
			waiter_add(r, ids[i]);
		else
			w->ids[w->n++] = ids[i];
	}
	if (!w->n) {
		free(w->ids);
		free(w);
		return;
	}
	w->work    = (struct work){ .run = wait_run, .done = wait_done };
	w->request = r;
	r->reading = true;
	committer_submit(r->d->committer, &w->work);
}

/* -- Events ------------------------------------------------------------------------------------------------------- */

struct events_work {
	struct work work; /* first */
	struct request *request;
	uint64_t after;
	struct mscg_event *events;
	uint32_t n;
	bool     whose; /* privacy: owners are looked up */
	uint32_t *owners; /* of events; UINT32_MAX: not known any more */
	int result;
	struct mscg_error error;
};

/* Who must not see everything is told from the store, where it is found out whose job an event is of. */
static bool is_filtered(const struct request *r)
{
	return r->d->config.privacy != PRIVACY_NONE && r->client && !client_is_operator(r->client);
}

static void send_event(struct request *r, const struct mscg_event *event)
{
	r->next_seq = event->seq + 1;
	if (r->id.job && (event->id.job != r->id.job || (r->id.task != MSCG_NO_TASK && event->id.task != r->id.task)))
		return;
	request_stream(r, json_pack("{s:o}", "event", wire_event_json(event)));
}

static void read_events(struct request *r);

static void events_run(struct work *work, struct store *store)
{
	struct events_work *w = container_of(work, struct events_work, work);

	w->result = store_events(store, w->after, w->request->id, SLICE, &w->events, &w->n, &w->error);
	if (w->result < 0 || !w->whose)
		return;
	w->owners = xcalloc(w->n, sizeof *w->owners);
	for (uint32_t i = 0; i < w->n; i++) {
		struct store_record record;

		/* A task that was never granted is its array's. */
		w->owners[i] = UINT32_MAX;
		if (store_get(store, (struct mscg_id){ w->events[i].id.job, MSCG_NO_TASK }, &record, NULL) < 0 &&
		    store_get(store, w->events[i].id, &record, NULL) < 0)
			continue;
		w->owners[i] = record.row.job.uid;
		store_record_clear(&record);
	}
}

/* As much of it as the client may see. */
static void send_filtered(struct request *r, struct mscg_event *event, uint32_t owner)
{
	if (!client_sees(r->client, owner)) {
		r->next_seq = event->seq + 1;
		return;
	}
	if (!client_knows(r->client, owner))
		free(steal(&event->text)); /* may name files */
	send_event(r, event);
}

static void unwatch(struct request *r)
{
	for (struct request **p = &r->d->watchers; *p; p = &(*p)->next_watcher)
		if (*p == r) {
			*p = r->next_watcher;
			return;
		}
}

static void events_done(struct work *work, void *ctx)
{
	struct events_work *w = container_of(work, struct events_work, work);
	struct request *r = w->request;

	(void)ctx;
	r->reading = false;
	if (!r->client || w->result < 0) {
		unwatch(r);
		if (r->client)
			request_fail(r, w->result, &w->error);
		else
			request_free(r);
	} else {
		for (uint32_t i = 0; i < w->n; i++)
			if (w->whose)
				send_filtered(r, &w->events[i], w->owners[i]);
			else
				send_event(r, &w->events[i]);
		if (w->n < SLICE && (r->ends || r->client->eof)) {
			unwatch(r);
			request_reply(r, json_pack("{s:n}", "event"));
		} else if (w->n < SLICE) {
			r->watching = true;
			r->next_seq = MAX_OF(r->next_seq, r->d->last_seq + 1);
		} else {
			read_events(r);
		}
	}
	for (uint32_t i = 0; i < w->n; i++)
		mscg_event_clear(&w->events[i]);
	free(w->events);
	free(w->owners);
	free(w);
}

/* Catches up from the store; called again when the client has taken what it was sent. */
static void read_events(struct request *r)
{
	if (r->watching || r->reading || !r->client || wire_conn_queued(r->client->conn) > WIRE_MESSAGE_MAX)
		return;
	struct events_work *w = xcalloc(1, sizeof *w);

	w->work    = (struct work){ .run = events_run, .done = events_done };
	w->request = r;
	w->after   = r->next_seq - 1;
	w->whose   = is_filtered(r);
	r->reading = true;
	committer_submit(r->d->committer, &w->work);
}

static void events_abandon(struct request *r)
{
	if (r->reading)
		return;
	unwatch(r);
	request_free(r);
}

void events_start(struct request *r)
{
	struct mscg_error error;
	int64_t since = -1;
	bool follow = true;
	int code;

	if ((code = wire_get_int(r->parameters, "since", 0, INT64_MAX, &since, &error)) < 0 ||
	    (code = wire_get_bool(r->parameters, "follow", &follow, &error)) < 0 ||
	    (code = wire_get_id(r->parameters, "id", &r->id, &error)) < 0) {
		request_fail(r, code, &error);
		return;
	}
	if (!r->more) {
		mscg_error_set(&error, -EINVAL, "Events gives many replies: call it with 'more'");
		request_fail(r, -EINVAL, &error);
		return;
	}
	r->abandon      = events_abandon;
	r->drained      = read_events;
	r->next_seq     = since < 0 ? r->d->last_seq + 1 : (uint64_t)since + 1;
	r->ends         = !follow;
	r->watching     = since < 0 && follow;
	r->next_watcher = r->d->watchers;
	r->d->watchers  = r;
	read_events(r);
}

/* -- after a commit ----------------------------------------------------------------------------------------------- */

/* With the end of an array it is over for tasks that never started. */
static void tell_of_unstarted(struct daemon *d, const struct mscg_event *e)
{
	uint8_t reason = e->reason == MSCG_REASON_DEADLINE || e->reason == MSCG_REASON_MAX_FAILS ? e->reason : MSCG_REASON_CANCELLED;
	uint8_t state = reason == MSCG_REASON_DEADLINE ? MSCG_STATE_DEADLINE : MSCG_STATE_CANCELLED;

	for (struct waiter *w = *bucket(d, e->id), *next; w; w = next) {
		next = w->next;
		if (w->id.job == e->id.job && w->id.task != MSCG_NO_TASK)
			wait_tell(w, state, reason, 0, 0);
	}
}

static void tell_waiters(struct daemon *d, const struct mscg_event *e)
{
	if (!d->waiters || !mscg_state_is_final((enum mscg_state)e->state))
		return;
	for (struct waiter *w = *bucket(d, e->id), *next; w; w = next) {
		next = w->next;
		if (mscg_id_equal(w->id, e->id))
			wait_tell(w, e->state, e->reason, e->exit_code, e->exit_signal);
	}
	if (e->id.task == MSCG_NO_TASK && !e->attempt)
		tell_of_unstarted(d, e);
}

void streams_committed(struct daemon *d, const struct mscg_event *events, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		d->last_seq = MAX_OF(d->last_seq, events[i].seq);
		tell_waiters(d, &events[i]);
		const struct mscg_job *job = events[i].kind == MSCG_EVENT_STARTED ? core_find(d->core, events[i].id) : NULL;
		if ((job && job->flags & MSCG_JOB_ATTACHED) || mscg_state_is_final((enum mscg_state)events[i].state))
			attached_drop(d, events[i].id);
	}
	for (struct request *r = d->watchers; r; r = r->next_watcher) {
		if (r->watching && is_filtered(r)) {
			r->watching = false;
			read_events(r);
			continue;
		}
		for (uint32_t i = 0; i < n && r->watching; i++) {
			if (!r->client)
				break;
			if (wire_conn_queued(r->client->conn) > WIRE_MESSAGE_MAX)
				r->watching = false; /* too slow: it reads from the store when it comes round */
			else if (events[i].seq >= r->next_seq)
				send_event(r, &events[i]);
		}
	}
}

void streams_close(struct daemon *d)
{
	free(steal(&d->waiters));
}
