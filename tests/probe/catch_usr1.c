/* catch_usr1 SECONDS [--end-on N]: counts SIGUSR1 for that long (or until N came), then prints "usr1 COUNT". Says
 * "ready" once it catches. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t count;

static void on_usr1(int sig)
{
	(void)sig;
	count++;
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_usr1 };
	double s    = argc > 1 ? strtod(argv[1], NULL) : 1;
	long   want = argc > 3 && strcmp(argv[2], "--end-on") == 0 ? strtol(argv[3], NULL, 10) : 0;
	struct timespec now, end;
	sigset_t usr1, before;

	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, &before);
	sigaction(SIGUSR1, &sa, NULL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	printf("ready\n");
	fflush(stdout);
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += (time_t)s;
	end.tv_nsec += (long)((s - (double)(time_t)s) * 1e9);
	for (;;) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		double left = (double)(end.tv_sec - now.tv_sec) + (double)(end.tv_nsec - now.tv_nsec) / 1e9;
		if (left <= 0 || (want && count >= want))
			break;
		/* A signal ends it early; one that comes just before costs a tenth of a second. */
		if (left > 0.1)
			left = 0.1;
		struct timespec t = { .tv_nsec = (long)(left * 1e9) };
		nanosleep(&t, NULL);
	}
	printf("usr1 %d\n", (int)count);
	return 0;
}
