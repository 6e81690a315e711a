/* Generic resources: GPUs, licenses, whatever there is a number of, each for one job at a time. A job keeps what it got until
 * its attempt ends, suspended or not. Of a device it is known which job has it; of the others, how many are free.
 *
 * They are booked in accounts, one for each name and one for each type of it, so that whether there is enough, now or in a
 * plan, is a comparison of numbers. */
#include "src/core/internal.h"

/* -- the machine's ------------------------------------------------------------------------------------------------- */

static struct gres_account *account_of(struct gres_books *b, const char *name, const char *type)
{
	for (uint32_t i = 0; i < b->accounts; i++)
		if (streq(b->account[i].name, name) && streq(b->account[i].type, type))
			return &b->account[i];
	return NULL;
}

static void book(struct gres_books *b, struct gres_account *a, int64_t free)
{
	uint64_t bit = UINT64_C(1) << (a - b->account);

	a->free += free;
	b->gone = a->free > 0 ? b->gone & ~bit : b->gone | bit;
}

static void open_account(struct gres_books *b, const char *name, const char *type, uint32_t total)
{
	struct gres_account *a = account_of(b, name, type);

	if (!a) {
		a = &b->account[b->accounts++];
		*a = (struct gres_account){.total = 0};
		snprintf(a->name, sizeof a->name, "%s", name);
		snprintf(a->type, sizeof a->type, "%s", type);
	}
	a->total += total;
	book(b, a, total);
}

static void work_out(const struct gres_books *b, struct gres_need *need)
{
	need->unknown = NULL;
	need->wants = 0;
	need->mixed = false;
	memset(need->n, 0, sizeof need->n);
	for (uint32_t p = 0; p < need->gres.n; p++) {
		const struct gres_part *part = &need->gres.part[p];
		bool known = false;

		for (uint32_t i = 0; i < b->accounts; i++) {
			const struct gres_account *a = &b->account[i];

			if (!streq(a->name, part->name))
				continue;
			need->mixed |= *a->type && !*part->type;
			if (*a->type && !streq(a->type, part->type))
				continue;
			need->n[i] += part->n;
			need->wants |= UINT64_C(1) << i;
			known |= streq(a->type, part->type);
		}
		if (!known && !need->unknown)
			need->unknown = part;
	}
}

void gres_set_machine(struct core *core, const struct core_machine *machine)
{
	struct gres_books *b = &core->gres;

	b->kinds = b->accounts = 0;
	b->gone = 0;
	for (uint32_t i = 0; i < machine->gres_n && i < CORE_GRES_MAX; i++) {
		const struct core_gres *g = &machine->gres[i];
		struct gres_kind *k = &b->kind[b->kinds++];
		const char *type = g->type ? g->type : "";

		*k = (struct gres_kind){.units = g->units, .free = g->units, .near_some = g->cpus != NULL};
		if (g->cpus)
			k->near = *g->cpus;
		snprintf(k->name, sizeof k->name, "%s", g->name);
		snprintf(k->type, sizeof k->type, "%s", type);
		open_account(b, k->name, "", g->n);
		if (*type)
			open_account(b, k->name, k->type, g->n);
	}
	for (uint32_t i = 0; i < b->needs; i++)
		work_out(b, b->need[i]);
}

bool core_get_gres(const struct core *core, uint32_t index, struct core_gres_use *ret)
{
	const struct gres_books *b = &core->gres;
	const struct gres_account *a = &b->account[index];

	if (index >= b->accounts)
		return false;
	*ret = (struct core_gres_use){.name = a->name, .type = a->type, .total = a->total, .held = (uint32_t)(a->total - a->free)};
	for (uint32_t i = 0; i < b->kinds; i++)
		if (streq(b->kind[i].name, a->name) && (!*a->type || streq(b->kind[i].type, a->type))) {
			ret->devices |= b->kind[i].units != 0;
			ret->free_units |= b->kind[i].free;
		}
	return true;
}

/* -- what is asked for --------------------------------------------------------------------------------------------- */

static uint32_t place_of(const struct gres_books *b, const char *text)
{
	uint32_t low = 0, high = b->needs;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if ((uintptr_t)b->need[middle]->text < (uintptr_t)text)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct gres_need *gres_request(const struct core *core, const char *text)
{
	return text ? core->gres.need[place_of(&core->gres, text)] : NULL;
}

void gres_learn(struct core *core, const char *text)
{
	struct gres_books *b = &core->gres;
	struct gres_need *need;
	uint32_t at;

	if (!text)
		return;
	at = place_of(b, text);
	if (at < b->needs && b->need[at]->text == text) {
		b->need[at]->jobs++;
		return;
	}
	need = xcalloc(1, sizeof *need);
	need->text = text;
	need->jobs = 1;
	gres_parse(text, &need->gres, NULL);
	work_out(b, need);
	GROW(b->need, b->needs, b->needs_cap);
	memmove(&b->need[at + 1], &b->need[at], (b->needs - at) * sizeof *b->need);
	b->need[at] = need;
	b->needs++;
}

void gres_forget(struct core *core, const char *text)
{
	struct gres_books *b = &core->gres;
	uint32_t at;

	if (!text)
		return;
	at = place_of(b, text);
	if (--b->need[at]->jobs)
		return;
	free(b->need[at]);
	b->needs--;
	memmove(&b->need[at], &b->need[at + 1], (b->needs - at) * sizeof *b->need);
}

void gres_clear(struct core *core)
{
	for (uint32_t i = 0; i < core->gres.needs; i++)
		free(core->gres.need[i]);
	free(core->gres.need);
}

const struct gres_need *gres_need_of(const struct core *core, const struct mscg_job *job)
{
	return job->state == MSCG_STATE_PENDING ? gres_request(core, job->gres) : NULL;
}

bool gres_fits(const struct core *core, const struct gres_need *need)
{
	if (!need)
		return true;
	if (need->wants & core->gres.gone || need->unknown)
		return false;
	for (uint32_t i = 0; i < core->gres.accounts; i++)
		if (need->n[i] && need->n[i] > core->gres.account[i].free)
			return false;
	return true;
}

static const char *account_name(const struct gres_account *a, char text[2 * GRES_NAME_MAX])
{
	bool license = streq(a->name, GRES_LICENSE);

	snprintf(text, 2 * GRES_NAME_MAX, "%s%s%s", license ? "" : a->name, *a->type && !license ? ":" : "", a->type);
	return text;
}

static void say_unknown(const struct gres_books *b, const struct gres_part *part, char text[160])
{
	bool license = streq(part->name, GRES_LICENSE);
	char name[2 * GRES_NAME_MAX];
	size_t n = (size_t)snprintf(text, 160, "needs %s%s%s, which this machine does not have; it has", license ? "licenses of " : part->name,
	                            *part->type && !license ? ":" : "", part->type);
	size_t start = n;

	for (uint32_t i = 0; i < b->accounts && n < 150; i++)
		if (license == streq(b->account[i].name, GRES_LICENSE) && (!license || *b->account[i].type))
			n += (size_t)snprintf(text + n, 160 - n, "%s %s", n > start ? "," : "", account_name(&b->account[i], name));
	if (n == start)
		snprintf(text + n, 160 - n, " none");
}

static bool is_feasible(const struct gres_books *b, const struct gres_need *need, char *text)
{
	char name[2 * GRES_NAME_MAX];

	for (uint32_t i = 0; i < b->accounts; i++) {
		if (need->n[i] <= b->account[i].total || (streq(b->account[i].name, GRES_LICENSE) && !*b->account[i].type))
			continue;
		if (text)
			snprintf(text, 160, "needs %" PRIu32 " of %s, this machine has %" PRIu32, need->n[i], account_name(&b->account[i], name),
			         b->account[i].total);
		return false;
	}
	if (need->unknown && text)
		say_unknown(b, need->unknown, text);
	return !need->unknown;
}

bool gres_feasible(const struct core *core, const struct gres_need *need)
{
	return !need || is_feasible(&core->gres, need, NULL);
}

bool gres_exist(const struct core *core, const char *request, char *text)
{
	struct gres_need need;

	if (!request)
		return true;
	gres_parse(request, &need.gres, NULL);
	work_out(&core->gres, &need);
	return is_feasible(&core->gres, &need, text);
}

bool gres_no_more(const struct core *core, const struct gres_need *a, const struct gres_need *b)
{
	if (!a)
		return true;
	if (!b || a->wants & ~b->wants)
		return false;
	for (uint32_t i = 0; i < core->gres.accounts; i++)
		if (a->n[i] > b->n[i])
			return false;
	return true;
}

bool gres_apart(const struct core *core, const struct gres_need *a, const struct gres_need *b)
{
	if (!a || !b || !(a->wants & b->wants))
		return true;
	for (uint32_t i = 0; i < core->gres.accounts; i++)
		if (a->n[i] && b->n[i] && a->n[i] + b->n[i] > core->gres.account[i].free)
			return false;
	return true;
}

enum mscg_reason gres_why(const struct core *core, const struct gres_need *need, char text[160])
{
	char name[2 * GRES_NAME_MAX];
	const struct gres_account *a = NULL;
	uint32_t n = 0;
	bool license;

	for (uint32_t i = 0; need && i < core->gres.accounts; i++)
		if (need->n[i] > core->gres.account[i].free && (!a || *core->gres.account[i].type)) {
			a = &core->gres.account[i];
			n = need->n[i];
		}
	if (!a)
		return MSCG_REASON_NONE;
	license = streq(a->name, GRES_LICENSE);
	snprintf(text, 160, "needs %" PRIu32 " %s%s, %" PRId64 " of %" PRIu32 " %s free", n, license ? "licenses of " : "of ", account_name(a, name),
	         MAX_OF(a->free, INT64_C(0)), a->total, a->free == 1 ? "is" : "are");
	return license ? MSCG_REASON_LICENSES : MSCG_REASON_RESOURCES;
}

/* -- who has which ------------------------------------------------------------------------------------------------- */

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
		const struct gres_account *typed = account_of(b, b->kind[k].name, b->kind[k].type);

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
			book(b, &b->account[i], sign * (int64_t)held[i]);
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
