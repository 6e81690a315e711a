/* libFuzzer: mscgd --once, whole: requests on a connection, the table of methods, the core, the store. What came is
 * carried out or refused, and the connection ends. A job that was accepted is there when the daemon starts anew. */
int mscgd_main(int argc, char **argv);
#define main mscgd_main
#include "src/daemon/main.c" /* its set-up and teardown are what is wanted here */
#undef main

#include "tests/fuzz/fuzz.h"

#include <ftw.h>
#include <sys/socket.h>

enum { INPUTS_A_LIFE = 500 };

static char place[64];
static struct daemon d;
static unsigned inputs;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static void end_life(void)
{
	teardown(&d);
	nftw(place, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	inputs = 0;
}

static void begin_life(void)
{
	static char state[96], *argv[] = {(char *)"mscgd", (char *)"--once", (char *)"--config=/dev/null", (char *)"--allow-root-jobs",
	                                  (char *)"--state-dir", state, (char *)"--runtime-dir", place, NULL};
	static bool registered;
	struct mscg_error e;
	sigset_t none;

	snprintf(place, sizeof place, "%s", "/dev/shm/mscg-fuzz-once.XXXXXX");
	MUST(mkdtemp(place));
	snprintf(state, sizeof state, "%s/state", place);
	d = (struct daemon){ .listen_fd = -1, .spare_fd = -1, .argc = 8, .argv = argv };
	if (config_load(&d.config, 8, argv, &e) < 0 || setup(&d, &e) < 0) {
		fprintf(stderr, "%s\n", e.text);
		__builtin_trap();
	}
	/* The fuzzer has its own signals. */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (!registered)
		atexit(end_life);
	registered = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mscg_error e;
	char answers[16384];
	int pair[2];

	if (size > 64 * 1024)
		return 0;
	fuzz_quiet();
	if (inputs == INPUTS_A_LIFE)
		end_life();
	if (inputs++ == 0)
		begin_life();
	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
	ssize_t sent = send(pair[1], data, size, MSG_NOSIGNAL);
	shutdown(pair[1], SHUT_WR);
	if (sent < 0 || !server_adopt(&d, pair[0], &e)) {
		close(pair[1]);
		return 0;
	}
	while (d.clients) {
		MUST(sd_event_run(d.loop, 20 * USEC_PER_SEC) > 0); /* 0: nothing has happened for that long */
		while (recv(pair[1], answers, sizeof answers, MSG_DONTWAIT) > 0)
			;
	}
	close(pair[1]);
	MUST(!d.failing);
	return 0;
}
