/* A command in a job that runs: its supervisor's to start. */
#include "internal.h"

int exec_in(struct engine *e, struct mscg_id id, const struct engine_exec *x, struct mscg_error *error)
{
	struct local *l = local_of(e);
	const struct task *t = task_find(l, id);

	if (!t || t->phase == TASK_WAITING || t->phase == TASK_LAUNCHED)
		return mscg_error_set(error, -EBUSY, "it is only just being started");
	if (t->phase != TASK_RUNNING || t->killed || t->has_grace)
		return mscg_error_set(error, -EBUSY, "it is being ended");
	if (t->frozen)
		return mscg_error_set(error, -EBUSY, "it is being suspended");
	struct runner_exec exec = {
		.cgroup_fd = t->cgroup.fd, .argv = x->argv, .env = x->env, .stdio_fd = x->stdio_fd,
		.channel_fd = x->channel_fd, .pty = x->pty,
	};
	struct mscg_cgroup own = MSCG_CGROUP_NONE;
	int r = t->delegate ? delegate_open(&t->cgroup, &own, error) : 0;
	if (r < 0)
		return r;
	if (t->delegate)
		exec.cgroup_fd = own.fd;
	r = runner_exec(l->runner, t->slot, &exec, error);
	mscg_cgroup_close(&own);
	return r;
}
