/* libmscg against a daemon in a thread: one that answers well, and one that lies in every way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/base/base.h"
#include "src/base/buf.h"
#include "src/base/clock.h"
#include "src/lib/client.h"
#include "src/wire/wire.h"

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* -- the daemon ------------------------------------------------------------------------------------------------- */

/* What it does with a request. */
static struct lie {
	const char *reply; /* sent as it is, without a NUL of its own; NULL: a good answer */
	size_t      size;
	bool        hang_up; /* after it */
	bool        deaf;    /* never reads */
} lie;

static struct {
	char      dir[64], path[96];
	int       fd;
	pthread_t thread;
	int       connections, fds; /* accepted; received with the last request */
} server;

static json_t *good_job(const char *id, const char *state)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:n, s:f, s:s, s:i, s:b, s:s, s:{s:i, s:n}}", "id", id, "state", state,
	                 "reason", "Resources", "user", "ada", "command", "echo 'a b'", "attempt", 1, "exit_code", 3, "signal",
	                 "current_cpus", 2.0, "cpuset", "0-1", "mem_bytes", 1 << 30, "elastic", 1, "submit_time",
	                 "2026-01-31T12:00:00.5Z", "accounting", "cpu_usec", 1500, "pids_peak");
}

/* Answers one request; everything is sent before it returns. */
static int passed = -1; /* the socket of the last PassStdio */

static void give_socket(struct wire_conn *conn)
{
	json_t *reply = wire_reply(json_object(), false);
	int pair[2];

	cleanup_close(&passed);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(wire_conn_send(conn, reply, &pair[1], 1, NULL), 0);
	close(pair[1]);
	passed = pair[0];
	json_decref(reply);
}

/* Descriptors in there. */
static int count_passed(void)
{
	char byte, control[CMSG_SPACE(sizeof(int) * 8)];
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
	int fd, n = 0;

	if (passed < 0 || recvmsg(passed, &msg, MSG_DONTWAIT) != 1)
		return 0;
	for (size_t at = CMSG_LEN(0); at + sizeof fd <= CMSG_FIRSTHDR(&msg)->cmsg_len; at += sizeof fd, n++) {
		memcpy(&fd, control + at, sizeof fd);
		close(fd);
	}
	close(steal_fd(&passed));
	return n;
}

static void answer(struct wire_conn *conn, const struct wire_request *q)
{
	const char *name = strrchr(q->method, '.') + 1, *id = NULL;
	const json_t *ids = json_object_get(q->parameters, "ids");
	struct mscg_error no_job = {.text = "no job 404"};
	json_t *replies[8] = {0}, *p;
	size_t n = 0;

	wire_get_string(q->parameters, "id", &id, NULL);
	if (streq(name, "PassStdio")) {
		give_socket(conn);
	} else if (streq(name, "Submit")) {
		server.fds = count_passed();
		p = json_array();
		for (size_t i = 0; i < json_array_size(json_object_get(q->parameters, "jobs")); i++)
			json_array_append_new(p, json_pack("{s:o}", "id", json_sprintf("%zu", i + 1)));
		replies[n++] = wire_reply(json_pack("{s:o}", "jobs", p), false);
	} else if (streq(id, "404")) {
		replies[n++] = wire_error_reply("NoSuchJob", &no_job, json_pack("{s:s}", "id", "404"));
	} else if (streq(name, "Show")) {
		replies[n++] = wire_reply(json_pack("{s:o}", "job", good_job(id, "RUNNING")), false);
	} else if (streq(name, "List")) {
		replies[n++] = wire_reply(json_pack("{s:[o,o]}", "jobs", good_job("1", "RUNNING"), good_job("2_3", "PENDING")), true);
		replies[n++] = wire_reply(json_pack("{s:[o]}", "jobs", good_job("3", "PENDING")), false);
	} else if (streq(name, "Events")) {
		for (int i = 1; i <= 5; i++)
			replies[n++] = wire_reply(json_pack("{s:{s:i, s:s, s:s, s:s, s:s}}", "event", "seq", i, "id", "1", "kind", "started",
			                                    "state", "RUNNING", "time", "2026-01-31T12:00:00Z"), true);
	} else if (streq(name, "Wait")) {
		/* The last first; of job 99 it never says anything. */
		for (size_t i = json_array_size(ids); i > 0 && n < 8; i--)
			if (!streq(json_string_value(json_array_get(ids, i - 1)), "99"))
				replies[n++] = wire_reply(json_pack("{s:O, s:s, s:i, s:n}", "id", json_array_get(ids, i - 1), "state", "FAILED",
				                                    "exit_code", (int)i, "signal"), i > 1);
	} else if (streq(name, "Cancel")) {
		p = json_array_get(ids, 0);
		replies[n++] = wire_reply(streq(json_string_value(p), "9") ?
		                          json_pack("{s:[], s:[{s:s, s:s, s:s}]}", "cancelled", "errors", "id", "9", "error", "NotPermitted",
		                                    "message", "job 9 is of root") :
		                          json_pack("{s:[O], s:[]}", "cancelled", p, "errors"), false);
	} else if (streq(name, "Resize")) {
		replies[n++] = wire_reply(streq(id, "1") ? json_pack("{s:s, s:n}", "answer", "Done", "why") :
		                          json_pack("{s:s, s:s}", "answer", streq(id, "2") ? "Deferred" : "Infeasible", "why", "so it is"), false);
	} else {
		replies[n++] = wire_unknown_method(name);
	}
	for (size_t i = 0; i < n; i++) {
		wire_conn_send(conn, replies[i], NULL, 0, NULL);
		json_decref(replies[i]);
	}
	while (wire_conn_flush(conn) == -EAGAIN)
		poll(&(struct pollfd){.fd = wire_conn_fd(conn), .events = POLLOUT}, 1, -1);
}

/* false: this connection is over. */
static bool serve_one(struct wire_conn *conn, json_t *message)
{
	struct wire_request request;
	int fds[WIRE_FDS_MAX];

	assert_int_equal(wire_conn_take_fds(conn, fds), 0);
	if (lie.reply) {
		for (size_t at = 0; at < lie.size;) {
			ssize_t n = send(wire_conn_fd(conn), lie.reply + at, lie.size - at, MSG_NOSIGNAL);

			if (n > 0)
				at += (size_t)n;
			else if (errno != EAGAIN)
				return false;
		}
		return !lie.hang_up;
	}
	if (wire_request_parse(message, &request, NULL) == 0)
		answer(conn, &request);
	return !lie.hang_up;
}

static void serve(struct wire_conn *conn)
{
	struct pollfd p = {.fd = wire_conn_fd(conn), .events = POLLIN};
	bool go_on = true;

	while (go_on) {
		json_t *message;
		int r = lie.deaf ? -EAGAIN : wire_conn_read(conn);

		if (r == -EAGAIN) {
			if (lie.deaf)
				p.events = 0; /* only the hang-up */
			poll(&p, 1, -1);
			if (lie.deaf && (p.revents & POLLHUP))
				return;
			continue;
		}
		if (r <= 0)
			return;
		while (go_on && wire_conn_next(conn, &message, NULL) == 1) {
			go_on = serve_one(conn, message);
			json_decref(message);
		}
	}
}

/* One connection after the other. */
static void *server_main(void *arg)
{
	int fd;

	(void)arg;
	while ((fd = accept4(server.fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		struct wire_conn *conn = wire_conn_new(fd);

		__atomic_add_fetch(&server.connections, 1, __ATOMIC_SEQ_CST);
		serve(conn);
		wire_conn_free(conn);
	}
	return NULL;
}

static int start(void **state)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	(void)state;
	snprintf(server.dir, sizeof server.dir, "/tmp/mscg-client-XXXXXX");
	if (!mkdtemp(server.dir))
		return -1;
	snprintf(server.path, sizeof server.path, "%s/mscg.sock", server.dir);
	snprintf(a.sun_path, sizeof a.sun_path, "%s", server.path);
	server.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(server.fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(server.fd, 4) < 0)
		return -1;
	return pthread_create(&server.thread, NULL, server_main, NULL);
}

static int stop(void **state)
{
	(void)state;
	shutdown(server.fd, SHUT_RDWR);
	pthread_join(server.thread, NULL);
	close(server.fd);
	unlink(server.path);
	rmdir(server.dir);
	return 0;
}

static struct mscg *open_it(void)
{
	struct mscg_error e = {0};
	struct mscg *m;

	if (mscg_connect(&m, server.path, &e) < 0)
		fail_msg("%s", e.text);
	return m;
}

/* -- a good daemon ---------------------------------------------------------------------------------------------- */

static const struct mscg_id one = {1, MSCG_NO_TASK}, unknown = {404, MSCG_NO_TASK};

static void test_submit(void **state)
{
	struct mscg_spec *specs[3];
	struct mscg_error e = {0};
	struct mscg *m = open_it();
	struct mscg_id ids[3];

	(void)state;
	lie = (struct lie){0};
	for (int i = 0; i < 3; i++) {
		specs[i] = mscg_spec_new();
		strv_add(&specs[i]->argv, "true");
	}
	assert_int_equal(mscg_submit(m, specs, 3, ids, &e), 0);
	assert_int_equal(ids[2].job, 3);
	assert_int_equal(ids[2].task, MSCG_NO_TASK);
	/* What needs no daemon to be refused does not get there. */
	specs[1]->cpus_milli = 0;
	assert_int_equal(mscg_submit(m, specs, 3, ids, &e), -EINVAL);
	assert_string_equal(e.text, "jobs[1]: --cpus 0: expected more than 0");
	specs[1]->cpus_milli = 1000;
	strv_add(&specs[1]->argv, "caf\xe9");
	assert_int_equal(mscg_submit(m, specs, 3, ids, &e), -EINVAL);
	assert_non_null(strstr(e.text, "not UTF-8"));
	/* Too large for a message, each of them small enough. */
	for (int i = 0; i < 3; i++) {
		specs[i]->script = xcalloc(1, 500001);
		memset(specs[i]->script, 'a' + i, 500000);
		memcpy(specs[i]->script, "#!", 2);
	}
	assert_int_equal(mscg_submit(m, specs, 1, ids, &e), 0);
	strv_free(specs[1]->argv);
	specs[1]->argv = NULL;
	strv_add(&specs[1]->argv, "true");
	assert_int_equal(mscg_submit(m, specs, 3, ids, &e), -EMSGSIZE);
	assert_string_equal(e.text, "the request is too large: message has more than 1048576 bytes");
	assert_int_equal(mscg_submit(m, specs, 1, ids, &e), 0);
	for (int i = 0; i < 3; i++)
		mscg_spec_free(specs[i]);
	mscg_close(m);
}

static void test_show(void **state)
{
	struct mscg_error e = {0};
	struct mscg *m = open_it();
	struct mscg_info *info;

	(void)state;
	lie = (struct lie){0};
	assert_int_equal(mscg_show(m, (struct mscg_id){2, 3}, &info, &e), 0);
	assert_int_equal(info->job.id.task, 3);
	assert_int_equal(info->job.state, MSCG_STATE_RUNNING);
	assert_int_equal(info->job.reason, MSCG_REASON_RESOURCES);
	assert_int_equal(info->job.exit_code, 3);
	assert_int_equal(info->job.exit_signal, 0);
	assert_int_equal(info->job.current_cpus_milli, 2000);
	assert_int_equal(info->job.submit_usec, INT64_C(1769860800500000));
	assert_true(info->job.flags & MSCG_JOB_ELASTIC);
	assert_string_equal(info->command, "echo 'a b'");
	assert_string_equal(info->cpuset, "0-1");
	assert_null(info->cgroup);
	assert_int_equal(mscg_cpuset_count(&info->job.run->grant->share[0].cpus), 2);
	assert_int_equal(info->usage.cpu_usec, 1500);
	assert_true(info->usage.pids_peak == MSCG_UNKNOWN);
	mscg_info_free(info);
	assert_int_equal(mscg_show(m, unknown, &info, &e), -ESRCH);
	assert_string_equal(e.text, "no job 404");
	mscg_close(m);
}

static bool count_infos(const struct mscg_info *info, void *ctx)
{
	int *n = ctx;

	(*n)++;
	return info->job.id.job != 2 || *n < 100;
}

static bool stop_at_two(const struct mscg_info *info, void *ctx)
{
	count_infos(info, ctx);
	return info->job.id.job != 2;
}

static bool stop_at_three(const struct mscg_event *event, void *ctx)
{
	*(uint64_t *)ctx = event->seq;
	return event->seq < 3;
}

static void test_streams(void **state)
{
	struct mscg *m = open_it();
	struct mscg_error e = {0};
	struct mscg_info *info;
	uint64_t seq = 0;
	int n = 0, before;

	(void)state;
	lie = (struct lie){0};
	assert_int_equal(mscg_cancel(m, one, 0, &e), 0);
	before = server.connections;
	assert_int_equal(mscg_list(m, false, count_infos, &n, &e), 0);
	assert_int_equal(n, 3);
	assert_int_equal(server.connections, before);
	/* Hung up in the middle: the handle is good for another call. */
	n = 0;
	assert_int_equal(mscg_list(m, true, stop_at_two, &n, &e), 0);
	assert_int_equal(n, 2);
	assert_int_equal(mscg_events(m, 0, stop_at_three, &seq, &e), 0);
	assert_int_equal(seq, 3);
	assert_int_equal(mscg_show(m, one, &info, &e), 0);
	mscg_info_free(info);
	mscg_close(m);
}

static void test_wait(void **state)
{
	struct mscg_id ids[] = {{5, MSCG_NO_TASK}, {3, 7}, {5, MSCG_NO_TASK}, {3, MSCG_NO_TASK}};
	struct mscg_outcome o[4];
	struct mscg_error e = {0};
	struct mscg *m = open_it();
	int64_t began;

	(void)state;
	lie = (struct lie){0};
	assert_int_equal(mscg_wait(m, ids, 0, -1, o, &e), 0);
	assert_int_equal(mscg_wait(m, ids, 4, -1, o, &e), 0);
	for (int i = 0; i < 4; i++)
		assert_true(mscg_id_equal(o[i].id, ids[i]));
	assert_int_equal(o[1].exit_code, 2);
	assert_int_equal(o[3].exit_code, 4);
	assert_int_equal(o[0].exit_code, 1); /* named twice, told twice: the last word counts */
	assert_int_equal(o[0].state, MSCG_STATE_FAILED);
	/* In time, and only of jobs that have not ended. */
	ids[0].job = ids[2].job = 99;
	began = clock_boot_usec();
	assert_int_equal(mscg_wait(m, ids, 4, 200, o, &e), -ETIMEDOUT);
	assert_true(clock_boot_usec() - began >= 200000);
	assert_string_equal(e.text, "2 of 4 jobs had not ended after 200 ms");
	assert_int_equal(mscg_wait(m, ids + 1, 1, 200, o, &e), 0);
	mscg_close(m);
}

static void test_outcomes(void **state)
{
	static const struct {
		struct mscg_outcome o;
		int status;
	} cases[] = {
		{{.state = MSCG_STATE_COMPLETED}, 0},
		{{.state = MSCG_STATE_FAILED, .exit_code = 3}, 3},
		{{.state = MSCG_STATE_FAILED, .signal = 9}, 137},
		{{.state = MSCG_STATE_CANCELLED}, 1},
		{{.state = MSCG_STATE_LOST, .exit_code = -1}, 1},
		{{.state = MSCG_STATE_TIMEOUT, .signal = 15}, 143},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(mscg_outcome_status(&cases[i].o), cases[i].status);
}

static void test_cancel_resize(void **state)
{
	struct mscg *m = open_it();
	struct mscg_error e = {0};

	(void)state;
	lie = (struct lie){0};
	assert_int_equal(mscg_cancel(m, one, 0, &e), 0);
	assert_int_equal(mscg_cancel(m, one, 15, &e), 0);
	assert_int_equal(mscg_cancel(m, (struct mscg_id){9, MSCG_NO_TASK}, 0, &e), -EPERM);
	assert_string_equal(e.text, "job 9 is of root");
	assert_int_equal(mscg_resize(m, one, 2000, 0, &e), 0);
	assert_int_equal(mscg_resize(m, (struct mscg_id){2, MSCG_NO_TASK}, 2000, 0, &e), -EAGAIN);
	assert_string_equal(e.text, "Deferred: so it is");
	assert_int_equal(mscg_resize(m, (struct mscg_id){3, MSCG_NO_TASK}, 2000, 0, &e), -ERANGE);
	assert_string_equal(e.text, "Infeasible: so it is");
	assert_int_equal(mscg_resize(m, unknown, 2000, 0, &e), -ESRCH);
	mscg_close(m);
}

static void test_raw_call(void **state)
{
	struct mscg *m = open_it();
	struct mscg_error e = {0};
	char *text = NULL;

	(void)state;
	lie = (struct lie){0};
	assert_int_equal(mscg_call(m, "io.mscg.Resize", "{\"id\": \"1\"}", &text, &e), 0);
	assert_string_equal(text, "{\"answer\":\"Done\",\"why\":null}");
	free(text);
	assert_int_equal(mscg_call(m, "Nothing", NULL, &text, &e), -EOPNOTSUPP);
	assert_non_null(strstr(e.text, "does not know this request"));
	assert_int_equal(mscg_call(m, "Show", "{\"id\": ", &text, &e), -EINVAL);
	assert_non_null(strstr(e.text, "parameters: message is not JSON"));
	assert_int_equal(mscg_call(m, "Show", "{\"id\": ", &text, NULL), -EINVAL);
	mscg_close(m);
}

static void test_fds(void **state)
{
	struct mscg *m = open_it();
	struct mscg_error e = {0};
	struct mscg_spec *spec = mscg_spec_new();
	int fds[3] = {0, 1, 2};
	json_t *reply;

	(void)state;
	lie = (struct lie){0};
	strv_add(&spec->argv, "true");
	spec->attached = true;
	assert_int_equal(mscg_submit_json(m, &spec, 1, fds, &reply, &e), 0);
	assert_int_equal(server.fds, 3);
	json_decref(reply);
	assert_int_equal(mscg_submit_json(m, &spec, 1, NULL, &reply, &e), 0);
	assert_int_equal(server.fds, 0);
	json_decref(reply);
	fds[1] = 999;
	assert_int_equal(mscg_submit_json(m, &spec, 1, fds, &reply, &e), -EBADF);
	assert_non_null(strstr(e.text, "cannot pass descriptor 999"));
	mscg_spec_free(spec);
	mscg_close(m);
}

/* They are with the connection that they were passed on: the call that they are for is made on no other. */
static void test_fds_and_a_restart(void **state)
{
	struct mscg *m = open_it();
	struct mscg_error e = {0};
	int fds[3] = {0, 1, 2};
	json_t *reply;

	(void)state;
	lie = (struct lie){.hang_up = true};
	assert_int_equal(mscg_pass_stdio(m, fds, &e), 0);
	poll(&(struct pollfd){.fd = mscg_handle_fd(m), .events = POLLRDHUP}, 1, -1);
	lie = (struct lie){0};
	assert_int_equal(mscg_call_json(m, "Show", json_pack("{s:s}", "id", "1"), &reply, &e), -ECONNRESET);
	assert_int_equal(mscg_call_json(m, "Show", json_pack("{s:s}", "id", "1"), &reply, &e), 0);
	json_decref(reply);
	close(steal_fd(&passed));
	mscg_close(m);
}

static void test_by_hand(void **state)
{
	struct mscg *m = open_it();
	struct mscg_error e = {0};
	bool continues = true;
	json_t *reply;
	int n = 0, r;

	(void)state;
	lie = (struct lie){0};
	assert_int_equal(mscg_next_reply(m, &reply, &continues, &e), -EBADF);
	assert_int_equal(mscg_send_call(m, "List", NULL, true, &e), 0);
	/* One call at a time. */
	assert_int_equal(mscg_send_call(m, "List", NULL, true, &e), -EBUSY);
	while (continues) {
		r = mscg_next_reply(m, &reply, &continues, &e);
		assert_true(r >= 0);
		if (r == 0) {
			poll(&(struct pollfd){.fd = mscg_handle_fd(m), .events = POLLIN}, 1, -1);
			continue;
		}
		n++;
		json_decref(reply);
	}
	assert_int_equal(n, 2);
	assert_int_equal(mscg_send_call(m, "Show", json_pack("{s:s}", "id", "404"), false, &e), 0);
	while ((r = mscg_next_reply(m, &reply, &continues, &e)) == 0)
		poll(&(struct pollfd){.fd = mscg_handle_fd(m), .events = POLLIN}, 1, -1);
	assert_int_equal(r, -ESRCH);
	mscg_close(m);
}

/* -- a lying one ------------------------------------------------------------------------------------------------ */

static bool any_info(const struct mscg_info *info, void *ctx)
{
	(void)info;
	(void)ctx;
	return true;
}

static bool any_event(const struct mscg_event *event, void *ctx)
{
	(void)event;
	(void)ctx;
	return true;
}

/* Every typed call, against the same answer: what each returns. */
static void call_all(int results[7], struct mscg_error errors[7])
{
	struct mscg_spec *spec = mscg_spec_new();
	struct mscg_outcome outcome;
	struct mscg_info *info;
	struct mscg_id id;

	strv_add(&spec->argv, "true");
	memset(errors, 0, 7 * sizeof *errors);
	for (int i = 0; i < 7; i++) {
		struct mscg_error *e = &errors[i];
		struct mscg *m = open_it();

		mscg_set_timeout(m, 5000);
		results[i] = i == 0 ? mscg_submit(m, &spec, 1, &id, e) : i == 1 ? mscg_show(m, one, &info, e) :
		             i == 2 ? mscg_wait(m, &one, 1, 5000, &outcome, e) : i == 3 ? mscg_cancel(m, one, 0, e) :
		             i == 4 ? mscg_resize(m, one, 1000, 0, e) : i == 5 ? mscg_list(m, true, any_info, NULL, e) :
		                                                        mscg_events(m, 0, any_event, NULL, e);
		if (results[i] < 0) {
			assert_int_equal(e->code, results[i]);
			assert_true(*e->text);
		}
		mscg_close(m);
	}
	mscg_spec_free(spec);
}

#define RAW(text) text, sizeof(text) - 1

static void test_lies(void **state)
{
	static const struct {
		const char *reply;
		size_t      size;
		bool        hang_up;
		int         expected; /* of every call; 0: some may succeed, none crashes */
	} lies[] = {
		{RAW("garbage\0"), false, -EIO},
		{RAW("\0"), false, -EIO},
		{RAW("[]\0"), false, -EIO},
		{RAW("{\"parameters\": 5}\0"), false, -EIO},
		{RAW("{\"parameters\": {}, \"x\": 1}\0"), false, -EIO},
		{RAW("{\"error\": 5}\0"), false, -EIO},
		{RAW("{\"error\": \"io.mscg.NoSuchJob\", \"continues\": true}\0"), false, -EIO},
		{RAW("{\"error\": \"io.mscg.NoSuchJob\"}\0"), false, -ESRCH},
		{RAW("{\"error\": \"io.mscg.NoSuchJob\", \"parameters\": {\"message\": 5}}\0"), false, -ESRCH},
		{RAW("{\"error\": \"com.example.What\"}\0"), false, -EREMOTEIO},
		{RAW("{\"error\": \"\\u001b[2J\\n\"}\0"), false, -EREMOTEIO},
		{RAW("{\"error\": \"org.varlink.service.MethodNotFound\", \"parameters\": {\"method\": \"x\"}}\0"), false, -EOPNOTSUPP},
		{RAW("{\"parameters\""), true, -ECONNRESET},
		{RAW(""), true, -ECONNRESET},
		{RAW("{\"parameters\": {}}\0"), false, 0},
		{RAW("{}\0"), false, 0},
		{RAW("{\"parameters\": {\"jobs\": [5], \"job\": 5, \"event\": 5, \"answer\": 5, \"id\": 5}}\0"), false, 0},
		{RAW("{\"parameters\": {\"jobs\": [{\"id\": \"1\"}], \"job\": {\"id\": \"1\"}, \"event\": {\"seq\": -1}, \"id\": \"1\"}}\0"), false, 0},
		{RAW("{\"parameters\": {\"job\": {\"id\": \"1\", \"state\": \"R\", \"cpuset\": \"9-1\"}, \"errors\": [5], \"id\": \"1\", \"state\": 1}}\0"),
		 false, 0},
		{RAW("{\"parameters\": {\"job\": {\"id\": \"1\", \"state\": \"R\", \"accounting\": {\"cpu_usec\": -1}}, \"id\": \"1\", \"state\": \"X\"}}\0"),
		 false, 0},
		{RAW("{\"parameters\": {\"job\": {\"id\": \"1\", \"state\": \"R\", \"mem_bytes\": \"x\", \"user\": 1}, \"id\": \"9\", \"state\": \"R\"}}\0"),
		 false, 0},
	};
	struct mscg_error e[7];
	int r[7];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		lie = (struct lie){.reply = lies[i].reply, .size = lies[i].size, .hang_up = lies[i].hang_up};
		call_all(r, e);
		for (int k = 0; k < 7; k++)
			if (lies[i].expected && r[k] != lies[i].expected)
				fail_msg("lie %zu, call %d: %d (%s)", i, k, r[k], e[k].text);
		/* Nothing of the job in it is true. */
		if (i >= 14)
			assert_true(r[1] == -EIO && r[2] == -EIO && r[4] == -EIO && r[6] == -EIO);
	}
	lie = (struct lie){RAW("{\"parameters\": {}, \"continues\": true}\0"), false, false};
	call_all(r, e);
	assert_true(r[0] == -EIO && r[1] == -EIO && r[3] == -EIO);
	assert_string_equal(e[1].text + strlen(e[1].text) - 36, "makes no sense: a reply goes on that should not" + 11);
}

static void test_endless_reply(void **state)
{
	size_t size = 3 * WIRE_MESSAGE_MAX;
	char *spaces = xmalloc(size);
	struct mscg_error e = {0};
	struct mscg *m = open_it();
	json_t *reply;

	(void)state;
	memset(spaces, ' ', size);
	lie = (struct lie){.reply = spaces, .size = size};
	assert_int_equal(mscg_call_json(m, "Stats", NULL, &reply, &e), -EIO);
	assert_non_null(strstr(e.text, "makes no sense: message has more than 1048576 bytes"));
	mscg_close(m);
	lie = (struct lie){0};
	/* The daemon has noticed by now that nobody reads. */
	m = open_it();
	assert_int_equal(mscg_cancel(m, one, 0, &e), 0);
	mscg_close(m);
	free(spaces);
}

/* An answer too many is not the answer to the next question. */
static void test_answers_twice(void **state)
{
	struct mscg *m = open_it();
	struct mscg_error e = {0};
	struct mscg_info *info;
	char *text;

	(void)state;
	lie = (struct lie){RAW("{\"parameters\": {\"a\": 1}}\0{\"parameters\": {\"a\": 2}}\0"), false, false};
	assert_int_equal(mscg_call(m, "Stats", NULL, &text, &e), 0);
	assert_string_equal(text, "{\"a\":1}");
	free(text);
	lie = (struct lie){0};
	assert_int_equal(mscg_show(m, one, &info, &e), 0);
	mscg_info_free(info);
	mscg_close(m);
}

static void test_silence(void **state)
{
	struct mscg *m = open_it();
	struct mscg_error e = {0};
	json_t *reply;
	int64_t began = clock_boot_usec();

	(void)state;
	lie = (struct lie){RAW(""), false, false};
	mscg_set_timeout(m, 150);
	assert_int_equal(mscg_call_json(m, "Stats", NULL, &reply, &e), -ETIMEDOUT);
	assert_true(clock_boot_usec() - began >= 150000);
	assert_non_null(strstr(e.text, server.path));
	/* A late answer is not taken for the next one's. */
	lie = (struct lie){0};
	assert_int_equal(mscg_cancel(m, one, 0, &e), 0);
	mscg_close(m);
}

static void test_deaf(void **state)
{
	struct mscg_error e = {0};
	json_t *reply, *big = json_object();
	char *text = xcalloc(1, 900001);
	struct mscg *m;

	(void)state;
	memset(text, 'x', 900000);
	json_object_set_new(big, "x", json_string(text));
	free(text);
	lie = (struct lie){.deaf = true};
	m = open_it();
	mscg_set_timeout(m, 150);
	assert_int_equal(mscg_call_json(m, "Stats", big, &reply, &e), -ETIMEDOUT);
	mscg_close(m);
	lie = (struct lie){0};
}

/* Between two calls the daemon was restarted, or tired of us. */
static void test_reconnects(void **state)
{
	struct mscg *m = open_it();
	struct mscg_error e = {0};

	(void)state;
	for (int i = 0; i < 20; i++) {
		lie = (struct lie){.hang_up = true};
		assert_int_equal(mscg_cancel(m, one, 0, &e), 0);
		while (recv(mscg_handle_fd(m), &(char){0}, 1, MSG_PEEK) != 0)
			;
	}
	lie = (struct lie){0};
	mscg_close(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_submit),
		cmocka_unit_test(test_show),
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_wait),
		cmocka_unit_test(test_outcomes),
		cmocka_unit_test(test_cancel_resize),
		cmocka_unit_test(test_raw_call),
		cmocka_unit_test(test_fds),
		cmocka_unit_test(test_fds_and_a_restart),
		cmocka_unit_test(test_by_hand),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_endless_reply),
		cmocka_unit_test(test_answers_twice),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_deaf),
		cmocka_unit_test(test_reconnects),
	};

	/* One connection is served at a time: what a failed test left open would hold up the next for ever. */
	alarm(100);
	return cmocka_run_group_tests(tests, start, stop);
}
