/* What a job finds in its environment: what the user sent, and on top of it what it was given. One table for our names
 * and Slurm's. */
#include <time.h>

#include "internal.h"
#include "src/base/buf.h"
#include "src/base/gres.h"
#include "src/base/parse.h"

/* TASKS: of the tasks that -n asked for; who submitted it knows, and says so in the environment (src/cli/environment.c). */
enum scope { ALWAYS, ARRAYS, TASKS };

/* Values are worked out in the order of this list. */
#define VARIABLES(X) \
	X(JOB_ID, ALWAYS) X(JOBID, ALWAYS) X(JOB_NAME, ALWAYS) X(JOB_USER, ALWAYS) X(JOB_NODELIST, ALWAYS) X(NNODES, ALWAYS) \
	X(NODELIST, ALWAYS) X(JOB_NUM_NODES, ALWAYS) X(NODEID, ALWAYS) X(PROCID, ALWAYS) X(LOCALID, ALWAYS) \
	X(CPUS_ON_NODE, ALWAYS) X(JOB_CPUS_PER_NODE, ALWAYS) X(MEM_PER_NODE, ALWAYS) \
	X(CPUS_PER_TASK, TASKS) X(NTASKS, TASKS) X(NPROCS, TASKS) X(TASKS_PER_NODE, TASKS) \
	X(SUBMIT_DIR, ALWAYS) X(SUBMIT_HOST, ALWAYS) X(RESTART_COUNT, ALWAYS) X(JOB_START_TIME, ALWAYS) X(JOB_END_TIME, ALWAYS) \
	X(JOB_UID, ALWAYS) X(JOB_GID, ALWAYS) X(JOB_ACCOUNT, ALWAYS) X(JOB_PARTITION, ALWAYS) \
	X(JOB_GPUS, ALWAYS) X(GPUS_ON_NODE, ALWAYS) \
	X(ARRAY_JOB_ID, ARRAYS) X(ARRAY_TASK_ID, ARRAYS) X(ARRAY_TASK_MIN, ARRAYS) X(ARRAY_TASK_MAX, ARRAYS) \
	X(ARRAY_TASK_STEP, ARRAYS) X(ARRAY_TASK_COUNT, ARRAYS)

enum variable {
#define X(name, scope) VAR_##name,
	VARIABLES(X)
#undef X
};
static const struct {
	const char *name;
	enum scope  scope;
} variables[] = {
#define X(name, scope) { #name, scope },
	VARIABLES(X)
#undef X
};

static uint32_t whole_cpus(const struct task *t)
{
	return MAX_OF(1, (t->grant->share[0].cpu_milli + 999) / 1000);
}

static uint64_t gpus_of(const struct task *t)
{
	return gres_granted_units(t->grant->share[0].gres, GRES_GPU);
}

/* NULL: not set for this job. */
static const char *value_of(enum variable v, const struct task *t, const struct mscg_spec *spec, char *text, size_t size)
{
	const struct mscg_range *array = spec->array;
	uint32_t n = spec->array_n;

	switch (v) {
	case VAR_JOB_ID:
	case VAR_JOBID:
	case VAR_ARRAY_JOB_ID: snprintf(text, size, "%u", t->id.job); return text;
	case VAR_JOB_NAME: return spec->name;
	case VAR_JOB_USER: return spec->user;
	case VAR_SUBMIT_HOST: /* it came over a socket of this machine */
	case VAR_NODELIST:
	case VAR_JOB_NODELIST: return t->grant->share[0].node;
	case VAR_NODEID:
	case VAR_PROCID:
	case VAR_LOCALID: return "0";
	case VAR_NTASKS:
	case VAR_NPROCS: return "1";
	case VAR_JOB_UID: snprintf(text, size, "%u", spec->uid); return text;
	case VAR_JOB_GID: snprintf(text, size, "%u", spec->gid); return text;
	case VAR_JOB_START_TIME: snprintf(text, size, "%lld", (long long)time(NULL)); return text;
	case VAR_JOB_NUM_NODES:
	case VAR_NNODES: snprintf(text, size, "%u", t->grant->n); return text;
	case VAR_TASKS_PER_NODE: /* MPI's slots: without --ntasks as many as it has CPUs */
	case VAR_CPUS_ON_NODE:
	case VAR_JOB_CPUS_PER_NODE:
	case VAR_CPUS_PER_TASK: snprintf(text, size, "%u", whole_cpus(t)); return text;
	case VAR_MEM_PER_NODE: snprintf(text, size, "%llu", (unsigned long long)(t->grant->share[0].mem_bytes >> 20)); return text;
	case VAR_SUBMIT_DIR: return env_get(spec->env, "MSCG_SUBMIT_DIR") ? NULL : spec->workdir; /* with --chdir it is another */
	case VAR_JOB_GPUS: return gpus_of(t) ? gres_list_units(gpus_of(t), text, size) : NULL;
	case VAR_GPUS_ON_NODE:
		snprintf(text, size, "%d", __builtin_popcountll(gpus_of(t)));
		return gpus_of(t) ? text : NULL;
	case VAR_RESTART_COUNT: snprintf(text, size, "%u", t->restarts); return text;
	case VAR_JOB_END_TIME:
		if (!t->time_limit_s)
			return NULL;
		snprintf(text, size, "%lld", (long long)(time(NULL) + t->time_limit_s));
		return text;
	case VAR_JOB_ACCOUNT: return spec->account;
	case VAR_JOB_PARTITION: return spec->partition;
	case VAR_ARRAY_TASK_ID: snprintf(text, size, "%u", t->id.task); return text;
	case VAR_ARRAY_TASK_MIN: snprintf(text, size, "%u", array[0].first); return text;
	case VAR_ARRAY_TASK_MAX: {
		uint32_t max = 0;
		for (uint32_t i = 0; i < n; i++)
			max = MAX_OF(max, array[i].last);
		snprintf(text, size, "%u", max);
		return text;
	}
	case VAR_ARRAY_TASK_STEP: snprintf(text, size, "%u", array[0].step); return text;
	case VAR_ARRAY_TASK_COUNT: snprintf(text, size, "%llu", (unsigned long long)mscg_ranges_count(array, n)); return text;
	}
	return NULL;
}

/* Strings that are set here. */
struct setting {
	struct buf text; /* each with its NUL */
	uint32_t   n;
};

static void set(struct setting *s, const char *prefix, const char *name, const char *value)
{
	buf_adds(&s->text, prefix);
	buf_adds(&s->text, name);
	buf_addc(&s->text, '=');
	buf_add(&s->text, value, strlen(value) + 1);
	s->n++;
}

static void set_elastic(struct setting *s, const struct local *l, const struct task *t)
{
	static const char *const prefixes[] = { "MSCG_", "MINI_SLURM_" };
	_cleanup_free_ char *control = control_path(l, t->id);
	char current[16], min[16], max[16];

	format_cpus(t->grant->share[0].cpu_milli, current, sizeof current);
	format_cpus(t->min_milli, min, sizeof min);
	format_cpus(t->max_milli, max, sizeof max);
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		set(s, prefixes[i], "ELASTIC", "1");
		set(s, prefixes[i], "CURRENT_CPUS", current);
		set(s, prefixes[i], "MIN_CPUS", min);
		set(s, prefixes[i], "MAX_CPUS", max);
		set(s, prefixes[i], "CONTROL_FILE", control);
	}
}

/* Each maker's own, as in Slurm. Who has none sees none, where there are some to give out. A driver numbers the devices that it
 * may open: where a job has only its own nodes, or is kept from the others, they begin with 0. */
static void set_gpus(struct setting *s, const struct local *l, const struct task *t, const struct mscg_spec *spec)
{
	static const char *const names[] = { "CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "ZE_AFFINITY_MASK", "GPU_DEVICE_ORDINAL" };
	const char *granted = t->grant->share[0].gres;
	uint64_t gpus = gpus_of(t);
	char text[200];

	if (!l->engine.machine_gpus)
		return;
	if (gpus && (l->device_filter || isolate_has_mounts(l, spec)) && device_all_known(l, granted, GRES_GPU))
		gpus = UINT64_MAX >> (64 - __builtin_popcountll(gpus));
	gres_list_units(gpus, text, sizeof text);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		set(s, "", names[i], text);
	set(s, "", "CUDA_DEVICE_ORDER", "PCI_BUS_ID");
}

static void set_if_unset(struct setting *s, const struct mscg_spec *spec, const char *name, const char *value)
{
	if (value && !env_get(spec->env, name))
		set(s, "", name, value);
}

static void set_all(struct setting *s, const struct local *l, const struct task *t, const struct mscg_spec *spec)
{
	static const char *const threads[] = { "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS" };
	const char *tasks = env_get(spec->env, "MSCG_NTASKS");
	bool left_out[] = { [ARRAYS] = !spec->array || t->id.task == MSCG_NO_TASK, [TASKS] = tasks };
	uint32_t cpus = whole_cpus(t);
	char text[200];
	uint64_t n;

	for (size_t v = 0; v < ARRAY_SIZE(variables); v++) {
		const char *value = left_out[variables[v].scope] ? NULL : value_of((enum variable)v, t, spec, text, sizeof text);

		if (!value)
			continue;
		set(s, "MSCG_", variables[v].name, value);
		if (spec->slurm_env)
			set(s, "SLURM_", variables[v].name, value);
	}
	if (!left_out[ARRAYS] && spec->lines) {
		_cleanup_free_ char *line = mscg_spec_line(spec, t->id.task);

		set(s, "MSCG_", "LINE", line ? line : "");
	}
	if (t->elastic)
		set_elastic(s, l, t);
	set_gpus(s, l, t, spec);
	if (tasks && parse_u64(tasks, 1, UINT32_MAX, &n, NULL) == 0)
		cpus = (uint32_t)MAX_OF(1, cpus / n);
	snprintf(text, sizeof text, "%u", cpus);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		set_if_unset(s, spec, threads[i], text);
	set_if_unset(s, spec, "HOME", spec->home);
	set_if_unset(s, spec, "USER", spec->user);
	set_if_unset(s, spec, "LOGNAME", spec->user);
	set_if_unset(s, spec, "PATH", "/usr/local/bin:/usr/bin:/bin");
}

/* What is set here may take the place of what the user sent only if its name begins as ours do. */
static bool is_replaced(const char *entry, char *const *own, uint32_t n)
{
	static const char *const prefixes[] = { "MSCG_", "SLURM_", "MINI_SLURM_", "CUDA_", "ROCR_", "ZE_", "GPU_" };
	size_t length = strcspn(entry, "="), p = 0;

	while (p < ARRAY_SIZE(prefixes) && strncmp(entry, prefixes[p], strlen(prefixes[p])) != 0)
		p++;
	for (uint32_t i = 0; p < ARRAY_SIZE(prefixes) && i < n; i++)
		if (strncmp(own[i], entry, length) == 0 && own[i][length] == '=')
			return true;
	return false;
}

void job_environ(const struct local *l, const struct task *t, const struct mscg_spec *spec, struct environment *ret)
{
	struct setting s = { .n = 0 };

	set_all(&s, l, t, spec);
	char **list = xcalloc(s.n + strv_length(spec->env) + 1, sizeof *list);
	uint32_t n = 0;
	for (char *at = s.text.data; n < s.n; at += strlen(at) + 1)
		list[n++] = at;
	for (char *const *e = spec->env; e && *e; e++)
		if (!is_replaced(*e, list, s.n))
			list[n++] = *e;
	*ret = (struct environment){ list, buf_steal(&s.text) };
}

void environment_free(struct environment *e)
{
	free(e->list);
	free(e->own);
}
