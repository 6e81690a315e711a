/* Ranges of array indices as text, exactly as they are. (mscg_array_parse is for what people type: it sorts and merges.) */
#include "src/store/internal.h"

void ranges_format(const struct mscg_range *r, uint32_t n, struct buf *into)
{
	for (uint32_t i = 0; i < n; i++)
		buf_addf(into, "%s%u-%u:%u", i ? "," : "", r[i].first, r[i].last, r[i].step);
}

static bool number(const char **p, const char *end, uint32_t *ret)
{
	uint64_t value = 0;
	const char *start = *p;
	for (; *p < end && **p >= '0' && **p <= '9' && value <= UINT32_MAX; ++*p)
		value = value * 10 + (uint64_t)(**p - '0');
	*ret = (uint32_t)value;
	return *p > start && value <= UINT32_MAX;
}

static bool after(const char **p, const char *end, char c)
{
	if (*p == end || **p != c)
		return false;
	++*p;
	return true;
}

int ranges_parse(const char *text, size_t size, struct mscg_range **ret, uint32_t *ret_n, uint64_t *ret_count)
{
	_cleanup_free_ struct mscg_range *list = NULL;
	uint32_t n = 0, cap = 0;
	uint64_t count = 0;
	const char *p = text, *end = text + size;

	while (p < end) {
		struct mscg_range r = {.step = 1};
		if (n > 0 && !after(&p, end, ','))
			return -EINVAL;
		if (!number(&p, end, &r.first))
			return -EINVAL;
		r.last = r.first;
		if (after(&p, end, '-') && !number(&p, end, &r.last))
			return -EINVAL;
		if (after(&p, end, ':') && !number(&p, end, &r.step))
			return -EINVAL;
		if (r.last < r.first || r.step == 0)
			return -EINVAL;
		count += (uint64_t)(r.last - r.first) / r.step + 1;
		if (ret) {
			GROW(list, n, cap);
			list[n] = r;
		}
		n++;
	}
	if (ret) {
		*ret = steal(&list);
		*ret_n = n;
	}
	if (ret_count)
		*ret_count = count;
	return 0;
}
