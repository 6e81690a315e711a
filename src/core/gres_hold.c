/* Which job has what: devices by number, of the rest how many. Which devices a job would get is the same whether it is asked
 * or done. */
#include "src/core/internal.h"

static uint32_t bits(uint64_t units)
{
	return (uint32_t)__builtin_popcountll(units);
}

static bool are_devices(const struct gres_books *b, const char *name)
{
	for (uint32_t i = 0; i < b->kinds; i++)
		if (b->kind[i].units && streq(b->kind[i].name, name))
			return true;
	return false;
}

/* What is chosen for one job. */
struct choice {
	const struct gres_books *b;
	uint64_t taken[CORE_GRES_MAX]; /* by kind */
	bool     close[CORE_GRES_MAX]; /* there are CPUs for it close to these */
};

static uint32_t left_of(const struct choice *c, uint32_t kind)
{
	return bits(c->b->kind[kind].free & ~c->taken[kind]);
}

static uint32_t left_of_type(const struct choice *c, const struct gres_kind *like)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->b->kinds; i++)
		if (streq(c->b->kind[i].name, like->name) && streq(c->b->kind[i].type, like->type))
			n += left_of(c, i);
	return n;
}

/* How well a kind serves `more`, the first that counts first: one that the job has some of already; no type that the head of the
 * queue waits for; close to CPUs that are free; of the type that most is left of, so that all types stay to be had; all from
 * one place, the one with least that is enough. */
static uint64_t merit(const struct choice *c, uint32_t kind, uint32_t more)
{
	const struct gres_kind *k = &c->b->kind[kind];
	uint32_t left = left_of(c, kind);
	uint64_t m = c->taken[kind] != 0;

	m = m << 1 | !k->wanted;
	m = m << 1 | c->close[kind];
	m = m << 16 | left_of_type(c, k);
	m = m << 1 | (left >= more);
	return m << 16 | (left >= more ? GRES_UNITS_MAX - left : left);
}

static void choose_part(struct choice *c, const struct gres_part *part)
{
	for (uint32_t more = part->n; more; more--) {
		uint32_t best = CORE_GRES_MAX;
		uint64_t most = 0, left;

		for (uint32_t i = 0; i < c->b->kinds; i++) {
			const struct gres_kind *k = &c->b->kind[i];

			if (!left_of(c, i) || !streq(k->name, part->name) || (*part->type && !streq(k->type, part->type)))
				continue;
			if (best == CORE_GRES_MAX || merit(c, i, more) > most) {
				best = i;
				most = merit(c, i, more);
			}
		}
		left = c->b->kind[best].free & ~c->taken[best];
		c->taken[best] |= left & (~left + 1);
	}
}

/* The devices that it would get now. There are enough. What has no type comes first in a request, and is served last. */
static void choose(const struct core *core, const struct mscg_job *job, const struct gres_need *need, struct choice *c)
{
	*c = (struct choice){.b = &core->gres};
	for (uint32_t i = 0; i < c->b->kinds; i++) {
		struct mscg_cpuset free;

		if (!c->b->kind[i].near_some)
			continue;
		free = core->place.free;
		mscg_cpuset_and(&free, &c->b->kind[i].near);
		c->close[i] = mscg_cpuset_count(&free) * CPU >= job->cpus_milli;
	}
	for (uint32_t p = need->gres.n; p-- > 0;)
		if (are_devices(c->b, need->gres.part[p].name))
			choose_part(c, &need->gres.part[p]);
}

bool gres_near(const struct core *core, const char *granted, struct mscg_cpuset *ret)
{
	const struct gres_books *b = &core->gres;
	struct gres g;

	mscg_cpuset_zero(ret);
	if (!granted || gres_granted_parse(granted, &g) < 0)
		return false;
	for (uint32_t p = 0; p < g.n; p++)
		for (uint32_t i = 0; i < b->kinds; i++)
			if (streq(b->kind[i].name, g.part[p].name) && g.part[p].units & b->kind[i].units)
				mscg_cpuset_or(ret, &b->kind[i].near);
	return !mscg_cpuset_empty(ret);
}

void gres_want(struct core *core, const struct gres_need *need)
{
	struct gres_books *b = &core->gres;

	for (uint32_t i = 0; i < b->kinds; i++) {
		b->kind[i].wanted = false;
		for (uint32_t p = 0; need && p < need->gres.n; p++)
			b->kind[i].wanted |= *b->kind[i].type && streq(need->gres.part[p].name, b->kind[i].name) &&
			                     streq(need->gres.part[p].type, b->kind[i].type);
	}
}

char *gres_take(struct core *core, const struct mscg_job *job)
{
	const struct gres_need *need = gres_need_of(core, job);
	struct gres_books *b = &core->gres;
	struct gres granted = {.n = 0};
	struct choice c;
	char *text;

	if (!need)
		return NULL;
	choose(core, job, need, &c);
	for (uint32_t p = 0; p < need->gres.n; p++) {
		const struct gres_part *part = &need->gres.part[p];
		bool devices = are_devices(b, part->name), first = !p || !streq(part->name, part[-1].name);
		struct gres_part *into = &granted.part[granted.n - (devices && !first)];

		if (devices && !first) {
			into->n += part->n;
			continue;
		}
		granted.n++;
		*into = *part;
		if (devices)
			memset(into->type, 0, sizeof into->type);
		for (uint32_t k = 0; devices && k < b->kinds; k++)
			into->units |= streq(b->kind[k].name, part->name) ? c.taken[k] : 0;
	}
	text = gres_granted_format(&granted);
	gres_hold(core, text);
	return text;
}

const struct gres_need *gres_choice(struct core *core, const struct mscg_job *job)
{
	const struct gres_need *need = gres_need_of(core, job);
	struct gres_books *b = &core->gres;
	struct choice c;

	if (!need || !need->mixed || !gres_fits(core, need))
		return need;
	choose(core, job, need, &c);
	b->choice = *need;
	for (uint32_t i = 0; i < b->accounts; i++)
		if (*b->account[i].type && are_devices(b, b->account[i].name))
			b->choice.n[i] = 0;
	for (uint32_t k = 0; k < b->kinds; k++) {
		const struct gres_account *typed = gres_account_of(b, b->kind[k].name, b->kind[k].type);

		if (c.taken[k] && *b->kind[k].type) {
			b->choice.n[typed - b->account] += bits(c.taken[k]);
			b->choice.wants |= UINT64_C(1) << (typed - b->account);
		}
	}
	return &b->choice;
}

static void add_held(const struct gres_books *b, const char *name, const char *type, uint32_t n, uint32_t *held)
{
	for (uint32_t i = 0; i < b->accounts; i++)
		if (streq(b->account[i].name, name) && (!*b->account[i].type || streq(b->account[i].type, type)))
			held[i] += n;
}

/* Devices that the machine does not have any more are nobody's. */
void gres_held(const struct core *core, const char *text, uint32_t held[GRES_ACCOUNTS])
{
	const struct gres_books *b = &core->gres;
	struct gres granted;

	memset(held, 0, GRES_ACCOUNTS * sizeof *held);
	if (!text || gres_granted_parse(text, &granted) < 0)
		return;
	for (uint32_t p = 0; p < granted.n; p++) {
		const struct gres_part *part = &granted.part[p];

		for (uint32_t i = 0; i < b->kinds && part->units; i++)
			if (streq(b->kind[i].name, part->name))
				add_held(b, part->name, b->kind[i].type, bits(part->units & b->kind[i].units), held);
		if (!part->units && !are_devices(b, part->name))
			add_held(b, part->name, part->type, part->n, held);
	}
}

static void move(struct core *core, const char *text, const struct gres *granted, int sign)
{
	struct gres_books *b = &core->gres;
	uint32_t held[GRES_ACCOUNTS];

	gres_held(core, text, held);
	for (uint32_t i = 0; i < b->accounts; i++)
		if (held[i])
			gres_book(b, &b->account[i], sign * (int64_t)held[i]);
	for (uint32_t p = 0; p < granted->n; p++)
		for (uint32_t i = 0; i < b->kinds; i++) {
			struct gres_kind *k = &b->kind[i];
			uint64_t units = streq(k->name, granted->part[p].name) ? granted->part[p].units & k->units : 0;

			k->free = sign < 0 ? k->free & ~units : k->free | units;
		}
}

int gres_hold(struct core *core, const char *text)
{
	const struct gres_books *b = &core->gres;
	struct gres granted;

	if (!text)
		return 0;
	if (gres_granted_parse(text, &granted) < 0)
		return -EINVAL;
	for (uint32_t p = 0; p < granted.n; p++)
		for (uint32_t i = 0; i < b->kinds; i++)
			if (streq(b->kind[i].name, granted.part[p].name) && granted.part[p].units & b->kind[i].units & ~b->kind[i].free)
				return -EBUSY;
	move(core, text, &granted, -1);
	return 0;
}

void gres_give(struct core *core, const char *text)
{
	struct gres granted;

	if (text && gres_granted_parse(text, &granted) == 0)
		move(core, text, &granted, 1);
}

bool gres_over(const struct core *core)
{
	for (uint32_t i = 0; i < core->gres.accounts; i++)
		if (core->gres.account[i].free < 0)
			return true;
	return false;
}
