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

	if (mscg_spec_needs_mounts(spec)) /* its words may be of what it brings along */
		return;
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
	look_at_words(spec);
}
