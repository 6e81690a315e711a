#include <syslog.h>

#include "daemon.h"

enum { SLICE = 1000 };
static const int64_t every_usec = 3600 * USEC_PER_SEC;

struct prune_work {
	struct work work; /* first */
	int64_t before_usec;
	int     result;
	struct mscg_error error;
};

static void prune_run(struct work *work, struct store *store)
{
	struct prune_work *p = container_of(work, struct prune_work, work);

	p->result = store_prune_events(store, p->before_usec, SLICE, &p->error);
}

static void prune_done(struct work *work, void *ctx)
{
	struct prune_work *p = container_of(work, struct prune_work, work);
	struct daemon *d = ctx;

	d->pruning = false;
	if (p->result < 0)
		log_line(LOG_WARNING, "cannot prune the journal: %s", p->error.text);
	if (p->result == SLICE)
		d->prune_due_usec = 0; /* there is more: with the next commit */
	free(p);
}

void prune_if_due(struct daemon *d)
{
	int64_t now = clock_boot_usec();

	if (!d->config.keep_events || d->pruning || now < d->prune_due_usec)
		return;
	struct prune_work *p = xcalloc(1, sizeof *p);

	p->work           = (struct work){ .run = prune_run, .done = prune_done };
	p->before_usec    = clock_real_usec() - (int64_t)d->config.keep_events * USEC_PER_SEC;
	d->pruning        = true;
	d->prune_due_usec = now + every_usec;
	committer_submit(d->committer, &p->work);
}
