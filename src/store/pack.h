/* pack.h: members as one JSON object, written and read by hand because it is done for every row: some 20 ns a member. The
 * reader takes only what the writer writes: no blanks, members in order. Bytes above 0x7f stay as they are, so what is not
 * UTF-8 comes back as it was.
 */
#ifndef STORE_PACK_H
#define STORE_PACK_H

#include "src/store/table.h"

/* {"a":1,"b":"x"}: pack_open, any of the others, pack_close. */
void pack_open(struct buf *into);
void pack_close(struct buf *into);
void pack_columns(struct buf *into, const struct columns *columns, const void *base);
void pack_list(struct buf *into, const char *name, const struct columns *columns, const void *base); /* "name":[1,null,2] */
void pack_int(struct buf *into, const char *name, int64_t value);
void pack_text(struct buf *into, const char *name, const char *text, size_t size);
/* Begins a member whose value the caller adds. */
void pack_name(struct buf *into, const char *name, size_t size);

/* An object with no members is stored as NULL. */
static inline const char *pack_result(const struct buf *into)
{
	return into->size > 2 ? into->data : NULL;
}

struct unpack {
	const char *p, *end;
	bool        bad; /* sticks */
};
/* The next result column; false, and nothing to unpack, where it is NULL. */
bool    unpack_open(struct unpack *u, struct in *in);
bool    unpack_name(struct unpack *u, const char *name, size_t size); /* the next member is this one: go to its value */
int64_t unpack_int(struct unpack *u);
char   *unpack_text(struct unpack *u, size_t *ret_size); /* the caller frees */
void    unpack_char(struct unpack *u, char c);
bool    unpack_columns(struct unpack *u, const struct columns *columns, void *base);
void    unpack_list(struct unpack *u, const struct columns *columns, void *base);
void    unpack_close(struct unpack *u);
/* All of a text: true when nothing is wrong with it and nothing is left. */
bool unpack_done(const struct unpack *u);

/* The whole column `run`. */
void pack_run(struct buf *into, const struct mscg_run *run);
bool unpack_run(const char *text, size_t size, struct mscg_run *run);

#endif
