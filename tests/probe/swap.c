/* swap SECONDS A B [A B]...: exchanges the two names of each pair, again and again, each pair by a process of its own, until
 * SIGTERM or SECONDS are over. Prints how often. Never leaves a name without a file. */
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t over;

static void on_term(int sig)
{
	(void)sig;
	over = 1;
}

static void exchange(const char *a, const char *b, time_t end, _Atomic long *count)
{
	/* Not always in step with who looks. */
	for (unsigned n = 0; !over && time(NULL) < end; n++) {
		if (renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) == 0)
			atomic_fetch_add(count, 1);
		if (n % 64 == 0)
			usleep(n % 7 * 100);
	}
}

int main(int argc, char **argv)
{
	time_t end = time(NULL) + (argc > 1 ? strtol(argv[1], NULL, 10) : 1);
	_Atomic long *count = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t self = getpid();

	sigaction(SIGTERM, &(struct sigaction){ .sa_handler = on_term }, NULL); /* wait() comes back then */
	if (count == MAP_FAILED)
		return 1;
	for (int i = 2; i + 1 < argc; i += 2)
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGTERM);
			if (getppid() == self)
				exchange(argv[i], argv[i + 1], end, count);
			_exit(0);
		}
	while (!over && wait(NULL) > 0)
		;
	if (over) {
		signal(SIGTERM, SIG_IGN);
		kill(0, SIGTERM);
		while (wait(NULL) > 0)
			;
	}
	printf("%ld\n", atomic_load(count));
	return 0;
}
