/* Tables in columns. */
#include "cli.h"

#include <stdarg.h>

#include "src/base/buf.h"
#include "src/base/parse.h"
#include "src/base/utf8.h"

enum { TABLE_SETTLE = 256, COLUMNS_MAX = 40 };

struct table {
	const struct table_column *columns;
	int   n;                  /* columns */
	int   width[COLUMNS_MAX];
	char *cells[TABLE_SETTLE][COLUMNS_MAX];
	int   rows, at;           /* rows kept, cells of the row that is being filled */
	bool  header, settled;
};

static int characters(const char *text)
{
	size_t n = strlen(text);
	int count = 0;

	for (size_t i = 0; i < n; count++)
		i += utf8_char(text + i, n - i);
	return count;
}

struct table *table_new(const struct table_column *columns, bool header)
{
	struct table *t = xcalloc(1, sizeof *t);

	t->columns = columns;
	t->header = header;
	while (columns[t->n].title && t->n < COLUMNS_MAX) {
		t->width[t->n] = MAX_OF(columns[t->n].width, header ? characters(columns[t->n].title) : 0);
		t->n++;
	}
	return t;
}

static void print_row(const struct table *t, const char *const *cells)
{
	for (int i = 0; i < t->n; i++) {
		int pad = t->width[i] - characters(cells[i]);

		if (i)
			putchar(' ');
		if (t->columns[i].right)
			printf("%*s%s", pad > 0 ? pad : 0, "", cells[i]);
		else
			printf("%s%*s", cells[i], i + 1 < t->n && pad > 0 ? pad : 0, "");
	}
	putchar('\n');
}

static void settle(struct table *t)
{
	const char *titles[COLUMNS_MAX];

	if (t->settled)
		return;
	t->settled = true;
	for (int i = 0; i < t->n; i++) {
		titles[i] = t->columns[i].title;
		for (int row = 0; row < t->rows; row++)
			t->width[i] = MAX_OF(t->width[i], characters(t->cells[row][i]));
	}
	if (t->header)
		print_row(t, titles);
}

static void flush_rows(struct table *t)
{
	settle(t);
	for (int row = 0; row < t->rows; row++) {
		print_row(t, (const char *const *)t->cells[row]);
		for (int i = 0; i < t->n; i++)
			free(t->cells[row][i]);
	}
	t->rows = 0;
}

/* Cuts to `max` characters, the last one a '+'. */
static void cut(char *text, int max)
{
	size_t n = strlen(text), i = 0;

	if (max <= 0 || characters(text) <= max)
		return;
	for (int k = 0; k < max - 1; k++)
		i += utf8_char(text + i, n - i);
	text[i] = '+';
	text[i + 1] = '\0';
}

void table_text(struct table *t, const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = plain(text, xmalloc(size), size);

	cut(copy, t->columns[t->at].max);
	t->cells[t->rows][t->at] = copy;
	if (++t->at < t->n)
		return;
	t->at = 0;
	t->rows++;
	if (t->settled || t->rows == TABLE_SETTLE)
		flush_rows(t);
}

void table_cell(struct table *t, const char *format, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	table_text(t, text);
}

void cell_count(struct table *t, const json_t *object, const char *key)
{
	if (jhas(object, key))
		table_cell(t, "%lld", (long long)jint(object, key, 0));
	else
		table_text(t, "-");
}

void cell_size(struct table *t, const json_t *object, const char *key)
{
	char buf[32];

	table_text(t, jhas(object, key) ? format_size((uint64_t)jint(object, key, 0), buf, sizeof buf) : "-");
}

void cell_time(struct table *t, const json_t *object, const char *key)
{
	char buf[32];

	table_text(t, jhas(object, key) ? format_elapsed((uint64_t)jint(object, key, 0), buf, sizeof buf) : "-");
}

void cell_names(struct table *t, const json_t *object, const char *key)
{
	_cleanup_buf_ struct buf all = {0};
	const json_t *name;
	size_t i;

	json_array_foreach(json_object_get(object, key), i, name)
		buf_addf(&all, "%s%s", i ? "," : "", json_string_value(name) ? json_string_value(name) : "?");
	table_text(t, all.size ? all.data : "-");
}

void table_end(struct table *t)
{
	while (t->at)
		table_text(t, "");
	flush_rows(t);
	free(t);
}
