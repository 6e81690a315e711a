/* buf.h: a growing buffer of bytes that is always NUL ended. `{0}` is an empty one. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

struct buf {
	char  *data; /* NULL while nothing was added */
	size_t size; /* bytes used, without the NUL */
	size_t cap;
};

void buf_free(struct buf *b);
void buf_add(struct buf *b, const void *data, size_t size);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
/* In decimal: what "%lld" would be, at a tenth of the cost. */
void buf_addi(struct buf *b, int64_t value);
__attribute__((format(printf, 2, 3))) void buf_addf(struct buf *b, const char *format, ...);
/* Removes the first n bytes. */
void buf_drop(struct buf *b, size_t n);
/* The text, now the caller's to free; never NULL. The buffer is empty after. */
char *buf_steal(struct buf *b);
#define _cleanup_buf_ __attribute__((cleanup(buf_free)))

#endif
