/* Efficiency and advice: what `mscg show` ends with. */
#include "advice.h"

#include <stdarg.h>

#include "job_text.h"
#include "src/base/parse.h"

#define MIB UINT64_C(1048576)
#define GIB (1024 * MIB)

/* -- efficiency, as seff prints it ------------------------------------------------------------------------------ */

/* "1.26 MB": seff's units, which are powers of 1024. */
static char *seff_size(int64_t bytes, char *buf, size_t size)
{
	static const char *const units[] = {"KB", "MB", "GB", "TB"};
	double v = (double)bytes / 1024;
	size_t u = 0;

	for (; v >= 1024 && u + 1 < ARRAY_SIZE(units); u++)
		v /= 1024;
	snprintf(buf, size, "%.2f %s", v, units[u]);
	return buf;
}

void efficiency_print(const json_t *job)
{
	const json_t *accounting = json_object_get(job, "accounting");
	int64_t used = job_usage(job, "cpu_usec"), held = job_usage(job, "cpu_held_usec"), peak = job_usage(job, "memory_peak_bytes");
	const char *so_far = job_has_ended(job) ? "" : " so far";
	char a[64], b[64];

	if (!job_has_started(job) || (used < 0 && peak < 0))
		return;
	if (used >= 0) {
		printf("  CPU Utilized: %s\n", text_elapsed((double)used / 1e6, a, sizeof a));
		if (held > 0)
			printf("  CPU Efficiency: %.2f%% of %s core-walltime%s\n", jreal(accounting, "cpu_efficiency", 0) * 100,
			       text_elapsed((double)held / 1e6, a, sizeof a), so_far);
	}
	printf("  Job Wall-clock time: %s\n", text_elapsed(jreal(job, "run_seconds", 0), a, sizeof a));
	if (peak >= 0) {
		printf("  Memory Utilized: %s\n", seff_size(peak, a, sizeof a));
		if (jhas(accounting, "memory_efficiency"))
			printf("  Memory Efficiency: %.2f%% of %s%s\n", jreal(accounting, "memory_efficiency", 0) * 100,
			       seff_size(jint(job, "mem_bytes", 0), b, sizeof b), so_far);
	}
}

/* -- advice ----------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	printf("  %-12s ", "Advice:");
	vprintf(format, ap);
	putchar('\n');
	va_end(ap);
}

/* A size as one would write it behind --mem. */
static char *mem_option(uint64_t bytes, char *buf, size_t size)
{
	if (bytes % GIB == 0)
		snprintf(buf, size, "%lluG", (unsigned long long)(bytes / GIB));
	else
		snprintf(buf, size, "%lluM", (unsigned long long)(bytes / MIB));
	return buf;
}

static uint64_t round_up(uint64_t v, uint64_t step)
{
	return (v + step - 1) / step * step;
}

/* A quarter above the peak, in steps that one would write. */
static uint64_t enough_for(uint64_t peak)
{
	uint64_t want = peak + peak / 4;

	return round_up(MAX_OF(want, 16 * MIB), want < 256 * MIB ? 16 * MIB : want < GIB ? 64 * MIB : want < 8 * GIB ? 256 * MIB : GIB);
}

/* What ran for less than a second is no measure: no suggestion then. */
static void advise_cpus(const json_t *job)
{
	int64_t used_usec = job_usage(job, "cpu_usec"), held_usec = job_usage(job, "cpu_held_usec");
	double seconds = jreal(job, "run_seconds", 0), asked = jreal(job, "cpus", 0), used, held;
	int64_t enough;
	bool elastic = jbool(job, "elastic", false);
	char text[32];

	if (used_usec < 0 || seconds < 0.01)
		return;
	used = (double)used_usec / 1e6 / seconds;
	held = elastic && held_usec > 0 ? (double)held_usec / 1e6 / seconds : asked;
	/* Rounded up, but for a tenth of a CPU: nobody wants a second one for that. */
	enough = MAX_OF((int64_t)(used + 0.9), 1);
	text_cpus(asked, text, sizeof text);
	if (elastic)
		printf("  %-12s asked %s CPU%s, held %.1f, used %.1f on average", "Advice:", text, asked == 1 ? "" : "s", held, used);
	else
		printf("  %-12s asked %s CPU%s, used %.1f on average", "Advice:", text, asked == 1 ? "" : "s", used);
	if (seconds >= 1 && enough < (int64_t)held && !streq(jtext(job, "cpu_mode", ""), "quota"))
		printf(": --%scpus %lld would have been enough", elastic && (double)enough >= asked ? "max-" : "",
		       (long long)enough);
	putchar('\n');
}

static void advise_memory(const json_t *job)
{
	int64_t peak = job_usage(job, "memory_peak_bytes"), limit = jint(job, "mem_bytes", 0);
	uint64_t enough;
	char asked[32], used[32], option[32];

	if (peak < 0 || limit <= 0)
		return;
	enough = enough_for((uint64_t)peak);
	text_bytes((uint64_t)limit, asked, sizeof asked);
	text_bytes((uint64_t)peak, used, sizeof used);
	if (enough <= (uint64_t)limit / 4 * 3)
		say("asked %s of memory, used %s at most: --mem %s would have been enough", asked, used,
		    mem_option(enough, option, sizeof option));
	else
		say("asked %s of memory, used %s at most", asked, used);
}

static void advise_out_of_memory(const json_t *job)
{
	int64_t peak = job_usage(job, "memory_peak_bytes"), limit = jint(job, "mem_bytes", 0), kills = job_usage(job, "oom_kills");
	char at[32], top[32], option[32];

	text_bytes((uint64_t)MAX_OF(limit, 0), at, sizeof at);
	if (kills > 0)
		say("the kernel's OOM killer ended %lld process%s of this job; its limit is %s", (long long)kills, kills == 1 ? "" : "es", at);
	else
		say("the kernel's OOM killer ended this job; its limit is %s", at);
	if (limit <= 0 || peak < 0)
		return;
	text_bytes((uint64_t)peak, top, sizeof top);
	/* The peak of what was stopped at its limit is the limit, and says nothing about what it would have taken. */
	if (peak >= limit / 100 * 98)
		say("its memory stood at the limit (peak %s): what it needs is not known. Next, try --mem %s", top,
		    mem_option(round_up((uint64_t)limit * 2, MIB), option, sizeof option));
	else if (enough_for((uint64_t)peak) <= (uint64_t)limit)
		say("its peak was %s, below the limit: it was the machine that ran out of memory", top);
	else
		say("its peak was %s: --mem %s would have been enough for that", top, mem_option(enough_for((uint64_t)peak), option, sizeof option));
}

static void advise_timeout(const json_t *job)
{
	int64_t limit = jint(job, "time_limit", 0);
	char at[64], twice[64];

	say("it reached its time limit of %s (then SIGTERM, %lld s of grace, kill): -t %s is twice as long",
	    text_elapsed((double)limit, at, sizeof at), (long long)jint(job, "grace", 0), text_elapsed((double)limit * 2, twice, sizeof twice));
}

void advice_print(const json_t *job)
{
	const char *state = jtext(job, "state", "");

	/* Of what never ran, the line of its reason says it all. */
	if (!job_has_ended(job) || !job_has_started(job) || jint(job, "array_tasks", 0))
		return;
	if (streq(state, "OUT_OF_MEMORY"))
		advise_out_of_memory(job);
	if (streq(state, "TIMEOUT"))
		advise_timeout(job);
	advise_cpus(job);
	if (!streq(state, "OUT_OF_MEMORY"))
		advise_memory(job);
}
