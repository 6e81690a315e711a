#include "src/store/pack.h"
#include "src/store/column.h"

/* ---- writing ---- */

static void add_text(struct buf *into, const char *text, size_t size)
{
	size_t done = 0;
	buf_addc(into, '"');
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		buf_add(into, text + done, i - done);
		buf_addf(into, "\\u%04x", c);
		done = i + 1;
	}
	buf_add(into, text + done, size - done);
	buf_addc(into, '"');
}

void pack_open(struct buf *into)
{
	buf_addc(into, '{');
}

void pack_close(struct buf *into)
{
	buf_addc(into, '}');
}

void pack_name(struct buf *into, const char *name, size_t size)
{
	char text[40];
	char *p = text;
	if (into->data[into->size - 1] != '{')
		*p++ = ',';
	*p++ = '"';
	size = MIN_OF(size, sizeof(text) - 4);
	memcpy(p, name, size);
	p += size;
	*p++ = '"';
	*p++ = ':';
	buf_add(into, text, (size_t)(p - text));
}

void pack_int(struct buf *into, const char *name, int64_t value)
{
	pack_name(into, name, strlen(name));
	buf_addi(into, value);
}

void pack_text(struct buf *into, const char *name, const char *text, size_t size)
{
	pack_name(into, name, strlen(name));
	add_text(into, text, size);
}

void pack_columns(struct buf *into, const struct columns *columns, const void *base)
{
	for (unsigned i = 0; i < columns->n; i++) {
		const struct column *c = &columns->column[i];
		if (column_is_text(c)) {
			size_t size;
			const char *text = column_get_text(c, base, &size);
			if (!text)
				continue;
			pack_name(into, c->name, c->name_size);
			add_text(into, text, size);
		} else {
			int64_t value = column_get_int(c, base);
			if (value == 0)
				continue;
			pack_name(into, c->name, c->name_size);
			buf_addi(into, value);
		}
	}
}

void pack_list(struct buf *into, const char *name, const struct columns *columns, const void *base)
{
	pack_name(into, name, strlen(name));
	for (unsigned i = 0; i < columns->n; i++) {
		int64_t value = column_get_int(&columns->column[i], base);
		buf_addc(into, i ? ',' : '[');
		if ((uint64_t)value == MSCG_UNKNOWN)
			buf_adds(into, "null");
		else
			buf_addi(into, value);
	}
	buf_addc(into, ']');
}

/* ---- reading ---- */

bool unpack_open(struct unpack *u, struct in *in)
{
	size_t size;
	const char *text = in_text(in, &size);

	*u = (struct unpack){.p = text ? text : ""};
	u->end = u->p + size;
	return text != NULL;
}

void unpack_char(struct unpack *u, char c)
{
	if (u->bad || u->p == u->end || *u->p != c)
		u->bad = true;
	else
		u->p++;
}

bool unpack_name(struct unpack *u, const char *name, size_t size)
{
	if (u->bad || (size_t)(u->end - u->p) < size + 4 || (*u->p != '{' && *u->p != ',') || u->p[1] != '"' ||
	    memcmp(u->p + 2, name, size) != 0 || u->p[2 + size] != '"' || u->p[3 + size] != ':')
		return false;
	u->p += size + 4;
	return true;
}

int64_t unpack_int(struct unpack *u)
{
	bool negative = u->p < u->end && *u->p == '-';
	uint64_t value = 0;
	u->p += negative;
	const char *start = u->p;
	for (; u->p < u->end && *u->p >= '0' && *u->p <= '9'; u->p++)
		value = value * 10 + (uint64_t)(*u->p - '0');
	if (u->p == start || u->p - start > 20)
		u->bad = true;
	return (int64_t)(negative ? -value : value);
}

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

char *unpack_text(struct unpack *u, size_t *ret_size)
{
	unpack_char(u, '"');
	char *text = xmalloc((size_t)(u->end - u->p) + 1), *to = text;
	while (!u->bad && u->p < u->end && *u->p != '"') {
		if (*u->p != '\\') {
			*to++ = *u->p++;
			continue;
		}
		int high = u->end - u->p > 6 ? hex(u->p[4]) : -1, low = high < 0 ? -1 : hex(u->p[5]);
		if (low < 0 || memcmp(u->p, "\\u00", 4) != 0)
			u->bad = true;
		*to++ = (char)(high * 16 + low);
		u->p += u->bad ? 0 : 6;
	}
	unpack_char(u, '"');
	*to = '\0';
	*ret_size = (size_t)(to - text);
	return text;
}

bool unpack_columns(struct unpack *u, const struct columns *columns, void *base)
{
	for (unsigned i = 0; i < columns->n; i++) {
		const struct column *c = &columns->column[i];
		if (!unpack_name(u, c->name, c->name_size))
			continue;
		if (column_is_text(c)) {
			size_t size;
			_cleanup_free_ char *text = unpack_text(u, &size);
			column_set_text(c, base, text, size);
		} else {
			column_set_int(c, base, unpack_int(u));
		}
	}
	return !u->bad;
}

void unpack_list(struct unpack *u, const struct columns *columns, void *base)
{
	for (unsigned i = 0; i < columns->n; i++) {
		if (i && !u->bad && u->p < u->end && *u->p == ']') /* of a version that knew fewer: the rest stays as it is */
			break;
		unpack_char(u, i ? ',' : '[');
		bool null = !u->bad && u->end - u->p >= 4 && memcmp(u->p, "null", 4) == 0;
		column_set_int(&columns->column[i], base, null ? (int64_t)MSCG_UNKNOWN : unpack_int(u));
		u->p += null ? 4 : 0;
	}
	unpack_char(u, ']');
}

void unpack_close(struct unpack *u)
{
	if (!u->bad && u->p < u->end && *u->p == '{') /* no member took it */
		u->p++;
	unpack_char(u, '}');
}

bool unpack_done(const struct unpack *u)
{
	return !u->bad && u->p == u->end;
}

/* ---- runs ---- */

#define NAME(u, name) unpack_name(u, name, sizeof(name) - 1)

static void pack_cpuset(struct buf *into, const char *name, const struct mscg_cpuset *set)
{
	char text[512];
	size_t size = mscg_cpuset_format(set, text, sizeof(text));
	if (size < sizeof(text)) {
		pack_text(into, name, text, size);
	} else {
		_cleanup_free_ char *all = xmalloc(size + 1);
		mscg_cpuset_format(set, all, size + 1);
		pack_text(into, name, all, size);
	}
}

static void pack_grant(struct buf *into, const struct mscg_grant *grant)
{
	pack_name(into, "grant", 5);
	pack_open(into);
	pack_int(into, "cpu_mode", grant->cpu_mode);
	pack_name(into, "share", 5);
	buf_addc(into, '[');
	for (uint32_t i = 0; i < grant->n; i++) {
		if (i)
			buf_addc(into, ',');
		pack_open(into);
		if (!mscg_cpuset_empty(&grant->share[i].cpus))
			pack_cpuset(into, "cpus", &grant->share[i].cpus);
		if (!mscg_cpuset_empty(&grant->share[i].mems))
			pack_cpuset(into, "mems", &grant->share[i].mems);
		pack_columns(into, &share_details, &grant->share[i]);
		pack_close(into);
	}
	buf_addc(into, ']');
	pack_close(into);
}

void pack_run(struct buf *into, const struct mscg_run *run)
{
	struct mscg_usage unknown;

	pack_open(into);
	pack_columns(into, &run_details, run);
	mscg_usage_init(&unknown);
	if (memcmp(&run->usage, &unknown, sizeof(unknown)) != 0)
		pack_list(into, "usage", &usages, &run->usage);
	if (run->grant)
		pack_grant(into, run->grant);
	pack_close(into);
}

static void unpack_cpuset(struct unpack *u, const char *name, struct mscg_cpuset *set)
{
	size_t size;
	if (!unpack_name(u, name, strlen(name)))
		return; /* empty */
	_cleanup_free_ char *text = unpack_text(u, &size);
	if (mscg_cpuset_parse(text, set, NULL) < 0)
		u->bad = true;
}

static struct mscg_grant *unpack_grant(struct unpack *u)
{
	uint32_t n = 0, cap = 0;
	_cleanup_free_ struct mscg_share *share = NULL;
	int64_t mode = NAME(u, "cpu_mode") ? unpack_int(u) : (u->bad = true);

	u->bad |= !NAME(u, "share");
	unpack_char(u, '[');
	while (!u->bad && u->p < u->end && *u->p != ']') {
		if (n)
			unpack_char(u, ',');
		GROW(share, n, cap);
		share[n] = (struct mscg_share){0};
		unpack_cpuset(u, "cpus", &share[n].cpus);
		unpack_cpuset(u, "mems", &share[n].mems);
		unpack_columns(u, &share_details, &share[n]);
		unpack_close(u);
		n++;
	}
	unpack_char(u, ']');
	unpack_close(u);

	struct mscg_grant *grant = mscg_grant_new(n);
	grant->cpu_mode = (enum mscg_cpu_mode)mode;
	for (uint32_t i = 0; i < n; i++)
		grant->share[i] = share[i];
	return grant;
}

bool unpack_run(const char *text, size_t size, struct mscg_run *run)
{
	struct unpack u = {.p = text, .end = text + size};

	unpack_columns(&u, &run_details, run);
	mscg_usage_init(&run->usage);
	if (NAME(&u, "usage"))
		unpack_list(&u, &usages, &run->usage);
	if (NAME(&u, "grant"))
		run->grant = unpack_grant(&u);
	unpack_close(&u);
	return unpack_done(&u);
}
