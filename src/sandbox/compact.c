/* libseccomp tests for one number at a time. Here the program is worked out beforehand for each number of a call as far as that
 * goes, which leaves an answer or tests of arguments; numbers in a row with the same are one leaf of a tree.
 *
 * It depends on the number only by comparing it with constants, so that between two neighbours of all the constants in it all
 * numbers have the same. */
#include "src/sandbox/compact.h"

#include <linux/seccomp.h>
#include <stdlib.h>

#include "src/base/base.h"

enum { LEAF_MAX = 200, JUMP_MAX = 255, DEPTH_MAX = 2000 };

struct code {
	struct sock_filter *at;
	size_t n, cap;
};

struct leaf {
	uint32_t    first; /* number of a call */
	struct code code;
};

/* What is known at a place in the program. */
struct known {
	size_t   pc;
	bool     sure, of_any; /* of a; a call of any number */
	uint32_t a, arch, nr;
	int      depth;
};

static void add(struct code *c, struct sock_filter f)
{
	GROW(c->at, c->n, c->cap);
	c->at[c->n++] = f;
}

static void set_known(struct known *k, uint32_t offset)
{
	k->sure = (offset == offsetof(struct seccomp_data, nr) && !k->of_any) || offset == offsetof(struct seccomp_data, arch);
	k->a    = offset == offsetof(struct seccomp_data, nr) ? k->nr : k->arch;
}

static bool is_taken(const struct sock_filter *f, uint32_t a)
{
	switch (BPF_OP(f->code)) {
	case BPF_JEQ: return a == f->k;
	case BPF_JGT: return a > f->k;
	case BPF_JGE: return a >= f->k;
	default: return (a & f->k) != 0;
	}
}

static int work_out(const struct code *from, struct known k, struct code *ret);

/* Of which nobody knows yet: both ways. */
static int fork_here(const struct code *from, struct known k, struct code *ret)
{
	const struct sock_filter *f = &from->at[k.pc];
	struct known taken = k, not_taken = k;
	size_t at = ret->n;

	taken.pc     = k.pc + 1 + f->jt;
	not_taken.pc = k.pc + 1 + f->jf;
	add(ret, *f);
	int r = work_out(from, taken, ret);
	if (r == 0) {
		if (ret->n - at - 1 > JUMP_MAX)
			return -E2BIG;
		ret->at[at].jt = 0;
		ret->at[at].jf = (uint8_t)(ret->n - at - 1);
		r              = work_out(from, not_taken, ret);
	}
	return r;
}

/* What is left of the program from there on. */
static int work_out(const struct code *from, struct known k, struct code *ret)
{
	if (k.depth++ > DEPTH_MAX || ret->n > LEAF_MAX)
		return -E2BIG;
	while (k.pc < from->n) {
		const struct sock_filter *f = &from->at[k.pc];

		switch (f->code) {
		case BPF_RET | BPF_K:
			add(ret, *f);
			return 0;
		case BPF_LD | BPF_W | BPF_ABS:
			set_known(&k, f->k);
			if (!k.sure)
				add(ret, *f);
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			if (k.sure)
				return -EOPNOTSUPP;
			add(ret, *f);
			break;
		case BPF_JMP | BPF_JA: k.pc += f->k; break;
		case BPF_JMP | BPF_JSET | BPF_K:
			if (k.sure)
				return -EOPNOTSUPP;
			return fork_here(from, k, ret);
		case BPF_JMP | BPF_JEQ | BPF_K:
		case BPF_JMP | BPF_JGT | BPF_K:
		case BPF_JMP | BPF_JGE | BPF_K:
			if (!k.sure)
				return fork_here(from, k, ret);
			k.pc += is_taken(f, k.a) ? f->jt : f->jf;
			break;
		default: return -EOPNOTSUPP;
		}
		k.pc++;
	}
	return -EINVAL;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Where something may change: 0, and each constant that is compared with and what follows it. */
static uint32_t *find_bounds(const struct code *from, size_t *ret_n)
{
	uint32_t *bound = xreallocarray(NULL, 2 * from->n + 1, sizeof *bound);
	size_t    n = 0, kept = 0;

	bound[n++] = 0;
	for (size_t i = 0; i < from->n; i++)
		if (BPF_CLASS(from->at[i].code) == BPF_JMP && BPF_OP(from->at[i].code) != BPF_JA) {
			bound[n++] = from->at[i].k;
			bound[n++] = from->at[i].k + 1;
		}
	qsort(bound, n, sizeof *bound, by_value);
	for (size_t i = 0; i < n; i++)
		if (!kept || bound[kept - 1] != bound[i])
			bound[kept++] = bound[i];
	*ret_n = kept;
	return bound;
}

static bool same_code(const struct code *a, const struct code *b)
{
	return a->n == b->n && memcmp(a->at, b->at, a->n * sizeof *a->at) == 0;
}

/* From calls of other architectures: one answer for all, as the first that was found. */
static int work_out_others(const struct code *from, uint32_t native, const uint32_t *bound, size_t n, struct code *ret)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		struct code code = { NULL, 0, 0 };

		if (bound[i] == native)
			continue;
		r = work_out(from, (struct known){ .arch = bound[i], .of_any = true }, &code);
		if (r == 0 && (code.n != 1 || (ret->n && !same_code(&code, ret))))
			r = -EOPNOTSUPP;
		if (r == 0 && !ret->n)
			add(ret, code.at[0]);
		free(code.at);
	}
	return r;
}

/* The tree is built from its end, so that an answer is there once and every place is known that is jumped to. Both give where. */
static size_t put_leaf(struct code *back, const struct code *leaf)
{
	for (size_t i = 0; leaf->n == 1 && i < back->n; i++)
		if (memcmp(&back->at[i], leaf->at, sizeof *leaf->at) == 0)
			return i;
	for (size_t i = leaf->n; i > 0; i--)
		add(back, leaf->at[i - 1]);
	return back->n - 1;
}

static size_t put_tree(struct code *back, const struct leaf *leaf, size_t n)
{
	if (n == 1)
		return put_leaf(back, &leaf->code);
	size_t half = n / 2, to[] = { put_tree(back, leaf + half, n - half), put_tree(back, leaf, half) };

	for (size_t i = 0; i < ARRAY_SIZE(to); i++)
		if (back->n - to[i] > JUMP_MAX) { /* too far for a test */
			add(back, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, (uint32_t)(back->n - to[i] - 1)));
			to[i] = back->n - 1;
		}
	add(back, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, leaf[half].first, (uint8_t)(back->n - to[0] - 1),
	                                       (uint8_t)(back->n - to[1] - 1)));
	return back->n - 1;
}

static int work_out_leaves(const struct code *from, uint32_t native, const uint32_t *bound, size_t n, struct leaf *leaf, size_t *ret_n)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		struct leaf *l = &leaf[*ret_n];

		*l = (struct leaf){ .first = bound[i] };
		r  = work_out(from, (struct known){ .arch = native, .nr = bound[i] }, &l->code);
		if (r < 0 || (*ret_n && same_code(&l[-1].code, &l->code)))
			free(l->code.at);
		else
			++*ret_n;
	}
	return r;
}

void sandbox_compact(uint32_t arch, struct sock_filter **program, size_t *n)
{
	struct code from = { *program, *n, *n }, others = { NULL, 0, 0 }, back = { NULL, 0, 0 }, to = { NULL, 0, 0 };
	size_t bounds = 0, leaves = 0;
	_cleanup_free_ uint32_t *bound = find_bounds(&from, &bounds);
	_cleanup_free_ struct leaf *leaf = xcalloc(bounds, sizeof *leaf);

	int r = work_out_others(&from, arch, bound, bounds, &others);
	if (r == 0)
		r = work_out_leaves(&from, arch, bound, bounds, leaf, &leaves);
	if (r == 0) {
		add(&to, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)));
		add(&to, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, arch, 1, 0));
		add(&to, others.at[0]);
		add(&to, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
		put_tree(&back, leaf, leaves);
		while (back.n > 0)
			add(&to, back.at[--back.n]);
	}
	if (r == 0 && to.n < *n) {
		free(*program);
		*program = steal(&to.at);
		*n       = to.n;
	}
	while (leaves > 0)
		free(leaf[--leaves].code.at);
	free(others.at);
	free(back.at);
	free(to.at);
}
