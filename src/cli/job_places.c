/* Where a job would run and write: what is missing at its submission is said then, and may still be made until it starts. */
#include "job_options.h"

#include <sys/stat.h>

#include "src/base/bind.h"

static void warn(const char *option, const char *path, const char *what)
{
	static char *last; /* many jobs of a pipeline have the same */
	char *text = xasprintf("warning: %s: %.200s%s%s", option, path, path[0] ? " " : "", what);

	if (!last || !streq(last, text))
		cli_error("%s", text);
	free(last);
	last = text;
}

/* 0 a directory, or the errno that it cannot be one for. Whom it does not show itself to knows no better. */
static int look(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno == ENOENT || errno == ENOTDIR ? errno : 0;
	return S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
}

static const char *said(int code)
{
	return code == ENOENT ? "does not exist: the job fails unless it does when the job starts"
	                      : "is no directory: the job fails unless it is one when the job starts";
}

/* What %j and its like stand for is not known yet. */
static void look_at_file(const char *option, const struct mscg_spec *spec, const char *pattern)
{
	_cleanup_free_ char *path = NULL;
	char *slash;
	int code;

	if (!pattern)
		return;
	path = pattern[0] == '/' ? xstrdup(pattern) : xasprintf("%s/%s", spec->workdir, pattern);
	if (!strchr(path, '%') && look(path) == 0 && access(path, F_OK) == 0) {
		warn(option, path, "is a directory: expected a file");
		return;
	}
	slash = strrchr(path, '/');
	slash[slash == path] = '\0';
	if (strchr(path, '%'))
		return;
	code = look(path);
	if (code)
		warn(option, path, said(code));
}

static bool is_missing(const struct mscg_spec *spec, const char *path)
{
	_cleanup_free_ char *full = path[0] == '/' ? xstrdup(path) : xasprintf("%s/%s", spec->workdir, path);

	return access(full, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR);
}

static const char *job_path(const struct mscg_spec *spec)
{
	for (char **e = spec->env; e && *e; e++)
		if (strncmp(*e, "PATH=", 5) == 0)
			return *e + 5;
	return NULL;
}

static bool is_nowhere(const struct mscg_spec *spec, const char *name)
{
	const char *at = job_path(spec);
	bool nowhere = at != NULL;

	for (size_t n; nowhere && at; at = at[n] ? at + n + 1 : NULL) {
		_cleanup_free_ char *path = NULL;

		n = strcspn(at, ":");
		path = xasprintf("%.*s%s%s", (int)n, at, n ? "/" : "", name);
		nowhere = is_missing(spec, path);
	}
	return nowhere;
}

/* The first word of a line for a shell, where it is a file's name beyond doubt: not a builtin, nor what is put in place of something. */
static char *first_of_line(const char *line)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+,@%-";
	size_t n = strspn(line, plain);
	char *word = xasprintf("%.*s", (int)n, line);

	if ((line[n] && !strchr(" \t\n;|&<>", line[n])) || !strpbrk(word, "./") || streq(word, ".")) {
		free(word);
		return NULL;
	}
	return word;
}

static void look_at_program(const struct mscg_spec *spec)
{
	/* What it waits for may make it. */
	bool unknown = spec->script || spec->dependency || !spec->argv[0];
	_cleanup_free_ char *word = unknown ? NULL : spec->shell ? first_of_line(spec->argv[0]) : xstrdup(spec->argv[0]);

	if (!word || !word[0])
		return;
	if (strchr(word, '/') ? is_missing(spec, word) : is_nowhere(spec, word))
		warn("the program", word, strchr(word, '/') ? said(ENOENT) : "is not in $PATH: the job fails unless it is when the job starts");
}

static void look_at_input(const struct mscg_spec *spec)
{
	if (spec->stdin_path && !spec->dependency && !strchr(spec->stdin_path, '%') && is_missing(spec, spec->stdin_path))
		warn("--input", spec->stdin_path, said(ENOENT));
}

/* Places that each job has for itself: of the machine's it sees there where it was submitted from, and nothing else. */
static const char *const own_places[] = {"/tmp/", "/var/tmp/", "/dev/shm/"};

static bool is_hidden(const struct mscg_spec *spec, const char *path)
{
	size_t n = strlen(spec->workdir);

	if (strncmp(path, spec->workdir, n) == 0 && (path[n] == '/' || path[n] == '\0'))
		return false;
	for (size_t i = 0; i < sizeof own_places / sizeof own_places[0]; i++)
		if (strncmp(path, own_places[i], strlen(own_places[i])) == 0)
			return access(path, F_OK) == 0;
	return false;
}

/* Words of a command line that name a file which is there now and will not be for the job. */
static void look_at_words(const struct mscg_spec *spec)
{
	static const char between[] = " \t\n'\"=;|&<>()";
	uint32_t parts = MSCG_ISOLATE_DEFAULT;

	if (spec->isolate && (mscg_isolate_parse(spec->isolate, &parts, NULL) < 0 || !(parts & MSCG_PART_MOUNT)))
		return;
	for (char **arg = spec->argv; *arg; arg++) {
		_cleanup_free_ char *line = xstrdup(*arg);
		char *left = NULL;

		for (char *word = strtok_r(line, between, &left); word; word = strtok_r(NULL, between, &left)) {
			if (!is_hidden(spec, word))
				continue;
			warn(word, "", "is not seen by the job, which has a directory of its own there: submit from where it lies, --bind it, or say --isolate=none");
			return;
		}
	}
}

static void look_at_root(const char *rootfs)
{
	struct bind b;
	struct stat st;

	if (!rootfs || bind_root_parse(rootfs, NULL, &b, NULL) < 0)
		return;
	if (stat(b.source, &st) == 0 && !S_ISDIR(st.st_mode))
		warn("--rootfs", b.source, "is no directory: the job fails, unless it lies below one of mscgd's images= (unpack it, or mount it yourself with squashfuse)");
	else if (look(b.source))
		warn("--rootfs", b.source, said(look(b.source)));
	bind_clear(&b);
}

void job_warn_places(const struct mscg_spec *spec)
{
	int code = look(spec->workdir);

	look_at_root(spec->rootfs);
	if (code)
		warn("--chdir", spec->workdir, said(code));
	if (!code || (spec->stdout_path && spec->stdout_path[0] == '/'))
		look_at_file("--output", spec, spec->stdout_path);
	if (!code || (spec->stderr_path && spec->stderr_path[0] == '/'))
		look_at_file("--error", spec, spec->stderr_path);
	if (mscg_spec_needs_mounts(spec)) /* its words may be of what it brings along */
		return;
	look_at_words(spec);
	if (code || spec->attached) /* said, or is in a moment */
		return;
	look_at_program(spec);
	look_at_input(spec);
}
