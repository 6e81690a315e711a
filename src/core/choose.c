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

/* What they give if those that are chosen end, and all others shrink. */
static struct preempt_need given(const struct preempt_victim *v, uint32_t n)
{
	struct preempt_need sum = {0};

	for (uint32_t i = 0; i < n; i++) {
		sum.cpus += v[i].ends ? v[i].cpus : v[i].shrink;
		sum.mem += v[i].ends ? v[i].mem : 0;
	}
	return sum;
}

/* One that was to shrink ends, or the other way round. */
static void change(struct preempt_victim *v, bool ends, struct preempt_need *sum)
{
	if (v->ends == ends)
		return;
	v->ends = ends;
	sum->cpus += ends ? v->cpus - v->shrink : v->shrink - v->cpus;
	sum->mem += ends ? v->mem : -v->mem;
}

static bool is_met(const struct preempt_need *sum, const struct preempt_need *need)
{
	return sum->cpus >= need->cpus && sum->mem >= need->mem;
}

static void end_enough(struct preempt_victim *v, uint32_t n, const struct preempt_need *need, struct preempt_need *sum)
{
	for (uint32_t i = 0; i < n && !is_met(sum, need); i++)
		change(&v[i], (sum->cpus < need->cpus && v[i].cpus > v[i].shrink) || (sum->mem < need->mem && v[i].mem), sum);
}

/* From those worth most down. */
static void spare_all_that_can_be(struct preempt_victim *v, uint32_t n, const struct preempt_need *need, struct preempt_need *sum)
{
	for (uint32_t i = n; i-- > 0;) {
		if (!v[i].ends)
			continue;
		change(&v[i], false, sum);
		if (!is_met(sum, need))
			change(&v[i], true, sum);
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
	struct preempt_need sum;

	if ((!need->cpus && !need->mem) || !n)
		return false;
	qsort(v, n, sizeof *v, by_worth);
	sum = given(v, n);
	end_enough(v, n, need, &sum);
	if (!is_met(&sum, need)) {
		for (uint32_t i = 0; i < n; i++)
			v[i].ends = false;
		return false;
	}
	spare_all_that_can_be(v, n, need, &sum);
	shrink_enough(v, n, need->cpus);
	return true;
}
