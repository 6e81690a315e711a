/* mscg submit: a command or a batch script into the queue. */
#include <sys/stat.h>

#include "submit.h"
#include "script.h"
#include "wait.h"

const struct submit_options submit_default = {.job = JOB_OPTIONS_DEFAULT};

/* Standard input is a script only where somebody put one there: not a terminal, not the /dev/null of cron. */
static bool stdin_has_script(void)
{
	struct stat st;

	return fstat(STDIN_FILENO, &st) == 0 && (S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
}

/* What is to be run, and for a script the options in it; then the command line once more, since it wins. */
static int find_program(const struct cli *cli, struct submit_options *o, char **words, struct job_program *ret, struct mscg_error *error)
{
	static char *from_stdin[] = {(char *)"stdin", NULL};
	struct option_set sets[OPTION_SETS] = {{submit_option_table, o}, {cli_common_options, (void *)cli}};
	const char *path = words[0];
	_cleanup_free_ char **rest = NULL;
	int r;

	*ret = (struct job_program){.words = words, .wrap = o->wrap};
	if (o->wrap)
		return words[0] ? mscg_error_set(error, -EINVAL, "'%.60s' beside --wrap: expected one command", words[0]) : 0;
	if (!path && !stdin_has_script())
		return mscg_error_set(error, -EINVAL, "no command: expected a program and its arguments, or a script");
	if (!path)
		path = "-";
	if (!streq(path, "-") && !o->script) {
		r = script_is_one(path, o->job.chdir, error);
		if (r <= 0)
			return r;
	}
	r = script_read(path, &ret->script, error);
	if (r < 0)
		return r;
	cli_keep(ret->script);
	if (streq(path, "-")) {
		if (words[0])
			words[0] = from_stdin[0];
		else
			ret->words = from_stdin;
	}
	*o = submit_default;
	sets[1] = (struct option_set){0};
	r = script_options(streq(path, "-") ? "standard input" : path, ret->script, sets, error);
	if (r < 0)
		return r;
	sets[1] = (struct option_set){cli_common_options, (void *)cli};
	return options_parse(sets, cli->argc - cli->first, cli->argv + cli->first, PARSE_COMMAND | PARSE_AGAIN, NULL, &rest, error);
}

void submit_print_asked(const struct mscg_spec *spec, double cpus, uint64_t mem_bytes, int64_t priority)
{
	char text[64], min[32], max[32];

	printf("  cpus=%s, mem=%s%s, priority=%lld", text_cpus(cpus, text, sizeof text),
	       mem_bytes ? text_mib(mem_bytes, min, sizeof min) : "default", mem_bytes ? "MB" : "", (long long)priority);
	if (spec->elastic) {
		text_cpus(spec->min_cpus_milli / 1000.0, min, sizeof min);
		text_cpus(spec->max_cpus_milli / 1000.0, max, sizeof max);
		printf(", elastic=%s-%s", min, spec->max_cpus_milli ? max : "all");
	}
	if (spec->min_mem_bytes || spec->max_mem_bytes)
		printf(", elastic-mem=%s-%sMB", text_mib(spec->min_mem_bytes ? spec->min_mem_bytes : mem_bytes, min, sizeof min),
		       text_mib(spec->max_mem_bytes ? spec->max_mem_bytes : mem_bytes, max, sizeof max));
	putchar('\n');
	if (spec->array) {
		_cleanup_free_ char *ranges = mscg_ranges_format(spec->array, spec->array_n);

		printf("  array=%s, %llu tasks", ranges, (unsigned long long)mscg_ranges_count(spec->array, spec->array_n));
		if (spec->array_throttle)
			printf(", %u at a time", spec->array_throttle);
		putchar('\n');
	}
}

static void print_file(const char *label, const char *path)
{
	if (path)
		printf("  %s=%s\n", label, path);
}

void submit_print_test(struct mscg_spec *spec)
{
	_cleanup_free_ char *command = mscg_command_line(spec);
	char text[64];

	printf("Would submit: %s\n", command);
	submit_print_asked(spec, spec->cpus_milli / 1000.0, spec->mem_bytes, spec->priority);
	printf("  name=%s\n", spec->name);
	if (spec->time_limit_s)
		printf("  time=%s\n", text_elapsed(spec->time_limit_s, text, sizeof text));
	print_file("directory", spec->workdir);
	print_file("input", spec->stdin_path);
	print_file("output", spec->stdout_path);
	print_file("error", spec->stderr_path);
}

/* --test-only: what would be asked. */
static int print_test(const struct cli *cli, struct mscg_spec *spec)
{
	struct mscg_error error = {0};
	json_t *request;

	if (!cli->json) {
		submit_print_test(spec);
		return CLI_OK;
	}
	request = mscg_submit_parameters(&spec, 1, &error);
	if (!request)
		return cli_fail(&error);
	print_json(request);
	json_decref(request);
	return CLI_OK;
}

/* Scripts find it in what --json prints, and in the job. */
void submit_warn_not_enforced(const struct cli *cli, const struct submit_options *o, const json_t *reply)
{
	if (jhas(reply, "not_enforced") && !cli->json && !o->parsable)
		cli_error("warning: this machine lacks controllers (mscg doctor): %s", jtext(reply, "not_enforced", ""));
}

static void print_submitted(const struct cli *cli, const struct submit_options *o, const struct mscg_spec *spec, const json_t *job)
{
	const char *id = jtext(job, "id", "?");

	if (cli->json) {
		print_json(job);
	} else if (o->parsable) {
		printf("%s\n", id);
	} else {
		printf("Submitted job %s\n", id);
		submit_print_asked(spec, jreal(job, "cpus", 0), (uint64_t)jint(job, "mem_bytes", 0), jint(job, "priority", 0));
	}
	cli_flush();
	if (jhas(job, "warning"))
		cli_error("warning: job %s: %s", id, jtext(job, "warning", ""));
	submit_warn_not_enforced(cli, o, job);
}

static int submit_and_wait(const struct cli *cli, const struct submit_options *o, const struct mscg_spec *spec)
{
	struct mscg_error error = {0};
	struct mscg *m;
	json_t *job;
	int r = cli_connect(cli, o->wait ? 0 : CONNECT_ONCE, &m);

	if (r)
		return r;
	if (job_submit(m, spec, NULL, &job, &error) < 0) {
		mscg_close(m);
		return cli_fail(&error);
	}
	print_submitted(cli, o, spec, job);
	if (o->wait) {
		json_t *ids = json_pack("[O]", json_object_get(job, "id"));

		json_decref(job);
		return wait_for_jobs(cli, m, ids, -1, WAIT_WHY);
	}
	if (mscg_is_once(m))
		cli_error("no scheduler is running: job %s waits until one is started (mscg scheduler)", jtext(job, "id", "?"));
	json_decref(job);
	mscg_close(m);
	return CLI_OK;
}

static int submit_run(struct cli *cli, void *options, char **words)
{
	struct submit_options *o = options;
	struct mscg_error error = {0};
	struct job_program program;
	struct mscg_spec *spec;
	int r;

	if (o->file)
		return pipeline_submit(cli, o, words);
	r = find_program(cli, o, words, &program, &error);
	if (r == 0)
		r = job_spec(cli, &o->job, &program, &spec, &error);
	if (r < 0) {
		cli_error("submit: %s", error.text);
		return cli_exit_status(r) == CLI_NO_DAEMON ? CLI_FAILED : cli_exit_status(r);
	}
	job_warn_places(spec);
	r = o->test_only ? print_test(cli, spec) : submit_and_wait(cli, o, spec);
	mscg_spec_free(spec);
	return r;
}

#define SUBMIT(field) offsetof(struct submit_options, field)
const struct option_spec submit_option_table[] = {
	JOB_OPTIONS_BOTH,
	JOB_OPTIONS_BATCH,
	{0, "parsable", NULL, "print the number of the job only", value_true, SUBMIT(parsable)},
	{'W', "wait", NULL, "wait until the job has ended, and exit with its status", value_true, SUBMIT(wait)},
	{0, "wrap", "COMMAND", "the command, as one text for sh", value_text, SUBMIT(wrap)},
	{0, "script", NULL, "the first word is a batch script, also if it could be executed and has no #MSCG line", value_true, SUBMIT(script)},
	{0, "file", "FILE", "the jobs of a pipeline, all or none of them, from a file of JSON ('-': standard input)", value_text, SUBMIT(file),
	 .values = VALUES_FILE},
	{0, "test-only", NULL, "check, print what would be asked, and submit nothing", value_true, SUBMIT(test_only)},
	JOB_OPTIONS_IGNORED,
	JOB_IGNORED('Q', "quiet", NULL, "what is printed depends on --parsable and --json"),
	JOB_OPTIONS_LATER,
	{0},
};

const struct verb verb_submit = {
	.name = "submit",
	.summary = "Submit a job",
	.words = "COMMAND...",
	.about =
		"Puts a job into the queue and prints its number. Options end at the first other word: what follows is the command.\n"
		"\n"
		"One word is given to sh -c; several are a program and its arguments, which no shell reads again. A first word that\n"
		"names a file with #! at its start is a batch script where it has a #MSCG or #SBATCH line, or is no command (may not be\n"
		"executed, or is not in $PATH and has no /); others are with --script. Its text is kept, its options are read from the\n"
		"comments before its first command, and the words behind it are its arguments. The command line wins over #MSCG\n"
		"lines, and these over #SBATCH lines. '-', or no command and something other than a terminal on standard input,\n"
		"reads the script from there.\n"
		"\n"
		"--file reads several jobs: {\"defaults\": {...}, \"jobs\": [{\"name\": ..., \"command\": ..., ...}, ...]}. A command is a text\n"
		"for sh or a list of words; dependencies name jobs of the file (\"afterok:prepare\"); other keys are the long options\n"
		"above. Options of the command line win over those of the file.",
	.examples = "  mscg submit --cpus 4 --mem 8GB python train.py --epochs 100\n"
	            "  mscg submit --cpus 2 --mem 4GB --priority 5 \"echo 'Hello' && sleep 3\"\n"
	            "  mscg submit --elastic --cpus 2 --min-cpus 2 --max-cpus 8 --mem 4GB \"python3 tasks/elastic_training.py\"\n"
	            "  mscg submit -a 0-99%8 -t 10 -o out/%A_%a.txt ./simulate\n"
	            "  mscg submit job.sh input.dat\n"
	            "  mscg submit --file pipeline.json --account physics",
	.run = submit_run,
	.options = submit_option_table,
	.defaults = &submit_default,
	.size = sizeof(struct submit_options),
	.flags = VERB_COMMAND,
	.words_max = -1,
	.values = VALUES_COMMAND,
};
