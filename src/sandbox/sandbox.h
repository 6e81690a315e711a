/* sandbox.h: what a job may ask of the kernel. The profile is a table (profile.c); filter.c makes the program of it that
 * the kernel runs before each system call of a job.
 *
 * Every system call has one of three answers: allowed; EPERM, for what an ordinary job has no business with; ENOSYS, for
 * what is not known here, so that libc falls back to what is. Arguments can turn an allowed call into EPERM or ENOSYS.
 * Calls by another ABI than the machine's own (i386, x32) kill the process.
 */
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include <linux/filter.h>
#include <mscg/job.h>

enum sandbox_answer { SANDBOX_ALLOW, SANDBOX_EPERM, SANDBOX_ENOSYS };

/* Calls that share an answer and its reason. */
struct sandbox_group {
	const char *name;
	enum sandbox_answer answer;
	uint32_t    allow; /* enum mscg_allow: asked for by name, they are allowed all the same; 0: never */
	const char *calls; /* names, with blanks between */
	const char *why;
};

/* An allowed call with an argument that is refused, or that must be one of some: where `only` is set the call is
 * ENOSYS unless a row of it fits; otherwise it is EPERM where a row fits. The kernel cuts these arguments to 32 bits
 * itself, and so does the filter: what stands in the high half makes no difference. */
struct sandbox_argument {
	const char *call;
	uint8_t     index; /* 0: the first */
	bool        only;
	uint32_t    allow; /* with this the row is left out; an `only` row too */
	uint32_t    mask, value;
	const char *text;  /* of the value */
	const char *why;   /* NULL: as the row before */
};

/* Ended by a row without a name. */
extern const struct sandbox_group    sandbox_groups[];
extern const struct sandbox_argument sandbox_arguments[];

const char *sandbox_answer_text(enum sandbox_answer answer);

/* The kernel's program for the profile, with what `allow` (bits of enum mscg_allow) adds. The caller frees it. */
int sandbox_filter(uint32_t allow, struct sock_filter **ret, size_t *ret_n, struct mscg_error *error);

#endif
