#include "src/core/treap.h"

#include "src/base/base.h"

/* Finaliser of MurmurHash3: every input bit reaches every output bit. */
uint32_t treap_weight(uint32_t a, uint32_t b)
{
	uint64_t h = ((uint64_t)a << 32 | b) + UINT64_C(0x9e3779b97f4a7c15);

	h = (h ^ (h >> 33)) * UINT64_C(0xff51afd7ed558ccd);
	h = (h ^ (h >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
	return (uint32_t)(h >> 32);
}

static void fix(const struct treap_type *type, struct tnode *node)
{
	if (type->update)
		type->update(node);
}

/* What is before `key` goes to *left, the rest to *right. */
static void split(const struct treap_type *type, struct tnode *at, const struct tnode *key, struct tnode **left,
                  struct tnode **right)
{
	if (!at) {
		*left = *right = NULL;
		return;
	}
	if (type->compare(at, key) < 0) {
		split(type, at->right, key, &at->right, right);
		*left = at;
	} else {
		split(type, at->left, key, left, &at->left);
		*right = at;
	}
	fix(type, at);
}

static struct tnode *merge(const struct treap_type *type, struct tnode *left, struct tnode *right)
{
	if (!left)
		return right;
	if (!right)
		return left;
	if (left->weight > right->weight) {
		left->right = merge(type, left->right, right);
		fix(type, left);
		return left;
	}
	right->left = merge(type, left, right->left);
	fix(type, right);
	return right;
}

static struct tnode *insert(const struct treap_type *type, struct tnode *at, struct tnode *node)
{
	if (!at || node->weight > at->weight) {
		split(type, at, node, &node->left, &node->right);
		fix(type, node);
		return node;
	}
	if (type->compare(node, at) < 0)
		at->left = insert(type, at->left, node);
	else
		at->right = insert(type, at->right, node);
	fix(type, at);
	return at;
}

void treap_insert(const struct treap_type *type, struct tnode **root, struct tnode *node)
{
	*root = insert(type, *root, node);
}

static struct tnode *removed(const struct treap_type *type, struct tnode *at, struct tnode *node)
{
	if (at == node)
		return merge(type, at->left, at->right);
	if (type->compare(node, at) < 0)
		at->left = removed(type, at->left, node);
	else
		at->right = removed(type, at->right, node);
	fix(type, at);
	return at;
}

void treap_remove(const struct treap_type *type, struct tnode **root, struct tnode *node)
{
	*root = removed(type, *root, node);
	node->left = node->right = NULL;
}

void treap_refresh(const struct treap_type *type, struct tnode *root, struct tnode *node)
{
	if (root != node)
		treap_refresh(type, type->compare(node, root) < 0 ? root->left : root->right, node);
	fix(type, root);
}

struct tnode *treap_first(struct tnode *root)
{
	while (root && root->left)
		root = root->left;
	return root;
}

struct tnode *treap_after(const struct treap_type *type, struct tnode *root, const struct tnode *node)
{
	struct tnode *best = NULL;

	while (root) {
		if (root != node && type->compare(root, node) > 0) {
			best = root;
			root = root->left;
		} else {
			root = root->right;
		}
	}
	return best;
}
