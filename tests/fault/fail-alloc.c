/* Preloaded into mscgd by allocations: the MSCG_FAIL_AT-th allocation fails, and no other. MSCG_FAIL_COUNT names a file that
 * gets the number of them at the end. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static _Atomic long count;
static long fail_at = -1;
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t size);

static int fails(void)
{
	if (atomic_fetch_add(&count, 1) + 1 != fail_at)
		return 0;
	errno = ENOMEM;
	return 1;
}

__attribute__((constructor)) static void begin(void)
{
	const char *at = getenv("MSCG_FAIL_AT");
	fail_at = at ? strtol(at, NULL, 10) : -1;
	unsetenv("LD_PRELOAD"); /* not for jobs */
}

__attribute__((destructor)) static void end(void)
{
	const char *path = getenv("MSCG_FAIL_COUNT");
	if (path)
		dprintf(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644), "%ld\n", (long)count);
}

void *malloc(size_t size) { return fails() ? NULL : __libc_malloc(size); }
void *calloc(size_t n, size_t size) { return fails() ? NULL : __libc_calloc(n, size); }
void *realloc(void *old, size_t size) { return fails() ? NULL : __libc_realloc(old, size); }
