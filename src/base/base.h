/* base.h: the few words that every room of the house uses. Nothing here knows of jobs or cgroups.
 *
 * Memory: x* allocators end the process when there is none (the journal makes that safe); nothing in the house checks
 * for NULL from them. Cleanup attributes run at scope end; `steal` takes a pointer out of their reach.
 */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <errno.h>
#include <mscg/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))
#define MIN_OF(a, b) ((a) < (b) ? (a) : (b))
#define MAX_OF(a, b) ((a) > (b) ? (a) : (b))

#define _cleanup_(f) __attribute__((cleanup(f)))

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close(int *fd)
{
	if (*fd >= 0) {
		int saved = errno;
		close(*fd);
		errno = saved;
	}
}

static inline void cleanup_fclose(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define _cleanup_free_ _cleanup_(cleanup_free)
#define _cleanup_close_ _cleanup_(cleanup_close)
#define _cleanup_fclose_ _cleanup_(cleanup_fclose)

/* Takes the pointer and leaves NULL. */
#define steal(p)                    \
	({                          \
		__auto_type _v = *(p); \
		*(p) = NULL;        \
		_v;                 \
	})

static inline int steal_fd(int *fd)
{
	int v = *fd;
	*fd = -1;
	return v;
}

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *p, size_t size);
/* Array form, checked against overflow. */
void *xreallocarray(void *p, size_t count, size_t size);
char *xstrdup(const char *s); /* NULL gives NULL */
char *xstrndup(const char *s, size_t n);
__attribute__((format(printf, 1, 2))) char *xasprintf(const char *format, ...);

static inline bool streq(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* NULL-ended vectors of strings; the vector and its strings are one owner's. */
size_t strv_length(char *const *v);
char **strv_copy(char *const *v); /* NULL gives NULL */
void   strv_free(char **v);
void   cleanup_strv(char ***v);
/* Adds a copy at the end; *v may be NULL. Walks the vector: make one of thousands with xcalloc instead. */
void strv_add(char ***v, const char *s);
/* "NAME=value" lists: the value of NAME or NULL; set replaces or adds, and removes when value is NULL. */
const char *env_get(char *const *env, const char *name);
void        env_set(char ***env, const char *name, const char *value);
#define _cleanup_strv_ _cleanup_(cleanup_strv)

/* Makes room for one more element in a growing array `a` with `n` used and `cap` allocated. */
#define GROW(a, n, cap)                                                       \
	do {                                                                  \
		if ((n) == (cap)) {                                           \
			(cap) = (cap) ? (cap)*2 : 8;                          \
			(a)   = xreallocarray((a), (size_t)(cap), sizeof *(a)); \
		}                                                             \
	} while (0)

#endif
