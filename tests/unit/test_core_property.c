/* Random walks over the core, with an engine that behaves as badly as a real one may: it answers late, refuses, fails,
 * loses jobs, and dies with what was decided and not yet carried out. After every step:
 *   - core_check holds
 *   - the fold of the journal is what the core says
 *   - no two jobs are on one CPU, or have one GPU, and together they have no more memory than there is, by the books of a kernel
 *     of the test's own
 * CORE_PROPERTY_STEPS steps (200,000), from CORE_PROPERTY_SEED (1) on.
 *
 * timeout: 600 */
#include "src/base/parse.h"
#include "src/core/internal.h"
#include "tests/unit/core_support.h"
#include "src/base/gres.h"
#include "src/base/moving.h"

#include <inttypes.h>
#include <signal.h>

static const char *const reservation_names[] = {"class", "night", "repair"};
static const char *const qos_names[] = {"low", "normal", "high", "gone"};
static const char *const partition_names[] = {"main", "fast", "old", "gone"};

static uint64_t rng;

static uint64_t draw(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng * UINT64_C(0x2545f4914f6cdd1d) >> 16;
}

static uint32_t below(uint32_t n)
{
	return (uint32_t)(draw() % n);
}

static bool chance(uint32_t percent)
{
	return below(100) < percent;
}

/* -- the engine and its kernel ------------------------------------------------------------------------------------ */

enum { SPEC_TOKEN = 1000 };

enum stage { WAITS, RUNS, DYING, GONE };

struct proc {
	struct mscg_id id;
	uint32_t attempt;
	enum stage stage;
	bool     exclusive, killed, ran;
	struct mscg_cpuset kernel; /* what its cpuset is really */
	struct mscg_cpuset grant;
	uint64_t *after; uint32_t after_n; /* of its start, or of what it is to go on with */
	bool     frozen, freeze, thaw;
	uint64_t gpus;
	/* one resize at a time */
	uint64_t resize;
	struct mscg_cpuset target;
	uint64_t mem, mem_grant, mem_target; /* memory.max as it is, as it was granted, and as it is to be */
	bool     by_need; /* it is not by hand, nor after a restart */
	int32_t code, signal;
};

struct journal {
	struct mscg_job job; /* the fold */
	bool known;
	struct mscg_row row; /* as last written */
	bool has_row;
};

enum { ACCOUNTS = 3 };
static const struct core_account accounts[ACCOUNTS] = {{"science", CORE_NO_ACCOUNT, 3, 0.2}, {"physics", 0, 2, 0.05}, {"guests", CORE_NO_ACCOUNT, 0, 0}};
static const struct core_member members[] = {{1, 2, 5}, {0, 3, 0}};

struct world {
	struct rig rig;
	struct core_usage *usage; uint32_t usages, usages_cap; /* as last written */
	struct core_reservation reserved[CORE_RESERVATIONS_MAX], asked; uint32_t reserved_n;
	char users[32];
	uint64_t reservations, within, outside;
	bool reserves;
	struct proc *proc; uint32_t procs, procs_cap;
	struct journal *book; uint32_t books, books_cap;
	uint64_t *taken; /* resizes that the kernel took */
	uint32_t taken_n, taken_cap;
	struct core_input *in; uint32_t in_n, in_cap;
	struct mscg_report *report; uint32_t reports, reports_cap;
	struct mscg_spec spec[8];
	struct core_update update;
	char depends[8][64];
	struct mscg_range range[8][3];
	uint64_t tokens; /* open: asked and not answered for the last time */
	uint64_t preempted, stilled, together, beside;
	uint64_t mem_grown, mem_shed, mem_kept;
	uint64_t steps, started, resized, suspended, resumed, restarts, deferred, plans, named, warned, cut, charged, gpus, extended, seq;
	struct core_gres gres[6];
	struct mscg_cpuset near[2]; /* CPUs close to some */
	struct test_machine all; /* with every CPU plugged in */
	struct mscg_cpuset online;
	bool unplugged, tame; /* tame: the engine does what it is told, and jobs run on */
};

static void free_proc(struct proc *p)
{
	free(p->after);
}

static struct journal *book_of(struct world *w, struct mscg_id id)
{
	for (uint32_t i = w->books; i-- > 0;)
		if (mscg_id_equal(w->book[i].job.id, id))
			return &w->book[i];
	GROW(w->book, w->books, w->books_cap);
	w->book[w->books] = (struct journal){.job = {.id = id}};
	return &w->book[w->books++];
}

static bool has_gpus(const struct proc *p)
{
	return p->stage == RUNS || p->stage == DYING;
}

/* The one thing that may never be. */
static void check_kernel(struct world *w)
{
	uint64_t mem = 0;

	for (uint32_t i = 0; i < w->procs; i++)
		mem += w->proc[i].stage == RUNS || w->proc[i].stage == DYING ? w->proc[i].mem : 0;
	if (mem > w->rig.machine.m.mem_bytes)
		fail_msg("step %" PRIu64 ": jobs have %" PRIu64 " of memory of %" PRIu64, w->steps, mem, w->rig.machine.m.mem_bytes);
	for (uint32_t i = 0; i < w->procs; i++)
		for (uint32_t j = 0; j < i; j++) {
			struct mscg_cpuset both = w->proc[i].kernel;

			mscg_cpuset_and(&both, &w->proc[j].kernel);
			mscg_cpuset_and(&both, &w->online);
			if (w->proc[i].gpus & w->proc[j].gpus && has_gpus(&w->proc[i]) && has_gpus(&w->proc[j]))
				fail_msg("step %" PRIu64 ": jobs %u and %u have one GPU", w->steps, w->proc[i].id.job, w->proc[j].id.job);
			if (w->proc[i].exclusive && w->proc[j].exclusive && !mscg_cpuset_empty(&both)) {
				char a[MSCG_ID_TEXT], b[MSCG_ID_TEXT];

				fail_msg("step %" PRIu64 ": jobs %s and %s are on one CPU", w->steps, mscg_id_format(w->proc[i].id, a),
				         mscg_id_format(w->proc[j].id, b));
			}
		}
}

static bool is_coming(const struct world *w, uint64_t resize)
{
	for (uint32_t i = 0; i < w->procs; i++)
		if (w->proc[i].resize == resize && w->proc[i].stage != GONE)
			return true;
	return false;
}

static struct mscg_report *say(struct world *w, const struct proc *p, enum mscg_report_kind kind)
{
	struct mscg_report *r;

	GROW(w->report, w->reports, w->reports_cap);
	r = &w->report[w->reports++];
	*r = (struct mscg_report){.kind = kind, .id = p->id, .attempt = p->attempt, .time_usec = w->rig.now.real_usec};
	mscg_usage_init(&r->usage);
	return r;
}

static bool contains(const uint64_t *list, uint32_t n, uint64_t value)
{
	for (uint32_t i = 0; i < n; i++)
		if (list[i] == value)
			return true;
	return false;
}

enum landing { TAKEN, COMING, REFUSED };

static enum landing look_after(const struct world *w, const struct proc *p)
{
	for (uint32_t i = 0; i < p->after_n; i++) {
		bool taken = contains(w->taken, w->taken_n, p->after[i]);

		if (!taken)
			return is_coming(w, p->after[i]) ? COMING : REFUSED;
	}
	return TAKEN;
}

static void launch(struct world *w, struct proc *p)
{
	struct mscg_report *r;

	switch (p->after_n && p->killed ? REFUSED : look_after(w, p)) {
	case REFUSED:
		snprintf(say(w, p, MSCG_REPORT_START_DEFERRED)->text, 160, "a resize was refused");
		p->stage = GONE;
		w->deferred++;
		return;
	case COMING:
		return;
	case TAKEN:
		break;
	}
	switch (p->killed ? 0 : w->tame ? 9 : below(20)) {
	case 0:
		r = say(w, p, MSCG_REPORT_START_DEFERRED);
		r->errno_value = EAGAIN;
		p->stage = GONE;
		return;
	case 1:
		r = say(w, p, MSCG_REPORT_START_FAILED);
		r->exit_code = 127;
		p->stage = GONE;
		return;
	default:
		p->kernel = p->grant;
		p->mem = p->mem_grant;
		p->stage = RUNS;
		p->ran = true;
		w->started++;
		check_kernel(w);
		say(w, p, MSCG_REPORT_STARTED)->pid = 77;
	}
}

static void answer_resize(struct world *w, struct proc *p)
{
	struct mscg_report *r;
	bool refuse = !w->tame && chance(15);

	if (p->thaw && look_after(w, p) == COMING)
		return;
	refuse |= p->thaw && look_after(w, p) == REFUSED;
	r = say(w, p, refuse ? MSCG_REPORT_RESIZE_DEFERRED : MSCG_REPORT_RESIZED);
	r->resize_seq = p->resize;
	if (refuse) {
		/* Nothing changed: a grow that was in the kernel for a moment is taken back first. */
		mscg_cpuset_and(&p->kernel, &p->grant);
		w->mem_kept += p->by_need && p->mem_target < p->mem_grant;
		p->mem = p->mem_grant;
		r->used_bytes = chance(50) ? p->mem_grant - below(8) * 32 * MIB % p->mem_grant : 0;
		snprintf(r->text, sizeof r->text, "the kernel would not");
	} else {
		GROW(w->taken, w->taken_n, w->taken_cap);
		w->taken[w->taken_n++] = p->resize;
		p->kernel = p->grant = p->target;
		w->mem_grown += p->by_need && p->mem_target > p->mem_grant;
		w->mem_shed += p->by_need && p->mem_target < p->mem_grant;
		p->mem = p->mem_grant = p->mem_target;
		w->resized++;
		w->suspended += p->freeze;
		w->resumed += p->thaw;
		p->frozen = p->freeze || (p->frozen && !p->thaw);
		check_kernel(w);
	}
	p->resize = 0;
}

static void run_proc(struct world *w, struct proc *p)
{
	struct mscg_report *r;

	if (p->stage == WAITS && chance(w->tame ? 100 : 60)) {
		launch(w, p);
		return;
	}
	if (p->stage != RUNS && p->stage != DYING)
		return;
	if (p->resize && chance(w->tame ? 100 : 50))
		answer_resize(w, p);
	if (p->stage == RUNS && !w->tame && chance(15)) {
		r = say(w, p, MSCG_REPORT_NEED);
		r->need = chance(50) ? MSCG_NEED_SHORT : chance(60) ? MSCG_NEED_IDLE : MSCG_NEED_FITS;
		r->used_milli = below(4000);
		snprintf(r->text, sizeof r->text, "it was looked at");
	}
	if (p->stage == RUNS && !w->tame && chance(20))
		say(w, p, MSCG_REPORT_MEMORY)->used_bytes = chance(95) ? p->mem / (1 + below(8)) : 0;
	if (p->stage == RUNS && chance(p->killed ? 70 : w->tame ? 0 : p->frozen ? 2 : 6)) {
		p->code = chance(60) ? 0 : (int32_t)below(200);
		p->signal = p->killed ? SIGKILL : chance(10) ? SIGSEGV : 0;
		if (p->signal)
			p->code = 0;
		p->stage = DYING;
		if (chance(70)) {
			r = say(w, p, MSCG_REPORT_EXITED);
			r->exit_code = p->code;
			r->exit_signal = p->signal;
		}
		return;
	}
	if (p->stage == DYING && chance(60)) {
		r = say(w, p, MSCG_REPORT_ENDED);
		r->exit_code = p->code;
		r->exit_signal = p->signal;
		r->usage.oom_kills = below(4) ? 0 : 1;
		r->usage.cpu_usec = 5;
		p->stage = GONE;
		mscg_cpuset_zero(&p->kernel);
	} else if (p->stage == DYING && chance(3)) {
		snprintf(say(w, p, MSCG_REPORT_STUCK)->text, 160, "cannot be killed");
	}
}

static struct proc *proc_of(struct world *w, struct mscg_id id, uint32_t attempt)
{
	for (uint32_t i = 0; i < w->procs; i++)
		if (mscg_id_equal(w->proc[i].id, id) && w->proc[i].attempt == attempt)
			return &w->proc[i];
	return NULL;
}

static void drop_proc(struct world *w, struct mscg_id id, uint32_t attempt)
{
	struct proc *p = proc_of(w, id, attempt);

	if (!p)
		return;
	free_proc(p);
	*p = w->proc[--w->procs];
}

/* What it was told of its time is what the core will hold it to. */
static void check_limit(struct world *w, const struct mscg_action *a)
{
	const struct mscg_job *job = core_find(w->rig.core, a->id);

	if (!job || !mscg_id_equal(job->id, a->id))
		return;
	w->cut += job->time_max_s > 0;
	assert_int_equal(a->time_limit_s, job->time_limit_s);
	if (job->time_max_s)
		assert_in_range(job->time_limit_s, job->time_min_s, job->time_max_s - 1);
}

/* Between its least and its most, and where it does not move as it is. */
static void check_memory(struct world *w, struct proc *p, const struct mscg_action *a)
{
	const struct mscg_job *job = core_find(w->rig.core, a->id);

	p->by_need = false;
	if (!job || !mscg_id_equal(job->id, a->id) || job->attempt != a->attempt)
		return;
	if (mem_moves(job))
		assert_in_range(p->mem_target, mem_least(job), mem_most(job));
	assert_true(a->memory || p->mem_target == p->mem_grant);
	p->by_need = mem_moves(job) && p->mem_target != p->mem_grant;
}

static void perform(struct world *w, const struct mscg_action *a)
{
	struct proc *p = proc_of(w, a->id, a->attempt);

	switch (a->kind) {
	case MSCG_ACTION_START:
		check_limit(w, a);
		assert_null(p);
		GROW(w->proc, w->procs, w->procs_cap);
		p = &w->proc[w->procs++];
		*p = (struct proc){.id = a->id, .attempt = a->attempt, .grant = a->grant->share[0].cpus,
		                   .exclusive = a->grant->cpu_mode == MSCG_CPUS_EXCLUSIVE, .after_n = a->after_n,
		                   .mem_grant = a->grant->share[0].mem_bytes,
		                   .gpus = gres_granted_units(a->grant->share[0].gres, GRES_GPU)};
		w->gpus += p->gpus != 0;
		p->after = xcalloc(a->after_n + 1, sizeof *p->after);
		if (a->after_n)
			memcpy(p->after, a->after, a->after_n * sizeof *p->after);
		assert_string_equal(a->grant->share[0].node, "here");
		assert_false(mscg_cpuset_empty(&p->grant));
		break;
	case MSCG_ACTION_RESIZE:
		if (!p)
			break;
		assert_int_equal(p->resize, 0); /* one at a time */
		assert_int_not_equal(p->stage, WAITS); /* nothing before exec */
		p->resize = a->resize_seq;
		p->target = a->grant->share[0].cpus;
		p->mem_target = a->grant->share[0].mem_bytes;
		check_memory(w, p, a);
		p->freeze = a->freeze;
		p->thaw = a->thaw;
		assert_int_equal(a->freeze, mscg_cpuset_empty(&p->target));
		assert_true(a->thaw || !a->after_n);
		assert_int_equal(a->thaw, p->frozen && !a->freeze);
		if (a->thaw) {
			free(p->after);
			p->after = xcalloc(a->after_n + 1, sizeof *p->after);
			if (a->after_n)
				memcpy(p->after, a->after, a->after_n * sizeof *p->after);
			p->after_n = a->after_n;
		}
		/* The kernel may have a grow at once. */
		if (chance(50) && !a->after_n)
			mscg_cpuset_or(&p->kernel, &p->target);
		if (chance(50) && p->mem_target > p->mem)
			p->mem = p->mem_target;
		check_kernel(w);
		break;
	case MSCG_ACTION_SIGNAL:
		w->warned += a->warn || a->main_only;
		if (a->warn || a->main_only) {
			assert_int_equal(a->signal, a->warn ? SIGUSR2 : SIGUSR1);
			assert_true(!p || p->stage != WAITS);
			break;
		}
		if (p && p->stage == RUNS && chance(40))
			p->killed = true;
		break;
	case MSCG_ACTION_KILL:
		if (p)
			p->killed = true;
		break;
	case MSCG_ACTION_REMOVE:
		drop_proc(w, a->id, a->attempt);
		break;
	case MSCG_ACTION_COUNT:
		break;
	}
}

/* -- inputs ------------------------------------------------------------------------------------------------------- */

static struct core_input *input(struct world *w, enum core_input_kind kind)
{
	GROW(w->in, w->in_n, w->in_cap);
	w->in[w->in_n] = (struct core_input){.kind = kind};
	return &w->in[w->in_n++];
}

static struct mscg_id any_id(struct world *w)
{
	uint32_t next = core_next_job_id(w->rig.core);
	struct mscg_id id = {next - MIN_OF(below(40), next), MSCG_NO_TASK};

	if (chance(30))
		id.task = below(12);
	return id;
}

/* Those that it names by index are those that there are, one by one. */
static void check_tasks(struct world *w)
{
	struct mscg_id ids[64], id = any_id(w);
	struct mscg_range range[2] = {{below(3), 0, 1 + below(3)}, {0, 0, 1 + below(3)}};
	uint32_t states = below(2) ? 1u << MSCG_STATE_PENDING : below(1u << (MSCG_STATE_COMPLETING + 1)), n, found, expected = 0;

	range[0].last = range[0].first + range[0].step * below(4);
	range[1].first = range[0].last + 1 + below(3);
	range[1].last = range[1].first + range[1].step * below(4);
	n = 1 + below(2);
	found = core_tasks(w->rig.core, id.job, range, n, states, ids, ARRAY_SIZE(ids));
	for (uint32_t i = 0; i < n; i++)
		for (id.task = range[i].first; id.task <= range[i].last; id.task += range[i].step) {
			const struct mscg_job *job = core_find(w->rig.core, id);
			bool waits = core_task_waits(w->rig.core, id), there = false;

			if (!job || (!waits && !mscg_id_equal(job->id, id)) || !(states & 1u << (waits ? MSCG_STATE_PENDING : job->state)))
				continue;
			expected++;
			for (uint32_t f = 0; f < found; f++)
				there |= mscg_id_equal(ids[f], id);
			assert_true(there);
		}
	assert_int_equal(found, expected);
	w->named += found;
	if (found > 1)
		assert_int_equal(core_tasks(w->rig.core, id.job, range, n, states, ids, found - 1), found);
}

/* On a job that the core knows: what has ended is looked up by others. */
static void random_depends(struct world *w, struct mscg_spec *s, char text[64])
{
	static const char *const kinds[] = {"after:", "afterany:", "afterok:", "afternotok:", "aftercorr:"};
	size_t n = 0;

	for (uint32_t i = 0; i < 2 && chance(20); i++) {
		struct mscg_id id = any_id(w);
		const struct mscg_job *job = core_find(w->rig.core, id);
		char number[MSCG_ID_TEXT];

		if (!job || (!mscg_id_equal(job->id, id) && !core_task_waits(w->rig.core, id)))
			continue;
		const char *kind = kinds[below(n ? 4 : 5)];
		n += (size_t)snprintf(text + n, 64 - n, "%s%s%s", n ? i % 2 ? "?" : "," : "", kind, mscg_id_format(id, number));
		s->dependency_left = text;
		if (kind == kinds[4]) /* of an array alone, or with ',' */
			break;
	}
}

static const struct core_gres all_gres[] = {
	{GRES_GPU, "a100", 2, 1 << 0 | 1 << 1, NULL}, {GRES_GPU, "a100", 1, 1 << 4, NULL}, {GRES_GPU, "v100", 2, 1 << 2 | 1 << 3, NULL},
	{"fpga", NULL, 3, 0, NULL}, {GRES_LICENSE, "matlab", 4, 0, NULL}, {GRES_LICENSE, "ansys", 2, 0, NULL},
};
static const char *const requests[] = {
	"gpu:1", "gpu:2", "gpu:4", "gpu:a100:1", "gpu:v100:2", "gpu:1,gpu:a100:2", "gpu:6", "gpu:k80:1", "fpga:2", "gpu:1,license:matlab:2",
	"license:matlab:3", "license:ansys:1,license:matlab:1",
};

static void random_spec(struct world *w, struct mscg_spec *s, struct mscg_range *range)
{
	static const uint64_t mem[] = {0, 64 * MIB, 512 * MIB, 3 * GIB, 40 * GIB};
	uint32_t ncpus = w->rig.machine.m.ncpus;
	uint32_t cpus = 1 + below(chance(85) ? MIN_OF(ncpus, 4) : ncpus + 1);

	*s = job_spec(cpus, mem[below(chance(95) ? 4 : 5)], (int32_t)below(4) * 5 - 5);
	s->grace_s = chance(80) ? 30 : 0;
	s->time_limit_s = chance(25) ? 1 + below(40) : 0;
	s->time_min_s = s->time_limit_s && chance(50) ? 1 + below(s->time_limit_s) : 0;
	s->time_extend_s = s->time_limit_s && chance(40) ? s->time_limit_s + 1 + below(200) : 0;
	s->signal = chance(30) ? (char *)(uintptr_t)(chance(50) ? "B:USR1@3" : "USR2@10") : NULL;
	s->requeue = chance(30);
	s->hold = chance(8);
	s->begin_usec = chance(8) ? w->rig.now.real_usec + below(20) * USEC_PER_SEC : 0;
	s->deadline_usec = chance(8) ? w->rig.now.real_usec + (20 + below(60)) * USEC_PER_SEC : 0;
	s->max_retries = chance(30) ? below(4) : 0;
	if (chance(20)) {
		s->cpu_mode = MSCG_CPUS_QUOTA;
		s->cpus_milli = s->min_cpus_milli = s->max_cpus_milli = 100 + below(20) * 100;
	}
	if (chance(45)) {
		uint32_t unit = s->cpu_mode == MSCG_CPUS_QUOTA ? 100 : 1000;

		s->elastic = true;
		s->by_pressure = chance(30);
		s->min_cpus_milli = unit * (1 + below(s->cpus_milli / unit));
		s->max_cpus_milli = chance(20) ? 0 : s->cpus_milli + unit * below(6);
	}
	if (chance(50)) {
		uint64_t asked = s->mem_bytes ? s->mem_bytes : 64 * MIB * cpus;

		s->min_mem_bytes = chance(60) ? asked / (1 + below(4)) / MIB * MIB : 0;
		s->max_mem_bytes = chance(80) || !s->min_mem_bytes ? asked + asked / 2 / MIB * MIB * below(6) : 0;
	}
	s->uid = below(4);
	s->qos = chance(20) ? NULL : (char *)(uintptr_t)qos_names[below(3)];
	s->partition = chance(20) ? NULL : (char *)(uintptr_t)partition_names[below(3)];
	s->account = chance(60) ? (char *)(uintptr_t)accounts[below(ACCOUNTS)].name : NULL;
	if (w->reserved_n && chance(30)) {
		const struct core_reservation *r = &w->reserved[below(w->reserved_n)];

		s->reservation = r->name;
		if (r->users && chance(80))
			s->uid = (uint32_t)strtoul(r->users, NULL, 10);
	}
	s->gres = chance(25) ? (char *)(uintptr_t)requests[below(ARRAY_SIZE(requests))] : NULL;
	if (chance(15)) {
		s->array_n = 1 + below(3);
		for (uint32_t i = 0, at = 0; i < s->array_n; i++) {
			uint32_t step = 1 + below(3), n = below(4);

			range[i] = (struct mscg_range){at, at + n * step, n ? step : 1};
			at = range[i].last + 1 + below(3);
		}
		s->array = range;
		s->array_throttle = below(4);
		s->max_fails = below(4);
	}
}

static void random_update(struct world *w)
{
	struct core_update *u = &w->update;

	*u = (struct core_update){.top = chance(20), .cpus_milli = chance(20) ? (1 + below(5)) * 1000 : 0,
	                          .mem_bytes = chance(20) ? (1 + below(20)) * 64 * MIB : 0};
	for (enum mscg_field f = MSCG_FIELD_PRIORITY; f < MSCG_FIELD_COUNT; f++) {
		u->field[f].given = chance(25);
		u->field[f].value = (int64_t)below(12);
		if (f == MSCG_FIELD_PRIORITY || f == MSCG_FIELD_TIME_LIMIT)
			u->field[f].relative = chance(50);
		if ((f == MSCG_FIELD_BEGIN || f == MSCG_FIELD_DEADLINE) && u->field[f].value)
			u->field[f].value = w->rig.now.real_usec + u->field[f].value * 4 * USEC_PER_SEC;
		if (f == MSCG_FIELD_QOS)
			u->field[f].value = name_key(qos_names[below(chance(5) ? 4 : 3)]);
		if (f == MSCG_FIELD_PARTITION)
			u->field[f].value = name_key(partition_names[below(chance(5) ? 4 : 3)]);
	}
	u->field[MSCG_FIELD_PRIORITY].given |= u->top;
}

static void limit_users(struct core_policy *p)
{
	p->user_submitted = chance(40) ? 0 : 1 + below(30);
	p->max_jobs = chance(80) ? 0 : 1 + below(12);
	p->user_running = chance(40) ? 0 : 1 + below(6);
	p->user_cpus_milli = chance(40) ? 0 : 1000 * (1 + below(8));
	p->user_mem_bytes = chance(40) ? 0 : GIB * (1 + below(8));
}

/* Of the same names and priorities for all of a walk; its limits, and whether one of them is there, change. */
static void limit_qos(struct core_policy *p)
{
	p->preempt_by_priority = chance(25);
	p->qos_n = chance(10) ? 2 : 3;
	for (uint32_t i = 0; i < p->qos_n; i++) {
		struct core_qos *q = &p->qos[i];

		*q = (struct core_qos){.key = name_key(qos_names[i]), .priority = (int32_t)i * 10 - 10};
		snprintf(q->name, sizeof q->name, "%s", qos_names[i]);
		q->job_cpus_milli = chance(80) ? 0 : 1000 * (1 + below(5));
		q->job_mem_bytes = chance(80) ? 0 : GIB;
		q->user_submitted = chance(70) ? 0 : 1 + below(30);
		q->user_running = chance(60) ? 0 : 1 + below(4);
		q->user_cpus_milli = chance(60) ? 0 : 1000 * (1 + below(6));
		q->user_mem_bytes = chance(60) ? 0 : GIB * (1 + below(6));
		q->running = chance(70) ? 0 : 1 + below(6);
		q->cpus_milli = chance(70) ? 0 : 1000 * (1 + below(8));
		q->mem_bytes = chance(70) ? 0 : GIB * (1 + below(8));
		q->preempts = chance(70) ? (1u << i) - 1 : 0; /* those below it */
		q->preempt_mode = (enum core_preempt)below(CORE_PREEMPT_OFF + 1);
		q->preempt_exempt_s = chance(60) ? 0 : 1 + below(30);
		q->has_grace = chance(50);
		q->grace_s = below(20);
	}
}

static void limit_partitions(struct core_policy *p)
{
	p->partition_n = chance(10) ? 2 : 3;
	for (uint32_t i = 0; i < p->partition_n; i++) {
		struct core_partition *one = &p->partition[i];

		*one = (struct core_partition){.key = name_key(partition_names[i]), .priority = (int32_t)i * 3, .takes = chance(90), .starts = chance(85)};
		snprintf(one->name, sizeof one->name, "%s", partition_names[i]);
		one->job_cpus_milli = chance(80) ? 0 : 1000 * (1 + below(5));
		one->job_mem_bytes = chance(80) ? 0 : GIB;
		one->default_time_s = chance(80) ? 0 : 1 + below(40);
		one->cpus_milli = chance(50) ? 0 : 1000 * (1 + below(8));
		one->qos = chance(80) ? 0 : 1 + below(7);
	}
}

static bool submits(const struct world *w)
{
	for (uint32_t i = 0; i < w->in_n; i++)
		if (w->in[i].kind == CORE_SUBMIT)
			return true;
	return false;
}

static void random_priority(struct core_priority *p)
{
	uint32_t n = chance(70) ? ACCOUNTS : below(ACCOUNTS);

	*p = (struct core_priority){
		.multifactor = p->multifactor, .charges = p->charges,
		.budget = {.user = below(3) * 0.1, .rates = {.cpu_hour = 1, .gib_hour = 0.1}, .from_usec = (1600000000 + below(2)) * USEC_PER_SEC},
		.weight_age = below(3) * 500, .weight_fairshare = below(3) * 5000, .weight_job_size = below(3) * 100,
		.max_age_s = 1 + below(100), .half_life_s = below(3) * 40, .calc_period_s = below(60),
		.account = accounts, .accounts = n, .member = members, .members = n == ACCOUNTS ? ARRAY_SIZE(members) : 0,
	};
}

static void random_reservation(struct world *w)
{
	struct core_reservation *r = &w->asked;
	bool maint = chance(20);

	snprintf(w->users, sizeof w->users, "%u,%u", below(4), below(4));
	*r = (struct core_reservation){
		.name = (char *)(uintptr_t)reservation_names[below(ARRAY_SIZE(reservation_names))],
		.users = maint || chance(20) ? NULL : w->users,
		.accounts = maint || chance(50) ? NULL : (char *)(uintptr_t)accounts[below(ACCOUNTS)].name,
		.start_usec = w->rig.now.real_usec + (int64_t)below(100) * USEC_PER_SEC * below(2),
		.cpus_milli = 1000 * (1 + below(chance(80) ? (w->rig.machine.m.ncpus + 1) / 2 : w->rig.machine.m.ncpus)),
		.mem_bytes = chance(30) ? 0 : GIB * (1 + below(6)),
		.flags = maint ? CORE_RESERVATION_MAINT : 0,
	};
	r->end_usec = r->start_usec + (int64_t)(1 + below(200)) * USEC_PER_SEC;
}

/* Whoever starts has a right to it, and is over before what it needs is somebody else's. */
static void check_reserved(struct world *w, const struct mscg_event *e)
{
	const struct core *core = w->rig.core;
	const struct entry *entry = entry_find(core, e->id);
	const struct reservation *r;
	struct plan plan = {0};
	int64_t end;

	if (e->kind != MSCG_EVENT_GRANTED || !entry || !holds(entry))
		return;
	end = plan_latest_end(entry, w->rig.now);
	if (entry->job.reservation) {
		r = reserve_find(core, entry->job.reservation);
		assert_true(r && r->begun && end <= w->rig.now.boot_usec + (r->is.end_usec - w->rig.now.real_usec));
		w->within++;
		return;
	}
	if (!core->reserve.n)
		return;
	plan_make_least(core, w->rig.now, &plan);
	for (uint32_t i = 0; i < plan.n && plan.point[i].at < end; i++)
		if (plan.point[i].cpus[POOL_EXCLUSIVE] < 0 || plan.point[i].mem < 0)
			fail_msg("step %" PRIu64 ": job %u is started, and %" PRId64 " s from now something reserved is not there", w->steps, e->id.job,
			         (plan.point[i].at - w->rig.now.boot_usec) / USEC_PER_SEC);
	plan_clear(&plan);
	w->outside++;
}

static void keep_reservations(struct world *w)
{
	struct core_output *out = &w->rig.out;

	for (uint32_t i = 0; i < out->reservations_n; i++) {
		struct core_reservation *r = &out->reservations[i];
		uint32_t at = 0;

		while (at < w->reserved_n && !streq(w->reserved[at].name, r->name))
			at++;
		assert_int_equal(at == w->reserved_n, r->end_usec != 0);
		if (r->end_usec) {
			core_reservation_copy(r, &w->reserved[w->reserved_n++]);
			w->reservations++;
		} else {
			core_reservation_clear(&w->reserved[at]);
			w->reserved[at] = w->reserved[--w->reserved_n];
		}
	}
}

static void random_inputs(struct world *w)
{
	struct core_input *in;

	for (uint32_t i = 0; i < 8 && chance(22); i++) {
		random_spec(w, &w->spec[i], w->range[i]);
		random_depends(w, &w->spec[i], w->depends[i]);
		in = input(w, CORE_SUBMIT);
		in->spec = &w->spec[i];
		in->token = SPEC_TOKEN + i;
	}
	if (chance(6)) {
		in = input(w, CORE_CANCEL);
		in->id = any_id(w);
		in->token = 1;
	}
	if (chance(8)) {
		in = input(w, CORE_RESIZE);
		in->id = any_id(w);
		in->cpus_milli = chance(80) ? (1 + below(6)) * 1000 : below(3000);
		in->mem_bytes = chance(30) ? (1 + below(20)) * 128 * MIB : 0;
		in->token = 1;
	}
	if (chance(12)) {
		in = input(w, chance(30) ? CORE_HOLD : CORE_RELEASE);
		in->id = any_id(w);
		in->admin = chance(50);
		in->token = 1;
	}
	if (chance(20)) {
		in = input(w, chance(30) ? CORE_SUSPEND : CORE_RESUME);
		in->id = w->books ? w->book[below(w->books)].job.id : any_id(w);
		in->admin = chance(50);
		in->token = 1;
	}
	if (chance(8)) {
		random_update(w);
		in = input(w, CORE_UPDATE);
		in->id = any_id(w);
		in->update = &w->update;
		in->token = 1;
	}
	if (chance(6)) {
		in = input(w, CORE_REQUEUE);
		in->id = any_id(w);
		in->token = 1;
	}
	if (chance(2)) {
		in = input(w, CORE_SIGNAL);
		in->id = any_id(w);
		in->signal = SIGUSR2;
	}
	if (chance(3)) {
		struct proc stranger = {.id = any_id(w), .attempt = 1 + below(2)};
		struct mscg_report *r = say(w, &stranger, (enum mscg_report_kind)below(2) ? MSCG_REPORT_RESIZED : MSCG_REPORT_RESIZE_DEFERRED);

		r->resize_seq = 1 + below(1000000);
	}
	if (w->reserves && chance(2)) {
		random_reservation(w);
		in = input(w, chance(80) ? CORE_RESERVE : CORE_UNRESERVE);
		in->reservation = &w->asked;
		in->token = 1;
	}
	if (chance(1))
		input(w, CORE_DRAIN)->on = chance(30);
	if (below(1000) == 0)
		input(w, CORE_SHUTDOWN);
	/* What is submitted in a step is folded by the policy after it. */
	if (below(200) == 0 && !submits(w)) {
		w->rig.policy.elastic = chance(80);
		w->rig.policy.elastic_threshold = 30 + below(80);
		w->rig.policy.scheduler = (enum core_scheduler)below(4);
		if (chance(50))
			limit_users(&w->rig.policy);
		if (w->rig.policy.qos_n)
			limit_qos(&w->rig.policy);
		if (w->rig.policy.partition_n)
			limit_partitions(&w->rig.policy);
		random_priority(&w->rig.policy.priority);
		input(w, CORE_POLICY)->policy = &w->rig.policy;
	}
}

/* -- a step and what must hold after it --------------------------------------------------------------------------- */

static void fold_one(struct world *w, const struct mscg_event *e)
{
	struct journal *j = book_of(w, e->id);
	struct mscg_error error = {0};

	if (!j->known && e->id.task != MSCG_NO_TASK)
		core_job_split(&book_of(w, (struct mscg_id){e->id.job, MSCG_NO_TASK})->job, e->id.task, &j->job);
	j = book_of(w, e->id);
	j->known = true;
	if (e->kind == MSCG_EVENT_UPDATED && e->field == MSCG_FIELD_TIME_EXTENDED) {
		assert_false(j->job.flags & MSCG_JOB_WARNED);
		assert_in_range(e->value, j->job.time_limit_s + 1, MIN_OF(j->job.time_limit_s + 60, j->job.time_extend_s));
		w->extended++;
	}
	if (core_job_apply(&j->job, e, &error) < 0)
		fail_msg("step %" PRIu64 ": the journal does not fold: %s", w->steps, error.text);
	assert_int_equal(j->job.state, e->state);
}

static void assert_same_job(struct world *w, const struct mscg_job *a, const struct mscg_job *b)
{
	const struct mscg_grant *x = a->run ? a->run->grant : NULL, *y = b->run ? b->run->grant : NULL;
	struct mscg_job p = *a, q = *b;

	p.run = q.run = NULL;
	if (memcmp(&p, &q, sizeof p) != 0)
		fail_msg("step %" PRIu64 ": job %u: the fold is %s/%x %u %u, the core says %s/%x %u %u", w->steps, p.id.job,
		         mscg_state_name((enum mscg_state)p.state), p.flags, p.cpus_milli, p.current_cpus_milli,
		         mscg_state_name((enum mscg_state)q.state), q.flags, q.cpus_milli, q.current_cpus_milli);
	assert_int_equal(x != NULL, y != NULL);
	if (x) {
		assert_true(mscg_cpuset_equal(&x->share[0].cpus, &y->share[0].cpus));
		assert_int_equal(x->share[0].cpu_milli, y->share[0].cpu_milli);
		assert_int_equal(x->share[0].mem_bytes, y->share[0].mem_bytes);
		assert_int_equal(x->cpu_mode, y->cpu_mode);
		assert_true(streq(x->share[0].gres, y->share[0].gres));
		assert_int_equal(a->run->mem_asked_bytes, b->run->mem_asked_bytes);
	}
}

static void keep_usages(struct world *w)
{
	struct core_output *out = &w->rig.out;
	uint32_t at;

	for (uint32_t i = 0; i < out->usages_n; i++) {
		struct core_usage *u = &out->usages[i];

		assert_true((w->rig.policy.priority.multifactor || w->rig.policy.priority.charges) && u->cpu_s >= 0 && u->spent >= 0);
		for (at = 0; at < w->usages && (w->usage[at].uid != u->uid || !streq(w->usage[at].account, u->account)); at++)
			;
		if (at == w->usages) {
			GROW(w->usage, w->usages, w->usages_cap);
			w->usage[w->usages++] = (struct core_usage){0};
		}
		free(w->usage[at].account);
		w->usage[at] = *u;
		w->charged += 1;
	}
	out->usages_n = 0; /* they are the world's now */
}

struct seen_shares {
	double norm, usage, effective, cpu_s;
	uint32_t users;
};

static void see_share(const struct core_share *s, void *ctx)
{
	struct seen_shares *seen = ctx;

	assert_true(s->norm_shares >= 0 && s->norm_shares <= 1 + 1e-9 && s->norm_usage >= 0 && s->norm_usage <= 1 + 1e-9);
	assert_true(s->effective_usage >= -1e-9 && s->effective_usage <= 1 + 1e-9 && s->factor >= 0 && s->factor <= 1);
	if (!s->is_user)
		return;
	seen->users++;
	seen->cpu_s += s->cpu_s;
	seen->usage += s->norm_usage;
	seen->norm += s->norm_shares;
}

/* Whatever was used is somebody's, and nobody has more than all. */
static void check_shares(struct world *w)
{
	struct seen_shares seen = {0};
	double sum = 0;

	if (!w->rig.policy.priority.multifactor)
		return;
	core_each_share(w->rig.core, w->rig.now, see_share, &seen);
	for (uint32_t i = 0; i < w->usages; i++)
		for (uint32_t a = 0; a <= w->rig.policy.priority.accounts; a++) /* what of it is not configured now is kept, and not seen */
			if (streq(w->usage[i].account, a ? accounts[a - 1].name : ""))
				sum += w->usage[i].cpu_s;
	assert_true(seen.norm <= 1 + 1e-9 && (seen.usage == 0 || (seen.usage > 1 - 1e-9 && seen.usage < 1 + 1e-9)));
	if (!w->rig.policy.priority.half_life_s)
		assert_true(seen.cpu_s >= sum - 1e-6);
}

static const struct core_qos *qos_of(const struct world *w, const struct mscg_job *job)
{
	for (uint32_t i = 0; i < w->rig.policy.qos_n; i++)
		if (w->rig.policy.qos[i].key == job->qos)
			return &w->rig.policy.qos[i];
	return NULL;
}

/* What all jobs of one key have. */
struct together {
	uint32_t qos, partition; /* one of them */
	uint64_t running, cpus, mem;
};

static bool add_together(const struct mscg_job *job, void *ctx)
{
	struct together *t = ctx;

	if ((t->qos ? job->qos == t->qos : job->partition == t->partition) && job->run && job->run->grant) {
		t->running++;
		t->cpus += job->cpus_milli;
		t->mem += job->run->grant->share[0].mem_bytes;
	}
	return true;
}

static void check_partition(struct world *w, const struct mscg_job *job)
{
	const struct core_partition *p = NULL;
	struct together has = {.partition = job->partition};

	for (uint32_t i = 0; i < w->rig.policy.partition_n; i++)
		if (w->rig.policy.partition[i].key == job->partition)
			p = &w->rig.policy.partition[i];
	assert_true(!w->rig.policy.partition_n || !job->partition || (p && p->starts));
	if (!p || !p->cpus_milli)
		return;
	core_each(w->rig.core, add_together, &has);
	assert_true(has.cpus <= p->cpus_milli);
	w->beside += has.running > 1;
}

/* Whoever starts starts below the limits of its QOS and partition, however much there was before they were what they are. */
static void check_together(struct world *w, const struct mscg_event *e)
{
	const struct mscg_job *job = e->kind == MSCG_EVENT_GRANTED ? core_find(w->rig.core, e->id) : NULL;
	const struct core_qos *q = job ? qos_of(w, job) : NULL;
	struct together has = {.qos = q ? q->key : 0};

	if (job)
		check_partition(w, job);
	if (!q || !(q->running || q->cpus_milli || q->mem_bytes))
		return;
	core_each(w->rig.core, add_together, &has);
	assert_true(!q->running || has.running <= q->running);
	assert_true(!q->cpus_milli || has.cpus <= q->cpus_milli);
	assert_true(!q->mem_bytes || has.mem <= q->mem_bytes);
	w->together += has.running > 1;
}

/* Whom it is for: a task is named in the text only, and may be of another QOS than the rest of its array. */
static const struct mscg_job *job_made_room_for(struct world *w, const struct mscg_event *e)
{
	char id[MSCG_ID_TEXT];
	const char *named = e->text + strlen("makes room for job ");
	struct mscg_id ret;

	snprintf(id, sizeof id, "%.*s", (int)strcspn(named, " "), named);
	assert_int_equal(mscg_id_parse(id, &ret, NULL), 0);
	assert_int_equal(ret.job, e->value);
	return core_find(w->rig.core, ret);
}

/* For one that waits, and may; and how its QOS says. */
static void check_preempted(struct world *w, const struct mscg_event *e)
{
	const struct mscg_job *job, *victim = &book_of(w, e->id)->job;
	const struct core_qos *own, *its = qos_of(w, victim);
	bool ends = e->kind == MSCG_EVENT_PREEMPTED;

	if (e->reason != MSCG_REASON_PREEMPTED || (!ends && e->kind != MSCG_EVENT_SUSPENDED))
		return;
	job = job_made_room_for(w, e);
	assert_non_null(job);
	assert_non_null(its);
	own = qos_of(w, job);
	assert_true(w->rig.policy.preempt_by_priority ? victim->priority < job->priority
	                                              : own && own->preempts >> (its - w->rig.policy.qos) & 1);
	assert_int_equal(its->preempt_mode == CORE_PREEMPT_SUSPEND, !ends);
	assert_true(!ends || its->preempt_mode == CORE_PREEMPT_CANCEL || (its->preempt_mode == CORE_PREEMPT_REQUEUE && victim->flags & MSCG_JOB_REQUEUE));
	assert_true(w->rig.now.real_usec - victim->start_usec >= its->preempt_exempt_s * USEC_PER_SEC);
	w->preempted += ends;
	w->stilled += !ends;
}

/* What is given up of an array is said once, of all that waits. */
static void check_unstarted(const struct mscg_row *row, const struct mscg_row *before)
{
	_cleanup_free_ struct mscg_range *range = NULL;
	uint32_t n;

	if (before->unstarted)
		assert_string_equal(row->unstarted, before->unstarted);
	if (!row->unstarted) {
		assert_int_equal(row->unstarted_n, 0);
		return;
	}
	assert_string_equal(row->pending, "");
	assert_int_equal(mscg_ranges_parse(row->unstarted, &range, &n, NULL), 0);
	assert_int_equal(mscg_ranges_count(range, n), row->unstarted_n);
	assert_true(row->unstarted_n > 0 && row->unstarted_n <= row->array_failed && row->array_failed <= row->array_ended);
	if (before->pending && !before->unstarted)
		assert_true(row->unstarted_usec > 0);
}

/* Rows are what the fold is, and nothing else changed. */
static void check_rows(struct world *w)
{
	const struct core_output *out = &w->rig.out;

	for (uint32_t i = 0; i < out->rows_n; i++) {
		struct journal *j = book_of(w, out->rows[i].job.id);

		assert_same_job(w, &j->job, &out->rows[i].job);
		check_unstarted(&out->rows[i], &j->row);
		mscg_row_clear(&j->row);
		j->row = out->rows[i];
		j->row.job.run = mscg_run_copy(out->rows[i].job.run);
		j->row.pending = xstrdup(out->rows[i].pending);
		j->row.held = xstrdup(out->rows[i].held);
		j->row.unstarted = xstrdup(out->rows[i].unstarted);
		j->row.dependency = xstrdup(out->rows[i].dependency);
		j->row.account = xstrdup(out->rows[i].account);
		j->has_row = true;
	}
	for (uint32_t i = 0; i < w->books;) {
		struct journal *j = &w->book[i];
		const struct mscg_job *live = core_find(w->rig.core, j->job.id);

		if (live && !mscg_id_equal(live->id, j->job.id))
			live = NULL;
		assert_int_equal(live == NULL, mscg_state_is_final((enum mscg_state)j->job.state));
		if (live) {
			assert_same_job(w, &j->job, live);
			i++;
			continue;
		}
		mscg_run_free(j->job.run);
		mscg_row_clear(&j->row);
		*j = w->book[--w->books];
	}
}

static void count_answers(struct world *w)
{
	for (uint32_t i = 0; i < w->rig.out.answers_n; i++)
		if (w->rig.out.answers[i].last)
			w->tokens--;
}


static void trace(struct world *w)
{
	static const char *const kinds[] = {"START", "RESIZE", "SIGNAL", "KILL", "REMOVE"};
	const struct core_output *out = &w->rig.out;
	char id[MSCG_ID_TEXT], set[256] = "";

	if (!getenv("CORE_PROPERTY_TRACE"))
		return;
	for (uint32_t i = 0; i < out->events_n; i++)
		printf("%" PRIu64 " event %s %s -> %s, %u CPUs %s; %s\n", w->steps, mscg_id_format(out->events[i].id, id),
		       mscg_event_name(out->events[i].kind), mscg_state_name(out->events[i].state), out->events[i].cpus_milli,
		       out->events[i].cpus ? out->events[i].cpus : "", out->events[i].text ? out->events[i].text : "");
	for (uint32_t i = 0; i < out->actions_n; i++) {
		if (out->actions[i].grant)
			mscg_cpuset_format(&out->actions[i].grant->share[0].cpus, set, sizeof set);
		printf("%" PRIu64 " action %s %s #%" PRIu64 " after %u: %s\n", w->steps, mscg_id_format(out->actions[i].id, id),
		       kinds[out->actions[i].kind], out->actions[i].resize_seq, out->actions[i].after_n,
		       out->actions[i].grant ? set : "");
	}
}

/* Whoever was granted something was so within the machine's own limit. */
static void check_full(const struct world *w, const struct mscg_event *event)
{
	struct core_stats s;

	if (event->kind != MSCG_EVENT_GRANTED || !w->rig.policy.max_jobs)
		return;
	core_get_stats(w->rig.core, &s);
	assert_true(s.running + s.suspended + s.completing <= w->rig.policy.max_jobs);
}

/* Who waits for one that runs to end is not said to start at once, nor that anything else would help. */
static void check_forecast(const struct world *w)
{
	const struct journal *b = w->books ? &w->book[w->steps % w->books] : NULL;
	struct core_forecast f;

	if (!b || !core_foresee(w->rig.core, b->job.id, w->rig.now, &f) || f.reason != MSCG_REASON_MAX_JOBS)
		return;
	assert_true(f.start_usec > w->rig.now.real_usec);
	assert_int_equal(f.changes, 0);
	assert_true((f.start_usec == USEC_NEVER) == (*f.unsaid != '\0'));
}

/* `acted`: what was decided reaches the engine. */
static void step(struct world *w, bool acted)
{
	struct core_output *out = &w->rig.out;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < w->in_n; i++)
		w->tokens += w->in[i].token != 0;
	for (uint32_t i = 0; i < w->reports; i++) {
		struct core_input *in = input(w, CORE_REPORT);

		in->report = &w->report[i];
		in->id = w->report[i].id;
	}
	core_output_clear(out);
	core_step(w->rig.core, w->in, w->in_n, w->rig.now, out);
	w->in_n = w->reports = 0;
	w->steps++;
	trace(w);
	assert_true(out->wake_boot_usec > w->rig.now.boot_usec); /* or a daemon would spin */
	rig_check(&w->rig);
	for (uint32_t i = 0; i < out->answers_n; i++)
		if (out->answers[i].token >= SPEC_TOKEN && out->answers[i].code == 0)
			core_job_init(w->rig.core, &w->spec[out->answers[i].token - SPEC_TOKEN], out->answers[i].id,
			              &book_of(w, out->answers[i].id)->job);
	for (uint32_t i = 0; i < out->events_n; i++) {
		assert_true(out->events[i].seq >= w->seq);
		w->seq = out->events[i].seq + 1;
		fold_one(w, &out->events[i]);
		check_preempted(w, &out->events[i]);
		check_together(w, &out->events[i]);
		check_reserved(w, &out->events[i]);
		check_full(w, &out->events[i]);
	}
	check_forecast(w);
	keep_reservations(w);
	check_rows(w);
	keep_usages(w);
	count_answers(w);
	for (uint32_t i = 0; i < w->procs; i++)
		if (w->proc[i].stage == GONE)
			free_proc(&w->proc[i]);
		else
			w->proc[kept++] = w->proc[i];
	w->procs = kept;
	for (uint32_t i = 0; i < out->actions_n && acted; i++)
		perform(w, &out->actions[i]);
}

/* -- restart ------------------------------------------------------------------------------------------------------ */

static struct core *core_of_rows(struct world *w)
{
	struct core *core = core_new(&w->rig.machine.m, &w->rig.policy);
	uint32_t *order = xcalloc(w->books + 1, sizeof *order);
	struct mscg_error error = {0};

	for (uint32_t i = 0; i < w->books; i++) {
		uint32_t j = below(i + 1);

		order[i] = order[j];
		order[j] = i;
	}
	core_restore(core, core_next_job_id(w->rig.core), w->seq, core_drained(w->rig.core));
	for (uint32_t i = 0; i < w->usages; i++)
		core_load_usage(core, &w->usage[i]);
	for (uint32_t i = 0; i < w->reserved_n; i++)
		core_load_reservation(core, &w->reserved[i]);
	for (uint32_t i = 0; i < w->books; i++) {
		assert_true(w->book[order[i]].has_row);
		if (core_load(core, &w->book[order[i]].row, w->rig.now, &error) < 0)
			fail_msg("step %" PRIu64 ": core_load: %s", w->steps, error.text);
	}
	free(order);
	return core;
}

/* What a new engine finds of one job that the store says was granted. */
static void adopt(struct world *w, const struct mscg_job *job)
{
	struct proc *p = proc_of(w, job->id, job->attempt), none = {.id = job->id, .attempt = job->attempt};
	struct mscg_report *r;

	if (!p || p->stage == WAITS || (p->stage == GONE && !p->ran)) {
		r = say(w, &none, job->flags & MSCG_JOB_STARTED ? MSCG_REPORT_LOST : MSCG_REPORT_START_DEFERRED);
		r->reason = r->kind == MSCG_REPORT_LOST && chance(50) ? MSCG_REASON_NODE_DOWN : 0;
		if (p)
			p->stage = GONE;
		return;
	}
	bool awaits = p->thaw && look_after(w, p) != TAKEN;

	if (p->resize && !awaits && chance(50) && p->stage != GONE) {
		p->kernel = p->grant = p->target; /* it was done, and nobody heard of it */
		p->mem = p->mem_grant = p->mem_target;
		p->frozen = p->freeze || (p->frozen && !p->thaw);
		check_kernel(w);
	}
	p->resize = 0;
	p->mem = p->mem_grant = job->run->grant->share[0].mem_bytes; /* what is booked for it */
	if (p->stage == GONE) {
		r = say(w, p, MSCG_REPORT_ENDED);
		r->exit_code = p->code;
		r->exit_signal = p->signal;
	} else {
		say(w, p, MSCG_REPORT_STARTED)->pid = 78;
	}
}

static void restart(struct world *w)
{
	struct core *core = core_of_rows(w);

	core_free(w->rig.core);
	w->rig.core = core;
	rig_check(&w->rig);
	w->reports = 0;
	w->tokens = 0;
	for (uint32_t i = 0; i < w->books; i++)
		if (w->book[i].row.job.state != MSCG_STATE_PENDING)
			adopt(w, &w->book[i].row.job);
	w->restarts++;
	if (getenv("CORE_PROPERTY_TRACE"))
		printf("restart\n");
	step(w, true);
}

static void assert_same_output(const struct core_output *a, const struct core_output *b)
{
	assert_int_equal(a->events_n, b->events_n);
	for (uint32_t i = 0; i < a->events_n; i++) {
		const struct mscg_event *x = &a->events[i], *y = &b->events[i];

		assert_int_equal(x->seq, y->seq);
		assert_int_equal(x->kind, y->kind);
		assert_true(mscg_id_equal(x->id, y->id));
		assert_int_equal(x->state, y->state);
		assert_true(streq(x->cpus, y->cpus));
		assert_true(streq(x->gres, y->gres));
	}
	assert_int_equal(a->actions_n, b->actions_n);
	for (uint32_t i = 0; i < a->actions_n; i++) {
		const struct mscg_action *x = &a->actions[i], *y = &b->actions[i];

		assert_int_equal(x->kind, y->kind);
		assert_true(mscg_id_equal(x->id, y->id));
		assert_int_equal(x->resize_seq, y->resize_seq);
		assert_int_equal(x->after_n, y->after_n);
		if (x->grant)
			assert_int_equal(x->grant->share[0].mem_bytes, y->grant->share[0].mem_bytes);
		if (x->grant)
			assert_true(mscg_cpuset_equal(&x->grant->share[0].cpus, &y->grant->share[0].cpus));
	}
}

/* Nothing under way, no delay running: then a core made of the rows decides the same as the one that wrote them. */
static void same_plan(struct world *w)
{
	struct core_input in[4], tick = {.kind = CORE_TICK};
	struct core_output theirs = {0};
	struct core *twin;
	uint32_t n = 0;

	w->tame = true;
	for (int i = 0; i < 12; i++) {
		for (uint32_t p = 0; p < w->procs; p++)
			run_proc(w, &w->proc[p]);
		rig_pass(&w->rig, 65 * USEC_PER_SEC);
		step(w, true);
	}
	for (uint32_t i = 0; i < w->procs; i++) /* what is known of the need of jobs is known anew after a restart */
		say(w, &w->proc[i], MSCG_REPORT_NEED);
	step(w, true);
	w->tame = false;
	for (uint32_t i = 0; i < w->procs; i++)
		if (w->proc[i].stage != RUNS || w->proc[i].resize || w->proc[i].killed)
			return;
	if (w->reports)
		return;
	for (uint32_t i = 0; i < w->books; i++)
		if (w->book[i].row.job.flags & (MSCG_JOB_CANCELLING | MSCG_JOB_TIMED_OUT))
			return;
	twin = core_of_rows(w);
	for (uint32_t i = 0; i < w->procs; i++)
		say(w, &w->proc[i], MSCG_REPORT_STARTED);
	for (uint32_t i = 0; i < w->reports; i++) {
		struct core_input adoption = {.kind = CORE_REPORT, .id = w->report[i].id, .report = &w->report[i]};

		core_output_clear(&theirs);
		core_step(twin, &adoption, 1, w->rig.now, &theirs);
		assert_int_equal(theirs.events_n, 0);
	}
	w->reports = 0;
	core_output_clear(&theirs);
	core_step(twin, &tick, 1, w->rig.now, &theirs);
	rig_step(&w->rig, &tick, 1);
	assert_same_output(&w->rig.out, &theirs);
	for (uint32_t i = 0; i < w->procs; i++) /* likewise of its need of memory */
		say(w, &w->proc[i], MSCG_REPORT_MEMORY);
	for (uint32_t i = 0; i < w->reports; i++) {
		struct core_input need = {.kind = CORE_REPORT, .id = w->report[i].id, .report = &w->report[i]};

		*input(w, CORE_TICK) = need;
	}
	core_output_clear(&theirs);
	core_step(twin, w->in, w->in_n, w->rig.now, &theirs);
	w->in_n = 0;
	step(w, true);
	assert_same_output(&w->rig.out, &theirs);
	for (; n < 3; n++) {
		random_spec(w, &w->spec[n], w->range[n]);
		in[n] = (struct core_input){.kind = CORE_SUBMIT, .spec = &w->spec[n], .token = SPEC_TOKEN + n};
	}
	in[n] = (struct core_input){.kind = CORE_CANCEL, .id = any_id(w), .token = 1};
	n++;
	core_output_clear(&theirs);
	core_step(twin, in, n, w->rig.now, &theirs);
	for (uint32_t i = 0; i < n; i++)
		*input(w, CORE_TICK) = in[i];
	step(w, true);
	assert_same_output(&w->rig.out, &theirs);
	core_output_free(&theirs);
	core_free(twin);
	w->plans++;
}

/* -- the walk ----------------------------------------------------------------------------------------------------- */

static void plug(struct world *w)
{
	static const struct core_machine empty;
	uint32_t n = 0;

	(void)empty;
	for (uint32_t i = 0; i < w->all.m.ncpus; i++)
		if (i == 0 || w->unplugged || !chance(25))
			w->rig.machine.cpu[n++] = w->all.cpu[i];
	w->unplugged = n < w->all.m.ncpus;
	memcpy(w->gres, all_gres, sizeof all_gres);
	if (w->unplugged) { /* GPUs and licenses go too */
		w->gres[0].n = 1;
		w->gres[0].units = 1 << below(2);
		w->gres[4].n = 1 + below(4);
	}
	w->rig.machine.m.ncpus = n;
	mscg_cpuset_zero(&w->online);
	if (getenv("CORE_PROPERTY_TRACE"))
		printf("plug: %u CPUs\n", n);
	for (uint32_t i = 0; i < n; i++)
		mscg_cpuset_add(&w->online, w->rig.machine.cpu[i].cpu);
	input(w, CORE_MACHINE)->machine = &w->rig.machine.m;
	step(w, true);
}

static void walk(struct world *w, uint64_t seed, uint32_t steps)
{
	rng = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	build_machine(&w->all, 1 + below(2), 1 + below(2), 1 + below(2), 1 + below(3), 1 + below(2));
	if (chance(50) && w->all.m.ncpus > 1)
		mscg_cpuset_add_range(&w->all.m.shared, 0, below(MIN_OF(w->all.m.ncpus, 4) - 1));
	mscg_cpuset_add_range(&w->near[0], 0, below(w->all.m.ncpus));
	mscg_cpuset_add_range(&w->near[1], below(w->all.m.ncpus), w->all.m.ncpus - 1);
	if (chance(70)) {
		w->all.m.gres = memcpy(w->gres, all_gres, sizeof all_gres);
		w->all.m.gres_n = ARRAY_SIZE(all_gres);
		w->gres[0].cpus = chance(50) ? &w->near[0] : NULL;
		w->gres[1].cpus = chance(50) ? &w->near[1] : NULL;
	}
	w->all.m.mem_bytes = chance(50) ? 16 * GIB : 4 * GIB;
	w->rig.machine = w->all;
	w->rig.machine.m.cpus = w->rig.machine.cpu;
	mscg_cpuset_add_range(&w->online, 0, MSCG_CPUS_MAX - 1);
	w->rig.policy = test_policy();
	w->reserves = chance(50);
	w->rig.policy.infeasible_reject = chance(50);
	w->rig.policy.elastic = chance(85);
	w->rig.policy.elastic_threshold = 20 + below(90);
	w->rig.policy.elastic_calm_ms = below(3) * 1000;
	w->rig.policy.scheduler = (enum core_scheduler)below(4);
	w->rig.policy.backfill_depth = below(3) ? 1 + below(20) : 100;
	w->rig.policy.starvation_guard_s = chance(50) ? 1 + below(100) : 0;
	if (chance(50))
		limit_users(&w->rig.policy);
	if (chance(80))
		limit_qos(&w->rig.policy);
	if (chance(50))
		limit_partitions(&w->rig.policy);
	w->rig.policy.priority.multifactor = chance(50);
	w->rig.policy.priority.charges = chance(50);
	random_priority(&w->rig.policy.priority);
	rig_open(&w->rig);
	for (uint32_t i = 0; i < steps; i++) {
		for (uint32_t p = 0; p < w->procs; p++)
			run_proc(w, &w->proc[p]);
		random_inputs(w);
		rig_pass(&w->rig, chance(30) ? 0 : (int64_t)below(4000000));
		if (below(150) == 0) {
			step(w, false); /* committed, and then the daemon died */
			restart(w);
		} else {
			step(w, true);
		}
		if (below(120) == 0)
			restart(w);
		check_tasks(w);
		if (below(50) == 0)
			check_shares(w);
		if (below(200) == 0)
			same_plan(w);
		if (below(400) == 0)
			plug(w);
	}
}

/* In the end everybody is answered, and cancelling all leaves an empty core. */
static void wind_up(struct world *w)
{
	struct core_stats stats;
	struct core_gres_use use;

	input(w, CORE_SHUTDOWN);
	for (int i = 0; i < 60; i++) {
		w->tame = i > 20;
		for (uint32_t p = 0; p < w->procs; p++)
			run_proc(w, &w->proc[p]);
		rig_pass(&w->rig, 20 * USEC_PER_SEC);
		step(w, true);
	}
	core_get_stats(w->rig.core, &stats);
	assert_int_equal(stats.pending + stats.running + stats.suspended + stats.completing, 0);
	assert_int_equal(stats.cpus_held, 0);
	assert_int_equal(stats.mem_held, 0);
	assert_int_equal(stats.shared_held_milli, 0);
	for (uint32_t i = 0; core_get_gres(w->rig.core, i, &use); i++)
		assert_int_equal(use.held, 0);
	assert_int_equal(w->books, 0);
	assert_int_equal(w->tokens, 0);
}

static void world_free(struct world *w)
{
	rig_close(&w->rig);
	for (uint32_t i = 0; i < w->procs; i++)
		free_proc(&w->proc[i]);
	for (uint32_t i = 0; i < w->usages; i++)
		free(w->usage[i].account);
	free(w->usage);
	for (uint32_t i = 0; i < w->reserved_n; i++)
		core_reservation_clear(&w->reserved[i]);
	free(w->proc);
	free(w->book);
	free(w->taken);
	free(w->in);
	free(w->report);
	free(w);
}

static uint64_t env_number(const char *env, uint64_t otherwise)
{
	const char *text = getenv(env);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

static void test_random_walks(void **state)
{
	uint64_t steps = env_number("CORE_PROPERTY_STEPS", 200000), seed = env_number("CORE_PROPERTY_SEED", 1), done = 0;
	uint64_t preempted = 0, stilled = 0, together = 0, beside = 0, grown = 0, shed = 0, kept = 0, reservations = 0, within = 0, outside = 0;
	uint64_t started = 0, resized = 0, suspended = 0, resumed = 0, restarts = 0, deferred = 0, plans = 0, named = 0, warned = 0, cut = 0, charged = 0, gpus = 0, extended = 0;

	(void)state;
	for (; done < steps; seed++) {
		struct world *w = xcalloc(1, sizeof *w);

		if (getenv("CORE_PROPERTY_VERBOSE"))
			print_message("# seed %" PRIu64 "\n", seed);
		walk(w, seed, 1000);
		wind_up(w);
		done += w->steps;
		started += w->started;
		resized += w->resized;
		suspended += w->suspended;
		resumed += w->resumed;
		restarts += w->restarts;
		deferred += w->deferred;
		plans += w->plans;
		named += w->named;
		warned += w->warned;
		cut += w->cut;
		preempted += w->preempted;
		reservations += w->reservations;
		within += w->within;
		outside += w->outside;
		stilled += w->stilled;
		together += w->together;
		beside += w->beside;
		charged += w->charged;
		gpus += w->gpus;
		grown += w->mem_grown;
		shed += w->mem_shed;
		kept += w->mem_kept;
		extended += w->extended;
		world_free(w);
	}
	print_message("# %" PRIu64 " steps, %" PRIu64 " starts, %" PRIu64 " resizes, %" PRIu64 " suspended, %" PRIu64 " resumed, %" PRIu64 " starts put off by a refused resize, "
	              "%" PRIu64 " restarts, %" PRIu64 " plans compared, %" PRIu64 " tasks named by range, %" PRIu64 " warned, %" PRIu64 " limits cut, %" PRIu64 " charges, %" PRIu64 " starts with GPUs, %" PRIu64 " extended\n", done, started, resized, suspended, resumed, deferred, restarts, plans,
	              named, warned, cut, charged, gpus, extended);
	print_message("# %" PRIu64 " had more memory, %" PRIu64 " less, %" PRIu64 " would not have less\n", grown, shed, kept);
	print_message("# %" PRIu64 " ended and %" PRIu64 " stood still for others, %" PRIu64 " starts beside others below limits of a QOS, %" PRIu64 " of a partition\n", preempted, stilled, together, beside);
	assert_true(steps < 100000 || (grown > 1000 && shed > 5 && kept > 0 && preempted > 10 && together > 100 && beside > 100 && stilled > 10 && started > 1000 && resized > 1000 && suspended > 100 && resumed > 100 && deferred > 10 && restarts > 100 && plans > 50 && named > 1000 && warned > 100 && cut > 4 && charged > 1000 && gpus > 100 && extended > 100));
	print_message("# %" PRIu64 " reservations: %" PRIu64 " jobs in them, %" PRIu64 " beside them\n", reservations, within, outside);
	assert_true(steps < 100000 || (reservations > 200 && within > 40 && outside > 300));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_walks)};

	setvbuf(stdout, NULL, _IOLBF, 0);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("core_property", tests, NULL, NULL);
}
