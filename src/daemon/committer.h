/* committer.h: the one thread that touches the database. Work goes in on one side in order and comes out on the other
 * in the same order; between, nobody else holds the store. The deciding thread never waits for it, and while nothing is
 * between may take the store itself.
 */
#ifndef DAEMON_COMMITTER_H
#define DAEMON_COMMITTER_H

#include "src/base/base.h"
#include "src/store/store.h"

struct committer;

/* Embedded at the head of a larger struct. `run` is called in the committer's thread, `done` in the deciding one;
 * `done` frees it. */
struct work {
	void (*run)(struct work *work, struct store *store);
	void (*done)(struct work *work, void *ctx);
	struct work *next;
};

/* Takes the store. */
int  committer_start(struct committer **ret, struct store *store, void *ctx, struct mscg_error *error);
/* Carries out what is queued, delivers it, ends the thread and closes the store. */
void committer_stop(struct committer *c);
void committer_submit(struct committer *c, struct work *work);
/* The same, in the caller's own thread, and done when it returns. Only while nothing is pending. */
void committer_run(struct committer *c, struct work *work);
int  committer_fd(const struct committer *c); /* readable when something is done */
void committer_dispatch(struct committer *c); /* calls done */
/* Something was submitted whose `done` was not called yet. */
bool committer_pending(const struct committer *c);
/* `done` is being called by committer_stop: nothing more can be submitted, and the thread has ended. */
bool committer_is_stopping(const struct committer *c);

#endif
