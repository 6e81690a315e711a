/* follow.h: a file of output that may not be there yet, grows, is truncated or replaced; copied out as it is read. */
#ifndef CLI_FOLLOW_H
#define CLI_FOLLOW_H

#include "cli.h"

struct follow {
	const char *path;
	int   to;      /* descriptor that it is copied to */
	int   fd;      /* -1: not there yet */
	int   inotify; /* -1: nobody watches */
	off_t offset;
	dev_t dev;
	ino_t ino;
};
/* `inotify` is borrowed. */
void follow_start(struct follow *f, const char *path, int to, int inotify);
/* Opens the file if it is there now, and sees to it that inotify rings when that may have changed. 1: open, 0: not there,
 * -errno with text. */
int follow_open(struct follow *f, struct mscg_error *error);
/* Goes to the start of the last `lines` lines. */
int follow_seek_lines(struct follow *f, uint64_t lines, struct mscg_error *error);
/* Copies what has come. -EPIPE: nobody reads any more. */
int  follow_copy(struct follow *f, struct mscg_error *error);
/* Whether what was copied ends with a line of mscgd's own, "[mscg: ...]". */
bool follow_ends_with_word(const struct follow *f);
void follow_end(struct follow *f);

#endif
