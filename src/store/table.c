#include "src/store/table.h"

#define SIZE(type, size) SIZE_##type = (size),
enum { COLUMN_TYPES(SIZE) };
#undef SIZE
/* A member whose size is not its column's does not compile. */
#define FITS(T, type, member) \
	(0 * sizeof(char[SIZE_##type == 0 || sizeof(((T *)0)->member) == SIZE_##type ? 1 : -1]))
#define ROW(T, type, member, name) \
	{#name, (uint16_t)(offsetof(T, member) + FITS(T, type, member)), sizeof(((T *)0)->member), COLUMN_##type},

#define X(type, role, member, name) ROW(struct mscg_row, type, member, name)
static const struct column job_columns[] = {JOB_COLUMNS(X)};
#undef X
#define X(type, role, member, name) ROW(struct mscg_run, type, member, name)
static const struct column run_columns[] = {RUN_COLUMNS(X)};
#undef X
#define X(type, role, member, name) ROW(struct mscg_spec, type, member, name)
static const struct column spec_columns[] = {SPEC_COLUMNS(X)};
#undef X
#define X(type, role, member, name) ROW(struct mscg_event, type, member, name)
static const struct column event_columns[] = {EVENT_COLUMNS(X)};
#undef X

const struct columns table_job   = {job_columns, ARRAY_SIZE(job_columns), 0x100};
const struct columns table_run   = {run_columns, ARRAY_SIZE(run_columns), 0x200};
const struct columns table_spec  = {spec_columns, ARRAY_SIZE(spec_columns), 0x300};
const struct columns table_event = {event_columns, ARRAY_SIZE(event_columns), 0x400};

struct field {
	const char *name, *declaration;
	uint8_t     role;
};

#define DECLARE(type) (COLUMN_##type == COLUMN_TEXT || COLUMN_##type == COLUMN_CHARS ? "TEXT" : "INTEGER")
#define X(type, role, member, name) {#name, DECLARE(type), ROLE_##role},
static const struct field job_fields[] = {
	{"key", "INTEGER PRIMARY KEY", ROLE_FIXED},
	{"outcome", "INTEGER", ROLE_END},
	JOB_COLUMNS(X)
	RUN_COLUMNS(X)
	{"grant", "TEXT", ROLE_PLAIN},
	{"waiting", "INTEGER", ROLE_PLAIN},
	{"sum", "INTEGER", ROLE_PLAIN},
};
static const struct field spec_fields[] = {
	{"job", "INTEGER PRIMARY KEY", ROLE_FIXED},
	SPEC_COLUMNS(X)
	{"argv", "BLOB", ROLE_FIXED},
	{"array", "TEXT", ROLE_FIXED},
	{"env", "INTEGER", ROLE_FIXED},
	{"script", "INTEGER", ROLE_FIXED},
	{"sum", "INTEGER", ROLE_FIXED},
};
static const struct field event_fields[] = {
	{"seq", "INTEGER PRIMARY KEY", ROLE_FIXED},
	{"key", "INTEGER", ROLE_FIXED},
	EVENT_COLUMNS(X)
	{"sum", "INTEGER", ROLE_FIXED},
};
#undef X
_Static_assert(ARRAY_SIZE(job_fields) == JOB_WIDTH, "the enum of job columns and the table differ");
_Static_assert(ARRAY_SIZE(spec_fields) == SPEC_WIDTH, "the enum of spec columns and the table differ");
_Static_assert(ARRAY_SIZE(event_fields) == EVENT_WIDTH, "the enum of event columns and the table differ");

static const struct {
	const char         *name;
	const struct field *field;
	unsigned            n;
} tables[] = {
	{"job", job_fields, JOB_WIDTH},
	{"spec", spec_fields, SPEC_WIDTH},
	{"event", event_fields, EVENT_WIDTH},
};

static void add_fields(struct buf *sql, unsigned table, char form)
{
	const char *between = "";
	for (unsigned i = 0; i < tables[table].n; i++) {
		const struct field *f = &tables[table].field[i];
		if ((form == '=' || form == '~') && f->role == ROLE_FIXED)
			continue;
		if (form == '~' && f->role == ROLE_END)
			continue;
		buf_adds(sql, between);
		between = ", ";
		switch (form) {
		case '?': buf_addf(sql, "?%u", i + 1); break;
		case '=':
		case '~': buf_addf(sql, "\"%s\"=?%u", f->name, i + 1); break;
		case '+': buf_addf(sql, "\"%s\" %s", f->name, f->declaration); break;
		default: buf_addf(sql, "\"%s\"", f->name); break;
		}
	}
}

char *table_sql(const char *template)
{
	_cleanup_buf_ struct buf sql = {0};
	while (*template) {
		unsigned t = 0;
		size_t length = 0;
		if (*template == '{')
			for (t = 0; t < ARRAY_SIZE(tables); t++) {
				length = strlen(tables[t].name);
				if (strncmp(template + 1, tables[t].name, length) == 0)
					break;
			}
		if (*template != '{' || t == ARRAY_SIZE(tables)) {
			buf_addc(&sql, *template++);
			continue;
		}
		template += 1 + length;
		add_fields(&sql, t, *template);
		template += *template == '}' ? 1 : 2;
	}
	return buf_steal(&sql);
}

enum outcome outcome_of(enum mscg_state state)
{
	if (!mscg_state_is_final(state))
		return OUTCOME_NONE;
	return state == MSCG_STATE_COMPLETED ? OUTCOME_COMPLETED : OUTCOME_OTHER;
}

uint64_t sum_bytes(const void *data, size_t size)
{
	const unsigned char *p = data;
	uint64_t sum = sum_mix(size, 0), word;
	for (; size >= sizeof(word); p += sizeof(word), size -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		sum = sum_mix(sum, word);
	}
	word = 0;
	if (size)
		memcpy(&word, p, size);
	return sum_mix(sum, word);
}

static void out_checked(struct out *out, int rc)
{
	if (rc != SQLITE_OK && out->rc == SQLITE_OK)
		out->rc = rc;
}

void out_null(struct out *out)
{
	out_checked(out, sqlite3_bind_null(out->stmt, ++out->at));
}

void out_int(struct out *out, unsigned salt, int64_t value)
{
	out_checked(out, sqlite3_bind_int64(out->stmt, ++out->at, value));
	out->sum += sum_mix(salt, (uint64_t)value);
}

static void out_text_size(struct out *out, unsigned salt, const char *text, size_t size)
{
	out_checked(out, sqlite3_bind_text64(out->stmt, ++out->at, text, size, SQLITE_STATIC, SQLITE_UTF8));
	out->sum += sum_mix(salt, sum_bytes(text, size));
}

void out_text(struct out *out, unsigned salt, const char *text)
{
	if (text)
		out_text_size(out, salt, text, strlen(text));
	else
		out_null(out);
}

void out_blob(struct out *out, unsigned salt, const void *data, size_t size)
{
	/* a blob of no bytes is not NULL */
	out_checked(out, sqlite3_bind_blob64(out->stmt, ++out->at, size ? data : "", size, SQLITE_STATIC));
	out->sum += sum_mix(salt, sum_bytes(data, size));
}

void out_sum(struct out *out)
{
	out_checked(out, sqlite3_bind_int64(out->stmt, ++out->at, (int64_t)out->sum));
}

#define MEMBER(type, base, column) (*(type *)(void *)((char *)(base) + (column)->offset))
#define CONST_MEMBER(type, base, column) (*(const type *)(const void *)((const char *)(base) + (column)->offset))

static void out_column(struct out *out, unsigned salt, const struct column *c, const void *base)
{
	int64_t value = 0;
	switch ((enum column_type)c->type) {
	case COLUMN_BOOL: value = CONST_MEMBER(bool, base, c); break;
	case COLUMN_U8: value = CONST_MEMBER(uint8_t, base, c); break;
	case COLUMN_U16: value = CONST_MEMBER(uint16_t, base, c); break;
	case COLUMN_U32: value = CONST_MEMBER(uint32_t, base, c); break;
	case COLUMN_I32: value = CONST_MEMBER(int32_t, base, c); break;
	case COLUMN_ENUM: value = CONST_MEMBER(unsigned, base, c); break;
	case COLUMN_I64: value = CONST_MEMBER(int64_t, base, c); break;
	case COLUMN_U64: value = (int64_t)CONST_MEMBER(uint64_t, base, c); break;
	case COLUMN_USAGE:
		value = (int64_t)CONST_MEMBER(uint64_t, base, c);
		if ((uint64_t)value == MSCG_UNKNOWN) {
			out_null(out);
			return;
		}
		break;
	case COLUMN_TEXT: out_text(out, salt, CONST_MEMBER(char *, base, c)); return;
	case COLUMN_CHARS: {
		const char *text = (const char *)base + c->offset;
		size_t size = strnlen(text, c->size);
		if (size)
			out_text_size(out, salt, text, size);
		else
			out_null(out);
		return;
	}
	}
	out_int(out, salt, value);
}

void out_columns(struct out *out, const struct columns *columns, const void *base)
{
	for (unsigned i = 0; i < columns->n; i++) {
		if (base)
			out_column(out, columns->salt + i, &columns->column[i], base);
		else
			out_null(out);
	}
}

bool in_null(struct in *in)
{
	return sqlite3_column_type(in->stmt, in->at) == SQLITE_NULL;
}

int64_t in_int(struct in *in, unsigned salt, int64_t when_null)
{
	if (in_null(in)) {
		in->at++;
		return when_null;
	}
	int64_t value = sqlite3_column_int64(in->stmt, in->at++);
	in->sum += sum_mix(salt, (uint64_t)value);
	return value;
}

const char *in_text(struct in *in, unsigned salt, size_t *ret_size)
{
	if (in_null(in)) {
		in->at++;
		*ret_size = 0;
		return NULL;
	}
	const char *text = sqlite3_column_blob(in->stmt, in->at);
	*ret_size = (size_t)sqlite3_column_bytes(in->stmt, in->at);
	in->at++;
	in->sum += sum_mix(salt, sum_bytes(text, *ret_size));
	return text ? text : ""; /* SQLite says NULL for no bytes */
}

static void in_column(struct in *in, unsigned salt, const struct column *c, void *base)
{
	if (c->type == COLUMN_TEXT || c->type == COLUMN_CHARS) {
		size_t size;
		const char *text = in_text(in, salt, &size);
		if (c->type == COLUMN_TEXT)
			MEMBER(char *, base, c) = text ? xstrndup(text, size) : NULL;
		else
			snprintf((char *)base + c->offset, c->size, "%.*s", (int)size, text ? text : "");
		return;
	}
	int64_t value = in_int(in, salt, c->type == COLUMN_USAGE ? (int64_t)MSCG_UNKNOWN : 0);
	switch ((enum column_type)c->type) {
	case COLUMN_BOOL: MEMBER(bool, base, c) = value != 0; break;
	case COLUMN_U8: MEMBER(uint8_t, base, c) = (uint8_t)value; break;
	case COLUMN_U16: MEMBER(uint16_t, base, c) = (uint16_t)value; break;
	case COLUMN_U32: MEMBER(uint32_t, base, c) = (uint32_t)value; break;
	case COLUMN_I32: MEMBER(int32_t, base, c) = (int32_t)value; break;
	case COLUMN_ENUM: MEMBER(unsigned, base, c) = (unsigned)value; break;
	case COLUMN_I64: MEMBER(int64_t, base, c) = value; break;
	case COLUMN_U64:
	case COLUMN_USAGE: MEMBER(uint64_t, base, c) = (uint64_t)value; break;
	case COLUMN_TEXT:
	case COLUMN_CHARS: break;
	}
}

void in_columns(struct in *in, const struct columns *columns, void *into)
{
	for (unsigned i = 0; i < columns->n; i++)
		in_column(in, columns->salt + i, &columns->column[i], into);
}

void in_columns_skip(struct in *in, const struct columns *columns)
{
	in->at += (int)columns->n;
}

bool in_sum_matches(struct in *in)
{
	return !in_null(in) && (uint64_t)sqlite3_column_int64(in->stmt, in->at) == in->sum;
}
