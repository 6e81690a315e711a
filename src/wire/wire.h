/* wire.h: messages to and from JSON, and connections. The interface itself is io.mscg.varlink beside this file; it is
 * compiled in, so that org.varlink.service.GetInterfaceDescription answers it.
 *
 * A connection buffers both ways and never blocks; who owns the loop decides when to read and to flush.
 */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include <jansson.h>
#include <mscg/job.h>

#define WIRE_MESSAGE_MAX    (1024 * 1024) /* without the NUL */
#define WIRE_FDS_MAX        3
#define WIRE_DEPTH_MAX      16    /* objects and arrays inside each other */
#define WIRE_CONTAINERS_MAX 65536 /* objects and arrays in one message */
#define WIRE_JOBS_MAX       10000 /* specs in one Submit */
#define WIRE_LISTED_ARRAYS_MAX 64 /* of them with an array of several ranges, which are costly to sort out */
#define WIRE_SHARED_MAX     (64u * 1024 * 1024) /* environments and scripts of one Submit, each counted for every job */
#define WIRE_BRIEF_MAX      4096  /* of a job in a list: bytes of JSON of argv, of the command, ... */
#define WIRE_BRIEF_LIST_MAX 65536 /* and of what has to be read again whole: files, dependencies */
#define WIRE_DUMP_FLAGS     (JSON_COMPACT | JSON_REAL_PRECISION(15)) /* 0.1 as 0.1; also for what --json prints */

extern const char wire_interface_description[]; /* text of io.mscg.varlink */
extern const char wire_service_description[];   /* text of org.varlink.service.varlink */

/* -- connections ------------------------------------------------------------------------------------------------ */
struct wire_conn;
struct wire_peer {
	uint32_t uid, gid;
	int32_t  pid; /* for logs; never to decide by */
};

/* Takes the fd (made nonblocking and close-on-exec). Writing never raises SIGPIPE on a socket. */
struct wire_conn *wire_conn_new(int fd);
/* The same over two descriptors, which may be pipes (`mscgd --once` on stdin and stdout). No descriptors pass then. */
struct wire_conn *wire_conn_new_pipes(int in, int out);
void              wire_conn_free(struct wire_conn *conn);
int               wire_conn_fd(const struct wire_conn *conn);
/* The descriptor is the caller's now, and the connection only to be freed. */
int               wire_conn_take_fd(struct wire_conn *conn);
/* SO_PEERCRED, read once at wire_conn_new; over a pipe the ids of this process. -errno when nobody can be named: another
 * kind of socket (-EAFNOSUPPORT) or file (-ENOTSOCK), ids that this user namespace does not know (-EACCES). */
int wire_conn_peer(const struct wire_conn *conn, struct wire_peer *ret);
/* A client's end: file descriptors that come along are kept, close-on-exec, WIRE_FDS_MAX at most (more are closed). Otherwise
 * none is ever received, and so none has to be closed, which its server (FUSE, NFS) may not answer: wire_conn_read says
 * -EPERM where a message has some, and it is not read. */
void wire_conn_expect_fds(struct wire_conn *conn);
/* Reads what is there, once. 1: something came, 0: the peer closed, -EAGAIN: nothing, other -errno. Reads nothing (-EAGAIN) while the buffer is
 * full, that is, while more than WIRE_MESSAGE_MAX bytes wait for wire_conn_next: who takes no messages for a while must
 * not poll for input then. */
int  wire_conn_read(struct wire_conn *conn);
bool wire_conn_full(const struct wire_conn *conn);
/* The last read was given as much as it had room for: there may be more. Otherwise polling says when there is. */
bool wire_conn_has_more(const struct wire_conn *conn);
/* Nothing was read that wire_conn_next did not return: the stream could go on elsewhere. */
bool wire_conn_is_between(const struct wire_conn *conn);
/* The next whole message, an object: 1 and a new reference; 0: none yet; -EMSGSIZE, -EBADMSG with text: the connection
 * is of no further use, and every later call says so again. Depth and number of containers are bounded; equal keys in
 * one object and "\u0000" in a string are -EBADMSG. */
int wire_conn_next(struct wire_conn *conn, json_t **ret, struct mscg_error *error);
/* One message's text, `size` bytes and a NUL, to JSON, with all of these checks. */
int wire_parse(const char *text, size_t size, json_t **ret, struct mscg_error *error);
/* Descriptors that came with the message last returned, now the caller's. Returns how many. Those that nobody took are
 * closed when a later message is returned. */
int wire_conn_take_fds(struct wire_conn *conn, int fds[WIRE_FDS_MAX]);
/* Appends a message to the output (and fds to go with its first byte; duplicated, the caller keeps its own).
 * On failure (-EMSGSIZE above 1 MiB) nothing was queued. */
int wire_conn_send(struct wire_conn *conn, const json_t *message, const int *fds, int nfds, struct mscg_error *error);
/* The same of a message that is text already: `size` bytes of JSON. */
int wire_conn_send_text(struct wire_conn *conn, const char *text, size_t size, struct mscg_error *error);
/* Appends `text` as a string of JSON; what is not UTF-8 as null. */
struct buf;
void wire_add_string(struct buf *into, const char *text);
/* 0: all is out; -EAGAIN: poll for writing; other -errno: the peer is gone. */
int    wire_conn_flush(struct wire_conn *conn);
size_t wire_conn_queued(const struct wire_conn *conn); /* bytes not yet out */

/* -- varlink envelopes ------------------------------------------------------------------------------------------ */
json_t *wire_call(const char *method, json_t *parameters, bool more);      /* steals parameters */
json_t *wire_reply(json_t *parameters, bool continues);                    /* steals parameters */
/* "NoSuchJob" -> "io.mscg.NoSuchJob"; a name with dots stands as it is. `error` (may be NULL) becomes `message`; steals
 * extra (NULL: none). */
json_t *wire_error_reply(const char *name, const struct mscg_error *error, json_t *extra);

/* What a server reads: strict, unknown keys are -EINVAL with text. Pointers are borrowed from the message; parameters is
 * NULL where there are none, and everything below takes that for an empty object. */
struct wire_request {
	const char   *method;
	const json_t *parameters;
	bool more, oneway, upgrade;
};
int wire_request_parse(const json_t *message, struct wire_request *ret, struct mscg_error *error);
/* What a client reads. `error` NULL: a good answer. -EBADMSG with text when it is no reply at all. */
struct wire_response {
	const char *error; /* with its interface */
	json_t     *parameters; /* borrowed; NULL: none */
	bool        continues;
};
int wire_response_parse(const json_t *message, struct wire_response *ret, struct mscg_error *error);
/* Everything that is not a method of io.mscg: 1 and the reply to send (org.varlink.service.GetInfo and
 * GetInterfaceDescription are answered, other interfaces refused). 0: "io.mscg.*", *ret_method is the part behind. */
int wire_service(const struct wire_request *request, const char **ret_method, json_t **ret_reply);
/* The answer to a method of io.mscg that there is not. */
json_t *wire_unknown_method(const char *method);

/* Errors by name, the errno that stands for them inside, and the exit status of `mscg`. One table. Several codes may have
 * one name (-EACCES is NotPermitted too); the code of a name is its first. */
struct wire_error_name {
	const char *name; /* without "io.mscg." */
	int         code; /* -errno */
	int         exit_status;
};
const struct wire_error_name *wire_error_by_name(const char *name); /* with or without the interface; a generic one if unknown */
const struct wire_error_name *wire_error_by_code(int code);

/* -- strict access to parameters: unknown keys are errors that name the key ------------------------------------- */
/* Checks that `object` has only keys of the NULL-ended list: "unknown parameter 'cpu': expected one of cpus, id". */
int wire_check_keys(const json_t *object, const char *const *keys, struct mscg_error *error);
/* Each: 1 found, 0 absent or null (and *ret untouched), -EINVAL with text for the wrong type or range. Numbers are
 * taken as written: "2" is no number, 2.0 no whole one. wire_need turns an absent one into an error that names it:
 * `r = wire_need(wire_get_id(p, "id", &id, e), "id", e)`. */
int wire_need(int found, const char *key, struct mscg_error *error);
int wire_get_string(const json_t *object, const char *key, const char **ret, struct mscg_error *error);
int wire_get_bool(const json_t *object, const char *key, bool *ret, struct mscg_error *error);
int wire_get_int(const json_t *object, const char *key, int64_t min, int64_t max, int64_t *ret, struct mscg_error *error);
int wire_get_milli(const json_t *object, const char *key, uint32_t *ret, struct mscg_error *error); /* CPUs as a number, 0 too */
int wire_get_strv(const json_t *object, const char *key, char ***ret, struct mscg_error *error);    /* caller frees */
int wire_get_time(const json_t *object, const char *key, int64_t *ret_usec, struct mscg_error *error); /* RFC 3339 */
int wire_get_id(const json_t *object, const char *key, struct mscg_id *ret, struct mscg_error *error);
/* The same of a value that was found already, NULL for none; `key` is for texts. */
int wire_read_string(const json_t *value, const char *key, const char **ret, struct mscg_error *error);
int wire_read_bool(const json_t *value, const char *key, bool *ret, struct mscg_error *error);
int wire_read_int(const json_t *value, const char *key, int64_t min, int64_t max, int64_t *ret, struct mscg_error *error);
int wire_read_milli(const json_t *value, const char *key, uint32_t *ret, struct mscg_error *error);
int wire_read_strv(const json_t *value, const char *key, char ***ret, struct mscg_error *error);
int wire_read_time(const json_t *value, const char *key, int64_t *ret_usec, struct mscg_error *error);

/* -- codecs ----------------------------------------------------------------------------------------------------- */
/* Submit. Reading: strict, every spec passes mscg_spec_check; all or none, and texts begin with "jobs[3]: " where there
 * are several. The caller frees the specs and the vector (wire_specs_free). What only the daemon knows (user, home, uid,
 * gid) is not set, and so workdir is NULL where none was given. */
void    wire_specs_free(struct mscg_spec **specs, uint32_t n);
int     wire_submit_parse(const json_t *parameters, struct mscg_spec ***ret_specs, uint32_t *ret_n, struct mscg_error *error);
/* Writing: equal environments and scripts are sent once. New reference. JSON carries nothing but UTF-8: entries of an
 * environment that are something else are left out; anywhere else that is an error: NULL, with text. */
json_t *wire_submit_build(struct mscg_spec *const *specs, uint32_t n, struct mscg_error *error);

/* A Job object. `live` extras are added by the caller. Keys as in the varlink file, null where unknown. */
struct cost_rates;
struct wire_job_extra {
	const char *reason_text;
	const char *cgroup, *control_file;
	const char *need; /* what it uses of its CPUs, where that decides; NULL: nothing is known */
	const char *why_small; /* why an elastic job does not grow; NULL: it does, or has all it may have */
	const char *mem_need; /* why its memory was resized, or was not; NULL: there is nothing to say */
	const char *stdin_path, *stdout_path, *stderr_path; /* expanded */
	char       *nodes, **switches; /* of a topology file: NULL where there is none, or it holds nothing */
	const char *common_switch;
	uint32_t    max_cpus_machine_milli; /* shown for max_cpus 0 */
	int64_t     now_usec; /* for wait_seconds and run_seconds of jobs that are not over */
	const struct cost_rates *rates; /* NULL: none */
	const char *currency;
	const char *qos, *partition; /* the names of its own */
	bool        brief; /* one of many: its long members are cut (WIRE_BRIEF_MAX). Otherwise to what a message has room for */
	const char *not_enforced; /* NULL: all is */
};
json_t *wire_job_json(const struct mscg_row *row, const struct mscg_spec *spec, const struct wire_job_extra *extra);
json_t *wire_usage_json(const struct mscg_usage *usage, uint64_t mem_bytes);
json_t *wire_event_json(const struct mscg_event *event);
/* And back, for clients: -EINVAL with text for wrong types; what is missing is unknown. The caller clears the event. */
int     wire_usage_parse(const json_t *accounting, struct mscg_usage *ret, struct mscg_error *error);
int     wire_event_parse(const json_t *event, struct mscg_event *ret, struct mscg_error *error);
json_t *wire_time_json(int64_t usec); /* RFC 3339; null for 0 */
/* argv as one line, quoted for a shell; for shell commands the text itself; argv[0] of a script is its name. Always one
 * line of UTF-8 without control characters (they are shown as in $'...'). malloc'ed */
char *wire_command_line(const struct mscg_spec *spec);
/* Its beginning: all of it, or at least so many bytes. malloc'ed */
char *wire_command_begin(const struct mscg_spec *spec, size_t max);
json_t *wire_cpus_json(uint32_t milli); /* 2 -> integer, 0.5 -> real */

#endif
