#include "section.h"

#include <strings.h>

#include "src/base/buf.h"
#include "src/base/cost.h"
#include "src/base/parse.h"

static const char *name_at(const struct section_kind *kind, const void *entries, uint32_t i)
{
	return *(char *const *)(const void *)((const char *)entries + i * kind->size);
}

static bool is_name(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	return n && !name[n] && n <= SECTION_NAME_MAX;
}

const void *section_find(const struct section_kind *kind, const void *entries, uint32_t n, const char *name)
{
	for (uint32_t i = 0; i < n; i++)
		if (streq(name_at(kind, entries, i), name))
			return (const char *)entries + i * kind->size;
	return NULL;
}

const void *section_of_key(const struct section_kind *kind, const void *entries, uint32_t n, uint32_t key)
{
	for (uint32_t i = 0; i < n; i++)
		if (name_key(name_at(kind, entries, i)) == key)
			return (const char *)entries + i * kind->size;
	return NULL;
}

int section_admit(const struct section_kind *kind, const void *entries, uint32_t n, const char *name, struct mscg_error *error)
{
	const char *same = section_of_key(kind, entries, n, name_key(name));
	uint32_t i = same ? (uint32_t)((size_t)(same - (const char *)entries) / kind->size) : n;

	if (!is_name(name))
		return mscg_error_set(error, -EINVAL, "[%s %.40s]: expected a name of letters, digits, '_', '.' and '-', at most %d of them",
		                      kind->name, name, SECTION_NAME_MAX);
	if (same && !streq(name_at(kind, entries, i), name)) /* one in four thousand million */
		return mscg_error_set(error, -EINVAL, "[%s %s]: cannot be told from [%s %s]: expected another name", kind->name, name, kind->name,
		                      name_at(kind, entries, i));
	if (i == kind->most)
		return mscg_error_set(error, -EINVAL, "[%s %s]: expected %u at most", kind->name, name, kind->most);
	return (int)i;
}

static int set_word(const struct section_words *w, const char *value, int *ret, struct mscg_error *error)
{
	for (int i = 0; w->words[i]; i++)
		if ((w->any_case ? strcasecmp : strcmp)(w->words[i], value) == 0) {
			*ret = i;
			return 0;
		}
	return mscg_error_set(error, -EINVAL, "invalid value '%.40s': expected one of %s", value, w->expected);
}

static int set_grace(const char *value, int64_t *ret, struct mscg_error *error)
{
	uint64_t seconds;
	int r = parse_time_limit(value, &seconds, error);

	if (r == 0)
		*ret = (int64_t)MIN_OF(seconds, (uint64_t)UINT32_MAX);
	return r;
}

static int set_names(char **field, const char *value)
{
	free(*field);
	*field = *value ? xstrdup(value) : NULL;
	return 0;
}

static int set_value(const struct section_setting *s, void *field, const char *value, struct mscg_error *error)
{
	struct cost_rates rates;
	int r;

	switch (s->type) {
	case SECTION_PRIORITY: return parse_i64(value, -1000000000, 1000000000, field, error);
	case SECTION_WORD: return set_word(s->words, value, field, error);
	case SECTION_GRACE: return set_grace(value, field, error);
	case SECTION_COUNT: return parse_u64(value, 1, 1000000, field, error);
	case SECTION_SIZE: return parse_size(value, field, error);
	case SECTION_TIME: return parse_time_limit(value, field, error);
	case SECTION_NAMES: return set_names(field, value);
	case SECTION_RATES:
		r = cost_rates_parse(value, &rates, error);
		return r < 0 ? r : set_names(field, value);
	}
	return -EINVAL;
}

int section_set(const struct section_kind *kind, void *entry, const char *name, const char *value, struct mscg_error *error)
{
	for (size_t i = 0; i < kind->settings_n; i++)
		if (streq(kind->settings[i].name, name)) {
			int r = set_value(&kind->settings[i], (char *)entry + kind->settings[i].offset, value, error);

			return r < 0 ? mscg_error_prefix(error, r, "%s: ", name) : 0;
		}
	return mscg_error_set(error, -EINVAL, "unknown setting '%.60s' of %s (see mscg.conf(5))", name, kind->about);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void section_sort(const struct section_kind *kind, void *entries, uint32_t n)
{
	if (n)
		qsort(entries, n, kind->size, by_name);
}

void section_clear(const struct section_kind *kind, void *entries, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		char *entry = (char *)entries + i * kind->size;

		free(*(char **)(void *)entry);
		for (size_t k = 0; k < kind->settings_n; k++)
			if (kind->settings[k].type == SECTION_NAMES || kind->settings[k].type == SECTION_RATES)
				free(*(char **)(void *)(entry + kind->settings[k].offset));
	}
}

char *section_names(const struct section_kind *kind, const void *entries, uint32_t n)
{
	struct buf all = { 0 };

	for (uint32_t i = 0; i < n; i++)
		buf_addf(&all, "%s%s", i ? ", " : "", name_at(kind, entries, i));
	return buf_steal(&all);
}
