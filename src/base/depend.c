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

#define EXPECTED "expected for example afterok:12:13, afterany:12_3, after:12+5 (minutes) or singleton, with ',' for all or '?' for any between"

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

/* "12", "#0", "12_3+5", "12(failed)", "12+5@1700000000000000" */
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
	return r;
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
	}
	return b.data ? buf_steal(&b) : NULL;
}

void mscg_depends_clear(struct depends *d)
{
	free(d->on);
	*d = (struct depends){0};
}

void mscg_depends_drop(struct depends *d, uint32_t i)
{
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
