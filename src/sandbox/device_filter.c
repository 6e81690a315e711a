/* The program: its rules, one after the other. For five instructions of three kinds no library is worth its while. */
#include "src/sandbox/device_filter.h"

#include <linux/bpf.h>
#include <sys/syscall.h>

#include "src/base/base.h"

enum { MINOR_ANY = UINT32_MAX };

static const struct sandbox_device_rule always[] = {
	{ { false, 1, 3 }, true }, { { false, 1, 5 }, true }, { { false, 1, 7 }, true },           /* null, zero, full */
	{ { false, 1, 8 }, true }, { { false, 1, 9 }, true },                                      /* random, urandom */
	{ { false, 5, 0 }, true }, { { false, 5, 2 }, true }, { { false, 136, MINOR_ANY }, true }, /* tty, ptmx, /dev/pts */
};

enum { EACH = 5, AROUND = 6 }; /* instructions of a rule, at most; and before and after all of them */

/* What the program works with: struct bpf_cgroup_dev_ctx is behind r1. */
enum { RESULT = BPF_REG_0, CONTEXT = BPF_REG_1, TYPE = BPF_REG_2, MAJOR = BPF_REG_3, MINOR = BPF_REG_4 };

static struct bpf_insn load_word(unsigned to, size_t offset)
{
	return (struct bpf_insn){ .code = BPF_LDX | BPF_W | BPF_MEM, .dst_reg = to & 15u, .src_reg = CONTEXT, .off = (int16_t)offset };
}

static struct bpf_insn unlike(unsigned what, uint32_t value, int skip)
{
	return (struct bpf_insn){ .code = BPF_JMP32 | BPF_JNE | BPF_K, .dst_reg = what & 15u, .off = (int16_t)skip, .imm = (int32_t)value };
}

static struct bpf_insn answer(bool allow)
{
	return (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = RESULT, .imm = allow };
}

static const struct bpf_insn leave = { .code = BPF_JMP | BPF_EXIT };

static size_t put_rule(struct bpf_insn *at, const struct sandbox_device_rule *rule)
{
	const struct sandbox_device *d = &rule->device;
	bool any = d->minor == MINOR_ANY;
	size_t n = 0;

	at[n++] = unlike(TYPE, d->block ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR, any ? 3 : 4);
	at[n++] = unlike(MAJOR, d->major, any ? 2 : 3);
	if (!any)
		at[n++] = unlike(MINOR, d->minor, 2);
	at[n++] = answer(rule->allow);
	at[n++] = leave;
	return n;
}

static size_t put_program(struct bpf_insn *at, const struct sandbox_device_rule *rules, size_t n, bool otherwise)
{
	size_t used = 0;

	at[used++] = load_word(TYPE, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	at[used++] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_AND | BPF_K, .dst_reg = TYPE, .imm = 0xffff }; /* above it: open or make, read or write */
	at[used++] = load_word(MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
	at[used++] = load_word(MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		used += put_rule(at + used, &always[i]);
	for (size_t i = 0; i < n; i++)
		used += put_rule(at + used, &rules[i]);
	at[used++] = answer(otherwise);
	at[used++] = leave;
	return used;
}

static int call_bpf(int command, union bpf_attr *attr)
{
	int r = (int)syscall(SYS_bpf, command, attr, sizeof *attr);

	return r < 0 ? -errno : r;
}

int sandbox_device_filter(const struct sandbox_device_rule *rules, size_t n, bool otherwise, struct mscg_error *error)
{
	if (n > SANDBOX_DEVICE_RULES_MAX)
		return mscg_error_set(error, -E2BIG, "%zu rules for devices: expected %d at most", n, SANDBOX_DEVICE_RULES_MAX);
	_cleanup_free_ struct bpf_insn *program = xcalloc((n + ARRAY_SIZE(always)) * EACH + AROUND, sizeof *program);
	union bpf_attr attr;

	memset(&attr, 0, sizeof attr);
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insn_cnt  = (uint32_t)put_program(program, rules, n, otherwise);
	attr.insns     = (uint64_t)(uintptr_t)program;
	attr.license   = (uint64_t)(uintptr_t)"GPL";
	int fd = call_bpf(BPF_PROG_LOAD, &attr);
	return fd < 0 ? mscg_error_set(error, fd, "the kernel takes no filter of devices: %s", strerror(-fd)) : fd;
}

static union bpf_attr at_cgroup(int cgroup_fd, int program)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof attr);
	attr.target_fd     = (uint32_t)cgroup_fd;
	attr.attach_bpf_fd = (uint32_t)program;
	attr.attach_type   = BPF_CGROUP_DEVICE;
	return attr;
}

int sandbox_device_filter_attach(int cgroup_fd, int program, struct mscg_error *error)
{
	union bpf_attr attr = at_cgroup(cgroup_fd, program);

	attr.attach_flags = BPF_F_ALLOW_MULTI;
	int r = call_bpf(BPF_PROG_ATTACH, &attr);
	return r < 0 ? mscg_error_set(error, r, "cannot attach a filter of devices to a cgroup: %s", strerror(-r)) : 0;
}

int sandbox_device_filter_try(int cgroup_fd, struct mscg_error *error)
{
	int fd = sandbox_device_filter(NULL, 0, true, error);

	if (fd < 0)
		return fd;
	int r = sandbox_device_filter_attach(cgroup_fd, fd, error);
	if (r >= 0) {
		union bpf_attr attr = at_cgroup(cgroup_fd, fd);

		call_bpf(BPF_PROG_DETACH, &attr);
	}
	close(fd);
	return r;
}
