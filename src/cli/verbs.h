/* verbs.h: the verbs that there are, in the order of `mscg --help`. Each is defined in the file of its name. */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "cli.h"

#define CLI_VERBS(X) \
	X(submit) \
	X(run) \
	X(exec) \
	X(queue) \
	X(show) \
	X(why) \
	X(prio) \
	X(share) \
	X(graph) \
	X(events) \
	X(stats) \
	X(top) \
	X(history) \
	X(cost) \
	X(qos) \
	X(partition) \
	X(cancel) \
	X(wait) \
	X(logs) \
	X(attach) \
	X(resize) \
	X(requeue) \
	X(suspend) \
	X(resume) \
	X(hold) \
	X(release) \
	X(update) \
	X(scheduler) \
	X(config) \
	X(doctor) \
	X(seccomp) \
	X(ping) \
	X(upgrade) \
	X(backup) \
	X(fsck) \
	X(reserve) \
	X(drain) \
	X(shutdown) \
	X(simulate) \
	X(export)

#define X(name) extern const struct verb verb_##name;
CLI_VERBS(X)
#undef X

#endif
