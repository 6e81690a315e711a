/* The small structures below the core: ids, treap, water. Each against the simplest thing that does the same. */
#include "tests/unit/core_support.h"

#include "src/core/ids.h"
#include "src/core/internal.h"
#include "src/core/treap.h"

static uint64_t seed = 88172645463325252u;

static uint32_t draw(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 11) % n;
}

/* -- ids ---------------------------------------------------------------------------------------------------------- */

static void test_ids_dense(void **state)
{
	struct ids ids = {0};
	static int value[5000];
	uint64_t expected = 1;
	void *v;

	(void)state;
	assert_null(ids_get(&ids, 0));
	for (uint32_t i = 1; i < 5000; i++)
		ids_set(&ids, i, &value[i]);
	for (uint32_t i = 1; i < 5000; i++)
		assert_ptr_equal(ids_get(&ids, i), &value[i]);
	assert_null(ids_get(&ids, 0));
	assert_null(ids_get(&ids, 5000));
	assert_null(ids_get(&ids, UINT32_MAX));
	IDS_EACH(&ids, key, v) {
		assert_int_equal(key, expected);
		assert_ptr_equal(v, &value[expected++]);
	}
	assert_int_equal(expected, 5000);
	for (uint32_t i = 1; i < 5000; i++)
		ids_set(&ids, i, NULL);
	assert_null(ids.root); /* nothing is left behind */
	assert_int_equal(ids.height, 0);
}

static void test_ids_edges(void **state)
{
	static const uint32_t keys[] = {0, 1, 63, 64, 4095, 4096, 262143, 262144, INT32_MAX, 4000000000u, UINT32_MAX};
	struct ids ids = {0};
	static int value[ARRAY_SIZE(keys)];
	uint64_t at;
	size_t n = 0;
	void *v;

	(void)state;
	for (size_t i = ARRAY_SIZE(keys); i-- > 0;)
		ids_set(&ids, keys[i], &value[i]);
	ids_set(&ids, 12345, NULL); /* not there: nothing happens */
	IDS_EACH(&ids, key, v) {
		assert_int_equal(key, keys[n]);
		assert_ptr_equal(v, &value[n++]);
	}
	assert_int_equal(n, ARRAY_SIZE(keys));
	at = 65;
	assert_ptr_equal(ids_next(&ids, &at), &value[4]);
	assert_int_equal(at, 4095);
	at = (uint64_t)UINT32_MAX + 1;
	assert_null(ids_next(&ids, &at));
	ids_free(&ids);
}

static void test_ids_random(void **state)
{
	struct ids ids = {0};
	static void *mirror[20000];
	static int value;

	(void)state;
	for (int i = 0; i < 60000; i++) {
		uint32_t key = draw(20000);

		mirror[key] = draw(2) ? &value : NULL;
		ids_set(&ids, key, mirror[key]);
		if (i % 500 == 0)
			for (uint64_t at = 0, next = 0;; at++, next++) {
				void *v = ids_next(&ids, &at);

				while (next < 20000 && !mirror[next])
					next++;
				if (!v) {
					assert_int_equal(next, 20000);
					break;
				}
				assert_int_equal(at, next);
			}
	}
	for (uint32_t key = 0; key < 20000; key++)
		assert_ptr_equal(ids_get(&ids, key), mirror[key]);
	ids_free(&ids);
}

/* -- treap -------------------------------------------------------------------------------------------------------- */

struct item {
	struct tnode node;
	uint32_t key;
	uint64_t sum;
	bool in;
};

static struct item *item_of(const struct tnode *node)
{
	return container_of(node, struct item, node);
}

static int by_key(const struct tnode *a, const struct tnode *b)
{
	uint32_t x = item_of(a)->key, y = item_of(b)->key;

	return x < y ? -1 : x > y;
}

static void sum_up(struct tnode *node)
{
	struct item *i = item_of(node);

	i->sum = i->key + (node->left ? item_of(node->left)->sum : 0) + (node->right ? item_of(node->right)->sum : 0);
}

static const struct treap_type type = {by_key, sum_up};

static unsigned depth(const struct tnode *node)
{
	unsigned l, r;

	if (!node)
		return 0;
	l = depth(node->left);
	r = depth(node->right);
	return 1 + MAX_OF(l, r);
}

static void test_treap_random(void **state)
{
	static struct item items[2000];
	struct tnode *root = NULL;
	uint64_t sum = 0;

	(void)state;
	for (uint32_t i = 0; i < ARRAY_SIZE(items); i++)
		items[i] = (struct item){.key = i, .node.weight = treap_weight(i, 7)};
	for (int round = 0; round < 40000; round++) {
		struct item *i = &items[draw(ARRAY_SIZE(items))];

		if (i->in)
			treap_remove(&type, &root, &i->node);
		else
			treap_insert(&type, &root, &i->node);
		sum += i->in ? -(uint64_t)i->key : i->key;
		i->in = !i->in;
		assert_int_equal(root ? item_of(root)->sum : 0, sum);
	}
	for (uint32_t k = 0, next = 0; k < ARRAY_SIZE(items); k++) {
		struct tnode *after = treap_after(&type, root, &items[k].node);

		for (next = k + 1; next < ARRAY_SIZE(items) && !items[next].in; next++)
			;
		assert_ptr_equal(after, next < ARRAY_SIZE(items) ? &items[next].node : NULL);
	}
	assert_true(depth(root) < 40);
}

/* Keys that come in order are what a queue sees: it must not become a list. */
static void test_treap_stays_flat(void **state)
{
	uint32_t n = 100000;
	struct item *items = xcalloc(n, sizeof *items);
	struct tnode *root = NULL;

	(void)state;
	for (uint32_t i = 0; i < n; i++) {
		items[i] = (struct item){.key = i, .node.weight = treap_weight(i, MSCG_NO_TASK)};
		treap_insert(&type, &root, &items[i].node);
	}
	print_message("# %u in order: %u deep\n", n, depth(root));
	assert_true(depth(root) < 60);
	for (uint32_t i = 0; i < n; i++) {
		assert_ptr_equal(treap_first(root), &items[i].node);
		treap_remove(&type, &root, &items[i].node);
	}
	assert_null(root);
	free(items);
}

/* -- water -------------------------------------------------------------------------------------------------------- */

/* One unit at a time: from the highest, of equals from the first. */
static void lower_slowly(const uint64_t *height, uint64_t *take, uint32_t n, uint64_t amount)
{
	memset(take, 0, n * sizeof *take);
	while (amount--) {
		uint32_t best = UINT32_MAX;

		for (uint32_t i = 0; i < n; i++)
			if (height[i] - take[i] > 0 && (best == UINT32_MAX || height[i] - take[i] > height[best] - take[best]))
				best = i;
		if (best == UINT32_MAX)
			return;
		take[best]++;
	}
}

static void raise_slowly(const uint64_t *height, const uint64_t *limit, uint64_t *give, uint32_t n, uint64_t amount)
{
	memset(give, 0, n * sizeof *give);
	while (amount--) {
		uint32_t best = UINT32_MAX;

		for (uint32_t i = 0; i < n; i++)
			if (height[i] + give[i] < limit[i] && (best == UINT32_MAX || height[i] + give[i] < height[best] + give[best]))
				best = i;
		if (best == UINT32_MAX)
			return;
		give[best]++;
	}
}

static void test_water(void **state)
{
	uint64_t height[9], limit[9], fast[9], slow[9];

	(void)state;
	for (int round = 0; round < 20000; round++) {
		uint32_t n = draw(9) + 1;
		uint64_t amount = draw(40), total = 0;

		for (uint32_t i = 0; i < n; i++) {
			height[i] = draw(12);
			limit[i] = height[i] + draw(12);
			total += height[i];
		}
		water_lower(height, fast, n, amount, 1);
		lower_slowly(height, slow, n, amount);
		assert_memory_equal(fast, slow, n * sizeof fast[0]);
		water_raise(height, limit, fast, n, amount, 1);
		raise_slowly(height, limit, slow, n, amount);
		assert_memory_equal(fast, slow, n * sizeof fast[0]);
		(void)total;
	}
	/* Whole units only. */
	height[0] = 4000;
	height[1] = 2000;
	water_lower(height, fast, 2, 3000, 1000);
	assert_int_equal(fast[0], 3000 - fast[1]);
	assert_int_equal(fast[0] % 1000, 0);
	water_lower(height, fast, 0, 1000, 1000); /* nobody there */
	water_raise(height, limit, fast, 0, 1000, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ids_dense),
		cmocka_unit_test(test_ids_edges),
		cmocka_unit_test(test_ids_random),
		cmocka_unit_test(test_treap_random),
		cmocka_unit_test(test_treap_stays_flat),
		cmocka_unit_test(test_water),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("core_tree", tests, NULL, NULL);
}
