#include "committer.h"

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>

struct queue {
	struct work *first, **last;
};

struct committer {
	pthread_t       thread;
	pthread_mutex_t lock;
	pthread_cond_t  wake;
	struct queue    todo, finished; /* both under lock */
	bool            stop;
	uint32_t        pending; /* submitted and not dispatched: of the thread that asks */
	int             event_fd;
	struct store   *store;
	void           *ctx;
};

static void queue_init(struct queue *q)
{
	q->first = NULL;
	q->last  = &q->first;
}

static void queue_add(struct queue *q, struct work *work)
{
	work->next = NULL;
	*q->last   = work;
	q->last    = &work->next;
}

static struct work *queue_take_all(struct queue *q)
{
	struct work *all = q->first;

	queue_init(q);
	return all;
}

static void *committer_main(void *arg)
{
	struct committer *c = arg;

	pthread_mutex_lock(&c->lock);
	for (;;) {
		while (!c->todo.first && !c->stop)
			pthread_cond_wait(&c->wake, &c->lock);
		struct work *work = c->todo.first;
		if (!work)
			break;
		c->todo.first = work->next;
		if (!work->next)
			c->todo.last = &c->todo.first;
		pthread_mutex_unlock(&c->lock);

		work->run(work, c->store);

		pthread_mutex_lock(&c->lock);
		queue_add(&c->finished, work);
		eventfd_write(c->event_fd, 1);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

int committer_start(struct committer **ret, struct store *store, void *ctx, struct mscg_error *error)
{
	struct committer *c = xcalloc(1, sizeof *c);
	sigset_t all, old;

	queue_init(&c->todo);
	queue_init(&c->finished);
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->wake, NULL);
	c->store    = store;
	c->ctx      = ctx;
	c->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->event_fd < 0) {
		int r = -errno;
		free(c);
		return mscg_error_set(error, r, "cannot make an eventfd: %s", strerror(-r));
	}
	/* Signals are the deciding thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int r = pthread_create(&c->thread, NULL, committer_main, c);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r) {
		close(c->event_fd);
		free(c);
		return mscg_error_set(error, -r, "cannot start the committer thread: %s", strerror(r));
	}
	*ret = c;
	return 0;
}

void committer_submit(struct committer *c, struct work *work)
{
	c->pending++;
	pthread_mutex_lock(&c->lock);
	queue_add(&c->todo, work);
	pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->lock);
}

void committer_run(struct committer *c, struct work *work)
{
	/* The lock that gave back the last of what was pending gave the store back too. */
	work->run(work, c->store);
	work->done(work, c->ctx);
}

int committer_fd(const struct committer *c)
{
	return c->event_fd;
}

void committer_dispatch(struct committer *c)
{
	eventfd_t count;

	eventfd_read(c->event_fd, &count);
	pthread_mutex_lock(&c->lock);
	struct work *all = queue_take_all(&c->finished);
	pthread_mutex_unlock(&c->lock);
	while (all) {
		struct work *next = all->next;

		c->pending--;
		all->done(all, c->ctx);
		all = next;
	}
}

bool committer_pending(const struct committer *c)
{
	return c->pending > 0;
}

bool committer_is_stopping(const struct committer *c)
{
	return c->stop; /* set by the thread that asks */
}

void committer_stop(struct committer *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->stop = true;
	pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->thread, NULL);
	committer_dispatch(c);
	store_close(c->store);
	close(c->event_fd);
	pthread_mutex_destroy(&c->lock);
	pthread_cond_destroy(&c->wake);
	free(c);
}
