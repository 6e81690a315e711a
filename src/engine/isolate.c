/* What stands between a job and the rest of the machine: its namespaces, and its system call filter. */
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>

#include "internal.h"
#include "src/base/fd.h"
#include "src/sandbox/sandbox.h"

static const struct {
	enum mscg_part part;
	uint64_t       flag;
} namespaces[] = {
	{ MSCG_PART_PID, CLONE_NEWPID }, { MSCG_PART_MOUNT, CLONE_NEWNS }, { MSCG_PART_IPC, CLONE_NEWIPC },
	{ MSCG_PART_UTS, CLONE_NEWUTS }, { MSCG_PART_CGROUP, CLONE_NEWCGROUP }, { MSCG_PART_NET, CLONE_NEWNET },
};

/* Made when the first job needs it; every launch passes the same descriptor, which nobody can write to. */
static int make_filter(uint32_t allow, struct mscg_error *error)
{
	_cleanup_free_ struct sock_filter *program = NULL;
	size_t n = 0;
	int r = sandbox_filter(allow, &program, &n, error);

	if (r < 0)
		return r;
	_cleanup_close_ int fd = memfd_create("seccomp", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return mscg_error_set(error, -errno, "cannot keep the system call filter: %s", strerror(errno));
	r = fd_write_all(fd, program, n * sizeof *program);
	if (r == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		r = -errno;
	return r < 0 ? mscg_error_set(error, r, "cannot keep the system call filter: %s", strerror(-r)) : steal_fd(&fd);
}

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && path[n] == '/';
}

/* Places of the cgroup tree beside /sys/fs/cgroup: "ID PARENT DEVICE ROOT PLACE ... - TYPE". */
static int find_cover(struct local *l, struct mscg_error *error)
{
	_cleanup_free_ char *text = NULL;
	int r = fd_read_file_at(AT_FDCWD, "/proc/self/mountinfo", 16 << 20, &text, NULL);
	size_t n = 0;

	for (char *line, *at = text; r == 0 && (line = strsep(&at, "\n")) && *line;) {
		char place[4096];
		const char *type = strstr(line, " - ");

		if (!type || strncmp(type + 3, "cgroup2 ", 8) != 0 || sscanf(line, "%*s %*s %*s %*s %4095s", place) != 1 ||
		    streq(place, "/sys/fs/cgroup") || is_below(place, "/sys/fs/cgroup"))
			continue;
		if (n == ARRAY_SIZE(l->cover))
			return mscg_error_set(error, -E2BIG, "the cgroup tree is mounted at %s, %s and %.60s: too many places to cover", l->cover[0],
			                      l->cover[1], place);
		l->cover[n++] = xstrdup(place);
	}
	l->cover_known = r == 0;
	return r < 0 ? mscg_error_set(error, r, "cannot read /proc/self/mountinfo: %s", strerror(-r)) : 0;
}

static int set_mounts(struct local *l, const struct task *t, uint32_t parts, struct runner_launch *launch, struct mscg_error *error)
{
	uint64_t mem = t->grant->share[0].mem_bytes;
	char id[MSCG_ID_TEXT];

	if (!l->cover_known) {
		int r = find_cover(l, error);

		if (r < 0)
			return r;
	}
	launch->strict  = parts & MSCG_PART_READONLY;
	if (mem)
		snprintf(l->tmpfs_options, sizeof l->tmpfs_options, "mode=1777,size=%llu", (unsigned long long)mem);
	else
		snprintf(l->tmpfs_options, sizeof l->tmpfs_options, "mode=1777");
	launch->tmpfs_options = l->tmpfs_options;
	for (size_t i = 0; i < ARRAY_SIZE(l->cover); i++)
		launch->cover[i] = l->cover[i];
	if (t->elastic) {
		free(l->keep);
		l->keep = xasprintf("%s/%s", l->jobs_dir, mscg_id_format(t->id, id));
		launch->keep_path = l->keep;
	}
	return 0;
}

int isolate_launch(struct local *l, const struct task *t, const struct mscg_spec *spec, struct runner_launch *launch, struct mscg_error *error)
{
	uint32_t parts = l->isolate, allow = 0;
	int r = spec->isolate ? mscg_isolate_parse(spec->isolate, &parts, error) : 0;

	if (r == 0 && spec->allow)
		r = mscg_allow_parse(spec->allow, &allow, error);
	if (r < 0)
		return r;
	if (parts & MSCG_PART_READONLY)
		parts |= MSCG_PART_MOUNT;
	if (parts & MSCG_PART_MOUNT)
		parts |= MSCG_PART_CGROUP; /* whose tree is mounted, which an ordinary user may do only in a namespace of its own */
	if (parts & MSCG_PART_MOUNT && (r = set_mounts(l, t, parts, launch, error)) < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++)
		if (parts & namespaces[i].part)
			launch->namespaces |= namespaces[i].flag;
	if (!(parts & MSCG_PART_SECCOMP))
		return 0;
	if (l->filters[allow] < 0 && (l->filters[allow] = r = make_filter(allow, error)) < 0)
		return r;
	launch->seccomp_fd = l->filters[allow];
	return 0;
}

void isolate_close(struct local *l)
{
	for (size_t i = 0; i < ARRAY_SIZE(l->filters); i++)
		cleanup_close(&l->filters[i]);
	for (size_t i = 0; i < ARRAY_SIZE(l->cover); i++)
		free(l->cover[i]);
	free(l->keep);
}
