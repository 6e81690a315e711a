/* fork_bomb MOST SECONDS: forks as long as it can, every process does, each sleeping in between; no more than MOST
 * live at once in all (a guard for the machine that it is tried on), for SECONDS. Prints nothing. */
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	long most = argc > 1 ? strtol(argv[1], NULL, 10) : 500;
	long seconds = argc > 2 ? strtol(argv[2], NULL, 10) : 10;
	_Atomic long *count = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	time_t end = time(NULL) + seconds;
	if (count == MAP_FAILED)
		return 1;
	*count = 1;
	while (time(NULL) < end) {
		if (atomic_fetch_add(count, 1) >= most || fork() < 0) {
			atomic_fetch_sub(count, 1);
			usleep(1000);
		}
	}
	return 0;
}
