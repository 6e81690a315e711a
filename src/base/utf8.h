/* utf8.h: is this text, and where does a character end? JSON carries nothing else. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the character at `s` (1 to 4), of which `n` bytes may be read; 0 when it is not well formed: cut off,
 * overlong, a surrogate, above U+10FFFF. */
size_t utf8_char(const char *s, size_t n);
bool   utf8_valid(const char *s, size_t n);
/* The character at `s` is a control character: C0, DEL or C1. `s` must be well formed. */
bool   utf8_is_control(const char *s);

#endif
