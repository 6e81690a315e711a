#include "src/core/internal.h"

static int by_time(const struct tnode *a, const struct tnode *b)
{
	const struct timer *x = container_of(a, struct timer, node), *y = container_of(b, struct timer, node);
	const struct mscg_id i = x->entry->job.id, j = y->entry->job.id;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	if (i.job != j.job)
		return i.job < j.job ? -1 : 1;
	if (i.task != j.task)
		return i.task < j.task ? -1 : 1;
	return (int)x->kind - (int)y->kind;
}

static const struct treap_type timers = {by_time, NULL};

void timer_set(struct core *core, struct timer *timer, int64_t at)
{
	if (timer->at != USEC_NEVER)
		treap_remove(&timers, &core->timers, &timer->node);
	timer->at = at;
	if (at != USEC_NEVER)
		treap_insert(&timers, &core->timers, &timer->node);
}

static struct timer *first(const struct core *core)
{
	struct tnode *node = treap_first(core->timers);

	return node ? container_of(node, struct timer, node) : NULL;
}

struct timer *timer_due(const struct core *core)
{
	struct timer *timer = first(core);

	return timer && timer->at <= core->now.boot_usec ? timer : NULL;
}

int64_t timer_next(const struct core *core)
{
	struct timer *timer = first(core);

	return timer ? timer->at : USEC_NEVER;
}
