/* The last line in a job's file for errors, when mscgd has ended it or could not start it: written by a process of the job's user, beside
 * the supervisor, since it may take as long as the file's server likes. */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "src/base/clock.h"
#include "src/runner/supervise.h"

enum { NICE = 19, DEADLINE_S = 10 };

/* Nobody can tell: then it is not. */
static bool ends_a_line(const char *path, off_t size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	char last;

	return size == 0 || (fd >= 0 && pread(fd, &last, 1, size - 1) == 1 && last == '\n');
}

/* In a copy of the supervisor, which becomes the job's user on its way. */
__attribute__((noreturn)) static void write_note(const struct supervisor *s, const struct child_plan *plan, const char *text)
{
	char line[NOTE_MAX + 32];
	sigset_t none;
	struct stat st;
	int fds[3];

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	alarm(DEADLINE_S);
	munmap(s->file.header, (size_t)SLOT_SIZE * ((size_t)s->file.n + 1));
	close_range(SUPERVISOR_DAEMON_FD, ~0U, 0);
	prctl(PR_SET_NAME, "mscg-note", 0, 0, 0);
	child_open_output(plan, fds);
	if (fstat(fds[2], &st) < 0 || !S_ISREG(st.st_mode))
		_exit(0);
	int n = snprintf(line, sizeof line, "%s[mscg: %.*s]\n", ends_a_line(plan->file[2], st.st_size) ? "" : "\n", NOTE_MAX, text);
	_exit(write(fds[2], line, (size_t)n) == n ? 0 : 1);
}

void note_start(struct supervisor *s, const void *packet, size_t size)
{
	const struct message_start *start = packet;
	struct slot noted = { 0 };
	struct start_view view;

	/* Its user can stop it, and keep it from its alarm. It is our child and not reaped: its number is nobody else's. */
	if (s->note_pid && clock_boot_usec() - s->note_usec > DEADLINE_S * USEC_PER_SEC) {
		kill(s->note_pid, SIGKILL);
		s->note_pid = 0;
	}
	if (s->note_pid || start_read(&view, start, start + 1, size - sizeof *start) < 0 || start->argc != 1 || !view.text[START_STRING_STDERR])
		return;
	const struct child_plan plan = {
		.slot = &noted, .workdir = "/", .file = { NULL, NULL, view.text[START_STRING_STDERR] }, .output = { -1, -1, -1 },
		.stdio_fd = -1, .script_fd = -1, .groups = view.groups, .ngroups = start->groups, .uid = start->uid, .gid = start->gid,
		.umask_ = start->umask_, .nice_ = NICE, .own_nice = getpriority(PRIO_PROCESS, 0), .drop = start->flags & START_DROP,
		.append = true, .reset_oom = s->reset_oom,
	};
	pid_t pid = fork();

	if (pid == 0)
		write_note(s, &plan, view.argv);
	s->note_pid  = MAX_OF(pid, 0);
	s->note_usec = clock_boot_usec();
}
