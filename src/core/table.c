#include "src/core/table.h"

#include "src/base/base.h"

#define BITS 6u
#define FAN  (1u << BITS)

struct table_node {
	uint64_t used; /* one bit for each slot */
	void    *slot[FAN];
};

static unsigned index_at(uint64_t key, unsigned level)
{
	return (unsigned)(key >> (BITS * level)) & (FAN - 1);
}

/* Can a tree of this height hold the key? */
static bool within(unsigned height, uint64_t key)
{
	return height * BITS >= 64 || key >> (height * BITS) == 0;
}

void *table_get(const struct table *table, uint32_t key)
{
	const struct table_node *node = table->root;

	if (!node || !within(table->height, key))
		return NULL;
	for (unsigned level = table->height - 1; level > 0; level--) {
		node = node->slot[index_at(key, level)];
		if (!node)
			return NULL;
	}
	return node->slot[index_at(key, 0)];
}

static void grow(struct table *table, uint32_t key)
{
	while (table->height == 0 || !within(table->height, key)) {
		struct table_node *node = xcalloc(1, sizeof *node);

		if (table->root) {
			node->slot[0] = table->root;
			node->used = 1;
		}
		table->root = node;
		table->height++;
	}
}

static void put(struct table *table, uint32_t key, void *value)
{
	struct table_node *node;

	grow(table, key);
	node = table->root;
	for (unsigned level = table->height - 1; level > 0; level--) {
		unsigned i = index_at(key, level);

		if (!node->slot[i]) {
			node->slot[i] = xcalloc(1, sizeof *node);
			node->used |= UINT64_C(1) << i;
		}
		node = node->slot[i];
	}
	node->slot[index_at(key, 0)] = value;
	node->used |= UINT64_C(1) << index_at(key, 0);
}

/* Returns true when the node became empty and was freed. */
static bool take(struct table_node *node, unsigned level, uint32_t key)
{
	unsigned i = index_at(key, level);

	if (!node->slot[i])
		return false;
	if (level > 0 && !take(node->slot[i], level - 1, key))
		return false;
	node->slot[i] = NULL;
	node->used &= ~(UINT64_C(1) << i);
	if (node->used)
		return false;
	free(node);
	return true;
}

void table_set(struct table *table, uint32_t key, void *value)
{
	if (value) {
		put(table, key, value);
	} else if (table->root && within(table->height, key) && take(table->root, table->height - 1, key)) {
		*table = (struct table){0};
	}
}

static void *next(const struct table_node *node, unsigned level, uint64_t *key)
{
	unsigned from = index_at(*key, level);

	for (;;) {
		uint64_t left = from < FAN ? node->used & (UINT64_MAX << from) : 0;
		unsigned i;
		void *value;

		if (!left)
			return NULL;
		i = (unsigned)__builtin_ctzll(left);
		if (i != index_at(*key, level)) {
			unsigned shift = BITS * level;

			/* The first key below slot i. */
			*key = (*key >> shift >> BITS << BITS | i) << shift;
		}
		if (level == 0)
			return node->slot[i];
		value = next(node->slot[i], level - 1, key);
		if (value)
			return value;
		from = i + 1;
	}
}

void *table_next(const struct table *table, uint64_t *key)
{
	return table->root && within(table->height, *key) ? next(table->root, table->height - 1, key) : NULL;
}

static void free_node(struct table_node *node, unsigned level)
{
	if (level > 0)
		for (uint64_t left = node->used; left; left &= left - 1)
			free_node(node->slot[__builtin_ctzll(left)], level - 1);
	free(node);
}

void table_free(struct table *table)
{
	if (table->root)
		free_node(table->root, table->height - 1);
	*table = (struct table){0};
}
