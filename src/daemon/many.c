/* Requests about several jobs, each of which may be refused by itself. */
#include "daemon.h"

/* Of the jobs that one request names: what is read for them all is in memory at the same time. */
enum { IDS_MAX = 16384 };
/* Of the lists in a reply; a filter may find more jobs than a message has room for. */
enum { LISTS_MAX = WIRE_MESSAGE_MAX / 2 };

static void add(struct request *r, struct mscg_id id, int code, const char *text)
{
	char name[MSCG_ID_TEXT];
	json_t *item;

	mscg_id_format(id, name);
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
	add(r, a->id, a->code, a->text);
	if (!r->awaiting)
		request_reply(r, json_incref(r->result));
}

void many_begin(struct request *r, const char *done)
{
	r->answer = answer;
	r->done   = done;
	r->result = json_pack("{s:[], s:[]}", done, "errors");
	r->awaiting++; /* no answer is the last before many_end() */
}

void many_end(struct request *r)
{
	if (--r->awaiting == 0)
		request_reply(r, json_incref(r->result));
}

void many_refuse(struct request *r, struct mscg_id id, int code, const char *format, ...)
{
	char text[sizeof ((struct mscg_error *)0)->text];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	add(r, id, code, text);
}

int many_ids(const struct request *r, struct mscg_id **ret, uint32_t *ret_n, struct mscg_error *error)
{
	_cleanup_strv_ char **texts = NULL;
	_cleanup_free_ struct mscg_id *ids = NULL;
	int code = wire_need(wire_get_strv(r->parameters, "ids", &texts, error), "ids", error);
	uint32_t n = (uint32_t)strv_length(texts);

	if (code >= 0 && n > IDS_MAX)
		return mscg_error_set(error, -E2BIG, "%u jobs in one request: expected at most %d", n, IDS_MAX);
	ids = xcalloc(n, sizeof *ids);
	for (uint32_t i = 0; code >= 0 && i < n; i++)
		code = mscg_id_parse(texts[i], &ids[i], error);
	if (code < 0)
		return code;
	*ret   = steal(&ids);
	*ret_n = n;
	return 0;
}
