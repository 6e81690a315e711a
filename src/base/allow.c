/* What a job's system call filter lets through on request, by name. */
#include "src/base/base.h"
#include "src/base/buf.h"

#include <mscg/job.h>

static const char *const names[MSCG_ALLOW_COUNT] = {
#define X(name, label) [MSCG_ALLOW_BIT_##name] = label,
	MSCG_ALLOWS(X)
#undef X
};

#define X(name, label) label ", "
static const char all_names[] = MSCG_ALLOWS(X);
#undef X

const char *mscg_allow_name(enum mscg_allow_bit bit)
{
	return (unsigned)bit < MSCG_ALLOW_COUNT ? names[bit] : "?";
}

int mscg_allow_parse(const char *text, uint32_t *ret, struct mscg_error *error)
{
	uint32_t allow = 0;

	for (const char *at = text; *at;) {
		size_t n = strcspn(at, ",");
		int bit = 0;

		while (bit < MSCG_ALLOW_COUNT && (strlen(names[bit]) != n || strncmp(names[bit], at, n) != 0))
			bit++;
		if (bit == MSCG_ALLOW_COUNT)
			return mscg_error_set(error, -EINVAL, "'%.*s' cannot be allowed: expected some of %.*s", (int)MIN_OF(n, 60), at,
			                      (int)sizeof all_names - 3, all_names);
		allow |= 1u << bit;
		at += n;
		if (*at == ',' && !*++at)
			return mscg_error_set(error, -EINVAL, "'%.60s' ends with a comma: expected some of %.*s", text,
			                      (int)sizeof all_names - 3, all_names);
	}
	*ret = allow;
	return 0;
}

char *mscg_allow_format(uint32_t allow)
{
	struct buf text = {0};

	for (int bit = 0; bit < MSCG_ALLOW_COUNT; bit++)
		if (allow & 1u << bit)
			buf_addf(&text, "%s%s", text.size ? "," : "", names[bit]);
	return text.size ? buf_steal(&text) : xstrdup("");
}
