/* mscg submit --file: the jobs of a pipeline, from a file of JSON. What may be asked of a job are the long options of
 * `submit`, read by the same parser. */
#include <fcntl.h>
#include <inttypes.h>

#include "submit.h"
#include "script.h"
#include "src/base/buf.h"
#include "src/base/fd.h"

enum { PIPELINE_MAX = 8 << 20 };

/* Options of the command and not of a job, and what has another key here. */
static const char *const not_of_a_job[] = {"file", "wrap", "parsable", "wait", "test-only", "job-name", "dependency"};

static bool is_one_of(const char *word, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (streq(word, words[i]))
			return true;
	return false;
}

static const struct option_spec *option_named(const char *key)
{
	for (const struct option_spec *o = submit_option_table; o->name; o++)
		if (streq(o->name, key) && !(o->flags & OPTION_IGNORED) && !is_one_of(key, not_of_a_job, ARRAY_SIZE(not_of_a_job)))
			return o;
	return NULL;
}

static int unknown_key(const char *key, struct mscg_error *error)
{
	char with_dashes[64];

	snprintf(with_dashes, sizeof with_dashes, "%s", streq(key, "job-name") ? "name" : streq(key, "depends") ? "dependency" : key);
	for (char *c = with_dashes; *c; c++)
		*c = *c == '_' ? '-' : *c;
	if (!streq(key, with_dashes) && (option_named(with_dashes) || streq(with_dashes, "name") || streq(with_dashes, "dependency")))
		return mscg_error_set(error, -EINVAL, "unknown key '%.60s': expected '%s'", key, with_dashes);
	return mscg_error_set(error, -EINVAL, "unknown key '%.60s': expected name, command, dependency, or a long option of mscg submit as cpus, mem, time",
	                      key);
}

/* -- one value --------------------------------------------------------------------------------------------------- */

/* As it would be typed behind "--key="; *ret NULL: the option alone. 1: it is not given at all (false). */
static int value_text_of(const struct option_spec *o, const json_t *value, char **ret, struct mscg_error *error)
{
	*ret = NULL;
	if (json_is_string(value))
		*ret = xstrdup(json_string_value(value));
	else if (json_is_integer(value))
		*ret = xasprintf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_real(value))
		*ret = xasprintf("%.10g", json_real_value(value));
	else if (json_is_boolean(value) && streq(o->words, "yes|no"))
		*ret = xstrdup(json_is_true(value) ? "yes" : "no");
	else if (!json_is_boolean(value) || (o->arg && !(o->flags & OPTION_OPTIONAL)))
		return mscg_error_set(error, -EINVAL, "%s: expected %s", o->name, o->arg ? "a text or a number" : "true or false");
	else
		return json_is_false(value);
	if (o->arg)
		return 0;
	free(steal(ret));
	return mscg_error_set(error, -EINVAL, "%s: expected true or false", o->name);
}

static int set_option(struct submit_options *o, const char *key, const json_t *value, struct mscg_error *error)
{
	const struct option_set sets[OPTION_SETS] = {{submit_option_table, o}};
	const struct option_spec *option = option_named(key);
	_cleanup_free_ char *text = NULL;
	char *word[1];
	int r;

	if (!option)
		return unknown_key(key, error);
	r = value_text_of(option, value, &text, error);
	if (r)
		return r < 0 ? r : 0;
	word[0] = cli_keep(text ? xasprintf("--%s=%s", key, text) : xasprintf("--%s", key)); /* options point into it */
	return options_parse(sets, 1, word, 0, NULL, NULL, error);
}

/* All of `object` but what is no option, and what `over` says too. */
static int set_options(struct submit_options *o, json_t *object, const json_t *over, struct mscg_error *error)
{
	static const char *const others[] = {"name", "command", "dependency"};
	const char *key;
	json_t *value;
	int r = 0;

	json_object_foreach(object, key, value) {
		if (is_one_of(key, others, ARRAY_SIZE(others)) || json_object_get(over, key))
			continue;
		r = set_option(o, key, value, error);
		if (r < 0)
			return r;
	}
	return r;
}

/* -- one job ----------------------------------------------------------------------------------------------------- */

/* A text is one word, as in quotes behind `mscg submit`; a list is a program and its arguments. */
static int read_command(const json_t *command, char ***ret, struct mscg_error *error)
{
	_cleanup_strv_ char **words = NULL;
	const json_t *word;
	size_t i;

	if (json_is_string(command))
		strv_add(&words, json_string_value(command));
	json_array_foreach(command, i, word) {
		if (!json_is_string(word))
			return mscg_error_set(error, -EINVAL, "command: its word %zu is no text: expected texts in quotes", i + 1);
		strv_add(&words, json_string_value(word));
	}
	if (!words)
		return mscg_error_set(error, -EINVAL, "command %s: expected a text for sh, or a list of a program and its arguments",
		                      !command ? "is missing" : json_is_array(command) ? "is empty" : "is neither a text nor a list");
	*ret = steal(&words);
	return 0;
}

static int command_line(const struct cli *cli, struct submit_options *o, struct mscg_error *error)
{
	struct option_set sets[OPTION_SETS] = {{submit_option_table, o}, {cli_common_options, (void *)cli}};

	return options_parse(sets, cli->argc - cli->first, cli->argv + cli->first, PARSE_COMMAND | PARSE_AGAIN, NULL, NULL, error);
}

/* Defaults, then the lines of a batch script, then the job's own keys, then the command line: what comes later wins. */
static int read_layers(const struct cli *cli, json_t *defaults, json_t *job, struct submit_options *o, struct job_program *program,
                       struct mscg_error *error)
{
	const char *path = program->words[0];
	struct option_set script[OPTION_SETS] = {{submit_option_table, o}};
	int r = set_options(o, defaults, job, error);

	if (r == 0)
		r = set_options(o, job, NULL, error);
	if (r == 0)
		r = o->script ? 1 : script_is_one(path, o->job.chdir, error);
	if (r > 0) {
		r = script_read(path, &program->script, error);
		if (r < 0)
			return r;
		cli_keep(program->script);
		*o = submit_default;
		r = set_options(o, defaults, job, error);
		if (r == 0)
			r = script_options(path, program->script, script, error);
		if (r == 0)
			r = set_options(o, job, NULL, error);
	}
	return r < 0 ? r : command_line(cli, o, error);
}

static int read_job(const struct cli *cli, json_t *defaults, struct pipeline_job *job, struct mscg_error *error)
{
	struct submit_options o = submit_default;
	_cleanup_strv_ char **words = NULL;
	const json_t *command = json_object_get(job->json, "command");
	struct job_program program;
	int r = read_command(command ? command : json_object_get(defaults, "command"), &words, error);

	if (r < 0)
		return r;
	program = (struct job_program){.words = words};
	r = read_layers(cli, defaults, job->json, &o, &program, error);
	if (r < 0)
		return r;
	o.job.name = job->name;
	return job_spec(cli, &o.job, &program, &job->spec, error);
}

/* A name can not be taken for a number of a job, nor for a part of a dependency. */
static bool is_name(const char *name)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";

	return *name && strchr(letters, *name) && strlen(name) <= 200 && !name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789.-")];
}

static int read_name(struct pipeline *p, uint32_t i, struct mscg_error *error)
{
	struct pipeline_job *job = &p->job[i];

	if (!json_is_object(job->json))
		return mscg_error_set(error, -EINVAL, "job %" PRIu32 " is no object: expected {\"name\": ..., \"command\": ...}", i + 1);
	job->name = jtext(job->json, "name", NULL);
	if (!job->name)
		return mscg_error_set(error, -EINVAL, "job %" PRIu32 " has no name: expected \"name\": \"...\"", i + 1);
	if (!is_name(job->name))
		return mscg_error_set(error, -EINVAL, "job %" PRIu32 ": name '%.60s': expected letters, digits, '.', '_' and '-', with a letter at the start",
		                      i + 1, job->name);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct pipeline_job *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static int check_twice(const struct pipeline *p, struct mscg_error *error)
{
	_cleanup_free_ const struct pipeline_job **sorted = xcalloc(p->n, sizeof *sorted);

	for (uint32_t i = 0; i < p->n; i++)
		sorted[i] = &p->job[i];
	qsort(sorted, p->n, sizeof *sorted, by_name);
	for (uint32_t i = 1; i < p->n; i++)
		if (streq(sorted[i]->name, sorted[i - 1]->name))
			return mscg_error_set(error, -EINVAL, "two jobs have the name '%.60s': expected each name once", sorted[i]->name);
	return 0;
}

/* -- the file ---------------------------------------------------------------------------------------------------- */

static int check_defaults(json_t *defaults, struct mscg_error *error)
{
	struct submit_options o = submit_default;
	int r;

	if (!defaults)
		return 0;
	if (!json_is_object(defaults))
		return mscg_error_set(error, -EINVAL, "defaults: expected an object, for example {\"cpus\": 2, \"time\": \"1:00:00\"}");
	if (json_object_get(defaults, "name") || json_object_get(defaults, "dependency"))
		return mscg_error_set(error, -EINVAL, "defaults: name and dependency are each job's own: expected them in the job");
	r = set_options(&o, defaults, NULL, error);
	return r < 0 ? mscg_error_prefix(error, r, "defaults: ") : 0;
}

static int read_jobs(const struct cli *cli, struct pipeline *p, struct mscg_error *error)
{
	json_t *list = json_object_get(p->root, "jobs"), *defaults = json_object_get(p->root, "defaults");
	int r = check_defaults(defaults, error);

	if (r < 0)
		return r;
	if (!json_is_array(list) || !json_array_size(list))
		return mscg_error_set(error, -EINVAL, "jobs %s: expected a list of {\"name\": ..., \"command\": ...}",
		                      !list ? "is missing" : json_is_array(list) ? "is empty" : "is no list");
	p->n = (uint32_t)json_array_size(list);
	p->job = xcalloc(p->n, sizeof *p->job);
	for (uint32_t i = 0; i < p->n; i++)
		p->job[i].json = json_array_get(list, i);
	for (uint32_t i = 0; r == 0 && i < p->n; i++)
		r = read_name(p, i, error);
	if (r == 0)
		r = check_twice(p, error);
	if (r == 0)
		r = pipeline_order(p, error);
	for (uint32_t i = 0; r == 0 && i < p->n; i++) {
		r = read_job(cli, defaults, &p->job[i], error);
		if (r < 0)
			mscg_error_prefix(error, r, "job '%.60s': ", p->job[i].name);
	}
	return r;
}

static int read_root(struct pipeline *p, const char *text, size_t size, struct mscg_error *error)
{
	json_error_t je;
	const char *key;
	json_t *value;

	p->root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &je);
	if (!p->root)
		return mscg_error_set(error, -EINVAL, "line %d, column %d: %s: expected JSON", je.line, je.column, je.text);
	if (!json_is_object(p->root))
		return mscg_error_set(error, -EINVAL, "expected an object with jobs: {\"jobs\": [...]}");
	json_object_foreach(p->root, key, value)
		if (!streq(key, "jobs") && !streq(key, "defaults"))
			return mscg_error_set(error, -EINVAL, "unknown key '%.60s': expected jobs and defaults", key);
	return 0;
}

static int read_text(const char *file, struct buf *ret, struct mscg_error *error)
{
	bool is_stdin = streq(file, "-");
	_cleanup_close_ int fd = is_stdin ? dup(STDIN_FILENO) : open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char part[32 * 1024];
	ssize_t n;

	if (fd < 0)
		return mscg_error_set(error, -EINVAL, "cannot open it: %s", strerror(errno));
	while ((n = fd_read_all(fd, part, sizeof part)) > 0) {
		buf_add(ret, part, (size_t)n);
		if (ret->size > PIPELINE_MAX)
			return mscg_error_set(error, -EINVAL, "it has more than %d MiB: expected fewer jobs, or an array", PIPELINE_MAX >> 20);
	}
	return n < 0 ? mscg_error_set(error, -EINVAL, "cannot read it: %s", strerror((int)-n)) : 0;
}

int pipeline_read(const struct cli *cli, const char *file, struct pipeline *ret, struct mscg_error *error)
{
	_cleanup_buf_ struct buf text = {0};
	struct pipeline p = {.file = streq(file, "-") ? "standard input" : file};
	int r = read_text(file, &text, error);

	if (r == 0)
		r = read_root(&p, text.data ? text.data : "", text.size, error);
	if (r == 0)
		r = read_jobs(cli, &p, error);
	if (r < 0) {
		mscg_error_prefix(error, r, "%.100s: ", p.file);
		pipeline_clear(&p);
		return r;
	}
	*ret = p;
	return 0;
}

void pipeline_clear(struct pipeline *p)
{
	for (uint32_t i = 0; i < p->n; i++) {
		mscg_spec_free(p->job[i].spec);
		free(p->job[i].dependency);
	}
	free(p->job);
	free(p->order);
	json_decref(p->root);
	*p = (struct pipeline){0};
}
