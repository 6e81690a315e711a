/* Who makes room, and by how much. */
#include "src/base/base.h"
#include "src/core/preempt.h"

static int by_worth(const void *a, const void *b)
{
	const struct preempt_victim *x = a, *y = b;

	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	if (x->started != y->started)
		return x->started > y->started ? -1 : 1;
	if (x->id.job != y->id.job)
		return x->id.job > y->id.job ? -1 : 1;
	return x->id.task > y->id.task ? -1 : x->id.task < y->id.task;
}

/* What is missing if those that are chosen end, and all others shrink. */
static struct preempt_need missing(const struct preempt_victim *v, uint32_t n, const struct preempt_need *need)
{
	struct preempt_need left = *need;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t cpus = v[i].ends ? v[i].cpus : v[i].shrink, mem = v[i].ends ? v[i].mem : 0;

		left.cpus -= MIN_OF(left.cpus, cpus);
		left.mem -= MIN_OF(left.mem, mem);
	}
	return left;
}

static bool is_met(const struct preempt_victim *v, uint32_t n, const struct preempt_need *need)
{
	struct preempt_need left = missing(v, n, need);

	return !left.cpus && !left.mem;
}

static bool end_enough(struct preempt_victim *v, uint32_t n, const struct preempt_need *need)
{
	for (uint32_t i = 0; i < n; i++) {
		struct preempt_need left = missing(v, n, need);

		if (!left.cpus && !left.mem)
			return true;
		v[i].ends = (left.cpus && v[i].cpus > v[i].shrink) || (left.mem && v[i].mem);
	}
	return is_met(v, n, need);
}

/* From those worth most down. */
static void spare_all_that_can_be(struct preempt_victim *v, uint32_t n, const struct preempt_need *need)
{
	for (uint32_t i = n; i-- > 0;) {
		if (!v[i].ends)
			continue;
		v[i].ends = false;
		v[i].ends = !is_met(v, n, need);
	}
}

static void shrink_enough(struct preempt_victim *v, uint32_t n, uint64_t cpus)
{
	for (uint32_t i = 0; i < n; i++)
		cpus -= v[i].ends ? MIN_OF(cpus, v[i].cpus) : 0;
	for (uint32_t i = 0; i < n && cpus; i++) {
		if (v[i].ends || !v[i].shrink)
			continue;
		v[i].takes = MIN_OF(v[i].shrink, (cpus + v[i].unit - 1) / v[i].unit * v[i].unit);
		cpus -= MIN_OF(cpus, v[i].takes);
	}
}

bool preempt_choose(struct preempt_victim *v, uint32_t n, const struct preempt_need *need)
{
	if ((!need->cpus && !need->mem) || !n)
		return false;
	qsort(v, n, sizeof *v, by_worth);
	if (!end_enough(v, n, need)) {
		for (uint32_t i = 0; i < n; i++)
			v[i].ends = false;
		return false;
	}
	spare_all_that_can_be(v, n, need);
	shrink_enough(v, n, need->cpus);
	return true;
}
