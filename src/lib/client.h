/* client.h: what the CLI uses of libmscg beyond its public face: calls with json_t. Statically linked only. */
#ifndef LIB_CLIENT_H
#define LIB_CLIENT_H

#include <jansson.h>
#include <mscg/mscg.h>

/* One call, one answer. `method` without "io.mscg."; steals `parameters` (NULL: none). *ret is a new reference to the
 * reply's parameters. On an error reply: the errno that the table in wire says, its message as text. */
int mscg_call_json(struct mscg *m, const char *method, json_t *parameters, json_t **ret, struct mscg_error *error);
/* With `more`: `each` is called for every reply with borrowed parameters; it returns false to hang up (0 is returned
 * then, and the handle has reconnected or is unusable for further calls: open another). */
int mscg_call_more(struct mscg *m, const char *method, json_t *parameters, bool (*each)(json_t *parameters, void *ctx), void *ctx,
                   struct mscg_error *error);
/* mscg_call_more that gives up at a point of the boot clock (-ETIMEDOUT; USEC_NEVER: never), and not before: the timeout
 * of mscg_set_timeout is for answers that are due. */
int mscg_call_until(struct mscg *m, const char *method, json_t *parameters, int64_t deadline_boot_usec,
                    bool (*each)(json_t *parameters, void *ctx), void *ctx, struct mscg_error *error);
/* stdin, stdout and stderr for the next call (Wait with attached): three descriptors, which stay the caller's. Should the connection
 * end before that, the call is -ECONNRESET, and not made on another. */
int mscg_pass_stdio(struct mscg *m, const int stdio[3], struct mscg_error *error);
/* As mscg_call_json, after stdin, stdout and stderr for it were passed (Submit with attached, Exec): three descriptors, which stay
 * the caller's; NULL: none. */
int mscg_call_stdio(struct mscg *m, const char *method, json_t *parameters, const int *stdio, json_t **ret, struct mscg_error *error);
/* A descriptor that came with the reply last returned (Exec, Backup), now the caller's; -1: none. */
int mscg_take_fd(struct mscg *m);
/* Submit, checked first by mscg_spec_check: *ret is the reply ({"jobs": [{"id", "warning", ...}]}), with as many jobs as
 * specs. stdio as for mscg_call_stdio. */
int mscg_submit_json(struct mscg *m, struct mscg_spec *const *specs, uint32_t n, const int *stdio, json_t **ret,
                     struct mscg_error *error);
/* The parameters of that Submit, to print or to change before they are sent; NULL with text. */
json_t *mscg_submit_parameters(struct mscg_spec *const *specs, uint32_t n, struct mscg_error *error);
/* The command as one line, quoted as a shell would need it. malloc'ed */
char *mscg_command_line(const struct mscg_spec *spec);
/* Exit status of `mscg` for a call that failed with -errno, and for an error by its name ("NoSuchJob"). */
int mscg_exit_status(int code);
int mscg_exit_status_named(const char *error_name);
/* A Job object, as Show and List give it, to what mscg_show gives. -EIO with text when it is none. */
int mscg_info_from_json(const json_t *job, struct mscg_info **ret, struct mscg_error *error);

/* The socket itself, to poll beside other things (`mscg run`), and then to read one reply without blocking:
 * 1 and a new reference, 0 nothing yet, -errno (an error reply too). Between calls it may change: ask again after
 * mscg_send_call, which blocks until all is sent. -EBADF: not connected. */
int mscg_handle_fd(struct mscg *m);
int mscg_send_call(struct mscg *m, const char *method, json_t *parameters, bool more, struct mscg_error *error);
int mscg_next_reply(struct mscg *m, json_t **ret, bool *ret_continues, struct mscg_error *error);

#endif
