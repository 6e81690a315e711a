/* A runner's life: its directory, lock and slot file. */
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "src/base/fd.h"
#include "src/runner/pool.h"
#include "src/runner/spawn.h"

#define LOCK_FILE "runner.lock"

/* How long an idle supervisor may take to go home before it is left to init. */
#define CLOSE_TIMEOUT_MS 1000

static int open_directory(struct runner *r, const char *path, struct mscg_error *error)
{
	struct stat st;
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return mscg_error_set(error, -errno, "cannot make %s: %m", path);
	r->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (r->dir_fd < 0 || fstat(r->dir_fd, &st) < 0)
		return mscg_error_set(error, -errno, "cannot open %s: %m", path);
	if (st.st_uid != geteuid() || st.st_mode & 022)
		return mscg_error_set(error, -EPERM, "%s is of uid %u, mode %04o: must be ours (uid %u) and 0700", path,
		                      st.st_uid, st.st_mode & 07777, geteuid());
	r->lock_fd = openat(r->dir_fd, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (r->lock_fd < 0)
		return mscg_error_set(error, -errno, "cannot open %s/" LOCK_FILE ": %m", path);
	/* The process's own lock, not flock(2)'s: that one lives on in a supervisor that is between clone and exec when
	 * we are killed, and would keep the next daemon out. */
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	if (fcntl(r->lock_fd, F_SETLK, &lock) < 0) {
		int e = errno;
		if (e != EAGAIN && e != EACCES)
			return mscg_error_set(error, -e, "cannot lock %s/" LOCK_FILE ": %s", path, strerror(e));
		fcntl(r->lock_fd, F_GETLK, &lock);
		return mscg_error_set(error, -EBUSY, "%s is in use by another mscgd, pid %d", path, lock.l_pid);
	}
	return 0;
}

static bool all_free(const struct slot_file *file)
{
	for (uint32_t i = 0; i < file->n; i++)
		if (slot_state(&file->slots[i]) != RUNNER_FREE)
			return false;
	return true;
}

static int open_slots(struct runner *r, struct mscg_error *error)
{
	int ret = slot_boot_id(r->boot_id, error);
	if (ret < 0)
		return ret;
	ret = slot_file_open(&r->file, r->dir_fd, r->boot_id, error);
	if (ret == 0) {
		r->other_boot = strncmp(r->file.header->boot_id, r->boot_id, BOOT_ID_SIZE) != 0;
		if (r->other_boot || r->file.n == r->config_slots || !all_free(&r->file))
			return 0;
		/* Another number is wanted, and nothing is in the way. */
		slot_file_close(&r->file);
	} else if (ret != -ENOENT && ret != -ESTALE) {
		return ret;
	}
	r->incomplete = ret < 0;
	return slot_file_make(&r->file, r->dir_fd, r->config_slots, r->boot_id, error);
}

/* Beside our own program, as in a build; or where an installation puts it. */
static int open_installed(struct mscg_error *error)
{
	static const char *const places[] = { "mscg-supervise", "../libexec/mscg/mscg-supervise",
	                                      "../lib/mscg/mscg-supervise", "../mscg-supervise" };
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	if (n < 0)
		return mscg_error_set(error, -errno, "cannot find our own program in /proc: %m");
	self[n] = 0;
	char *slash = strrchr(self, '/');
	if (slash)
		*slash = 0;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		_cleanup_free_ char *file = xasprintf("%s/%s", self, places[i]);
		int fd = access(file, X_OK) == 0 ? open(file, O_PATH | O_CLOEXEC) : -1;
		if (fd >= 0)
			return fd;
	}
	return mscg_error_set(error, -ENOENT, "mscg-supervise is neither in %.100s nor in ../libexec/mscg beside it",
	                      self);
}

int runner_open_supervisor(const char *path, struct mscg_error *error)
{
	if (!path)
		return open_installed(error);
	int fd = open(path, O_PATH | O_CLOEXEC);
	return fd >= 0 ? fd : mscg_error_set(error, -errno, "cannot open %.200s: %m", path);
}

static int take_supervisor(struct runner *r, const struct runner_config *config, struct mscg_error *error)
{
	if (config->supervisor_fd <= 0)
		r->supervisor_fd = runner_open_supervisor(config->supervisor_path, error);
	else if ((r->supervisor_fd = fcntl(config->supervisor_fd, F_DUPFD_CLOEXEC, 0)) < 0)
		return mscg_error_set(error, -errno, "cannot keep mscg-supervise open: %m");
	return MIN_OF(r->supervisor_fd, 0);
}

int runner_open(struct runner **ret, const struct runner_config *config, struct mscg_error *error)
{
	struct runner *r = xcalloc(1, sizeof *r);
	*r = (struct runner){
		.file = SLOT_FILE_NONE, .dir_fd = -1, .lock_fd = -1, .null_fd = -1, .epoll_fd = -1, .supervisor_fd = -1,
		.supervisors_cgroup_fd = config->supervisors_cgroup_fd,
		.config_slots = config->slots, .spare = config->spare,
	};
	int result = take_supervisor(r, config, error);
	if (result == 0)
		result = open_directory(r, config->runtime_dir, error);
	if (result == 0)
		result = open_slots(r, error);
	if (result == -EBADMSG)
		mscg_error_prefix(error, result, "%.100s/" SLOT_FILE " (restart the machine, or remove it: jobs that run now are LOST then): ",
		                  config->runtime_dir);
	if (result == 0) {
		r->null_fd     = open("/dev/null", O_RDWR | O_CLOEXEC);
		r->epoll_fd    = epoll_create1(EPOLL_CLOEXEC);
		r->spawn_stack = child_stack_make(SPAWN_STACK_SIZE);
		if (r->null_fd < 0 || r->epoll_fd < 0 || !r->spawn_stack)
			result = mscg_error_set(error, -errno, "cannot set up launching: %m");
	}
	if (result < 0) {
		runner_close(r);
		return result;
	}
	if (!r->other_boot)
		pool_make(r);
	*ret = r;
	return 0;
}

/* Waits for those who have nothing to do: they are told by the end of their connection. */
static void dismiss(struct runner *r)
{
	for (uint32_t i = 0; i < r->n_idle; i++) {
		struct member *m = &r->members[r->idle[i]];
		close(steal_fd(&m->socket));
	}
	for (uint32_t i = 0; i < r->n_idle; i++) {
		uint32_t index = r->idle[i];
		struct pollfd p = { .fd = r->members[index].pidfd, .events = POLLIN };
		if (p.fd >= 0 && poll(&p, 1, CLOSE_TIMEOUT_MS) == 1) {
			siginfo_t si;
			waitid(P_PIDFD, (id_t)p.fd, &si, WEXITED | WNOHANG);
			unlink(pool_address(r, index, "").sun_path);
		}
	}
}

void runner_close(struct runner *r)
{
	if (!r)
		return;
	cleanup_close(&r->epoll_fd); /* with it all that it watched; nobody else has a copy */
	if (r->members) {
		dismiss(r);
		for (uint32_t i = 0; i < r->file.n; i++) {
			cleanup_close(&r->members[i].socket);
			cleanup_close(&r->members[i].pidfd);
		}
	}
	pool_close(r);
	slot_file_close(&r->file);
	child_stack_free(r->spawn_stack, SPAWN_STACK_SIZE);
	cleanup_close(&r->null_fd);
	cleanup_close(&r->supervisor_fd);
	cleanup_close(&r->lock_fd);
	cleanup_close(&r->dir_fd);
	free(r);
}

int runner_fd(const struct runner *r)
{
	return r->epoll_fd;
}
