/* mscg ping: is a daemon there? */
#include "cli.h"

#include "src/base/clock.h"

struct ping_options {
	int64_t wait_ms;
};

static int ping_run(struct cli *cli, void *options, char **words)
{
	const struct ping_options *o = options;
	int64_t deadline = clock_boot_usec() + o->wait_ms * USEC_PER_MSEC;
	struct mscg_error error = {0};
	char up[64];
	struct mscg *m;
	json_t *reply;
	int r = o->wait_ms ? cli_await(cli, deadline, &m) : cli_connect(cli, 0, &m);

	(void)words;
	if (r)
		return r;
	if (o->wait_ms)
		mscg_set_timeout(m, (int)MIN_OF(o->wait_ms, INT64_C(1000000000)));
	r = mscg_call_json(m, "Ping", NULL, &reply, &error) < 0 ? cli_fail(&error) : 0;
	mscg_close(m);
	if (r)
		return r;
	const char *degraded = jtext(reply, "degraded", "");

	if (cli->json)
		print_json(reply);
	else
		printf("mscgd %s, pid %lld, up %s, state in %s%s\n", jtext(reply, "version", "?"), (long long)jint(reply, "pid", 0),
		       text_elapsed(jreal(reply, "uptime_seconds", 0), up, sizeof up), jtext(reply, "state_dir", "?"),
		       jbool(reply, "scheduling", true) ? "" : ", not scheduling");
	if (!cli->json && *degraded) {
		fputs("degraded, no new jobs are taken: ", stdout);
		print_plain(stdout, degraded);
		putchar('\n');
	}
	json_decref(reply);
	return CLI_OK;
}

static const struct option_spec ping_options[] = {
	{0, "wait", "SECONDS", "wait so long for a daemon to answer", value_seconds, offsetof(struct ping_options, wait_ms)},
	{0},
};

const struct verb verb_ping = {
	.name = "ping",
	.summary = "Say whether a scheduler answers",
	.about = "Says which mscgd answers on the socket, or exits with status 4 when none does. Where the state\n"
	         "directory cannot be written (no space, no inodes, an input/output error, read-only) it says so:\n"
	         "running jobs run on, new ones are refused until it can.",
	.examples = "  mscg ping --wait 10 && mscg submit ./train.sh",
	.run = ping_run,
	.options = ping_options,
	.size = sizeof(struct ping_options),
};
