/* The lists of table.h as data and as SQL. */
#include "src/store/table.h"

#define SIZE(type, size) SIZE_##type = (size),
enum { COLUMN_TYPES(SIZE) };
#undef SIZE
/* A member whose size is not its column's does not compile. */
#define FITS(T, type, member) \
	(0 * sizeof(char[SIZE_##type == 0 || sizeof(((T *)0)->member) == SIZE_##type ? 1 : -1]))
#define COLUMN(T, type, member, name) \
	{#name, (uint16_t)(offsetof(T, member) + FITS(T, type, member)), sizeof(((T *)0)->member), COLUMN_##type, \
	 sizeof(#name) - 1},
#define COLUMNS(list, LIST)                                  \
	static const struct column list##_data[] = {LIST(X)}; \
	const struct columns list = {list##_data, ARRAY_SIZE(list##_data)}

#define X(type, role, member, name) COLUMN(struct mscg_row, type, member, name)
COLUMNS(job_columns, JOB_COLUMNS);
COLUMNS(job_details, JOB_DETAILS);
#undef X
#define X(type, role, member, name) COLUMN(struct mscg_run, type, member, name)
COLUMNS(run_details, RUN_DETAILS);
#undef X
#define X(type, role, member, name) COLUMN(struct mscg_usage, type, member, name)
COLUMNS(usages, USAGES);
#undef X
#define X(type, role, member, name) COLUMN(struct mscg_share, type, member, name)
COLUMNS(share_details, SHARE_DETAILS);
#undef X
#define X(type, role, member, name) COLUMN(struct mscg_spec, type, member, name)
COLUMNS(spec_columns, SPEC_COLUMNS);
COLUMNS(spec_details, SPEC_DETAILS);
#undef X
#define X(type, role, member, name) COLUMN(struct mscg_event, type, member, name)
COLUMNS(event_columns, EVENT_COLUMNS);
COLUMNS(event_details, EVENT_DETAILS);
#undef X

struct field {
	const char *name, *declaration;
	uint8_t     role;
};

#define DECLARE(type) (COLUMN_##type == COLUMN_TEXT || COLUMN_##type == COLUMN_NAME || COLUMN_##type == COLUMN_CHARS ? "TEXT" : "INTEGER")
#define X(type, role, member, name) {#name, DECLARE(type), ROLE_##role},
static const struct field job_fields[] = {
	{"key", "INTEGER PRIMARY KEY", ROLE_FIXED},
	{"outcome", "INTEGER", ROLE_END},
	JOB_COLUMNS(X)
	{"detail", "TEXT", ROLE_PLAIN},
	{"run", "TEXT", ROLE_PLAIN},
	{"waiting", "INTEGER", ROLE_PLAIN},
	{"sum", "INTEGER", ROLE_PLAIN},
};
static const struct field spec_fields[] = {
	{"job", "INTEGER PRIMARY KEY", ROLE_FIXED},
	SPEC_COLUMNS(X)
	{"argv", "BLOB", ROLE_FIXED},
	{"detail", "TEXT", ROLE_FIXED},
	{"env", "INTEGER", ROLE_FIXED},
	{"script", "INTEGER", ROLE_FIXED},
	{"sum", "INTEGER", ROLE_FIXED},
};
static const struct field event_fields[] = {
	{"seq", "INTEGER PRIMARY KEY", ROLE_FIXED},
	{"key", "INTEGER", ROLE_FIXED},
	EVENT_COLUMNS(X)
	{"detail", "TEXT", ROLE_FIXED},
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
