/* mscg backup: a copy of the database. The file is made here, as the user; mscgd gives the copy, and sees neither it nor its name. */
#include "cli.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "src/base/fd.h"

enum { COPY_BYTES = 1 << 20 };

struct backup_options {
	bool force;
};

static int failed(const char *what, const char *path)
{
	cli_error("cannot %s %s: %s", what, path, strerror(errno));
	return CLI_FAILED;
}

static int copy(int from, int to, uint64_t *ret_bytes)
{
	_cleanup_free_ char *part = xmalloc(COPY_BYTES);
	ssize_t n;
	int r = 0;

	while (r == 0 && (n = fd_read_all(from, part, COPY_BYTES)) != 0) {
		r = n < 0 ? (int)n : fd_write_all(to, part, (size_t)n);
		*ret_bytes += n > 0 ? (uint64_t)n : 0;
	}
	if (r < 0)
		cli_error("cannot write the backup: %s", strerror(-r));
	return r < 0 ? CLI_FAILED : 0;
}

static int fill(const struct cli *cli, int fd, uint64_t *ret_bytes)
{
	struct mscg_error error;
	struct mscg *m;
	json_t *reply;
	int r = cli_connect(cli, CONNECT_ONCE, &m);

	if (r)
		return r;
	r = mscg_call_json(m, "Backup", NULL, &reply, &error);
	_cleanup_close_ int from = mscg_take_fd(m);

	mscg_close(m);
	if (r < 0)
		return cli_fail(&error);
	json_decref(reply);
	if (from < 0) {
		cli_error("mscgd gave no copy of the database");
		return CLI_FAILED;
	}
	return copy(from, fd, ret_bytes);
}

/* Its name comes last, when it is on the disk. */
static int give_name(int fd, const char *temporary, const char *path, bool force)
{
	_cleanup_free_ char *dir = xstrdup(path);
	char *slash = strrchr(dir, '/');

	if (slash)
		slash[slash == dir] = '\0';
	_cleanup_close_ int dir_fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir_fd < 0 || fsync(fd) < 0)
		return failed("write", path);
	if (force ? rename(temporary, path) < 0 : link(temporary, path) < 0) {
		if (errno != EEXIST)
			return failed("make", path);
		cli_error("%s is there already: give another name, or --force to replace it", path);
		return CLI_FAILED;
	}
	return fsync(dir_fd) < 0 ? failed("write", path) : CLI_OK;
}

static int backup_run(struct cli *cli, void *options, char **words)
{
	const struct backup_options *o = options;
	_cleanup_free_ char *temporary = xasprintf("%s.XXXXXX", words[0]);
	_cleanup_close_ int fd = -1;
	char size[32];
	struct stat st;
	uint64_t bytes = 0;
	int r;

	if (!o->force && lstat(words[0], &st) == 0) {
		cli_error("%s is there already: give another name, or --force to replace it", words[0]);
		return CLI_FAILED;
	}
	fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600: environments hold secrets */
	if (fd < 0)
		return failed("make", words[0]);
	r = fill(cli, fd, &bytes);
	if (!r)
		r = give_name(fd, temporary, words[0], o->force);
	unlink(temporary);
	if (!r && cli->json) {
		json_t *said = json_pack("{s:I}", "bytes", (json_int_t)bytes);

		print_json(said);
		json_decref(said);
	}
	if (!r && !cli->json)
		printf("Wrote %s (%s)\n", words[0], text_bytes(bytes, size, sizeof size));
	return r;
}

static const struct option_spec backup_options[] = {
	{'f', "force", NULL, "replace a file that is there", value_true, offsetof(struct backup_options, force)},
	{0},
};

const struct verb verb_backup = {
	.name = "backup",
	.summary = "Write a copy of the database to a file",
	.words = "FILE",
	.about = "Writes the state of all jobs to FILE, while jobs are submitted and run: what was acknowledged before it began is in it.\n"
	         "The file is yours, readable by you only, and has its name only when it is whole and on the disk. As much room again\n"
	         "is needed in the state directory while it is made. To go back to it, stop mscgd, remove mscg.db-wal and lock from the\n"
	         "state directory and put it there as mscg.db; jobs that started since then are not known any more. For operators.",
	.examples = "  mscg backup /var/backups/mscg-$(date +%F).db",
	.run = backup_run,
	.options = backup_options,
	.size = sizeof(struct backup_options),
	.words_min = 1,
	.words_max = 1,
	.values = VALUES_FILE,
};
