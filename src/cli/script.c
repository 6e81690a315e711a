/* Batch scripts and their directives. */
#include "script.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "src/base/buf.h"
#include "src/base/fd.h"

enum { SCRIPT_MAX = 900 * 1024 };

static const char *const dialects[] = {"#SBATCH", "#MSCG"}; /* what comes later wins */

/* The end of the line, without its newline. */
static const char *line_end(const char *line)
{
	return line + strcspn(line, "\n");
}

/* The rest of the line behind the directive's word, or NULL. "##MSCG" and "# MSCG" are comments. */
static const char *directive(const char *line, const char *word)
{
	size_t n = strlen(word);

	return strncmp(line, word, n) == 0 && (line[n] == ' ' || line[n] == '\t') ? line + n : NULL;
}

static bool is_comment(const char *line)
{
	return *line == '#' || line[strspn(line, " \t")] == '\n';
}

/* The next line of the leading comments, or NULL where the first command is. */
static const char *next_comment(const char *line)
{
	const char *end = line_end(line);

	return *end && is_comment(end + 1) ? end + 1 : NULL;
}

static bool has_directive(const char *text)
{
	for (const char *line = is_comment(text) ? text : NULL; line; line = next_comment(line))
		for (size_t i = 0; i < ARRAY_SIZE(dialects); i++)
			if (directive(line, dialects[i]))
				return true;
	return false;
}

static bool is_in_path(const char *name)
{
	const char *at = getenv("PATH");

	for (size_t n; at; at = at[n] ? at + n + 1 : NULL) {
		_cleanup_free_ char *path = NULL;

		n = strcspn(at, ":");
		path = xasprintf("%.*s%s%s", (int)n, at, n ? "/" : "./", name);
		if (access(path, X_OK) == 0)
			return true;
	}
	return false;
}

/* What a shell would execute by this word. */
static bool is_command(const char *word)
{
	return strchr(word, '/') ? access(word, X_OK) == 0 : is_in_path(word);
}

static int refuse_file(const char *word, bool is_text, struct mscg_error *error)
{
	if (is_text)
		return mscg_error_set(error, -EINVAL, "the file %.100s has no #! line: expected a script that begins with its interpreter, for example #!/bin/sh",
		                      word);
	if (strchr(word, '/'))
		return mscg_error_set(error, -EINVAL, "the file %.100s may not be executed: expected a program (chmod +x), or a script with a #! line", word);
	return mscg_error_set(error, -EINVAL, "the program %.80s is in this directory, where no shell looks for it: expected ./%.80s", word, word);
}

int script_is_one(const char *word, bool chdir, struct mscg_error *error)
{
	_cleanup_close_ int fd = open(word, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char start[64 * 1024];
	struct stat st;
	bool is_script, is_text;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	n = fd_read_all(fd, start, sizeof start - 1);
	if (n < 0)
		return 0;
	start[n] = '\0';
	is_script = strncmp(start, "#!", 2) == 0;
	is_text = !memchr(start, '\0', (size_t)n);
	/* Also where a shell would execute it: its options would be comments then. */
	if (is_text && has_directive(start))
		return is_script ? 1 : refuse_file(word, true, error);
	if (is_command(word))
		return 0;
	if (is_script)
		return 1;
	return chdir ? 0 : refuse_file(word, is_text, error);
}

static int read_all(int fd, const char *what, const char *name, char **ret, struct mscg_error *error)
{
	_cleanup_buf_ struct buf b = {0};
	char part[32 * 1024];

	for (;;) {
		ssize_t n = fd_read_all(fd, part, sizeof part);

		if (n < 0)
			return mscg_error_set(error, (int)n, "cannot read %s %.100s: %s", what, name, strerror((int)-n));
		if (n == 0)
			break;
		buf_add(&b, part, (size_t)n);
		if (b.size > SCRIPT_MAX)
			return mscg_error_set(error, -EFBIG, "%s %.100s has more than %d KiB: put data in files of their own", what, name,
			                      SCRIPT_MAX / 1024);
	}
	if (b.size && memchr(b.data, '\0', b.size))
		return mscg_error_set(error, -EINVAL, "%s %.100s has a NUL byte: expected text; to run a program give it as a command", what, name);
	buf_adds(&b, "");
	*ret = buf_steal(&b);
	return 0;
}

int script_read_text(const char *path, const char *what, char **ret_text, struct mscg_error *error)
{
	bool is_stdin = streq(path, "-");
	_cleanup_close_ int fd = is_stdin ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (!is_stdin && fd < 0)
		return mscg_error_set(error, -errno == -ENOENT ? -EINVAL : -errno, "cannot open %s %.100s: %s", what, path, strerror(errno));
	return read_all(is_stdin ? STDIN_FILENO : fd, what, is_stdin ? "on standard input" : path, ret_text, error);
}

int script_read(const char *path, char **ret_text, struct mscg_error *error)
{
	const char *name = streq(path, "-") ? "on standard input" : path;
	_cleanup_free_ char *text = NULL;
	int r = script_read_text(path, "the script", &text, error);

	if (r < 0)
		return r;
	if (strncmp(text, "#!", 2) != 0)
		return mscg_error_set(error, -EINVAL, "the script %.100s begins with '%.20s': expected #! and an interpreter, for example #!/bin/sh",
		                      name, text);
	if (strstr(text, "\r\n"))
		return mscg_error_set(error, -EINVAL, "the script %.100s has lines that end as in DOS: expected no carriage returns (dos2unix mends it)",
		                      name);
	*ret_text = steal(&text);
	return 0;
}

int script_split(const char *line, size_t size, char ***ret, struct mscg_error *error)
{
	_cleanup_strv_ char **words = xcalloc(1, sizeof *words);
	const char *end = line + size;

	for (const char *p = line;;) {
		_cleanup_buf_ struct buf word = {0};
		char quote = 0;

		while (p < end && (*p == ' ' || *p == '\t'))
			p++;
		if (p == end || *p == '#')
			break;
		buf_adds(&word, "");
		for (; p < end && (quote || (*p != ' ' && *p != '\t')); p++) {
			if (*p == '\\' && quote != '\'' && p + 1 < end)
				buf_addc(&word, *++p);
			else if (quote ? *p == quote : *p == '\'' || *p == '"')
				quote = quote ? 0 : *p;
			else
				buf_addc(&word, *p);
		}
		if (quote)
			return mscg_error_set(error, -EINVAL, "the quote %c is not closed", quote);
		strv_add(&words, word.data ? word.data : "");
	}
	*ret = steal(&words);
	return 0;
}

static int read_directive(const char *text, size_t size, const struct option_set *sets, const char *where, struct mscg_error *error)
{
	char **words;
	_cleanup_free_ char **rest = NULL;
	int r = script_split(text, size, &words, error);

	if (r < 0)
		return mscg_error_prefix(error, r, "%s: ", where);
	for (char **w = cli_keep(words); *w; w++)
		cli_keep(*w);
	r = options_parse(sets, (int)strv_length(words), words, 0, where, &rest, error);
	if (r == 0 && rest[0])
		r = mscg_error_set(error, -EINVAL, "'%.60s' is no option: the command stands in the script itself", rest[0]);
	return r < 0 ? mscg_error_prefix(error, r, "%s: ", where) : 0;
}

int script_options(const char *name, const char *text, const struct option_set *sets, struct mscg_error *error)
{
	for (size_t i = 0; i < ARRAY_SIZE(dialects); i++) {
		int number = 1;

		for (const char *line = text; line; line = next_comment(line), number++) {
			const char *rest = directive(line, dialects[i]);
			char where[160];
			int r;

			if (!rest)
				continue;
			snprintf(where, sizeof where, "%.100s, line %d", name, number);
			r = read_directive(rest, (size_t)(line_end(rest) - rest), sets, where, error);
			if (r < 0)
				return r;
		}
	}
	return 0;
}
