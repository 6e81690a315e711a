/* column.h: one member as a number or a text, whatever its type. Inline: it is done some thirty times a row. */
#ifndef STORE_COLUMN_H
#define STORE_COLUMN_H

#include "src/base/intern.h"
#include "src/store/table.h"

static inline bool column_is_text(const struct column *c)
{
	return c->type == COLUMN_TEXT || c->type == COLUMN_NAME || c->type == COLUMN_CHARS;
}

/* NULL where there is none. */
static inline const char *column_get_text(const struct column *c, const void *base, size_t *ret_size)
{
	const char *at = (const char *)base + c->offset, *text = at;
	if (c->type == COLUMN_CHARS) {
		*ret_size = strnlen(at, c->size);
		return *ret_size ? at : NULL;
	}
	memcpy(&text, at, sizeof(text));
	*ret_size = text ? strlen(text) : 0;
	return text;
}

static inline void column_set_text(const struct column *c, void *base, const char *text, size_t size)
{
	char *at = (char *)base + c->offset, *copy;
	if (c->type == COLUMN_CHARS) {
		size = MIN_OF(size, (size_t)c->size - 1);
		if (size)
			memcpy(at, text, size);
		at[size] = '\0';
		return;
	}
	copy = text ? xstrndup(text, size) : NULL;
	if (c->type == COLUMN_NAME) {
		const char *name = intern(copy);
		free(copy);
		memcpy(at, &name, sizeof(name));
		return;
	}
	memcpy(at, &copy, sizeof(copy));
}

#define COLUMN_MEMBER(type) (*(const type *)(const void *)((const char *)base + c->offset))
static inline int64_t column_get_int(const struct column *c, const void *base)
{
	switch ((enum column_type)c->type) {
	case COLUMN_BOOL: return COLUMN_MEMBER(bool);
	case COLUMN_U8: return COLUMN_MEMBER(uint8_t);
	case COLUMN_U16: return COLUMN_MEMBER(uint16_t);
	case COLUMN_U32: return COLUMN_MEMBER(uint32_t);
	case COLUMN_I32: return COLUMN_MEMBER(int32_t);
	case COLUMN_ENUM: return COLUMN_MEMBER(unsigned);
	case COLUMN_I64: return COLUMN_MEMBER(int64_t);
	case COLUMN_U64:
	case COLUMN_USAGE: return (int64_t)COLUMN_MEMBER(uint64_t);
	case COLUMN_TEXT:
	case COLUMN_NAME:
	case COLUMN_CHARS: break;
	}
	return 0;
}
#undef COLUMN_MEMBER

#define COLUMN_MEMBER(type) (*(type *)(void *)((char *)base + c->offset))
static inline void column_set_int(const struct column *c, void *base, int64_t value)
{
	switch ((enum column_type)c->type) {
	case COLUMN_BOOL: COLUMN_MEMBER(bool) = value != 0; break;
	case COLUMN_U8: COLUMN_MEMBER(uint8_t) = (uint8_t)value; break;
	case COLUMN_U16: COLUMN_MEMBER(uint16_t) = (uint16_t)value; break;
	case COLUMN_U32: COLUMN_MEMBER(uint32_t) = (uint32_t)value; break;
	case COLUMN_I32: COLUMN_MEMBER(int32_t) = (int32_t)value; break;
	case COLUMN_ENUM: COLUMN_MEMBER(unsigned) = (unsigned)value; break;
	case COLUMN_I64: COLUMN_MEMBER(int64_t) = value; break;
	case COLUMN_U64:
	case COLUMN_USAGE: COLUMN_MEMBER(uint64_t) = (uint64_t)value; break;
	case COLUMN_TEXT:
	case COLUMN_NAME:
	case COLUMN_CHARS: break;
	}
}
#undef COLUMN_MEMBER

#endif
