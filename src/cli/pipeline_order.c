/* What the jobs of a pipeline wait for, by name: to places in the order of their submission. */
#include <inttypes.h>

#include "submit.h"
#include "src/base/buf.h"
#include "src/base/depend.h"

struct names {
	const struct pipeline_job **sorted;
	const struct pipeline *p;
};

static int by_name(const void *a, const void *b)
{
	const struct pipeline_job *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static bool find_name(const struct names *names, const char *text, size_t n, uint32_t *ret)
{
	_cleanup_free_ char *name = strndup(text, n);
	const struct pipeline_job key = {.name = name}, *wanted = &key, **found;

	found = bsearch(&wanted, names->sorted, names->p->n, sizeof *names->sorted, by_name);
	if (found)
		*ret = (uint32_t)(*found - names->p->job);
	return found;
}

/* "train" -> "#2", "sweep_3" -> "#4_3", "12" stays. */
static int add_one(struct buf *b, const struct names *names, const char *text, size_t n, struct mscg_error *error)
{
	const char *last = memrchr(text, '_', n);
	size_t head = last ? (size_t)(last - text) : n;
	uint32_t at;

	if (n && *text >= '0' && *text <= '9')
		buf_add(b, text, n);
	else if (find_name(names, text, n, &at))
		buf_addf(b, "#%" PRIu32, at);
	else if (last && strspn(last + 1, "0123456789") == n - head - 1 && find_name(names, text, head, &at))
		buf_addf(b, "#%" PRIu32 "%.*s", at, (int)(n - head), last);
	else
		return mscg_error_set(error, -EINVAL, "it waits for '%.*s', and no job of the file has that name: expected the name of one, or the number of a job that is there",
		                      (int)MIN_OF(n, (size_t)60), text);
	return 0;
}

/* "afterok:prepare:12?after:train+5" -> "afterok:#0:12?after:#1+5" */
static int add_names(struct buf *b, const struct names *names, const char *text, struct mscg_error *error)
{
	while (*text) {
		size_t n = strcspn(text, ":,?");
		int r = 0;

		buf_add(b, text, n); /* the kind */
		for (text += n; r == 0 && *text == ':'; text += n) {
			buf_addc(b, *text++);
			n = strcspn(text, ":,?+(@");
			r = add_one(b, names, text, n, error);
			text += n;
			n = strcspn(text, ":,?");
			buf_add(b, text, n);
		}
		if (r < 0)
			return r;
		if (*text)
			buf_addc(b, *text++);
	}
	return 0;
}

static int read_dependency(struct pipeline_job *job, const struct names *names, struct mscg_error *error)
{
	const json_t *value = json_object_get(job->json, "dependency"), *part;
	_cleanup_buf_ struct buf asked = {0}, named = {0};
	struct mscg_error why;
	struct depends d;
	size_t i;
	int r;

	if (!value)
		return 0;
	if (json_is_string(value))
		buf_adds(&asked, json_string_value(value));
	json_array_foreach(value, i, part)
		buf_addf(&asked, "%s%s", i ? "," : "", json_is_string(part) ? json_string_value(part) : "");
	if (!asked.size)
		return mscg_error_set(error, -EINVAL, "dependency: expected a text as \"afterok:NAME\", or a list of such");
	r = add_names(&named, names, asked.data, error);
	if (r < 0)
		return r;
	r = mscg_depends_parse(named.data, &d, &why);
	if (r == -E2BIG)
		return mscg_error_set(error, r, "%s", why.text);
	if (r < 0)
		return mscg_error_set(error, -EINVAL, "invalid dependency '%.100s': expected for example afterok:NAME:NAME, afterany:NAME, after:NAME+5 (minutes) or singleton, with ',' for all or '?' for any between",
		                      asked.data);
	mscg_depends_clear(&d);
	job->dependency = buf_steal(&named);
	return 0;
}

/* -- the order --------------------------------------------------------------------------------------------------- */

struct order {
	struct pipeline *p;
	struct depends  *of;    /* by job */
	uint32_t        *stack; /* each waits for the next */
	uint32_t         depth, n;
	bool            *placed, *stacked;
};

/* One of those that it waits for and that has no place yet; n: none. */
static uint32_t next_to_place(const struct order *o, uint32_t at)
{
	for (uint32_t i = 0; i < o->of[at].n; i++)
		if (o->of[at].on[i].listed && !o->placed[o->of[at].on[i].listed - 1])
			return o->of[at].on[i].listed - 1;
	return o->p->n;
}

static int say_circle(const struct order *o, uint32_t at, struct mscg_error *error)
{
	_cleanup_buf_ struct buf text = {0};
	uint32_t i = 0;

	while (o->stack[i] != at)
		i++;
	buf_adds(&text, o->p->job[at].name);
	for (i++; i <= o->depth; i++) {
		buf_addf(&text, " waits for %s", o->p->job[i < o->depth ? o->stack[i] : at].name);
		if (text.size > 200 && i + 1 < o->depth) {
			buf_adds(&text, " waits for ...");
			i = o->depth - 1;
		}
	}
	return mscg_error_set(error, -EINVAL, "jobs wait for each other in a circle: %s: expected one of them to wait for none of the others", text.data);
}

/* `at`, and before it those that it waits for. */
static int place(struct order *o, uint32_t at, struct mscg_error *error)
{
	o->stack[o->depth++] = at;
	o->stacked[at] = true;
	while (o->depth) {
		at = next_to_place(o, o->stack[o->depth - 1]);
		if (at == o->p->n) {
			at = o->stack[--o->depth];
			o->placed[at] = true;
			o->p->job[at].place = o->n;
			o->p->order[o->n++] = at;
		} else if (o->stacked[at]) {
			return say_circle(o, at, error);
		} else {
			o->stack[o->depth++] = at;
			o->stacked[at] = true;
		}
	}
	return 0;
}

/* In the order of the file, but that those that one waits for come before it. */
static int place_all(struct order *o, struct mscg_error *error)
{
	struct pipeline *p = o->p;
	int r = 0;

	p->order = xcalloc(p->n, sizeof *p->order);
	for (uint32_t i = 0; r == 0 && i < p->n; i++)
		if (!o->placed[i])
			r = place(o, i, error);
	return r;
}

static int order_by(struct order *o, struct mscg_error *error)
{
	struct pipeline *p = o->p;
	int r;

	for (uint32_t i = 0; i < p->n; i++)
		if (p->job[i].dependency)
			mscg_depends_parse(p->job[i].dependency, &o->of[i], NULL);
	r = place_all(o, error);
	for (uint32_t i = 0; r == 0 && i < p->n; i++) {
		for (uint32_t k = 0; k < o->of[i].n; k++)
			if (o->of[i].on[k].listed)
				o->of[i].on[k].listed = p->job[o->of[i].on[k].listed - 1].place + 1;
		free(p->job[i].dependency);
		p->job[i].dependency = mscg_depends_format(&o->of[i]);
	}
	return r;
}

int pipeline_order(struct pipeline *p, struct mscg_error *error)
{
	struct names names = {.sorted = xcalloc(p->n, sizeof *names.sorted), .p = p};
	_cleanup_free_ bool *placed = xcalloc(p->n, sizeof *placed), *stacked = xcalloc(p->n, sizeof *stacked);
	_cleanup_free_ uint32_t *stack = xcalloc(p->n, sizeof *stack);
	_cleanup_free_ struct depends *of = xcalloc(p->n, sizeof *of);
	struct order o = {.p = p, .of = of, .stack = stack, .placed = placed, .stacked = stacked};
	int r = 0;

	for (uint32_t i = 0; i < p->n; i++)
		names.sorted[i] = &p->job[i];
	qsort(names.sorted, p->n, sizeof *names.sorted, by_name);
	for (uint32_t i = 0; r == 0 && i < p->n; i++) {
		r = read_dependency(&p->job[i], &names, error);
		if (r < 0)
			mscg_error_prefix(error, r, "job '%.60s': ", p->job[i].name);
	}
	if (r == 0)
		r = order_by(&o, error);
	for (uint32_t i = 0; i < p->n; i++)
		mscg_depends_clear(&of[i]);
	free(names.sorted);
	return r;
}
