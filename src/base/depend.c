#include "src/base/depend.h"

#include "src/base/base.h"
#include "src/base/buf.h"
#include "src/base/clock.h"
#include "src/base/scan.h"

#include <inttypes.h>

static const char *const labels[] = {
#define X(name, label) [DEPEND_##name] = label,
	DEPEND_KINDS(X)
#undef X
};

#define EXPECTED "expected for example afterok:12:13, afterany:12_3, aftercorr:12, after:12+5 (minutes) or singleton, with ',' for all or '?' for any between"

static int wrong(const char *text, struct mscg_error *error)
{
	return mscg_error_set(error, -EINVAL, "invalid dependency '%.60s': " EXPECTED, text);
}

static int scan_kind(const char **p, enum depend_kind *ret)
{
	size_t n = strcspn(*p, ":,?");

	for (unsigned k = 0; k < DEPEND_KIND_COUNT; k++)
		if (strlen(labels[k]) == n && strncmp(labels[k], *p, n) == 0) {
			*p += n;
			*ret = (enum depend_kind)k;
			return 0;
		}
	return -EINVAL;
}

static int scan_id(const char **p, struct depend *ret)
{
	uint64_t job, task = MSCG_NO_TASK;
	bool listed = **p == '#';
	int r;

	*p += listed;
	r = scan_u64(p, &job);

	if (r == 0 && **p == '_') {
		(*p)++;
		r = scan_u64(p, &task);
		if (r == 0 && task > MSCG_ARRAY_INDEX_MAX)
			r = -EINVAL;
	}
	if (r < 0 || (job == 0 && !listed) || job > INT32_MAX)
		return -EINVAL;
	ret->id = (struct mscg_id){listed ? 0 : (uint32_t)job, (uint32_t)task};
	ret->listed = listed ? (uint32_t)job + 1 : 0;
	return 0;
}

/* The first range that ends at or behind it. */
static uint32_t ready_at(const struct depend *d, uint32_t index)
{
	uint32_t low = 0, high = d->ready_n;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (d->ready[middle].last < index)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void insert_ready(struct depend *d, uint32_t at, struct mscg_range range)
{
	GROW(d->ready, d->ready_n, d->ready_cap);
	memmove(&d->ready[at + 1], &d->ready[at], (d->ready_n - at) * sizeof *d->ready);
	d->ready[at] = range;
	d->ready_n++;
}

static void remove_ready(struct depend *d, uint32_t at)
{
	d->ready_n--;
	memmove(&d->ready[at], &d->ready[at + 1], (d->ready_n - at) * sizeof *d->ready);
}

void mscg_depend_add_ready(struct depend *d, uint32_t index)
{
	uint32_t at = ready_at(d, index);
	struct mscg_range *r = d->ready ? &d->ready[at] : NULL;
	bool before = at > 0 && r[-1].last + 1 == index, behind = at < d->ready_n && r->first == index + 1;

	if (at < d->ready_n && r->first <= index)
		return;
	d->ready_count++;
	if (before && behind) {
		r[-1].last = r->last;
		remove_ready(d, at);
	} else if (before) {
		r[-1].last = index;
	} else if (behind) {
		r->first = index;
	} else {
		insert_ready(d, at, (struct mscg_range){index, index, 1});
	}
}

void mscg_depend_take_ready(struct depend *d, uint32_t index)
{
	uint32_t at = ready_at(d, index);
	struct mscg_range *r;

	if (at == d->ready_n || d->ready[at].first > index)
		return;
	r = &d->ready[at];
	d->ready_count--;
	if (r->first == r->last) {
		remove_ready(d, at);
	} else if (index == r->first) {
		r->first++;
	} else if (index == r->last) {
		r->last--;
	} else {
		uint32_t last = r->last;

		r->last = index - 1;
		insert_ready(d, at + 1, (struct mscg_range){index + 1, last, 1});
	}
}

/* "(ready 0-3,7)" */
static int scan_ready(const char **p, struct depend *ret)
{
	static const char word[] = "(ready ";
	const char *end = strchr(*p, ')');
	_cleanup_free_ char *text = NULL;
	struct mscg_range *range;
	uint32_t n;
	int r;

	if (strncmp(*p, word, strlen(word)) != 0)
		return 0;
	if (!end || ret->kind != DEPEND_AFTERCORR || ret->id.task != MSCG_NO_TASK)
		return -EINVAL;
	text = xstrndup(*p + strlen(word), (size_t)(end - *p) - strlen(word));
	r = mscg_ranges_parse(text, &range, &n, NULL);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < n; i++) {
		if (range[i].step == 1)
			insert_ready(ret, ret->ready_n, range[i]);
		for (uint32_t index = range[i].first; range[i].step != 1 && index <= range[i].last; index += range[i].step)
			insert_ready(ret, ret->ready_n, (struct mscg_range){index, index, 1});
	}
	free(range);
	*p = end + 1;
	ret->ready_count = mscg_ranges_count(ret->ready, ret->ready_n);
	return ret->ready_n ? 0 : -EINVAL;
}

/* "12", "#0", "12_3+5", "12(failed)", "12+5@1700000000000000", "12(ready 0-3,7)" */
static int scan_one(const char **p, struct depend *ret)
{
	uint64_t v;
	int r = scan_id(p, ret);

	if (r == 0 && **p == '+') {
		(*p)++;
		r = ret->kind == DEPEND_AFTER ? scan_u64(p, &v) : -EINVAL;
		if (r == 0 && v > 366 * 24 * 60)
			r = -EINVAL;
		if (r == 0)
			ret->delay_min = (uint32_t)v;
	}
	if (r == 0 && strncmp(*p, "(failed)", 8) == 0) {
		*p += 8;
		ret->failed = true;
	}
	if (r == 0 && **p == '@') {
		(*p)++;
		r = scan_u64(p, &v);
		if (r == 0)
			ret->due_usec = (int64_t)MIN_OF(v, (uint64_t)INT64_MAX);
	}
	return r == 0 ? scan_ready(p, ret) : r;
}

static int scan_term(const char **p, struct depends *d, uint32_t *cap)
{
	struct depend one = {0};
	int r = scan_kind(p, &one.kind);
	bool jobs = **p == ':';

	if (r < 0 || (!jobs && one.kind != DEPEND_SINGLETON))
		return -EINVAL;
	do {
		one = (struct depend){.kind = one.kind};
		if (jobs) {
			(*p)++;
			r = scan_one(p, &one);
		}
		if (r < 0)
			return r;
		GROW(d->on, d->n, *cap);
		d->on[d->n++] = one;
		if (d->n > DEPEND_MAX)
			return -E2BIG;
	} while (**p == ':');
	return 0;
}

int mscg_depends_parse(const char *text, struct depends *ret, struct mscg_error *error)
{
	struct depends d = {0};
	const char *p = text;
	uint32_t cap = 0;
	char between = 0;
	int r;

	while ((r = scan_term(&p, &d, &cap)) == 0 && *p) {
		if ((*p != ',' && *p != '?') || (between && *p != between)) {
			r = -EINVAL;
			break;
		}
		between = *p++;
	}
	if (r < 0) {
		mscg_depends_clear(&d);
		return r == -E2BIG ? mscg_error_set(error, r, "a dependency on more than %d jobs: expected fewer, or an array", DEPEND_MAX) :
		                     wrong(text, error);
	}
	d.any = between == '?';
	*ret = d;
	return 0;
}

static void add_listed(struct buf *b, const struct depend *one)
{
	buf_addf(b, ":#%" PRIu32, one->listed - 1);
	if (one->id.task != MSCG_NO_TASK)
		buf_addf(b, "_%" PRIu32, one->id.task);
}

char *mscg_depends_format(const struct depends *d)
{
	struct buf b = {0};
	char id[MSCG_ID_TEXT];

	for (uint32_t i = 0; i < d->n; i++) {
		const struct depend *one = &d->on[i];

		buf_addf(&b, "%s%s", i ? d->any ? "?" : "," : "", labels[one->kind]);
		if (one->listed)
			add_listed(&b, one);
		else if (one->id.job)
			buf_addf(&b, ":%s", mscg_id_format(one->id, id));
		if (one->delay_min)
			buf_addf(&b, "+%" PRIu32, one->delay_min);
		if (one->failed)
			buf_adds(&b, "(failed)");
		if (one->due_usec)
			buf_addf(&b, "@%" PRId64, one->due_usec);
		if (one->ready_n) {
			_cleanup_free_ char *ready = mscg_ranges_format(one->ready, one->ready_n);

			buf_addf(&b, "(ready %s)", ready);
		}
	}
	return b.data ? buf_steal(&b) : NULL;
}

void mscg_depends_clear(struct depends *d)
{
	for (uint32_t i = 0; i < d->n; i++)
		free(d->on[i].ready);
	free(d->on);
	*d = (struct depends){0};
}

void mscg_depends_drop(struct depends *d, uint32_t i)
{
	free(d->on[i].ready);
	memmove(&d->on[i], &d->on[i + 1], (d->n - i - 1) * sizeof *d->on);
	d->n--;
}

void mscg_depends_name(char **text, uint32_t first)
{
	struct depends d;

	if (!*text || !strchr(*text, '#') || mscg_depends_parse(*text, &d, NULL) < 0)
		return;
	for (uint32_t i = 0; i < d.n; i++)
		if (d.on[i].listed) {
			d.on[i].id.job = first + d.on[i].listed - 1;
			d.on[i].listed = 0;
		}
	free(*text);
	*text = mscg_depends_format(&d);
	mscg_depends_clear(&d);
}

bool mscg_depend_ended(struct depend *d, enum mscg_state state, int64_t start_usec, int64_t now_usec)
{
	switch (d->kind) {
	case DEPEND_AFTER:
		if (start_usec && d->delay_min && !d->due_usec)
			d->due_usec = start_usec + d->delay_min * 60 * USEC_PER_SEC;
		return d->due_usec <= now_usec;
	case DEPEND_AFTEROK:
	case DEPEND_AFTERCORR:
		d->failed = state != MSCG_STATE_COMPLETED;
		return !d->failed;
	case DEPEND_AFTERNOTOK:
		d->failed = state == MSCG_STATE_COMPLETED;
		return !d->failed;
	case DEPEND_AFTERANY:
	case DEPEND_SINGLETON:
	case DEPEND_KIND_COUNT:
		break;
	}
	return true;
}
