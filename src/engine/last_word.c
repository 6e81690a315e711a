/* Who looks into a job's file for errors finds there what mscgd did to it. */
#include "internal.h"
#include "src/base/parse.h"

struct last_word {
	char    *path, *user;
	uint32_t uid, gid, umask_;
};

void last_word_keep(struct task *t, const struct mscg_spec *spec, char *path)
{
	if (spec->attached) {
		free(path);
		return;
	}
	t->last_word  = xmalloc(sizeof *t->last_word);
	*t->last_word = (struct last_word){ path, xstrdup(spec->user), spec->uid, spec->gid, spec->umask };
}

void last_word_forget(struct task *t)
{
	if (!t->last_word)
		return;
	free(t->last_word->path);
	free(t->last_word->user);
	free(steal(&t->last_word));
}

static void say_memory(const struct task *t, char *text, size_t size)
{
	uint64_t limit = t->grant ? t->grant->share[0].mem_bytes : 0, peak = t->usage.memory_peak_bytes;
	char a[32], b[32];
	int n = snprintf(text, size, "was killed: out of memory; its limit was %s", format_size(limit, a, sizeof a));

	if (peak != MSCG_UNKNOWN)
		snprintf(text + n, size - (size_t)n, ", its peak %s", format_size(peak, b, sizeof b));
}

/* False: it ended by itself, or nothing of it is known but what its user's files have. */
static bool say(struct local *l, const struct task *t, enum mscg_state state, char *text, size_t size)
{
	static const char *const said[MSCG_STATE_COUNT] = {
		[MSCG_STATE_TIMEOUT] = "was ended: its time limit was reached", [MSCG_STATE_DEADLINE] = "was ended: its deadline was reached",
		[MSCG_STATE_CANCELLED] = "was cancelled", [MSCG_STATE_PREEMPTED] = "was ended: others go before it (preempted)",
	};
	struct runner_slot_info info;

	if (state == MSCG_STATE_OUT_OF_MEMORY)
		say_memory(t, text, size);
	else if (t->reason == MSCG_REASON_LAUNCH_FAILED && runner_look(l->runner, t->slot, &info) == 0 && info.state == RUNNER_FAILED)
		finish_say_failed(t, &info, text, size);
	else if (said[state])
		snprintf(text, size, "%s", said[state]);
	else
		return false;
	return true;
}

void last_word(struct local *l, struct task *t, enum mscg_state state)
{
	const struct last_word *w = t->last_word;
	char why[200], at[32], text[300];

	if (!w || !t->has_slot || !say(l, t, state, why, sizeof why))
		return;
	const uint32_t *groups;
	uint32_t n = launch_groups(&(struct mscg_spec){ .user = w->user, .uid = w->uid, .gid = w->gid }, &groups);

	snprintf(text, sizeof text, "%s: job %s %s", format_local(t->end_usec ? t->end_usec : clock_real_usec(), at, sizeof at), t->name + 4, why);
	runner_note(l->runner, t->slot, &(struct runner_note){
		.path = w->path, .uid = w->uid, .gid = w->gid, .umask_ = w->umask_, .ngroups = n, .groups = groups,
		.drop = geteuid() == 0, .text = text,
	});
}
