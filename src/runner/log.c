/* The writer of a job's output where that is limited (--log-max): a process of the job's user, outside of its cgroup, that
 * takes what the job writes from pipes and puts it into the files until they are full. The rest it drops and counts, so that
 * the job never waits for more than the disk. It is forked by the supervisor and needs it no more: it ends when nobody
 * has the other ends of the pipes any longer. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "src/base/parse.h"
#include "src/runner/supervise.h"

#define NOTES_SIZE     4096  /* a page: a slot of its own, to note in how far it came */
#define NICE           19
#define OPEN_TIMEOUT_MS 50000 /* less than mscgd waits for a launch */

struct stream {
	int      in, out; /* in -1: none, or at its end */
	uint64_t room, cut, lost;
	int      error;   /* why it is lost */
	bool     in_line; /* what was written last does not end a line */
};

static char chunk[65536];
static int  count_fd; /* a struct runner_log */

/* -- the writer --------------------------------------------------------------------------------------------------- */

/* As much as there is room for. */
static void take(struct stream *s, size_t n)
{
	size_t at = 0, fit = (size_t)MIN_OF(s->room, (uint64_t)n);

	while (at < fit) {
		ssize_t w = write(s->out, chunk + at, fit - at);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0) {
			s->error = w < 0 ? errno : ENOSPC;
			break;
		}
		at += (size_t)w;
	}
	if (at > 0)
		s->in_line = chunk[at - 1] != '\n';
	s->room -= at;
	s->lost += fit - at;
	s->cut += n - fit;
}

static void mark(struct stream *s, uint64_t max)
{
	char size[32], text[320];
	int n = 0;

	if (s->lost)
		n = snprintf(text, sizeof text, "%s[mscg: %llu bytes of output could not be written: %s]\n", s->in_line ? "\n" : "",
		             (unsigned long long)s->lost, strerror(s->error));
	if (s->cut)
		n += snprintf(text + n, sizeof text - (size_t)n, "%s[mscg: %llu bytes of output were cut here (--log-max %s)]\n",
		              s->in_line && !n ? "\n" : "", (unsigned long long)s->cut, format_size(max, size, sizeof size));
	/* On a full disk it is in the count only. */
	if (n && write(s->out, text, (size_t)n) < 0)
		s->in_line = false;
}

static void say(const struct stream streams[2], bool done)
{
	struct runner_log log = {
		.cut = streams[0].cut + streams[1].cut, .done = done, .lost = streams[0].lost + streams[1].lost,
		.errno_value = (uint64_t)(streams[0].error ? streams[0].error : streams[1].error),
	};

	if (pwrite(count_fd, &log, sizeof log, 0) < 0)
		return; /* who waits for it does so for a while only */
}

__attribute__((noreturn)) static void work(struct stream streams[2], uint64_t max)
{
	while (streams[0].in >= 0 || streams[1].in >= 0) {
		struct pollfd p[2] = { { .fd = streams[0].in, .events = POLLIN }, { .fd = streams[1].in, .events = POLLIN } };

		if (poll(p, 2, -1) < 0)
			continue;
		for (int i = 0; i < 2; i++) {
			struct stream *s = &streams[i];
			uint64_t before = s->cut + s->lost;

			if (s->in < 0 || !p[i].revents)
				continue;
			ssize_t n = read(s->in, chunk, sizeof chunk);
			if (n > 0) {
				take(s, (size_t)n);
			} else if (n == 0 || errno != EINTR) {
				mark(s, max);
				close(s->in);
				s->in = -1;
			}
			if (s->cut + s->lost != before)
				say(streams, false);
		}
	}
	say(streams, true);
	_exit(0);
}

/* Bytes that the file may have yet. */
static uint64_t room_in(int fd, uint64_t max)
{
	struct stat st;
	uint64_t has = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;

	return max > has ? max - has : 0;
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* The other ends are the job's, and what is left of the supervisor's is nothing to a process of the user. */
static void keep_only(const struct stream streams[2])
{
	int keep[6] = { STDERR_FILENO, count_fd };
	size_t n = 2;

	for (int i = 0; i < 2; i++)
		if (streams[i].in >= 0) {
			keep[n++] = streams[i].in;
			keep[n++] = streams[i].out;
		}
	qsort(keep, n, sizeof *keep, by_number);
	for (size_t i = 0; i + 1 < n; i++)
		if (keep[i] + 1 < keep[i + 1])
			close_range((unsigned)keep[i] + 1, (unsigned)keep[i + 1] - 1, 0);
	close_range((unsigned)keep[n - 1] + 1, ~0U, 0);
}

/* In the process that becomes the writer. The pipes are made by the user, who may then open them anew (/dev/stdout). */
__attribute__((noreturn)) static void be_writer(const struct slot_file *file, const struct child_plan *plan, uint64_t max, int to)
{
	struct stream streams[2] = { { .in = -1 }, { .in = -1 } };
	int fds[3], ends[2], given[2];
	size_t n = 0;
	char ready = 1;

	munmap(file->header, (size_t)SLOT_SIZE * ((size_t)file->n + 1));
	prctl(PR_SET_NAME, "mscg-log", 0, 0, 0);
	child_open_output(plan, fds);
	for (int i = 0; i < 2; i++) {
		if (fds[i + 1] < 0)
			continue;
		if (pipe2(ends, O_CLOEXEC) < 0)
			_exit(1);
		streams[i] = (struct stream){ .in = ends[0], .out = fds[i + 1], .room = room_in(fds[i + 1], max) };
		given[n++] = ends[1];
	}
	if (message_send(to, &ready, sizeof ready, given, n) < 0)
		_exit(1);
	keep_only(streams);
	work(streams, max);
}

/* -- the supervisor ----------------------------------------------------------------------------------------------- */

/* The descriptors that the writer gives when it is ready; -errno, or what it noted. */
static int receive_ends(int from, pid_t writer, const struct slot *notes, struct slot *slot, int *fds, size_t *n)
{
	struct pollfd p = { .fd = from, .events = POLLIN };
	char ready;

	if (poll(&p, 1, OPEN_TIMEOUT_MS) <= 0) { /* nothing is let in that could interrupt it */
		kill(writer, SIGKILL); /* our child, not reaped: its number is nobody else's */
		return -ETIMEDOUT;
	}
	if (message_receive(from, &ready, sizeof ready, fds, n) > 0)
		return 0;
	int error = atomic_load_explicit(&notes->errno_value, memory_order_relaxed);
	atomic_store_explicit(&slot->stage, atomic_load_explicit(&notes->stage, memory_order_relaxed), memory_order_relaxed);
	return error ? -error : -EAGAIN;
}

int log_start(struct supervisor *s, const struct child_plan *plan, uint64_t max, int log_fd, int output[3])
{
	struct child_plan writer = *plan;
	int pair[2], fds[START_FDS_MAX];
	size_t n = 0;

	if (plan->stdio_fd >= 0)
		return 0;
	struct slot *notes = mmap(NULL, NOTES_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (notes == MAP_FAILED)
		return -errno;
	writer.slot   = notes;
	writer.nice_  = NICE; /* it is not counted to the job, so that it takes what others leave */
	writer.mounts = false; /* its files are those of the machine's mounts, as the job's are without it */
	int r = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ? -errno : 0;
	if (r == 0) {
		pid_t pid = fork();

		if (pid == 0) {
			close(pair[0]);
			close(s->daemon_fd);
			close(s->listen_fd);
			count_fd = log_fd;
			be_writer(&s->file, &writer, max, pair[1]);
		}
		close(pair[1]);
		r = pid < 0 ? -errno : receive_ends(pair[0], pid, notes, s->slot, fds, &n);
		close(pair[0]);
	}
	munmap(notes, NOTES_SIZE);
	for (size_t i = 0, target = 1; i < n && target < 3; target++)
		if (output[target] < 0 && plan->file[target] && !(target == 2 && plan->share_stderr))
			output[target] = fds[i++];
	return r;
}
