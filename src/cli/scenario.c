/* A configuration of mscgd in virtual time. Who may use what is not asked: those of the workload could. */
#include "scenario.h"

#include "src/base/buf.h"
#include "src/base/gres.h"

static bool is_license(const char *item)
{
	return strncmp(item, GRES_LICENSE ":", strlen(GRES_LICENSE ":")) == 0;
}

static bool is_device(const char *item)
{
	return !is_license(item);
}

/* What the configuration says, each with that prefix; else those of the workload that are wanted. */
static void add_list(struct buf *all, const char *said, const char *prefix, const char *workload, bool (*wanted)(const char *item))
{
	_cleanup_free_ char *copy = xstrdup(said ? said : workload);
	char *rest = copy, *item;

	while ((item = strsep(&rest, ","))) {
		item += strspn(item, " ");
		if (said || wanted(item))
			buf_addf(all, "%s%s%s", all->size ? "," : "", said ? prefix : "", item);
	}
}

char *scenario_gres(const struct scenario *s, const char *workload)
{
	struct buf all = {0};

	add_list(&all, s->config.gres, "", workload, is_device);
	add_list(&all, s->config.licenses, GRES_LICENSE ":", workload, is_license);
	return all.size ? buf_steal(&all) : NULL;
}

int scenario_load(struct scenario *s, const char *path, const char *settings, struct mscg_error *error)
{
	_cleanup_strv_ char **argv = NULL;
	_cleanup_free_ char *copy = xstrdup(settings);
	char *rest = copy, *one;
	int r;

	*s = (struct scenario){0};
	strv_add(&argv, "mscgd");
	strv_add(&argv, "--config");
	strv_add(&argv, path);
	while ((one = strsep(&rest, "\n")))
		strv_add(&argv, one);
	r = config_load(&s->config, (int)strv_length(argv), argv, error);
	return r < 0 && !strstr(error->text, path) ? mscg_error_prefix(error, r, "%s: ", path) : r;
}

static bool uid_of(void *ctx, const char *user, const char *account, uint32_t *ret)
{
	const struct scenario *s = ctx;

	(void)account;
	for (uint32_t i = 0; s->w->users && s->w->users[i]; i++)
		if (streq(s->w->users[i], user)) {
			*ret = sim_uid(i + 1);
			return true;
		}
	return false;
}

static const struct core_policy *policy(void *ctx, int64_t now_usec)
{
	struct scenario *s = ctx;

	policy_fill(&s->config, &s->accounts, s->mem_per_cpu, now_usec, &s->policy);
	return &s->policy;
}

static int admit_to_partition(const struct config *c, struct mscg_spec *spec, const struct partition_config **ret, struct mscg_error *error)
{
	const char *name = spec->partition ? spec->partition : c->default_partition;
	const struct partition_config *p = name ? partition_find(&c->partitions, name) : NULL;

	if (c->partitions.n && !name)
		return mscg_error_set(error, -EINVAL, "it names no partition, and there is no default-partition");
	if (c->partitions.n && !p)
		return mscg_error_set(error, -EINVAL, "no [partition %.40s] in the configuration", name);
	if (p)
		spec->partition = p->name;
	*ret = p;
	return 0;
}

static int admit_to_qos(const struct config *c, struct mscg_spec *spec, const struct partition_config *p, struct mscg_error *error)
{
	const char *name = spec->qos ? spec->qos : p && p->default_qos ? p->default_qos : c->default_qos;
	const struct qos_config *qos = qos_find(&c->qos, name);

	if (!qos)
		return mscg_error_set(error, -EINVAL, "no [qos %.40s] in the configuration", name);
	spec->qos = qos->name;
	return 0;
}

static int admit_to_account(const struct scenario *s, const struct sim_job *j, struct mscg_spec *spec, struct mscg_error *error)
{
	const struct accounts *accounts = &s->config.accounts;

	if (spec->account && accounts->n && !accounts_find(accounts, spec->account))
		return mscg_error_set(error, -EINVAL, "no [account %.40s] in the configuration", spec->account);
	if (!spec->account && s->w->users && j->user)
		spec->account = (char *)accounts_default(accounts, s->w->users[j->user - 1]);
	return 0;
}

static int admit(void *ctx, const struct sim_job *j, struct mscg_spec *spec, struct mscg_error *error)
{
	const struct scenario *s = ctx;
	const struct partition_config *p = NULL;
	int r;

	spec->qos = (char *)j->qos;
	spec->partition = (char *)j->partition;
	spec->account = (char *)j->account;
	spec->priority = j->priority_asked;
	r = admit_to_partition(&s->config, spec, &p, error);
	if (r == 0)
		r = admit_to_qos(&s->config, spec, p, error);
	return r < 0 ? r : admit_to_account(s, j, spec, error);
}

void scenario_apply(struct scenario *s, const struct sim_workload *w, struct sim_options *o)
{
	s->w = w;
	s->mem_per_cpu = o->mem_bytes == SIM_MEM_ENDLESS ? 0 : o->mem_bytes / o->cpus; /* 0: as little as a job may have */
	accounts_view_clear(&s->accounts);
	accounts_view(&s->config.accounts, &s->accounts, uid_of, s);
	s->site = (struct sim_site){policy, admit, s};
	o->site = &s->site;
}

void scenario_clear(struct scenario *s)
{
	config_clear(&s->config);
	accounts_view_clear(&s->accounts);
	*s = (struct scenario){0};
}
