#include "src/runner/landlock.h"

#include <errno.h>

#include "src/runner/child_code.h"

/* As <linux/landlock.h> of 6.12 has it. */
struct ruleset {
	uint64_t handled_access_fs, handled_access_net, scoped;
};
#define SCOPE_ABSTRACT_UNIX_SOCKET (1u << 0)
#define SCOPE_SIGNAL               (1u << 1)

/* Nothing of file systems: whoever has a rule about these may mount nothing any more, which containers in a job do. */
CHILD_CODE void enter_landlock(const struct child_plan *p)
{
	const struct ruleset rules = { .scoped = (p->own_pid ? SCOPE_SIGNAL : 0) | (p->own_net ? SCOPE_ABSTRACT_UNIX_SOCKET : 0) };

	if (!rules.scoped)
		return;
	note(p, RUNNER_STAGE_LANDLOCK);
	long fd = sys(landlock_create_ruleset, &rules, sizeof rules, 0);
	if (fd == -ENOSYS || fd == -EOPNOTSUPP || fd == -E2BIG || fd == -EINVAL) /* not there, not enabled, or before it had scopes */
		return;
	must(p, fd);
	must(p, sys(landlock_restrict_self, fd, 0));
	sys(close, fd);
}
