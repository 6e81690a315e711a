/* store.h: the only room that knows SQLite. One connection, used by one thread (the committer); WAL, synchronous=FULL,
 * no mmap. Every function blocks and may fail; none logs.
 *
 * Tables: meta (version, instance, counters), spec (what was asked, once for an array), text (environments and scripts,
 * once each, by hash), job (one row a job, plain columns that sqlite3 users can read), event (the journal).
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <mscg/job.h>

struct store;

#define STORE_VERSION 1

struct store_info {
	char     instance[40];   /* random UUID of this state directory */
	char     boot_id[40];    /* of the boot that wrote last; "" at first */
	uint32_t next_job_id;
	uint64_t next_seq;
	bool     drained;
	bool     created;        /* this open made it */
};

/* Opens or makes <dir>/mscg.db. Takes the directory's lock (flock on <dir>/lock): -EBUSY with the pid of the holder
 * when another mscgd has it. A database of a newer version is -EPROTONOSUPPORT, both versions named; an older one is
 * migrated in a transaction with a copy beside it; one that is damaged is -EBADMSG. -EACCES, -EROFS, -ENOSPC with text. */
int  store_open(struct store **ret, const char *dir, struct store_info *ret_info, struct mscg_error *error);
void store_close(struct store *store);

/* One transaction. Events appended, rows replaced, new specs inserted, counters set: all or nothing. On failure
 * nothing is written and the error says what the file system said. */
struct store_batch {
	const struct mscg_event *events; uint32_t events_n;
	const struct mscg_row   *rows;   uint32_t rows_n;
	const struct store_new_spec { uint32_t job; const struct mscg_spec *spec; } *specs; uint32_t specs_n;
	uint32_t    next_job_id;  /* 0: unchanged */
	int8_t      drained;      /* -1: unchanged */
	const char *boot_id;      /* NULL: unchanged */
};
int store_commit(struct store *store, const struct store_batch *batch, struct mscg_error *error);

/* Restart: every row that is not final, in order of id. The row is owned by the callee after the call. */
int store_load_active(struct store *store, int (*each)(struct mscg_row *row, void *ctx), void *ctx, struct mscg_error *error);

/* What was asked, whole (with environment and script if `with_texts`). -ENOENT. The caller frees it. */
int store_get_spec(struct store *store, uint32_t job, bool with_texts, struct mscg_spec **ret, struct mscg_error *error);

/* One job's row and spec (without texts). -ENOENT. */
struct store_record {
	struct mscg_row   row;
	struct mscg_spec *spec; /* owned */
};
void store_record_clear(struct store_record *record);
int  store_get(struct store *store, struct mscg_id id, struct store_record *ret, struct mscg_error *error);

/* A slice of the list, by key: the next call gives the last id seen. `states` is a bit set (1 << state), 0: all. */
struct store_filter {
	uint32_t    states;
	uint32_t    uid;         /* UINT32_MAX: everybody's */
	const char *user, *name, *account;
	uint32_t    job;         /* all tasks of this one; 0: any */
	int64_t     since_usec, until_usec; /* ran or waited in this window, as sacct's -S and -E; 0: open */
	bool        newest_first;
	struct mscg_id after;    /* keyset: {0,0} from the beginning */
	uint32_t    limit;       /* rows in this slice */
};
int store_list(struct store *store, const struct store_filter *filter, struct store_record **ret, uint32_t *ret_n, struct mscg_error *error);

/* Journal slice: events with seq > after (of one job, if id.job is not 0), at most `limit`. */
int store_events(struct store *store, uint64_t after_seq, struct mscg_id id, uint32_t limit, struct mscg_event **ret, uint32_t *ret_n, struct mscg_error *error);

/* Totals over all rows, for `stats`. */
struct store_totals {
	uint64_t by_state[MSCG_STATE_COUNT];
	double   mean_wait_s, mean_run_s; /* over what has started, over what has ended after a start; 0 when none */
	uint64_t started, ended;
};
int store_get_totals(struct store *store, struct store_totals *ret, struct mscg_error *error);

/* Deletes events older than `before_usec`, at most `limit`; returns the count. */
int store_prune_events(struct store *store, int64_t before_usec, uint32_t limit, struct mscg_error *error);

#endif
