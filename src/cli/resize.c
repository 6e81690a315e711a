/* mscg resize: other CPUs or memory for a job that runs. */
#include "cli.h"

struct resize_options {
	uint32_t cpus;
	uint64_t mem;
};

struct resize {
	const struct cli *cli;
	json_t *last;
};

static bool on_answer(json_t *reply, void *ctx)
{
	struct resize *r = ctx;
	const char *answer = jtext(reply, "answer", "?");

	json_decref(r->last);
	r->last = json_incref(reply);
	if (!r->cli->json) {
		printf("%s", answer);
		if (jhas(reply, "why")) {
			printf(": ");
			print_plain(stdout, jtext(reply, "why", ""));
		}
		putchar('\n');
		cli_flush();
	}
	return true;
}

static json_t *number_of_cpus(uint32_t milli)
{
	return milli % 1000 ? json_real(milli / 1000.0) : json_integer(milli / 1000);
}

static int resize_run(struct cli *cli, void *options, char **words)
{
	const struct resize_options *o = options;
	struct resize resize = {.cli = cli};
	struct mscg_error error = {0};
	struct mscg *m;
	json_t *ids, *parameters;
	const char *answer;
	int r;

	if (!o->cpus && !o->mem)
		return cli_usage(cli, "resize: to what? expected --cpus N, --mem SIZE or both");
	ids = cli_job_ids(cli, words);
	if (!ids)
		return CLI_USAGE;
	parameters = json_pack("{s:O}", "id", json_array_get(ids, 0));
	if (o->cpus)
		json_object_set_new(parameters, "cpus", number_of_cpus(o->cpus));
	if (o->mem)
		json_object_set_new(parameters, "mem_bytes", json_integer((json_int_t)o->mem));
	r = cli_connect(cli, 0, &m);
	if (r) {
		json_decref(parameters);
		json_decref(ids);
		return r;
	}
	r = mscg_call_more(m, "Resize", parameters, on_answer, &resize, &error) < 0 ? cli_fail(&error) : 0;
	mscg_close(m);
	answer = jtext(resize.last, "answer", "");
	if (!r && (streq(answer, "Deferred") || streq(answer, "Infeasible")))
		r = CLI_FAILED;
	if (cli->json && resize.last) {
		json_object_set(resize.last, "id", json_array_get(ids, 0));
		print_json(resize.last);
	}
	json_decref(resize.last);
	json_decref(ids);
	return r;
}

static const struct option_spec resize_options[] = {
	{'c', "cpus", "N", "to so many CPUs", value_cpus, offsetof(struct resize_options, cpus)},
	{0, "mem", "SIZE", "to so much memory: 8GB, 512m; a bare number is MiB", value_size, offsetof(struct resize_options, mem)},
	{0},
};

const struct verb verb_resize = {
	.name = "resize",
	.summary = "Change the CPUs or the memory of a running job",
	.words = "JOB",
	.about = "Changes what a running job holds, and waits until the kernel has taken it. Prints the answers as they come:\n"
	         "Proposed, InProgress, and then Done; or Deferred (nothing changed, why) or Infeasible (never possible, why), which\n"
	         "exit with status 1. Memory shrinks without killing: what the job needs is not taken from it.",
	.examples = "  mscg resize 12 --cpus 4\n  mscg resize 12 --mem 2GB",
	.run = resize_run,
	.options = resize_options,
	.size = sizeof(struct resize_options),
	.words_min = 1,
	.words_max = 1,
	.values = VALUES_JOB,
};
