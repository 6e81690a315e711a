/* mscg backup: a copy of the database. The file is made here, as the user; mscgd writes into it and never sees its name. */
#include "cli.h"

#include <fcntl.h>
#include <sys/stat.h>

struct backup_options {
	bool force;
};

static int failed(const char *what, const char *path)
{
	cli_error("cannot %s %s: %s", what, path, strerror(errno));
	return CLI_FAILED;
}

static int fill(const struct cli *cli, int fd, json_t **ret)
{
	struct mscg_error error;
	struct mscg *m;
	int r = cli_connect(cli, CONNECT_ONCE, &m);

	if (r)
		return r;
	r = mscg_call_fds(m, "Backup", NULL, &fd, 1, ret, &error);
	mscg_close(m);
	return r < 0 ? cli_fail(&error) : 0;
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
	json_t *reply = NULL;
	int r;

	if (!o->force && lstat(words[0], &st) == 0) {
		cli_error("%s is there already: give another name, or --force to replace it", words[0]);
		return CLI_FAILED;
	}
	fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600: environments hold secrets */
	if (fd < 0)
		return failed("make", words[0]);
	r = fill(cli, fd, &reply);
	if (!r)
		r = give_name(fd, temporary, words[0], o->force);
	unlink(temporary);
	if (!r && cli->json)
		print_json(reply);
	else if (!r)
		printf("Wrote %s (%s)\n", words[0], text_bytes((uint64_t)jint(reply, "bytes", 0), size, sizeof size));
	json_decref(reply);
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
