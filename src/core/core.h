/* core.h: the scheduler's mind. Pure: no system call, no clock, no thread, no log. Given the same inputs at the same
 * times it decides the same, so that it runs in virtual time and a recorded run can be replayed.
 *
 *     core_step(core, inputs, n, now, &out)  ->  events, rows, actions, answers
 *
 * The caller commits events and rows in one transaction, then hands the actions to an engine, then sends the answers.
 * The core is ahead of the store while a commit is in flight; when a commit fails the core is thrown away and rebuilt
 * by core_load.
 *
 * Invariants, checked by core_check in every test step:
 *   - a GPU, or whatever is counted by name, is held by one job at most
 *   - a CPU is held by one exclusive job at most; held = what the kernel was told last and not yet told to give up
 *   - memory and shared CPUs granted never exceed what the machine has
 *   - min <= current <= max for a running elastic job, and for one whose memory moves
 *   - a job in the pending index is PENDING, and every PENDING job is in it
 *
 * Cost: a step costs what changed, not what waits. Pending jobs are indexed by shape (CPUs, memory, mode): whether
 * anything of a shape fits is asked once for all of that shape.
 */
#ifndef CORE_CORE_H
#define CORE_CORE_H

#include <mscg/action.h>
#include <mscg/job.h>

struct core;

/* One CPU of the machine, as the daemon read it from hwloc. Numbers are dense ids: CPUs with the same `core` are
 * hyperthreads of one core, and so on outward. */
struct core_cpu {
	uint16_t cpu, core, cache, numa, package;
	uint16_t leaf; /* its place in core_machine.switches, where there are any */
};

/* Switches as in Slurm's topology/tree: CPUs below the same one are close. */
struct core_switch {
	uint16_t up; /* the one above it, by place; the one at the top: itself */
};

/* Generic resources of one name and type. */
struct core_gres {
	const char *name, *type; /* "gpu", "a100"; "license", "matlab"; type NULL: none */
	uint32_t    n;
	uint64_t    units; /* devices: their numbers, 1 << number, each once of a name; 0: they are only counted */
	const struct mscg_cpuset *cpus; /* close to these; NULL: all alike */
};
#define CORE_GRES_MAX 32 /* kinds of a machine */

struct core_machine {
	const char            *node; /* name in grants */
	const struct core_cpu *cpus; /* every usable CPU, the pool for sharing included; copied by core_new */
	uint32_t               ncpus;
	const struct core_switch *switches; /* a tree that says what is close; copied by core_new. Without it NUMA nodes and */
	uint32_t               nswitches;   /* packages do; 0: none */
	struct mscg_cpuset     shared; /* CPUs set aside for --cpu-mode=quota; not given out exclusively */
	uint64_t               mem_bytes;
	const struct core_gres *gres; /* copied by core_new */
	uint32_t               gres_n;
};

/* What may pass the first of the queue that can not start: backfill.c. */
enum core_scheduler { CORE_EASY, CORE_CONSERVATIVE, CORE_FIRSTFIT, CORE_FCFS };

/* How jobs of a QOS make room for those that may preempt them, beyond shrinking. */
enum core_preempt { CORE_PREEMPT_SUSPEND, CORE_PREEMPT_REQUEUE, CORE_PREEMPT_CANCEL, CORE_PREEMPT_SHRINK, CORE_PREEMPT_OFF };

/* What an hour of a CPU, of a GiB of memory and of a GPU counts in budgets. */
struct core_rates {
	bool   given;
	double cpu_hour, gib_hour, gpu_hour;
};

/* A quality of service: who has it, and what its jobs may have. 0: no limit. */
enum { CORE_QOS_MAX = 32, CORE_QOS_NAME = 32 };
struct core_qos {
	char     name[CORE_QOS_NAME];
	uint32_t key; /* name_key(name) */
	int32_t  priority; /* added to that of its jobs */
	uint32_t job_cpus_milli, job_time_s; /* of one job, as asked for */
	uint64_t job_mem_bytes;
	uint64_t user_submitted, user_running, user_cpus_milli, user_mem_bytes; /* of one user's in it, as in core_policy */
	uint64_t running, cpus_milli, mem_bytes; /* of all jobs in it that are granted something: jobs, CPUs as asked for, memory */
	uint32_t preempts; /* bits, by place in the table */
	enum core_preempt preempt_mode; /* of its own jobs; suspended ones go on by themselves */
	int64_t  preempt_exempt_s; /* those that have not run for so long are spared */
	bool     has_grace; uint32_t grace_s; /* of what is ended so; else that of the job */
	struct core_rates rates; /* of its jobs, where their partition has none; not given: those of the budget */
};

/* A partition: whose jobs may start, and what they may have. 0: no limit. */
enum { CORE_PARTITION_MAX = 32 };
struct core_partition {
	char     name[CORE_QOS_NAME];
	uint32_t key; /* name_key(name) */
	int32_t  priority; /* added to that of its jobs */
	bool     takes, starts; /* new jobs; what waits */
	uint32_t job_cpus_milli, job_time_s; /* of one job, as asked for */
	uint64_t job_mem_bytes;
	uint32_t default_time_s; /* of jobs that give no limit; 0: as elsewhere */
	uint64_t cpus_milli; /* of all its jobs that are granted something, as asked for */
	uint32_t qos; /* whose jobs may be in it, bits by place in the table; 0: of all */
	struct core_rates rates; /* of its jobs; not given: those of their QOS */
};

/* Accounts, as in Slurm: a tree, whose accounts have shares among those below the same one. */
struct core_account {
	const char *name;
	uint32_t    up; /* the place of the one above; CORE_NO_ACCOUNT: it is at the top */
	uint32_t    shares;
	double      budget; /* of it and what is below it, in a period; 0: none */
};
#define CORE_NO_ACCOUNT UINT32_MAX
/* A user who has other than 1 share in an account. */
struct core_member {
	uint32_t account, uid, shares;
};

/* What is set aside for some for a time: from `start_usec` on nobody else has it. */
enum { CORE_RESERVATIONS_MAX = 64, CORE_RESERVATION_NAME = 32 };
enum core_reservation_flag {
	CORE_RESERVATION_MAINT = 1 << 0, /* for nobody */
};
struct core_reservation {
	char    *name;
	char    *users;    /* uids, "1000,1001"; NULL: none */
	char    *accounts; /* "physics,chemistry"; NULL: none */
	int64_t  start_usec, end_usec; /* wall clock; asked for: up to a minute ago is now */
	uint64_t mem_bytes; /* asked for with 0: what jobs get by default on so many CPUs */
	uint32_t cpus_milli; /* of those that are given out one by one */
	uint32_t flags;      /* enum core_reservation_flag */
};
void core_reservation_clear(struct core_reservation *reservation);
void core_reservation_copy(const struct core_reservation *reservation, struct core_reservation *ret);

/* What may be spent from one time to another (wall clock). What is above it waits. */
struct core_budget {
	double  user; /* by each user; 0: there is no such limit */
	struct core_rates rates; /* where neither partition nor QOS has some */
	int64_t from_usec, until_usec;
};

/* Order by factors: factor.c, share.c. All is copied. */
struct core_priority {
	bool    multifactor; /* false: by --priority, then by submission. Neither of the two changes while a core lives */
	bool    charges;     /* usage is counted though the order is not by factors: there are budgets */
	double  weight_age, weight_fairshare, weight_job_size, weight_qos;
	int64_t max_age_s;    /* older ones have no more of it */
	int64_t half_life_s;  /* after so long half of a usage is forgotten; 0: nothing is */
	struct core_budget budget;
	int64_t calc_period_s; /* factors, and what is spent, are as old as that at most; longer where jobs of very many different needs wait */
	const struct core_account *account; uint32_t accounts; /* one comes after the one above it */
	const struct core_member  *member;  uint32_t members;
};

struct core_policy {
	struct core_priority priority;
	enum core_scheduler scheduler;
	uint32_t backfill_depth;     /* conservative: so many get a time; both: so many are looked at in vain in a step */
	int64_t  starvation_guard_s; /* nothing passes a head that waits for what has no time limit, after so long; 0: never */
	bool     elastic;            /* false: elastic jobs stay at --cpus */
	uint32_t elastic_threshold;  /* percent: grow only below this overall utilisation */
	uint32_t elastic_calm_ms;    /* who made room for others is not grown again for so long: short jobs that come one by one
	                                do not make it swing; 0: grows at once */
	bool     infeasible_reject;  /* refuse what this machine can never satisfy, instead of queueing it with a warning */
	uint64_t default_mem_per_cpu; /* for jobs that ask for no memory; at least 4 MiB */
	uint32_t default_time_limit_s; /* 0: none */
	uint32_t max_launch_retries;   /* deferred launches in a row before the job fails */
	uint64_t max_jobs;             /* granted jobs; nobody makes room where there are as many; 0: no limit */
	/* Of one user, root apart; 0: no limit. Jobs that are not over, and of those granted jobs, CPUs as asked for, memory. */
	uint64_t user_submitted, user_running, user_cpus_milli, user_mem_bytes;
	bool     preempt_by_priority; /* whoever has the higher one, instead of whose QOS says so */
	struct core_qos qos[CORE_QOS_MAX]; uint32_t qos_n; /* without any, what jobs say of it means nothing */
	struct core_partition partition[CORE_PARTITION_MAX]; uint32_t partition_n; /* likewise */
};
const struct core_qos *core_qos_find(const struct core_policy *policy, uint32_t key); /* NULL: there is none */
const struct core_partition *core_partition_find(const struct core_policy *policy, uint32_t key); /* likewise */
/* The time limit that a job is given which asks for this one (0: for none). */
uint32_t core_time_limit(const struct core_policy *policy, uint32_t qos, uint32_t partition, uint32_t asked_s);

struct core_now {
	int64_t real_usec; /* for people and rows */
	int64_t boot_usec; /* for limits and delays */
};

enum core_input_kind {
	CORE_SUBMIT,   /* spec (checked by mscg_spec_check), token */
	CORE_CANCEL,   /* id; an array's id cancels every task; a pending task is taken out of its array */
	CORE_SIGNAL,   /* id, signal: to a running job's main process */
	CORE_RESIZE,   /* id, cpus_milli (0: keep), mem_bytes (0: keep), token */
	CORE_HOLD,     /* id, admin: what waits is not started until it is released; an array's id holds all that wait */
	CORE_RELEASE,  /* id, admin: an operator's hold is released by operators only */
	CORE_UPDATE,   /* id, update: what was asked for is another; an array's id means its tasks too */
	CORE_DRAIN,    /* on: nothing new starts */
	CORE_SHUTDOWN, /* cancel every job */
	CORE_REPORT,   /* from the engine */
	CORE_MACHINE,  /* the machine changed (CPU hot-plug, reload) */
	CORE_POLICY,   /* the configuration changed */
	CORE_REQUEUE,  /* id: one that runs is ended for it; row: one that has ended */
	CORE_SUSPEND,  /* id, admin: what runs stands still, and others get its CPUs; answered when it does */
	CORE_RESUME,   /* id, admin: what is suspended goes on as soon as there are CPUs for it */
	CORE_TICK,     /* only time went on */
	CORE_RESERVE,  /* reservation: there is one more */
	CORE_UNRESERVE, /* reservation: the one of that name is given up */
	CORE_INPUT_COUNT
};

/* What a job asks for from now on. All of it or nothing. */
struct core_update {
	struct {
		bool    given;
		bool    relative; /* `value` is added: PRIORITY, TIME_LIMIT */
		int64_t value;
	} field[MSCG_FIELD_COUNT];
	bool     top; /* with field[PRIORITY].given: enough to be before all other waiting jobs of its user */
	uint32_t cpus_milli; /* of what waits; 0: keep */
	uint64_t mem_bytes;
};

struct core_input {
	enum core_input_kind kind;
	uint64_t token; /* comes back in the answers; 0: nobody asks */
	struct mscg_id id;
	const struct mscg_spec *spec;       /* borrowed for the step */
	int      signal;
	uint32_t cpus_milli;
	uint64_t mem_bytes;
	bool     on;
	bool     admin; /* HOLD, RELEASE, SUSPEND, RESUME, UPDATE: an operator asks, of somebody else's job or of what an operator holds */
	const struct core_update  *update;  /* borrowed */
	const struct mscg_report  *report;  /* borrowed */
	const struct core_machine *machine; /* borrowed */
	const struct core_policy  *policy;  /* borrowed */
	const struct mscg_row     *row;     /* borrowed */
	const struct core_reservation *reservation; /* borrowed */
};

/* As Kubernetes spells them; DONE when the kernel has taken it. */
enum core_resize { CORE_RESIZE_NONE, CORE_RESIZE_PROPOSED, CORE_RESIZE_INPROGRESS, CORE_RESIZE_DONE, CORE_RESIZE_DEFERRED, CORE_RESIZE_INFEASIBLE };

struct core_answer {
	uint64_t token;
	int      code;  /* 0 or -errno: -ESRCH no such job, -EALREADY it has ended, -EINVAL, -ENOSPC refused, -EBUSY not of a job in this state */
	bool     last;  /* no further answer to this token */
	struct mscg_id   id;
	enum mscg_reason reason; /* SUBMIT: INFEASIBLE, DEPENDENCY_NEVER as a warning */
	enum core_resize resize;
	char     text[160]; /* for people; "" when there is nothing to say */
};

/* What one user held in one account: CPU-seconds, of which half is forgotten in every half-life, as they were at a time. */
struct core_usage {
	char    *account; /* owned; "": in none */
	uint32_t uid;
	double   cpu_s;
	int64_t  at_usec; /* wall clock */
	double   spent;
	int64_t  spent_from_usec; /* in the period that began then */
};

/* Arrays grow and are reused: clear between steps, free at the end. Elements own what their types say. */
struct core_output {
	struct mscg_event  *events;  uint32_t events_n, events_cap;
	struct mscg_row    *rows;    uint32_t rows_n, rows_cap; /* jobs that changed, each once, as they are after the step */
	struct mscg_action *actions; uint32_t actions_n, actions_cap; /* in order */
	struct core_answer *answers; uint32_t answers_n, answers_cap;
	struct core_reservation *reservations; uint32_t reservations_n, reservations_cap; /* new ones; with end_usec 0: gone */
	struct core_usage  *usages;  uint32_t usages_n, usages_cap; /* that changed; of several of one the last counts */
	int64_t wake_boot_usec; /* call again by then even if nothing happens; USEC_NEVER: no need */
};
void core_output_clear(struct core_output *out);
void core_output_free(struct core_output *out);

struct core *core_new(const struct core_machine *machine, const struct core_policy *policy);
void         core_free(struct core *core);

/* Restart: the counters that the store kept, then every row that is not final, then one core_step with what the
 * engine found. Jobs that were granted keep their state and hold their CPUs until a report says otherwise. A row that
 * contradicts another (a CPU held twice) is -EBADMSG with text. */
void core_restore(struct core *core, uint32_t next_job_id, uint64_t next_seq, bool drained);
int  core_load(struct core *core, const struct mscg_row *row, struct core_now now, struct mscg_error *error);

/* Before the rows: what is kept. Of a step's output, in order. */
void core_load_reservation(struct core *core, const struct core_reservation *reservation);

/* Appends to *out (which must be clear). Never fails: what cannot be done is in the answers. */
/* Before the rows: what the usages were that a step gave. Borrowed. */
void core_load_usage(struct core *core, const struct core_usage *usage);

void core_step(struct core *core, const struct core_input *inputs, uint32_t n, struct core_now now, struct core_output *out);

/* Whether CORE_SUBMIT of these, all of one user, would be refused now (policy.infeasible_reject, limits of its user, ids used up): 0, or the code and text that
 * the answer would have. Lets a caller take several jobs or none. */
int core_admits(const struct core *core, struct mscg_spec *const *specs, uint32_t n, struct mscg_error *error);

/* Looking, between steps. Pointers are borrowed until the next step. */
const struct mscg_job *core_find(const struct core *core, struct mscg_id id); /* NULL: unknown or final. A pending task that is
                                                                                 not split off yet gives its array */
bool core_task_waits(const struct core *core, struct mscg_id id); /* a task that is still only an index in its array */
#define CORE_STATE_HELD (1u << MSCG_STATE_COUNT) /* as one of `states`: PENDING and held by itself */
/* Tasks of an array with an index in `range` (sorted, disjoint) that are in one of `states` (bits, 1 << state); those that wait
 * as an index in their array are PENDING. Gives `most` of them, and returns how many there are, or most + 1 for more. */
uint32_t core_tasks(const struct core *core, uint32_t job, const struct mscg_range *range, uint32_t n, uint32_t states,
                    struct mscg_id *ids, uint32_t most);
/* Why a pending job waits, worked out now. text (may be NULL) says it for people, with values. */
enum mscg_reason core_why(const struct core *core, struct mscg_id id, struct core_now now, char text[160]);

/* What a waiting job waits for. Costs the same however many wait: 1000 of those before it are looked at. */
enum { CORE_AHEAD_MAX = 8, CORE_CHANGES_MAX = 6 };
struct core_change { /* that alone would let it start now; one of these, or none where text says it all */
	char     text[160];
	bool     release, begin, has_priority;
	int32_t  priority;
	uint32_t cpus_milli, time_limit_s, throttle;
	uint64_t mem_bytes;
};
struct core_forecast {
	enum mscg_reason reason;
	char     text[160];
	uint32_t ahead;      /* so many are before it in the queue, tasks of arrays one by one */
	bool     ahead_more; /* and more */
	struct mscg_id first[CORE_AHEAD_MAX]; /* of them, an array once */
	uint32_t first_n;
	int64_t  start_usec; /* wall clock: by then at the latest, if nothing of a higher priority comes; USEC_NEVER: unsaid */
	char     unsaid[256];
	struct core_change change[CORE_CHANGES_MAX];
	uint32_t changes;
};
/* False: it does not wait. */
bool core_foresee(const struct core *core, struct mscg_id id, struct core_now now, struct core_forecast *ret);
uint32_t core_next_job_id(const struct core *core);
bool     core_drained(const struct core *core);
/* Of a job that is elastic by pressure: what it uses of its CPUs, for people. NULL: nothing is known. The core's, until the next step. */
const char *core_need(const struct core *core, struct mscg_id id);
/* Why an elastic job that could have more CPUs gets none. False: nothing is in its way. */
bool core_why_small(const struct core *core, struct mscg_id id, char text[160]);
/* Of a job whose memory moves: why it was moved last, or was not. Likewise. */
const char *core_mem_need(const struct core *core, struct mscg_id id);
/* What a job has that asks for no memory: the default for its CPUs, between its least and its most. */
uint64_t core_mem_default(const struct core_policy *policy, const struct mscg_spec *spec);
/* Every job the core knows, in order of id. Return false from `each` to stop. */
void core_each(const struct core *core, bool (*each)(const struct mscg_job *job, void *ctx), void *ctx);
/* The same from behind `after` on, for slices: costs what it gives. The record of an array comes after its tasks. */
void core_each_from(const struct core *core, struct mscg_id after, bool (*each)(const struct mscg_job *job, void *ctx), void *ctx);

struct core_stats {
	uint32_t cpus_total, cpus_held, cpus_lent;     /* exclusive ones; lent: above --cpus */
	uint32_t shared_total_milli, shared_held_milli;
	uint64_t mem_total, mem_held;
	uint64_t pending, running, suspended, completing; /* tasks of arrays counted one by one */
	uint32_t utilisation_percent;                  /* mean of allocated shares of CPUs and memory */
	bool     drained;
};
void core_get_stats(const struct core *core, struct core_stats *ret);
const struct mscg_cpuset *core_free_cpus(const struct core *core);
/* What the jobs of a partition have, CPUs as asked for. */
struct core_use {
	uint64_t jobs, cpus_milli, mem_bytes;
};
struct core_use core_partition_use(const struct core *core, uint32_t key);
/* Generic resources: by name (type "") and by type. */
struct core_gres_use {
	const char *name, *type; /* borrowed until the machine changes */
	uint32_t    total, held;
	bool        devices;    /* they have numbers */
	uint64_t    free_units; /* those that nobody has */
};
bool core_get_gres(const struct core *core, uint32_t index, struct core_gres_use *ret); /* false: there are no more */

struct core_reservation_use {
	const struct core_reservation *is; /* borrowed until the next step */
	bool     begun;
	uint32_t running;
	uint64_t cpus_held, mem_held; /* by its jobs: thousandths, bytes */
};
bool core_get_reservation(const struct core *core, uint32_t index, struct core_reservation_use *ret); /* false: there are no more */

/* Why a waiting job stands where it does, by the last calculation. */
struct core_factors {
	int32_t priority;  /* --priority: comes before everything below */
	double  age, fairshare, job_size, qos; /* 0 to 1 */
	double  weighted_age, weighted_fairshare, weighted_job_size, weighted_qos, sum;
};
/* Of those that wait and may start, the first in order, `most` of them, an array once. Returns how many. */
uint32_t core_front(const struct core *core, struct mscg_id *ids, uint32_t most);
/* False: it does not wait, or the order is not by factors. `account` (borrowed; "": none) may be NULL. */
bool core_get_factors(const struct core *core, struct mscg_id id, struct core_factors *ret, const char **account);

/* Shares, as `sshare` has them: the root, then each account with its users behind it. Borrowed until the next step. */
struct core_share {
	const char *account; /* "": the root */
	const char *up;      /* NULL: the root has none above it */
	bool     is_user;
	uint32_t uid, shares, level;
	double   norm_shares, cpu_s, norm_usage, effective_usage, factor; /* factor: of users, otherwise 0 */
};
void core_each_share(const struct core *core, struct core_now now, void (*each)(const struct core_share *share, void *ctx), void *ctx);
/* What of a budget is spent: each account that has one, then each user of whom anything is known, where users have. */
struct core_spent {
	const char *account; /* NULL: a user's */
	uint32_t uid;
	double   budget, spent;
};
void core_each_spent(const struct core *core, struct core_now now, void (*each)(const struct core_spent *spent, void *ctx), void *ctx);

/* The invariants above. 0, or -EBADMSG with text. For tests: costs a walk of everything. */
int core_check(const struct core *core, struct mscg_error *error);

/* What SUBMITTED is folded over: the job that the core makes of a specification, defaults filled in; and the task that
 * is split off the record of an array, which its first GRANTED is folded over. Neither owns anything. */
void core_job_init(const struct core *core, const struct mscg_spec *spec, struct mscg_id id, struct mscg_job *ret);
void core_job_split(const struct mscg_job *record, uint32_t task, struct mscg_job *ret);

/* Fold of one event over a job; the table of states by events. -EBADMSG for an empty cell. Used by the core itself, by
 * replay tests and by fsck. */
int core_job_apply(struct mscg_job *job, const struct mscg_event *event, struct mscg_error *error);

#endif
