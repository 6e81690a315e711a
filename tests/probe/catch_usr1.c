/* catch_usr1 SECONDS: says "ready" once it catches SIGUSR1, and "usr1 COUNT" whenever one came, for that long. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static volatile sig_atomic_t count;

static void on_usr1(int sig)
{
	(void)sig;
	count++;
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_usr1 };
	double left = argc > 1 ? strtod(argv[1], NULL) : 1;
	struct timespec begin, now;
	sigset_t usr1, waiting;

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, &waiting);
	sigaction(SIGUSR1, &sa, NULL);
	puts("ready");
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (double end = left; left > 0;) {
		struct timespec t = { .tv_sec = (time_t)left, .tv_nsec = (long)((left - (double)(time_t)left) * 1e9) };
		if (ppoll(NULL, 0, &t, &waiting) < 0)
			printf("usr1 %d\n", (int)count);
		clock_gettime(CLOCK_MONOTONIC, &now);
		left = end - (double)(now.tv_sec - begin.tv_sec) - (double)(now.tv_nsec - begin.tv_nsec) / 1e9;
	}
	return 0;
}
