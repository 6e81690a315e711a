/* What all jobs of a QOS, and all of a partition, have together of what runs, and the limits on it (GrpTRES, GrpJobs, MaxCPUs).
 * As with the limits of a user, a shape of which its QOS or partition may have no more is not listed: such a job is nobody's
 * head, holds nothing back, and is not looked at until something there ends. What starts or ends costs what waits there of
 * different needs, where there is a limit, and not of jobs.
 *
 * CPUs count as asked for, as in users.c. Root's jobs count, and wait, like any others. */
#include "src/core/internal.h"

/* 0: no limit. */
struct most {
	uint64_t running, cpus, mem;
	const char *name;
};

static const char *const words[TOTAL_KINDS] = {"QOS", "partition"};

static struct most most_of(const struct core *core, enum total_kind kind, uint32_t key)
{
	const struct core_qos *q = kind == TOTAL_QOS ? core_qos_find(&core->policy, key) : NULL;
	const struct core_partition *p = kind == TOTAL_PARTITION ? core_partition_find(&core->policy, key) : NULL;

	if (kind == TOTAL_PARTITION)
		return p ? (struct most){.cpus = p->cpus_milli, .name = p->name} : (struct most){0};
	return q ? (struct most){q->running, q->cpus_milli, q->mem_bytes, q->name} : (struct most){0};
}

static bool is_within(uint64_t has, uint64_t more, uint64_t limit)
{
	return !limit || has + more <= limit;
}

static uint32_t key_of(const struct mscg_job *job, enum total_kind kind)
{
	return kind == TOTAL_QOS ? job->qos : job->partition;
}

/* NULL: it is in none. */
struct total *total_get(struct core *core, enum total_kind kind, uint32_t key)
{
	struct total *t = key ? ids_get(&core->totals[kind], key) : NULL;

	if (key && !t) {
		t = xcalloc(1, sizeof *t);
		t->kind = kind;
		t->key = key;
		ids_set(&core->totals[kind], key, t);
	}
	return t;
}

/* What is in the configuration comes again. */
static bool is_known(const struct core *core, const struct total *t)
{
	return t->kind == TOTAL_QOS ? core_qos_find(&core->policy, t->key) != NULL : core_partition_find(&core->policy, t->key) != NULL;
}

void total_put(struct core *core, struct total *t)
{
	if (t->running || t->shapes || is_known(core, t))
		return;
	ids_set(&core->totals[t->kind], t->key, NULL);
	free(t);
}

void totals_clear(struct core *core)
{
	struct total *t;

	for (enum total_kind kind = 0; kind < TOTAL_KINDS; kind++) {
		IDS_EACH(&core->totals[kind], key, t)
			free(t);
		ids_free(&core->totals[kind]);
	}
}

/* -- shapes that wait there ---------------------------------------------------------------------------------------- */

void total_join(struct shape *s, struct total *t)
{
	struct in_total *in = &s->in[t->kind];

	*in = (struct in_total){.total = t, .next = t->shapes, .link = &t->shapes};
	if (in->next)
		in->next->in[t->kind].link = &in->next;
	t->shapes = s;
}

void total_leave(struct core *core, struct shape *s, enum total_kind kind)
{
	struct in_total *in = &s->in[kind];

	if (!in->total)
		return;
	*in->link = in->next;
	if (in->next)
		in->next->in[kind].link = in->link;
	total_put(core, in->total);
	in->total = NULL;
}

static bool has_limit(const struct most *most)
{
	return most->running || most->cpus || most->mem;
}

static void add(struct core *core, enum total_kind kind, uint32_t key, uint64_t running, uint64_t cpus, uint64_t mem)
{
	struct total *t = total_get(core, kind, key);
	struct most most = most_of(core, kind, key);

	if (!t)
		return;
	t->running += running;
	t->cpus += cpus;
	t->mem += mem;
	for (struct shape *s = has_limit(&most) ? t->shapes : NULL; s; s = s->in[kind].next)
		queue_allow(core, s);
	total_put(core, t);
}

void totals_add(struct core *core, const struct mscg_job *job, uint64_t running, uint64_t cpus, uint64_t mem)
{
	for (enum total_kind kind = 0; kind < TOTAL_KINDS; kind++)
		add(core, kind, key_of(job, kind), running, cpus, mem);
}

/* -- what may start ------------------------------------------------------------------------------------------------ */

static bool may_start(const struct core *core, const struct total *t, uint32_t cpus, uint64_t mem)
{
	struct most most = most_of(core, t->kind, t->key);

	return is_within(t->running, 1, most.running) && is_within(t->cpus, cpus, most.cpus) && is_within(t->mem, mem, most.mem);
}

bool totals_may_start(const struct core *core, const struct shape *s)
{
	for (enum total_kind kind = 0; kind < TOTAL_KINDS; kind++)
		if (s->in[kind].total && !may_start(core, s->in[kind].total, s->cpus, s->mem))
			return false;
	return true;
}

bool totals_over(const struct core *core)
{
	const struct total *t;
	bool over = false;

	for (enum total_kind kind = 0; kind < TOTAL_KINDS; kind++)
		IDS_EACH(&core->totals[kind], key, t) {
			struct most most = most_of(core, kind, t->key);

			over |= !is_within(t->running, 0, most.running) || !is_within(t->cpus, 0, most.cpus) || !is_within(t->mem, 0, most.mem);
		}
	return over;
}

/* Somebody waits for what jobs of its QOS or partition have. */
bool totals_awaited(const struct core *core, const struct mscg_job *job)
{
	for (enum total_kind kind = 0; kind < TOTAL_KINDS; kind++) {
		const struct total *t = key_of(job, kind) ? ids_get(&core->totals[kind], key_of(job, kind)) : NULL;

		for (const struct shape *s = t ? t->shapes : NULL; s; s = s->in[kind].next)
			if (s->head && s->feasible && !s->listed && !may_start(core, t, s->cpus, s->mem))
				return true;
	}
	return false;
}

/* -- what is said -------------------------------------------------------------------------------------------------- */

static const char *plural(uint64_t milli)
{
	return milli == CPU ? "" : "s";
}

static bool feasible(const struct core *core, enum total_kind kind, uint32_t key, uint32_t cpus, uint64_t mem, char *text)
{
	struct most most = most_of(core, kind, key);
	char a[32], b[32];

	if (!is_within(0, cpus, most.cpus)) {
		if (text)
			snprintf(text, 160, "needs %s CPU%s, all jobs of %s %s may have %s at a time", format_cpus(cpus, a, sizeof a), plural(cpus), words[kind],
			         most.name, format_cpus((uint32_t)most.cpus, b, sizeof b));
		return false;
	}
	if (!is_within(0, mem, most.mem)) {
		if (text)
			snprintf(text, 160, "needs %s of memory, all jobs of %s %s may have %s at a time", format_size(mem, a, sizeof a), words[kind],
			         most.name, format_size(most.mem, b, sizeof b));
		return false;
	}
	return true;
}

/* Does it ever fit? text: 160 or NULL */
bool totals_feasible(const struct core *core, uint32_t qos, uint32_t partition, uint32_t cpus, uint64_t mem, char *text)
{
	return feasible(core, TOTAL_QOS, qos, cpus, mem, text) && feasible(core, TOTAL_PARTITION, partition, cpus, mem, text);
}

static struct total has_in(const struct core *core, enum total_kind kind, uint32_t key)
{
	const struct total *t = key ? ids_get(&core->totals[kind], key) : NULL;

	return t ? *t : (struct total){0};
}

struct core_use core_partition_use(const struct core *core, uint32_t key)
{
	struct total has = has_in(core, TOTAL_PARTITION, key);

	return (struct core_use){has.running, has.cpus, has.mem};
}

static enum mscg_reason why(const struct core *core, const struct mscg_job *job, enum total_kind kind, char text[160])
{
	static const enum mscg_reason cpus[TOTAL_KINDS] = {MSCG_REASON_QOS_CPUS, MSCG_REASON_PARTITION_CPUS};
	struct most most = most_of(core, kind, key_of(job, kind));
	struct total has = has_in(core, kind, key_of(job, kind));
	char need[32], had[32], may[32];

	if (!is_within(has.running, 1, most.running)) {
		snprintf(text, 160, "%" PRIu64 " job%s of %s %s run%s, and %" PRIu64 " may at a time", has.running, has.running == 1 ? "" : "s",
		         words[kind], most.name, has.running == 1 ? "s" : "", most.running);
		return MSCG_REASON_QOS_JOBS;
	}
	if (!is_within(has.cpus, job->cpus_milli, most.cpus)) {
		snprintf(text, 160, "needs %s CPU%s, jobs of %s %s have %s of the %s that they may have", format_cpus(job->cpus_milli, need, sizeof need),
		         plural(job->cpus_milli), words[kind], most.name, format_cpus((uint32_t)has.cpus, had, sizeof had), format_cpus((uint32_t)most.cpus, may, sizeof may));
		return cpus[kind];
	}
	if (!is_within(has.mem, job->mem_bytes, most.mem)) {
		snprintf(text, 160, "needs %s of memory, jobs of %s %s have %s of the %s that they may have",
		         format_size(job->mem_bytes, need, sizeof need), words[kind], most.name, format_size(has.mem, had, sizeof had),
		         format_size(most.mem, may, sizeof may));
		return MSCG_REASON_QOS_MEMORY;
	}
	return MSCG_REASON_NONE;
}

enum mscg_reason totals_why(const struct core *core, const struct entry *e, char text[160])
{
	enum mscg_reason reason = MSCG_REASON_NONE;

	for (enum total_kind kind = 0; kind < TOTAL_KINDS && reason == MSCG_REASON_NONE; kind++)
		reason = why(core, &e->job, kind, text);
	return reason;
}

static bool affords(const struct core *core, const struct mscg_job *job, enum total_kind kind, uint64_t more_cpus, uint64_t more_mem,
                    char *text, size_t size)
{
	struct most most = most_of(core, kind, key_of(job, kind));
	struct total has = has_in(core, kind, key_of(job, kind));
	char need[32], had[32], may[32];

	if (more_cpus && !is_within(has.cpus, more_cpus, most.cpus))
		snprintf(text, size, "needs %s more CPU%s, jobs of %s %s have %s of the %s that they may have",
		         format_cpus((uint32_t)more_cpus, need, sizeof need), plural(more_cpus), words[kind], most.name, format_cpus((uint32_t)has.cpus, had, sizeof had),
		         format_cpus((uint32_t)most.cpus, may, sizeof may));
	else if (more_mem && !is_within(has.mem, more_mem, most.mem))
		snprintf(text, size, "needs %s more memory, jobs of %s %s have %s of the %s that they may have",
		         format_size(more_mem, need, sizeof need), words[kind], most.name, format_size(has.mem, had, sizeof had),
		         format_size(most.mem, may, sizeof may));
	else
		return true;
	return false;
}

/* What a resize by hand would add. */
bool totals_afford(const struct core *core, const struct entry *e, uint64_t more_cpus, uint64_t more_mem, char *text, size_t size)
{
	for (enum total_kind kind = 0; kind < TOTAL_KINDS; kind++)
		if (!affords(core, &e->job, kind, more_cpus, more_mem, text, size))
			return false;
	return true;
}
