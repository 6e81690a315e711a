/* mscg doctor: the kernel. */
#include <fcntl.h>
#include <mscg/cgroup.h>
#include <sys/utsname.h>

#include "doctor.h"
#include "src/base/fd.h"

struct version {
	unsigned major, minor;
};

/* "6.1.0-18-amd64", "5.19, CONFIG_X" */
static struct version version_of(const char *text)
{
	struct version v = {0};
	char *end;

	v.major = (unsigned)strtoul(text, &end, 10);
	if (*end == '.')
		v.minor = (unsigned)strtoul(end + 1, NULL, 10);
	return v;
}

static bool older(struct version a, struct version b)
{
	return a.major != b.major ? a.major < b.major : a.minor < b.minor;
}

/* Files of cgroups without which something is worse, not wrong. */
static const struct { enum mscg_cgroup_feature feature; const char *without; } wanted[] = {
	{MSCG_CGROUP_FEATURE_KILL, "jobs are killed process by process"},
	{MSCG_CGROUP_FEATURE_CPU_BURST, "busy jobs are throttled for a moment now and then"},
	{MSCG_CGROUP_FEATURE_MEMORY_PEAK, "the peak of a job's memory is not known"},
	{MSCG_CGROUP_FEATURE_MEMORY_RECLAIM, "a job's memory shrinks only when it fits by itself"},
	{MSCG_CGROUP_FEATURE_PIDS_PEAK, "the peak of a job's processes is not known"},
};

static void check_version(struct doctor *d)
{
	struct utsname u;
	struct version v;
	bool complete = true;

	if (uname(&u) < 0)
		return;
	v = version_of(u.release);
	if (older(v, version_of("5.7"))) {
		doctor_add(d, "kernel", CHECK_FAIL, "install a newer kernel: Debian 11 and later have one",
		           "Linux %s cannot start a process in a cgroup (clone3 with CLONE_INTO_CGROUP): expected 5.7 or later", u.release);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		const char *since = mscg_cgroup_feature_since(wanted[i].feature);

		if (!older(v, version_of(since)))
			continue;
		complete = false;
		doctor_add(d, "kernel", CHECK_WARN, "install a newer kernel", "Linux %s has no %s (since %.*s): %s", u.release,
		           mscg_cgroup_feature_file(wanted[i].feature), (int)strcspn(since, ","), since, wanted[i].without);
	}
	if (complete)
		doctor_add(d, "kernel", CHECK_OK, NULL, "Linux %s", u.release);
}

static void check_pressure(struct doctor *d)
{
	if (access("/proc/pressure/cpu", F_OK) == 0)
		doctor_add(d, "pressure", CHECK_OK, NULL, "pressure is measured (PSI)");
	else
		doctor_add(d, "pressure", CHECK_WARN, "add psi=1 to the kernel's command line and reboot",
		           "pressure is not measured (PSI): top cannot say for what jobs wait");
}

static void check_swap(struct doctor *d)
{
	_cleanup_free_ char *swaps = NULL;
	const char *second;

	if (fd_read_file_at(AT_FDCWD, "/proc/swaps", 1 << 20, &swaps, NULL) < 0)
		return;
	second = strchr(swaps, '\n');
	if (!second || !second[1])
		doctor_add(d, "swap", CHECK_OK, NULL, "no swap");
	else
		doctor_add(d, "swap", CHECK_OK, NULL, "there is swap; jobs get none of it (memory.swap.max)");
}

void doctor_kernel(struct doctor *d)
{
	check_version(d);
	check_pressure(d);
	check_swap(d);
}
