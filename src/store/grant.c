/* A grant as JSON in a column, so that sqlite3's json_extract() reads it too. Written by hand, since grants are written
 * often and read at restarts only. */
#include "src/base/utf8.h"
#include "src/store/internal.h"
#include <inttypes.h>
#include <jansson.h>

static int add_string(struct buf *into, const char *s)
{
	size_t size = strlen(s);
	if (!utf8_valid(s, size))
		return -EILSEQ;
	buf_addc(into, '"');
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)s[i];
		if (c < 0x20 || c == '"' || c == '\\')
			buf_addf(into, "\\u%04x", c);
		else
			buf_addc(into, s[i]);
	}
	buf_addc(into, '"');
	return 0;
}

static void add_cpuset(struct buf *into, const char *name, const struct mscg_cpuset *set)
{
	char text[512];
	size_t size = mscg_cpuset_format(set, text, sizeof(text));
	buf_addf(into, ",\"%s\":\"", name);
	if (size < sizeof(text)) {
		buf_add(into, text, size);
	} else {
		_cleanup_free_ char *all = xmalloc(size + 1);
		mscg_cpuset_format(set, all, size + 1);
		buf_add(into, all, size);
	}
	buf_addc(into, '"');
}

int grant_format(const struct mscg_grant *grant, struct buf *into, struct mscg_error *error)
{
	int r = 0;

	buf_drop(into, into->size);
	buf_addf(into, "{\"mode\":\"%s\",\"share\":[", grant->cpu_mode == MSCG_CPUS_QUOTA ? "quota" : "exclusive");
	for (uint32_t i = 0; i < grant->n && r == 0; i++) {
		const struct mscg_share *s = &grant->share[i];
		buf_adds(into, i ? ",{\"node\":" : "{\"node\":");
		if (s->node)
			r = add_string(into, s->node);
		else
			buf_adds(into, "null");
		add_cpuset(into, "cpus", &s->cpus);
		add_cpuset(into, "mems", &s->mems);
		/* as a signed number of the same bits, as the columns have it */
		buf_addf(into, ",\"cpu_milli\":%" PRIu32 ",\"mem\":%" PRId64, s->cpu_milli, (int64_t)s->mem_bytes);
		if (s->gres) {
			buf_adds(into, ",\"gres\":");
			r = r ? r : add_string(into, s->gres);
		}
		buf_addc(into, '}');
	}
	buf_adds(into, "]}");
	return r == 0 ? 0 : mscg_error_set(error, r, "a grant's node or gres is not UTF-8 text");
}

static void decref(json_t **json)
{
	json_decref(*json);
}

static void free_grant(struct mscg_grant **grant)
{
	mscg_grant_free(*grant);
}

static bool read_share(json_t *json, struct mscg_share *share)
{
	const char *node = NULL, *cpus = NULL, *mems = NULL, *gres = NULL;
	json_int_t cpu_milli = 0, mem = 0;

	if (json_unpack(json, "{s:s?, s:s, s:s, s:I, s:I, s?:s}", "node", &node, "cpus", &cpus, "mems", &mems, "cpu_milli",
	                &cpu_milli, "mem", &mem, "gres", &gres) < 0)
		return false;
	share->node = xstrdup(node);
	share->gres = xstrdup(gres);
	share->cpu_milli = (uint32_t)cpu_milli;
	share->mem_bytes = (uint64_t)mem;
	return mscg_cpuset_parse(cpus, &share->cpus, NULL) == 0 && mscg_cpuset_parse(mems, &share->mems, NULL) == 0;
}

int grant_parse(const char *text, size_t size, struct mscg_grant **ret, struct mscg_error *error)
{
	_cleanup_(decref) json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	_cleanup_(free_grant) struct mscg_grant *grant = NULL;
	const char *mode;
	json_t *shares;

	if (!json || json_unpack(json, "{s:s, s:o}", "mode", &mode, "share", &shares) < 0 || !json_is_array(shares))
		return mscg_error_set(error, -EBADMSG, "the grant is not JSON of the right form");
	grant = mscg_grant_new((uint32_t)json_array_size(shares));
	grant->cpu_mode = streq(mode, "quota") ? MSCG_CPUS_QUOTA : MSCG_CPUS_EXCLUSIVE;
	for (uint32_t i = 0; i < grant->n; i++)
		if (!read_share(json_array_get(shares, i), &grant->share[i]))
			return mscg_error_set(error, -EBADMSG, "share %u of the grant is not of the right form", i);
	*ret = steal(&grant);
	return 0;
}
