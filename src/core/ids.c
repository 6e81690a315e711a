#include "src/core/ids.h"

#include "src/base/base.h"

#define BITS 6u
#define FAN  (1u << BITS)

struct ids_node {
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

void *ids_get(const struct ids *ids, uint32_t key)
{
	const struct ids_node *node = ids->root;

	if (!node || !within(ids->height, key))
		return NULL;
	for (unsigned level = ids->height - 1; level > 0; level--) {
		node = node->slot[index_at(key, level)];
		if (!node)
			return NULL;
	}
	return node->slot[index_at(key, 0)];
}

static void grow(struct ids *ids, uint32_t key)
{
	while (ids->height == 0 || !within(ids->height, key)) {
		struct ids_node *node = xcalloc(1, sizeof *node);

		if (ids->root) {
			node->slot[0] = ids->root;
			node->used = 1;
		}
		ids->root = node;
		ids->height++;
	}
}

static void put(struct ids *ids, uint32_t key, void *value)
{
	struct ids_node *node;

	grow(ids, key);
	node = ids->root;
	for (unsigned level = ids->height - 1; level > 0; level--) {
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
static bool take(struct ids_node *node, unsigned level, uint32_t key)
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

void ids_set(struct ids *ids, uint32_t key, void *value)
{
	if (value) {
		put(ids, key, value);
	} else if (ids->root && within(ids->height, key) && take(ids->root, ids->height - 1, key)) {
		*ids = (struct ids){0};
	}
}

static void *next(const struct ids_node *node, unsigned level, uint64_t *key)
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

void *ids_next(const struct ids *ids, uint64_t *key)
{
	return ids->root && within(ids->height, *key) ? next(ids->root, ids->height - 1, key) : NULL;
}

static void free_node(struct ids_node *node, unsigned level)
{
	if (level > 0)
		for (uint64_t left = node->used; left; left &= left - 1)
			free_node(node->slot[__builtin_ctzll(left)], level - 1);
	free(node);
}

void ids_free(struct ids *ids)
{
	if (ids->root)
		free_node(ids->root, ids->height - 1);
	*ids = (struct ids){0};
}
