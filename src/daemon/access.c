/* Who may do what, and the line in the log about it. Who is asking the kernel has said (SO_PEERCRED and SO_PEERGROUPS, as
 * they were when the connection was made), never the message; a pid is looked at by nobody but the reader of the log.
 * Root of a user namespace is whom it is mapped from. */
#include <grp.h>
#include <sys/socket.h>
#include <syslog.h>

#include "daemon.h"

static bool in_group(const struct client *c, gid_t gid)
{
	_cleanup_free_ gid_t *groups = NULL;
	socklen_t size = 0;

	if (c->peer.gid == gid)
		return true;
	/* Asked first for nothing, it says how much it takes. */
	if (getsockopt(wire_conn_fd(c->conn), SOL_SOCKET, SO_PEERGROUPS, NULL, &size) < 0 && errno == ERANGE) {
		groups = xmalloc(size);
		if (getsockopt(wire_conn_fd(c->conn), SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
			return false;
	}
	for (size_t i = 0; groups && i < size / sizeof groups[0]; i++)
		if (groups[i] == gid)
			return true;
	return false;
}

bool client_is_operator(const struct client *c)
{
	if (c->peer.uid == 0 || c->peer.uid == geteuid())
		return true;
	return c->d->operator_gid != (gid_t)-1 && in_group(c, c->d->operator_gid);
}

bool client_may_act(const struct client *c, uint32_t uid)
{
	return c->peer.uid == uid || client_is_operator(c);
}

bool client_sees(const struct client *c, uint32_t uid)
{
	return c->d->config.privacy != PRIVACY_JOBS || client_may_act(c, uid);
}

bool client_knows(const struct client *c, uint32_t uid)
{
	return c->d->config.privacy == PRIVACY_NONE || client_may_act(c, uid);
}

/* One form for all: job=ID first where there is one, then key=value. Names and numbers only: nothing that a client chose
 * can make a line look like another. */
static void audit(const struct client *c, const char *result, const char *verb, const struct mscg_job *job)
{
	char id[MSCG_ID_TEXT], about[MSCG_ID_TEXT + 8] = "", owner[24] = "";

	if (c->d->config.once) /* for its owner, who reads the answer */
		return;
	if (job) {
		snprintf(about, sizeof about, "job=%s ", mscg_id_format(job->id, id));
		snprintf(owner, sizeof owner, " owner=%u", job->uid);
	}
	log_line(LOG_NOTICE, "%saudit=%s verb=%s uid=%u gid=%u pid=%d%s", about, result, verb, c->peer.uid, c->peer.gid,
	         (int)c->peer.pid, owner);
}

int access_refuse(const struct client *c, const char *verb, struct mscg_error *error)
{
	const char *group = c->d->config.operator_group;

	audit(c, "refused", verb, NULL);
	return group ? mscg_error_set(error, -EPERM, "not permitted: this is for root and members of group %s", group)
	             : mscg_error_set(error, -EPERM, "not permitted: this is for root (operator-group in mscg.conf names who else may)");
}

void access_used(const struct client *c, const char *verb)
{
	audit(c, "allowed", verb, NULL);
}

static int refuse_job(const struct client *c, const char *verb, struct mscg_id id, const struct mscg_job *job, struct mscg_error *error)
{
	char text[MSCG_ID_TEXT];

	audit(c, "refused", verb, job);
	mscg_id_format(id, text);
	if (!client_sees(c, job->uid))
		return mscg_error_set(error, -ESRCH, "no job %s that is pending or running", text);
	if (!client_knows(c, job->uid))
		return mscg_error_set(error, -EPERM, "job %s belongs to somebody else", text);
	return mscg_error_set(error, -EPERM, "job %s belongs to uid %u", text, job->uid);
}

int access_act(const struct client *c, const char *verb, struct mscg_id id, const struct mscg_job *job, struct mscg_error *error)
{
	if (!client_may_act(c, job->uid))
		return refuse_job(c, verb, id, job, error);
	if (c->peer.uid != job->uid)
		audit(c, "allowed", verb, job);
	return 0;
}

int access_own(const struct client *c, const char *verb, struct mscg_id id, const struct mscg_job *job, struct mscg_error *error)
{
	return c->peer.uid == job->uid ? 0 : refuse_job(c, verb, id, job, error);
}

int access_enter(const struct client *c, const char *verb, struct mscg_id id, const struct mscg_job *job, struct mscg_error *error)
{
	return c->peer.uid == 0 ? 0 : access_own(c, verb, id, job, error);
}

void access_entered(const struct client *c, const char *verb, const struct mscg_job *job)
{
	audit(c, "allowed", verb, job);
}

/* A job that does not say how it is isolated, and asks for what needs mounts of its own. */
static int check_mounts(const struct config *c, const struct mscg_spec *spec, struct mscg_error *error)
{
	uint32_t parts = 0;

	if (spec->isolate || !mscg_spec_needs_mounts(spec))
		return 0;
	int code = mscg_isolate_parse(c->isolate, &parts, error);
	if (code < 0 || parts & MSCG_PART_MOUNT)
		return code;
	return mscg_error_set(error, -EINVAL, "%s: jobs here have isolation '%.60s', without mounts of their own; expected --isolate with mount too",
	                      mscg_spec_needs_mounts(spec), c->isolate);
}

int access_isolation(const struct client *client, const char *verb, struct mscg_spec *spec, struct mscg_error *error)
{
	const struct config *c = &client->d->config;
	uint32_t parts = 0, least = 0;
	int code = check_mounts(c, spec, error);

	if (code < 0 || !c->isolate_min)
		return code;
	if (!spec->isolate)
		spec->isolate = xstrdup(c->isolate);
	code = mscg_isolate_parse(c->isolate_min, &least, error);
	if (code == 0)
		code = mscg_isolate_parse(spec->isolate, &parts, error);
	if (code < 0)
		return code;
	bool lacks = (parts & least) != least, allows = least & MSCG_PART_SECCOMP && spec->allow;
	if (!lacks && !allows)
		return 0;
	access_refuse(client, verb, error);
	if (lacks)
		return mscg_error_set(error, -EPERM, "isolation '%.60s' is less than jobs have here: expected at least isolate-min, %.60s", spec->isolate,
		                      c->isolate_min);
	return mscg_error_set(error, -EPERM, "'%.60s' cannot be allowed here: isolate-min, %.60s, has the whole filter", spec->allow, c->isolate_min);
}

/* -- qualities of service ------------------------------------------------------------------------------------------ */

static bool user_has_name(const struct client *c, const char *name)
{
	return streq(users_name(c->peer.uid), name);
}

static bool group_has(const struct client *c, const char *name)
{
	const struct group *group = getgrnam(name);

	return group && in_group(c, group->gr_gid);
}

/* Any of "a, b,c". */
static bool any_name(const struct client *c, const char *names, bool (*is)(const struct client *c, const char *name))
{
	_cleanup_free_ char *copy = xstrdup(names);
	char *rest = NULL;

	for (char *one = copy ? strtok_r(copy, ", \t", &rest) : NULL; one; one = strtok_r(NULL, ", \t", &rest))
		if (is(c, one))
			return true;
	return false;
}

bool client_may_have(const struct client *c, const struct qos_config *qos)
{
	return (!qos->users && !qos->groups) || client_is_operator(c) || any_name(c, qos->users, user_has_name) ||
	       any_name(c, qos->groups, group_has);
}

bool client_may_use(const struct client *c, const struct partition_config *p)
{
	return !p->allow_groups || client_is_operator(c) || any_name(c, p->allow_groups, group_has);
}

/* -- names of the configuration ------------------------------------------------------------------------------------- */

static bool is_user(const char *name)
{
	uint32_t uid;

	return users_uid(name, &uid) == 0;
}

static bool is_group(const char *name)
{
	return getgrnam(name) != NULL;
}

static void warn_unknown(const char *section, const char *setting, const char *names, bool (*is_known)(const char *name))
{
	_cleanup_free_ char *copy = xstrdup(names);
	char *rest = NULL;

	for (char *one = copy ? strtok_r(copy, ", \t", &rest) : NULL; one; one = strtok_r(NULL, ", \t", &rest))
		if (!is_known(one))
			log_line(LOG_WARNING, "%s: %s: no %s %s on this machine", section, setting, is_known == is_user ? "user" : "group", one);
}

static void warn_of_names(const struct config *c)
{
	for (uint32_t i = 0; i < c->qos.n; i++) {
		_cleanup_free_ char *section = xasprintf("qos %s", c->qos.qos[i].name);

		warn_unknown(section, "users", c->qos.qos[i].users, is_user);
		warn_unknown(section, "groups", c->qos.qos[i].groups, is_group);
	}
	for (uint32_t i = 0; i < c->partitions.n; i++) {
		_cleanup_free_ char *section = xasprintf("partition %s", c->partitions.partition[i].name);

		warn_unknown(section, "allow-groups", c->partitions.partition[i].allow_groups, is_group);
	}
}

void access_look_up(struct daemon *d)
{
	const struct config *c = &d->config;
	const struct group *group = c->operator_group && *c->operator_group ? getgrnam(c->operator_group) : NULL;

	d->operator_gid = group ? group->gr_gid : (gid_t)-1;
	if (c->once)
		return;
	if (!group && c->operator_group && *c->operator_group && config_is_given(c, "operator-group"))
		log_line(LOG_WARNING, "operator-group: no group %s on this machine: nobody is an operator by it", c->operator_group);
	if (!d->core) /* each may take as long as an account database likes: not while others wait */
		warn_of_names(c);
}

int access_partition(const struct client *c, const char *verb, const char *name, const struct partition_config **ret, struct mscg_error *error)
{
	const struct config *config = &c->d->config;
	const char *wanted = name ? name : config->default_partition;
	const struct partition_config *p = wanted ? partition_find(&config->partitions, wanted) : NULL;
	_cleanup_free_ char *names = partition_names(&config->partitions);

	if (config->partitions.n && !wanted)
		return mscg_error_set(error, -EINVAL, "no partition is asked for, and there is no default-partition: expected one of %.120s (see: mscg partition)",
		                      names);
	if (config->partitions.n && !p)
		return mscg_error_set(error, -EINVAL, "no partition '%.40s': expected one of %.120s (see: mscg partition)", wanted, names);
	if (p && !client_may_use(c, p)) {
		audit(c, "refused", verb, NULL);
		return mscg_error_set(error, -EPERM, "partition %s is not for you: see mscg partition", p->name);
	}
	*ret = p;
	return 0;
}

int access_qos(const struct client *c, const char *verb, const char *name, const struct qos_config **ret, struct mscg_error *error)
{
	const struct config *config = &c->d->config;
	const struct qos_config *qos = qos_find(&config->qos, name ? name : config->default_qos);

	if (!qos) {
		_cleanup_free_ char *names = qos_names(&config->qos);

		return mscg_error_set(error, -EINVAL, "no QOS '%.40s': expected one of %.120s (see: mscg qos)", name, names);
	}
	if (!client_may_have(c, qos)) {
		audit(c, "refused", verb, NULL);
		return mscg_error_set(error, -EPERM, "QOS %s is not for you: see mscg qos", qos->name);
	}
	*ret = qos;
	return 0;
}
