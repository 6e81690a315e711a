/* child_code.h: the few words of code between clone3 and exec (see sys.h): where it got to, and how it ends. */
#ifndef RUNNER_CHILD_CODE_H
#define RUNNER_CHILD_CODE_H

#include <stdatomic.h>

#include "src/runner/child.h"
#include "src/runner/sys.h"

CHILD_INLINE void note(const struct child_plan *p, enum runner_stage stage)
{
	atomic_store_explicit(&p->slot->stage, (int32_t)stage, memory_order_relaxed);
}

/* `code`: what it ends with, where a stage is about one of several. */
CHILD_CODE __attribute__((noreturn)) static inline void fail_at(const struct child_plan *p, long result, int code)
{
	atomic_store_explicit(&p->slot->errno_value, (int32_t)-result, memory_order_relaxed);
	for (;;)
		sys(exit_group, code);
}

CHILD_CODE __attribute__((noreturn)) static inline void fail(const struct child_plan *p, long result)
{
	fail_at(p, result, 127);
}

/* Ends the launch unless `result` is a success; gives it back. */
CHILD_INLINE long must(const struct child_plan *p, long result)
{
	if (result < 0)
		fail(p, result);
	return result;
}

CHILD_INLINE size_t length(const char *s)
{
	size_t n = 0;
	while (s[n])
		n++;
	return n;
}

CHILD_INLINE void copy(char *to, const char *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = from[i];
}

/* In decimal, without an end; its length. */
CHILD_CODE static inline size_t put_number(char *to, unsigned number)
{
	char digits[16];
	size_t n = 0, at = 0;
	do
		digits[n++] = (char)('0' + number % 10);
	while (number /= 10);
	while (n > 0)
		to[at++] = digits[--n];
	return at;
}

CHILD_INLINE bool same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

CHILD_INLINE bool below(const char *path, const char *dir)
{
	while (*dir && *path == *dir)
		path++, dir++;
	return !*dir && *path == '/';
}

CHILD_INLINE bool is_in(const char *path, const char *dir)
{
	return same(path, dir) || below(path, dir);
}

#endif
