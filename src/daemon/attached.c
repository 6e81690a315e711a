/* Attached jobs: their descriptors wait here between submission and start. */
#include "daemon.h"

struct attached {
	struct mscg_id   id;
	int              fds[3];
	struct attached *next;
};

static void attached_add(struct daemon *d, struct mscg_id id, int fds[3])
{
	struct attached *a = xmalloc(sizeof *a);

	*a = (struct attached){ .id = id, .next = d->attached };
	for (int i = 0; i < 3; i++)
		a->fds[i] = steal_fd(&fds[i]);
	d->attached = a;
}

bool attached_take(struct daemon *d, struct mscg_id id, int fds[3])
{
	for (struct attached **p = &d->attached; *p; p = &(*p)->next) {
		struct attached *a = *p;

		if (!mscg_id_equal(a->id, id))
			continue;
		memcpy(fds, a->fds, sizeof a->fds);
		*p = a->next;
		free(a);
		return true;
	}
	return false;
}

void attached_keep(struct request *r, struct mscg_id id)
{
	struct client *c = r->client;

	if (!c || r->fds[0] < 0)
		return;
	attached_add(r->d, id, r->fds);
	GROW(c->attached, c->attached_n, c->attached_cap);
	c->attached[c->attached_n++] = id;
}

void attached_drop(struct daemon *d, struct mscg_id id)
{
	int fds[3];

	if (attached_take(d, id, fds))
		for (int i = 0; i < 3; i++)
			close(fds[i]);
}
