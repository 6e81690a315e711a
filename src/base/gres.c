#include "src/base/gres.h"

#include "src/base/base.h"
#include "src/base/buf.h"

#include <mscg/cpuset.h>

static int bad(const char *item, struct mscg_error *error)
{
	return mscg_error_set(error, -EINVAL, "invalid resource '%.60s': expected NAME:N or NAME:TYPE:N, as gpu:2 or gpu:a100:1, N from 1 to %d",
	                      item, GRES_COUNT_MAX);
}

static bool is_number(const char *p, size_t n)
{
	return n > 0 && strspn(p, "0123456789") >= n;
}

static bool is_word(const char *p, size_t n)
{
	return n > 0 && n < GRES_NAME_MAX && !is_number(p, n) && !strchr("-.@", *p) &&
	       strspn(p, "_-.@0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") >= n;
}

static bool read_count(const char *p, size_t n, uint32_t *ret)
{
	uint32_t v = 0;

	if (!is_number(p, n) || n > 6)
		return false;
	for (size_t i = 0; i < n; i++)
		v = v * 10 + (uint32_t)(p[i] - '0');
	*ret = v;
	return v >= 1 && v <= GRES_COUNT_MAX;
}

/* "gpu", "gpu:2", "gpu:a100", "gpu:a100:2", up to `end`. */
static bool read_item(const char *item, const char *end, struct gres_part *ret)
{
	const char *word[3] = {item};
	size_t length[3] = {0}, n = 1;

	*ret = (struct gres_part){.n = 1};
	for (const char *p = item; p < end; p++) {
		if (*p != ':')
			continue;
		if (n == 3)
			return false;
		word[n++] = p + 1;
	}
	for (size_t i = 0; i < n; i++)
		length[i] = (size_t)((i + 1 < n ? word[i + 1] - 1 : end) - word[i]);
	if (!is_word(word[0], length[0]))
		return false;
	memcpy(ret->name, word[0], length[0]);
	if (n == 3 || (n == 2 && is_number(word[1], length[1])))
		if (n--, !read_count(word[n], length[n], &ret->n))
			return false;
	if (n > 1 && !is_word(word[1], length[1]))
		return false;
	if (n > 1)
		memcpy(ret->type, word[1], length[1]);
	return !streq(ret->name, GRES_LICENSE) || *ret->type;
}

static int by_name(const void *a, const void *b)
{
	const struct gres_part *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	return r ? r : strcmp(x->type, y->type);
}

static int add_part(struct gres *g, const struct gres_part *part, const char *text, struct mscg_error *error)
{
	for (uint32_t i = 0; i < g->n; i++)
		if (by_name(&g->part[i], part) == 0) {
			g->part[i].n += part->n;
			return g->part[i].n <= GRES_COUNT_MAX ? 0 : bad(text, error);
		}
	if (g->n == GRES_PARTS_MAX)
		return mscg_error_set(error, -EINVAL, "resources '%.60s': expected %d names at most", text, GRES_PARTS_MAX);
	g->part[g->n++] = *part;
	return 0;
}

int gres_parse(const char *text, struct gres *ret, struct mscg_error *error)
{
	struct gres g = {.n = 0};

	for (const char *p = text;; p++) {
		const char *end = p + strcspn(p, ",");
		struct gres_part part;
		int r = read_item(p, end, &part) ? add_part(&g, &part, text, error) : bad(text, error);

		if (r < 0)
			return r;
		p = end;
		if (!*p)
			break;
	}
	qsort(g.part, g.n, sizeof *g.part, by_name);
	*ret = g;
	return 0;
}

static void add_text(struct buf *b, const struct gres_part *p)
{
	buf_addf(b, "%s%s%s:%u", p->name, *p->type ? ":" : "", p->type, p->n);
}

char *gres_format(const struct gres *gres)
{
	struct buf b = {0};

	for (uint32_t i = 0; i < gres->n; i++) {
		buf_adds(&b, i ? "," : "");
		add_text(&b, &gres->part[i]);
	}
	return gres->n ? buf_steal(&b) : NULL;
}

uint32_t gres_count(const char *text, const char *name)
{
	struct gres g;
	uint32_t n = 0;

	if (!text || gres_parse(text, &g, NULL) < 0)
		return 0;
	for (uint32_t i = 0; i < g.n; i++)
		n += streq(g.part[i].name, name) ? g.part[i].n : 0;
	return n;
}

/* -- granted ------------------------------------------------------------------------------------------------------- */

/* "0,2-3)" */
static bool read_units(const char *p, const char *end, uint64_t *ret)
{
	_cleanup_free_ char *list = NULL;
	struct mscg_cpuset set;

	if (end[-1] != ')')
		return false;
	list = xstrndup(p, (size_t)(end - 1 - p));
	if (mscg_cpuset_parse(list, &set, NULL) < 0 || mscg_cpuset_next(&set, GRES_UNITS_MAX) != MSCG_CPUS_MAX)
		return false;
	*ret = set.word[0];
	return *ret != 0;
}

int gres_granted_parse(const char *text, struct gres *ret)
{
	struct gres g = {.n = 0};

	for (const char *p = text; p && *p;) {
		struct gres_part *part = &g.part[g.n];
		const char *end = p + strcspn(p, " "), *open = memchr(p, '(', (size_t)(end - p));

		if (g.n == GRES_PARTS_MAX || !read_item(p, open ? open : end, part))
			return -EINVAL;
		if (open && (strncmp(open, "(IDX:", 5) != 0 || !read_units(open + 5, end, &part->units)))
			return -EINVAL;
		g.n++;
		p = *end ? end + 1 : end;
	}
	*ret = g;
	return 0;
}

char *gres_granted_format(const struct gres *granted)
{
	struct buf b = {0};

	for (uint32_t i = 0; i < granted->n; i++) {
		const struct gres_part *p = &granted->part[i];
		struct mscg_cpuset set = {.word = {p->units}};
		char list[256];

		buf_adds(&b, i ? " " : "");
		add_text(&b, p);
		if (!p->units)
			continue;
		mscg_cpuset_format(&set, list, sizeof list);
		buf_addf(&b, "(IDX:%s)", list);
	}
	return granted->n ? buf_steal(&b) : NULL;
}

uint64_t gres_granted_units(const char *text, const char *name)
{
	struct gres g;
	uint64_t units = 0;

	if (!text || gres_granted_parse(text, &g) < 0)
		return 0;
	for (uint32_t i = 0; i < g.n; i++)
		units |= streq(g.part[i].name, name) ? g.part[i].units : 0;
	return units;
}

char *gres_list_units(uint64_t units, char *text, size_t size)
{
	size_t at = 0;

	text[0] = '\0';
	for (unsigned u = 0; u < GRES_UNITS_MAX && at < size; u++)
		if (units >> u & 1)
			at += (size_t)snprintf(text + at, size - at, "%s%u", at ? "," : "", u);
	return text;
}
