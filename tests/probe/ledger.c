/* ledger DIR NONCE [MS]: the oracle's job. Appends "JOB ATTEMPT BOOT NONCE PID" to DIR/ledger with one write and an fsync
 * (of a size that no page ends in the middle of: a power cut leaves all of it or nothing),
 * holds DIR/lock.NONCE, waits MS milliseconds, and ends as its id says: ledger_end() in tests/fault/oracle.py is the same
 * function. A second copy that runs at the same time finds the lock taken and appends "TWICE …" instead. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static uint32_t hash(const char *text)
{
	uint32_t h = 2166136261u; /* FNV-1a */
	while (*text)
		h = (h ^ (unsigned char)*text++) * 16777619u;
	return h;
}

static void end(const char *job)
{
	static const int signals[] = { SIGKILL, SIGTERM, SIGSEGV, SIGABRT, SIGUSR1, SIGHUP };
	struct rlimit none = { 0, 0 };
	uint32_t h = hash(job);

	if (h % 8 < 4)
		_exit(0);
	if (h % 8 < 6)
		_exit((int)(1 + (h >> 8) % 123));
	setrlimit(RLIMIT_CORE, &none);
	int sig = signals[(h >> 8) % (sizeof signals / sizeof *signals)];
	signal(sig, SIG_DFL);
	raise(sig);
	_exit(125);
}

static void note(int dir, const char *word, const char *job, const char *nonce)
{
	const char *attempt = getenv("MSCG_RESTART_COUNT");
	char boot[40] = "", text[300], line[300];
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY);

	if (fd < 0 || read(fd, boot, 36) != 36)
		_exit(124);
	close(fd);
	snprintf(text, sizeof text, "%s%s %s %s %s %d", word, job, attempt ? attempt : "0", boot, nonce, (int)getpid());
	int n = snprintf(line, sizeof line, "%-127s\n", text);
	fd = openat(dir, "ledger", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
	if (n != 128 || fd < 0 || write(fd, line, (size_t)n) != n || fsync(fd) < 0)
		_exit(124);
	close(fd);
}

int main(int argc, char **argv)
{
	const char *job = getenv("MSCG_JOB_ID"), *task = getenv("MSCG_ARRAY_TASK_ID");
	char name[128];

	if (argc < 3 || !job)
		return 124;
	int dir = open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC);
	snprintf(name, sizeof name, "lock.%s%s%s", argv[2], task ? "_" : "", task ? task : "");
	int lock = openat(dir, name, O_RDWR | O_CREAT, 0666); /* what is forked later would keep it: nothing is */
	if (lock < 0)
		return 124;
	if (flock(lock, LOCK_EX | LOCK_NB) < 0) {
		note(dir, "TWICE ", job, name + strlen("lock."));
		return 124;
	}
	note(dir, "", job, name + strlen("lock."));
	long ms = argc > 3 ? strtol(argv[3], NULL, 10) : 0;
	struct timespec left = { ms / 1000, ms % 1000 * 1000000 };
	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
	end(job);
}
