/* mscg queue --sort: columns by their letters, as squeue has them. */
#include "queue_rows.h"

/* Columns that are numbers or times; the others are compared as text. */
static const struct {
	char        letter;
	const char *key;
	bool        is_time;
} numbers[] = {
	{'p', "priority", false}, {'Q', "priority", false}, {'M', "run_seconds", false}, {'l', "time_limit", false},
	{'C', "current_cpus", false}, {'c', "cpus", false}, {'m', "mem_bytes", false}, {'U', "uid", false}, {'K', "array_task_id", false},
	{'V', "submit_time", true}, {'S', "start_time", true}, {'e', "end_time", true},
};

uint64_t queue_order(const json_t *job)
{
	return (uint64_t)jint(job, "job_id", 0) << 33 | (uint64_t)(jint(job, "array_task_id", -1) + 1);
}

/* The next letter of "p,-i": 0 at the end, -1 where there is none. */
static int next_key(const char **keys, bool *ret_down)
{
	const char *k = *keys;

	k += *k == ',';
	if (!*k)
		return 0;
	*ret_down = *k == '-';
	k += *k == '-' || *k == '+';
	*keys = *k ? k + 1 : k;
	return job_field_by_letter(*k) && (!k[1] || k[1] == ',') ? *k : -1;
}

int value_sort(void *target, const char *value, const struct option_spec *option, struct mscg_error *error)
{
	const char *keys = value;
	bool down;
	int key;

	while ((key = next_key(&keys, &down)) > 0)
		;
	if (key < 0)
		return mscg_error_set(error, -EINVAL, "'%.40s': expected letters of columns as p,-i: i j u t p M l S V ... (see man mscg-queue)", value);
	return value_text(target, value, option, error);
}

static int compare_numbers(double a, double b)
{
	return (a > b) - (a < b);
}

static int compare_by(const json_t *a, const json_t *b, char letter)
{
	char x[JOB_TEXT], y[JOB_TEXT];
	const struct job_field *field = job_field_by_letter(letter);

	if (strchr("iAF", letter))
		return (queue_order(a) > queue_order(b)) - (queue_order(a) < queue_order(b));
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		const char *key = numbers[i].key;

		if (numbers[i].letter != letter)
			continue;
		if (!jhas(a, key) || !jhas(b, key)) /* what is not known comes last */
			return jhas(b, key) - jhas(a, key);
		return numbers[i].is_time ? compare_numbers((double)jtime(a, key), (double)jtime(b, key))
		                          : compare_numbers(jreal(a, key, 0), jreal(b, key, 0));
	}
	return strcmp(field->text(a, x), field->text(b, y));
}

static int compare(const void *a, const void *b, void *keys)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	const char *k = keys;
	int key, r = 0;
	bool down;

	while (r == 0 && (key = next_key(&k, &down)) > 0) {
		r = compare_by(x, y, (char)key);
		r = down ? -r : r;
	}
	return r ? r : compare_by(x, y, 'i');
}

void queue_sort(json_t *jobs, const char *keys)
{
	size_t n = json_array_size(jobs), i;
	_cleanup_free_ json_t **list = xcalloc(n + 1, sizeof *list);
	json_t *job;

	json_array_foreach(jobs, i, job)
		list[i] = json_incref(job);
	qsort_r(list, n, sizeof *list, compare, (void *)keys);
	json_array_clear(jobs);
	for (i = 0; i < n; i++)
		json_array_append_new(jobs, list[i]);
}
