/* daemon.h: mscgd's one deciding thread.
 *
 *   observe (server.c, the engine's reports, the timer)  ->  inputs
 *   step    (turn.c: core_step)                          ->  events, rows, actions, answers
 *   commit  (turn.c: one batch at a time, in the committer's thread)
 *   act     (turn.c: actions to the engine)
 *   reply   (requests.c: answers; streams.c: those who wait and those who watch)
 *
 * Everything here runs in that thread, but for what struct work says. Nothing blocks.
 */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include <systemd/sd-event.h>

#include "committer.h"
#include "devices.h"
#include "topology.h"
#include "src/base/base.h"
#include "src/base/buf.h"
#include "src/base/clock.h"
#include "src/base/cost.h"
#include "src/config/policy.h"
#include "src/core/core.h"
#include "src/engine/engine.h"
#include "src/wire/wire.h"

struct daemon;

/* -- machine.c -- */
struct machine {
	struct core_machine core; /* points into the rest */
	struct core_cpu    *cpus;
	struct topology    *topology; /* NULL: the machine's own */
	char               *node;
	struct core_gres   *gres;    /* points into devices */
	struct devices      devices; /* GPUs, and what else it has a number of */
	uint32_t            cpus_reserved;
	uint64_t            mem_reserved;
};
/* `allowed`: CPUs that the jobs root may use; empty: all. `before`: only CPUs came or went; its topology is moved into
 * *ret, where nodes keep their numbers. NULL: topology-config is read. */
int  machine_read(struct machine *ret, const struct config *config, const struct mscg_cpuset *allowed, struct machine *before,
                  struct mscg_error *error);
void machine_clear(struct machine *machine);

/* -- hotplug.c -- */
/* From now on CPUs that come and go are taken note of. Where the kernel does not tell (another network namespace than the
 * machine's own), a reload (SIGHUP) does it. */
void hotplug_watch(struct daemon *d);
void hotplug_close(struct daemon *d);

/* -- specs.c: specifications of jobs that are about to start, shared and counted -- */
struct spec_ref {
	struct mscg_spec *spec;
	unsigned          refs;
};
struct spec_ref *spec_ref_new(struct mscg_spec *spec); /* takes it */
struct spec_ref *spec_ref_get(struct spec_ref *ref);
void             spec_ref_put(struct spec_ref *ref);
/* A small cache by job number: a hit saves a read, a miss costs one. */
void             spec_cache_add(struct daemon *d, uint32_t job, struct spec_ref *ref);
struct spec_ref *spec_cache_find(struct daemon *d, uint32_t job); /* new reference or NULL */
void             spec_cache_clear(struct daemon *d);

/* -- server.c -- */
struct client {
	struct daemon    *d;
	struct wire_conn *conn;
	struct wire_peer  peer;
	sd_event_source  *io;
	struct request   *current;  /* answered in order: one at a time */
	struct mscg_id   *attached; /* jobs that end with this connection */
	uint32_t          attached_n, attached_cap;
	int               stdio_fd; /* what it passed for its next job or command; -1: nothing */
	bool              hangup;   /* after the output is out */
	bool              eof;      /* --once: sends nothing any more */
	struct client    *next, **prev;
	struct client    *next_kicked, **prev_kicked; /* NULL: not in the list */
};
int  server_open(struct daemon *d, struct mscg_error *error);
void server_close(struct daemon *d);
/* Nobody is accepted any more, and no message read that has not begun to come. */
void server_pause(struct daemon *d);
/* A connection that is there already (--once). */
struct client *server_adopt(struct daemon *d, int fd, struct mscg_error *error);
/* Output was queued, or the current request has ended: flush and go on, when the loop comes round, so that nothing frees
 * the client under its caller. */
void client_kick(struct client *client);

/* -- access.c: who may do what. Each is asked of the connection, and refusals and what only operators may are logged -- */
enum access {
	ACCESS_ANYONE,   /* nobody's jobs are shown or touched */
	ACCESS_VIEWER,   /* of others' jobs, what `privacy` leaves of them */
	ACCESS_OWNER,    /* one's own jobs; operators: all */
	ACCESS_USER,     /* one's own jobs; root: all */
	ACCESS_OPERATOR, /* root, members of operator-group, who runs mscgd */
};
bool client_is_operator(const struct client *client);
bool client_may_act(const struct client *client, uint32_t uid); /* on a job of this user */
bool client_sees(const struct client *client, uint32_t uid);    /* that there is one */
bool client_knows(const struct client *client, uint32_t uid);   /* whose it is, and what */
/* A verb of operators: refused, or used. */
/* Once the configuration is read: who the operators are. Warns of users and groups in it that this machine does not know. */
void access_look_up(struct daemon *d);
int  access_refuse(const struct client *client, const char *verb, struct mscg_error *error);
void access_used(const struct client *client, const char *verb);
/* -EINVAL with text for one that asks for what mounts of its own are needed for, and has none. Where there is an isolate-min: -EPERM with text for a job that is below it; one that does not say is given what is
 * configured now. */
int  access_isolation(const struct client *client, const char *verb, struct mscg_spec *spec, struct mscg_error *error);
/* Before an act on a job, named `id` by the client: 0, or the code and text of the refusal. */
int  access_act(const struct client *client, const char *verb, struct mscg_id id, const struct mscg_job *job, struct mscg_error *error);
/* The same before what only the job's own user may. */
int  access_own(const struct client *client, const char *verb, struct mscg_id id, const struct mscg_job *job, struct mscg_error *error);
/* The same before acting as the job's user, which only that user and root may; and that it was done, whoever did it. */
int  access_enter(const struct client *client, const char *verb, struct mscg_id id, const struct mscg_job *job, struct mscg_error *error);
void access_entered(const struct client *client, const char *verb, const struct mscg_job *job);

/* The QOS that a job asks for, or the default: -EINVAL where there is none of that name, -EPERM where it is not for the client. */
int  access_qos(const struct client *client, const char *verb, const char *name, const struct qos_config **ret, struct mscg_error *error);
bool client_may_have(const struct client *client, const struct qos_config *qos);
/* The partition that a job asks for, or the default; NULL where there are none: -EINVAL where there is none of that name, or no default, -EPERM
 * where it is not for the client. */
int  access_partition(const struct client *client, const char *verb, const char *name, const struct partition_config **ret, struct mscg_error *error);
bool client_may_use(const struct client *client, const struct partition_config *partition);

/* -- rate.c: how often each user asks -- */
struct ids;
/* Pays for one request; -EBUSY with text when its user has asked too often. */
int  rate_take(struct client *client, struct mscg_error *error);
void rate_close(struct daemon *d);

/* -- requests.c -- */
/* One call of a client. Lives until its last reply, also when the client has gone (client is NULL then). */
struct request {
	struct daemon *d;
	struct client *client;
	const struct method *method;
	bool           more;
	uint32_t       awaiting;   /* answers of the core still to come */
	struct mscg_id id;
	json_t        *parameters; /* of the call */
	json_t        *result;     /* what was gathered so far */
	struct buf     text;       /* the same, as it will be sent */
	const char    *done;       /* many.c: the list in it of what was done */
	size_t         listed;     /* many.c: bytes of its lists, about */
	char         **vain;       /* many.c: ranges of tasks none of which is there, and why not, in turn */
	void         (*answer)(struct request *r, const struct core_answer *answer);
	void         (*drained)(struct request *r);  /* the client's output is out: a stream may go on */
	void         (*abandon)(struct request *r);  /* the client has gone; NULL: runs to its end unseen */
	bool           reading;    /* lists.c, streams.c: a slice is being read */
	struct list_work *list;    /* lists.c */
	struct waiter *waiters;    /* streams.c: Wait */
	uint64_t       next_seq;   /* streams.c: Events: the first one not yet sent */
	bool           watching;   /* streams.c: Events: gets them as they are committed */
	bool           ends;       /* streams.c: Events: at the present */
	struct request *next_watcher;
	int            stdio_fd;   /* Submit of an attached job, Exec; -1: none */
	uint32_t       stdio_uid;  /* who passed it */
	int            failed_code;
	struct mscg_error failure;
	struct request *next, **prev;
};
void requests_handle(struct client *client, json_t *message);
void request_reply(struct request *r, json_t *parameters);  /* last one; frees r */
void request_reply_fd(struct request *r, json_t *parameters, int fd); /* the same, with a descriptor, borrowed */
void request_reply_text(struct request *r);                 /* the same with what is in its text: a whole message */
void request_stream(struct request *r, json_t *parameters); /* `continues` */
void request_stream_text(struct request *r);                /* the same with its text, which is empty then */
void request_fail(struct request *r, int code, const struct mscg_error *error); /* last one; frees r */
__attribute__((format(printf, 3, 4))) void request_failf(struct request *r, int code, const char *format, ...);
void request_free(struct request *r);
void request_abandon(struct request *r); /* its client has gone */
bool request_is(const struct request *r, const char *name); /* "Top" */
const char *request_verb(const struct request *r);          /* "Top" */
void request_answer(struct request *r, const struct core_answer *answer);

/* Decisions cannot be kept at the moment: answers so, and false. */
bool request_store_is_well(struct request *r);
/* The job that `id` names, if it is there and the client may touch it. Answers otherwise, and NULL. */
const struct mscg_job *request_job(struct request *r);

/* -- parts.c: lists that may be longer than a message, in several replies for who asked for `more` -- */
/* Adds to the list `name` of the reply; takes the item. False: the message has no room for it, and no other may follow. */
bool parts_add(struct request *r, const char *name, json_t *item);
void parts_send(struct request *r); /* what there is goes out, if there is something */
/* The last reply, with the members of `rest` (taken; NULL: none) beside the list; frees r. */
void parts_end(struct request *r, const char *name, json_t *rest);
void parts_refuse(struct request *r); /* parts_add() had no room; frees r */

/* -- drop.c -- */
/* Closes a socket into whose queue others may have put files, which can take as long as the server of those likes: so not here
 * where there are some. uid: whose doing it is. Never waits. */
void     drop_socket(struct daemon *d, int fd, uint32_t uid);
uint32_t drop_count(const struct daemon *d, uint32_t uid); /* of this user's, not closed yet, and no other process's to close */
bool     drop_is_full(const struct daemon *d);             /* no more can be taken now */
void     drop_rest(struct daemon *d);                      /* mscgd leaves: other processes close what is left */

/* -- attached.c: descriptors of attached jobs, from submission to start: in a socket, out of which only the job takes them -- */
struct attached;
void stdio_start(struct request *r); /* PassStdio */
/* What the client has passed is the request's now. -EINVAL with text: nothing. */
int  stdio_take(struct request *r, struct mscg_error *error);
void attached_keep(struct request *r, struct mscg_id id); /* that of a Submit, when its job has an id */
/* Wait with attached, after a restart: its client is here again, and what it has passed is for the job if that has not begun; from now
 * on the job ends with this connection. -EINVAL, -EPERM, -EBUSY with text. */
int  attached_again(struct request *r, struct mscg_id id, struct mscg_error *error);
int  attached_take(struct daemon *d, struct mscg_id id);  /* -1: there is none */
/* Whether what it has not may yet come: a restart was a moment ago. */
bool attached_may_come(const struct daemon *d);
void attached_drop(struct daemon *d, struct mscg_id id);
void attached_close(struct daemon *d); /* all of them */

/* -- many.c: requests about several jobs, each of which may be refused by itself -- */
/* The `ids` of a call; the caller frees them. Of "12_[3-7]" they are the tasks that are in one of `states` (bits; 0: no such
 * range is taken); where there is none, many_begin() says so. -EINVAL with text. */
int  many_ids(struct request *r, uint32_t states, struct mscg_id **ret, uint32_t *ret_n, struct mscg_error *error);
/* What the core answers until many_end() and after it is gathered: {done: [id...], errors: [{id, error, message}...]}, and
 * "omitted", how many more there are, where a message has no room for all. */
void many_begin(struct request *r, const char *done);
__attribute__((format(printf, 4, 5))) void many_refuse(struct request *r, struct mscg_id id, int code, const char *format, ...);
/* All are under way: the last answer sends the reply; without any, this does. */
void many_end(struct request *r);

/* -- cancel.c, resize.c -- */
void cancel_start(struct request *r);
void resize_by_hand_start(struct request *r);

/* -- service.c -- */
void drain_start(struct request *r);
void shutdown_start(struct request *r);
void config_start(struct request *r);
void qos_start(struct request *r);
void partitions_start(struct request *r);
void ping_start(struct request *r);
void info_start(struct request *r);     /* org.varlink.service.GetInfo */
void describe_start(struct request *r); /* org.varlink.service.GetInterfaceDescription */

/* -- depends.c -- */
/* Works out what is left of what these wait for (spec->dependency_left), then go_on(), at once or later; or answers the request
 * with what is wrong. Takes the specifications and their list; go_on() is given them back. */
void depends_settle(struct request *r, struct mscg_spec **specs, uint32_t n,
                    void (*go_on)(struct request *r, struct mscg_spec **specs, uint32_t n));

/* -- changes.c -- */
void list_change_start(struct request *r); /* Hold, Release, Suspend, Resume */
void update_start(struct request *r);
/* reserve.c */
void reserve_start(struct request *r);
void unreserve_start(struct request *r);
void reservations_start(struct request *r);

/* -- budget.c -- */
void budget_arm(struct daemon *d); /* the policy is set again when it ends */
void budgets_start(struct request *r);

/* -- shares.c -- */
void priorities_start(struct request *r);
void shares_start(struct request *r);

/* -- why.c -- */
void why_start(struct request *r);
/* Says why a job waits where the core of `mscgd --once` is drained because nobody is there to start anything. False: for
 * the reason that the core gives. */
bool why_here(const struct daemon *d, enum mscg_reason reason, char text[160]);

/* -- views.c: Job objects -- */
const char *partition_name(const struct daemon *d, const struct mscg_job *job, const struct mscg_spec *spec); /* borrowed; NULL: none */
/* `live`: with what the kernel says now. `brief`: one of many (see wire_job_extra). */
json_t *view_job(struct daemon *d, const struct mscg_row *row, const struct mscg_spec *spec, bool live, bool brief);
/* What `privacy = users` leaves of somebody else's job. */
void    view_hide(json_t *job);
json_t *view_stats(struct daemon *d, const struct store_totals *totals);

/* -- lists.c: what is read from the store -- */
struct list_work;
/* The row of a job, in the committer's thread; of a task that is not split off, made from its array's. -ENOENT. */
int  list_read_one(struct store *store, struct mscg_id id, struct store_record *ret, struct mscg_error *error);
void list_start(struct request *r);   /* List */
void show_start(struct request *r);   /* Show */
void top_start(struct request *r);    /* Top */
void stats_start(struct request *r);  /* Stats */

/* -- requeue.c -- */
void requeue_start(struct request *r);

/* -- exec.c -- */
void exec_start(struct request *r);

/* -- backup.c, fsck.c -- */
void backup_start(struct request *r);
void fsck_start(struct request *r);

/* -- streams.c: those who wait and those who watch -- */
struct waiter;
void wait_start(struct request *r);
void events_start(struct request *r);
void streams_committed(struct daemon *d, const struct mscg_event *events, uint32_t n);
void streams_close(struct daemon *d);

/* -- turn.c -- */
struct batch;
/* Adds an input for the next step of this turn. Takes spec (a reference) and report (its contents). `r` gets the answers. */
void turn_add(struct daemon *d, const struct core_input *input, struct spec_ref *spec, struct request *r);
void turn_add_row(struct daemon *d, const struct core_input *input, struct mscg_row *row, struct request *r); /* takes what the row owns */
void turn_add_report(struct daemon *d, struct mscg_report *report);
/* Commits whatever is open and waits until all has come out (shutdown, --once). */
int  turn_flush(struct daemon *d);
/* Steps what has come in, if anything has; what is added next is the first of the next step. */
void turn_now(struct daemon *d);
/* `work` goes to the committer behind the commit of all that was stepped so far, also where that one fails. */
void turn_after_commit(struct daemon *d, struct work *work);
/* The specification of each job that was accepted and is not in the store yet, or not known to be. */
void turn_uncommitted(struct daemon *d, void (*each)(void *ctx, uint32_t job, const struct mscg_spec *spec), void *ctx);
/* Something is decided that is not committed, done and answered. */
bool turn_is_open(const struct daemon *d);
int  turn_open(struct daemon *d, struct mscg_error *error);
void turn_close(struct daemon *d);
bool turn_store_is_failing(const struct daemon *d, struct mscg_error *error);
/* After a commit that failed: inputs that somebody asked for are dropped, what the engine reported is kept. */
void turn_forget_requests(struct daemon *d);

/* -- recover.c -- */
/* Core from the store, engine's tasks to the core. Used at start and after a commit that failed. */
int recover_open(struct daemon *d, struct mscg_error *error);
void recover_rebuild(struct daemon *d);

/* -- degraded.c -- */
/* No new jobs from here on, and a look now and then whether it is over. */
void degraded_begin(struct daemon *d, const struct mscg_error *why);
void degraded_end(struct daemon *d);

/* -- prune.c -- */
/* Deletes what of the journal is older than keep-events says, some of it at a time; looked at after commits only. */
void prune_if_due(struct daemon *d);

/* -- users.c -- */
/* user, home and gid of spec->uid. */
int users_fill(struct mscg_spec *spec, struct mscg_error *error);
int users_uid(const char *name, uint32_t *ret);
const char *users_name(uint32_t uid); /* borrowed, for now; NULL: it has no account */
const char *users_label(uint32_t uid, char text[32]); /* borrowed; its number where it has none */
char *users_shell(uint32_t uid); /* of its account; malloc'ed */

/* -- scope.c -- */
/* For a user whose session is not delegated: starts this program again in a scope of the user manager that is. Returns
 * where that is not needed or not possible. */
void scope_enter(const struct config *config, char **argv);

/* -- upgrade.c: the program that leaves, until its loop has ended -- */
void upgrade_start(struct request *r); /* answered by the next program */
bool upgrade_asked(const struct daemon *d, const struct client *c);
void upgrade_close(struct daemon *d);

/* -- handover.c: one program takes the place of another in this process -- */
struct handover {
	int      listen_fd, asker_fd, previous_fd; /* -1: none */
	int      supervisor_fd; /* mscg-supervise of the one before, of ours when we are back; -1: not known */
	int     *clients;
	uint32_t clients_n, clients_cap;
	char    *before; /* version */
	char   **argv;   /* of the one before */
	char    *failed; /* why we are back; NULL: we are the new one */
	bool     taken;
};
void handover_init(struct handover *h);
void handover_clear(struct handover *h);
/* The loop of the program that leaves has ended: a connection on which nothing is under way is kept. */
void handover_keep(struct daemon *d, const struct client *c);
/* Everything else is closed. Returns only where neither program can be executed. */
void handover_execute(struct daemon *d);
/* The program that comes. --can-follow: 0, or text that says why it could not take over. */
int  handover_check(const struct config *config, struct mscg_error *error);
void handover_take(struct daemon *d); /* before anything is opened or spawned */
void handover_finish(struct daemon *d);
/* It could not come up: executes the one before, if there is one. Returns otherwise. */
void handover_return(struct daemon *d, const struct mscg_error *why);

/* -- main.c -- */
/* Leaves the loop: at once, or (when_idle) when no job is left. */
void daemon_shutdown(struct daemon *d, bool when_idle);
bool daemon_is_idle(const struct daemon *d);
void daemon_leave_if_idle(const struct daemon *d); /* where it was told to */
/* By the configuration and the time that there are now, and tells the core. */
void daemon_set_policy(struct daemon *d);
/* Reads the machine again, by this configuration, and tells the core. */
int  daemon_reread_machine(struct daemon *d, const struct config *config, struct mscg_error *error);
void daemon_notify_status(const struct daemon *d);

struct daemon {
	struct config     config;
	struct mscg_cpuset allowed; /* CPUs of the jobs root; empty: all */
	struct machine    machine;
	struct core_policy policy;
	struct accounts_view accounts; /* which it points to */
	sd_event_source  *period_source;
	sd_event         *loop;
	sd_event_source  *hotplug_source, *hotplug_settle;
	struct core      *core;
	struct engine    *engine; /* NULL with --once */
	struct committer *committer;
	struct store     *store;     /* before the committer has it */
	struct store_info info;
	char              boot_id[40];
	int64_t           started_boot_usec;
	gid_t             operator_gid; /* (gid_t)-1: none */

	/* turn.c */
	struct inbox     *inbox;
	struct batch     *open, *flying;
	sd_event_source  *turn_source, *timer_source;
	uint32_t          quick_commits; /* in a row */
	bool              failing; /* the last commit failed and nothing was recovered yet */
	struct mscg_error failure;
	sd_event_source  *retry_source;
	int64_t           retry_usec;

	/* degraded.c */
	bool              degraded;
	struct mscg_error degraded_why;
	sd_event_source  *probe_source;
	int64_t           probe_usec;

	/* server.c, requests.c */
	bool              upgrading; /* leaves for another program when what is under way is done */
	struct upgrade   *upgrade;
	struct handover   handover;
	int               supervisor_fd; /* the program that belongs to this one, whatever is installed meanwhile; -1: none */
	int               listen_fd, spare_fd; /* the latter is there to be given up */
	sd_event_source  *listen_source;
	struct client    *clients;
	uint32_t          clients_n;
	struct client    *kicked;
	sd_event_source  *kick_source;
	struct request   *requests;
	struct cached    *spec_cache;
	struct ids       *rates; /* by uid */
	struct waiter   **waiters; /* hash by id */
	struct request   *watchers; /* Events */
	uint64_t          last_seq; /* of what is committed */
	struct attached  *attached;
	struct drops     *drops;

	int64_t           prune_due_usec; /* boot clock */
	bool              pruning;
	char            **warnings; /* what is not enforced */
	bool              shutting_down; /* leaves when the last job has ended */
	int               argc;
	char            **argv;
};

__attribute__((format(printf, 2, 3))) void log_line(int priority, const char *format, ...);

#endif
