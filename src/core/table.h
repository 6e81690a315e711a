/* table.h: numbers to pointers, in order: a radix tree of 64-way nodes. Job ids are given out one after another, so it
 * stays dense: about 8 bytes a job, no rehashing pause, and walking in order of id from anywhere costs nothing extra.
 */
#ifndef CORE_TABLE_H
#define CORE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

struct table_node;
struct table {
	struct table_node *root;
	unsigned height; /* levels; 0 when empty */
};

void *table_get(const struct table *table, uint32_t key); /* NULL when there is none */
void  table_set(struct table *table, uint32_t key, void *value); /* NULL takes it out */
/* The first value with a key >= *key; *key becomes its key. NULL at the end. */
void *table_next(const struct table *table, uint64_t *key);
void  table_free(struct table *table);
#define TABLE_EACH(table, key, value) \
	for (uint64_t key = 0; ((value) = table_next((table), &key)); key++)

#endif
