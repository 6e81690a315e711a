/* burn SECONDS THREADS: each thread uses that much CPU time; prints what getrusage(2) says of the process, in
 * microseconds: "user U system S". */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static double seconds;

static void *burn(void *arg)
{
	struct timespec t;
	volatile unsigned long n = 0;
	(void)arg;
	do {
		for (int i = 0; i < 100000; i++)
			n += (unsigned long)i;
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	} while ((double)t.tv_sec + (double)t.tv_nsec / 1e9 < seconds);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread[256];
	struct rusage u;
	long n  = argc > 2 ? strtol(argv[2], NULL, 10) : 1;
	seconds = argc > 1 ? strtod(argv[1], NULL) : 1;
	if (n < 1 || n > 256)
		return 2;
	for (long i = 1; i < n; i++)
		if (pthread_create(&thread[i], NULL, burn, NULL))
			return 1;
	burn(NULL);
	for (long i = 1; i < n; i++)
		pthread_join(thread[i], NULL);
	getrusage(RUSAGE_SELF, &u);
	printf("user %lld system %lld\n", u.ru_utime.tv_sec * 1000000LL + u.ru_utime.tv_usec,
	       u.ru_stime.tv_sec * 1000000LL + u.ru_stime.tv_usec);
	return 0;
}
