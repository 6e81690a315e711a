/* Connections: framing, limits, descriptors, peers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/base/base.h"
#include "src/base/buf.h"
#include "src/base/fd.h"
#include "src/wire/wire.h"
#include "tests/unit/wire_random.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

static int open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* A connection, and the raw other end. */
static struct wire_conn *make(int *ret_raw)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	*ret_raw = pair[1];
	struct wire_conn *conn = wire_conn_new(pair[0]);
	wire_conn_expect_fds(conn);
	return conn;
}

/* Two connections that face each other. */
static void make_pair(struct wire_conn *conns[2])
{
	int raw;

	conns[0] = make(&raw);
	conns[1] = wire_conn_new(raw);
	wire_conn_expect_fds(conns[1]);
}

/* Reads until a message, an error, or nothing more comes. */
static int pull(struct wire_conn *conn, json_t **ret, struct mscg_error *error)
{
	for (;;) {
		int r = wire_conn_next(conn, ret, error);

		if (r != 0)
			return r;
		r = wire_conn_read(conn);
		if (r != 1)
			return r == -EAGAIN ? 0 : r ? r : -EPIPE;
	}
}

/* Writes from one and reads from the other until a message has come. */
static int carry(struct wire_conn *from, struct wire_conn *to, json_t **ret, struct mscg_error *error)
{
	for (;;) {
		int sent = wire_conn_flush(from), r = pull(to, ret, error);

		if (r != 0 || sent == 0)
			return r;
		assert_int_equal(sent, -EAGAIN);
	}
}

static void put(int raw, const char *data, size_t size)
{
	assert_int_equal(fd_write_all(raw, data, size), 0);
}

#define PUT(raw, text) put(raw, text, sizeof(text)) /* with its NUL */

static void expect_member(struct wire_conn *conn, const char *key, const char *value)
{
	json_t *m = NULL;

	assert_int_equal(pull(conn, &m, NULL), 1);
	assert_string_equal(json_string_value(json_object_get(m, key)), value);
	json_decref(m);
}

static void test_byte_by_byte(void **state)
{
	static const char text[] = "{\"method\":\"a.b\"}\0{\"method\":\"c.d\"}\0{}";
	struct wire_conn *conn;
	json_t *m = NULL;
	int raw, n = 0;

	(void)state;
	conn = make(&raw);
	for (size_t i = 0; i < sizeof text; i++) {
		put(raw, text + i, 1);
		assert_int_equal(wire_conn_read(conn), 1);
		if (wire_conn_next(conn, &m, NULL) == 1) {
			assert_int_equal(text[i], '\0');
			json_decref(m);
			n++;
		}
	}
	assert_int_equal(n, 3);
	assert_int_equal(wire_conn_read(conn), -EAGAIN);
	close(raw);
	assert_int_equal(wire_conn_read(conn), 0);
	wire_conn_free(conn);
}

static void test_many_in_one_read(void **state)
{
	struct wire_conn *conn;
	json_t *m;
	int raw;

	(void)state;
	conn = make(&raw);
	PUT(raw, "{\"a\":\"1\"}\0{\"a\":\"2\"}\0{\"a\":\"3\"}\0{\"a\":");
	expect_member(conn, "a", "1");
	expect_member(conn, "a", "2");
	expect_member(conn, "a", "3");
	/* The literal's own NUL ended a half one. */
	assert_int_equal(pull(conn, &m, NULL), -EBADMSG);
	wire_conn_free(conn);
	close(raw);
}

/* A message of exactly `size` bytes. */
static json_t *message_of(size_t size)
{
	size_t n = size - strlen("{\"x\":\"\"}");
	char *text = xmalloc(n + 1);
	json_t *m = json_object();

	memset(text, 'y', n);
	text[n] = '\0';
	json_object_set_new(m, "x", json_string(text));
	free(text);
	return m;
}

static void test_largest(void **state)
{
	json_t *m = message_of(WIRE_MESSAGE_MAX), *got = NULL;
	struct wire_conn *c[2];

	(void)state;
	make_pair(c);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(wire_conn_send(c[0], m, NULL, 0, NULL), 0);
		assert_int_equal(carry(c[0], c[1], &got, NULL), 1);
		assert_true(json_equal(m, got));
		json_decref(got);
	}
	assert_int_equal(wire_conn_queued(c[0]), 0);
	json_decref(m);
	wire_conn_free(c[0]);
	wire_conn_free(c[1]);
}

static void test_too_large_out(void **state)
{
	json_t *m = message_of(WIRE_MESSAGE_MAX + 1), *small = message_of(100), *got;
	struct mscg_error e = {0};
	struct wire_conn *c[2];

	(void)state;
	make_pair(c);
	assert_int_equal(wire_conn_send(c[0], small, NULL, 0, NULL), 0);
	assert_int_equal(wire_conn_send(c[0], m, NULL, 0, &e), -EMSGSIZE);
	assert_non_null(strstr(e.text, "1048576"));
	/* What was queued before and comes after is whole. */
	assert_int_equal(wire_conn_queued(c[0]), 101);
	assert_int_equal(wire_conn_send(c[0], small, NULL, 0, NULL), 0);
	assert_int_equal(carry(c[0], c[1], &got, NULL), 1);
	json_decref(got);
	assert_int_equal(pull(c[1], &got, NULL), 1);
	assert_true(json_equal(got, small));
	json_decref(got);
	json_decref(m);
	json_decref(small);
	wire_conn_free(c[0]);
	wire_conn_free(c[1]);
}

/* A sender that never ends its message is told off after 1 MiB, and no more than that is held. */
static void too_large_in(bool with_nul)
{
	char *block = xcalloc(1, 65536);
	struct mscg_error e = {0};
	struct wire_conn *conn;
	size_t sent = 0;
	json_t *m;
	int raw, r = 0;

	memset(block, ' ', 65536);
	conn = make(&raw);
	while (r == 0) {
		ssize_t n = send(raw, block, 65536, MSG_DONTWAIT);

		if (n > 0)
			sent += (size_t)n;
		if (with_nul && sent > WIRE_MESSAGE_MAX)
			send(raw, "", 1, MSG_DONTWAIT);
		r = pull(conn, &m, &e);
		assert_true(sent < 3 * WIRE_MESSAGE_MAX);
	}
	assert_int_equal(r, -EMSGSIZE);
	assert_int_equal(e.code, -EMSGSIZE);
	/* And it stays of no use. */
	assert_int_equal(wire_conn_next(conn, &m, &e), -EMSGSIZE);
	free(block);
	wire_conn_free(conn);
	close(raw);
}

static void test_too_large_in(void **state)
{
	(void)state;
	too_large_in(false);
	too_large_in(true);
}

static void test_read_is_bounded(void **state)
{
	struct wire_conn *conn;
	char *block = xcalloc(1, 65536);
	size_t sent = 0;
	bool full;
	json_t *m;
	int raw;

	(void)state;
	conn = make(&raw);
	/* Many whole messages (of one NUL each) and an owner that never takes one. */
	for (int i = 0; i < 1000; i++) {
		ssize_t n = send(raw, block, 65536, MSG_DONTWAIT);

		sent += n > 0 ? (size_t)n : 0;
		full = wire_conn_full(conn);
		assert_int_equal(wire_conn_read(conn), full ? -EAGAIN : 1);
	}
	assert_true(sent < 4 * WIRE_MESSAGE_MAX);
	assert_true(wire_conn_full(conn));
	/* The first, of no bytes, is no message. */
	assert_int_equal(wire_conn_next(conn, &m, NULL), -EBADMSG);
	free(block);
	wire_conn_free(conn);
	close(raw);
}

static void test_garbage(void **state)
{
	static const char *const bad[] = {
		"", " ", "x", "[]", "1", "\"s\"", "null", "{", "}", "{\"a\":1}x", "{\"a\":1,}", "{'a':1}", "{\"a\":1,\"a\":2}",
		"{\"a\":\"\\u0000\"}", "{\"\\u0000\":1}", "{\"a\":\"\\ud800\"}", "{\"a\":\"\xff\"}", "{\"a\":\"\n\"}", "{\"a\":1e999}",
		"{\"a\":99999999999999999999}", "{\"a\":nan}", "{\"a\":\"", "{\"a\":\"\\", "{}{}", "\xef\xbb\xbf{}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct mscg_error e = {0};
		struct wire_conn *conn;
		json_t *m;
		int raw;

		conn = make(&raw);
		put(raw, bad[i], strlen(bad[i]) + 1);
		PUT(raw, "{}");
		assert_int_equal(pull(conn, &m, &e), -EBADMSG);
		assert_int_equal(e.code, -EBADMSG);
		assert_true(strlen(e.text) > 10);
		assert_int_equal(wire_conn_next(conn, &m, &e), -EBADMSG);
		wire_conn_free(conn);
		close(raw);
	}
}

static int parse_repeated(const char *begin, const char *unit, int n, const char *end)
{
	_cleanup_buf_ struct buf b = {0};
	json_t *m = NULL;
	int r;

	buf_adds(&b, begin);
	for (int i = 0; i < n; i++)
		buf_adds(&b, unit);
	buf_adds(&b, end);
	r = wire_parse(b.data, b.size, &m, NULL);
	json_decref(m);
	return r;
}

static void test_shape(void **state)
{
	json_t *m;

	(void)state;
	assert_int_equal(parse_repeated("{\"a\":", "[", 100000, ""), -EBADMSG);
	assert_int_equal(parse_repeated("", "{\"a\":", 100000, ""), -EBADMSG);
	assert_int_equal(parse_repeated("{\"a\":[[]", ",[]", WIRE_CONTAINERS_MAX, "]}"), -EBADMSG);
	assert_int_equal(parse_repeated("{\"a\":[[]", ",[]", 1000, "]}"), 0);
	/* Brackets in strings are text. */
	assert_int_equal(parse_repeated("{\"a\":\"", "[{\\\"", 100000, "\"}"), 0);
	assert_int_equal(wire_parse("{\"a\":[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}", 36, &m, NULL), 0);
	json_decref(m);
	assert_int_equal(wire_parse("{\"a\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}", 38, &m, NULL), -EBADMSG);
}

/* -- descriptors ------------------------------------------------------------------------------------------------ */

static void send_fds(int raw, const char *data, size_t size, const int *fds, int nfds)
{
	char control[CMSG_SPACE(sizeof(int) * 64)] = {0};
	struct iovec iov = {(void *)(uintptr_t)data, size};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)nfds)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)nfds);
	memcpy(CMSG_DATA(c), fds, sizeof(int) * (size_t)nfds);
	assert_int_equal(sendmsg(raw, &msg, 0), size);
}

static void test_fds(void **state)
{
	int before = open_fds(), fds[WIRE_FDS_MAX], got[WIRE_FDS_MAX] = {-1, -1, -1};
	json_t *plain = json_pack("{s:s}", "m", "plain"), *with = json_pack("{s:s}", "m", "with"), *m = NULL;
	struct wire_conn *c[2];
	struct stat a, b;

	(void)state;
	make_pair(c);
	for (int i = 0; i < 3; i++)
		fds[i] = open("/dev", O_RDONLY | O_CLOEXEC);
	assert_int_equal(wire_conn_send(c[0], plain, NULL, 0, NULL), 0);
	assert_int_equal(wire_conn_send(c[0], with, fds, 3, NULL), 0);
	assert_int_equal(wire_conn_send(c[0], plain, NULL, 0, NULL), 0);
	assert_int_equal(wire_conn_send(c[0], with, fds, 1, NULL), 0);
	assert_int_equal(wire_conn_flush(c[0]), 0);
	assert_int_equal(pull(c[1], &m, NULL), 1);
	json_decref(m);
	assert_int_equal(pull(c[1], &m, NULL), 1);
	assert_true(json_equal(m, with));
	json_decref(m);
	assert_int_equal(wire_conn_take_fds(c[1], got), 3);
	assert_int_equal(wire_conn_take_fds(c[1], got), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(fstat(fds[i], &a), 0);
		assert_int_equal(fstat(got[i], &b), 0);
		assert_int_equal(a.st_ino, b.st_ino);
		assert_true(fcntl(got[i], F_GETFD) & FD_CLOEXEC);
		close(got[i]);
		close(fds[i]);
	}
	/* The one of the last message is not taken: freed with the connection. */
	assert_int_equal(pull(c[1], &m, NULL), 1);
	json_decref(m);
	assert_int_equal(pull(c[1], &m, NULL), 1);
	json_decref(m);
	wire_conn_free(c[0]);
	wire_conn_free(c[1]);
	json_decref(plain);
	json_decref(with);
	assert_int_equal(open_fds(), before);
}

static void test_fds_of_another_message(void **state)
{
	int before = open_fds(), raw, null = open("/dev/null", O_RDWR | O_CLOEXEC), got[WIRE_FDS_MAX];
	int fds[3] = {null, null, null};
	struct wire_conn *conn;

	(void)state;
	conn = make(&raw);
	send_fds(raw, "{\"m\":\"1\"}", 10, fds, 3);
	expect_member(conn, "m", "1");
	PUT(raw, "{\"m\":\"2\"}");
	/* Nobody took them for 1, so they do not become those of 2. */
	expect_member(conn, "m", "2");
	assert_int_equal(wire_conn_take_fds(conn, got), 0);
	close(null);
	wire_conn_free(conn);
	close(raw);
	assert_int_equal(open_fds(), before);
}

static void test_surplus_fds(void **state)
{
	int before = open_fds(), raw, null = open("/dev/null", O_RDWR | O_CLOEXEC), got[WIRE_FDS_MAX], fds[64];
	json_t *empty = json_object();
	struct wire_conn *conn;

	(void)state;
	conn = make(&raw);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = null;
	for (int n = 4; n <= 64; n++) {
		send_fds(raw, "{\"m\":\"x\"}", 10, fds, n);
		expect_member(conn, "m", "x");
		assert_int_equal(open_fds(), before + 3 + 3);
		assert_int_equal(wire_conn_take_fds(conn, got), 3);
		for (int i = 0; i < 3; i++)
			close(got[i]);
	}
	assert_int_equal(wire_conn_send(conn, empty, fds, 4, NULL), -EINVAL);
	assert_int_equal(wire_conn_queued(conn), 0);
	json_decref(empty);
	close(null);
	wire_conn_free(conn);
	close(raw);
	assert_int_equal(open_fds(), before);
}

/* A server's end: none is received, and all before it is read. */
static void test_unexpected_fds(void **state)
{
	int before = open_fds(), pair[2], ends[2], null = open("/dev/null", O_RDWR | O_CLOEXEC), got[WIRE_FDS_MAX];
	struct wire_conn *conn;
	json_t *m;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	conn = wire_conn_new(pair[0]);
	PUT(pair[1], "{\"m\":\"1\"}");
	expect_member(conn, "m", "1");
	send_fds(pair[1], "{\"m\":\"2\"}", 10, &ends[1], 1);
	close(ends[1]);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(wire_conn_read(conn), -EPERM);
		assert_int_equal(wire_conn_next(conn, &m, NULL), 0);
		assert_int_equal(wire_conn_take_fds(conn, got), 0);
		assert_int_equal(open_fds(), before + 4); /* the pair, null, the end that is left */
		assert_int_equal(read(ends[0], got, 1), -1); /* the other one is on its way still */
	}
	wire_conn_free(conn);
	assert_int_equal(read(ends[0], got, 1), 0);
	close(ends[0]);
	close(null);
	close(pair[1]);
	assert_int_equal(open_fds(), before);
}

static void test_no_descriptors_left(void **state)
{
	int before = open_fds(), raw, null = open("/dev/null", O_RDWR | O_CLOEXEC), got[WIRE_FDS_MAX], last;
	int fds[3] = {null, null, null};
	struct rlimit old, low;
	struct wire_conn *conn;

	(void)state;
	conn = make(&raw);
	send_fds(raw, "{\"m\":\"x\"}", 10, fds, 3);
	last = open("/dev/null", O_RDONLY | O_CLOEXEC);
	getrlimit(RLIMIT_NOFILE, &old);
	low = (struct rlimit){(rlim_t)last + 3, old.rlim_max}; /* room for two */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	expect_member(conn, "m", "x");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	/* All or none. */
	assert_int_equal(wire_conn_take_fds(conn, got), 0);
	close(last);
	close(null);
	wire_conn_free(conn);
	close(raw);
	assert_int_equal(open_fds(), before);
}

/* -- peers, pipes, ends ----------------------------------------------------------------------------------------- */

static void test_peer(void **state)
{
	struct wire_peer peer;
	struct wire_conn *conn;
	int raw, p[2];

	(void)state;
	conn = make(&raw);
	assert_int_equal(wire_conn_peer(conn, &peer), 0);
	assert_int_equal(peer.uid, geteuid());
	assert_int_equal(peer.gid, getegid());
	assert_int_equal(peer.pid, getpid());
	assert_true(fcntl(wire_conn_fd(conn), F_GETFL) & O_NONBLOCK);
	wire_conn_free(conn);
	close(raw);

	conn = wire_conn_new(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	assert_int_equal(wire_conn_peer(conn, &peer), -EAFNOSUPPORT);
	wire_conn_free(conn);
	conn = wire_conn_new(open("/dev/null", O_RDWR | O_CLOEXEC));
	assert_int_equal(wire_conn_peer(conn, &peer), -ENOTSOCK);
	wire_conn_free(conn);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	conn = wire_conn_new(p[0]);
	assert_int_equal(wire_conn_peer(conn, &peer), 0);
	assert_int_equal(peer.uid, geteuid());
	wire_conn_free(conn);
	close(p[1]);
}

static void test_pipes(void **state)
{
	json_t *m = message_of(300000), *got;
	int before = open_fds(), there[2], back[2];
	struct wire_conn *c[2];

	(void)state;
	assert_int_equal(pipe2(there, O_CLOEXEC), 0);
	assert_int_equal(pipe2(back, O_CLOEXEC), 0);
	c[0] = wire_conn_new_pipes(back[0], there[1]);
	c[1] = wire_conn_new_pipes(there[0], back[1]);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(wire_conn_send(c[i], m, NULL, 0, NULL), 0);
		assert_int_equal(carry(c[i], c[!i], &got, NULL), 1);
		assert_true(json_equal(m, got));
		json_decref(got);
	}
	json_decref(m);
	wire_conn_free(c[0]);
	assert_int_equal(wire_conn_read(c[1]), 0);
	wire_conn_free(c[1]);
	assert_int_equal(open_fds(), before);
}

static void test_peer_gone(void **state)
{
	json_t *m = message_of(1000);
	struct wire_conn *conn;
	int raw;

	(void)state;
	conn = make(&raw);
	close(raw);
	assert_int_equal(wire_conn_send(conn, m, NULL, 0, NULL), 0);
	/* An error, and no SIGPIPE. */
	assert_int_equal(wire_conn_flush(conn), -EPIPE);
	assert_int_equal(wire_conn_queued(conn), 1001);
	wire_conn_free(conn);
	json_decref(m);
}

/* Messages of all sizes, descriptors now and then, a reader that falls behind. */
static void test_stream(void **state)
{
	int before = open_fds(), null = open("/dev/null", O_RDWR | O_CLOEXEC), fds[3] = {null, null, null};
	struct wire_conn *c[2];
	uint64_t sent = 0, received = 0;

	(void)state;
	make_pair(c);
	while (received < 3000) {
		json_t *m;

		if (sent < 3000 && wire_conn_queued(c[0]) < 500000) {
			int nfds = rnd_one_in(10) ? 1 + (int)rnd_below(3) : 0;

			m = message_of(20 + rnd_below(rnd_one_in(20) ? 100000 : 500));
			json_object_set_new(m, "n", json_integer((json_int_t)sent++));
			json_object_set_new(m, "fds", json_integer(nfds));
			assert_int_equal(wire_conn_send(c[0], m, fds, nfds, NULL), 0);
			json_decref(m);
		}
		if (rnd_one_in(3) || sent == 3000)
			wire_conn_flush(c[0]);
		if (rnd_one_in(4) || sent == 3000)
			while (pull(c[1], &m, NULL) == 1) {
				int got[WIRE_FDS_MAX], n = wire_conn_take_fds(c[1], got), expected;

				assert_int_equal(json_integer_value(json_object_get(m, "n")), received++);
				expected = (int)json_integer_value(json_object_get(m, "fds"));
				assert_int_equal(n, expected);
				while (n > 0)
					close(got[--n]);
				json_decref(m);
			}
	}
	assert_int_equal(wire_conn_queued(c[0]), 0);
	wire_conn_free(c[0]);
	wire_conn_free(c[1]);
	close(null);
	assert_int_equal(open_fds(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_many_in_one_read),
		cmocka_unit_test(test_largest),
		cmocka_unit_test(test_too_large_out),
		cmocka_unit_test(test_too_large_in),
		cmocka_unit_test(test_read_is_bounded),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_shape),
		cmocka_unit_test(test_fds),
		cmocka_unit_test(test_fds_of_another_message),
		cmocka_unit_test(test_surplus_fds),
		cmocka_unit_test(test_unexpected_fds),
		cmocka_unit_test(test_no_descriptors_left),
		cmocka_unit_test(test_peer),
		cmocka_unit_test(test_pipes),
		cmocka_unit_test(test_peer_gone),
		cmocka_unit_test(test_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
