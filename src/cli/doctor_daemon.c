/* mscg doctor: the daemon, and where it has its things. */
#include "doctor.h"

enum { PATIENCE_MS = 5000 };

static char *setting(const json_t *settings, const char *name)
{
	const json_t *one;
	size_t i;

	json_array_foreach(settings, i, one)
		if (streq(jtext(one, "name", ""), name)) {
			const char *value = jtext(one, "value", "");

			return value[0] == '/' ? xstrdup(value) : NULL;
		}
	return NULL;
}

static void learn_places(struct doctor *d, struct mscg *m)
{
	json_t *reply, *settings;

	if (mscg_call_json(m, "Config", NULL, &reply, NULL) < 0)
		return;
	settings = json_object_get(reply, "settings");
	d->runtime_dir = setting(settings, "runtime-dir");
	d->cgroup_root = setting(settings, "cgroup-root");
	json_decref(reply);
}

static void check_stats(struct doctor *d, struct mscg *m)
{
	json_t *reply, *stats;

	if (mscg_call_json(m, "Stats", NULL, &reply, NULL) < 0)
		return;
	stats = json_object_get(reply, "stats");
	d->system = geteuid() != 0 && streq(jtext(stats, "mode", ""), "root");
	d->warnings = json_incref(json_object_get(stats, "warnings"));
	if (*jtext(stats, "degraded", ""))
		doctor_add(d, "degraded", CHECK_FAIL, "make room on that file system, or make it writable: mscgd notices within a minute",
		           "the scheduler takes no new jobs: %s", jtext(stats, "degraded", ""));
	if (jbool(stats, "drained", false))
		doctor_add(d, "drained", CHECK_WARN, "mscg drain --undo", "the scheduler is drained: it starts no job");
	if (streq(jtext(stats, "mode", ""), "user"))
		doctor_add(d, "devices", CHECK_OK, NULL, "a user's scheduler: jobs open devices as modes and their own /dev let them; filters of devices are root's");
	if (!streq(jtext(stats, "engine", "local"), "local"))
		doctor_add(d, "engine", CHECK_WARN, "start mscgd without --engine", "the scheduler only pretends to run jobs (engine %s)",
		           jtext(stats, "engine", "?"));
	json_decref(reply);
}

static void check_warnings(struct doctor *d)
{
	const json_t *one;
	size_t i;

	json_array_foreach(d->warnings, i, one) {
		doctor_add(d, "not-enforced", CHECK_WARN, NULL, "mscgd says: %s", json_string_value(one) ? json_string_value(one) : "?");
	}
}

static void check_ping(struct doctor *d, struct mscg *m)
{
	struct mscg_error error = {0};
	const char *version;
	json_t *reply;

	if (mscg_call_json(m, "Ping", NULL, &reply, &error) < 0) {
		doctor_add(d, "daemon", CHECK_FAIL, "systemctl restart mscgd, or end that process and start mscg scheduler", "%s", error.text);
		return;
	}
	d->daemon = true;
	version = jtext(reply, "version", "?");
	doctor_add(d, "daemon", CHECK_OK, NULL, "mscgd %s answers on %s (pid %lld)", version, mscg_socket_path(m),
	           (long long)jint(reply, "pid", 0));
	if (!streq(version, MSCG_VERSION))
		doctor_add(d, "version", CHECK_WARN, "restart mscgd: running jobs go on", "mscg is " MSCG_VERSION ", mscgd is %s", version);
	d->state_dir = *jtext(reply, "state_dir", "") == '/' ? xstrdup(jtext(reply, "state_dir", "")) : NULL;
	json_decref(reply);
	learn_places(d, m);
	check_stats(d, m);
	check_warnings(d);
}

/* Where a daemon of this user would have its directories. */
static void guess_places(struct doctor *d)
{
	const char *run = getenv("XDG_RUNTIME_DIR"), *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	const char *given = d->cli->state_dir ? d->cli->state_dir : getenv("MSCG_STATE_DIR");
	bool root = geteuid() == 0;

	d->state_dir = given   ? xstrdup(given)
	               : root  ? xstrdup("/var/lib/mscg")
	               : state ? xasprintf("%s/mscg", state)
	               : home  ? xasprintf("%s/.local/state/mscg", home)
	                       : NULL;
	d->runtime_dir = root ? xstrdup("/run/mscg") : run ? xasprintf("%s/mscg", run) : xasprintf("/tmp/mscg-%u", geteuid());
}

void doctor_daemon(struct doctor *d)
{
	struct mscg_error error = {0};
	struct mscg *m;

	if (cli_try_connect(d->cli, 0, &m, &error) == 0) {
		mscg_set_timeout(m, PATIENCE_MS);
		check_ping(d, m);
		mscg_close(m);
	} else if (error.code == -ECONNREFUSED) {
		doctor_add(d, "daemon", CHECK_WARN, NULL, "%s", error.text);
	} else {
		doctor_add(d, "daemon", CHECK_FAIL, NULL, "%s", error.text);
	}
	if (!d->daemon)
		guess_places(d);
}
