/* sleep_s SECONDS: sleeps, fractions too. */
#include <math.h>
#include <stdlib.h>
#include <time.h>

int main(int argc, char **argv)
{
	double s = argc > 1 ? strtod(argv[1], NULL) : 1;
	struct timespec t = { .tv_sec = (time_t)s, .tv_nsec = (long)((s - (double)(time_t)s) * 1e9) };
	while (nanosleep(&t, &t) < 0)
		;
	return 0;
}
