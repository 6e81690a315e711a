/* A job's properties as text. */
#include "job_text.h"

#include <pwd.h>
#include <strings.h>

#include "src/base/clock.h"
#include "src/base/parse.h"
#include "src/base/utf8.h"

const char *job_pending_tasks(const json_t *job)
{
	return jtext(job, "array_pending", "");
}

bool job_has_ended(const json_t *job)
{
	enum mscg_state state;

	return mscg_state_parse(jtext(job, "state", ""), &state, NULL) == 0 && mscg_state_is_final(state);
}

bool job_has_started(const json_t *job)
{
	return jhas(job, "start_time") && !streq(jtext(job, "state", ""), "PENDING");
}

/* Those of an array that have no jobs of their own: they wait, or never started. */
static const char *job_listed_tasks(const json_t *job)
{
	const json_t *never = json_object_get(job, "array_unstarted");

	if (!job_has_ended(job))
		return job_pending_tasks(job);
	return streq(jtext(never, "state", ""), jtext(job, "state", "?")) ? jtext(never, "tasks", "") : "";
}

bool job_is_spent_array(const json_t *job)
{
	return jhas(job, "array_pending") && !*job_listed_tasks(job) && jint(job, "array_tasks", 0) > 0;
}

int64_t job_usage(const json_t *job, const char *key)
{
	return jint(json_object_get(job, "accounting"), key, -1);
}

json_t *job_state_names(uint32_t states)
{
	json_t *list = json_array();

	for (int s = 0; s < MSCG_STATE_COUNT; s++)
		if (states & UINT32_C(1) << s)
			json_array_append_new(list, json_string(mscg_state_name((enum mscg_state)s)));
	return list;
}

const char *own_user_name(void)
{
	const struct passwd *pw = getpwuid(geteuid());

	return cli_keep(pw ? xstrdup(pw->pw_name) : xasprintf("%u", geteuid()));
}

void print_column(const char *text, int width, bool right)
{
	size_t size = strlen(text) + 1, n, i = 0;
	_cleanup_free_ char *copy = xmalloc(size);
	int characters = 0;

	plain(text, copy, size);
	n = strlen(copy);
	for (; i < n; characters++) {
		if (width && characters == width - 1 && i + utf8_char(copy + i, n - i) < n) {
			copy[i++] = '+';
			copy[i] = '\0';
			n = i;
		} else {
			i += utf8_char(copy + i, n - i);
		}
	}
	if (right)
		printf("%*s%s", MAX_OF(width - characters, 0), "", copy);
	else
		printf("%s%*s", copy, MAX_OF(width - characters, 0), "");
}

/* -- one function a property ------------------------------------------------------------------------------------ */

#define TEXT(name) const char *name(const json_t *job, char *buf)
#define STRING(name, key) \
	static TEXT(name) { (void)buf; return jtext(job, key, ""); }

TEXT(job_text_id)
{
	const char *tasks = job_listed_tasks(job);
	int64_t throttle = jint(job, "array_throttle", 0);

	if (!*tasks)
		return jtext(job, "id", "?");
	/* Slurm cuts long lists so. */
	snprintf(buf, JOB_TEXT, "%lld_[%.60s%s", (long long)jint(job, "job_id", 0), tasks, strlen(tasks) > 60 ? "..." : "");
	if (throttle && !job_has_ended(job))
		snprintf(buf + strlen(buf), JOB_TEXT - strlen(buf), "%%%lld", (long long)throttle);
	snprintf(buf + strlen(buf), JOB_TEXT - strlen(buf), "]");
	return buf;
}

STRING(text_raw_id, "id")
STRING(text_name, "name")
STRING(text_user, "user")
STRING(text_account, "account")
STRING(text_partition, "partition")
STRING(text_qos, "qos")
STRING(text_reservation, "reservation")
STRING(text_comment, "comment")
STRING(text_state, "state")
STRING(text_workdir, "workdir")
STRING(text_submit_line, "submit_line")
STRING(text_cpuset, "cpuset")
STRING(text_node, "node")
STRING(text_stdout, "stdout_path")
STRING(text_stderr, "stderr_path")
STRING(text_cgroup, "cgroup")

TEXT(job_text_command)
{
	(void)buf;
	return jtext(job, "command", "");
}

static const char *number(const json_t *job, char *buf, const char *key)
{
	snprintf(buf, JOB_TEXT, "%lld", (long long)jint(job, key, 0));
	return jhas(job, key) ? buf : "";
}

static TEXT(text_job_number) { return number(job, buf, "job_id"); }
static TEXT(text_task) { return jhas(job, "array_task_id") ? number(job, buf, "array_task_id") : "N/A"; }
static TEXT(text_uid) { return number(job, buf, "uid"); }
static TEXT(text_priority) { return number(job, buf, "priority"); }

static TEXT(text_restarts) { return number(job, buf, "restart_count"); }

static TEXT(text_short)
{
	enum mscg_state state;

	(void)buf;
	return mscg_state_parse(jtext(job, "state", ""), &state, NULL) == 0 ? mscg_state_short(state) : "?";
}

static TEXT(text_reason)
{
	(void)buf;
	return jtext(job, "reason", "None");
}

/* squeue's %R: where it runs, or why it does not. */
static TEXT(text_where)
{
	if (jhas(job, "node") && job_has_started(job) && !job_has_ended(job))
		return jtext(job, "node", "");
	snprintf(buf, JOB_TEXT, "(%.100s)", jtext(job, "reason", "None"));
	return buf;
}

static TEXT(text_exit)
{
	snprintf(buf, JOB_TEXT, "%lld:%lld", (long long)jint(job, "exit_code", 0), (long long)jint(job, "signal", 0));
	return buf;
}

static TEXT(text_one)
{
	(void)job, (void)buf;
	return "1";
}

static TEXT(text_req_cpus) { return text_cpus(jreal(job, "cpus", 0), buf, JOB_TEXT); }

static TEXT(text_alloc_cpus)
{
	double held = jreal(job, "current_cpus", 0);

	/* Afterwards the mean of what it held: an elastic job had many numbers. */
	if (held == 0 && job_has_started(job)) {
		int64_t usec = job_usage(job, "cpu_held_usec");
		double seconds = jreal(job, "run_seconds", 0);

		held = jbool(job, "elastic", false) && usec > 0 && seconds > 0.1 ? (double)usec / 1e6 / seconds : jreal(job, "cpus", 0);
		if (jbool(job, "elastic", false))
			held = (double)(int64_t)(held * 10 + 0.5) / 10;
	}
	return text_cpus(held, buf, JOB_TEXT);
}

static TEXT(text_gres) { (void)buf; return jtext(job, jhas(job, "gres_granted") ? "gres_granted" : "gres", "N/A"); }
static TEXT(text_gpus) { return number(job, buf, "gpus"); }
static TEXT(text_gpu_time) { return text_elapsed(jreal(job, "gpu_seconds", 0), buf, JOB_TEXT); }
static TEXT(text_req_mem) { return text_bytes((uint64_t)jint(job, "mem_bytes", 0), buf, JOB_TEXT); }

static const char *slurm_time(const json_t *job, char *buf, const char *key, const char *none)
{
	int64_t usec = jtime(job, key);

	if (!usec)
		return none;
	format_local(usec, buf, JOB_TEXT);
	buf[10] = 'T';
	return buf;
}

static TEXT(text_submit) { return slurm_time(job, buf, "submit_time", "Unknown"); }
static TEXT(text_start) { return slurm_time(job, buf, "start_time", "Unknown"); }
static TEXT(text_end) { return slurm_time(job, buf, "end_time", "Unknown"); }

static TEXT(text_run) { return text_elapsed(jreal(job, "run_seconds", 0), buf, JOB_TEXT); }
static TEXT(text_wait) { return text_elapsed(jreal(job, "wait_seconds", 0), buf, JOB_TEXT); }

/* squeue's %M: no leading hours that are none. */
static TEXT(text_run_short)
{
	text_run(job, buf);
	return strncmp(buf, "00:0", 4) == 0 ? buf + 4 : strncmp(buf, "00:", 3) == 0 ? buf + 3 : buf;
}

static TEXT(text_run_raw)
{
	snprintf(buf, JOB_TEXT, "%.0f", jreal(job, "run_seconds", 0));
	return buf;
}

static TEXT(text_limit)
{
	int64_t limit = jint(job, "time_limit", 0);

	return limit ? text_elapsed((double)limit, buf, JOB_TEXT) : "UNLIMITED";
}

static TEXT(text_left)
{
	int64_t limit = jint(job, "time_limit", 0);

	return limit ? text_elapsed((double)limit - jreal(job, "run_seconds", 0), buf, JOB_TEXT) : "UNLIMITED";
}

static TEXT(text_suspended) { return text_elapsed(jreal(job, "suspended_seconds", 0), buf, JOB_TEXT); }

/* sacct's form of CPU time: with thousandths below an hour. */
static const char *cpu_time(const json_t *job, char *buf, const char *key)
{
	int64_t usec = job_usage(job, key), s = usec / 1000000;

	if (usec < 0)
		return "";
	if (s >= 3600)
		return text_elapsed((double)s, buf, JOB_TEXT);
	snprintf(buf, JOB_TEXT, "%02d:%02d.%03d", (int)(s / 60), (int)(s % 60), (int)(usec % 1000000 / 1000));
	return buf;
}

static TEXT(text_cpu) { return cpu_time(job, buf, "cpu_usec"); }
static TEXT(text_cpu_user) { return cpu_time(job, buf, "cpu_user_usec"); }
static TEXT(text_cpu_system) { return cpu_time(job, buf, "cpu_system_usec"); }

static TEXT(text_held)
{
	return text_elapsed((double)job_usage(job, "cpu_held_usec") / 1e6, buf, JOB_TEXT);
}

static TEXT(text_held_raw)
{
	snprintf(buf, JOB_TEXT, "%lld", (long long)(MAX_OF(job_usage(job, "cpu_held_usec"), 0) / 1000000));
	return buf;
}

static const char *bytes(const json_t *job, char *buf, const char *key)
{
	int64_t v = job_usage(job, key);

	return v < 0 ? "" : text_bytes((uint64_t)v, buf, JOB_TEXT);
}

static TEXT(text_peak) { return bytes(job, buf, "memory_peak_bytes"); }
static TEXT(text_read) { return bytes(job, buf, "io_read_bytes"); }
static TEXT(text_write) { return bytes(job, buf, "io_write_bytes"); }
static TEXT(text_log_cut) { return bytes(job, buf, "log_cut_bytes"); }

static const char *count(const json_t *job, char *buf, const char *key)
{
	return number(json_object_get(job, "accounting"), buf, key);
}

static TEXT(text_oom) { return count(job, buf, "oom_kills"); }
static TEXT(text_pids) { return count(job, buf, "pids_peak"); }

static const char *percent(const json_t *job, char *buf, const char *key)
{
	const json_t *accounting = json_object_get(job, "accounting");

	snprintf(buf, JOB_TEXT, "%.2f%%", jreal(accounting, key, 0) * 100);
	return jhas(accounting, key) ? buf : "";
}

static TEXT(text_cpu_efficiency) { return percent(job, buf, "cpu_efficiency"); }
static TEXT(text_memory_efficiency) { return percent(job, buf, "memory_efficiency"); }

static TEXT(text_cost)
{
	const json_t *cost = json_object_get(job, "cost");

	snprintf(buf, JOB_TEXT, "%.4f", jreal(cost, "amount", 0));
	return jhas(cost, "amount") ? buf : "";
}

/* -- their names ------------------------------------------------------------------------------------------------ */

const struct job_field job_fields[] = {
	{'i', "JOBID", "JobID", -12, job_text_id, "12, 12_3, and 12_[5-15] for the tasks of an array that wait, or never started"},
	{'A', "JOBID", "JobIDRaw", -12, text_raw_id, "the same without the list"},
	{'F', "ARRAY_JOB_ID", "ArrayJobID", 10, text_job_number, "12 of 12_3"},
	{'K', "ARRAY_TASK_ID", "ArrayTaskID", 11, text_task, "3 of 12_3"},
	{'j', "NAME", "JobName", 10, text_name, "its name"},
	{'u', "USER", "User", 9, text_user, "whose it is"},
	{'U', "UID", "UID", 6, text_uid, "and by number"},
	{'a', "ACCOUNT", "Account", 10, text_account, "--account, kept as given"},
	{'P', "PARTITION", "Partition", 10, text_partition, "its partition"},
	{'q', "QOS", "QOS", 10, text_qos, "its quality of service"},
	{'v', "RESERVATION", "Reservation", 11, text_reservation, "the reservation that it runs in"},
	{'k', "COMMENT", "Comment", 14, text_comment, "--comment"},
	{'T', "STATE", "State", 10, text_state, "PENDING, RUNNING, ..."},
	{'t', "ST", NULL, 0, text_short, "PD, R, ..."},
	{'r', "REASON", "Reason", 22, text_reason, "why it waits, or ended so"},
	{'R', "NODELIST(REASON)", NULL, 0, text_where, "the node, or why it waits"},
	{'N', "NODELIST", "NodeList", 15, text_node, "the node"},
	{'D', "NODES", "NNodes", 8, text_one, "1"},
	{0, NULL, "ExitCode", 8, text_exit, "code:signal"},
	{'p', "PRIORITY", "Priority", 10, text_priority, "higher is first"},
	{'Q', "PRIORITY", NULL, 0, text_priority, "the same"},
	{'V', "SUBMIT_TIME", "Submit", 19, text_submit, "when it was submitted"},
	{0, NULL, "Eligible", 19, text_submit, "when it could have run"},
	{'S', "START_TIME", "Start", 19, text_start, "when it started"},
	{'e', "END_TIME", "End", 19, text_end, "when it ended"},
	{0, NULL, "Elapsed", 11, text_run, "how long it has run"},
	{'M', "TIME", NULL, 0, text_run_short, "how long it has run"},
	{0, NULL, "ElapsedRaw", 10, text_run_raw, "in seconds"},
	{0, NULL, "Planned", 11, text_wait, "how long it waited"},
	{0, NULL, "Suspended", 11, text_suspended, "how long it was suspended"},
	{'l', "TIME_LIMIT", "Timelimit", 11, text_limit, "--time"},
	{'L', "TIME_LEFT", NULL, 0, text_left, "what is left of it"},
	{'c', "MIN_CPUS", "ReqCPUS", 8, text_req_cpus, "--cpus"},
	{'C', "CPUS", "AllocCPUS", 10, text_alloc_cpus, "what it holds; afterwards the mean of it"},
	{0, NULL, "NCPUS", 10, text_alloc_cpus, "the same"},
	{'m', "MIN_MEMORY", "ReqMem", 10, text_req_mem, "--mem"},
	{'b', "TRES_PER_NODE", "Gres", 12, text_gres, "--gres, --gpus, --licenses: gpu:2, and while it runs which: gpu:2(IDX:0,2)"},
	{0, NULL, "GPUs", 4, text_gpus, "--gpus"},
	{0, NULL, "GPUTime", 11, text_gpu_time, "GPUs times the time that it had them"},
	{0, NULL, "MaxRSS", 10, text_peak, "the kernel's memory.peak"},
	{0, NULL, "TotalCPU", 12, text_cpu, "CPU time used"},
	{0, NULL, "UserCPU", 12, text_cpu_user, "in the program"},
	{0, NULL, "SystemCPU", 12, text_cpu_system, "in the kernel"},
	{0, NULL, "CPUTime", 12, text_held, "CPU time held: CPUs times elapsed, exactly"},
	{0, NULL, "CPUTimeRAW", 12, text_held_raw, "in seconds"},
	{0, NULL, "CPUEff", 8, text_cpu_efficiency, "used of held"},
	{0, NULL, "MemEff", 8, text_memory_efficiency, "peak of limit"},
	{0, NULL, "Cost", 10, text_cost, "what all of its attempts cost by the rates of mscgd"},
	{0, NULL, "MaxDiskRead", 12, text_read, "read from disks"},
	{0, NULL, "MaxDiskWrite", 12, text_write, "written to disks"},
	{0, NULL, "LogCut", 10, text_log_cut, "output that was cut (--log-max)"},
	{0, NULL, "MaxPids", 8, text_pids, "processes and threads at once"},
	{0, NULL, "OOMKills", 8, text_oom, "processes that the OOM killer ended"},
	{0, NULL, "Restarts", 8, text_restarts, "how often it was started again"},
	{'o', "COMMAND", "Command", 20, job_text_command, "what it runs"},
	{'Z', "WORK_DIR", "WorkDir", 20, text_workdir, "where"},
	{0, NULL, "SubmitLine", 20, text_submit_line, "the command line that submitted it"},
	{0, NULL, "StdOut", 20, text_stdout, "where its output goes"},
	{0, NULL, "StdErr", 20, text_stderr, "and its errors"},
	{0, NULL, "CPUSet", 10, text_cpuset, "the cores that it holds"},
	{0, NULL, "CGroup", 20, text_cgroup, "its cgroup, while it has one"},
	{0},
};

const struct job_field *job_field_by_letter(char letter)
{
	for (const struct job_field *f = job_fields; f->text; f++)
		if (letter && f->letter == letter)
			return f;
	return NULL;
}

const struct job_field *job_field_by_name(const char *name, size_t n)
{
	for (const struct job_field *f = job_fields; f->text; f++)
		if (f->name && strncasecmp(f->name, name, n) == 0 && !f->name[n])
			return f;
	return NULL;
}
