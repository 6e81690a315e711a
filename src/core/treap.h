/* treap.h: an ordered set of nodes that live inside their owners. Balanced by weights that the owner hashes from its
 * identity, so that the same contents give the same tree: nothing here is random. No allocation.
 *
 * Every operation is O(log n). A node is in one treap at most, and what `compare` reads of it must not change while it
 * is in. `update` (may be NULL) recomputes what a node sums up from its children.
 */
#ifndef CORE_TREAP_H
#define CORE_TREAP_H

#include <stdbool.h>
#include <stdint.h>

struct tnode {
	struct tnode *left, *right;
	uint32_t weight;
	uint32_t bits; /* the owner's, so that padding is not wasted */
};

struct treap_type {
	int  (*compare)(const struct tnode *a, const struct tnode *b); /* < 0, > 0; never 0 for two nodes of one treap */
	void (*update)(struct tnode *node);
};

uint32_t treap_weight(uint32_t a, uint32_t b);

void treap_insert(const struct treap_type *type, struct tnode **root, struct tnode *node);
void treap_remove(const struct treap_type *type, struct tnode **root, struct tnode *node);
/* The node's sums changed, its place did not. */
void treap_refresh(const struct treap_type *type, struct tnode *root, struct tnode *node);
struct tnode *treap_first(struct tnode *root); /* NULL when empty */
/* The first node after `node`, which need not be in the treap. */
struct tnode *treap_after(const struct treap_type *type, struct tnode *root, const struct tnode *node);

#endif
