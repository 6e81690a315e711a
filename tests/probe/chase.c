/* chase N CODE FILE: leaves N chains of processes behind, each of which is replaced by its own child all the time, and
 * exits with CODE. Who kills them by their numbers comes too late. They share a lock of FILE, as long as one is left. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

static void run(void)
{
	for (;;) {
		pid_t pid = fork();

		if (pid > 0)
			_exit(0);
		if (pid < 0)
			usleep(1000);
	}
}

int main(int argc, char **argv)
{
	long n = argc > 1 ? strtol(argv[1], NULL, 10) : 1;

	int fd = argc > 3 ? open(argv[3], O_RDWR | O_CREAT, 0666) : -1;

	if (fd < 0 || flock(fd, LOCK_SH) < 0)
		return 125;
	for (long i = 0; i < n; i++)
		if (fork() == 0)
			run();
	return argc > 2 ? (int)strtol(argv[2], NULL, 10) : 0;
}
