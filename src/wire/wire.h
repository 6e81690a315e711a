/* wire.h: messages to and from JSON, and connections. The interface itself is io.mscg.varlink beside this file; it is
 * compiled in, so that org.varlink.service.GetInterfaceDescription answers it.
 *
 * A connection buffers both ways and never blocks; who owns the loop decides when to read and to flush.
 */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include <jansson.h>
#include <mscg/job.h>

#define WIRE_MESSAGE_MAX (1024 * 1024)
#define WIRE_FDS_MAX     3

extern const char wire_interface_description[]; /* text of io.mscg.varlink */

/* -- connections ------------------------------------------------------------------------------------------------ */
struct wire_conn;
struct wire_peer {
	uint32_t uid, gid;
	int32_t  pid; /* for logs; never to decide by */
};

/* Takes the fd (made nonblocking and close-on-exec). */
struct wire_conn *wire_conn_new(int fd);
void              wire_conn_free(struct wire_conn *conn);
int               wire_conn_fd(const struct wire_conn *conn);
/* SO_PEERCRED, read once at wire_conn_new. -errno when it is not a unix socket (`--once` over pipes: uses the ids of
 * this process). */
int wire_conn_peer(const struct wire_conn *conn, struct wire_peer *ret);
/* Reads what is there. 1: something came, 0: the peer closed, -EAGAIN: nothing, other -errno. File descriptors that
 * came along are kept, close-on-exec, WIRE_FDS_MAX at most (more are closed). */
int wire_conn_read(struct wire_conn *conn);
/* The next whole message: 1 and a new reference; 0: none yet; -EMSGSIZE, -EBADMSG with text: the connection is of no
 * further use. Depth and NULs inside strings are bounded: "\u0000" in a string is -EBADMSG. */
int wire_conn_next(struct wire_conn *conn, json_t **ret, struct mscg_error *error);
/* Descriptors received so far, now the caller's. Returns how many. */
int wire_conn_take_fds(struct wire_conn *conn, int fds[WIRE_FDS_MAX]);
/* Appends a message to the output (and fds to go with its first byte; duplicated, the caller keeps its own).
 * -EMSGSIZE above 1 MiB: nothing was queued. */
int wire_conn_send(struct wire_conn *conn, const json_t *message, const int *fds, int nfds, struct mscg_error *error);
/* 0: all is out; -EAGAIN: poll for writing; other -errno: the peer is gone. */
int    wire_conn_flush(struct wire_conn *conn);
size_t wire_conn_queued(const struct wire_conn *conn); /* bytes not yet out */

/* -- varlink envelopes ------------------------------------------------------------------------------------------ */
json_t *wire_call(const char *method, json_t *parameters, bool more);      /* steals parameters */
json_t *wire_reply(json_t *parameters, bool continues);                    /* steals parameters */
json_t *wire_error_reply(const char *name, const struct mscg_error *error, json_t *extra); /* "NoSuchJob" -> "io.mscg.NoSuchJob"; steals extra */

/* Errors by name, the errno that stands for them inside, and the exit status of `mscg`. One table. */
struct wire_error_name {
	const char *name; /* without "io.mscg." */
	int         code; /* -errno */
	int         exit_status;
};
const struct wire_error_name *wire_error_by_name(const char *name); /* with or without the interface; a generic one if unknown */
const struct wire_error_name *wire_error_by_code(int code);

/* -- strict access to parameters: unknown keys are errors that name the key ------------------------------------- */
/* Checks that `object` has only keys of the NULL-ended list. */
int wire_check_keys(const json_t *object, const char *const *keys, struct mscg_error *error);
/* Each: 1 found, 0 absent or null (and *ret untouched), -EINVAL with text for the wrong type or range. */
int wire_get_string(const json_t *object, const char *key, const char **ret, struct mscg_error *error);
int wire_get_bool(const json_t *object, const char *key, bool *ret, struct mscg_error *error);
int wire_get_int(const json_t *object, const char *key, int64_t min, int64_t max, int64_t *ret, struct mscg_error *error);
int wire_get_milli(const json_t *object, const char *key, uint32_t *ret, struct mscg_error *error); /* CPUs as a number */
int wire_get_strv(const json_t *object, const char *key, char ***ret, struct mscg_error *error);    /* caller frees */
int wire_get_time(const json_t *object, const char *key, int64_t *ret_usec, struct mscg_error *error); /* RFC 3339 */
int wire_get_id(const json_t *object, const char *key, struct mscg_id *ret, struct mscg_error *error);

/* -- codecs ----------------------------------------------------------------------------------------------------- */
/* Submit. Reading: strict, every spec passes mscg_spec_check; all or none. The caller frees the specs and the vector. */
int     wire_submit_parse(const json_t *parameters, struct mscg_spec ***ret_specs, uint32_t *ret_n, struct mscg_error *error);
/* Writing: equal environments and scripts are sent once. New reference. */
json_t *wire_submit_build(struct mscg_spec *const *specs, uint32_t n);

/* A Job object. `live` extras are added by the caller. Keys as in the varlink file, null where unknown. */
struct wire_job_extra {
	const char *reason_text;
	const char *cgroup, *control_file;
	const char *stdin_path, *stdout_path, *stderr_path; /* expanded */
	uint32_t    max_cpus_machine_milli; /* shown for max_cpus 0 */
	int64_t     now_usec; /* for wait_seconds and run_seconds of jobs that are not over */
};
json_t *wire_job_json(const struct mscg_row *row, const struct mscg_spec *spec, const struct wire_job_extra *extra);
json_t *wire_usage_json(const struct mscg_usage *usage, uint64_t mem_bytes);
json_t *wire_event_json(const struct mscg_event *event);
/* argv as one line, quoted for a shell; for shell commands the text itself; for scripts the script's name. malloc'ed */
char *wire_command_line(const struct mscg_spec *spec);
json_t *wire_cpus_json(uint32_t milli); /* 2 -> integer, 0.5 -> real */

#endif
