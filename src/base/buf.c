#include "src/base/buf.h"

#include "src/base/base.h"

#include <stdarg.h>

void buf_free(struct buf *b)
{
	free(b->data);
	*b = (struct buf){0};
}

/* Room for `more` bytes and the NUL. */
static void reserve(struct buf *b, size_t more)
{
	size_t need, cap = b->cap ? b->cap : 64;

	if (__builtin_add_overflow(b->size, more, &need) || need >= SIZE_MAX / 4)
		need = SIZE_MAX - 1; /* no allocator gives that: ends in xrealloc */
	if (need + 1 <= b->cap)
		return;
	while (cap < need + 1 && cap < SIZE_MAX / 2)
		cap *= 2;
	b->data = xrealloc(b->data, MAX_OF(cap, need + 1));
	b->cap = cap;
}

void buf_add(struct buf *b, const void *data, size_t size)
{
	reserve(b, size);
	if (size)
		memcpy(b->data + b->size, data, size);
	b->size += size;
	b->data[b->size] = '\0';
}

void buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_addc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_addi(struct buf *b, int64_t value)
{
	char digits[24], *p = digits + sizeof digits;
	uint64_t v = value < 0 ? -(uint64_t)value : (uint64_t)value;

	do
		*--p = (char)('0' + v % 10);
	while (v /= 10);
	if (value < 0)
		*--p = '-';
	buf_add(b, p, (size_t)(digits + sizeof digits - p));
}

void buf_addf(struct buf *b, const char *format, ...)
{
	va_list ap, again;
	int n;

	reserve(b, 1);
	va_start(ap, format);
	va_copy(again, ap);
	n = vsnprintf(b->data + b->size, b->cap - b->size, format, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n >= b->cap - b->size) {
		reserve(b, (size_t)n);
		n = vsnprintf(b->data + b->size, b->cap - b->size, format, again);
	}
	va_end(again);
	if (n > 0)
		b->size += (size_t)n;
	b->data[b->size] = '\0';
}

void buf_drop(struct buf *b, size_t n)
{
	n = MIN_OF(n, b->size);
	if (n == 0)
		return;
	b->size -= n;
	memmove(b->data, b->data + n, b->size + 1);
}

char *buf_steal(struct buf *b)
{
	char *text;

	reserve(b, 0);
	b->data[b->size] = '\0';
	text = b->data;
	*b = (struct buf){0};
	return text;
}
