/* mscg submit --file: all of a pipeline, or none of it. */
#include <inttypes.h>

#include "submit.h"
#include "wait.h"

static int refuse_beside(const struct submit_options *o, char **words, struct mscg_error *error)
{
	const char *what = o->wrap ? "--wrap" : o->job.name ? "--job-name" : o->job.dependency ? "--dependency" : o->script ? "--script" : NULL;

	if (words[0])
		return mscg_error_set(error, -EINVAL, "'%.60s' beside --file: expected commands in the file only", words[0]);
	if (what)
		return mscg_error_set(error, -EINVAL, "%s beside --file: expected it in the file, for each job", what);
	return 0;
}

/* In the order of submission; each gets what it waits for. Borrowed. */
static struct mscg_spec **ordered_specs(struct pipeline *p)
{
	struct mscg_spec **specs = xcalloc(p->n, sizeof *specs);

	for (uint32_t i = 0; i < p->n; i++) {
		specs[i] = p->job[p->order[i]].spec;
		specs[i]->dependency = steal(&p->job[p->order[i]].dependency);
	}
	return specs;
}

/* "jobs[3]: what is wrong" of the message, for those who see the file. */
static void name_job(const struct pipeline *p, struct mscg_error *error)
{
	struct mscg_error named = {.code = error->code};
	uint32_t place;
	int n = 0;

	if (sscanf(error->text, "jobs[%" SCNu32 "]: %n", &place, &n) == 1 && n > 0 && place < p->n)
		mscg_error_set(&named, error->code, "%.100s: job '%.60s': %s", p->file, p->job[p->order[place]].name, error->text + n);
	else
		mscg_error_set(&named, error->code, "%.100s: %s", p->file, error->text);
	*error = named;
}

/* As it stands in the file. */
static void print_dependency(const char *before, const struct pipeline_job *job)
{
	const json_t *dependency = json_object_get(job->json, "dependency"), *part;
	size_t i;

	if (json_is_string(dependency))
		printf("%s%s", before, json_string_value(dependency));
	json_array_foreach(dependency, i, part)
		printf("%s%s", i ? "," : before, json_string_value(part));
}

static int print_test(const struct cli *cli, struct pipeline *p, struct mscg_spec **specs)
{
	struct mscg_error error = {0};
	json_t *request;

	if (!cli->json) {
		for (uint32_t i = 0; i < p->n; i++) {
			submit_print_test(p->job[i].spec);
			print_dependency("  dependency=", &p->job[i]);
			fputs(json_object_get(p->job[i].json, "dependency") ? "\n" : "", stdout);
		}
		return CLI_OK;
	}
	request = mscg_submit_parameters(specs, p->n, &error);
	if (!request) {
		name_job(p, &error);
		return cli_fail(&error);
	}
	print_json(request);
	json_decref(request);
	return CLI_OK;
}

static void print_line(const struct pipeline_job *job, const json_t *submitted)
{
	printf("Submitted job %s (%s)", jtext(submitted, "id", "?"), job->name);
	print_dependency(", ", job);
	putchar('\n');
}

/* In the order of the file. */
static void print_submitted(const struct cli *cli, const struct submit_options *o, const struct pipeline *p, const json_t *submitted)
{
	json_t *list = json_array(), *jobs = json_object_get(submitted, "jobs");

	for (uint32_t i = 0; i < p->n; i++) {
		json_t *job = json_array_get(jobs, p->job[i].place);

		if (cli->json) {
			json_object_set_new(job, "name", json_string(p->job[i].name));
			json_array_append(list, job);
		} else if (o->parsable) {
			printf("%s\n", jtext(job, "id", "?"));
		} else {
			print_line(&p->job[i], job);
		}
	}
	if (cli->json) {
		json_t *reply = json_pack("{s:O}", "jobs", list);

		if (jhas(submitted, "not_enforced"))
			json_object_set(reply, "not_enforced", json_object_get(submitted, "not_enforced"));

		print_json(reply);
		json_decref(reply);
	}
	json_decref(list);
	cli_flush();
	for (uint32_t i = 0; i < p->n; i++) {
		const json_t *job = json_array_get(jobs, p->job[i].place);

		if (jhas(job, "warning"))
			cli_error("warning: job %s (%s): %s", jtext(job, "id", "?"), p->job[i].name, jtext(job, "warning", ""));
	}
	submit_warn_not_enforced(cli, o, submitted);
}

static json_t *ids_of(const json_t *jobs)
{
	json_t *ids = json_array();
	const json_t *job;
	size_t i;

	json_array_foreach(jobs, i, job)
		json_array_append(ids, json_object_get(job, "id"));
	return ids;
}

static int submit(const struct cli *cli, const struct submit_options *o, const struct pipeline *p, struct mscg_spec **specs)
{
	struct mscg_error error = {0};
	json_t *reply, *jobs;
	struct mscg *m;
	int r = cli_connect(cli, o->wait ? 0 : CONNECT_ONCE, &m);

	if (r)
		return r;
	if (mscg_submit_json(m, specs, p->n, NULL, &reply, &error) < 0) {
		mscg_close(m);
		name_job(p, &error);
		return cli_fail(&error);
	}
	jobs = json_object_get(reply, "jobs");
	print_submitted(cli, o, p, reply);
	if (o->wait) {
		json_t *ids = ids_of(jobs);

		json_decref(reply);
		return wait_for_jobs(cli, m, ids, -1, WAIT_WHY);
	}
	if (mscg_is_once(m))
		cli_error("no scheduler is running: the jobs wait until one is started (mscg scheduler)");
	json_decref(reply);
	mscg_close(m);
	return CLI_OK;
}

int pipeline_submit(struct cli *cli, const struct submit_options *o, char **words)
{
	_cleanup_free_ struct mscg_spec **specs = NULL;
	struct mscg_error error = {0};
	struct pipeline p = {0};
	int r = refuse_beside(o, words, &error);

	if (r == 0)
		r = pipeline_read(cli, o->file, &p, &error);
	if (r < 0) {
		cli_error("submit: %s", error.text);
		return cli_exit_status(r) == CLI_NO_DAEMON ? CLI_FAILED : cli_exit_status(r);
	}
	for (uint32_t i = 0; i < p.n; i++)
		job_warn_places(p.job[i].spec);
	specs = ordered_specs(&p);
	r = o->test_only ? print_test(cli, &p, specs) : submit(cli, o, &p, specs);
	pipeline_clear(&p);
	return r;
}
