#include "src/base/base.h"
#include "src/base/utf8.h"

#include <stdarg.h>

/* The text is one line of valid UTF-8 whatever a user typed: it goes to terminals, logs and JSON. Also mends a
 * character that the buffer's end cut in two. */
static void make_one_line(char *text)
{
	size_t n = strlen(text);

	for (size_t i = 0; i < n;) {
		size_t k = utf8_char(text + i, n - i);

		if (k == 0 || utf8_is_control(text + i))
			text[i] = '?';
		i += k == 2 && text[i] == '?' ? 1 : MAX_OF(k, (size_t)1);
	}
}

int mscg_error_set(struct mscg_error *error, int code, const char *format, ...)
{
	/* Not straight into error->text: it may be an argument. */
	char text[sizeof error->text];
	va_list ap;

	if (!error)
		return code;
	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	make_one_line(text);
	memcpy(error->text, text, sizeof text);
	error->code = code;
	return code;
}

int mscg_error_prefix(struct mscg_error *error, int code, const char *format, ...)
{
	char text[sizeof error->text];
	va_list ap;
	size_t used;

	if (!error)
		return code;
	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	/* A layer below that had nothing to say leaves the errno to speak. */
	if (error->code == 0) {
		const char *what = strerrordesc_np(-code);

		error->code = code;
		snprintf(error->text, sizeof error->text, "%s", what ? what : "unknown error");
	}
	used = strlen(text);
	snprintf(text + used, sizeof text - used, "%s", error->text);
	make_one_line(text);
	memcpy(error->text, text, sizeof text);
	return error->code;
}
