/* libFuzzer: the directives of batch scripts, up to the specification that they make. */
#include "src/cli/job_options.h"
#include "src/cli/script.h"
#include "tests/fuzz/fuzz.h"

extern const struct option_spec submit_option_table[];

/* As large as what `submit` has there: its rows point behind the job's too. */
union target {
	struct job_options job;
	char room[4096];
};

static void make_spec(const struct job_options *o, char *text)
{
	char *words[] = {(char *)"job.sh", NULL}, *argv[] = {(char *)"mscg", (char *)"submit", (char *)"job.sh", NULL};
	struct cli cli = {.argc = 3, .argv = argv, .first = 2};
	struct job_program program = {.words = words, .script = text};
	struct mscg_spec *spec;
	struct mscg_error e;

	if (job_spec(&cli, o, &program, &spec, &e) < 0)
		return;
	MUST(spec->cpus_milli > 0 && spec->argv && spec->workdir && spec->workdir[0] == '/');
	MUST(mscg_spec_check(spec, &e) == 0);
	mscg_spec_free(spec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_text(data, size);
	union target target = {.job = JOB_OPTIONS_DEFAULT};
	struct option_set sets[OPTION_SETS] = {{submit_option_table, &target}};
	struct mscg_error e = {0};
	char **words;

	fuzz_quiet();
	if (script_split(text, strlen(text), &words, &e) == 0)
		strv_free(words);
	if (script_options("job.sh", text, sets, &e) == 0)
		make_spec(&target.job, text);
	else
		MUST(e.text[0] && strlen(e.text) < sizeof e.text);
	cli_drop_kept();
	return 0;
}
