/* From the table to a program of the kernel, by libseccomp.
 *
 * libseccomp can say "allow where the argument is so", not "allow unless", so that there are two filters: one that
 * refuses by arguments and lets all else pass, and the allow-list. Both are joined into one program: where the first
 * lets a call pass, it jumps to the second. The kernel works out once which calls are allowed whatever their
 * arguments are, and does not run the program for these at all. */
#include "src/sandbox/sandbox.h"

#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>

#include "src/base/base.h"
#include "src/base/fd.h"
#include "src/sandbox/compact.h"

/* Calls that are younger than the libseccomp that we may be built with; their numbers are the same on every machine. */
static const struct {
	const char *name;
	int         nr;
} young_calls[] = {
	{ "cachestat", 451 }, { "fchmodat2", 452 }, { "map_shadow_stack", 453 }, { "futex_wake", 454 }, { "futex_wait", 455 },
	{ "futex_requeue", 456 }, { "mseal", 462 }, { "setxattrat", 463 }, { "getxattrat", 464 }, { "listxattrat", 465 },
	{ "removexattrat", 466 }, { "open_tree_attr", 467 },
};

static int resolve(const char *name)
{
	int nr = seccomp_syscall_resolve_name(name);
	for (size_t i = 0; nr == __NR_SCMP_ERROR && i < ARRAY_SIZE(young_calls); i++)
		if (streq(young_calls[i].name, name))
			nr = young_calls[i].nr;
	return nr;
}

static void cleanup_seccomp(scmp_filter_ctx *context)
{
	if (*context)
		seccomp_release(*context);
}

static int make_context(uint32_t answer, scmp_filter_ctx *ret)
{
	_cleanup_(cleanup_seccomp) scmp_filter_ctx context = seccomp_init(answer);
	if (!context)
		return -ENOMEM;
	int r = seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (r == 0)
		r = seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree and not a list: 88 us instead of 440 to load */
	if (r == 0)
		*ret = steal(&context);
	return r;
}

static bool has_only(const char *call, uint32_t allow)
{
	for (const struct sandbox_argument *a = sandbox_arguments; a->call; a++)
		if (a->only && !(a->allow & allow) && streq(a->call, call))
			return true;
	return false;
}

static int add_call(scmp_filter_ctx context, uint32_t action, const char *name, uint32_t allow, struct mscg_error *error)
{
	int nr = resolve(name);
	if (nr == __NR_SCMP_ERROR)
		return mscg_error_set(error, -EINVAL, "no system call is named '%s'", name);
	if (nr < 0 || has_only(name, allow)) /* not on this machine; or its arguments decide */
		return 0;
	int r = seccomp_rule_add(context, action, nr, 0);
	return r < 0 ? mscg_error_set(error, r, "cannot make the system call filter: %s: %s", name, strerror(-r)) : 0;
}

static int add_group(scmp_filter_ctx context, const struct sandbox_group *g, uint32_t allow, struct mscg_error *error)
{
	if (g->answer == SANDBOX_ENOSYS && !(g->allow & allow))
		return 0; /* as everything that is not named */
	uint32_t action = g->answer == SANDBOX_ALLOW || g->allow & allow ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM);
	_cleanup_free_ char *calls = xstrdup(g->calls);
	int r = 0;
	for (char *at = calls, *name; r == 0 && (name = strtok_r(at, " ", &at));)
		r = add_call(context, action, name, allow, error);
	return r;
}

/* Rows of one kind: those that refuse, or those that are all that is allowed. */
static int add_arguments(scmp_filter_ctx context, bool only, uint32_t allow, struct mscg_error *error)
{
	for (const struct sandbox_argument *a = sandbox_arguments; a->call; a++) {
		if (a->only != only || a->allow & allow)
			continue;
		int nr = resolve(a->call);
		if (nr < 0)
			continue;
		struct scmp_arg_cmp is = { .arg = a->index, .op = SCMP_CMP_MASKED_EQ, .datum_a = a->mask, .datum_b = a->value };
		int r = seccomp_rule_add_array(context, only ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM), nr, 1, &is);
		if (r < 0)
			return mscg_error_set(error, r, "cannot make the system call filter: %s %s: %s", a->call, a->text,
			                      strerror(-r));
	}
	return 0;
}

static int export(scmp_filter_ctx context, struct sock_filter **ret, size_t *ret_n, struct mscg_error *error)
{
	_cleanup_close_ int fd = memfd_create("seccomp", MFD_CLOEXEC);
	if (fd < 0)
		return mscg_error_set(error, -errno, "cannot make the system call filter: %m");
	int   r    = seccomp_export_bpf(context, fd);
	off_t size = lseek(fd, 0, SEEK_END);
	if (r < 0 || size <= 0 || lseek(fd, 0, SEEK_SET) < 0)
		return mscg_error_set(error, r < 0 ? r : -EIO, "cannot export the system call filter: %s", strerror(r < 0 ? -r : EIO));
	_cleanup_free_ struct sock_filter *program = xmalloc((size_t)size);
	if (fd_read_all(fd, program, (size_t)size) != size)
		return mscg_error_set(error, -EIO, "cannot read the system call filter back");
	*ret_n = (size_t)size / sizeof *program;
	*ret   = steal(&program);
	return 0;
}

static int make_program(uint32_t allow, bool refusals, struct sock_filter **ret, size_t *ret_n, struct mscg_error *error)
{
	_cleanup_(cleanup_seccomp) scmp_filter_ctx context = NULL;
	int r = make_context(refusals ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(ENOSYS), &context);
	if (r < 0)
		return mscg_error_set(error, r, "cannot make the system call filter: %s", strerror(-r));
	for (const struct sandbox_group *g = sandbox_groups; r == 0 && !refusals && g->name; g++)
		r = add_group(context, g, allow, error);
	if (r == 0)
		r = add_arguments(context, !refusals, allow, error);
	return r < 0 ? r : export(context, ret, ret_n, error);
}

int sandbox_filter(uint32_t allow, struct sock_filter **ret, size_t *ret_n, struct mscg_error *error)
{
	_cleanup_free_ struct sock_filter *refusals = NULL, *list = NULL;
	size_t n_refusals = 0, n_list = 0;
	int    r = make_program(allow, true, &refusals, &n_refusals, error);
	if (r == 0)
		r = make_program(allow, false, &list, &n_list, error);
	if (r < 0)
		return r;
	if (n_refusals + n_list > BPF_MAXINSNS)
		return mscg_error_set(error, -E2BIG, "the system call filter has %zu instructions: at most %d", n_refusals + n_list,
		                      BPF_MAXINSNS);
	struct sock_filter *program = xreallocarray(NULL, n_refusals + n_list, sizeof *program);
	memcpy(program, refusals, n_refusals * sizeof *program);
	memcpy(program + n_refusals, list, n_list * sizeof *program);
	for (size_t i = 0; i < n_refusals; i++)
		if (program[i].code == (BPF_RET | BPF_K) && program[i].k == SECCOMP_RET_ALLOW)
			program[i] = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, (uint32_t)(n_refusals - i - 1));
	*ret   = program;
	*ret_n = n_refusals + n_list;
	sandbox_compact(seccomp_arch_native(), ret, ret_n);
	return 0;
}
