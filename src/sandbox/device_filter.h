/* device_filter.h: which device nodes the processes of a cgroup may open or make, whatever the modes of the nodes say: a program of
 * the kernel (BPF_PROG_TYPE_CGROUP_DEVICE) that is attached to it. For who has CAP_SYS_ADMIN outside of any user namespace.
 *
 * A program is in force for the cgroup and all below it, until the cgroup is removed; it outlives its descriptor and its maker. Where
 * those above have programs too, each has to allow. */
#ifndef SANDBOX_DEVICE_FILTER_H
#define SANDBOX_DEVICE_FILTER_H

#include <mscg/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sandbox_device {
	bool     block; /* else a character device */
	uint32_t major, minor;
};
struct sandbox_device_rule {
	struct sandbox_device device;
	bool allow;
};
#define SANDBOX_DEVICE_RULES_MAX 1024

/* A program in which the first rule that fits decides, and `otherwise` where none does. null, zero, full, random, urandom, tty, ptmx and
 * terminals are allowed before all rules. A descriptor, the caller's, or -errno with text. */
int sandbox_device_filter(const struct sandbox_device_rule *rules, size_t n, bool otherwise, struct mscg_error *error);
/* `cgroup_fd`: a directory that was opened for reading. */
int sandbox_device_filter_attach(int cgroup_fd, int program, struct mscg_error *error);
/* Whether programs can be attached to this cgroup: one that allows everything is, and is taken away again. */
int sandbox_device_filter_try(int cgroup_fd, struct mscg_error *error);

#endif
