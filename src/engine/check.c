/* What is on this machine, held against what is known of it. */
#include <stdarg.h>

#include "internal.h"

struct check {
	struct local *l;
	void (*differs)(void *ctx, const char *where, struct mscg_id id, const char *text);
	void *ctx;
};

__attribute__((format(printf, 4, 5)))
static void say(struct check *c, const char *where, struct mscg_id id, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	c->differs(c->ctx, where, id, text);
}

static const struct mscg_id nobody = { 0, MSCG_NO_TASK };

static int look_at_cgroup(void *ctx, const char *name, const struct mscg_cgroup *child)
{
	struct check *c = ctx;
	struct mscg_cgroup_events events;
	const struct task *t;
	struct mscg_id id = nobody;

	if (strncmp(name, "job_", 4) != 0)
		return 0;
	if (mscg_id_parse(name + 4, &id, NULL) < 0)
		id = nobody;
	t = id.job ? task_find(c->l, id) : NULL;
	if (t && (t->cgroup.fd < 0 || t->cgroup.id == child->id))
		return 0;
	bool populated = mscg_cgroup_events_get(child, &events, NULL) == 0 && events.populated;
	say(c, "cgroup", id, "cgroup %s %s and is of no job that runs", name, populated ? "has processes" : "is empty");
	return 0;
}

static void look_at_task(struct check *c, const struct task *t)
{
	struct runner_slot_info slot;
	struct mscg_cgroup again = MSCG_CGROUP_NONE;

	if (t->phase != TASK_RUNNING)
		return;
	if (mscg_cgroup_open(&c->l->root, t->name, &again, NULL) < 0)
		say(c, "cgroup", t->id, "it runs, and its cgroup %s is gone", t->name);
	mscg_cgroup_close(&again);
	if (!t->has_slot || runner_look(c->l->runner, t->slot, &slot) < 0)
		say(c, "slot", t->id, "it runs, and has no slot");
	else if (slot.state == RUNNER_DAMAGED)
		say(c, "slot", t->id, "slot %u, of a job that runs, is damaged", t->slot);
	else if (!mscg_id_equal(slot.id, t->id) || slot.attempt != t->attempt)
		say(c, "slot", t->id, "slot %u, of a job that runs, is of another one", t->slot);
}

void check_all(struct engine *e, void (*differs)(void *ctx, const char *where, struct mscg_id id, const char *text), void *ctx)
{
	struct check c = { local_of(e), differs, ctx };
	struct runner_stats stats;
	struct mscg_error error;

	for (size_t i = 0; i < TASK_BUCKETS; i++)
		for (const struct task *t = c.l->tasks[i]; t; t = t->next)
			look_at_task(&c, t);
	runner_get_stats(c.l->runner, &stats);
	for (uint32_t i = 0; i < stats.slots; i++) {
		struct runner_slot_info slot;

		if (runner_look(c.l->runner, i, &slot) < 0 || task_of_slot(c.l, i))
			continue;
		if (slot.state == RUNNER_DAMAGED)
			say(&c, "slot", nobody, "slot %u is damaged", i);
		else
			say(&c, "slot", slot.id, "slot %u is in use, and its job does not run", i);
	}
	if (mscg_cgroup_children(&c.l->root, look_at_cgroup, &c, &error) < 0)
		say(&c, "cgroup", nobody, "cannot look: %s", error.text);
}
