/* mscg wait: until jobs have ended; exits with their status. */
#include "wait.h"

#include <poll.h>

#include "list.h"
#include "src/base/clock.h"
#include "watch.h"

/* First soon, for what is so from the beginning; then seldom. */
enum { LOOK_FIRST_S = 1, LOOK_AGAIN_S = 60 };

static void print_ended(const struct cli *cli, const json_t *ended)
{
	char text[OUTCOME_TEXT];

	if (cli->json)
		print_json_line(ended);
	else
		printf("Job %s %s\n", jtext(ended, "id", "?"), outcome_text(ended, text, sizeof text));
	cli_flush();
}

/* -- what will not come to an end by itself ----------------------------------------------------------------------- */

struct stuck {
	json_t *told; /* ids */
	int64_t look_usec;
};

static bool tell_stuck(json_t *job, void *ctx)
{
	static const enum mscg_reason for_ever[] = {MSCG_REASON_DEPENDENCY_NEVER, MSCG_REASON_INFEASIBLE};
	const char *id = jtext(job, "id", "?"), *reason = jtext(job, "reason", "");
	struct stuck *s = ctx;

	for (size_t i = 0; i < ARRAY_SIZE(for_ever); i++)
		if (streq(reason, mscg_reason_name(for_ever[i])) && !json_object_get(s->told, id)) {
			cli_error("job %s waits for ever: %s: %s (mscg cancel %s ends it)", id, reason, jtext(job, "reason_text", ""), id);
			json_object_set_new(s->told, id, json_true());
		}
	return true;
}

/* On a connection of its own: the other one is waiting. */
static void look_for_stuck(const struct cli *cli, struct stuck *s, json_t *ids)
{
	struct list_filter filter = {.ids = ids, .states = UINT32_C(1) << MSCG_STATE_PENDING};
	struct mscg *m;

	s->look_usec = clock_boot_usec() + LOOK_AGAIN_S * USEC_PER_SEC;
	if (cli_try_connect(cli, 0, &m, NULL) < 0)
		return;
	list_jobs(m, &filter, tell_stuck, s, NULL);
	mscg_close(m);
}

int wait_for_jobs(const struct cli *cli, struct mscg *m, json_t *ids, int64_t timeout_ms, enum wait_says says)
{
	int64_t deadline = timeout_ms < 0 ? USEC_NEVER : clock_boot_usec() + timeout_ms * USEC_PER_MSEC;
	struct mscg_error error = {0};
	struct stuck stuck = {json_object(), clock_boot_usec() + LOOK_FIRST_S * USEC_PER_SEC};
	int worst = 0, r = 0;
	struct watch w;

	watch_start(&w, cli, m, ids);
	while (!watch_is_done(&w) && r >= 0) {
		int64_t until = MIN_OF(deadline, stuck.look_usec);
		int64_t left = (MAX_OF(until - clock_boot_usec(), INT64_C(0)) + 999) / USEC_PER_MSEC;
		struct pollfd fd = {.fd = watch_fd(&w), .events = POLLIN};
		json_t *ended;

		poll(&fd, 1, watch_timeout(&w, (int)MIN_OF(left, (int64_t)INT32_MAX)));
		while ((r = watch_next(&w, &ended, &error)) > 0) {
			worst = MAX_OF(worst, outcome_status(ended));
			if (says == WAIT_TELLS)
				print_ended(cli, ended);
			else if (says == WAIT_WHY)
				outcome_explain(ended);
			json_decref(ended);
		}
		if (r == 0 && !watch_is_done(&w) && clock_boot_usec() >= deadline) {
			cli_error("timed out: %zu job%s not ended", json_array_size(w.ids), json_array_size(w.ids) == 1 ? " has" : "s have");
			worst = CLI_TIMED_OUT;
			break;
		}
		if (r == 0 && !watch_is_done(&w) && clock_boot_usec() >= stuck.look_usec)
			look_for_stuck(cli, &stuck, w.ids);
	}
	json_decref(stuck.told);
	watch_end(&w);
	return r < 0 ? cli_fail(&error) : worst;
}

struct wait_options {
	int64_t timeout_ms;
	bool    quiet;
};

static int wait_run(struct cli *cli, void *options, char **words)
{
	const struct wait_options *o = options;
	json_t *ids = cli_job_ids(cli, words);
	struct mscg *m;
	int r;

	if (!ids)
		return CLI_USAGE;
	r = cli_connect(cli, 0, &m);
	if (r) {
		json_decref(ids);
		return r;
	}
	return wait_for_jobs(cli, m, ids, o->timeout_ms, o->quiet ? WAIT_NOTHING : WAIT_TELLS);
}

static const struct option_spec wait_options[] = {
	{0, "timeout", "SECONDS", "give up after so long, with status 124", value_seconds, offsetof(struct wait_options, timeout_ms)},
	{'q', "quiet", NULL, "print nothing", value_true, offsetof(struct wait_options, quiet)},
	{0},
};

const struct verb verb_wait = {
	.name = "wait",
	.summary = "Wait until jobs have ended",
	.words = "JOB...",
	.about = "Waits until all of the jobs have ended, and says how each did as it ends. Exits with the status of the job:\n"
	         "its exit code, 128 + n when signal n ended it, the highest of several, 124 when waiting timed out.\n"
	         "A job is 12, a task of an array 12_3, and 12 all tasks of it. A restart of the scheduler is waited out.",
	.examples = "  mscg wait 12 && echo well done\n  mscg wait --timeout 60 12 13_0",
	.run = wait_run,
	.options = wait_options,
	.defaults = &(const struct wait_options){.timeout_ms = -1},
	.size = sizeof(struct wait_options),
	.words_min = 1,
	.words_max = -1,
	.values = VALUES_JOB,
};
