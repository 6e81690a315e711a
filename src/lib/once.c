/* Without a daemon: the owner of the state directory may have one request at a time carried out by `mscgd --once`, which
 * takes the directory's lock. It reads the request from its stdin and writes the replies to its stdout. */
#include "src/base/base.h"
#include "src/lib/handle.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

extern char **environ;

/* -- whose directory -------------------------------------------------------------------------------------------- */

static const char *environment(const char *name)
{
	const char *value = secure_getenv(name);

	return value && *value ? value : NULL;
}

/* malloc'ed; NULL when this user has no home. */
static char *default_state_dir(void)
{
	const char *state = environment("XDG_STATE_HOME"), *home = environment("HOME");

	if (geteuid() == 0)
		return xstrdup(MSCG_SYSTEM_STATE);
	if (state)
		return xasprintf("%s/mscg", state);
	return home ? xasprintf("%s/.local/state/mscg", home) : NULL;
}

/* The nearest directory above that exists can be written to by this user. */
static bool can_make(const char *path)
{
	_cleanup_free_ char *above = xstrdup(path);

	for (;;) {
		char *slash = strrchr(above, '/');

		if (!slash)
			return faccessat(AT_FDCWD, ".", W_OK | X_OK, AT_EACCESS) == 0;
		slash[slash == above] = '\0';
		if (faccessat(AT_FDCWD, above, F_OK, AT_EACCESS) == 0)
			return faccessat(AT_FDCWD, above, W_OK | X_OK, AT_EACCESS) == 0;
		if (errno != ENOENT || streq(above, "/"))
			return false;
	}
}

/* The first of them that there is, also where this user may not look; NULL: none. */
static const char *first_there(const char *const *paths)
{
	for (; *paths; paths++)
		if (faccessat(AT_FDCWD, *paths, F_OK, AT_EACCESS) == 0 || (errno != ENOENT && errno != ENOTDIR))
			return *paths;
	return NULL;
}

/* 0: it is the caller's or can become it. */
static int check_owner(const char *dir, bool asked_for, const char *const *signs, struct mscg_error *error)
{
	/* A queue that nobody asked for must not stand in for the one that a daemon for all users keeps, while that is
	 * restarted: what is submitted to it would wait for ever. */
	const char *beside = asked_for || geteuid() == 0 ? NULL : first_there(signs);
	struct stat st;

	if (stat(dir, &st) == 0) {
		if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid())
			return -ECONNREFUSED;
		return beside ? mscg_error_set(error, -ECONNREFUSED,
		                               "no daemon answers: this machine has one (there is %s), which is not running, or being restarted; your own queue, "
		                               "in %s, is used if you ask for it (--state-dir) or run it (mscg scheduler)",
		                               beside, dir)
		              : 0;
	}
	return errno == ENOENT && !beside && can_make(dir) ? 0 : -ECONNREFUSED;
}

/* -- which program ---------------------------------------------------------------------------------------------- */

static char *if_runs(char *path)
{
	if (access(path, X_OK) == 0)
		return path;
	free(path);
	return NULL;
}

static char *in_path(const char *name)
{
	const char *path = environment("PATH");

	while (path && *path) {
		size_t n = strcspn(path, ":");
		char *found = n ? if_runs(xasprintf("%.*s/%s", (int)n, path, name)) : NULL;

		if (found)
			return found;
		path += n + (path[n] == ':');
	}
	return NULL;
}

/* Beside the running program (a build tree, or one prefix), then where daemons live, then PATH. */
static char *find_mscgd(void)
{
	static const char *const places[] = {"mscgd", "../sbin/mscgd", "../libexec/mscg/mscgd", "../lib/mscg/mscgd"};
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	char *slash, *found = NULL;

	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		for (size_t i = 0; slash && !found && i < ARRAY_SIZE(places); i++)
			found = if_runs(xasprintf("%.*s/%s", (int)(slash - self), self, places[i]));
	}
	return found ? found : in_path("mscgd");
}

int mscg_once_prepare(struct mscg *m, const char *state_dir, const char *const *signs, struct mscg_error *error)
{
	_cleanup_free_ char *dir = state_dir ? xstrdup(state_dir) : default_state_dir(), *program = NULL;
	int r;

	if (!dir)
		return -ECONNREFUSED;
	r = check_owner(dir, state_dir != NULL, signs, error);
	if (r < 0)
		return r;
	program = find_mscgd();
	if (!program)
		return mscg_error_set(error, -ECONNREFUSED,
		                      "no daemon answers on %s, and mscgd is not found beside this program or in PATH to do without",
		                      m->socket);
	m->once = true;
	if (state_dir)
		m->state_dir = steal(&dir);
	m->program = steal(&program);
	return 0;
}

/* -- the child -------------------------------------------------------------------------------------------------- */

static int spawn(const struct mscg *m, int fd, pid_t *ret)
{
	/* Not told, it looks into its configuration too. */
	char *argv[] = {(char *)"mscgd", (char *)"--once", m->state_dir ? (char *)"--state-dir" : NULL, m->state_dir, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int r;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, fd, STDOUT_FILENO);
	posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	r = posix_spawn(ret, m->program, &actions, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

int mscg_once_start(struct mscg *m, int *ret_fd, struct mscg_error *error)
{
	_cleanup_close_ int ours = -1, theirs = -1;
	int pair[2], r;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return mscg_error_set(error, -errno, "cannot make a socket pair: %m");
	ours = pair[0];
	theirs = pair[1];
	r = spawn(m, theirs, &pid);
	if (r < 0)
		return mscg_error_set(error, r, "cannot run %s: %s", m->program, strerrordesc_np(-r));
	m->child = pid;
	*ret_fd = steal_fd(&ours);
	return 0;
}

int mscg_once_end(struct mscg *m)
{
	_cleanup_close_ int pidfd = -1;
	int status = -1;
	pid_t pid = m->child, r;

	if (pid == 0)
		return -1;
	m->child = 0;
	/* It ends when its stdin does. One that hangs is ended; what it has promised is on disk. */
	if (m->timeout_ms >= 0) {
		struct pollfd p = {.fd = pidfd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};

		while (pidfd >= 0 && (r = poll(&p, 1, m->timeout_ms)) <= 0)
			if (r == 0 || errno != EINTR) {
				kill(pid, SIGKILL);
				break;
			}
	}
	do
		r = waitpid(pid, &status, 0);
	while (r < 0 && errno == EINTR);
	return r == pid ? status : -1;
}
