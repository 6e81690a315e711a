/* Replies read and printed: JSON, times, sizes. */
#include "cli.h"

#include <sys/ioctl.h>

#include "src/base/parse.h"
#include "src/base/utf8.h"

/* 15 digits: what was 0.1 on the other side is printed as 0.1. */
#define DUMP_FLAGS JSON_REAL_PRECISION(15)

void print_json(const json_t *json)
{
	json_dumpf(json, stdout, DUMP_FLAGS | JSON_INDENT(2));
	putchar('\n');
}

void print_json_line(const json_t *json)
{
	json_dumpf(json, stdout, DUMP_FLAGS | JSON_COMPACT);
	putchar('\n');
}

const char *jtext(const json_t *object, const char *key, const char *fallback)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : fallback;
}

int64_t jint(const json_t *object, const char *key, int64_t fallback)
{
	const json_t *v = json_object_get(object, key);

	return json_is_integer(v) ? json_integer_value(v) : fallback;
}

double jreal(const json_t *object, const char *key, double fallback)
{
	const json_t *v = json_object_get(object, key);

	return json_is_number(v) ? json_number_value(v) : fallback;
}

bool jbool(const json_t *object, const char *key, bool fallback)
{
	const json_t *v = json_object_get(object, key);

	return json_is_boolean(v) ? json_is_true(v) : fallback;
}

bool jhas(const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);

	return v && !json_is_null(v);
}

int64_t jtime(const json_t *object, const char *key)
{
	const char *text = jtext(object, key, NULL);
	int64_t usec = 0;

	if (text)
		parse_time_point(text, 0, &usec, NULL);
	return usec;
}

char *plain(const char *text, char *buf, size_t size)
{
	size_t n = strlen(text), used = 0;

	for (size_t i = 0; i < n;) {
		size_t k = utf8_char(text + i, n - i);
		bool bad = k == 0 || utf8_is_control(text + i);

		if (used + (bad ? 1 : k) >= size)
			break;
		if (bad)
			buf[used++] = '?';
		else
			for (size_t j = 0; j < k; j++)
				buf[used++] = text[i + j];
		i += k ? k : 1;
	}
	buf[used] = '\0';
	return buf;
}

void print_plain(FILE *f, const char *text)
{
	size_t size = strlen(text) + 1;
	_cleanup_free_ char *copy = xmalloc(size);

	fputs(plain(text, copy, size), f);
}

char *text_time(int64_t usec, char *buf, size_t size)
{
	if (usec)
		return format_local(usec, buf, size);
	snprintf(buf, size, "-");
	return buf;
}

char *text_elapsed(double seconds, char *buf, size_t size)
{
	return format_elapsed(seconds > 0 ? (uint64_t)seconds : 0, buf, size);
}

char *text_bytes(uint64_t bytes, char *buf, size_t size)
{
	return format_size(bytes, buf, size);
}

char *text_mib(uint64_t bytes, char *buf, size_t size)
{
	snprintf(buf, size, "%llu", (unsigned long long)(bytes >> 20));
	return buf;
}

char *text_cpus(double cpus, char *buf, size_t size)
{
	return format_cpus(cpus > 0 ? (uint32_t)(cpus * 1000 + 0.5) : 0, buf, size);
}

int terminal_columns(int fd)
{
	struct winsize ws;

	if (!isatty(fd))
		return 0;
	return ioctl(fd, TIOCGWINSZ, &ws) == 0 && ws.ws_col ? ws.ws_col : 80;
}
