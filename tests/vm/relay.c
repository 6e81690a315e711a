// Process 1 of the guest: runs the command, carries its output to the host, reports its exit status, powers off.
//
// The ports of one virtio-serial device lead to the host, by number: 1 stdout, 2 stderr, 3 control, 4 stdin.
// Control carries lines: to the host "up" and "exit N", from the host "size ROWS COLUMNS". A port can be opened only
// once, so the command gets pipes (or a terminal) and its output is copied: /dev/stderr then opens as it does anywhere.
//
// In /run/vm: argv and env (each string ended by NUL), relay.conf ("key value" lines: cwd, tty, stdin, rows, columns).
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PORT_OUT = 1, PORT_ERR, PORT_CONTROL, PORT_IN };

static struct {
	char cwd[4096];
	bool tty, with_stdin;
	struct winsize size;
} conf = { .cwd = "/" };

// A failure of the harness, not of the command: the console log is the only place left to say it.
static void fatal(const char *what)
{
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		dprintf(fd, "mscg-vm: relay: %s: %s\n", what, strerror(errno));
	reboot(RB_POWER_OFF);
	_exit(1);
}

static int open_port(int number, int flags)
{
	char path[32];

	// The driver adds its ports from a work queue; they may be a few milliseconds late.
	for (int tries = 0; tries < 2000; tries++) {
		for (int device = 0; device < 4; device++) {
			snprintf(path, sizeof(path), "/dev/vport%dp%d", device, number);
			int fd = open(path, flags | O_CLOEXEC);
			if (fd >= 0)
				return fd;
		}
		usleep(5000);
	}
	fatal("a port did not appear");
	return -1;
}

static char *read_file(const char *path, size_t *ret_len)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		fatal(path);
	char *data = malloc((size_t)st.st_size + 1);
	size_t len = 0;
	for (ssize_t n; data && (n = read(fd, data + len, (size_t)st.st_size - len)) > 0;)
		len += (size_t)n;
	if (!data || len != (size_t)st.st_size)
		fatal(path);
	data[len] = 0;
	close(fd);
	*ret_len = len;
	return data;
}

// A file of strings that end in NUL as an array that ends in NULL.
static char **read_strings(const char *path)
{
	size_t len, count = 0;
	char *data = read_file(path, &len);

	for (size_t i = 0; i < len; i++)
		count += data[i] == 0;
	char **strings = calloc(count + 1, sizeof(*strings));
	if (!strings)
		fatal(path);
	for (size_t i = 0; i < count; i++, data += strlen(data) + 1)
		strings[i] = data;
	return strings;
}

static void read_conf(void)
{
	size_t len;
	char *data = read_file("/run/vm/relay.conf", &len), *save;

	for (char *line = strtok_r(data, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *value = strchr(line, ' ');
		if (!value)
			continue;
		*value++ = 0;
		if (!strcmp(line, "cwd"))
			snprintf(conf.cwd, sizeof(conf.cwd), "%s", value);
		else if (!strcmp(line, "tty"))
			conf.tty = *value == '1';
		else if (!strcmp(line, "stdin"))
			conf.with_stdin = *value == '1';
		else if (!strcmp(line, "rows"))
			conf.size.ws_row = (unsigned short)strtoul(value, NULL, 10);
		else if (!strcmp(line, "columns"))
			conf.size.ws_col = (unsigned short)strtoul(value, NULL, 10);
	}
}

static bool write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

// Copies what is there now; false when there will be nothing more.
static bool copy(int from, int to)
{
	static char buf[65536];
	ssize_t n = read(from, buf, sizeof(buf));

	if (n > 0)
		return write_all(to, buf, (size_t)n);
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

// What is in the pipe already, and no waiting for more: a descendant may hold its other end.
static void drain(int from, int to)
{
	struct pollfd p = { .fd = from, .events = POLLIN };

	while (poll(&p, 1, 0) > 0 && copy(from, to))
		;
}

static void control_line(int control, int terminal)
{
	static char line[256];
	static size_t len;
	char c;

	// Byte by byte: a port is no place for surprises, and a new size comes only when a window is dragged.
	while (read(control, &c, 1) == 1) {
		if (c != '\n') {
			if (len < sizeof(line) - 1)
				line[len++] = c;
			continue;
		}
		line[len] = 0;
		len = 0;
		struct winsize size = { 0 };
		if (sscanf(line, "size %hu %hu", &size.ws_row, &size.ws_col) == 2 && terminal >= 0)
			ioctl(terminal, TIOCSWINSZ, &size);
	}
}

struct child {
	pid_t pid;
	int in, out, err; // our ends; -1 where there is none. With a terminal in and out are the same fd, and err is none
};

static _Noreturn void child_exec(char **argv, char **env, const int fds[3])
{
	sigset_t none;

	sigemptyset(&none);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	for (int i = 0; i < 3; i++)
		if (dup2(fds[i], i) < 0)
			_exit(127);
	if (conf.tty)
		ioctl(0, TIOCSCTTY, 0);
	if (chdir(conf.cwd) < 0) {
		dprintf(2, "tests/vm: %s: %s\n", conf.cwd, strerror(errno));
		_exit(127);
	}
	environ = env;
	execvp(argv[0], argv);
	int e = errno;
	dprintf(2, "tests/vm: %s: %s\n", argv[0], strerror(e));
	_exit(e == ENOENT ? 127 : 126);
}

// Standard input gets a process of its own: it may block for ever on a command that does not read.
static void feed(int to)
{
	pid_t pid = fork();

	if (pid < 0)
		fatal("fork");
	if (pid > 0)
		return;
	int port = open_port(PORT_IN, O_RDONLY);
	// A port reads as ended until the host's side of it has opened, which may be a moment after ours.
	for (int ended = 0; ended < 100; ended++) {
		if (copy(port, to))
			ended = 0;
		else
			usleep(10000);
	}
	_exit(0);
}

static struct child start(char **argv, char **env)
{
	struct child c = { .in = -1, .out = -1, .err = -1 };
	int theirs[3];

	if (conf.tty) {
		c.out = c.in = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
		if (c.out < 0 || unlockpt(c.out) < 0)
			fatal("no terminal");
		ioctl(c.out, TIOCSWINSZ, &conf.size);
		theirs[0] = open(ptsname(c.out), O_RDWR | O_NOCTTY | O_CLOEXEC);
		theirs[1] = theirs[2] = theirs[0];
	} else {
		int in[2] = { -1, -1 }, out[2], err[2];
		if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0 || (conf.with_stdin && pipe2(in, O_CLOEXEC) < 0))
			fatal("no pipe");
		c.in = in[1];
		c.out = out[0];
		c.err = err[0];
		theirs[0] = conf.with_stdin ? in[0] : open("/dev/null", O_RDONLY | O_CLOEXEC);
		theirs[1] = out[1];
		theirs[2] = err[1];
	}
	if (theirs[0] < 0)
		fatal("no standard input");
	c.pid = fork();
	if (c.pid < 0)
		fatal("fork");
	if (c.pid == 0)
		child_exec(argv, env, theirs);
	for (int i = 0; i < (conf.tty ? 1 : 3); i++)
		close(theirs[i]);
	if (conf.tty || conf.with_stdin)
		feed(c.in);
	if (!conf.tty && conf.with_stdin) {
		close(c.in); // only the feeder may hold it, so that its end is the end of the input
		c.in = -1;
	}
	return c;
}

// Reaps everything, being process 1; true when the command was among it.
static bool reap(pid_t command, int *ret_code)
{
	bool found = false;
	int status;

	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
		if (pid == command) {
			*ret_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
			found = true;
		}
	return found;
}

// Carries bytes until the command has ended and its output is out. What its descendants write later is lost.
static int relay(struct child c, int control)
{
	int port_out = open_port(PORT_OUT, O_WRONLY), port_err = open_port(PORT_ERR, O_WRONLY);
	int code = 0;
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	int signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);

	for (;;) {
		struct pollfd p[] = {
			{ .fd = signals, .events = POLLIN },
			{ .fd = c.out, .events = POLLIN },
			{ .fd = c.err, .events = POLLIN },
			{ .fd = control, .events = POLLIN },
		};
		// A child may have ended before the signalfd was there: look before waiting.
		if (reap(c.pid, &code))
			break;
		if (poll(p, sizeof(p) / sizeof(*p), -1) < 0 && errno != EINTR)
			fatal("poll");
		struct signalfd_siginfo info;
		while (read(signals, &info, sizeof(info)) > 0)
			;
		// A terminal that nobody has open reads as EIO, and may be opened again: the command's end decides.
		if (p[1].revents && !copy(c.out, port_out)) {
			if (!conf.tty)
				close(c.out);
			c.out = -1;
		}
		if (p[2].revents && !copy(c.err, port_err)) {
			close(c.err);
			c.err = -1;
		}
		if (p[3].revents & POLLIN)
			control_line(control, conf.tty ? c.in : -1);
		else if (p[3].revents)
			control = -1;
	}
	if (c.out >= 0)
		drain(c.out, port_out);
	if (c.err >= 0)
		drain(c.err, port_err);
	return code;
}

// What was written must be on the host before the host is told that the command has ended.
static void unmount(void)
{
	bool busy = true;

	if (chdir("/") < 0)
		fatal("chdir");
	for (int tries = 0; busy && tries < 200; tries++) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		busy = umount2("/mnt/disk", 0) < 0 && errno == EBUSY;
		if (busy)
			usleep(10000);
	}
	sync();
}

int main(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	signal(SIGPIPE, SIG_IGN);
	read_conf();
	int control = open_port(PORT_CONTROL, O_RDWR | O_NONBLOCK);
	if (!write_all(control, "up\n", 3))
		fatal("control port");
	int code = relay(start(read_strings("/run/vm/argv"), read_strings("/run/vm/env")), control);

	kill(-1, SIGKILL);
	unmount();
	char line[32];
	snprintf(line, sizeof(line), "exit %d\n", code);
	write_all(control, line, strlen(line));
	reboot(RB_POWER_OFF);
	return 0;
}
