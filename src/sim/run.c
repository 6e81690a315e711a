/* The simulated machine: carries out what the core decides, in virtual time. */
#include <errno.h>
#include <math.h>
#include <signal.h>

#include "sim.h"
#include "src/base/clock.h"
#include "src/core/core.h"

#define EPOCH_USEC INT64_C(1577836800000000) /* 2020-01-01: rows need a date */

#define FOREVER (INT64_C(1) << 62) /* what would end later ends then */

#define PATIENCE (86400 * USEC_PER_SEC) /* what has not begun so long after the last one ended never does */

/* What runs of a job: how much of its work is left, and how fast it goes. */
struct running {
	double   left;     /* seconds at `cpus` */
	double   rate;     /* of work per second */
	double   held;     /* CPU seconds, in this attempt */
	int64_t  at_usec;  /* when `left` was so much */
	uint32_t cpus, version, attempt, id;
	bool     here;     /* started, and not ended; without CPUs it stands still */
};

/* A job's end as it looked when it was put here; another version means that it was resized since. */
struct end {
	int64_t  usec;
	uint32_t job, version;
};

struct sim {
	struct sim_workload *w;
	const struct sim_options *o;
	struct core *core;
	struct core_output out;
	struct running *running; /* one a job */
	uint32_t *job_of;        /* by the core's number: those that it refused have none */
	uint32_t moving;         /* of them that have CPUs */
	int64_t epoch_usec;
	int64_t period_usec;     /* when the site is asked for its policy again */
	int64_t patience_usec;   /* until then something may begin, though nothing runs */
	struct end *ends;        /* a heap */
	uint32_t ends_n, ends_cap;
	struct core_input *in;
	uint32_t in_n, in_cap;
	struct mscg_report *reports; /* of the inputs; as many */
	uint32_t reports_n, reports_cap;
	int64_t now_usec;
	struct sim_result result;
};

/* -- ends, soonest first ------------------------------------------------------------------------------------------ */

static void ends_push(struct sim *s, struct end e)
{
	GROW(s->ends, s->ends_n, s->ends_cap);
	uint32_t i = s->ends_n++;
	for (; i && s->ends[(i - 1) / 2].usec > e.usec; i = (i - 1) / 2)
		s->ends[i] = s->ends[(i - 1) / 2];
	s->ends[i] = e;
}

static void ends_pop(struct sim *s)
{
	struct end last = s->ends[--s->ends_n];
	uint32_t i = 0;

	for (uint32_t child; (child = 2 * i + 1) < s->ends_n; i = child) {
		if (child + 1 < s->ends_n && s->ends[child + 1].usec < s->ends[child].usec)
			child++;
		if (s->ends[child].usec >= last.usec)
			break;
		s->ends[i] = s->ends[child];
	}
	s->ends[i] = last;
}

/* -- jobs --------------------------------------------------------------------------------------------------------- */

/* Amdahl: how fast with `cpus`, where 1 is what it does with those it asked for. */
static double rate_of(const struct sim *s, const struct sim_job *j, uint32_t cpus)
{
	double f = s->o->serial;

	return (f + (1 - f)) / (f + (1 - f) * j->cpus / cpus);
}

static void account(struct sim *s, uint32_t job)
{
	struct running *r = &s->running[job];
	double seconds = (double)(s->now_usec - r->at_usec) / 1e6;

	r->left = MAX_OF(r->left - seconds * r->rate, 0.0);
	r->held += seconds * r->cpus;
	s->w->jobs[job].cpu_seconds += seconds * r->cpus;
	s->w->jobs[job].run_usec += r->cpus ? s->now_usec - r->at_usec : 0;
	r->at_usec = s->now_usec;
}

static void set_cpus(struct sim *s, uint32_t job, uint32_t cpus)
{
	struct running *r = &s->running[job];
	int64_t left;

	s->moving += (cpus > 0) - (r->cpus > 0);
	r->cpus = cpus;
	r->version++;
	if (!cpus) {
		r->rate = 0;
		return;
	}
	r->rate = rate_of(s, &s->w->jobs[job], cpus);
	left = (int64_t)MIN_OF(ceil(r->left / r->rate * 1e6), 1e18);
	ends_push(s, (struct end){s->now_usec + MIN_OF(left, MAX_OF(FOREVER - s->now_usec, INT64_C(0))), job, r->version});
}

static struct core_input *input(struct sim *s, enum core_input_kind kind)
{
	GROW(s->in, s->in_n, s->in_cap);
	s->in[s->in_n] = (struct core_input){.kind = kind};
	return &s->in[s->in_n++];
}

/* Reports lie in an array that grows: inputs point into it once the step begins. */
static struct mscg_report *report(struct sim *s, enum mscg_report_kind kind, struct mscg_id id, uint32_t attempt)
{
	struct core_input *in = input(s, CORE_REPORT);

	in->id = id;
	GROW(s->reports, s->reports_n, s->reports_cap);
	s->reports[s->reports_n] = (struct mscg_report){.kind = kind, .id = id, .attempt = attempt, .time_usec = s->epoch_usec + s->now_usec};
	return &s->reports[s->reports_n++];
}

/* Factors change with time, and budgets with their period. */
static void be_patient(struct sim *s)
{
	s->patience_usec = MAX_OF(s->now_usec, s->period_usec == USEC_NEVER ? 0 : s->period_usec) + PATIENCE;
}

static void end(struct sim *s, uint32_t job, int signal)
{
	struct sim_job *j = &s->w->jobs[job];
	struct mscg_report *r;

	if (!s->running[job].here)
		return;
	account(s, job);
	j->end_usec = s->now_usec;
	s->result.lost_cpu_s += j->cancelled ? s->running[job].held : 0;
	r = report(s, MSCG_REPORT_ENDED, (struct mscg_id){.job = s->running[job].id, .task = MSCG_NO_TASK}, s->running[job].attempt);
	r->exit_signal = signal;
	mscg_usage_init(&r->usage);
	set_cpus(s, job, 0);
	s->running[job].here = false;
	be_patient(s);
}

static void start(struct sim *s, uint32_t job, const struct mscg_action *a)
{
	struct running *r = &s->running[job];
	struct sim_job *j = &s->w->jobs[job];

	if (j->start_usec < 0)
		j->start_usec = s->now_usec;
	j->run_usec = 0;
	s->result.lost_cpu_s += r->held;
	*r = (struct running){.left = j->run_seconds, .at_usec = s->now_usec, .version = r->version, .attempt = a->attempt, .id = a->id.job, .here = true};
}

static void carry_out(struct sim *s, const struct mscg_action *a)
{
	uint32_t job = s->job_of[a->id.job], cpus = a->grant ? a->grant->share[0].cpu_milli / 1000 : 0;

	switch (a->kind) {
	case MSCG_ACTION_START:
		start(s, job, a);
		set_cpus(s, job, cpus);
		report(s, MSCG_REPORT_STARTED, a->id, a->attempt);
		break;
	case MSCG_ACTION_RESIZE:
		if (s->running[job].here) {
			bool stands = a->freeze || a->thaw;

			account(s, job);
			set_cpus(s, job, cpus);
			s->w->jobs[job].resizes += !stands;
			s->result.resizes += !stands;
		}
		report(s, MSCG_REPORT_RESIZED, a->id, a->attempt)->resize_seq = a->resize_seq;
		break;
	case MSCG_ACTION_SIGNAL: /* the time limit, or before it */
		if (a->warn || a->main_only || a->signal == SIGCONT)
			break;
		/* fallthrough */
	case MSCG_ACTION_KILL:
		end(s, job, a->signal ? a->signal : 9);
		break;
	case MSCG_ACTION_REMOVE:
	case MSCG_ACTION_COUNT:
		break;
	}
}

static void refuse(struct sim *s, uint32_t job, const char *why)
{
	if (!s->result.refused++) {
		s->result.first_refused = job;
		snprintf(s->result.refusal, sizeof s->result.refusal, "%s", why);
	}
}

static void take_answer(struct sim *s, const struct core_answer *a)
{
	if (a->code < 0)
		refuse(s, (uint32_t)a->token - 1, a->text);
	else
		s->job_of[a->id.job] = (uint32_t)a->token - 1;
}

static void count(struct sim *s, const struct mscg_event *e)
{
	struct sim_result *r = &s->result;
	struct sim_job *j = &s->w->jobs[s->job_of[e->id.job]];

	switch (e->kind) {
	case MSCG_EVENT_RESIZING: r->shrunk += e->reason == MSCG_REASON_PREEMPTED; break;
	case MSCG_EVENT_SUSPENDED: r->suspended++; break;
	case MSCG_EVENT_PREEMPTED: r->cancelled++, j->cancelled = true; break;
	case MSCG_EVENT_REQUEUE: r->requeued++, r->cancelled--, j->cancelled = false; break; /* of one that was preempted just now */
	case MSCG_EVENT_REQUEUED: j->end_usec = -1; break;
	default: break;
	}
}

static void step(struct sim *s)
{
	struct core_now now = {.real_usec = s->epoch_usec + s->now_usec, .boot_usec = s->now_usec + 1};

	do {
		for (uint32_t i = 0, k = 0; i < s->in_n; i++)
			if (s->in[i].kind == CORE_REPORT)
				s->in[i].report = &s->reports[k++];
		core_output_clear(&s->out);
		core_step(s->core, s->in, s->in_n, now, &s->out);
		s->in_n = s->reports_n = 0;
		s->result.steps++;
		for (uint32_t i = 0; i < s->out.answers_n; i++)
			take_answer(s, &s->out.answers[i]);
		for (uint32_t i = 0; i < s->out.events_n; i++)
			count(s, &s->out.events[i]);
		for (uint32_t i = 0; i < s->out.actions_n; i++)
			carry_out(s, &s->out.actions[i]);
	} while (s->in_n);
}

/* Above what can be simulated one is as good as another, and is not to wrap. */
static uint32_t milli(uint32_t cpus)
{
	return MIN_OF(cpus, (uint32_t)MSCG_CPUS_MAX + 1) * 1000;
}

static void submit(struct sim *s, uint32_t job)
{
	static char *const argv[] = {(char *)"job", NULL};
	struct sim_job *j = &s->w->jobs[job];
	const struct sim_site *site = s->o->site;
	struct mscg_spec spec = {
		.argv = (char **)argv, .elastic = j->min_cpus != j->max_cpus, .cpus_milli = milli(j->cpus), .min_cpus_milli = milli(j->min_cpus),
		.max_cpus_milli = milli(j->max_cpus), .mem_bytes = site && !j->mem_bytes ? 0 : MAX_OF(j->mem_bytes, (uint64_t)4 << 20),
		.time_limit_s = j->time_limit_s, .uid = sim_uid(j->user), .grace_s = 30, .priority = j->priority, .gres = (char *)j->gres,
		.requeue = j->requeue,
	};
	struct mscg_error error = {0};
	struct core_input *in;

	if (site && site->admit(site->ctx, j, &spec, &error) < 0) {
		refuse(s, job, error.text);
		return;
	}
	be_patient(s);
	in = input(s, CORE_SUBMIT);
	/* Ids are given in order: one input a step keeps job and id together. The specification is read during the step. */
	in->token = job + 1;
	in->spec = &spec;
	step(s);
}

/* -- the whole ---------------------------------------------------------------------------------------------------- */

static struct core *new_core(const struct sim_options *o, const struct core_policy *policy)
{
	struct core_cpu *cpus = xcalloc(o->cpus, sizeof *cpus);
	struct core_machine machine = {
		.node = "simulated", .cpus = cpus, .ncpus = o->cpus, .mem_bytes = o->mem_bytes, .gres = o->gres, .gres_n = o->gres_n,
	};
	struct core *core;

	for (uint32_t i = 0; i < o->cpus; i++)
		cpus[i] = (struct core_cpu){
			.cpu = (uint16_t)i, .core = (uint16_t)i, .cache = (uint16_t)(i / 8), .numa = (uint16_t)(i / 32), .package = (uint16_t)(i / 64),
		};
	core = core_new(&machine, policy);
	free(cpus);
	return core;
}

static const struct core_policy *ask_policy(struct sim *s)
{
	const struct core_policy *policy = s->o->site->policy(s->o->site->ctx, s->epoch_usec + s->now_usec);

	s->period_usec = policy->priority.charges ? policy->priority.budget.until_usec - s->epoch_usec : USEC_NEVER;
	return policy;
}

static void begin(struct sim *s)
{
	const struct sim_options *o = s->o;
	struct core_policy policy = {
		.scheduler = o->scheduler, .backfill_depth = o->backfill_depth ? o->backfill_depth : 100,
		.starvation_guard_s = o->starvation_guard_s, .elastic = o->elastic, .elastic_threshold = o->elastic_threshold,
		.max_launch_retries = 1,
	};

	s->epoch_usec = s->w->begin_usec ? s->w->begin_usec : EPOCH_USEC;
	s->period_usec = USEC_NEVER;
	s->core = new_core(o, o->site ? ask_policy(s) : &policy);
	s->running = xcalloc(s->w->n + 1, sizeof *s->running);
	s->job_of = xcalloc(s->w->n + 1, sizeof *s->job_of);
}

/* A site's policy says what becomes of what does not. */
static bool fits(const struct sim_options *o, const struct sim_job *j)
{
	return o->site || (j->min_cpus <= o->cpus && j->mem_bytes <= o->mem_bytes);
}

static int64_t next_event(const struct sim *s, uint32_t submitted)
{
	int64_t next = s->out.wake_boot_usec == USEC_NEVER ? USEC_NEVER : s->out.wake_boot_usec - 1;

	if (submitted < s->w->n)
		next = MIN_OF(next, s->w->jobs[submitted].submit_usec);
	if (s->ends_n)
		next = MIN_OF(next, s->ends[0].usec);
	return MIN_OF(next, s->period_usec);
}

static bool is_over(const struct sim *s, uint32_t submitted)
{
	return submitted == s->w->n && !s->moving && s->now_usec > s->patience_usec;
}

static void run(struct sim *s)
{
	uint32_t submitted = 0;

	s->out.wake_boot_usec = USEC_NEVER;
	for (;;) {
		int64_t next = next_event(s, submitted);

		if (next == USEC_NEVER || is_over(s, submitted))
			return;
		s->now_usec = MAX_OF(s->now_usec, next);
		while (s->ends_n && s->ends[0].usec <= s->now_usec) {
			struct end e = s->ends[0];

			ends_pop(s);
			if (s->running[e.job].version == e.version)
				end(s, e.job, 0);
		}
		if (s->period_usec <= s->now_usec)
			input(s, CORE_POLICY)->policy = ask_policy(s);
		if (s->in_n || s->out.wake_boot_usec <= s->now_usec + 1)
			step(s);
		while (submitted < s->w->n && s->w->jobs[submitted].submit_usec <= s->now_usec)
			submit(s, submitted++);
	}
}

int sim_run(struct sim_workload *w, const struct sim_options *o, struct sim_result *ret, struct mscg_error *error)
{
	struct sim s = {.w = w, .o = o};

	if (!o->cpus || o->cpus > MSCG_CPUS_MAX)
		return mscg_error_set(error, -EINVAL, "a machine of %u CPUs cannot be simulated: expected 1 to %u", o->cpus, MSCG_CPUS_MAX);
	if (o->serial < 0 || o->serial > 1)
		return mscg_error_set(error, -EINVAL, "a serial share of %g makes no sense: expected 0 to 1", o->serial);
	for (uint32_t i = 0; i < w->n; i++) {
		struct sim_job *j = &w->jobs[i];

		j->start_usec = j->end_usec = -1;
		j->cpu_seconds = 0;
		j->run_usec = 0;
		j->resizes = 0;
		j->cancelled = false;
		if (!fits(o, j))
			return mscg_error_set(error, -EINVAL, "job %u by submission wants %u CPUs and %llu bytes, the machine has %u and %llu: give it more (--cpus, --mem)",
			                      i + 1, j->min_cpus, (unsigned long long)j->mem_bytes, o->cpus, (unsigned long long)o->mem_bytes);
	}
	begin(&s);
	run(&s);
	*ret = s.result;
	sim_measure(w, o, ret);
	core_output_free(&s.out);
	core_free(s.core);
	free(s.running);
	free(s.job_of);
	free(s.ends);
	free(s.in);
	free(s.reports);
	return 0;
}
