#include "qos.h"

#include "src/base/cost.h"
#include "src/base/parse.h"
#include "src/core/core.h"

static const char *const modes[] = {
	[CORE_PREEMPT_SUSPEND] = "suspend", [CORE_PREEMPT_REQUEUE] = "requeue", [CORE_PREEMPT_CANCEL] = "cancel",
	[CORE_PREEMPT_SHRINK] = "shrink", [CORE_PREEMPT_OFF] = "off",
};

enum type { TYPE_PRIORITY, TYPE_MODE, TYPE_GRACE, TYPE_COUNT, TYPE_SIZE, TYPE_TIME, TYPE_NAMES, TYPE_RATES };

static const struct setting {
	const char *name;
	enum type   type;
	size_t      offset;
} settings[] = {
#define FIELD(name, type, member) { name, TYPE_##type, offsetof(struct qos_config, member) }
	FIELD("priority", PRIORITY, priority),
	FIELD("max-cpus-per-job", COUNT, job_cpus),
	FIELD("max-mem-per-job", SIZE, job_mem),
	FIELD("max-time", TIME, job_time),
	FIELD("max-submit-per-user", COUNT, user_submit),
	FIELD("max-jobs-per-user", COUNT, user_jobs),
	FIELD("max-cpus-per-user", COUNT, user_cpus),
	FIELD("max-mem-per-user", SIZE, user_mem),
	FIELD("grp-jobs", COUNT, grp_jobs),
	FIELD("grp-cpus", COUNT, grp_cpus),
	FIELD("grp-mem", SIZE, grp_mem),
	FIELD("preempts", NAMES, preempts),
	FIELD("preempt-mode", MODE, preempt_mode),
	FIELD("grace-time", GRACE, grace_time),
	FIELD("preempt-exempt-time", TIME, preempt_exempt_time),
	FIELD("users", NAMES, users),
	FIELD("groups", NAMES, groups),
	FIELD("cost-rates", RATES, cost_rates),
#undef FIELD
};

bool qos_is_name(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	return n && !name[n] && n < CORE_QOS_NAME;
}

const struct qos_config *qos_find(const struct qos_table *table, const char *name)
{
	for (uint32_t i = 0; i < table->n; i++)
		if (streq(table->qos[i].name, name))
			return &table->qos[i];
	return NULL;
}

const struct qos_config *qos_of_key(const struct qos_table *table, uint32_t key)
{
	for (uint32_t i = 0; i < table->n; i++)
		if (name_key(table->qos[i].name) == key)
			return &table->qos[i];
	return NULL;
}

int qos_open(struct qos_table *table, const char *name, struct qos_config **ret, struct mscg_error *error)
{
	const struct qos_config *same = qos_of_key(table, name_key(name));

	if (!qos_is_name(name))
		return mscg_error_set(error, -EINVAL, "[qos %.40s]: expected a name of letters, digits, '_', '.' and '-', at most %d of them", name,
		                      CORE_QOS_NAME - 1);
	if (same && !streq(same->name, name)) /* one in four thousand million */
		return mscg_error_set(error, -EINVAL, "[qos %s]: cannot be told from [qos %s]: expected another name", name, same->name);
	if (!same && table->n == CORE_QOS_MAX)
		return mscg_error_set(error, -EINVAL, "[qos %s]: expected %d at most", name, CORE_QOS_MAX);
	if (!same) {
		GROW(table->qos, table->n, table->cap);
		table->qos[table->n++] = (struct qos_config){ .name = xstrdup(name), .grace_time = -1 };
	}
	*ret = &table->qos[same ? same - table->qos : (ptrdiff_t)table->n - 1];
	return 0;
}

static int set_mode(const char *value, int *ret, struct mscg_error *error)
{
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		if (streq(modes[i], value)) {
			*ret = (int)i;
			return 0;
		}
	return mscg_error_set(error, -EINVAL, "invalid value '%.40s': expected one of suspend, requeue, cancel, shrink and off", value);
}

static int set_grace(const char *value, int64_t *ret, struct mscg_error *error)
{
	uint64_t seconds;
	int r = parse_time_limit(value, &seconds, error);

	if (r == 0)
		*ret = (int64_t)MIN_OF(seconds, (uint64_t)UINT32_MAX);
	return r;
}

static int set_names(char **field, const char *value)
{
	free(*field);
	*field = *value ? xstrdup(value) : NULL;
	return 0;
}

static int set_value(const struct setting *s, void *field, const char *value, struct mscg_error *error)
{
	struct cost_rates rates;
	int r;

	switch (s->type) {
	case TYPE_PRIORITY: return parse_i64(value, -1000000000, 1000000000, field, error);
	case TYPE_COUNT: return parse_u64(value, 1, 1000000, field, error);
	case TYPE_SIZE: return parse_size(value, field, error);
	case TYPE_TIME: return parse_time_limit(value, field, error);
	case TYPE_MODE: return set_mode(value, field, error);
	case TYPE_GRACE: return set_grace(value, field, error);
	case TYPE_RATES:
		r = cost_rates_parse(value, &rates, error);
		return r < 0 ? r : set_names(field, value);
	case TYPE_NAMES: return set_names(field, value);
	}
	return -EINVAL;
}

int qos_set(struct qos_config *qos, const char *name, const char *value, struct mscg_error *error)
{
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		if (streq(settings[i].name, name)) {
			int r = set_value(&settings[i], (char *)qos + settings[i].offset, value, error);

			return r < 0 ? mscg_error_prefix(error, r, "%s: ", name) : 0;
		}
	return mscg_error_set(error, -EINVAL, "unknown setting '%.60s' of a QOS (see mscg.conf(5))", name);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct qos_config *)a)->name, ((const struct qos_config *)b)->name);
}

/* Of each those that it may preempt, as bits by place. */
static int read_preempts(const struct qos_table *table, uint32_t bits[CORE_QOS_MAX], struct mscg_error *error)
{
	for (uint32_t i = 0; i < table->n; i++) {
		_cleanup_free_ char *copy = xstrdup(table->qos[i].preempts);
		char *rest = NULL;

		bits[i] = 0;
		for (char *one = copy ? strtok_r(copy, ", \t", &rest) : NULL; one; one = strtok_r(NULL, ", \t", &rest)) {
			const struct qos_config *q = qos_find(table, one);

			if (!q)
				return mscg_error_set(error, -EINVAL, "[qos %s]: preempts: no [qos %.40s] in the configuration", table->qos[i].name, one);
			bits[i] |= 1u << (q - table->qos);
		}
	}
	return 0;
}

/* Two that preempt each other would do nothing else. */
static int check_circles(const struct qos_table *table, struct mscg_error *error)
{
	uint32_t bits[CORE_QOS_MAX];
	int r = read_preempts(table, bits, error);

	for (uint32_t via = 0; r == 0 && via < table->n; via++)
		for (uint32_t i = 0; i < table->n; i++)
			if (bits[i] >> via & 1)
				bits[i] |= bits[via];
	for (uint32_t i = 0; r == 0 && i < table->n; i++)
		if (bits[i] >> i & 1)
			r = mscg_error_set(error, -EINVAL, "[qos %s]: preempts: itself in the end: expected no circle", table->qos[i].name);
	return r;
}

int qos_finish(struct qos_table *table, const char *default_qos, struct mscg_error *error)
{
	struct qos_config *normal;
	int r = qos_find(table, QOS_NORMAL) ? 0 : qos_open(table, QOS_NORMAL, &normal, error);

	if (r < 0)
		return r;
	qsort(table->qos, table->n, sizeof *table->qos, by_name);
	if (!qos_find(table, default_qos))
		return mscg_error_set(error, -EINVAL, "default-qos: no [qos %.40s] in the configuration", default_qos);
	return check_circles(table, error);
}

void qos_clear(struct qos_table *table)
{
	for (uint32_t i = 0; i < table->n; i++) {
		free(table->qos[i].name);
		free(table->qos[i].preempts);
		free(table->qos[i].users);
		free(table->qos[i].groups);
		free(table->qos[i].cost_rates);
	}
	free(table->qos);
	*table = (struct qos_table){ 0 };
}

struct core_rates qos_rates(const char *text)
{
	struct cost_rates rates = { 0 };

	if (text)
		cost_rates_parse(text, &rates, NULL); /* checked when it was read */
	return (struct core_rates){ rates.given, rates.cpu_hour, rates.gib_hour, rates.gpu_hour };
}

void qos_fill_policy(const struct qos_table *table, struct core_policy *policy)
{
	uint32_t bits[CORE_QOS_MAX] = { 0 };

	read_preempts(table, bits, NULL); /* checked when it was read */
	policy->qos_n = table->n;
	for (uint32_t i = 0; i < table->n; i++) {
		const struct qos_config *q = &table->qos[i];
		struct core_qos *to = &policy->qos[i];

		*to = (struct core_qos){
			.key = name_key(q->name), .priority = (int32_t)q->priority,
			.job_cpus_milli = (uint32_t)q->job_cpus * 1000, .job_mem_bytes = q->job_mem, .job_time_s = (uint32_t)q->job_time,
			.user_submitted = q->user_submit, .user_running = q->user_jobs, .user_cpus_milli = q->user_cpus * 1000,
			.user_mem_bytes = q->user_mem,
			.running = q->grp_jobs, .cpus_milli = q->grp_cpus * 1000, .mem_bytes = q->grp_mem,
			.preempts = bits[i], .preempt_mode = (enum core_preempt)q->preempt_mode,
			.preempt_exempt_s = (int64_t)q->preempt_exempt_time,
			.has_grace = q->grace_time >= 0, .grace_s = q->grace_time > 0 ? (uint32_t)q->grace_time : 0,
		};
		to->rates = qos_rates(q->cost_rates);
		snprintf(to->name, sizeof to->name, "%s", q->name);
	}
}

const char *qos_mode_name(const struct qos_config *qos)
{
	return modes[qos->preempt_mode];
}

char *qos_names(const struct qos_table *table)
{
	char *all = xstrdup("");

	for (uint32_t i = 0; i < table->n; i++) {
		char *more = xasprintf("%s%s%s", all, i ? ", " : "", table->qos[i].name);

		free(all);
		all = more;
	}
	return all;
}
