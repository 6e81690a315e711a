/* compact.h: a smaller program that answers the same. The kernel translates a job's program anew for each job, which takes as
 * long as the program has instructions. */
#ifndef SANDBOX_COMPACT_H
#define SANDBOX_COMPACT_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

/* Replaces *program (allocated) and *n by one that gives the same answer to every call, where that has fewer instructions
 * and the program has nothing in it that is not understood here; leaves both alone otherwise. `arch` is that of
 * whose calls there are many answers (AUDIT_ARCH_…). */
void sandbox_compact(uint32_t arch, struct sock_filter **program, size_t *n);

#endif
