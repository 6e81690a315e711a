/* table.h: which member of which type is stored where. Everything that must agree with it (CREATE TABLE, INSERT,
 * UPDATE, SELECT, binding, reading, packing) is made from the lists here.
 *
 * A table has columns for what is looked up, sorted, or wanted by people at a glance; every column costs each write. What
 * else there is goes, packed, into one column of JSON: `detail ->> 'grace_s'` reads it in SQL. Members of a detail that are
 * 0 or NULL are left out (usage: what is not known), and the others stand in the order of the list.
 *
 * A new member gets a line at the end of a DETAILS list, and STORE_VERSION goes up, so that an older program does not
 * drop it when it writes the row again.
 */
#ifndef STORE_TABLE_H
#define STORE_TABLE_H

#include "src/base/base.h"
#include "src/base/buf.h"
#include <mscg/job.h>
#include <sqlite3.h>

/* name, size of the member (0: any) */
#define COLUMN_TYPES(X) \
	X(BOOL,  sizeof(bool)) \
	X(U8,    1) \
	X(U16,   2) \
	X(U32,   4) \
	X(I32,   4) \
	X(ENUM,  sizeof(enum mscg_state)) \
	X(I64,   8) \
	X(U64,   8) /* as a signed number of the same bits */ \
	X(USAGE, 8) /* MSCG_UNKNOWN is NULL */ \
	X(TEXT,  sizeof(char *)) \
	X(NAME,  sizeof(char *)) /* const, of intern() */ \
	X(CHARS, 0) /* char[], NUL ended; "" is NULL */

enum column_type {
#define X(name, size) COLUMN_##name,
	COLUMN_TYPES(X)
#undef X
};

/* When an existing row is written again: a column that is indexed costs its index a write even if nothing changes. */
enum column_role {
	ROLE_PLAIN,
	ROLE_FIXED, /* written once */
	ROLE_END,   /* indexed; changes when a job's outcome does, if ever */
};

struct column {
	const char *name;
	uint16_t    offset, size;
	uint8_t     type, name_size;
};
struct columns {
	const struct column *column;
	unsigned             n;
};

/* type, role, member, name */
#define JOB_COLUMNS(X) \
	X(U8,    PLAIN, job.state,              state) \
	X(U32,   END,   job.uid,                uid) \
	X(U8,    PLAIN, job.reason,             reason) \
	X(I64,   PLAIN, job.submit_usec,        submit_usec) \
	X(I64,   PLAIN, job.start_usec,         start_usec) \
	X(I64,   END,   job.end_usec,           end_usec) \
	X(I32,   PLAIN, job.exit_code,          exit_code) \
	X(I32,   PLAIN, job.exit_signal,        exit_signal) \
	X(I32,   PLAIN, job.priority,           priority) \
	X(U32,   PLAIN, job.attempt,            attempt) \
	X(U32,   PLAIN, job.cpus_milli,         cpus_milli) \
	X(U32,   PLAIN, job.current_cpus_milli, current_cpus_milli) \
	X(U64,   PLAIN, job.mem_bytes,          mem_bytes)
#define JOB_DETAILS(X) \
	X(U32,   PLAIN, job.flags,              flags) \
	X(U32,   PLAIN, job.min_cpus_milli,     min_cpus_milli) \
	X(U32,   PLAIN, job.max_cpus_milli,     max_cpus_milli) \
	X(U32,   PLAIN, job.time_limit_s,       time_limit_s) \
	X(U32,   PLAIN, job.grace_s,            grace_s) \
	X(TEXT,  PLAIN, pending,                pending) \
	X(U32,   PLAIN, array_throttle,         array_throttle) \
	X(U32,   PLAIN, array_ended,            array_ended) \
	X(U32,   PLAIN, array_worst,            array_worst) \
	X(U32,   PLAIN, array_failed,           array_failed) \
	X(I64,   PLAIN, job.begin_usec,         begin_usec) \
	X(I64,   PLAIN, job.deadline_usec,      deadline_usec) \
	X(TEXT,  PLAIN, dependency,             dependency) \
	X(U32,   PLAIN, job.restarts,           restarts) \
	X(U32,   PLAIN, job.max_retries,        max_retries) \
	X(I64,   PLAIN, job.suspend_usec,       suspend_usec) \
	X(I64,   PLAIN, job.suspended_usec,     suspended_usec) \
	X(U32,   PLAIN, job.warn_signal,        warn_signal) \
	X(U16,   PLAIN, job.warn_s,             warn_s) \
	X(U32,   PLAIN, job.time_min_s,         time_min_s) \
	X(U32,   PLAIN, job.time_max_s,         time_max_s) \
	X(U32,   PLAIN, array_max_fails,        array_max_fails) \
	X(U32,   PLAIN, array_fails,            array_fails) \
	X(U32,   PLAIN, job.qos,                qos) \
	X(U32,   PLAIN, job.partition,          partition) \
	X(TEXT,  PLAIN, account,                account) \
	X(NAME,  PLAIN, job.gres,               gres) \
	X(U32,   PLAIN, job.time_extend_s,      time_extend_s) \
	X(U32,   PLAIN, job.min_mem_mib,        min_mem_mib) \
	X(U32,   PLAIN, job.max_mem_mib,        max_mem_mib) \
	X(U32,   PLAIN, job.reservation,        reservation) \
	X(TEXT,  PLAIN, held,                   held) \
	X(TEXT,  PLAIN, unstarted,              unstarted) \
	X(U32,   PLAIN, unstarted_n,            unstarted_n) \
	X(U8,    PLAIN, unstarted_reason,       unstarted_reason) \
	X(I64,   PLAIN, unstarted_usec,         unstarted_usec)

/* In a column `run` of its own, NULL while the job has none; then "usage", a list in the order of USAGES (left out
 * where nothing is known), and "grant". */
#define RUN_DETAILS(X) \
	X(U32,   PLAIN, slot,                   slot) \
	X(U64,   PLAIN, cgroup_id,              cgroup_id) \
	X(I32,   PLAIN, pid,                    pid) \
	X(I64,   PLAIN, held_since_usec,        held_since_usec) \
	X(CHARS, PLAIN, fail_text,              fail_text) \
	X(U64,   PLAIN, mem_asked_bytes,        mem_asked_bytes) \
	X(U64,   PLAIN, past.cpu_usec,          past_cpu_usec) \
	X(U64,   PLAIN, past.mem_mib_msec,      past_mem_mib_msec) \
	X(U64,   PLAIN, past.gpu_usec,          past_gpu_usec)
#define USAGES(X) \
	X(USAGE, PLAIN, cpu_usec,               cpu_usec) \
	X(USAGE, PLAIN, cpu_user_usec,          cpu_user_usec) \
	X(USAGE, PLAIN, cpu_system_usec,        cpu_system_usec) \
	X(USAGE, PLAIN, cpu_held_usec,          cpu_held_usec) \
	X(USAGE, PLAIN, nr_throttled,           nr_throttled) \
	X(USAGE, PLAIN, throttled_usec,         throttled_usec) \
	X(USAGE, PLAIN, memory_peak_bytes,      memory_peak_bytes) \
	X(USAGE, PLAIN, memory_anon_bytes,      memory_anon_bytes) \
	X(USAGE, PLAIN, memory_file_bytes,      memory_file_bytes) \
	X(USAGE, PLAIN, memory_shmem_bytes,     memory_shmem_bytes) \
	X(USAGE, PLAIN, oom_kills,              oom_kills) \
	X(USAGE, PLAIN, pids_peak,              pids_peak) \
	X(USAGE, PLAIN, io_read_bytes,          io_read_bytes) \
	X(USAGE, PLAIN, io_write_bytes,         io_write_bytes) \
	X(USAGE, PLAIN, log_cut_bytes,          log_cut_bytes)
#define SHARE_DETAILS(X) \
	X(TEXT,  PLAIN, node,                   node) \
	X(TEXT,  PLAIN, gres,                   gres) \
	X(U32,   PLAIN, cpu_milli,              cpu_milli) \
	X(U64,   PLAIN, mem_bytes,              mem_bytes)

#define SPEC_COLUMNS(X) \
	X(TEXT,  FIXED, name,                   name) \
	X(TEXT,  FIXED, user,                   user) \
	X(TEXT,  FIXED, account,                account) \
	X(TEXT,  FIXED, workdir,                workdir)
#define SPEC_DETAILS(X) \
	X(U32,   FIXED, uid,                    uid) \
	X(U32,   FIXED, gid,                    gid) \
	X(TEXT,  FIXED, home,                   home) \
	X(TEXT,  FIXED, stdin_path,             stdin_path) \
	X(TEXT,  FIXED, stdout_path,            stdout_path) \
	X(TEXT,  FIXED, stderr_path,            stderr_path) \
	X(TEXT,  FIXED, partition,              partition) \
	X(TEXT,  FIXED, comment,                comment) \
	X(TEXT,  FIXED, submit_line,            submit_line) \
	X(BOOL,  FIXED, shell,                  shell) \
	X(BOOL,  FIXED, append,                 append) \
	X(BOOL,  FIXED, elastic,                elastic) \
	X(BOOL,  FIXED, slurm_env,              slurm_env) \
	X(BOOL,  FIXED, requeue,                requeue) \
	X(BOOL,  FIXED, attached,               attached) \
	X(BOOL,  FIXED, pty,                    pty) \
	X(ENUM,  FIXED, cpu_mode,               cpu_mode) \
	X(U32,   FIXED, cpus_milli,             cpus_milli) \
	X(U32,   FIXED, min_cpus_milli,         min_cpus_milli) \
	X(U32,   FIXED, max_cpus_milli,         max_cpus_milli) \
	X(U64,   FIXED, mem_bytes,              mem_bytes) \
	X(U32,   FIXED, time_limit_s,           time_limit_s) \
	X(U32,   FIXED, grace_s,                grace_s) \
	X(I32,   FIXED, priority,               priority) \
	X(U32,   FIXED, umask,                  umask) \
	X(U32,   FIXED, array_throttle,         array_throttle) \
	X(BOOL,  FIXED, hold,                   hold) \
	X(I64,   FIXED, begin_usec,             begin_usec) \
	X(I64,   FIXED, deadline_usec,          deadline_usec) \
	X(TEXT,  FIXED, dependency,             dependency) \
	X(TEXT,  FIXED, isolate,                isolate) \
	X(TEXT,  FIXED, allow,                  allow) \
	X(BOOL,  FIXED, truncate,               truncate) \
	X(U32,   FIXED, max_retries,            max_retries) \
	X(U64,   FIXED, log_max,                log_max) \
	X(TEXT,  FIXED, signal,                 signal) \
	X(U32,   FIXED, time_min_s,             time_min_s) \
	X(U32,   FIXED, max_fails,              max_fails) \
	X(TEXT,  FIXED, binds,                  binds) \
	X(TEXT,  FIXED, qos,                    qos) \
	X(BOOL,  FIXED, by_pressure,            by_pressure) \
	X(TEXT,  FIXED, rootfs,                 rootfs) \
	X(TEXT,  FIXED, gres,                   gres) \
	X(U32,   FIXED, time_extend_s,          time_extend_s) \
	X(BOOL,  FIXED, delegate,               delegate) \
	X(U64,   FIXED, min_mem_bytes,          min_mem_bytes) \
	X(U64,   FIXED, max_mem_bytes,          max_mem_bytes) \
	X(TEXT,  FIXED, reservation,            reservation)

#define EVENT_COLUMNS(X) \
	X(I64,   FIXED, time_usec,              time_usec) \
	X(U8,    FIXED, kind,                   kind) \
	X(U8,    FIXED, state,                  state) \
	X(U32,   FIXED, attempt,                attempt)
#define EVENT_DETAILS(X) \
	X(U8,    FIXED, reason,                 reason) \
	X(I32,   FIXED, exit_code,              exit_code) \
	X(I32,   FIXED, exit_signal,            exit_signal) \
	X(U32,   FIXED, cpus_milli,             cpus_milli) \
	X(U64,   FIXED, mem_bytes,              mem_bytes) \
	X(TEXT,  FIXED, cpus,                   cpus) \
	X(TEXT,  FIXED, text,                   text) \
	X(U8,    FIXED, field,                  field) \
	X(I64,   FIXED, value,                  value) \
	X(TEXT,  FIXED, gres,                   gres)

/* The places of columns in a SELECT of the whole table. What is not a member as it stands comes first or last. */
#define X(type, role, member, name) JOB_##name,
enum { JOB_key, JOB_outcome, JOB_COLUMNS(X) JOB_detail, JOB_run, JOB_waiting, JOB_sum, JOB_WIDTH };
#undef X
#define X(type, role, member, name) SPEC_##name,
enum { SPEC_job, SPEC_COLUMNS(X) SPEC_argv, SPEC_detail, SPEC_env, SPEC_script, SPEC_sum, SPEC_WIDTH };
#undef X
#define X(type, role, member, name) EVENT_##name,
enum { EVENT_seq, EVENT_key, EVENT_COLUMNS(X) EVENT_detail, EVENT_sum, EVENT_WIDTH };
#undef X

extern const struct columns job_columns, job_details, run_details, usages, share_details, spec_columns, spec_details,
	event_columns, event_details;

/* Replaces in a template: {job} the columns' names, {job?} their parameters ?1,?2,…, {job=} "name"=?n for all that
 * may change, {job~} the same without what an index has, {job+} their declarations; {spec…} and
 * {event…} likewise. The caller frees. */
char *table_sql(const char *template);

/* What a job came to, in the few values that lists are looked up by. Part of the file format. */
enum outcome { OUTCOME_NONE, OUTCOME_COMPLETED, OUTCOME_OTHER, OUTCOME_COUNT };
enum outcome outcome_of(enum mscg_state state);

/* Ids as one number, so that a table is ordered by it and needs no second index: an array's record comes before its
 * tasks. */
#define KEY_JOB_MAX ((uint32_t)INT32_MAX)
static inline int64_t key_of(struct mscg_id id)
{
	return (int64_t)((uint64_t)id.job << 32 | (uint32_t)(id.task + 1));
}
static inline struct mscg_id key_id(int64_t key)
{
	return (struct mscg_id){.job = (uint32_t)((uint64_t)key >> 32), .task = (uint32_t)key - 1};
}
static inline int64_t key_first(uint32_t job)
{
	return (int64_t)((uint64_t)job << 32);
}
static inline int64_t key_last(uint32_t job)
{
	return (int64_t)((uint64_t)job << 32 | UINT32_MAX);
}

/* Checksums find what a disk or a stray write changed; they are no defence against someone who may write the file. */
static inline uint64_t sum_mix(uint64_t a, uint64_t b)
{
	uint64_t x = (a ^ (b + UINT64_C(0x9e3779b97f4a7c15))) * UINT64_C(0xd6e8feb86659fd93);
	return x ^ (x >> 32);
}
uint64_t sum_bytes(const void *data, size_t size);

/* Binds parameters 1, 2, … in order and sums them up on the way, each with its place. Texts must live until the statement
 * has run. */
struct out {
	sqlite3_stmt *stmt;
	int           at, rc;
	uint64_t      sum;
};
void out_null(struct out *out);
void out_int(struct out *out, int64_t value);
void out_text(struct out *out, const char *text, size_t size); /* NULL is NULL */
void out_blob(struct out *out, const void *data, size_t size);
void out_columns(struct out *out, const struct columns *columns, const void *base);
void out_sum(struct out *out);

/* Reads result columns 0, 1, … the same way. */
struct in {
	sqlite3_stmt *stmt;
	int           at;
	uint64_t      sum;
};
int64_t     in_int(struct in *in, int64_t when_null);
const char *in_text(struct in *in, size_t *ret_size); /* borrowed from the statement; NULL for NULL */
void        in_columns(struct in *in, const struct columns *columns, void *base);
bool        in_sum_matches(struct in *in);

#endif
