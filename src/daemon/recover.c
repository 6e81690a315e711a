/* From the store to a core, and from what the engine finds to the core's first inputs. The same code serves a start
 * and a commit that failed. */
#include <syslog.h>

#include "daemon.h"

struct reload {
	struct work work; /* first */
	struct daemon *d;
	struct core *core;
	struct adoptee { struct mscg_row row; struct mscg_spec *spec; } *adoptees;
	uint32_t adoptees_n, adoptees_cap;
	uint32_t loaded;
	struct core_now now;
	struct store_info info;
	int result;
	struct mscg_error error;
};

static bool is_granted(const struct mscg_job *job)
{
	return job->state == MSCG_STATE_RUNNING || job->state == MSCG_STATE_COMPLETING || job->state == MSCG_STATE_SUSPENDED;
}

static int load_row(struct mscg_row *row, void *ctx)
{
	struct reload *l = ctx;
	int r = core_load(l->core, row, l->now, &l->error);

	l->loaded++;
	if (r >= 0 && is_granted(&row->job) && !(row->job.flags & MSCG_JOB_ARRAY)) {
		GROW(l->adoptees, l->adoptees_n, l->adoptees_cap);
		l->adoptees[l->adoptees_n++] = (struct adoptee){ .row = *row };
		return 0;
	}
	mscg_row_clear(row);
	return r;
}

static void load_usage(const struct store_usage *usage, void *ctx)
{
	const struct reload *l = ctx;

	core_load_usage(l->core, &(struct core_usage){ (char *)(uintptr_t)usage->account, usage->uid, usage->cpu_s, usage->at_usec,
	                                              usage->spent, usage->spent_from_usec });
}

static void load_reservation(const struct store_reservation *r, void *ctx)
{
	const struct reload *l = ctx;

	core_load_reservation(l->core, &(struct core_reservation){
		.name = (char *)(uintptr_t)r->name, .users = (char *)(uintptr_t)r->users, .accounts = (char *)(uintptr_t)r->accounts,
		.start_usec = r->start_usec, .end_usec = r->end_usec, .cpus_milli = r->cpus_milli, .flags = r->flags, .mem_bytes = r->mem_bytes,
	});
}

static void reload_run(struct work *work, struct store *store)
{
	struct reload *l = container_of(work, struct reload, work);

	/* To take up work on a directory that cannot be written would be to fail again at the first commit. */
	l->result = l->d->failing ? store_ballast_fill(store, &l->error) : 0;
	if (l->result >= 0)
		l->result = store_get_info(store, &l->info, &l->error);
	if (l->result >= 0) {
		/* Without an engine nothing may be granted. */
		core_restore(l->core, l->info.next_job_id, l->info.next_seq, l->info.drained || l->d->config.once);
		l->result = store_load_usages(store, load_usage, l, &l->error);
	}
	if (l->result >= 0)
		l->result = store_load_reservations(store, load_reservation, l, &l->error);
	if (l->result >= 0)
		l->result = store_load_active(store, load_row, l, &l->error);
	for (uint32_t i = 0; i < l->adoptees_n && l->result >= 0; i++)
		l->result = store_get_spec(store, l->adoptees[i].row.job.id.job, true, &l->adoptees[i].spec, &l->error);
}

static struct reload *reload_new(struct daemon *d)
{
	struct reload *l = xcalloc(1, sizeof *l);

	l->d    = d;
	l->core = core_new(&d->machine.core, &d->policy);
	l->now  = (struct core_now){ clock_real_usec(), clock_boot_usec() };
	return l;
}

static void reload_free(struct reload *l)
{
	core_free(l->core);
	for (uint32_t i = 0; i < l->adoptees_n; i++) {
		mscg_row_clear(&l->adoptees[i].row);
		mscg_spec_free(l->adoptees[i].spec);
	}
	free(l->adoptees);
	free(l);
}

/* The machine was restarted: nothing that ran is running. */
static void report_node_down(struct daemon *d, const struct mscg_job *job)
{
	struct mscg_report report = {
		.kind      = MSCG_REPORT_LOST,
		.id        = job->id,
		.attempt   = job->attempt,
		.time_usec = clock_real_usec(),
		.reason    = MSCG_REASON_NODE_DOWN,
		.exit_code = -1,
		.text      = "the machine was restarted while the job was granted",
	};
	turn_add_report(d, &report);
}

static void take_over(struct daemon *d, struct reload *l)
{
	bool same_boot = streq(l->info.boot_id, d->boot_id);

	core_free(d->core);
	d->core     = steal(&l->core);
	d->info     = l->info;
	d->last_seq = l->info.next_seq - 1;
	for (uint32_t i = 0; i < l->adoptees_n && d->engine; i++) {
		struct adoptee *a = &l->adoptees[i];

		if (same_boot) {
			d->engine->ops->adopt(d->engine, &a->row.job, a->spec);
			struct spec_ref *ref = spec_ref_new(steal(&a->spec));
			spec_cache_add(d, a->row.job.id.job, ref);
			spec_ref_put(ref);
		} else {
			report_node_down(d, &a->row.job);
		}
	}
	if (d->engine)
		d->engine->ops->adopt_done(d->engine);
	struct core_input tick = { .kind = CORE_TICK };
	turn_add(d, &tick, NULL, NULL);
}

int recover_open(struct daemon *d, struct mscg_error *error)
{
	struct reload *l = reload_new(d);

	reload_run(&l->work, d->store);
	int r = l->result;
	if (r < 0)
		*error = l->error;
	else {
		if (l->loaded && !d->config.once)
			log_line(LOG_INFO, "%u jobs are not over, %u of them were granted", l->loaded, l->adoptees_n);
		take_over(d, l);
	}
	reload_free(l);
	return r < 0 ? mscg_error_prefix(error, r, "cannot take up the jobs of %s: ", d->config.state_dir) : 0;
}

/* -- after a commit that failed ----------------------------------------------------------------------------------- */

static void rebuild_done(struct work *work, void *ctx);

static int on_retry(sd_event_source *source, uint64_t usec, void *ctx)
{
	struct daemon *d = ctx;
	struct reload *l = reload_new(d);

	(void)usec;
	sd_event_source_unref(source);
	d->retry_source = NULL;
	l->work.run     = reload_run;
	l->work.done    = rebuild_done;
	committer_submit(d->committer, &l->work);
	return 0;
}

static void retry_later(struct daemon *d)
{
	enum { FIRST = 1, LAST = 60 };

	d->retry_usec = d->retry_usec ? MIN_OF(d->retry_usec * 2, LAST * USEC_PER_SEC) : FIRST * USEC_PER_SEC;
	if (!d->retry_source)
		sd_event_add_time(d->loop, &d->retry_source, CLOCK_BOOTTIME, (uint64_t)(clock_boot_usec() + d->retry_usec), 100000,
		                  on_retry, d);
}

static void rebuild_done(struct work *work, void *ctx)
{
	struct reload *l = container_of(work, struct reload, work);
	struct daemon *d = ctx;

	if (l->result < 0) {
		log_line(LOG_ERR, "the state directory cannot be used yet: %s", l->error.text);
		d->failure = d->degraded_why = l->error; /* what is in the way by now */
		retry_later(d);
	} else {
		log_line(LOG_NOTICE, "state rebuilt from the store");
		d->failing = false;
		take_over(d, l);
	}
	reload_free(l);
}

/* Those who waited for an answer get the error; nothing of what they asked was kept. */
static void fail_requests(struct daemon *d)
{
	for (struct request *r = d->requests, *next; r; r = next) {
		next = r->next;
		if (!r->awaiting)
			continue;
		struct mscg_error error = d->failure;

		mscg_error_prefix(&error, -EIO, "nothing was done: ");
		request_fail(r, -EIO, &error);
	}
}

void recover_rebuild(struct daemon *d)
{
	turn_forget_requests(d);
	fail_requests(d);
	retry_later(d);
}
