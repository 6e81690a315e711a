/* A user's mscgd needs a cgroup that is delegated to that user. A login session is not; where a systemd user manager
 * runs, it gives us a scope that is. */
#include <mscg/cgroup.h>
#include <syslog.h>

#include "daemon.h"

static bool has_all(const struct mscg_cgroup_host *host, const struct mscg_cgroup *own)
{
	static const enum mscg_cgroup_controller wanted[] = {
		MSCG_CGROUP_CONTROLLER_CPUSET, MSCG_CGROUP_CONTROLLER_CPU, MSCG_CGROUP_CONTROLLER_MEMORY, MSCG_CGROUP_CONTROLLER_PIDS,
	};
	struct mscg_cgroup_finding finding;

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		if (mscg_cgroup_explain(host, own, wanted[i], &finding, NULL) < 0 ||
		    finding.lack == MSCG_CGROUP_LACK_PERMISSION)
			return false;
	return true;
}

static bool is_delegated(void)
{
	struct mscg_cgroup_host *host = NULL;
	struct mscg_cgroup own = MSCG_CGROUP_NONE;
	bool fine = mscg_cgroup_discover(&host, NULL) < 0 || mscg_cgroup_open_own(host, &own, NULL) < 0 || has_all(host, &own);

	mscg_cgroup_close(&own);
	mscg_cgroup_host_free(host);
	return fine;
}

void scope_enter(const struct config *config, char **argv)
{
	const char *run = getenv("XDG_RUNTIME_DIR");
	char self[4096] = "";

	if (geteuid() == 0 || config->cgroup_root || config->once || !streq(config->engine, "local") || !run ||
	    getenv("MSCG_IN_SCOPE"))
		return;
	_cleanup_free_ char *manager = xasprintf("%s/systemd/private", run);
	if (access(manager, F_OK) < 0 || is_delegated() || readlink("/proc/self/exe", self, sizeof self - 1) < 0)
		return;
	log_line(LOG_INFO, "this session is not delegated to uid %u: starting in a scope of the user manager", geteuid());
	char **command = NULL;
	static const char *const head[] = { "systemd-run", "--user", "--scope", "--quiet", "--collect", "-p", "Delegate=yes", "--" };
	for (size_t i = 0; i < ARRAY_SIZE(head); i++)
		strv_add(&command, head[i]);
	strv_add(&command, self);
	for (char **a = argv + 1; *a; a++)
		strv_add(&command, *a);
	setenv("MSCG_IN_SCOPE", "1", 1);
	execvp(command[0], command);
	log_line(LOG_WARNING, "systemd-run: %s", strerror(errno));
	strv_free(command);
}
