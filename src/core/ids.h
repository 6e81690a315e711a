/* ids.h: numbers to pointers, in order: a radix tree of 64-way nodes. Job ids are given out one after another, so it
 * stays dense: about 8 bytes a job, no rehashing pause, and walking in order of id from anywhere costs nothing extra.
 */
#ifndef CORE_IDS_H
#define CORE_IDS_H

#include <stdbool.h>
#include <stdint.h>

struct ids_node;
struct ids {
	struct ids_node *root;
	unsigned height; /* levels; 0 when empty */
};

void *ids_get(const struct ids *ids, uint32_t key); /* NULL when there is none */
void  ids_set(struct ids *ids, uint32_t key, void *value); /* NULL takes it out */
/* The first value with a key >= *key; *key becomes its key. NULL at the end. */
void *ids_next(const struct ids *ids, uint64_t *key);
void  ids_free(struct ids *ids);
#define IDS_EACH(ids, key, value) \
	for (uint64_t key = 0; ((value) = ids_next((ids), &key)); key++)

#endif
