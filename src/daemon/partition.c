#include "partition.h"

#include "qos.h"
#include "src/base/cost.h"
#include "src/base/parse.h"
#include "src/core/core.h"

#include <strings.h>

static const char *const states[] = {
	[PARTITION_UP] = "up", [PARTITION_DOWN] = "down", [PARTITION_DRAIN] = "drain", [PARTITION_INACTIVE] = "inactive",
};

enum type { TYPE_STATE, TYPE_PRIORITY, TYPE_COUNT, TYPE_SIZE, TYPE_TIME, TYPE_NAMES, TYPE_RATES };

static const struct setting {
	const char *name;
	enum type   type;
	size_t      offset;
} settings[] = {
#define FIELD(name, type, member) { name, TYPE_##type, offsetof(struct partition_config, member) }
	FIELD("state", STATE, state),
	FIELD("priority", PRIORITY, priority),
	FIELD("max-cpus", COUNT, cpus),
	FIELD("max-cpus-per-job", COUNT, job_cpus),
	FIELD("max-mem-per-job", SIZE, job_mem),
	FIELD("max-time", TIME, job_time),
	FIELD("default-time", TIME, default_time),
	FIELD("allow-groups", NAMES, allow_groups),
	FIELD("allow-qos", NAMES, allow_qos),
	FIELD("default-qos", NAMES, default_qos),
	FIELD("cost-rates", RATES, cost_rates),
#undef FIELD
};

const struct partition_config *partition_find(const struct partition_table *table, const char *name)
{
	for (uint32_t i = 0; i < table->n; i++)
		if (streq(table->partition[i].name, name))
			return &table->partition[i];
	return NULL;
}

const struct partition_config *partition_of_key(const struct partition_table *table, uint32_t key)
{
	for (uint32_t i = 0; i < table->n; i++)
		if (name_key(table->partition[i].name) == key)
			return &table->partition[i];
	return NULL;
}

int partition_open(struct partition_table *table, const char *name, struct partition_config **ret, struct mscg_error *error)
{
	const struct partition_config *same = partition_of_key(table, name_key(name));

	if (!qos_is_name(name))
		return mscg_error_set(error, -EINVAL, "[partition %.40s]: expected a name of letters, digits, '_', '.' and '-', at most %d of them",
		                      name, CORE_QOS_NAME - 1);
	if (same && !streq(same->name, name)) /* one in four thousand million */
		return mscg_error_set(error, -EINVAL, "[partition %s]: cannot be told from [partition %s]: expected another name", name, same->name);
	if (!same && table->n == CORE_PARTITION_MAX)
		return mscg_error_set(error, -EINVAL, "[partition %s]: expected %d at most", name, CORE_PARTITION_MAX);
	if (!same) {
		GROW(table->partition, table->n, table->cap);
		table->partition[table->n++] = (struct partition_config){ .name = xstrdup(name) };
	}
	*ret = &table->partition[same ? same - table->partition : (ptrdiff_t)table->n - 1];
	return 0;
}

static int set_state(const char *value, int *ret, struct mscg_error *error)
{
	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		if (strcasecmp(states[i], value) == 0) {
			*ret = (int)i;
			return 0;
		}
	return mscg_error_set(error, -EINVAL, "invalid value '%.40s': expected one of up, down, drain and inactive", value);
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
	case TYPE_STATE: return set_state(value, field, error);
	case TYPE_PRIORITY: return parse_i64(value, -1000000000, 1000000000, field, error);
	case TYPE_COUNT: return parse_u64(value, 1, 1000000, field, error);
	case TYPE_SIZE: return parse_size(value, field, error);
	case TYPE_TIME: return parse_time_limit(value, field, error);
	case TYPE_RATES:
		r = cost_rates_parse(value, &rates, error);
		return r < 0 ? r : set_names(field, value);
	case TYPE_NAMES: return set_names(field, value);
	}
	return -EINVAL;
}

int partition_set(struct partition_config *partition, const char *name, const char *value, struct mscg_error *error)
{
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		if (streq(settings[i].name, name)) {
			int r = set_value(&settings[i], (char *)partition + settings[i].offset, value, error);

			return r < 0 ? mscg_error_prefix(error, r, "%s: ", name) : 0;
		}
	return mscg_error_set(error, -EINVAL, "unknown setting '%.60s' of a partition (see mscg.conf(5))", name);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct partition_config *)a)->name, ((const struct partition_config *)b)->name);
}

/* Whose jobs may be in it, as bits by place; 0: of all. */
static int read_qos(const struct partition_config *p, const struct qos_table *qos, uint32_t *ret, struct mscg_error *error)
{
	_cleanup_free_ char *copy = xstrdup(p->allow_qos);
	char *rest = NULL;

	*ret = 0;
	for (char *one = copy ? strtok_r(copy, ", \t", &rest) : NULL; one; one = strtok_r(NULL, ", \t", &rest)) {
		const struct qos_config *q = qos_find(qos, one);

		if (!q)
			return mscg_error_set(error, -EINVAL, "[partition %s]: allow-qos: no [qos %.40s] in the configuration", p->name, one);
		*ret |= 1u << (q - qos->qos);
	}
	return 0;
}

static int check(const struct partition_config *p, const struct qos_table *qos, struct mscg_error *error)
{
	const struct qos_config *own = p->default_qos ? qos_find(qos, p->default_qos) : NULL;
	uint32_t bits;
	int r = read_qos(p, qos, &bits, error);

	if (r < 0)
		return r;
	if (p->default_qos && !own)
		return mscg_error_set(error, -EINVAL, "[partition %s]: default-qos: no [qos %.40s] in the configuration", p->name, p->default_qos);
	if (own && bits && !(bits >> (own - qos->qos) & 1))
		return mscg_error_set(error, -EINVAL, "[partition %s]: default-qos: %s is not one of allow-qos: %.60s", p->name, own->name, p->allow_qos);
	if (p->default_time && p->job_time && p->default_time > p->job_time)
		return mscg_error_set(error, -EINVAL, "[partition %s]: default-time is more than max-time: expected at most that", p->name);
	if (p->cpus && p->job_cpus > p->cpus)
		return mscg_error_set(error, -EINVAL, "[partition %s]: max-cpus-per-job is more than max-cpus, which is for all of its jobs: expected at most that",
		                      p->name);
	return 0;
}

int partition_finish(struct partition_table *table, const char *default_name, const struct qos_table *qos, struct mscg_error *error)
{
	int r = 0;

	if (table->n)
		qsort(table->partition, table->n, sizeof *table->partition, by_name);
	if (default_name && !partition_find(table, default_name))
		return mscg_error_set(error, -EINVAL, "default-partition: no [partition %.40s] in the configuration", default_name);
	for (uint32_t i = 0; i < table->n && r == 0; i++)
		r = check(&table->partition[i], qos, error);
	return r;
}

void partition_clear(struct partition_table *table)
{
	for (uint32_t i = 0; i < table->n; i++) {
		free(table->partition[i].name);
		free(table->partition[i].allow_groups);
		free(table->partition[i].allow_qos);
		free(table->partition[i].default_qos);
		free(table->partition[i].cost_rates);
	}
	free(table->partition);
	*table = (struct partition_table){ 0 };
}

void partition_fill_policy(const struct partition_table *table, const struct qos_table *qos, struct core_policy *policy)
{
	policy->partition_n = table->n;
	for (uint32_t i = 0; i < table->n; i++) {
		const struct partition_config *p = &table->partition[i];
		struct core_partition *to = &policy->partition[i];

		*to = (struct core_partition){
			.key = name_key(p->name), .priority = (int32_t)p->priority,
			.takes = p->state == PARTITION_UP || p->state == PARTITION_DOWN,
			.starts = p->state == PARTITION_UP || p->state == PARTITION_DRAIN,
			.job_cpus_milli = (uint32_t)p->job_cpus * 1000, .job_mem_bytes = p->job_mem, .job_time_s = (uint32_t)p->job_time,
			.default_time_s = (uint32_t)p->default_time, .cpus_milli = p->cpus * 1000,
		};
		to->rates = qos_rates(p->cost_rates);
		read_qos(p, qos, &to->qos, NULL); /* checked when it was read */
		snprintf(to->name, sizeof to->name, "%s", p->name);
	}
}

const char *partition_state_name(const struct partition_config *partition)
{
	return states[partition->state];
}

char *partition_names(const struct partition_table *table)
{
	char *all = xstrdup("");

	for (uint32_t i = 0; i < table->n; i++) {
		char *more = xasprintf("%s%s%s", all, i ? ", " : "", table->partition[i].name);

		free(all);
		all = more;
	}
	return all;
}
