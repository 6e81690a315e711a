/* The control file: how an elastic job learns what it has. Mini-SLURM's format and names; replaced by rename, so that
 * no reader ever sees half of it. */
#include <fcntl.h>
#include <sys/stat.h>

#include "internal.h"
#include "src/base/fd.h"
#include "src/base/parse.h"

static void directory_name(struct mscg_id id, char name[MSCG_ID_TEXT])
{
	mscg_id_format(id, name);
}

char *control_path(const struct local *l, struct mscg_id id)
{
	char name[MSCG_ID_TEXT];

	directory_name(id, name);
	return xasprintf("%s/%s/control", l->jobs_dir, name);
}

int control_write_values(int jobs_dir_fd, struct mscg_id id, uint32_t cpus_milli, uint32_t min_milli, uint32_t max_milli,
                         uint64_t mem_bytes, const char *status, double scale_event)
{
	char name[MSCG_ID_TEXT], text[256], cpus[16], min[16], max[16];

	directory_name(id, name);
	int n = snprintf(text, sizeof text, "CPUS=%s\nMEM_MB=%llu\nMIN_CPUS=%s\nMAX_CPUS=%s\nSTATUS=%s\nSCALE_EVENT=%.6f\n",
	                 format_cpus(cpus_milli, cpus, sizeof cpus), (unsigned long long)(mem_bytes >> 20),
	                 format_cpus(min_milli, min, sizeof min), format_cpus(max_milli, max, sizeof max), status, scale_event);
	if (mkdirat(jobs_dir_fd, name, 0755) < 0 && errno != EEXIST)
		return -errno;
	_cleanup_close_ int dir = openat(jobs_dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir < 0)
		return -errno;
	return fd_replace_file_at(dir, "control", text, (size_t)n, 0644);
}

int control_write(struct local *l, const struct task *t, const char *status)
{
	const struct mscg_share *s = &t->grant->share[0];

	return control_write_values(l->jobs_dir_fd, t->id, s->cpu_milli, t->min_milli, t->max_milli, s->mem_bytes, status,
	                            t->scale_event);
}

void control_remove(struct local *l, const struct task *t)
{
	char name[MSCG_ID_TEXT];

	directory_name(t->id, name);
	_cleanup_close_ int dir = openat(l->jobs_dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir < 0)
		return;
	unlinkat(dir, "control", 0);
	unlinkat(l->jobs_dir_fd, name, AT_REMOVEDIR);
}
