/* Workloads: the Standard Workload Format, and which jobs are elastic. */
#include <errno.h>
#include <math.h>

#include "random.h"
#include "sim.h"
#include "src/base/buf.h"
#include "src/base/parse.h"

enum swf_field { SWF_SUBMIT = 1, SWF_RUN = 3, SWF_PROCS = 4, SWF_REQ_PROCS = 7, SWF_REQ_TIME = 8, SWF_REQ_MEM = 9, SWF_USER = 11, SWF_FIELDS = 18 };

static const char *const field_names[SWF_FIELDS] = {
	"job number", "submit time", "wait time", "run time", "allocated processors", "CPU time", "memory", "requested processors",
	"requested time", "requested memory", "status", "user", "group", "executable", "queue", "partition", "preceding job", "think time",
};

void sim_workload_free(struct sim_workload *w)
{
	strv_free(w->users);
	free(w->jobs);
	*w = (struct sim_workload){0};
}

static int read_fields(const char *line, uint32_t number, double field[SWF_FIELDS], struct mscg_error *error)
{
	for (int i = 0; i < SWF_FIELDS; i++) {
		char *end;

		field[i] = strtod(line, &end);
		if (end == line || !isfinite(field[i]))
			return mscg_error_set(error, -EINVAL, "line %u: field %d (%s) is '%.*s': expected a number, or -1 where it is not known", number,
			                      i + 1, field_names[i], (int)strcspn(line + strspn(line, " \t"), " \t\r\n"), line + strspn(line, " \t"));
		line = end;
	}
	if (line[strspn(line, " \t\r")] && line[strspn(line, " \t\r")] != '\n')
		return mscg_error_set(error, -EINVAL, "line %u: more than %d fields", number, SWF_FIELDS);
	return 0;
}

/* false: a job that never ran. */
static bool job_of(const double *f, struct sim_job *ret)
{
	double cpus = f[SWF_REQ_PROCS] > 0 ? f[SWF_REQ_PROCS] : f[SWF_PROCS];
	double mem = f[SWF_REQ_MEM] > 0 ? f[SWF_REQ_MEM] * 1024 * cpus : 0; /* kilobytes a processor */

	if (f[SWF_RUN] < 0 || cpus < 1 || cpus > UINT32_MAX || f[SWF_SUBMIT] < 0 || f[SWF_SUBMIT] > 1e11)
		return false;
	*ret = (struct sim_job){
		.submit_usec = (int64_t)(f[SWF_SUBMIT] * 1e6), .run_seconds = MIN_OF(f[SWF_RUN], 1e11), .cpus = (uint32_t)cpus,
		.mem_bytes = mem < 1e18 ? (uint64_t)mem : 0,
		.time_limit_s = f[SWF_REQ_TIME] > 0 && f[SWF_REQ_TIME] < 1e9 ? (uint32_t)f[SWF_REQ_TIME] : 0,
		.user = f[SWF_USER] > 0 && f[SWF_USER] < UINT32_MAX ? (uint32_t)f[SWF_USER] : 0,
	};
	ret->min_cpus = ret->max_cpus = ret->cpus;
	return true;
}

static int by_submission(const void *a, const void *b)
{
	const struct sim_job *x = a, *y = b;

	return x->submit_usec < y->submit_usec ? -1 : x->submit_usec > y->submit_usec;
}

void sim_workload_sort(struct sim_workload *w)
{
	for (uint32_t i = 1; i < w->n; i++)
		if (w->jobs[i - 1].submit_usec > w->jobs[i].submit_usec) {
			qsort(w->jobs, w->n, sizeof *w->jobs, by_submission);
			return;
		}
}

static void read_comment(const char *line, struct sim_workload *w)
{
	const char *at = line + strspn(line, "; \t");

	if (strncmp(at, "MaxProcs:", 9) == 0)
		w->cpus = (uint32_t)strtoul(at + 9, NULL, 10);
}

int sim_read_swf(const char *text, struct sim_workload *ret, uint32_t *skipped, struct mscg_error *error)
{
	struct sim_workload w = {0};
	uint32_t number = 1;

	*skipped = 0;
	for (const char *line = text; *line; number++) {
		const char *at = line + strspn(line, " \t\r"), *next = strchr(line, '\n');
		double field[SWF_FIELDS];
		struct sim_job job;

		if (*at == ';')
			read_comment(at, &w);
		else if (*at && *at != '\n') {
			int r = read_fields(at, number, field, error);

			if (r < 0) {
				sim_workload_free(&w);
				return r;
			}
			if (!job_of(field, &job))
				(*skipped)++;
			else {
				GROW(w.jobs, w.n, w.cap);
				w.jobs[w.n++] = job;
			}
		}
		line = next ? next + 1 : line + strlen(line);
	}
	sim_workload_sort(&w);
	*ret = w;
	return 0;
}

char *sim_write_swf(const struct sim_workload *w)
{
	struct buf b = {0};

	buf_addf(&b, "; Version: 2.2\n; MaxProcs: %u\n; MaxJobs: %u\n", w->cpus, w->n);
	for (uint32_t i = 0; i < w->n; i++) {
		const struct sim_job *j = &w->jobs[i];
		long long mem = j->mem_bytes ? (long long)(j->mem_bytes / 1024 / j->cpus) : -1;

		buf_addf(&b, "%u %lld -1 %.0f %u -1 -1 %u %lld %lld 1 %u -1 -1 -1 -1 -1 -1\n", i + 1, (long long)(j->submit_usec / 1000000),
		         j->run_seconds, j->cpus, j->cpus, j->time_limit_s ? (long long)j->time_limit_s : -1LL, mem, j->user);
	}
	return buf_steal(&b);
}

void sim_make_elastic(struct sim_workload *w, double share, double shrink, double grow, uint32_t cpus, uint64_t seed)
{
	for (uint32_t i = 0; i < w->n; i++) {
		struct sim_job *j = &w->jobs[i];

		if (random_unit(&seed) >= share)
			continue;
		j->min_cpus = MAX_OF(1u, (uint32_t)(j->cpus * shrink));
		j->max_cpus = MIN_OF(MAX_OF(j->cpus, (uint32_t)(j->cpus * grow)), MAX_OF(cpus, j->cpus));
	}
}
