/* Requests of each user, in buckets: `user-request-rate` of them run in a second, a bucket holds ten seconds' worth. */
#include <syslog.h>

#include "daemon.h"
#include "src/core/ids.h"

enum { BURST_S = 10 };

struct bucket {
	int64_t left_usec; /* time that is paid for; a request costs a second by the rate */
	int64_t filled_usec;
	bool    noted; /* that one was refused, since the last that was not */
};

int rate_take(struct client *c, struct mscg_error *error)
{
	uint64_t rate = c->d->config.user_request_rate;
	int64_t now = clock_boot_usec(), price, most = BURST_S * USEC_PER_SEC;
	struct bucket *b;

	if (!rate || c->d->config.once || client_is_operator(c))
		return 0;
	if (!c->d->rates)
		c->d->rates = xcalloc(1, sizeof *c->d->rates);
	b = ids_get(c->d->rates, c->peer.uid);
	if (!b) {
		b = xmalloc(sizeof *b);
		*b = (struct bucket){ most, now, false };
		ids_set(c->d->rates, c->peer.uid, b);
	}
	price          = MAX_OF(USEC_PER_SEC / (int64_t)rate, 1);
	b->left_usec   = MIN_OF(b->left_usec + (now - b->filled_usec), most);
	b->filled_usec = now;
	if (b->left_usec < price) {
		if (!b->noted)
			log_line(LOG_NOTICE, "audit=refused verb=any uid=%u gid=%u pid=%d", c->peer.uid, c->peer.gid, (int)c->peer.pid);
		b->noted = true;
		return mscg_error_set(error, -EBUSY, "uid %u asks more than %llu times a second (user-request-rate): again in %lld ms", c->peer.uid,
		                      (unsigned long long)rate, (long long)((price - b->left_usec + 999) / 1000));
	}
	b->noted = false;
	b->left_usec -= price;
	return 0;
}

void rate_close(struct daemon *d)
{
	struct bucket *b;

	if (!d->rates)
		return;
	IDS_EACH(d->rates, uid, b)
		free(b);
	ids_free(d->rates);
	free(steal(&d->rates));
}
