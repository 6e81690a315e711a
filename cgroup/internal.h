/* internal.h: what the files of this room share. Everything goes through cg_read, cg_read_all and cg_write, so that a
 * failure is told in one way: the cgroup's path, the file, the value, and what the errno means there. */
#ifndef CGROUP_INTERNAL_H
#define CGROUP_INTERNAL_H

#include <mscg/cgroup.h>
#include <src/base/base.h>
#include <src/base/clock.h>

#define CG_PATH  512   /* for messages: longer paths are cut */
#define CG_SMALL 8192  /* holds every file that the kernel shows in one piece, but those with a line a device */
#define CG_DEPTH 64

/* ---- file.c ---- */

/* Reads a file that the kernel shows in one piece into `text`, NUL ended. Returns the length. -EFBIG: does not fit. */
ssize_t cg_read(const struct mscg_cgroup *cgroup, const char *file, char *text, size_t size, struct mscg_error *error);
/* The same without text: plain -errno of the call that failed. */
ssize_t cg_read_raw(const struct mscg_cgroup *cgroup, const char *file, char *text, size_t size);
/* Reads any file, in as many pieces as it takes. *ret_text is the caller's. */
int cg_read_all(const struct mscg_cgroup *cgroup, const char *file, char **ret_text, struct mscg_error *error);
/* One open, one write(2), one close. */
int cg_write(const struct mscg_cgroup *cgroup, const char *file, const char *text, struct mscg_error *error);
/* A file of one number or "max" (MSCG_CGROUP_MAX), kept open for several looks and writes; the cgroup is borrowed. */
struct cg_number {
	const struct mscg_cgroup *cgroup;
	const char *file;
	int fd;
};
/* `flags`: O_RDONLY or O_RDWR. *ret is to be closed, also where this failed. */
int  cg_number_open(const struct mscg_cgroup *cgroup, const char *file, int flags, struct cg_number *ret, struct mscg_error *error);
int  cg_number_get(const struct cg_number *number, uint64_t *ret, struct mscg_error *error);
int  cg_number_set(const struct cg_number *number, uint64_t value, struct mscg_error *error);
void cg_number_close(struct cg_number *number);
/* Turns a failed call on `file` (NULL: the directory) into -errno as the public header has it, with text.
 * `value` NULL: it was a read. */
int cg_fail(const struct mscg_cgroup *cgroup, const char *file, const char *value, int err, struct mscg_error *error);
/* The same for what concerns the cgroup as a whole: "<path>: <text>". */
__attribute__((format(printf, 4, 5))) int cg_error(const struct mscg_cgroup *cgroup, int code, struct mscg_error *error,
                                                   const char *format, ...);
/* True when the file is there. */
bool cg_has(const struct mscg_cgroup *cgroup, const char *file);

struct cg_path {
	char text[CG_PATH];
};
struct cg_path cg_path(const struct mscg_cgroup *cgroup);

/* ---- parse.c: the kernel's text forms, no kernel needed ---- */

/* A number alone or "max" (MSCG_CGROUP_MAX), a newline allowed after it. -EBADMSG. */
int cg_parse_number(const char *text, uint64_t *ret);
/* Calls `each` for every "key value" line of a flat keyed file. Lines of another form are passed over. */
void cg_parse_flat(const char *text, void (*each)(void *ctx, const char *key, size_t length, uint64_t value), void *ctx);
/* Calls `each` for every key=value of every line of a nested keyed file. */
void cg_parse_nested(const char *text, void (*each)(void *ctx, const char *key, size_t length, uint64_t value), void *ctx);
/* The value of one key in a flat keyed file. */
bool cg_flat_get(const char *text, const char *key, uint64_t *ret);
int  cg_parse_pressure(const char *text, struct mscg_cgroup_pressure *ret);
int  cg_parse_io_max(const char *text, unsigned major, unsigned minor, struct mscg_cgroup_io_max *ret);
int  cg_parse_cpu_max(const char *text, uint64_t *ret_quota, uint64_t *ret_period);
void cg_parse_events(const char *text, struct mscg_cgroup_events *ret);
/* "root invalid (why)": *ret_why points into text after "invalid", or is NULL. */
int cg_parse_partition(const char *text, enum mscg_cgroup_partition *ret, const char **ret_why);
/* One signal mask of /proc/PID/status ("SigCgt"). */
bool cg_parse_sigmask(const char *status, const char *field, uint64_t *ret);
/* All numbers of cgroup.procs or cgroup.threads but 0, added to the array. */
void cg_parse_pids(const char *text, pid_t **pids, size_t *n, size_t *cap);

/* ---- host.c: what the /proc files say ---- */

/* Fills mount, the mount options and the mount's root (*ret_root, the caller's) from mountinfo; all NULL without cgroup2. */
void cg_parse_mountinfo(const char *text, struct mscg_cgroup_host *host, char **ret_root);
/* Controllers on v1 hierarchies are added to *v1; *ret_own is the cgroup2 path, the caller's, or NULL. */
void cg_parse_proc_cgroup(const char *text, uint32_t *v1, char **ret_own);
void cg_parse_proc_cgroups(const char *text, struct mscg_cgroup_host *host);
/* `own` below a mount that shows `root`; NULL when it lies outside. The caller's. */
char *cg_below_mount(const char *own, const char *root);

/* ---- explain.c ---- */

/* What mscg_cgroup_explain found out before it judges. */
struct cg_facts {
	const struct mscg_cgroup_host *host;
	const char *path;      /* absolute path of the cgroup; NULL: none */
	uint32_t    available; /* its cgroup.controllers */
	bool        writable;  /* directory, cgroup.procs and cgroup.subtree_control, by this user */
};
void cg_explain(const struct cg_facts *facts, enum mscg_cgroup_controller controller, struct mscg_cgroup_finding *ret);

/* ---- handle.c ---- */

/* Calls `each` for the cgroup itself and all below it, parents first. */
int cg_walk(const struct mscg_cgroup *cgroup, int (*each)(void *ctx, const struct mscg_cgroup *cgroup), void *ctx,
            struct mscg_error *error);

/* ---- event.c ---- */

/* Waits for events to say so. `name` for the message. */
int cg_wait(const struct mscg_cgroup *cgroup, bool (*wanted)(const struct mscg_cgroup_events *), int64_t deadline_usec,
            const char *name, struct mscg_error *error);
/* Freezes for a moment: *ret is for cg_unhold, which thaws what did not stand still before. A failure leaves nothing to do. */
int  cg_hold(const struct mscg_cgroup *cgroup, int64_t deadline_usec, struct cg_number *ret, struct mscg_error *error);
void cg_unhold(struct cg_number *held);
/* What mscg_cgroup_kill does without cgroup.kill. */
int cg_kill_by_signal(const struct mscg_cgroup *cgroup, struct mscg_error *error);

/* ---- process.c ---- */

/* Calls `each` with a pidfd of every process in it and below it, which is certainly one of them; `pidfd` is borrowed. */
int cg_each_pidfd(const struct mscg_cgroup *cgroup, int (*each)(void *ctx, pid_t pid, int pidfd), void *ctx, struct mscg_error *error);

#define _cleanup_cgroup_ _cleanup_(mscg_cgroup_close)
#define _cleanup_number_ _cleanup_(cg_number_close)

#endif
