/* --export: which of this environment a job gets. */
#include "job_options.h"

#include "src/base/utf8.h"

extern char **environ;

static bool has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* A job that submits a job: what was said of the first is not true of the second. mscgd sets these anew, and the numbers
 * of threads only where they are unset. */
static bool is_of_this_job(const char *entry)
{
	static const char *const kept[] = {"MSCG_SOCKET=", "MSCG_STATE_DIR=", "MSCG_RUNTIME_DIR="};
	static const char *const ours[] = {"MSCG_", "SLURM_", "MINI_SLURM_"};
	static const char *const threads[] = {"OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"};
	const char *cpus = getenv("MSCG_CPUS_ON_NODE");

	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		if (has_prefix(entry, kept[i]))
			return false;
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		if (has_prefix(entry, ours[i]))
			return true;
	for (size_t i = 0; cpus && i < ARRAY_SIZE(threads); i++)
		if (has_prefix(entry, threads[i]) && entry[strlen(threads[i])] == '=' && streq(entry + strlen(threads[i]) + 1, cpus))
			return true;
	return false;
}

static char **whole_environment(void)
{
	bool in_job = getenv("MSCG_JOB_ID") != NULL;
	char **env = xcalloc(strv_length(environ) + 1, sizeof *env);
	size_t n = 0;

	for (char **e = environ; *e; e++) {
		const char *eq = strchr(*e, '=');

		if (!eq || eq == *e || (in_job && is_of_this_job(*e)))
			continue;
		if (!utf8_valid(*e, strlen(*e))) {
			cli_error("warning: the variable %.*s is not UTF-8 and is not given to the job", (int)MIN_OF(eq - *e, 60), *e);
			continue;
		}
		env[n++] = xstrdup(*e);
	}
	return env;
}

/* Splits "A,B=1,C='x,y'" at commas; quotes protect a comma and are taken away. */
static char *next_item(const char **text)
{
	char *item = xmalloc(strlen(*text) + 1), *to = item, quote = 0;
	const char *p = *text;

	for (; *p && (quote || *p != ','); p++) {
		if (quote ? *p == quote : *p == '\'' || *p == '"')
			quote = quote ? 0 : *p;
		else
			*to++ = *p;
	}
	*to = '\0';
	*text = *p ? p + 1 : p;
	return item;
}

char **job_environment(const char *export_list)
{
	char **env = NULL;

	if (!export_list || streq(export_list, "ALL"))
		return whole_environment();
	if (streq(export_list, "NONE") || streq(export_list, "NIL"))
		return NULL;
	for (const char *p = export_list; *p;) {
		_cleanup_free_ char *item = next_item(&p);
		char *eq = strchr(item, '=');
		const char *value;

		if (streq(item, "ALL")) {
			_cleanup_strv_ char **all = whole_environment(), **added = steal(&env);

			env = steal(&all);
			for (char **e = added; e && *e; e++) {
				eq = strchr(*e, '=');
				*eq = '\0';
				env_set(&env, *e, eq + 1);
			}
			continue;
		}
		if (eq)
			*eq = '\0';
		value = eq ? eq + 1 : getenv(item);
		if (value && *item && utf8_valid(value, strlen(value)))
			env_set(&env, item, value);
	}
	return env;
}

static void set_both(char ***env, const char *name, const char *value, bool slurm)
{
	_cleanup_free_ char *own = xasprintf("MSCG_%s", name), *twin = xasprintf("SLURM_%s", name);

	env_set(env, own, value);
	if (slurm)
		env_set(env, twin, value);
}

/* mscg starts one program; the tasks that -n asked for are that program's to start, as mpirun does. */
void job_environment_tasks(char ***env, const struct job_options *o)
{
	static const char *const counts[] = {"NTASKS", "NPROCS", "TASKS_PER_NODE"};
	uint32_t n = o->tasks ? o->tasks : o->tasks_per_node;
	char text[32];

	if (!n)
		return;
	snprintf(text, sizeof text, "%u", n);
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		set_both(env, counts[i], text, o->slurm_env);
	if (o->tasks_per_node)
		set_both(env, "NTASKS_PER_NODE", text, o->slurm_env);
	if (o->cpus)
		set_both(env, "CPUS_PER_TASK", text_cpus(o->cpus / 1000.0, text, sizeof text), o->slurm_env);
}

void job_environment_submit_dir(char ***env, const struct job_options *o)
{
	_cleanup_free_ char *cwd = o->chdir ? getcwd(NULL, 0) : NULL;

	if (cwd && cwd[0] == '/' && utf8_valid(cwd, strlen(cwd)))
		set_both(env, "SUBMIT_DIR", cwd, o->slurm_env);
}
