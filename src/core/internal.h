/* internal.h: what the files of the core share. Nobody outside includes it, except its own tests. */
#ifndef CORE_INTERNAL_H
#define CORE_INTERNAL_H

#include "src/base/base.h"
#include "src/base/clock.h"
#include "src/base/depend.h"
#include "src/base/gres.h"
#include "src/base/moving.h"
#include "src/base/parse.h"
#include "src/core/core.h"
#include "src/core/place.h"
#include "src/core/ids.h"
#include "src/core/treap.h"

#include <inttypes.h>
#include <stdarg.h>

#define CPU 1000u /* thousandths */
#define MEM_MIN (UINT64_C(4) << 20) /* a cgroup with less can not exec */

/* The two pools that CPUs come from. Elastic jobs share only with those of their own pool. */
enum pool { POOL_EXCLUSIVE, POOL_SHARED, POOL_COUNT };

enum entry_bits {
	ENTRY_DIRTY  = 1 << 0, /* its row is owed to the caller */
	ENTRY_ENDED  = 1 << 1, /* final: freed when the step is over */
	ENTRY_RECORD = 1 << 2, /* of an array */
	ENTRY_EMPTY  = 1 << 3, /* restart: a task came before the record of its array */
};

/* A job, a task that was granted once, or the record of an array. What a job has only once it was granted is in
 * `live`, so that a waiting one stays small. */
struct entry {
	struct mscg_job job;
	struct tnode    node;  /* among the waiting of its shape; bits: enum entry_bits */
	struct shape   *shape; /* NULL: not in the index */
	struct live    *live;
	struct array   *array; /* record: its own; task: its record's */
	struct depends *depends; /* what it still waits for; NULL: nothing. Owned */
	struct assoc *assoc;     /* whom it is charged to; NULL: it does not count */
};

/* A place in the order of the queue. */
struct mark {
	int32_t  priority;
	double   score; /* what its factors come to, and since when its age counts; 0 where order is not by factors */
	int64_t  since;
	struct mscg_id id;
};

/* totals.c: what all jobs of a QOS or of a partition have of what runs. */
enum total_kind { TOTAL_QOS, TOTAL_PARTITION, TOTAL_KINDS };
struct total {
	enum total_kind kind;
	uint32_t key; /* name_key() */
	uint64_t running, cpus, mem; /* granted; --cpus in thousandths, bytes */
	struct shape *shapes; /* of what waits */
};
struct in_total {
	struct total *total; /* NULL: none */
	struct shape *next, **link; /* all of this total */
};

/* All waiting jobs with the same needs. */
struct shape {
	struct tnode  node; /* among shapes, by head; only feasible ones */
	struct shape *next; /* of the same hash */
	struct tnode *jobs;
	struct entry *head; /* first of jobs */
	struct mark   mark; /* of the head, where it is listed */
	struct assoc *assoc; /* whose, where order is by factors; NULL: anybody's */
	uint64_t mem;
	uint32_t cpus, min; /* thousandths */
	uint32_t limit_s, grace_s, time_min_s, qos, partition;
	const char *gres;
	const struct gres_need *need;
	uint32_t reservation;
	struct shape *reserve_next, **reserve_link; /* all that have one */
	bool     quota, elastic, feasible, listed;
	struct user  *user; /* whose, where users have limits; NULL: anybody's */
	struct shape *user_next, **user_link; /* all of this user */
	struct in_total in[TOTAL_KINDS];
	/* Least need below this node of the tree: by pool, so that whole subtrees are passed over. */
	uint32_t least[POOL_COUNT]; /* of what needs no generic resources, and has no reservation */
	uint32_t least_gres;        /* CPUs of what does */
	uint64_t all_want;          /* accounts that all of these need */
	uint64_t least_mem;
	uint32_t least_reserved;    /* CPUs of what has one */
};

struct queue {
	struct tnode  *shapes; /* feasible ones that have jobs */
	struct shape **bucket;
	bool           by_user; /* shapes are of one user each: users have limits */
	bool           by_partition; /* shapes are of one partition each: there are some */
	uint32_t       buckets, count;
};

/* share.c: an account, or the root of all */
struct figures {
	double norm, usage, effective;
};
#define NOWHERE UINT32_MAX /* an account that is not configured any more; its usage is kept for when it is again */
struct account {
	char    *name; /* "": the root */
	uint32_t up, shares;
	double   budget; /* 0: none */
	double   cpu_s, siblings, spent; /* when it was last worked out */
	struct figures figures;
};
/* One user in one account. */
struct assoc {
	struct assoc *next, *same_user;
	char    *account;
	uint32_t at; /* place of the account */
	uint32_t uid, shares;
	uint64_t entries; /* jobs, tasks and records that are not over */
	double   cpu_s; int64_t at_usec; /* usage, as it was then (wall clock) */
	double   spent; int64_t spent_from; /* in the period that began then */
	bool     dirty; /* it is owed to the caller */
	double   now_s, spent_now; struct figures figures; /* when they were last worked out */
	bool     over; /* by the last calculation: its budget is spent, nothing more of it starts */
	double   factor; /* by the last calculation: what the queue is in order of */
};
struct shares {
	struct account *account; uint32_t accounts; /* the root first, each behind the one above it */
	struct core_member *member;
	struct assoc   *assocs;
	struct ids      users; /* uid: first of his */
	bool            dirty, calculated, on; /* on: usage is counted */
	int64_t         calc_boot, calc_real; /* when factors were calculated last */
};

enum timer_kind { TIMER_DEADLINE, TIMER_BACKOFF };
struct timer {
	struct tnode   node;
	int64_t        at; /* boot clock; USEC_NEVER: not set */
	struct entry  *entry;
	enum timer_kind kind;
};

/* A resize that the engine was told of and has not answered. */
struct flight {
	uint64_t seq;
	uint32_t cpus, before; /* thousandths */
	uint64_t mem, mem_before;
	struct mscg_cpuset set, set_before;
	bool     by_hand, cpus_asked;
	bool     settles; /* after a restart */
	bool     for_others; /* makes room */
	bool     suspends, resumes;
	bool     sheds; /* memory, for another */
	bool     preempts; /* makes room for who may preempt it */
	bool     reserves; /* makes room for a reservation */
	uint64_t token;
	uint32_t pledged; /* shared pool: given away already to a starter */
	/* A shrink for others may be enlarged while the step that decided it lasts. */
	uint64_t step;
	uint32_t event, action; /* in the output of that step */
	struct mscg_id *starters; uint32_t starters_n, starters_cap;
};

/* What elastic jobs could give; lent: above --cpus, yield: from there down to --min-cpus. `later` counts also what a
 * resize or a launch under way holds back for the moment. Thousandths of CPUs. */
struct sums {
	uint64_t lent, yield, lent_later, yield_later;
};

/* A shrink that a launch waits for: whose, and how much of it is for this one. */
struct awaited {
	uint64_t       seq;
	struct mscg_id victim;
	uint32_t       cpus;
};

/* users.c: what somebody has. */
struct have {
	uint32_t qos; /* in this one; 0: in all */
	uint64_t submitted; /* waiting and granted, each task of an array */
	uint64_t running, cpus, mem; /* granted; --cpus in thousandths, bytes */
};
struct user {
	uint32_t uid;
	struct have  all, *in; uint32_t in_n; /* in: for each QOS that it has jobs in */
	struct shape *shapes; /* of what waits, where there are limits */
};

struct live {
	struct entry *entry;
	struct tnode  elastic; /* among the elastic jobs of its pool, lowest priority first */
	struct sums   own, all; /* all: below this node of the tree */
	uint64_t      room, deficit; /* by which it could be grown now; of that, up to its --cpus */
	uint64_t      owed;     /* up to its --cpus, whether it could be grown now or not */
	bool          listed;   /* in the tree */
	/* Granted: time limit, end of grace; no resize before then, the last was refused. Waiting: when gate.c looks again
	 * whether it may start; whether it could still end by its deadline. */
	struct timer  deadline, backoff;
	int64_t       retry_at; /* boot clock: no launch before; 0: none was put off */
	int64_t       started_boot;
	uint32_t      retries, refusals;
	uint32_t      wants; /* by pressure: so many CPUs it could use, in thousandths; 0: not known */
	char          need[64]; /* by pressure: what the engine said of it; "": nothing */
	bool          mem_short; /* its memory moves, and it would have more */
	char          mem_need[256]; /* why it was moved last, or was not; "": nothing */
	uint64_t      mem_floor; int64_t mem_floor_until; /* boot clock: until then it is known not to do with less than that */
	int64_t       calm_until; /* boot clock: it made room for others a moment ago */
	bool          unsure;   /* restart in the middle of a resize: what the kernel has is not known yet */
	bool          restored; /* granted before a restart, and the engine has not said yet what became of it */
	bool          hurt;     /* CPUs of it left the machine: it is below its least, or ... */
	bool          stranded; /* ... none is left at all */
	struct live  *hurt_next, **hurt_link; /* all of these */
	struct live  *granted_next, **granted_link; /* all that hold something */
	struct flight *flight;
	int64_t       suspended_boot; /* since then */
	bool          suspends; /* to be suspended when it runs and nothing of it is under way */
	struct { uint64_t token; bool admin; } suspend;
	bool          wishes;   /* by hand, while a flight was under way */
	struct { uint64_t token; uint32_t cpus; uint64_t mem; } wish;
	bool     counted; uint32_t counted_cpus; uint64_t counted_mem; /* in what its user has */
	struct awaited *after; uint32_t after_n; /* shrinks that its launch waits for */
};

struct array {
	struct entry *record;
	struct ids  tasks; /* that were split off and have not ended */
	struct mscg_range *range; uint32_t first, n, cap; /* that wait and may start; range[first..n) */
	uint32_t *held, held_n, held_cap; /* that wait and are held by themselves; in order */
	uint64_t waiting, active;
	uint32_t throttle, ended, worst, failed, max_fails, fails;
	uint64_t excess; /* more than the throttle may run: it was higher when these were started */
	char    *unstarted; uint32_t unstarted_n; /* as in struct mscg_row */
	uint8_t  unstarted_reason; int64_t unstarted_usec;
};

/* gres.c. Counted by name, and by name and type: a request without a type is one of the former. */
enum { GRES_ACCOUNTS = 64 };
_Static_assert(2 * CORE_GRES_MAX <= GRES_ACCOUNTS && GRES_ACCOUNTS <= 64, "a bit for each account, two of a kind at most");
struct gres_kind {
	char     name[GRES_NAME_MAX], type[GRES_NAME_MAX];
	uint64_t units, free; /* devices, by number; none: these are only counted */
	bool     near_some; /* of the CPUs */
	struct mscg_cpuset near;
	bool     wanted; /* the head of the queue waits for this type: who has no preference gets another */
};
struct gres_account {
	char     name[GRES_NAME_MAX], type[GRES_NAME_MAX]; /* type "": all of the name */
	uint32_t total;
	int64_t  free; /* below 0: there were more when they were given out */
};
/* What one request comes to on this machine. */
struct gres_need {
	const char *text;
	uint64_t    jobs; /* that have it */
	struct gres gres;
	uint32_t    n[GRES_ACCOUNTS];
	uint64_t    wants; /* accounts, 1 << index */
	bool        mixed; /* without a type, and there are types: what it gets counts for these too */
	const struct gres_part *unknown; /* there is none of its name or type; NULL: there is of all */
};
struct gres_books {
	struct gres_kind    kind[CORE_GRES_MAX];    uint32_t kinds;
	struct gres_account account[GRES_ACCOUNTS]; uint32_t accounts;
	uint64_t            gone; /* accounts that have nothing free */
	struct gres_need    choice; /* gres_choice() */
	struct gres_need  **need; uint32_t needs, needs_cap; /* of all jobs, by address of the text */
};

/* From `at` on (boot clock) so much is free: thousandths of CPUs, bytes, and so many jobs more may run. Below 0: owed. */
struct plan_point {
	int64_t at;
	int64_t cpus[POOL_COUNT], mem, jobs;
};

struct plan {
	struct plan_point *point;
	uint32_t n, cap;
	int64_t *gres; /* of each point, one after another, so many in each account */
	uint32_t gres_cap, accounts;
	int32_t  priority; /* for which it was made: those below have less to take from others */
};

struct plan_need {
	uint64_t  cpus, mem, beyond; /* beyond: to be there, and not used */
	enum pool pool;
	const struct gres_need *gres;
	int64_t   span; /* USEC_NEVER: for ever */
	bool      begins; /* it is one job more that runs */
};

/* reserve.c */
struct reservation {
	struct core_reservation is;
	uint32_t key, running;
	bool     begun;
	uint64_t used_cpus, used_mem; /* by its jobs */
};
struct reserve {
	struct reservation *all; uint32_t n, cap;
	uint64_t kept_cpus, kept_mem; /* of what has begun, that none of its jobs has */
	uint64_t near_cpus; /* of what begins soon */
	int64_t  wake;      /* boot clock: one begins or ends */
	int64_t  recheck;   /* boot clock: some waiting job has too little time left then */
	struct shape *shapes; /* of what waits for one */
	struct plan   plan;   /* of this step: what is free when elastic jobs have their least; only where there are any */
};

struct core {
	struct core_policy policy;
	char              *node;
	struct place       place;
	struct mscg_cpuset shared, shared_mems;
	uint64_t shared_total; /* thousandths */
	int64_t  shared_free;  /* below 0 for a moment when a shrink was refused */
	uint64_t mem_total, mem_held;
	uint32_t mem_moving, mem_short; /* jobs that hold something and whose memory moves; of these, those that would have more */
	/* By CPU number: who has it, and who gets it when that one has let go. */
	struct entry **holder, **claim;
	uint32_t       cpu_limit;

	struct gres_books gres;

	struct ids  waited; /* by number of a job: who waits for it or its tasks (depend.c) */
	struct ids  jobs; /* plain jobs and records */
	struct ids  users;
	struct ids  totals[TOTAL_KINDS]; /* by key */
	struct entry *spare, **chunk; uint32_t chunks, chunks_cap;
	struct queue  queue;
	struct shares shares;
	struct tnode *timers;
	struct tnode *elastic[POOL_COUNT];
	struct live  *hurt, *granted;
	int64_t       grow_at; /* somebody could grow then */
	int64_t       preempt_at; /* somebody can be preempted from then on */
	uint64_t      room[POOL_COUNT], deficit[POOL_COUNT], owed[POOL_COUNT];

	struct plan   plan; /* of the last step that needed one */
	struct reserve reserve;

	uint32_t next_job_id;
	uint64_t next_seq;
	bool     drained;
	uint64_t count[MSCG_STATE_COUNT]; /* jobs and tasks, waiting tasks of arrays too; records not */

	/* For one step. */
	struct core_output *out;
	struct core_now now;
	uint64_t step;
	struct entry **dirty; uint32_t dirty_n, dirty_cap;
	const struct entry *head; /* what nothing that starts or grows may make later; NULL: nobody */
	int64_t  head_at; /* when that one is to start; USEC_NEVER: it is guarded */
	bool     wanted; /* somebody who waits will start when what is under way has come back */
	bool     exceeded; /* users, QOS or partitions have more than they may have: limits were higher when these were started */
	bool     squeezed; /* the machine became smaller than what was granted */
	bool     broken; /* an event did not fit the table */
	char     broken_text[256];
};

/* jobs.c: the table of jobs */
struct entry *entry_new(struct core *core);
void          entry_free(struct core *core, struct entry *e);
struct entry *entry_find(const struct core *core, struct mscg_id id); /* jobs, records, split tasks; NULL */
void          entry_index(struct core *core, struct entry *e);        /* makes it findable */
struct live  *entry_live(struct core *core, struct entry *e);            /* makes it if need be */
void          entry_drop_live(struct core *core, struct entry *e);
void          entry_forget_live(struct entry *e); /* when everything goes: its timers are not looked at any more */
static inline bool is_record(const struct entry *e)
{
	return e->node.bits & ENTRY_RECORD;
}
/* So many jobs more may run, whatever is free. Below 0: there were more before. */
static inline int64_t jobs_left(const struct core *core)
{
	const uint64_t *n = core->count;

	return core->policy.max_jobs ? (int64_t)(core->policy.max_jobs - n[MSCG_STATE_RUNNING] - n[MSCG_STATE_SUSPENDED] - n[MSCG_STATE_COMPLETING])
	                             : UINT32_MAX;
}
static inline bool is_full(const struct core *core)
{
	return jobs_left(core) <= 0;
}
static inline enum pool pool_of(const struct mscg_job *job)
{
	return job->flags & MSCG_JOB_QUOTA ? POOL_SHARED : POOL_EXCLUSIVE;
}
static inline struct mscg_share *share_of(const struct entry *e)
{
	return &e->job.run->grant->share[0];
}
static inline bool holds(const struct entry *e)
{
	return e->job.run && e->job.run->grant;
}
/* What it holds is its own already. The others wait for what was another's to come free, and may end before they have it. */
static inline bool is_firm(const struct entry *e)
{
	return e->job.flags & MSCG_JOB_STARTED && !(e->job.flags & MSCG_JOB_RESUMING && e->job.state != MSCG_STATE_RUNNING);
}
/* Both have a CPU in their grant, and it is this one's. Who stood still for another and goes on by itself has no flag of that: what it was given is
 * the other's, whom it waits for. */
bool is_firm_beside(const struct entry *e, const struct entry *other);
/* What a job needs to start, or to go on: what is suspended has its memory. */
static inline uint64_t mem_needed(const struct mscg_job *job)
{
	return job->state == MSCG_STATE_SUSPENDED ? 0 : job->mem_bytes;
}
/* Its main process is told to end, and killed when its grace time is over. */
#define JOB_ENDING (MSCG_JOB_CANCELLING | MSCG_JOB_TIMED_OUT | MSCG_JOB_REQUEUING | MSCG_JOB_PREEMPTING)
/* Main process is known to run, and nobody is ending it. */
static inline bool runs(const struct entry *e)
{
	return e->job.state == MSCG_STATE_RUNNING && (e->job.flags & MSCG_JOB_STARTED) &&
	       !(e->job.flags & (JOB_ENDING | MSCG_JOB_KILLED));
}

/* output.c: what a step gives */
struct mscg_event out_new(const struct core *core, const struct entry *e, enum mscg_event_kind kind);
/* Applies it to the job and appends it; owns the texts. Returns its place in the output. */
uint32_t           out_event(struct core *core, struct entry *e, struct mscg_event *event);
void               out_touch(struct core *core, struct entry *e);
struct mscg_action *out_action(struct core *core, const struct entry *e, enum mscg_action_kind kind);
__attribute__((format(printf, 7, 8))) struct core_answer *out_answer(struct core *core, uint64_t token, struct mscg_id id, int code,
                                                                   enum core_resize resize, bool last, const char *format, ...);
/* The one answer to an input. */
#define out_say(core, in, code, ...) out_answer(core, (in)->token, (in)->id, code, CORE_RESIZE_NONE, true, __VA_ARGS__)
char *out_set(const struct mscg_cpuset *set); /* malloc'ed */
void  out_rows(struct core *core);
void  out_fill_row(const struct entry *e, struct mscg_row *ret);

/* books.c: who holds what */
uint64_t book_free(const struct core *core, enum pool pool); /* thousandths */
uint64_t book_total(const struct core *core, enum pool pool);
uint64_t book_mem_free(const struct core *core);
void     book_hold(struct core *core, struct entry *e, const struct mscg_cpuset *set);  /* taken from place already */
void     book_claim(struct core *core, struct entry *e, const struct mscg_cpuset *set); /* others hold it still */
void     book_enter(struct core *core, struct entry *e); /* what its grant names; of a CPU that another's names too one of them is the claimant */
bool     book_is_claimed(const struct core *core, const struct entry *e); /* others wait for CPUs that it has */
void     book_let_go(struct core *core, struct entry *e, const struct mscg_cpuset *set); /* to who claims it, or free */
void     book_release(struct core *core, struct entry *e); /* everything, at the end of an attempt */
void     book_list(struct core *core, struct live *live);   /* it holds something */
void     book_unlist(struct core *core, struct live *live);
void     book_accrue(struct core *core, struct entry *e);       /* cpu_held_usec up to now */
void     book_close_attempt(struct mscg_job *job, int64_t end_usec); /* what it held, if it began, goes to run->past */
void     book_give_up_awaited(struct core *core, struct entry *e); /* shrinks that it waits for are for nobody now */
void     book_dress(struct core *core, struct entry *e);  /* node name and memory nodes of its grant */

/* gres.c: generic resources */
struct gres_account *gres_account_of(struct gres_books *books, const char *name, const char *type); /* NULL: none */
void gres_book(struct gres_books *books, struct gres_account *account, int64_t free); /* so many more */
void gres_set_machine(struct core *core, const struct core_machine *machine); /* all free: gres_hold() is for what is not */
void gres_clear(struct core *core);
/* A job with this request (NULL: none; of intern()) is there, and is not any more. In between gres_request() knows it. */
void gres_learn(struct core *core, const char *request);
void gres_forget(struct core *core, const char *request);
const struct gres_need *gres_request(const struct core *core, const char *request);
const struct gres_need *gres_need_of(const struct core *core, const struct mscg_job *job); /* what it still needs; NULL: it has all */
bool  gres_fits(const struct core *core, const struct gres_need *need);
bool  gres_feasible(const struct core *core, const struct gres_need *need);
bool  gres_exist(const struct core *core, const char *request, char *text); /* the same of any request; text: 160 or NULL */
bool  gres_no_more(const struct core *core, const struct gres_need *a, const struct gres_need *b); /* a needs no more than b */
bool  gres_apart(const struct core *core, const struct gres_need *a, const struct gres_need *b);   /* there is enough for both, where both need it */
enum mscg_reason gres_why(const struct core *core, const struct gres_need *need, char text[160]); /* NONE: it fits */
/* gres_hold.c: who has which */
void  gres_want(struct core *core, const struct gres_need *need); /* of the head of the queue, in this step; NULL: there is none */
char *gres_take(struct core *core, const struct mscg_job *job); /* as in a share; the caller frees it. There is enough */
bool  gres_near(const struct core *core, const char *granted, struct mscg_cpuset *ret); /* the CPUs that they are close to; false: all alike */
/* The same need where it is known what it would get, if it was started now. Good until the next one is asked for. */
const struct gres_need *gres_choice(struct core *core, const struct mscg_job *job);
void  gres_held(const struct core *core, const char *granted, uint32_t held[GRES_ACCOUNTS]); /* in each account */
int   gres_hold(struct core *core, const char *granted); /* again; -EBUSY: somebody has some of it */
void  gres_give(struct core *core, const char *granted);
bool  gres_over(const struct core *core); /* more is held than there is: there was more before */

/* queue.c: who waits */
bool queue_before(const struct mscg_job *a, const struct mscg_job *b); /* by priority, then by number */
void queue_add(struct core *core, struct entry *e);
void queue_remove(struct core *core, struct entry *e);
void queue_reconsider(struct core *core); /* machine or policy changed */
void queue_allow(struct core *core, struct shape *s); /* lists it or not, by what its user has */
void queue_key(struct core *core); /* by what of a job its shape is, as the policy says; nobody waits */
void queue_clear(struct core *core);
struct shape *queue_first(const struct core *core); /* NULL: nobody waits */
struct mark queue_mark(const struct core *core, const struct entry *e);
bool mark_before(const struct mark *a, const struct mark *b);
bool queue_in_order(const struct core *core, const struct mscg_job *a, const struct mscg_job *b); /* of one shape: a before b */
void queue_rescore(struct core *core); /* the factors are others */
/* The first shape in order whose head is not before `from` and fits; `later`: counting what comes back soon. */
struct shape *queue_next(const struct core *core, const struct mark *from, bool later);
/* Who is served before it whenever there is enough for it: the first that needs no more. NULL: nobody. */
const struct entry *queue_ahead(const struct core *core, const struct entry *e);
/* Thousandths of CPUs that a job of this priority can have. */
uint64_t queue_available(const struct core *core, enum pool pool, int32_t priority, bool later);
uint32_t queue_least(const struct core *core, const struct mscg_job *job); /* it would start with */
bool     queue_has_rest(const struct core *core, const struct mscg_job *job); /* all but CPUs that it needs is there now */
bool     queue_feasible(const struct core *core, const struct mscg_job *job, char text[160]);

/* The first of the queue in their order, an array as often as tasks of it may start; at most `most`. Returns how many. */
uint32_t queue_front(const struct core *core, struct entry **first, uint32_t most);

/* users.c: limits of users */
bool         users_limited(const struct core_policy *policy); /* on what runs */
void         users_clear(struct core *core);
struct user *user_get(struct core *core, uint32_t uid); /* makes it if need be */
void         user_free(struct user *user);
void         user_add(struct user *user, uint32_t qos, const struct have *more);
void         user_put(struct core *core, struct user *user); /* gone, if it has nothing any more */
void         user_count(struct core *core, const struct mscg_job *job, int64_t jobs); /* so many more as this one are not over */
void         user_update(struct core *core, struct entry *e); /* what it holds, or that it does, is another */
bool         users_over(const struct core *core); /* one has more than a user may: limits were higher before */
uint32_t     user_cpus(const struct entry *e); /* that count for what holds something */
bool         user_may_start(const struct core *core, const struct user *u, uint32_t qos, uint32_t cpus, uint64_t mem);
bool         user_feasible(const struct core *core, uint32_t uid, uint32_t qos, uint32_t cpus, uint64_t mem, char *text); /* text: 160 or NULL */
int          user_admits(const struct core *core, const struct mscg_job *job, uint64_t more, char text[160]);
enum mscg_reason user_why(const struct core *core, const struct entry *e, char text[160]); /* NONE: its limits let it start */
bool         user_affords(const struct core *core, const struct entry *e, uint64_t more_cpus, uint64_t more_mem, char *text, size_t size);

/* totals.c: limits of all jobs of a QOS or partition together */
struct total *total_get(struct core *core, enum total_kind kind, uint32_t key); /* makes it if need be; NULL: key is 0 */
void total_put(struct core *core, struct total *total); /* gone, if it has nothing any more and is not configured */
void totals_clear(struct core *core);
void total_join(struct shape *shape, struct total *total);
void total_leave(struct core *core, struct shape *shape, enum total_kind kind);
void totals_add(struct core *core, const struct mscg_job *job, uint64_t running, uint64_t cpus, uint64_t mem); /* modulo 2^64 */
bool totals_may_start(const struct core *core, const struct shape *shape);
bool totals_over(const struct core *core); /* one has more than it may: limits were higher before */
bool totals_awaited(const struct core *core, const struct mscg_job *job);
bool totals_feasible(const struct core *core, uint32_t qos, uint32_t partition, uint32_t cpus, uint64_t mem, char *text);
enum mscg_reason totals_why(const struct core *core, const struct entry *e, char text[160]); /* NONE: they let it start */
bool totals_afford(const struct core *core, const struct entry *e, uint64_t more_cpus, uint64_t more_mem, char *text, size_t size);

/* qos.c */
bool qos_there(const struct core *core, uint32_t qos); /* its jobs may start */
struct job_limits { /* of one job; 0: none */
	uint32_t cpus_milli, time_s;
	uint64_t mem_bytes;
	const char *of, *name; /* "QOS", "high" */
};
int  job_limits_admit(const struct job_limits *limits, const struct mscg_job *job, char text[160]);
int  job_admits(const struct core *core, const struct mscg_job *job, char text[160]); /* by those of its QOS and its partition */
int32_t job_priority(const struct core *core, uint32_t qos, uint32_t partition, int64_t asked); /* that a job has which asks for this */
enum mscg_reason qos_why(const struct core *core, const struct entry *e, char text[160]);
/* partition.c */
uint32_t partition_of(const struct core_policy *policy, const struct mscg_job *job); /* 0: of none that matters */
bool partition_starts(const struct core *core, uint32_t partition); /* its jobs may start */
bool partition_takes(const struct core *core, uint32_t partition, char text[160]); /* new jobs */
int  partition_admits(const struct core *core, const struct mscg_job *job, char text[160]);
enum mscg_reason partition_why(const struct core *core, const struct entry *e, char text[160]);
/* share.c: usage and shares; factor.c: what they and other factors make of the order */
void   share_configure(struct core *core); /* takes a copy of what the policy points to */
void   share_clear(struct core *core);
void   share_join(struct core *core, struct entry *e, const char *account); /* NULL: none */
/* It is configured: names of others are anybody's to give. */
bool share_knows(const struct core *core, const char *account);
void   share_leave(struct core *core, struct entry *e);
void   share_count(struct core *core, struct entry *e, int32_t jobs); /* so many more of its user are not over */
void   share_charge(struct core *core, struct entry *e, int64_t usec); /* it held its CPUs for so long, up to now */
void   share_give_out(struct core *core);
bool   share_decide(struct core *core); /* takes the figures over; true: some budget is spent now, or is not any more */
void   share_work_out(const struct core *core, struct core_now now);
double share_factor(const struct figures *f);
/* budget.c */
double budget_before(const struct core *core, const struct assoc *a); /* charged, in this period */
double budget_spending(const struct core *core, const struct entry *e, struct core_now now, int64_t usec); /* by what it held so long, up to now */
bool   budget_is_spent(const struct core *core, const struct assoc *a); /* when figures were last worked out */
enum mscg_reason budget_why(const struct core *core, const struct entry *e, char text[160]); /* NONE: it lets it start */
void    factor_calculate(struct core *core); /* if it is time to */
double  factor_score(const struct core *core, const struct entry *e);
int64_t factor_since(const struct mscg_job *job);

/* plan.c: what will be free when, by time limits */
void    plan_make(const struct core *core, struct core_now now, const struct mscg_job *head, struct plan *plan);
/* The same where elastic jobs are at their least, and nothing is said of generic resources. */
void    plan_make_least(const struct core *core, struct core_now now, struct plan *plan);
/* So much is not to be had from one time to another, of which `used` is not there already, and is at the end. */
struct plan_block {
	int64_t  from, until;
	uint64_t cpus, mem, used_cpus, used_mem;
};
void    plan_block(struct plan *plan, const struct plan_block *block);
int64_t plan_latest_end(const struct entry *e, struct core_now now); /* boot clock: what it holds is free then at the latest */
int64_t plan_span(uint32_t time_limit_s, uint32_t grace_s);
void    plan_clear(struct plan *plan);
struct plan_need plan_need(const struct core *core, const struct plan *plan, const struct mscg_job *job, bool least);
/* The first time, not before `not_before`, at which it fits. USEC_NEVER: that can not be said. */
int64_t plan_earliest(const struct plan *plan, const struct plan_need *need, int64_t not_before);
int64_t plan_obstacle(const struct plan *plan, const struct plan_need *need); /* up to when it fits from now on; USEC_NEVER: for all its time */
/* Memory that is free, and promised to nobody, up to the end of this one. */
uint64_t plan_mem_free(const struct plan *plan, const struct entry *e, struct core_now now);
bool    plan_fits_now(const struct plan *plan, const struct plan_need *need);
void    plan_promise(struct plan *plan, int64_t at, const struct plan_need *need);

/* reserve.c: what is set aside for some */
struct reservation *reserve_find(const struct core *core, uint32_t key); /* NULL: none */
void     reserve_input(struct core *core, const struct core_input *input); /* CORE_RESERVE, CORE_UNRESERVE */
void     reserve_turn(struct core *core); /* what begins and ends now */
void     reserve_clear(struct core *core);
void     reserve_listed(struct core *core, const struct shape *s); /* jobs of it may start now */
void     reserve_join(struct core *core, struct shape *s);
void     reserve_leave(struct shape *s);
void     reserve_count(struct core *core, const struct mscg_job *job, int running, uint64_t cpus, uint64_t mem); /* so much more it has */
int      reserve_admits(const struct core *core, const struct mscg_job *job, const struct mscg_spec *spec, char text[160]);
bool     reserve_allows(const struct core *core, const struct shape *s); /* jobs of it may start by what their reservation has */
/* Thousandths of CPUs that it can have, as queue_available(); memory. Of its reservation, or beside all of them. */
uint64_t reserve_available(const struct core *core, const struct mscg_job *job, bool later);
uint64_t reserve_mem_free(const struct core *core, const struct mscg_job *job);
uint64_t reserve_free(const struct core *core, const struct mscg_job *job); /* of its pool, free now */
void     reserve_plan(struct core *core); /* anew, where there are any */
/* It is over before what it needs is reserved, or with a time limit that is as short as it may be: *limit_s is made so. */
bool     reserve_lets(const struct core *core, const struct mscg_job *job, uint32_t *limit_s);
bool     reserve_overlaps(const struct core *core, const struct mscg_job *job); /* it could run when one begins */
void     reserve_started(struct core *core, const struct mscg_job *job); /* noted in the plan of this step */
/* What holds something: NULL, or the reservation that is in the way of more time, or of more CPUs and memory. */
const struct reservation *reserve_longer(const struct core *core, const struct entry *e, uint32_t limit_s);
uint64_t reserve_mem_room(const struct core *core, const struct entry *e); /* so much more it could have until its end; UINT64_MAX: none is in the way */
const struct reservation *reserve_larger(const struct core *core, const struct entry *e, uint64_t more_cpus, uint64_t more_mem);
void     reserve_block(const struct core *core, struct core_now now, struct plan *plan, bool used_is_there);
int      reserve_check(const struct core *core, struct mscg_error *error);
enum mscg_reason reserve_why(const struct core *core, const struct entry *e, struct core_now now, char text[160]);

/* preempt.c: what runs makes room for others */
bool preempt_may(const struct core *core, const struct mscg_job *job, const struct mscg_job *victim);
/* True: room is being made for it, which nobody else may have. */
bool preempt_for(struct core *core, const struct entry *head);
/* It stands still for another, and goes on by itself. */
static inline bool preempt_suspended(const struct entry *e)
{
	return e->job.state == MSCG_STATE_SUSPENDED && e->job.reason == MSCG_REASON_PREEMPTED && !(e->job.flags & MSCG_JOB_RESUMING);
}
/* It does not go on before `head`, which may preempt it, has started. Not where that one could not start anyway. */
bool preempt_yields(struct core *core, const struct entry *e, const struct entry *head);

/* backfill.c: who starts */
void backfill(struct core *core);
/* After that: who must not come later for what is given to others; NULL: nobody. Planned: core->plan holds what is promised. */
const struct entry *backfill_head(struct core *core, bool *ret_planned);
/* What it is not started for although there is enough for it. NONE: there is not. */
enum mscg_reason backfill_why(const struct core *core, const struct entry *e, struct core_now now, char text[160]);

/* look.c */
char *count_text(uint64_t milli, char *text, size_t size); /* "none is", "1 is", "2 are" */

/* timers.c */
void timer_set(struct core *core, struct timer *timer, int64_t at); /* USEC_NEVER: unset */
struct timer *timer_due(const struct core *core);
int64_t timer_next(const struct core *core);

/* elastic.c */
void     elastic_update(struct core *core, struct entry *e);
void     elastic_update_all(struct core *core);
void     elastic_need(struct core *core, struct entry *e, const struct mscg_report *r);
void     elastic_leave(struct core *core, struct entry *e); /* before its priority changes; elastic_update() after that */
bool     elastic_is_current(const struct core *core, const struct entry *e); /* for checks */
uint64_t elastic_takeable(const struct core *core, enum pool pool, int32_t priority, bool later);
/* Shrinks others by `amount` for `starter`, which has asked for no more than is takeable; the CPUs that will come free
 * are added to *set and claimed. The resizes are noted in the starter's `after`. */
void     elastic_take(struct core *core, struct entry *starter, uint64_t amount, struct mscg_cpuset *set);
void     elastic_grow(struct core *core);
/* Shrinks whoever can be to make so much free, which is nobody's then. */
void     elastic_clear(struct core *core, uint64_t amount, const char *reservation);
double   elastic_utilisation(const struct core *core); /* 0..1 */
/* memory.c: memory that moves, between a job's least and its most */
void     mem_list(struct core *core, struct entry *e);   /* it holds something */
void     mem_unlist(struct core *core, struct entry *e); /* it does not any more */
int      mem_admits(const struct core *core, const struct mscg_job *job, char text[160]);
const char *mem_outside(const struct mscg_job *job, uint64_t mem, char text[160]); /* NULL: a job like this may have so much */
void     mem_report(struct core *core, struct entry *e, const struct mscg_report *r); /* it is short */
void     mem_refused(struct core *core, struct entry *e, uint64_t used, const char *why); /* it gives none to others */
bool     mem_shed_for(struct core *core, const struct entry *head); /* true: some comes free for it, which nobody else may have */
void     mem_grow(struct core *core); /* those that are short, from what is free */
bool     mem_comes(const struct core *core); /* for the first of the queue */
/* water.c */
void water_lower(const uint64_t *height, uint64_t *take, uint32_t n, uint64_t amount, uint64_t unit);
void water_raise(const uint64_t *height, const uint64_t *limit, uint64_t *give, uint32_t n, uint64_t amount, uint64_t unit);

/* resize.c: resizes under way */
bool resize_possible(const struct entry *e); /* now, by the core's own decision */
/* Begins one; sizes in thousandths and bytes. `set` is the new one (exclusive). Text is the event's and becomes its own. */
struct flight *resize_begin(struct core *core, struct entry *e, uint32_t cpus, const struct mscg_cpuset *set, uint64_t mem, char *text);
/* A shrink of this step takes away more. */
void resize_enlarge(struct core *core, struct entry *e, uint32_t cpus, const struct mscg_cpuset *set);
void resize_by_hand(struct core *core, const struct core_input *input);
void resize_report(struct core *core, struct entry *e, const struct mscg_report *report);
void resize_settle(struct core *core, struct entry *e); /* restart: makes the kernel agree with the books */
void resize_drop(struct core *core, struct entry *e, const char *why); /* the job is ending */

/* suspend.c: jobs that stand still */
void suspend_input(struct core *core, const struct core_input *input); /* CORE_SUSPEND, CORE_RESUME */
void suspend_go_on(struct core *core, struct entry *e); /* what waits for a resize or the start: it may be suspended now */
void suspend_preempt(struct core *core, struct entry *e, uint32_t for_job, char *text); /* text becomes its own */
void suspend_drop(struct core *core, struct entry *e, const char *why);
bool suspend_waits(const struct entry *e); /* to go on, for CPUs */
struct entry *suspend_first(const struct core *core); /* of these, in the order of the queue; NULL: none */
void suspend_resume(struct core *core, struct entry *e, uint32_t cpus); /* there are so many for it */
void suspend_landed(struct core *core, struct entry *e, bool taken, const char *why); /* before its flight is forgotten */
void suspend_settle(struct core *core, struct entry *e); /* restart: whatever was under way, it stands still */
/* Those who are to go on get their time in a plan. Returns the first that has none; NULL: all have. */
const struct entry *suspend_promise(const struct core *core, struct core_now now, struct plan *plan);

/* extend.c: its time limit is reached, or the signal before it is due: it is given more, where it asked for it and nobody is
 * delayed; true: it was */
bool extend(struct core *core, struct entry *e);

/* gate.c: what keeps a waiting job out of the queue */
void gate_consider(struct core *core, struct entry *e); /* into or out of the queue */
int  gate_check(const struct core *core, const struct entry *e); /* for checks: is it where it belongs? */
void gate_arm(struct core *core, struct entry *e);      /* its deadline, time limit or both are others */
void gate_deadline(struct core *core, struct entry *e); /* it could not end by its deadline any more */
/* NONE: nothing keeps it out. */
enum mscg_reason gate_why(const struct core *core, const struct entry *e, struct core_now now, char text[160]);
int64_t gate_boot_of(const struct core *core, int64_t real_usec); /* when to look whether a time of the wall clock has come */

/* depend.c: jobs that wait for others */
int     depend_set(struct core *core, struct entry *e, const char *text, struct mscg_error *error); /* "afterok:12", as in a row */
/* Of the record of an array: what its tasks wait for one by one; NULL: nothing. */
struct depend *depend_corr(const struct entry *e);
void    depend_task_taken(struct core *core, struct entry *record, uint32_t index); /* it does not wait any more */
void    depend_submitted(struct core *core, struct entry *e, const char *text);
void    depend_forget(struct entry *e);
void    depend_clear(struct core *core);
int64_t depend_opens(const struct core *core, const struct entry *e); /* wall clock; 0: now; USEC_NEVER: when others have done something */
bool    depend_never(const struct entry *e);
bool    depend_awaited(const struct core *core, const struct entry *e); /* somebody waits for its end, or for more of it */
void    depend_started(struct core *core, const struct entry *e);
void    depend_ended(struct core *core, const struct entry *e);
enum mscg_reason depend_why(const struct core *core, const struct entry *e, struct core_now now, char text[160]);

/* update.c: what people change */
void update_hold(struct core *core, const struct core_input *input);
void update_release(struct core *core, const struct core_input *input);
void update_job(struct core *core, const struct core_input *input);
void update_size(struct core *core, struct entry *e, uint32_t cpus, uint64_t mem, enum mscg_reason reason); /* of what waits; 0: keep */

/* submit.c */
uint64_t submit_mem_for(const struct core *core, const struct mscg_job *job, uint32_t cpus); /* memory of a job that waits, with so many CPUs; 0: with its own */

/* life.c */
void life_submit(struct core *core, const struct core_input *input);
void life_start(struct core *core, struct entry *e, uint32_t cpus, uint32_t limit_s); /* limit_s: at most its own; 0: none */
/* Takes them, close to what it was granted of generic resources (NULL: nothing) if it can be. */
void life_find_cpus(struct core *core, struct entry *e, uint32_t cpus, const char *gres, struct mscg_cpuset *set);
void life_await(const struct entry *e, struct mscg_action *action); /* the shrinks that it waits for */
void life_cancel(struct core *core, struct entry *e);
void life_cancel_for(struct core *core, struct entry *e, enum mscg_reason reason); /* not of the record of an array */
void life_send_warning(struct core *core, const struct entry *e); /* the signal before its end */
void life_kill(struct core *core, struct entry *e);
void life_ask_to_end(struct core *core, struct entry *e); /* SIGTERM; the deadline is the caller's to set */
void life_preempt(struct core *core, struct entry *e, bool requeue, uint32_t for_job, char *text); /* text becomes its own */
void life_deadline(struct core *core, struct entry *e);
void life_time_out(struct core *core, struct entry *e, enum mscg_reason reason); /* TIME_LIMIT, DEADLINE */
void life_set_deadline(struct core *core, struct entry *e); /* the time limit, by what the job says */
struct ending {
	enum mscg_state  state;
	enum mscg_reason reason;
	int32_t code, signal;
	int64_t time_usec;
	const char *text;
};
void life_end(struct core *core, struct entry *e, const struct ending *ending);
/* The same for the end of an attempt, after which the job may be for another one. */
void life_conclude(struct core *core, struct entry *e, const struct ending *ending);
void life_requeue(struct core *core, const struct core_input *input);
void life_back(struct core *core, struct entry *e, enum mscg_event_kind kind, enum mscg_reason reason, int64_t delay_usec,
              const char *text);
/* report.c */
void life_report(struct core *core, const struct mscg_report *report);

/* array.c */
struct array *array_new(struct entry *record, const struct mscg_spec *spec);
int           array_load(struct array *array, const struct mscg_row *row, struct mscg_error *error);
void          array_free(struct array *array);
bool          array_waits(const struct array *array, uint32_t index); /* it is still only an index, held or not */
bool          array_holds(const struct array *array, uint32_t index);
uint64_t      array_left(const struct array *array); /* so many are still only an index */
char         *array_waiting(const struct array *array, bool held); /* ranges, of what is held only or of all; yours */
void          array_hold_index(struct core *core, struct entry *record, uint32_t index);
void          array_release_index(struct core *core, struct entry *record, uint32_t index);
uint32_t      array_release_all(struct core *core, struct entry *record); /* how many it were */
struct entry *array_split(struct core *core, struct entry *record); /* the next task, waiting, outside of the index */
bool          array_wants(const struct array *array); /* a task of it may start */
uint64_t      array_room(const struct array *array); /* tasks that may start now */
void          array_set_throttle(struct array *array, uint32_t throttle);
void          array_expire(struct core *core, struct entry *record); /* what waits would miss its deadline */
void          array_consider(struct core *core, struct array *array); /* into or out of the index */
void          array_task_ended(struct core *core, struct entry *task);
bool          array_cancel_index(struct core *core, struct entry *record, uint32_t index); /* false: it does not wait */
void          array_cancel(struct core *core, struct entry *record, enum mscg_reason reason);
/* change.c: machine and policy */
void change_set_machine(struct core *core, const struct core_machine *machine);
void change_machine(struct core *core, const struct core_machine *machine);
void change_note_hurt(struct core *core, struct entry *e); /* its size, or what it holds, is another one */
void change_heal(struct core *core); /* those that are hurt get back first what is free */
void change_repair(struct core *core, struct entry *e); /* CPUs of it left the machine: gets others or goes on with less */
void change_policy(struct core *core, const struct core_policy *policy);

#endif
