/* cpuset.c: which CPUs and memory nodes. The kernel takes nearly any list and falls back without a word: what counts is
 * the effective set, so every write is followed by a look. */
#include "cgroup/internal.h"

static const char *const files[] = {
	[MSCG_CGROUP_CPUS]           = "cpuset.cpus",
	[MSCG_CGROUP_MEMS]           = "cpuset.mems",
	[MSCG_CGROUP_CPUS_EFFECTIVE] = "cpuset.cpus.effective",
	[MSCG_CGROUP_MEMS_EFFECTIVE] = "cpuset.mems.effective",
	[MSCG_CGROUP_CPUS_EXCLUSIVE] = "cpuset.cpus.exclusive",
};

int mscg_cgroup_get_list(const struct mscg_cgroup *cgroup, enum mscg_cgroup_list which, struct mscg_cpuset *ret,
                         struct mscg_error *error)
{
	_cleanup_free_ char *text = NULL;
	int r;

	if (which >= ARRAY_SIZE(files))
		return mscg_error_set(error, -EINVAL, "there is no cpuset file number %d", (int)which);
	r = cg_read_all(cgroup, files[which], &text, error);
	return r < 0 ? r : mscg_cpuset_parse(text, ret, error);
}

/* "" would be a write of no bytes, which changes nothing: a newline clears. The caller's. */
static char *list_text(const struct mscg_cpuset *set)
{
	size_t size = mscg_cpuset_format(set, NULL, 0) + 2;
	char *text = xmalloc(size);

	mscg_cpuset_format(set, text, size);
	if (!*text)
		memcpy(text, "\n", 2);
	return text;
}

static int set_list(const struct mscg_cgroup *cgroup, enum mscg_cgroup_list which, enum mscg_cgroup_list effective,
                    const struct mscg_cpuset *set, struct mscg_cpuset *ret_effective, struct mscg_error *error)
{
	_cleanup_free_ char *asked = list_text(set);
	struct mscg_cpuset got;
	int r = cg_write(cgroup, files[which], asked, error);

	if (r == 0)
		r = mscg_cgroup_get_list(cgroup, effective, &got, error);
	if (r < 0)
		return r;
	if (ret_effective)
		*ret_effective = got;
	if (mscg_cpuset_empty(set) || mscg_cpuset_equal(set, &got))
		return 0;
	_cleanup_free_ char *has = list_text(&got);
	return cg_error(cgroup, -ESTALE, error, "%s was set to %.60s, but %s is %.60s: the parent lacks some, or they are offline",
	                files[which], asked, files[effective], mscg_cpuset_empty(&got) ? "empty" : has);
}

int mscg_cgroup_set_cpus(const struct mscg_cgroup *cgroup, const struct mscg_cpuset *cpus,
                         struct mscg_cpuset *ret_effective, struct mscg_error *error)
{
	return set_list(cgroup, MSCG_CGROUP_CPUS, MSCG_CGROUP_CPUS_EFFECTIVE, cpus, ret_effective, error);
}

int mscg_cgroup_set_mems(const struct mscg_cgroup *cgroup, const struct mscg_cpuset *mems,
                         struct mscg_cpuset *ret_effective, struct mscg_error *error)
{
	return set_list(cgroup, MSCG_CGROUP_MEMS, MSCG_CGROUP_MEMS_EFFECTIVE, mems, ret_effective, error);
}

#define PARTITION "cpuset.cpus.partition"

static const char *const partitions[] = {
	[MSCG_CGROUP_MEMBER]   = "member",
	[MSCG_CGROUP_ROOT]     = "root",
	[MSCG_CGROUP_ISOLATED] = "isolated",
};

/* *ret_why is "" when it is in force. */
static int read_partition(const struct mscg_cgroup *cgroup, enum mscg_cgroup_partition *ret, char why[160],
                          struct mscg_error *error)
{
	char text[256];
	const char *invalid;
	ssize_t n = cg_read(cgroup, PARTITION, text, sizeof text, error);

	if (n < 0)
		return (int)n;
	if (cg_parse_partition(text, ret, &invalid) < 0)
		return cg_error(cgroup, -EBADMSG, error, PARTITION " reads \"%.60s\"", text);
	if (!invalid)
		why[0] = '\0';
	else
		snprintf(why, 160, "%.*s", (int)MIN_OF(strcspn(invalid, "\n"), 159u), *invalid == '\n' || !*invalid ? "invalid" : invalid);
	return 0;
}

int mscg_cgroup_get_partition(const struct mscg_cgroup *cgroup, enum mscg_cgroup_partition *ret, bool *ret_valid,
                              struct mscg_error *error)
{
	char why[160];
	int r = read_partition(cgroup, ret, why, error);

	if (r == 0)
		*ret_valid = !*why;
	return r;
}

int mscg_cgroup_set_partition(const struct mscg_cgroup *cgroup, enum mscg_cgroup_partition partition,
                              struct mscg_error *error)
{
	enum mscg_cgroup_partition got;
	char why[160];
	int r;

	if (partition >= ARRAY_SIZE(partitions))
		return mscg_error_set(error, -EINVAL, "there is no kind of partition number %d", (int)partition);
	r = cg_write(cgroup, PARTITION, partitions[partition], error);
	if (r == 0)
		r = read_partition(cgroup, &got, why, error);
	if (r < 0)
		return r;
	if (got == partition && !*why)
		return 0;
	cg_write(cgroup, PARTITION, partitions[MSCG_CGROUP_MEMBER], NULL);
	return cg_error(cgroup, -EADDRINUSE, error, "cannot be a cpuset partition %s: %s", partitions[partition],
	                *why ? why : "the kernel made something else of it");
}
