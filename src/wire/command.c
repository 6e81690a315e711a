/* A job's command as one line for people: what they could type into a shell. */
#include "src/base/base.h"
#include "src/base/buf.h"
#include "src/base/utf8.h"
#include "src/wire/wire.h"

/* Adds the character at s, which must not move the cursor of a terminal nor end the line; returns its length. */
static size_t add_shown(struct buf *b, const char *s, size_t n, const char *escaped)
{
	static const char names[] = "abtnvfr"; /* \a is 7, \b is 8, ... */
	size_t k = utf8_char(s, n);

	if (k == 0 || utf8_is_control(s)) {
		unsigned char c = (unsigned char)*s;

		if (c >= 7 && c < 7 + sizeof names - 1)
			buf_addf(b, "\\%c", names[c - 7]);
		else
			for (size_t i = 0; i < MAX_OF(k, (size_t)1); i++)
				buf_addf(b, "\\x%02x", (unsigned char)s[i]);
		return MAX_OF(k, (size_t)1);
	}
	if (k == 1 && *s && strchr(escaped, *s))
		buf_addc(b, '\\');
	buf_add(b, s, k);
	return k;
}

static void add_all(struct buf *b, const char *s, const char *escaped)
{
	for (size_t n = strlen(s), i = 0; i < n;)
		i += add_shown(b, s + i, n - i, escaped);
}

static bool is_plain(const char *s)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+=:,./@%^";

	return *s && s[strspn(s, plain)] == '\0';
}

/* Something that single quotes cannot show on one line. */
static bool needs_escapes(const char *s)
{
	for (size_t n = strlen(s), i = 0, k; i < n; i += k) {
		k = utf8_char(s + i, n - i);
		if (k == 0 || utf8_is_control(s + i))
			return true;
	}
	return false;
}

static void add_quoted(struct buf *b, const char *s)
{
	if (is_plain(s)) {
		buf_adds(b, s);
	} else if (needs_escapes(s)) {
		buf_adds(b, "$'");
		add_all(b, s, "'\\");
		buf_addc(b, '\'');
	} else {
		buf_addc(b, '\'');
		for (; *s; s++) {
			if (*s == '\'')
				buf_adds(b, "'\\'");
			buf_addc(b, *s);
		}
		buf_addc(b, '\'');
	}
}

char *wire_command_begin(const struct mscg_spec *spec, size_t max)
{
	_cleanup_buf_ struct buf b = {0};

	for (char *const *arg = spec->argv; arg && *arg && b.size <= max; arg++) {
		if (b.size)
			buf_addc(&b, ' ');
		if (spec->shell)
			add_all(&b, *arg, "");
		else
			add_quoted(&b, *arg);
	}
	return buf_steal(&b);
}

char *wire_command_line(const struct mscg_spec *spec)
{
	return wire_command_begin(spec, SIZE_MAX);
}
