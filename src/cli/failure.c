/* How a verb fails: one line on stderr, and the exit status that goes with it. */
#include "cli.h"

#include <signal.h>
#include <stdarg.h>

static void print_line(const char *format, va_list ap)
{
	char text[1024];
	struct mscg_error error;

	vsnprintf(text, sizeof text, format, ap);
	/* Longer than an error's text is; each half is made one line by the same rule. */
	if (strlen(text) < sizeof error.text) {
		mscg_error_set(&error, -EINVAL, "%s", text);
		fprintf(stderr, "mscg: %s\n", error.text);
		return;
	}
	fprintf(stderr, "mscg: ");
	print_plain(stderr, text);
	fputc('\n', stderr);
}

void cli_error(const char *format, ...)
{
	va_list ap;

	fflush(stdout); /* what was said before comes first */
	va_start(ap, format);
	print_line(format, ap);
	va_end(ap);
}

int cli_usage(const struct cli *cli, const char *format, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	if (cli->verb)
		cli_error("%s (see mscg %s --help)", text, cli->verb->name);
	else
		cli_error("%s (see mscg --help)", text);
	return CLI_USAGE;
}

int cli_exit_status(int code)
{
	return mscg_exit_status(code);
}

int cli_exit_status_named(const char *name)
{
	return mscg_exit_status_named(name);
}

int cli_fail(const struct mscg_error *error)
{
	cli_error("%s", error->text);
	return cli_exit_status(error->code);
}

void cli_flush(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return;
	int saved = errno;

	if (saved == EPIPE) {
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	fprintf(stderr, "mscg: cannot write the output: %s\n", strerror(saved ? saved : EIO));
	_exit(CLI_FAILED);
}
