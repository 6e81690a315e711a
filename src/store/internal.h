/* internal.h: what the files of this room share. Nobody else includes it, but for its own tests. */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include "src/store/store.h"
#include "src/store/table.h"

/* Every statement is prepared once for the life of the connection. Templates as in table_sql. */
#define STATEMENTS(X) \
	X(BEGIN,        "BEGIN IMMEDIATE") \
	X(COMMIT,       "COMMIT") \
	X(ROLLBACK,     "ROLLBACK") \
	X(META_SET,     "INSERT INTO meta(name, value) VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET value = ?2") \
	X(META_GET,     "SELECT value FROM meta WHERE name = ?1") \
	X(TOTAL_SET,    "INSERT INTO total VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT(state) DO UPDATE SET " \
	                "jobs = ?2, started = ?3, wait_msec = ?4, ended = ?5, run_msec = ?6") \
	X(TOTAL_ALL,    "SELECT state, jobs, started, wait_msec, ended, run_msec FROM total") \
	X(JOB_OLD,      "SELECT outcome, state, waiting, submit_usec, start_usec, end_usec, uid, " \
	                "iif(waiting IS NULL, NULL, json_extract(detail, '$.unstarted_n')), " \
	                "iif(waiting IS NULL, NULL, json_extract(detail, '$.unstarted_reason')) FROM job WHERE key = ?1") \
	X(JOB_INSERT,   "INSERT INTO job({job}) VALUES({job?})") \
	X(JOB_UPDATE,   "UPDATE job SET {job~} WHERE key = ?1") \
	X(JOB_END,      "UPDATE job SET {job=} WHERE key = ?1") \
	X(JOB_GET,      "SELECT {job} FROM job WHERE key = ?1") \
	X(JOB_ACTIVE,   "SELECT {job} FROM job INDEXED BY job_active WHERE outcome = 0 ORDER BY key") \
	X(JOB_ALL,      "SELECT {job} FROM job ORDER BY key") \
	X(SPEC_INSERT,  "INSERT INTO spec({spec}) VALUES({spec?})") \
	X(SPEC_GET,     "SELECT {spec} FROM spec WHERE job = ?1") \
	X(SPEC_ALL,     "SELECT {spec} FROM spec ORDER BY job") \
	X(SPEC_LAST,    "SELECT max(job) FROM spec") \
	X(USER_ADD,     "INSERT OR IGNORE INTO user(uid, name) VALUES(?1, ?2)") \
	X(USER_FIND,    "SELECT uid FROM user WHERE name = ?1") \
	X(USAGE_SET,    "INSERT INTO usage VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT(account, uid) DO UPDATE SET " \
	                "cpu_s = ?3, at_usec = ?4, spent = ?5, spent_from_usec = ?6") \
	X(USAGE_ALL,    "SELECT account, uid, cpu_s, at_usec, spent, spent_from_usec FROM usage ORDER BY account, uid") \
	X(RESERVATION_SET, "INSERT INTO reservation VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT(name) DO UPDATE SET " \
	                "users = ?2, accounts = ?3, start_usec = ?4, end_usec = ?5, cpus_milli = ?6, mem_bytes = ?7, flags = ?8") \
	X(RESERVATION_DROP, "DELETE FROM reservation WHERE name = ?1") \
	X(RESERVATION_ALL, "SELECT name, users, accounts, start_usec, end_usec, cpus_milli, mem_bytes, flags FROM reservation ORDER BY name") \
	X(TEXT_FIND,    "SELECT text.id, body.content FROM text JOIN body ON body.id = text.id " \
	                "WHERE text.hash = ?1 AND text.size = ?2 ORDER BY text.id LIMIT 8") \
	X(TEXT_INSERT,  "INSERT INTO text(hash, size, refs) VALUES(?1, ?2, 0)") \
	X(BODY_INSERT,  "INSERT INTO body(id, content) VALUES(?1, ?2)") \
	X(TEXT_REFS,    "UPDATE text SET refs = refs + ?2 WHERE id = ?1") \
	X(TEXT_GET,     "SELECT text.hash, body.content FROM text JOIN body ON body.id = text.id WHERE text.id = ?1") \
	X(TEXT_ALL,     "SELECT text.id, text.hash, body.content FROM text LEFT JOIN body ON body.id = text.id") \
	X(TEXT_UNUSED,  "DELETE FROM text WHERE id = ?1 AND refs <= 0") \
	X(BODY_UNUSED,  "DELETE FROM body WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM text WHERE text.id = ?1)") \
	X(EVENT_INSERT, "INSERT INTO event({event}) VALUES({event?})") \
	X(EVENT_LAST,   "SELECT max(seq) FROM event") \
	X(EVENT_ALL,    "SELECT {event} FROM event WHERE seq > ?1 ORDER BY seq LIMIT ?2") \
	X(EVENT_JOB,    "SELECT {event} FROM event INDEXED BY event_key WHERE key = ?3 AND seq > ?1 ORDER BY seq LIMIT ?2") \
	X(EVENT_COUNT,  "SELECT count(*) FROM (SELECT 1 FROM event INDEXED BY event_key WHERE key BETWEEN ?1 AND ?2 LIMIT ?3)") \
	X(EVENT_FEW,    "SELECT {event} FROM event INDEXED BY event_key WHERE key BETWEEN ?3 AND ?4 AND seq > ?1 " \
	                "ORDER BY seq LIMIT ?2") \
	X(EVENT_MANY,   "SELECT {event} FROM event NOT INDEXED WHERE seq > ?1 AND key BETWEEN ?3 AND ?4 ORDER BY seq LIMIT ?2") \
	X(EVENT_FIRST,  "SELECT seq, kind FROM event INDEXED BY event_key WHERE key = ?1 ORDER BY seq LIMIT 1") \
	X(EVENT_AGES,   "SELECT seq, time_usec FROM event ORDER BY seq LIMIT ?1") \
	X(EVENT_DELETE, "DELETE FROM event WHERE seq BETWEEN ?1 AND ?2") \
	X(ENDED_SINCE,  "SELECT min(key), count(*) FROM (SELECT key FROM job INDEXED BY job_end " \
	                "WHERE end_usec > 0 AND end_usec >= ?1 LIMIT ?2)") \
	X(ACTIVE_FIRST, "SELECT min(key) FROM job INDEXED BY job_active WHERE outcome = 0") \
	X(JOB_ENDED,    "SELECT key, end_usec FROM job INDEXED BY job_end WHERE end_usec > 0 AND end_usec < ?1 " \
	                "AND outcome > 0 ORDER BY end_usec LIMIT ?2") \
	X(JOB_DELETE,   "DELETE FROM job WHERE key = ?1") \
	X(JOB_OTHERS,   "SELECT EXISTS (SELECT 1 FROM job WHERE key BETWEEN ?1 AND ?2)") \
	X(JOB_RECORD,   "SELECT outcome FROM job WHERE key = ?1") \
	X(SPEC_DELETE,  "DELETE FROM spec WHERE job = ?1 RETURNING env, script, json_extract(detail, '$.lines')") \
	CURSORS(X)

/* Lists walk these in order of key, between two keys; where there are several, merged. Each pair is upward, downward. */
#define CURSOR(X, name, from) \
	X(name##_UP,   "SELECT {job} FROM job " from " key BETWEEN ?1 AND ?2 ORDER BY key") \
	X(name##_DOWN, "SELECT {job} FROM job " from " key BETWEEN ?1 AND ?2 ORDER BY key DESC")
#define CURSORS(X) \
	CURSOR(X, LIST_ALL,    "NOT INDEXED WHERE") \
	CURSOR(X, LIST_ACTIVE, "INDEXED BY job_active WHERE outcome = 0 AND") \
	CURSOR(X, LIST_OTHER,  "INDEXED BY job_other WHERE outcome = 2 AND") \
	CURSOR(X, LIST_USER,   "INDEXED BY job_user WHERE uid = ?3 AND")

enum statement {
#define X(name, sql) ST_##name,
	STATEMENTS(X)
#undef X
	ST_COUNT
};

/* What the rows of one state add up to. Milliseconds, so that a sum over 10^8 jobs of a year fits. */
struct sums {
	int64_t jobs, started, wait_msec, ended, run_msec;
};

struct sums_of {
	int          state; /* enum mscg_state; -1: no row */
	struct sums  sums;
	int          unstarted_state; /* of an array, beside what waits of it */
	int64_t      unstarted;
};

/* What a row was like when it was last written. */
#define OLD_ROWS 1024
struct old_row {
	int64_t        key; /* 0: none */
	bool           found;
	enum outcome   outcome;
	uint32_t       uid;
	int64_t        end_usec;
	struct sums_of sums;
};

/* What is known without asking the database; taken back when a transaction is. */
struct kept {
	struct sums sums[MSCG_STATE_COUNT];
	uint32_t    changed; /* states whose sums are not written yet */
	uint32_t    next_job_id;
	uint64_t    next_seq;
	bool        drained;
	uint32_t    user_uid; /* the last user that was written down */
	char        user[64]; /* "": none */
};

/* Texts seen last: the environment is mostly that of the job before. */
#define TEXT_CACHE       8
#define TEXT_CACHED_SIZE (64u << 10)
struct text_cached {
	int64_t  id; /* 0: free */
	uint64_t hash;
	size_t   size;
	char    *content; /* NULL: too large to keep, asked of the database */
	int64_t  refs;    /* taken in this transaction and not written yet */
};

/* Where a batch has a job's row for the last time. */
struct batch_key {
	uint64_t marked;
	uint32_t last;
};

struct schema;

struct store {
	char          dir[4096]; /* absolute */
	int           dir_fd, lock_fd;
	uint64_t      marked_seq; /* written in the lock file */
	sqlite3      *db; /* NULL: lost, is opened again by the next call */
	sqlite3_stmt *st[ST_COUNT];
	const struct schema *schema;
	struct kept   kept;
	char          instance[40], boot_id[40];
	bool          created;
	bool          on_trial; /* a migration is committed by store_settle */
	struct text_cached text[TEXT_CACHE];
	unsigned      text_next;
	struct buf    pack, pack_run; /* reused */
	struct batch_key *keys;       /* hash table of a batch, reused */
	uint32_t      keys_size, keys_mask;
	struct old_row old[OLD_ROWS];
	struct store_copy *copy; /* borrowed: under way, reads through this connection */
	int64_t       since_usec, since_key; /* the last answer of list's lower bound; since_usec 0: none */
	int64_t       log_bytes; /* the write-ahead log's file is so long, at least; 0: not known yet */
	int64_t       ended_high; /* no job of a higher key has ended; INT64_MAX: not known yet */
};

/* sql.c */
/* Fills *error from what the connection says about `rc` and returns the -errno it stands for. */
int  sql_error(struct store *store, int rc, struct mscg_error *error, const char *what);
int  sql_exec(struct store *store, const char *sql, struct mscg_error *error);
int  sql_prepare_all(struct store *store, struct mscg_error *error);
void sql_finalize_all(struct store *store);
/* Steps a statement that gives no rows, and resets it. An SQLite code. */
int sql_run(sqlite3_stmt *st);
/* A statement that is reset at scope end. */
static inline void cleanup_reset(sqlite3_stmt **st)
{
	if (*st) {
		sqlite3_reset(*st);
		sqlite3_clear_bindings(*st);
	}
}
#define _cleanup_reset_ _cleanup_(cleanup_reset)
/* Begins; sql_end commits where rc is 0 and rolls back otherwise. After an error that leaves the connection in doubt it is
 * closed, and store_ready opens another. *error is filled by then for rc, and by sql_end for its own failure. */
int sql_begin(struct store *store, struct mscg_error *error);
int sql_end(struct store *store, int rc, struct mscg_error *error);

/* open.c */
int  store_ready(struct store *store, struct mscg_error *error); /* opens the connection again if it was lost */
void store_disconnect(struct store *store);
void store_mark(struct store *store);
int  store_open_schema(struct store **ret, const char *dir, const struct schema *schema, bool on_trial, struct store_info *ret_info,
                       struct mscg_error *error);

/* log.c: looks after the write-ahead log's file from here on, and when it is begun anew */
void log_watch(struct store *store);

/* schema.c */
struct schema {
	int version;
	/* step[v] brings version v to v + 1; [0] is not used: what is new is made as it is now */
	const char *const *step;
};
extern const struct schema schema_now;
/* What is there, 0 for nothing; or why it is refused. Changes nothing. */
int schema_check(struct store *store, int *ret_version, struct mscg_error *error);
/* Makes the tables or migrates them. */
int schema_prepare(struct store *store, int version, struct mscg_error *error);

/* meta.c */
int meta_set_text(struct store *store, const char *name, const char *value, struct mscg_error *error);
int meta_set_int(struct store *store, const char *name, int64_t value, struct mscg_error *error);
/* Fills store->kept, instance, boot_id. */
int meta_load(struct store *store, struct mscg_error *error);

/* total.c */
struct sums_of sums_of_row(const struct mscg_row *row, uint64_t waiting);
void sums_change(struct kept *kept, const struct sums_of *old, const struct sums_of *new);
/* Of the states with that outcome, OUTCOME_COUNT for all. -EBADMSG. */
int  sums_compare(struct store *store, const struct kept *found, enum outcome of, struct mscg_error *error);
int  total_load(struct store *store, struct mscg_error *error);
int  total_flush(struct store *store, struct mscg_error *error);
int  total_check(struct store *store, struct mscg_error *error); /* against the rows */

/* usage.c */
int usage_write(struct store *store, const struct store_usage *usage, struct mscg_error *error);
int reservation_write(struct store *store, const struct store_reservation *reservation, struct mscg_error *error);

/* row.c */
int row_write(struct store *store, const struct mscg_row *row, struct mscg_error *error);
/* Has no row yet, nobody need look for one. */
void row_is_new(struct store *store, uint32_t job);
/* From a statement that stands on a row of {job}. -EBADMSG when it is damaged. */
int row_read(struct store *store, sqlite3_stmt *st, struct mscg_row *ret, struct mscg_error *error);

/* range.c */
void ranges_format(const struct mscg_range *r, uint32_t n, struct buf *into);
/* "5", "5-15", "5-15:2", with commas. ret may be NULL to count only. */
int ranges_parse(const char *text, size_t size, struct mscg_range **ret, uint32_t *ret_n, uint64_t *ret_count);

/* spec.c */
int spec_write(struct store *store, uint32_t job, const struct mscg_spec *spec, struct mscg_error *error);
int spec_read(struct store *store, uint32_t job, bool with_texts, struct mscg_spec **ret, struct mscg_error *error);
/* Reads one from a statement that stands on a row of {spec}. */
int spec_read_row(struct store *store, sqlite3_stmt *st, bool with_texts, struct mscg_spec **ret, struct mscg_error *error);

/* text.c */
int  text_put(struct store *store, const char *content, size_t size, int64_t *ret_id, struct mscg_error *error);
int  text_get(struct store *store, int64_t id, struct buf *into, struct mscg_error *error);
int  text_drop(struct store *store, int64_t id, struct mscg_error *error);
int  text_flush(struct store *store, struct mscg_error *error);
void text_forget(struct store *store);
int  text_check(struct store *store, struct mscg_error *error);

/* care.c */
void copy_lost(struct store_copy *copy); /* its connection is about to be closed */

/* event.c */
int event_write(struct store *store, const struct mscg_event *event, struct mscg_error *error);
int event_read(struct store *store, sqlite3_stmt *st, struct mscg_event *ret, struct mscg_error *error);

#endif
