/* mscg show: everything about a job. The labels of Mini-SLURM come first and as they were; what follows them is ours. */
#include "cli.h"

#include <stdarg.h>

#include "advice.h"
#include "job_text.h"
#include "src/base/parse.h"

__attribute__((format(printf, 2, 3))) static void line(const char *label, const char *format, ...)
{
	char text[8192];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	printf("  %-12s ", label);
	print_plain(stdout, text);
	putchar('\n');
}

/* A line only where there is something. */
static void known(const char *label, const json_t *job, const char *key)
{
	const char *text = jtext(job, key, "");

	if (*text)
		line(label, "%s", text);
}

static void print_cpus(const json_t *job)
{
	char cpus[32], current[32], min[32], max[32];
	double held = jreal(job, "current_cpus", 0);

	text_cpus(jreal(job, "cpus", 0), cpus, sizeof cpus);
	if (!jbool(job, "elastic", false)) {
		line("CPUs:", "%s", cpus);
		return;
	}
	line("Type:", "ELASTIC");
	line("CPUs:", "%s (current: %s, min: %s, max: %s)", cpus,
	     text_cpus(held > 0 ? held : jreal(job, "cpus", 0), current, sizeof current),
	     text_cpus(jreal(job, "min_cpus", 0), min, sizeof min), text_cpus(jreal(job, "max_cpus", 0), max, sizeof max));
	if (streq(jtext(job, "elastic_by", ""), "pressure"))
		line("Elastic by:", "pressure (%s)", jtext(job, "elastic_need", "nothing is known of its need yet"));
	known("Not grown:", job, "elastic_why");
}

static void print_times(const json_t *job)
{
	static const struct { const char *label, *key; } times[] = {
		{"Submitted:", "submit_time"}, {"Started:", "start_time"}, {"Ended:", "end_time"},
	};
	char text[64];

	for (size_t i = 0; i < ARRAY_SIZE(times); i++)
		line(times[i].label, "%s", text_time(jtime(job, times[i].key), text, sizeof text));
	line("Wait time:", "%.2fs", jreal(job, "wait_seconds", 0));
	if (job_has_started(job))
		line("Runtime:", "%.2fs", jreal(job, "run_seconds", 0));
	else
		line("Runtime:", "-");
}

/* The negative number of a signal is what Mini-SLURM has for it. */
static void print_return_code(const json_t *job)
{
	int64_t signal = jint(job, "signal", 0);

	if (signal)
		line("Return code:", "-%lld (%s)", (long long)signal, signal_name((int)signal));
	else if (jhas(job, "exit_code"))
		line("Return code:", "%lld", (long long)jint(job, "exit_code", 0));
	else
		line("Return code:", "-");
}

static void print_cpu_times(const json_t *job)
{
	int64_t user = job_usage(job, "cpu_user_usec"), system = job_usage(job, "cpu_system_usec");

	if (user >= 0)
		line("CPU user:", "%.2fs", (double)user / 1e6);
	if (system >= 0)
		line("CPU system:", "%.2fs", (double)system / 1e6);
}

static void print_reason(const json_t *job)
{
	const char *name = jtext(job, "reason", NULL), *text = jtext(job, "reason_text", NULL);
	enum mscg_reason reason;

	if (!text && name && mscg_reason_parse(name, &reason) == 0)
		text = mscg_reason_text(reason);
	if (name && text && *text)
		line("Reason:", "%s: %s", name, text);
	else if (name || (text && *text))
		line("Reason:", "%s", name ? name : text);
}

static uint64_t count_tasks(const char *ranges)
{
	struct mscg_range *r = NULL;
	uint32_t n = 0;
	uint64_t count = 0;

	if (*ranges && mscg_ranges_parse(ranges, &r, &n, NULL) == 0)
		count = mscg_ranges_count(r, n);
	free(r);
	return count;
}

static void print_array(const json_t *job)
{
	const json_t *never = json_object_get(job, "array_unstarted");
	const char *pending = job_pending_tasks(job);
	int64_t tasks = jint(job, "array_tasks", 0), ended = jint(job, "array_ended", 0), waiting = (int64_t)count_tasks(pending);

	if (!tasks)
		return;
	line("Tasks:", "%lld: %lld waiting, %lld running, %lld ended, of these %lld not well", (long long)tasks, (long long)waiting,
	     (long long)MAX_OF(tasks - ended - waiting, 0), (long long)ended, (long long)jint(job, "array_failed", 0));
	if (*pending)
		line("Waiting:", "%s", pending);
	if (jhas(job, "array_unstarted"))
		line("Never ran:", "%s, %s", jtext(never, "tasks", ""), jtext(never, "state", "?"));
	if (jhas(job, "array_held"))
		line("Held:", "%s", jtext(job, "array_held", ""));
	if (jint(job, "array_throttle", 0))
		line("At a time:", "%lld", (long long)jint(job, "array_throttle", 0));
	if (jint(job, "array_max_fails", 0))
		line("May fail:", "%lld, %lld have", (long long)jint(job, "array_max_fails", 0), (long long)jint(job, "array_fails", 0));
}

static void print_switches(const json_t *job)
{
	const json_t *switches = json_object_get(job, "switches"), *name;
	char text[4096] = "";
	size_t i, n = 0;

	json_array_foreach(switches, i, name)
		if (n < sizeof text)
			n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", i ? "," : "", json_string_value(name) ? json_string_value(name) : "?");
	if (json_array_size(switches) > 1)
		line("Switches:", "%s, below %s", text, jtext(job, "common_switch", "?"));
	else if (*text)
		line("Switches:", "%s", text);
}

static void print_ours(const json_t *job)
{
	char text[64];
	int64_t limit = jint(job, "time_limit", 0);

	print_reason(job);
	known("Name:", job, "name");
	known("Account:", job, "account");
	known("Partition:", job, "partition");
	known("QOS:", job, "qos");
	known("Reservation:", job, "reservation");
	known("Comment:", job, "comment");
	print_array(job);
	known("Waits for:", job, "dependency");
	if (jhas(job, "begin_time"))
		line("Begin:", "%s", text_time(jtime(job, "begin_time"), text, sizeof text));
	if (jhas(job, "deadline"))
		line("Deadline:", "%s", text_time(jtime(job, "deadline"), text, sizeof text));
	line("Time limit:", "%s", limit ? text_elapsed((double)limit, text, sizeof text) : "none");
	if (jhas(job, "time_limit_asked"))
		line("Asked for:", "%s, %s", text_elapsed((double)jint(job, "time_limit_asked", 0), text, sizeof text),
		     jint(job, "time_limit_asked", 0) > limit ? "given less to start earlier" : "given more, as that delays nobody");
	if (jhas(job, "time_min"))
		line("At least:", "%s", text_elapsed((double)jint(job, "time_min", 0), text, sizeof text));
	if (jhas(job, "time_extend"))
		line("Extends to:", "%s", text_elapsed((double)jint(job, "time_extend", 0), text, sizeof text));
	known("Signal:", job, "signal_before_end");
	known("Directory:", job, "workdir");
	known("Stdin:", job, "stdin_path");
	if (streq(jtext(job, "cpu_mode", ""), "quota"))
		line("CPU mode:", "quota (a share of the cores set aside for sharing)");
	known("Cores:", job, "cpuset");
	known("Memory nodes:", job, "mems");
	known("GRES:", job, jhas(job, "gres_granted") ? "gres_granted" : "gres");
	if (jint(job, "gpus", 0))
		line("GPU time:", "%.2fs", jreal(job, "gpu_seconds", 0));
	known("Node:", job, "node");
	known("Nodes:", job, "nodes");
	print_switches(job);
	known("Cgroup:", job, "cgroup");
	known("Not enforced:", job, "not_enforced");
	if (jhas(job, "pid"))
		line("Main pid:", "%lld", (long long)jint(job, "pid", 0));
	if (job_usage(job, "log_cut_bytes") > 0)
		line("Output cut:", "%s (--log-max)", text_bytes((uint64_t)job_usage(job, "log_cut_bytes"), text, sizeof text));
	if (jint(job, "attempt", 0) > 1)
		line("Attempt:", "%lld", (long long)jint(job, "attempt", 0));
	if (jreal(job, "suspended_seconds", 0) > 0)
		line("Suspended:", "%.2fs", jreal(job, "suspended_seconds", 0));
	if (jint(job, "restart_count", 0))
		line("Restarts:", "%lld", (long long)jint(job, "restart_count", 0));
}

static void print_cost(const json_t *cost)
{
	char gpus[64] = "";

	if (jreal(cost, "gpu_hours", 0) > 0)
		snprintf(gpus, sizeof gpus, ", %.4f GPU-hours", jreal(cost, "gpu_hours", 0));
	if (jhas(cost, "amount"))
		line("Cost:", "%.4f%s%s (%.4f CPU-hours, %.4f GiB-hours%s)", jreal(cost, "amount", 0), jhas(cost, "currency") ? " " : "",
		     jtext(cost, "currency", ""), jreal(cost, "cpu_hours", 0), jreal(cost, "gib_hours", 0), gpus);
}

static void print_pressure(const json_t *live)
{
	if (jhas(live, "cpu_pressure") || jhas(live, "memory_pressure") || jhas(live, "io_pressure"))
		line("Pressure:", "CPU %.1f%%, memory %.1f%%, I/O %.1f%% of the last 10 s spent waiting", jreal(live, "cpu_pressure", 0),
		     jreal(live, "memory_pressure", 0), jreal(live, "io_pressure", 0));
}

static void print_live(const json_t *job)
{
	const json_t *live = json_object_get(job, "live");
	const char *effective = jtext(live, "cpuset_effective", "");
	int64_t pinned = jint(live, "pinned_threads", 0);
	char now[32], max[32];

	if (!json_is_object(live))
		return;
	if (*effective && !streq(effective, jtext(job, "cpuset", "")))
		line("Effective:", "cores %s: the kernel gives it others than were asked for", effective);
	if (jhas(live, "memory_current_bytes")) {
		text_bytes((uint64_t)jint(live, "memory_current_bytes", 0), now, sizeof now);
		if (jhas(live, "memory_max_bytes"))
			line("Memory now:", "%s of %s", now, text_bytes((uint64_t)jint(live, "memory_max_bytes", 0), max, sizeof max));
		else
			line("Memory now:", "%s", now);
	}
	if (jhas(live, "pids_current"))
		line("Processes:", "%lld, threads included", (long long)jint(live, "pids_current", 0));
	print_pressure(live);
	if (pinned > 0)
		line("Pinned:", "%lld thread%s of it chose cores for %s: what it was given since, %s may not use", (long long)pinned,
		     pinned == 1 ? "" : "s", pinned == 1 ? "itself" : "themselves", pinned == 1 ? "it" : "they");
}

/* Memory that moves: between what, and why it was moved or was not. */
static void print_moving_memory(const json_t *job)
{
	char min[32], max[32], asked[32];
	uint64_t was = (uint64_t)jint(job, "mem_asked_bytes", 0);

	if (!jhas(job, "max_mem_bytes"))
		return;
	line("Elastic mem:", "asked: %s, min: %s, max: %s%s%s", text_bytes(was ? was : (uint64_t)jint(job, "mem_bytes", 0), asked, sizeof asked),
	     text_bytes((uint64_t)jint(job, "min_mem_bytes", 0), min, sizeof min), text_bytes((uint64_t)jint(job, "max_mem_bytes", 0), max, sizeof max),
	     jhas(job, "elastic_mem_need") ? "; " : "", jtext(job, "elastic_mem_need", ""));
}

static void print_cut(const json_t *job)
{
	const json_t *cut = json_object_get(job, "cut"), *name;
	size_t i;

	json_array_foreach(cut, i, name)
		line(i ? "" : "Cut:", "%s, which is too long to be shown whole", json_string_value(name) ? json_string_value(name) : "?");
}

static void print_job(const json_t *job)
{
	char text[64];

	printf("Job %s\n", jtext(job, "id", "?"));
	known("User:", job, "user");
	line("Status:", "%s", jtext(job, "state", "?"));
	line("Priority:", "%lld", (long long)jint(job, "priority", 0));
	known("Command:", job, "command");
	print_cut(job);
	print_cpus(job);
	line("Mem (MB):", "%s", text_mib((uint64_t)jint(job, "mem_bytes", 0), text, sizeof text));
	print_moving_memory(job);
	print_times(job);
	print_return_code(job);
	known("Stdout:", job, "stdout_path");
	known("Stderr:", job, "stderr_path");
	print_cpu_times(job);
	known("Control:", job, "control_file");
	print_ours(job);
	print_cost(json_object_get(job, "cost"));
	print_live(job);
	efficiency_print(job);
	advice_print(job);
}

static int show_run(struct cli *cli, void *options, char **words)
{
	json_t *ids = cli_job_ids(cli, words), *id, *all = json_array();
	struct mscg_error error = {0};
	struct mscg *m;
	int status = CLI_OK;
	size_t i;

	(void)options;
	if (!ids || (status = cli_connect(cli, CONNECT_ONCE, &m)) != 0) {
		json_decref(ids);
		json_decref(all);
		return ids ? status : CLI_USAGE;
	}
	json_array_foreach(ids, i, id) {
		json_t *reply;

		if (mscg_call_json(m, "Show", json_pack("{s:O}", "id", id), &reply, &error) < 0) {
			int failed = cli_fail(&error);

			status = status ? status : failed;
			if (cli_is_lost(error.code))
				break;
			continue;
		}
		if (!cli->json) {
			if (i)
				putchar('\n');
			print_job(json_object_get(reply, "job"));
		}
		json_array_append(all, json_object_get(reply, "job"));
		json_decref(reply);
	}
	if (cli->json && json_array_size(ids) == 1 && json_array_size(all) == 1)
		print_json(json_array_get(all, 0));
	else if (cli->json && json_array_size(ids) > 1)
		print_json(all);
	mscg_close(m);
	json_decref(all);
	json_decref(ids);
	return status;
}

const struct verb verb_show = {
	.name = "show",
	.summary = "Show job details",
	.words = "JOB...",
	.about =
		"Prints all that is known of a job: what it asked for, where it stands and why, what it holds while it runs, and what\n"
		"it really used, from the kernel's own counters (in its last attempt; Cost: is of all). After its end it says what may be\n"
		"asked for less, or more, next time.\n"
		"A job is 12, a task of an array 12_3; of an array as a whole its record is shown. --json prints the Job object of\n"
		"mscg-json(5), and an array of them for more than one job.",
	.examples = "  mscg show 12\n  mscg show --json 12_3",
	.run = show_run,
	.words_min = 1,
	.words_max = -1,
	.values = VALUES_JOB,
};
