/* orphans N: leaves N grandchildren behind that end after their parents did, then prints the pid of its own parent
 * before and the parent that they got: "parent P orphans Q" (the same where the parent is a subreaper). */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	long n = argc > 1 ? strtol(argv[1], NULL, 10) : 1;
	int  p[2], q[2];
	pid_t adopted = 0;
	char c;
	if (pipe(p) < 0 || pipe(q) < 0)
		return 1;
	for (long i = 0; i < n; i++) {
		pid_t child = fork();
		if (child == 0) {
			if (fork() == 0) {
				close(p[1]);
				if (read(p[0], &c, 1) != 0) /* until main says that the parents are reaped */
					_exit(1);
				adopted = getppid();
				if (write(q[1], &adopted, sizeof adopted) < 0)
					_exit(1);
			}
			_exit(0);
		}
		waitpid(child, NULL, 0);
	}
	close(p[1]);
	for (long i = 0; i < n; i++)
		if (read(q[0], &adopted, sizeof adopted) != sizeof adopted)
			return 1;
	printf("parent %d orphans %d\n", getppid(), adopted);
	return 0;
}
