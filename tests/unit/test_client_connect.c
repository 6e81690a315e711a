/* Where libmscg looks for a daemon, and what it does without one. This program is its own `mscgd --once`: started under
 * that name it answers on its stdin and stdout, in the way that the file `how` in the state directory says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/base/base.h"
#include "src/base/clock.h"
#include "src/base/fd.h"
#include "src/lib/handle.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

static char dir[64];

static char *at(const char *name)
{
	static char paths[8][128];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof paths[0], "%s/%s", dir, name);
	return path;
}

/* -- the other end ---------------------------------------------------------------------------------------------- */

/* A listening socket. Nobody accepts; connect(2) does not mind. */
static int listen_at(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	unlink(path);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

/* Descriptors above stderr that this process was born with. */
static int extra_fds(void)
{
	int n = 0;

	for (int fd = STDERR_FILENO + 1; fd < 64; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* The child: {"argv", "uid", "fds", "mask"} for every request until its stdin ends. */
static int play_mscgd(int argc, char **argv)
{
	_cleanup_free_ char *how = NULL;
	int extra = extra_fds(), state;
	struct wire_conn *conn;
	sigset_t mask;

	if (argc != 4 || !streq(argv[1], "--once") || !streq(argv[2], "--state-dir"))
		return 2;
	state = open(argv[3], O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (state >= 0)
		fd_read_file_at(state, "how", 100, &how, NULL);
	if (streq(how, "exit"))
		return 7;
	if (streq(how, "die"))
		raise(SIGKILL);
	if (streq(how, "hang")) {
		close(STDOUT_FILENO);
		pause();
	}
	sigprocmask(SIG_BLOCK, NULL, &mask);
	conn = wire_conn_new_pipes(STDIN_FILENO, STDOUT_FILENO);
	for (;;) {
		struct wire_peer peer = {.uid = 77777};
		json_t *message;

		while (wire_conn_next(conn, &message, NULL) == 1) {
			json_t *reply;

			wire_conn_peer(conn, &peer);
			reply = wire_reply(json_pack("{s:s, s:i, s:i, s:b}", "state_dir", argv[3], "uid", (int)peer.uid, "fds", extra, "usr1",
			                             sigismember(&mask, SIGUSR1)), false);
			wire_conn_send(conn, reply, NULL, 0, NULL);
			wire_conn_flush(conn);
			json_decref(reply);
			json_decref(message);
		}
		poll(&(struct pollfd){.fd = STDIN_FILENO, .events = POLLIN}, 1, -1);
		if (wire_conn_read(conn) == 0)
			break;
	}
	wire_conn_free(conn);
	return 0;
}

/* -- helpers ---------------------------------------------------------------------------------------------------- */

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

static void set_env(const char *name, const char *value)
{
	if (value)
		setenv(name, value, 1);
	else
		unsetenv(name);
}

/* What finds a daemon or a directory, all of it. */
static void clear_env(void)
{
	set_env("MSCG_SOCKET", NULL);
	set_env("MSCG_STATE_DIR", NULL);
	set_env("XDG_RUNTIME_DIR", NULL);
	set_env("XDG_STATE_HOME", NULL);
	set_env("HOME", at("home"));
	set_env("PATH", at("bin"));
}

/* Runs `f` as an ordinary user and fails where it does. */
static void as_user(void (*f)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(1000, 1000, 1000) < 0 || setresuid(1000, 1000, 1000) < 0))
			_exit(99);
		f();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* cmocka's asserts do not work in a fork. */
#define CHECK(condition)                                                            \
	do {                                                                        \
		if (!(condition)) {                                                 \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
			_exit(1);                                                   \
		}                                                                   \
	} while (0)

static int try_connect(const char *socket, char *ret_path, struct mscg_error *e)
{
	struct mscg *m;
	int r;

	memset(e, 0, sizeof *e);
	r = mscg_connect(&m, socket, e);
	if (r == 0) {
		snprintf(ret_path, 128, "%s", mscg_socket_path(m));
		mscg_close(m);
	}
	return r;
}

/* -- where it looks --------------------------------------------------------------------------------------------- */

static void test_search_order(void **state)
{
	int a = listen_at(at("a")), b = listen_at(at("b"));
	struct mscg_error e;
	char path[128];

	(void)state;
	clear_env();
	assert_int_equal(try_connect(at("a"), path, &e), 0);
	assert_string_equal(path, at("a"));
	set_env("MSCG_SOCKET", at("b"));
	assert_int_equal(try_connect(NULL, path, &e), 0);
	assert_string_equal(path, at("b"));
	assert_int_equal(try_connect("", path, &e), 0);
	assert_string_equal(path, at("b"));
	/* What was asked for is tried, and nothing else. */
	assert_int_equal(try_connect(at("a"), path, &e), 0);
	assert_string_equal(path, at("a"));
	assert_int_equal(try_connect(at("none"), path, &e), -ECONNREFUSED);
	close(a);
	close(b);
}

static void user_search(void)
{
	struct mscg_error e;
	char path[128];
	int r;

	clear_env();
	set_env("XDG_RUNTIME_DIR", at("run"));
	CHECK(try_connect(NULL, path, &e) == 0);
	CHECK(streq(path, at("run/mscg/mscg.sock")));
	set_env("MSCG_SOCKET", at("none"));
	CHECK(try_connect(NULL, path, &e) == -ECONNREFUSED);
	set_env("MSCG_SOCKET", "");
	CHECK(try_connect(NULL, path, &e) == 0);
	/* No daemon of the user's own: the one for all. */
	set_env("XDG_RUNTIME_DIR", at("home"));
	r = try_connect(NULL, path, &e);
	CHECK(r == 0 ? streq(path, "/run/mscg/mscg.sock") : strstr(e.text, " on /run/mscg/mscg.sock (") != NULL);
	CHECK(try_connect(at("private/x.sock"), path, &e) == -EPERM);
	CHECK(strstr(e.text, "not permitted to connect to "));
}

static void test_user_search(void **state)
{
	int own;

	(void)state;
	mkdir(at("run"), 0755);
	mkdir(at("run/mscg"), 0755);
	mkdir(at("private"), 0000);
	own = listen_at(at("run/mscg/mscg.sock"));
	chmod(at("run/mscg/mscg.sock"), 0777);
	as_user(user_search);
	close(own);
}

static void test_refusals(void **state)
{
	_cleanup_free_ char *expected = xasprintf("no daemon answers on %s (start one with: mscg scheduler, or systemctl start mscgd)", at("none"));
	struct mscg_error e;
	char path[128], longer[200];

	(void)state;
	clear_env();
	assert_int_equal(try_connect(at("none"), path, &e), -ECONNREFUSED);
	assert_int_equal(e.code, -ECONNREFUSED);
	assert_string_equal(e.text, expected);
	/* One that a dead daemon left. */
	close(listen_at(at("stale")));
	assert_int_equal(try_connect(at("stale"), path, &e), -ECONNREFUSED);
	write_file(at("file"), "");
	assert_int_equal(try_connect(at("file"), path, &e), -ECONNREFUSED);
	assert_int_equal(try_connect(at("file/x"), path, &e), -ECONNREFUSED);
	memset(longer, 'x', sizeof longer);
	longer[sizeof longer - 1] = '\0';
	assert_int_equal(try_connect(longer, path, &e), -ENAMETOOLONG);
	assert_non_null(strstr(e.text, "has 199 bytes: expected 1 to 107"));
}

/* -- without a daemon ------------------------------------------------------------------------------------------- */

static int call_once(struct mscg *m, json_t **ret, struct mscg_error *e)
{
	memset(e, 0, sizeof *e);
	return mscg_call_json(m, "Ping", NULL, ret, e);
}

static const char *text_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static void test_once(void **state)
{
	struct mscg_error e = {0};
	struct mscg *m;
	json_t *reply;
	sigset_t mask, old;
	int leak = open("/dev/null", O_RDONLY);

	(void)state;
	clear_env();
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	sigprocmask(SIG_BLOCK, &mask, &old);
	assert_int_equal(mscg_connect_or_once(&m, at("none"), at("state"), &e), 0);
	assert_true(mscg_is_once(m));
	assert_string_equal(mscg_socket_path(m), at("none"));
	for (int i = 0; i < 3; i++) {
		assert_int_equal(call_once(m, &reply, &e), 0);
		assert_string_equal(text_of(reply, "state_dir"), at("state"));
		assert_int_equal(json_integer_value(json_object_get(reply, "uid")), geteuid());
		assert_int_equal(json_integer_value(json_object_get(reply, "fds")), 0);
		assert_true(json_is_false(json_object_get(reply, "usr1")));
		json_decref(reply);
		/* Nothing is left of it. */
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	}
	mscg_close(m);
	/* By the environment. */
	set_env("MSCG_STATE_DIR", at("state"));
	assert_int_equal(mscg_connect_or_once(&m, at("none"), NULL, &e), 0);
	assert_int_equal(call_once(m, &reply, &e), 0);
	assert_string_equal(text_of(reply, "state_dir"), at("state"));
	json_decref(reply);
	mscg_close(m);
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(leak);
}

static void test_once_fails(void **state)
{
	struct mscg_error e = {0};
	struct mscg *m;
	json_t *reply;

	(void)state;
	clear_env();
	assert_int_equal(mscg_connect_or_once(&m, at("none"), at("state"), &e), 0);
	write_file(at("state/how"), "exit");
	assert_int_equal(call_once(m, &reply, &e), -ECONNRESET);
	assert_string_equal(e.text, "mscgd --once ended with exit status 7 before it answered");
	write_file(at("state/how"), "die");
	assert_int_equal(call_once(m, &reply, &e), -ECONNRESET);
	assert_string_equal(e.text, "mscgd --once ended by signal 9 before it answered");
	write_file(at("state/how"), "hang");
	mscg_set_timeout(m, 300);
	assert_int_equal(call_once(m, &reply, &e), -ETIMEDOUT);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	/* The control: the same handle, once it does not. */
	unlink(at("state/how"));
	mscg_set_timeout(m, -1);
	assert_int_equal(call_once(m, &reply, &e), 0);
	json_decref(reply);
	mscg_close(m);
}

/* A daemon that came up in the meantime has the lock: it is asked. */
static void test_once_no_more(void **state)
{
	struct mscg_error e = {0};
	struct mscg *m;
	json_t *reply;
	int fd;

	(void)state;
	clear_env();
	assert_int_equal(mscg_connect_or_once(&m, at("late"), at("state"), &e), 0);
	assert_int_equal(call_once(m, &reply, &e), 0);
	json_decref(reply);
	fd = listen_at(at("late"));
	mscg_set_timeout(m, 100);
	assert_int_equal(call_once(m, &reply, &e), -ETIMEDOUT);
	close(fd);
	mscg_close(m);
}

static int prepare(const char *state_dir, const char *sign, char *ret_dir, struct mscg_error *e)
{
	const char *const signs[] = {at("no-system"), sign, NULL};
	struct mscg *m = xcalloc(1, sizeof *m);
	int r;

	memset(e, 0, sizeof *e);
	m->socket = xstrdup(at("none"));
	r = mscg_once_prepare(m, state_dir, signs, e);
	if (r == 0)
		snprintf(ret_dir, 128, "%s", m->state_dir ? m->state_dir : "default");
	mscg_close(m);
	return r;
}

static void user_directories(void)
{
	struct mscg_error e;
	struct mscg *m;
	char got[128];

	clear_env();
	/* The default, which can be made; XDG's when set. Which it is mscgd says, for its configuration may name another. */
	CHECK(prepare(NULL, at("no-system"), got, &e) == 0);
	CHECK(streq(got, "default"));
	set_env("XDG_STATE_HOME", "/proc");
	CHECK(prepare(NULL, at("no-system"), got, &e) == -ECONNREFUSED);
	set_env("XDG_STATE_HOME", at("home/x"));
	CHECK(prepare(NULL, at("no-system"), got, &e) == 0);
	CHECK(streq(got, "default"));
	/* A queue of one's own neither is made beside the one for all nor stands in for it, unless it is asked for. */
	CHECK(prepare(NULL, at("state"), got, &e) == -ECONNREFUSED);
	CHECK(prepare(at("home/new/one"), at("state"), got, &e) == 0);
	mkdir(at("home/x"), 0755);
	mkdir(at("home/x/mscg"), 0755);
	CHECK(prepare(NULL, at("no-system"), got, &e) == 0);
	CHECK(prepare(at("home/x/mscg"), at("state"), got, &e) == 0);
	CHECK(prepare(NULL, at("state"), got, &e) == -ECONNREFUSED);
	mkdir(at("home/secret"), 0);
	CHECK(prepare(NULL, at("home/secret/conf"), got, &e) == -ECONNREFUSED);
	CHECK(prepare(NULL, at("state"), got, &e) == -ECONNREFUSED);
	CHECK(strstr(e.text, at("state")) && strstr(e.text, at("home/x/mscg")) && strstr(e.text, "--state-dir"));
	/* Somebody else's, one that cannot be made, one that is a file. */
	CHECK(prepare("/", at("no-system"), got, &e) == -ECONNREFUSED);
	CHECK(prepare("/proc/new", at("no-system"), got, &e) == -ECONNREFUSED);
	CHECK(prepare(at("file"), at("no-system"), got, &e) == -ECONNREFUSED);
	CHECK(e.code == 0);
	/* And the words of it. */
	CHECK(mscg_connect_or_once(&m, at("none"), "/", &e) == -ECONNREFUSED);
	CHECK(strstr(e.text, "no daemon answers on ") && strstr(e.text, "mscg scheduler"));
	set_env("PATH", "/nonexistent::");
	CHECK(mscg_connect_or_once(&m, at("none"), at("home/x"), &e) == -ECONNREFUSED);
	CHECK(strstr(e.text, "mscgd is not found beside this program or in PATH"));
}

static void test_directories(void **state)
{
	(void)state;
	as_user(user_directories);
}

/* As bin/probe, beside bin/mscgd. */
static int play_probe(void)
{
	struct mscg_error e = {0};
	struct mscg *m;
	json_t *reply;

	if (mscg_connect_or_once(&m, "/nonexistent/sock", NULL, &e) < 0 || call_once(m, &reply, &e) < 0) {
		fprintf(stderr, "%s\n", e.text);
		return 1;
	}
	json_decref(reply);
	mscg_close(m);
	return 0;
}

static void user_probe(void)
{
	clear_env();
	set_env("PATH", NULL);
	set_env("MSCG_STATE_DIR", at("home/probed")); /* the machine may have a daemon's, which is for the system then */
	execl(at("bin/probe"), "probe", NULL);
	_exit(98);
}

static void test_beside(void **state)
{
	(void)state;
	as_user(user_probe);
}

/* -- set-up ----------------------------------------------------------------------------------------------------- */

static int copy_self(const char *to)
{
	_cleanup_close_ int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	char block[65536];
	ssize_t n;

	while ((n = read(in, block, sizeof block)) > 0)
		if (fd_write_all(out, block, (size_t)n) < 0)
			return -1;
	return (int)n;
}

static int start(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/mscg-connect-XXXXXX");
	umask(022);
	if (!mkdtemp(dir) || chmod(dir, 0755) < 0)
		return -1;
	mkdir(at("bin"), 0755);
	mkdir(at("state"), 0755);
	mkdir(at("home"), 0755);
	if (geteuid() == 0 && chown(at("home"), 1000, 1000) < 0)
		return -1;
	return copy_self(at("bin/mscgd")) < 0 || link(at("bin/mscgd"), at("bin/probe")) < 0;
}

static int stop(void **state)
{
	_cleanup_free_ char *command = xasprintf("PATH=/usr/bin:/bin; chmod 700 %s/private; rm -rf %s", dir, dir);

	(void)state;
	return system(command);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_search_order),
		cmocka_unit_test(test_user_search),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_once),
		cmocka_unit_test(test_once_fails),
		cmocka_unit_test(test_once_no_more),
		cmocka_unit_test(test_directories),
		cmocka_unit_test(test_beside),
	};

	if (streq(argv[0], "mscgd"))
		return play_mscgd(argc, argv);
	if (streq(argv[0], "probe"))
		return play_probe();
	alarm(100);
	return cmocka_run_group_tests(tests, start, stop);
}
