#include "daemon.h"

enum { CACHE_SIZE = 1024 }; /* power of two */

struct spec_ref *spec_ref_new(struct mscg_spec *spec)
{
	struct spec_ref *ref = xmalloc(sizeof *ref);

	*ref = (struct spec_ref){ spec, 1 };
	return ref;
}

struct spec_ref *spec_ref_get(struct spec_ref *ref)
{
	ref->refs++;
	return ref;
}

void spec_ref_put(struct spec_ref *ref)
{
	if (!ref || --ref->refs)
		return;
	mscg_spec_free(ref->spec);
	free(ref);
}

/* Direct mapped: slot i holds job numbers of its class, the number beside the reference. */
struct cached {
	uint32_t         job;
	struct spec_ref *ref;
};

static struct cached *slot_of(struct daemon *d, uint32_t job)
{
	if (!d->spec_cache)
		d->spec_cache = xcalloc(CACHE_SIZE, sizeof *d->spec_cache);
	return &d->spec_cache[job % CACHE_SIZE];
}

void spec_cache_add(struct daemon *d, uint32_t job, struct spec_ref *ref)
{
	struct cached *c = slot_of(d, job);

	if (c->ref == ref && c->job == job)
		return;
	spec_ref_put(c->ref);
	*c = (struct cached){ job, spec_ref_get(ref) };
}

struct spec_ref *spec_cache_find(struct daemon *d, uint32_t job)
{
	struct cached *c = slot_of(d, job);

	return c->ref && c->job == job ? spec_ref_get(c->ref) : NULL;
}

void spec_cache_clear(struct daemon *d)
{
	struct cached *c = d->spec_cache;

	for (size_t i = 0; c && i < CACHE_SIZE; i++)
		spec_ref_put(c[i].ref);
	free(d->spec_cache);
	d->spec_cache = NULL;
}
