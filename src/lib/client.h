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
/* As mscg_call_json with descriptors that travel along (Submit with attached). */
int mscg_call_fds(struct mscg *m, const char *method, json_t *parameters, const int *fds, int nfds, json_t **ret, struct mscg_error *error);
/* The socket itself, to poll beside other things (`mscg run`), and then to read one reply without blocking:
 * 1 and a new reference, 0 nothing yet, -errno. */
int mscg_handle_fd(struct mscg *m);
int mscg_send_call(struct mscg *m, const char *method, json_t *parameters, bool more, struct mscg_error *error);
int mscg_next_reply(struct mscg *m, json_t **ret, bool *ret_continues, struct mscg_error *error);

#endif
