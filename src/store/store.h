/* store.h: the only room that knows SQLite. One connection, used by one thread (the committer); WAL, synchronous=FULL,
 * no mmap. Every function blocks and may fail; none logs.
 *
 * While it is open nobody else can read the file: a copy by store_backup is for that.
 *
 * Tables: meta (version, instance, counters), spec (what was asked, once for an array), text (environments, scripts and
 * lines of arrays, once each, by hash), job (one row a job, plain columns that sqlite3 users can read), event (the journal),
 * usage (what users held), reservation (what is set aside for some).
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <mscg/job.h>

struct store;

#define STORE_VERSION 7

struct store_info {
	char     instance[40];   /* random UUID of this state directory */
	char     boot_id[40];    /* of the boot that wrote last; "" at first */
	uint32_t next_job_id;
	uint64_t next_seq;
	bool     drained;
	bool     created;        /* this open made it */
};

/* Opens or makes <dir>/mscg.db. Takes the directory's lock (flock on <dir>/lock): -EBUSY with the pid of the holder
 * when another mscgd has it; -EAGAIN when that one is dead and only a child of its has not come to its exec yet: in a
 * moment it is free. A database of a newer version is -EPROTONOSUPPORT, both versions named; an older one is
 * migrated in a transaction with a copy beside it; one that is damaged is -EBADMSG. -EACCES, -EROFS, -ENOSPC with text. */
int  store_open(struct store **ret, const char *dir, struct store_info *ret_info, struct mscg_error *error);
/* The same for who may find yet that it cannot go on: only store_settle commits a migration, and until then nothing may be
 * written. Closed before it, the database is as it was, and the program of before knows it. */
int  store_open_trial(struct store **ret, const char *dir, struct store_info *ret_info, struct mscg_error *error);
int  store_settle(struct store *store, struct mscg_error *error);
void store_close(struct store *store);

/* The counters as they are now (after a commit that failed they are asked for again). */
int store_get_info(struct store *store, struct store_info *ret, struct mscg_error *error);

/* One transaction. Events appended, rows replaced, new specs inserted, counters set: all or nothing. On failure
 * nothing is written and the error says what the file system said; only after -EIO it may be there nevertheless: the
 * connection is opened anew by the next call, and then what is there can be looked up. A commit with nothing in it costs
 * nothing. -EEXIST: a spec or an event of that number is there already. -EINVAL: job ids are 1 to 2^31 - 1. */
struct store_usage { /* what a user held in an account ("": in none): CPU-seconds, decayed, as they were at a time */
	const char *account;
	uint32_t    uid;
	double      cpu_s;
	int64_t     at_usec;
	double      spent; /* of its budget, in the period that began then: */
	int64_t     spent_from_usec;
};
struct store_reservation { /* as the core has it: src/core/core.h */
	const char *name, *users, *accounts;
	int64_t     start_usec, end_usec; /* end_usec 0: there is none of that name any more */
	uint32_t    cpus_milli, flags;
	uint64_t    mem_bytes;
};
struct store_batch {
	const struct mscg_event *events; uint32_t events_n;
	const struct mscg_row   *rows;   uint32_t rows_n; /* of several rows of one job the last counts */
	const struct store_new_spec { uint32_t job; const struct mscg_spec *spec; } *specs; uint32_t specs_n;
	const struct store_usage *usages; uint32_t usages_n; /* of several of one user and account the last counts */
	const struct store_reservation *reservations; uint32_t reservations_n; /* in order */
	uint32_t    next_job_id;  /* 0: unchanged */
	int8_t      drained;      /* -1: unchanged */
	const char *boot_id;      /* NULL: unchanged */
};
int store_commit(struct store *store, const struct store_batch *batch, struct mscg_error *error);

/* The ballast: a file in the directory that takes up 4 MiB. Makes it or finds it whole, and writes in it: 0 says that the
 * directory can be written and that there is room to spare. -ENOSPC, -EROFS, -EIO and the like. */
int  store_ballast_fill(struct store *store, struct mscg_error *error);
/* Gives up some of its room, and with the last of it its inode, to what has to be recorded. False: none is left. */
bool store_ballast_drop(struct store *store);

/* Restart: every row that is not final, in order of id (the record of an array before its tasks). `each` may stop it with
 * -errno, and must not use the store. The row is owned by the callee after the call. */
int store_load_active(struct store *store, int (*each)(struct mscg_row *row, void *ctx), void *ctx,
                      struct mscg_error *error);

/* Restart: what users held. Texts are borrowed for the call. -EBADMSG. */
int store_load_usages(struct store *store, void (*each)(const struct store_usage *usage, void *ctx), void *ctx, struct mscg_error *error);

/* Likewise: what is reserved. */
int store_load_reservations(struct store *store, void (*each)(const struct store_reservation *reservation, void *ctx), void *ctx,
                            struct mscg_error *error);

/* What was asked, whole (with environment and script if `with_texts`). -ENOENT. The caller frees it. */
int store_get_spec(struct store *store, uint32_t job, bool with_texts, struct mscg_spec **ret, struct mscg_error *error);

/* One job's row and spec (without texts). -ENOENT. */
struct store_record {
	struct mscg_row   row;
	struct mscg_spec *spec; /* owned */
};
void store_record_clear(struct store_record *record);
int  store_get(struct store *store, struct mscg_id id, struct store_record *ret, struct mscg_error *error);

/* A slice of the list, by key (the record of an array before its tasks): the next call gives the last id seen. `states` is
 * a bit set (1 << state), 0: all. */
struct store_filter {
	uint32_t    states;
	uint32_t    uid;         /* UINT32_MAX: everybody's */
	const char *user, *name, *account;
	uint32_t    partition;   /* name_key() of the one that it is in; 0: any */
	uint32_t    job;         /* all tasks of this one; 0: any */
	int64_t     since_usec, until_usec; /* ran or waited in this window, as sacct's -S and -E; 0: open */
	bool        newest_first;
	bool        unstarted;   /* an array that is over has the state of those of its tasks that never started, where there are some */
	struct mscg_id after;    /* keyset: {0,0} from the beginning */
	uint32_t    limit;       /* rows in this slice */
	uint32_t    scan_max;    /* store_list_next: rows looked at in this slice; 0: as many as it takes */
	size_t      bytes_max;   /* store_list_next: of store_record_bytes() in this slice, but for the last of it; 0: as many as it takes */
};
int store_list(struct store *store, const struct store_filter *filter, struct store_record **ret, uint32_t *ret_n,
               struct mscg_error *error);

/* What it takes to keep and to tell one: about the bytes of its texts. */
size_t store_record_bytes(const struct store_record *record);

/* The same for lists that may have to pass over many rows: looks at scan_max of them at most and may give fewer than
 * `limit`, or none, with more to come. *ret_last is what `after` is to be in the next call, if *ret_more. */
int store_list_next(struct store *store, const struct store_filter *filter, struct store_record **ret, uint32_t *ret_n,
                    struct mscg_id *ret_last, bool *ret_more, struct mscg_error *error);
void store_records_free(struct store_record *records, uint32_t n); /* and what they own */

/* Journal slice: events with seq > after (of one job, if id.job is not 0; of an array and all of its tasks), at most
 * `limit`. */
int store_events(struct store *store, uint64_t after_seq, struct mscg_id id, uint32_t limit, struct mscg_event **ret,
                 uint32_t *ret_n, struct mscg_error *error);
void store_events_free(struct mscg_event *events, uint32_t n);

/* Totals over all rows, for `stats`: costs nothing. Every task counts as a job; the record of an array counts as those
 * of its tasks that still wait, as PENDING. */
struct store_totals {
	uint64_t by_state[MSCG_STATE_COUNT];
	double   mean_wait_s, mean_run_s; /* over what has started, over what has ended after a start; 0 when none */
	uint64_t started, ended;
};
int store_get_totals(struct store *store, struct store_totals *ret, struct mscg_error *error);

/* Deletes events older than `before_usec`, at most `limit`; returns the count. */
int store_prune_events(struct store *store, int64_t before_usec, uint32_t limit, struct mscg_error *error);
/* Deletes jobs that ended before `before_usec`, at most `limit`, with what they asked for once nothing needs it any more
 * (tasks of an array that has not ended stay). Their events stay. Their ids are not used again. Returns the count. */
int store_prune_jobs(struct store *store, int64_t before_usec, uint32_t limit, struct mscg_error *error);

/* A copy of the whole database in one file, mode 0600, which may be put in mscg.db's place (with mscg.db-wal
 * and lock removed). `path`
 * must not exist (-EEXIST), and its directory must be one that nobody else may write. Whole and on the disk when it has
 * its name. In one go: */
int store_backup(struct store *store, const char *path, struct mscg_error *error);
/* Or so many pages (4 KiB) at a time, with commits in between; it has the state of its end. One at a time. `free` gives
 * it up if it is not done; before store_close. */
struct store_copy;
int  store_copy_start(struct store *store, const char *path, struct store_copy **ret, struct mscg_error *error);
int  store_copy_step(struct store_copy *copy, uint32_t pages, bool *ret_done, struct mscg_error *error);
void store_copy_free(struct store_copy *copy);

/* Reads everything: pages, indices, every row's checksum, the totals. -EBADMSG names the first thing that is wrong.
 * Takes seconds with a million jobs. */
int store_integrity(struct store *store, struct mscg_error *error);

#endif
