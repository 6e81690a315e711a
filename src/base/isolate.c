/* The names of what stands between a job and the rest of the machine, and of what its system call filter lets pass. */
#include "src/base/base.h"
#include "src/base/buf.h"

#include <mscg/job.h>

#define X(name, label) label,
static const char *const parts[MSCG_PART_COUNT] = {MSCG_PARTS(X)};
static const char *const allows[MSCG_ALLOW_COUNT] = {MSCG_ALLOWS(X)};
#undef X

static char *join(const char *const *names, int n, uint32_t bits, const char *between)
{
	struct buf text = {0};

	for (int bit = 0; bit < n; bit++)
		if (bits & 1u << bit)
			buf_addf(&text, "%s%s", text.size ? between : "", names[bit]);
	return buf_steal(&text);
}

/* One name of `length` bytes: its bit, or -1. */
static int find(const char *const *names, int n, const char *name, size_t length)
{
	for (int bit = 0; bit < n; bit++)
		if (strlen(names[bit]) == length && strncmp(names[bit], name, length) == 0)
			return bit;
	return -1;
}

static int parse(const char *const *names, int n, const char *what, const char *text, uint32_t *ret, struct mscg_error *error)
{
	uint32_t bits = 0;

	for (const char *at = text; *text; at++) {
		size_t length = strcspn(at, ",");
		int bit = find(names, n, at, length);

		if (bit < 0) {
			_cleanup_free_ char *all = join(names, n, UINT32_MAX, ", ");

			return mscg_error_set(error, -EINVAL, "'%.*s' %s %s", (int)MIN_OF(length, 60), at, what, all);
		}
		bits |= 1u << bit;
		at += length;
		if (!*at)
			break;
	}
	*ret = bits;
	return 0;
}

int mscg_isolate_parse(const char *text, uint32_t *ret, struct mscg_error *error)
{
	static const struct {
		const char *name;
		uint32_t    parts;
	} whole[] = {{"default", MSCG_ISOLATE_DEFAULT}, {"strict", MSCG_ISOLATE_STRICT}, {"none", MSCG_ISOLATE_NONE}};

	for (size_t i = 0; i < ARRAY_SIZE(whole); i++)
		if (streq(text, whole[i].name)) {
			*ret = whole[i].parts;
			return 0;
		}
	if (!*text)
		return mscg_error_set(error, -EINVAL, "an empty isolation: expected default, strict, none, or parts of it");
	int r = parse(parts, MSCG_PART_COUNT, "is no part of a sandbox: expected default, strict, none, or some of", text, ret, error);

	if (r == 0 && *ret & MSCG_PART_READONLY)
		*ret |= MSCG_PART_MOUNT;
	if (r == 0 && *ret & MSCG_PART_MOUNT)
		*ret |= MSCG_PART_CGROUP;
	return r;
}

const char *mscg_allow_name(enum mscg_allow_bit bit)
{
	return (unsigned)bit < MSCG_ALLOW_COUNT ? allows[bit] : "?";
}

int mscg_allow_parse(const char *text, uint32_t *ret, struct mscg_error *error)
{
	return parse(allows, MSCG_ALLOW_COUNT, "cannot be allowed: expected some of", text, ret, error);
}

char *mscg_allow_format(uint32_t allow)
{
	return join(allows, MSCG_ALLOW_COUNT, allow, ",");
}
