/* strangers LIVE: keeps LIVE short-lived children, one after the other, so that process numbers come round fast, until
 * standard input ends. Each looks out for signals that were not meant for it. A line for each that came:
 * "hit PID SIGNAL SENDER"; at the end "forks N rounds M", M: how often the numbers began anew. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void hit(int sig, siginfo_t *info, void *context)
{
	char line[64];
	int n = snprintf(line, sizeof line, "hit %d %d %d\n", (int)getpid(), sig, (int)info->si_pid);

	(void)context;
	if (write(STDOUT_FILENO, line, (size_t)n) < 0)
		_exit(1);
	_exit(0);
}

static void live(void)
{
	usleep(2000 + (useconds_t)(getpid() % 16) * 1000);
	_exit(0);
}

int main(int argc, char **argv)
{
	long want = argc > 1 ? strtol(argv[1], NULL, 10) : 20, have = 0, forks = 0, rounds = 0;
	struct sigaction action = {.sa_sigaction = hit, .sa_flags = SA_SIGINFO};
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	pid_t last = 0;

	for (int sig = 1; sig < 32; sig++) /* inherited: a child is never without */
		if (sig != SIGCHLD && sig != SIGKILL && sig != SIGSTOP)
			sigaction(sig, &action, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (poll(&in, 1, 0) == 0) {
		int status = 0;
		pid_t pid;

		while (have < want) {
			pid = fork();
			if (pid == 0)
				live();
			if (pid < 0)
				break;
			have++;
			forks++;
			rounds += pid < last;
			last = pid;
		}
		pid = waitpid(-1, &status, 0);
		if (pid < 0) {
			if (errno == ECHILD) /* no number is free: others have them all */
				usleep(1000);
			continue;
		}
		have--;
		if (WIFSIGNALED(status))
			printf("hit %d %d 0\n", (int)pid, WTERMSIG(status));
	}
	while (waitpid(-1, NULL, 0) > 0)
		;
	printf("forks %ld rounds %ld\n", forks, rounds);
	return 0;
}
