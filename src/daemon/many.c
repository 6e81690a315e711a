/* Requests about several jobs, each of which may be refused by itself. */
#include "daemon.h"
#include "src/base/buf.h"

/* Of the jobs that one request names: what is read for them all is in memory at the same time. */
enum { IDS_MAX = 16384 };
/* Of the lists in a reply; a filter may find more jobs than a message has room for. */
enum { LISTS_MAX = WIRE_MESSAGE_MAX / 2 };

static void add(struct request *r, const char *name, int code, const char *text)
{
	json_t *item;

	r->listed += strlen(name) + (code < 0 ? 64 + 2 * strlen(text) : 4);
	if (r->listed > LISTS_MAX) {
		json_object_set_new(r->result, "omitted", json_integer(json_integer_value(json_object_get(r->result, "omitted")) + 1));
		return;
	}
	item = code < 0 ? json_pack("{s:s, s:s, s:s}", "id", name, "error", wire_error_by_code(code)->name, "message", text) : json_string(name);
	json_array_append_new(json_object_get(r->result, code < 0 ? "errors" : r->done), item);
}

static void answer(struct request *r, const struct core_answer *a)
{
	char name[MSCG_ID_TEXT];

	add(r, mscg_id_format(a->id, name), a->code, a->text);
	if (!r->awaiting)
		request_reply(r, json_incref(r->result));
}

void many_begin(struct request *r, const char *done)
{
	r->answer = answer;
	r->done   = done;
	r->result = json_pack("{s:[], s:[]}", done, "errors");
	r->awaiting++; /* no answer is the last before many_end() */
	for (char **p = r->vain; p && *p; p += 2)
		add(r, p[0], -ESRCH, p[1]);
}

void many_end(struct request *r)
{
	if (--r->awaiting == 0)
		request_reply(r, json_incref(r->result));
}

void many_refuse(struct request *r, struct mscg_id id, int code, const char *format, ...)
{
	char text[sizeof ((struct mscg_error *)0)->text];
	char name[MSCG_ID_TEXT];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	add(r, mscg_id_format(id, name), code, text);
}

struct id_list {
	struct mscg_id *ids;
	uint32_t        n;
};

static int too_many(uint64_t n, struct mscg_error *error)
{
	return mscg_error_set(error, -E2BIG, "%" PRIu64 " jobs in one request: expected at most %d", n, IDS_MAX);
}

static char *why_none(const struct request *r, const char *text, struct mscg_id id, uint32_t states)
{
	const struct mscg_job *job = core_find(r->d->core, id);
	_cleanup_buf_ struct buf names = { 0 };

	if (!job)
		return xasprintf("no job %u that is pending or running", id.job);
	if (!(job->flags & MSCG_JOB_ARRAY))
		return xasprintf("job %u is no array: expected it without %s", id.job, strchr(text, '_'));
	for (int s = 0; s < MSCG_STATE_COUNT; s++)
		if (states & 1u << s)
			buf_addf(&names, "%s%s", names.size ? states >> s == 1 ? " or " : ", " : "", mscg_state_name((enum mscg_state)s));
	if (states & CORE_STATE_HELD && job->flags & MSCG_JOB_HELD)
		return xasprintf("the tasks of %s are held with their array: `mscg release %u` releases the whole of it", text, id.job);
	if (states & CORE_STATE_HELD)
		return xasprintf("no task of %s is held", text);
	return xasprintf("no task of %s is %s", text, names.data);
}

/* One of `ids`, which may be a range of tasks. */
static int add_ids(struct request *r, const char *text, uint32_t states, struct id_list *list, struct mscg_error *error)
{
	_cleanup_free_ struct mscg_range *range = NULL;
	struct mscg_id id;
	uint32_t n, found;
	int code = mscg_tasks_parse(text, &id, &range, &n, error);

	if (code < 0)
		return code;
	if (n && !states)
		return mscg_error_set(error, -EINVAL, "'%.60s': expected whole arrays or single jobs here, no tasks of an array", text);
	if (!n && list->n == IDS_MAX)
		return too_many((uint64_t)list->n + 1, error);
	if (!n) {
		list->ids[list->n++] = id;
		return 0;
	}
	found = core_tasks(r->d->core, id.job, range, n, states, list->ids + list->n, IDS_MAX - list->n);
	if (found > IDS_MAX - list->n)
		return mscg_error_set(error, -E2BIG, "'%.60s' is too many tasks: expected at most %d jobs in one request, or the whole array, %u",
		                      text, IDS_MAX, id.job);
	list->n += found;
	if (!found) {
		size_t length = strv_length(r->vain);

		r->vain             = xreallocarray(r->vain, length + 3, sizeof *r->vain);
		r->vain[length]     = xstrdup(text);
		r->vain[length + 1] = why_none(r, text, id, states);
		r->vain[length + 2] = NULL;
	}
	return 0;
}

static bool any_range(char *const *texts)
{
	for (; texts && *texts; texts++)
		if (strchr(*texts, '['))
			return true;
	return false;
}

int many_ids(struct request *r, uint32_t states, struct mscg_id **ret, uint32_t *ret_n, struct mscg_error *error)
{
	_cleanup_strv_ char **texts = NULL;
	_cleanup_free_ struct mscg_id *ids = NULL;
	struct id_list list = { 0 };
	int code = wire_need(wire_get_strv(r->parameters, "ids", &texts, error), "ids", error);

	if (code >= 0 && strv_length(texts) > IDS_MAX)
		return too_many(strv_length(texts), error);
	list.ids = ids = xcalloc(any_range(texts) ? IDS_MAX : strv_length(texts), sizeof *ids);
	for (char **p = texts; code >= 0 && p && *p; p++)
		code = add_ids(r, *p, states, &list, error);
	if (code < 0)
		return code;
	*ret   = steal(&ids);
	*ret_n = list.n;
	return 0;
}
