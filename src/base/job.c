/* Names: tables made from the lists of mscg/job.h, and the text form of ids. */
#include "src/base/base.h"
#include "src/base/scan.h"

#include <inttypes.h>
#include <mscg/job.h>
#include <strings.h>

static const struct {
	const char *name, *abbr;
	bool final;
} states[] = {
#define X(name, abbr, final, text) [MSCG_STATE_##name] = {#name, abbr, final},
	MSCG_STATES(X)
#undef X
};

static const struct {
	const char *label, *text;
} reasons[] = {
#define X(name, label, text) [MSCG_REASON_##name] = {label, text},
	MSCG_REASONS(X)
#undef X
};

static const char *const events[] = {
#define X(name, label) [MSCG_EVENT_##name] = label,
	MSCG_EVENTS(X)
#undef X
};

static const char *const fields[] = {
#define X(name, label) [MSCG_FIELD_##name] = label,
	MSCG_FIELDS(X)
#undef X
};

bool mscg_id_equal(struct mscg_id a, struct mscg_id b)
{
	return a.job == b.job && a.task == b.task;
}

char *mscg_id_format(struct mscg_id id, char text[MSCG_ID_TEXT])
{
	if (id.task == MSCG_NO_TASK)
		snprintf(text, MSCG_ID_TEXT, "%" PRIu32, id.job);
	else
		snprintf(text, MSCG_ID_TEXT, "%" PRIu32 "_%" PRIu32, id.job, id.task);
	return text;
}

static int scan_id(const char *p, struct mscg_id *ret)
{
	uint64_t job, task = MSCG_NO_TASK;
	int r = scan_u64(&p, &job);

	if (r == 0 && *p == '_') {
		p++;
		r = scan_u64(&p, &task);
		if (r == 0 && task > MSCG_ARRAY_INDEX_MAX)
			r = -ERANGE;
	}
	if (r == -EINVAL || *p)
		return -EINVAL;
	if (r < 0 || job > UINT32_MAX)
		return -ERANGE;
	if (job == 0)
		return -EINVAL;
	*ret = (struct mscg_id){.job = (uint32_t)job, .task = (uint32_t)task};
	return 0;
}

int mscg_id_parse(const char *text, struct mscg_id *ret, struct mscg_error *error)
{
	int r = scan_id(text, ret);

	if (r == -ERANGE)
		return mscg_error_set(error, r, "job id '%.60s' is too large: expected one that mscg has printed", text);
	if (r < 0)
		return mscg_error_set(error, r, "invalid job id '%.60s': expected a number such as 12, or 12_3 for a task of an array",
		                      text);
	return 0;
}

const char *mscg_state_name(enum mscg_state state)
{
	return (unsigned)state < MSCG_STATE_COUNT ? states[state].name : "?";
}

const char *mscg_state_short(enum mscg_state state)
{
	return (unsigned)state < MSCG_STATE_COUNT ? states[state].abbr : "?";
}

bool mscg_state_is_final(enum mscg_state state)
{
	return (unsigned)state < MSCG_STATE_COUNT && states[state].final;
}

int mscg_state_parse(const char *text, enum mscg_state *ret, struct mscg_error *error)
{
	for (unsigned i = 0; i < MSCG_STATE_COUNT; i++)
		if (strcasecmp(text, states[i].name) == 0 || strcasecmp(text, states[i].abbr) == 0) {
			*ret = (enum mscg_state)i;
			return 0;
		}
	return mscg_error_set(error, -EINVAL, "unknown state '%.60s': expected one such as PENDING, RUNNING or CD", text);
}

const char *mscg_reason_name(enum mscg_reason reason)
{
	return (unsigned)reason < MSCG_REASON_COUNT ? reasons[reason].label : "?";
}

const char *mscg_reason_text(enum mscg_reason reason)
{
	return (unsigned)reason < MSCG_REASON_COUNT ? reasons[reason].text : "?";
}

int mscg_reason_parse(const char *label, enum mscg_reason *ret)
{
	for (unsigned i = 0; i < MSCG_REASON_COUNT; i++)
		if (strcmp(label, reasons[i].label) == 0) {
			*ret = (enum mscg_reason)i;
			return 0;
		}
	return -EINVAL;
}

const char *mscg_event_name(enum mscg_event_kind kind)
{
	return (unsigned)kind < MSCG_EVENT_COUNT ? events[kind] : "?";
}

const char *mscg_field_name(enum mscg_field field)
{
	return (unsigned)field < MSCG_FIELD_COUNT ? fields[field] : NULL;
}

int mscg_event_parse(const char *label, enum mscg_event_kind *ret)
{
	for (unsigned i = 0; i < MSCG_EVENT_COUNT; i++)
		if (strcmp(label, events[i]) == 0) {
			*ret = (enum mscg_event_kind)i;
			return 0;
		}
	return -EINVAL;
}
