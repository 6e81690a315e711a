/* mscg/cpuset.h: sets of CPUs or memory nodes, and their text form as the kernel writes it ("0-3,8,10-11").
 *
 * A set is a plain value: assign it, compare it with mscg_cpuset_equal, no destructor. It holds CPU 0 to
 * MSCG_CPUS_MAX - 1, as the largest kernel configuration does. See cpuset(7), "List format".
 */
#ifndef MSCG_CPUSET_H
#define MSCG_CPUSET_H

#include <mscg/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MSCG_CPUS_MAX 8192

struct mscg_cpuset {
	uint64_t word[MSCG_CPUS_MAX / 64];
};

MSCG_PUBLIC void mscg_cpuset_zero(struct mscg_cpuset *set);
/* `cpu` out of range is ignored by add and remove, and is never contained. */
MSCG_PUBLIC void     mscg_cpuset_add(struct mscg_cpuset *set, unsigned cpu);
MSCG_PUBLIC void     mscg_cpuset_remove(struct mscg_cpuset *set, unsigned cpu);
MSCG_PUBLIC bool     mscg_cpuset_has(const struct mscg_cpuset *set, unsigned cpu);
MSCG_PUBLIC void     mscg_cpuset_add_range(struct mscg_cpuset *set, unsigned first, unsigned last);
MSCG_PUBLIC unsigned mscg_cpuset_count(const struct mscg_cpuset *set);
MSCG_PUBLIC bool     mscg_cpuset_empty(const struct mscg_cpuset *set);
MSCG_PUBLIC bool     mscg_cpuset_equal(const struct mscg_cpuset *a, const struct mscg_cpuset *b);
/* Every CPU of `a` is in `b`. */
MSCG_PUBLIC bool mscg_cpuset_subset(const struct mscg_cpuset *a, const struct mscg_cpuset *b);
MSCG_PUBLIC bool mscg_cpuset_intersects(const struct mscg_cpuset *a, const struct mscg_cpuset *b);
/* set |= other, set &= other, set &= ~other */
MSCG_PUBLIC void mscg_cpuset_or(struct mscg_cpuset *set, const struct mscg_cpuset *other);
MSCG_PUBLIC void mscg_cpuset_and(struct mscg_cpuset *set, const struct mscg_cpuset *other);
MSCG_PUBLIC void mscg_cpuset_subtract(struct mscg_cpuset *set, const struct mscg_cpuset *other);
/* The first CPU >= from that is in the set, or MSCG_CPUS_MAX when there is none. Walk a set with
 * `for (unsigned c = mscg_cpuset_next(s, 0); c < MSCG_CPUS_MAX; c = mscg_cpuset_next(s, c + 1))`. */
MSCG_PUBLIC unsigned mscg_cpuset_next(const struct mscg_cpuset *set, unsigned from);

/* Reads a list of the kernel's form into *ret; blanks and one newline at the end are allowed, an empty text is the
 * empty set, overlaps are allowed, "3-1" and anything else are not. -EINVAL with text, -ERANGE for a CPU that is too
 * large; *ret is untouched then. */
MSCG_PUBLIC int mscg_cpuset_parse(const char *text, struct mscg_cpuset *ret, struct mscg_error *error);
/* Writes the shortest list form, NUL ended, as snprintf does: returns the length that the whole text has, and writes
 * no more than `size` bytes. The empty set is "". */
MSCG_PUBLIC size_t mscg_cpuset_format(const struct mscg_cpuset *set, char *text, size_t size);

#endif
