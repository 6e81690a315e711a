/* One turn: what came in is stepped at once; what was decided is committed in one transaction, and only then carried
 * out and answered. While a commit is under way further steps add to the next batch, so that everybody who comes
 * meanwhile shares one fsync. Where nobody comes, it is not worth waking another thread for, and its waking this one. */
#include <poll.h>
#include <syslog.h>

#include "batch.h"

/* A small commit may be this thread's own after so many in a row that took so little that who came meanwhile did not notice. */
enum { QUICK_COMMITS = 8, QUICK_USEC = 1000, FEW_EVENTS = 16 };

struct inbox_entry {
	struct core_input  input;
	struct spec_ref   *spec;
	struct mscg_report report;
	bool               has_report;
	struct core_update update;
	struct core_reservation reservation;
	bool               has_reservation;
	bool               has_update;
	struct mscg_row    row;
	bool               has_row;
	struct request    *request;
};

struct inbox {
	struct inbox_entry *entry;
	uint32_t            n, cap;
	struct core_output  out;    /* reused */
	struct core_input  *inputs; /* reused */
	uint32_t            inputs_cap;
};

/* -- act and reply ------------------------------------------------------------------------------------------------ */

/* What was attached and is not any more (its client has gone, or another mscgd had its descriptors) runs for nobody. */
static void refuse_start(struct daemon *d, const struct mscg_action *a)
{
	struct mscg_report report = { .kind = MSCG_REPORT_START_FAILED, .id = a->id, .attempt = a->attempt, .errno_value = ENOTCONN,
	                              .time_usec = clock_real_usec(), .text = "cannot start: whoever ran it is not there any more" };

	mscg_usage_init(&report.usage);
	turn_add_report(d, &report);
}

/* As it is by now: in another partition than it asked for, since an update. */
static struct mscg_spec spec_now(struct daemon *d, const struct planned *p)
{
	const struct mscg_job *job = core_find(d->core, p->action.id);
	struct mscg_spec spec = *p->spec->spec;

	if (job)
		spec.partition = (char *)(uintptr_t)partition_name(d, job, &spec);
	return spec;
}

static void start(struct daemon *d, struct planned *p)
{
	const struct mscg_action *a = &p->action;
	bool attached = p->spec->spec->attached;
	int stdio_fd = attached ? attached_take(d, a->id) : -1;

	if (attached && stdio_fd < 0 && !attached_may_come(d)) {
		refuse_start(d, a);
		return;
	}
	spec_cache_add(d, a->id.job, p->spec);
	if (p->prepared) {
		d->engine->ops->let_go(d->engine, a);
		return;
	}
	struct mscg_spec spec = spec_now(d, p);
	d->engine->ops->start(d->engine, a, &spec, stdio_fd);
}

/* Its launches take about as long as their commit, and need not wait for it but with their first instruction. What is attached
 * has descriptors that nobody could give back. */
static void prepare(struct daemon *d, struct batch *b)
{
	if (!d->engine || !d->engine->ops->prepare)
		return;
	for (uint32_t i = 0; i < b->actions_n; i++) {
		struct planned *p = &b->actions[i];

		if (!p->cached || p->spec->spec->attached) /* those that are not, the committer may be reading by now */
			continue;
		struct mscg_spec spec = spec_now(d, p);
		p->prepared = d->engine->ops->prepare(d->engine, &p->action, &spec);
	}
}

static void withdraw(struct daemon *d, const struct batch *b)
{
	for (uint32_t i = 0; i < b->actions_n; i++)
		if (b->actions[i].prepared)
			d->engine->ops->withdraw(d->engine, &b->actions[i].action);
}

static void act(struct daemon *d, struct planned *p)
{
	const struct engine_ops *ops;
	const struct mscg_action *a = &p->action;

	if (!d->engine)
		return;
	ops = d->engine->ops;
	switch (a->kind) {
	case MSCG_ACTION_START: start(d, p); break;
	case MSCG_ACTION_RESIZE: ops->resize(d->engine, a); break;
	case MSCG_ACTION_SIGNAL: ops->signal(d->engine, a); break;
	case MSCG_ACTION_KILL: ops->kill(d->engine, a); break;
	case MSCG_ACTION_REMOVE: ops->remove(d->engine, a); break;
	case MSCG_ACTION_COUNT: break;
	}
}

static void deliver(const struct core_answer *answer)
{
	struct request *r = (struct request *)(uintptr_t)answer->token;

	if (r)
		request_answer(r, answer);
}

static bool fly(struct daemon *d);

static void batch_done(struct work *work, void *ctx)
{
	struct batch *b = container_of(work, struct batch, work);
	struct daemon *d = ctx;

	d->flying = NULL;
	if (b->events_n)
		d->quick_commits = b->result == 0 && b->took_usec <= QUICK_USEC ? d->quick_commits + 1 : 0;
	if (b->result < 0) {
		log_line(LOG_ERR, "cannot commit %u events: %s", b->events_n, b->error.text);
		d->failing = true;
		d->failure = b->error;
		degraded_begin(d, &b->error);
		for (uint32_t i = 0; i < b->specs_n; i++)
			attached_drop(d, (struct mscg_id){ b->specs[i].job, MSCG_NO_TASK });
		withdraw(d, b);
		batch_free(b);
		if (d->open)
			batch_submit_behind(d->open);
		batch_free(steal(&d->open));
		spec_cache_clear(d); /* their numbers are given again, to others */
		recover_rebuild(d);
		return;
	}
	if (b->events_n)
		d->retry_usec = 0;
	if (b->ballast_dropped)
		degraded_begin(d, &b->error);
	if (b->stamp_boot)
		memcpy(d->info.boot_id, d->boot_id, sizeof d->info.boot_id);
	/* The next commit while this one's actions are carried out: both take about as long. */
	fly(d);
	for (uint32_t i = 0; i < b->specs_n; i++)
		spec_cache_add(d, b->specs[i].job, b->specs[i].ref);
	for (uint32_t i = 0; i < b->actions_n; i++)
		act(d, &b->actions[i]);
	for (uint32_t i = 0; i < b->answers_n; i++)
		deliver(&b->answers[i]);
	streams_committed(d, b->events, b->events_n);
	batch_free(b);
	prune_if_due(d);
}

/* What is open is under way from here on; NULL: nothing is, or has to wait. */
static struct work *take_off(struct daemon *d)
{
	if (d->flying || !d->open || d->failing || batch_is_empty(d->open))
		return NULL;
	d->flying = steal(&d->open);
	d->flying->work.run  = batch_run;
	d->flying->work.done = batch_done;
	return &d->flying->work;
}

static bool fly(struct daemon *d)
{
	struct work *work = take_off(d);

	if (!work)
		return false;
	committer_submit(d->committer, work);
	batch_submit_behind(d->flying);
	return true;
}

static void fly_and_prepare(struct daemon *d)
{
	if (fly(d))
		prepare(d, d->flying);
}

/* Nobody is here who would have to wait for this thread, and a disk that was quick for a while is likely to be so once more. Where
 * it is not, what comes waits for one commit, and the next ones are the committer's again. */
static bool may_commit_here(const struct daemon *d)
{
	struct pollfd next = { .fd = sd_event_get_fd(d->loop), .events = POLLIN };

	return d->open && d->open->events_n <= FEW_EVENTS && !d->open->behind && d->quick_commits >= QUICK_COMMITS &&
	       !committer_pending(d->committer) && poll(&next, 1, 0) == 0;
}

/* -- step --------------------------------------------------------------------------------------------------------- */

/* Moves all of `from` behind what is in `to`; the elements change hands. */
#define MOVE(to, from, name)                                                                              \
	do {                                                                                              \
		while ((to)->name##_cap < (to)->name##_n + (from)->name##_n) {                            \
			(to)->name##_cap = (to)->name##_cap ? (to)->name##_cap * 2 : 16;                  \
			(to)->name       = xreallocarray((to)->name, (to)->name##_cap, sizeof *(to)->name); \
		}                                                                                         \
		if ((from)->name##_n)                                                                     \
			memcpy((to)->name + (to)->name##_n, (from)->name, (from)->name##_n * sizeof *(to)->name); \
		(to)->name##_n += (from)->name##_n;                                                       \
		(from)->name##_n = 0;                                                                     \
	} while (0)

static void collect(struct daemon *d, struct batch *b, struct core_output *out)
{
	for (uint32_t i = 0; i < out->actions_n; i++) {
		GROW(b->actions, b->actions_n, b->actions_cap);
		b->actions[b->actions_n++] = (struct planned){ .action = out->actions[i] };
	}
	out->actions_n = 0;
	MOVE(b, out, events);
	MOVE(b, out, rows);
	MOVE(b, out, usages);
	MOVE(b, out, reservations);
	MOVE(b, out, answers);
	b->next_job_id = core_next_job_id(d->core);
	if (core_drained(d->core) != d->info.drained && !d->config.once) {
		d->info.drained = core_drained(d->core);
		b->drained      = (int8_t)d->info.drained;
	}
}

/* A specification goes into the store with the event that accepts it: by the ids in the answers. */
static void keep_specs(struct daemon *d, struct batch *b, uint32_t first_answer, const struct inbox *inbox)
{
	uint32_t a = first_answer;

	for (uint32_t i = 0; i < inbox->n; i++) {
		const struct inbox_entry *e = &inbox->entry[i];

		if (e->input.kind != CORE_SUBMIT)
			continue;
		while (a < b->answers_n && (b->answers[a].token != e->input.token || !e->input.token))
			a++;
		if (a == b->answers_n)
			break;
		if (b->answers[a].code == 0) {
			GROW(b->specs, b->specs_n, b->specs_cap);
			b->specs[b->specs_n++] = (struct new_spec){ b->answers[a].id.job, spec_ref_get(e->spec) };
			spec_cache_add(d, b->answers[a].id.job, e->spec);
			/* Its START comes before its answer. */
			if (e->request)
				attached_keep(e->request, b->answers[a].id);
		}
		a++;
	}
}

/* Also of what came in this very turn. Those that are not here are read with the commit. */
static void find_specs(struct daemon *d, struct batch *b, uint32_t first_action)
{
	for (uint32_t i = first_action; i < b->actions_n; i++) {
		struct planned *p = &b->actions[i];

		p->spec   = p->action.kind == MSCG_ACTION_START ? spec_cache_find(d, p->action.id.job) : NULL;
		p->cached = p->spec != NULL;
	}
}

static void set_timer(struct daemon *d, int64_t wake)
{
	if (wake == USEC_NEVER) {
		sd_event_source_set_enabled(d->timer_source, SD_EVENT_OFF);
		return;
	}
	sd_event_source_set_time(d->timer_source, (uint64_t)MAX_OF(wake, 0));
	sd_event_source_set_enabled(d->timer_source, SD_EVENT_ONESHOT);
}

static void inbox_clear(struct inbox *inbox)
{
	for (uint32_t i = 0; i < inbox->n; i++) {
		spec_ref_put(inbox->entry[i].spec);
		if (inbox->entry[i].has_report)
			mscg_report_clear(&inbox->entry[i].report);
		mscg_row_clear(&inbox->entry[i].row);
		core_reservation_clear(&inbox->entry[i].reservation);
	}
	inbox->n = 0;
}

static void turn_run(struct daemon *d)
{
	struct inbox *inbox = d->inbox;
	struct core_now now = { clock_real_usec(), clock_boot_usec() };

	if (d->failing)
		return; /* kept until the store is back */
	if (inbox->inputs_cap < inbox->n) {
		inbox->inputs_cap = inbox->n * 2;
		inbox->inputs     = xreallocarray(inbox->inputs, inbox->inputs_cap, sizeof *inbox->inputs);
	}
	for (uint32_t i = 0; i < inbox->n; i++) {
		struct inbox_entry *e = &inbox->entry[i];

		e->input.spec   = e->spec ? e->spec->spec : NULL;
		e->input.report = e->has_report ? &e->report : NULL;
		e->input.update = e->has_update ? &e->update : NULL;
		e->input.row    = e->has_row ? &e->row : NULL;
		e->input.reservation = e->has_reservation ? &e->reservation : NULL;
		inbox->inputs[i] = e->input;
	}
	core_step(d->core, inbox->inputs, inbox->n, now, &inbox->out);
	if (!d->open)
		d->open = batch_new(d);
	uint32_t first_answer = d->open->answers_n, first_action = d->open->actions_n;
	collect(d, d->open, &inbox->out);
	keep_specs(d, d->open, first_answer, inbox);
	find_specs(d, d->open, first_action);
	d->open->stamp_boot |= strcmp(d->info.boot_id, d->boot_id) != 0 && !d->flying;
	inbox_clear(inbox);
	set_timer(d, inbox->out.wake_boot_usec);
	core_output_clear(&inbox->out);
}

static int on_turn(sd_event_source *source, void *ctx)
{
	struct daemon *d = ctx;
	struct work *work;

	(void)source;
	turn_run(d);
	if (may_commit_here(d) && (work = take_off(d))) {
		prepare(d, d->flying);
		committer_run(d->committer, work);
		daemon_leave_if_idle(d);
	} else {
		fly_and_prepare(d);
	}
	return 0;
}

/* -- inputs ------------------------------------------------------------------------------------------------------- */

static struct inbox_entry *add_entry(struct daemon *d)
{
	struct inbox *inbox = d->inbox;

	GROW(inbox->entry, inbox->n, inbox->cap);
	sd_event_source_set_enabled(d->turn_source, SD_EVENT_ONESHOT);
	struct inbox_entry *e = &inbox->entry[inbox->n++];
	*e = (struct inbox_entry){ 0 };
	return e;
}

void turn_add(struct daemon *d, const struct core_input *input, struct spec_ref *spec, struct request *r)
{
	struct inbox_entry *e = add_entry(d);

	e->input       = *input;
	e->input.token = (uint64_t)(uintptr_t)r;
	e->spec        = spec;
	e->request     = r;
	e->has_update  = input->update != NULL;
	if (input->update)
		e->update = *input->update;
	e->has_reservation = input->reservation != NULL;
	if (input->reservation)
		core_reservation_copy(input->reservation, &e->reservation);
	if (r)
		r->awaiting++;
}

void turn_add_row(struct daemon *d, const struct core_input *input, struct mscg_row *row, struct request *r)
{
	turn_add(d, input, NULL, r);
	struct inbox_entry *e = &d->inbox->entry[d->inbox->n - 1];

	e->row     = *row;
	e->has_row = true;
	*row       = (struct mscg_row){ 0 };
}

void turn_add_report(struct daemon *d, struct mscg_report *report)
{
	struct inbox_entry *e = add_entry(d);

	e->input      = (struct core_input){ .kind = CORE_REPORT, .id = report->id };
	e->report     = *report;
	e->has_report = true;
	*report       = (struct mscg_report){ 0 };
}

static int on_timer(sd_event_source *source, uint64_t usec, void *ctx)
{
	struct core_input tick = { .kind = CORE_TICK };

	(void)source;
	(void)usec;
	turn_add(ctx, &tick, NULL, NULL);
	return 0;
}

int turn_open(struct daemon *d, struct mscg_error *error)
{
	d->inbox = xcalloc(1, sizeof *d->inbox);
	int r = sd_event_add_defer(d->loop, &d->turn_source, on_turn, d);
	if (r >= 0)
		r = sd_event_source_set_enabled(d->turn_source, SD_EVENT_OFF);
	/* Among equals, what is ready first is served first: after everything that was ready by now and may add inputs of
	 * its own, and before what comes later. With a lower priority, clients that never pause would put it off for ever. */
	if (r >= 0)
		r = sd_event_add_time(d->loop, &d->timer_source, CLOCK_BOOTTIME, 0, 1, on_timer, d);
	if (r >= 0)
		r = sd_event_source_set_enabled(d->timer_source, SD_EVENT_OFF);
	return r < 0 ? mscg_error_set(error, r, "cannot set up the event loop: %s", strerror(-r)) : 0;
}

void turn_close(struct daemon *d)
{
	if (!d->inbox)
		return;
	inbox_clear(d->inbox);
	core_output_free(&d->inbox->out);
	free(d->inbox->entry);
	free(d->inbox->inputs);
	free(steal(&d->inbox));
	batch_free(steal(&d->open));
	d->turn_source  = sd_event_source_unref(d->turn_source);
	d->timer_source = sd_event_source_unref(d->timer_source);
}

bool turn_is_open(const struct daemon *d)
{
	return (d->inbox->n || d->flying || (d->open && !batch_is_empty(d->open))) && !d->failing;
}

void turn_now(struct daemon *d)
{
	if (!d->inbox->n)
		return;
	turn_run(d);
	fly_and_prepare(d);
}

void turn_after_commit(struct daemon *d, struct work *work)
{
	if (d->failing || !d->open || batch_is_empty(d->open)) {
		committer_submit(d->committer, work);
		return;
	}
	work->next = NULL;
	*d->open->behind_end = work;
	d->open->behind_end  = &work->next;
}

void turn_uncommitted(struct daemon *d, void (*each)(void *ctx, uint32_t job, const struct mscg_spec *spec), void *ctx)
{
	const struct batch *in[] = { d->flying, d->open };

	for (size_t b = 0; b < ARRAY_SIZE(in); b++)
		for (uint32_t i = 0; in[b] && i < in[b]->specs_n; i++)
			each(ctx, in[b]->specs[i].job, in[b]->specs[i].ref->spec);
}

/* The loop may have ended: what comes of commits is waited for here. */
int turn_flush(struct daemon *d)
{
	struct pollfd p = { .fd = committer_fd(d->committer), .events = POLLIN };

	while (turn_is_open(d)) {
		if (d->inbox->n)
			turn_run(d);
		fly_and_prepare(d);
		if (d->flying && poll(&p, 1, -1) > 0)
			committer_dispatch(d->committer);
	}
	return d->failing ? d->failure.code : 0;
}

bool turn_store_is_failing(const struct daemon *d, struct mscg_error *error)
{
	if (d->failing)
		*error = d->failure;
	return d->failing;
}

void turn_forget_requests(struct daemon *d)
{
	struct inbox *inbox = d->inbox;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < inbox->n; i++) {
		if (inbox->entry[i].has_report)
			inbox->entry[kept++] = inbox->entry[i];
		else {
			spec_ref_put(inbox->entry[i].spec);
			mscg_row_clear(&inbox->entry[i].row);
			core_reservation_clear(&inbox->entry[i].reservation);
		}
	}
	inbox->n = kept;
}
