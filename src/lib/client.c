/* Calls: one question, one answer or many. A connection on which something made no sense is dropped, and the next call
 * makes a new one. */
#include "src/base/base.h"
#include "src/base/clock.h"
#include "src/lib/handle.h"

#include <limits.h>
#include <poll.h>
#include <sys/wait.h>

/* -- the connection --------------------------------------------------------------------------------------------- */

/* Returns what mscg_once_end says. */
static int drop(struct mscg *m)
{
	wire_conn_free(steal(&m->conn));
	m->busy = m->passed = false;
	return mscg_once_end(m);
}

void mscg_close(struct mscg *m)
{
	if (!m)
		return;
	drop(m);
	cleanup_close(&m->fd);
	free(m->socket);
	free(m->state_dir);
	free(m->program);
	free(m);
}

void mscg_set_timeout(struct mscg *m, int milliseconds)
{
	m->timeout_ms = milliseconds < 0 ? -1 : milliseconds;
}

const char *mscg_socket_path(const struct mscg *m)
{
	return m->socket;
}

bool mscg_is_once(const struct mscg *m)
{
	return m->once;
}

int mscg_handle_fd(struct mscg *m)
{
	return m->conn ? wire_conn_fd(m->conn) : -EBADF;
}

/* The other end is gone: says how, as far as that can be known. */
static int gone(struct mscg *m, int why, struct mscg_error *error)
{
	bool child = m->child != 0;
	int status = drop(m);

	if (child && status != -1 && WIFSIGNALED(status))
		return mscg_error_set(error, -ECONNRESET, "mscgd --once ended by signal %d before it answered", WTERMSIG(status));
	if (child)
		return mscg_error_set(error, -ECONNRESET, "mscgd --once ended with exit status %d before it answered",
		                      status == -1 ? -1 : WEXITSTATUS(status));
	return mscg_error_set(error, -ECONNRESET, "the daemon on %s closed the connection before it answered%s%s", m->socket,
	                      why ? ": " : "", why ? strerrordesc_np(-why) : "");
}

/* A connection on which nothing waits to be read. One that has ended since the last call, or on which the daemon said
 * something unasked, is made anew: nothing was sent yet, so nothing is done twice. */
static int fresh_connection(struct mscg *m, struct mscg_error *error)
{
	struct mscg_error why = {0};
	json_t *unasked;
	int fd, r;

	if (m->conn) {
		r = wire_conn_next(m->conn, &unasked, NULL);
		if (r > 0)
			json_decref(unasked);
		if (r == 0 && wire_conn_read(m->conn) == -EAGAIN)
			return 0;
		if (m->passed)
			return gone(m, 0, error);
		drop(m);
	}
	r = mscg_socket_open(m->socket, &fd, &why);
	if (r == -ECONNREFUSED && m->once)
		r = mscg_once_start(m, &fd, &why);
	if (r < 0)
		return mscg_error_set(error, r, "%s", why.text);
	m->conn = wire_conn_new(fd);
	wire_conn_expect_fds(m->conn);
	return 0;
}

/* -- waiting ---------------------------------------------------------------------------------------------------- */

static int64_t deadline_in(int ms)
{
	return ms < 0 ? USEC_NEVER : clock_boot_usec() + ms * USEC_PER_MSEC;
}

/* 0, -ETIMEDOUT */
static int wait_for(struct mscg *m, short events, int64_t deadline, struct mscg_error *error)
{
	struct pollfd p = {.fd = wire_conn_fd(m->conn), .events = events};

	for (;;) {
		int64_t left = deadline == USEC_NEVER ? -1 : (deadline - clock_boot_usec() + USEC_PER_MSEC - 1) / USEC_PER_MSEC;
		int r;

		if (deadline != USEC_NEVER && left <= 0)
			return mscg_error_set(error, -ETIMEDOUT, "no answer in time from the daemon on %s", m->socket);
		r = poll(&p, 1, (int)MIN_OF(left, (int64_t)INT_MAX));
		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return mscg_error_set(error, -errno, "cannot wait for the daemon: %m");
	}
}

/* 1 and a message, 0: none yet, -ECONNRESET, -EIO. */
static int receive(struct mscg *m, json_t **ret, struct mscg_error *error)
{
	for (;;) {
		struct mscg_error why = {0};
		int r = wire_conn_next(m->conn, ret, &why);

		if (r > 0)
			return 1;
		if (r < 0)
			return mscg_error_set(error, -EIO, "what the daemon on %s answers makes no sense: %s", m->socket, why.text);
		r = wire_conn_read(m->conn);
		if (r == -EAGAIN)
			return 0;
		if (r <= 0)
			return gone(m, r, error);
	}
}

static int send_all(struct mscg *m, int64_t deadline, struct mscg_error *error)
{
	for (;;) {
		int r = wire_conn_flush(m->conn);

		/* Where it hung up it may have said why: that is still to be read. */
		if (r != -EAGAIN)
			return 0;
		r = wait_for(m, POLLOUT, deadline, error);
		if (r < 0)
			return r;
	}
}

/* -- calls ------------------------------------------------------------------------------------------------------ */

static int send_call(struct mscg *m, const char *method, json_t *parameters, bool more, struct mscg_error *error)
{
	json_t *message = wire_call(method, parameters, more);
	int r;

	if (m->busy)
		r = mscg_error_set(error, -EBUSY, "an earlier call on this handle is not over: expected another handle");
	else
		r = fresh_connection(m, error);
	if (r == 0) {
		r = wire_conn_send(m->conn, message, NULL, 0, error);
		if (r == -EMSGSIZE)
			mscg_error_prefix(error, r, "the request is too large: ");
	}
	json_decref(message);
	if (r < 0)
		return r;
	m->busy = true;
	m->passed = false;
	r = send_all(m, deadline_in(m->timeout_ms), error);
	if (r < 0)
		drop(m);
	return r;
}

/* The errno and the text of an error reply. */
static int error_of(const struct wire_response *response, struct mscg_error *error)
{
	const struct wire_error_name *known = wire_error_by_name(response->error);
	const char *text = NULL;

	wire_get_string(response->parameters, "message", &text, NULL);
	if (known->code == -EOPNOTSUPP && !text)
		return mscg_error_set(error, known->code, "the daemon does not know this request (%s): is it of another version?",
		                      response->error);
	return mscg_error_set(error, known->code, "%s", text && *text ? text : response->error);
}

/* At most one comes with a reply. */
static void keep_fd(struct mscg *m)
{
	int fds[WIRE_FDS_MAX], n = wire_conn_take_fds(m->conn, fds);

	cleanup_close(&m->fd);
	m->fd = n > 0 ? fds[0] : -1;
	while (n > 1)
		close(fds[--n]);
}

/* Takes a message apart: 0 and a new reference to its parameters, or what it says is wrong. */
static int open_reply(struct mscg *m, json_t *message, bool more, json_t **ret, bool *ret_continues, struct mscg_error *error)
{
	struct wire_response response;
	struct mscg_error why = {0};
	int r = wire_response_parse(message, &response, &why);

	if (r == 0 && response.continues && (response.error || !more))
		r = mscg_error_set(&why, -EBADMSG, "a reply goes on that should not");
	if (r < 0) {
		drop(m);
		return mscg_error_set(error, -EIO, "what the daemon on %s answers makes no sense: %s", m->socket, why.text);
	}
	*ret_continues = response.continues;
	keep_fd(m);
	if (!response.continues) {
		m->busy = false;
		if (m->child)
			drop(m);
	}
	if (response.error)
		return error_of(&response, error);
	*ret = response.parameters ? json_incref(response.parameters) : json_object();
	return 0;
}

int mscg_send_call(struct mscg *m, const char *method, json_t *parameters, bool more, struct mscg_error *error)
{
	return send_call(m, method, parameters, more, error);
}

/* As mscg_next_reply, for a call that may or may not have asked for more. */
static int next_reply(struct mscg *m, bool more, json_t **ret, bool *ret_continues, struct mscg_error *error)
{
	json_t *message;
	int r;

	if (!m->conn || !m->busy)
		return mscg_error_set(error, -EBADF, "no call is under way on this handle");
	r = receive(m, &message, error);
	if (r < 0 && m->conn)
		drop(m);
	if (r <= 0)
		return r;
	r = open_reply(m, message, more, ret, ret_continues, error);
	json_decref(message);
	return r < 0 ? r : 1;
}

int mscg_next_reply(struct mscg *m, json_t **ret, bool *ret_continues, struct mscg_error *error)
{
	return next_reply(m, true, ret, ret_continues, error);
}

/* Waits for one reply. */
static int await_reply(struct mscg *m, bool more, int64_t deadline, json_t **ret, bool *ret_continues, struct mscg_error *error)
{
	for (;;) {
		int r = next_reply(m, more, ret, ret_continues, error);

		if (r != 0)
			return r < 0 ? r : 0;
		r = wait_for(m, POLLIN, deadline, error);
		if (r < 0) {
			drop(m);
			return r;
		}
	}
}

int mscg_call_json(struct mscg *m, const char *method, json_t *parameters, json_t **ret, struct mscg_error *error)
{
	int64_t deadline = deadline_in(m->timeout_ms);
	bool continues;
	int r = send_call(m, method, parameters, false, error);

	return r < 0 ? r : await_reply(m, false, deadline, ret, &continues, error);
}

int mscg_take_fd(struct mscg *m)
{
	return steal_fd(&m->fd);
}

static int stream(struct mscg *m, const char *method, json_t *parameters, int64_t deadline, int answer_ms,
                  bool (*each)(json_t *parameters, void *ctx), void *ctx, struct mscg_error *error)
{
	bool continues = true;
	int r = send_call(m, method, parameters, true, error);

	while (r == 0 && continues) {
		json_t *reply;
		bool go_on;

		r = await_reply(m, true, MIN_OF(deadline, deadline_in(answer_ms)), &reply, &continues, error);
		if (r < 0)
			return r;
		go_on = each(reply, ctx);
		json_decref(reply);
		if (!go_on) {
			if (continues)
				drop(m);
			return 0;
		}
	}
	return r;
}

int mscg_call_more(struct mscg *m, const char *method, json_t *parameters, bool (*each)(json_t *parameters, void *ctx), void *ctx,
                   struct mscg_error *error)
{
	return stream(m, method, parameters, USEC_NEVER, m->timeout_ms, each, ctx, error);
}

int mscg_call_until(struct mscg *m, const char *method, json_t *parameters, int64_t deadline,
                    bool (*each)(json_t *parameters, void *ctx), void *ctx, struct mscg_error *error)
{
	return stream(m, method, parameters, deadline, -1, each, ctx, error);
}
