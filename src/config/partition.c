#include "partition.h"

#include "qos.h"
#include "section.h"
#include "src/base/parse.h"
#include "src/core/core.h"

static const char *const states[] = {
	[PARTITION_UP] = "up", [PARTITION_DOWN] = "down", [PARTITION_DRAIN] = "drain", [PARTITION_INACTIVE] = "inactive", NULL,
};
static const struct section_words state_words = { states, "up, down, drain and inactive", true };

static const struct section_setting settings[] = {
#define FIELD(name, type, member) { name, SECTION_##type, offsetof(struct partition_config, member), NULL }
	{ "state", SECTION_WORD, offsetof(struct partition_config, state), &state_words },
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
static const struct section_kind kind = {
	"partition", "a partition", sizeof(struct partition_config), CORE_PARTITION_MAX, settings, ARRAY_SIZE(settings),
};

const struct partition_config *partition_find(const struct partition_table *table, const char *name)
{
	return section_find(&kind, table->partition, table->n, name);
}

const struct partition_config *partition_of_key(const struct partition_table *table, uint32_t key)
{
	return section_of_key(&kind, table->partition, table->n, key);
}

int partition_open(struct partition_table *table, const char *name, struct partition_config **ret, struct mscg_error *error)
{
	int at = section_admit(&kind, table->partition, table->n, name, error);

	if (at < 0)
		return at;
	if ((uint32_t)at == table->n) {
		GROW(table->partition, table->n, table->cap);
		table->partition[table->n++] = (struct partition_config){ .name = xstrdup(name) };
	}
	*ret = &table->partition[at];
	return 0;
}

int partition_set(struct partition_config *partition, const char *name, const char *value, struct mscg_error *error)
{
	return section_set(&kind, partition, name, value, error);
}

/* Whose jobs may be in it, as bits by place; 0: of all. */
static int read_qos(const struct partition_config *p, const struct qos_table *qos, uint32_t *ret, struct mscg_error *error)
{
	char where[64];

	snprintf(where, sizeof where, "[partition %s]: allow-qos", p->name);
	return qos_bits(qos, where, p->allow_qos, ret, error);
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

	section_sort(&kind, table->partition, table->n);
	if (default_name && !partition_find(table, default_name))
		return mscg_error_set(error, -EINVAL, "default-partition: no [partition %.40s] in the configuration", default_name);
	for (uint32_t i = 0; i < table->n && r == 0; i++)
		r = check(&table->partition[i], qos, error);
	return r;
}

void partition_clear(struct partition_table *table)
{
	section_clear(&kind, table->partition, table->n);
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
	return section_names(&kind, table->partition, table->n);
}
