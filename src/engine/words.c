/* The command of a task that has a line. */
#include "internal.h"
#include "src/base/buf.h"

/* What no shell takes for anything else, in quotes or out of them. */
static bool is_plain(const char *line)
{
	return *line && line[strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:=@%+,-")] == '\0';
}

static void add_quoted(struct buf *into, const char *line)
{
	buf_addc(into, '\'');
	for (; *line; line++)
		if (*line == '\'')
			buf_adds(into, "'\\''");
		else
			buf_addc(into, *line);
	buf_addc(into, '\'');
}

static char *with_line(const char *word, const char *line, bool shell)
{
	struct buf b = {0};

	for (const char *at; (at = strstr(word, "{}")); word = at + 2) {
		buf_add(&b, word, (size_t)(at - word));
		if (shell && !is_plain(line))
			add_quoted(&b, line);
		else
			buf_adds(&b, line);
	}
	buf_adds(&b, word);
	return buf_steal(&b);
}

char **line_words(const struct mscg_spec *spec, uint32_t task)
{
	_cleanup_free_ char *line = spec->lines && task != MSCG_NO_TASK ? mscg_spec_line(spec, task) : NULL;
	size_t n = strv_length(spec->argv);
	char **words;

	if (!line)
		return NULL;
	words = xcalloc(n + 1, sizeof *words);
	for (size_t i = 0; i < n; i++)
		words[i] = with_line(spec->argv[i], line, spec->shell && !spec->script);
	return words;
}
