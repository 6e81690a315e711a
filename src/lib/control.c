#include "src/base/base.h"
#include "src/base/fd.h"
#include "src/base/parse.h"
#include "src/base/scan.h"

#include <fcntl.h>
#include <mscg/control.h>
#include <mscg/cpuset.h>
#include <sched.h>
#include <sys/inotify.h>
#include <sys/stat.h>

struct mscg_control {
	char *dir;        /* resolved: a link to the file is followed once, at open */
	const char *name; /* in `dir`'s allocation, behind its NUL */
	int   dirfd;
	int   fd; /* the file as last read, kept open so that no later one can have its inode number; -1: none yet */
	int   inotify; /* -1 until it is asked for: a user may have only so many */
	struct stat st;
	bool  valid; /* `state` was read once */
	struct mscg_control_state state;
};

/* A number of CPUs as the file has it, a fraction counts as a whole one. */
static int read_cpus(const char *text, uint32_t *ret)
{
	uint64_t whole;
	uint32_t milli;
	int r;

	if (parse_u64(text, 0, UINT32_MAX, &whole, NULL) == 0) {
		*ret = (uint32_t)whole;
		return 0;
	}
	r = parse_cpus(text, &milli, NULL);
	if (r == 0)
		*ret = (milli + 999) / 1000;
	return r;
}

/* "1704110400.5". Not strtod, whose decimal point is the program's locale's. */
static int read_seconds(const char *p, double *ret)
{
	uint64_t whole;
	double value, unit = 1;
	int r = scan_u64(&p, &whole);

	if (r < 0)
		return r;
	value = (double)whole;
	if (*p == '.') {
		if (!is_digit(*++p))
			return -EINVAL;
		for (; is_digit(*p); p++)
			value += (*p - '0') * (unit /= 10);
	}
	if (*p)
		return -EINVAL;
	*ret = value;
	return 0;
}

static int read_line(const char *key, const char *value, struct mscg_control_state *state)
{
	if (streq(key, "CPUS"))
		return read_cpus(value, &state->cpus);
	if (streq(key, "MIN_CPUS"))
		return read_cpus(value, &state->min_cpus);
	if (streq(key, "MAX_CPUS"))
		return read_cpus(value, &state->max_cpus);
	if (streq(key, "MEM_MB"))
		return parse_u64(value, 0, UINT64_MAX, &state->mem_mb, NULL);
	if (streq(key, "SCALE_EVENT"))
		return read_seconds(value, &state->scale_event);
	if (streq(key, "STATUS")) {
		if (strlen(value) >= sizeof state->status)
			return -EINVAL;
		snprintf(state->status, sizeof state->status, "%s", value);
	}
	/* Whatever else it says is for a later version of this reader. */
	return 0;
}

static int parse_state(char *text, struct mscg_control_state *ret)
{
	struct mscg_control_state state = {0};
	char *next;

	for (char *line = text; line && *line; line = next) {
		char *eq;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		eq = strchr(line, '=');
		if (!eq)
			continue;
		*eq = '\0';
		if (read_line(line, eq + 1, &state) < 0)
			return -EBADMSG;
	}
	if (state.cpus == 0)
		return -EBADMSG;
	*ret = state;
	return 0;
}

static bool same_state(const struct mscg_control_state *a, const struct mscg_control_state *b)
{
	return a->cpus == b->cpus && a->min_cpus == b->min_cpus && a->max_cpus == b->max_cpus && a->mem_mb == b->mem_mb &&
	       a->scale_event >= b->scale_event && a->scale_event <= b->scale_event && streq(a->status, b->status);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static const char *path_from_environment(void)
{
	const char *path = getenv("MSCG_CONTROL_FILE");

	if (!path || !*path)
		path = getenv("MINI_SLURM_CONTROL_FILE");
	return path && *path ? path : NULL;
}

int mscg_control_open(struct mscg_control **ret, const char *path)
{
	struct mscg_control *c;
	struct stat st;
	char *slash;

	if (!path)
		path = path_from_environment();
	if (!path)
		return -ENOENT;
	/* A library of a user's program: the lack of memory is an answer, not an end. */
	c = calloc(1, sizeof *c);
	if (!c)
		return -ENOMEM;
	c->dirfd = c->fd = c->inotify = -1;
	c->dir = realpath(path, NULL);
	if (!c->dir || stat(c->dir, &st) < 0)
		goto fail;
	slash = strrchr(c->dir, '/');
	if (!S_ISREG(st.st_mode)) {
		errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
		goto fail;
	}
	*slash = '\0';
	c->name = slash + 1;
	c->dirfd = open(*c->dir ? c->dir : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c->dirfd < 0)
		goto fail;
	*ret = c;
	return 0;
fail: {
	int r = -errno;

	mscg_control_close(c);
	return r;
}
}

void mscg_control_close(struct mscg_control *c)
{
	if (!c)
		return;
	if (c->inotify >= 0)
		close(c->inotify);
	if (c->fd >= 0)
		close(c->fd);
	if (c->dirfd >= 0)
		close(c->dirfd);
	free(c->dir);
	free(c);
}

/* Reads the file that has the name now; on success it is the one that later looks compare with. */
static int read_file(struct mscg_control *c, struct mscg_control_state *ret)
{
	_cleanup_close_ int fd = openat(c->dirfd, c->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char text[4096];
	struct stat st;
	ssize_t n;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	n = fd_read_all(fd, text, sizeof text);
	if (n < 0)
		return (int)n;
	if ((size_t)n == sizeof text || memchr(text, '\0', (size_t)n))
		return -EBADMSG;
	text[n] = '\0';
	r = parse_state(text, ret);
	if (r < 0)
		return r;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = steal_fd(&fd);
	c->st = st;
	return 0;
}

/* Takes what inotify has queued, so that the descriptor is quiet until the next change. */
static void drain(int inotify)
{
	char events[4096];
	ssize_t n;

	do
		n = read(inotify, events, sizeof events);
	while (n > 0 || (n < 0 && errno == EINTR));
}

int mscg_control_read(struct mscg_control *c, struct mscg_control_state *state)
{
	struct mscg_control_state now;
	struct stat st;
	bool changed;
	int r;

	if (!c)
		return -EINVAL;
	/* Before the look: a change after it rings again. */
	if (c->inotify >= 0)
		drain(c->inotify);
	if (fstatat(c->dirfd, c->name, &st, 0) < 0)
		return -errno;
	if (c->valid && same_file(&st, &c->st)) {
		*state = c->state;
		return 0;
	}
	r = read_file(c, &now);
	if (r < 0)
		return r;
	changed = !c->valid || !same_state(&now, &c->state);
	c->state = now;
	c->valid = true;
	*state = now;
	return changed;
}

/* CPUs that this process may run on. The set has the kernel's own layout. */
static int allowed_cpus(void)
{
	struct mscg_cpuset set = {0};
	unsigned n;

	if (sched_getaffinity(0, sizeof set, (cpu_set_t *)(void *)&set) < 0)
		return 1;
	n = mscg_cpuset_count(&set);
	return n ? (int)n : 1;
}

int mscg_control_cpus(struct mscg_control *c)
{
	struct mscg_control_state state;

	if (!c)
		return allowed_cpus();
	/* A file that is gone or broken leaves what was true last. */
	if (mscg_control_read(c, &state) < 0) {
		if (!c->valid)
			return allowed_cpus();
		state = c->state;
	}
	return (int)MIN_OF(state.cpus, (uint32_t)INT32_MAX);
}

int mscg_control_fd(struct mscg_control *c)
{
	_cleanup_close_ int fd = -1;

	if (!c)
		return -EINVAL;
	if (c->inotify >= 0)
		return c->inotify;
	fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (inotify_add_watch(fd, *c->dir ? c->dir : "/", IN_MOVED_TO | IN_ONLYDIR) < 0)
		return -errno;
	c->inotify = steal_fd(&fd);
	return c->inotify;
}
