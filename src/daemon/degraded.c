/* The state directory cannot be written as it should. Running jobs run on; what they come to is recorded from the
 * ballast's room as long as that lasts, and after it the slots keep it; new jobs are refused with the reason. Looked at
 * again at growing intervals, and only while this is so. */
#include <syslog.h>
#include <systemd/sd-daemon.h>

#include "daemon.h"

enum { FIRST_S = 1, LAST_S = 60 };

struct probe {
	struct work work; /* first */
	int         result;
	struct mscg_error error;
};

static int on_due(sd_event_source *source, uint64_t usec, void *ctx);

static void look_again(struct daemon *d)
{
	d->probe_usec = d->probe_usec ? MIN_OF(d->probe_usec * 2, LAST_S * USEC_PER_SEC) : FIRST_S * USEC_PER_SEC;
	if (!d->probe_source)
		sd_event_add_time(d->loop, &d->probe_source, CLOCK_BOOTTIME, (uint64_t)(clock_boot_usec() + d->probe_usec), 100000,
		                  on_due, d);
}

static void probe_run(struct work *work, struct store *store)
{
	struct probe *p = container_of(work, struct probe, work);

	p->result = store_ballast_fill(store, &p->error);
}

static void probe_done(struct work *work, void *ctx)
{
	struct probe *p = container_of(work, struct probe, work);
	struct daemon *d = ctx;

	if (p->result < 0 || d->failing)
		look_again(d);
	else
		degraded_end(d);
	free(p);
}

static int on_due(sd_event_source *source, uint64_t usec, void *ctx)
{
	struct daemon *d = ctx;
	struct probe *p = xcalloc(1, sizeof *p);

	(void)usec;
	sd_event_source_unref(source);
	d->probe_source = NULL;
	p->work         = (struct work){ .run = probe_run, .done = probe_done };
	committer_submit(d->committer, &p->work);
	return 0;
}

void degraded_begin(struct daemon *d, const struct mscg_error *why)
{
	if (d->config.once || d->degraded)
		return;
	d->degraded     = true;
	d->degraded_why = *why;
	log_line(LOG_ERR, "degraded: no new jobs are taken until the state directory can be written: %s", why->text);
	sd_notifyf(0, "STATUS=degraded, no new jobs are taken: %s", why->text);
	look_again(d);
}

void degraded_end(struct daemon *d)
{
	if (!d->degraded)
		return;
	d->degraded     = false;
	d->probe_usec   = 0;
	d->probe_source = sd_event_source_unref(d->probe_source);
	log_line(LOG_NOTICE, "the state directory can be written again: new jobs are taken");
	daemon_notify_status(d);
}
