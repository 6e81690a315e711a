/* section.h: what the sections of the configuration share that come by name, [qos NAME] and [partition NAME]: a table says
 * which settings they have and where each goes, the rest is here. An entry is a structure of their own whose first member is
 * `char *name`; entries lie in an array.
 */
#ifndef CONFIG_SECTION_H
#define CONFIG_SECTION_H

#include <mscg/error.h>

#include "src/base/base.h"

enum { SECTION_NAME_MAX = 31 };

enum section_type {
	SECTION_PRIORITY, /* int64_t */
	SECTION_WORD,     /* int: the place in `words` */
	SECTION_GRACE,    /* int64_t, seconds */
	SECTION_COUNT,    /* uint64_t, and so the next two */
	SECTION_SIZE,     /* bytes */
	SECTION_TIME,     /* seconds */
	SECTION_NAMES,    /* char *, owned; NULL: none */
	SECTION_RATES,    /* the same, and it is understood by cost_rates_parse */
};

struct section_words {
	const char *const *words; /* NULL ends them */
	const char *expected;     /* "up and down", for the error */
	bool any_case;
};
struct section_setting {
	const char *name;
	enum section_type type;
	size_t offset;
	const struct section_words *words; /* of SECTION_WORD */
};
struct section_kind {
	const char *name;  /* "qos" */
	const char *about; /* "a QOS" */
	size_t   size;     /* of an entry */
	uint32_t most;
	const struct section_setting *settings;
	size_t   settings_n;
};

const void *section_find(const struct section_kind *kind, const void *entries, uint32_t n, const char *name); /* NULL: there is none */
const void *section_of_key(const struct section_kind *kind, const void *entries, uint32_t n, uint32_t key); /* by name_key */
/* Place of the one called `name`; n: there is none, and may be. -EINVAL with text: it cannot be called so, or there are too many. */
int   section_admit(const struct section_kind *kind, const void *entries, uint32_t n, const char *name, struct mscg_error *error);
/* One line of a section. -EINVAL with text that begins with the name of the setting. */
int   section_set(const struct section_kind *kind, void *entry, const char *name, const char *value, struct mscg_error *error);
void  section_sort(const struct section_kind *kind, void *entries, uint32_t n); /* by name */
void  section_clear(const struct section_kind *kind, void *entries, uint32_t n); /* frees what they own, not the array */
char *section_names(const struct section_kind *kind, const void *entries, uint32_t n); /* "high, low"; malloc'ed */

#endif
