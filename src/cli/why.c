/* mscg why: what a job waits for. */
#include "cli.h"

#include "src/base/clock.h"

static void print_start(const json_t *reply)
{
	int64_t usec = jtime(reply, "expected_start");
	char at[64], text[64];

	if (json_is_null(json_object_get(reply, "expected_start"))) {
		fputs("  Expected start: cannot be said: ", stdout);
		print_plain(stdout, jtext(reply, "unknown_because", "?"));
		putchar('\n');
		return;
	}
	text_time(usec, at, sizeof at);
	usec = MAX_OF(usec - clock_real_usec(), 0);
	printf("  Expected start: %s, in %s, at the latest by time limits\n", at, text_elapsed((double)usec / 1e6, text, sizeof text));
}

static void print_before(const json_t *reply)
{
	const json_t *before = json_object_get(reply, "before"), *id;
	int64_t n = jint(reply, "ahead", 0);
	size_t i;

	if (!n)
		return;
	printf("  Before it:      %s%lld:", jbool(reply, "ahead_more", false) ? "more than " : "", (long long)n);
	json_array_foreach(before, i, id)
		printf(" %s", json_string_value(id));
	puts((int64_t)json_array_size(before) < n ? " ..." : "");
}

static void print_why(const json_t *reply)
{
	const json_t *change;
	size_t i;

	printf("Job %s: %s: ", jtext(reply, "id", "?"), jtext(reply, "reason", "?"));
	print_plain(stdout, jtext(reply, "reason_text", ""));
	putchar('\n');
	print_before(reply);
	print_start(reply);
	json_array_foreach(json_object_get(reply, "starts_now_with"), i, change) {
		fputs(i ? "                  " : "  Starts now with ", stdout);
		print_plain(stdout, jtext(change, "change", "?"));
		if (jtext(change, "command", NULL))
			printf(": %s", jtext(change, "command", ""));
		putchar('\n');
	}
}

static int why_run(struct cli *cli, void *options, char **words)
{
	(void)options;
	return cli_ask_print(cli, "Why", json_pack("{s:s}", "id", words[0]), NULL, print_why);
}

const struct verb verb_why = {
	.name = "why",
	.summary = "Say what a pending job waits for, and what would make it start now",
	.words = "JOB",
	.about = "Says the reason, who is before it in the queue, when it starts by the present plan at the latest (every job\n"
	         "taken to run until its time limit), and each change that alone would let it start now: a priority, fewer CPUs,\n"
	         "less memory, a shorter time limit, a release. The plan changes with what ends early and what is submitted.",
	.examples = "  mscg why 12\n  mscg why 12_3 --json",
	.run = why_run,
	.words_min = 1,
	.words_max = 1,
	.values = VALUES_JOB,
};
