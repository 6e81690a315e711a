/* Making, copying and freeing what the types of mscg/job.h and mscg/action.h own. */
#include "src/base/base.h"

#include <mscg/action.h>
#include <mscg/job.h>

void mscg_usage_init(struct mscg_usage *usage)
{
	/* Every member is an uint64_t, and MSCG_UNKNOWN is all ones. */
	memset(usage, 0xff, sizeof *usage);
	usage->cpu_held_usec = 0;
}

struct mscg_grant *mscg_grant_new(uint32_t n)
{
	struct mscg_grant *grant = xcalloc(1, sizeof *grant + n * sizeof grant->share[0]);

	grant->n = n;
	return grant;
}

struct mscg_grant *mscg_grant_copy(const struct mscg_grant *grant)
{
	struct mscg_grant *copy;

	if (!grant)
		return NULL;
	copy = mscg_grant_new(grant->n);
	copy->cpu_mode = grant->cpu_mode;
	for (uint32_t i = 0; i < grant->n; i++) {
		copy->share[i] = grant->share[i];
		copy->share[i].node = xstrdup(grant->share[i].node);
		copy->share[i].gres = xstrdup(grant->share[i].gres);
	}
	return copy;
}

void mscg_grant_free(struct mscg_grant *grant)
{
	if (!grant)
		return;
	for (uint32_t i = 0; i < grant->n; i++) {
		free(grant->share[i].node);
		free(grant->share[i].gres);
	}
	free(grant);
}

struct mscg_run *mscg_run_copy(const struct mscg_run *run)
{
	struct mscg_run *copy;

	if (!run)
		return NULL;
	copy = xmalloc(sizeof *copy);
	*copy = *run;
	copy->grant = mscg_grant_copy(run->grant);
	return copy;
}

void mscg_run_free(struct mscg_run *run)
{
	if (!run)
		return;
	mscg_grant_free(run->grant);
	free(run);
}

void mscg_row_clear(struct mscg_row *row)
{
	mscg_run_free(row->job.run);
	free(row->pending);
	free(row->held);
	free(row->unstarted);
	free(row->dependency);
	free(row->account);
	*row = (struct mscg_row){0};
}

enum mscg_state mscg_row_unstarted_state(const struct mscg_row *row)
{
	return row->unstarted_reason == MSCG_REASON_DEADLINE ? MSCG_STATE_DEADLINE : MSCG_STATE_CANCELLED;
}

void mscg_event_clear(struct mscg_event *event)
{
	free(event->cpus);
	free(event->gres);
	free(event->text);
	*event = (struct mscg_event){0};
}

void mscg_action_clear(struct mscg_action *action)
{
	mscg_grant_free(action->grant);
	free(action->after);
	*action = (struct mscg_action){0};
}

void mscg_report_clear(struct mscg_report *report)
{
	mscg_grant_free(report->grant);
	*report = (struct mscg_report){0};
}
