/* Preloaded into mscgd: a disk that does not answer while the file $SLOW_SYNC.hold is there, and that fails while
 * $SLOW_SYNC.fail is. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int fdatasync(int fd);

static int is_there(const char *suffix)
{
	char path[4096];

	snprintf(path, sizeof path, "%s.%s", getenv("SLOW_SYNC"), suffix);
	return access(path, F_OK) == 0;
}

int fdatasync(int fd)
{
	while (is_there("hold"))
		usleep(1000);
	if (is_there("fail")) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}
