/* Scripts of events against the core: tests/replay/ *.events. A line is an input; the lines behind it that begin with
 * ">" are what the core decided upon it, word for word. REPLAY_UPDATE=1 writes what it decides now into the scripts,
 * for a person to read the difference.
 *
 *   machine cores=4 threads=1 caches=1 nodes=1 packages=1 mem=8G shared=0-1     first line
 *           gres=gpu:a100:2,fpga:1,license:matlab:2      devices are numbered by name, GPUs are devices
 *           near=0-3:4-7       CPUs that the first, the second ... of these is close to; a kind may come twice then
 *           leaf=N rack=N      so many cores below a leaf switch, so many of these below a switch, and one above all
 *   policy elastic=no threshold=50 calm=1000 retries=3 jobs=9 reject scheduler=easy|conservative|firstfit|fcfs depth=100
 *          guard=SECONDS user-submit=N user-jobs=N user-cpus=N user-mem=SIZE    may follow
 *   submit NAME cpus=2 [elastic=MIN:MAX] [mem=1G] [priority=5] [time=60] [grace=30] [array=0-9%2] [quota] [requeue]
 *                  [retries=N] [signal=B:USR1@60] [time-min=SECONDS] [time-extend=SECONDS] [max-fails=N] [hold] [begin=SECONDS] [deadline=SECONDS] [uid=N]     seconds from now on
 *                  [gres=gpu:2,license:matlab:1]
 *                  [after=DEPENDENCY]      jobs by number: afterok:1,afterany:2
 *   started | exited CODE | ended CODE | deferred | failed CODE | resized | refused | lost | stuck   NAME [signal=9] [oom=1]
 *                                                        [supervisor] [node-down] [attempt=N] [ago=SECONDS] [#text...]: a report of the engine
 *   hold NAME [admin], release NAME [admin], suspend NAME [admin], resume NAME [admin]
 *   update NAME [priority=N|+N|top] [time=SECONDS|+N] [begin=SECONDS] [deadline=SECONDS] [throttle=N] [cpus=N] [mem=SIZE]
 *   cancel NAME, requeue NAME, signal NAME, resize NAME [cpus=N] [mem=SIZE], drain on|off, shutdown, tick
 *   pass SECONDS          time goes on (0.25 too), then a tick
 *   { ... }               several inputs in one step
 *   jobs                  who is there and how
 *   why NAME              what core_why says
 *   foresee NAME          who is before it, in how many seconds it starts, what would make it start now
 *   restart               a core made of the rows goes on; STARTED of whatever ran is not repeated by itself
 *
 * After every step the invariants hold, and the fold of all events is what the core says. */
#include "tests/unit/core_support.h"

#include <dirent.h>
#include <inttypes.h>
#include <signal.h>

#include "src/base/buf.h"
#include "src/base/gres.h"
#include "src/base/intern.h"
#include "src/base/parse.h"

struct named {
	char *name;
	uint32_t job;
	struct mscg_spec spec;
};

struct folded {
	struct mscg_job job;
	struct mscg_row row;
	bool known;
};

struct replay {
	struct rig rig;
	bool open;
	struct named *names; uint32_t names_n, names_cap;
	struct folded *folds; uint32_t folds_n, folds_cap;
	struct { uint64_t seq; struct mscg_id id; } *resizes; uint32_t resizes_n, resizes_cap;
	struct core_input *in; uint32_t in_n, in_cap;
	struct mscg_spec **specs; uint32_t specs_n, specs_cap;
	struct mscg_report *reports[64]; uint32_t reports_n;
	struct core_update updates[16]; uint32_t updates_n;
	uint32_t pending_names; /* submitted in this step */
	bool together;
	struct buf out;
	const char *file;
	unsigned line;
};

#define BAD(r, ...)                                                  \
	do {                                                         \
		print_error("%s:%u: ", (r)->file, (r)->line);        \
		fail_msg(__VA_ARGS__);                               \
	} while (0)

/* -- words -------------------------------------------------------------------------------------------------------- */

/* The next word of *p, which is cut off; NULL at the end. */
static char *word(char **p)
{
	char *w;

	*p += strspn(*p, " \t");
	if (!**p || **p == '#')
		return NULL;
	w = *p;
	*p += strcspn(*p, " \t");
	if (**p)
		*(*p)++ = '\0';
	return w;
}

static char *value(char *w, const char *key)
{
	size_t n = strlen(key);

	return strncmp(w, key, n) == 0 && w[n] == '=' ? w + n + 1 : NULL;
}

static uint32_t number(struct replay *r, const char *text)
{
	uint64_t v = 0;
	struct mscg_error error;

	if (!text || parse_u64(text, 0, UINT32_MAX, &v, &error) < 0)
		BAD(r, "not a number: %s", text ? text : "(nothing)");
	return (uint32_t)v;
}

/* In microseconds. */
static int64_t seconds(struct replay *r, const char *text)
{
	char *end = NULL;
	double v = text ? strtod(text, &end) : -1;

	if (!(v >= 0) || end == text || *end)
		BAD(r, "no seconds: %s", text ? text : "(nothing)");
	return (int64_t)(v * USEC_PER_SEC + 0.5);
}

static uint64_t size(struct replay *r, const char *text)
{
	uint64_t v;

	if (parse_size(text, &v, NULL) < 0)
		BAD(r, "not a size: %s", text);
	return v;
}

static uint32_t milli(struct replay *r, const char *text)
{
	uint32_t v;

	if (parse_cpus(text, &v, NULL) < 0)
		BAD(r, "not a number of CPUs: %s", text);
	return v;
}

static struct mscg_id lookup(struct replay *r, char *name)
{
	char *task = name ? strchr(name, '_') : NULL;
	struct mscg_id id = {0, MSCG_NO_TASK};

	if (!name)
		BAD(r, "a name is missing");
	if (task) {
		*task++ = '\0';
		id.task = number(r, task);
	}
	for (uint32_t i = 0; i < r->names_n; i++)
		if (streq(r->names[i].name, name))
			id.job = r->names[i].job;
	if (!id.job && !streq(name, "nobody"))
		BAD(r, "no job %s", name);
	if (!id.job)
		id.job = 4711;
	return id;
}

static const char *name_of(struct replay *r, struct mscg_id id)
{
	static char text[4][64];
	static unsigned turn;
	char *t = text[turn++ % 4];
	const char *name = "nobody";

	for (uint32_t i = 0; i < r->names_n; i++)
		if (r->names[i].job == id.job)
			name = r->names[i].name;
	if (id.task == MSCG_NO_TASK)
		snprintf(t, sizeof text[0], "%s", name);
	else
		snprintf(t, sizeof text[0], "%s_%u", name, id.task);
	return t;
}

/* -- the fold ----------------------------------------------------------------------------------------------------- */

static struct folded *fold_of(struct replay *r, struct mscg_id id)
{
	for (uint32_t i = 0; i < r->folds_n; i++)
		if (mscg_id_equal(r->folds[i].job.id, id))
			return &r->folds[i];
	GROW(r->folds, r->folds_n, r->folds_cap);
	r->folds[r->folds_n] = (struct folded){.job = {.id = id}};
	return &r->folds[r->folds_n++];
}

static void fold(struct replay *r, const struct mscg_event *e)
{
	struct folded *f = fold_of(r, e->id);
	struct mscg_error error;

	if (!f->known && e->id.task != MSCG_NO_TASK) {
		struct mscg_job record = fold_of(r, id_of(e->id.job))->job;

		f = fold_of(r, e->id);
		core_job_split(&record, e->id.task, &f->job);
	}
	f->known = true;
	if (core_job_apply(&f->job, e, &error) < 0)
		BAD(r, "the journal does not fold: %s", error.text);
}

static void check_folds(struct replay *r)
{
	for (uint32_t i = 0; i < r->folds_n; i++) {
		const struct mscg_job *live = core_find(r->rig.core, r->folds[i].job.id);
		struct mscg_job a = r->folds[i].job, b;

		if (live && !mscg_id_equal(live->id, a.id))
			live = NULL;
		if (!live != mscg_state_is_final((enum mscg_state)a.state))
			BAD(r, "job %s: the fold says %s", name_of(r, a.id), mscg_state_name((enum mscg_state)a.state));
		if (!live)
			continue;
		b = *live;
		a.run = b.run = NULL;
		if (memcmp(&a, &b, sizeof a) != 0)
			BAD(r, "job %s: the fold is another one than the core's", name_of(r, a.id));
	}
}

static void keep_rows(struct replay *r)
{
	for (uint32_t i = 0; i < r->rig.out.rows_n; i++) {
		const struct mscg_row *row = &r->rig.out.rows[i];
		struct folded *f = fold_of(r, row->job.id);

		mscg_row_clear(&f->row);
		f->row = *row;
		f->row.job.run = mscg_run_copy(row->job.run);
		f->row.pending = xstrdup(row->pending);
		f->row.held = xstrdup(row->held);
		f->row.unstarted = xstrdup(row->unstarted);
		f->row.account = xstrdup(row->account);
		f->row.dependency = xstrdup(row->dependency);
	}
}

/* -- what comes out ----------------------------------------------------------------------------------------------- */

static void print_event(struct replay *r, const struct mscg_event *e)
{
	buf_addf(&r->out, "> %s %s", name_of(r, e->id), mscg_event_name(e->kind));
	if (e->kind == MSCG_EVENT_ENDED || e->kind == MSCG_EVENT_DEFERRED || e->kind == MSCG_EVENT_REQUEUED)
		buf_addf(&r->out, " %s", mscg_state_name((enum mscg_state)e->state));
	if (e->kind == MSCG_EVENT_ENDED)
		buf_addf(&r->out, " %d:%d", e->exit_code, e->exit_signal);
	if (e->cpus_milli) {
		char cpus[32];

		buf_addf(&r->out, " %s CPUs", format_cpus(e->cpus_milli, cpus, sizeof cpus));
	}
	if (e->cpus)
		buf_addf(&r->out, " (%s)", e->cpus);
	if (e->gres)
		buf_addf(&r->out, " %s", e->gres);
	if (e->reason && e->kind != MSCG_EVENT_STARTED)
		buf_addf(&r->out, " %s", mscg_reason_name(e->reason));
	if (e->text)
		buf_addf(&r->out, ": %s", e->text);
	buf_adds(&r->out, "\n");
}

static void print_action(struct replay *r, const struct mscg_action *a)
{
	static const char *const kinds[] = {"START", "RESIZE", "SIGNAL", "KILL", "REMOVE"};

	buf_addf(&r->out, "> %s %s", kinds[a->kind], name_of(r, a->id));
	if (a->grant) {
		char text[128], cpus[32], mem[32];

		mscg_cpuset_format(&a->grant->share[0].cpus, text, sizeof text);
		buf_addf(&r->out, " %s CPUs (%s) %s", format_cpus(a->grant->share[0].cpu_milli, cpus, sizeof cpus), text,
		         format_size(a->grant->share[0].mem_bytes, mem, sizeof mem));
	}
	if (a->freeze || a->thaw)
		buf_adds(&r->out, a->freeze ? " freeze" : " thaw");
	if (a->kind == MSCG_ACTION_SIGNAL)
		buf_addf(&r->out, " %s%s", signal_name(a->signal), a->warn ? " to those that catch it" : a->main_only ? " to its main process" : "");
	for (uint32_t i = 0; i < a->after_n; i++)
		for (uint32_t k = 0; k < r->resizes_n; k++)
			if (r->resizes[k].seq == a->after[i])
				buf_addf(&r->out, " after %s", name_of(r, r->resizes[k].id));
	buf_adds(&r->out, "\n");
}

static void print_answer(struct replay *r, const struct core_answer *a)
{
	static const char *const words[] = {"", "Proposed", "InProgress", "Done", "Deferred", "Infeasible"};

	if (!a->code && !a->resize && !a->text[0] && !a->reason)
		return;
	buf_addf(&r->out, "> answer %s%s%s%s%s\n", a->code ? strerrorname_np(-a->code) : "ok", a->resize ? " " : "",
	         words[a->resize], a->text[0] ? ": " : "", a->text);
}

static void run_step(struct replay *r)
{
	struct core_output *out = &r->rig.out;

	core_output_clear(out);
	core_step(r->rig.core, r->in, r->in_n, r->rig.now, out);
	for (uint32_t i = 0; i < out->answers_n; i++)
		if (out->answers[i].token > 100 && out->answers[i].code == 0) {
			struct named *n = &r->names[out->answers[i].token - 101];

			n->job = out->answers[i].id.job;
			core_job_init(r->rig.core, &n->spec, out->answers[i].id, &fold_of(r, out->answers[i].id)->job);
		}
	for (uint32_t i = 0; i < out->actions_n; i++)
		if (out->actions[i].kind == MSCG_ACTION_RESIZE) {
			GROW(r->resizes, r->resizes_n, r->resizes_cap);
			r->resizes[r->resizes_n].seq = out->actions[i].resize_seq;
			r->resizes[r->resizes_n++].id = out->actions[i].id;
		}
	for (uint32_t i = 0; i < out->events_n; i++) {
		fold(r, &out->events[i]);
		print_event(r, &out->events[i]);
	}
	for (uint32_t i = 0; i < out->actions_n; i++)
		print_action(r, &out->actions[i]);
	for (uint32_t i = 0; i < out->answers_n; i++)
		print_answer(r, &out->answers[i]);
	keep_rows(r);
	check_folds(r);
	rig_check(&r->rig);
	for (uint32_t i = 0; i < r->reports_n; i++)
		free(r->reports[i]);
	for (uint32_t i = 0; i < r->specs_n; i++)
		free(r->specs[i]);
	r->in_n = r->reports_n = r->specs_n = r->updates_n = 0;
}

/* -- commands ----------------------------------------------------------------------------------------------------- */

static struct core_input *input(struct replay *r, enum core_input_kind kind)
{
	GROW(r->in, r->in_n, r->in_cap);
	r->in[r->in_n] = (struct core_input){.kind = kind, .token = 1};
	return &r->in[r->in_n++];
}

/* Leaves first, then what is above them, then the top. */
static void make_switches(struct test_machine *machine, unsigned leaf, unsigned rack)
{
	static struct core_switch up[2 * MSCG_CPUS_MAX + 1];
	unsigned leaves = 0, racks;

	for (unsigned i = 0; i < machine->m.ncpus; i++) {
		machine->cpu[i].leaf = (uint16_t)(machine->cpu[i].core / leaf);
		leaves = MAX_OF(leaves, machine->cpu[i].leaf + 1u);
	}
	racks = (leaves + rack - 1) / rack;
	for (unsigned i = 0; i < leaves; i++)
		up[i].up = (uint16_t)(leaves + i / rack);
	for (unsigned i = 0; i <= racks; i++)
		up[leaves + i].up = (uint16_t)(leaves + racks);
	machine->m.switches = up;
	machine->m.nswitches = leaves + racks + 1;
}

static void make_gres(struct replay *r, char *text, char *near)
{
	static struct core_gres kinds[GRES_PARTS_MAX];
	static struct mscg_cpuset cpus[GRES_PARTS_MAX];
	uint32_t n = 0, gpus = 0;
	char *item;

	while ((item = strsep(&text, ","))) {
		char *close = strsep(&near, ":");
		struct gres g;

		assert_int_equal(gres_parse(item, &g, NULL), 0);
		kinds[n] = (struct core_gres){.name = intern(g.part->name), .type = intern(g.part->type), .n = g.part->n};
		if (streq(g.part->name, GRES_GPU)) {
			kinds[n].units = ((UINT64_C(1) << g.part->n) - 1) << gpus;
			gpus += g.part->n;
		}
		if (close) {
			cpus[n] = set_of(close);
			kinds[n].cpus = &cpus[n];
		}
		n++;
	}
	r->rig.machine.m.gres = kinds;
	r->rig.machine.m.gres_n = n;
}

static void do_machine(struct replay *r, char *args)
{
	unsigned n[5] = {1, 1, 1, 1, 1}, leaf = 0, rack = 1;
	static const char *const keys[] = {"packages", "nodes", "caches", "cores", "threads"};
	char *gres = NULL, *near = NULL;
	uint64_t mem = 8 * GIB;
	struct mscg_cpuset shared = {0};

	for (char *w; (w = word(&args));) {
		for (int i = 0; i < 5; i++)
			if (value(w, keys[i]))
				n[i] = number(r, value(w, keys[i]));
		if (value(w, "leaf"))
			leaf = number(r, value(w, "leaf"));
		if (value(w, "rack"))
			rack = number(r, value(w, "rack"));
		if (value(w, "mem"))
			mem = size(r, value(w, "mem"));
		if (value(w, "gres"))
			gres = value(w, "gres");
		if (value(w, "near"))
			near = value(w, "near");
		if (value(w, "shared"))
			shared = set_of(value(w, "shared"));
	}
	build_machine(&r->rig.machine, n[0], n[1], n[2], n[3], n[4]);
	if (leaf && rack)
		make_switches(&r->rig.machine, leaf, rack);
	if (gres)
		make_gres(r, gres, near);
	r->rig.machine.m.mem_bytes = mem;
	r->rig.machine.m.shared = shared;
	r->rig.policy = test_policy();
}

static enum core_scheduler scheduler(struct replay *r, const char *name)
{
	static const char *const names[] = {
		[CORE_EASY] = "easy", [CORE_CONSERVATIVE] = "conservative", [CORE_FIRSTFIT] = "firstfit", [CORE_FCFS] = "fcfs",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (streq(names[i], name))
			return (enum core_scheduler)i;
	BAD(r, "no scheduler %s", name);
	return CORE_EASY;
}

static void do_policy(struct replay *r, char *args)
{
	for (char *w; (w = word(&args));) {
		if (value(w, "elastic"))
			r->rig.policy.elastic = streq(value(w, "elastic"), "yes");
		if (value(w, "threshold"))
			r->rig.policy.elastic_threshold = number(r, value(w, "threshold"));
		if (value(w, "retries"))
			r->rig.policy.max_launch_retries = number(r, value(w, "retries"));
		if (value(w, "calm"))
			r->rig.policy.elastic_calm_ms = number(r, value(w, "calm"));
		if (value(w, "scheduler"))
			r->rig.policy.scheduler = scheduler(r, value(w, "scheduler"));
		if (value(w, "depth"))
			r->rig.policy.backfill_depth = number(r, value(w, "depth"));
		if (value(w, "guard"))
			r->rig.policy.starvation_guard_s = number(r, value(w, "guard"));
		if (value(w, "user-submit"))
			r->rig.policy.user_submitted = number(r, value(w, "user-submit"));
		if (value(w, "jobs"))
			r->rig.policy.max_jobs = number(r, value(w, "jobs"));
		if (value(w, "user-jobs"))
			r->rig.policy.user_running = number(r, value(w, "user-jobs"));
		if (value(w, "user-cpus"))
			r->rig.policy.user_cpus_milli = number(r, value(w, "user-cpus")) * 1000;
		if (value(w, "user-mem"))
			r->rig.policy.user_mem_bytes = size(r, value(w, "user-mem"));
		if (streq(w, "reject"))
			r->rig.policy.infeasible_reject = true;
		if (streq(w, "preempt=priority"))
			r->rig.policy.preempt_by_priority = true;
	}
	if (r->open) {
		input(r, CORE_POLICY)->policy = &r->rig.policy;
		if (!r->together)
			run_step(r);
	}
}

static uint32_t qos_bit(struct replay *r, const char *name)
{
	for (uint32_t i = 0; i < r->rig.policy.qos_n; i++)
		if (streq(r->rig.policy.qos[i].name, name))
			return 1u << i;
	BAD(r, "no qos %s before this one", name);
	return 0;
}

static enum core_preempt preempt_mode(struct replay *r, const char *name)
{
	static const char *const names[] = {
		[CORE_PREEMPT_SUSPEND] = "suspend", [CORE_PREEMPT_REQUEUE] = "requeue", [CORE_PREEMPT_CANCEL] = "cancel",
		[CORE_PREEMPT_SHRINK] = "shrink", [CORE_PREEMPT_OFF] = "off",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (streq(names[i], name))
			return (enum core_preempt)i;
	BAD(r, "no preempt mode %s", name);
	return CORE_PREEMPT_OFF;
}

/* "qos NAME LIMIT=N...", made or changed. */
static void do_qos(struct replay *r, char *args)
{
	struct core_policy *p = &r->rig.policy;
	const char *name = word(&args);
	struct core_qos *q = NULL;

	for (uint32_t i = 0; i < p->qos_n; i++)
		q = p->qos[i].key == name_key(name) ? &p->qos[i] : q;
	if (!q)
		q = &p->qos[p->qos_n++];
	*q = (struct core_qos){.key = name_key(name)};
	snprintf(q->name, sizeof q->name, "%s", name);
	for (char *w; (w = word(&args));) {
		if (value(w, "priority"))
			q->priority = (int32_t)strtol(value(w, "priority"), NULL, 10);
		else if (value(w, "job-cpus"))
			q->job_cpus_milli = number(r, value(w, "job-cpus")) * 1000;
		else if (value(w, "job-mem"))
			q->job_mem_bytes = size(r, value(w, "job-mem"));
		else if (value(w, "job-time"))
			q->job_time_s = number(r, value(w, "job-time"));
		else if (value(w, "user-submit"))
			q->user_submitted = number(r, value(w, "user-submit"));
		else if (value(w, "user-jobs"))
			q->user_running = number(r, value(w, "user-jobs"));
		else if (value(w, "user-cpus"))
			q->user_cpus_milli = number(r, value(w, "user-cpus")) * 1000;
		else if (value(w, "user-mem"))
			q->user_mem_bytes = size(r, value(w, "user-mem"));
		else if (value(w, "preempts"))
			q->preempts |= qos_bit(r, value(w, "preempts"));
		else if (value(w, "mode"))
			q->preempt_mode = preempt_mode(r, value(w, "mode"));
		else if (value(w, "exempt"))
			q->preempt_exempt_s = number(r, value(w, "exempt"));
		else if (value(w, "grace"))
			q->has_grace = true, q->grace_s = number(r, value(w, "grace"));
		else if (streq(w, "gone"))
			*q = p->qos[--p->qos_n];
		else
			BAD(r, "what is %s?", w);
	}
	do_policy(r, args);
}

static void spec_word(struct replay *r, struct mscg_spec *s, char *w)
{
	char *v;

	if ((v = value(w, "cpus"))) {
		s->cpus_milli = milli(r, v);
		if (!s->elastic)
			s->min_cpus_milli = s->max_cpus_milli = s->cpus_milli;
	} else if ((v = value(w, "elastic"))) {
		char *max = strchr(v, ':');

		*max++ = '\0';
		s->elastic = true;
		s->min_cpus_milli = milli(r, v);
		s->max_cpus_milli = milli(r, max);
	} else if ((v = value(w, "mem"))) {
		s->mem_bytes = size(r, v);
	} else if ((v = value(w, "priority"))) {
		s->priority = *v == '-' ? -(int32_t)number(r, v + 1) : (int32_t)number(r, v);
	} else if ((v = value(w, "time"))) {
		s->time_limit_s = number(r, v);
	} else if ((v = value(w, "grace"))) {
		s->grace_s = number(r, v);
	} else if ((v = value(w, "array"))) {
		assert_int_equal(mscg_array_parse(v, s, NULL), 0);
	} else if ((v = value(w, "begin"))) {
		s->begin_usec = r->rig.now.real_usec + number(r, v) * USEC_PER_SEC;
	} else if ((v = value(w, "deadline"))) {
		s->deadline_usec = r->rig.now.real_usec + number(r, v) * USEC_PER_SEC;
	} else if ((v = value(w, "after"))) {
		s->dependency_left = xstrdup(v);
	} else if ((v = value(w, "qos"))) {
		s->qos = xstrdup(v);
	} else if ((v = value(w, "gres"))) {
		s->gres = xstrdup(v);
	} else if ((v = value(w, "uid"))) {
		s->uid = number(r, v);
	} else if (streq(w, "hold")) {
		s->hold = true;
	} else if (streq(w, "quota")) {
		s->cpu_mode = MSCG_CPUS_QUOTA;
	} else if ((v = value(w, "retries"))) {
		s->max_retries = number(r, v);
	} else if ((v = value(w, "signal"))) {
		s->signal = xstrdup(v);
	} else if ((v = value(w, "time-min"))) {
		s->time_min_s = number(r, v);
	} else if ((v = value(w, "time-extend"))) {
		s->time_extend_s = number(r, v);
	} else if ((v = value(w, "max-fails"))) {
		s->max_fails = number(r, v);
	} else if (streq(w, "requeue")) {
		s->requeue = true;
	} else {
		BAD(r, "what is %s?", w);
	}
}

static void do_submit(struct replay *r, char *args)
{
	struct core_input *in = input(r, CORE_SUBMIT);
	char *name = word(&args);
	struct named *n;

	GROW(r->names, r->names_n, r->names_cap);
	n = &r->names[r->names_n++];
	*n = (struct named){.name = xstrdup(name), .spec = job_spec(1, 64 * MIB, 0)};
	for (char *w; (w = word(&args));)
		spec_word(r, &n->spec, w);
	in->token = 100 + r->names_n;
	GROW(r->specs, r->specs_n, r->specs_cap);
	r->specs[r->specs_n] = xmalloc(sizeof(struct mscg_spec));
	*r->specs[r->specs_n] = n->spec;
	in->spec = r->specs[r->specs_n++];
}

static uint64_t resize_of(struct replay *r, struct mscg_id id)
{
	for (uint32_t k = r->resizes_n; k-- > 0;)
		if (mscg_id_equal(r->resizes[k].id, id))
			return r->resizes[k].seq;
	return 0;
}

static void do_report(struct replay *r, enum mscg_report_kind kind, char *args)
{
	struct mscg_report *report = xcalloc(1, sizeof *report);
	struct core_input *in = input(r, CORE_REPORT);
	char *text = strchr(args, '#'), *w;
	const struct mscg_job *job;

	if (text)
		snprintf(report->text, sizeof report->text, "%s", text + 1);
	report->kind = kind;
	report->id = lookup(r, word(&args));
	job = core_find(r->rig.core, report->id);
	report->attempt = job ? job->attempt : 1;
	report->time_usec = r->rig.now.real_usec;
	report->resize_seq = resize_of(r, report->id);
	mscg_usage_init(&report->usage);
	while ((w = word(&args))) {
		if (value(w, "signal"))
			report->exit_signal = (int32_t)number(r, value(w, "signal"));
		else if (value(w, "oom"))
			report->usage.oom_kills = number(r, value(w, "oom"));
		else if (value(w, "attempt"))
			report->attempt = number(r, value(w, "attempt"));
		else if (value(w, "ago"))
			report->time_usec -= seconds(r, value(w, "ago"));
		else if (streq(w, "supervisor"))
			report->reason = MSCG_REASON_SUPERVISOR_DIED;
		else if (streq(w, "node-down"))
			report->reason = MSCG_REASON_NODE_DOWN;
		else
			report->exit_code = (int32_t)number(r, w);
	}
	in->report = r->reports[r->reports_n++] = report;
	in->id = report->id;
}

static bool print_job(const struct mscg_job *job, void *ctx)
{
	struct replay *r = ctx;
	char cpus[32] = "", set[128] = "", mem[32];

	if (job->run && job->run->grant)
		mscg_cpuset_format(&job->run->grant->share[0].cpus, set, sizeof set);
	buf_addf(&r->out, "> %s %s", name_of(r, job->id), mscg_state_name((enum mscg_state)job->state));
	if (job->current_cpus_milli)
		buf_addf(&r->out, " %s CPUs (%s) %s", format_cpus(job->current_cpus_milli, cpus, sizeof cpus), set,
		         format_size(job->mem_bytes, mem, sizeof mem));
	if (job->run && job->run->grant && job->run->grant->share[0].gres)
		buf_addf(&r->out, " %s", job->run->grant->share[0].gres);
	buf_adds(&r->out, "\n");
	return true;
}

static void do_why(struct replay *r, char *args)
{
	char text[160];
	struct mscg_id id = lookup(r, word(&args));
	enum mscg_reason reason = core_why(r->rig.core, id, r->rig.now, text);

	buf_addf(&r->out, "> %s: %s\n", mscg_reason_name(reason), text);
}

static void do_foresee(struct replay *r, char *args)
{
	struct core_forecast f;
	struct mscg_id id = lookup(r, word(&args));

	if (!core_foresee(r->rig.core, id, r->rig.now, &f)) {
		char small[160];

		if (core_why_small(r->rig.core, id, small))
			buf_addf(&r->out, "> it is not grown: %s\n", small);
		else
			buf_adds(&r->out, "> it does not wait\n");
		return;
	}
	buf_addf(&r->out, "> %s, behind %u:", mscg_reason_name(f.reason), f.ahead);
	for (uint32_t i = 0; i < f.first_n; i++)
		buf_addf(&r->out, " %s", name_of(r, f.first[i]));
	if (f.start_usec == USEC_NEVER)
		buf_addf(&r->out, "; start unsaid: %s\n", f.unsaid);
	else
		buf_addf(&r->out, "; in %" PRId64 " s\n", (f.start_usec - r->rig.now.real_usec) / USEC_PER_SEC);
	for (uint32_t i = 0; i < f.changes; i++)
		buf_addf(&r->out, "> starts now with %s\n", f.change[i].text);
}

static void do_restart(struct replay *r)
{
	struct core *core = core_new(&r->rig.machine.m, &r->rig.policy);
	uint64_t seq = 0;
	struct mscg_error error;

	for (uint32_t i = 0; i < r->resizes_n; i++)
		seq = MAX_OF(seq, r->resizes[i].seq);
	core_restore(core, core_next_job_id(r->rig.core), seq + 1000, core_drained(r->rig.core));
	for (uint32_t i = 0; i < r->folds_n; i++)
		if (!mscg_state_is_final((enum mscg_state)r->folds[i].row.job.state) &&
		    core_load(core, &r->folds[i].row, r->rig.now, &error) < 0)
			BAD(r, "core_load: %s", error.text);
	core_free(r->rig.core);
	r->rig.core = core;
	rig_check(&r->rig);
}

static void do_resize(struct replay *r, char *args)
{
	struct core_input *in = input(r, CORE_RESIZE);

	in->id = lookup(r, word(&args));
	for (char *w; (w = word(&args));) {
		if (value(w, "cpus"))
			in->cpus_milli = milli(r, value(w, "cpus"));
		if (value(w, "mem"))
			in->mem_bytes = size(r, value(w, "mem"));
	}
}

static void set_field(struct replay *r, struct core_update *u, enum mscg_field field, const char *v, int64_t unit)
{
	char *end;

	u->field[field].given = true;
	u->field[field].relative = unit == 1 && (*v == '+' || *v == '-');
	u->field[field].value = strtoll(v, &end, 10) * unit;
	if (unit > 1 && u->field[field].value)
		u->field[field].value += r->rig.now.real_usec;
	if (*end)
		BAD(r, "not a number: %s", v);
}

static void do_update(struct replay *r, char *args)
{
	struct core_update *u = &r->updates[r->updates_n++];
	struct core_input *in = input(r, CORE_UPDATE);
	char *v;

	assert_true(r->updates_n < ARRAY_SIZE(r->updates));
	*u = (struct core_update){0};
	in->id = lookup(r, word(&args));
	in->update = u;
	for (char *w; (w = word(&args));) {
		if (streq(w, "priority=top"))
			u->top = u->field[MSCG_FIELD_PRIORITY].given = true;
		else if ((v = value(w, "priority")))
			set_field(r, u, MSCG_FIELD_PRIORITY, v, 1);
		else if ((v = value(w, "time")))
			set_field(r, u, MSCG_FIELD_TIME_LIMIT, v, 1);
		else if ((v = value(w, "throttle")))
			set_field(r, u, MSCG_FIELD_ARRAY_THROTTLE, v, 1);
		else if ((v = value(w, "begin")))
			set_field(r, u, MSCG_FIELD_BEGIN, v, USEC_PER_SEC);
		else if ((v = value(w, "deadline")))
			set_field(r, u, MSCG_FIELD_DEADLINE, v, USEC_PER_SEC);
		else if ((v = value(w, "cpus")))
			u->cpus_milli = milli(r, v);
		else if ((v = value(w, "qos")))
			u->field[MSCG_FIELD_QOS].given = true, u->field[MSCG_FIELD_QOS].value = name_key(v);
		else if ((v = value(w, "mem")))
			u->mem_bytes = size(r, v);
		else
			BAD(r, "what is %s?", w);
	}
}

static void do_hold(struct replay *r, enum core_input_kind kind, char *args)
{
	struct core_input *in = input(r, kind);
	char *w;

	in->id = lookup(r, word(&args));
	w = word(&args);
	in->admin = w && streq(w, "admin");
}

static void do_requeue(struct replay *r, char *args)
{
	struct core_input *in = input(r, CORE_REQUEUE);

	in->id  = lookup(r, word(&args));
	in->row = core_find(r->rig.core, in->id) ? NULL : &fold_of(r, in->id)->row;
}

static bool is_report(const char *verb, enum mscg_report_kind *ret)
{
	static const struct { const char *verb; enum mscg_report_kind kind; } kinds[] = {
		{"started", MSCG_REPORT_STARTED}, {"exited", MSCG_REPORT_EXITED}, {"ended", MSCG_REPORT_ENDED},
		{"deferred", MSCG_REPORT_START_DEFERRED}, {"failed", MSCG_REPORT_START_FAILED}, {"resized", MSCG_REPORT_RESIZED},
		{"refused", MSCG_REPORT_RESIZE_DEFERRED}, {"lost", MSCG_REPORT_LOST}, {"stuck", MSCG_REPORT_STUCK},
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (streq(kinds[i].verb, verb)) {
			*ret = kinds[i].kind;
			return true;
		}
	return false;
}

/* True for what is an input of a step. */
static bool do_input(struct replay *r, const char *verb, char *args)
{
	enum mscg_report_kind kind;

	if (streq(verb, "submit"))
		do_submit(r, args);
	else if (is_report(verb, &kind))
		do_report(r, kind, args);
	else if (streq(verb, "cancel"))
		input(r, CORE_CANCEL)->id = lookup(r, word(&args));
	else if (streq(verb, "requeue"))
		do_requeue(r, args);
	else if (streq(verb, "signal"))
		*input(r, CORE_SIGNAL) = (struct core_input){.kind = CORE_SIGNAL, .token = 1, .id = lookup(r, word(&args)), .signal = SIGUSR2};
	else if (streq(verb, "resize"))
		do_resize(r, args);
	else if (streq(verb, "update"))
		do_update(r, args);
	else if (streq(verb, "hold") || streq(verb, "release"))
		do_hold(r, *verb == 'h' ? CORE_HOLD : CORE_RELEASE, args);
	else if (streq(verb, "suspend") || streq(verb, "resume"))
		do_hold(r, *verb == 's' ? CORE_SUSPEND : CORE_RESUME, args);
	else if (streq(verb, "drain"))
		input(r, CORE_DRAIN)->on = streq(word(&args), "on");
	else if (streq(verb, "shutdown"))
		input(r, CORE_SHUTDOWN);
	else if (streq(verb, "tick"))
		input(r, CORE_TICK);
	else
		return false;
	return true;
}

static void do_line(struct replay *r, char *line)
{
	char *args = line, *verb = word(&args);

	if (!verb)
		return;
	if (streq(verb, "machine")) {
		do_machine(r, args);
		return;
	}
	if (streq(verb, "policy")) {
		do_policy(r, args);
		return;
	}
	if (streq(verb, "qos")) {
		do_qos(r, args);
		return;
	}
	if (!r->open)
		rig_open(&r->rig);
	r->open = true;
	if (streq(verb, "{")) {
		r->together = true;
	} else if (streq(verb, "}")) {
		r->together = false;
		run_step(r);
	} else if (streq(verb, "pass")) {
		rig_pass(&r->rig, seconds(r, word(&args)));
		input(r, CORE_TICK);
		run_step(r);
	} else if (streq(verb, "jobs")) {
		core_each(r->rig.core, print_job, r);
	} else if (streq(verb, "why")) {
		do_why(r, args);
	} else if (streq(verb, "foresee")) {
		do_foresee(r, args);
	} else if (streq(verb, "restart")) {
		do_restart(r);
	} else if (!do_input(r, verb, args)) {
		BAD(r, "what is %s?", verb);
	} else if (!r->together) {
		run_step(r);
	}
}

static void replay_free(struct replay *r)
{
	if (r->open)
		rig_close(&r->rig);
	for (uint32_t i = 0; i < r->names_n; i++) {
		free(r->names[i].name);
		free(r->names[i].spec.array);
		free(r->names[i].spec.dependency_left);
		free(r->names[i].spec.signal);
		free(r->names[i].spec.qos);
		free(r->names[i].spec.gres);
	}
	for (uint32_t i = 0; i < r->folds_n; i++) {
		mscg_run_free(r->folds[i].job.run);
		mscg_row_clear(&r->folds[i].row);
	}
	for (uint32_t i = 0; i < r->specs_n; i++)
		free(r->specs[i]);
	free(r->specs);
	free(r->names);
	free(r->folds);
	free(r->resizes);
	free(r->in);
	buf_free(&r->out);
}

/* -- files -------------------------------------------------------------------------------------------------------- */

static char *read_all(const char *path)
{
	FILE *f = fopen(path, "re");
	struct buf b = {0};
	char chunk[4096];
	size_t n;

	if (!f) {
		fail_msg("%s: %s", path, strerror(errno));
		return NULL;
	}
	while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
		buf_add(&b, chunk, n);
	fclose(f);
	return buf_steal(&b);
}

/* The script with what the core decides now in the place of what it should. */
static char *replay(const char *path, const char *text)
{
	struct replay *r = xcalloc(1, sizeof *r);
	char *copy = xstrdup(text), *rest = copy, *line, *result;

	r->file = path;
	while ((line = strsep(&rest, "\n"))) {
		r->line++;
		if (*line == '>' || (!rest && !*line))
			continue;
		buf_addf(&r->out, "%s\n", line);
		do_line(r, line);
	}
	result = buf_steal(&r->out);
	replay_free(r);
	free(r);
	free(copy);
	return result;
}

static void first_difference(const char *path, const char *want, const char *got)
{
	unsigned line = 1;

	while (*want && *want == *got) {
		line += *want == '\n';
		want++;
		got++;
	}
	while (want[-1] != '\n') {
		want--;
		got--;
	}
	print_error("%s:%u:\n  expected: %.*s\n  decided:  %.*s\n", path, line, (int)strcspn(want, "\n"), want, (int)strcspn(got, "\n"),
	            got);
}

static void test_script(void **state)
{
	const char *path = *state;
	char *text = read_all(path), *now = replay(path, text), *again = replay(path, text);
	bool same = streq(text, now);

	assert_string_equal(now, again); /* the same inputs at the same times */
	if (!same && getenv("REPLAY_UPDATE")) {
		FILE *f = fopen(path, "we");

		assert_non_null(f);
		fputs(now, f);
		fclose(f);
		same = true;
	}
	if (!same)
		first_difference(path, text, now);
	free(text);
	free(now);
	free(again);
	if (!same)
		fail_msg("%s: decided otherwise", path);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct CMUnitTest *)a)->name, ((const struct CMUnitTest *)b)->name);
}

int main(void)
{
	const char *dir = getenv("REPLAY_DIR") ? getenv("REPLAY_DIR") : "tests/replay";
	struct CMUnitTest tests[256] = {{0}};
	size_t n = 0;
	DIR *d = opendir(dir);
	int failed;

	if (!d) {
		fprintf(stderr, "%s: %s: expected to be run at the top of the tree, or REPLAY_DIR\n", dir, strerror(errno));
		return 1;
	}
	for (struct dirent *e; (e = readdir(d)) && n < ARRAY_SIZE(tests);) {
		size_t length = strlen(e->d_name);

		if (length > 7 && streq(e->d_name + length - 7, ".events")) {
			char *path = xasprintf("%s/%s", dir, e->d_name);

			tests[n++] = (struct CMUnitTest){.name = path, .test_func = test_script, .initial_state = path};
		}
	}
	closedir(d);
	qsort(tests, n, sizeof tests[0], by_name);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	failed = n ? _cmocka_run_group_tests("replay", tests, n, NULL, NULL) : 1;
	for (size_t i = 0; i < n; i++)
		free((char *)(uintptr_t)tests[i].name);
	return failed;
}
