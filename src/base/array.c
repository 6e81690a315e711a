/* Index ranges of job arrays: "0-15:4%4" to a sorted, disjoint list and back. */
#include "src/base/base.h"
#include "src/base/buf.h"
#include "src/base/scan.h"

#include <inttypes.h>
#include <mscg/job.h>

/* Ranges that interleave ("0-9:3,1-9:3") are merged one index at a time, so only so many of them. */
#define INTERLEAVED_MAX 1000000u

struct list {
	struct mscg_range *r;
	uint32_t n, cap;
};

static uint64_t range_count(struct mscg_range r)
{
	return ((uint64_t)r.last - r.first) / r.step + 1;
}

uint64_t mscg_ranges_count(const struct mscg_range *r, uint32_t n)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < n; i++)
		count += range_count(r[i]);
	return count;
}

/* Adds a range that lies behind all in the list, joining it to the last where that makes the list shorter. */
static void append(struct list *l, struct mscg_range x)
{
	struct mscg_range *last = l->n ? &l->r[l->n - 1] : NULL;
	struct mscg_range *before = l->n > 1 ? last - 1 : NULL;
	bool one = x.first == x.last;

	if (last) {
		uint32_t gap = x.first - last->last;
		bool last_one = last->first == last->last;

		if ((last_one ? (one ? gap == 1 : gap == x.step) : gap == last->step && (one || x.step == gap))) {
			last->step = gap;
			last->last = x.last;
			return;
		}
		/* Three single ones at equal distances. */
		if (one && last_one && before && before->first == before->last && last->first - before->first == gap) {
			before->step = gap;
			before->last = x.last;
			l->n--;
			return;
		}
	}
	GROW(l->r, l->n, l->cap);
	l->r[l->n++] = x;
}

static int by_first(const void *a, const void *b)
{
	const struct mscg_range *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Adds the union of ranges that overlap or interleave. */
static int append_union(struct list *l, const struct mscg_range *r, uint32_t n, uint32_t last)
{
	_cleanup_free_ uint32_t *index = NULL;
	uint64_t count = mscg_ranges_count(r, n);
	size_t used = 0;
	bool dense = true;

	for (uint32_t i = 0; i < n; i++)
		dense &= r[i].step == 1;
	if (dense) {
		append(l, (struct mscg_range){r[0].first, last, 1});
		return 0;
	}
	if (count > INTERLEAVED_MAX)
		return -E2BIG;
	index = xcalloc(count, sizeof *index);
	for (uint32_t i = 0; i < n; i++)
		for (uint64_t v = r[i].first; v <= r[i].last; v += r[i].step)
			index[used++] = (uint32_t)v;
	qsort(index, used, sizeof *index, by_value);
	for (size_t i = 0; i < used; i++)
		if (i == 0 || index[i] != index[i - 1])
			append(l, (struct mscg_range){index[i], index[i], 1});
	return 0;
}

/* Sorts, and makes disjoint what overlaps. */
static int normalise(struct list *l)
{
	struct list out = {0};
	int r = 0;

	if (l->n)
		qsort(l->r, l->n, sizeof *l->r, by_first);
	for (uint32_t i = 0, j; r == 0 && i < l->n; i = j) {
		uint32_t last = l->r[i].last;

		for (j = i + 1; j < l->n && l->r[j].first <= last; j++)
			last = MAX_OF(last, l->r[j].last);
		if (j == i + 1)
			append(&out, l->r[i]);
		else
			r = append_union(&out, l->r + i, j - i, last);
	}
	free(l->r);
	*l = out;
	return r;
}

/* "N", "N-M" or "N-M:S" at *p. */
static int scan_range(const char **p, struct mscg_range *ret)
{
	uint64_t first, last, step = 1;
	int r = scan_u64(p, &first);

	if (r < 0)
		return r;
	last = first;
	if (**p == '-') {
		(*p)++;
		r = scan_u64(p, &last);
		if (r == 0 && **p == ':') {
			(*p)++;
			r = scan_u64(p, &step);
		}
		if (r < 0)
			return r;
	}
	if (first > MSCG_ARRAY_INDEX_MAX || last > MSCG_ARRAY_INDEX_MAX)
		return -ERANGE;
	if (last < first || step == 0)
		return -EINVAL;
	/* The last index that is really in it; a single one has step 1. */
	last -= (last - first) % step;
	*ret = (struct mscg_range){(uint32_t)first, (uint32_t)last, last == first ? 1 : (uint32_t)step};
	return 0;
}

static int scan_ranges(const char **p, struct list *l)
{
	uint64_t count = 0;
	int r;

	for (;;) {
		struct mscg_range range;

		r = scan_range(p, &range);
		if (r < 0)
			return r;
		count += range_count(range);
		if (count > MSCG_ARRAY_TASKS_MAX)
			return -E2BIG;
		GROW(l->r, l->n, l->cap);
		l->r[l->n++] = range;
		if (**p != ',')
			return normalise(l);
		(*p)++;
	}
}

static int bad_array(struct mscg_error *error, int code, const char *text)
{
	if (code == -E2BIG)
		return mscg_error_set(error, -ERANGE,
		                      "array '%.60s' is too large: expected %u tasks at most (%u where ranges interleave)",
		                      text, MSCG_ARRAY_TASKS_MAX, INTERLEAVED_MAX);
	if (code == -ERANGE)
		return mscg_error_set(error, code, "array '%.60s' is out of range: expected indices up to %u", text,
		                      MSCG_ARRAY_INDEX_MAX);
	return mscg_error_set(error, -EINVAL,
	                      "invalid array '%.60s': expected indices such as 0-15, 0-15:4 or 1,3,5-7, and %%N to limit how many run",
	                      text);
}

int mscg_ranges_parse(const char *text, struct mscg_range **ret, uint32_t *ret_n, struct mscg_error *error)
{
	struct list l = {0};
	const char *p = text;
	int r = *text ? scan_ranges(&p, &l) : 0;

	if (r == 0 && *p)
		r = -EINVAL;
	if (r < 0) {
		free(l.r);
		return bad_array(error, r, text);
	}
	*ret = l.r;
	*ret_n = l.n;
	return 0;
}

int mscg_tasks_parse(const char *text, struct mscg_id *ret, struct mscg_range **ret_range, uint32_t *ret_n, struct mscg_error *error)
{
	size_t digits = strspn(text, "0123456789");
	struct mscg_id array;
	struct list l = {0};
	const char *p;
	int r;

	*ret_range = NULL;
	*ret_n = 0;
	if (strncmp(text + digits, "_[", 2) != 0)
		return mscg_id_parse(text, ret, error);
	_cleanup_free_ char *number = xstrndup(text, digits);
	if ((r = mscg_id_parse(number, &array, error)) < 0)
		return r;
	p = text + digits + 2;
	r = scan_ranges(&p, &l);
	if (r == 0 && !streq(p, "]"))
		r = -EINVAL;
	if (r < 0) {
		free(l.r);
		return r == -EINVAL ? mscg_error_set(error, r, "invalid tasks '%.60s': expected indices such as 12_[3-7] or 12_[1,3,10-20:2]", text) :
		                      mscg_error_set(error, -ERANGE, "tasks '%.60s' are too many: expected %u at most, and indices up to %u", text,
		                                     MSCG_ARRAY_TASKS_MAX, MSCG_ARRAY_INDEX_MAX);
	}
	*ret = array;
	*ret_range = l.r;
	*ret_n = l.n;
	return 0;
}

char *mscg_ranges_format(const struct mscg_range *r, uint32_t n)
{
	_cleanup_buf_ struct buf b = {0};

	for (uint32_t i = 0; i < n; i++) {
		if (i)
			buf_addc(&b, ',');
		buf_addf(&b, "%" PRIu32, r[i].first);
		if (r[i].last != r[i].first)
			buf_addf(&b, "-%" PRIu32, r[i].last);
		if (r[i].last != r[i].first && r[i].step != 1)
			buf_addf(&b, ":%" PRIu32, r[i].step);
	}
	return buf_steal(&b);
}

int mscg_array_parse(const char *text, struct mscg_spec *spec, struct mscg_error *error)
{
	struct list l = {0};
	const char *p = text;
	uint64_t throttle = 0;
	int r = scan_ranges(&p, &l);

	if (r == 0 && *p == '%') {
		p++;
		r = scan_u64(&p, &throttle);
		if (r == 0 && throttle == 0)
			r = -EINVAL;
		throttle = MIN_OF(throttle, (uint64_t)MSCG_ARRAY_TASKS_MAX);
	}
	if (r == 0 && *p)
		r = -EINVAL;
	if (r < 0) {
		free(l.r);
		return bad_array(error, r, text);
	}
	free(spec->array);
	spec->array = l.r;
	spec->array_n = l.n;
	spec->array_throttle = (uint32_t)throttle;
	return 0;
}
