/* Errors, strings, buffers, files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/base/base.h"
#include "src/base/buf.h"
#include "src/base/clock.h"
#include "src/base/fd.h"
#include "src/base/utf8.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void test_error_set(void **state)
{
	struct mscg_error e = {0};

	(void)state;
	assert_int_equal(mscg_error_set(NULL, -EINVAL, "x"), -EINVAL);
	assert_int_equal(mscg_error_set(&e, -ENOENT, "no file '%s'", "a"), -ENOENT);
	assert_int_equal(e.code, -ENOENT);
	assert_string_equal(e.text, "no file 'a'");
	/* Its own text as an argument. */
	mscg_error_set(&e, -EIO, "again: %s", e.text);
	assert_string_equal(e.text, "again: no file 'a'");
}

static void test_error_one_line(void **state)
{
	struct mscg_error e = {0};
	char big[400];

	(void)state;
	mscg_error_set(&e, -EINVAL, "a\nb\tc\033[1m\x7f\xff\xc3 \xc2\x9b ok \xc3\xa9");
	assert_string_equal(e.text, "a?b?c?[1m??? ?? ok \xc3\xa9");
	/* A character that the end cuts in two. */
	memset(big, 'x', sizeof big);
	memcpy(big + sizeof e.text - 2, "\xc3\xa9", 2);
	big[sizeof big - 1] = '\0';
	mscg_error_set(&e, -EINVAL, "%s", big);
	assert_int_equal(strlen(e.text), sizeof e.text - 1);
	assert_int_equal(e.text[sizeof e.text - 2], '?');
	assert_true(utf8_valid(e.text, strlen(e.text)));
}

static void test_error_prefix(void **state)
{
	struct mscg_error e = {0};
	char big[300];

	(void)state;
	assert_int_equal(mscg_error_prefix(NULL, -EIO, "x"), -EIO);
	mscg_error_set(&e, -ENOENT, "no such file");
	assert_int_equal(mscg_error_prefix(&e, -EIO, "cannot start job %d: ", 7), -ENOENT);
	assert_int_equal(e.code, -ENOENT);
	assert_string_equal(e.text, "cannot start job 7: no such file");
	/* Nothing said below. */
	e = (struct mscg_error){0};
	assert_int_equal(mscg_error_prefix(&e, -EACCES, "cannot read: "), -EACCES);
	assert_string_equal(e.text, "cannot read: Permission denied");
	memset(big, 'y', sizeof big);
	big[sizeof big - 1] = '\0';
	mscg_error_prefix(&e, -EIO, "%s", big);
	assert_int_equal(strlen(e.text), sizeof e.text - 1);
}

static void test_utf8(void **state)
{
	static const char *const good[] = {"", "a", "\xc2\xa0", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xef\xbf\xbf", "\xf0\x90\x80\x80",
	                                   "\xf4\x8f\xbf\xbf", "a\xc3\xa9z"};
	static const char *const bad[] = {"\x80", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2z", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xe2\x82",
	                                  "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "ok\xc3"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(utf8_valid(good[i], strlen(good[i])));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(utf8_valid(bad[i], strlen(bad[i])));
	assert_true(utf8_is_control("\n"));
	assert_true(utf8_is_control("\x7f"));
	assert_true(utf8_is_control("\xc2\x85"));
	assert_false(utf8_is_control("\xc2\xa0"));
	assert_false(utf8_is_control(" "));
}

static void test_strv(void **state)
{
	_cleanup_strv_ char **v = NULL, **copy = NULL;

	(void)state;
	assert_int_equal(strv_length(NULL), 0);
	assert_null(strv_copy(NULL));
	strv_free(NULL);
	strv_add(&v, "a");
	strv_add(&v, "");
	strv_add(&v, "c");
	assert_int_equal(strv_length(v), 3);
	copy = strv_copy(v);
	assert_int_equal(strv_length(copy), 3);
	assert_string_equal(copy[2], "c");
	assert_ptr_not_equal(copy[2], v[2]);
	assert_null(copy[3]);
}

static void test_env(void **state)
{
	_cleanup_strv_ char **env = NULL;

	(void)state;
	assert_null(env_get(NULL, "A"));
	env_set(&env, "A", NULL);
	assert_null(env);
	env_set(&env, "A", "1");
	env_set(&env, "AB", "2");
	env_set(&env, "C", "x=y");
	assert_string_equal(env_get(env, "A"), "1");
	assert_string_equal(env_get(env, "AB"), "2");
	assert_string_equal(env_get(env, "C"), "x=y");
	assert_null(env_get(env, "B"));
	env_set(&env, "A", env_get(env, "A"));
	assert_string_equal(env_get(env, "A"), "1");
	env_set(&env, "A", "3");
	assert_int_equal(strv_length(env), 3);
	assert_string_equal(env_get(env, "A"), "3");
	env_set(&env, "A", NULL);
	assert_int_equal(strv_length(env), 2);
	assert_null(env_get(env, "A"));
	assert_string_equal(env_get(env, "C"), "x=y");
}

static void test_mem(void **state)
{
	char *p = xmalloc(0);
	char *s = xstrdup("x");
	char *t = steal(&s);

	(void)state;
	assert_non_null(p);
	free(p);
	assert_null(s);
	assert_string_equal(t, "x");
	free(t);
	assert_null(xstrdup(NULL));
	assert_null(xstrndup(NULL, 3));
	p = xstrndup("abc", 2);
	assert_string_equal(p, "ab");
	free(p);
	p = xasprintf("%d", 7);
	assert_string_equal(p, "7");
	free(p);
}

/* AddressSanitizer would end the process itself where an allocation fails; elsewhere this is a function like any. */
const char *__asan_default_options(void);
__attribute__((visibility("default"), used)) const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

/* One line on stderr, then SIGABRT. */
static void test_out_of_memory_aborts(void **state)
{
	char text[4096] = "";
	int fds[2], status;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], STDERR_FILENO);
		signal(SIGABRT, SIG_DFL);
		free(xreallocarray(NULL, SIZE_MAX / 2, 16));
		_exit(0);
	}
	close(fds[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(fd_read_all(fds[0], text, sizeof text - 1) > 0);
	close(fds[0]);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	/* The sanitizer may have put a warning before it. */
	assert_non_null(strstr(text, "out of memory: stopping\n"));
}

static void test_buf(void **state)
{
	_cleanup_buf_ struct buf b = {0};
	char *text;

	(void)state;
	text = buf_steal(&b);
	assert_string_equal(text, "");
	free(text);
	for (int i = 0; i < 1000; i++)
		buf_addf(&b, "%d,", i);
	assert_int_equal(b.size, strlen(b.data));
	assert_int_equal(b.size, 10 * 2 + 90 * 3 + 900 * 4);
	assert_memory_equal(b.data, "0,1,2,", 6);
	buf_drop(&b, 2);
	assert_memory_equal(b.data, "1,2,", 4);
	assert_int_equal(b.size, strlen(b.data));
	buf_drop(&b, SIZE_MAX);
	assert_int_equal(b.size, 0);
	assert_string_equal(b.data, "");
	buf_adds(&b, "ab");
	buf_addc(&b, 'c');
	buf_add(&b, "\0d", 2);
	buf_add(&b, NULL, 0);
	assert_int_equal(b.size, 5);
	assert_memory_equal(b.data, "abc\0d", 6);
	/* Lengths around the first allocation. */
	for (int n = 60; n < 70; n++) {
		struct buf c = {0};

		buf_addf(&c, "%*s", n, "x");
		assert_int_equal(c.size, n);
		assert_int_equal(strlen(c.data), n);
		buf_free(&c);
		assert_null(c.data);
	}
}

static int temp_dir(void **state)
{
	char *path = xstrdup("/tmp/mscg-unit-XXXXXX");

	if (!mkdtemp(path))
		return -1;
	*state = path;
	return 0;
}

static int remove_dir(void **state)
{
	_cleanup_free_ char *command = xasprintf("rm -rf %s", (char *)*state);

	free(*state);
	return system(command);
}

static int count_entries(const char *path)
{
	DIR *d = opendir(path);
	int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void test_files(void **state)
{
	_cleanup_close_ int dir = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *big = xmalloc(100000), *text = NULL;
	struct stat st;
	size_t size = 0;

	for (int i = 0; i < 100000; i++)
		big[i] = (char)('a' + i % 26);
	assert_int_equal(fd_replace_file_at(dir, "f", "one", 3, 0640), 0);
	assert_int_equal(fstatat(dir, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(fd_read_file_at(dir, "f", 3, &text, &size), 0);
	assert_string_equal(text, "one");
	assert_int_equal(size, 3);
	/* One byte too much, and nothing touched. */
	free(text);
	text = (char *)"kept";
	assert_int_equal(fd_read_file_at(dir, "f", 2, &text, &size), -EFBIG);
	assert_string_equal(text, "kept");
	assert_int_equal(fd_read_file_at(dir, "missing", 2, &text, &size), -ENOENT);
	text = NULL;

	assert_int_equal(fd_replace_file_at(dir, "f", big, 100000, 0666), 0);
	assert_int_equal(fstatat(dir, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0666);
	assert_int_equal(fd_read_file_at(dir, "f", 100000, &text, NULL), 0);
	assert_memory_equal(text, big, 100000);
	assert_int_equal(count_entries(*state), 1);
}

static void test_replace_failure_leaves_nothing(void **state)
{
	_cleanup_close_ int dir = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(mkdirat(dir, "d", 0700), 0);
	assert_int_equal(fd_replace_file_at(dir, "d", "x", 1, 0600), -EISDIR);
	assert_int_equal(fd_replace_file_at(dir, "none/f", "x", 1, 0600), -ENOENT);
	assert_int_equal(count_entries(*state), 1);
	assert_int_equal(fd_replace_file_at(dir, "d/f", "x", 1, 0600), 0);
	assert_int_equal(count_entries(*state), 1);
}

/* A reader sees the old or the new text, never a part. */
static void test_replace_is_atomic(void **state)
{
	_cleanup_close_ int dir = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char a[5000], b[5000];
	int status;
	pid_t pid;

	memset(a, 'a', sizeof a);
	memset(b, 'b', sizeof b);
	assert_int_equal(fd_replace_file_at(dir, "f", a, sizeof a, 0600), 0);
	pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 500; i++)
			if (fd_replace_file_at(dir, "f", i % 2 ? a : b, sizeof a, 0600) < 0)
				_exit(1);
		_exit(0);
	}
	for (int i = 0; i < 500; i++) {
		_cleanup_free_ char *text = NULL;
		size_t size;

		assert_int_equal(fd_read_file_at(dir, "f", sizeof a, &text, &size), 0);
		assert_int_equal(size, sizeof a);
		assert_memory_equal(text, text[0] == 'a' ? a : b, sizeof a);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_make_dirs(void **state)
{
	_cleanup_free_ char *deep = xasprintf("%s/a/b//c/", (char *)*state), *file = xasprintf("%s/a/f", (char *)*state);
	_cleanup_free_ char *below = xasprintf("%s/g", file);
	struct stat st;

	assert_int_equal(fd_make_dirs(deep, 0750), 0);
	assert_int_equal(stat(deep, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(fd_make_dirs(deep, 0700), 0);
	assert_int_equal(stat(deep, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0750);
	assert_int_equal(fd_replace_file_at(AT_FDCWD, file, "x", 1, 0600), 0);
	assert_int_equal(fd_make_dirs(file, 0700), -ENOTDIR);
	assert_int_equal(fd_make_dirs(below, 0700), -ENOTDIR);
	assert_int_equal(fd_make_dirs("", 0700), -ENOENT);
	assert_int_equal(fd_make_dirs("/", 0700), 0);
}

static void interrupt(int sig)
{
	(void)sig;
}

/* Signals in the middle of a transfer lose nothing. */
static void test_interrupted_transfer(void **state)
{
	struct sigaction sa = {.sa_handler = interrupt}, old;
	enum { SIZE = 300000 };
	_cleanup_free_ char *in = xmalloc(SIZE), *out = xmalloc(SIZE);
	int fds[2], status;
	pid_t pid, parent = getpid();

	(void)state;
	for (int i = 0; i < SIZE; i++)
		in[i] = (char)(i * 7 + i / 256);
	sigaction(SIGUSR1, &sa, &old);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		int r = 0;

		close(fds[0]);
		for (int i = 0; i < SIZE && r == 0; i += SIZE / 10) {
			kill(parent, SIGUSR1);
			usleep(1000);
			r = fd_write_all(fds[1], in + i, SIZE / 10);
		}
		_exit(r != 0);
	}
	close(fds[1]);
	assert_int_equal(fd_read_all(fds[0], out, SIZE), SIZE);
	assert_memory_equal(in, out, SIZE);
	assert_int_equal(fd_read_all(fds[0], out, SIZE), 0);
	while (waitpid(pid, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	assert_int_equal(status, 0);
	sigaction(SIGUSR1, &old, NULL);
	close(fds[0]);
	assert_int_equal(fd_write_all(-1, "x", 1), -EBADF);
	assert_int_equal(fd_read_all(-1, out, 1), -EBADF);
}

static void test_clock(void **state)
{
	int64_t a = clock_boot_usec(), b = clock_boot_usec(), real = clock_real_usec();

	(void)state;
	assert_true(a > 0 && b >= a);
	assert_true(real > INT64_C(1700000000) * USEC_PER_SEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_error_set),
		cmocka_unit_test(test_error_one_line),
		cmocka_unit_test(test_error_prefix),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_strv),
		cmocka_unit_test(test_env),
		cmocka_unit_test(test_mem),
		cmocka_unit_test(test_out_of_memory_aborts),
		cmocka_unit_test(test_buf),
		cmocka_unit_test_setup_teardown(test_files, temp_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_replace_failure_leaves_nothing, temp_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_replace_is_atomic, temp_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_make_dirs, temp_dir, remove_dir),
		cmocka_unit_test(test_interrupted_transfer),
		cmocka_unit_test(test_clock),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
