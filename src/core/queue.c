/* Who waits, by shape: all jobs with the same needs hang in one tree, in the order of the queue, and the shapes in
 * another, by their first job. Whether anything of a shape fits is asked once for all of it, and whole parts of the
 * tree of shapes are passed over when the least that anything in them needs is not there. So a step costs what starts,
 * and the logarithm of what waits. */
#include "src/core/internal.h"

bool queue_before(const struct mscg_job *a, const struct mscg_job *b)
{
	if (a->priority != b->priority)
		return a->priority > b->priority;
	if (a->id.job != b->id.job)
		return a->id.job < b->id.job;
	return a->id.task < b->id.task;
}

static int by_order(const struct tnode *a, const struct tnode *b)
{
	const struct entry *x = container_of(a, struct entry, node), *y = container_of(b, struct entry, node);

	return queue_before(&x->job, &y->job) ? -1 : 1;
}

/* Within a shape factors differ by age alone. */
static bool older(const struct mscg_job *a, const struct mscg_job *b)
{
	int64_t x = factor_since(a), y = factor_since(b);

	return a->priority != b->priority || x == y ? queue_before(a, b) : x < y;
}

static int by_age(const struct tnode *a, const struct tnode *b)
{
	return older(&container_of(a, struct entry, node)->job, &container_of(b, struct entry, node)->job) ? -1 : 1;
}

bool mark_before(const struct mark *a, const struct mark *b)
{
	if (a->priority != b->priority)
		return a->priority > b->priority;
	if (a->score > b->score || a->score < b->score)
		return a->score > b->score;
	if (a->since != b->since)
		return a->since < b->since;
	if (a->id.job != b->id.job)
		return a->id.job < b->id.job;
	return a->id.task < b->id.task;
}

struct mark queue_mark(const struct core *core, const struct entry *e)
{
	struct mark mark = {.priority = e->job.priority, .id = e->job.id};

	if (core->policy.priority.multifactor) {
		mark.score = factor_score(core, e);
		mark.since = factor_since(&e->job);
	}
	return mark;
}

static int by_head(const struct tnode *a, const struct tnode *b)
{
	return mark_before(&container_of(a, struct shape, node)->mark, &container_of(b, struct shape, node)->mark) ? -1 : 1;
}

static enum pool shape_pool(const struct shape *s)
{
	return s->quota ? POOL_SHARED : POOL_EXCLUSIVE;
}

static void fold_least(struct shape *s, const struct tnode *child)
{
	const struct shape *c;

	if (!child)
		return;
	c = container_of(child, struct shape, node);
	for (int p = 0; p < POOL_COUNT; p++)
		s->least[p] = MIN_OF(s->least[p], c->least[p]);
	s->least_mem = MIN_OF(s->least_mem, c->least_mem);
	s->least_gres = MIN_OF(s->least_gres, c->least_gres);
	s->least_reserved = MIN_OF(s->least_reserved, c->least_reserved);
	s->all_want &= c->all_want;
}

static void sum_up(struct tnode *node)
{
	struct shape *s = container_of(node, struct shape, node);

	s->least[POOL_EXCLUSIVE] = s->least[POOL_SHARED] = UINT32_MAX;
	s->least_gres = s->least_reserved = UINT32_MAX;
	s->all_want = s->least_mem = UINT64_MAX;
	if (s->reservation) {
		s->least_reserved = s->cpus;
	} else if (s->need) {
		s->least_gres = s->cpus;
		s->all_want = s->need->wants;
		s->least_mem = s->mem;
	} else {
		s->least[shape_pool(s)] = s->cpus;
		s->least_mem = s->mem;
	}
	fold_least(s, node->left);
	fold_least(s, node->right);
}

static const struct treap_type by_queue = {by_order, NULL}, by_factors = {by_age, NULL};
static const struct treap_type by_shape = {by_head, sum_up};

static const struct treap_type *order_of(const struct core *core)
{
	return core->policy.priority.multifactor ? &by_factors : &by_queue;
}

bool queue_in_order(const struct core *core, const struct mscg_job *a, const struct mscg_job *b)
{
	return core->policy.priority.multifactor ? older(a, b) : queue_before(a, b);
}

/* An elastic job that may not be squeezed starts with --cpus or not at all. */
static uint32_t least_of(const struct core *core, uint32_t cpus, uint32_t min, bool elastic)
{
	return elastic && core->policy.elastic ? min : cpus;
}

uint32_t queue_least(const struct core *core, const struct mscg_job *job)
{
	return least_of(core, job->cpus_milli, job->min_cpus_milli, job->flags & MSCG_JOB_ELASTIC);
}

bool queue_has_rest(const struct core *core, const struct mscg_job *job)
{
	return mem_needed(job) <= reserve_mem_free(core, job) && gres_fits(core, gres_need_of(core, job));
}

bool queue_feasible(const struct core *core, const struct mscg_job *job, char text[160])
{
	enum pool pool = pool_of(job);
	uint32_t least = queue_least(core, job);
	uint64_t total = book_total(core, pool);
	bool lacks_mem = job->mem_bytes > core->mem_total;
	char a[32], b[32];
	size_t n = 0;

	if (least > total && text)
		n = (size_t)snprintf(text, 160, "needs %s CPUs, this machine has %s%s", format_cpus(least, a, sizeof a),
		                     format_cpus((uint32_t)total, b, sizeof b), pool == POOL_SHARED ? " for sharing (shared-cpus)" : "");
	if (lacks_mem && text)
		snprintf(text + n, 160 - n, "%sneeds %s of memory, this machine has %s", n ? "; " : "", format_size(job->mem_bytes, a, sizeof a),
		         format_size(core->mem_total, b, sizeof b));
	if (least > total || lacks_mem)
		return false;
	if (!gres_exist(core, job->gres, text))
		return false;
	return user_feasible(core, job->uid, job->qos, job->cpus_milli, job->mem_bytes, text) &&
	       totals_feasible(core, job->qos, job->partition, job->cpus_milli, job->mem_bytes, text);
}

static bool shape_is_feasible(const struct core *core, const struct shape *s)
{
	return least_of(core, s->cpus, s->min, s->elastic) <= book_total(core, shape_pool(s)) && s->mem <= core->mem_total &&
	       (!s->user || user_feasible(core, s->user->uid, s->qos, s->cpus, s->mem, NULL)) &&
	       totals_feasible(core, s->qos, s->partition, s->cpus, s->mem, NULL) && gres_feasible(core, s->need);
}

/* -- shapes ------------------------------------------------------------------------------------------------------- */

static struct user *limited_user(struct core *core, const struct mscg_job *job)
{
	return core->queue.by_user && job->uid ? user_get(core, job->uid) : NULL;
}

static bool has_shape(const struct shape *s, const struct user *user, const struct assoc *assoc, uint32_t partition, const struct mscg_job *job)
{
	return s->user == user && s->assoc == assoc && s->gres == job->gres && s->qos == job->qos && s->partition == partition && s->reservation == job->reservation && s->limit_s == job->time_limit_s && s->time_min_s == job->time_min_s && s->grace_s == job->grace_s && s->cpus == job->cpus_milli && s->min == job->min_cpus_milli && s->mem == job->mem_bytes &&
	       s->quota == !!(job->flags & MSCG_JOB_QUOTA) && s->elastic == !!(job->flags & MSCG_JOB_ELASTIC);
}

static uint32_t hash(const struct core *core, uint32_t uid, uint32_t cpus, uint32_t min, uint64_t mem, uint32_t limit_s)
{
	return treap_weight(treap_weight(cpus, min), treap_weight((uint32_t)mem, (uint32_t)(mem >> 32) ^ treap_weight(limit_s, uid))) &
	       (core->queue.buckets - 1);
}

/* Whose shape it is; 0: anybody's. */
static uint32_t owner(const struct user *user, const struct assoc *assoc)
{
	return assoc ? assoc->uid : user ? user->uid : 0;
}

static struct shape **chain_of(struct core *core, const struct shape *s)
{
	return &core->queue.bucket[hash(core, owner(s->user, s->assoc), s->cpus, s->min, s->mem, s->limit_s)];
}

static void grow_buckets(struct core *core)
{
	struct queue *q = &core->queue;
	struct shape **old = q->bucket;
	uint32_t n = q->buckets;

	if (q->count < n)
		return;
	q->buckets = n ? n * 2 : 16;
	q->bucket = xcalloc(q->buckets, sizeof(struct shape *));
	for (uint32_t i = 0; i < n; i++)
		for (struct shape *s = old[i], *next; s; s = next) {
			next = s->next;
			s->next = *chain_of(core, s);
			*chain_of(core, s) = s;
		}
	free(old);
}

static void join_user(struct shape *s)
{
	s->user_next = s->user->shapes;
	s->user_link = &s->user->shapes;
	if (s->user_next)
		s->user_next->user_link = &s->user_next;
	s->user->shapes = s;
}

static void leave_user(struct core *core, struct shape *s)
{
	*s->user_link = s->user_next;
	if (s->user_next)
		s->user_next->user_link = s->user_link;
	user_put(core, s->user);
}

static void join_totals(struct core *core, struct shape *s)
{
	struct total *total[TOTAL_KINDS] = {total_get(core, TOTAL_QOS, s->qos), total_get(core, TOTAL_PARTITION, s->partition)};

	for (enum total_kind kind = 0; kind < TOTAL_KINDS; kind++)
		if (total[kind])
			total_join(s, total[kind]);
}

static struct shape *shape_for(struct core *core, const struct entry *e)
{
	const struct mscg_job *job = &e->job;
	struct user *user = limited_user(core, job);
	uint32_t partition = partition_of(&core->policy, job);
	struct shape *s;

	grow_buckets(core);
	for (s = core->queue.bucket[hash(core, owner(user, e->assoc), job->cpus_milli, job->min_cpus_milli, job->mem_bytes, job->time_limit_s)]; s; s = s->next)
		if (has_shape(s, user, e->assoc, partition, job))
			return s;
	s = xcalloc(1, sizeof *s);
	s->cpus = job->cpus_milli;
	s->min = job->min_cpus_milli;
	s->mem = job->mem_bytes;
	s->limit_s = job->time_limit_s;
	s->time_min_s = job->time_min_s;
	s->grace_s = job->grace_s;
	s->gres = job->gres;
	s->need = gres_request(core, job->gres);
	s->quota = job->flags & MSCG_JOB_QUOTA;
	s->elastic = job->flags & MSCG_JOB_ELASTIC;
	s->qos = job->qos;
	s->partition = partition;
	s->reservation = job->reservation;
	if (s->reservation)
		reserve_join(core, s);
	s->user = user;
	s->assoc = e->assoc;
	if (user)
		join_user(s);
	join_totals(core, s);
	s->feasible = shape_is_feasible(core, s);
	s->node.weight = treap_weight(job->id.job, job->id.task);
	s->next = *chain_of(core, s);
	*chain_of(core, s) = s;
	core->queue.count++;
	return s;
}

static void shape_free(struct core *core, struct shape *s)
{
	struct shape **p = chain_of(core, s);

	while (*p != s)
		p = &(*p)->next;
	*p = s->next;
	core->queue.count--;
	if (s->user)
		leave_user(core, s);
	for (enum total_kind kind = 0; kind < TOTAL_KINDS; kind++)
		total_leave(core, s, kind);
	if (s->reservation)
		reserve_leave(s);
	free(s);
}

/* The tree of shapes is ordered by heads: a shape is out of it while its head changes. */
static void unlist(struct core *core, struct shape *s)
{
	if (s->listed)
		treap_remove(&by_shape, &core->queue.shapes, &s->node);
	s->listed = false;
}

static bool is_allowed(const struct core *core, const struct shape *s)
{
	return (!s->reservation || reserve_allows(core, s)) && (!s->assoc || !s->assoc->over) && qos_there(core, s->qos) &&
	       partition_starts(core, s->partition) && (!s->user || user_may_start(core, s->user, s->qos, s->cpus, s->mem)) &&
	       totals_may_start(core, s);
}

static void list(struct core *core, struct shape *s)
{
	struct tnode *first = treap_first(s->jobs);

	s->head = first ? container_of(first, struct entry, node) : NULL;
	s->listed = s->head && s->feasible && is_allowed(core, s);
	if (!s->listed)
		return;
	if (s->reservation)
		reserve_listed(core, s);
	s->mark = queue_mark(core, s->head);
	treap_insert(&by_shape, &core->queue.shapes, &s->node);
}

void queue_allow(struct core *core, struct shape *s)
{
	if (s->listed == (s->head && s->feasible && is_allowed(core, s)))
		return;
	unlist(core, s);
	list(core, s);
}

void queue_add(struct core *core, struct entry *e)
{
	struct shape *s = shape_for(core, e);
	bool first = !s->head || queue_in_order(core, &e->job, &s->head->job);

	if (first)
		unlist(core, s);
	treap_insert(order_of(core), &s->jobs, &e->node);
	e->shape = s;
	if (first)
		list(core, s);
}

void queue_remove(struct core *core, struct entry *e)
{
	struct shape *s = e->shape;
	bool first;

	if (!s)
		return;
	first = s->head == e;
	if (first)
		unlist(core, s);
	treap_remove(order_of(core), &s->jobs, &e->node);
	e->shape = NULL;
	if (first)
		list(core, s);
	if (!s->head)
		shape_free(core, s);
}

void queue_key(struct core *core)
{
	core->queue.by_user = users_limited(&core->policy);
	core->queue.by_partition = core->policy.partition_n > 0;
}

/* All anew: shapes are of one user each from now on, or of all; and of one partition. */
static void rekey(struct core *core)
{
	_cleanup_free_ struct entry **all = NULL;
	uint32_t n = 0, cap = 0;

	for (uint32_t i = 0; i < core->queue.buckets; i++)
		for (struct shape *s = core->queue.bucket[i]; s; s = s->next)
			for (struct tnode *node = treap_first(s->jobs); node; node = treap_after(order_of(core), s->jobs, node)) {
				GROW(all, n, cap);
				all[n++] = container_of(node, struct entry, node);
			}
	for (uint32_t i = 0; i < n; i++)
		queue_remove(core, all[i]);
	queue_key(core);
	for (uint32_t i = 0; i < n; i++)
		queue_add(core, all[i]);
}

void queue_reconsider(struct core *core)
{
	if (core->queue.by_user != users_limited(&core->policy) || core->queue.by_partition != (core->policy.partition_n > 0))
		rekey(core);
	for (uint32_t i = 0; i < core->queue.buckets; i++)
		for (struct shape *s = core->queue.bucket[i]; s; s = s->next) {
			unlist(core, s);
			s->feasible = shape_is_feasible(core, s);
			list(core, s);
		}
}

void queue_rescore(struct core *core)
{
	for (uint32_t i = 0; i < core->queue.buckets; i++)
		for (struct shape *s = core->queue.bucket[i]; s; s = s->next) {
			unlist(core, s);
			list(core, s);
		}
}

void queue_clear(struct core *core)
{
	for (uint32_t i = 0; i < core->queue.buckets; i++)
		for (struct shape *s = core->queue.bucket[i], *next; s; s = next) {
			next = s->next;
			free(s);
		}
	core->reserve.shapes = NULL;
	free(core->queue.bucket);
	core->queue = (struct queue){0};
}

/* -- looking ------------------------------------------------------------------------------------------------------ */

uint64_t queue_available(const struct core *core, enum pool pool, int32_t priority, bool later)
{
	return book_free(core, pool) + elastic_takeable(core, pool, priority, later);
}

struct shape *queue_first(const struct core *core)
{
	struct tnode *node = treap_first(core->queue.shapes);

	return node ? container_of(node, struct shape, node) : NULL;
}

/* A heap of shapes, each with the next of its jobs. */
struct front {
	const struct core *core;
	struct waiting { struct entry *e; struct mark mark; } *heap;
	uint32_t n;
};

static bool heap_before(const struct front *f, uint32_t a, uint32_t b)
{
	return mark_before(&f->heap[a].mark, &f->heap[b].mark);
}

static void heap_swap(struct front *f, uint32_t a, uint32_t b)
{
	struct waiting w = f->heap[a];

	f->heap[a] = f->heap[b];
	f->heap[b] = w;
}

static void heap_push(struct front *f, const struct tnode *node)
{
	struct entry *e;
	uint32_t i = f->n;

	if (!node)
		return;
	e = container_of(node, struct entry, node);
	f->heap[f->n++] = (struct waiting){e, queue_mark(f->core, e)};
	for (; i && heap_before(f, i, (i - 1) / 2); i = (i - 1) / 2)
		heap_swap(f, i, (i - 1) / 2);
}

static struct entry *heap_pop(struct front *f)
{
	struct entry *e = f->heap[0].e;

	f->heap[0] = f->heap[--f->n];
	for (uint32_t i = 0, child; (child = 2 * i + 1) < f->n; i = child) {
		child += child + 1 < f->n && heap_before(f, child + 1, child);
		if (!heap_before(f, child, i))
			break;
		heap_swap(f, i, child);
	}
	return e;
}

/* A shape comes in when the one before it is out: the heap is never larger than what was given. */
uint32_t queue_front(const struct core *core, struct entry **first, uint32_t most)
{
	struct front f = {.core = core, .heap = xcalloc(most + 2, sizeof *f.heap)};
	const struct shape *s = queue_first(core);
	uint32_t n = 0;

	heap_push(&f, s ? &s->head->node : NULL);
	while (f.n && n < most) {
		struct entry *e = heap_pop(&f);
		uint64_t times = is_record(e) ? array_room(e->array) : 1;

		while (times-- && n < most)
			first[n++] = e;
		heap_push(&f, treap_after(order_of(core), e->shape->jobs, &e->node));
		if (e->shape->head == e) {
			struct tnode *next = treap_after(&by_shape, core->queue.shapes, &e->shape->node);

			heap_push(&f, next ? &container_of(next, struct shape, node)->head->node : NULL);
		}
	}
	free(f.heap);
	return n;
}

struct search {
	const struct core *core;
	const struct mark *from;
	bool later;
	uint64_t mem, reserved; /* beside reservations; CPUs for those of one */
};

/* What a job of this priority can have, and with it everybody behind. */
struct bound {
	int32_t  priority;
	uint64_t most[POOL_COUNT];
};

static void narrow(const struct search *s, int32_t priority, struct bound *b)
{
	if (priority == b->priority)
		return;
	b->priority = priority;
	for (enum pool p = 0; p < POOL_COUNT; p++)
		b->most[p] = queue_available(s->core, p, priority, s->later);
	b->most[POOL_EXCLUSIVE] -= MIN_OF(b->most[POOL_EXCLUSIVE], s->core->reserve.kept_cpus);
}

/* May something that needs generic resources start below this node? */
static bool gres_below(const struct search *s, const struct shape *shape, const struct bound *b)
{
	return shape->least_gres <= MAX_OF(b->most[POOL_EXCLUSIVE], b->most[POOL_SHARED]) && !(shape->all_want & s->core->gres.gone);
}

/* Those of a reservation are listed only where it has enough. */
static bool fits_in(const struct search *s, const struct shape *shape, const struct bound *b)
{
	if (shape->reservation)
		return shape->cpus <= s->reserved;
	return shape->mem <= s->mem && shape->cpus <= b->most[shape_pool(shape)];
}

/* What can be had falls with priority, and the tree is in that order: on the way to the right the bound gets tighter,
 * and what needs more than it is passed over as a whole. */
static struct shape *search(const struct search *s, struct tnode *node, struct bound b)
{
	struct shape *shape, *found;

	if (!node)
		return NULL;
	shape = container_of(node, struct shape, node);
	if (shape->least_reserved > s->reserved &&
	    (shape->least_mem > s->mem || (shape->least[POOL_EXCLUSIVE] > b.most[POOL_EXCLUSIVE] &&
	                                   shape->least[POOL_SHARED] > b.most[POOL_SHARED] && !gres_below(s, shape, &b))))
		return NULL;
	if (!mark_before(&shape->mark, s->from)) {
		found = search(s, node->left, b);
		if (found)
			return found;
		narrow(s, shape->mark.priority, &b);
		if (fits_in(s, shape, &b) && gres_fits(s->core, shape->need))
			return shape;
	}
	narrow(s, shape->mark.priority, &b);
	return search(s, node->right, b);
}

struct shape *queue_next(const struct core *core, const struct mark *from, bool later)
{
	struct search s = {.core = core, .from = from, .later = later};
	struct bound b = {.priority = from->priority == 0}; /* another one, so that it is worked out */

	s.mem = book_mem_free(core) - MIN_OF(book_mem_free(core), core->reserve.kept_mem);
	s.reserved = later ? book_total(core, POOL_EXCLUSIVE) : book_free(core, POOL_EXCLUSIVE);
	narrow(&s, from->priority, &b);
	return search(&s, core->queue.shapes, b);
}

/* What first_within() looks for: that needs no more than this. */
struct within {
	const struct core *core;
	const struct mscg_job *job;
	const struct gres_need *need;
};

static bool none_within(const struct within *w, const struct shape *s)
{
	bool gres = w->need && s->least_gres <= w->job->cpus_milli && !(s->all_want & ~w->need->wants);

	return s->least_mem > w->job->mem_bytes || (s->least[pool_of(w->job)] > w->job->cpus_milli && !gres);
}

static struct shape *first_within(const struct within *w, struct tnode *node)
{
	struct shape *shape, *found;

	if (!node)
		return NULL;
	shape = container_of(node, struct shape, node);
	if (none_within(w, shape))
		return NULL;
	found = first_within(w, node->left);
	if (found)
		return found;
	if (!shape->reservation && shape_pool(shape) == pool_of(w->job) && shape->cpus <= w->job->cpus_milli && shape->mem <= w->job->mem_bytes &&
	    gres_no_more(w->core, shape->need, w->need))
		return shape;
	return first_within(w, node->right);
}

const struct entry *queue_ahead(const struct core *core, const struct entry *e)
{
	struct within w = {core, &e->job, gres_request(core, e->job.gres)};
	struct shape *shape = first_within(&w, core->queue.shapes);
	struct mark mark = queue_mark(core, e);

	return shape && mark_before(&shape->mark, &mark) ? shape->head : NULL;
}
