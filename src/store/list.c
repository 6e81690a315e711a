/* Slices of the list, in order of key.
 *
 * What a filter names that an index knows (a user, what came of the job) chooses the cursors; the rest is looked at row by
 * row, on the few columns that it takes, and never more rows than the caller is ready to wait for.
 */
#include "src/store/internal.h"

#define CURSORS_MAX 2
#define FEW_ACTIVE  10000 /* so few are walked rather than all that a user ever had */
#define BOUND_ROWS  20000 /* ended jobs that are looked at for a lower bound; it is a shortcut, and can be done without */

struct cursor {
	sqlite3_stmt *st;
	bool          on_row;
	int64_t       key;
};
struct walk {
	struct cursor cursor[CURSORS_MAX];
	unsigned      n;
	bool          down;
};

static void cleanup_walk(struct walk *walk)
{
	for (unsigned i = 0; i < walk->n; i++)
		cleanup_reset(&walk->cursor[i].st);
}

static int step(struct store *store, struct cursor *c, struct mscg_error *error)
{
	int rc = sqlite3_step(c->st);
	c->on_row = rc == SQLITE_ROW;
	if (c->on_row)
		c->key = sqlite3_column_int64(c->st, JOB_key);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : sql_error(store, rc, error, "cannot read the jobs");
}

/* The cursor that stands on the next row, NULL at the end. */
static struct cursor *next(struct walk *walk)
{
	struct cursor *best = NULL;
	for (unsigned i = 0; i < walk->n; i++) {
		struct cursor *c = &walk->cursor[i];
		if (c->on_row && (!best || (walk->down ? c->key > best->key : c->key < best->key)))
			best = c;
	}
	return best;
}

static unsigned outcomes(uint32_t states)
{
	unsigned set = 0;
	for (int s = 0; s < MSCG_STATE_COUNT; s++)
		if (states == 0 || states & 1u << s)
			set |= 1u << outcome_of((enum mscg_state)s);
	return set;
}

static bool few_are_active(const struct store *store)
{
	int64_t n = 0;
	for (int s = 0; s < MSCG_STATE_COUNT; s++)
		n += outcome_of((enum mscg_state)s) == OUTCOME_NONE ? store->kept.sums[s].jobs : 0;
	return n < FEW_ACTIVE;
}

/* Which cursors give all rows that may match, as a bit set. Most jobs are completed: where those are wanted, it is the
 * table itself. */
enum way { WAY_ALL, WAY_USER, WAY_ACTIVE, WAY_OTHER };

static unsigned ways(const struct store *store, uint32_t states, bool by_user)
{
	unsigned set = outcomes(states);
	if (set == 1u << OUTCOME_NONE && (!by_user || few_are_active(store)))
		return 1u << WAY_ACTIVE;
	if (by_user)
		return 1u << WAY_USER;
	if (set & 1u << OUTCOME_COMPLETED)
		return 1u << WAY_ALL;
	return (set & 1u << OUTCOME_NONE ? 1u << WAY_ACTIVE : 0) | (set & 1u << OUTCOME_OTHER ? 1u << WAY_OTHER : 0);
}

static int open_walk(struct store *store, struct walk *walk, unsigned set, uint32_t uid, int64_t low, int64_t high,
                     struct mscg_error *error)
{
	static const enum statement statement[][2] = {
		[WAY_ALL]    = {ST_LIST_ALL_UP, ST_LIST_ALL_DOWN},
		[WAY_USER]   = {ST_LIST_USER_UP, ST_LIST_USER_DOWN},
		[WAY_ACTIVE] = {ST_LIST_ACTIVE_UP, ST_LIST_ACTIVE_DOWN},
		[WAY_OTHER]  = {ST_LIST_OTHER_UP, ST_LIST_OTHER_DOWN},
	};
	int r;

	for (unsigned w = 0; w < ARRAY_SIZE(statement); w++) {
		if (!(set & 1u << w))
			continue;
		struct cursor *c = &walk->cursor[walk->n++];
		c->st = store->st[statement[w][walk->down]];
		sqlite3_bind_int64(c->st, 1, low);
		sqlite3_bind_int64(c->st, 2, high);
		if (w == WAY_USER)
			sqlite3_bind_int64(c->st, 3, uid);
		if ((r = step(store, c, error)) < 0)
			return r;
	}
	return 0;
}

/* Uids that had this name when they submitted: mostly one. Returns how many, two for more. */
static int find_user(struct store *store, const char *name, uint32_t *ret_uid, struct mscg_error *error)
{
	_cleanup_reset_ sqlite3_stmt *st = store->st[ST_USER_FIND];
	int rc, n = 0;
	sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
	while (n < 2 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		*ret_uid = (uint32_t)sqlite3_column_int64(st, 0);
		n++;
	}
	return n == 2 || rc == SQLITE_DONE ? n : sql_error(store, rc, error, "cannot read the users");
}

static int one_row(struct store *store, sqlite3_stmt *borrowed, int64_t *ret_first, int64_t *ret_second,
                   struct mscg_error *error)
{
	_cleanup_reset_ sqlite3_stmt *st = borrowed;
	int rc = sqlite3_step(st);
	if (rc != SQLITE_ROW)
		return sql_error(store, rc, error, "cannot read the jobs");
	*ret_first = sqlite3_column_type(st, 0) == SQLITE_NULL ? INT64_MAX : sqlite3_column_int64(st, 0);
	if (ret_second)
		*ret_second = sqlite3_column_int64(st, 1);
	return 0;
}

/* A key below which no job ran or waited at `since` or later. It stays one while time goes on: what ends later is active
 * now, and what is new has a higher key. */
static int lower_bound(struct store *store, int64_t since_usec, int64_t *ret, struct mscg_error *error)
{
	int64_t ended, count, active;
	int r;

	if (store->since_usec != since_usec) {
		sqlite3_bind_int64(store->st[ST_ENDED_SINCE], 1, since_usec);
		sqlite3_bind_int(store->st[ST_ENDED_SINCE], 2, BOUND_ROWS);
		if ((r = one_row(store, store->st[ST_ENDED_SINCE], &ended, &count, error)) < 0 ||
		    (r = one_row(store, store->st[ST_ACTIVE_FIRST], &active, NULL, error)) < 0)
			return r;
		int64_t known = MIN_OF(MIN_OF(ended, active), key_first(store->kept.next_job_id));
		store->since_key = count < BOUND_ROWS ? known : 0;
		store->since_usec = since_usec;
	}
	*ret = store->since_key;
	return 0;
}

static bool has_state(const struct store_filter *f, int state)
{
	return state >= 0 && state < 32 && f->states & 1u << state;
}

static bool has_states(const struct store_filter *f, const struct mscg_row *row)
{
	bool stands_for_them = f->unstarted && row->unstarted_n && outcome_of((enum mscg_state)row->job.state) == OUTCOME_OTHER;

	return !f->states || has_state(f, stands_for_them ? mscg_row_unstarted_state(row) : row->job.state);
}

static bool row_matches(const struct store_filter *f, uint32_t uid, sqlite3_stmt *st)
{
	bool array = sqlite3_column_type(st, JOB_waiting) != SQLITE_NULL;
	if (f->states && !array && !has_state(f, sqlite3_column_int(st, JOB_state)))
		return false;
	if (uid != UINT32_MAX && (uint32_t)sqlite3_column_int64(st, JOB_uid) != uid)
		return false;
	if (f->until_usec && sqlite3_column_int64(st, JOB_submit_usec) > f->until_usec)
		return false;
	return !f->since_usec || sqlite3_column_int(st, JOB_outcome) == OUTCOME_NONE ||
	       sqlite3_column_int64(st, JOB_end_usec) >= f->since_usec;
}

static bool is(sqlite3_stmt *st, int column, const char *wanted)
{
	return !wanted || streq(wanted, (const char *)sqlite3_column_text(st, column));
}

/* 1 and the spec, or 0 when it is not what the filter asks for. */
static int matching_spec(struct store *store, const struct store_filter *f, uint32_t job, struct mscg_spec **ret,
                         struct mscg_error *error)
{
	_cleanup_reset_ sqlite3_stmt *st = store->st[ST_SPEC_GET];
	sqlite3_bind_int64(st, 1, job);
	int rc = sqlite3_step(st);
	if (rc == SQLITE_DONE)
		return mscg_error_set(error, -EBADMSG, "%s/mscg.db is damaged (job %u asked for nothing); restore a backup",
		                      store->dir, job);
	if (rc != SQLITE_ROW)
		return sql_error(store, rc, error, "cannot read the jobs");
	if (!is(st, SPEC_name, f->name) || !is(st, SPEC_user, f->user) || !is(st, SPEC_account, f->account))
		return 0;
	int r = spec_read_row(store, st, false, ret, error);
	return r < 0 ? r : 1;
}

struct list {
	struct store_record *record;
	uint32_t             n, cap;
	size_t               bytes;
};

static size_t text_bytes(const char *text)
{
	return text ? strlen(text) : 0;
}

size_t store_record_bytes(const struct store_record *record)
{
	const struct mscg_row *row = &record->row;
	const struct mscg_spec *spec = record->spec;
	size_t n = text_bytes(row->pending) + text_bytes(row->held) + text_bytes(row->unstarted) + text_bytes(row->dependency) + text_bytes(spec->dependency) +
	           text_bytes(spec->submit_line);

	for (char *const *arg = spec->argv; arg && *arg; arg++)
		n += strlen(*arg) + sizeof *arg;
	return n;
}

static void cleanup_list(struct list *list)
{
	store_records_free(list->record, list->n);
}

static int add_row(struct store *store, const struct store_filter *f, sqlite3_stmt *st, struct list *list,
                   struct mscg_error *error)
{
	struct store_record record = {0};
	int r = matching_spec(store, f, key_id(sqlite3_column_int64(st, JOB_key)).job, &record.spec, error);
	if (r <= 0)
		return r;
	r = row_read(store, st, &record.row, error);
	if (r < 0 || (f->partition && record.row.job.partition != f->partition) || !has_states(f, &record.row)) {
		store_record_clear(&record);
		return r;
	}
	GROW(list->record, list->n, list->cap);
	list->bytes += f->bytes_max ? store_record_bytes(&record) : 0;
	list->record[list->n++] = record;
	return 0;
}

static int range_of(struct store *store, const struct store_filter *f, int64_t *low, int64_t *high, struct mscg_error *error)
{
	int64_t bound = 0, after = f->after.job <= KEY_JOB_MAX ? key_of(f->after) : INT64_MAX;
	int r;

	*low = f->job ? key_first(MIN_OF(f->job, KEY_JOB_MAX)) : 0;
	*high = f->job ? (f->job <= KEY_JOB_MAX ? key_last(f->job) : 0) : INT64_MAX;
	if (f->after.job && f->newest_first)
		*high = MIN_OF(*high, after - 1);
	else if (f->after.job)
		*low = after == INT64_MAX ? after : MAX_OF(*low, after + 1);
	if (f->since_usec > 0) {
		if ((r = lower_bound(store, f->since_usec, &bound, error)) < 0)
			return r;
		*low = MAX_OF(*low, bound);
	}
	return 0;
}

/* Of the newest jobs, those that wait stand before those that have ended. They are walked past once: what a walk from the
 * top finds to have not ended is remembered (ended_high), and row_write() says what has ended above it since. */
static bool walk_from_the_last_ended(struct store *store, const struct store_filter *f, unsigned set, int64_t *high)
{
	bool ended_only = !(outcomes(f->states) & 1u << OUTCOME_NONE), learns;

	learns = ended_only && f->newest_first && set == 1u << WAY_ALL && *high >= store->ended_high;
	if (ended_only)
		*high = MIN_OF(*high, store->ended_high);
	return learns;
}

int store_list_next(struct store *store, const struct store_filter *f, struct store_record **ret, uint32_t *ret_n,
                    struct mscg_id *ret_last, bool *ret_more, struct mscg_error *error)
{
	_cleanup_(cleanup_list) struct list list = {0};
	_cleanup_(cleanup_walk) struct walk walk = {.down = f->newest_first};
	uint32_t uid = f->uid, looked = 0;
	struct mscg_id last = f->after;
	int64_t low, high;
	int r, users = 1;

	if ((r = store_ready(store, error)) < 0 || (r = range_of(store, f, &low, &high, error)) < 0)
		return r;
	if (f->user && uid == UINT32_MAX && (users = find_user(store, f->user, &uid, error)) < 0)
		return users;
	if (users == 2)
		uid = UINT32_MAX;
	unsigned set = ways(store, f->states, uid != UINT32_MAX);
	bool learns = walk_from_the_last_ended(store, f, set, &high);
	if (users > 0 && low <= high && (r = open_walk(store, &walk, set, uid, low, high, error)) < 0)
		return r;

	struct cursor *c;
	while ((c = next(&walk)) && list.n < f->limit && (!f->scan_max || looked < f->scan_max) &&
	       (!f->bytes_max || list.bytes < f->bytes_max)) {
		last = key_id(c->key);
		looked++;
		learns = learns && sqlite3_column_int(c->st, JOB_outcome) == OUTCOME_NONE;
		if (learns)
			store->ended_high = c->key - 1;
		if (row_matches(f, uid, c->st) && (r = add_row(store, f, c->st, &list, error)) < 0)
			return r;
		if ((r = step(store, c, error)) < 0)
			return r;
	}
	*ret_more = c != NULL;
	*ret_last = last;
	*ret = list.record;
	*ret_n = list.n;
	list = (struct list){0};
	return 0;
}

int store_list(struct store *store, const struct store_filter *filter, struct store_record **ret, uint32_t *ret_n,
               struct mscg_error *error)
{
	struct store_filter all = *filter;
	struct mscg_id last;
	bool more;

	all.scan_max  = 0;
	all.bytes_max = 0;
	return store_list_next(store, &all, ret, ret_n, &last, &more, error);
}
