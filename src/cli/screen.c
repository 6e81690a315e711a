/* A picture of text that is drawn anew. */
#include "screen.h"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>

#include "src/base/clock.h"
#include "src/base/fd.h"
#include "src/base/utf8.h"

#define ENTER "\033[?1049h\033[?25l" /* other screen, no cursor */
#define LEAVE "\033[?25h\033[?1049l"

static const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP};

static void put(const char *text)
{
	fd_write_all(STDOUT_FILENO, text, strlen(text));
}

static void enter(struct screen *s)
{
	struct termios keys;

	s->keys = tcgetattr(STDIN_FILENO, &s->before) == 0;
	if (s->keys) {
		keys = s->before;
		keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		keys.c_cc[VMIN] = 0;
		keys.c_cc[VTIME] = 0;
		tcsetattr(STDIN_FILENO, TCSANOW, &keys);
	}
	put(ENTER);
}

static void leave(struct screen *s)
{
	put(LEAVE);
	if (s->keys)
		tcsetattr(STDIN_FILENO, TCSANOW, &s->before);
}

void screen_start(struct screen *s)
{
	sigset_t set;

	*s = (struct screen){.terminal = isatty(STDOUT_FILENO), .signals = -1};
	if (!s->terminal)
		return;
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(caught); i++)
		sigaddset(&set, caught[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	fflush(stdout);
	enter(s);
}

void screen_begin(struct screen *s)
{
	free(steal(&s->text));
	fflush(stdout);
	s->out = stdout;
	/* stdout is a variable in glibc: every printf goes to the picture, tables too. */
	stdout = open_memstream(&s->text, &s->size);
	if (!stdout)
		abort();
}

void screen_draw(struct screen *s)
{
	fclose(stdout);
	stdout = steal(&s->out);
	screen_redraw(s);
}

/* The bytes of the first `columns` characters of a line. */
static size_t line_bytes(const char *line, size_t n, int columns)
{
	size_t i = 0;

	for (int c = 0; i < n && c < columns; c++) {
		size_t k = utf8_char(line + i, n - i);

		i += k ? k : 1;
	}
	return i;
}

void screen_redraw(struct screen *s)
{
	struct winsize ws = {.ws_row = 24, .ws_col = 80};
	const char *line = s->text, *end;

	if (!s->terminal) {
		printf("%s%s", s->drawn++ ? "\n" : "", s->text);
		cli_flush();
		return;
	}
	ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws);
	fputs("\033[H", stdout);
	for (int row = 0; row < MAX_OF(ws.ws_row, 1) && *line; row++, line = *end ? end + 1 : end) {
		end = line + strcspn(line, "\n");
		fwrite(line, 1, line_bytes(line, (size_t)(end - line), MAX_OF(ws.ws_col, 1)), stdout);
		/* The rest of the row, and no newline at the end of the screen, which would scroll it. */
		fputs(row + 1 < ws.ws_row ? "\033[K\n" : "\033[K", stdout);
	}
	fputs("\033[J", stdout);
	cli_flush();
}

static enum screen_event on_signal(struct screen *s)
{
	struct signalfd_siginfo info;

	if (read(s->signals, &info, sizeof info) != (ssize_t)sizeof info)
		return SCREEN_KEY;
	if (info.ssi_signo == SIGWINCH)
		return SCREEN_RESIZED;
	if (info.ssi_signo != SIGTSTP)
		return SCREEN_QUIT;
	leave(s);
	raise(SIGSTOP);
	enter(s);
	return SCREEN_RESIZED;
}

static enum screen_event on_key(struct screen *s)
{
	char keys[64];
	ssize_t n = read(STDIN_FILENO, keys, sizeof keys);

	if (n <= 0)
		s->keys = false; /* the terminal went away, and with it the keys */
	return n > 0 && (memchr(keys, 'q', (size_t)n) || memchr(keys, 'Q', (size_t)n) || keys[n - 1] == '\033') ? SCREEN_QUIT : SCREEN_KEY;
}

enum screen_event screen_wait(struct screen *s, int ms)
{
	struct pollfd fds[] = {{.fd = s->signals, .events = POLLIN}, {.fd = s->terminal && s->keys ? STDIN_FILENO : -1, .events = POLLIN}};

	if (poll(fds, ARRAY_SIZE(fds), ms) <= 0)
		return SCREEN_TIME;
	return fds[0].revents ? on_signal(s) : on_key(s);
}

void screen_end(struct screen *s)
{
	if (s->terminal)
		leave(s);
	cleanup_close(&s->signals);
	free(steal(&s->text));
}
