/* mscg/mscg.h: libmscg, the client library. A C program submits, watches, resizes and cancels jobs with it; `mscg`
 * itself is written on it.
 *
 *     struct mscg *m;
 *     struct mscg_error e;
 *     if (mscg_connect(&m, NULL, &e) < 0) { fprintf(stderr, "%s\n", e.text); return 1; }
 *     struct mscg_spec *spec = mscg_spec_new();     // see mscg/job.h
 *     ... fill it, strings with strdup ...
 *     struct mscg_id id;
 *     mscg_submit(m, &spec, 1, &id, &e);
 *     struct mscg_outcome o;
 *     mscg_wait(m, &id, 1, -1, &o, &e);
 *     mscg_close(m);
 *
 * A handle belongs to one thread at a time; several handles are independent. All calls block until mscgd answers, or
 * until the timeout of mscg_set_timeout. Functions return 0 (or as said) or -errno with a text in *error: -ESRCH no
 * such job, -EPERM not permitted, -EINVAL what was asked is wrong, -ECONNREFUSED no daemon, -ENOSPC refused,
 * -EALREADY the job has ended, -ETIMEDOUT, -EIO the answer makes no sense.
 */
#ifndef MSCG_MSCG_H
#define MSCG_MSCG_H

#include <mscg/control.h>
#include <mscg/job.h>

struct mscg;

/* `socket` NULL: $MSCG_SOCKET; else, for an ordinary user, $XDG_RUNTIME_DIR/mscg/mscg.sock if a daemon is there; else
 * /run/mscg/mscg.sock. */
MSCG_PUBLIC int  mscg_connect(struct mscg **ret, const char *socket, struct mscg_error *error);
/* As mscg_connect, and where no daemon answers and the state directory is the caller's own, requests are carried out
 * one by one by `mscgd --once`. `state_dir` NULL: $MSCG_STATE_DIR, or mscgd's own (its configuration, its default); a user's
 * own only where the machine has no daemon for all, of which /var/lib/mscg or a configuration in /etc/mscg is a sign. */
MSCG_PUBLIC int  mscg_connect_or_once(struct mscg **ret, const char *socket, const char *state_dir, struct mscg_error *error);
MSCG_PUBLIC void mscg_close(struct mscg *m);
/* Of one answer; -1 (default): none. mscg_wait and mscg_events wait as long as they are told, whatever this says. */
MSCG_PUBLIC void mscg_set_timeout(struct mscg *m, int milliseconds);
MSCG_PUBLIC const char *mscg_socket_path(const struct mscg *m); /* where it is (or would be) connected to */
MSCG_PUBLIC bool mscg_is_once(const struct mscg *m);

/* All or none. ids has room for n. */
MSCG_PUBLIC int mscg_submit(struct mscg *m, struct mscg_spec *const *specs, uint32_t n, struct mscg_id *ids, struct mscg_error *error);

struct mscg_outcome {
	struct mscg_id   id;
	enum mscg_state  state;
	enum mscg_reason reason;
	int exit_code, signal;
};
/* Exit status that `mscg wait` gives for it: the code, 128 + signal, 1 for a state that is no success without either. */
MSCG_PUBLIC int mscg_outcome_status(const struct mscg_outcome *outcome);
/* Waits until all have ended; outcomes has room for n, in the order of ids. timeout_ms -1: for ever. -ETIMEDOUT. */
MSCG_PUBLIC int mscg_wait(struct mscg *m, const struct mscg_id *ids, uint32_t n, int timeout_ms, struct mscg_outcome *outcomes, struct mscg_error *error);

/* `signal` 0: cancel (SIGTERM, grace, kill); otherwise send that signal to the job's main process. */
MSCG_PUBLIC int mscg_cancel(struct mscg *m, struct mscg_id id, int signal, struct mscg_error *error);

/* A job that waits is not started until it is released; of an array, all that wait. -EBUSY with text when none of it
 * waits, or none is held. */
MSCG_PUBLIC int mscg_hold(struct mscg *m, struct mscg_id id, struct mscg_error *error);
MSCG_PUBLIC int mscg_release(struct mscg *m, struct mscg_id id, struct mscg_error *error);

/* A job that runs stands still, keeps its memory, and gives up its CPUs; 0 when it does. -EBUSY with text when it does not
 * run, -EAGAIN when the kernel can not freeze it. Resumed, it goes on as soon as there are CPUs for it; -EBUSY when it is not
 * suspended, -EPERM when an operator did it. */
MSCG_PUBLIC int mscg_suspend(struct mscg *m, struct mscg_id id, struct mscg_error *error);
MSCG_PUBLIC int mscg_resume(struct mscg *m, struct mscg_id id, struct mscg_error *error);

/* Blocks until the kernel has taken it. 0 done; -EAGAIN Deferred (nothing changed), -ERANGE Infeasible; text says why. */
MSCG_PUBLIC int mscg_resize(struct mscg *m, struct mscg_id id, uint32_t cpus_milli, uint64_t mem_bytes, struct mscg_error *error);

/* Snapshot of one job. Strings inside belong to the snapshot; free it. */
struct mscg_info {
	struct mscg_job   job;   /* job.run is set; job.run->grant has the cpuset */
	struct mscg_usage usage;
	char *user, *name, *command, *reason_text, *cgroup, *stdout_path, *stderr_path, *control_file, *cpuset;
};
MSCG_PUBLIC int  mscg_show(struct mscg *m, struct mscg_id id, struct mscg_info **ret, struct mscg_error *error);
MSCG_PUBLIC void mscg_info_free(struct mscg_info *info);
/* Active jobs (or, with `all`, every job that is remembered), one call of `each` per job; return false to stop. */
MSCG_PUBLIC int mscg_list(struct mscg *m, bool all, bool (*each)(const struct mscg_info *info, void *ctx), void *ctx, struct mscg_error *error);

/* Events after `since` (0: from the beginning), for ever, until `each` returns false. */
MSCG_PUBLIC int mscg_events(struct mscg *m, uint64_t since, bool (*each)(const struct mscg_event *event, void *ctx), void *ctx, struct mscg_error *error);

/* Any method of the interface (io.mscg.varlink), parameters and reply as JSON text. *ret_json is malloc'ed. */
MSCG_PUBLIC int mscg_call(struct mscg *m, const char *method, const char *parameters_json, char **ret_json, struct mscg_error *error);

#endif
