/* The second wall, by itself: no namespace is made here, so that what is refused is refused by it. */
#include "src/runner/landlock.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/base/base.h"

enum { SIGNAL_OUT = 1, SIGNAL_IN = 2, ABSTRACT_OUT = 4, MOUNTS = 8 };

static struct sockaddr_un address;
static socklen_t address_size;

/* Landlock as this kernel has it; 0: not at all. */
static long version(void)
{
	long v = syscall(SYS_landlock_create_ruleset, NULL, 0, 1 /* LANDLOCK_CREATE_RULESET_VERSION */);

	return v < 0 ? 0 : v;
}

static int attempts(pid_t outside)
{
	int works = 0, fd = socket(AF_UNIX, SOCK_STREAM, 0);
	pid_t inside = fork();

	if (inside == 0) {
		pause();
		_exit(0);
	}
	works |= kill(outside, 0) == 0 ? SIGNAL_OUT : 0;
	works |= kill(inside, SIGKILL) == 0 ? SIGNAL_IN : 0;
	works |= connect(fd, (struct sockaddr *)&address, address_size) == 0 ? ABSTRACT_OUT : 0;
	/* A file system's rules would refuse any mount, this one with EPERM before it is looked at. */
	works |= syscall(SYS_mount, "none", "/nowhere", "none", 0, NULL) < 0 && (errno != EPERM || geteuid() != 0) ? MOUNTS : 0;
	waitpid(inside, NULL, 0);
	return works;
}

/* What works in a process that is in it, as the job's own pid and net say. */
static int what_works(bool own_pid, bool own_net)
{
	pid_t outside = getpid(), child = fork();
	int status = 0;

	assert_true(child >= 0);
	if (child == 0) {
		struct slot slot = {0};
		struct child_plan plan = {.slot = &slot, .own_pid = own_pid, .own_net = own_net};

		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		enter_landlock(&plan);
		_exit(attempts(outside));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void scopes(void **state)
{
	(void)state;
	int all = SIGNAL_OUT | SIGNAL_IN | ABSTRACT_OUT | MOUNTS, server = socket(AF_UNIX, SOCK_STREAM, 0);
	bool has = version() >= 6;

	address.sun_family = AF_UNIX;
	address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
	                           (size_t)snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "mscg-landlock-%d", (int)getpid()));
	assert_int_equal(bind(server, (struct sockaddr *)&address, address_size), 0);
	assert_int_equal(listen(server, 16), 0);
	print_message("Landlock has version %ld here\n", version());
	assert_int_equal(what_works(false, false), all);
	assert_int_equal(what_works(true, false), has ? all & ~SIGNAL_OUT : all);
	assert_int_equal(what_works(false, true), has ? all & ~ABSTRACT_OUT : all);
	assert_int_equal(what_works(true, true), has ? SIGNAL_IN | MOUNTS : all);
	close(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(scopes)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
