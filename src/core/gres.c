/* Generic resources: GPUs, licenses, whatever there is a number of, each for one job at a time. A job keeps what it got until
 * its attempt ends, suspended or not. Of a device it is known which job has it; of the others, how many are free.
 *
 * They are booked in accounts, one for each name and one for each type of it, so that whether there is enough, now or in a
 * plan, is a comparison of numbers. */
#include "src/core/internal.h"

/* -- the machine's ------------------------------------------------------------------------------------------------- */

struct gres_account *gres_account_of(struct gres_books *b, const char *name, const char *type)
{
	for (uint32_t i = 0; i < b->accounts; i++)
		if (streq(b->account[i].name, name) && streq(b->account[i].type, type))
			return &b->account[i];
	return NULL;
}

void gres_book(struct gres_books *b, struct gres_account *a, int64_t free)
{
	uint64_t bit = UINT64_C(1) << (a - b->account);

	a->free += free;
	b->gone = a->free > 0 ? b->gone & ~bit : b->gone | bit;
}

static void open_account(struct gres_books *b, const char *name, const char *type, uint32_t total)
{
	struct gres_account *a = gres_account_of(b, name, type);

	if (!a) {
		a = &b->account[b->accounts++];
		*a = (struct gres_account){.total = 0};
		snprintf(a->name, sizeof a->name, "%s", name);
		snprintf(a->type, sizeof a->type, "%s", type);
	}
	a->total += total;
	gres_book(b, a, total);
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
		if (need->n[i] && need->n[i] > core->gres.account[i].free && (!a || *core->gres.account[i].type)) {
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
