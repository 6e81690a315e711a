/* Memory that moves (--min-mem, --max-mem). A job begins with --mem. While it is short it is given more, in steps, from what
 * is free, up to its most; what it has above its --mem is lent, and whoever is first in the queue gets it back; between
 * --min-mem and --mem it yields only to a higher priority: the rules of CPUs.
 *
 * Other than CPUs memory may not come back: what a job uses and the kernel can not reclaim it keeps. So nobody is started
 * on memory that is to come: the first of the queue waits for the resize, and a job that refused is known to need what it uses. */
#include "src/core/internal.h"

#define MIB (UINT64_C(1) << 20)
#define STEP_MIN (16 * MIB)
#define FLOOR_USEC (60 * USEC_PER_SEC) /* so long is what it said it uses believed */

static void set_short(struct core *core, struct entry *e, bool is_short)
{
	core->mem_short += (uint32_t)is_short - (uint32_t)e->live->mem_short;
	e->live->mem_short = is_short;
}

void mem_list(struct core *core, struct entry *e)
{
	core->mem_moving += mem_moves(&e->job);
	e->live->mem_need[0] = '\0';
	e->live->mem_floor_until = 0;
}

void mem_unlist(struct core *core, struct entry *e)
{
	core->mem_moving -= mem_moves(&e->job);
	set_short(core, e, false);
}

/* -- what may be asked for ----------------------------------------------------------------------------------------- */

int mem_admits(const struct core *core, const struct mscg_job *job, char text[160])
{
	char a[32], b[32];

	if (!job->max_mem_mib || mem_most(job) <= core->mem_total)
		return 0;
	snprintf(text, 160, "--max-mem %s is more than this machine has: %s", format_size(mem_most(job), a, sizeof a),
	         format_size(core->mem_total, b, sizeof b));
	return -ENOSPC;
}

const char *mem_outside(const struct mscg_job *job, uint64_t mem, char text[160])
{
	bool waits = job->state == MSCG_STATE_PENDING; /* then what is not said is as what it will ask */
	uint64_t least = waits && !job->min_mem_mib ? 0 : mem_least(job), most = waits && !job->max_mem_mib ? UINT64_MAX : mem_most(job);
	char a[32], b[32], c[32];

	if (!mem_moves(job) || (mem >= least && mem <= most))
		return NULL;
	snprintf(text, 160, "%s of memory is outside of what the job can have: %s to %s", format_size(mem, a, sizeof a),
	         format_size(least, b, sizeof b), most == UINT64_MAX ? "that of the machine" : format_size(most, c, sizeof c));
	return text;
}

/* -- more ---------------------------------------------------------------------------------------------------------- */

static uint64_t with_room(uint64_t used)
{
	return (used + used / 8 + MIB) / MIB * MIB;
}

static void note_floor(struct core *core, struct entry *e, uint64_t used)
{
	e->live->mem_floor = used ? with_room(used) : e->job.mem_bytes;
	e->live->mem_floor_until = core->now.boot_usec + FLOOR_USEC;
}

void mem_report(struct core *core, struct entry *e, const struct mscg_report *r)
{
	if (!e->live || !mem_moves(&e->job) || !runs(e))
		return;
	note_floor(core, e, r->used_bytes);
	snprintf(e->live->mem_need, sizeof e->live->mem_need, "%.100s", r->text);
	set_short(core, e, e->job.mem_bytes < mem_most(&e->job));
}

static int by_rank(const void *a, const void *b)
{
	return queue_before(&(*(struct entry *const *)a)->job, &(*(struct entry *const *)b)->job) ? -1 : 1;
}

/* Those that may be resized, in the order of the queue. */
static struct entry **those_short(const struct core *core, uint32_t *ret_n)
{
	struct entry **list = xcalloc(core->mem_short, sizeof(struct entry *));
	uint32_t n = 0;

	for (struct live *l = core->granted; l; l = l->granted_next)
		if (l->mem_short && resize_possible(l->entry))
			list[n++] = l->entry;
	if (n)
		qsort(list, n, sizeof(struct entry *), by_rank);
	*ret_n = n;
	return list;
}

/* Who must not come later for it. */
struct others {
	const struct entry *first; /* NULL: nobody */
	bool planned;
};

/* What a job may have of what is free; says why it is not all of it. */
static uint64_t leave(const struct core *core, const struct entry *e, const struct others *o, char *why, size_t size)
{
	uint64_t left = MIN_OF(reserve_mem_free(core, &e->job), reserve_mem_room(core, e)), all = left;
	char id[MSCG_ID_TEXT];

	snprintf(why, size, "%s", left < MIN_OF(book_mem_free(core), MIB) ? "what is free is reserved" : "nothing is free");
	if (!o->first)
		return left;
	if (o->planned)
		left = MIN_OF(left, plan_mem_free(&core->plan, e, core->now));
	else
		left -= MIN_OF(left, mem_needed(&o->first->job));
	if (left < all)
		snprintf(why, size, "what is free is for job %s, which waits", mscg_id_format(o->first->job.id, id));
	return left;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Half as much again, and less where there is no more. */
static uint64_t next_size(const struct core *core, const struct entry *e, const struct others *o, char *why, size_t size)
{
	uint64_t now = e->job.mem_bytes, more = MAX_OF(now / 2, STEP_MIN);
	struct mscg_job job = e->job;
	uint64_t left = leave(core, e, o, why, size);
	char text[160];

	more = smaller(more, left) / MIB * MIB;
	job.mem_bytes = smaller(now + more, mem_most(&job));
	if (job.mem_bytes == now)
		return now;
	if (job_admits(core, &job, text) < 0 || !user_affords(core, e, 0, job.mem_bytes - now, text, sizeof text) ||
	    !totals_afford(core, e, 0, job.mem_bytes - now, text, sizeof text)) {
		snprintf(why, size, "%.127s", text);
		return now;
	}
	return job.mem_bytes;
}

static void grow(struct core *core, struct entry *e, const struct others *o)
{
	struct live *l = e->live;
	char why[128], from[32], to[32];
	uint64_t now = e->job.mem_bytes, size = next_size(core, e, o, why, sizeof why);
	struct plan_need need = {.mem = size - now, .pool = pool_of(&e->job), .span = USEC_NEVER};
	_cleanup_free_ char *said = xstrndup(l->mem_need, strcspn(l->mem_need, ";"));

	if (size == now) {
		snprintf(l->mem_need, sizeof l->mem_need, "%s; %s", said, why);
		return;
	}
	snprintf(l->mem_need, sizeof l->mem_need, "%s; grown from %s to %s", said, format_size(now, from, sizeof from),
	         format_size(size, to, sizeof to));
	if (o->planned)
		plan_promise(&core->plan, core->now.boot_usec, &need);
	set_short(core, e, false);
	resize_begin(core, e, e->job.current_cpus_milli, &share_of(e)->cpus, size, steal(&said));
	user_update(core, e);
}

void mem_grow(struct core *core)
{
	struct others others = {0};
	uint32_t n;

	if (!core->mem_short)
		return;
	_cleanup_free_ struct entry **list = those_short(core, &n);
	if (n && book_mem_free(core) >= MIB)
		others.first = backfill_head(core, &others.planned);
	others.planned &= !core->wanted; /* what comes for it is in no plan: it may start at any moment */
	for (uint32_t i = 0; i < n; i++)
		grow(core, list[i], &others);
}

/* -- less, for others ---------------------------------------------------------------------------------------------- */

void mem_refused(struct core *core, struct entry *e, uint64_t used, const char *why)
{
	note_floor(core, e, used);
	snprintf(e->live->mem_need, sizeof e->live->mem_need, "would not shrink for others: %s", why);
}

/* Down to its --mem, or to its least for a higher priority; not below what it is known to use. */
static uint64_t gives(const struct core *core, const struct entry *e, const struct mscg_job *head)
{
	const struct live *l = e->live;
	uint64_t down_to = e->job.priority < head->priority ? mem_least(&e->job) : mem_asked(&e->job);

	if (!mem_moves(&e->job) || e->job.reservation || !resize_possible(e) || l->restored || l->suspends)
		return 0;
	if (l->mem_floor_until > core->now.boot_usec)
		down_to = MAX_OF(down_to, l->mem_floor);
	return e->job.mem_bytes > down_to ? e->job.mem_bytes - down_to : 0;
}

/* What comes free by itself, and of that, by such a resize. */
static uint64_t coming(const struct core *core, bool *ret_sheds)
{
	uint64_t sum = 0;

	*ret_sheds = false;
	for (const struct live *l = core->granted; l; l = l->granted_next) {
		const struct entry *e = l->entry;
		bool dying = e->job.state == MSCG_STATE_COMPLETING || e->job.flags & MSCG_JOB_KILLED;

		if (dying && !*e->job.run->fail_text)
			sum += share_of(e)->mem_bytes;
		else if (l->flight && l->flight->mem < share_of(e)->mem_bytes)
			sum += share_of(e)->mem_bytes - l->flight->mem;
		*ret_sheds |= l->flight && l->flight->sheds;
	}
	return sum;
}

bool mem_comes(const struct core *core)
{
	bool sheds = false;

	if (core->mem_moving)
		coming(core, &sheds);
	return sheds;
}

static uint64_t takeable(const struct core *core, const struct mscg_job *head)
{
	uint64_t sum = 0;

	for (const struct live *l = core->granted; l; l = l->granted_next)
		sum += gives(core, l->entry, head);
	return sum;
}

/* When it is asked again, though it said that it needs what it has. */
static void note_retry(struct core *core)
{
	for (const struct live *l = core->granted; l; l = l->granted_next)
		if (mem_moves(&l->entry->job) && l->mem_floor_until > core->now.boot_usec)
			core->preempt_at = MIN_OF(core->preempt_at, l->mem_floor_until);
}

/* From the lowest priority up, the youngest first. */
static void shed(struct core *core, const struct entry *head, uint64_t amount)
{
	_cleanup_free_ struct entry **list = NULL;
	uint32_t n = 0, cap = 0;
	char id[MSCG_ID_TEXT];

	for (struct live *l = core->granted; l; l = l->granted_next)
		if (gives(core, l->entry, &head->job)) {
			GROW(list, n, cap);
			list[n++] = l->entry;
		}
	if (n)
		qsort(list, n, sizeof(struct entry *), by_rank);
	mscg_id_format(head->job.id, id);
	while (n-- && amount) {
		struct entry *e = list[n];
		uint64_t gives_up = gives(core, e, &head->job), take = smaller(gives_up, (amount + MIB - 1) / MIB * MIB);
		char size[32];

		snprintf(e->live->mem_need, sizeof e->live->mem_need, "gives %s back for job %s", format_size(take, size, sizeof size), id);
		set_short(core, e, false); /* it says so again, whatever comes of this */
		resize_begin(core, e, e->job.current_cpus_milli, &share_of(e)->cpus, e->job.mem_bytes - take,
		             xasprintf("makes room for job %s", id))->sheds = true;
		amount -= smaller(amount, take);
	}
}

static bool has_the_rest(const struct core *core, const struct mscg_job *job)
{
	return gres_fits(core, gres_need_of(core, job)) && queue_least(core, job) <= reserve_available(core, job, true);
}

bool mem_shed_for(struct core *core, const struct entry *head)
{
	uint64_t need = mem_needed(&head->job), there = reserve_mem_free(core, &head->job);
	bool sheds;

	if (!core->mem_moving || need <= there || !has_the_rest(core, &head->job))
		return false;
	there += coming(core, &sheds);
	if (need > there && takeable(core, &head->job) >= need - there) {
		shed(core, head, need - there);
		sheds = true;
	} else if (need > there) {
		note_retry(core);
	}
	core->wanted |= sheds;
	return sheds;
}

const char *core_mem_need(const struct core *core, struct mscg_id id)
{
	const struct entry *e = entry_find(core, id);

	return e && e->live && mem_moves(&e->job) && holds(e) && e->live->mem_need[0] ? e->live->mem_need : NULL;
}
