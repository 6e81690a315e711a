#include "src/base/intern.h"

#include "src/base/base.h"

#include <pthread.h>

struct kept {
	struct kept *next;
	char text[];
};

enum { BUCKETS = 256 };
static struct kept *kept[BUCKETS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

const char *intern(const char *text)
{
	uint32_t hash = 5381;
	struct kept *k, **bucket;

	if (!text)
		return NULL;
	for (const char *p = text; *p; p++)
		hash = hash * 33 ^ (unsigned char)*p;
	bucket = &kept[hash % BUCKETS];
	pthread_mutex_lock(&lock);
	for (k = *bucket; k && !streq(k->text, text); k = k->next)
		;
	if (!k) {
		size_t n = strlen(text) + 1;

		k = xmalloc(sizeof *k + n);
		memcpy(k->text, text, n);
		k->next = *bucket;
		*bucket = k;
	}
	pthread_mutex_unlock(&lock);
	return k->text;
}
