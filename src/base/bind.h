/* bind.h: what a job asks to find at another place of its file system (--bind). */
#ifndef BASE_BIND_H
#define BASE_BIND_H

#include "src/base/base.h"

#define BINDS_MAX 64u /* of one job */

/* `source`, as the machine has it, at `target` in the job. Both are absolute, without "//" and "."; `target` without "..". */
struct bind {
	char *source, *target;
	bool  read_only;
};
void bind_clear(struct bind *bind);

/* "SOURCE[:TARGET][:ro|:rw]"; TARGET is SOURCE where it is not given. A SOURCE that is relative is in `dir`, and -EINVAL where that is
 * NULL. 0 and a bind for bind_clear, or -errno with text. */
int bind_parse(const char *text, const char *dir, struct bind *ret, struct mscg_error *error);
/* "SOURCE:TARGET" or "SOURCE:TARGET:ro"; the caller frees it. */
char *bind_format(const struct bind *bind);

/* Of a list, one a line: that which begins at *at, which moves behind it; 1, 0 where there is none, or -errno with text. */
int bind_next(const char **at, const char *dir, struct bind *ret, struct mscg_error *error);
/* Each of a list as bind_format has it. The caller frees *ret. */
int binds_plain(const char *list, const char *dir, char **ret, struct mscg_error *error);

/* "DIRECTORY[:ro|:rw]", a root: a bind without a target; and the same as bind_format has that. As bind_parse and binds_plain. */
int bind_root_parse(const char *text, const char *dir, struct bind *ret, struct mscg_error *error);
int root_plain(const char *text, const char *dir, char **ret, struct mscg_error *error);

/* Absolute, with single slashes and none at its end; -EINVAL with text where it is none of text, or has ".." and not `dots`. `what`
 * names it there. */
int path_plain(const char *what, const char *path, bool dots, char **ret, struct mscg_error *error);

#endif
