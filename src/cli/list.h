/* list.h: many jobs from the daemon, one by one as they come: nothing is kept of a history of millions. */
#ifndef CLI_LIST_H
#define CLI_LIST_H

#include "cli.h"

struct list_filter {
	json_t     *ids;   /* borrowed array of strings; NULL: all */
	bool        tasks; /* with an array among them its tasks, as far as the rest lets them in */
	uint32_t    states; /* bits 1 << state; 0: all */
	const char *user, *name, *account, *partition;
	int64_t     since_usec, until_usec; /* 0: no bound */
	bool        active, newest_first;
	int64_t     limit;                  /* 0: none */
};
/* Calls `each` for every job, in the order of their numbers; it returns false to stop. 0 or -errno
 * with text. */
int list_jobs(struct mscg *m, const struct list_filter *filter, bool (*each)(json_t *job, void *ctx), void *ctx,
              struct mscg_error *error);

/* For who was told of no job of `user` (NULL: of everybody): 0, or -EINVAL with text where there is no such user. One whose account is
 * gone may have left jobs. */
int list_of_nobody(const char *user, struct mscg_error *error);
/* An answer whose list `name` may come in several replies, put together: as mscg_call_json. */
int list_call(struct mscg *m, const char *method, json_t *parameters, const char *name, json_t **ret, struct mscg_error *error);

/* Prints [ job, job, ... ] as the jobs come. `{0}` to begin with. */
struct json_list { bool begun; };
void json_list_add(struct json_list *list, const json_t *value);
void json_list_end(struct json_list *list);

#endif
