/* The tables, how old ones become new ones, and what is refused. */
#include "src/store/internal.h"
#include <sys/random.h>

#define APPLICATION_ID 0x6d736367 /* "mscg" */

/* Columns come from table.h. Numbers of states, reasons and events are explained by three tables of
 * names, so that a file says itself what it means. */
#define USAGE_TABLE \
	"CREATE TABLE usage(account TEXT, uid INTEGER, cpu_s REAL, at_usec INTEGER, spent REAL, spent_from_usec INTEGER, PRIMARY KEY(account, uid)) WITHOUT ROWID;"
#define RESERVATION_TABLE \
	"CREATE TABLE reservation(name TEXT PRIMARY KEY, users TEXT, accounts TEXT, start_usec INTEGER, end_usec INTEGER," \
	" cpus_milli INTEGER, mem_bytes INTEGER, flags INTEGER) WITHOUT ROWID;"
static const char tables[] =
	"CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;"
	"CREATE TABLE state(id INTEGER PRIMARY KEY, name TEXT, short TEXT, final INTEGER);"
	"CREATE TABLE reason(id INTEGER PRIMARY KEY, name TEXT);"
	"CREATE TABLE kind(id INTEGER PRIMARY KEY, name TEXT);"
	"CREATE TABLE total(state INTEGER PRIMARY KEY, jobs INTEGER, started INTEGER, wait_msec INTEGER, ended INTEGER,"
	" run_msec INTEGER);"
	"CREATE TABLE user(uid INTEGER, name TEXT, PRIMARY KEY(name, uid)) WITHOUT ROWID;"
	USAGE_TABLE RESERVATION_TABLE
	"CREATE TABLE text(id INTEGER PRIMARY KEY, hash INTEGER, size INTEGER, refs INTEGER);"
	"CREATE INDEX text_hash ON text(hash);"
	"CREATE TABLE body(id INTEGER PRIMARY KEY, content BLOB);"
	"CREATE TABLE spec({spec+});"
	"CREATE TABLE job({job+});"
	"CREATE INDEX job_active ON job(outcome) WHERE outcome = 0;"
	"CREATE INDEX job_other ON job(outcome) WHERE outcome = 2;"
	"CREATE INDEX job_user ON job(uid);"
	"CREATE INDEX job_end ON job(end_usec) WHERE end_usec > 0;"
	"CREATE TABLE event({event+});"
	"CREATE INDEX event_key ON event(key);";

/* For people with sqlite3, and programs written for Mini-SLURM's database: its names and units. Made anew by every
 * version that changes it. */
#define TASK(key)     "(" key " & 4294967295)" /* 0: a plain job, or the record of an array */
#define ID(key)       "CASE WHEN " TASK(key) " THEN (" key " >> 32) || '_' || (" TASK(key) " - 1) ELSE " key " >> 32 END"
#define CPUS(milli)   "CASE WHEN (" milli ") % 1000 THEN (" milli ") / 1000.0 ELSE (" milli ") / 1000 END"
#define DETAIL(of, name) "json_extract(" of ".detail, '$." name "')"
#define USAGE(member) "json_extract(job.run, '$.usage[" member "]')"
#define LOG(suffix)   DETAIL("spec", "home") " || '/.mscg_logs/job_' || (" ID("job.key") ") || '." suffix "'"
static const char views[] =
	"CREATE VIEW jobs AS SELECT " ID("job.key") " AS id,"
	/* the strings of argv, each of which ends with a NUL, with spaces between them */
	" (WITH RECURSIVE w(rest, words) AS (SELECT spec.argv, '' UNION ALL SELECT substr(rest, instr(rest, x'00') + 1),"
	"  words || CAST(substr(rest, 1, instr(rest, x'00') - 1) AS TEXT) || ' ' FROM w WHERE length(rest) > 0)"
	"  SELECT substr(words, 1, length(words) - 1) FROM w WHERE length(rest) = 0) AS command,"
	" " CPUS("job.cpus_milli") " AS cpus,"
	" job.mem_bytes >> 20 AS mem_mb,"
	" state.name AS status,"
	" job.priority AS priority,"
	" job.submit_usec / 1e6 AS submit_time,"
	" nullif(job.start_usec, 0) / 1e6 AS start_time,"
	" nullif(job.end_usec, 0) / 1e6 AS end_time,"
	" (nullif(job.start_usec, 0) - job.submit_usec) / 1e6 AS wait_time,"
	" (nullif(job.end_usec, 0) - nullif(job.start_usec, 0)) / 1e6 AS runtime,"
	" CASE WHEN NOT state.final OR job.exit_code < 0 THEN NULL WHEN job.exit_signal THEN -job.exit_signal"
	"  ELSE job.exit_code END AS return_code,"
	" spec.user AS user,"
	" coalesce(" DETAIL("spec", "stdout_path") ", " LOG("out") ") AS stdout_path,"
	" coalesce(" DETAIL("spec", "stderr_path") ", " DETAIL("spec", "stdout_path") ", " LOG("err") ") AS stderr_path,"
	" (" USAGE("1") ") / 1e6 AS cpu_user_time,"
	" (" USAGE("2") ") / 1e6 AS cpu_system_time,"
	" coalesce(" DETAIL("spec", "elastic") ", 0) AS is_elastic,"
	" " CPUS("coalesce(" DETAIL("job", "min_cpus_milli") ", 0)") " AS min_cpus,"
	" " CPUS("coalesce(" DETAIL("job", "max_cpus_milli") ", 0)") " AS max_cpus,"
	" " CPUS("job.current_cpus_milli") " AS current_cpus,"
	" CASE WHEN " DETAIL("spec", "elastic") " THEN " LOG("control") " END AS control_file,"
	" reason.name AS reason,"
	" spec.name AS name,"
	" spec.account AS account,"
	" job.waiting AS tasks_waiting"
	" FROM job JOIN spec ON spec.job = job.key >> 32 LEFT JOIN state ON state.id = job.state"
	" LEFT JOIN reason ON reason.id = job.reason;"

	"CREATE VIEW events AS SELECT event.seq, " ID("event.key") " AS id,"
	" strftime('%Y-%m-%dT%H:%M:%fZ', event.time_usec / 1e6, 'unixepoch') AS time, kind.name AS event, state.name AS state,"
	" event.attempt, reason.name AS reason, event.detail"
	" FROM event LEFT JOIN kind ON kind.id = event.kind LEFT JOIN state ON state.id = event.state"
	" LEFT JOIN reason ON reason.id = coalesce(" DETAIL("event", "reason") ", 0);";

/* What came since, beside members of details, which are left out where they are 0. */
static const char *const steps[STORE_VERSION] = {[1] = "", [2] = "", [3] = "", [4] = USAGE_TABLE, [5] = RESERVATION_TABLE, [6] = ""};
const struct schema schema_now = {STORE_VERSION, steps};

static int pragma_int(struct store *store, const char *sql, int64_t *ret, struct mscg_error *error)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(store->db, sql, -1, &st, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*ret = sqlite3_column_int64(st, 0);
	int r = rc == SQLITE_ROW ? 0 : sql_error(store, rc, error, "cannot open the database");
	sqlite3_finalize(st);
	return r;
}

/* ---- names ---- */

static const char *state_name(int i) { return mscg_state_name((enum mscg_state)i); }
static const char *reason_name(int i) { return mscg_reason_name((enum mscg_reason)i); }
static const char *kind_name(int i) { return mscg_event_name((enum mscg_event_kind)i); }

static const struct names {
	const char *table;
	int         n;
	const char *(*name)(int i);
} names[] = {
	{"state", MSCG_STATE_COUNT, state_name},
	{"reason", MSCG_REASON_COUNT, reason_name},
	{"kind", MSCG_EVENT_COUNT, kind_name},
};

/* A number that means something else there than here would give every job another state. */
static int compare_names(struct store *store, const struct names *names_of, int *ret_known, struct mscg_error *error)
{
	char sql[64];
	sqlite3_stmt *st = NULL;
	int r = 0, rc;

	*ret_known = 0;
	snprintf(sql, sizeof(sql), "SELECT id, name FROM %s ORDER BY id", names_of->table);
	rc = sqlite3_prepare_v2(store->db, sql, -1, &st, NULL);
	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		if ((rc = sqlite3_step(st)) != SQLITE_ROW)
			break;
		int id = sqlite3_column_int(st, 0);
		const char *name = (const char *)sqlite3_column_text(st, 1);
		if (id >= names_of->n)
			r = mscg_error_set(error, -EPROTONOSUPPORT,
			                   "%s/mscg.db was written by a newer mscg: it knows the %s %s, this one (%s) does not",
			                   store->dir, names_of->table, name ? name : "?", MSCG_VERSION);
		else if (id != *ret_known || !streq(name, names_of->name(id)))
			r = mscg_error_set(error, -EPROTONOSUPPORT,
			                   "%s/mscg.db was written by another mscg: %s %d is %s there and %s here (%s)", store->dir,
			                   names_of->table, id, name ? name : "?", names_of->name(id), MSCG_VERSION);
		if (r < 0)
			break;
		++*ret_known;
	}
	if (r == 0 && rc != SQLITE_DONE)
		r = sql_error(store, rc, error, "cannot read the database");
	sqlite3_finalize(st);
	return r;
}

static int write_names(struct store *store, struct mscg_error *error)
{
	for (unsigned t = 0; t < ARRAY_SIZE(names); t++) {
		int known, r;
		if ((r = compare_names(store, &names[t], &known, error)) < 0)
			return r;
		for (int i = known; i < names[t].n; i++) {
			char sql[256];
			if (names[t].name == state_name)
				snprintf(sql, sizeof(sql), "INSERT INTO state VALUES(%d, '%s', '%s', %d)", i, state_name(i),
				         mscg_state_short((enum mscg_state)i), mscg_state_is_final((enum mscg_state)i));
			else
				snprintf(sql, sizeof(sql), "INSERT INTO %s VALUES(%d, '%s')", names[t].table, i, names[t].name(i));
			if ((r = sql_exec(store, sql, error)) < 0)
				return r;
		}
	}
	return 0;
}

/* ---- versions ---- */

static int new_instance(struct store *store, struct mscg_error *error)
{
	unsigned char b[16];
	char uuid[40], sql[160];

	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		return mscg_error_set(error, -EIO, "the kernel gives no random numbers");
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40); /* a random UUID, RFC 4122 4.4 */
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	char *p = uuid;
	for (int i = 0; i < 16; i++)
		p += snprintf(p, (size_t)(uuid + sizeof(uuid) - p), i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", b[i]);
	snprintf(sql, sizeof(sql), "INSERT INTO meta VALUES('instance', '%s'), ('made_by', 'mscg " MSCG_VERSION "')", uuid);
	return sql_exec(store, sql, error);
}

/* The numbers of the list "usage" by their names. */
static int make_accounting(struct store *store, struct mscg_error *error)
{
	_cleanup_buf_ struct buf sql = {0};
	buf_adds(&sql, "CREATE VIEW accounting AS SELECT " ID("job.key") " AS id, spec.user AS user, spec.account AS account");
	for (unsigned i = 0; i < usages.n; i++)
		buf_addf(&sql, ", json_extract(job.run, '$.usage[%u]') AS %s", i, usages.column[i].name);
	buf_adds(&sql, " FROM job JOIN spec ON spec.job = job.key >> 32 WHERE job.run IS NOT NULL");
	return sql_exec(store, sql.data, error);
}

static int exec_template(struct store *store, const char *template, struct mscg_error *error)
{
	_cleanup_free_ char *sql = table_sql(template);
	return sql_exec(store, sql, error);
}

static int make_views(struct store *store, struct mscg_error *error)
{
	int r = sql_exec(store, views, error);
	return r == 0 ? make_accounting(store, error) : r;
}

static int make_all(struct store *store, struct mscg_error *error)
{
	int r;
	if ((r = exec_template(store, tables, error)) < 0 || (r = make_views(store, error)) < 0)
		return r;
	return new_instance(store, error);
}

static int migrate(struct store *store, int from, struct mscg_error *error)
{
	int r = sql_exec(store, "DROP VIEW IF EXISTS jobs; DROP VIEW IF EXISTS events; DROP VIEW IF EXISTS accounting", error);
	for (int v = from; v < store->schema->version && r == 0; v++)
		r = exec_template(store, store->schema->step[v], error);
	return r == 0 ? make_views(store, error) : r;
}

/* Makes or migrates in one transaction that also sets the version, so that it happened or did not. On trial a migration is
 * left uncommitted: its end is store_settle's. */
static int bring_up(struct store *store, int from, struct mscg_error *error)
{
	char sql[96];
	int r;

	if ((r = sql_exec(store, "BEGIN IMMEDIATE", error)) < 0)
		return r;
	r = from == 0 ? make_all(store, error) : migrate(store, from, error);
	if (r == 0)
		r = write_names(store, error);
	snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION_ID, store->schema->version);
	if (r == 0)
		r = sql_exec(store, sql, error);
	if (r == 0 && (from == 0 || !store->on_trial))
		r = sql_exec(store, "COMMIT", error);
	if (r < 0 && !sqlite3_get_autocommit(store->db))
		sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

/* There before anything is changed, under the version's own name. */
static int copy_before(struct store *store, int version, struct mscg_error *error)
{
	_cleanup_free_ char *path = xasprintf("%s/mscg.db.v%d", store->dir, version);
	if (unlink(path) < 0 && errno != ENOENT)
		return mscg_error_set(error, -errno, "cannot replace %s: %s", path, strerror(errno));
	int r = store_backup(store, path, error);
	return r < 0 ? mscg_error_prefix(error, r, "cannot copy the database before migrating it: ") : 0;
}

int schema_check(struct store *store, int *ret_version, struct mscg_error *error)
{
	int64_t application, version, objects;
	int r;

	if ((r = pragma_int(store, "PRAGMA application_id", &application, error)) < 0 ||
	    (r = pragma_int(store, "PRAGMA user_version", &version, error)) < 0 ||
	    (r = pragma_int(store, "SELECT count(*) FROM sqlite_schema", &objects, error)) < 0)
		return r;
	if (application == 0 && version == 0 && objects == 0) {
		*ret_version = 0;
		return 0;
	}
	if (application != APPLICATION_ID)
		return mscg_error_set(error, -EBADMSG, "%s/mscg.db is a database of another program, or damaged; it was not touched",
		                      store->dir);
	if (version > store->schema->version)
		return mscg_error_set(error, -EPROTONOSUPPORT,
		                      "%s/mscg.db has version %lld, this mscgd (%s) knows versions up to %d: use a newer one",
		                      store->dir, (long long)version, MSCG_VERSION, store->schema->version);
	if (version < 1)
		return mscg_error_set(error, -EBADMSG, "%s/mscg.db is damaged (version %lld); restore a backup", store->dir,
		                      (long long)version);
	*ret_version = (int)version;
	return 0;
}

int schema_prepare(struct store *store, int version, struct mscg_error *error)
{
	int known, r;

	if (version == 0) {
		store->created = true;
		return bring_up(store, 0, error);
	}
	if (version < store->schema->version) {
		if ((r = copy_before(store, version, error)) < 0)
			return r;
		return bring_up(store, version, error);
	}
	for (unsigned t = 0; t < ARRAY_SIZE(names); t++) {
		if ((r = compare_names(store, &names[t], &known, error)) < 0)
			return r;
		/* A state or reason that came with a later program of the same version. */
		if (known < names[t].n)
			return bring_up(store, version, error);
	}
	return 0;
}
