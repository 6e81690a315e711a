/* The command of a task that has a line. */
#include "internal.h"
#include "src/base/buf.h"

/* What no shell takes for anything else, in quotes or out of them. */
static bool is_plain(const char *line)
{
	return *line && line[strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:=@%+,-")] == '\0';
}

/* The caller frees. */
static char *quoted(const char *line)
{
	struct buf b = {0};

	if (is_plain(line))
		return xstrdup(line);
	buf_addc(&b, '\'');
	for (; *line; line++)
		if (*line == '\'')
			buf_adds(&b, "'\\''");
		else
			buf_addc(&b, *line);
	buf_addc(&b, '\'');
	return buf_steal(&b);
}

static char *with_line(const char *word, const char *line)
{
	struct buf b = {0};

	for (const char *at; (at = strstr(word, "{}")); word = at + 2) {
		buf_add(&b, word, (size_t)(at - word));
		buf_adds(&b, line);
	}
	buf_adds(&b, word);
	return buf_steal(&b);
}

char **line_words(const struct mscg_spec *spec, uint32_t task)
{
	_cleanup_free_ char *line = spec->lines && task != MSCG_NO_TASK ? mscg_spec_line(spec, task) : NULL;
	_cleanup_free_ char *shown = NULL;
	size_t n = strv_length(spec->argv);
	char **words;

	if (!line)
		return NULL;
	shown = spec->shell && !spec->script ? quoted(line) : steal(&line);
	words = xcalloc(n + 1, sizeof *words);
	for (size_t i = 0; i < n; i++)
		words[i] = with_line(spec->argv[i], shown);
	return words;
}
