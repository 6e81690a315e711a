/* mscg: runs one verb, and looks at the end whether all that was printed has been written. */
#include "cli.h"

#include <fcntl.h>
#include <signal.h>

/* A socket that became fd 1 would get what is printed. */
static void open_standard_fds(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY) < 0)
			_exit(CLI_FAILED);
}

int main(int argc, char **argv)
{
	int status;

	open_standard_fds();
	/* A daemon that hangs up is an error with a text; a reader that does is seen in cli_flush. */
	signal(SIGPIPE, SIG_IGN);
	status = cli_main(argc, argv);
	cli_flush();
	return status;
}
