/* mscg scheduler: becomes mscgd. */
#include "cli.h"

#include <limits.h>
#include <signal.h>

/* Beside this program, where it was built; or where `make install` and distributions put it. */
static char *find_daemon(void)
{
	static const char *const beside[] = {"mscgd", "../sbin/mscgd", "../libexec/mscg/mscgd"};
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	char *slash;

	if (n <= 0)
		return NULL;
	self[n] = '\0';
	slash = strrchr(self, '/');
	for (size_t i = 0; slash && i < ARRAY_SIZE(beside); i++) {
		_cleanup_free_ char *path = xasprintf("%.*s/%s", (int)(slash - self), self, beside[i]);

		if (access(path, X_OK) == 0)
			return steal(&path);
	}
	return NULL;
}

static int scheduler_run(struct cli *cli, void *options, char **words)
{
	_cleanup_free_ char *path = find_daemon();
	_cleanup_strv_ char **argv = NULL;

	(void)options;
	/* The name under which `pkill -f "mscg scheduler"` finds it. */
	strv_add(&argv, "mscg scheduler");
	if (cli->socket) {
		strv_add(&argv, "--socket");
		strv_add(&argv, cli->socket);
	}
	if (cli->state_dir) {
		strv_add(&argv, "--state-dir");
		strv_add(&argv, cli->state_dir);
	}
	for (char **w = words; *w; w++)
		strv_add(&argv, *w);
	fflush(stdout);
	signal(SIGPIPE, SIG_DFL);
	execvp(path ? path : "mscgd", argv);
	cli_error("cannot run %s: %s", path ? path : "mscgd", strerror(errno));
	return CLI_FAILED;
}

const struct verb verb_scheduler = {
	.name = "scheduler",
	.summary = "Run the scheduler loop",
	.words = "[OPTIONS]",
	.about = "Runs mscgd in the foreground with these options; mscg scheduler --help is the help of mscgd.",
	.examples = "  mscg scheduler --total-cpus 8 --total-mem 32GB",
	.run = scheduler_run,
	.flags = VERB_RAW,
	.words_max = -1,
};
