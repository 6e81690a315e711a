/* doctor.h: what `mscg doctor` looks at. Each part adds its checks; doctor.c prints them. */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include "cli.h"

enum verdict { CHECK_OK, CHECK_WARN, CHECK_FAIL };

struct doctor {
	const struct cli *cli;
	json_t *checks;   /* {"name", "status", "text", "mend"}: one a line */
	bool    failed;
	/* Where things are: from the daemon if one answers, else where one would put them. NULL: not known. */
	bool    daemon;
	bool    system;   /* it is root's, and serves this user: what this user may do with cgroups does not matter */
	char   *state_dir, *runtime_dir, *cgroup_root;
	json_t *warnings; /* what the daemon says of this machine */
};
/* `mend`: the command that mends it, may have lines; NULL where nothing is wrong. */
__attribute__((format(printf, 5, 6))) void doctor_add(struct doctor *d, const char *name, enum verdict verdict, const char *mend,
                                                      const char *format, ...);

void doctor_daemon(struct doctor *d);  /* first: the others look where it says */
void doctor_kernel(struct doctor *d);  /* kernel, PSI, swap */
void doctor_cgroups(struct doctor *d); /* mount, controllers, delegation */
void doctor_places(struct doctor *d);  /* directories */

#endif
