/* Machines of every kind, by what their /proc says; and what is said to their owners. */
#include "cgroup/internal.h"

#include <setjmp.h>
#include <stdarg.h>
/* after stdarg.h, setjmp.h */
#include <cmocka.h>

static void clear(struct mscg_cgroup_host *host)
{
	free(host->mount);
	free(host->own);
	*host = (struct mscg_cgroup_host){ 0 };
}

static void unified_mount(void **state)
{
	struct mscg_cgroup_host h = { 0 };
	char *root;
	(void)state;
	cg_parse_mountinfo("21 28 0:20 / /proc rw shared:5 - proc proc rw\n"
	                   "30 24 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 "
	                   "rw,nsdelegate,memory_recursiveprot\n", &h, &root);
	assert_string_equal(h.mount, "/sys/fs/cgroup");
	assert_string_equal(root, "/");
	assert_true(h.nsdelegate && h.memory_recursiveprot && !h.readonly && !h.memory_localevents);
	free(root);
	clear(&h);
}

static void hybrid_mount(void **state)
{
	struct mscg_cgroup_host h = { 0 };
	char *root, *own;
	(void)state;
	cg_parse_mountinfo("31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
	                   "34 31 0:31 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset\n"
	                   "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n", &h, &root);
	assert_string_equal(h.mount, "/sys/fs/cgroup/unified");
	assert_false(h.nsdelegate);
	cg_parse_proc_cgroup("9:name=systemd:/\n4:memory:/a:b\n3:cpuset:/\n2:cpu,cpuacct:/x\n0::/own:place\n", &h.v1, &own);
	assert_int_equal(h.v1, MSCG_CGROUP_BIT(MEMORY) | MSCG_CGROUP_BIT(CPUSET) | MSCG_CGROUP_BIT(CPU));
	assert_string_equal(own, "/own:place");
	free(own);
	free(root);
	clear(&h);
}

static void odd_mounts(void **state)
{
	struct mscg_cgroup_host h = { 0 };
	char *root;
	(void)state;
	/* a bind mount of a part, a blank in the path, read-only, several optional fields */
	cg_parse_mountinfo("50 24 0:26 /docker/x /mnt/part rw shared:1 master:2 - cgroup2 cgroup2 rw\n"
	                   "51 24 0:26 / /mnt/all\\040of\\134it ro shared:1 master:2 propagate_from:3 - cgroup2 none rw,favordynmods\n"
	                   "52 24 0:26 /deeper/down /z rw - cgroup2 none rw\nbroken line\n5 - cgroup2 x\n", &h, &root);
	assert_string_equal(h.mount, "/mnt/all of\\it");
	assert_string_equal(root, "/");
	assert_true(h.readonly && h.favordynmods);
	free(root);
	clear(&h);
	/* covered by a later one */
	cg_parse_mountinfo("50 24 0:26 / /sys/fs/cgroup ro - cgroup2 a rw\n60 50 0:26 /job /sys/fs/cgroup rw - cgroup2 b rw\n",
	                   &h, &root);
	assert_string_equal(root, "/job");
	assert_false(h.readonly);
	free(root);
	clear(&h);
	cg_parse_mountinfo("1 2 0:3 / / rw - ext4 /dev/sda rw\n", &h, &root);
	assert_null(root);
	assert_null(h.mount);
}

static void own_place(void **state)
{
	static const struct {
		const char *own, *root, *below;
	} cases[] = {
		{ "/a/b", "/", "/a/b" }, { "/", "/", "/" }, { "/a/b", "/a", "/b" }, { "/a", "/a", "/" }, { "/ab", "/a", NULL },
		{ "/../x", "/", NULL }, { "/..", "/", NULL }, { "/b", "/a", NULL }, { NULL, "/", NULL }, { "/a", "/..", NULL },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *below = cg_below_mount(cases[i].own, cases[i].root);
		assert_true(streq(below, cases[i].below));
	}
}

static void proc_cgroups(void **state)
{
	struct mscg_cgroup_host h = { 0 };
	(void)state;
	cg_parse_proc_cgroups("#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t3\t1\t1\nblkio\t0\t1\t1\nmemory\t0\t16\t0\n"
	                      "net_cls\t0\t2\t1\n", &h);
	assert_int_equal(h.v1, MSCG_CGROUP_BIT(CPUSET));
	assert_int_equal(h.disabled, MSCG_CGROUP_BIT(MEMORY));
	assert_int_equal(h.listed, MSCG_CGROUP_BIT(CPUSET) | MSCG_CGROUP_BIT(IO) | MSCG_CGROUP_BIT(MEMORY));
}

#define ALL  0xffu
#define CPUSET MSCG_CGROUP_BIT(CPUSET)

static void explanations(void **state)
{
	static char mount[] = "/sys/fs/cgroup";
	static const char user[]    = "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/run-1.scope";
	static const char session[] = "/sys/fs/cgroup/user.slice/user-1000.slice/session-3.scope";
	static const char unit[]    = "/sys/fs/cgroup/system.slice/mscg-jobs.service";
	static const char plain[]   = "/sys/fs/cgroup/a/b";
	static const struct {
		struct mscg_cgroup_host host;
		const char *path;
		uint32_t    available;
		bool        writable;
		enum mscg_cgroup_lack lack;
		const char *text, *mend;
	} cases[] = {
		{ { .mount = mount, .top = ALL }, plain, ALL, true, MSCG_CGROUP_LACK_NONE, "", "" },
		{ { .mount = NULL }, NULL, 0, false, MSCG_CGROUP_LACK_NO_V2, "no cgroup2", "mount -t cgroup2 -o nsdelegate" },
		{ { .mount = NULL, .v1 = ALL, .systemd = true }, NULL, 0, false, MSCG_CGROUP_LACK_BOUND_V1, "cpuset is bound to a cgroup v1",
		  "systemd.unified_cgroup_hierarchy=1" },
		{ { .mount = mount, .v1 = CPUSET }, plain, 0, true, MSCG_CGROUP_LACK_BOUND_V1, "bound", "cgroup_no_v1=all" },
		{ { .mount = mount, .disabled = CPUSET }, plain, 0, true, MSCG_CGROUP_LACK_DISABLED, "switched off",
		  "cgroup_disable=cpuset" },
		{ { .mount = mount }, plain, 0, true, MSCG_CGROUP_LACK_KERNEL, "no controller cpuset", "CONFIG_CPUSETS" },
		{ { .mount = mount, .namespaced = true }, plain, 0, true, MSCG_CGROUP_LACK_CONTAINER, "container", "Delegate=" },
		{ { .mount = mount, .top = ALL }, NULL, 0, false, MSCG_CGROUP_LACK_CONTAINER, "outside", "cgroup namespace" },
		{ { .mount = mount, .top = ALL }, plain, 0, true, MSCG_CGROUP_LACK_ABOVE, "not handed down to /sys/fs/cgroup/a/b",
		  "c=/sys/fs/cgroup; for d in $(echo '/a/b' | tr / ' '); do echo +cpuset > $c/cgroup.subtree_control" },
		{ { .mount = mount, .top = ALL, .systemd = true, .uid = 1000 }, user, 0, true, MSCG_CGROUP_LACK_ABOVE, "not handed down",
		  "/etc/systemd/system/user@.service.d" },
		{ { .mount = mount, .top = ALL, .systemd = true, .uid = 1000 }, session, 0, false, MSCG_CGROUP_LACK_ABOVE, "not handed down",
		  "systemd-run --user --scope" },
		{ { .mount = mount, .top = ALL, .systemd = true }, session, 0, true, MSCG_CGROUP_LACK_ABOVE, "not handed down",
		  "systemd-run --scope" },
		{ { .mount = mount, .top = ALL, .systemd = true }, unit, 0, true, MSCG_CGROUP_LACK_ABOVE, "not handed down",
		  "systemctl edit mscg-jobs.service, add\n[Service]\nDelegate=cpuset cpu io memory pids\n" },
		{ { .mount = mount, .top = ALL, .systemd = true, .uid = 1000 }, session, ALL, false, MSCG_CGROUP_LACK_PERMISSION,
		  "not delegated to uid 1000", "systemd-run --user --scope --property=Delegate=yes" },
		{ { .mount = mount, .top = ALL, .uid = 1000 }, plain, ALL, false, MSCG_CGROUP_LACK_PERMISSION, "not delegated to uid 1000",
		  "chown 1000 /sys/fs/cgroup/a/b /sys/fs/cgroup/a/b/cgroup.procs" },
		{ { .mount = mount, .top = ALL, .readonly = true }, plain, ALL, false, MSCG_CGROUP_LACK_PERMISSION, "read-only",
		  "remount,rw /sys/fs/cgroup" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cg_facts facts = { &cases[i].host, cases[i].path, cases[i].available, cases[i].writable };
		struct mscg_cgroup_finding f;
		cg_explain(&facts, MSCG_CGROUP_CONTROLLER_CPUSET, &f);
		if (f.lack != cases[i].lack || !strstr(f.text, cases[i].text) || !strstr(f.mend, cases[i].mend))
			fail_msg("case %zu: %d, %s, %s", i, (int)f.lack, f.text, f.mend);
		assert_true(!*f.text == (f.lack == MSCG_CGROUP_LACK_NONE) && !*f.mend == !*f.text);
	}
}

static void this_machine(void **state)
{
	struct mscg_cgroup_host *h;
	struct mscg_error e;
	(void)state;
	assert_int_equal(mscg_cgroup_discover(&h, &e), 0);
	assert_true((h->mount != NULL) == (h->mode == MSCG_CGROUP_HYBRID || h->mode == MSCG_CGROUP_UNIFIED));
	assert_int_equal(h->top & h->v1, 0);
	assert_int_equal(h->uid, geteuid());
	print_message("# %s at %s, own %s\n", mscg_cgroup_mode_name(h->mode), h->mount ? h->mount : "-", h->own ? h->own : "-");
	mscg_cgroup_host_free(h);
	mscg_cgroup_host_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unified_mount), cmocka_unit_test(hybrid_mount), cmocka_unit_test(odd_mounts),
		cmocka_unit_test(own_place),     cmocka_unit_test(proc_cgroups), cmocka_unit_test(explanations),
		cmocka_unit_test(this_machine),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("cgroup host", tests, NULL, NULL);
}
