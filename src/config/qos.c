#include "qos.h"

#include "section.h"
#include "src/base/cost.h"
#include "src/base/parse.h"
#include "src/core/core.h"

_Static_assert((int)SECTION_NAME_MAX < (int)CORE_QOS_NAME, "the core has room for the name of a section");

static const char *const modes[] = {
	[CORE_PREEMPT_SUSPEND] = "suspend", [CORE_PREEMPT_REQUEUE] = "requeue", [CORE_PREEMPT_CANCEL] = "cancel",
	[CORE_PREEMPT_SHRINK] = "shrink", [CORE_PREEMPT_OFF] = "off", NULL,
};
static const struct section_words mode_words = { modes, "suspend, requeue, cancel, shrink and off", false };

static const struct section_setting settings[] = {
#define FIELD(name, type, member) { name, SECTION_##type, offsetof(struct qos_config, member), NULL }
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
	{ "preempt-mode", SECTION_WORD, offsetof(struct qos_config, preempt_mode), &mode_words },
	FIELD("grace-time", GRACE, grace_time),
	FIELD("preempt-exempt-time", TIME, preempt_exempt_time),
	FIELD("users", NAMES, users),
	FIELD("groups", NAMES, groups),
	FIELD("cost-rates", RATES, cost_rates),
#undef FIELD
};
static const struct section_kind kind = { "qos", "a QOS", sizeof(struct qos_config), CORE_QOS_MAX, settings, ARRAY_SIZE(settings) };

const struct qos_config *qos_find(const struct qos_table *table, const char *name)
{
	return section_find(&kind, table->qos, table->n, name);
}

const struct qos_config *qos_of_key(const struct qos_table *table, uint32_t key)
{
	return section_of_key(&kind, table->qos, table->n, key);
}

int qos_open(struct qos_table *table, const char *name, struct qos_config **ret, struct mscg_error *error)
{
	int at = section_admit(&kind, table->qos, table->n, name, error);

	if (at < 0)
		return at;
	if ((uint32_t)at == table->n) {
		GROW(table->qos, table->n, table->cap);
		table->qos[table->n++] = (struct qos_config){ .name = xstrdup(name), .grace_time = -1 };
	}
	*ret = &table->qos[at];
	return 0;
}

int qos_set(struct qos_config *qos, const char *name, const char *value, struct mscg_error *error)
{
	return section_set(&kind, qos, name, value, error);
}

int qos_bits(const struct qos_table *table, const char *where, const char *names, uint32_t *ret, struct mscg_error *error)
{
	_cleanup_free_ char *copy = xstrdup(names);
	char *rest = NULL;

	*ret = 0;
	for (char *one = copy ? strtok_r(copy, ", \t", &rest) : NULL; one; one = strtok_r(NULL, ", \t", &rest)) {
		const struct qos_config *q = qos_find(table, one);

		if (!q)
			return mscg_error_set(error, -EINVAL, "%s: no [qos %.40s] in the configuration", where, one);
		*ret |= 1u << (q - table->qos);
	}
	return 0;
}

/* Of each those that it may preempt, as bits by place. */
static int read_preempts(const struct qos_table *table, uint32_t bits[CORE_QOS_MAX], struct mscg_error *error)
{
	char where[64];
	int r = 0;

	for (uint32_t i = 0; i < table->n && r == 0; i++) {
		snprintf(where, sizeof where, "[qos %s]: preempts", table->qos[i].name);
		r = qos_bits(table, where, table->qos[i].preempts, &bits[i], error);
	}
	return r;
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
	section_sort(&kind, table->qos, table->n);
	if (!qos_find(table, default_qos))
		return mscg_error_set(error, -EINVAL, "default-qos: no [qos %.40s] in the configuration", default_qos);
	return check_circles(table, error);
}

void qos_clear(struct qos_table *table)
{
	section_clear(&kind, table->qos, table->n);
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
	return section_names(&kind, table->qos, table->n);
}
