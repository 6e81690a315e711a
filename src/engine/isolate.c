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
	{ MSCG_PART_IPC, CLONE_NEWIPC }, { MSCG_PART_UTS, CLONE_NEWUTS }, { MSCG_PART_CGROUP, CLONE_NEWCGROUP }, { MSCG_PART_NET, CLONE_NEWNET },
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

int isolate_launch(struct local *l, const struct mscg_spec *spec, struct runner_launch *launch, struct mscg_error *error)
{
	uint32_t parts = l->isolate, allow = 0;
	int r = spec->isolate ? mscg_isolate_parse(spec->isolate, &parts, error) : 0;

	if (r == 0 && spec->allow)
		r = mscg_allow_parse(spec->allow, &allow, error);
	if (r < 0)
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
}
