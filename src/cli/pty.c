/* The relay of `mscg run --pty`. */
#include "pty.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>

#include "src/base/fd.h"

static struct termios saved;
static bool is_raw;

static void restore(void)
{
	if (is_raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
	is_raw = false;
}

int pty_open(struct pty *p, struct mscg_error *error)
{
	char name[64];

	*p = (struct pty){.master = -1, .slave = -1, .at_terminal = isatty(STDIN_FILENO)};
	p->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (p->master < 0 || grantpt(p->master) < 0 || unlockpt(p->master) < 0 || ptsname_r(p->master, name, sizeof name) != 0)
		return mscg_error_set(error, -errno, "cannot make a pseudo-terminal: %s", strerror(errno));
	p->slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (p->slave < 0)
		return mscg_error_set(error, -errno, "cannot open the pseudo-terminal %s: %s", name, strerror(errno));
	if (p->at_terminal && tcgetattr(STDIN_FILENO, &saved) == 0)
		tcsetattr(p->slave, TCSANOW, &saved);
	pty_resize(p);
	return 0;
}

void pty_close_slave(struct pty *p)
{
	cleanup_close(&p->slave);
	p->slave = -1;
}

void pty_raw(struct pty *p)
{
	struct termios raw = saved;
	static bool registered;

	if (!p->at_terminal || is_raw)
		return;
	if (!registered)
		atexit(restore);
	registered = true;
	cfmakeraw(&raw);
	is_raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

void pty_cooked(struct pty *p)
{
	(void)p;
	restore();
}

void pty_resize(struct pty *p)
{
	struct winsize size;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		ioctl(p->master, TIOCSWINSZ, &size);
}

void pty_poll(const struct pty *p, struct pollfd fds[2])
{
	bool room = p->pending_n < sizeof p->pending;
	/* Until the job has started, the keys of a terminal are ours: Ctrl-C is a signal. */
	bool reading = !p->input_over && !p->closed && room && (is_raw || !p->at_terminal);

	fds[0] = (struct pollfd){.fd = reading ? STDIN_FILENO : -1, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = p->closed ? -1 : p->master, .events = (short)(POLLIN | (p->pending_n ? POLLOUT : 0))};
}

static void read_keys(struct pty *p)
{
	ssize_t n = read(STDIN_FILENO, p->pending + p->pending_n, sizeof p->pending - p->pending_n);

	if (n > 0) {
		p->pending_n += (size_t)n;
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		/* A program that reads to the end wants to see one: Ctrl-D at the start of a line. */
		p->input_over = true;
		p->pending[p->pending_n++] = 4;
	}
}

static void write_keys(struct pty *p)
{
	ssize_t n = write(p->master, p->pending, p->pending_n);

	if (n <= 0)
		return;
	p->pending_n -= (size_t)n;
	memmove(p->pending, p->pending + n, p->pending_n);
}

/* False when nothing more comes at the moment. */
static bool read_screen(struct pty *p)
{
	char text[16 * 1024];
	ssize_t n = read(p->master, text, sizeof text);

	if (n > 0)
		return fd_write_all(STDOUT_FILENO, text, (size_t)n) == 0;
	/* EIO: nobody has the other side open any more. */
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		p->closed = true;
	return false;
}

void pty_relay(struct pty *p, const struct pollfd fds[2])
{
	if (fds[0].fd >= 0 && fds[0].revents)
		read_keys(p);
	if (fds[1].fd >= 0 && fds[1].revents & POLLOUT)
		write_keys(p);
	if (fds[1].fd >= 0 && fds[1].revents & (POLLIN | POLLHUP | POLLERR))
		read_screen(p);
}

void pty_drain(struct pty *p)
{
	while (!p->closed && read_screen(p))
		;
}

void pty_close(struct pty *p)
{
	restore();
	cleanup_close(&p->master);
	cleanup_close(&p->slave);
	p->master = p->slave = -1;
}

int forward_open(void)
{
	static const int forwarded[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(forwarded); i++)
		sigaddset(&set, forwarded[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}
